//! The embedded registrar's part of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
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

    /// Runs a registration service for trials: Partner Center and Microsoft Graph on loopback
    #[command(after_help = "\
The daemon works with it as with the real ones; only its base_url is another. Nothing leaves this machine.
Prints one line with what belongs into the configuration, then runs until it is interrupted.
GET /trial/journal tells every registration that took effect, GET /trial/manners how clients behave.

Examples:
  devicedrop registry serve --latency 2s
  devicedrop registry serve --inventory stock.csv --state trial.db --fail-rate 0.05 --seed 7")]
    Serve(ServeArgs),
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

/// `registry serve`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct ServeArgs {
    /// Where it listens, on loopback; port 0 takes any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788", value_parser = address)]
    pub listen: SocketAddr,

    /// Devices that it knows, with the partner or self-service headings [default: those of `demo` and `init`]
    #[arg(long, value_name = "FILE", conflicts_with = "open")]
    pub inventory: Vec<PathBuf>,

    /// Knows every device
    #[arg(long)]
    pub open: bool,

    /// Keeps its state in this file [default: in memory]
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,

    /// How long a registration takes, as 500ms, 2s or 10m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub latency: Duration,

    /// How many of the requests fail in some way: 0.05 is one in twenty
    #[arg(long, value_name = "PART", default_value = "0", value_parser = part)]
    pub fail_rate: f64,

    /// Faults at named places, one JSON object to each line (docs/registrars.md)
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,

    /// What the chances are drawn from: the same seed, the same faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Requests a second, over which it answers 429
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// How long a slow answer takes
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub slow: Duration,

    /// A customer's tenant; without any, every tenant is a customer
    #[arg(long = "customer", value_name = "TENANT_ID")]
    pub customers: Vec<String>,

    /// A tenant that is no customer of the partner's
    #[arg(long = "stranger", value_name = "TENANT_ID")]
    pub strangers: Vec<String>,

    /// How long an access token holds
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub token_life: Duration,

    /// A certificate (PEM) that client assertions must be signed with; without it their signatures aren't looked at
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// Lets a sign-in by device code wait until its page was opened
    #[arg(long)]
    pub approve_by_page: bool,

    /// A refresh token is dead once it was used
    #[arg(long)]
    pub one_time_refresh: bool,

    /// Batches can be made only in the name of a person, as Partner Center demands
    #[arg(long)]
    pub require_user: bool,

    /// A permission that nobody consented to: it is in no token, and what needs it is refused
    #[arg(long = "without-permission", value_name = "NAME", value_parser = permissions())]
    pub without_permissions: Vec<String>,

    /// Passes over MS-RequestId, so that a repeated call has a second effect
    #[arg(long)]
    pub forgetful: bool,

    /// Takes a hardware hash that says nothing of its device
    #[arg(long)]
    pub any_hash: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// The permissions that can be left out.
fn permissions() -> PossibleValuesParser {
    PossibleValuesParser::new([
        "DeviceManagementServiceConfig.ReadWrite.All",
        "DeviceManagementManagedDevices.Read.All",
        "user_impersonation",
    ])
}

/// An address and a port. No name is asked of anybody but the one that everybody knows.
fn address(text: &str) -> Result<SocketAddr, String> {
    let numbers = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numbers.parse().map_err(|_| "write it like 127.0.0.1:8788".to_owned())
}

/// A time as the configuration writes it.
fn duration(text: &str) -> Result<Duration, String> {
    crate::config::duration(text).ok_or_else(|| "write it like 500ms, 1s, 15m, 24h or 7d".to_owned())
}

fn part(text: &str) -> Result<f64, String> {
    let part: Option<f64> = text.parse().ok();
    part.filter(|part| (0.0..=1.0).contains(part)).ok_or_else(|| "a number from 0 to 1 is expected".to_owned())
}
