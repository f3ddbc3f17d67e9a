//! Where things stand: rows of a submission, devices, counts, the end of the record.

use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::ids::{CustomerKey, RegistrationId, SubmissionEntry};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;
use rusqlite::params;

use super::{Reader, all, count, customer, device, entry, limited, one, time, time_or_none};
use crate::ledger::error::ReadError;
use crate::ledger::holder;
use crate::ledger::rows::{Counts, Head, Holder, InUse, Row};

impl Reader {
    /// Rows of a submission in the order of their lines, at most `limit`, behind `after`.
    pub fn rows(
        &self,
        submission: SubmissionEntry,
        after: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<Row>, ReadError> {
        all(
            &self.db,
            "SELECT r.id, r.line, coalesce(p.state, 1), p.error, coalesce(o.detail, t.detail),
               coalesce(o.request_id, l.request_id, k.request_id, CASE WHEN p.state = 2 THEN 'dd-' || a.id END),
               h.id, hs.file, h.line, hp.state,
               coalesce(
                 (SELECT y.at FROM attempt b JOIN outcome y ON y.attempt = b.id
                  WHERE b.registration = h.id AND y.outcome IN (1, 2) ORDER BY y.id DESC LIMIT 1),
                 (SELECT u.at FROM transition u WHERE u.registration = h.id AND u.to_state = 3
                  ORDER BY u.id DESC LIMIT 1),
                 hs.at)
             FROM range x CROSS JOIN registration r ON r.id BETWEEN max(x.first, ?2) AND x.last
             LEFT JOIN present p ON p.registration = r.id
             LEFT JOIN outcome o ON o.id = p.entry
             LEFT JOIN transition t ON t.id = p.entry
             LEFT JOIN attempt a ON a.id = coalesce(o.attempt, t.attempt)
             LEFT JOIN outcome l ON l.attempt = t.attempt
             LEFT JOIN call k ON k.id = a.call
             LEFT JOIN registration h ON h.id = o.holder
             LEFT JOIN submission hs ON hs.id = h.submission
             LEFT JOIN present hp ON hp.registration = h.id
             WHERE x.submission = ?1 AND x.last >= ?2 ORDER BY x.first, r.id LIMIT ?3",
            params![submission.get(), after.map_or(0, |after| after.get() + 1), limited(limit)],
            |row| {
                let error: Option<i64> = row.get(3)?;
                Ok(Row {
                    registration: entry(row, 0, RegistrationId)?,
                    line: count(row, 1)?,
                    state: State::from_number(row.get(2)?).unwrap_or(State::Pending),
                    error: error.and_then(ErrorCode::from_number),
                    detail: row.get(4)?,
                    request_id: row.get(5)?,
                    holder: holder::read(row, 6)?,
                })
            },
        )
    }

    /// The registration that holds a device for a customer.
    pub fn holder_of(&self, customer: &CustomerKey, device: &Device) -> Result<Option<Holder>, ReadError> {
        Ok(holder::of(&self.db, customer, device)?)
    }

    /// Registrations of a device at a customer, the oldest first; those whose file isn't wholly accepted yet too.
    pub fn registrations_of(
        &self,
        customer: &CustomerKey,
        device: &Device,
    ) -> Result<Vec<RegistrationId>, ReadError> {
        self.of_device(customer, device, false)
    }

    /// Those of them that are pending.
    pub fn pending_of_device(
        &self,
        customer: &CustomerKey,
        device: &Device,
    ) -> Result<Vec<RegistrationId>, ReadError> {
        self.of_device(customer, device, true)
    }

    fn of_device(
        &self,
        customer: &CustomerKey,
        device: &Device,
        pending: bool,
    ) -> Result<Vec<RegistrationId>, ReadError> {
        all(
            &self.db,
            "SELECT r.id FROM registration r
             JOIN submission s ON s.id = r.submission
             LEFT JOIN customer c ON c.number = s.customer
             LEFT JOIN manufacturer m ON m.number = r.manufacturer
             LEFT JOIN model n ON n.number = r.model
             LEFT JOIN present p ON p.registration = r.id
             WHERE r.serial_number = ? AND m.text = ? AND n.text = ? AND c.text = ?
               AND (NOT ? OR coalesce(p.state, 1) = 1)
             ORDER BY r.id",
            params![device.serial_number, device.manufacturer, device.model, customer.as_str(), pending],
            |row| entry(row, 0, RegistrationId),
        )
    }

    /// Active devices that were last seen before `before`, the longest unseen first, without those of `except`.
    pub fn unseen_since(
        &self,
        before: Timestamp,
        limit: usize,
        except: &[CustomerKey],
    ) -> Result<Vec<InUse>, ReadError> {
        let except: Vec<&str> = except.iter().map(CustomerKey::as_str).collect();
        all(
            &self.db,
            "SELECT r.id, c.text, m.text, n.text, r.serial_number, p.state, p.last_seen
             FROM present p JOIN registration r ON r.id = p.registration
             LEFT JOIN customer c ON c.number = p.customer
             LEFT JOIN manufacturer m ON m.number = r.manufacturer
             LEFT JOIN model n ON n.number = r.model
             WHERE p.state = 4 AND p.last_seen < ? AND p.released IS NULL
               AND c.text NOT IN (SELECT value FROM json_each(?)) ORDER BY p.last_seen LIMIT ?",
            params![before.unix_ms(), serde_json::json!(except).to_string(), limited(limit)],
            |row| {
                Ok(InUse {
                    registration: entry(row, 0, RegistrationId)?,
                    customer: customer(row, 1)?,
                    device: device(row, 2)?,
                    state: State::from_number(row.get(5)?).unwrap_or(State::Active),
                    last_seen: time_or_none(row, 6)?,
                })
            },
        )
    }

    /// How much there is of what, of one customer or of all.
    pub fn counts(&self, customer: Option<&CustomerKey>) -> Result<Counts, ReadError> {
        let counts = one(
            &self.db,
            "SELECT count(*) FILTER (WHERE s.outcome = 1), count(*) FILTER (WHERE s.outcome = 2),
               coalesce(sum(y.rows), 0), coalesce(sum(y.pending), 0), coalesce(sum(y.ready), 0),
               coalesce(sum(y.failed) FILTER (WHERE y.superseded_by IS NULL), 0),
               coalesce(sum(y.failed) FILTER (WHERE y.superseded_by IS NOT NULL), 0),
               coalesce(sum(y.already), 0), count(w.submission),
               (SELECT coalesce(sum(open), 0) FROM open_call)
             FROM tally y JOIN submission s ON s.id = y.submission
             LEFT JOIN customer c ON c.number = y.customer LEFT JOIN owed w ON w.submission = y.submission
             WHERE ?1 IS NULL OR c.text = ?1",
            [customer.map(CustomerKey::as_str)],
            |row| {
                Ok(Counts {
                    accepted: count(row, 0)?,
                    rejected: count(row, 1)?,
                    rows: count(row, 2)?,
                    pending: count(row, 3)?,
                    ready: count(row, 4)?,
                    failed: count(row, 5)?,
                    superseded: count(row, 6)?,
                    already: count(row, 7)?,
                    owed: count(row, 8)?,
                    under_way: count(row, 9)?,
                })
            },
        )?;
        Ok(counts.unwrap_or_default())
    }

    /// Passes the hashes of all blocks, from the first to the returned head's; none before the first block.
    pub fn block_hashes(&self, each: &mut dyn FnMut([u8; 32])) -> Result<Option<Head>, ReadError> {
        let Some(head) = self.head()? else { return Ok(None) };
        self.block_hashes_to(head.blocks, each)?;
        Ok(Some(head))
    }

    /// Passes the hashes of the first `blocks` blocks, in their order.
    pub fn block_hashes_to(&self, blocks: u64, each: &mut dyn FnMut([u8; 32])) -> Result<(), ReadError> {
        self.block_hashes_between(0, blocks, each)
    }

    /// Passes the hashes of the blocks behind the first `after`, up to block `to`, in their order.
    pub fn block_hashes_between(&self, after: u64, to: u64, each: &mut dyn FnMut([u8; 32])) -> Result<(), ReadError> {
        let mut hashes =
            self.db.prepare_cached("SELECT hash FROM block WHERE number > ? AND number <= ? ORDER BY number")?;
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut rows = hashes.query([number(after), number(to)])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?);
        }
        Ok(())
    }

    /// The end of the record; none before the first block.
    pub fn head(&self) -> Result<Option<Head>, ReadError> {
        one(
            &self.db,
            "SELECT e.ledger_uuid, e.number, b.first_entry + b.entries - 1, b.number, b.at, b.hash
             FROM block b JOIN epoch e ON e.number = (SELECT max(number) FROM epoch)
             WHERE b.number = (SELECT max(number) FROM block)",
            [],
            |row| {
                Ok(Head {
                    ledger: row.get(0)?,
                    epoch: count(row, 1)?,
                    entries: count(row, 2)?,
                    blocks: count(row, 3)?,
                    at: time(row, 4)?,
                    hash: Sha256::from_bytes(row.get(5)?),
                })
            },
        )
    }
}
