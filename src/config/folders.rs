//! Folders that must not be one another or lie in one another: what is dropped must never reach the record, and
//! one customer's files never another's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use super::{Config, CustomersFrom};

/// What a folder is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    Root,
    State,
    Originals,
    Customer(String),
}

impl Role {
    fn key(&self) -> Vec<String> {
        let key: &[&str] = match self {
            Self::Root => &["drop", "root"],
            Self::State => &["ledger", "path"],
            Self::Originals => &["ledger", "originals"],
            Self::Customer(name) => &["customers", name, "folder"],
        };
        key.iter().map(|part| (*part).to_owned()).collect()
    }

    fn words(&self) -> String {
        match self {
            Self::Root => "the root of the drop folders".to_owned(),
            Self::State => "the ledger's folder".to_owned(),
            Self::Originals => "the folder of the originals".to_owned(),
            Self::Customer(name) => format!("the folder of customer `{name}`"),
        }
    }
}

/// One folder, known by its resolved path and by the device and inode of each folder on the way to it that exists.
#[derive(Debug)]
struct Known {
    role: Role,
    path: PathBuf,
    /// From the folder itself up to the root of the file system.
    identities: Vec<Option<(u64, u64)>>,
}

/// What the file system says of a path: where it leads, and the identities on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    path: PathBuf,
    identities: Vec<Option<(u64, u64)>>,
}

/// How long one folder may take to be looked at. A share that hangs is compared by its path alone then: it must
/// keep neither the daemon nor a command from going on.
const PATIENCE: Duration = Duration::from_millis(500);

fn look(path: &Path) -> Look {
    let path = resolved(path);
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let identities = path.ancestors().map(identity).collect();
    Look { path, identities }
}

/// Looks at all paths; `None` for those on a share that hangs.
pub fn look_patiently<T: Send + 'static>(paths: &Arc<[PathBuf]>, look: fn(&Path) -> T) -> Vec<Option<T>> {
    look_at_all(paths, look, PATIENCE)
}

/// Looks at all paths, each within `patience`; `None` for those that took longer.
fn look_at_all<T: Send + 'static>(
    paths: &Arc<[PathBuf]>,
    look: fn(&Path) -> T,
    patience: Duration,
) -> Vec<Option<T>> {
    let mut found: Vec<Option<T>> = Vec::with_capacity(paths.len());
    while found.len() < paths.len() {
        let (sender, receiver) = sync_channel(1);
        let (from, all) = (found.len(), Arc::clone(paths));
        // Nobody joins it: a thread that hangs in the file system can't be ended, and another takes over behind it.
        let worker = thread::Builder::new().name("folders".to_owned());
        let begun = worker.spawn(move || {
            all.iter().skip(from).map(|path| look(path)).try_for_each(|seen| sender.send(seen).map_err(drop))
        });
        if begun.is_err() {
            found.push(None);
            continue;
        }
        while found.len() < paths.len() {
            let seen = receiver.recv_timeout(patience).ok();
            let hangs = seen.is_none();
            found.push(seen);
            if hangs {
                break;
            }
        }
    }
    found
}

impl Known {
    fn of(role: Role, path: &Path, look: Option<Look>) -> Self {
        let by_path = || Look { path: without_dots(path), identities: Vec::new() };
        let Look { path, identities } = look.unwrap_or_else(by_path);
        Self { role, path, identities }
    }

    fn identity(&self) -> Option<(u64, u64)> {
        self.identities.first().copied().flatten()
    }

    fn is(&self, other: &Self) -> bool {
        self.path == other.path || (self.identity().is_some() && self.identity() == other.identity())
    }

    fn lies_in(&self, other: &Self) -> bool {
        self.path.starts_with(&other.path)
            || (other.identity().is_some() && self.identities.contains(&other.identity()))
    }

    fn lies_directly_in(&self, other: &Self) -> bool {
        self.path.parent() == Some(&other.path)
            || (other.identity().is_some() && self.identities.get(1).copied().flatten() == other.identity())
    }
}

/// Two folders that don't go together.
#[derive(Debug)]
pub(super) struct Conflict {
    /// The keys that name them, the later one of the configuration first.
    pub(super) keys: [Vec<String>; 2],
    /// What is wrong, in words.
    pub(super) what: String,
}

/// What is wrong with the folders of a configuration.
pub(super) fn conflicts(config: &Config) -> Vec<Conflict> {
    let mut places = vec![
        (Role::Root, config.drop.root.clone()),
        (Role::State, config.state_folder().to_owned()),
        (Role::Originals, config.ledger.originals.clone()),
    ];
    let customers = config.customers.values();
    places.extend(customers.map(|customer| (Role::Customer(customer.key.to_string()), customer.folder.clone())));
    let paths: Arc<[PathBuf]> = places.iter().map(|(_, path)| path.clone()).collect();
    let looks = look_patiently(&paths, look);
    let all: Vec<Known> =
        places.into_iter().zip(looks).map(|((role, path), look)| Known::of(role, &path, look)).collect();
    let mut found = Vec::new();
    for (index, later) in all.iter().enumerate() {
        let mut add =
            |earlier: &Known, what| found.push(Conflict { keys: [later.role.key(), earlier.role.key()], what });
        for earlier in all.iter().take(index) {
            if let Some(what) = conflict(earlier, later) {
                add(earlier, what);
            }
        }
        if let Some(what) = strange_name(config, &all, later) {
            add(later, what);
        }
    }
    found
}

fn conflict(earlier: &Known, later: &Known) -> Option<String> {
    if later.is(earlier) {
        let (one, other) = (earlier.role.words(), later.role.words());
        return Some(format!("{} would be both {one} and {other}", later.path.display()));
    }
    let may_lie = |inner: &Known, outer: &Known| match (&inner.role, &outer.role) {
        (Role::Customer(_), Role::Root) => inner.lies_directly_in(outer),
        // Both are ours alone, and the defaults are so.
        (Role::Originals, Role::State) => true,
        _ => false,
    };
    for (inner, outer) in [(later, earlier), (earlier, later)] {
        if inner.lies_in(outer) && !may_lie(inner, outer) {
            let directly = match (&inner.role, &outer.role) {
                (Role::Customer(_), Role::Root) => "; a customer's folder lies directly in the root or outside of it",
                _ => "",
            };
            return Some(format!(
                "{} ({}) lies in {} ({}){directly}",
                inner.path.display(),
                inner.role.words(),
                outer.path.display(),
                outer.role.words()
            ));
        }
    }
    None
}

/// Where every folder of the root is a customer, a folder there that another key claims would have two.
fn strange_name(config: &Config, all: &[Known], known: &Known) -> Option<String> {
    let Role::Customer(key) = &known.role else { return None };
    let root = all.first()?;
    let named_otherwise = known.path.file_name().is_some_and(|name| name != key.as_str());
    (config.drop.customers == CustomersFrom::Folders && known.lies_directly_in(root) && named_otherwise).then(|| {
        format!(
            "{} lies in the root, where every folder is a customer named as the folder; \
             set `drop.customers = \"configured\"`, or take a folder outside of the root",
            known.path.display()
        )
    })
}

/// The path without links and dots, as far as it exists; what doesn't exist yet is taken as it is written.
fn resolved(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for ancestor in path.ancestors() {
        if let Ok(found) = fs::canonicalize(ancestor) {
            return without_dots(&rest.iter().rev().fold(found, |path, part| path.join(part)));
        }
        rest.extend(ancestor.components().next_back().map(|part| part.as_os_str().to_owned()));
    }
    without_dots(path)
}

pub(super) fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hangs at one path, as a share does whose server went away.
    fn hanging(path: &Path) -> Look {
        while path.ends_with("hung") {
            thread::park();
        }
        Look { path: path.to_owned(), identities: Vec::new() }
    }

    #[test]
    fn a_share_that_hangs_is_passed_over() {
        let paths: Arc<[PathBuf]> = ["/a", "/hung", "/b", "/c"].map(PathBuf::from).into();
        let seen = look_at_all(&paths, hanging, Duration::from_millis(200));
        let seen: Vec<_> = seen.into_iter().map(|look| look.map(|look| look.path)).collect();
        assert_eq!(seen, [Some("/a".into()), None, Some("/b".into()), Some("/c".into())]);
    }
}
