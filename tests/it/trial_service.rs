//! `registry serve` as its users meet it: what it prints, how it ends, what a kill leaves; and the faults that only a
//! connection can show.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use devicedrop_testkit::env::TestEnv;
use serde_json::{Value, json};

use crate::scene::env;

const CUSTOMER: &str = "c7f3c849-129f-4b85-a96d-4f8e88b315a3";

/// Far beyond any real wait: it ends a test that would hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// The running command, killed when dropped.
struct Serving {
    child: Child,
    address: String,
    told: Value,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What came back: as much as did.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// Whether the body has the length that the head says.
    whole: bool,
}

impl Reply {
    fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("{self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Serving {
    fn start(env: &TestEnv, arguments: &[&str]) -> Result<Self> {
        let mut child = env
            .command()
            .args(["registry", "serve", "--listen", "127.0.0.1:0", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line).with_context(|| format!("{line:?}"))?;
        let address = told["base_url"].as_str().and_then(|url| url.strip_prefix("http://")).context("an address")?;
        Ok(Self { address: address.to_owned(), told, child })
    }

    /// One request on a connection of its own; none if the connection ends without an answer.
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Result<Option<Reply>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address)?;
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            ensure!(bytes.is_empty(), "half a head: {}", String::from_utf8_lossy(&bytes));
            return Ok(None);
        };
        let head = String::from_utf8(bytes[..end].to_vec())?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("a status")?;
        let mut reply = Reply { status, head, body: bytes[end + 4..].to_vec(), whole: true };
        let length = reply.header("content-length").map_or(Ok(0), str::parse)?;
        reply.whole = reply.body.len() == length;
        Ok(Some(reply))
    }

    fn get(&self, target: &str) -> Result<Value> {
        self.ask("GET", target, &[], "")?.context("an answer")?.json()
    }

    fn token_request(&self) -> Result<Option<Reply>> {
        let told = |name: &str| self.told[name].as_str().unwrap_or_default().to_owned();
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}\
             &scope=https%3A%2F%2Fapi.partnercenter.microsoft.com%2F.default",
            told("client_id"),
            told("client_secret")
        );
        let target = format!("/{}/oauth2/v2.0/token", told("tenant_id"));
        self.ask("POST", &target, &[("Content-Type", "application/x-www-form-urlencoded")], &body)
    }

    fn authorization(&self) -> Result<String> {
        let body = self.token_request()?.context("an answer")?.json()?;
        Ok(format!("Bearer {}", body["access_token"].as_str().with_context(|| format!("{body}"))?))
    }

    /// Uploads a device of the sample inventory into a batch of its own.
    fn upload(&self, authorization: &str, serial: &str, request_id: &str) -> Result<Option<Reply>> {
        let body = json!({
            "batchId": serial,
            "devices": [{ "oemManufacturerName": "Fabrikam Devices", "modelName": "Falcon 14", "serialNumber": serial }],
        });
        let target = format!("/v1/customers/{CUSTOMER}/deviceBatches");
        let headers = [("Authorization", authorization), ("MS-RequestId", request_id)];
        self.ask("POST", &target, &headers, &body.to_string())
    }

    /// Asks after an upload until it is done.
    fn wait_for(&self, location: &str) -> Result<Value> {
        let authorization = self.authorization()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.ask("GET", &format!("/v1{location}"), &[("Authorization", &authorization)], "")?;
            let body = reply.context("an answer")?.json()?;
            if body["status"].as_str().is_some_and(|status| status.starts_with("finished")) {
                return Ok(body);
            }
            ensure!(Instant::now() < deadline, "never done: {body}");
        }
    }

    fn registered(&self) -> Result<Vec<String>> {
        let journal = self.get("/trial/journal")?;
        let lines = journal["registrations"].as_array().context("a list")?;
        Ok(lines.iter().map(|line| line["serialNumber"].as_str().unwrap_or_default().to_owned()).collect())
    }

    fn end(mut self, signal: &str) -> Result<Option<i32>> {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &pid]).status()?;
        ensure!(sent.success(), "kill -{signal} {pid}");
        Ok(self.child.wait()?.code())
    }
}

#[test]
fn it_says_what_belongs_into_the_configuration_and_ends_when_told() -> Result<()> {
    let env = env()?;
    for signal in ["TERM", "INT"] {
        let serving = Serving::start(&env, &["--latency", "0ms"])?;
        for name in ["base_url", "tenant_id", "client_id", "client_secret", "refresh_token"] {
            ensure!(serving.told[name].is_string(), "{name}: {}", serving.told);
        }
        let taken = serving.upload(&serving.authorization()?, "F14-000871", CUSTOMER)?.context("an answer")?;
        ensure!(taken.status == 202, "{taken:?}");
        let done = serving.wait_for(taken.header("location").context("a location")?)?;
        ensure!(done["devicesStatus"][0]["status"] == "finished", "{done}");
        ensure!(serving.end(signal)? == Some(0), "SIG{signal}");
    }
    Ok(())
}

#[test]
fn nobody_else_can_reach_it() -> Result<()> {
    let env = env()?;
    let told = env.run(&["registry", "serve", "--listen", "0.0.0.0:0"])?;
    ensure!(told.code == Some(2) && told.stdout.is_empty(), "{told:?}");
    ensure!(told.stderr.contains("0.0.0.0:0 isn't a loopback address"), "{told:?}");
    Ok(())
}

#[test]
fn an_inventory_or_script_that_is_wrong_is_named_with_its_line() -> Result<()> {
    let env = env()?;
    let (inventory, script) = (env.path("stock.csv"), env.path("faults.jsonl"));
    std::fs::write(&inventory, "Manufacturer,Model,Serial Number\nA,B,1\nA,,2\n")?;
    std::fs::write(&script, "{\"path\":\"/v1/**\",\"do\":\"cut\"}\n{\"path\":\"/v1/**\",\"do\":\"bite\"}\n")?;
    for (option, file, words) in
        [("--inventory", &inventory, "Line 3"), ("--faults", &script, "line 2"), ("--certificate", &script, "PEM")]
    {
        let file = file.display().to_string();
        let told = env.run(&["registry", "serve", "--listen", "127.0.0.1:0", option, &file])?;
        ensure!(told.code == Some(2) && told.stderr.contains(&file) && told.stderr.contains(words), "{told:?}");
    }
    Ok(())
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() -> Result<()> {
    let env = env()?;
    let state = env.path("trial.db").display().to_string();
    let arguments = ["--open", "--latency", "300ms", "--state", &state];
    let serving = Serving::start(&env, &arguments)?;
    let authorization = serving.authorization()?;
    let mut locations = Vec::new();
    for number in 0..20 {
        let serial = format!("S{number}");
        let taken = serving.upload(&authorization, &serial, &format!("{number:08}-0000-4000-8000-000000000000"))?;
        locations.push(taken.context("an answer")?.header("location").context("a location")?.to_owned());
    }
    ensure!(serving.end("KILL")?.is_none());
    let serving = Serving::start(&env, &arguments)?;
    for location in &locations {
        let done = serving.wait_for(location)?;
        ensure!(done["devicesStatus"][0]["status"] == "finished", "{done}");
    }
    ensure!(serving.registered()?.len() == 20);
    Ok(())
}

#[test]
fn each_fault_shows_on_the_wire() -> Result<()> {
    let env = env()?;
    let script = env.path("faults.jsonl");
    let kinds = [
        "close-before",
        "close-after",
        "error-before",
        "error-after",
        "unavailable",
        "throttle",
        "cut",
        "not-json",
        "slow",
    ];
    let mut rules: Vec<Value> = (1..)
        .zip(kinds)
        .map(|(nth, kind)| json!({ "method": "POST", "path": "/v1/**", "nth": nth, "do": kind }))
        .collect();
    rules.push(json!({ "method": "GET", "path": "/v1/customers/*/deviceBatches", "do": "cut" }));
    let lines: Vec<String> = rules.iter().map(ToString::to_string).collect();
    std::fs::write(&script, lines.join("\n"))?;
    let script = script.display().to_string();
    let serving = Serving::start(&env, &["--open", "--latency", "0ms", "--slow", "50ms", "--faults", &script])?;
    let authorization = serving.authorization()?;
    let mut seen = Vec::new();
    for kind in kinds {
        let began = Instant::now();
        let id = format!("00000000-0000-4000-8000-{:012}", seen.len());
        let reply = serving.upload(&authorization, kind, &id)?;
        let done = serving.registered()?.contains(&kind.to_owned());
        if kind == "slow" {
            ensure!(began.elapsed() >= Duration::from_millis(50), "too soon");
        }
        if ["unavailable", "throttle"].contains(&kind) {
            let reply = reply.as_ref().context("an answer")?;
            ensure!(reply.header("retry-after") == Some("1"), "{reply:?}");
        }
        seen.push((kind, reply.map(|reply| reply.status), done));
    }
    let expected = [
        ("close-before", None, false),
        ("close-after", None, true),
        ("error-before", Some(500), false),
        ("error-after", Some(500), true),
        ("unavailable", Some(503), false),
        ("throttle", Some(429), false),
        // An answer without a body has no middle.
        ("cut", None, true),
        ("not-json", Some(202), true),
        ("slow", Some(202), true),
    ];
    ensure!(seen == expected, "{seen:?}");
    let target = format!("/v1/customers/{CUSTOMER}/deviceBatches");
    let list = || serving.ask("GET", &target, &[("Authorization", &authorization)], "");
    let (cut, whole) = (list()?.context("an answer")?, list()?.context("an answer")?);
    ensure!(cut.status == 200 && !cut.whole && !cut.body.is_empty() && cut.json().is_err(), "{cut:?}");
    ensure!(whole.whole && whole.body.starts_with(&cut.body), "{whole:?}");
    Ok(())
}

#[test]
fn a_client_that_repeats_its_calls_registers_each_device_once_whatever_fails() -> Result<()> {
    let env = env()?;
    let arguments = ["--open", "--latency", "0ms", "--fail-rate", "0.3", "--seed", "7", "--slow", "1ms"];
    let serving = Serving::start(&env, &arguments)?;
    let authorization = (0..100).find_map(|_| serving.authorization().ok()).context("a token")?;
    let serials: Vec<String> = (0..60).map(|number| format!("S{number:02}")).collect();
    let mut trouble = 0;
    for (number, serial) in serials.iter().enumerate() {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        for attempt in 0.. {
            match serving.upload(&authorization, serial, &id)? {
                Some(reply) if reply.status == 202 => break,
                Some(reply) if reply.status < 500 && reply.status != 429 => bail!("{serial}: {reply:?}"),
                _ => trouble += 1,
            }
            ensure!(attempt < 50, "{serial} never gets through");
        }
    }
    ensure!(trouble > 5, "a rate of 0.3 made {trouble} faults only");
    ensure!(serving.registered()? == serials, "{:?}", serving.registered()?);
    Ok(())
}
