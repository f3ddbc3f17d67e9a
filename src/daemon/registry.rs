//! The commands about the embedded registrar's inventory: importing, releasing, checking in.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use devicedrop_core::device::{Column, Device, Format};
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::sheet::SheetOptions;
use devicedrop_core::shown::shown;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;

use crate::actor::Actor;
use crate::control::protocol::{Answer, Devices, Imported, RefusedRow, Reply};
use crate::ledger::views::{Cell, Lookup, Test, View};
use crate::registrar::embedded::{CheckedIn, Embedded, Filter, RegistryError};

use super::commands::{No, acted};
use super::judge;
use super::shared::{AskError, Shared};

/// Rows that are refused are named up to this number.
const NAMED: usize = 100;

/// Devices that are given to the registry at once.
const BATCH: usize = 10_000;

/// The heading of the column that says when a device was used.
const LAST_SEEN: &str = "Last Seen";

fn embedded(shared: &Shared) -> Result<&Arc<Embedded>, No> {
    shared.embedded.as_ref().ok_or_else(|| {
        No::new(
            format!("the registrar is {}, which has no inventory of ours", shared.registrar.kind()),
            "this command is for registrar.kind = \"embedded\"",
        )
    })
}

/// What a CSV of devices holds, a row at a time.
struct Line<'a> {
    number: u64,
    device: Result<(Device, Option<String>), String>,
    last_seen: Option<&'a str>,
}

/// Reads a CSV of devices with the partner or self-service headings, in any order, with other columns too.
fn read_devices(
    path: &Path,
    each: &mut dyn FnMut(Line<'_>) -> std::io::Result<()>,
) -> Result<Result<(), String>, No> {
    let mut file = File::open(path).map_err(|error| No {
        message: format!("{} can't be read", path.display()),
        because: vec![error.to_string()],
        hint: None,
    })?;
    let encoding = match judge::survey_copy(&mut file)? {
        Ok(encoding) => encoding,
        Err(problem) => return Ok(Err(message::file_problem(&problem, Locale::En))),
    };
    let mut options = options(false);
    let mut outcome = read_with(&mut file, encoding, &options, each)?;
    if outcome.is_err() {
        options = self::options(true);
        outcome = read_with(&mut file, encoding, &options, each)?;
    }
    Ok(outcome)
}

/// With `mapped`, our headings may stand in any order among others.
fn options(mapped: bool) -> SheetOptions {
    let columns = [Column::Manufacturer, Column::Model, Column::SerialNumber];
    SheetOptions {
        formats: Format::ALL.to_vec(),
        columns: if mapped {
            columns.into_iter().map(|column| (column, column.heading().to_owned())).collect()
        } else {
            BTreeMap::new()
        },
        max_rows: u64::MAX,
        empty_files: true,
    }
}

fn read_with(
    file: &mut File,
    encoding: devicedrop_core::survey::Encoding,
    options: &SheetOptions,
    each: &mut dyn FnMut(Line<'_>) -> std::io::Result<()>,
) -> Result<Result<(), String>, No> {
    let sheet = judge::read_sheet(file, encoding, options, &mut |head, row| {
        let last_seen = head.headings.iter().position(|heading| heading.trim() == LAST_SEEN);
        let device = match &row.content {
            Ok(content) => Ok((
                Device {
                    manufacturer: content.manufacturer.to_owned(),
                    model: content.model.to_owned(),
                    serial_number: content.serial_number.to_owned(),
                },
                content.hardware_hash.map(ToOwned::to_owned),
            )),
            Err(problem) => Err(message::row_problem(problem, row.line, Locale::En)),
        };
        each(Line { number: row.line, device, last_seen: last_seen.and_then(|index| row.fields.get(index)) })
    })?;
    Ok(sheet.map(|_| ()).map_err(|problem| message::file_problem(&problem, Locale::En)))
}

/// Adds the devices of CSVs to the inventory.
pub(super) fn import(
    shared: &Shared,
    files: &[PathBuf],
    actor: &Actor,
    progress: &mut dyn FnMut(Reply),
) -> Result<Imported, No> {
    let registry = embedded(shared)?;
    let missed = not_found(shared)?;
    let mut done = Imported::default();
    let mut found: HashSet<Device> = HashSet::new();
    for path in files {
        let source = path.display().to_string();
        let mut refuse = |line: Option<u64>, why: String| {
            done.refused_rows += 1;
            if done.refused.len() < NAMED {
                done.refused.push(RefusedRow { file: path.clone(), line, why });
            }
        };
        let (mut added, mut known, mut read) = (0, 0, 0);
        let mut batch: Vec<(Device, Option<String>)> = Vec::new();
        let mut give = |batch: &mut Vec<(Device, Option<String>)>| -> Result<(), RegistryError> {
            let imported = registry.import(batch.drain(..), &source)?;
            added += imported.added;
            known += imported.known;
            Ok(())
        };
        let outcome = read_devices(path, &mut |line| {
            read += 1;
            match line.device {
                Ok(device) => {
                    if missed.contains(&device.0) {
                        found.insert(device.0.clone());
                    }
                    batch.push(device);
                }
                Err(why) => refuse(Some(line.number), why),
            }
            if batch.len() >= BATCH {
                give(&mut batch).map_err(std::io::Error::other)?;
                progress(Reply::Progress { what: format!("reading {}", shown(&source)), done: read, total: None });
            }
            Ok(())
        })?;
        give(&mut batch)?;
        if let Err(why) = outcome {
            refuse(None, why);
        }
        done.added += added;
        done.known += known;
        acted(shared, actor, "registry_import", Some(source.clone()), Some(format!("{added} new, {known} known")))?;
    }
    done.failed_rows_that_match = count_rows_of(shared, &found)?;
    Ok(done)
}

/// Pages through the failed rows whose device wasn't found.
fn each_not_found(shared: &Shared, each: &mut dyn FnMut(Device)) -> Result<(), AskError> {
    const PAGE: usize = 10_000;
    let view = View::Registrations;
    let mut after = None;
    loop {
        let rows = shared.readers.ask(|reader| {
            let filters = vec![
                view.filter("state", Test::Is(Cell::Text(State::Failed.code().to_owned())))?,
                view.filter("error", Test::Is(Cell::Text(ErrorCode::DeviceNotFound.code().to_owned())))?,
                view.filter("superseded", Test::Is(Cell::Integer(0)))?,
            ];
            reader.lookup(&Lookup { view, filters, limit: PAGE, after: after.clone(), newest_first: false })
        })?;
        let cell = |row: &Vec<Cell>, name: &str| {
            let index = view.columns().iter().position(|column| *column == name)?;
            match row.get(index) {
                Some(Cell::Text(text)) => Some(text.clone()),
                _ => None,
            }
        };
        for row in &rows {
            let parts = (cell(row, "manufacturer"), cell(row, "model"), cell(row, "serial_number"));
            if let (Some(manufacturer), Some(model), Some(serial_number)) = parts {
                each(Device { manufacturer, model, serial_number });
            }
        }
        after = rows.last().and_then(|row| row.first()).cloned();
        if rows.len() < PAGE {
            return Ok(());
        }
    }
}

fn not_found(shared: &Shared) -> Result<HashSet<Device>, AskError> {
    let mut missed = HashSet::new();
    each_not_found(shared, &mut |device| {
        missed.insert(device);
    })?;
    Ok(missed)
}

fn count_rows_of(shared: &Shared, found: &HashSet<Device>) -> Result<u64, AskError> {
    let mut count = 0;
    if !found.is_empty() {
        each_not_found(shared, &mut |device| count += u64::from(found.contains(&device)))?;
    }
    Ok(count)
}

/// The devices that a command is about; a row that isn't one refuses the whole file.
fn devices_of(devices: &Devices, at: Option<Timestamp>) -> Result<Vec<(Device, Option<Timestamp>)>, No> {
    let path = match devices {
        Devices::One(device) => return Ok(vec![(device.clone(), at)]),
        Devices::File(path) => path,
    };
    let mut listed = Vec::new();
    let mut bad = None;
    let outcome = read_devices(path, &mut |line| {
        let time = match (at, line.last_seen.map(str::trim).filter(|text| !text.is_empty())) {
            (Some(at), _) => Ok(Some(at)),
            (None, None) => Ok(None),
            (None, Some(text)) => text.parse().map(Some).map_err(|_| {
                format!(
                    "line {}, column {LAST_SEEN}: {} is not a time like 2026-11-22T14:05:39Z",
                    line.number,
                    shown(text)
                )
            }),
        };
        match (line.device, time) {
            (Ok((device, _)), Ok(time)) => listed.push((device, time)),
            (Err(why), _) | (_, Err(why)) => bad = bad.take().or(Some(why)),
        }
        Ok(())
    })?;
    let refusal = outcome.err().or(bad);
    match refusal {
        None => Ok(listed),
        Some(why) => Err(No {
            message: format!("nothing of {} was done", path.display()),
            because: vec![why],
            hint: Some("mend the file and give the command again".to_owned()),
        }),
    }
}

/// Gives claims up.
pub(super) fn release(
    shared: &Shared,
    devices: &Devices,
    customer: Option<&CustomerKey>,
    actor: &Actor,
) -> Result<Answer, No> {
    let registry = embedded(shared)?;
    let (mut released, mut not_claimed) = (0, 0);
    for (device, _) in devices_of(devices, None)? {
        let filter = Filter {
            customer: customer.cloned(),
            claimed: Some(true),
            manufacturer: Some(device.manufacturer.clone()),
            model: Some(device.model.clone()),
            serial_number: Some(device.serial_number.clone()),
            ..Filter::default()
        };
        if registry.list(&filter, 1, 0)?.is_empty() {
            not_claimed += 1;
            continue;
        }
        let given_up = registry.release(&device, actor.as_str())?;
        let now = shared.clock.now();
        shared.writer.release(given_up.customer, device, actor.to_string(), now).wait()?;
        released += 1;
    }
    Ok(Answer::Released { released, not_claimed })
}

/// Records that devices were used.
pub(super) fn check_in(
    shared: &Shared,
    devices: &Devices,
    at: Option<Timestamp>,
    actor: &Actor,
) -> Result<Answer, No> {
    let registry = embedded(shared)?;
    let now = shared.clock.now();
    let uses: Vec<(Device, Timestamp)> =
        devices_of(devices, at)?.into_iter().map(|(device, time)| (device, time.unwrap_or(now))).collect();
    let mut known = Vec::new();
    let mut not_known = 0;
    for one in uses {
        let filter = Filter {
            manufacturer: Some(one.0.manufacturer.clone()),
            model: Some(one.0.model.clone()),
            serial_number: Some(one.0.serial_number.clone()),
            ..Filter::default()
        };
        if registry.list(&filter, 1, 0)?.is_empty() {
            not_known += 1;
        } else {
            known.push(one);
        }
    }
    let mut checked_in = 0;
    for one in registry.check_in(&known)? {
        match one {
            Ok(CheckedIn::Recorded { .. } | CheckedIn::Older) => checked_in += 1,
            Err(error) => return Err(error.into()),
        }
    }
    acted(shared, actor, "registry_check_in", Some(format!("{} devices", known.len())), None)?;
    shared.bells.lifecycle.notify_one();
    Ok(Answer::CheckedIn { checked_in, not_known })
}
