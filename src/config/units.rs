//! Values as people write them in the configuration: durations, sizes, counts, permissions.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// `"1s"`, `"15m"`, `"7d"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct DurationText(pub(super) Duration);

/// `"1GiB"`, or a number of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) u64);

/// A whole number from 1 up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count(pub(super) u64);

/// `"0664"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode(pub(super) u32);

/// A time such as `500ms`, `1s`, `15m`, `24h` or `7d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    // A thousand years: more is a slip of the finger, and sums of times must not overflow.
    number.checked_mul(seconds).filter(|total| *total <= 1000 * 366 * 24 * 60 * 60).map(Duration::from_secs)
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let factor = match unit {
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1000_u64.pow(2),
        "GB" => 1000_u64.pow(3),
        "TB" => 1000_u64.pow(4),
        "KiB" => 1024,
        "MiB" => 1024_u64.pow(2),
        "GiB" => 1024_u64.pow(3),
        "TiB" => 1024_u64.pow(4),
        _ => return None,
    };
    // The ledger's integers have 63 bits.
    number.checked_mul(factor).filter(|bytes| i64::try_from(*bytes).is_ok())
}

fn parse_mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = (3..=4).contains(&digits.len()) && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    // A file that its own writer can't read couldn't be told from one that somebody changed.
    let is_usable = |mode: &u32| *mode <= 0o777 && mode & 0o600 == 0o600;
    u32::from_str_radix(digits, 8).ok().filter(|mode| octal && is_usable(mode))
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Reads a text with `parse`; a number with `number`, where numbers are allowed.
struct Reading<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
    number: fn(i64) -> Option<T>,
}

impl<T> Visitor<'_> for Reading<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        (self.number)(number).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

/// Implements reading for one kind of value.
macro_rules! read_by {
    ($name:ident, $expected:literal, $parse:expr, $number:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let reading = Reading { expected: $expected, parse: $parse, number: $number };
                deserializer.deserialize_any(reading).map(Self)
            }
        }
    };
}

read_by!(DurationText, "a duration such as \"500ms\", \"1s\", \"15m\", \"24h\" or \"7d\"", parse_duration, |_| None);
read_by!(Size, "a size such as \"512MiB\" or \"1GiB\", or a number of bytes", parse_size, |number| u64::try_from(
    number
)
.ok());
read_by!(Count, "a whole number from 1 up", |_| None, |number| u64::try_from(number).ok().filter(|n| *n >= 1));
read_by!(Mode, "permissions in quotes that let their owner read and write, such as \"0664\"", parse_mode, |_| None);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("1s"), Some(Duration::from_secs(1)));
        assert_eq!(parse_duration("15 m"), Some(Duration::from_mins(15)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_hours(7 * 24)));
        for bad in ["", "s", "1", "1.5h", "-1s", "1h30m", "1 parsec", "99999999999999999999s", "9999999999d"] {
            assert_eq!(parse_duration(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sizes_know_both_thousands() {
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        assert_eq!(parse_size("1 GB"), Some(1_000_000_000));
        for bad in ["1gib", "GiB", "1.5GiB", "16777216TiB"] {
            assert_eq!(parse_size(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(parse_mode("0664"), Some(0o664));
        assert_eq!(parse_mode("640"), Some(0o640));
        for bad in ["", "664x", "0888", "4755", "rw-r--r--", "+664"] {
            assert_eq!(parse_mode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_stumble(text in "\\PC*") {
            let _: (Option<Duration>, Option<u64>, Option<u32>) =
                (parse_duration(&text), parse_size(&text), parse_mode(&text));
        }
    }
}
