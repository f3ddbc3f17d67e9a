//! A small ledger in which one bit after the other is flipped: verification finds each, or the bit says nothing.
//!
//! The ledger is copied into pages of 512 bytes first, so that little of it is unused. Its copy lies in memory, is
//! changed in place, verified as an auditor's snapshot is, and put right again. What verification takes for sound is
//! read whole, every table and every view, and compared: only what `src/ledger/schema/0001.sql` says isn't on record
//! may differ. What the small ledger holds is made in `small`.

mod small;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, ensure};
use devicedrop::ledger::OpenError;
use devicedrop::ledger::verify::{Finding, Verifier};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// Which of the mutants are tried.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// One byte in so many is changed.
    pub stride: usize,
    /// Which bit of each: another one for another seed.
    pub seed: usize,
    /// How many mutants are looked at at once.
    pub jobs: usize,
}

/// What came of the mutants.
#[derive(Debug, Default)]
pub struct Told {
    /// How many there were.
    pub mutants: u64,
    /// Those that were found, by what was said first.
    pub found: BTreeMap<String, u64>,
    /// Those that verification takes for sound and that read the same, byte for byte.
    pub unused: u64,
    /// Those that differ in nothing but what isn't on record, by table.
    pub beside: BTreeMap<String, u64>,
    /// Those that it should have found.
    pub missed: Vec<String>,
}

/// Where nothing of the record stands, as the schema says, with the columns that may differ; none for all of them.
const BESIDE: [(&str, Option<&str>); 12] = [
    ("known_file", None),
    ("note", None),
    ("owed", None),
    ("run", None),
    // The planner's statistics, and how their tables are made.
    ("sqlite_stat", None),
    ("sqlite_stat1", None),
    ("sqlite_stat4", None),
    ("present", Some("due")),
    // A device in use is seen again and again; only the first time moves it and is on record.
    ("present", Some("last_seen")),
    ("audit_devices", Some("last_seen")),
    // What a call is followed by is on record once it has ended.
    ("open_call", Some("tracking_id")),
    ("audit_attempts", Some("tracking_id")),
];

impl Campaign {
    /// Tries them.
    pub fn run(&self) -> Result<Told> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }?;
        let ledger = folder.path().join("whole.db");
        small::make(folder.path(), &ledger)?;
        let bytes = fs::read(&ledger)?;
        let whole = read(&ledger)?;
        ensure!(first_found(&ledger)?.is_none(), "the ledger is sound before anything is done to it");
        let jobs = self.jobs.max(1);
        let told = thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs)
                .map(|job| {
                    let copy = folder.path().join(format!("{job}.db"));
                    let (bytes, whole) = (&bytes, &whole);
                    scope.spawn(move || self.work(job, jobs, &copy, bytes, whole))
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| anyhow::anyhow!("a panic"))?)
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(told.into_iter().fold(Told::default(), Told::and))
    }

    fn work(&self, job: usize, jobs: usize, copy: &Path, bytes: &[u8], whole: &Dump) -> Result<Told> {
        fs::write(copy, bytes)?;
        let file = OpenOptions::new().write(true).open(copy)?;
        let mut told = Told::default();
        for (place, byte) in bytes.iter().enumerate().step_by(self.stride.max(1)).skip(job).step_by(jobs) {
            let bit = (place / self.stride.max(1) + self.seed) % 8;
            put(&file, place, byte ^ (1 << bit))?;
            told.mutants += 1;
            match first_found(copy).with_context(|| format!("byte {place}, bit {bit}"))? {
                Some(found) => *told.found.entry(found).or_default() += 1,
                None => told.compare(&format!("byte {place}, bit {bit}"), copy, whole),
            }
            put(&file, place, *byte)?;
        }
        Ok(told)
    }
}

fn put(file: &File, place: usize, byte: u8) -> Result<()> {
    Ok(file.write_all_at(&[byte], u64::try_from(place)?)?)
}

impl Told {
    fn and(mut self, other: Self) -> Self {
        self.mutants += other.mutants;
        self.unused += other.unused;
        for (said, count) in other.found {
            *self.found.entry(said).or_default() += count;
        }
        for (table, count) in other.beside {
            *self.beside.entry(table).or_default() += count;
        }
        self.missed.extend(other.missed);
        self
    }

    /// What differs in a mutant that was taken for sound.
    fn compare(&mut self, name: &str, copy: &Path, whole: &Dump) {
        let found = match read(copy) {
            Ok(found) => found,
            Err(error) => {
                self.missed.push(format!("{name}: it can't be read: {error:#}"));
                return;
            }
        };
        let differs: Vec<&String> =
            whole.keys().chain(found.keys()).filter(|key| whole.get(*key) != found.get(*key)).collect();
        let beside = |key: &String| BESIDE.iter().any(|(table, _)| key == &format!("beside {table}"));
        match differs.as_slice() {
            [] => self.unused += 1,
            [first, ..] if differs.iter().all(|key| beside(key)) => {
                *self.beside.entry((*first).clone()).or_default() += 1;
            }
            [first, ..] => {
                let lines = |dump: &Dump| {
                    dump.get(*first).map_or_else(Vec::new, |text| text.lines().map(str::to_owned).collect())
                };
                let was = lines(whole);
                let is = lines(&found);
                let line = is.iter().zip(&was).find(|(is, was)| is != was);
                let (is, was) = line.map_or_else(
                    || (is.len().to_string(), was.len().to_string()),
                    |(is, was)| (is.clone(), was.clone()),
                );
                self.missed.push(format!("{name}: {first} differs: it was {was:.300}, it is {is:.300}"));
            }
        }
    }
}

/// What verification says first of a ledger's copy, less what differs from one mutant to the next; none where it finds
/// nothing.
fn first_found(copy: &Path) -> Result<Option<String>> {
    let mut verifier = match Verifier::open_copy(copy) {
        Ok(verifier) => verifier,
        Err(OpenError::Io { source, .. }) => return Err(source.into()),
        Err(_) => return Ok(Some("it can't be opened".to_owned())),
    };
    let told = match verifier.verify(&[], &mut |_| true) {
        Ok(told) => told.context("nobody stopped it")?,
        Err(_) => return Ok(Some("it can't be read".to_owned())),
    };
    Ok(told.found.first().map(|found| {
        match found {
            Finding::Record(_) => "the record",
            Finding::Schema { .. } | Finding::Word(_) => "the schema",
            Finding::Present { .. } | Finding::Submission { .. } => "what is kept beside the record",
            _ => "something else",
        }
        .to_owned()
    }))
}

/// What there is to read, part by part.
type Dump = BTreeMap<String, String>;

fn read(path: &Path) -> Result<Dump> {
    let db = Connection::open_with_flags_and_vfs(path, OpenFlags::SQLITE_OPEN_READ_ONLY, c"unix-none")?;
    let text = |sql: &str| -> Result<Vec<String>> {
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let mut dump = Dump::new();
    for (part, wanted) in [("the schema", "NOT LIKE"), ("beside sqlite_stat", "LIKE")] {
        let sql = format!(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name {wanted} 'sqlite\\_stat%' ESCAPE '\\'
             ORDER BY 1, 2"
        );
        dump.insert(part.to_owned(), rows(&db, &sql)?);
    }
    for (kind, hint, order) in [("table", " NOT INDEXED", ""), ("view", "", " ORDER BY 1")] {
        for name in text(&format!("SELECT name FROM sqlite_schema WHERE type = '{kind}'"))? {
            let columns = text(&format!("SELECT name FROM pragma_table_info('{name}')"))?;
            let is_beside = |column: &String| {
                BESIDE.iter().any(|(table, only)| *table == name && only.is_none_or(|only| only == column))
            };
            let (aside, kept): (Vec<_>, Vec<_>) = columns.into_iter().partition(is_beside);
            for (beside, columns) in [("", kept), ("beside ", aside)] {
                if !columns.is_empty() {
                    let sql = format!("SELECT {} FROM {name}{hint}{order}", columns.join(", "));
                    dump.insert(format!("{beside}{name}"), rows(&db, &sql)?);
                }
            }
        }
    }
    Ok(dump)
}

fn rows(db: &Connection, sql: &str) -> Result<String> {
    let mut statement = db.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut text = String::new();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                    Ok(characters) => text.extend(["text ", characters]),
                    Err(_) => write!(text, "bytes as text {bytes:?}")?,
                },
                other => write!(text, "{other:?}")?,
            }
            text.push('|');
        }
        text.push('\n');
    }
    Ok(text)
}

/// A copy with small pages at `to`.
fn with_small_pages(from: &PathBuf, to: &Path) -> Result<()> {
    let db = Connection::open(from)?;
    db.execute_batch("PRAGMA page_size = 512")?;
    db.execute("VACUUM INTO ?", [to.to_str().context("a path in UTF-8")?])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slice of what `cargo xtask tamper` does whole.
    #[test]
    fn a_flipped_bit_is_found_or_says_nothing() {
        let told = Campaign { stride: 79, seed: 1, jobs: 2 }.run().expect("it runs");
        assert_eq!(told.missed, Vec::<String>::new());
        assert!(told.mutants > 1_000, "{told:?}");
        for said in ["the record", "the schema", "what is kept beside the record"] {
            assert!(told.found.contains_key(said), "{told:?}");
        }
        assert!(told.found.values().sum::<u64>() > told.mutants / 2, "most of it says something: {told:?}");
    }
}
