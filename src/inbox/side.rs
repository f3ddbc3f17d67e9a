//! The files beside a CSV that say something about it: its marker and its order file.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use devicedrop_core::device::Sha256;
use devicedrop_core::order::BadOrderFile;
use devicedrop_core::settle::{Openness, Readiness, Settling, Stamp};
use rustix::fs::FileType;

use super::desk::{Arrival, DeskError, SideFile};
use super::drop_path::DropPath;
use super::memory::Tracked;
use super::order_file::{OrderFile, in_other_letters};
use super::pass::{Pass, Step, is_gone};
use super::taking::Candidate;
use super::why::{Refusal, Why};
use super::{Completion, OrderFiles};
use crate::beneath::{Looked, look, look_at, open_file};

/// A marker holds a hash and perhaps a name; the rest of a larger one isn't read.
const LARGEST_MARKER: u64 = 4 * 1024;

/// What the files beside a CSV, and its folder, say of it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) order_id: Option<String>,
    pub(super) purchase_id: Option<String>,
    pub(super) spent: Vec<SideFile>,
    /// The SHA-256 that the marker says, or several for as many files, and the marker.
    pub(super) expected: Option<(Vec<Sha256>, Stamp)>,
    /// What is missing of the marker: needed unless the file was only moved.
    no_marker: Option<Why>,
    /// What is missing of the order file: needed for a new submission.
    no_order_file: Option<Why>,
}

impl Beside {
    /// What a file that came like this still waits for.
    pub(super) fn lacks_for(&self, arrival: &Arrival) -> Option<Why> {
        match arrival {
            Arrival::Moved { .. } => None,
            Arrival::Again { .. } => self.no_marker.clone(),
            Arrival::New => self.no_marker.clone().or_else(|| self.no_order_file.clone()),
        }
    }

    /// The marker, if it names hashes and none of them is this one.
    pub(super) fn names_other_content(&self, sha256: &Sha256) -> Option<Stamp> {
        self.expected.as_ref().filter(|(expected, _)| !expected.contains(sha256)).map(|(_, marker)| *marker)
    }
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
        let (looked, mut file) = match open_regular(candidate.folder, &name) {
            Ok(opened) => opened,
            Err(why) => {
                beside.no_marker = Some(why);
                return Ok(Ok(()));
            }
        };
        let side = SideFile { path: candidate.path.beside(&name), stamp: looked.stamp };
        if self.desk.is_spent(&side)? {
            beside.no_marker = Some(Why::SpentMarker);
            return Ok(Ok(()));
        }
        // Both ctimes are of one file system's clock, and no sender can set them. Scripts write both files within
        // one tick of it, so equal times are in order; that a marker counts once keeps that safe.
        if looked.stamp.ctime_ns < candidate.looked.stamp.ctime_ns {
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
        let expected = hashes_in(&text);
        beside.expected = (!expected.is_empty()).then_some((expected, looked.stamp));
        beside.spent.push(side);
        Ok(Ok(()))
    }

    fn order_file(&mut self, candidate: &Candidate<'_>, beside: &mut Beside) -> Result<Result<(), Step>, DeskError> {
        let required = self.settings.order_files == OrderFiles::Required;
        let bad =
            |bad: BadOrderFile| Ok(Err(Step::Blocked(Why::BadOrderFile(bad.clone()), Refusal::BadOrderFile(bad))));
        let Some(file) = OrderFile::of(candidate.folder, candidate.path) else {
            // Seldom so, and listing the folder for each file would take long.
            if self.memory.has_order_file_like(candidate.path)
                && let Ok(Some(other)) = in_other_letters(candidate.folder, candidate.path)
            {
                return bad(other);
            }
            beside.no_order_file = required.then_some(Why::NoOrderFile);
            return Ok(Ok(()));
        };
        let side = file.side.clone();
        if self.desk.is_spent(&side)? {
            beside.no_order_file = required.then_some(Why::SpentOrderFile);
            return Ok(Ok(()));
        }
        // One that is still being written isn't valid yet; the grace is long enough for it.
        let ids = match file.read() {
            Ok(ids) => ids,
            Err(problem) => return bad(problem),
        };
        beside.order_id = ids.order_id;
        beside.purchase_id = ids.purchase_id;
        beside.spent.push(side);
        Ok(Ok(()))
    }
}

/// Opens a marker, which must be a regular file of one link; an error is what the file waits for.
fn open_regular(folder: BorrowedFd<'_>, name: &[u8]) -> Result<(Looked, std::fs::File), Why> {
    let unusable = |error: &io::Error| if is_gone(error) { Why::NoMarker } else { Why::UnusableMarker };
    let looked = look(folder, name).map_err(|error| unusable(&error))?;
    if looked.kind != FileType::RegularFile {
        return Err(Why::UnusableMarker);
    }
    let file = open_file(folder, name).map_err(|error| unusable(&error))?;
    let looked = look_at(&file).map_err(|error| unusable(&error))?;
    if looked.kind == FileType::RegularFile && looked.links == 1 {
        Ok((looked, file))
    } else {
        Err(Why::UnusableMarker)
    }
}

pub(super) fn read_up_to(file: &mut std::fs::File, limit: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

/// The hashes in a marker: every 64 hexadecimal digits that stand alone, as `sha256sum` and people write them.
fn hashes_in(text: &[u8]) -> Vec<Sha256> {
    // Without the NUL bytes, the UTF-16 of some shells reads as ASCII does.
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
    let words = text.split(|byte| !byte.is_ascii_alphanumeric());
    words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_may_hold_hashes() {
        let hash = Sha256::of(b"abc");
        let other = Sha256::of(b"other");
        assert_eq!(hashes_in(format!("{hash}  devices.csv\n").as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("\u{feff}{}\r\n", hash.to_string().to_uppercase()).as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("SHA256 (devices.csv) = {hash}\n").as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("{other} *a.csv\n{hash} *b.csv\n").as_bytes()), [other, hash]);
        let wide: Vec<u8> = format!("\u{feff}{hash}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(hashes_in(&wide), [hash]);
        for none in ["", "done", &format!("{hash}0"), &format!("x{hash}")] {
            assert_eq!(hashes_in(none.as_bytes()), [], "{none}");
        }
    }
}
