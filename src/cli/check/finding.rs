//! One finding, shown as compilers show theirs: what is wrong, the place, the line with a mark below it.
//!
//! What a sender would be told stands in the core's words, as it would stand in the result file.

use std::io;

use devicedrop_core::device::Column;
use devicedrop_core::dialect::Delimiter;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Label, NotTaken, Told, WaitsFor, label};
use devicedrop_core::problem::{FileProblem, HeadingHint, RowProblem};
use devicedrop_core::row::Row;
use devicedrop_core::sheet::Head;
use devicedrop_core::state::ErrorCode;
use devicedrop_core::suspicion::Suspicion;
use serde::Serialize;

use super::mark::{Excerpt, Mark};
use crate::cli::output::{Output, Paint};

/// Whether a finding stops anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// It would be refused.
    Error,
    /// It would be taken and looks wrong.
    Warning,
}

/// What findings have in common that are told as one: their code, and the column that they are about.
pub(super) type Key = (&'static str, Option<Column>);

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// A word for it that programs can go by.
    pub(super) code: &'static str,
    /// The error that a result file would show.
    pub(super) error: Option<&'static str>,
    pub(super) line: Option<u64>,
    /// Where in the line, in characters from 1.
    pub(super) position: Option<usize>,
    /// The heading of the column, as the file has it.
    pub(super) column: Option<String>,
    pub(super) message: String,
    pub(super) help: Option<String>,
    #[serde(skip)]
    mark: Mark,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// What a suspicion has in common with others.
pub(super) fn key(suspicion: &Suspicion<'_>) -> Key {
    (suspicion.suspect.code(), suspicion.cell.as_ref().map(|cell| cell.column))
}

/// What a refused row has in common with others.
pub(super) fn key_of_row(problem: &RowProblem) -> Key {
    (problem.code(), problem.column().and_then(|name| name.column))
}

impl Finding {
    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        let (line, position, column, help, excerpt) = (None, None, None, None, None);
        Self { severity, code, error: None, line, position, column, message, help, mark: Mark::Line, excerpt }
    }

    /// A reason why a file would not be taken at all.
    pub(super) fn not_taken(why: &NotTaken<'_>, locale: Locale) -> Self {
        let (what, help) = message::not_taken(why, locale);
        Self { help, ..Self::new(Severity::Error, why.code(), what) }
    }

    /// What a file would wait for.
    pub(super) fn waits_for(what: &WaitsFor, locale: Locale) -> Self {
        let told = message::waits_for(what, locale);
        let severity = if what.is_refusal() { Severity::Error } else { Severity::Warning };
        Self { help: Some(told.help), ..Self::new(severity, what.code(), told.what) }
    }

    /// Something that looks wrong in a row.
    pub(super) fn of(suspicion: &Suspicion<'_>, locale: Locale) -> Self {
        let Told { what, help } = message::suspicion(suspicion, locale);
        let mut finding = Self::new(Severity::Warning, suspicion.suspect.code(), what);
        finding.help = Some(help);
        finding.line = Some(suspicion.line);
        if let Some(cell) = &suspicion.cell {
            finding.column = Some(cell.heading.to_owned());
            finding.mark = Mark::Cell(cell.index, cell.characters.clone());
        }
        finding
    }

    /// What a row is refused for.
    pub(super) fn of_row(head: &Head, row: &Row<'_>, problem: &RowProblem, locale: Locale) -> Self {
        let message = message::row_problem(problem, row.line, locale);
        let mut finding = Self::new(Severity::Error, problem.code(), message);
        finding.error = Some(ErrorCode::RowNotValid.code());
        finding.line = Some(row.line);
        let named = problem.column();
        let index = named.map(|name| name.index);
        let heading = named.filter(|name| !name.heading.is_empty()).map(|name| name.heading.clone());
        finding.column = index.and_then(|index| head.headings.get(index)).cloned().or(heading);
        finding.mark = match (problem, index) {
            (RowProblem::FieldCount { expected, found, .. }, _) if found > expected => {
                usize::try_from(*expected).map_or(Mark::Line, Mark::CellsFrom)
            }
            (RowProblem::FieldCount { .. }, _) => Mark::End,
            (RowProblem::OneCell, _) => Mark::Cell(0, None),
            (RowProblem::OtherDelimiter { row, .. }, _) => Mark::Byte(row.byte()),
            (RowProblem::ControlCharacter { position, .. }, Some(index)) => {
                Mark::Cell(index, Some(position.saturating_sub(1)..*position))
            }
            (_, Some(index)) => Mark::Cell(index, None),
            (_, None) => Mark::Line,
        };
        finding
    }

    /// What a whole file is rejected for. `free` says that its columns may stand in any order.
    pub(super) fn of_file(problem: &FileProblem, free: bool, locale: Locale) -> Self {
        let message = message::file_problem(problem, locale);
        let mut finding = Self::new(Severity::Error, problem.code(), message);
        finding.error = Some(ErrorCode::FileNotValid.code());
        if let Some((line, mark)) = place(problem, free) {
            finding.line = Some(line);
            finding.mark = mark;
        }
        finding
    }

    /// What it has in common with others, where it isn't about a column.
    pub(super) fn key(&self) -> Key {
        (self.code, None)
    }

    /// Looks where in its line the finding stands.
    pub(super) fn locate(&mut self, line: &[u8], delimiter: Option<Delimiter>) {
        self.excerpt = Excerpt::of(line, &self.mark, delimiter);
        self.position = self.excerpt.as_ref().and_then(|excerpt| excerpt.column);
    }

    /// Prints it; `file` is harmless already, and `more` are like it.
    pub(super) fn print(&self, file: &str, more: u64, locale: Locale, output: &mut Output) -> io::Result<()> {
        let (paint, word) = match self.severity {
            Severity::Error => (Paint::Bad, Label::Error),
            Severity::Warning => (Paint::Care, Label::Warning),
        };
        let word = output.painted(paint, &label(word, locale));
        output.line(format_args!("{word}: {}", self.message))?;
        let number = self.line.map(|line| line.to_string()).unwrap_or_default();
        let margin = " ".repeat(number.len().max(1));
        let position = self.position.map(|position| format!(":{position}")).unwrap_or_default();
        let place = self.line.map(|line| format!(":{line}{position}")).unwrap_or_default();
        output.line(format_args!("{margin}--> {file}{place}"))?;
        if let Some(excerpt) = &self.excerpt {
            output.line(format_args!("{margin} |"))?;
            output.line(format_args!("{number} | {}", excerpt.text).to_string().trim_end())?;
            if let Some((begin, width)) = excerpt.mark {
                let mark = output.painted(paint, &"^".repeat(width));
                output.line(format_args!("{margin} | {}{mark}", " ".repeat(begin)))?;
            }
        }
        if let Some(help) = &self.help {
            output.line(format_args!("{margin} = {}: {help}", label(Label::Help, locale)))?;
        }
        if more > 0 {
            output.line(format_args!("{margin} = {}", label(Label::MoreLikeThis(more), locale)))?;
        }
        output.line("")
    }
}

/// The line that a whole file's problem is about, and what of it.
fn place(problem: &FileProblem, free: bool) -> Option<(u64, Mark)> {
    Some(match problem {
        FileProblem::NulByte { line } | FileProblem::InvalidUtf8 { line, .. } | FileProblem::Utf8Cut { line } => {
            (*line, Mark::NotText)
        }
        FileProblem::MixedEncodings { other_line, .. } => (*other_line, Mark::NotText),
        FileProblem::UndefinedByte { line, byte } => (*line, Mark::Byte(*byte)),
        FileProblem::InvalidUtf16 { line } => (*line, Mark::Hidden),
        FileProblem::QuoteNeverClosed { line, position, .. } => (*line, Mark::OpenQuote(*position)),
        FileProblem::RecordTooLong { line, .. } | FileProblem::TooManyFields { line, .. } => (*line, Mark::Line),
        FileProblem::HeadingsDiffer { line, found, expected, hint } => {
            let whole = free
                || matches!(
                    hint.plain(),
                    HeadingHint::Missing
                        | HeadingHint::TypeLine
                        | HeadingHint::Delimiter(_)
                        | HeadingHint::OneCell
                        | HeadingHint::Stray(_)
                        | HeadingHint::TwoDelimiters
                        | HeadingHint::SepLine { .. }
                        | HeadingHint::Below(_)
                );
            let mark = if whole { Mark::Line } else { Mark::Headings(found.clone(), expected.clone()) };
            (*line, mark)
        }
        FileProblem::Empty
        | FileProblem::Blank
        | FileProblem::NoDataRow
        | FileProblem::OtherKind(_)
        | FileProblem::Utf16WithoutMark
        | FileProblem::Utf32
        | FileProblem::Utf7
        | FileProblem::FormatNotAllowed { .. }
        | FileProblem::TooLarge { .. }
        | FileProblem::TooManyRows { .. }
        | FileProblem::Poison => return None,
    })
}
