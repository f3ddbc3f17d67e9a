//! Backups and restores: what belongs to one, how it is laid out, and the list that makes it whole.
//!
//! A backup is a folder: `ledger.db`, `registry.db`, `originals/`, `devicedrop.toml`, and `backup.json`, which is
//! written last. How one is made is in `make`, how it is put back in `restore`.

mod files;
mod make;
mod restore;

use std::io;
use std::path::Path;

use devicedrop_core::shown::shown;
use devicedrop_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::error::Failure;

use super::failure;

pub(super) use make::make;
pub(super) use restore::restore;

/// The form of a backup. A newer one is refused.
const FORM: u32 = 1;

/// The ledger's copy.
const LEDGER: &str = "ledger.db";
/// The registry's copy.
const REGISTRY: &str = "registry.db";
/// The folder of the originals' copies.
const ORIGINALS: &str = "originals";
/// The folder of the configurations that were once in force, inside of the originals'.
const CONFIGURATIONS: &str = "configurations";
/// The copy of the configuration; the command line reads it, too.
const CONFIGURATION: &str = crate::cli::backup::CONFIGURATION;
/// The copy of the signing key.
const SIGNING_KEY: &str = "signing.key";
/// The list of what belongs to the backup.
const LIST: &str = "backup.json";

/// A list has some hundred bytes.
const LONGEST_LIST: u64 = 64 * 1024;

/// What belongs to a backup. Originals are named by their content, and so aren't listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    form: u32,
    program: String,
    made_at: Timestamp,
    /// The ledger's UUID.
    ledger: String,
    epoch: u64,
    entries: u64,
    blocks: u64,
    /// The hash of the copy's last block.
    head: String,
    /// When that block was written.
    until: Timestamp,
    originals: u64,
    /// Whether nothing was found when the copy was verified.
    sound: bool,
    files: Vec<Listed>,
}

/// A file by its name and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

impl List {
    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }
}

/// Something with a file or a folder didn't work.
pub(super) fn trouble(what: &str, path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("make room on that disk, and do it again"),
        io::ErrorKind::PermissionDenied => Some("run it as the daemon's user, or as root"),
        _ => None,
    };
    failure(format!("can't {what} {}", named(path)), vec![error.to_string()], hint.map(str::to_owned))
}

pub(super) fn named(path: &Path) -> String {
    shown(&path.display().to_string()).to_string()
}
