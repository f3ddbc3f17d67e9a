//! What can stand on the command line, and the help that tells it.

mod backup;
mod doctor;
mod ledger;
mod look;
mod registrar;
mod registry;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use devicedrop_core::ids::{CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::state::ErrorCode;

pub use backup::{BackupArgs, RestoreArgs};
pub use doctor::DoctorArgs;
pub use ledger::{CheckpointArgs, ExportArgs, KeygenArgs, LedgerCommand, SnapshotArgs, VerifyArgs};
pub use look::{AttemptsArgs, DevicesArgs, FindArgs, HistoryArgs, LookArgs, SubmissionsArgs};
pub use registrar::{RegistrarCheckArgs, RegistrarCommand};
pub use registry::{CheckInArgs, DeviceArgs, ImportArgs, ListArgs, RegistryCommand, ReleaseArgs, ServeArgs};

/// The heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Registers the devices in CSV files that are dropped into watched folders, and keeps a ledger of it.
#[derive(Debug, Parser)]
#[command(name = "devicedrop", version, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "\
Configuration, the first that is there:
  --config FILE, $DEVICEDROP_CONFIG, the user's (~/.config/devicedrop/devicedrop.toml),
  the system's (/etc/devicedrop/devicedrop.toml), else defaults below the user's data folder

Exit codes:
  0  done
  1  done, and the answer is no (invalid rows, tampering found, something needs a person)
  2  it could not be done (usage, configuration, environment)
  3  the daemon stopped because a write to the ledger failed: start it again
  4  the ledger can't be trusted: a person must act

Begin with:
  devicedrop demo
  devicedrop init ~/devicedrop")]
pub struct Cli {
    /// The configuration to use
    #[arg(long, value_name = "FILE", global = true, help_heading = EVERYWHERE)]
    pub config: Option<PathBuf>,

    /// Says which configuration and ledger are used; twice, more of what is done
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = EVERYWHERE)]
    pub verbose: u8,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the daemon, in the foreground
    #[command(after_help = "\
Example:
  devicedrop run --once && echo 'every row is registered'")]
    Run(RunArgs),

    /// Shows what it does: customers, an inventory and CSVs in a new temporary folder
    #[command(after_help = "\
Example:
  devicedrop demo --keep")]
    Demo(DemoArgs),

    /// Writes a commented configuration, folders and a sample CSV
    #[command(after_help = "\
Nothing that is there already is changed.

Example:
  devicedrop init ~/devicedrop")]
    Init(InitArgs),

    /// Tells, before dropping, what would be refused in CSV files and what looks wrong
    #[command(after_help = "\
Nothing is registered or sent. What the customer sent before is looked up, if there is a ledger.

Example:
  devicedrop check --customer contoso devices.csv")]
    Check(CheckArgs),

    /// Tells how things stand: queue, customers, registrar, what needs a person
    #[command(after_help = "\
Example:
  devicedrop status --problems || mail -s 'devicedrop needs you' ops@example.com")]
    Status(StatusArgs),

    /// Tells in one line why a file is where it is
    #[command(after_help = "\
Example:
  devicedrop explain /srv/devicedrop/contoso/devices.csv")]
    Explain(ExplainArgs),

    /// Lists submissions: contents of files that were taken
    #[command(after_help = "\
Example:
  devicedrop submissions --customer contoso --since 2026-11-01")]
    Submissions(SubmissionsArgs),

    /// Lists devices that were registered, with their states
    #[command(after_help = "\
Examples:
  devicedrop devices --customer contoso --state active
  devicedrop devices --at 2026-11-01T00:00:00Z --json")]
    Devices(DevicesArgs),

    /// Lists attempts to register
    #[command(after_help = "\
Example:
  devicedrop attempts --error unexpected_error --since 2026-11-22")]
    Attempts(AttemptsArgs),

    /// Tells everything that happened to a serial number
    #[command(after_help = "\
Example:
  devicedrop history 4CE0460D0G")]
    History(HistoryArgs),

    /// Finds a serial number, request ID, order ID, submission ID or file name
    #[command(after_help = "\
Example:
  devicedrop find PO-4711")]
    Find(FindArgs),

    /// Writes a result file anew from the ledger, with the present states
    #[command(after_help = "\
Example:
  devicedrop result /srv/devicedrop/contoso/devices.csv")]
    Result(ResultArgs),

    /// Tries failed registrations again
    #[command(after_help = "\
Examples:
  devicedrop retry --customer contoso --error device_not_found
  devicedrop retry --submission 019a8f2e-1c3d-7f00-8a4b-3f1d2c5b6a79")]
    Retry(RetryArgs),

    /// Decides an attempt in doubt that no registrar can answer for
    #[command(after_help = "\
Example:
  devicedrop resolve 4711 --registered --reason 'the service desk sees it, case 815'")]
    Resolve(ResolveArgs),

    /// Adds and lists customers
    #[command(subcommand, arg_required_else_help = true)]
    Customer(CustomerCommand),

    /// The embedded registrar: inventory, claims, check-ins
    #[command(subcommand, arg_required_else_help = true)]
    Registry(RegistryCommand),

    /// Registration services: signing in, and what they would let us do
    #[command(subcommand, arg_required_else_help = true)]
    Registrar(RegistrarCommand),

    /// For auditors: verification, checkpoints, keys
    #[command(subcommand, arg_required_else_help = true)]
    Ledger(LedgerCommand),

    /// Makes a backup of ledger, registry, originals and configuration, while the daemon runs
    #[command(after_help = "\
The folder must not be there yet. What is in it is verified before it gets its name.

Example:
  devicedrop backup /backup/devicedrop/$(date +%F)")]
    Backup(BackupArgs),

    /// Puts a backup back, where nothing is; the ledger begins a new epoch, on record
    #[command(after_help = "\
Stop the daemon first, and move the old state aside. Where the configuration named by --config isn't there, the
backup's is put there.

Example:
  devicedrop --config /etc/devicedrop/devicedrop.toml restore /backup/devicedrop/2026-11-22 --reason 'disk failed'")]
    Restore(RestoreArgs),

    /// Tells what in this environment would hurt, and the remedy
    #[command(after_help = "\
Ends with 0 if nothing would hurt, 1 if something would, 2 if not everything could be looked at.
Root looks as the ledger's owner. In each drop folder a hidden file is made, renamed and removed.

Examples:
  devicedrop doctor
  devicedrop doctor --accept-clock --reason 'it stood still over the winter'")]
    Doctor(DoctorArgs),

    /// Prints completions for a shell
    #[command(after_help = "\
Example:
  devicedrop completions bash > /etc/bash_completion.d/devicedrop")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Of all that report.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReportArgs {
    /// Prints JSON: one document, or one in each line for lists
    #[arg(long)]
    pub json: bool,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Takes what is there, and exits when only deferred or in-doubt rows are left: 0 if every row is registered
    #[arg(long)]
    pub once: bool,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Goes on running, for files of your own
    #[arg(long)]
    pub keep: bool,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder for all of it
    #[arg(default_value = "devicedrop")]
    pub dir: PathBuf,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The CSV files; write -- before names that may begin with a hyphen (check -- *.csv)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Goes by the settings of this customer (formats, columns)
    #[arg(long, value_name = "KEY")]
    pub customer: Option<CustomerKey>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Shows it again every two seconds
    #[arg(long, conflicts_with = "problems")]
    pub watch: bool,

    /// Prints only what needs a person, and exits 1 if anything does
    #[arg(long)]
    pub problems: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The file in a drop folder
    pub file: PathBuf,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `result`.
#[derive(Debug, Args)]
pub struct ResultArgs {
    /// The original in a drop folder
    pub file: PathBuf,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Only of this submission; a rejected one is judged anew
    #[arg(long, value_name = "ID")]
    pub submission: Option<SubmissionId>,

    /// Only of this customer
    #[arg(long, value_name = "KEY")]
    pub customer: Option<CustomerKey>,

    /// Only with this error
    #[arg(long, value_name = "CODE", value_parser = error_code)]
    pub error: Option<ErrorCode>,

    /// Also of files that have a newer content
    #[arg(long)]
    pub superseded: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `resolve`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("decision").required(true))]
pub struct ResolveArgs {
    /// The registration, as `status` and `attempts` name it
    #[arg(value_parser = registration_id)]
    pub registration: RegistrationId,

    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// The device is registered
    #[arg(long, group = "decision")]
    pub registered: bool,

    /// It is not: try again
    #[arg(long, group = "decision")]
    pub retry: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `customer`.
#[derive(Debug, Subcommand)]
pub enum CustomerCommand {
    /// Adds a customer: its folder, and a section in the configuration
    #[command(after_help = "\
Example:
  devicedrop customer add contoso --name 'Contoso Ltd'")]
    Add(CustomerAddArgs),

    /// Lists the customers
    #[command(after_help = "\
Example:
  devicedrop customer list --json")]
    List {
        #[command(flatten)]
        #[expect(missing_docs, reason = "a comment here would become the help's heading")]
        report: ReportArgs,
    },
}

/// `customer add`.
#[derive(Debug, Args)]
pub struct CustomerAddArgs {
    /// The customer's key: the name of its folder
    pub key: CustomerKey,

    /// Its name, as people read it
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,

    /// Its tenant at the registration service
    #[arg(long, value_name = "ID")]
    pub tenant_id: Option<String>,
}

/// An error by its code.
fn error_code(text: &str) -> Result<ErrorCode, String> {
    ErrorCode::from_code(text).ok_or_else(|| {
        let known: Vec<&str> = ErrorCode::ALL.iter().map(|error| error.code()).collect();
        format!("the errors are: {}", known.join(", "))
    })
}

fn registration_id(text: &str) -> Result<RegistrationId, String> {
    text.parse().ok().and_then(RegistrationId::new).ok_or_else(|| "a registration is a number from 1 up".to_owned())
}

#[cfg(test)]
mod tests;
