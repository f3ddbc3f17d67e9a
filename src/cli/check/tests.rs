//! What people are told of the files that they are about to drop.

mod others;

use devicedrop_core::device::Column;
use insta::assert_snapshot;

use super::*;
use crate::cli::testing::Printed;

fn check(name: &str, text: impl AsRef<[u8]>, json: bool) -> (bool, String) {
    check_by(&Settings::default(), name, text, json)
}

fn check_by(settings: &Settings, name: &str, text: impl AsRef<[u8]>, json: bool) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("written");
    let mut printed = Printed::default();
    let most = Report::kept_of_a_kind(json);
    let report =
        check_file(&path, settings, Place::Elsewhere, &mut Vec::new, &mut Asking::nobody(), most).expect("checked");
    report.print(json, &mut printed.output(100)).expect("printed");
    (report.fine(), printed.out().replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn a_good_file_is_fine() {
    let (fine, told) = check("devices.csv", "Manufacturer,Model,Serial Number\nContoso,Laptop,1\n", false);
    assert!(fine);
    assert_snapshot!(told, @"devices.csv: 1 row: nothing would be refused");
}

#[test]
fn what_would_be_refused_is_pointed_at() {
    let text = "Manufacturer,Model,Serial Number\nContoso,Laptop\nContoso,Laptop,1,2\nContoso,,3\nA,\"B,\u{1b}\",\n";
    let (fine, told) = check("devices.csv", text, false);
    assert!(!fine);
    assert_snapshot!(told, @r#"
    error: Line 2: fields found: 2, expected: 3, one for each heading. A value is missing, or the delimiter before it. Correct the row and drop the file again.
     --> devices.csv:2:15
      |
    2 | Contoso,Laptop
      |               ^

    error: Line 3: fields found: 4, expected: 3, one for each heading. A value that holds the delimiter needs quotes around it, as in "Dell, Inc.". Read as it stands, its device would be "Contoso", "Laptop", "1". Correct the row and drop the file again.
     --> devices.csv:3:18
      |
    3 | Contoso,Laptop,1,2
      |                  ^

    error: Line 4, column "Model": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.
     --> devices.csv:4:9
      |
    4 | Contoso,,3
      |         ^

    error: Line 5, column "Model": character 3 of the value is a control character (U+001B), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
     --> devices.csv:5:6
      |
    5 | A,"B,\u{1b}",
      |      ^^^^^^

    devices.csv: 4 rows: 4 would be refused
    "#);
}

#[test]
fn what_looks_wrong_is_pointed_at_and_is_no_refusal() {
    let text = "Manufacturer,Model,Serial Number\n\
                SpiralOrbit,ContosoABC,000000000000\n\
                Contoso, Laptop,1\n\
                Contoso,Laptop 14\u{2013}3,2\n\
                Contoso,Laptop,To Be Filled By O.E.M.\n\
                Contoso,Laptop,3\n\
                Contoso,Laptop,3\n";
    let (fine, told) = check("devices.csv", text, false);
    assert!(fine);
    assert_snapshot!(told, @r#"
    warning: this is the row of the documentation's sample
     --> devices.csv:2:24
      |
    2 | SpiralOrbit,ContosoABC,000000000000
      |                        ^^^^^^^^^^^^
      = help: remove it: its registration fails

    warning: blanks stand around this value, and they count
     --> devices.csv:3:9
      |
    3 | Contoso, Laptop,1
      |         ^
      = help: remove them, unless the device itself reports them too

    warning: "–" (U+2013) only looks like - and is another character
     --> devices.csv:4:18
      |
    4 | Contoso,Laptop 14–3,2
      |                  ^
      = help: type the value anew, unless the device itself reports it so

    warning: "To Be Filled By O.E.M." is no serial number: devices report it where nobody gave them one
     --> devices.csv:5:16
      |
    5 | Contoso,Laptop,To Be Filled By O.E.M.
      |                ^^^^^^^^^^^^^^^^^^^^^^
      = help: take the serial number from the device's label or its supplier

    warning: this device stands on line 6 already
     --> devices.csv:7:16
      |
    7 | Contoso,Laptop,3
      |                ^
      = help: remove one of the two; the later would be told that the device is registered already

    devices.csv: 6 rows: nothing would be refused, 5 to look at
    "#);
}

#[test]
fn headings_and_names_are_checked() {
    let (fine, told) = check("devices.txt", "Manufacturer,Model,Serial\nA,B,C\n", false);
    assert!(!fine);
    assert_snapshot!(told, @r#"
    error: This file isn't read: only files whose name ends in .csv are. Rename it so that its name ends in .csv. (Windows hides endings: in the Explorer, switch on "File name extensions" under "View".)
     --> devices.txt

    error: The headings on line 1 differ from those expected. Found: "Manufacturer", "Model", "Serial". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Rename column 3 from "Serial" to "Serial Number", if that is what stands in it. Nothing of this file was registered.
     --> devices.txt:1:20
      |
    1 | Manufacturer,Model,Serial
      |                    ^^^^^^

    devices.txt: 0 rows: the file would not be taken
    "#);
}

#[test]
fn findings_come_as_json_too() {
    let (fine, told) = check("devices.csv", "Manufacturer,Model,Serial Number\nContoso,,3\n", true);
    assert!(!fine);
    assert_snapshot!(told, @r#"{"file":"devices.csv","outcome":"accepted","format":"partner","encoding":"utf-8","delimiter":"comma","rows":1,"rows_refused":1,"warnings":0,"findings":[{"severity":"error","code":"empty_value","error":"row_not_valid","line":2,"position":9,"column":"Model","message":"Line 2, column \"Model\": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.","help":null,"more":0}],"findings_left_out":0}"#);
}

#[test]
fn many_findings_are_cut() {
    let text = format!("Manufacturer,Model,Serial Number\n{}", "A,B\n".repeat(250));
    let (_, told) = check("devices.csv", &text, false);
    assert_eq!(told.matches("error: ").count(), 5);
    assert_snapshot!(told.lines().rev().take(4).collect::<Vec<_>>().join("\n"), @r#"
    devices.csv: 250 rows: 250 would be refused

      = and 245 more lines like this
      |    ^
    "#);
}

#[test]
fn a_file_that_is_rejected_as_a_whole_is_pointed_at_where_it_can_be() {
    let (_, told) = check("a.csv", "Manufacturer;Model;SerialNo\nA;B;C\n", false);
    assert_snapshot!(told, @r#"
    error: The headings on line 1 differ from those expected. Found: "Manufacturer", "Model", "SerialNo". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Rename column 3 from "SerialNo" to "Serial Number", if that is what stands in it. Nothing of this file was registered.
     --> a.csv:1:20
      |
    1 | Manufacturer;Model;SerialNo
      |                    ^^^^^^^^

    a.csv: 0 rows: the whole file would be rejected
    "#);
    let (_, told) = check("a.csv", "Manufacturer;Model;Serial Number\nA;B;C\nA;\"B;C\nD;E;F\n", false);
    assert_snapshot!(told, @r#"
    error: A quote (") that opens on line 3, column "Model", at character 3, is never closed, so where the rows end can't be told. Close it, or remove it, and drop the file again. Nothing of this file was registered.
     --> a.csv:3:3
      |
    3 | A;"B;C
      |   ^^^^

    a.csv: 1 row: the whole file would be rejected
    "#);
    let (_, told) = check("a.csv", b"Manufacturer,Model,Serial Number\nCaf\xC3\xA9,B,1\nM\xFCller,B,2\n", false);
    assert_snapshot!(told, @r#"
    error: The file is written in two encodings: line 2 is UTF-8, and the byte FC on line 3 isn't. It was probably put together from two files. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
     --> a.csv:3:2
      |
    3 | M\xfcller,B,2
      |  ^^^^

    a.csv: 0 rows: the whole file would be rejected
    "#);
    let (_, told) = check("a.csv", b"PK\x03\x04xl/workbook.xml", false);
    assert_snapshot!(told, @r#"
    error: By its content the file is an Excel workbook, although its name ends in .csv. Expected is a text file (CSV). Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros. Nothing of this file was registered.
     --> a.csv

    a.csv: 0 rows: the whole file would be rejected
    "#);
}

#[test]
fn other_encodings_and_a_row_over_two_lines_are_shown_as_they_stand() {
    let text = "\u{feff}Manufacturer;Model;Serial Number\r\nM\u{fc}ller;\"a\r\nb\";1\r\nX;;2\r\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_, told) = check("a.csv", utf16, false);
    assert_snapshot!(told, @r#"
    error: Line 2, column "Model": character 2 of the value is a line break (U+000D): a quote (") opens the value and is closed in a later line only, and all these lines were read as one row. Look at them in a text editor: if they are rows of their own, remove the quote that is too much or add the one that is missing; if not, write the value in one line. Correct the row and drop the file again.
     --> a.csv:2:8
      |
    2 | Müller;"a
      |        ^^

    error: Line 4, column "Model": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.
     --> a.csv:4:3
      |
    4 | X;;2
      |   ^

    a.csv: 2 rows: 2 would be refused
    "#);
}

#[test]
fn characters_that_are_not_what_they_seem_are_pointed_at() {
    let text = "Manufacturer,Model,Serial Number\n\
                Contoso,Laptop\u{a0}14,\u{421}D1\n\
                M\u{fc}ller,Laptop,1\u{200b}2\n\
                \u{feff}Manufacturer,Model,Serial Number\n\
                \u{feff}Contoso,Laptop,\u{e9}1\n";
    let (fine, told) = check("a.csv", text, false);
    assert!(fine);
    assert_snapshot!(told, @r#"
    warning: a blank in this value isn't the one of a keyboard but U+00A0
     --> a.csv:2:15
      |
    2 | Contoso,Laptop\u{a0}14,СD1
      |               ^^^^^^
      = help: type the value anew; such characters come along when a value is copied

    warning: "С" (U+0421) only looks like C and is another character
     --> a.csv:2:19
      |
    2 | Contoso,Laptop\u{a0}14,СD1
      |                        ^
      = help: type the value anew, unless the device itself reports it so

    warning: a character that can't be seen (U+200B) stands in this value
     --> a.csv:3:16
      |
    3 | Müller,Laptop,1\u{200b}2
      |                ^^^^^^^^
      = help: type the value anew; such characters come along when a value is copied

    warning: the headings stand here once more
     --> a.csv:4
      |
    4 | \u{feff}Manufacturer,Model,Serial Number
      = help: remove the line: it would be registered as a device. Probably two files were put together.

    warning: a byte order mark (U+FEFF) stands in this value, where it can't be seen
     --> a.csv:5:1
      |
    5 | \u{feff}Contoso,Laptop,é1
      | ^^^^^^^^
      = help: remove it: type the value anew. Probably two files were put together.

    warning: "é" (U+00E9) seldom stands in a serial number
     --> a.csv:5:17
      |
    5 | \u{feff}Contoso,Laptop,é1
      |                        ^
      = help: compare the serial number with the device's label

    a.csv: 4 rows: nothing would be refused, 6 to look at
    "#);
}

#[test]
fn hardware_hashes_are_read() {
    // A record of type 14, the serial number, that says 1234567890.
    let rows = ["1,T0EAAA4ADwAxMjM0NTY3ODkwAA", "2,dGhpc2RldmljZWlzYW5tbWRkZXZpY2U", "3,T0E*", "1234567890,T0EAAA"];
    let rows = rows.map(|row| format!("A,B,{row}\n")).concat();
    let (fine, told) = check("a.csv", format!("Manufacturer,Model,Serial Number,Hardware Hash\n{rows}"), false);
    assert!(fine);
    assert_snapshot!(told, @r#"
    warning: the hardware hash speaks of another device: Serial Number is "1" in the row and "1234567890" in the hash
     --> a.csv:2:7
      |
    2 | A,B,1,T0EAAA4ADwAxMjM0NTY3ODkwAA
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: check that the hash was taken from this device

    warning: this is no hardware hash: those begin with T0E, T0F, T0G or T0H
     --> a.csv:3:7
      |
    3 | A,B,2,dGhpc2RldmljZWlzYW5tbWRkZXZpY2U
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: the service refuses it as not valid: take the hash from the device again

    warning: character 4 of the hardware hash is one that no hash has: they consist of letters, digits, + and /, and = only at the end
     --> a.csv:4:10
      |
    4 | A,B,3,T0E*
      |          ^
      = help: the service refuses it as not valid: take the hash from the device again

    warning: "1234567890" is no serial number: devices report it where nobody gave them one
     --> a.csv:5:5
      |
    5 | A,B,1234567890,T0EAAA
      |     ^^^^^^^^^^
      = help: take the serial number from the device's label or its supplier

    a.csv: 4 rows: nothing would be refused, 4 to look at
    "#);
}

#[test]
fn placeholders_for_serial_numbers_are_known() {
    for serial in ["00000000", "xxxx", "N/A", "0", "Default string", "0123456789"] {
        let (fine, told) = check("a.csv", format!("Manufacturer,Model,Serial Number\nA,B,{serial}\n"), false);
        assert!(fine && told.contains("is no serial number"), "{serial}: {told}");
    }
}

#[test]
fn a_customers_own_settings_hold() {
    let mut settings = Settings { locale: devicedrop_core::locale::Locale::Nl, ..Settings::default() };
    settings.options.columns = [(Column::SerialNumber, "Seriennummer".to_owned())].into();
    settings.options.max_rows = 2;
    let text = "Seriennummer,Model,Pos,Manufacturer\n1,,x,A\n2,B,x,A\n3,B,x,A\n";
    let (_, told) = check_by(&settings, "a.csv", text, false);
    assert_snapshot!(told, @r#"
    fout: Het bestand heeft meer rijen dan worden aanvaard; de limiet is 2. Splits het in meerdere bestanden, elk met de kolomkoppen, en lever die aan. Niets uit dit bestand is geregistreerd.
     --> a.csv

    fout: Regel 2, kolom "Model": de waarde is leeg of bevat alleen spaties. Verwacht wordt de waarde precies zoals het apparaat zelf die opgeeft. Verbeter de rij en lever het bestand opnieuw aan.
     --> a.csv:2:3
      |
    2 | 1,,x,A
      |   ^

    a.csv: 2 rijen: het hele bestand zou worden geweigerd
    "#);
    let small = Settings { max_bytes: 10, ..Settings::default() };
    let (fine, told) = check_by(&small, "a.csv", text, false);
    assert!(!fine);
    assert_snapshot!(told, @r"
    error: The file has 59 bytes; at most 10 are accepted. Split it into several files, each with the headings, and drop those. Nothing of this file was registered.
     --> a.csv

    a.csv: 0 rows: the whole file would be rejected
    ");
}

#[test]
fn names_are_checked() {
    let text = "Manufacturer,Model,Serial Number\nA,B,1\n";
    let told: Vec<String> = ["a.result.csv", "a.xlsx", "a.csv.part", "a.order.json", ".a.csv"]
        .into_iter()
        .map(|name| check(name, text, false).1)
        .collect();
    assert_snapshot!(told.concat(), @r#"
    error: by its name this is a result file, which is never taken
     --> a.result.csv
      = help: save it under a name without `.result`

    a.result.csv: 1 row: the file would not be taken
    error: This file isn't read: only files whose name ends in .csv are. Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros.
     --> a.xlsx

    a.xlsx: 0 rows: the file would not be taken
    error: it would be ignored: its name ends in .part, as that of a file that isn't complete yet
     --> a.csv.part
      = help: give it a name that ends in .csv when it is complete

    a.csv.part: 1 row: the file would not be taken
    error: by its name this is the order file of a CSV file, no list of devices
     --> a.order.json
      = help: check the CSV file beside it

    a.order.json: 0 rows: the file would not be taken
    error: it would be ignored: its name, or its folder's, begins with a full stop
     --> .a.csv
      = help: give it a name that ends in .csv and begins with neither . nor ~

    .a.csv: 1 row: the file would not be taken
    "#);
}

#[test]
fn folders_and_places_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let first_line = |path: &Path, place: Place<'_>| {
        let mut printed = Printed::default();
        let report =
            check_file(path, &Settings::default(), place, &mut Vec::new, &mut Asking::nobody(), 5).expect("checked");
        report.print(false, &mut printed.output(100)).expect("printed");
        printed.out().lines().next().unwrap_or_default().replace(&*root.to_string_lossy(), "TMP")
    };
    let at = |inside: &str| {
        let path = root.join(inside);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, "Manufacturer,Model,Serial Number\nA,B,1\n").expect("written");
        first_line(&path, Place::Inside { path: Path::new(inside), ignore_folders: &["archief".to_owned()] })
    };
    let told =
        ["a.csv", "PO-1/a.csv", "PO-1/b/a.csv", "PO-1/archief/a.csv", "Archief/a.csv", "_x/a.csv", "   /a.csv"]
            .map(at);
    assert_snapshot!(told.join("\n"), @r#"
    TMP/a.csv: 1 row: nothing would be refused
    TMP/PO-1/a.csv: 1 row: nothing would be refused
    error: This file lies too deep and isn't read. Expected are CSV files in the drop folder itself or in a folder directly inside it, whose name is then the order ID. Move the file one folder up.
    error: it would be ignored: its folder stands in ignore_folders
    error: it would be ignored: its folder stands in ignore_folders
    error: it would be ignored: its folder's name begins with _
    error: the name of its folder, which would be its order ID, holds nothing but blanks
    "#);
    assert_eq!(first_line(root, Place::Elsewhere), "error: this is a folder");
    let lost = first_line(&root.join("a.csv"), Place::NobodysFolder);
    assert_eq!(lost, "error: this lies in no customer's drop folder, so nobody would look at it");
    fs::hard_link(root.join("a.csv"), root.join("b.csv")).expect("linked");
    std::os::unix::fs::symlink(root.join("PO-1"), root.join("linked")).expect("linked");
    let behind = Place::Inside { path: Path::new("linked/a.csv"), ignore_folders: &[] };
    let told = first_line(&root.join("linked/a.csv"), behind);
    assert_eq!(told, "error: this lies in a folder that is a link, and nothing is taken that a link leads to");
    let inside = Place::Inside { path: Path::new("b.csv"), ignore_folders: &[] };
    assert!(first_line(&root.join("b.csv"), inside).starts_with("error: This file has a second name elsewhere"));
}
