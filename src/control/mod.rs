//! The control socket: how commands of people reach the daemon.
//!
//! Here are the words both sides use ([`protocol`]) and the side that asks ([`client`]). The side that answers
//! is the daemon's.

pub mod client;
mod health;
mod paths;
pub mod protocol;
mod standing;
