//! What a customer sent before under many serial numbers at once, for those who check a file that isn't dropped yet.
//!
//! Exact look-ups, a whole batch for each segment of the index: its pages are read once, in their order. Segments in
//! which the customer has nothing aren't visited, and zeros with which none of a segment's serial numbers begins
//! aren't tried there.

use std::collections::{BTreeMap, BTreeSet};

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::suspicion::{Known, MOST_ZEROS, Standing};
use devicedrop_core::time::Timestamp;
use rusqlite::params;

use super::{Reader, all, count, device, one};
use crate::ledger::error::ReadError;

const SEGMENTS: &str =
    "SELECT DISTINCT x.first >> 18, x.last >> 18 FROM tally y JOIN range x ON x.submission = y.submission
   WHERE y.customer = ?1";

/// Whether any serial number of a segment lies between two texts.
const ANY: &str =
    "SELECT 1 FROM registration r WHERE r.id >> 18 = ?1 AND r.serial_number >= ?2 AND r.serial_number < ?3
   LIMIT 1";

const KNOWN: &str = "SELECT m.text, n.text, r.serial_number, s.file, r.line,
     CASE WHEN coalesce(p.state, 1) = 1 THEN 1
       WHEN p.state IN (3, 4, 5) AND p.released IS NULL AND o.holder IS NULL THEN 2 ELSE 0 END,
     CASE WHEN p.state IN (3, 4, 5) THEN coalesce(
       (SELECT b.at FROM attempt a JOIN outcome b ON b.attempt = a.id
        WHERE a.registration = r.id AND b.outcome IN (1, 2) ORDER BY b.id DESC LIMIT 1),
       (SELECT t.at FROM transition t WHERE t.registration = r.id AND t.to_state = 3 ORDER BY t.id DESC LIMIT 1),
       s.at) ELSE s.at END
   FROM json_each(?3) j
   CROSS JOIN registration r ON r.id >> 18 = ?1 AND r.serial_number = j.value
   CROSS JOIN tally y ON y.submission = r.submission AND y.customer = ?2
   CROSS JOIN submission s ON s.id = r.submission
   JOIN manufacturer m ON m.number = r.manufacturer
   JOIN model n ON n.number = r.model
   LEFT JOIN present p ON p.registration = r.id
   LEFT JOIN outcome o ON o.id = p.entry";

/// Where in the index a customer's registrations stand. Found once for a file.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts {
    customer: i64,
    /// Each segment, with the numbers of leading zeros that occur in it.
    segments: BTreeMap<i64, Vec<bool>>,
}

impl Reader {
    /// Where a customer's registrations stand.
    pub fn whereabouts(&self, customer: &CustomerKey) -> Result<Whereabouts, ReadError> {
        let number =
            one(&self.db, "SELECT number FROM customer WHERE text = ?", [customer.as_str()], |row| row.get(0))?;
        let Some(customer) = number else { return Ok(Whereabouts::default()) };
        let runs = all(&self.db, SEGMENTS, [customer], |row| Ok(row.get::<_, i64>(0)?..=row.get::<_, i64>(1)?))?;
        let segments: BTreeSet<i64> = runs.into_iter().flatten().collect();
        let mut whereabouts = Whereabouts { customer, segments: BTreeMap::new() };
        for segment in segments {
            let mut zeros = vec![true];
            for number in 1..=MOST_ZEROS {
                // As many zeros and another digit behind them; the colon follows the 9.
                let beginning = "0".repeat(number);
                let (from, to) = (format!("{beginning}1"), format!("{beginning}:"));
                zeros.push(one(&self.db, ANY, params![segment, from, to], |_| Ok(()))?.is_some());
            }
            whereabouts.segments.insert(segment, zeros);
        }
        Ok(whereabouts)
    }

    /// Gives out every accepted registration of a customer that has one of these serial numbers, in no order.
    pub fn known_serials(
        &self,
        whereabouts: &Whereabouts,
        serial_numbers: &BTreeSet<String>,
        each: &mut dyn FnMut(Known),
    ) -> Result<(), ReadError> {
        for (segment, zeros) in &whereabouts.segments {
            let may_be_there = |text: &&String| {
                let leading = text.bytes().take_while(|byte| *byte == b'0').count();
                // Only a number's zeros are known of.
                zeros.get(leading).is_none_or(|any| *any) || !text.bytes().all(|byte| byte.is_ascii_digit())
            };
            let wanted: Vec<&String> = serial_numbers.iter().filter(may_be_there).collect();
            let Ok(wanted) = serde_json::to_string(&wanted) else { continue };
            let mut statement = self.db.prepare_cached(KNOWN)?;
            let mut rows = statement.query(params![segment, whereabouts.customer, wanted])?;
            while let Some(row) = rows.next()? {
                let standing = match row.get(5)? {
                    2 => Standing::Registered,
                    1 => Standing::Pending,
                    _ => Standing::Failed,
                };
                each(Known {
                    device: device(row, 0)?,
                    standing,
                    file: row.get(3)?,
                    line: count(row, 4)?,
                    date: Timestamp::from_unix_ms(row.get(6)?),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use devicedrop_core::state::Outcome;

    use super::*;
    use crate::ledger::tests::{Trial, bad_row, counted, delivery, key, known, registration, row, submission};

    fn asked(trial: &Trial, customer: &str, serial_numbers: &[&str]) -> Vec<String> {
        let reader = trial.reader();
        let whereabouts = reader.whereabouts(&key(customer)).expect("found");
        let wanted = serial_numbers.iter().map(|text| (*text).to_owned()).collect();
        let mut found = Vec::new();
        let mut note = |known: Known| {
            let Known { device, standing, file, line, date } = known;
            found.push(format!("{} {standing:?} {file}:{line} {}", device.serial_number, date.unix_ms() % 100_000));
        };
        reader.known_serials(&whereabouts, &wanted, &mut note).expect("asked");
        found
    }

    #[test]
    fn what_a_customer_sent_before_is_found_as_it_stands() {
        let trial = Trial::new();
        trial.accept("a.csv", vec![row(2, "0X1"), row(3, "0012"), row(4, "12"), bad_row(5), row(6, "é\"'")]);
        trial.attempt(&[registration(3)], 20, Outcome::Registered);
        trial.attempt(&[registration(4)], 30, Outcome::Failed);
        let other = devicedrop_core::ids::CustomerKey::parse("fabrikam").expect("a key");
        let mut theirs = submission("b.csv", "b", counted(&[row(2, "12")]));
        theirs.customer = other.clone();
        let mut at = known("b.csv");
        at.customer = other;
        trial.writer().accept_whole(theirs, vec![row(2, "12")], delivery("b.csv", 1), at).wait().expect("accepted");

        assert_eq!(asked(&trial, "contoso", &["0X1"]), ["0X1 Registered a.csv:2 21000"]);
        assert_eq!(
            asked(&trial, "contoso", &["0012", "012", "12", "é\"'", "e"]),
            ["0012 Failed a.csv:3 0", "12 Pending a.csv:4 0", "é\"' Pending a.csv:6 0"]
        );
        assert_eq!(asked(&trial, "fabrikam", &["0012", "12", "0X1"]), ["12 Pending b.csv:2 0"]);
        assert_eq!(asked(&trial, "nobody", &["12"]), [""; 0]);
    }

    #[test]
    fn a_batch_visits_the_index_alone() {
        let trial = Trial::new();
        trial.accept("a.csv", vec![row(2, "X1")]);
        let plan = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
            let reader = trial.reader();
            let mut statement = reader.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
            let steps = statement.query_map(params, |row| row.get::<_, String>(3)).expect("steps");
            steps.map(|step| step.expect("a step") + "\n").collect::<Vec<_>>().concat()
        };
        let known = plan(KNOWN, &[&0, &1, &"[]"]);
        assert!(known.contains("USING INDEX registration_serial (<expr>=? AND serial_number=?)"), "{known}");
        for line in known.lines().filter(|line| line.starts_with("SCAN ")) {
            assert!(line.starts_with("SCAN j VIRTUAL TABLE"), "{known}");
        }
        let any = plan(ANY, &[&0, &"01", &"0:"]);
        assert!(any.contains("registration_serial (<expr>=? AND serial_number>? AND serial_number<?)"), "{any}");
    }
}
