//! What was found in one file: counted, the first of it kept, and printed for people or for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use devicedrop_core::device::Format;
use devicedrop_core::dialect::Delimiter;
use devicedrop_core::sheet::Head;
use devicedrop_core::shown::shown_bytes;
use devicedrop_core::survey::Encoding;
use serde::Serialize;

use super::finding::Finding;
use crate::cli::output::{Output, Paint};
use crate::cli::replies::counted;

/// How many findings of one file are shown: whoever has more begins with these.
const SHOWN: usize = 100;

/// What would become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Accepted,
    Rejected,
    /// It would not even be read.
    Ignored,
}

/// What was found in one file.
pub(super) struct Report {
    /// Harmless to show.
    file: String,
    pub(super) encoding: Option<Encoding>,
    /// How many devices others were compared with, where that wasn't all.
    pub(super) compared_with: Option<usize>,
    known: Option<(Format, Delimiter)>,
    outcome: Outcome,
    rows: u64,
    refused: u64,
    looks_wrong: u64,
    of_file: Vec<Finding>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

/// A report as programs read it.
#[derive(Serialize)]
struct Document<'a> {
    file: &'a str,
    outcome: Outcome,
    format: Option<&'static str>,
    encoding: Option<&'static str>,
    delimiter: Option<&'static str>,
    rows: u64,
    rows_refused: u64,
    warnings: u64,
    findings: Vec<&'a Finding>,
    findings_left_out: u64,
}

impl Report {
    /// Nothing found yet.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: shown_bytes(path.as_os_str().as_encoded_bytes()).to_string(),
            encoding: None,
            compared_with: None,
            known: None,
            outcome: Outcome::Accepted,
            rows: 0,
            refused: 0,
            looks_wrong: 0,
            of_file: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Why the file would not even be read, if there is a reason.
    pub(super) fn not_taken(&mut self, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.outcome = Outcome::Ignored;
        }
        self.of_file.extend(findings);
    }

    /// Why the file would be rejected as a whole.
    pub(super) fn rejected(&mut self, finding: Finding) {
        if self.outcome == Outcome::Accepted {
            self.outcome = Outcome::Rejected;
        }
        self.of_file.push(finding);
    }

    /// The headings are understood.
    pub(super) fn head(&mut self, head: &Head) {
        self.known = Some((head.format, head.dialect.delimiter));
    }

    /// A row is refused.
    pub(super) fn refuse(&mut self, finding: &dyn Fn() -> Finding) {
        self.refused += 1;
        if self.errors.len() < SHOWN {
            self.errors.push(finding());
        }
    }

    /// Something in a row looks wrong.
    pub(super) fn warn(&mut self, finding: &dyn Fn() -> Finding) {
        self.looks_wrong += 1;
        if self.warnings.len() < SHOWN {
            self.warnings.push(finding());
        }
    }

    /// One more row was read.
    pub(super) fn row(&mut self, head: &Head) {
        self.head(head);
        self.rows += 1;
    }

    /// Whether all of it would be taken.
    pub(super) fn fine(&self) -> bool {
        self.outcome == Outcome::Accepted && self.refused == 0
    }

    fn kept(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.of_file.iter_mut().chain(&mut self.errors).chain(&mut self.warnings)
    }

    /// The lines to show.
    pub(super) fn lines(&mut self) -> BTreeSet<u64> {
        self.kept().filter_map(|finding| finding.line).collect()
    }

    /// Takes the lines to show.
    pub(super) fn locate(&mut self, lines: &BTreeMap<u64, Vec<u8>>) {
        let delimiter = self.known.map(|(_, delimiter)| delimiter);
        for finding in self.kept() {
            if let Some(line) = finding.line.and_then(|line| lines.get(&line)) {
                finding.locate(line, delimiter);
            }
        }
    }

    /// What is shown: what concerns the whole file, then the first rows, those refused before those that only look
    /// wrong.
    fn shown(&self) -> Vec<&Finding> {
        let mut rows: Vec<&Finding> = self.errors.iter().chain(&self.warnings).take(SHOWN).collect();
        rows.sort_by_key(|finding| finding.line);
        self.of_file.iter().chain(rows).collect()
    }

    fn left_out(&self) -> u64 {
        let shown = u64::try_from(self.shown().len() - self.of_file.len()).unwrap_or(u64::MAX);
        (self.refused + self.looks_wrong).saturating_sub(shown)
    }

    /// Prints it.
    pub(super) fn print(&self, json: bool, output: &mut Output) -> io::Result<()> {
        if json {
            return output.json(&Document {
                file: &self.file,
                outcome: self.outcome,
                format: self.known.map(|(format, _)| format.code()),
                encoding: self.encoding.map(Encoding::code),
                delimiter: self.known.map(|(_, delimiter)| delimiter.code()),
                rows: self.rows,
                rows_refused: self.refused,
                warnings: self.looks_wrong,
                findings: self.shown(),
                findings_left_out: self.left_out(),
            });
        }
        self.shown().into_iter().try_for_each(|finding| finding.print(&self.file, output))?;
        let left_out = self.left_out();
        if left_out > 0 {
            output.line(format_args!("and {left_out} more\n"))?;
        }
        if let Some(number) = self.compared_with {
            output.line(format_args!(
                "rows that stand twice were looked for among the first {number} devices only\n"
            ))?;
        }
        let verdict = self.verdict(output);
        output.line(format_args!("{}: {}: {verdict}", self.file, counted(self.rows, "row")))
    }

    fn verdict(&self, output: &Output) -> String {
        let bad = |text: &str| output.painted(Paint::Bad, text);
        match (self.outcome, self.refused, self.looks_wrong) {
            (Outcome::Ignored, ..) => bad("the file would not be taken"),
            (Outcome::Rejected, ..) => bad("the whole file would be rejected"),
            (Outcome::Accepted, 0, 0) => output.painted(Paint::Good, "nothing would be refused"),
            (Outcome::Accepted, 0, wrong) => {
                output.painted(Paint::Care, &format!("nothing would be refused, {wrong} to look at"))
            }
            (Outcome::Accepted, refused, 0) => bad(&format!("{refused} would be refused")),
            (Outcome::Accepted, refused, wrong) => {
                bad(&format!("{refused} would be refused, {wrong} more to look at"))
            }
        }
    }
}
