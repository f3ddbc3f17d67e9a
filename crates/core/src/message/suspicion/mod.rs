//! The words for what would be taken and looks wrong: what it is, and what to do.

mod help;
#[cfg(test)]
mod tests;

use super::{Language, number, quoted, registrar, row, words};
use crate::locale::Locale;
use crate::oa3::HashProblem;
use crate::registrar::HashMismatch;
use crate::shown::shown_cut;
use crate::suspicion::{Earlier, Suspect, Suspicion};

/// Characters that are quoted of a file's path: a name of 255 bytes would bury the rest.
const PATH_CHARS: usize = 120;

/// What is told of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was found.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// Says what looks wrong and what to do, in the reader's language. Where it stands is told beside it.
pub fn suspicion(suspicion: &Suspicion<'_>, locale: Locale) -> Told {
    let language = Language::from(locale);
    let what = what(suspicion, language);
    Told { what, help: help::help(&suspicion.suspect, language) }
}

fn what(suspicion: &Suspicion<'_>, language: Language) -> String {
    let suspect = &suspicion.suspect;
    match suspect {
        Suspect::HeadingsAgain => {
            words!(language, "the headings stand here once more", "hier staan de kolomkoppen nog een keer")
        }
        Suspect::Sample => words!(
            language,
            "this is the row of the documentation's sample",
            "dit is de rij uit het voorbeeld in de documentatie",
        ),
        Suspect::Uncorrected(device) => {
            let device = row::in_quotes(device);
            words!(
                language,
                "the row was refused before, and its device is still {device}, which may be only a part of what was \
                 sent",
                "de rij is eerder geweigerd, en het apparaat is nog steeds {device}, wat misschien maar een deel is \
                 van wat is aangeleverd",
            )
        }
        Suspect::NearlyHeading { found, wanted } => {
            let (found, wanted) = (quoted(found), quoted(wanted));
            words!(
                language,
                "the column {found} counts for nothing: the heading that counts is {wanted}, letter by letter",
                "de kolom {found} telt niet mee: de kolomkop die telt is {wanted}, letter voor letter",
            )
        }
        Suspect::NotFilledIn(found) => not_filled_in(found, language),
        Suspect::HardwareHash(problem) => hash_problem(problem, language),
        Suspect::OtherDevice(mismatch) => other_device(mismatch, language),
        Suspect::SurroundingBlanks(_)
        | Suspect::DoubledBlanks
        | Suspect::ByteOrderMark
        | Suspect::Invisible(_)
        | Suspect::OddBlank(_) => unseen(suspect, language),
        Suspect::SmartQuote(..)
        | Suspect::LookAlike(..)
        | Suspect::MarkApart(_)
        | Suspect::NotAscii(_)
        | Suspect::BareQuote => character(suspect, language),
        Suspect::Placeholder(_)
        | Suspect::Date(_)
        | Suspect::LostDigits(_)
        | Suspect::SpreadsheetError(_)
        | Suspect::TextMark(_)
        | Suspect::Decimals(_) => serial_number(suspect, language),
        Suspect::LostZeros { .. }
        | Suspect::ZerosDiffer { .. }
        | Suspect::Twice { .. }
        | Suspect::OtherSpelling { .. } => beside_others(suspect, language),
        Suspect::RegisteredBefore(earlier) | Suspect::PendingBefore(earlier) => {
            before(suspect, None, earlier, language)
        }
        Suspect::OtherDeviceBefore { found, before: value, earlier }
        | Suspect::ZerosBefore { found, before: value, earlier } => {
            before(suspect, Some((found, value)), earlier, language)
        }
    }
}

/// What can't be seen in a value or around it.
fn unseen(suspect: &Suspect<'_>, language: Language) -> String {
    match suspect {
        Suspect::SurroundingBlanks(None) => words!(
            language,
            "blanks stand around this value, and they count",
            "rond deze waarde staan spaties, en die tellen mee",
        ),
        Suspect::SurroundingBlanks(Some(odd)) => {
            let code = code(*odd);
            words!(
                language,
                "something that can't be seen ({code}) stands around this value, and it counts",
                "rond deze waarde staat iets onzichtbaars ({code}), en dat telt mee",
            )
        }
        Suspect::DoubledBlanks => words!(
            language,
            "several blanks in a row stand inside this value, and each counts",
            "in deze waarde staan meerdere spaties achter elkaar, en elke telt mee",
        ),
        Suspect::ByteOrderMark => words!(
            language,
            "a byte order mark (U+FEFF) stands in this value, where it can't be seen",
            "in deze waarde staat een byte-ordemarkering (U+FEFF), die niet te zien is",
        ),
        Suspect::Invisible(odd) => {
            let code = code(*odd);
            words!(
                language,
                "a character that can't be seen ({code}) stands in this value",
                "in deze waarde staat een teken dat niet te zien is ({code})",
            )
        }
        Suspect::OddBlank(odd) => {
            let code = code(*odd);
            words!(
                language,
                "a blank in this value isn't the one of a keyboard but {code}",
                "een spatie in deze waarde is niet die van een toetsenbord, maar {code}",
            )
        }
        _ => String::new(),
    }
}

/// What can be seen in a value and isn't what it seems.
fn character(suspect: &Suspect<'_>, language: Language) -> String {
    match suspect {
        Suspect::SmartQuote(odd, usual) => {
            let (code, odd) = (code(*odd), character_of(*odd));
            words!(
                language,
                "{odd} ({code}) is a typographic quotation mark or apostrophe; keyboards give {usual}",
                "{odd} ({code}) is een typografisch aanhalingsteken of een apostrof; een toetsenbord geeft {usual}",
            )
        }
        Suspect::LookAlike(odd, usual) => {
            let (code, odd) = (code(*odd), character_of(*odd));
            words!(
                language,
                "{odd} ({code}) only looks like {usual} and is another character",
                "{odd} ({code}) lijkt alleen op {usual} en is een ander teken",
            )
        }
        Suspect::MarkApart(whole) => {
            let (code, whole) = (code(*whole), character_of(*whole));
            words!(
                language,
                "a letter and its mark are two characters here; they only look like {whole} ({code})",
                "een letter en het teken erop zijn hier twee tekens; ze lijken alleen op {whole} ({code})",
            )
        }
        Suspect::NotAscii(odd) => {
            let (code, odd) = (code(*odd), character_of(*odd));
            words!(
                language,
                "{odd} ({code}) seldom stands in a serial number",
                "{odd} ({code}) komt zelden in een serienummer voor",
            )
        }
        Suspect::BareQuote => words!(
            language,
            "a quotation mark (\") stands in this value without quotes around the whole",
            "in deze waarde staat een aanhalingsteken (\") zonder aanhalingstekens om het geheel",
        ),
        _ => String::new(),
    }
}

/// What is wrong with a serial number by itself.
fn serial_number(suspect: &Suspect<'_>, language: Language) -> String {
    match suspect {
        Suspect::Placeholder(found) => {
            let found = quoted(found);
            words!(
                language,
                "{found} is no serial number: devices report it where nobody gave them one",
                "{found} is geen serienummer: apparaten geven dit op als niemand ze er een heeft gegeven",
            )
        }
        Suspect::Date(found) => {
            let found = quoted(found);
            words!(
                language,
                "{found} is a date: what Excel makes of a serial number like MAR1 or 1-3",
                "{found} is een datum: dat maakt Excel van een serienummer als MAR1 of 1-3",
            )
        }
        Suspect::LostDigits(found) => {
            let found = quoted(found);
            words!(
                language,
                "{found} ends in zeros from the 16th digit on: Excel keeps 15 digits and makes the others zeros",
                "{found} eindigt vanaf het 16e cijfer op nullen: Excel bewaart 15 cijfers en maakt van de andere \
                 nullen",
            )
        }
        Suspect::SpreadsheetError(found) => {
            let found = quoted(found);
            words!(
                language,
                "{found} is what Excel shows in place of a value",
                "{found} is wat Excel toont in plaats van een waarde",
            )
        }
        Suspect::TextMark(found) => {
            let (found, mark) = (quoted(found), if found.starts_with('=') { '=' } else { '\'' });
            words!(
                language,
                "{found} begins with {mark}, which tells Excel that this is text; here it counts as part of the value",
                "{found} begint met {mark}, waardoor Excel de waarde als tekst leest; hier telt dat mee als deel van de \
                 waarde",
            )
        }
        Suspect::Decimals(found) => {
            let found = quoted(found);
            words!(
                language,
                "{found} has decimals: a program took the serial number for a number",
                "{found} heeft decimalen: een programma heeft het serienummer als getal gelezen",
            )
        }
        _ => String::new(),
    }
}

/// What is wrong with a row beside the others of its file.
fn beside_others(suspect: &Suspect<'_>, language: Language) -> String {
    match suspect {
        Suspect::LostZeros { found, usual } => {
            let (found, digits) = (quoted(found), number(u64::try_from(found.len()).unwrap_or(0), language));
            let usual = number(*usual, language);
            words!(
                language,
                "{found} has {digits} digits, where nearly all others of this model have {usual}: it probably lost \
                 its leading zeros",
                "{found} heeft {digits} cijfers, terwijl bijna alle andere van dit model er {usual} hebben: \
                 waarschijnlijk zijn voorloopnullen verloren gegaan",
            )
        }
        Suspect::ZerosDiffer { first } => {
            words!(
                language,
                "this serial number differs from the one on line {first} by leading zeros alone",
                "dit serienummer verschilt alleen in voorloopnullen van dat op regel {first}",
            )
        }
        Suspect::Twice { first } => {
            words!(language, "this device stands on line {first} already", "dit apparaat staat al op regel {first}",)
        }
        Suspect::OtherSpelling { found, rows, usual, usual_rows, first } => {
            let (found, usual) = (quoted(found), quoted(usual));
            let (rows, usual_rows) = (number(*rows, language), number(*usual_rows, language));
            words!(
                language,
                "{found} stands in {rows} of the rows, {usual} in {usual_rows} of them, from line {first} on",
                "{found} staat in {rows} van de rijen, {usual} in {usual_rows} ervan, vanaf regel {first}",
            )
        }
        _ => String::new(),
    }
}

/// What the record knows of a row.
fn before(suspect: &Suspect<'_>, values: Option<(&str, &str)>, earlier: &Earlier<'_>, language: Language) -> String {
    let (file, line, date) = (shown_cut(earlier.file, PATH_CHARS), earlier.line, earlier.date.date());
    let place = words!(
        language,
        "line {line} of the file \"{file}\" on {date}",
        "regel {line} van het bestand \"{file}\" op {date}",
    );
    let (found, value) = values.map(|(found, value)| (quoted(found), quoted(value))).unwrap_or_default();
    match suspect {
        Suspect::RegisteredBefore(_) => words!(
            language,
            "this device is registered already, by {place}",
            "dit apparaat is al geregistreerd, door {place}",
        ),
        Suspect::PendingBefore(_) => words!(
            language,
            "this device was dropped before, by {place}, and its registration is pending",
            "dit apparaat is al eerder aangeleverd, door {place}, en de registratie is in behandeling",
        ),
        Suspect::OtherDeviceBefore { .. } => words!(
            language,
            "this serial number was registered before, by {place}, with {value} where {found} stands here",
            "dit serienummer is al eerder geregistreerd, door {place}, met {value} waar hier {found} staat",
        ),
        _ => words!(
            language,
            "{found} came before with other leading zeros: {value}, by {place}",
            "{found} kwam eerder met andere voorloopnullen: {value}, door {place}",
        ),
    }
}

fn not_filled_in(found: &str, language: Language) -> String {
    let found = quoted(found);
    words!(language, "{found} looks as if nobody had filled it in", "{found} ziet eruit alsof het niet is ingevuld",)
}

pub(super) fn hash_problem(problem: &HashProblem, language: Language) -> String {
    match problem {
        HashProblem::Character { position } => {
            let position = number(*position, language);
            words!(
                language,
                "character {position} of the hardware hash is one that no hash has: they consist of letters, digits, + and \
                 /, and = only at the end",
                "teken {position} van de hardwarehash komt in geen enkele hash voor: die bestaat uit letters, cijfers, + en \
                 /, en = alleen aan het einde",
            )
        }
        HashProblem::CutOff => words!(
            language,
            "the hardware hash isn't whole: part of it is probably missing",
            "de hardwarehash is niet volledig: waarschijnlijk ontbreekt een deel",
        ),
        HashProblem::Middle { position } => {
            let position = number(*position, language);
            words!(
                language,
                "character {position} of the hardware hash is a =, which stands only at the end of one: either it doesn't \
                 belong there, or two hashes stand in one value",
                "teken {position} van de hardwarehash is een =, en dat staat alleen aan het einde: het hoort daar niet, of \
                 er staan twee hashes in één waarde",
            )
        }
        HashProblem::Excess { found, fitting } => {
            let more = number(found.saturating_sub(*fitting), language);
            words!(
                language,
                "the hardware hash has {more} = too many at its end, or lost characters before it",
                "de hardwarehash heeft aan het einde {more} = te veel, of er zijn tekens vóór verloren gegaan",
            )
        }
        HashProblem::SmallLetters => words!(
            language,
            "the hardware hash has no capital letter: a program made all of its letters small, and it can't be told any \
             more which were capitals",
            "de hardwarehash bevat geen hoofdletters: een programma heeft van alle letters kleine letters gemaakt, en \
             welke hoofdletters waren, is niet meer te achterhalen",
        ),
        HashProblem::NotOa3 => words!(
            language,
            "this is no hardware hash: those begin with T0E, T0F, T0G or T0H",
            "dit is geen hardwarehash: die begint met T0E, T0F, T0G of T0H",
        ),
    }
}

fn other_device(mismatch: &HashMismatch, language: Language) -> String {
    let fields = registrar::differing(mismatch, language);
    words!(
        language,
        "the hardware hash speaks of another device: {fields}",
        "de hardwarehash gaat over een ander apparaat: {fields}",
    )
}

fn code(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

fn character_of(character: char) -> String {
    quoted(character.encode_utf8(&mut [0; 4]))
}
