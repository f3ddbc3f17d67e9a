//! The log: to stderr, for people on a terminal, in JSON elsewhere. Results never go here.

use std::io::{self, IsTerminal, Write};

use devicedrop_core::shown::is_deceptive;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::environment::Environment;

/// What kind of command logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// A daemon, whose log is its voice.
    Daemon,
    /// A command, whose voice is its output.
    Command,
}

/// Sets the log up for this process. What `DEVICEDROP_LOG` says that can't be understood is returned, to be told.
pub fn start(environment: &Environment, verbose: u8, talk: Talk) -> Option<String> {
    let (filter, complaint) = filter(environment.log.as_deref(), verbose, talk);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr)
        // Its own complaint about a failed write would be printed, and printing to a closed stderr panics.
        .log_internal_errors(false);
    // A second start in one process (tests) leaves the first in force.
    if io::stderr().is_terminal() {
        builder.with_ansi(!environment.no_color).with_target(false).try_init().unwrap_or_default();
    } else {
        builder.json().flatten_event(true).with_ansi(false).with_writer(JsonStderr).try_init().unwrap_or_default();
    }
    complaint
}

fn filter(asked: Option<&str>, verbose: u8, talk: Talk) -> (EnvFilter, Option<String>) {
    let usual = match (talk, verbose) {
        (Talk::Command, 0) => "warn",
        (Talk::Daemon, 0) | (Talk::Command, 1) => "info",
        (Talk::Daemon, 1) | (Talk::Command, 2) => "info,devicedrop=debug,devicedrop_core=debug",
        _ => "debug,devicedrop=trace,devicedrop_core=trace",
    };
    match asked.map(str::parse::<EnvFilter>) {
        None => (EnvFilter::new(usual), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => {
            let complaint = format!("DEVICEDROP_LOG can't be understood ({error}); the log goes on with {usual:?}");
            (EnvFilter::new(usual), Some(complaint))
        }
    }
}

/// Standard error, of which nothing depends on being read.
#[derive(Debug, Clone, Copy)]
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(bytes).unwrap_or_default();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush().or(Ok(()))
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// Standard error for JSON. What a terminal obeys, or an eye can't see, is escaped as JSON has it: whoever reads the
/// log with eyes isn't fooled, and whoever parses it gets the text as it is.
#[derive(Debug, Clone, Copy)]
struct JsonStderr;

impl Write for JsonStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Stderr.write_all(&harmless_json(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Stderr.flush()
    }
}

impl MakeWriter<'_> for JsonStderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// Outside of strings, JSON is plain ASCII; so whatever is deceptive stands in one.
fn harmless_json(bytes: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        if character != '\n' && is_deceptive(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                line.extend(format!("\\u{unit:04x}").bytes());
            }
        } else {
            line.extend(character.encode_utf8(&mut [0; 4]).bytes());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_hides_nothing_and_obeys_nothing() {
        let line = "{\"file\":\"a\u{9b}31m\u{202e}\u{e0001}é\"}\n";
        let harmless = harmless_json(line.as_bytes());
        assert_eq!(String::from_utf8_lossy(&harmless), "{\"file\":\"a\\u009b31m\\u202e\\udb40\\udc01é\"}\n");
        let (before, after): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(line).expect("JSON"), serde_json::from_slice(&harmless).expect("JSON"));
        assert_eq!(before, after);
    }

    #[test]
    fn levels_follow_the_command_and_the_environment() {
        let level = |asked, verbose, talk| filter(asked, verbose, talk).0.to_string();
        assert_eq!(level(None, 0, Talk::Daemon), "info");
        assert_eq!(level(None, 0, Talk::Command), "warn");
        assert!(level(None, 1, Talk::Daemon).contains("devicedrop=debug"));
        assert_eq!(level(Some("error"), 2, Talk::Daemon), "error", "what is asked for holds");
        let (_, complaint) = filter(Some("devicedrop=loud"), 0, Talk::Daemon);
        assert!(complaint.is_some_and(|words| words.contains("DEVICEDROP_LOG")));
    }
}
