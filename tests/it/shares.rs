//! A customer's folder on a share that hangs: whoever looks into it waits for ever.
//!
//! It is a file system in user space that nobody serves, mounted for the test, so these run as root only: elsewhere each
//! says so and does nothing, and in the gate that is a failure.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;

use crate::disks::may_mount;
use crate::scene::{CONTOSO, all_ready, csv, env, rows, start, stop, wait_for_answer};

const FABRIKAM: &str = "fabrikam";

/// A share that hangs as long as this lives.
struct Hung {
    path: PathBuf,
    holder: Child,
}

/// Whoever holds the device may serve the file system; this one only waits for its own end.
const HOLDER: &str = "exec 3<>/dev/fuse
mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hung \"$0\" && echo there && read nothing";

impl Hung {
    fn at(path: &Path) -> Result<Self> {
        fs::create_dir_all(path)?;
        let mut command = Command::new("/bin/sh");
        let mut holder =
            command.arg("-c").arg(HOLDER).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let told = BufReader::new(holder.stdout.take().context("its output")?).lines().next();
        let hung = Self { path: path.to_owned(), holder };
        ensure!(told.transpose()?.as_deref() == Some("there"), "no share can be mounted at {}", path.display());
        Ok(hung)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        // With the holder gone nobody can serve it any more, and whoever waits is told so.
        drop(self.holder.kill());
        drop(self.holder.wait());
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}

/// Answers one customer and stops in order while the other's share hangs, from before the start and from after it.
fn nobody_waits(env: &TestEnv, share: &Path) -> Result<()> {
    let answered = |daemon: &mut _, name: &str| {
        let path = env.drop_file(CONTOSO, &format!("{name}.csv"), csv(&[name]))?;
        wait_for_answer(daemon, &path.with_file_name(format!("{name}.result.csv")), &all_ready(&[name]))
    };
    let mut daemon = start(env)?;
    answered(&mut daemon, "whole")?;
    let hung = Hung::at(share)?;
    for name in ["one", "two", "three"] {
        answered(&mut daemon, name)?;
    }
    stop(daemon)?;
    let mut daemon = start(env)?;
    answered(&mut daemon, "again")?;
    stop(daemon)?;
    drop(hung);
    assert_eq!(rows(env, "SELECT count(*) FROM audit_registrations WHERE state = 'ready_for_user'")?, ["5"]);
    Ok(())
}

#[test]
fn a_share_that_hangs_holds_up_no_other_customer_and_no_stop() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut env = env()?;
    let share = env.path("share");
    fs::create_dir(&share)?;
    fs::create_dir(env.root().join(CONTOSO))?;
    env.set("drop.customers", "\"configured\"")?.set("customers.contoso.name", "\"Contoso\"")?;
    env.set("customers.fabrikam.folder", &format!("{:?}", share.display().to_string()))?;
    nobody_waits(&env, &share)
}

#[test]
fn a_folder_in_the_root_that_hangs_holds_up_no_other_customer_and_no_stop() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = env()?;
    let share = env.root().join(FABRIKAM);
    fs::create_dir(&share)?;
    nobody_waits(&env, &share)
}
