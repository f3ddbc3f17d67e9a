//! `check`: tells, before dropping, what would be refused and what looks wrong. Works on files alone: no ledger,
//! no daemon, no registrar.

mod finding;
mod mark;
mod named;
mod read;
mod report;
mod seen;
mod warn;

use std::path::{Path, PathBuf};

use devicedrop_core::device::Column;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::row::Row;
use devicedrop_core::sheet::Head;
use devicedrop_core::shown::shown;

use self::finding::Finding;
use self::named::Inside;
use self::read::Settings;
use self::report::Report;
use self::seen::Seen;
use crate::cli::args::CheckArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::config::environment::Environment;
use crate::config::{Config, CustomerSettings, Lookup};
use crate::reading;

/// Checks files; says no when anything would be refused.
pub fn run(
    args: &CheckArgs,
    config: Option<&PathBuf>,
    environment: &Environment,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let config = match Lookup::of_this_process(config.cloned(), environment).load() {
        Ok(config) => Some(config),
        Err(error) if args.customer.is_some() => return Err(error.into()),
        Err(error) => {
            output.note(format_args!("checked by the defaults: {}", shown(&error.to_string())));
            None
        }
    };
    let mut fine = true;
    for path in &args.files {
        let report = check_in(path, args.customer.as_ref(), config.as_ref())?;
        fine &= report.fine();
        report.print(args.report.json, output)?;
    }
    Ok(Exit::answer(fine))
}

/// Checks a file by the settings of the customer named, else of the one whose folder it lies in, else the defaults.
fn check_in(path: &Path, customer: Option<&CustomerKey>, config: Option<&Config>) -> Result<Report, CliError> {
    let Some(config) = config else { return check_file(path, &Settings::default(), None) };
    let full = std::path::absolute(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let around = whose(&full, config);
    let named = match customer {
        Some(key) => Some(config.customer(key).ok_or_else(|| CliError::Usage {
            message: format!("there is no customer {key}"),
            hint: "devicedrop customer list".to_owned(),
        })?),
        None => around.clone(),
    };
    let settings = Settings::of(named.as_ref(), &config.drop);
    let inside = around
        .as_ref()
        .and_then(|customer| full.strip_prefix(&customer.folder).ok())
        .map(|path| Inside { path, ignore_folders: &config.drop.ignore_folders });
    check_file(path, &settings, inside)
}

/// The customer whose drop folder a file lies in.
fn whose(full: &Path, config: &Config) -> Option<CustomerSettings> {
    let by_section = config.customers.values().find(|customer| full.starts_with(&customer.folder));
    by_section.cloned().or_else(|| {
        let mut parts = full.strip_prefix(&config.drop.root).ok()?.components();
        let key = CustomerKey::parse(parts.next()?.as_os_str().to_str()?).ok()?;
        // A file directly in the root lies in no customer's folder.
        parts.next().and(config.customer(&key))
    })
}

/// Checks one file.
fn check_file(path: &Path, settings: &Settings, inside: Option<Inside<'_>>) -> Result<Report, CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let named = named::look(path, inside, settings.locale).map_err(failed)?;
    let mut report = Report::new(path);
    report.not_taken(named.findings);
    if !named.read {
        return Ok(report);
    }
    let mut seen = Seen::default();
    let mut read = read::read(path, settings, &mut |head, row| {
        report.row(head);
        check_row(head, row, settings, &mut seen, &mut report);
    })
    .map_err(failed)?;
    report.compared_with = seen.compared_with();
    report.encoding = read.encoding;
    match &read.sheet {
        Ok(sheet) => report.head(&sheet.head),
        Err(problem) => {
            report.rejected(Finding::of_file(problem, !settings.options.columns.is_empty(), settings.locale));
        }
    }
    let lines = reading::lines(&mut read.file, read.encoding, report.lines()).map_err(failed)?;
    report.locate(&lines);
    Ok(report)
}

fn check_row(head: &Head, row: &Row<'_>, settings: &Settings, seen: &mut Seen, report: &mut Report) {
    let content = match &row.content {
        Err(problem) => return report.refuse(&|| Finding::of_row(head, row, problem, settings.locale)),
        Ok(content) => content,
    };
    warn::warnings(head, row, content, &mut |finding| report.warn(finding));
    if let Some(first) = seen.before(content, row.line) {
        report.warn(&|| {
            let message = format!("this device stands on line {first} already");
            Finding::warning(head, row, Column::SerialNumber, "twice", message)
                .help("remove one of the two; the later would be told that the device is registered already")
        });
    }
}

#[cfg(test)]
mod tests;
