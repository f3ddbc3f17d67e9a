//! LibreOffice writes the zoo's CSVs, and reads our result files back.
//!
//! The real program, since nobody else knows what it does: with other delimiters and encodings it writes what the
//! core must read, and with its import of text it must read back what a sender wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use devicedrop_core::locale::Locale;

use super::{Reading, Size, random_files, table};

/// A way in which LibreOffice writes a CSV: its name, and the options of its filter.
/// Field delimiter, text delimiter, character set (76 is UTF-8, 1 Windows-1252, 65535 UTF-16), first line, formats of
/// columns, language, quote all text, ..., as shown.
const WRITTEN: [(&str, &str); 6] = [
    ("utf-8", "44,34,76,1,,0,false,true,false"),
    ("semicolon", "59,34,76,1,,0,false,true,false"),
    ("tab", "9,34,76,1,,0,false,true,false"),
    ("all-quoted", "59,34,76,1,,0,true,true,false"),
    ("windows-1252", "59,34,1,1,,0,false,true,false"),
    ("utf-16", "9,34,65535,1,,0,false,true,false"),
];

/// What stands in the sheet that LibreOffice writes.
const SENT: [[&str; 3]; 6] = [
    ["Dell, Inc.", "XPS 13; 13.5\"", "0012"],
    ["Müller & Söhne", "Büro €", "000000000000"],
    ["a", " b ", "123456789012345"],
    ["\"c\"", "d;e, f", "=1+1"],
    ["'e", "-f", "1.23E+5"],
    ["g", "h", "+31"],
];

/// Files that stand in no table, of which LibreOffice reads the results.
const RANDOM: usize = 20;

/// Has LibreOffice write and read; says what was tried.
pub fn office(folder: &Path, out: &mut dyn std::io::Write) -> Result<()> {
    let sheet = folder.join("sheet.fods");
    fs::write(&sheet, flat_sheet())?;
    for (name, filter) in WRITTEN {
        let into = folder.join(name);
        convert(
            folder,
            &into,
            None,
            &format!("csv:Text - txt - csv (StarCalc):{filter}"),
            std::slice::from_ref(&sheet),
        )?;
        let reading = Reading::of_bytes(&fs::read(into.join("sheet.csv"))?);
        ensure!(reading.verdict.is_ok(), "{name}: {:?}", reading.verdict);
        let cells: Vec<Vec<String>> = reading.rows.into_iter().map(|row| row.cells).collect();
        ensure!(cells == SENT.map(|row| row.map(str::to_owned).to_vec()), "{name}: {cells:?}");
        writeln!(out, "written by LibreOffice as {name}: {} rows read as they were", cells.len())?;
    }
    read_back(folder, out)
}

/// The result of every accepted case, imported as text.
fn read_back(folder: &Path, out: &mut dyn std::io::Write) -> Result<()> {
    let groups = table()?.into_iter().filter(|group| !group.big);
    let cases = groups.flat_map(|group| group.cases);
    let mut readings: Vec<(String, Reading)> =
        cases.map(|case| (case.name.clone(), Reading::of_case(&case, Size::Quick))).collect();
    readings.push(("every-sign".to_owned(), Reading::of_bytes(every_sign().as_bytes())));
    readings.push(("every-line-break".to_owned(), Reading::of_bytes(every_line_break().as_bytes())));
    for (number, file) in random_files(RANDOM)?.into_iter().enumerate() {
        readings.push((format!("random-{number}"), Reading::of_bytes(&file)));
    }
    let mut results: Vec<(String, u8, Vec<Vec<String>>)> = Vec::new();
    for (name, reading) in readings {
        let (Ok(sheet), Some(result)) = (&reading.verdict, reading.result(Locale::En)) else { continue };
        fs::write(folder.join(format!("{name}.csv")), result)?;
        let delimiter = sheet.head.dialect.delimiter.byte();
        results.push((name, delimiter, reading.rows.into_iter().map(|row| row.cells).collect()));
    }
    ensure!(results.len() > 50 + RANDOM, "only {} results", results.len());
    let into = folder.join("back");
    for delimiter in [b',', b';', b'\t'] {
        let files = results.iter().filter(|(_, other, _)| *other == delimiter);
        let files: Vec<PathBuf> = files.map(|(name, ..)| folder.join(format!("{name}.csv"))).collect();
        // Eight columns as text; quoted fields as text; no numbers looked for.
        let columns: Vec<String> = (1..=8).map(|column| format!("{column}/2")).collect();
        let import = format!("Text - txt - csv (StarCalc):{delimiter},34,76,1,{},0,true,false", columns.join("/"));
        convert(folder, &into, Some(&import), "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true", &files)?;
    }
    let mut wrong = Vec::new();
    for (name, _, cells) in &results {
        wrong.extend(difference(&into.join(format!("{name}.csv")), cells)?.map(|what| format!("{name}: {what}")));
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    comparison_finds_something(folder, &results)?;
    writeln!(out, "{} result files read by LibreOffice: the sender's cells are as they were", results.len())?;
    Ok(())
}

/// Without its import of text LibreOffice makes numbers of serial numbers: if that doesn't show, nothing would.
fn comparison_finds_something(folder: &Path, results: &[(String, u8, Vec<Vec<String>>)]) -> Result<()> {
    let (name, _, cells) = results.iter().find(|(name, ..)| name == "leading-zeros").context("no leading zeros")?;
    let into = folder.join("as-numbers");
    let export = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true";
    convert(folder, &into, None, export, &[folder.join(format!("{name}.csv"))])?;
    let found = difference(&into.join(format!("{name}.csv")), cells)?;
    ensure!(found.is_some(), "zeros that LibreOffice took away aren't missed");
    Ok(())
}

/// A file with every sign of ASCII at the beginning, in the middle and at the end of a cell.
fn every_sign() -> String {
    let mut text = "Manufacturer,Model,Serial Number\r\n".to_owned();
    for sign in (1..0x80).map(char::from).filter(|sign| !matches!(sign, '\r' | '\n')) {
        let sign = if sign == '"' { "\"\"".to_owned() } else { sign.to_string() };
        text.extend(["\"", &sign, "a\",\"a", &sign, "b\",\"1", &sign, "\"\r\n"]);
    }
    text
}

/// A file with every row of one to three CRs and LFs in its cells.
fn every_line_break() -> String {
    let mut text = "Manufacturer,Model,Serial Number\r\n".to_owned();
    let mut breaks = vec![String::new()];
    for _ in 0..3 {
        breaks = breaks.iter().flat_map(|one| ["\r", "\n"].map(|sign| format!("{one}{sign}"))).collect();
        for signs in &breaks {
            text.extend(["\"", signs, "a\",\"a", signs, "b\",\"1", signs, "\"\r\n"]);
        }
    }
    text
}

/// What LibreOffice made of a result, against the sender's cells.
fn difference(path: &Path, cells: &[Vec<String>]) -> Result<Option<String>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let reading = Reading::of_bytes(&bytes);
    let back: Vec<Vec<String>> = reading.rows.into_iter().map(|row| row.cells).collect();
    let shown = |cell: &String| shown_by_libreoffice(cell);
    let expected: Vec<Vec<String>> = cells.iter().map(|row| row.iter().map(shown).collect()).collect();
    let back: Vec<Vec<String>> = back.iter().map(|row| row.iter().map(shown).collect()).collect();
    if back == expected {
        return Ok(None);
    }
    let first = expected.iter().zip(&back).find(|(one, other)| one != other);
    Ok(Some(format!("{} rows, {} came back: {first:?}", expected.len(), back.len())))
}

/// A cell as LibreOffice keeps it: CR, LF, and either of them with the other behind it are one line break each, quoted
/// or not. No writer can avoid that, and where there is no CR nothing is lost.
fn shown_by_libreoffice(cell: &str) -> String {
    let (mut kept, mut characters) = (String::new(), cell.chars().peekable());
    while let Some(character) = characters.next() {
        let other = match character {
            '\r' => '\n',
            '\n' => '\r',
            _ => {
                kept.push(character);
                continue;
            }
        };
        let _ = characters.next_if_eq(&other);
        kept.push('\n');
    }
    kept
}

/// Runs LibreOffice once, with a profile of its own.
fn convert(folder: &Path, into: &Path, import: Option<&str>, export: &str, files: &[PathBuf]) -> Result<()> {
    let profile = format!("-env:UserInstallation=file://{}", folder.join("profile").display());
    let mut command = Command::new("soffice");
    command.args([&profile, "--headless", "--norestore"]);
    command.args(import.map(|filter| format!("--infilter={filter}")));
    command.args(["--convert-to", export, "--outdir"]).arg(into).args(files);
    let output = command.stdin(Stdio::null()).output().context("soffice is needed: install libreoffice-calc")?;
    ensure!(output.status.success(), "{output:?}");
    let missing = files.iter().filter_map(|file| Some(into.join(file.file_stem()?).with_extension("csv")));
    let missing = missing.into_iter().find(|file| !file.exists());
    ensure!(missing.is_none(), "LibreOffice didn't write {missing:?}: {output:?}");
    Ok(())
}

/// The sheet, in LibreOffice's own format written as one text: every cell a text.
fn flat_sheet() -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    // Blanks are elements of their own, or they are put together.
    let blanks = |text: &str| escape(text).replace(' ', "<text:s/>");
    let cell = |text: &&str| {
        format!("<table:table-cell office:value-type=\"string\"><text:p>{}</text:p></table:table-cell>", blanks(text))
    };
    let row = |cells: &[&str; 3]| {
        format!("<table:table-row>{}</table:table-row>", cells.iter().map(cell).collect::<String>())
    };
    let headings = ["Manufacturer", "Model", "Serial Number"];
    let rows: String = [headings].iter().chain(&SENT).map(row).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.3\" \
         office:mimetype=\"application/vnd.oasis.opendocument.spreadsheet\"><office:body><office:spreadsheet>\
         <table:table table:name=\"Devices\">{rows}</table:table>\
         </office:spreadsheet></office:body></office:document>\n"
    )
}
