//! Whether the daemon can do its job, from what its tasks last said. Pure.
//!
//! Not what one customer suffers, nor what one sender did wrong: that is told by `status`.

use std::time::Duration;

use crate::control::protocol::{DaemonHealth, Health};

use super::super::board::{Lane, RosterState, State};

/// A registrar that can't be reached for a moment is tried again; after so long somebody should know.
const UNREACHABLE: Duration = Duration::from_mins(2);

/// A scan may be late by many walks: a large folder, a busy machine. After that long, and ten walks, none comes.
const SCAN_LATE: Duration = Duration::from_mins(5);

/// Judges what stands on the board at a time of the monotonic clock. `failure` is why the ledger can't be written.
pub(super) fn judge(board: &State, failure: Option<&str>, rescan: Duration, elapsed: Duration) -> DaemonHealth {
    let mut reasons = Vec::new();
    if let Some(why) = failure {
        reasons.push(format!("a write to the ledger failed: {why}"));
    }
    if let Some(since) = board.stalled {
        reasons.push(format!("the ledger's disk doesn't answer since {since}"));
    }
    if let Some((why, since)) = &board.space {
        reasons.push(format!("nothing new is taken or sent since {since}: {why}"));
    }
    if !board.doubts_asked {
        reasons.push("what the last run left in doubt is being asked about".to_owned());
    }
    if let RosterState::Unlisted(why) = &board.roster {
        reasons.push(format!("who is a customer can't be told from the root of the drop folders: {why}"));
    }
    reasons.extend(folders(board));
    reasons.extend(scans(board, rescan, elapsed));
    reasons.extend(registrar(board, elapsed));
    DaemonHealth { ok: reasons.is_empty(), reasons }
}

fn is_away(lane: &Lane) -> bool {
    lane.offline.is_some() || lane.hangs
}

/// No folder of several can be looked into: that is no longer one customer's trouble.
fn folders(board: &State) -> Option<String> {
    let all = board.customers.len();
    let away = board.customers.values().filter(|lane| is_away(lane)).count();
    (all > 1 && away == all).then(|| format!("none of the {all} drop folders can be looked into"))
}

/// No folder that could be looked into was, for long.
fn scans(board: &State, rescan: Duration, elapsed: Duration) -> Option<String> {
    let late = SCAN_LATE.max(rescan.saturating_mul(10));
    let mut there = board.customers.values().filter(|lane| !is_away(lane)).peekable();
    there.peek()?;
    let last = there.map(|lane| lane.scanned.map_or(lane.began, |(_, at)| at)).max()?;
    let waited = elapsed.saturating_sub(last);
    (waited > late).then(|| format!("no drop folder was looked through for {} s", waited.as_secs()))
}

/// Every target is in trouble, and has been for a while where it may pass.
fn registrar(board: &State, elapsed: Duration) -> Option<String> {
    let in_trouble = board.registrar.values().all(|met| match met.health {
        Health::Broken => true,
        Health::Unavailable => met.changed.is_some_and(|changed| elapsed.saturating_sub(changed) >= UNREACHABLE),
        Health::Unknown | Health::Working | Health::Throttled => false,
    });
    if board.registrar.is_empty() || !in_trouble {
        return None;
    }
    let worst = board.registrar.values().max_by_key(|met| met.health);
    let why = worst.and_then(|met| met.why.clone()).unwrap_or_else(|| "it doesn't answer".to_owned());
    Some(format!("nothing can be registered: {why}"))
}

#[cfg(test)]
mod tests {
    use devicedrop_core::time::Timestamp;

    use super::super::super::board::{Board, RegistrarHealth};
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const SINCE: Timestamp = Timestamp::from_unix_ms(1_795_356_000_000);

    /// A daemon that is well, an hour after its start, with two customers and one target.
    fn well() -> State {
        let mut board = Board::new(SINCE).read();
        board.doubts_asked = true;
        board.roster = RosterState::Known;
        for key in ["contoso", "fabrikam"] {
            let mut lane = Lane::default();
            (lane.looked, lane.scanned) = (true, Some((SINCE, MINUTE * 60)));
            board.customers.insert(key.parse().unwrap(), lane);
        }
        board.registrar.insert("one".to_owned(), met(Health::Working, 0));
        board
    }

    fn met(health: Health, minute: u32) -> RegistrarHealth {
        let why = (health != Health::Working).then(|| "it says no".to_owned());
        RegistrarHealth { health, since: Some(SINCE), why, changed: Some(MINUTE * minute) }
    }

    fn lane<'a>(board: &'a mut State, key: &str) -> &'a mut Lane {
        board.customers.get_mut(&key.parse().unwrap()).unwrap()
    }

    fn reasons(change: impl FnOnce(&mut State)) -> Vec<String> {
        let mut board = well();
        change(&mut board);
        let health = judge(&board, None, Duration::from_secs(10), MINUTE * 60);
        assert_eq!(health.ok, health.reasons.is_empty());
        health.reasons
    }

    #[test]
    fn what_keeps_it_from_its_job_is_said() {
        let away = |board: &mut State| {
            lane(board, "contoso").offline = Some(("gone".to_owned(), SINCE));
            lane(board, "fabrikam").hangs = true;
        };
        let cases: [(&str, Vec<String>); 9] = [
            ("the ledger's disk doesn't answer since", reasons(|board| board.stalled = Some(SINCE))),
            ("nothing new is taken or sent since", reasons(|board| board.space = Some(("full".to_owned(), SINCE)))),
            ("what the last run left in doubt", reasons(|board| board.doubts_asked = false)),
            (
                "who is a customer can't be told",
                reasons(|board| board.roster = RosterState::Unlisted("gone".to_owned())),
            ),
            ("none of the 2 drop folders", reasons(away)),
            (
                "no drop folder was looked through for 360 s",
                reasons(|board| {
                    for lane in board.customers.values_mut() {
                        lane.scanned = Some((SINCE, MINUTE * 54));
                    }
                }),
            ),
            (
                "no drop folder was looked through for 3600 s",
                reasons(|board| {
                    for lane in board.customers.values_mut() {
                        lane.scanned = None;
                    }
                }),
            ),
            (
                "nothing can be registered: it says no",
                reasons(|board| drop(board.registrar.insert("one".to_owned(), met(Health::Broken, 60)))),
            ),
            (
                "nothing can be registered: it says no",
                reasons(|board| drop(board.registrar.insert("one".to_owned(), met(Health::Unavailable, 50)))),
            ),
        ];
        for (expected, reasons) in cases {
            assert!(reasons.len() == 1 && reasons[0].starts_with(expected), "{expected}: {reasons:?}");
        }
        let failed = judge(&well(), Some("disk I/O error"), Duration::from_secs(10), MINUTE * 60);
        assert_eq!(failed.reasons, ["a write to the ledger failed: disk I/O error"]);
    }

    #[test]
    fn what_concerns_one_customer_or_passes_is_no_reason() {
        let none: [Vec<String>; 8] = [
            reasons(|_| {}),
            reasons(|board| lane(board, "contoso").hangs = true),
            reasons(|board| lane(board, "contoso").offline = Some(("gone".to_owned(), SINCE))),
            // The only customer's share is away: there is nothing else that it could do.
            reasons(|board| {
                board.customers.retain(|key, _| key.as_str() == "contoso");
                lane(board, "contoso").hangs = true;
            }),
            reasons(|board| board.customers.clear()),
            reasons(|board| drop(board.registrar.insert("two".to_owned(), met(Health::Broken, 0)))),
            reasons(|board| drop(board.registrar.insert("one".to_owned(), met(Health::Unavailable, 59)))),
            reasons(|board| drop(board.registrar.insert("one".to_owned(), met(Health::Throttled, 0)))),
        ];
        for (number, reasons) in none.iter().enumerate() {
            assert_eq!(reasons, &Vec::<String>::new(), "case {number}");
        }
        let clock = reasons(|board| board.clock_held = Some("it was set".to_owned()));
        assert_eq!(clock, Vec::<String>::new(), "rows are registered all the same");
    }
}
