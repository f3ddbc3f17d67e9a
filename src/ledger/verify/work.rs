//! What is kept of work that isn't done: acceptances that aren't complete, calls that aren't answered, whose turn it is.

use devicedrop_core::ids::{RegistrationId, SubmissionEntry};
use rusqlite::params;

use super::super::error::ReadError;
use super::super::reader::{all, one};
use super::finding::Finding;
use super::{PIECE, TOLD, Verifier};

/// Acceptances that aren't complete, whose counts aren't those of their rows, and submissions of which neither an
/// acceptance nor its completion is kept, or both.
const ACCEPTANCES: &str = "
  SELECT s.id, a.rows, given.rows, a.failed, given.failed
  FROM submission s
  LEFT JOIN acceptance a ON a.submission = s.id LEFT JOIN tally y ON y.submission = s.id
  LEFT JOIN (SELECT x.submission, count(r.id) AS rows,
      count((SELECT 1 FROM transition t WHERE t.registration = r.id AND t.cause = 2)) AS failed
    FROM acceptance o JOIN range x ON x.submission = o.submission
    JOIN registration r ON r.id BETWEEN x.first AND x.last AND r.submission = x.submission
    GROUP BY x.submission) given ON given.submission = s.id
  WHERE (a.submission IS NULL) = (y.submission IS NULL)
    OR a.submission IS NOT NULL
      AND (a.customer <> s.customer OR a.rows <> coalesce(given.rows, 0) OR a.failed <> coalesce(given.failed, 0))
  UNION ALL SELECT a.submission, a.rows, NULL, a.failed, NULL
  FROM acceptance a LEFT JOIN submission s ON s.id = a.submission WHERE s.id IS NULL
  LIMIT 100";

/// Calls, what is kept of their open attempts, and what their attempts come to. These are the entries right behind.
const CALLS: &str = "
  SELECT w.call, w.attempts, w.open,
    (SELECT count(*) FROM attempt a WHERE a.id BETWEEN w.call + 1 AND w.call + w.attempts AND a.call = w.call)
      + EXISTS (SELECT 1 FROM attempt a WHERE a.id = w.call + w.attempts + 1 AND a.call = w.call),
    (SELECT count(*) FROM attempt a LEFT JOIN outcome o ON o.attempt = a.id
      WHERE a.id BETWEEN w.call + 1 AND w.call + w.attempts AND a.call = w.call AND o.id IS NULL)
  FROM open_call w ORDER BY w.call";

/// Calls with an attempt that didn't end, of which nothing is kept.
const FORGOTTEN: &str = "
  SELECT DISTINCT a.call FROM attempt a LEFT JOIN outcome o ON o.attempt = a.id LEFT JOIN open_call w ON w.call = a.call
  WHERE a.id BETWEEN ?1 AND ?2 AND o.id IS NULL AND w.call IS NULL LIMIT 100";

/// Registrations of which nothing else is kept, and that stand on the wrong side of their submission's cursor: those
/// that were never attempted aren't before it, those that were are.
const TURNS: &str = "
  SELECT r.id, c.next FROM registration r
  JOIN tally y ON y.submission = r.submission
  LEFT JOIN present p ON p.registration = r.id
  LEFT JOIN cursor c ON c.customer = y.customer AND c.submission = y.submission
  WHERE r.id BETWEEN ?1 AND ?2 AND p.registration IS NULL
    AND CASE WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.registration = r.id)
      THEN c.next IS NOT NULL AND c.next <= r.id ELSE c.next IS NULL OR c.next > r.id END
  LIMIT 100";

/// Cursors that stand on nothing.
const CURSORS: &str = "
  SELECT c.submission, c.next FROM cursor c LEFT JOIN tally y ON y.submission = c.submission
  WHERE y.customer IS NOT c.customer OR NOT EXISTS (
    SELECT 1 FROM range x JOIN registration r ON r.id = c.next LEFT JOIN present p ON p.registration = r.id
    WHERE x.submission = c.submission AND c.next BETWEEN x.first AND x.last AND p.registration IS NULL
      AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.registration = r.id))
  LIMIT 100";

/// Compares all of it.
pub(super) fn check(verifier: &mut Verifier) -> Result<(), ReadError> {
    acceptances(verifier)?;
    calls(verifier)?;
    let newest = |sql| one(&verifier.db, sql, [], |row| row.get::<_, i64>(0)).map(Option::unwrap_or_default);
    let attempts = newest("SELECT coalesce(max(id), 0) FROM attempt")?;
    let registrations = newest("SELECT coalesce(max(id), 0) FROM registration")?;
    for first in pieces(attempts) {
        let calls: Vec<i64> = all(&verifier.db, FORGOTTEN, params![first, first + PIECE - 1], |row| row.get(0))?;
        for call in calls {
            verifier.tell(Finding::Work {
                entry: call,
                what: "open attempts",
                kept: none(),
                given: "some".to_owned(),
            });
        }
    }
    for first in pieces(registrations) {
        let turns: Vec<(i64, Option<i64>)> =
            all(&verifier.db, TURNS, params![first, first + PIECE - 1], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (registration, next) in turns {
            let Some(registration) = RegistrationId::new(registration) else { continue };
            let kept = next.map_or_else(none, |next| format!("registration {next} comes next"));
            verifier.tell(Finding::Present { registration, what: "turn", kept, given: "another".to_owned() });
        }
    }
    cursors(verifier)
}

/// Where each piece of so many entries begins.
fn pieces(last: i64) -> impl Iterator<Item = i64> {
    std::iter::successors(Some(1_i64), |first| first.checked_add(PIECE)).take_while(move |first| *first <= last)
}

fn none() -> String {
    "nothing".to_owned()
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(none, |number| number.to_string())
}

type Acceptance = (i64, [Option<i64>; 4]);

fn acceptances(verifier: &mut Verifier) -> Result<(), ReadError> {
    let found: Vec<Acceptance> = all(&verifier.db, ACCEPTANCES, [], |row| {
        Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
    })?;
    for (submission, [rows, given_rows, failed, given_failed]) in found {
        let Some(submission) = SubmissionEntry::new(submission) else { continue };
        let said =
            |rows: Option<i64>, failed: Option<i64>| format!("rows {}, failed {}", number(rows), number(failed));
        let (kept, given) = (said(rows, failed), said(given_rows, given_failed));
        verifier.tell(Finding::Submission { submission, what: "acceptance under way", kept, given });
    }
    Ok(())
}

fn calls(verifier: &mut Verifier) -> Result<(), ReadError> {
    let mut found = Vec::new();
    {
        let mut calls = verifier.db.prepare(CALLS)?;
        let mut rows = calls.query([])?;
        while let Some(row) = rows.next()? {
            let [call, attempts, open, given, given_open]: [i64; 5] =
                [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            if (attempts, open) != (given, given_open) && found.len() < TOLD {
                let said = |attempts: i64, open: i64| format!("{open} of {attempts}");
                found.push((call, said(attempts, open), said(given, given_open)));
            }
        }
    }
    for (entry, kept, given) in found {
        verifier.tell(Finding::Work { entry, what: "open attempts", kept, given });
    }
    Ok(())
}

fn cursors(verifier: &mut Verifier) -> Result<(), ReadError> {
    let found: Vec<(i64, i64)> = all(&verifier.db, CURSORS, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (submission, next) in found {
        let Some(submission) = SubmissionEntry::new(submission) else { continue };
        let kept = format!("registration {next}");
        verifier.tell(Finding::Submission { submission, what: "next row", kept, given: "another".to_owned() });
    }
    Ok(())
}
