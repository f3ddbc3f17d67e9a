//! Which customer's file a path of the command line is.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use devicedrop_core::shown::shown_bytes;

use crate::config::{Config, CustomerSettings};
use crate::inbox::DropPath;

use super::commands::No;
use super::roster;

/// A file in a drop folder.
pub(super) struct Located {
    /// Whose.
    pub(super) customer: CustomerSettings,
    /// Where in the folder.
    pub(super) path: DropPath,
    /// The path as it was given, fit to be shown.
    pub(super) shown: String,
    /// How many folders lie between the drop folder and the file.
    pub(super) depth: usize,
}

/// Finds the customer whose drop folder an absolute path lies in.
pub(super) fn locate(config: &Config, path: &Path) -> Result<Located, No> {
    let shown = shown_bytes(path.as_os_str().as_bytes()).to_string();
    let customers =
        roster::customers(config).customers.unwrap_or_else(|| config.customers.values().cloned().collect());
    let path = config.as_configured(path);
    for customer in customers {
        let Ok(inside) = path.strip_prefix(&customer.folder) else { continue };
        let parts: Vec<&[u8]> = inside
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.as_bytes()),
                _ => None,
            })
            .collect();
        let path = match parts.as_slice() {
            [] => break,
            [name] => DropPath::file(name),
            [folders @ .., name] => DropPath::in_folder(&folders.join(&b'/'), name),
        };
        let depth = parts.len().saturating_sub(1);
        return Ok(Located { customer, path, shown, depth });
    }
    Err(No::new(
        format!("{shown} doesn't lie in the drop folder of a customer"),
        "devicedrop customer list tells where the drop folders are",
    ))
}
