//! A customer's folder on a share that hangs: whoever looks into it waits for ever.
//!
//! It is a file system in user space that nobody serves, mounted for the test, so these run as root only: elsewhere each
//! says so and does nothing, and in the gate that is a failure.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;

use crate::disks::may_mount;
use crate::scene::{CONTOSO, all_ready, csv, env, explain, fence, rows, start, stop, wait_for_answer};

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

#[test]
fn whose_share_hangs_is_named_with_what_to_do_and_the_others_go_on() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = env()?;
    let share = env.root().join(FABRIKAM);
    let path = env.drop_file(FABRIKAM, "known.csv", csv(&["K"]))?;
    fs::create_dir(env.root().join(CONTOSO))?;
    let mut daemon = start(&env)?;
    daemon = daemon.with_watchdog(Duration::from_mins(5));
    wait_for_answer(&mut daemon, &path.with_file_name("known.result.csv"), &all_ready(&["K"]))?;
    let hung = Hung::at(&share)?;
    // At once, since whoever asks for a file must not wait for the share, too.
    let (verdict, why) = explain(&env, &share.join("new.csv"))?;
    assert_eq!(verdict, "hangs");
    assert!(why.contains("look after that share, or unmount it") && !why.contains("on record"), "{why}");
    let (verdict, why) = explain(&env, &path)?;
    assert_eq!(verdict, "hangs");
    assert!(why.contains("on record it is accepted"), "{why}");
    fence(&env, &mut daemon, CONTOSO, "meanwhile")?;
    // After a minute without a sign of life.
    let named = daemon.wait_until("a customer whose folder hangs", || {
        let problems = env.run(&["status", "--problems"])?;
        let named = problems.stdout.contains("! fabrikam: looking into its drop folder hangs");
        Ok(named.then_some(problems))
    })?;
    assert_eq!(named.code, Some(1));
    assert!(named.stdout.contains("try: look after its share, or unmount it"), "{}", named.stdout);
    assert!(!named.stdout.contains(CONTOSO), "{}", named.stdout);
    let status = env.run(&["status", "--json"])?.stdout;
    assert!(status.contains("looking into it hangs; its share doesn't answer"), "{status}");
    fence(&env, &mut daemon, CONTOSO, "still")?;
    drop(hung);
    let again = env.drop_file(FABRIKAM, "again.csv", csv(&["L"]))?;
    wait_for_answer(&mut daemon, &again.with_file_name("again.result.csv"), &all_ready(&["L"]))?;
    stop(daemon)
}

#[test]
fn of_two_folders_that_differ_in_capitals_alone_one_that_hangs_holds_up_no_start() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = env()?;
    fs::create_dir(env.root().join("Fabrikam"))?;
    let lower = env.root().join(FABRIKAM);
    fs::create_dir_all(env.root().join(CONTOSO))?;
    let hung = Hung::at(&lower)?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "whole")?;
    // Which of the two is the customer can't be told: nothing is taken from the wrong one.
    let waits = env.drop_file("Fabrikam", "a.csv", csv(&["A"]))?;
    fence(&env, &mut daemon, CONTOSO, "again")?;
    let problems = env.run(&["status", "--problems"])?.stdout;
    for name in ["Fabrikam", FABRIKAM] {
        assert!(problems.contains(&format!("the folder {name} in the root is left alone: another one differs")));
    }
    assert_eq!(rows(&env, "SELECT customer FROM audit_deliveries WHERE customer <> 'contoso'")?, [""; 0]);
    drop(hung);
    // The older one of the two is the customer again.
    wait_for_answer(&mut daemon, &waits.with_file_name("a.result.csv"), &all_ready(&["A"]))?;
    stop(daemon)
}
