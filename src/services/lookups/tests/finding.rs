//! What a text finds.

use super::*;

fn find(scene: &Scene, text: &str) -> String {
    let columns =
        ["received_at", "registration_id", "customer", "file", "line", "serial_number", "state", "request_id"];
    scene.show(Subject::Find { text: text.into() }, Filters::default(), &columns)
}

#[test]
fn a_text_finds_the_best_first_and_each_once() {
    let scene = Scene::new();
    assert_snapshot!(find(&scene, "A1"), @r"
    11 | fabrikam | A1.csv | 3 | A1 | registration_pending | null
    3 | contoso | PO-7/devices.csv | 2 | A1 | active | null
    2026-11-22T14:00:02.000Z | fabrikam | A1.csv
    10 | fabrikam | A1.csv | 2 | A1X | registration_pending | null
    5 | contoso | PO-7/devices.csv | 4 | A10 | registration_failed | dd-21
    ");
    assert_snapshot!(find(&scene, "A"), @r"
    11 | fabrikam | A1.csv | 3 | A1 | registration_pending | null
    10 | fabrikam | A1.csv | 2 | A1X | registration_pending | null
    5 | contoso | PO-7/devices.csv | 4 | A10 | registration_failed | dd-21
    4 | contoso | PO-7/devices.csv | 3 | A2 | registration_failed | req-1
    3 | contoso | PO-7/devices.csv | 2 | A1 | active | null
    ");
    assert_eq!(find(&scene, "B"), "");
    assert_eq!(find(&scene, ""), "");
}

#[test]
fn orders_and_files_are_found() {
    let scene = Scene::new();
    assert_snapshot!(find(&scene, "PO-7"), @"2026-11-22T14:00:01.000Z | contoso | PO-7/devices.csv");
    assert_snapshot!(find(&scene, "PO-9"), @"5 | contoso | PO-7/devices.csv | 4 | A10 | registration_failed | dd-21");
    assert_eq!(find(&scene, "devices.csv"), find(&scene, "PO-7/devices.csv"));
    assert_eq!(find(&scene, "devices.csv").lines().count(), 1);
    assert_eq!(find(&scene, "evices.csv"), "");
}

#[test]
fn request_ids_are_found_the_registrars_and_ours() {
    let scene = Scene::new();
    assert_snapshot!(find(&scene, "req-1"), @r"
    4 | contoso | PO-7/devices.csv | 3 | A2 | registration_failed | req-1
    3 | contoso | PO-7/devices.csv | 2 | A1 | active | null
    ");
    let failed = scene.all(Subject::Attempts, from(20));
    let ours = format!("dd-{}", failed[0][0].1);
    assert_snapshot!(find(&scene, &ours), @"5 | contoso | PO-7/devices.csv | 4 | A10 | registration_failed | dd-21");
    assert_eq!(find(&scene, "dd-0"), "");
    assert_eq!(find(&scene, "dd-x"), "");
}

#[test]
fn submission_ids_are_found_in_any_case() {
    let scene = Scene::new();
    let id = SubmissionId::from_parts(u64::try_from(at(2).unix_ms()).unwrap(), [7; 10]).to_string();
    assert_snapshot!(find(&scene, &id), @"2026-11-22T14:00:02.000Z | fabrikam | A1.csv");
    assert_eq!(find(&scene, &id.to_uppercase()), find(&scene, &id));
}

#[test]
fn a_customer_and_a_time_narrow_it() {
    let scene = Scene::new();
    let count = |filters| scene.all(Subject::Find { text: "A1".into() }, filters).len();
    assert_eq!(count(Filters::default()), 5);
    assert_eq!(count(of("fabrikam")), 3);
    assert_eq!(count(from(101)), 1);
}
