//! The archive of originals: a read-only copy of every file that was read whole, named by its SHA-256.
//!
//! `ab/abcd...` for the content whose SHA-256 begins with `abcd`. A copy is synced, and so is its name, before anybody
//! hears of it. What is copied and when lives in `claim`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use devicedrop_core::device::Sha256;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, fchmod, fsync, linkat, mkdirat, open, openat, renameat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::claim::digest;
use crate::beneath::look;
use crate::blocking::{self, Effect};

/// How the copies in the making are called; nothing else in the archive begins like this.
const TEMPORARY: &str = ".claim-";

/// The archive of originals. Clones are the same archive.
#[derive(Debug, Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: OwnedFd,
    /// Contents that are being taken: how many times each.
    pins: Mutex<HashMap<Sha256, u32>>,
    /// The first bytes whose folders are durably there.
    folders: Mutex<[bool; 256]>,
}

/// Keeps one archived copy from being removed while it isn't on record yet.
#[derive(Debug)]
pub struct Pin {
    archive: Archive,
    sha256: Sha256,
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Entry::Occupied(mut pins) = self.archive.pins().entry(self.sha256) {
            *pins.get_mut() -= 1;
            if *pins.get() == 0 {
                pins.remove();
            }
        }
    }
}

impl Archive {
    /// Opens the archive's folder, which must exist.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let inner = Inner { folder, pins: Mutex::default(), folders: Mutex::new([false; 256]) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Removes what a crash left half copied and says how many those were. Only for the one process that takes files,
    /// at its start.
    pub fn sweep(&self) -> io::Result<u64> {
        let mut removed = 0;
        for entry in Dir::read_from(&self.inner.folder)? {
            let entry = entry?;
            if entry.file_name().to_bytes().starts_with(TEMPORARY.as_bytes()) {
                unlinkat(&self.inner.folder, entry.file_name(), AtFlags::empty())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Opens the copy of a content.
    pub fn copy_of(&self, sha256: &Sha256) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.inner.folder, place_of(sha256), flags, Mode::empty())?.into())
    }

    /// Removes the copy of a content, durably. False if there is none, or if the same content is just being taken.
    pub fn remove(&self, sha256: &Sha256) -> io::Result<bool> {
        let pins = self.pins();
        if pins.contains_key(sha256) {
            return Ok(false);
        }
        match unlinkat(&self.inner.folder, place_of(sha256), AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
        drop(pins);
        fsync(self.folder_for(sha256)?)?;
        Ok(true)
    }

    /// Begins a copy.
    pub(super) fn begin(&self) -> io::Result<Copying> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("{TEMPORARY}{:032x}", u128::from_ne_bytes(random));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.inner.folder, &name, flags, Mode::RUSR | Mode::WUSR)?.into();
        Ok(Copying { archive: self.clone(), name, file, bytes: 0 })
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<Sha256, u32>> {
        // A count stays whole whoever panicked.
        self.inner.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pin(&self, sha256: Sha256) -> Pin {
        let mut pins = self.pins();
        let count = pins.entry(sha256).or_insert(0);
        *count = count.saturating_add(1);
        drop(pins);
        Pin { archive: self.clone(), sha256 }
    }

    /// The folder for contents that begin like this one, durably there.
    fn folder_for(&self, sha256: &Sha256) -> io::Result<OwnedFd> {
        let name = first_byte(sha256);
        let mut folders = self.inner.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let [first, ..] = sha256.as_bytes();
        if let Some(there) = folders.get_mut(usize::from(*first)).filter(|there| !**there) {
            match mkdirat(&self.inner.folder, &name, Mode::RWXU | Mode::RGRP | Mode::XGRP) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            fsync(&self.inner.folder)?;
            *there = true;
        }
        drop(folders);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.inner.folder, &name, flags, Mode::empty())?)
    }
}

fn first_byte(sha256: &Sha256) -> String {
    let [first, ..] = sha256.as_bytes();
    format!("{first:02x}")
}

/// Where the copy of a content lies in the archive's folder.
pub fn place_of(sha256: &Sha256) -> String {
    format!("{}/{sha256}", first_byte(sha256))
}

/// A copy in the making. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Copying {
    archive: Archive,
    name: String,
    file: File,
    bytes: u64,
}

impl Copying {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        blocking::meet(Effect::Copy)?;
        self.file.write_all(bytes)?;
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Puts the copy into its place, durably, and opens it there.
    pub(super) fn keep(self, sha256: Sha256) -> io::Result<(File, Pin)> {
        // Pinned first: from here on nobody removes a copy that is there already.
        let pin = self.archive.pin(sha256);
        let folder = self.archive.folder_for(&sha256)?;
        blocking::meet(Effect::Keep)?;
        if !self.is_there(&folder, &sha256) {
            self.place(&folder, &sha256)?;
        }
        // Also where it was there: another lane may have put it there this moment.
        fsync(&folder)?;
        Ok((self.archive.copy_of(&sha256)?, pin))
    }

    /// The copy without a name, at its beginning: it is gone when it is closed, whatever comes.
    pub(super) fn into_nameless(self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Whether the content has its copy already. One that reads otherwise isn't it: the disk, or someone, damaged the
    /// archive.
    fn is_there(&self, folder: &OwnedFd, sha256: &Sha256) -> bool {
        let there = look(folder.as_fd(), sha256.to_string().as_bytes());
        there.is_ok_and(|there| there.kind == FileType::RegularFile && there.stamp.size == self.bytes)
            && self
                .archive
                .copy_of(sha256)
                .is_ok_and(|mut copy| digest(&mut copy, self.bytes, || true).is_ok_and(|read| read == *sha256))
    }

    fn place(&self, folder: &OwnedFd, sha256: &Sha256) -> io::Result<()> {
        let name = &sha256.to_string();
        let archive = &self.archive.inner.folder;
        fchmod(&self.file, Mode::RUSR | Mode::RGRP)?;
        fsync(&self.file)?;
        let placed = match renameat_with(archive, &self.name, folder, name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => linkat(archive, &self.name, folder, name, AtFlags::empty()),
            placed => placed,
        };
        match placed {
            // Ours is whole; what stands there is, too, if another lane was faster.
            Err(Errno::EXIST) if self.is_there(folder, sha256) => Ok(()),
            Err(Errno::EXIST) => Ok(renameat(archive, &self.name, folder, name)?),
            placed => Ok(placed?),
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        // Not there any more once it was renamed; what can't be removed now is swept at the next start.
        unlinkat(&self.archive.inner.folder, &self.name, AtFlags::empty()).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn keep(archive: &Archive, content: &[u8]) -> (File, Pin) {
        let mut copying = archive.begin().unwrap();
        copying.write(content).unwrap();
        copying.keep(Sha256::of(content)).unwrap()
    }

    #[test]
    fn a_copy_lies_under_its_hash_and_is_read_only() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        let (mut copy, pin) = keep(&archive, b"abc");
        let mut content = String::new();
        copy.read_to_string(&mut content).unwrap();
        assert_eq!(content, "abc");
        let path = folder.path().join("ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o440);
        drop(pin);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn the_same_content_is_kept_once_and_a_damaged_copy_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        drop(keep(&archive, b"abc"));
        drop(keep(&archive, b"abc"));
        let path = folder.path().join(place_of(&Sha256::of(b"abc")));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "ab").unwrap();
        drop(keep(&archive, b"abc"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "abd").unwrap();
        drop(keep(&archive, b"abc"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc", "the size alone tells nothing");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_copy_that_is_being_taken_cannot_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        let hash = Sha256::of(b"abc");
        let (_, first) = keep(&archive, b"abc");
        let (_, second) = keep(&archive, b"abc");
        drop(first);
        assert!(!archive.remove(&hash).unwrap());
        drop(second);
        assert!(archive.remove(&hash).unwrap());
        assert!(!archive.remove(&hash).unwrap());
        assert!(archive.copy_of(&hash).is_err());
    }

    #[test]
    fn a_copy_without_a_name_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        let mut copying = archive.begin().unwrap();
        copying.write(b"abc").unwrap();
        let mut copy = copying.into_nameless().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut content = String::new();
        copy.read_to_string(&mut content).unwrap();
        assert_eq!(content, "abc");
    }

    #[test]
    fn what_a_crash_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        std::mem::forget(archive.begin().unwrap());
        drop(keep(&archive, b"abc"));
        assert_eq!(archive.sweep().unwrap(), 1);
        assert_eq!(archive.sweep().unwrap(), 0);
        archive.copy_of(&Sha256::of(b"abc")).unwrap();
    }
}
