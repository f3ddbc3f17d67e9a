//! What the record holds of the originals that were accepted, for whoever reads them again and compares.

use devicedrop_core::device::{Format, Sha256};
use devicedrop_core::ids::{SubmissionEntry, SubmissionId};
use devicedrop_core::state::ErrorCode;
use rusqlite::params;

use super::super::command::NewRegistration;
use super::super::error::ReadError;
use super::super::reader::{all, count};
use super::Verifier;

/// Accepted submissions, and the mapping of headings that was on record for their customer then. An action is on
/// record each time that it changes.
const ACCEPTED: &str = "
  SELECT s.id, s.uuid, s.file, s.sha256, s.format, s.encoding, s.rows,
    (SELECT a.reason FROM action a
      WHERE a.id < s.id AND a.action = 'use_columns' AND a.subject = 'customer ' || c.text ORDER BY a.id DESC LIMIT 1)
  FROM submission s JOIN tally y ON y.submission = s.id LEFT JOIN customer c ON c.number = s.customer
  WHERE s.id > ? AND s.outcome = 1 AND s.sha256 IS NOT NULL ORDER BY s.id LIMIT 1000";

/// The rows of a submission, in their order.
const ROWS: &str = "
  SELECT r.id, r.line, m.text, n.text, r.serial_number, r.hardware_hash, r.order_id, r.purchase_id,
    EXISTS (SELECT 1 FROM transition t WHERE t.registration = r.id AND t.cause = 2)
  FROM range x CROSS JOIN registration r ON r.id BETWEEN max(x.first, ?2 + 1) AND x.last
  LEFT JOIN manufacturer m ON m.number = r.manufacturer LEFT JOIN model n ON n.number = r.model
  WHERE x.submission = ?1 AND x.last > ?2 ORDER BY x.first, r.id LIMIT 5000";

/// A submission that was accepted, as its original was read then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its entry.
    pub entry: SubmissionEntry,
    /// Its ID.
    pub id: SubmissionId,
    /// Its file's path in the drop folder.
    pub file: String,
    /// Its bytes' hash.
    pub sha256: Sha256,
    /// Its format.
    pub format: Option<Format>,
    /// Its encoding.
    pub encoding: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// The customer's own headings, as they are on record; none for ours.
    pub columns: Option<String>,
}

/// A row as it is on record. Of a refused one it isn't told why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The registration's number.
    pub registration: i64,
    /// What it holds.
    pub row: NewRegistration,
}

impl Verifier {
    /// The accepted submissions, in the record's order, from behind `after` on; at most a thousand.
    pub fn accepted(&self, after: Option<SubmissionEntry>) -> Result<Vec<Accepted>, ReadError> {
        all(&self.db, ACCEPTED, [after.map_or(0, SubmissionEntry::get)], |row| {
            let number = row.get(0)?;
            let format: Option<String> = row.get(4)?;
            Ok(Accepted {
                entry: SubmissionEntry::new(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, number))?,
                id: SubmissionId::from_bytes(row.get(1)?),
                file: row.get(2)?,
                sha256: Sha256::from_bytes(row.get(3)?),
                format: format.as_deref().and_then(Format::from_code),
                encoding: row.get(5)?,
                rows: count(row, 6)?,
                columns: row.get(7)?,
            })
        })
    }

    /// The rows of a submission, in their order, from behind the registration `after` on; some thousands at most.
    pub fn rows_of(&self, submission: SubmissionEntry, after: i64) -> Result<Vec<Recorded>, ReadError> {
        all(&self.db, ROWS, params![submission.get(), after], |row| {
            let refused: bool = row.get(8)?;
            Ok(Recorded {
                registration: row.get(0)?,
                row: NewRegistration {
                    line: count(row, 1)?,
                    manufacturer: row.get(2)?,
                    model: row.get(3)?,
                    serial_number: row.get(4)?,
                    hardware_hash: row.get(5)?,
                    order_id: row.get(6)?,
                    purchase_id: row.get(7)?,
                    refused: refused.then(|| (ErrorCode::RowNotValid, String::new())),
                },
            })
        })
    }
}
