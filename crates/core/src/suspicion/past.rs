//! What a customer sent before, compared with the rows of a file: which serial numbers to ask the record for, and what
//! its answers mean. Asking is the caller's affair.

use std::collections::{BTreeMap, BTreeSet};

use super::serial::is_digits;
use super::{Earlier, Found, Suspect, Suspicion, cell};
use crate::device::{Column, Device};
use crate::row::Row;
use crate::sheet::Head;
use crate::time::Timestamp;

/// Rows that are asked for together: many enough for the record to read each of its pages once, few enough for some
/// megabytes.
const ROWS: usize = 8192;

/// Leading zeros that are tried: one serial number in a million begins with more.
pub const MOST_ZEROS: usize = 6;

/// Digits that a serial number must have behind its zeros for them to be tried. Below a thousand numbers are asset tags
/// and positions, which two lists of one customer share by chance: 12 and 012 need be no slip.
const FEWEST_DIGITS: usize = 4;

/// Answers that are kept of one serial number. More devices than that don't share one.
const ANSWERS: usize = 8;

/// A registration on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its device.
    pub device: Device,
    /// How it stands.
    pub standing: Standing,
    /// Its file, inside the drop folder.
    pub file: String,
    /// The line of its row.
    pub line: u64,
    /// When it was registered, or else came in.
    pub date: Timestamp,
}

/// How a registration stands, the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It failed, or the device was given up since.
    Failed,
    /// It is pending.
    Pending,
    /// It holds its device.
    Registered,
}

impl Known {
    fn earlier(&self) -> Earlier<'_> {
        Earlier { file: &self.file, line: self.line, date: self.date }
    }
}

/// Rows of a file that wait for what the record knows of them. A caller feeds it, asks the record for what it wants as
/// often as it [is full](Past::is_full) and once at the end, and takes what looks wrong.
#[derive(Debug, Default)]
pub struct Past {
    rows: Vec<Kept>,
    columns: Vec<(Column, usize)>,
    known: BTreeMap<String, Vec<Known>>,
}

#[derive(Debug)]
struct Kept {
    line: u64,
    device: Device,
}

impl Past {
    /// No row yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next row.
    pub fn row(&mut self, row: &Row<'_>) {
        let Ok(content) = &row.content else { return };
        if self.columns.is_empty() {
            self.columns = Column::ALL.into_iter().filter_map(|column| Some((column, row.index(column)?))).collect();
        }
        let device = Device {
            manufacturer: content.manufacturer.to_owned(),
            model: content.model.to_owned(),
            serial_number: content.serial_number.to_owned(),
        };
        self.rows.push(Kept { line: row.line, device });
    }

    /// Whether it has as many rows as are asked for together.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= ROWS
    }

    /// The serial numbers to ask the record for, in its order: those of the rows, and what they would be with other
    /// leading zeros.
    pub fn wanted(&self) -> BTreeSet<String> {
        let own = |kept: &Kept| {
            let serial_number = &kept.device.serial_number;
            with_other_zeros(serial_number).chain([serial_number.clone()])
        };
        self.rows.iter().flat_map(own).collect()
    }

    /// Takes an answer of the record. Their order means nothing.
    pub fn answer(&mut self, known: Known) {
        let answers = self.known.entry(known.device.serial_number.clone()).or_default();
        // The one that holds the device counts, else the newest.
        if let Some(other) = answers.iter_mut().find(|other| other.device == known.device) {
            if (known.standing, known.date) > (other.standing, other.date) {
                *other = known;
            }
        } else if answers.len() < ANSWERS {
            answers.push(known);
        }
    }

    /// Says what looks wrong in the rows beside what the record answered, and forgets both.
    pub fn tell(&mut self, head: &Head, found: Found<'_>) {
        for Kept { line, device } in &self.rows {
            if let Some((column, suspect)) = self.suspect(device) {
                found(&Suspicion { line: *line, cell: cell(head, &self.columns, column, None), suspect });
            }
        }
        self.rows.clear();
        self.known.clear();
    }

    fn suspect<'a>(&'a self, device: &'a Device) -> Option<(Column, Suspect<'a>)> {
        let serial = Column::SerialNumber;
        let same = self.known.get(&device.serial_number).map(Vec::as_slice).unwrap_or_default();
        match same.iter().find(|known| known.device == *device) {
            Some(known) if known.standing == Standing::Registered => {
                return Some((serial, Suspect::RegisteredBefore(known.earlier())));
            }
            Some(known) if known.standing == Standing::Pending => {
                return Some((serial, Suspect::PendingBefore(known.earlier())));
            }
            _ => {}
        }
        if let Some(known) = same.iter().find(|known| known.standing == Standing::Registered) {
            let (column, found, before) = if known.device.manufacturer == device.manufacturer {
                (Column::Model, &device.model, &known.device.model)
            } else {
                (Column::Manufacturer, &device.manufacturer, &known.device.manufacturer)
            };
            return Some((column, Suspect::OtherDeviceBefore { found, before, earlier: known.earlier() }));
        }
        let of_this_model =
            |known: &&Known| known.device.manufacturer == device.manufacturer && known.device.model == device.model;
        with_other_zeros(&device.serial_number)
            .filter_map(|other| self.known.get(&other)?.iter().find(of_this_model))
            .max_by_key(|known| (known.standing, known.date))
            .map(|known| {
                let (found, before) = (&device.serial_number, &known.device.serial_number);
                (serial, Suspect::ZerosBefore { found, before, earlier: known.earlier() })
            })
    }
}

/// What a serial number that is digits alone would be with other leading zeros.
fn with_other_zeros(serial_number: &str) -> impl Iterator<Item = String> + use<> {
    let significant = serial_number.trim_start_matches('0');
    let zeros = serial_number.len() - significant.len();
    let most = if is_digits(serial_number) && significant.len() >= FEWEST_DIGITS { MOST_ZEROS + 1 } else { 0 };
    let significant = significant.to_owned();
    (0..most).filter(move |other| *other != zeros).map(move |other| "0".repeat(other) + &significant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::{SheetOptions, SheetReader};
    use crate::survey::Encoding;

    fn known(text: &str, standing: Standing, line: u64) -> Known {
        let [manufacturer, model, serial_number]: [&str; 3] =
            text.split(',').collect::<Vec<_>>().try_into().expect("three values");
        let device =
            Device { manufacturer: manufacturer.into(), model: model.into(), serial_number: serial_number.into() };
        Known { device, standing, file: "old.csv".into(), line, date: Timestamp::from_unix_ms(0) }
    }

    /// What is told of a row beside these registrations: the column, the code, and the line on record.
    fn told(row: &str, known: &[Known]) -> Vec<String> {
        let options =
            SheetOptions { formats: Vec::new(), columns: BTreeMap::new(), max_rows: u64::MAX, empty_files: false };
        let mut past = Past::new();
        let mut reader = SheetReader::new(Encoding::Utf8, options);
        let text = format!("Manufacturer,Model,Serial Number\n{row}\n");
        reader.feed(text.as_bytes(), &mut |_, row| past.row(&row)).expect("a sheet");
        let sheet = reader.finish(&mut |_, row| past.row(&row)).expect("a sheet");
        let wanted = past.wanted();
        known.iter().filter(|known| wanted.contains(&known.device.serial_number)).for_each(|known| {
            past.answer(known.clone());
        });
        let mut told = Vec::new();
        past.tell(&sheet.head, &mut |suspicion| {
            let heading = suspicion.cell.as_ref().map(|cell| cell.heading).unwrap_or_default();
            let (Suspect::RegisteredBefore(earlier)
            | Suspect::PendingBefore(earlier)
            | Suspect::OtherDeviceBefore { earlier, .. }
            | Suspect::ZerosBefore { earlier, .. }) = &suspicion.suspect
            else {
                panic!("{suspicion:?}")
            };
            told.push(format!("{heading} {} {}", suspicion.suspect.code(), earlier.line));
        });
        told
    }

    #[test]
    fn the_registration_that_matters_is_told() {
        use Standing::{Failed, Pending, Registered};
        let all = [known("A,B,X1", Failed, 2), known("A,B,X1", Registered, 3), known("A,B,X1", Pending, 4)];
        assert_eq!(told("A,B,X1", &all), ["Serial Number registered_before 3"]);
        assert_eq!(told("A,B,X1", &all[..1]), [""; 0], "what failed may be sent again");
        assert_eq!(told("A,B,X1", &all[2..]), ["Serial Number pending_before 4"]);
        assert_eq!(told("a,B,X1", &all), ["Manufacturer other_device_before 3"]);
        assert_eq!(told("A,b,X1", &all), ["Model other_device_before 3"]);
        assert_eq!(told("A,B,X2", &all), [""; 0]);
    }

    #[test]
    fn leading_zeros_are_tried_where_a_spreadsheet_may_have_taken_them() {
        use Standing::{Failed, Registered};
        let zeros = "Serial Number zeros_before 5";
        for (row, before) in [("1234", "01234"), ("01234", "1234"), ("001234", "0000001234"), ("001234", "01234")] {
            let before = known(&format!("A,B,{before}"), Registered, 5);
            assert_eq!(told(&format!("A,B,{row}"), &[before]), [zeros], "{row}");
        }
        for (row, before) in [("123", "0123"), ("1234", "00000001234"), ("X1234", "0X1234"), ("0000", "00")] {
            let before = known(&format!("A,B,{before}"), Registered, 5);
            assert_eq!(told(&format!("A,B,{row}"), &[before]), [""; 0], "{row}");
        }
        // The earlier one of another model is another device; the row's own fate says nothing against its zeros.
        assert_eq!(told("A,B,1234", &[known("A,C,01234", Registered, 5)]), [""; 0]);
        assert_eq!(told("A,B,1234", &[known("A,B,1234", Failed, 4), known("A,B,01234", Registered, 5)]), [zeros]);
        assert_eq!(told("A,B,1234", &[known("A,B,01234", Failed, 5)]), [zeros]);
    }
}
