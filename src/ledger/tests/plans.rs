//! How SQLite's planner goes about the questions that people ask of the views: by an index or by number, never over a
//! whole table of entries, and without gathering all rows to sort them.
//!
//! How long the answers take is measured by `cargo xtask scale`, which asks the same questions.

use super::super::reader::whole_view;
use super::super::views::View;
use super::*;

/// A ledger with a row, and what the planner does for a question, step by step. What it does for a single row, inside
/// of a correlated subquery, is left out.
fn plan(tool: &Connection, sql: &str) -> Vec<String> {
    let mut statement = tool.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(sql);
    let steps = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(3)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .expect("a plan");
    let mut inside: Vec<i64> = Vec::new();
    let mut told = Vec::new();
    for (id, parent, step) in steps {
        if step.starts_with("CORRELATED") || inside.contains(&parent) {
            inside.push(id);
        } else {
            told.push(step);
        }
    }
    told
}

fn tool() -> (Trial, Connection) {
    let mut trial = Trial::new();
    trial.accept("a.csv", vec![row(2, "A2"), bad_row(3)]);
    trial.close();
    let tool = trial.foreign();
    (trial, tool)
}

#[test]
fn questions_are_answered_without_reading_a_whole_table_of_entries() {
    let (_trial, tool) = tool();
    for question in [
        "audit_registrations WHERE customer = 'c' AND state = 'registration_failed'",
        "audit_registrations WHERE customer = 'c' AND error = 'device_not_found'",
        "audit_registrations WHERE customer = 'c' AND state = 'registration_pending' ORDER BY registration_id DESC LIMIT 9",
        "audit_registrations WHERE error = 'device_not_found'",
        "audit_registrations WHERE error = 'device_not_found' ORDER BY registration_id LIMIT 100",
        "audit_registrations WHERE serial_number = 'x'",
        "audit_registrations WHERE serial_number GLOB 'x*'",
        "audit_registrations WHERE submission_id = 'x'",
        "audit_registrations WHERE submission_id = 'x' AND state = 'registration_failed' ORDER BY registration_id",
        "audit_registrations WHERE registration_id = 7",
        "audit_submissions WHERE submission_id = 'x'",
        "audit_submissions WHERE customer = 'c' AND file = 'a.csv'",
        "audit_submissions WHERE received_at >= '2026-11-01' AND received_at < '2026-12-01'",
        "audit_deliveries WHERE submission_id = 'x'",
        "audit_attempts WHERE serial_number = 'x' ORDER BY attempt_id",
        "audit_attempts WHERE registration_id = 7 ORDER BY attempt_id",
        "audit_attempts WHERE submission_id = 'x'",
        "audit_transitions WHERE serial_number = 'x' ORDER BY seq DESC LIMIT 1",
        "audit_transitions WHERE at >= '2026-11-01' AND at < '2026-12-01' ORDER BY seq LIMIT 100",
        "audit_transitions WHERE at >= '2026-11-01'",
        "audit_transitions WHERE registration_id = 7 ORDER BY seq DESC LIMIT 1",
        "audit_transitions WHERE submission_id = 'x' ORDER BY seq",
        "audit_devices WHERE serial_number = 'x'",
        "audit_results WHERE submission_id = 'x'",
    ] {
        let plan = plan(&tool, &format!("SELECT * FROM {question}"));
        assert!(plan.iter().any(|step| step.starts_with("SEARCH ")), "{question}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN ")), "{question}: {plan:#?}");
    }
}

#[test]
fn whatever_is_asked_for_in_the_order_of_its_key_comes_one_row_after_the_other() {
    let (_trial, tool) = tool();
    for view in View::ALL {
        let newest = format!("SELECT * FROM {} ORDER BY {} DESC LIMIT 100", view.name(), view.key());
        let after =
            format!("SELECT * FROM {} WHERE {key} > 7 ORDER BY {key} LIMIT 100", view.name(), key = view.key());
        for sql in [whole_view(*view), newest, after] {
            let plan = plan(&tool, &sql);
            assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}: {plan:#?}");
        }
    }
}
