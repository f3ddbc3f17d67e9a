//! How long ten rows of one customer wait behind others: the whole daemon in simulated time, with customers who bring
//! very many rows, one whose rows the registrar throttles, and shares that hang.
//!
//! The bound is the one that the operator's guide states. Nothing is left to chance here, and nobody is killed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop::blocking;
use devicedrop::clock::Clock;
use devicedrop::daemon;
use devicedrop::registrar::{Answering, Registrar};
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Question, Request, Trouble, Verdict,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Told;
use super::clock::wait;
use super::life;
use super::trace::Trace;
use super::world::{Stage, World};
use crate::env::TestEnv;

const FEW: &str = "few";
const THROTTLED: &str = "busy";

/// The rows of the customer who brings few.
const ROWS: usize = 10;

/// What each call takes.
const CALL: Duration = Duration::from_secs(1);

/// The settings of the place: the quiet time, and the time between two looks.
const SETTLE: Duration = Duration::from_secs(1);
const RESCAN: Duration = Duration::from_secs(2);

/// How many lanes look at once, and how long one that hangs counts among them: as the guide says.
const LANES: usize = 16;
const HELD: Duration = Duration::from_secs(2);

/// How exactly a time is measured here.
const LOOK: Duration = Duration::from_millis(250);

/// Who competes for the registrar, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crowd {
    /// Customers who bring many rows.
    pub(super) many: usize,
    /// The rows of each.
    pub(super) rows: usize,
    /// For how many seconds the registrar asks to be left alone whenever it meets a row of the one whom it throttles; 0
    /// without such a customer.
    pub(super) retry_after: u64,
    /// Customers whose shares hang.
    pub(super) hung: usize,
    /// Rows in one call.
    pub(super) batch: usize,
    /// Calls at the same time.
    pub(super) concurrency: usize,
}

impl Crowd {
    /// The most calls that begin until all of the few rows are in one.
    fn calls(&self) -> usize {
        let customers = self.many + usize::from(self.retry_after > 0) + 1;
        match self.batch / customers {
            0 => customers * ROWS.div_ceil(self.batch) + ROWS,
            each => ROWS.div_ceil(each),
        }
    }

    /// How long the few rows may wait from when they were dropped: until they are taken, until the call under way has
    /// ended, and for as many calls as that takes; the registrar may ask for rest after each of them.
    fn bound(&self) -> Result<Duration> {
        let calls = u32::try_from(self.calls() + 1)?;
        Ok(SETTLE + RESCAN + LOOK + (CALL + Duration::from_secs(self.retry_after)) * calls)
    }

    /// How long a start may take until the first file is taken, whichever lanes are the first.
    fn start(&self) -> Result<Duration> {
        Ok(SETTLE + RESCAN + LOOK + HELD * u32::try_from(self.hung.div_ceil(LANES))? + CALL)
    }
}

/// A registrar that takes its time, and throttles one customer.
#[derive(Debug)]
struct Tempo {
    crowd: Crowd,
    calls: AtomicU64,
}

impl Registrar for Tempo {
    fn kind(&self) -> &'static str {
        "tempo"
    }

    fn target(&self) -> &'static str {
        "tempo:"
    }

    fn capacity(&self) -> Capacity {
        Capacity {
            batch: self.crowd.batch,
            concurrency: self.crowd.concurrency,
            idempotent: true,
            distinct_serials: false,
            rate: None,
        }
    }

    fn register(&self, _: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::Relaxed);
            wait(CALL).await;
            let verdict = |request: Request| match request.customer.as_str() {
                THROTTLED => Verdict::Deferred {
                    why: "429 Too Many Requests".to_owned(),
                    retry_after: Some(Duration::from_secs(self.crowd.retry_after)),
                },
                _ => Verdict::Registered { warning: None },
            };
            Ok(requests.into_iter().map(|request| Answer::bare(verdict(request))).collect())
        })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        Box::pin(async move { Ok(vec![Knowledge::Unknown; questions.len()]) })
    }

    fn activity(&self, after: u64, _: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        Box::pin(async move { Ok((Vec::new(), after)) })
    }
}

/// Runs it in this process, which is good for nothing else after that.
pub(super) fn run(crowd: Crowd) -> Result<Told> {
    let mut env = TestEnv::new("devicedrop")?;
    let seconds = |time: Duration| format!("\"{}s\"", time.as_secs());
    for key in ["drop.settle", "drop.settle_unsure"] {
        env.set(key, &seconds(SETTLE))?;
    }
    env.set("drop.rescan", &seconds(RESCAN))?;
    let mut hung = BTreeSet::new();
    for number in 0..crowd.hung {
        // Before all others, by their names.
        let folder = env.root().join(format!("away-{number}"));
        fs::create_dir(&folder)?;
        hung.insert(folder);
    }
    for number in 0..crowd.many {
        let customer = format!("big-{number}");
        env.drop_file(&customer, "many.csv", csv(&customer, crowd.rows)?)?;
    }
    if crowd.retry_after > 0 {
        env.drop_file(THROTTLED, "many.csv", csv(THROTTLED, crowd.rows)?)?;
    }
    let world = Arc::new(World::new(1, Trace::new(env.path("").display().to_string(), None)));
    world.be_orderly(hung);
    ensure!(blocking::simulate(Arc::new(Stage(Arc::clone(&world)))), "something is simulated here already");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let told = runtime.block_on(async {
        world.clock.begin();
        let registrar = Arc::new(Tempo { crowd, calls: AtomicU64::new(0) });
        let stop = CancellationToken::new();
        let given: Arc<dyn Registrar> = Arc::<Tempo>::clone(&registrar);
        let daemon = daemon::run(life::parts(&world, given, &stop, &env)?, None);
        tokio::select! {
            biased;
            end = daemon => anyhow::bail!("the daemon ended by itself: {end:?}"),
            told = wait_behind(crowd, &env, &world, &registrar) => told,
        }
    });
    // What still waits there, hung lanes too, ends with this process.
    runtime.shutdown_background();
    told
}

/// Drops the few rows when the others are under way, and waits for their end.
async fn wait_behind(crowd: Crowd, env: &TestEnv, world: &World, registrar: &Tempo) -> Result<Told> {
    let start = crowd.start()?;
    while registrar.calls.load(Ordering::Relaxed) == 0 {
        wait(LOOK).await;
        let passed = world.clock.elapsed();
        ensure!(passed <= start, "nothing was sent within {passed:?} of the start, {start:?} at most");
    }
    while registrar.calls.load(Ordering::Relaxed) < 3 {
        wait(LOOK).await;
    }
    env.drop_file(FEW, "few.csv", csv(FEW, ROWS)?)?;
    let (dropped, bound) = (world.clock.elapsed(), crowd.bound()?);
    let ready = format!("SELECT 1 FROM audit_submissions WHERE customer = '{FEW}' AND ready = {ROWS}");
    while env.query(&ready)?.is_empty() {
        wait(LOOK).await;
        let passed = world.clock.elapsed().saturating_sub(dropped);
        ensure!(passed <= bound, "ten rows wait for {passed:?} behind others, {bound:?} at most");
    }
    let waited = world.clock.elapsed().saturating_sub(dropped);
    let pending = env.query("SELECT 1 FROM audit_submissions WHERE customer LIKE 'big-%' AND pending > 0")?;
    ensure!(pending.len() == crowd.many, "the others were done, and nobody waited behind them");
    Ok(Told { seconds: waited.as_secs(), calls: registrar.calls.load(Ordering::Relaxed), ..Told::default() })
}

fn csv(customer: &str, rows: usize) -> Result<String> {
    let mut text = String::from("Manufacturer,Model,Serial Number\n");
    for row in 0..rows {
        writeln!(text, "Contoso,Book,{customer}-{row}").context("a text")?;
    }
    Ok(text)
}
