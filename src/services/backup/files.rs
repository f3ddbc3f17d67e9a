//! Copying files and bringing whole file systems to the disk.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use devicedrop_core::device::Sha256;
use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};
use rustix::io::Errno;
use sha2::Digest;

use super::Listed;

/// Copies what is left of a file into a new one; it is on the disk only after [`sync_all_below`]. Returns its size
/// and its content's hash.
pub(super) fn copy(mut from: File, to: &Path, mode: u32) -> io::Result<(u64, Sha256)> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
    // Whatever the umask took away.
    file.set_permissions(Permissions::from_mode(mode))?;
    let found = digest(&mut from, |bytes| file.write_all(bytes))?;
    // A disk that is full may say so only now.
    file.flush()?;
    Ok(found)
}

/// A file of a backup as it lies there.
pub(super) fn listed(folder: &Path, name: &str) -> io::Result<Listed> {
    let (bytes, sha256) = digest(&mut File::open(folder.join(name))?, |_| Ok(()))?;
    Ok(Listed { name: name.to_owned(), bytes, sha256: sha256.to_string() })
}

fn digest(from: &mut File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<(u64, Sha256)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut total = 0_u64;
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((total, Sha256::from_bytes(hasher.finalize().into())));
        }
        hasher.update(bytes);
        each(bytes)?;
        total = total.saturating_add(u64::try_from(read).unwrap_or(0));
    }
}

/// Makes a folder unless it is there.
pub(super) fn folder(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Brings all of the file system that the folder is on to the disk: cheaper than each of a million files alone.
pub(super) fn sync_all_below(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    rustix::io::retry_on_intr(|| syncfs(&folder))?;
    folder.sync_all()
}

/// Gives a folder the name that counts, durably. Nothing may stand there but an empty folder.
pub(super) fn name(folder: &Path, name: &Path) -> io::Result<()> {
    match renameat_with(CWD, folder, CWD, name, RenameFlags::NOREPLACE) {
        // Not every file system can do that; a folder never replaces another that isn't empty.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => rustix::fs::rename(folder, name)?,
        renamed => renamed?,
    }
    File::open(name.parent().unwrap_or(Path::new("/")))?.sync_all()
}
