//! A small ledger in which everything stands that a ledger can hold.

use std::path::Path;

use anyhow::{Context, Result, bail};
use devicedrop::ledger::command::{
    Finished, KnownFile, NewAction, NewCall, NewDelivery, NewRegistration, NewResult, NewSubmission, Resolution,
};
use devicedrop::ledger::{Ledger, LedgerLock, Writer, copy};
use devicedrop_core::device::{Device, Format, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionEntry, SubmissionId};
use devicedrop_core::registrar::CallIds;
use devicedrop_core::state::{ErrorCode, Outcome};
use devicedrop_core::time::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_356_000_000 + second * 1_000)
}

fn customer(name: &str) -> Result<CustomerKey> {
    CustomerKey::parse(name).context("a customer's key")
}

fn device(serial: &str) -> Device {
    Device { manufacturer: "Contoso".into(), model: "Book".into(), serial_number: serial.into() }
}

fn row(line: u64, serial: &str) -> NewRegistration {
    let Device { manufacturer, model, serial_number } = device(serial);
    NewRegistration {
        line,
        manufacturer: Some(manufacturer),
        model: Some(model),
        serial_number: Some(serial_number),
        order_id: line.is_multiple_of(2).then(|| format!("PO-{line}")),
        ..NewRegistration::default()
    }
}

fn bad_row(line: u64) -> NewRegistration {
    let refused = Some((ErrorCode::RowNotValid, format!("Line {line}: the serial number is empty.")));
    NewRegistration { line, manufacturer: Some("Contoso".into()), refused, ..NewRegistration::default() }
}

/// A ledger that is being made.
struct Small {
    writer: Writer,
    taken: u8,
}

impl Small {
    fn file(&mut self, name: &str, rows: usize) -> Result<(NewSubmission, NewDelivery, KnownFile)> {
        self.taken += 1;
        let customer = customer(if self.taken.is_multiple_of(3) { "fabrikam" } else { "contoso" })?;
        let new = NewSubmission {
            at: at(i64::from(self.taken)),
            id: SubmissionId::from_parts(1_795_356_000_000, [self.taken; 10]),
            customer: customer.clone(),
            file: name.into(),
            order_id: Some("PO-1".into()),
            purchase_id: None,
            format: Some(Format::Partner),
            encoding: Some("utf-8".into()),
            delimiter: Some("comma".into()),
            sha256: Some(Sha256::of(&[self.taken])),
            bytes: 100,
            rows: u64::try_from(rows)?,
        };
        let delivery = NewDelivery {
            at: at(i64::from(self.taken)),
            file: name.into(),
            owner: Some("sftp".into()),
            modified_at: Some(at(-9)),
        };
        let known = KnownFile {
            customer,
            path: name.into(),
            dev: 5,
            ino: 7,
            size: 100,
            mtime_ns: -1,
            ctime_ns: 5,
            born_ns: None,
        };
        Ok((new, delivery, known))
    }

    fn accept(&mut self, name: &str, rows: Vec<NewRegistration>) -> Result<SubmissionEntry> {
        let (new, delivery, known) = self.file(name, rows.len())?;
        Ok(self.writer.accept_whole(new, rows, delivery, known).wait()?)
    }

    fn start(&self, second: i64, rows: &[RegistrationId]) -> Result<Vec<AttemptId>> {
        let call = NewCall {
            at: at(second),
            registrar: "embedded".into(),
            target: "registry.db".into(),
            ids: CallIds {
                request_id: (second % 4 == 0).then(|| format!("r-{second}")),
                correlation_id: Some("c-1".into()),
            },
        };
        let started = self.writer.start_call(call, rows.to_vec()).wait()?;
        if second == 16 {
            self.writer.track(started.call, "t-1".into()).wait()?;
        }
        Ok(started.attempts)
    }

    fn attempt(&self, rows: &[RegistrationId], second: i64, outcome: Outcome) -> Result<()> {
        let attempts = self.start(second, rows)?;
        let due = matches!(outcome, Outcome::Deferred).then(|| at(second + 60));
        let ends = attempts.iter().zip(rows).map(|(attempt, registration)| Finished {
            attempt: *attempt,
            registration: *registration,
            at: at(second + 1),
            outcome,
            error: (outcome == Outcome::Failed).then_some(ErrorCode::DeviceNotFound),
            holder: None,
            detail: Some("as told".into()),
            request_id: None,
            tracking_id: None,
            answer: Some("200".into()),
            due,
        });
        self.writer.finish_attempts(ends.collect()).wait()?;
        Ok(())
    }
}

/// Makes it in `folder`, and a copy with small pages at `copy`.
pub(super) fn make(folder: &Path, small: &Path) -> Result<()> {
    let path = folder.join("state/ledger.db");
    let ledger = Ledger::open(&path, true, at(0), "tester")?;
    fill(&mut Small { writer: ledger.writer(), taken: 0 }, &ledger)?;
    ledger.close()?;
    let lock = LedgerLock::take(&path)?;
    copy::open_epoch(&path, &lock, at(50), "ann", "a trial")?;
    drop(lock);
    super::with_small_pages(&path, small)
}

fn fill(small: &mut Small, ledger: &Ledger) -> Result<()> {
    let contoso = customer("contoso")?;
    let writer = small.writer.clone();
    let rows = (2..=9).map(|line| row(line, &format!("A{line}"))).chain([bad_row(10)]).collect();
    let entry = small.accept("a.csv", rows)?;
    let due = ledger.reader()?.next_due(&contoso, at(2), 9, &[])?;
    let ids: Vec<_> = due.iter().map(|due| due.registration).collect();
    let &[one, two, three, four, five, six, seven, ..] = ids.as_slice() else { bail!("seven rows are due: {ids:?}") };
    small.attempt(&[one, two], 10, Outcome::Registered)?;
    small.attempt(&[three], 12, Outcome::Failed)?;
    small.attempt(&[four], 14, Outcome::Deferred)?;
    small.start(16, &[five, six])?;
    small.start(18, &[seven])?;
    writer.resolve(seven, Resolution::Retry, "asked".into(), "ann".into(), at(19)).wait()?;
    writer.seen(vec![(one, at(20)), (two, at(20))], at(21)).wait()?;
    writer.unseen(vec![two], at(22)).wait()?;
    let result = NewResult {
        at: at(23),
        submission: entry,
        file: "a.result.csv".into(),
        sha256: Sha256::of(b"result"),
        last: false,
    };
    writer.result_written(result).wait()?;
    writer.refuse(contoso.clone(), "a.xlsx".into(), "not_a_csv".into(), at(24)).wait()?;
    small.accept("b.csv", vec![bad_row(2)])?;
    small.accept("f.csv", vec![row(2, "F2"), row(3, "F3")])?;
    small.accept("a.csv", vec![row(2, "A2")])?;
    let (new, delivery, known) = small.file("c.csv", 0)?;
    writer.reject(new, "no headings".into(), delivery, known).wait()?;
    // One whose rows aren't all there yet.
    let (mut open, ..) = small.file("open.csv", 3)?;
    open.format = Some(Format::SelfService);
    let open = writer.open_submission(open).wait()?;
    let hashed = NewRegistration { hardware_hash: Some("T0E".repeat(40)), ..row(2, "H2") };
    writer.add_registrations(open, vec![hashed, row(3, "H3")]).wait()?;
    writer.release(contoso.clone(), device("A2"), "ann".into(), at(31)).wait()?;
    writer.note(Some(contoso), "folder".into(), "dev".into(), Some("5".into())).wait()?;
    let act = NewAction {
        at: at(40),
        actor: "ann".into(),
        action: "stop".into(),
        subject: None,
        reason: Some("tea".into()),
    };
    writer.act(act).wait()?;
    Ok(())
}
