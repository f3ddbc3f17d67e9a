//! Which column is which: the heading line against the formats and the customer's `columns`.
//!
//! What probably happened when they differ is guessed in `hints`.

use crate::device::{Column, Format};
use crate::dialect::Delimiter;
use crate::hints::{self, Wanted};
use crate::limits::{HASH_CHARS, QUOTED_HEADING_CHARS, QUOTED_HEADINGS, VALUE_CHARS};
use crate::problem::{FileProblem, HeadingHint};
use crate::row::Fields;
use crate::sheet::SheetOptions;

/// What a result file adds behind the original's columns; ignored in a file that is dropped.
pub const RESULT_HEADINGS: [&str; 4] = ["State", "Error", "Error Details", "Request ID"];

/// Where the columns stand that mean something to us.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) places: Vec<Place>,
    /// Columns of the sender's own: those that a result file repeats.
    pub(crate) own: usize,
    /// Columns up to the last one with a heading: the sender's own and, in a result file, ours.
    pub(crate) named: usize,
    /// The headings of all of those.
    pub(crate) headings: Vec<String>,
    /// Columns whose heading is nearly one that means something.
    pub(crate) nearly: Vec<Place>,
}

/// One column that means something to us.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) column: Column,
    pub(crate) index: usize,
    /// What the file calls it.
    pub(crate) heading: String,
    pub(crate) required: bool,
    /// In characters.
    pub(crate) limit: usize,
}

/// Headings understood.
#[derive(Debug)]
pub(crate) struct Headings {
    pub(crate) format: Format,
    pub(crate) layout: Layout,
    /// As written, for the result file.
    pub(crate) own: Vec<String>,
}

impl SheetOptions {
    /// The heading that stands for a column in this customer's files.
    pub(crate) fn heading(&self, column: Column) -> &str {
        self.columns.get(&column).map_or(column.heading(), |heading| heading.trim())
    }

    /// All headings that mean something in this customer's files.
    pub(crate) fn known_headings(&self) -> Vec<&str> {
        Column::ALL.into_iter().map(|column| self.heading(column)).collect()
    }

    fn allows(&self, format: Format) -> bool {
        self.formats.is_empty() || self.formats.contains(&format)
    }

    fn allowed(&self) -> impl Iterator<Item = Format> {
        Format::ALL.into_iter().filter(|format| self.allows(*format))
    }

    /// The headings that would be accepted, one list for each format.
    pub(crate) fn expected(&self) -> Vec<Vec<String>> {
        let headings =
            |format: Format| format.columns().iter().map(|column| self.heading(*column).to_owned()).collect();
        self.allowed().map(headings).collect()
    }
}

/// Reads the heading line. `sep_line` is the delimiter that a line `sep=` named for headings without quotes.
pub(crate) fn read(
    cells: &Fields,
    line: u64,
    delimiter: Delimiter,
    sep_line: Option<Delimiter>,
    options: &SheetOptions,
) -> Result<Headings, FileProblem> {
    let mut names: Vec<&str> = cells.iter().map(str::trim).collect();
    while names.last().is_some_and(|name| name.is_empty()) {
        names.pop();
    }
    let width = names.len();
    if names.ends_with(&RESULT_HEADINGS) {
        names.truncate(width - RESULT_HEADINGS.len());
    }
    let found = if options.columns.is_empty() { ours(&names, options) } else { mapped(&names, options) };
    let (format, places) = found.map_err(|differ| match differ {
        Differ::NotAllowed { found, allowed } => FileProblem::FormatNotAllowed { found, allowed },
        Differ::Unknown => {
            // The line isn't in quotes then: a program put delimiters behind it that aren't the line's own.
            let stray = (names.len() == 1 && cells.len() > 1).then_some(delimiter);
            differ_problem(&names, line, stray, sep_line, options)
        }
    })?;
    // Whoever reads the result by its headings would find two columns of that name.
    let of_result = |name: &&&str| RESULT_HEADINGS.iter().any(|ours| ours.eq_ignore_ascii_case(name));
    if let Some(name) = names.iter().find(of_result) {
        let hint = HeadingHint::OfResult(quoted(&[name]).concat());
        return Err(FileProblem::HeadingsDiffer { line, found: quoted(&names), expected: options.expected(), hint });
    }
    let headings = cells.iter().take(width).map(|name| name.trim().to_owned()).collect();
    let nearly = if options.columns.is_empty() { Vec::new() } else { nearly(&names, &places, options) };
    let layout = Layout { places, own: names.len(), named: width, headings, nearly };
    let own = cells.iter().take(names.len()).map(str::to_owned).collect();
    Ok(Headings { format, layout, own })
}

enum Differ {
    NotAllowed { found: Format, allowed: Format },
    Unknown,
}

impl Differ {
    fn not_allowed(found: Format, options: &SheetOptions) -> Self {
        options.allowed().next().map_or(Self::Unknown, |allowed| Self::NotAllowed { found, allowed })
    }
}

/// The formats as they are: exactly these headings in exactly this order.
fn ours(names: &[&str], options: &SheetOptions) -> Result<(Format, Vec<Place>), Differ> {
    let same = |format: &Format| format.columns().iter().map(|column| column.heading()).eq(names.iter().copied());
    let format = Format::ALL.into_iter().find(same).ok_or(Differ::Unknown)?;
    if !options.allows(format) {
        return Err(Differ::not_allowed(format, options));
    }
    let places = format.columns().iter().enumerate().map(|(index, column)| place(*column, index, options));
    Ok((format, places.collect()))
}

/// A customer's own headings, in any order and among any others. A column that `columns` doesn't map keeps our
/// heading.
fn mapped(names: &[&str], options: &SheetOptions) -> Result<(Format, Vec<Place>), Differ> {
    let mut places = Vec::new();
    for column in Column::ALL {
        let heading = options.heading(column);
        let mut found = (0..).zip(names).filter(|(_, name)| **name == heading).map(|(index, _)| index);
        match (found.next(), found.next()) {
            (Some(index), None) => places.push(place(column, index, options)),
            (None, _) => {}
            (Some(_), Some(_)) => return Err(Differ::Unknown),
        }
    }
    let all_of = |format: Format| {
        format.columns().iter().all(|column| places.iter().any(|place: &Place| place.column == *column))
    };
    if all_of(Format::SelfService) && options.allows(Format::SelfService) {
        return Ok((Format::SelfService, places));
    }
    if !all_of(Format::Partner) {
        return Err(Differ::Unknown);
    }
    if !options.allows(Format::Partner) {
        return Err(Differ::not_allowed(Format::Partner, options));
    }
    // A hash that this customer's format doesn't have is a column like any other of theirs.
    places.retain(|place| place.column != Column::HardwareHash);
    Ok((Format::Partner, places))
}

/// Columns of the sender's own that look as if they were meant to be one of a customer's optional ones: told by a heading
/// that is his but for capitals, blanks and the like, or ours.
fn nearly(names: &[&str], places: &[Place], options: &SheetOptions) -> Vec<Place> {
    let taken = |column: &Column| places.iter().any(|place| place.column == *column);
    let allowed = |column: &Column| *column != Column::HardwareHash || options.allows(Format::SelfService);
    let missing: Vec<Column> = Column::ALL.into_iter().filter(|column| !taken(column) && allowed(column)).collect();
    let others = (0..).zip(names).filter(|(index, _)| places.iter().all(|place| place.index != *index));
    let meant = |(index, name): (usize, &&str)| {
        let fits = |column: &&Column| {
            [options.heading(**column), column.heading()].iter().any(|heading| hints::same_plain(name, heading))
        };
        missing.iter().find(fits).map(|column| place(*column, index, options))
    };
    others.filter_map(meant).collect()
}

fn place(column: Column, index: usize, options: &SheetOptions) -> Place {
    Place {
        column,
        index,
        heading: options.heading(column).to_owned(),
        required: !matches!(column, Column::OrderId | Column::PurchaseId),
        limit: if column == Column::HardwareHash { HASH_CHARS } else { VALUE_CHARS },
    }
}

fn differ_problem(
    names: &[&str],
    line: u64,
    stray: Option<Delimiter>,
    sep_line: Option<Delimiter>,
    options: &SheetOptions,
) -> FileProblem {
    let expected = options.expected();
    let known = options.known_headings();
    let mut twice = names
        .iter()
        .enumerate()
        .filter(|(index, name)| known.contains(name) && names.iter().skip(index + 1).any(|other| other == *name));
    let optional = [Column::OrderId, Column::PurchaseId].map(|column| (column.heading(), options.heading(column)));
    let free = !options.columns.is_empty();
    let wanted = Wanted { expected: &expected, free, optional: if free { &optional } else { &[] } };
    let hint = match twice.next() {
        // The optional columns too, which no format's list names.
        Some((_, name)) if free => HeadingHint::Twice(quoted(&[name]).concat()),
        _ => sep_line
            .and_then(|delimiter| hints::sep_line(names, &expected, delimiter))
            .unwrap_or_else(|| hints::hint(names, wanted)),
    };
    let hint = match (hint, stray) {
        (HeadingHint::OneCell, Some(stray)) => HeadingHint::Stray(stray),
        (hint, _) => hint,
    };
    let headings: Vec<(String, Column)> = (Column::ALL.into_iter())
        .filter(|column| options.heading(*column) != column.heading())
        .map(|column| (options.heading(column).to_owned(), column))
        .collect();
    let hint = if free { HeadingHint::Mapped { hint: Box::new(hint), headings } } else { hint };
    FileProblem::HeadingsDiffer { line, found: quoted(names), expected, hint }
}

/// Headings as a problem quotes them.
pub(crate) fn quoted<Name: AsRef<str>>(names: &[Name]) -> Vec<String> {
    let cut = |name: &Name| {
        let mut characters = name.as_ref().chars();
        let start: String = characters.by_ref().take(QUOTED_HEADING_CHARS).collect();
        if characters.next().is_some() { start + "…" } else { start }
    };
    names.iter().take(QUOTED_HEADINGS).map(cut).collect()
}
