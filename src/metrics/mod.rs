//! Figures for a monitor: counters and histograms that cost next to nothing to record ([`meter`]), and the text in which
//! Prometheus takes them ([`text`]); and what this process takes of the machine ([`process`]).
//!
//! What is counted is the daemon's affair; nothing here is shared by the whole process.

pub mod meter;
pub mod process;
pub mod text;
