//! Rehearsals: taken like other files, kept nowhere, and answered anew only when they change.

use super::*;

#[test]
fn a_rehearsal_is_taken_like_any_other_file_and_not_kept() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("PO-1")).unwrap();
    scene.write("a.check.csv", "a\n");
    scene.write("PO-1/B.CHECK.CSV", "b\n");
    assert_eq!(sorted(scene.settled()), ["rehearsed PO-1/B.CHECK.CSV: b", "rehearsed a.check.csv: a"]);
    assert_eq!(scene.archived(), 0);
    assert!(scene.settled().is_empty());
    scene.restart();
    assert!(scene.settled().is_empty(), "what was answered isn't answered again");
}

#[test]
fn a_rehearsal_is_answered_again_when_it_is_written_again_and_not_when_it_is_touched() {
    let mut scene = Scene::new();
    scene.write("a.check.csv", "a\n");
    scene.settled();
    scene.write("a.check.csv", "b\n");
    assert_eq!(scene.settled(), ["rehearsed a.check.csv: b"]);
    scene.set_mtime("a.check.csv", 1_000);
    assert_eq!(scene.settled(), ["rehearsed a.check.csv: b"], "delivered again");
    let path = scene.path("a.check.csv");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(&path, permissions).unwrap();
    assert_eq!(scene.settled(), ["touched a.check.csv"]);
}

#[test]
fn a_rehearsal_waits_for_no_marker_and_no_order_file() {
    let mut scene = Scene::with(|settings| {
        settings.completion = Completion::Marker;
        settings.order_files = OrderFiles::Required;
    });
    scene.write("a.check.csv", "a\n");
    scene.write("a.csv", "a\n");
    scene.write("a.check.order.json", "not json");
    assert_eq!(scene.settled(), ["rehearsed a.check.csv: a"]);
}

#[test]
fn a_rehearsal_keeps_to_the_limits() {
    let mut scene = Scene::with(|settings| settings.max_file_size = 3);
    scene.desk.hold = Some(Hold::DayLimit);
    scene.write("a.check.csv", "a\n");
    scene.write("long.check.csv", "abcd\n");
    assert_eq!(scene.settled(), ["rehearsed long.check.csv: 5 > 3"]);
    assert_eq!(scene.why(), [("a.check.csv".to_owned(), Why::Held(Hold::DayLimit))]);
    scene.desk.hold = None;
    assert_eq!(scene.run(Duration::from_secs(15)), ["rehearsed a.check.csv: a"]);
}

#[test]
fn a_rehearsal_that_could_not_be_answered_is_answered_later() {
    let mut scene = Scene::new();
    scene.desk.unanswered = Some(Hold::Unanswered);
    scene.write("a.check.csv", "a\n");
    scene.pass();
    scene.clock.advance(SETTLE);
    assert_eq!(scene.why(), [("a.check.csv".to_owned(), Why::Held(Hold::Unanswered))]);
    assert_eq!(scene.run(Duration::from_secs(15)), ["rehearsed a.check.csv: a"]);
}

#[test]
fn a_rehearsal_that_looks_cut_off_is_waited_for() {
    let mut scene = Scene::new();
    scene.write("a.check.csv", "a\nb");
    assert!(scene.settled().is_empty());
    assert_eq!(scene.run(Duration::from_secs(20)), ["rehearsed a.check.csv: a|b"]);
}

#[test]
fn a_rehearsal_that_is_renamed_to_be_registered_is_new() {
    let mut scene = Scene::new();
    scene.write("a.check.csv", "a\n");
    scene.settled();
    fs::rename(scene.path("a.check.csv"), scene.path("a.csv")).unwrap();
    assert_eq!(scene.settled(), ["new a.csv: a"]);
    fs::rename(scene.path("a.csv"), scene.path("b.check.csv")).unwrap();
    assert_eq!(scene.settled(), ["rehearsed b.check.csv: a"]);
}

#[test]
fn a_rehearsal_that_lies_too_deep_or_has_a_second_link_is_told_so() {
    let mut scene = Scene::new();
    fs::create_dir_all(scene.path("PO-1/deep")).unwrap();
    scene.write("PO-1/deep/a.check.csv", "a\n");
    scene.write("b.check.csv", "b\n");
    fs::hard_link(scene.path("b.check.csv"), scene.outer.join("second")).unwrap();
    let heard = sorted(scene.run(Duration::from_mins(2)));
    assert_eq!(heard, ["refused PO-1/deep/a.check.csv: too_deep", "refused b.check.csv: second_link"]);
}
