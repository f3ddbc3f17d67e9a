//! A limit on what a question may cost: for those of strangers, which mustn't burden the work.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Reader;
use crate::clock::{Clock, SystemClock};
use crate::ledger::error::OpenError;
use crate::ledger::open;

/// SQLite looks at the clock each time that it has done so many of its steps: some microseconds' work.
const STEPS: i32 = 2_000;

/// Ends a reader's questions that take too long.
#[derive(Debug, Clone)]
pub struct Limit(Arc<AtomicU64>);

impl Limit {
    /// What is asked from here on takes no longer than this.
    pub fn set(&self, time: Duration) {
        let end = SystemClock.elapsed().saturating_add(time).as_millis();
        self.0.store(u64::try_from(end).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        SystemClock.elapsed().as_millis() > u128::from(self.0.load(Ordering::Relaxed))
    }
}

impl Reader {
    /// The same as [`Reader::open`], with a limit on what its questions may cost.
    pub fn open_limited(path: &Path) -> Result<(Self, Limit), OpenError> {
        open::check_place(path)?;
        let mut db = open::reader(path)?;
        let limit = Limit(Arc::new(AtomicU64::new(u64::MAX)));
        let ends = limit.clone();
        db.progress_handler(STEPS, Some(move || ends.is_over()))
            .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
        Ok((Self { db }, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::reader::browse::Sums;
    use crate::ledger::tests::Trial;

    #[test]
    fn a_question_that_takes_too_long_is_given_up_and_the_next_is_answered() {
        let trial = Trial::new();
        let (reader, limit) = Reader::open_limited(&trial.path()).expect("it opens");
        limit.set(Duration::from_millis(1));
        let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
        let error =
            super::super::one(&reader.db, endless, [], |row| row.get::<_, i64>(0)).expect_err("it has no end");
        assert!(error.was_cut_off() && !error.is_untrusted(), "{error}");
        limit.set(Duration::from_mins(1));
        assert_eq!(reader.sums(None).expect("an answer"), Sums::default());
    }
}
