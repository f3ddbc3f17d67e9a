//! Loop devices and mounts that go away with the value that stands for them, also after a failure.
//!
//! For what no value can see to (a SIGKILL), the tool runs in a mount namespace of its own, and its loop devices are
//! told to detach themselves once nothing uses them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags};

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
    /// Unmounts it; whoever still has a file open there makes that fail.
    pub fn unmount(mut self) -> Result<()> {
        rustix::mount::unmount(&self.folder, UnmountFlags::empty())
            .with_context(|| format!("can't unmount {}", self.folder.display()))?;
        self.there = false;
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.there {
            rustix::mount::unmount(&self.folder, UnmountFlags::DETACH).unwrap_or_default();
        }
    }
}
