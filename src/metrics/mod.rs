//! Figures for a monitor: counters and histograms that cost next to nothing to record ([`meter`]), and the text in which
//! Prometheus takes them ([`text`]).
//!
//! What is counted is the daemon's affair; nothing here is shared by the whole process, and no clock is asked.

pub mod meter;
pub mod text;
