//! What devicedrop decides.
//!
//! Everything here is a function of its arguments: no files, no sockets, no clock, no threads, no randomness.
//! Whoever touches the world (the `devicedrop` package) asks here what to do, and does it.

pub mod checkpoint;
pub mod device;
pub mod dialect;
pub mod excerpt;
pub mod handover;
pub mod headings;
pub mod ids;
pub mod limits;
pub mod locale;
pub mod message;
pub mod name;
pub mod near;
pub mod oa3;
pub mod order;
pub mod plan;
pub mod problem;
pub mod record;
pub mod registrar;
pub mod result_sheet;
pub mod retry;
pub mod row;
pub mod settle;
pub mod share;
pub mod sheet;
pub mod shown;
pub mod signed_note;
mod slips;
pub mod state;
pub mod survey;
pub mod suspicion;
pub mod time;

mod below;
mod decode;
mod hints;
mod kind;
mod lines;
mod preamble;
mod quotes;
mod records;
