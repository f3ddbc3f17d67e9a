//! A registrar that answers what a test tells it, and keeps a journal of its own of what it did.
//!
//! It remembers by its journal: opened again on the same file, in this process or another, it knows what it has
//! registered and which rules are spent.

mod journal;
mod memory;
mod script;
#[cfg(test)]
mod tests;

pub use journal::{Entry, What, read as read_journal};
pub use script::{Mode, Reply, Rule, Script, Use};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devicedrop::registrar::{Answering, PATIENCE, Registrar};
use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Origin, Question, Request, Trouble,
};
use devicedrop_core::time::Timestamp;
use tokio::sync::watch;

use memory::Memory;

/// Where calls are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Before their effect.
    Before,
    /// After their effect, before their answer.
    After,
}

/// The scripted registrar.
#[derive(Debug)]
pub struct Scripted {
    script: Script,
    journal: PathBuf,
    memory: Arc<Mutex<Memory>>,
    hold: watch::Sender<Option<Hold>>,
    arrived: watch::Sender<u64>,
    done: watch::Sender<u64>,
    answered: watch::Sender<u64>,
}

impl Scripted {
    /// Opens a registrar with this script, and with the memory that is in this journal.
    pub fn open(script: Script, journal: &Path) -> anyhow::Result<Self> {
        let memory = Arc::new(Mutex::new(Memory::open(script.clone(), journal)?));
        let [arrived, done, answered] = [0; 3].map(watch::Sender::new);
        let hold = watch::Sender::new(None);
        Ok(Self { script, journal: journal.to_owned(), memory, hold, arrived, done, answered })
    }

    /// The same with a script in a JSON file.
    pub fn from_file(script: &Path, journal: &Path) -> anyhow::Result<Self> {
        Self::open(Script::from_file(script)?, journal)
    }

    /// What it was asked and what it did.
    pub fn journal(&self) -> anyhow::Result<Vec<Entry>> {
        read_journal(&self.journal)
    }

    /// How many effects a device had: more than one is what must never be.
    pub fn effects(&self, device: &Device) -> anyhow::Result<usize> {
        let effect = |entry: &&Entry| entry.what == What::Registered && entry.device() == *device;
        Ok(self.journal()?.iter().filter(effect).count())
    }

    /// Holds every call from now on.
    pub fn hold(&self, at: Hold) {
        self.hold.send_replace(Some(at));
    }

    /// Lets all calls go that are held, and holds no more.
    pub fn let_go(&self) {
        self.hold.send_replace(None);
    }

    /// Waits until so many calls have arrived in all; a call that is held has arrived.
    pub async fn arrived(&self, calls: u64) {
        // The sender is in `self`, so waiting can't fail.
        drop(self.arrived.subscribe().wait_for(|count| *count >= calls).await);
    }

    /// Waits until so many calls have had their effect in all, whatever it was.
    pub async fn effect_done(&self, calls: u64) {
        drop(self.done.subscribe().wait_for(|count| *count >= calls).await);
    }

    /// Waits until so many calls have been answered in all.
    pub async fn answered(&self, calls: u64) {
        drop(self.answered.subscribe().wait_for(|count| *count >= calls).await);
    }

    /// Has a registered device used. Not in the journal: forgotten when this is dropped.
    pub fn use_device(&self, device: &Device, at: Timestamp) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).use_device(device, at);
    }

    async fn pass(&self, held: Hold) {
        drop(self.hold.subscribe().wait_for(|hold| *hold != Some(held)).await);
    }

    /// Does something with the memory where blocking is allowed.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let memory = Arc::clone(&self.memory);
        let done =
            devicedrop::blocking::run(move || work(&mut memory.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await.map_err(|error| Trouble::Unavailable(error.to_string()))
    }
}

/// The answer as a service gives it that is told IDs.
fn with_id(answer: Answer, ids: &CallIds) -> Answer {
    let told = ids.request_id.clone();
    Answer { request_id: told.filter(|_| answer.request_id.is_some()).or(answer.request_id), ..answer }
}

impl Registrar for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn target(&self) -> &'static str {
        "script:"
    }

    fn target_of(&self, customer: &CustomerKey) -> String {
        if self.script.service { format!("script:{customer}") } else { self.target().to_owned() }
    }

    fn group(&self, origin: Origin<'_>) -> Option<String> {
        let named = || origin.order_id.map_or_else(|| origin.submission.to_string(), str::to_owned);
        self.script.service.then(named)
    }

    fn takes_ids(&self) -> bool {
        self.script.service
    }

    fn capacity(&self) -> Capacity {
        Capacity {
            batch: self.script.batch.get(),
            concurrency: self.script.concurrency.get(),
            idempotent: self.script.mode != Mode::None,
            distinct_serials: self.script.service,
            rate: None,
        }
    }

    fn patience(&self) -> Duration {
        self.script.patience_ms.map_or(PATIENCE, Duration::from_millis)
    }

    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move {
            self.arrived.send_modify(|count| *count += 1);
            self.pass(Hold::Before).await;
            let answers = self.with(move |memory| memory.register(&requests)).await?;
            self.done.send_modify(|count| *count += 1);
            if self.script.latency_ms > 0 {
                tokio::time::sleep(Duration::from_millis(self.script.latency_ms)).await;
            }
            self.pass(Hold::After).await;
            self.answered.send_modify(|count| *count += 1);
            answers.map(|answers| answers.into_iter().map(|answer| with_id(answer, &ids)).collect())
        })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        Box::pin(async move {
            let unanswered = self.script.inquiries_unanswered.as_ref();
            if questions.iter().any(|question| Some(&question.request.customer) == unanswered) {
                std::future::pending::<()>().await;
            }
            let questions = questions.to_vec();
            self.with(move |memory| memory.inquire(&questions)).await?
        })
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        Box::pin(async move { self.with(move |memory| memory.activity(after, limit)).await })
    }
}
