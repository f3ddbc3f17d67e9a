//! What an outside reader saw in the ledger, and after which event. Whatever he saw once must be there for ever after,
//! to the letter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Result;
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

/// How much is on record, view by view.
pub(super) fn counts(env: &TestEnv) -> Result<BTreeMap<&'static str, usize>> {
    let mut counts = BTreeMap::new();
    for (view, sql) in VIEWS {
        let counted = env.query(&format!("SELECT count(*) FROM ({sql})"))?;
        let count = counted.first().and_then(|row| row.first()).and_then(serde_json::Value::as_u64);
        counts.insert(view, usize::try_from(count.unwrap_or(0))?);
    }
    Ok(counts)
}

/// What was seen, each with the position at which it was seen first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    facts: Mutex<BTreeMap<Fact, usize>>,
}

impl Seen {
    /// Looks once. While the ledger is being made there is nothing to be seen.
    pub(super) fn look(&self, env: &TestEnv, disks: &Server) -> Result<()> {
        let found = on_record(env)?;
        // Asked after the look: what was seen rests on what was written until now.
        let position = disks.position()?;
        let mut facts = self.facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for fact in found {
            facts.entry(fact).or_insert(position);
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

    /// The facts, with their positions.
    pub(super) fn facts(self) -> BTreeMap<Fact, usize> {
        self.facts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
