//! The scripted registrar's own record of what it was asked and what it did, for a checker outside.
//!
//! One JSON object a line, only ever appended to, and on disk before what it says happens: whatever the daemon's
//! ledger says, this is what was done to the world.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::Path;

use anyhow::Context;
use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::Request;
use devicedrop_core::state::ErrorCode;
use serde::{Deserialize, Serialize};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was cut off on its way here.
    CutOff,
    /// It arrived.
    Received,
    /// Its device is registered. Each such line is one effect.
    Registered,
    /// It was asked what became of it.
    Inquired,
    /// It was taken, and what became of it is told later.
    Accepted,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    pub what: What,
    /// For which customer.
    pub customer: CustomerKey,
    /// The device's serial number.
    pub serial_number: String,
    /// Its manufacturer.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// The request's key, in hexadecimal digits.
    pub key: String,
    /// The attempt's number.
    pub attempt: i64,
    /// What it is followed by, if it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The error that will be told of one that was accepted; none if it will be registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorCode>,
}

impl Entry {
    pub(crate) fn of(what: What, request: &Request) -> Self {
        let Device { manufacturer, model, serial_number } = request.device.clone();
        let (customer, key) = (request.customer.clone(), request.key.to_string());
        let attempt = request.attempt.get();
        Self { what, customer, serial_number, manufacturer, model, key, attempt, tracking_id: None, error: None }
    }

    pub(crate) fn accepted(request: &Request, tracking_id: &str, error: Option<ErrorCode>) -> Self {
        Self { tracking_id: Some(tracking_id.to_owned()), error, ..Self::of(What::Accepted, request) }
    }

    /// The device.
    pub fn device(&self) -> Device {
        Device {
            manufacturer: self.manufacturer.clone(),
            model: self.model.clone(),
            serial_number: self.serial_number.clone(),
        }
    }
}

/// Reads a journal. A last line that was cut off by a crash never came into force and is left out.
pub fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
    let entry = |line: &str| serde_json::from_str(line).with_context(|| format!("{line:?} is no entry"));
    whole.lines().map(entry).collect()
}

/// The journal, open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens or makes a journal, and returns what is in it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<(Self, Vec<Entry>)> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let entries = read(path)?;
        let text = std::fs::read(path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(u64::try_from(whole)?)?;
        file.seek(std::io::SeekFrom::End(0))?;
        Ok((Self { file }, entries))
    }

    /// Appends entries, and has them on disk before it returns.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        Ok(self.file.sync_data()?)
    }
}
