//! Files that are disks: a FUSE file system whose files are [`Disk`]s of this process, for loop devices to stand on.
//!
//! The kernel keeps nothing of them back: they are opened for direct I/O, so each write arrives in its turn.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};

/// How long the kernel may believe what it was told of a file: its size never changes.
const VALID: Duration = Duration::from_hours(1);

/// Inode numbers: the folder, then the disks from here on.
const FIRST: u64 = 2;

/// Something that holds bytes.
pub trait Disk: Send + Sync + 'static {
    /// How many.
    fn size(&self) -> usize;
    /// Fills `bytes` with what stands from `offset` on; false if it reaches beyond the end.
    fn read(&self, offset: usize, bytes: &mut [u8]) -> bool;
    /// Puts `bytes` at `offset`; false if they reach beyond the end.
    fn write(&self, offset: usize, bytes: &[u8]) -> bool;
    /// All that was written before is to be durable.
    fn flush(&self);
}

/// Disks as files. Dropped, they are gone.
#[derive(Debug)]
pub struct Served {
    folder: PathBuf,
    session: Option<BackgroundSession>,
}

impl Served {
    /// Serves disks at an empty folder, as the files `0`, `1` and so on.
    pub fn at(folder: &Path, disks: Vec<Arc<dyn Disk>>) -> Result<Self> {
        let mut config = Config::default();
        config.mount_options.push(MountOption::FSName("devicedrop-disks".to_owned()));
        let session = fuser::spawn_mount(Server { disks }, folder, &config)
            .context("can't serve disks over FUSE: it takes root and /dev/fuse")?;
        Ok(Self { folder: folder.to_owned(), session: Some(session) })
    }

    /// The file that is this disk.
    pub fn disk(&self, number: usize) -> PathBuf {
        self.folder.join(number.to_string())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // What is still attached to it keeps it alive; there is nothing more to be done from here.
            drop(session.umount_and_join());
        }
    }
}

struct Server {
    disks: Vec<Arc<dyn Disk>>,
}

impl Server {
    fn disk(&self, inode: INodeNo) -> Option<&Arc<dyn Disk>> {
        let number = u64::from(inode).checked_sub(FIRST)?;
        self.disks.get(usize::try_from(number).ok()?)
    }

    fn about(&self, inode: INodeNo) -> Option<FileAttr> {
        let (kind, perm, size) = match self.disk(inode) {
            Some(disk) => (FileType::RegularFile, 0o600, u64::try_from(disk.size()).ok()?),
            None if u64::from(inode) < FIRST => (FileType::Directory, 0o700, 0),
            None => return None,
        };
        let never = SystemTime::UNIX_EPOCH;
        Some(FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: never,
            mtime: never,
            ctime: never,
            crtime: never,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}

impl Filesystem for Server {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let number: Option<u64> = name.to_str().and_then(|name| name.parse().ok());
        let inode = number.and_then(|number| number.checked_add(FIRST)).map(INodeNo);
        match inode.and_then(|inode| self.about(inode)) {
            Some(about) => reply.entry(&VALID, &about, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.about(inode) {
            Some(about) => reply.attr(&VALID, &about),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let (Some(disk), Ok(offset), Ok(size)) = (self.disk(inode), usize::try_from(offset), usize::try_from(size))
        else {
            return reply.error(Errno::EIO);
        };
        let mut bytes = vec![0; size.min(disk.size().saturating_sub(offset))];
        if disk.read(offset, &mut bytes) { reply.data(&bytes) } else { reply.error(Errno::EIO) }
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = match (self.disk(inode), usize::try_from(offset)) {
            (Some(disk), Ok(offset)) => disk.write(offset, data),
            _ => false,
        };
        match u32::try_from(data.len()) {
            Ok(length) if written => reply.written(length),
            _ => reply.error(Errno::EIO),
        }
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.disk(inode) {
            Some(disk) => {
                disk.flush();
                reply.ok();
            }
            None => reply.error(Errno::EIO),
        }
    }

    /// Closing a file asks for nothing: only `fsync` does.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}
