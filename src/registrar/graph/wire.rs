//! What goes to Microsoft Graph and comes from it, as JSON, by its documentation of
//! `importedWindowsAutopilotDeviceIdentity`, `windowsAutopilotDeviceIdentity` and `managedDevice` (version 1.0).
//!
//! Each item of a collection is read by itself: one that can't be read hides no other.

use devicedrop_core::registrar::Request;
use serde::{Deserialize, Deserializer, Serialize};

/// The body of the `import` action.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Import<'a> {
    pub imported_windows_autopilot_device_identities: Vec<NewIdentity<'a>>,
}

/// A device to import. There is no property for manufacturer and model, nor for a purchase ID: what the documentation
/// calls `purchaseOrderIdentifier` belongs to registered devices and can't be set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewIdentity<'a> {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_tag: Option<&'a str>,
    serial_number: &'a str,
    import_id: &'a str,
    hardware_identifier: String,
    state: NewState,
}

/// The state that a new import has, as Microsoft's scripts send it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewState {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    device_import_status: &'static str,
    device_registration_id: &'static str,
    device_error_code: i32,
    device_error_name: &'static str,
}

impl<'a> NewIdentity<'a> {
    /// The import of a row whose hash, with its padding, is `hash`.
    pub(super) fn of(request: &'a Request, import_id: &'a str, hash: String) -> Self {
        Self {
            kind: "#microsoft.graph.importedWindowsAutopilotDeviceIdentity",
            group_tag: request.order_id.as_deref(),
            serial_number: &request.device.serial_number,
            import_id,
            hardware_identifier: hash,
            state: NewState {
                kind: "microsoft.graph.importedWindowsAutopilotDeviceIdentityState",
                device_import_status: "pending",
                device_registration_id: "",
                device_error_code: 0,
                device_error_name: "",
            },
        }
    }
}

/// A collection, or a page of one.
#[derive(Debug, Deserialize)]
pub(super) struct Collection {
    pub value: Vec<serde_json::Value>,
    #[serde(default, rename = "@odata.nextLink")]
    pub next: Option<String>,
}

/// An import as it is on record there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Imported {
    pub serial_number: String,
    #[serde(default)]
    pub import_id: Option<String>,
    #[serde(default)]
    pub hardware_identifier: Option<String>,
    #[serde(default)]
    pub state: Option<State>,
}

/// What became of it. The error is "reported by Device Directory Service".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct State {
    #[serde(rename = "deviceImportStatus")]
    pub import_status: String,
    #[serde(default, rename = "deviceErrorCode", deserialize_with = "scalar")]
    pub error_code: Option<String>,
    #[serde(default, rename = "deviceErrorName")]
    pub error_name: Option<String>,
}

/// A registered device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub serial_number: String,
    #[serde(default)]
    pub manufacturer: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub enrollment_state: Option<String>,
    #[serde(default)]
    pub last_contacted_date_time: Option<String>,
    #[serde(default)]
    pub managed_device_id: Option<String>,
}

/// A device in use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Managed {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub serial_number: Option<String>,
    #[serde(default)]
    pub manufacturer: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub last_sync_date_time: Option<String>,
}

/// Those of a list that can be read.
pub(super) fn each<T: for<'de> Deserialize<'de>>(items: Vec<serde_json::Value>) -> Vec<T> {
    items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
}

/// A text, or a number as text.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text)),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(serde::de::Error::custom(format_args!("neither a text nor a number: {other}"))),
    }
}
