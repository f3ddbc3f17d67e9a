//! Planted bugs: the same daemon, for which `strace` answers some syncs without doing them. Nothing of that can be turned
//! on in the product.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use devicedrop_testkit::env::TestEnv;

use super::workload::{CUSTOMERS, ORDER};

/// What is wrong with the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// M1: a commit isn't synced, as with `synchronous=NORMAL`.
    Commits,
    /// M2: a folder isn't synced after a file got its name there.
    Folders,
    /// M3: nothing is synced, neither files nor folders nor commits, as under `eatmydata`.
    Everything,
}

impl Planted {
    /// The bug of this number.
    pub fn numbered(text: &str) -> Result<Self> {
        Ok(match text {
            "M1" => Self::Commits,
            "M2" => Self::Folders,
            "M3" => Self::Everything,
            _ => bail!("{text}: there are M1 (commits unsynced), M2 (folders unsynced) and M3 (nothing synced)"),
        })
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Commits => "M1: commits of the ledger aren't synced",
            Self::Folders => "M2: folders aren't synced",
            Self::Everything => "M3: nothing is synced",
        }
    }

    /// The files and folders whose syncs are skipped; none: all.
    fn paths(self, env: &TestEnv) -> Vec<PathBuf> {
        match self {
            Self::Commits => vec![env.path("state/ledger.db-wal")],
            Self::Folders => {
                let mut paths = vec![env.root(), env.path("state"), env.path("state/originals")];
                for customer in CUSTOMERS {
                    paths.extend([env.root().join(customer), env.root().join(customer).join(ORDER)]);
                }
                paths
            }
            Self::Everything => Vec::new(),
        }
    }

    /// Writes the script that runs `program` with the bug in it, in the place of `env`.
    pub(super) fn write(self, script: &Path, env: &TestEnv, program: &Path) -> Result<()> {
        let mut text = "#!/bin/sh\nexec strace -D -f -qq --seccomp-bpf -o /dev/null".to_owned();
        text.push_str(" -e trace=fsync,fdatasync -e inject=fsync,fdatasync:retval=0");
        for path in self.paths(env) {
            text.extend([" -P '", &path.display().to_string(), "'"]);
        }
        text.extend([" -- '", &program.display().to_string(), "' \"$@\"\n"]);
        fs::write(script, text)?;
        Ok(fs::set_permissions(script, fs::Permissions::from_mode(0o755))?)
    }
}
