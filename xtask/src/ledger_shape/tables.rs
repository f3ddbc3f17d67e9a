//! The tables of a variant: the ledger's largest ones, with what an insert into them costs and nothing else.

use super::variant::{Serial, Variant};

const BESIDE: &str = "
    CREATE TABLE customer(number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE manufacturer(number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE model(number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE submission(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, file TEXT NOT NULL) STRICT;
    CREATE TABLE range(submission INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
      PRIMARY KEY(submission, first)) STRICT, WITHOUT ROWID;
    CREATE TABLE block(number INTEGER PRIMARY KEY, last_entry INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL)
      STRICT;
    CREATE TABLE call(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, target INTEGER NOT NULL, request_id TEXT NOT NULL,
      correlation_id TEXT NOT NULL) STRICT;
    CREATE TABLE attempt(id INTEGER PRIMARY KEY, call INTEGER NOT NULL REFERENCES call,
      registration INTEGER NOT NULL REFERENCES registration, number INTEGER NOT NULL) STRICT;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
      INSERT INTO customer SELECT i, 'Customer ' || i FROM n;
    INSERT INTO manufacturer SELECT number, 'Manufacturer ' || number FROM customer;
    INSERT INTO model SELECT number, 'Model ' || number FROM customer;";

/// What makes all of the variant's tables, indexes and views.
pub(super) fn schema(variant: &Variant) -> String {
    let mut sql = record(variant) + BESIDE + &indexes(variant) + &views(variant.serial);
    if variant.has("guards") {
        sql += &guards(variant);
    }
    sql
}

fn record(variant: &Variant) -> String {
    let segment = if variant.serial.is_stored() { ", segment INTEGER NOT NULL" } else { "" };
    let keys = if variant.has("outcome-key") {
        "id INTEGER NOT NULL, attempt INTEGER PRIMARY KEY"
    } else {
        "id INTEGER PRIMARY KEY, attempt INTEGER NOT NULL"
    };
    let outcome = if variant.has("only") {
        ", attempt INTEGER, at INTEGER, holder INTEGER, detail TEXT, request_id TEXT, answer TEXT"
    } else {
        ""
    };
    format!(
        "CREATE TABLE registration(id INTEGER PRIMARY KEY, submission INTEGER NOT NULL REFERENCES submission,
           line INTEGER NOT NULL, manufacturer INTEGER REFERENCES manufacturer, model INTEGER REFERENCES model,
           serial_number TEXT, hardware_hash TEXT, order_id TEXT, purchase_id TEXT{segment}) STRICT;
         CREATE TABLE outcome({keys} REFERENCES attempt, at INTEGER NOT NULL, outcome INTEGER NOT NULL, error INTEGER,
           holder INTEGER, detail TEXT, request_id TEXT, answer TEXT) STRICT;
         CREATE TABLE present(registration INTEGER PRIMARY KEY REFERENCES registration, state INTEGER NOT NULL,
           error INTEGER, entry INTEGER NOT NULL, attempts INTEGER NOT NULL, due INTEGER, last_seen INTEGER{outcome})
           STRICT;"
    )
}

fn indexes(variant: &Variant) -> String {
    let mut sql = match variant.serial {
        Serial::None => String::new(),
        Serial::Plain => "CREATE INDEX registration_serial ON registration(serial_number);".to_owned(),
        Serial::Stored(_) | Serial::Block => {
            "CREATE INDEX registration_serial ON registration(segment, serial_number);".to_owned()
        }
        Serial::Expression(shift) => {
            format!("CREATE INDEX registration_serial ON registration(id >> {shift}, serial_number);")
        }
        Serial::Runs => "CREATE TABLE serial(run INTEGER NOT NULL, serial_number TEXT NOT NULL,
             registration INTEGER NOT NULL, PRIMARY KEY(run, serial_number, registration)) STRICT, WITHOUT ROWID;"
            .to_owned(),
    };
    for (word, index) in [
        ("attempt", "CREATE INDEX attempt_registration ON attempt(registration);"),
        ("outcome", "CREATE UNIQUE INDEX outcome_attempt ON outcome(attempt);"),
        ("submission", "CREATE INDEX registration_submission ON registration(submission);"),
    ] {
        if variant.has(word) {
            sql += index;
        }
    }
    sql
}

/// The view as the ledger has it, with the ranges between registration and submission; and without them.
fn views(serial: Serial) -> String {
    let (from, column) = match serial {
        Serial::Runs => ("serial i JOIN registration r ON r.id = i.registration", "i.serial_number"),
        _ => ("registration r", "r.serial_number"),
    };
    let view = |name: &str, submission: &str, range: &str| {
        format!(
            "CREATE VIEW {name} AS SELECT r.id, {submission} AS submission, s.file, r.line, c.text AS customer,
               m.text AS manufacturer, o.text AS model, {column} AS serial_number, coalesce(p.state, 1) AS state, p.error
             FROM {from} {range} LEFT JOIN submission s ON s.id = r.submission
             LEFT JOIN customer c ON c.number = s.customer LEFT JOIN manufacturer m ON m.number = r.manufacturer
             LEFT JOIN model o ON o.number = r.model LEFT JOIN present p ON p.registration = r.id;"
        )
    };
    let range = "JOIN range x ON x.submission = r.submission AND r.id BETWEEN x.first AND x.last";
    view("registrations", "x.submission", range) + &view("registrations_without_ranges", "r.submission", "")
}

fn guards(variant: &Variant) -> String {
    let guard = |table: &str, also: &str| {
        format!(
            "CREATE TRIGGER {table}_kept BEFORE INSERT ON {table}
             WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) {also}
             BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;"
        )
    };
    let mut sql = ["registration", "call", "attempt"].map(|table| guard(table, "")).concat();
    // Without its index, or by the other key, one of the look-ups would be a scan for each row.
    if variant.has("outcome") {
        sql += &guard("outcome", "OR EXISTS (SELECT 1 FROM outcome WHERE attempt = NEW.attempt)");
    } else if !variant.has("outcome-key") {
        sql += &guard("outcome", "");
    }
    sql
}

/// The fixed row of statistics that makes the planner go from segment to segment.
pub(super) fn statistics(serial: Serial) -> Option<&'static str> {
    match serial {
        Serial::None | Serial::Plain => None,
        Serial::Runs => Some("INSERT INTO sqlite_stat1 VALUES('serial', 'serial', '10000000 100000 1 1')"),
        _ => Some("INSERT INTO sqlite_stat1 VALUES('registration', 'registration_serial', '10000000 100000 1')"),
    }
}
