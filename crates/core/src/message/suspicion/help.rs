//! What to do about what looks wrong.

use super::{Language, quoted, words};
use crate::suspicion::Suspect;

/// What to do about it.
pub(super) fn help(suspect: &Suspect<'_>, language: Language) -> String {
    match suspect {
        Suspect::ByteOrderMark => words!(
            language,
            "remove it: type the value anew. Probably two files were put together.",
            "verwijder die: typ de waarde opnieuw in. Waarschijnlijk zijn er twee bestanden samengevoegd.",
        ),
        Suspect::SurroundingBlanks(None) | Suspect::DoubledBlanks => words!(
            language,
            "remove them, unless the device itself reports them too",
            "verwijder ze, tenzij het apparaat ze zelf ook opgeeft",
        ),
        Suspect::SurroundingBlanks(Some(_)) | Suspect::Invisible(_) | Suspect::OddBlank(_) => words!(
            language,
            "type the value anew; such characters come along when a value is copied",
            "typ de waarde opnieuw in; zulke tekens komen mee bij het kopiëren",
        ),
        Suspect::SmartQuote(..) | Suspect::LookAlike(..) | Suspect::MarkApart(_) => words!(
            language,
            "type the value anew, unless the device itself reports it so",
            "typ de waarde opnieuw in, tenzij het apparaat die zelf zo opgeeft",
        ),
        Suspect::NotAscii(_) => words!(
            language,
            "compare the serial number with the device's label",
            "vergelijk het serienummer met het etiket van het apparaat",
        ),
        Suspect::BareQuote => words!(
            language,
            "leave it if it belongs to the value (14\" Laptop); otherwise remove it",
            "laat het staan als het bij de waarde hoort (14\" Laptop); verwijder het anders",
        ),
        Suspect::Placeholder(_) => words!(
            language,
            "take the serial number from the device's label or its supplier",
            "neem het serienummer van het etiket van het apparaat of van de leverancier",
        ),
        Suspect::NearlyHeading { wanted, .. } => {
            let wanted = quoted(wanted);
            words!(
                language,
                "rename the column to {wanted} if that is what stands in it",
                "hernoem de kolom naar {wanted} als dat is wat erin staat",
            )
        }
        Suspect::NotFilledIn(_) => words!(
            language,
            "put the number of the order there, or leave the cell empty",
            "zet daar het nummer van de order, of laat de cel leeg",
        ),
        Suspect::Date(_)
        | Suspect::LostDigits(_)
        | Suspect::SpreadsheetError(_)
        | Suspect::Decimals(_)
        | Suspect::LostZeros { .. } => words!(
            language,
            "take it from its source again, and in Excel set the column's format to Text before you fill it in",
            "haal het opnieuw uit de bron, en geef in Excel de kolom de notatie Tekst voordat u het invult",
        ),
        Suspect::TextMark(_) => words!(
            language,
            "write the serial number alone; only Excel drops leading zeros, devicedrop doesn't",
            "schrijf alleen het serienummer; alleen Excel laat voorloopnullen weg, devicedrop niet",
        ),
        _ => of_row(suspect, language),
    }
}

/// What to do about a row as a whole, or beside another one.
fn of_row(suspect: &Suspect<'_>, language: Language) -> String {
    match suspect {
        Suspect::HeadingsAgain => words!(
            language,
            "remove the line: it would be registered as a device. Probably two files were put together.",
            "verwijder de regel: hij zou als apparaat worden geregistreerd. Waarschijnlijk zijn er twee bestanden \
             samengevoegd.",
        ),
        Suspect::Uncorrected(_) => words!(
            language,
            "put the values there that the device itself reports, unless these are they",
            "zet er de waarden neer die het apparaat zelf opgeeft, tenzij het deze zijn",
        ),
        Suspect::Sample => {
            words!(language, "remove it: its registration fails", "verwijder de rij: de registratie ervan mislukt",)
        }
        Suspect::ZerosDiffer { .. } | Suspect::ZerosBefore { .. } => words!(
            language,
            "compare both with the device's label: to the service they are two devices",
            "vergelijk beide met het etiket van het apparaat: voor de dienst zijn het twee apparaten",
        ),
        Suspect::Twice { .. } => words!(
            language,
            "remove one of the two; the later would be told that the device is registered already",
            "verwijder een van de twee; bij de latere komt te staan dat het apparaat al is geregistreerd",
        ),
        Suspect::OtherSpelling { .. } | Suspect::OtherDeviceBefore { .. } => words!(
            language,
            "write it exactly as the device itself reports it: to the service these are two values",
            "schrijf het precies zoals het apparaat zelf het opgeeft: voor de dienst zijn dit twee waarden",
        ),
        Suspect::HardwareHash(_) => words!(
            language,
            "the service refuses it as not valid: take the hash from the device again",
            "de dienst weigert die als niet geldig: haal de hash opnieuw uit het apparaat",
        ),
        Suspect::OtherDevice(_) => words!(
            language,
            "check that the hash was taken from this device",
            "controleer of de hash van dit apparaat afkomstig is",
        ),
        Suspect::RegisteredBefore(_) => words!(
            language,
            "nothing needs to be done: the result file will say so too, and the device counts once",
            "u hoeft niets te doen: het resultaatbestand meldt dat ook, en het apparaat telt één keer",
        ),
        Suspect::PendingBefore(_) => words!(
            language,
            "nothing needs to be done: this row would wait for the earlier one",
            "u hoeft niets te doen: deze rij zou op de eerdere wachten",
        ),
        _ => String::new(),
    }
}
