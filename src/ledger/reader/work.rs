//! What there is to do: rows that are due, and attempts without an outcome.

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::{AttemptId, CallId, CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::record::{self, idempotency_key};
use devicedrop_core::registrar::{CallIds, IdempotencyKey, Request};
use devicedrop_core::time::Timestamp;
use rusqlite::{Row, params};

use super::{Reader, all, count, customer, device, entry, one, time};
use crate::ledger::error::ReadError;
use crate::ledger::rows::{Due, InDoubt, Later, Pause};

/// The columns of a row to be registered, as [`due`] reads them.
const DUE: &str = "r.id, s.uuid, c.text, m.text, n.text, r.serial_number, r.hardware_hash,
   coalesce(r.order_id, s.order_id), coalesce(r.purchase_id, s.purchase_id), s.file, s.sha256, s.judging, r.line";

/// The tables behind them, given `registration r`.
const TABLES: &str = "JOIN submission s ON s.id = r.submission LEFT JOIN customer c ON c.number = s.customer
   LEFT JOIN manufacturer m ON m.number = r.manufacturer LEFT JOIN model n ON n.number = r.model";

/// Since when a registration is pending, and its attempts since then; given `present p`, which may be missing.
const SINCE: &str = "coalesce((SELECT t.at FROM transition t WHERE t.id = p.entry), s.at),
   (SELECT count(*) FROM attempt x WHERE x.registration = r.id AND x.id > coalesce(p.entry, r.id))";

fn key(row: &Row<'_>, generation: u64) -> rusqlite::Result<IdempotencyKey> {
    let path: String = row.get(9)?;
    Ok(idempotency_key(record::Row {
        customer: &customer(row, 2)?,
        path: &path,
        sha256: &Sha256::from_bytes(row.get(10)?),
        judging: count(row, 11)?,
        line: count(row, 12)?,
        generation,
    }))
}

/// A due row; behind the columns of [`DUE`] its attempts, its generation, and those of [`SINCE`].
fn due(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due {
        registration: entry(row, 0, RegistrationId)?,
        submission: SubmissionId::from_bytes(row.get(1)?),
        customer: customer(row, 2)?,
        device: device(row, 3)?,
        hardware_hash: row.get(6)?,
        order_id: row.get(7)?,
        purchase_id: row.get(8)?,
        key: key(row, count(row, 14)?)?,
        attempts: count(row, 13)?,
        since: time(row, 15)?,
        tries: count(row, 16)?,
    })
}

impl Reader {
    /// Customers that have rows which may be attempted at `now`.
    pub fn customers_due(&self, now: Timestamp) -> Result<Vec<CustomerKey>, ReadError> {
        all(
            &self.db,
            "SELECT c.text FROM customer c
             WHERE EXISTS (SELECT 1 FROM cursor q WHERE q.customer = c.number)
                OR EXISTS (SELECT 1 FROM present p WHERE p.customer = c.number AND p.due <= ?)
             ORDER BY c.number",
            [now.unix_ms()],
            |row| customer(row, 0),
        )
    }

    /// Rows of a customer that may be attempted at `now`, at most `limit`: those never attempted first, in their
    /// order, then those to be tried again, the longest due first. `skip` are left out: the ones that the asker
    /// already has in hand.
    pub fn next_due(
        &self,
        customer: &CustomerKey,
        now: Timestamp,
        limit: usize,
        skip: &[RegistrationId],
    ) -> Result<Vec<Due>, ReadError> {
        let skip: std::collections::HashSet<RegistrationId> = skip.iter().copied().collect();
        let mut found = Vec::with_capacity(limit.min(4_096));
        let fresh = format!(
            "SELECT {DUE}, 0, 1, s.at, 0 FROM customer k
             CROSS JOIN cursor q ON q.customer = k.number
             CROSS JOIN range x ON x.submission = q.submission AND x.last >= q.next
             CROSS JOIN registration r ON r.id BETWEEN max(x.first, q.next) AND x.last
             {TABLES} LEFT JOIN present p ON p.registration = r.id
             WHERE k.text = ?1 AND p.registration IS NULL ORDER BY q.submission, x.first, r.id"
        );
        let again = format!(
            "SELECT {DUE}, p.attempts, p.generation, {SINCE} FROM customer k
             CROSS JOIN present p ON p.customer = k.number AND p.due <= ?2
             CROSS JOIN registration r ON r.id = p.registration {TABLES}
             WHERE k.text = ?1 ORDER BY p.due, p.registration"
        );
        for (sql, timed) in [(fresh, false), (again, true)] {
            let mut statement = self.db.prepare_cached(&sql)?;
            let mut rows = if timed {
                statement.query(params![customer.as_str(), now.unix_ms()])?
            } else {
                statement.query([customer.as_str()])?
            };
            while found.len() < limit {
                let Some(row) = rows.next()? else { break };
                if !skip.contains(&entry(row, 0, RegistrationId)?) {
                    found.push(due(row)?);
                }
            }
        }
        Ok(found)
    }

    /// Rows that wait for their time, because they were tried before or wait for another of their device.
    pub fn waiting(&self) -> Result<Vec<Later>, ReadError> {
        all(
            &self.db,
            "SELECT r.id, c.text, m.text, n.text, r.serial_number, p.due,
               p.attempts > 0 AND (p.entry IS NULL
                 OR EXISTS (SELECT 1 FROM attempt x WHERE x.registration = r.id AND x.id > p.entry))
             FROM customer c CROSS JOIN present p ON p.customer = c.number AND p.due IS NOT NULL
             CROSS JOIN registration r ON r.id = p.registration
             LEFT JOIN manufacturer m ON m.number = r.manufacturer LEFT JOIN model n ON n.number = r.model
             ORDER BY r.id",
            [],
            |row| {
                let (registration, customer) = (entry(row, 0, RegistrationId)?, customer(row, 1)?);
                Ok(Later { registration, customer, device: device(row, 2)?, due: time(row, 5)?, tried: row.get(6)? })
            },
        )
    }

    /// When no daemon ran, by the entries before each start: the latest pauses first, and at most a thousand of them.
    pub fn pauses(&self) -> Result<Vec<Pause>, ReadError> {
        all(
            &self.db,
            "SELECT a.at, max(
               coalesce((SELECT x.at FROM action x WHERE x.id < a.id ORDER BY x.id DESC LIMIT 1), 0),
               coalesce((SELECT x.at FROM call x WHERE x.id < a.id ORDER BY x.id DESC LIMIT 1), 0),
               coalesce((SELECT x.at FROM outcome x WHERE x.id < a.id ORDER BY x.id DESC LIMIT 1), 0),
               coalesce((SELECT x.at FROM result x WHERE x.id < a.id ORDER BY x.id DESC LIMIT 1), 0))
             FROM action a WHERE a.action = 'start' ORDER BY a.id DESC LIMIT 1000",
            [],
            |row| Ok(Pause { from: time(row, 1)?, to: time(row, 0)? }),
        )
    }

    /// How many customers anything is on record of.
    pub fn customers_on_record(&self) -> Result<u64, ReadError> {
        Ok(one(&self.db, "SELECT count(*) FROM customer", [], |row| count(row, 0))?.unwrap_or(0))
    }

    /// How many rows were tried and are to be tried again.
    pub fn deferred_count(&self) -> Result<u64, ReadError> {
        let rows = one(
            &self.db,
            "SELECT count(*) FROM customer c CROSS JOIN present p ON p.customer = c.number AND p.due IS NOT NULL
             WHERE p.attempts > 0",
            [],
            |row| count(row, 0),
        )?;
        Ok(rows.unwrap_or(0))
    }

    /// When the next row that is to be tried again is due, of rows that aren't under way and, if a time is given, that
    /// are due after it. Rows never attempted are due at once and aren't told here; see [`Reader::customers_due`].
    pub fn earliest_due(&self, after: Option<Timestamp>) -> Result<Option<Timestamp>, ReadError> {
        let due: Option<Option<i64>> = one(
            &self.db,
            "SELECT min((SELECT p.due FROM present p WHERE p.customer = c.number AND p.due > ?
                         ORDER BY p.due LIMIT 1)) FROM customer c",
            [after.map_or(i64::MIN, Timestamp::unix_ms)],
            |row| row.get(0),
        )?;
        Ok(due.flatten().map(Timestamp::from_unix_ms))
    }

    /// Attempts without an outcome: under way, or in doubt after a start.
    pub fn in_doubt(&self) -> Result<Vec<InDoubt>, ReadError> {
        all(
            &self.db,
            &format!(
                "SELECT {DUE}, a.id, a.generation, {SINCE}, a.number, k.id, k.registrar, g.text, k.request_id,
                   k.correlation_id, w.tracking_id, k.at
                 FROM open_call w CROSS JOIN call k ON k.id = w.call
                 CROSS JOIN attempt a ON a.id BETWEEN w.call + 1 AND w.call + w.attempts
                 CROSS JOIN registration r ON r.id = a.registration
                 {TABLES} LEFT JOIN target g ON g.number = k.target LEFT JOIN present p ON p.registration = r.id
                 LEFT JOIN outcome o ON o.attempt = a.id
                 WHERE a.call = k.id AND o.id IS NULL ORDER BY a.id"
            ),
            [],
            |row| {
                Ok(InDoubt {
                    request: Request {
                        attempt: entry(row, 13, AttemptId)?,
                        registration: entry(row, 0, RegistrationId)?,
                        submission: SubmissionId::from_bytes(row.get(1)?),
                        key: key(row, count(row, 14)?)?,
                        customer: customer(row, 2)?,
                        device: device(row, 3)?,
                        hardware_hash: row.get(6)?,
                        order_id: row.get(7)?,
                        purchase_id: row.get(8)?,
                    },
                    since: time(row, 15)?,
                    tries: count(row, 16)?,
                    number: count(row, 17)?,
                    call: entry(row, 18, CallId)?,
                    registrar: row.get(19)?,
                    target: row.get(20)?,
                    ids: CallIds { request_id: row.get(21)?, correlation_id: row.get(22)? },
                    tracking_id: row.get(23)?,
                    started_at: time(row, 24)?,
                })
            },
        )
    }
}
