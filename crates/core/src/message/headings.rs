//! The words for headings that differ: what was found, what is expected, and what probably happened.

use super::{Language, quoted, quoted_list, words};
use crate::device::Column;
use crate::problem::HeadingHint;

/// Says where the headings differ from those expected.
pub(super) fn differ(
    line: u64,
    found: &[String],
    expected: &[Vec<String>],
    hint: &HeadingHint,
    language: Language,
) -> String {
    let found = quoted_list(found);
    let alternatives: Vec<String> = expected.iter().map(quoted_list).collect();
    let expected = alternatives.join(match language {
        Language::English => " or ",
        Language::Dutch => " of ",
    });
    let advice = advice(line, hint, language);
    words!(
        language,
        "The headings on line {line} differ from those expected. Found: {found}. Expected, exactly: {expected}. \
         {advice}",
        "De kolomkoppen op regel {line} zijn niet die welke verwacht worden. Gevonden: {found}. Verwacht, precies \
         zo: {expected}. {advice}",
    )
}

fn advice(line: u64, hint: &HeadingHint, language: Language) -> String {
    match hint {
        HeadingHint::Missing => words!(
            language,
            "This line looks like a device: put the line of headings above it.",
            "Deze regel lijkt een apparaat te zijn: zet de regel met kolomkoppen erboven.",
        ),
        HeadingHint::Capitals => words!(
            language,
            "Only capital and small letters differ: write the headings exactly as expected.",
            "Alleen hoofdletters en kleine letters verschillen: schrijf de kolomkoppen precies zoals verwacht.",
        ),
        HeadingHint::Order => words!(
            language,
            "All headings are there, in another order: put the columns in the expected order.",
            "Alle kolomkoppen zijn er, in een andere volgorde: zet de kolommen in de verwachte volgorde.",
        ),
        HeadingHint::Renamed => words!(
            language,
            "Only blanks, hyphens or underscores differ: write the headings exactly as expected.",
            "Alleen spaties, streepjes of onderstrepingstekens verschillen: schrijf de kolomkoppen precies zoals \
             verwacht.",
        ),
        HeadingHint::Intune | HeadingHint::PartnerCenter | HeadingHint::TypeLine => {
            of_another_program(hint, language)
        }
        HeadingHint::Extra(extra) => {
            let columns = quoted_list(extra);
            if extra.len() == 1 {
                words!(language, "Remove the column {columns}.", "Verwijder de kolom {columns}.")
            } else {
                words!(language, "Remove the columns {columns}.", "Verwijder de kolommen {columns}.")
            }
        }
        HeadingHint::Incomplete(missing) => {
            let columns = quoted_list(missing);
            if missing.len() == 1 {
                words!(language, "Add the missing column {columns}.", "Voeg de ontbrekende kolom {columns} toe.")
            } else {
                words!(language, "Add the missing columns {columns}.", "Voeg de ontbrekende kolommen {columns} toe.")
            }
        }
        HeadingHint::Twice(heading) => {
            let heading = quoted(heading);
            words!(
                language,
                "The heading {heading} stands there twice: remove one of the two columns.",
                "De kolomkop {heading} staat er tweemaal: verwijder een van beide kolommen.",
            )
        }
        HeadingHint::Delimiter(delimiter) => {
            let delimiter = quoted(delimiter.encode_utf8(&mut [0; 4]));
            words!(
                language,
                "The values seem to be separated by {delimiter}: separate them by comma, semicolon or tab.",
                "De waarden lijken gescheiden te zijn door {delimiter}: scheid ze door een komma, puntkomma of tab.",
            )
        }
        HeadingHint::Mapped { hint, headings } => mapped(line, hint, headings, language),
        HeadingHint::Unknown => copy_them(line, language),
    }
}

/// Names ours beside the customer's own: whoever set them up knows the one, and whoever sends the file the other.
fn mapped(line: u64, hint: &HeadingHint, headings: &[(String, Column)], language: Language) -> String {
    let advice = advice(line, hint, language);
    let each: Vec<String> =
        headings.iter().map(|(theirs, ours)| format!("{} = {}", quoted(theirs), quoted(ours.heading()))).collect();
    let each = each.join(", ");
    words!(
        language,
        "{advice} By the settings for your files, these headings stand for ours: {each}.",
        "{advice} Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: {each}.",
    )
}

/// Names the line where that isn't the first: what stands above it (`sep=`, blank lines) is fine.
fn copy_them(line: u64, language: Language) -> String {
    if line == 1 {
        return words!(
            language,
            "Copy the expected headings into the first line and leave that line as it is.",
            "Kopieer de verwachte kolomkoppen naar de eerste regel en laat die regel zoals hij is.",
        );
    }
    words!(
        language,
        "Copy the expected headings into line {line} and leave that line as it is.",
        "Kopieer de verwachte kolomkoppen naar regel {line} en laat die regel zoals hij is.",
    )
}

/// Headings that another program wrote for a purpose of its own.
fn of_another_program(hint: &HeadingHint, language: Language) -> String {
    match hint {
        HeadingHint::Intune => words!(
            language,
            "These are the columns of a file for Intune (Windows Autopilot). Make a file with the expected headings: \
             the manufacturer and model must be in it too.",
            "Dit zijn de kolommen van een bestand voor Intune (Windows Autopilot). Maak een bestand met de verwachte \
             kolomkoppen: ook de fabrikant en het model moeten erin staan.",
        ),
        HeadingHint::PartnerCenter => words!(
            language,
            "These are the columns of a file for Partner Center. Rename the columns and put them in the expected \
             order.",
            "Dit zijn de kolommen van een bestand voor Partner Center. Geef de kolommen de verwachte namen en zet ze \
             in de verwachte volgorde.",
        ),
        _ => words!(
            language,
            "The line that begins with #TYPE comes from PowerShell: delete it, or export with -NoTypeInformation.",
            "De regel die met #TYPE begint, komt van PowerShell: verwijder hem, of exporteer met -NoTypeInformation.",
        ),
    }
}
