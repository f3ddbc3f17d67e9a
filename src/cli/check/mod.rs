//! `check`: tells, before dropping, what would be refused and what looks wrong. Needs no daemon and no registrar, and
//! changes nothing; the ledger is only asked what the customer sent before, if there is one.

mod finding;
mod mark;
mod named;
mod past;
mod read;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::message::{self, WaitsFor};
use devicedrop_core::shown::shown;
use devicedrop_core::suspicion::{Suspicion, Watcher};

use self::finding::Finding;
use self::named::Place;
use self::past::Asking;
use self::read::Settings;
use self::report::Report;
use crate::cli::args::CheckArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::services::Services;
use crate::config::environment::Environment;
use crate::config::{Config, ConfigError, CustomerSettings, CustomersFrom, Lookup, nearest};
use crate::reading;

/// Checks files; says no when anything would be refused. One that can't be read keeps no other from being checked.
pub fn run(
    args: &CheckArgs,
    config: Option<&PathBuf>,
    environment: &Environment,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let config = match Lookup::of_this_process(config.cloned(), environment).load() {
        Ok(config) => Some(config),
        // Nothing is configured, and what holds then doesn't fit this machine.
        Err(error @ ConfigError::Defaults { .. }) if args.customer.is_none() => {
            let told = error.to_string().lines().map(|line| shown(line.trim()).to_string()).collect::<Vec<_>>();
            output.note(format_args!("checked by the defaults: {}", told.join("; ")));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let mut exit = Exit::Done;
    for path in &args.files {
        match check_in(path, args, config.as_ref(), services, output) {
            Ok(report) => {
                if !report.fine() && exit == Exit::Done {
                    exit = Exit::No;
                }
                report.print(args.report.json, output)?;
            }
            Err(error @ CliError::Read { .. }) => {
                error.tell(output);
                exit = Exit::Unable;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(exit)
}

/// Checks a file by the settings of the customer named, else of the one whose folder it lies in, else the defaults.
fn check_in(
    path: &Path,
    args: &CheckArgs,
    config: Option<&Config>,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Report, CliError> {
    let most = Report::kept_of_a_kind(args.report.json);
    let Some(config) = config else {
        let (settings, waits) = (Settings::default(), &mut Vec::new);
        return check_file(path, &settings, Place::Elsewhere, waits, &mut Asking::nobody(), most);
    };
    let full = std::path::absolute(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let full = config.as_configured(&full);
    let around = whose(&full, config);
    let named = match &args.customer {
        Some(key) => Some(customer_of(key, config)?),
        None => around.clone(),
    };
    let settings = Settings::of(named.as_ref(), config);
    let place = match around.as_ref().and_then(|customer| full.strip_prefix(&customer.folder).ok()) {
        Some(inside) => Place::Inside { path: inside, ignore_folders: &config.drop.ignore_folders },
        None if full.starts_with(&config.drop.root) => Place::NobodysFolder,
        None => Place::Elsewhere,
    };
    let mut waits = || {
        let Some(customer) = &named else { return Vec::new() };
        let inside = full.strip_prefix(&customer.folder).ok();
        let mut waits = services.waits_for(config, customer, &full, inside);
        waits.extend(customer.paused.then_some(WaitsFor::Unpausing));
        waits
    };
    let mut asking = match named.as_ref().map(|customer| services.past(config, &customer.key)) {
        Some(Ok(Some(past))) => Asking::of(past),
        Some(Err(failure)) => {
            output.note(format_args!(
                "what was sent before isn't looked up: {}",
                shown(&CliError::from(failure).to_string())
            ));
            Asking::nobody()
        }
        Some(Ok(None)) | None => Asking::nobody(),
    };
    let report = check_file(path, &settings, place, &mut waits, &mut asking, most)?;
    if let Some(failure) = asking.failure() {
        let why = CliError::from(failure).to_string();
        output.note(format_args!("what was sent before was looked up in part only: {}", shown(&why)));
    }
    Ok(report)
}

/// The customer with this key. Where every folder is one, a key without a folder is taken for a slip once the root can
/// be seen.
fn customer_of(key: &CustomerKey, config: &Config) -> Result<CustomerSettings, CliError> {
    let known = |customer: &CustomerSettings| {
        config.customers.contains_key(key) || customer.folder.is_dir() || !config.drop.root.is_dir()
    };
    config.customer(key).filter(known).ok_or_else(|| {
        let folders = fs::read_dir(&config.drop.root).into_iter().flatten().filter_map(Result::ok);
        let folders = folders.filter_map(|entry| entry.file_name().into_string().ok());
        let mut keys: Vec<String> = match config.drop.customers {
            CustomersFrom::Folders => folders.filter(|name| CustomerKey::parse(name).is_ok()).collect(),
            CustomersFrom::Configured => Vec::new(),
        };
        keys.extend(config.customers.keys().map(ToString::to_string));
        keys.sort();
        let nearest = nearest(key.as_str(), keys.iter().map(String::as_str));
        let nearest = nearest.map(|nearest| format!("; the nearest is {nearest}")).unwrap_or_default();
        CliError::Usage {
            message: format!("there is no customer {key}{nearest}"),
            hint: "devicedrop customer list".to_owned(),
        }
    })
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

/// Checks one file; keeps at most so many findings of a kind.
fn check_file(
    path: &Path,
    settings: &Settings,
    place: Place<'_>,
    waits: &mut dyn FnMut() -> Vec<WaitsFor>,
    asking: &mut Asking,
    most: usize,
) -> Result<Report, CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let locale = settings.locale;
    let mut report = Report::new(path, locale, most);
    let named = named::look(path, place, locale).map_err(failed)?;
    if named.findings.is_empty() {
        for what in waits() {
            report.waits(&what);
        }
    }
    report.not_taken(named.findings);
    let Some(mut file) = named.file else { return Ok(report) };
    let mut watcher = Watcher::new();
    let read = read::read(&mut file, settings, &mut |head, row| {
        report.row(head);
        if let Err(problem) = &row.content {
            report.refuse(&finding::key_of_row(problem), &|| Finding::of_row(head, row, problem, locale));
            return;
        }
        let mut warn =
            |suspicion: &Suspicion<'_>| report.add(&finding::key(suspicion), &|| Finding::of(suspicion, locale));
        watcher.row(head, row, &mut warn);
        asking.row(head, row, &mut warn);
    })
    .map_err(failed)?;
    report.encoding = read.encoding;
    match &read.sheet {
        Ok(sheet) => {
            report.head(&sheet.head);
            let mut warn =
                |suspicion: &Suspicion<'_>| report.add(&finding::key(suspicion), &|| Finding::of(suspicion, locale));
            asking.finish(&sheet.head, &mut warn);
            let end = watcher.finish(&sheet.head, &mut warn);
            report.compared = end.compared.map(|devices| message::label(message::Label::Compared(devices), locale));
            report.more_lost_zeros(end.lost_zeros_unnamed);
        }
        Err(problem) => {
            report.rejected(Finding::of_file(problem, !settings.options.columns.is_empty(), locale));
        }
    }
    let lines = reading::lines(&mut file, read.encoding, report.lines()).map_err(failed)?;
    report.locate(&lines);
    Ok(report)
}

#[cfg(test)]
mod tests;
