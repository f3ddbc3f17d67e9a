//! Files, folders, results and files aside swapped for links under a running daemon, some hundred thousand times: what
//! the links lead to must never be read, written, or turn up anywhere.
//!
//! The same swapping is run against ways of opening by path first: a race that leaks nothing there would show nothing.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use devicedrop::beneath;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::canary::{self, Canaries, sings};
use crate::env::TestEnv;
use crate::process::Daemon;
use crate::under_test::UnderTest;

/// Files that are swapped in the drop folder.
const FILES: usize = 6;

/// Swaps of one name in a row; then it lies still while the others have their turn.
const BURST: u64 = 20;

/// So long everything lies still between two rounds, so that something has the time to be found settled.
const STILL: Duration = Duration::from_millis(4);

/// What part of the swaps the ways of opening by path are tried with: one in so many.
const TEETH_SHARE: u64 = 10;

const HOSTILE: &str = "contoso";
const TURNED: &str = "adatum";
const VICTIM: &str = "fabrikam";

/// A race of so many swaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Race {
    /// How many swaps in all.
    pub swaps: u64,
}

impl Race {
    /// Runs it, and says what came of it.
    pub fn run(self, daemon: &UnderTest, out: &mut dyn Write) -> Result<()> {
        teeth(self.swaps / TEETH_SHARE, out)?;
        under_the_daemon(self.swaps, daemon, out)
    }
}

/// Two places whose contents change places, in one step.
struct Pair {
    here: PathBuf,
    there: PathBuf,
    swapped: bool,
}

impl Pair {
    fn new(here: PathBuf, there: PathBuf) -> Self {
        Self { here, there, swapped: false }
    }

    fn swap(&mut self) -> Result<()> {
        renameat_with(CWD, &self.here, CWD, &self.there, RenameFlags::EXCHANGE)
            .with_context(|| format!("can't swap {}", self.here.display()))?;
        self.swapped = !self.swapped;
        Ok(())
    }

    fn burst(&mut self) -> Result<u64> {
        for _ in 0..BURST {
            self.swap()?;
        }
        // Every other time it is left as the link.
        self.swap()?;
        Ok(BURST + 1)
    }

    /// Where the file is now that isn't the link.
    fn real(&self) -> &Path {
        if self.swapped { &self.there } else { &self.here }
    }

    fn put_back(&mut self) -> Result<u64> {
        if self.swapped {
            self.swap()?;
            return Ok(1);
        }
        Ok(0)
    }
}

fn csv(serial: &str) -> String {
    format!("Manufacturer,Model,Serial Number\nContoso,Book,{serial}\n")
}

/// Tries ways of opening against the same swapping, for as long as it goes on.
fn teeth(swaps: u64, out: &mut dyn Write) -> Result<()> {
    let place = tempfile::Builder::new().prefix("devicedrop-race-").tempdir()?;
    let top = place.path().canonicalize()?;
    let drop_folder = top.join("drop");
    fs::create_dir(&drop_folder)?;
    let secret = top.join("secret.csv");
    fs::write(&secret, csv(canary::SONG))?;
    fs::write(drop_folder.join("a.csv"), csv("good"))?;
    symlink(&secret, top.join("link"))?;
    let mut pair = Pair::new(drop_folder.join("a.csv"), top.join("link"));
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = [Way::Open, Way::LookThenOpen, Way::Beneath]
        .map(|way| {
            let (stop, folder) = (Arc::clone(&stop), drop_folder.clone());
            thread::spawn(move || way.try_until(&stop, &folder))
        })
        .into();
    let mut done = 0;
    let shown = || [Way::Open, Way::LookThenOpen].iter().all(|way| way.leaks().load(Ordering::Relaxed) > 0);
    // On a busy machine the readers may hardly have run.
    while done < swaps || (!shown() && done < swaps.saturating_mul(100)) {
        done += pair.burst()?;
    }
    stop.store(true, Ordering::Relaxed);
    for (reader, way) in readers.into_iter().zip([Way::Open, Way::LookThenOpen, Way::Beneath]) {
        let (tries, leaks) = reader.join().map_err(|_| anyhow!("a reader panicked"))??;
        writeln!(out, "race: {done} swaps, {}: {leaks} leaks in {tries} tries", way.told())?;
        ensure!(tries > 0, "{} was never tried", way.told());
        ensure!((leaks > 0) != (way == Way::Beneath), "{}: {leaks} leaks: the race shows nothing", way.told());
    }
    Ok(())
}

/// A way of opening a file that lies in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By its path.
    Open,
    /// By its path, after a look at what it is.
    LookThenOpen,
    /// As devicedrop does.
    Beneath,
}

impl Way {
    fn told(self) -> &'static str {
        match self {
            Self::Open => "opened by path",
            Self::LookThenOpen => "looked at, then opened by path",
            Self::Beneath => "opened as devicedrop does",
        }
    }

    /// How often the secret was read this way.
    fn leaks(self) -> &'static AtomicU64 {
        static OPEN: AtomicU64 = AtomicU64::new(0);
        static LOOK_THEN_OPEN: AtomicU64 = AtomicU64::new(0);
        static BENEATH: AtomicU64 = AtomicU64::new(0);
        match self {
            Self::Open => &OPEN,
            Self::LookThenOpen => &LOOK_THEN_OPEN,
            Self::Beneath => &BENEATH,
        }
    }

    fn try_until(self, stop: &AtomicBool, folder: &Path) -> Result<(u64, u64)> {
        let path = folder.join("a.csv");
        let descriptor = beneath::open_path(folder)?;
        let mut tries = 0;
        while !stop.load(Ordering::Relaxed) {
            let read = match self {
                Self::Open => fs::read(&path).ok(),
                Self::LookThenOpen if fs::symlink_metadata(&path)?.is_file() => fs::read(&path).ok(),
                Self::LookThenOpen => None,
                Self::Beneath => beneath::open_file(descriptor.as_fd(), b"a.csv").ok().and_then(|mut file| {
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut file, &mut bytes).ok().map(|_| bytes)
                }),
            };
            tries += 1;
            if read.is_some_and(|bytes| sings(&bytes)) {
                self.leaks().fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok((tries, self.leaks().load(Ordering::Relaxed)))
    }
}

/// What is swapped under the daemon.
struct Swapper {
    pairs: Vec<Pair>,
    drop_folder: PathBuf,
    aside: PathBuf,
    canary: PathBuf,
    serial: u64,
    swaps: u64,
    results: u64,
    asides: u64,
}

impl Swapper {
    fn new(env: &TestEnv, outside: &Path) -> Result<Self> {
        let (drop_folder, aside) = (env.root().join(HOSTILE), env.path("swap"));
        fs::create_dir(&aside)?;
        let mut pairs = Vec::new();
        for index in 0..FILES {
            let (here, there) = (drop_folder.join(format!("a{index}.csv")), aside.join(format!("a{index}.csv")));
            fs::write(&here, csv(&format!("first-{index}")))?;
            symlink(outside.join("a.csv"), &there)?;
            pairs.push(Pair::new(here, there));
        }
        let folders = [
            (drop_folder.join("PO-1"), outside.join("PO-1")),
            (drop_folder.join("PO-2"), env.root().join(VICTIM)),
            (env.root().join(TURNED), env.root().join(VICTIM)),
        ];
        for (here, target) in folders {
            fs::create_dir_all(&here)?;
            let name = here.file_name().context("a name")?;
            fs::write(here.join("a.csv"), csv(&format!("first-{}", name.display())))?;
            symlink(target, aside.join(name))?;
            pairs.push(Pair::new(here.clone(), aside.join(name)));
        }
        Ok(Self {
            pairs,
            drop_folder,
            aside,
            canary: outside.join("secret.csv"),
            serial: 0,
            swaps: 0,
            results: 0,
            asides: 0,
        })
    }

    /// Everything is swapped in turn; then it lies still for a moment, but for what the daemon is about to name.
    fn round(&mut self) -> Result<()> {
        for pair in &mut self.pairs {
            self.swaps += pair.burst()?;
        }
        for index in 0..FILES {
            self.result(index)?;
        }
        self.renew()?;
        let until = Instant::now() + STILL;
        while Instant::now() < until {
            self.files_aside()?;
            thread::yield_now();
        }
        Ok(())
    }

    /// One of the files has another content from now on.
    fn renew(&mut self) -> Result<()> {
        self.serial += 1;
        let chosen = usize::try_from(self.serial)? % (FILES + 3);
        let pair = self.pairs.get(chosen).context("a pair")?;
        let real = if chosen < FILES { pair.real().to_owned() } else { pair.real().join("a.csv") };
        let new = self.aside.join("new");
        fs::write(&new, csv(&format!("serial-{}", self.serial)))?;
        Ok(fs::rename(new, real)?)
    }

    /// A result's name is given to a link, and back.
    fn result(&mut self, index: usize) -> Result<()> {
        let (name, link) = (self.drop_folder.join(format!("a{index}.result.csv")), self.aside.join("result"));
        symlink(&self.canary, &link)?;
        match renameat_with(CWD, &name, CWD, &link, RenameFlags::EXCHANGE) {
            // A link stands there, and what stood there is away; now back.
            Ok(()) => {
                renameat_with(CWD, &name, CWD, &link, RenameFlags::EXCHANGE)?;
                self.swaps += 2;
                self.results += 2;
            }
            Err(Errno::NOENT) => {
                renameat_with(CWD, &link, CWD, &name, RenameFlags::NOREPLACE).unwrap_or_default();
                self.swaps += 1;
                self.results += 1;
                fs::remove_file(&name)?;
            }
            Err(error) => return Err(error.into()),
        }
        fs::remove_file(&link).unwrap_or_default();
        Ok(())
    }

    /// Whatever the daemon has aside becomes a link.
    fn files_aside(&mut self) -> Result<()> {
        for entry in fs::read_dir(&self.drop_folder)? {
            let name = entry?.file_name();
            if !name.to_string_lossy().starts_with(".devicedrop-") {
                continue;
            }
            let (at, link) = (self.drop_folder.join(&name), self.aside.join("aside"));
            symlink(&self.canary, &link)?;
            if renameat_with(CWD, &at, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
                self.swaps += 1;
                self.asides += 1;
                // Whatever it is by now, it is the sender's.
                fs::remove_file(&at).unwrap_or_default();
            }
            fs::remove_file(&link).unwrap_or_default();
        }
        Ok(())
    }
}

fn under_the_daemon(swaps: u64, daemon: &UnderTest, out: &mut dyn Write) -> Result<()> {
    let mut env = TestEnv::new("/bin/false")?;
    env.set("drop.settle", "\"1ms\"")?.set("drop.rescan", "\"10ms\"")?.set_variable("DEVICEDROP_LOG", "info");
    let outside = env.path("outside");
    let canaries = Canaries::put_into(&outside)?;
    fs::create_dir(env.root().join(HOSTILE))?;
    env.drop_file(VICTIM, "theirs.csv", csv("theirs"))?;
    env.drop_file(VICTIM, "a.csv", csv("theirs-too"))?;
    let mut daemon = daemon.embedded(&env, None)?;
    daemon.wait_for_result(&env.root().join(VICTIM).join("theirs.result.csv"))?;
    daemon.wait_for_result(&env.root().join(VICTIM).join("a.result.csv"))?;
    let theirs = names(&env.root().join(VICTIM))?;
    let mut swapper = Swapper::new(&env, &outside)?;
    let began = Instant::now();
    while swapper.swaps < swaps {
        swapper.round()?;
    }
    let took = began.elapsed();
    for pair in &mut swapper.pairs {
        swapper.swaps += pair.put_back()?;
    }
    fence(&env, &mut daemon)?;
    let (code, log) = daemon.terminate()?;
    ensure!(code == 0, "the daemon ended with {code}");
    canaries.are_untouched()?;
    canary::none_sang(&env)?;
    if let Some(line) = log.iter().find(|line| sings(line.text.as_bytes())) {
        anyhow::bail!("a canary's content is in the log: {}", line.text);
    }
    ensure!(names(&env.root().join(VICTIM))? == theirs, "nothing is written into another customer's folder");
    let strayed = env.query(&format!(
        "SELECT customer, file, serial_number FROM audit_registrations
         WHERE customer <> '{VICTIM}' AND serial_number LIKE 'theirs%' OR customer = '{VICTIM}' AND serial_number NOT LIKE 'theirs%'"
    ))?;
    ensure!(strayed.is_empty(), "rows of one customer were taken as another's: {strayed:?}");
    let count = |sql: &str| -> Result<i64> {
        env.query(sql)?.into_iter().flatten().next().and_then(|value| value.as_i64()).context("a number")
    };
    let taken = count(&format!("SELECT count(*) FROM audit_deliveries WHERE customer <> '{VICTIM}'"))?;
    let written = log.iter().filter(|line| line.message() == "result written").count();
    let Swapper { swaps, results, asides, .. } = swapper;
    writeln!(
        out,
        "race: {swaps} swaps in {:.1} s under the daemon, of them {results} of results and {asides} of files aside: \
         {taken} files taken, {written} results written, nothing outside read, written or told",
        took.as_secs_f64()
    )?;
    ensure!(taken > 20, "only {taken} files were taken: the race was none");
    ensure!(asides > 0, "no file aside was ever met: the race was none");
    Ok(())
}

/// By its answer everything that lay there before has been looked at.
fn fence(env: &TestEnv, daemon: &mut Daemon) -> Result<()> {
    for customer in [HOSTILE, TURNED] {
        let path = env.drop_file(customer, "fence.csv", csv(&format!("fence-{customer}")))?;
        daemon.wait_for_result(&path.with_file_name("fence.result.csv"))?;
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}
