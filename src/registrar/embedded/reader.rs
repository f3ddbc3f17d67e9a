//! Reading beside the thread that writes: uses of devices, the rows of lists, copies of the whole file.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::Activity;
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use super::resident::Known;
use super::store::Store;
use super::{Filter, Listed, RegistryError, file};

/// A device that a list may show, as memory knows it.
pub(super) struct Candidate {
    number: u32,
    known: Known,
    customer: Option<CustomerKey>,
}

impl Candidate {
    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

impl Store {
    /// The first `limit` devices above `after` that meet what memory knows of the filter.
    pub(super) fn candidates(
        &mut self,
        filter: &Filter,
        after: u32,
        limit: usize,
    ) -> Result<Vec<Candidate>, RegistryError> {
        self.read(|_, memory, _| {
            let customer = filter.customer.as_ref().map(|key| memory.customers.number(key.as_str()));
            let meets = |known: &Known| {
                customer.is_none_or(|number| number == Some(known.customer))
                    && filter.claimed.is_none_or(|claimed| claimed == (known.claim != 0))
                    && filter.inventory.is_none_or(|inventory| inventory == known.inventory)
            };
            let shown = memory.devices.after_number(after).filter(|(_, known)| meets(known)).take(limit);
            Ok(shown
                .map(|(number, known)| Candidate { number, known, customer: memory.customer(known.customer) })
                .collect())
        })
    }
}

/// The connection that reads.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, RegistryError> {
        Ok(Self { path: path.to_owned(), connection: Mutex::new(file::open_reader(path)?) })
    }

    fn with<T>(
        &self,
        doing: &'static str,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RegistryError> {
        // Whoever panicked with the connection in hand only read: it is as good as before.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        look(&connection).map_err(|source| file::classify(&self.path, doing, source))
    }

    /// Uses of claimed devices behind the cursor `after`, and the next cursor.
    pub(super) fn activity(&self, after: u64, limit: usize) -> Result<(Vec<Activity>, u64), RegistryError> {
        self.with("read uses", |connection| {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
            let head: i64 =
                transaction.query_row("SELECT coalesce(max(seq), 0) FROM check_in", [], |row| row.get(0))?;
            // A cursor that we can't have given is that of a registry that was restored from a backup since.
            let after = i64::try_from(after).ok().filter(|after| *after <= head).unwrap_or(0);
            let mut statement = transaction.prepare_cached(
                "SELECT u.seq, u.at, k.key, m.text, o.text, d.serial_number
                 FROM check_in u
                 JOIN claim c ON c.id = u.claim JOIN customer k ON k.id = c.customer
                 JOIN device d ON d.id = u.device
                 JOIN name m ON m.id = d.manufacturer JOIN name o ON o.id = d.model
                 WHERE u.seq > ?1 AND u.claim IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM release r WHERE r.claim = u.claim)
                 ORDER BY u.seq LIMIT ?2",
            )?;
            let bound = i64::try_from(limit).unwrap_or(i64::MAX);
            let uses: Vec<(i64, Activity)> =
                statement.query_map((after, bound), one_use)?.collect::<rusqlite::Result<_>>()?;
            let last = uses.last().map(|(seq, _)| *seq);
            let next = if uses.len() < limit { head } else { last.unwrap_or(after) };
            let uses = uses.into_iter().map(|(_, activity)| activity).collect();
            Ok((uses, u64::try_from(next).unwrap_or(0)))
        })
    }

    /// The rows of those candidates that meet what only the file knows of the filter.
    pub(super) fn rows(&self, filter: &Filter, candidates: &[Candidate]) -> Result<Vec<Listed>, RegistryError> {
        let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else { return Ok(Vec::new()) };
        self.with("list devices", |connection| {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
            let mut claimed_at = transaction.prepare_cached("SELECT at FROM claim WHERE id = ?1")?;
            let mut statement = transaction.prepare_cached(
                "SELECT d.id, m.text, o.text, d.serial_number, u.at
                 FROM device d
                 JOIN name m ON m.id = d.manufacturer JOIN name o ON o.id = d.model
                 LEFT JOIN check_in u ON u.device = d.id
                 WHERE d.id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR m.text = ?3) AND (?4 IS NULL OR o.text = ?4)
                   AND (?5 IS NULL OR d.serial_number = ?5)
                 ORDER BY d.id",
            )?;
            let mut rows = statement.query((
                first.number,
                last.number,
                &filter.manufacturer,
                &filter.model,
                &filter.serial_number,
            ))?;
            let mut candidates = candidates.iter().peekable();
            let mut listed = Vec::new();
            while let Some(row) = rows.next()? {
                let number: u32 = row.get(0)?;
                while candidates.next_if(|candidate| candidate.number < number).is_some() {}
                let Some(candidate) = candidates.next_if(|candidate| candidate.number == number) else { continue };
                let claim = Some(candidate.known.claim).filter(|claim| *claim != 0);
                let claimed_at: Option<i64> =
                    claim.map(|claim| claimed_at.query_row([claim], |row| row.get(0))).transpose()?;
                let claimed_at = claimed_at.map(Timestamp::from_unix_ms);
                if !filter.takes_claim(claimed_at) {
                    continue;
                }
                listed.push(Listed {
                    number,
                    device: device(row, 1)?,
                    inventory: candidate.known.inventory,
                    customer: candidate.customer.clone(),
                    claimed_at,
                    last_seen: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_unix_ms),
                });
            }
            Ok(listed)
        })
    }

    /// Writes a whole copy of the registry, as it is now, into a new file.
    pub(super) fn copy_to(&self, path: &Path) -> Result<(), RegistryError> {
        file::make_copy(path, || {
            let name = path.to_str().ok_or_else(|| RegistryError::File {
                doing: "name to SQLite",
                path: path.to_owned(),
                source: std::io::Error::other("the name isn't UTF-8: choose another folder"),
            })?;
            self.with("copy", |connection| connection.execute("VACUUM INTO ?1", [name]).map(|_| ()))
        })
    }
}

fn device(row: &Row<'_>, first: usize) -> rusqlite::Result<Device> {
    Ok(Device { manufacturer: row.get(first)?, model: row.get(first + 1)?, serial_number: row.get(first + 2)? })
}

fn one_use(row: &Row<'_>) -> rusqlite::Result<(i64, Activity)> {
    let key: String = row.get(2)?;
    let customer = CustomerKey::parse(&key).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let last_seen = Timestamp::from_unix_ms(row.get(1)?);
    Ok((row.get(0)?, Activity { customer, device: device(row, 3)?, last_seen }))
}
