//! Look-ups in the contract's views: SQL put together out of names that are all our own, with every value bound.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ToSql, params_from_iter};

use super::{Reader, limited};
use crate::ledger::error::ReadError;
use crate::ledger::views::{Cell, Filter, Lookup, Test, View, ViewRow};

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Reader {
    /// Looks up rows of a view.
    pub fn lookup(&self, lookup: &Lookup) -> Result<Vec<ViewRow>, ReadError> {
        let (sql, values) = statement(lookup);
        let columns = lookup.view.columns().len();
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((0..columns).map(|column| Ok(cell(row.get_ref(column)?))).collect::<rusqlite::Result<_>>()?);
        }
        Ok(found)
    }
}

/// A look-up as SQL, and what is to be bound to it.
pub(super) fn statement(lookup: &Lookup) -> (String, Vec<Cell>) {
    let view = lookup.view;
    let mut values = Vec::new();
    let mut conditions: Vec<String> =
        lookup.filters.iter().map(|filter| condition(view, filter, &mut values)).collect();
    let (beyond, order) = if lookup.newest_first { ("<", "DESC") } else { (">", "ASC") };
    if let Some(after) = &lookup.after {
        conditions.push(format!("{} {beyond} ?", view.key()));
        values.push(after.clone());
    }
    let wanted = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let sql = format!(
        "SELECT {} FROM {} {wanted} ORDER BY {} {order} LIMIT {}",
        view.columns().join(", "),
        view.name(),
        view.key(),
        limited(lookup.limit)
    );
    (sql, values)
}

/// A filter as SQL; what is to be bound goes behind `values`.
fn condition(view: View, filter: &Filter, values: &mut Vec<Cell>) -> String {
    let Some((other, shared)) = filter.through else { return met(filter.column, &filter.test, values) };
    let met = met(&format!("other.{}", filter.column), &filter.test, values);
    format!("EXISTS (SELECT 1 FROM {} other WHERE other.{shared} = {}.{shared} AND {met})", other.name(), view.name())
}

fn met(column: &str, wanted: &Test, values: &mut Vec<Cell>) -> String {
    match wanted {
        Test::Is(cell) => {
            values.push(cell.clone());
            format!("{column} = ?")
        }
        Test::Begins(text) => {
            // A range, which the index serves; LIKE ignores case and isn't served.
            values.push(Cell::Text(text.clone()));
            match behind(text) {
                Some(end) => {
                    values.push(Cell::Text(end));
                    format!("{column} >= ? AND {column} < ?")
                }
                None => format!("{column} >= ?"),
            }
        }
        Test::AtLeast(cell) => {
            values.push(cell.clone());
            format!("{column} >= ?")
        }
        Test::Below(cell) => {
            values.push(cell.clone());
            format!("{column} < ?")
        }
        Test::Empty => format!("{column} IS NULL"),
        Test::Named(text) => {
            let tail = Cell::Text(format!("/{text}"));
            values.extend([Cell::Text(text.clone()), tail.clone(), tail]);
            format!("({column} = ? OR substr({column}, -length(?)) = ?)")
        }
    }
}

/// The least text that is greater than all that begin with `text`; none if there is none.
pub(super) fn behind(text: &str) -> Option<String> {
    let mut chars: Vec<char> = text.chars().collect();
    while let Some(last) = chars.pop() {
        // SQLite compares UTF-8 byte by byte, which is the order of the characters' numbers.
        if let Some(next) = (u32::from(last) + 1..=0x10_ffff).find_map(char::from_u32) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

pub(super) fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Text(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_ends_before() {
        assert_eq!(behind("AB"), Some("AC".to_owned()));
        assert_eq!(behind("A\u{d7ff}"), Some("A\u{e000}".to_owned()));
        assert_eq!(behind("A\u{10ffff}"), Some("B".to_owned()));
        assert_eq!(behind("\u{10ffff}"), None);
        assert_eq!(behind(""), None);
    }
}
