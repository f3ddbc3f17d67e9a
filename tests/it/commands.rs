//! Every command as people and scripts give it: what it prints, how it ends, with a daemon and without.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Output;
use insta::assert_snapshot;
use serde_json::Value;

use crate::scene::{CONTOSO, all_ready, csv, env, explain, rows, start, stop, wait_for_answer, wait_for_verdict};

/// Both streams and the exit code, with what differs from run to run taken out.
fn told(env: &TestEnv, output: &Output) -> Result<String> {
    let place = env.path("").display().to_string().trim_end_matches('/').to_owned();
    let mut text = format!("{}{}exit {}", output.stdout, output.stderr, output.code.unwrap_or(-1));
    text = text.replace(&place, "[place]");
    if env.ledger().exists() {
        for id in rows(env, "SELECT submission_id FROM audit_submissions")? {
            text = text.replace(&id, "[submission]");
        }
    }
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

fn run(env: &TestEnv, words: &[&str]) -> Result<String> {
    told(env, &env.run(words)?)
}

/// The documents of a list, one in each line.
fn list(env: &TestEnv, words: &[&str]) -> Result<Vec<Value>> {
    let output = env.run(&[words, &["--json"]].concat())?;
    ensure!(output.code == Some(0), "{output:?}");
    output.stdout.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// A place where one file was taken: a device registered, one not found, one row not valid.
fn settled() -> Result<TestEnv> {
    let mut env = env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?;
    ensure!(env.run(&["run", "--once"])?.code == Some(0), "an empty run");
    let inventory = env.path("inventory.csv");
    fs::write(&inventory, csv(&["1"]))?;
    ensure!(env.run(&["registry", "import", text(&inventory)?])?.code == Some(0), "an import");
    env.drop_file(CONTOSO, "PO-1/a.csv", csv(&["1", "2", ""]))?;
    ensure!(env.run(&["run", "--once"])?.code == Some(1), "a run with failures");
    Ok(env)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

#[test]
fn a_single_run_says_by_its_exit_code_whether_all_is_registered() -> Result<()> {
    let env = env()?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0), "nothing to do");
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0), "all registered");
    env.drop_file(CONTOSO, "b.csv", csv(&[""]))?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1), "a row failed");
    Ok(())
}

#[test]
fn a_single_run_fails_for_a_rejected_file_too() -> Result<()> {
    let env = env()?;
    env.drop_file(CONTOSO, "c.csv", "x\n")?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    Ok(())
}

#[test]
fn a_single_run_judges_only_what_it_took_itself() -> Result<()> {
    let env = env()?;
    env.drop_file(CONTOSO, "a.csv", csv(&[""]))?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    env.drop_file(CONTOSO, "b.csv", csv(&["1"]))?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0), "what failed before is no affair of this run");
    Ok(())
}

#[test]
fn a_single_run_leaves_what_waits_for_somebody() -> Result<()> {
    let mut env = env()?;
    env.set("drop.settle_open", "\"1h\"")?
        .set("customers.marked.complete", "\"marker\"")?
        .set("customers.ordered.order", "\"required\"")?
        .set("customers.paused.paused", "true")?;
    for customer in ["marked", "ordered", "paused", "writing"] {
        env.drop_file(customer, "a.csv", csv(&[customer]))?;
    }
    let held = fs::File::options().append(true).open(env.root().join("writing/a.csv"))?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(0));
    assert_eq!(rows(&env, "SELECT customer FROM audit_submissions")?, [""; 0]);
    drop(held);
    Ok(())
}

#[test]
fn init_makes_a_beginning_and_what_it_prints_works() -> Result<()> {
    let env = env()?;
    let made = env.run(&["init", "new"])?;
    assert_snapshot!(told(&env, &made)?, @"
    [place]/new/devicedrop.toml: written
    [place]/new/samples/devices.csv: written
    [place]/new/samples/inventory.csv: written

    Next, the daemon, and in a second terminal the inventory and a file:

      devicedrop --config [place]/new/devicedrop.toml run

      devicedrop --config [place]/new/devicedrop.toml registry import [place]/new/samples/inventory.csv
      cp [place]/new/samples/devices.csv [place]/new/drop/contoso
      devicedrop --config [place]/new/devicedrop.toml status
    exit 0
    ");
    let config = env.path("new/devicedrop.toml");
    // The commands printed, in their order: the daemon, then the others beside it.
    let commands: Vec<&str> = made.stdout.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let [run, import, copy, status] = commands.as_slice() else { anyhow::bail!("{commands:?}") };
    let words = |line: &str| line.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>();
    ensure!(run.ends_with("run") && copy.starts_with("cp "), "{commands:?}");
    let text = fs::read_to_string(&config)?.replace("127.0.0.1:8787", "off").replace("\"1s\" ", "\"20ms\" ");
    fs::write(&config, text)?;
    ensure!(env.run(&["--config", text_of(&config)?, "run", "--once"])?.code == Some(0), "{run}");
    let import = words(import);
    let import = env.run(&import.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert_eq!(
        (import.code, import.stdout.as_str()),
        (Some(0), "1 device added to the inventory, 0 known already\n")
    );
    let [from, to] = words(copy).try_into().map_err(|words| anyhow::anyhow!("{words:?}"))?;
    fs::copy(from, Path::new(&to).join("devices.csv"))?;
    ensure!(
        env.run(&["--config", text_of(&config)?, "run", "--once"])?.code == Some(1),
        "one isn't in the inventory"
    );
    let result = fs::read_to_string(env.path("new/drop/contoso/devices.result.csv"))?;
    ensure!(result.contains("CD14-000001,Ready for user") && result.contains("Device not found"), "{result}");
    let status = words(status);
    ensure!(env.run(&status.iter().map(String::as_str).collect::<Vec<_>>())?.code == Some(0), "status");
    Ok(())
}

fn text_of(path: &Path) -> Result<&str> {
    text(path)
}

#[test]
fn check_says_before_dropping_what_would_be_refused() -> Result<()> {
    let env = env()?;
    let (good, bad) = (env.path("good.csv"), env.path("bad.csv"));
    fs::write(&good, csv(&["1"]))?;
    fs::write(&bad, csv(&["1", ""]))?;
    assert_eq!(env.run(&["check", text(&good)?])?.code, Some(0));
    assert_eq!(env.run(&["check", text(&good)?, text(&bad)?])?.code, Some(1));
    assert_eq!(env.run(&["check", text(&env.path("none.csv"))?])?.code, Some(2));
    ensure!(!env.ledger().exists(), "no ledger is needed, and none is made");
    Ok(())
}

#[test]
fn check_tells_what_the_customer_registered_before_while_a_daemon_runs() -> Result<()> {
    let env = settled()?;
    let new = env.path("new.csv");
    fs::write(&new, csv(&["1"]))?;
    let _daemon = start(&env)?;
    let told = env.run(&["check", "--customer", CONTOSO, text(&new)?])?;
    ensure!(told.code == Some(0) && told.stdout.contains("PO-1/a.csv"), "{}", told.stdout);
    Ok(())
}

#[test]
fn status_tells_how_things_stand_with_and_without_a_daemon() -> Result<()> {
    let env = settled()?;
    let status = env.run(&["status", "--json"])?;
    assert_eq!((status.code, &status.json()?["daemon"]), (Some(0), &Value::Null));
    let customers = &status.json()?["customers"];
    assert_eq!(
        (&customers[0]["customer"], &customers[0]["ready"], &customers[0]["failed"]),
        (&Value::from(CONTOSO), &Value::from(1), &Value::from(2))
    );
    let mut daemon = start(&env)?;
    let status = daemon.wait_until("the folder to be looked at", || {
        let status = env.run(&["status", "--json"])?.json()?;
        Ok((status["customers"][0]["folder_state"] == "online").then_some(status))
    })?;
    assert_eq!(status["daemon"]["pid"], Value::from(daemon.pid()));
    ensure!(env.run(&["status"])?.stdout.contains("nothing needs a person"), "a screen");
    assert_snapshot!(run(&env, &["status", "--problems"])?, @"exit 0");
    // A folder that is gone needs a person.
    fs::rename(env.root(), env.path("away"))?;
    daemon.wait_for_message("drop folder offline")?;
    let problems = env.run(&["status", "--problems"])?;
    ensure!(problems.code == Some(1) && problems.stdout.contains("contoso"), "{problems:?}");
    let json = env.run(&["status", "--problems", "--json"])?;
    ensure!(json.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{json:?}");
    stop(daemon)
}

#[test]
fn explain_has_a_verdict_on_every_file() -> Result<()> {
    let mut env = env()?;
    env.set("drop.settle_open", "\"1h\"")?
        .set("customers.marked.complete", "\"marker\"")?
        .set("customers.ordered.order", "\"required\"")?
        .set("customers.limited.name", "\"Limited\"")?
        .set("customers.paused.paused", "true")?;
    let file = |customer: &str, name: &str| env.drop_file(customer, name, csv(&["1"]));
    let (marked, ordered, paused) = (file("marked", "a.csv")?, file("ordered", "a.csv")?, file("paused", "a.csv")?);
    let writing = file("writing", "a.csv")?;
    let held = fs::File::options().append(true).open(&writing)?;
    let accepted = file(CONTOSO, "accepted.csv")?;
    let rejected = env.drop_file(CONTOSO, "rejected.csv", "x\n")?;
    let hidden = file(CONTOSO, ".a.csv")?;
    let unfinished = file(CONTOSO, "a.csv.part")?;
    let aside = file(CONTOSO, "archive/a.csv")?;
    let deep = file(CONTOSO, "PO-1/deep/a.csv")?;
    let link = env.root().join("contoso/link.csv");
    std::os::unix::fs::symlink(&accepted, &link)?;
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &accepted, "accepted", "1 ready")?;
    wait_for_verdict(&env, &mut daemon, &rejected, "rejected", "")?;
    wait_for_verdict(&env, &mut daemon, &writing, "settling", "open")?;
    wait_for_verdict(&env, &mut daemon, &marked, "waiting", "marker")?;
    wait_for_verdict(&env, &mut daemon, &ordered, "waiting", "order file")?;
    let mut all = Vec::new();
    let rest = [paused, hidden, unfinished, aside, deep, link, accepted.with_file_name("accepted.result.csv")];
    for path in &rest {
        let (verdict, why) = explain(&env, path)?;
        let name = path.strip_prefix(env.root())?.display().to_string();
        all.push(format!("{name}: {verdict}: {}", why.replace(text(&env.path(""))?, "[place]/")));
    }
    assert_snapshot!(all.join("\n"), @"
    paused/a.csv: paused: its customer paused is paused in the configuration
    contoso/.a.csv: ignored: its name begins with a full stop
    contoso/a.csv.part: ignored: its name ends in .part, as that of a file that isn't complete yet
    contoso/archive/a.csv: ignored: its folder isn't looked into: the folder stands in ignore_folders
    contoso/PO-1/deep/a.csv: ignored: it lies too deep: only the drop folder and the folders directly inside it are looked into ([place]/drop/contoso)
    contoso/link.csv: ignored: it is a link; links are never followed: put the file itself there
    contoso/accepted.result.csv: ignored: it has a name that devicedrop's own output has, and is never taken
    ");
    assert_snapshot!(run(&env, &["explain", text(&accepted.with_file_name("none.csv"))?])?, @"
    [place]/drop/contoso/none.csv: missing: there is no such file, and nothing is on record of one
    exit 0
    ");
    assert_snapshot!(run(&env, &["explain", "/somewhere/else.csv"])?, @"
    error: /somewhere/else.csv doesn't lie in the drop folder of a customer
      try: devicedrop customer list tells where the drop folders are
    exit 2
    ");
    drop(held);
    stop(daemon)
}

#[test]
fn look_ups_have_the_views_columns_as_keys() -> Result<()> {
    let env = settled()?;
    let id = rows(&env, "SELECT submission_id FROM audit_submissions")?.pop().context("a submission")?;
    let keys = |list: &[Value]| -> Vec<String> {
        let object = list.first().and_then(Value::as_object);
        object.into_iter().flat_map(|object| object.keys().cloned()).collect()
    };
    let columns = |view: &str| rows(&env, &format!("SELECT name FROM pragma_table_info('{view}')"));
    for (command, view, count) in
        [("submissions", "audit_submissions", 1), ("devices", "audit_devices", 1), ("attempts", "audit_attempts", 2)]
    {
        let found = list(&env, &[command])?;
        assert_eq!(found.len(), count, "{command}");
        let (mut keys, mut columns) = (keys(&found), columns(view)?);
        keys.sort();
        columns.sort();
        assert_eq!(keys, columns, "{command}");
        ensure!(list(&env, &[command, "--customer", "nobody"])?.is_empty(), "{command}");
        ensure!(list(&env, &[command, "--since", "2999-01-01"])?.is_empty(), "{command}");
        ensure!(env.run(&[command])?.code == Some(0), "{command} as a table");
    }
    assert_eq!(list(&env, &["submissions", "--error", "device_not_found"])?.len(), 1);
    assert_eq!(list(&env, &["submissions", "--error", "unexpected_error"])?.len(), 0);
    assert_eq!(list(&env, &["attempts", "--error", "device_not_found"])?.len(), 1);
    assert_eq!(list(&env, &["devices", "--at", "2001-01-01"])?.len(), 0);
    let request = rows(&env, "SELECT request_id FROM audit_registrations WHERE error = 'device_not_found'")?;
    for known in ["1", "PO-1", "a.csv", &id, request.first().context("a request ID")?] {
        ensure!(!list(&env, &["find", known])?.is_empty(), "{known} isn't found");
    }
    assert_eq!(env.run(&["find", "nothing of the kind"])?.code, Some(1));
    ensure!(list(&env, &["history", "1"])?.len() >= 2, "received, and registered");
    assert_eq!(env.run(&["history", "nothing of the kind"])?.code, Some(1));
    Ok(())
}

#[test]
fn retry_tries_again_what_failed() -> Result<()> {
    let env = settled()?;
    assert_snapshot!(run(&env, &["retry", "--customer", "nobody"])?, @"
    error: there is no customer nobody
      try: devicedrop customer list tells who is
    exit 2
    ");
    let inventory = env.path("more.csv");
    fs::write(&inventory, csv(&["2"]))?;
    let mut daemon = start(&env)?;
    assert_snapshot!(run(&env, &["registry", "import", text(&inventory)?])?, @"
    1 device added to the inventory, 0 known already
    1 failed row would be found now: devicedrop retry --error device_not_found
    exit 0
    ");
    assert_snapshot!(run(&env, &["retry", "--error", "device_not_found"])?, @"
    1 registration tried again
    exit 0
    ");
    let result = env.root().join("contoso/PO-1/a.result.csv");
    daemon.wait_for_file(&result, |text| text.contains("2,Ready for user"))?;
    stop(daemon)?;
    // Once on record for each time that somebody asked.
    let asked =
        "SELECT action, subject FROM audit_actions WHERE action NOT IN ('start', 'stop', 'load_configuration')";
    assert_snapshot!(rows(&env, asked)?.join("\n").replace(text(&env.path(""))?, "[place]/"), @"
    registry_import|[place]/inventory.csv
    registry_import|[place]/more.csv
    retry|error device_not_found
    ");
    Ok(())
}

#[test]
fn a_rejected_submission_is_judged_anew_when_named() -> Result<()> {
    let mut env = env()?;
    let path = env.drop_file(CONTOSO, "a.csv", "Hersteller,Model,Serial Number\nSpiralOrbit,ContosoABC,1\n")?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    let id = rows(&env, "SELECT submission_id FROM audit_submissions")?.pop().context("a submission")?;
    let columns =
        "{ \"Manufacturer\" = \"Hersteller\", \"Model\" = \"Model\", \"Serial Number\" = \"Serial Number\" }";
    env.set("customers.contoso.columns", columns)?;
    let mut daemon = start(&env)?;
    assert_snapshot!(run(&env, &["retry", "--submission", &id])?, @"
    0 registrations tried again
    1 rejected submission judged anew
    exit 0
    ");
    daemon.wait_for_file(&path.with_file_name("a.result.csv"), |text| text.contains("1,Ready for user"))?;
    stop(daemon)?;
    assert_eq!(rows(&env, "SELECT outcome FROM audit_submissions ORDER BY received_at")?, ["rejected", "accepted"]);
    let unknown = env.run(&["retry", "--submission", "01a2042e-f0ae-7193-853a-d74daa4edaec"])?;
    assert_snapshot!(told(&env, &unknown)?, @"
    error: there is no submission 01a2042e-f0ae-7193-853a-d74daa4edaec
      try: devicedrop submissions lists them; give the whole ID
    exit 2
    ");
    Ok(())
}

#[test]
fn resolve_decides_only_what_is_in_doubt() -> Result<()> {
    let env = settled()?;
    assert_snapshot!(run(&env, &["resolve", "1", "--registered", "--reason", "seen"])?, @"
    error: there is no registration 1
    exit 2
    ");
    let id = rows(&env, "SELECT min(registration_id) FROM audit_registrations")?.pop().context("a registration")?;
    let refused = env.run(&["resolve", &id, "--retry", "--reason", "seen"])?;
    assert_snapshot!(told(&env, &refused)?.replace(&id, "[id]"), @"
    error: no attempt of registration [id] is in doubt
    exit 2
    ");
    let no_reason = env.run(&["resolve", &id, "--retry", "--reason", " "])?;
    assert_snapshot!(told(&env, &no_reason)?, @"
    error: a decision needs a reason
      try: say it with --reason, for whoever reads the ledger
    exit 2
    ");
    Ok(())
}

#[test]
fn customers_are_added_and_listed() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    assert_snapshot!(run(&env, &["customer", "add", "Datum B.V."])?, @"
    error: invalid value 'Datum B.V.' for '<KEY>': a customer's key has no blank or full stop at either end

    For more information, try '--help'.
    exit 2
    ");
    assert_snapshot!(run(&env, &["customer", "add", "A. Datum (NL)", "--name", "A. Datum B.V."])?, @r#"
    [place]/drop/A. Datum (NL): made
    [place]/devicedrop.toml: [customers."A. Datum (NL)"] added
    the daemon has taken it up
    exit 0
    "#);
    assert_snapshot!(run(&env, &["customer", "add", "A. Datum (NL)"])?, @"
    error: A. Datum (NL) has a section in the configuration already
      try: change its section there; a running daemon takes it up by itself
    exit 2
    ");
    let table = env.run(&["customer", "list"])?;
    ensure!(table.stdout.contains("A. Datum B.V.") && table.code == Some(0), "{table:?}");
    let path = env.drop_file("A. Datum (NL)", "a.csv", csv(&["1"]))?;
    wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &all_ready(&["1"]))?;
    stop(daemon)?;
    let listed = list(&env, &["customer", "list"])?;
    assert_eq!(listed.first().map(|customer| &customer["name"]), Some(&Value::from("A. Datum B.V.")));
    Ok(())
}

#[test]
fn the_inventory_is_imported_listed_and_given_up() -> Result<()> {
    let env = settled()?;
    let file = env.path("mixed.csv");
    fs::write(&file, csv(&["1", "", "3"]))?;
    assert_snapshot!(run(&env, &["registry", "import", text(&file)?])?, @r#"
    1 device added to the inventory, 1 known already
    refused: [place]/mixed.csv:3: Line 3, column "Serial Number": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.
    exit 1
    "#);
    assert_snapshot!(run(&env, &["registry", "import", text(&env.path("none.csv"))?])?, @"
    error: [place]/none.csv can't be read
      because No such file or directory (os error 2)
    exit 2
    ");
    let listed = list(&env, &["registry", "list"])?;
    assert_eq!(listed.len(), 2, "{listed:?}");
    ensure!(env.run(&["registry", "list"])?.code == Some(0), "as a table");
    let device = ["--manufacturer", "SpiralOrbit", "--model", "ContosoABC", "--serial-number"];
    let release = |serial| run(&env, &[["registry", "release"].as_slice(), &device, &[serial]].concat());
    assert_snapshot!(release("3")?, @"
    0 claims given up
    left out: 1 device, which nobody, or not that customer, had claimed
    exit 1
    ");
    assert_snapshot!(release("1")?, @"
    1 claim given up
    exit 0
    ");
    assert_snapshot!(release("1")?, @"
    0 claims given up
    left out: 1 device, which nobody, or not that customer, had claimed
    exit 1
    ");
    // It can be registered again, by another customer too.
    env.drop_file("fabrikam", "b.csv", csv(&["1"]))?;
    assert_eq!(env.run(&["run", "--once"])?.code.map(|code| code < 2), Some(true));
    let taken = "SELECT customer, state FROM audit_registrations WHERE serial_number = '1' ORDER BY registration_id";
    assert_eq!(rows(&env, taken)?, ["contoso|ready_for_user", "fabrikam|ready_for_user"]);
    Ok(())
}

#[test]
fn a_second_daemon_on_the_same_ledger_is_refused() -> Result<()> {
    let env = env()?;
    let daemon = start(&env)?;
    let second = env.run(&["run"])?;
    assert_snapshot!(told(&env, &second)?.replace(&daemon.pid().to_string(), "[pid]"), @"
    error: [place]/state/ledger.db is in use by process [pid]
    exit 2
    ");
    stop(daemon)
}

#[test]
fn mistakes_are_told_with_a_way_out() -> Result<()> {
    let mut env = env()?;
    assert_snapshot!(run(&env, &["status"])?, @"
    error: there is no ledger at [place]/state/ledger.db
      try: devicedrop run makes one; is this the right configuration? -v says which it is
    exit 2
    ");
    assert_snapshot!(run(&env, &["retry"])?, @"
    error: there is no ledger at [place]/state/ledger.db
      try: devicedrop run makes one; -v tells which configuration is used
    exit 2
    ");
    assert_snapshot!(run(&env, &["submissions"])?, @"
    error: there is no ledger at [place]/state/ledger.db
      try: only `devicedrop run` and `devicedrop demo` make one
    exit 2
    ");
    assert_snapshot!(run(&env, &["--config", "none.toml", "status"])?, @"
    error: can't read the configuration none.toml
      because No such file or directory (os error 2)
      try: devicedrop init writes a commented one
    exit 2
    ");
    env.set("results.recepits", "true")?;
    assert_snapshot!(run(&env, &["run", "--once"])?, @"
    error: the configuration [place]/devicedrop.toml can't be used
      line 15: `results.recepits` is not a key; the nearest that is: `results.receipts`
    exit 2
    ");
    ensure!(!env.ledger().exists(), "no command but run makes a ledger");
    for (words, code) in [(&["sing"][..], 2), (&[], 2), (&["--help"], 0), (&["completions", "bash"], 0)] {
        assert_eq!(env.run(words)?.code, Some(code), "{words:?}");
    }
    Ok(())
}
