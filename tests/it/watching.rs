//! `status --watch`: into a pipe, on a terminal, and over the end of a daemon.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{CONTOSO, env, fence, start, stop};

/// Ends it as Ctrl-C does, and says what it printed since and by which signal it ended.
fn interrupt(mut child: Child, mut printed: impl Read) -> Result<(String, Option<i32>)> {
    let pid = i32::try_from(child.id())?;
    kill_process(Pid::from_raw(pid).context("a process")?, Signal::INT)?;
    let mut rest = Vec::new();
    printed.read_to_end(&mut rest)?;
    Ok((String::from_utf8_lossy(&rest).into_owned(), child.wait()?.signal()))
}

/// Reads lines until one begins so.
fn until(lines: &mut impl BufRead, begins: &str) -> Result<String> {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        ensure!(lines.read_line(&mut line)? > 0, "it ended before {begins:?}:\n{all}");
        all.push_str(&line);
        if line.starts_with(begins) {
            return Ok(all);
        }
    }
}

#[test]
fn it_is_shown_again_and_again_over_the_end_of_a_daemon_until_somebody_ends_it() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "one")?;
    let mut child = env.command().args(["status", "--watch"]).stdout(Stdio::piped()).spawn()?;
    let mut printed = BufReader::new(child.stdout.take().context("its output")?);
    let first = until(&mut printed, "last activity")?;
    ensure!(first.contains("\nhealth         healthy\n") && !first.contains('\u{1b}'), "{first}");
    until(&mut printed, "daemon         0")?;
    stop(daemon)?;
    until(&mut printed, "daemon         not running")?;
    let (rest, signal) = interrupt(child, printed)?;
    ensure!(signal == Some(2) && !rest.contains("panic"), "{signal:?}: {rest}");
    Ok(())
}

#[test]
fn a_terminal_is_cleared_and_gets_no_more_than_it_has_room_for() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "one")?;
    // `script` has a terminal for what it runs; ten rows of it are too few for a status.
    let watch = format!("stty rows 10 cols 90; exec {} status --watch", env!("CARGO_BIN_EXE_devicedrop"));
    let mut script = env.command_of("script");
    script.args(["--quiet", "--command", &watch, "/dev/null"]).env("TERM", "xterm").env_remove("COLUMNS");
    let mut child = script.stdout(Stdio::piped()).spawn()?;
    let mut printed = BufReader::new(child.stdout.take().context("its output")?);
    let mut shown = Vec::new();
    while shown.windows(7).filter(|seen| *seen == b"\x1b[H\x1b[2J").count() < 2 {
        ensure!(printed.read_until(b'J', &mut shown)? > 0, "it ended: {}", String::from_utf8_lossy(&shown));
    }
    let (_, signal) = interrupt(child, printed)?;
    ensure!(signal == Some(2) || signal.is_none(), "{signal:?}");
    let text = String::from_utf8_lossy(&shown);
    let screen = text.split("\u{1b}[2J").nth(1).context("a first screen")?;
    ensure!(screen.lines().count() <= 10 && screen.contains("..."), "{screen:?}");
    stop(daemon)
}
