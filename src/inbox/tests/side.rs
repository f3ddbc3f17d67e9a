//! Markers and order files.

use devicedrop_core::device::Sha256;

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
fn a_marker_counts_for_what_it_was_written_after() {
    let mut scene = with_marker();
    scene.write("a.csv", "x\n");
    scene.write("a.csv.done", "");
    scene.settled();
    tick(&scene, "a.csv.done", || scene.write("a.csv", "y\n"));
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::OldMarker)]);
    scene.write("a.csv.done", "");
    assert_eq!(scene.settled(), ["new a.csv: y"]);
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
    assert_eq!(scene.why(), [("a.csv".into(), Why::OldMarker)]);
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
    for bad in ["{", "[]", r#"{"order_id": 1}"#, r#"{"orderid": "1"}"#, &" ".repeat(70_000)] {
        let mut scene = Scene::new();
        scene.write("a.order.json", bad);
        scene.write("a.csv", "x\n");
        assert_eq!(scene.settled(), [""; 0]);
        assert_eq!(scene.why(), [("a.csv".into(), Why::BadOrderFile)]);
        assert_eq!(scene.run(Duration::from_secs(61)), ["refused a.csv: bad_order_file"]);
        fs::remove_file(scene.path("a.order.json")).unwrap();
        assert_eq!(scene.settled(), ["new a.csv: x"]);
    }
}

#[test]
fn an_order_file_that_is_a_link_is_none() {
    let mut scene = Scene::new();
    fs::write(scene.outer.join("other.json"), r#"{"order_id": "secret"}"#).unwrap();
    std::os::unix::fs::symlink(scene.outer.join("other.json"), scene.path("a.order.json")).unwrap();
    scene.write("a.csv", "x\n");
    assert_eq!(scene.settled(), ["new a.csv: x"]);
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
