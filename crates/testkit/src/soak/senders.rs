//! The senders of a soak: busy customers with files of all sizes, a quiet one whose waits are measured, one with a
//! small disk, and one who drops whatever hurts.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::ground::Ground;
use crate::campaign::Chance;

/// Devices of each customer: rows come again and again, so that what the registrar must remember ends growing, and
/// whatever grows on with the rows does so in the daemon.
const DEVICES: u64 = 20_000;

/// Answered files of one sender that lie on in his folder.
const LEFT_LYING: usize = 20;

/// How long an answer may take, faults and restarts included, before the soak fails.
const PATIENCE: Duration = Duration::from_mins(4);

/// A file, what its rows must come to, and where its answer comes.
struct Sent {
    path: PathBuf,
    rows: Vec<(String, bool)>,
}

impl Sent {
    /// A file of so many rows, one in twenty of them not valid.
    fn new(path: PathBuf, customer: &str, rows: u64, chance: &mut Chance) -> Self {
        let row = |chance: &mut Chance| match chance.below(20) {
            0 => (String::new(), false),
            _ => (format!("{customer}-{}", chance.below(DEVICES)), true),
        };
        Self { path, rows: (0..rows).map(|_| row(chance)).collect() }
    }

    fn text(&self) -> String {
        let mut text = "Manufacturer,Model,Serial Number\n".to_owned();
        for (serial, _) in &self.rows {
            text.extend(["SpiralOrbit,Book,", serial, "\n"]);
        }
        text
    }

    /// Puts it there as careful senders do. A disk that is full is tried again: that is its sender's affair.
    fn put(&self, ground: &Ground) -> Result<()> {
        let name = self.path.file_name().and_then(|name| name.to_str()).context("a name")?;
        let aside = self.path.with_file_name(format!(".{name}.part"));
        let began = Instant::now();
        loop {
            match fs::write(&aside, self.text()).and_then(|()| fs::rename(&aside, &self.path)) {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE => return Err(error).context("the file can't be dropped"),
                Err(_) => ground.until_the_next_look(),
            }
        }
    }

    fn result(&self) -> PathBuf {
        self.path.with_extension("result.csv")
    }

    /// Waits for the answer that is final, and looks whether each row is there and says what it must.
    fn is_answered(&self, ground: &Ground) -> Result<()> {
        let began = Instant::now();
        loop {
            ensure!(!ground.has_given_up(), "the soak ended before the answer came");
            let text = fs::read_to_string(self.result()).unwrap_or_default();
            match answers(&text) {
                Some(answers) if self.agrees(&answers) => return Ok(()),
                Some(answers) if began.elapsed() > PATIENCE => {
                    let wrong = self.rows.iter().zip(&answers).find(|(row, answer)| !agree(row, answer));
                    bail!("{}: {} of {} rows; {wrong:?}", self.path.display(), answers.len(), self.rows.len());
                }
                None if began.elapsed() > PATIENCE => bail!("{} isn't answered", self.path.display()),
                _ => ground.until_the_next_look(),
            }
        }
    }

    /// A result may still be the one of what lay here before: rows, serial numbers and states must all be these.
    fn agrees(&self, answers: &[Answered]) -> bool {
        answers.len() == self.rows.len() && self.rows.iter().zip(answers).all(|(row, answer)| agree(row, answer))
    }

    /// Takes away what lies there of it, as people tidy their folders.
    fn take_away(&self) {
        for path in [self.path.clone(), self.result(), self.path.with_extension("receipt.json")] {
            // What isn't there needn't go, and a folder that is read-only now keeps it.
            drop(fs::remove_file(path));
        }
    }
}

/// A row of a result: serial number, state, error.
type Answered = (String, String, String);

fn agree((serial, good): &(String, bool), (answered, state, error): &Answered) -> bool {
    let ready = ["ready_for_user", "active", "inactive"].contains(&state.as_str());
    serial == answered && if *good { ready } else { state == "registration_failed" && error == "row_not_valid" }
}

fn answers(text: &str) -> Option<Vec<Answered>> {
    let mut lines = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headings = lines.headers().ok()?.clone();
    let column = |name: &str| headings.iter().position(|heading| heading == name);
    let columns = [column("Serial Number")?, column("State")?, column("Error")?];
    let row = |row: csv::StringRecord| {
        let [serial, state, error] = columns.map(|at| row.get(at).unwrap_or_default().to_owned());
        (serial, state, error)
    };
    lines.into_records().map(|record| record.ok().map(row)).collect()
}

/// Drops files of all sizes, one after another, in all ways in which files come.
pub(super) fn busy(ground: &Ground, customer: &str, sender: u64, mut chance: Chance) -> Result<()> {
    let mut lying: VecDeque<Sent> = VecDeque::new();
    for number in 0_u64.. {
        if !ground.goes_on() {
            return Ok(());
        }
        let folder = if number % 4 == 3 { format!("PO-{sender}") } else { String::new() };
        let folder = ground.env.root().join(customer).join(folder);
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{customer}-{sender}-{number}.csv"));
        let rows = match chance.below(20) {
            0 => 1_000 + chance.below(ground.most_rows),
            1..=6 => 20 + chance.below(280),
            _ => 1 + chance.below(20),
        };
        if chance.below(5) == 0 {
            fs::write(path.with_extension("order.json"), format!("{{\"order_id\": \"O-{number}\"}}"))?;
        }
        let mut sent = Sent::new(path, customer, rows, &mut chance);
        sent.put(ground)?;
        sent.is_answered(ground)?;
        ground.answered(rows);
        match chance.below(8) {
            0 => sent.put(ground)?,
            1 => {
                drop(fs::remove_file(sent.path.with_extension("order.json")));
                sent = Sent::new(sent.path.clone(), customer, rows, &mut chance);
                sent.put(ground)?;
                sent.is_answered(ground)?;
                ground.answered(rows);
            }
            2 => {
                let moved = sent.path.with_extension("moved.csv");
                fs::rename(&sent.path, &moved)?;
                drop(fs::remove_file(sent.result()));
                drop(fs::remove_file(sent.path.with_extension("order.json")));
                sent.path = moved;
                sent.is_answered(ground)?;
            }
            _ => {}
        }
        lying.push_back(sent);
        if lying.len() > LEFT_LYING
            && let Some(old) = lying.pop_front()
        {
            drop(fs::remove_file(old.path.with_extension("order.json")));
            old.take_away();
        }
        ground.rest(Duration::from_millis(chance.below(ground.pause)));
    }
    Ok(())
}

/// Drops a file of three rows at a time, and measures how long its answer takes.
pub(super) fn quiet(ground: &Ground, customer: &str, mut chance: Chance) -> Result<()> {
    let folder = ground.env.root().join(customer);
    fs::create_dir_all(&folder)?;
    let mut last: Option<Sent> = None;
    for number in 0_u64.. {
        if !ground.goes_on() {
            return Ok(());
        }
        let sent = Sent::new(folder.join(format!("quiet-{number}.csv")), customer, 3, &mut chance);
        let calm = ground.weather();
        let began = Instant::now();
        sent.put(ground)?;
        sent.is_answered(ground)?;
        let took = began.elapsed();
        ground.answered(3);
        ground.waited(took, calm);
        // One step behind: what goes away at once could be taken for a file that never was.
        if let Some(old) = last.replace(sent) {
            old.take_away();
        }
        ground.rest(Duration::from_millis(200 + chance.below(300)));
    }
    Ok(())
}

/// The same for a customer whose disk fills up and turns read-only; nobody measures that.
pub(super) fn cramped(ground: &Ground, customer: &str, mut chance: Chance) -> Result<()> {
    let folder = ground.env.root().join(customer);
    for number in 0_u64.. {
        if !ground.goes_on() {
            return Ok(());
        }
        let rows = 1 + chance.below(40);
        let sent = Sent::new(folder.join(format!("cramped-{number}.csv")), customer, rows, &mut chance);
        sent.put(ground)?;
        sent.is_answered(ground)?;
        ground.answered(rows);
        // All of it: a receipt comes after its result, and so many of them would fill the disk for good.
        drop(tidy(&folder, &folder.join("cramped-.csv")));
        ground.rest(Duration::from_secs(1));
    }
    Ok(())
}

/// Drops what must not be taken, or is rejected, and takes it away again after a while.
pub(super) fn hostile(ground: &Ground, customer: &str, mut chance: Chance) {
    let folder = ground.env.root().join(customer);
    let mut lying = VecDeque::new();
    for number in 0_u64.. {
        if !ground.goes_on() {
            return;
        }
        let path = folder.join(format!("hostile-{number}.csv"));
        // The folder itself goes away and comes back: then the next one hurts.
        drop(one_that_hurts(&path, chance.below(11)));
        lying.push_back(path);
        if lying.len() > LEFT_LYING
            && let Some(old) = lying.pop_front()
        {
            drop(tidy(&folder, &old));
        }
        ground.rest(Duration::from_millis(chance.below(2 * ground.pause)));
    }
}

fn one_that_hurts(path: &Path, which: u64) -> Result<()> {
    const HEADINGS: &str = "Manufacturer,Model,Serial Number\n";
    match which {
        0 => symlink("/etc/passwd", path)?,
        1 => ensure!(Command::new("mkfifo").arg(path).stderr(Stdio::null()).status()?.success(), "mkfifo"),
        2 => fs::write(path, "")?,
        3 => fs::write(path, format!("{HEADINGS}a,b,\"never closed"))?,
        4 => fs::write(path, "PK\u{3}\u{4}no workbook either")?,
        5 => fs::write(path, format!("{HEADINGS}{}", ",".repeat(200_000)))?,
        6 => fs::write(path, format!("{HEADINGS}a,b,{}\n", "x".repeat(300_000)))?,
        7 => fs::write(path.with_extension("xlsx"), "no workbook")?,
        8 => fs::create_dir(path)?,
        9 => {
            fs::write(path, format!("{HEADINGS}a,b,c\n"))?;
            fs::hard_link(path, path.with_extension("second"))?;
        }
        _ => {
            let deep = path.with_extension("PO").join("deeper");
            fs::create_dir_all(&deep)?;
            fs::write(deep.join("too-deep.csv"), format!("{HEADINGS}a,b,c\n"))?;
        }
    }
    Ok(())
}

/// Takes away whatever lies there with the beginning of this name.
fn tidy(folder: &Path, path: &Path) -> Result<()> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_its = name
            .to_str()
            .and_then(|name| name.strip_prefix(stem))
            .is_some_and(|rest| rest.starts_with('.') || stem.ends_with('-'));
        if is_its && entry.file_type()?.is_dir() {
            drop(fs::remove_dir_all(entry.path()));
        } else if is_its {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}
