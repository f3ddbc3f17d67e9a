//! What an outside reader saw in the ledger, and after which event. Whatever he saw once must be there for ever after,
//! to the letter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use devicedrop::ledger::Reader;
use devicedrop_core::device::Sha256;
use devicedrop_testkit::env::TestEnv;

use crate::server::Server;

/// The views, and of each what never changes in it once it is on record.
const VIEWS: [(&str, &str); 9] = [
    (
        "submission",
        "SELECT submission_id, customer, file, order_id, purchase_id, format, encoding, delimiter, sha256, bytes,
           received_at, outcome, rejection, rows FROM audit_submissions",
    ),
    ("delivery", "SELECT * FROM audit_deliveries"),
    (
        "registration",
        "SELECT registration_id, submission_id, customer, file, line, order_id, purchase_id, manufacturer, model,
           serial_number, hardware_hash FROM audit_registrations",
    ),
    ("attempt", "SELECT attempt_id, registration_id, number, registrar, target, started_at FROM audit_attempts"),
    ("outcome", "SELECT * FROM audit_attempts WHERE outcome IS NOT NULL"),
    ("transition", "SELECT * FROM audit_transitions"),
    ("result", "SELECT * FROM audit_results"),
    ("refusal", "SELECT * FROM audit_refusals"),
    ("action", "SELECT * FROM audit_actions"),
];

/// How long the reader waits between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// A line of a view: the view's word, and its cells as JSON.
pub(super) type Fact = (&'static str, String);

/// Everything that is on record.
pub(super) fn on_record(env: &TestEnv) -> Result<BTreeSet<Fact>> {
    let mut facts = BTreeSet::new();
    for (view, sql) in VIEWS {
        for row in env.query(sql)? {
            facts.insert((view, serde_json::to_string(&row)?));
        }
    }
    Ok(facts)
}

/// The end of the record at a moment: after which event it was seen first, how many blocks there were, and the hash of
/// the last, on which every entry before it depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) seen: usize,
    pub(super) blocks: u64,
    pub(super) hash: Sha256,
}

/// What was seen, each with the position at which it was seen first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    facts: Mutex<BTreeMap<Fact, usize>>,
    ends: Mutex<Vec<End>>,
}

impl Seen {
    /// Looks once. While the ledger is being made there is nothing to be seen.
    pub(super) fn look(&self, env: &TestEnv, disks: &Server) -> Result<()> {
        let head = Reader::open(&env.ledger())?.head()?;
        let found = on_record(env)?;
        // Asked after the look: what was seen rests on what was written until now.
        let position = disks.position()?;
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        for fact in found {
            facts.entry(fact).or_insert(position);
        }
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = head
            && ends.last().is_none_or(|last| last.blocks < head.blocks)
        {
            ends.push(End { seen: position, blocks: head.blocks, hash: head.hash });
        }
        Ok(())
    }

    /// Looks again and again, until the other end is gone.
    pub(super) fn look_until(&self, env: &TestEnv, disks: &Server, end: &Receiver<()>) {
        while end.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            // Fails while the ledger is being made; the look at the end must not.
            drop(self.look(env, disks));
        }
    }

    /// The facts, with their positions, and the ends in their order.
    pub(super) fn all(self) -> (BTreeMap<Fact, usize>, Vec<End>) {
        let facts = self.facts.into_inner().unwrap_or_else(PoisonError::into_inner);
        (facts, self.ends.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
