//! The registrar of a simulation: the scripted one, with moods. It is slow, absent, refuses for a while, has effects of
//! which nobody hears, and gets some calls twice.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devicedrop::registrar::{Answering, Registrar};
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Question, Request, Trouble, Verdict,
};

use super::clock::wait;
use super::world::World;
use crate::campaign::Chance;
use crate::scripted::Scripted;

/// The scripted registrar in a mood.
pub(super) struct Moody {
    pub(super) inner: Scripted,
    world: Arc<World>,
    mood: Mutex<Mood>,
    /// Whether a call that arrives twice is answered as if it had come once.
    is_keyed: bool,
}

struct Mood {
    chance: Chance,
    /// Of a hundred calls, how many go wrong somehow.
    bad: u64,
    calls: u64,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Well,
    Unavailable,
    Broken,
    /// The effect is there, its answer isn't.
    AnswerLost,
    /// Neither is, and nobody can know.
    RequestLost,
    /// No effect, and some rows shall come back later.
    Throttled(u64),
    /// It arrives a second time.
    Twice,
    /// An answer that comes when nobody waits any more.
    TooLate,
}

impl Moody {
    pub(super) fn new(inner: Scripted, world: Arc<World>, seed: u64, is_keyed: bool) -> Self {
        let mood = Mood { chance: Chance::new(seed ^ 0x6d6f_6f64), bad: 0, calls: 0 };
        Self { inner, world, mood: Mutex::new(mood), is_keyed }
    }

    /// How many of a hundred calls go wrong from here on.
    pub(super) fn be(&self, bad: u64) {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner).bad = bad;
    }

    /// How many calls there were.
    pub(super) fn calls(&self) -> u64 {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    /// What becomes of the next call, and how long its way there and back takes.
    fn turn(&self) -> (Turn, Duration, Duration) {
        let mut mood = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        mood.calls += 1;
        let (bad, chance) = (mood.bad, &mut mood.chance);
        let longest = if chance.below(20) == 0 { 90_000 } else { 300 };
        let [there, back] = [(); 2].map(|()| Duration::from_millis(chance.below(longest)));
        if chance.below(100) >= bad {
            return (Turn::Well, there, back);
        }
        let turn = match chance.below(16) {
            0..4 => Turn::Unavailable,
            4 => Turn::Broken,
            5..8 => Turn::AnswerLost,
            8..10 => Turn::RequestLost,
            10..13 => Turn::Throttled(chance.below(120)),
            13..15 if self.is_keyed => Turn::Twice,
            _ => Turn::TooLate,
        };
        (turn, there, back)
    }

    /// The call is on its way. Never arrives from a process that is dead.
    async fn travel(&self, time: Duration) {
        wait(time).await;
        if !self.world.lives_on() {
            pending::<()>().await;
        }
    }
}

fn in_doubt(rows: usize, why: &str) -> Vec<Answer> {
    vec![Answer::bare(Verdict::InDoubt { why: why.to_owned() }); rows]
}

impl Registrar for Moody {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn target(&self) -> &str {
        self.inner.target()
    }

    fn capacity(&self) -> Capacity {
        self.inner.capacity()
    }

    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        Box::pin(async move {
            let (turn, there, back) = self.turn();
            let rows = requests.len();
            let serials: Vec<_> = requests.iter().map(|request| request.device.serial_number.as_str()).collect();
            self.world.say(&format!("REGISTER {turn:?} {serials:?}"));
            self.travel(there).await;
            let answers = match turn {
                Turn::Well => self.inner.register(ids, requests).await,
                Turn::Unavailable => Err(Trouble::Unavailable("503 Service Unavailable".to_owned())),
                Turn::Broken => Err(Trouble::Broken("401 invalid_client".to_owned())),
                Turn::RequestLost => Ok(in_doubt(rows, "connection reset by peer")),
                Turn::AnswerLost => {
                    drop(self.inner.register(ids, requests).await);
                    Ok(in_doubt(rows, "connection reset by peer"))
                }
                Turn::Throttled(seconds) => {
                    let retry_after = (seconds > 0).then(|| Duration::from_secs(seconds));
                    let why = "429 Too Many Requests".to_owned();
                    Ok(vec![Answer::bare(Verdict::Deferred { why, retry_after }); rows])
                }
                Turn::Twice => {
                    drop(self.inner.register(ids.clone(), requests.clone()).await);
                    self.inner.register(ids, requests).await
                }
                Turn::TooLate => {
                    drop(self.inner.register(ids, requests).await);
                    pending().await
                }
            };
            self.travel(back).await;
            answers
        })
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        Box::pin(async move {
            let (turn, there, back) = self.turn();
            self.world.say(&format!("INQUIRE {turn:?} {}", questions.len()));
            self.travel(there).await;
            let knowledge = match turn {
                Turn::Well | Turn::Twice => self.inner.inquire(questions).await,
                Turn::TooLate => pending().await,
                _ => Err(Trouble::Unavailable("503 Service Unavailable".to_owned())),
            };
            self.travel(back).await;
            knowledge
        })
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        self.inner.activity(after, limit)
    }
}

impl std::fmt::Debug for Moody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moody").finish_non_exhaustive()
    }
}
