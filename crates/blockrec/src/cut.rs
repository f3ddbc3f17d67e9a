//! The disks as a power cut leaves them: all that they were asked to keep, and of the rest whatever chance will have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use devicedrop_testkit::campaign::Chance;

use crate::log::Event;
use crate::serve::Disk;

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

/// A disk after a cut, which can be used again: what is written to it then is forgotten at the next cut.
#[derive(Debug)]
pub struct Crashed {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    durable: Vec<u8>,
    over: HashMap<usize, Box<[u8]>>,
}

impl Crashed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All its bytes, for a person to look at.
    pub fn image(&self) -> Vec<u8> {
        let state = self.state();
        let mut bytes = vec![0; state.durable.len()];
        state.read(0, &mut bytes);
        bytes
    }
}

impl State {
    /// Calls `part` for each block that the range touches: its number, the range in it, the range in the bytes.
    fn blocks(
        offset: usize,
        length: usize,
        mut part: impl FnMut(usize, std::ops::Range<usize>, std::ops::Range<usize>),
    ) {
        let mut done = 0;
        while done < length {
            let (block, from) = ((offset + done) / BLOCK, (offset + done) % BLOCK);
            let size = (BLOCK - from).min(length - done);
            part(block, from..from + size, done..done + size);
            done += size;
        }
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> bool {
        let Some(found) = self.durable.get(offset..).and_then(|rest| rest.get(..bytes.len())) else { return false };
        bytes.copy_from_slice(found);
        Self::blocks(offset, bytes.len(), |block, inside, part| {
            let over = self.over.get(&block).and_then(|over| over.get(inside));
            if let (Some(over), Some(bytes)) = (over, bytes.get_mut(part)) {
                bytes.copy_from_slice(over);
            }
        });
        true
    }

    fn lay(&mut self, offset: usize, bytes: &[u8]) -> bool {
        if offset.checked_add(bytes.len()).is_none_or(|end| end > self.durable.len()) {
            return false;
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
        true
    }
}

impl Disk for Crashed {
    fn size(&self) -> usize {
        self.state().durable.len()
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> bool {
        self.state().read(offset, bytes)
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        self.state().lay(offset, bytes)
    }

    fn flush(&self) {}
}

/// Goes through a log from cut to cut.
#[derive(Debug)]
pub struct Replay {
    events: Arc<Vec<Event>>,
    disks: Vec<Arc<Crashed>>,
    /// So many events were looked at.
    at: usize,
    /// For each disk, its writes since its last flush.
    unflushed: Vec<Vec<usize>>,
}

impl Replay {
    /// Begins where the disks held these images.
    pub fn new(events: Arc<Vec<Event>>, images: &[Vec<u8>]) -> Self {
        let crashed = |image: &Vec<u8>| {
            Arc::new(Crashed { state: Mutex::new(State { durable: image.clone(), over: HashMap::new() }) })
        };
        let disks: Vec<_> = images.iter().map(crashed).collect();
        Self { events, unflushed: vec![Vec::new(); disks.len()], disks, at: 0 }
    }

    /// The disks, which must not be in use while they are cut.
    pub fn disks(&self) -> &[Arc<Crashed>] {
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
        for (disk, writes) in self.disks.iter().zip(&self.unflushed) {
            let mut state = disk.state();
            state.over.clear();
            let writes: Vec<_> = writes.iter().filter_map(|number| as_write(&events, *number)).collect();
            lose(&mut state, &writes, cut.loss, &mut chance);
        }
    }

    fn flush(&mut self, events: &[Event], disk: usize) {
        let (Some(writes), Some(crashed)) = (self.unflushed.get_mut(disk), self.disks.get(disk)) else { return };
        let mut state = crashed.state();
        for (offset, bytes) in writes.drain(..).filter_map(|number| as_write(events, number)) {
            if let Some(place) = state.durable.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len())) {
                place.copy_from_slice(bytes);
            }
        }
    }
}

fn as_write(events: &[Event], number: usize) -> Option<(usize, &[u8])> {
    match events.get(number)? {
        Event::Write { offset, bytes, .. } => Some((*offset, bytes)),
        Event::Flush { .. } => None,
    }
}

fn lose(state: &mut State, writes: &[(usize, &[u8])], loss: Loss, chance: &mut Chance) {
    let heads = |chance: &mut Chance| chance.below(2) == 0;
    match loss {
        Loss::Nothing => writes.iter().for_each(|(offset, bytes)| {
            state.lay(*offset, bytes);
        }),
        Loss::Everything => {}
        Loss::Half => {
            for (offset, bytes) in writes {
                if heads(chance) {
                    state.lay(*offset, bytes);
                }
            }
        }
        Loss::Torn => {
            let last = usize::try_from(chance.below(u64::try_from(writes.len()).unwrap_or(0))).unwrap_or(0);
            for (offset, bytes) in writes.iter().take(last) {
                state.lay(*offset, bytes);
            }
            writes.iter().skip(last).take(1).for_each(|write| tear(state, *write, chance));
        }
        Loss::Sectors => writes.iter().for_each(|write| tear(state, *write, chance)),
    }
}

fn tear(state: &mut State, (offset, bytes): (usize, &[u8]), chance: &mut Chance) {
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        if chance.below(2) == 0 {
            state.lay(offset + number * SECTOR, sector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 32 * SECTOR;

    fn write(disk: usize, sector: usize, byte: u8) -> Event {
        Event::Write { disk, offset: sector * SECTOR, bytes: vec![byte; 4 * SECTOR].into() }
    }

    /// Two disks; the first is flushed after its first write, the second never.
    fn replay() -> Replay {
        let events = vec![write(0, 6, 1), Event::Flush { disk: 0 }, write(1, 0, 2), write(0, 8, 3), write(0, 20, 4)];
        Replay::new(Arc::new(events), &[vec![0; SIZE], vec![0; SIZE]])
    }

    /// The first byte of each sector of a disk that isn't zero.
    fn sectors(replay: &Replay, disk: usize) -> Vec<(usize, u8)> {
        let image = replay.disks()[disk].image();
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
    fn the_next_cut_forgets_what_was_written_since() {
        let mut replay = replay();
        replay.cut(Cut { at: 2, loss: Loss::Nothing, seed: 0 });
        assert!(replay.disks()[0].write(12 * SECTOR, &[9; SECTOR]));
        let mut read = [0; 2];
        assert!(replay.disks()[0].read(13 * SECTOR - 1, &mut read) && read == [9, 0]);
        assert!(!replay.disks()[0].write(SIZE - 1, &[1, 2]), "beyond the end");
        replay.cut(Cut { at: 3, loss: Loss::Nothing, seed: 0 });
        assert_eq!(sectors(&replay, 0), FLUSHED);
        assert_eq!(sectors(&replay, 1).len(), 4);
    }
}
