//! What goes to Partner Center and comes from it, as JSON, by its developer documentation ("Upload a list of devices to
//! create a device batch", "Get the status of a device batch upload", "Get a list of devices for the specified batch",
//! "Device deployment resources", 2017 to 2021).
//!
//! What is sent is written as the documentation's example writes it. What comes is read with its names in either case,
//! and each device by itself: one that can't be read hides no other.

use devicedrop_core::device::Device;
use devicedrop_core::registrar::Request;
use serde::{Deserialize, Deserializer, Serialize};

/// A request for a new batch with its first devices.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewBatch<'a> {
    pub batch_id: &'a str,
    pub devices: Vec<NewDevice<'a>>,
    pub attributes: ObjectType,
}

/// What kind of thing an object is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectType {
    pub object_type: &'static str,
}

/// A device to add.
///
/// `Policies` is null and never an empty list: to `"Policies": []` the service answered 500, "Sequence contains no
/// matching element" (Partner-Center-PowerShell sends null since its commit e38ede6).
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NewDevice<'a> {
    serial_number: &'a str,
    oem_manufacturer_name: &'a str,
    model_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_hash: Option<&'a str>,
    policies: Option<()>,
    attributes: ObjectType,
}

impl<'a> NewDevice<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self {
            serial_number: &request.device.serial_number,
            oem_manufacturer_name: &request.device.manufacturer,
            model_name: &request.device.model,
            hardware_hash: request.hardware_hash.as_deref(),
            policies: None,
            attributes: ObjectType { object_type: "Device" },
        }
    }
}

impl<'a> NewBatch<'a> {
    pub(super) fn of(batch_id: &'a str, devices: Vec<NewDevice<'a>>) -> Self {
        Self { batch_id, devices, attributes: ObjectType { object_type: "DeviceBatchCreationRequest" } }
    }
}

/// A page of a collection. Lists are paged a hundred to the page; the next one is asked for by the token.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(alias = "Items")]
    pub items: Vec<serde_json::Value>,
    #[serde(default, alias = "ContinuationToken", deserialize_with = "scalar")]
    pub continuation_token: Option<String>,
}

/// A batch in a list.
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    #[serde(alias = "Id")]
    pub id: String,
}

/// A device in a batch's list.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    #[serde(default, alias = "SerialNumber")]
    pub serial_number: Option<String>,
    #[serde(default, alias = "OemManufacturerName")]
    pub oem_manufacturer_name: Option<String>,
    #[serde(default, alias = "ModelName")]
    pub model_name: Option<String>,
}

impl Listed {
    /// The device, where the list says all of it.
    pub(super) fn device(self) -> Option<Device> {
        let Self { serial_number, oem_manufacturer_name, model_name } = self;
        Some(Device { manufacturer: oem_manufacturer_name?, model: model_name?, serial_number: serial_number? })
    }
}

/// What became of an upload so far.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Upload {
    #[serde(alias = "Status")]
    pub status: String,
    #[serde(default, alias = "DevicesStatus", deserialize_with = "list")]
    devices_status: Vec<serde_json::Value>,
}

/// What became of one device of it. Its manufacturer and model aren't told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Uploaded {
    #[serde(alias = "SerialNumber")]
    pub serial_number: String,
    #[serde(alias = "Status")]
    pub status: String,
    #[serde(default, alias = "ErrorCode", deserialize_with = "scalar")]
    pub error_code: Option<String>,
    #[serde(default, alias = "ErrorDescription", deserialize_with = "scalar")]
    pub error_description: Option<String>,
}

impl Upload {
    /// Whether nothing changes any more: `finished`, which it says with failed devices too, or `finished_with_errors`.
    pub(super) fn is_done(&self) -> bool {
        self.status.eq_ignore_ascii_case("finished") || self.status.eq_ignore_ascii_case("finished_with_errors")
    }

    /// Its devices, those that can be read.
    pub(super) fn devices(self) -> Vec<Uploaded> {
        each(self.devices_status)
    }
}

/// Those of a list that can be read.
pub(super) fn each<T: for<'de> Deserialize<'de>>(items: Vec<serde_json::Value>) -> Vec<T> {
    items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
}

/// A text, or a number as text: codes are documented as numbers and sent as text.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(serde::de::Error::custom(format_args!("neither a text nor a number: {other}"))),
    }
}

/// A list, or null for an empty one.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<serde_json::Value>, D::Error> {
    Option::<Vec<serde_json::Value>>::deserialize(deserializer).map(Option::unwrap_or_default)
}
