//! What happened in a simulation, line by line: kept as a digest that two runs of one seed must share, and its end for
//! people to read.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use devicedrop_core::device::Sha256;
use tracing::field::{Field, Visit};

/// Lines that are kept to be shown.
const SHOWN: usize = 60;

/// The trace of one simulation.
#[derive(Debug)]
pub(super) struct Trace {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    digest: Sha256,
    last: VecDeque<String>,
    lines: u64,
    whole: Option<File>,
    /// The folder of the simulation, whose name is another each time.
    folder: String,
}

impl Trace {
    /// An empty trace of what happens in this folder; with `whole`, every line is written there.
    pub(super) fn new(folder: String, whole: Option<File>) -> Self {
        let state = State { digest: Sha256::of(b""), last: VecDeque::new(), lines: 0, whole, folder };
        Self { state: Mutex::new(state) }
    }

    /// Adds a line.
    pub(super) fn say(&self, line: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = line.replace(&state.folder, "$");
        state.digest = Sha256::of(&[state.digest.as_bytes(), line.as_bytes()].concat());
        state.lines += 1;
        if let Some(file) = &mut state.whole {
            // A trace that can't be written is seen to be missing by whoever asked for it.
            drop(writeln!(file, "{line}"));
        }
        if state.last.len() == SHOWN {
            state.last.pop_front();
        }
        state.last.push_back(line);
    }

    /// The digest of all lines, and how many they are.
    pub(super) fn digest(&self) -> (Sha256, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.digest, state.lines)
    }

    /// The last lines.
    pub(super) fn end(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last.iter().fold(String::new(), |text, line| text + line + "\n")
    }
}

/// An event of the daemon's log in one line, without what hangs on the folder's name by a hash.
#[derive(Debug, Default)]
pub(super) struct Line(pub(super) String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if !matches!(field.name(), "root" | "ledger") {
            // Writing to a text can't fail.
            write!(self.0, " {}={value:?}", field.name()).unwrap_or_default();
        }
    }
}
