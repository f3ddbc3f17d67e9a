//! The words for headings that differ: what was found, what is expected, and what probably happened.

use super::{Language, delimiters, quoted, quoted_list, words};
use crate::device::Column;
use crate::dialect::Delimiter;
use crate::problem::HeadingHint;

/// Says where the headings differ from those expected.
pub(super) fn differ(
    line: u64,
    found: &[String],
    expected: &[Vec<String>],
    hint: &HeadingHint,
    language: Language,
) -> String {
    // Columns that a missing one may hide behind.
    let strange = found.iter().any(|name| !expected.iter().flatten().any(|heading| heading == name));
    let found = quoted_list(found);
    let alternatives: Vec<String> = expected.iter().map(quoted_list).collect();
    let expected = alternatives.join(match language {
        Language::English => " or ",
        Language::Dutch => " of ",
    });
    let advice = advice(line, hint, strange, language);
    let (how_en, how_nl) = match hint {
        HeadingHint::Mapped { .. } => ("exactly these, in any order", "precies deze, in welke volgorde ook"),
        _ => ("exactly", "precies zo"),
    };
    words!(
        language,
        "The headings on line {line} differ from those expected. Found: {found}. Expected, {how_en}: {expected}. \
         {advice}",
        "De kolomkoppen op regel {line} wijken af van de verwachte. Gevonden: {found}. Verwacht, {how_nl}: {expected}. \
         {advice}",
    )
}

/// What to do. `strange` says that there are columns that aren't among those expected.
fn advice(line: u64, hint: &HeadingHint, strange: bool, language: Language) -> String {
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
            "All columns are there, in another order: put them in the expected order, under exactly the expected \
             headings.",
            "Alle kolommen zijn er, in een andere volgorde: zet ze in de verwachte volgorde, onder precies de verwachte \
             kolomkoppen.",
        ),
        HeadingHint::Renamed => words!(
            language,
            "Only blanks, hyphens, underscores or quotes differ: write the headings exactly as expected.",
            "Alleen spaties, streepjes, onderstrepingstekens of aanhalingstekens verschillen: schrijf de kolomkoppen \
             precies zoals verwacht.",
        ),
        HeadingHint::Intune | HeadingHint::PartnerCenter | HeadingHint::TypeLine => {
            of_another_program(hint, None, language)
        }
        HeadingHint::Extra(extra) => remove(extra, language),
        HeadingHint::Incomplete(missing) => add(missing, strange, language),
        HeadingHint::Twice(heading) => {
            let heading = quoted(heading);
            words!(
                language,
                "The heading {heading} stands there twice: remove one of the two columns.",
                "De kolomkop {heading} staat er tweemaal: verwijder een van beide kolommen.",
            )
        }
        HeadingHint::OfResult(heading) => of_result(heading, language),
        HeadingHint::Delimiter(delimiter) => other_delimiter(*delimiter, language),
        HeadingHint::Mapped { hint, headings } => mapped(line, hint, headings, strange, language),
        HeadingHint::OneCell => words!(
            language,
            "The whole line stands in one cell, with quotes around it: remove the quotes around each line, so that \
             every value has a cell of its own.",
            "De hele regel staat in één cel, met aanhalingstekens eromheen: verwijder de aanhalingstekens om elke \
             regel, zodat iedere waarde een eigen cel heeft.",
        ),
        HeadingHint::Stray(delimiter) => stray(*delimiter, language),
        HeadingHint::TwoDelimiters => two_delimiters(language),
        HeadingHint::Rename(columns) => rename(columns, false, language),
        HeadingHint::RenameAndMove(columns) => rename(columns, true, language),
        HeadingHint::Delete(columns) => delete(columns, language),
        HeadingHint::SepLine { named, used } => sep_line(*named, *used, language),
        HeadingHint::Invisible { heading, character } => invisible(heading, *character, language),
        HeadingHint::Formulas => formulas(language),
        HeadingHint::OnlyBlanks => only_blanks(language),
        HeadingHint::Below(below) => words!(
            language,
            "The expected headings stand on line {below}: delete the lines above it.",
            "De verwachte kolomkoppen staan op regel {below}: verwijder de regels erboven.",
        ),
        HeadingHint::Unknown => name_them(line, false, language),
    }
}

fn formulas(language: Language) -> String {
    words!(
        language,
        "Some headings are written as =\"...\", which tells Excel that they are text: remove the = and the quotes around \
         them, here and in all rows.",
        "Sommige kolomkoppen zijn geschreven als =\"...\", waardoor Excel ze als tekst leest: verwijder het = en de \
         aanhalingstekens eromheen, hier en in alle rijen.",
    )
}

fn only_blanks(language: Language) -> String {
    words!(
        language,
        "Only blanks stand between these headings: separate the headings and the values of all rows by comma, semicolon \
         or tab.",
        "Tussen deze kolomkoppen staan alleen spaties: scheid de kolomkoppen en de waarden van alle rijen door een komma, \
         puntkomma of tab.",
    )
}

fn other_delimiter(delimiter: char, language: Language) -> String {
    let delimiter = quoted(delimiter.encode_utf8(&mut [0; 4]));
    words!(
        language,
        "The values seem to be separated by {delimiter}: separate them by comma, semicolon or tab.",
        "De waarden lijken gescheiden te zijn door {delimiter}: scheid ze door een komma, puntkomma of tab.",
    )
}

fn of_result(heading: &str, language: Language) -> String {
    let heading = quoted(heading);
    words!(
        language,
        "The column {heading} has the name of a column that the result file adds: rename it, or remove it.",
        "De kolom {heading} heet zoals een kolom die het resultaatbestand toevoegt: geef haar een andere naam, of \
         verwijder haar.",
    )
}

/// What is to be done about a row that is one cell.
pub(super) fn one_cell(language: Language) -> String {
    words!(
        language,
        "the whole line stands in one cell, with quotes around it: open the file in a text editor, remove the quotes \
         around each such line, and write every doubled quote inside it once, so that every value has a cell of its \
         own.",
        "de hele regel staat in één cel, met aanhalingstekens eromheen: open het bestand in een teksteditor, \
         verwijder de aanhalingstekens om elke zulke regel en schrijf elk dubbel aanhalingsteken erin enkel, zodat \
         iedere waarde een eigen cel heeft.",
    )
}

fn two_delimiters(language: Language) -> String {
    words!(
        language,
        "Different characters separate these headings: separate the headings and all rows by the same one.",
        "Deze kolomkoppen zijn door verschillende tekens gescheiden: scheid de kolomkoppen en alle rijen door \
         hetzelfde teken.",
    )
}

fn stray(delimiter: Delimiter, language: Language) -> String {
    let stray = delimiters(delimiter, language);
    words!(
        language,
        "At the end of this line stand {stray} that separate nothing: open the file in a text editor and delete them \
         at the end of every line.",
        "Aan het einde van deze regel staan {stray} die niets scheiden: open het bestand in een teksteditor en \
         verwijder ze aan het einde van elke regel.",
    )
}

fn rename(columns: &[(u64, String, String)], and_move: bool, language: Language) -> String {
    let each = columns.iter().map(|(number, found, wanted)| {
        let (found, wanted) = (quoted(found), quoted(wanted));
        words!(language, "column {number} from {found} to {wanted}", "kolom {number} van {found} naar {wanted}")
    });
    let each = each.collect::<Vec<_>>().join(", ");
    let (also_en, also_nl) = if and_move {
        (", and put the columns in the expected order", ", en zet de kolommen in de verwachte volgorde")
    } else {
        ("", "")
    };
    words!(
        language,
        "Rename {each}, if that is what stands in it{also_en}.",
        "Hernoem {each}, als dat is wat erin staat{also_nl}.",
    )
}

fn delete(columns: &[(u64, String)], language: Language) -> String {
    let each = columns.iter().map(|(number, name)| {
        let name = quoted(name);
        match name.as_str() {
            "\"\"" => {
                words!(language, "column {number}, which has no heading", "kolom {number}, die geen kolomkop heeft")
            }
            name => words!(language, "column {number}, {name}", "kolom {number}, {name}"),
        }
    });
    let each = each.collect::<Vec<_>>().join("; ");
    words!(language, "Delete {each}.", "Verwijder {each}.")
}

/// Headings that don't go by the line above them.
fn sep_line(named: Delimiter, used: Delimiter, language: Language) -> String {
    let (named, used) = (delimiters(named, language), delimiters(used, language));
    words!(
        language,
        "The line above them that begins with \"sep=\" says that {named} separate the values, but {used} \
                 separate these headings. Delete that line, and separate the headings and all rows by the same \
                 character.",
        "De regel erboven die met \"sep=\" begint, zegt dat {named} de waarden scheiden, maar deze kolomkoppen \
                 zijn door {used} gescheiden. Verwijder die regel, en scheid de kolomkoppen en alle rijen door hetzelfde \
                 teken.",
    )
}

/// Names ours beside the customer's own: whoever set them up knows the one, and whoever sends the file the other.
fn mapped(line: u64, hint: &HeadingHint, headings: &[(String, Column)], strange: bool, language: Language) -> String {
    let advice = match hint {
        HeadingHint::Intune | HeadingHint::PartnerCenter => of_another_program(hint, Some(headings), language),
        HeadingHint::Unknown => name_them(line, true, language),
        hint => advice(line, hint, strange, language),
    };
    if headings.is_empty() {
        return advice;
    }
    let each: Vec<String> =
        headings.iter().map(|(theirs, ours)| format!("{} = {}", quoted(theirs), quoted(ours.heading()))).collect();
    let each = each.join(", ");
    words!(
        language,
        "{advice} By the settings for your files, these headings stand for ours: {each}.",
        "{advice} Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: {each}.",
    )
}

fn remove(columns: &[String], language: Language) -> String {
    let names = quoted_list(columns);
    if columns.len() == 1 {
        words!(language, "Remove the column {names}.", "Verwijder de kolom {names}.")
    } else {
        words!(language, "Remove the columns {names}.", "Verwijder de kolommen {names}.")
    }
}

fn add(columns: &[String], strange: bool, language: Language) -> String {
    let names = quoted_list(columns);
    match (columns.len(), strange) {
        (1, false) => {
            words!(language, "Add the missing column {names}.", "Voeg de ontbrekende kolom {names} toe.")
        }
        (1, true) => words!(
            language,
            "The column {names} is missing: add it, or give its heading to the column that holds it under another name.",
            "De kolom {names} ontbreekt: voeg die toe, of geef die kolomkop aan de kolom waarin dit onder een andere naam \
             staat.",
        ),
        (_, false) => {
            words!(language, "Add the missing columns {names}.", "Voeg de ontbrekende kolommen {names} toe.")
        }
        (_, true) => words!(
            language,
            "The columns {names} are missing: add them, or give their headings to the columns that hold them under other \
             names.",
            "De kolommen {names} ontbreken: voeg ze toe, of geef die kolomkoppen aan de kolommen waarin dit onder andere \
             namen staat.",
        ),
    }
}

/// A heading that looks right.
fn invisible(heading: &str, character: char, language: Language) -> String {
    let (heading, code) = (quoted(heading), u32::from(character));
    if character == '\u{feff}' {
        return words!(
            language,
            "At the heading {heading} stands a byte order mark (U+{code:04X}), which can't be seen: a file may have one, \
             at its very beginning. Delete this heading and type it anew.",
            "Bij de kolomkop {heading} staat een byte-ordemarkering (U+{code:04X}), die onzichtbaar is: een bestand mag \
             er één hebben, helemaal aan het begin. Verwijder deze kolomkop en typ hem opnieuw in.",
        );
    }
    words!(
        language,
        "The heading {heading} only looks right: it holds a character (U+{code:04X}) that can't be seen or told from a \
         blank. Delete the heading and type it anew.",
        "De kolomkop {heading} lijkt alleen maar goed: er staat een teken in (U+{code:04X}) dat onzichtbaar is of niet \
         van een spatie te onderscheiden. Verwijder de kolomkop en typ hem opnieuw in.",
    )
}

/// Names the line where that isn't the first: what stands above it (`sep=`, blank lines) is fine. `free` says that the
/// columns' order is.
fn name_them(line: u64, free: bool, language: Language) -> String {
    let (line_en, line_nl) = match line {
        1 => ("the first line".to_owned(), "de eerste regel".to_owned()),
        line => (format!("line {line}"), format!("regel {line}")),
    };
    let (order_en, order_nl) = if free {
        ("", "")
    } else {
        (", and put the columns into the expected order", ", en zet de kolommen in de verwachte volgorde")
    };
    words!(
        language,
        "Give each column the expected heading that fits what stands in it{order_en}. If {line_en} is a device \
         already, put a line with the expected headings above it.",
        "Geef elke kolom de verwachte kolomkop die past bij wat erin staat{order_nl}. Is {line_nl} al een apparaat, \
         zet er dan een regel met de verwachte kolomkoppen boven.",
    )
}

/// Headings that another program wrote for a purpose of its own. `own` are those that stand for ours, where a customer has
/// any; then the columns may stand in any order, and others among them.
fn of_another_program(hint: &HeadingHint, own: Option<&[(String, Column)]>, language: Language) -> String {
    let called = |column: Column| {
        let theirs = own.into_iter().flatten().find(|(_, ours)| *ours == column);
        quoted(theirs.map_or(column.heading(), |(theirs, _)| theirs))
    };
    let serial = called(Column::SerialNumber);
    let (manufacturer, model) = (called(Column::Manufacturer), called(Column::Model));
    match hint {
        HeadingHint::Intune => words!(
            language,
            "These are the columns of a file for Intune (Windows Autopilot). Make a file with the expected headings: \
             \"Device Serial Number\" is {serial} here, and the manufacturer ({manufacturer}) and model ({model}) must \
             be there too.",
            "Dit zijn de kolommen van een bestand voor Intune (Windows Autopilot). Maak een bestand met de verwachte \
             kolomkoppen: \"Device Serial Number\" heet hier {serial}, en ook de fabrikant ({manufacturer}) en het \
             model ({model}) moeten erin staan.",
        ),
        HeadingHint::PartnerCenter => {
            let (rest_en, rest_nl) = if own.is_some() {
                ("rename these columns", "geef deze kolommen die namen")
            } else {
                (
                    "rename these columns, put them in the expected order, and leave out the others",
                    "geef deze kolommen die namen, zet ze in de verwachte volgorde en laat de andere weg",
                )
            };
            words!(
                language,
                "These are the columns of a file for Partner Center. Its \"Manufacturer name\" is {manufacturer} here, \
                 \"Device model\" is {model} and \"Device Serial Number\" is {serial}: {rest_en}.",
                "Dit zijn de kolommen van een bestand voor Partner Center. \"Manufacturer name\" heet hier \
                 {manufacturer}, \"Device model\" heet {model} en \"Device Serial Number\" heet {serial}: {rest_nl}.",
            )
        }
        _ => words!(
            language,
            "The line that begins with #TYPE comes from PowerShell: delete it, or export with -NoTypeInformation.",
            "De regel die met #TYPE begint, komt van PowerShell: verwijder hem, of exporteer met -NoTypeInformation.",
        ),
    }
}
