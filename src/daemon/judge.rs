//! Judges a file: its bytes through the core's survey and sheet, whole, before anything follows from it.
//!
//! The bytes come twice: while the file is copied into the archive ([`Judge`]), and from the archived copy
//! ([`judge_copy`], [`rows_of_copy`]). What is UTF-8 or UTF-16 and not too long is judged in the first pass; anything
//! else is read again. Nothing here writes anything.

use std::fs::File;
use std::io;

use devicedrop_core::device::Column;
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::problem::FileProblem;
use devicedrop_core::row::Row;
use devicedrop_core::sheet::{Sheet, SheetOptions, SheetReader};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::survey::{Encoding, Survey, Surveyed};

use crate::ledger::command::NewRegistration;
pub use crate::reading::{read_sheet, survey as survey_copy};

/// So many rows are kept from the first pass; a longer file is read again from its copy.
pub const ROWS_AT_HAND: usize = 10_000;

/// What a file came to.
pub struct Judged {
    /// The sheet, or why there is none.
    pub verdict: Result<Sheet, FileProblem>,
    /// How its bytes are to be read; none where that can't be told.
    pub encoding: Option<Encoding>,
    /// Its rows, if they were few enough to keep.
    pub rows: Option<Vec<NewRegistration>>,
}

impl Judged {
    /// Whether the content looks as if more were to come.
    pub fn may_be_incomplete(&self) -> bool {
        match &self.verdict {
            Ok(sheet) => sheet.doubt.is_some(),
            Err(problem) => problem.may_be_incomplete(),
        }
    }
}

/// Judges a file while its bytes pass by.
pub struct Judge {
    options: SheetOptions,
    survey: Survey,
    guess: Option<Guess>,
    begun: bool,
}

/// A reading in the encoding that the first bytes suggest.
struct Guess {
    encoding: Encoding,
    reader: SheetReader,
    rows: Rows,
    failed: Option<FileProblem>,
}

/// Rows that are kept, up to a number.
struct Rows {
    kept: Vec<NewRegistration>,
    too_many: bool,
}

impl Rows {
    fn keep(&mut self, row: &Row<'_>) {
        if self.too_many {
            return;
        }
        if self.kept.len() >= ROWS_AT_HAND {
            self.too_many = true;
            self.kept = Vec::new();
            return;
        }
        self.kept.push(registration(row));
    }
}

impl Judge {
    /// Nothing seen yet.
    pub fn new(options: SheetOptions) -> Self {
        Self { options, survey: Survey::new(), guess: None, begun: false }
    }

    /// The file's next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.survey.feed(bytes);
        if !self.begun {
            self.begun = true;
            let encoding = suggested(bytes);
            self.guess = Some(Guess {
                encoding,
                reader: SheetReader::new(encoding, self.options.clone()),
                rows: Rows { kept: Vec::new(), too_many: false },
                failed: None,
            });
        }
        if let Some(guess) = self.guess.as_mut().filter(|guess| guess.failed.is_none()) {
            let Guess { reader, rows, failed, .. } = guess;
            *failed = reader.feed(bytes, &mut |_, row| rows.keep(&row)).err();
        }
    }

    /// What the file came to; none where its copy must be read in the encoding that is known by now.
    pub fn finish(self) -> Result<Judged, Encoding> {
        let Surveyed { encoding, .. } = self.survey.finish();
        let encoding = match encoding {
            Err(problem) => return Ok(Judged { verdict: Err(problem), encoding: None, rows: None }),
            Ok(encoding) => encoding,
        };
        let Some(mut guess) = self.guess.filter(|guess| guess.encoding == encoding) else {
            return Err(encoding);
        };
        let verdict = match guess.failed {
            Some(problem) => Err(problem),
            None => guess.reader.finish(&mut |_, row| guess.rows.keep(&row)),
        };
        let rows = (!guess.rows.too_many).then_some(guess.rows.kept);
        Ok(Judged { verdict, encoding: Some(encoding), rows })
    }
}

/// The encoding that a file's first bytes suggest. A byte order mark can't lie halfway between two reads: the first
/// read brings more than three bytes wherever there are more.
fn suggested(bytes: &[u8]) -> Encoding {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Encoding::Utf8Bom,
        [0xFF, 0xFE, ..] => Encoding::Utf16Le,
        [0xFE, 0xFF, ..] => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    }
}

/// Judges an archived copy, all of it, and says with each row that it goes on.
pub fn judge_copy(
    copy: &mut File,
    encoding: Encoding,
    options: &SheetOptions,
    goes_on: &mut dyn FnMut(),
) -> io::Result<Judged> {
    let mut rows = Rows { kept: Vec::new(), too_many: false };
    let verdict = read_sheet(copy, encoding, options, &mut |_, row| {
        rows.keep(&row);
        goes_on();
        Ok(())
    })?;
    let rows = (!rows.too_many).then_some(rows.kept);
    Ok(Judged { verdict, encoding: Some(encoding), rows })
}

/// Reads an archived copy's rows in batches for the record, leaving out the first `skip` of them.
pub fn rows_of_copy(
    copy: &mut File,
    encoding: Encoding,
    options: &SheetOptions,
    skip: u64,
    each: &mut dyn FnMut(Vec<NewRegistration>) -> io::Result<()>,
) -> io::Result<Result<Sheet, FileProblem>> {
    let mut batch = Vec::with_capacity(ROWS_AT_HAND);
    let mut seen = 0;
    let sheet = read_sheet(copy, encoding, options, &mut |_, row| {
        seen += 1;
        if seen > skip {
            batch.push(registration(&row));
        }
        if batch.len() >= ROWS_AT_HAND {
            each(std::mem::replace(&mut batch, Vec::with_capacity(ROWS_AT_HAND)))?;
        }
        Ok(())
    })?;
    if sheet.is_ok() && !batch.is_empty() {
        each(batch)?;
    }
    Ok(sheet)
}

/// A row as the record takes it.
pub fn registration(row: &Row<'_>) -> NewRegistration {
    let owned = |text: &str| Some(text.to_owned());
    match &row.content {
        Ok(content) => NewRegistration {
            line: row.line,
            manufacturer: owned(content.manufacturer),
            model: owned(content.model),
            serial_number: owned(content.serial_number),
            hardware_hash: content.hardware_hash.and_then(owned),
            order_id: content.order_id.and_then(owned),
            purchase_id: content.purchase_id.and_then(owned),
            refused: None,
        },
        Err(problem) => NewRegistration {
            line: row.line,
            manufacturer: row.value(Column::Manufacturer).and_then(owned),
            model: row.value(Column::Model).and_then(owned),
            serial_number: row.value(Column::SerialNumber).and_then(owned),
            hardware_hash: row.value(Column::HardwareHash).and_then(owned),
            order_id: row.value(Column::OrderId).and_then(owned),
            purchase_id: row.value(Column::PurchaseId).and_then(owned),
            refused: Some((ErrorCode::RowNotValid, message::row_problem(problem, row.line, Locale::En))),
        },
    }
}
