//! The files beside a CSV that say something about it: its marker and its order file.

use std::io::{self, Read};

use devicedrop_core::device::Sha256;
use devicedrop_core::name::{RESULT_NAMES, Side, is_blank, marker_name, path_text, result_name_numbered};
use devicedrop_core::settle::{Openness, Readiness, Settling, Stamp};

use super::beside::{Marker, Order, hashes_of, marker, order};
use super::claim::digest;
use super::desk::{Arrival, DeskError, Known, SideFile, Wrote};
use super::drop_path::DropPath;
use super::memory::Tracked;
use super::near::NearNames;
use super::order_file::OrderFile;
use super::pass::{GRACE, LONG_GRACE, Pass, Step};
use super::taking::Candidate;
use super::why::{Refusal, Why};
use super::{Completion, OrderFiles};
use crate::beneath::{look, open_file};

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
        if beside.no_marker == Some(Why::NoMarker)
            && let Some(found) = self.meant_for(Side::Marker, candidate)
        {
            let expected = path_text(&marker_name(candidate.path.name()));
            beside.no_marker = Some(Why::OtherMarkerName { found, expected });
        }
        if let Err(step) = self.order_file(candidate, &mut beside)? {
            return Ok(Err(step));
        }
        // Only a file that is on record already can do without what a new one needs. Whether it is that takes reading
        // it, which is done once and only where it can be so.
        if let Some(why) = beside.lacks_for(&Arrival::New) {
            let may_be_again = candidate.known.is_some() && beside.no_marker.is_none();
            if tracked.is_new || !(may_be_again || self.may_be_moved_here(candidate)?) {
                return Ok(Err(self.wait_for(why, candidate, tracked)?));
            }
        }
        if beside.order_id.is_none() {
            let folder = candidate.path.folder();
            if folder.is_some_and(is_blank) {
                return Ok(Err(Step::Blocked(Why::BlankFolder, Refusal::BlankFolder)));
            }
            beside.order_id = folder.map(|folder| DropPath::from_bytes(folder).text());
        }
        Ok(Ok(beside))
    }

    /// What becomes of a file that lacks something beside it.
    pub(super) fn wait_for(
        &mut self,
        why: Why,
        candidate: &Candidate<'_>,
        tracked: &mut Tracked,
    ) -> Result<Step, DeskError> {
        let refusal = match &why {
            Why::OtherMarkerName { found, expected } => {
                Refusal::OtherMarkerName { found: found.clone(), expected: expected.clone() }
            }
            // One that is there and doesn't count stays so, while its sender thinks that all is done.
            Why::OldMarker => Refusal::OldMarker,
            Why::SpentMarker => Refusal::SpentMarker,
            Why::UnusableMarker => Refusal::UnusableMarker,
            Why::SpentOrderFile => Refusal::SpentOrderFile,
            Why::NoMarker => return self.lacks(why, Refusal::NoMarker, candidate, tracked),
            Why::NoOrderFile => return self.lacks(why, Refusal::NoOrderFile, candidate, tracked),
            _ => return Ok(Step::Wait(why, self.settings.rescan)),
        };
        Ok(Step::Blocked(why, refusal))
    }

    /// What is still to come may take its time, unless what stands beside the file answers something else than what
    /// lies there now.
    fn lacks(
        &mut self,
        why: Why,
        refusal: Refusal,
        candidate: &Candidate<'_>,
        tracked: &mut Tracked,
    ) -> Result<Step, DeskError> {
        let told = self.memory.is_told(candidate.path, &candidate.looked.stamp, &refusal);
        if !told && !tracked.is_new && !self.is_other_content(candidate, tracked) {
            return Ok(Step::Wait(why, self.settings.rescan));
        }
        let grace = if told || self.is_answered(candidate)? { GRACE } else { LONG_GRACE };
        Ok(Step::Lacking(why, refusal, grace))
    }

    /// Whether a file has another content than the one that was last taken at its path, if any was.
    fn is_other_content(&self, candidate: &Candidate<'_>, tracked: &mut Tracked) -> bool {
        let Some(Known { stamp, sha256: Some(known), .. }) = &candidate.known else { return true };
        let seen = candidate.looked.stamp;
        if stamp.size != seen.size {
            return true;
        }
        *tracked.is_other.get_or_insert_with(|| {
            let read = open_file(candidate.folder, candidate.path.name());
            let digest =
                read.map(|mut file| digest(&mut file, self.settings.max_file_size, || !self.desk.is_closing()));
            // What can't be read to its end now is no reason to take an answer away.
            matches!(digest, Ok(Ok(sha256)) if sha256 != *known)
        })
    }

    /// Whether an answer of ours stands beside a file.
    fn is_answered(&mut self, candidate: &Candidate<'_>) -> Result<bool, DeskError> {
        for number in 1..=RESULT_NAMES {
            let name = result_name_numbered(candidate.path.bytes(), number);
            let Ok(looked) = look(candidate.folder, &name) else { break };
            let stands = self.desk.wrote(&candidate.path.beside(&name), &looked.stamp)?;
            if stands != Wrote::Nothing {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The name of what was probably meant to be this beside a file, and isn't.
    fn meant_for(&mut self, side: Side, candidate: &Candidate<'_>) -> Option<String> {
        // Seldom so, and listing the folder for each file would take long.
        if !self.memory.has_side(side, candidate.path) {
            return None;
        }
        let folder = candidate.path.folder().map(<[u8]>::to_vec);
        if self.near.as_ref().is_none_or(|(listed, _)| *listed != folder) {
            self.near = Some((folder, NearNames::of(candidate.folder).unwrap_or_default()));
        }
        let (_, near) = self.near.as_ref()?;
        let order_required = self.settings.order_files == OrderFiles::Required;
        near.meant_for(side, candidate.path.name(), order_required).map(path_text)
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
        let changed_ns = candidate.looked.stamp.ctime_ns;
        let seen = marker(candidate.folder, candidate.path, changed_ns, &mut |side| self.desk.is_spent(side))?;
        let (looked, mut file, side) = match seen {
            Marker::There { looked, file, side } => (looked, file, side),
            Marker::Lacking(why) => {
                beside.no_marker = Some(why);
                return Ok(Ok(()));
            }
        };
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
        let Ok(expected) = hashes_of(&mut file) else {
            beside.no_marker = Some(Why::NoMarker);
            return Ok(Ok(()));
        };
        beside.expected = (!expected.is_empty()).then_some((expected, looked.stamp));
        beside.spent.push(side);
        Ok(Ok(()))
    }

    fn order_file(&mut self, candidate: &Candidate<'_>, beside: &mut Beside) -> Result<Result<(), Step>, DeskError> {
        let required = self.settings.order_files == OrderFiles::Required;
        let other_name = match OrderFile::of(candidate.folder, candidate.path) {
            Some(_) => None,
            None => self.meant_for(Side::OrderFile, candidate),
        };
        let seen =
            order(candidate.folder, candidate.path, required, || other_name, &mut |side| self.desk.is_spent(side))?;
        let (ids, side) = match seen {
            Order::Says(ids, side) => (ids, side),
            Order::Missing => {
                beside.no_order_file = required.then_some(Why::NoOrderFile);
                return Ok(Ok(()));
            }
            Order::Spent => {
                beside.no_order_file = required.then_some(Why::SpentOrderFile);
                return Ok(Ok(()));
            }
            // One that is still being written isn't valid yet; the grace is long enough for it.
            Order::Bad(bad) => {
                return Ok(Err(Step::Blocked(Why::BadOrderFile(bad.clone()), Refusal::BadOrderFile(bad))));
            }
        };
        beside.order_id = ids.order_id;
        beside.purchase_id = ids.purchase_id;
        beside.spent.push(side);
        Ok(Ok(()))
    }
}

pub(super) fn read_up_to(file: &mut std::fs::File, limit: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(limit).read_to_end(&mut text)?;
    Ok(text)
}
