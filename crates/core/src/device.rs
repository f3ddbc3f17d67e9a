//! What a registration is about: a device, byte for byte as its sender wrote it.

use serde::{Deserialize, Serialize};

/// The two headings that a file of devices can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `Manufacturer,Model,Serial Number`.
    Partner,
    /// `Manufacturer,Model,Serial Number,Hardware Hash`.
    SelfService,
}

impl Format {
    /// Both formats.
    pub const ALL: [Self; 2] = [Self::Partner, Self::SelfService];

    /// The word for it in the configuration and in the ledger.
    pub fn code(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::SelfService => "self-service",
        }
    }

    /// The format with this word.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.code() == code)
    }

    /// Its columns, in their order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Partner => &[Column::Manufacturer, Column::Model, Column::SerialNumber],
            Self::SelfService => &[Column::Manufacturer, Column::Model, Column::SerialNumber, Column::HardwareHash],
        }
    }
}

/// A column that means something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Column {
    /// The manufacturer as SMBIOS has it.
    #[serde(rename = "Manufacturer")]
    Manufacturer,
    /// The model as SMBIOS has it.
    #[serde(rename = "Model")]
    Model,
    /// The serial number as SMBIOS has it.
    #[serde(rename = "Serial Number")]
    SerialNumber,
    /// The hardware hash (base64).
    #[serde(rename = "Hardware Hash")]
    HardwareHash,
    /// The partner's order ID, where a customer's `columns` names one.
    #[serde(rename = "Order ID")]
    OrderId,
    /// The partner's purchase ID, where a customer's `columns` names one.
    #[serde(rename = "Purchase ID")]
    PurchaseId,
}

impl Column {
    /// All columns.
    pub const ALL: [Self; 6] =
        [Self::Manufacturer, Self::Model, Self::SerialNumber, Self::HardwareHash, Self::OrderId, Self::PurchaseId];

    /// The heading, exact.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Manufacturer => "Manufacturer",
            Self::Model => "Model",
            Self::SerialNumber => "Serial Number",
            Self::HardwareHash => "Hardware Hash",
            Self::OrderId => "Order ID",
            Self::PurchaseId => "Purchase ID",
        }
    }

    /// The column with this heading.
    pub fn from_heading(heading: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.heading() == heading)
    }
}

/// A device: what a registrar knows it by. Never trimmed, folded or normalized.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Device {
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial_number: String,
}

/// The SHA-256 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Takes a digest.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sha256({self})")
    }
}

/// The text isn't 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is written as 64 hexadecimal digits")]
pub struct Sha256Error;

impl std::str::FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(Sha256Error);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * index..2 * index + 2).ok_or(Sha256Error)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| Sha256Error)?;
        }
        Ok(Self(bytes))
    }
}
