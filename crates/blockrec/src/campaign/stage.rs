//! Two disks below one hermetic place: the ledger, the originals and the registry on one, the drop folders on the other,
//! as they are where the drop folders are a share.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;

use crate::mounts::{Loop, Mount};

const MIB: u64 = 1 << 20;

/// The disks: where each is mounted, and its size.
pub(super) const DISKS: [(&str, u64); 2] = [("state", 48 * MIB), ("drop", 16 * MIB)];

/// Fresh ext4 file systems for the disks, in a folder.
pub(super) fn format(folder: &Path) -> Result<Vec<PathBuf>> {
    DISKS
        .iter()
        .map(|(name, size)| {
            let path = folder.join(name);
            File::create(&path)?.set_len(*size)?;
            let said = Command::new("mke2fs")
                .args(["-q", "-F", "-t", "ext4", "-b", "4096"])
                .args(["-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"])
                .arg(&path)
                .output()
                .context("can't run mke2fs: it comes with e2fsprogs")?;
            ensure!(said.status.success(), "mke2fs: {}", String::from_utf8_lossy(&said.stderr));
            Ok(path)
        })
        .collect()
}

/// Disks that are attached, and a place below which they are mounted when they are needed.
///
/// Fields are dropped in their order: what is mounted before what it is mounted from.
pub(super) struct Stage {
    mounts: Vec<Mount>,
    loops: Vec<Loop>,
    pub(super) env: TestEnv,
}

impl Stage {
    /// Attaches files as disks for a program.
    pub(super) fn new(program: &Path, files: &[PathBuf]) -> Result<Self> {
        let mut env = TestEnv::new(program)?;
        for (key, value) in [
            ("registrar.embedded.inventory", "\"required\""),
            ("support", "\"support@example.com\""),
            ("customers.fabrikam.locale", "\"nl\""),
        ] {
            env.set(key, value)?;
        }
        let loops = files.iter().map(|file| Loop::on(file)).collect::<Result<_>>()?;
        Ok(Self { mounts: Vec::new(), loops, env })
    }

    /// Mounts all disks.
    pub(super) fn mount(&mut self) -> Result<()> {
        for (device, (name, _)) in self.loops.iter().zip(DISKS) {
            self.mounts.push(device.mount(&self.env.path(name))?);
        }
        Ok(())
    }

    /// Unmounts them.
    pub(super) fn unmount(&mut self) -> Result<()> {
        self.mounts.drain(..).try_for_each(Mount::unmount)
    }
}
