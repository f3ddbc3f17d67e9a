//! Markers and order files.

use devicedrop_core::device::Sha256;
use devicedrop_core::order::{BadOrderFile, JsonKind, OrderKey, OrderProblem};

use super::*;

fn with_marker() -> Scene {
    Scene::with(|settings| settings.completion = Completion::Marker)
}

fn with_order() -> Scene {
    Scene::with(|settings| settings.order_files = OrderFiles::Required)
}

#[test]
fn a_file_waits_for_its_marker() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    assert_eq!(scene.run(Duration::from_mins(5)), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::NoMarker)]);
    scene.write("a.csv.done", "");
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn a_marker_that_never_comes_is_told_of_after_an_hour() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    assert_eq!(scene.run(Duration::from_mins(59)), [""; 0]);
    assert_eq!(scene.run(Duration::from_mins(2)), ["refused a.csv: no_marker"]);
    assert_eq!(scene.run(Duration::from_mins(5)), [""; 0], "once");
    scene.write("a.csv.done", "");
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

/// What we wrote beside a file, as the desk knows it.
fn answer(scene: &mut Scene, name: &str) {
    use std::os::unix::fs::MetadataExt;
    scene.write(name, "answer\n");
    let mtime_ns = fs::metadata(scene.path(name)).unwrap();
    let mtime_ns = mtime_ns.mtime() * 1_000_000_000 + mtime_ns.mtime_nsec();
    scene.desk.wrote.insert(DropPath::file(name.as_bytes()), (mtime_ns, Sha256::of(b"answer\n")));
}

#[test]
fn another_content_without_its_marker_is_told_that_it_waits_where_an_answer_stands() {
    for name in ["a.result.csv", "a.result-2.csv"] {
        let mut scene = with_marker();
        scene.write("a.csv", "x\n");
        scene.write("a.csv.done", "");
        scene.settled();
        // Somebody else's, at the result's own name.
        scene.write("a.result.csv", "theirs\n");
        answer(&mut scene, name);
        fs::remove_file(scene.path("a.csv.done")).unwrap();
        scene.write("a.csv", "z\n");
        assert_eq!(scene.settled(), [""; 0]);
        assert_eq!(scene.why(), [("a.csv".into(), Why::NoMarker)]);
        let heard = scene.run(Duration::from_secs(61));
        assert!(heard.contains(&"refused a.csv: no_marker".to_owned()), "{heard:?}");
        // What lay there before comes back, as if it had never been away.
        scene.write("a.csv", "x\n");
        scene.write("a.csv.done", "");
        assert_eq!(scene.settled(), ["no longer refused a.csv", "again a.csv: x"]);
    }
}

#[test]
fn the_same_content_without_its_marker_keeps_its_answer() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.settled();
    answer(&mut scene, "a.result.csv");
    fs::remove_file(scene.path("a.csv.done")).unwrap();
    scene.write("a.csv", "x\n");
    scene.set_mtime("a.csv", 1_000);
    assert_eq!(scene.run(Duration::from_hours(2)), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::NoMarker)]);
}

#[test]
fn what_was_told_of_a_marker_changes_with_it() {
    let mut scene = with_marker();
    scene.write("a.csv.done", "");
    scene.write("a.csv", "x\n");
    tick(&scene, "a.csv.done", || scene.write("a.csv", "x\n"));
    assert_eq!(scene.run(Duration::from_secs(63)), ["refused a.csv: old_marker"]);
    answer(&mut scene, "a.result.csv");
    fs::remove_file(scene.path("a.csv.done")).unwrap();
    let heard = scene.run(Duration::from_secs(70));
    assert_eq!(heard, ["no longer refused a.csv", "refused a.csv: no_marker"]);
}

#[test]
fn what_comes_back_with_its_old_times_is_answered_again() {
    let mut scene = with_order();
    scene.write("a.order.json", r#"{"order_id": "1"}"#);
    scene.write("a.csv", "x\n");
    scene.set_mtime("a.csv", 1_000);
    assert_eq!(scene.settled(), ["new a.csv: x order 1"]);
    answer(&mut scene, "a.result.csv");
    fs::remove_file(scene.path("a.order.json")).unwrap();
    fs::rename(scene.path("a.csv"), scene.outer.join("aside")).unwrap();
    scene.write("a.csv", "y\n");
    let heard = scene.run(Duration::from_secs(63));
    assert!(heard.contains(&"refused a.csv: no_order_file".to_owned()), "{heard:?}");
    fs::rename(scene.outer.join("aside"), scene.path("a.csv")).unwrap();
    assert_eq!(scene.settled(), ["no longer refused a.csv", "again a.csv: x"]);
    scene.inbox.memory.forget_remembered();
    assert_eq!(scene.settled(), [""; 0], "and then it is as it was");
}

#[test]
fn a_marker_counts_for_what_it_was_written_after() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.settled();
    tick(&scene, "a.csv.done", || scene.write("a.csv", "y\n"));
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::SpentMarker)]);
    assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: spent_marker"]);
    assert_eq!(scene.run(Duration::from_mins(5)), [""; 0], "once");
    scene.write("a.csv.done", "");
    assert_eq!(scene.settled(), ["new a.csv: y"]);
}

#[test]
fn a_marker_that_was_there_before_the_file_counts_for_nothing() {
    let mut scene = with_marker();
    scene.write("a.csv.done", "");
    scene.write("a.csv", "x\n");
    tick(&scene, "a.csv.done", || scene.write("a.csv", "x\n"));
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::OldMarker)]);
    assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: old_marker"]);
    scene.write("a.csv.done", "");
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn a_marker_counts_once() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.settled();
    // Within one tick of the file system's clock a rewritten file looks as old as its marker.
    for known in scene.desk.known.values_mut() {
        known.stamp.mtime_ns -= 1;
    }
    scene.restart();
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::SpentMarker)]);
}

#[test]
fn a_hash_in_a_marker_must_be_the_files() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", &format!("{}  a.csv\n", Sha256::of(b"other\n")));
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::OtherContent)]);
    assert_eq!(scene.desk.feeds, 1, "it isn't read again and again");
    assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: other_content"]);
    scene.write("a.csv.done", &Sha256::of(b"x\n").to_string());
    assert_eq!(scene.settled(), ["new a.csv: x"]);
    assert_eq!(scene.archived(), 1);
}

#[test]
fn a_marker_that_is_being_written_is_waited_for() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    let marker = append(&scene.path("a.csv.done"), "");
    assert_eq!(scene.run(Duration::from_secs(30)), [""; 0]);
    drop(marker);
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn a_changed_mode_needs_no_marker() {
    use std::os::unix::fs::PermissionsExt;
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.settled();
    fs::set_permissions(scene.path("a.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.settled(), ["touched a.csv"]);
}

#[test]
fn an_order_file_goes_before_the_folders_name() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("PO-1")).unwrap();
    scene.write("PO-1/a.order.json", "\u{feff}{\"order_id\": \"O 1\", \"purchase_id\": \"P/1\"}");
    scene.write("PO-1/a.csv", "x\n");
    scene.write("PO-1/b.order.json", r#"{"purchase_id": "P/2"}"#);
    scene.write("PO-1/b.csv", "x\n");
    assert_eq!(
        sorted(scene.settled()),
        ["new PO-1/a.csv: x order O 1 purchase P/1", "new PO-1/b.csv: x order PO-1 purchase P/2"]
    );
}

#[test]
fn an_order_file_counts_for_one_submission() {
    let mut scene = with_order();
    scene.write("a.csv", "x\n");
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::NoOrderFile)]);
    scene.write("a.order.json", r#"{"order_id": "1"}"#);
    assert_eq!(scene.settled(), ["new a.csv: x order 1"]);
    scene.write("a.csv", "y\n");
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.desk.feeds, 2, "read once to see that it is new");
    assert_eq!(scene.run(Duration::from_secs(30)), [""; 0]);
    assert_eq!(scene.run(Duration::from_secs(31)), ["refused a.csv: spent_order_file"]);
    assert_eq!(scene.desk.feeds, 2);
    scene.write("a.order.json", r#"{"order_id": "22"}"#);
    assert_eq!(scene.settled(), ["new a.csv: y order 22"]);
}

#[test]
fn what_is_on_record_already_needs_no_new_order_file() {
    let mut scene = with_order();
    scene.write("a.order.json", r#"{"order_id": "1"}"#);
    scene.write("a.csv", "x\n");
    scene.settled();
    scene.set_mtime("a.csv", 5);
    assert_eq!(scene.settled(), ["again a.csv: x"]);
    fs::rename(scene.path("a.csv"), scene.path("b.csv")).unwrap();
    assert_eq!(scene.settled(), ["moved from a.csv b.csv: x"]);
}

#[test]
fn an_order_file_that_is_none_is_told_of() {
    let long = " ".repeat(70_000);
    let problems = [
        ("{", OrderProblem::NotJson { line: 1, column: 1 }),
        ("", OrderProblem::Empty),
        (r#"{"order_id": 1}"#, OrderProblem::NotAText { key: OrderKey::OrderId, found: JsonKind::Number }),
        (&long, OrderProblem::TooLarge { bytes: 70_000, limit: 65_536 }),
    ];
    for (text, problem) in problems {
        let mut scene = Scene::new();
        scene.write("a.order.json", text);
        scene.write("a.csv", "x\n");
        is_waited_for(&mut scene, problem);
        fs::remove_file(scene.path("a.order.json")).unwrap();
        assert_eq!(scene.settled(), ["new a.csv: x"]);
    }
}

fn is_waited_for(scene: &mut Scene, problem: OrderProblem) {
    assert_eq!(scene.settled(), [""; 0]);
    let bad = BadOrderFile {
        name: "a.order.json".into(),
        problem,
        can_be_left_out: scene.settings.order_files == OrderFiles::Optional,
    };
    assert_eq!(scene.why(), [("a.csv".into(), Why::BadOrderFile(bad))]);
    assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: bad_order_file"]);
}

/// Makes something at an order file's name, and the problem that it is.
type Making = (fn(&Scene), OrderProblem);

#[test]
fn what_has_an_order_files_name_and_is_none_is_told_of() {
    let makes: [Making; 4] = [
        (|scene| fs::create_dir(scene.path("a.order.json")).unwrap(), OrderProblem::NotAFile),
        (
            |scene| {
                fs::write(scene.outer.join("other"), r#"{"order_id": "secret"}"#).unwrap();
                fs::hard_link(scene.outer.join("other"), scene.path("a.order.json")).unwrap();
            },
            OrderProblem::SecondLink,
        ),
        (|scene| std::os::unix::fs::symlink("nowhere", scene.path("a.order.json")).unwrap(), OrderProblem::Link),
        (
            |scene| scene.write("A.ORDER.JSON", r#"{"order_id": "1"}"#),
            OrderProblem::OtherName { name: "A.ORDER.JSON".into() },
        ),
    ];
    for (make, problem) in makes {
        let mut scene = Scene::new();
        make(&scene);
        scene.write("a.csv", "x\n");
        is_waited_for(&mut scene, problem);
    }
    let mut scene = Scene::new();
    scene.write("A.ORDER.JSON", r#"{"order_id": "1"}"#);
    scene.write("a.csv", "x\n");
    scene.settled();
    fs::rename(scene.path("A.ORDER.JSON"), scene.path("a.order.json")).unwrap();
    assert_eq!(scene.settled(), ["new a.csv: x order 1"]);
}

#[test]
fn another_mode_makes_no_new_marker() {
    use std::os::unix::fs::PermissionsExt;
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.settled();
    scene.write("a.csv", "y\n");
    fs::set_permissions(scene.path("a.csv.done"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::SpentMarker)]);
}

#[test]
fn a_marker_that_goes_away_before_the_file_is_taken_counts_for_nothing() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.pass();
    fs::remove_file(scene.path("a.csv.done")).unwrap();
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::NoMarker)]);
}

#[test]
fn what_stands_at_a_markers_name_and_is_none_is_told_of() {
    let makes: [fn(&Scene); 3] = [
        |scene| std::os::unix::fs::symlink("a.csv", scene.path("a.csv.done")).unwrap(),
        |scene| fs::create_dir(scene.path("a.csv.done")).unwrap(),
        |scene| {
            fs::write(scene.outer.join("other"), "").unwrap();
            fs::hard_link(scene.outer.join("other"), scene.path("a.csv.done")).unwrap();
        },
    ];
    for make in makes {
        let mut scene = with_marker();
        scene.write("a.csv", "x\n");
        make(&scene);
        assert_eq!(scene.settled(), [""; 0]);
        assert_eq!(scene.why(), [("a.csv".into(), Why::UnusableMarker)]);
        assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: unusable_marker"]);
        fs::rename(scene.path("a.csv.done"), scene.outer.join("away")).unwrap();
        scene.write("a.csv.done", "");
        assert_eq!(scene.settled(), ["new a.csv: x"]);
    }
}

#[test]
fn what_was_meant_to_be_a_marker_is_told_of() {
    let nears = ["a.csv.DONE", "A.CSV.done", "a.done", "a.csv.done.txt", "a.csv .done", "a.csv.done ", "a.csv.ok"];
    for near in nears {
        let mut scene = with_marker();
        scene.write(near, "");
        scene.write("a.csv", "x\n");
        assert_eq!(scene.settled(), [""; 0], "{near}");
        let why = Why::OtherMarkerName { found: near.into(), expected: "a.csv.done".into() };
        assert_eq!(scene.why(), [("a.csv".into(), why)]);
        assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: other_marker_name"]);
        fs::rename(scene.path(near), scene.path("a.csv.done")).unwrap();
        assert_eq!(scene.settled(), ["new a.csv: x"]);
    }
    let mut scene = Scene::new();
    scene.write("a.csv.DONE", "");
    scene.write("a.csv", "x\n");
    assert_eq!(scene.settled(), ["new a.csv: x"], "no marker is needed");
}

#[test]
fn what_was_meant_to_be_an_order_file_is_told_of() {
    let nears = [
        "a.order.json.txt",
        "a.csv.order.json",
        "A.order.JSON",
        "a .order.json",
        "a.order.json ",
        "a.order.json.json",
        "a.order",
        "a-order.json",
        "a_order.json",
    ];
    for near in nears {
        let mut scene = Scene::new();
        scene.write(near, r#"{"order_id": "1"}"#);
        scene.write("a.csv", "x\n");
        is_waited_for(&mut scene, OrderProblem::OtherName { name: near.into() });
        fs::remove_file(scene.path(near)).unwrap();
        assert_eq!(scene.settled(), ["new a.csv: x"]);
    }
}

#[test]
fn other_json_counts_where_an_order_file_is_required() {
    for (mut scene, waits) in [(with_order(), true), (Scene::new(), false)] {
        scene.write("a.json", r#"{"order_id": "1"}"#);
        scene.write("a.csv", "x\n");
        if waits {
            is_waited_for(&mut scene, OrderProblem::OtherName { name: "a.json".into() });
        } else {
            assert_eq!(scene.settled(), ["new a.csv: x"]);
        }
    }
}

#[test]
fn what_is_another_files_to_the_letter_is_not_meant_for_this_one() {
    let mut scene = Scene::new();
    for name in ["a.csv", "A.csv", "a.csv.csv"] {
        scene.write(name, "x\n");
    }
    scene.write("A.order.json", r#"{"order_id": "1"}"#);
    scene.write("a.csv.order.json", r#"{"order_id": "2"}"#);
    assert_eq!(sorted(scene.settled()), ["new A.csv: x order 1", "new a.csv.csv: x order 2", "new a.csv: x"]);
}

#[test]
fn a_folder_with_a_blank_name_is_no_order_id() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path(" \u{a0}")).unwrap();
    scene.write(" \u{a0}/a.csv", "x\n");
    scene.write(" \u{a0}/b.order.json", r#"{"order_id": "1"}"#);
    scene.write(" \u{a0}/b.csv", "x\n");
    assert_eq!(scene.settled(), ["new  \u{a0}/b.csv: x order 1"]);
    assert_eq!(scene.why(), [(" \u{a0}/a.csv".into(), Why::BlankFolder)]);
    assert_eq!(scene.run(Duration::from_secs(61)), ["refused  \u{a0}/a.csv: blank_folder"]);
    fs::rename(scene.path(" \u{a0}"), scene.path("PO-1")).unwrap();
    assert!(scene.settled().contains(&"new PO-1/a.csv: x order PO-1".to_owned()));
}

/// Does `change` until the file system's clock has moved on since `file`'s last change.
fn tick(scene: &Scene, file: &str, change: impl Fn()) {
    use std::os::unix::fs::MetadataExt;
    let ctime = |name: &str| {
        let found = fs::metadata(scene.path(name)).unwrap();
        (found.ctime(), found.ctime_nsec())
    };
    let before = ctime(file);
    loop {
        change();
        if ctime("a.csv") > before {
            return;
        }
    }
}
