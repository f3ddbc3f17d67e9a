//! A result file is a function of the ledger: whatever was dropped, its rows say what the contract's views say, and
//! writing it anew gives the same bytes.

use anyhow::{Context, Result, ensure};
use devicedrop_core::locale::Locale;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_testkit::env::TestEnv;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

/// One cell of a row: good, unknown to the inventory, or not valid, with what is awkward in a CSV.
fn serial_number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,6}",
        2 => "(,|\"|;| |'|=)[A-Z]{0,3}",
        1 => Just(String::new()),
        1 => Just("1.23E+11".to_owned()),
        1 => "[а-яß€]{1,4}",
        1 => Just("two\nlines".to_owned()),
    ]
}

/// A file as rows of cells; some rows have a cell too many or too few.
fn sheet() -> impl Strategy<Value = Vec<Vec<String>>> {
    let row = (serial_number(), 0..8usize).prop_map(|(serial_number, shape)| match shape {
        0 => vec!["Contoso".to_owned(), "Laptop".to_owned()],
        1 => vec!["Contoso".to_owned(), "Laptop".to_owned(), serial_number, "x".to_owned()],
        2 => vec!["Fabrikam, Inc.".to_owned(), "=Tablet".to_owned(), serial_number],
        _ => vec!["Contoso".to_owned(), "Laptop".to_owned(), serial_number],
    });
    proptest::collection::vec(row, 1..12)
}

fn bytes_of(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(["Manufacturer", "Model", "Serial Number"])?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

/// What the views say of a file's rows, as a result file would put it.
fn told_by_the_ledger(env: &TestEnv) -> Result<Vec<[String; 4]>> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows = env
        .query("SELECT state, error, error_details, request_id FROM audit_registrations ORDER BY registration_id")?;
    rows.iter()
        .map(|row| {
            let state = State::from_code(&text(row.first())).context("a state that isn't one")?;
            let error = text(row.get(1));
            let error = ErrorCode::from_code(&error).map(|error| Locale::En.error(error).to_owned());
            Ok([Locale::En.state(state).to_owned(), error.unwrap_or_default(), text(row.get(2)), text(row.get(3))])
        })
        .collect()
}

fn told_by_the_result(bytes: &[u8]) -> Result<Vec<(Vec<String>, [String; 4])>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let mut rows = Vec::new();
    for record in reader.records() {
        let mut cells: Vec<String> = record?.iter().map(str::to_owned).collect();
        ensure!(cells.len() == 7, "three cells and our four, not {cells:?}");
        let ours = cells.split_off(3);
        rows.push((cells, ours.try_into().map_err(|_| anyhow::anyhow!("four cells"))?));
    }
    Ok(rows)
}

/// Drops a file, and compares. Returns the details of its rows.
fn one_file(rows: &[Vec<String>]) -> Result<Vec<String>> {
    let mut env = crate::scene::env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?;
    let known = env.path("inventory.csv");
    let inventory: Vec<Vec<String>> = rows
        .iter()
        .filter(|row| row.len() == 3 && row[2].len() % 2 == 1 && !row[2].contains('\n') && !row[2].contains('+'))
        .cloned()
        .collect();
    std::fs::write(&known, bytes_of(&inventory)?)?;
    let path = env.drop_file("contoso", "devices.csv", bytes_of(rows)?)?;
    let run = env.run(&["run", "--once"])?;
    ensure!(matches!(run.code, Some(0 | 1)), "{run:?}");
    // The first run made the ledger; with some devices known, the failed rows go another way.
    let inventory = known.display().to_string();
    for command in [&["registry", "import", &inventory][..], &["retry"], &["run", "--once"]] {
        let done = env.run(command)?;
        ensure!(matches!(done.code, Some(0 | 1)), "{command:?}: {done:?}");
    }
    let result = path.with_file_name("devices.result.csv");
    let written = std::fs::read(&result)?;
    let told = told_by_the_result(&written)?;
    let recorded = told_by_the_ledger(&env)?;
    assert_eq!(told.iter().map(|(_, ours)| ours).collect::<Vec<_>>(), recorded.iter().collect::<Vec<_>>());
    for ((echoed, _), row) in told.iter().zip(rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty()))) {
        let mut expected = row.clone();
        expected.resize(3, String::new());
        assert_eq!(echoed, &expected, "the sender's cells come back as they were");
    }
    let anew = env.run(&["result", &path.display().to_string()])?;
    ensure!(anew.code == Some(0), "{anew:?}");
    assert_eq!(std::fs::read(&result)?, written, "written anew, it is the same");
    Ok(told.into_iter().map(|(_, [_, _, details, _])| details).collect())
}

#[test]
fn a_result_says_what_the_ledger_says() {
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config)
        .run(&sheet(), |rows| one_file(&rows).map(drop).map_err(|error| TestCaseError::fail(format!("{error:#}"))));
    assert!(run.is_ok(), "{}", run.unwrap_err());
}

/// What property tests find now and then, every time: rows whose details the ledger and the result word on their own.
#[test]
fn rows_of_one_device_are_told_alike() -> Result<()> {
    let row = |serial_number: &str| vec!["Contoso".to_owned(), "Laptop".to_owned(), serial_number.to_owned()];
    one_file(&[row("6"), row("6"), row("22"), row("1.23E+11"), row("")])?;
    Ok(())
}

/// A hint is the same in the result and in the ledger.
#[test]
fn hints_are_told_alike() -> Result<()> {
    let row = |serial_number: &str| vec!["Contoso".to_owned(), "Laptop".to_owned(), serial_number.to_owned()];
    // The inventory has those of odd length.
    let details = one_file(&[row("abc"), row("aBc "), row("ab\u{200b}c"), row("12")])?;
    let hints: Vec<Option<&str>> =
        details.iter().map(|text| text.split_once("supplier. ").map(|(_, hint)| hint)).collect();
    let only = |kinds: &str| {
        format!(
            "A device is known that differs only in: Serial Number ({kinds}). Compare these with the device's label."
        )
    };
    let expected = [only("capitals, blanks"), only("characters that only look alike or can't be seen")];
    assert_eq!(hints, [None, Some(expected[0].as_str()), Some(&expected[1]), None]);
    Ok(())
}
