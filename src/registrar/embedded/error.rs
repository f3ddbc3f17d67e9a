//! What can go wrong with the registry, and what to do about it.

use std::path::PathBuf;

use devicedrop_core::device::Device;

use super::report::shown;

/// What can go wrong with the registry. Values out of files are shown escaped.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Another process has it open.
    #[error(
        "the registry {} is in use by another process: ask the running daemon, or stop it first",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder can't be used.
    #[error("could not {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// It lies on a file system that SQLite's locks don't work on.
    #[error(
        "the registry {} is on a network file system or FUSE ({kind}), where SQLite can't keep it whole: set \
         registrar.embedded.path to a local disk",
        path.display()
    )]
    NetworkFileSystem {
        /// The file.
        path: PathBuf,
        /// Which file system.
        kind: &'static str,
    },
    /// The file is something else.
    #[error(
        "{} is no registry of devicedrop: set registrar.embedded.path to another file; this one was left as it is",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer devicedrop made it.
    #[error(
        "the registry {} has schema {found}, this devicedrop knows up to {known}: use the newer devicedrop that \
         wrote it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// What is in it contradicts itself.
    #[error("the registry {} is damaged ({what}): restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// SQLite reports an error; nothing of what was asked was done.
    #[error("could not {doing} in the registry {}", path.display())]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// A commit failed, so nobody knows whether it was done until the file is opened anew.
    #[error(
        "a write to the registry {} failed and may or may not have been done: see to its disk; devicedrop opens it \
         anew and finds out",
        path.display()
    )]
    InDoubt {
        /// The file.
        path: PathBuf,
    },
    /// The thread that owns the registry is gone.
    #[error("the registry {} was closed: start devicedrop again", path.display())]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// No such device.
    #[error(
        "the registry knows no device {}: check manufacturer, model and serial number letter by letter \
         (`devicedrop registry list` shows what it knows)",
        shown(device)
    )]
    UnknownDevice {
        /// The device asked for.
        device: Box<Device>,
    },
    /// Nobody has the device.
    #[error("nobody has claimed device {}: there is nothing to give up", shown(device))]
    NotClaimed {
        /// The device asked for.
        device: Box<Device>,
    },
    /// More devices than the registry can number.
    #[error("the registry {} is full: it holds at most {limit} devices", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// The most that fits.
        limit: u64,
    },
}

impl RegistryError {
    /// The error and its causes in one line, for the record.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
