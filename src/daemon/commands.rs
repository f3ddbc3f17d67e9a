//! What people's commands do, whether they come over the control socket or from a process that holds the ledger's
//! lock because no daemon runs. Blocks; called from threads that may.

use std::sync::Arc;

use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::state::{ErrorCode, State};

use crate::actor::Actor;
use crate::control::protocol::{Answer, Decision, Refusal, Reply, Request, ResultWritten, Retried, Retry};
use crate::ledger::command::{NewAction, Resolution, Selection};
use crate::ledger::rows::Submission;
use crate::ledger::views::{Cell, Lookup, Test, View};

use super::desk::CustomerDesk;
use super::payment;
use super::receipts;
use super::registry;
use super::scene::Scene;
use super::shared::{AskError, Shared};
use super::written::WRITTEN;
use super::{explain, lifecycle, locate, reload, roster, status};

/// Rows of a view that are read at once.
const PAGE: usize = 10_000;

/// Why a command isn't done.
#[derive(Debug)]
pub struct No {
    /// What can't be done.
    pub message: String,
    /// The causes, the nearest first.
    pub because: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl No {
    /// A sentence and what to do.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), because: Vec::new(), hint: Some(hint.into()) }
    }
}

impl<E: std::error::Error> From<E> for No {
    fn from(error: E) -> Self {
        let mut because = Vec::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            because.push(next.to_string());
            cause = next.source();
        }
        Self { message: error.to_string(), because, hint: None }
    }
}

/// Carries a request out.
pub fn answer(shared: &Arc<Shared>, request: Request, actor: &Actor, progress: &mut dyn FnMut(Reply)) -> Reply {
    reply(carry_out(shared, request, actor, progress))
}

/// Answers a question about the present from the ledger alone, while no daemon runs. None for what isn't one.
pub fn answer_without_daemon(scene: &Scene<'_>, request: &Request) -> Option<Reply> {
    let answer = match request {
        Request::Status => status::status(scene).map(|status| Answer::Status(Box::new(status))).map_err(No::from),
        Request::Explain { path } => explain::explain(scene, path).map(Answer::Explanation),
        _ => return None,
    };
    Some(reply(answer))
}

fn reply(answer: Result<Answer, No>) -> Reply {
    match answer {
        Ok(answer) => Reply::Done(answer),
        Err(No { message, because, hint }) => Reply::Refused(Refusal { message, because, hint }),
    }
}

fn carry_out(
    shared: &Arc<Shared>,
    request: Request,
    actor: &Actor,
    progress: &mut dyn FnMut(Reply),
) -> Result<Answer, No> {
    match request {
        Request::Status => Ok(Answer::Status(Box::new(status::status(&Scene::of(shared))?))),
        Request::Explain { path } => Ok(Answer::Explanation(explain::explain(&Scene::of(shared), &path)?)),
        Request::Retry(wanted) => retry(shared, &wanted, actor).map(Answer::Retried),
        Request::Resolve { registration, decision, reason } => resolve(shared, registration, decision, reason, actor),
        Request::Result { path } => result(shared, &path, actor),
        Request::RegistryImport { files } => registry::import(shared, &files, actor, progress).map(Answer::Imported),
        Request::RegistryRelease { devices, customer } => {
            registry::release(shared, &devices, customer.as_ref(), actor)
        }
        Request::RegistryCheckIn { devices, at } => registry::check_in(shared, &devices, at, actor),
        Request::BackedUp { dir, blocks, head, with_key } => {
            let key = if with_key { "; the signing key is in it" } else { "" };
            let what = format!("ends with block {blocks} ({head}){key}");
            acted(shared, actor, "backup", Some(dir.display().to_string()), Some(what))?;
            Ok(Answer::BackupRecorded)
        }
        Request::SignedIn => {
            acted(shared, actor, "sign_in", Some(shared.registrar.target().to_owned()), None)?;
            shared.mended();
            Ok(Answer::SignInTakenUp)
        }
        Request::AcceptClock { reason } => lifecycle::accept_clock(shared, actor, reason),
        Request::Reload => reload::reload(shared, actor, true),
        Request::ReloadIfChanged => reload::reload(shared, actor, false),
    }
}

/// Puts on record what a person did.
pub fn acted(
    shared: &Shared,
    actor: &Actor,
    action: &str,
    subject: Option<String>,
    reason: Option<String>,
) -> Result<(), No> {
    let action =
        NewAction { at: shared.clock.now(), actor: actor.to_string(), action: action.to_owned(), subject, reason };
    Ok(shared.writer.act(action).wait()?)
}

fn retry(shared: &Arc<Shared>, wanted: &Retry, actor: &Actor) -> Result<Retried, No> {
    let mut done = Retried::default();
    if let Some(customer) = &wanted.customer {
        is_known(shared, customer)?;
    }
    if let Some(id) = wanted.submission {
        let found = shared.readers.ask(|reader| reader.submission_by_id(id))?;
        let submission = found.ok_or_else(|| {
            No::new(format!("there is no submission {id}"), "devicedrop submissions lists them; give the whole ID")
        })?;
        if submission.rejection.is_some() {
            judge_anew(shared, &submission)?;
            acted(shared, actor, "retry", Some(id.to_string()), None)?;
            done.submissions = 1;
            return Ok(done);
        }
    }
    let (superseded, not_valid) = left_out(shared, wanted)?;
    done.superseded_left_out = superseded;
    done.not_valid_left_out = not_valid;
    let selection = Selection {
        registration: None,
        submission: wanted.submission,
        customer: wanted.customer.clone(),
        error: wanted.error,
        superseded: wanted.superseded,
    };
    let now = shared.clock.now();
    done.registrations = shared.writer.retry(selection, actor.to_string(), now).wait()?;
    acted(shared, actor, "retry", Some(told(wanted)), None)?;
    shared.stir();
    Ok(done)
}

/// Refuses a customer whom nobody knows: neither the configuration, nor the folders, nor the record.
fn is_known(shared: &Shared, customer: &CustomerKey) -> Result<(), No> {
    let config = shared.config();
    let is_on_record = || shared.readers.ask(|reader| reader.last_activity(customer));
    let listed = roster::customers(&config).customers.unwrap_or_default();
    if config.customers.contains_key(customer)
        || listed.iter().any(|one| one.key == *customer)
        || is_on_record()?.is_some()
    {
        return Ok(());
    }
    Err(No::new(format!("there is no customer {customer}"), "devicedrop customer list tells who is"))
}

/// What a retry was asked for, for the record.
fn told(wanted: &Retry) -> String {
    let mut parts = Vec::new();
    parts.extend(wanted.submission.map(|id| format!("submission {id}")));
    parts.extend(wanted.customer.as_ref().map(|key| format!("customer {key}")));
    parts.extend(wanted.error.map(|error| format!("error {error}")));
    parts.extend(wanted.superseded.then(|| "superseded too".to_owned()));
    if parts.is_empty() { "all failed registrations".to_owned() } else { parts.join(", ") }
}

/// Counts failed rows that match and aren't tried again: superseded ones, and those whose row isn't valid.
fn left_out(shared: &Shared, wanted: &Retry) -> Result<(u64, u64), AskError> {
    let view = View::Registrations;
    let text = |text: &str| Test::Is(Cell::Text(text.to_owned()));
    let (mut superseded, mut not_valid) = (0, 0);
    let mut after = None;
    loop {
        let rows = shared.readers.ask(|reader| {
            let mut filters = vec![view.filter("state", text(State::Failed.code()))?];
            if let Some(id) = wanted.submission {
                filters.push(view.filter("submission_id", text(&id.to_string()))?);
            }
            if let Some(customer) = &wanted.customer {
                filters.push(view.filter("customer", text(customer.as_str()))?);
            }
            if let Some(error) = wanted.error {
                filters.push(view.filter("error", text(error.code()))?);
            }
            reader.lookup(&Lookup { view, filters, limit: PAGE, after: after.clone(), newest_first: false })
        })?;
        let column = |name: &str| view.columns().iter().position(|column| *column == name);
        for row in &rows {
            let cell = |name: &str| column(name).and_then(|index| row.get(index));
            if cell("error") == Some(&Cell::Text(ErrorCode::RowNotValid.code().to_owned())) {
                not_valid += 1;
            } else if !wanted.superseded && cell("superseded") == Some(&Cell::Integer(1)) {
                superseded += 1;
            }
        }
        after = rows.last().and_then(|row| row.first()).cloned();
        if rows.len() < PAGE {
            return Ok((superseded, not_valid));
        }
    }
}

/// Judges a rejected submission anew from its archived copy, as a submission of its own.
fn judge_anew(shared: &Arc<Shared>, submission: &Submission) -> Result<(), No> {
    let settings = shared.config().customer(&submission.customer).ok_or_else(|| {
        No::new(format!("{} is no customer any more", submission.customer), "devicedrop customer list tells who is")
    })?;
    CustomerDesk::new(Arc::clone(shared), settings).judge_again(submission)
}

fn resolve(
    shared: &Shared,
    registration: RegistrationId,
    decision: Decision,
    reason: String,
    actor: &Actor,
) -> Result<Answer, No> {
    if reason.trim().is_empty() {
        return Err(No::new("a decision needs a reason", "say it with --reason, for whoever reads the ledger"));
    }
    let resolution = match decision {
        Decision::Registered => Resolution::Registered,
        Decision::Retry => Resolution::Retry,
    };
    let now = shared.clock.now();
    shared.writer.resolve(registration, resolution, reason, actor.to_string(), now).wait()?;
    if let Some(next) = shared.turns.resolved(registration, resolution == Resolution::Registered) {
        // Refused if it was due by itself in this very moment, and is under way.
        drop(shared.writer.postpone(vec![(next, shared.steady())]).wait());
    }
    shared.stir();
    Ok(Answer::Resolved { registration_id: registration })
}

fn result(shared: &Shared, path: &std::path::Path, actor: &Actor) -> Result<Answer, No> {
    let at = locate::locate(&shared.config(), path)?;
    let found = shared.readers.ask(|reader| reader.newest_submission(&at.customer.key, &at.path.text()))?;
    let submission = found.filter(|one| one.tally.is_some() || one.rejection.is_some()).ok_or_else(|| {
        No::new(
            format!("nothing is on record of {}", at.shown),
            format!("devicedrop explain {} tells why; give the original's path, not its result's", at.shown),
        )
    })?;
    let payment = payment::pay(shared, &at.customer, &submission)?;
    let now = shared.clock.now();
    shared.writer.result_written(payment.entry(now, submission.entry)).wait()?;
    let sha256 = payment.sha256.to_string();
    shared
        .writer
        .note(Some(at.customer.key.clone()), WRITTEN.to_owned(), payment.file.clone(), Some(payment.noted.clone()))
        .wait()?;
    if shared.config().results.receipts {
        receipts::write(shared, &at.customer, &submission, &payment)?;
    }
    acted(shared, actor, "result", Some(format!("{} {}", submission.id, payment.file)), None)?;
    Ok(Answer::ResultWritten(ResultWritten {
        path: at.customer.folder.join(super::desk::path_of(&payment.file).os_path()),
        submission_id: submission.id,
        rows: submission.rows,
        sha256,
        is_final: payment.last,
    }))
}
