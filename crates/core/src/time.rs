//! Points in time, as the ledger stores and shows them.
//!
//! No clock lives here: the time is always brought in by the caller.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: whole milliseconds since 1970, UTC.
///
/// Shown as `2026-11-22T14:05:39.123Z`. Always within the years 1 to 9999, so that it always can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    const MIN: i64 = -62_135_596_800_000;
    const MAX: i64 = 253_402_207_199_999;

    /// The time so many milliseconds after the beginning of 1970, brought into the years 1 to 9999.
    pub const fn from_unix_ms(ms: i64) -> Self {
        if ms < Self::MIN {
            Self(Self::MIN)
        } else if ms > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since the beginning of 1970.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// This time and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_unix_ms(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time less `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_unix_ms(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; nothing when it isn't.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The date alone: `2026-11-22`.
    pub fn date(self) -> String {
        let text = self.to_string();
        text.split_once('T').map_or_else(|| text.clone(), |(date, _)| date.to_owned())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The clamp keeps the value within what jiff can represent; the zero is for the type's sake.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

/// The text isn't a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time (write it like 2026-11-22T14:05:39Z, or 2026-11-22 for that day's beginning in UTC)")]
pub struct TimestampError(String);

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let time: jiff::Timestamp = whole.parse().map_err(|_| TimestampError(text.to_owned()))?;
        Ok(Self::from_unix_ms(time.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_with_milliseconds_and_read_back() {
        let time = Timestamp::from_unix_ms(1_795_356_339_003);
        assert_eq!(time.to_string(), "2026-11-22T14:05:39.003Z");
        assert_eq!("2026-11-22T14:05:39.003Z".parse(), Ok(time));
        assert_eq!(
            "2026-11-22".parse::<Timestamp>().map(|day| day.to_string()),
            Ok("2026-11-22T00:00:00.000Z".into())
        );
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn every_number_of_milliseconds_can_be_shown() {
        assert_eq!(Timestamp::from_unix_ms(i64::MIN).to_string(), "0001-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_unix_ms(i64::MAX).to_string(), "9999-12-30T21:59:59.999Z");
    }
}
