//! What keeps the record as it was written, and what shows when it isn't.

use devicedrop_core::record::Kind;
use devicedrop_core::state::{self, Cause, Event, Outcome, State};

use super::super::command::{NewAction, NewResult};
use super::super::error::Untrusted;
use super::*;

/// A ledger with entries of every kind.
fn full() -> Trial {
    let trial = Trial::new();
    let entry = trial.accept("a.csv", vec![row(2, "A2"), bad_row(3), row(4, "A4")]);
    let ids: Vec<_> = trial.reader().next_due(&key("contoso"), at(2), 9, &[]).expect("due");
    let ids: Vec<_> = ids.iter().map(|due| due.registration).collect();
    trial.attempt(&ids, 10, Outcome::Registered);
    let writer = trial.writer();
    writer.seen(vec![(ids[0], at(20))], at(21)).wait().expect("seen");
    let sha256 = Sha256::of(b"result");
    let result = NewResult { at: at(22), submission: entry, file: "a.result.csv".into(), sha256, last: true };
    writer.result_written(result).wait().expect("on record");
    writer.refuse(key("contoso"), "a.xlsx".into(), "not a CSV".into(), at(23)).wait().expect("on record");
    let action = NewAction {
        at: at(24),
        actor: "ann".into(),
        action: "retry".into(),
        subject: Some("all".into()),
        reason: Some("because".into()),
    };
    writer.act(action).wait().expect("on record");
    for kind in Kind::ALL {
        assert_ne!(trial.show(&format!("SELECT count(*) FROM {}", kind.word())), "0\n", "{kind:?}");
    }
    trial
}

const DICTIONARIES: [&str; 4] = ["customer", "target", "manufacturer", "model"];

#[test]
fn no_tool_changes_deletes_or_replaces_what_is_on_record() {
    let trial = full();
    let tool = trial.foreign();
    tool.execute_batch("PRAGMA recursive_triggers = OFF").expect("the default of other tools");
    let tables = Kind::ALL.iter().map(|kind| kind.word()).chain(DICTIONARIES).chain(["block"]);
    for table in tables {
        let key = if table == "block" || DICTIONARIES.contains(&table) { "number" } else { "id" };
        let columns = show(&tool, &format!("SELECT group_concat(name) FROM pragma_table_info('{table}')"));
        for sql in [
            format!("UPDATE {table} SET {key} = {key}"),
            format!("DELETE FROM {table}"),
            format!("REPLACE INTO {table}({columns}) SELECT {columns} FROM {table}"),
        ] {
            let refused = tool.execute(&sql, []).expect_err(&sql);
            let said = refused.to_string();
            assert!(said.contains("on record") || said.contains("a block follows"), "{sql}: {said}");
        }
    }
    let replaced = tool.execute(
        "REPLACE INTO outcome SELECT id + 1000, at, attempt, 3, 1, NULL, NULL, NULL, NULL, NULL FROM outcome",
        [],
    );
    assert!(replaced.is_err(), "an outcome can't be replaced by another of the same attempt");
}

#[test]
fn no_tool_changes_what_the_views_show_beside_the_record() {
    let trial = full();
    let tool = trial.foreign();
    let tables = show(&tool, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let on_record: Vec<&str> =
        Kind::ALL.iter().map(|kind| kind.word()).chain(DICTIONARIES).chain(["block"]).collect();
    let beside: Vec<&str> = tables.lines().filter(|table| !on_record.contains(table)).collect();
    assert!(beside.contains(&"present") && beside.contains(&"state_word"), "{beside:?}");
    for table in beside {
        let triggers = show(
            &tool,
            &format!("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"),
        );
        assert_eq!(triggers, "3\n", "{table}");
        let some = show(&tool, &format!("SELECT count(*) FROM {table}")) != "0\n";
        if some {
            let refused = tool.execute(&format!("DELETE FROM {table}"), []).expect_err(table).to_string();
            assert!(refused.contains("only devicedrop"), "{table}: {refused}");
        }
    }
    let lie = tool.execute("UPDATE present SET state = 3, error = NULL", []).expect_err("a lie").to_string();
    assert!(lie.contains("only devicedrop"), "{lie}");
}

#[test]
fn no_command_changes_what_is_on_record() {
    // The writer's own connection is free of the guards, so that its statements are looked at instead.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger");
    let files = [folder.clone(), folder.join("apply")].map(|folder| std::fs::read_dir(folder).expect("listed"));
    let mut looked_at = 0;
    for file in files.into_iter().flatten() {
        let path = file.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("read");
        for table in Kind::ALL.iter().map(|kind| kind.word()).chain(DICTIONARIES).chain(["block"]) {
            for verb in ["UPDATE", "DELETE FROM", "REPLACE INTO"] {
                let words = format!("{verb} {table}");
                let found = text.match_indices(&words).any(|(at, _)| {
                    let next = text[at + words.len()..].chars().next().unwrap_or(' ');
                    !next.is_alphanumeric() && next != '_'
                });
                assert!(!found, "{}: {words}", path.display());
            }
        }
        looked_at += 1;
    }
    assert!(looked_at > 10, "the ledger's files are there");
}

#[test]
fn the_schema_refuses_the_transitions_that_the_core_refuses() {
    let trial = full();
    let tool = trial.foreign();
    let legal = |from: State, to: State, cause: Cause| {
        let error = devicedrop_core::state::ErrorCode::UnexpectedError;
        [
            Event::Refused(error),
            Event::GaveUp,
            Event::Retried,
            Event::DeliveredAgain,
            Event::ResolvedAsRegistered,
            Event::Seen,
            Event::Unseen,
        ]
        .into_iter()
        .any(|event| state::next(Some(from), event).is_ok_and(|change| change.to == to && change.cause == cause))
    };
    let mut id = 1_000;
    for from in State::ALL {
        for to in State::ALL {
            for cause in Cause::ALL {
                id += 1;
                let error = (*to == State::Failed).then_some(5);
                let inserted = tool.execute(
                    "INSERT INTO transition(id, at, registration, from_state, to_state, error, cause)
                     VALUES (?, 0, 3, ?, ?, ?, ?)",
                    rusqlite::params![id, from.number(), to.number(), error, cause.number()],
                );
                assert_eq!(inserted.is_ok(), legal(*from, *to, *cause), "{from:?} {to:?} {cause:?}");
            }
        }
    }
}

/// Removes the guard rails, changes something, and tells which block is found.
fn found_after(change: &str) -> Result<(), Untrusted> {
    let mut trial = full();
    trial.close();
    let tool = trial.foreign();
    tool.execute_batch("PRAGMA foreign_keys = OFF").expect("the default of other tools");
    let triggers = show(&tool, "SELECT name FROM sqlite_schema WHERE type = 'trigger'");
    for trigger in triggers.lines() {
        tool.execute_batch(&format!("DROP TRIGGER {trigger}")).expect("anyone can");
    }
    tool.execute_batch(change).expect("and then change what they like");
    let reader = Reader::open(&trial.path()).expect("it opens for reading");
    let blocks = reader.head().expect("asked").map_or(0, |head| head.blocks);
    (1..=blocks).try_for_each(|number| reader.check_block(number))
}

#[test]
fn every_changed_column_shows() {
    assert_eq!(found_after("SELECT 1"), Ok(()), "the chain can be recomputed from the views alone");
    for kind in Kind::ALL {
        let trial = full();
        let tool = trial.foreign();
        let statement = tool.prepare(&format!("SELECT * FROM {} LIMIT 1", kind.word())).expect("a table");
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        for column in columns.iter().filter(|column| *column != "shown") {
            let new = match column.as_str() {
                "id" => "id + 1000".to_owned(),
                "uuid" | "sha256" | "ledger_uuid" | "prior_hash" => {
                    let length = if column.ends_with("uuid") { 16 } else { 32 };
                    format!("zeroblob({length})")
                }
                text if [
                    "file",
                    "actor",
                    "action",
                    "reason",
                    "subject",
                    "detail",
                    "answer",
                    "owner",
                    "registrar",
                    "serial_number",
                    "hardware_hash",
                    "order_id",
                    "purchase_id",
                    "request_id",
                    "correlation_id",
                    "tracking_id",
                    "encoding",
                    "delimiter",
                    "rejection",
                ]
                .contains(&text) =>
                {
                    format!("coalesce({column}, '') || 'x'")
                }
                "format" => "'self-service'".to_owned(),
                _ => format!("coalesce({column}, 0) + 1"),
            };
            let change = format!(
                "PRAGMA ignore_check_constraints = ON;
                 UPDATE {0} SET {column} = {new} WHERE id = (SELECT max(id) FROM {0})",
                kind.word()
            );
            let found = found_after(&change).expect_err(&change);
            let last: i64 =
                show(&tool, &format!("SELECT max(id) FROM {}", kind.word())).trim().parse().expect("a number");
            match (kind, column.as_str()) {
                (_, "id") => assert!(matches!(found, Untrusted::Missing { entry, .. } if entry == last), "{change}"),
                // Both are part of each block's header.
                (Kind::Epoch, "number" | "ledger_uuid") => assert_eq!(found, Untrusted::Hash(1), "{change}"),
                _ => assert!(
                    matches!(found, Untrusted::Entry { entry, kind: told, .. } if entry == last && told == *kind),
                    "{change}: {found}"
                ),
            }
        }
    }
}

#[test]
fn what_is_removed_swapped_added_or_cut_shows() {
    let missing = found_after("DELETE FROM attempt WHERE id = (SELECT max(id) FROM attempt)");
    assert!(matches!(missing, Err(Untrusted::Missing { .. })), "{missing:?}");
    let word = found_after("UPDATE manufacturer SET text = 'Fabrikam'");
    assert!(matches!(word, Err(Untrusted::Entry { kind: Kind::Registration, .. })), "{word:?}");
    let block = found_after("UPDATE block SET at = at + 1 WHERE number = 2");
    assert_eq!(block, Err(Untrusted::Hash(2)));
    let secret = found_after("UPDATE block SET secret = zeroblob(32) WHERE number = 3");
    assert_eq!(secret, Err(Untrusted::Hash(3)));
    let gone = found_after("DELETE FROM block WHERE number = 2");
    assert_eq!(gone, Err(Untrusted::Chain(2)));
    let shifted = found_after(
        "UPDATE registration SET order_id = substr(serial_number, 2), serial_number = substr(serial_number, 1, 1) WHERE line = 2",
    );
    assert!(matches!(shifted, Err(Untrusted::Entry { kind: Kind::Registration, .. })), "{shifted:?}");
    let marks = found_after("UPDATE block SET marks = zeroblob(2 * entries) WHERE number = 2");
    assert_eq!(marks, Err(Untrusted::Marks(2)));
    let both = found_after("UPDATE attempt SET number = number + 1; UPDATE block SET marks = zeroblob(2 * entries)");
    assert!(matches!(both, Err(Untrusted::Marks(_) | Untrusted::Entry { .. })), "{both:?}");
    let twice = found_after(
        "INSERT INTO action SELECT (SELECT max(id) FROM attempt), at, actor, action, subject, reason FROM action",
    );
    assert!(matches!(twice, Err(Untrusted::Twice { .. })), "{twice:?}");
}

#[test]
fn any_tools_planner_finds_a_serial_number_by_its_index() {
    let mut trial = full();
    trial.close();
    let tool = trial.foreign();
    let plan = |sql: &str| show(&tool, &format!("EXPLAIN QUERY PLAN {sql}"));
    for view in ["audit_registrations", "audit_attempts", "audit_transitions", "audit_devices"] {
        for condition in
            ["serial_number = 'x'", "serial_number >= 'x' AND serial_number < 'y'", "serial_number GLOB 'x*'"]
        {
            let plan = plan(&format!("SELECT * FROM {view} WHERE {condition}"));
            assert!(plan.contains("ANY(<expr>) AND serial_number"), "{view} {condition}: {plan}");
            assert!(!plan.contains("SCAN r"), "{view} {condition}: {plan}");
        }
    }
    for view in ["audit_registrations", "audit_attempts", "audit_transitions"] {
        let plan = plan(&format!("SELECT * FROM {view} WHERE submission_id = 'x'"));
        assert!(plan.contains("submission_shown (shown=?)"), "{view}: {plan}");
        assert!(!plan.contains("SCAN r"), "{view}: {plan}");
    }
}

#[test]
fn times_are_shown_as_the_core_shows_them() {
    let db = Connection::open_in_memory().expect("a database");
    let mut ms: i64 = 1;
    for _ in 0..2_000 {
        // A walk over all magnitudes; before 1970, SQLite's and our notion agree as well.
        ms = ms.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let ms = ms % 4_102_444_800_000;
        let shown: String = db
            .query_row("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ? / 1000.0, 'unixepoch')", [ms], |row| row.get(0))
            .expect("a time");
        assert_eq!(shown, Timestamp::from_unix_ms(ms).to_string(), "{ms}");
    }
}
