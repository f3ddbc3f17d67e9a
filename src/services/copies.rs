//! Snapshots and exports of the ledger, for those who take them elsewhere; a daemon that has the ledger goes on
//! meanwhile.
//!
//! Not here: backups, which can be put back (`backup`), and what a view holds (the ledger's).

mod export;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use crate::cli::copies::{Copied, SnapshotAsk};
use crate::cli::error::Failure;
use crate::config::Config;
use crate::durable::{self, DurableError, Replace, Standing};
use crate::ledger::rows::Head;
use crate::ledger::{Reader, copy};

use super::audit::Say;
use super::backup::{named, trouble};
use super::lookups::failure::Told;
use super::{failure, place};

pub(super) use export::export;

/// Nobody writes to a snapshot; a tool that tries finds out at once.
const MODE: u32 = 0o440;

/// Writes a copy of the ledger, as it is at one moment, into a file of its own: whole or not at all.
pub(super) fn snapshot(config: &Config, ask: &SnapshotAsk, say: Say<'_>) -> Result<Copied, Failure> {
    let path = place::apart(config, &ask.file, "a snapshot's file")?;
    let replace = replaceable(&path, ask.replace)?;
    let told = |error: DurableError| durably(&path, &error);
    let (dir, name) = durable::folder_of(&path).map_err(told)?;
    let aside_name = durable::aside_name().map_err(told)?;
    let aside_path = path.with_file_name(&aside_name);
    say("copying the ledger");
    if let Err(error) = copy::copy(&config.ledger.path, &aside_path) {
        // What can't be removed has a name that says that it isn't finished.
        std::fs::remove_file(&aside_path).unwrap_or_default();
        return Err(error.told());
    }
    let aside = durable::adopt(dir.as_fd(), aside_name, MODE).map_err(told)?;
    let head = Reader::open_copy(&aside_path).map_err(Told::told)?.head().map_err(Told::told)?;
    let head = head.ok_or_else(empty)?;
    let written = aside.place(name, replace).map_err(told)?;
    Ok(Copied { bytes: Some(written.bytes), sha256: Some(written.sha256.to_string()), ..copied(&path, &head) })
}

/// What may stand at the snapshot's name: nothing, or, if it is to be replaced, an earlier snapshot.
fn replaceable(path: &Path, replace: bool) -> Result<Replace, Failure> {
    let stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(rustix::io::Errno::NOENT) => return Ok(Replace::Nothing),
        Err(errno) => return Err(trouble("look at", path, &errno.into())),
    };
    let there = || format!("{} is there already", named(path));
    if !replace {
        let hint = "choose another name, with the date for instance; --replace replaces an older snapshot".to_owned();
        return Err(failure(there(), Vec::new(), Some(hint)));
    }
    let regular = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
    let is_copy = |path| File::open(path).and_then(|file| copy::is_copy(&file));
    if !regular || !is_copy(path).map_err(|error| trouble("read", path, &error))? {
        let because = vec!["it is no snapshot of a ledger, and nothing else is replaced".to_owned()];
        return Err(failure(there(), because, Some("choose another name".to_owned())));
    }
    Ok(Replace::Only(Standing::from(&stat)))
}

/// A snapshot that is to be read; what else it may be is told apart.
pub(super) fn open_snapshot(path: &Path) -> Result<Reader, Failure> {
    let is_copy =
        File::open(path).and_then(|file| copy::is_copy(&file)).map_err(|error| trouble("read", path, &error))?;
    if !is_copy {
        let hint =
            "a ledger that is in use is read where the configuration says; `devicedrop ledger snapshot` makes a \
            snapshot of it"
                .to_owned();
        return Err(failure(format!("{} is no snapshot of a ledger", named(path)), Vec::new(), Some(hint)));
    }
    Reader::open_copy(path).map_err(Told::told)
}

fn copied(path: &Path, head: &Head) -> Copied {
    Copied {
        path: path.to_owned(),
        ledger: uuid::Uuid::from_bytes(head.ledger).to_string(),
        epoch: head.epoch,
        entries: head.entries,
        blocks: head.blocks,
        head: head.hash.to_string(),
        until: head.at,
        bytes: None,
        sha256: None,
        files: Vec::new(),
    }
}

fn empty() -> Failure {
    failure("the ledger has no entry yet", Vec::new(), None)
}

fn durably(path: &Path, error: &DurableError) -> Failure {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let full = matches!(error, DurableError::Fill(error) | DurableError::Sync(error) if error.kind() == io::ErrorKind::StorageFull);
    let hint = full.then(|| "make room on that disk, and do it again".to_owned());
    failure(format!("can't write {}", named(path)), [error.to_string()].into_iter().chain(cause).collect(), hint)
}
