//! A result file that is dropped again: what it adds means nothing, and what nobody corrected is warned of.

use super::tests::{options, read_as};
use super::*;
use crate::locale::Locale;
use crate::message;
use crate::result_sheet::{Fate, ResultSheet};
use crate::state::{ErrorCode, State};
use crate::suspicion::{Suspect, Watcher};

/// The rows of a sheet: what each says, or nothing of one that is refused.
type Rows = Vec<Option<String>>;

/// Reads a sheet, and writes the result file that answers it.
fn answered(options: &SheetOptions, text: &str, locale: Locale) -> Option<(Rows, Vec<u8>)> {
    let (mut rows, mut out) = (Vec::new(), Vec::new());
    let mut sheet = None;
    let mut sink = |head: &Head, row: Row<'_>| {
        let sheet = sheet.get_or_insert_with(|| ResultSheet::new(&head.headings, head.dialect, locale));
        if out.is_empty() {
            sheet.head(&mut out);
        }
        let (state, error, details) = match &row.content {
            Ok(_) => (State::Ready, None, String::new()),
            Err(problem) => {
                let details = message::row_problem(problem, row.line, locale);
                (State::Failed, Some(ErrorCode::RowNotValid), details)
            }
        };
        sheet.row(row.echo(head), &Fate { state: Some(state), error, details, request_id: String::new() }, &mut out);
        rows.push(row.content.ok().map(|content| format!("{content:?}")));
    };
    let mut reader = SheetReader::new(Encoding::Utf8, options.clone());
    reader.feed(text.as_bytes(), &mut sink).ok()?;
    reader.finish(&mut sink).ok()?;
    Some((rows, out))
}

/// The lines of rows that look as if nobody had corrected them.
fn warned_of(options: &SheetOptions, text: &str) -> Vec<u64> {
    let mut lines = Vec::new();
    let mut watcher = Watcher::new();
    let mut sink = |head: &Head, row: Row<'_>| {
        watcher.row(head, &row, &mut |suspicion| {
            if matches!(suspicion.suspect, Suspect::Uncorrected(_)) {
                lines.push(suspicion.line);
            }
        });
    };
    let mut reader = SheetReader::new(Encoding::Utf8, options.clone());
    reader.feed(text.as_bytes(), &mut sink).unwrap();
    reader.finish(&mut sink).unwrap();
    lines
}

#[test]
fn what_an_echo_makes_of_a_refused_row_is_read_as_it_stands_and_warned_of() {
    for locale in Locale::ALL {
        for row in ["Dell, Inc.,Latitude,S1", "Dell,Latitude,S1,x"] {
            let text = format!("Manufacturer,Model,Serial Number\n{row}\n");
            let (rows, out) = answered(&options(), &text, locale).unwrap();
            assert_eq!(rows, [None], "{row}");
            let again = String::from_utf8(out).unwrap();
            assert!(answered(&options(), &again, locale).unwrap().0[0].is_some(), "{again}");
            assert_eq!(warned_of(&options(), &again), [2], "{again}");
        }
    }
}

#[test]
fn a_corrected_row_is_taken_whatever_stands_behind_it() {
    let (_, out) = answered(&options(), "Manufacturer,Model,Serial Number\nDell, Inc.,L,S1\n", Locale::En).unwrap();
    let result = String::from_utf8(out).unwrap();
    let read = |text: &str| read_as(Encoding::Utf8, options(), text.as_bytes(), 7).0;
    let corrected = result.replace("Dell,\" Inc.\",L,", "\"Dell, Inc.\",L,S1,");
    assert_eq!(read(&corrected), ["2: Dell, Inc.|L|S1 <Dell, Inc.|L|S1>"]);
    assert_eq!(warned_of(&options(), &corrected), [0; 0]);
    // Or it was right as it stood, and somebody says so.
    let start = result.find("Row not valid").unwrap();
    let said = format!("{},,\n", &result[..start]);
    assert_eq!(read(&said), ["2: Dell| Inc.|L <Dell| Inc.|L>"]);
    assert_eq!(warned_of(&options(), &said), [0; 0]);
    // Another device's details mean nothing.
    let other = result.replace("Dell,\" Inc.\",L,", "HP,Z420,S2,");
    assert_eq!(read(&other), ["2: HP|Z420|S2 <HP|Z420|S2>"]);
    assert_eq!(warned_of(&options(), &other), [0; 0]);
}
