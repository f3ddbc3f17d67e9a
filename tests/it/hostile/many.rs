//! Too much of everything: one customer's flood is that customer's affair.

use std::fs;

use anyhow::{Result, ensure};
use devicedrop_testkit::flood::{answered, peak_memory};

use super::{Hostile, VICTIM, good};
use crate::scene::{CONTOSO, all_ready, rows, wait_for_answer};

/// More memory than this, in KiB, is a failure; a debug build with nothing to do takes a fifth of it.
const MEMORY_MAX_KIB: u64 = 256 * 1024;

/// The quiet customer's answer is there when the flood, which came first, is not half done.
fn the_quiet_one_is_served(files: u64, content: impl Fn(u64) -> String) -> Result<()> {
    let hostile = Hostile::new()?;
    for file in 0..files {
        fs::write(hostile.at(&format!("f{file}.csv")), content(file))?;
    }
    let mut daemon = hostile.start()?;
    // The flood is under way.
    daemon.wait_until("the flood's first answer", || {
        Ok((answered(&hostile.env, &format!("customer = '{CONTOSO}'"))? > 0).then_some(()))
    })?;
    for serial in ["one", "two", "three"] {
        let path = hostile.env.drop_file(VICTIM, &format!("{serial}.csv"), good(serial))?;
        wait_for_answer(&mut daemon, &path.with_file_name(format!("{serial}.result.csv")), &all_ready(&[serial]))?;
    }
    let done = answered(&hostile.env, &format!("customer = '{CONTOSO}'"))?;
    ensure!(done < files / 2, "{done} of {files} of the flood were answered first");
    let memory = peak_memory(daemon.pid())?;
    ensure!(memory < MEMORY_MAX_KIB, "{} MiB of memory", memory / 1024);
    hostile.end(daemon)
}

#[test]
fn a_flood_of_good_files_keeps_no_other_customer_waiting() -> Result<()> {
    the_quiet_one_is_served(4_000, |file| good(&format!("flood-{file}")))
}

#[test]
fn twenty_thousand_empty_files_keep_no_other_customer_waiting() -> Result<()> {
    the_quiet_one_is_served(20_000, |_| String::new())
}

#[test]
fn a_thousand_order_folders_are_all_answered() -> Result<()> {
    let hostile = Hostile::new()?;
    for folder in 0..1_000 {
        fs::create_dir(hostile.at(&format!("PO-{folder}")))?;
        fs::write(hostile.at(&format!("PO-{folder}/a.csv")), good(&format!("order-{folder}")))?;
    }
    let mut daemon = hostile.start()?;
    for folder in 0..1_000 {
        let result = hostile.at(&format!("PO-{folder}/a.result.csv"));
        wait_for_answer(&mut daemon, &result, &all_ready(&[&format!("order-{folder}")]))?;
    }
    let orders = "SELECT count(DISTINCT order_id), count(*) FROM audit_submissions";
    assert_eq!(rows(&hostile.env, orders)?, ["1000|1000"]);
    hostile.end(daemon)
}

#[test]
fn what_comes_and_goes_leaves_nothing_and_hides_nothing() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    fs::write(hostile.at("real.csv"), good("real"))?;
    for round in 0..20_000 {
        let path = hostile.at(&format!("gone-{}.csv", round % 7));
        fs::write(&path, "")?;
        fs::remove_file(path)?;
    }
    wait_for_answer(&mut daemon, &hostile.at("real.result.csv"), &all_ready(&["real"]))?;
    assert_eq!(rows(&hostile.env, "SELECT file FROM audit_submissions")?, ["real.csv"]);
    hostile.end(daemon)
}

#[test]
fn only_what_a_crash_of_ours_left_aside_is_removed() -> Result<()> {
    use std::os::unix::fs::{lchown, symlink};

    let hostile = Hostile::new()?;
    fs::create_dir_all(hostile.at("PO-1/deep"))?;
    let ours = [
        ".devicedrop-00000000000000a1.tmp",
        "PO-1/.devicedrop-00000000000000a2.tmp",
        "PO-1/deep/.devicedrop-00000000000000a3.tmp",
    ];
    let others = [
        ".devicedrop-00000000000000b1.tmp",
        "PO-1/.devicedrop-00000000000000b2.tmp",
        ".devicedrop-mine.tmp",
        ".claim-00000000000000000000000000000001",
        "upload.csv.tmp",
        ".devicedrop-00000000000000b3.tmp",
        ".devicedrop-00000000000000b4.tmp",
    ];
    for name in ours.iter().chain(&others[..5]) {
        fs::write(hostile.at(name), "half a fi")?;
    }
    for name in &others[..2] {
        lchown(hostile.at(name), Some(12_345), None)?;
    }
    symlink(hostile.outside("secret.csv"), hostile.at(others[5]))?;
    fs::create_dir(hostile.at(others[6]))?;
    let mut daemon = hostile.start()?;
    crate::scene::fence(&hostile.env, &mut daemon, CONTOSO, "fence")?;
    daemon.wait_until("what was left aside to be gone", || {
        Ok(ours.iter().all(|name| !hostile.at(name).exists()).then_some(()))
    })?;
    for name in others {
        ensure!(fs::symlink_metadata(hostile.at(name)).is_ok(), "{name} is somebody else's");
    }
    hostile.end(daemon)
}
