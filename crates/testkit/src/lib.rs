//! What devicedrop's tests stand on: a scripted registrar, a hermetic environment. Development only.
#![allow(
    clippy::disallowed_methods,
    reason = "tests set their scene with files and times that the product must not use"
)]

pub mod campaign;
pub mod canary;
pub mod checker;
pub mod env;
pub mod flood;
pub mod http_script;
pub mod meddle;
pub mod process;
pub mod race;
pub mod registrar_suite;
pub mod scripted;
pub mod services;
pub mod simulate;
pub mod soak;
pub mod sweep;
pub mod tamper;
pub mod tracer;
pub mod under_test;
pub mod zoo;
