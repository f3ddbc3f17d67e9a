//! What was found in one file: counted, the first of each kind kept, and printed for people or for programs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use devicedrop_core::device::{Column, Format};
use devicedrop_core::dialect::Delimiter;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{Label, WaitsFor, label};
use devicedrop_core::name::path_text;
use devicedrop_core::sheet::Head;
use devicedrop_core::shown::shown_bytes;
use devicedrop_core::survey::Encoding;
use serde::Serialize;

use super::finding::{Finding, Key};
use crate::cli::output::{Output, Paint};

/// How many findings of a kind people are shown: whoever has more begins with these.
const SHOWN: usize = 5;

/// How many programs are given: enough for samples, and few enough that the lines they stand on are no load.
const GIVEN: usize = 20;

/// What would become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Accepted,
    Rejected,
    /// It would not even be read.
    Ignored,
}

/// Findings that are told as one.
#[derive(Debug, Default)]
struct Kind {
    kept: Vec<Finding>,
    all: u64,
}

impl Kind {
    /// How many there are beyond those kept.
    fn more(&self) -> u64 {
        self.all.saturating_sub(u64::try_from(self.kept.len()).unwrap_or(u64::MAX))
    }
}

/// What was found in one file.
pub(super) struct Report {
    path: PathBuf,
    locale: Locale,
    most: usize,
    pub(super) encoding: Option<Encoding>,
    /// What is to be said of how much was compared, where that wasn't all.
    pub(super) compared: Option<String>,
    known: Option<(Format, Delimiter)>,
    outcome: Outcome,
    rows: u64,
    refused: u64,
    looks_wrong: u64,
    of_file: Vec<Finding>,
    kinds: BTreeMap<Key, Kind>,
}

/// A report as programs read it.
#[derive(Serialize)]
struct Document<'a> {
    /// The path itself; of one that isn't UTF-8, as the ledger's views have it.
    file: Cow<'a, str>,
    /// Whether it isn't UTF-8.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    file_escaped: bool,
    outcome: Outcome,
    format: Option<&'static str>,
    encoding: Option<&'static str>,
    delimiter: Option<&'static str>,
    rows: u64,
    rows_refused: u64,
    warnings: u64,
    findings: Vec<Given<'a>>,
    findings_left_out: u64,
}

/// A finding as programs read it.
#[derive(Serialize)]
struct Given<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    /// How many more there are like it that aren't given.
    more: u64,
}

impl Report {
    /// Nothing found yet. At most so many findings of a kind are kept.
    pub(super) fn new(path: &Path, locale: Locale, most: usize) -> Self {
        Self {
            path: path.to_owned(),
            locale,
            most,
            encoding: None,
            compared: None,
            known: None,
            outcome: Outcome::Accepted,
            rows: 0,
            refused: 0,
            looks_wrong: 0,
            of_file: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// How many findings of a kind are kept for programs, and how many for people.
    pub(super) fn kept_of_a_kind(json: bool) -> usize {
        if json { GIVEN } else { SHOWN }
    }

    /// Why the file would not even be read, if there is a reason.
    pub(super) fn not_taken(&mut self, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.outcome = Outcome::Ignored;
        }
        self.of_file.extend(findings);
    }

    /// What the file would wait for, or why it would not be taken before something beside it is put right.
    pub(super) fn waits(&mut self, what: &WaitsFor) {
        let finding = Finding::waits_for(what, self.locale);
        if what.is_refusal() {
            self.not_taken(vec![finding]);
        } else {
            self.add(&finding.key(), &|| finding.clone());
        }
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
    pub(super) fn refuse(&mut self, key: &Key, finding: &dyn Fn() -> Finding) {
        self.refused += 1;
        self.keep(key, finding);
    }

    /// Something looks wrong.
    pub(super) fn add(&mut self, key: &Key, finding: &dyn Fn() -> Finding) {
        self.looks_wrong += 1;
        self.keep(key, finding);
    }

    /// So many more serial numbers lost zeros.
    pub(super) fn more_lost_zeros(&mut self, more: u64) {
        self.looks_wrong += more;
        if let Some(kind) = self.kinds.get_mut(&("lost_zeros", Some(Column::SerialNumber))) {
            kind.all += more;
        }
    }

    fn keep(&mut self, key: &Key, finding: &dyn Fn() -> Finding) {
        let kind = self.kinds.entry(*key).or_default();
        kind.all += 1;
        if kind.kept.len() < self.most {
            kind.kept.push(finding());
        }
    }

    /// One more row was read.
    pub(super) fn row(&mut self, head: &Head) {
        if self.known.is_none() {
            self.head(head);
        }
        self.rows += 1;
    }

    /// Whether all of it would be taken.
    pub(super) fn fine(&self) -> bool {
        self.outcome == Outcome::Accepted && self.refused == 0
    }

    fn kept(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.of_file.iter_mut().chain(self.kinds.values_mut().flat_map(|kind| &mut kind.kept))
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

    /// What is shown: what concerns the whole file, then the rows in their order. How many more there are of a kind is
    /// said with the last of it.
    fn shown(&self) -> Vec<Given<'_>> {
        let mut rows = Vec::new();
        for kind in self.kinds.values() {
            let last = kind.kept.iter().max_by_key(|finding| finding.line);
            for finding in &kind.kept {
                let is_last = last.is_some_and(|last| std::ptr::eq(last, finding));
                rows.push(Given { finding, more: if is_last { kind.more() } else { 0 } });
            }
        }
        rows.sort_by_key(|given| (given.finding.line, given.finding.position));
        self.of_file.iter().map(|finding| Given { finding, more: 0 }).chain(rows).collect()
    }

    /// Prints it.
    pub(super) fn print(&self, json: bool, output: &mut Output) -> io::Result<()> {
        if json {
            let file = self.path.to_str();
            return output.json(&Document {
                file: file.map_or_else(|| path_text(self.path.as_os_str().as_bytes()).into(), Cow::Borrowed),
                file_escaped: file.is_none(),
                outcome: self.outcome,
                format: self.known.map(|(format, _)| format.code()),
                encoding: self.encoding.map(Encoding::code),
                delimiter: self.known.map(|(_, delimiter)| delimiter.code()),
                rows: self.rows,
                rows_refused: self.refused,
                warnings: self.looks_wrong,
                findings: self.shown(),
                findings_left_out: self.kinds.values().map(Kind::more).sum(),
            });
        }
        let file = shown_bytes(self.path.as_os_str().as_bytes()).to_string();
        for Given { finding, more } in self.shown() {
            finding.print(&file, more, self.locale, output)?;
        }
        if let Some(compared) = &self.compared {
            output.line(format_args!("{compared}\n"))?;
        }
        let (paint, verdict) = match (self.outcome, self.refused, self.looks_wrong) {
            (Outcome::Ignored, ..) => (Paint::Bad, Label::WouldNotBeTaken),
            (Outcome::Rejected, ..) => (Paint::Bad, Label::WouldBeRejected),
            (Outcome::Accepted, 0, 0) => (Paint::Good, Label::WouldBeRefused(0, 0)),
            (Outcome::Accepted, 0, wrong) => (Paint::Care, Label::WouldBeRefused(0, wrong)),
            (Outcome::Accepted, refused, wrong) => (Paint::Bad, Label::WouldBeRefused(refused, wrong)),
        };
        let rows = label(Label::Rows(self.rows), self.locale);
        let verdict = output.painted(paint, &label(verdict, self.locale));
        output.line(format_args!("{file}: {rows}: {verdict}"))
    }
}
