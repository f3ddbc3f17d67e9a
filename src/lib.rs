//! devicedrop does: everything that touches the world. What is decided is decided in `devicedrop-core`.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests set their scene with files and times that the product must not use"
    )
)]

pub mod actor;
pub mod beneath;
pub mod blocking;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod doctor;
pub mod durable;
pub mod inbox;
pub mod ledger;
pub mod lifecycle;
pub mod metrics;
pub mod proof;
pub mod reading;
pub mod registrar;
pub mod results;
pub mod services;
pub mod step;
pub mod trial;
pub mod web;
