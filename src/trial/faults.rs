//! What goes wrong on purpose: by chance, drawn from a seed, and by a script that names the place.

use devicedrop_core::shown::shown;
use serde::Deserialize;

use super::wire::Request;

/// One way for a request to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed, and nothing was done.
    CloseBefore,
    /// It is done, and the connection is closed without an answer.
    CloseAfter,
    /// 500, and nothing was done.
    ErrorBefore,
    /// It is done, and 500 is the answer.
    ErrorAfter,
    /// 503 with a Retry-After.
    Unavailable(RetryAfter),
    /// 429 with a Retry-After.
    Throttle(RetryAfter),
    /// It is done, and the answer ends in its middle.
    Cut,
    /// It is done, and the answer is no JSON.
    NotJson,
    /// It is done, and the answer takes its time.
    Slow,
}

/// When to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// In so many seconds.
    pub seconds: u64,
    /// Told as a date.
    pub as_date: bool,
}

/// Faults at named places. One JSON object to each line; see [`Script::parse`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    rules: Vec<Rule>,
    devices: Vec<DeviceRule>,
}

/// A line of the script can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ScriptError {
    line: usize,
    why: String,
}

/// What the line of a request needs, and that of a device.
const NEEDED: [&[&str]; 2] = [&["path", "do"], &["device", "code", "name"]];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    method: Option<String>,
    path: Vec<String>,
    /// How many matching requests pass first.
    pass: u32,
    /// How many are hit then.
    times: u32,
    fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DeviceRule {
    serial_number: String,
    code: i64,
    name: String,
    times: u32,
}

/// A request's rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestLine {
    method: Option<String>,
    path: String,
    nth: Option<u32>,
    times: Option<u32>,
    #[serde(rename = "do")]
    what: What,
    retry_after: Option<u64>,
    as_date: Option<bool>,
}

/// A device's rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceLine {
    device: String,
    code: i64,
    name: String,
    times: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    CloseBefore,
    CloseAfter,
    ErrorBefore,
    ErrorAfter,
    Unavailable,
    Throttle,
    Cut,
    NotJson,
    Slow,
}

impl What {
    fn fault(self, retry_after: RetryAfter) -> Fault {
        match self {
            Self::CloseBefore => Fault::CloseBefore,
            Self::CloseAfter => Fault::CloseAfter,
            Self::ErrorBefore => Fault::ErrorBefore,
            Self::ErrorAfter => Fault::ErrorAfter,
            Self::Unavailable => Fault::Unavailable(retry_after),
            Self::Throttle => Fault::Throttle(retry_after),
            Self::Cut => Fault::Cut,
            Self::NotJson => Fault::NotJson,
            Self::Slow => Fault::Slow,
        }
    }
}

impl Script {
    /// Reads a script: JSON Lines, blank ones and those that begin with `#` left out.
    ///
    /// `{"method": "POST", "path": "/v1/customers/*/deviceBatches", "nth": 2, "do": "close-after"}` hits the second
    /// such request; `*` stands for one part of a path, `**` at its end for all that follow; `times` hits as many
    /// in a row, 0 all; `retry_after` (seconds) and `as_date` are for `throttle` and `unavailable`.
    /// `{"device": "4711", "code": 814, "name": "ZtdDeviceAlreadyAadRegistered"}` refuses a device by its serial number.
    /// Tells every line that can't be used.
    pub fn parse(text: &str) -> Result<Self, Vec<ScriptError>> {
        let mut script = Self::default();
        let mut wrong = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(why) = script.add(line) {
                wrong.push(ScriptError { line: index + 1, why });
            }
        }
        if wrong.is_empty() { Ok(script) } else { Err(wrong) }
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let told = |error: serde_json::Error| shown(&error.to_string()).to_string();
        // Within its line, which is counted already.
        let syntax = |error: serde_json::Error| {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            format!("no JSON: {} at column {}", shown(what), error.column())
        };
        let value: serde_json::Value = serde_json::from_str(line).map_err(syntax)?;
        let object =
            value.as_object().ok_or("no JSON object: write it like {\"path\": \"/v1/**\", \"do\": \"cut\"}")?;
        let [request, device] = NEEDED;
        let needed = if object.contains_key("device") { device } else { request };
        let missing: Vec<&str> = needed.iter().copied().filter(|key| !object.contains_key(*key)).collect();
        if !missing.is_empty() {
            return Err(format!(
                "{} {} missing; needed are {}, or {} of a device",
                listed(&missing),
                if missing.len() == 1 { "is" } else { "are" },
                listed(request),
                listed(device)
            ));
        }
        if object.contains_key("device") {
            let DeviceLine { device, code, name, times } = serde_json::from_value(value).map_err(told)?;
            let times = times.unwrap_or(1);
            self.devices.push(DeviceRule { serial_number: device, code, name, times });
        } else {
            self.rules.push(rule(serde_json::from_value(value).map_err(told)?));
        }
        Ok(())
    }

    /// Adds another script's lines behind its own.
    pub(super) fn extend(&mut self, more: Self) {
        self.rules.extend(more.rules);
        self.devices.extend(more.devices);
    }
}

/// `a`, `a and b`, `a, b and c`, each in quotes.
fn listed(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    match quoted.as_slice() {
        [front @ .., last] if !front.is_empty() => format!("{} and {last}", front.join(", ")),
        other => other.concat(),
    }
}

fn rule(line: RequestLine) -> Rule {
    let retry_after = RetryAfter { seconds: line.retry_after.unwrap_or(1), as_date: line.as_date.unwrap_or(false) };
    Rule {
        method: line.method.map(|method| method.to_ascii_uppercase()),
        path: line.path.split('/').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect(),
        pass: line.nth.unwrap_or(1).saturating_sub(1),
        times: match line.times.unwrap_or(1) {
            0 => u32::MAX,
            times => times,
        },
        fault: line.what.fault(retry_after),
    }
}

impl Rule {
    fn matches(&self, method: &str, segments: &[String]) -> bool {
        if self.method.as_deref().is_some_and(|wanted| wanted != method) {
            return false;
        }
        if let Some((last, front)) = self.path.split_last()
            && last == "**"
        {
            return segments.len() >= front.len() && fits(front, segments);
        }
        self.path.len() == segments.len() && fits(&self.path, segments)
    }
}

fn fits(pattern: &[String], segments: &[String]) -> bool {
    pattern.iter().zip(segments).all(|(wanted, found)| wanted == "*" || wanted.eq_ignore_ascii_case(found))
}

/// The faults still to come.
#[derive(Debug)]
pub(super) struct Faults {
    script: Script,
    rate: f64,
    chance: Chance,
}

impl Faults {
    pub(super) fn new(script: Script, rate: f64, seed: u64) -> Self {
        Self { script, rate, chance: Chance(seed) }
    }

    /// Adds lines to the script; they count from now on.
    pub(super) fn add(&mut self, more: Script) {
        self.script.extend(more);
    }

    /// What goes wrong with this request. Each matching rule counts it; the first whose turn it is decides.
    pub(super) fn of(&mut self, request: &Request) -> Option<Fault> {
        let segments = request.segments();
        let mut found = None;
        for rule in self.script.rules.iter_mut().filter(|rule| rule.matches(&request.method, &segments)) {
            if rule.pass > 0 {
                rule.pass -= 1;
            } else if rule.times > 0 && found.is_none() {
                if rule.times != u32::MAX {
                    rule.times -= 1;
                }
                found = Some(rule.fault);
            }
        }
        found.or_else(|| self.by_chance())
    }

    fn by_chance(&mut self) -> Option<Fault> {
        // Drawn for each request, so that a seed's faults don't move when the rate is changed.
        let (hit, kind, seconds) = (self.chance.part(), self.chance.below(10), 1 + self.chance.below(2));
        if hit >= self.rate {
            return None;
        }
        Some(match kind {
            0 => Fault::CloseBefore,
            1 => Fault::CloseAfter,
            2 => Fault::ErrorBefore,
            3 => Fault::ErrorAfter,
            4 => Fault::Unavailable(RetryAfter { seconds, as_date: false }),
            5 => Fault::Unavailable(RetryAfter { seconds, as_date: true }),
            6 => Fault::Throttle(RetryAfter { seconds, as_date: false }),
            7 => Fault::Cut,
            8 => Fault::NotJson,
            _ => Fault::Slow,
        })
    }

    /// Why this device is refused, if the script says so.
    pub(super) fn of_device(&mut self, serial_number: &str) -> Option<(i64, String)> {
        let rule =
            self.script.devices.iter_mut().find(|rule| rule.times > 0 && rule.serial_number == serial_number)?;
        rule.times -= 1;
        Some((rule.code, rule.name.clone()))
    }
}

/// Chance that can be repeated (SplitMix64).
#[derive(Debug, Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and not including, `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number from 0 up to, and not including, 1.
    fn part(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() }
    }

    fn faults(script: &str, rate: f64) -> Faults {
        Faults::new(Script::parse(script).expect("a script"), rate, 7)
    }

    #[test]
    fn a_rule_hits_the_request_that_it_names_and_no_other() {
        let mut faults = faults(
            r#"# the second upload's answer is lost
               {"method":"post","path":"/v1/customers/*/deviceBatches/**","nth":2,"do":"close-after"}"#,
            0.0,
        );
        let (upload, list) =
            (request("POST", "/v1/customers/c/devicebatches"), request("GET", "/v1/customers/c/deviceBatches"));
        assert_eq!(faults.of(&upload), None);
        assert_eq!(faults.of(&list), None);
        assert_eq!(faults.of(&upload), Some(Fault::CloseAfter));
        assert_eq!(faults.of(&upload), None);
    }

    #[test]
    fn times_says_how_many_in_a_row() {
        let mut faults = faults(
            "{\"path\":\"/a\",\"times\":2,\"do\":\"throttle\",\"retry_after\":7}\n{\"path\":\"/b\",\"times\":0,\"do\":\"cut\"}",
            0.0,
        );
        let throttled = Some(Fault::Throttle(RetryAfter { seconds: 7, as_date: false }));
        let found: Vec<_> = (0..3).map(|_| faults.of(&request("GET", "/a"))).collect();
        assert_eq!(found, [throttled, throttled, None]);
        assert!((0..9).all(|_| faults.of(&request("PUT", "/b")) == Some(Fault::Cut)));
    }

    #[test]
    fn chance_keeps_to_its_rate_and_can_be_repeated() {
        let drawn = |rate| {
            let mut faults = faults("", rate);
            (0..2_000).map(|_| faults.of(&request("GET", "/"))).collect::<Vec<_>>()
        };
        let hits = drawn(0.05).iter().flatten().count();
        assert!((60..=140).contains(&hits), "{hits}");
        assert_eq!(drawn(0.05), drawn(0.05));
        assert_eq!(drawn(0.0).iter().flatten().count(), 0);
        assert_eq!(drawn(1.0).iter().flatten().count(), 2_000);
    }

    #[test]
    fn every_wrong_line_is_named_with_what_it_lacks() {
        let script = r#"{"path":"/","do":"explode"}

            {"path":"/","do":"cut"}
            {"path":"/"}
            {}
            {"device":"C808","code":808}
            {"device":1,"code":1,"name":"a"}
            {"path":"/","do":"cut","nht":2}
            7
            {"path"}"#;
        let told: Vec<String> = Script::parse(script).expect_err("wrong").iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        line 1: unknown variant `explode`, expected one of `close-before`, `close-after`, `error-before`, `error-after`, `unavailable`, `throttle`, `cut`, `not-json`, `slow`
        line 4: "do" is missing; needed are "path" and "do", or "device", "code" and "name" of a device
        line 5: "path" and "do" are missing; needed are "path" and "do", or "device", "code" and "name" of a device
        line 6: "name" is missing; needed are "path" and "do", or "device", "code" and "name" of a device
        line 7: invalid type: integer `1`, expected a string
        line 8: unknown field `nht`, expected one of `method`, `path`, `nth`, `times`, `do`, `retry_after`, `as_date`
        line 9: no JSON object: write it like {"path": "/v1/**", "do": "cut"}
        line 10: no JSON: expected `:` at column 8
        "#);
    }
}
