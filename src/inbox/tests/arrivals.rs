//! The same file again, in all its ways.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

fn taken(content: &str) -> Scene {
    let mut scene = Scene::new();
    scene.write("a.csv", content);
    scene.set_mtime("a.csv", 1_000);
    scene.settled();
    scene
}

#[test]
fn another_mtime_or_another_inode_is_a_delivery() {
    let mut scene = taken("x\n");
    scene.set_mtime("a.csv", 2_000);
    assert_eq!(scene.settled(), ["again a.csv: x"]);
    let aside = scene.outer.join("aside");
    fs::write(&aside, "x\n").unwrap();
    fs::rename(&aside, scene.path("a.csv")).unwrap();
    scene.set_mtime("a.csv", 2_000);
    assert_eq!(scene.settled(), ["again a.csv: x"]);
    assert_eq!(scene.archived(), 1);
}

#[test]
fn a_file_made_anew_under_the_old_inode_with_the_old_mtime_is_a_delivery() {
    let mut scene = taken("x\n");
    fs::remove_file(scene.path("a.csv")).unwrap();
    // Sent again by a program that keeps times. Whether the inode is used again is the file system's whim, so the
    // record is made to say so.
    scene.write("a.csv", "x\n");
    scene.set_mtime("a.csv", 1_000);
    let ino = fs::metadata(scene.path("a.csv")).unwrap().ino();
    scene.desk.known.values_mut().for_each(|known| known.stamp.ino = ino);
    assert_eq!(scene.settled(), ["again a.csv: x"]);
}

#[test]
fn another_mode_is_no_delivery() {
    let mut scene = taken("x\n");
    fs::set_permissions(scene.path("a.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.settled(), ["touched a.csv"]);
    assert_eq!(scene.settled(), [""; 0]);
}

#[test]
fn a_rewriting_that_forges_size_and_mtime_is_found() {
    let mut scene = taken("x\n");
    scene.write("a.csv", "y\n");
    scene.set_mtime("a.csv", 1_000);
    assert_eq!(scene.settled(), ["new a.csv: y"]);
}

#[test]
fn a_writer_that_was_seen_makes_a_delivery_of_what_looks_like_a_touch() {
    let mut scene = taken("x\n");
    let writer = append(&scene.path("a.csv"), "");
    fs::set_permissions(scene.path("a.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.settled(), [""; 0]);
    drop(writer);
    assert_eq!(scene.settled(), ["again a.csv: x"]);
}

#[test]
fn contents_that_come_back_are_told_apart_from_those_that_stayed() {
    let mut scene = taken("A\n");
    for (content, heard) in [("B\n", "new a.csv: B"), ("A\n", "back a.csv: A"), ("A\n", "again a.csv: A")] {
        fs::remove_file(scene.path("a.csv")).unwrap();
        scene.pass();
        scene.write("a.csv", content);
        assert_eq!(scene.settled(), [heard]);
    }
}

#[test]
fn a_moved_file_is_moved_and_not_delivered() {
    let mut scene = taken("x\n");
    fs::create_dir(scene.path("PO-1")).unwrap();
    fs::rename(scene.path("a.csv"), scene.path("PO-1/b.csv")).unwrap();
    assert_eq!(scene.settled(), ["moved from a.csv PO-1/b.csv: x order PO-1"]);
    fs::rename(scene.path("PO-1"), scene.path("PO-2")).unwrap();
    assert_eq!(scene.settled(), ["moved from PO-1/b.csv PO-2/b.csv: x order PO-2"]);
}

#[test]
fn a_move_over_another_known_file_is_a_move() {
    let mut scene = taken("x\n");
    scene.write("b.csv", "y\n");
    scene.settled();
    fs::rename(scene.path("a.csv"), scene.path("b.csv")).unwrap();
    assert_eq!(scene.settled(), ["moved from a.csv b.csv: x"]);
}

#[test]
fn a_copy_under_another_name_is_new() {
    let mut scene = taken("x\n");
    fs::copy(scene.path("a.csv"), scene.path("b.csv")).unwrap();
    scene.set_mtime("b.csv", 1_000);
    assert_eq!(scene.settled(), ["new b.csv: x"]);
}

#[test]
fn a_moved_file_that_was_changed_is_new() {
    let mut scene = taken("x\n");
    fs::rename(scene.path("a.csv"), scene.path("b.csv")).unwrap();
    scene.write("b.csv", "y\n");
    scene.set_mtime("b.csv", 1_000);
    assert_eq!(scene.settled(), ["new b.csv: y"]);
}

#[test]
fn a_remount_is_no_delivery() {
    let mut scene = taken("x\n");
    for known in scene.desk.known.values_mut() {
        known.stamp.dev += 1;
    }
    scene.restart();
    assert_eq!(scene.settled(), ["touched a.csv"]);
    assert_eq!(scene.desk.feeds, 1, "it wasn't read again");
}

#[test]
fn a_file_restored_to_another_file_system_is_no_delivery() {
    let mut scene = taken("x\n");
    for known in scene.desk.known.values_mut() {
        known.stamp = Stamp { dev: 1, ino: 1, ctime_ns: 1, born_ns: None, ..known.stamp };
    }
    scene.restart();
    assert_eq!(scene.settled(), ["touched a.csv"]);
}

#[test]
fn a_deleted_file_changes_nothing() {
    let mut scene = taken("x\n");
    fs::remove_file(scene.path("a.csv")).unwrap();
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.archived(), 1);
}

#[test]
fn a_file_over_the_limit_is_rejected_unread() {
    let mut scene = Scene::with(|settings| settings.max_file_size = 3);
    let file = File::create(scene.path("a.csv")).unwrap();
    file.set_len(1 << 40).unwrap();
    drop(file);
    assert_eq!(scene.settled(), ["too large a.csv: 1099511627776 > 3"]);
    fs::set_permissions(scene.path("a.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.settled(), ["touched a.csv"]);
    scene.write("a.csv", "x\n");
    assert_eq!(scene.settled(), ["new a.csv: x"]);
    assert_eq!(scene.desk.feeds, 1);
}
