//! The page's questions, answered out of the ledger by connections that only read, each within a limit.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devicedrop_core::device::Device as CoreDevice;
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Details};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;

use crate::control::protocol::{DaemonHealth, Status};
use crate::ledger::reader::browse::{self, Wanted};
use crate::ledger::reader::limit::Limit;
use crate::ledger::rows::Row;
use crate::ledger::views::{Cell, Lookup, Test, View, ViewRow};
use crate::ledger::{OpenError, ReadError, Reader};
use crate::web::{
    Ask, Attempt, Change, Counts, Device, Page, Record, Registration, RowFilter, Rows, Sign, Submission,
    SubmissionFilter, Unanswered, Which,
};

use super::super::monitor;
use super::super::scene::Scene;
use super::super::shared::{AskError, Shared};
use super::super::status;
use super::tables;

/// No question of the page may cost more.
const COST: Duration = Duration::from_secs(2);

/// Connections that are kept for the next question.
const IDLE_MAX: usize = 4;

/// A row has no longer history on the page; no row had one in any trial.
const HISTORY_MAX: usize = 1_000;

/// Other rows of a device that are shown with it.
const OTHERS_MAX: usize = 20;

/// The page's view of the daemon and its ledger.
pub(super) struct LedgerRecord {
    shared: Arc<Shared>,
    idle: Mutex<Vec<(Reader, Limit)>>,
    counted: Mutex<HashMap<Option<CustomerKey>, (u64, Counts)>>,
}

impl LedgerRecord {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, idle: Mutex::new(Vec::new()), counted: Mutex::new(HashMap::new()) }
    }

    /// Asks on a connection of the page's own, within the limit.
    fn ask<T>(&self, question: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Result<T, Unanswered> {
        let lent = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (reader, limit) = match lent {
            Some(lent) => lent,
            None => Reader::open_limited(&self.shared.config().ledger.path).map_err(|error| unopened(&error))?,
        };
        limit.set(COST);
        let answer = question(&reader).map_err(|error| self.unread(&error))?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push((reader, limit));
        }
        Ok(answer)
    }

    fn unread(&self, error: &ReadError) -> Unanswered {
        if error.was_cut_off() {
            return Unanswered::TooLong(COST);
        }
        if error.is_untrusted() {
            self.shared.readers.untrusted.cancel();
        }
        Unanswered::Failed(chain(error))
    }

    fn support(&self) -> Option<String> {
        self.shared.config().support.clone()
    }
}

fn unopened(error: &OpenError) -> Unanswered {
    Unanswered::Failed(chain(error))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        told = format!("{told}: {next}");
        cause = next.source();
    }
    told
}

impl Record for LedgerRecord {
    fn rows(
        &self,
        filter: &RowFilter,
        before: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<Registration>, Unanswered> {
        let wanted = Wanted {
            customer: filter.customer.as_ref(),
            state: filter.state,
            error: filter.error,
            order: filter.order.as_deref(),
            since: filter.since,
            until: filter.until,
            serial: filter.serial.as_deref(),
            superseded: filter.superseded,
        };
        self.ask(|reader| {
            let found: Vec<i64> = reader.browse(&wanted, before, limit)?.iter().map(|found| found.get()).collect();
            Ok(reader.view_rows(View::Registrations, &found)?.iter().filter_map(registration).collect())
        })
    }

    fn counts(&self, customer: Option<&CustomerKey>) -> Result<Counts, Unanswered> {
        let entries = self.ask(Reader::head)?.map_or(0, |head| head.entries);
        let of = customer.cloned();
        if let Some((then, counts)) = self.counted.lock().unwrap_or_else(PoisonError::into_inner).get(&of)
            && *then == entries
        {
            return Ok(*counts);
        }
        let counts = self.ask(|reader| {
            let sums = reader.sums(customer)?;
            let active = reader.count_in(customer, State::Active)?;
            let inactive = reader.count_in(customer, State::Inactive)?;
            let ready = sums.ready.saturating_sub(active).saturating_sub(inactive);
            Ok(Counts { pending: sums.pending, failed: sums.failed, ready, active, inactive })
        })?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        // Only what holds for the present moment is worth keeping.
        counted.retain(|_, (then, _)| *then == entries);
        counted.insert(of, (entries, counts));
        Ok(counts)
    }

    fn customers(&self) -> Result<Vec<CustomerKey>, Unanswered> {
        self.ask(Reader::customer_keys)
    }

    fn drop_root(&self) -> String {
        self.shared.config().drop.root.display().to_string()
    }

    fn device(&self, registration: RegistrationId, locale: Locale) -> Result<Option<Device>, Unanswered> {
        let support = self.support();
        self.ask(|reader| {
            let row = rows_of(reader, &[registration], locale, support.as_deref())?.into_iter().next();
            let Some(row) = row else { return Ok(None) };
            let changes = history(reader, View::Transitions, registration)?.iter().filter_map(change).collect();
            let attempts = history(reader, View::Attempts, registration)?.iter().filter_map(attempt).collect();
            let others = others(reader, &row)?;
            Ok(Some(Device { row, changes, attempts, others }))
        })
    }

    fn submissions(
        &self,
        filter: &SubmissionFilter,
        before: Option<SubmissionId>,
        limit: usize,
    ) -> Result<Vec<Submission>, Unanswered> {
        self.ask(|reader| {
            let view = View::Submissions;
            let of =
                filter.customer.as_ref().map(|key| view.filter("customer", Test::Is(Cell::Text(key.to_string()))));
            let filters = of.into_iter().collect::<Result<_, _>>()?;
            let after = before.map(|id| Cell::Text(id.to_string()));
            let lookup = Lookup { view, filters, limit, after, newest_first: true };
            Ok(reader.lookup(&lookup)?.iter().filter_map(submission).collect())
        })
    }

    fn submission(&self, id: SubmissionId) -> Result<Option<Submission>, Unanswered> {
        self.ask(|reader| {
            let view = View::Submissions;
            let filters = vec![view.filter("submission_id", Test::Is(Cell::Text(id.to_string())))?];
            let lookup = Lookup { view, filters, limit: 1, after: None, newest_first: true };
            Ok(reader.lookup(&lookup)?.first().and_then(submission))
        })
    }

    fn submission_rows(
        &self,
        id: SubmissionId,
        which: Which,
        page: Option<Page>,
        limit: usize,
        locale: Locale,
    ) -> Result<Vec<Registration>, Unanswered> {
        let support = self.support();
        self.ask(|reader| {
            let Some(known) = reader.submission_by_id(id)? else { return Ok(Vec::new()) };
            let rows = |which, after, limit| reader.rows_of(known.entry, which, after, limit);
            let after = page.map(|page| page.after);
            let found = match (which, page) {
                (Which::In(state), _) => rows(browse::Which::In(state), after, limit)?,
                (Which::All, Some(Page { failed: false, .. })) => rows(browse::Which::NotFailed, after, limit)?,
                (Which::All, _) => {
                    let mut found = rows(browse::Which::In(State::Failed), after, limit)?;
                    found.extend(rows(browse::Which::NotFailed, None, limit.saturating_sub(found.len()))?);
                    found
                }
            };
            rows_of(reader, &found, locale, support.as_deref())
        })
    }

    fn table(&self, ask: &Ask) -> Result<Rows, Unanswered> {
        let lookup = tables::lookup(ask)?;
        self.ask(|reader| Ok(tables::rows(&lookup, reader.lookup(&lookup)?)))
    }

    fn standing(&self) -> Result<Status, Unanswered> {
        status::status(&Scene::of(&self.shared)).map_err(|error| match error {
            AskError::Read(error) => self.unread(&error),
            AskError::Open(error) => unopened(&error),
        })
    }

    fn health(&self) -> DaemonHealth {
        monitor::health(&self.shared)
    }

    fn metrics(&self) -> Result<String, Unanswered> {
        monitor::metrics(&self.shared).map_err(|error| match error {
            AskError::Read(error) => self.unread(&error),
            AskError::Open(error) => unopened(&error),
        })
    }

    fn sign(&self) -> Result<Sign, Unanswered> {
        let entries = self.ask(Reader::head)?.map_or(0, |head| head.entries);
        let mut others = DefaultHasher::new();
        let board = self.shared.board.lock();
        for (key, lane) in &board.customers {
            (key, lane.waiting_total, lane.refused.len(), lane.hangs).hash(&mut others);
            lane.waiting.iter().for_each(|waiting| (waiting.path.text(), &waiting.why).hash(&mut others));
            (lane.offline.is_some(), &lane.unpaid).hash(&mut others);
        }
        for (target, met) in &board.registrar {
            (target, format!("{:?}", met.health), &met.why).hash(&mut others);
        }
        (board.stalled.is_some(), board.space.is_some(), &board.clock_held, &board.reload_refused).hash(&mut others);
        drop(board);
        Ok(Sign { entries, others: others.finish() })
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        // Made now, and not when it is first polled: what rings in between is heard.
        Box::pin(self.shared.bells.changed.notified())
    }
}

/// All rows of a view that belong to a registration, the oldest first.
fn history(reader: &Reader, view: View, registration: RegistrationId) -> Result<Vec<ViewRow>, ReadError> {
    let filters = vec![view.filter("registration_id", Test::Is(Cell::Integer(registration.get())))?];
    reader.lookup(&Lookup { view, filters, limit: HISTORY_MAX, after: None, newest_first: false })
}

/// Rows in the order of these numbers, with their details in a language.
fn rows_of(
    reader: &Reader,
    numbers: &[RegistrationId],
    locale: Locale,
    support: Option<&str>,
) -> Result<Vec<Registration>, ReadError> {
    let keys: Vec<i64> = numbers.iter().map(|number| number.get()).collect();
    let shown = reader.view_rows(View::Registrations, &keys)?;
    let mut found: HashMap<RegistrationId, Registration> =
        shown.iter().filter_map(registration).map(|row| (row.registration, row)).collect();
    let mut rows: Vec<Registration> = numbers.iter().filter_map(|number| found.remove(number)).collect();
    // The record's own words are English, and stand in the view as they are.
    for row in rows.iter_mut().filter(|row| locale != Locale::En && row.details.is_some()) {
        let Some(submission) = reader.submission_by_id(row.submission)? else { continue };
        let before = RegistrationId::new(row.registration.get() - 1);
        let recorded = reader.rows(submission.entry, before, 1)?.into_iter().next();
        if let Some(recorded) = recorded.filter(|recorded| recorded.registration == row.registration) {
            row.details = details(&recorded, locale, support);
        }
    }
    Ok(rows)
}

/// What is to be said of a row beyond its state and error.
fn details(row: &Row, locale: Locale, support: Option<&str>) -> Option<String> {
    let request_id = row.request_id.as_deref().unwrap_or_default();
    match row.error {
        None | Some(ErrorCode::RowNotValid | ErrorCode::FileNotValid) => row.detail.clone(),
        Some(ErrorCode::DeviceAlreadyRegistered) => {
            let holder = row.holder.as_ref().map(|holder| message::Holder {
                file: &holder.file,
                line: holder.line,
                date: holder.at,
            });
            Some(message::details(&Details::AlreadyRegistered { holder }, locale))
        }
        Some(error) => {
            let words = row.detail.as_deref();
            Some(message::details(&Details::Error { error, request_id, support, words }, locale))
        }
    }
}

/// Other rows of the same device at the same customer, the newest first.
fn others(reader: &Reader, row: &Registration) -> Result<Vec<Registration>, ReadError> {
    let (Some(manufacturer), Some(model), Some(serial_number)) = (&row.manufacturer, &row.model, &row.serial_number)
    else {
        return Ok(Vec::new());
    };
    let device =
        CoreDevice { manufacturer: manufacturer.clone(), model: model.clone(), serial_number: serial_number.clone() };
    let all = reader.registrations_of(&row.customer, &device)?;
    let others: Vec<i64> = all
        .iter()
        .rev()
        .filter(|other| **other != row.registration)
        .take(OTHERS_MAX)
        .map(|other| other.get())
        .collect();
    Ok(reader.view_rows(View::Registrations, &others)?.iter().filter_map(registration).collect())
}

/// The cells of a view's row by their columns.
struct Cells<'a> {
    view: View,
    row: &'a ViewRow,
}

impl Cells<'_> {
    fn cell(&self, column: &str) -> Option<&Cell> {
        let at = self.view.columns().iter().position(|known| *known == column)?;
        self.row.get(at)
    }

    fn text(&self, column: &str) -> Option<String> {
        match self.cell(column)? {
            Cell::Text(text) => Some(text.clone()),
            Cell::Integer(number) => Some(number.to_string()),
            Cell::Null => None,
        }
    }

    fn number(&self, column: &str) -> Option<i64> {
        match self.cell(column)? {
            Cell::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn count(&self, column: &str) -> u64 {
        self.number(column).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    }

    fn time(&self, column: &str) -> Option<Timestamp> {
        self.text(column)?.parse().ok()
    }

    fn state(&self, column: &str) -> Option<State> {
        State::from_code(&self.text(column)?)
    }

    fn error(&self) -> Option<ErrorCode> {
        ErrorCode::from_code(&self.text("error")?)
    }
}

fn registration(row: &ViewRow) -> Option<Registration> {
    let cells = Cells { view: View::Registrations, row };
    Some(Registration {
        registration: RegistrationId::new(cells.number("registration_id")?)?,
        submission: cells.text("submission_id")?.parse().ok()?,
        customer: CustomerKey::parse(&cells.text("customer")?).ok()?,
        file: cells.text("file")?,
        line: cells.count("line"),
        order_id: cells.text("order_id"),
        purchase_id: cells.text("purchase_id"),
        manufacturer: cells.text("manufacturer"),
        model: cells.text("model"),
        serial_number: cells.text("serial_number"),
        state: cells.state("state")?,
        since: cells.time("since"),
        error: cells.error(),
        details: cells.text("error_details"),
        request_id: cells.text("request_id"),
        attempts: cells.count("attempts"),
        superseded: cells.count("superseded") == 1,
    })
}

fn change(row: &ViewRow) -> Option<Change> {
    let cells = Cells { view: View::Transitions, row };
    Some(Change {
        at: cells.time("at"),
        from: cells.state("from_state"),
        to: cells.state("to_state")?,
        error: cells.error(),
        cause: cells.text("cause")?,
        actor: cells.text("actor"),
        attempt: cells.number("attempt_id").and_then(AttemptId::new),
    })
}

fn attempt(row: &ViewRow) -> Option<Attempt> {
    let cells = Cells { view: View::Attempts, row };
    Some(Attempt {
        attempt: AttemptId::new(cells.number("attempt_id")?)?,
        number: cells.count("number"),
        registrar: cells.text("registrar")?,
        target: cells.text("target"),
        started_at: cells.time("started_at"),
        finished_at: cells.time("finished_at"),
        outcome: cells.text("outcome"),
        error: cells.error(),
        details: cells.text("error_details"),
        request_id: cells.text("request_id"),
        correlation_id: cells.text("correlation_id"),
        tracking_id: cells.text("tracking_id"),
        answer: cells.text("answer"),
    })
}

fn submission(row: &ViewRow) -> Option<Submission> {
    let cells = Cells { view: View::Submissions, row };
    Some(Submission {
        submission: cells.text("submission_id")?.parse().ok()?,
        customer: CustomerKey::parse(&cells.text("customer")?).ok()?,
        file: cells.text("file")?,
        order_id: cells.text("order_id"),
        purchase_id: cells.text("purchase_id"),
        sha256: cells.text("sha256"),
        bytes: cells.count("bytes"),
        received_at: cells.time("received_at"),
        completed_at: cells.time("completed_at"),
        rejection: cells.text("rejection"),
        rows: cells.count("rows"),
        pending: cells.count("pending"),
        ready: cells.count("ready"),
        failed: cells.count("failed"),
        already: cells.count("already"),
    })
}
