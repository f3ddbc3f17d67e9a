//! Registrations by what people know of them: a serial number or its beginning, a request ID, an order ID.
//!
//! Only numbers come out of here; what the rows hold is looked up in the views, which leave out what isn't accepted yet.

use rusqlite::params;

use devicedrop_core::ids::{AttemptId, RegistrationId};

use super::lookup::behind;
use super::{Reader, all, entry, limited, one};
use crate::ledger::error::ReadError;

/// What is known of a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serial<'a> {
    /// All of it.
    Whole(&'a str),
    /// Its beginning, and that more follows.
    Beginning(&'a str),
}

/// A registration that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub registration: RegistrationId,
    /// Its serial number, where its row has one.
    pub serial_number: Option<String>,
    /// The order ID of its row alone.
    pub order_id: Option<String>,
}

/// The registrations of one segment of the index over serial numbers, the newest first.
const WHOLE: &str = "SELECT r.id, r.serial_number, r.order_id FROM registration r
   WHERE r.id >> 18 = ?1 AND r.serial_number = ?2 AND ?3 IS NULL AND r.id < ?4 ORDER BY r.id DESC LIMIT ?5";
const BEGINNING: &str = "SELECT r.id, r.serial_number, r.order_id FROM registration r
   WHERE r.id >> 18 = ?1 AND r.serial_number > ?2 AND r.serial_number < ?3 AND r.id < ?4 ORDER BY r.id DESC LIMIT ?5";
const BEHIND_ALL: &str = "SELECT r.id, r.serial_number, r.order_id FROM registration r
   WHERE r.id >> 18 = ?1 AND r.serial_number > ?2 AND ?3 IS NULL AND r.id < ?4 ORDER BY r.id DESC LIMIT ?5";

const BY_ORDER: &str = "SELECT r.id, r.serial_number, r.order_id FROM registration r
   WHERE r.order_id = ?1 AND r.id < ?2 ORDER BY r.id DESC LIMIT ?3";
const BY_REQUEST: &str = "SELECT r.id, r.serial_number, r.order_id FROM registration r WHERE r.id IN (
     SELECT a.registration FROM outcome o JOIN attempt a ON a.id = o.attempt WHERE o.request_id = ?1
     UNION SELECT a.registration FROM call k CROSS JOIN attempt a ON a.id > k.id
       AND a.id < coalesce((SELECT min(id) FROM call WHERE id > k.id), 9223372036854775807)
     WHERE k.request_id = ?1 AND a.call = k.id)
   ORDER BY r.id DESC";

fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found { registration: entry(row, 0, RegistrationId)?, serial_number: row.get(1)?, order_id: row.get(2)? })
}

impl Reader {
    /// Registrations with this serial number, the newest first, at most `limit`, older than `before`.
    ///
    /// Goes segment by segment, so that a beginning that millions share costs no more than the page it fills.
    pub fn registrations_by_serial(
        &self,
        serial: Serial<'_>,
        before: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<Found>, ReadError> {
        let (sql, text, end) = match serial {
            Serial::Whole(text) => (WHOLE, text, None),
            Serial::Beginning(text) => match behind(text) {
                Some(end) => (BEGINNING, text, Some(end)),
                None => (BEHIND_ALL, text, None),
            },
        };
        let newest: Option<i64> = one(&self.db, "SELECT max(id) FROM registration", [], |row| row.get(0))?.flatten();
        let Some(newest) = newest else { return Ok(Vec::new()) };
        let before = before.map_or(i64::MAX, RegistrationId::get).min(newest.saturating_add(1));
        let mut found = Vec::new();
        for segment in (0..=before >> 18).rev() {
            let left = limit.saturating_sub(found.len());
            if left == 0 {
                break;
            }
            found.extend(all(&self.db, sql, params![segment, text, end, before, limited(left)], self::found)?);
        }
        Ok(found)
    }

    /// Registrations whose own row has this order ID, the newest first, at most `limit`, older than `before`.
    pub fn registrations_by_order(
        &self,
        order_id: &str,
        before: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<Found>, ReadError> {
        all(
            &self.db,
            BY_ORDER,
            params![order_id, before.map_or(i64::MAX, RegistrationId::get), limited(limit)],
            found,
        )
    }

    /// Registrations that were attempted under this request ID, the newest first: all of the call's where the ID is
    /// the call's. The attempts of a call are the entries right behind it.
    pub fn registrations_by_request(&self, request_id: &str) -> Result<Vec<Found>, ReadError> {
        all(&self.db, BY_REQUEST, [request_id], found)
    }

    /// The registration of an attempt.
    pub fn registration_of_attempt(&self, attempt: AttemptId) -> Result<Option<Found>, ReadError> {
        one(
            &self.db,
            "SELECT r.id, r.serial_number, r.order_id FROM attempt a JOIN registration r ON r.id = a.registration
             WHERE a.id = ?",
            [attempt.get()],
            found,
        )
    }
}

#[cfg(test)]
mod tests {
    use devicedrop_core::state::Outcome;
    use rusqlite::{Params, params_from_iter};

    use super::super::lookup::statement;
    use super::*;
    use crate::ledger::tests::{Trial, call, end, registration, row};
    use crate::ledger::views::{Cell, Lookup, Test, View};

    fn numbers(found: Vec<Found>) -> Vec<i64> {
        found.into_iter().map(|found| found.registration.get()).collect()
    }

    fn plan(trial: &Trial, sql: &str, params: impl Params) -> String {
        let reader = trial.reader();
        let mut statement = reader.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
        let steps = statement.query_map(params, |row| row.get::<_, String>(3)).expect("steps");
        steps.map(|step| step.expect("a step") + "\n").collect()
    }

    fn visits_no_whole_table(plan: &str) {
        for table in ["r", "registration", "t", "transition", "o", "outcome", "a", "attempt"] {
            for line in plan.lines() {
                assert!(line != format!("SCAN {table}") && !line.starts_with(&format!("SCAN {table} ")), "{plan}");
            }
        }
        assert!(!plan.contains("AUTOMATIC"), "{plan}");
    }

    #[test]
    fn serial_numbers_are_found_segment_by_segment() {
        let trial = Trial::new();
        trial.accept(
            "a.csv",
            ["A1", "A10", "B1", "A1", "A\u{10ffff}", "A"].iter().zip(2..).map(|(s, l)| row(l, s)).collect(),
        );
        let reader = trial.reader();
        let find = |serial, before, limit| {
            numbers(reader.registrations_by_serial(serial, before, limit).expect("looked up"))
        };
        assert_eq!(find(Serial::Whole("A1"), None, 10), [6, 3]);
        assert_eq!(find(Serial::Whole("A1"), Some(registration(6)), 10), [3]);
        assert_eq!(find(Serial::Whole("a1"), None, 10), [0_i64; 0]);
        assert_eq!(find(Serial::Beginning("A"), None, 10), [7, 6, 4, 3], "but not what has no more than that");
        assert_eq!(find(Serial::Beginning("A"), None, 2), [7, 6]);
        assert_eq!(find(Serial::Beginning("A1"), None, 10), [4]);
        assert_eq!(find(Serial::Beginning("\u{10ffff}"), None, 10), [0_i64; 0]);
        let values = || (0, "A1", Some("A2"), 9, 9);
        for sql in [WHOLE, BEGINNING, BEHIND_ALL] {
            let plan = plan(&trial, sql, values());
            visits_no_whole_table(&plan);
            assert!(plan.contains("USING INDEX registration_serial (<expr>=? AND serial_number"), "{plan}");
        }
    }

    #[test]
    fn the_views_find_serial_numbers_by_their_index() {
        let trial = Trial::new();
        let all = [View::Registrations, View::Transitions, View::Attempts, View::Devices];
        // What lies further from a registration isn't worth a range to the planner.
        let near = [View::Registrations, View::Devices];
        let whole = |view| (view, Test::Is(Cell::Text("A1".into())));
        let beginning = |view| (view, Test::Begins("A1".into()));
        for (view, test) in all.into_iter().map(whole).chain(near.into_iter().map(beginning)) {
            let filters = vec![view.filter("serial_number", test).expect("a filter")];
            let lookup = Lookup { view, filters, limit: 10, after: None, newest_first: false };
            let (sql, values) = statement(&lookup);
            let plan = plan(&trial, &sql, params_from_iter(&values));
            visits_no_whole_table(&plan);
            assert!(plan.contains("registration_serial"), "{}: {plan}", view.name());
        }
    }

    #[test]
    fn request_and_order_ids_are_found() {
        let trial = Trial::new();
        let mut rows = vec![row(2, "A1"), row(3, "A2"), row(4, "A3")];
        rows[1].order_id = Some("PO-9".into());
        trial.accept("a.csv", rows);
        let [first, second, third] = [3, 4, 5].map(registration);
        let mut new = call(10);
        new.ids.request_id = Some("ours".into());
        let started = trial.writer().start_call(new, vec![first, second]).wait().expect("the call starts");
        let mut ended = end(started.attempts[1], second, 11, Outcome::Registered);
        ended.request_id = Some("theirs".into());
        trial.writer().finish_attempts(vec![ended]).wait().expect("it ends");
        trial.attempt(&[third], 20, Outcome::Registered);

        let reader = trial.reader();
        let by_request = |id| numbers(reader.registrations_by_request(id).expect("looked up"));
        assert_eq!(by_request("ours"), [4, 3]);
        assert_eq!(by_request("theirs"), [4]);
        assert_eq!(by_request("nobody's"), [0_i64; 0]);
        assert_eq!(numbers(reader.registrations_by_order("PO-9", None, 10).expect("looked up")), [4]);
        assert_eq!(numbers(reader.registrations_by_order("PO-9", Some(second), 10).expect("looked up")), [0_i64; 0]);
        let found = reader.registration_of_attempt(started.attempts[0]).expect("looked up");
        assert_eq!(found.map(|found| found.registration), Some(first));
        visits_no_whole_table(&plan(&trial, BY_REQUEST, ["x"]));
        visits_no_whole_table(&plan(&trial, BY_ORDER, ("x", 9, 9)));
    }
}
