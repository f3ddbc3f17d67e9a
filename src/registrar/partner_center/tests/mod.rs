//! Partner Center over a real socket: a server that answers as a test says.

mod asking;
mod documented;
mod sending;
mod shapes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::registrar::{Answer, CallIds, Knowledge, Question, Request, Trouble, Verdict};
use devicedrop_testkit::http_script::{HttpScript, Reply, Seen};
use serde_json::json;

use super::{PartnerCenter, Settings};
use crate::clock::SystemClock;
use crate::registrar::credentials::{Granted, Secret, Source, TokenTrouble, Tokens};
use crate::registrar::http::Http;
use crate::registrar::{Answering, Registrar};

pub(super) const TENANT: &str = "c7f3c849-129f-4b85-a96d-4f8e88b315a3";
const JOB: &str = "beba2053-5401-46ff-9223-7e841ed78fbf";

/// Gives tokens that are numbered.
#[derive(Debug, Default)]
struct Numbered(AtomicU64);

impl Source for Numbered {
    fn fetch<'a>(&'a self, _: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>> {
        let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let granted = Granted { token: Secret::new(format!("token-{number}")), lasts: Duration::from_hours(1) };
        Box::pin(std::future::ready(Ok(granted)))
    }
}

fn client(base_url: &str) -> PartnerCenter {
    PartnerCenter::new(Settings {
        base_url: base_url.parse().expect("an address"),
        tenant_id: "the partner's".to_owned(),
        tokens: Tokens::of(Arc::new(Numbered::default()), Arc::new(SystemClock)),
        http: Http::new().expect("a client"),
        tenant_of: Arc::new(|customer| match customer.as_str() {
            "nobody" => None,
            "tailspin" => Some("0127ed8e-ff72-4983-a3d8-e8d8bd378932".to_owned()),
            _ => Some(TENANT.to_owned()),
        }),
        clock: Arc::new(SystemClock),
        first_look: super::FIRST_LOOK,
    })
}

fn of_list(replies: impl IntoIterator<Item = Reply>) -> (HttpScript, PartnerCenter) {
    let script = HttpScript::list(replies).expect("a server");
    let client = client(&script.url());
    (script, client)
}

fn request(number: i64, serial: &str) -> Request {
    Request {
        attempt: AttemptId::new(number).expect("from 1"),
        registration: RegistrationId::new(number).expect("from 1"),
        submission: SubmissionId::from_parts(1_795_358_739_123, [0xab; 10]),
        key: Sha256::of(&number.to_le_bytes()),
        customer: CustomerKey::parse("fabrikam").expect("a key"),
        device: Device {
            manufacturer: "Dell Inc.".to_owned(),
            model: "Precision WorkStation T7500".to_owned(),
            serial_number: serial.to_owned(),
        },
        hardware_hash: None,
        order_id: Some("PO-4711".to_owned()),
        purchase_id: None,
    }
}

fn requests(serials: &[&str]) -> Vec<Request> {
    serials.iter().zip(1..).map(|(serial, number)| request(number, serial)).collect()
}

fn ids() -> CallIds {
    CallIds { request_id: Some("request".to_owned()), correlation_id: Some("correlation".to_owned()) }
}

fn question(request: Request, tracking_id: Option<&str>) -> Question {
    Question { request, ids: ids(), tracking_id: tracking_id.map(str::to_owned) }
}

async fn register(client: &PartnerCenter, serials: &[&str]) -> Result<Vec<Answer>, Trouble> {
    client.register(ids(), requests(serials)).await
}

/// What became of devices with these serial numbers, by the upload `JOB`.
async fn followed(client: &PartnerCenter, serials: &[&str]) -> Result<Vec<Knowledge>, Trouble> {
    let questions: Vec<_> = requests(serials).into_iter().map(|one| question(one, Some(JOB))).collect();
    client.inquire(&questions).await
}

fn no_batches() -> Reply {
    Reply::json(200, &json!({ "totalCount": 0, "items": [] }))
}

fn batches(names: &[&str]) -> Reply {
    let items: Vec<_> = names.iter().map(|name| json!({ "id": name })).collect();
    Reply::json(200, &json!({ "items": items }))
}

fn listed(serials: &[&str]) -> serde_json::Value {
    let device = |serial: &&str| {
        let Device { manufacturer, model, serial_number } = request(1, serial).device;
        json!({ "serialNumber": serial_number, "oemManufacturerName": manufacturer, "modelName": model })
    };
    serials.iter().map(device).collect()
}

fn accepted() -> Reply {
    Reply::empty(202)
        .with("Location", &format!("/customers/{TENANT}/batchJobStatus/{JOB}"))
        .with("MS-RequestId", "of the service")
}

fn status(top: &str, devices: &serde_json::Value) -> Reply {
    Reply::json(200, &json!({ "batchTrackingId": JOB, "status": top, "devicesStatus": devices }))
}

fn paths(script: &HttpScript) -> Vec<String> {
    script.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
}

fn verdict(answers: &[Answer]) -> &Verdict {
    &answers.first().expect("an answer").verdict
}

fn doubt(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| matches!(answer.verdict, Verdict::InDoubt { .. }))
}

fn header<'a>(seen: &'a Seen, name: &str) -> &'a str {
    seen.header(name).unwrap_or_default()
}
