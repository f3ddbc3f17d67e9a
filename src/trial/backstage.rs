//! What no real service has: the journal, clients' manners, uses of devices, faults to come.
//!
//! Below `/trial/`, without tokens: the service listens on loopback and holds nothing that is worth one.

use std::str::FromStr;

use devicedrop_core::time::Timestamp;
use serde_json::{Value, json};

use super::desk::Desk;
use super::faults::Script;
use super::registering::tuple;
use super::store::{JournalLine, Trouble};
use super::wire::{Answer, Request, member, text_member};

/// Answers a request below `/trial`.
pub(super) fn answer(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["trial", "journal"]) => journal(desk),
        ("GET", ["trial", "manners"]) => Ok(Answer::json(200, &desk.watch.manners())),
        ("POST", ["trial", "check-in"]) => check_in(desk, request),
        ("POST", ["trial", "inventory"]) => stock(desk, request),
        ("POST", ["trial", "faults"]) => Ok(faults(desk, request)),
        _ => Ok(refused(
            404,
            "no such page; there are /trial/journal, /trial/manners, /trial/check-in, /trial/inventory, /trial/faults",
        )),
    }
}

fn refused(status: u16, why: &str) -> Answer {
    Answer::json(status, &json!({ "error": why }))
}

/// Every registration that took effect, in the order in which they did.
fn journal(desk: &Desk<'_>) -> Result<Answer, Trouble> {
    let lines = desk.session.journal()?;
    let registrations: Vec<Value> = lines.iter().map(line).collect();
    Ok(Answer::json(200, &json!({ "registrations": registrations })))
}

fn line(line: &JournalLine) -> Value {
    let JournalLine { known, released_at, surface, batch, tracking, request_id, import_id } = line;
    json!({
        "seq": known.id,
        "at": known.at,
        "releasedAt": released_at,
        "service": surface,
        "tenantId": known.tenant,
        "manufacturer": known.manufacturer,
        "model": known.model,
        "serialNumber": known.serial_number,
        "productKey": known.product_key,
        "deviceId": known.guid,
        "batch": batch,
        "trackingId": tracking,
        "requestId": request_id,
        "importId": import_id,
    })
}

/// `{"manufacturer", "model", "serialNumber", "at"}`, or an array of such: devices were used, now or then.
fn check_in(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let Some(body) = request.json() else { return Ok(refused(400, "the body is no JSON")) };
    let devices = body.as_array().cloned().unwrap_or_else(|| vec![body]);
    let mut found = Vec::new();
    for device in &devices {
        let Some(identity) = identity_of(device) else {
            return Ok(refused(400, "manufacturer, model and serialNumber are needed"));
        };
        let at = match text_member(device, "at").map(|text| Timestamp::from_str(&text)) {
            None => desk.now,
            Some(Ok(at)) => at,
            Some(Err(error)) => return Ok(refused(400, &error.to_string())),
        };
        let Some(known) = desk.session.holder(&identity)? else {
            return Ok(refused(404, "nobody has registered this device"));
        };
        found.push((known.id, at));
    }
    for (registration, at) in found {
        desk.session.check_in(registration, &desk.clock.new_guid(), at)?;
    }
    Ok(Answer::empty(204))
}

/// `[{"manufacturer", "model", "serialNumber", "hardwareHash"}]`: devices that the supplier knows from now on.
fn stock(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let Some(body) = request.json() else { return Ok(refused(400, "the body is no JSON")) };
    let mut devices = Vec::new();
    for device in body.as_array().into_iter().flatten() {
        let Some(named) = device_of(device) else {
            return Ok(refused(400, "manufacturer, model and serialNumber are needed"));
        };
        devices.push((named, text_member(device, "hardwareHash")));
    }
    for (device, hash) in &devices {
        desk.session.stock(device, hash.as_deref())?;
    }
    Ok(Answer::empty(204))
}

/// Lines of a fault script, which count from now on.
fn faults(desk: &Desk<'_>, request: &Request) -> Answer {
    match Script::parse(&String::from_utf8_lossy(&request.body)) {
        Ok(script) => {
            desk.watch.add(script);
            Answer::empty(204)
        }
        Err(errors) => {
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            refused(400, &told.join("; "))
        }
    }
}

fn device_of(value: &Value) -> Option<devicedrop_core::device::Device> {
    let text = |name: &str| member(value, name).and_then(Value::as_str).map(ToOwned::to_owned);
    Some(devicedrop_core::device::Device {
        manufacturer: text("manufacturer")?,
        model: text("model")?,
        serial_number: text("serialNumber")?,
    })
}

fn identity_of(value: &Value) -> Option<String> {
    let device = device_of(value)?;
    Some(tuple(&device.manufacturer, &device.model, &device.serial_number))
}
