//! The words for what would become of a row: the details in the answer to a rehearsal.
//!
//! Each begins by saying that it is one, so that nobody who reads a single row takes it for a registration.

use super::registrar::{Holder, held_by};
use super::{Language, words};
use crate::locale::Locale;
use crate::suspicion::Suspicion;

/// What would become of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen<'a> {
    /// It would be registered.
    Registered,
    /// It would be sent to a registrar that can't be asked what it would say.
    Sent {
        /// The registration that holds the device by the record alone.
        holder: Option<Holder<'a>>,
    },
    /// This customer has the device already.
    AlreadyRegistered {
        /// The registration that holds it, where the ledger has it.
        holder: Option<Holder<'a>>,
    },
    /// An earlier row of the same file would register the device.
    EarlierInFile {
        /// The line on which that begins.
        line: u64,
    },
    /// It would fail.
    Failed {
        /// What the result would say of it, in the sender's language.
        details: &'a str,
    },
}

/// Says what would become of a row, in the sender's language.
pub fn foreseen(foreseen: &Foreseen<'_>, locale: Locale) -> String {
    let language = Language::from(locale);
    match foreseen {
        Foreseen::Registered => {
            words!(language, "Rehearsal: this row would be registered.", "Proef: deze rij zou worden geregistreerd.")
        }
        Foreseen::Sent { holder } => {
            let sentence = words!(
                language,
                "Rehearsal: this row would be sent to the registration service, which can't be asked beforehand.",
                "Proef: deze rij zou naar de registratiedienst worden gestuurd; die kan vooraf niets zeggen.",
            );
            match holder {
                None => sentence,
                Some(holder) => format!("{sentence} {}", held_by(holder, language)),
            }
        }
        Foreseen::AlreadyRegistered { holder } => {
            let sentence = words!(
                language,
                "Rehearsal: nothing would be done, since this device is already registered to your organization.",
                "Proef: er zou niets gebeuren, want dit apparaat is al geregistreerd bij uw organisatie.",
            );
            match holder {
                None => sentence,
                Some(holder) => format!("{sentence} {}", held_by(holder, language)),
            }
        }
        Foreseen::EarlierInFile { line } => words!(
            language,
            "Rehearsal: nothing would be done, since line {line} of this file would register the same device.",
            "Proef: er zou niets gebeuren, want regel {line} van dit bestand zou hetzelfde apparaat registreren.",
        ),
        Foreseen::Failed { details } => {
            words!(language, "Rehearsal: this row would fail. {details}", "Proef: deze rij zou mislukken. {details}")
        }
    }
}

/// Says of something that looks wrong where it is, what it is and what to do, as a sentence behind others.
pub fn note(suspicion: &Suspicion<'_>, locale: Locale) -> String {
    let language = Language::from(locale);
    let told = super::suspicion(suspicion, locale);
    let place = suspicion.cell.as_ref().map(|cell| format!(", {}", cell.column.heading())).unwrap_or_default();
    let (what, help) = (told.what, told.help);
    let end = if help.ends_with('.') { "" } else { "." };
    words!(language, "Look here{place}: {what}; {help}{end}", "Let op{place}: {what}; {help}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Column;
    use crate::message::tests::both;
    use crate::suspicion::{Cell, Suspect};
    use crate::time::Timestamp;

    #[test]
    fn what_would_become_of_a_row() {
        let date = Timestamp::from_unix_ms(1_795_356_339_003);
        let holder = Some(Holder { file: "PO-4711/devices.csv", line: 12, date });
        let samples = [
            Foreseen::Registered,
            Foreseen::Sent { holder: None },
            Foreseen::Sent { holder },
            Foreseen::AlreadyRegistered { holder: None },
            Foreseen::AlreadyRegistered { holder },
            Foreseen::EarlierInFile { line: 2 },
            Foreseen::Failed { details: "..." },
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|one| foreseen(one, locale)).collect()), @r##"
        Rehearsal: this row would be registered.
          Proef: deze rij zou worden geregistreerd.
        Rehearsal: this row would be sent to the registration service, which can't be asked beforehand.
          Proef: deze rij zou naar de registratiedienst worden gestuurd; die kan vooraf niets zeggen.
        Rehearsal: this row would be sent to the registration service, which can't be asked beforehand. It was registered on 2026-11-22 by line 12 of the file "PO-4711/devices.csv".
          Proef: deze rij zou naar de registratiedienst worden gestuurd; die kan vooraf niets zeggen. Het is geregistreerd op 2026-11-22 door regel 12 van het bestand "PO-4711/devices.csv".
        Rehearsal: nothing would be done, since this device is already registered to your organization.
          Proef: er zou niets gebeuren, want dit apparaat is al geregistreerd bij uw organisatie.
        Rehearsal: nothing would be done, since this device is already registered to your organization. It was registered on 2026-11-22 by line 12 of the file "PO-4711/devices.csv".
          Proef: er zou niets gebeuren, want dit apparaat is al geregistreerd bij uw organisatie. Het is geregistreerd op 2026-11-22 door regel 12 van het bestand "PO-4711/devices.csv".
        Rehearsal: nothing would be done, since line 2 of this file would register the same device.
          Proef: er zou niets gebeuren, want regel 2 van dit bestand zou hetzelfde apparaat registreren.
        Rehearsal: this row would fail. ...
          Proef: deze rij zou mislukken. ...
        "##);
    }

    #[test]
    fn what_looks_wrong_is_a_sentence_of_its_own() {
        let cell = Cell { column: Column::SerialNumber, heading: "Seriennummer", index: 2, characters: None };
        let samples = [
            Suspicion { line: 2, cell: Some(cell.clone()), suspect: Suspect::SurroundingBlanks(None) },
            Suspicion { line: 2, cell: Some(cell), suspect: Suspect::ByteOrderMark },
            Suspicion { line: 3, cell: None, suspect: Suspect::Sample },
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|one| note(one, locale)).collect()), @r##"
        Look here, Serial Number: blanks stand around this value, and they count; remove them, unless the device itself reports them too.
          Let op, Serial Number: rond deze waarde staan spaties, en die tellen mee; verwijder ze, tenzij het apparaat ze zelf ook opgeeft.
        Look here, Serial Number: a byte order mark (U+FEFF) stands in this value, where it can't be seen; remove it: type the value anew. Probably two files were put together.
          Let op, Serial Number: in deze waarde staat een byte-ordemarkering (U+FEFF), die niet te zien is; verwijder die: typ de waarde opnieuw in. Waarschijnlijk zijn er twee bestanden samengevoegd.
        Look here: this is the row of the documentation's sample; remove it: its registration fails.
          Let op: dit is de rij uit het voorbeeld in de documentatie; verwijder de rij: de registratie ervan mislukt.
        "##);
    }
}
