//! What a scripted registrar is told to do: a value that tests build, or a JSON file for a process.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Context;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::state::ErrorCode;
use devicedrop_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How a registrar goes about what it has seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Knows requests by their keys: a repeated one is answered as before. Can be asked by key.
    #[default]
    Keyed,
    /// Knows devices only: a repeated request finds the device registered. Can be asked by device.
    Natural,
    /// Knows nothing: a repeated request registers the device a second time. Can't be asked.
    None,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Registered, or what the registrar's memory says against it.
    #[default]
    Accept,
    /// Refused. `device_already_registered` gives the verdict of that name.
    Refuse {
        /// One of the service's five errors.
        error: ErrorCode,
        /// The service's own words.
        #[serde(default)]
        detail: Option<String>,
    },
    /// Busy; no effect.
    Busy {
        /// How long it asks to be left alone.
        #[serde(default)]
        retry_after_ms: Option<u64>,
    },
    /// Nothing is heard of it, and it has no effect: in doubt.
    Timeout,
    /// The connection breaks before anything is sent; no effect, and known to have none.
    DisconnectBefore,
    /// The connection breaks after the effect: in doubt.
    DisconnectAfter,
    /// An answer that can't be read: in doubt.
    Garbage {
        /// What is received.
        text: String,
        /// Whether the device is registered all the same.
        #[serde(default)]
        effect: bool,
    },
    /// Credentials are refused: trouble for the whole call, and no row of it has an effect.
    Broken,
    /// The service is down: the same.
    Unavailable,
}

/// Which rows get which reply. What isn't set matches every row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Rows of this serial number.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// Rows of this customer.
    #[serde(default)]
    pub customer: Option<CustomerKey>,
    /// The row that comes as this one, counted from 1 over the registrar's whole life.
    #[serde(default)]
    pub row: Option<u64>,
    /// How many rows it serves before the next rule comes to its turn; all, if not set. Counts over restarts too.
    #[serde(default)]
    pub times: Option<u64>,
    /// What becomes of them.
    pub reply: Reply,
}

impl Rule {
    /// A rule for all rows of a serial number.
    pub fn serial(serial_number: &str, reply: Reply) -> Self {
        Self { serial_number: Some(serial_number.to_owned()), reply, ..Self::default() }
    }

    /// A rule for one row by its place.
    pub fn row(row: u64, reply: Reply) -> Self {
        Self { row: Some(row), reply, ..Self::default() }
    }

    /// A rule for every row.
    pub fn always(reply: Reply) -> Self {
        Self { reply, ..Self::default() }
    }

    /// The same rule, spent after so many rows.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }
}

/// A use that becomes known once its device is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Of which device.
    pub serial_number: String,
    /// When.
    pub last_seen: Timestamp,
}

/// A whole script. Rules are tried in their order; the first that matches and isn't spent decides, and without one
/// the row is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// How it goes about what it has seen before.
    pub mode: Mode,
    /// Rows in one call.
    pub batch: NonZeroUsize,
    /// Calls at the same time.
    pub concurrency: NonZeroUsize,
    /// How long an answer takes. Tests in one process hold answers instead and let them go.
    pub latency_ms: u64,
    /// How long whoever asks waits for an answer; if not set, as long as for any registrar.
    pub patience_ms: Option<u64>,
    /// How often it says that it isn't done yet before it tells what became of a row; if not set, it tells at once.
    pub later: Option<u64>,
    /// Whether it is like a service somewhere else: each customer has a tenant of its own there, rows of one order go into
    /// one batch, answers name serial numbers only, and each request has an ID of ours, with which it is answered.
    pub service: bool,
    /// What becomes of rows.
    pub rules: Vec<Rule>,
    /// How many inquiries fail before the first is answered; these count in each process anew.
    pub inquiries_refused: u64,
    /// Inquiries about rows of this customer are never answered.
    pub inquiries_unanswered: Option<CustomerKey>,
    /// Uses of devices.
    pub uses: Vec<Use>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            mode: Mode::Keyed,
            batch: NonZeroUsize::MIN.saturating_add(99),
            concurrency: NonZeroUsize::MIN.saturating_add(3),
            latency_ms: 0,
            patience_ms: None,
            later: None,
            service: false,
            rules: Vec::new(),
            inquiries_refused: 0,
            inquiries_unanswered: None,
            uses: Vec::new(),
        }
    }
}

impl Script {
    /// A script of these rules.
    pub fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: rules.into_iter().collect(), ..Self::default() }
    }

    /// The same script in another mode.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same script, that tells of each row later: after so many times of saying that it isn't done yet.
    #[must_use]
    pub fn later(self, times: u64) -> Self {
        Self { later: Some(times), ..self }
    }

    /// The same script of a registrar that is like a service somewhere else.
    #[must_use]
    pub fn service(self) -> Self {
        Self { service: true, ..self }
    }

    /// Reads a script from a JSON file.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no script", path.display()))
    }
}
