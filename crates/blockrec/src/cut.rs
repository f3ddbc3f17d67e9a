//! The disks as a power cut leaves them: all that they were asked to keep, and of the rest whatever chance will have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use devicedrop_testkit::campaign::Chance;

use crate::log::Event;

/// What a disk writes whole or not at all, as disks of today do. Of smaller sectors ext4 loses its own superblock.
const SECTOR: usize = 4096;
const BLOCK: usize = 4096;

/// What a cut takes of the writes after a disk's last flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// None: a disk that had written everything already.
    Nothing,
    /// All of them.
    Everything,
    /// Each one or not, half of them on the whole: what the disk wrote out of turn.
    Half,
    /// All from one on, and of that one some sectors.
    Torn,
    /// Of each one some sectors.
    Sectors,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Nothing, Self::Everything, Self::Half, Self::Torn, Self::Sectors];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing lost",
            Self::Everything => "all unflushed writes lost",
            Self::Half => "random half of them lost",
            Self::Torn => "lost from a torn one on",
            Self::Sectors => "random sectors of each lost",
        }
    }
}

/// A moment, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// After how many events.
    pub at: usize,
    /// What is lost.
    pub loss: Loss,
    /// Where the chances of the loss begin.
    pub seed: u64,
}

/// A disk as a cut leaves it.
#[derive(Debug)]
pub struct Crashed {
    durable: Vec<u8>,
    /// The blocks of `durable` that were ever written; all others are zero.
    used: BTreeSet<usize>,
    /// Blocks as they are after the cut, where that isn't as in `durable`.
    over: BTreeMap<usize, Box<[u8]>>,
}

impl Crashed {
    fn new(image: Vec<u8>) -> Self {
        let is_used = |(_, block): &(usize, &[u8])| [0; BLOCK].get(..block.len()) != Some(*block);
        let used = image.chunks(BLOCK).enumerate().filter(is_used).map(|(number, _)| number).collect();
        Self { durable: image, used, over: BTreeMap::new() }
    }

    /// Makes a file of it, whatever the file held before.
    pub fn write_to(&self, file: &File) -> io::Result<()> {
        file.set_len(0)?;
        file.set_len(u64::try_from(self.durable.len()).map_err(io::Error::other)?)?;
        let mut runs: Vec<Range<usize>> = Vec::new();
        for block in &self.used {
            match runs.last_mut() {
                Some(run) if run.end == *block => run.end += 1,
                _ => runs.push(*block..block + 1),
            }
        }
        for run in runs {
            let end = (run.end * BLOCK).min(self.durable.len());
            if let Some(bytes) = self.durable.get(run.start * BLOCK..end) {
                file.write_all_at(bytes, place(run.start)?)?;
            }
        }
        for (block, bytes) in &self.over {
            file.write_all_at(bytes, place(*block)?)?;
        }
        Ok(())
    }

    /// Calls `part` for each block that the range touches: its number, the range in it, the range in the bytes.
    fn blocks(offset: usize, length: usize, mut part: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let mut done = 0;
        while done < length {
            let (block, from) = ((offset + done) / BLOCK, (offset + done) % BLOCK);
            let size = (BLOCK - from).min(length - done);
            part(block, from..from + size, done..done + size);
            done += size;
        }
    }

    /// Writes to what is durable.
    fn keep(&mut self, offset: usize, bytes: &[u8]) {
        let Some(place) = self.durable.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len())) else { return };
        place.copy_from_slice(bytes);
        Self::blocks(offset, bytes.len(), |block, _, _| {
            self.used.insert(block);
        });
    }

    /// Writes to what this one cut leaves.
    fn lay(&mut self, offset: usize, bytes: &[u8]) {
        if offset.checked_add(bytes.len()).is_none_or(|end| end > self.durable.len()) {
            return;
        }
        Self::blocks(offset, bytes.len(), |block, inside, part| {
            let over = self.over.entry(block).or_insert_with(|| {
                let start = block * BLOCK;
                self.durable.get(start..start + BLOCK).unwrap_or(&[0; BLOCK]).into()
            });
            if let (Some(place), Some(bytes)) = (over.get_mut(inside), bytes.get(part)) {
                place.copy_from_slice(bytes);
            }
        });
    }
}

/// Where a block begins.
fn place(block: usize) -> io::Result<u64> {
    u64::try_from(block * BLOCK).map_err(io::Error::other)
}

/// Goes through a log from cut to cut.
#[derive(Debug)]
pub struct Replay {
    events: Arc<Vec<Event>>,
    disks: Vec<Crashed>,
    /// So many events were looked at.
    at: usize,
    /// For each disk, its writes since its last flush.
    unflushed: Vec<Vec<usize>>,
}

impl Replay {
    /// Begins where the disks held these images.
    pub fn new(events: Arc<Vec<Event>>, images: Vec<Vec<u8>>) -> Self {
        let disks: Vec<_> = images.into_iter().map(Crashed::new).collect();
        Self { events, unflushed: vec![Vec::new(); disks.len()], disks, at: 0 }
    }

    /// The disks as the last cut left them.
    pub fn disks(&self) -> &[Crashed] {
        &self.disks
    }

    /// Makes the disks of a cut, which must not lie before the last one.
    pub fn cut(&mut self, cut: Cut) {
        let events = Arc::clone(&self.events);
        for (number, event) in events.iter().enumerate().take(cut.at).skip(self.at) {
            match event {
                Event::Write { disk, .. } => {
                    if let Some(writes) = self.unflushed.get_mut(*disk) {
                        writes.push(number);
                    }
                }
                Event::Flush { disk } => self.flush(&events, *disk),
            }
        }
        self.at = self.at.max(cut.at);
        let mut chance = Chance::new(cut.seed);
        for (disk, writes) in self.disks.iter_mut().zip(&self.unflushed) {
            disk.over.clear();
            let writes: Vec<_> = writes.iter().filter_map(|number| as_write(&events, *number)).collect();
            lose(disk, &writes, cut.loss, &mut chance);
        }
    }

    fn flush(&mut self, events: &[Event], disk: usize) {
        let (Some(writes), Some(crashed)) = (self.unflushed.get_mut(disk), self.disks.get_mut(disk)) else { return };
        for (offset, bytes) in writes.drain(..).filter_map(|number| as_write(events, number)) {
            crashed.keep(offset, bytes);
        }
    }
}

fn as_write(events: &[Event], number: usize) -> Option<(usize, &[u8])> {
    match events.get(number)? {
        Event::Write { offset, bytes, .. } => Some((*offset, bytes)),
        Event::Flush { .. } => None,
    }
}

fn lose(disk: &mut Crashed, writes: &[(usize, &[u8])], loss: Loss, chance: &mut Chance) {
    let heads = |chance: &mut Chance| chance.below(2) == 0;
    match loss {
        Loss::Nothing => writes.iter().for_each(|(offset, bytes)| disk.lay(*offset, bytes)),
        Loss::Everything => {}
        Loss::Half => {
            for (offset, bytes) in writes {
                if heads(chance) {
                    disk.lay(*offset, bytes);
                }
            }
        }
        Loss::Torn => {
            let last = usize::try_from(chance.below(u64::try_from(writes.len()).unwrap_or(0))).unwrap_or(0);
            for (offset, bytes) in writes.iter().take(last) {
                disk.lay(*offset, bytes);
            }
            writes.iter().skip(last).take(1).for_each(|write| tear(disk, *write, chance));
        }
        Loss::Sectors => writes.iter().for_each(|write| tear(disk, *write, chance)),
    }
}

fn tear(disk: &mut Crashed, (offset, bytes): (usize, &[u8]), chance: &mut Chance) {
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        if chance.below(2) == 0 {
            disk.lay(offset + number * SECTOR, sector);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::*;

    const SIZE: usize = 32 * SECTOR;

    fn write(disk: usize, sector: usize, byte: u8) -> Event {
        Event::Write { disk, offset: sector * SECTOR, bytes: vec![byte; 4 * SECTOR].into() }
    }

    /// Two disks; the first is flushed after its first write, the second never.
    fn replay() -> Replay {
        let events = vec![write(0, 6, 1), Event::Flush { disk: 0 }, write(1, 0, 2), write(0, 8, 3), write(0, 20, 4)];
        Replay::new(Arc::new(events), vec![vec![0; SIZE], vec![0; SIZE]])
    }

    /// A disk's bytes, by way of a file that held something else.
    fn image(replay: &Replay, disk: usize) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![9; SIZE + 1]).unwrap();
        replay.disks()[disk].write_to(&file).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), SIZE);
        bytes
    }

    /// The first byte of each sector of a disk that isn't zero.
    fn sectors(replay: &Replay, disk: usize) -> Vec<(usize, u8)> {
        let image = image(replay, disk);
        let first = image.chunks(SECTOR).map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is never torn");
            sector[0]
        });
        first.enumerate().filter(|(_, byte)| *byte != 0).collect()
    }

    fn after(at: usize, loss: Loss, seed: u64) -> [Vec<(usize, u8)>; 2] {
        let mut replay = replay();
        replay.cut(Cut { at, loss, seed });
        [0, 1].map(|disk| sectors(&replay, disk))
    }

    const FLUSHED: [(usize, u8); 4] = [(6, 1), (7, 1), (8, 1), (9, 1)];

    #[test]
    fn what_was_flushed_is_kept_and_nothing_of_later() {
        for loss in Loss::ALL {
            for seed in 0..50 {
                let [first, second] = after(2, loss, seed);
                assert_eq!((first.as_slice(), second.as_slice()), (FLUSHED.as_slice(), [].as_slice()), "{loss:?}");
                let [first, _] = after(5, loss, seed);
                assert!(first.starts_with(&[(6, 1), (7, 1)]), "{loss:?} {seed}: {first:?}");
            }
        }
    }

    #[test]
    fn what_was_not_flushed_is_lost_as_told() {
        assert_eq!(after(5, Loss::Everything, 1), [FLUSHED.to_vec(), vec![]]);
        let [first, second] = after(5, Loss::Nothing, 1);
        let all = [(6, 1), (7, 1), (8, 3), (9, 3), (10, 3), (11, 3), (20, 4), (21, 4), (22, 4), (23, 4)];
        assert_eq!((first.as_slice(), second.len()), (all.as_slice(), 4));
        let ends = |loss| (0..200).map(move |seed| after(5, loss, seed)[0].clone()).collect::<Vec<_>>();
        let has = |ends: &[Vec<(usize, u8)>], sector| ends.iter().filter(|end| end.contains(&(sector, 4))).count();
        let half = ends(Loss::Half);
        assert!(half.iter().all(|end| end.contains(&(20, 4)) == end.contains(&(23, 4))), "whole or not at all");
        assert!((50..150).contains(&has(&half, 20)));
        let out_of_turn = half.iter().any(|end| end.contains(&(20, 4)) && !end.contains(&(8, 3)));
        assert!(out_of_turn, "a later write is there, an earlier one isn't");
        let torn = ends(Loss::Torn);
        assert!(torn.iter().any(|end| end.contains(&(20, 4)) != end.contains(&(23, 4))), "some are torn");
        let in_turn = torn.iter().filter(|end| has(std::slice::from_ref(end), 20) == 1);
        assert!(in_turn.clone().count() > 0 && in_turn.into_iter().all(|end| end.contains(&(11, 3))));
        assert!(ends(Loss::Sectors).iter().any(|end| end.contains(&(9, 1)) && end.contains(&(10, 3))));
    }

    #[test]
    fn a_cut_forgets_what_the_one_before_it_left() {
        let mut replay = replay();
        replay.cut(Cut { at: 5, loss: Loss::Nothing, seed: 0 });
        assert_eq!(sectors(&replay, 1).len(), 4);
        replay.cut(Cut { at: 5, loss: Loss::Everything, seed: 0 });
        assert_eq!([0, 1].map(|disk| sectors(&replay, disk)), [FLUSHED.to_vec(), vec![]]);
    }
}
