//! Look-ups for the commands, over connections that only read: never makes anything, and needs no daemon, nor minds
//! one.
//!
//! Here: the contract's views, a page at a time. What is found by a text is in `find`, the embedded registrar's
//! inventory in `inventory`, what a file that is checked has in common with earlier ones in `past`, failures as people are told them in `failure`. How rows are shown is the command line's.

pub(super) mod failure;
mod find;
mod inventory;
mod past;
#[cfg(test)]
mod tests;

use std::path::Path;

use devicedrop_core::ids::{AttemptId, RegistrationId, SubmissionId};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;
use serde_json::Value;

use crate::cli::error::Failure;
use crate::cli::lookups::{Filters, Look, Lookups, Page, Row, Subject};
use crate::config::{Config, RegistrarKind};
use crate::ledger::reader::past::Then;
use crate::ledger::views::{Cell, Filter, Lookup, Test, View, ViewRow};
use crate::ledger::{OpenError, Reader};
use failure::{Told, bad_key, ledger_missing, not_by};
use inventory::Inventory;
pub use past::LedgerPast;

/// Look-ups over the ledger and the embedded registrar's inventory.
#[derive(Debug)]
pub struct LedgerLookups {
    /// A registry can be filled before there is a ledger, so that one that is missing is told when it is asked.
    ledger: Result<Reader, Failure>,
    inventory: Inventory,
}

impl LedgerLookups {
    /// Opens what the configuration names, for reading alone. There must be a ledger, or an embedded registrar's
    /// inventory.
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let inventory = Inventory::of(config);
        let ledger = match Reader::open(&config.ledger.path) {
            Ok(reader) => Ok(reader),
            Err(OpenError::Missing(path)) if has_inventory(config) => Err(ledger_missing(&path)),
            Err(error) => return Err(error.told()),
        };
        Ok(Self { ledger, inventory })
    }

    fn ledger(&self) -> Result<&Reader, Failure> {
        self.ledger.as_ref().map_err(Clone::clone)
    }
}

fn has_inventory(config: &Config) -> bool {
    let path: &Path = &config.registrar.embedded.path;
    config.registrar.kind == RegistrarKind::Embedded && path.exists()
}

impl Lookups for LedgerLookups {
    fn look_up(&mut self, look: &Look) -> Result<Page, Failure> {
        match &look.subject {
            Subject::Submissions => submissions(self.ledger()?, look),
            Subject::Devices { at: Some(at) } => devices_then(self.ledger()?, *at, look),
            Subject::Devices { at: None } => devices(self.ledger()?, look),
            Subject::Attempts => attempts(self.ledger()?, look),
            Subject::History { serial_number } => history(self.ledger()?, serial_number, look),
            Subject::Find { text } => find::find(self.ledger()?, text, look),
            Subject::Inventory => self.inventory.list(look),
        }
    }
}

fn text(text: &(impl ToString + ?Sized)) -> Cell {
    Cell::Text(text.to_string())
}

/// The filters that are columns of the view: the customer, and the column that holds its time.
fn common(view: View, filters: &Filters, time: &str) -> Result<Vec<Filter>, Failure> {
    let mut conditions = Vec::new();
    if let Some(customer) = &filters.customer {
        conditions.push(view.filter("customer", Test::Is(text(customer))).map_err(Told::told)?);
    }
    if let Some(since) = filters.since {
        conditions.push(view.filter(time, Test::AtLeast(text(&since))).map_err(Told::told)?);
    }
    Ok(conditions)
}

fn submissions(reader: &Reader, look: &Look) -> Result<Page, Failure> {
    let view = View::Submissions;
    let mut filters = common(view, &look.filters, "received_at")?;
    let mut meet = |column: &str, test: Test| -> Result<(), Failure> {
        filters.push(view.filter(column, test).map_err(Told::told)?);
        Ok(())
    };
    let some = || Test::AtLeast(Cell::Integer(1));
    // The counts tell whether it is worth looking at rows, and mostly all.
    let state = match look.filters.state {
        None => None,
        Some(State::Pending) => meet("pending", some()).map(|()| None)?,
        Some(State::Failed) => meet("failed", some()).map(|()| None)?,
        Some(state @ (State::Ready | State::Active | State::Inactive)) => {
            meet("ready", some()).map(|()| Some(state))?
        }
    };
    let error = match look.filters.error {
        None => None,
        Some(ErrorCode::FileNotValid) => meet("outcome", Test::Is(text("rejected"))).map(|()| None)?,
        Some(ErrorCode::DeviceAlreadyRegistered) => meet("already", some()).map(|()| None)?,
        Some(error) => meet("failed", some()).map(|()| Some(error))?,
    };
    for (column, word) in [("state", state.map(State::code)), ("error", error.map(ErrorCode::code))] {
        if let Some(word) = word {
            let test = Test::Is(text(word));
            filters.push(view.filter_through(View::Registrations, column, test).map_err(Told::told)?);
        }
    }
    let after =
        look.after.as_deref().map(|key| key.parse::<SubmissionId>().map(|id| text(&id)).map_err(|_| bad_key(key)));
    newest_first(reader, view, filters, look.limit, after.transpose()?)
}

/// Devices that are registered. Asked for what no registered device can be, shows the rows that are: those of
/// `audit_registrations` that no newer content of their file supersedes.
fn devices(reader: &Reader, look: &Look) -> Result<Page, Failure> {
    let Filters { state, error, .. } = look.filters;
    let registered = error.is_none() && !matches!(state, Some(State::Pending | State::Failed));
    let view = if registered { View::Devices } else { View::Registrations };
    let mut filters = common(view, &look.filters, "since")?;
    for (column, word) in [("state", state.map(State::code)), ("error", error.map(ErrorCode::code))] {
        if let Some(word) = word {
            filters.push(view.filter(column, Test::Is(text(word))).map_err(Told::told)?);
        }
    }
    if !registered {
        filters.push(view.filter("superseded", Test::Is(Cell::Integer(0))).map_err(Told::told)?);
    }
    newest_first(reader, view, filters, look.limit, number_key(look)?)
}

fn devices_then(reader: &Reader, at: Timestamp, look: &Look) -> Result<Page, Failure> {
    let Filters { customer, state, error, since } = &look.filters;
    if error.is_some() {
        return Err(not_by("the devices of a time", "error", "customer, state and since"));
    }
    if matches!(state, Some(State::Pending | State::Failed)) {
        return Err(not_by("the devices of a time", "a state that isn't ready, active or inactive", "those three"));
    }
    let before = match number_key(look)? {
        Some(Cell::Integer(number)) => RegistrationId::new(number),
        _ => None,
    };
    let then = Then { at, customer: customer.as_ref(), state: *state, since: *since };
    let rows = reader.devices_then(&then, before, look.limit.saturating_add(1)).map_err(Told::told)?;
    Ok(page(View::Devices, rows, look.limit))
}

fn attempts(reader: &Reader, look: &Look) -> Result<Page, Failure> {
    let view = View::Attempts;
    let mut filters = common(view, &look.filters, "started_at")?;
    if let Some(error) = look.filters.error {
        filters.push(view.filter("error", Test::Is(text(&error))).map_err(Told::told)?);
    }
    if let Some(state) = look.filters.state {
        let test = Test::Is(text(&state));
        filters.push(view.filter_through(View::Registrations, "state", test).map_err(Told::told)?);
    }
    newest_first(reader, view, filters, look.limit, number_key(look)?)
}

/// All transitions of a serial number, the oldest first; behind the view's columns the request ID of the attempt that
/// brought each about.
fn history(reader: &Reader, serial_number: &str, look: &Look) -> Result<Page, Failure> {
    if look.filters.state.is_some() || look.filters.error.is_some() {
        return Err(not_by("a history", "state or error", "customer and since"));
    }
    let view = View::Transitions;
    let mut filters = common(view, &look.filters, "at")?;
    filters.push(view.filter("serial_number", Test::Is(text(serial_number))).map_err(Told::told)?);
    let after = number_key(look)?;
    let limit = look.limit.saturating_add(1);
    let rows = reader.lookup(&Lookup { view, filters, limit, after, newest_first: false }).map_err(Told::told)?;
    let mut page = page(view, rows, look.limit);
    for row in &mut page.rows {
        let attempt = row.iter().find(|(column, _)| column == "attempt_id").and_then(|(_, value)| value.as_i64());
        let request_id = match attempt.and_then(AttemptId::new) {
            Some(attempt) => request_id(reader, attempt)?,
            None => Value::Null,
        };
        row.push(("request_id".to_owned(), request_id));
    }
    Ok(page)
}

fn request_id(reader: &Reader, attempt: AttemptId) -> Result<Value, Failure> {
    let row = by_key(reader, View::Attempts, Cell::Integer(attempt.get()), Vec::new())?;
    Ok(row.and_then(|row| row.into_iter().find(|(column, _)| column == "request_id")).map_or(Value::Null, |it| it.1))
}

/// The row with this key, if it meets the filters.
fn by_key(reader: &Reader, view: View, key: Cell, mut filters: Vec<Filter>) -> Result<Option<Row>, Failure> {
    filters.push(view.filter(view.key(), Test::Is(key)).map_err(Told::told)?);
    let lookup = Lookup { view, filters, limit: 1, after: None, newest_first: false };
    Ok(reader.lookup(&lookup).map_err(Told::told)?.into_iter().next().map(|cells| row(view, cells)))
}

/// A page of a view, the newest rows first.
fn newest_first(
    reader: &Reader,
    view: View,
    filters: Vec<Filter>,
    limit: usize,
    after: Option<Cell>,
) -> Result<Page, Failure> {
    // One more than asked for tells whether there is another page.
    let lookup = Lookup { view, filters, limit: limit.saturating_add(1), after, newest_first: true };
    Ok(page(view, reader.lookup(&lookup).map_err(Told::told)?, limit))
}

/// The key behind which a page begins, where keys are numbers.
fn number_key(look: &Look) -> Result<Option<Cell>, Failure> {
    let number = |key: &String| key.parse().map(Cell::Integer).map_err(|_| bad_key(key));
    look.after.as_ref().map(number).transpose()
}

/// A page of at most `limit` rows, out of one more if there are more.
fn page(view: View, rows: Vec<ViewRow>, limit: usize) -> Page {
    let more = rows.len() > limit;
    let rows: Vec<Row> = rows.into_iter().take(limit).map(|cells| row(view, cells)).collect();
    let next = if more { rows.last().map(|row| key_of(view, row)) } else { None };
    Page { rows, next }
}

fn row(view: View, cells: ViewRow) -> Row {
    view.columns().iter().map(|column| (*column).to_owned()).zip(cells.into_iter().map(json)).collect()
}

/// The key of a row of this view.
fn key_of(view: View, row: &Row) -> String {
    match row.iter().find(|(column, _)| column == view.key()) {
        Some((_, Value::String(text))) => text.clone(),
        Some((_, value)) => value.to_string(),
        None => String::new(),
    }
}

fn json(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => number.into(),
        Cell::Text(text) => text.into(),
    }
}
