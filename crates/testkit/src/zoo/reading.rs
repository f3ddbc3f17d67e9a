//! A case as the core reads it, and the result file that must come of it.

use std::collections::BTreeMap;

use devicedrop_core::dialect::Dialect;
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::problem::{FileProblem, RowProblem};
use devicedrop_core::result_sheet::{self, Fate, ResultSheet};
use devicedrop_core::row::Row;
use devicedrop_core::sheet::{Head, Sheet, SheetOptions, SheetReader};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::survey::{Encoding, Survey};

use super::{Case, Outcome, RowOutcome, Size};

/// So many bytes of a rejected file show its dialect, as the daemon looks at it.
const BEGINNING: usize = 4096;

/// What the core makes of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How its bytes are read; none where that can't be told.
    pub encoding: Option<Encoding>,
    /// What it comes to.
    pub verdict: Result<Sheet, FileProblem>,
    /// Its rows.
    pub rows: Vec<Taken>,
    beginning: Vec<u8>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Where it begins.
    pub line: u64,
    /// The sender's own cells, as many as there are headings.
    pub cells: Vec<String>,
    /// Manufacturer, model, serial number and hash, or why it is refused.
    pub content: Result<Vec<String>, RowProblem>,
}

/// The settings of a customer who set nothing.
fn options() -> SheetOptions {
    SheetOptions { formats: Vec::new(), columns: BTreeMap::new(), max_rows: 5_000_000, empty_files: false }
}

/// Gives a content, chunk by chunk, to whoever takes it.
type Chunks<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8]));

impl Reading {
    /// Reads bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_chunks(&mut |each| each(bytes))
    }

    /// Reads a case, which may be big.
    pub fn of_case(case: &Case, size: Size) -> Self {
        Self::of_chunks(&mut |each| case.chunks(size, each))
    }

    /// `chunks` gives the content as often as it is asked.
    fn of_chunks(chunks: Chunks<'_>) -> Self {
        let (mut survey, mut beginning) = (Survey::new(), Vec::new());
        chunks(&mut |bytes| {
            survey.feed(bytes);
            let room = BEGINNING.saturating_sub(beginning.len()).min(bytes.len());
            beginning.extend_from_slice(bytes.get(..room).unwrap_or_default());
        });
        let encoding = match survey.finish().encoding {
            Ok(encoding) => encoding,
            Err(problem) => return Self { encoding: None, verdict: Err(problem), rows: Vec::new(), beginning },
        };
        let mut rows = Vec::new();
        let mut sink = |head: &Head, row: Row<'_>| rows.push(taken(head, &row));
        let (mut reader, mut problem) = (SheetReader::new(encoding, options()), None);
        chunks(&mut |bytes| {
            if problem.is_none() {
                problem = reader.feed(bytes, &mut sink).err();
            }
        });
        let verdict = problem.map_or_else(|| reader.finish(&mut sink), Err);
        Self { encoding: Some(encoding), verdict, rows, beginning }
    }

    /// What comes of the file.
    pub fn outcome(&self) -> Outcome {
        if self.verdict.is_ok() { Outcome::Accepted } else { Outcome::Rejected }
    }

    /// Whether the daemon waits a while before it answers, since more may come.
    pub fn waits(&self) -> bool {
        match &self.verdict {
            Ok(sheet) => sheet.doubt.is_some(),
            Err(problem) => problem.may_be_incomplete(),
        }
    }

    /// What is said of the file, or of each refused row with its line.
    pub fn messages(&self, locale: Locale) -> Vec<(Option<u64>, String)> {
        match &self.verdict {
            Err(problem) => vec![(None, message::file_problem(problem, locale))],
            Ok(_) => self
                .rows
                .iter()
                .filter_map(|row| {
                    let problem = row.content.as_ref().err()?;
                    Some((Some(row.line), message::row_problem(problem, row.line, locale)))
                })
                .collect(),
        }
    }

    /// What comes of each row where every device can be registered.
    pub fn row_outcomes(&self) -> Vec<RowOutcome> {
        let before = |index: usize, device: &[String]| {
            let rows = self.rows.iter().take(index).filter_map(|row| row.content.as_ref().ok());
            rows.into_iter().any(|other| other.iter().take(3).eq(device.iter().take(3)))
        };
        let outcome = |(index, row): (usize, &Taken)| match &row.content {
            Err(_) => RowOutcome::Refused,
            Ok(device) if before(index, device) => RowOutcome::Already,
            Ok(_) => RowOutcome::Ready,
        };
        if self.verdict.is_ok() { self.rows.iter().enumerate().map(outcome).collect() } else { Vec::new() }
    }

    /// The result file that must come of it where every device can be registered; none where a row's details are a
    /// matter of its history.
    pub fn result(&self, locale: Locale) -> Option<Vec<u8>> {
        let sheet = match &self.verdict {
            Ok(sheet) => sheet,
            Err(problem) => {
                let details = message::file_problem(problem, locale);
                return Some(result_sheet::rejected(details, Dialect::sniffed(&self.beginning), locale));
            }
        };
        if self.row_outcomes().contains(&RowOutcome::Already) {
            return None;
        }
        let mut out = Vec::new();
        let result = ResultSheet::new(&sheet.head.headings, sheet.head.dialect, locale);
        result.head(&mut out);
        for row in &self.rows {
            let (state, error, details) = match &row.content {
                Ok(_) => (State::Ready, None, String::new()),
                Err(problem) => {
                    let details = message::row_problem(problem, row.line, locale);
                    (State::Failed, Some(ErrorCode::RowNotValid), details)
                }
            };
            let fate = Fate { state: Some(state), error, details, request_id: String::new() };
            result.row(row.cells.iter().map(String::as_str), &fate, &mut out);
        }
        Some(out)
    }
}

fn taken(head: &Head, row: &Row<'_>) -> Taken {
    let content = row.content.as_ref().map(|content| {
        let values = [content.manufacturer, content.model, content.serial_number];
        values.into_iter().chain(content.hardware_hash).map(str::to_owned).collect()
    });
    let cells = row.echo(head).map(str::to_owned).collect();
    Taken { line: row.line, cells, content: content.map_err(Clone::clone) }
}
