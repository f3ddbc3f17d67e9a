//! What a sender reads of a file that is rejected as a whole.

use super::*;
use crate::message::tests::both;
use crate::problem::HeadingHint;

fn texts(headings: &[&str]) -> Vec<String> {
    headings.iter().map(|heading| (*heading).to_owned()).collect()
}

fn headings_differ(found: &[&str], hint: HeadingHint) -> FileProblem {
    let expected = Format::ALL.iter().map(|f| f.columns().iter().map(|c| c.heading().to_owned()).collect());
    FileProblem::HeadingsDiffer { line: 1, found: texts(found), expected: expected.collect(), hint }
}

fn rename(from: &str, to: &str) -> HeadingHint {
    HeadingHint::Rename(vec![(1, from.to_owned(), to.to_owned())])
}

fn invisible(heading: &str, character: char) -> HeadingHint {
    HeadingHint::Invisible { heading: heading.to_owned(), character }
}

#[test]
fn contents_that_are_no_list_of_devices() {
    let kinds = [
        OtherKind::Workbook,
        OtherKind::OldWorkbook,
        OtherKind::OpenDocument,
        OtherKind::Document,
        OtherKind::Iwork,
        OtherKind::Zip,
        OtherKind::Gzip,
        OtherKind::Pdf,
        OtherKind::Html,
        OtherKind::Xml,
        OtherKind::Json,
    ];
    let problems = [FileProblem::Empty, FileProblem::Blank, FileProblem::NoDataRow, FileProblem::Poison];
    let samples: Vec<FileProblem> = problems.into_iter().chain(kinds.map(FileProblem::OtherKind)).collect();
    insta::assert_snapshot!(both(|locale| samples.iter().map(|p| file_problem(p, locale)).collect()), @r##"
    The file is empty. Expected are a line of headings and below it one row for each device. Drop the file again when its content is complete. Nothing of this file was registered.
      Het bestand is leeg. Verwacht worden een regel met kolomkoppen en daaronder één rij per apparaat. Lever het bestand opnieuw aan als de inhoud volledig is. Niets uit dit bestand is geregistreerd.
    The file holds neither headings nor devices. Expected are a line of headings and below it one row for each device. Drop the file again when its content is complete. Nothing of this file was registered.
      Het bestand bevat geen kolomkoppen en geen apparaten. Verwacht worden een regel met kolomkoppen en daaronder één rij per apparaat. Lever het bestand opnieuw aan als de inhoud volledig is. Niets uit dit bestand is geregistreerd.
    The file has no row with a device: nothing stands below the headings. Expected is one row for each device. Add the devices and drop the file again. Nothing of this file was registered.
      Het bestand bevat geen rij met een apparaat: onder de kolomkoppen staat niets. Verwacht wordt één rij per apparaat. Voeg de apparaten toe en lever het bestand opnieuw aan. Niets uit dit bestand is geregistreerd.
    Reading this file stopped the service before, so it isn't read again. Contact whoever runs the service. Nothing of this file was registered.
      Het lezen van dit bestand heeft de dienst eerder doen stoppen; daarom wordt het niet opnieuw gelezen. Neem contact op met de beheerder van de dienst. Niets uit dit bestand is geregistreerd.
    By its content the file is an Excel workbook, although its name ends in .csv. Expected is a text file (CSV). Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een Excel-werkmap, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Open het in Excel, kies "Opslaan als" en het bestandstype waarvan de naam met "CSV UTF-8" begint, en lever het nieuwe bestand aan. Controleer eerst of geen serienummer zijn voorloopnullen kwijt is. Niets uit dit bestand is geregistreerd.
    By its content the file is an old Excel workbook or another Office document, although its name ends in .csv. Expected is a text file (CSV). Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een oude Excel-werkmap of een ander Office-document, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Open het in Excel, kies "Opslaan als" en het bestandstype waarvan de naam met "CSV UTF-8" begint, en lever het nieuwe bestand aan. Controleer eerst of geen serienummer zijn voorloopnullen kwijt is. Niets uit dit bestand is geregistreerd.
    By its content the file is a LibreOffice sheet (ODS), although its name ends in .csv. Expected is a text file (CSV). Open it in LibreOffice, choose "Save As" and the file type "Text CSV" with the character set UTF-8, and drop the new file. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een LibreOffice-werkblad (ODS), hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Open het in LibreOffice, kies "Opslaan als" en het bestandstype "Tekst CSV" met de tekenset UTF-8, en lever het nieuwe bestand aan. Niets uit dit bestand is geregistreerd.
    By its content the file is a text document (of Word, WordPad or LibreOffice Writer), although its name ends in .csv. Expected is a text file (CSV). Copy its table into Excel or LibreOffice Calc, save that as a CSV file (CSV UTF-8), and drop the new file. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een tekstdocument (van Word, WordPad of LibreOffice Writer), hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Kopieer de tabel naar Excel of LibreOffice Calc, sla die op als CSV-bestand (CSV UTF-8) en lever het nieuwe bestand aan. Niets uit dit bestand is geregistreerd.
    By its content the file is a document of Numbers or Pages (Apple), although its name ends in .csv. Expected is a text file (CSV). Open it in Numbers, choose "Export To", "CSV", with the encoding UTF-8, and drop the new file. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een document van Numbers of Pages (Apple), hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Open het in Numbers, kies "Exporteer naar", "CSV", met de codering UTF-8, en lever het nieuwe bestand aan. Niets uit dit bestand is geregistreerd.
    By its content the file is a ZIP archive, although its name ends in .csv. Expected is a text file (CSV). Unpack it and drop the CSV file that is in it. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een ZIP-archief, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Pak het uit en lever het CSV-bestand aan dat erin zit. Niets uit dit bestand is geregistreerd.
    By its content the file is a gzip archive, although its name ends in .csv. Expected is a text file (CSV). Unpack it and drop the CSV file that is in it. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een gzip-archief, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Pak het uit en lever het CSV-bestand aan dat erin zit. Niets uit dit bestand is geregistreerd.
    By its content the file is a PDF document, although its name ends in .csv. Expected is a text file (CSV). Export the devices as a CSV file and drop that. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een PDF-document, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Exporteer de apparaten als CSV-bestand en lever dat aan. Niets uit dit bestand is geregistreerd.
    By its content the file is a web page (HTML), although its name ends in .csv. Expected is a text file (CSV). Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een webpagina (HTML), hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Open het in Excel, kies "Opslaan als" en het bestandstype waarvan de naam met "CSV UTF-8" begint, en lever het nieuwe bestand aan. Controleer eerst of geen serienummer zijn voorloopnullen kwijt is. Niets uit dit bestand is geregistreerd.
    By its content the file is an XML document, although its name ends in .csv. Expected is a text file (CSV). Open it in Excel, choose "Save As" and the file type whose name begins with "CSV UTF-8", and drop the new file. Check first that no serial number lost its leading zeros. Nothing of this file was registered.
      Naar zijn inhoud is het bestand een XML-document, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Open het in Excel, kies "Opslaan als" en het bestandstype waarvan de naam met "CSV UTF-8" begint, en lever het nieuwe bestand aan. Controleer eerst of geen serienummer zijn voorloopnullen kwijt is. Niets uit dit bestand is geregistreerd.
    By its content the file is JSON, although its name ends in .csv. Expected is a text file (CSV). Export the devices as a CSV file and drop that. Nothing of this file was registered.
      Naar zijn inhoud is het bestand JSON, hoewel de naam op .csv eindigt. Verwacht wordt een tekstbestand (CSV). Exporteer de apparaten als CSV-bestand en lever dat aan. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn encodings() {
    let samples = [
        FileProblem::NulByte { line: 12 },
        FileProblem::InvalidUtf8 { line: 7, byte: 0x80 },
        FileProblem::InvalidUtf16 { line: 3 },
        FileProblem::Utf16WithoutMark,
        FileProblem::Utf32,
        FileProblem::Utf7,
        FileProblem::Utf8Cut { line: 8 },
        FileProblem::MixedEncodings { utf8_line: 2, other_line: 90, byte: 0xfc },
        FileProblem::UndefinedByte { line: 5, byte: 0x81 },
    ];
    insta::assert_snapshot!(both(|locale| samples.iter().map(|p| file_problem(p, locale)).collect()), @r##"
    Line 12 holds a zero byte (NUL), which no text file has: the file is damaged, or it was still being copied. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Regel 12 bevat een nulbyte (NUL), die in geen tekstbestand voorkomt: het bestand is beschadigd, of het werd nog gekopieerd. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file says at its beginning that it is UTF-8, but the byte 80 on line 7 can't stand there in UTF-8. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Het bestand geeft aan het begin aan dat het UTF-8 is, maar de byte 80 op regel 7 kan daar in UTF-8 niet staan. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file says at its beginning that it is UTF-16, but line 3 holds half a character: a part of the file is probably missing. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Het bestand geeft aan het begin aan dat het UTF-16 is, maar regel 3 bevat een half teken: waarschijnlijk ontbreekt een deel van het bestand. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file is written in UTF-16 without a byte order mark, the two bytes at the beginning that say so. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Het bestand is in UTF-16 geschreven, maar zonder byte-ordemarkering: de twee bytes aan het begin die dat aangeven. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file is written in UTF-32, which isn't read. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Het bestand is in UTF-32 geschreven, en dat wordt niet gelezen. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file is written in UTF-7, which isn't read. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Het bestand is in UTF-7 geschreven, en dat wordt niet gelezen. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file ends on line 8 in the middle of a character: a part of it is missing. Expected is the whole file. Drop it again once it is complete. Nothing of this file was registered.
      Het bestand eindigt op regel 8 midden in een teken: er ontbreekt een deel. Verwacht wordt het hele bestand. Lever het opnieuw aan als het volledig is. Niets uit dit bestand is geregistreerd.
    The file is written in two encodings: line 2 is UTF-8, and the byte FC on line 90 isn't. It was probably put together from two files. Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      Het bestand is in twee coderingen geschreven: regel 2 is UTF-8 en de byte FC op regel 90 niet. Waarschijnlijk is het uit twee bestanden samengevoegd. Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The byte 81 on line 5 is a character neither in UTF-8 nor in Windows-1252. Excel writes such files as "CSV (MS-DOS)" and "CSV (Macintosh)". Expected is text in UTF-8. Save the file anew with the encoding UTF-8 (in Excel: "CSV UTF-8"), check its letters, and drop it again. Nothing of this file was registered.
      De byte 81 op regel 5 is geen teken in UTF-8 en ook niet in Windows-1252. Excel schrijft zulke bestanden als "CSV (MS-DOS)" en "CSV (Macintosh)". Verwacht wordt tekst in UTF-8. Sla het bestand opnieuw op met de codering UTF-8 (in Excel: "CSV UTF-8"), controleer de letters en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn rows_and_limits() {
    let samples = [
        FileProblem::QuoteNeverClosed { line: 41, position: 1, column: None },
        FileProblem::QuoteNeverClosed { line: 41, position: 1_207, column: Some("Model".to_owned()) },
        FileProblem::RecordTooLong { line: 41, limit: 1_048_576 },
        FileProblem::TooManyFields { line: 2, limit: 16_384 },
        FileProblem::FormatNotAllowed { found: Format::SelfService, allowed: Format::Partner },
        FileProblem::FormatNotAllowed { found: Format::Partner, allowed: Format::SelfService },
        FileProblem::TooLarge { bytes: 1_073_741_825, limit: 1_073_741_824 },
        FileProblem::TooManyRows { limit: 5_000_000 },
    ];
    insta::assert_snapshot!(both(|locale| samples.iter().map(|p| file_problem(p, locale)).collect()), @r##"
    A quote (") that opens on line 41, at character 1, is never closed, so where the rows end can't be told. Close it, or remove it, and drop the file again. Nothing of this file was registered.
      Een aanhalingsteken (") dat op regel 41, bij teken 1 opent, wordt nergens gesloten, zodat niet te zien is waar de rijen eindigen. Sluit het of verwijder het, en lever het bestand opnieuw aan. Niets uit dit bestand is geregistreerd.
    A quote (") that opens on line 41, column "Model", at character 1,207, is never closed, so where the rows end can't be told. Close it, or remove it, and drop the file again. Nothing of this file was registered.
      Een aanhalingsteken (") dat op regel 41, kolom "Model", bij teken 1.207 opent, wordt nergens gesloten, zodat niet te zien is waar de rijen eindigen. Sluit het of verwijder het, en lever het bestand opnieuw aan. Niets uit dit bestand is geregistreerd.
    Line 41, where the headings are expected, is longer than 1,048,576 bytes. Expected are a line of headings and below it one row for each device, each on a line of its own. Correct the file and drop it again. Nothing of this file was registered.
      Regel 41, waar de kolomkoppen worden verwacht, is langer dan 1.048.576 bytes. Verwacht worden een regel met kolomkoppen en daaronder één rij per apparaat, elk op een eigen regel. Verbeter het bestand en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    Line 2, where the headings are expected, has more than 16,384 columns. Expected are a line of headings and below it one row for each device, each on a line of its own. Correct the file and drop it again. Nothing of this file was registered.
      Regel 2, waar de kolomkoppen worden verwacht, heeft meer dan 16.384 kolommen. Verwacht worden een regel met kolomkoppen en daaronder één rij per apparaat, elk op een eigen regel. Verbeter het bestand en lever het opnieuw aan. Niets uit dit bestand is geregistreerd.
    The headings are "Manufacturer", "Model", "Serial Number", "Hardware Hash", and this folder doesn't accept that format. Expected, exactly: "Manufacturer", "Model", "Serial Number". Change the columns and drop the file again. Nothing of this file was registered.
      De kolomkoppen zijn "Manufacturer", "Model", "Serial Number", "Hardware Hash", en deze map aanvaardt die indeling niet. Verwacht, precies zo: "Manufacturer", "Model", "Serial Number". Pas de kolommen aan en lever het bestand opnieuw aan. Niets uit dit bestand is geregistreerd.
    The headings are "Manufacturer", "Model", "Serial Number", but devices are registered here by their hardware hash alone, and this file has none. Expected, exactly: "Manufacturer", "Model", "Serial Number", "Hardware Hash". A hardware hash is read out of the device itself (with Get-WindowsAutopilotInfo) or comes from the device supplier. Add that column, fill it in on each row and drop the file again. Nothing of this file was registered.
      De kolomkoppen zijn "Manufacturer", "Model", "Serial Number", maar apparaten worden hier alleen met hun hardwarehash geregistreerd, en die ontbreekt in dit bestand. Verwacht, precies zo: "Manufacturer", "Model", "Serial Number", "Hardware Hash". Een hardwarehash wordt uit het apparaat zelf gelezen (met Get-WindowsAutopilotInfo) of komt van de leverancier van het apparaat. Voeg die kolom toe, vul haar op elke rij in en lever het bestand opnieuw aan. Niets uit dit bestand is geregistreerd.
    The file has 1,073,741,825 bytes; at most 1,073,741,824 are accepted. Split it into several files, each with the headings, and drop those. Nothing of this file was registered.
      Het bestand telt 1.073.741.825 bytes; hoogstens 1.073.741.824 worden aanvaard. Splits het in meerdere bestanden, elk met de kolomkoppen, en lever die aan. Niets uit dit bestand is geregistreerd.
    The file has more rows than are accepted; the limit is 5,000,000. Split it into several files, each with the headings, and drop those. Nothing of this file was registered.
      Het bestand heeft meer rijen dan worden aanvaard; de limiet is 5.000.000. Splits het in meerdere bestanden, elk met de kolomkoppen, en lever die aan. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn headings_under_other_words() {
    let samples = [
        headings_differ(&["Make", "Model", "Serial Number"], rename("Make", "Manufacturer")),
        headings_differ(
            &["Serie", "Model", "Make"],
            HeadingHint::RenameAndMove(vec![(1, "Serie".into(), "Serial Number".into())]),
        ),
    ];
    insta::assert_snapshot!(both(|locale| samples.iter().map(|p| file_problem(p, locale)).collect()), @r##"
    The headings on line 1 differ from those expected. Found: "Make", "Model", "Serial Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Rename column 1 from "Make" to "Manufacturer", if that is what stands in it. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Make", "Model", "Serial Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Hernoem kolom 1 van "Make" naar "Manufacturer", als dat is wat erin staat. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Serie", "Model", "Make". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Rename column 1 from "Serie" to "Serial Number", if that is what stands in it, and put the columns in the expected order. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Serie", "Model", "Make". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Hernoem kolom 1 van "Serie" naar "Serial Number", als dat is wat erin staat, en zet de kolommen in de verwachte volgorde. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn headings_that_differ() {
    let samples = [
        headings_differ(&["SpiralOrbit", "ContosoABC", "000000000000"], HeadingHint::Missing),
        headings_differ(&["manufacturer", "Model", "Serial number"], HeadingHint::Capitals),
        headings_differ(&["Model", "Manufacturer", "Serial Number"], HeadingHint::Order),
        headings_differ(&["Manufacturer", "Model", "Serial_Number"], HeadingHint::Renamed),
        headings_differ(&["Device Serial Number", "Windows Product ID", "Hardware Hash"], HeadingHint::Intune),
        headings_differ(&["Device Serial Number", "Manufacturer name"], HeadingHint::PartnerCenter),
        headings_differ(&["Manufacturer", "Model", "Serial Number", "Ort"], HeadingHint::Extra(texts(&["Ort"]))),
        headings_differ(&["Manufacturer"], HeadingHint::Incomplete(texts(&["Model", "Serial Number"]))),
        headings_differ(&["Model", "Model"], HeadingHint::Twice("Model".into())),
        headings_differ(&["#TYPE System.Object"], HeadingHint::TypeLine),
        headings_differ(&["Manufacturer|Model|Serial Number"], HeadingHint::Delimiter('|')),
        headings_differ(&["Manufacturer,Model,Serial Number"], HeadingHint::OneCell),
        headings_differ(&["", "Nr", "Model"], HeadingHint::Delete(vec![(1, String::new()), (2, "Nr".into())])),
        headings_differ(&["A;"], HeadingHint::Stray(crate::dialect::Delimiter::Semicolon)),
        headings_differ(&["A;B", "C"], HeadingHint::TwoDelimiters),
        headings_differ(&["\u{feff}Manufacturer", "Model", "Serial Number"], invisible("Manufacturer", '\u{feff}')),
        headings_differ(&["Manufacturer", "Model", "Serial\u{a0}Number"], invisible("Serial Number", '\u{a0}')),
        headings_differ(&["=\"Manufacturer\"", "Model"], HeadingHint::Formulas),
        headings_differ(&["Manufacturer  Model"], HeadingHint::OnlyBlanks),
        headings_differ(&["Devices of May"], HeadingHint::Below(3)),
        headings_differ(&["=cmd|' /C calc'!A0", "\u{202e}\u{1b}[31m"], HeadingHint::Unknown),
    ];
    insta::assert_snapshot!(both(|locale| samples.iter().map(|p| file_problem(p, locale)).collect()), @r##"
    The headings on line 1 differ from those expected. Found: "SpiralOrbit", "ContosoABC", "000000000000". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". This line looks like a device: put the line of headings above it. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "SpiralOrbit", "ContosoABC", "000000000000". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Deze regel lijkt een apparaat te zijn: zet de regel met kolomkoppen erboven. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "manufacturer", "Model", "Serial number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Only capital and small letters differ: write the headings exactly as expected. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "manufacturer", "Model", "Serial number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Alleen hoofdletters en kleine letters verschillen: schrijf de kolomkoppen precies zoals verwacht. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Model", "Manufacturer", "Serial Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". All columns are there, in another order: put them in the expected order, under exactly the expected headings. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Model", "Manufacturer", "Serial Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Alle kolommen zijn er, in een andere volgorde: zet ze in de verwachte volgorde, onder precies de verwachte kolomkoppen. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer", "Model", "Serial_Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Only blanks, hyphens, underscores or quotes differ: write the headings exactly as expected. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer", "Model", "Serial_Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Alleen spaties, streepjes, onderstrepingstekens of aanhalingstekens verschillen: schrijf de kolomkoppen precies zoals verwacht. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Device Serial Number", "Windows Product ID", "Hardware Hash". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". These are the columns of a file for Intune (Windows Autopilot). Make a file with the expected headings: "Device Serial Number" is "Serial Number" here, and the manufacturer ("Manufacturer") and model ("Model") must be there too. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Device Serial Number", "Windows Product ID", "Hardware Hash". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Dit zijn de kolommen van een bestand voor Intune (Windows Autopilot). Maak een bestand met de verwachte kolomkoppen: "Device Serial Number" heet hier "Serial Number", en ook de fabrikant ("Manufacturer") en het model ("Model") moeten erin staan. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Device Serial Number", "Manufacturer name". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". These are the columns of a file for Partner Center. Its "Manufacturer name" is "Manufacturer" here, "Device model" is "Model" and "Device Serial Number" is "Serial Number": rename these columns, put them in the expected order, and leave out the others. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Device Serial Number", "Manufacturer name". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Dit zijn de kolommen van een bestand voor Partner Center. "Manufacturer name" heet hier "Manufacturer", "Device model" heet "Model" en "Device Serial Number" heet "Serial Number": geef deze kolommen die namen, zet ze in de verwachte volgorde en laat de andere weg. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer", "Model", "Serial Number", "Ort". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Remove the column "Ort". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer", "Model", "Serial Number", "Ort". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Verwijder de kolom "Ort". Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Add the missing columns "Model", "Serial Number". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Voeg de ontbrekende kolommen "Model", "Serial Number" toe. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Model", "Model". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". The heading "Model" stands there twice: remove one of the two columns. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Model", "Model". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". De kolomkop "Model" staat er tweemaal: verwijder een van beide kolommen. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "#TYPE System.Object". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". The line that begins with #TYPE comes from PowerShell: delete it, or export with -NoTypeInformation. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "#TYPE System.Object". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". De regel die met #TYPE begint, komt van PowerShell: verwijder hem, of exporteer met -NoTypeInformation. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer|Model|Serial Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". The values seem to be separated by "|": separate them by comma, semicolon or tab. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer|Model|Serial Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". De waarden lijken gescheiden te zijn door "|": scheid ze door een komma, puntkomma of tab. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer,Model,Serial Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". The whole line stands in one cell, with quotes around it: remove the quotes around each line, so that every value has a cell of its own. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer,Model,Serial Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". De hele regel staat in één cel, met aanhalingstekens eromheen: verwijder de aanhalingstekens om elke regel, zodat iedere waarde een eigen cel heeft. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "", "Nr", "Model". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Delete column 1, which has no heading; column 2, "Nr". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "", "Nr", "Model". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Verwijder kolom 1, die geen kolomkop heeft; kolom 2, "Nr". Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "A;". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". At the end of this line stand semicolons that separate nothing: open the file in a text editor and delete them at the end of every line. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "A;". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Aan het einde van deze regel staan puntkomma's die niets scheiden: open het bestand in een teksteditor en verwijder ze aan het einde van elke regel. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "A;B", "C". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Different characters separate these headings: separate the headings and all rows by the same one. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "A;B", "C". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Deze kolomkoppen zijn door verschillende tekens gescheiden: scheid de kolomkoppen en alle rijen door hetzelfde teken. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "\u{feff}Manufacturer", "Model", "Serial Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". At the heading "Manufacturer" stands a byte order mark (U+FEFF), which can't be seen: a file may have one, at its very beginning. Delete this heading and type it anew. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "\u{feff}Manufacturer", "Model", "Serial Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Bij de kolomkop "Manufacturer" staat een byte-ordemarkering (U+FEFF), die onzichtbaar is: een bestand mag er één hebben, helemaal aan het begin. Verwijder deze kolomkop en typ hem opnieuw in. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer", "Model", "Serial\u{a0}Number". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". The heading "Serial Number" only looks right: it holds a character (U+00A0) that can't be seen or told from a blank. Delete the heading and type it anew. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer", "Model", "Serial\u{a0}Number". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". De kolomkop "Serial Number" lijkt alleen maar goed: er staat een teken in (U+00A0) dat onzichtbaar is of niet van een spatie te onderscheiden. Verwijder de kolomkop en typ hem opnieuw in. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "="Manufacturer"", "Model". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Some headings are written as ="...", which tells Excel that they are text: remove the = and the quotes around them, here and in all rows. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "="Manufacturer"", "Model". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Sommige kolomkoppen zijn geschreven als ="...", waardoor Excel ze als tekst leest: verwijder het = en de aanhalingstekens eromheen, hier en in alle rijen. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer  Model". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Only blanks stand between these headings: separate the headings and the values of all rows by comma, semicolon or tab. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer  Model". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Tussen deze kolomkoppen staan alleen spaties: scheid de kolomkoppen en de waarden van alle rijen door een komma, puntkomma of tab. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Devices of May". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". The expected headings stand on line 3: delete the lines above it. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Devices of May". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". De verwachte kolomkoppen staan op regel 3: verwijder de regels erboven. Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "=cmd|' /C calc'!A0", "\u{202e}\u{1b}[31m". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Give each column the expected heading that fits what stands in it, and put the columns into the expected order. If the first line is a device already, put a line with the expected headings above it. Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "=cmd|' /C calc'!A0", "\u{202e}\u{1b}[31m". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Geef elke kolom de verwachte kolomkop die past bij wat erin staat, en zet de kolommen in de verwachte volgorde. Is de eerste regel al een apparaat, zet er dan een regel met de verwachte kolomkoppen boven. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn headings_below_another_line_are_told_by_their_own_line() {
    let FileProblem::HeadingsDiffer { found, expected, .. } = headings_differ(&["A", "B"], HeadingHint::Unknown)
    else {
        panic!("another problem");
    };
    let below = FileProblem::HeadingsDiffer { line: 2, found, expected, hint: HeadingHint::Unknown };
    insta::assert_snapshot!(both(|locale| vec![file_problem(&below, locale)]), @r##"
    The headings on line 2 differ from those expected. Found: "A", "B". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Give each column the expected heading that fits what stands in it, and put the columns into the expected order. If line 2 is a device already, put a line with the expected headings above it. Nothing of this file was registered.
      De kolomkoppen op regel 2 wijken af van de verwachte. Gevonden: "A", "B". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Geef elke kolom de verwachte kolomkop die past bij wat erin staat, en zet de kolommen in de verwachte volgorde. Is regel 2 al een apparaat, zet er dan een regel met de verwachte kolomkoppen boven. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn a_customers_own_headings_are_named_as_he_knows_them() {
    let own = [("Hersteller", Column::Manufacturer), ("Modell", Column::Model)];
    let own: Vec<_> = own.into_iter().map(|(theirs, ours)| (theirs.to_owned(), ours)).collect();
    let mapped = |found: &[&str], hint: HeadingHint| FileProblem::HeadingsDiffer {
        line: 1,
        found: texts(found),
        expected: vec![texts(&["Hersteller", "Modell", "Serial Number"])],
        hint: HeadingHint::Mapped { hint: Box::new(hint), headings: own.clone() },
    };
    let samples = [
        mapped(&["Device Serial Number", "Hardware Hash"], HeadingHint::Intune),
        mapped(&["Manufacturer name", "Device model"], HeadingHint::PartnerCenter),
        mapped(&["A", "B"], HeadingHint::Unknown),
        mapped(&["Pos", "Modell", "Serial Number"], HeadingHint::Incomplete(texts(&["Hersteller"]))),
        mapped(&["Pos", "Modell"], HeadingHint::Incomplete(texts(&["Hersteller", "Serial Number"]))),
    ];
    insta::assert_snapshot!(both(|locale| samples.iter().map(|p| file_problem(p, locale)).collect()), @r##"
    The headings on line 1 differ from those expected. Found: "Device Serial Number", "Hardware Hash". Expected, exactly these, in any order: "Hersteller", "Modell", "Serial Number". These are the columns of a file for Intune (Windows Autopilot). Make a file with the expected headings: "Device Serial Number" is "Serial Number" here, and the manufacturer ("Hersteller") and model ("Modell") must be there too. By the settings for your files, these headings stand for ours: "Hersteller" = "Manufacturer", "Modell" = "Model". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Device Serial Number", "Hardware Hash". Verwacht, precies deze, in welke volgorde ook: "Hersteller", "Modell", "Serial Number". Dit zijn de kolommen van een bestand voor Intune (Windows Autopilot). Maak een bestand met de verwachte kolomkoppen: "Device Serial Number" heet hier "Serial Number", en ook de fabrikant ("Hersteller") en het model ("Modell") moeten erin staan. Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: "Hersteller" = "Manufacturer", "Modell" = "Model". Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Manufacturer name", "Device model". Expected, exactly these, in any order: "Hersteller", "Modell", "Serial Number". These are the columns of a file for Partner Center. Its "Manufacturer name" is "Hersteller" here, "Device model" is "Modell" and "Device Serial Number" is "Serial Number": rename these columns. By the settings for your files, these headings stand for ours: "Hersteller" = "Manufacturer", "Modell" = "Model". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer name", "Device model". Verwacht, precies deze, in welke volgorde ook: "Hersteller", "Modell", "Serial Number". Dit zijn de kolommen van een bestand voor Partner Center. "Manufacturer name" heet hier "Hersteller", "Device model" heet "Modell" en "Device Serial Number" heet "Serial Number": geef deze kolommen die namen. Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: "Hersteller" = "Manufacturer", "Modell" = "Model". Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "A", "B". Expected, exactly these, in any order: "Hersteller", "Modell", "Serial Number". Give each column the expected heading that fits what stands in it. If the first line is a device already, put a line with the expected headings above it. By the settings for your files, these headings stand for ours: "Hersteller" = "Manufacturer", "Modell" = "Model". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "A", "B". Verwacht, precies deze, in welke volgorde ook: "Hersteller", "Modell", "Serial Number". Geef elke kolom de verwachte kolomkop die past bij wat erin staat. Is de eerste regel al een apparaat, zet er dan een regel met de verwachte kolomkoppen boven. Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: "Hersteller" = "Manufacturer", "Modell" = "Model". Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Pos", "Modell", "Serial Number". Expected, exactly these, in any order: "Hersteller", "Modell", "Serial Number". The column "Hersteller" is missing: add it, or give its heading to the column that holds it under another name. By the settings for your files, these headings stand for ours: "Hersteller" = "Manufacturer", "Modell" = "Model". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Pos", "Modell", "Serial Number". Verwacht, precies deze, in welke volgorde ook: "Hersteller", "Modell", "Serial Number". De kolom "Hersteller" ontbreekt: voeg die toe, of geef die kolomkop aan de kolom waarin dit onder een andere naam staat. Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: "Hersteller" = "Manufacturer", "Modell" = "Model". Niets uit dit bestand is geregistreerd.
    The headings on line 1 differ from those expected. Found: "Pos", "Modell". Expected, exactly these, in any order: "Hersteller", "Modell", "Serial Number". The columns "Hersteller", "Serial Number" are missing: add them, or give their headings to the columns that hold them under other names. By the settings for your files, these headings stand for ours: "Hersteller" = "Manufacturer", "Modell" = "Model". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Pos", "Modell". Verwacht, precies deze, in welke volgorde ook: "Hersteller", "Modell", "Serial Number". De kolommen "Hersteller", "Serial Number" ontbreken: voeg ze toe, of geef die kolomkoppen aan de kolommen waarin dit onder andere namen staat. Volgens de instellingen voor uw bestanden staan deze kolomkoppen voor de onze: "Hersteller" = "Manufacturer", "Modell" = "Model". Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn one_column_is_one() {
    let one = headings_differ(&["Manufacturer", "Model"], HeadingHint::Incomplete(texts(&["Serial Number"])));
    insta::assert_snapshot!(both(|locale| vec![file_problem(&one, locale)]), @r##"
    The headings on line 1 differ from those expected. Found: "Manufacturer", "Model". Expected, exactly: "Manufacturer", "Model", "Serial Number" or "Manufacturer", "Model", "Serial Number", "Hardware Hash". Add the missing column "Serial Number". Nothing of this file was registered.
      De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: "Manufacturer", "Model". Verwacht, precies zo: "Manufacturer", "Model", "Serial Number" of "Manufacturer", "Model", "Serial Number", "Hardware Hash". Voeg de ontbrekende kolom "Serial Number" toe. Niets uit dit bestand is geregistreerd.
    "##);
}

#[test]
fn machines_get_english() {
    assert_eq!(file_problem(&FileProblem::Empty, Locale::Code), file_problem(&FileProblem::Empty, Locale::En));
}
