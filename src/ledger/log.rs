//! The log beside the ledger (its `-wal`): how long it is, and who keeps it from being taken back.
//!
//! Whoever reads a ledger holds a lock on some bytes of the `-shm` file for as long as his transaction lasts, and the
//! system lists such locks with their processes.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use devicedrop_core::shown::shown;

/// The bytes of the `-shm` file that readers lock, as SQLite's file format has them.
const READERS: std::ops::RangeInclusive<u64> = 123..=127;

/// How long the log is.
pub fn bytes(ledger: &Path) -> u64 {
    beside(ledger, "-wal").metadata().map_or(0, |about| about.len())
}

/// The processes that are in the middle of reading the ledger, this one too; none where the system doesn't tell.
pub fn readers(ledger: &Path) -> Option<BTreeSet<u32>> {
    let inode = beside(ledger, "-shm").metadata().ok()?.ino();
    Some(holders(&std::fs::read_to_string("/proc/locks").ok()?, inode))
}

fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Who holds a reader's lock on the file of this number. File systems on several disks tell another device here than
/// elsewhere, so that the number alone counts.
fn holders(locks: &str, inode: u64) -> BTreeSet<u32> {
    let held = locks.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // `->` stands before those who wait for a lock.
        let ["POSIX", _, "READ", process, file, first, last] = fields.get(1..)? else { return None };
        let number: u64 = file.rsplit(':').next()?.parse().ok()?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().unwrap_or(u64::MAX));
        let is_reader = number == inode && first <= *READERS.end() && last >= *READERS.start();
        process.parse().ok().filter(|_| is_reader)
    });
    held.collect()
}

/// A process by its number, its name and its user.
pub fn named(process: u32) -> String {
    let folder = Path::new("/proc").join(process.to_string());
    let name = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
    let user = folder.metadata().map(|about| format!(", user {}", about.uid())).unwrap_or_default();
    format!("process {process} ({}{user})", shown(name.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_told_from_those_who_are_merely_there() {
        let locks = "\
1: POSIX  ADVISORY  READ  101 fe:01:4242 124 124
2: POSIX  ADVISORY  READ  102 fe:01:4242 128 128
3: POSIX  ADVISORY  WRITE 103 fe:01:4242 120 120
4: -> POSIX  ADVISORY  READ 104 fe:01:4242 123 123
5: OFDLCK ADVISORY  READ  -1 fe:01:4242 123 127
6: POSIX  ADVISORY  READ  105 fe:01:4243 123 123
7: POSIX  ADVISORY  READ  106 fe:01:4242 123 EOF
8: FLOCK  ADVISORY  WRITE 107 fe:01:4242 0 EOF
nonsense
";
        assert_eq!(holders(locks, 4242), BTreeSet::from([101, 106]));
    }

    #[test]
    fn the_system_tells_who_is_in_the_middle_of_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
        assert!(bytes(&path) > 0);
        let reader = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(readers(&path), Some(BTreeSet::new()), "it is open, and nobody reads");
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        assert_eq!(readers(&path), Some(BTreeSet::from([std::process::id()])));
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(readers(&path), Some(BTreeSet::new()));
    }
}
