//! A dropped file, read through the core as the daemon reads it, with all that came of it kept for comparison.
//!
//! The first byte of an input chooses what is accepted and how the rest, the file, is cut into chunks: so any file
//! with one byte before it is a seed.

use std::collections::BTreeMap;

use devicedrop_core::device::{Column, Format};
use devicedrop_core::problem::{FileProblem, RowProblem};
use devicedrop_core::row::Row;
use devicedrop_core::sheet::{Head, Sheet, SheetOptions, SheetReader};
use devicedrop_core::survey::{Encoding, Survey, Surveyed};

/// The most rows that any of the options accepts.
pub const MAX_ROWS: u64 = 1_000;

/// Options as customers have them; the lowest three bits choose.
pub fn options(knobs: u8) -> SheetOptions {
    let plain =
        SheetOptions { formats: Vec::new(), columns: BTreeMap::new(), max_rows: MAX_ROWS, empty_files: false };
    let own = |names: &[(Column, &str)]| names.iter().map(|(column, name)| (*column, (*name).to_owned())).collect();
    match knobs & 7 {
        1 => SheetOptions { formats: vec![Format::Partner], ..plain },
        2 => SheetOptions { formats: vec![Format::SelfService], ..plain },
        3 => SheetOptions { max_rows: 2, empty_files: true, ..plain },
        4 => {
            SheetOptions { columns: own(&[(Column::Manufacturer, "Hersteller"), (Column::Model, "Modell")]), ..plain }
        }
        5 => SheetOptions { columns: own(&[(Column::OrderId, " Best,ell ung "), (Column::Model, "a\"b")]), ..plain },
        6 => SheetOptions {
            formats: vec![Format::Partner],
            columns: own(&[(Column::SerialNumber, "State"), (Column::PurchaseId, "Hardware Hash")]),
            empty_files: true,
            ..plain
        },
        _ => plain,
    }
}

/// Cuts a file into chunks; the higher bits of `knobs` choose how. One in eight ways cuts behind every byte, which
/// takes the most time; the others cut a few times, elsewhere in each file.
pub fn cut(knobs: u8, mut file: &[u8]) -> Vec<&[u8]> {
    if knobs >> 5 == 7 {
        return file.chunks(1).collect();
    }
    let mut chunks = Vec::new();
    let mut state = choice(file) ^ u32::from(knobs >> 3);
    for _ in 0..usize::from(knobs >> 5) + 1 {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let (chunk, rest) = file.split_at((state >> 16) as usize % (file.len() + 1));
        chunks.push(chunk);
        file = rest;
    }
    chunks.push(file);
    chunks
}

/// A number that is the same for the same file, and another for nearly every other: chooses what is done with it.
pub fn choice(file: &[u8]) -> u32 {
    file.iter().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619))
}

/// A row, as far as anybody can see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRow {
    /// The line on which it begins.
    pub line: u64,
    /// All its cells.
    pub cells: Vec<String>,
    /// What a result file repeats of it.
    pub echo: Vec<String>,
    /// Its values, column by column, or why it is refused.
    pub content: Result<Vec<Option<String>>, RowProblem>,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How it is encoded, or why it is no text.
    pub surveyed: Surveyed,
    /// The sheet, or why there is none; none where the survey refused it.
    pub verdict: Option<Result<Sheet, FileProblem>>,
    /// The rows that were given out before the end, or before the problem.
    pub rows: Vec<SeenRow>,
}

impl Seen {
    /// The sheet and its rows, if the file is accepted.
    pub fn accepted(&self) -> Option<(&Sheet, &[SeenRow])> {
        self.verdict.as_ref()?.as_ref().ok().map(|sheet| (sheet, &self.rows[..]))
    }

    /// Why the file is refused, if it is.
    pub fn problem(&self) -> Option<&FileProblem> {
        match (&self.surveyed.encoding, &self.verdict) {
            (Err(problem), _) | (_, Some(Err(problem))) => Some(problem),
            _ => None,
        }
    }
}

/// Reads a file in these chunks: the survey over all of it, then the rows.
pub fn read(chunks: &[&[u8]], options: &SheetOptions) -> Seen {
    let mut survey = Survey::new();
    chunks.iter().for_each(|chunk| survey.feed(chunk));
    let surveyed = survey.finish();
    let mut rows = Vec::new();
    let encoding = surveyed.encoding.clone();
    let verdict = encoding.ok().map(|encoding| read_rows(chunks, encoding, options, &mut rows));
    Seen { surveyed, verdict, rows }
}

fn read_rows(
    chunks: &[&[u8]],
    encoding: Encoding,
    options: &SheetOptions,
    rows: &mut Vec<SeenRow>,
) -> Result<Sheet, FileProblem> {
    let mut reader = SheetReader::new(encoding, options.clone());
    let mut sink = |head: &Head, row: Row<'_>| rows.push(seen(head, &row));
    for chunk in chunks {
        reader.feed(chunk, &mut sink)?;
    }
    reader.finish(&mut sink)
}

fn seen(head: &Head, row: &Row<'_>) -> SeenRow {
    let owned = |text: &str| text.to_owned();
    let content = match &row.content {
        Ok(content) => Ok(vec![
            Some(owned(content.manufacturer)),
            Some(owned(content.model)),
            Some(owned(content.serial_number)),
            content.hardware_hash.map(owned),
            content.order_id.map(owned),
            content.purchase_id.map(owned),
        ]),
        Err(problem) => Err(problem.clone()),
    };
    // Also of a row that is refused.
    let values: Vec<Option<String>> = Column::ALL.into_iter().map(|column| row.value(column).map(owned)).collect();
    if let Ok(content) = &content {
        assert_eq!(&values, content, "a row's values are its content");
    }
    let cells = row.fields.iter().map(owned).collect();
    SeenRow { line: row.line, cells, echo: row.echo(head).map(owned).collect(), content }
}
