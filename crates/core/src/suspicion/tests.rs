//! What a watcher finds in whole files.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::sheet::{SheetOptions, SheetReader};
use crate::survey::Encoding;

fn options() -> SheetOptions {
    SheetOptions { formats: Vec::new(), columns: BTreeMap::new(), max_rows: u64::MAX, empty_files: false }
}

/// What is found in a file: line, column's first letter and characters, code.
fn watched(text: &str) -> (Vec<String>, Watched) {
    watched_with(options(), text)
}

fn watched_with(options: SheetOptions, text: &str) -> (Vec<String>, Watched) {
    let mut watcher = Watcher::new();
    let mut told = Vec::new();
    let note = |suspicion: &Suspicion<'_>| {
        let cell = suspicion.cell.as_ref().map(|cell| {
            let letter = cell.heading.chars().next().unwrap_or('-');
            let part = cell.characters.as_ref().map(|part| format!("{}..{}", part.start, part.end));
            format!("{letter}{} ", part.unwrap_or_default())
        });
        format!("{}:{}{}", suspicion.line, cell.unwrap_or_default(), suspicion.suspect.code())
    };
    let mut reader = SheetReader::new(Encoding::Utf8, options);
    let mut sink = |head: &Head, row: Row<'_>| {
        watcher.row(head, &row, &mut |suspicion| told.push(note(suspicion)));
    };
    reader.feed(text.as_bytes(), &mut sink).expect("a sheet");
    let sheet = reader.finish(&mut sink).expect("a sheet");
    let end = watcher.finish(&sheet.head, &mut |suspicion| told.push(note(suspicion)));
    (told, end)
}

/// So many rows, each made of its number.
fn rows(numbers: std::ops::Range<u32>, row: impl Fn(u32) -> String) -> String {
    numbers.map(row).collect::<Vec<_>>().concat()
}

/// The same, of rows below the partner format's headings.
fn found(rows: &str) -> Vec<String> {
    watched(&format!("Manufacturer,Model,Serial Number\n{rows}")).0
}

#[test]
fn a_column_that_is_nearly_one_that_counts_is_told_once() {
    let columns = [(Column::Model, "Modell"), (Column::OrderId, "Bestellung"), (Column::PurchaseId, "Kauf Nr")];
    let columns: BTreeMap<_, _> = columns.map(|(column, heading)| (column, heading.to_owned())).into();
    let mapped = SheetOptions { columns, ..options() };
    let head = "Manufacturer,Modell,Serial Number";
    let found = |more: &str, options: &SheetOptions| {
        let text = format!("\n{head},{more}\na,b,1,x,y,z\na,b,2,x,y,z\n");
        watched_with(options.clone(), &text).0
    };
    let nearly = ["2:h nearly_heading", "2:O nearly_heading", "2:k nearly_heading"];
    assert_eq!(found("hardware hash,Order ID,kauf-nr", &mapped), nearly);
    assert_eq!(found("Bestellung,bestellung,Order ID", &mapped), [""; 0]);
    let partner = SheetOptions { formats: vec![crate::device::Format::Partner], ..mapped.clone() };
    assert_eq!(found("Hardware hash,Pos,Note", &partner), [""; 0]);
}

#[test]
fn an_id_that_says_nothing_is_told() {
    let columns = BTreeMap::from([(Column::OrderId, "Order".to_owned())]);
    let text = "Manufacturer,Model,Serial Number,Order\na,b,1,...\na,b,2,PO-1\na,b,3,\na,b,4,…\na,b,5,№七\n";
    let found = watched_with(SheetOptions { columns, ..options() }, text).0;
    assert_eq!(found, ["2:O not_filled_in", "5:O not_filled_in"]);
}

#[test]
fn a_good_file_raises_no_suspicion() {
    let rows = "Dell Inc.,Latitude 5540,8CD1X2Z\n\"Contoso, Ltd.\",Latitude 5540,1R9-ZNP67\nM\u{fc}ller,\"14\"\" Book\",0123\n\
                Contoso,Ноутбук,A1E5\nContoso,Laptop,5CG1234567\n";
    assert_eq!(found(rows), [""; 0]);
}

#[test]
fn blanks_are_found_whatever_they_are_made_of() {
    for (value, expected) in [
        (" X1", "S0..1 surrounding_blanks"),
        ("X1  ", "S2..4 surrounding_blanks"),
        (" X1 ", "S0..1 surrounding_blanks"),
        ("X1\u{a0}", "S2..3 surrounding_blanks"),
        ("\u{200b}X1", "S0..1 surrounding_blanks"),
        ("X  1", "S1..3 doubled_blanks"),
        ("X\u{a0}1", "S1..2 odd_blank"),
        ("X\u{200b}1", "S1..2 invisible"),
        ("\u{feff}X1", "S0..1 bom_inside"),
    ] {
        assert_eq!(found(&format!("Contoso,Laptop,{value}\n")), [format!("2:{expected}")], "{value:?}");
    }
    assert_eq!(found("Contoso ,Lap  top,X1\n"), ["2:M7..8 surrounding_blanks", "2:M3..5 doubled_blanks"]);
}

#[test]
fn characters_are_found_that_are_not_what_they_seem() {
    for (value, expected) in [
        ("\u{421}D1", "S0..1 look_alike"),
        ("X\u{ff11}", "S1..2 look_alike"),
        ("X\u{2013}1", "S1..2 look_alike"),
        ("\u{201c}X1\u{201d}", "S0..1 smart_quote"),
        ("X1\u{e9}", "S2..3 not_ascii"),
        ("X1e\u{301}", "S2..4 mark_apart"),
        ("X\"1", "S bare_quote"),
    ] {
        assert_eq!(found(&format!("Contoso,Laptop,{value}\n")), [format!("2:{expected}")], "{value:?}");
    }
    // A Cyrillic letter in a Latin word is a slip; a Cyrillic word is none, whatever its letters look like.
    assert_eq!(found("C\u{43e}ntoso,Laptop,X1\n"), ["2:M1..2 look_alike"]);
    assert_eq!(found("Contoso,Книга о,X1\n"), ["2:M6..7 look_alike"]);
    assert_eq!(found("Книга Contoso,Ноутбук,X1\n"), [""; 0]);
    assert_eq!(found("Contoso,14\" Book,X1\n"), ["2:M bare_quote"]);
    // A mark that no single character has belongs to the script.
    assert_eq!(found("Cafe\u{301},Laptop,X1\nCaf\u{e9} x\u{301},Laptop,X2\n"), ["2:M3..5 mark_apart"]);
    assert_eq!(
        found("Caf\u{e9},A,X1\nCaf\u{e9},A,X2\nCafe\u{301},A,X3\n"),
        ["4:M3..5 mark_apart", "4:M other_spelling"]
    );
}

#[test]
fn marks_alone_are_no_placeholder() {
    let told = found(&format!("Contoso,Laptop,{}\n", "\u{301}".repeat(900)));
    assert_eq!(told, ["2:S0..1 not_ascii"]);
}

#[test]
fn serial_numbers_that_are_none_are_known() {
    for (code, values) in [
        (
            "placeholder",
            vec![
                "To Be Filled By O.E.M.",
                "Default string",
                "System Serial Number",
                "None",
                "0",
                "123456789",
                "0000000",
                "xxxx",
                "XxXx",
                "N/A",
                "aaaaa",
                "77777",
                "-",
                "...",
                "Not Specified",
            ],
        ),
        ("date", vec!["1-mrt", "2-Mar", "mrt-25"]),
        ("spreadsheet_error", vec!["#N/A", "#n/b", "#####"]),
        ("text_mark", vec!["=\"0123\"", "'0123"]),
        ("decimals", vec!["12345.0", "12345.00"]),
        ("lost_digits", vec!["123456789012345000", "12345678901234500000"]),
    ] {
        for value in values {
            let told = found(&format!("Contoso,Laptop,\"{}\"\n", value.replace('"', "\"\"")));
            assert_eq!(told, [format!("2:S {code}")], "{value}");
        }
    }
    for fine in ["1111", "NONE1", "12345678901", "1234567890123450", "123.0", "1234.01", "1R9-ZNP67", "'", "7", "A"] {
        assert_eq!(found(&format!("Contoso,Laptop,{fine}\n")), [""; 0], "{fine}");
    }
}

#[test]
fn sample_rows_are_known_half_changed_too() {
    assert_eq!(found("SpiralOrbit,ContosoABC,000000000000\n"), ["2:S sample"]);
    assert_eq!(found(" SpiralOrbit,ContosoABC,X1\n"), ["2:M0..1 surrounding_blanks", "2:S sample"]);
    assert_eq!(found("Microsoft Corporation,Surface Laptop,016520771357\n"), ["2:S sample"]);
    assert_eq!(found("Microsoft Corporation,Surface Laptop,016520771358\n"), [""; 0]);
}

#[test]
fn rows_are_compared_with_the_rows_before() {
    let rows = "A,B,0123\nA,B,X1\nA,B,0123\nA,B,123\nA,C,123\na,B,x1\nA,B,X01\n";
    let told = found(rows);
    assert_eq!(told, ["4:S twice", "5:S zeros_differ", "7:M other_spelling"]);
    // Text of digits and others keeps its zeros in a spreadsheet, so they tell two devices apart.
    assert_eq!(found("A,B,0X7\nA,B,X7\n"), [""; 0]);
}

#[test]
fn serial_numbers_that_lost_zeros_show_beside_the_others() {
    let long = rows(0..8, |n| format!("A,B,16520771357{n}\n"));
    let told = found(&format!("{long}A,B,16520771{}\nA,B,6520771357\nA,C,1652\nA,B,52A\n", 309));
    assert_eq!(told, ["10:S lost_zeros", "11:S lost_zeros"]);
    assert_eq!(found(&format!("A,B,16520771309\n{long}")), ["2:S lost_zeros"], "also where it stands first");
    let zero = found(&format!("{long}A,B,01652077131\n"));
    assert_eq!(zero, [""; 0], "what begins with a zero didn't lose them");
    let mixed = rows(0..8, |n| format!("A,B,1652077{n}\nA,B,16520771{n}\n"));
    assert_eq!(found(&mixed), [""; 0], "where two lengths are usual, neither is wrong");
    let counted = rows(95..105, |n| format!("A,B,{n}\n"));
    assert_eq!(found(&counted), [""; 0], "short numbers are counted up");
}

#[test]
fn digits_that_a_spreadsheet_made_zeros_show_when_all_of_them_end_so() {
    let all = rows(0..4, |n| format!("A,B,12345678901234{n}0\n"));
    assert_eq!(found(&all).len(), 4);
    assert_eq!(found(&format!("{all}A,B,1234567890123459\n")), [""; 0]);
}

#[test]
fn two_spellings_of_a_name_are_told_once() {
    let told = found("Dell Inc.,B,1a\nDell Inc.,B,2a\nDELL INC,B,3a\nDELL INC,B,4a\nDell Inc.,b,5a\nDell+,B,6a\n");
    assert_eq!(told, ["4:M other_spelling", "6:M other_spelling"]);
}

#[test]
fn headings_that_stand_again_are_told_and_nothing_else_of_them() {
    assert_eq!(found("A,B,X1\n\u{feff}Manufacturer,Model,Serial Number\nA,B,X2\n"), ["3:headings_again"]);
}

#[test]
fn what_is_refused_is_left_to_others() {
    assert_eq!(found("A,B\nA,,X1\nA, B,1E+11\nA,B,X2\n"), [""; 0]);
}

#[test]
fn hardware_hashes_are_read() {
    let text = "Manufacturer,Model,Serial Number,Hardware Hash\nA,B,1Z,T0EAAA4ADwAxMjM0NTY3ODkwAA\n\
                A,B,2Z,dGhpc2RldmljZWlzYW5tbWRkZXZpY2U\nA,B,3Z,T0E*\n";
    assert_eq!(watched(text).0, ["2:H other_device", "3:H hardware_hash", "4:H3..4 hardware_hash"]);
}

#[test]
fn past_its_limits_it_says_how_much_it_compared() {
    let kinds = rows(0..5_000, |n| format!("A,B,1652077{n:05}\n"));
    let short = rows(0..5_000, |n| format!("A,C,652{n:05}\nA,C,{n:09}\nA,C,{n:08}9\n"));
    let (_, told) = watched(&format!("Manufacturer,Model,Serial Number\n{kinds}{short}"));
    assert_eq!(told.compared, None);
    assert!(told.lost_zeros_unnamed > 0, "{told:?}");
}

proptest! {
    /// What is pointed at lies in the value, and nothing is told twice of one place.
    #[test]
    fn what_is_pointed_at_is_there(values in proptest::collection::vec("[ \"0-9a-zA-Z\u{a0}\u{200b}\u{feff}\u{421}\u{2013}\u{e9}#=/.-]{1,20}", 1..8)) {
        let rows = values.iter().map(|value| format!("Contoso,\"{0}\",\"{0}\"\n", value.replace('"', "\"\""))).collect::<Vec<_>>().concat();
        let text = format!("Manufacturer,Model,Serial Number\n{rows}");
        let mut watcher = Watcher::new();
        let mut places = Vec::new();
        let mut reader = SheetReader::new(Encoding::Utf8, options());
        let mut sink = |head: &Head, row: Row<'_>| {
            let value = row.fields.get(1).unwrap_or_default();
            let long = u64::try_from(value.chars().count()).unwrap_or(0);
            watcher.row(head, &row, &mut |suspicion| {
                let cell = suspicion.cell.as_ref();
                let part = cell.and_then(|cell| cell.characters.clone());
                if let Some(part) = &part {
                    assert!(part.start < part.end && part.end <= long, "{part:?} of {value:?}");
                }
                let place = (suspicion.line, cell.map(|cell| cell.index), part.map(|part| (part.start, part.end)));
                places.push((place, suspicion.suspect.code()));
            });
        };
        prop_assume!(reader.feed(text.as_bytes(), &mut sink).is_ok());
        prop_assume!(reader.finish(&mut sink).is_ok());
        let all = places.len();
        places.sort();
        places.dedup();
        prop_assert_eq!(all, places.len());
    }
}
