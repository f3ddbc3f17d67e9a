//! The devices of a file so far, to find those that stand twice: in a memory that no file can fill.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use devicedrop_core::row::Content;

/// Devices that are remembered, some 40 MB of them.
const REMEMBERED: usize = 1 << 20;

/// Of each device a hash and its line.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    lines: HashMap<u64, u64>,
    forgets: bool,
}

impl Seen {
    /// The line on which this device stood first, if it did before.
    pub(super) fn before(&mut self, content: &Content<'_>, line: u64) -> Option<u64> {
        let hash = self.hasher.hash_one((content.manufacturer, content.model, content.serial_number));
        if let Some(first) = self.lines.get(&hash) {
            return Some(*first);
        }
        if self.lines.len() < REMEMBERED {
            self.lines.insert(hash, line);
        } else {
            self.forgets = true;
        }
        None
    }

    /// How many devices others were compared with, where that wasn't all.
    pub(super) fn compared_with(&self) -> Option<usize> {
        self.forgets.then_some(self.lines.len())
    }
}
