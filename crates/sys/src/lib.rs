//! Asks the kernel whether anybody has a file open for writing, by a read lease; and tells the C library's allocator to
//! keep few heaps. No safe crate offers either; this is the workspace's only unsafe code, and nothing else belongs here.

mod heaps;

pub use heaps::{give_back, keep_few_heaps};

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

/// What the kernel says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Nobody has it open for writing. To be believed only on file systems that are known to know.
    None,
    /// Somebody has.
    Some,
    /// It doesn't say: we aren't the file's owner and lack CAP_LEASE, or the file system knows no leases.
    Untold,
}

/// Asks whether anybody has `file`, which must be open for reading only, open for writing.
///
/// The lease is taken and given back at once: while it is held, a writer's open waits, and a non-blocking one fails.
pub fn writers(file: impl AsFd) -> io::Result<Writers> {
    match Lease::take(file.as_fd()) {
        Ok(_held_no_longer_than_this) => Ok(Writers::None),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN) => Ok(Writers::Some),
            Some(libc::EACCES | libc::EPERM | libc::EINVAL | libc::EOPNOTSUPP | libc::ENOLCK | libc::ENOSYS) => {
                Ok(Writers::Untold)
            }
            _ => Err(error),
        },
    }
}

/// A read lease, given back when this is dropped.
struct Lease<'a> {
    file: BorrowedFd<'a>,
}

impl<'a> Lease<'a> {
    fn take(file: BorrowedFd<'a>) -> io::Result<Self> {
        ignore_sigio()?;
        set_lease(file, libc::F_RDLCK)?;
        Ok(Self { file })
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Fails only where there is no lease any more, which is what is wanted.
        drop(set_lease(self.file, libc::F_UNLCK));
    }
}

fn set_lease(file: BorrowedFd<'_>, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: F_SETLEASE takes an int and no pointer, so it reads and writes none of our memory; the descriptor is
    // open for the whole call because it is borrowed.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the process ignore SIGIO, which the kernel sends when a writer breaks a lease and which would end it.
fn ignore_sigio() -> io::Result<()> {
    static IGNORED: OnceLock<Result<(), i32>> = OnceLock::new();
    let ignored = IGNORED.get_or_init(|| {
        // SAFETY: SIG_IGN is no function of ours, so no code runs in a signal's context; nothing else in this
        // process sets or waits for SIGIO, so no handler is lost.
        let before = unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
        if before == libc::SIG_ERR { Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(()) }
    });
    ignored.map_err(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests;
