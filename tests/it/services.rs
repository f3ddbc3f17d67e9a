//! The clients of the registration services, over the service for trials as a process of its own: the contract suite,
//! many rows while it misbehaves, and the daemon with it.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use devicedrop::clock::{Clock, SystemClock};
use devicedrop::registrar::credentials::{Granted, Secret, Source, TokenTrouble, Tokens};
use devicedrop::registrar::graph::{self, Graph};
use devicedrop::registrar::http::{Exchange, HeaderMap, HeaderValue, Http, Method};
use devicedrop::registrar::partner_center::{self, PartnerCenter};
use devicedrop::registrar::{Answering, Registrar};
use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::registrar::{Answer, CallIds, Knowledge, Question, Request, Trouble, Verdict};
use devicedrop_core::time::Timestamp;
use devicedrop_testkit::checker;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Output;
use devicedrop_testkit::registrar_suite::{self, Nature, Remembers, Subject};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::scene::{CONTOSO, csv, env, rows, start, wait_for_rows};

/// How soon what was sent is asked about: what is registered here takes a few milliseconds.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// The service, and what it said of itself.
pub(crate) struct Trial {
    child: Child,
    told: Value,
    port: String,
    folder: TestEnv,
    options: Vec<&'static str>,
}

impl Trial {
    fn start(options: &[&'static str]) -> Result<Self> {
        Self::on("0", env()?, options.to_vec())
    }

    fn on(port: &str, folder: TestEnv, options: Vec<&'static str>) -> Result<Self> {
        let mut command = folder.command();
        command.args(["registry", "serve", "--json", "--latency", "5ms", "--listen", &format!("127.0.0.1:{port}")]);
        command.arg("--state").arg(folder.path("trial.db")).args(&options);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        let url = told["base_url"].as_str().context("its address")?;
        let port = url.rsplit(':').next().context("its port")?.to_owned();
        Ok(Self { child, told, port, folder, options })
    }

    /// Ends it without a warning and begins it anew in the same place.
    fn restart(mut self) -> Result<Self> {
        self.child.kill()?;
        self.child.wait()?;
        let Self { port, folder, options, .. } = self;
        Self::on(&port, folder, options)
    }

    pub(crate) fn told(&self, key: &str) -> String {
        self.told[key].as_str().unwrap_or_default().to_owned()
    }

    /// What took effect, by its own record.
    fn registrations(&self) -> Result<Vec<Value>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url = format!("{}/trial/journal", self.told("base_url")).parse()?;
        let exchange = Exchange { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        let received = runtime.block_on(async { Http::new()?.send(exchange).await })?;
        let mut journal: Value = serde_json::from_slice(&received.body)?;
        serde_json::from_value(journal["registrations"].take()).context("its registrations")
    }

    /// Sends something to one of the pages behind the scenes. Returns the status.
    pub(crate) fn post(&self, page: &str, body: &Value) -> u16 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let url = format!("{}/trial/{page}", self.told("base_url"));
        let received = runtime.block_on(post(&url, "application/json", body.to_string()));
        received.expect("an answer").status
    }
}

async fn post(
    url: &str,
    kind: &'static str,
    body: String,
) -> Result<devicedrop::registrar::http::Received, devicedrop::registrar::http::Failure> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    let url = url.parse().expect("an address");
    Http::new()?.send(Exchange { method: Method::POST, url, headers, body: Some(body.into_bytes()) }).await
}

/// Asks the trial for tokens, by the secret that it told.
#[derive(Debug)]
struct BySecret {
    base_url: String,
    client_id: String,
    secret: String,
    scope: &'static str,
}

impl Source for BySecret {
    fn fetch<'a>(&'a self, tenant: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>> {
        Box::pin(async move {
            let url = format!("{}/{tenant}/oauth2/v2.0/token", self.base_url);
            let form = format!(
                "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
                self.client_id, self.secret, self.scope
            );
            let received = post(&url, "application/x-www-form-urlencoded", form).await;
            let odd = |why: String| TokenTrouble::Unavailable { why, retry_after: None };
            let received = received.map_err(|failure| odd(failure.to_string()))?;
            let body: Value = serde_json::from_slice(&received.body).map_err(|error| odd(error.to_string()))?;
            let token = body["access_token"].as_str().ok_or_else(|| odd(body.to_string()))?;
            Ok(Granted { token: Secret::new(token.to_owned()), lasts: Duration::from_hours(1) })
        })
    }
}

fn tokens(trial: &Trial, scope: &'static str) -> Tokens {
    let source = BySecret {
        base_url: trial.told("base_url"),
        client_id: trial.told("client_id"),
        secret: trial.told("client_secret"),
        scope,
    };
    Tokens::of(Arc::new(source), Arc::new(SystemClock))
}

/// A tenant made of a customer's key, which doesn't show in it.
pub(crate) fn tenant(customer: &CustomerKey) -> String {
    let sum = customer.as_str().bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) & 0xffff_ffff_ffff);
    format!("7a1e0000-0000-4000-8000-{sum:012x}")
}

/// A client over the trial.
pub(crate) struct Over<R> {
    client: R,
    make: fn(&Trial) -> R,
    nature: Nature,
    trial: Option<Trial>,
}

impl<R: Registrar> Over<R> {
    pub(crate) fn new(make: fn(&Trial) -> R, nature: Nature, options: &[&'static str]) -> Self {
        let trial = Trial::start(options).expect("the service for trials");
        Self { client: make(&trial), make, nature, trial: Some(trial) }
    }

    pub(crate) fn trial(&self) -> &Trial {
        self.trial.as_ref().expect("it runs")
    }
}

impl<R> Drop for Over<R> {
    fn drop(&mut self) {
        if let Some(mut trial) = self.trial.take() {
            trial.child.kill().unwrap_or_default();
            trial.child.wait().map(drop).unwrap_or_default();
        }
    }
}

impl<R: Registrar> Subject for Over<R> {
    fn registrar(&self) -> &dyn Registrar {
        &self.client
    }

    fn nature(&self) -> Nature {
        self.nature
    }

    fn stock(&self, devices: &[Device]) {
        if self.nature.inventory {
            let devices: Vec<Value> = devices.iter().map(written).collect();
            assert_eq!(self.trial().post("inventory", &json!(devices)), 204);
        }
    }

    fn hash(&self, device: &Device) -> Option<String> {
        (self.client.kind() == "graph").then(|| hash_of(device))
    }

    fn use_device(&self, device: &Device, at: Timestamp) {
        let mut body = written(device);
        body["at"] = json!(at.to_string());
        // One that nobody registered isn't used.
        assert!([204, 404].contains(&self.trial().post("check-in", &body)));
    }

    fn reopen(mut self) -> Self {
        let trial = self.trial.take().expect("it runs").restart().expect("the service for trials");
        Self { client: (self.make)(&trial), make: self.make, nature: self.nature, trial: Some(trial) }
    }
}

fn written(device: &Device) -> Value {
    json!({ "manufacturer": device.manufacturer, "model": device.model, "serialNumber": device.serial_number })
}

/// A hardware hash that says what its device is: `OA`, its length, and the three records that tell it.
pub(crate) fn hash_of(device: &Device) -> String {
    use base64::Engine;
    let record = |kind: u16, text: &str| {
        let length = u16::try_from(text.len() + 5).expect("a short value");
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), text.as_bytes(), &[0]].concat()
    };
    let records =
        [record(16, &device.manufacturer), record(17, &device.model), record(14, &device.serial_number)].concat();
    let length = u16::try_from(records.len() + 4).expect("a short hash");
    let bytes = [b"OA", &length.to_le_bytes()[..], &records].concat();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn partner_center(trial: &Trial) -> PartnerCenter {
    PartnerCenter::new(partner_center::Settings {
        base_url: trial.told("base_url").parse().expect("an address"),
        tenant_id: trial.told("tenant_id"),
        tokens: tokens(trial, "https%3A%2F%2Fapi.partnercenter.microsoft.com%2F.default"),
        http: Http::new().expect("a client"),
        tenant_of: Arc::new(|customer| Some(tenant(customer))),
        clock: Arc::new(SystemClock),
        first_look: FIRST_LOOK,
    })
}

pub(crate) fn graph(trial: &Trial) -> Graph {
    let customers: Vec<CustomerKey> =
        ["fabrikam", "tailspin"].into_iter().map(|key| key.parse().expect("a key")).collect();
    Graph::new(graph::Settings {
        base_url: trial.told("base_url").parse().expect("an address"),
        tokens: tokens(trial, "https%3A%2F%2Fgraph.microsoft.com%2F.default"),
        http: Http::new().expect("a client"),
        tenant_of: Arc::new(|customer| Some(tenant(customer))),
        customers: Arc::new(move || customers.clone()),
        clock: Arc::new(SystemClock),
        first_look: FIRST_LOOK,
    })
}

const PARTNER_CENTER: Nature = Nature { inventory: true, remembers: Remembers::Devices, tells_uses: false };

/// It takes any device of which it gets a hash.
pub(crate) const GRAPH: Nature = Nature { inventory: false, remembers: Remembers::Devices, tells_uses: true };

#[test]
fn partner_center_with_an_inventory() {
    registrar_suite::run(|| Over::new(partner_center, PARTNER_CENTER, &[]));
}

#[test]
fn partner_center_without_an_inventory() {
    let nature = Nature { inventory: false, ..PARTNER_CENTER };
    registrar_suite::run(|| Over::new(partner_center, nature, &["--open"]));
}

#[test]
fn graph_by_hashes() {
    registrar_suite::run(|| Over::new(graph, GRAPH, &[]));
}

/// Lets some time go by, as the daemon does. No token is asked for during 5 s after one couldn't be had.
async fn pause(trouble: &Trouble) {
    assert!(!matches!(trouble, Trouble::Broken(_)), "{trouble}");
    drop(tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await);
}

/// Registers devices as the daemon does, whatever comes in between, and returns the last verdict on each.
async fn insist(registrar: &dyn Registrar, rows: &[Request]) -> Vec<Verdict> {
    let mut ends: Vec<Option<Verdict>> = vec![None; rows.len()];
    let mut questions: Vec<(usize, Question)> = Vec::new();
    for round in 0.. {
        assert!(round < 1_000, "no end comes: {ends:?}");
        let asked: HashSet<usize> = questions.iter().map(|(place, _)| *place).collect();
        let open: Vec<usize> =
            (0..rows.len()).filter(|place| ends[*place].is_none() && !asked.contains(place)).collect();
        if open.is_empty() && questions.is_empty() {
            break;
        }
        for call in open.chunks(registrar.capacity().batch.min(25)) {
            let id = || Some(SystemClock.new_guid());
            let ids = CallIds { request_id: id(), correlation_id: id() };
            let requests: Vec<Request> = call.iter().map(|place| rows[*place].clone()).collect();
            let answers = match registrar.register(ids.clone(), requests).await {
                Ok(answers) => answers,
                Err(trouble) => {
                    pause(&trouble).await;
                    continue;
                }
            };
            for (place, answer) in call.iter().zip(answers) {
                let tracking_id = match answer.verdict {
                    Verdict::Accepted { tracking_id, .. } => Some(tracking_id),
                    Verdict::InDoubt { .. } => None,
                    Verdict::Deferred { .. } => continue,
                    end => {
                        ends[*place] = Some(end);
                        continue;
                    }
                };
                let question = Question { request: rows[*place].clone(), ids: ids.clone(), tracking_id };
                questions.push((*place, question));
            }
        }
        let asked: Vec<Question> = questions.iter().map(|(_, question)| question.clone()).collect();
        let told = match registrar.inquire(&asked).await {
            Ok(told) => told,
            Err(trouble) => {
                pause(&trouble).await;
                continue;
            }
        };
        let mut left = Vec::new();
        for ((place, question), told) in std::mem::take(&mut questions).into_iter().zip(told) {
            match told {
                Knowledge::UnderWay { .. } => left.push((place, question)),
                Knowledge::Answered(Answer { verdict: Verdict::Deferred { .. }, .. }) | Knowledge::Unknown => {}
                Knowledge::Answered(answer) => ends[place] = Some(answer.verdict),
                Knowledge::CannotTell => panic!("it can be asked"),
            }
        }
        questions = left;
    }
    ends.into_iter().flatten().collect()
}

/// Every device is registered in the end, and by the service's own record once.
fn survives_faults<R: Registrar>(make: fn(&Trial) -> R, nature: Nature, seed: &'static str) {
    let options = ["--open", "--fail-rate", "0.2", "--slow", "20ms", "--seed", seed];
    let over = Over::new(make, nature, &options);
    let customer: CustomerKey = "fabrikam".parse().expect("a key");
    let row = |number: i64| {
        let device = Device {
            manufacturer: "Contoso, Ltd.".to_owned(),
            model: "Laptop".to_owned(),
            serial_number: format!("S{number:04}"),
        };
        Request {
            attempt: AttemptId::new(number).expect("from 1"),
            registration: RegistrationId::new(number).expect("from 1"),
            submission: SubmissionId::from_bytes([7; 16]),
            key: Sha256::of(&number.to_le_bytes()),
            customer: customer.clone(),
            hardware_hash: over.hash(&device),
            device,
            order_id: Some(format!("PO {}", number % 2)).filter(|_| nature.tells_uses),
            purchase_id: None,
        }
    };
    let rows: Vec<Request> = (1..=100).map(row).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let ends = runtime.expect("a runtime").block_on(insist(&over.client, &rows));
    let is_there = |end: &Verdict| matches!(end, Verdict::Registered { .. } | Verdict::AlreadyRegistered);
    assert!(ends.len() == rows.len() && ends.iter().all(is_there), "{ends:?}");
    let journal = over.trial().registrations().expect("the service's own record");
    let mut serials: Vec<&str> = journal.iter().filter_map(|entry| entry["serialNumber"].as_str()).collect();
    serials.sort_unstable();
    let expected: Vec<&str> = rows.iter().map(|row| row.device.serial_number.as_str()).collect();
    assert_eq!(serials, expected, "each device once");
}

#[test]
fn partner_center_that_misbehaves_registers_everything_once() {
    for seed in ["1", "2", "3"] {
        survives_faults(partner_center, PARTNER_CENTER, seed);
    }
}

#[test]
fn graph_that_misbehaves_registers_everything_once() {
    for seed in ["1", "2", "3"] {
        survives_faults(graph, GRAPH, seed);
    }
}

/// What `registrar check` says of a place where everything is set up as the guide has it, over a service with these
/// options.
fn checked(options: &[&'static str]) -> Result<Output> {
    let over = Over::new(partner_center, PARTNER_CENTER, options);
    let trial = over.trial();
    let mut env = env()?;
    env.set("registrar.kind", "\"partner-center\"")?.set("drop.customers", "\"configured\"")?;
    for section in ["partner_center", "graph"] {
        for key in ["base_url", "client_id"] {
            env.set(&format!("registrar.{section}.{key}"), &format!("{:?}", trial.told(key)))?;
        }
        let secret = format!("registrar.{section}.credentials.secret");
        env.set(&secret, r#"{ environment = "TRIAL_SECRET" }"#)?;
    }
    let refresh = env.path("refresh-token");
    std::fs::write(&refresh, trial.told("refresh_token"))?;
    std::fs::set_permissions(&refresh, std::fs::Permissions::from_mode(0o600))?;
    env.set("registrar.partner_center.tenant_id", &format!("{:?}", trial.told("tenant_id")))?
        .set("registrar.partner_center.credentials.refresh_token_file", &format!("{refresh:?}"))?
        .set("customers.contoso.tenant_id", &format!("{:?}", tenant(&CONTOSO.parse()?)))?
        .set("customers.fabrikam.tenant_id", &format!("{:?}", tenant(&"fabrikam".parse()?)))?
        .set_variable("TRIAL_SECRET", &trial.told("client_secret"));
    env.run(&["registrar", "check"])
}

#[test]
fn a_check_of_a_right_place_is_clean_and_names_whose_permission_is_missing() -> Result<()> {
    let right = checked(&["--require-user"])?;
    assert_eq!(right.code, Some(0), "{right:?}");
    assert!(!right.stdout.contains("What to do"), "{right:?}");
    let wrong = checked(&["--without-permission", "DeviceManagementManagedDevices.Read.All"])?;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    let (_, todo) = wrong.stdout.split_once("What to do:\n").context("what to do")?;
    assert_snapshot!(todo, @r"
      graph permissions of contoso, fabrikam: give the app registration these application permissions of Microsoft Graph, and let an administrator of the customer's tenant consent
      graph uses of contoso, fabrikam: have an administrator give what is needed: DeviceManagementManagedDevices.Read.All

    4 things in the way of registering
    ");
    let nobody = checked(&["--without-permission", "user_impersonation"])?;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.stdout.contains("nobody has consented to the app"), "{nobody:?}");
    Ok(())
}

#[test]
fn the_daemon_follows_an_upload_over_its_own_end() -> Result<()> {
    let over = Over::new(partner_center, PARTNER_CENTER, &["--open"]);
    let trial = over.trial();
    let mut env = env()?;
    let section = "registrar.partner_center";
    for (key, value) in [
        ("registrar.kind".to_owned(), "partner-center".to_owned()),
        (format!("{section}.base_url"), trial.told("base_url")),
        (format!("{section}.tenant_id"), trial.told("tenant_id")),
        (format!("{section}.client_id"), trial.told("client_id")),
        ("drop.customers".to_owned(), "configured".to_owned()),
        (format!("customers.{CONTOSO}.tenant_id"), tenant(&CONTOSO.parse()?)),
    ] {
        env.set(&key, &format!("{value:?}"))?;
    }
    env.set(&format!("{section}.credentials.secret"), r#"{ environment = "TRIAL_SECRET" }"#)?;
    env.set_variable("TRIAL_SECRET", &trial.told("client_secret")).set_variable("DEVICEDROP_LOG", "trace");
    let mut daemon = start(&env)?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
    let followed = "SELECT count(*) FROM audit_attempts WHERE tracking_id IS NOT NULL AND outcome IS NULL";
    wait_for_rows(&env, &mut daemon, followed, &["2"])?;
    daemon.kill()?;
    let mut daemon = start(&env)?;
    let ready = "SELECT count(*) FROM audit_registrations WHERE state = 'ready_for_user'";
    wait_for_rows(&env, &mut daemon, ready, &["2"])?;
    let attempts =
        "SELECT DISTINCT registrar, number, outcome, tracking_id IS NOT NULL, length(correlation_id), answer
         FROM audit_attempts";
    assert_eq!(rows(&env, attempts)?, ["partner-center|1|registered|1|36|200 finished"]);
    let (code, log) = daemon.terminate()?;
    assert_eq!((code, trial.registrations()?.len()), (0, 2));
    // What the daemon wrote about all that, at its most talkative, and what it keeps.
    let secret = trial.told("client_secret");
    for line in &log {
        assert!(!line.text.contains(&secret) && !line.text.contains("Bearer "), "{}", line.text);
    }
    let mut files = Vec::new();
    checker::walk(&env.path("state"), &mut files)?;
    for file in files {
        let bytes = std::fs::read(&file)?;
        let tells = |words: &[u8]| bytes.windows(words.len()).any(|part| part == words);
        assert!(!tells(secret.as_bytes()) && !tells(b"Bearer "), "{}", file.display());
    }
    Ok(())
}
