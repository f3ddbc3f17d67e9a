//! `importedWindowsAutopilotDeviceIdentity`: devices that were handed in with their hardware hashes, and what became
//! of each. There is no manufacturer and no model: Graph takes no device without a hash.

use devicedrop_core::time::Timestamp;
use serde_json::{Value, json};

use super::super::desk::Desk;
use super::super::registering::due;
use super::super::store::{Asked, Item, NewJob, Trouble};
use super::super::wire::{Answer, Request, encoded, member, text_member};
use super::{error, not_found};

const TYPE: &str = "#microsoft.graph.importedWindowsAutopilotDeviceIdentity";

/// `POST .../importedWindowsAutopilotDeviceIdentities`: one, 201 with it.
pub(super) fn create(desk: &Desk<'_>, request: &Request, tenant: &str) -> Result<Answer, Trouble> {
    let Some(device) = request.json().as_ref().and_then(asked) else { return Ok(bad(desk)) };
    let items = accept(desk, request, tenant, &[device])?;
    Ok(match items.first() {
        Some(item) => Answer::json(201, &shown(desk.now, item)),
        None => bad(desk),
    })
}

/// `POST .../import`: several, 200 with all of them.
pub(super) fn import(desk: &Desk<'_>, request: &Request, tenant: &str) -> Result<Answer, Trouble> {
    let body = request.json().unwrap_or_default();
    let devices = member(&body, "importedWindowsAutopilotDeviceIdentities").and_then(Value::as_array);
    let devices: Option<Vec<Asked>> = devices.and_then(|devices| devices.iter().map(asked).collect());
    let Some(devices) = devices.filter(|devices| !devices.is_empty()) else { return Ok(bad(desk)) };
    let items = accept(desk, request, tenant, &devices)?;
    let items: Vec<Value> = items.iter().map(|item| shown(desk.now, item)).collect();
    Ok(Answer::json(200, &json!({ "value": items })))
}

fn bad(desk: &Desk<'_>) -> Answer {
    error(
        desk,
        400,
        "BadRequest",
        "Bad Request: serialNumber or hardwareIdentifier is missing, or the body is no JSON.",
    )
}

/// `hardwareIdentifier` is Edm.Binary: base64, which only a program that reads it can call wrong. What is sent of
/// `state` is passed over.
fn asked(value: &Value) -> Option<Asked> {
    let text = |name: &str| text_member(value, name);
    Some(Asked {
        serial_number: text("serialNumber"),
        product_key: text("productKey"),
        hardware_hash: Some(text("hardwareIdentifier")?),
        group_tag: text("groupTag"),
        import_id: text("importId"),
        assigned_user: text("assignedUserPrincipalName"),
        ..Asked::default()
    })
}

fn accept(desk: &Desk<'_>, request: &Request, tenant: &str, devices: &[Asked]) -> Result<Vec<Item>, Trouble> {
    let tracking = desk.clock.new_guid();
    let latency = desk.settings.latency;
    let job = desk.session.add_job(&NewJob {
        tracking: &tracking,
        tenant,
        surface: "graph",
        batch: None,
        request_id: &request.id,
        accepted_at: desk.now,
        starts_at: desk.now.plus(latency / 4),
    })?;
    for (index, device) in devices.iter().enumerate() {
        let due_at = due(desk.now, latency, index, devices.len());
        desk.session.add_item(job, &desk.clock.new_guid(), device, due_at)?;
    }
    desk.session.items(job)
}

/// A fresh one reads `unknown`, then `pending`; done, `complete` with code 0, or `error` with the code of the Device
/// Directory Service. Nothing says when `partial` is met, so it isn't.
fn shown(now: Timestamp, item: &Item) -> Value {
    let (status, code, name) = match &item.error {
        _ if !item.settled && now < item.starts_at => ("unknown", 0, ""),
        _ if !item.settled => ("pending", 0, ""),
        None => ("complete", 0, "None"),
        Some((code, name)) => ("error", *code, name.as_str()),
    };
    let Asked { serial_number, product_key, group_tag, import_id, hardware_hash, assigned_user, .. } = &item.asked;
    json!({
        "@odata.type": TYPE,
        "id": item.guid,
        "groupTag": group_tag.as_deref().unwrap_or_default(),
        "serialNumber": serial_number.as_deref().unwrap_or_default(),
        "productKey": product_key.as_deref().unwrap_or_default(),
        "importId": import_id.as_deref().unwrap_or_default(),
        "hardwareIdentifier": hardware_hash,
        "assignedUserPrincipalName": assigned_user.as_deref().unwrap_or_default(),
        "state": {
            "@odata.type": "microsoft.graph.importedWindowsAutopilotDeviceIdentityState",
            "deviceImportStatus": status,
            "deviceRegistrationId": item.device_guid.as_deref().unwrap_or_default(),
            "deviceErrorCode": code,
            "deviceErrorName": name,
        },
    })
}

/// `GET .../importedWindowsAutopilotDeviceIdentities`: all that weren't deleted. No filter is documented.
pub(super) fn list(desk: &Desk<'_>, request: &Request, tenant: &str) -> Result<Answer, Trouble> {
    if request.parameter("$filter").is_some() {
        return Ok(error(desk, 400, "BadRequest", "The query specified in the URI is not valid: $filter"));
    }
    let after = request.parameter("$skiptoken").map_or(Some(0), |token| token.parse().ok());
    let Some(after) = after else { return Ok(error(desk, 400, "BadRequest", "Invalid $skiptoken")) };
    let page = i64::try_from(desk.settings.page).unwrap_or(i64::MAX - 1);
    let mut items = desk.session.imports(tenant, after, page + 1)?;
    let is_more = items.len() > desk.settings.page;
    items.truncate(desk.settings.page);
    let path = "deviceManagement/importedWindowsAutopilotDeviceIdentities";
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{path}", desk.base_url),
        "value": items.iter().map(|item| shown(desk.now, item)).collect::<Vec<Value>>(),
    });
    if let (true, Some(last), Some(members)) = (is_more, items.last(), body.as_object_mut()) {
        let next = format!("{}/v1.0/{path}?$skiptoken={}", desk.base_url, encoded(&last.id.to_string()));
        members.insert("@odata.nextLink".to_owned(), next.into());
    }
    Ok(Answer::json(200, &body))
}

/// `GET .../importedWindowsAutopilotDeviceIdentities/{id}`.
pub(super) fn get(desk: &Desk<'_>, tenant: &str, guid: &str) -> Result<Answer, Trouble> {
    Ok(match desk.session.import(tenant, guid)? {
        Some(item) => Answer::json(200, &shown(desk.now, &item)),
        None => not_found(desk, "importedWindowsAutopilotDeviceIdentity", guid),
    })
}

/// `DELETE .../importedWindowsAutopilotDeviceIdentities/{id}`: 204. What it registered stays registered.
pub(super) fn delete(desk: &Desk<'_>, tenant: &str, guid: &str) -> Result<Answer, Trouble> {
    let Some(item) = desk.session.import(tenant, guid)? else {
        return Ok(not_found(desk, "importedWindowsAutopilotDeviceIdentity", guid));
    };
    desk.session.delete_import(item.id)?;
    Ok(Answer::empty(204))
}
