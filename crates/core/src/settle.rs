//! When a file is complete enough to be taken: a decision over what was seen of it and when.
//!
//! Times are readings of the monotonic clock. A file's own times are only ever compared with each other for
//! equality: they come from other machines' clocks and can be forged. Who looks at files lives in the inbox.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What tells one state of a file from another, as the file system reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The file system's number.
    pub dev: u64,
    /// The file's number in its file system.
    pub ino: u64,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, in nanoseconds since 1970; senders can set it at will.
    pub mtime_ns: i64,
    /// Last change of anything, in nanoseconds since 1970; senders can't set it.
    pub ctime_ns: i64,
    /// When the file was made, where the file system says so. Tells a file made anew from one whose mode changed
    /// even if the file system gave the number of the old one to the new one.
    pub born_ns: Option<i64>,
}

/// Whether anybody has the file open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Openness {
    /// The kernel says: nobody.
    Closed,
    /// The kernel says: somebody.
    OpenForWriting,
    /// It can't be told: a network file system, or no permission to ask.
    Unknown,
}

/// The quiet times of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietTimes {
    /// Where the system can tell that nobody has the file open for writing (`settle`).
    pub settle: Duration,
    /// Where somebody keeps it open (`settle_open`).
    pub open: Duration,
    /// Where it can't be told (`settle_unsure`).
    pub unsure: Duration,
}

impl QuietTimes {
    /// A doubt waits so many quiet times: long enough for an upload that stalled, short enough for its sender.
    const DOUBT_FACTOR: u32 = 6;

    /// The quiet time that a file needs.
    fn needed(&self, openness: Openness, doubted: bool) -> Duration {
        let base = match openness {
            Openness::Closed => self.settle,
            Openness::OpenForWriting => self.open,
            Openness::Unknown => self.unsure,
        };
        if doubted { base.saturating_mul(Self::DOUBT_FACTOR).max(self.unsure) } else { base }
    }

    /// The shortest quiet time there is.
    fn shortest(&self) -> Duration {
        self.settle.min(self.open).min(self.unsure)
    }
}

/// What is known of a file that is waiting to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    stamp: Stamp,
    quiet_since: Duration,
    may_be_empty: bool,
    doubted: bool,
    writer_seen: bool,
}

impl Settling {
    /// A file seen for the first time, `at` this time. An empty one is one that is still to be filled, as it seems.
    pub fn new(stamp: Stamp, at: Duration) -> Self {
        Self { stamp, quiet_since: at, may_be_empty: false, doubted: stamp.size == 0, writer_seen: false }
    }

    /// A marker seen for the first time: nothing in it is nothing odd.
    pub fn marker(stamp: Stamp, at: Duration) -> Self {
        Self { stamp, quiet_since: at, may_be_empty: true, doubted: false, writer_seen: false }
    }

    /// The file was seen again. Any change of it begins its quiet time anew.
    pub fn seen(&mut self, stamp: Stamp, at: Duration) {
        if stamp != self.stamp {
            self.stamp = stamp;
            self.disturbed(at);
        }
    }

    /// The file changed while it was being read: its quiet time begins anew whatever its stamp says.
    pub fn disturbed(&mut self, at: Duration) {
        self.quiet_since = at;
        self.doubted = !self.may_be_empty && self.stamp.size == 0;
    }

    /// How long nobody need ask whether the file is open, because it can't be ready before.
    pub fn early(&self, times: &QuietTimes, now: Duration) -> Option<Duration> {
        times.shortest().checked_sub(self.quiet(now)).filter(|remaining| !remaining.is_zero())
    }

    /// The content was read and may be incomplete: the file waits one longer quiet time.
    pub fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Whether the longer quiet time holds. Once it is over, the file is judged as it is.
    pub fn doubted(&self) -> bool {
        self.doubted
    }

    /// Whether somebody was ever seen to have the file open for writing.
    pub fn writer_seen(&self) -> bool {
        self.writer_seen
    }

    /// The state of the file that all of this is about.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// How long the file has been quiet.
    pub fn quiet(&self, now: Duration) -> Duration {
        now.saturating_sub(self.quiet_since)
    }

    /// Whether the file is to be taken now.
    pub fn decide(&mut self, openness: Openness, times: &QuietTimes, now: Duration) -> Readiness {
        if openness == Openness::OpenForWriting {
            self.writer_seen = true;
        }
        let quiet = self.quiet(now);
        let needed = times.needed(openness, self.doubted);
        if quiet >= needed {
            return Readiness::Ready;
        }
        let because = match (self.doubted, openness) {
            (true, _) => Unsettled::Doubtful,
            (false, Openness::OpenForWriting) => Unsettled::HeldOpen,
            (false, Openness::Closed | Openness::Unknown) => Unsettled::Changed,
        };
        Readiness::Wait { remaining: needed.saturating_sub(quiet), because }
    }
}

/// Whether a file can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Not yet.
    Wait {
        /// Look again after this time.
        remaining: Duration,
        /// What for.
        because: Unsettled,
    },
}

/// Why a file hasn't settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unsettled {
    /// It changed a short while ago.
    Changed,
    /// Somebody has it open for writing.
    HeldOpen,
    /// Its content may be incomplete, so it waits longer.
    Doubtful,
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "settling",
            Self::HeldOpen => "a program has it open for writing",
            Self::Doubtful => "it may be incomplete, so it is given more time",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMES: QuietTimes =
        QuietTimes { settle: Duration::from_secs(1), open: Duration::from_mins(1), unsure: Duration::from_secs(10) };

    fn stamp(size: u64) -> Stamp {
        Stamp { dev: 1, ino: 1, size, mtime_ns: 0, ctime_ns: 0, born_ns: None }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// When a file that stays as it is becomes ready.
    fn ready_after(settling: &Settling, openness: Openness) -> Duration {
        match settling.clone().decide(openness, &TIMES, Duration::ZERO) {
            Readiness::Ready => Duration::ZERO,
            Readiness::Wait { remaining, .. } => remaining,
        }
    }

    #[test]
    fn what_is_known_of_writers_tells_how_long_to_wait() {
        let mut settling = Settling::new(stamp(1), Duration::ZERO);
        let times = |settling: &Settling| {
            [Openness::Closed, Openness::Unknown, Openness::OpenForWriting].map(|it| ready_after(settling, it))
        };
        assert_eq!(times(&settling), [secs(1), secs(10), secs(60)]);
        settling.doubt();
        assert_eq!(times(&settling), [secs(10), secs(60), secs(360)]);
        assert_eq!(times(&Settling::new(stamp(0), Duration::ZERO)), [secs(10), secs(60), secs(360)], "empty");
        assert_eq!(times(&Settling::marker(stamp(0), Duration::ZERO)), [secs(1), secs(10), secs(60)]);
    }

    #[test]
    fn a_doubt_ends_with_a_change_and_a_writer_is_never_forgotten() {
        let mut settling = Settling::new(stamp(1), Duration::ZERO);
        settling.doubt();
        settling.decide(Openness::OpenForWriting, &TIMES, Duration::ZERO);
        settling.seen(stamp(2), secs(5));
        assert!(!settling.doubted());
        assert!(settling.writer_seen());
        assert_eq!(settling.quiet(secs(7)), secs(2));
    }

    #[test]
    fn nobody_asks_before_a_file_can_be_ready() {
        let settling = Settling::new(stamp(1), Duration::ZERO);
        assert_eq!(settling.early(&TIMES, Duration::from_millis(400)), Some(Duration::from_millis(600)));
        assert_eq!(settling.early(&TIMES, secs(1)), None);
    }

    proptest! {
        /// However a file is looked at, it is ready only when it was the same for as long as it must.
        #[test]
        fn a_ready_file_was_quiet(looks in prop::collection::vec((0_u64..20, 1_u64..3, 0_u8..3), 1..40)) {
            let mut now = Duration::ZERO;
            let mut settling = Settling::new(stamp(1), now);
            let mut history = vec![(now, 1)];
            for (later, size, openness) in looks {
                now += secs(later);
                settling.seen(stamp(size), now);
                history.push((now, size));
                let openness = [Openness::Closed, Openness::Unknown, Openness::OpenForWriting][usize::from(openness)];
                let needed = TIMES.needed(openness, false);
                let ready = settling.decide(openness, &TIMES, now) == Readiness::Ready;
                let same_since = history.iter().rev().take_while(|(_, then)| *then == size).last().unwrap().0;
                prop_assert_eq!(ready, now >= same_since + needed);
            }
        }
    }
}
