//! The process that serves the disks. It must be one of its own: a process that waits for a page of a file on such a disk
//! can't serve that page, since the kernel stops its other threads at the first memory that they ask for.
//!
//! It is the binary that asks for it, run again; it is told what to do line by line, and ends with the other end.

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

use crate::log::{Event, Log, Recorded};
use crate::serve::{Disk, Served};

/// The first argument of a process that is to serve.
const SERVE: &str = "serve-disks";

/// Disks, served by another process. Dropped, they are gone.
#[derive(Debug)]
pub struct Server {
    child: Child,
    talk: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Serves disks that hold `images` at first; `log` is where their events are saved.
    pub fn start(log: &Path, images: &[PathBuf]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("devicedrop-disks-").tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .args([folder.path(), log])
            .args(images)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start the process that serves the disks")?;
        let ends = child.stdin.take().zip(child.stdout.take().map(BufReader::new));
        let server = Self { child, talk: Mutex::new(ends), folder };
        server.ask("ready")?;
        Ok(server)
    }

    /// The file that is this disk.
    pub fn disk(&self, number: usize) -> PathBuf {
        self.folder.path().join(number.to_string())
    }

    /// How many events there were so far. What was seen to be true before this is asked rests on these events only.
    pub fn position(&self) -> Result<usize> {
        Ok(self.ask("position")?.parse()?)
    }

    /// Saves the events.
    pub fn save(&self) -> Result<()> {
        self.ask("save").map(drop)
    }

    fn ask(&self, line: &str) -> Result<String> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = talk.as_mut().context("the process that serves the disks is gone")?;
        writeln!(input, "{line}")?;
        input.flush()?;
        let mut answer = String::new();
        output.read_line(&mut answer)?;
        let answer = answer.trim_end_matches('\n');
        match answer.split_once(' ') {
            Some(("ok", rest)) => Ok(rest.to_owned()),
            _ => bail!("{line}: the process that serves the disks said {answer:?}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At the end of its input it unmounts; killed, it takes its disks along.
        *self.talk.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop(self.child.kill());
        drop(self.child.wait());
        rustix::mount::unmount(self.folder.path(), rustix::mount::UnmountFlags::DETACH).unwrap_or_default();
    }
}

/// Is the process that serves, if its arguments say so; says whether it was.
pub fn serve_if_told() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [serve, folder, log, images @ ..] = arguments.as_slice() else { return Ok(false) };
    if serve != SERVE {
        return Ok(false);
    }
    let images = images.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    record(Path::new(folder), Path::new(log), images)?;
    Ok(true)
}

fn answer(mut obey: impl FnMut(&[&str]) -> Result<String>) -> Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let said = match obey(&words) {
            Ok(said) => format!("ok {said}"),
            Err(error) => format!("no {error:#}"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{said}")?;
        out.flush()?;
    }
    Ok(())
}

fn record(folder: &Path, path: &Path, images: Vec<Vec<u8>>) -> Result<()> {
    let log = Arc::new(Log::default());
    let disks = images.into_iter().enumerate().map(|(number, image)| {
        let disk: Arc<dyn Disk> = Arc::new(Recorded::new(number, image, Arc::clone(&log)));
        disk
    });
    let _served = Served::at(folder, disks.collect())?;
    answer(|words| match words {
        ["ready"] => Ok(String::new()),
        ["position"] => Ok(log.position().to_string()),
        ["save"] => write(path, &log.take()).map(|()| String::new()),
        _ => bail!("not understood"),
    })
}

/// Saves events; `u64::MAX` in the place of the length is a flush.
fn write(path: &Path, events: &[Event]) -> Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    for event in events {
        let (disk, offset, length, bytes): (_, _, _, &[u8]) = match event {
            Event::Write { disk, offset, bytes } => (disk, *offset, u64::try_from(bytes.len())?, bytes),
            Event::Flush { disk } => (disk, 0, u64::MAX, &[]),
        };
        for number in [u64::try_from(*disk)?, u64::try_from(offset)?, length] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(bytes)?;
    }
    Ok(out.flush()?)
}

/// Reads what `write` saved.
pub fn read(path: &Path) -> Result<Vec<Event>> {
    let mut file = BufReader::new(fs::File::open(path)?);
    let mut events = Vec::new();
    while !file.fill_buf()?.is_empty() {
        let mut numbers = [0; 3];
        for number in &mut numbers {
            let mut bytes = [0; 8];
            file.read_exact(&mut bytes)?;
            *number = u64::from_le_bytes(bytes);
        }
        let [disk, offset, length] = numbers;
        let disk = usize::try_from(disk)?;
        events.push(if length == u64::MAX {
            Event::Flush { disk }
        } else {
            ensure!(length < 1 << 30, "{} is no log of events", path.display());
            let mut bytes = vec![0; usize::try_from(length)?];
            file.read_exact(&mut bytes)?;
            Event::Write { disk, offset: usize::try_from(offset)?, bytes: bytes.into() }
        });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_saved() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        let events = vec![
            Event::Write { disk: 1, offset: 4096, bytes: vec![1, 2, 3].into() },
            Event::Flush { disk: 0 },
            Event::Write { disk: 0, offset: 0, bytes: vec![].into() },
        ];
        write(&path, &events)?;
        assert_eq!(read(&path)?, events);
        let whole = fs::read(&path)?;
        fs::write(&path, &whole[..whole.len() - 1])?;
        assert!(read(&path).is_err(), "half an event");
        Ok(())
    }
}
