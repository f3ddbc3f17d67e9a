//! Who is a customer now: by the configuration, or by the folders in the root.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::shown::shown_bytes;
use rustix::fs::{Dir, FileType};

use crate::beneath::{self, PathError};
use crate::config::{Config, CustomerSettings, CustomersFrom};
use crate::inbox::Offline;

use super::elders;

/// Why folders are left alone of which nobody can tell which one is the customer's.
const UNTOLD: &str = "another one differs from it in capital letters alone, and which of them was there first can't be \
                      told, since one of them doesn't answer: look after its share, or take one of them away";

/// Who is a customer, and what lies in the root besides.
pub(crate) struct Roster {
    /// The customers; none when the root can't be listed and nobody can be told from it.
    pub(crate) customers: Option<Vec<CustomerSettings>>,
    /// Why the root can't be listed, if that is why.
    pub(crate) unlisted: Option<String>,
    /// Folders in the root that are nobody's, as they may be shown, and why.
    pub(crate) strangers: BTreeMap<String, String>,
}

/// Finds out who is a customer. Blocks while the root is listed.
pub(crate) fn customers(config: &Config) -> Roster {
    let mut strangers = BTreeMap::new();
    let mut customers: BTreeMap<CustomerKey, CustomerSettings> = config.customers.clone();
    let (listed, unlisted) = match list(config) {
        Ok(listed) => (listed, None),
        Err(error) => (Listed::default(), Some(Offline::from(error).to_string())),
    };
    let Listed { folders, untold, links } = listed;
    let mut folded: HashMap<String, CustomerKey> = customers.keys().map(|key| (key.folded(), key.clone())).collect();
    for name in links.iter().filter(|name| !is_configured(config, name)) {
        strangers.insert(
            shown_bytes(name.as_bytes()).to_string(),
            "it is a link, and links are never followed: put the folder itself there, or name it in the customer's \
             `folder`"
                .to_owned(),
        );
    }
    for name in untold {
        strangers.insert(shown_bytes(name.as_bytes()).to_string(), UNTOLD.to_owned());
    }
    for name in &folders {
        let told = shown_bytes(name.as_bytes()).to_string();
        let key = match name.to_str().map(CustomerKey::parse) {
            Some(Ok(key)) => key,
            Some(Err(error)) => {
                strangers.insert(told, error.to_string());
                continue;
            }
            None => {
                strangers.insert(told, "its name is not UTF-8".to_owned());
                continue;
            }
        };
        if customers.contains_key(&key) {
            continue;
        }
        if config.drop.customers == CustomersFrom::Configured {
            strangers
                .insert(told, format!("it belongs to no customer: devicedrop customer add '{key}' makes it one"));
        } else if let Some(other) = folded.get(&key.folded()) {
            strangers.insert(told, format!("it differs from the customer {other} in capital letters alone"));
        } else {
            folded.insert(key.folded(), key.clone());
            customers.insert(key.clone(), config.customer_defaults(&key));
        }
    }
    let known = config.drop.customers == CustomersFrom::Configured || unlisted.is_none();
    Roster {
        customers: known.then(|| customers.into_values().collect()),
        unlisted: unlisted.filter(|_| !known),
        strangers,
    }
}

/// Whether a name in the root is a configured customer's key: what is wrong with his folder is told elsewhere.
fn is_configured(config: &Config, name: &OsStr) -> bool {
    let key = name.to_str().and_then(|name| CustomerKey::parse(name).ok());
    key.is_some_and(|key| config.customers.contains_key(&key))
}

/// What lies in the root, but for what is hidden or set aside.
#[derive(Default)]
struct Listed {
    /// Folders, of those that differ in capitals alone the oldest first.
    folders: Vec<OsString>,
    /// Folders of which that can't be told, since one of them hangs.
    untold: Vec<OsString>,
    /// Links.
    links: Vec<OsString>,
}

/// Lists the root.
fn list(config: &Config) -> Result<Listed, PathError> {
    let root = beneath::open_path(&config.drop.root)?;
    let (mut names, mut links) = (Vec::new(), Vec::new());
    let unread = |error: rustix::io::Errno| PathError::Io(error.into());
    for entry in Dir::read_from(&root).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = entry.file_name().to_bytes();
        if matches!(name.first(), Some(b'.' | b'_')) || name == b"lost+found" {
            continue;
        }
        // What it is stands in the root itself, mostly. A folder isn't looked at for it: its share may hang.
        let kind = match entry.file_type() {
            FileType::Unknown => beneath::look(root.as_fd(), name).map_or(FileType::Unknown, |looked| looked.kind),
            known => known,
        };
        // A link isn't a folder here: nobody becomes a customer by pointing at somebody else's files.
        if kind == FileType::Symlink {
            links.push(OsString::from_vec(name.to_vec()));
        } else if kind == FileType::Directory {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    let (folders, untold) = by_age(config, names);
    Ok(Listed { folders, untold, links })
}

/// Of folders that differ in capitals alone the older one is the customer: one that is made later must not put another
/// one's out of service. Those of which that can't be told stand apart.
fn by_age(config: &Config, names: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    // Nobody is told by his folder, or by the one that is older.
    if config.drop.customers == CustomersFrom::Configured {
        return (names, Vec::new());
    }
    let folded = |name: &OsStr| name.to_str().and_then(|name| CustomerKey::parse(name).ok()).map(|key| key.folded());
    let configured: Vec<String> = config.customers.keys().map(CustomerKey::folded).collect();
    let mut alike: BTreeMap<String, Vec<OsString>> = BTreeMap::new();
    let mut folders = Vec::with_capacity(names.len());
    for name in names {
        match folded(&name).filter(|folded| !configured.contains(folded)) {
            Some(folded) => alike.entry(folded).or_default().push(name),
            None => folders.push(name),
        }
    }
    let mut untold = Vec::new();
    for same in alike.into_values() {
        if same.len() == 1 {
            folders.extend(same);
            continue;
        }
        let ages: Option<Vec<_>> = same.iter().map(|name| elders::made(&config.drop.root.join(name))).collect();
        let Some(ages) = ages else {
            untold.extend(same);
            continue;
        };
        let mut oldest_first: Vec<_> =
            ages.into_iter().zip(same).map(|(made, name)| (made.is_none(), made, name)).collect();
        oldest_first.sort();
        folders.extend(oldest_first.into_iter().map(|(_, _, name)| name));
    }
    (folders, untold)
}
