//! Drop folders whose senders mean harm: what they put there, when they change it, and what must not come of it.
//!
//! Outside of the drop folders lie canaries, which nobody may read or change; what a canary's file holds must turn up
//! nowhere. Most of this needs root, as the gate has it, and fails without.

mod many;
mod moments;
mod names;
mod objects;
mod planted;
mod rights;
mod whole_folders;

use std::path::Path;

use anyhow::{Result, ensure};
use devicedrop_testkit::canary::{self, Canaries};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::meddle::Meddler;
use devicedrop_testkit::process::{Daemon, Line};

use crate::scene::{CONTOSO, csv, env};

/// The customer whose files the one of most tests would like to have.
const VICTIM: &str = "fabrikam";

/// Longer than a sender gets to put things right.
const OVER_A_MINUTE: std::time::Duration = std::time::Duration::from_secs(61);

/// A place with canaries outside of its drop folders, and a daemon that can be meddled with.
struct Hostile {
    env: TestEnv,
    canaries: Canaries,
    meddler: Meddler,
}

impl Hostile {
    fn new() -> Result<Self> {
        let env = env()?;
        let canaries = Canaries::put_into(&env.path("outside"))?;
        let meddler = Meddler::new(&env)?;
        for customer in [CONTOSO, VICTIM] {
            std::fs::create_dir(env.root().join(customer))?;
        }
        Ok(Self { env, canaries, meddler })
    }

    fn start(&self) -> Result<Daemon> {
        let mut daemon = crate::daemon()?.meddled(&self.env, &self.meddler)?;
        daemon.wait_for_message("ready")?;
        Ok(daemon)
    }

    fn drop_folder(&self) -> std::path::PathBuf {
        self.env.root().join(CONTOSO)
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.drop_folder().join(name)
    }

    fn outside(&self, name: &str) -> std::path::PathBuf {
        self.env.path("outside").join(name)
    }

    /// Stops the daemon in order, and looks whether anything outside was touched, or turned up anywhere.
    fn end(&self, daemon: Daemon) -> Result<()> {
        let (code, log) = daemon.terminate()?;
        ensure!(code == 0, "the daemon ended with {code}");
        self.nothing_sang(&log)
    }

    fn nothing_sang(&self, log: &[Line]) -> Result<()> {
        self.canaries.are_untouched()?;
        canary::none_sang(&self.env)?;
        if let Some(line) = log.iter().find(|line| canary::sings(line.text.as_bytes())) {
            anyhow::bail!("a canary's content is in the log: {}", line.text);
        }
        Ok(())
    }
}

/// A file that would be accepted; its serial number is its own.
fn good(serial: &str) -> String {
    csv(&[serial])
}

/// The names in a folder, sorted, as they may be shown.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}
