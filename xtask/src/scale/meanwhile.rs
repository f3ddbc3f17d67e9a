//! What goes on while the program is at work: snapshots are taken, and the writer's pauses are watched.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::check;
use super::process::Program;

/// How often the record's end is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// The longest time from one commit of the ledger to the next, between the first and the last one.
pub(super) fn longest_pause(ledger: &Path, stop: &AtomicBool) -> Result<Duration> {
    let db = check::open(ledger)?;
    let mut newest = db.prepare("SELECT coalesce(max(number), 0) FROM block")?;
    let mut seen: Option<(i64, Instant)> = None;
    let (mut longest, mut begun) = (Duration::ZERO, false);
    while !stop.load(Ordering::Relaxed) {
        let number = newest.query_row([], |row| row.get(0))?;
        if seen.is_none_or(|(before, _)| before != number) {
            let now = Instant::now();
            // Before the first commit it waits for the file.
            if let Some((_, at)) = seen.filter(|_| begun) {
                longest = longest.max(now - at);
            }
            begun = seen.is_some();
            seen = Some((number, now));
        }
        std::thread::sleep(LOOK);
    }
    Ok(longest)
}

/// Takes one snapshot after the other. Returns how many, and how long the longest took.
pub(super) fn snapshots(program: &Program, stop: &AtomicBool) -> Result<(u32, Duration)> {
    let file: PathBuf = program.ledger().with_file_name("snapshot.db");
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        program.command(&["ledger", "snapshot", "--replace"], &[file.as_path()])?;
        longest = longest.max(began.elapsed());
        count += 1;
    }
    Ok((count, longest))
}
