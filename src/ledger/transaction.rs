//! What every command works with: the numbering and hashing of entries, and the tools that commands share.
//!
//! What each command does is in `apply`, what an entry looks like in `entries`.

use std::collections::{BTreeMap, HashMap};

use devicedrop_core::ids::{CustomerKey, RegistrationId, SubmissionEntry};
use devicedrop_core::record::{Kind, Secret, Value, write_content};
use devicedrop_core::state::State;
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::command::OwedKind;
use super::error::Refusal;
use super::hasher::{Chunk, Gone, Hasher, Seal};
use super::words::{Dictionary, Words};

/// Why the writer can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// SQLite says no.
    #[error("SQLite can't write")]
    Sqlite(#[from] rusqlite::Error),
    /// No random bytes for a block's secret.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The thread that hashes is gone.
    #[error("the thread that hashes entries has ended")]
    Hasher,
    /// A simulated disk says no.
    #[error("the disk says no")]
    Disk(#[source] std::io::Error),
}

/// Why a command ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// A rule forbids it; others go on.
    Refused(Refusal),
    /// Nothing goes on.
    Broken(Broken),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<devicedrop_core::state::IllegalTransition> for Stop {
    fn from(illegal: devicedrop_core::state::IllegalTransition) -> Self {
        Self::Refused(Refusal::Illegal(illegal))
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
            Self::Refused(Refusal::Schema(error.to_string()))
        } else {
            Self::Broken(Broken::Sqlite(error))
        }
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Broken(Broken::Hasher)
    }
}

/// The numbering and hashing of entries.
#[derive(Debug)]
pub(super) struct Record {
    hasher: Hasher,
    chunk: Chunk,
    /// The next entry's number.
    pub(super) next: i64,
    /// The last registration's number, 0 before the first.
    pub(super) last_registration: i64,
    /// Both as they were before the command under way.
    before: (i64, i64),
}

impl Record {
    pub(super) fn new(hasher: Hasher, next: i64, last_registration: i64) -> Self {
        Self { hasher, chunk: Chunk::at(next), next, last_registration, before: (next, last_registration) }
    }

    pub(super) fn begin_block(&mut self, secret: Secret) -> Result<(), Gone> {
        self.chunk = Chunk::at(self.next);
        self.hasher.begin(secret)
    }

    /// The next entry's number, of this kind, with these columns behind it.
    pub(super) fn note(&mut self, kind: Kind, columns: &[Value<'_>]) -> Result<(), Gone> {
        self.chunk.push(|bytes| write_content(bytes, kind, columns));
        self.next += 1;
        if self.chunk.is_full() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        let full = std::mem::replace(&mut self.chunk, Chunk::at(self.next));
        if full.is_empty() { Ok(()) } else { self.hasher.leaves(full) }
    }

    pub(super) fn keep(&mut self) -> Result<(), Gone> {
        self.flush()?;
        self.before = (self.next, self.last_registration);
        self.hasher.keep()
    }

    pub(super) fn discard(&mut self) -> Result<(), Gone> {
        (self.next, self.last_registration) = self.before;
        self.chunk = Chunk::at(self.next);
        self.hasher.discard()
    }

    pub(super) fn seal(&self) -> Result<Seal, Gone> {
        self.hasher.seal()
    }
}

/// How the rows of a submission shift.
#[derive(Debug, Clone, Copy, Default)]
struct Shift {
    pending: i64,
    ready: i64,
    failed: i64,
    already: i64,
    at: Option<Timestamp>,
    again: bool,
}

/// Where a registration stands, as far as the writer needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) submission: i64,
    pub(super) customer: i64,
    pub(super) state: State,
    pub(super) attempts: i64,
    pub(super) generation: i64,
    pub(super) due: Option<i64>,
    pub(super) last_seen: Option<i64>,
    /// Whether it has a row in `present`.
    pub(super) present: bool,
}

/// One command at work.
pub(super) struct Transaction<'a> {
    pub(super) db: &'a Connection,
    pub(super) record: &'a mut Record,
    pub(super) words: &'a mut Words,
    shifts: BTreeMap<i64, Shift>,
    /// When the command happened, for the block.
    pub(super) at: Option<Timestamp>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(db: &'a Connection, record: &'a mut Record, words: &'a mut Words) -> Self {
        Self { db, record, words, shifts: BTreeMap::new(), at: None }
    }

    /// The number of a customer.
    pub(super) fn customer(&mut self, key: &CustomerKey) -> Result<i64, Stop> {
        Ok(self.words.number(self.db, Dictionary::Customer, key.as_str())?)
    }

    /// Counts a registration's change of state, to be added up at the command's end.
    pub(super) fn shift(&mut self, submission: i64, from: State, to: State, already: bool, at: Timestamp) {
        let shift = self.shifts.entry(submission).or_default();
        for (state, by) in [(from, -1), (to, 1)] {
            match state {
                State::Pending => shift.pending += by,
                State::Failed => shift.failed += by,
                State::Ready | State::Active | State::Inactive => shift.ready += by,
            }
        }
        shift.already += i64::from(already);
        shift.at = Some(at);
        shift.again |= to == State::Pending;
    }

    /// Brings the tallies up to date and owes the results that changed.
    pub(super) fn settle(&mut self) -> Result<(), Stop> {
        for (submission, shift) in std::mem::take(&mut self.shifts) {
            let at = shift.at.unwrap_or(Timestamp::from_unix_ms(0));
            let pending: i64 = self
                .db
                .prepare_cached(
                    "UPDATE tally SET pending = pending + ?2, ready = ready + ?3, failed = failed + ?4,
                       already = already + ?5, completed_at = CASE WHEN pending + ?2 = 0 THEN ?6 END
                     WHERE submission = ?1 RETURNING pending",
                )?
                .query_row(
                    params![submission, shift.pending, shift.ready, shift.failed, shift.already, at.unix_ms()],
                    |row| row.get(0),
                )?;
            let kind = match (pending, shift.again) {
                (0, _) => OwedKind::Final,
                (_, true) => OwedKind::First,
                (_, false) => OwedKind::Refresh,
            };
            self.owe_result(submission, kind, at)?;
        }
        Ok(())
    }

    /// A result is owed from now on, or anew.
    pub(super) fn owe_result(&mut self, submission: i64, kind: OwedKind, at: Timestamp) -> Result<(), Stop> {
        // A final one that is owed becomes a first one again when rows are pending again; a first one stays first.
        self.db
            .prepare_cached(
                "INSERT INTO owed(submission, since, kind, version) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT(submission) DO UPDATE SET version = max(version + 1, excluded.version),
                   kind = CASE WHEN excluded.kind = 1 AND kind = 2 THEN 2 ELSE excluded.kind END",
            )?
            .execute(params![submission, at.unix_ms(), kind.number(), self.record.next])?;
        Ok(())
    }

    /// The customer of a submission and whether its acceptance is complete.
    pub(super) fn closed(&self, submission: SubmissionEntry) -> Result<(), Stop> {
        let found: Option<bool> = self
            .db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM tally WHERE submission = id) FROM submission WHERE id = ?")?
            .query_row([submission.get()], |row| row.get(0))
            .optional()?;
        match found {
            None => Err(Refusal::UnknownSubmission(submission).into()),
            Some(false) => Err(Refusal::NotClosed(submission).into()),
            Some(true) => Ok(()),
        }
    }

    /// Where these registrations stand. In runs of neighbours, since that is how they come.
    pub(super) fn standings(&self, ids: &[RegistrationId]) -> Result<HashMap<i64, Standing>, Stop> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut select = self.db.prepare_cached(
            "SELECT r.id, r.submission, s.customer, p.state, p.attempts, p.generation, p.due, p.last_seen
             FROM registration r CROSS JOIN tally s ON s.submission = r.submission
             LEFT JOIN present p ON p.registration = r.id
             WHERE r.id BETWEEN ?1 AND ?2",
        )?;
        for (first, last) in runs(ids.iter().map(|id| id.get())) {
            let mut rows = select.query([first, last])?;
            while let Some(row) = rows.next()? {
                let state: Option<i64> = row.get(3)?;
                let standing = Standing {
                    submission: row.get(1)?,
                    customer: row.get(2)?,
                    state: state.and_then(State::from_number).unwrap_or(State::Pending),
                    attempts: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
                    generation: row.get::<_, Option<i64>>(5)?.unwrap_or(1),
                    due: row.get(6)?,
                    last_seen: row.get(7)?,
                    present: state.is_some(),
                };
                found.insert(row.get(0)?, standing);
            }
        }
        Ok(found)
    }
}

/// Groups numbers into runs of neighbours: first and last of each. Gaps of a few are bridged, a row that nobody asked
/// for costs less than another search.
pub(super) fn runs(numbers: impl Iterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut sorted: Vec<i64> = numbers.collect();
    sorted.sort_unstable();
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for number in sorted {
        match runs.last_mut() {
            Some((_, last)) if number - *last <= 8 => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}
