//! How things stand: the board and the ledger's counts, put together for `status`.

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;

use crate::actor;
use crate::config::Source;
use crate::control::protocol::{
    ConfigurationStatus, CustomerStatus, DaemonStatus, FolderState, Problem, Queue, RefusedPath, Status, Unfinished,
};
use crate::inbox::{DropPath, Waiting};
use crate::ledger::rows::{InDoubt, Owed};

use super::board::{Lane, RosterState, State};
use super::reload::sha256_of;
use super::roster;
use super::scene::Scene;
use super::shared::AskError;
use super::targets;

/// Attempts that may be in doubt without anybody having to be told: their calls have just been cut off.
const DOUBTS_TOLD: usize = 100;

/// What to do about a drop folder that hangs.
const HANGS: &str = "look after its share, or unmount it; the folder is looked into by itself when it answers";

/// So many waiting files are named; further ones are counted.
const WAITING_TOLD: usize = 1_000;

/// So many refused paths are told of, likewise.
const REFUSED_TOLD: usize = 1_000;

/// Puts the status together. Blocks while the ledger is read.
pub(super) fn status(shared: &Scene<'_>) -> Result<Status, AskError> {
    let board = &shared.board;
    let config = &shared.config;
    let now = shared.now;
    let counts = shared.readers.ask(|reader| reader.counts(None))?;
    let owed = shared.readers.ask(|reader| reader.owed(None))?;
    let in_doubt: Vec<_> = shared
        .readers
        .ask(crate::ledger::Reader::in_doubt)?
        .into_iter()
        .filter(|doubt| !board.under_way.contains(&doubt.request.attempt))
        .collect();
    let next_try_at = shared.readers.ask(|reader| reader.earliest_due(None))?;
    let deferred = shared.readers.ask(crate::ledger::Reader::deferred_count)?;
    let customers = customers(shared)?;
    let last_entry = shared.readers.ask(crate::ledger::Reader::head)?.map(|head| head.at);
    let (refused, refused_files) = refused(board);
    let targets = targets::of(shared, &customers);
    let mut problems = targets::problems(shared, &targets, customers.len());
    problems.extend(targets::unheard(shared, &targets).into_iter().chain(self::problems(board, &owed, now)));
    if shared.daemon {
        let restored = shared.readers.ask(crate::ledger::Reader::last_restore)?.map(|restore| restore.at);
        problems.extend(in_doubt.iter().take(DOUBTS_TOLD).map(|one| doubt(one, restored)));
    } else if !in_doubt.is_empty() {
        problems.push(Problem {
            since: in_doubt.iter().map(|doubt| doubt.started_at).min(),
            customer: None,
            file: None,
            what: format!("{} attempts were cut off and have no answer on record", in_doubt.len()),
            remedy: Some("start the daemon: it asks the registrar what became of them".to_owned()),
        });
    }
    Ok(Status {
        at: now,
        daemon: shared.daemon.then(|| daemon(shared)),
        ledger: config.ledger.path.clone(),
        configuration: ConfigurationStatus {
            path: match &config.source {
                Source::Defaults => None,
                Source::File { path, .. } => Some(path.clone()),
            },
            sha256: sha256_of(config).map(|hash| hash.to_string()),
            loaded_at: shared.daemon.then_some(board.loaded_at),
            refused: board.reload_refused.clone(),
        },
        web: shared.web.clone(),
        registrar: targets::registrar(shared, targets)?,
        queue: Queue {
            pending: counts.pending,
            under_way: u64::try_from(board.under_way.len()).unwrap_or(u64::MAX),
            deferred,
            in_doubt: u64::try_from(in_doubt.len()).unwrap_or(u64::MAX),
            next_try_at: (deferred > 0).then_some(next_try_at).flatten().map(|at| at.max(now)),
            results_owed: counts.owed.saturating_add(board.customers.values().map(answers_owed).sum()),
        },
        last_activity: customers.iter().filter_map(|customer| customer.last_activity).max().or(last_entry),
        customers,
        waiting: waiting(board),
        refused,
        refused_files,
        oldest_unfinished: oldest(board, &owed),
        problems,
    })
}

/// The daemon that this process is.
fn daemon(shared: &Scene<'_>) -> DaemonStatus {
    let board = &shared.board;
    DaemonStatus {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        user: actor::user_name(rustix::process::getuid().as_raw()),
        started_at: board.started_at,
        recovery: board.recovery.iter().cloned().chain(board.doubts.told()).collect(),
        health: shared.health.clone(),
        clock_held: board.clock_held.clone(),
    }
}

/// Files that wait, the longest first, up to a number that a person may want to read.
fn waiting(board: &State) -> Vec<Unfinished> {
    let mut waiting: Vec<Unfinished> = board
        .customers
        .iter()
        .flat_map(|(customer, lane)| lane.waiting.iter().map(|waiting| unfinished(customer, waiting)))
        .collect();
    waiting.sort_by_key(|one| one.since);
    waiting.truncate(WAITING_TOLD);
    waiting
}

fn unfinished(customer: &CustomerKey, waiting: &Waiting) -> Unfinished {
    Unfinished {
        customer: customer.clone(),
        file: waiting.path.text(),
        since: waiting.since,
        why: waiting.why.to_string(),
    }
}

/// How each customer stands.
fn customers(shared: &Scene<'_>) -> Result<Vec<CustomerStatus>, AskError> {
    let roster = roster::customers(&shared.config);
    let customers = roster.customers.unwrap_or_else(|| shared.config.customers.values().cloned().collect());
    let mut listed = Vec::with_capacity(customers.len());
    for customer in customers {
        let lane = shared.board.customers.get(&customer.key);
        let counts = shared.readers.ask(|reader| reader.counts(Some(&customer.key)))?;
        let (folder_state, folder_detail) = folder(lane, &shared.watched);
        let last_activity = match lane.and_then(|lane| lane.last_activity) {
            Some(at) => Some(at),
            None => shared.readers.ask(|reader| reader.last_activity(&customer.key))?,
        };
        listed.push(CustomerStatus {
            customer: customer.key,
            folder: customer.folder,
            folder_state,
            folder_detail,
            paused: customer.paused,
            waiting_files: lane.map_or(0, |lane| lane.waiting_total),
            pending: counts.pending,
            ready: counts.ready,
            failed: counts.failed,
            results_owed: counts.owed.saturating_add(lane.map_or(0, answers_owed)),
            last_activity,
        });
    }
    Ok(listed)
}

/// An answer that couldn't be written, as what needs a person.
fn answer_owed(customer: &CustomerKey, path: &DropPath, why: &str, since: Timestamp) -> Problem {
    Problem {
        since: Some(since),
        customer: Some(customer.clone()),
        file: Some(path.text()),
        what: format!("the answer to its sender can't be written: {why}"),
        remedy: Some("see that devicedrop can write there; the answer is tried again by itself".to_owned()),
    }
}

/// How many answers to files that weren't taken couldn't be written.
fn answers_owed(lane: &Lane) -> u64 {
    u64::try_from(lane.answers_owed().count()).unwrap_or(u64::MAX)
}

/// An attempt in doubt, as what needs a person.
///
/// After a restore, rows that were sent before it perhaps, by attempts that the copy doesn't know, get attempts that
/// are asked about and not sent.
fn doubt(doubt: &InDoubt, restored: Option<Timestamp>) -> Problem {
    let request = &doubt.request;
    let why = match restored.filter(|at| doubt.started_at >= *at) {
        Some(at) => format!(
            "either it was sent and got no answer, or its row may have been sent before the restore of {at}, by an \
             attempt that the copy doesn't know of"
        ),
        None => "it was sent and got no answer".to_owned(),
    };
    Problem {
        since: Some(doubt.started_at),
        customer: Some(request.customer.clone()),
        file: None,
        what: format!(
            "attempt {} of registration {} (serial number {:?}) is in doubt: {why}",
            request.attempt, request.registration, request.device.serial_number
        ),
        remedy: Some(format!(
            "ask the registrar, then devicedrop resolve {} --registered or --retry, with --reason",
            request.registration
        )),
    }
}

fn folder(lane: Option<&Lane>, watched: &str) -> (FolderState, Option<String>) {
    match lane {
        Some(Lane { hangs: true, .. }) => {
            (FolderState::Unreadable, Some("looking into it hangs; its share doesn't answer".to_owned()))
        }
        Some(Lane { offline: Some((why, _)), .. }) => (FolderState::Offline, Some(why.clone())),
        None | Some(Lane { looked: false, .. }) => (FolderState::Unknown, None),
        Some(_) => (FolderState::Online, Some(watched.to_owned())),
    }
}

/// The latest of the paths that were refused, and how many there are.
fn refused(board: &State) -> (Vec<RefusedPath>, u64) {
    let lanes = board.customers.iter();
    let mut all: Vec<_> = lanes
        .flat_map(|(customer, lane)| {
            lane.refused.iter().map(move |(path, (refusal, at))| (at, customer, path, refusal))
        })
        .collect();
    all.sort_by_key(|(at, ..)| std::cmp::Reverse(**at));
    let told = all.iter().take(REFUSED_TOLD).map(|(at, customer, path, refusal)| RefusedPath {
        at: **at,
        customer: (*customer).clone(),
        file: path.text(),
        reason: refusal.to_string(),
    });
    (told.collect(), u64::try_from(all.len()).unwrap_or(u64::MAX))
}

/// The file that has waited longest, whatever for: to be taken, or for its result.
fn oldest(board: &State, owed: &[Owed]) -> Option<Unfinished> {
    let waiting = board
        .customers
        .iter()
        .flat_map(|(customer, lane)| lane.waiting.iter().map(move |waiting| unfinished(customer, waiting)));
    let owed = owed.iter().map(|owed| {
        let pending = owed.submission.tally.as_ref().map_or(0, |tally| tally.pending);
        Unfinished {
            customer: owed.submission.customer.clone(),
            file: owed.submission.tally.as_ref().map_or(&owed.submission.file, |tally| &tally.path).clone(),
            since: owed.submission.at,
            why: match (&owed.reason, pending) {
                (Some(reason), _) => format!("its result can't be written: {reason}"),
                (None, 0) => "its result is about to be written".to_owned(),
                (None, pending) => format!("{pending} of its rows are pending"),
            },
        }
    });
    waiting.chain(owed).min_by_key(|one| one.since)
}

fn held((why, since): &(String, Timestamp)) -> Problem {
    let remedy = Some(super::held::REMEDY.to_owned());
    Problem { since: Some(*since), customer: None, file: None, what: why.clone(), remedy }
}

/// Who is a customer can't be told.
fn unlisted(board: &State) -> Option<Problem> {
    let RosterState::Unlisted(why) = &board.roster else { return None };
    let remedy = "mount its share, or mend drop.root in the configuration; then it goes on by itself";
    Some(Problem {
        since: None,
        customer: None,
        file: None,
        what: format!("who is a customer can't be told from the root of the drop folders: {why}"),
        remedy: Some(remedy.to_owned()),
    })
}

fn problems(board: &State, owed: &[Owed], now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |since: Option<Timestamp>, customer: Option<&CustomerKey>, what: String, remedy: Option<&str>| {
        problems.push(Problem {
            since,
            customer: customer.cloned(),
            file: None,
            what,
            remedy: remedy.map(ToOwned::to_owned),
        });
    };
    for (customer, lane) in &board.customers {
        if let Some((why, since)) = &lane.offline {
            say(Some(*since), Some(customer), format!("its drop folder is offline: {why}"), None);
        }
        if lane.hangs {
            say(None, Some(customer), "looking into its drop folder hangs".to_owned(), Some(HANGS));
        }
    }
    for (folder, why) in &board.strangers {
        say(None, None, format!("the folder {folder} in the root is left alone: {why}"), None);
    }
    for why in &board.reload_refused {
        say(None, None, format!("the new configuration is not in force: {why}"), Some("mend it, or restart"));
    }
    if let Some(since) = board.stalled {
        let what = "the ledger's disk doesn't answer: nothing is taken, sent or answered until it does".to_owned();
        say(Some(since), None, what, Some("look after that disk"));
    }
    if let Some((why, since)) = &board.space {
        let what = format!("nothing new is taken or sent: {why}");
        say(Some(*since), None, what, Some("make room on that disk; it goes on by itself"));
    }
    if let Some(why) = &board.clock_held {
        say(None, None, why.clone(), None);
    }
    for one in owed.iter().filter(|one| one.reason.is_some()) {
        problems.push(Problem {
            since: Some(one.since),
            customer: Some(one.submission.customer.clone()),
            file: Some(one.submission.file.clone()),
            what: format!("its result can't be written: {}", one.reason.clone().unwrap_or_default()),
            remedy: Some("make the folder writable for devicedrop; the result is tried again by itself".to_owned()),
        });
    }
    for (customer, lane) in &board.customers {
        problems.extend(lane.answers_owed().map(|(path, why, since)| answer_owed(customer, path, why, since)));
        for (path, (refusal, at)) in &lane.refused {
            problems.push(Problem {
                since: Some((*at).min(now)),
                customer: Some(customer.clone()),
                file: Some(path.text()),
                what: refusal.to_string(),
                remedy: None,
            });
        }
    }
    problems.extend(board.held.as_ref().map(held));
    problems.extend(unlisted(board));
    problems
}
