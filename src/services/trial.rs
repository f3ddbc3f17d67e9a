//! `registry serve`: what the command line says becomes a trial service's settings; it runs until a signal ends it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use devicedrop_core::device::{Device, Format};
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::sheet::SheetOptions;
use devicedrop_core::shown::shown;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::args::ServeArgs;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::init;
use crate::cli::output::Output;
use crate::clock::SystemClock;
use crate::reading;
use crate::trial::{self, Certificate, Client, Script, Settings, Stocked, TrialError};

use super::{demo, failure, runtime};

/// Runs a trial service until it is interrupted.
pub(super) fn serve(args: &ServeArgs, output: &mut Output) -> Result<Exit, Failure> {
    let settings = settings(args)?;
    let client = settings.client.clone();
    let runtime = runtime()?;
    // Before anybody is told that it runs: whoever reads that line may end it at once.
    let signals =
        runtime.block_on(async { Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) });
    let (mut terminate, mut interrupt) =
        signals.map_err(|error: std::io::Error| told("signals can't be received", &error))?;
    let running = trial::start(settings, Arc::new(SystemClock)).map_err(|error| not_started(&error))?;
    introduce(&running.base_url(), &client, args.report.json, output).map_err(|error| told("can't print", &error))?;
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    running.stop();
    Ok(Exit::Done)
}

/// What belongs into the configuration, on one line.
fn introduce(base_url: &str, client: &Client, as_json: bool, output: &mut Output) -> std::io::Result<()> {
    let Client { tenant_id, client_id, secret, refresh_token, .. } = client;
    if as_json {
        output.json(&json!({
            "base_url": base_url,
            "tenant_id": tenant_id,
            "client_id": client_id,
            "client_secret": secret,
            "refresh_token": refresh_token,
        }))?;
    } else {
        output.line(format_args!(
            "base_url={base_url} tenant_id={tenant_id} client_id={client_id} client_secret={secret} \
             refresh_token={refresh_token}"
        ))?;
    }
    output.flush()
}

fn settings(args: &ServeArgs) -> Result<Settings, Failure> {
    let mut inventory = Vec::new();
    for file in &args.inventory {
        inventory.extend(devices_in(file)?);
    }
    if args.inventory.is_empty() && !args.open {
        inventory = [demo::INVENTORY, init::INVENTORY].into_iter().flat_map(samples).collect();
    }
    let script = match &args.faults {
        Some(file) => Script::parse(&read(file)?).map_err(|errors| {
            let because = errors.iter().map(ToString::to_string).collect();
            let hint = "docs/registrars.md tells what a line may hold, and what it must";
            failure(named(file, "can't be used as a fault script"), because, Some(hint.to_owned()))
        })?,
        None => Script::default(),
    };
    let certificate = match &args.certificate {
        Some(file) => {
            Some(Certificate::from_pem(&read(file)?).map_err(|error| told(&named(file, "can't be used"), &error))?)
        }
        None => None,
    };
    Ok(Settings {
        listen: args.listen,
        inventory,
        open: args.open,
        state: args.state.clone(),
        latency: args.latency,
        fail_rate: args.fail_rate,
        script,
        seed: args.seed,
        rate: args.rate,
        slow: args.slow,
        client: Client { certificate, ..Client::default() },
        customers: args.customers.clone(),
        strangers: args.strangers.clone(),
        token_life: args.token_life,
        one_time_refresh: args.one_time_refresh,
        user_required: args.require_user,
        without_permissions: args.without_permissions.clone(),
        approve_at_once: !args.approve_by_page,
        forgetful: args.forgetful,
        any_hash: args.any_hash,
        ..Settings::default()
    })
}

/// The devices of a sample, which is known to be right.
fn samples(text: &str) -> Vec<Stocked> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let device = |record: csv::StringRecord| {
        let cell = |index| record.get(index).unwrap_or_default().to_owned();
        (Device { manufacturer: cell(0), model: cell(1), serial_number: cell(2) }, None)
    };
    reader.records().filter_map(Result::ok).map(device).collect()
}

/// The devices of a CSV with the partner or self-service headings. One wrong row is enough to refuse the file: an
/// inventory with holes would look like a service that forgets.
fn devices_in(path: &Path) -> Result<Vec<Stocked>, Failure> {
    let unreadable = |error: std::io::Error| told(&named(path, "can't be read"), &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let encoding = reading::survey(&mut file)
        .map_err(unreadable)?
        .map_err(|problem| wrong(path, message::file_problem(&problem, Locale::En)))?;
    let options = SheetOptions {
        formats: Format::ALL.to_vec(),
        columns: std::collections::BTreeMap::new(),
        max_rows: u64::MAX,
        empty_files: true,
    };
    let (mut devices, mut refused) = (Vec::new(), None);
    let sheet = reading::read_sheet(&mut file, encoding, &options, &mut |_, row| {
        match &row.content {
            Ok(content) => devices.push((content.device(), content.hardware_hash.map(ToOwned::to_owned))),
            Err(problem) if refused.is_none() => {
                refused = Some(message::row_problem(problem, row.line, Locale::En));
            }
            Err(_) => {}
        }
        Ok(())
    });
    sheet.map_err(unreadable)?.map_err(|problem| wrong(path, message::file_problem(&problem, Locale::En)))?;
    match refused {
        Some(why) => Err(wrong(path, why)),
        None => Ok(devices),
    }
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| told(&named(path, "can't be read"), &error))
}

fn named(path: &Path, what: &str) -> String {
    format!("{} {what}", shown(&path.display().to_string()))
}

fn wrong(path: &Path, why: String) -> Failure {
    failure(named(path, "can't be used as an inventory"), vec![why], None)
}

fn not_started(error: &TrialError) -> Failure {
    let hint = match error {
        TrialError::NotLoopback { .. } => Some("--listen 127.0.0.1:8788"),
        TrialError::Listen { .. } => Some("--listen 127.0.0.1:0 takes any port that is free"),
        TrialError::State(_) => Some("name another file with --state"),
        TrialError::Start(_) => None,
    };
    let mut failure = told(&error.to_string(), error);
    failure.refusal.hint = hint.map(ToOwned::to_owned);
    failure
}

fn told(message: &str, error: &dyn std::error::Error) -> Failure {
    let mut because: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    // Where the message is the error's own, its causes alone are left to be told.
    if because.first().is_some_and(|first| first == message) {
        because.remove(0);
    }
    failure(message, because, None)
}
