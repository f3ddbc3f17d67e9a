//! Folders and files: what lies there, on which file system, and whether what the daemon does can be done there.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode as Bits, OFlags, StatVfsMountFlags};
use rustix::io::Errno;

use super::super::seen::{FileSystem, Found, Mode, Tried, Trouble};
use crate::beneath::{self, PathError};
use crate::clock::{Clock, SystemClock};
use crate::durable;
use crate::ledger;

/// So many entries of a drop folder are looked at to count the folders in it.
const ENTRIES: usize = 100_000;

impl From<PathError> for Trouble {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Missing(at) => Self::Missing(at),
            PathError::NotAFolder(at) => Self::NotAFolder(at),
            PathError::Io(error) => match Errno::from_io_error(&error) {
                Some(Errno::ACCESS | Errno::PERM) => Self::Denied,
                _ => Self::Other(error.to_string()),
            },
        }
    }
}

fn trouble(path: &Path) -> impl Fn(Errno) -> Trouble + '_ {
    |errno| match errno {
        Errno::NOENT => Trouble::Missing(path.to_owned()),
        Errno::NOTDIR | Errno::LOOP => Trouble::NotAFolder(path.to_owned()),
        Errno::ACCESS | Errno::PERM => Trouble::Denied,
        errno => Trouble::Other(errno.to_string()),
    }
}

/// A folder on whose path no link may stand.
pub(super) fn strict(path: &Path) -> Result<Found, Trouble> {
    found(&beneath::open_path(path)?).map_err(trouble(path))
}

/// A folder of our own, which may be reached by a link.
pub(super) fn lenient(path: &Path) -> Result<Found, Trouble> {
    let open = || {
        let folder = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Bits::empty())?;
        found(&folder)
    };
    open().map_err(trouble(path))
}

fn found(folder: &OwnedFd) -> Result<Found, Errno> {
    let about = rustix::fs::fstat(folder)?;
    let volume = rustix::fs::fstatvfs(folder)?;
    Ok(Found {
        file_system: file_system(folder.as_fd())?,
        device: about.st_dev,
        read_only: volume.f_flag.contains(StatVfsMountFlags::RDONLY),
        owner: about.st_uid,
        group: about.st_gid,
        mode: about.st_mode & 0o7777,
        free: volume.f_bavail.saturating_mul(volume.f_frsize),
        free_inodes: (volume.f_files > 0).then_some(volume.f_favail),
    })
}

/// The numbers are those of `statfs(2)`.
fn file_system(folder: BorrowedFd<'_>) -> Result<FileSystem, Errno> {
    let kind = i128::from(rustix::fs::fstatfs(folder)?.f_type) & 0xffff_ffff;
    Ok(match (ledger::network(kind), kind) {
        (Some("FUSE"), _) => FileSystem::Fuse,
        (Some(name), _) => FileSystem::Network(name),
        (None, 0x0102_1994) => FileSystem::Memory("tmpfs"),
        (None, 0x8584_58f6) => FileSystem::Memory("ramfs"),
        (None, 0xef53) => FileSystem::Knowing("ext4"),
        (None, 0x5846_5342) => FileSystem::Knowing("xfs"),
        (None, 0x9123_683e) => FileSystem::Knowing("btrfs"),
        _ if beneath::is_knowing(folder) => FileSystem::Knowing("a local disk"),
        _ => FileSystem::Other,
    })
}

/// A drop folder, and what came of trying what the daemon does there.
pub(super) fn drop_folder(path: &Path) -> (Result<Found, Trouble>, Option<Tried>) {
    let open = || -> Result<(OwnedFd, Found), Trouble> {
        let folder = beneath::open_path(path)?;
        let found = found(&folder).map_err(trouble(path))?;
        Ok((folder, found))
    };
    match open() {
        Ok((folder, found)) => {
            let tried = tried(folder.as_fd());
            (Ok(found), Some(tried))
        }
        Err(trouble) => (Err(trouble), None),
    }
}

fn tried(folder: BorrowedFd<'_>) -> Tried {
    let folders = folders_in(folder);
    match Probe::make(folder) {
        Ok(probe) => {
            let lease = Some(probe.lease());
            let ahead_ms = Some(probe.ahead_ms);
            Tried { write: probe.renamed(), lease, ahead_ms, folders }
        }
        Err(why) => Tried { write: Err(why), lease: None, ahead_ms: None, folders },
    }
}

fn folders_in(folder: BorrowedFd<'_>) -> u64 {
    let Ok(entries) = Dir::read_from(folder) else { return 0 };
    let is_folder = |name: &[u8], kind| kind == FileType::Directory && !name.starts_with(b".");
    let folders = entries.take(ENTRIES).filter_map(Result::ok);
    let count = folders.filter(|entry| is_folder(entry.file_name().to_bytes(), entry.file_type())).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Whether a file can be made in a folder of ours, and taken away.
pub(super) fn writable(path: &Path) -> Result<(), String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Bits::empty()).map_err(|errno| errno.to_string())?;
    Probe::make(folder.as_fd())?.renamed()
}

/// A hidden, empty file under a name that the daemon takes for one of its own, so that it clears it away should it be
/// left behind. Taken away when this is dropped.
struct Probe<'a> {
    folder: BorrowedFd<'a>,
    name: String,
    ahead_ms: i64,
}

impl<'a> Probe<'a> {
    fn make(folder: BorrowedFd<'a>) -> Result<Self, String> {
        let name = durable::aside_name().map_err(|error| error.to_string())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let before = SystemClock.now().unix_ms();
        let made = rustix::fs::openat(folder, &name, flags, Bits::from_raw_mode(0o600));
        let made = made.map_err(|errno| errno.to_string())?;
        let mut probe = Self { folder, name, ahead_ms: 0 };
        if let Ok(looked) = beneath::look_at(&made) {
            let (at, after) = (looked.modified_at().unix_ms(), SystemClock.now().unix_ms());
            probe.ahead_ms = if at < before { at.saturating_sub(before) } else { at.saturating_sub(after).max(0) };
        }
        Ok(probe)
    }

    /// Whether the kernel gives a lease of it.
    fn lease(&self) -> Result<(), String> {
        let file: File = beneath::open_file(self.folder, self.name.as_bytes()).map_err(|error| error.to_string())?;
        match devicedrop_sys::writers(&file) {
            Ok(devicedrop_sys::Writers::None) => Ok(()),
            Ok(devicedrop_sys::Writers::Some) => Err("it is said to be open for writing, and isn't".to_owned()),
            Ok(devicedrop_sys::Writers::Untold) => Err("the system doesn't tell".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether it can be renamed, as a result file is.
    fn renamed(mut self) -> Result<(), String> {
        let to = durable::aside_name().map_err(|error| error.to_string())?;
        rustix::fs::renameat(self.folder, &self.name, self.folder, &to).map_err(|errno| errno.to_string())?;
        self.name = to;
        let gone = rustix::fs::unlinkat(self.folder, &self.name, AtFlags::empty());
        gone.map_err(|errno| format!("made and renamed, and can't be removed: {errno}"))
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        // Gone already where all went well; and where it can't be removed, there is nothing else to try.
        rustix::fs::unlinkat(self.folder, &self.name, AtFlags::empty()).unwrap_or_default();
    }
}

/// Whose a file is, and its permissions; a link is looked at itself.
pub(super) fn mode(path: &Path) -> Result<Mode, Trouble> {
    let found = rustix::fs::lstat(path).map_err(trouble(path))?;
    let link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
    let found = if link { rustix::fs::stat(path).map_err(trouble(path))? } else { found };
    Ok(Mode { owner: found.st_uid, mode: found.st_mode & 0o7777, link })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trying_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        std::fs::create_dir(path.join("PO-1")).unwrap();
        let (found, tried) = drop_folder(&path);
        let (found, tried) = (found.unwrap(), tried.unwrap());
        assert_eq!(tried.write, Ok(()));
        assert_eq!(tried.folders, 1);
        assert!(tried.ahead_ms.unwrap().abs() < 60_000, "{tried:?}");
        if matches!(found.file_system, FileSystem::Knowing(_) | FileSystem::Memory(_)) {
            assert_eq!(tried.lease, Some(Ok(())));
        }
        assert_eq!(writable(&path), Ok(()));
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn a_link_on_the_way_is_named_and_a_link_of_our_own_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        std::fs::create_dir(path.join("real")).unwrap();
        std::os::unix::fs::symlink(path.join("real"), path.join("link")).unwrap();
        assert_eq!(strict(&path.join("link")), Err(Trouble::NotAFolder(path.join("link"))));
        assert!(lenient(&path.join("link")).is_ok());
        assert_eq!(strict(&path.join("none")), Err(Trouble::Missing(path.join("none"))));
        assert!(mode(&path.join("link")).unwrap().link);
    }
}
