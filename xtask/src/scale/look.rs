//! Questions of the kind that people ask a ledger, and how long each answer takes: `src/ledger/tests/plans.rs` shows
//! how the planner goes about them.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Each is asked once, which may wait for the disk, and then so often; the slowest counts.
const TIMES: usize = 5;

/// What an answer may take. It is said of those that took longer, and is no failure: a busy machine needs more.
const LONGEST: Duration = Duration::from_millis(100);

/// Questions, with something that is in the ledger in place of what stands in braces; and whether the answer may take no
/// longer than [`LONGEST`].
const QUESTIONS: [(&str, &str, bool); 19] = [
    ("serial number", "SELECT * FROM audit_registrations WHERE serial_number = '{serial}'", true),
    (
        "serial numbers that begin so",
        "SELECT * FROM audit_registrations WHERE serial_number GLOB '{begin}*' LIMIT 100",
        true,
    ),
    (
        "its latest transition",
        "SELECT * FROM audit_transitions WHERE serial_number = '{serial}' ORDER BY seq DESC LIMIT 1",
        true,
    ),
    ("its attempts", "SELECT * FROM audit_attempts WHERE serial_number = '{serial}' ORDER BY attempt_id", true),
    (
        "the first rows of a submission",
        "SELECT * FROM audit_registrations WHERE submission_id = '{submission}' LIMIT 100",
        true,
    ),
    (
        "ten thousand rows of a submission",
        "SELECT * FROM audit_registrations WHERE submission_id = '{submission}' LIMIT 10000",
        true,
    ),
    (
        "its failed rows, the first",
        "SELECT * FROM audit_registrations WHERE submission_id = '{submission}' AND error IS NOT NULL LIMIT 100",
        true,
    ),
    (
        "rows with an error, the first",
        "SELECT * FROM audit_registrations WHERE error = 'device_not_found' ORDER BY registration_id LIMIT 100",
        true,
    ),
    (
        "a customer's rows with an error",
        "SELECT * FROM audit_registrations WHERE customer = '{customer}' AND error = 'row_not_valid' LIMIT 100",
        true,
    ),
    (
        "transitions of a second, the first",
        "SELECT * FROM audit_transitions WHERE at >= '{from}' AND at < '{to}' ORDER BY seq LIMIT 100",
        true,
    ),
    ("transitions since the last file, counted", "SELECT count(*) FROM audit_transitions WHERE at >= '{at}'", true),
    (
        "a customer's rows in a state, the newest",
        "SELECT * FROM audit_registrations WHERE customer = '{customer}' AND state = 'ready_for_user'
         ORDER BY registration_id DESC LIMIT 100",
        true,
    ),
    (
        "files of a span of time",
        "SELECT * FROM audit_submissions WHERE received_at >= '{at}' ORDER BY received_at LIMIT 100",
        true,
    ),
    ("the newest transitions", "SELECT * FROM audit_transitions ORDER BY seq DESC LIMIT 100", true),
    ("the newest devices", "SELECT * FROM audit_devices ORDER BY registration_id DESC LIMIT 100", true),
    (
        "a customer's rows in a state, the first",
        "SELECT * FROM audit_registrations WHERE customer = '{customer}' AND state = 'ready_for_user' LIMIT 100",
        true,
    ),
    (
        "a customer's rows in a state, counted",
        "SELECT count(*) FROM audit_registrations WHERE customer = '{customer}' AND state = 'registration_failed'",
        false,
    ),
    (
        "rows with an error, counted",
        "SELECT count(*) FROM audit_registrations WHERE error = 'device_not_found'",
        false,
    ),
    (
        "transitions of a second, counted",
        "SELECT count(*) FROM audit_transitions WHERE at >= '{from}' AND at < '{to}'",
        false,
    ),
];

/// Asks them all, and says how long each took.
pub(super) fn look(ledger: &Path, out: &mut impl Write) -> Result<()> {
    let db = super::check::open(ledger)?;
    let rows: i64 = db.query_row("SELECT count(*) FROM audit_registrations", [], |row| row.get(0))?;
    let [serial, submission, customer, from, to, at] = db
        .query_row(
            "SELECT serial_number, submission_id, customer, since,
               strftime('%Y-%m-%dT%H:%M:%fZ', since, '+1 second'), (SELECT max(received_at) FROM audit_submissions)
             FROM audit_registrations
             WHERE submission_id = (SELECT submission_id FROM audit_submissions ORDER BY rows DESC LIMIT 1)
               AND state = 'ready_for_user' LIMIT 1 OFFSET 1000",
            [],
            |row| Ok([row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]),
        )
        .context("a registration of the longest file")?;
    writeln!(out, "  questions to the views over {rows} registrations, the slowest of {TIMES}:")?;
    for (name, sql, limited) in QUESTIONS {
        let begin: String = serial.chars().take(serial.chars().count().saturating_sub(2)).collect();
        let sql = sql.replace("{serial}", &serial).replace("{begin}", &begin).replace("{submission}", &submission);
        let sql = sql.replace("{customer}", &customer).replace("{at}", &at);
        let sql = sql.replace("{from}", &from).replace("{to}", &to);
        ask(&db, &sql)?;
        let mut slowest = Duration::ZERO;
        for _ in 0..TIMES {
            slowest = slowest.max(ask(&db, &sql)?);
        }
        let mark = match (limited, slowest > LONGEST) {
            (true, true) => "  (too long, unless the machine is busy)",
            (true, false) => "",
            (false, _) => "  (over all rows of it)",
        };
        writeln!(out, "    {name:40}{:>10.2} ms{mark}", slowest.as_secs_f64() * 1_000.0)?;
    }
    Ok(())
}

/// Asks once, and reads the whole answer.
fn ask(db: &Connection, sql: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut statement = db.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut read = 0_usize;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            read += usize::from(!matches!(row.get_ref(column)?, ValueRef::Null));
        }
    }
    ensure!(read > 0, "no answer to {sql}");
    Ok(began.elapsed())
}
