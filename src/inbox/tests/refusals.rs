//! Nobody is left without an answer.

use std::os::unix::fs::PermissionsExt;

use super::*;

const MINUTE: Duration = Duration::from_secs(61);

#[test]
fn a_second_hard_link_waits_and_is_refused_after_a_minute() {
    let mut scene = Scene::new();
    fs::write(scene.outer.join("mine"), "secret\n").unwrap();
    fs::hard_link(scene.outer.join("mine"), scene.path("a.csv")).unwrap();
    assert_eq!(scene.run(Duration::from_secs(59)), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::SecondLink)]);
    assert_eq!(scene.run(MINUTE), ["refused a.csv: second_link"]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::SecondLink)]);
    assert_eq!(scene.desk.feeds, 0);
    fs::remove_file(scene.outer.join("mine")).unwrap();
    assert_eq!(scene.settled(), ["no longer refused a.csv", "new a.csv: secret"]);
}

#[test]
fn a_hard_link_to_a_taken_file_changes_nothing() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.settled();
    fs::hard_link(scene.path("a.csv"), scene.outer.join("backup")).unwrap();
    assert_eq!(scene.run(MINUTE), [""; 0]);
    fs::remove_file(scene.outer.join("backup")).unwrap();
    assert_eq!(scene.settled(), ["touched a.csv"]);
}

#[test]
fn what_looks_like_an_attempt_is_answered_once_until_it_changes() {
    let mut scene = Scene::new();
    let deepest = format!("PO-1{}", "/d".repeat(DEEPEST - 1));
    for folder in ["PO-1/inner/deeper", "PO-1/archief", &format!("{deepest}/d")] {
        fs::create_dir_all(scene.path(folder)).unwrap();
    }
    scene.write("a.xlsx", "x\n");
    scene.write("b.csv.txt", "x\n");
    scene.write("c.txt", "Manufacturer\tModel\n");
    scene.write("d.txt", "hello\n");
    scene.write("e.pdf", "x\n");
    let deep = ["f.csv", "g.xlsx", "deeper/h.csv", "deeper/i.csv.txt"].map(|name| format!("PO-1/inner/{name}"));
    for path in deep.iter().chain(&["PO-1/archief/j.csv".to_owned()]) {
        scene.write(path, "x\n");
    }
    scene.write("PO-1/inner/deeper/k.tsv", "Model\tSerial Number\n");
    scene.write("PO-1/inner/deeper/l.tsv", "hello\n");
    scene.write(&format!("{deepest}/m.csv"), "x\n");
    scene.write(&format!("{deepest}/d/n.csv"), "x\n");
    assert_eq!(scene.run(Duration::from_secs(59)), [""; 0]);
    let all = [
        &format!("refused {deepest}/m.csv: too_deep"),
        "refused PO-1/inner/deeper/h.csv: too_deep",
        "refused PO-1/inner/deeper/i.csv.txt: too_deep",
        "refused PO-1/inner/deeper/k.tsv: too_deep",
        "refused PO-1/inner/f.csv: too_deep",
        "refused PO-1/inner/g.xlsx: too_deep",
        "refused a.xlsx: not_a_csv",
        "refused b.csv.txt: not_a_csv",
        "refused c.txt: not_a_csv",
    ];
    assert_eq!(sorted(scene.run(Duration::from_secs(1))), all);
    assert_eq!(scene.run(MINUTE), [""; 0]);
    scene.write("a.xlsx", "xy\n");
    assert_eq!(scene.run(MINUTE), ["refused a.xlsx: not_a_csv"]);
    scene.restart();
    assert_eq!(sorted(scene.run(MINUTE)), all, "said again after a start");
}

#[test]
fn a_file_that_we_may_not_open_is_refused_after_a_minute_and_taken_once_we_may() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    fs::set_permissions(scene.path("a.csv"), fs::Permissions::from_mode(0o000)).unwrap();
    as_nobody(&mut scene, |scene| {
        assert!(File::open(scene.path("a.csv")).is_err());
        assert_eq!(scene.run(MINUTE + SETTLE * 2), ["refused a.csv: unreadable"]);
        assert_eq!(scene.why(), [("a.csv".into(), Why::Unreadable)]);
    });
    fs::set_permissions(scene.path("a.csv"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(scene.settled(), ["no longer refused a.csv", "new a.csv: x"]);
}

#[test]
fn a_folder_that_we_may_not_look_into_is_answered_until_we_may() {
    for mode in [0o000, 0o644] {
        let mut scene = Scene::new();
        fs::create_dir(scene.path("PO-1")).unwrap();
        scene.write("PO-1/a.csv", "x\n");
        fs::set_permissions(scene.path("PO-1"), fs::Permissions::from_mode(mode)).unwrap();
        as_nobody(&mut scene, |scene| {
            assert_eq!(scene.run(Duration::from_secs(59)), [""; 0]);
            assert_eq!(scene.why(), [("PO-1".into(), Why::FolderUnreadable)], "mode {mode:o}");
            assert_eq!(scene.run(MINUTE), ["refused PO-1: folder_unreadable"]);
            assert_eq!(scene.run(MINUTE), [""; 0]);
        });
        fs::set_permissions(scene.path("PO-1"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(scene.settled(), ["no longer refused PO-1", "new PO-1/a.csv: x order PO-1"]);
    }
}

#[test]
fn a_result_that_its_sender_changed_is_answered_once() {
    use std::os::unix::fs::MetadataExt;
    let mut scene = Scene::new();
    let ours = |scene: &mut Scene, name: &str, content: &str| {
        scene.write(name, content);
        let found = fs::metadata(scene.path(name)).unwrap();
        let mtime = found.mtime_nsec() + found.mtime() * 1_000_000_000;
        let hash = devicedrop_core::device::Sha256::of(content.as_bytes());
        scene.desk.wrote.insert(DropPath::file(name.as_bytes()), (mtime, hash));
    };
    ours(&mut scene, "a.result.csv", "ours\n");
    ours(&mut scene, "b.result.csv", "ours\n");
    scene.write("c.result.csv", "somebody else's\n");
    assert_eq!(scene.run(MINUTE * 2), ["refused c.result.csv: named_as_result"]);
    scene.write("a.result.csv", "changed\n");
    assert_eq!(scene.run(Duration::from_secs(59)), [""; 0], "it may be about to change more");
    assert_eq!(scene.run(MINUTE), ["refused a.result.csv: result_changed"]);
    let looks = scene.desk.looks;
    assert_eq!(scene.run(MINUTE * 10), [""; 0]);
    assert_eq!(scene.desk.looks, looks, "it isn't looked at again and again");
    scene.set_mtime("b.result.csv", 5);
    assert_eq!(scene.run(MINUTE * 2), [""; 0], "touched and the same");
    scene.restart();
    let both = ["refused a.result.csv: result_changed", "refused c.result.csv: named_as_result"];
    assert_eq!(sorted(scene.run(MINUTE * 2)), both, "said again after a start");
    scene.write("a.result.csv", "ours\n");
    assert_eq!(scene.run(MINUTE * 2), ["no longer refused a.result.csv"]);
}

#[test]
fn a_paused_customers_files_are_counted_and_left() {
    let mut scene = Scene::with(|settings| settings.paused = true);
    scene.write("a.csv", "x\n");
    scene.write("b.xlsx", "x\n");
    assert_eq!(scene.run(MINUTE * 2), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::Paused), ("b.xlsx".into(), Why::Paused)]);
    scene.settings.paused = false;
    scene.inbox.reconfigure(scene.settings.clone());
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn whose_file_cannot_be_asked_about_the_longer_time_holds() {
    if !rustix::process::geteuid().is_root() {
        return; // a file of another user's takes root to make
    }
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    as_nobody(&mut scene, |scene| {
        assert_eq!(scene.run(Duration::from_millis(9_999)), [""; 0]);
        assert_eq!(scene.run(Duration::from_millis(1)), ["new a.csv: x"]);
    });
}

/// Does something without root's rights, to which nothing is forbidden: on a thread that gives them up, alone.
fn as_nobody(scene: &mut Scene, does: impl FnOnce(&mut Scene) + Send) {
    if !rustix::process::geteuid().is_root() {
        return does(scene);
    }
    for folder in [scene.outer.clone(), scene.outer.join("originals")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
    std::thread::scope(|scope| {
        let work = || {
            let nobody = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            does(scene);
        };
        scope.spawn(work).join().unwrap();
    });
}

#[test]
fn another_mistake_is_another_answer_after_another_minute() {
    let mut scene = Scene::new();
    scene.write("a.order.json", "{");
    scene.write("a.csv", "x\n");
    assert_eq!(scene.run(MINUTE * 2), ["refused a.csv: bad_order_file"]);
    scene.write("a.order.json", "[]");
    assert_eq!(scene.run(Duration::from_secs(59)), ["no longer refused a.csv"]);
    assert_eq!(scene.run(MINUTE), ["refused a.csv: bad_order_file"]);
}

#[test]
fn a_list_of_devices_under_another_name_is_told_by_the_customers_own_headings_too() {
    let mut scene = Scene::with(|settings| settings.headings = ["Hersteller", "Modell"].map(Into::into).into());
    scene.write("own.txt", "Pos;Hersteller;Modell\n1;2;3\n");
    scene.write("ours.tsv", "sep=\t\nModel\tSerial Number\n");
    scene.write("letter.txt", "Dear all,\n");
    assert_eq!(
        sorted(scene.run(Duration::from_mins(2))),
        ["refused ours.tsv: not_a_csv", "refused own.txt: not_a_csv"]
    );
    let mut scene = Scene::new();
    scene.write("own.txt", "Pos;Hersteller;Modell\n1;2;3\n");
    assert_eq!(scene.run(Duration::from_mins(2)), [""; 0]);
    scene.settings.headings = ["Hersteller", "Modell"].map(Into::into).into();
    scene.inbox.reconfigure(scene.settings.clone());
    assert_eq!(scene.run(Duration::from_mins(2)), ["refused own.txt: not_a_csv"]);
}

#[test]
fn while_a_customer_is_paused_what_is_no_csv_waits_like_what_is_one() {
    let mut scene = Scene::with(|settings| settings.paused = true);
    for (name, text) in [("a.csv", "x\n"), ("a.xlsx", "PK"), ("a.txt", "Model,Manufacturer\n"), ("b.txt", "Dear\n")] {
        scene.write(name, text);
    }
    assert_eq!(scene.run(Duration::from_mins(5)), [""; 0]);
    let mut why = scene.why();
    why.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(why, ["a.csv", "a.txt", "a.xlsx"].map(|name| (name.to_owned(), Why::Paused)));
    scene.settings.paused = false;
    scene.inbox.reconfigure(scene.settings.clone());
    assert_eq!(
        sorted(scene.run(Duration::from_mins(2))),
        ["new a.csv: x", "refused a.txt: not_a_csv", "refused a.xlsx: not_a_csv"]
    );
}
