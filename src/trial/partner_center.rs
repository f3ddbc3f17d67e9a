//! Partner Center's device deployment, as its developer documentation has it.
//!
//! Paths, bodies and statuses: <https://learn.microsoft.com/partner-center/developer/device-deployment-resources> and
//! the pages "Upload a list of devices to create a batch for the specified customer", "Upload a list of devices to an
//! existing batch ...", "Get a list of device batches ...", "Get a list of devices for the specified batch ...", "Get
//! the status of a device batch upload", "Delete a device ..." beside it. Headers: `headers` there; errors:
//! `error-codes`; throttling: `api-throttling-guidance`. Where these are silent, the comment says so.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::desk::Desk;
use super::manners::is_guid;
use super::registering::due;
use super::store::{Asked, Batch, Item, Job, Known, NewJob, Remembered, Trouble};
use super::tokens::{Audience, Holder, NotLetIn, holder};
use super::wire::{Answer, Request, encoded, member, text_member, without_zone};
use devicedrop_core::device::Sha256;
use devicedrop_core::time::Timestamp;

/// Devices on a page of a list.
const PAGE: i64 = 100;
/// What .NET writes for a time that isn't known.
const NO_TIME: &str = "0001-01-01T00:00:00";

/// Either an answer at once, or what is to be done.
type Checked<T> = Result<T, Answer>;

/// The body of an error: `error-codes` there.
pub(super) fn error(status: u16, code: &str, description: &str) -> Answer {
    let body = json!({ "code": code, "description": description, "data": [], "source": "PartnerCenter" });
    Answer::json(status, &body)
}

/// The body of an error by throttling, which has another shape.
pub(super) fn throttled(seconds: u64) -> Answer {
    let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
    Answer::json(429, &json!({ "statusCode": 429, "message": message }))
}

/// Adds what every answer has. A request without IDs gets some.
pub(super) fn with_headers(answer: Answer, request: &Request, correlation: &str, vector: &str) -> Answer {
    let vector: String = vector.chars().rev().filter(char::is_ascii_alphanumeric).take(16).collect();
    answer
        .with("MS-RequestId", request_id(request))
        .with("MS-CorrelationId", request.header("ms-correlationid").unwrap_or(correlation))
        .with("MS-CV", format!("{vector}.0"))
        .with("MS-ServerId", "030020525")
}

/// What the client calls its request; what we do, where it doesn't.
fn request_id(request: &Request) -> &str {
    request.header("ms-requestid").unwrap_or(&request.id)
}

/// Answers a request below `/v1`, but for the headers that every answer has.
pub(super) fn answer(desk: &Desk<'_>, request: &Request) -> Result<Answer, Trouble> {
    let holder = match let_in(desk, request) {
        Ok(holder) => holder,
        Err(refused) => return Ok(refused),
    };
    let call = repeated_as(desk, request);
    if let Some(call) = &call
        && let Some(Remembered { status, location, content_type, body }) = desk.session.remembered(call)?
    {
        let headers = location.map(|location| ("Location".to_owned(), location)).into_iter().collect();
        return Ok(Answer { status, headers, content_type, body });
    }
    let answer = route(desk, request, &holder)?;
    if let Some(call) = call
        && answer.status < 500
    {
        let location = answer.header("location").map(ToOwned::to_owned);
        let (content_type, body) = (answer.content_type.clone(), answer.body.clone());
        let remembered = Remembered { status: answer.status, location, content_type, body };
        desk.session.remember(&call, desk.now, &remembered)?;
    }
    Ok(answer)
}

fn let_in(desk: &Desk<'_>, request: &Request) -> Checked<Holder> {
    let refused = |code: &str, what: &str| {
        let realm = format!("OAuth realm=urn:cpsvc:cpid:{}", desk.settings.client.tenant_id);
        Err(error(401, code, what).with("WWW-Authenticate", realm))
    };
    match holder(desk, request, Audience::PartnerCenter) {
        // A customer's own token opens nothing here.
        Ok(holder) if holder.tenant.eq_ignore_ascii_case(&desk.settings.client.tenant_id) => Ok(holder),
        Err(NotLetIn::Missing) => refused("800001", "Partner Token missing"),
        Ok(_) | Err(NotLetIn::Invalid | NotLetIn::Expired | NotLetIn::OtherAudience) => {
            refused("400", "Access denied")
        }
    }
}

/// What makes this call the same as an earlier one: "`MS-RequestId` ... is used to ensure id-potency. If there's a
/// timeout, the retry call should include the same value." The same ID on another call is taken for a mistake of the
/// client's and doesn't make it the same; the documentation doesn't say.
fn repeated_as(desk: &Desk<'_>, request: &Request) -> Option<String> {
    if request.method == "GET" || desk.settings.forgetful {
        return None;
    }
    let id = request.header("ms-requestid")?.to_ascii_lowercase();
    let path = request.segments().join("/").to_lowercase();
    Some(format!("{id}\n{}\n{path}\n{}", request.method, Sha256::of(&request.body)))
}

fn route(desk: &Desk<'_>, request: &Request, holder: &Holder) -> Result<Answer, Trouble> {
    let segments = request.segments();
    let lower: Vec<String> = segments.iter().map(|part| part.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let part = |index: usize| segments.get(index).map(String::as_str).unwrap_or_default();
    let ["v1", "customers", customer, rest @ ..] = lower.as_slice() else {
        return Ok(error(404, "1000", "Not found"));
    };
    if let Err(refused) = known_customer(desk, customer) {
        return Ok(refused);
    }
    match (request.method.as_str(), rest) {
        ("GET", ["devicebatches"]) => list_batches(desk, customer),
        ("POST", ["devicebatches"]) => create_batch(desk, request, holder, customer),
        ("GET", ["devicebatches", _, "devices"]) => list_devices(desk, request, customer, part(4)),
        ("POST", ["devicebatches", _, "devices"]) => append_devices(desk, request, customer, part(4)),
        ("DELETE", ["devicebatches", _, "devices", device]) => delete_device(desk, customer, part(4), device),
        ("GET", ["batchjobstatus", tracking]) => status(desk, customer, tracking),
        (
            _,
            ["devicebatches"]
            | ["devicebatches", _, "devices"]
            | ["devicebatches", _, "devices", _]
            | ["batchjobstatus", _],
        ) => Ok(error(405, "405", "Method not allowed")),
        _ => Ok(error(404, "1000", "Not found")),
    }
}

fn known_customer(desk: &Desk<'_>, customer: &str) -> Checked<()> {
    let is_in = |list: &[String]| list.iter().any(|known| known.eq_ignore_ascii_case(customer));
    if !is_guid(customer) {
        return Err(error(400, "900118", "Invalid Customer Id"));
    }
    if is_in(&desk.settings.strangers) {
        let partner = &desk.settings.client.tenant_id;
        let what = format!("The partner id {partner} has no commerce relationship with the customer id {customer}.");
        return Err(error(403, "20002", &what));
    }
    if desk.settings.customers.is_empty() || is_in(&desk.settings.customers) {
        return Ok(());
    }
    Err(error(404, "60003", "Tenant not found"))
}

fn list_batches(desk: &Desk<'_>, customer: &str) -> Result<Answer, Trouble> {
    let batches = desk.session.batches(customer)?;
    let items: Vec<Value> = batches.iter().map(|batch| batch_shown(customer, batch)).collect();
    let body = json!({
        "totalCount": items.len(),
        "items": items,
        "attributes": { "objectType": "Collection" },
    });
    Ok(Answer::json(200, &body))
}

/// The documentation's table says `deviceCount`, its example and the wire `devicesCount`.
fn batch_shown(customer: &str, batch: &Batch) -> Value {
    json!({
        "id": batch.name,
        "createdBy": "trial@devicedrop.example",
        "creationDate": without_zone(batch.created_at),
        "devicesCount": batch.devices,
        "devicesLink": {
            "uri": format!("/customers/{customer}/deviceBatches/{}/devices", encoded(&batch.name)),
            "method": "GET",
            "headers": [],
        },
        "attributes": { "objectType": "DeviceBatch" },
    })
}

fn create_batch(desk: &Desk<'_>, request: &Request, holder: &Holder, customer: &str) -> Result<Answer, Trouble> {
    // "This scenario supports authentication with App+User credentials"; what others get isn't documented.
    if desk.settings.user_required && !holder.user {
        let what = "The supplied role does not have the rights to perform this operation.";
        return Ok(error(403, "900150", what));
    }
    let Some(body) = request.json() else { return Ok(invalid("the body is no JSON")) };
    let Some(name) = text_member(&body, "batchId") else { return Ok(invalid("BatchId is missing")) };
    let devices = match asked_devices(member(&body, "devices")) {
        Ok(devices) => devices,
        Err(refused) => return Ok(refused),
    };
    if desk.session.batch(customer, &name)?.is_some() {
        // Undocumented: "a unique name of your choice".
        return Ok(error(409, "3000", &format!("A device batch with the id {name} already exists.")));
    }
    let batch = desk.session.add_batch(customer, &name, desk.now)?;
    accept(desk, request, customer, (batch, &name), devices)
}

fn append_devices(desk: &Desk<'_>, request: &Request, customer: &str, name: &str) -> Result<Answer, Trouble> {
    let Some(batch) = desk.session.batch(customer, name)? else { return Ok(no_batch(name)) };
    let Some(body) = request.json() else { return Ok(invalid("the body is no JSON")) };
    match asked_devices(Some(&body)) {
        Ok(devices) => accept(desk, request, customer, (batch.id, &batch.name), devices),
        Err(refused) => Ok(refused),
    }
}

fn invalid(what: &str) -> Answer {
    error(400, "800002", &format!("Invalid request input: {what}."))
}

fn no_batch(name: &str) -> Answer {
    error(404, "1000", &format!("Not found: device batch {name}"))
}

/// The devices that a body names.
fn asked_devices(devices: Option<&Value>) -> Checked<Vec<Asked>> {
    let devices = devices.and_then(Value::as_array).filter(|devices| !devices.is_empty());
    let Some(devices) = devices else { return Err(invalid("a non-empty array of devices is expected")) };
    let mut asked = Vec::with_capacity(devices.len());
    for device in devices {
        if !device.is_object() {
            return Err(invalid("a device is no object"));
        }
        // Known since 2020 and not documented: the service breaks on an empty list where null is meant.
        if member(device, "policies").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            return Err(error(500, "800003", "Sequence contains no matching element"));
        }
        let text = |name: &str| text_member(device, name);
        asked.push(Asked {
            manufacturer: text("oemManufacturerName"),
            model: text("modelName"),
            serial_number: text("serialNumber"),
            product_key: text("productKey"),
            hardware_hash: text("hardwareHash"),
            ..Asked::default()
        });
    }
    Ok(asked)
}

/// Takes devices on: 202 without a body; where their fate can be asked for is in `Location`, relative and without
/// `/v1`.
fn accept(
    desk: &Desk<'_>,
    request: &Request,
    customer: &str,
    (batch, name): (i64, &str),
    devices: Vec<Asked>,
) -> Result<Answer, Trouble> {
    let tracking = desk.clock.new_guid();
    let latency = desk.settings.latency;
    let job = desk.session.add_job(&NewJob {
        tracking: &tracking,
        tenant: customer,
        surface: "partner-center",
        batch: Some(batch),
        request_id: request_id(request),
        accepted_at: desk.now,
        starts_at: desk.now.plus(latency / 4),
    })?;
    let of = devices.len();
    for (index, asked) in devices.into_iter().enumerate() {
        let due_at = due(desk.now, latency, index, of);
        // Partner Center has no group tags: the batch's name is one to Intune.
        let asked = Asked { group_tag: Some(name.to_owned()), ..asked };
        desk.session.add_item(job, &desk.clock.new_guid(), &asked, due_at)?;
    }
    Ok(Answer::empty(202).with("Location", format!("/customers/{customer}/batchJobStatus/{tracking}")))
}

fn status(desk: &Desk<'_>, customer: &str, tracking: &str) -> Result<Answer, Trouble> {
    let Some(job) = desk.session.job(customer, tracking)? else {
        return Ok(error(404, "1000", "Not found"));
    };
    let items = desk.session.items(job.id)?;
    Ok(Answer::json(200, &status_shown(desk.now, &job, &items)))
}

/// What "Get the status of a device batch upload" answers. Neither manufacturer nor model is echoed.
fn status_shown(now: Timestamp, job: &Job, items: &[Item]) -> Value {
    let queued = now < job.starts_at;
    let done = items.iter().all(|item| item.settled);
    let errors = items.iter().any(|item| item.error.is_some());
    let status = match (queued, done) {
        (true, _) => "queued",
        (false, false) => "processing",
        // The documentation's example says `finished` of an upload whose only device failed; its table of values has
        // `finished_with_errors`. So both are met.
        (false, true) if errors && items.len() > 1 && job.id % 2 == 0 => "finished_with_errors",
        (false, true) => "finished",
    };
    let completed = items.iter().map(|item| item.due_at).max().filter(|_| done && !queued);
    let devices: Vec<Value> = if queued { Vec::new() } else { items.iter().map(device_status_shown).collect() };
    json!({
        "batchTrackingId": job.tracking,
        "status": status,
        "startedTime": if queued { NO_TIME.to_owned() } else { without_zone(job.starts_at) },
        "completedTime": completed.map_or_else(|| NO_TIME.to_owned(), without_zone),
        "devicesStatus": devices,
        "attributes": { "objectType": "BatchUploadDetails" },
    })
}

fn device_status_shown(item: &Item) -> Value {
    let status = match (item.settled, &item.error) {
        (false, _) => "in-progress",
        (true, None) => "finished",
        (true, Some(_)) => "finished_with_errors",
    };
    let mut shown = json!({ "status": status, "attributes": { "objectType": "DeviceUploadDetails" } });
    if let Some(members) = shown.as_object_mut() {
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.into());
            }
        };
        put("deviceId", item.device_guid.as_deref());
        put("serialNumber", item.asked.serial_number.as_deref());
        put("productKey", item.asked.product_key.as_deref());
        if let Some((code, name)) = &item.error {
            put("errorCode", Some(&code.to_string()));
            put("errorDescription", Some(name));
        }
    }
    shown
}

/// 100 a page; the next one by the body's `continuationToken`, sent back in the header `MS-ContinuationToken`.
fn list_devices(desk: &Desk<'_>, request: &Request, customer: &str, name: &str) -> Result<Answer, Trouble> {
    let Some(batch) = desk.session.batch(customer, name)? else { return Ok(no_batch(name)) };
    let after = match request.header("ms-continuationtoken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => match token.strip_prefix("after-").and_then(|id| id.parse().ok()) {
            Some(after) => after,
            None => return Ok(error(400, "3000", "Invalid property: the continuation token")),
        },
    };
    let mut devices = desk.session.devices_of_batch(batch.id, after, PAGE + 1)?;
    let is_more = i64::try_from(devices.len()).is_ok_and(|found| found > PAGE);
    devices.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let mut body = json!({
        "totalCount": batch.devices,
        "items": devices.iter().map(device_shown).collect::<Vec<Value>>(),
        "attributes": { "objectType": "Collection" },
    });
    if let (true, Some(last), Some(members)) = (is_more, devices.last(), body.as_object_mut()) {
        let mut token = String::new();
        write!(token, "after-{}", last.id).unwrap_or_default();
        members.insert("continuationToken".to_owned(), token.into());
    }
    Ok(Answer::json(200, &body))
}

fn device_shown(device: &Known) -> Value {
    json!({
        "id": device.guid,
        "serialNumber": device.serial_number,
        "productKey": device.product_key,
        "modelName": device.model,
        "oemManufacturerName": device.manufacturer,
        "policies": null,
        "uploadedDate": without_zone(device.at),
        "allowedOperations": ["delete"],
        "attributes": { "objectType": "Device" },
    })
}

fn delete_device(desk: &Desk<'_>, customer: &str, name: &str, guid: &str) -> Result<Answer, Trouble> {
    let Some(batch) = desk.session.batch(customer, name)? else { return Ok(no_batch(name)) };
    let Some(device) = desk.session.device_of_batch(batch.id, guid)? else {
        return Ok(error(404, "1000", "Not found"));
    };
    desk.session.release(device.id, desk.now)?;
    Ok(Answer::empty(204))
}
