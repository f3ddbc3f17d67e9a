//! The cache of tokens, over a source that gives what a test says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use devicedrop_core::time::Timestamp;
use tokio::sync::Notify;

use super::*;
use crate::clock::ManualClock;

const HOUR: Duration = Duration::from_hours(1);

/// Gives what it was told, or tokens of an hour, and counts how often it was asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<Duration, TokenTrouble>>>,
    asked: AtomicUsize,
    /// Whether it waits until it is let go.
    holds: bool,
    go: Notify,
}

impl Scripted {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn then(&self, answer: Result<Duration, TokenTrouble>) {
        self.answers.lock().expect("the script").push_back(answer);
    }
}

impl Source for Scripted {
    fn fetch<'a>(&'a self, tenant: &'a str) -> Answering<'a, Result<Granted, TokenTrouble>> {
        Box::pin(async move {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            if self.holds {
                self.go.notified().await;
            }
            let lasts = self.answers.lock().expect("the script").pop_front().unwrap_or(Ok(HOUR))?;
            Ok(Granted { token: Secret::new(format!("{tenant}-{number}")), lasts })
        })
    }
}

fn broken() -> TokenTrouble {
    TokenTrouble::Broken("renew the secret".to_owned())
}

struct Bench {
    source: Arc<Scripted>,
    clock: Arc<ManualClock>,
    tokens: Tokens,
}

impl Bench {
    fn new(source: Scripted) -> Self {
        let source = Arc::new(source);
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_ms(0)));
        let tokens = Tokens::of(Arc::<Scripted>::clone(&source), Arc::<ManualClock>::clone(&clock));
        Self { source, clock, tokens }
    }

    async fn text(&self, tenant: &str) -> Result<String, TokenTrouble> {
        let bearer = self.tokens.bearer(tenant).await?;
        assert!(bearer.header().is_sensitive());
        Ok(bearer.header().to_str().expect("text").to_owned())
    }
}

#[tokio::test]
async fn a_token_is_kept_for_its_tenant_and_fetched_anew_before_it_ends() {
    let bench = Bench::new(Scripted::default());
    assert_eq!(bench.text("a").await, Ok("Bearer a-1".to_owned()));
    bench.clock.advance(Duration::from_mins(54));
    assert_eq!(bench.text("a").await, Ok("Bearer a-1".to_owned()));
    assert_eq!(bench.text("b").await, Ok("Bearer b-2".to_owned()), "each tenant has its own");
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(bench.text("a").await, Ok("Bearer a-3".to_owned()));
    assert_eq!(bench.source.asked(), 3);
}

#[tokio::test]
async fn a_token_that_is_still_good_serves_while_there_is_trouble_with_the_next() {
    let bench = Bench::new(Scripted::default());
    bench.text("a").await.expect("a token");
    bench.source.then(Err(broken()));
    bench.clock.advance(Duration::from_mins(56));
    assert_eq!(bench.text("a").await, Ok("Bearer a-1".to_owned()));
    assert_eq!(bench.text("a").await, Ok("Bearer a-1".to_owned()));
    assert_eq!(bench.source.asked(), 2, "and nobody asks again at once");
    bench.source.then(Err(broken()));
    bench.clock.advance(Duration::from_mins(4));
    assert_eq!(bench.text("a").await, Err(broken()));
}

#[tokio::test]
async fn a_broken_credential_is_not_hammered() {
    let bench = Bench::new(Scripted::default());
    bench.source.then(Err(broken()));
    for _ in 0..10 {
        assert_eq!(bench.text("a").await, Err(broken()));
    }
    assert_eq!(bench.source.asked(), 1);
    bench.clock.advance(AFTER_A_REFUSAL);
    assert_eq!(bench.text("a").await, Ok("Bearer a-2".to_owned()));
}

#[tokio::test]
async fn what_a_person_mended_is_tried_at_once_and_no_old_token_is_used() {
    let bench = Bench::new(Scripted::default());
    bench.source.then(Err(broken()));
    assert_eq!(bench.text("a").await, Err(broken()));
    bench.tokens.mended();
    assert_eq!(bench.text("a").await, Ok("Bearer a-2".to_owned()));
    bench.tokens.mended();
    assert_eq!(bench.text("a").await, Ok("Bearer a-3".to_owned()), "that of whoever signed in now");
    let busy = TokenTrouble::Unavailable { why: "busy".to_owned(), retry_after: Some(HOUR) };
    bench.source.then(Err(busy.clone()));
    assert_eq!(bench.text("b").await, Err(busy.clone()));
    bench.tokens.mended();
    assert_eq!(bench.text("b").await, Err(busy), "no person ends a wait that the service asked for");
}

#[tokio::test]
async fn rights_that_were_given_meanwhile_are_asked_for_now_and_then() {
    let bench = Bench::new(Scripted::default());
    let bearer = bench.tokens.bearer("a").await.expect("a token");
    bench.tokens.not_permitted("a", &bearer);
    assert_eq!(bench.tokens.bearer("a").await, Ok(bearer.clone()), "it was fetched a moment ago");
    bench.clock.advance(Duration::from_mins(5));
    bench.tokens.not_permitted("a", &bearer);
    assert_eq!(bench.text("a").await, Ok("Bearer a-2".to_owned()));
    bench.tokens.not_permitted("a", &bearer);
    assert_eq!(bench.text("a").await, Ok("Bearer a-2".to_owned()), "it was about another token");
}

#[tokio::test]
async fn a_sign_in_service_that_asks_for_time_is_left_alone_so_long() {
    let bench = Bench::new(Scripted::default());
    let busy = TokenTrouble::Unavailable { why: "busy".to_owned(), retry_after: Some(Duration::from_secs(90)) };
    bench.source.then(Err(busy.clone()));
    assert_eq!(bench.text("a").await, Err(busy.clone()));
    bench.clock.advance(Duration::from_secs(89));
    assert_eq!(bench.text("a").await, Err(busy));
    bench.clock.advance(Duration::from_secs(1));
    assert!(bench.text("a").await.is_ok());
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let bench = Bench::new(Scripted::default());
    let first = bench.tokens.bearer("a").await.expect("a token");
    bench.tokens.refused("a", &first);
    bench.tokens.refused("a", &first);
    let second = bench.tokens.bearer("a").await.expect("another");
    assert_ne!(first, second);
    bench.tokens.refused("a", &first);
    assert_eq!(
        bench.tokens.bearer("a").await,
        Ok(second.clone()),
        "the old one's refusal says nothing of the new one"
    );
    bench.tokens.refused("a", &second);
    let trouble = bench.tokens.bearer("a").await.expect_err("no third one");
    assert!(matches!(&trouble, TokenTrouble::Broken(what) if what.contains("tenant a")), "{trouble}");
    assert_eq!(bench.source.asked(), 2);
    bench.clock.advance(AFTER_A_REFUSAL);
    assert!(bench.tokens.bearer("a").await.is_ok());
}

#[tokio::test]
async fn one_fetches_and_the_others_wait_or_go_on_with_what_still_holds() {
    let bench = Bench::new(Scripted { holds: true, ..Scripted::default() });
    let (one, other, ()) = tokio::join!(bench.text("a"), bench.text("a"), async {
        while bench.source.asked() == 0 {
            tokio::task::yield_now().await;
        }
        bench.source.go.notify_one();
    });
    assert_eq!((one, other), (Ok("Bearer a-1".to_owned()), Ok("Bearer a-1".to_owned())));
    assert_eq!(bench.source.asked(), 1);
    bench.clock.advance(Duration::from_mins(56));
    let (one, ()) = tokio::join!(bench.text("a"), async {
        while bench.source.asked() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.text("a").await, Ok("Bearer a-1".to_owned()), "nobody waits for it");
        bench.source.go.notify_one();
    });
    assert_eq!(one, Ok("Bearer a-2".to_owned()));
}

#[tokio::test]
async fn short_lived_tokens_are_used_for_half_of_their_life() {
    let bench = Bench::new(Scripted::default());
    bench.source.then(Ok(Duration::from_mins(4)));
    bench.text("a").await.expect("a token");
    bench.clock.advance(Duration::from_secs(119));
    assert_eq!(bench.text("a").await, Ok("Bearer a-1".to_owned()));
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.text("a").await, Ok("Bearer a-2".to_owned()));
}

#[tokio::test]
async fn nothing_shows_a_token() {
    let bench = Bench::new(Scripted::default());
    let bearer = bench.tokens.bearer("canary").await.expect("a token");
    let shown =
        format!("{bearer:?} {:?} {:?} {:?}", bench.tokens, bearer.header(), Secret::new("canary-1".to_owned()));
    assert!(!shown.contains("canary-1"), "{shown}");
}
