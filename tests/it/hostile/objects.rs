//! What isn't a file like others: links, pipes, devices, mounts, folders in each other's way, sizes and times that lie.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::process::Daemon;
use insta::assert_snapshot;
use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mkdirat, mknodat, openat};

use super::{Hostile, OVER_A_MINUTE, VICTIM, good, names_in};
use crate::scene::{CONTOSO, all_ready, explain, fence, rows, wait_for_answer, wait_for_verdict};

const REFUSALS: &str = "SELECT file, reason FROM audit_refusals ORDER BY file";
const TAKEN: &str =
    "SELECT customer, file, coalesce(order_id, '-'), outcome FROM audit_submissions ORDER BY customer, file";

#[test]
fn what_is_no_regular_file_or_reached_by_a_link_is_never_taken() -> Result<()> {
    let hostile = Hostile::new()?;
    let theirs = hostile.env.drop_file(VICTIM, "theirs.csv", good("theirs"))?;
    hostile.env.drop_file(VICTIM, "PO-9/more.csv", good("more"))?;
    fs::write(hostile.at("good.csv"), good("good"))?;
    let mut expected = Vec::new();
    for (name, target) in [
        ("to-theirs.csv", theirs.clone()),
        ("to-outside.csv", hostile.outside("secret.csv")),
        ("to-good.csv", "good.csv".into()),
        ("upwards.csv", format!("../{VICTIM}/theirs.csv").into()),
        ("dangling.csv", "nowhere.csv".into()),
        ("loop.csv", "loop.csv".into()),
        ("to-itself-over.csv", "to-itself-back.csv".into()),
        ("to-itself-back.csv", "to-itself-over.csv".into()),
        ("magic.csv", "/proc/self/fd/3".into()),
        ("root.csv", "/proc/self/root/etc/passwd".into()),
        ("to-zero.csv", "/dev/zero".into()),
    ] {
        symlink(&target, hostile.at(name))?;
        expected.push((name, "it is a link; links are never followed: put the file itself there"));
    }
    for (name, target) in
        [("PO-theirs", hostile.env.root().join(VICTIM)), ("PO-outside", hostile.outside("")), ("PO-self", ".".into())]
    {
        symlink(target, hostile.at(name))?;
    }
    expected.extend([
        ("PO-theirs/theirs.csv", "its folder is a link; links are never followed: put the folder itself there"),
        ("PO-outside/secret.csv", "its folder is a link; links are never followed: put the folder itself there"),
    ]);
    for name in pipes_and_devices(&hostile)? {
        expected.push((name, "it isn't a regular file"));
    }
    let _socket = UnixListener::bind(hostile.at("socket.csv"))?;
    expected.push(("socket.csv", "it isn't a regular file"));
    let mut slow = File::options().read(true).write(true).open(hostile.at("slow.csv"))?;
    std::io::Write::write_all(&mut slow, good("slow").as_bytes())?;

    let mut daemon = hostile.start()?;
    fence(&hostile.env, &mut daemon, CONTOSO, "fence")?;
    wait_for_answer(&mut daemon, &theirs.with_file_name("theirs.result.csv"), &all_ready(&["theirs"]))?;
    hostile.meddler.later_by(OVER_A_MINUTE)?;
    fence(&hostile.env, &mut daemon, CONTOSO, "later")?;
    for (name, why) in expected {
        assert_eq!(explain(&hostile.env, &hostile.at(name))?, ("ignored".to_owned(), why.to_owned()), "{name}");
    }
    assert_eq!(rows(&hostile.env, REFUSALS)?, [""; 0]);
    assert_eq!(
        rows(&hostile.env, TAKEN)?,
        [
            "contoso|fence.csv|-|accepted",
            "contoso|good.csv|-|accepted",
            "contoso|later.csv|-|accepted",
            "fabrikam|PO-9/more.csv|PO-9|accepted",
            "fabrikam|theirs.csv|-|accepted",
        ]
    );
    assert_eq!(
        names_in(&hostile.env.root().join(VICTIM))?,
        ["PO-9", "theirs.csv", "theirs.result.csv"],
        "nothing is written through a link to a folder"
    );
    hostile.end(daemon)
}

/// Makes what can be opened and isn't a file; needs root. Returns the names.
fn pipes_and_devices(hostile: &Hostile) -> Result<Vec<&'static str>> {
    let mut names = Vec::new();
    for (name, kind, device) in [
        ("fifo.csv", FileType::Fifo, 0),
        ("slow.csv", FileType::Fifo, 0),
        ("zero.csv", FileType::CharacterDevice, makedev(1, 5)),
        ("full.csv", FileType::CharacterDevice, makedev(1, 7)),
        ("null.csv", FileType::CharacterDevice, makedev(1, 3)),
        ("block.csv", FileType::BlockDevice, makedev(7, 0)),
    ] {
        mknodat(CWD, hostile.at(name), kind, Mode::from_raw_mode(0o666), device)
            .with_context(|| format!("{name} can't be made: this test needs root"))?;
        names.push(name);
    }
    Ok(names)
}

#[test]
fn a_second_name_of_a_file_waits_unread_and_is_told_after_a_minute() -> Result<()> {
    let mut hostile = Hostile::new()?;
    let theirs = hostile.env.drop_file(VICTIM, "theirs.csv", good("theirs"))?;
    let mut daemon = hostile.start()?;
    wait_for_answer(&mut daemon, &theirs.with_file_name("theirs.result.csv"), &all_ready(&["theirs"]))?;
    fs::write(hostile.at("own.csv"), good("own"))?;
    for (from, to) in [
        (theirs, hostile.at("of-theirs.csv")),
        (hostile.outside("secret.csv"), hostile.at("of-a-secret.csv")),
        (hostile.at("own.csv"), hostile.at("own-again.csv")),
    ] {
        fs::hard_link(from, to)?;
    }
    hostile.canaries.settle()?;
    for name in ["of-theirs.csv", "of-a-secret.csv", "own-again.csv"] {
        wait_for_verdict(&hostile.env, &mut daemon, &hostile.at(name), "waiting", "second hard link")?;
    }
    hostile.meddler.later_by(OVER_A_MINUTE)?;
    for name in ["of-theirs", "of-a-secret", "own", "own-again"] {
        let text = daemon.wait_for_result(&hostile.at(&format!("{name}.result.csv")))?;
        ensure!(text.contains("hard link") && text.contains("File not valid"), "{name}: {text}");
    }
    hostile.nothing_sang(&[])?;
    // A file of one name again is a file like others.
    fs::remove_file(hostile.at("own-again.csv"))?;
    wait_for_answer(&mut daemon, &hostile.at("own.result.csv"), &all_ready(&["own"]))?;
    assert_eq!(
        rows(&hostile.env, REFUSALS)?,
        [
            "of-a-secret.csv|second_link",
            "of-theirs.csv|second_link",
            "own-again.csv|second_link",
            "own.csv|second_link"
        ]
    );
    hostile.end(daemon)
}

#[test]
fn folders_are_looked_into_one_deep_whatever_they_are_called() -> Result<()> {
    let hostile = Hostile::new()?;
    for folder in ["x.csv", "a.result.csv", "PO 1\n2", "PO-1/deep", ".hidden", "_aside", "Archive"] {
        fs::create_dir_all(hostile.at(folder))?;
        fs::write(hostile.at(folder).join("in.csv"), good(folder.trim_end_matches("\n2")))?;
    }
    deep(&hostile.at("deep"), 1_000)?;
    let mut daemon = hostile.start()?;
    fence(&hostile.env, &mut daemon, CONTOSO, "fence")?;
    hostile.meddler.later_by(OVER_A_MINUTE)?;
    let text = daemon.wait_for_result(&hostile.at("PO-1/deep/in.result.csv"))?;
    ensure!(text.contains("too deep") || text.contains("deep"), "{text}");
    fence(&hostile.env, &mut daemon, CONTOSO, "later")?;
    assert_snapshot!(rows(&hostile.env, TAKEN)?.join("\n").replace('\n', "\n    ").trim_start(), @r"
    contoso|PO 1
        2/in.csv|PO 1
        2|accepted
        contoso|a.result.csv/in.csv|a.result.csv|accepted
        contoso|fence.csv|-|accepted
        contoso|later.csv|-|accepted
        contoso|x.csv/in.csv|x.csv|accepted
    ");
    assert_eq!(rows(&hostile.env, REFUSALS)?, ["PO-1/deep/in.csv|too_deep"]);
    hostile.end(daemon)?;
    // A thousand levels are more than removing a folder can hold open.
    ensure!(Command::new("rm").arg("-rf").arg(hostile.at("deep")).status()?.success(), "rm");
    Ok(())
}

/// Makes a folder in a folder in a folder, each with a CSV in it.
fn deep(top: &Path, levels: usize) -> Result<()> {
    fs::create_dir(top)?;
    let mut at = File::open(top)?;
    for _ in 1..levels {
        mkdirat(&at, "d", Mode::RWXU)?;
        at = openat(&at, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?.into();
        let flags = OFlags::WRONLY | OFlags::CREATE;
        drop(openat(&at, "not-a-list.pdf", flags, Mode::RUSR)?);
    }
    Ok(())
}

/// A mount that ends with the test.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    fn new(arguments: &[&OsStr], at: PathBuf) -> Result<Self> {
        let status = Command::new("mount").args(arguments).arg(&at).status()?;
        ensure!(status.success(), "can't mount {}: this test needs root", at.display());
        Ok(Self(at))
    }

    pub(super) fn tmpfs(at: PathBuf) -> Result<Self> {
        Self::new(&["-t", "tmpfs", "devicedrop-test"].map(OsStr::new), at)
    }

    fn bind(from: &Path, at: PathBuf) -> Result<Self> {
        Self::new(&[OsStr::new("--bind"), from.as_os_str()], at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, or a test that fails leaves its mounts behind.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn mounts_in_a_drop_folder_are_not_crossed_and_said_to_be_there() -> Result<()> {
    let hostile = Hostile::new()?;
    for folder in ["elsewhere", "outside", "loop", "theirs"] {
        fs::create_dir(hostile.at(folder))?;
    }
    fs::write(hostile.at("covered.csv"), "")?;
    let _mounts = [
        Mounted::tmpfs(hostile.at("elsewhere"))?,
        Mounted::bind(&hostile.outside(""), hostile.at("outside"))?,
        Mounted::bind(&hostile.drop_folder(), hostile.at("loop"))?,
        Mounted::bind(&hostile.env.root().join(VICTIM), hostile.at("theirs"))?,
        Mounted::bind(&hostile.outside("secret.csv"), hostile.at("covered.csv"))?,
    ];
    for folder in ["elsewhere", "theirs"] {
        fs::write(hostile.at(folder).join("a.csv"), good(folder))?;
    }
    let mut daemon = hostile.start()?;
    fence(&hostile.env, &mut daemon, CONTOSO, "fence")?;
    for name in ["elsewhere/a.csv", "outside/secret.csv", "loop/fence.csv", "theirs/a.csv", "covered.csv"] {
        wait_for_verdict(&hostile.env, &mut daemon, &hostile.at(name), "waiting", "is mounted there")
            .with_context(|| name.to_owned())?;
    }
    hostile.meddler.later_by(OVER_A_MINUTE)?;
    let told = daemon.wait_for_result(&hostile.at("covered.result.csv"))?;
    ensure!(told.contains("File not valid"), "{told}");
    fence(&hostile.env, &mut daemon, CONTOSO, "later")?;
    assert_eq!(
        rows(&hostile.env, TAKEN)?,
        ["contoso|fence.csv|-|accepted", "contoso|later.csv|-|accepted", "fabrikam|a.csv|-|accepted"]
    );
    assert_eq!(names_in(&hostile.at("elsewhere"))?, ["a.csv"]);
    hostile.end(daemon)
}

#[test]
fn a_customers_folder_itself_may_be_a_mount() -> Result<()> {
    let mut hostile = Hostile::new()?;
    let erp = hostile.env.path("erp");
    fs::create_dir(&erp)?;
    hostile.env.set(&format!("customers.{CONTOSO}.folder"), &format!("{:?}", erp.display().to_string()))?;
    let _mount = Mounted::tmpfs(erp.clone())?;
    fs::create_dir(erp.join("PO-1"))?;
    fs::write(erp.join("PO-1/a.csv"), good("1"))?;
    fs::write(erp.join("a.csv"), good("2"))?;
    let mut daemon = hostile.start()?;
    wait_for_answer(&mut daemon, &erp.join("PO-1/a.result.csv"), &all_ready(&["1"]))?;
    wait_for_answer(&mut daemon, &erp.join("a.result.csv"), &all_ready(&["2"]))?;
    hostile.end(daemon)
}

#[test]
fn sizes_and_times_that_lie_change_nothing() -> Result<()> {
    let hostile = Hostile::new()?;
    File::create(hostile.at("sparse.csv"))?.set_len(1 << 40)?;
    fs::write(hostile.at("empty.csv"), "")?;
    fs::write(hostile.at("setuid.csv"), good("setuid"))?;
    fs::set_permissions(hostile.at("setuid.csv"), fs::Permissions::from_mode(0o6755))?;
    let year = Duration::from_hours(365 * 24);
    for (name, time) in [
        ("1970", SystemTime::UNIX_EPOCH),
        ("1960", SystemTime::UNIX_EPOCH - year * 10),
        ("2100", SystemTime::UNIX_EPOCH + year * 130),
        ("2400", SystemTime::UNIX_EPOCH + year * 430),
    ] {
        fs::write(hostile.at(name).with_extension("csv"), good(name))?;
        let file = File::options().write(true).open(hostile.at(name).with_extension("csv"))?;
        file.set_times(FileTimes::new().set_modified(time))?;
    }
    let mut daemon = hostile.start()?;
    for name in ["1970", "1960", "2100", "2400", "setuid"] {
        wait_for_answer(&mut daemon, &hostile.at(&format!("{name}.result.csv")), &all_ready(&[name]))?;
    }
    let too_large = daemon.wait_for_result(&hostile.at("sparse.result.csv"))?;
    ensure!(too_large.contains("1,099,511,627,776"), "{too_large}");
    daemon.wait_for_result(&hostile.at("empty.result.csv"))?;
    let rejected =
        "SELECT file, bytes, sha256 IS NULL FROM audit_submissions WHERE outcome = 'rejected' ORDER BY file";
    assert_eq!(rows(&hostile.env, rejected)?, ["empty.csv|0|0", "sparse.csv|1099511627776|1"]);
    let archived: u64 = sizes(&hostile.env.path("state/originals"))?;
    ensure!(archived < 10_000, "{archived} bytes are archived: none of them may be of the large one");
    again_after_a_restart(&hostile, daemon)
}

/// Nothing of what was seen is taken again because of its times.
fn again_after_a_restart(hostile: &Hostile, daemon: Daemon) -> Result<()> {
    let deliveries = "SELECT count(*) FROM audit_deliveries";
    let before = rows(&hostile.env, deliveries)?;
    hostile.end(daemon)?;
    let mut daemon = hostile.start()?;
    fence(&hostile.env, &mut daemon, VICTIM, "theirs")?;
    fence(&hostile.env, &mut daemon, CONTOSO, "ours")?;
    let [before] = before.as_slice() else { anyhow::bail!("one row") };
    assert_eq!(rows(&hostile.env, deliveries)?, [(before.parse::<u64>()? + 2).to_string()]);
    hostile.end(daemon)
}

fn sizes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { sizes(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
