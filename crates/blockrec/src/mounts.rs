//! Loop devices and mounts that go away with the value that stands for them, also after a failure.
//!
//! For what no value can see to (a SIGKILL), the tool runs in a mount namespace of its own, and its loop devices are
//! told to detach themselves once nothing uses them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

/// So long may a mount be in use after its last user here is done.
const BUSY: Duration = Duration::from_secs(20);

/// A loop device on a file.
#[derive(Debug)]
pub struct Loop {
    device: PathBuf,
}

impl Loop {
    /// Attaches a free one.
    pub fn on(file: &Path) -> Result<Self> {
        let said = Command::new("losetup").args(["--find", "--show"]).arg(file).output().context("losetup")?;
        ensure!(
            said.status.success(),
            "no loop device for {}: {}",
            file.display(),
            String::from_utf8_lossy(&said.stderr).trim()
        );
        Ok(Self { device: PathBuf::from(String::from_utf8(said.stdout)?.trim()) })
    }

    /// Mounts the ext4 file system on it.
    pub fn mount(&self, folder: &Path) -> Result<Mount> {
        rustix::mount::mount(&self.device, folder, "ext4", MountFlags::empty(), None)
            .with_context(|| format!("can't mount {} at {}", self.device.display(), folder.display()))?;
        Ok(Mount { folder: folder.to_owned(), there: true })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // A device that is still in use detaches itself later.
        drop(Command::new("losetup").arg("--detach").arg(&self.device).status());
    }
}

/// A mounted file system.
#[derive(Debug)]
pub struct Mount {
    folder: PathBuf,
    there: bool,
}

impl Mount {
    /// A file system in memory, of this many bytes at most.
    pub fn memory(folder: &Path, size: u64) -> Result<Self> {
        let options = std::ffi::CString::new(format!("size={size},mode=0700"))?;
        rustix::mount::mount("devicedrop-cuts", folder, "tmpfs", MountFlags::empty(), Some(options.as_c_str()))
            .with_context(|| format!("can't mount a file system in memory at {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), there: true })
    }

    /// Unmounts it; whoever has a file open there for long makes that fail. For a moment everybody has: a process that
    /// another thread starts holds all that is open here until it has become its own program.
    pub fn unmount(mut self) -> Result<()> {
        let deadline = Instant::now() + BUSY;
        loop {
            match rustix::mount::unmount(&self.folder, UnmountFlags::empty()) {
                Err(Errno::BUSY) if Instant::now() < deadline => std::thread::yield_now(),
                done => {
                    done.with_context(|| format!("can't unmount {}", self.folder.display()))?;
                    self.there = false;
                    return Ok(());
                }
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.there {
            rustix::mount::unmount(&self.folder, UnmountFlags::DETACH).unwrap_or_default();
        }
    }
}
