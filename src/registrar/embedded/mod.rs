//! The embedded registrar: an inventory of devices and their claims in an SQLite file of its own.
//!
//! One thread owns the only writing connection and the table of all devices in memory; whoever wants something from
//! it sends it there. Uses and lists are read over a connection of their own. Reading CSV files and arguments is
//! the command line's business, deciding what follows from an answer the daemon's.

mod browse;
mod claims;
mod copy;
mod error;
mod file;
mod folded;
mod memory;
mod reader;
mod report;
mod resident;
mod stock;
mod store;
#[cfg(test)]
mod tests;
mod worker;

pub use browse::Browser;
pub use copy::{check_copy, copy};
pub use error::RegistryError;
pub use report::{CheckInError, CheckedIn, Filter, Imported, Listed, Released};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use devicedrop_core::device::Device;
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, HashMismatch, Knowledge, Question, Request, Trouble, Verdict,
};
use devicedrop_core::time::Timestamp;

use crate::registrar::{Answering, Registrar};
use reader::Reader;
use store::Store;
use worker::{Lost, Worker};

/// Rows in one call. A commit costs as much as some hundred rows, so larger batches gain nothing more.
const BATCH: usize = 2_000;

/// Calls at the same time: one at work and one waiting, so that the thread needn't wait for the caller.
const CONCURRENCY: usize = 2;

/// Devices or uses in one transaction of an import. Registrations wait as long as one takes: some 20 ms.
const CHUNK: usize = 10_000;

/// Devices that a list looks at in one step.
const PAGE: usize = 4_096;

/// Whether a device must be known before it can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inventory {
    /// A device that isn't in the inventory is not found.
    Required,
    /// Any device is accepted.
    Open,
}

/// Judges a hardware hash: what it says of another device than its row, or why it isn't valid.
pub type HashCheck = fn(&str, &Device) -> Result<Option<HashMismatch>, String>;

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What an embedded registrar is opened with.
#[derive(Clone)]
pub struct Settings {
    /// The SQLite file. It and its folder are made when they aren't there.
    pub path: PathBuf,
    /// Whether a device must be known before it can be claimed.
    pub inventory: Inventory,
    /// How hardware hashes are judged.
    pub hash_check: HashCheck,
    /// The clock: claims bear its time, and check-ins that lie after it are refused.
    pub now: Now,
}

/// The embedded registrar. While it is open, nothing else can change its file.
///
/// Dropping it ends its thread after what is under way, and gives the file free.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    target: String,
    hash_check: HashCheck,
    /// Before the worker, whose connection must be the last one: it alone can empty the log into the file.
    reader: Arc<Reader>,
    worker: Worker,
}

impl Embedded {
    /// Opens the registry, or makes it.
    ///
    /// Blocks while it reads all devices: about a third of a second for each million.
    pub fn open(settings: Settings) -> Result<Self, RegistryError> {
        let Settings { path, hash_check, .. } = settings.clone();
        let opened = file::open(&path, (settings.now)())?;
        let target = format!("registry:{}", opened.uuid.hyphenated());
        let store = Store::new(settings, opened)?;
        let reader = Arc::new(Reader::open(&path)?);
        let worker = Worker::start(store).map_err(|source| RegistryError::File {
            doing: "start the thread for",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, target, hash_check, reader, worker })
    }

    /// Adds devices, with their hardware hashes where there are any, to the inventory. `source` says where they are
    /// from: a file's name, for instance.
    ///
    /// In transactions of thousands, between which others are served; what was added before an error stays, and
    /// importing it again is harmless. Blocks: not for an asynchronous task.
    pub fn import(
        &self,
        devices: impl Iterator<Item = (Device, Option<String>)>,
        source: &str,
    ) -> Result<Imported, RegistryError> {
        let mut total = Imported::default();
        let mut origin = None;
        let mut devices = devices.fuse();
        loop {
            let mut chunk = Vec::new();
            for (device, hash) in devices.by_ref().take(CHUNK) {
                if hash.is_some_and(|hash| (self.hash_check)(&hash, &device).is_err()) {
                    total.hashes_not_valid += 1;
                }
                chunk.push(device);
            }
            if chunk.is_empty() {
                return Ok(total);
            }
            let source = source.to_owned();
            let (imported, next_origin) = self.ask(move |store| {
                let mut origin = origin;
                store.import(&chunk, &source, &mut origin).map(|imported| (imported, origin))
            })??;
            origin = next_origin;
            total.added += imported.added;
            total.known += imported.known;
        }
    }

    /// Gives a device's claim up, so that any customer can have it. Says who had it. The claim stays on record.
    /// Blocks: not for an asynchronous task.
    pub fn release(&self, device: &Device, actor: &str) -> Result<Released, RegistryError> {
        let (device, actor) = (device.clone(), actor.to_owned());
        self.ask(move |store| store.release(&device, &actor))?
    }

    /// Records that devices were used. One answer for each, in their order; one that is refused keeps none of the
    /// others from being recorded. Blocks: not for an asynchronous task.
    pub fn check_in(
        &self,
        uses: &[(Device, Timestamp)],
    ) -> Result<Vec<Result<CheckedIn, CheckInError>>, RegistryError> {
        let mut answers = Vec::with_capacity(uses.len());
        for chunk in uses.chunks(CHUNK) {
            let chunk = chunk.to_vec();
            answers.extend(self.ask(move |store| store.check_in(&chunk))??);
        }
        Ok(answers)
    }

    /// Lists at most `limit` devices with numbers above `after` (0 at first), in the order in which they became
    /// known. Blocks: not for an asynchronous task.
    pub fn list(&self, filter: &Filter, limit: usize, after: u32) -> Result<Vec<Listed>, RegistryError> {
        let mut listed = Vec::new();
        let mut after = after;
        while listed.len() < limit {
            let asked = filter.clone();
            let candidates = self.ask(move |store| store.candidates(&asked, after, PAGE))??;
            let Some(last) = candidates.last() else { break };
            after = last.number();
            listed.extend(self.reader.rows(filter, &candidates)?);
        }
        listed.truncate(limit);
        Ok(listed)
    }

    /// Tells what requests would lead to, one verdict for each, without doing it. A row doesn't know of the ones
    /// before it. Blocks: not for an asynchronous task.
    pub fn rehearse(&self, requests: Vec<Request>) -> Result<Vec<Verdict>, RegistryError> {
        self.ask(move |store| store.rehearse(&requests))?
    }

    /// Writes a whole copy of the registry, as it is now, into a new file, and has it on disk. Claims go on
    /// meanwhile. Blocks: not for an asynchronous task.
    pub fn copy_to(&self, path: &Path) -> Result<(), RegistryError> {
        self.reader.copy_to(path)
    }

    fn ask<T: Send + 'static>(&self, job: impl FnOnce(&mut Store) -> T + Send + 'static) -> Result<T, RegistryError> {
        self.worker.ask_blocking(job).map_err(|_| self.closed())
    }

    fn closed(&self) -> RegistryError {
        RegistryError::Closed { path: self.path.clone() }
    }
}

impl Registrar for Embedded {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn target(&self) -> &str {
        &self.target
    }

    fn capacity(&self) -> Capacity {
        Capacity { batch: BATCH, concurrency: CONCURRENCY, idempotent: true, distinct_serials: false, rate: None }
    }

    fn register(&self, _: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move {
            let rows = requests.len();
            let in_doubt = |why: String| vec![Answer::bare(Verdict::InDoubt { why }); rows];
            // What is wrong before the batch is begun is told from what went wrong with it.
            let job = move |store: &mut Store| store.ready().map(|()| store.register(&requests));
            match self.worker.ask(job).await {
                Ok(Ok(Ok(answers))) => Ok(answers),
                Ok(Ok(Err(error @ RegistryError::InDoubt { .. }))) => Ok(in_doubt(error.chain())),
                Ok(Ok(Err(error)) | Err(error)) => Err(Trouble::Unavailable(error.chain())),
                Err(Lost::NotSent) => Err(Trouble::Unavailable(self.closed().chain())),
                Err(Lost::Unanswered) => Ok(in_doubt(self.closed().chain())),
            }
        })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        Box::pin(async move {
            let requests: Vec<Request> = questions.iter().map(|question| question.request.clone()).collect();
            let told = self.worker.ask(move |store| store.inquire(&requests)).await;
            told.unwrap_or_else(|_| Err(self.closed())).map_err(|error| Trouble::Unavailable(error.chain()))
        })
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        let reader = Arc::clone(&self.reader);
        Box::pin(async move {
            let told = crate::blocking::run(move || reader.activity(after, limit)).await;
            told.unwrap_or_else(|_| Err(self.closed())).map_err(|error| Trouble::Unavailable(error.chain()))
        })
    }
}
