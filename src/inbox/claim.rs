//! Reads a file whole: into the archive, or only to compare it.
//!
//! Memory is one fixed buffer. Whether the file stayed the same meanwhile is for the caller to look.

use std::fs::File;
use std::io::{self, Read};

use devicedrop_core::device::Sha256;
use sha2::Digest;

use super::archive::{Archive, Copying};

/// Large enough that system calls don't count, small enough for a lane per customer.
const BUFFER: usize = 128 * 1024;

/// Why a file couldn't be read whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    /// The file itself.
    #[error("the file can't be read")]
    Source(#[source] io::Error),
    /// The archive.
    #[error("the archive can't be written")]
    Archive(#[source] io::Error),
    /// It grew beyond the limit while it was read.
    #[error("the file grew while it was read")]
    Grew,
    /// The daemon stops.
    #[error("the daemon stops")]
    Closing,
}

/// A file's content, copied but not yet in its place.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) copying: Copying,
    pub(super) sha256: Sha256,
    pub(super) bytes: u64,
}

/// Copies a file into the archive, without putting it into its place. `feed` sees every byte and says whether to go on.
pub(super) fn copy(
    source: &mut File,
    archive: &Archive,
    limit: u64,
    mut feed: impl FnMut(&[u8]) -> bool,
) -> Result<Copied, ClaimError> {
    let mut copying = archive.begin().map_err(ClaimError::Archive)?;
    let (sha256, bytes) = read(source, limit, |bytes| {
        copying.write(bytes).map_err(ClaimError::Archive)?;
        if feed(bytes) { Ok(()) } else { Err(ClaimError::Closing) }
    })?;
    Ok(Copied { copying, sha256, bytes })
}

/// A copy of a file without a name, if the file has this content; none if it has another.
pub fn copy_of_content(
    source: &mut File,
    archive: &Archive,
    (sha256, bytes): (Sha256, u64),
    go_on: impl Fn() -> bool,
) -> io::Result<Option<File>> {
    match copy(source, archive, bytes, |_| go_on()) {
        Ok(copied) if copied.sha256 == sha256 => copied.copying.into_nameless().map(Some),
        Ok(_) | Err(ClaimError::Grew) => Ok(None),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// The SHA-256 of a file. `go_on` is asked along the way.
pub(super) fn digest(source: &mut File, limit: u64, go_on: impl Fn() -> bool) -> Result<Sha256, ClaimError> {
    let (sha256, _) = read(source, limit, |_| if go_on() { Ok(()) } else { Err(ClaimError::Closing) })?;
    Ok(sha256)
}

fn read(
    source: &mut File,
    limit: u64,
    mut each: impl FnMut(&[u8]) -> Result<(), ClaimError>,
) -> Result<(Sha256, u64), ClaimError> {
    let mut buffer = vec![0; BUFFER];
    let mut hasher = sha2::Sha256::new();
    let mut total: u64 = 0;
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok((Sha256::from_bytes(hasher.finalize().into()), total)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ClaimError::Source(error)),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        total = total.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if total > limit {
            return Err(ClaimError::Grew);
        }
        hasher.update(bytes);
        each(bytes)?;
    }
}
