//! Nobody is left without an answer: what waits, or is left where it is, is told of beside the file, in `status`, by
//! `explain` and on record; and what was said is taken back once its cause is gone.
//!
//! The daemon here has clocks that the tests put forward: a minute, or a day, is over when a test says so.

mod beside;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::under_test::put_forward;
use serde_json::Value;

use crate::scene::{
    CONTOSO, all_ready, csv, env, explain, fence, rows, stop, wait_for_answer, wait_for_rows, wait_for_verdict,
};

const MINUTE: Duration = Duration::from_secs(61);
const REFUSALS: &str = "SELECT file, reason FROM audit_refusals ORDER BY file, reason";

fn start(env: &TestEnv) -> Result<Daemon> {
    let mut daemon = crate::daemon()?.with_a_clock_to_move(env)?;
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

fn status(env: &TestEnv) -> Result<Value> {
    let output = env.run(&["status", "--json"])?;
    ensure!(output.code == Some(0), "{output:?}");
    output.json()
}

/// The files that `status` names under a key.
fn files(status: &Value, key: &str) -> Vec<String> {
    let list = status[key].as_array().cloned().unwrap_or_default();
    let mut files: Vec<String> = list.iter().filter_map(|one| one["file"].as_str().map(ToOwned::to_owned)).collect();
    files.sort();
    files
}

/// Waits until `status` names exactly these files under a key.
fn wait_for_files(env: &TestEnv, daemon: &mut Daemon, key: &str, expected: &[&str]) -> Result<()> {
    let mut last = Vec::new();
    let waited = daemon.wait_until(key, || {
        last = files(&status(env)?, key);
        Ok((last == expected).then_some(()))
    });
    waited.with_context(|| format!("{key}: expected {expected:?}, found {last:?}"))
}

/// Waits for an answer that says this.
fn told(daemon: &mut Daemon, path: &Path, words: &str) -> Result<String> {
    let mut last = String::new();
    let waited = daemon.wait_for_file(path, |text| {
        text.clone_into(&mut last);
        text.contains(words)
    });
    waited.with_context(|| format!("{} says {last:?} and not {words:?}", path.display()))
}

#[test]
fn what_is_not_taken_is_answered_after_a_minute_in_the_senders_language() -> Result<()> {
    let mut env = env()?;
    env.set("customers.dutch.locale", "\"nl\"")?;
    let mut daemon = start(&env)?;
    for customer in [CONTOSO, "dutch"] {
        env.write_file(customer, "PO-1/inner/deep.csv", csv(&["1"]))?;
        env.write_file(customer, "2026/11/23/a.csv.txt", csv(&["1"]))?;
        env.write_file(customer, "2026/11/23/deep.csv", csv(&["1"]))?;
        env.write_file(customer, "a.xlsx", "PK")?;
        env.write_file(customer, "notes.txt", "Manufacturer\tModel\nA\tB\n")?;
        env.write_file(customer, "letter.txt", "Dear all,\n")?;
        env.write_file(customer, "linked.csv", csv(&[customer]))?;
        fs::hard_link(env.root().join(customer).join("linked.csv"), env.path(format!("{customer}-other")))?;
    }
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    let fenced = env.drop_file("dutch", "fence.csv", csv(&["3"]))?;
    told(&mut daemon, &fenced.with_file_name("fence.result.csv"), "Klaar voor gebruiker")?;
    assert_eq!(rows(&env, REFUSALS)?, [""; 0], "a minute isn't over");
    put_forward(&env, MINUTE)?;
    let at = |customer: &str, name: &str| env.root().join(customer).join(name);
    let answers = [
        ("PO-1/inner/deep.result.csv", "Move the file one folder up.", "Verplaats het bestand één map omhoog."),
        ("2026/11/23/deep.result.csv", "Move the file 2 folders up.", "Verplaats het bestand 2 mappen omhoog."),
        ("2026/11/23/a.csv.txt.not-a-csv.result.csv", "It lies too deep, too", "Het ligt ook te diep"),
        ("a.xlsx.not-a-csv.result.csv", "Open it in Excel", "Open het in Excel"),
        ("notes.txt.not-a-csv.result.csv", "ends in .csv", "op .csv eindigt"),
        ("linked.result.csv", "a hard link", "een harde koppeling"),
    ];
    for (name, english, dutch) in answers {
        let said = told(&mut daemon, &at(CONTOSO, name), english)?;
        assert!(said.contains("Registration failed,File not valid"), "{said}");
        told(&mut daemon, &at("dutch", name), dutch)?;
    }
    let refused = [
        "2026/11/23/a.csv.txt|too_deep",
        "2026/11/23/a.csv.txt|too_deep",
        "2026/11/23/deep.csv|too_deep",
        "2026/11/23/deep.csv|too_deep",
        "PO-1/inner/deep.csv|too_deep",
        "PO-1/inner/deep.csv|too_deep",
        "a.xlsx|not_a_csv",
        "a.xlsx|not_a_csv",
        "linked.csv|second_link",
        "linked.csv|second_link",
        "notes.txt|not_a_csv",
        "notes.txt|not_a_csv",
    ];
    wait_for_rows(&env, &mut daemon, REFUSALS, &refused)?;
    assert!(!at(CONTOSO, "letter.txt.not-a-csv.result.csv").exists());
    assert_eq!(files(&status(&env)?, "refused").len(), 12);
    // The causes go: status forgets them, and what can be taken is taken and answered in the place of what was said.
    for customer in [CONTOSO, "dutch"] {
        for name in ["a.xlsx", "notes.txt", "PO-1/inner/deep.csv", "2026/11/23/deep.csv", "2026/11/23/a.csv.txt"] {
            fs::remove_file(at(customer, name))?;
        }
        fs::remove_file(env.path(format!("{customer}-other")))?;
    }
    wait_for_answer(&mut daemon, &at(CONTOSO, "linked.result.csv"), &all_ready(&[CONTOSO]))?;
    told(&mut daemon, &at("dutch", "linked.result.csv"), "Klaar voor gebruiker")?;
    wait_for_files(&env, &mut daemon, "refused", &[])?;
    assert!(at(CONTOSO, "a.xlsx.not-a-csv.result.csv").exists(), "nothing is ever deleted in a drop folder");
    stop(daemon)?;
    assert_eq!(rows(&env, REFUSALS)?, refused, "once each");
    Ok(())
}

#[test]
fn an_order_file_that_cannot_be_used_is_told_of_and_the_file_goes_on_once_it_can() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let order = env.write_file(CONTOSO, "a.order.json", "{\"order_id\": 4711}")?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "Its \"order_id\" is a number")?;
    assert!(!path.with_file_name("a.result.csv").exists());
    put_forward(&env, MINUTE)?;
    let result = path.with_file_name("a.result.csv");
    told(&mut daemon, &result, "Its \"\"order_id\"\" is a number; expected is a text in quotes.")?;
    assert_eq!(files(&status(&env)?, "refused"), ["a.csv"]);
    assert_eq!(files(&status(&env)?, "waiting"), ["a.csv"]);
    // Another mistake is another answer, after another minute.
    fs::write(&order, "{\n  \"order_id\": \"4711\",\n}")?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "line 3 at column 1")?;
    put_forward(&env, MINUTE * 3)?;
    told(&mut daemon, &result, "something is wrong in line 3 at column 1")?;
    fs::write(&order, "{\"order_id\": \"4711\"}")?;
    wait_for_answer(&mut daemon, &result, &all_ready(&["1"]))?;
    wait_for_files(&env, &mut daemon, "refused", &[])?;
    stop(daemon)?;
    assert_eq!(rows(&env, REFUSALS)?, ["a.csv|bad_order_file"]);
    assert_eq!(rows(&env, "SELECT file, order_id FROM audit_submissions")?, ["a.csv|4711"]);
    assert!(!path.with_file_name("a.result-2.csv").exists());
    Ok(())
}

#[test]
fn a_result_that_its_sender_changed_is_left_alone_and_told_of_once() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let at = |name: &str| path.with_file_name(name);
    wait_for_answer(&mut daemon, &at("a.result.csv"), &all_ready(&["1"]))?;
    fence(&env, &mut daemon, CONTOSO, "one")?;
    put_forward(&env, MINUTE)?;
    fence(&env, &mut daemon, CONTOSO, "two")?;
    assert_eq!(rows(&env, REFUSALS)?, [""; 0], "our own writing is no change");
    fs::write(at("a.result.csv"), all_ready(&["1"]).replace("ContosoABC", "ContosoABD"))?;
    fence(&env, &mut daemon, CONTOSO, "three")?;
    put_forward(&env, MINUTE * 2)?;
    let said = told(&mut daemon, &at("a.result-2.csv"), "\"\"a.result.csv\"\" was changed")?;
    assert!(said.contains("under a name without \"\".result\"\""), "{said}");
    wait_for_rows(&env, &mut daemon, REFUSALS, &["a.result.csv|result_changed"])?;
    wait_for_verdict(&env, &mut daemon, &at("a.result.csv"), "refused", "changed by somebody else")?;
    // Neither a start nor time nor another delivery makes more of it.
    stop(daemon)?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "four")?;
    put_forward(&env, MINUTE * 4)?;
    wait_for_files(&env, &mut daemon, "refused", &["a.result.csv"])?;
    fence(&env, &mut daemon, CONTOSO, "five")?;
    assert!(!at("a.result-3.csv").exists());
    assert!(fs::read_to_string(at("a.result.csv"))?.contains("ContosoABD"), "it is never overwritten");
    // What is owed next goes where our notice stands.
    env.drop_file(CONTOSO, "a.csv", csv(&["2"]))?;
    wait_for_answer(&mut daemon, &at("a.result-2.csv"), &all_ready(&["2"]))?;
    assert!(fs::read_to_string(at("a.result.csv"))?.contains("ContosoABD"));
    fs::remove_file(at("a.result.csv"))?;
    wait_for_files(&env, &mut daemon, "refused", &[])?;
    stop(daemon)?;
    assert_eq!(rows(&env, REFUSALS)?, ["a.result.csv|result_changed"]);
    Ok(())
}

#[test]
fn a_customer_over_its_day_waits_is_told_so_and_goes_on_the_next_day() -> Result<()> {
    let mut env = env()?;
    env.set("drop.per_customer_rows_per_day", "2")?.set("customers.dutch.locale", "\"nl\"")?;
    let mut daemon = start(&env)?;
    for (customer, words) in [(CONTOSO, "amount that is accepted in a day"), ("dutch", "per dag wordt aanvaard")] {
        let path = env.write_file(customer, "a.csv", csv(&[&format!("{customer} 1")]))?;
        wait_for_answer_in(&mut daemon, &path, "a", words, true)?;
        // The file that crosses the line is taken whole: how many rows it has isn't known before it is read.
        env.write_file(
            customer,
            "b.csv",
            csv(&["2", "3", "4"].map(|n| format!("{customer} {n}")).each_ref().map(String::as_str)),
        )?;
        wait_for_answer_in(&mut daemon, &path, "b", words, true)?;
        let over = env.write_file(customer, "c.csv", csv(&[customer]))?;
        wait_for_answer_in(&mut daemon, &path, "c", words, false)?;
        wait_for_verdict(&env, &mut daemon, &over, "waiting", "over the day's limit")?;
    }
    assert_eq!(files(&status(&env)?, "waiting"), ["c.csv", "c.csv"]);
    wait_for_rows(&env, &mut daemon, REFUSALS, &["c.csv|day_limit", "c.csv|day_limit"])?;
    put_forward(&env, Duration::from_hours(24))?;
    wait_for_answer(&mut daemon, &env.root().join("contoso/c.result.csv"), &all_ready(&[CONTOSO]))?;
    told(&mut daemon, &env.root().join("dutch/c.result.csv"), "Klaar voor gebruiker")?;
    wait_for_files(&env, &mut daemon, "waiting", &[])?;
    stop(daemon)
}

fn wait_for_answer_in(daemon: &mut Daemon, beside: &Path, name: &str, words: &str, taken: bool) -> Result<()> {
    let path = beside.with_file_name(format!("{name}.result.csv"));
    daemon.wait_for_file(&path, |text| text.contains(words) != taken).map(drop)
}

#[test]
fn links_and_strangers_in_the_root_are_reported() -> Result<()> {
    let mut env = env()?;
    env.set("drop.customers", "\"configured\"")?.set("customers.contoso.name", "\"Contoso\"")?;
    fs::create_dir(env.path("elsewhere"))?;
    fs::create_dir(env.root().join("stranger"))?;
    symlink(env.path("elsewhere"), env.root().join("linked"))?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    let problems = status(&env)?["problems"].to_string();
    assert!(problems.contains("the folder linked in the root is left alone: it is a link"), "{problems}");
    assert!(
        problems.contains("the folder stranger in the root is left alone: it belongs to no customer"),
        "{problems}"
    );
    stop(daemon)
}

#[test]
fn a_paused_customers_files_are_counted() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.paused", "true")?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    env.write_file(CONTOSO, "b.csv", csv(&["2"]))?;
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &path, "paused", "paused in the configuration")?;
    // The verdict is known before the folder was looked at.
    wait_for_files(&env, &mut daemon, "waiting", &["a.csv", "b.csv"])?;
    let status = status(&env)?;
    assert_eq!(status["customers"][0]["waiting_files"], 2, "{status}");
    stop(daemon)
}

#[test]
fn an_order_folder_that_is_renamed_takes_its_result_along() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let bad = csv(&["1"]) + "SpiralOrbit,ContosoABC,\n";
    env.write_file(CONTOSO, "PO-1/a.csv", &bad)?;
    let at = |name: &str| env.root().join(CONTOSO).join(name);
    let said = told(&mut daemon, &at("PO-1/a.result.csv"), "Row not valid")?;
    fs::rename(at("PO-1"), at("PO-2"))?;
    let moved = "SELECT file, kind FROM audit_deliveries ORDER BY seq";
    wait_for_rows(&env, &mut daemon, moved, &["PO-1/a.csv|new", "PO-2/a.csv|moved"])?;
    daemon.wait_for("its result", |line| {
        line.message() == "result written" && line.has("result", "PO-2/a.result.csv")
    })?;
    assert_eq!(fs::read_to_string(at("PO-2/a.result.csv"))?, said);
    assert!(!at("PO-2/a.result-2.csv").exists());
    stop(daemon)
}

#[test]
fn status_and_explain_work_while_the_configuration_is_broken() -> Result<()> {
    let mut env = env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    let path = env.root().join("contoso/fence.csv");
    let sound = fs::read_to_string(env.config())?;
    for broken in [sound.clone() + "lokale = 'nl'\n", sound.clone() + "[customers\n"] {
        fs::write(env.config(), broken)?;
        let output = env.run(&["status"])?;
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("contoso"), "{output:?}");
        assert!(output.stderr.contains("the daemon goes on with the configuration that it has"), "{output:?}");
        assert_eq!(explain(&env, &path)?.0, "accepted");
        let submissions = env.run(&["submissions"])?;
        assert_eq!(submissions.code, Some(2), "only what the daemon answers: {submissions:?}");
    }
    fs::write(env.config(), sound)?;
    env.unset("web.listen")?.set("web.listen", "\"off\"")?;
    stop(daemon)?;
    fs::write(env.config(), "lokale = 'nl'\n")?;
    assert_eq!(env.run(&["status"])?.code, Some(2), "no daemon runs");
    Ok(())
}

#[test]
fn a_start_knows_when_anything_last_happened_and_how_the_registrar_was() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    let before = status(&env)?;
    stop(daemon)?;
    let daemon = start(&env)?;
    let after = status(&env)?;
    let last = |status: &Value| status["customers"][0]["last_activity"].clone();
    assert!(last(&before).is_string());
    assert_eq!(last(&after), last(&before));
    assert_eq!(after["registrar"]["health"], "working");
    stop(daemon)
}

#[test]
fn a_retry_for_a_customer_whom_nobody_knows_is_refused() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    let output = env.run(&["retry", "--customer", "nosuch"])?;
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("there is no customer nosuch"), "{output:?}");
    assert_eq!(env.run(&["retry", "--customer", CONTOSO])?.code, Some(0));
    stop(daemon)
}

#[test]
fn a_result_is_owed_to_a_folder_that_is_gone_for_a_week_or_until_it_is_back() -> Result<()> {
    const DAY: Duration = Duration::from_hours(24);
    const WRITTEN_OFF: &str = "SELECT subject LIKE '%/a.csv', reason LIKE 'the folder % can''t be opened%'
         FROM audit_actions WHERE action = 'result_written_off'";
    let mut env = env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?;
    let mut daemon = start(&env)?;
    let at = |name: &str| env.root().join(CONTOSO).join(name);
    let owed =
        |env: &TestEnv| -> Result<u64> { Ok(status(env)?["queue"]["results_owed"].as_u64().unwrap_or_default()) };
    for order in ["gone", "link", "file", "again"] {
        env.write_file(CONTOSO, &format!("{order}/a.csv"), csv(&[order]))?;
        told(&mut daemon, &at(&format!("{order}/a.result.csv")), "Device not found")?;
        fs::remove_dir_all(at(order))?;
    }
    symlink(env.root(), at("link"))?;
    fs::write(at("file"), "")?;
    ensure!(env.run(&["retry", "--customer", CONTOSO])?.code == Some(0), "it can be tried again");
    daemon.wait_until("four debts with a reason", || {
        let problems = status(&env)?["problems"].to_string();
        Ok((problems.matches("its result can't be written").count() == 4).then_some(()))
    })?;
    // The folder first: what is tried before it is back isn't tried again for minutes.
    fs::create_dir(at("again"))?;
    put_forward(&env, DAY * 6)?;
    told(&mut daemon, &at("again/a.result.csv"), "Device not found")?;
    daemon.wait_until("one debt less", || Ok((owed(&env)? == 3).then_some(())))?;
    assert_eq!(rows(&env, WRITTEN_OFF)?, [""; 0], "a week isn't over");
    // Over a start too.
    stop(daemon)?;
    let mut daemon = start(&env)?;
    daemon.wait_until("debts", || Ok((owed(&env)? == 3).then_some(())))?;
    put_forward(&env, DAY * 7 + MINUTE * 2)?;
    wait_for_rows(&env, &mut daemon, WRITTEN_OFF, &["1|1", "1|1", "1|1"])?;
    daemon.wait_until("no debt", || Ok((owed(&env)? == 0).then_some(())))?;
    stop(daemon)
}

#[test]
fn what_was_meant_to_be_a_marker_is_answered_and_explained() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.complete", "\"marker\"")?;
    let marker = env.write_file(CONTOSO, "a.csv.DONE", "")?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let lonely = env.write_file(CONTOSO, "b.csv.done", "")?;
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "\"a.csv.DONE\" isn't it")?;
    put_forward(&env, MINUTE)?;
    let result = path.with_file_name("a.result.csv");
    told(&mut daemon, &result, "Rename it to \"\"a.csv.done\"\"")?;
    assert_eq!(files(&status(&env)?, "refused"), ["a.csv"]);
    let (verdict, why) = explain(&env, &marker)?;
    assert_eq!(verdict, "refused");
    assert_eq!(why, "it isn't the marker of \"a.csv\", since its name isn't exactly \"a.csv.done\": rename it");
    assert_eq!(explain(&env, &lonely)?.1, "it is a marker, and no CSV that it could go with lies beside it");
    let right = path.with_file_name("a.csv.done");
    fs::rename(&marker, &right)?;
    wait_for_answer(&mut daemon, &result, &all_ready(&["1"]))?;
    wait_for_files(&env, &mut daemon, "refused", &[])?;
    let (verdict, why) = explain(&env, &right)?;
    assert_eq!((verdict.as_str(), why.starts_with("it is the marker of \"a.csv\"")), ("ignored", true), "{why}");
    stop(daemon)
}

#[test]
fn an_order_file_that_cannot_be_used_is_explained_as_such() -> Result<()> {
    let env = env()?;
    let order = env.write_file(CONTOSO, "a.order.json", "{\"order_id\": \" \"}")?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "holds nothing but blanks")?;
    let (verdict, why) = explain(&env, &order)?;
    assert_eq!(verdict, "waiting");
    assert!(why.starts_with("it is the order file of \"a.csv\", which waits: "), "{why}");
    assert!(why.contains("holds nothing but blanks"), "{why}");
    stop(daemon)
}

#[test]
fn an_answer_that_cannot_be_written_is_owed_and_told_of() -> Result<()> {
    let env = env()?;
    let path = env.write_file(CONTOSO, "a.xlsx", "PK")?;
    let at = |name: &str| env.root().join(CONTOSO).join(name);
    fs::create_dir(at("a.xlsx.not-a-csv.result.csv"))?;
    for number in 2..=100 {
        fs::create_dir(at(&format!("a.xlsx.result-{number}.csv")))?;
    }
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    put_forward(&env, MINUTE)?;
    daemon
        .wait_until("an answer that is owed", || Ok((status(&env)?["queue"]["results_owed"] == 1).then_some(())))?;
    let said = status(&env)?;
    assert_eq!(said["customers"][0]["results_owed"], 1);
    let problems = said["problems"].to_string();
    assert!(problems.contains("the answer to its sender can't be written: every name from"), "{problems}");
    let (verdict, why) = explain(&env, &path)?;
    assert_eq!(verdict, "ignored");
    assert!(why.contains("; the answer to its sender can't be written: every name from"), "{why}");
    fs::remove_dir(at("a.xlsx.result-7.csv"))?;
    put_forward(&env, MINUTE * 17)?;
    told(&mut daemon, &at("a.xlsx.result-7.csv"), "Open it in Excel")?;
    daemon.wait_until("nothing owed", || Ok((status(&env)?["queue"]["results_owed"] == 0).then_some(())))?;
    stop(daemon)
}

#[test]
fn a_folder_is_explained_as_what_it_is() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.name", "\"Contoso\"")?;
    let at = |name: &str| env.root().join(name);
    let too_deep = format!("contoso{}", "/d".repeat(9));
    for folder in [&too_deep, "contoso/PO-1/deep/deeper", "contoso/x.csv", "contoso/archive", "contoso/ ", "CONTOSO"]
    {
        fs::create_dir_all(at(folder))?;
    }
    fs::write(at("lost.csv"), csv(&["1"]))?;
    fs::write(at("CONTOSO/a.csv"), csv(&["1"]))?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    for (path, verdict, words) in [
        ("contoso", "drop-folder", "the drop folder of contoso"),
        ("contoso/PO-1", "folder", "CSVs directly in it are taken with \"PO-1\" as their order ID"),
        ("contoso/PO-1/deep", "ignored", "a folder that lies too deep: nothing is taken from it"),
        ("contoso/PO-1/deep/deeper", "ignored", "a folder that lies too deep: nothing is taken from it"),
        (&too_deep, "ignored", "a folder that lies too deep: it isn't looked into"),
        ("contoso/x.csv", "folder", "its name ends in .csv, but it is no file"),
        ("contoso/archive", "ignored", "the folder stands in ignore_folders"),
        ("contoso/ ", "waiting", "holds nothing but blanks"),
        ("CONTOSO", "ignored", "it differs from the customer contoso in capital letters alone"),
        ("CONTOSO/a.csv", "ignored", "it differs from the customer contoso in capital letters alone"),
        ("lost.csv", "ignored", "put it into the drop folder of its customer"),
        ("", "root", "it is the root"),
    ] {
        let (said, why) = explain(&env, &at(path))?;
        assert_eq!((said.as_str(), why.contains(words)), (verdict, true), "{path}: {why}");
    }
    let listed = env.run(&["customer", "list", "--json"])?;
    assert!(listed.stdout.contains("not watched: differs from contoso in capital letters alone"), "{listed:?}");
    stop(daemon)
}
