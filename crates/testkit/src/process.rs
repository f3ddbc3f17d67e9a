//! The built program as a process: run to its end, or started, followed by its log, and stopped.
//!
//! Nothing here sleeps. Waiting is waiting for a log line, for the end of a stream, or, for files, looking again at
//! each log line and a few times a second; a watchdog ends what would wait for ever.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How often a file is looked at when no log line says that it is time to.
const GLANCE: Duration = Duration::from_millis(25);

/// What a finished program left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "look at the output, or at least at the exit code"]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
}

impl Output {
    /// Runs `command` to its end; what takes longer than `watchdog` is killed and is an error.
    pub fn of(command: &mut Command, watchdog: Duration) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("can't start it")?;
        let stdout = whole(child.stdout.take().context("no standard output")?);
        let stderr = whole(child.stderr.take().context("no standard error")?);
        let deadline = Instant::now() + watchdog;
        let texts =
            [stdout, stderr].map(|text| text.recv_timeout(deadline.saturating_duration_since(Instant::now())));
        let [Ok(stdout), Ok(stderr)] = texts else {
            child.kill()?;
            child.wait()?;
            bail!("still running after {watchdog:?}: {command:?}");
        };
        Ok(Self { stdout, stderr, code: child.wait()?.code() })
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not one JSON document: {self:?}"))
    }
}

/// All that a stream brings, once it ends.
fn whole(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth showing.
        drop(stream.read_to_end(&mut bytes));
        drop(sender.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    receiver
}

/// The text as JSON; null if it isn't.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// One line of a log, or of whatever else came on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line as it came.
    pub text: String,
    /// Its content, if it is JSON.
    pub json: Value,
}

impl Line {
    fn new(text: String) -> Self {
        let json = json(&text);
        Self { text, json }
    }

    /// The event's message; the whole line where it isn't JSON.
    pub fn message(&self) -> &str {
        self.field("message").and_then(Value::as_str).unwrap_or(&self.text)
    }

    /// One of the event's fields; they stand beside the time and the level in one flat object.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.json.get(name)
    }

    /// Whether the event has a field with this text or, for other values, with this JSON.
    pub fn has(&self, name: &str, text: &str) -> bool {
        self.field(name).is_some_and(|value| value.as_str() == Some(text) || *value == json(text))
    }

    /// The module that the event comes from.
    pub fn target(&self) -> &str {
        self.json.get("target").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The program as it runs. Killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    lines: Receiver<Line>,
    /// Read, and not yet looked at by a wait.
    waiting: VecDeque<Line>,
    /// Looked at, in their order.
    seen: Vec<Line>,
    ended: bool,
    watchdog: Duration,
}

impl Daemon {
    pub(crate) fn start(command: &mut Command, watchdog: Duration) -> Result<Self> {
        let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("can't start {command:?}"))?;
        let stderr = BufReader::new(child.stderr.take().context("no standard error")?);
        // Without a limit: a full queue here would stop the program at its next log line.
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let line = Line::new(String::from_utf8_lossy(&line).into_owned());
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, waiting: VecDeque::new(), seen: Vec::new(), ended: false, watchdog })
    }

    /// The process's ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a log line and gives it back; `what` is for the message when it doesn't come. Each line is offered to
    /// one wait only: a wait goes on where the one before it ended.
    pub fn wait_for(&mut self, what: &str, mut is_it: impl FnMut(&Line) -> bool) -> Result<Line> {
        let deadline = Instant::now() + self.watchdog;
        loop {
            while let Some(line) = self.waiting.pop_front() {
                self.seen.push(line.clone());
                if is_it(&line) {
                    return Ok(line);
                }
            }
            if self.ended || Instant::now() >= deadline {
                bail!(self.missing(what));
            }
            self.listen(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Waits for a log line with this message.
    pub fn wait_for_message(&mut self, message: &str) -> Result<Line> {
        self.wait_for(message, |line| line.message() == message)
    }

    /// Waits until `is_so` gives something, asking it at each new log line and a few times a second. The lines stay
    /// for a later wait.
    pub fn wait_until<T>(&mut self, what: &str, mut is_so: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let deadline = Instant::now() + self.watchdog;
        loop {
            // Asked once more after the end: the last deed may be younger than the last look.
            let ended = self.ended;
            if let Some(it) = is_so()? {
                return Ok(it);
            }
            if ended || Instant::now() >= deadline {
                bail!(self.missing(what));
            }
            self.listen(GLANCE);
        }
    }

    /// Waits for a file, and for `is_it` to hold of its text; result files are whole whenever they are there.
    pub fn wait_for_file(&mut self, path: &Path, mut is_it: impl FnMut(&str) -> bool) -> Result<String> {
        self.wait_until(&format!("{} as it should be", path.display()), || match fs::read_to_string(path) {
            Ok(text) => Ok(is_it(&text).then_some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        })
    }

    /// Waits for a result file, whatever stands in it.
    pub fn wait_for_result(&mut self, path: &Path) -> Result<String> {
        self.wait_for_file(path, |_| true)
    }

    /// Lets it live for this time, or until it ends by itself.
    pub fn live_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while !self.ended && Instant::now() < deadline {
            self.listen(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// The log so far.
    pub fn log(&self) -> impl Iterator<Item = &Line> {
        self.seen.iter().chain(&self.waiting)
    }

    /// The end of its log so far.
    pub fn last_lines(&self, lines: usize) -> String {
        let texts: Vec<_> = self.log().map(|line| line.text.as_str()).collect();
        texts.get(texts.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }

    /// Sends a signal by its name: `HUP`, `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid().to_string();
        let status = Command::new("/bin/sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status()?;
        anyhow::ensure!(status.success(), "can't send {name} to process {pid}");
        Ok(())
    }

    /// Waits as long as this for what must come: work that a disk may take minutes for.
    #[must_use]
    pub fn with_watchdog(mut self, watchdog: Duration) -> Self {
        self.watchdog = watchdog;
        self
    }

    /// Asks it to stop (SIGTERM), waits for its end, and gives its exit code and its whole log.
    pub fn terminate(self) -> Result<(i32, Vec<Line>)> {
        self.signal("TERM")?;
        self.wait()
    }

    /// Waits for it to end by itself, and gives its exit code and its whole log.
    pub fn wait(mut self) -> Result<(i32, Vec<Line>)> {
        let deadline = Instant::now() + self.watchdog;
        while !self.ended {
            if Instant::now() >= deadline {
                bail!(self.missing("the end of the process"));
            }
            self.listen(deadline.saturating_duration_since(Instant::now()));
        }
        let status = self.child.wait()?;
        let Some(code) = status.code() else { bail!("{status}\n{}", self.transcript()) };
        Ok((code, self.log().cloned().collect()))
    }

    /// Waits for it to be ended by a SIGKILL from elsewhere, its own included, and gives its whole log. Any other end is
    /// an error: a kill that never came would let a test pass that showed nothing.
    pub fn killed(mut self) -> Result<Vec<Line>> {
        let deadline = Instant::now() + self.watchdog;
        while !self.ended {
            if Instant::now() >= deadline {
                bail!(self.missing("the kill"));
            }
            self.listen(deadline.saturating_duration_since(Instant::now()));
        }
        let status = self.child.wait()?;
        anyhow::ensure!(status.signal() == Some(9), "not killed, but {status}\n{}", self.transcript());
        Ok(self.log().cloned().collect())
    }

    /// Ends it in the middle of whatever it does (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Takes over the lines that come within `time`, at the first of them at once.
    fn listen(&mut self, time: Duration) {
        match self.lines.recv_timeout(time) {
            Ok(line) => self.waiting.push_back(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.ended = true,
        }
        self.waiting.extend(self.lines.try_iter());
    }

    fn missing(&self, what: &str) -> String {
        let why = if self.ended { "the process ended" } else { "the watchdog barked" };
        format!("waited for {what}; {why}. Its log:\n{}", self.transcript())
    }

    fn transcript(&self) -> String {
        self.log().flat_map(|line| [line.text.as_str(), "\n"]).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// A shell script in the place of the program.
    fn script(text: &str) -> Result<Daemon> {
        Daemon::start(Command::new("/bin/sh").args(["-c", text]).stdin(Stdio::null()), SOON)
    }

    const WAITS: &str = r#"
        trap 'echo "{\"message\":\"stopped\"}" >&2; exit 3' TERM
        echo 'not JSON' >&2
        echo '{"target":"devicedrop::inbox","message":"accepted","rows":2,"file":"a.csv"}' >&2
        while :; do read -r nothing <&3; done
    "#;

    fn waits(folder: &Path) -> Result<Daemon> {
        let fifo = folder.join("fifo");
        anyhow::ensure!(Command::new("mkfifo").arg(&fifo).status()?.success(), "mkfifo");
        script(&format!("exec 3<>'{}'\n{WAITS}", fifo.display()))
    }

    #[test]
    fn lines_are_read_and_a_terminated_process_says_its_code() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut daemon = waits(folder.path())?;
        let line = daemon.wait_for("acceptance", |line| line.has("file", "a.csv") && line.has("rows", "2"))?;
        assert_eq!((line.message(), line.target()), ("accepted", "devicedrop::inbox"));
        let (code, log) = daemon.terminate()?;
        assert_eq!(code, 3);
        assert_eq!(log.iter().map(Line::message).collect::<Vec<_>>(), ["not JSON", "accepted", "stopped"]);
        Ok(())
    }

    #[test]
    fn a_killed_process_has_no_code() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut daemon = waits(folder.path())?;
        daemon.wait_for_message("accepted")?;
        assert_eq!(daemon.kill()?.code(), None);
        Ok(())
    }

    #[test]
    fn what_does_not_come_is_named_together_with_the_log() -> Result<()> {
        let mut daemon = script("echo hello >&2")?;
        let error = daemon.wait_for_message("goodbye").expect_err("it never says so").to_string();
        assert_eq!(error, "waited for goodbye; the process ended. Its log:\nhello\n");
        Ok(())
    }

    #[test]
    fn a_file_is_waited_for_until_it_says_the_right_thing() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.result.csv");
        let at = path.display();
        let mut daemon = script(&format!("echo pending > '{at}'; echo one >&2; echo ready > '{at}'; echo two >&2"))?;
        assert_eq!(daemon.wait_for_file(&path, |text| text.contains("ready"))?, "ready\n");
        daemon.wait_for_message("two")?;
        assert_eq!(daemon.wait()?.0, 0);
        Ok(())
    }

    #[test]
    fn a_run_gives_both_streams_and_the_code() -> Result<()> {
        let output = Output::of(Command::new("/bin/sh").args(["-c", "echo '[1]'; echo no >&2; exit 2"]), SOON)?;
        assert_eq!(output, Output { stdout: "[1]\n".into(), stderr: "no\n".into(), code: Some(2) });
        assert_eq!(output.json()?, serde_json::json!([1]));
        Ok(())
    }
}
