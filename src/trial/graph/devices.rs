//! `windowsAutopilotDeviceIdentity`: devices that are registered; and `managedDevice`: those in somebody's hands.

use serde_json::{Value, json};

use super::super::desk::Desk;
use super::super::store::{Enrolled, Known, Trouble};
use super::super::wire::{Answer, Request, with_zone};
use super::odata::{self, Queryable};
use super::{error, not_found};

/// What .NET writes for a time that isn't known.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// "Equality operators such as eq are not currently supported": `windowsAutopilotDeviceIdentity-list`.
const IDENTITIES: Queryable = Queryable {
    path: "deviceManagement/windowsAutopilotDeviceIdentities",
    compared: &[],
    contained: &["serialNumber", "manufacturer", "model", "groupTag"],
    ordered: &[],
};

/// Which properties can be compared isn't in the reference; these are in its examples and in general use.
const MANAGED: Queryable = Queryable {
    path: "deviceManagement/managedDevices",
    compared: &["serialNumber", "lastSyncDateTime", "enrolledDateTime", "manufacturer", "model", "deviceName", "id"],
    contained: &["serialNumber", "deviceName", "manufacturer", "model"],
    ordered: &["serialNumber", "lastSyncDateTime", "enrolledDateTime", "deviceName"],
};

/// `GET .../windowsAutopilotDeviceIdentities`.
pub(super) fn identities(desk: &Desk<'_>, request: &Request, tenant: &str) -> Result<Answer, Trouble> {
    let devices: Vec<Value> = desk.session.devices(tenant)?.iter().map(identity_shown).collect();
    Ok(listed(desk, request, &IDENTITIES, devices))
}

fn listed(desk: &Desk<'_>, request: &Request, kind: &Queryable, devices: Vec<Value>) -> Answer {
    match odata::list(request, kind, devices, desk.settings.page, desk.base_url) {
        Ok(body) => Answer::json(200, &body),
        Err(what) => {
            let message = format!(
                "An error has occurred - Operation ID (for customer support): {} - {what}",
                desk.clock.new_guid()
            );
            error(desk, 400, "BadRequest", &message)
        }
    }
}

/// `GET .../windowsAutopilotDeviceIdentities/{id}`.
pub(super) fn identity(desk: &Desk<'_>, tenant: &str, guid: &str) -> Result<Answer, Trouble> {
    Ok(match desk.session.device(tenant, guid)? {
        Some(device) => Answer::json(200, &identity_shown(&device)),
        None => not_found(desk, "windowsAutopilotDeviceIdentity", guid),
    })
}

/// `DELETE .../windowsAutopilotDeviceIdentities/{id}`: 204, and the device is nobody's.
pub(super) fn delete_identity(desk: &Desk<'_>, tenant: &str, guid: &str) -> Result<Answer, Trouble> {
    let Some(device) = desk.session.device(tenant, guid)? else {
        return Ok(not_found(desk, "windowsAutopilotDeviceIdentity", guid));
    };
    desk.session.release(device.id, desk.now)?;
    Ok(Answer::empty(204))
}

fn identity_shown(device: &Known) -> Value {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (state, contacted, managed) = match &device.enrolled {
        Some(Enrolled { guid, last_sync, .. }) => ("enrolled", with_zone(*last_sync), guid.as_str()),
        None => ("notContacted", NO_TIME.to_owned(), "00000000-0000-0000-0000-000000000000"),
    };
    json!({
        "id": device.guid,
        "groupTag": text(&device.group_tag),
        "purchaseOrderIdentifier": "",
        "serialNumber": text(&device.serial_number),
        "productKey": text(&device.product_key),
        "manufacturer": text(&device.manufacturer),
        "model": text(&device.model),
        "enrollmentState": state,
        "lastContactedDateTime": contacted,
        "addressableUserName": "",
        "userPrincipalName": "",
        "resourceName": "",
        "skuNumber": "",
        "systemFamily": "",
        "azureActiveDirectoryDeviceId": device.guid,
        "managedDeviceId": managed,
        "displayName": "",
    })
}

/// `GET .../managedDevices`.
pub(super) fn managed(desk: &Desk<'_>, request: &Request, tenant: &str) -> Result<Answer, Trouble> {
    let devices: Vec<Value> = desk.session.devices(tenant)?.iter().filter_map(managed_shown).collect();
    Ok(listed(desk, request, &MANAGED, devices))
}

/// `GET .../managedDevices/{id}`.
pub(super) fn managed_one(desk: &Desk<'_>, tenant: &str, guid: &str) -> Result<Answer, Trouble> {
    let devices = desk.session.devices(tenant)?;
    let found = devices.iter().find(|device| device.enrolled.as_ref().is_some_and(|enrolled| enrolled.guid == guid));
    Ok(match found.and_then(managed_shown) {
        Some(device) => Answer::json(200, &device),
        None => not_found(desk, "managedDevice", guid),
    })
}

fn managed_shown(device: &Known) -> Option<Value> {
    let Enrolled { guid, since, last_sync } = device.enrolled.as_ref()?;
    let serial_number = device.serial_number.clone().unwrap_or_default();
    Some(json!({
        "id": guid,
        "deviceName": format!("DESKTOP-{serial_number}"),
        "managedDeviceOwnerType": "company",
        "enrolledDateTime": with_zone(*since),
        "lastSyncDateTime": with_zone(*last_sync),
        "operatingSystem": "Windows",
        "complianceState": "compliant",
        "managementAgent": "mdm",
        "deviceRegistrationState": "registered",
        "azureADDeviceId": device.guid,
        "azureADRegistered": true,
        "serialNumber": serial_number,
        "manufacturer": device.manufacturer,
        "model": device.model,
    }))
}
