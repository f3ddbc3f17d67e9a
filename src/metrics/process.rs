//! What this process takes of the machine, as the system tells.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What this process takes; none where the system doesn't tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Processor time.
    pub cpu: Duration,
    /// Memory in use.
    pub resident_bytes: Option<u64>,
    /// Memory that could be used.
    pub virtual_bytes: Option<u64>,
    /// Open files.
    pub open_fds: Option<u64>,
    /// Files that may be open.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

/// Looks.
pub fn look() -> Process {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name| figure(&status, name).map(|kilobytes| kilobytes.saturating_mul(1_024));
    Process {
        cpu: Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0)),
        resident_bytes: kilobytes("VmRSS:"),
        virtual_bytes: kilobytes("VmSize:"),
        // The one by which the folder is listed isn't counted.
        open_fds: std::fs::read_dir("/proc/self/fd")
            .ok()
            .and_then(|entries| u64::try_from(entries.count().saturating_sub(1)).ok()),
        max_fds: getrlimit(Resource::Nofile).current,
        threads: figure(&status, "Threads:"),
    }
}

/// A number in what `/proc/self/status` says.
fn figure(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let process = look();
        assert!(process.cpu > Duration::ZERO);
        let told =
            [process.resident_bytes, process.virtual_bytes, process.open_fds, process.max_fds, process.threads];
        assert!(told.iter().all(|figure| figure.is_some_and(|figure| figure > 0)), "{process:?}");
    }
}
