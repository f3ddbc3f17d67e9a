//! Files with rows and values without end: one of them is refused and the others go on, in constant memory.

use super::tests::{PARTNER, name, options, read_as, read_with, rows, with_columns};
use super::*;
use crate::limits::CUT_BYTES;
use crate::problem::{ColumnName, RowProblem};

/// Feeds the same chunk over and over; what came of it, how much was read, and the most that was held meanwhile.
fn flood(start: &str, chunk: &[u8], bytes: usize) -> (Result<Sheet, FileProblem>, usize) {
    let mut reader = SheetReader::new(Encoding::Utf8, options());
    let mut sink = |_: &Head, _: Row<'_>| {};
    let mut fed = reader.feed(start.as_bytes(), &mut sink);
    let mut read = 0;
    while fed.is_ok() && read < bytes {
        fed = reader.feed(chunk, &mut sink);
        read += chunk.len();
        assert!(held(&reader) < 3 * RECORD_BYTES, "memory grows");
    }
    (fed.and_then(|()| reader.finish(&mut sink)), read)
}

fn held(reader: &SheetReader) -> usize {
    match &reader.parser.stage {
        Stage::Preamble(preamble) => preamble.held(),
        Stage::Table(table) => table.records.held() + table.fields.held(),
        Stage::Below(below) => below.held(),
    }
}

#[test]
fn memory_stays_flat_whatever_comes() {
    let chunk = |byte: u8| vec![byte; 1 << 16];
    let much = 4 * RECORD_BYTES;
    let open = |line, column: Option<&str>| {
        Err(FileProblem::QuoteNeverClosed { line, position: 1, column: column.map(str::to_owned) })
    };
    let refused = Ok((1, 1));
    for (start, byte, wanted) in [
        ("", b',', Err(FileProblem::Blank)),
        ("", b'\n', Err(FileProblem::Blank)),
        ("", b'a', Err(FileProblem::RecordTooLong { line: 1, limit: 1 << 20 })),
        ("", b'"', Err(FileProblem::RecordTooLong { line: 1, limit: 1 << 20 })),
        ("\"", b'"', open(1, None)),
        (
            "a",
            b',',
            Err(FileProblem::HeadingsDiffer {
                line: 1,
                found: vec!["a".to_owned()],
                expected: options().expected(),
                hint: HeadingHint::Unknown,
            }),
        ),
        (PARTNER, b',', Err(FileProblem::NoDataRow)),
        (PARTNER, b'\n', Err(FileProblem::NoDataRow)),
        (PARTNER, b'a', refused.clone()),
        (PARTNER, b'"', refused.clone()),
        ("Manufacturer,Model,Serial Number\na,b,c,d", b',', refused.clone()),
        ("Manufacturer,Model,Serial Number\na,b,c", b',', Ok((1, 0))),
        ("Manufacturer,Model,Serial Number\n\"", b'a', open(2, Some("Manufacturer"))),
        ("Manufacturer,Model,Serial Number\n\"", b'\n', open(2, Some("Manufacturer"))),
        ("Manufacturer,Model,Serial Number\n\"", b'"', open(2, Some("Manufacturer"))),
    ] {
        let (end, _) = flood(start, &chunk(byte), much);
        let end = end.map(|sheet| (sheet.rows, sheet.invalid));
        assert_eq!(end, wanted, "{start}{}", char::from(byte));
    }
}

#[test]
fn a_record_at_its_limits_is_read() {
    let mapped = || with_columns(&[(Column::Manufacturer, "Hersteller")]);
    let headings = |fields: usize| format!("Hersteller,Model,Serial Number{}\n", ",x".repeat(fields - 3));
    let row = |fields| format!("a,b,c{}\n", ",x".repeat(fields - 3));
    let read = |fields| read_with(mapped(), &(headings(fields) + &row(fields))).1;
    assert_eq!(read(RECORD_FIELDS).unwrap().rows, 1);
    assert_eq!(read(RECORD_FIELDS + 1), Err(FileProblem::TooManyFields { line: 1, limit: 16_384 }));
    let wider = |fields, row_fields| read_with(mapped(), &(headings(fields) + &row(row_fields))).0;
    let wide = "FieldCount { expected: 4, found: 20000 }";
    assert!(wider(4, 20_000)[0].contains(wide), "{:?}", wider(4, 20_000));
    let long = |bytes: usize| {
        let text = headings(4) + "a,b,c," + &"x".repeat(bytes - 3);
        [1 << 16, 61, bytes].map(|chunk| read_as(Encoding::Utf8, mapped(), text.as_bytes(), chunk))
    };
    for bytes in [RECORD_BYTES, RECORD_BYTES + 1] {
        for (rows, end) in long(bytes) {
            assert_eq!(end.unwrap().rows, 1);
            let column = ColumnName { column: None, heading: "x".to_owned(), index: 3 };
            let problem = RowProblem::TooLong { column, found: count(bytes - 3), limit: 1_024 };
            let kept = if bytes > RECORD_BYTES { CUT_BYTES } else { bytes - 3 };
            assert_eq!(rows, [format!("2: {problem:?} <a|b|c|{}>", "x".repeat(kept))]);
        }
    }
}

#[test]
fn a_value_without_end_refuses_its_row_and_no_other() {
    let far = RECORD_BYTES + 12_345;
    let value = "é".repeat(far / 2) + "x";
    let text = |row: &str| format!("{PARTNER}a,b,1\n{row}\r\na,b,3\na,b,\"4\"\n");
    let too_long = |column, found| RowProblem::TooLong { column: name(column), found, limit: 1_024 };
    let found = count(value.chars().count());
    let kept = "é".repeat(CUT_BYTES / 2);
    for (row, problem, echo) in [
        (format!("Dell,{value},2"), too_long(Column::Model, found), format!("Dell|{kept}|2")),
        (format!("Dell,\"{value}\"\"\",2"), too_long(Column::Model, found + 1), format!("Dell|{kept}|2")),
        (format!("Dell,x{value},\"2,3\""), too_long(Column::Model, found + 1), format!("Dell|x{}|2,3", &kept[2..])),
        (format!("{value},{value},2"), too_long(Column::Manufacturer, found), format!("{kept}|{kept}|2")),
        (
            format!("{},{},2", "y".repeat(RECORD_BYTES - 9), "z".repeat(90)),
            too_long(Column::Manufacturer, count(RECORD_BYTES - 9)),
            format!("{}||", "y".repeat(RECORD_BYTES - 9)),
        ),
    ] {
        for chunk in [1 << 16, 4_099, far * 3] {
            let (rows, end) = read_as(Encoding::Utf8, options(), text(&row).as_bytes(), chunk);
            assert_eq!((end.as_ref().unwrap().rows, end.unwrap().invalid), (4, 1));
            assert_eq!(rows[1], format!("3: {problem:?} <{echo}>"), "{} {chunk}", &row[..12]);
            assert_eq!(rows[2..], ["4: a|b|3 <a|b|3>", "5: a|b|4 <a|b|4>"]);
        }
    }
    let (rows, _) = read_with(options(), &text(&format!("Dell,{value},2,3")));
    assert!(rows[1].starts_with("3: FieldCount { expected: 3, found: 4 }"), "{}", &rows[1][..60]);
    let stray = too_long(Column::Model, found);
    let (rows, _) = read_with(options(), &text(&format!("Dell,{value},\"2\"3")));
    assert!(!rows[1].contains(&format!("{stray:?}")) && rows[1].contains("Quotes"), "{}", &rows[1][..60]);
    let end = read_with(options(), &format!("{PARTNER}Dell,\"{value},2\n")).1;
    let column = Some("Model".to_owned());
    assert_eq!(end, Err(FileProblem::QuoteNeverClosed { line: 2, position: 6, column }));
    // What comes back of it in a result file is refused as well.
    let (rows, _) = read_with(options(), &format!("{PARTNER}Dell,{kept},2\n"));
    assert!(rows[0].contains("TooLong"), "{}", &rows[0][..60]);
}

#[test]
fn a_row_without_end_is_refused_and_no_other() {
    let mapped = || with_columns(&[(Column::Manufacturer, "Hersteller")]);
    let headings = |fields: usize| format!("Hersteller,Model,Serial Number{}\n", ",x".repeat(fields - 3));
    let long = ",".to_owned() + &"x".repeat(1_000);
    let text = headings(2_003) + "a,b,1" + &long.repeat(2_000) + "\na,b,2" + &",".repeat(2_000) + "\n";
    let problem = RowProblem::RowTooLong { limit: 1 << 20 };
    for chunk in [1 << 16, 4_099, 61] {
        let (rows, end) = read_as(Encoding::Utf8, mapped(), text.as_bytes(), chunk);
        assert_eq!(end.unwrap().rows, 2);
        assert!(rows[0].starts_with(&format!("2: {problem:?} <a|b|1|{}|", "x".repeat(1_000))), "{}", &rows[0][..90]);
        assert!(rows[0].ends_with("||||>") && rows[1].starts_with("3: a|b|2 <"), "{}", &rows[1][..20]);
    }
    // What stands further right than a sheet is wide counts, unless it is empty.
    let fields = |text: &str| format!("{PARTNER}a,b,1,{}{text},,\na,b,2\n", ",".repeat(RECORD_FIELDS));
    for chunk in [1 << 16, 1_001] {
        let (rows, _) = read_as(Encoding::Utf8, options(), fields("").as_bytes(), chunk);
        assert_eq!(rows, ["2: a|b|1 <a|b|1>", "3: a|b|2 <a|b|2>"]);
        let (rows, _) = read_as(Encoding::Utf8, options(), fields("x").as_bytes(), chunk);
        assert_eq!(rows[0], "2: FieldCount { expected: 3, found: 16388 } <a|b|1>");
        assert_eq!(rows[1], "3: a|b|2 <a|b|2>");
    }
    assert_eq!(rows(&format!("{}\n{PARTNER}a,b,1\n", ",".repeat(20_000))), ["3: a|b|1 <a|b|1>"]);
}
