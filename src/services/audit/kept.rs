//! Checkpoints that were kept: brought along, or found beside the ledger.

use std::io;
use std::path::Path;

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::shown::shown;
use devicedrop_core::signed_note::{Note, Verifier as Key};

use crate::cli::error::Failure;
use crate::config::Config;

use super::{LONGEST, unreadable, unusable};

/// A checkpoint, and what it came in.
#[derive(Debug)]
pub(in crate::services) struct Kept {
    /// Where it was found.
    pub(in crate::services) name: String,
    pub(in crate::services) checkpoint: Checkpoint,
    /// The note, where it came in one.
    pub(in crate::services) note: Option<Note>,
}

/// A checkpoint to be believed: signed by one of the keys, if there are any.
pub(super) fn read(path: &Path, keys: &[Key]) -> Result<Kept, Failure> {
    let text = super::read(path, LONGEST)?;
    let note = text.parse::<Note>().ok();
    if !is_believed(note.as_ref(), keys) {
        return Err(not_believed(path, "checkpoint"));
    }
    let checkpoint = note
        .as_ref()
        .map_or(&text, |note| &note.text)
        .parse()
        .map_err(|error| unusable(path, "checkpoint", error))?;
    Ok(Kept { name: format!("the checkpoint {}", shown(&path.display().to_string())), checkpoint, note })
}

/// Checkpoints that the daemon made by itself.
#[derive(Default)]
pub(super) struct Here {
    pub(super) checkpoints: Vec<Kept>,
    /// What isn't one, each as a sentence.
    pub(super) found: Vec<String>,
}

/// Reads what lies beside the ledger.
pub(super) fn here(config: &Config) -> Result<Here, Failure> {
    let mut here = Here::default();
    let folder = config.checkpoints();
    let listed = match std::fs::read_dir(&folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(here),
        Err(error) => return Err(unreadable(&folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
        paths.extend(path.extension().is_some_and(|extension| extension == "checkpoint").then_some(path));
    }
    paths.sort();
    for path in paths {
        let text = super::read(&path, LONGEST)?;
        let note = text.parse::<Note>().ok();
        let name = shown(&path.display().to_string()).to_string();
        match note.as_ref().map_or(&text, |note| &note.text).parse() {
            Ok(checkpoint) => here.checkpoints.push(Kept { name, checkpoint, note }),
            Err(error) => here.found.push(format!("{name} is no checkpoint: {error}")),
        }
    }
    Ok(here)
}

/// Whether one of the keys has signed it, if there are any.
pub(in crate::services) fn is_believed(note: Option<&Note>, keys: &[Key]) -> bool {
    keys.is_empty() || note.is_some_and(|note| keys.iter().any(|key| key.verify(note).is_ok()))
}

/// None of the keys has signed it: that is an answer, and it is no.
pub(in crate::services) fn not_believed(path: &Path, what: &str) -> Failure {
    let mut failure = unusable(path, &format!("{what} to be believed"), "none of the keys given has signed it");
    failure.exit = crate::cli::exit::Exit::No;
    failure
}
