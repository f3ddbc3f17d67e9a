//! The names that a result and its receipt can have, and whether what stands at one is ours to replace.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use devicedrop_core::device::Sha256;
use devicedrop_core::name;
use devicedrop_core::settle::Stamp;
use rustix::fs::{AtFlags, FileType, fstat, statat};
use rustix::io::Errno;

use crate::beneath;
use crate::durable::{Replace, Standing, Written};

use super::{Place, ResultError, hash_of};

/// What a result answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers<'a> {
    /// The content that lies at the path now.
    Newest,
    /// A content that lay there before, by the short form of its submission's ID.
    Older(&'a str),
    /// A file that isn't a CSV by its name.
    NotACsv,
    /// A file with the name of a result: its answer stands beside the results, never at the first name of one.
    Output,
}

/// Tells what we last wrote.
pub trait Ours {
    /// The hashes of what may stand under this name in the folder and be ours: what we last wrote there, and what we
    /// were about to write when a crash came between.
    fn last_written(&mut self, name: &[u8]) -> Vec<Sha256>;

    /// The size of the largest of those, in bytes, where that is known: a larger file is none of ours and isn't read.
    fn largest_written(&mut self, _name: &[u8]) -> Option<u64> {
        None
    }

    /// What we wrote under another name and somebody moved here: an answer to a file that wasn't taken, moved with it.
    fn moved_here(&mut self, _file: &Stamp) -> Option<Sha256> {
        None
    }

    /// Something with this hash and size is about to be written under this name. Returns once that is on record.
    fn about_to_write(&mut self, name: &[u8], written: &Written) -> io::Result<()>;
}

/// The name of a result to try at the `number`th time, from 1.
pub fn candidate(place: &Place<'_>, number: u32) -> Vec<u8> {
    match (place.answers, number) {
        (Answers::Older(short), 1) => name::older_result_name(place.path, short),
        (Answers::NotACsv, 1) => name::near_miss_result_name(place.path),
        (Answers::Output, number) => name::result_name_numbered(place.path, number + 1),
        (_, number) => name::result_name_numbered(place.path, number),
    }
}

/// The same for the receipt of a result.
pub fn of_receipt(place: &Place<'_>, number: u32) -> Vec<u8> {
    match (place.answers, number) {
        (Answers::Older(short), 1) => name::older_receipt_name(place.path, short),
        (_, number) => name::receipt_name_numbered(place.path, number),
    }
}

/// How the result may take this name; none when something stands there that we didn't write.
pub(super) fn replaceable(
    folder: BorrowedFd<'_>,
    name: &[u8],
    ours: &mut dyn Ours,
) -> Result<Option<Replace>, ResultError> {
    let look = |errno: Errno| ResultError::Look(errno.into());
    let stat = match statat(folder, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(Some(Replace::Nothing)),
        Err(errno) => return Err(look(errno)),
        Ok(stat) => stat,
    };
    let mut last = ours.last_written(name);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let moved = beneath::look(folder, name).ok().and_then(|looked| ours.moved_here(&looked.stamp));
    last.extend(moved);
    if last.is_empty() {
        return Ok(None);
    }
    let mut file = match beneath::open_file(folder, name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Replace::Nothing)),
        // What we can't read isn't what we wrote: our own files we can.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(ResultError::Look(error)),
    };
    let opened = fstat(file.as_fd()).map_err(look)?;
    let bytes = u64::try_from(opened.st_size).unwrap_or(u64::MAX);
    let too_large = moved.is_none() && ours.largest_written(name).is_some_and(|largest| bytes > largest);
    if too_large || FileType::from_raw_mode(opened.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    if !last.contains(&hash_of(&mut file).map_err(ResultError::Look)?) {
        return Ok(None);
    }
    Ok(Some(Replace::Only(Standing::from(&opened))))
}
