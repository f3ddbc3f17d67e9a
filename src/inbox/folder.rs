//! A drop folder itself: opened anew for each pass, and only believed to be the drop folder if it is the one it was.
//!
//! No descriptor is kept between passes: it would keep a share from being unmounted, and after a remount it would
//! lead to what isn't there any more. Within a pass all goes by the one descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use devicedrop_core::plan::{FolderFate, FolderId, judge_folder};
use rustix::fs::Dir;

use super::desk::{Desk, DeskError};
use super::why::Offline;
use crate::beneath::{is_knowing, look_at, open_path};

/// The drop folder, open.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    pub(super) id: FolderId,
    /// Whether its file system's leases and inode numbers can be believed.
    pub(super) knowing: bool,
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What is known of the folder between passes.
#[derive(Debug, Default)]
pub(super) struct FolderMemory {
    /// The drop folder.
    adopted: Option<FolderId>,
    /// What lay at the path at the last look.
    before: Option<FolderId>,
}

impl FolderMemory {
    /// Opens the drop folder, if it is the one.
    pub(super) fn open(&mut self, path: &Path, desk: &mut dyn Desk) -> Result<Result<Root, Offline>, DeskError> {
        let root = match open_root(path) {
            Ok(root) => root,
            Err(offline) => {
                self.before = None;
                return Ok(Err(offline));
            }
        };
        let known = match self.adopted {
            Some(known) => Some(known),
            None => desk.folder(path)?,
        };
        let before = self.before.replace(root.id);
        match judge_folder(known, before, root.id, || is_empty(&root)) {
            FolderFate::EmptyMountPoint => return Ok(Err(Offline::EmptyMountPoint)),
            FolderFate::Replaced => return Ok(Err(Offline::Replaced)),
            FolderFate::Use => {}
        }
        if known != Some(root.id) {
            desk.folder_is(path, root.id)?;
        }
        self.adopted = Some(root.id);
        Ok(Ok(root))
    }
}

fn open_root(path: &Path) -> Result<Root, Offline> {
    let fd = open_path(path)?;
    let id = look_at(&fd).map_err(Offline::Io)?.folder_id();
    let knowing = is_knowing(fd.as_fd());
    Ok(Root { fd, id, knowing })
}

/// Whether nobody put anything into the folder. One that can't be listed counts as empty: it shows nothing.
fn is_empty(root: &Root) -> bool {
    let Ok(entries) = Dir::read_from(root) else { return true };
    let mut names = entries.filter_map(Result::ok);
    !names.any(|entry| ![&b"."[..], b"..", b"lost+found"].contains(&entry.file_name().to_bytes()))
}
