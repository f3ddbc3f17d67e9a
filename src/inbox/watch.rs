//! File events, which ring bells and nothing else: they get lost, and on shares there are none. The scan finds all.
//!
//! One watcher for all folders of all customers, since a user may have few. Every folder is watched by itself:
//! recursive watching misses what is put into new folders.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::name::{self, Ignored, Kind};
use devicedrop_core::plan::FolderId;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RemoveKind};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

/// A watcher that is spoken to for so long hangs: on a local disk it takes microseconds.
const STUCK: Duration = Duration::from_secs(1);

/// Rung for a customer whose folder may have changed. Called for every event, so it must be quick and must not block.
pub type Bell = Arc<dyn Fn(&CustomerKey) + Send + Sync>;

/// Watches the drop folders of all customers. Clones are the same watch.
#[derive(Clone)]
pub struct Watch {
    /// Makes a watcher; none where nothing is watched.
    make: Option<Arc<Maker>>,
    shared: Arc<Mutex<Shared>>,
    /// Told when nobody speaks to the watcher any more.
    free: Arc<Condvar>,
}

/// Makes a watcher that tells the shared state what it hears.
type Maker = dyn Fn(&Arc<Mutex<Shared>>) -> notify::Result<Box<dyn Watcher + Send>> + Send + Sync;

/// One watcher. Locked while it is spoken to, for ever perhaps: a share that hangs makes whoever speaks of a folder on
/// it hang. Never taken by the handler: the watcher waits for its thread.
type Speaker = Arc<Mutex<Box<dyn Watcher + Send>>>;

/// What the handler needs too. Locked for moments only, never while the watcher is spoken to.
#[derive(Default)]
struct Shared {
    bell: Option<Bell>,
    watcher: Option<Speaker>,
    /// Who speaks to the watcher, and since when.
    speaking: Option<(CustomerKey, Duration)>,
    armed: HashMap<PathBuf, Armed>,
    /// Whose folders made the watcher hang. They are scanned only.
    hung: HashSet<CustomerKey>,
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

/// The system's watcher.
fn of_the_system(shared: &Arc<Mutex<Shared>>) -> notify::Result<Box<dyn Watcher + Send>> {
    let heard = Arc::clone(shared);
    let handler = move |event: notify::Result<Event>| hear(&heard, &event);
    let watcher = RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))?;
    Ok(Box::new(watcher))
}

impl Watch {
    /// Watches nothing yet. Where the system allows no watching, this works all the same and never rings.
    pub fn new(bell: Bell) -> Self {
        Self::made_by(bell, Arc::new(of_the_system))
    }

    /// Watches nothing, ever.
    pub fn off() -> Self {
        Self { make: None, shared: Arc::default(), free: Arc::default() }
    }

    fn made_by(bell: Bell, make: Arc<Maker>) -> Self {
        let shared = Arc::new(Mutex::new(Shared { bell: Some(bell), ..Shared::default() }));
        let watch = Self { make: Some(make), shared, free: Arc::default() };
        watch.renew();
        watch
    }

    /// Begins with a new watcher, which watches nothing yet. The old one is left to whoever waits for it.
    fn renew(&self) {
        let Some(make) = &self.make else { return };
        let watcher = make(&self.shared).map_err(|error| give_up(&self.shared, &error)).ok();
        let mut shared = lock(&self.shared);
        let old = std::mem::replace(&mut shared.watcher, watcher.map(|watcher| Arc::new(Mutex::new(watcher))));
        shared.speaking = None;
        shared.armed.clear();
        drop(shared);
        drop(old);
        self.free.notify_one();
    }

    /// Makes sure that this folder of the customer is watched, and not another one that lay at its path before.
    ///
    /// A customer of whose folder the watcher can't be told, since its share hangs, loses the watcher to the others,
    /// who wait for a moment at most. `now` is of the monotonic clock.
    pub fn arm(&self, customer: &CustomerKey, folder: &Path, id: FolderId, now: Duration) {
        let mut shared = self.replace_if(lock(&self.shared), |since| now.saturating_sub(since) >= STUCK);
        if shared.armed.get(folder).is_some_and(|armed| armed.id == id) || shared.hung.contains(customer) {
            return;
        }
        let waited = self.free.wait_timeout_while(shared, STUCK, |shared| shared.speaking.is_some());
        let (free, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        shared = self.replace_if(free, |_| waited.timed_out());
        let Some(watcher) = shared.watcher.clone() else { return };
        shared.speaking = Some((customer.clone(), now));
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
        let mut spoken_to = lock(&watcher);
        for path in &old {
            // It may have gone by itself.
            spoken_to.unwatch(path).ok();
        }
        let done = spoken_to.watch(folder, RecursiveMode::NonRecursive);
        drop(spoken_to);
        let mut shared = lock(&self.shared);
        // If it took too long, another watcher is in its place, which knows nothing of this folder.
        if !shared.watcher.as_ref().is_some_and(|present| Arc::ptr_eq(present, &watcher)) {
            return;
        }
        shared.speaking = None;
        self.free.notify_one();
        match done {
            Ok(()) => {
                let armed = Armed { customer: customer.clone(), id };
                shared.armed.insert(folder.to_owned(), armed);
            }
            Err(error) => {
                drop(shared);
                give_up(&self.shared, &error);
            }
        }
    }

    /// Puts another watcher in the place of one that is spoken to and `is_stuck`, and has all customers look, so that
    /// their folders are watched by the new one.
    fn replace_if<'a>(
        &'a self,
        mut shared: MutexGuard<'a, Shared>,
        is_stuck: impl Fn(Duration) -> bool,
    ) -> MutexGuard<'a, Shared> {
        let Some((customer, _)) = shared.speaking.take_if(|(_, since)| is_stuck(*since)) else { return shared };
        tracing::warn!(customer = %customer, "watching a drop folder for file events hangs; it is scanned");
        shared.hung.insert(customer);
        let (concerned, bell) = (everybody(&shared), shared.bell.clone());
        drop(shared);
        self.renew();
        for customer in concerned {
            if let Some(bell) = &bell {
                bell(&customer);
            }
        }
        lock(&self.shared)
    }

    /// Stops watching all folders of the customer.
    pub fn forget(&self, customer: &CustomerKey) {
        let mut gone = Vec::new();
        let mut shared = lock(&self.shared);
        shared.hung.remove(customer);
        shared.armed.retain(|path, armed| {
            let stays = armed.customer != *customer;
            if !stays {
                gone.push(path.clone());
            }
            stays
        });
        let watcher = shared.watcher.clone();
        drop(shared);
        // One that is being spoken to keeps the watches; what they tell concerns nobody.
        let Some(Ok(mut watcher)) = watcher.as_ref().map(|watcher| watcher.try_lock()) else { return };
        for path in gone {
            watcher.unwatch(&path).ok();
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

    const NOW: Duration = Duration::ZERO;

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
        watch.arm(&key("one"), one.path(), id(one.path()), NOW);
        watch.arm(&key("two"), two.path(), id(two.path()), NOW);
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
            watch.arm(&key("one"), &drop_folder, id(&drop_folder), NOW);
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
        watch.arm(&key("one"), &before, id(&before), NOW);
        std::fs::rename(&before, &after).unwrap();
        watch.arm(&key("one"), &after, id(&after), NOW);
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
        watch.arm(&key("one"), folder.path(), id(folder.path()), NOW);
        watch.forget(&key("one"));
        assert_eq!(watch.describe(), "scanning");
    }

    /// Hangs for ever on some folders.
    struct Hanging(Arc<Mutex<Vec<PathBuf>>>);

    impl Watcher for Hanging {
        fn new<F: notify::EventHandler>(_: F, _: Config) -> notify::Result<Self> {
            Err(notify::Error::generic("not to be made like this"))
        }

        fn watch(&mut self, path: &Path, _: RecursiveMode) -> notify::Result<()> {
            lock(&self.0).push(path.to_owned());
            while path == Path::new("/hung") {
                std::thread::park();
            }
            Ok(())
        }

        fn unwatch(&mut self, _: &Path) -> notify::Result<()> {
            Ok(())
        }

        fn kind() -> notify::WatcherKind {
            notify::WatcherKind::NullWatcher
        }
    }

    #[test]
    fn a_share_that_hangs_keeps_nobody_else_from_being_watched() {
        let watched: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let told = Arc::clone(&watched);
        let (bell, rings) = bell();
        let make = move |_: &Arc<Mutex<Shared>>| -> notify::Result<Box<dyn Watcher + Send>> {
            Ok(Box::new(Hanging(Arc::clone(&told))))
        };
        let watch = Watch::made_by(bell, Arc::new(make));
        let id = |ino| FolderId { dev: 1, ino };
        watch.arm(&key("well"), Path::new("/well"), id(1), NOW);
        let hanging = watch.clone();
        // It is never heard of again; the process ends without it.
        std::thread::spawn(move || hanging.arm(&key("hung"), Path::new("/hung"), id(2), NOW));
        while !lock(&watched).iter().any(|path| path == Path::new("/hung")) {
            std::thread::yield_now();
        }
        // Nobody waits who is watched already, and nobody else for long.
        watch.arm(&key("well"), Path::new("/well"), id(1), NOW);
        watch.arm(&key("late"), Path::new("/late"), id(3), NOW);
        assert_eq!(rings.try_iter().collect::<Vec<_>>(), [key("well")], "to be watched by the new watcher");
        watch.arm(&key("well"), Path::new("/well"), id(1), NOW);
        let all = ["/well", "/hung", "/late", "/well"].map(PathBuf::from);
        assert_eq!(*lock(&watched), all);
        // It isn't given the new one to hang as well.
        watch.arm(&key("hung"), Path::new("/hung"), id(2), NOW);
        assert_eq!(lock(&watched).len(), all.len());
    }

    #[test]
    fn a_watcher_that_hangs_is_replaced_by_whoever_looks_next() {
        let (bell, _rings) = bell();
        let watch = Watch::new(bell);
        let folder = tempfile::tempdir().unwrap();
        watch.arm(&key("well"), folder.path(), id(folder.path()), NOW);
        lock(&watch.shared).speaking = Some((key("hung"), NOW));
        watch.arm(&key("well"), folder.path(), id(folder.path()), STUCK / 2);
        assert!(lock(&watch.shared).speaking.is_some());
        watch.arm(&key("well"), folder.path(), id(folder.path()), STUCK);
        assert!(lock(&watch.shared).speaking.is_none());
        assert!(lock(&watch.shared).armed.contains_key(folder.path()), "by the new one");
    }
}
