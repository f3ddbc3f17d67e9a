//! Looks below headings that nobody can make sense of: reports begin with a title, and then ours stand further down.
//!
//! Only to be able to say so: nothing is accepted that doesn't begin with its headings.

use crate::dialect::Delimiter;
use crate::limits::{SEARCHED_LINES, SNIFFED_BYTES};
use crate::lines::{LineCount, ends_line};
use crate::problem::{FileProblem, HeadingHint};

/// A search, line by line.
pub(crate) struct Below {
    problem: FileProblem,
    /// Whether the headings may stand in any order and among others.
    free: bool,
    lines: LineCount,
    held: Vec<u8>,
    /// Lines still to be looked at.
    left: usize,
}

impl Below {
    /// Whether a problem is one that headings further down would explain.
    pub(crate) fn may_explain(problem: &FileProblem) -> bool {
        let FileProblem::HeadingsDiffer { hint, .. } = problem else { return false };
        matches!(hint.plain(), HeadingHint::Unknown | HeadingHint::Missing)
    }

    /// Begins behind the line that was taken for the headings.
    pub(crate) fn new(problem: FileProblem, lines: LineCount, free: bool) -> Self {
        Self { problem, free, lines, held: Vec::new(), left: SEARCHED_LINES }
    }

    pub(crate) fn lines(&self) -> &LineCount {
        &self.lines
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.capacity()
    }

    /// Reads on. The problem, once nothing more is to be learned of it.
    pub(crate) fn feed(&mut self, text: &[u8]) -> Result<(), FileProblem> {
        for part in text.split_inclusive(|byte| ends_line(*byte)) {
            let line = self.lines.line();
            self.lines.one_line(part);
            let ended = part.last().is_some_and(|byte| ends_line(*byte));
            let room = SNIFFED_BYTES.saturating_sub(self.held.len()).min(part.len());
            self.held.extend_from_slice(part.get(..room).unwrap_or_default());
            if !ended {
                continue;
            }
            if self.are_ours() {
                return Err(self.found(line));
            }
            // Blank lines don't count, nor does the LF of a CRLF.
            self.left -= usize::from(self.held.len() > 1);
            self.held.clear();
            if self.left == 0 {
                return Err(self.problem.clone());
            }
        }
        Ok(())
    }

    /// The text ends here.
    pub(crate) fn finish(self) -> FileProblem {
        if self.are_ours() { self.found(self.lines.line()) } else { self.problem }
    }

    fn found(&self, below: u64) -> FileProblem {
        match self.problem.clone() {
            FileProblem::HeadingsDiffer { line, found, expected, hint } => {
                let below = HeadingHint::Below(below);
                let hint = match hint {
                    HeadingHint::Mapped { headings, .. } => HeadingHint::Mapped { hint: Box::new(below), headings },
                    _ => below,
                };
                FileProblem::HeadingsDiffer { line, found, expected, hint }
            }
            other => other,
        }
    }

    /// Whether the line held is one that would have been accepted as headings.
    fn are_ours(&self) -> bool {
        let FileProblem::HeadingsDiffer { expected, .. } = &self.problem else { return false };
        let Ok(text) = std::str::from_utf8(&self.held) else { return false };
        Delimiter::ALL.into_iter().any(|delimiter| {
            let bare = |cell: &str| cell.trim().trim_matches('"').trim().to_owned();
            let mut cells: Vec<String> = text.split(char::from(delimiter.byte())).map(bare).collect();
            while cells.last().is_some_and(String::is_empty) {
                cells.pop();
            }
            expected.iter().any(|headings| {
                if self.free { headings.iter().all(|one| cells.contains(one)) } else { *headings == cells }
            })
        })
    }
}
