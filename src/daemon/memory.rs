//! Gives memory back to the system that was freed and that the allocator keeps.
//!
//! It keeps what lies below something that is still in use; while files come and go that adds up to more than all that is
//! in use. Giving it back takes about a millisecond.

use std::sync::Arc;
use std::time::Duration;

use super::lanes::pause;
use super::shared::Shared;

/// How often that is done.
const EVERY: Duration = Duration::from_secs(30);

/// Runs until the daemon stops.
pub(super) async fn give_back(shared: Arc<Shared>) {
    while !shared.stop.is_cancelled() {
        tokio::select! {
            () = pause(EVERY) => {}
            () = shared.stop.cancelled() => return,
        }
        // Simulated time passes too fast for that.
        if crate::blocking::simulated().is_none() {
            drop(crate::blocking::run(devicedrop_sys::give_back).await);
        }
    }
}
