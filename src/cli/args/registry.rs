//! The embedded registrar's part of the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;

use super::{LookArgs, ReportArgs};

/// `registry`.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Adds devices to the inventory from CSV files
    #[command(after_help = "\
The files have the partner or self-service headings. What is in the inventory already is left alone.

Example:
  devicedrop registry import delivery-2026-11.csv")]
    Import(ImportArgs),

    /// Lists the inventory, and who has claimed what
    #[command(after_help = "\
Example:
  devicedrop registry list --customer contoso")]
    List(ListArgs),

    /// Gives the claim on a device up
    #[command(after_help = "\
Examples:
  devicedrop registry release --manufacturer SpiralOrbit --model ContosoABC --serial-number 4711
  devicedrop registry release --from returned.csv")]
    Release(ReleaseArgs),

    /// Records that a device was used
    #[command(after_help = "\
Examples:
  devicedrop registry check-in --manufacturer SpiralOrbit --model ContosoABC --serial-number 4711
  devicedrop registry check-in --from seen.csv")]
    CheckIn(CheckInArgs),
}

/// `registry import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The CSV files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `registry list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub look: LookArgs,
}

/// Which devices: one, named by all it is known by, or those in a file.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("devices").required(true))]
pub struct DeviceArgs {
    /// The manufacturer, exactly
    #[arg(long, value_name = "TEXT", group = "devices", requires_all = ["model", "serial_number"])]
    pub manufacturer: Option<String>,

    /// The model, exactly
    #[arg(long, value_name = "TEXT", requires = "manufacturer")]
    pub model: Option<String>,

    /// The serial number, exactly
    #[arg(long, value_name = "TEXT", requires = "manufacturer")]
    pub serial_number: Option<String>,

    /// The devices in this CSV with the partner headings
    #[arg(long, value_name = "FILE", group = "devices")]
    pub from: Option<PathBuf>,
}

/// `registry release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub devices: DeviceArgs,

    /// Only if this customer has it
    #[arg(long, value_name = "KEY")]
    pub customer: Option<CustomerKey>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `registry check-in`.
#[derive(Debug, Args)]
pub struct CheckInArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub devices: DeviceArgs,

    /// When it was used [default: now, or the file's column `Last Seen`]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}
