//! Leafing through rows, against the slow and obvious way: all rows of the view, one looked at after the other.

use super::super::reader::browse::{Wanted, Which};
use super::super::views::{Cell, Lookup, View, ViewRow};
use super::*;
use devicedrop_core::state::State;

/// Files of two customers in which rows are in every state, with order IDs of their own and of their file.
fn scene() -> Trial {
    let trial = Trial::new();
    let mut rows: Vec<_> = (0..40).map(|at| row(at + 2, &format!("A{at:02}"))).collect();
    for row in rows.iter_mut().step_by(7) {
        row.order_id = Some("PO-9".into());
    }
    rows.push(bad_row(42));
    trial.accept("a.csv", rows);
    let other = |file: &str, order: Option<&str>, second: i64, rows: Vec<NewRegistration>| {
        let mut new = submission(file, file, counted(&rows));
        new.customer = key("fabrikam");
        new.order_id = order.map(str::to_owned);
        new.at = at(second);
        let known = KnownFile { customer: key("fabrikam"), ..known(file) };
        trial.writer().accept_whole(new, rows, delivery(file, second), known).wait().expect("it is accepted")
    };
    other("b.csv", Some("PO-9"), 100_000, (0..30).map(|at| row(at + 2, &format!("B{at:02}"))).collect());
    other("c.csv", None, 200_000, (0..30).map(|at| row(at + 2, &format!("A{at:02}"))).collect());
    let all = by_view(&trial);
    let numbered = |serials: &[&str], customer: &str| -> Vec<RegistrationId> {
        let found = all.iter().filter(|row| serials.contains(&text(row, "serial_number").as_str()));
        found.filter(|row| text(row, "customer") == customer).map(number).collect()
    };
    trial.attempt(&numbered(&["A00", "A01", "A02", "A07"], "contoso"), 10, Outcome::Registered);
    trial.attempt(&numbered(&["A03", "A04", "A14"], "contoso"), 20, Outcome::Failed);
    trial.attempt(&numbered(&["A05"], "contoso"), 30, Outcome::Deferred);
    trial.attempt(&numbered(&["B00", "B10"], "fabrikam"), 40, Outcome::Failed);
    trial.attempt(&numbered(&["B01"], "fabrikam"), 50, Outcome::Registered);
    // Under way for the first time.
    trial.writer().start_call(call(60), numbered(&["A10", "A12"], "fabrikam")).wait().expect("the call starts");
    // Newer content at the path of the first file.
    trial.accept("a.csv", vec![row(2, "A99")]);
    trial
}

fn column(row: &ViewRow, column: &str) -> Cell {
    let at = View::Registrations.columns().iter().position(|known| *known == column).expect("a column");
    row[at].clone()
}

fn text(row: &ViewRow, name: &str) -> String {
    match column(row, name) {
        Cell::Text(text) => text,
        Cell::Integer(number) => number.to_string(),
        Cell::Null => String::new(),
    }
}

fn number(row: &ViewRow) -> RegistrationId {
    registration(text(row, "registration_id").parse().expect("a number"))
}

fn by_view(trial: &Trial) -> Vec<ViewRow> {
    let lookup =
        Lookup { view: View::Registrations, filters: Vec::new(), limit: 10_000, after: None, newest_first: true };
    trial.reader().lookup(&lookup).expect("all rows")
}

/// Whether a row of the view meets what is wanted.
fn meets(row: &ViewRow, wanted: &Wanted<'_>, received: &[(String, Timestamp)]) -> bool {
    let at = received.iter().find(|(id, _)| *id == text(row, "submission_id")).map(|(_, at)| *at).expect("its time");
    wanted.customer.is_none_or(|customer| text(row, "customer") == customer.as_str())
        && wanted.state.is_none_or(|state| text(row, "state") == state.code())
        && wanted.error.is_none_or(|error| text(row, "error") == error.code())
        && wanted.order.is_none_or(|order| text(row, "order_id") == order)
        && wanted.since.is_none_or(|since| at >= since)
        && wanted.until.is_none_or(|until| at < until)
        && wanted.serial.is_none_or(|serial| text(row, "serial_number").starts_with(serial))
        && (wanted.superseded || text(row, "superseded") == "0")
}

#[test]
fn what_is_found_is_what_the_view_has() {
    let trial = scene();
    let all = by_view(&trial);
    let submissions =
        Lookup { view: View::Submissions, filters: Vec::new(), limit: 10_000, after: None, newest_first: true };
    let reader = trial.reader();
    let received: Vec<(String, Timestamp)> = reader
        .lookup(&submissions)
        .expect("all submissions")
        .iter()
        .map(|row| match (&row[0], &row[10]) {
            (Cell::Text(id), Cell::Text(at)) => (id.clone(), at.parse().expect("a time")),
            other => panic!("{other:?}"),
        })
        .collect();
    let (contoso, fabrikam, nobody) = (key("contoso"), key("fabrikam"), key("nobody"));
    let customers = [None, Some(&contoso), Some(&fabrikam), Some(&nobody)];
    let states = [None, Some(State::Pending), Some(State::Failed), Some(State::Ready), Some(State::Active)];
    let errors = [None, Some(ErrorCode::DeviceNotFound), Some(ErrorCode::RowNotValid)];
    let orders = [None, Some("PO-9"), Some("PO-1"), Some("none")];
    let times =
        [(None, None), (Some(at(50_000)), None), (None, Some(at(150_000))), (Some(at(50_000)), Some(at(150_000)))];
    let serials = [None, Some(""), Some("A"), Some("A0"), Some("B10"), Some("\u{10ffff}")];
    let mut met = 0;
    for customer in customers {
        for state in states {
            for error in errors {
                for order in orders {
                    for (since, until) in times {
                        for serial in serials {
                            for superseded in [false, true] {
                                let wanted =
                                    Wanted { customer, state, error, order, since, until, serial, superseded };
                                let expected: Vec<RegistrationId> =
                                    all.iter().filter(|row| meets(row, &wanted, &received)).map(number).collect();
                                met += expected.len();
                                let found = reader.browse(&wanted, None, 1_000).expect("found");
                                assert_eq!(found, expected, "{wanted:?}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(met > 1_000, "{met}: the filters meet nothing");
}

#[test]
fn pages_follow_each_other_without_a_gap_and_their_rows_are_found() {
    let trial = scene();
    let reader = trial.reader();
    for wanted in [
        Wanted { superseded: true, ..Wanted::default() },
        Wanted { state: Some(State::Pending), ..Wanted::default() },
        Wanted { order: Some("PO-9"), superseded: true, ..Wanted::default() },
        Wanted { serial: Some("A"), ..Wanted::default() },
    ] {
        let whole = reader.browse(&wanted, None, 1_000).expect("found");
        let mut paged = Vec::new();
        loop {
            let page = reader.browse(&wanted, paged.last().copied(), 7).expect("a page");
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, whole, "{wanted:?}");
        let keys: Vec<i64> = whole.iter().map(|number| number.get()).collect();
        let rows = reader.view_rows(View::Registrations, &keys).expect("rows");
        assert_eq!(rows.iter().map(number).collect::<Vec<_>>(), whole);
    }
}

#[test]
fn rows_of_a_file_that_is_not_wholly_accepted_are_not_found() {
    let trial = scene();
    let before =
        trial.reader().browse(&Wanted { superseded: true, ..Wanted::default() }, None, 1_000).expect("found");
    let rows = vec![row(2, "Z1"), bad_row(3)];
    let new = submission("z.csv", "z", counted(&rows));
    let entry = trial.writer().open_submission(new).wait().expect("it begins");
    trial.writer().add_registrations(entry, rows).wait().expect("its rows are in");
    let after = trial.reader().browse(&Wanted { superseded: true, ..Wanted::default() }, None, 1_000).expect("found");
    assert_eq!(before, after);
    let wanted = Wanted { serial: Some("Z"), ..Wanted::default() };
    assert!(trial.reader().browse(&wanted, None, 9).expect("looked up").is_empty());
}

#[test]
fn rows_of_a_submission_come_by_state_and_sums_agree_with_the_view() {
    let trial = scene();
    let reader = trial.reader();
    let entry = reader.newest_submission(&key("fabrikam"), "b.csv").expect("looked up").expect("there").entry;
    let lines = |which, after| {
        let found = reader.rows_of(entry, which, after, 100).expect("rows");
        let keys: Vec<i64> = found.iter().map(|number| number.get()).collect();
        let mut rows = reader.view_rows(View::Registrations, &keys).expect("rows");
        rows.reverse();
        rows.iter().map(|row| text(row, "serial_number")).collect::<Vec<_>>()
    };
    assert_eq!(lines(Which::In(State::Failed), None), ["B00", "B10"]);
    assert_eq!(lines(Which::In(State::Ready), None), ["B01"]);
    assert_eq!(lines(Which::In(State::Pending), None).len(), 27);
    assert_eq!(lines(Which::NotFailed, None).len(), 28);
    let first = reader.rows_of(entry, Which::NotFailed, None, 1).expect("a row");
    assert_eq!(lines(Which::NotFailed, first.first().copied()).len(), 27);
    for customer in [None, Some(key("contoso")), Some(key("fabrikam"))] {
        let of = |state: State| {
            let rows = by_view(&trial).into_iter().filter(|row| text(row, "state") == state.code());
            let rows = rows.filter(|row| customer.as_ref().is_none_or(|key| text(row, "customer") == key.as_str()));
            counted(&rows.filter(|row| text(row, "superseded") == "0").collect::<Vec<_>>())
        };
        let sums = reader.sums(customer.as_ref()).expect("sums");
        assert_eq!(
            (sums.pending, sums.ready, sums.failed),
            (of(State::Pending), of(State::Ready), of(State::Failed))
        );
        assert_eq!(reader.count_in(customer.as_ref(), State::Ready).expect("a count"), of(State::Ready));
    }
    assert_eq!(reader.customer_keys().expect("keys"), [key("contoso"), key("fabrikam")]);
}
