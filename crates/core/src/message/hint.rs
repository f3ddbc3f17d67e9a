//! The words for a device that is nearly a known one.
//!
//! They say where to look and nothing of the known device: what a sender doesn't know of an inventory he doesn't learn
//! here. On record they stand in English; [`recorded_hint`] reads them back, so that a result says them in its language.

use super::{Language, words};
use crate::device::Column;
use crate::locale::Locale;
use crate::near::{Difference, Differences, Near};

/// What stands in English before and behind the list of what to look at.
const BEFORE: &str = "A device is known that differs only in: ";
const BEHIND: &str = ". Compare these with the device's label.";

/// Says what to look at.
pub fn hint(near: &Near, locale: Locale) -> String {
    let language = Language::from(locale);
    let columns = near.columns().into_iter().filter(|(_, differences)| !differences.is_empty());
    let told: Vec<String> = columns.map(|(column, differences)| in_column(column, differences, language)).collect();
    let told = told.join("; ");
    words!(
        language,
        "{BEFORE}{told}{BEHIND}",
        "Er is een apparaat bekend dat alleen verschilt in: {told}. Vergelijk dit met het label van het apparaat.",
    )
}

/// The hint that these words on record are, if they are one.
pub fn recorded_hint(recorded: &str) -> Option<Near> {
    let told = recorded.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
    let mut near =
        Near { manufacturer: Differences::NONE, model: Differences::NONE, serial_number: Differences::NONE };
    for part in told.split("; ") {
        let (heading, list) = part.strip_suffix(')')?.split_once(" (")?;
        let mut differences = Differences::NONE;
        for word in list.split(", ") {
            let is_it = |difference: &Difference| word == kind(*difference, Language::English);
            differences = differences.and(Difference::ALL.into_iter().find(is_it)?);
        }
        match Column::from_heading(heading)? {
            Column::Manufacturer => near.manufacturer = differences,
            Column::Model => near.model = differences,
            Column::SerialNumber => near.serial_number = differences,
            Column::HardwareHash | Column::OrderId | Column::PurchaseId => return None,
        }
    }
    Some(near)
}

fn in_column(column: Column, differences: Differences, language: Language) -> String {
    let kinds: Vec<&str> = differences.iter().map(|difference| kind(difference, language)).collect();
    format!("{} ({})", column.heading(), kinds.join(", "))
}

fn kind(difference: Difference, language: Language) -> &'static str {
    match (difference, language) {
        (Difference::Capitals, Language::English) => "capitals",
        (Difference::Capitals, Language::Dutch) => "hoofdletters",
        (Difference::Blanks, Language::English) => "blanks",
        (Difference::Blanks, Language::Dutch) => "spaties",
        (Difference::LookAlikes, Language::English) => "characters that only look alike or can't be seen",
        (Difference::LookAlikes, Language::Dutch) => "tekens die er alleen op lijken of onzichtbaar zijn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Details;
    use crate::message::tests::both;
    use crate::state::ErrorCode;

    fn all() -> Vec<Near> {
        let sets: Vec<Differences> = (0..8_u8)
            .map(|bits| {
                let wanted = Difference::ALL.into_iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
                wanted.fold(Differences::NONE, |set, (_, difference)| set.and(difference))
            })
            .collect();
        let mut all = Vec::new();
        for manufacturer in &sets {
            for model in &sets {
                for serial_number in &sets {
                    let near = Near { manufacturer: *manufacturer, model: *model, serial_number: *serial_number };
                    all.extend((near.count() > 0).then_some(near));
                }
            }
        }
        all
    }

    #[test]
    fn where_to_look() {
        let none = Differences::NONE;
        let samples = [
            Near { manufacturer: none, model: none, serial_number: none.and(Difference::Capitals) },
            Near { manufacturer: none.and(Difference::Blanks), model: Differences::ALL, serial_number: none },
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|near| hint(near, locale)).collect()), @r##"
        A device is known that differs only in: Serial Number (capitals). Compare these with the device's label.
          Er is een apparaat bekend dat alleen verschilt in: Serial Number (hoofdletters). Vergelijk dit met het label van het apparaat.
        A device is known that differs only in: Manufacturer (blanks); Model (capitals, blanks, characters that only look alike or can't be seen). Compare these with the device's label.
          Er is een apparaat bekend dat alleen verschilt in: Manufacturer (spaties); Model (hoofdletters, spaties, tekens die er alleen op lijken of onzichtbaar zijn). Vergelijk dit met het label van het apparaat.
        "##);
    }

    #[test]
    fn what_is_on_record_is_read_back() {
        assert_eq!(all().len(), 511);
        for near in all() {
            assert_eq!(recorded_hint(&hint(&near, Locale::En)), Some(near));
        }
        for other in ["", "A device is known", "A device is known that differs only in: Model (size). Compare these"]
        {
            assert_eq!(recorded_hint(other), None);
        }
        let recorded = hint(&all()[0], Locale::En);
        let details = Details::Error {
            error: ErrorCode::DeviceNotFound,
            request_id: "dd-1",
            support: None,
            words: Some(&recorded),
        };
        let told = crate::message::details(&details, Locale::Nl);
        assert!(told.ends_with("het label van het apparaat.") && !told.contains("zei"), "{told}");
        let known = format!("{BEFORE}Hardware Hash (capitals){BEHIND}");
        assert_eq!(recorded_hint(&known), None);
    }
}
