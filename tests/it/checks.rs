//! What `check` says of what lies beside a file is what the daemon goes by.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;

use crate::scene::{CONTOSO, csv, env, explain, run_once, start, stop, wait_for_verdict};

/// The codes of what `check` finds about a file, and whether it would be refused.
fn found(env: &TestEnv, name: &str) -> Result<(Vec<String>, bool)> {
    let path = env.root().join(CONTOSO).join(name);
    let output = env.run(&["check", "--json", path.to_str().context("a path in UTF-8")?])?;
    let document = output.json()?;
    let findings = document["findings"].as_array().context("findings")?;
    // Every device here is the sample's.
    let codes = findings.iter().filter_map(|finding| finding["code"].as_str()).filter(|code| *code != "sample");
    let codes = codes.map(str::to_owned).collect();
    Ok((codes, output.code == Some(1)))
}

fn says(env: &TestEnv, name: &str, codes: &[&str], refused: bool) -> Result<()> {
    let found = found(env, name)?;
    ensure!(found == (codes.iter().map(|code| (*code).to_owned()).collect(), refused), "{name}: {found:?}");
    Ok(())
}

#[test]
fn check_looks_at_the_order_file_as_the_daemon_does() -> Result<()> {
    let mut env = env()?;
    let put = |env: &TestEnv, name: &str, text: &str| env.drop_file(CONTOSO, name, text);
    for (name, order) in [
        ("fine", r#"{"order_id": "1"}"#),
        ("broken", "{\"order_id\":\n 'x'}"),
        ("unknown", r#"{"order": "1"}"#),
        ("empty", ""),
        ("none", "-"),
    ] {
        put(&env, &format!("{name}.csv"), &csv(&[name]))?;
        if order != "-" {
            put(&env, &format!("{name}.order.json"), order)?;
        }
    }
    put(&env, "capitals.csv", &csv(&["capitals"]))?;
    put(&env, "capitals.ORDER.JSON", r#"{"order_id": "1"}"#)?;
    put(&env, "link.csv", &csv(&["link"]))?;
    symlink("fine.order.json", env.root().join(CONTOSO).join("link.order.json"))?;
    put(&env, "folder.csv", &csv(&["folder"]))?;
    fs::create_dir(env.root().join(CONTOSO).join("folder.order.json"))?;
    put(&env, "broken.check.csv", &csv(&["rehearsed"]))?;
    put(&env, "broken.check.order.json", "{")?;

    says(&env, "fine.csv", &[], false)?;
    says(&env, "none.csv", &[], false)?;
    for name in ["broken", "unknown", "empty", "capitals", "link", "folder"] {
        says(&env, &format!("{name}.csv"), &["bad_order_file"], true)?;
    }
    says(&env, "broken.check.csv", &[], false)?;
    let broken = env.root().join(CONTOSO).join("broken.csv");
    let told = env.run(&["check", broken.to_str().context("a path in UTF-8")?])?.stdout;
    ensure!(told.contains("line 2 at column 2"), "{told}");

    let mut daemon = start(&env)?;
    for name in ["broken", "unknown", "empty", "capitals", "link", "folder"] {
        let path = env.root().join(CONTOSO).join(format!("{name}.csv"));
        wait_for_verdict(&env, &mut daemon, &path, "waiting", "order file")?;
    }
    let fine = env.root().join(CONTOSO).join("fine.csv");
    wait_for_verdict(&env, &mut daemon, &fine, "accepted", "")?;
    // Taken as it lies there: nothing more is needed. With another content, the order file doesn't count again.
    says(&env, "fine.csv", &["registered_before"], false)?;
    stop(daemon)?;
    put(&env, "fine.csv", &csv(&["fine-2"]))?;
    says(&env, "fine.csv", &["used_order_file"], false)?;
    env.set("customers.contoso.order", "\"required\"")?;
    says(&env, "fine.csv", &["used_order_file"], false)?;
    put(&env, "none.csv", &csv(&["none-2"]))?;
    says(&env, "none.csv", &["no_order_file"], false)
}

#[test]
fn check_looks_at_the_marker_as_the_daemon_does() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.complete", "\"marker\"")?;
    let put = |name: &str, text: &str| env.drop_file(CONTOSO, name, text);
    for name in ["none", "fine", "capitals", "link", "folder", "other"] {
        put(&format!("{name}.csv"), &csv(&[name]))?;
    }
    put("fine.csv.done", "")?;
    put("capitals.csv.DONE", "")?;
    put("other.csv.done", &"0".repeat(64))?;
    let folder = env.root().join(CONTOSO);
    symlink("fine.csv.done", folder.join("link.csv.done"))?;
    fs::create_dir(folder.join("folder.csv.done"))?;
    for (name, code, refused) in [
        ("none", Some("no_marker"), false),
        ("fine", None, false),
        ("capitals", Some("marker_renamed"), false),
        ("link", Some("bad_marker"), false),
        ("folder", Some("bad_marker"), false),
        ("other", Some("other_content"), true),
    ] {
        says(&env, &format!("{name}.csv"), code.as_slice(), refused)?;
    }
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &folder.join("fine.csv"), "accepted", "")?;
    for name in ["none", "capitals", "link", "folder", "other"] {
        wait_for_verdict(&env, &mut daemon, &folder.join(format!("{name}.csv")), "waiting", "marker")?;
    }
    stop(daemon)?;
    put("fine.csv", &csv(&["fine-2"]))?;
    says(&env, "fine.csv", &["used_marker"], false)
}

#[test]
fn a_customer_that_is_not_there_is_told_of() -> Result<()> {
    let env = env()?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let path = path.to_str().context("a path in UTF-8")?;
    let slip = env.run(&["check", "--customer", "cotnoso", path])?;
    ensure!(slip.code == Some(2) && slip.stderr.contains("the nearest is contoso"), "{slip:?}");
    let broken = env.path("broken.toml");
    fs::write(&broken, "[drop\n")?;
    let broken = env.run(&["check", "--config", broken.to_str().context("a path in UTF-8")?, path])?;
    ensure!(broken.code == Some(2) && !broken.stderr.contains("u{a}"), "{broken:?}");
    Ok(())
}

#[test]
fn check_tells_of_the_days_limit_as_the_daemon_goes_by_it() -> Result<()> {
    let mut env = env()?;
    env.set("drop.per_customer_rows_per_day", "2")?;
    env.write_file(CONTOSO, "first.csv", csv(&["1"]))?;
    run_once(&env)?;
    env.write_file(CONTOSO, "second.csv", csv(&["2"]))?;
    says(&env, "second.csv", &[], false)?;
    run_once(&env)?;
    let third = env.write_file(CONTOSO, "third.csv", csv(&["3"]))?;
    says(&env, "third.csv", &["day_limit"], false)?;
    says(&env, "second.csv", &["registered_before"], false)?;
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &third, "waiting", "over the day's limit")?;
    stop(daemon)
}

#[test]
fn a_path_is_the_same_file_however_it_is_written() -> Result<()> {
    let env = env()?;
    let file = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    fs::create_dir(env.root().join(CONTOSO).join("PO-1"))?;
    run_once(&env)?;
    symlink(env.root(), env.path("link"))?;
    symlink(env.root().join(CONTOSO), env.path("folder"))?;
    let result = file.with_file_name("a.result.csv");
    for path in [
        env.root().join("contoso/../contoso/a.csv"),
        env.root().join("contoso/PO-1/../a.csv"),
        env.path("drop/../drop/contoso/./a.csv"),
        env.path("link/contoso/a.csv"),
        env.path("link/../drop/contoso/a.csv"),
        env.path("folder/a.csv"),
    ] {
        let text = path.to_str().context("a path in UTF-8")?;
        ensure!(explain(&env, &path)?.0 == "accepted", "explain {text}");
        fs::remove_file(&result)?;
        let written = env.run(&["result", text])?;
        ensure!(written.code == Some(0) && result.exists(), "{text}: {written:?}");
        let checked = env.run(&["check", "--json", text])?;
        let codes = checked.json()?["findings"].to_string();
        ensure!(codes.contains("registered_before") && !codes.contains("no_customer"), "{text}: {codes}");
    }
    let outside = env.root().join("contoso/../../state/ledger.db");
    let output = env.run(&["explain", outside.to_str().context("a path in UTF-8")?])?;
    ensure!(output.code == Some(2) && output.stderr.contains("doesn't lie in the drop folder"), "{output:?}");
    Ok(())
}
