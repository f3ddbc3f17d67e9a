//! What follows from what was seen. Pure: it is given the configuration and what was seen, and touches nothing.

mod customers;
mod limits;
mod state;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use devicedrop_core::shown::{shown, shown_bytes};
use devicedrop_core::time::Timestamp;

use super::Finding;
use super::seen::{Clock, Daemon, End, Ledger, Role, Seen, User};
use crate::config::Config;

/// This program is younger than that: 2026-01-01.
const MADE_AFTER: Timestamp = Timestamp::from_unix_ms(1_767_225_600_000);

/// How far two clocks may be apart before the daemon believes neither.
const APART: Duration = Duration::from_mins(5);

/// A start so long after the last entry isn't believed, either.
const LONG_AWAY: Duration = Duration::from_hours(30 * 24);

/// The command that accepts the clock.
pub const ACCEPT: &str = "devicedrop doctor --accept-clock";

/// All findings, in the order in which a person would want them.
pub fn judge(config: &Config, seen: &Seen) -> Vec<Finding> {
    let mut found = vec![user(config, seen), daemon(&seen.daemon)];
    found.extend(unhealthy(&seen.daemon));
    found.extend(state::judge(config, seen));
    found.extend(limits::judge(config, seen));
    found.extend(clock(seen));
    found.push(zone(&seen.clock));
    found.extend(customers::judge(config, seen));
    found.extend(seen.ends.iter().map(|end| ending(end, seen.clock.now)));
    found
}

fn told(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    shown_bytes(path.as_os_str().as_bytes()).to_string()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// As whom it was looked.
fn user(config: &Config, seen: &Seen) -> Finding {
    let User { id, name } = &seen.user;
    let subject = "user";
    if let Daemon::Running(process) = &seen.daemon
        && process.user != *name
    {
        let (daemons, name) = (shown(&process.user).to_string(), shown(name));
        return Finding::unlooked(subject, format!("looked as {name}, and the daemon runs as {daemons}"))
            .expected("a look as the daemon's user")
            .hurts("what that user may do in the folders wasn't tried")
            .remedy(format!("sudo -u {daemons} devicedrop doctor"));
    }
    if is_stranger(seen) {
        let found = format!("looked as {}, who isn't the owner of the ledger's folder", shown(name));
        return Finding::unlooked(subject, found)
            .expected("a look as that owner")
            .hurts("what that user may do in the folders wasn't tried")
            .remedy("sudo devicedrop doctor");
    }
    if *id != 0 {
        return Finding::good(subject, format!("looked as {}", shown(name)));
    }
    let found = Finding::care(subject, "looked as root, who may do anything");
    if matches!(seen.ledger, Ledger::None) {
        return found
            .expected("a look as the user that is to run devicedrop")
            .hurts("what that user may do in the folders wasn't tried")
            .remedy("sudo -u USER devicedrop doctor");
    }
    found
        .expected("a user of its own, who owns the ledger")
        .hurts("whoever finds a fault in devicedrop by a file that he drops is root, too")
        .remedy(format!("stop it, then chown -R devicedrop: {}; run it as that user", quoted(config.state_folder())))
}

/// Whether it was looked by another user than the one who runs the daemon: what that one may do can't be told then.
pub fn is_stranger(seen: &Seen) -> bool {
    if let Daemon::Running(process) = &seen.daemon {
        return process.user != seen.user.name;
    }
    let state = seen.state.iter().find(|kept| kept.role == Role::State);
    let owner = state.and_then(|kept| kept.place.found.as_ref().ok()).map(|found| found.owner);
    seen.user.id != 0 && owner.is_some_and(|owner| owner != seen.user.id)
}

fn daemon(daemon: &Daemon) -> Finding {
    let subject = "daemon";
    match daemon {
        Daemon::Stopped => Finding::care(subject, "it doesn't run")
            .expected("a running daemon")
            .hurts("nothing is taken or registered until it does")
            .remedy("devicedrop run, or systemctl start devicedrop"),
        Daemon::Running(process) => {
            let (version, user) = (shown(&process.version).to_string(), shown(&process.user).to_string());
            let found = format!("version {version} runs as {user} (process {})", process.pid);
            if process.version == env!("CARGO_PKG_VERSION") {
                return Finding::good(subject, found);
            }
            Finding::care(subject, format!("{found}; this command is {}", env!("CARGO_PKG_VERSION")))
                .expected("one version")
                .hurts("the daemon may not know what newer commands ask")
                .remedy("systemctl restart devicedrop")
        }
        Daemon::Silent(pid, why) => {
            let who = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
            Finding::bad(subject, format!("{who} has the ledger, and can't be asked: {why}"))
                .expected("an answer on the control socket")
                .hurts("no command that asks or changes something works")
                .remedy("wait if it has just been started; else restart it: systemctl restart devicedrop")
        }
        Daemon::Untold(why) => Finding::unlooked(subject, format!("it can't be told whether it runs: {why}"))
            .remedy("sudo devicedrop doctor"),
    }
}

/// What a running daemon says itself.
fn unhealthy(daemon: &Daemon) -> Vec<Finding> {
    let Daemon::Running(process) = daemon else { return Vec::new() };
    let find = |why: &String| {
        Finding::bad("health", format!("the daemon can't do its job: {}", shown(why)))
            .remedy("devicedrop status --problems")
    };
    process.unhealthy.iter().map(find).collect()
}

/// The clock against the record, the shares, and good sense.
fn clock(seen: &Seen) -> Vec<Finding> {
    let subject = "clock";
    let now = seen.clock.now;
    let mut found = Vec::new();
    if let Daemon::Running(process) = &seen.daemon
        && let Some(why) = &process.clock_held
    {
        found.push(
            Finding::bad(subject, format!("the daemon doesn't believe it: {}", shown(why)))
                .expected("a clock that goes on from the last entry on record")
                .hurts("no row is given up and no device becomes inactive until it is accepted")
                .remedy(format!("if `date` is right: {ACCEPT}; else set it")),
        );
    }
    if now < MADE_AFTER {
        found.push(
            Finding::bad(subject, format!("it shows {now}, which is before this program was made"))
                .expected("the present time")
                .hurts("all that goes on record has a wrong time, and services refuse our proofs")
                .remedy("timedatectl set-ntp true"),
        );
    }
    let last = if let Ledger::Opens { last_entry, .. } = seen.ledger { last_entry } else { None };
    if found.is_empty()
        && let Some(last) = last
    {
        found.extend(against_the_record(now, last, matches!(seen.daemon, Daemon::Running(_))));
    }
    if found.is_empty() {
        found.push(Finding::good(subject, format!("it shows {now}, and nothing on record speaks against that")));
    }
    found
}

fn against_the_record(now: Timestamp, last: Timestamp, runs: bool) -> Option<Finding> {
    let (behind, away) = (last.since(now), now.since(last));
    let hurts = "no row is given up and no device becomes inactive until it is accepted";
    if behind > APART {
        return Some(
            Finding::bad("clock", format!("it shows {now}, and the last entry on record is of {last}"))
                .expected("a time after the last entry")
                .hurts(hurts)
                .remedy("timedatectl set-ntp true, or `date --set`"),
        );
    }
    (away > LONG_AWAY && !runs).then(|| {
        let days = away.as_secs() / (24 * 60 * 60);
        Finding::care("clock", format!("it shows {now}, {days} days after the last entry on record"))
            .expected("less than 30 days")
            .hurts(format!("once the daemon starts, {hurts}"))
            .remedy(format!("look at `date`; if it is right, start the daemon, then {ACCEPT}"))
    })
}

fn zone(clock: &Clock) -> Finding {
    match &clock.zone {
        None => Finding::good("time zone", "the system knows its own; devicedrop tells and records UTC"),
        Some(why) => Finding::care("time zone", format!("the system's can't be told: {}", shown(why)))
            .expected("a file /etc/localtime that is there")
            .hurts("`date` and other programs' logs tell other times than people expect; devicedrop's are UTC")
            .remedy("timedatectl set-timezone Europe/Amsterdam"),
    }
}

/// Something that ends one day.
fn ending(end: &End, now: Timestamp) -> Finding {
    let (what, place) = (end.what, shown(&end.place));
    let at = match &end.at {
        Ok(at) => *at,
        Err(why) => {
            return Finding::unlooked(what, format!("when {place} ends can't be told: {}", shown(why)));
        }
    };
    let date = at.date();
    let hurts = "nothing is registered from then on";
    if at <= now {
        return Finding::bad(what, format!("{place} ended on {date}"))
            .expected("one that holds")
            .hurts("nothing is registered")
            .remedy(end.remedy);
    }
    let days = at.since(now).as_secs() / (24 * 60 * 60);
    if at.since(now) < end.notice {
        return Finding::care(what, format!("{place} ends on {date}, in {days} days"))
            .expected(format!("at least {} days more", end.notice.as_secs() / (24 * 60 * 60)))
            .hurts(hurts)
            .remedy(end.remedy);
    }
    Finding::good(what, format!("{place} holds until {date}, {days} days more"))
}
