//! Files and what they were taken as: submissions, known files, acceptances cut off, results owed.

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::{CustomerKey, SubmissionEntry, SubmissionId};
use devicedrop_core::state::Outcome;
use devicedrop_core::time::Timestamp;
use rusqlite::params;

use super::{Reader, SUBMISSION, SUBMISSIONS, all, count, entry, one, submission, time, time_or_none};
use crate::ledger::command::{KnownFile, OwedKind};
use crate::ledger::error::ReadError;
use crate::ledger::rows::{Known, Owed, Submission, Totals, Unfinished};

/// Asked for each file with a result's name that isn't ours, so it must not read the table.
const IS_RESULT: &str = "SELECT 1 FROM result WHERE sha256 = ? LIMIT 1";

impl Reader {
    /// The files of a customer that were taken, as they lay there.
    pub fn known_files(&self, customer: &CustomerKey) -> Result<Vec<Known>, ReadError> {
        all(
            &self.db,
            "SELECT f.path, f.dev, f.ino, f.size, f.mtime_ns, f.ctime_ns, f.submission, s.sha256, s.outcome = 2,
               f.born_ns
             FROM customer c JOIN known_file f ON f.customer = c.number JOIN submission s ON s.id = f.submission
             WHERE c.text = ? ORDER BY f.path",
            [customer.as_str()],
            |row| {
                Ok(Known {
                    file: KnownFile {
                        customer: customer.clone(),
                        path: row.get(0)?,
                        dev: row.get::<_, i64>(1)?.cast_unsigned(),
                        ino: row.get::<_, i64>(2)?.cast_unsigned(),
                        size: count(row, 3)?,
                        mtime_ns: row.get(4)?,
                        ctime_ns: row.get(5)?,
                        born_ns: row.get(9)?,
                    },
                    submission: entry(row, 6, SubmissionEntry)?,
                    sha256: row.get::<_, Option<[u8; 32]>>(7)?.map(Sha256::from_bytes),
                    rejected: row.get(8)?,
                })
            },
        )
    }

    /// The submission with this place in the record.
    pub fn submission(&self, entry: SubmissionEntry) -> Result<Option<Submission>, ReadError> {
        one(&self.db, &format!("SELECT {SUBMISSION} FROM {SUBMISSIONS} WHERE s.id = ?"), [entry.get()], submission)
    }

    /// The submission with this identifier.
    pub fn submission_by_id(&self, id: SubmissionId) -> Result<Option<Submission>, ReadError> {
        one(
            &self.db,
            &format!("SELECT {SUBMISSION} FROM {SUBMISSIONS} WHERE s.shown = ?"),
            [id.to_string()],
            submission,
        )
    }

    /// The submission that answers for a path: the one whose content lies there, or lay there last; else the newest
    /// that was ever dropped there, closed or not.
    pub fn newest_submission(&self, customer: &CustomerKey, file: &str) -> Result<Option<Submission>, ReadError> {
        one(
            &self.db,
            &format!(
                "SELECT {SUBMISSION} FROM {SUBMISSIONS}
                 WHERE s.id IN (
                   SELECT submission FROM tally
                   WHERE customer = (SELECT number FROM customer WHERE text = ?1) AND path = ?2
                   UNION ALL SELECT id FROM submission
                   WHERE customer = (SELECT number FROM customer WHERE text = ?1) AND file = ?2)
                 ORDER BY s.id = (SELECT f.submission FROM known_file f
                   WHERE f.customer = s.customer AND f.path = ?2) DESC, s.id DESC LIMIT 1"
            ),
            [customer.as_str(), file],
            submission,
        )
    }

    /// The newest judging of this content at this path.
    pub fn submission_of(
        &self,
        customer: &CustomerKey,
        file: &str,
        sha256: &Sha256,
    ) -> Result<Option<Submission>, ReadError> {
        one(
            &self.db,
            &format!(
                "SELECT {SUBMISSION} FROM {SUBMISSIONS}
                 WHERE s.customer = (SELECT number FROM customer WHERE text = ?) AND s.file = ? AND s.sha256 = ?
                 ORDER BY s.id DESC LIMIT 1"
            ),
            params![customer.as_str(), file, sha256.as_bytes()],
            submission,
        )
    }

    /// Acceptances that were cut off.
    pub fn unfinished_acceptances(&self) -> Result<Vec<Unfinished>, ReadError> {
        all(
            &self.db,
            &format!(
                "SELECT {SUBMISSION}, a.rows FROM acceptance a JOIN ({SUBMISSIONS}) ON s.id = a.submission ORDER BY s.id"
            ),
            [],
            |row| Ok(Unfinished { submission: submission(row)?, rows_in: count(row, 23)? }),
        )
    }

    /// Result files that are owed, the oldest debt first.
    pub fn owed(&self, customer: Option<&CustomerKey>) -> Result<Vec<Owed>, ReadError> {
        all(
            &self.db,
            &format!(
                "SELECT {SUBMISSION}, w.since, w.kind, w.version, w.tries, w.reason,
                   EXISTS (SELECT 1 FROM known_file f
                     WHERE f.customer = s.customer AND f.path = y.path AND f.submission = s.id)
                 FROM owed w JOIN ({SUBMISSIONS}) ON s.id = w.submission
                 WHERE ?1 IS NULL OR s.customer = (SELECT number FROM customer WHERE text = ?1) ORDER BY w.since, w.submission"
            ),
            [customer.map(CustomerKey::as_str)],
            |row| {
                Ok(Owed {
                    submission: submission(row)?,
                    since: time(row, 23)?,
                    kind: OwedKind::from_number(row.get(24)?).unwrap_or(OwedKind::First),
                    version: row.get(25)?,
                    tries: count(row, 26)?,
                    reason: row.get(27)?,
                    newest: row.get(28)?,
                })
            },
        )
    }

    /// What a customer delivered anew since `since`.
    pub fn totals(&self, customer: &CustomerKey, since: Timestamp) -> Result<Totals, ReadError> {
        let totals = one(
            &self.db,
            "SELECT count(sha256), coalesce(sum(bytes) FILTER (WHERE sha256 IS NOT NULL), 0), coalesce(sum(rows), 0)
             FROM submission
             WHERE customer = (SELECT number FROM customer WHERE text = ?) AND at >= ?",
            params![customer.as_str(), since.unix_ms()],
            |row| Ok(Totals { files: count(row, 0)?, bytes: count(row, 1)?, rows: count(row, 2)? }),
        )?;
        Ok(totals.unwrap_or_default())
    }

    /// When anything of a customer last happened, as far as is on record: its newest submission, or what was noted
    /// under the topic `activity` at the last stop.
    pub fn last_activity(&self, customer: &CustomerKey) -> Result<Option<Timestamp>, ReadError> {
        let last = one(
            &self.db,
            "WITH c AS (SELECT number FROM customer WHERE text = ?)
             SELECT max(at) FROM (
               SELECT max(at) AS at FROM submission WHERE customer = (SELECT number FROM c)
               UNION ALL SELECT CAST(value AS INTEGER) FROM note
               WHERE customer = (SELECT number FROM c) AND topic = 'activity' AND key = '')",
            [customer.as_str()],
            |row| time_or_none(row, 0),
        )?;
        Ok(last.flatten())
    }

    /// How the attempt went that ended last: its outcome, when, and what is on record of it in words.
    pub fn last_outcome(&self) -> Result<Option<(Outcome, Timestamp, Option<String>)>, ReadError> {
        let last = one(&self.db, "SELECT outcome, at, detail FROM outcome ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((Outcome::from_number(row.get(0)?), time(row, 1)?, row.get(2)?))
        })?;
        Ok(last.and_then(|(outcome, at, detail)| Some((outcome?, at, detail))))
    }

    /// What was noted, of a customer or of all, under a topic and a key.
    pub fn note(&self, customer: Option<&CustomerKey>, topic: &str, key: &str) -> Result<Option<String>, ReadError> {
        one(
            &self.db,
            "SELECT value FROM note
             WHERE customer = CASE WHEN ?1 IS NULL THEN 0 ELSE (SELECT number FROM customer WHERE text = ?1) END
               AND topic = ?2 AND key = ?3",
            params![customer.map(CustomerKey::as_str), topic, key],
            |row| row.get(0),
        )
    }

    /// Whether a result with this content was ever written, anywhere.
    pub fn is_result(&self, sha256: &Sha256) -> Result<bool, ReadError> {
        Ok(one(&self.db, IS_RESULT, [sha256.as_bytes()], |_| Ok(()))?.is_some())
    }

    /// Whether the copy of this content is needed still: for rows that aren't accepted yet, for pending rows, or for
    /// a result that is owed.
    pub fn content_is_needed(&self, sha256: &Sha256) -> Result<bool, ReadError> {
        let needed = one(
            &self.db,
            "SELECT EXISTS (SELECT 1 FROM acceptance a JOIN submission s ON s.id = a.submission WHERE s.sha256 = ?1)
                 OR EXISTS (SELECT 1 FROM owed w JOIN submission s ON s.id = w.submission WHERE s.sha256 = ?1)
                 OR EXISTS (SELECT 1 FROM tally y JOIN submission s ON s.id = y.submission
                            WHERE y.pending > 0 AND s.sha256 = ?1)",
            [sha256.as_bytes()],
            |row| row.get(0),
        )?;
        Ok(needed.unwrap_or(true))
    }

    /// Whether a registration failed since the daemon last started, and still is failed.
    pub fn failed_since_the_start(&self) -> Result<bool, ReadError> {
        let failed = one(
            &self.db,
            "SELECT EXISTS(SELECT 1 FROM present WHERE state = 2
               AND entry > (SELECT coalesce(max(id), 0) FROM action WHERE action = 'start'))",
            [],
            |row| count(row, 0),
        )?;
        Ok(failed != Some(0))
    }

    /// How many submissions were rejected since `since`.
    pub fn rejected_since(&self, since: Timestamp) -> Result<u64, ReadError> {
        let rejected = one(
            &self.db,
            "SELECT count(*) FROM submission WHERE outcome = 2 AND at >= ?",
            [since.unix_ms()],
            |row| count(row, 0),
        )?;
        Ok(rejected.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::Trial;

    #[test]
    fn a_result_is_found_by_its_content_in_the_index_alone() {
        let trial = Trial::new();
        let reader = trial.reader();
        assert!(!reader.is_result(&Sha256::of(b"none")).expect("an answer"));
        let mut statement = reader.db.prepare(&format!("EXPLAIN QUERY PLAN {IS_RESULT}")).expect("a plan");
        let steps = statement.query_map([[0_u8; 32].as_slice()], |row| row.get::<_, String>(3)).expect("steps");
        let plan: Vec<String> = steps.map(|step| step.expect("a step")).collect();
        assert_eq!(plan, ["SEARCH result USING COVERING INDEX result_sha256 (sha256=?)"]);
    }
}
