//! The drop folder itself, and the folders in it.

use super::*;

#[test]
fn a_folder_inside_is_an_order_id_even_if_it_is_called_like_a_csv() {
    let mut scene = Scene::new();
    for folder in ["PO-4711", "x.csv", "_old", ".hidden", "Archief"] {
        fs::create_dir(scene.path(folder)).unwrap();
        scene.write(&format!("{folder}/a.csv"), "x\n");
    }
    assert_eq!(sorted(scene.settled()), ["new PO-4711/a.csv: x order PO-4711", "new x.csv/a.csv: x order x.csv"]);
}

#[test]
fn a_folder_that_vanished_is_offline_and_comes_back_by_itself() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.settled();
    let aside = scene.outer.join("aside");
    fs::rename(&scene.folder, &aside).unwrap();
    assert!(matches!(scene.pass().offline, Some(Offline::Missing(_))));
    fs::rename(&aside, &scene.folder).unwrap();
    assert!(scene.pass().offline.is_none());
    assert_eq!(scene.settled(), [""; 0]);
}

#[test]
fn an_empty_mount_point_is_offline() {
    let mut scene = Scene::new();
    scene.desk.folder = Some(FolderId { dev: 1, ino: 1 });
    for _ in 0..3 {
        assert!(matches!(scene.pass().offline, Some(Offline::EmptyMountPoint)));
    }
    assert_eq!(scene.desk.folder, Some(FolderId { dev: 1, ino: 1 }));
    scene.write("a.csv", "x\n");
    assert!(scene.pass().offline.is_none(), "something lies in it, and it was seen before");
}

#[test]
fn another_folder_is_used_once_it_was_seen_twice() {
    let mut scene = Scene::new();
    scene.pass();
    fs::rename(&scene.folder, scene.outer.join("aside")).unwrap();
    fs::create_dir(&scene.folder).unwrap();
    scene.write("a.csv", "x\n");
    assert!(matches!(scene.pass().offline, Some(Offline::Replaced)));
    assert!(scene.pass().offline.is_none());
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn a_remount_keeps_the_folder_whatever_its_file_systems_number() {
    let mut scene = Scene::new();
    scene.pass();
    let id = scene.desk.folder.unwrap();
    scene.desk.folder = Some(FolderId { dev: id.dev + 1, ..id });
    scene.restart();
    assert!(scene.pass().offline.is_none());
    assert_eq!(scene.desk.folder, Some(id));
}

#[test]
fn a_link_in_the_folders_place_is_refused() {
    let mut scene = Scene::new();
    scene.pass();
    let aside = scene.outer.join("aside");
    fs::rename(&scene.folder, &aside).unwrap();
    fs::write(aside.join("a.csv"), "x\n").unwrap();
    std::os::unix::fs::symlink(&aside, &scene.folder).unwrap();
    for _ in 0..3 {
        assert!(matches!(scene.after(SETTLE).offline, Some(Offline::NotAFolder(path)) if path == scene.folder));
    }
    assert_eq!(scene.desk.heard, [""; 0]);
}

#[test]
fn files_settle_on_while_their_folder_is_away() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.pass();
    let aside = scene.outer.join("aside");
    fs::rename(&scene.folder, &aside).unwrap();
    assert!(scene.after(SETTLE).offline.is_some());
    fs::rename(&aside, &scene.folder).unwrap();
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn our_own_outputs_are_looked_at_once_and_never_taken() {
    let mut scene = Scene::new();
    for name in ["a.result.csv", "A.RESULT-2.CSV", "a.receipt.json", ".a.csv", "~a.csv", "a.csv.part", "a.tmp"] {
        scene.write(name, "x\n");
    }
    let told = ["refused A.RESULT-2.CSV: named_as_result", "refused a.result.csv: named_as_result"];
    assert_eq!(sorted(scene.run(Duration::from_mins(2))), told, "we wrote neither");
    let looks = scene.desk.looks;
    assert_eq!(scene.run(Duration::from_mins(10)), [""; 0]);
    assert_eq!(scene.desk.looks, looks);
}

/// All that the system tells of comes in one order, so a ring of our own doing would come before the other's.
#[test]
fn a_pass_has_its_folders_watched_and_rings_no_bell_itself() {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    let mut scene = Scene::new();
    fs::create_dir(scene.path("PO-1")).unwrap();
    scene.write("PO-1/a.csv", "x\n");
    let (rang, rings) = channel();
    let rang = Mutex::new(rang);
    let watch = Watch::new(std::sync::Arc::new(move |key: &CustomerKey| {
        rang.lock().unwrap().send(key.to_string()).unwrap_or(());
    }));
    scene.inbox = CustomerInbox::new(scene.settings.clone(), scene.archive.clone(), watch.clone());
    let other = scene.outer.join("other");
    fs::create_dir(&other).unwrap();
    watch.arm(&CustomerKey::parse("other").unwrap(), &other, FolderId { dev: 0, ino: 0 }, std::time::Duration::ZERO);
    assert_eq!(scene.settled(), ["new PO-1/a.csv: x order PO-1"]);
    fs::write(other.join("x"), "").unwrap();
    assert_eq!(rings.recv_timeout(Duration::from_secs(20)).unwrap(), "other");
    while rings.try_recv().is_ok() {}
    scene.write("PO-1/b.csv", "x\n");
    while rings.recv_timeout(Duration::from_secs(20)).unwrap() != "contoso" {}
}
