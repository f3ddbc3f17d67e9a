//! What is kept of each submission, its counts and where its file lies, worked out from the record.

use devicedrop_core::ids::SubmissionEntry;
use devicedrop_core::time::Timestamp;
use rusqlite::{Row, params};

use super::super::error::ReadError;
use super::super::reader::{all, one};
use super::finding::Finding;
use super::{PIECE, Part, Progress, Verifier, Watch};

/// What is kept of the submissions of some entries, and what their rows come to. `left` is the last entry by which a
/// row left the state pending.
const COUNTED: &str = "
  SELECT y.submission, s.outcome, s.rows,
    y.rows, y.pending, y.ready, y.failed, y.already, y.completed_at, y.path,
    count(r.id),
    coalesce(sum(r.id IS NOT NULL AND coalesce(p.state, 1) = 1), 0),
    coalesce(sum(p.state IN (3, 4, 5)), 0), coalesce(sum(p.state = 2), 0),
    coalesce(sum(EXISTS (SELECT 1 FROM attempt a JOIN outcome e ON e.attempt = a.id
      WHERE a.registration = r.id AND e.outcome = 2)), 0),
    coalesce(sum(r.submission <> y.submission), 0),
    max(max(
      coalesce((SELECT max(e.id) FROM attempt a JOIN outcome e ON e.attempt = a.id
        WHERE a.registration = r.id AND e.outcome IN (1, 2, 3)), 0),
      coalesce((SELECT max(e.id) FROM transition e WHERE e.registration = r.id AND e.from_state = 1), 0),
      coalesce((SELECT max(d.id) FROM delivery d WHERE d.submission = y.submission AND d.kind = 1), 0))),
    (SELECT d.file FROM delivery d WHERE d.submission = y.submission ORDER BY d.id DESC LIMIT 1)
  FROM tally y
  JOIN submission s ON s.id = y.submission
  LEFT JOIN range x ON x.submission = y.submission
  LEFT JOIN registration r ON r.id BETWEEN x.first AND x.last
  LEFT JOIN present p ON p.registration = r.id
  WHERE y.submission BETWEEN ?1 AND ?2
  GROUP BY y.submission";

/// Deliveries, path by path, the last one first, with what is kept of their submissions.
const PLACED: &str = "
  SELECT s.customer, d.file, d.submission, s.outcome, y.superseded_by,
    d.id = (SELECT max(l.id) FROM delivery l WHERE l.submission = d.submission)
  FROM delivery d JOIN submission s ON s.id = d.submission JOIN tally y ON y.submission = d.submission
  ORDER BY s.customer, d.file, d.id DESC";

struct Counted {
    submission: i64,
    accepted: bool,
    said: i64,
    kept: [i64; 5],
    given: [i64; 5],
    foreign: i64,
    completed_at: Option<i64>,
    left: i64,
    path: String,
    last_path: Option<String>,
}

const COUNTS: [&str; 5] = ["rows", "pending", "ready", "failed", "already"];

fn counted(row: &Row<'_>) -> rusqlite::Result<Counted> {
    let five = |first: usize| -> rusqlite::Result<[i64; 5]> {
        Ok([row.get(first)?, row.get(first + 1)?, row.get(first + 2)?, row.get(first + 3)?, row.get(first + 4)?])
    };
    Ok(Counted {
        submission: row.get(0)?,
        accepted: row.get::<_, i64>(1)? == 1,
        said: row.get(2)?,
        kept: five(3)?,
        given: five(10)?,
        foreign: row.get(15)?,
        completed_at: row.get(8)?,
        left: row.get(16)?,
        path: row.get(9)?,
        last_path: row.get(17)?,
    })
}

/// Compares all of them. False when `watch` stopped it.
pub(super) fn check(verifier: &mut Verifier, watch: Watch<'_>) -> Result<bool, ReadError> {
    let last: i64 =
        one(&verifier.db, "SELECT coalesce(max(submission), 0) FROM tally", [], |row| row.get(0))?.unwrap_or(0);
    let of = u64::try_from(last).unwrap_or(0);
    let mut first = 1;
    while first <= last {
        let end = first.saturating_add(PIECE - 1);
        let piece = all(&verifier.db, COUNTED, params![first, end], counted)?;
        for counted in &piece {
            compare(verifier, counted)?;
        }
        first = end + 1;
        let done = u64::try_from(end.min(last)).unwrap_or(0);
        if !watch(Progress { part: Part::Submissions, done, of }) {
            return Ok(false);
        }
    }
    places(verifier)?;
    untallied(verifier)?;
    Ok(true)
}

fn compare(verifier: &mut Verifier, counted: &Counted) -> Result<(), ReadError> {
    let given_at = completed(verifier, counted)?;
    let Some(submission) = SubmissionEntry::new(counted.submission) else { return Ok(()) };
    let mut tell = |what, kept: String, given: String| {
        verifier.tell(Finding::Submission { submission, what, kept, given });
    };
    for (what, (kept, given)) in COUNTS.into_iter().zip(counted.kept.into_iter().zip(counted.given)) {
        if kept != given {
            tell(what, kept.to_string(), given.to_string());
        }
    }
    let [rows, pending, ..] = counted.given;
    if counted.accepted && counted.said != rows {
        tell("number of rows", counted.said.to_string(), rows.to_string());
    }
    if counted.foreign != 0 {
        tell("rows of other submissions", counted.foreign.to_string(), "none".to_owned());
    }
    let given_at = given_at.filter(|_| pending == 0);
    if counted.completed_at != given_at {
        let time =
            |at: Option<i64>| at.map_or_else(|| "nothing".to_owned(), |at| Timestamp::from_unix_ms(at).to_string());
        tell("time of completion", time(counted.completed_at), time(given_at));
    }
    if counted.last_path.as_deref() != Some(&counted.path) {
        tell("path", counted.path.clone(), counted.last_path.clone().unwrap_or_else(|| "nothing".to_owned()));
    }
    Ok(())
}

/// When the entry was made by which the last row left the state pending, or the submission was accepted.
fn completed(verifier: &Verifier, counted: &Counted) -> Result<Option<i64>, ReadError> {
    one(
        &verifier.db,
        "SELECT at FROM outcome WHERE id = ?1 UNION ALL SELECT at FROM transition WHERE id = ?1
         UNION ALL SELECT at FROM delivery WHERE id = ?1",
        [counted.left],
        |row| row.get(0),
    )
}

/// Which content is the newest of its path.
fn places(verifier: &mut Verifier) -> Result<(), ReadError> {
    let mut found = Vec::new();
    {
        let mut placed = verifier.db.prepare(PLACED)?;
        let mut rows = placed.query([])?;
        let mut path: Option<(i64, String)> = None;
        let mut newest: Option<i64> = None;
        while let Some(row) = rows.next()? {
            let here = (row.get(0)?, row.get(1)?);
            if path.as_ref() != Some(&here) {
                (path, newest) = (Some(here), None);
            }
            let (submission, accepted): (i64, bool) = (row.get(2)?, row.get::<_, i64>(3)? == 1);
            let last: bool = row.get(5)?;
            let kept: Option<i64> = row.get(4)?;
            // A rejected one that was moved stays superseded by what lay where it came from.
            if last && accepted && kept != newest {
                found.push((submission, kept, newest));
            }
            if accepted && newest.is_none() {
                newest = Some(submission);
            }
        }
    }
    for (submission, kept, given) in found {
        let Some(submission) = SubmissionEntry::new(submission) else { continue };
        let entry = |entry: Option<i64>| entry.map_or_else(|| "nothing".to_owned(), |entry| format!("entry {entry}"));
        verifier.tell(Finding::Submission {
            submission,
            what: "newer content at its path",
            kept: entry(kept),
            given: entry(given),
        });
    }
    Ok(())
}

/// Submissions whose acceptance was completed and of which nothing is kept, and the other way round.
fn untallied(verifier: &mut Verifier) -> Result<(), ReadError> {
    let found: Vec<(i64, bool)> = all(
        &verifier.db,
        "SELECT d.submission, 1 FROM delivery d LEFT JOIN tally y ON y.submission = d.submission
         WHERE d.kind = 1 AND y.submission IS NULL
         UNION ALL
         SELECT y.submission, 0 FROM tally y
         LEFT JOIN delivery d ON d.submission = y.submission AND d.kind = 1
         LEFT JOIN submission s ON s.id = y.submission WHERE d.id IS NULL OR s.id IS NULL LIMIT 100",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (submission, recorded) in found {
        let Some(submission) = SubmissionEntry::new(submission) else { continue };
        let (kept, given) = if recorded { ("nothing", "accepted") } else { ("accepted", "no acceptance") };
        let what = "acceptance";
        verifier.tell(Finding::Submission { submission, what, kept: kept.to_owned(), given: given.to_owned() });
    }
    Ok(())
}
