//! Identifiers: one type for each kind of thing, so that an attempt can't be taken for a registration.
//!
//! Making a new [`SubmissionId`] needs a clock and randomness and so happens outside of this crate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A place in the record: every entry of the ledger, of whatever kind, has one number of one sequence from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(i64);

impl EntryId {
    /// The entry with this number; `None` for what can't be one (entries count from 1).
    pub fn new(number: i64) -> Option<Self> {
        (number >= 1).then_some(Self(number))
    }

    /// The number, as it stands in the ledger.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Defines identifiers that are the entry of their thing.
macro_rules! entry_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub EntryId);

        impl $name {
            /// The thing with this number; `None` for what can't be one.
            pub fn new(number: i64) -> Option<Self> {
                EntryId::new(number).map(Self)
            }

            /// The number, as it stands in the ledger and its views.
            pub fn get(self) -> i64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

entry_ids! {
    /// One data row of a submission, and its fate.
    RegistrationId;
    /// One try to register one registration.
    AttemptId;
    /// One request to a registrar; it carries one attempt or many.
    CallId;
    /// The record's own number of a submission (people see its [`SubmissionId`]).
    SubmissionEntry;
}

/// A submission's identifier: a UUIDv7, so that it sorts by time and says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmissionId(Uuid);

impl SubmissionId {
    /// Takes sixteen bytes that are a UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Builds a version 7 UUID (RFC 9562) from a time in milliseconds since 1970 and ten random bytes.
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The sixteen bytes, as stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The first eight hexadecimal digits of the random part, for file names.
    pub fn short(&self) -> String {
        let [.., a, b, c, d, _, _, _] = self.0.as_bytes();
        format!("{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The text isn't a submission ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a submission ID (36 characters, like 019a8f2e-1c3d-7f00-8a4b-3f1d2c5b6a79)")]
pub struct SubmissionIdError(String);

impl FromStr for SubmissionId {
    type Err = SubmissionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| SubmissionIdError(text.to_owned()))
    }
}

impl Serialize for SubmissionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubmissionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A customer's key: the name of its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CustomerKey(String);

/// What is wrong with a customer's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomerKeyError {
    /// Nothing at all, or more than [`CustomerKey::MAX_CHARS`].
    #[error("a customer's key has 1 to {max} characters, this one has {0}", max = CustomerKey::MAX_CHARS)]
    Length(usize),
    /// A character that folders of customers don't have.
    #[error("{0:?} can't stand in a customer's key (letters, digits, blanks and . _ - & ' ( ) , + can)")]
    Character(char),
    /// A first character that hides folders or sets them aside.
    #[error("a customer's key doesn't begin with {0:?}")]
    First(char),
    /// A blank or full stop at an end, which some systems take away.
    #[error("a customer's key has no blank or full stop at either end")]
    Ends,
}

impl CustomerKey {
    /// The longest key, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks a key by the rules of the contract.
    pub fn parse(text: &str) -> Result<Self, CustomerKeyError> {
        let length = text.chars().count();
        if length == 0 || length > Self::MAX_CHARS {
            return Err(CustomerKeyError::Length(length));
        }
        let allowed = |c: char| c.is_alphabetic() || c.is_numeric() || " ._-&'(),+".contains(c);
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(CustomerKeyError::Character(bad));
        }
        if let Some(first) = text.chars().next().filter(|c| "._".contains(*c)) {
            return Err(CustomerKeyError::First(first));
        }
        let at_end = |c: char| c == ' ' || c == '.';
        if text.starts_with(at_end) || text.ends_with(at_end) {
            return Err(CustomerKeyError::Ends);
        }
        Ok(Self(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two keys of one installation must not share: the key without its capitals.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CustomerKey {
    type Err = CustomerKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for CustomerKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_contract() {
        for good in ["contoso", "Müller & Söhne (Köln)", "A+B, C", "7-Eleven", "株式会社"] {
            assert_eq!(CustomerKey::parse(good).map(|key| key.to_string()), Ok(good.to_owned()));
        }
        assert_eq!(CustomerKey::parse(""), Err(CustomerKeyError::Length(0)));
        assert_eq!(CustomerKey::parse(&"x".repeat(65)), Err(CustomerKeyError::Length(65)));
        assert_eq!(CustomerKey::parse("a/b"), Err(CustomerKeyError::Character('/')));
        assert_eq!(CustomerKey::parse("_old"), Err(CustomerKeyError::First('_')));
        assert_eq!(CustomerKey::parse(".."), Err(CustomerKeyError::First('.')));
        assert_eq!(CustomerKey::parse("a."), Err(CustomerKeyError::Ends));
        assert_eq!(CustomerKey::parse(" a"), Err(CustomerKeyError::Ends));
    }

    #[test]
    fn a_submission_id_is_a_version_7_uuid() {
        let id = SubmissionId::from_parts(1_795_358_739_123, [0xab; 10]);
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(text.as_bytes().get(14), Some(&b'7'));
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(id.short(), "abababab");
    }
}
