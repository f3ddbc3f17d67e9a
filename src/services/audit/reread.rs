//! Archived originals read again, each by the format, the encoding and the headings that the record says it was read
//! by, and each of their rows compared with its registration.
//!
//! What a reading needs is all on record: a customer's own headings are an entry each time that they change.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use devicedrop_core::ids::SubmissionEntry;
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::shown::shown;
use devicedrop_core::survey::Encoding;

use crate::cli::error::Failure;
use crate::daemon::{judge, options_on_record};
use crate::inbox::archive::Archive;
use crate::ledger::ReadError;
use crate::ledger::verify::{Accepted, Recorded, Verifier};
use crate::reading;
use crate::services::lookups::failure::Told;

use super::Say;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Reread {
    /// Rows that were compared.
    pub(super) rows: u64,
    /// What isn't as it was, each as a sentence.
    pub(super) found: Vec<String>,
}

impl Reread {
    /// Findings told in full, as for the ledger.
    const TOLD: usize = 100;

    /// Reads all of them. A copy that is gone or changed is told by whoever compares hashes.
    pub(super) fn compare(&mut self, archive: &Archive, verifier: &Verifier, say: Say<'_>) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = verifier.accepted(after).map_err(Told::told)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.entry);
            for accepted in &page {
                let Ok(copy) = archive.copy_of(&accepted.sha256) else { continue };
                if let Some(wrong) = self.compare_one(accepted, copy, verifier).map_err(Told::told)?
                    && self.found.len() < Self::TOLD
                {
                    let Accepted { id, file, .. } = accepted;
                    self.found.push(format!("the original {} (submission {id}), read again: {wrong}", shown(file)));
                }
            }
            say(&format!("verifying: rows of originals {}", self.rows));
        }
    }

    fn compare_one(
        &mut self,
        accepted: &Accepted,
        mut copy: File,
        verifier: &Verifier,
    ) -> Result<Option<String>, ReadError> {
        let Some(encoding) = accepted.encoding.as_deref().and_then(Encoding::from_code) else {
            return Ok(Some("the record names no encoding that there is".to_owned()));
        };
        let options = options_on_record(accepted.format, accepted.columns.as_deref());
        let mut recorded = Rows { verifier, submission: accepted.entry, after: 0, page: VecDeque::new() };
        let (mut wrong, mut failed) = (None, None);
        let read = reading::read_sheet(&mut copy, encoding, &options, &mut |_, row| {
            let given = judge::registration(&row);
            match recorded.next() {
                Err(error) => failed = Some(error),
                Ok(None) => wrong = Some(format!("its row on line {} isn't on record", given.line)),
                Ok(Some(kept)) => {
                    self.rows += 1;
                    wrong = difference(&kept, &given);
                }
            }
            if failed.is_some() || wrong.is_some() { Err(io::Error::other("enough")) } else { Ok(()) }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(match (wrong, read) {
            (Some(wrong), _) => Some(wrong),
            (None, Err(error)) => Some(format!("it can't be read ({error})")),
            (None, Ok(Err(problem))) => Some(message::file_problem(&problem, Locale::En)),
            (None, Ok(Ok(sheet))) if sheet.rows != accepted.rows => {
                Some(format!("it has {} rows, and the record says {}", sheet.rows, accepted.rows))
            }
            (None, Ok(Ok(_))) => recorded
                .next()?
                .map(|more| format!("registration {} (line {}) isn't in it", more.registration, more.row.line)),
        })
    }
}

/// What differs between a row on record and the same one read again. Why one was refused is said in the words of its
/// time, and so isn't compared.
fn difference(kept: &Recorded, given: &crate::ledger::command::NewRegistration) -> Option<String> {
    let row = &kept.row;
    let what = if row.line != given.line {
        "line"
    } else if row.manufacturer != given.manufacturer {
        "manufacturer"
    } else if row.model != given.model {
        "model"
    } else if row.serial_number != given.serial_number {
        "serial number"
    } else if row.hardware_hash != given.hardware_hash {
        "hardware hash"
    } else if (&row.order_id, &row.purchase_id) != (&given.order_id, &given.purchase_id) {
        "order or purchase ID"
    } else if row.refused.is_some() != given.refused.is_some() {
        "refusal"
    } else {
        return None;
    };
    Some(format!("the {what} of registration {} isn't what line {} gives", kept.registration, given.line))
}

/// The rows of a submission as they are on record, some at a time.
struct Rows<'a> {
    verifier: &'a Verifier,
    submission: SubmissionEntry,
    after: i64,
    page: VecDeque<Recorded>,
}

impl Rows<'_> {
    fn next(&mut self) -> Result<Option<Recorded>, ReadError> {
        if self.page.is_empty() {
            self.page = self.verifier.rows_of(self.submission, self.after)?.into();
        }
        let next = self.page.pop_front();
        if let Some(next) = &next {
            self.after = next.registration;
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use devicedrop_core::device::{Format, Sha256};
    use devicedrop_core::ids::{CustomerKey, SubmissionId};
    use devicedrop_core::state::ErrorCode;
    use devicedrop_core::time::Timestamp;

    use super::*;
    use crate::inbox::archive::place_of;
    use crate::ledger::Ledger;
    use crate::ledger::command::{KnownFile, NewAction, NewDelivery, NewRegistration, NewSubmission};

    const CONTENT: &str = "Hersteller,Model,Serial Number\nContoso,Book,A1\nContoso,Book,\nContoso,\"Bo,ok\",A3\n";

    fn row(line: u64, model: &str, serial: &str) -> NewRegistration {
        NewRegistration {
            line,
            manufacturer: Some("Contoso".into()),
            model: Some(model.into()),
            serial_number: (!serial.is_empty()).then(|| serial.into()),
            refused: serial.is_empty().then(|| (ErrorCode::RowNotValid, "empty".to_owned())),
            ..NewRegistration::default()
        }
    }

    /// What is found of a ledger that says of [`CONTENT`] that it has these rows, under these headings.
    fn found(rows: Vec<NewRegistration>, columns: &str) -> (u64, String) {
        let folder = tempfile::tempdir().unwrap();
        let (at, customer) = (Timestamp::from_unix_ms(1_795_356_000_000), CustomerKey::parse("contoso").unwrap());
        let sha256 = Sha256::of(CONTENT.as_bytes());
        let copy = folder.path().join(place_of(&sha256));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(copy, CONTENT).unwrap();
        let path = folder.path().join("state/ledger.db");
        let ledger = Ledger::open(&path, true, at, "tester").unwrap();
        let writer = ledger.writer();
        let action = NewAction {
            at,
            actor: "devicedrop".into(),
            action: "use_columns".into(),
            subject: Some("customer contoso".into()),
            reason: Some(columns.into()),
        };
        writer.act(action).wait().unwrap();
        let new = NewSubmission {
            at,
            id: SubmissionId::from_parts(1, [7; 10]),
            customer: customer.clone(),
            file: "a.csv".into(),
            order_id: None,
            purchase_id: None,
            format: Some(Format::Partner),
            encoding: Some(Encoding::Utf8.code().into()),
            delimiter: Some("comma".into()),
            sha256: Some(sha256),
            bytes: 1,
            rows: u64::try_from(rows.len()).unwrap(),
        };
        let delivery = NewDelivery { at, file: "a.csv".into(), owner: None, modified_at: None };
        let known = KnownFile {
            customer,
            path: "a.csv".into(),
            dev: 1,
            ino: 1,
            size: 1,
            mtime_ns: 1,
            ctime_ns: 1,
            born_ns: None,
        };
        writer.accept_whole(new, rows, delivery, known).wait().unwrap();
        ledger.close().unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        let mut reread = Reread::default();
        reread.compare(&archive, &Verifier::open(&path).unwrap(), &mut |_| {}).unwrap();
        let found = reread.found.iter().filter_map(|found| found.split_once("read again: "));
        (reread.rows, found.map(|(_, wrong)| wrong).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn rows_that_are_not_those_of_the_original_are_named() {
        let mapping = r#"{"Manufacturer":"Hersteller"}"#;
        let rows = || vec![row(2, "Book", "A1"), row(3, "Book", ""), row(4, "Bo,ok", "A3")];
        assert_eq!(found(rows(), mapping), (3, String::new()));
        let changed = |change: &dyn Fn(&mut Vec<NewRegistration>)| {
            let mut rows = rows();
            change(&mut rows);
            found(rows, mapping).1
        };
        assert_eq!(
            changed(&|rows| rows[2].serial_number = Some("A4".into())),
            "the serial number of registration 6 isn't what line 4 gives"
        );
        assert_eq!(changed(&|rows| rows[1].refused = None), "the refusal of registration 5 isn't what line 3 gives");
        assert_eq!(changed(&|rows| drop(rows.pop())), "its row on line 4 isn't on record");
        assert_eq!(changed(&|rows| rows.push(row(5, "Book", "A5"))), "it has 3 rows, and the record says 4");
        let (_, wrong) = found(rows(), "{}");
        assert!(wrong.starts_with("The headings on line 1 differ"), "{wrong}");
    }
}
