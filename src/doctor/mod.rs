//! What in this environment would hurt: looks at it ([`look`]), and says of what was seen what follows from it
//! ([`judge`]).
//!
//! What is seen is data ([`seen`]); judging it touches nothing. How it is told is the command's.

pub mod judge;
pub mod look;
pub mod seen;

use serde::Serialize;

pub use crate::registrar::check::Rank;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two: `ledger`, `drop folder`, `clock`.
    pub subject: &'static str,
    /// Whose, where it is about one customer.
    pub customer: Option<String>,
    /// How bad it is.
    pub rank: Rank,
    /// Whether it could be looked at.
    pub looked: bool,
    /// What was found.
    pub found: String,
    /// What was expected instead.
    pub expected: Option<String>,
    /// What follows from it.
    pub hurts: Option<String>,
    /// What to do about it: a command, where there is one.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(subject: &'static str, rank: Rank, found: impl Into<String>) -> Self {
        Self {
            subject,
            customer: None,
            rank,
            looked: true,
            found: found.into(),
            expected: None,
            hurts: None,
            remedy: None,
        }
    }

    /// It is as it should be.
    pub(crate) fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self::new(subject, Rank::Good, found)
    }

    /// It works, and may not do so for all that is to come.
    pub(crate) fn care(subject: &'static str, found: impl Into<String>) -> Self {
        Self::new(subject, Rank::Care, found)
    }

    /// It doesn't work.
    pub(crate) fn bad(subject: &'static str, found: impl Into<String>) -> Self {
        Self::new(subject, Rank::Bad, found)
    }

    /// It couldn't be looked at.
    pub(crate) fn unlooked(subject: &'static str, why: impl Into<String>) -> Self {
        Self { looked: false, ..Self::new(subject, Rank::Care, why) }
    }

    /// Of this customer.
    pub(crate) fn of(mut self, customer: &str) -> Self {
        self.customer = Some(customer.to_owned());
        self
    }

    /// What was expected instead.
    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// What follows from it.
    pub(crate) fn hurts(mut self, hurts: impl Into<String>) -> Self {
        self.hurts = Some(hurts.into());
        self
    }

    /// What to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
