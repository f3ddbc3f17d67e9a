//! A row's whole life, as the contract's views tell it.

use devicedrop_core::device::Sha256;
use devicedrop_core::state::{Outcome, State};

use super::super::command::{NewAction, NewResult, OwedKind, Resolution, Selection};
use super::super::error::{LedgerError, Refusal};
use super::super::rows::Pause;
use super::super::views::{Cell, Lookup, Test, View};
use super::*;

#[test]
fn pauses_lie_between_the_last_entry_and_the_next_start() {
    let trial = Trial::new();
    let start = |second| {
        let action = "start".to_owned();
        NewAction { at: at(second), actor: "tester".to_owned(), action, subject: None, reason: None }
    };
    trial.writer().act(start(10)).wait().expect("the first start");
    trial.accept("a.csv", vec![row(2, "A1")]);
    let due = trial.reader().next_due(&key("contoso"), at(15), 9, &[]).expect("due");
    trial.attempt(&[due[0].registration], 20, Outcome::Deferred);
    trial.writer().act(start(500)).wait().expect("the second start");
    let pauses = trial.reader().pauses().expect("the pauses");
    assert_eq!(pauses.first(), Some(&Pause { from: at(21), to: at(500) }));
}

/// The rest of the life of three rows, of which the first is registered, the second failed and the third waits.
fn to_its_end(trial: &Trial, ids: &[RegistrationId]) {
    // The third one turns out to be the first one's device.
    let started = trial.writer().start_call(call(91), vec![ids[2]]).wait().expect("the call starts");
    let mut already = end(started.attempts[0], ids[2], 92, Outcome::AlreadyRegistered);
    already.holder = Some(ids[0]);
    trial.writer().finish_attempts(vec![already]).wait().expect("it ends");
    trial.writer().seen(vec![(ids[0], at(100))], at(101)).wait().expect("seen");
    trial.writer().seen(vec![(ids[0], at(200))], at(201)).wait().expect("seen again");
    trial.writer().unseen(vec![ids[0]], at(900)).wait().expect("unseen");
    trial.writer().retry(Selection::default(), "ann".into(), at(901)).wait().expect("retried");
}

#[test]
fn a_row_from_its_file_to_its_use() {
    let trial = Trial::new();
    let entry = trial.accept("devices.csv", vec![row(2, "A1"), bad_row(3), row(4, "A2"), row(5, "A3")]);
    let reader = trial.reader();
    let due = reader.next_due(&key("contoso"), at(2), 10, &[]).expect("rows are due");
    let ids: Vec<_> = due.iter().map(|due| due.registration).collect();
    assert_eq!(ids.len(), 3, "the bad row isn't attempted");
    assert_eq!(reader.customers_due(at(2)).expect("customers"), [key("contoso")]);

    trial.attempt(&ids[..1], 10, Outcome::Registered);
    trial.attempt(&ids[1..2], 20, Outcome::Failed);
    trial.attempt(&ids[2..], 30, Outcome::Deferred);
    assert!(reader.customers_due(at(40)).expect("customers").is_empty());
    assert_eq!(reader.earliest_due(None).expect("a time"), Some(at(91)));
    let again = reader.next_due(&key("contoso"), at(91), 10, &[]).expect("rows are due");
    assert_eq!((again.len(), again[0].attempts, again[0].tries), (1, 1, 1));
    assert_eq!(again[0].key, due[2].key, "the same row has the same key at every try");

    to_its_end(&trial, &ids);

    insta::assert_snapshot!(trial.show("SELECT registration_id, customer, file, line, order_id, manufacturer, model,
        serial_number, state, since, error, error_details, request_id, attempts, superseded
        FROM audit_registrations"), @r#"
    3 | contoso | devices.csv | 2 | PO-1 | Contoso | Book | A1 | inactive | 2026-11-22T14:15:00.000Z | - | - | - | 1 | 0
    4 | contoso | devices.csv | 3 | PO-1 | Contoso | - | - | registration_failed | 2026-11-22T14:00:00.000Z | row_not_valid | Line 3: the serial number is empty. | - | 0 | 0
    5 | contoso | devices.csv | 4 | PO-1 | Contoso | Book | A2 | registration_pending | 2026-11-22T14:15:01.000Z | - | - | - | 1 | 0
    6 | contoso | devices.csv | 5 | PO-1 | Contoso | Book | A3 | ready_for_user | 2026-11-22T14:01:32.000Z | device_already_registered | This device is already registered to your organization. No further action required. It was registered on 2026-11-22 by line 2 of the file "devices.csv". | - | 2 | 0
    "#);
    insta::assert_snapshot!(trial.show("SELECT * FROM audit_transitions ORDER BY seq"), @r#"
    3 | 2026-11-22T14:00:00.000Z | 3 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 2 | A1 | - | registration_pending | - | received | - | -
    4 | 2026-11-22T14:00:00.000Z | 4 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 3 | - | - | registration_pending | - | received | - | -
    5 | 2026-11-22T14:00:00.000Z | 5 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 4 | A2 | - | registration_pending | - | received | - | -
    6 | 2026-11-22T14:00:00.000Z | 6 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 5 | A3 | - | registration_pending | - | received | - | -
    7 | 2026-11-22T14:00:00.000Z | 4 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 3 | - | registration_pending | registration_failed | row_not_valid | validation | - | -
    11 | 2026-11-22T14:00:11.000Z | 3 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 2 | A1 | registration_pending | ready_for_user | - | attempt | - | 10
    14 | 2026-11-22T14:00:21.000Z | 5 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 4 | A2 | registration_pending | registration_failed | device_not_found | attempt | - | 13
    20 | 2026-11-22T14:01:32.000Z | 6 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 5 | A3 | registration_pending | ready_for_user | device_already_registered | attempt | - | 19
    21 | 2026-11-22T14:01:41.000Z | 3 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 2 | A1 | ready_for_user | active | - | activity | - | -
    22 | 2026-11-22T14:15:00.000Z | 3 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 2 | A1 | active | inactive | - | activity | - | -
    23 | 2026-11-22T14:15:01.000Z | 5 | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 4 | A2 | registration_failed | registration_pending | - | retry | ann | -
    "#);
    insta::assert_snapshot!(trial.show("SELECT attempt_id, registration_id, serial_number, number, registrar, target,
        started_at, finished_at, outcome, error, error_details, request_id, correlation_id, answer
        FROM audit_attempts"), @r#"
    10 | 3 | A1 | 1 | embedded | registry.db | 2026-11-22T14:00:10.000Z | 2026-11-22T14:00:11.000Z | registered | - | - | - | c-1 | 200
    13 | 5 | A2 | 1 | embedded | registry.db | 2026-11-22T14:00:20.000Z | 2026-11-22T14:00:21.000Z | failed | device_not_found | We couldn't register this device because we could not find a match for the provided manufacturer, model, or serial number. Confirm these values with your device supplier. | dd-13 | c-1 | 200
    16 | 6 | A3 | 1 | embedded | registry.db | 2026-11-22T14:00:30.000Z | 2026-11-22T14:00:31.000Z | deferred | - | - | - | c-1 | 200
    19 | 6 | A3 | 2 | embedded | registry.db | 2026-11-22T14:01:31.000Z | 2026-11-22T14:01:32.000Z | already_registered | device_already_registered | This device is already registered to your organization. No further action required. It was registered on 2026-11-22 by line 2 of the file "devices.csv". | - | c-1 | 200
    "#);
    insta::assert_snapshot!(trial.show("SELECT * FROM audit_submissions"), @"01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | PO-1 | - | partner | utf-8 | , | 1c679dd80e833950f1bc885c73c95ecb054b52ded3fec47fca5cd6ab308ff75b | 100 | 2026-11-22T14:00:00.000Z | - | accepted | - | 4 | 1 | 2 | 1 | 1");
    insta::assert_snapshot!(trial.show("SELECT * FROM audit_deliveries"), @"8 | 2026-11-22T14:00:01.000Z | 01a2038e-7f00-79ee-b5d7-653e29b6e959 | contoso | devices.csv | 1c679dd80e833950f1bc885c73c95ecb054b52ded3fec47fca5cd6ab308ff75b | new | sftp | 2026-11-22T13:59:51.000Z");
    insta::assert_snapshot!(trial.show("SELECT * FROM audit_devices"), @"contoso | Contoso | Book | A1 | inactive | 2026-11-22T14:15:00.000Z | 2026-11-22T14:03:20.000Z | 3 | PO-1 | -");

    let rows = reader.rows(entry, None, 100).expect("rows");
    let told: Vec<_> = rows.iter().map(|row| (row.line, row.state, row.error.map(ErrorCode::code))).collect();
    assert_eq!(
        told,
        [
            (2, State::Inactive, None),
            (3, State::Failed, Some("row_not_valid")),
            (4, State::Pending, None),
            (5, State::Ready, Some("device_already_registered")),
        ]
    );
    let holder = rows[3].holder.as_ref().expect("a holder");
    assert_eq!((holder.registration, holder.line, holder.state), (ids[0], 2, State::Inactive));
    assert_eq!(reader.rows(entry, Some(rows[1].registration), 1).expect("a page")[0].line, 4);
    assert_eq!(reader.holder_of(&key("contoso"), &device("A1")).expect("asked").as_ref(), Some(holder));
    assert_eq!(reader.holder_of(&key("contoso"), &device("A3")).expect("asked"), None);
}

#[test]
fn nothing_of_a_file_shows_before_its_last_row_is_in() {
    let mut trial = Trial::new();
    let writer = trial.writer();
    let entry = writer.open_submission(submission("big.csv", "big", 3)).wait().expect("opened");
    writer.add_registrations(entry, vec![row(2, "A1"), row(3, "A2")]).wait().expect("added");
    let nothing = |trial: &Trial| {
        for view in View::ALL {
            if *view != View::Actions {
                let sql = format!("SELECT count(*) FROM {}", view.name());
                assert_eq!(trial.show(&sql), "0\n", "{}", view.name());
            }
        }
        assert!(trial.reader().next_due(&key("contoso"), at(9), 10, &[]).expect("asked").is_empty());
    };
    nothing(&trial);
    let refused = writer.start_call(call(5), vec![registration(3)]).wait();
    assert_eq!(refused, Err(Refusal::UnknownRegistration(registration(3)).into()));
    let early = writer.close_submission(entry, delivery("big.csv", 2), known("big.csv")).wait();
    assert_eq!(early, Err(Refusal::Rows { said: 3, added: 2 }.into()));
    drop(writer);

    trial.crash();
    trial.open();
    nothing(&trial);
    assert!(!trial.ledger().was_clean());
    let unfinished = trial.reader().unfinished_acceptances().expect("asked");
    assert_eq!((unfinished[0].submission.entry, unfinished[0].rows_in), (entry, 2));
    let writer = trial.writer();
    // Something else came between, so that the submission has two runs of registrations.
    trial.accept("small.csv", vec![row(2, "B1")]);
    writer.add_registrations(entry, vec![row(4, "A3")]).wait().expect("added");
    writer.close_submission(entry, delivery("big.csv", 2), known("big.csv")).wait().expect("closed");
    assert!(trial.reader().unfinished_acceptances().expect("asked").is_empty());
    assert_eq!(trial.show("SELECT count(*) FROM range"), "3\n");
    assert_eq!(
        trial.show("SELECT file, line, serial_number FROM audit_registrations ORDER BY registration_id"),
        "big.csv | 2 | A1\nbig.csv | 3 | A2\nsmall.csv | 2 | B1\nbig.csv | 4 | A3\n"
    );
    let lines: Vec<_> = trial.reader().rows(entry, None, 9).expect("rows").iter().map(|row| row.line).collect();
    assert_eq!(lines, [2, 3, 4]);
    let more = writer.add_registrations(entry, vec![row(5, "A4")]).wait();
    assert_eq!(more, Err(Refusal::Closed(entry).into()));
}

#[test]
fn what_is_passed_over_is_due_later_and_nothing_is_taken_twice() {
    let trial = Trial::new();
    trial.accept("a.csv", (2..8).map(|line| row(line, &format!("A{line}"))).collect());
    let reader = trial.reader();
    let due = |limit| -> Vec<_> {
        let due = reader.next_due(&key("contoso"), at(50), limit, &[]).expect("asked");
        due.iter().map(|due| due.registration).collect()
    };
    let ids = due(10);
    let started = trial.writer().start_call(call(10), vec![ids[3], ids[1]]).wait().expect("started");
    assert_eq!(due(10), [ids[4], ids[5], ids[0], ids[2]]);
    let twice = trial.writer().start_call(call(11), vec![ids[4], ids[1]]).wait();
    assert_eq!(twice, Err(Refusal::UnderWay(ids[1]).into()));
    let named_twice = trial.writer().start_call(call(11), vec![ids[0], ids[0]]).wait();
    assert_eq!(named_twice, Err(Refusal::UnderWay(ids[0]).into()));
    trial.writer().postpone(vec![(ids[0], at(70)), (ids[4], at(60))]).wait().expect("postponed");
    assert_eq!(due(10), [ids[5], ids[2]]);
    assert_eq!(trial.writer().postpone(vec![(ids[1], at(70))]).wait(), Err(Refusal::UnderWay(ids[1]).into()));

    let doubt = reader.in_doubt().expect("asked");
    let doubt: Vec<_> = doubt.iter().map(|doubt| (doubt.request.attempt, doubt.request.registration)).collect();
    assert_eq!(doubt, [(started.attempts[0], ids[3]), (started.attempts[1], ids[1])]);
    trial.writer().track(started.call, "t-9".into()).wait().expect("tracked");
    assert_eq!(reader.in_doubt().expect("asked")[0].tracking_id.as_deref(), Some("t-9"));
    trial
        .writer()
        .finish_attempts(vec![end(started.attempts[1], ids[1], 20, Outcome::Interrupted)])
        .wait()
        .expect("interrupted");
    let twice =
        trial.writer().finish_attempts(vec![end(started.attempts[1], ids[1], 21, Outcome::Registered)]).wait();
    assert_eq!(twice, Err(Refusal::UnknownAttempt(started.attempts[1]).into()));
    assert_eq!(reader.in_doubt().expect("asked").len(), 1);
    assert_eq!(reader.counts(None).expect("counts").under_way, 1);
    // All that is left, in one call.
    trial.attempt(&[ids[5], ids[2], ids[4], ids[0], ids[1]], 100, Outcome::Registered);
    assert!(due(10).is_empty());
    assert_eq!(trial.show("SELECT count(*) FROM cursor"), "0\n");
}

#[test]
fn the_last_row_of_a_file_can_be_put_off_before_it_was_ever_tried() {
    let trial = Trial::new();
    trial.accept("a.csv", vec![row(2, "A"), row(3, "A")]);
    let reader = trial.reader();
    let due = |second| -> Vec<_> {
        let due = reader.next_due(&key("contoso"), at(second), 9, &[]).expect("asked");
        due.iter().map(|due| due.registration).collect()
    };
    let ids = due(10);
    trial.attempt(&[ids[0]], 20, Outcome::Registered);
    // It is the next one in its file.
    trial.writer().postpone(vec![(ids[1], at(60))]).wait().expect("put off");
    assert!(reader.customers_due(at(30)).expect("customers").is_empty(), "nothing can be done now");
    assert_eq!(due(60), [ids[1]]);
    trial.attempt(&[ids[1]], 70, Outcome::Registered);
    assert!(reader.customers_due(at(80)).expect("customers").is_empty(), "nothing is left to be done");
}

#[test]
fn a_person_decides_what_no_registrar_can() {
    let trial = Trial::new();
    trial.accept("a.csv", vec![row(2, "A2"), row(3, "A3")]);
    let reader = trial.reader();
    let before = reader.next_due(&key("contoso"), at(50), 9, &[]).expect("due");
    let ids: Vec<_> = before.iter().map(|due| due.registration).collect();
    let writer = trial.writer();
    let early = writer.resolve(ids[0], Resolution::Registered, "said so".into(), "ann".into(), at(9)).wait();
    assert_eq!(early, Err(Refusal::NotUnderWay(ids[0]).into()));
    writer.start_call(call(10), ids.clone()).wait().expect("started");
    let resolve = |id, what| writer.resolve(id, what, "asked the vendor".into(), "ann".into(), at(60)).wait();
    resolve(ids[0], Resolution::Registered).expect("resolved");
    resolve(ids[1], Resolution::Retry).expect("resolved");
    let again = reader.next_due(&key("contoso"), at(60), 9, &[]).expect("due");
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].key, before[1].key, "the registrar must not take it for the same request");
    assert!(reader.in_doubt().expect("asked").is_empty());
    trial.attempt(&[ids[1]], 70, Outcome::Failed);
    insta::assert_snapshot!(trial.show("SELECT registration_id, from_state, to_state, error, cause, actor, attempt_id
        FROM audit_transitions WHERE cause <> 'received' ORDER BY seq"), @r"
    3 | registration_pending | ready_for_user | - | resolved | ann | 7
    4 | registration_pending | registration_failed | device_not_found | attempt | - | 15
    ");
    insta::assert_snapshot!(trial.show("SELECT actor, action, subject, reason FROM audit_actions"), @r"
    ann | resolve_registered | registration 3 | asked the vendor
    ann | resolve_retry | registration 4 | asked the vendor
    ");
    insta::assert_snapshot!(trial.show("SELECT registration_id, number, outcome FROM audit_attempts"), @r"
    3 | 1 | resolved
    4 | 1 | resolved
    4 | 2 | failed
    ");
}

#[test]
fn giving_up_tells_the_request_to_ask_support_about() {
    let trial = Trial::new();
    let entry = trial.accept("a.csv", vec![row(2, "A2")]);
    let id = trial.reader().next_due(&key("contoso"), at(50), 9, &[]).expect("due")[0].registration;
    trial.attempt(&[id], 10, Outcome::Deferred);
    trial.writer().gave_up(id, at(90_000), None).wait().expect("given up");
    let attempt = trial.show("SELECT max(attempt_id) FROM audit_attempts");
    let row = trial.reader().rows(entry, None, 9).expect("rows").remove(0);
    assert_eq!(row.request_id, Some(format!("dd-{}", attempt.trim())));
    insta::assert_snapshot!(trial.show("SELECT state, error, error_details, request_id FROM audit_registrations"), @"registration_failed | unexpected_error | Your request could not be automatically processed. Contact Support and provide the Request ID: dd-6. | dd-6");
    let again = trial.writer().gave_up(id, at(90_001), None).wait();
    assert!(matches!(again, Err(LedgerError::Refused(Refusal::Illegal(_)))), "{again:?}");
}

#[test]
fn the_same_file_again_moved_and_with_new_content() {
    let trial = Trial::new();
    let writer = trial.writer();
    let reader = trial.reader();
    let first = trial.accept("a.csv", vec![row(2, "A2"), bad_row(3)]);
    let id = reader.next_due(&key("contoso"), at(50), 9, &[]).expect("due")[0].registration;
    trial.attempt(&[id], 10, Outcome::Failed);
    let tried = writer.deliver_again(first, delivery("a.csv", 20), known("a.csv")).wait();
    assert_eq!(tried, Ok(1), "the bad row can't get better");
    trial.attempt(&[id], 30, Outcome::Failed);
    writer.moved(first, "a.csv".into(), delivery("b.csv", 40), known("b.csv")).wait().expect("moved");
    let known_files = reader.known_files(&key("contoso")).expect("known");
    assert_eq!(known_files.len(), 1);
    assert_eq!(known_files[0].file, known("b.csv"));
    // New content at the old path doesn't supersede what was moved away; at the new one it does.
    trial.accept("a.csv", vec![row(2, "C1")]);
    assert_eq!(reader.counts(None).expect("counts").superseded, 0);
    let newer = trial.accept("b.csv", vec![row(2, "C2")]);
    let counts = reader.counts(Some(&key("contoso"))).expect("counts");
    assert_eq!((counts.superseded, counts.failed, counts.accepted), (2, 0, 3));
    assert_eq!(writer.retry(Selection::default(), "ann".into(), at(60)).wait(), Ok(0));
    let all = Selection { superseded: true, customer: Some(key("contoso")), ..Selection::default() };
    assert_eq!(writer.retry(all, "ann".into(), at(60)).wait(), Ok(1));
    trial.attempt(&[id], 70, Outcome::Failed);
    // The first content comes back: it is what lies there now.
    writer.deliver_again(first, delivery("b.csv", 80), known("b.csv")).wait().expect("again");
    let newest = |entry| reader.submission(entry).expect("asked").expect("there").tally.expect("closed").superseded;
    assert!(!newest(first) && newest(newer));
    assert_eq!(
        trial.show("SELECT kind, file FROM audit_deliveries ORDER BY seq"),
        "new | a.csv\nagain | a.csv\nmoved | b.csv\nnew | a.csv\nnew | b.csv\nagain | b.csv\n"
    );
}

#[test]
fn a_rejected_file_is_judged_anew() {
    let trial = Trial::new();
    let reject = |content: &str, name: &str| {
        let mut new = submission("a.csv", content, 0);
        new.id = submission(name, name, 0).id;
        trial
            .writer()
            .reject(new, "The headings differ.".into(), delivery("a.csv", 1), known("a.csv"))
            .wait()
            .expect("rejected")
    };
    let first = reject("bad", "1");
    let second = reject("bad", "2");
    let reader = trial.reader();
    let judging = |entry| reader.submission(entry).expect("asked").expect("there").judging;
    assert_eq!((judging(first), judging(second)), (1, 2));
    let newest = reader.submission_of(&key("contoso"), "a.csv", &Sha256::of(b"bad")).expect("asked").expect("there");
    assert_eq!(newest.entry, second);
    assert_eq!(reader.submission_by_id(newest.id).expect("asked").map(|found| found.entry), Some(second));
    assert_eq!(reader.newest_submission(&key("contoso"), "a.csv").expect("asked"), Some(newest));
    let owed = reader.owed(None).expect("owed");
    assert_eq!(
        owed.iter().map(|owed| (owed.kind, owed.newest)).collect::<Vec<_>>(),
        [(OwedKind::Final, false), (OwedKind::Final, true)]
    );
    insta::assert_snapshot!(trial.show("SELECT file, outcome, rejection, rows, pending, completed_at
        FROM audit_submissions"), @r"
    a.csv | rejected | The headings differ. | 0 | 0 | 2026-11-22T14:00:01.000Z
    a.csv | rejected | The headings differ. | 0 | 0 | 2026-11-22T14:00:01.000Z
    ");
    assert_eq!(reader.totals(&key("contoso"), at(0)).expect("totals").files, 2);
    assert_eq!(reader.totals(&key("contoso"), at(1)).expect("totals").files, 0);
}

#[test]
fn a_result_is_owed_until_that_very_one_is_paid() {
    let trial = Trial::new();
    let writer = trial.writer();
    let reader = trial.reader();
    let entry = trial.accept("a.csv", vec![row(2, "A2"), row(3, "A3")]);
    let owed = || reader.owed(Some(&key("contoso"))).expect("owed").pop();
    let first = owed().expect("the first one");
    assert_eq!((first.kind, first.tries), (OwedKind::First, 0));
    writer.unpaid(entry, "the folder is read-only".into()).wait().expect("noted");
    assert_eq!(owed().map(|owed| (owed.tries, owed.reason)), Some((1, Some("the folder is read-only".into()))));
    let ids: Vec<_> =
        reader.next_due(&key("contoso"), at(2), 9, &[]).expect("due").iter().map(|due| due.registration).collect();
    trial.attempt(&ids[..1], 10, Outcome::Registered);
    writer
        .result_written(NewResult {
            at: at(11),
            submission: entry,
            file: "a.result.csv".into(),
            sha256: Sha256::of(b"r"),
            last: false,
        })
        .wait()
        .expect("on record");
    writer.pay(entry, first.version).wait().expect("paid, but not what came since");
    let second = owed().expect("the change since");
    assert_eq!((second.kind, second.tries), (OwedKind::Refresh, 0));
    trial.attempt(&ids[1..], 20, Outcome::Registered);
    let third = owed().expect("the final one");
    assert_eq!(third.kind, OwedKind::Final);
    writer.pay(entry, third.version).wait().expect("paid");
    assert_eq!(owed(), None);
    writer.owe(entry, OwedKind::Refresh, at(90)).wait().expect("owed again");
    assert!(owed().is_some());
    assert!(trial.show("SELECT file, final FROM audit_results").starts_with("a.result.csv | 0"));
}

#[test]
fn a_device_given_up_is_nobodys() {
    let trial = Trial::new();
    trial.accept("a.csv", vec![row(2, "A2")]);
    let reader = trial.reader();
    let id = reader.next_due(&key("contoso"), at(2), 9, &[]).expect("due")[0].registration;
    let release =
        || trial.writer().release(key("contoso"), device("A2"), "ann".into(), at(30)).wait().expect("asked");
    assert_eq!(release(), None);
    assert_eq!(reader.pending_of_device(&key("contoso"), &device("A2")).expect("asked"), [id]);
    trial.attempt(&[id], 10, Outcome::Registered);
    assert_eq!(reader.pending_of_device(&key("contoso"), &device("A2")).expect("asked"), []);
    assert_eq!(reader.registrations_of(&key("contoso"), &device("A2")).expect("asked"), [id]);
    trial.writer().seen(vec![(id, at(20))], at(21)).wait().expect("seen");
    let unseen = |before: i64, except: &[CustomerKey]| reader.unseen_since(at(before), 9, except).expect("asked");
    let [one] = unseen(21, &[]).try_into().expect("one device");
    assert_eq!(unseen(21, &[one.customer]).len(), 0, "nobody knows whether it was used");
    assert_eq!(unseen(21, &["another".parse().expect("a key")]).len(), 1);
    assert_eq!(unseen(20, &[]).len(), 0);
    assert_eq!(release(), Some(id));
    assert_eq!(unseen(21, &[]).len(), 0);
    assert_eq!(trial.show("SELECT count(*) FROM audit_devices"), "0\n");
    assert_eq!(reader.holder_of(&key("contoso"), &device("A2")).expect("asked"), None);
}

#[test]
fn looking_up_names_its_columns() {
    let trial = Trial::new();
    trial.accept("a.csv", (2..7).map(|line| row(line, &format!("A{line}"))).collect());
    let reader = trial.reader();
    let mut lookup = Lookup {
        view: View::Registrations,
        filters: vec![View::Registrations.filter("serial_number", Test::Begins("A".into())).expect("a column")],
        limit: 2,
        after: None,
        newest_first: true,
    };
    let serial = |rows: &[Vec<Cell>]| rows.iter().map(|row| row[9].clone()).collect::<Vec<_>>();
    let page = reader.lookup(&lookup).expect("a page");
    assert_eq!(serial(&page), [Cell::Text("A6".into()), Cell::Text("A5".into())]);
    lookup.after = Some(page[1][0].clone());
    assert_eq!(serial(&reader.lookup(&lookup).expect("a page"))[0], Cell::Text("A4".into()));
    for view in View::ALL {
        let lookup = Lookup { view: *view, filters: vec![], limit: 1, after: None, newest_first: false };
        reader.lookup(&lookup).expect("every view can be asked");
        let told = trial.foreign();
        let told = told.prepare(&format!("SELECT * FROM {}", view.name())).expect("a view");
        assert_eq!(told.column_names().collect::<Vec<_>>(), view.columns(), "{}", view.name());
    }
    let wrong = View::Refusals.filter("nonsense", Test::Empty).expect_err("no such column");
    insta::assert_snapshot!(wrong, @r#"audit_refusals has no column "nonsense"; it has: seq, at, customer, file, reason"#);
    let is = |column, cell| View::Registrations.filter(column, Test::Is(cell)).expect("a column");
    lookup.after = None;
    lookup.filters = vec![is("serial_number", Cell::Text("A3".into())), is("line", Cell::Integer(3))];
    assert_eq!(reader.lookup(&lookup).expect("one").len(), 1);
}

#[test]
fn refusals_are_on_record_once() {
    let trial = Trial::new();
    let refuse = |reason: &str, second| {
        trial.writer().refuse(key("contoso"), "a.xlsx".into(), reason.into(), at(second)).wait().expect("noted")
    };
    assert!(refuse("not a CSV", 1));
    assert!(!refuse("not a CSV", 2));
    assert!(refuse("a second hard link", 3));
    let action = NewAction { at: at(4), actor: "daemon".into(), action: "start".into(), subject: None, reason: None };
    trial.writer().act(action).wait().expect("noted");
    assert_eq!(trial.show("SELECT file, reason FROM audit_refusals").lines().count(), 2);
    assert_eq!(trial.show("SELECT actor, action FROM audit_actions"), "daemon | start\n");
}
