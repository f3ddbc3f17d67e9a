//! A file that its sender changes while the daemon is at it: at every step of its way, in every way.
//!
//! What must come of it is simple. Until the copy was compared with the file, only the new content counts; from then
//! on the old one was taken, and the new one is taken too.

use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};
use devicedrop::step::Step;
use devicedrop_testkit::process::Daemon;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::Hostile;
use crate::scene::{CONTOSO, all_ready, csv, fence, rows, wait_for_answer};

/// A way to change a file, which has two rows: a and b.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Other bytes in the same file, the same number of them, and the time set back.
    Rewritten,
    /// A row less.
    Truncated,
    /// A row more.
    Appended,
    /// Another file is renamed onto it.
    Replaced,
    Deleted,
    /// A link to a canary in its place.
    Linked,
    /// A FIFO in its place.
    Piped,
}

impl Change {
    fn do_to(self, path: &Path, canary: &Path) -> Result<()> {
        let serials = self.serials(path)?.map(|serials| csv(&serials.iter().map(String::as_str).collect::<Vec<_>>()));
        match (self, serials) {
            (Self::Rewritten, Some(text)) => {
                let modified = fs::metadata(path)?.modified()?;
                let mut file = File::options().write(true).open(path)?;
                file.write_all(text.as_bytes())?;
                file.set_times(FileTimes::new().set_modified(modified))?;
            }
            (Self::Truncated, Some(text)) => {
                File::options().write(true).open(path)?.set_len(u64::try_from(text.len())?)?;
            }
            (Self::Appended, Some(text)) => {
                let there = usize::try_from(fs::metadata(path)?.len())?;
                let rest = text.get(there..).context("more text")?;
                File::options().append(true).open(path)?.write_all(rest.as_bytes())?;
            }
            (Self::Replaced, Some(text)) => {
                fs::write(path.with_extension("part"), text)?;
                fs::rename(path.with_extension("part"), path)?;
            }
            (Self::Linked, _) => {
                symlink(canary, path.with_extension("part"))?;
                fs::rename(path.with_extension("part"), path)?;
            }
            (Self::Piped, _) => {
                fs::remove_file(path)?;
                mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0)?;
            }
            _ => fs::remove_file(path)?,
        }
        Ok(())
    }

    /// The rows that the file has afterwards, if it is one then.
    fn serials(self, path: &Path) -> Result<Option<Vec<String>>> {
        let name = path.file_stem().and_then(|name| name.to_str()).context("a name")?;
        let rows: &[&str] = match self {
            Self::Rewritten => &["c", "d"],
            Self::Truncated => &["a"],
            Self::Appended => &["a", "b", "c"],
            Self::Replaced => &["d"],
            Self::Deleted | Self::Linked | Self::Piped => return Ok(None),
        };
        Ok(Some(rows.iter().map(|row| format!("{name}-{row}")).collect()))
    }
}

/// All but the one that only long files pass.
const STEPS: [Step; 12] = [
    Step::Looked,
    Step::Opened,
    Step::Copied,
    Step::Claimed,
    Step::Accepted,
    Step::Intended,
    Step::Answered,
    Step::Recorded,
    Step::ResultReady,
    Step::ResultChecked,
    Step::ResultInPlace,
    Step::ResultRecorded,
];

fn is_before_the_copy_counts(step: Step) -> bool {
    matches!(step, Step::Looked | Step::Opened | Step::Copied)
}

fn at_every_step(change: Change) -> Result<()> {
    let hostile = Hostile::new()?;
    let mut daemon = hostile.start()?;
    let mut expected = Vec::new();
    for step in STEPS {
        expected.extend(at(&hostile, &mut daemon, change, step).with_context(|| format!("{change:?} at {step:?}"))?);
    }
    fence(&hostile.env, &mut daemon, CONTOSO, "last")?;
    let taken = rows(
        &hostile.env,
        "SELECT file, group_concat(serial_number ORDER BY line) FROM audit_registrations WHERE file LIKE 'at-%'
         GROUP BY submission_id ORDER BY min(registration_id)",
    )?;
    assert_eq!(taken, expected, "{change:?}");
    hostile.end(daemon)
}

/// Changes a file at one step; returns what must be on record of it.
fn at(hostile: &Hostile, daemon: &mut Daemon, change: Change, step: Step) -> Result<Vec<String>> {
    let name = format!("at-{}", step.name());
    let (path, result) = (hostile.at(&format!("{name}.csv")), hostile.at(&format!("{name}.result.csv")));
    let first = [format!("{name}-a"), format!("{name}-b")];
    hostile.meddler.hold_at(step)?;
    hostile.env.drop_file(CONTOSO, &format!("{name}.csv"), csv(&[&first[0], &first[1]]))?;
    let held = hostile.meddler.held(daemon)?;
    change.do_to(&path, &hostile.outside("secret.csv"))?;
    let then = change.serials(&path)?;
    drop(held);
    let mut taken = Vec::new();
    if !is_before_the_copy_counts(step) {
        taken.push(first.to_vec());
    }
    taken.extend(then);
    if let Some(last) = taken.last() {
        daemon.wait_for_file(&result, |text| is_answered(text, last))?;
    }
    // By then its result is on record, too, and the next hold isn't for anything of this file.
    let fence_name = format!("fence-{}", step.name());
    fence(&hostile.env, daemon, CONTOSO, &fence_name)?;
    daemon.wait_for("the last result on record", |line| {
        line.message() == "result written" && line.has("file", &format!("{fence_name}.csv"))
    })?;
    if taken.is_empty() {
        anyhow::ensure!(!result.exists(), "there is nothing to be answered");
    }
    Ok(taken.iter().map(|serials| format!("{name}.csv|{}", serials.join(","))).collect())
}

/// Whether a result has these rows and no other, none pending. Those that the file had before are registered already.
fn is_answered(text: &str, serials: &[String]) -> bool {
    let rows: Vec<&str> = text.lines().skip(1).collect();
    rows.len() == serials.len()
        && rows.iter().zip(serials).all(|(row, serial)| row.contains(&format!(",{serial},Ready for user,")))
}

macro_rules! at_every_step {
    ($($test:ident: $change:ident),* $(,)?) => {$(
        #[test]
        fn $test() -> Result<()> {
            at_every_step(Change::$change)
        }
    )*};
}

at_every_step!(
    rewritten_in_place: Rewritten,
    truncated: Truncated,
    appended_to: Appended,
    replaced: Replaced,
    deleted: Deleted,
    a_link_in_its_place: Linked,
    a_pipe_in_its_place: Piped,
);

#[test]
fn rewritten_while_its_rows_go_on_record() -> Result<()> {
    let hostile = Hostile::new()?;
    let mut text = csv(&[]);
    for row in 0..25_000 {
        let serial = if row % 5_000 == 0 { format!("L{row}") } else { String::new() };
        text.extend(["Contoso,Book,", &serial, "\n"]);
    }
    let mut daemon = hostile.start()?;
    hostile.meddler.hold_at(Step::MidAcceptance)?;
    let path = hostile.env.drop_file(CONTOSO, "long.csv", text)?;
    let held = hostile.meddler.held(&mut daemon)?;
    fs::write(&path, csv(&["new"]))?;
    drop(held);
    wait_for_answer(&mut daemon, &hostile.at("long.result.csv"), &all_ready(&["new"]))?;
    let counts = "SELECT rows, outcome FROM audit_submissions ORDER BY received_at";
    assert_eq!(rows(&hostile.env, counts)?, ["25000|accepted", "1|accepted"]);
    hostile.end(daemon)
}
