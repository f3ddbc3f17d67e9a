//! What the modules here share: a place, CSVs, and questions to the ledger and to the running program.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use serde_json::Value;

/// The customer of most tests.
pub(crate) const CONTOSO: &str = "contoso";

/// A new place with the program that was just built.
pub(crate) fn env() -> Result<TestEnv> {
    TestEnv::new(env!("CARGO_BIN_EXE_devicedrop"))
}

/// A CSV in the partner format with these serial numbers.
pub(crate) fn csv(serials: &[&str]) -> String {
    let mut text = String::from("Manufacturer,Model,Serial Number\n");
    for serial in serials {
        text.extend(["SpiralOrbit,ContosoABC,", serial, "\n"]);
    }
    text
}

/// What the result of [`csv`] is once all its rows are registered.
pub(crate) fn all_ready(serials: &[&str]) -> String {
    let mut text = String::from("Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID\n");
    for serial in serials {
        text.extend(["SpiralOrbit,ContosoABC,", serial, ",Ready for user,,,\n"]);
    }
    text
}

/// A query's rows, each as its cells with `|` between them: `contoso|a.csv|2`; nulls are empty.
pub(crate) fn rows(env: &TestEnv, sql: &str) -> Result<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = env.query(sql)?;
    Ok(rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|")).collect())
}

/// Waits until a query gives these rows.
pub(crate) fn wait_for_rows(env: &TestEnv, daemon: &mut Daemon, sql: &str, expected: &[&str]) -> Result<()> {
    let mut last = Vec::new();
    let waited = daemon.wait_until("rows in the ledger", || {
        last = rows(env, sql)?;
        Ok((last == expected).then_some(()))
    });
    waited.with_context(|| format!("{sql}\n  expected {expected:?}\n  found    {last:?}"))
}

/// Waits for a result file that says exactly this.
pub(crate) fn wait_for_answer(daemon: &mut Daemon, path: &Path, expected: &str) -> Result<()> {
    let mut last = String::new();
    let waited = daemon.wait_for_file(path, |text| {
        text.clone_into(&mut last);
        text == expected
    });
    waited.map(drop).with_context(|| format!("{} isn't as expected; it was:\n{last}", path.display()))
}

/// Starts the daemon and waits until it is at work.
pub(crate) fn start(env: &TestEnv) -> Result<Daemon> {
    let mut daemon = env.start(&[])?;
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

/// Stops the daemon, which must end in order.
pub(crate) fn stop(daemon: Daemon) -> Result<()> {
    let (code, _) = daemon.terminate()?;
    ensure!(code == 0, "the daemon ended with {code}");
    Ok(())
}

/// Lets the program take what lies there, and waits for its end.
pub(crate) fn run_once(env: &TestEnv) -> Result<()> {
    let run = env.run(&["run", "--once"])?;
    ensure!(matches!(run.code, Some(0 | 1)), "{run:?}");
    Ok(())
}

/// `explain`'s verdict on a file, and its sentence.
pub(crate) fn explain(env: &TestEnv, path: &Path) -> Result<(String, String)> {
    let path = path.to_str().context("a path in UTF-8")?;
    let output = env.run(&["explain", "--json", path])?;
    ensure!(output.code == Some(0), "{output:?}");
    let text = |key: &str| output.json().map(|json| json[key].as_str().unwrap_or_default().to_owned());
    Ok((text("verdict")?, text("why")?))
}

/// Waits until `explain` gives this verdict, with these words in its sentence.
pub(crate) fn wait_for_verdict(
    env: &TestEnv,
    daemon: &mut Daemon,
    path: &Path,
    verdict: &str,
    words: &str,
) -> Result<String> {
    let mut last = None;
    let waited = daemon.wait_until("a verdict", || {
        let (said, why) = last.insert(explain(env, path)?);
        Ok((said == verdict && why.contains(words)).then(|| why.clone()))
    });
    waited.with_context(|| format!("wanted {verdict}: {words}; it was {last:?}"))
}

/// Drops one more file and waits for its answer: by then the daemon has looked at everything that lay there before,
/// and whatever was to happen to it has happened.
pub(crate) fn fence(env: &TestEnv, daemon: &mut Daemon, customer: &str, name: &str) -> Result<()> {
    let path = env.drop_file(customer, &format!("{name}.csv"), csv(&[name]))?;
    wait_for_answer(daemon, &path.with_file_name(format!("{name}.result.csv")), &all_ready(&[name]))
}
