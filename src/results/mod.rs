//! Result files and their receipts: which name they get, what stands in a result, and that nobody ever sees half of
//! one. What stands in a receipt is `crate::proof`'s.
//!
//! The folder comes as a descriptor, the fate of the rows from whoever asks ([`Fates`]), the sender's cells from the
//! archived copy of the original. Who is owed a result, and when, is the daemon's affair; what a row of a result looks
//! like is decided in `devicedrop_core::result_sheet`.

mod names;
mod sheet;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use devicedrop_core::device::Sha256;
use devicedrop_core::dialect::Dialect;
use devicedrop_core::locale::Locale;
use devicedrop_core::name;
use devicedrop_core::result_sheet;
use devicedrop_core::sheet::SheetOptions;
use devicedrop_core::shown::shown_bytes;
use devicedrop_core::survey::Encoding;

use crate::durable::{self, DurableError};
use crate::step::Step;

pub use names::{Answers, Ours, candidate as name_of, of_receipt as receipt_name_of};
pub use sheet::{Fates, RowFate};

/// Where a result goes.
pub struct Place<'a> {
    /// The folder in which the original lies.
    pub folder: BorrowedFd<'a>,
    /// The original's path inside the drop folder.
    pub path: &'a [u8],
    /// What of it is answered.
    pub answers: Answers<'a>,
    /// The result file's permissions.
    pub mode: u32,
}

/// What a result says.
pub enum Content<'a> {
    /// The rows of an accepted file and their fates.
    Rows {
        /// The archived copy of the original.
        copy: &'a mut File,
        /// How its bytes are read.
        encoding: Encoding,
        /// How its headings are read.
        options: &'a SheetOptions,
        /// The fate of each row.
        fates: &'a mut dyn Fates,
    },
    /// One row that says why the whole file is refused.
    Refused {
        /// Why, in the customer's language.
        details: String,
        /// As the original has it, where that is known.
        dialect: Dialect,
    },
}

/// A result file that stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its name in the folder.
    pub name: Vec<u8>,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Its size.
    pub bytes: u64,
    /// Its inode.
    pub ino: u64,
    /// Its mtime, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// A result couldn't be written.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// All names that it could have are taken.
    #[error("every name from {first} to {last} is taken by files that aren't ours: remove some of them")]
    NoName {
        /// The first name tried.
        first: String,
        /// The last one.
        last: String,
    },
    /// What stands in the folder can't be looked at.
    #[error("the folder can't be looked into")]
    Look(#[source] io::Error),
    /// What is about to be written can't be put on record.
    #[error("what is about to be written can't be put on record")]
    Record(#[source] io::Error),
    /// The file can't be written or put in its place.
    #[error(transparent)]
    Write(DurableError),
}

impl ResultError {
    /// Whether the folder has no room, can't be written, or is gone: trouble of the place, not of the result.
    pub fn is_of_the_place(&self) -> bool {
        !matches!(self, Self::NoName { .. } | Self::Record(_))
    }
}

/// Writes a result file, whole and durable, under the first of its names that is free or ours.
///
/// After a crash in the middle there is the old file or the new one, and perhaps a temporary one of ours.
pub fn write(
    place: &Place<'_>,
    ours: &mut dyn Ours,
    locale: Locale,
    content: Content<'_>,
) -> Result<Placed, ResultError> {
    let aside = durable::write_aside(place.folder, place.mode, |out| match content {
        Content::Rows { copy, encoding, options, fates } => sheet::write(out, copy, encoding, options, locale, fates),
        Content::Refused { details, dialect } => out.write_all(&result_sheet::rejected(details, dialect, locale)),
    })
    .map_err(ResultError::Write)?;
    Step::ResultReady.passed();
    let placed = put(place, ours, names::candidate, aside, || Step::ResultChecked.passed())?;
    Step::ResultInPlace.passed();
    Ok(placed)
}

/// Writes a receipt as [`write()`] writes its result.
pub fn write_receipt(place: &Place<'_>, ours: &mut dyn Ours, text: &[u8]) -> Result<Placed, ResultError> {
    let aside =
        durable::write_aside(place.folder, place.mode, |out| out.write_all(text)).map_err(ResultError::Write)?;
    put(place, ours, names::of_receipt, aside, || {})
}

/// Puts a file that was written aside in its place: under the first of the names of `name_of` that is free or ours.
fn put(
    place: &Place<'_>,
    ours: &mut dyn Ours,
    name_of: fn(&Place<'_>, u32) -> Vec<u8>,
    aside: durable::Aside<'_>,
    checked: impl Fn(),
) -> Result<Placed, ResultError> {
    let mut aside = Some(aside);
    for number in 1..=name::RESULT_NAMES {
        let name = name_of(place, number);
        let Some(replace) = names::replaceable(place.folder, &name, ours)? else { continue };
        let Some(ready) = aside.take() else { break };
        ours.about_to_write(&name, &ready.written()).map_err(ResultError::Record)?;
        checked();
        match ready.place(OsStr::from_bytes(&name), replace) {
            Ok(written) => {
                let durable::Written { file, sha256, bytes, mtime_ns } = written;
                return Ok(Placed { name, sha256, bytes, ino: file.ino, mtime_ns });
            }
            Err(error) => return Err(ResultError::Write(error)),
        }
    }
    let told = |number| shown_bytes(&name_of(place, number)).to_string();
    Err(ResultError::NoName { first: told(1), last: told(name::RESULT_NAMES) })
}

/// Reads a file to its end and hashes it.
fn hash_of(file: &mut File) -> io::Result<Sha256> {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(Sha256::from_bytes(hasher.finalize().into())),
            Some(bytes) => hasher.update(bytes),
        }
    }
}
