//! Cuts the power under the daemon, as often as wanted, and looks what is left.
//!
//! File systems lie on disks that a process of ours serves ([`serve`], [`server`]); what they write is kept in order, with the moments
//! at which they asked for it to be durable ([`log`]). From that, the disks of any moment are made again, without what a
//! disk may lose that was never asked to keep it ([`cut`]). [`campaign`] lets the daemon work on such disks, notes what
//! it acknowledged when, and looks into thousands of cuts. Development only; needs Linux and root.
#![allow(
    clippy::disallowed_methods,
    reason = "tests set their scene with files and times that the product must not use"
)]

pub mod campaign;
pub mod cut;
pub mod log;
pub mod mounts;
pub mod serve;
pub mod server;
