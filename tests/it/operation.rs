//! Running it: the log, reloading, stopping, and what it leaves alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::checker;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Line;
use devicedrop_testkit::scripted::{Entry, Mode, Script, What, read_journal};
use devicedrop_testkit::under_test::journal;

use crate::scene::{
    CONTOSO, all_ready, csv, env, fence, rows, start, stop, wait_for_answer, wait_for_rows, wait_for_verdict,
};

/// Writes the configuration whole, as it stands plus these lines.
fn append(env: &TestEnv, lines: &str) -> Result<()> {
    let mut file = fs::File::options().append(true).open(env.config())?;
    Ok(file.write_all(lines.as_bytes())?)
}

#[test]
fn a_configuration_is_loaded_anew_at_a_signal() -> Result<()> {
    let mut env = env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "one")?;
    env.set("locale", "\"code\"")?;
    daemon.signal("HUP")?;
    daemon.wait_for_message("configuration loaded")?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let expected = all_ready(&["1"]).replace("Ready for user", "ready_for_user");
    wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &expected)?;
    stop(daemon)?;
    let loaded = "SELECT count(*), count(DISTINCT subject) FROM audit_actions WHERE action = 'load_configuration'";
    assert_eq!(rows(&env, loaded)?, ["2|2"], "that of the start, and the new one");
    Ok(())
}

#[test]
fn a_configuration_that_changed_and_lies_still_is_loaded_anew() -> Result<()> {
    let mut env = env()?;
    let mut daemon = start(&env)?;
    env.set("locale", "\"code\"")?;
    daemon.wait_for_message("configuration loaded")?;
    stop(daemon)
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_stays() -> Result<()> {
    let mut env = env()?;
    let mut daemon = start(&env)?;
    append(&env, "results.recepits = true\n")?;
    daemon.signal("HUP")?;
    let refused = daemon.wait_for_message("the new configuration is refused; the old one stays in force")?;
    let why = refused.field("why").and_then(|why| why.as_str()).unwrap_or_default();
    ensure!(why.contains("recepits") && why.contains("receipts") && why.contains("17"), "{why}");
    fence(&env, &mut daemon, CONTOSO, "one")?;
    let status = env.run(&["status", "--problems"])?;
    // The command itself reads the bad configuration, says so, and asks the daemon all the same.
    assert_eq!(status.code, Some(1), "{status:?}");
    ensure!(status.stderr.contains("recepits"), "{status:?}");
    ensure!(status.stdout.contains("can't be used; line 17: `results.recepits` is not a key"), "{status:?}");
    // What only a restart can change is refused as well, and status says so.
    let elsewhere = env.path("elsewhere").display().to_string();
    env.set("registrar.embedded.path", &format!("{elsewhere:?}"))?;
    daemon.signal("HUP")?;
    let refused = daemon.wait_for_message("the new configuration is refused; the old one stays in force")?;
    ensure!(refused.text.contains("registrar.embedded.path"), "{refused:?}");
    let status = env.run(&["status", "--json"])?;
    let told = status.json()?["configuration"]["refused"].to_string();
    ensure!(told.contains("restart"), "{told}");
    stop(daemon)
}

#[test]
fn it_stops_in_order_while_idle() -> Result<()> {
    let env = env()?;
    let daemon = start(&env)?;
    let (code, log) = daemon.terminate()?;
    assert_eq!((code, log.last().map(Line::message)), (0, Some("stopped")));
    ensure!(!env.path("state/control.sock").exists(), "the socket is left");
    let actions = rows(&env, "SELECT action FROM audit_actions ORDER BY seq")?;
    insta::assert_snapshot!(actions.join("\n"), @"
    start
    load_configuration
    stop
    ");
    Ok(())
}

#[test]
fn it_stops_while_it_copies_a_large_file() -> Result<()> {
    let env = env()?;
    let folder = env.root().join(CONTOSO);
    fs::create_dir(&folder)?;
    let mut file = fs::File::create(env.path("large.csv"))?;
    file.write_all(b"Manufacturer,Model,Serial Number\n")?;
    let lines: Vec<String> = (0..20_000).map(|number| format!("SpiralOrbit,ContosoABC,{number:09}\n")).collect();
    let block = lines.concat();
    for _ in 0..100 {
        file.write_all(block.as_bytes())?;
    }
    drop(file);
    let mut daemon = start(&env)?;
    fs::rename(env.path("large.csv"), folder.join("large.csv"))?;
    let originals = env.path("state/originals");
    daemon.wait_until("a copy under way", || Ok((bytes_below(&originals)? > 0).then_some(())))?;
    let (code, log) = daemon.terminate()?;
    assert_eq!(code, 0);
    ensure!(log.iter().all(|line| !line.message().starts_with("left to the next start")), "it was too slow to stop");
    Ok(())
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // What is there now may be gone in a moment.
        let Ok(meta) = entry.metadata() else { continue };
        sum += if meta.is_dir() { bytes_below(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}

#[test]
fn it_stops_with_many_rows_pending_and_goes_on_with_them() -> Result<()> {
    const ROWS: usize = 20_000;
    let env = env()?;
    let serials: Vec<String> = (0..ROWS).map(|number| number.to_string()).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    env.drop_file(CONTOSO, "a.csv", csv(&serials))?;
    let mut daemon = start(&env)?;
    daemon.wait_for_message("accepted")?;
    let (code, log) = daemon.terminate()?;
    assert_eq!(code, 0);
    ensure!(log.iter().all(|line| !line.message().starts_with("left to the next start")), "it was too slow to stop");
    let mut daemon = start(&env)?;
    let result = env.root().join("contoso/a.result.csv");
    wait_for_answer(&mut daemon, &result, &all_ready(&serials))?;
    stop(daemon)?;
    let counts = "SELECT rows, pending, ready, failed FROM audit_submissions";
    assert_eq!(rows(&env, counts)?, [format!("{ROWS}|0|{ROWS}|0")]);
    let twice = "SELECT count(*) FROM (SELECT 1 FROM audit_attempts WHERE outcome = 'registered'
                 GROUP BY registration_id HAVING count(*) > 1)";
    assert_eq!(rows(&env, twice)?, ["0"], "registered once each");
    Ok(())
}

#[test]
fn the_log_is_json_with_a_line_for_each_step_of_a_file_and_none_for_its_rows() -> Result<()> {
    let mut env = env()?;
    env.set_variable("DEVICEDROP_LOG", "info");
    let mut daemon = start(&env)?;
    let serials: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    let nasty = "na\u{1b}[31msty\u{7}\n\u{202e}\u{9b}31m.csv";
    env.drop_file(CONTOSO, nasty, csv(&serials))?;
    daemon.wait_for("its final result", |line| line.message() == "result written" && line.has("last", "true"))?;
    env.drop_file(CONTOSO, "bad.csv", "Mo\u{1b}]0;x\u{7}del\n1\n")?;
    daemon.wait_for("the rejection", |line| line.message() == "rejected")?;
    daemon.wait_for_message("result written")?;
    let (_, log) = daemon.terminate()?;
    for line in &log {
        ensure!(line.json.is_object(), "not JSON: {}", line.text);
        for key in ["timestamp", "level", "message", "target"] {
            ensure!(line.field(key).is_some(), "no {key}: {}", line.text);
        }
        ensure!(!line.text.chars().any(char::is_control), "raw control characters: {:?}", line.text);
        ensure!(!line.text.contains(['\u{202e}', '\u{9b}']), "marks that turn text around: {:?}", line.text);
    }
    // Whoever parses the log has the name as it is.
    ensure!(log.iter().any(|line| line.has("file", nasty)), "the file's name is another");
    let of_files: Vec<&str> = log.iter().filter(|line| line.field("file").is_some()).map(Line::message).collect();
    let firsts = of_files.iter().filter(|message| **message == "result written").count();
    ensure!((2..=4).contains(&firsts), "{of_files:?}");
    let others: Vec<&str> = of_files.into_iter().filter(|message| *message != "result written").collect();
    assert_eq!(others, ["accepted", "rejected"]);
    ensure!(log.len() < 20, "{} lines for two files", log.len());
    Ok(())
}

/// Everything below a folder: its kind, bytes, mode, owner and times.
fn census(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        let mut marks = format!("{:o} {} {} {}", meta.mode(), meta.uid(), meta.gid(), meta.ino());
        if meta.is_dir() {
            for (name, inner) in census(&entry.path())? {
                found.insert(format!("{}/{name}", entry.file_name().to_string_lossy()), inner);
            }
        } else {
            marks = format!("{marks} {} {}.{}", meta.nlink(), meta.mtime(), meta.mtime_nsec());
            if meta.is_file() {
                marks = format!("{marks} {}", fs::read(entry.path())?.escape_ascii());
            }
        }
        found.insert(entry.file_name().to_string_lossy().into_owned(), marks);
    }
    Ok(found)
}

#[test]
fn the_drop_folder_is_left_as_it_is_but_for_result_files() -> Result<()> {
    let mut env = env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1", "", "3"]))?;
    env.drop_file(CONTOSO, "PO-1/b.CSV", csv(&["2"]))?;
    env.drop_file(CONTOSO, "PO-1/b.order.json", "{\"order_id\": \"X\"}")?;
    env.drop_file(CONTOSO, "rejected.csv", "x\n")?;
    env.drop_file(CONTOSO, "notes.txt", "hello\n")?;
    env.drop_file(CONTOSO, ".hidden.csv", csv(&["9"]))?;
    env.drop_file(CONTOSO, "archive/old.csv", csv(&["9"]))?;
    env.drop_file(CONTOSO, "_aside/old.csv", csv(&["9"]))?;
    env.drop_file(CONTOSO, "foreign.result.csv", "not ours\n")?;
    let before = census(&env.root())?;
    let mut daemon = start(&env)?;
    for (file, result) in [("a.csv", "a.result.csv"), ("rejected.csv", "rejected.result.csv")] {
        let path = env.root().join(CONTOSO).join(file);
        daemon.wait_for_file(&path.with_file_name(result), |text| !text.contains("pending"))?;
        wait_for_verdict(&env, &mut daemon, &path, if file == "a.csv" { "accepted" } else { "rejected" }, "")?;
    }
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM audit_results WHERE final", &["3"])?;
    stop(daemon)?;
    let mut after = census(&env.root())?;
    let ours = ["a.result.csv", "PO-1/b.result.CSV", "rejected.result.csv"];
    for name in ours {
        after.remove(&format!("contoso/{name}")).with_context(|| format!("no {name}"))?;
    }
    assert_eq!(before, after);
    assert_eq!(
        rows(&env, "SELECT file, order_id FROM audit_submissions WHERE order_id IS NOT NULL")?,
        ["PO-1/b.CSV|X"]
    );
    Ok(())
}

/// A ledger that isn't as it was written ends the daemon with an exit code of its own, and with a sentence.
#[test]
fn a_damaged_ledger_needs_a_person() -> Result<()> {
    use std::os::unix::fs::FileExt;
    let env = crate::scene::env()?;
    env.drop_file("contoso", "devices.csv", "Manufacturer,Model,Serial Number\nA,B,C1\nA,B,C2\n")?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0));
    let file = std::fs::File::options().write(true).open(env.ledger())?;
    let pages = file.metadata()?.len() / 16_384;
    for page in 2..pages {
        file.write_all_at(&[0xAA; 16_384], page * 16_384)?;
    }
    drop(file);
    let run = env.run(&["run", "--once"])?;
    assert_eq!(run.code, Some(4), "{run:?}");
    Ok(())
}

/// In a root where every folder is a customer, a folder that is made later doesn't put another one out of service.
#[test]
fn a_folder_that_differs_in_capitals_alone_is_no_customer() -> Result<()> {
    let env = crate::scene::env()?;
    env.drop_file("zeta", "one.csv", "Manufacturer,Model,Serial Number\nA,B,C1\n")?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0));
    env.drop_file("ZETA", "other.csv", "Manufacturer,Model,Serial Number\nA,B,C2\n")?;
    env.drop_file("zeta", "two.csv", "Manufacturer,Model,Serial Number\nA,B,C3\n")?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0));
    let taken = env.query("SELECT customer, file FROM audit_submissions ORDER BY file")?;
    assert_eq!(serde_json::to_string(&taken)?, r#"[["zeta","one.csv"],["zeta","two.csv"]]"#);
    Ok(())
}

#[test]
fn a_second_order_to_stop_is_obeyed_at_once() -> Result<()> {
    let env = env()?;
    env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let slow = Script { latency_ms: 600_000, ..Script::default() };
    let mut daemon = crate::daemon()?.scripted(&env, &slow, None)?;
    daemon.wait_until("the registrar's own record", || {
        let registered = |entry: &Entry| entry.what == What::Registered;
        Ok(read_journal(&journal(&env)).is_ok_and(|journal| journal.iter().any(registered)).then_some(()))
    })?;
    daemon.signal("TERM")?;
    daemon.wait_for_message("stopping")?;
    daemon.signal("INT")?;
    let (code, log) = daemon.wait()?;
    assert_eq!(code, 0);
    let said: Vec<&str> = log.iter().map(Line::message).collect();
    ensure!(said.contains(&"stopping at once") && said.last() == Some(&"stopped"), "{said:?}");
    // What was under way is asked about, and isn't sent again.
    let mut daemon = crate::daemon()?.scripted(&env, &Script::default(), None)?;
    wait_for_rows(&env, &mut daemon, "SELECT number, outcome FROM audit_attempts", &["1|registered"])?;
    stop(daemon)?;
    checker::at_the_end(&env, Mode::Keyed)
}
