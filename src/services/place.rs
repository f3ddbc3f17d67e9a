//! Where a backup, a snapshot or an export may be written: nowhere where it would be taken for a sender's file.

use std::path::{Path, PathBuf};

use crate::cli::error::Failure;
use crate::config::Config;

use super::backup::{named, trouble};
use super::failure;

/// The path without links in its folder, if that lies neither in a drop folder nor among the originals.
pub(super) fn apart(config: &Config, path: &Path, what: &str) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(path).map_err(|error| trouble("find", path, &error))?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(failure(format!("{} can't be {what}", named(&path)), Vec::new(), None));
    };
    let parent = parent.canonicalize().map_err(|error| trouble("find the folder", parent, &error))?;
    let path = parent.join(name);
    let drop_folders = config.customers.values().map(|customer| &customer.folder).chain([&config.drop.root]);
    for ours in drop_folders.chain([&config.ledger.originals]) {
        if path.starts_with(ours.canonicalize().as_ref().unwrap_or(ours)) {
            let hint = "choose a folder elsewhere, best on another disk".to_owned();
            return Err(failure(format!("{} lies in {}", named(&path), named(ours)), Vec::new(), Some(hint)));
        }
    }
    Ok(path)
}
