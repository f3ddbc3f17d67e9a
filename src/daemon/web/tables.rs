//! The contract's tables as programs ask for them: columns and values in text, to look-ups in the views and back.

use serde_json::Value;

use crate::ledger::views::{Cell, Lookup, Test, View, ViewRow};
use crate::web::{Ask, Rows, Table, Unanswered};

/// The columns that hold numbers, whatever view they stand in.
const NUMBERS: [&str; 13] = [
    "already",
    "attempt_id",
    "attempts",
    "bytes",
    "failed",
    "line",
    "number",
    "pending",
    "ready",
    "registration_id",
    "rows",
    "seq",
    "superseded",
];

/// The look-up that answers; it asks for one row more, which tells whether there is another page.
pub(super) fn lookup(ask: &Ask) -> Result<Lookup, Unanswered> {
    let view = match ask.table {
        Table::Submissions => View::Submissions,
        Table::Registrations => View::Registrations,
        Table::Attempts => View::Attempts,
        Table::Transitions => View::Transitions,
        Table::Devices => View::Devices,
    };
    let mut filters = Vec::with_capacity(ask.filters.len());
    for (column, value) in &ask.filters {
        let test = if value.is_empty() { Test::Empty } else { Test::Is(cell(column, value)?) };
        filters.push(view.filter(column, test).map_err(|error| Unanswered::Refused(error.to_string()))?);
    }
    let after = ask.after.as_deref().map(|key| cell(view.key(), key)).transpose()?;
    Ok(Lookup { view, filters, limit: ask.limit.saturating_add(1), after, newest_first: false })
}

fn cell(column: &str, value: &str) -> Result<Cell, Unanswered> {
    if !NUMBERS.contains(&column) {
        return Ok(Cell::Text(value.to_owned()));
    }
    let number = value.parse().map(Cell::Integer);
    number.map_err(|_| Unanswered::Refused(format!("{column} holds numbers, and {value:?} is none")))
}

/// What was found, without the row that tells of another page.
pub(super) fn rows(lookup: &Lookup, mut found: Vec<ViewRow>) -> Rows {
    let columns = lookup.view.columns();
    let limit = lookup.limit.saturating_sub(1);
    let more = found.len() > limit;
    found.truncate(limit);
    let key = columns.iter().position(|column| *column == lookup.view.key());
    let last = found.last().filter(|_| more).and_then(|row| row.get(key?));
    let next = last.map(|cell| match cell {
        Cell::Integer(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::Null => String::new(),
    });
    Rows { columns, rows: found.into_iter().map(|row| row.into_iter().map(value).collect()).collect(), next }
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => number.into(),
        Cell::Text(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(filters: &[(&str, &str)], after: Option<&str>) -> Ask {
        let filters = filters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ask { table: Table::Registrations, filters, after: after.map(str::to_owned), limit: 2 }
    }

    #[test]
    fn values_have_their_columns_kinds_and_unknown_columns_are_named() {
        let good = lookup(&ask(&[("customer", "7"), ("line", "7"), ("error", "")], Some("12"))).expect("a look-up");
        assert_eq!((good.after, good.limit, good.newest_first), (Some(Cell::Integer(12)), 3, false));
        let view = View::Registrations;
        let is = |column, cell| view.filter(column, Test::Is(cell)).expect("a column");
        let expected = [
            is("customer", Cell::Text("7".into())),
            is("line", Cell::Integer(7)),
            view.filter("error", Test::Empty).expect("a column"),
        ];
        assert_eq!(good.filters, expected);
        let why = |filters: &[(&str, &str)], after| lookup(&ask(filters, after)).expect_err("refused").to_string();
        assert_eq!(why(&[("line", "x")], None), "line holds numbers, and \"x\" is none");
        assert_eq!(why(&[], Some("x")), "registration_id holds numbers, and \"x\" is none");
        assert!(why(&[("colour", "red")], None).contains("audit_registrations has no column \"colour\"; it has: "));
    }

    #[test]
    fn numbers_are_the_columns_that_hold_them() {
        for column in NUMBERS {
            assert!(View::ALL.iter().any(|view| view.columns().contains(&column)), "{column}");
        }
    }
}
