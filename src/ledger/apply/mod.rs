//! What each command does, within the transaction that the writer's thread has begun.

#![expect(clippy::needless_pass_by_value, reason = "commands come by value out of the queue, and end here")]

mod accept;
mod activity;
mod attempts;
mod decide;
mod owed;

/// When a row is due that may go at once, whatever the clocks show.
const AT_ONCE: i64 = 0;
