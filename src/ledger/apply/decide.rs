//! What people, and time, decide: another try, the end of trying, what became of an attempt in doubt.

use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionEntry};
use devicedrop_core::state::{self, ErrorCode, Event, Outcome, State};
use devicedrop_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::super::command::{Finished, NewAction, Resolution, Selection};
use super::super::entries::Told;
use super::super::error::Refusal;
use super::super::transaction::{Standing, Stop, Transaction};
use super::AT_ONCE;
use super::attempts::standing;

impl Transaction<'_> {
    fn standing_of(&self, id: RegistrationId) -> Result<Standing, Stop> {
        Ok(*standing(&self.standings(&[id])?, id)?)
    }

    pub(in crate::ledger) fn gave_up(
        &mut self,
        registration: RegistrationId,
        at: Timestamp,
        detail: Option<String>,
    ) -> Result<(), Stop> {
        let now = self.standing_of(registration)?;
        let change = state::next(Some(now.state), Event::GaveUp)?;
        if now.due.is_none() {
            return Err(Refusal::UnderWay(registration).into());
        }
        let attempt: Option<i64> = self
            .db
            .prepare_cached("SELECT max(id) FROM attempt WHERE registration = ?")?
            .query_row([registration.get()], |row| row.get(0))?;
        let told = Told { attempt, detail: detail.as_deref(), ..Told::default() };
        let entry = self.enter_transition(at, registration.get(), change, &told)?;
        self.db
            .prepare_cached(
                "UPDATE present SET state = ?2, error = ?3, entry = ?4, due = NULL WHERE registration = ?1",
            )?
            .execute(params![registration.get(), change.to.number(), change.error.map(ErrorCode::number), entry])?;
        self.shift(now.submission, now.state, change.to, false, at);
        self.settle()
    }

    pub(in crate::ledger) fn retry(
        &mut self,
        selection: Selection,
        actor: String,
        at: Timestamp,
    ) -> Result<u64, Stop> {
        let failed: Vec<i64> = self
            .db
            .prepare_cached(
                "SELECT p.registration FROM present p
                 JOIN registration r ON r.id = p.registration
                 JOIN tally y ON y.submission = r.submission
                 JOIN submission s ON s.id = r.submission
                 LEFT JOIN customer c ON c.number = p.customer
                 WHERE p.state = 2 AND p.error <> ?1
                   AND (?2 IS NULL OR p.registration = ?2) AND (?3 IS NULL OR s.uuid = ?3)
                   AND (?4 IS NULL OR c.text = ?4) AND (?5 IS NULL OR p.error = ?5)
                   AND (?6 OR y.superseded_by IS NULL)
                 ORDER BY p.registration",
            )?
            .query_map(
                params![
                    ErrorCode::RowNotValid.number(),
                    selection.registration.map(RegistrationId::get),
                    selection.submission.as_ref().map(|id| id.as_bytes().as_slice()),
                    selection.customer.as_ref().map(CustomerKey::as_str),
                    selection.error.map(ErrorCode::number),
                    selection.superseded
                ],
                |row| row.get(0),
            )?
            .collect::<Result<_, _>>()?;
        for registration in &failed {
            self.again(*registration, Event::Retried, Some(&actor), at)?;
        }
        self.settle()?;
        Ok(u64::try_from(failed.len()).unwrap_or(u64::MAX))
    }

    /// Failed registrations of a submission that another try may help.
    pub(super) fn failed_of(&self, submission: SubmissionEntry) -> Result<Vec<i64>, Stop> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT p.registration FROM range x CROSS JOIN present p ON p.registration BETWEEN x.first AND x.last
                 WHERE x.submission = ? AND p.state = 2 AND p.error <> ? ORDER BY p.registration",
            )?
            .query_map([submission.get(), ErrorCode::RowNotValid.number()], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    /// A failed registration is pending again.
    pub(super) fn again(
        &mut self,
        registration: i64,
        event: Event,
        actor: Option<&str>,
        at: Timestamp,
    ) -> Result<(), Stop> {
        let change = state::next(Some(State::Failed), event)?;
        let told = Told { actor, ..Told::default() };
        let entry = self.enter_transition(at, registration, change, &told)?;
        self.db
            .prepare_cached(
                "UPDATE present SET state = ?2, error = NULL, entry = ?3, due = ?4 WHERE registration = ?1",
            )?
            .execute(params![registration, change.to.number(), entry, AT_ONCE])?;
        let submission = self
            .db
            .prepare_cached("SELECT submission FROM registration WHERE id = ?")?
            .query_row([registration], |row| row.get(0))?;
        self.shift(submission, State::Failed, change.to, false, at);
        Ok(())
    }

    pub(in crate::ledger) fn resolve(
        &mut self,
        registration: RegistrationId,
        resolution: Resolution,
        reason: String,
        actor: String,
        at: Timestamp,
    ) -> Result<(), Stop> {
        let now = self.standing_of(registration)?;
        let (attempt, call, number) = self.open_attempt(registration)?;
        let end = Finished {
            attempt,
            registration,
            at,
            outcome: Outcome::Resolved,
            error: None,
            holder: None,
            detail: Some(reason.clone()),
            request_id: None,
            tracking_id: None,
            answer: None,
            due: None,
        };
        self.enter_outcome(&end, None)?;
        self.end_calls(call, 1)?;
        let word = match resolution {
            Resolution::Registered => "resolve_registered",
            Resolution::Retry => "resolve_retry",
        };
        self.act(NewAction {
            at,
            actor: actor.clone(),
            action: word.to_owned(),
            subject: Some(format!("registration {registration}")),
            reason: Some(reason),
        })?;
        let (change, generation, due) = match resolution {
            Resolution::Registered => {
                (Some(state::next(Some(now.state), Event::ResolvedAsRegistered)?), now.generation, None)
            }
            Resolution::Retry => (None, now.generation + 1, Some(AT_ONCE)),
        };
        let told = Told { actor: Some(&actor), attempt: Some(attempt.get()), ..Told::default() };
        let entry = change.map(|change| self.enter_transition(at, registration.get(), change, &told)).transpose()?;
        let to = change.map_or(State::Pending, |change| change.to);
        self.db
            .prepare_cached(
                "INSERT INTO present(registration, customer, state, entry, attempts, generation, due)
                 VALUES (?1, ?2, ?3, coalesce(?4, ?1), ?5, ?6, ?7)
                 ON CONFLICT(registration) DO UPDATE SET state = ?3, error = NULL, entry = coalesce(?4, entry),
                   generation = ?6, due = ?7",
            )?
            .execute(params![registration.get(), now.customer, to.number(), entry, number, generation, due])?;
        if change.is_some() {
            self.shift(now.submission, now.state, to, false, at);
        }
        self.settle()
    }

    fn open_attempt(&self, registration: RegistrationId) -> Result<(AttemptId, i64, i64), Stop> {
        let found: Option<(i64, i64, i64)> = self
            .db
            .prepare_cached(
                "SELECT a.id, a.call, a.number FROM attempt a LEFT JOIN outcome o ON o.attempt = a.id
                 WHERE a.registration = ? AND o.id IS NULL",
            )?
            .query_row([registration.get()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        found
            .and_then(|(attempt, call, number)| Some((AttemptId::new(attempt)?, call, number)))
            .ok_or_else(|| Refusal::NotUnderWay(registration).into())
    }

    pub(in crate::ledger) fn postpone(&mut self, rows: Vec<(RegistrationId, Timestamp)>) -> Result<(), Stop> {
        for (registration, due) in rows {
            let now = self.standing_of(registration)?;
            if now.state != State::Pending {
                return Err(state::IllegalTransition { state: Some(now.state), event: Event::Registered }.into());
            }
            let waiting = if now.present { now.due.is_some() } else { self.is_fresh(&now, registration)? };
            if !waiting {
                return Err(Refusal::UnderWay(registration).into());
            }
            self.db
                .prepare_cached(
                    "INSERT INTO present(registration, customer, state, entry, attempts, due)
                     VALUES (?1, ?2, 1, ?1, 0, ?3) ON CONFLICT(registration) DO UPDATE SET due = ?3",
                )?
                .execute([registration.get(), now.customer, due.unix_ms()])?;
            if !now.present && self.is_next(&now, registration)? {
                // It is no longer merely next in its file; of the last row nobody else would say so.
                self.set_cursor(now.customer, now.submission, registration.get() + 1)?;
            }
        }
        Ok(())
    }

    fn is_next(&self, now: &Standing, registration: RegistrationId) -> Result<bool, Stop> {
        Ok(self
            .db
            .prepare_cached("SELECT 1 FROM cursor WHERE customer = ? AND submission = ? AND next = ?")?
            .exists([now.customer, now.submission, registration.get()])?)
    }

    /// Whether a registration without a row in `present` was never attempted; else it is under way.
    fn is_fresh(&self, now: &Standing, registration: RegistrationId) -> Result<bool, Stop> {
        Ok(self
            .db
            .prepare_cached("SELECT 1 FROM cursor WHERE customer = ? AND submission = ? AND next <= ?")?
            .exists([now.customer, now.submission, registration.get()])?)
    }
}
