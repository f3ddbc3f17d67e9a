//! A result file that is dropped again as it was written registers no row that was refused.

use proptest::prelude::*;

use super::tests::{options, read_as};
use super::*;
use crate::locale::Locale;
use crate::message;
use crate::result_sheet::{Fate, ResultSheet};
use crate::state::{ErrorCode, State};

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

/// Asserts that what was refused stays so, round after round, and that the other rows say what they said.
fn stays_refused(options: &SheetOptions, text: &str, locale: Locale) {
    let mut text = text.to_owned();
    let mut before: Option<Rows> = None;
    for _ in 0..3 {
        let Some((rows, out)) = answered(options, &text, locale) else { return };
        if let Some(before) = before {
            // A row without anything of the sender's in it is no row any more.
            let refused = rows.iter().filter(|row| row.is_none()).count();
            assert!(refused <= before.iter().filter(|row| row.is_none()).count(), "{text}");
            let taken = |rows: &Rows| rows.iter().flatten().cloned().collect::<Vec<_>>();
            assert_eq!(taken(&rows), taken(&before), "{text}");
        }
        before = Some(rows);
        text = String::from_utf8(out).unwrap();
    }
}

fn mapped() -> SheetOptions {
    let columns = BTreeMap::from([(Column::SerialNumber, "SN".to_owned())]);
    SheetOptions { columns, ..options() }
}

const MAPPED: &str = "Manufacturer,Model,SN,Pos\n";

#[test]
fn what_an_echo_makes_of_a_refused_row_is_no_device() {
    for locale in Locale::ALL {
        for row in [
            "\"15\" Book,M,S1",
            "Dell, Inc.,Latitude,S1",
            "Dell,Latitude,S1,x",
            "\"a\\\"b,\u{a0}\u{202e},=1+1,x",
            "\"a\"\u{1b},M,S",
            "Dell;Latitude;S1",
            "a,b,\"1.0\" E+11",
        ] {
            let text = format!("Manufacturer,Model,Serial Number\n{row}\n");
            let (rows, out) = answered(&options(), &text, locale).unwrap();
            assert_eq!(rows, [None], "{row}");
            let again = String::from_utf8(out).unwrap();
            assert_eq!(answered(&options(), &again, locale).unwrap().0, [None], "{again}");
            stays_refused(&options(), &text, locale);
        }
        for row in ["Dell,S1,12", "M,L,\"S\" 1"] {
            let text = format!("{MAPPED}{row}\n");
            assert_eq!(answered(&mapped(), &text, locale).unwrap().0, [None], "{row}");
            stays_refused(&mapped(), &text, locale);
        }
    }
}

#[test]
fn a_corrected_row_is_taken_whatever_stands_behind_it() {
    let (_, out) = answered(&options(), "Manufacturer,Model,Serial Number\nDell, Inc.,L,S1\n", Locale::En).unwrap();
    let result = String::from_utf8(out).unwrap();
    let read = |text: &str| read_as(Encoding::Utf8, options(), text.as_bytes(), 7).0;
    assert!(read(&result)[0].contains("Uncorrected"), "{result}");
    let corrected = result.replace("Dell,\" Inc.\",L,", "\"Dell, Inc.\",L,S1,");
    assert_eq!(read(&corrected), ["2: Dell, Inc.|L|S1 <Dell, Inc.|L|S1>"]);
    // Or it was right as it stood, and somebody says so.
    let start = result.find("Row not valid").unwrap();
    assert_eq!(read(&format!("{},,\n", &result[..start])), ["2: Dell| Inc.|L <Dell| Inc.|L>"]);
    // Another device's details mean nothing.
    let other = result.replace("Dell,\" Inc.\",L,", "HP,Z420,S2,");
    assert_eq!(read(&other), ["2: HP|Z420|S2 <HP|Z420|S2>"]);
}

fn row() -> impl Strategy<Value = String> {
    let part = prop::sample::select(
        &[
            "a", "b", "\"", "\"\"", ",", ",", ";", "\t", " ", "\u{a0}", "\u{200b}", "\\", "é", "\u{1b}", "1E+11",
            "=", "\r\n",
        ][..],
    );
    prop_oneof![
        prop::collection::vec(part, 1..12).prop_map(|parts| parts.concat()),
        "[ab\"\\\\{}\u{a0}\u{202e} ]{0,6}(,[ab\"\\\\ \u{a0}]{1,70}){1,4}",
    ]
}

proptest! {
    #[test]
    fn no_refused_row_is_taken_from_its_own_result(
        rows in prop::collection::vec(row(), 1..6),
        locale in prop::sample::select(&Locale::ALL[..]),
        own in any::<bool>(),
        delimiter in prop::sample::select(&[",", ";", "\t"][..]),
    ) {
        let (options, headings) =
            if own { (mapped(), MAPPED) } else { (options(), "Manufacturer,Model,Serial Number\n") };
        let text = headings.to_owned() + &rows.join("\n") + "\n";
        stays_refused(&options, &text.replace(',', delimiter), locale);
    }
}
