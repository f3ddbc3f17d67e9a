//! What a hostile sender may leave in a drop folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

#[test]
fn only_regular_files_are_taken() {
    let mut scene = Scene::new();
    fs::write(scene.outer.join("secret.csv"), "secret\n").unwrap();
    symlink(scene.outer.join("secret.csv"), scene.path("link.csv")).unwrap();
    symlink("nowhere", scene.path("dangling.csv")).unwrap();
    symlink("loop.csv", scene.path("loop.csv")).unwrap();
    symlink(&scene.outer, scene.path("PO-1")).unwrap();
    mknodat(CWD, scene.path("fifo.csv"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(scene.path("socket.csv")).unwrap();
    assert_eq!(scene.run(Duration::from_mins(3)), [""; 0]);
    assert_eq!(scene.archived(), 0);
}

#[test]
fn a_name_may_be_any_bytes() {
    let mut scene = Scene::new();
    for name in [&b"\xFF\xFE.csv"[..], b"a\nb.csv", b"\x1b[31m.csv", b" .CSV", b"-rf.csv"] {
        fs::write(scene.folder.join(OsStr::from_bytes(name)), "x\n").unwrap();
    }
    let heard = sorted(scene.settled());
    assert_eq!(
        heard,
        ["new \x1b[31m.csv: x", "new  .CSV: x", "new -rf.csv: x", "new \\xff\\xfe.csv: x", "new a\nb.csv: x"]
    );
}

/// Swaps file and link as fast as it can; the secret must never be read.
#[test]
fn a_link_that_is_swapped_in_is_never_followed() {
    let mut scene = Scene::with(|settings| settings.quiet.settle = Duration::ZERO);
    let secret = scene.outer.join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("a.csv"), "secret\n").unwrap();
    let (link, file, target) = (scene.outer.join("link"), scene.outer.join("file"), scene.path("a.csv"));
    let (folder_link, folder, inside) = (scene.outer.join("l"), scene.outer.join("f"), scene.path("PO"));
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let swapper = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            fs::write(&file, "good\n").unwrap();
            fs::rename(&file, &target).unwrap();
            symlink(secret.join("a.csv"), &link).unwrap();
            fs::rename(&link, &target).unwrap();
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("a.csv"), "good\n").unwrap();
            fs::rename(&folder, &inside).unwrap();
            fs::rename(&inside, &folder).unwrap();
            symlink(&secret, &folder_link).unwrap();
            fs::rename(&folder_link, &inside).unwrap();
            fs::remove_file(&inside).unwrap();
            fs::remove_dir_all(&folder).unwrap();
        }
    });
    // On a busy machine the other thread may hardly run; a file of its must have been seen for the race to count.
    let mut passes = 0;
    while passes < 3_000 || (scene.desk.heard.is_empty() && passes < 1_000_000) {
        scene.after(SETTLE);
        passes += 1;
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(!scene.desk.heard.is_empty(), "the race was run");
    assert_eq!(scene.desk.heard.iter().find(|heard| heard.contains("secret")), None);
}
