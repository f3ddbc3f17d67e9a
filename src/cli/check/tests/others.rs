//! What shows beside other rows, the record, and what lies beside the file.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use devicedrop_core::device::Device;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::WaitsFor;
use devicedrop_core::order::{BadOrderFile, OrderProblem};
use devicedrop_core::suspicion::{Known, Standing};
use devicedrop_core::time::Timestamp;
use insta::assert_snapshot;

use super::super::*;
use super::{check, check_by};
use crate::cli::error::Failure;
use crate::cli::services::PastRows;
use crate::cli::testing::Printed;

#[test]
fn findings_of_a_kind_are_told_of_once_they_are_many() {
    let text = format!("Manufacturer,Model,Serial Number\n{}A,B\n", "A,B ,1\n".repeat(4_817));
    let (fine, told) = check("a.csv", &text, true);
    assert!(!fine && told.contains("\"line\":4819"), "{told}");
    assert!(told.contains("\"rows\":4818,\"rows_refused\":1,\"warnings\":9633"), "{told}");
    assert!(told.contains("\"findings_left_out\":9593"), "{told}");
    let (_, told) = check("a.csv", &text, false);
    assert!(
        told.contains("and 4,812 more lines like this") && told.contains("and 4,811 more lines like this"),
        "{told}"
    );
    assert!(told.lines().count() < 100, "{told}");
}

/// A record of these registrations.
struct Recorded(Vec<Known>);

impl PastRows for Recorded {
    fn known(&mut self, serial_numbers: &BTreeSet<String>, each: &mut dyn FnMut(Known)) -> Result<(), Failure> {
        let wanted = |known: &&Known| serial_numbers.contains(&known.device.serial_number);
        self.0.iter().filter(wanted).for_each(|known| each(known.clone()));
        Ok(())
    }
}

fn beside_the_record(locale: Locale) -> String {
    let known = |device: [&str; 3], standing, line| {
        let [manufacturer, model, serial_number] = device.map(str::to_owned);
        let device = Device { manufacturer, model, serial_number };
        Known { device, standing, file: "old.csv".into(), line, date: Timestamp::from_unix_ms(1_795_356_339_003) }
    };
    let record = vec![
        known(["Dell Inc.", "Latitude", "X1"], Standing::Registered, 2),
        known(["Dell Inc.", "Latitude", "X2"], Standing::Pending, 3),
        known(["Dell Inc.", "Latitude", "01234567"], Standing::Failed, 4),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.csv");
    let rows = "Dell Inc.,Latitude,X1\nDell Inc.,Latitude,X2\nDELL,Latitude,X1\nDell Inc.,Latitude,1234567\n";
    fs::write(&path, format!("Manufacturer,Model,Serial Number\n{rows}")).expect("written");
    let settings = Settings { locale, ..Settings::default() };
    let mut asking = Asking::of(Box::new(Recorded(record)));
    let report = check_file(&path, &settings, Place::Elsewhere, &mut Vec::new, &mut asking, 5).expect("checked");
    assert!(report.fine());
    let mut printed = Printed::default();
    report.print(false, &mut printed.output(100)).expect("printed");
    printed.out().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn what_was_sent_before_is_told() {
    assert_snapshot!(beside_the_record(Locale::En), @r#"
    warning: this device is registered already, by line 2 of the file "old.csv" on 2026-11-22
     --> new.csv:2:20
      |
    2 | Dell Inc.,Latitude,X1
      |                    ^^
      = help: nothing needs to be done: the result file will say so too, and the device counts once

    warning: this device was dropped before, by line 3 of the file "old.csv" on 2026-11-22, and its registration is pending
     --> new.csv:3:20
      |
    3 | Dell Inc.,Latitude,X2
      |                    ^^
      = help: nothing needs to be done: this row would wait for the earlier one

    warning: this serial number was registered before, by line 2 of the file "old.csv" on 2026-11-22, with "Dell Inc." where "DELL" stands here
     --> new.csv:4:1
      |
    4 | DELL,Latitude,X1
      | ^^^^
      = help: write it exactly as the device itself reports it: to the service these are two values

    warning: "1234567" came before with other leading zeros: "01234567", by line 4 of the file "old.csv" on 2026-11-22
     --> new.csv:5:20
      |
    5 | Dell Inc.,Latitude,1234567
      |                    ^^^^^^^
      = help: compare both with the device's label: to the service they are two devices

    new.csv: 4 rows: nothing would be refused, 4 to look at
    "#);
    assert_snapshot!(beside_the_record(Locale::Nl), @r#"
    waarschuwing: dit apparaat is al geregistreerd, door regel 2 van het bestand "old.csv" op 2026-11-22
     --> new.csv:2:20
      |
    2 | Dell Inc.,Latitude,X1
      |                    ^^
      = advies: u hoeft niets te doen: het resultaatbestand meldt dat ook, en het apparaat telt één keer

    waarschuwing: dit apparaat is al eerder aangeleverd, door regel 3 van het bestand "old.csv" op 2026-11-22, en de registratie is in behandeling
     --> new.csv:3:20
      |
    3 | Dell Inc.,Latitude,X2
      |                    ^^
      = advies: u hoeft niets te doen: deze rij zou op de eerdere wachten

    waarschuwing: dit serienummer is al eerder geregistreerd, door regel 2 van het bestand "old.csv" op 2026-11-22, met "Dell Inc." waar hier "DELL" staat
     --> new.csv:4:1
      |
    4 | DELL,Latitude,X1
      | ^^^^
      = advies: schrijf het precies zoals het apparaat zelf het opgeeft: voor de dienst zijn dit twee waarden

    waarschuwing: "1234567" kwam eerder met andere voorloopnullen: "01234567", door regel 4 van het bestand "old.csv" op 2026-11-22
     --> new.csv:5:20
      |
    5 | Dell Inc.,Latitude,1234567
      |                    ^^^^^^^
      = advies: vergelijk beide met het etiket van het apparaat: voor de dienst zijn het twee apparaten

    new.csv: 4 rijen: er zou niets worden geweigerd; na te kijken: 4
    "#);
}

/// A file that went through a spreadsheet.
fn damaged() -> String {
    let long: String = (1..=9).map(|digit| format!("HP,Book,16520771357{digit}\n")).collect::<Vec<_>>().concat();
    format!(
        "Manufacturer;Model;Serial Number\n{}",
        format!("{long}HP,Book,6520771350\nHP,14\" Book,1-mrt\nHP,Book,123456789012345000\nHP,Book,=\"0123\"\n")
            .replace(',', ";")
    )
}

#[test]
fn spreadsheets_are_recognized_by_what_they_leave() {
    assert_snapshot!(check("a.csv", damaged(), false).1, @r#"
    warning: "6520771350" has 10 digits, where nearly all others of this model have 12: it probably lost its leading zeros
      --> a.csv:11:9
       |
    11 | HP;Book;6520771350
       |         ^^^^^^^^^^
       = help: take it from its source again, and in Excel set the column's format to Text before you fill it in

    warning: a quotation mark (") stands in this value without quotes around the whole
      --> a.csv:12:4
       |
    12 | HP;14" Book;1-mrt
       |    ^^^^^^^^
       = help: leave it if it belongs to the value (14" Laptop); otherwise remove it

    warning: "1-mrt" is a date: what Excel makes of a serial number like MAR1 or 1-3
      --> a.csv:12:13
       |
    12 | HP;14" Book;1-mrt
       |             ^^^^^
       = help: take it from its source again, and in Excel set the column's format to Text before you fill it in

    warning: "123456789012345000" ends in zeros from the 16th digit on: Excel keeps 15 digits and makes the others zeros
      --> a.csv:13:9
       |
    13 | HP;Book;123456789012345000
       |         ^^^^^^^^^^^^^^^^^^
       = help: take it from its source again, and in Excel set the column's format to Text before you fill it in

    warning: "="0123"" begins with =, which tells Excel that this is text; here it counts as part of the value
      --> a.csv:14:9
       |
    14 | HP;Book;="0123"
       |         ^^^^^^^
       = help: write the serial number alone; only Excel drops leading zeros, devicedrop doesn't

    a.csv: 13 rows: nothing would be refused, 5 to look at
    "#);
}

#[test]
fn a_dutch_customer_is_told_in_dutch() {
    let settings = Settings { locale: Locale::Nl, ..Settings::default() };
    assert_snapshot!(check_by(&settings, "a.csv", damaged(), false).1, @r#"
    waarschuwing: "6520771350" heeft 10 cijfers, terwijl bijna alle andere van dit model er 12 hebben: waarschijnlijk zijn voorloopnullen verloren gegaan
      --> a.csv:11:9
       |
    11 | HP;Book;6520771350
       |         ^^^^^^^^^^
       = advies: haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult

    waarschuwing: in deze waarde staat een aanhalingsteken (") zonder aanhalingstekens om het geheel
      --> a.csv:12:4
       |
    12 | HP;14" Book;1-mrt
       |    ^^^^^^^^
       = advies: laat het staan als het bij de waarde hoort (14" Laptop); verwijder het anders

    waarschuwing: "1-mrt" is een datum: dat maakt Excel van een serienummer als MAR1 of 1-3
      --> a.csv:12:13
       |
    12 | HP;14" Book;1-mrt
       |             ^^^^^
       = advies: haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult

    waarschuwing: "123456789012345000" eindigt vanaf het 16e cijfer op nullen: Excel bewaart 15 cijfers en maakt van de andere nullen
      --> a.csv:13:9
       |
    13 | HP;Book;123456789012345000
       |         ^^^^^^^^^^^^^^^^^^
       = advies: haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult

    waarschuwing: "="0123"" begint met =, waardoor Excel de waarde als tekst leest; hier telt dat mee als deel van de waarde
      --> a.csv:14:9
       |
    14 | HP;Book;="0123"
       |         ^^^^^^^
       = advies: schrijf alleen het serienummer; alleen Excel laat voorloopnullen weg, devicedrop niet

    a.csv: 13 rijen: er zou niets worden geweigerd; na te kijken: 5
    "#);
}

#[test]
fn what_a_file_would_wait_for_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    let told = |waits: &[WaitsFor], fine| {
        let (settings, mut waits) = (Settings::default(), || waits.to_vec());
        let report = check_file(&path, &settings, Place::Elsewhere, &mut waits, &mut Asking::nobody(), 5);
        let report = report.expect("checked");
        assert_eq!(report.fine(), fine);
        let mut printed = Printed::default();
        report.print(false, &mut printed.output(100)).expect("printed");
        let out = printed.out().replace(&format!("{}/", folder.path().display()), "");
        out.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect::<Vec<_>>().join("\n")
    };
    fs::write(&path, "Manufacturer,Model,Serial Number\nA,B,1\n").expect("written");
    let marker = || "a.csv.done".to_owned();
    assert_snapshot!(told(&[WaitsFor::Marker(marker()), WaitsFor::Unpausing], true), @r#"
    warning: it would wait: its marker "a.csv.done" isn't there
    warning: it would wait: the customer is paused
    a.csv: 1 row: nothing would be refused, 2 to look at
    "#);
    let bad = BadOrderFile { name: "a.order.json".to_owned(), problem: OrderProblem::Empty, can_be_left_out: true };
    assert_snapshot!(told(&[WaitsFor::Content(marker()), WaitsFor::UsableOrderFile(bad)], false), @r#"
    error: it would not be taken: its marker "a.csv.done" names the SHA-256 of another content
    error: it would not be taken: its order file "a.order.json" can't be used. It is empty.
    a.csv: 1 row: the file would not be taken
    "#);
}

#[test]
fn programs_are_given_names_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = |name: &[u8]| {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(name));
        fs::write(&path, "Manufacturer,Mo\u{202e}del,Serial Number\nA,B,1\n").expect("written");
        let (settings, nobody) = (Settings::default(), &mut Asking::nobody());
        let report = check_file(&path, &settings, Place::Elsewhere, &mut Vec::new, nobody, 5).expect("checked");
        let mut printed = Printed::default();
        report.print(true, &mut printed.output(100)).expect("printed");
        let out = printed.out();
        assert!(!out.contains(['\u{9b}', '\u{202e}']), "{out}");
        let mut document: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let file = document["file"].take();
        let start = format!("{}/", folder.path().display());
        (file.as_str().expect("a name").replace(&start, ""), document["file_escaped"] == true)
    };
    for name in ["caf\u{e9} \u{9b}31m\u{202e}.csv", "a\\x41.csv", "a\n\"b.csv"] {
        assert_eq!(json(name.as_bytes()), (name.to_owned(), false));
    }
    assert_eq!(json(b"a\\\xff.csv"), (r"a\\\xff.csv".to_owned(), true));
}

#[test]
fn what_is_no_file_is_never_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a FIFO");
    let report = check_file(&path, &Settings::default(), Place::Elsewhere, &mut Vec::new, &mut Asking::nobody(), 5)
        .expect("checked");
    assert!(!report.fine());
    // Behind the look at its name, too: another process may have put it there in between.
    let opened = read::open(&path).expect("opened at once");
    assert!(!opened.metadata().expect("looked at").is_file());
}
