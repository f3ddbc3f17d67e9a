//! Copies of the ledger for backups, and the epoch that begins when one is put back.
//!
//! Not here: what else belongs to a backup, and where it lies (`services::backup`).

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use devicedrop_core::time::Timestamp;
use rusqlite::OptionalExtension as _;

use super::command::NewAction;
use super::error::OpenError;
use super::lock::LedgerLock;
use super::{open, thread_of};

/// Writes a copy of the ledger at `from`, as it is at one moment, into the new file `to`, and syncs it. A daemon that
/// has the ledger goes on meanwhile.
pub fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    open::check_place(from)?;
    if !from.exists() {
        return Err(OpenError::Missing(from.to_owned()));
    }
    let io = |source| OpenError::Io { path: to.to_owned(), source };
    let name = to
        .to_str()
        .ok_or_else(|| io(std::io::Error::other("SQLite needs a name in UTF-8: choose another folder")))?;
    OpenOptions::new().write(true).create_new(true).mode(0o640).open(to).map_err(io)?;
    open::copy(from, name)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(io)
}

/// Whether the file that is open here is such a copy: a ledger in one file, without a WAL. A ledger that is in use isn't.
pub fn is_copy(mut file: &File) -> std::io::Result<bool> {
    // The header of SQLite's files: who may read and write them at 18 and 19 (2 for a WAL), whose they are at 68.
    let mut header = [0; 100];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let application = i32::try_from(open::APPLICATION).unwrap_or_default().to_be_bytes();
    Ok(header.starts_with(b"SQLite format 3\0")
        && header.get(18..20) == Some(&[1, 1])
        && header.get(68..72) == Some(&application))
}

/// Opens the next epoch of the ledger at `path`, which was put back from a backup: its entry names the block that the
/// copy ended with. `lock` is the caller's proof that nobody else has the ledger. Returns the epoch's number.
pub fn open_epoch(
    path: &Path,
    lock: &LedgerLock,
    now: Timestamp,
    actor: &str,
    reason: &str,
) -> Result<u64, OpenError> {
    debug_assert!(lock.is_of(path), "the lock of another ledger");
    open::check_disk(path)?;
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let (mut thread, _) = thread_of(path, false)?;
    let last: Option<(i64, [u8; 16])> = thread
        .db
        .query_row("SELECT number, ledger_uuid FROM epoch ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(sqlite)?;
    let Some((last, ledger)) = last else { return Err(OpenError::Missing(path.to_owned())) };
    let (number, prior) = (last.saturating_add(1), thread.chain.last);
    let action = NewAction {
        at: now,
        actor: actor.to_owned(),
        action: "restore".to_owned(),
        subject: Some(format!("epoch {number}")),
        reason: Some(reason.to_owned()),
    };
    thread
        .alone(|transaction| {
            transaction.enter_epoch(now, number, ledger, Some(prior), actor, Some(reason))?;
            transaction.act(action)
        })
        .map_err(OpenError::Begin)?;
    thread.left_in_order().map_err(sqlite)?;
    Ok(u64::try_from(number).unwrap_or(0))
}
