//! A network that loses packets, between the daemon and the service for trials: half of them, all of them for a while,
//! or only those that carry answers.
//!
//! Both run in a network namespace of their own, in which a packet filter does it, so these run as root only: elsewhere
//! each says so and does nothing, and in the gate that is a failure.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop::registrar::http::{Exchange, HeaderMap, Http, Method};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use serde_json::{Value, json};

use crate::disks::may_mount;

const PROGRAM: &str = env!("CARGO_BIN_EXE_devicedrop");

const CUSTOMER: &str = "contoso";

const IP: &str = "/usr/sbin/ip";
const NFT: &str = "/usr/sbin/nft";

/// Where the service listens: its network has no other.
const LISTEN: &str = "127.0.0.1:8701";

/// Far beyond any real wait: it ends a test that would hang.
const PATIENCE: Duration = Duration::from_mins(10);

/// Packets that the filter drops.
const HALF: &str = "meta l4proto tcp numgen random mod 2 == 0 counter drop";
const THERE: &str = "tcp dport 8701 counter drop";
const ANSWERS: &str = "tcp sport 8701 ip length > 100 counter drop"; // not those that set up a connection, or keep it

/// A network with nothing in it but itself. Gone with what runs in it when this is dropped.
struct Network {
    name: String,
    folder: tempfile::TempDir,
}

impl Network {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("devicedrop-network-").tempdir()?;
        let name = folder.path().file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
        let network = Self { name, folder };
        run(Command::new(IP).args(["netns", "add", &network.name]))?;
        network.inside(&[IP, "link", "set", "lo", "up"])?;
        network.inside(&[NFT, "add table inet lossy"])?;
        network.inside(&[NFT, "add chain inet lossy in { type filter hook input priority 0; }"])?;
        let script = format!("#!/bin/sh\nexec {IP} netns exec {} {PROGRAM} \"$@\"\n", network.name);
        fs::write(network.program(), script)?;
        fs::set_permissions(network.program(), fs::Permissions::from_mode(0o755))?;
        Ok(network)
    }

    /// The program, run in this network.
    fn program(&self) -> std::path::PathBuf {
        self.folder.path().join("devicedrop")
    }

    fn inside(&self, words: &[&str]) -> Result<()> {
        run(Command::new(IP).args(["netns", "exec", &self.name]).args(words))
    }

    /// From now on these packets are lost.
    fn loses(&self, which: &str) -> Result<()> {
        self.inside(&[NFT, &format!("add rule inet lossy in {which}")])
    }

    /// From now on no packet is lost; some must have been.
    fn mended(&self) -> Result<()> {
        let mut list = Command::new(IP);
        list.args(["netns", "exec", &self.name, NFT, "list", "chain", "inet", "lossy", "in"]);
        let listed = String::from_utf8(list.output()?.stdout)?;
        ensure!(listed.contains("counter packets") && !listed.contains("packets 0 "), "nothing was lost: {listed}");
        self.inside(&[NFT, "flush chain inet lossy in"])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(Command::new(IP).args(["netns", "delete", &self.name]).status());
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} (Debian: iproute2, nftables)"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// The service for trials. Killed when dropped.
struct Service {
    child: Child,
    told: Value,
}

impl Service {
    fn start(env: &TestEnv, program: &Path, listen: &str) -> Result<Self> {
        let arguments = ["registry", "serve", "--json", "--open", "--listen", listen, "--state"];
        let mut command = env.command_of(program);
        command.args(arguments).arg(env.path("trial.db")).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let told = serde_json::from_str(&line).with_context(|| format!("the service said {line:?}"))?;
        Ok(Self { child, told })
    }

    fn told(&self, key: &str) -> Result<&str> {
        self.told.get(key).and_then(Value::as_str).with_context(|| format!("the service said no {key}"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A daemon and its service in a network.
struct Lossy {
    env: TestEnv,
    service: Service,
    daemon: Daemon,
    network: Network,
    sent: Vec<String>,
}

impl Lossy {
    fn new() -> Result<Self> {
        let network = Network::new()?;
        let mut env = TestEnv::new(network.program())?;
        let service = Service::start(&env, &network.program(), LISTEN)?;
        let secret = env.path("secret");
        fs::write(&secret, service.told("client_secret")?)?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        env.set("registrar.kind", "\"partner-center\"")?;
        env.set("registrar.retry.longest", "\"5s\"")?;
        for key in ["base_url", "tenant_id", "client_id"] {
            env.set(&format!("registrar.partner_center.{key}"), &format!("{:?}", service.told(key)?))?;
        }
        env.set("registrar.partner_center.credentials.secret.file", &format!("{:?}", secret.display().to_string()))?;
        env.set(&format!("customers.{CUSTOMER}.tenant_id"), "\"6731de76-14a6-49ae-97bc-6eba69143900\"")?;
        env.set("drop.customers", "\"configured\"")?;
        let mut daemon = env.start(&[])?.with_watchdog(PATIENCE);
        daemon.wait_for_message("ready")?;
        Ok(Self { env, service, daemon, network, sent: Vec::new() })
    }

    /// Drops a file of as many rows, and waits for nothing.
    fn send(&mut self, file: &str, rows: usize) -> Result<()> {
        let mut text = "Manufacturer,Model,Serial Number\n".to_owned();
        for row in 0..rows {
            let serial = format!("{file}-{row:04}");
            writeln!(text, "Contoso,Model 7,{serial}")?;
            self.sent.push(serial);
        }
        self.env.drop_file(CUSTOMER, &format!("{file}.csv"), text)?;
        Ok(())
    }

    /// Waits until all that was sent is ready, and its results say so.
    fn registers_all(&mut self) -> Result<()> {
        let (env, sent) = (&self.env, self.sent.len());
        self.daemon.wait_until("all rows ready, and told so", || {
            let files = "SELECT coalesce(sum(ready), 0), count(*), count(completed_at) FROM audit_submissions";
            let told = "SELECT count(DISTINCT submission_id) FROM audit_results WHERE final = 1";
            let (files, told) = (env.query(files)?.concat(), env.query(told)?.concat());
            Ok((files[0] == json!(sent) && files[1] == files[2] && told[0] == files[1]).then_some(()))
        })
    }

    /// Waits until the daemon says what is wrong with the service.
    fn is_in_trouble(&mut self) -> Result<String> {
        let line =
            self.daemon.wait_for("trouble", |line| line.message() == "registrar" && line.field("why").is_some())?;
        Ok(line.field("why").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Ends it, and looks whether the service says so, too, of each device once.
    fn registered_each_once(self) -> Result<()> {
        let env = &self.env;
        let unknown = env.query("SELECT * FROM audit_attempts WHERE outcome IS NULL OR correlation_id IS NULL")?;
        ensure!(unknown.is_empty(), "{unknown:?}");
        let most = env.query("SELECT max(attempts) FROM audit_registrations")?;
        ensure!(most[0][0].as_u64().is_some_and(|most| most <= 30), "{most:?} attempts at a row");
        let (code, _) = self.daemon.terminate()?;
        ensure!(code == 0, "the daemon ended with {code}");
        drop(self.service); // and in a network that can be reached from here
        let service = Service::start(env, Path::new(PROGRAM), "127.0.0.1:0")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url = format!("{}/trial/journal", service.told("base_url")?).parse()?;
        let exchange = Exchange { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        let journal = runtime.block_on(async { Http::new()?.send(exchange).await })?;
        let journal: Value = serde_json::from_slice(&journal.body)?;
        let registered = journal["registrations"].as_array().context("what it registered")?;
        let mut serials: Vec<&str> = registered.iter().filter_map(|one| one["serialNumber"].as_str()).collect();
        serials.sort_unstable();
        let mut sent = self.sent;
        sent.sort_unstable();
        ensure!(serials == sent, "the service registered {serials:?}");
        Ok(())
    }
}

#[test]
fn with_half_of_the_packets_lost_it_is_slow_and_registers_everything_once() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut lossy = Lossy::new()?;
    lossy.network.loses(HALF)?;
    lossy.send("half", 100)?;
    lossy.registers_all()?;
    lossy.network.mended()?;
    lossy.registered_each_once()
}

#[test]
fn a_service_that_no_packet_reaches_is_told_of_and_gets_everything_once_when_it_is_back() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut lossy = Lossy::new()?;
    lossy.network.loses(THERE)?;
    lossy.send("silence", 100)?;
    let why = lossy.is_in_trouble()?;
    ensure!(why.contains("127.0.0.1:8701"), "{why}");
    lossy.network.mended()?;
    lossy.registers_all()?;
    lossy.registered_each_once()
}

#[test]
fn a_service_whose_answers_are_lost_registers_everything_once_all_the_same() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut lossy = Lossy::new()?;
    lossy.send("before", 10)?;
    lossy.registers_all()?; // with a token that goes on being good
    lossy.network.loses(ANSWERS)?;
    lossy.send("lost", 100)?;
    let why = lossy.is_in_trouble()?;
    ensure!(why.contains("answer"), "{why}");
    lossy.network.mended()?;
    lossy.registers_all()?;
    lossy.registered_each_once()
}
