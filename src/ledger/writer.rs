//! The one writer: a handle for everybody, and the thread behind it that owns the only writing connection.
//!
//! Commands queue up; the thread takes what is there, carries each out within one transaction, commits, and then
//! answers. So one wait for the disk serves many. A command that a rule refuses is taken back alone. A write that
//! fails ends everything: the writer takes nothing more, and [`Writer::failed`] tells the daemon.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use devicedrop_core::device::Device;
use devicedrop_core::ids::{CallId, CustomerKey, RegistrationId, SubmissionEntry};
use devicedrop_core::time::Timestamp;
use tokio::sync::watch;

use super::command::{
    Finished, KnownFile, NewAction, NewCall, NewDelivery, NewRegistration, NewResult, NewSubmission, OwedKind,
    Resolution, Selection, Started,
};
use super::error::{LedgerError, WriteFailure};
use super::inline::Inline;
use super::pending::{Pending, Reply};
use super::thread::{Group, Thread};
use crate::blocking;

/// Commands that wait at most; whoever brings one more waits until there is room. One lane brings few at a time.
const QUEUE: usize = 256;

/// Defines the closed set of commands: for each the handle's method and the value that goes to the thread.
macro_rules! commands {
    ($($(#[$doc:meta])* $method:ident, $name:ident ($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// Everything that the ledger can be told.
        pub(super) enum Command {
            $($name { $($argument: $type,)* reply: Reply<$answer> },)*
            /// Everything before it is on the disk; the writer ends.
            Close { reply: Reply<()> },
        }

        impl Writer {
            $(
                $(#[$doc])*
                pub fn $method(&self, $($argument: $type),*) -> Pending<$answer> {
                    let (reply, pending) = Pending::new(self.inline.clone());
                    self.send(Command::$name { $($argument,)* reply });
                    pending
                }
            )*
        }

        impl Command {
            /// Carries it out as part of a transaction.
            pub(super) fn run(self, group: &mut Group<'_>) {
                match self {
                    $(Self::$name { $($argument,)* reply } => {
                        group.carry_out(reply, |transaction| transaction.$method($($argument),*));
                    })*
                    Self::Close { reply } => group.close(reply),
                }
            }

            /// Tells whoever waits that it wasn't carried out.
            pub(super) fn refuse(self, error: LedgerError) {
                match self {
                    $(Self::$name { reply, .. } => drop(reply.send(Err(error))),)*
                    Self::Close { reply } => drop(reply.send(Err(error))),
                }
            }
        }
    };
}

commands! {
    /// Begins an acceptance: the submission's entry, to which rows are then added.
    open_submission, OpenSubmission(new: NewSubmission) -> SubmissionEntry;
    /// Adds the next rows of a submission, in their order. Refused ones fail at once.
    add_registrations, AddRegistrations(submission: SubmissionEntry, rows: Vec<NewRegistration>) -> ();
    /// Ends an acceptance: its rows become visible and eligible, and the file is known.
    close_submission, CloseSubmission(submission: SubmissionEntry, delivery: NewDelivery, file: KnownFile) -> ();
    /// A whole acceptance in one step, for files whose rows fit one command.
    accept_whole, AcceptWhole(new: NewSubmission, rows: Vec<NewRegistration>, delivery: NewDelivery, file: KnownFile)
        -> SubmissionEntry;
    /// Puts a file on record that is rejected as a whole, and why, in English.
    reject, Reject(new: NewSubmission, why: String, delivery: NewDelivery, file: KnownFile) -> SubmissionEntry;
    /// The same content at its path again: what failed, except for its own form, is pending again; a result is owed.
    /// Returns how many rows are tried again.
    deliver_again, DeliverAgain(submission: SubmissionEntry, delivery: NewDelivery, file: KnownFile) -> u64;
    /// The file has moved from another path, which is known no more; the result is owed at the new one.
    moved, Moved(submission: SubmissionEntry, from: String, delivery: NewDelivery, file: KnownFile) -> ();
    /// The file was touched, and isn't another: known by its new marks. Not on record.
    touch, Touch(file: KnownFile) -> ();
    /// Puts the intent of one request on record. All of its rows, or none.
    start_call, StartCall(call: NewCall, registrations: Vec<RegistrationId>) -> Started;
    /// Keeps what the registrar follows a call by, until its attempts end. Not on record before that.
    track, Track(call: CallId, tracking_id: String) -> ();
    /// Puts the ends of attempts on record. All of them, or none.
    finish_attempts, FinishAttempts(finished: Vec<Finished>) -> ();
    /// The time for trying ran out for this row, which isn't under way.
    gave_up, GaveUp(registration: RegistrationId, at: Timestamp, detail: Option<String>) -> ();
    /// Failed rows are pending again. Returns how many.
    retry, Retry(selection: Selection, actor: String, at: Timestamp) -> u64;
    /// A person decides what became of an attempt in doubt.
    resolve, Resolve(registration: RegistrationId, resolution: Resolution, reason: String, actor: String, at: Timestamp)
        -> ();
    /// A pending row that isn't under way isn't due before then. Not on record.
    postpone, Postpone(rows: Vec<(RegistrationId, Timestamp)>) -> ();
    /// Devices were used: when each was last seen. One that is in use already stays so, and isn't on record again.
    seen, Seen(devices: Vec<(RegistrationId, Timestamp)>, at: Timestamp) -> ();
    /// Devices in use weren't seen for too long.
    unseen, Unseen(devices: Vec<RegistrationId>, at: Timestamp) -> ();
    /// The customer gave the device up: no registration holds it any more. Returns the one that did.
    release, Release(customer: CustomerKey, device: Device, actor: String, at: Timestamp) -> Option<RegistrationId>;
    /// Puts a result file on record that stands in place.
    result_written, ResultWritten(result: NewResult) -> ();
    /// A result is owed, beyond what the ledger owes by itself.
    owe, Owe(submission: SubmissionEntry, kind: OwedKind, at: Timestamp) -> ();
    /// What was owed at that version is in place, durably. What came up since stays owed.
    pay, Pay(submission: SubmissionEntry, version: i64) -> ();
    /// A result couldn't be put in place, and why.
    unpaid, Unpaid(submission: SubmissionEntry, reason: String) -> ();
    /// A file that is refused unread; once on record for each path and reason. Returns whether it is new.
    refuse, Refuse(customer: CustomerKey, file: String, reason: String, at: Timestamp) -> bool;
    /// Notes something for a part of the daemon, of a customer or of all; without a value, forgets it. Not on record.
    note, Note(customer: Option<CustomerKey>, topic: String, key: String, value: Option<String>) -> ();
    /// Puts on record what a person, or the daemon, did.
    act, Act(action: NewAction) -> ();
}

/// Told by the writer when a transaction begins, and when it has ended. Called in the writer's thread: it must be quick.
pub type TurnWatch = Box<dyn Fn(bool) + Send + Sync>;

/// The handle of the one writer. Cheap to clone; the thread ends with the last one, or with [`Writer::close`].
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Command>,
    failure: watch::Receiver<Option<WriteFailure>>,
    turns: Arc<AtomicU64>,
    watch: Arc<OnceLock<TurnWatch>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// Stands in for the thread in a simulation.
    inline: Option<Arc<Inline>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(thread: Thread) -> std::io::Result<Self> {
        let (queue, commands) = sync_channel(QUEUE);
        let (failed, failure) = watch::channel(None);
        let (turns, watch) = (Arc::clone(&thread.turns), Arc::clone(&thread.watch));
        if blocking::simulated().is_some() {
            let inline = Some(Arc::new(Inline::new(thread, commands, failed)));
            return Ok(Self { queue, failure, turns, watch, thread: Arc::default(), inline });
        }
        let thread =
            std::thread::Builder::new().name("ledger".to_owned()).spawn(move || thread.run(commands, &failed))?;
        Ok(Self { queue, failure, turns, watch, thread: Arc::new(Mutex::new(Some(thread))), inline: None })
    }

    /// Waits until all that was sent before is on the disk, marks the ledger as left in order, and ends the thread.
    /// Later commands are answered with [`LedgerError::Stopped`].
    pub fn close(&self) -> Pending<()> {
        let (reply, pending) = Pending::new(self.inline.clone());
        self.send(Command::Close { reply });
        pending
    }

    /// Waits until a write fails; for ever, if none does. The daemon ends itself then (exit code 3).
    pub async fn failed(&self) -> WriteFailure {
        let mut failure = self.failure.clone();
        loop {
            if let Some(failure) = failure.borrow_and_update().clone() {
                return failure;
            }
            if failure.changed().await.is_err() {
                // Closed in order: nothing will fail any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Which transaction is under way, if one is: the same one for long, and the disk doesn't come back from it.
    pub fn under_way(&self) -> Option<u64> {
        let turns = self.turns.load(Ordering::Relaxed);
        (turns % 2 == 1).then_some(turns)
    }

    /// Has each transaction's beginning and end told; by the first who asks for it.
    pub fn watched_by(&self, watch: TurnWatch) {
        if self.watch.set(watch).is_err() {
            tracing::debug!("the ledger's transactions are watched already");
        }
    }

    /// Why the writer stopped, if a write failed.
    pub fn failure(&self) -> Option<WriteFailure> {
        self.failure.borrow().clone()
    }

    /// Waits for the thread's end, after [`Writer::close`].
    pub fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }

    fn send(&self, command: Command) {
        if let Some(inline) = &self.inline {
            return inline.send(&self.queue, command);
        }
        if let Err(refused) = self.queue.send(command) {
            refused.0.refuse(LedgerError::Stopped);
        }
    }
}
