//! The table of all devices in memory, by which the registry finds a device.
//!
//! Looking a device up in SQLite costs over a microsecond and an index over serial numbers in random order makes
//! every commit write pages all over the file; so the tables on disk are only ever appended to, and this is their
//! index: an open-addressing table of 16 bytes a slot. No SQL lives here, and nothing here is durable.

use std::hash::{BuildHasher, RandomState};

use devicedrop_core::device::Device;

/// What a device is found by: 96 bits of keyed hashes of its three values.
///
/// The keys are new in each process, so that nobody can prepare devices that collide; among ten million devices the
/// odds that two share their 96 bits are 1 to 10^15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Print {
    high: u64,
    low: u32,
}

/// What is known of a device. Its number is its place in the table `device`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// The claim that holds it; 0 for none.
    pub(super) claim: u32,
    /// Whose claim it is; 0 for nobody's.
    pub(super) customer: u32,
    /// Whether it is in the inventory; otherwise it is only known because it was claimed.
    pub(super) inventory: bool,
}

/// A print and its device, laid out to fill 16 bytes: four slots to a cache line.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    high: u64,
    low: u32,
    /// 0 for a free slot.
    number: u32,
}

/// All devices.
#[derive(Debug)]
pub(super) struct Resident {
    hashers: [RandomState; 2],
    /// Their number is a power of two, and at least a quarter of them is free.
    slots: Vec<Slot>,
    known: Vec<Known>,
}

impl Resident {
    /// A table with room for so many devices before it must grow.
    pub(super) fn with_room(devices: usize) -> Self {
        let slots = (devices.saturating_mul(4) / 3 + 16).next_power_of_two();
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            slots: vec![Slot::default(); slots],
            known: Vec::with_capacity(devices),
        }
    }

    /// What a device is found by.
    pub(super) fn print(&self, device: &Device) -> Print {
        self.print_of(&device.manufacturer, &device.model, &device.serial_number)
    }

    /// What a device of these values is found by.
    pub(super) fn print_of(&self, manufacturer: &str, model: &str, serial_number: &str) -> Print {
        // Hashing a `str` ends it with a byte that UTF-8 doesn't have: ("ab", "c") isn't ("a", "bc").
        let whole = (manufacturer, model, serial_number);
        let [first, second] = &self.hashers;
        let low = second.hash_one(whole) >> 32;
        Print { high: first.hash_one(whole), low: u32::try_from(low).unwrap_or(0) }
    }

    /// The number of the device with this print.
    pub(super) fn find(&self, print: Print) -> Option<u32> {
        let mut place = self.home(print.high);
        loop {
            let slot = self.slots.get(place)?;
            if slot.number == 0 {
                return None;
            }
            if slot.high == print.high && slot.low == print.low {
                return Some(slot.number);
            }
            place = self.after(place);
        }
    }

    /// Takes in a device that isn't there yet, and returns its number; `None` when numbers have run out.
    pub(super) fn insert(&mut self, print: Print, known: Known) -> Option<u32> {
        let number = u32::try_from(self.known.len() + 1).ok()?;
        if (self.known.len() + 1).saturating_mul(4) > self.slots.len().saturating_mul(3) {
            self.grow();
        }
        self.known.push(known);
        self.put(Slot { high: print.high, low: print.low, number });
        Some(number)
    }

    /// What is known of the device with this number.
    pub(super) fn get(&self, number: u32) -> Option<Known> {
        self.known.get(index(number)?).copied()
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Known> {
        self.known.get_mut(index(number)?)
    }

    /// The devices with numbers above `number`, in their order.
    pub(super) fn after_number(&self, number: u32) -> impl Iterator<Item = (u32, Known)> {
        let skipped = usize::try_from(number).unwrap_or(usize::MAX);
        (number.saturating_add(1)..).zip(self.known.iter().skip(skipped).copied())
    }

    fn home(&self, high: u64) -> usize {
        // Only bits below the table's length are kept, so the value fits where the length does.
        let mask = u64::try_from(self.slots.len()).unwrap_or(u64::MAX).wrapping_sub(1);
        usize::try_from(high & mask).unwrap_or(0)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & self.slots.len().wrapping_sub(1)
    }

    fn put(&mut self, filled: Slot) {
        let mut place = self.home(filled.high);
        while self.slots.get(place).is_some_and(|slot| slot.number != 0) {
            place = self.after(place);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = filled;
        }
    }

    fn grow(&mut self) {
        let doubled = self.slots.len().saturating_mul(2);
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); doubled]);
        for slot in old.into_iter().filter(|slot| slot.number != 0) {
            self.put(slot);
        }
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn device() -> impl Strategy<Value = Device> {
        ("[ab]{0,2}", "[ab]{0,2}", "[abc]{0,3}").prop_map(|(manufacturer, model, serial_number)| Device {
            manufacturer,
            model,
            serial_number,
        })
    }

    proptest! {
        /// Finds what a plain map finds, whatever came in, while the table grows from its smallest size.
        #[test]
        fn finds_what_a_map_finds(devices in proptest::collection::vec(device(), 0..300)) {
            let mut resident = Resident::with_room(0);
            let mut model: HashMap<Device, u32> = HashMap::new();
            for device in &devices {
                let print = resident.print(device);
                prop_assert_eq!(resident.find(print), model.get(device).copied());
                if !model.contains_key(device) {
                    let number = resident.insert(print, Known { claim: 7, ..Known::default() }).unwrap();
                    prop_assert_eq!(usize::try_from(number).unwrap(), model.len() + 1);
                    model.insert(device.clone(), number);
                }
            }
            for (device, number) in &model {
                prop_assert_eq!(resident.find(resident.print(device)), Some(*number));
            }
            prop_assert_eq!(resident.after_number(0).count(), model.len());
        }
    }

    #[test]
    fn where_a_value_ends_matters() {
        let resident = Resident::with_room(0);
        assert_ne!(resident.print_of("ab", "c", "d"), resident.print_of("a", "bc", "d"));
        assert_ne!(resident.print_of("a", "b", ""), resident.print_of("a", "", "b"));
    }

    #[test]
    fn what_is_known_changes_in_place() {
        let mut resident = Resident::with_room(4);
        let print = resident.print_of("Contoso", "One", "1");
        let number = resident.insert(print, Known::default()).unwrap();
        resident.get_mut(number).unwrap().claim = 3;
        assert_eq!(resident.get(number).unwrap().claim, 3);
        assert_eq!(resident.get(0), None);
        assert_eq!(resident.after_number(number).count(), 0);
    }
}
