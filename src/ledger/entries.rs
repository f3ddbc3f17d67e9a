//! Entries, one function for each kind: the row and what is hashed of it, side by side, so that they don't part.
//!
//! A function returns the entry's number. What may be written when is decided by its callers, in `apply`.

use devicedrop_core::ids::{AttemptId, RegistrationId};
use devicedrop_core::record::{Kind, Value};
use devicedrop_core::state::{self, ErrorCode};
use devicedrop_core::time::Timestamp;
use rusqlite::{params, types::ToSql};

use super::command::{Finished, NewAction, NewCall, NewDelivery, NewRegistration, NewResult, NewSubmission};
use super::transaction::{Stop, Transaction};
use super::words::Dictionary;

/// Why a delivery is on record; the numbers are in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryKind {
    New,
    Again,
    Moved,
}

impl DeliveryKind {
    fn number(self) -> i64 {
        match self {
            Self::New => 1,
            Self::Again => 2,
            Self::Moved => 3,
        }
    }
}

/// A transition that no outcome tells.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) attempt: Option<i64>,
    pub(super) detail: Option<&'a str>,
    pub(super) last_seen: Option<i64>,
}

fn text(text: Option<&String>) -> Value<'_> {
    Value::from(text.map(String::as_str))
}

/// Sizes and counts come from files and stay far below 2^63.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Transaction<'_> {
    fn enter(
        &mut self,
        at: Option<Timestamp>,
        kind: Kind,
        sql: &str,
        row: &[&dyn ToSql],
        columns: &[Value<'_>],
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        self.db.prepare_cached(sql)?.execute(row)?;
        self.record.note(kind, columns)?;
        self.at = at.or(self.at);
        Ok(id)
    }

    pub(super) fn enter_epoch(
        &mut self,
        at: Timestamp,
        number: i64,
        ledger: [u8; 16],
        prior: Option<[u8; 32]>,
        actor: &str,
        reason: Option<&str>,
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        self.enter(
            Some(at),
            Kind::Epoch,
            "INSERT INTO epoch(id, at, number, ledger_uuid, prior_hash, actor, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![id, at.unix_ms(), number, ledger, prior, actor, reason],
            &[
                Value::Integer(id),
                Value::Integer(at.unix_ms()),
                Value::Integer(number),
                Value::Blob(&ledger),
                Value::from(prior.as_ref().map(<[u8; 32]>::as_slice)),
                Value::Text(actor),
                Value::from(reason),
            ],
        )
    }

    pub(super) fn enter_submission(
        &mut self,
        new: &NewSubmission,
        customer: i64,
        judging: i64,
        rejection: Option<&str>,
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        let at = new.at.unix_ms();
        let format = new.format.map(devicedrop_core::device::Format::code);
        let sha256 = new.sha256.as_ref().map(|sha256| sha256.as_bytes().as_slice());
        let outcome = if rejection.is_some() { 2 } else { 1 };
        self.enter(
            Some(new.at),
            Kind::Submission,
            "INSERT INTO submission(id, at, uuid, customer, file, judging, order_id, purchase_id, format, encoding,
               delimiter, sha256, bytes, outcome, rejection, rows)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                at,
                new.id.as_bytes(),
                customer,
                new.file,
                judging,
                new.order_id,
                new.purchase_id,
                format,
                new.encoding,
                new.delimiter,
                sha256,
                whole(new.bytes),
                outcome,
                rejection,
                whole(new.rows)
            ],
            &[
                Value::Integer(id),
                Value::Integer(at),
                Value::Blob(new.id.as_bytes()),
                Value::Text(new.customer.as_str()),
                Value::Text(&new.file),
                Value::Integer(judging),
                text(new.order_id.as_ref()),
                text(new.purchase_id.as_ref()),
                Value::from(format),
                text(new.encoding.as_ref()),
                text(new.delimiter.as_ref()),
                Value::from(sha256),
                Value::Integer(whole(new.bytes)),
                Value::Integer(outcome),
                Value::from(rejection),
                Value::Integer(whole(new.rows)),
            ],
        )
    }

    pub(super) fn enter_delivery(
        &mut self,
        new: &NewDelivery,
        submission: i64,
        kind: DeliveryKind,
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        let at = new.at.unix_ms();
        let modified = new.modified_at.map(Timestamp::unix_ms);
        self.enter(
            Some(new.at),
            Kind::Delivery,
            "INSERT INTO delivery(id, at, submission, kind, file, owner, modified_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![id, at, submission, kind.number(), new.file, new.owner, modified],
            &[
                Value::Integer(id),
                Value::Integer(at),
                Value::Integer(submission),
                Value::Integer(kind.number()),
                Value::Text(&new.file),
                text(new.owner.as_ref()),
                Value::from(modified),
            ],
        )
    }

    pub(super) fn enter_registration(&mut self, new: &NewRegistration, submission: i64) -> Result<i64, Stop> {
        let id = self.record.next;
        let mut number = |dictionary, text: &Option<String>| match text {
            Some(text) => self.words.number(self.db, dictionary, text).map(Some),
            None => Ok(None),
        };
        let manufacturer = number(Dictionary::Manufacturer, &new.manufacturer)?;
        let model = number(Dictionary::Model, &new.model)?;
        let id = self.enter(
            None,
            Kind::Registration,
            "INSERT INTO registration(id, submission, line, manufacturer, model, serial_number, hardware_hash,
               order_id, purchase_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                submission,
                whole(new.line),
                manufacturer,
                model,
                new.serial_number,
                new.hardware_hash,
                new.order_id,
                new.purchase_id
            ],
            &[
                Value::Integer(id),
                Value::Integer(submission),
                Value::Integer(whole(new.line)),
                text(new.manufacturer.as_ref()),
                text(new.model.as_ref()),
                text(new.serial_number.as_ref()),
                text(new.hardware_hash.as_ref()),
                text(new.order_id.as_ref()),
                text(new.purchase_id.as_ref()),
            ],
        )?;
        self.record.last_registration = id;
        Ok(id)
    }

    pub(super) fn enter_call(&mut self, new: &NewCall) -> Result<i64, Stop> {
        let id = self.record.next;
        let at = new.at.unix_ms();
        let target = self.words.number(self.db, Dictionary::Target, &new.target)?;
        self.enter(
            Some(new.at),
            Kind::Call,
            "INSERT INTO call(id, at, registrar, target, request_id, correlation_id) VALUES (?, ?, ?, ?, ?, ?)",
            params![id, at, new.registrar, target, new.ids.request_id, new.ids.correlation_id],
            &[
                Value::Integer(id),
                Value::Integer(at),
                Value::Text(&new.registrar),
                Value::Text(&new.target),
                text(new.ids.request_id.as_ref()),
                text(new.ids.correlation_id.as_ref()),
            ],
        )
    }

    pub(super) fn enter_attempt(
        &mut self,
        call: i64,
        registration: RegistrationId,
        number: i64,
        generation: i64,
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        self.enter(
            None,
            Kind::Attempt,
            "INSERT INTO attempt(id, call, registration, number, generation) VALUES (?, ?, ?, ?, ?)",
            params![id, call, registration.get(), number, generation],
            &[
                Value::Integer(id),
                Value::Integer(call),
                Value::Integer(registration.get()),
                Value::Integer(number),
                Value::Integer(generation),
            ],
        )
    }

    pub(super) fn enter_outcome(&mut self, end: &Finished, error: Option<ErrorCode>) -> Result<i64, Stop> {
        let id = self.record.next;
        let at = end.at.unix_ms();
        let error = error.map(ErrorCode::number);
        let holder = end.holder.map(RegistrationId::get);
        let AttemptId(attempt) = end.attempt;
        self.enter(
            Some(end.at),
            Kind::Outcome,
            "INSERT INTO outcome(id, at, attempt, outcome, error, holder, detail, request_id, tracking_id, answer)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                at,
                attempt.get(),
                end.outcome.number(),
                error,
                holder,
                end.detail,
                end.request_id,
                end.tracking_id,
                end.answer
            ],
            &[
                Value::Integer(id),
                Value::Integer(at),
                Value::Integer(attempt.get()),
                Value::Integer(end.outcome.number()),
                Value::from(error),
                Value::from(holder),
                text(end.detail.as_ref()),
                text(end.request_id.as_ref()),
                text(end.tracking_id.as_ref()),
                text(end.answer.as_ref()),
            ],
        )
    }

    pub(super) fn enter_transition(
        &mut self,
        at: Timestamp,
        registration: i64,
        change: state::Transition,
        told: &Told<'_>,
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        let from = change.from.map(state::State::number);
        let (to, cause) = (change.to.number(), change.cause.number());
        let error = change.error.map(ErrorCode::number);
        self.enter(
            Some(at),
            Kind::Transition,
            "INSERT INTO transition(id, at, registration, from_state, to_state, error, cause, actor, attempt, detail,
               last_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                at.unix_ms(),
                registration,
                from,
                to,
                error,
                cause,
                told.actor,
                told.attempt,
                told.detail,
                told.last_seen
            ],
            &[
                Value::Integer(id),
                Value::Integer(at.unix_ms()),
                Value::Integer(registration),
                Value::from(from),
                Value::Integer(to),
                Value::from(error),
                Value::Integer(cause),
                Value::from(told.actor),
                Value::from(told.attempt),
                Value::from(told.detail),
                Value::from(told.last_seen),
            ],
        )
    }

    pub(super) fn enter_result(&mut self, new: &NewResult) -> Result<i64, Stop> {
        let id = self.record.next;
        let at = new.at.unix_ms();
        self.enter(
            Some(new.at),
            Kind::Result,
            "INSERT INTO result(id, at, submission, file, sha256, final) VALUES (?, ?, ?, ?, ?, ?)",
            params![id, at, new.submission.get(), new.file, new.sha256.as_bytes(), new.last],
            &[
                Value::Integer(id),
                Value::Integer(at),
                Value::Integer(new.submission.get()),
                Value::Text(&new.file),
                Value::Blob(new.sha256.as_bytes()),
                Value::Integer(i64::from(new.last)),
            ],
        )
    }

    pub(super) fn enter_refusal(
        &mut self,
        at: Timestamp,
        customer: (i64, &str),
        file: &str,
        reason: &str,
    ) -> Result<i64, Stop> {
        let id = self.record.next;
        let (number, key) = customer;
        self.enter(
            Some(at),
            Kind::Refusal,
            "INSERT INTO refusal(id, at, customer, file, reason) VALUES (?, ?, ?, ?, ?)",
            params![id, at.unix_ms(), number, file, reason],
            &[
                Value::Integer(id),
                Value::Integer(at.unix_ms()),
                Value::Text(key),
                Value::Text(file),
                Value::Text(reason),
            ],
        )
    }

    pub(super) fn enter_action(&mut self, new: &NewAction) -> Result<i64, Stop> {
        let id = self.record.next;
        let at = new.at.unix_ms();
        self.enter(
            Some(new.at),
            Kind::Action,
            "INSERT INTO action(id, at, actor, action, subject, reason) VALUES (?, ?, ?, ?, ?, ?)",
            params![id, at, new.actor, new.action, new.subject, new.reason],
            &[
                Value::Integer(id),
                Value::Integer(at),
                Value::Text(&new.actor),
                Value::Text(&new.action),
                text(new.subject.as_ref()),
                text(new.reason.as_ref()),
            ],
        )
    }
}
