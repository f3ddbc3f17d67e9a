//! `cargo xtask zoo`: the zoo of file contents where it takes more than the tests do: full size, and LibreOffice.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::zoo::{MEMORY, Size, limit_memory, measure, office, table};

/// Gigabytes go to the disk and are synced there.
const PATIENCE: Duration = Duration::from_mins(20);

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let out = &mut std::io::stdout().lock();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--libreoffice"] => {
            let folder = tempfile::Builder::new().prefix("devicedrop-zoo-").tempdir()?;
            office(folder.path(), out)?;
        }
        ["--program", program] => memory(program.into(), Size::Full, out)?,
        ["--program", program, "--quick"] => memory(program.into(), Size::Quick, out)?,
        _ => bail!("usage: cargo xtask zoo [--quick | --libreoffice | --write]"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Drops the big cases into a daemon, one after the other, and prints what each took.
fn memory(program: PathBuf, size: Size, out: &mut dyn Write) -> Result<()> {
    let mut env = TestEnv::new(program)?;
    // What is over the limit isn't read, and here it is the reading that counts.
    env.set("drop.max_file_size", "\"16GiB\"")?.set("drop.per_customer_bytes_per_day", "\"64GiB\"")?;
    let mut daemon = env.start(&[])?.with_watchdog(PATIENCE);
    daemon.wait_for_message("ready")?;
    limit_memory(&daemon)?;
    writeln!(out, "{:<28} {:>12} {:>12} {:>12}", "case", "size", "daemon", "check")?;
    let (mut most, mut over) = (0, 0);
    for case in table()?.into_iter().filter(|group| group.big).flat_map(|group| group.cases) {
        let measured = measure(&env, &mut daemon, "zoo", &case, size)?;
        let mib = |kib: u64| format!("{} MiB", kib.div_ceil(1024));
        let bytes = mib(measured.bytes.div_ceil(1024));
        writeln!(out, "{:<28} {bytes:>12} {:>12} {:>12}", case.name, mib(measured.daemon), mib(measured.check))?;
        let missing = case.says.iter().find(|words| !measured.answer.contains(&words.replace('"', "\"\"")));
        ensure!(missing.is_none(), "{} doesn't say {missing:?}: {}", case.name, measured.answer);
        let told = measured.check > 1024 && measured.daemon > 1024;
        ensure!(told, "{}: that was no measurement: {measured:?}", case.name);
        most = most.max(measured.daemon).max(measured.check);
        over += usize::from(measured.bytes > MEMORY * 1024);
    }
    ensure!(over >= 2, "only {over} files were bigger than what may be taken");
    let (code, _) = daemon.terminate()?;
    ensure!(code == 0, "the daemon ended with {code}");
    let limit = MEMORY / 1024;
    ensure!(most < MEMORY, "{} MiB at the most, which is over {limit} MiB", most.div_ceil(1024));
    writeln!(out, "{} MiB at the most; the limit is {limit} MiB", most.div_ceil(1024)).context("can't print")
}
