//! How the registrar stands, as `status` tells it: a part of the protocol.

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How the registrar is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrarStatus {
    /// Its kind.
    pub kind: String,
    /// Its target.
    pub target: String,
    /// Whether it works; where customers have targets of their own, that of the worst.
    pub health: Health,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why not, or what it last said; where customers have targets of their own, how many of them work.
    pub why: Option<String>,
    /// The targets, where customers have targets of their own.
    #[serde(default)]
    pub targets: Vec<TargetStatus>,
}

/// How the registrar is to those customers who share a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// The target.
    pub target: String,
    /// Whose.
    pub customers: Vec<CustomerKey>,
    /// Whether it works for them.
    pub health: Health,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why not.
    pub why: Option<String>,
}

/// Whether a registrar works. The worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Nothing was asked of it yet.
    Unknown,
    /// It answers.
    Working,
    /// It asked to be left alone for a while.
    Throttled,
    /// It can't be reached now; tried again.
    Unavailable,
    /// A person must mend something; rows wait for that.
    Broken,
}

impl Health {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "not asked yet",
            Self::Working => "working",
            Self::Throttled => "throttled",
            Self::Unavailable => "can't be reached",
            Self::Broken => "broken",
        }
    }
}
