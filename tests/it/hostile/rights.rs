//! What the daemon may not do: it runs as a user without rights, and each step of a file's way is forbidden to it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;

use anyhow::{Result, ensure};
use devicedrop_testkit::meddle::NOBODY;

use super::{Hostile, OVER_A_MINUTE, good};
use crate::scene::{CONTOSO, all_ready, fence, rows, wait_for_answer, wait_for_verdict};

/// Root's, with this mode.
fn roots(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(lchown(path, Some(0), Some(0))?)
}

fn nobodys(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(lchown(path, Some(NOBODY), Some(NOBODY))?)
}

#[test]
fn what_may_not_be_read_waits_is_told_and_is_taken_once_it_may() -> Result<()> {
    let mut hostile = Hostile::new()?;
    hostile.meddler = hostile.meddler.as_nobody(&hostile.env)?;
    hostile.canaries.settle()?;
    fs::write(hostile.at("file.csv"), good("file"))?;
    roots(&hostile.at("file.csv"), 0o600)?;
    for (folder, mode) in [("closed", 0o700), ("listed-only", 0o744), ("entered-only", 0o711)] {
        fs::create_dir(hostile.at(folder))?;
        fs::write(hostile.at(folder).join("a.csv"), good(folder))?;
        roots(&hostile.at(folder), mode)?;
    }
    // Nobody can tell by its name alone whether it is a list of devices.
    let notes = hostile.at("notes.txt");
    fs::write(&notes, good("notes"))?;
    roots(&notes, 0o000)?;
    let mut daemon = hostile.start()?;
    wait_for_verdict(&hostile.env, &mut daemon, &notes, "ignored", "devicedrop may not read it, so it can't tell")?;
    wait_for_verdict(&hostile.env, &mut daemon, &hostile.at("file.csv"), "waiting", "may not read it")?;
    for name in ["closed/a.csv", "listed-only/a.csv", "entered-only/a.csv"] {
        wait_for_verdict(&hostile.env, &mut daemon, &hostile.at(name), "waiting", "may not look into this folder")?;
    }
    hostile.meddler.later_by(OVER_A_MINUTE)?;
    let told = daemon.wait_for_result(&hostile.at("file.result.csv"))?;
    ensure!(told.contains("File not valid"), "{told}");
    for folder in ["closed", "listed-only", "entered-only"] {
        let told = daemon.wait_for_result(&hostile.at(&format!("{folder}.folder.result.csv")))?;
        ensure!(told.contains("File not valid"), "{told}");
    }
    ensure!(!hostile.at("notes.txt.not-a-csv.result.csv").exists(), "whether it is a list isn't known");
    nobodys(&notes, 0o600)?;
    wait_for_verdict(&hostile.env, &mut daemon, &notes, "ignored", "it isn't a CSV by its name: save it as a CSV")?;
    fs::write(&notes, "Dear all,\n")?;
    wait_for_verdict(
        &hostile.env,
        &mut daemon,
        &notes,
        "ignored",
        "its first line doesn't hold two of the headings",
    )?;
    nobodys(&hostile.at("file.csv"), 0o600)?;
    wait_for_answer(&mut daemon, &hostile.at("file.result.csv"), &all_ready(&["file"]))?;
    for folder in ["closed", "listed-only", "entered-only"] {
        nobodys(&hostile.at(folder), 0o700)?;
        wait_for_answer(&mut daemon, &hostile.at(folder).join("a.result.csv"), &all_ready(&[folder]))?;
    }
    hostile.end(daemon)
}

#[test]
fn a_result_that_may_not_be_written_stays_owed_until_it_may() -> Result<()> {
    let mut hostile = Hostile::new()?;
    fs::create_dir(hostile.at("PO-1"))?;
    hostile.meddler = hostile.meddler.as_nobody(&hostile.env)?;
    hostile.canaries.settle()?;
    for folder in [hostile.drop_folder(), hostile.at("PO-1")] {
        roots(&folder, 0o755)?;
    }
    for name in ["a.csv", "PO-1/b.csv"] {
        fs::write(hostile.at(name), good(name))?;
    }
    let mut daemon = hostile.start()?;
    for name in ["a.csv", "PO-1/b.csv"] {
        wait_for_verdict(&hostile.env, &mut daemon, &hostile.at(name), "result-owed", "can't be written")?;
    }
    // The other customers don't wait for that.
    fence(&hostile.env, &mut daemon, super::VICTIM, "fence")?;
    for (folder, name) in [(hostile.drop_folder(), "a"), (hostile.at("PO-1"), "PO-1/b")] {
        nobodys(&folder, 0o755)?;
        let serial = format!("{name}.csv");
        wait_for_answer(&mut daemon, &hostile.at(&format!("{name}.result.csv")), &all_ready(&[&serial]))?;
    }
    hostile.end(daemon)
}

#[test]
fn a_drop_folder_that_may_not_be_listed_is_offline_and_no_other_is() -> Result<()> {
    let mut hostile = Hostile::new()?;
    hostile.meddler = hostile.meddler.as_nobody(&hostile.env)?;
    hostile.canaries.settle()?;
    fs::write(hostile.at("a.csv"), good("1"))?;
    for mode in [0o700, 0o744, 0o711] {
        roots(&hostile.drop_folder(), mode)?;
        let mut daemon = hostile.start()?;
        fence(&hostile.env, &mut daemon, super::VICTIM, &format!("fence-{mode}"))?;
        daemon.wait_until("the folder offline", || {
            let said = hostile.env.run(&["status", "--json"])?;
            Ok(said.stdout.contains("the folder can't be opened or listed").then_some(()))
        })?;
        hostile.end(daemon)?;
    }
    nobodys(&hostile.drop_folder(), 0o750)?;
    let mut daemon = hostile.start()?;
    wait_for_answer(&mut daemon, &hostile.at("a.result.csv"), &all_ready(&["1"]))?;
    assert_eq!(rows(&hostile.env, "SELECT count(*) FROM audit_submissions WHERE customer = 'contoso'")?, ["1"]);
    ensure!(rows(&hostile.env, "SELECT DISTINCT owner FROM audit_deliveries")?.contains(&"0".to_owned()));
    assert_eq!(CONTOSO, "contoso");
    hostile.end(daemon)
}
