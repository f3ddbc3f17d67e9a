//! A ledger that somebody wrote into with a tool of his own: checking it finds it sound or says what is wrong, and one
//! that is found sound holds the entries that were written.
#![no_main]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use devicedrop::ledger::command::{Finished, KnownFile, NewCall, NewDelivery, NewRegistration, NewSubmission};
use devicedrop::ledger::verify::Verifier;
use devicedrop::ledger::{Ledger, Reader};
use devicedrop_core::device::{Format, Sha256};
use devicedrop_core::ids::{CustomerKey, SubmissionId};
use devicedrop_core::record::Kind;
use devicedrop_core::registrar::CallIds;
use devicedrop_core::state::{ErrorCode, Outcome};
use devicedrop_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use rusqlite::{Connection, OpenFlags};

/// One thing that is done to a file's bytes.
#[derive(Debug, Arbitrary)]
enum Change {
    /// A byte that isn't zero becomes another.
    Byte { place: u32, to: u8 },
    /// Any byte.
    Anywhere { place: u32, to: u8 },
    /// A stretch is overwritten with another stretch.
    Copy { from: u32, to: u32, length: u16 },
    /// A page takes the place of another.
    Page { from: u8, to: u8 },
    /// The end is cut off.
    Cut { keep: u32 },
}

/// Changes of one input: more only make it slower.
const CHANGES: usize = 8;

/// What the folders of all such processes begin with; then comes the process.
const FOLDER: &str = "devicedrop-fuzz-";

/// A ledger's pages, in bytes.
const PAGE: usize = 16 * 1024;

/// A ledger's two files as they were left, and a copy that is changed and put right again.
struct Trial {
    path: PathBuf,
    files: [Original; 2],
    /// All that is on record.
    entries: Vec<String>,
    blocks: u64,
}

struct Original {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where bytes stand that say something.
    said: Vec<usize>,
}

/// A ledger that was closed, with all of it in its file; and one that a crash left, with its last entries in the log.
static TRIALS: LazyLock<[Trial; 2]> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let top = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    for left in fs::read_dir(&top).into_iter().flatten().flatten() {
        // libFuzzer ends a process without a last word, so the next one clears up behind it.
        let name = left.file_name().to_string_lossy().into_owned();
        let Some(process) = name.strip_prefix(FOLDER) else { continue };
        if !Path::new("/proc").join(process).exists() {
            drop(fs::remove_dir_all(left.path()));
        }
    }
    let folder = top.join(format!("{FOLDER}{}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    [Trial::make(&folder.join("closed"), true), Trial::make(&folder.join("crashed"), false)]
});

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let Ok((which, log)) = input.arbitrary::<(bool, bool)>() else { return };
    let trial = &TRIALS[usize::from(which)];
    let original = &trial.files[usize::from(log)];
    let mut bytes = original.bytes.clone();
    let changes = input.arbitrary_iter::<Change>().into_iter().flatten();
    changes.flatten().take(CHANGES).for_each(|change| change.make(&mut bytes, &original.said));
    let touched = original.put(&bytes);
    trial.check();
    original.restore(&touched);
});

impl Change {
    fn make(&self, bytes: &mut Vec<u8>, said: &[usize]) {
        let within = |place: u32, length: usize| if length == 0 { 0 } else { place as usize % length };
        match *self {
            Self::Byte { place, to } => {
                let place = said.get(within(place, said.len())).copied().unwrap_or_default();
                bytes.get_mut(place).into_iter().for_each(|byte| *byte = to);
            }
            Self::Anywhere { place, to } => {
                let place = within(place, bytes.len());
                bytes.get_mut(place).into_iter().for_each(|byte| *byte = to);
            }
            Self::Copy { from, to, length } => {
                let (from, to) = (within(from, bytes.len()), within(to, bytes.len()));
                let length = usize::from(length).min(bytes.len() - from).min(bytes.len() - to);
                bytes.copy_within(from..from + length, to);
            }
            Self::Page { from, to } => {
                let pages = bytes.len() / PAGE;
                let (from, to) = (within(from.into(), pages) * PAGE, within(to.into(), pages) * PAGE);
                let length = PAGE.min(bytes.len() - from).min(bytes.len() - to);
                bytes.copy_within(from..from + length, to);
            }
            Self::Cut { keep } => bytes.truncate(within(keep, bytes.len())),
        }
    }
}

impl Original {
    fn of(path: PathBuf, bytes: Vec<u8>) -> Self {
        let said = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(index, _)| index).collect();
        fs::write(&path, &bytes).expect("a copy of a ledger");
        Self { path, bytes, said }
    }

    fn open(&self) -> File {
        OpenOptions::new().write(true).open(&self.path).expect("the copy is there")
    }

    /// Writes the pages that differ into the copy, and returns which those are.
    fn put(&self, changed: &[u8]) -> Vec<usize> {
        // SQLite may have removed a log that it found no database for.
        if !self.path.exists() {
            fs::write(&self.path, &self.bytes).expect("a copy of a ledger");
        }
        let file = self.open();
        let pages = self.bytes.chunks(PAGE).enumerate();
        let differs = |(index, page): (usize, &[u8])| {
            let start = (index * PAGE).min(changed.len());
            let now = &changed[start..(start + PAGE).min(changed.len())];
            (now != page).then(|| file.write_all_at(now, (index * PAGE) as u64).expect("a changed page"))?;
            Some(index)
        };
        let touched = pages.filter_map(differs).collect();
        if changed.len() != self.bytes.len() {
            file.set_len(changed.len() as u64).expect("a file cut off");
        }
        touched
    }

    /// Puts them right again.
    fn restore(&self, touched: &[usize]) {
        if !self.path.exists() {
            fs::write(&self.path, &self.bytes).expect("a copy of a ledger");
        }
        let file = self.open();
        for index in touched {
            let start = index * PAGE;
            let page = &self.bytes[start..(start + PAGE).min(self.bytes.len())];
            file.write_all_at(page, start as u64).expect("the page as it was");
        }
    }
}

impl Trial {
    fn make(folder: &Path, close: bool) -> Self {
        let made = folder.join("made").join("ledger.db");
        let ledger = live(&made);
        let log = |path: &Path| path.with_file_name("ledger.db-wal");
        let bytes = |path: &Path| fs::read(path).unwrap_or_default();
        let (main, tail) = if close {
            ledger.close().expect("the ledger closes");
            (bytes(&made), bytes(&log(&made)))
        } else {
            let files = (bytes(&made), bytes(&log(&made)));
            ledger.close().expect("the ledger closes");
            files
        };
        let path = folder.join("ledger.db");
        let files = [Original::of(path.clone(), main), Original::of(log(&path), tail)];
        let mut trial = Self { path, files, entries: Vec::new(), blocks: 0 };
        trial.entries = trial.entries();
        let reader = Reader::open(&trial.path).expect("the ledger as it was made");
        while reader.check_block(trial.blocks + 1).is_ok() {
            trial.blocks += 1;
        }
        assert!(trial.blocks > 5, "{} sound blocks", trial.blocks);
        trial
    }

    /// Checks the copy as it is now.
    fn check(&self) {
        // The index of the log, which a reader makes anew.
        drop(fs::remove_file(self.path.with_file_name("ledger.db-shm")));
        let reader = match Reader::open(&self.path) {
            Ok(reader) => reader,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        let mut sound = true;
        for number in 0..=self.blocks + 1 {
            if let Err(untrusted) = reader.check_block(number) {
                assert!(!untrusted.to_string().is_empty());
                sound &= number == 0 || number > self.blocks;
            }
        }
        if sound {
            assert_eq!(self.entries(), self.entries, "found sound, and isn't as it was written");
        }
        self.verify();
    }

    /// Recomputes all of the copy, and what is kept beside the record.
    fn verify(&self) {
        let mut verifier = match Verifier::open(&self.path) {
            Ok(verifier) => verifier,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        match verifier.verify(&[], &mut |_| true) {
            Ok(told) => {
                let told = told.expect("nobody stopped it");
                assert!(told.found.iter().all(|finding| !finding.to_string().is_empty()));
                if told.is_sound() && told.head.is_some_and(|head| head.blocks == self.blocks) {
                    assert_eq!(self.entries(), self.entries, "verified, and isn't as it was written");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }

    /// All entries, as any tool reads them.
    fn entries(&self) -> Vec<String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags).expect("any tool opens it");
        let mut entries = Vec::new();
        for kind in Kind::ALL {
            let sql = format!("SELECT * FROM entry_{} ORDER BY id", kind.word());
            let mut statement = db.prepare(&sql).expect("the views are there");
            let columns = statement.column_count();
            let mut rows = statement.query([]).expect("a query");
            while let Some(row) = rows.next().expect("a row") {
                let cell = |column| format!("{:?}", row.get_ref(column).expect("a cell"));
                entries.push(format!("{} {}", kind.word(), (0..columns).map(cell).collect::<Vec<_>>().join("|")));
            }
        }
        entries
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_356_000_000 + second * 1_000)
}

fn row(line: u64, serial: &str) -> NewRegistration {
    let text = |text: &str| Some(text.to_owned());
    NewRegistration {
        line,
        manufacturer: text("Contoso"),
        model: text("Book"),
        serial_number: text(serial),
        ..NewRegistration::default()
    }
}

/// A ledger with a little of everything that a day brings.
fn live(path: &Path) -> Ledger {
    let customer = CustomerKey::parse("contoso").expect("a key");
    let ledger = Ledger::open(path, true, at(0), "tester").expect("a new ledger");
    let writer = ledger.writer();
    for file in ["a.csv", "b.csv"] {
        let mut rows: Vec<_> = (2..6).map(|line| row(line, &format!("{file} {line}"))).collect();
        let refused = Some((ErrorCode::RowNotValid, "Line 7: empty.".to_owned()));
        rows.push(NewRegistration { line: 7, refused, ..NewRegistration::default() });
        let new = NewSubmission {
            at: at(1),
            id: SubmissionId::from_parts(1_795_356_000_000, [file.as_bytes()[0]; 10]),
            customer: customer.clone(),
            file: file.to_owned(),
            order_id: Some("PO-1".to_owned()),
            purchase_id: None,
            format: Some(Format::Partner),
            encoding: Some("utf-8".to_owned()),
            delimiter: Some("comma".to_owned()),
            sha256: Some(Sha256::of(file.as_bytes())),
            bytes: 100,
            rows: rows.len() as u64,
        };
        let delivery = NewDelivery { at: at(2), file: file.to_owned(), owner: None, modified_at: Some(at(-9)) };
        let known = KnownFile {
            customer: customer.clone(),
            path: file.to_owned(),
            dev: 1,
            ino: 7,
            size: 100,
            mtime_ns: -1,
            ctime_ns: 5,
            born_ns: None,
        };
        writer.accept_whole(new, rows, delivery, known).wait().expect("accepted");
    }
    attempt(&ledger, &customer);
    ledger
}

/// Registers what is due, with every kind of end.
fn attempt(ledger: &Ledger, customer: &CustomerKey) {
    let due = ledger.reader().expect("a reader").next_due(customer, at(9), 9, &[]).expect("rows are due");
    let writer = ledger.writer();
    let ends = [Outcome::Registered, Outcome::Failed, Outcome::Deferred, Outcome::AlreadyRegistered];
    for (due, outcome) in due.iter().zip(ends.into_iter().cycle()) {
        let call = NewCall {
            at: at(10),
            registrar: "embedded".to_owned(),
            target: "registry.db".to_owned(),
            ids: CallIds { request_id: None, correlation_id: Some("c-1".to_owned()) },
        };
        let started = writer.start_call(call, vec![due.registration]).wait().expect("the call starts");
        let finished = started.attempts.iter().map(|attempt| Finished {
            attempt: *attempt,
            registration: due.registration,
            at: at(11),
            outcome,
            error: (outcome == Outcome::Failed).then_some(ErrorCode::DeviceNotFound),
            holder: None,
            detail: None,
            request_id: Some("r-1".to_owned()),
            tracking_id: None,
            answer: Some("200".to_owned()),
            due: (outcome == Outcome::Deferred).then(|| at(60)),
        });
        writer.finish_attempts(finished.collect()).wait().expect("the attempts end");
    }
}
