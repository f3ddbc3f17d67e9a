//! When folders were made, asked of shares that may hang: of folders that differ in capitals alone the oldest is the
//! customer's.
//!
//! Not here: what follows where it can't be told; that is `roster`'s.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::beneath;

/// How long a folder is waited for, once; as long as it hangs nobody waits for it again.
const PATIENCE: Duration = Duration::from_millis(500);

/// When a folder was made, where its file system tells.
pub(super) type Made = Option<i64>;

/// What is known of one folder.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    asked: bool,
    hangs: bool,
    made: Option<Made>,
}

/// What is known of folders.
#[derive(Debug, Default)]
struct Elders {
    seen: Mutex<BTreeMap<PathBuf, Seen>>,
    told: Condvar,
}

/// For the whole process: a thread that hangs in the file system can't be ended, and there must not be a second one.
static ELDERS: LazyLock<Arc<Elders>> = LazyLock::new(Arc::default);

/// When a folder was made; none if it hangs, and didn't tell before.
pub(super) fn made(folder: &Path) -> Option<Made> {
    ELDERS.ask(folder, PATIENCE, |folder| {
        let (parent, name) = (folder.parent()?, folder.file_name()?);
        let parent = beneath::open_path(parent).ok()?;
        beneath::look(parent.as_fd(), name.as_bytes()).ok()?.stamp.born_ns
    })
}

impl Elders {
    fn ask(
        self: &Arc<Self>,
        folder: &Path,
        patience: Duration,
        look: impl FnOnce(&Path) -> Made + Send + 'static,
    ) -> Option<Made> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.entry(folder.to_owned()).or_default();
        if !known.asked {
            (known.asked, known.hangs) = (true, false);
            let (all, path) = (Arc::clone(self), folder.to_owned());
            let begun = thread::Builder::new().name("elders".to_owned()).spawn(move || all.tell(&path, look(&path)));
            if begun.is_err() {
                known.asked = false;
                return known.made;
            }
        }
        let waits = |seen: &mut BTreeMap<PathBuf, Seen>| seen.get(folder).is_some_and(|one| one.asked && !one.hangs);
        let (mut seen, _) =
            self.told.wait_timeout_while(seen, patience, waits).unwrap_or_else(PoisonError::into_inner);
        let known = seen.get_mut(folder)?;
        known.hangs = known.asked;
        known.made
    }

    fn tell(&self, folder: &Path, made: Made) {
        let known = Seen { asked: false, hangs: false, made: Some(made) };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), known);
        self.told.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    const LONG: Duration = Duration::from_mins(10);

    #[test]
    fn a_folder_that_hangs_is_waited_for_once_and_remembered_by_what_it_told_before() {
        let (elders, folder) = (Arc::new(Elders::default()), Path::new("/nowhere/contoso"));
        let (let_go, held) = sync_channel::<()>(0);
        assert_eq!(elders.ask(folder, Duration::from_millis(1), move |_| held.recv().ok().and(Some(7))), None);
        // It is known to hang: neither asked nor waited for.
        assert_eq!(elders.ask(folder, LONG, |_| unreachable!("asked twice")), None);
        let_go.send(()).unwrap();
        let (never, held) = sync_channel::<()>(0);
        // Whether or not it has told by now, in the end it is asked anew.
        let mut made = None;
        while made.is_none() {
            made = elders.ask(folder, LONG, |_| Some(7));
        }
        assert_eq!(made, Some(Some(7)));
        let hung = elders.ask(folder, Duration::from_millis(1), move |_| held.recv().ok().and(Some(8)));
        assert_eq!(hung, Some(Some(7)), "what it told before holds");
        drop(never);
    }

    #[test]
    fn a_folder_of_this_machine_tells_when_it_was_made_or_that_nobody_knows() {
        let folder = tempfile::tempdir().unwrap();
        assert!(made(folder.path()).is_some());
        assert_eq!(made(&folder.path().join("missing")), Some(None));
    }
}
