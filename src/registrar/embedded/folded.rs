//! The inventory by what is left of its devices without capitals, blanks and look-alikes: by this the registry finds
//! devices that are nearly the one that was asked for.
//!
//! Eight bytes for each device: half a hash and half a number. Looked into only for devices that aren't found, and what
//! it finds must be compared, since half a hash says little. No SQL lives here, and nothing here is durable.

use std::hash::{BuildHasher, RandomState};

use devicedrop_core::device::Device;
use devicedrop_core::near::fold;

/// So many devices are kept apart from the others before they are put in order with them: a chunk of an import then
/// moves half a megabyte at most, whatever the size of the inventory.
const MOST_NEW: usize = 65_536;

/// Which devices fold to what.
#[derive(Debug, Default)]
pub(super) struct Folded {
    hasher: RandomState,
    /// In order: the hash above, the device's number below.
    old: Vec<u64>,
    /// Likewise; what came since.
    new: Vec<u64>,
}

impl Folded {
    /// With room for so many devices.
    pub(super) fn with_room(devices: usize) -> Self {
        Self { new: Vec::with_capacity(devices), ..Self::default() }
    }

    /// Takes a device in. Found from the next [`settle`](Self::settle) on.
    pub(super) fn add(&mut self, manufacturer: &str, model: &str, serial_number: &str, number: u32) {
        let hash = self.hash(manufacturer, model, serial_number);
        self.new.push(hash | u64::from(number));
    }

    /// Puts what was taken in into its order.
    #[expect(clippy::stable_sort_primitive, reason = "it sees what is in order already, and only merges it")]
    pub(super) fn settle(&mut self) {
        self.new.sort();
        if self.new.len() > MOST_NEW {
            let new = std::mem::take(&mut self.new);
            if self.old.is_empty() {
                self.old = new;
            } else {
                self.old.extend(new);
                self.old.sort();
            }
        }
    }

    /// The numbers of devices that may fold to the same as this one.
    pub(super) fn like(&self, device: &Device) -> impl Iterator<Item = u32> {
        let hash = self.hash(&device.manufacturer, &device.model, &device.serial_number);
        [&self.old, &self.new].into_iter().flat_map(move |entries| {
            let first = entries.partition_point(|entry| *entry < hash);
            let found = entries.get(first..).unwrap_or_default().iter();
            found
                .take_while(move |entry| **entry & UPPER == hash)
                .filter_map(|entry| u32::try_from(entry & !UPPER).ok())
        })
    }

    /// In the upper half; keyed, so that nobody can prepare devices that all have the same one.
    fn hash(&self, manufacturer: &str, model: &str, serial_number: &str) -> u64 {
        self.hasher.hash_one((fold(manufacturer), fold(model), fold(serial_number))) & UPPER
    }
}

/// The half that holds the hash.
const UPPER: u64 = 0xffff_ffff_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn device(serial_number: &str) -> Device {
        Device { manufacturer: "Contoso".into(), model: "One".into(), serial_number: serial_number.into() }
    }

    proptest! {
        /// Finds every device that folds to the same, whenever it came in, and in the order of their numbers.
        #[test]
        fn finds_all_that_fold_alike(chunks in proptest::collection::vec(proptest::collection::vec("[aAbB ]{1,3}", 0..40), 0..6)) {
            let mut folded = Folded::default();
            let mut all = Vec::new();
            for chunk in &chunks {
                for serial_number in chunk {
                    all.push(serial_number.clone());
                    folded.add("Contoso", "One", serial_number, u32::try_from(all.len()).unwrap());
                }
                folded.settle();
            }
            for wanted in ["a", "AB", "b b", "zz"] {
                let expected: Vec<u32> =
                    (1..).zip(&all).filter(|(_, known)| fold(known) == fold(wanted)).map(|(number, _)| number).collect();
                prop_assert_eq!(folded.like(&device(wanted)).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn many_are_put_in_order_with_the_others() {
        let mut folded = Folded::default();
        for number in 1..=150_000_u32 {
            folded.add("contoso", "ONE", &format!("s{number}"), number);
            if number % 10_000 == 0 {
                folded.settle();
            }
        }
        assert!(folded.old.len() > MOST_NEW && folded.new.len() <= MOST_NEW);
        for number in [1, 70_001, 149_999] {
            let found: Vec<u32> = folded.like(&device(&format!(" S{number}"))).collect();
            assert!(found.contains(&number), "{number}: {found:?}");
            assert!(found.len() < 5);
        }
    }
}
