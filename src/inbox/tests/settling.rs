//! When a file is taken.

use devicedrop_core::settle::Unsettled;

use super::*;

#[test]
fn a_file_is_taken_once_it_was_quiet_and_never_twice() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    let first = scene.pass();
    assert_eq!((first.delivered, first.next), (0, SETTLE));
    assert_eq!(first.waiting[0].why, Why::Unsettled(Unsettled::Changed));
    assert_eq!(scene.after(SETTLE).delivered, 1);
    assert_eq!(scene.run(Duration::from_mins(5)), ["new a.csv: x"]);
    scene.restart();
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.archived(), 1);
}

#[test]
fn every_change_begins_the_quiet_time_anew() {
    let mut scene = Scene::new();
    scene.write("a.csv", "1\n");
    scene.pass();
    for content in ["1\n2\n", "1\n2\n3\n"] {
        scene.write("a.csv", content);
        assert_eq!(scene.after(SETTLE).delivered, 0);
    }
    assert_eq!(scene.settled(), ["new a.csv: 1|2|3"]);
}

#[test]
fn a_copy_whose_size_is_set_first_is_not_taken_early() {
    let mut scene = Scene::new();
    let mut file = File::create(scene.path("a.csv")).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(scene.run(Duration::from_secs(30)), [""; 0], "open for writing, whatever its size");
    file.write_all(b"a,b\n").unwrap();
    drop(file);
    assert_eq!(scene.settled(), ["new a.csv: a,b"]);
}

#[test]
fn a_slow_writer_is_waited_for_and_a_program_that_keeps_the_file_open_is_not() {
    let mut scene = Scene::new();
    let writer = append(&scene.path("a.csv"), "x\n");
    assert_eq!(scene.run(Duration::from_secs(59)), [""; 0]);
    let report = scene.pass();
    assert_eq!(report.waiting[0].why, Why::Unsettled(Unsettled::HeldOpen));
    assert_eq!(report.next, SETTLE);
    assert_eq!(scene.after(SETTLE).delivered, 1);
    drop(writer);
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn a_file_that_is_closed_is_taken_without_waiting_on() {
    let mut scene = Scene::new();
    let writer = append(&scene.path("a.csv"), "x\n");
    scene.run(Duration::from_secs(20));
    drop(writer);
    assert_eq!(scene.pass().delivered, 1);
}

#[test]
fn a_content_in_doubt_waits_longer_and_then_is_judged_as_it_is() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\ny");
    assert_eq!(scene.run(Duration::from_secs(9)), [""; 0]);
    assert_eq!(scene.archived(), 0, "nothing of it was kept");
    assert_eq!(scene.why(), [("a.csv".into(), Why::Unsettled(Unsettled::Doubtful))]);
    assert_eq!(scene.desk.feeds, 1, "it was read once");
    assert_eq!(scene.run(Duration::from_secs(1)), ["new a.csv: x|y"]);
}

#[test]
fn a_doubt_is_over_when_the_rest_arrives() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\ny");
    scene.settled();
    drop(append(&scene.path("a.csv"), "z\n"));
    assert_eq!(scene.settled(), ["new a.csv: x|yz"]);
}

#[test]
fn an_empty_file_gets_the_longer_time_to_be_filled() {
    let mut scene = Scene::new();
    scene.write("a.csv", "");
    assert_eq!(scene.run(Duration::from_secs(9)), [""; 0]);
    scene.write("a.csv", "x\n");
    assert_eq!(scene.settled(), ["new a.csv: x"]);
    scene.write("b.csv", "");
    assert_eq!(scene.run(Duration::from_secs(11)), ["new b.csv: "]);
}

#[test]
fn a_file_that_changes_while_it_is_read_goes_back_to_settling() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.set_mtime("a.csv", 1_000);
    scene.pass();
    let path = scene.path("a.csv");
    scene.desk.meanwhile = Some(Meanwhile(Box::new(move || {
        fs::write(&path, "y\n").unwrap();
        // The forger puts the time back; only the ctime tells.
        let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    })));
    assert_eq!(scene.after(SETTLE).delivered, 0);
    assert_eq!(scene.archived(), 0);
    assert_eq!(scene.settled(), ["new a.csv: y"]);
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_not_taken_for_the_new_one() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.pass();
    let (path, aside) = (scene.path("a.csv"), scene.outer.join("aside"));
    scene.desk.meanwhile = Some(Meanwhile(Box::new(move || {
        fs::write(&aside, "y\n").unwrap();
        fs::rename(&aside, &path).unwrap();
    })));
    assert_eq!(scene.after(SETTLE).delivered, 0);
    assert_eq!(scene.settled(), ["new a.csv: y"]);
}

#[test]
fn a_burst_of_two_thousand_files_is_taken_whole() {
    let mut scene = Scene::new();
    for number in 0..2_000 {
        scene.write(&format!("{number}.csv"), "x\n");
    }
    let report = scene.pass();
    assert_eq!((report.waiting_total, report.waiting.len()), (2_000, PassReport::MAX_WAITING));
    assert_eq!(scene.after(SETTLE).delivered, 2_000);
    assert_eq!(scene.settled().len(), 2_000);
    assert_eq!(scene.archived(), 1);
}

#[test]
fn a_hold_and_a_pause_keep_files_until_they_end() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.desk.hold = Some(Hold::DayLimit);
    assert_eq!(scene.settled(), [""; 0]);
    assert_eq!(scene.why(), [("a.csv".into(), Why::Held(Hold::DayLimit))]);
    scene.desk.hold = None;
    scene.settings.paused = true;
    scene.inbox.reconfigure(scene.settings.clone());
    assert_eq!(scene.settled(), [""; 0]);
    scene.settings.paused = false;
    scene.inbox.reconfigure(scene.settings.clone());
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn a_desk_that_fails_ends_the_pass_and_the_file_is_taken_at_the_next_start() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    scene.pass();
    scene.desk.fails = true;
    scene.clock.advance(SETTLE);
    let error = scene.inbox.pass(&mut scene.desk, &scene.clock).unwrap_err();
    assert_eq!(error.into_inner().to_string(), "the ledger is gone");
    scene.desk.fails = false;
    scene.restart();
    assert_eq!(scene.settled(), ["new a.csv: x"]);
}

#[test]
fn an_archive_that_cannot_be_written_keeps_files_waiting() {
    let mut scene = Scene::new();
    scene.write("a.csv", "x\n");
    fs::remove_dir_all(scene.outer.join("originals")).unwrap();
    scene.pass();
    let report = scene.after(SETTLE);
    assert!(report.trouble.is_some());
    assert_eq!(report.waiting[0].why, Why::Archive);
}
