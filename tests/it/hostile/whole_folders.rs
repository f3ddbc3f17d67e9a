//! A whole drop folder that isn't what it was a moment ago: a link, another folder, an empty mount point.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use devicedrop::step::Step;
use devicedrop_testkit::process::Daemon;

use super::{Hostile, VICTIM, good, names_in};
use crate::scene::{CONTOSO, all_ready, fence, rows, wait_for_answer};

const STEPS: [Step; 6] = [Step::Looked, Step::Opened, Step::Copied, Step::Claimed, Step::Accepted, Step::ResultReady];

/// At each step the drop folder goes away and something else lies at its path. Then it comes back.
fn swapped_at_every_step(
    put: impl Fn(&Hostile) -> Result<()>,
    take_away: impl Fn(&Hostile) -> Result<()>,
) -> Result<()> {
    let hostile = Hostile::new()?;
    hostile.env.drop_file(VICTIM, "theirs.csv", good("theirs"))?;
    let mut daemon = hostile.start()?;
    wait_for_answer(
        &mut daemon,
        &hostile.env.root().join(VICTIM).join("theirs.result.csv"),
        &all_ready(&["theirs"]),
    )?;
    let away = hostile.env.path("away");
    for step in STEPS {
        let name = step.name();
        hostile.meddler.hold_at(step)?;
        hostile.env.drop_file(CONTOSO, &format!("{name}.csv"), good(name))?;
        let held = hostile.meddler.held(&mut daemon)?;
        fs::rename(hostile.drop_folder(), &away)?;
        put(&hostile)?;
        drop(held);
        // Another customer's turn, so that the daemon had its time with what lies there now.
        fence(&hostile.env, &mut daemon, VICTIM, &format!("fence-{name}"))?;
        hostile.nothing_sang(&[]).with_context(|| format!("at {name}"))?;
        take_away(&hostile)?;
        fs::rename(&away, hostile.drop_folder())?;
        wait_for_answer(&mut daemon, &hostile.at(&format!("{name}.result.csv")), &all_ready(&[name]))
            .with_context(|| format!("at {name}"))?;
    }
    let wrong = "SELECT customer, file FROM audit_submissions WHERE customer = 'contoso' AND file LIKE '%theirs%'
                 OR customer = 'fabrikam' AND file NOT LIKE 'fence-%' AND file <> 'theirs.csv'";
    assert_eq!(rows(&hostile.env, wrong)?, [""; 0]);
    let theirs = names_in(&hostile.env.root().join(VICTIM))?;
    ensure!(theirs.iter().all(|name| name.starts_with("fence-") || name.starts_with("theirs.")), "{theirs:?}");
    hostile.end(daemon)
}

#[test]
fn a_link_to_another_customer_s_folder() -> Result<()> {
    swapped_at_every_step(
        |hostile| Ok(symlink(hostile.env.root().join(VICTIM), hostile.drop_folder())?),
        |hostile| Ok(fs::remove_file(hostile.drop_folder())?),
    )
}

#[test]
fn a_link_to_somewhere_else() -> Result<()> {
    swapped_at_every_step(
        |hostile| Ok(symlink(hostile.outside(""), hostile.drop_folder())?),
        |hostile| Ok(fs::remove_file(hostile.drop_folder())?),
    )
}

#[test]
fn nothing_at_all() -> Result<()> {
    swapped_at_every_step(|_| Ok(()), |_| Ok(()))
}

#[test]
fn another_folder_is_believed_at_the_second_look_and_gets_no_other_s_results() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    hostile.meddler.hold_at(Step::Claimed)?;
    hostile.env.drop_file(CONTOSO, "a.csv", good("1"))?;
    let held = hostile.meddler.held(&mut daemon)?;
    let away = hostile.env.path("away");
    fs::rename(hostile.drop_folder(), &away)?;
    fs::create_dir(hostile.drop_folder())?;
    fs::write(hostile.at("b.csv"), good("2"))?;
    drop(held);
    wait_for_answer(&mut daemon, &hostile.at("b.result.csv"), &all_ready(&["2"]))?;
    // The path is what counts: by now this is the drop folder, in which the first file's answer belongs.
    wait_for_answer(&mut daemon, &hostile.at("a.result.csv"), &all_ready(&["1"]))?;
    assert_eq!(names_in(&away)?, ["a.csv"]);
    hostile.end(daemon)
}

/// A bind mount, as a share would be; gone with the test.
struct Share {
    behind: PathBuf,
    at: PathBuf,
}

impl Share {
    fn mount(&self) -> Result<()> {
        let status = Command::new("mount").arg("--bind").args([&self.behind, &self.at]).status()?;
        ensure!(status.success(), "can't mount {}: this test needs root", self.at.display());
        Ok(())
    }

    fn unmount(&self) -> Result<()> {
        ensure!(Command::new("umount").arg("-l").arg(&self.at).status()?.success(), "can't unmount");
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.unmount().unwrap_or_default();
    }
}

#[test]
fn a_result_waits_for_its_share_and_is_not_left_in_the_empty_mount_point() -> Result<()> {
    let hostile = Hostile::new()?;
    let share = Share { behind: hostile.env.path("share"), at: hostile.drop_folder() };
    fs::create_dir(&share.behind)?;
    // Of another file system, as shares are.
    let _behind = super::objects::Mounted::tmpfs(share.behind.clone())?;
    share.mount()?;
    let mut daemon: Daemon = hostile.start()?;
    hostile.meddler.hold_at(Step::Claimed)?;
    hostile.env.drop_file(CONTOSO, "a.csv", good("1"))?;
    let held = hostile.meddler.held(&mut daemon)?;
    share.unmount()?;
    drop(held);
    daemon.wait_for("a result that is owed", |line| line.message() == "result owed")?;
    fence(&hostile.env, &mut daemon, VICTIM, "fence")?;
    assert_eq!(names_in(&hostile.drop_folder())?, [""; 0], "nothing is written below the mount point");
    share.mount()?;
    wait_for_answer(&mut daemon, &hostile.at("a.result.csv"), &all_ready(&["1"]))?;
    hostile.end(daemon)
}
