//! The program under load: built, started, looked at from outside, stopped.

use std::fmt;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often it is looked whether something came about.
const LOOK: Duration = Duration::from_millis(50);

/// A start, or a stop, that takes longer is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// Clock ticks of a second in `/proc`, on every Linux there is.
const TICKS: u64 = 100;

/// The daemon in its folder. Dropped, it is killed.
pub(super) struct Program {
    child: Child,
    binary: PathBuf,
    folder: PathBuf,
}

impl Program {
    pub(super) fn start(folder: &Path, binary: &Path) -> Result<Self> {
        let state = folder.join("state");
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&state)?;
        fs::create_dir_all(folder.join("drop"))?;
        fs::write(folder.join("devicedrop.toml"), configuration(folder))?;
        let log = fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let child = command(folder, binary).arg("run").stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut program = Self { child, binary: binary.to_owned(), folder: folder.to_owned() };
        let began = Instant::now();
        while std::os::unix::net::UnixStream::connect(state.join("control.sock")).is_err() {
            let ended = program.child.try_wait()?;
            ensure!(ended.is_none() && began.elapsed() < PATIENCE, "the daemon doesn't start: {}", program.log());
            std::thread::sleep(LOOK);
        }
        Ok(program)
    }

    /// Runs a command beside the daemon.
    pub(super) fn command(&self, words: &[&str], files: &[&Path]) -> Result<()> {
        let output = command(&self.folder, &self.binary).args(words).args(files).output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed: {told}", words.join(" "));
        Ok(())
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.folder.join("state/ledger.db")
    }

    /// Stops, and has the whole ledger verified: entries recomputed in a second, and the peak of memory in KiB.
    pub(super) fn stop_and_verify(self) -> Result<(u64, u64)> {
        let (folder, binary) = (self.folder.clone(), self.binary.clone());
        self.stop()?;
        let told = folder.join("verified.json");
        let mut child = command(&folder, &binary)
            .args(["ledger", "verify", "--json"])
            .stdout(fs::File::create(&told)?)
            .stderr(Stdio::null())
            .spawn()?;
        let mut peak = 0;
        let status = loop {
            // It is gone when the process has ended.
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let now =
                status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
            peak = peak.max(now.unwrap_or(0));
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        ensure!(status.success(), "the ledger isn't sound: {}", fs::read_to_string(&told)?);
        let told = fs::read_to_string(&told)?;
        let (_, rate) = told.split_once("\"entries_per_second\":").context("no rate")?;
        let rate = rate.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()?;
        Ok((rate, peak))
    }

    pub(super) fn stop(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").arg(&pid).status()?.success(), "process {pid} can't be told to stop");
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the daemon ended with {status}: {}", self.log());
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the daemon doesn't stop: {}", self.log());
            std::thread::sleep(LOOK);
        }
    }

    /// The end of its log.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    /// From here on, the peak is that of what follows.
    pub(super) fn forget_peak(&self) -> Result<()> {
        fs::write(self.proc("clear_refs"), "5").context("the kernel doesn't let go of the peak of memory")
    }

    /// Time on processors so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // Behind the name, which may hold anything, the user's and the system's time are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(") ").context("no name in stat")?;
        let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1_000 / TICKS))
    }

    /// How things stand with it now.
    pub(super) fn reading(&self) -> Result<Reading> {
        let status = fs::read_to_string(self.proc("status"))?;
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).with_context(|| format!("no {key}"))
        };
        let wal = fs::metadata(self.ledger().with_extension("db-wal")).map_or(0, |found| found.len());
        Ok(Reading {
            peak: number("VmHWM")?,
            threads: number("Threads")?,
            files: u64::try_from(fs::read_dir(self.proc("fd"))?.count())?,
            wal,
        })
    }
}

impl std::ops::Drop for Program {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How things stand with the program: the peaks of several readings, put together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// In KiB.
    pub(super) peak: u64,
    threads: u64,
    files: u64,
    wal: u64,
}

impl Reading {
    pub(super) fn max(&self, other: &Self) -> Self {
        Self {
            peak: self.peak.max(other.peak),
            threads: self.threads.max(other.threads),
            files: self.files.max(other.files),
            wal: self.wal.max(other.wal),
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peak, threads, files, wal } = self;
        write!(
            f,
            "peak memory {} MiB, WAL {} MiB, {threads} threads, {files} open files",
            peak.div_ceil(1024),
            wal.div_ceil(1024 * 1024)
        )
    }
}

fn command(folder: &Path, binary: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .env("DEVICEDROP_CONFIG", folder.join("devicedrop.toml"))
        .stdin(Stdio::null());
    command
}

/// The product's own settings, but for places, and for codes in the result files.
fn configuration(folder: &Path) -> String {
    let path = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    format!(
        "locale = \"code\"\n\
         [drop]\nroot = {}\ncustomers = \"folders\"\nsettle = \"{}s\"\nreserve = \"1MiB\"\n\
         [ledger]\npath = {}\noriginals = {}\n\
         [registrar]\nkind = \"embedded\"\n[registrar.embedded]\npath = {}\n\
         [web]\nlisten = \"off\"\n",
        path("drop"),
        super::SETTLE.as_secs(),
        path("state/ledger.db"),
        path("state/originals"),
        path("state/registry.db"),
    )
}
