//! `status`: how things stand, on a screen.

use std::os::unix::ffi::OsStrExt;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, Paint};
use crate::cli::replies::counted;
use crate::control::protocol::{CustomerStatus, FolderState, Health, Problem, RefusedPath, Status, Unfinished};
use devicedrop_core::shown::{shown, shown_bytes};
use devicedrop_core::time::Timestamp;

/// So many waiting files are listed on a screen, and so many refused ones.
const SHOWN: usize = 20;

/// Prints all of it.
pub fn print(status: &Status, output: &mut Output) -> Result<(), CliError> {
    head(status, output)?;
    customers(status, output)?;
    oldest(status, output)?;
    waiting(status, output)?;
    refused(status, output)?;
    needs_a_person(status, output)
}

/// Prints it for a screen that may not have room for all: what needs a person comes before the long lists.
pub fn print_screen(status: &Status, output: &mut Output) -> Result<(), CliError> {
    head(status, output)?;
    oldest(status, output)?;
    needs_a_person(status, output)?;
    customers(status, output)?;
    waiting(status, output)?;
    refused(status, output)
}

fn oldest(status: &Status, output: &mut Output) -> Result<(), CliError> {
    if let Some(oldest) = &status.oldest_unfinished {
        let since = time(oldest.since);
        let (customer, file) = (&oldest.customer, shown(&oldest.file));
        output.line(format_args!("\noldest unfinished: {customer}/{file} since {since}: {}", shown(&oldest.why)))?;
    }
    Ok(())
}

fn needs_a_person(status: &Status, output: &mut Output) -> Result<(), CliError> {
    if status.problems.is_empty() {
        let fine = output.painted(Paint::Good, "nothing needs a person");
        return Ok(output.line(format_args!("\n{fine}"))?);
    }
    output.line("")?;
    problems(&status.problems, output)
}

/// Files that wait for something: not those that are about to be taken.
fn waiting(status: &Status, output: &mut Output) -> Result<(), CliError> {
    if status.waiting.is_empty() {
        return Ok(());
    }
    let row =
        |file: &Unfinished| vec![time(file.since), file.customer.to_string(), file.file.clone(), file.why.clone()];
    let rows: Vec<_> = status.waiting.iter().take(SHOWN).map(row).collect();
    output.line("")?;
    output.table(&["waiting since", "customer", "file", "why"], &rows)?;
    let all: u64 = status.customers.iter().map(|customer| customer.waiting_files).sum();
    more_than(all, rows.len(), output)
}

/// Files that were refused, the latest first.
fn refused(status: &Status, output: &mut Output) -> Result<(), CliError> {
    if status.refused.is_empty() {
        return Ok(());
    }
    let row =
        |path: &RefusedPath| vec![time(path.at), path.customer.to_string(), path.file.clone(), path.reason.clone()];
    let rows: Vec<_> = status.refused.iter().take(SHOWN).map(row).collect();
    output.line("")?;
    output.table(&["refused", "customer", "file", "reason"], &rows)?;
    more_than(status.refused_files, rows.len(), output)
}

/// Says how many aren't listed, and what lists them.
fn more_than(all: u64, listed: usize, output: &mut Output) -> Result<(), CliError> {
    let more = all.saturating_sub(u64::try_from(listed).unwrap_or(u64::MAX));
    if more > 0 {
        output.line(format_args!(
            "and {} more (devicedrop status --json lists up to a thousand)",
            counted(more, "file")
        ))?;
    }
    Ok(())
}

/// Prints only what needs a person, and says whether anything does.
pub fn print_problems(status: &Status, json: bool, output: &mut Output) -> Result<Exit, CliError> {
    if json {
        status.problems.iter().try_for_each(|problem| output.json(problem))?;
    } else {
        problems(&status.problems, output)?;
    }
    Ok(Exit::answer(status.problems.is_empty()))
}

fn head(status: &Status, output: &mut Output) -> Result<(), CliError> {
    let daemon = match &status.daemon {
        Some(daemon) => {
            let since = time(daemon.started_at);
            format!("{} (process {}, {}) since {since}", daemon.version, daemon.pid, shown(&daemon.user))
        }
        None => output.painted(Paint::Care, "not running"),
    };
    line(output, "daemon", &daemon)?;
    for (index, told) in status.daemon.iter().flat_map(|daemon| &daemon.recovery).enumerate() {
        line(output, if index == 0 { "at its start" } else { "" }, &shown(told).to_string())?;
    }
    health(status, output)?;
    let configuration = status
        .configuration
        .path
        .as_ref()
        .map_or("defaults".to_owned(), |path| shown_bytes(path.as_os_str().as_bytes()).to_string());
    line(output, "configuration", &configuration)?;
    for refused in &status.configuration.refused {
        let refused = output.painted(Paint::Care, &format!("a newer one isn't in force: {}", shown(refused)));
        line(output, "", &refused)?;
    }
    line(output, "ledger", &shown_bytes(status.ledger.as_os_str().as_bytes()).to_string())?;
    if let Some(web) = &status.web {
        line(output, "web page", &shown(web).to_string())?;
    }
    line(output, "registrar", &registrar(status, output))?;
    let queue = &status.queue;
    let mut parts = vec![format!("{} pending", queue.pending), format!("{} under way", queue.under_way)];
    let next = queue.next_try_at.map(|at| format!(" (next try {})", time(at))).unwrap_or_default();
    parts.extend((queue.deferred > 0).then(|| format!("{} deferred{next}", queue.deferred)));
    parts.extend((queue.in_doubt > 0).then(|| output.painted(Paint::Care, &format!("{} in doubt", queue.in_doubt))));
    parts.extend((queue.results_owed > 0).then(|| format!("{} owed", counted(queue.results_owed, "result file"))));
    line(output, "queue", &parts.join(", "))?;
    line(output, "last activity", &status.last_activity.map_or("none".to_owned(), time))
}

/// Whether the daemon can do its job, and why not.
fn health(status: &Status, output: &mut Output) -> Result<(), CliError> {
    let Some(health) = status.daemon.as_ref().and_then(|daemon| daemon.health.as_ref()) else { return Ok(()) };
    if health.ok {
        return line(output, "health", &output.painted(Paint::Good, "healthy"));
    }
    for (index, reason) in health.reasons.iter().enumerate() {
        let reason = output.painted(Paint::Bad, &shown(reason).to_string());
        line(output, if index == 0 { "NOT HEALTHY" } else { "" }, &reason)?;
    }
    Ok(())
}

fn registrar(status: &Status, output: &Output) -> String {
    let registrar = &status.registrar;
    let paint = match registrar.health {
        Health::Unknown => Paint::Dim,
        Health::Working => Paint::Good,
        Health::Throttled | Health::Unavailable => Paint::Care,
        Health::Broken => Paint::Bad,
    };
    let place = format!("{} ({})", shown(&registrar.kind), shown(&registrar.target));
    let why = registrar.why.as_ref().map(|why| shown(why).to_string());
    if let (false, Some(in_sum)) = (registrar.targets.is_empty(), &why) {
        return format!("{place}, {}", output.painted(paint, in_sum));
    }
    let since = registrar.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{place}, {}{since}{why}", output.painted(paint, registrar.health.words()))
}

fn customers(status: &Status, output: &mut Output) -> Result<(), CliError> {
    if status.customers.is_empty() {
        output.line("\nno customers yet")?;
        return Ok(());
    }
    output.line("")?;
    let number = |number: u64| number.to_string();
    let row = |customer: &CustomerStatus| {
        vec![
            customer.customer.to_string(),
            folder(customer),
            number(customer.waiting_files),
            number(customer.pending),
            number(customer.ready),
            number(customer.failed),
            number(customer.results_owed),
            customer.last_activity.map(time).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = status.customers.iter().map(row).collect();
    let headings = ["customer", "folder", "waiting", "pending", "ready", "failed", "owed", "last activity"];
    Ok(output.table(&headings, &rows)?)
}

fn folder(customer: &CustomerStatus) -> String {
    let state = match customer.folder_state {
        FolderState::Unknown => "not looked at yet",
        FolderState::Online if customer.paused => "paused",
        FolderState::Online => "ok",
        FolderState::Offline => "offline",
        FolderState::Unreadable => "can't be read",
        FolderState::Unconfigured => "no customer's",
    };
    match &customer.folder_detail {
        Some(detail) => format!("{state} ({detail})"),
        None => state.to_owned(),
    }
}

fn problems(problems: &[Problem], output: &mut Output) -> Result<(), CliError> {
    for problem in problems {
        let place = match (&problem.customer, &problem.file) {
            (Some(customer), Some(file)) => format!("{customer}/{}: ", shown(file)),
            (Some(customer), None) => format!("{customer}: "),
            (None, _) => String::new(),
        };
        let since = problem.since.map(|since| format!(" (since {})", time(since))).unwrap_or_default();
        let mark = output.painted(Paint::Bad, "!");
        output.line(format_args!("{mark} {place}{}{since}", shown(&problem.what)))?;
        if let Some(remedy) = &problem.remedy {
            output.line(format_args!("  try: {}", shown(remedy)))?;
        }
    }
    Ok(())
}

fn line(output: &mut Output, name: &str, value: &str) -> Result<(), CliError> {
    let name = output.painted(Paint::Dim, &format!("{name:<14}"));
    Ok(output.line(format_args!("{name} {value}"))?)
}

/// A time as eyes want it: whole seconds.
fn time(time: Timestamp) -> String {
    time.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Printed;
    use crate::control::protocol::{
        ConfigurationStatus, DaemonHealth, DaemonStatus, Queue, RegistrarStatus, TargetStatus,
    };
    use devicedrop_core::ids::CustomerKey;
    use insta::assert_snapshot;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_356_000_000 + minute * 60_000)
    }

    fn contoso() -> CustomerKey {
        CustomerKey::parse("contoso").expect("a key")
    }

    fn customer() -> CustomerStatus {
        CustomerStatus {
            customer: contoso(),
            folder: "/srv/devicedrop/contoso".into(),
            folder_state: FolderState::Online,
            folder_detail: Some("events and walks, ext4".into()),
            paused: false,
            waiting_files: 2,
            pending: 12,
            ready: 88,
            failed: 3,
            results_owed: 1,
            last_activity: Some(at(59)),
        }
    }

    fn daemon() -> DaemonStatus {
        let reasons = ["the ledger's disk doesn't answer\u{1b}", "nothing can be registered"];
        DaemonStatus {
            pid: 4711,
            version: "0.1.0".into(),
            user: "devicedrop".into(),
            started_at: at(0),
            recovery: vec!["the run before this one didn't stop in order".into(), "2 files\u{1b} were ended".into()],
            health: Some(DaemonHealth { ok: false, reasons: reasons.map(str::to_owned).to_vec() }),
            clock_held: None,
        }
    }

    fn troubled() -> Status {
        Status {
            at: at(60),
            daemon: Some(daemon()),
            ledger: "/var/lib/devicedrop/ledger.db".into(),
            configuration: ConfigurationStatus {
                path: Some("/etc/devicedrop/devicedrop.toml".into()),
                sha256: Some("00".into()),
                loaded_at: Some(at(0)),
                refused: vec!["`drop.root` changed: restart the daemon for that".into()],
            },
            web: Some("http://127.0.0.1:8787/?token=abc".into()),
            registrar: RegistrarStatus {
                kind: "embedded".into(),
                target: "registry.db".into(),
                health: Health::Unavailable,
                since: Some(at(50)),
                why: Some("the disk is full".into()),
                targets: Vec::new(),
            },
            queue: Queue {
                pending: 12,
                under_way: 3,
                deferred: 5,
                in_doubt: 1,
                next_try_at: Some(at(61)),
                results_owed: 1,
            },
            customers: vec![customer()],
            waiting: vec![Unfinished {
                customer: contoso(),
                file: "b.csv".into(),
                since: at(58),
                why: "its customer is paused in the configuration".into(),
            }],
            refused: vec![RefusedPath {
                at: at(10),
                customer: contoso(),
                file: "devices.xlsx".into(),
                reason: "an Excel workbook".into(),
            }],
            refused_files: 1,
            oldest_unfinished: Some(Unfinished {
                customer: contoso(),
                file: "a\u{1b}[2J.csv".into(),
                since: at(5),
                why: "12 rows are pending".into(),
            }),
            last_activity: Some(at(59)),
            problems: vec![Problem {
                since: Some(at(20)),
                customer: Some(contoso()),
                file: Some("old.csv".into()),
                what: "row 7 is in doubt and no registrar can answer for it".into(),
                remedy: Some("devicedrop resolve 7 --reason TEXT --registered or --retry".into()),
            }],
        }
    }

    #[test]
    fn a_screen_says_it_all() {
        let mut printed = Printed::default();
        print(&troubled(), &mut printed.output(100)).expect("printed");
        assert_snapshot!(printed.out(), @r"
        daemon         0.1.0 (process 4711, devicedrop) since 2026-11-22 14:00:00
        at its start   the run before this one didn't stop in order
                       2 files\u{1b} were ended
        NOT HEALTHY    the ledger's disk doesn't answer\u{1b}
                       nothing can be registered
        configuration  /etc/devicedrop/devicedrop.toml
                       a newer one isn't in force: `drop.root` changed: restart the daemon for that
        ledger         /var/lib/devicedrop/ledger.db
        web page       http://127.0.0.1:8787/?token=abc
        registrar      embedded (registry.db), can't be reached since 2026-11-22 14:50:00: the disk is full
        queue          12 pending, 3 under way, 5 deferred (next try 2026-11-22 15:01:00), 1 in doubt, 1 result file owed
        last activity  2026-11-22 14:59:00

        customer  folder                       waiting  pending  ready  failed  owed  last activity
        contoso   ok (events and walks, ext4)  2        12       88     3       1     2026-11-22 14:59:00

        oldest unfinished: contoso/a\u{1b}[2J.csv since 2026-11-22 14:05:00: 12 rows are pending

        waiting since        customer  file   why
        2026-11-22 14:58:00  contoso   b.csv  its customer is paused in the configuration
        and 1 file more (devicedrop status --json lists up to a thousand)

        refused              customer  file          reason
        2026-11-22 14:10:00  contoso   devices.xlsx  an Excel workbook

        ! contoso/old.csv: row 7 is in doubt and no registrar can answer for it (since 2026-11-22 14:20:00)
          try: devicedrop resolve 7 --reason TEXT --registered or --retry
        ");
    }

    #[test]
    fn a_flood_of_refused_files_leaves_the_rest_to_be_seen() {
        let mut status = troubled();
        let path = status.refused[0].clone();
        status.refused =
            (0..17_000).map(|number| RefusedPath { file: format!("{number}.xlsx"), ..path.clone() }).collect();
        status.refused.truncate(1_000);
        status.refused_files = 17_000;
        let mut printed = Printed::default();
        print(&status, &mut printed.output(100)).expect("printed");
        assert_eq!(printed.out().matches(".xlsx").count(), 20);
        assert!(printed.out().contains("\n2026-11-22 14:10:00  contoso   0.xlsx "), "{}", printed.out());
        assert!(
            printed.out().contains("\nand 16980 files more (devicedrop status --json lists up to a thousand)\n"),
            "{}",
            printed.out()
        );
    }

    #[test]
    fn one_tenants_trouble_is_not_shown_as_the_registrars() {
        let mut status = troubled();
        let of = |key: &str, health| TargetStatus {
            target: format!("http://localhost {key}"),
            customers: vec![CustomerKey::parse(key).expect("a key")],
            health,
            since: Some(at(50)),
            why: None,
        };
        status.registrar = RegistrarStatus {
            kind: "partner-center".into(),
            target: "http://localhost".into(),
            health: Health::Broken,
            since: Some(at(50)),
            why: Some("1 of 2 customers' tenants work; broken: fabrikam".into()),
            targets: vec![of("contoso", Health::Working), of("fabrikam", Health::Broken)],
        };
        let mut printed = Printed::default();
        print(&status, &mut printed.output(100)).expect("printed");
        let line = printed.out().lines().find(|line| line.starts_with("registrar")).map(str::to_owned);
        assert_snapshot!(
            line.expect("a line"),
            @"registrar      partner-center (http://localhost), 1 of 2 customers' tenants work; broken: fabrikam"
        );
    }

    #[test]
    fn problems_alone_and_their_exit() {
        let mut printed = Printed::default();
        let mut status = troubled();
        assert_eq!(print_problems(&status, false, &mut printed.output(100)).expect("printed"), Exit::No);
        assert_snapshot!(printed.out(), @r"
        ! contoso/old.csv: row 7 is in doubt and no registrar can answer for it (since 2026-11-22 14:20:00)
          try: devicedrop resolve 7 --reason TEXT --registered or --retry
        ");
        status.problems.clear();
        let mut silent = Printed::default();
        assert_eq!(print_problems(&status, false, &mut silent.output(100)).expect("printed"), Exit::Done);
        assert_eq!(silent.out(), "");
    }
}
