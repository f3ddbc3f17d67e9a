//! What a result file says, byte for byte: the sender's cells as they came, and four of ours behind them.
//!
//! Writing the bytes to a file, whole and durably, is the program's.

use crate::device::{Column, Format};
use crate::dialect::Dialect;
use crate::locale::Locale;
use crate::shown::shown;
use crate::state::{ErrorCode, State};

/// The headings of our columns, the same in every locale.
pub const OUR_HEADINGS: [&str; 4] = ["State", "Error", "Error Details", "Request ID"];

/// How the rows of one result file are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSheet {
    headings: Vec<String>,
    dialect: Dialect,
    locale: Locale,
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Where its registration stands; none in a rehearsal, where there is no registration.
    pub state: Option<State>,
    /// What is to be said of it.
    pub error: Option<ErrorCode>,
    /// The error in sentences, from the module `message`; empty where there is none.
    pub details: String,
    /// The request ID for support; empty where there is none.
    pub request_id: String,
}

impl ResultSheet {
    /// A sheet for an original with these headings (as they stand in it, without ours) and this dialect.
    pub fn new(headings: &[String], dialect: Dialect, locale: Locale) -> Self {
        Self { headings: headings.to_vec(), dialect, locale }
    }

    /// Writes what stands above the rows.
    pub fn head(&self, out: &mut Vec<u8>) {
        if self.dialect.bom {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        if self.dialect.sep_line {
            out.extend_from_slice(b"sep=");
            out.push(self.dialect.delimiter.byte());
            out.extend_from_slice(self.dialect.line_ending.bytes());
        }
        self.line(self.headings.iter().map(String::as_str), OUR_HEADINGS, out);
    }

    /// Writes one row: `cells` as the sender wrote them, padded or cut to the headings, and its fate.
    pub fn row<'a>(&self, cells: impl Iterator<Item = &'a str>, fate: &Fate, out: &mut Vec<u8>) {
        let cells = cells.chain(std::iter::repeat("")).take(self.headings.len());
        let error = fate.error.map_or("", |error| self.locale.error(error));
        let state = fate.state.map_or("", |state| self.locale.state(state));
        let ours = [state, error, &our_cell(&fate.details), &our_cell(&fate.request_id)];
        self.line(cells, ours, out);
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, ours: [&str; 4], out: &mut Vec<u8>) {
        for cell in cells {
            write_cell(cell, out);
            out.push(self.dialect.delimiter.byte());
        }
        for (index, cell) in ours.into_iter().enumerate() {
            if index > 0 {
                out.push(self.dialect.delimiter.byte());
            }
            write_cell(cell, out);
        }
        out.extend_from_slice(self.dialect.line_ending.bytes());
    }
}

/// The whole result file of a rejected file: the partner headings and one row that says why.
pub fn rejected(details: String, dialect: Dialect, locale: Locale) -> Vec<u8> {
    let headings: Vec<String> = Format::Partner.columns().iter().map(|c: &Column| c.heading().to_owned()).collect();
    let sheet = ResultSheet::new(&headings, dialect, locale);
    let fate =
        Fate { state: Some(State::Failed), error: Some(ErrorCode::FileNotValid), details, request_id: String::new() };
    let mut out = Vec::new();
    sheet.head(&mut out);
    sheet.row(std::iter::empty(), &fate, &mut out);
    out
}

/// A cell of ours: nothing in it that a terminal obeys, and nothing at its beginning that a spreadsheet takes for a
/// formula. Its text may come from a registrar or, quoted, from the sender.
fn our_cell(text: &str) -> String {
    let text = shown(text).to_string();
    if text.starts_with(begins_formula) { format!("'{text}") } else { text }
}

/// What Excel, LibreOffice or Google Sheets take for the beginning of a formula, full-width forms too.
fn begins_formula(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
}

/// Writes a cell so that every reader of RFC 4180 gets exactly `cell` back.
fn write_cell(cell: &str, out: &mut Vec<u8>) {
    if !needs_quotes(cell) {
        out.extend_from_slice(cell.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Any of the delimiters counts, so that a program that expects another one doesn't tear the cell apart; so does a
/// byte order mark, which a reader would take away at the beginning of a file, and a blank at an end, which some
/// take away.
fn needs_quotes(cell: &str) -> bool {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    cell.starts_with(blank)
        || cell.ends_with(blank)
        || cell.bytes().any(|byte| matches!(byte, b',' | b';' | b'\t' | b'"' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Delimiter, LineEnding};
    use proptest::prelude::*;

    const PLAIN: Dialect =
        Dialect { delimiter: Delimiter::Comma, line_ending: LineEnding::Lf, bom: false, sep_line: false };

    fn headings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn fate(state: State, error: Option<ErrorCode>, details: &str, request_id: &str) -> Fate {
        Fate { state: Some(state), error, details: details.to_owned(), request_id: request_id.to_owned() }
    }

    fn written(sheet: &ResultSheet, rows: &[(&[&str], Fate)]) -> String {
        let mut out = Vec::new();
        sheet.head(&mut out);
        for (cells, fate) in rows {
            sheet.row(cells.iter().copied(), fate, &mut out);
        }
        String::from_utf8(out).expect("a result file is UTF-8")
    }

    #[test]
    fn a_result_as_its_sender_sees_it() {
        let names = headings(&["Manufacturer", "Model", "Serial Number"]);
        let rows: &[(&[&str], Fate)] = &[
            (&["Dell, Inc.", "XPS \"13\"", "=1+1"], fate(State::Ready, None, "", "")),
            (&["HP", "Z420"], fate(State::Failed, Some(ErrorCode::RowNotValid), "Regel 3: te weinig.", "")),
            (&["HP", " Z420", "1", "2"], fate(State::Failed, Some(ErrorCode::UnexpectedError), "=cmd", "-4711")),
        ];
        insta::assert_snapshot!(written(&ResultSheet::new(&names, PLAIN, Locale::Nl), rows), @r#"
        Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
        "Dell, Inc.","XPS ""13""",=1+1,Klaar voor gebruiker,,,
        HP,Z420,,Registratie is mislukt,Rij niet geldig,Regel 3: te weinig.,
        HP," Z420",1,Registratie is mislukt,Onverwachte fout,'=cmd,'-4711
        "#);
        let code = written(&ResultSheet::new(&names, PLAIN, Locale::Code), &rows[1..2]);
        assert!(code.ends_with("HP,Z420,,registration_failed,row_not_valid,Regel 3: te weinig.,\n"), "{code}");
    }

    #[test]
    fn the_dialect_is_the_originals() {
        let dialect =
            Dialect { delimiter: Delimiter::Semicolon, line_ending: LineEnding::CrLf, bom: true, sep_line: true };
        let sheet = ResultSheet::new(&headings(&["Model"]), dialect, Locale::En);
        let text = written(&sheet, &[(&["a"], fate(State::Pending, None, "", ""))]);
        let expected = "\u{feff}sep=;\r\nModel;State;Error;Error Details;Request ID\r\na;Registration pending;;;\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_rejected_file_gets_one_row() {
        let text = String::from_utf8(rejected("The file is empty.".into(), PLAIN, Locale::En)).expect("UTF-8");
        insta::assert_snapshot!(text, @r"
        Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
        ,,,Registration failed,File not valid,The file is empty.,
        ");
    }

    fn dialects() -> impl Strategy<Value = Dialect> {
        let delimiter = proptest::sample::select(&Delimiter::ALL[..]);
        let line_ending = proptest::sample::select(&LineEnding::ALL[..]);
        (delimiter, line_ending, any::<bool>()).prop_map(|(delimiter, line_ending, bom)| Dialect {
            delimiter,
            line_ending,
            bom,
            sep_line: false,
        })
    }

    /// Cells as senders and attackers write them: mostly of the characters that matter.
    fn cells() -> impl Strategy<Value = String> {
        prop_oneof!["[-=+@,;\t\"\r\n \u{a0}\u{feff}＝a1']{0,8}", any::<String>()]
    }

    proptest! {
        /// Another reader of RFC 4180 gets the sender's cells back exactly, and no formula from us.
        #[test]
        fn cells_come_back_exactly(
            dialect in dialects(),
            locale in proptest::sample::select(&Locale::ALL[..]),
            names in proptest::collection::vec(cells(), 1..6),
            rows in proptest::collection::vec(proptest::collection::vec(cells(), 0..8), 0..6),
            state in proptest::option::of(proptest::sample::select(State::ALL)),
            error in proptest::option::of(proptest::sample::select(ErrorCode::ALL)),
            details in cells(),
            request_id in cells(),
        ) {
            let sheet = ResultSheet::new(&names, dialect, locale);
            let fate = Fate { state, error, details, request_id };
            let mut out = Vec::new();
            sheet.head(&mut out);
            for row in &rows {
                sheet.row(row.iter().map(String::as_str), &fate, &mut out);
            }
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(dialect.delimiter.byte())
                .has_headers(false)
                .from_reader(&out[..]);
            let read: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("well-formed CSV");
            prop_assert_eq!(read.len(), rows.len() + 1);
            prop_assert!(read[0].iter().eq(names.iter().map(String::as_str).chain(OUR_HEADINGS)));
            for (read, row) in read[1..].iter().zip(&rows) {
                let theirs = row.iter().map(String::as_str).chain(std::iter::repeat("")).take(names.len());
                prop_assert!(read.iter().take(names.len()).eq(theirs));
                let ours: Vec<&str> = read.iter().skip(names.len()).collect();
                prop_assert_eq!(ours.len(), 4);
                prop_assert_eq!((ours[0], ours[1]), (state.map_or("", |s| locale.state(s)), error.map_or("", |e| locale.error(e))));
                prop_assert!(!ours.iter().any(|cell| cell.starts_with(begins_formula)));
            }
        }
    }
}
