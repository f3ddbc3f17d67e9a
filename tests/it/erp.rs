//! The settings that an ERP needs, one after another and together: its own headings, markers, order files, formats.
//!
//! A table of cases over single runs of the program: settings and files in, result and record out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use devicedrop_core::device::Sha256;
use devicedrop_testkit::env::TestEnv;

use crate::scene::{CONTOSO, csv, env, explain, rows, run_once, start, stop, wait_for_rows, wait_for_verdict};

const GERMAN: &str = r#"{ "Manufacturer" = "Hersteller", "Model" = "Modell", "Serial Number" = "Seriennummer", "Order ID" = "Auftrag" }"#;

/// Sets keys of the customer's section.
fn set(env: &mut TestEnv, settings: &[(&str, &str)]) -> Result<()> {
    for (key, value) in settings {
        env.set(&format!("customers.contoso.{key}"), value)?;
    }
    Ok(())
}

fn at(env: &TestEnv, name: &str) -> std::path::PathBuf {
    env.root().join(CONTOSO).join(name)
}

/// What one file becomes under these settings: its result, byte for byte.
fn result_of(settings: &[(&str, &str)], file: &[u8]) -> Result<(TestEnv, Vec<u8>)> {
    let mut env = env()?;
    set(&mut env, settings)?;
    env.drop_file(CONTOSO, "in.csv", file)?;
    run_once(&env)?;
    let result = fs::read(at(&env, "in.result.csv")).context("no result")?;
    Ok((env, result))
}

/// Settings, a file, its whole result, and the rows on record: line, order and purchase ID, serial number, state.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a [&'a str]);

const COLUMNS: (&str, &str) = ("columns", GERMAN);

const CASES: [Case<'_>; 9] = [
    (
        "its own headings",
        &[COLUMNS],
        "Hersteller,Modell,Seriennummer\nDell,L,1\n",
        "Hersteller,Modell,Seriennummer,State,Error,Error Details,Request ID\nDell,L,1,Ready for user,,,\n",
        &["2|||1|ready_for_user"],
    ),
    (
        "in any order, among others, which are echoed",
        &[COLUMNS],
        "Lager;Seriennummer;Hersteller;Notiz;Modell\nA;1;Dell;\"x;y\";L\n",
        "Lager;Seriennummer;Hersteller;Notiz;Modell;State;Error;Error Details;Request ID\n\
             A;1;Dell;\"x;y\";L;Ready for user;;;\n",
        &["2|||1|ready_for_user"],
    ),
    (
        "IDs in columns hold for their row, under the ERP's heading or ours",
        &[COLUMNS],
        "Hersteller,Modell,Seriennummer,Auftrag,Purchase ID\nDell,L,1,O-1,P-1\nDell,L,2,,\n",
        "Hersteller,Modell,Seriennummer,Auftrag,Purchase ID,State,Error,Error Details,Request ID\n\
             Dell,L,1,O-1,P-1,Ready for user,,,\nDell,L,2,,,Ready for user,,,\n",
        &["2|O-1|P-1|1|ready_for_user", "3|||2|ready_for_user"],
    ),
    (
        "one format alone",
        &[("formats", r#"["partner"]"#)],
        "Manufacturer,Model,Serial Number\nDell,L,1\n",
        "Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID\nDell,L,1,Ready for user,,,\n",
        &["2|||1|ready_for_user"],
    ),
    (
        "a file without rows, where that is accepted",
        &[("empty_files", "\"accept\"")],
        "Manufacturer,Model,Serial Number\n",
        "Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID\n",
        &[],
    ),
    (
        "codes for machines",
        &[("locale", "\"code\""), COLUMNS],
        "Hersteller;Modell;Seriennummer\r\nDell;L;1\r\n",
        "Hersteller;Modell;Seriennummer;State;Error;Error Details;Request ID\r\nDell;L;1;ready_for_user;;;\r\n",
        &["2|||1|ready_for_user"],
    ),
    (
        "Dutch",
        &[("locale", "\"nl\"")],
        "Manufacturer\tModel\tSerial Number\nDell\tL\t1\n",
        "Manufacturer\tModel\tSerial Number\tState\tError\tError Details\tRequest ID\n\
             Dell\tL\t1\tKlaar voor gebruiker\t\t\t\n",
        &["2|||1|ready_for_user"],
    ),
    (
        "a corrected result of one's own headings",
        &[COLUMNS],
        "Hersteller,Modell,Seriennummer,State,Error,Error Details,Request ID\nDell,L,1,x,y,z,q\n",
        "Hersteller,Modell,Seriennummer,State,Error,Error Details,Request ID\nDell,L,1,Ready for user,,,\n",
        &["2|||1|ready_for_user"],
    ),
    (
        "a mark at the beginning and quoted headings",
        &[COLUMNS],
        "\u{feff}\"Seriennummer\";\"Modell\";\"Hersteller\"\r\n\"1\";\"L\";\"Dell\"\r\n",
        "\u{feff}Seriennummer;Modell;Hersteller;State;Error;Error Details;Request ID\r\n\
             1;L;Dell;Ready for user;;;\r\n",
        &["2|||1|ready_for_user"],
    ),
];

#[test]
fn headings_formats_and_ids_by_the_customers_settings() -> Result<()> {
    for (name, settings, file, expected, registered) in CASES {
        let (env, result) = result_of(settings, file.as_bytes()).context(name)?;
        assert_eq!(String::from_utf8_lossy(&result), expected, "{name}");
        let on_record =
            "SELECT line, order_id, purchase_id, serial_number, state FROM audit_registrations ORDER BY line";
        assert_eq!(rows(&env, on_record)?, registered, "{name}");
    }
    Ok(())
}

#[test]
fn own_headings_in_every_encoding() -> Result<()> {
    let columns = r#"{ "Manufacturer" = "Fabricant", "Model" = "Modèle", "Serial Number" = "N° de série" }"#;
    let text = "Modèle;N° de série;Fabricant;Entrepôt\r\nL é;1;Déll;Orléans\r\n";
    let wide =
        |unit: fn(u16) -> [u8; 2]| format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let narrow: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
    for (name, bytes) in [
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-16 LE", wide(u16::to_le_bytes)),
        ("UTF-16 BE", wide(u16::to_be_bytes)),
        ("Windows-1252", narrow),
    ] {
        let settings = [("columns", columns), ("locale", "\"code\""), ("complete", "\"settled\"")];
        let (env, result) = result_of(&settings, &bytes).context(name)?;
        let result = String::from_utf8(result)?;
        let expected = "Modèle;N° de série;Fabricant;Entrepôt;State;Error;Error Details;Request ID\r\n\
                        L é;1;Déll;Orléans;ready_for_user;;;\r\n";
        assert_eq!(result.trim_start_matches('\u{feff}'), expected, "{name}");
        assert_eq!(result.starts_with('\u{feff}'), name != "UTF-8", "{name}: Excel must read what isn't ASCII");
        assert_eq!(rows(&env, "SELECT manufacturer, model FROM audit_registrations")?, ["Déll|L é"], "{name}");
    }
    Ok(())
}

/// Settings, a file, and what its rejection says.
type Told<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);

#[test]
fn headings_that_are_missing_or_twice_are_told_by_both_names() -> Result<()> {
    let cases: [Told<'_>; 6] = [
        (
            &[("columns", GERMAN)],
            "Hersteller,Modell\nDell,L\n",
            &["Add the missing column \"\"Seriennummer\"\".", "\"\"Seriennummer\"\" = \"\"Serial Number\"\""],
        ),
        (
            &[("columns", GERMAN)],
            "Hersteller,Modell,Seriennummer,Seriennummer\nDell,L,1,2\n",
            &["The heading \"\"Seriennummer\"\" stands there twice", "\"\"Seriennummer\"\" = \"\"Serial Number\"\""],
        ),
        (
            &[("columns", GERMAN)],
            "Hersteller,Modell,Seriennummer,Auftrag,Auftrag\nDell,L,1,2,3\n",
            &["The heading \"\"Auftrag\"\" stands there twice", "\"\"Auftrag\"\" = \"\"Order ID\"\""],
        ),
        (
            &[("columns", GERMAN), ("locale", "\"nl\"")],
            "Hersteller,Modell\nDell,L\n",
            &["Voeg de ontbrekende kolom \"\"Seriennummer\"\" toe.", "\"\"Hersteller\"\" = \"\"Manufacturer\"\""],
        ),
        (&[("formats", "[\"self-service\"]")], "Manufacturer,Model,Serial Number\nDell,L,1\n", &["Hardware Hash"]),
        (&[], "Manufacturer,Model,Serial Number\n", &["no row with a device"]),
    ];
    for (settings, file, words) in cases {
        let (env, result) = result_of(settings, file.as_bytes())?;
        let result = String::from_utf8(result)?;
        for words in words {
            assert!(result.contains(words), "{words} isn't in\n{result}");
        }
        assert_eq!(rows(&env, "SELECT outcome FROM audit_submissions")?, ["rejected"]);
    }
    Ok(())
}

/// What is on record: each submission's file, order ID, purchase ID and rows.
fn taken(env: &TestEnv) -> Result<Vec<String>> {
    rows(env, "SELECT file, order_id, purchase_id, rows FROM audit_submissions ORDER BY file, received_at")
}

#[test]
fn a_marker_of_yesterday_does_not_count_for_tonights_file() -> Result<()> {
    let mut env = env()?;
    set(&mut env, &[("complete", "\"marker\"")])?;
    env.write_file(CONTOSO, "in.csv", csv(&["1"]))?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, [""; 0]);
    env.write_file(CONTOSO, "in.csv.done", "")?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["in.csv|||1"]);
    // Tonight's file comes, and the marker of yesterday still lies there.
    let path = env.drop_file(CONTOSO, "in.csv", csv(&["2", "3"]))?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["in.csv|||1"]);
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "used for an earlier delivery")?;
    stop(daemon)?;
    env.write_file(CONTOSO, "in.csv.done", "ready\n")?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["in.csv|||1", "in.csv|||2"]);
    Ok(())
}

#[test]
fn what_a_marker_says_is_believed_and_must_be_true() -> Result<()> {
    let mut env = env()?;
    set(&mut env, &[("complete", "\"marker\"")])?;
    let hash = |text: &str| Sha256::of(text.as_bytes()).to_string();
    let (one, two) = (csv(&["1"]), csv(&["2"]));
    let path = env.write_file(CONTOSO, "in.csv", &one)?;
    env.write_file(CONTOSO, "in.csv.done", format!("{}  in.csv\n", hash(&two)))?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, [""; 0]);
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "another content's SHA-256")?;
    stop(daemon)?;
    let true_ones = [
        format!("{}  in.csv\n", hash(&one)),
        format!("SHA256 (in.csv) = {}", hash(&one).to_uppercase()),
        "written at 23:00\n".to_owned(),
    ];
    for (number, said) in true_ones.iter().enumerate() {
        let text = csv(&[&number.to_string()]);
        let said = said.replace(&hash(&one), &hash(&text)).replace(&hash(&one).to_uppercase(), &hash(&text));
        let name = format!("{number}.csv");
        env.write_file(CONTOSO, &name, &text)?;
        env.write_file(CONTOSO, &format!("{name}.done"), said)?;
        run_once(&env)?;
        assert_eq!(taken(&env)?.len(), number + 1, "{true_ones:?}");
    }
    Ok(())
}

#[test]
fn order_ids_come_from_the_row_the_order_file_and_the_folder_in_that_order() -> Result<()> {
    let mut env = env()?;
    set(&mut env, &[("columns", GERMAN)])?;
    let file = "Hersteller,Modell,Seriennummer,Auftrag\nDell,L,1,ROW\nDell,L,2,\n";
    let other = file.replace(",1,", ",3,").replace(",2,", ",4,");
    env.write_file(CONTOSO, "PO-1/in.order.json", r#"{"order_id": "FILE", "purchase_id": "P"}"#)?;
    env.write_file(CONTOSO, "PO-1/in.csv", file)?;
    env.write_file(CONTOSO, "PO-1/other.csv", other)?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["PO-1/in.csv|FILE|P|2", "PO-1/other.csv|PO-1||2"]);
    let of_rows = "SELECT serial_number, order_id, purchase_id FROM audit_registrations ORDER BY serial_number";
    assert_eq!(rows(&env, of_rows)?, ["1|ROW|P", "2|FILE|P", "3|ROW|", "4|PO-1|"]);
    Ok(())
}

#[test]
fn an_order_file_counts_for_one_submission() -> Result<()> {
    let mut env = env()?;
    set(&mut env, &[("order", "\"required\"")])?;
    let path = env.write_file(CONTOSO, "in.csv", csv(&["1"]))?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, [""; 0]);
    env.write_file(CONTOSO, "in.order.json", r#"{"order_id": "monday"}"#)?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["in.csv|monday||1"]);
    env.drop_file(CONTOSO, "in.csv", csv(&["2"]))?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["in.csv|monday||1"], "yesterday's order file");
    let mut daemon = start(&env)?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "used for an earlier file")?;
    env.write_file(CONTOSO, "in.order.json", "{")?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "line 1 at column 1")?;
    stop(daemon)?;
    env.write_file(CONTOSO, "in.order.json", r#"{"order_id": "tuesday"}"#)?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["in.csv|monday||1", "in.csv|tuesday||1"]);
    Ok(())
}

#[test]
fn a_paused_customers_files_wait_and_a_final_result_comes_once() -> Result<()> {
    let mut env = env()?;
    set(&mut env, &[("paused", "true")])?;
    env.set("results.when", "\"final\"")?;
    env.write_file(CONTOSO, "in.csv", csv(&["1"]))?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, [""; 0]);
    set(&mut env, &[("paused", "false")])?;
    run_once(&env)?;
    assert_eq!(rows(&env, "SELECT file, final FROM audit_results")?, ["in.result.csv|1"]);
    Ok(())
}

#[test]
fn all_of_it_together() -> Result<()> {
    let mut env = env()?;
    env.set("results.when", "\"final\"")?;
    set(
        &mut env,
        &[
            ("columns", GERMAN),
            ("formats", "[\"partner\"]"),
            ("complete", "\"marker\""),
            ("order", "\"required\""),
            ("empty_files", "\"accept\""),
            ("locale", "\"code\""),
        ],
    )?;
    let text = "Lager;Seriennummer;Auftrag;Modell;Hersteller;Größe\r\nKöln;1;A-1;L;Müller;13\r\n;2;;L;;\r\n";
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = env.write_file(CONTOSO, "PO-1/in.csv", &utf16)?;
    env.write_file(CONTOSO, "PO-1/in.csv.done", Sha256::of(&utf16).to_string())?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, [""; 0], "the order file is missing");
    env.write_file(CONTOSO, "PO-1/in.order.json", r#"{"purchase_id": "P-1"}"#)?;
    run_once(&env)?;
    assert_eq!(taken(&env)?, ["PO-1/in.csv|PO-1|P-1|2"]);
    let result = fs::read_to_string(at(&env, "PO-1/in.result.csv"))?;
    let lines: Vec<&str> = result.trim_start_matches('\u{feff}').split("\r\n").collect();
    assert_eq!(
        lines[..2],
        [
            "Lager;Seriennummer;Auftrag;Modell;Hersteller;Größe;State;Error;Error Details;Request ID",
            "Köln;1;A-1;L;Müller;13;ready_for_user;;;"
        ]
    );
    assert!(lines[2].starts_with(";2;;L;;;registration_failed;row_not_valid;"), "{result}");
    assert!(lines[2].contains("Hersteller"), "the row's message names the ERP's heading: {result}");
    is_explained(&env, &path, "accepted")?;
    let of_rows = "SELECT serial_number, order_id, purchase_id FROM audit_registrations ORDER BY line";
    assert_eq!(rows(&env, of_rows)?, ["1|A-1|P-1", "2|PO-1|P-1"]);
    Ok(())
}

fn is_explained(env: &TestEnv, path: &Path, verdict: &str) -> Result<()> {
    let (said, why) = explain(env, path)?;
    ensure!(said == verdict, "{said}: {why}");
    Ok(())
}

#[test]
fn the_order_file_of_a_rejected_file_waits_for_the_corrected_one_and_counts_once() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    env.write_file(CONTOSO, "a.order.json", "{\"order_id\": \"4711\"}")?;
    let orders = "SELECT outcome, order_id FROM audit_submissions ORDER BY received_at, submission_id";
    env.write_file(CONTOSO, "a.csv", "Make,Model\n1,2\n")?;
    wait_for_rows(&env, &mut daemon, orders, &["rejected|4711"])?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    wait_for_rows(&env, &mut daemon, orders, &["rejected|4711", "accepted|4711"])?;
    env.drop_file(CONTOSO, "a.csv", csv(&["2"]))?;
    wait_for_rows(&env, &mut daemon, orders, &["rejected|4711", "accepted|4711", "accepted|"])?;
    stop(daemon)
}

#[test]
fn a_column_of_the_senders_cannot_pass_for_one_of_ours() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.columns", "{ \"Manufacturer\" = \"Hersteller\", \"Order ID\" = \"Auftrag\" }")?;
    let mut daemon = start(&env)?;
    for (name, heading) in [("a", "State"), ("b", "request id"), ("c", "ERROR")] {
        let text = format!("Hersteller,{heading},Model,Serial Number\nDell,Bayern,Book,{name}\n");
        let path = env.write_file(CONTOSO, &format!("{name}.csv"), text)?;
        let said = daemon.wait_for_result(&path.with_file_name(format!("{name}.result.csv")))?;
        let words = format!("The column \"\"{heading}\"\" has the name of a column that the result file adds");
        ensure!(said.contains(&words), "{said}");
    }
    // A corrected result, whose last columns are ours, still goes; and a blank order ID is none.
    let text = "Hersteller,Model,Serial Number,Auftrag,State,Error,Error Details,Request ID\n\
                Dell,Book,S1,7,Registration failed,,,\nDell,Book,S2,\u{a0} ,,,,\nDell,Book,S3,,,,,\n";
    let path = env.write_file(CONTOSO, "d.csv", text)?;
    let said = daemon.wait_for_result(&path.with_file_name("d.result.csv"))?;
    ensure!(said.contains("column \"\"Auftrag\"\" (Order ID): the value holds only blanks"), "{said}");
    ensure!(said.matches("Ready for user").count() == 2, "{said}");
    stop(daemon)
}

#[test]
fn the_order_file_of_a_rejected_file_counts_for_it_once_it_is_accepted_after_all() -> Result<()> {
    let mut env = env()?;
    let mut daemon = start(&env)?;
    let orders = "SELECT outcome, order_id FROM audit_submissions ORDER BY received_at, submission_id";
    env.write_file(CONTOSO, "a.order.json", "{\"order_id\": \"4711\"}")?;
    env.write_file(CONTOSO, "a.csv", csv(&[]))?;
    wait_for_rows(&env, &mut daemon, orders, &["rejected|4711"])?;
    stop(daemon)?;
    env.set("customers.contoso.empty_files", "\"accept\"")?;
    let mut daemon = start(&env)?;
    let id = rows(&env, "SELECT submission_id FROM audit_submissions")?.concat();
    let retried = env.run(&["retry", "--submission", &id])?;
    ensure!(retried.code == Some(0), "it is judged anew: {retried:?}");
    wait_for_rows(&env, &mut daemon, orders, &["rejected|4711", "accepted|4711"])?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    wait_for_rows(&env, &mut daemon, orders, &["rejected|4711", "accepted|4711", "accepted|"])?;
    stop(daemon)
}
