//! The words for one row that is refused while the others go on.

use super::{Language, number, quoted, words};
use crate::locale::Locale;
use crate::problem::{ColumnName, RowProblem};

/// Says why a row is refused and what to do, in the sender's language; `line` is where the row begins.
pub fn row_problem(problem: &RowProblem, line: u64, locale: Locale) -> String {
    let language = Language::from(locale);
    let place = match (problem.column(), language) {
        (None, Language::English) => format!("Line {line}"),
        (None, Language::Dutch) => format!("Regel {line}"),
        (Some(column), Language::English) => format!("Line {line}, column {}", column_name(column)),
        (Some(column), Language::Dutch) => format!("Regel {line}, kolom {}", column_name(column)),
    };
    let what = what(problem, language);
    words!(
        language,
        "{place}: {what} Correct the row and drop the file again.",
        "{place}: {what} Verbeter de rij en lever het bestand opnieuw aan.",
    )
}

/// The heading as the file has it, and our name for the column where that is another.
fn column_name(name: &ColumnName) -> String {
    let ours = name.column.heading();
    if name.heading == ours { quoted(ours) } else { format!("{} ({ours})", quoted(&name.heading)) }
}

fn what(problem: &RowProblem, language: Language) -> String {
    match problem {
        RowProblem::FieldCount { expected, found } => field_count(*expected, *found, language),
        RowProblem::EmptyValue { .. } => words!(
            language,
            "the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it.",
            "de waarde is leeg of bevat alleen spaties. Verwacht wordt de waarde precies zoals het apparaat zelf die \
             opgeeft.",
        ),
        RowProblem::TooLong { found, limit, .. } => {
            let (found, limit) = (number(*found, language), number(*limit, language));
            words!(
                language,
                "the value has {found} characters; at most {limit} are accepted. Probably several values stand in \
                 one field.",
                "de waarde telt {found} tekens; hoogstens {limit} worden aanvaard. Waarschijnlijk staan er meerdere \
                 waarden in één veld.",
            )
        }
        RowProblem::ControlCharacter { character, position, .. } => {
            let (name, position) = (control_name(*character, language), number(*position, language));
            words!(
                language,
                "character {position} of the value is {name}, which can't be in it. It can't be seen and often comes \
                 along when a value is copied; type the value anew.",
                "teken {position} van de waarde is {name}, en dat kan er niet in staan. Het is onzichtbaar en komt \
                 vaak mee bij het kopiëren; typ de waarde opnieuw in.",
            )
        }
        RowProblem::Scientific { found, .. } => {
            let found = quoted(found);
            words!(
                language,
                "{found} is what Excel leaves of a long serial number, and its digits are lost. Expected is the \
                 serial number itself. Take it from its source again, and set the column's format to Text before you \
                 fill it in.",
                "{found} is wat Excel van een lang serienummer overlaat, en de cijfers zijn verloren. Verwacht wordt \
                 het serienummer zelf. Haal het opnieuw uit de bron, en geef de kolom de notatie Tekst voordat u het \
                 invult.",
            )
        }
        RowProblem::Quotes { .. } => words!(
            language,
            "text stands behind a closing quote (\"). Expected are quotes around the whole value, and every quote \
             inside it written twice.",
            "achter een sluitend aanhalingsteken (\") staat tekst. Verwacht worden aanhalingstekens om de hele \
             waarde, en elk aanhalingsteken erin dubbel geschreven.",
        ),
    }
}

fn field_count(expected: u64, found: u64, language: Language) -> String {
    let why = if found < expected {
        words!(
            language,
            "A value is missing, or the delimiter before it.",
            "Er ontbreekt een waarde, of het scheidingsteken ervoor.",
        )
    } else {
        words!(
            language,
            "A value that holds the delimiter needs quotes around it, as in \"Dell, Inc.\".",
            "Een waarde die het scheidingsteken bevat, moet tussen aanhalingstekens staan, zoals \"Dell, Inc.\".",
        )
    };
    let (expected, found) = (number(expected, language), number(found, language));
    words!(
        language,
        "fields found: {found}, expected: {expected}, one for each heading. {why}",
        "aantal velden gevonden: {found}, verwacht: {expected}, één per kolomkop. {why}",
    )
}

/// A control character by its number, and by its name where people know one.
fn control_name(character: char, language: Language) -> String {
    let code = u32::from(character);
    let name = match (character, language) {
        ('\t', Language::English) => "a tab",
        ('\t', Language::Dutch) => "een tab",
        ('\n' | '\r', Language::English) => "a line break",
        ('\n' | '\r', Language::Dutch) => "een regeleinde",
        (_, Language::English) => "a control character",
        (_, Language::Dutch) => "een besturingsteken",
    };
    format!("{name} (U+{code:04X})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Column;
    use crate::message::tests::both;

    fn column(column: Column) -> ColumnName {
        ColumnName { column, heading: column.heading().to_owned() }
    }

    #[test]
    fn what_is_wrong_with_a_row() {
        let mapped = ColumnName { column: Column::SerialNumber, heading: "Serien\u{202e}nummer".to_owned() };
        let serial = column(Column::SerialNumber);
        let samples = [
            RowProblem::FieldCount { expected: 3, found: 4 },
            RowProblem::FieldCount { expected: 3, found: 2 },
            RowProblem::EmptyValue { column: column(Column::Model) },
            RowProblem::TooLong { column: column(Column::Manufacturer), found: 1_025, limit: 1_024 },
            RowProblem::ControlCharacter { column: serial.clone(), character: '\t', position: 13 },
            RowProblem::ControlCharacter { column: serial.clone(), character: '\n', position: 1 },
            RowProblem::ControlCharacter { column: serial, character: '\u{9b}', position: 2 },
            RowProblem::Scientific { column: mapped, found: "1,23E+11".to_owned() },
            RowProblem::Quotes { column: column(Column::Model) },
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|p| row_problem(p, 7, locale)).collect()), @r##"
        Line 7: fields found: 4, expected: 3, one for each heading. A value that holds the delimiter needs quotes around it, as in "Dell, Inc.". Correct the row and drop the file again.
          Regel 7: aantal velden gevonden: 4, verwacht: 3, één per kolomkop. Een waarde die het scheidingsteken bevat, moet tussen aanhalingstekens staan, zoals "Dell, Inc.". Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: fields found: 2, expected: 3, one for each heading. A value is missing, or the delimiter before it. Correct the row and drop the file again.
          Regel 7: aantal velden gevonden: 2, verwacht: 3, één per kolomkop. Er ontbreekt een waarde, of het scheidingsteken ervoor. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Model": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.
          Regel 7, kolom "Model": de waarde is leeg of bevat alleen spaties. Verwacht wordt de waarde precies zoals het apparaat zelf die opgeeft. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Manufacturer": the value has 1,025 characters; at most 1,024 are accepted. Probably several values stand in one field. Correct the row and drop the file again.
          Regel 7, kolom "Manufacturer": de waarde telt 1.025 tekens; hoogstens 1.024 worden aanvaard. Waarschijnlijk staan er meerdere waarden in één veld. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serial Number": character 13 of the value is a tab (U+0009), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 13 van de waarde is een tab (U+0009), en dat kan er niet in staan. Het is onzichtbaar en komt vaak mee bij het kopiëren; typ de waarde opnieuw in. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serial Number": character 1 of the value is a line break (U+000A), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 1 van de waarde is een regeleinde (U+000A), en dat kan er niet in staan. Het is onzichtbaar en komt vaak mee bij het kopiëren; typ de waarde opnieuw in. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serial Number": character 2 of the value is a control character (U+009B), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 2 van de waarde is een besturingsteken (U+009B), en dat kan er niet in staan. Het is onzichtbaar en komt vaak mee bij het kopiëren; typ de waarde opnieuw in. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serien\u{202e}nummer" (Serial Number): "1,23E+11" is what Excel leaves of a long serial number, and its digits are lost. Expected is the serial number itself. Take it from its source again, and set the column's format to Text before you fill it in. Correct the row and drop the file again.
          Regel 7, kolom "Serien\u{202e}nummer" (Serial Number): "1,23E+11" is wat Excel van een lang serienummer overlaat, en de cijfers zijn verloren. Verwacht wordt het serienummer zelf. Haal het opnieuw uit de bron, en geef de kolom de notatie Tekst voordat u het invult. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Model": text stands behind a closing quote ("). Expected are quotes around the whole value, and every quote inside it written twice. Correct the row and drop the file again.
          Regel 7, kolom "Model": achter een sluitend aanhalingsteken (") staat tekst. Verwacht worden aanhalingstekens om de hele waarde, en elk aanhalingsteken erin dubbel geschreven. Verbeter de rij en lever het bestand opnieuw aan.
        "##);
    }

    #[test]
    fn what_it_quotes_is_cut() {
        let heading = format!("{}{}", "x".repeat(64), "y".repeat(1_000_000));
        let problem = RowProblem::EmptyValue { column: ColumnName { column: Column::Model, heading } };
        let text = row_problem(&problem, 7, Locale::En);
        assert!(text.contains("xxx…\""), "{text}");
        assert!(text.chars().count() < 400, "{text}");
    }
}
