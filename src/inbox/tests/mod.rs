//! The inbox against real folders, a clock that the test moves, and a desk that writes down what it hears.

mod arrivals;
mod folders;
mod hostile;
mod refusals;
mod rehearsals;
mod settling;
mod side;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, FileTimes};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use devicedrop_core::ids::SubmissionEntry;

use super::*;
use crate::clock::ManualClock;
use devicedrop_core::plan::FolderId;
use devicedrop_core::settle::Stamp;
use devicedrop_core::time::Timestamp;

const SETTLE: Duration = Duration::from_secs(1);

/// Writes down what it hears. A content that doesn't end in a line end may be incomplete.
#[derive(Debug, Default)]
struct FakeDesk {
    heard: Vec<String>,
    known: HashMap<DropPath, Known>,
    /// Paths at which an inode was ever known.
    inodes: HashMap<u64, Vec<DropPath>>,
    /// Submissions by path and content, as the ledger has them.
    submissions: HashMap<(DropPath, String), SubmissionEntry>,
    spent: HashSet<(DropPath, u64, u64, i64)>,
    folder: Option<FolderId>,
    hold: Option<Hold>,
    fed: Vec<u8>,
    /// Our own outputs: their mtime and hash.
    wrote: HashMap<DropPath, (i64, devicedrop_core::device::Sha256)>,
    looks: usize,
    /// Done while the next file is read.
    meanwhile: Option<Meanwhile>,
    fails: bool,
    /// What keeps the next rehearsal from being answered.
    unanswered: Option<Hold>,
    feeds: usize,
}

/// What tells a side file from another, but for its mode.
fn marks(side: &SideFile) -> (DropPath, u64, u64, i64) {
    (side.path.clone(), side.stamp.ino, side.stamp.size, side.stamp.mtime_ns)
}

struct Meanwhile(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl FakeDesk {
    fn hear(&mut self, text: String) {
        self.heard.push(text);
    }
}

impl Desk for FakeDesk {
    fn known(&mut self, path: &DropPath) -> Result<Option<Known>, DeskError> {
        Ok(self.known.get(path).cloned())
    }

    fn known_like(&mut self, stamp: &Stamp) -> Result<Vec<(DropPath, Known)>, DeskError> {
        let paths = self.inodes.get(&stamp.ino).into_iter().flatten();
        Ok(paths.filter_map(|path| Some((path.clone(), self.known.get(path)?.clone()))).collect())
    }

    fn folder(&mut self, _at: &Path) -> Result<Option<FolderId>, DeskError> {
        Ok(self.folder)
    }

    fn folder_is(&mut self, _at: &Path, id: FolderId) -> Result<(), DeskError> {
        self.folder = Some(id);
        Ok(())
    }

    fn is_spent(&mut self, side: &SideFile) -> Result<bool, DeskError> {
        Ok(self.spent.contains(&marks(side)))
    }

    fn may_take(&mut self, _path: &DropPath, _bytes: u64) -> Result<Result<(), Hold>, DeskError> {
        Ok(self.hold.map_or(Ok(()), Err))
    }

    fn begin(&mut self, _path: &DropPath, _stamp: &Stamp) {
        self.fed.clear();
        if let Some(meanwhile) = self.meanwhile.take() {
            (meanwhile.0)();
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.feeds += 1;
        self.fed.extend_from_slice(bytes);
    }

    fn may_be_incomplete(&mut self) -> bool {
        !self.fed.ends_with(b"\n")
    }

    fn deliver(&mut self, mut claimed: Claimed) -> Result<(), DeskError> {
        if self.fails {
            return Err(DeskError::new("the ledger is gone"));
        }
        let mut text = String::new();
        claimed.copy.read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), self.fed, "the archived copy is what was fed");
        assert_eq!(usize::try_from(claimed.bytes).unwrap(), text.len());
        assert_eq!(claimed.sha256, devicedrop_core::device::Sha256::of(text.as_bytes()));
        let path = claimed.path.clone();
        let next = SubmissionEntry::new(i64::try_from(self.submissions.len()).unwrap() + 1).unwrap();
        let shown = text.trim_end().replace('\n', "|");
        let (word, submission) = match claimed.arrival {
            Arrival::New => match self.submissions.get(&(path.clone(), text.clone())) {
                Some(old) => ("back".to_owned(), *old),
                None => ("new".to_owned(), next),
            },
            Arrival::Again { submission } => ("again".to_owned(), submission),
            Arrival::Moved { from, submission } => {
                self.known.remove(&from);
                (format!("moved from {}", from.text()), submission)
            }
        };
        self.submissions.insert((path.clone(), text), submission);
        let shown_id = |name, id: &Option<String>| id.as_ref().map(|id| format!(" {name} {id}")).unwrap_or_default();
        let ids = shown_id("order", &claimed.order_id) + &shown_id("purchase", &claimed.purchase_id);
        self.hear(format!("{word} {}: {shown}{ids}", path.text()));
        self.spent.extend(claimed.spent.iter().map(marks));
        let known = Known { stamp: claimed.facts.stamp, sha256: Some(claimed.sha256), submission: Some(submission) };
        self.inodes.entry(known.stamp.ino).or_default().push(path.clone());
        self.known.insert(path, known);
        Ok(())
    }

    fn too_large(&mut self, file: TooLarge) -> Result<(), DeskError> {
        self.hear(format!("too large {}: {} > {}", file.path.text(), file.facts.stamp.size, file.limit));
        let submission = SubmissionEntry::new(1_000);
        self.known.insert(file.path, Known { stamp: file.facts.stamp, sha256: None, submission });
        Ok(())
    }

    fn rehearse(&mut self, rehearsal: Rehearsal) -> Result<Result<(), Hold>, DeskError> {
        let Rehearsal { path, facts, content } = rehearsal;
        let sha256 = match content {
            Rehearsed::TooLarge { limit } => {
                self.hear(format!("rehearsed {}: {} > {limit}", path.text(), facts.stamp.size));
                None
            }
            Rehearsed::Whole { sha256, mut copy } => {
                let mut text = String::new();
                copy.read_to_string(&mut text).unwrap();
                assert_eq!(text.as_bytes(), self.fed, "the copy is what was fed");
                if let Some(hold) = self.unanswered.take() {
                    return Ok(Err(hold));
                }
                self.hear(format!("rehearsed {}: {}", path.text(), text.trim_end().replace('\n', "|")));
                Some(sha256)
            }
        };
        self.inodes.entry(facts.stamp.ino).or_default().push(path.clone());
        self.known.insert(path, Known { stamp: facts.stamp, sha256, submission: None });
        Ok(Ok(()))
    }

    fn touched(&mut self, path: &DropPath, stamp: &Stamp) -> Result<(), DeskError> {
        self.hear(format!("touched {}", path.text()));
        self.known.get_mut(path).unwrap().stamp = *stamp;
        Ok(())
    }

    fn refused(&mut self, path: &DropPath, refusal: &Refusal) -> Result<(), DeskError> {
        self.hear(format!("refused {}: {}", path.text(), refusal.code()));
        Ok(())
    }

    fn no_longer_refused(&mut self, path: &DropPath) -> Result<(), DeskError> {
        self.hear(format!("no longer refused {}", path.text()));
        Ok(())
    }

    fn wrote(&mut self, path: &DropPath, stamp: &Stamp) -> Result<Wrote, DeskError> {
        self.looks += 1;
        Ok(match self.wrote.get(path) {
            None => Wrote::Nothing,
            Some((mtime_ns, _)) if *mtime_ns == stamp.mtime_ns => Wrote::This,
            Some((_, sha256)) => Wrote::OneOf(vec![*sha256]),
        })
    }

    fn wrote_anywhere(&mut self, sha256: &devicedrop_core::device::Sha256) -> Result<bool, DeskError> {
        Ok(self.wrote.values().any(|(_, wrote)| wrote == sha256))
    }
}

/// A drop folder, an archive, an inbox and its desk.
#[derive(Debug)]
struct Scene {
    _place: tempfile::TempDir,
    outer: PathBuf,
    folder: PathBuf,
    archive: Archive,
    settings: InboxSettings,
    inbox: CustomerInbox,
    desk: FakeDesk,
    clock: ManualClock,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut InboxSettings)) -> Self {
        let place = tempfile::tempdir().unwrap();
        // What the machine calls its temporary folder may be a link.
        let outer = place.path().canonicalize().unwrap();
        let folder = outer.join("drop");
        fs::create_dir(&folder).unwrap();
        fs::create_dir(outer.join("originals")).unwrap();
        let archive = Archive::open(&outer.join("originals")).unwrap();
        let mut settings = InboxSettings {
            customer: CustomerKey::parse("contoso").unwrap(),
            folder: folder.clone(),
            quiet: QuietTimes { settle: SETTLE, open: Duration::from_mins(1), unsure: Duration::from_secs(10) },
            rescan: Duration::from_secs(10),
            ignore_folders: vec!["archief".into()],
            max_file_size: 1024 * 1024,
            completion: Completion::Settled,
            order_files: OrderFiles::Optional,
            headings: Vec::new(),
            paused: false,
        };
        change(&mut settings);
        let inbox = CustomerInbox::new(settings.clone(), archive.clone(), Watch::off());
        let clock = ManualClock::new(Timestamp::from_unix_ms(1_795_356_339_000));
        Self { _place: place, outer, folder, archive, settings, inbox, desk: FakeDesk::default(), clock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Sets a file's mtime, as senders can.
    fn set_mtime(&self, name: &str, seconds: u64) {
        let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        File::options().write(true).open(self.path(name)).unwrap().set_times(times).unwrap();
    }

    fn pass(&mut self) -> PassReport {
        self.inbox.pass(&mut self.desk, &self.clock).unwrap()
    }

    /// One pass, `after` that time.
    fn after(&mut self, after: Duration) -> PassReport {
        self.clock.advance(after);
        self.pass()
    }

    /// Passes as the daemon would make them for that long, and says what the desk heard.
    fn run(&mut self, long: Duration) -> Vec<String> {
        let end = self.clock.elapsed() + long;
        loop {
            let report = self.pass();
            let left = end.saturating_sub(self.clock.elapsed());
            if left.is_zero() {
                return std::mem::take(&mut self.desk.heard);
            }
            self.clock.advance(report.next.min(left));
        }
    }

    /// What the desk hears when files get all the time that they need.
    fn settled(&mut self) -> Vec<String> {
        self.run(Duration::from_secs(3))
    }

    /// The daemon starts again: what isn't on record is forgotten.
    fn restart(&mut self) {
        self.inbox = CustomerInbox::new(self.settings.clone(), self.archive.clone(), Watch::off());
    }

    fn why(&mut self) -> Vec<(String, Why)> {
        self.pass().waiting.into_iter().map(|waiting| (waiting.path.text(), waiting.why)).collect()
    }

    /// Files in the archive, temporaries included.
    fn archived(&self) -> usize {
        let folders = fs::read_dir(self.outer.join("originals")).unwrap().map(|entry| entry.unwrap().path());
        folders.map(|path| if path.is_dir() { fs::read_dir(path).unwrap().count() } else { 1 }).sum()
    }
}

/// What the desk heard, compared without regard to the folder's order.
fn sorted(mut heard: Vec<String>) -> Vec<String> {
    heard.sort();
    heard
}

fn append(path: &Path, content: &str) -> File {
    let mut file = File::options().append(true).create(true).open(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}
