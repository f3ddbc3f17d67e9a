//! The sentences of the inbox: why a file waits, why it is refused, why a folder is offline.

use std::fmt;
use std::io;
use std::path::PathBuf;

use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Notice};
use devicedrop_core::order::BadOrderFile;
use devicedrop_core::settle::Unsettled;
use devicedrop_core::time::Timestamp;

use crate::beneath::PathError;

use super::desk::Hold;
use super::drop_path::DropPath;

/// Why a file hasn't been taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Why {
    /// It hasn't settled.
    Unsettled(Unsettled),
    /// Its marker isn't there.
    NoMarker,
    /// Its marker is older than its last change.
    OldMarker,
    /// Its marker was used for an earlier delivery.
    SpentMarker,
    /// What stands at its marker's name is a link, has a second one, or can't be opened.
    UnusableMarker,
    /// Its marker names another content.
    OtherContent,
    /// What was probably meant to be its marker has another name.
    OtherMarkerName {
        /// The name that it has.
        found: String,
        /// The name that a marker has.
        expected: String,
    },
    /// Its folder, whose name would be its order ID, has a blank name.
    BlankFolder,
    /// Its order file isn't there.
    NoOrderFile,
    /// Its order file was used for an earlier submission.
    SpentOrderFile,
    /// Its order file can't be used.
    BadOrderFile(BadOrderFile),
    /// It has a second hard link.
    SecondLink,
    /// We may not open it, or it can't be read.
    Unreadable,
    /// It is a folder that we may not list or enter.
    FolderUnreadable,
    /// Its customer is paused.
    Paused,
    /// Another file system, or another part of this one, is mounted there.
    Mounted,
    /// The desk doesn't let it in.
    Held(Hold),
    /// The archive can't take it.
    Archive,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsettled(unsettled) => return unsettled.fmt(f),
            Self::NoMarker => "waiting for its marker (a file of the same name with .done added)",
            Self::OldMarker => {
                "waiting for its marker: the one there is older than the file's last change; write it anew"
            }
            Self::OtherContent => "waiting for its marker: the one there names another content's SHA-256",
            Self::SpentMarker => {
                "waiting for its marker: the one there was used for an earlier delivery; write it anew"
            }
            Self::UnusableMarker => {
                "waiting for its marker: what stands there is a link, has a second hard link, or may not be read; \
                 write a file of its own"
            }
            Self::NoOrderFile => "waiting for its order file (the same name with .order.json instead of .csv)",
            Self::SpentOrderFile => {
                "waiting for its order file: the one there was used for an earlier file; write it anew"
            }
            Self::BadOrderFile(bad) => {
                return f.write_str(&message::notice(&Notice::BadOrderFile(bad), Locale::En));
            }
            Self::OtherMarkerName { found, expected } => {
                let notice = Notice::MarkerName { found, expected };
                return f.write_str(&message::notice(&notice, Locale::En));
            }
            Self::BlankFolder => return f.write_str(&message::notice(&Notice::BlankFolder, Locale::En)),
            Self::FolderUnreadable => "devicedrop may not look into this folder",
            Self::Paused => "its customer is paused in the configuration",
            Self::SecondLink => "it has a second hard link",
            Self::Unreadable => "devicedrop may not read it",
            Self::Mounted => {
                "something else is mounted there, and mounts inside a drop folder aren't looked into: give it to a \
                 customer of its own by `folder`, or copy its files into the drop folder"
            }
            Self::Held(Hold::DayLimit) => "its customer is over the day's limit; it is taken after midnight UTC",
            Self::Held(Hold::Reserve) => "the disk is too full to take anything",
            Self::Held(Hold::Closed) => "nothing is being taken now",
            Self::Held(Hold::Busy) => "another long rehearsal is being answered first",
            Self::Held(Hold::Unanswered) => "its rehearsal can't be answered now; it is tried again by itself",
            Self::Archive => "the archive of originals can't be written",
        })
    }
}

/// A file that hasn't been taken yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Where it lies.
    pub path: DropPath,
    /// Why it waits.
    pub why: Why,
    /// Since when: its last change seen, or the first time that this was the reason.
    pub since: Timestamp,
}

/// Why a file gets an answer other than being taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It has a second hard link.
    SecondLink,
    /// We may not open it, or it can't be read.
    Unreadable,
    /// It lies one level too deep.
    TooDeep,
    /// It isn't a CSV by its name but looks like an attempt.
    NotACsv,
    /// Its order file can't be used.
    BadOrderFile(BadOrderFile),
    /// It is a folder that we may not list or enter.
    FolderUnreadable,
    /// It is a result file that isn't as we wrote it.
    ResultChanged,
    /// It has a result file's name, and we didn't write it.
    NamedAsResult,
    /// Its marker names the SHA-256 of another content.
    OtherContent,
    /// What was probably meant to be its marker has another name.
    OtherMarkerName {
        /// The name that it has.
        found: String,
        /// The name that a marker has.
        expected: String,
    },
    /// Its folder, whose name would be its order ID, has a blank name.
    BlankFolder,
    /// Its marker isn't there.
    NoMarker,
    /// Its marker is older than its last change.
    OldMarker,
    /// Its marker was used for an earlier delivery.
    SpentMarker,
    /// What stands at its marker's name is a link, has a second one, or can't be opened.
    UnusableMarker,
    /// Its order file isn't there.
    NoOrderFile,
    /// Its order file was used for an earlier submission.
    SpentOrderFile,
}

impl Refusal {
    /// Whether the file is taken by itself once what lies beside it, or its folder, is put right.
    pub fn waits(&self) -> bool {
        match self {
            Self::BadOrderFile(_)
            | Self::OtherContent
            | Self::OtherMarkerName { .. }
            | Self::BlankFolder
            | Self::NoMarker
            | Self::OldMarker
            | Self::SpentMarker
            | Self::UnusableMarker
            | Self::NoOrderFile
            | Self::SpentOrderFile => true,
            Self::SecondLink
            | Self::Unreadable
            | Self::TooDeep
            | Self::NotACsv
            | Self::FolderUnreadable
            | Self::ResultChanged
            | Self::NamedAsResult => false,
        }
    }

    /// The word for it in the record.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SecondLink => "second_link",
            Self::Unreadable => "unreadable",
            Self::TooDeep => "too_deep",
            Self::NotACsv => "not_a_csv",
            Self::BadOrderFile(_) => "bad_order_file",
            Self::FolderUnreadable => "folder_unreadable",
            Self::ResultChanged => "result_changed",
            Self::NamedAsResult => "named_as_result",
            Self::OtherContent => "other_content",
            Self::OtherMarkerName { .. } => "other_marker_name",
            Self::BlankFolder => "blank_folder",
            Self::NoMarker => "no_marker",
            Self::OldMarker => "old_marker",
            Self::SpentMarker => "spent_marker",
            Self::UnusableMarker => "unusable_marker",
            Self::NoOrderFile => "no_order_file",
            Self::SpentOrderFile => "spent_order_file",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecondLink => {
                "The file has a second hard link, so another file could change it. Copy it into the drop folder \
                 under a name of its own."
            }
            Self::Unreadable => "devicedrop may not read the file. Give its user read permission, or drop it again.",
            Self::TooDeep => {
                "The file lies too deep. Put it into the drop folder or into one folder directly inside it."
            }
            Self::NotACsv => "The file is not a CSV. Save it as a CSV (comma separated, UTF-8) and drop that.",
            Self::BadOrderFile(bad) => {
                return f.write_str(&message::notice(&Notice::BadOrderFile(bad), Locale::En));
            }
            Self::OtherMarkerName { found, expected } => {
                let notice = Notice::MarkerName { found, expected };
                return f.write_str(&message::notice(&notice, Locale::En));
            }
            Self::BlankFolder => return f.write_str(&message::notice(&Notice::BlankFolder, Locale::En)),
            Self::NoMarker => return f.write_str(&message::notice(&Notice::NoMarker, Locale::En)),
            Self::NoOrderFile => return f.write_str(&message::notice(&Notice::NoOrderFile, Locale::En)),
            Self::OldMarker => return f.write_str(&message::notice(&Notice::OldMarker, Locale::En)),
            Self::SpentMarker => return f.write_str(&message::notice(&Notice::SpentMarker, Locale::En)),
            Self::UnusableMarker => return f.write_str(&message::notice(&Notice::UnusableMarker, Locale::En)),
            Self::SpentOrderFile => return f.write_str(&message::notice(&Notice::SpentOrderFile, Locale::En)),
            Self::FolderUnreadable => {
                "devicedrop may not look into this folder, so the files in it wait. Give its user the right to list \
                 and to enter it."
            }
            Self::ResultChanged => {
                "The result file was changed by somebody else. Result files aren't read: save corrections under a \
                 name without .result and drop that."
            }
            Self::NamedAsResult => {
                "The file has the name of a result file, and those aren't read. Save it under a name without .result \
                 and drop that."
            }
            Self::OtherContent => {
                "Its marker names the SHA-256 of another content, so the file did not arrive as it was sent. Drop \
                 the file and its marker again."
            }
        })
    }
}

/// Why a drop folder can't be looked into. Nothing is concluded of its files from that.
#[derive(Debug, thiserror::Error)]
pub enum Offline {
    /// There is no such folder.
    #[error("there is no folder at {0}: create it, or mount its share")]
    Missing(PathBuf),
    /// A part of the path is a link or no folder.
    #[error("{0} is a link or not a folder: give the folder's path without links, or put the folder back")]
    NotAFolder(PathBuf),
    /// An empty folder of another file system lies there.
    #[error("the folder is empty and on another file system than before: its share isn't mounted, as it seems")]
    EmptyMountPoint,
    /// Another folder lies there than a moment ago.
    #[error("another folder lies there than before: it is used if it is still there at the next look")]
    Replaced,
    /// Anything else.
    #[error("the folder can't be opened or listed")]
    Io(#[source] io::Error),
}

impl From<PathError> for Offline {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Missing(path) => Self::Missing(path),
            PathError::NotAFolder(path) => Self::NotAFolder(path),
            PathError::Io(error) => Self::Io(error),
        }
    }
}
