//! A registration service for trials: Partner Center, Microsoft Graph and the endpoint that gives tokens for them, over
//! an inventory of its own.
//!
//! Written from these services' documentation, and from nothing that devicedrop has to speak with them: what one of the
//! two got wrong shows in the other. So nothing here is shared with the registrars, and nobody but the command
//! `registry serve` and tests uses it. What the documentation leaves open stands in comments where it was decided.

mod backstage;
mod certificate;
mod connection;
mod desk;
mod faults;
mod graph;
mod manners;
mod partner_center;
mod registering;
mod server;
mod service;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;
mod wire;

pub use certificate::{Certificate, NoCertificate};
pub use faults::{Fault, RetryAfter, Script, ScriptError};
pub use server::{Running, TrialError, start};
pub use settings::{Client, Settings, Stocked};
pub use store::StateError;
