//! devicedrop's chores: the house rules that no compiler knows, campaigns that hurt the daemon, measurements, and the
//! gate. What each does is in its usage.

mod fuzz;
mod ledger_shape;
mod planted;
mod programs;
mod scale;
mod tidy;
mod zoo;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;

const USAGE: &str = "usage: cargo xtask CHORE

  tidy   checks the house rules that neither the compiler nor clippy knows
  scale [--rows 100000] [--files 10000] [--folders 100] [--quick] [--keep] | --look LEDGER
         builds the release, drops one file of so many rows, then so many files of 10 rows in so many folders,
         checks everything that comes of it and prints how long it took and what it needed (docs/performance.md); --look
         only asks a ledger that is there
  faults [--kills N] [--seed S]
         kills the daemon N times at random moments under load and checks what must hold; a seed gives the same again
  simulate [--seed 1] [--seeds 1] [--steps 120] [--trace FILE]
         lets the whole daemon run in one process under a clock of its own, with senders, a registrar, a disk and kills by
         the chances of each seed, and compares it with a model; the same seed gives the very same again; on a violation
         it says with how few steps it comes again (docs/reliability.md); --trace writes what happened
  tamper [--stride 1] [--seed 0] [--jobs N]
         flips one bit in each byte (or in one byte of so many) of a small ledger, another one for another seed, and
         fails unless verification finds it or nothing of the record reads otherwise (docs/reliability.md)
  kill-sweep [--points N]
         kills the program in front of each call on files and sockets that a small run makes, one run for each, and
         checks what the next start makes of it; with --points at so many of them (docs/reliability.md)
  io-errors [--points N]
         has each call that data hang on fail once with each error that disks have for it, in the same way
  soak [--minutes 60] [--seed 1] [--quick]
         has the release work for so long, with faults and kills, and fails unless what it needs stays flat and
         everything was answered as it must be; --quick: half a minute of it (docs/reliability.md); as root
  planted [--only M4 | --check]
         plants known bugs into a copy of the tree, one after the other, and says of each whether its guard noticed it;
         --check looks only whether each can still be planted (docs/reliability.md); as root
  race [--swaps 400000]
         swaps files, folders, results and files aside for links under the daemon and checks that nothing leaks
  flood [--files 10000] [--rounds 5] [--folders 0] [--empty]
         drops so many files for one customer and one for another, which must be answered before most of the others;
         then in turn with the one alone, and prints how long the one took (docs/performance.md)
  services [--graph] [--rows 10000] [--seed 1] [--latency-ms 1000] [--fail-percent 5] [--rate 10] [--kill-every-ms 4000]
         builds the release and registers so many rows over the service for trials, which fails, throttles and is slow,
         while one of the two is killed every few seconds; then compares both records (docs/reliability.md)
  zoo [--quick | --libreoffice | --write]
         drops the biggest files of tests/corpus/ into a release, up to 4 GiB each (--quick: up to 80 MiB), and prints
         what memory each took; --libreoffice has LibreOffice write CSVs and read results; --write writes anew what is
         made of the table (docs/corpus.md)
  fuzz [--target T]... [--seconds 30 | --executions N] [--jobs 1] | --build | --totals
         builds the fuzz targets and runs each for so long; fails on a finding and says where its input is; --totals
         prints what all runs came to so far (docs/fuzzing.md)
  power-cuts [--points 1500] [--seed 1] [--restart-every 25] [--planted M1|M2|M3]
         cuts the power under the daemon at so many random moments and looks what is left on the disks; after one cut
         in so many it starts the daemon again; a planted bug must be noticed (docs/reliability.md); as root
  ledger-shape [--rows 500000] [--rounds 1] [--variant WORD+WORD]... [--look] [--after SQL]
         loads so many rows into each variant of the ledger's tables, so many times, and prints what it cost; --look
         also times look-ups, --after runs SQL before them (docs/decisions/0010-the-shape-of-the-ledger.md)
  ci     runs .ci/run, the gate that every change must pass
";

fn main() -> anyhow::Result<ExitCode> {
    let top = top()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(&top, &mut std::io::stdout().lock()),
        ["scale", sizes @ ..] => scale::run(&top, sizes, &mut std::io::stdout().lock()),
        ["faults", rest @ ..] => programs::run(&top, "faults", rest),
        ["simulate", rest @ ..] => programs::run(&top, "simulate", rest),
        ["tamper", rest @ ..] => programs::run(&top, "tamper", rest),
        ["race", rest @ ..] => programs::run(&top, "race", rest),
        ["services", rest @ ..] => services(&top, rest),
        ["flood", rest @ ..] => programs::run(&top, "flood", rest),
        ["zoo", rest @ ..] => zoo::run(&top, rest),
        ["kill-sweep", rest @ ..] => sweep(&top, "kill-sweep", rest),
        ["soak", rest @ ..] => soak(&top, rest),
        ["io-errors", rest @ ..] => sweep(&top, "io-errors", rest),
        ["planted", rest @ ..] => planted::run(&top, rest, &mut std::io::stdout().lock()),
        ["fuzz", rest @ ..] => fuzz::run(&top, rest, &mut std::io::stdout().lock()),
        ["power-cuts", rest @ ..] => power_cuts(&top, rest),
        ["ledger-shape", settings @ ..] => ledger_shape::run(&top, settings, &mut std::io::stdout().lock()),
        ["ci"] => gate(&top),
        _ => {
            std::io::stderr().write_all(USAGE.as_bytes())?;
            Ok(ExitCode::from(2))
        }
    }
}

/// The repository's top folder: where this package's folder lies.
fn top() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).context("the xtask package lies in no folder")
}

fn gate(top: &Path) -> anyhow::Result<ExitCode> {
    let status = Command::new("bash").arg(top.join(".ci/run")).status().context("can't run .ci/run with bash")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Disturbs the program as it is built, which is named first.
fn sweep(top: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let folder = programs::built(top)?;
    programs::ran(Command::new(folder.join(name)).arg(folder.join("devicedrop")).args(arguments))
}

/// The program and the soak as a release, but for the slice in the gate.
fn soak(top: &Path, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let quick = arguments.contains(&"--quick");
    let folder = if quick { programs::built(top)? } else { programs::release_with(top, "soak")? };
    programs::ran(Command::new(folder.join("soak")).arg(folder.join("devicedrop")).args(arguments))
}

/// The daemon and the service are the release, whoever looks at them isn't.
fn services(top: &Path, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let release = programs::release(top)?;
    let release = release.to_str().context("a path in UTF-8")?;
    programs::run(top, "services", &[&["--program", release], arguments].concat())
}

/// Run with the built daemon in namespaces of its own: whatever ends it, its mounts and the daemons that it started end
/// with it.
fn power_cuts(top: &Path, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let folder = programs::built(top)?;
    let mut command = Command::new("unshare"); // comes with util-linux
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    programs::ran(command.arg(folder.join("power-cuts")).arg(folder.join("devicedrop")).args(arguments))
}
