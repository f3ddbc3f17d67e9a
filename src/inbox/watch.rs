//! File events, which ring bells and nothing else: they get lost, and on shares there are none. The scan finds all.
//!
//! One watcher for all folders of all customers, since a user may have few. Every folder is watched by itself:
//! recursive watching misses what is put into new folders.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::name::{self, Ignored, Kind};
use devicedrop_core::plan::FolderId;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RemoveKind};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

/// Rung for a customer whose folder may have changed. Called for every event, so it must be quick and must not block.
pub type Bell = Arc<dyn Fn(&CustomerKey) + Send + Sync>;

/// Watches the drop folders of all customers. Clones are the same watch.
#[derive(Clone)]
pub struct Watch {
    /// Locked while the watcher is spoken to. Never taken by the handler: the watcher waits for its thread.
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
    shared: Arc<Mutex<Shared>>,
}

/// What the handler needs too. Locked for moments only, never while the watcher is spoken to.
#[derive(Default)]
struct Shared {
    bell: Option<Bell>,
    armed: HashMap<PathBuf, Armed>,
    /// Why there are no file events, or not for all folders.
    trouble: Option<String>,
}

struct Armed {
    customer: CustomerKey,
    id: FolderId,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("folders", &lock(&self.shared).armed.len()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is only a hint; the scan makes up for anything missing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Watches nothing yet. Where the system allows no watching, this works all the same and never rings.
    pub fn new(bell: Bell) -> Self {
        let shared = Arc::new(Mutex::new(Shared { bell: Some(bell), ..Shared::default() }));
        let heard = Arc::clone(&shared);
        let handler = move |event: notify::Result<Event>| hear(&heard, &event);
        let watcher = RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))
            .map_err(|error| give_up(&shared, &error))
            .ok();
        Self { watcher: Arc::new(Mutex::new(watcher)), shared }
    }

    /// Watches nothing, ever.
    pub fn off() -> Self {
        Self { watcher: Arc::default(), shared: Arc::default() }
    }

    /// Makes sure that this folder of the customer is watched, and not another one that lay at its path before.
    pub fn arm(&self, customer: &CustomerKey, folder: &Path, id: FolderId) {
        let mut watcher = lock(&self.watcher);
        let Some(watcher) = watcher.as_mut() else { return };
        let mut shared = lock(&self.shared);
        if shared.armed.get(folder).is_some_and(|armed| armed.id == id) {
            return;
        }
        // The system has one watch for a folder whatever its path: the one by its old path goes first.
        let mut old: Vec<PathBuf> =
            shared.armed.iter().filter(|(_, armed)| armed.id == id).map(|(path, _)| path.clone()).collect();
        if shared.armed.contains_key(folder) {
            old.push(folder.to_owned());
        }
        for path in &old {
            shared.armed.remove(path);
        }
        drop(shared);
        for path in &old {
            // It may have gone by itself.
            watcher.unwatch(path).ok();
        }
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                let armed = Armed { customer: customer.clone(), id };
                lock(&self.shared).armed.insert(folder.to_owned(), armed);
            }
            Err(error) => give_up(&self.shared, &error),
        }
    }

    /// Stops watching all folders of the customer.
    pub fn forget(&self, customer: &CustomerKey) {
        let mut watcher = lock(&self.watcher);
        let mut gone = Vec::new();
        lock(&self.shared).armed.retain(|path, armed| {
            let stays = armed.customer != *customer;
            if !stays {
                gone.push(path.clone());
            }
            stays
        });
        for path in gone {
            watcher.as_mut().and_then(|watcher| watcher.unwatch(&path).ok());
        }
    }

    /// How the folders are watched, for people.
    pub fn describe(&self) -> String {
        let shared = lock(&self.shared);
        match (&shared.trouble, &shared.bell) {
            (Some(trouble), _) => format!("scanning; not all file events ({trouble})"),
            (None, Some(_)) => "file events and scanning".to_owned(),
            (None, None) => "scanning".to_owned(),
        }
    }
}

/// Says once that there are no events, or not for all folders. Scanning goes on, so nothing is lost but time.
fn give_up(shared: &Mutex<Shared>, error: &notify::Error) {
    let trouble = match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the system's limit on watches is reached: raise fs.inotify.max_user_watches".to_owned()
        }
        notify::ErrorKind::PathNotFound => return, // it went away again; the scan says so
        _ => error.to_string(),
    };
    let mut shared = lock(shared);
    if shared.trouble.is_none() {
        tracing::warn!(reason = trouble, "file events are not to be had for all folders; they are scanned");
        shared.trouble = Some(trouble);
    }
}

/// Rings for whom an event may concern.
fn hear(shared: &Mutex<Shared>, event: &notify::Result<Event>) {
    let mut shared = lock(shared);
    let Some(bell) = shared.bell.clone() else { return };
    let concerned: Vec<CustomerKey> = match event {
        Ok(event) if !event.need_rescan() && !matters(event.kind) => return,
        Ok(event) if !event.need_rescan() && is_of_no_concern(&shared, &event.paths) => return,
        Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
            let of = |path: &PathBuf| shared.armed.get(path).or_else(|| shared.armed.get(path.parent()?));
            let found: Option<Vec<_>> = event.paths.iter().map(|path| Some(of(path)?.customer.clone())).collect();
            // One that isn't known may be any customer's.
            let found = found.unwrap_or_else(|| everybody(&shared));
            for path in event.paths.iter().filter(|_| tells_of_the_folder(event.kind)) {
                // Whatever lies there next must be watched anew.
                shared.armed.remove(path);
            }
            found
        }
        Ok(_) | Err(_) => everybody(&shared),
    };
    drop(shared);
    for customer in concerned {
        bell(&customer);
    }
}

/// Whether an event is only about names from which nothing is taken: our own results above all, each of which would
/// else begin a walk over all that lies there. Who changes a result is heard at the next scan.
fn is_of_no_concern(shared: &Shared, paths: &[PathBuf]) -> bool {
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let aside = matches!(name::classify(name), Kind::OurOutput | Kind::Ignored(Ignored::LeadingDot));
        let in_armed = path.parent().is_some_and(|folder| shared.armed.contains_key(folder));
        aside && in_armed && !shared.armed.contains_key(path)
    };
    !paths.is_empty() && paths.iter().all(is_aside)
}

fn everybody(shared: &Shared) -> Vec<CustomerKey> {
    let mut all: Vec<CustomerKey> = shared.armed.values().map(|armed| armed.customer.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// Whether an event says that something changed. Reading doesn't, or our own scan would ring the bell for ever.
fn matters(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => {
            true
        }
    }
}

/// Whether an event may be the last that is heard of a watched folder.
fn tells_of_the_folder(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Remove(RemoveKind::Folder | RemoveKind::Any | RemoveKind::Other)
            | EventKind::Modify(ModifyKind::Name(_))
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;

    /// How long a test waits for a bell that must ring; it never waits for one that must not.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn key(text: &str) -> CustomerKey {
        CustomerKey::parse(text).unwrap()
    }

    fn bell() -> (Bell, Receiver<CustomerKey>) {
        let (rang, rings) = channel();
        let rang = Mutex::new(rang);
        (Arc::new(move |customer: &CustomerKey| drop(lock(&rang).send(customer.clone()))), rings)
    }

    fn id(path: &Path) -> FolderId {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).unwrap();
        FolderId { dev: found.dev(), ino: found.ino() }
    }

    #[test]
    fn a_dropped_file_rings_its_customers_bell() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (bell, rings) = bell();
        let watch = Watch::new(bell);
        watch.arm(&key("one"), one.path(), id(one.path()));
        watch.arm(&key("two"), two.path(), id(two.path()));
        std::fs::write(two.path().join("x.csv"), "x").unwrap();
        assert_eq!(rings.recv_timeout(PATIENCE).unwrap(), key("two"));
        assert_eq!(watch.describe(), "file events and scanning");
    }

    #[test]
    fn a_folder_that_was_made_anew_is_watched_anew() {
        let outer = tempfile::tempdir().unwrap();
        let drop_folder = outer.path().join("drop");
        let (bell, rings) = bell();
        let watch = Watch::new(bell);
        for _ in 0..3 {
            std::fs::create_dir(&drop_folder).unwrap();
            watch.arm(&key("one"), &drop_folder, id(&drop_folder));
            std::fs::write(drop_folder.join("x.csv"), "x").unwrap();
            rings.recv_timeout(PATIENCE).unwrap();
            std::fs::remove_dir_all(&drop_folder).unwrap();
            // Its end is heard before it is armed again, even if it gets the same inode.
            while lock(&watch.shared).armed.contains_key(&drop_folder) {
                rings.recv_timeout(PATIENCE).unwrap();
            }
            while rings.try_recv().is_ok() {}
        }
    }

    #[test]
    fn a_renamed_folder_is_heard_under_its_new_name() {
        let outer = tempfile::tempdir().unwrap();
        let (before, after) = (outer.path().join("before"), outer.path().join("after"));
        std::fs::create_dir(&before).unwrap();
        let (bell, rings) = bell();
        let watch = Watch::new(bell);
        watch.arm(&key("one"), &before, id(&before));
        std::fs::rename(&before, &after).unwrap();
        watch.arm(&key("one"), &after, id(&after));
        std::fs::write(after.join("x.csv"), "x").unwrap();
        rings.recv_timeout(PATIENCE).unwrap();
    }

    #[test]
    fn a_lost_event_rings_all_bells_and_reading_rings_none() {
        let shared = Mutex::new(Shared::default());
        let (bell, rings) = bell();
        lock(&shared).bell = Some(bell);
        let id = FolderId { dev: 1, ino: 1 };
        lock(&shared).armed.insert("/a".into(), Armed { customer: key("a"), id });
        lock(&shared).armed.insert("/b".into(), Armed { customer: key("b"), id });
        hear(&shared, &Ok(Event::new(EventKind::Access(AccessKind::Open(AccessMode::Any))).add_path("/a/x".into())));
        assert!(rings.try_recv().is_err());
        hear(&shared, &Ok(Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)));
        assert_eq!(rings.try_iter().collect::<Vec<_>>(), [key("a"), key("b")]);
        hear(&shared, &Err(notify::Error::generic("broken")));
        assert_eq!(rings.try_iter().count(), 2);
        hear(&shared, &Ok(Event::new(EventKind::Any).add_path("/a/x".into())));
        assert_eq!(rings.try_iter().collect::<Vec<_>>(), [key("a")]);
    }

    #[test]
    fn our_own_results_ring_no_bell() {
        let shared = Mutex::new(Shared::default());
        let (bell, rings) = bell();
        lock(&shared).bell = Some(bell);
        let id = FolderId { dev: 1, ino: 1 };
        lock(&shared).armed.insert("/a".into(), Armed { customer: key("a"), id });
        let heard = |paths: &[&str]| {
            let event = paths.iter().fold(Event::new(EventKind::Any), |event, path| event.add_path(path.into()));
            hear(&shared, &Ok(event));
            rings.try_iter().count() > 0
        };
        assert!(!heard(&["/a/x.result.csv"]));
        assert!(!heard(&["/a/.devicedrop-0011223344556677.tmp", "/a/x.result.csv"]));
        assert!(heard(&["/a/.upload.part", "/a/x.csv"]));
        assert!(heard(&["/a/x.csv.done"]));
        // Of folders that aren't known, nothing is.
        assert!(heard(&["/b/x.result.csv"]));
    }

    #[test]
    fn without_watching_nothing_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::off();
        watch.arm(&key("one"), folder.path(), id(folder.path()));
        watch.forget(&key("one"));
        assert_eq!(watch.describe(), "scanning");
    }
}
