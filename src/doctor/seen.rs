//! What was seen of the environment: data, without a word on what it means.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use devicedrop_core::time::Timestamp;

/// All that was seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// As whom it was looked.
    pub user: User,
    /// The daemon.
    pub daemon: Daemon,
    /// What the system allows.
    pub limits: Limits,
    /// The root of the drop folders.
    pub root: Place,
    /// Each customer's drop folder.
    pub customers: Vec<Customer>,
    /// Why it can't be told who is a customer, if so.
    pub unlisted: Option<String>,
    /// Folders in the root that are nobody's, and why.
    pub strangers: BTreeMap<String, String>,
    /// The folders of our own: the ledger's, the originals', the registry's.
    pub state: Vec<Kept>,
    /// Files of our own, and of secrets.
    pub files: Vec<OwnFile>,
    /// The ledger.
    pub ledger: Ledger,
    /// The SQLite inside of this program.
    pub sqlite: Sqlite,
    /// The clock.
    pub clock: Clock,
    /// What ends one day, by what it is.
    pub ends: Vec<End>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
}

/// Whether a daemon runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Daemon {
    /// None does.
    Stopped,
    /// One runs and answers.
    Running(Process),
    /// Something has the ledger, and can't be asked, for this reason.
    Silent(Option<u32>, String),
    /// It can't be told, for this reason.
    Untold(String),
}

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The name of its user.
    pub user: String,
    /// Why it isn't healthy, if it isn't.
    pub unhealthy: Vec<String>,
    /// Why it doesn't believe the clock, if so.
    pub clock_held: Option<String>,
}

/// What the system allows; none where it doesn't say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Files that the daemon may have open; this command's own limit while no daemon runs.
    pub open_files: Option<u64>,
    /// Folders that a user may watch.
    pub watches: Option<u64>,
    /// Watchers that a user may have.
    pub watchers: Option<u64>,
    /// Folders that are to be watched: those of the customers, and those in them.
    pub to_watch: u64,
    /// Why no watcher can be had now, if so.
    pub no_watcher: Option<String>,
    /// Whether the kernel gives leases at all.
    pub leases: Option<bool>,
    /// Whether the daemon, or this command while none runs, may take leases of others' files.
    pub lease_of_others: Option<bool>,
}

/// A place and what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path.
    pub path: PathBuf,
    /// What lies there.
    pub found: Result<Found, Trouble>,
}

/// Why a place couldn't be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing is there; the first part that is missing.
    Missing(PathBuf),
    /// A part of the path is a link or no folder.
    NotAFolder(PathBuf),
    /// This user may not.
    Denied,
    /// It doesn't answer.
    Hangs,
    /// Anything else.
    Other(String),
}

/// A folder as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file system.
    pub file_system: FileSystem,
    /// Its device.
    pub device: u64,
    /// Whether it is mounted for reading only.
    pub read_only: bool,
    /// The owner's number.
    pub owner: u32,
    /// The group's number.
    pub group: u32,
    /// The permissions.
    pub mode: u32,
    /// Free bytes.
    pub free: u64,
    /// Free inodes; none where the file system doesn't count them.
    pub free_inodes: Option<u64>,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// On a disk of this machine, and known to tell the truth of leases.
    Knowing(&'static str),
    /// On a disk of this machine, as far as is known; leases aren't believed.
    Other,
    /// In memory: gone when the machine stops.
    Memory(&'static str),
    /// Other machines may write to it.
    Network(&'static str),
    /// A program answers for it.
    Fuse,
}

/// A customer's drop folder.
#[derive(Debug, Clone)]
pub struct Customer {
    /// The customer's key.
    pub key: String,
    /// The folder.
    pub place: Place,
    /// What came of trying; none where nothing was tried.
    pub tried: Option<Tried>,
    /// Whether its files wait by the configuration.
    pub paused: bool,
}

/// What came of trying what the daemon does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// A hidden file was made, renamed and taken away; else why not.
    pub write: Result<(), String>,
    /// Whether a lease was given for it; else why not. None where it wasn't asked for.
    pub lease: Option<Result<(), String>>,
    /// By how many milliseconds the file's time was ahead of our clock.
    pub ahead_ms: Option<i64>,
    /// Folders in it.
    pub folders: u64,
}

/// What a folder of our own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The ledger's.
    State,
    /// The originals'.
    Originals,
    /// The embedded registrar's.
    Registry,
}

/// A folder of our own.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What it is for.
    pub role: Role,
    /// Where it is.
    pub place: Place,
    /// Whether a file can be made there; else why not.
    pub write: Option<Result<(), String>>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The ledger, or a file beside it.
    Ledger,
    /// The embedded registrar's database.
    Registry,
    /// The key that signs checkpoints.
    SigningKey,
    /// A secret for the registration service.
    Secret,
    /// The socket for commands.
    Socket,
    /// What lets into the web page.
    Token,
}

/// A file of ours.
#[derive(Debug, Clone)]
pub struct OwnFile {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// What lies there.
    pub found: Result<Mode, Trouble>,
    /// Why what is in it can't be used, if that was looked at.
    pub unusable: Option<String>,
}

/// Whose a file is, and who may what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The owner's number.
    pub owner: u32,
    /// The permissions.
    pub mode: u32,
    /// Whether it is a link.
    pub link: bool,
}

/// The ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ledger {
    /// There is none yet.
    None,
    /// It opens.
    Opens {
        /// Its schema.
        schema: i64,
        /// The newest one that this program knows.
        known: i64,
        /// When the last entry was made.
        last_entry: Option<Timestamp>,
    },
    /// It doesn't.
    Fails {
        /// Why, the nearest cause first.
        why: Vec<String>,
        /// Whether that is only since this user may not.
        denied: bool,
    },
}

/// The SQLite inside of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sqlite {
    /// Its version.
    pub version: String,
    /// The same as a number.
    pub number: i32,
    /// How it was built; none where it doesn't say.
    pub options: Vec<String>,
}

/// The clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// What it shows.
    pub now: Timestamp,
    /// Why the system's time zone can't be told, if so.
    pub zone: Option<String>,
}

/// Something that ends one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What.
    pub what: &'static str,
    /// Where it stands.
    pub place: String,
    /// When; else why that can't be told.
    pub at: Result<Timestamp, String>,
    /// How long before that somebody should act.
    pub notice: Duration,
    /// How to get a new one.
    pub remedy: &'static str,
}
