//! The words for a file that is rejected as a whole.

use super::{Language, encoding, headings, number, quoted, quoted_list, words};
use crate::device::{Column, Format};
use crate::locale::Locale;
use crate::problem::{FileProblem, OtherKind};

/// Says why a file is rejected and what to do, in the sender's language.
pub fn file_problem(problem: &FileProblem, locale: Locale) -> String {
    let language = Language::from(locale);
    let why = match problem {
        FileProblem::Empty => empty(language),
        FileProblem::Blank => blank(language),
        FileProblem::NoDataRow => no_data_row(language),
        FileProblem::OtherKind(kind) => other_kind(*kind, language),
        FileProblem::NulByte { line } => encoding::nul_byte(*line, language),
        FileProblem::InvalidUtf8 { line, byte } => encoding::invalid_utf8(*line, *byte, language),
        FileProblem::Utf8Cut { line } => encoding::utf8_cut(*line, language),
        FileProblem::InvalidUtf16 { line } => encoding::invalid_utf16(*line, language),
        FileProblem::Utf16WithoutMark => encoding::utf16_without_mark(language),
        FileProblem::Utf32 => encoding::never_read("UTF-32", language),
        FileProblem::Utf7 => encoding::never_read("UTF-7", language),
        FileProblem::MixedEncodings { utf8_line, other_line, byte } => {
            encoding::mixed(*utf8_line, *other_line, *byte, language)
        }
        FileProblem::UndefinedByte { line, byte } => encoding::undefined_byte(*line, *byte, language),
        FileProblem::QuoteNeverClosed { line, position, column } => {
            quote_never_closed(*line, *position, column.as_deref(), language)
        }
        FileProblem::RecordTooLong { line, limit } => record_too_long(*line, *limit, language),
        FileProblem::TooManyFields { line, limit } => too_many_fields(*line, *limit, language),
        FileProblem::HeadingsDiffer { line, found, expected, hint } => {
            headings::differ(*line, found, expected, hint, language)
        }
        FileProblem::FormatNotAllowed { found, allowed } => format_not_allowed(*found, *allowed, language),
        FileProblem::TooLarge { bytes, limit } => too_large(*bytes, *limit, language),
        FileProblem::TooManyRows { limit } => too_many_rows(*limit, language),
        FileProblem::Poison => poison(language),
    };
    words!(language, "{why} Nothing of this file was registered.", "{why} Niets uit dit bestand is geregistreerd.")
}

fn empty(language: Language) -> String {
    words!(
        language,
        "The file is empty. Expected are a line of headings and below it one row for each device. Drop the file \
         again when its content is complete.",
        "Het bestand is leeg. Verwacht worden een regel met kolomkoppen en daaronder één rij per apparaat. Lever het \
         bestand opnieuw aan als de inhoud volledig is.",
    )
}

fn blank(language: Language) -> String {
    words!(
        language,
        "The file holds neither headings nor devices. Expected are a line of headings \
         and below it one row for each device. Drop the file again when its content is complete.",
        "Het bestand bevat geen kolomkoppen en geen apparaten. Verwacht worden een \
         regel met kolomkoppen en daaronder één rij per apparaat. Lever het bestand opnieuw aan als de inhoud \
         volledig is.",
    )
}

fn no_data_row(language: Language) -> String {
    words!(
        language,
        "The file has no row with a device: nothing stands below the headings. Expected is one row for each device. \
         Add the devices and drop the file again.",
        "Het bestand bevat geen rij met een apparaat: onder de kolomkoppen staat niets. Verwacht wordt één rij per \
         apparaat. Voeg de apparaten toe en lever het bestand opnieuw aan.",
    )
}

fn other_kind(kind: OtherKind, language: Language) -> String {
    let name = match (kind, language) {
        (OtherKind::Workbook, Language::English) => "an Excel workbook",
        (OtherKind::Workbook, Language::Dutch) => "een Excel-werkmap",
        (OtherKind::OldWorkbook, Language::English) => "an old Excel workbook or another Office document",
        (OtherKind::OldWorkbook, Language::Dutch) => "een oude Excel-werkmap of een ander Office-document",
        (OtherKind::OpenDocument, Language::English) => "a LibreOffice sheet (ODS)",
        (OtherKind::OpenDocument, Language::Dutch) => "een LibreOffice-werkblad (ODS)",
        (OtherKind::Document, Language::English) => "a text document (of Word, WordPad or LibreOffice Writer)",
        (OtherKind::Document, Language::Dutch) => "een tekstdocument (van Word, WordPad of LibreOffice Writer)",
        (OtherKind::Iwork, Language::English) => "a document of Numbers or Pages (Apple)",
        (OtherKind::Iwork, Language::Dutch) => "een document van Numbers of Pages (Apple)",
        (OtherKind::Zip, Language::English) => "a ZIP archive",
        (OtherKind::Zip, Language::Dutch) => "een ZIP-archief",
        (OtherKind::Gzip, Language::English) => "a gzip archive",
        (OtherKind::Gzip, Language::Dutch) => "een gzip-archief",
        (OtherKind::Pdf, Language::English) => "a PDF document",
        (OtherKind::Pdf, Language::Dutch) => "een PDF-document",
        (OtherKind::Html, Language::English) => "a web page (HTML)",
        (OtherKind::Html, Language::Dutch) => "een webpagina (HTML)",
        (OtherKind::Xml, Language::English) => "an XML document",
        (OtherKind::Xml, Language::Dutch) => "een XML-document",
        (OtherKind::Json, _) => "JSON",
    };
    let advice = match kind {
        OtherKind::Workbook | OtherKind::OldWorkbook | OtherKind::Html | OtherKind::Xml => save_as_csv(language),
        OtherKind::OpenDocument => save_as_csv_in_libreoffice(language),
        OtherKind::Document => words!(
            language,
            "Copy its table into Excel or LibreOffice Calc, save that as a CSV file (CSV UTF-8), and drop the new \
             file.",
            "Kopieer de tabel naar Excel of LibreOffice Calc, sla die op als CSV-bestand (CSV UTF-8) en lever het \
             nieuwe bestand aan.",
        ),
        OtherKind::Iwork => export_from_numbers(language),
        OtherKind::Zip | OtherKind::Gzip => words!(
            language,
            "Unpack it and drop the CSV file that is in it.",
            "Pak het uit en lever het CSV-bestand aan dat erin zit.",
        ),
        OtherKind::Pdf | OtherKind::Json => words!(
            language,
            "Export the devices as a CSV file and drop that.",
            "Exporteer de apparaten als CSV-bestand en lever dat aan.",
        ),
    };
    words!(
        language,
        "By its content the file is {name}, although its name ends in .csv. Expected is a text file (CSV). {advice}",
        "Naar zijn inhoud is het bestand {name}, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand \
         (CSV). {advice}",
    )
}

/// How to make a CSV of a workbook, and what Excel does to serial numbers on the way.
pub(super) fn save_as_csv(language: Language) -> String {
    words!(
        language,
        "Open it in Excel, choose \"Save As\" and the file type whose name begins with \"CSV UTF-8\", and drop the \
         new file. Check first that no serial number lost its leading zeros.",
        "Open het in Excel, kies \"Opslaan als\" en het bestandstype waarvan de naam met \"CSV UTF-8\" begint, en \
         lever het nieuwe bestand aan. Controleer eerst of geen serienummer zijn voorloopnullen kwijt is.",
    )
}

/// How to make a CSV of a LibreOffice sheet.
pub(super) fn save_as_csv_in_libreoffice(language: Language) -> String {
    words!(
        language,
        "Open it in LibreOffice, choose \"Save As\" and the file type \"Text CSV\" with the character set UTF-8, and \
         drop the new file.",
        "Open het in LibreOffice, kies \"Opslaan als\" en het bestandstype \"Tekst CSV\" met de tekenset UTF-8, en \
         lever het nieuwe bestand aan.",
    )
}

/// How to make a CSV of a Numbers sheet.
pub(super) fn export_from_numbers(language: Language) -> String {
    words!(
        language,
        "Open it in Numbers, choose \"Export To\", \"CSV\", with the encoding UTF-8, and drop the new file.",
        "Open het in Numbers, kies \"Exporteer naar\", \"CSV\", met de codering UTF-8, en lever het nieuwe bestand \
         aan.",
    )
}

fn format_not_allowed(found: Format, allowed: Format, language: Language) -> String {
    let headings = |format: Format| {
        let headings: Vec<String> =
            format.columns().iter().map(|column: &Column| column.heading().to_owned()).collect();
        quoted_list(&headings)
    };
    let is_hash_missing = (found, allowed) == (Format::Partner, Format::SelfService);
    let (found, allowed) = (headings(found), headings(allowed));
    if is_hash_missing {
        return words!(
            language,
            "The headings are {found}, but devices are registered here by their hardware hash alone, and this file has \
             none. Expected, exactly: {allowed}. A hardware hash is read out of the device itself (with \
             Get-WindowsAutopilotInfo) or comes from the device supplier. Add that column, fill it in on each row and \
             drop the file again.",
            "De kolomkoppen zijn {found}, maar apparaten worden hier alleen met hun hardwarehash geregistreerd, en die \
             ontbreekt in dit bestand. Verwacht, precies zo: {allowed}. Een hardwarehash wordt uit het apparaat zelf \
             gelezen (met Get-WindowsAutopilotInfo) of komt van de leverancier van het apparaat. Voeg die kolom toe, \
             vul haar op elke rij in en lever het bestand opnieuw aan.",
        );
    }
    words!(
        language,
        "The headings are {found}, and this folder doesn't accept that format. Expected, exactly: {allowed}. Change \
         the columns and drop the file again.",
        "De kolomkoppen zijn {found}, en deze map aanvaardt die indeling niet. Verwacht, precies zo: {allowed}. Pas \
         de kolommen aan en lever het bestand opnieuw aan.",
    )
}

fn quote_never_closed(line: u64, position: u64, column: Option<&str>, language: Language) -> String {
    let position = number(position, language);
    let column = match (column, language) {
        (None, _) => String::new(),
        (Some(heading), Language::English) => format!(", column {}", quoted(heading)),
        (Some(heading), Language::Dutch) => format!(", kolom {}", quoted(heading)),
    };
    words!(
        language,
        "A quote (\") that opens on line {line}{column}, at character {position}, is never closed, so where the rows end can't be told. Close it, or \
         remove it, and drop the file again.",
        "Een aanhalingsteken (\") dat op regel {line}{column}, bij teken {position} opent, wordt nergens gesloten, zodat niet te zien is waar de \
         rijen eindigen. Sluit het of verwijder het, en lever het bestand opnieuw aan.",
    )
}

fn record_too_long(line: u64, limit: u64, language: Language) -> String {
    let limit = number(limit, language);
    words!(
        language,
        "Line {line}, where the headings are expected, is longer than {limit} bytes. Expected are a line of headings and \
         below it one row for each device, each on a line of its own. Correct the file and drop it again.",
        "Regel {line}, waar de kolomkoppen worden verwacht, is langer dan {limit} bytes. Verwacht worden een regel met \
         kolomkoppen en daaronder één rij per apparaat, elk op een eigen regel. Verbeter het bestand en lever het \
         opnieuw aan.",
    )
}

fn too_many_fields(line: u64, limit: u64, language: Language) -> String {
    let limit = number(limit, language);
    words!(
        language,
        "Line {line}, where the headings are expected, has more than {limit} columns. Expected are a line of headings \
         and below it one row for each device, each on a line of its own. Correct the file and drop it again.",
        "Regel {line}, waar de kolomkoppen worden verwacht, heeft meer dan {limit} kolommen. Verwacht worden een regel \
         met kolomkoppen en daaronder één rij per apparaat, elk op een eigen regel. Verbeter het bestand en lever het \
         opnieuw aan.",
    )
}

fn too_large(bytes: u64, limit: u64, language: Language) -> String {
    let (bytes, limit) = (number(bytes, language), number(limit, language));
    words!(
        language,
        "The file has {bytes} bytes; at most {limit} are accepted. Split it into several files, each with the \
         headings, and drop those.",
        "Het bestand telt {bytes} bytes; hoogstens {limit} worden aanvaard. Splits het in meerdere bestanden, elk \
         met de kolomkoppen, en lever die aan.",
    )
}

fn too_many_rows(limit: u64, language: Language) -> String {
    let limit = number(limit, language);
    words!(
        language,
        "The file has more rows than are accepted; the limit is {limit}. Split it into several files, each with the \
         headings, and drop those.",
        "Het bestand heeft meer rijen dan worden aanvaard; de limiet is {limit}. Splits het in meerdere bestanden, \
         elk met de kolomkoppen, en lever die aan.",
    )
}

fn poison(language: Language) -> String {
    words!(
        language,
        "Reading this file stopped the service before, so it isn't read again. Contact whoever runs the service.",
        "Het lezen van dit bestand heeft de dienst eerder doen stoppen; daarom wordt het niet opnieuw gelezen. Neem \
         contact op met de beheerder van de dienst.",
    )
}

#[cfg(test)]
mod tests;
