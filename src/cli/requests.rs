//! From the command line to what is asked of the daemon.

use std::path::{Path, PathBuf};

use devicedrop_core::device::Device;

use crate::cli::args::{Command, DeviceArgs, RegistryCommand};
use crate::cli::error::CliError;
use crate::control::protocol::{Decision, Devices, Request, Retry};

/// The request that a command is, and whether its answer is to be JSON; none where it isn't one.
pub fn of(command: &Command) -> Result<Option<(Request, bool)>, CliError> {
    let (request, report) = match command {
        Command::Explain(args) => (Request::Explain { path: absolute(&args.file)? }, args.report),
        Command::Result(args) => (Request::Result { path: absolute(&args.file)? }, args.report),
        Command::Retry(args) => {
            let retry = Retry {
                submission: args.submission,
                customer: args.customer.clone(),
                error: args.error,
                superseded: args.superseded,
            };
            (Request::Retry(retry), args.report)
        }
        Command::Resolve(args) => {
            let decision = if args.registered { Decision::Registered } else { Decision::Retry };
            let reason = args.reason.clone();
            (Request::Resolve { registration: args.registration, decision, reason }, args.report)
        }
        Command::Registry(RegistryCommand::Import(args)) => {
            let files = args.files.iter().map(|file| absolute(file)).collect::<Result<_, _>>()?;
            (Request::RegistryImport { files }, args.report)
        }
        Command::Registry(RegistryCommand::Release(args)) => {
            let (devices, customer) = (devices(&args.devices)?, args.customer.clone());
            (Request::RegistryRelease { devices, customer }, args.report)
        }
        Command::Registry(RegistryCommand::CheckIn(args)) => {
            (Request::RegistryCheckIn { devices: devices(&args.devices)?, at: args.at }, args.report)
        }
        _ => return Ok(None),
    };
    Ok(Some((request, report.json)))
}

fn devices(args: &DeviceArgs) -> Result<Devices, CliError> {
    if let Some(file) = &args.from {
        return absolute(file).map(Devices::File);
    }
    // The parser has made sure that all three are there.
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(Devices::One(Device {
        manufacturer: text(&args.manufacturer),
        model: text(&args.model),
        serial_number: text(&args.serial_number),
    }))
}

/// A path that means the same to the daemon, which works elsewhere. Links in it are kept: an original may be gone.
fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}
