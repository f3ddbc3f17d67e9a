//! What a monitor sees of the running daemon: `/healthz` and `/metrics`, and the same in `status` and `doctor`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;

use crate::scene::{CONTOSO, all_ready, csv, env, stop, wait_for_answer};

/// A place with a page, and the daemon in it.
fn place() -> Result<(TestEnv, Daemon)> {
    let mut env = env()?;
    env.set("web.listen", "\"127.0.0.1:0\"")?.set("drop.customers", "\"configured\"")?;
    for customer in [CONTOSO, "fabrikam"] {
        env.set(&format!("customers.{customer}.name"), &format!("{customer:?}"))?;
    }
    let mut daemon = env.start(&[])?;
    daemon.wait_for_message("ready")?;
    Ok((env, daemon))
}

/// Where the page is, and its token.
fn page(env: &TestEnv, daemon: &mut Daemon) -> Result<(String, String)> {
    daemon.wait_until("the page's address", || {
        let status = env.run(&["status", "--json"])?.json()?;
        let Some(address) = status["web"].as_str() else { return Ok(None) };
        let (host, token) =
            address.strip_prefix("http://").and_then(|rest| rest.split_once("/?token=")).context("an address")?;
        Ok(Some((host.to_owned(), token.to_owned())))
    })
}

/// Asks, and gives back the answer's status, head and body.
fn get(host: &str, path: &str, token: Option<&str>) -> Result<(u16, String, String)> {
    let mut stream = TcpStream::connect(host)?;
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{bearer}Connection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("a status")?;
    Ok((status, head.to_ascii_lowercase(), body.to_owned()))
}

/// Whether a line is a figure as Prometheus takes it, or a comment.
fn is_well_formed(line: &str) -> bool {
    if line.starts_with("# HELP ") || line.starts_with("# TYPE ") {
        return true;
    }
    let Some((figure, value)) = line.rsplit_once(' ') else { return false };
    let (name, labels) = figure.split_once('{').map_or((figure, ""), |(name, labels)| (name, labels));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name && value.parse::<f64>().is_ok() && (labels.is_empty() || labels.ends_with("\"}"))
}

/// Lets Prometheus' own program read them, where the gate brought it.
fn promtool_reads(figures: &str) -> Result<()> {
    let Some(promtool) = std::env::var_os("DEVICEDROP_TEST_PROMTOOL") else {
        ensure!(std::env::var_os("CI").is_none(), "the gate must bring promtool");
        return Ok(());
    };
    let mut child = Command::new(promtool).args(["check", "metrics"]).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().context("its input")?.write_all(figures.as_bytes())?;
    ensure!(child.wait()?.success(), "promtool finds something wrong with:\n{figures}");
    Ok(())
}

#[test]
fn a_monitor_reads_what_became_of_what() -> Result<()> {
    let (env, mut daemon) = place()?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["A1", "A2"]))?;
    wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &all_ready(&["A1", "A2"]))?;
    env.drop_file(CONTOSO, "bad.csv", "nonsense\n")?;
    daemon.wait_for_result(&path.with_file_name("bad.result.csv"))?;
    let (host, token) = page(&env, &mut daemon)?;
    assert_eq!(get(&host, "/metrics", None)?.0, 401, "figures need the token");
    let expected = [
        "devicedrop_healthy 1",
        "devicedrop_files_total{outcome=\"accepted\"} 1",
        "devicedrop_files_total{outcome=\"rejected\"} 1",
        "devicedrop_rows_total{outcome=\"taken\"} 2",
        "devicedrop_registrations{state=\"ready\"} 2",
        "devicedrop_attempts_total{outcome=\"registered\"} 2",
        "devicedrop_queue_rows{state=\"pending\"} 0",
        "devicedrop_oldest_unfinished_row_age_seconds{customer=\"contoso\"} 0",
        "devicedrop_customer_online{customer=\"contoso\"} 1",
        "devicedrop_results_owed 0",
        "devicedrop_results_total 2",
        "devicedrop_registrar_targets{health=\"working\"} 1",
        "devicedrop_register_seconds_count 1",
        "devicedrop_settle_seconds_count 2",
    ];
    let figures = daemon.wait_until("all figures", || {
        let (status, head, body) = get(&host, "/metrics", Some(&token))?;
        ensure!(status == 200 && head.contains("content-type: text/plain; version=0.0.4"), "{head}\n{body}");
        Ok(expected.iter().all(|line| body.lines().any(|one| one == *line)).then_some(body))
    })?;
    let odd: Vec<&str> = figures.lines().filter(|line| !is_well_formed(line)).collect();
    ensure!(odd.is_empty(), "{odd:?}");
    for grows in ["devicedrop_scan_seconds_count ", "devicedrop_ledger_write_seconds_count ", "process_open_fds "] {
        let line = figures.lines().find_map(|line| line.strip_prefix(grows)).context(grows)?;
        ensure!(line.parse::<u64>()? > 0, "{grows}{line}");
    }
    promtool_reads(&figures)?;
    stop(daemon)
}

#[test]
fn it_is_unwell_while_it_cannot_do_its_job_and_only_then() -> Result<()> {
    let (mut env, mut daemon) = place()?;
    for customer in [CONTOSO, "fabrikam"] {
        let path = env.drop_file(customer, "a.csv", csv(&[customer]))?;
        wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &all_ready(&[customer]))?;
    }
    let (host, _) = page(&env, &mut daemon)?;
    let wait_for_health = |daemon: &mut Daemon, status: u16, holds: &str| {
        daemon.wait_until("the health that is expected", || {
            let (seen, _, body) = get(&host, "/healthz", None)?;
            Ok((seen == status && body.contains(holds)).then_some(()))
        })
    };
    wait_for_health(&mut daemon, 200, "healthy\n")?;
    env.set("drop.reserve", "\"900TiB\"")?;
    daemon.signal("HUP")?;
    wait_for_health(&mut daemon, 503, "less than drop.reserve")?;
    let told = env.run(&["status"])?.stdout;
    ensure!(told.contains("\nNOT HEALTHY    nothing new is taken or sent since "), "{told}");
    let doctor = env.run(&["doctor", "--json"])?;
    ensure!(doctor.code == Some(1) && doctor.stdout.contains("the daemon can't do its job"), "{}", doctor.stdout);
    env.set("drop.reserve", "\"1MiB\"")?;
    daemon.signal("HUP")?;
    wait_for_health(&mut daemon, 200, "healthy\n")?;
    // One customer's folder is away: that is his trouble.
    let folder = env.root().join(CONTOSO);
    fs::rename(&folder, env.path("away"))?;
    fs::write(&folder, "no folder")?;
    daemon.wait_until("the folder that is away", || {
        Ok(env.run(&["status", "--problems"])?.stdout.contains("its drop folder is offline").then_some(()))
    })?;
    wait_for_health(&mut daemon, 200, "healthy\n")?;
    fs::rename(env.root().join("fabrikam"), env.path("away too"))?;
    fs::write(env.root().join("fabrikam"), "no folder")?;
    wait_for_health(&mut daemon, 503, "none of the 2 drop folders can be looked into")?;
    stop(daemon)
}
