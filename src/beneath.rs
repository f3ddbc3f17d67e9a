//! Opening and looking beneath a drop folder, by descriptors only: no path that a sender could redirect is ever
//! followed. What is done with what is found is the inbox's and the results' affair.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use devicedrop_core::plan::FolderId;
use devicedrop_core::settle::Stamp;
use devicedrop_core::time::Timestamp;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags, StatxTimestamp, fstatfs,
    makedev, open, openat, openat2, statx,
};
use rustix::io::Errno;

/// File systems on which a read lease tells the truth and a file keeps its inode, by their statfs numbers: ext2 to
/// ext4, xfs, btrfs, tmpfs. FUSE grants leases without knowing anything; network file systems see one machine only.
const KNOWING_FILE_SYSTEMS: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];

/// What the file system says of a name or a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// What tells one state of it from another.
    pub stamp: Stamp,
    /// What it is.
    pub kind: FileType,
    /// How many names it has.
    pub links: u32,
    /// The numeric ID of its owner.
    pub owner: u32,
}

impl Looked {
    /// A folder's identity.
    pub fn folder_id(&self) -> FolderId {
        FolderId { dev: self.stamp.dev, ino: self.stamp.ino }
    }

    /// Its mtime, for the record.
    pub fn modified_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.stamp.mtime_ns.div_euclid(1_000_000))
    }
}

/// Looks at a name in a folder; a link is looked at itself.
pub fn look(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<Looked> {
    Ok(looked(&statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, wanted())?))
}

/// Looks at something open.
pub fn look_at(open: impl AsFd) -> io::Result<Looked> {
    Ok(looked(&statx(open.as_fd(), c"", AtFlags::EMPTY_PATH, wanted())?))
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

fn looked(found: &Statx) -> Looked {
    let born = (found.stx_mask & StatxFlags::BTIME.bits() != 0).then(|| nanoseconds(&found.stx_btime));
    Looked {
        stamp: Stamp {
            dev: makedev(found.stx_dev_major, found.stx_dev_minor),
            ino: found.stx_ino,
            size: found.stx_size,
            mtime_ns: nanoseconds(&found.stx_mtime),
            ctime_ns: nanoseconds(&found.stx_ctime),
            born_ns: born,
        },
        kind: FileType::from_raw_mode(u32::from(found.stx_mode)),
        links: found.stx_nlink,
        owner: found.stx_uid,
    }
}

/// Forged times beyond the year 2262 become its end: a change is still seen by the ctime, which nobody can forge.
fn nanoseconds(time: &StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(time.tv_nsec))
}

/// Opens a file in a folder for reading. A link, a socket, another file system's file are errors; a FIFO or a device
/// opens without waiting and shows what it is when looked at.
pub fn open_file(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<File> {
    open_beneath(folder, name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).map(File::from)
}

/// Opens a folder in a folder for listing.
pub fn open_folder(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    open_beneath(folder, name, OFlags::RDONLY | OFlags::DIRECTORY)
}

fn open_beneath(folder: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve =
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    match openat2(folder, name, flags, Mode::empty(), resolve) {
        // Sandboxes older than the call refuse it with EPERM.
        Err(Errno::NOSYS | Errno::PERM) => open_beneath_before_openat2(folder, name, flags),
        done => Ok(done?),
    }
}

/// As good as `openat2` for a single name, except that it has to look for itself whether it crossed a mount.
fn open_beneath_before_openat2(folder: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    if name.contains(&b'/') || name == b".." {
        return Err(Errno::XDEV.into());
    }
    let opened = openat(folder, name, flags, Mode::empty())?;
    // The top of a mount says so itself (since Linux 5.8): one of the same file system has the same number.
    let about = statx(&opened, c"", AtFlags::EMPTY_PATH, wanted())?;
    let is_mount = about.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    if is_mount || looked(&about).stamp.dev != look_at(folder)?.stamp.dev {
        return Err(Errno::XDEV.into());
    }
    Ok(opened)
}

/// A folder can't be reached by its path.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// There is no such folder.
    #[error("there is no folder at {0}: create it, or mount its share")]
    Missing(PathBuf),
    /// A part of the path is a link or no folder.
    #[error("{0} is a link or not a folder: give the folder's path without links, or put the folder back")]
    NotAFolder(PathBuf),
    /// Anything else.
    #[error("the folder can't be opened")]
    Io(#[source] io::Error),
}

impl From<PathError> for io::Error {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Missing(_) => Self::new(io::ErrorKind::NotFound, error.to_string()),
            PathError::NotAFolder(_) => Self::new(io::ErrorKind::NotADirectory, error.to_string()),
            PathError::Io(error) => error,
        }
    }
}

/// Opens a folder by its absolute path, part by part, following no link.
pub fn open_path(path: &Path) -> Result<OwnedFd, PathError> {
    let mut reached = PathBuf::from("/");
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = open("/", step, Mode::empty()).map_err(|errno| PathError::Io(errno.into()))?;
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        reached.push(name);
        at = match openat(&at, name, step, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Err(PathError::Missing(reached)),
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(PathError::NotAFolder(reached)),
            Err(errno) => return Err(PathError::Io(errno.into())),
        };
    }
    let listing = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(&at, c".", listing, Mode::empty()).map_err(|errno| PathError::Io(errno.into()))
}

/// Whether the file system is one whose leases and inode numbers can be believed.
pub fn is_knowing(folder: BorrowedFd<'_>) -> bool {
    fstatfs(folder)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| KNOWING_FILE_SYSTEMS.contains(&kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways of opening must refuse the same things.
    #[test]
    fn nothing_is_reached_through_links_or_upwards() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::write(outer.path().join("secret.csv"), "x").unwrap();
        let inner = outer.path().join("drop");
        std::fs::create_dir(&inner).unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret.csv"), inner.join("link.csv")).unwrap();
        std::os::unix::fs::symlink(outer.path(), inner.join("folder")).unwrap();
        std::fs::write(inner.join("good.csv"), "x").unwrap();
        let folder = open_path(&inner).unwrap();
        for way in [open_beneath, open_beneath_before_openat2] {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
            for bad in ["link.csv", "folder/secret.csv", "../secret.csv", "..", "/etc/passwd"] {
                assert!(way(folder.as_fd(), bad.as_bytes(), flags).is_err(), "{bad}");
            }
            way(folder.as_fd(), b"good.csv", flags).unwrap();
        }
    }

    #[test]
    fn a_file_system_that_crosses_no_mount_is_refused_both_ways() {
        let root = open_path(Path::new("/")).unwrap();
        for way in [open_beneath, open_beneath_before_openat2] {
            assert!(way(root.as_fd(), b"proc", OFlags::RDONLY | OFlags::DIRECTORY).is_err());
        }
    }

    #[test]
    fn a_mount_of_the_same_file_system_is_refused_both_ways() {
        let outer = tempfile::tempdir().unwrap();
        for name in ["here", "there"] {
            std::fs::create_dir(outer.path().join(name)).unwrap();
        }
        let mount = |arguments: &[&str]| {
            std::process::Command::new(arguments[0]).args(&arguments[1..]).current_dir(outer.path()).status().unwrap()
        };
        assert!(mount(&["mount", "--bind", "there", "here"]).success(), "this test needs root");
        let folder = open_path(&outer.path().canonicalize().unwrap()).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let refused = [open_beneath, open_beneath_before_openat2]
            .map(|way| way(folder.as_fd(), b"here", flags).map_err(|error| Errno::from_io_error(&error)));
        assert!(mount(&["umount", "-l", "here"]).success());
        for refused in refused {
            assert_eq!(refused.unwrap_err(), Some(Errno::XDEV));
        }
    }

    #[test]
    fn a_path_through_a_link_says_which_part_is_the_link() {
        let outer = tempfile::tempdir().unwrap();
        let real = outer.path().join("real");
        std::fs::create_dir_all(real.join("drop")).unwrap();
        let link = outer.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(open_path(&link.join("drop")), Err(PathError::NotAFolder(at)) if at == link));
        assert!(matches!(open_path(&real.join("none/x")), Err(PathError::Missing(at)) if at == real.join("none")));
        open_path(&real.join("drop")).unwrap();
    }
}
