//! The system calls on files and sockets, as x86-64 numbers them: where each has its file, and what it is good for.

use nix::libc;

/// What a call is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It changes a file, a folder or the other end of a socket, or opens what may be made by that.
    Changes,
    /// It brings to the disk what was changed.
    Syncs,
    /// It looks, and changes nothing that outlives the process.
    Looks,
}

/// Where a call has its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A descriptor, first.
    Fd,
    /// A descriptor, fifth.
    Mapped,
    /// A path, first.
    Path,
    /// A folder's descriptor and a path, first and second.
    At,
    /// The same, third and fourth: where something goes to.
    AtTo,
}

/// The call with this number, if it is one on files or sockets.
pub(super) fn shape(number: u64) -> Option<(&'static str, Shape, Kind)> {
    let number = i64::try_from(number).ok()?;
    let found =
        CHANGES.iter().find(|(one, ..)| *one == number).map(|(_, name, shape)| (*name, *shape, Kind::Changes));
    let found = found
        .or_else(|| SYNCS.iter().find(|(one, _)| *one == number).map(|(_, name)| (*name, Shape::Fd, Kind::Syncs)));
    found.or_else(|| {
        LOOKS.iter().find(|(one, ..)| *one == number).map(|(_, name, shape)| (*name, *shape, Kind::Looks))
    })
}

const CHANGES: [(libc::c_long, &str, Shape); 33] = [
    (libc::SYS_write, "write", Shape::Fd),
    (libc::SYS_writev, "writev", Shape::Fd),
    (libc::SYS_pwrite64, "pwrite64", Shape::Fd),
    (libc::SYS_pwritev, "pwritev", Shape::Fd),
    (libc::SYS_ftruncate, "ftruncate", Shape::Fd),
    (libc::SYS_truncate, "truncate", Shape::Path),
    (libc::SYS_fallocate, "fallocate", Shape::Fd),
    (libc::SYS_copy_file_range, "copy_file_range", Shape::Fd),
    (libc::SYS_sendfile, "sendfile", Shape::Fd),
    (libc::SYS_open, "open", Shape::Path),
    (libc::SYS_creat, "creat", Shape::Path),
    (libc::SYS_openat, "openat", Shape::At),
    (libc::SYS_openat2, "openat2", Shape::At),
    (libc::SYS_mkdir, "mkdir", Shape::Path),
    (libc::SYS_mkdirat, "mkdirat", Shape::At),
    (libc::SYS_rmdir, "rmdir", Shape::Path),
    (libc::SYS_unlink, "unlink", Shape::Path),
    (libc::SYS_unlinkat, "unlinkat", Shape::At),
    (libc::SYS_rename, "rename", Shape::Path),
    (libc::SYS_renameat, "renameat", Shape::AtTo),
    (libc::SYS_renameat2, "renameat2", Shape::AtTo),
    (libc::SYS_link, "link", Shape::Path),
    (libc::SYS_linkat, "linkat", Shape::AtTo),
    (libc::SYS_symlinkat, "symlinkat", Shape::At),
    (libc::SYS_chmod, "chmod", Shape::Path),
    (libc::SYS_fchmod, "fchmod", Shape::Fd),
    (libc::SYS_fchmodat, "fchmodat", Shape::At),
    (libc::SYS_fchown, "fchown", Shape::Fd),
    (libc::SYS_fchownat, "fchownat", Shape::At),
    (libc::SYS_utimensat, "utimensat", Shape::At),
    (libc::SYS_bind, "bind", Shape::Fd),
    (libc::SYS_sendto, "sendto", Shape::Fd),
    (libc::SYS_sendmsg, "sendmsg", Shape::Fd),
];

const SYNCS: [(libc::c_long, &str); 4] = [
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_sync_file_range, "sync_file_range"),
    (libc::SYS_syncfs, "syncfs"),
];

const LOOKS: [(libc::c_long, &str, Shape); 32] = [
    (libc::SYS_read, "read", Shape::Fd),
    (libc::SYS_readv, "readv", Shape::Fd),
    (libc::SYS_pread64, "pread64", Shape::Fd),
    (libc::SYS_close, "close", Shape::Fd),
    (libc::SYS_lseek, "lseek", Shape::Fd),
    (libc::SYS_stat, "stat", Shape::Path),
    (libc::SYS_lstat, "lstat", Shape::Path),
    (libc::SYS_fstat, "fstat", Shape::Fd),
    (libc::SYS_newfstatat, "newfstatat", Shape::At),
    (libc::SYS_statx, "statx", Shape::At),
    (libc::SYS_statfs, "statfs", Shape::Path),
    (libc::SYS_fstatfs, "fstatfs", Shape::Fd),
    (libc::SYS_access, "access", Shape::Path),
    (libc::SYS_faccessat, "faccessat", Shape::At),
    (libc::SYS_faccessat2, "faccessat2", Shape::At),
    (libc::SYS_readlink, "readlink", Shape::Path),
    (libc::SYS_readlinkat, "readlinkat", Shape::At),
    (libc::SYS_getdents64, "getdents64", Shape::Fd),
    (libc::SYS_fcntl, "fcntl", Shape::Fd),
    (libc::SYS_flock, "flock", Shape::Fd),
    (libc::SYS_ioctl, "ioctl", Shape::Fd),
    (libc::SYS_fadvise64, "fadvise64", Shape::Fd),
    (libc::SYS_mmap, "mmap", Shape::Mapped),
    (libc::SYS_inotify_add_watch, "inotify_add_watch", Shape::Fd),
    (libc::SYS_listen, "listen", Shape::Fd),
    (libc::SYS_accept4, "accept4", Shape::Fd),
    (libc::SYS_connect, "connect", Shape::Fd),
    (libc::SYS_recvfrom, "recvfrom", Shape::Fd),
    (libc::SYS_recvmsg, "recvmsg", Shape::Fd),
    (libc::SYS_shutdown, "shutdown", Shape::Fd),
    (libc::SYS_setsockopt, "setsockopt", Shape::Fd),
    (libc::SYS_getsockopt, "getsockopt", Shape::Fd),
];
