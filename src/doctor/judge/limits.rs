//! What the system allows: open files, watched folders, leases; and the SQLite that came along.

use devicedrop_core::shown::shown;

use super::super::Finding;
use super::super::seen::{Daemon, Limits, Seen, Sqlite};
use crate::config::Config;

/// With fewer the daemon doesn't come through a busy day: some dozens of readers of the ledger with three files each,
/// sixteen lanes, as many commands, calls to services.
const FILES_NEEDED: u64 = 256;

/// With fewer it comes through, as long as nobody asks much of it.
const FILES_WANTED: u64 = 1_024;

/// The oldest SQLite that doesn't lose what was committed when two connections write the log back at once.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Ways to build SQLite without which it isn't what the ledger counts on, and what fails.
const BAD_OPTIONS: [(&str, &str); 3] = [
    ("THREADSAFE=0", "several threads read the ledger"),
    ("OMIT_WAL", "the ledger needs a write-ahead log"),
    ("OMIT_TRIGGER", "triggers keep other tools from changing the record"),
];

pub(super) fn judge(config: &Config, seen: &Seen) -> Vec<Finding> {
    let limits = &seen.limits;
    let mut found = vec![open_files(limits)];
    found.extend(events(config, limits));
    found.extend(leases(config, limits, matches!(seen.daemon, Daemon::Running(_))));
    found.extend(sqlite(&seen.sqlite));
    found
}

fn open_files(limits: &Limits) -> Finding {
    let subject = "open files";
    let Some(may) = limits.open_files else {
        return Finding::unlooked(subject, "how many files the daemon may have open can't be told");
    };
    if may >= FILES_WANTED {
        return Finding::good(subject, format!("{may} may be open at once"));
    }
    let hurts = "under load, commands and folders wait for a free one";
    let finding = if may < FILES_NEEDED { Finding::bad } else { Finding::care };
    finding(subject, format!("{may} may be open at once"))
        .expected(format!("{FILES_WANTED} or more"))
        .hurts(hurts)
        .remedy("systemctl edit devicedrop: [Service] LimitNOFILE=4096; elsewhere `ulimit -n 4096` before it starts")
}

/// File events: without them files are found all the same, only later.
fn events(config: &Config, limits: &Limits) -> Vec<Finding> {
    let subject = "file events";
    let rescan = config.drop.rescan.as_secs_f64();
    let hurts = format!("files are found by the walk alone, up to {rescan} s later");
    let mut found = Vec::new();
    if let Some(why) = &limits.no_watcher {
        found.push(
            Finding::care(subject, format!("no watcher can be had: {}", shown(why)))
                .expected("a watcher (inotify)")
                .hurts(&hurts)
                .remedy("sysctl -w fs.inotify.max_user_instances=512, and put it into /etc/sysctl.d/"),
        );
    }
    let needed = limits.to_watch;
    match limits.watches {
        Some(may) if may < needed => found.push(
            Finding::care(subject, format!("a user may watch {may} folders, and there are {needed} to watch"))
                .expected(format!("{} or more", needed.saturating_mul(2)))
                .hurts(format!("in the folders beyond, {hurts}"))
                .remedy(format!(
                    "sysctl -w fs.inotify.max_user_watches={}, and put it into /etc/sysctl.d/",
                    needed.saturating_mul(2).max(65_536)
                )),
        ),
        Some(may) if found.is_empty() => {
            let watchers = limits.watchers.map(|may| format!(", by {may} watchers")).unwrap_or_default();
            let what = format!("a user may watch {may} folders{watchers}; there are {needed} to watch");
            found.push(Finding::good(subject, what));
        }
        None if found.is_empty() => {
            found.push(Finding::unlooked(subject, "how many folders may be watched can't be told"));
        }
        _ => {}
    }
    found
}

fn leases(config: &Config, limits: &Limits, daemons: bool) -> Vec<Finding> {
    let subject = "leases";
    let hurts = format!(
        "whether a sender still has a file open can't be known: it is taken only {} s after its last change",
        config.drop.settle_unsure.as_secs_f64()
    );
    if limits.leases == Some(false) {
        return vec![
            Finding::care(subject, "the kernel gives none: fs.leases-enable is 0")
                .expected("fs.leases-enable = 1")
                .hurts(hurts)
                .remedy("sysctl -w fs.leases-enable=1, and put it into /etc/sysctl.d/"),
        ];
    }
    match limits.lease_of_others {
        Some(true) => vec![Finding::good(subject, "the kernel gives them, of others' files, too")],
        Some(false) => vec![
            Finding::care(subject, format!("the kernel gives {} leases of its own files alone", whom(daemons)))
                .expected("the capability CAP_LEASE")
                .hurts(hurts)
                .remedy("systemctl edit devicedrop: [Service] AmbientCapabilities=CAP_LEASE"),
        ],
        None => vec![Finding::unlooked(subject, "whether leases of others' files are given can't be told")],
    }
}

fn whom(daemons: bool) -> &'static str {
    if daemons { "the daemon" } else { "this command, in place of a daemon that doesn't run," }
}

fn sqlite(sqlite: &Sqlite) -> Vec<Finding> {
    let subject = "sqlite";
    let version = shown(&sqlite.version);
    let remedy = "install devicedrop as it is built from its own sources: they bring their SQLite along";
    let mut found = Vec::new();
    if sqlite.number < OLDEST_SQLITE {
        found.push(
            Finding::bad(subject, format!("its version is {version}"))
                .expected("3.51.3 or newer")
                .hurts("commits can be lost when two connections write the log back at once; the daemon won't start")
                .remedy(remedy),
        );
    }
    for (option, why) in BAD_OPTIONS {
        if sqlite.options.iter().any(|built| built == option) {
            found.push(Finding::bad(subject, format!("{version} was built with {option}")).hurts(why).remedy(remedy));
        }
    }
    if found.is_empty() {
        found.push(Finding::good(subject, format!("{version}, and nothing is known against how it was built")));
    }
    found
}
