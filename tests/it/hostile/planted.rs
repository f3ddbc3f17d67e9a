//! What somebody puts at the names that we are about to use: results, files aside, markers, order files, folders.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use devicedrop::step::Step;
use devicedrop_testkit::canary::SONG;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Hostile, good, names_in};
use crate::scene::{CONTOSO, all_ready, fence, rows, wait_for_answer, wait_for_verdict};

#[test]
fn what_stands_at_the_result_s_name_is_left_alone() -> Result<()> {
    let mut hostile = Hostile::new()?;
    symlink(hostile.outside("secret.csv"), hostile.at("link.result.csv"))?;
    symlink(hostile.outside("new.csv"), hostile.at("dangling.result.csv"))?;
    symlink(hostile.outside(""), hostile.at("folder-link.result.csv"))?;
    fs::create_dir(hostile.at("folder.result.csv"))?;
    mknodat(CWD, hostile.at("fifo.result.csv"), FileType::Fifo, Mode::from_raw_mode(0o666), 0)?;
    let _socket = UnixListener::bind(hostile.at("socket.result.csv"))?;
    fs::hard_link(hostile.outside("secret.csv"), hostile.at("hard.result.csv"))?;
    fs::write(hostile.at("file.result.csv"), "theirs")?;
    fs::write(hostile.at("twice.result.csv"), "theirs")?;
    symlink(hostile.outside("secret.csv"), hostile.at("twice.result-2.csv"))?;
    hostile.canaries.settle()?;
    let names = ["link", "dangling", "folder-link", "folder", "fifo", "socket", "hard", "file", "twice"];
    let before: Vec<(u64, u32)> = names.iter().map(|name| id(&hostile, name)).collect::<Result<_>>()?;
    let mut daemon = hostile.start()?;
    for name in names {
        fs::write(hostile.at(&format!("{name}.csv")), good(name))?;
        let number = if name == "twice" { 3 } else { 2 };
        wait_for_answer(&mut daemon, &hostile.at(&format!("{name}.result-{number}.csv")), &all_ready(&[name]))?;
    }
    let after: Vec<(u64, u32)> = names.iter().map(|name| id(&hostile, name)).collect::<Result<_>>()?;
    assert_eq!(before, after, "what stood there still stands there");
    assert_eq!(names_in(&hostile.at("folder.result.csv"))?, [""; 0]);
    ensure!(!hostile.outside("new.csv").exists(), "nothing is made through a dangling link");
    hostile.end(daemon)
}

fn id(hostile: &Hostile, name: &str) -> Result<(u64, u32)> {
    let metadata = fs::symlink_metadata(hostile.at(&format!("{name}.result.csv")))?;
    Ok((metadata.ino(), metadata.mode()))
}

/// The file aside in a folder, but for those that the test itself put there.
fn aside_in(folder: &std::path::Path, but: &[PathBuf]) -> Result<PathBuf> {
    let asides = names_in(folder)?.into_iter().filter(|name| name.starts_with(".devicedrop-"));
    asides.map(|name| folder.join(name)).find(|path| !but.contains(path)).context("a file aside")
}

#[test]
fn a_file_aside_that_is_swapped_does_not_become_the_result() -> Result<()> {
    let mut hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    let mut planted = Vec::new();
    for plant in ["link", "hard-link", "file", "nothing"] {
        hostile.meddler.hold_at(Step::ResultReady)?;
        fs::write(hostile.at(&format!("{plant}.csv")), good(plant))?;
        let held = hostile.meddler.held(&mut daemon)?;
        let aside = aside_in(&hostile.drop_folder(), &planted)?;
        fs::rename(&aside, hostile.at(&format!("stolen-{plant}")))?;
        match plant {
            "link" => symlink(hostile.outside("secret.csv"), &aside)?,
            "hard-link" => {
                fs::hard_link(hostile.outside("secret.csv"), &aside)?;
                hostile.canaries.settle()?;
            }
            "file" => fs::write(&aside, good("theirs"))?,
            _ => {}
        }
        drop(held);
        wait_for_answer(&mut daemon, &hostile.at(&format!("{plant}.result.csv")), &all_ready(&[plant]))?;
        assert_eq!(fs::symlink_metadata(&aside).is_ok(), plant != "nothing", "{plant}: what isn't ours stays");
        planted.push(aside);
    }
    hostile.end(daemon)
}

#[test]
fn what_comes_to_the_result_s_name_in_the_last_moment_is_left_alone() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    for plant in ["link", "folder", "file"] {
        hostile.meddler.hold_at(Step::ResultChecked)?;
        fs::write(hostile.at(&format!("{plant}.csv")), good(plant))?;
        let held = hostile.meddler.held(&mut daemon)?;
        let name = hostile.at(&format!("{plant}.result.csv"));
        match plant {
            "link" => symlink(hostile.outside("secret.csv"), &name)?,
            "folder" => fs::create_dir(&name)?,
            _ => fs::write(&name, "theirs")?,
        }
        let before = id(&hostile, plant)?;
        drop(held);
        wait_for_answer(&mut daemon, &hostile.at(&format!("{plant}.result-2.csv")), &all_ready(&[plant]))?;
        assert_eq!(id(&hostile, plant)?, before);
    }
    hostile.end(daemon)
}

#[test]
fn a_result_that_its_sender_changes_in_the_last_moment_is_not_lost() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    let original = hostile.env.write_file(CONTOSO, "a.csv", good("1"))?;
    let result = hostile.at("a.result.csv");
    wait_for_answer(&mut daemon, &result, &all_ready(&["1"]))?;
    hostile.meddler.hold_at(Step::ResultChecked)?;
    fs::write(&original, good("2"))?;
    let held = hostile.meddler.held(&mut daemon)?;
    fs::write(&result, "my own notes")?;
    drop(held);
    wait_for_answer(&mut daemon, &hostile.at("a.result-2.csv"), &all_ready(&["2"]))?;
    assert_eq!(fs::read_to_string(&result)?, "my own notes");
    hostile.end(daemon)
}

#[test]
fn a_huge_file_at_the_result_s_name_is_not_read() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    let original = hostile.env.write_file(CONTOSO, "a.csv", good("1"))?;
    wait_for_answer(&mut daemon, &hostile.at("a.result.csv"), &all_ready(&["1"]))?;
    // Reading it would take longer than the test waits.
    fs::File::options().write(true).open(hostile.at("a.result.csv"))?.set_len(1 << 40)?;
    fs::write(original, good("2"))?;
    wait_for_answer(&mut daemon, &hostile.at("a.result-2.csv"), &all_ready(&["2"]))?;
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    fs::remove_file(hostile.at("a.result.csv"))?;
    hostile.nothing_sang(&[])
}

#[test]
fn markers_and_order_files_that_are_no_files_count_for_nothing() -> Result<()> {
    let mut hostile = Hostile::new()?;
    hostile.env.set("customers.fabrikam.complete", "\"marker\"")?;
    fs::write(hostile.outside("order.json"), format!("{{\"order_id\": \"{SONG}\"}}"))?;
    fs::write(hostile.at("hard.order.json"), "{}")?;
    fs::remove_file(hostile.at("hard.order.json"))?;
    let theirs = |name: &str| hostile.env.root().join("fabrikam").join(name);
    for name in ["link", "hard", "fifo", "folder"] {
        fs::write(hostile.at(&format!("{name}.csv")), good(name))?;
        fs::write(theirs(&format!("{name}.csv")), good(name))?;
        for (beside, target) in [
            (hostile.at(&format!("{name}.order.json")), hostile.outside("order.json")),
            (theirs(&format!("{name}.csv.done")), hostile.outside("notes.txt")),
        ] {
            match name {
                "link" => symlink(target, beside)?,
                "hard" => fs::hard_link(target, beside)?,
                "fifo" => mknodat(CWD, beside, FileType::Fifo, Mode::from_raw_mode(0o666), 0)?,
                _ => fs::create_dir(beside)?,
            }
        }
    }
    let waiting: Vec<PathBuf> = ["link", "hard", "fifo", "folder"].map(|name| theirs(&format!("{name}.csv"))).into();
    hostile.canaries.settle()?;
    let mut daemon = hostile.start()?;
    fence(&hostile.env, &mut daemon, CONTOSO, "fence")?;
    for path in waiting {
        wait_for_verdict(&hostile.env, &mut daemon, &path, "waiting", "marker")?;
    }
    let orders = "SELECT DISTINCT coalesce(order_id, '-') FROM audit_submissions";
    assert_eq!(rows(&hostile.env, orders)?, ["-"]);
    hostile.end(daemon)
}

#[test]
fn an_order_folder_that_becomes_a_link_gets_no_result_until_it_is_back() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    for (step, order) in [(Step::Claimed, "PO-1"), (Step::ResultReady, "PO-2"), (Step::ResultChecked, "PO-3")] {
        fs::create_dir(hostile.at(order))?;
        hostile.meddler.hold_at(step)?;
        fs::write(hostile.at(order).join("a.csv"), good(order))?;
        let held = hostile.meddler.held(&mut daemon)?;
        let away = hostile.env.path("away");
        fs::rename(hostile.at(order), &away)?;
        symlink(hostile.outside("PO-1"), hostile.at(order))?;
        drop(held);
        if step == Step::Claimed {
            daemon.wait_for("a result that is owed", |line| line.message() == "result owed")?;
        } else {
            // The folder was open: it gets its result wherever it lies by now.
            wait_for_answer(&mut daemon, &away.join("a.result.csv"), &all_ready(&[order]))?;
        }
        hostile.nothing_sang(&[])?;
        fs::remove_file(hostile.at(order))?;
        fs::rename(&away, hostile.at(order))?;
        wait_for_answer(&mut daemon, &hostile.at(order).join("a.result.csv"), &all_ready(&[order]))?;
    }
    hostile.end(daemon)
}
