//! The faults of a soak that don't end the daemon: one after another, with calm between them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::process::{Pid, Signal, kill_process};

use super::ground::Ground;
use super::moody::Mood;
use super::{CRAMPED, mood_file};
use crate::campaign::Chance;

/// A file system that is mounted as long as this lives.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// An ext4 of so many megabytes in an image; both folders are made.
    pub(super) fn ext4(path: &Path, image: &Path, megabytes: u64) -> Result<Self> {
        fs::create_dir_all(path)?;
        fs::File::create(image)?.set_len(megabytes << 20)?;
        done(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(image))?;
        done(Command::new("mount").args(["-o", "loop"]).arg(image).arg(path))?;
        Ok(Self(path.to_owned()))
    }

    /// A small one in memory.
    pub(super) fn tmpfs(path: &Path, options: &str) -> Result<Self> {
        fs::create_dir_all(path)?;
        done(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Not possible while anybody has a file open there for writing, as somebody mostly has for a moment.
fn read_only(folder: &Path) -> Result<()> {
    let mut tried = Ok(());
    for _ in 0..1_000 {
        tried = done(Command::new("mount").args(["-o", "remount,ro"]).arg(folder));
        if tried.is_ok() {
            break;
        }
    }
    tried
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("can't run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    LedgersDiskFull,
    DropFolderFull,
    DropFolderReadOnly,
    DropFolderGone,
    LongReader,
    RegistryHeld,
    Stopped,
    Reload,
    BadReload,
    SlowRegistrar,
    BusyRegistrar,
    RegistrarDown,
    AnswersLost,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::LedgersDiskFull,
        Self::DropFolderFull,
        Self::DropFolderReadOnly,
        Self::DropFolderGone,
        Self::LongReader,
        Self::RegistryHeld,
        Self::Stopped,
        Self::Reload,
        Self::BadReload,
        Self::SlowRegistrar,
        Self::BusyRegistrar,
        Self::RegistrarDown,
        Self::AnswersLost,
    ];

    fn mood(self) -> Option<Mood> {
        match self {
            Self::SlowRegistrar => Some(Mood::Slow),
            Self::BusyRegistrar => Some(Mood::Busy),
            Self::RegistrarDown => Some(Mood::Down),
            Self::AnswersLost => Some(Mood::Unheard),
            _ => None,
        }
    }

    fn needs_mounts(self) -> bool {
        matches!(self, Self::LedgersDiskFull | Self::DropFolderFull | Self::DropFolderReadOnly)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LedgersDiskFull => "the ledger's disk full",
            Self::DropFolderFull => "a drop folder's disk full",
            Self::DropFolderReadOnly => "a drop folder read-only",
            Self::DropFolderGone => "a drop folder gone",
            Self::LongReader => "a long reader of the ledger",
            Self::RegistryHeld => "the registry held by another writer",
            Self::Stopped => "the process stopped",
            Self::Reload => "SIGHUP",
            Self::BadReload => "SIGHUP with a bad configuration",
            Self::SlowRegistrar => "a slow registrar",
            Self::BusyRegistrar => "a throttling registrar",
            Self::RegistrarDown => "a registrar that is down",
            Self::AnswersLost => "lost answers",
        })
    }
}

/// What undoes a fault.
enum Undo {
    Ballast(PathBuf),
    Writable,
    Back(PathBuf, PathBuf),
    LetGo(Connection),
    GoOn(Pid),
    Well,
    Nothing,
}

/// The weather over one life of a daemon.
pub(super) struct Weather<'a> {
    ground: &'a Ground,
    process: Pid,
    kinds: Vec<Kind>,
    longest: u64,
    now: Option<(Undo, Instant)>,
    next: Instant,
    /// Every fault that was, in its order.
    pub(super) faults: Vec<Kind>,
}

impl<'a> Weather<'a> {
    /// Over a process; `moody` where its registrar has moods, `mounted` where disks of our own lie under it.
    pub(super) fn new(ground: &'a Ground, process: u32, moody: bool, mounted: bool, longest: u64) -> Result<Self> {
        let process = Pid::from_raw(i32::try_from(process)?).context("a process")?;
        let kinds = Kind::ALL
            .into_iter()
            .filter(|kind| (moody || kind.mood().is_none()) && (mounted || !kind.needs_mounts()));
        let kinds = kinds.collect();
        let next = Instant::now() + Duration::from_millis(longest);
        Ok(Self { ground, process, kinds, longest, now: None, next, faults: Vec::new() })
    }

    /// Begins or ends a fault, if it is time to.
    pub(super) fn turn(&mut self, chance: &mut Chance) -> Result<()> {
        let now = Instant::now();
        if self.now.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.clear()?;
            self.next = Instant::now() + Duration::from_millis(2 * (self.longest + chance.below(self.longest)));
        } else if self.now.is_none() && now >= self.next {
            let kind = usize::try_from(chance.below(u64::try_from(self.kinds.len())?))?;
            let kind = *self.kinds.get(kind).context("a kind")?;
            self.ground.weather_turns(true);
            let undo = self.begin(kind).with_context(|| kind.to_string())?;
            self.faults.push(kind);
            let long = if kind == Kind::Stopped { self.longest / 3 } else { self.longest };
            self.now = Some((undo, Instant::now() + Duration::from_millis(long / 3 + chance.below(long))));
        }
        Ok(())
    }

    fn begin(&self, kind: Kind) -> Result<Undo> {
        let env = &self.ground.env;
        if let Some(mood) = kind.mood() {
            mood.set(&mood_file(env))?;
            return Ok(Undo::Well);
        }
        Ok(match kind {
            Kind::LedgersDiskFull => fill(&env.path("state"), 1 << 20)?,
            Kind::DropFolderFull => fill(&env.root().join(CRAMPED), 0)?,
            Kind::DropFolderReadOnly => {
                read_only(&env.root().join(CRAMPED))?;
                Undo::Writable
            }
            Kind::DropFolderGone => {
                let (there, away) = (env.root().join(super::HOSTILE), env.path("away"));
                fs::rename(&there, &away)?;
                Undo::Back(away, there)
            }
            Kind::LongReader => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                hold(&env.ledger(), flags, "BEGIN; SELECT count(*) FROM audit_actions")?
            }
            Kind::RegistryHeld => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                hold(&env.path("state/registry.db"), flags, "BEGIN IMMEDIATE")?
            }
            Kind::Stopped => {
                kill_process(self.process, Signal::STOP)?;
                Undo::GoOn(self.process)
            }
            Kind::BadReload => {
                let text = fs::read_to_string(env.config())?;
                reload(self, &format!("{text}no_such_key = true\n"))?;
                reload(self, &text)?;
                Undo::Nothing
            }
            _ => {
                let text = fs::read_to_string(env.config())?;
                let at = self.faults.len();
                let text: String = text
                    .lines()
                    .filter(|line| !line.starts_with("support"))
                    .fold(format!("support = \"support-{at}@example.com\"\n"), |text, line| text + line + "\n");
                reload(self, &text)?;
                Undo::Nothing
            }
        })
    }

    /// Undoes the fault that is under way.
    pub(super) fn clear(&mut self) -> Result<()> {
        let Some((undo, _)) = self.now.take() else { return Ok(()) };
        let env = &self.ground.env;
        match undo {
            Undo::Ballast(file) => fs::remove_file(file)?,
            Undo::Writable => {
                done(Command::new("mount").args(["-o", "remount,rw"]).arg(env.root().join(CRAMPED)))?;
            }
            Undo::Back(away, there) => {
                // The daemon's customers are the folders, so nobody else makes it meanwhile but its sender.
                if there.exists() {
                    fs::remove_dir_all(&there)?;
                }
                fs::rename(away, there)?;
            }
            Undo::LetGo(connection) => drop(connection),
            Undo::GoOn(process) => kill_process(process, Signal::CONT)?,
            Undo::Well => Mood::Well.set(&mood_file(env))?,
            Undo::Nothing => {}
        }
        self.ground.weather_turns(false);
        Ok(())
    }
}

/// Fills a disk, but for so many bytes.
fn fill(folder: &Path, but: u64) -> Result<Undo> {
    let ballast = folder.join(".ballast");
    let file = fs::File::create(&ballast)?;
    let disk = rustix::fs::statvfs(folder)?;
    let free = (disk.f_bavail * disk.f_frsize).saturating_sub(but);
    // Others write meanwhile: what no longer fits then is as good as full.
    fallocate(&file, FallocateFlags::empty(), 0, free.max(1)).unwrap_or_default();
    Ok(Undo::Ballast(ballast))
}

fn hold(path: &Path, flags: OpenFlags, sql: &str) -> Result<Undo> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch(sql)?;
    Ok(Undo::LetGo(connection))
}

fn reload(weather: &Weather<'_>, text: &str) -> Result<()> {
    let config = weather.ground.env.config();
    let aside = config.with_extension("new");
    fs::write(&aside, text)?;
    fs::rename(aside, config)?;
    Ok(kill_process(weather.process, Signal::HUP)?)
}
