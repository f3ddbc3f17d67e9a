//! What the system says, asked of files that a test makes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use super::*;

/// A file on a file system that knows leases, wherever the machine keeps its temporary files.
fn file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all(b"x").unwrap();
    file
}

#[test]
fn a_writer_is_seen_for_as_long_as_it_has_the_file_open() {
    let path = file().into_temp_path();
    let reader = File::open(&path).unwrap();
    assert_eq!(writers(&reader).unwrap(), Writers::None);
    let writer = OpenOptions::new().append(true).open(&path).unwrap();
    assert_eq!(writers(&reader).unwrap(), Writers::Some);
    drop(writer);
    assert_eq!(writers(&reader).unwrap(), Writers::None);
}

#[test]
fn a_lease_is_not_left_behind() {
    let path = file().into_temp_path();
    let reader = File::open(&path).unwrap();
    assert_eq!(writers(&reader).unwrap(), Writers::None);
    OpenOptions::new().append(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
}

#[test]
fn a_writer_that_breaks_a_held_lease_does_not_end_the_process() {
    let path = file().into_temp_path();
    let reader = File::open(&path).unwrap();
    let lease = Lease::take(reader.as_fd()).unwrap();
    let open = || OpenOptions::new().append(true).custom_flags(libc::O_NONBLOCK).open(&path);
    // A non-blocking open begins the break, so that the kernel signals us, and doesn't wait for it.
    assert_eq!(open().unwrap_err().raw_os_error(), Some(libc::EWOULDBLOCK));
    drop(lease);
    open().unwrap();
}
