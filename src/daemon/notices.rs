//! Answers to files that aren't taken: why not, and what to do, in a result file beside them.
//!
//! They are written by the intake lane itself, after its pass, and tried again with each pass until they are in place.
//! Blocks; called from threads that may.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use devicedrop_core::dialect::Dialect;
use devicedrop_core::message::{self, Notice};
use devicedrop_core::name::{self, Kind, NearMiss};

use crate::beneath;
use crate::config::CustomerSettings;
use crate::inbox::{DropPath, Refusal};
use crate::results::{self, Answers, Content, Ours, Place};

use super::payment::{PayError, WRITTEN, Written};
use super::shared::Shared;

/// Why a file is answered without being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is refused.
    Refused(Refusal),
    /// Its customer is over the day's limit.
    DayLimit,
}

/// Writes the answers that are still to be written, and forgets the files told of that are gone.
pub(super) fn write_all(shared: &Shared, customer: &CustomerSettings) {
    forget_gone(shared, customer);
    for (path, cause) in shared.board.unanswered(&customer.key) {
        match write(shared, customer, &path, cause) {
            Ok(()) => shared.board.answered(&customer.key, &path),
            Err(error) => {
                tracing::warn!(customer = %customer.key, file = %path.text(), why = %error.told(), "answer owed");
            }
        }
    }
}

/// A file that was deleted or renamed is no problem any more. Nothing is concluded from a folder that can't be opened.
fn forget_gone(shared: &Shared, customer: &CustomerSettings) {
    let told = shared.board.told(&customer.key);
    if told.is_empty() {
        return;
    }
    let Ok(folder) = beneath::open_path(&customer.folder) else { return };
    let gone = told.into_iter().filter(|path| is_gone(folder.as_fd(), path)).collect();
    shared.board.gone(&customer.key, gone);
}

fn is_gone(drop_folder: BorrowedFd<'_>, path: &DropPath) -> bool {
    let looked = match descend(drop_folder, path) {
        Ok(Some(folder)) => beneath::look(folder.as_fd(), path.name()),
        Ok(None) => beneath::look(drop_folder, path.name()),
        Err(error) => Err(error),
    };
    looked.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn write(shared: &Shared, customer: &CustomerSettings, path: &DropPath, cause: Cause) -> Result<(), PayError> {
    let folder = open_folder(customer, path)?;
    let answers = match cause {
        Cause::Refused(Refusal::NotACsv) => Answers::NotACsv,
        Cause::Refused(_) | Cause::DayLimit => Answers::Newest,
    };
    let place = Place { folder: folder.as_fd(), path: path.bytes(), answers, mode: shared.config().results.mode };
    let mut ours = Written::new(shared, &customer.key, path);
    let name = match answers {
        Answers::NotACsv => name::near_miss_result_name(path.bytes()),
        _ => name::result_name(path.bytes()),
    };
    let details = words(path, cause, customer);
    let sheet = devicedrop_core::result_sheet::rejected(details.clone(), Dialect::STANDARD, customer.locale);
    if ours.last_written(&name).contains(&devicedrop_core::device::Sha256::of(&sheet))
        && beneath::look(folder.as_fd(), &name).is_ok()
    {
        // Said before, and it still stands there.
        return Ok(());
    }
    let placed =
        results::write(&place, &mut ours, customer.locale, Content::Refused { details, dialect: Dialect::STANDARD })?;
    let file = path.beside(&placed.name).text();
    let noted = shared.writer.note(
        Some(customer.key.clone()),
        WRITTEN.to_owned(),
        file.clone(),
        Some(placed.sha256.to_string()),
    );
    if let Err(error) = noted.wait() {
        tracing::error!(error = %error, "an answer that is in place could not be noted");
    }
    tracing::info!(customer = %customer.key, file = %path.text(), result = %file, "answered without being taken");
    Ok(())
}

fn words(path: &DropPath, cause: Cause, customer: &CustomerSettings) -> String {
    let near_miss = match name::classify(path.name()) {
        Kind::NotACsv(miss) => miss,
        _ => NearMiss::Txt,
    };
    let notice = match cause {
        Cause::Refused(Refusal::NotACsv) => Notice::NotACsv(near_miss),
        Cause::Refused(Refusal::TooDeep) => Notice::TooDeep,
        Cause::Refused(Refusal::Unreadable) => Notice::MayNotOpen,
        Cause::Refused(Refusal::SecondLink) => Notice::SecondLink,
        Cause::DayLimit => Notice::DayLimit,
        Cause::Refused(Refusal::BadOrderFile) => Notice::BadOrderFile,
        Cause::Refused(Refusal::OtherContent) => Notice::OtherContent,
    };
    message::notice(&notice, customer.locale)
}

/// Opens the folder of a file, however deep it lies.
fn open_folder(customer: &CustomerSettings, path: &DropPath) -> Result<OwnedFd, PayError> {
    let failed = |cause: io::Error| PayError::Folder { folder: customer.folder.display().to_string(), cause };
    let drop_folder = beneath::open_path(&customer.folder).map_err(|error| failed(error.into()))?;
    Ok(descend(drop_folder.as_fd(), path).map_err(failed)?.unwrap_or(drop_folder))
}

/// Opens the folder of a file from its drop folder; none if that is its folder.
fn descend(drop_folder: BorrowedFd<'_>, path: &DropPath) -> io::Result<Option<OwnedFd>> {
    let mut at = None;
    for part in path.folder().into_iter().flat_map(|folder| folder.split(|byte| *byte == b'/')) {
        let from = at.as_ref().map_or(drop_folder, AsFd::as_fd);
        at = Some(beneath::open_folder(from, part)?);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_isnt_there_is_gone() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("PO-1/deep")).unwrap();
        std::fs::write(place.path().join("a.xlsx"), "").unwrap();
        std::fs::write(place.path().join("PO-1/deep/a.csv"), "").unwrap();
        std::os::unix::fs::symlink("PO-1", place.path().join("link")).unwrap();
        let folder = beneath::open_path(&place.path().canonicalize().unwrap()).unwrap();
        let gone = |path: &[u8]| is_gone(folder.as_fd(), &DropPath::from_bytes(path));
        assert!(!gone(b"a.xlsx"));
        assert!(!gone(b"PO-1/deep/a.csv"));
        assert!(!gone(b"link/deep/a.csv"), "nobody can tell what lies behind a link");
        assert!(gone(b"b.xlsx"));
        assert!(gone(b"PO-1/deep/b.csv"));
        assert!(gone(b"PO-2/deep/a.csv"));
    }
}
