//! Which rows and files are refused, and for what.

use super::tests::{PARTNER, name, options, problem, read_with, row_problem, rows};
use super::*;
use crate::device::Device;
use crate::limits::QUOTED_LINES;
use crate::problem::{ColumnName, RowProblem};

#[test]
fn rows_are_refused_one_by_one() {
    let device = |manufacturer: &str, model: &str, serial_number: &str| {
        let [manufacturer, model, serial_number] = [manufacturer, model, serial_number].map(str::to_owned);
        Some(Box::new(Device { manufacturer, model, serial_number }))
    };
    let fields = |found, echoed| RowProblem::FieldCount { expected: 3, found, echoed };
    let quotes = |column, echoed| RowProblem::Quotes { column: name(column), echoed };
    let other = |row| RowProblem::OtherDelimiter { headings: Delimiter::Comma, row, echoed: None };
    for (row, wanted) in [
        ("a,b", fields(2, None)),
        ("a,b,c,d", fields(4, device("a", "b", "c"))),
        ("a,b,,d", fields(4, None)),
        ("a,b,c,,d,,", fields(5, device("a", "b", "c"))),
        ("\u{1a}", RowProblem::EndMark),
        ("\u{1a}\u{1a}\u{1a}", RowProblem::EndMark),
        (
            "a,b,c\u{1a}",
            RowProblem::ControlCharacter { column: name(Column::SerialNumber), character: '\u{1a}', position: 2 },
        ),
        ("a;b;c", other(Delimiter::Semicolon)),
        ("\"a\";\"b\";\"c\"", other(Delimiter::Semicolon)),
        ("Dell, Inc.\tb\tc", other(Delimiter::Tab)),
        ("a;b", fields(1, None)),
        (r#""""Northwind, Inc."",Tablet 11,0016520771""#, RowProblem::OneCell),
        (r#""""Northwind, Inc."",Tablet 11""#, fields(1, None)),
        ("a,,c", RowProblem::EmptyValue { column: name(Column::Model) }),
        ("a,b,\" \u{a0}\"", RowProblem::EmptyValue { column: name(Column::SerialNumber) }),
        ("a,b,1.23E+11", RowProblem::Scientific { column: name(Column::SerialNumber), found: "1.23E+11".to_owned() }),
        ("a,\"é\nb\",c", RowProblem::ControlCharacter { column: name(Column::Model), character: '\n', position: 2 }),
        (
            "\u{85},b,c",
            RowProblem::ControlCharacter { column: name(Column::Manufacturer), character: '\u{85}', position: 1 },
        ),
        (
            "a,b,c\x1B",
            RowProblem::ControlCharacter { column: name(Column::SerialNumber), character: '\x1B', position: 2 },
        ),
        ("a,\"b\"x,c", quotes(Column::Model, device("a", "bx", "c"))),
        ("a,\"15\" \"b\",c", quotes(Column::Model, device("a", "15 \"b\"", "c"))),
        ("a,\"b\"x;y;z,c", quotes(Column::Model, device("a", "bx;y;z", "c"))),
        ("a, \"b,x\",c", fields(4, device("a", " \"b", "x\""))),
        ("a,b,\"c\" ", quotes(Column::SerialNumber, device("a", "b", "c "))),
    ] {
        assert_eq!(row_problem(row), wanted, "{row}");
    }
    let long = |column, limit| RowProblem::TooLong { column: name(column), found: limit + 1, limit };
    assert_eq!(row_problem(&format!("a,{},c", "é".repeat(1025))), long(Column::Model, 1024));
    assert_eq!(rows(&format!("{PARTNER}a,{},c\n", "é".repeat(1024))).len(), 1);
    let hash = "T".repeat(16_384);
    assert_eq!(rows(&format!("Manufacturer,Model,Serial Number,Hardware Hash\na,b,c,{hash}\n")).len(), 1);
    assert_eq!(rows(&format!("{PARTNER}Dell,\"15\"\"\",1E5\n")), ["2: Dell|15\"|1E5 <Dell|15\"|1E5>"]);
}

#[test]
fn a_quote_inside_an_unquoted_value_is_a_character_like_any_other() {
    for (row, wanted) in [
        ("M,14\" Laptop,S1", "2: M|14\" Laptop|S1 <M|14\" Laptop|S1>"),
        ("M,14\",S1", "2: M|14\"|S1 <M|14\"|S1>"),
        ("M, \"L\",S\"\"1", "2: M| \"L\"|S\"\"1 <M| \"L\"|S\"\"1>"),
        ("M,L,S1\"", "2: M|L|S1\" <M|L|S1\">"),
    ] {
        assert_eq!(rows(&format!("{PARTNER}{row}\n")), [wanted]);
    }
}

#[test]
fn what_is_within_the_limits_of_a_refused_row_is_kept() {
    let text = format!("{PARTNER}Dell,{},\"1\n2\"\n,L\n", "x".repeat(1025));
    let mut values = Vec::new();
    let mut reader = SheetReader::new(Encoding::Utf8, options());
    let mut sink = |_: &Head, row: Row<'_>| {
        let value = |column| row.value(column).map(str::to_owned);
        values.push(Format::SelfService.columns().iter().map(|column| value(*column)).collect::<Vec<_>>());
    };
    reader.feed(text.as_bytes(), &mut sink).unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(values, [vec![text("Dell"), None, text("1\n2"), None], vec![None, text("L"), None, None]]);
}

#[test]
fn files_are_rejected_as_a_whole() {
    let open = |line, position, column: Option<&str>| FileProblem::QuoteNeverClosed {
        line,
        position,
        column: column.map(str::to_owned),
    };
    for (text, wanted) in [
        ("", FileProblem::Empty),
        ("\n", FileProblem::Blank),
        ("\n \r\n", FileProblem::Blank),
        ("Manufacturer,Model,Serial Number", FileProblem::NoDataRow),
        ("sep=;\n", FileProblem::Blank),
        (",,\n", FileProblem::Blank),
        ("Manufacturer,Model,Serial Number\n,,\n\"\",\n", FileProblem::NoDataRow),
        ("Manufacturer,Model,Serial Number\na,\"b\n\",\"c\na,b,c\n", open(3, 3, Some("Serial Number"))),
        ("Manufacturer,Model,Serial Number\nDéll\t, \"b\",c\"\",\"\n", open(2, 16, None)),
        ("Manufacturer,Model,Serial Number\r\nDéll,\"b", open(2, 6, Some("Model"))),
        ("\"Manufacturer,Model,Serial Number\na,b,c\n", open(1, 1, None)),
    ] {
        assert_eq!(problem(text), wanted, "{text}");
    }
    let few = SheetOptions { max_rows: 1, ..options() };
    assert_eq!(
        read_with(few, &format!("{PARTNER}a,b,c\n\n,,\nd,e,f\n")).1,
        Err(FileProblem::TooManyRows { limit: 1 })
    );
    let empty_fine = SheetOptions { empty_files: true, ..options() };
    assert_eq!(read_with(empty_fine.clone(), PARTNER).1.unwrap().rows, 0);
    assert_eq!(read_with(empty_fine, "\n").1, Err(FileProblem::Blank));
}

#[test]
fn a_lost_quote_that_closes_much_later_hides_no_rows() {
    let text = |lines: u64| format!("{PARTNER}a,\"b{}\",c\n", "\n".repeat(usize::try_from(lines).unwrap()));
    let open = FileProblem::QuoteNeverClosed { line: 2, position: 3, column: Some("Model".to_owned()) };
    assert_eq!(problem(&text(QUOTED_LINES)), open);
    assert_eq!(rows(&text(QUOTED_LINES - 1)).len(), 1);
    assert!(problem(&text(QUOTED_LINES)).may_be_incomplete());
}

#[test]
fn a_line_that_names_another_delimiter_than_the_headings_have_is_told_of() {
    let hint = |text: &str| match problem(text) {
        FileProblem::HeadingsDiffer { line, hint, .. } => (line, hint),
        other => panic!("{other:?}"),
    };
    let (comma, semicolon, tab) = (Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab);
    let partner = "Manufacturer,Model,Serial Number\r\na,b,c\r\n";
    let told = |named, used| (2, HeadingHint::SepLine { named, used });
    assert_eq!(hint(&format!("sep=;\r\n{partner}")), told(semicolon, comma));
    assert_eq!(hint(&format!("sep=\t\r\n{}", partner.replace(',', ";"))), told(tab, semicolon));
    assert_eq!(hint(&format!("sep=,\r\n{}", partner.replace(',', "\t").to_lowercase())), told(comma, tab));
    for tail in [";", ";;;;;;"] {
        let text = format!("Manufacturer,Model,Serial Number{tail}\r\na,b,c{tail}\r\n");
        assert_eq!(hint(&text), (1, HeadingHint::Stray(semicolon)), "{tail}");
    }
    assert_eq!(hint("Manufacturer;Model,Serial Number\na;b,c\n"), (1, HeadingHint::TwoDelimiters));
    // Quotes around each heading say the same; those around the whole line are another mistake.
    let quoted = "\"Manufacturer\",\"Model\",\"Serial Number\"\n";
    assert_eq!(hint(&format!("sep=;\n{quoted}")), told(semicolon, comma));
    assert_eq!(hint("sep=;\n\"Manufacturer,Model,Serial Number\"\n"), (2, HeadingHint::OneCell));
}

#[test]
fn a_lost_quote_is_seen_in_every_column_and_mixes_no_rows() {
    let columns = BTreeMap::from([(Column::Model, "Modell".to_owned())]);
    let mapped = SheetOptions { columns, ..options() };
    let read = |rows: &str| {
        let (rows, end) = read_with(mapped.clone(), &format!("Pos,Manufacturer,Modell,Serial Number,Shelf\n{rows}"));
        assert!(end.is_ok(), "{end:?}");
        rows
    };
    let beside = |heading: &str, index| ColumnName { column: None, heading: heading.to_owned(), index };
    let quotes = read("\"1\"a,M,\"15\" Book,S1,\n\"1\"a,M,Book,S1,\n1,M,Book,S2,\"A\"1\"\n");
    for (row, column) in quotes.iter().zip([beside("Pos", 0), beside("Pos", 0), beside("Shelf", 4)]) {
        assert!(row.contains("Quotes") && row.contains(&format!("{column:?}")), "{row}");
    }
    // The quote that is too much is closed by the one of a later row.
    let swallowed = read("\"A1,M,Book,S1,\nC1\",M,Pad,S2,\n1,M,Book,S3,\"A\n1,M,Book,S4,A\"\n");
    for (row, (column, position)) in swallowed.iter().zip([(beside("Pos", 0), 14), (beside("Shelf", 4), 2)]) {
        let character = '\n';
        let wanted = RowProblem::ControlCharacter { column, character, position };
        assert!(row.contains(&format!("{wanted:?}")), "{row}");
    }
    let long = read(&format!("{},M,Book,S1,\n{},M,Book,S2,\n", "x".repeat(1025), "x".repeat(1024)));
    assert!(long[0].contains("TooLong") && long[1].starts_with("3: M|Book|S2"), "{long:?}");
}

#[test]
fn a_quote_that_was_lost_in_what_a_result_adds_hides_no_rows() {
    let result = format!("{},State,Error,Error Details,Request ID\n", PARTNER.trim_end());
    for row in [
        "a,b,1,Registration failed,Device not found,\"Look at it,\na,b,2,Ready for user,,,\na,b,3,x,y,Look at it\",\n",
        "a,b,1,Registration failed,Device not found,\"Look\" at it,\n",
    ] {
        let (rows, end) = read_with(options(), &format!("{result}{row}"));
        assert_eq!((rows.len(), end.unwrap().invalid), (1, 1), "{rows:?}");
        assert!(rows[0].contains("Error Details"), "{rows:?}");
    }
    // Whatever else stands there is ignored.
    let (rows, _) = read_with(options(), &format!("{result}a,b,1,\t,x,{},\n", "y".repeat(2_000)));
    assert!(rows[0].starts_with("2: a|b|1"), "{rows:?}");
}
