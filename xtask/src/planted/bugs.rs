//! The bugs that are planted, one of each kind that was found in systems like this one, and for each the guard that
//! claims to notice it. Nothing here builds or runs anything.

/// What must fail when the bug is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// A test: its package, what chooses its binary, its name.
    Test(&'static str, &'static [&'static str], &'static str),
    /// A slice of a chore, and words of its output that say that it found what is wrong.
    Chore(&'static [&'static str], &'static str),
}

/// One bug.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bug {
    pub(super) number: &'static str,
    pub(super) what: &'static str,
    /// Its file in `crates/testkit/planted/`, without the ending.
    pub(super) patch: &'static str,
    pub(super) guard: Guard,
}

const CUTS: Guard =
    Guard::Chore(&["power-cuts", "--points", "60", "--restart-every", "0", "--seed", "1"], "after event");
const KILLS: Guard = Guard::Chore(&["kill-sweep", "--points", "60"], "killed in front of");

/// The guard that must notice a bug, too, if there is a second one.
pub(super) fn second_guard(bug: &Bug) -> Option<Guard> {
    let simulation = Guard::Chore(&["simulate", "--seeds", "3", "--steps", "80"], "a violation; again");
    matches!(bug.number, "M4" | "M5" | "M6").then_some(simulation)
}

pub(super) const ALL: [Bug; 15] = [
    Bug {
        number: "M1",
        what: "commits of the ledger aren't synced (synchronous=NORMAL)",
        patch: "m01-commits-unsynced",
        guard: CUTS,
    },
    Bug {
        number: "M2",
        what: "the folder isn't synced after a file got its name there",
        patch: "m02-folders-unsynced",
        guard: CUTS,
    },
    Bug {
        number: "M3",
        what: "results and originals aren't synced before they get their names",
        patch: "m03-files-unsynced",
        guard: CUTS,
    },
    Bug {
        number: "M4",
        what: "a request is sent before its attempt is on record",
        patch: "m04-attempt-after-send",
        guard: KILLS,
    },
    Bug {
        number: "M5",
        what: "each try has a key of its own",
        patch: "m05-fresh-key-for-each-try",
        guard: Guard::Chore(&["faults", "--kills", "30", "--seed", "1"], "everything is kept in"),
    },
    Bug {
        number: "M6",
        what: "a result says what isn't on record yet",
        patch: "m06-result-before-outcome",
        guard: KILLS,
    },
    Bug {
        number: "M7",
        what: "a dropped file is opened by its path, links and all",
        patch: "m07-opened-by-path",
        guard: Guard::Test("devicedrop", &["--lib"], "nothing_is_reached_through_links_or_upwards"),
    },
    Bug {
        number: "M8",
        what: "a dropped file is looked at, and then opened",
        patch: "m08-looked-at-and-then-opened",
        guard: Guard::Chore(&["race", "--swaps", "100000"], "the race shows nothing"),
    },
    Bug {
        number: "M9",
        what: "that file events were lost is ignored",
        patch: "m09-lost-events-ignored",
        guard: Guard::Test("devicedrop", &["--lib"], "a_lost_event_rings_all_bells_and_reading_rings_none"),
    },
    Bug {
        number: "M10",
        what: "a record may be as long as the file",
        patch: "m10-records-without-limit",
        guard: Guard::Test("devicedrop-core", &["--lib"], "memory_stays_flat_whatever_comes"),
    },
    Bug {
        number: "M11",
        what: "no length stands before a text that is hashed",
        patch: "m11-no-length-before-a-text",
        guard: Guard::Test("devicedrop-core", &["--lib"], "a_moved_boundary_shows"),
    },
    Bug {
        number: "M12",
        what: "REPLACE walks past the guards of the record",
        patch: "m12-replacing-unguarded",
        guard: Guard::Test("devicedrop", &["--lib"], "no_tool_changes_deletes_or_replaces_what_is_on_record"),
    },
    Bug {
        number: "M13",
        what: "a commit that failed is tried again in place",
        patch: "m13-commit-tried-again",
        guard: Guard::Chore(
            &["io-errors", "--points", "60"],
            "a write to the ledger failed, and the process went on",
        ),
    },
    Bug {
        number: "M14",
        what: "devicedrop's own results are taken for dropped files",
        patch: "m14-own-results-taken",
        guard: Guard::Test("devicedrop-core", &["--lib"], "results_are_never_taken"),
    },
    Bug {
        number: "M15",
        what: "the places of a call go to whoever came first",
        patch: "m15-first-come-first-served",
        guard: Guard::Test("devicedrop-testkit", &["--lib"], "ten_rows_wait_for_none_of_a_customer"),
    },
];
