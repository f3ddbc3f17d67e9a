//! The disks as a power cut leaves them: all that they were asked to keep, and of the rest whatever chance will have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use devicedrop_testkit::campaign::Chance;

use crate::log::Event;
use crate::serve::Disk;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
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
    fn blocks(offset: usize, length: usize, mut part: impl FnMut(usize, std::ops::Range<usize>, std::ops::Range<usize>)) {
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
