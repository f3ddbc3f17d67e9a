//! What was written to the disks, in the order in which it arrived. Nothing here knows of file systems.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::serve::Disk;

/// One thing that a disk was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes at a place.
    Write {
        /// To which disk.
        disk: usize,
        /// Where.
        offset: usize,
        /// What.
        bytes: Box<[u8]>,
    },
    /// All that this disk was told before is to be durable now. A write that must be durable by itself (FUA) comes as
    /// a write and a flush: loop devices offer nothing else.
    Flush {
        /// Which disk.
        disk: usize,
    },
}

/// The events of all disks, in one order.
#[derive(Debug, Default)]
pub struct Log {
    events: Mutex<Vec<Event>>,
}

impl Log {
    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        // An event is there whole or not at all, whoever panicked.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events there were so far. What was seen to be true before this is asked rests on these events only.
    pub fn position(&self) -> usize {
        self.events().len()
    }

    /// The events so far.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events())
    }
}

/// A disk in memory whose every change is logged.
#[derive(Debug)]
pub struct Recorded {
    number: usize,
    image: Mutex<Vec<u8>>,
    log: Arc<Log>,
}

impl Recorded {
    /// The disk of this number, which holds `image` so far.
    pub fn new(number: usize, image: Vec<u8>, log: Arc<Log>) -> Self {
        Self { number, image: Mutex::new(image), log }
    }

    fn image(&self) -> MutexGuard<'_, Vec<u8>> {
        self.image.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Recorded {
    fn size(&self) -> usize {
        self.image().len()
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> bool {
        let image = self.image();
        let Some(found) = image.get(offset..).and_then(|rest| rest.get(..bytes.len())) else { return false };
        bytes.copy_from_slice(found);
        true
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let mut image = self.image();
        let Some(place) = image.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len())) else { return false };
        place.copy_from_slice(bytes);
        self.log.events().push(Event::Write { disk: self.number, offset, bytes: bytes.into() });
        true
    }

    fn flush(&self) {
        self.log.events().push(Event::Flush { disk: self.number });
    }
}
