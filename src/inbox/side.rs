//! The files beside a CSV that say something about it: its marker and its order file.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use devicedrop_core::device::Sha256;
use devicedrop_core::settle::{Openness, Readiness, Settling, Stamp};
use rustix::fs::FileType;
use serde::Deserialize;

use super::desk::{Arrival, DeskError, SideFile};
use super::drop_path::DropPath;
use super::memory::Tracked;
use super::pass::{Pass, Step, is_gone};
use super::taking::Candidate;
use super::why::{Refusal, Why};
use super::{Completion, OrderFiles};
use crate::beneath::{Looked, look, look_at, open_file};

/// An order file holds two short texts; a larger one isn't one.
const LARGEST_ORDER_FILE: u64 = 64 * 1024;

/// A marker holds a hash and perhaps a name; the rest of a larger one isn't read.
const LARGEST_MARKER: u64 = 4 * 1024;

/// What the files beside a CSV, and its folder, say of it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) order_id: Option<String>,
    pub(super) purchase_id: Option<String>,
    pub(super) spent: Vec<SideFile>,
    /// The SHA-256 that the marker says, and the marker.
    pub(super) expected: Option<(Sha256, Stamp)>,
    /// What is missing of the marker: needed unless the file was only moved.
    no_marker: Option<Why>,
    /// Whether the order file is missing: needed for a new submission.
    no_order_file: bool,
}

impl Beside {
    /// What a file that came like this still waits for.
    pub(super) fn lacks_for(&self, arrival: &Arrival) -> Option<Why> {
        match arrival {
            Arrival::Moved { .. } => None,
            Arrival::Again { .. } => self.no_marker,
            Arrival::New => self.no_marker.or(self.no_order_file.then_some(Why::NoOrderFile)),
        }
    }
}

/// An order file's content. A key that we don't know is a mistake that its sender should hear of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderText {
    order_id: Option<String>,
    purchase_id: Option<String>,
}

impl Pass<'_> {
    /// Looks at what lies beside a file; an error is what it waits for.
    pub(super) fn beside(
        &mut self,
        candidate: &Candidate<'_>,
        tracked: &mut Tracked,
    ) -> Result<Result<Beside, Step>, DeskError> {
        let mut beside = Beside::default();
        if self.settings.completion == Completion::Marker
            && let Err(step) = self.marker(candidate, tracked, &mut beside)?
        {
            return Ok(Err(step));
        }
        if let Err(step) = self.order_file(candidate, &mut beside)? {
            return Ok(Err(step));
        }
        // Only a file that is on record already can do without what a new one needs. Whether it is that takes reading
        // it, which is done once and only where it can be so.
        if let Some(why) = beside.lacks_for(&Arrival::New) {
            let may_be_again = candidate.known.is_some() && beside.no_marker.is_none();
            if tracked.is_new || !(may_be_again || self.may_be_moved_here(candidate)?) {
                return Ok(Err(Step::Wait(why, self.settings.rescan)));
            }
        }
        if beside.order_id.is_none() {
            beside.order_id = candidate.path.folder().map(|folder| DropPath::from_bytes(folder).text());
        }
        Ok(Ok(beside))
    }

    fn may_be_moved_here(&mut self, candidate: &Candidate<'_>) -> Result<bool, DeskError> {
        let alike = self.desk.known_like(&candidate.looked.stamp)?;
        Ok(alike.iter().any(|(from, _)| from != candidate.path))
    }

    fn marker(
        &mut self,
        candidate: &Candidate<'_>,
        tracked: &mut Tracked,
        beside: &mut Beside,
    ) -> Result<Result<(), Step>, DeskError> {
        let name = [candidate.path.name(), b".done"].concat();
        let Some((looked, mut file)) = open_regular(candidate.folder, &name).ok().flatten() else {
            beside.no_marker = Some(Why::NoMarker);
            return Ok(Ok(()));
        };
        let side = SideFile { path: candidate.path.beside(&name), stamp: looked.stamp };
        // Both ctimes are of one file system's clock, and no sender can set them. Scripts write both files within
        // one tick of it, so equal times are in order; that a marker counts once keeps that safe.
        if looked.stamp.ctime_ns < candidate.looked.stamp.ctime_ns || self.desk.is_spent(&side)? {
            beside.no_marker = Some(Why::OldMarker);
            return Ok(Ok(()));
        }
        if tracked.wrong_marker == Some((looked.stamp, candidate.looked.stamp)) {
            return Ok(Err(Step::Blocked(Why::OtherContent, Refusal::OtherContent)));
        }
        let now = self.clock.elapsed();
        let openness = self.openness(&file);
        let settling = tracked.marker.get_or_insert_with(|| Settling::marker(looked.stamp, now));
        settling.seen(looked.stamp, now);
        // The hash in it may still be written. Where the kernel says that nobody writes, it is there whole.
        if openness != Openness::Closed
            && let Readiness::Wait { remaining, because } = settling.decide(openness, &self.settings.quiet, now)
        {
            return Ok(Err(Step::Wait(Why::Unsettled(because), remaining)));
        }
        let Ok(text) = read_up_to(&mut file, LARGEST_MARKER) else {
            beside.no_marker = Some(Why::NoMarker);
            return Ok(Ok(()));
        };
        beside.expected = hash_in(&text).map(|sha256| (sha256, looked.stamp));
        beside.spent.push(side);
        Ok(Ok(()))
    }

    fn order_file(&mut self, candidate: &Candidate<'_>, beside: &mut Beside) -> Result<Result<(), Step>, DeskError> {
        let required = self.settings.order_files == OrderFiles::Required;
        let bad = Ok(Err(Step::Blocked(Why::BadOrderFile, Refusal::BadOrderFile)));
        let name = order_file_name(candidate.path.name());
        let (looked, mut file) = match open_regular(candidate.folder, &name) {
            Ok(Some(opened)) => opened,
            Ok(None) => {
                beside.no_order_file = required;
                return Ok(Ok(()));
            }
            Err(_) => return bad,
        };
        let side = SideFile { path: candidate.path.beside(&name), stamp: looked.stamp };
        if self.desk.is_spent(&side)? {
            beside.no_order_file = required;
            return Ok(Ok(()));
        }
        if looked.stamp.size > LARGEST_ORDER_FILE {
            return bad;
        }
        let Ok(text) = read_up_to(&mut file, LARGEST_ORDER_FILE) else { return bad };
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
        // One that is still being written isn't valid yet; the grace is long enough for it.
        let Ok(order) = serde_json::from_slice::<OrderText>(text) else { return bad };
        beside.order_id = order.order_id;
        beside.purchase_id = order.purchase_id;
        beside.spent.push(side);
        Ok(Ok(()))
    }
}

/// `devices.order.json` for `devices.csv`.
fn order_file_name(csv: &[u8]) -> Vec<u8> {
    let stem = csv.get(..csv.len().saturating_sub(".csv".len())).unwrap_or(csv);
    [stem, b".order.json"].concat()
}

/// Opens a regular file of one link; `None` if there is none.
fn open_regular(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<(Looked, std::fs::File)>> {
    match look(folder, name) {
        Ok(looked) if looked.kind == FileType::RegularFile => {}
        Ok(_) => return Ok(None),
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    match open_file(folder, name) {
        Ok(file) => {
            let looked = look_at(&file)?;
            Ok((looked.kind == FileType::RegularFile && looked.links == 1).then_some((looked, file)))
        }
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_up_to(file: &mut std::fs::File, limit: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

/// The hash at a marker's beginning, as `sha256sum` and people write it.
fn hash_in(text: &[u8]) -> Option<Sha256> {
    let text = String::from_utf8_lossy(text);
    text.trim_start_matches('\u{feff}').split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_file_has_the_csvs_stem() {
        assert_eq!(order_file_name(b"devices.csv"), b"devices.order.json");
        assert_eq!(order_file_name(b"A.CSV"), b"A.order.json");
        assert_eq!(order_file_name(b".csv"), b".order.json");
    }

    #[test]
    fn a_marker_may_hold_a_hash() {
        let hash = Sha256::of(b"abc");
        assert_eq!(hash_in(format!("{hash}  devices.csv\n").as_bytes()), Some(hash));
        assert_eq!(hash_in(format!("\u{feff}{}\r\n", hash.to_string().to_uppercase()).as_bytes()), Some(hash));
        assert_eq!(hash_in(b""), None);
        assert_eq!(hash_in(b"done"), None);
    }
}
