//! Many rows of several customers, registered over the service for trials while it fails, throttles and is slow, and
//! while either side is killed every few seconds. What must hold in the end is asked of both records: each device was
//! registered once, by the service's own; each attempt stands with its IDs in ours.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use devicedrop::registrar::http::{Exchange, HeaderMap, Http, Method};
use serde_json::Value;

use crate::campaign::Chance;
use crate::env::TestEnv;
use crate::process::Daemon;

const CUSTOMERS: [&str; 5] = ["adatum", "contoso", "fabrikam", "northwind", "tailspin"];

/// Rows in one file.
const FILE: u64 = 1_000;

/// The longest that nothing gets done.
const PATIENCE: Duration = Duration::from_mins(3);

const PENDING: &str = "SELECT coalesce(sum(rows), 0), coalesce(sum(pending), 0) FROM audit_submissions";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    /// Whether they are registered through Graph, by hardware hash.
    pub graph: bool,
    /// Rows, of all customers together.
    pub rows: u64,
    /// Where the chances begin.
    pub seed: u64,
    /// In milliseconds: the service's latency.
    pub latency_ms: u64,
    /// Of a hundred requests so many fail.
    pub fail_percent: u64,
    /// Requests a second, over which it throttles.
    pub rate: u64,
    /// In milliseconds: between two kills lies half of this to one and a half.
    pub kill_every_ms: u64,
}

/// The service for trials, as a process.
struct Service {
    child: Child,
    told: Value,
}

impl Service {
    fn start(env: &TestEnv, campaign: Campaign, listen: &str) -> Result<Self> {
        let fail_rate = format!("{:.2}", f64::from(u32::try_from(campaign.fail_percent)?) / 100.0);
        let mut command = env.command();
        command
            .args(["registry", "serve", "--json", "--open", "--slow", "2s", "--listen", listen])
            .args(["--latency", &format!("{}ms", campaign.latency_ms), "--fail-rate", &fail_rate])
            .args(["--rate", &campaign.rate.to_string(), "--seed", &campaign.seed.to_string()])
            .arg("--state")
            .arg(env.path("trial.db"));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let told = serde_json::from_str(&line).with_context(|| format!("the service said {line:?}"))?;
        Ok(Self { child, told })
    }

    fn told(&self, key: &str) -> Result<&str> {
        self.told.get(key).and_then(Value::as_str).with_context(|| format!("the service said no {key}"))
    }

    fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// One of its pages behind the scenes.
    fn page(&self, name: &str) -> Result<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url = format!("{}/trial/{name}", self.told("base_url")?).parse()?;
        let exchange = Exchange { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        let received = runtime.block_on(async { Http::new()?.send(exchange).await })?;
        Ok(serde_json::from_slice(&received.body)?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Campaign {
    /// Runs it with this program, and says how it went.
    pub fn run(self, program: &Path, out: &mut dyn Write) -> Result<()> {
        let mut env = TestEnv::new(program)?;
        if let Err(error) = self.run_in(&mut env, out) {
            let kept = env.keep();
            return Err(error.context(format!("seed {}; everything is kept in {}", self.seed, kept.display())));
        }
        Ok(())
    }

    fn run_in(self, env: &mut TestEnv, out: &mut dyn Write) -> Result<()> {
        let mut chance = Chance::new(self.seed);
        let began = Instant::now();
        let mut service = Service::start(env, self, "127.0.0.1:0")?;
        let listen = service.told("base_url")?.trim_start_matches("http://").to_owned();
        self.configure(env, &service)?;
        let expected = self.drop_files(env)?;
        let mut daemon = start(env)?;
        let (mut kills, mut services_killed) = (0_u64, 0_u64);
        let (mut last, mut moved) = (u64::MAX, Instant::now());
        loop {
            let wait = self.kill_every_ms / 2 + chance.below(self.kill_every_ms);
            daemon.live_for(Duration::from_millis(wait));
            let pending = pending(env, expected)?;
            if pending == 0 {
                break;
            }
            if pending != last {
                (last, moved) = (pending, Instant::now());
            }
            ensure!(moved.elapsed() < PATIENCE, "{pending} rows are pending, and nothing gets done");
            if chance.below(2) == 0 {
                daemon.kill()?;
                daemon = start(env)?;
                kills += 1;
            } else {
                service.kill()?;
                service = Service::start(env, self, &listen)?;
                services_killed += 1;
            }
        }
        let took = began.elapsed().as_secs_f64();
        let files = u64::try_from(CUSTOMERS.len())? * self.rows.div_ceil(5).div_ceil(FILE);
        daemon.wait_until("the last result of each file", || {
            let results = env.query("SELECT count(DISTINCT submission_id) FROM audit_results WHERE final = 1")?;
            Ok((results == [[Value::from(files)]]).then_some(()))
        })?;
        let (code, _) = daemon.terminate()?;
        ensure!(code == 0, "the daemon ended with {code}");
        let attempts = compare(env, &service, expected)?;
        let manners = service.page("manners")?;
        writeln!(
            out,
            "{expected} rows of {} customers through {} in {took:.0} s; the daemon killed {kills} times, the service \
             {services_killed} times; {attempts} attempts on record; told to wait {} times, too early {} times; \
             every device registered once",
            CUSTOMERS.len(),
            if self.graph { "Graph" } else { "Partner Center" },
            manners.get("toldToWait").unwrap_or(&Value::Null),
            manners.get("tooEarly").unwrap_or(&Value::Null)
        )?;
        Ok(())
    }

    fn configure(self, env: &mut TestEnv, service: &Service) -> Result<()> {
        let secret = env.path("secret");
        std::fs::write(&secret, service.told("client_secret")?)?;
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let text = |value: &str| format!("{value:?}");
        let (kind, section, keys): (_, _, &[&str]) = if self.graph {
            ("graph", "graph", &["base_url", "client_id"])
        } else {
            ("partner-center", "partner_center", &["base_url", "tenant_id", "client_id"])
        };
        env.set("drop.customers", &text("configured"))?;
        env.set("registrar.retry.longest", &text("5s"))?;
        env.set("registrar.kind", &text(kind))?;
        for key in keys {
            env.set(&format!("registrar.{section}.{key}"), &text(service.told(key)?))?;
        }
        let place = format!("registrar.{section}.credentials.secret.file");
        env.set(&place, &text(&secret.display().to_string()))?;
        for (number, customer) in CUSTOMERS.into_iter().enumerate() {
            env.set(&format!("customers.{customer}.tenant_id"), &text(&tenant(number)))?;
        }
        Ok(())
    }

    /// Drops the files of all customers. Returns how many rows there are.
    fn drop_files(self, env: &TestEnv) -> Result<u64> {
        let each = self.rows.div_ceil(5);
        for customer in CUSTOMERS {
            for first in (0..each).step_by(usize::try_from(FILE)?) {
                let hashes = if self.graph { ",Hardware Hash" } else { "" };
                let mut text = format!("Manufacturer,Model,Serial Number{hashes}\n");
                for row in first..each.min(first + FILE) {
                    let (model, serial) = (format!("Model {}", row % 7), format!("{customer}-{row:06}"));
                    let hash =
                        if self.graph { format!(",{}", hash_of("Contoso", &model, &serial)?) } else { String::new() };
                    writeln!(text, "Contoso,{model},{serial}{hash}")?;
                }
                // Half of them with an order ID of their own, and so in a batch of another name.
                let folder = if (first / FILE).is_multiple_of(2) { "" } else { "PO-4711/" };
                env.drop_file(customer, &format!("{folder}devices-{first}.csv"), text)?;
            }
        }
        Ok(each * 5)
    }
}

fn start(env: &TestEnv) -> Result<Daemon> {
    let mut daemon = env.start(&[])?.with_watchdog(PATIENCE);
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

fn tenant(customer: usize) -> String {
    format!("6731de76-14a6-49ae-97bc-6eba691439{customer:02}")
}

/// A hardware hash that says what its device is: `OA`, its length, and the three records that tell it.
fn hash_of(manufacturer: &str, model: &str, serial_number: &str) -> Result<String> {
    let mut records = Vec::new();
    for (kind, text) in [(16_u16, manufacturer), (17, model), (14, serial_number)] {
        records.extend(kind.to_le_bytes());
        records.extend(u16::try_from(text.len() + 5)?.to_le_bytes());
        records.extend(text.as_bytes());
        records.push(0);
    }
    let length = u16::try_from(records.len() + 4)?.to_le_bytes();
    Ok(base64::engine::general_purpose::STANDARD.encode([b"OA".as_slice(), &length, &records].concat()))
}

/// How many rows are pending, or not on record yet.
fn pending(env: &TestEnv, expected: u64) -> Result<u64> {
    let told = env.query(PENDING)?;
    let [[rows, pending]] = told.as_slice().iter().map(Vec::as_slice).collect::<Vec<_>>()[..] else {
        bail!("{told:?} isn't one row")
    };
    let number = |value: &Value| value.as_u64().with_context(|| format!("{value} is no number"));
    Ok(expected.saturating_sub(number(rows)?) + number(pending)?)
}

/// Compares the two records. Returns how many attempts there were.
fn compare(env: &TestEnv, service: &Service, expected: u64) -> Result<usize> {
    let states = env.query("SELECT state, error, count(*) FROM audit_registrations GROUP BY 1, 2")?;
    let wanted = vec![vec![Value::from("ready_for_user"), Value::Null, Value::from(expected)]];
    ensure!(states == wanted, "every row is ready without an error, but {states:?}");
    let attempts = env.query("SELECT serial_number, request_id, tracking_id, correlation_id FROM audit_attempts")?;
    let mut by_serial: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for attempt in &attempts {
        let mut texts = attempt.iter().map(Value::as_str);
        let (serial, request, tracking) = (texts.next().flatten(), texts.next().flatten(), texts.next().flatten());
        ensure!(request.is_some() && texts.next().flatten().is_some(), "{attempt:?} lacks its IDs");
        by_serial
            .entry(serial.context("its serial number")?)
            .or_default()
            .extend(request.into_iter().chain(tracking));
    }
    let journal = service.page("journal")?;
    let registered = journal.get("registrations").and_then(Value::as_array).context("the service's registrations")?;
    ensure!(registered.len() == usize::try_from(expected)?, "the service registered {}", registered.len());
    let mut seen = HashSet::new();
    for one in registered {
        let text = |key: &str| one.get(key).and_then(Value::as_str).with_context(|| format!("{one} has no {key}"));
        let serial = text("serialNumber")?;
        ensure!(seen.insert(serial), "{serial} was registered twice");
        let ids = by_serial.get(serial).with_context(|| format!("{serial} was never attempted"))?;
        // What is imported through Graph has an ID of ours.
        let theirs = ["trackingId", "requestId", "importId"].map(|key| one.get(key).and_then(Value::as_str));
        let known = theirs.into_iter().flatten().any(|id| ids.contains(id));
        ensure!(known, "no attempt at {serial} on record has the IDs of {one}");
    }
    Ok(attempts.len())
}
