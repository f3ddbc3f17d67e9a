//! The words for one row that is refused while the others go on.

use super::{Language, delimiters, number, quoted, quoted_list, words};
use crate::device::{Column, Device};
use crate::dialect::Delimiter;
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
    if *problem == RowProblem::EndMark {
        return format!("{place}: {what}");
    }
    words!(
        language,
        "{place}: {what} Correct the row and drop the file again.",
        "{place}: {what} Verbeter de rij en lever het bestand opnieuw aan.",
    )
}

/// The heading as the file has it, and our name for the column where that is another.
fn column_name(name: &ColumnName) -> String {
    match name.column.map(Column::heading) {
        Some(ours) if name.heading != ours => format!("{} ({ours})", quoted(&name.heading)),
        None if name.heading.is_empty() => (name.index + 1).to_string(),
        _ => quoted(&name.heading),
    }
}

fn what(problem: &RowProblem, language: Language) -> String {
    match problem {
        RowProblem::FieldCount { expected, found, echoed } => {
            field_count(*expected, *found, language) + &as_it_stands(echoed.as_deref(), language)
        }
        RowProblem::OtherDelimiter { headings, row, echoed } => {
            other_delimiter(*headings, *row, echoed.as_deref(), language)
        }
        RowProblem::EndMark => end_mark(language),
        RowProblem::OneCell => super::headings::one_cell(language),
        RowProblem::EmptyValue { column } if matches!(column.column, Some(Column::OrderId | Column::PurchaseId)) => {
            words!(
                language,
                "the value holds only blanks. Leave the cell empty where there is no value.",
                "de waarde bevat alleen spaties. Laat de cel leeg waar geen waarde is.",
            )
        }
        RowProblem::EmptyValue { .. } => words!(
            language,
            "the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it.",
            "de waarde is leeg of bevat alleen spaties. Verwacht wordt de waarde precies zoals het apparaat zelf die \
             opgeeft.",
        ),
        RowProblem::TooLong { found, limit, .. } => too_long(*found, *limit, language),
        RowProblem::RowTooLong { limit } => {
            let limit = number(*limit, language);
            words!(
                language,
                "the row is longer than {limit} bytes, as no real row is. Probably several rows stand on one line.",
                "de rij is langer dan {limit} bytes; zo lang is geen echte rij. Waarschijnlijk staan er meerdere rijen \
                 op één regel.",
            )
        }
        RowProblem::ControlCharacter { character: character @ ('\r' | '\n'), position, .. } => {
            line_break(*character, *position, language)
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
        RowProblem::Quotes { echoed, .. } => {
            let more = as_it_stands(echoed.as_deref(), language);
            words!(
                language,
                "text stands behind a closing quote (\"). Expected are quotes around the whole value, and every quote \
                 inside it written twice.{more}",
                "achter een sluitend aanhalingsteken (\") staat tekst. Verwacht worden aanhalingstekens om de hele \
                 waarde, en elk aanhalingsteken erin dubbel geschreven.{more}",
            )
        }
    }
}

fn end_mark(language: Language) -> String {
    words!(
        language,
        "nothing stands on this line but the character U+001A, which can't be seen: old programs write it at the end \
     of a file. No device is missing for it. To be rid of it, delete the line in a text editor, or have the \
     program that wrote the file leave it out.",
        "op deze regel staat alleen het teken U+001A, dat onzichtbaar is: oude programma's schrijven het aan het \
     einde van een bestand. Er ontbreekt geen apparaat door. Wilt u ervan af, verwijder de regel dan in een \
     teksteditor, of laat het programma dat het bestand schreef het weglaten.",
    )
}

fn too_long(found: u64, limit: u64, language: Language) -> String {
    let (found, limit) = (number(found, language), number(limit, language));
    words!(
        language,
        "the value has {found} characters; at most {limit} are accepted. Probably several values stand in one field.",
        "de waarde telt {found} tekens; hoogstens {limit} worden aanvaard. Waarschijnlijk staan er meerdere waarden in \
         één veld.",
    )
}

/// Mostly it isn't the value that is wrong, but a quote that lets the next rows become a part of it.
fn line_break(character: char, position: u64, language: Language) -> String {
    let (name, position) = (control_name(character, language), number(position, language));
    words!(
        language,
        "character {position} of the value is {name}: a quote (\") opens the value and is closed in a later line \
         only, and all these lines were read as one row. Look at them in a text editor: if they are rows of their own, \
         remove the quote that is too much or add the one that is missing; if not, write the value in one line.",
        "teken {position} van de waarde is {name}: een aanhalingsteken (\") opent de waarde en sluit pas in een \
         latere regel, en al deze regels zijn als één rij gelezen. Bekijk ze in een teksteditor: zijn het eigen rijen, \
         verwijder dan het aanhalingsteken dat te veel is of voeg het ontbrekende toe; zo niet, schrijf de waarde dan \
         op één regel.",
    )
}

/// What a program would make of the row: by this a row of a result file is told that nobody corrected.
fn as_it_stands(echoed: Option<&Device>, language: Language) -> String {
    let Some(echoed) = echoed else { return String::new() };
    let device = in_quotes(echoed);
    words!(
        language,
        " Read as it stands, its device would be {device}.",
        " Zoals de rij er staat, zou het apparaat {device} zijn.",
    )
}

pub(super) fn in_quotes(device: &Device) -> String {
    quoted_list([&device.manufacturer, &device.model, &device.serial_number])
}

/// Whether a row's details, as a result file shows them, say that its device would be this one.
pub(crate) fn names_device(details: &str, echoed: &Device) -> bool {
    details.contains(&in_quotes(echoed))
}

fn other_delimiter(headings: Delimiter, row: Delimiter, echoed: Option<&Device>, language: Language) -> String {
    let (headings, row) = (delimiters(headings, language), delimiters(row, language));
    let more = as_it_stands(echoed, language);
    words!(
        language,
        "{row} separate the values here, but {headings} separate the headings. Separate the headings and all \
                 rows by the same character.{more}",
        "hier scheiden {row} de waarden, maar in de kolomkoppen zijn het {headings}. Scheid de kolomkoppen en \
                 alle rijen door hetzelfde teken.{more}",
    )
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
        ('\u{1a}', Language::English) => "an end-of-file mark of old programs",
        ('\u{1a}', Language::Dutch) => "een eindemarkering van oude programma's",
        (_, Language::English) => "a control character",
        (_, Language::Dutch) => "een besturingsteken",
    };
    format!("{name} (U+{code:04X})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::both;

    fn device(model: &str, serial_number: &str) -> Device {
        let [manufacturer, model, serial_number] = ["Dell", model, serial_number].map(str::to_owned);
        Device { manufacturer, model, serial_number }
    }

    fn column(column: Column) -> ColumnName {
        ColumnName { column: Some(column), heading: column.heading().to_owned(), index: 0 }
    }

    #[test]
    fn what_is_wrong_with_a_row() {
        let mapped =
            ColumnName { index: 2, column: Some(Column::SerialNumber), heading: "Serien\u{202e}nummer".to_owned() };
        let serial = column(Column::SerialNumber);
        let beside = |heading: &str, index| ColumnName { column: None, heading: heading.to_owned(), index };
        let samples = [
            RowProblem::FieldCount { expected: 3, found: 4, echoed: Some(Box::new(device("Inc.", "Latitude"))) },
            RowProblem::FieldCount { expected: 3, found: 2, echoed: None },
            RowProblem::OtherDelimiter { headings: Delimiter::Comma, row: Delimiter::Semicolon, echoed: None },
            RowProblem::OtherDelimiter { headings: Delimiter::Semicolon, row: Delimiter::Tab, echoed: None },
            RowProblem::EndMark,
            RowProblem::ControlCharacter { column: serial.clone(), character: '\u{1a}', position: 13 },
            RowProblem::OneCell,
            RowProblem::EmptyValue { column: column(Column::Model) },
            RowProblem::EmptyValue { column: column(Column::OrderId) },
            RowProblem::TooLong { column: column(Column::Manufacturer), found: 1_025, limit: 1_024 },
            RowProblem::RowTooLong { limit: 1_048_576 },
            RowProblem::ControlCharacter { column: serial.clone(), character: '\t', position: 13 },
            RowProblem::ControlCharacter { column: serial.clone(), character: '\n', position: 2 },
            RowProblem::Quotes { column: beside("Order no.", 3), echoed: None },
            RowProblem::TooLong { column: beside("", 4), found: 1_025, limit: 1_024 },
            RowProblem::ControlCharacter { column: serial, character: '\u{9b}', position: 2 },
            RowProblem::Scientific { column: mapped, found: "1,23E+11".to_owned() },
            RowProblem::Quotes {
                column: column(Column::Model),
                echoed: Some(Box::new(device("15 Book", "8CD1X2Z"))),
            },
        ];
        insta::assert_snapshot!(both(|locale| samples.iter().map(|p| row_problem(p, 7, locale)).collect()), @r##"
        Line 7: fields found: 4, expected: 3, one for each heading. A value that holds the delimiter needs quotes around it, as in "Dell, Inc.". Read as it stands, its device would be "Dell", "Inc.", "Latitude". Correct the row and drop the file again.
          Regel 7: aantal velden gevonden: 4, verwacht: 3, één per kolomkop. Een waarde die het scheidingsteken bevat, moet tussen aanhalingstekens staan, zoals "Dell, Inc.". Zoals de rij er staat, zou het apparaat "Dell", "Inc.", "Latitude" zijn. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: fields found: 2, expected: 3, one for each heading. A value is missing, or the delimiter before it. Correct the row and drop the file again.
          Regel 7: aantal velden gevonden: 2, verwacht: 3, één per kolomkop. Er ontbreekt een waarde, of het scheidingsteken ervoor. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: semicolons separate the values here, but commas separate the headings. Separate the headings and all rows by the same character. Correct the row and drop the file again.
          Regel 7: hier scheiden puntkomma's de waarden, maar in de kolomkoppen zijn het komma's. Scheid de kolomkoppen en alle rijen door hetzelfde teken. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: tabs separate the values here, but semicolons separate the headings. Separate the headings and all rows by the same character. Correct the row and drop the file again.
          Regel 7: hier scheiden tabs de waarden, maar in de kolomkoppen zijn het puntkomma's. Scheid de kolomkoppen en alle rijen door hetzelfde teken. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: nothing stands on this line but the character U+001A, which can't be seen: old programs write it at the end of a file. No device is missing for it. To be rid of it, delete the line in a text editor, or have the program that wrote the file leave it out.
          Regel 7: op deze regel staat alleen het teken U+001A, dat onzichtbaar is: oude programma's schrijven het aan het einde van een bestand. Er ontbreekt geen apparaat door. Wilt u ervan af, verwijder de regel dan in een teksteditor, of laat het programma dat het bestand schreef het weglaten.
        Line 7, column "Serial Number": character 13 of the value is an end-of-file mark of old programs (U+001A), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 13 van de waarde is een eindemarkering van oude programma's (U+001A), en dat kan er niet in staan. Het is onzichtbaar en komt vaak mee bij het kopiëren; typ de waarde opnieuw in. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: the whole line stands in one cell, with quotes around it: open the file in a text editor, remove the quotes around each such line, and write every doubled quote inside it once, so that every value has a cell of its own. Correct the row and drop the file again.
          Regel 7: de hele regel staat in één cel, met aanhalingstekens eromheen: open het bestand in een teksteditor, verwijder de aanhalingstekens om elke zulke regel en schrijf elk dubbel aanhalingsteken erin enkel, zodat iedere waarde een eigen cel heeft. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Model": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.
          Regel 7, kolom "Model": de waarde is leeg of bevat alleen spaties. Verwacht wordt de waarde precies zoals het apparaat zelf die opgeeft. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Order ID": the value holds only blanks. Leave the cell empty where there is no value. Correct the row and drop the file again.
          Regel 7, kolom "Order ID": de waarde bevat alleen spaties. Laat de cel leeg waar geen waarde is. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Manufacturer": the value has 1,025 characters; at most 1,024 are accepted. Probably several values stand in one field. Correct the row and drop the file again.
          Regel 7, kolom "Manufacturer": de waarde telt 1.025 tekens; hoogstens 1.024 worden aanvaard. Waarschijnlijk staan er meerdere waarden in één veld. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7: the row is longer than 1,048,576 bytes, as no real row is. Probably several rows stand on one line. Correct the row and drop the file again.
          Regel 7: de rij is langer dan 1.048.576 bytes; zo lang is geen echte rij. Waarschijnlijk staan er meerdere rijen op één regel. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serial Number": character 13 of the value is a tab (U+0009), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 13 van de waarde is een tab (U+0009), en dat kan er niet in staan. Het is onzichtbaar en komt vaak mee bij het kopiëren; typ de waarde opnieuw in. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serial Number": character 2 of the value is a line break (U+000A): a quote (") opens the value and is closed in a later line only, and all these lines were read as one row. Look at them in a text editor: if they are rows of their own, remove the quote that is too much or add the one that is missing; if not, write the value in one line. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 2 van de waarde is een regeleinde (U+000A): een aanhalingsteken (") opent de waarde en sluit pas in een latere regel, en al deze regels zijn als één rij gelezen. Bekijk ze in een teksteditor: zijn het eigen rijen, verwijder dan het aanhalingsteken dat te veel is of voeg het ontbrekende toe; zo niet, schrijf de waarde dan op één regel. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Order no.": text stands behind a closing quote ("). Expected are quotes around the whole value, and every quote inside it written twice. Correct the row and drop the file again.
          Regel 7, kolom "Order no.": achter een sluitend aanhalingsteken (") staat tekst. Verwacht worden aanhalingstekens om de hele waarde, en elk aanhalingsteken erin dubbel geschreven. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column 5: the value has 1,025 characters; at most 1,024 are accepted. Probably several values stand in one field. Correct the row and drop the file again.
          Regel 7, kolom 5: de waarde telt 1.025 tekens; hoogstens 1.024 worden aanvaard. Waarschijnlijk staan er meerdere waarden in één veld. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serial Number": character 2 of the value is a control character (U+009B), which can't be in it. It can't be seen and often comes along when a value is copied; type the value anew. Correct the row and drop the file again.
          Regel 7, kolom "Serial Number": teken 2 van de waarde is een besturingsteken (U+009B), en dat kan er niet in staan. Het is onzichtbaar en komt vaak mee bij het kopiëren; typ de waarde opnieuw in. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Serien\u{202e}nummer" (Serial Number): "1,23E+11" is what Excel leaves of a long serial number, and its digits are lost. Expected is the serial number itself. Take it from its source again, and set the column's format to Text before you fill it in. Correct the row and drop the file again.
          Regel 7, kolom "Serien\u{202e}nummer" (Serial Number): "1,23E+11" is wat Excel van een lang serienummer overlaat, en de cijfers zijn verloren. Verwacht wordt het serienummer zelf. Haal het opnieuw uit de bron, en geef de kolom de notatie Tekst voordat u het invult. Verbeter de rij en lever het bestand opnieuw aan.
        Line 7, column "Model": text stands behind a closing quote ("). Expected are quotes around the whole value, and every quote inside it written twice. Read as it stands, its device would be "Dell", "15 Book", "8CD1X2Z". Correct the row and drop the file again.
          Regel 7, kolom "Model": achter een sluitend aanhalingsteken (") staat tekst. Verwacht worden aanhalingstekens om de hele waarde, en elk aanhalingsteken erin dubbel geschreven. Zoals de rij er staat, zou het apparaat "Dell", "15 Book", "8CD1X2Z" zijn. Verbeter de rij en lever het bestand opnieuw aan.
        "##);
    }

    #[test]
    fn what_it_quotes_is_cut() {
        let heading = format!("{}{}", "x".repeat(64), "y".repeat(1_000_000));
        let problem =
            RowProblem::EmptyValue { column: ColumnName { column: Some(Column::Model), heading, index: 1 } };
        let text = row_problem(&problem, 7, Locale::En);
        assert!(text.contains("xxx…\""), "{text}");
        assert!(text.chars().count() < 400, "{text}");
    }
}
