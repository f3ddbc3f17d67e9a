//! What has a text as its serial number, request ID, order ID, submission ID or file name.
//!
//! Goes through the ways to match from the best to the widest, and shows each registration and each submission at the
//! best one alone. Which those are is told by the row itself, so that a page needs to know nothing of the ones before
//! it but where the last one ended.

use std::collections::BTreeSet;

use devicedrop_core::ids::{AttemptId, RegistrationId, SubmissionId};
use serde_json::Value;

use super::failure::{Told, bad_key, not_by};
use super::{by_key, common, key_of, row, text as cell};
use crate::cli::error::Failure;
use crate::cli::lookups::{Look, Page, Row};
use crate::ledger::Reader;
use crate::ledger::reader::find::{Found, Serial};
use crate::ledger::views::{Cell, Filter, Lookup, Test, View};

/// What an ID of ours begins with, where the registrar gave no request ID; an attempt's number follows.
const OUR_REQUEST: &str = "dd-";

/// A way to match, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Submission,
    Request,
    Serial,
    Order,
    OrderOfRow,
    File,
    Beginning,
}

impl Way {
    const ALL: [Self; 7] =
        [Self::Submission, Self::Request, Self::Serial, Self::Order, Self::OrderOfRow, Self::File, Self::Beginning];

    /// The word for it in the key of a page.
    fn word(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Request => "request",
            Self::Serial => "serial",
            Self::Order => "order",
            Self::OrderOfRow => "row-order",
            Self::File => "file",
            Self::Beginning => "beginning",
        }
    }

    /// What it finds.
    fn view(self) -> View {
        match self {
            Self::Submission | Self::Order | Self::File => View::Submissions,
            Self::Request | Self::Serial | Self::OrderOfRow | Self::Beginning => View::Registrations,
        }
    }
}

/// Where a page ended: `serial.4711`.
fn parse_key(key: &str) -> Option<(Way, Cell)> {
    let (word, rest) = key.split_once('.')?;
    let way = Way::ALL.into_iter().find(|way| way.word() == word)?;
    let rest = match way.view() {
        View::Submissions => cell(&rest.parse::<SubmissionId>().ok()?),
        _ => Cell::Integer(RegistrationId::new(rest.parse().ok()?)?.get()),
    };
    Some((way, rest))
}

struct Search<'a> {
    reader: &'a Reader,
    text: &'a str,
    look: &'a Look,
    /// What was attempted under the text as a request ID, the newest first.
    requested: Vec<Found>,
    requested_ids: BTreeSet<i64>,
}

/// One page of all that matches.
pub(super) fn find(reader: &Reader, text: &str, look: &Look) -> Result<Page, Failure> {
    if look.filters.state.is_some() || look.filters.error.is_some() {
        return Err(not_by("what a text finds", "state or error", "customer and since"));
    }
    let from = match &look.after {
        Some(key) => Some(parse_key(key).ok_or_else(|| bad_key(key))?),
        None => None,
    };
    if text.is_empty() {
        return Ok(Page::default());
    }
    let requested = requested(reader, text)?;
    let requested_ids = requested.iter().map(|found| found.registration.get()).collect();
    let search = Search { reader, text, look, requested, requested_ids };
    let mut found: Vec<(Way, Row)> = Vec::new();
    // One more than asked for tells whether there is another page.
    let wanted = look.limit.saturating_add(1);
    for way in Way::ALL {
        let after = match &from {
            Some((begun, _)) if way < *begun => continue,
            Some((begun, after)) if way == *begun => Some(after.clone()),
            _ => None,
        };
        let left = wanted.saturating_sub(found.len());
        if left == 0 {
            break;
        }
        found.extend(search.by(way, after, left)?.into_iter().map(|row| (way, row)));
    }
    let more = found.len() > look.limit;
    found.truncate(look.limit);
    let next = found.last().filter(|_| more).map(|(way, row)| format!("{}.{}", way.word(), key_of(way.view(), row)));
    Ok(Page { rows: found.into_iter().map(|(_, row)| row).collect(), next })
}

/// Whatever was attempted under this request ID: the registrar's, or ours.
fn requested(reader: &Reader, text: &str) -> Result<Vec<Found>, Failure> {
    let mut found = reader.registrations_by_request(text).map_err(Told::told)?;
    let ours = text.strip_prefix(OUR_REQUEST).and_then(|number| number.parse().ok()).and_then(AttemptId::new);
    if let Some(attempt) = ours {
        found.extend(reader.registration_of_attempt(attempt).map_err(Told::told)?);
        found.sort_by_key(|found| std::cmp::Reverse(found.registration));
        found.dedup();
    }
    Ok(found)
}

impl Search<'_> {
    /// At most `limit` rows that match in this way and in no better one, the newest first.
    fn by(&self, way: Way, after: Option<Cell>, limit: usize) -> Result<Vec<Row>, Failure> {
        match way.view() {
            View::Submissions => self.submissions(way, after, limit),
            _ => self.registrations(way, after.as_ref(), limit),
        }
    }

    fn submissions(&self, way: Way, after: Option<Cell>, limit: usize) -> Result<Vec<Row>, Failure> {
        let view = View::Submissions;
        let mut filters = common(view, &self.look.filters, "received_at")?;
        filters.push(match way {
            Way::Submission => match self.text.parse::<SubmissionId>() {
                Ok(id) => view.filter("submission_id", Test::Is(cell(&id))).map_err(Told::told)?,
                Err(_) => return Ok(Vec::new()),
            },
            Way::Order => view.filter("order_id", Test::Is(cell(self.text))).map_err(Told::told)?,
            // Its deliveries know the paths that it has moved to as well.
            _ => view
                .filter_through(View::Deliveries, "file", Test::Named(self.text.to_owned()))
                .map_err(Told::told)?,
        });
        let mut after = after;
        let mut rows = Vec::new();
        loop {
            let left = limit.saturating_sub(rows.len());
            let lookup =
                Lookup { view, filters: filters.clone(), limit: left, after: after.take(), newest_first: true };
            let page = self.reader.lookup(&lookup).map_err(Told::told)?;
            let whole = page.len() == left;
            let page: Vec<Row> = page.into_iter().map(|cells| row(view, cells)).collect();
            after = page.last().map(|row| cell(&key_of(view, row)));
            rows.extend(page.into_iter().filter(|row| self.best_of_submission(row) == way));
            if !whole || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }

    /// In which way a submission that matches matches best.
    fn best_of_submission(&self, row: &Row) -> Way {
        let is = |name: &str, text: &str| {
            row.iter().any(|(column, value)| column == name && matches!(value, Value::String(held) if held == text))
        };
        let id = self.text.parse::<SubmissionId>();
        match id {
            Ok(id) if is("submission_id", &id.to_string()) => Way::Submission,
            _ if is("order_id", self.text) => Way::Order,
            _ => Way::File,
        }
    }

    fn registrations(&self, way: Way, after: Option<&Cell>, limit: usize) -> Result<Vec<Row>, Failure> {
        let filters = common(View::Registrations, &self.look.filters, "since")?;
        let mut before = match after {
            Some(Cell::Integer(number)) => RegistrationId::new(*number),
            _ => None,
        };
        let mut rows = Vec::new();
        loop {
            let left = limit.saturating_sub(rows.len());
            let found = self.numbers(way, before, left)?;
            let whole = found.len() == left;
            before = found.last().map(|found| found.registration).or(before);
            for found in found.into_iter().filter(|found| self.best_of(found) == way) {
                rows.extend(self.shown(found.registration, &filters)?);
            }
            if !whole || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }

    /// What the ledger's indexes find in this way, whether it matches in a better one or not.
    fn numbers(&self, way: Way, before: Option<RegistrationId>, limit: usize) -> Result<Vec<Found>, Failure> {
        let found = match way {
            Way::Request => {
                let behind = |found: &&Found| before.is_none_or(|before| found.registration < before);
                Ok(self.requested.iter().filter(behind).take(limit).cloned().collect())
            }
            Way::Serial => self.reader.registrations_by_serial(Serial::Whole(self.text), before, limit),
            Way::OrderOfRow => self.reader.registrations_by_order(self.text, before, limit),
            _ => self.reader.registrations_by_serial(Serial::Beginning(self.text), before, limit),
        };
        found.map_err(Told::told)
    }

    /// In which way a registration that matches matches best.
    fn best_of(&self, found: &Found) -> Way {
        if self.requested_ids.contains(&found.registration.get()) {
            Way::Request
        } else if found.serial_number.as_deref() == Some(self.text) {
            Way::Serial
        } else if found.order_id.as_deref() == Some(self.text) {
            Way::OrderOfRow
        } else {
            Way::Beginning
        }
    }

    /// The row, if its file is wholly accepted and it meets the filters.
    fn shown(&self, registration: RegistrationId, filters: &[Filter]) -> Result<Option<Row>, Failure> {
        by_key(self.reader, View::Registrations, Cell::Integer(registration.get()), filters.to_vec())
    }
}
