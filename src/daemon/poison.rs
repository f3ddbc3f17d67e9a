//! Files that brought the process down while they were read: after three times one is refused, and the others go on.
//!
//! What is being read is marked in a small file for each customer, beside the ledger. Such a mark needn't outlive a power
//! cut, which no file brings about, so it costs no sync; a mark that a start finds was left by a process that died. How
//! often that was is counted in the ledger's notes, for one state of the file: who changes it has it tried anew.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::settle::Stamp;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};

use crate::inbox::DropPath;

use super::shared::{AskError, Shared};

/// After so many deaths a file isn't read any more: one or two may be an operator's or the machine's doing.
const DEATHS: u32 = 3;

/// The folder of the marks, beside the ledger.
const FOLDER: &str = "reading";

/// The topic of the notes that count.
const TOPIC: &str = "died_reading";

/// What one customer's lane is reading.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    made: Option<OwnedFd>,
    set: bool,
}

impl Mark {
    /// The mark of a customer's lane, not set.
    pub(super) fn of(shared: &Shared, customer: &CustomerKey) -> Self {
        let path = shared.config().state_folder().join(FOLDER).join(customer.as_str());
        Self { path, made: None, set: false }
    }

    /// This file is being read from here on. Who can't be marked is read all the same.
    pub(super) fn set(&mut self, file: &DropPath, stamp: &Stamp) {
        if let Err(error) = self.write(&text_of(file, stamp)) {
            tracing::debug!(error = %error, "what is being read can't be marked");
        }
    }

    /// Nothing is being read.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.set)
            && let Some(made) = &self.made
            && let Err(error) = rustix::fs::ftruncate(made, 0)
        {
            tracing::debug!(error = %error, "the mark of what was read can't be cleared");
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.made.is_none() {
            if let Some(folder) = self.path.parent() {
                std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
            }
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            self.made = Some(rustix::fs::open(&self.path, flags, Mode::RUSR | Mode::WUSR)?);
        }
        let Some(made) = &self.made else { return Ok(()) };
        self.set = true;
        rustix::fs::ftruncate(made, 0)?;
        // Half a mark names no file, and then this death isn't counted.
        rustix::io::pwrite(made.as_fd(), text.as_bytes(), 0)?;
        Ok(())
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.clear();
    }
}

/// One state of one file, in a line: what a mark and a count are about.
fn text_of(file: &DropPath, stamp: &Stamp) -> String {
    format!("{} {} {} {}\n", stamp.ino, stamp.size, stamp.mtime_ns, file.text())
}

/// Counts the deaths that the last process's marks tell of. Once, at the start, before anything is read.
pub(super) fn count_deaths(shared: &Shared) -> io::Result<()> {
    let folder = shared.config().state_folder().join(FOLDER);
    let opened = match rustix::fs::open(&folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    {
        Ok(opened) => opened,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in Dir::read_from(&opened)? {
        let entry = entry?;
        let Some(customer) = entry.file_name().to_str().ok().and_then(|name| CustomerKey::parse(name).ok()) else {
            continue;
        };
        let text = read(&folder.join(customer.as_str()))?;
        if let Some(line) = text.strip_suffix('\n') {
            let before = deaths(shared, &customer, line).map_err(io::Error::other)?;
            let deaths = before.saturating_add(1);
            tracing::warn!(customer = %customer, mark = line, deaths, "the process died while it read this file");
            let noted = shared.writer.note(
                Some(customer.clone()),
                TOPIC.to_owned(),
                line.to_owned(),
                Some(deaths.to_string()),
            );
            noted.wait().map_err(io::Error::other)?;
        }
        rustix::fs::unlinkat(&opened, entry.file_name(), AtFlags::empty())?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    /// Longer than any path that a file can have.
    const LONGEST: u64 = 64 * 1024;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(File::open(path)?, LONGEST), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn deaths(shared: &Shared, customer: &CustomerKey, line: &str) -> Result<u32, AskError> {
    let noted = shared.readers.ask(|reader| reader.note(Some(customer), TOPIC, line))?;
    Ok(noted.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Whether this state of a file brought the process down so often that it isn't read again.
pub(super) fn is_poison(
    shared: &Shared,
    customer: &CustomerKey,
    file: &DropPath,
    stamp: &Stamp,
) -> Result<bool, AskError> {
    Ok(deaths(shared, customer, text_of(file, stamp).trim_end_matches('\n'))? >= DEATHS)
}
