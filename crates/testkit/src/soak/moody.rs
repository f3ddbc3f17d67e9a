//! The embedded registrar with moods: slow, busy, down, or with answers that get lost, as a file says at each call.
//! It remembers nothing itself, so that what grows in its process is the daemon's.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use devicedrop::registrar::embedded::Embedded;
use devicedrop::registrar::{Answering, Registrar};
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Question, Request, Trouble, Verdict,
};

/// How it goes about calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Answers at once.
    Well,
    /// Answers late.
    Slow,
    /// Defers every row, and asks to be left alone.
    Busy,
    /// Can't be reached.
    Down,
    /// Does what it is asked, and nobody hears of it.
    Unheard,
}

impl Mood {
    /// All that aren't well.
    pub const BAD: [Self; 4] = [Self::Slow, Self::Busy, Self::Down, Self::Unheard];

    fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Slow => "slow",
            Self::Busy => "busy",
            Self::Down => "down",
            Self::Unheard => "unheard",
        }
    }

    /// Has the registrars of this file be in this mood from their next call on.
    pub fn set(self, file: &Path) -> Result<()> {
        let aside = file.with_extension("new");
        fs::write(&aside, self.word())?;
        Ok(fs::rename(aside, file)?)
    }

    fn of(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        Self::BAD.into_iter().find(|mood| mood.word() == text).unwrap_or(Self::Well)
    }
}

impl fmt::Display for Mood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How much later it answers where it is slow.
const LATE: Duration = Duration::from_millis(400);

/// How long it asks to be left alone where it is busy.
const ALONE: Duration = Duration::from_millis(700);

/// The registrar.
#[derive(Debug)]
pub struct Moody {
    embedded: Arc<Embedded>,
    file: PathBuf,
}

impl Moody {
    /// Over this registrar, in the mood that this file names.
    pub fn new(embedded: Arc<Embedded>, file: PathBuf) -> Self {
        Self { embedded, file }
    }
}

impl Registrar for Moody {
    fn kind(&self) -> &'static str {
        self.embedded.kind()
    }

    fn target(&self) -> &str {
        self.embedded.target()
    }

    fn capacity(&self) -> Capacity {
        self.embedded.capacity()
    }

    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move {
            let all = |verdict: Verdict, rows: usize| vec![Answer::bare(verdict); rows];
            let rows = requests.len();
            match Mood::of(&self.file) {
                Mood::Well => self.embedded.register(ids, requests).await,
                Mood::Slow => {
                    // Nothing comes, so it always takes its time.
                    drop(tokio::time::timeout(LATE, std::future::pending::<()>()).await);
                    self.embedded.register(ids, requests).await
                }
                Mood::Busy => {
                    let why = "429 Too Many Requests".to_owned();
                    Ok(all(Verdict::Deferred { why, retry_after: Some(ALONE) }, rows))
                }
                Mood::Down => Err(Trouble::Unavailable("503 Service Unavailable".to_owned())),
                Mood::Unheard => {
                    self.embedded.register(ids, requests).await?;
                    Ok(all(Verdict::InDoubt { why: "connection reset by peer".to_owned() }, rows))
                }
            }
        })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        if Mood::of(&self.file) == Mood::Down {
            return Box::pin(async { Err(Trouble::Unavailable("503 Service Unavailable".to_owned())) });
        }
        self.embedded.inquire(questions)
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        self.embedded.activity(after, limit)
    }
}
