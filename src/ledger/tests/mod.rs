//! The ledger as its users see it: commands in, and out of the contract's views and the reader what came of them.

mod browse;
mod guards;
mod life;
mod model;
mod opening;
mod plans;
mod tamper;
mod upgrades;
mod verify;

use std::path::PathBuf;

use devicedrop_core::device::{Device, Format, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionEntry, SubmissionId};
use devicedrop_core::registrar::CallIds;
use devicedrop_core::state::{ErrorCode, Outcome};
use devicedrop_core::time::Timestamp;
use rusqlite::Connection;

use super::command::{Finished, KnownFile, NewCall, NewDelivery, NewRegistration, NewSubmission};
use super::{Ledger, Reader, Writer};

/// A ledger in a folder of its own.
pub(super) struct Trial {
    pub(super) folder: tempfile::TempDir,
    ledger: Option<Ledger>,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_356_000_000 + second * 1_000)
}

pub(super) fn counted<T>(things: &[T]) -> u64 {
    u64::try_from(things.len()).expect("not that many")
}

pub(super) fn key(text: &str) -> CustomerKey {
    CustomerKey::parse(text).expect("a customer's key")
}

pub(super) fn device(serial: &str) -> Device {
    Device { manufacturer: "Contoso".into(), model: "Book".into(), serial_number: serial.into() }
}

pub(super) fn registration(number: i64) -> RegistrationId {
    RegistrationId::new(number).expect("a registration's number")
}

pub(super) fn submission(file: &str, content: &str, rows: u64) -> NewSubmission {
    let mut random = [0; 10];
    random.copy_from_slice(&Sha256::of(format!("{file}{content}").as_bytes()).as_bytes()[..10]);
    NewSubmission {
        at: at(0),
        id: SubmissionId::from_parts(1_795_356_000_000, random),
        customer: key("contoso"),
        file: file.into(),
        order_id: Some("PO-1".into()),
        purchase_id: None,
        format: Some(Format::Partner),
        encoding: Some("utf-8".into()),
        delimiter: Some(",".into()),
        sha256: Some(Sha256::of(content.as_bytes())),
        bytes: 100,
        rows,
    }
}

pub(super) fn row(line: u64, serial: &str) -> NewRegistration {
    NewRegistration {
        line,
        manufacturer: Some("Contoso".into()),
        model: Some("Book".into()),
        serial_number: Some(serial.into()),
        ..NewRegistration::default()
    }
}

pub(super) fn bad_row(line: u64) -> NewRegistration {
    let refused = Some((ErrorCode::RowNotValid, format!("Line {line}: the serial number is empty.")));
    NewRegistration { line, manufacturer: Some("Contoso".into()), refused, ..NewRegistration::default() }
}

pub(super) fn delivery(file: &str, second: i64) -> NewDelivery {
    NewDelivery { at: at(second), file: file.into(), owner: Some("sftp".into()), modified_at: Some(at(-9)) }
}

pub(super) fn known(file: &str) -> KnownFile {
    KnownFile {
        customer: key("contoso"),
        path: file.into(),
        dev: u64::MAX,
        ino: 7,
        size: 100,
        mtime_ns: -1,
        ctime_ns: 5,
        born_ns: None,
    }
}

pub(super) fn call(second: i64) -> NewCall {
    NewCall {
        at: at(second),
        registrar: "embedded".into(),
        target: "registry.db".into(),
        ids: CallIds { request_id: None, correlation_id: Some("c-1".into()) },
    }
}

pub(super) fn end(attempt: AttemptId, registration: RegistrationId, second: i64, outcome: Outcome) -> Finished {
    let due = matches!(outcome, Outcome::Deferred | Outcome::Interrupted).then(|| at(second + 60));
    let error = (outcome == Outcome::Failed).then_some(ErrorCode::DeviceNotFound);
    Finished {
        attempt,
        registration,
        at: at(second),
        outcome,
        error,
        holder: None,
        detail: None,
        request_id: None,
        tracking_id: None,
        answer: Some("200".into()),
        due,
    }
}

impl Trial {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut trial = Self { folder, ledger: None };
        trial.open();
        trial
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("state").join("ledger.db")
    }

    pub(super) fn open(&mut self) {
        self.ledger = Some(Ledger::open(&self.path(), true, at(0), "tester").expect("the ledger opens"));
    }

    pub(super) fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("the ledger is open")
    }

    pub(super) fn writer(&self) -> Writer {
        self.ledger().writer()
    }

    pub(super) fn reader(&self) -> Reader {
        self.ledger().reader().expect("the ledger can be read")
    }

    pub(super) fn close(&mut self) {
        self.ledger.take().expect("the ledger is open").close().expect("it closes in order");
    }

    /// Ends as a crash does, as far as the ledger can tell: not marked as left in order.
    pub(super) fn crash(&mut self) {
        self.close();
        let tool = self.foreign();
        let off = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
        tool.set_db_config(off, false).expect("as the daemon's own connection");
        tool.execute("UPDATE run SET clean = 0", []).expect("the mark is gone");
    }

    /// A connection like any tool's.
    pub(super) fn foreign(&self) -> Connection {
        Connection::open(self.path()).expect("any tool opens it")
    }

    /// Rows of a query as text, columns between bars.
    pub(super) fn show(&self, sql: &str) -> String {
        show(&self.foreign(), sql)
    }

    /// An accepted file of these rows.
    pub(super) fn accept(&self, file: &str, rows: Vec<NewRegistration>) -> SubmissionEntry {
        let content = format!("{file} {}", self.show("SELECT count(*) FROM submission"));
        let new = submission(file, &content, counted(&rows));
        self.writer().accept_whole(new, rows, delivery(file, 1), known(file)).wait().expect("the file is accepted")
    }

    /// Attempts these registrations and ends the attempts so.
    pub(super) fn attempt(&self, registrations: &[RegistrationId], second: i64, outcome: Outcome) {
        let started = self.writer().start_call(call(second), registrations.to_vec()).wait().expect("the call starts");
        let ends = started.attempts.iter().zip(registrations).map(|(a, r)| end(*a, *r, second + 1, outcome));
        self.writer().finish_attempts(ends.collect()).wait().expect("the attempts end");
    }
}

pub(super) fn show(db: &Connection, sql: &str) -> String {
    let mut statement = db.prepare(sql).expect("a query");
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("rows");
    let mut text = String::new();
    while let Some(row) = rows.next().expect("a row") {
        let cells = (0..columns).map(|column| match row.get_ref(column).expect("a cell") {
            rusqlite::types::ValueRef::Null => "-".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        });
        text.push_str(&cells.collect::<Vec<_>>().join(" | "));
        text.push('\n');
    }
    text
}
