//! The auditor's guide: each of its queries, on a small ledger, with the output that stands below it.
//!
//! `DEVICEDROP_BLESS=1` writes the outputs into the guide.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::under_test::put_forward;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::scene::{CONTOSO, env, fence, run_once, stop};

const LAPTOPS: &str = "Manufacturer,Model,Serial Number
Fabrikam Devices,Falcon 14,F14-000871
Fabrikam Devices,Falcon 14,F14-000872
Fabrikam Devices,Falcon 14,F14-000873
Fabrikam Devices,Falcon 14,1.65E+09
";

const MORE: &str = "Manufacturer,Model,Serial Number
Fabrikam Devices,Falcon 14,F14-000871
Fabrikam Devices,Falcon 14,F14-000880
";

/// A ledger with something to find for each question.
fn scene() -> Result<TestEnv> {
    let mut env = env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?;
    let files = [
        (CONTOSO, "PO-4711/devices.csv", LAPTOPS),
        (CONTOSO, "addresses.csv", "Name,Street\nAnn,Main Street 1\n"),
        ("fabrikam", "levering.csv", MORE),
    ];
    for (customer, name, text) in files {
        env.write_file(customer, name, text)?;
        run_once(&env)?;
    }
    let inventory = env.path("inventory.csv");
    let known = ["F14-000871", "F14-000872", "F14-000873"];
    let mut rows = String::from("Manufacturer,Model,Serial Number\n");
    for serial in known {
        writeln!(rows, "Fabrikam Devices,Falcon 14,{serial}")?;
    }
    fs::write(&inventory, rows)?;
    done(&env, &["registry", "import", &inventory.display().to_string()])?;
    done(&env, &["retry", "--customer", CONTOSO, "--error", "device_not_found"])?;
    run_once(&env)?;
    let workbook = env.drop_file(CONTOSO, "list.xlsx", b"PK\x03\x04 no CSV")?;
    env.set("registrar.embedded.inventory", "\"open\"")?;
    let mut daemon = crate::daemon()?.with_a_clock_to_move(&env)?;
    daemon.wait_for_message("ready")?;
    fence(&env, &mut daemon, "fabrikam", "fence")?;
    put_forward(&env, Duration::from_mins(2))?;
    daemon.wait_for_file(&workbook.with_file_name("list.xlsx.not-a-csv.result.csv"), |text| !text.is_empty())?;
    stop(daemon)?;
    Ok(env)
}

fn done(env: &TestEnv, words: &[&str]) -> Result<()> {
    let told = env.run(words)?;
    ensure!(told.code == Some(0), "{told:?}");
    Ok(())
}

/// What `sqlite3 -header` prints, less what differs from run to run.
fn output(env: &TestEnv, db: &Connection, sql: &str) -> Result<String> {
    let mut statement = db.prepare(sql).with_context(|| sql.to_owned())?;
    let mut text = statement.column_names().collect::<Vec<_>>().join("|");
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        text.push('\n');
        for column in 0..width {
            let cell = match row.get_ref(column)? {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                other => steady(env, other.as_str()?),
            };
            write!(text, "{}{cell}", if column == 0 { "" } else { "|" })?;
        }
    }
    Ok(text + "\n")
}

/// A text without what differs from run to run: times, hashes, folders, who runs the test.
fn steady(env: &TestEnv, cell: &str) -> String {
    let is_time = cell.len() == 24 && cell.ends_with('Z') && cell.get(10..11) == Some("T");
    let is_hash = cell.len() == 64 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    if is_time {
        "2026-11-22T14:05:39.123Z".to_owned()
    } else if is_hash {
        "5f0c…".to_owned()
    } else if is_number {
        "1000".to_owned()
    } else if cell == me() || cell == "tester" {
        "ann".to_owned()
    } else {
        cell.replace(&env.path("").display().to_string(), "/home/ann/")
    }
}

/// The name by which the record knows whoever runs the test.
fn me() -> String {
    let told = Command::new("id").arg("-un").output().map(|told| told.stdout).unwrap_or_default();
    String::from_utf8_lossy(&told).trim().to_owned()
}

/// The guide, with the output of each query below it.
fn answered(guide: &str, env: &TestEnv, db: &Connection) -> Result<(String, usize)> {
    let mut new = String::new();
    let mut queries = 0;
    let mut parts = guide.split("```sql\n");
    new.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (sql, rest) = part.split_once("```\n").context("a query ends")?;
        let output = output(env, db, sql)?;
        ensure!(output.lines().count() > 1 || NOTHING.iter().any(|known| sql.contains(known)), "no answer to {sql}");
        let rest = match rest.strip_prefix("```\n") {
            Some(old) => old.split_once("```\n").context("an output ends")?.1,
            None => rest,
        };
        write!(new, "```sql\n{sql}```\n```\n{output}```\n{rest}")?;
        queries += 1;
    }
    Ok((new, queries))
}

/// Questions whose best answer is nothing.
const NOTHING: [&str; 3] = ["attempts > 2", "outcome IS NULL", "HAVING times > 1"];

#[test]
fn every_query_of_the_guide_runs_and_answers_as_it_says() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/auditing.md");
    let guide = fs::read_to_string(&path)?;
    let env = scene()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let (new, queries) = answered(&guide, &env, &Connection::open_with_flags(env.ledger(), flags)?)?;
    assert_eq!(queries, 20);
    if env::var_os("DEVICEDROP_BLESS").is_some() {
        fs::write(&path, new)?;
    } else {
        assert_same(&guide, &new);
    }
    Ok(())
}

/// Tells the first line that differs, since the guide is long.
fn assert_same(guide: &str, new: &str) {
    for (number, (old, new)) in guide.lines().zip(new.lines()).enumerate() {
        assert_eq!(old, new, "docs/auditing.md, line {}: run with DEVICEDROP_BLESS=1 and look", number + 1);
    }
    assert_eq!(guide.lines().count(), new.lines().count(), "docs/auditing.md: run with DEVICEDROP_BLESS=1 and look");
}
