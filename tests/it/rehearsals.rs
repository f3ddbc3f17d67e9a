//! Rehearsals: what would happen is told row by row, and nothing happens.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use devicedrop::step::Step;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::scripted::{Script, read_journal};
use devicedrop_testkit::under_test::{KillAt, journal};

use crate::scene::{
    CONTOSO, env, explain, fence, rows, start, stop, wait_for_answer, wait_for_rows, wait_for_verdict,
};

const HEAD: &str = "Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID\n";
const WOULD_BE: &str = ",,,Rehearsal: this row would be registered.,\n";
const NOT_FOUND: &str = "Rehearsal: this row would fail. We couldn't register this device because we could not find a \
                         match for the provided manufacturer, model, or serial number. Confirm these values with your \
                         device supplier.";

/// A CSV in the partner format; not the documentation's sample, which is warned of.
fn csv(serials: &[&str]) -> String {
    let row = |serial: &&str| format!("Contoso,Laptop,{serial}\n");
    "Manufacturer,Model,Serial Number\n".to_owned() + &serials.iter().map(row).collect::<String>()
}

fn all_ready(serials: &[&str]) -> String {
    let row = |serial: &&str| format!("Contoso,Laptop,{serial},Ready for user,,,\n");
    HEAD.to_owned() + &serials.iter().map(row).collect::<String>()
}

/// Every view that a rehearsal might leave something in.
const ON_RECORD: &str = "SELECT (SELECT count(*) FROM audit_submissions) + (SELECT count(*) FROM audit_deliveries)
    + (SELECT count(*) FROM audit_registrations) + (SELECT count(*) FROM audit_attempts)
    + (SELECT count(*) FROM audit_results) + (SELECT count(*) FROM audit_refusals)
    + (SELECT count(*) FROM audit_devices)";

fn inventory(env: &mut TestEnv, serials: &[&str]) -> Result<()> {
    env.set("registrar.embedded.inventory", "\"required\"")?;
    fs::write(env.path("inventory.csv"), csv(serials))?;
    Ok(())
}

fn import(env: &TestEnv) -> Result<()> {
    let file = env.path("inventory.csv").display().to_string();
    let done = env.run(&["registry", "import", &file])?;
    ensure!(done.code == Some(0), "{done:?}");
    Ok(())
}

fn beside(env: &TestEnv, name: &str) -> PathBuf {
    env.root().join(CONTOSO).join(name)
}

/// Copies in the archive that have no place there.
fn copies_left(env: &TestEnv) -> Result<usize> {
    let entries = fs::read_dir(env.path("state/originals"))?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.iter().filter(|entry| entry.path().is_file()).count())
}

fn all_would_be(serials: &[&str]) -> String {
    let row = |serial: &&str| format!("Contoso,Laptop,{serial}{WOULD_BE}");
    HEAD.to_owned() + &serials.iter().map(row).collect::<String>()
}

/// The details of each row of an answer, and its error.
fn told(text: &str) -> Result<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut told = Vec::new();
    for record in reader.records() {
        let record = record?;
        ensure!(
            record[3].is_empty() && record[6].is_empty(),
            "no state and no request ID in a rehearsal: {record:?}"
        );
        told.push((record[4].to_owned(), record[5].to_owned()));
    }
    Ok(told)
}

fn wait_for_told(daemon: &mut Daemon, path: &std::path::Path) -> Result<Vec<(String, String)>> {
    told(&daemon.wait_for_file(path, |text| text.ends_with('\n'))?)
}

/// What the rows of the first test are told: registered before, new, new again, nearly known, another's, unknown.
fn foretold(today: &str) -> [(&'static str, String); 6] {
    [
        (
            "Device already registered",
            format!(
                "Rehearsal: nothing would be done, since this device is already registered to your organization. It \
                 was registered on {today} by line 2 of the file \"PO-1/first.csv\"."
            ),
        ),
        ("", "Rehearsal: this row would be registered.".to_owned()),
        (
            "Device already registered",
            "Rehearsal: nothing would be done, since line 3 of this file would register the same device.".to_owned(),
        ),
        (
            "Device not found",
            format!(
                "{NOT_FOUND} A device is known that differs only in: Serial Number (capitals). Compare these with the \
                 device's label."
            ),
        ),
        (
            "Device claimed by another organization",
            "Rehearsal: this row would fail. This device has already been claimed by another organization. Check with \
             your device supplier."
                .to_owned(),
        ),
        ("Device not found", NOT_FOUND.to_owned()),
    ]
}

#[test]
fn each_row_is_told_what_would_happen_and_nothing_happens() -> Result<()> {
    let mut env = env()?;
    inventory(&mut env, &["A1", "A2", "b3", "C4"])?;
    let mut daemon = start(&env)?;
    import(&env)?;
    env.drop_file(CONTOSO, "PO-1/first.csv", csv(&["A1"]))?;
    wait_for_answer(&mut daemon, &beside(&env, "PO-1/first.result.csv"), &all_ready(&["A1"]))?;
    env.drop_file("fabrikam", "theirs.csv", csv(&["C4"]))?;
    let theirs = env.root().join("fabrikam/theirs.result.csv");
    wait_for_answer(&mut daemon, &theirs, &all_ready(&["C4"]))?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM audit_results WHERE final = 1", &["2"])?;
    let before = rows(&env, ON_RECORD)?;

    let dropped = csv(&["A1", "A2", "A2", "B3", "C4", "D5", "1.23E+11"]) + "Contoso,Laptop\n";
    let path = env.drop_file(CONTOSO, "devices.check.csv", &dropped)?;
    let told = wait_for_told(&mut daemon, &beside(&env, "devices.check.result.csv"))?;
    let expected = foretold(&rows(&env, "SELECT date('now')")?[0]);
    for (told, (error, details)) in told.iter().zip(&expected) {
        assert_eq!((told.0.as_str(), &told.1), (*error, details));
    }
    for told in &told[6..] {
        assert_eq!(told.0, "Row not valid");
        assert!(told.1.starts_with("Rehearsal: this row would fail. Line "), "{}", told.1);
    }
    assert_eq!(told.len(), 8);
    assert_eq!(fs::read_to_string(&path)?, dropped);

    assert_eq!(rows(&env, ON_RECORD)?, before, "nothing of a rehearsal is on record");
    let listed = env.run(&["registry", "list", "--json", "--customer", CONTOSO])?;
    assert_eq!(listed.stdout.lines().count(), 1, "{listed:?}");
    assert_eq!(copies_left(&env)?, 0, "no copy stays behind");

    // The same file dropped to be registered does what was foretold.
    env.drop_file(CONTOSO, "devices.csv", &dropped)?;
    let sql = "SELECT ready, failed, already FROM audit_submissions WHERE file = 'devices.csv'";
    wait_for_rows(&env, &mut daemon, sql, &["3|5|2"])?;
    stop(daemon)
}

#[test]
fn a_rehearsal_is_answered_once_for_each_change_of_it() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let path = env.drop_file(CONTOSO, "PO-7/a.check.csv", csv(&["1"]))?;
    let answer = beside(&env, "PO-7/a.check.result.csv");
    wait_for_answer(&mut daemon, &answer, &all_would_be(&["1"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "rehearsed", "nothing of it was registered")?;
    let (verdict, why) = explain(&env, &answer)?;
    assert_eq!(verdict, "ignored");
    assert!(why.contains("answer to a rehearsal"), "{why}");

    env.write_file(CONTOSO, "PO-7/a.check.csv", csv(&["1", "2"]))?;
    wait_for_answer(&mut daemon, &answer, &all_would_be(&["1", "2"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "rehearsed", "")?;
    stop(daemon)?;

    // Taken away while nobody looked: an unchanged file isn't answered again, a changed one is.
    fs::remove_file(&answer)?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    assert!(!answer.exists());
    env.write_file(CONTOSO, "PO-7/a.check.csv", csv(&["3"]))?;
    wait_for_answer(&mut daemon, &answer, &all_would_be(&["3"]))?;

    // Somebody wrote his own file there: it stays, and the answer goes beside it.
    fs::write(&answer, "my own notes\n")?;
    env.write_file(CONTOSO, "PO-7/a.check.csv", csv(&["4"]))?;
    wait_for_answer(&mut daemon, &beside(&env, "PO-7/a.check.result-2.csv"), &all_would_be(&["4"]))?;
    assert_eq!(fs::read_to_string(&answer)?, "my own notes\n");
    stop(daemon)
}

#[test]
fn the_answer_follows_the_customers_settings_and_the_files_form() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.locale", "\"nl\"")?;
    env.set(
        "customers.contoso.columns",
        "{ Manufacturer = \"Hersteller\", Model = \"Modell\", \"Serial Number\" = \"Seriennummer\" }",
    )?;
    env.set("customers.contoso.complete", "\"marker\"")?;
    env.set("customers.contoso.order", "\"required\"")?;
    env.set("customers.fabrikam.locale", "\"code\"")?;
    let mut daemon = start(&env)?;
    let utf_16 = |text: &str| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let text = "Seriennummer;Bemerkung;Hersteller;Modell\r\n1;süß;Contoso;One\r\n 2;;Contoso;One\r\n";
    env.drop_file(CONTOSO, "a.check.csv", utf_16(text))?;
    let expected = "\u{feff}Seriennummer;Bemerkung;Hersteller;Modell;State;Error;Error Details;Request ID\r\n\
         1;süß;Contoso;One;;;Proef: deze rij zou worden geregistreerd.;\r\n\
         \" 2\";;Contoso;One;;;\"Proef: deze rij zou worden geregistreerd. Let op, Serial Number: rond deze waarde staan \
         spaties, en die tellen mee; verwijder ze, tenzij het apparaat ze zelf ook opgeeft.\";\r\n";
    wait_for_answer(&mut daemon, &beside(&env, "a.check.result.csv"), expected)?;

    // A file that would be rejected is answered as one that is.
    env.drop_file(CONTOSO, "b.check.csv", "Seriennummer;Hersteller\r\n")?;
    env.drop_file("fabrikam", "b.check.csv", "PK\u{3}\u{4}rest")?;
    for (customer, words) in [(CONTOSO, "Registratie is mislukt;Bestand niet geldig"), ("fabrikam", "file_not_valid")]
    {
        daemon.wait_for_file(&env.root().join(customer).join("b.check.result.csv"), |text| text.contains(words))?;
    }
    env.drop_file("fabrikam", "c.check.csv", csv(&["1", "1.23E+11"]))?;
    let answer =
        daemon.wait_for_file(&env.root().join("fabrikam/c.check.result.csv"), |text| text.ends_with('\n'))?;
    let told = told(&answer)?;
    assert_eq!(told.iter().map(|(error, _)| error.as_str()).collect::<Vec<_>>(), ["", "row_not_valid"]);
    assert_eq!(rows(&env, ON_RECORD)?, ["0"]);
    stop(daemon)
}

#[test]
fn a_rehearsal_keeps_to_the_limits_and_shows_while_it_waits() -> Result<()> {
    let mut env = env()?;
    env.set("drop.max_file_size", "\"1KiB\"")?;
    env.set("drop.settle_open", "\"1h\"")?;
    let mut daemon = start(&env)?;
    env.drop_file(CONTOSO, "long.check.csv", csv(&["1"; 100]))?;
    daemon.wait_for_file(&beside(&env, "long.check.result.csv"), |text| text.contains("File not valid"))?;

    let path = env.write_file(CONTOSO, "open.check.csv", csv(&["1"]))?;
    let held = fs::File::options().append(true).open(&path)?;
    wait_for_verdict(&env, &mut daemon, &path, "settling", "open")?;
    let status = env.run(&["status", "--json"])?.json()?;
    assert_eq!(status["oldest_unfinished"]["file"], "open.check.csv");
    drop(held);
    wait_for_answer(&mut daemon, &beside(&env, "open.check.result.csv"), &all_would_be(&["1"]))?;
    assert_eq!(rows(&env, ON_RECORD)?, ["0"]);
    stop(daemon)
}

#[test]
fn a_rehearsal_waits_while_the_days_limit_is_reached() -> Result<()> {
    let mut env = env()?;
    env.set("drop.per_customer_rows_per_day", "1")?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    let path = env.drop_file(CONTOSO, "a.check.csv", csv(&["1"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "day's limit")?;
    let answer = beside(&env, "a.check.result.csv");
    daemon.wait_for_file(&answer, |text| text.contains("used up"))?;
    stop(daemon)?;
    env.set("drop.per_customer_rows_per_day", "100")?;
    let mut daemon = start(&env)?;
    wait_for_answer(&mut daemon, &answer, &all_would_be(&["1"]))?;
    stop(daemon)
}

#[test]
fn a_single_run_answers_rehearsals_too() -> Result<()> {
    let mut env = env()?;
    inventory(&mut env, &["1"])?;
    env.drop_file(CONTOSO, "a.check.csv", csv(&["2"]))?;
    env.drop_file(CONTOSO, "b.check.csv", "no headings\n")?;
    let run = env.run(&["run", "--once"])?;
    assert_eq!(run.code, Some(0), "no row was taken, and none failed: {run:?}");
    let answer = fs::read_to_string(beside(&env, "a.check.result.csv"))?;
    assert_eq!(told(&answer)?, [("Device not found".to_owned(), NOT_FOUND.to_owned())]);
    assert!(fs::read_to_string(beside(&env, "b.check.result.csv"))?.contains("File not valid"));
    assert_eq!(rows(&env, ON_RECORD)?, ["0"]);
    Ok(())
}

#[test]
fn a_registrar_that_cannot_tell_is_sent_nothing() -> Result<()> {
    let env = env()?;
    let mut daemon = crate::daemon()?.scripted(&env, &Script::default(), None)?;
    daemon.wait_for_message("ready")?;
    env.drop_file(CONTOSO, "first.csv", csv(&["1"]))?;
    let sql = "SELECT serial_number FROM audit_devices";
    wait_for_rows(&env, &mut daemon, sql, &["1"])?;
    let sent = read_journal(&journal(&env))?.len();
    env.drop_file(CONTOSO, "a.check.csv", csv(&["1", "2", "2"]))?;
    let told = wait_for_told(&mut daemon, &beside(&env, "a.check.result.csv"))?;
    assert!(told.iter().all(|(error, details)| error.is_empty() && details.contains("would be sent")), "{told:?}");
    assert!(told[0].1.contains("by line 2 of the file \"first.csv\""), "{told:?}");
    assert!(told[2].1.contains("stands on line 3 already"), "{told:?}");
    assert_eq!(read_journal(&journal(&env))?.len(), sent);
    stop(daemon)
}

#[test]
fn what_the_customer_sent_before_is_told_as_check_tells_it() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    env.drop_file(CONTOSO, "first.csv", csv(&["0012345", "0123"]))?;
    wait_for_answer(&mut daemon, &beside(&env, "first.result.csv"), &all_ready(&["0012345", "0123"]))?;
    // Below a thousand, numbers are shared by chance.
    let rehearsal = env.drop_file(CONTOSO, "a.check.csv", csv(&["12345", "123", "77"]))?;
    let told = wait_for_told(&mut daemon, &beside(&env, "a.check.result.csv"))?;
    let warned = "Look here, Serial Number: \"12345\" came before with other leading zeros: \"0012345\", by line 2 of \
                  the file \"first.csv\" on ";
    assert!(told[0].0.is_empty() && told[0].1.contains(warned), "{told:?}");
    assert!(told[1..].iter().all(|(_, details)| details == "Rehearsal: this row would be registered."), "{told:?}");
    let checked = env.run(&["check", &rehearsal.display().to_string()])?.stdout;
    assert_eq!(checked.matches("came before with other leading zeros").count(), 1, "{checked}");
    stop(daemon)
}

#[test]
fn a_crash_leaves_no_half_answer() -> Result<()> {
    for step in [Step::ResultReady, Step::ResultInPlace] {
        let env = env()?;
        env.drop_file(CONTOSO, "a.check.csv", csv(&["1"]))?;
        let daemon = crate::daemon()?.embedded(&env, Some(KillAt { step, passing: 1 }))?;
        daemon.killed()?;
        let answer = beside(&env, "a.check.result.csv");
        assert_eq!(answer.exists(), step == Step::ResultInPlace);
        let mut daemon = start(&env)?;
        wait_for_answer(&mut daemon, &answer, &all_would_be(&["1"]))?;
        fence(&env, &mut daemon, CONTOSO, "fence")?;
        stop(daemon)?;
        let mut left: Vec<_> = fs::read_dir(env.root().join(CONTOSO))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        left.sort();
        assert_eq!(left, ["a.check.csv", "a.check.result.csv", "fence.csv", "fence.result.csv"]);
        assert_eq!(copies_left(&env)?, 0);
    }
    Ok(())
}

/// More rows than are read, asked about and kept at once.
#[test]
fn a_long_rehearsal_is_answered_row_by_row() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let serials: Vec<String> = (0..60_000).map(|number| format!("serial {number:06}")).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    env.drop_file(CONTOSO, "a.check.csv", csv(&serials))?;
    env.drop_file("fabrikam", "a.check.csv", csv(&serials))?;
    for customer in [CONTOSO, "fabrikam"] {
        let answer = env.root().join(customer).join("a.check.result.csv");
        let text = daemon.wait_for_file(&answer, |text| text.lines().count() == 60_001)?;
        ensure!(text == all_would_be(&serials), "every row would be registered");
    }
    stop(daemon)
}

#[test]
fn copies_of_a_rehearsal_and_of_its_answer_are_rehearsals() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let names = ["a.check (1).csv", "a.check - Copy.csv", "a.check.csv.csv", "a.check.result - Copy.csv"];
    for name in names {
        env.drop_file(CONTOSO, name, csv(&["1"]))?;
    }
    for name in names {
        let answer = format!("{}.result.csv", name.strip_suffix(".csv").unwrap_or(name));
        wait_for_answer(&mut daemon, &beside(&env, &answer), &all_would_be(&["1"]))?;
    }
    wait_for_rows(&env, &mut daemon, ON_RECORD, &["0"])?;
    stop(daemon)
}
