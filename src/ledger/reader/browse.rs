//! Rows for whoever leafs through all of them by customer, state, error, order, time and serial number: the newest
//! first, a page at a time, at a cost that doesn't grow with the ledger.
//!
//! Candidates come out of the one index that leaves the fewest, by their numbers alone; what else is asked for is
//! looked up of these, in batches that grow. So a page that fills soon costs little, and a question whose answer is
//! scattered thinly over millions costs what it costs: a [`Limit`](super::limit::Limit) ends it.

use devicedrop_core::ids::{CustomerKey, RegistrationId, SubmissionEntry};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use super::lookup::{behind, cell};
use super::{Reader, all, entry, limited, one};
use crate::ledger::error::ReadError;
use crate::ledger::views::{View, ViewRow};

/// A prefix of so few serial numbers is the best index there is.
const NARROW: usize = 5_000;

/// So many candidates are looked at first; then four times as many each time, up to the second number.
const BATCH: (usize, usize) = (128, 16_384);

/// Rows that are looked for: those that meet all that is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Of this customer.
    pub customer: Option<&'a CustomerKey>,
    /// In this state.
    pub state: Option<State>,
    /// With this error.
    pub error: Option<ErrorCode>,
    /// With this order ID, their own or their submission's.
    pub order: Option<&'a str>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
    /// Whose serial number begins so.
    pub serial: Option<&'a str>,
    /// Failed ones, too, whose file has newer content.
    pub superseded: bool,
}

/// Where candidates come from.
enum Source<'a> {
    /// The index over errors.
    Error(ErrorCode),
    /// The index over customers and states.
    States(Vec<i64>, Vec<State>),
    /// The submissions and rows with this order ID.
    Order(&'a str),
    /// The index over serial numbers.
    Serial(&'a str),
    /// All rows.
    All,
}

/// The numbers between which the answer lies; the end is outside.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    from: i64,
    to: i64,
}

const BY_STATE: &str = "SELECT p.registration FROM present p INDEXED BY present_state
   WHERE p.customer = ? AND p.state = ? AND p.registration >= ? AND p.registration < ?
   ORDER BY p.registration DESC LIMIT ?";
const BY_ERROR: &str = "SELECT p.registration FROM present p INDEXED BY present_error
   WHERE p.error = ? AND p.registration >= ? AND p.registration < ? ORDER BY p.registration DESC LIMIT ?";
const BY_SERIAL: &str = "SELECT r.id FROM registration r INDEXED BY registration_serial
   WHERE r.id >> 18 = ?1 AND r.serial_number >= ?2 AND r.serial_number < ?3
     AND r.id >= ?4 AND r.id < ?5 ORDER BY r.id DESC LIMIT ?6";
const OWN_ORDER: &str = "SELECT r.id FROM registration r INDEXED BY registration_order
   WHERE r.order_id = ? AND r.id >= ? AND r.id < ? ORDER BY r.id DESC LIMIT ?";
const IN_RUN: &str = "SELECT r.id FROM registration r WHERE r.id >= ? AND r.id < ? ORDER BY r.id DESC LIMIT ?";

/// The runs of rows that were never attempted, of submissions whose acceptance is complete.
const UNTRIED: &str = "SELECT max(x.first, k.next), x.last + 1 FROM cursor k
   CROSS JOIN tally y ON y.submission = k.submission CROSS JOIN range x ON x.submission = k.submission
   WHERE x.last >= k.next AND (?1 IS NULL OR k.customer = ?1) ORDER BY x.last DESC";
/// Those that are attempted right now: the attempts of a call are the entries right behind it.
const TRIED_NOW: &str = "SELECT a.registration FROM open_call o
   CROSS JOIN attempt a ON a.id > o.call AND a.id <= o.call + o.attempts
   WHERE a.registration >= ?1 AND a.registration < ?2 AND NOT EXISTS (SELECT 1 FROM present WHERE registration = a.registration)";
/// The runs of rows of submissions with this order ID.
const ORDERED: &str =
    "SELECT x.first, x.last + 1, s.customer FROM submission s CROSS JOIN range x ON x.submission = s.id
   WHERE s.order_id = ?1 AND (?2 IS NULL OR s.customer = ?2) ORDER BY x.last DESC";
/// The runs of rows whose acceptance isn't complete.
const UNFINISHED: &str = "SELECT x.first, x.last + 1 FROM acceptance a CROSS JOIN range x ON x.submission = a.submission ORDER BY x.last DESC";

/// What is asked of candidates; their numbers stand in the place of the brackets.
const CHECKED: [&str; 2] = [
    "SELECT r.id FROM registration r CROSS JOIN tally y ON y.submission = r.submission
       CROSS JOIN submission s ON s.id = r.submission LEFT JOIN present p ON p.registration = r.id WHERE r.id IN (",
    ") AND (?1 IS NULL OR y.customer = ?1) AND (?2 IS NULL OR coalesce(p.state, 1) = ?2)
       AND (?3 IS NULL OR p.error = ?3) AND (?4 IS NULL OR coalesce(r.order_id, s.order_id) = ?4)
       AND (?5 IS NULL OR s.at >= ?5) AND (?6 IS NULL OR s.at < ?6)
       AND (?7 IS NULL OR r.serial_number >= ?7) AND (?8 IS NULL OR r.serial_number < ?8)
       AND (?9 OR p.state IS NOT 2 OR y.superseded_by IS NULL)
     ORDER BY r.id DESC LIMIT ?10",
];

/// What is greater than all that begins so, and bounds the search in the index; where no text is, a blob is.
fn end_of(serial: &str) -> Value {
    behind(serial).map_or(Value::Blob(Vec::new()), Value::Text)
}

fn number(row: &rusqlite::Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}

impl Reader {
    /// Customers of whom anything is on record.
    pub fn customer_keys(&self) -> Result<Vec<CustomerKey>, ReadError> {
        all(&self.db, "SELECT text FROM customer ORDER BY text", [], |row| super::customer(row, 0))
    }

    /// Rows that meet what is wanted, the newest first, at most `limit`, older than `before`.
    pub fn browse(
        &self,
        wanted: &Wanted<'_>,
        before: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<RegistrationId>, ReadError> {
        let customer = match wanted.customer {
            None => None,
            Some(key) => match self.customer_number(key)? {
                Some(number) => Some(number),
                None => return Ok(Vec::new()),
            },
        };
        let Some(mut bounds) = self.bounds(wanted, before)? else { return Ok(Vec::new()) };
        let source = self.source(wanted, customer)?;
        let mut found = Vec::new();
        let mut batch = BATCH.0.max(limit);
        while found.len() < limit && bounds.from < bounds.to {
            let candidates = self.candidates(&source, wanted, customer, bounds, batch)?;
            let Some(last) = candidates.last() else { break };
            let full = candidates.len() >= batch;
            bounds.to = *last;
            found.extend(self.checked(&candidates, wanted, customer, limit.saturating_sub(found.len()))?);
            if !full {
                break;
            }
            batch = batch.saturating_mul(4).min(BATCH.1);
        }
        Ok(found)
    }

    fn customer_number(&self, key: &CustomerKey) -> Result<Option<i64>, ReadError> {
        one(&self.db, "SELECT number FROM customer WHERE text = ?", [key.as_str()], |row| row.get(0))
    }

    /// Between which numbers the answer lies; none where there can't be one. What was received later has greater numbers,
    /// as far as the clock wasn't set back: it is asked again of each candidate.
    fn bounds(&self, wanted: &Wanted<'_>, before: Option<RegistrationId>) -> Result<Option<Bounds>, ReadError> {
        let newest: Option<i64> = one(&self.db, "SELECT max(id) FROM registration", [], |row| row.get(0))?.flatten();
        let Some(newest) = newest else { return Ok(None) };
        let mut bounds =
            Bounds { from: 0, to: before.map_or(i64::MAX, RegistrationId::get).min(newest.saturating_add(1)) };
        if let Some(since) = wanted.since {
            let sql = "SELECT min(id) FROM submission
                WHERE strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') >= ?";
            let first: Option<i64> = one(&self.db, sql, [since.to_string()], |row| row.get(0))?.flatten();
            let Some(first) = first else { return Ok(None) };
            bounds.from = first;
        }
        if let Some(until) = wanted.until {
            let sql = "SELECT max(x.last) FROM submission s CROSS JOIN range x ON x.submission = s.id
                WHERE strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1000.0, 'unixepoch') < ?";
            let last: Option<i64> = one(&self.db, sql, [until.to_string()], |row| row.get(0))?.flatten();
            let Some(last) = last else { return Ok(None) };
            bounds.to = bounds.to.min(last.saturating_add(1));
        }
        Ok(Some(bounds))
    }

    /// Which index is asked first.
    fn source<'a>(&self, wanted: &Wanted<'a>, customer: Option<i64>) -> Result<Source<'a>, ReadError> {
        let serial = wanted.serial.filter(|serial| !serial.is_empty());
        if let Some(serial) = serial
            && self.is_narrow(serial)?
        {
            return Ok(Source::Serial(serial));
        }
        if let Some(order) = wanted.order {
            return Ok(Source::Order(order));
        }
        if let Some(error) = wanted.error {
            return Ok(Source::Error(error));
        }
        if wanted.state.is_some() || customer.is_some() {
            let customers = match customer {
                Some(number) => vec![number],
                None => all(&self.db, "SELECT number FROM customer", [], |row| row.get(0))?,
            };
            return Ok(Source::States(customers, wanted.state.map_or(State::ALL.to_vec(), |state| vec![state])));
        }
        Ok(serial.map_or(Source::All, Source::Serial))
    }

    fn is_narrow(&self, serial: &str) -> Result<bool, ReadError> {
        let newest: Option<i64> = one(&self.db, "SELECT max(id) FROM registration", [], |row| row.get(0))?.flatten();
        let sql = "SELECT count(*) FROM (SELECT 1 FROM registration r INDEXED BY registration_serial
            WHERE r.id >> 18 = ?1 AND r.serial_number >= ?2 AND r.serial_number < ?3 LIMIT ?4)";
        let end = end_of(serial);
        let mut there = 0;
        for segment in 0..=newest.unwrap_or(0) >> 18 {
            there += one(&self.db, sql, params![segment, serial, end, limited(NARROW)], |row| row.get::<_, i64>(0))?
                .unwrap_or(0);
            if there >= limited(NARROW) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Numbers of rows of which some may be wanted, and none is missing: the greatest, falling.
    fn candidates(
        &self,
        source: &Source<'_>,
        wanted: &Wanted<'_>,
        customer: Option<i64>,
        bounds: Bounds,
        limit: usize,
    ) -> Result<Vec<i64>, ReadError> {
        let Bounds { from, to } = bounds;
        let mut found: Vec<i64> = match source {
            Source::Error(error) => {
                all(&self.db, BY_ERROR, params![error.number(), from, to, limited(limit)], number)?
            }
            Source::States(customers, states) => self.in_states(customers, states, customer, bounds, limit)?,
            Source::Order(order) => self.with_order(order, wanted.state, customer, bounds, limit)?,
            Source::Serial(serial) => self.with_serial(serial, bounds, limit)?,
            Source::All => self.in_runs(self.accepted_runs(bounds)?, bounds, limit)?,
        };
        found.sort_unstable_by(|left, right| right.cmp(left));
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// Rows of these customers that are in one of these states.
    fn in_states(
        &self,
        customers: &[i64],
        states: &[State],
        customer: Option<i64>,
        bounds: Bounds,
        limit: usize,
    ) -> Result<Vec<i64>, ReadError> {
        let Bounds { from, to } = bounds;
        let mut found = Vec::new();
        for state in states {
            for one in customers {
                let values = params![one, state.number(), from, to, limited(limit)];
                found.extend(all(&self.db, BY_STATE, values, number)?);
            }
        }
        if states.contains(&State::Pending) {
            let runs = all(&self.db, UNTRIED, [customer], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.extend(self.in_runs(runs, bounds, limit)?);
            found.extend(all(&self.db, TRIED_NOW, [from, to], number)?);
        }
        Ok(found)
    }

    /// Rows with this order ID, their own or their submission's. Of a state that the index knows, no others.
    fn with_order(
        &self,
        order: &str,
        state: Option<State>,
        customer: Option<i64>,
        bounds: Bounds,
        limit: usize,
    ) -> Result<Vec<i64>, ReadError> {
        let Bounds { from, to } = bounds;
        let runs = all(&self.db, ORDERED, params![order, customer], |row| {
            Ok(((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?), row.get::<_, i64>(2)?))
        })?;
        let mut found = Vec::new();
        match state.filter(|state| *state != State::Pending) {
            None => found = self.in_runs(runs.into_iter().map(|(run, _)| run).collect(), bounds, limit)?,
            Some(state) => {
                for ((first, end), customer) in runs {
                    let values = params![customer, state.number(), first.max(from), end.min(to), limited(limit)];
                    found.extend(all(&self.db, BY_STATE, values, number)?);
                    if found.len() >= limit {
                        break;
                    }
                }
            }
        }
        found.extend(all(&self.db, OWN_ORDER, params![order, from, to, limited(limit)], number)?);
        Ok(found)
    }

    /// Rows whose serial number begins so, segment by segment.
    fn with_serial(&self, serial: &str, Bounds { from, to }: Bounds, limit: usize) -> Result<Vec<i64>, ReadError> {
        let end = end_of(serial);
        let mut found = Vec::new();
        for segment in (from >> 18..=to.saturating_sub(1) >> 18).rev() {
            let values = params![segment, serial, end, from, to, limited(limit)];
            found.extend(all(&self.db, BY_SERIAL, values, number)?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// The runs of all rows but those whose acceptance isn't complete, the last first.
    fn accepted_runs(&self, Bounds { from, to }: Bounds) -> Result<Vec<(i64, i64)>, ReadError> {
        let unfinished: Vec<(i64, i64)> = all(&self.db, UNFINISHED, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut runs = Vec::with_capacity(unfinished.len() + 1);
        let mut end = to;
        for (first, behind) in unfinished {
            runs.push((behind, end));
            end = end.min(first);
        }
        runs.push((from, end));
        Ok(runs)
    }

    /// Rows of these runs, which lie apart, the last first.
    fn in_runs(&self, runs: Vec<(i64, i64)>, bounds: Bounds, limit: usize) -> Result<Vec<i64>, ReadError> {
        let mut found = Vec::new();
        for (first, end) in runs {
            let (first, end) = (first.max(bounds.from), end.min(bounds.to));
            let left = limit.saturating_sub(found.len());
            if left == 0 {
                break;
            }
            if first < end {
                found.extend(all(&self.db, IN_RUN, params![first, end, limited(left)], |row| row.get::<_, i64>(0))?);
            }
        }
        Ok(found)
    }

    /// Those of the candidates that are wanted, in their order.
    fn checked(
        &self,
        candidates: &[i64],
        wanted: &Wanted<'_>,
        customer: Option<i64>,
        limit: usize,
    ) -> Result<Vec<RegistrationId>, ReadError> {
        let mut found = Vec::new();
        let serial = wanted.serial.filter(|serial| !serial.is_empty());
        // In pieces, so that a page that fills soon looks no further, and statements don't grow without end.
        for piece in candidates.chunks(512) {
            let numbers: Vec<String> = piece.iter().map(ToString::to_string).collect();
            let sql = CHECKED.join(&numbers.join(","));
            let mut statement = self.db.prepare(&sql)?;
            let values = params![
                customer,
                wanted.state.map(State::number),
                wanted.error.map(ErrorCode::number),
                wanted.order,
                wanted.since.map(Timestamp::unix_ms),
                wanted.until.map(Timestamp::unix_ms),
                serial,
                serial.and_then(behind),
                wanted.superseded,
                limited(limit.saturating_sub(found.len())),
            ];
            let rows = statement.query_map(values, |row| entry(row, 0, RegistrationId))?;
            for row in rows {
                found.push(row?);
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// The rows of a view with these keys, the greatest key first.
    pub fn view_rows(&self, view: View, keys: &[i64]) -> Result<Vec<ViewRow>, ReadError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let columns = view.columns().len();
        let places = vec!["?"; keys.len()].join(",");
        let sql = format!(
            "SELECT {} FROM {} WHERE {key} IN ({places}) ORDER BY {key} DESC",
            view.columns().join(", "),
            view.name(),
            key = view.key()
        );
        let mut statement = self.db.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(keys))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((0..columns).map(|column| Ok(cell(row.get_ref(column)?))).collect::<rusqlite::Result<_>>()?);
        }
        Ok(found)
    }

    /// Failed rows of a submission, or those that didn't fail, or those in one state: by their lines, behind `after`.
    pub fn rows_of(
        &self,
        submission: SubmissionEntry,
        which: Which,
        after: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<RegistrationId>, ReadError> {
        let from = after.map_or(0, |after| after.get().saturating_add(1));
        let sql = match which {
            // Through the index: failed rows among millions are found at once.
            Which::In(State::Pending) | Which::NotFailed => {
                "SELECT r.id FROM range x CROSS JOIN registration r ON r.id BETWEEN max(x.first, ?2) AND x.last
                 LEFT JOIN present p ON p.registration = r.id
                 WHERE x.submission = ?1 AND x.last >= ?2 AND CASE ?3 WHEN 0 THEN p.state IS NOT 2
                   ELSE coalesce(p.state, 1) = ?3 END ORDER BY x.first, r.id LIMIT ?4"
            }
            Which::In(_) => {
                "SELECT p.registration FROM range x CROSS JOIN tally y ON y.submission = x.submission
                 CROSS JOIN present p INDEXED BY present_state ON p.customer = y.customer AND p.state = ?3
                   AND p.registration BETWEEN max(x.first, ?2) AND x.last
                 WHERE x.submission = ?1 AND x.last >= ?2 ORDER BY x.first, p.registration LIMIT ?4"
            }
        };
        let state = match which {
            Which::In(state) => state.number(),
            Which::NotFailed => 0,
        };
        all(&self.db, sql, params![submission.get(), from, state, limited(limit)], |row| {
            entry(row, 0, RegistrationId)
        })
    }

    /// How many rows stand where, of one customer or of all.
    pub fn sums(&self, customer: Option<&CustomerKey>) -> Result<Sums, ReadError> {
        let sql = "SELECT coalesce(sum(y.pending), 0), coalesce(sum(y.ready), 0),
               coalesce(sum(y.failed) FILTER (WHERE y.superseded_by IS NULL), 0)
             FROM customer c CROSS JOIN tally y ON y.customer = c.number WHERE ?1 IS NULL OR c.text = ?1";
        let sums = one(&self.db, sql, [customer.map(CustomerKey::as_str)], |row| {
            Ok(Sums { pending: super::count(row, 0)?, ready: super::count(row, 1)?, failed: super::count(row, 2)? })
        })?;
        Ok(sums.unwrap_or_default())
    }

    /// How many devices there are in this state, of one customer or of all.
    pub fn count_in(&self, customer: Option<&CustomerKey>, state: State) -> Result<u64, ReadError> {
        let sql = "SELECT count(*) FROM customer c CROSS JOIN present p INDEXED BY present_state
               ON p.customer = c.number AND p.state = ?1 WHERE ?2 IS NULL OR c.text = ?2";
        let customer = customer.map(CustomerKey::as_str);
        Ok(one(&self.db, sql, params![state.number(), customer], |row| super::count(row, 0))?.unwrap_or(0))
    }
}

/// How many rows stand where, by the sums that are kept of each submission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Pending ones.
    pub pending: u64,
    /// Ready, active and inactive ones.
    pub ready: u64,
    /// Failed ones whose file has no newer content.
    pub failed: u64,
}

/// Which rows of a submission are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those in this state.
    In(State),
    /// All but the failed ones.
    NotFailed,
}
