//! Answers to files that aren't taken: why not, and what to do, in a result file beside them.
//!
//! They are written by the intake lane itself, after its pass, and tried again with each pass until they are in place.
//! Blocks; called from threads that may.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use devicedrop_core::device::Sha256;
use devicedrop_core::dialect::Dialect;
use devicedrop_core::message::{self, Notice};
use devicedrop_core::name::{self, Kind, NearMiss};

use crate::beneath;
use crate::config::CustomerSettings;
use crate::durable;
use crate::inbox::{DropPath, Refusal};
use crate::results::{self, Answers, Content, Ours, Place, ResultError};

use super::payment::{PayError, open_drop_folder};
use super::shared::Shared;
use super::written::{Written, note_notice};

/// Why a file is answered without being taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is refused.
    Refused(Refusal),
    /// Its customer is over the day's limit.
    DayLimit,
}

/// Answers are written for so long at a time; then files are looked for again, which wait meanwhile.
const AT_A_TIME: Duration = Duration::from_secs(1);

/// Forgets the files told of that are gone, and writes the answers that are due, as many as go into a while. Says
/// whether more are, and with each that it goes on.
pub(super) fn write_all(shared: &Shared, customer: &CustomerSettings, goes_on: &mut dyn FnMut()) -> bool {
    forget_gone(shared, customer);
    let began = shared.clock.elapsed();
    for (path, cause) in shared.board.unanswered(&customer.key, began) {
        let now = shared.clock.elapsed();
        if now.saturating_sub(began) >= AT_A_TIME {
            return true;
        }
        goes_on();
        match write(shared, customer, &path, &cause) {
            Ok(()) => shared.board.answered(&customer.key, &path),
            Err(error) => {
                let why = error.told();
                let no_name = matches!(error, PayError::Result(ResultError::NoName { .. }));
                if shared.board.unwritten(&customer.key, &path, &why, no_name, (shared.clock.now(), now)) {
                    tracing::warn!(customer = %customer.key, file = %path.text(), why = %why, "answer owed");
                }
            }
        }
    }
    false
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

fn write(shared: &Shared, customer: &CustomerSettings, path: &DropPath, cause: &Cause) -> Result<(), PayError> {
    let folder = open_folder(shared, customer, path)?;
    let answered = answered(path, cause);
    let answers = match (cause, name::classify(path.name())) {
        (Cause::Refused(Refusal::NotACsv | Refusal::TooDeep), Kind::NotACsv(_)) => Answers::NotACsv,
        // To a sender on Windows, a.Result.csv and a.result.csv are one name.
        (Cause::Refused(Refusal::ResultChanged | Refusal::NamedAsResult), _) => Answers::Output,
        _ => Answers::Newest,
    };
    let place = Place { folder: folder.as_fd(), path: answered.bytes(), answers, mode: shared.config().results.mode };
    let details = words(path, cause, customer);
    let sheet = devicedrop_core::result_sheet::rejected(details.clone(), Dialect::STANDARD, customer.locale);
    let sha256 = Sha256::of(&sheet);
    let mut ours = Written::new(shared, &customer.key, &answered);
    // One name at a time, up to the first at which nothing stands.
    let stands = |name: &Vec<u8>| beneath::look(folder.as_fd(), name).is_ok();
    let names = (1..=name::RESULT_NAMES).map(|number| results::name_of(&place, number)).take_while(stands);
    if names.into_iter().any(|name| ours.last_written(&name).contains(&sha256)) {
        // Said before, and it still stands there.
        return Ok(());
    }
    let content = Content::Refused { details, dialect: Dialect::STANDARD };
    let placed = if matches!(cause, Cause::Refused(Refusal::ResultChanged | Refusal::NamedAsResult)) {
        // What stands at the other names answers the original, and goes on doing so.
        results::write(&place, &mut Beside(ours), customer.locale, content)?
    } else {
        results::write(&place, &mut ours, customer.locale, content)?
    };
    let file = path.beside(&placed.name).text();
    note_notice(shared, &customer.key, &placed, &answered);
    tracing::info!(customer = %customer.key, file = %path.text(), result = %file, "answered without being taken");
    Ok(())
}

/// The path whose result the answer looks like.
fn answered(path: &DropPath, cause: &Cause) -> DropPath {
    match cause {
        Cause::Refused(Refusal::FolderUnreadable) => path.beside(&[path.name(), b".folder.csv"].concat()),
        Cause::Refused(Refusal::ResultChanged | Refusal::NamedAsResult) => {
            path.beside(&name::answered_by(path.name()))
        }
        Cause::Refused(_) | Cause::DayLimit => path.clone(),
    }
}

/// Replaces nothing: what we wrote under a name stays there.
struct Beside<'a>(Written<'a>);

impl Ours for Beside<'_> {
    fn last_written(&mut self, _: &[u8]) -> Vec<Sha256> {
        Vec::new()
    }

    fn about_to_write(&mut self, name: &[u8], written: &durable::Written) -> io::Result<()> {
        self.0.about_to_write(name, written)
    }
}

fn words(path: &DropPath, cause: &Cause, customer: &CustomerSettings) -> String {
    let near_miss = match name::classify(path.name()) {
        Kind::NotACsv(miss) => miss,
        _ => NearMiss::Txt,
    };
    let result = name::path_text(path.name());
    let notice = match cause {
        Cause::Refused(Refusal::NotACsv) if name::would_be_our_output(path.name()) => {
            Notice::NotACsvButResult(near_miss)
        }
        Cause::Refused(Refusal::NotACsv) => Notice::NotACsv(near_miss),
        Cause::Refused(Refusal::TooDeep) if matches!(name::classify(path.name()), Kind::NotACsv(_)) => {
            Notice::NotACsvTooDeep(near_miss)
        }
        // Where it would be taken there is one folder.
        Cause::Refused(Refusal::TooDeep) => Notice::TooDeep { up: path.depth().saturating_sub(1) },
        Cause::Refused(Refusal::Unreadable) => Notice::MayNotOpen,
        Cause::Refused(Refusal::SecondLink) => Notice::SecondLink,
        Cause::Refused(Refusal::BadOrderFile(bad)) => Notice::BadOrderFile(bad),
        Cause::Refused(Refusal::OtherContent) => Notice::OtherContent,
        Cause::Refused(Refusal::OtherMarkerName { found, expected }) => Notice::MarkerName { found, expected },
        Cause::Refused(Refusal::BlankFolder) => Notice::BlankFolder,
        Cause::Refused(Refusal::NoMarker) => Notice::NoMarker,
        Cause::Refused(Refusal::NoOrderFile) => Notice::NoOrderFile,
        Cause::Refused(Refusal::OldMarker) => Notice::OldMarker,
        Cause::Refused(Refusal::SpentMarker) => Notice::SpentMarker,
        Cause::Refused(Refusal::UnusableMarker) => Notice::UnusableMarker,
        Cause::Refused(Refusal::SpentOrderFile) => Notice::SpentOrderFile,
        Cause::Refused(Refusal::FolderUnreadable) => Notice::FolderUnreadable,
        Cause::Refused(Refusal::ResultChanged) => Notice::ResultChanged { result: &result },
        Cause::Refused(Refusal::NamedAsResult) => Notice::NamedAsResult { name: &result },
        Cause::DayLimit => Notice::DayLimit,
    };
    message::notice(&notice, customer.locale)
}

/// Opens the folder of a file, however deep it lies.
fn open_folder(shared: &Shared, customer: &CustomerSettings, path: &DropPath) -> Result<OwnedFd, PayError> {
    let failed = |cause: io::Error| PayError::Folder { folder: customer.folder.display().to_string(), cause };
    let drop_folder = open_drop_folder(shared, customer)?;
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
    fn an_answer_stands_beside_what_it_is_about() {
        let beside = |path: &[u8], refusal| {
            let answered = answered(&DropPath::from_bytes(path), &Cause::Refused(refusal));
            answered.beside(&name::result_name(answered.bytes())).text()
        };
        assert_eq!(beside(b"PO-1", Refusal::FolderUnreadable), "PO-1.folder.result.csv");
        assert_eq!(beside(b"PO-1/a.csv", Refusal::SecondLink), "PO-1/a.result.csv");
        assert_eq!(beside(b"PO-1/a.result.csv", Refusal::ResultChanged), "PO-1/a.result.csv");
        assert_eq!(beside(b"A.result-12.CSV", Refusal::ResultChanged), "A.result.CSV");
        assert_eq!(beside(b"a.1a2b3c4d.result.csv", Refusal::ResultChanged), "a.1a2b3c4d.result.csv");
    }

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
