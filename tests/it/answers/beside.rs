//! Answers that concern what lies beside a file: what was used up, and files that have a result's name.

use super::*;

#[test]
fn what_was_used_up_is_told_of_until_it_is_written_anew() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.order", "\"required\"")?;
    let mut daemon = start(&env)?;
    let order = env.write_file(CONTOSO, "a.order.json", "{\"order_id\": \"1\"}")?;
    let whose = "it is the order file of \"a.csv\"";
    assert_eq!(explain(&env, &order)?.1, "it is an order file, and no CSV that it could go with lies beside it");
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let result = path.with_file_name("a.result.csv");
    wait_for_answer(&mut daemon, &result, &all_ready(&["1"]))?;
    let used = "used up by what was taken with it, and counts once: write it anew for the next file of that name";
    assert_eq!(explain(&env, &order)?.1, format!("{whose}; it was {used}"));
    env.drop_file(CONTOSO, "a.csv", csv(&["2"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "used for an earlier file")?;
    put_forward(&env, MINUTE)?;
    told(&mut daemon, &result, "an order file counts once")?;
    wait_for_files(&env, &mut daemon, "refused", &["a.csv"])?;
    wait_for_rows(&env, &mut daemon, REFUSALS, &["a.csv|spent_order_file"])?;
    assert_eq!(explain(&env, &path)?.0, "waiting");
    fs::write(&order, "{\"order_id\": \"22\"}")?;
    wait_for_answer(&mut daemon, &result, &all_ready(&["2"]))?;
    wait_for_files(&env, &mut daemon, "refused", &[])?;
    stop(daemon)?;
    assert_eq!(explain(&env, &order)?.1, format!("{whose}; it was {used}"), "without a daemon, too");
    // That of a file of which nothing was registered waits for the corrected one.
    let kept = env.write_file(CONTOSO, "b.order.json", "{\"order_id\": \"3\"}")?;
    env.write_file(CONTOSO, "b.csv", "Make,Model\n")?;
    crate::scene::run_once(&env)?;
    assert_eq!(
        explain(&env, &kept)?.1,
        "it is the order file of \"b.csv\", which is taken once it is there and counts once"
    );
    Ok(())
}

#[test]
fn the_answer_to_what_lay_there_before_gives_way_to_why_the_new_file_waits() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.complete", "\"marker\"")?;
    let mut daemon = start(&env)?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let marker = env.write_file(CONTOSO, "a.csv.done", "")?;
    let result = path.with_file_name("a.result.csv");
    wait_for_answer(&mut daemon, &result, &all_ready(&["1"]))?;
    fs::remove_file(&marker)?;
    env.drop_file(CONTOSO, "a.csv", csv(&["22"]))?;
    env.drop_file(CONTOSO, "first.csv", csv(&["3"]))?;
    for file in [&path, &path.with_file_name("first.csv")] {
        wait_for_verdict(&env, &mut daemon, file, "waiting", "waiting for its marker")?;
    }
    put_forward(&env, MINUTE)?;
    told(&mut daemon, &result, "waits for its marker")?;
    wait_for_files(&env, &mut daemon, "refused", &["a.csv"])?;
    // What is asked for by a command stands beside it.
    let written = env.run(&["result", path.to_str().context("UTF-8")?])?;
    assert_eq!(written.code, Some(0), "{written:?}");
    let short = rows(&env, "SELECT file FROM audit_results ORDER BY seq DESC LIMIT 1")?.concat();
    assert!(short.starts_with("a.") && short.ends_with(".result.csv") && short != "a.result.csv", "{short}");
    assert_eq!(fs::read_to_string(path.with_file_name(short))?, all_ready(&["1"]));
    assert!(fs::read_to_string(&result)?.contains("waits for its marker"));
    // A first file gets time for its marker.
    assert!(!path.with_file_name("first.result.csv").exists());
    put_forward(&env, MINUTE * 62)?;
    told(&mut daemon, &path.with_file_name("first.result.csv"), "waits for its marker")?;
    fs::write(&marker, "")?;
    wait_for_answer(&mut daemon, &result, &all_ready(&["22"]))?;
    stop(daemon)?;
    assert_eq!(rows(&env, REFUSALS)?, ["a.csv|no_marker", "first.csv|no_marker"]);
    Ok(())
}

#[test]
fn a_used_marker_is_explained_as_such() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.complete", "\"marker\"")?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let marker = env.write_file(CONTOSO, "a.csv.done", "")?;
    let mut daemon = start(&env)?;
    wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &all_ready(&["1"]))?;
    assert_eq!(
        explain(&env, &marker)?.1,
        "it is the marker of \"a.csv\"; it was used up by what was taken with it, and counts once: write it anew \
         for the next file of that name"
    );
    stop(daemon)
}

#[test]
fn a_senders_own_result_csv_is_answered_and_copies_of_ours_are_left_alone() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let at = |name: &str| path.with_file_name(name);
    wait_for_answer(&mut daemon, &at("a.result.csv"), &all_ready(&["1"]))?;
    fs::copy(at("a.result.csv"), at("copy.result.csv"))?;
    env.write_file(CONTOSO, "dev.result.csv", csv(&["2"]))?;
    env.write_file(CONTOSO, "ai.result.xlsx", "PK")?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    put_forward(&env, MINUTE)?;
    let said = told(&mut daemon, &at("dev.result-2.csv"), "\"\"dev.result.csv\"\" isn't read")?;
    assert!(said.contains("under a name without \"\".result\"\""), "{said}");
    told(&mut daemon, &at("ai.result.xlsx.not-a-csv.result.csv"), "a name without \"\".result\"\"")?;
    wait_for_files(&env, &mut daemon, "refused", &["ai.result.xlsx", "dev.result.csv"])?;
    assert_eq!(explain(&env, &at("dev.result.csv"))?.0, "refused");
    fence(&env, &mut daemon, CONTOSO, "later")?;
    put_forward(&env, MINUTE * 3)?;
    fence(&env, &mut daemon, CONTOSO, "last")?;
    assert!(!at("copy.result-2.csv").exists());
    assert!(!at("dev.result-3.csv").exists());
    stop(daemon)?;
    assert_eq!(rows(&env, REFUSALS)?, ["ai.result.xlsx|not_a_csv", "dev.result.csv|named_as_result"]);
    Ok(())
}

#[test]
fn an_answer_that_is_moved_with_its_file_gives_way_to_the_result() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let at = |name: &str| env.root().join(CONTOSO).join(name);
    env.write_file(CONTOSO, " /a.csv", csv(&["1"]))?;
    env.write_file(CONTOSO, "PO-1/deep/b.csv", csv(&["2"]))?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    put_forward(&env, MINUTE)?;
    told(&mut daemon, &at(" /a.result.csv"), "holds nothing but blanks")?;
    told(&mut daemon, &at("PO-1/deep/b.result.csv"), "Move the file one folder up.")?;
    fs::copy(at(" /a.result.csv"), at("c.result.csv"))?;
    let copied = fs::read_to_string(at("c.result.csv"))?;
    fs::rename(at(" "), at("PO-7"))?;
    for name in ["b.csv", "b.result.csv"] {
        fs::rename(at("PO-1/deep").join(name), at("PO-1").join(name))?;
    }
    wait_for_answer(&mut daemon, &at("PO-7/a.result.csv"), &all_ready(&["1"]))?;
    wait_for_answer(&mut daemon, &at("PO-1/b.result.csv"), &all_ready(&["2"]))?;
    assert!(!at("PO-7/a.result-2.csv").exists());
    assert!(!at("PO-1/b.result-2.csv").exists());
    // A copy that its sender made isn't what we wrote there.
    env.write_file(CONTOSO, "c.csv", csv(&["3"]))?;
    wait_for_answer(&mut daemon, &at("c.result-2.csv"), &all_ready(&["3"]))?;
    assert_eq!(fs::read_to_string(at("c.result.csv"))?, copied);
    stop(daemon)
}
