//! Why a file is where it is, in one sentence.

mod beside;
mod folders;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use devicedrop_core::name::{self, Kind};
use devicedrop_core::shown::shown_bytes;
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::beneath::{self, Looked};
use crate::control::protocol::Explanation;
use crate::inbox::{Refusal, Waiting, Why, begins_as_list};
use crate::ledger::rows::Submission;

use super::commands::No;
use super::locate::{Located, locate};
use super::rehearsal::{REHEARSED, read_note};
use super::scene::Scene;

/// Explains a file. Blocks while the ledger is read.
pub(super) fn explain(shared: &Scene<'_>, path: &Path) -> Result<Explanation, No> {
    let at = match locate(&shared.config, path) {
        Ok(at) => at,
        Err(no) => return folders::around(shared, path).ok_or(no),
    };
    let newest = shared.readers.ask(|reader| reader.newest_submission(&at.customer.key, &at.path.text()))?;
    let (verdict, mut why) = if folders::hangs(shared, &at.customer) {
        folders::unanswered(newest.as_ref().map(|submission| judged(shared, submission)).transpose()?)
    } else {
        verdict(shared, &at, newest.as_ref())?
    };
    let lane = shared.board.customers.get(&at.customer.key);
    if let Some((unwritten, _)) = lane.and_then(|lane| lane.notices.get(&at.path)?.unwritten.as_ref()) {
        why = format!("{why}; the answer to its sender can't be written: {unwritten}");
    }
    Ok(Explanation {
        path: path.to_owned(),
        customer: Some(at.customer.key),
        verdict: verdict.to_owned(),
        why,
        submission_id: newest.map(|submission| submission.id),
    })
}

fn verdict(shared: &Scene<'_>, at: &Located, newest: Option<&Submission>) -> Result<(&'static str, String), No> {
    let board = &shared.board;
    let lane = board.customers.get(&at.customer.key);
    let refusal = lane.and_then(|lane| lane.refused.get(&at.path)).map(|(refusal, _)| refusal);
    if let Some(refusal @ (Refusal::ResultChanged | Refusal::NamedAsResult)) = refusal {
        return Ok(("refused", refusal.to_string()));
    }
    match there(at).map(|looked| looked.kind) {
        Ok(FileType::Directory) => return Ok(folders::inside(shared, at)),
        // What stands at the name of a marker or an order file is told of by what it is to its CSV.
        Ok(kind) if kind != FileType::RegularFile && name::side_of(at.path.name()).is_none() => {
            return Ok(not_a_file(kind));
        }
        _ => {}
    }
    if let Some(ignored) = ignored(shared, at) {
        return Ok(ignored);
    }
    if let Some(refusal) = refusal {
        return Ok((if refusal.waits() { "waiting" } else { "refused" }, refusal.to_string()));
    }
    if let Some(waiting) = lane.and_then(|lane| lane.waiting.iter().find(|waiting| concerns(waiting, at))) {
        let ago = ago(shared.now.since(waiting.since));
        let verdict = match waiting.why {
            Why::Paused => return Ok(paused(at)),
            Why::Unsettled(_) => "settling",
            _ => "waiting",
        };
        return Ok((verdict, format!("{} (since {ago} ago)", waiting.why)));
    }
    if name::classify(at.path.name()) == Kind::Rehearsal && !at.customer.paused {
        return rehearsal(shared, at);
    }
    if at.customer.paused && newest.is_none() {
        return Ok(paused(at));
    }
    if let Some(submission) = newest {
        return judged(shared, submission);
    }
    if let Some((why, _)) = lane.and_then(|lane| lane.offline.as_ref()) {
        return Ok(("offline", format!("its drop folder is offline: {why}")));
    }
    Ok(match looked_at(at) {
        Err(why) => why,
        Ok(_) => ("new", "it wasn't looked at yet; it will be within the time of `rescan`".to_owned()),
    })
}

fn paused(at: &Located) -> (&'static str, String) {
    ("paused", format!("its customer {} is paused in the configuration", at.customer.key))
}

/// What lies at a path, if it is a file that can be taken; else what is told of it.
fn looked_at(at: &Located) -> Result<Looked, (&'static str, String)> {
    let looked = there(at).map_err(|error| unseen(&error))?;
    if looked.kind == FileType::RegularFile { Ok(looked) } else { Err(not_a_file(looked.kind)) }
}

fn not_a_file(kind: FileType) -> (&'static str, String) {
    let why = match kind {
        FileType::Symlink => "it is a link; links are never followed: put the file itself there",
        _ => "it isn't a regular file",
    };
    ("ignored", why.to_owned())
}

/// How a rehearsal stands that nothing else is known of.
fn rehearsal(shared: &Scene<'_>, at: &Located) -> Result<(&'static str, String), No> {
    let lane = shared.board.customers.get(&at.customer.key);
    if let Some((why, _)) = lane.and_then(|lane| lane.offline.as_ref()) {
        return Ok(("offline", format!("its drop folder is offline: {why}")));
    }
    let now = match looked_at(at) {
        Err(why) => return Ok(why),
        Ok(looked) => looked.stamp,
    };
    let note = shared.readers.ask(|reader| reader.note(Some(&at.customer.key), REHEARSED, &at.path.text()))?;
    let answered = note
        .as_deref()
        .and_then(read_note)
        .is_some_and(|(stamp, _)| (stamp.size, stamp.mtime_ns) == (now.size, now.mtime_ns));
    Ok(if answered {
        (
            "rehearsed",
            "it is a rehearsal, and its answer was written beside it; nothing of it was registered or is on record"
                .to_owned(),
        )
    } else {
        (
            "new",
            "it is a rehearsal, and wasn't looked at yet; it will be answered within the time of `rescan`".to_owned(),
        )
    })
}

/// Whether it is this file that waits, or the folder in which it lies.
fn concerns(waiting: &Waiting, at: &Located) -> bool {
    waiting.path == at.path || at.path.folder() == Some(waiting.path.bytes())
}

/// Looks at the file itself, through no link.
fn there(at: &Located) -> io::Result<Looked> {
    beneath::look(folder_of(at)?.as_fd(), at.path.name())
}

/// Opens the folder that a file lies in.
fn folder_of(at: &Located) -> io::Result<OwnedFd> {
    let drop_folder = beneath::open_path(&at.customer.folder).map_err(io::Error::from)?;
    let Some(folder) = at.path.folder() else { return Ok(drop_folder) };
    if beneath::look(drop_folder.as_fd(), folder)?.kind == FileType::Symlink {
        return Err(Errno::LOOP.into());
    }
    beneath::open_folder(drop_folder.as_fd(), folder)
}

/// What is told of a file that can't be looked at.
fn unseen(error: &io::Error) -> (&'static str, String) {
    if Errno::from_io_error(error) == Some(Errno::LOOP) {
        return ("ignored", "its folder is a link; links are never followed: put the folder itself there".to_owned());
    }
    let why = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            return ("missing", "there is no such file, and nothing is on record of one".to_owned());
        }
        io::ErrorKind::PermissionDenied => {
            "devicedrop may not look into its folder: give its user the right to list and to enter it (chmod u+rx or \
             g+rx), then it is looked at by itself"
                .to_owned()
        }
        _ => format!("it can't be looked at: {error}; once that is mended, it is looked at by itself"),
    };
    ("unknown", why)
}

/// Why a file is never taken, by its place and its name.
fn ignored(shared: &Scene<'_>, at: &Located) -> Option<(&'static str, String)> {
    if at.depth > 1 {
        let why = format!(
            "it lies too deep: only the drop folder and the folders directly inside it are looked into ({})",
            shown_bytes(at.customer.folder.as_os_str().as_bytes())
        );
        return Some(("ignored", why));
    }
    if let Some(folder) = at.path.folder()
        && let Err(why) = name::folder_is_taken(folder, &shared.config.drop.ignore_folders)
    {
        return Some(("ignored", format!("its folder isn't looked into: {why}")));
    }
    if let Some(told) = beside::beside(shared, at) {
        return Some(told);
    }
    let why = match name::classify(at.path.name()) {
        // The latter two were told of above.
        Kind::Submission | Kind::Rehearsal | Kind::OrderFile | Kind::Marker => return None,
        Kind::OurOutput if name::answers_rehearsal(at.path.name()) => {
            "it has the name of the answer to a rehearsal, and is never taken: nothing was registered".to_owned()
        }
        Kind::OurOutput => "it has a name that devicedrop's own output has, and is never taken".to_owned(),
        Kind::NotACsv(_) if at.customer.paused => {
            let (verdict, why) = paused(at);
            return Some((verdict, format!("{why}, and {NOT_A_CSV}")));
        }
        Kind::NotACsv(miss) if miss.depends_on_first_line() => of_beginning(at),
        Kind::NotACsv(_) => NOT_A_CSV.to_owned(),
        Kind::Ignored(why) => why.to_string(),
    };
    Some(("ignored", why))
}

const NOT_A_CSV: &str = "it isn't a CSV by its name: save it as a CSV and drop that";

/// Why a text file isn't taken, which by its name alone could be anything.
fn of_beginning(at: &Located) -> String {
    let headings: Vec<String> = at.customer.columns.values().cloned().collect();
    let is_list = folder_of(at).and_then(|folder| begins_as_list(folder.as_fd(), &at.path, &headings));
    match is_list {
        Ok(true) => NOT_A_CSV.to_owned(),
        Ok(false) => {
            "its name doesn't end in .csv, and its first line doesn't hold two of the headings: nobody is told \
                      of it; if it is a list of devices, save it as a CSV and drop that"
                .to_owned()
        }
        Err(_) => {
            "its name doesn't end in .csv, and devicedrop may not read it, so it can't tell whether it is a list \
                   of devices: if it is one, save it as a CSV that devicedrop's user may read, and drop that"
                .to_owned()
        }
    }
}

/// What became of a submission.
fn judged(shared: &Scene<'_>, submission: &Submission) -> Result<(&'static str, String), No> {
    let id = submission.id;
    if let Some(rejection) = &submission.rejection {
        return Ok(("rejected", format!("as submission {id}: {rejection}")));
    }
    let Some(tally) = &submission.tally else {
        return Ok(("accepting", format!("its rows are being put on record as submission {id}")));
    };
    let owed = shared.readers.ask(|reader| reader.owed(Some(&submission.customer)))?;
    if let Some(reason) = owed.iter().find(|one| one.submission.id == id).and_then(|one| one.reason.clone()) {
        return Ok(("result-owed", format!("accepted as submission {id}; its result can't be written: {reason}")));
    }
    let row = if tally.rows == 1 { "row" } else { "rows" };
    Ok((
        "accepted",
        format!(
            "as submission {id}: {} {row}, {} ready, {} failed, {} pending",
            tally.rows, tally.ready, tally.failed, tally.pending
        ),
    ))
}

/// A time span as people say it.
fn ago(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_isnt_there_is_missing() {
        let told = |kind: io::ErrorKind| unseen(&io::Error::from(kind));
        assert_eq!(told(io::ErrorKind::NotFound).0, "missing");
        let (verdict, why) = told(io::ErrorKind::PermissionDenied);
        assert_eq!(verdict, "unknown");
        assert!(why.contains("may not look into its folder"), "{why}");
        let (verdict, why) = told(io::ErrorKind::StaleNetworkFileHandle);
        assert_eq!(verdict, "unknown");
        assert!(!why.contains("no such file"), "{why}");
    }
}
