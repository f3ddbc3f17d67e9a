//! The program, followed through every system call on files and sockets: each can be let through, fail, do less than
//! it was asked for, or never happen because the process is killed in front of it.
//!
//! A call is named by what it does to which file and its how-manieth time, not by its number in the run: threads come
//! in another order each time, but who writes to one file does so in the same order. Which calls there are is said in
//! `calls`; what is made of them in the sweeps. Nothing here knows devicedrop.

mod calls;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
pub use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::env::WATCHDOG;
pub use calls::Kind;
use calls::{Shape, shape};

/// One call of the program, before it happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// Its name: `pwrite64`.
    pub name: &'static str,
    /// The file that it is about, below the folder that the program works in; others by their whole path. What chance
    /// names is `*`.
    pub place: String,
    /// How often this was done to this file, this time included.
    pub nth: u32,
    /// What it is good for.
    pub kind: Kind,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.name, self.place, self.nth)
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It happens.
    Let,
    /// The process is killed in front of it.
    Kill,
    /// It doesn't happen, and the program is told this error.
    Fail(Errno),
    /// It writes no more than so many bytes.
    Shorten(u64),
    /// It happens after so long, and until then no other call of the program goes on.
    Delay(Duration),
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(Signal),
    /// It ran for so long that it was killed.
    Hung,
}

/// Runs `command` below `home`, its standard error in `log`, and asks about each of its calls.
pub fn run(command: &Command, home: &Path, log: File, ask: &mut dyn FnMut(&Call) -> Deed) -> Result<End> {
    ensure!(cfg!(target_arch = "x86_64"), "calls can be followed on x86-64 only");
    // It stops before it becomes the program, so that nothing of the program is missed.
    let mut stopped = Command::new("/bin/sh");
    stopped.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    stopped.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            stopped.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        stopped.current_dir(folder);
    }
    let child = stopped.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().context("can't start it")?;
    let leader = Pid::from_raw(i32::try_from(child.id())?);
    // Whoever waits for it below is its only reaper; `child` is never asked.
    drop(child);
    let mut tracer = Tracer { leader, home, threads: HashMap::new(), counts: HashMap::new(), counting: false, ask };
    let (over, watched) = sync_channel::<()>(1);
    let watchdog = thread::spawn(move || {
        let barked = watched.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout);
        if barked {
            // It may be gone this very moment.
            kill(leader, Signal::SIGKILL).unwrap_or_default();
        }
        barked
    });
    let end = tracer.follow();
    if end.is_err() {
        kill(leader, Signal::SIGKILL).unwrap_or_default();
    }
    drop(over);
    let barked = watchdog.join().is_ok_and(|barked| barked);
    Ok(if barked { End::Hung } else { end? })
}

/// What a thread is about.
#[derive(Debug, Default)]
struct Thread {
    /// Whether it is inside of a call.
    inside: bool,
    /// What the call that it is inside of is to give back, in the place of what it gives.
    answer: Option<u64>,
}

struct Tracer<'a> {
    leader: Pid,
    home: &'a Path,
    threads: HashMap<Pid, Thread>,
    counts: HashMap<(&'static str, String), u32>,
    /// From when on the process is the program.
    counting: bool,
    ask: &'a mut dyn FnMut(&Call) -> Deed,
}

impl Tracer<'_> {
    fn follow(&mut self) -> Result<End> {
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        let first = waitpid(self.leader, Some(WaitPidFlag::WUNTRACED))?;
        ensure!(matches!(first, WaitStatus::Stopped(_, Signal::SIGSTOP)), "it didn't stop: {first:?}");
        ptrace::seize(self.leader, options).context("it can't be followed; are we in a container without ptrace?")?;
        kill(self.leader, Signal::SIGCONT)?;
        loop {
            // This thread's own children only: others in this process have theirs.
            match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.leader => return Ok(End::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.leader => return Ok(End::Signal(signal)),
                Ok(WaitStatus::PtraceSyscall(pid)) => self.at_a_call(pid)?,
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    self.counting |= event == libc::PTRACE_EVENT_EXEC;
                    go_on(pid, None)?;
                }
                Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, Some(signal))?,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => bail!("it was lost: {error}"),
            }
        }
    }

    fn at_a_call(&mut self, pid: Pid) -> Result<()> {
        let thread = self.threads.entry(pid).or_default();
        thread.inside = !thread.inside;
        let answer = thread.answer.take();
        if thread.inside {
            self.before(pid)?;
        } else if let Some(answer) = answer {
            gone_is_fine(ptrace::getregs(pid).and_then(|mut registers| {
                registers.rax = answer;
                ptrace::setregs(pid, registers)
            }))?;
        }
        go_on(pid, None)
    }

    fn before(&mut self, pid: Pid) -> Result<()> {
        let mut registers = match ptrace::getregs(pid) {
            Ok(registers) => registers,
            Err(Errno::ESRCH) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(call) = self.counting.then(|| self.call(pid, &registers)).flatten() else { return Ok(()) };
        match (self.ask)(&call) {
            Deed::Let => {}
            Deed::Delay(time) => thread::sleep(time),
            Deed::Kill => gone_is_fine(kill(self.leader, Signal::SIGKILL))?,
            Deed::Fail(errno) => {
                // No such call: the kernel does nothing, and what it answers is replaced when it comes back.
                registers.orig_rax = u64::MAX;
                gone_is_fine(ptrace::setregs(pid, registers))?;
                // Errors come back below zero.
                let answer = u64::from(number(errno).unsigned_abs()).wrapping_neg();
                self.threads.entry(pid).or_default().answer = Some(answer);
            }
            Deed::Shorten(bytes) => {
                registers.rdx = registers.rdx.min(bytes);
                gone_is_fine(ptrace::setregs(pid, registers))?;
            }
        }
        Ok(())
    }

    fn call(&mut self, pid: Pid, registers: &libc::user_regs_struct) -> Option<Call> {
        let (name, shape, kind) = shape(registers.orig_rax)?;
        let path = match shape {
            Shape::Fd => of_descriptor(pid, registers.rdi)?,
            Shape::Mapped => of_descriptor(pid, registers.r8)?,
            Shape::Path => text_at(pid, registers.rdi)?,
            Shape::At => below(pid, registers.rdi, registers.rsi)?,
            Shape::AtTo => below(pid, registers.rdx, registers.r10)?,
        };
        let place = self.place(&path)?;
        let nth = self.counts.entry((name, place.clone())).or_default();
        *nth += 1;
        Some(Call { name, place, nth: *nth, kind })
    }

    /// The file as it is called in every run; none for what is no file and no socket.
    fn place(&self, path: &Path) -> Option<String> {
        let text = path.strip_prefix(self.home).unwrap_or(path).display().to_string();
        if text.starts_with("anon_inode:") || text.starts_with("/proc/") {
            return None;
        }
        if let Some((kind, _)) = text.split_once(":[") {
            return Some(kind.to_owned());
        }
        Some(without_chance(&text))
    }
}

/// The number of an error, as `errno(3)` has it.
#[expect(clippy::as_conversions, reason = "the enum's numbers are the kernel's, and it offers no other way to them")]
fn number(errno: Errno) -> i32 {
    errno as i32
}

fn go_on(pid: Pid, signal: Option<Signal>) -> Result<()> {
    gone_is_fine(ptrace::syscall(pid, signal))
}

/// A thread can be killed at any time, and then it isn't there to be told anything.
fn gone_is_fine(done: nix::Result<()>) -> Result<()> {
    match done {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Digests and random names, which are others in each run, as `*`.
fn without_chance(text: &str) -> String {
    let mut named = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(end);
        named.push_str(if digits.len() < 12 { digits } else { "*" });
        let mut chars = behind.chars();
        named.extend(chars.next());
        rest = chars.as_str();
    }
    named
}

fn of_descriptor(pid: Pid, descriptor: u64) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()
}

/// A path that a call gives relative to a folder, which is given as a descriptor.
fn below(pid: Pid, folder: u64, path: u64) -> Option<PathBuf> {
    let path = text_at(pid, path)?;
    // The kernel looks at the lower half only.
    let [a, b, c, d, ..] = folder.to_le_bytes();
    let folder = i32::from_le_bytes([a, b, c, d]);
    if path.is_absolute() {
        return Some(path);
    }
    let folder = if folder == libc::AT_FDCWD {
        fs::read_link(format!("/proc/{pid}/cwd")).ok()?
    } else {
        of_descriptor(pid, u64::try_from(folder).ok()?)?
    };
    Some(if path.as_os_str().is_empty() { folder } else { folder.join(path) })
}

/// The text that ends with a zero byte at this place of its memory.
fn text_at(pid: Pid, address: u64) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut bytes = Vec::new();
    loop {
        let mut one = [0; 64];
        let at = address.checked_add(u64::try_from(bytes.len()).ok()?)?;
        // Up to the end of a page first: the next one needn't be there.
        let here = usize::try_from(4096 - at % 4096).ok()?.min(one.len());
        let read = match memory.read_at(one.get_mut(..here)?, at) {
            Ok(0) => return None,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        let read = one.get(..read)?;
        if let Some(end) = read.iter().position(|byte| *byte == 0) {
            bytes.extend(read.get(..end)?);
            return Some(std::ffi::OsString::from_vec(bytes).into());
        }
        bytes.extend(read);
        if bytes.len() > 4096 {
            return None;
        }
    }
}
