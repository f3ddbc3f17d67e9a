//! Whether the daemon can do its job, as it tells others.

use serde::{Deserialize, Serialize};

/// Whether the daemon can do its job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonHealth {
    /// Whether it can.
    pub ok: bool,
    /// Why not, in sentences.
    pub reasons: Vec<String>,
}
