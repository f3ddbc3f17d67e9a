//! The daemon and what the system allows it, as the system and the daemon tell.

use std::path::Path;

use super::super::seen::{Daemon, Limits, Process};
use super::{PATIENCE, chain, within};
use crate::config::Config;
use crate::control::client::{Client, ClientError};
use crate::control::protocol::{Answer, Request};
use crate::ledger::LedgerLock;

/// The capability that gives leases of others' files, by its number (capabilities(7)).
const CAP_LEASE: u32 = 28;

/// Whether a daemon runs, and what it says.
pub(super) fn daemon(config: &Config) -> Daemon {
    let (socket, ledger) = (config.control_socket(), config.ledger.path.clone());
    let holder = within(PATIENCE, move || LedgerLock::holder(&ledger)).flatten();
    let asked = within(PATIENCE, move || -> Result<Option<Answer>, ClientError> {
        Client::connect(&socket)?.map(|client| client.ask(&Request::Status, |_| {})).transpose()
    });
    match asked {
        None => Daemon::Silent(holder.flatten(), format!("no answer within {} s", PATIENCE.as_secs())),
        Some(Ok(None)) => match holder {
            None => Daemon::Stopped,
            Some(pid) => Daemon::Silent(pid, "nobody listens on its control socket".to_owned()),
        },
        Some(Ok(Some(Answer::Status(status)))) => match status.daemon {
            Some(daemon) => Daemon::Running(Process {
                pid: daemon.pid,
                version: daemon.version,
                user: daemon.user,
                unhealthy: daemon.health.map(|health| health.reasons).unwrap_or_default(),
                clock_held: daemon.clock_held,
            }),
            None => Daemon::Silent(holder.flatten(), "its answer doesn't fit the question".to_owned()),
        },
        Some(Ok(Some(_))) => Daemon::Silent(holder.flatten(), "its answer doesn't fit the question".to_owned()),
        Some(Err(ClientError::Connect { source, .. })) if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Daemon::Untold("its control socket may not be used by this user".to_owned())
        }
        Some(Err(error)) => Daemon::Silent(holder.flatten(), chain(&error).join(": ")),
    }
}

/// What the system allows the daemon, or this process while none runs.
pub(super) fn limits(daemon: &Daemon, root: &Path, to_watch: u64) -> Limits {
    let process = match daemon {
        Daemon::Running(process) => process.pid.to_string(),
        _ => "self".to_owned(),
    };
    let folder = Path::new("/proc").join(process);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    Limits {
        open_files: read("limits").as_deref().and_then(open_files),
        watches: number("/proc/sys/fs/inotify/max_user_watches"),
        watchers: number("/proc/sys/fs/inotify/max_user_instances"),
        to_watch,
        // A daemon that runs has its watcher already.
        no_watcher: if matches!(daemon, Daemon::Running(_)) { None } else { no_watcher(root) },
        leases: number("/proc/sys/fs/leases-enable").map(|enabled| enabled != 0),
        lease_of_others: read("status").as_deref().and_then(may_lease),
    }
}

fn number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The soft limit of open files in what `/proc/PID/limits` says.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

/// Whether the capability is in effect, in what `/proc/PID/status` says.
fn may_lease(status: &str) -> Option<bool> {
    let text = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let held = u64::from_str_radix(text.trim(), 16).ok()?;
    Some(held >> CAP_LEASE & 1 == 1)
}

/// Why no watcher can be had, if so.
fn no_watcher(root: &Path) -> Option<String> {
    use rustix::fs::inotify;
    let watcher = match inotify::init(inotify::CreateFlags::CLOEXEC) {
        Ok(watcher) => watcher,
        Err(errno) => return Some(errno.to_string()),
    };
    match inotify::add_watch(&watcher, root, inotify::WatchFlags::CREATE) {
        // What is wrong with the folder itself is told elsewhere.
        Ok(_) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS | rustix::io::Errno::NOTDIR) => None,
        Err(errno) => Some(errno.to_string()),
    }
}

/// Why the system's time zone can't be told, if so.
pub(super) fn zone() -> Option<String> {
    let zone = Path::new("/etc/localtime");
    // Without one the system goes by UTC, and means it.
    if !zone.is_symlink() {
        return None;
    }
    zone.metadata().err().map(|error| format!("/etc/localtime leads nowhere: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_of_a_process_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63432                63432                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1_024));
        assert_eq!(
            open_files("Max open files            unlimited            unlimited            files"),
            Some(u64::MAX)
        );
        assert_eq!(open_files("nonsense"), None);
        assert_eq!(may_lease("Name:\tx\nCapEff:\t0000000010000000\n"), Some(true));
        assert_eq!(may_lease("CapEff:\t0000000000000000\n"), Some(false));
        assert_eq!(may_lease("CapEff:\tnonsense\n"), None);
    }
}
