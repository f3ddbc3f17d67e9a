//! Result files: their names, their language, when they come, and what happens where they can't be written.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use insta::assert_snapshot;

use crate::scene::{
    CONTOSO, all_ready, csv, env, fence, rows, start, stop, wait_for_answer, wait_for_rows, wait_for_verdict,
};

fn names_in(folder: &Path) -> Result<String> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names.join("\n"))
}

#[test]
fn the_name_is_the_original_s_with_result_before_its_extension() -> Result<()> {
    let env = env()?;
    for name in ["A.CSV", "b.Csv", "c d.csv", "é.csv", "PO-1/e.csv"] {
        env.drop_file(CONTOSO, name, csv(&[name]))?;
    }
    let long = format!("{}.csv", "x".repeat(245));
    env.drop_file("long", &long, csv(&["long"]))?;
    let output = env.run(&["run", "--once"])?;
    ensure!(output.code == Some(0), "{output:?}");
    assert_snapshot!(names_in(&env.root().join(CONTOSO))?, @r"
    A.CSV
    A.result.CSV
    PO-1
    b.Csv
    b.result.Csv
    c d.csv
    c d.result.csv
    é.csv
    é.result.csv
    ");
    assert_snapshot!(names_in(&env.root().join("contoso/PO-1"))?, @r"
    e.csv
    e.result.csv
    ");
    let names = names_in(&env.root().join("long"))?;
    let result = names.lines().find(|name| *name != long).context("a result")?;
    let hash = result.strip_prefix(&"x".repeat(200)).context("the beginning of the name")?;
    let hash = hash.strip_prefix('-').and_then(|rest| rest.strip_suffix(".result.csv")).context("a hash")?;
    ensure!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{result}");
    Ok(())
}

#[test]
fn what_is_not_ours_at_the_result_s_name_is_left_alone() -> Result<()> {
    let env = env()?;
    let path = env.write_file(CONTOSO, "a.result.csv", "the sender's own\n")?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let output = env.run(&["run", "--once"])?;
    ensure!(output.code == Some(0), "{output:?}");
    assert_eq!(fs::read_to_string(&path)?, "the sender's own\n");
    assert_eq!(fs::read_to_string(path.with_file_name("a.result-2.csv"))?, all_ready(&["1"]));
    // What we wrote is replaced by the next; our outputs are never taken themselves.
    env.drop_file(CONTOSO, "a.csv", csv(&["2"]))?;
    ensure!(env.run(&["run", "--once"])?.code == Some(0), "the second run");
    assert_eq!(fs::read_to_string(path.with_file_name("a.result-2.csv"))?, all_ready(&["2"]));
    assert_snapshot!(names_in(&env.root().join(CONTOSO))?, @r"
    a.csv
    a.result-2.csv
    a.result.csv
    ");
    assert_eq!(rows(&env, "SELECT DISTINCT file FROM audit_submissions")?, ["a.csv"]);
    Ok(())
}

#[test]
fn an_older_submission_whose_rows_were_pending_is_answered_under_a_name_of_its_own() -> Result<()> {
    let mut env = env()?;
    env.set("customers.contoso.paused", "false")?;
    // A registrar that can't be reached for a while: its file is out of the way.
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    stop(daemon)?;
    let blocker = write_lock(&env.path("state/registry.db"))?;
    let mut daemon = start(&env)?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let result = env.root().join("contoso/a.result.csv");
    daemon.wait_for_file(&result, |text| text.contains("Registration pending"))?;
    env.drop_file(CONTOSO, "a.csv", csv(&["2"]))?;
    daemon.wait_for_file(&result, |text| text.contains("ABC,2,Registration pending"))?;
    drop(blocker);
    wait_for_answer(&mut daemon, &result, &all_ready(&["2"]))?;
    let older = rows(&env, "SELECT submission_id FROM audit_submissions WHERE file = 'a.csv' ORDER BY received_at")?;
    let older = older.first().context("two submissions")?;
    let names = wait_for_older(&env, &mut daemon)?;
    stop(daemon)?;
    let short = names.strip_prefix("a.").and_then(|name| name.strip_suffix(".result.csv")).context("its name")?;
    assert_eq!(Some(short), older.replace('-', "").get(18..26), "of {older}");
    assert_eq!(fs::read_to_string(result.with_file_name(&names))?, all_ready(&["1"]));
    Ok(())
}

fn wait_for_older(
    env: &devicedrop_testkit::env::TestEnv,
    daemon: &mut devicedrop_testkit::process::Daemon,
) -> Result<String> {
    daemon.wait_until("the older submission's answer", || {
        let names = names_in(&env.root().join(CONTOSO))?;
        let known = ["a.csv", "a.result.csv", "fence.csv", "fence.result.csv"];
        Ok(names.lines().find(|name| !name.starts_with('.') && !known.contains(name)).map(str::to_owned))
    })
}

/// Keeps everybody else from writing to a database until it is dropped.
fn write_lock(path: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    Ok(connection)
}

#[test]
fn texts_follow_the_customer_s_locale() -> Result<()> {
    let mut env = env()?;
    env.set("registrar.embedded.inventory", "\"required\"")?
        .set("locale", "\"nl\"")?
        .set("customers.machine.locale", "\"code\"")?
        .set("customers.english.locale", "\"en\"")?;
    for customer in ["dutch", "machine", "english"] {
        let text = csv(&["1", ""]);
        env.drop_file(customer, "a.csv", text)?;
        env.drop_file(customer, "b.csv", "Model\n1\n")?;
    }
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    let told = |customer: &str| -> Result<String> {
        let folder = env.root().join(customer);
        let texts = ["a", "b"].map(|name| fs::read_to_string(folder.join(format!("{name}.result.csv"))));
        let text: String = texts.into_iter().collect::<std::io::Result<_>>()?;
        let ids = rows(&env, "SELECT request_id FROM audit_registrations WHERE request_id LIKE 'dd-%'")?;
        let text = ids.iter().fold(text, |text, id| text.replace(&format!(",{id}\n"), ",dd-N\n"));
        Ok(text.replace(['\u{FEFF}', '\r'], ""))
    };
    assert_snapshot!(told("dutch")?, @r#"
    Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
    SpiralOrbit,ContosoABC,1,Registratie is mislukt,Apparaat niet gevonden,"We konden dit apparaat niet registreren omdat we geen overeenkomst konden vinden voor de meegeleverde fabrikant, model of serienummer. Bevestig deze waarden met uw leverancier van apparaten.",dd-N
    SpiralOrbit,ContosoABC,,Registratie is mislukt,Rij niet geldig,"Regel 3, kolom ""Serial Number"": de waarde is leeg of bevat alleen spaties. Verwacht wordt de waarde precies zoals het apparaat zelf die opgeeft. Verbeter de rij en lever het bestand opnieuw aan.",
    Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
    ,,,Registratie is mislukt,Bestand niet geldig,"De kolomkoppen op regel 1 wijken af van de verwachte. Gevonden: ""Model"". Verwacht, precies zo: ""Manufacturer"", ""Model"", ""Serial Number"" of ""Manufacturer"", ""Model"", ""Serial Number"", ""Hardware Hash"". Voeg de ontbrekende kolommen ""Manufacturer"", ""Serial Number"" toe. Niets uit dit bestand is geregistreerd.",
    "#);
    assert_snapshot!(told("machine")?, @r#"
    Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
    SpiralOrbit,ContosoABC,1,registration_failed,device_not_found,"We couldn't register this device because we could not find a match for the provided manufacturer, model, or serial number. Confirm these values with your device supplier.",dd-N
    SpiralOrbit,ContosoABC,,registration_failed,row_not_valid,"Line 3, column ""Serial Number"": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.",
    Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
    ,,,registration_failed,file_not_valid,"The headings on line 1 differ from those expected. Found: ""Model"". Expected, exactly: ""Manufacturer"", ""Model"", ""Serial Number"" or ""Manufacturer"", ""Model"", ""Serial Number"", ""Hardware Hash"". Add the missing columns ""Manufacturer"", ""Serial Number"". Nothing of this file was registered.",
    "#);
    assert_snapshot!(told("english")?, @r#"
    Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
    SpiralOrbit,ContosoABC,1,Registration failed,Device not found,"We couldn't register this device because we could not find a match for the provided manufacturer, model, or serial number. Confirm these values with your device supplier.",dd-N
    SpiralOrbit,ContosoABC,,Registration failed,Row not valid,"Line 3, column ""Serial Number"": the value is empty or holds only blanks. Expected is the value exactly as the device itself reports it. Correct the row and drop the file again.",
    Manufacturer,Model,Serial Number,State,Error,Error Details,Request ID
    ,,,Registration failed,File not valid,"The headings on line 1 differ from those expected. Found: ""Model"". Expected, exactly: ""Manufacturer"", ""Model"", ""Serial Number"" or ""Manufacturer"", ""Model"", ""Serial Number"", ""Hardware Hash"". Add the missing columns ""Manufacturer"", ""Serial Number"". Nothing of this file was registered.",
    "#);
    Ok(())
}

#[test]
fn what_is_told_of_a_hardware_hash_follows_the_locale_too() -> Result<()> {
    let mut env = env()?;
    env.set("customers.dutch.locale", "\"nl\"")?;
    // The first is that of a model "Two".
    let text = "Manufacturer,Model,Serial Number,Hardware Hash\nA,One,1,T0EAABEACABUd28A\nA,One,2,T0E*\nA,One,3,T0EeB\n\
                A,One,4,Rm9v\n";
    env.drop_file("dutch", "a.csv", text)?;
    env.drop_file("english", "a.csv", text.replace("A,One", "B,One"))?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    let told = |customer: &str| -> Result<String> {
        let ids = rows(&env, "SELECT request_id FROM audit_registrations WHERE request_id LIKE 'dd-%'")?;
        let text = fs::read_to_string(env.root().join(customer).join("a.result.csv"))?;
        Ok(ids.iter().fold(text, |text, id| text.replace(&format!(",{id}\n"), ",dd-N\n")))
    };
    assert_snapshot!(told("dutch")?, @r#"
    Manufacturer,Model,Serial Number,Hardware Hash,State,Error,Error Details,Request ID
    A,One,1,T0EAABEACABUd28A,Klaar voor gebruiker,,"Het apparaat is geregistreerd, maar de hardwarehash gaat over een ander apparaat: Model is ""One"" in de rij en ""Two"" in de hash. Controleer of de hash van dit apparaat afkomstig is.",
    A,One,2,T0E*,Registratie is mislukt,Hardwarehash niet geldig,"De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. Teken 4 van de hardwarehash komt in geen enkele hash voor: die bestaat uit letters, cijfers, + en /, en = alleen aan het einde.",dd-N
    A,One,3,T0EeB,Registratie is mislukt,Hardwarehash niet geldig,"De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. De hardwarehash is niet volledig: waarschijnlijk ontbreekt een deel.",dd-N
    A,One,4,Rm9v,Registratie is mislukt,Hardwarehash niet geldig,"De hardwarehash die u voor dit apparaat hebt opgegeven, is niet correct opgemaakt. Controleer de hardwarehash dubbel en stuur deze vervolgens opnieuw in. Dit is geen hardwarehash: die begint met T0E, T0F, T0G of T0H.",dd-N
    "#);
    assert_snapshot!(told("english")?, @r#"
    Manufacturer,Model,Serial Number,Hardware Hash,State,Error,Error Details,Request ID
    B,One,1,T0EAABEACABUd28A,Ready for user,,"The device is registered, but its hardware hash speaks of another device: Model is ""One"" in the row and ""Two"" in the hash. Check that the hash was taken from this device.",
    B,One,2,T0E*,Registration failed,Hardware hash not valid,"The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. Character 4 of the hardware hash is one that no hash has: they consist of letters, digits, + and /, and = only at the end.",dd-N
    B,One,3,T0EeB,Registration failed,Hardware hash not valid,The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. The hardware hash isn't whole: part of it is probably missing.,dd-N
    B,One,4,Rm9v,Registration failed,Hardware hash not valid,"The hardware hash you provided for this device was not formatted correctly. Double-check the hardware hash and then resubmit. This is no hardware hash: those begin with T0E, T0F, T0G or T0H.",dd-N
    "#);
    Ok(())
}

#[test]
fn only_the_final_result_where_that_is_wanted() -> Result<()> {
    let mut env = env()?;
    env.set("results.when", "\"final\"")?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    stop(daemon)?;
    let blocker = write_lock(&env.path("state/registry.db"))?;
    let mut daemon = start(&env)?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1", ""]))?;
    daemon.wait_for("its acceptance", |line| line.message() == "accepted" && line.has("file", "a.csv"))?;
    // A file that is final at once is answered; by then the other would have been.
    let other = env.drop_file("fabrikam", "b.csv", csv(&[""]))?;
    daemon.wait_for_result(&other.with_file_name("b.result.csv"))?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM audit_results WHERE file LIKE 'a%'", &["0"])?;
    ensure!(!path.with_file_name("a.result.csv").exists(), "written although a row is pending");
    drop(blocker);
    daemon.wait_for_file(&path.with_file_name("a.result.csv"), |text| text.contains("1,Ready for user"))?;
    stop(daemon)?;
    assert_eq!(rows(&env, "SELECT file, final FROM audit_results WHERE file LIKE 'a%'")?, ["a.result.csv|1"]);
    Ok(())
}

#[test]
fn a_result_that_cannot_be_written_stays_owed_and_is_paid_later() -> Result<()> {
    let env = env()?;
    // No permission binds a superuser; a folder that is gone binds everybody.
    let folder = env.root().join("contoso/PO-1");
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "fence")?;
    stop(daemon)?;
    let blocker = write_lock(&env.path("state/registry.db"))?;
    let mut daemon = start(&env)?;
    let path = env.drop_file(CONTOSO, "PO-1/a.csv", csv(&["1"]))?;
    daemon.wait_for_file(&path.with_file_name("a.result.csv"), |text| text.contains("Registration pending"))?;
    let away = env.path("away");
    fs::rename(&folder, &away)?;
    drop(blocker);
    let owed = daemon.wait_for_message("result owed")?;
    ensure!(owed.has("file", "PO-1/a.csv"), "{owed:?}");
    let why = wait_for_verdict(&env, &mut daemon, &path, "result-owed", "can't be")?;
    ensure!(why.contains("put it back"), "{why}");
    let problems = env.run(&["status", "--problems"])?;
    assert_eq!(problems.code, Some(1), "{problems:?}");
    ensure!(problems.stdout.contains("PO-1/a.csv"), "{problems:?}");
    fs::rename(&away, &folder)?;
    wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &all_ready(&["1"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "accepted", "1 ready")?;
    let problems = env.run(&["status", "--problems"])?;
    assert_eq!((problems.code, problems.stdout.as_str()), (Some(0), ""));
    stop(daemon)
}

#[test]
fn a_result_is_written_anew_when_asked_for() -> Result<()> {
    let env = env()?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let result = path.with_file_name("a.result.csv");
    ensure!(env.run(&["run", "--once"])?.code == Some(0), "registered");
    fs::remove_file(&result)?;
    let file = path.to_str().context("UTF-8")?;
    let written = env.run(&["result", file])?;
    assert_eq!((written.code, written.stdout), (Some(0), format!("{}: 1 row, final\n", result.display())));
    assert_eq!(fs::read_to_string(&result)?, all_ready(&["1"]));
    let mut daemon = start(&env)?;
    let written = env.run(&["result", "--json", file])?;
    stop(daemon)?;
    let json = written.json()?;
    assert_eq!((json["rows"].as_u64(), json["final"].as_bool()), (Some(1), Some(true)), "{json}");
    // The first, and each by command.
    assert_eq!(rows(&env, "SELECT file, final FROM audit_results")?, ["a.result.csv|1"; 3]);
    daemon = start(&env)?;
    let nothing = env.run(&["result", result.to_str().context("UTF-8")?])?;
    stop(daemon)?;
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    Ok(())
}

#[test]
fn a_result_echoes_what_was_accepted_whatever_the_settings_are_by_now() -> Result<()> {
    let mut env = env()?;
    let mapping = |maker: &str| format!("{{ \"Manufacturer\" = \"{maker}\", \"Serial Number\" = \"Serien;Nr\" }}");
    let original = "Lager;Model;\"Serien;Nr\";Hersteller\r\n A 1;ContosoABC;1;SpiralOrbit\r\n\"B\"\"2\";ContosoABC;2;SpiralOrbit\r\n";
    env.set("customers.contoso.columns", &mapping("Hersteller"))?;
    let mapped = env.drop_file(CONTOSO, "a.csv", original)?;
    let plain = env.drop_file("plain", "b.csv", csv(&["3"]).replace(',', ";"))?;
    ensure!(env.run(&["run", "--once"])?.code == Some(0), "registered");
    let results = [&mapped, &plain].map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        (path, path.with_file_name(format!("{name}.result.csv")))
    });
    let answer = fs::read_to_string(&results[0].1)?;
    assert_snapshot!(answer.replace('\r', ""), @r#"
    Lager;Model;"Serien;Nr";Hersteller;State;Error;Error Details;Request ID
    " A 1";ContosoABC;1;SpiralOrbit;Ready for user;;;
    "B""2";ContosoABC;2;SpiralOrbit;Ready for user;;;
    "#);
    let answers = [answer, fs::read_to_string(&results[1].1)?];
    // Another mapping, none any more, one where there was none, and a format that the file hasn't.
    env.set("customers.contoso.columns", &mapping("Maker"))?;
    env.set("customers.plain.columns", &mapping("Maker"))?;
    for settings in 0..2 {
        if settings == 1 {
            env.unset("customers.contoso.columns")?.set("customers.contoso.formats", "[\"self-service\"]")?;
        }
        for ((path, result), answer) in results.iter().zip(&answers) {
            fs::remove_file(result)?;
            let written = env.run(&["result", path.to_str().context("UTF-8")?])?;
            ensure!(written.code == Some(0), "{written:?}");
            assert_eq!(&fs::read_to_string(result)?, answer);
        }
    }
    Ok(())
}

#[test]
fn without_its_copy_a_result_is_made_of_the_file_that_still_lies_there() -> Result<()> {
    let mut env = env()?;
    env.set("ledger.keep_originals", "false")?;
    env.set(
        "customers.contoso.columns",
        r#"{ "Manufacturer" = "Merk", "Model" = "Type", "Serial Number" = "Nummer" }"#,
    )?;
    let text = "\u{feff}sep=;\r\nNummer;Extra;Type;Merk\r\n1;\"a;b\";L;Dell\r\n2;;L\r\n";
    let path = env.drop_file(CONTOSO, "a.csv", text)?;
    let result = path.with_file_name("a.result.csv");
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1), "a row is refused");
    let copies = "SELECT count(*) FROM audit_actions WHERE action = 'remove_original'";
    assert_eq!(rows(&env, copies)?, ["1"]);
    let first = fs::read_to_string(&result)?;
    assert!(first.contains("1;\"a;b\";L;Dell;Ready for user;"), "{first}");
    fs::remove_file(&result)?;
    let again = env.run(&["result", path.to_str().context("UTF-8")?])?;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(fs::read_to_string(&result)?, first);
    // With another content there, the record's values are all that is left.
    fs::write(&path, "something else")?;
    fs::remove_file(&result)?;
    let again = env.run(&["result", path.to_str().context("UTF-8")?])?;
    assert_eq!(again.code, Some(0), "{again:?}");
    let rebuilt = fs::read_to_string(&result)?;
    assert!(rebuilt.starts_with("Manufacturer,Model,Serial Number,State"), "{rebuilt}");
    assert!(rebuilt.contains("Dell,L,1,Ready for user"), "{rebuilt}");
    Ok(())
}
