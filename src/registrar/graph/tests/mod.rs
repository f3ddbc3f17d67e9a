//! Graph over a real socket: a server that answers as a test says.

mod asking;
mod documented;
mod importing;
mod shapes;
mod using;

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::registrar::{Answer, CallIds, Knowledge, Question, Request, Trouble, Verdict};
use devicedrop_testkit::http_script::{HttpScript, Reply};
use serde_json::{Value, json};

use super::{Graph, Settings};
use crate::clock::SystemClock;
use crate::registrar::credentials::{Granted, Secret, Source, TokenTrouble, Tokens};
use crate::registrar::http::Http;
use crate::registrar::{Answering, Registrar};

/// The hash of a device that says nothing of itself: `OA` and an empty length, without padding.
const HASH: &str = "T0EAAA";

/// Gives each tenant a token with its name in it.
#[derive(Debug)]
struct Named;

impl Source for Named {
    fn fetch<'a>(&'a self, tenant: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>> {
        let granted = Granted { token: Secret::new(format!("for-{tenant}")), lasts: Duration::from_hours(1) };
        Box::pin(std::future::ready(Ok(granted)))
    }
}

fn client(base_url: &str) -> Graph {
    let customers = ["fabrikam", "tailspin", "nobody"].map(|key| CustomerKey::parse(key).expect("a key"));
    Graph::new(Settings {
        base_url: base_url.parse().expect("an address"),
        tokens: Tokens::of(Arc::new(Named), Arc::new(SystemClock)),
        http: Http::new().expect("a client"),
        tenant_of: Arc::new(|key| (key.as_str() != "nobody").then(|| format!("{key}-tenant"))),
        customers: Arc::new(move || customers.to_vec()),
        clock: Arc::new(SystemClock),
        first_look: super::FIRST_LOOK,
    })
}

fn of_list(replies: impl IntoIterator<Item = Reply>) -> (HttpScript, Graph) {
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
        device: device(serial),
        hardware_hash: Some(HASH.to_owned()),
        order_id: Some("PO-4711".to_owned()),
        purchase_id: Some("not sent".to_owned()),
    }
}

fn device(serial: &str) -> Device {
    Device { manufacturer: "Contoso".to_owned(), model: "Laptop".to_owned(), serial_number: serial.to_owned() }
}

fn requests(serials: &[&str]) -> Vec<Request> {
    serials.iter().zip(1..).map(|(serial, number)| request(number, serial)).collect()
}

fn ids() -> CallIds {
    CallIds { request_id: Some("import".to_owned()), correlation_id: Some("correlation".to_owned()) }
}

/// Questions about an import that was taken, or whose answer was lost.
fn questions(serials: &[&str], taken: bool) -> Vec<Question> {
    let tracking_id = taken.then(|| "import".to_owned());
    let question = |request| Question { request, ids: ids(), tracking_id: tracking_id.clone() };
    requests(serials).into_iter().map(question).collect()
}

/// An import as the service tells of it.
fn imported(serial: &str, import_id: &str, status: &str, code: i32, name: &str) -> Value {
    json!({
        "id": "985b4f49-4f49-985b-494f-5b98494f5b98",
        "serialNumber": serial,
        "importId": import_id,
        "state": { "deviceImportStatus": status, "deviceErrorCode": code, "deviceErrorName": name },
    })
}

fn collection(items: &[Value]) -> Reply {
    Reply::json(200, &json!({ "value": items }))
}

fn paths(script: &HttpScript) -> Vec<String> {
    script.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
}

/// What was told of each row, in short.
fn ends(knowledge: &[Knowledge]) -> Vec<String> {
    let end = |one: &Knowledge| match one {
        Knowledge::Answered(answer) => short(&answer.verdict),
        Knowledge::UnderWay { ask_after } => format!("in {} s", ask_after.as_secs()),
        Knowledge::Unknown => "unknown".to_owned(),
        Knowledge::CannotTell => "cannot tell".to_owned(),
    };
    knowledge.iter().map(end).collect()
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Registered { .. } => "registered".to_owned(),
        Verdict::AlreadyRegistered => "already".to_owned(),
        Verdict::Refused { error, .. } => error.code().to_owned(),
        Verdict::Deferred { .. } => "deferred".to_owned(),
        Verdict::Accepted { tracking_id, .. } => format!("accepted as {tracking_id}"),
        Verdict::InDoubt { .. } => "in doubt".to_owned(),
    }
}

fn all_short(answers: &[Answer]) -> Vec<String> {
    answers.iter().map(|answer| short(&answer.verdict)).collect()
}

async fn register(client: &Graph, serials: &[&str]) -> Result<Vec<Answer>, Trouble> {
    client.register(ids(), requests(serials)).await
}
