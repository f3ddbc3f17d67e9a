//! Lists: submissions, devices, attempts, histories.

use super::*;

#[test]
fn submissions_with_what_their_rows_came_to() {
    let scene = Scene::new();
    let columns = ["received_at", "customer", "file", "outcome", "rows", "pending", "ready", "failed"];
    let show = |filters| scene.show(Subject::Submissions, filters, &columns);
    assert_snapshot!(show(Filters::default()), @r"
    2026-11-22T14:00:03.000Z | fabrikam | broken.csv | rejected | 0 | 0 | 0 | 0
    2026-11-22T14:00:02.000Z | fabrikam | A1.csv | accepted | 2 | 2 | 0 | 0
    2026-11-22T14:00:01.000Z | contoso | PO-7/devices.csv | accepted | 4 | 0 | 1 | 3
    ");
    assert_snapshot!(show(of("contoso")), @"2026-11-22T14:00:01.000Z | contoso | PO-7/devices.csv | accepted | 4 | 0 | 1 | 3");
    assert_snapshot!(show(from(2)), @r"
    2026-11-22T14:00:03.000Z | fabrikam | broken.csv | rejected | 0 | 0 | 0 | 0
    2026-11-22T14:00:02.000Z | fabrikam | A1.csv | accepted | 2 | 2 | 0 | 0
    ");
    let files = |filters| scene.show(Subject::Submissions, filters, &["file"]);
    assert_eq!(files(in_state(State::Pending)), "A1.csv\n");
    assert_eq!(files(in_state(State::Failed)), "PO-7/devices.csv\n");
    assert_eq!(files(in_state(State::Active)), "PO-7/devices.csv\n");
    assert_eq!(files(in_state(State::Ready)), "", "its one is active");
    assert_eq!(files(with_error(ErrorCode::RowNotValid)), "PO-7/devices.csv\n");
    assert_eq!(files(with_error(ErrorCode::HardwareHashNotValid)), "");
    assert_eq!(files(with_error(ErrorCode::DeviceAlreadyRegistered)), "");
    assert_eq!(files(with_error(ErrorCode::FileNotValid)), "broken.csv\n");
}

#[test]
fn devices_and_rows_that_are_not_registered() {
    let scene = Scene::new();
    let columns =
        ["registration_id", "customer", "serial_number", "state", "error", "since", "last_seen", "order_id"];
    let show = |filters| scene.show(Subject::Devices { at: None }, filters, &columns);
    assert_snapshot!(show(Filters::default()), @"3 | contoso | A1 | active | 2026-11-22T14:01:41.000Z | 2026-11-22T14:01:40.000Z | PO-7");
    assert_snapshot!(show(in_state(State::Failed)), @r"
    6 | contoso | null | registration_failed | row_not_valid | 2026-11-22T14:00:01.000Z | PO-7
    5 | contoso | A10 | registration_failed | device_not_found | 2026-11-22T14:00:21.000Z | PO-9
    4 | contoso | A2 | registration_failed | device_not_found | 2026-11-22T14:00:11.000Z | PO-7
    ");
    assert_snapshot!(show(with_error(ErrorCode::DeviceNotFound)), @r"
    5 | contoso | A10 | registration_failed | device_not_found | 2026-11-22T14:00:21.000Z | PO-9
    4 | contoso | A2 | registration_failed | device_not_found | 2026-11-22T14:00:11.000Z | PO-7
    ");
    assert_snapshot!(show(in_state(State::Pending)), @r"
    11 | fabrikam | A1 | registration_pending | null | 2026-11-22T14:00:02.000Z | A1
    10 | fabrikam | A1X | registration_pending | null | 2026-11-22T14:00:02.000Z | A1
    ");
    assert_eq!(show(of("fabrikam")), "");
    assert_eq!(show(in_state(State::Ready)), "");
    assert_eq!(show(from(102)), "");
}

#[test]
fn devices_as_they_were() {
    let scene = Scene::new();
    scene.attempt(&[5 + 5], None, 150, &[Outcome::Registered]);
    scene.writer.unseen(vec![number(3)], at(200)).wait().unwrap();
    scene.writer.release(key("contoso"), device("A1"), "ann".into(), at(300)).wait().unwrap();
    let show = |second, filters| {
        let columns = ["registration_id", "serial_number", "state", "since", "last_seen", "order_id"];
        scene.show(Subject::Devices { at: Some(at(second)) }, filters, &columns)
    };
    let all = Filters::default;
    assert_eq!(show(10, all()), "", "under way");
    assert_snapshot!(show(11, all()), @"3 | A1 | ready_for_user | 2026-11-22T14:00:11.000Z | null | PO-7");
    assert_snapshot!(show(101, all()), @"3 | A1 | active | 2026-11-22T14:01:41.000Z | 2026-11-22T14:01:40.000Z | PO-7");
    assert_snapshot!(show(299, all()), @r"
    10 | A1X | ready_for_user | 2026-11-22T14:02:31.000Z | null | A1
    3 | A1 | inactive | 2026-11-22T14:03:20.000Z | 2026-11-22T14:01:40.000Z | PO-7
    ");
    assert_snapshot!(show(300, all()), @"10 | A1X | ready_for_user | 2026-11-22T14:02:31.000Z | null | A1");
    assert_eq!(show(299, of("contoso")).lines().count(), 1);
    assert_eq!(show(299, in_state(State::Inactive)).lines().count(), 1);
    assert_eq!(show(299, in_state(State::Active)), "");
    assert_eq!(show(299, from(200)).lines().count(), 1);
    let now = scene.all(Subject::Devices { at: None }, all());
    assert_eq!(
        scene.all(Subject::Devices { at: Some(at(9_999)) }, all()),
        now,
        "the present, out of the record alone"
    );
}

#[test]
fn attempts_with_their_ends() {
    let scene = Scene::new();
    let show = |filters| {
        let columns = ["attempt_id", "started_at", "customer", "serial_number", "outcome", "error", "request_id"];
        scene.show(Subject::Attempts, filters, &columns)
    };
    assert_snapshot!(show(Filters::default()), @r"
    21 | 2026-11-22T14:00:20.000Z | contoso | A10 | failed | device_not_found | dd-21
    17 | 2026-11-22T14:00:10.000Z | contoso | A2 | failed | device_not_found | req-1
    16 | 2026-11-22T14:00:10.000Z | contoso | A1 | registered | null | req-1
    ");
    assert_eq!(show(of("fabrikam")), "");
    assert_eq!(show(from(11)).lines().count(), 1);
    assert_eq!(show(with_error(ErrorCode::DeviceNotFound)).lines().count(), 2);
    assert_eq!(show(in_state(State::Active)).lines().count(), 1);
}

#[test]
fn a_history_of_all_that_has_a_serial_number() {
    let scene = Scene::new();
    let show = |serial: &str, filters| {
        let columns = ["seq", "at", "customer", "from_state", "to_state", "cause", "attempt_id", "request_id"];
        scene.show(Subject::History { serial_number: serial.into() }, filters, &columns)
    };
    assert_snapshot!(show("A1", Filters::default()), @r"
    3 | 2026-11-22T14:00:01.000Z | contoso | null | registration_pending | received | null | null
    11 | 2026-11-22T14:00:02.000Z | fabrikam | null | registration_pending | received | null | null
    18 | 2026-11-22T14:00:11.000Z | contoso | registration_pending | ready_for_user | attempt | 16 | req-1
    23 | 2026-11-22T14:01:41.000Z | contoso | ready_for_user | active | activity | null | null
    ");
    assert_eq!(show("A1", of("fabrikam")).lines().count(), 1);
    assert_eq!(show("A1", from(11)).lines().count(), 2);
    assert_eq!(show("a1", Filters::default()), "");
}
