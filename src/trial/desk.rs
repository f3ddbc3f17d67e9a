//! What every surface has at hand while it answers one request.

use devicedrop_core::time::Timestamp;

use crate::clock::Clock;

use super::settings::Settings;
use super::store::Session;
use super::watch::Watch;

/// One request's transaction, time and circumstances.
pub(super) struct Desk<'a> {
    pub(super) settings: &'a Settings,
    pub(super) session: &'a Session<'a>,
    pub(super) clock: &'a dyn Clock,
    pub(super) watch: &'a Watch,
    pub(super) now: Timestamp,
    /// What tokens are sealed with.
    pub(super) key: &'a [u8; 32],
    /// How this service is reached.
    pub(super) base_url: &'a str,
}
