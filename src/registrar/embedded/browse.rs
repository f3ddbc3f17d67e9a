//! Lists of devices and claims for who only reads the file: while nobody has the registry open, and while a daemon has.
//!
//! What the registry's owner keeps in memory is read from the file here, as far as a list needs it.

use std::path::{Path, PathBuf};

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, Row, TransactionBehavior};

use super::{Filter, Listed, PAGE, RegistryError, file};

/// A registry that is open for lists alone. It makes and changes nothing, and holds no lock between two of them.
#[derive(Debug)]
pub struct Browser {
    path: PathBuf,
    connection: Connection,
    /// The last claim of each device, by the device's number less 1; 0 for none. There is no index on disk for this.
    /// A device is claimed anew only once its last claim was released, so that the last one is all that can hold.
    last_claims: Vec<u32>,
    /// The claims read so far.
    claims: u32,
}

impl Browser {
    /// Opens the registry that is there.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let connection = file::open_browser(path)?;
        Ok(Self { path: path.to_owned(), connection, last_claims: Vec::new(), claims: 0 })
    }

    /// How many devices the inventory has.
    pub fn count(&mut self) -> Result<u64, RegistryError> {
        let statement = "SELECT count(*) FROM device WHERE source IS NOT NULL";
        let counted = self.connection.query_row(statement, [], |row| row.get::<_, i64>(0));
        counted
            .map(|count| u64::try_from(count).unwrap_or_default())
            .map_err(|source| file::classify(&self.path, "count devices", source))
    }

    /// Lists at most `limit` devices with numbers above `after` (0 at first), in the order in which they became
    /// known.
    ///
    /// The first list reads all claims, about a third of a second for each million; the others only newer ones.
    pub fn list(&mut self, filter: &Filter, limit: usize, after: u32) -> Result<Vec<Listed>, RegistryError> {
        let mut listed = Vec::new();
        let mut after = after;
        let page = u32::try_from(PAGE).unwrap_or(u32::MAX);
        loop {
            let until = after.saturating_add(page);
            let (rows, last) = self
                .stretch(filter, after, until)
                .map_err(|source| file::classify(&self.path, "list devices", source))?;
            listed.extend(rows);
            if listed.len() >= limit || last <= until {
                listed.truncate(limit);
                return Ok(listed);
            }
            after = until;
        }
    }

    /// The devices with numbers above `after`, up to `until`, that meet the filter; and the last device's number.
    fn stretch(&mut self, filter: &Filter, after: u32, until: u32) -> rusqlite::Result<(Vec<Listed>, u32)> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        read_claims(&transaction, &mut self.last_claims, &mut self.claims)?;
        let last = transaction.query_row("SELECT coalesce(max(id), 0) FROM device", [], |row| row.get(0))?;
        let mut holds = transaction.prepare_cached(
            "SELECT k.key, c.at FROM claim c JOIN customer k ON k.id = c.customer
             WHERE c.id = ?1 AND NOT EXISTS (SELECT 1 FROM release r WHERE r.claim = c.id)",
        )?;
        let mut devices = transaction.prepare_cached(
            "SELECT d.id, m.text, o.text, d.serial_number, d.source IS NOT NULL, u.at
             FROM device d JOIN name m ON m.id = d.manufacturer JOIN name o ON o.id = d.model
             LEFT JOIN check_in u ON u.device = d.id
             WHERE d.id > ?1 AND d.id <= ?2 AND (?3 IS NULL OR m.text = ?3) AND (?4 IS NULL OR o.text = ?4)
               AND (?5 IS NULL OR d.serial_number = ?5) AND (?6 IS NULL OR (d.source IS NOT NULL) = ?6)
             ORDER BY d.id",
        )?;
        let bound = (after, until, &filter.manufacturer, &filter.model, &filter.serial_number, filter.inventory);
        let mut rows = devices.query(bound)?;
        let mut listed = Vec::new();
        while let Some(row) = rows.next()? {
            let number: u32 = row.get(0)?;
            let claim = self.last_claims.get(place(number)).copied().filter(|claim| *claim != 0);
            let held = match claim {
                Some(claim) => holds.query_map([claim], claimed)?.next().transpose()?,
                None => None,
            };
            let device = Device { manufacturer: row.get(1)?, model: row.get(2)?, serial_number: row.get(3)? };
            let (customer, claimed_at) = held.unzip();
            let wanted = filter.takes_claim(claimed_at)
                && filter.customer.as_ref().is_none_or(|key| customer.as_ref() == Some(key));
            if wanted {
                let inventory = row.get(4)?;
                let last_seen = row.get::<_, Option<i64>>(5)?.map(Timestamp::from_unix_ms);
                listed.push(Listed { number, device, inventory, customer, claimed_at, last_seen });
            }
        }
        Ok((listed, last))
    }
}

/// A device's place in a table that begins with the first one.
fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)
}

/// Reads the claims made since the last time.
fn read_claims(connection: &Connection, last_claims: &mut Vec<u32>, claims: &mut u32) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT id, device FROM claim WHERE id > ?1 ORDER BY id")?;
    let mut rows = statement.query([*claims])?;
    while let Some(row) = rows.next()? {
        let (claim, place) = (row.get(0)?, place(row.get(1)?));
        if place >= last_claims.len() {
            last_claims.resize(place.saturating_add(1), 0);
        }
        if let Some(last) = last_claims.get_mut(place) {
            *last = claim;
        }
        *claims = claim;
    }
    Ok(())
}

fn claimed(row: &Row<'_>) -> rusqlite::Result<(CustomerKey, Timestamp)> {
    let key: String = row.get(0)?;
    let key = CustomerKey::parse(&key).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok((key, Timestamp::from_unix_ms(row.get(1)?)))
}
