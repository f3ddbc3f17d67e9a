//! The happy path of many rows through a variant's tables, and what it cost: one thread, nothing but SQLite.
//!
//! Rows are made outside of the timers; everything from BEGIN to COMMIT is inside.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::{Connection, params};

use super::data::{mix, serial};
use super::tables;
use super::variant::{Serial, Variant};

/// Rows of one accepting transaction, and of one request to a registrar.
const ACCEPT: u64 = 10_000;
const CALL: usize = 2_000;

/// Rows of one file; with the word `first`, a file has all of them.
const FILE: u64 = 100_000;

/// After so many rows a line is printed, so that growth shows.
const STEP: u64 = 1_000_000;

/// What loading cost, for each row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) cpu_ns: u128,
    pub(super) accept_ns: u128,
    pub(super) call_ns: u128,
    pub(super) tenths_of_bytes: u64,
}

/// Times of one stretch.
#[derive(Default, Clone, Copy)]
struct Spent {
    rows: u64,
    cpu: Duration,
    accept: Duration,
    call: Duration,
}

impl Spent {
    fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            cpu: self.cpu + other.cpu,
            accept: self.accept + other.accept,
            call: self.call + other.call,
        }
    }

    fn a_row(&self, time: Duration) -> u128 {
        time.as_nanos() / u128::from(self.rows.max(1))
    }
}

/// Fills an empty database.
pub(super) fn load(db: &Connection, variant: &Variant, rows: u64, out: &mut impl Write) -> Result<Cost> {
    prepare(db, variant)?;
    let mut loader = Loader { db, variant, last: 0, block: 0, at: 1_760_000_000_000, open: Vec::new() };
    let file = if variant.has("first") { rows } else { FILE };
    let (mut all, mut step, mut done) = (Spent::default(), Spent::default(), 0);
    while done < rows {
        let spent = loader.file(done, file.min(rows - done))?;
        done += spent.rows;
        step = step.plus(spent);
        all = all.plus(spent);
        if step.rows >= STEP && rows > STEP {
            let cpu = step.a_row(step.cpu);
            writeln!(out, "    {done:>9} rows: cpu {cpu} ns a row of the last {}", step.rows)?;
            step = Spent::default();
        }
    }
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    if let Some(statistics) = tables::statistics(variant.serial) {
        db.execute_batch(&format!("ANALYZE sqlite_schema; {statistics}"))?;
    }
    let bytes: i64 =
        db.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| row.get(0))?;
    Ok(Cost {
        cpu_ns: all.a_row(all.cpu),
        accept_ns: all.a_row(all.accept),
        call_ns: all.a_row(all.call),
        tenths_of_bytes: u64::try_from(bytes)? * 10 / rows,
    })
}

fn prepare(db: &Connection, variant: &Variant) -> Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(&format!(
        "PRAGMA page_size = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;
         PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = {}; PRAGMA recursive_triggers = ON; PRAGMA foreign_keys = {};",
        variant.page_kib * 1_024,
        40_000 / variant.page_kib, // 40 MB between checkpoints, whatever the page
        variant.has("foreign-keys"),
    ))?;
    Ok(db.execute_batch(&tables::schema(variant))?)
}

struct Loader<'a> {
    db: &'a Connection,
    variant: &'a Variant,
    /// The last entry's number.
    last: i64,
    block: i64,
    at: i64,
    /// Registrations under way, with their attempts.
    open: Vec<(i64, i64)>,
}

impl Loader<'_> {
    fn entry(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    fn begin(&self) -> Result<()> {
        Ok(self.db.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self) -> Result<()> {
        self.block += 1;
        self.at += 7;
        let number = u64::try_from(self.block)?;
        let hash: Vec<u8> = (0..4).flat_map(|part| mix(number * 4 + part).to_le_bytes()).collect();
        let mut insert = self.db.prepare_cached("INSERT INTO block VALUES (?, ?, ?, ?)")?;
        insert.execute(params![self.block, self.last, self.at, hash])?;
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Accepts one file and registers its rows.
    fn file(&mut self, from: u64, rows: u64) -> Result<Spent> {
        let submission = self.entry();
        self.db.execute(
            "INSERT INTO submission VALUES (?, ?, ?)",
            params![submission, submission % 50 + 1, format!("file-{submission}.csv")],
        )?;
        let (mut spent, mut ids, mut done) = (Spent { rows, ..Spent::default() }, Vec::new(), 0);
        while done < rows {
            let serials: Vec<String> = (from + done..from + rows.min(done + ACCEPT)).map(serial).collect();
            let (began, cpu_before) = (Instant::now(), cpu()?);
            ids.extend(self.accept(submission, i64::try_from(done)? + 2, &serials)?);
            spent.accept += began.elapsed();
            spent.cpu += cpu()?.saturating_sub(cpu_before);
            done += ACCEPT;
        }
        let (began, cpu_before) = (Instant::now(), cpu()?);
        for batch in ids.chunks(CALL) {
            self.call(batch)?;
        }
        self.call(&[])?;
        spent.call = began.elapsed();
        spent.cpu += cpu()?.saturating_sub(cpu_before);
        Ok(spent)
    }

    /// One accepting transaction. Returns the registrations.
    fn accept(&mut self, submission: i64, line: i64, serials: &[String]) -> Result<Vec<i64>> {
        self.begin()?;
        let (db, kind, early) = (self.db, self.variant.serial, self.variant.has("early"));
        let first = self.last + 1;
        let mut rows: Vec<(i64, &String)> = (line..).zip(serials).collect();
        if self.variant.has("sorted") {
            rows.sort_unstable_by_key(|(_, serial)| *serial);
        }
        let more = if kind.is_stored() { ", ?7" } else { "" };
        let mut insert = db.prepare_cached(&format!(
            "INSERT INTO registration VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, NULL{more})"
        ))?;
        let mut present = db.prepare_cached(
            "INSERT INTO present(registration, state, error, entry, attempts) VALUES (?1, 1, NULL, ?1, 0)",
        )?;
        for (line, serial) in &rows {
            let id = self.entry();
            let maker = line % 40 + 1;
            match kind {
                Serial::Stored(shift) => {
                    insert.execute(params![id, submission, line, maker, maker, serial, id >> shift])?
                }
                Serial::Block => {
                    insert.execute(params![id, submission, line, maker, maker, serial, self.block + 1])?
                }
                _ => insert.execute(params![id, submission, line, maker, maker, serial])?,
            };
            if early {
                present.execute([id])?;
            }
        }
        if kind == Serial::Runs {
            let mut run: Vec<(&String, i64)> = rows.iter().map(|(_, serial)| *serial).zip(first..).collect();
            run.sort_unstable();
            let mut insert = db.prepare_cached("INSERT INTO serial VALUES (?, ?, ?)")?;
            for (serial, id) in run {
                insert.execute(params![self.block + 1, serial, id])?;
            }
        }
        db.prepare_cached("INSERT INTO range VALUES (?, ?, ?)")?.execute([submission, first, self.last])?;
        self.commit()?;
        Ok((first..=self.last).collect())
    }

    /// One transaction: how the rows under way ended, and the intents for the next ones.
    fn call(&mut self, next: &[i64]) -> Result<()> {
        self.begin()?;
        let db = self.db;
        for (registration, attempt) in std::mem::take(&mut self.open) {
            self.end(registration, attempt)?;
        }
        if !next.is_empty() {
            let call = self.entry();
            let request = format!("{:032x}", u128::from(mix(u64::try_from(call)?)) << 64);
            db.prepare_cached("INSERT INTO call VALUES (?, ?, 1, ?, ?)")?
                .execute(params![call, self.at, request, request])?;
            let mut insert = db.prepare_cached("INSERT INTO attempt VALUES (?, ?, ?, 1)")?;
            for registration in next {
                let attempt = self.entry();
                insert.execute([attempt, call, *registration])?;
                self.open.push((*registration, attempt));
            }
        }
        self.commit()
    }

    /// How one row ended: one in 25 failed.
    fn end(&mut self, registration: i64, attempt: i64) -> Result<()> {
        let id = self.entry();
        let error = mix(u64::try_from(id)?).is_multiple_of(25).then_some(2);
        let state = if error.is_some() { 2 } else { 3 };
        if self.variant.has("only") {
            let mut insert = self.db.prepare_cached(
                "INSERT INTO present(registration, state, error, entry, attempts, attempt, at)
                 VALUES (?, ?, ?, ?, 1, ?, ?)",
            )?;
            insert.execute(params![registration, state, error, id, attempt, self.at])?;
            return Ok(());
        }
        let mut outcome = self.db.prepare_cached(
            "INSERT INTO outcome(id, attempt, at, outcome, error, holder, detail, request_id, answer)
             VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)",
        )?;
        outcome.execute(params![id, attempt, self.at, if error.is_some() { 3 } else { 1 }, error])?;
        let mut present = self.db.prepare_cached(if self.variant.has("early") {
            "UPDATE present SET state = ?2, error = ?3, entry = ?4, attempts = 1 WHERE registration = ?1"
        } else {
            "INSERT INTO present(registration, state, error, entry, attempts) VALUES (?, ?, ?, ?, 1)"
        })?;
        present.execute(params![registration, state, error, id])?;
        Ok(())
    }
}

/// How long this thread ran so far; waiting for the disk and for other processes isn't in it.
fn cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().context("an empty schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}
