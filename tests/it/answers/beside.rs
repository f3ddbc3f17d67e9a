//! Answers that concern what lies beside a file: what was used up, and files that have a result's name.

use super::*;

#[test]
fn what_was_used_up_is_told_of_until_it_is_written_anew() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.order", "\"required\"")?;
    let mut daemon = start(&env)?;
    let order = env.write_file(CONTOSO, "a.order.json", "{\"order_id\": \"1\"}")?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let result = path.with_file_name("a.result.csv");
    wait_for_answer(&mut daemon, &result, &all_ready(&["1"]))?;
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
