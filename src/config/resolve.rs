//! From what stands in the file to what holds: defaults filled in, values checked against one another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::customers::{Sections, resolve_customers};
use super::document::{Document, Problem};
use super::folders;
use super::raw::{Raw, RawDrop, RawLedger, RawRegistrar, RawResults};
use super::services::services;
use super::{
    Config, CustomersFrom, DropSettings, EmbeddedSettings, InventoryRule, LedgerSettings, LifecycleSettings, Listen,
    Locale, RegistrarKind, RegistrarSettings, ResultSettings, ResultsWhen, RetrySettings, Source, WebSettings,
};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Where things lie when the configuration doesn't say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The drop folders' root.
    pub root: PathBuf,
    /// The folder of ledger, originals and registry.
    pub state: PathBuf,
}

impl Places {
    /// The system's: of a daemon that serves everybody.
    pub fn of_the_system() -> Self {
        Self { root: PathBuf::from("/srv/devicedrop"), state: PathBuf::from("/var/lib/devicedrop") }
    }

    /// Below one user's data folder.
    pub fn below(data: &Path) -> Self {
        Self { root: data.join("drop"), state: data.join("state") }
    }
}

/// What is known while values are resolved, and what was found wrong so far.
pub(super) struct Resolving<'a> {
    pub(super) document: &'a Document,
    /// The folder that relative paths begin at.
    pub(super) base: &'a Path,
    pub(super) problems: Vec<Problem>,
}

impl Resolving<'_> {
    pub(super) fn problem(&mut self, path: &[&str], what: impl std::fmt::Display) {
        let problem = self.document.problem(path, what);
        self.problems.push(problem);
    }

    /// Makes a path absolute.
    pub(super) fn path(&mut self, key: &[&str], path: Option<PathBuf>, default: PathBuf) -> PathBuf {
        let Some(path) = path else { return default };
        if path.as_os_str().is_empty() {
            self.problem(key, "found nothing, expected a path");
        } else if path.starts_with("~") {
            self.problem(key, "`~` stands for nothing here: write the whole path");
        }
        self.base.join(path)
    }

    fn duration(&mut self, key: &[&str], value: Option<super::units::DurationText>, default: Duration) -> Duration {
        value.map_or(default, |value| {
            if value.0.is_zero() {
                self.problem(key, "found no time at all, expected some");
            }
            value.0
        })
    }

    /// A text that is shown to people: not empty, no control characters.
    pub(super) fn text(&mut self, key: &[&str], text: Option<String>) -> Option<String> {
        let text = text?;
        if text.trim().is_empty() {
            self.problem(key, "found an empty text");
        } else if text.chars().any(char::is_control) {
            self.problem(key, "a control character (a line end, for instance) can't stand here");
        }
        Some(text)
    }
}

/// Resolves a whole configuration.
pub(super) fn resolve(
    document: &Document,
    raw: Raw,
    source: Source,
    base: &Path,
    places: &Places,
) -> Result<Config, Vec<Problem>> {
    let mut resolving = Resolving { document, base, problems: Vec::new() };
    let registrar = registrar(&mut resolving, raw.registrar.unwrap_or_default(), places);
    let drop = drop_settings(&mut resolving, raw.drop.unwrap_or_default(), registrar.kind, places);
    let lifecycle = raw.lifecycle.unwrap_or_default();
    let mut config = Config {
        source,
        locale: raw.locale.unwrap_or(Locale::En),
        support: resolving.text(&["support"], raw.support),
        ledger: ledger(&mut resolving, raw.ledger.unwrap_or_default(), places),
        results: results(&raw.results.unwrap_or_default()),
        lifecycle: LifecycleSettings {
            poll: resolving.duration(&["lifecycle", "poll"], lifecycle.poll, 15 * MINUTE),
            inactive_after: resolving.duration(
                &["lifecycle", "inactive_after"],
                lifecycle.inactive_after,
                7 * 24 * HOUR,
            ),
        },
        web: WebSettings { listen: listen(&mut resolving, raw.web.unwrap_or_default().listen) },
        drop,
        registrar,
        customers: BTreeMap::new(),
    };
    let sections: Sections = raw.customers.unwrap_or_default();
    let customers: Vec<_> = resolve_customers(&mut resolving, sections, &config);
    config.customers = customers.into_iter().map(|settings| (settings.key.clone(), settings)).collect();
    for conflict in folders::conflicts(&config) {
        // Told at the key that stands in the file: the other may be a default.
        let [later, earlier] = conflict.keys.each_ref().map(|key| key.iter().map(String::as_str).collect::<Vec<_>>());
        let told_at = if document.has(&later) || !document.has(&earlier) { later } else { earlier };
        resolving.problem(&told_at, conflict.what);
    }
    if resolving.problems.is_empty() { Ok(config) } else { Err(in_order(resolving.problems)) }
}

fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    problems
}

fn drop_settings(resolving: &mut Resolving<'_>, raw: RawDrop, kind: RegistrarKind, places: &Places) -> DropSettings {
    let by_kind = match kind {
        RegistrarKind::Embedded => CustomersFrom::Folders,
        RegistrarKind::PartnerCenter | RegistrarKind::Graph => CustomersFrom::Configured,
    };
    let customers = raw.customers.unwrap_or(by_kind);
    if customers == CustomersFrom::Folders && kind != RegistrarKind::Embedded {
        resolving.problem(
            &["drop", "customers"],
            "\"folders\" goes with the embedded registrar alone: registering for a customer presupposes a \
             relationship with them, so write \"configured\" and a section for each customer",
        );
    }
    let seconds = Duration::from_secs;
    DropSettings {
        root: resolving.path(&["drop", "root"], raw.root, places.root.clone()),
        customers,
        settle: raw.settle.map_or(seconds(1), |value| value.0),
        settle_open: raw.settle_open.map_or(seconds(60), |value| value.0),
        settle_unsure: raw.settle_unsure.map_or(seconds(10), |value| value.0),
        rescan: resolving.duration(&["drop", "rescan"], raw.rescan, seconds(10)),
        ignore_folders: ignore_folders(resolving, raw.ignore_folders),
        max_file_size: raw.max_file_size.map_or(GIB, |value| value.0),
        max_rows: raw.max_rows.map_or(5_000_000, |value| value.0),
        per_customer_bytes_per_day: raw.per_customer_bytes_per_day.map_or(10 * GIB, |value| value.0),
        per_customer_rows_per_day: raw.per_customer_rows_per_day.map_or(20_000_000, |value| value.0),
        reserve: raw.reserve.map_or(GIB, |value| value.0),
    }
}

fn ignore_folders(resolving: &mut Resolving<'_>, raw: Option<Vec<String>>) -> Vec<String> {
    let defaults = ["archief", "verwerkt", "oud", "archive", "processed", "done"];
    let folders = raw.unwrap_or_else(|| defaults.map(str::to_owned).to_vec());
    for folder in folders.iter().filter(|folder| folder.is_empty() || folder.contains(['/', '*', '?'])) {
        resolving.problem(
            &["drop", "ignore_folders"],
            format_args!("{folder:?} is the name of no folder; expected are names, without slashes and wildcards"),
        );
    }
    folders
}

fn ledger(resolving: &mut Resolving<'_>, raw: RawLedger, places: &Places) -> LedgerSettings {
    LedgerSettings {
        path: resolving.path(&["ledger", "path"], raw.path, places.state.join("ledger.db")),
        originals: resolving.path(&["ledger", "originals"], raw.originals, places.state.join("originals")),
        keep_originals: raw.keep_originals.unwrap_or(true),
        checkpoint_every: resolving.duration(&["ledger", "checkpoint_every"], raw.checkpoint_every, HOUR),
        signing_key_file: raw
            .signing_key_file
            .map(|path| resolving.path(&["ledger", "signing_key_file"], Some(path), PathBuf::new())),
    }
}

fn results(raw: &RawResults) -> ResultSettings {
    ResultSettings {
        refresh: raw.refresh.map_or(Duration::from_secs(5), |value| value.0),
        when: raw.when.unwrap_or(ResultsWhen::Always),
        receipts: raw.receipts.unwrap_or(false),
        mode: raw.mode.map_or(0o664, |value| value.0),
    }
}

fn registrar(resolving: &mut Resolving<'_>, raw: RawRegistrar, places: &Places) -> RegistrarSettings {
    let kind = raw.kind.unwrap_or(RegistrarKind::Embedded);
    let (partner_center, graph) = services(resolving, kind, raw.partner_center, raw.graph);
    let retry = raw.retry.unwrap_or_default();
    let embedded = raw.embedded.unwrap_or_default();
    let retry = RetrySettings {
        first: resolving.duration(&["registrar", "retry", "first"], retry.first, Duration::from_secs(2)),
        longest: resolving.duration(&["registrar", "retry", "longest"], retry.longest, 5 * MINUTE),
        give_up_after: resolving.duration(&["registrar", "retry", "give_up_after"], retry.give_up_after, 24 * HOUR),
    };
    if retry.first > retry.longest {
        resolving.problem(&["registrar", "retry", "first"], "the first wait is longer than `longest`");
    }
    RegistrarSettings {
        kind,
        retry,
        embedded: EmbeddedSettings {
            path: resolving.path(&["registrar", "embedded", "path"], embedded.path, places.state.join("registry.db")),
            inventory: embedded.inventory.unwrap_or(InventoryRule::Required),
        },
        partner_center,
        graph,
    }
}

fn listen(resolving: &mut Resolving<'_>, raw: Option<String>) -> Listen {
    const KEY: [&str; 2] = ["web", "listen"];
    let default = Listen::Address(SocketAddr::from(([127, 0, 0, 1], 8787)));
    let Some(text) = raw else { return default };
    if text == "off" {
        return Listen::Off;
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return Listen::Unix(resolving.path(&KEY, Some(PathBuf::from(path)), PathBuf::new()));
    }
    text.parse().map_or_else(
        |_| {
            let what =
                "expected an address with a port (\"127.0.0.1:8787\", \"[::1]:8787\"), \"unix:PATH\" or \"off\"";
            resolving.problem(&KEY, format_args!("found {text:?}, {what}"));
            default
        },
        Listen::Address,
    )
}
