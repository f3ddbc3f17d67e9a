//! A second parser, slow and obvious, that the fast one is held to: the whole text in memory, character by
//! character, for the partner format without `columns`.

use crate::device::{Column, Device, Format};
use crate::dialect::Delimiter;
use crate::limits::count;
use crate::locale::Locale;
use crate::problem::{ColumnName, FileProblem, RowProblem};
use crate::sheet::Doubt;
use crate::state::State;

/// A row: its line, its cells, and what is wrong with it.
pub(crate) type ModelRow = (u64, Vec<String>, Option<RowProblem>);

/// What comes of a text: the rows given out, and how it ends.
pub(crate) type Outcome = (Vec<ModelRow>, Result<Option<Doubt>, FileProblem>);

struct Record {
    line: u64,
    cells: Vec<String>,
    stray: Option<usize>,
    ended: bool,
}

/// Reads a text whose delimiter is known and whose headings are right.
pub(crate) fn read(text: &str, delimiter: char) -> Outcome {
    let characters: Vec<char> = text.chars().collect();
    let (records, end) = records(&characters, delimiter);
    let mut data = records.into_iter().filter(|record| !blank(&record.cells));
    let Some(headings) = data.next() else { return (Vec::new(), end.and(Err(FileProblem::Blank))) };
    let names: Vec<&str> = headings.cells.iter().map(|cell| cell.trim()).collect();
    let mut last = names.len();
    while names[last - 1].is_empty() {
        last -= 1;
    }
    let result_file = last == 7;
    let width = if result_file { 3 } else { last };
    assert_eq!(&names[..width], ["Manufacturer", "Model", "Serial Number"]);

    let mut rows = Vec::new();
    let mut cut_short = false;
    for record in data {
        let nothing =
            record.cells.iter().enumerate().all(|(index, cell)| cell.is_empty() || (width..last).contains(&index));
        if nothing {
            continue;
        }
        let problem = problem(&record, width, last, delimiter);
        cut_short =
            !record.ended && record.cells.len() < last && matches!(problem, Some(RowProblem::FieldCount { .. }));
        rows.push((record.line, record.cells, problem));
    }
    let end = end.and_then(|()| {
        if rows.is_empty() {
            return Err(FileProblem::NoDataRow);
        }
        Ok(match text.ends_with(['\r', '\n']) {
            true => None,
            false if cut_short => Some(Doubt::ShortLastLine),
            false => Some(Doubt::NoLineEnd),
        })
    });
    (rows, end)
}

fn blank(cells: &[String]) -> bool {
    cells.iter().all(String::is_empty) || (cells.len() == 1 && cells[0].trim().is_empty())
}

fn line_at(characters: &[char], position: usize) -> u64 {
    let before: String = characters[..position].iter().collect();
    count(before.replace("\r\n", "\n").replace('\r', "\n").split('\n').count())
}

fn records(characters: &[char], delimiter: char) -> (Vec<Record>, Result<(), FileProblem>) {
    let mut records = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        if matches!(characters[at], '\r' | '\n') {
            at += 1;
            continue;
        }
        let mut record = Record { line: line_at(characters, at), cells: Vec::new(), stray: None, ended: false };
        loop {
            let cell = match cell(characters, at, delimiter) {
                Ok(cell) => cell,
                Err(problem) => {
                    let below_headings = records.iter().any(|record: &Record| !blank(&record.cells));
                    let heading = Format::Partner.columns().get(record.cells.len()).filter(|_| below_headings);
                    return (records, Err(in_column(problem, heading)));
                }
            };
            if cell.stray {
                record.stray = record.stray.or(Some(record.cells.len()));
            }
            record.cells.push(cell.text);
            at = cell.end;
            if characters.get(at) != Some(&delimiter) {
                break;
            }
            at += 1;
        }
        record.ended = at < characters.len();
        records.push(record);
    }
    (records, Ok(()))
}

struct Cell {
    text: String,
    stray: bool,
    end: usize,
}

fn cell(characters: &[char], start: usize, delimiter: char) -> Result<Cell, FileProblem> {
    let mut text = String::new();
    let mut at = start;
    let quoted = characters.get(at) == Some(&'"');
    if quoted {
        at += 1;
        loop {
            match (characters.get(at), characters.get(at + 1)) {
                (None, _) => return Err(never_closed(characters, start)),
                (Some('"'), Some('"')) => {
                    text.push('"');
                    at += 2;
                }
                (Some('"'), _) => break,
                (Some(character), _) => {
                    text.push(*character);
                    at += 1;
                }
            }
        }
        at += 1;
    }
    let behind: String = characters[at..]
        .iter()
        .take_while(|character| !matches!(character, '\r' | '\n') && **character != delimiter)
        .collect();
    let stray = quoted && !behind.is_empty();
    text.push_str(&behind);
    Ok(Cell { text, stray, end: at + behind.chars().count() })
}

fn in_column(problem: FileProblem, heading: Option<&Column>) -> FileProblem {
    let FileProblem::QuoteNeverClosed { line, position, .. } = problem else { return problem };
    FileProblem::QuoteNeverClosed { line, position, column: heading.map(|column| column.heading().to_owned()) }
}

/// A quote that opens at `start`.
fn never_closed(characters: &[char], start: usize) -> FileProblem {
    let in_line = characters[..start].iter().rev().take_while(|character| !matches!(character, '\r' | '\n')).count();
    FileProblem::QuoteNeverClosed { line: line_at(characters, start), position: count(in_line + 1), column: None }
}

fn problem(record: &Record, width: usize, named: usize, delimiter: char) -> Option<RowProblem> {
    let torn = field_count(record, width, named);
    let echoed = || {
        let cell = |index: usize| record.cells.get(index).cloned().unwrap_or_default();
        let cells = [cell(0), cell(1), cell(2)];
        let [manufacturer, model, serial_number] = cells.clone();
        value_problem(&cells).is_none().then(|| Box::new(Device { manufacturer, model, serial_number }))
    };
    let is_one = record.cells.iter().skip(1).all(String::is_empty);
    if let (Some(_), true, Some(cell)) = (&torn, is_one, record.cells.first()) {
        // What stands in quotes is every second piece.
        let outside = cell.split('"').step_by(2).map(|piece| piece.matches(delimiter).count());
        let cells = outside.sum::<usize>() + 1;
        if cells == width || cells == named {
            return Some(RowProblem::OneCell);
        }
    }
    let delimiters = Delimiter::ALL.map(|one| (one, char::from(one.byte())));
    let headings = delimiters.iter().find(|(_, character)| *character == delimiter).unwrap().0;
    let row = delimiters.iter().find(|(one, character)| {
        let cells = record.cells.join(&delimiter.to_string()).split(*character).count();
        *one != headings && (cells == width || cells == named)
    });
    if let (Some(_), Some((row, _))) = (&torn, row) {
        return Some(RowProblem::OtherDelimiter { headings, row: *row, echoed: echoed() });
    }
    if let Some(index) = record.stray.filter(|index| *index < named) {
        return Some(RowProblem::Quotes { column: column_name(index), echoed: echoed() });
    }
    if let Some((expected, found)) = torn {
        return Some(RowProblem::FieldCount { expected, found, echoed: echoed() });
    }
    value_problem(&record.cells).or_else(|| {
        let aside = record.cells.iter().enumerate().take(named).skip(width);
        let breaks =
            aside.filter_map(|(index, cell)| Some((index, cell.chars().position(|one| "\r\n".contains(one))?)));
        breaks.into_iter().next().map(|(index, position)| RowProblem::ControlCharacter {
            column: column_name(index),
            character: record.cells[index].chars().nth(position).unwrap(),
            position: count(position + 1),
        })
    })
}

/// The column with this index: ours, or behind them those of a result file.
fn column_name(index: usize) -> ColumnName {
    let column = Format::Partner.columns().get(index).copied();
    let added = || ["State", "Error", "Error Details", "Request ID"][index - 3];
    ColumnName { column, heading: column.map_or_else(added, Column::heading).to_owned(), index }
}

/// How many fields are expected and found, where they aren't as many.
fn field_count(record: &Record, width: usize, named: usize) -> Option<(u64, u64)> {
    let mut cells = record.cells.len();
    // Behind the sender's own cells stands a state, in whatever words, unless the row is as long as the headings.
    let states = Locale::ALL.iter().flat_map(|locale| State::ALL.iter().map(|state| locale.state(*state)));
    let torn = width < named
        && cells != named
        && record.cells.get(width).is_some_and(|cell| !cell.is_empty() && !states.clone().any(|state| state == cell));
    if torn {
        return Some((count(named), count(cells)));
    }
    while cells > named && record.cells[cells - 1].is_empty() {
        cells -= 1;
    }
    (cells < width || cells > named).then(|| (count(named), count(cells)))
}

fn value_problem(cells: &[String]) -> Option<RowProblem> {
    cells.iter().take(3).enumerate().find_map(|(index, value)| {
        let column = column_name(index);
        if value.chars().all(|character| matches!(character, ' ' | '\u{a0}')) {
            return Some(RowProblem::EmptyValue { column });
        }
        let control = value.chars().position(|character| matches!(character, '\0'..='\x1F' | '\x7F'..='\u{9F}'));
        if let Some(position) = control {
            let character = value.chars().nth(position).unwrap();
            return Some(RowProblem::ControlCharacter { column, character, position: count(position + 1) });
        }
        (index == 2 && scientific(value)).then(|| RowProblem::Scientific { column, found: value.clone() })
    })
}

/// `1E+11`, `1.2E+11`, by its shape: every digit a 9.
fn scientific(value: &str) -> bool {
    let shape: String =
        value.chars().map(|character| if character.is_ascii_digit() { '9' } else { character }).collect();
    let shape = shape.replace('e', "E").replace(',', ".");
    let mantissa = shape.strip_suffix("E+99").or(shape.strip_suffix("E+999"));
    let fraction = mantissa.and_then(|mantissa| mantissa.strip_prefix("9."));
    mantissa == Some("9") || fraction.is_some_and(|digits| digits.replace('9', "").is_empty() && !digits.is_empty())
}
