//! Meddling with a daemon under test: it is held at a named step while its sender changes things, its clock is moved
//! on, and it runs as another user.
//!
//! All of it goes through one folder, so nothing of it takes time: a step is a file there that the daemon takes away,
//! and a FIFO at which it waits until it is let go.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use devicedrop::step::Step;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Gid, Uid};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context as LayerContext, Layer};

use crate::env::TestEnv;
use crate::process::Daemon;
use crate::under_test;

const FOLDER: &str = "DEVICEDROP_UNDER_TEST_MEDDLED";
const USER: &str = "DEVICEDROP_UNDER_TEST_USER";
const FIFO: &str = "let-go";
const CLOCK_FILE: &str = "clock";

/// A user who owns nothing and may do nothing in particular.
pub const NOBODY: u32 = 65_534;

/// The test's end of it.
#[derive(Debug, Clone)]
pub struct Meddler {
    folder: PathBuf,
    user: Option<u32>,
}

/// A daemon that is held at a step, and goes on when this is dropped.
#[derive(Debug)]
#[must_use = "the daemon goes on at once"]
pub struct Held {
    _writer: File,
}

impl Meddler {
    /// Meddles with the daemon of this place.
    pub fn new(env: &TestEnv) -> Result<Self> {
        let folder = env.path("meddle");
        fs::create_dir(&folder)?;
        mknodat(CWD, folder.join(FIFO), FileType::Fifo, Mode::from_raw_mode(0o666), 0)?;
        Ok(Self { folder, user: None })
    }

    /// Has the daemon run as nobody, who gets the whole place for that. Only root can do so.
    pub fn as_nobody(mut self, env: &TestEnv) -> Result<Self> {
        give(&env.path(""), NOBODY).context("only root can run a daemon as another user")?;
        self.user = Some(NOBODY);
        Ok(self)
    }

    /// Holds the daemon when it passes this step the next time.
    pub fn hold_at(&self, step: Step) -> Result<()> {
        let path = self.folder.join(step.name());
        fs::write(&path, "")?;
        Ok(self.user.map_or(Ok(()), |user| chown(&path, Some(user), Some(user)))?)
    }

    /// Waits until the daemon is held.
    pub fn held(&self, daemon: &mut Daemon) -> Result<Held> {
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits())?;
        daemon.wait_until("the daemon at the step", || {
            // Without a reader a FIFO can't be opened for writing: the daemon is its only one.
            match File::options().write(true).custom_flags(nonblocking).open(self.folder.join(FIFO)) {
                Ok(writer) => Ok(Some(Held { _writer: writer })),
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Moves the daemon's clocks to so much later than the system's.
    pub fn later_by(&self, by: Duration) -> Result<()> {
        under_test::shift(&self.folder.join(CLOCK_FILE), by)
    }

    /// What tells the daemon.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(FOLDER, &self.folder).env(under_test::CLOCK, self.folder.join(CLOCK_FILE));
        if let Some(user) = self.user {
            command.env(USER, user.to_string());
        }
    }
}

/// Gives a folder and all in it to a user; links aren't followed.
fn give(path: &Path, user: u32) -> Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(std::os::unix::fs::lchown(path, Some(user), Some(user))?)
}

/// The daemon's end: becomes another user, if told so. To be called before there are other threads.
pub(crate) fn become_user() -> Result<()> {
    let Some(user) = std::env::var_os(USER) else { return Ok(()) };
    let id: u32 = user.to_string_lossy().parse().context("a user's number")?;
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    Ok(rustix::thread::set_thread_res_uid(user, user, user)?)
}

/// Holds the daemon's thread at the steps that it is told to be held at.
pub(crate) struct Holder {
    folder: PathBuf,
}

impl Holder {
    /// If the environment says so.
    pub(crate) fn if_told() -> Option<Self> {
        std::env::var_os(FOLDER).map(|folder: OsString| Self { folder: folder.into() })
    }

    fn hold(&self) -> io::Result<()> {
        // Opens once somebody is there to write, ends once he is gone.
        File::open(self.folder.join(FIFO))?.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl<S: tracing::Subscriber> Layer<S> for Holder {
    fn on_event(&self, event: &tracing::Event<'_>, _: LayerContext<'_, S>) {
        if event.metadata().target() != "devicedrop::step" {
            return;
        }
        let mut step = Name(String::new());
        event.record(&mut step);
        if fs::remove_file(self.folder.join(&step.0)).is_ok() {
            // A hold that fails is no hold, which the test that waits for it sees.
            self.hold().unwrap_or_default();
        }
    }
}

struct Name(String);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "step" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
