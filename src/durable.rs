//! Whole, durable writing of a file into a folder that is held by descriptor.
//!
//! A file is written aside under a name of ours, synced, renamed into place, and the folder is synced: a reader, and
//! a crash at any moment, sees the old file, the new one or none, never half of one. What a crash can leave behind
//! is the file aside, which [`remove_orphans`] takes away at the next start. No link is ever followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use devicedrop_core::device::Sha256;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;
use sha2::Digest;

use crate::beneath;
use crate::blocking::{self, Effect};

/// How much is gathered before it is hashed and written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Our files aside: this, sixteen hexadecimal digits, and the ending. Never taken by an inbox: the dot, the `.tmp`.
const ASIDE_START: &str = ".devicedrop-";
const ASIDE_END: &str = ".tmp";

/// Which file, whatever its name: good as long as the file exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The file system's number.
    pub dev: u64,
    /// The file's number on it.
    pub ino: u64,
}

impl From<&Stat> for FileId {
    fn from(stat: &Stat) -> Self {
        Self { dev: stat.st_dev, ino: stat.st_ino }
    }
}

/// A file as it was looked at: which one, and its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which file.
    pub file: FileId,
    /// Its ctime, which nobody can set: seconds and nanoseconds.
    changed: (i64, i64),
}

impl From<&Stat> for Standing {
    fn from(stat: &Stat) -> Self {
        let nanoseconds = i64::try_from(stat.st_ctime_nsec).unwrap_or_default();
        Self { file: FileId::from(stat), changed: (stat.st_ctime, nanoseconds) }
    }
}

/// What may stand at the name and be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Whatever it is, unless it is a folder.
    Any,
    /// Nothing may stand there.
    Nothing,
    /// This file, unchanged, or nothing. Looked at right before the rename; somebody who puts another file there, or
    /// changes this one, in that moment loses it.
    Only(Standing),
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub file: FileId,
    /// The digest of its content.
    pub sha256: Sha256,
    /// Its size.
    pub bytes: u64,
    /// Its mtime, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// Why a file isn't in place. Unless said otherwise, nothing changed at its name.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The name is that of no file in the folder itself.
    #[error("a file can't have this name: it is empty, . or .., or has a slash in it")]
    Name,
    /// The system has no random bytes.
    #[error("no random bytes for the name of a file aside")]
    Random(#[source] getrandom::Error),
    /// The folder, or the file that is there already, can't be looked at.
    #[error("can't look at the file or its folder")]
    Open(#[source] io::Error),
    /// The file aside can't be made: the folder is gone, read-only or forbidden, or the disk is full.
    #[error("can't create a file aside in the folder")]
    Create(#[source] io::Error),
    /// The content can't be written, or whoever brings it failed.
    #[error("can't write the file's content")]
    Fill(#[source] io::Error),
    /// The file's mode can't be set, or the file can't be brought to the disk.
    #[error("can't bring the file to the disk")]
    Sync(#[source] io::Error),
    /// Something stands at the name that may not be replaced.
    #[error("something else stands at the file's name already")]
    Taken,
    /// Somebody put another file in the place of the one that was written aside: what stands at the name now, if
    /// anything does, isn't ours.
    #[error("somebody replaced the file before it got its name")]
    Swapped,
    /// The file can't be given its name.
    #[error("can't give the file its name")]
    Rename(#[source] io::Error),
    /// The file is in place, but a power failure may still take its name away: write it again.
    #[error("can't bring the file's name to the disk")]
    SyncFolder(#[source] io::Error),
}

/// Writes a file whole and durably: `fill` writes its content, `mode` are its permissions, whatever the umask.
///
/// The file's group becomes that of the folder, where the system allows it.
pub fn write_whole(
    dir: BorrowedFd<'_>,
    name: &OsStr,
    mode: u32,
    replace: Replace,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, DurableError> {
    check_name(name)?;
    write_aside(dir, mode, fill)?.place(name, replace)
}

/// Puts a new content in the place of a file that is there, which keeps its permissions and, as far as we may set
/// them, its owner and group.
pub fn replace_whole(path: &Path, content: &[u8]) -> Result<Written, DurableError> {
    // A link stays a link: what it leads to is replaced.
    let path = std::fs::canonicalize(path).map_err(DurableError::Open)?;
    let (dir, name) = folder_of(&path)?;
    let like = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| DurableError::Open(errno.into()))?;
    // It may hold what its group alone may read: until it is that group's, it is nobody else's.
    let aside = write_aside(dir.as_fd(), 0o600, |file| file.write_all(content))?;
    aside.give_to(&like)?;
    aside.place(name, Replace::Only(Standing::from(&like)))
}

/// Writes a file where none may be yet; says whether it did.
pub fn write_new(path: &Path, mode: u32, content: &[u8]) -> Result<bool, DurableError> {
    let (dir, name) = folder_of(path)?;
    // Most often it is there already when it can't be made.
    if rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Ok(false);
    }
    match write_whole(dir.as_fd(), name, mode, Replace::Nothing, |file| file.write_all(content)) {
        Err(DurableError::Taken) => Ok(false),
        written => written.map(|_| true),
    }
}

/// The folder of a path, opened, and its name in it.
pub fn folder_of(path: &Path) -> Result<(OwnedFd, &OsStr), DurableError> {
    let name = path.file_name().ok_or(DurableError::Name)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| DurableError::Open(errno.into()))?;
    Ok((dir, name))
}

/// A file that is written and synced but has no name that counts yet. Dropping it removes it.
#[derive(Debug)]
#[must_use = "without a call of `place` the file is removed"]
pub struct Aside<'dir> {
    dir: BorrowedFd<'dir>,
    name: String,
    written: Written,
    /// Held open, so that no other file can get its number.
    file: Option<File>,
    /// Whether it lies at its name aside no longer.
    placed: bool,
    /// Whether the file system tells files apart by their numbers.
    knowing: bool,
}

/// Writes a file aside, for those who know its name only afterwards (an archive named by content).
pub fn write_aside(
    dir: BorrowedFd<'_>,
    mode: u32,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Aside<'_>, DurableError> {
    let (name, fd) = create_aside(dir)?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| DurableError::Create(errno.into()))?;
    let nothing = Written { file: FileId::from(&stat), sha256: Sha256::of(b""), bytes: 0, mtime_ns: 0 };
    // From here on, dropping it removes the file.
    let mut aside =
        Aside { dir, name, written: nothing, file: None, placed: false, knowing: beneath::is_knowing(dir) };

    let digesting = Digesting { file: File::from(fd), digest: sha2::Sha256::new(), bytes: 0 };
    let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, digesting);
    fill(&mut buffered).map_err(DurableError::Fill)?;
    blocking::meet(Effect::Write).map_err(DurableError::Fill)?;
    let Digesting { file, digest, bytes } =
        buffered.into_inner().map_err(|error| DurableError::Fill(error.into_error()))?;

    let stat = finish(&file, dir, mode).map_err(|errno| DurableError::Sync(errno.into()))?;
    let sha256 = Sha256::from_bytes(digest.finalize().into());
    aside.written = Written { file: FileId::from(&stat), sha256, bytes, mtime_ns: mtime_ns(&stat) };
    aside.file = Some(file);
    Ok(aside)
}

/// A name for a file aside, for those who can only write to a name: see [`adopt`].
pub fn aside_name() -> Result<String, DurableError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(DurableError::Random)?;
    Ok(format!("{ASIDE_START}{:016x}{ASIDE_END}", u64::from_be_bytes(random)))
}

/// Takes a file aside that somebody else wrote under such a name: it gets its mode and is brought to the disk.
pub fn adopt(dir: BorrowedFd<'_>, name: String, mode: u32) -> Result<Aside<'_>, DurableError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd =
        rustix::fs::openat(dir, &name, flags, Mode::empty()).map_err(|errno| DurableError::Open(errno.into()))?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| DurableError::Open(errno.into()))?;
    let nothing = Written { file: FileId::from(&stat), sha256: Sha256::of(b""), bytes: 0, mtime_ns: 0 };
    let mut aside =
        Aside { dir, name, written: nothing, file: None, placed: false, knowing: beneath::is_knowing(dir) };
    let mut file = File::from(fd);
    let mut digest = sha2::Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0_u64;
    loop {
        let read = io::Read::read(&mut file, &mut buffer).map_err(DurableError::Fill)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        digest.update(piece);
        bytes = bytes.saturating_add(u64::try_from(read).unwrap_or(0));
    }
    let stat = finish(&file, dir, mode).map_err(|errno| DurableError::Sync(errno.into()))?;
    let sha256 = Sha256::from_bytes(digest.finalize().into());
    aside.written = Written { file: FileId::from(&stat), sha256, bytes, mtime_ns: mtime_ns(&stat) };
    aside.file = Some(file);
    Ok(aside)
}

impl Aside<'_> {
    /// What was written.
    pub fn written(&self) -> Written {
        self.written
    }

    /// Gives the file the owner and group of another: root may, others are told so by the system and it stays theirs.
    fn give_to(&self, like: &Stat) -> Result<(), DurableError> {
        let sync = |errno: Errno| DurableError::Sync(errno.into());
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.dir, &self.name, flags, Mode::empty()).map_err(sync)?;
        let (owner, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
        let refused = &[Errno::PERM, Errno::NOTSUP, Errno::NOSYS, Errno::INVAL];
        tolerate(rustix::fs::fchown(&file, None, Some(group)), refused).map_err(sync)?;
        tolerate(rustix::fs::fchown(&file, Some(owner), None), refused).map_err(sync)?;
        // A change of owner takes the special bits away.
        let mode = Mode::from_bits_truncate(like.st_mode & 0o7777);
        tolerate(rustix::fs::fchmod(&file, mode), refused).map_err(sync)?;
        rustix::io::retry_on_intr(|| rustix::fs::fsync(&file)).map_err(sync)
    }

    /// Gives the file its name and syncs the folder.
    pub fn place(mut self, name: &OsStr, replace: Replace) -> Result<Written, DurableError> {
        check_name(name)?;
        self.is_at(OsStr::new(&self.name))?;
        blocking::meet(Effect::Place).map_err(DurableError::Rename)?;
        self.placed = match replace {
            Replace::Any => self.rename_over(name)?,
            Replace::Nothing => self.rename_to_free(name)?,
            Replace::Only(expected) => match rustix::fs::statat(self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => self.rename_to_free(name)?,
                Ok(stat) if Standing::from(&stat) == expected => self.rename_over(name)?,
                Ok(_) => return Err(DurableError::Taken),
                Err(errno) => return Err(DurableError::Rename(errno.into())),
            },
        };
        // The name aside is known to whoever looks into the folder, and a rename takes whatever lies there.
        self.is_at(name)?;
        blocking::meet(Effect::SyncFolder).map_err(DurableError::SyncFolder)?;
        sync_dir(self.dir).map_err(DurableError::SyncFolder)?;
        Ok(self.written)
    }

    /// Whether the file that was written is the one that lies at this name. Shares may give a file another number
    /// from one look to the next; there it must do that it is a file.
    fn is_at(&self, name: &OsStr) -> Result<(), DurableError> {
        match rustix::fs::statat(self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileId::from(&stat) == self.written.file => Ok(()),
            Ok(stat) if !self.knowing && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(()),
            Ok(_) | Err(Errno::NOENT) => Err(DurableError::Swapped),
            Err(errno) => Err(DurableError::Rename(errno.into())),
        }
    }

    fn rename_over(&self, name: &OsStr) -> Result<bool, DurableError> {
        rustix::fs::renameat(self.dir, &self.name, self.dir, name)
            .map_err(|errno| DurableError::Rename(errno.into()))?;
        Ok(true)
    }

    /// Renames where nothing stands. Not every file system can do that in one step (NFS can't); a link can, and
    /// where there are no links either (FAT, some shares), looking first is the best that is left. Says whether the
    /// name aside is free again.
    fn rename_to_free(&self, name: &OsStr) -> Result<bool, DurableError> {
        match rustix::fs::renameat_with(self.dir, &self.name, self.dir, name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done.map(|()| true).map_err(taken_or_rename),
        }
        match rustix::fs::linkat(self.dir, &self.name, self.dir, name, AtFlags::empty()) {
            Err(Errno::PERM | Errno::NOSYS | Errno::NOTSUP | Errno::MLINK) => {}
            // The name aside is removed when this is dropped.
            done => return done.map(|()| false).map_err(taken_or_rename),
        }
        match rustix::fs::statat(self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => self.rename_over(name),
            Ok(_) => Err(DurableError::Taken),
            Err(errno) => Err(DurableError::Rename(errno.into())),
        }
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        // What lies there now may be somebody else's; if ours can't be removed, the next start tries again.
        if self.placed || self.is_at(OsStr::new(&self.name)).is_err() {
            return;
        }
        rustix::fs::unlinkat(self.dir, &self.name, AtFlags::empty()).unwrap_or_default();
    }
}

fn taken_or_rename(errno: Errno) -> DurableError {
    if errno == Errno::EXIST { DurableError::Taken } else { DurableError::Rename(errno.into()) }
}

fn check_name(name: &OsStr) -> Result<(), DurableError> {
    let bytes = name.as_encoded_bytes();
    let is_bad = matches!(bytes, b"" | b"." | b"..") || bytes.contains(&b'/');
    if is_bad { Err(DurableError::Name) } else { Ok(()) }
}

fn create_aside(dir: BorrowedFd<'_>) -> Result<(String, OwnedFd), DurableError> {
    let name = aside_name()?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Nobody else reads it before it is whole.
    let fd = rustix::fs::openat(dir, &name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| DurableError::Create(errno.into()))?;
    Ok((name, fd))
}

/// Gives the file its group and mode and brings it to the disk.
fn finish(file: &File, dir: BorrowedFd<'_>, mode: u32) -> Result<Stat, Errno> {
    let (of_file, of_dir) = (rustix::fs::fstat(file)?, rustix::fs::fstat(dir)?);
    if of_file.st_gid != of_dir.st_gid {
        let group = Gid::from_raw(of_dir.st_gid);
        tolerate(
            rustix::fs::fchown(file, None, Some(group)),
            &[Errno::PERM, Errno::NOTSUP, Errno::NOSYS, Errno::INVAL],
        )?;
    }
    // Mounts that decide on modes themselves (SMB, FAT) refuse; their decision holds then.
    tolerate(rustix::fs::fchmod(file, Mode::from_bits_truncate(mode)), &[Errno::PERM, Errno::NOTSUP, Errno::NOSYS])?;
    rustix::io::retry_on_intr(|| rustix::fs::fsync(file))?;
    Ok(of_file)
}

fn mtime_ns(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(i64::try_from(stat.st_mtime_nsec).unwrap_or(0))
}

fn tolerate(result: Result<(), Errno>, tolerated: &[Errno]) -> Result<(), Errno> {
    match result {
        Err(errno) if tolerated.contains(&errno) => Ok(()),
        result => result,
    }
}

/// Brings a folder's names to the disk. Where a file system has no such thing, there is nothing to do.
pub fn sync_dir(dir: BorrowedFd<'_>) -> io::Result<()> {
    let mut synced = rustix::io::retry_on_intr(|| rustix::fs::fsync(dir));
    if synced == Err(Errno::BADF) {
        let opened = open_again(dir)?;
        synced = rustix::io::retry_on_intr(|| rustix::fs::fsync(&opened));
    }
    Ok(tolerate(synced, &[Errno::INVAL, Errno::NOTSUP, Errno::NOSYS])?)
}

/// The folder, opened for more than its names: a descriptor may be good for those only (O_PATH).
fn open_again(dir: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Removes the files aside that a crash left in a folder, and returns how many.
///
/// Only regular files of our own user with a name like ours. To be called before anything is written there: it
/// doesn't know which files aside are being written now.
pub fn remove_orphans(dir: BorrowedFd<'_>) -> io::Result<u64> {
    let ourselves = rustix::process::geteuid().as_raw();
    let mut removed = 0;
    for entry in rustix::fs::Dir::new(open_again(dir)?)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_aside(name.to_bytes()) {
            continue;
        }
        let is_ours = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_uid == ourselves
        });
        // One that can't be removed is left for the next time; the others go.
        if is_ours && rustix::fs::unlinkat(dir, name, AtFlags::empty()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_aside(name: &[u8]) -> bool {
    let digits = name.strip_prefix(ASIDE_START.as_bytes()).and_then(|rest| rest.strip_suffix(ASIDE_END.as_bytes()));
    digits.is_some_and(|digits| {
        digits.len() == 16 && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A file that is digested and counted while it is written.
struct Digesting {
    file: File,
    digest: sha2::Sha256,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[expect(clippy::disallowed_methods, reason = "this is a writer itself, and passes on how much was taken")]
        let count = self.file.write(bytes)?;
        let taken = bytes.get(..count).unwrap_or(bytes);
        self.digest.update(taken);
        self.bytes = self.bytes.saturating_add(u64::try_from(taken.len()).unwrap_or(u64::MAX));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests;
