//! Files as senders make them: every format, encoding, delimiter and line ending, and the answer byte for byte.
//!
//! The golden folders below `tests/golden` hold what can be read in an editor: `in.csv`, `expected.result.csv` and,
//! where devices must be known to be found, `inventory.csv`. To write the answers anew after an intended change, run
//! the tests with `DEVICEDROP_BLESS=1` and read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;

use crate::scene::{CONTOSO, env, rows};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Drops one content, runs once, and gives the result's bytes.
fn answer_to(env: &TestEnv, customer: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let path = env.drop_file(customer, "in.csv", bytes)?;
    let output = env.run(&["run", "--once"])?;
    fs::read(path.with_file_name("in.result.csv")).with_context(|| format!("no result: {output:?}"))
}

/// Today's date stands in the details of what was registered before, and our own request IDs count the record's entries.
fn without_what_differs(env: &TestEnv, bytes: &[u8]) -> Result<Vec<u8>> {
    let ids = rows(env, "SELECT request_id FROM audit_registrations WHERE request_id LIKE 'dd-%'")?;
    let dates = rows(env, "SELECT DISTINCT substr(received_at, 1, 10) FROM audit_submissions")?;
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(bytes.to_vec()) };
    let text = dates.iter().fold(text.to_owned(), |text, date| text.replace(date, "YYYY-MM-DD"));
    Ok(ids.iter().fold(text, |text, id| text.replace(&format!(",{id}\n"), ",dd-N\n")).into_bytes())
}

fn golden(folder: &Path) -> Result<()> {
    let mut env = env()?;
    let inventory = folder.join("inventory.csv");
    if inventory.exists() {
        env.set("registrar.embedded.inventory", "\"required\"")?;
        ensure!(env.run(&["run", "--once"])?.code == Some(0), "an empty run");
        let inventory = inventory.to_str().context("a path in UTF-8")?;
        let output = env.run(&["registry", "import", inventory])?;
        ensure!(output.code == Some(0), "{output:?}");
    }
    let answer = answer_to(&env, CONTOSO, &fs::read(folder.join("in.csv"))?)?;
    let answer = without_what_differs(&env, &answer)?;
    let expected = folder.join("expected.result.csv");
    if std::env::var_os("DEVICEDROP_BLESS").is_some() {
        fs::write(&expected, &answer)?;
    }
    let expected = fs::read(&expected)?;
    ensure!(
        answer == expected,
        "{} differs. Expected:\n{}\nFound:\n{}",
        folder.display(),
        expected.escape_ascii(),
        answer.escape_ascii()
    );
    Ok(())
}

#[test]
fn golden_folders() -> Result<()> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(tests().join("golden"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    ensure!(folders.len() >= 10, "only {} golden folders", folders.len());
    let wrong: Vec<String> =
        folders.iter().filter_map(|folder| golden(folder).err()).map(|error| format!("{error:#}")).collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[test]
fn the_service_s_own_samples() -> Result<()> {
    let env = env()?;
    for (customer, sample, format) in
        [("one", "partner-sample.csv", "partner"), ("two", "self-service-sample.csv", "self-service")]
    {
        let bytes = fs::read(tests().join("data").join(sample))?;
        let answer = String::from_utf8(answer_to(&env, customer, &bytes)?)?;
        let text = String::from_utf8(bytes)?;
        let (head, row) = text.trim_end().split_once('\n').context("two lines")?;
        let expected = format!(
            "{},State,Error,Error Details,Request ID\n{},Ready for user,,,\n",
            head.trim_end_matches('\r'),
            row.trim_end_matches('\r')
        );
        let answer_with_lf = answer.replace("\r\n", "\n");
        assert_eq!(answer_with_lf, expected, "{sample}");
        assert_eq!(answer.contains("\r\n"), text.contains("\r\n"), "{sample}: line endings follow the original's");
        let told = format!("SELECT format, encoding, delimiter FROM audit_submissions WHERE customer = '{customer}'");
        assert_eq!(rows(&env, &told)?, [format!("{format}|utf-8-bom|comma")], "{sample}");
    }
    Ok(())
}

/// One way to write the same three devices.
struct Spelling {
    /// Distinguishes its devices from those of the others, so that no customer claims another's.
    id: String,
    bom: bool,
    encode: fn(&str) -> Vec<u8>,
    delimiter: &'static str,
    ending: &'static str,
}

fn utf8(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn utf8_with_bom(text: &str) -> Vec<u8> {
    [b"\xEF\xBB\xBF", text.as_bytes()].concat()
}

fn utf16_le(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn utf16_be(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
}

/// For the letters used here, Windows-1252 is the Unicode number.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a letter of Windows-1252")).collect()
}

const COMMA: (&str, &str) = (",", "comma");
const SEMICOLON: (&str, &str) = (";", "semicolon");
const TAB: (&str, &str) = ("\t", "tab");

#[test]
fn every_encoding_with_every_delimiter_and_line_ending() -> Result<()> {
    type Encode = fn(&str) -> Vec<u8>;
    let encodings: [(&str, bool, Encode); 5] = [
        ("utf-8", false, utf8),
        ("utf-8-bom", true, utf8_with_bom),
        ("utf-16-le", true, utf16_le),
        ("utf-16-be", true, utf16_be),
        ("windows-1252", true, windows_1252),
    ];
    let env = env()?;
    let mut spellings = Vec::new();
    for (name, bom, encode) in encodings {
        for (delimiter, delimiter_name) in [COMMA, SEMICOLON, TAB] {
            for (ending, ending_name) in [("\n", "lf"), ("\r\n", "crlf"), ("\r", "cr")] {
                let customer = format!("{name} {delimiter_name} {ending_name}");
                let spelling = Spelling { id: customer.clone(), bom, encode, delimiter, ending };
                env.drop_file(&customer, "in.csv", spelled(&spelling))?;
                spellings.push((customer, delimiter_name, spelling));
            }
        }
    }
    let output = env.run(&["run", "--once"])?;
    ensure!(output.code == Some(0), "{output:?}");
    for (customer, _, spelling) in &spellings {
        let answer = fs::read(env.root().join(customer).join("in.result.csv"))
            .with_context(|| format!("{customer}: {output:?}"))?;
        assert_eq!(String::from_utf8_lossy(&answer), expected_answer(spelling), "{customer}");
    }
    // The devices are the same, whatever they were written in.
    let devices =
        "SELECT DISTINCT manufacturer, model, substr(serial_number, 1, 5) FROM audit_registrations ORDER BY 3";
    assert_eq!(
        rows(&env, devices)?,
        ["Müller & Söhne|Büro \"14\"|É-001", "Müller & Söhne|a, b; c|É-002", "Müller & Söhne| Büro |É-003"]
    );
    let mut told = rows(&env, "SELECT customer, delimiter FROM audit_submissions")?;
    told.sort();
    let mut expected: Vec<String> =
        spellings.iter().map(|(customer, delimiter, _)| format!("{customer}|{delimiter}")).collect();
    expected.sort();
    assert_eq!(told, expected);
    Ok(())
}

fn spelled(spelling: &Spelling) -> Vec<u8> {
    let Spelling { id, encode, delimiter: d, ending: e, .. } = spelling;
    encode(&format!(
        "Manufacturer{d}Model{d}Serial Number{e}\
         Müller & Söhne{d}\"Büro \"\"14\"\"\"{d}É-001 {id}{e}\
         Müller & Söhne{d}\"a, b; c\"{d}É-002 {id}{e}\
         Müller & Söhne{d} Büro {d}É-003 {id}{e}"
    ))
}

fn expected_answer(spelling: &Spelling) -> String {
    let Spelling { id, bom, delimiter: d, ending: e, .. } = spelling;
    let bom = if *bom { "\u{FEFF}" } else { "" };
    format!(
        "{bom}Manufacturer{d}Model{d}Serial Number{d}State{d}Error{d}Error Details{d}Request ID{e}\
         Müller & Söhne{d}\"Büro \"\"14\"\"\"{d}É-001 {id}{d}Ready for user{d}{d}{d}{e}\
         Müller & Söhne{d}\"a, b; c\"{d}É-002 {id}{d}Ready for user{d}{d}{d}{e}\
         Müller & Söhne{d}\" Büro \"{d}É-003 {id}{d}Ready for user{d}{d}{d}{e}"
    )
}

#[test]
fn a_result_file_that_was_corrected_is_taken_as_it_is() -> Result<()> {
    let env = env()?;
    let first = "Manufacturer,Model,Serial Number\nA,B,1\nA,B,\nA,B,3\n";
    let answer = String::from_utf8(answer_to(&env, CONTOSO, first.as_bytes())?)?;
    assert!(answer.contains("Row not valid"), "{answer}");
    let corrected = answer.replace("\nA,B,,", "\nA,B,2,");
    let path = env.drop_file(CONTOSO, "corrected.csv", &corrected)?;
    let output = env.run(&["run", "--once"])?;
    let result = fs::read_to_string(path.with_file_name("corrected.result.csv"))
        .with_context(|| format!("no result: {output:?}"))?;
    let states: Vec<String> = result.lines().map(|line| line.chars().take(47).collect()).collect();
    insta::assert_snapshot!(states.join("\n"), @r"
    Manufacturer,Model,Serial Number,State,Error,Er
    A,B,1,Ready for user,Device already registered,
    A,B,2,Ready for user,,,
    A,B,3,Ready for user,Device already registered,
    ");
    Ok(())
}
