//! What a monitor is told: whether the daemon can do its job ([`health()`]), and figures ([`metrics`]).
//!
//! What is counted while it works is in [`meters`]; everything else is asked when somebody wants it.

mod figures;
mod health;
pub mod meters;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;
use std::collections::BTreeMap;

use crate::control::protocol::{DaemonHealth, Health};
use crate::ledger::Reader;
use crate::ledger::log;
use crate::ledger::rows::Owed;

use super::shared::{AskError, Shared};
use super::{lifecycle, space};

pub use figures::FAMILIES;
use figures::{CustomerFigures, Disk, Figures};

/// Customers that have figures of their own; of more, those with the oldest unfinished rows have.
const CUSTOMERS: usize = 1_000;

/// Whether the daemon can do its job, and why not. Asks neither the disk nor the ledger, so that it answers while those
/// don't.
pub fn health(shared: &Shared) -> DaemonHealth {
    let failure = shared.writer.failure().map(|failure| failure.0.to_string());
    let config = shared.config();
    health::judge(&shared.board.lock(), failure.as_deref(), config.drop.rescan, shared.clock.elapsed())
}

/// All figures, as Prometheus takes them. Blocks while the ledger is read.
pub fn metrics(shared: &Shared) -> Result<String, AskError> {
    Ok(figures::rendered(&figures_of(shared)?, &shared.meters))
}

fn figures_of(shared: &Shared) -> Result<Figures, AskError> {
    let now = shared.clock.now();
    let config = shared.config();
    let counts = shared.readers.ask(|reader| reader.counts(None))?;
    let deferred = shared.readers.ask(Reader::deferred_count)?;
    let owed = shared.readers.ask(|reader| reader.owed(None))?;
    let open = shared.readers.ask(Reader::in_doubt)?;
    let board = shared.board.read();
    let followed = shared.followed.all();
    let in_doubt = open.iter().filter(|one| {
        let attempt = one.request.attempt;
        !board.under_way.contains(&attempt) && !followed.contains(&attempt)
    });
    let oldest = oldest_unfinished(&owed);
    let mut customers: Vec<CustomerFigures> = board
        .customers
        .iter()
        .map(|(key, lane)| CustomerFigures {
            key: key.to_string(),
            oldest_row: oldest.get(key).map_or(std::time::Duration::ZERO, |since| now.since(*since)),
            last_scan: lane.scanned.map(|(at, _)| at),
            online: lane.looked && lane.offline.is_none() && !lane.hangs,
            waiting_files: lane.waiting_total,
        })
        .collect();
    if customers.len() > CUSTOMERS {
        customers.sort_by_key(|customer| std::cmp::Reverse(customer.oldest_row));
        customers.truncate(CUSTOMERS);
    }
    let health = |wanted| {
        u64::try_from(board.registrar.values().filter(|met| met.health == wanted).count()).unwrap_or(u64::MAX)
    };
    let answers_owed = board.customers.values().map(|lane| lane.answers_owed().count()).sum::<usize>();
    Ok(Figures {
        healthy: self::health(shared).ok,
        clock_believed: lifecycle::clock_doubt(shared).is_none(),
        files: [counts.accepted, counts.rejected],
        rows: [counts.pending, counts.ready, counts.failed, counts.superseded],
        queue: [
            counts.pending,
            u64::try_from(board.under_way.len()).unwrap_or(u64::MAX),
            deferred,
            u64::try_from(in_doubt.count()).unwrap_or(u64::MAX),
        ],
        results_owed: counts.owed.saturating_add(u64::try_from(answers_owed).unwrap_or(u64::MAX)),
        refused_files: board
            .customers
            .values()
            .map(|lane| u64::try_from(lane.refused.len()).unwrap_or(u64::MAX))
            .sum(),
        customers,
        targets: [
            ("unknown", health(Health::Unknown)),
            ("working", health(Health::Working)),
            ("throttled", health(Health::Throttled)),
            ("unavailable", health(Health::Unavailable)),
            ("broken", health(Health::Broken)),
        ],
        left_alone: shared.gates.longest(shared.clock.elapsed()).min(figures::LONGEST),
        wal_bytes: log::bytes(&config.ledger.path),
        disks: disks(&config, shared.embedded.is_some()),
        reserve_bytes: config.drop.reserve,
        last_scan: board.customers.values().filter_map(|lane| lane.scanned.map(|(at, _)| at)).max(),
        started_at: board.started_at,
        process: crate::metrics::process::look(),
    })
}

/// When each customer's oldest row came that isn't finished; nothing of those whose rows all are.
fn oldest_unfinished(owed: &[Owed]) -> BTreeMap<&CustomerKey, Timestamp> {
    let mut oldest = BTreeMap::new();
    for one in owed.iter().filter(|one| one.submission.tally.as_ref().is_some_and(|tally| tally.pending > 0)) {
        let since: &mut Timestamp = oldest.entry(&one.submission.customer).or_insert(one.submission.at);
        *since = (*since).min(one.submission.at);
    }
    oldest
}

/// How much room there is on each disk of our own.
fn disks(config: &crate::config::Config, embedded: bool) -> Vec<Disk> {
    let registry = config.registrar.embedded.path.parent().filter(|_| embedded);
    let folders = [
        ("ledger", Some(config.state_folder())),
        ("originals", Some(config.ledger.originals.as_path())),
        ("registry", registry),
    ];
    let free = |(of, folder): (&'static str, Option<&std::path::Path>)| {
        space::free_bytes(folder?).map(|bytes| Disk { of, free_bytes: bytes })
    };
    folders.into_iter().filter_map(free).collect()
}
