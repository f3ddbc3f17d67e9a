//! The demonstration: the real daemon in a new temporary folder, with two customers, an inventory and files that lead
//! to every state and error that can be had without hardware hashes.
//!
//! It does what people would do: drops files, asks over the control socket, reads result files. The one thing staged
//! is that the registrar is switched off for a while, so that pending rows and a row given up can be seen.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use devicedrop_core::device::Device;
use devicedrop_core::registrar::{
    Activity, Answer as RegistrarAnswer, CallIds, Capacity, Knowledge, Question, Trouble, Verdict,
};
use devicedrop_core::time::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::actor::Actor;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Lookup};
use crate::control::client::Client;
use crate::control::protocol::{Answer, Devices, Request};
use crate::daemon::{self, End, Parts};
use crate::registrar::embedded::Embedded;
use crate::registrar::{Answering, Registrar};

use super::{Program, failure, runtime, start_failure};

/// Everything here is done within moments; whatever takes this long is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is looked whether something came about.
const LOOK: Duration = Duration::from_millis(50);

/// What the demonstration's supplier knows.
pub(super) const INVENTORY: &str = include_str!("../../config/samples/demo/inventory.csv");
const LAPTOPS: &str = include_str!("../../config/samples/demo/laptops.csv");
const EXPORT: &str = include_str!("../../config/samples/demo/export.csv");
const LEVERING: &str = include_str!("../../config/samples/demo/levering.csv");
const AGAIN: &str = include_str!("../../config/samples/demo/again.csv");
const LATE: &str = include_str!("../../config/samples/demo/late.csv");

/// Runs the demonstration; with `keep`, the daemon goes on until it is interrupted.
pub fn run(program: &Program, keep: bool, output: &mut Output) -> Result<Exit, Failure> {
    let root = new_folder().map_err(|error| told("a temporary folder can't be made", &error))?;
    let config_file = root.join("devicedrop.toml");
    write(&config_file, &configuration(&root, keep))?;
    let lookup = Lookup::of_this_process(Some(config_file.clone()), &program.environment);
    let config = lookup.load().map_err(|error| told("the demonstration's configuration can't be read", &error))?;
    for customer in config.customers.values() {
        std::fs::create_dir_all(&customer.folder).map_err(|error| told("a drop folder can't be made", &error))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let embedded = daemon::embedded_of(&config, &clock).map_err(|error| start_failure(&error))?;
    let switch = Arc::new(Switched { behind: Arc::clone(&embedded), off: AtomicBool::new(false) });
    let stop = CancellationToken::new();
    let parts = Parts {
        config: Arc::new(config.clone()),
        lookup,
        clock,
        registrar: Some((switch.clone(), Some(embedded))),
        stop: stop.clone(),
        once: false,
        actor: Actor::of_this_process(program.environment.sudo_uid),
        file_events: !program.environment.no_file_events,
    };
    let runtime = runtime()?;
    let (ready, is_ready) = oneshot::channel();
    let running = runtime.spawn_blocking({
        let handle = runtime.handle().clone();
        move || handle.block_on(daemon::run(parts, Some(ready)))
    });
    let started = runtime.block_on(is_ready).is_ok();
    let scene = Scene { root, config, config_file, switch };
    let shown = if started { scene.play(output) } else { Ok(()) };
    if keep && shown.is_ok() && started {
        if let Some(page) = scene.page()? {
            print(output, format_args!("The web page: {page}"))?;
        }
        print(output, "The daemon goes on running. Drop files, and stop it with Ctrl+C.")?;
        output.flush().map_err(|error| unprinted(&error))?;
    } else {
        stop.cancel();
    }
    let end = runtime.block_on(running).map_err(|error| told("the daemon broke down", &error))?;
    let end = end.map_err(|error| start_failure(&error))?;
    shown?;
    Ok(if end == End::Stopped { Exit::Done } else { Exit::Unable })
}

/// The embedded registrar behind a switch.
#[derive(Debug)]
struct Switched {
    behind: Arc<Embedded>,
    off: AtomicBool,
}

impl Registrar for Switched {
    fn kind(&self) -> &'static str {
        self.behind.kind()
    }

    fn target(&self) -> &str {
        self.behind.target()
    }

    fn capacity(&self) -> Capacity {
        self.behind.capacity()
    }

    fn register(
        &self,
        ids: CallIds,
        requests: Vec<devicedrop_core::registrar::Request>,
    ) -> Answering<'_, Result<Vec<RegistrarAnswer>, Trouble>> {
        if self.off.load(Ordering::SeqCst) {
            let why = "the registrar is switched off for this demonstration".to_owned();
            let verdict = Verdict::Deferred { why, retry_after: None };
            let answers = requests.iter().map(|_| RegistrarAnswer::bare(verdict.clone())).collect();
            return Box::pin(async move { Ok(answers) });
        }
        self.behind.register(ids, requests)
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        self.behind.inquire(questions)
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        self.behind.activity(after, limit)
    }
}

/// The folder, and what is played in it.
struct Scene {
    root: PathBuf,
    config: Config,
    config_file: PathBuf,
    switch: Arc<Switched>,
}

impl Scene {
    fn play(&self, output: &mut Output) -> Result<(), Failure> {
        let drop_folder = |customer: &str| self.root.join("drop").join(customer);
        print(output, format_args!("devicedrop runs in {}", self.root.display()))?;
        print(output, "Two customers drop files: contoso, who is answered in English, and fabrikam, in Dutch.\n")?;
        let inventory = self.root.join("inventory.csv");
        write(&inventory, INVENTORY)?;
        self.ask(&Request::RegistryImport { files: vec![inventory] })?;

        let order = drop_folder("contoso").join("PO-4711");
        std::fs::create_dir_all(&order).map_err(|error| told("a folder can't be made", &error))?;
        drop_file(&order.join("laptops.csv"), LAPTOPS)?;
        drop_file(&drop_folder("contoso").join("export.csv"), EXPORT)?;
        wait_for_result(&order.join("laptops.result.csv"))?;
        wait_for_result(&drop_folder("contoso").join("export.result.csv"))?;
        self.wait_until_done()?;

        drop_file(&drop_folder("contoso").join("again.csv"), AGAIN)?;
        drop_file(&drop_folder("fabrikam").join("levering.csv"), LEVERING)?;
        wait_for_result(&drop_folder("contoso").join("again.result.csv"))?;
        wait_for_result(&drop_folder("fabrikam").join("levering.result.csv"))?;
        self.wait_until_done()?;
        self.show(output, "export.csv has the columns of another tool", "contoso/export.csv")?;
        self.show(output, "again.csv has a device that contoso has already", "contoso/again.csv")?;
        self.show(output, "levering.csv asks for a device that contoso has", "fabrikam/levering.csv")?;

        self.switch.off.store(true, Ordering::SeqCst);
        drop_file(&drop_folder("contoso").join("late.csv"), LATE)?;
        wait_for_result(&drop_folder("contoso").join("late.result.csv"))?;
        self.show(output, "late.csv came while the registrar was switched off", "contoso/late.csv")?;
        self.wait_until_done()?;
        self.show(
            output,
            "late.csv, given up after ten tries (set to seconds here, a day by default)",
            "contoso/late.csv",
        )?;
        self.switch.off.store(false, Ordering::SeqCst);

        let now = SystemClock.now();
        self.check_in("F14-000872", now)?;
        self.check_in("F14-000873", now.minus(Duration::from_hours(8 * 24)))?;
        self.wait_for_silence()?;
        self.ask(&Request::Result { path: order.join("laptops.csv") })?;
        self.show(
            output,
            "laptops.csv, some days on: one laptop in use, one unused for over a week",
            "contoso/PO-4711/laptops.csv",
        )?;
        self.farewell(output)
    }

    fn farewell(&self, output: &mut Output) -> Result<(), Failure> {
        let config = self.config_file.display();
        print(output, "Where everything is:")?;
        print(output, format_args!("  drop folders  {}", self.root.join("drop").display()))?;
        print(output, format_args!("  ledger        {}", self.config.ledger.path.display()))?;
        print(output, format_args!("  originals     {}", self.config.ledger.originals.display()))?;
        print(output, format_args!("  configuration {config}\n"))?;
        print(output, "What to try next:")?;
        print(output, format_args!("  devicedrop --config {config} history F14-000873"))?;
        print(output, format_args!("  devicedrop --config {config} devices"))?;
        print(output, format_args!("  devicedrop --config {config} retry --error unexpected_error"))?;
        print(output, format_args!("  sqlite3 'file:{}?mode=ro' .tables", self.config.ledger.path.display()))?;
        print(output, "  devicedrop demo --keep    to drop files of your own")?;
        print(output, "  devicedrop init DIR       to begin for real\n")
    }

    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let client = Client::connect(&self.config.control_socket())
            .map_err(|error| told("the daemon can't be reached", &error))?
            .ok_or_else(|| failure("the daemon has gone", Vec::new(), None))?;
        client.ask(request, |_| {}).map_err(|error| told("the daemon refused a command", &error))
    }

    /// The address of the web page.
    fn page(&self) -> Result<Option<String>, Failure> {
        Ok(match self.ask(&Request::Status)? {
            Answer::Status(status) => status.web,
            _ => None,
        })
    }

    fn check_in(&self, serial_number: &str, at: Timestamp) -> Result<(), Failure> {
        let device = Device {
            manufacturer: "Fabrikam Devices".to_owned(),
            model: "Falcon 14".to_owned(),
            serial_number: serial_number.to_owned(),
        };
        self.ask(&Request::RegistryCheckIn { devices: Devices::One(device), at: Some(at) }).map(drop)
    }

    /// Waits until no row is pending and no result is owed.
    fn wait_until_done(&self) -> Result<(), Failure> {
        wait("the rows to be registered", || {
            let Answer::Status(status) = self.ask(&Request::Status)? else { return Ok(false) };
            Ok(status.queue.pending == 0 && status.queue.results_owed == 0)
        })
    }

    /// Waits until the device that wasn't seen for long counts as inactive.
    fn wait_for_silence(&self) -> Result<(), Failure> {
        let path = self.root.join("drop/contoso/PO-4711/laptops.csv");
        wait("a device to become inactive", || {
            self.ask(&Request::Result { path: path.clone() })?;
            let text = std::fs::read_to_string(path.with_file_name("laptops.result.csv"))
                .map_err(|error| told("a result file can't be read", &error))?;
            Ok(text.contains("Inactive") && text.contains("Active"))
        })
    }

    /// Shows a result file as a table.
    fn show(&self, output: &mut Output, what: &str, file: &str) -> Result<(), Failure> {
        let result = format!("{}.result.csv", file.trim_end_matches(".csv"));
        let path = self.root.join("drop").join(&result);
        let bytes = std::fs::read(&path).map_err(|error| told("a result file can't be read", &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        let delimiter = if text.lines().next().is_some_and(|line| line.contains(';')) { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let unread = |error: csv::Error| told("a result file can't be read", &error);
        let headings: Vec<String> = reader.headers().map_err(unread)?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(record.map_err(unread)?.iter().map(str::to_owned).collect());
        }
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        print(output, format_args!("{what}. Its answer is {result}:"))?;
        output.table(&headings, &rows).and_then(|()| output.line("")).map_err(|error| unprinted(&error))
    }
}

/// Looks until it is so.
fn wait(what: &str, mut is_so: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let began = SystemClock.elapsed();
    while !is_so()? {
        if SystemClock.elapsed().saturating_sub(began) > PATIENCE {
            return Err(failure(format!("the demonstration waited in vain for {what}"), Vec::new(), None));
        }
        std::thread::park_timeout(LOOK);
    }
    Ok(())
}

fn configuration(root: &Path, page: bool) -> String {
    let root = toml_edit::Value::from(root.display().to_string());
    let state = toml_edit::Value::from(format!("{}/state", root.as_str().unwrap_or_default()));
    let at = |value: &toml_edit::Value, rest: &str| format!("\"{}/{rest}\"", value.as_str().unwrap_or_default());
    format!(
        "# The demonstration's configuration: short times, so that all is seen at once.\n\
         support = \"support@example.com\"\n\n\
         [drop]\nroot = {drop}\ncustomers = \"configured\"\nsettle = \"200ms\"\nsettle_unsure = \"500ms\"\n\
         rescan = \"2s\"\nreserve = \"64MiB\"\n\n\
         [ledger]\npath = {ledger}\noriginals = {originals}\n\n\
         [results]\nrefresh = \"500ms\"\n\n\
         [registrar]\nkind = \"embedded\"\n\n\
         [registrar.retry]\nfirst = \"100ms\"\nlongest = \"200ms\"\ngive_up_after = \"1s\"\n\n\
         [registrar.embedded]\npath = {registry}\ninventory = \"required\"\n\n\
         [lifecycle]\npoll = \"1s\"\n\n\
         [web]\nlisten = \"{listen}\"\n\n\
         [customers.contoso]\nname = \"Contoso\"\nlocale = \"en\"\n\n\
         [customers.fabrikam]\nname = \"Fabrikam\"\nlocale = \"nl\"\n",
        // Any port that is free: another daemon may have the usual one.
        listen = if page { "127.0.0.1:0" } else { "off" },
        drop = at(&root, "drop"),
        ledger = at(&state, "ledger.db"),
        originals = at(&state, "originals"),
        registry = at(&state, "registry.db"),
    )
}

/// A new folder in the system's temporary one, for this user alone.
fn new_folder() -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name: String = random
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect();
    let path = std::env::temp_dir().join(format!("devicedrop-demo-{name}"));
    std::fs::DirBuilder::new().mode(0o700).create(&path)?;
    path.canonicalize()
}

/// Drops a file as a careful sender does: written under another name, then renamed.
#[expect(clippy::disallowed_methods, reason = "this plays a sender, who has no use for durability")]
fn drop_file(path: &Path, text: &str) -> Result<(), Failure> {
    let aside = path.with_extension("csv.part");
    write(&aside, text)?;
    std::fs::rename(&aside, path).map_err(|error| told("a file can't be dropped", &error))
}

#[expect(clippy::disallowed_methods, reason = "this plays a sender, who has no use for durability")]
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| told("a file can't be written", &error))
}

fn print(output: &mut Output, text: impl std::fmt::Display) -> Result<(), Failure> {
    output.line(text).map_err(|error| unprinted(&error))
}

fn wait_for_result(path: &Path) -> Result<(), Failure> {
    wait("a result file", || Ok(path.exists()))
}

fn unprinted(error: &io::Error) -> Failure {
    told("can't print", error)
}

fn told(message: &str, error: &dyn std::error::Error) -> Failure {
    let mut because = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        because.push(next.to_string());
        cause = next.source();
    }
    failure(message, because, None)
}
