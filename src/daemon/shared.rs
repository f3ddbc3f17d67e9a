//! What the daemon's tasks have in common: the record's handles, the clock, the bells, the board.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, InForce, Lookup};
use crate::inbox::{Archive, Watch};
use crate::ledger::reader::Restore;
use crate::ledger::rows::Pause;
use crate::ledger::writer::TurnWatch;
use crate::ledger::{OpenError, ReadError, Reader, Writer};
use crate::registrar::Registrar;
use crate::registrar::embedded::Embedded;

use super::board::Board;
use super::cut_off::CutOff;
use super::followed::Followed;
use super::gate::Gates;
use super::monitor::meters::Meters;
use super::proofs::Proofs;
use super::turns::Turns;

/// Handles that every task has a share in.
pub struct Shared {
    /// The configuration in force.
    config: InForce,
    /// Where the configuration is looked for on a reload.
    pub lookup: Lookup,
    /// The ledger's writer.
    pub writer: Writer,
    /// The ledger's readers.
    pub readers: Readers,
    /// The ledger's proofs.
    pub proofs: Proofs,
    /// The archive of originals.
    pub archive: Archive,
    /// File events.
    pub watch: Watch,
    /// The registrar that new rows go to.
    pub registrar: Arc<dyn Registrar>,
    /// The same, where it is the embedded one and can be asked for its inventory.
    pub embedded: Option<Arc<Embedded>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What the wall clock and the monotonic one showed when this run began.
    pub began: (Timestamp, Duration),
    /// What both showed when a person last said that the wall clock is right.
    accepted: Mutex<Option<(Timestamp, Duration)>>,
    /// What wakes the tasks.
    pub bells: Arc<Bells>,
    /// What people are told of the daemon's state.
    pub board: Board,
    /// What is counted for monitors.
    pub meters: Arc<Meters>,
    /// Whether anything may be sent, and where to.
    pub gates: Gates,
    /// Whose turn it is.
    pub turns: Turns,
    /// What the registrar took and isn't done with.
    pub followed: Followed,
    /// What is to be sent again as it was.
    pub cut_off: CutOff,
    /// When the daemon didn't run, as far as the record tells; set at the start.
    pub pauses: OnceLock<Vec<Pause>>,
    /// The restore that opened the ledger's present epoch, if one did; set at the start.
    pub restored: OnceLock<Restore>,
    /// Cancelled when the daemon is to stop.
    pub stop: CancellationToken,
    /// Cancelled when it is to stop at once.
    pub hurry: CancellationToken,
    /// The place of the one long rehearsal that is answered at a time.
    pub long_rehearsals: Arc<Semaphore>,
    /// The whole address of the web page, once it is served.
    pub web: OnceLock<String>,
    /// Whether the daemon runs once only, and ends when there is nothing left to do now.
    pub once: bool,
}

impl Shared {
    /// Puts the handles together.
    #[expect(clippy::too_many_arguments, reason = "it is the one place where all of them meet")]
    pub fn new(
        config: InForce,
        lookup: Lookup,
        writer: Writer,
        readers: Readers,
        proofs: Proofs,
        archive: Archive,
        watch: Watch,
        registrar: Arc<dyn Registrar>,
        embedded: Option<Arc<Embedded>>,
        clock: Arc<dyn Clock>,
        bells: Arc<Bells>,
        stop: CancellationToken,
        once: bool,
    ) -> Self {
        let began = (clock.now(), clock.elapsed());
        let board = Board::new(began.0);
        let meters = Arc::new(Meters::default());
        writer.watched_by(writes(Arc::clone(&meters), Arc::clone(&clock)));
        let (gates, turns, pauses) = (Gates::default(), Turns::default(), OnceLock::new());
        Self {
            config,
            lookup,
            writer,
            readers,
            proofs,
            archive,
            watch,
            registrar,
            embedded,
            clock,
            began,
            accepted: Mutex::default(),
            bells,
            board,
            meters,
            gates,
            turns,
            followed: Followed::default(),
            cut_off: CutOff::default(),
            pauses,
            restored: OnceLock::new(),
            hurry: CancellationToken::new(),
            long_rehearsals: Arc::new(Semaphore::new(1)),
            web: OnceLock::new(),
            stop,
            once,
        }
    }

    /// The time by which waits are measured: from where the wall clock stood when this run began, or the record if that
    /// was later, it goes on by the monotonic clock, whatever is done to the other one meanwhile.
    pub fn steady(&self) -> Timestamp {
        let (wall, elapsed) = self.began;
        let record = self.pauses.get().and_then(|pauses| pauses.first()).map_or(wall, |pause| pause.from);
        wall.max(record).plus(self.clock.elapsed().saturating_sub(elapsed))
    }

    /// What both clocks showed when a person last said that the wall clock is right.
    pub(super) fn accepted_clock(&self) -> Option<(Timestamp, Duration)> {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person said that the wall clock is right, when both showed this.
    pub(super) fn accept_clock(&self, both: (Timestamp, Duration)) {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(both);
    }

    /// A person did something that may concern anybody, and may have mended the registrar.
    pub fn stir(&self) {
        self.gates.mended();
        self.bells.ring_all();
    }

    /// A person did something about the registrar's credentials or settings.
    pub fn mended(&self) {
        self.registrar.mended();
        self.stir();
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.get()
    }

    /// Puts another configuration in force.
    pub fn set_config(&self, config: Arc<Config>) {
        self.config.set(config);
    }
}

/// Measures the ledger's transactions, of which one at a time is under way.
fn writes(meters: Arc<Meters>, clock: Arc<dyn Clock>) -> TurnWatch {
    let began = Mutex::new(Duration::ZERO);
    Box::new(move |begins| {
        let elapsed = clock.elapsed();
        let mut began = began.lock().unwrap_or_else(PoisonError::into_inner);
        if begins {
            *began = elapsed;
        } else {
            meters.write.observe(elapsed.saturating_sub(*began));
        }
    })
}

/// Reading connections, lent one at a time.
pub struct Readers {
    /// Cancelled when the ledger turns out not to be as it was written.
    pub untrusted: CancellationToken,
    ledger: PathBuf,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    /// More idle connections than this aren't kept. Opening one costs as much as some hundred questions.
    const IDLE_MAX: usize = 32;

    /// So many of them keep what they read in memory: the ones that are lent again and again. Of the others, which wait
    /// for the next time that many ask at once, each would keep up to two megabytes.
    const WARM_MAX: usize = 4;

    /// Readers of the ledger at this path.
    pub fn new(ledger: PathBuf) -> Self {
        Self { untrusted: CancellationToken::new(), ledger, idle: Mutex::new(Vec::new()) }
    }

    /// Asks a question. Blocks as long as SQLite takes.
    pub fn ask<T>(&self, question: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Result<T, AskError> {
        let lent = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match lent {
            Some(reader) => reader,
            None => Reader::open(&self.ledger)?,
        };
        let answer = question(&reader).inspect_err(|error| {
            if error.is_untrusted() {
                self.untrusted.cancel();
            }
        })?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::WARM_MAX {
            idle.push(reader);
        } else if idle.len() < Self::IDLE_MAX {
            // Behind the warm ones, which are lent first. One that can't forget is closed; the answer stands either way.
            if reader.forget_pages().is_ok() {
                idle.insert(0, reader);
            }
        }
        Ok(answer)
    }
}

/// A question to the ledger wasn't answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No reading connection could be had.
    #[error("the ledger can't be opened for reading")]
    Open(#[from] OpenError),
    /// The read failed.
    #[error("the ledger can't be read")]
    Read(#[from] ReadError),
}

/// The bells: each wakes one task, and ringing one that rings already is the same as ringing it once.
#[derive(Default)]
pub struct Bells {
    /// There may be rows to register.
    pub dispatcher: Notify,
    /// There are attempts whose answer was lost.
    pub doubts: Notify,
    /// A customer may have come or gone.
    pub roster: Notify,
    /// Something on the board changed.
    pub changed: Notify,
    /// The lifecycle should look now.
    pub lifecycle: Notify,
    customers: Mutex<HashMap<CustomerKey, Arc<CustomerBells>>>,
}

/// The bells of one customer.
#[derive(Default)]
pub struct CustomerBells {
    /// Its drop folder may have changed.
    pub intake: Notify,
    /// It may be owed a result.
    pub results: Notify,
}

impl Bells {
    /// A customer's bells.
    pub fn of(&self, customer: &CustomerKey) -> Arc<CustomerBells> {
        let mut customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(customers.entry(customer.clone()).or_default())
    }

    /// Rings all bells of all customers: after a reload, a delay, a command that may concern anybody.
    pub fn ring_all(&self) {
        for bells in self.customers.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bells.intake.notify_one();
            bells.results.notify_one();
        }
        self.dispatcher.notify_one();
        self.doubts.notify_one();
        self.roster.notify_one();
        self.lifecycle.notify_one();
    }
}
