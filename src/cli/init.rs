//! `init`: a configuration, folders and samples to begin with. What is there already is left as it is.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::durable::{self, DurableError};
use devicedrop_core::shown::shown;

/// Why a beginning couldn't be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A folder can't be made.
    #[error("can't make {}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: DurableError,
    },
    /// The folder's name can't stand in a configuration.
    #[error("the path {} isn't UTF-8 and can't stand in a configuration", path.display())]
    NotText {
        /// Which.
        path: PathBuf,
    },
    /// The reference configuration isn't TOML: a mistake in this program.
    #[error("the reference configuration is damaged")]
    Reference(#[from] toml_edit::TomlError),
}

impl InitError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Make { .. } | Self::Write { .. } | Self::NotText { .. } => {
                Some("devicedrop init with another folder".to_owned())
            }
            Self::Reference(_) => None,
        }
    }
}

const REFERENCE: &str = include_str!("../../config/devicedrop.toml");

/// Two devices, of which the inventory below knows one: the result file shows both endings.
const DEVICES: &str = "\
Manufacturer,Model,Serial Number
Contoso Devices,Laptop 14,CD14-000001
Contoso Devices,Laptop 14,CD14-000002
";

/// What the service behind it knows.
pub const INVENTORY: &str = "\
Manufacturer,Model,Serial Number
Contoso Devices,Laptop 14,CD14-000001
";

/// Makes the beginning, and prints how to go on.
pub fn run(dir: &Path, output: &mut Output) -> Result<(), CliError> {
    let dir = std::path::absolute(dir).map_err(|source| InitError::Make { path: dir.to_owned(), source })?;
    let at = |name: &str| dir.join(name);
    let config = at("devicedrop.toml");
    let text = configuration(&dir)?;
    let folders = [(dir.clone(), 0o755), (at("drop"), 0o755), (at("drop/contoso"), 0o755), (at("state"), 0o750)];
    for (folder, mode) in folders.iter().chain([&(at("samples"), 0o755)]) {
        make_folder(folder, *mode)?;
    }
    let files = [
        (config.clone(), text.as_str()),
        (at("samples/devices.csv"), DEVICES),
        (at("samples/inventory.csv"), INVENTORY),
    ];
    for (path, text) in &files {
        let failed = |source| InitError::Write { path: path.clone(), source };
        let made = durable::write_new(path, 0o644, text.as_bytes()).map_err(failed)?;
        let what = if made { "written" } else { "there already, left as it is" };
        output.line(format_args!("{}: {what}", shown_path(path)))?;
    }
    output.line("\nNext, the daemon, and in a second terminal the inventory and a file:\n")?;
    let config = quoted(&config);
    output.line(format_args!("  devicedrop --config {config} run\n"))?;
    let (inventory, devices) = (quoted(&at("samples/inventory.csv")), quoted(&at("samples/devices.csv")));
    output.line(format_args!("  devicedrop --config {config} registry import {inventory}"))?;
    output.line(format_args!("  cp {devices} {}", quoted(&at("drop/contoso"))))?;
    output.line(format_args!("  devicedrop --config {config} status"))?;
    Ok(())
}

/// The reference configuration with its paths below `dir`.
fn configuration(dir: &Path) -> Result<String, InitError> {
    let mut document: DocumentMut = REFERENCE.parse()?;
    let paths = [
        (["drop", "root"].as_slice(), "drop"),
        (&["ledger", "path"], "state/ledger.db"),
        (&["ledger", "originals"], "state/originals"),
        (&["registrar", "embedded", "path"], "state/registry.db"),
    ];
    for (key, below) in paths {
        let path = dir.join(below);
        let text = path.to_str().ok_or_else(|| InitError::NotText { path: path.clone() })?;
        set(&mut document, key, text);
    }
    let text = document.to_string();
    let introduction = "# devicedrop: the reference configuration. ";
    Ok(text.replacen(introduction, "# The configuration of devicedrop, written by `devicedrop init`. ", 1))
}

/// Sets a value that is there, with the comments around it kept.
fn set(document: &mut DocumentMut, key: &[&str], text: &str) {
    let Some((last, tables)) = key.split_last() else { return };
    let table = tables.iter().try_fold(document.as_table_mut(), |table, name| table.get_mut(name)?.as_table_mut());
    if let Some(value) = table.and_then(|table| table.get_mut(last)).and_then(toml_edit::Item::as_value_mut) {
        let decor = value.decor().clone();
        *value = text.into();
        *value.decor_mut() = decor;
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), InitError> {
    let failed = |source| InitError::Make { path: path.to_owned(), source };
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        // Folders above the one that was asked for get the usual permissions.
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path).map_err(failed),
        other => other.map_err(failed),
    }
}

fn shown_path(path: &Path) -> String {
    shown(&path.display().to_string()).to_string()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = shown_path(path);
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+,:@%".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Printed;
    use crate::config::{Listen, Lookup, RegistrarKind};
    use insta::assert_snapshot;

    fn lookup(config: PathBuf) -> Lookup {
        Lookup { given: Some(config), environment: None, user: None, system: "/nowhere".into(), data: None }
    }

    #[test]
    fn what_it_writes_can_be_loaded_and_speaks_of_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("new/it's mine");
        let mut printed = Printed::default();
        run(&dir, &mut printed.output(100)).expect("made");
        let told = printed.out().replace(&folder.path().display().to_string(), "TMP");
        assert_snapshot!(told, @r"
        TMP/new/it's mine/devicedrop.toml: written
        TMP/new/it's mine/samples/devices.csv: written
        TMP/new/it's mine/samples/inventory.csv: written

        Next, the daemon, and in a second terminal the inventory and a file:

          devicedrop --config 'TMP/new/it'\''s mine/devicedrop.toml' run

          devicedrop --config 'TMP/new/it'\''s mine/devicedrop.toml' registry import 'TMP/new/it'\''s mine/samples/inventory.csv'
          cp 'TMP/new/it'\''s mine/samples/devices.csv' 'TMP/new/it'\''s mine/drop/contoso'
          devicedrop --config 'TMP/new/it'\''s mine/devicedrop.toml' status
        ");

        let config = lookup(dir.join("devicedrop.toml")).load().expect("a good one");
        assert_eq!(config.drop.root, dir.join("drop"));
        assert_eq!(config.ledger.path, dir.join("state/ledger.db"));
        assert_eq!(config.ledger.originals, dir.join("state/originals"));
        assert_eq!(config.registrar.embedded.path, dir.join("state/registry.db"));
        assert_eq!(config.registrar.kind, RegistrarKind::Embedded);
        assert_ne!(config.web.listen, Listen::Off);
        assert!(dir.join("drop/contoso").is_dir());
        assert!(!config.ledger.path.exists(), "only run and demo make a ledger");
        let text = fs::read_to_string(dir.join("devicedrop.toml")).expect("text");
        assert!(text.contains("# Folders inside a drop folder"), "comments are kept");
    }

    #[test]
    fn what_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("devicedrop.toml"), "locale = 'nl'\n").expect("written");
        let mut printed = Printed::default();
        run(folder.path(), &mut printed.output(100)).expect("made");
        let text = fs::read_to_string(folder.path().join("devicedrop.toml")).expect("text");
        assert_eq!(text, "locale = 'nl'\n");
        assert!(printed.out().contains("there already"));
    }
}
