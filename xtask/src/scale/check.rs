//! What the ledger's views and the result files say, and whether it is what it must be.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};

use super::data::{Drop, Expected, line};

/// Opens the ledger as an auditor would.
pub(super) fn open(ledger: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(ledger, flags).context("can't open the ledger")?;
    db.busy_timeout(Duration::from_secs(10))?;
    Ok(db)
}

/// The last result's entry so far.
pub(super) fn last_entry(db: &Connection) -> Result<i64> {
    Ok(db.query_row("SELECT coalesce(max(seq), 0) FROM audit_results", [], |row| row.get(0))?)
}

/// The last result's entry now, and how many final ones there are after `seen`.
pub(super) fn final_results(db: &Connection, seen: i64) -> Result<(i64, usize)> {
    let mut select = db.prepare_cached(
        "SELECT coalesce(max(seq), ?1), count(*) FILTER (WHERE final) FROM audit_results WHERE seq > ?1",
    )?;
    let (last, count): (i64, i64) = select.query_row([seen], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((last, usize::try_from(count)?))
}

/// How many submissions have a final result after `seen`.
pub(super) fn answered(db: &Connection, seen: i64) -> Result<usize> {
    let sql = "SELECT count(DISTINCT submission_id) FROM audit_results WHERE seq > ? AND final";
    Ok(usize::try_from(db.query_row(sql, [seen], |row| row.get::<_, i64>(0))?)?)
}

/// The ledger's size, what is in its log included.
pub(super) fn size(db: &Connection) -> Result<u64> {
    let bytes: i64 =
        db.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| row.get(0))?;
    Ok(u64::try_from(bytes)?)
}

/// The longest time from an acceptance to the submission's first result, of those after `seen`.
pub(super) fn longest_wait(db: &Connection, seen: i64) -> Result<Duration> {
    let milliseconds: f64 = db.query_row(
        "SELECT coalesce(max(waited), 0) FROM (
           SELECT (julianday(min(r.at)) - julianday(s.received_at)) * 86400000.0 AS waited
           FROM audit_results r JOIN audit_submissions s USING (submission_id) WHERE r.seq > ? GROUP BY submission_id)",
        [seen],
        |row| row.get(0),
    )?;
    Ok(Duration::from_secs_f64(milliseconds.max(0.0) / 1_000.0))
}

/// Whether the submissions that got their results after `seen` came out as they must.
pub(super) fn counts(ledger: &Path, seen: i64, expected: &Expected) -> Result<()> {
    let db = open(ledger)?;
    let found = db.query_row(
        "SELECT coalesce(sum(rows), 0), coalesce(sum(ready), 0), coalesce(sum(failed), 0) FROM audit_submissions
         WHERE submission_id IN (SELECT submission_id FROM audit_results WHERE seq > ? AND final)",
        [seen],
        |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?]),
    )?;
    let [rows, ready, failed] = found.map(|number| u64::try_from(number).unwrap_or(0));
    let found = Expected { rows, ready, failed };
    ensure!(found == *expected, "{found:?} in the ledger, not {expected:?}");
    Ok(())
}

/// Whether every row of every result file says what it must.
pub(super) fn results(drop: &Drop) -> Result<()> {
    for (_, place, (first, end)) in &drop.files {
        let path = place.with_extension("result.csv");
        let text = fs::read_to_string(&path).with_context(|| format!("no result at {}", path.display()))?;
        let mut lines = text.lines();
        let headings = lines.next().unwrap_or_default();
        ensure!(
            headings == "Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID",
            "the headings of {} are {headings}",
            path.display()
        );
        // The rival's file holds some of the rows only: what it says is taken as the order.
        let mut rows = *first..*end;
        for found in lines {
            let is_it = |row: &u64| found.starts_with(&line(*row));
            let row = if drop.is_all() { rows.next().filter(is_it) } else { rows.find(is_it) };
            let row = row.with_context(|| format!("{}: what row is {found}?", path.display()))?;
            let (state, error) = drop.fate(row);
            let told = format!("{},{state},{error},", line(row));
            ensure!(found.starts_with(&told), "{}: {found}, not {told}", path.display());
        }
        ensure!(!drop.is_all() || rows.next().is_none(), "{} has too few rows", path.display());
    }
    Ok(())
}
