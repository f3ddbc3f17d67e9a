//! What the registry tells the command line and the daemon, beside the answers of a registrar.

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Devices that are new in the inventory.
    pub added: u64,
    /// Devices that were in it already, or stood twice in what was imported.
    pub known: u64,
    /// Rows among them whose hardware hash isn't valid. Their devices were taken all the same.
    pub hashes_not_valid: u64,
}

/// A claim that was given up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Released {
    /// Whose device it was.
    pub customer: CustomerKey,
    /// The device.
    pub device: Device,
    /// Since when it was claimed.
    pub claimed_at: Timestamp,
}

/// What recording a use did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum CheckedIn {
    /// Recorded.
    Recorded {
        /// Whose device it is, if anybody's.
        customer: Option<CustomerKey>,
    },
    /// A use at this time or a later one is on record already.
    Older,
}

/// Why a use wasn't recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckInError {
    /// No such device.
    #[error(
        "the registry knows no device {}: check manufacturer, model and serial number letter by letter \
         (`devicedrop registry list` shows what it knows)",
        shown(device)
    )]
    UnknownDevice {
        /// The device.
        device: Box<Device>,
    },
    /// A use in the future.
    #[error(
        "device {} can't have been used at {at}, it is only {now}: correct the time, or this machine's clock",
        shown(device)
    )]
    Future {
        /// The device.
        device: Box<Device>,
        /// When it was said to have been used.
        at: Timestamp,
        /// The present time.
        now: Timestamp,
    },
}

/// Which devices a list shows; those that meet every field that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only devices of this customer.
    pub customer: Option<CustomerKey>,
    /// Only devices that are claimed, or only those that aren't.
    pub claimed: Option<bool>,
    /// Only devices whose claim was made at this time or later.
    pub claimed_since: Option<Timestamp>,
    /// Only devices that are in the inventory, or only those that aren't.
    pub inventory: Option<bool>,
    /// Only this manufacturer.
    pub manufacturer: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// Only this serial number.
    pub serial_number: Option<String>,
}

/// One device of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its number in the registry, to go on behind.
    pub number: u32,
    /// The device.
    #[serde(flatten)]
    pub device: Device,
    /// Whether it is in the inventory; otherwise it is only known because it was claimed.
    pub inventory: bool,
    /// Who has it.
    pub customer: Option<CustomerKey>,
    /// Since when.
    pub claimed_at: Option<Timestamp>,
    /// When it was last used.
    pub last_seen: Option<Timestamp>,
}

impl Filter {
    /// Whether a device that was claimed then, if it is claimed, can be shown.
    pub(super) fn takes_claim(&self, claimed_at: Option<Timestamp>) -> bool {
        self.claimed.is_none_or(|claimed| claimed == claimed_at.is_some())
            && self.claimed_since.is_none_or(|since| claimed_at.is_some_and(|at| at >= since))
    }
}

/// A device in one line, with whatever isn't printable escaped.
pub(super) fn shown(device: &Device) -> String {
    format!("{:?}, {:?}, {:?}", device.manufacturer, device.model, device.serial_number)
}
