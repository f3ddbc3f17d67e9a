//! A disk that takes what the ledger writes and doesn't come back: it holds up everything that is to be on record, and
//! says nothing itself. Somebody must.

use std::sync::Arc;
use std::time::Duration;

use super::lanes::pause;
use super::shared::Shared;

/// How often it is looked whether the writer came any further.
const LOOK: Duration = Duration::from_secs(1);

/// A transaction that takes longer than this is no slow one any more.
const STALLED: Duration = Duration::from_secs(10);

/// What was seen of the writer's progress.
#[derive(Debug, Default)]
struct Seen {
    turn: Option<u64>,
    since: Duration,
    told: bool,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Stalls,
    GoesOn(Duration),
}

impl Seen {
    /// Looks again; `turn` is the transaction that is under way, if one is.
    fn look(&mut self, turn: Option<u64>, elapsed: Duration) -> Option<News> {
        let waited = elapsed.saturating_sub(self.since);
        if turn.is_some() && turn == self.turn {
            let news = waited >= STALLED && !self.told;
            self.told |= news;
            return news.then_some(News::Stalls);
        }
        let told = std::mem::replace(self, Self { turn, since: elapsed, told: false }).told;
        told.then_some(News::GoesOn(waited))
    }
}

/// Says when the ledger's disk stalls, and when it goes on.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut seen = Seen::default();
    while !shared.stop.is_cancelled() {
        let elapsed = shared.clock.elapsed();
        match seen.look(shared.writer.under_way(), elapsed) {
            Some(News::Stalls) => {
                tracing::warn!(
                    ledger = %shared.config().ledger.path.display(), seconds = STALLED.as_secs(),
                    "the ledger's disk doesn't answer: nothing is taken, sent or answered until it does; look after it"
                );
                shared.board.lock().stalled = Some(shared.clock.now().minus(STALLED));
            }
            Some(News::GoesOn(waited)) => {
                tracing::info!(seconds = waited.as_secs(), "the ledger's disk answers again");
                shared.board.lock().stalled = None;
            }
            None => {}
        }
        tokio::select! {
            () = pause(LOOK) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_without_end_is_told_of_once_and_many_short_ones_never() {
        let seconds = Duration::from_secs;
        let mut seen = Seen::default();
        for second in 0..60 {
            assert_eq!(seen.look(Some(second), seconds(second)), None, "each is another one");
        }
        let looks: Vec<_> = (60..90).filter_map(|second| seen.look(Some(60), seconds(second))).collect();
        assert_eq!(looks, [News::Stalls]);
        assert_eq!(seen.look(None, seconds(90)), Some(News::GoesOn(seconds(30))));
        assert_eq!(seen.look(None, seconds(200)), None, "nothing to write is no stall");
    }
}
