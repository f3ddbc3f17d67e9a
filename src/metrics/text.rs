//! The text in which Prometheus takes figures
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! By hand, since it is a page of code: the crate `prometheus-client` wants figures registered before they are read, and
//! most of ours are asked of the ledger when somebody wants them.

use std::fmt::Write as _;
use std::time::Duration;

use devicedrop_core::time::Timestamp;

use super::meter::Buckets;

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up, and begins anew when the process does.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How long things took.
    Histogram,
}

/// A figure's name and what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name, by Prometheus' conventions.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it tells, in a sentence.
    pub help: &'static str,
}

/// A value as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number of things.
    Count(u64),
    /// Seconds.
    Time(Duration),
    /// A moment, as seconds since 1970.
    At(Timestamp),
    /// Yes or no, as 1 or 0.
    Is(bool),
}

/// What is written so far.
#[derive(Debug, Default)]
pub struct Text(String);

/// The labels of one figure.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Text {
    /// One figure with these labels; its family's heading must come before.
    fn line(&mut self, name: &str, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: &str) {
        self.0.extend([name, suffix]);
        let all: Vec<(&str, &str)> = labels.iter().copied().chain(bound.map(|bound| ("le", bound))).collect();
        for (index, (label, text)) in all.iter().enumerate() {
            let before = if index == 0 { "{" } else { "," };
            self.0.extend([before, label, "=\"", &escaped(text), "\""]);
        }
        self.0.push_str(if all.is_empty() { " " } else { "} " });
        self.0.extend([value, "\n"]);
    }

    /// What comes before the figures of one name.
    fn heading(&mut self, family: Family) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // A help text escapes the line end and the backslash alone; ours, in the code, have neither.
        self.0.extend(["# HELP ", family.name, " ", family.help, "\n# TYPE ", family.name, " ", kind, "\n"]);
    }

    /// A figure without labels.
    pub fn one(&mut self, family: Family, value: Value) {
        self.heading(family);
        self.line(family.name, "", &[], None, &written(value));
    }

    /// A figure for each value of one label; nothing where there is none.
    pub fn each<'a>(&mut self, family: Family, label: &'static str, all: impl IntoIterator<Item = (&'a str, Value)>) {
        let mut all = all.into_iter().peekable();
        if all.peek().is_none() {
            return;
        }
        self.heading(family);
        for (text, value) in all {
            self.line(family.name, "", &[(label, text)], None, &written(value));
        }
    }

    /// A histogram.
    pub fn histogram(&mut self, family: Family, read: &Buckets) {
        self.heading(family);
        for (bound, count) in &read.up_to {
            let bound = bound.as_secs_f64().to_string();
            self.line(family.name, "_bucket", &[], Some(&bound), &count.to_string());
        }
        self.line(family.name, "_bucket", &[], Some("+Inf"), &read.count.to_string());
        self.line(family.name, "_sum", &[], None, &written(Value::Time(read.sum)));
        self.line(family.name, "_count", &[], None, &read.count.to_string());
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.0
    }
}

fn written(value: Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        Value::Time(time) => time.as_secs_f64().to_string(),
        Value::At(at) => {
            let ms = at.unix_ms();
            let mut text = ms.div_euclid(1_000).to_string();
            if write!(text, ".{:03}", ms.rem_euclid(1_000)).is_err() {
                text.push_str(".000");
            }
            text
        }
        Value::Is(yes) => u64::from(yes).to_string(),
    }
}

/// A label's value between its quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::super::meter::Histogram;
    use super::*;

    const COUNTED: Family = Family { name: "devicedrop_files_total", kind: Kind::Counter, help: "Files." };
    const TOOK: Family = Family { name: "devicedrop_scan_seconds", kind: Kind::Histogram, help: "Scans." };
    const AT: Family = Family { name: "devicedrop_last_seconds", kind: Kind::Gauge, help: "Last." };
    const BOUNDS: [Duration; 2] = [Duration::from_millis(5), Duration::from_mins(1)];

    #[test]
    fn it_is_written_as_prometheus_takes_it() {
        let histogram = Histogram::new(&BOUNDS);
        histogram.observe(Duration::from_millis(1_500));
        let mut text = Text::default();
        text.each(COUNTED, "outcome", [("accepted", Value::Count(3)), ("odd\"\\\n", Value::Count(0))]);
        text.each(COUNTED, "outcome", []);
        text.histogram(TOOK, &histogram.read());
        text.one(AT, Value::At(Timestamp::from_unix_ms(1_795_356_339_003)));
        assert_snapshot!(text.finish(), @r##"
        # HELP devicedrop_files_total Files.
        # TYPE devicedrop_files_total counter
        devicedrop_files_total{outcome="accepted"} 3
        devicedrop_files_total{outcome="odd\"\\\n"} 0
        # HELP devicedrop_scan_seconds Scans.
        # TYPE devicedrop_scan_seconds histogram
        devicedrop_scan_seconds_bucket{le="0.005"} 0
        devicedrop_scan_seconds_bucket{le="60"} 1
        devicedrop_scan_seconds_bucket{le="+Inf"} 1
        devicedrop_scan_seconds_sum 1.5
        devicedrop_scan_seconds_count 1
        # HELP devicedrop_last_seconds Last.
        # TYPE devicedrop_last_seconds gauge
        devicedrop_last_seconds 1795356339.003
        "##);
    }

    /// Reads a line as Prometheus' parser does: name, label, its value without its quoting, and what stands behind.
    fn read(line: &str) -> Option<(String, String, String)> {
        let (name, rest) = line.split_once('{')?;
        let rest = rest.strip_prefix("customer=\"")?;
        let (mut value, mut quoted, mut end) = (String::new(), false, None);
        for (at, c) in rest.char_indices() {
            match (quoted, c) {
                (true, 'n') => value.push('\n'),
                (true, '\\' | '"') => value.push(c),
                (true, _) => return None,
                (false, '\\') => {}
                (false, '"') => {
                    end = Some(at + 1);
                    break;
                }
                (false, c) => value.push(c),
            }
            quoted = !quoted && c == '\\';
        }
        let number = rest.get(end?..)?.strip_prefix("} ")?;
        Some((name.to_owned(), value, number.to_owned()))
    }

    proptest! {
        #[test]
        fn whatever_a_label_holds_a_reader_gets_it_back(text: String, count: u64) {
            let mut written = Text::default();
            written.each(COUNTED, "customer", [(text.as_str(), Value::Count(count))]);
            let written = written.finish();
            // Split by line ends alone, as they are in the format.
            let lines: Vec<&str> = written.split_terminator('\n').collect();
            prop_assert_eq!(lines.len(), 3);
            let expected = (COUNTED.name.to_owned(), text, count.to_string());
            prop_assert_eq!(read(lines[2]), Some(expected));
        }
    }
}
