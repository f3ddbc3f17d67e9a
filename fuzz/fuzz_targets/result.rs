//! What a result file repeats of an accepted file: written, read back by another reader, and dropped again.
#![no_main]

use devicedrop_core::dialect::Dialect;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::row_problem;
use devicedrop_core::result_sheet::{Fate, OUR_HEADINGS, ResultSheet};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_fuzz::file::{Seen, SeenRow, options, read};
use devicedrop_fuzz::{harmless, looks_like_a_formula};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((knobs, file)) = data.split_first() else { return };
    let options = options(*knobs);
    let seen = read(&[file], &options);
    let Some((sheet, rows)) = seen.accepted() else { return };
    let locale = Locale::ALL[usize::from(knobs >> 3) % Locale::ALL.len()];
    let result = ResultSheet::new(&sheet.head.headings, sheet.head.dialect, locale);
    let mut out = Vec::new();
    result.head(&mut out);
    for row in rows {
        result.row(row.echo.iter().map(String::as_str), &fate(row, locale), &mut out);
    }
    read_back(&out, sheet.head.dialect, &sheet.head.headings, rows);
    dropped_again(&seen, &read(&[&out], &options));
});

/// A fate whose texts are the sender's, as a registrar could have them from him.
fn fate(row: &SeenRow, locale: Locale) -> Fate {
    let text = |index: usize| row.cells.get(index).cloned().unwrap_or_default();
    match &row.content {
        Ok(_) => Fate { state: Some(State::Ready), error: None, details: text(0), request_id: text(1) },
        Err(problem) => Fate {
            state: Some(State::Failed),
            error: Some(ErrorCode::RowNotValid),
            details: row_problem(problem, row.line, locale),
            request_id: text(2),
        },
    }
}

/// Another reader of CSVs finds the sender's cells as they came, and ours harmless.
fn read_back(out: &[u8], dialect: Dialect, headings: &[String], rows: &[SeenRow]) {
    let text = std::str::from_utf8(out).expect("a result file is UTF-8");
    assert_eq!(text.starts_with('\u{feff}'), dialect.bom);
    let mut text = text.trim_start_matches('\u{feff}');
    if dialect.sep_line {
        let end = std::str::from_utf8(dialect.line_ending.bytes()).expect("ASCII");
        text = text.split_once(end).expect("a line of its own").1;
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).delimiter(dialect.delimiter.byte()).from_reader(text.as_bytes());
    let mut records = reader.records().map(|record| record.expect("every line is as wide as the first"));
    let first = records.next().expect("headings");
    assert!(first.iter().eq(headings.iter().map(String::as_str).chain(OUR_HEADINGS)), "{first:?}");
    let mut count = 0;
    for (record, row) in records.by_ref().zip(rows) {
        let (theirs, ours): (Vec<_>, Vec<_>) =
            record.iter().enumerate().partition(|(index, _)| *index < headings.len());
        assert!(theirs.iter().map(|(_, cell)| *cell).eq(row.echo.iter().map(String::as_str)), "{record:?} {row:?}");
        for (_, cell) in ours.iter().filter(|(_, cell)| !cell.is_empty()) {
            harmless(cell);
            assert!(!looks_like_a_formula(cell), "{cell:?}");
        }
        count += 1;
    }
    assert_eq!(count, rows.len());
    assert!(records.next().is_none(), "nothing is added");
}

/// A result file that is saved under another name is the same list of devices.
fn dropped_again(first: &Seen, again: &Seen) {
    let (Some((sheet, rows)), Some((sheet_again, rows_again))) = (first.accepted(), again.accepted()) else {
        // Where nothing is left to be done: only rows that are cut to the headings can have nothing in them.
        let empty = |row: &SeenRow| row.echo.iter().all(String::is_empty);
        let (_, rows) = first.accepted().expect("the first was accepted");
        assert!(rows.iter().all(empty), "{:?}", again.problem());
        return;
    };
    assert_eq!(sheet.head.headings, sheet_again.head.headings);
    assert_eq!(sheet.head.format, sheet_again.head.format);
    assert_eq!(sheet.head.dialect, sheet_again.head.dialect);
    let good = |rows: &[SeenRow]| -> Vec<Vec<String>> {
        rows.iter().filter(|row| row.content.is_ok()).map(|row| row.echo.clone()).collect()
    };
    // A row that is too long is cut, and one with a quote too many is written as it was read: both may be good now.
    let mut rest = good(rows_again).into_iter();
    for row in good(rows) {
        assert!(rest.any(|again| again == row), "{row:?} is lost");
    }
}
