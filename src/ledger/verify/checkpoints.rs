//! Checkpoints compared with the record, line by line: the ledger, the root, the numbers of entries and of the epoch
//! must be those that the record has at their size, and their time must lie where its blocks put it.

use std::time::Duration;

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::record::Tree;
use devicedrop_core::time::Timestamp;

use super::super::check::Checked;
use super::super::rows::Head;
use super::finding::Finding;

/// By so much may a clock have been put right between a block and a checkpoint, or a root have taken to compute.
const SLACK: Duration = Duration::from_mins(5);

/// What the record comes to, block by block.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many entries there are.
    pub(super) entries: u64,
    /// The epoch of the last block and its time.
    last: Option<(u64, Timestamp)>,
}

impl Seen {
    pub(super) fn add(&mut self, block: &Checked) {
        self.entries += block.entries;
        self.last = Some((block.epoch, block.at));
    }
}

/// Checkpoints that wait for the record to reach their size, or for the block behind it.
#[derive(Debug)]
pub(super) struct Kept {
    ledger: Option<[u8; 16]>,
    /// In the order of their sizes, from the largest.
    waiting: Vec<Checkpoint>,
    /// Those of the size that was just reached, whose time the next block bounds.
    reached: Vec<Checkpoint>,
    /// The time of the last block before them.
    after: Timestamp,
}

impl Kept {
    pub(super) fn new(head: Option<&Head>, checkpoints: &[Checkpoint]) -> Self {
        let mut waiting = checkpoints.to_vec();
        waiting.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.blocks));
        let after = Timestamp::from_unix_ms(i64::MIN);
        Self { ledger: head.map(|head| head.ledger), waiting, reached: Vec::new(), after }
    }

    /// Compares those of the tree's size with it.
    pub(super) fn compare(&mut self, tree: &Tree, seen: &Seen) -> Vec<Finding> {
        let mut found = Vec::new();
        while let Some(checkpoint) = self.waiting.pop_if(|checkpoint| checkpoint.blocks == tree.len()) {
            if self.ledger.is_some_and(|ledger| ledger != checkpoint.ledger) {
                found.push(Finding::OtherLedger(checkpoint));
            } else if tree.root() != checkpoint.root {
                found.push(Finding::Rewritten(checkpoint));
            } else {
                found.extend(lines(&checkpoint, seen));
                self.reached.push(checkpoint);
            }
        }
        self.after = seen.last.map_or(self.after, |(_, at)| at);
        found
    }

    /// Compares the times of those that were made before this block. Where the clock was set back between two blocks, a
    /// time tells nothing.
    pub(super) fn compare_time(&mut self, block: u64, at: Timestamp) -> Vec<Finding> {
        let steady = at.unix_ms() >= self.after.unix_ms();
        let late = |checkpoint: &Checkpoint| steady && checkpoint.at.unix_ms() > with_slack(at);
        self.reached
            .drain(..)
            .filter(late)
            .map(|checkpoint| Finding::Line {
                checkpoint,
                what: "time",
                said: checkpoint.at.to_string(),
                given: format!("block {block}, which it didn't see yet, at {at}"),
            })
            .collect()
    }

    /// Those that saw more blocks than there are.
    pub(super) fn left(self, blocks: u64) -> Vec<Finding> {
        self.waiting.into_iter().rev().map(|checkpoint| Finding::Shorter { checkpoint, blocks }).collect()
    }
}

/// The lines that the record knows at the checkpoint's size.
fn lines(checkpoint: &Checkpoint, seen: &Seen) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut differs = |what, said: String, given: String| {
        found.push(Finding::Line { checkpoint: *checkpoint, what, said, given });
    };
    if checkpoint.entries != seen.entries {
        differs("number of entries", checkpoint.entries.to_string(), seen.entries.to_string());
    }
    if let Some((epoch, at)) = seen.last {
        if checkpoint.epoch != epoch {
            differs("epoch", checkpoint.epoch.to_string(), epoch.to_string());
        }
        if with_slack(checkpoint.at) < at.unix_ms() {
            differs("time", checkpoint.at.to_string(), format!("its last block at {at}"));
        }
    }
    found
}

fn with_slack(at: Timestamp) -> i64 {
    at.unix_ms().saturating_add(i64::try_from(SLACK.as_millis()).unwrap_or(i64::MAX))
}
