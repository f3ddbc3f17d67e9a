//! The service without a socket: requests in, answers out, and a clock that the tests move.

mod dialogue;
mod graph;
mod library;
mod model;
mod partner_center;
mod state;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::device::Device;
use devicedrop_core::time::Timestamp;
use serde_json::{Value, json};

use super::service::{Fate, Service};
use super::settings::Settings;
use super::wire::{Answer, Request, form};
use crate::clock::{Clock, ManualClock};

const PARTNER: &str = "7a1e0000-0000-4000-8000-00000000d001";
const CLIENT: &str = "7a1e0000-0000-4000-8000-00000000c001";
const CUSTOMER: &str = "c7f3c849-129f-4b85-a96d-4f8e88b315a3";
const OTHER: &str = "47021739-3426-40bf-9601-61b4b6d7c793";
const BASE: &str = "http://127.0.0.1:8788";

/// A service to be asked.
struct Trial {
    service: Service,
    clock: Arc<ManualClock>,
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_unix_ms(1_795_356_339_000)))
}

/// One that knows every device.
fn open() -> Settings {
    Settings { open: true, latency: Duration::from_secs(8), ..Settings::default() }
}

fn device(serial_number: &str) -> Device {
    Device {
        manufacturer: "Dell Inc.".to_owned(),
        model: "Precision WorkStation T7500".to_owned(),
        serial_number: serial_number.to_owned(),
    }
}

impl Trial {
    fn new(settings: Settings) -> Self {
        Self::at(settings, clock())
    }

    fn at(settings: Settings, clock: Arc<ManualClock>) -> Self {
        let service = Service::new(settings, clock.clone(), BASE.to_owned(), [7; 32]).expect("a service");
        Self { service, clock }
    }

    /// Sends a request as it would come from the socket; a fault that leaves no answer is an error of the test.
    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            id: self.clock.new_guid(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: form(query),
            headers: headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned())).collect(),
            body: body.to_vec(),
        };
        match self.service.meet(&request) {
            Fate::Answered(answer) => answer,
            Fate::Done(None) => self.service.answer(&request),
            other => panic!("{other:?}"),
        }
    }

    fn ask_token(&self, tenant: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
        let body: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", super::wire::encoded(value))).collect();
        let answer = self.send("POST", &format!("/{tenant}/oauth2/v2.0/token"), &[], body.join("&").as_bytes());
        (answer.status, told(&answer))
    }

    /// An `Authorization` for a resource, in the name of the application.
    fn authorization(&self, tenant: &str, resource: &str) -> String {
        let scope = format!("{resource}/.default");
        let (status, body) = self.ask_token(
            tenant,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", CLIENT),
                ("client_secret", "trial-secret-known-to-everybody"),
                ("scope", &scope),
            ],
        );
        assert_eq!(status, 200, "{body}");
        format!("Bearer {}", body["access_token"].as_str().expect("a token"))
    }

    fn partner(&self, method: &str, target: &str, body: &str) -> Answer {
        self.partner_as(method, target, body, &self.clock.new_guid())
    }

    fn partner_as(&self, method: &str, target: &str, body: &str, request_id: &str) -> Answer {
        let token = self.authorization(PARTNER, "https://api.partnercenter.microsoft.com");
        let headers = [("Authorization", token.as_str()), ("MS-RequestId", request_id)];
        self.send(method, target, &headers, body.as_bytes())
    }

    fn graph(&self, tenant: &str, method: &str, target: &str, body: &Value) -> Answer {
        let token = self.authorization(tenant, "https://graph.microsoft.com");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/v1.0/{target}"), &[("Authorization", &token)], body.as_bytes())
    }

    /// Uploads devices by manufacturer, model and serial number into a new batch; gives where to ask after them.
    fn upload(&self, customer: &str, batch: &str, devices: &[Device]) -> String {
        let devices: Vec<Value> = devices.iter().map(named).collect();
        let body = json!({ "batchId": batch, "devices": devices });
        let answer = self.partner("POST", &format!("/v1/customers/{customer}/deviceBatches"), &body.to_string());
        assert_eq!(answer.status, 202, "{}", told(&answer));
        format!("/v1{}", answer.header("location").expect("a location"))
    }

    /// What became of an upload, once it must be done.
    fn outcome(&self, status: &str) -> Vec<String> {
        self.clock.advance(Duration::from_mins(1));
        let body = told(&self.partner("GET", status, ""));
        let devices = body["devicesStatus"].as_array().expect("a list").clone();
        devices
            .iter()
            .map(|device| device["errorDescription"].as_str().unwrap_or_else(|| text(&device["status"])).to_owned())
            .collect()
    }

    fn journal(&self) -> Vec<Value> {
        told(&self.send("GET", "/trial/journal", &[], b""))["registrations"].as_array().expect("a list").clone()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn named(device: &Device) -> Value {
    json!({
        "oemManufacturerName": device.manufacturer,
        "modelName": device.model,
        "serialNumber": device.serial_number,
    })
}

fn told(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// A hardware hash of the least length that names its device.
fn hash_of(device: &Device) -> String {
    use base64::Engine;
    let mut records = Vec::new();
    for (kind, value) in [(14_u16, &device.serial_number), (16, &device.manufacturer), (17, &device.model)] {
        let length = u16::try_from(value.len() + 5).expect("short");
        records.extend(kind.to_le_bytes());
        records.extend(length.to_le_bytes());
        records.extend(value.as_bytes());
        records.push(0);
    }
    let length = u16::try_from(records.len() + 4).expect("short");
    let blob = [b"OA".as_slice(), &length.to_le_bytes(), &records].concat();
    base64::engine::general_purpose::STANDARD.encode(blob)
}
