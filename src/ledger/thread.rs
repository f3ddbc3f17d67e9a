//! The writer's thread: takes what is queued, carries it out in one transaction, commits, and then answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use devicedrop_core::ids::EntryId;
use devicedrop_core::record::{BlockHeader, Secret, commitment};
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, params};
use tokio::sync::watch;

use super::error::{LedgerError, WriteFailure};
use super::pending::Reply;
use super::room::{Room, Wanted};
use super::transaction::{Broken, Record, Stop, Transaction};
use super::words::Words;
use super::writer::{Command, TurnWatch};
use crate::blocking::{self, Effect};

/// Entries from which on a transaction takes no further command: more gains nothing, and those who wait wait longer.
const ENTRIES: i64 = 20_000;
/// Commands of one transaction at most, so that the first one needn't wait for a queue that refills for ever.
const COMMANDS: usize = 256;

/// The end of the chain, as it is on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    pub(super) blocks: u64,
    pub(super) last: [u8; 32],
}

impl Chain {
    /// Of a ledger without a block.
    pub(super) const NONE: Self = Self { blocks: 0, last: [0; 32] };
}

/// All that the thread owns.
pub(super) struct Thread {
    pub(super) db: Connection,
    pub(super) record: Record,
    pub(super) words: Words,
    pub(super) chain: Chain,
    pub(super) room: Room,
    /// How much space is to be held back, for whoever opened the ledger to say.
    pub(super) room_wanted: Wanted,
    /// Counts the beginnings of transactions and their ends: odd while one is under way.
    pub(super) turns: Arc<AtomicU64>,
    /// Told of each beginning and each end, once somebody wants to know.
    pub(super) watch: Arc<OnceLock<TurnWatch>>,
}

/// What is told once the commit is through, or isn't.
type Answer = Box<dyn FnOnce(bool) + Send>;

/// One transaction under way.
pub(super) struct Group<'a> {
    thread: &'a mut Thread,
    secret: Secret,
    answers: Vec<Answer>,
    at: Option<Timestamp>,
    first: i64,
    broken: Option<Broken>,
    closing: bool,
}

impl Thread {
    /// Works until it is closed, or the last handle is gone, or a write fails.
    pub(super) fn run(mut self, queue: Receiver<Command>, failure: &watch::Sender<Option<WriteFailure>>) {
        while let Ok(first) = queue.recv() {
            if !self.serve(first, &queue, failure) {
                return refuse_all(queue);
            }
        }
        if let Err(error) = self.left_in_order() {
            tracing::warn!(error = %error, "the ledger can't be marked as left in order; the next start checks all of it");
        }
    }

    /// Carries out what is queued, as far as that goes without waiting. Returns whether to go on.
    pub(super) fn turn(&mut self, queue: &Receiver<Command>, failure: &watch::Sender<Option<WriteFailure>>) -> bool {
        queue.try_iter().all(|first| self.serve(first, queue, failure))
    }

    /// Carries out one transaction, and tells if that failed. Returns whether to go on.
    fn serve(
        &mut self,
        first: Command,
        queue: &Receiver<Command>,
        failure: &watch::Sender<Option<WriteFailure>>,
    ) -> bool {
        self.group(first, queue).unwrap_or_else(|broken| {
            tracing::error!(error = %broken, "a write to the ledger failed");
            // Said before anybody is refused, so that who is refused can ask why.
            failure.send_replace(Some(WriteFailure(Arc::new(broken))));
            false
        })
    }

    /// Carries out one transaction that begins with `first`. Returns whether to go on.
    fn group(&mut self, first: Command, queue: &Receiver<Command>) -> Result<bool, Broken> {
        self.turned(true);
        let done = self.transaction(first, queue);
        self.turned(false);
        done
    }

    fn turned(&self, begins: bool) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        if let Some(watch) = self.watch.get() {
            watch(begins);
        }
    }

    fn transaction(&mut self, first: Command, queue: &Receiver<Command>) -> Result<bool, Broken> {
        self.room.look();
        self.begin()?;
        let mut group = Group::new(self)?;
        first.run(&mut group);
        for _ in 1..COMMANDS {
            if group.is_full() {
                break;
            }
            let Ok(command) = queue.try_recv() else { break };
            command.run(&mut group);
        }
        group.end()
    }

    /// One transaction of our own, outside the queue: for a ledger's first entry.
    pub(super) fn alone(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<(), Stop>,
    ) -> Result<(), Broken> {
        self.begin()?;
        let mut group = Group::new(self)?;
        group.work(work).map_err(|stop| match stop {
            Stop::Broken(broken) => broken,
            Stop::Refused(refusal) => {
                tracing::error!(%refusal, "the ledger refused its own entry");
                Broken::Hasher
            }
        })?;
        group.end().map(|_| ())
    }

    /// Waits for the database, however long some other tool holds it: nothing was written yet, so nothing is lost.
    fn begin(&self) -> Result<(), Broken> {
        loop {
            match self.db.execute_batch("BEGIN IMMEDIATE") {
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                    tracing::warn!("another program holds the ledger; nothing is taken or sent until it lets go");
                }
                other => return Ok(other?),
            }
        }
    }

    pub(super) fn left_in_order(&self) -> rusqlite::Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE; UPDATE run SET clean = 1; COMMIT")
    }
}

/// Answers whoever waits when the writer has ended.
pub(super) fn refuse_all(queue: Receiver<Command>) {
    for command in queue.try_iter() {
        command.refuse(LedgerError::Stopped);
    }
    // What is sent from here on finds nobody; what slipped in between is answered by the drop of its reply.
    drop(queue);
}

impl<'a> Group<'a> {
    fn new(thread: &'a mut Thread) -> Result<Self, Broken> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(Broken::Random)?;
        let first = thread.record.next;
        thread.record.begin_block(secret).map_err(|_| Broken::Hasher)?;
        Ok(Self { thread, secret, answers: Vec::new(), at: None, first, broken: None, closing: false })
    }

    fn is_full(&self) -> bool {
        self.broken.is_some() || self.closing || self.thread.record.next - self.first >= ENTRIES
    }

    /// Carries out one command; its answer waits for the commit.
    pub(super) fn carry_out<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Stop>,
    ) {
        if self.broken.is_some() {
            return drop(reply.send(Err(LedgerError::Stopped)));
        }
        let answer = match self.work(work) {
            Ok(value) => Ok(value),
            Err(Stop::Refused(refusal)) => Err(LedgerError::Refused(refusal)),
            Err(Stop::Broken(broken)) => {
                self.broken = Some(broken);
                Err(LedgerError::Stopped)
            }
        };
        self.answers.push(Box::new(move |committed| {
            drop(reply.send(if committed { answer } else { Err(LedgerError::Stopped) }));
        }));
    }

    pub(super) fn close(&mut self, reply: Reply<()>) {
        self.closing = true;
        self.answers.push(Box::new(move |committed| {
            drop(reply.send(if committed { Ok(()) } else { Err(LedgerError::Stopped) }));
        }));
    }

    /// Runs `work` so that it can be taken back alone.
    fn work<T>(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Stop>) -> Result<T, Stop> {
        let Thread { db, record, words, .. } = &mut *self.thread;
        db.prepare_cached("SAVEPOINT command")?.execute([])?;
        let mut transaction = Transaction::new(db, record, words);
        let done = work(&mut transaction);
        let at = transaction.at;
        match &done {
            Ok(_) => {
                record.keep()?;
                self.at = at.or(self.at);
            }
            Err(Stop::Refused(_)) => {
                db.prepare_cached("ROLLBACK TO command")?.execute([])?;
                record.discard()?;
                words.forget();
            }
            Err(Stop::Broken(_)) => return done,
        }
        db.prepare_cached("RELEASE command")?.execute([])?;
        done
    }

    /// Writes the block, commits, and answers. Returns whether to go on.
    fn end(mut self) -> Result<bool, Broken> {
        let committed = match self.broken.take() {
            None => self.commit(),
            Some(broken) => Err(broken),
        };
        for answer in self.answers {
            answer(committed.is_ok());
        }
        committed.map(|()| !self.closing)
    }

    fn commit(&mut self) -> Result<(), Broken> {
        if self.closing {
            self.thread.db.execute("UPDATE run SET clean = 1", [])?;
        }
        let chain = self.block()?;
        // When this fails, the transaction may be on the disk all the same: nothing is tried again in place.
        blocking::meet(Effect::Commit).map_err(Broken::Disk)?;
        self.thread.db.prepare_cached("COMMIT")?.execute([])?;
        blocking::meet(Effect::Committed).map_err(Broken::Disk)?;
        self.thread.chain = chain;
        Ok(())
    }

    fn block(&self) -> Result<Chain, Broken> {
        let (db, chain, next) = (&self.thread.db, self.thread.chain, self.thread.record.next);
        let entries = next - self.first;
        let (Some(first), true) = (EntryId::new(self.first), entries > 0) else { return Ok(chain) };
        let (ledger, epoch): ([u8; 16], i64) = db
            .prepare_cached("SELECT ledger_uuid, number FROM epoch ORDER BY id DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let number = chain.blocks + 1;
        let seal = self.thread.record.seal().map_err(|_| Broken::Hasher)?;
        let header = BlockHeader {
            ledger,
            epoch: u64::try_from(epoch).unwrap_or(0),
            number,
            first,
            entries: u64::try_from(entries).unwrap_or(0),
            at: self.at.unwrap_or(Timestamp::from_unix_ms(0)),
            root: seal.root,
            commitment: commitment(&self.secret),
            previous: chain.last,
        };
        let hash = header.hash();
        db.prepare_cached(
            "INSERT INTO block(number, first_entry, entries, at, secret, root, hash, marks)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            super::entries::whole(number),
            self.first,
            entries,
            header.at.unix_ms(),
            self.secret,
            header.root,
            hash,
            seal.marks
        ])?;
        Ok(Chain { blocks: number, last: hash })
    }
}
