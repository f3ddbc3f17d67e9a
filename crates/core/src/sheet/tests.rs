//! Sheets as people make them, hostile ones, any cutting into chunks, and the fast parser against the slow one.

use proptest::prelude::*;

use super::*;
use crate::limits::count;
use crate::problem::{HeadingHint, RowProblem};
use crate::sheet::model;

pub(super) fn options() -> SheetOptions {
    SheetOptions { formats: Format::ALL.to_vec(), columns: BTreeMap::new(), max_rows: 1000, empty_files: false }
}

pub(super) fn with_columns(columns: &[(Column, &str)]) -> SheetOptions {
    let columns = columns.iter().map(|(column, heading)| (*column, (*heading).to_owned())).collect();
    SheetOptions { columns, ..options() }
}

/// Reads bytes in chunks of some length; each row as a line of text for the tests to compare.
pub(super) fn read_as(
    encoding: Encoding,
    options: SheetOptions,
    bytes: &[u8],
    chunk: usize,
) -> (Vec<String>, Result<Sheet, FileProblem>) {
    let mut rows = Vec::new();
    let mut sink = |head: &Head, row: Row<'_>| {
        let what = match &row.content {
            Ok(content) => {
                let more = [content.hardware_hash, content.order_id, content.purchase_id];
                let more: Vec<&str> = more.into_iter().flatten().flat_map(|value| ["+", value]).collect();
                let more = more.concat();
                format!("{}|{}|{}{more}", content.manufacturer, content.model, content.serial_number)
            }
            Err(problem @ RowProblem::FieldCount { .. }) => {
                format!("{problem:?}").split_once(", echoed").unwrap().0.to_owned() + " }"
            }
            Err(problem) => format!("{problem:?}"),
        };
        let echo: Vec<&str> = row.echo(head).collect();
        assert_eq!(echo.len(), head.headings.len());
        rows.push(format!("{}: {what} <{}>", row.line, echo.join("|")));
    };
    let mut reader = SheetReader::new(encoding, options);
    let fed = bytes.chunks(chunk).try_for_each(|chunk| reader.feed(chunk, &mut sink));
    let end = fed.and_then(|()| reader.finish(&mut sink));
    (rows, end)
}

pub(super) fn read_with(options: SheetOptions, text: &str) -> (Vec<String>, Result<Sheet, FileProblem>) {
    read_as(Encoding::Utf8, options, text.as_bytes(), 1 << 16)
}

/// The rows of a file that is accepted.
pub(super) fn rows(text: &str) -> Vec<String> {
    let (rows, end) = read_with(options(), text);
    end.unwrap();
    rows
}

/// The sheet of a file that is accepted.
fn sheet(text: &str) -> Sheet {
    read_with(options(), text).1.unwrap()
}

pub(super) fn problem(text: &str) -> FileProblem {
    read_with(options(), text).1.unwrap_err()
}

/// What is wrong with the only row of a partner file.
pub(super) fn row_problem(row: &str) -> RowProblem {
    let mut found = None;
    let mut reader = SheetReader::new(Encoding::Utf8, options());
    let text = format!("{PARTNER}{row}\n");
    reader.feed(text.as_bytes(), &mut |_, row| found = Some(row.content.unwrap_err())).unwrap();
    found.unwrap()
}

pub(super) fn name(column: Column) -> crate::problem::ColumnName {
    let index = Format::SelfService.columns().iter().position(|one| *one == column).unwrap();
    crate::problem::ColumnName { column: Some(column), heading: column.heading().to_owned(), index }
}

pub(super) const PARTNER: &str = "Manufacturer,Model,Serial Number\n";

#[test]
fn both_formats_are_read() {
    assert_eq!(
        rows("Manufacturer,Model,Serial Number\nDell,L 5540,0012\n"),
        ["2: Dell|L 5540|0012 <Dell|L 5540|0012>"]
    );
    let text = "Manufacturer,Model,Serial Number,Hardware Hash\r\nDell,L,1,T0E=\r\n";
    assert_eq!(rows(text), ["2: Dell|L|1+T0E= <Dell|L|1|T0E=>"]);
    assert_eq!(sheet(text).head.format, Format::SelfService);
    assert_eq!(sheet(text).head.dialect.line_ending, LineEnding::CrLf);
}

#[test]
fn what_people_put_around_a_table_is_accepted() {
    // The sample on the page has blanks before its headings and its row, and blank lines behind.
    let text = "\n Manufacturer;\tModel; \u{a0}Serial Number ;;\r\r\"Dell; \"\"Inc\"\"\";L;1;;\r;;;;\rDell;M;2\r \r";
    let (read, end) = read_with(options(), text);
    assert_eq!(read, ["4: Dell; \"Inc\"|L|1 <Dell; \"Inc\"|L|1>", "6: Dell|M|2 <Dell|M|2>"]);
    let Sheet { head, rows: data, invalid, doubt } = end.unwrap();
    assert_eq!(head.headings, [" Manufacturer", "\tModel", " \u{a0}Serial Number "]);
    assert_eq!((head.line, data, invalid, doubt), (2, 2, 0, None));
    let Dialect { delimiter, line_ending, bom, sep_line } = head.dialect;
    assert_eq!((delimiter, line_ending, bom, sep_line), (Delimiter::Semicolon, LineEnding::Cr, false, false));

    let text = "sep=\t\r\nManufacturer\tModel\tSerial Number\nDell\tL\t1\n";
    assert_eq!(rows(text), ["3: Dell|L|1 <Dell|L|1>"]);
    assert!(sheet(text).head.dialect.sep_line);
    assert_eq!(sheet(text).head.dialect.line_ending, LineEnding::Lf);
}

#[test]
fn a_corrected_result_file_is_read_without_our_columns() {
    let text = "Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID\n\
                Dell,L,1,Ready for user,,,\nDell,L,2,Registration failed,Device not found,\"a, b\",r-1\nDell,L,3\n\
                Dell,L,4,x,x,x,x,x\n,,,Registration failed,,,\nDell, Inc.,L,5\nDell,L,6,Klaar voor gebruiker\n\
                Dell, Inc.,L,7,Active,,,\n";
    let (rows, end) = read_with(options(), text);
    assert_eq!(
        rows.join("\n"),
        "2: Dell|L|1 <Dell|L|1>\n3: Dell|L|2 <Dell|L|2>\n4: Dell|L|3 <Dell|L|3>\n\
         5: FieldCount { expected: 7, found: 8 } <Dell|L|4>\n\
         7: FieldCount { expected: 7, found: 4 } <Dell| Inc.|L>\n8: Dell|L|6 <Dell|L|6>\n\
         9: FieldCount { expected: 7, found: 8 } <Dell| Inc.|L>"
    );
    assert_eq!(end.unwrap().head.headings, ["Manufacturer", "Model", "Serial Number"]);
    let part = problem("Manufacturer,Model,Serial Number,State,Error\nDell,L,1,,\n");
    let FileProblem::HeadingsDiffer { hint, .. } = part else { panic!("{part:?}") };
    assert_eq!(hint, HeadingHint::Extra(vec!["State".to_owned(), "Error".to_owned()]));
}

#[test]
fn a_customers_own_headings_stand_in_any_order() {
    let mapped = || {
        with_columns(&[
            (Column::Manufacturer, " Hersteller"),
            (Column::Model, "Modell"),
            (Column::SerialNumber, "Seriennummer"),
            (Column::OrderId, "Bestellung"),
        ])
    };
    let text = "Pos,Seriennummer,Hersteller,Bestellung,Modell,,Note,Purchase ID,\n\
                1,S1,Dell,B7,L,,hi,,\n2,S2,Dell,,L,,,P8\n3,S3,Dell,B7,L,x,\n";
    let (rows, end) = read_with(mapped(), text);
    assert_eq!(
        rows,
        [
            "2: Dell|L|S1+B7 <1|S1|Dell|B7|L||hi|>",
            "3: Dell|L|S2+P8 <2|S2|Dell||L|||P8>",
            "4: FieldCount { expected: 8, found: 7 } <3|S3|Dell|B7|L|x||>"
        ]
    );
    let Sheet { head, rows, invalid, .. } = end.unwrap();
    assert_eq!((head.headings.len(), rows, invalid), (8, 3, 1));

    let text = "Hersteller,Modell,Seriennummer,Hardware Hash,State,Error,Error Details,Request ID\nDell,L,1,T0,,,,\n";
    let (rows, end) = read_with(mapped(), text);
    assert_eq!(rows, ["2: Dell|L|1+T0 <Dell|L|1|T0>"]);
    assert_eq!(end.unwrap().head.format, Format::SelfService);
    let partner_only = SheetOptions { formats: vec![Format::Partner], ..mapped() };
    assert_eq!(read_with(partner_only, text).0, ["2: Dell|L|1 <Dell|L|1|T0>"]);

    let FileProblem::HeadingsDiffer { expected, hint, .. } =
        read_with(mapped(), "Hersteller,Modell\nDell,L\n").1.unwrap_err()
    else {
        panic!("accepted")
    };
    assert_eq!(expected[0], ["Hersteller", "Modell", "Seriennummer"]);
    assert_eq!(*hint.plain(), HeadingHint::Incomplete(vec!["Seriennummer".to_owned()]));
    let HeadingHint::Mapped { headings, .. } = hint else { panic!("ours are named too: {hint:?}") };
    assert!(headings.contains(&("Seriennummer".to_owned(), Column::SerialNumber)));

    let below = read_with(mapped(), "Geräte vom Mai;;\n\nSeriennummer;Pos;Modell;Hersteller\n1;2;L;Dell\n").1;
    let FileProblem::HeadingsDiffer { hint, .. } = below.unwrap_err() else { panic!("accepted") };
    assert_eq!(*hint.plain(), HeadingHint::Below(3));
    assert!(matches!(&hint, HeadingHint::Mapped { headings, .. } if headings.len() == 4), "{hint:?}");
}

#[test]
fn headings_that_differ_are_told_with_what_was_found() {
    let text = format!("\n{}\n1,2\n", vec!["x".repeat(70); 25].join(";"));
    let FileProblem::HeadingsDiffer { line, found, expected, hint } = problem(&text) else { panic!("accepted") };
    assert_eq!((line, found.len(), hint), (2, 20, HeadingHint::Unknown));
    assert_eq!(found[0], "x".repeat(64) + "…");
    assert_eq!(
        expected,
        [Format::Partner, Format::SelfService]
            .map(|format| { format.columns().iter().map(|column| column.heading()).collect::<Vec<_>>() })
    );
    for (text, wanted) in [
        (
            "\u{feff}Manufacturer,Model,Serial Number\na,b,c\n",
            HeadingHint::Invisible { heading: "Manufacturer".to_owned(), character: '\u{feff}' },
        ),
        ("#TYPE X\nManufacturer,Model,Serial Number\na,b,c\n", HeadingHint::TypeLine),
        ("sep=|\nManufacturer|Model|Serial Number\na|b|c\n", HeadingHint::Delimiter('|')),
        ("Manufacturer|Model|Serial Number\na|b|c\n", HeadingHint::Delimiter('|')),
        ("Dell,L,8CD1\nDell,L,8CD2\n", HeadingHint::Missing),
        ("Report\r\n\r\n\"Manufacturer\";\"Model\";\"Serial Number\"\r\na;b;c\r\n", HeadingHint::Below(3)),
        ("Report\nManufacturer,Model,Serial Number", HeadingHint::Below(2)),
        ("Report\nManufacturer,Model,Serial No\na,b,c\n", HeadingHint::Unknown),
    ] {
        let FileProblem::HeadingsDiffer { hint, .. } = problem(text) else { panic!("accepted") };
        assert_eq!(hint, wanted);
    }
}

#[test]
fn a_format_that_isnt_allowed_is_named() {
    let only = |format| SheetOptions { formats: vec![format], ..options() };
    let text = format!("{PARTNER}a,b,c\n");
    assert_eq!(
        read_with(only(Format::SelfService), &text).1.unwrap_err(),
        FileProblem::FormatNotAllowed { found: Format::Partner, allowed: Format::SelfService }
    );
    read_with(only(Format::Partner), &text).1.unwrap();
}

#[test]
fn an_end_that_may_not_be_the_end_is_doubted() {
    let doubt = |text: &str| sheet(&format!("{PARTNER}{text}")).doubt;
    assert_eq!(doubt("a,b,c\n"), None);
    assert_eq!(doubt("a,b,c\r"), None);
    assert_eq!(doubt("a,b,c"), Some(Doubt::NoLineEnd));
    assert_eq!(doubt("a,b,c\na,b"), Some(Doubt::ShortLastLine));
    assert_eq!(doubt("a,b\na,b,c"), Some(Doubt::NoLineEnd));
    assert_eq!(doubt("a,b,c\na,b\n"), None);
    assert_eq!(doubt("a,b,c\n "), Some(Doubt::NoLineEnd));
}

#[test]
fn other_encodings_come_out_the_same() {
    let text = "Manufacturer,Model,Serial Number\r\nMüller,€,1\r\n";
    let wanted = ["2: Müller|€|1 <Müller|€|1>"];
    let units = |mark: u16| [mark].into_iter().chain(text.encode_utf16()).collect::<Vec<_>>();
    let little: Vec<u8> = units(0xFEFF).into_iter().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units(0xFEFF).into_iter().flat_map(u16::to_be_bytes).collect();
    let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
    let windows = b"Manufacturer,Model,Serial Number\r\nM\xFCller,\x80,1\r\n".to_vec();
    for (encoding, bytes) in [
        (Encoding::Utf8Bom, marked),
        (Encoding::Utf16Le, little),
        (Encoding::Utf16Be, big),
        (Encoding::Windows1252, windows),
    ] {
        for chunk in [1, 2, 3, 7, 4096] {
            let (rows, end) = read_as(encoding, options(), &bytes, chunk);
            assert_eq!(rows, wanted);
            assert!(end.unwrap().head.dialect.bom);
        }
    }
    let broken = format!("{PARTNER}a,b,c\na,b,\u{e9}");
    let cut = &broken.as_bytes()[..broken.len() - 1];
    assert_eq!(read_as(Encoding::Utf8, options(), cut, 5).1, Err(FileProblem::Utf8Cut { line: 3 }));
    let invalid = [PARTNER.as_bytes(), b"a,\xFF"].concat();
    assert_eq!(
        read_as(Encoding::Utf8, options(), &invalid, 5).1,
        Err(FileProblem::InvalidUtf8 { line: 2, byte: 0xFF })
    );
    let half: Vec<u8> =
        [0xFEFF].into_iter().chain(PARTNER.encode_utf16()).chain([0xD83D]).flat_map(u16::to_le_bytes).collect();
    assert_eq!(read_as(Encoding::Utf16Le, options(), &half, 3).1, Err(FileProblem::InvalidUtf16 { line: 2 }));
}

fn body() -> impl Strategy<Value = String> {
    let parts = [
        "a",
        "b1",
        " ",
        "é",
        "\"",
        "\"",
        "\"\"",
        "\"x\"",
        "\"x,\r\ny\"",
        "~",
        "~",
        "~",
        "~",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "Dell~L~S1\n",
        "\"Dell\"~L~\"S2\"\r\n",
        "a~b",
        "~~",
        "~~~~",
        "\u{85}",
        "\t",
        "1,2E+11",
        "x\"y",
        ";",
        ",",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 0..14).prop_map(|parts| parts.concat())
}

/// A text with right headings and any rows, and its delimiter.
fn text() -> impl Strategy<Value = (String, char)> {
    let before = prop::sample::select(&["", "", "\n", "\r\n\r\n", "~~~\n", "  \r"][..]);
    let headings = "Manufacturer~Model~Serial Number";
    let headings = prop::sample::select(vec![
        headings.to_owned(),
        " Manufacturer ~\"Model\"~Serial Number".to_owned(),
        format!("{headings}~~"),
        format!("{headings}~State~Error~Error Details~Request ID"),
    ]);
    let end = prop::sample::select(&["\n", "\r\n", "\r", "\n\n"][..]);
    let delimiter = prop::sample::select(&[',', ';', '\t'][..]);
    (before, headings, end, body(), delimiter).prop_map(|(before, headings, end, body, delimiter)| {
        ((before.to_owned() + &headings + end + &body).replace('~', &delimiter.to_string()), delimiter)
    })
}

proptest! {
    #[test]
    fn the_slow_parser_reads_the_same((text, delimiter) in text(), chunk in 1_usize..40) {
        let mut rows: Vec<model::ModelRow> = Vec::new();
        let mut sink = |_: &Head, row: Row<'_>| {
            rows.push((row.line, row.fields.iter().map(str::to_owned).collect(), row.content.err()));
        };
        let mut reader = SheetReader::new(Encoding::Utf8, options());
        let fed = text.as_bytes().chunks(chunk).try_for_each(|chunk| reader.feed(chunk, &mut sink));
        let end = fed.and_then(|()| reader.finish(&mut sink));
        let (model_rows, model_end) = model::read(&text, delimiter);
        prop_assert_eq!(&rows, &model_rows, "{:?}", text);
        if let Ok(sheet) = &end {
            prop_assert_eq!(sheet.rows, count(rows.len()));
            prop_assert_eq!(sheet.invalid, count(rows.iter().filter(|row| row.2.is_some()).count()));
            prop_assert_eq!(char::from(sheet.head.dialect.delimiter.byte()), delimiter);
        }
        prop_assert_eq!(end.map(|sheet| sheet.doubt), model_end, "{:?}", text);
    }

    #[test]
    fn chunks_make_no_difference(
        start in prop::sample::select(&["", "sep=;\r\n", "Manufacturer;Model;Serial Number\r", "A,B\r\n"][..]),
        bytes in prop_oneof![
            body().prop_map(|body| body.replace('~', ";").into_bytes()),
            prop::collection::vec(any::<u8>(), 0..40),
        ],
        encoding in prop::sample::select(&Encoding::ALL[..]),
        chunk in 1_usize..9,
    ) {
        let bytes = [start.as_bytes(), bytes.as_slice()].concat();
        let whole = read_as(encoding, options(), &bytes, bytes.len().max(1));
        prop_assert_eq!(read_as(encoding, options(), &bytes, chunk), whole);
    }
}
