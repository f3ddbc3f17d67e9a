//! `customer add` and `customer list`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::CustomerKey;
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, value};

use crate::cli::args::CustomerAddArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::{
    Completeness, Config, ConfigError, CustomerSettings, CustomersFrom, OrderRule, Source, look_patiently,
};
use crate::durable::{self, DurableError};
use devicedrop_core::shown::{shown, shown_bytes};

/// Why a customer couldn't be added or listed.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    /// It is one already.
    #[error("{0} has a section in the configuration already")]
    Known(CustomerKey),
    /// A folder differs from the key in capital letters alone.
    #[error("there is a folder {found:?} already, which differs in capital letters alone")]
    Capitals {
        /// The folder's name.
        found: String,
    },
    /// There is no file that a section could go into.
    #[error("there is no configuration to write the customer's settings into")]
    NoConfiguration,
    /// The file isn't as it was when it was read.
    #[error("the configuration {} changed meanwhile", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be taken apart.
    #[error("can't add to the configuration {}", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// Why.
        source: toml_edit::TomlError,
    },
    /// `customers` stands there, and isn't a table with sections.
    #[error("`customers` is written in one line in {}, so that no section can be added", path.display())]
    Inline {
        /// The file.
        path: PathBuf,
    },
    /// The configuration would no longer be one.
    #[error("with this customer the configuration couldn't be used")]
    Invalid(#[source] ConfigError),
    /// The configuration can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: DurableError,
    },
    /// A file or folder can't be read or written.
    #[error("can't {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CustomerError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Known(_) => Some("change its section there; a running daemon takes it up by itself".to_owned()),
            Self::NoConfiguration => Some("devicedrop init writes one".to_owned()),
            Self::Changed { .. } => Some("the same command again".to_owned()),
            Self::Inline { .. } => Some("write each customer as a section of its own: [customers.KEY]".to_owned()),
            Self::Io { source, .. } | Self::Write { source: DurableError::Create(source), .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("the same command with sudo".to_owned())
            }
            _ => None,
        }
    }
}

/// Adds a customer: the folder first, so that a configuration never names one that isn't there.
pub fn add(context: &Context, args: &CustomerAddArgs, output: &mut Output) -> Result<(), CliError> {
    let (config, key) = (&context.config, &args.key);
    if config.customers.contains_key(key) {
        return Err(CustomerError::Known(key.clone()).into());
    }
    refuse_capitals(config, key)?;
    let edited = match &config.source {
        Source::File { path, text, .. } => Some((path, edited(context, path, text, args)?)),
        Source::Defaults if args.name.is_some() || args.tenant_id.is_some() => {
            return Err(CustomerError::NoConfiguration.into());
        }
        // Where every folder is a customer, the folder is all it takes.
        Source::Defaults => None,
    };
    let folder = config.customer_defaults(key).folder;
    let made = make_folder(&config.drop.root, &folder)?;
    let what = if made { "made" } else { "there already" };
    output.line(format_args!("{}: {what}", shown(&folder.display().to_string())))?;
    if let Some((path, text)) = edited {
        refuse_if_changed(&config.source)?;
        let failed = |source| CustomerError::Write { path: path.clone(), source };
        durable::replace_whole(path, text.as_bytes()).map_err(failed)?;
        output.line(format_args!("{}: [customers.{}] added", shown(&path.display().to_string()), quoted(key)))?;
    }
    Ok(())
}

fn refuse_capitals(config: &Config, key: &CustomerKey) -> Result<(), CustomerError> {
    let names = folders_in(&config.drop.root)?;
    match names.into_iter().find(|name| *name != key.as_str() && name.to_lowercase() == key.folded()) {
        Some(found) => Err(CustomerError::Capitals { found }),
        None => Ok(()),
    }
}

/// The configuration's text with the customer's section, checked.
fn edited(context: &Context, path: &Path, text: &str, args: &CustomerAddArgs) -> Result<String, CustomerError> {
    let mut document: DocumentMut =
        text.parse().map_err(|source| CustomerError::Edit { path: path.to_owned(), source })?;
    // What stands at the end of the file (the reference configuration explains sections there) stays above the first.
    let first = !document.contains_key("customers");
    let above = if first { document.trailing().as_str().unwrap_or_default().to_owned() } else { String::new() };
    if first {
        document.set_trailing("");
    }
    let customers = document.entry("customers").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let customers = customers.as_table_mut().ok_or_else(|| CustomerError::Inline { path: path.to_owned() })?;
    let mut section = Table::new();
    for (name, text) in [("name", &args.name), ("tenant_id", &args.tenant_id)] {
        if let Some(text) = text {
            section.insert(name, value(text.as_str()));
        }
    }
    let end_of_line = if above.is_empty() || above.ends_with('\n') { "" } else { "\n" };
    section.decor_mut().set_prefix(format!("{above}{end_of_line}\n"));
    customers.insert(args.key.as_str(), Item::Table(section));
    let text = document.to_string();
    context.lookup.check(path, text.as_bytes()).map_err(CustomerError::Invalid)?;
    Ok(text)
}

/// Makes a customer's folder with the root's permissions and owner, so that whoever may drop there may drop here.
fn make_folder(root: &Path, folder: &Path) -> Result<bool, CustomerError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| CustomerError::Io { what, path, source }
    };
    fs::create_dir_all(root).map_err(failed("make", root))?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(false),
        made => made.map_err(failed("make", folder))?,
    }
    let like = fs::metadata(root).map_err(failed("look at", root))?;
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder, Some(like.uid()), Some(like.gid())).map_err(failed("give away", folder))?;
    }
    fs::set_permissions(folder, like.permissions()).map_err(failed("set the permissions of", folder))?;
    Ok(true)
}

/// Somebody's editor may have been quicker.
fn refuse_if_changed(source: &Source) -> Result<(), CustomerError> {
    let Source::File { path, sha256, .. } = source else { return Ok(()) };
    let now = fs::read(path).map_err(|source| CustomerError::Io { what: "read", path: path.clone(), source })?;
    if Sha256::of(&now) == *sha256 { Ok(()) } else { Err(CustomerError::Changed { path: path.clone() }) }
}

/// A key as it stands in a section's head.
fn quoted(key: &CustomerKey) -> String {
    let bare = key.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { key.to_string() } else { format!("\"{key}\"") }
}

/// One line of `customer list`.
#[derive(Debug, Serialize)]
struct Listed {
    customer: String,
    name: String,
    folder: String,
    locale: crate::config::Locale,
    formats: Vec<&'static str>,
    complete: Completeness,
    order: OrderRule,
    paused: bool,
    /// Whether its folder is there; null where the file system doesn't answer.
    folder_exists: Option<bool>,
    /// Why it isn't watched, where it isn't: another customer's folder differs in capital letters alone.
    not_watched: Option<String>,
}

/// Prints the customers: those of the configuration, and those that are one by their folder.
pub fn list(config: &Config, json: bool, output: &mut Output) -> Result<(), CliError> {
    let mut customers = config.customers.clone();
    let mut aside: BTreeMap<CustomerKey, String> = BTreeMap::new();
    if config.drop.customers == CustomersFrom::Folders {
        let names = match folders_in(&config.drop.root) {
            Err(CustomerError::Io { source, .. }) if source.kind() == io::ErrorKind::TimedOut => {
                output.note("the root of the drop folders doesn't answer: only customers with a section are listed");
                Vec::new()
            }
            names => names?,
        };
        for key in names.iter().filter_map(|name| CustomerKey::parse(name).ok()) {
            if customers.contains_key(&key) {
                continue;
            }
            // Of two folders the older one is the customer's, as the daemon has it.
            if let Some(other) = customers.keys().find(|other| other.folded() == key.folded()) {
                let why = format!("not watched: differs from {other} in capital letters alone");
                aside.insert(key.clone(), why);
            } else {
                customers.insert(key.clone(), config.customer_defaults(&key));
            }
        }
    }
    customers.extend(aside.keys().map(|key| (key.clone(), config.customer_defaults(key))));
    let folders: Arc<[PathBuf]> = customers.values().map(|customer| customer.folder.clone()).collect();
    let exist = look_patiently(&folders, Path::is_dir);
    let listed: Vec<Listed> = customers
        .into_values()
        .zip(exist)
        .map(|(customer, exists)| {
            let not_watched = aside.remove(&customer.key);
            listed(customer, exists, not_watched)
        })
        .collect();
    if json {
        listed.iter().try_for_each(|customer| output.json(customer))?;
        return Ok(());
    }
    if listed.is_empty() {
        output.note("no customers yet: devicedrop customer add KEY");
        return Ok(());
    }
    let row = |customer: &Listed| {
        let missing = match customer.folder_exists {
            Some(true) => "",
            Some(false) => " (missing)",
            None => " (doesn't answer)",
        };
        let paused = if customer.paused { "paused" } else { "" };
        let note = customer.not_watched.as_deref().unwrap_or(paused);
        vec![
            customer.customer.clone(),
            customer.name.clone(),
            format!("{}{missing}", customer.folder),
            customer.formats.join(", "),
            note.to_owned(),
        ]
    };
    let rows: Vec<_> = listed.iter().map(row).collect();
    Ok(output.table(&["customer", "name", "folder", "formats", ""], &rows)?)
}

fn listed(settings: CustomerSettings, folder_exists: Option<bool>, not_watched: Option<String>) -> Listed {
    Listed {
        customer: settings.key.to_string(),
        name: settings.name,
        folder_exists,
        not_watched,
        folder: shown_bytes(settings.folder.as_os_str().as_bytes()).to_string(),
        locale: settings.locale,
        formats: settings.formats.iter().map(|format| format.code()).collect(),
        complete: settings.complete,
        order: settings.order,
        paused: settings.paused,
    }
}

/// The names of the folders in the root that are text, the oldest first.
fn folders_in(root: &Path) -> Result<Vec<String>, CustomerError> {
    let seen = look_patiently(&[root.to_owned()].into(), folder_names).pop().flatten();
    let names = seen.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
    names.map_err(|source| CustomerError::Io { what: "list", path: root.to_owned(), source })
}

fn folder_names(root: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            let made = entry.metadata().and_then(|metadata| metadata.created()).ok();
            names.push((made.is_none(), made, name));
        }
    }
    names.sort();
    Ok(names.into_iter().map(|(_, _, name)| name).collect())
}

#[cfg(test)]
mod tests;
