//! Look-ups over a small ledger and a small inventory, as the commands ask for them.

use std::path::Path;
use std::sync::Arc;

use devicedrop_core::device::{Device, Format, Sha256};
use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::registrar::CallIds;
use devicedrop_core::state::Outcome;
use insta::assert_snapshot;

use super::*;
use crate::cli::exit::Exit;
use crate::config::{Places, parse};
use crate::ledger::command::{Finished, KnownFile, NewCall, NewDelivery, NewRegistration, NewSubmission};
use crate::ledger::{Ledger, Writer};
use crate::registrar::embedded::{self, Embedded, Settings};

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_356_000_000 + second * 1_000)
}

fn key(text: &str) -> CustomerKey {
    CustomerKey::parse(text).unwrap()
}

fn device(serial: &str) -> Device {
    Device { manufacturer: "Contoso".into(), model: "Book".into(), serial_number: serial.into() }
}

fn number(number: i64) -> RegistrationId {
    RegistrationId::new(number).unwrap()
}

fn config(folder: &Path, text: &str) -> Config {
    let places = Places { root: folder.join("drop"), state: folder.join("state") };
    parse(&folder.join("devicedrop.toml"), text.as_bytes(), &places).unwrap()
}

/// A ledger in a folder of its own, still open for writing, as while a daemon runs.
struct Scene {
    folder: tempfile::TempDir,
    config: Config,
    writer: Writer,
    _ledger: Ledger,
}

fn submission(customer: &str, file: &str, order_id: Option<&str>, second: i64) -> NewSubmission {
    let ms = u64::try_from(at(second).unix_ms()).unwrap();
    NewSubmission {
        at: at(second),
        id: SubmissionId::from_parts(ms, [7; 10]),
        customer: key(customer),
        file: file.into(),
        order_id: order_id.map(Into::into),
        purchase_id: None,
        format: Some(Format::Partner),
        encoding: Some("utf-8".into()),
        delimiter: Some(",".into()),
        sha256: Some(Sha256::of(file.as_bytes())),
        bytes: 100,
        rows: 0,
    }
}

fn arrival(customer: &str, file: &str, second: i64) -> (NewDelivery, KnownFile) {
    let delivery = NewDelivery { at: at(second), file: file.into(), owner: None, modified_at: None };
    let (customer, path) = (key(customer), file.into());
    let known = KnownFile { customer, path, dev: 1, ino: 7, size: 100, mtime_ns: 1, ctime_ns: 5, born_ns: None };
    (delivery, known)
}

fn line(line: u64, serial: &str) -> NewRegistration {
    let Device { manufacturer, model, serial_number } = device(serial);
    NewRegistration {
        line,
        manufacturer: Some(manufacturer),
        model: Some(model),
        serial_number: Some(serial_number),
        ..NewRegistration::default()
    }
}

impl Scene {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "");
        let ledger = Ledger::open(&config.ledger.path, true, at(0), "tester").unwrap();
        Self { folder, config, writer: ledger.writer(), _ledger: ledger }
    }

    /// Two customers, three files, two of them taken.
    fn new() -> Self {
        let scene = Self::empty();
        let own_order = NewRegistration { order_id: Some("PO-9".into()), ..line(4, "A10") };
        let bad = NewRegistration {
            serial_number: None,
            refused: Some((ErrorCode::RowNotValid, "Line 5: the serial number is empty.".into())),
            ..line(5, "")
        };
        scene.take(
            "contoso",
            "PO-7/devices.csv",
            Some("PO-7"),
            1,
            vec![line(2, "A1"), line(3, "A2"), own_order, bad],
        );
        scene.take("fabrikam", "A1.csv", Some("A1"), 2, vec![line(2, "A1X"), line(3, "A1")]);
        let (delivery, known) = arrival("fabrikam", "broken.csv", 3);
        let why = "It has no data row.".into();
        scene.writer.reject(submission("fabrikam", "broken.csv", None, 3), why, delivery, known).wait().unwrap();
        scene.attempt(&[3, 4], Some("req-1"), 10, &[Outcome::Registered, Outcome::Failed]);
        scene.attempt(&[5], None, 20, &[Outcome::Failed]);
        scene.writer.seen(vec![(number(3), at(100))], at(101)).wait().unwrap();
        scene
    }

    fn take(&self, customer: &str, file: &str, order_id: Option<&str>, second: i64, rows: Vec<NewRegistration>) {
        let (delivery, known) = arrival(customer, file, second);
        let mut new = submission(customer, file, order_id, second);
        new.rows = u64::try_from(rows.len()).unwrap();
        self.writer.accept_whole(new, rows, delivery, known).wait().unwrap();
    }

    fn attempt(&self, registrations: &[i64], request_id: Option<&str>, second: i64, outcomes: &[Outcome]) {
        let registrations: Vec<_> = registrations.iter().copied().map(number).collect();
        let call = NewCall {
            at: at(second),
            registrar: "embedded".into(),
            target: "registry".into(),
            ids: CallIds { request_id: request_id.map(Into::into), correlation_id: None },
        };
        let started = self.writer.start_call(call, registrations.clone()).wait().unwrap();
        let ended =
            started.attempts.iter().zip(&registrations).zip(outcomes).map(|((attempt, registration), outcome)| {
                Finished {
                    attempt: *attempt,
                    registration: *registration,
                    at: at(second + 1),
                    outcome: *outcome,
                    error: (*outcome == Outcome::Failed).then_some(ErrorCode::DeviceNotFound),
                    holder: None,
                    detail: None,
                    request_id: None,
                    tracking_id: None,
                    answer: None,
                    due: None,
                }
            });
        self.writer.finish_attempts(ended.collect()).wait().unwrap();
    }

    fn look(&self, look: &Look) -> Result<Page, Failure> {
        LedgerLookups::open(&self.config).unwrap().look_up(look)
    }

    /// All pages of one row each, and the one page of all: they must be the same.
    fn all(&self, subject: Subject, filters: Filters) -> Vec<Row> {
        let whole = self.look(&Look { subject: subject.clone(), filters: filters.clone(), limit: 100, after: None });
        let whole = whole.unwrap();
        assert_eq!(whole.next, None);
        let mut look = Look { subject, filters, limit: 1, after: None };
        let mut rows = Vec::new();
        loop {
            let page = self.look(&look).unwrap();
            rows.extend(page.rows);
            look.after = page.next;
            if look.after.is_none() {
                break;
            }
        }
        assert_eq!(rows, whole.rows, "pages of one row");
        rows
    }

    fn show(&self, subject: Subject, filters: Filters, columns: &[&str]) -> String {
        shown(&self.all(subject, filters), columns)
    }
}

fn shown(rows: &[Row], columns: &[&str]) -> String {
    let mut text = String::new();
    for row in rows {
        let held = columns.iter().filter_map(|column| row.iter().find(|(name, _)| name == column));
        let cells: Vec<String> = held.map(|(_, value)| value.to_string().replace('"', "")).collect();
        text.push_str(&cells.join(" | "));
        text.push('\n');
    }
    text
}

fn of(customer: &str) -> Filters {
    Filters { customer: Some(key(customer)), ..Filters::default() }
}

fn in_state(state: State) -> Filters {
    Filters { state: Some(state), ..Filters::default() }
}

fn with_error(error: ErrorCode) -> Filters {
    Filters { error: Some(error), ..Filters::default() }
}

fn from(second: i64) -> Filters {
    Filters { since: Some(at(second)), ..Filters::default() }
}

mod embedded_inventory;
mod finding;
mod lists;
mod refusals;
