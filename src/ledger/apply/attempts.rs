//! Calls to registrars: their intents, and the ends of their attempts.

use std::collections::{BTreeMap, HashMap};

use devicedrop_core::ids::{AttemptId, CallId, RegistrationId};
use devicedrop_core::state::{self, ErrorCode, Event, Outcome, State};
use devicedrop_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::super::command::{Finished, NewCall, Started};
use super::super::entries::whole;
use super::super::error::Refusal;
use super::super::transaction::{Standing, Stop, Transaction, runs};
use super::AT_ONCE;

/// What was attempted: the call, the registration, the number and generation.
struct Attempted {
    call: i64,
    registration: i64,
    number: i64,
}

impl Transaction<'_> {
    pub(in crate::ledger) fn start_call(
        &mut self,
        call: NewCall,
        registrations: Vec<RegistrationId>,
    ) -> Result<Started, Stop> {
        let standings = self.standings(&registrations)?;
        self.pass_cursors(&registrations, &standings)?;
        let id = self.enter_call(&call)?;
        let mut attempts = Vec::with_capacity(registrations.len());
        for registration in &registrations {
            let standing = standing(&standings, *registration)?;
            let (number, generation) = (standing.attempts + 1, standing.generation);
            let attempt = self.enter_attempt(id, *registration, number, generation)?;
            attempts.extend(AttemptId::new(attempt));
            if standing.present {
                let taken = self
                    .db
                    .prepare_cached(
                        "UPDATE present SET due = NULL, attempts = ?2
                         WHERE registration = ?1 AND state = 1 AND due IS NOT NULL",
                    )?
                    .execute([registration.get(), number])?;
                // Named twice in one call, or already taken.
                if taken == 0 {
                    return Err(Refusal::UnderWay(*registration).into());
                }
            }
        }
        let open = whole(u64::try_from(attempts.len()).unwrap_or(u64::MAX));
        if open > 0 {
            self.db
                .prepare_cached("INSERT INTO open_call(call, attempts, open) VALUES (?1, ?2, ?2)")?
                .execute([id, open])?;
        }
        let call = CallId::new(id).ok_or_else(|| Refusal::Schema("no number for a call".to_owned()))?;
        Ok(Started { call, attempts })
    }

    /// Moves the cursors of the submissions past those of the registrations that were never attempted. What is passed
    /// over on the way is due at once, like any other row that isn't merely next in its file.
    fn pass_cursors(
        &mut self,
        registrations: &[RegistrationId],
        standings: &HashMap<i64, Standing>,
    ) -> Result<(), Stop> {
        let mut fresh: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for registration in registrations {
            let standing = standing(standings, *registration)?;
            let event = Event::Registered;
            if standing.state != State::Pending {
                return Err(state::IllegalTransition { state: Some(standing.state), event }.into());
            }
            if standing.present && standing.due.is_none() {
                return Err(Refusal::UnderWay(*registration).into());
            }
            if !standing.present {
                fresh.entry((standing.customer, standing.submission)).or_default().push(registration.get());
            }
        }
        for ((customer, submission), mut ids) in fresh {
            ids.sort_unstable();
            self.pass_cursor(customer, submission, &ids)?;
        }
        Ok(())
    }

    fn pass_cursor(&mut self, customer: i64, submission: i64, ids: &[i64]) -> Result<(), Stop> {
        let next: Option<i64> = self
            .db
            .prepare_cached("SELECT next FROM cursor WHERE customer = ? AND submission = ?")?
            .query_row([customer, submission], |row| row.get(0))
            .optional()?;
        let mut expected = next.unwrap_or(i64::MAX);
        for id in ids {
            if *id < expected {
                let registration = RegistrationId::new(*id);
                return Err(registration.map_or(Refusal::Outcome("no such registration"), Refusal::UnderWay).into());
            }
            if *id > expected {
                self.db
                    .prepare_cached(
                        "INSERT INTO present(registration, customer, state, entry, attempts, due)
                         SELECT r.id, ?1, 1, r.id, 0, ?5
                         FROM range x JOIN registration r ON r.id BETWEEN max(x.first, ?3) AND min(x.last, ?4 - 1)
                         LEFT JOIN present p ON p.registration = r.id
                         WHERE x.submission = ?2 AND p.registration IS NULL",
                    )?
                    .execute(params![customer, submission, expected, id, AT_ONCE])?;
            }
            expected = id + 1;
        }
        self.set_cursor(customer, submission, expected)
    }

    /// The cursor of a submission stands on its first registration from `from` on that was never attempted, or it is
    /// gone.
    pub(super) fn set_cursor(&mut self, customer: i64, submission: i64, from: i64) -> Result<(), Stop> {
        let next: Option<i64> = self
            .db
            .prepare_cached(
                "SELECT r.id FROM range x CROSS JOIN registration r ON r.id BETWEEN max(x.first, ?2) AND x.last
                 LEFT JOIN present p ON p.registration = r.id
                 WHERE x.submission = ?1 AND x.last >= ?2 AND p.registration IS NULL ORDER BY x.first, r.id LIMIT 1",
            )?
            .query_row([submission, from], |row| row.get(0))
            .optional()?;
        let Some(next) = next else {
            self.db
                .prepare_cached("DELETE FROM cursor WHERE customer = ? AND submission = ?")?
                .execute([customer, submission])?;
            return Ok(());
        };
        self.db
            .prepare_cached(
                "INSERT INTO cursor(customer, submission, next) VALUES (?1, ?2, ?3)
                 ON CONFLICT(customer, submission) DO UPDATE SET next = ?3",
            )?
            .execute([customer, submission, next])?;
        Ok(())
    }

    pub(in crate::ledger) fn track(&mut self, call: CallId, tracking_id: String) -> Result<(), Stop> {
        let known = self
            .db
            .prepare_cached("UPDATE open_call SET tracking_id = ?2 WHERE call = ?1")?
            .execute(params![call.get(), tracking_id])?;
        if known == 0 { Err(Refusal::UnknownCall(call).into()) } else { Ok(()) }
    }

    pub(in crate::ledger) fn finish_attempts(&mut self, finished: Vec<Finished>) -> Result<(), Stop> {
        let attempted = self.attempted(&finished)?;
        let ids: Vec<_> = finished.iter().map(|end| end.registration).collect();
        let standings = self.standings(&ids)?;
        let mut ended: BTreeMap<i64, i64> = BTreeMap::new();
        for end in &finished {
            let attempt = attempted
                .get(&end.attempt.get())
                .filter(|attempt| attempt.registration == end.registration.get())
                .ok_or(Refusal::UnknownAttempt(end.attempt))?;
            self.finish(end, attempt, standing(&standings, end.registration)?)?;
            *ended.entry(attempt.call).or_default() += 1;
        }
        for (call, count) in ended {
            self.end_calls(call, count)?;
        }
        self.settle()
    }

    fn attempted(&self, finished: &[Finished]) -> Result<HashMap<i64, Attempted>, Stop> {
        let mut found = HashMap::with_capacity(finished.len());
        let mut select =
            self.db.prepare_cached("SELECT id, call, registration, number FROM attempt WHERE id BETWEEN ? AND ?")?;
        for (first, last) in runs(finished.iter().map(|end| end.attempt.get())) {
            let mut rows = select.query([first, last])?;
            while let Some(row) = rows.next()? {
                let attempted = Attempted { call: row.get(1)?, registration: row.get(2)?, number: row.get(3)? };
                found.insert(row.get(0)?, attempted);
            }
        }
        Ok(found)
    }

    fn finish(&mut self, end: &Finished, attempt: &Attempted, standing: &Standing) -> Result<(), Stop> {
        // A later attempt, or none under way: this one has its outcome already.
        if standing.due.is_some() || (standing.present && standing.attempts != attempt.number) {
            return Err(Refusal::UnknownAttempt(end.attempt).into());
        }
        let (event, error) = match end.outcome {
            Outcome::Registered => (Some(Event::Registered), None),
            Outcome::AlreadyRegistered => (Some(Event::AlreadyRegistered), Some(ErrorCode::DeviceAlreadyRegistered)),
            Outcome::Failed => {
                let error = end.error.ok_or(Refusal::Outcome("one that failed says why"))?;
                (Some(Event::Failed(error)), Some(error))
            }
            Outcome::Deferred => (None, end.error),
            Outcome::Interrupted => (None, None),
            Outcome::Resolved => return Err(Refusal::Outcome("only a person resolves").into()),
        };
        if event.is_some() == end.due.is_some() {
            return Err(Refusal::Outcome("what is tried again is due some time, and nothing else is").into());
        }
        let change = event.map(|event| state::next(Some(standing.state), event)).transpose()?;
        let outcome = self.enter_outcome(end, error)?;
        let (to, entry) = match change {
            Some(change) => (change.to, Some(outcome)),
            None => (State::Pending, None),
        };
        let error = change.and_then(|change| change.error).map(ErrorCode::number);
        let due = end.due.map(Timestamp::unix_ms);
        let id = end.registration.get();
        if standing.present {
            self.db
                .prepare_cached(
                    "UPDATE present SET state = ?2, error = ?3, entry = coalesce(?4, entry), due = ?5
                     WHERE registration = ?1",
                )?
                .execute(params![id, to.number(), error, entry, due])?;
        } else {
            self.db
                .prepare_cached(
                    "INSERT INTO present(registration, customer, state, error, entry, attempts, due)
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    id,
                    standing.customer,
                    to.number(),
                    error,
                    entry.unwrap_or(id),
                    attempt.number,
                    due
                ])?;
        }
        if change.is_some() {
            let already = end.outcome == Outcome::AlreadyRegistered;
            self.shift(standing.submission, State::Pending, to, already, end.at);
        }
        Ok(())
    }

    /// So many more attempts of a call have ended.
    pub(super) fn end_calls(&mut self, call: i64, count: i64) -> Result<(), Stop> {
        let open = self
            .db
            .prepare_cached("UPDATE open_call SET open = open - ?2 WHERE call = ?1 AND open > ?2")?
            .execute([call, count])?;
        if open == 0 {
            self.db.prepare_cached("DELETE FROM open_call WHERE call = ?")?.execute([call])?;
        }
        Ok(())
    }
}

/// Where this registration stands, if there is one whose submission is accepted.
pub(super) fn standing(standings: &HashMap<i64, Standing>, id: RegistrationId) -> Result<&Standing, Refusal> {
    standings.get(&id.get()).ok_or(Refusal::UnknownRegistration(id))
}
