//! Look-ups in a loaded variant, as an auditor's tool makes them: their plans and times, by our SQLite and by the
//! system's.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;

use super::data::{mix, serial};

/// Look-ups of each kind; a kind that scans is broken off after a while.
const TIMES: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(3);

/// A kind of look-up, and its statements with a key in each.
type Question = (&'static str, Vec<String>);

/// Runs `after`, prints the planner's statistics, then asks everything in both ways.
pub(super) fn look(path: &Path, rows: u64, after: &str, out: &mut impl Write) -> Result<()> {
    Connection::open(path)?.execute_batch(after)?;
    let db = Connection::open(path)?;
    writeln!(out, "    statistics: {}", statistics(&db)?.join(", "))?;
    let questions = questions(rows);
    writeln!(out, "    SQLite {} (ours)", rusqlite::version())?;
    for (name, statements) in &questions {
        let (plan, mut times, found) = ask(&db, statements)?;
        times.sort_unstable();
        let part = |hundredths: usize| times.get(times.len() * hundredths / 100).map_or(0, Duration::as_micros);
        let (half, most, asked) = (part(50), part(99), times.len());
        writeln!(out, "      {name}: p50 {half} us, p99 {most} us, {found} found by {asked}; {plan}")?;
    }
    out.flush()?;
    by_python(path, &questions, out)
}

/// The planner's statistics, of which there may be no table.
fn statistics(db: &Connection) -> Result<Vec<String>> {
    let there = db.prepare("SELECT coalesce(idx, tbl) || ' ' || stat FROM sqlite_stat1");
    let Ok(mut select) = there else { return Ok(Vec::new()) };
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn questions(rows: u64) -> Vec<Question> {
    let many = |filter: &dyn Fn(&str) -> String| -> Vec<String> {
        let keys = (0..TIMES).map(|n| serial(mix(n) % rows));
        keys.map(|key| format!("SELECT * FROM registrations WHERE {}", filter(&key))).collect()
    };
    let start = |key: &str| key.chars().take(4).collect::<String>();
    let all = |sql: &str| vec![sql.to_owned(); 20];
    vec![
        ("serial number", many(&|key| format!("serial_number = '{key}'"))),
        ("one that isn't there", many(&|key| format!("serial_number = '{}-'", start(key)))),
        (
            "4 characters, range",
            many(&|key| format!("serial_number >= '{0}' AND serial_number < '{0}~' LIMIT 100", start(key))),
        ),
        ("4 characters, GLOB", many(&|key| format!("serial_number GLOB '{}*' LIMIT 100", start(key)))),
        ("4 characters, LIKE", many(&|key| format!("serial_number LIKE '{}%' LIMIT 100", start(key)))),
        ("id", all("SELECT * FROM registrations WHERE id = 77")),
        ("submission", all("SELECT * FROM registrations WHERE submission = 1 LIMIT 100")),
        (
            "submission that isn't there, view without ranges",
            all("SELECT * FROM registrations_without_ranges WHERE submission = 0 LIMIT 100"),
        ),
    ]
}

/// The plan of the first statement as far as it is decided, the time that each took, and the rows found.
fn ask(db: &Connection, statements: &[String]) -> Result<(String, Vec<Duration>, usize)> {
    let first = statements.first().context("nothing to ask")?;
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {first}"))?;
    let plan: Vec<String> = explain.query_map([], |row| row.get(3))?.collect::<rusqlite::Result<_>>()?;
    let (mut times, mut found, began) = (Vec::new(), 0, Instant::now());
    for sql in statements {
        let start = Instant::now();
        let mut select = db.prepare(sql)?;
        let mut rows = select.query([])?;
        while rows.next()?.is_some() {
            found += 1;
        }
        times.push(start.elapsed());
        if began.elapsed() > PATIENCE {
            break;
        }
    }
    Ok((plan.get(..2).unwrap_or(&plan).join(" / "), times, found))
}

/// Python's SQLite is the system's, which is older than ours as a rule.
fn by_python(path: &Path, questions: &[Question], out: &mut impl Write) -> Result<()> {
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("look.py")]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut python) = command.spawn() else {
        writeln!(out, "    no python3 here, so the system's SQLite isn't asked")?;
        return Ok(());
    };
    let mut input = python.stdin.take().context("python3 without an input")?;
    for (name, statements) in questions {
        for sql in statements {
            writeln!(input, "{name}\t{sql}")?;
        }
    }
    drop(input);
    let answer = python.wait_with_output()?;
    anyhow::ensure!(answer.status.success(), "python3 failed: {}", answer.status);
    Ok(out.write_all(&answer.stdout)?)
}
