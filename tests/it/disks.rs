//! Real file systems that are full, out of inodes, read-only or frozen under the built program.
//!
//! They are mounted for the test, so these run as root only: elsewhere each says so and does nothing, and in the gate
//! that is a failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;

use crate::scene::{CONTOSO, all_ready, csv, rows, start, stop, wait_for_answer, wait_for_rows};

/// A file system that is mounted as long as this lives.
pub(crate) struct Mounted {
    pub(crate) path: PathBuf,
}

impl Mounted {
    pub(crate) fn tmpfs(path: &Path, options: &str) -> Result<Self> {
        fs::create_dir_all(path)?;
        run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path))?;
        Ok(Self { path: path.to_owned() })
    }

    /// An ext4 of so many megabytes in an image beside it.
    fn ext4(path: &Path, image: &Path, megabytes: u64) -> Result<Self> {
        fs::create_dir_all(path)?;
        fs::File::create(image)?.set_len(megabytes << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(path))?;
        Ok(Self { path: path.to_owned() })
    }

    fn remount(&self, options: &str) -> Result<()> {
        run(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.path))
    }

    /// Fills it to the last byte, and says with which file.
    pub(crate) fn fill(&self) -> Result<PathBuf> {
        let ballast = self.path.join(".ballast");
        let mut file = fs::File::create(&ballast)?;
        // Ends with the error that is wanted.
        drop(std::io::copy(&mut std::io::repeat(0), &mut file));
        Ok(ballast)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("can't run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Whether we may mount; says so if not, and fails where the gate runs.
pub(crate) fn may_mount() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "the gate must run this as root");
    if !root {
        eprintln!("SKIPPED, not root: no file system can be mounted");
    }
    root
}

fn answered(daemon: &mut Daemon, env: &TestEnv, customer: &str, name: &str, serials: &[&str]) -> Result<()> {
    wait_for_answer(daemon, &env.root().join(customer).join(format!("{name}.result.csv")), &all_ready(serials))
}

#[test]
fn below_the_reserve_nothing_is_taken_and_with_space_it_goes_on_by_itself() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut env = crate::scene::env()?;
    env.set("drop.reserve", "\"4MiB\"")?;
    let disk = Mounted::tmpfs(&env.path("state"), "size=16m")?;
    let mut daemon = start(&env)?;
    let ballast = disk.fill()?;
    fs::File::options().write(true).open(&ballast)?.set_len(fs::metadata(&ballast)?.len().saturating_sub(1 << 20))?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    crate::scene::wait_for_verdict(&env, &mut daemon, &path, "waiting", "")?;
    assert_eq!(rows(&env, "SELECT count(*) FROM audit_submissions")?, ["0"]);
    fs::remove_file(ballast)?;
    answered(&mut daemon, &env, CONTOSO, "a", &["1"])?;
    stop(daemon)
}

#[test]
fn a_full_disk_under_the_ledger_ends_the_process_and_loses_nothing() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut env = crate::scene::env()?;
    env.set("drop.reserve", "0")?;
    let archive = env.path("originals").display().to_string();
    env.set("ledger.originals", &format!("{archive:?}"))?;
    let disk = Mounted::tmpfs(&env.path("state"), "size=8m")?;
    let daemon = start(&env)?;
    let ballast = disk.fill()?;
    let serials: Vec<String> = (0..2_000).map(|number| format!("S{number}")).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    env.drop_file(CONTOSO, "a.csv", csv(&serials))?;
    let (code, log) = daemon.wait()?;
    ensure!(code == 3, "it ended with {code}");
    ensure!(log.iter().any(|line| line.message().starts_with("a write to the ledger failed; start again")));
    fs::remove_file(ballast)?;
    let mut daemon = start(&env)?;
    answered(&mut daemon, &env, CONTOSO, "a", &serials)?;
    stop(daemon)
}

#[test]
fn a_full_drop_folder_owes_the_result_and_delays_nobody_else() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = crate::scene::env()?;
    let disk = Mounted::tmpfs(&env.root().join(CONTOSO), "size=64k")?;
    result_is_owed(&env, || disk.fill(), |ballast| Ok(fs::remove_file(ballast)?))
}

#[test]
fn a_drop_folder_without_an_inode_left_owes_the_result_and_delays_nobody_else() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = crate::scene::env()?;
    let _disk = Mounted::tmpfs(&env.root().join(CONTOSO), "size=1m,nr_inodes=8")?;
    let used = || {
        let folder = env.root().join(CONTOSO).join("_used");
        fs::create_dir(&folder)?;
        let mut number = 0;
        while fs::File::create(folder.join(number.to_string())).is_ok() {
            number += 1;
        }
        Ok(folder)
    };
    result_is_owed(&env, used, |folder| Ok(fs::remove_dir_all(folder)?))
}

#[test]
fn a_read_only_drop_folder_owes_the_result_and_delays_nobody_else() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = crate::scene::env()?;
    let disk = Mounted::tmpfs(&env.root().join(CONTOSO), "size=1m")?;
    let read_only = || {
        disk.remount("ro")?;
        Ok(PathBuf::new())
    };
    result_is_owed(&env, read_only, |_| disk.remount("rw"))
}

/// A file is dropped, its folder becomes unfit before its result is written, and is mended later.
fn result_is_owed(
    env: &TestEnv,
    spoil: impl FnOnce() -> Result<PathBuf>,
    mend: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let spoilt = spoil()?;
    let mut daemon = start(env)?;
    daemon.wait_for("the result owed", |line| line.message() == "result owed" && line.has("customer", CONTOSO))?;
    wait_for_rows(env, &mut daemon, "SELECT ready FROM audit_submissions WHERE customer = 'contoso'", &["1"])?;
    env.drop_file("fabrikam", "b.csv", csv(&["2"]))?;
    answered(&mut daemon, env, "fabrikam", "b", &["2"])?;
    let there =
        fs::read_dir(env.root().join(CONTOSO))?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    ensure!(!there.into_iter().any(|name| name.contains("result") || name.contains(".tmp")), "nothing half written");
    mend(&spoilt)?;
    answered(&mut daemon, env, CONTOSO, "a", &["1"])?;
    stop(daemon)
}

#[test]
fn a_disk_that_stalls_under_the_ledger_holds_everything_up_and_nothing_is_sent_twice() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = crate::scene::env()?;
    let disk = Mounted::ext4(&env.path("state"), &env.path("disk.img"), 64)?;
    fs::set_permissions(&disk.path, std::os::unix::fs::PermissionsExt::from_mode(0o750))?;
    let mut daemon = start(&env)?;
    // Thawed from elsewhere whatever becomes of this test: nothing can end a process that waits for a frozen disk.
    let thaw = format!("sleep 20; fsfreeze -u '{}'", disk.path.display());
    let mut timer = Command::new("/bin/sh").args(["-c", &thaw]).spawn()?;
    run(Command::new("fsfreeze").arg("-f").arg(&disk.path))?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    daemon.live_for(Duration::from_secs(2));
    let early = path.with_file_name("a.result.csv").exists();
    run(Command::new("fsfreeze").arg("-u").arg(&disk.path))?;
    timer.kill()?;
    timer.wait()?;
    ensure!(!early, "a result was written that nothing on record stands behind");
    answered(&mut daemon, &env, CONTOSO, "a", &["1"])?;
    assert_eq!(rows(&env, "SELECT number, outcome FROM audit_attempts")?, ["1|registered"]);
    stop(daemon)
}
