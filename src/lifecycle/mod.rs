//! The life of devices after their registration: in use, out of use for too long, in use again.
//!
//! One step at a time: what the registrar learned since the cursor goes on record, then what was last seen too long
//! ago. Where the cursor and the devices are kept is the asker's affair ([`Devices`]).

use std::time::Duration;

use devicedrop_core::ids::RegistrationId;
use devicedrop_core::registrar::Activity;
use devicedrop_core::time::Timestamp;

/// So many uses are asked for, and so many devices looked at, at once.
pub const BATCH: usize = 1_000;

/// Keeps the devices that were registered.
pub trait Devices {
    /// What goes wrong with it.
    type Error;

    /// The registration that holds the device, if the record knows one.
    fn registration(&self, activity: &Activity) -> Result<Option<RegistrationId>, Self::Error>;

    /// Puts on record that devices were used, and when each was last seen.
    fn seen(&self, devices: Vec<(RegistrationId, Timestamp)>) -> Result<(), Self::Error>;

    /// Active devices that were last seen before a time.
    fn unseen_since(&self, before: Timestamp, limit: usize) -> Result<Vec<RegistrationId>, Self::Error>;

    /// Puts on record that devices weren't used for too long.
    fn unseen(&self, devices: Vec<RegistrationId>) -> Result<(), Self::Error>;
}

/// Puts uses on record. Returns how many were of devices that the record knows.
pub fn record_uses<D: Devices>(devices: &D, uses: &[Activity]) -> Result<usize, D::Error> {
    let mut seen = Vec::with_capacity(uses.len());
    for activity in uses {
        if let Some(registration) = devices.registration(activity)? {
            seen.push((registration, activity.last_seen));
        }
    }
    let known = seen.len();
    if known > 0 {
        devices.seen(seen)?;
    }
    Ok(known)
}

/// Puts on record which active devices were last seen more than `inactive_after` before `now`. Returns how many.
pub fn record_silence<D: Devices>(devices: &D, now: Timestamp, inactive_after: Duration) -> Result<usize, D::Error> {
    let before = now.minus(inactive_after);
    let mut count = 0;
    loop {
        let silent = devices.unseen_since(before, BATCH)?;
        if silent.is_empty() {
            return Ok(count);
        }
        count += silent.len();
        devices.unseen(silent)?;
    }
}
