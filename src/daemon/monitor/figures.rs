//! The figures by name, and how they are written. Pure: given what was asked and counted.

use std::time::Duration;

use devicedrop_core::time::Timestamp;

use super::meters::Meters;
use crate::metrics::process::Process;
use crate::metrics::text::{Family, Kind, Text, Value};

/// A registrar that is left alone until a person acts is told as left alone for so long.
pub(super) const LONGEST: Duration = Duration::from_hours(365 * 24);

/// One customer's.
#[derive(Debug, Clone)]
pub(super) struct CustomerFigures {
    pub(super) key: String,
    /// How long ago the oldest row came that isn't finished; nothing where all are.
    pub(super) oldest_row: Duration,
    pub(super) last_scan: Option<Timestamp>,
    pub(super) online: bool,
    pub(super) waiting_files: u64,
}

/// A disk of our own.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) of: &'static str,
    pub(super) free_bytes: u64,
}

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) healthy: bool,
    pub(super) clock_believed: bool,
    /// Accepted, rejected: in the whole record.
    pub(super) files: [u64; 2],
    /// Pending, ready, failed, failed and superseded: in the whole record.
    pub(super) rows: [u64; 4],
    /// All pending, under way, deferred, in doubt.
    pub(super) queue: [u64; 4],
    pub(super) results_owed: u64,
    pub(super) refused_files: u64,
    pub(super) customers: Vec<CustomerFigures>,
    pub(super) targets: [(&'static str, u64); 5],
    pub(super) left_alone: Duration,
    pub(super) wal_bytes: u64,
    pub(super) disks: Vec<Disk>,
    pub(super) reserve_bytes: u64,
    pub(super) last_scan: Option<Timestamp>,
    pub(super) started_at: Timestamp,
    pub(super) process: Process,
}

/// Defines the families: a constant for each, and the list of all.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $help:literal;)*) => {
        $(const $constant: Family = Family { name: $name, kind: Kind::$kind, help: $help };)*

        /// Every figure there is.
        pub const FAMILIES: &[Family] = &[$($constant),*];
    };
}

families! {
    BUILD = Gauge "devicedrop_build_info" "Always 1; the label tells the version.";
    HEALTHY = Gauge "devicedrop_healthy" "1 while the daemon can do its job.";
    CLOCK = Gauge "devicedrop_clock_believed" "1 while the wall clock is believed; 0 until a person accepts it.";
    FILES = Counter "devicedrop_files_total" "Files since the start, by what became of them.";
    FILES_ON_RECORD = Gauge "devicedrop_submissions" "Submissions in the whole record, by outcome.";
    ROWS = Counter "devicedrop_rows_total" "Rows of accepted files since the start: to be registered, or refused for their form.";
    ROWS_ON_RECORD = Gauge "devicedrop_registrations" "Rows in the whole record, by where they stand.";
    QUEUE = Gauge "devicedrop_queue_rows" "Rows on their way: all that are pending, and of these under way, deferred and in doubt.";
    ATTEMPTS = Counter "devicedrop_attempts_total" "Attempts that ended since the start, by outcome.";
    THROTTLED = Counter "devicedrop_registrar_throttled_total" "How often since the start a registrar asked to be left alone.";
    LEFT_ALONE = Gauge "devicedrop_registrar_left_alone_seconds" "For how much longer the registrar is left alone, the longest over its targets.";
    TARGETS = Gauge "devicedrop_registrar_targets" "The registrar's targets, by how they are.";
    SETTLE = Histogram "devicedrop_settle_seconds" "From when a file was seen to wait until it was taken.";
    CALL = Histogram "devicedrop_register_seconds" "Calls to the registrar, from sending to the answer.";
    SCAN = Histogram "devicedrop_scan_seconds" "Looks through one drop folder, taking what is ready included.";
    WRITE = Histogram "devicedrop_ledger_write_seconds" "Transactions of the ledger, until they are on the disk.";
    LAST_SCAN = Gauge "devicedrop_last_scan_timestamp_seconds" "When any drop folder was last looked through.";
    CUSTOMER_SCAN = Gauge "devicedrop_customer_last_scan_timestamp_seconds" "When the customer's drop folder was last looked through.";
    CUSTOMER_ONLINE = Gauge "devicedrop_customer_online" "1 while the customer's drop folder can be looked into.";
    OLDEST = Gauge "devicedrop_oldest_unfinished_row_age_seconds" "How long ago the customer's oldest row came that is pending; 0 where none is.";
    WAITING = Gauge "devicedrop_waiting_files" "The customer's files that wait to be taken.";
    REFUSED = Gauge "devicedrop_refused_files" "Files that lie in drop folders and are refused.";
    OWED = Gauge "devicedrop_results_owed" "Result files that are owed to senders.";
    WRITTEN = Counter "devicedrop_results_total" "Result files written since the start.";
    CHECKPOINT = Gauge "devicedrop_last_checkpoint_timestamp_seconds" "When a checkpoint last held all there was on record.";
    WAL = Gauge "devicedrop_ledger_wal_bytes" "The log beside the ledger.";
    FREE = Gauge "devicedrop_disk_free_bytes" "Room on the disks of ledger, originals and registry.";
    RESERVE = Gauge "devicedrop_disk_reserve_bytes" "The room below which nothing new is taken or sent.";
    CPU = Counter "process_cpu_seconds_total" "Processor time of this process.";
    RESIDENT = Gauge "process_resident_memory_bytes" "Memory that this process has in use.";
    VIRTUAL = Gauge "process_virtual_memory_bytes" "Memory that this process could use.";
    FDS = Gauge "process_open_fds" "Files that this process has open.";
    MAX_FDS = Gauge "process_max_fds" "Files that this process may have open.";
    THREADS = Gauge "process_threads" "Threads of this process.";
    STARTED = Gauge "process_start_time_seconds" "When this process began.";
}

/// All figures, in the order of their names above.
pub(super) fn rendered(figures: &Figures, meters: &Meters) -> String {
    let mut text = Text::default();
    text.each(BUILD, "version", [(env!("CARGO_PKG_VERSION"), Value::Count(1))]);
    text.one(HEALTHY, Value::Is(figures.healthy));
    text.one(CLOCK, Value::Is(figures.clock_believed));
    work(&mut text, figures, meters);
    registrar(&mut text, figures, meters);
    for (family, histogram) in
        [(SETTLE, &meters.settle), (CALL, &meters.call), (SCAN, &meters.scan), (WRITE, &meters.write)]
    {
        text.histogram(family, &histogram.read());
    }
    customers(&mut text, figures);
    text.one(REFUSED, Value::Count(figures.refused_files));
    text.one(OWED, Value::Count(figures.results_owed));
    text.one(WRITTEN, Value::Count(meters.results.read()));
    if let Some(at) = meters.checkpoint() {
        text.one(CHECKPOINT, Value::At(at));
    }
    text.one(WAL, Value::Count(figures.wal_bytes));
    text.each(FREE, "disk", figures.disks.iter().map(|disk| (disk.of, Value::Count(disk.free_bytes))));
    text.one(RESERVE, Value::Count(figures.reserve_bytes));
    process(&mut text, figures);
    text.finish()
}

fn counts<const N: usize>(words: [&str; N], counts: [u64; N]) -> impl Iterator<Item = (&str, Value)> {
    words.into_iter().zip(counts.map(Value::Count))
}

fn work(text: &mut Text, figures: &Figures, meters: &Meters) {
    text.each(FILES, "outcome", meters.files().map(|(fate, count)| (fate.code(), Value::Count(count))));
    text.each(FILES_ON_RECORD, "outcome", counts(["accepted", "rejected"], figures.files));
    let rows = [meters.rows[0].read(), meters.rows[1].read()];
    text.each(ROWS, "outcome", counts(["taken", "refused"], rows));
    text.each(ROWS_ON_RECORD, "state", counts(["pending", "ready", "failed", "superseded"], figures.rows));
    text.each(QUEUE, "state", counts(["pending", "under_way", "deferred", "in_doubt"], figures.queue));
}

fn registrar(text: &mut Text, figures: &Figures, meters: &Meters) {
    let attempts = meters.attempts.iter().map(|(outcome, count)| (outcome.code(), Value::Count(count.read())));
    text.each(ATTEMPTS, "outcome", attempts);
    text.one(THROTTLED, Value::Count(meters.throttled.read()));
    text.one(LEFT_ALONE, Value::Time(figures.left_alone));
    text.each(TARGETS, "health", figures.targets.map(|(word, count)| (word, Value::Count(count))));
}

fn customers(text: &mut Text, figures: &Figures) {
    let all = &figures.customers;
    if let Some(at) = figures.last_scan {
        text.one(LAST_SCAN, Value::At(at));
    }
    let scans = all.iter().filter_map(|one| Some((one.key.as_str(), Value::At(one.last_scan?))));
    text.each(CUSTOMER_SCAN, "customer", scans);
    text.each(CUSTOMER_ONLINE, "customer", all.iter().map(|one| (one.key.as_str(), Value::Is(one.online))));
    text.each(OLDEST, "customer", all.iter().map(|one| (one.key.as_str(), Value::Time(one.oldest_row))));
    text.each(WAITING, "customer", all.iter().map(|one| (one.key.as_str(), Value::Count(one.waiting_files))));
}

fn process(text: &mut Text, figures: &Figures) {
    let process = &figures.process;
    text.one(CPU, Value::Time(process.cpu));
    for (family, figure) in [
        (RESIDENT, process.resident_bytes),
        (VIRTUAL, process.virtual_bytes),
        (FDS, process.open_fds),
        (MAX_FDS, process.max_fds),
        (THREADS, process.threads),
    ] {
        if let Some(figure) = figure {
            text.one(family, Value::Count(figure));
        }
    }
    text.one(STARTED, Value::At(figures.started_at));
}

#[cfg(test)]
mod tests {
    use devicedrop_core::state::Outcome;
    use insta::assert_snapshot;

    use super::super::meters::Fate;
    use super::*;

    fn figures() -> Figures {
        let at = Timestamp::from_unix_ms(1_795_356_000_000);
        let customer = |key: &str, oldest_row, online: bool| CustomerFigures {
            key: key.to_owned(),
            oldest_row,
            last_scan: online.then_some(at),
            online,
            waiting_files: 2,
        };
        Figures {
            healthy: true,
            clock_believed: true,
            files: [12, 1],
            rows: [5, 100, 3, 2],
            queue: [5, 2, 3, 0],
            results_owed: 1,
            refused_files: 4,
            customers: vec![
                customer("A & B's", Duration::from_secs(90), true),
                customer("contoso", Duration::ZERO, false),
            ],
            targets: [("unknown", 0), ("working", 1), ("throttled", 0), ("unavailable", 0), ("broken", 0)],
            left_alone: Duration::ZERO,
            wal_bytes: 4_096,
            disks: vec![Disk { of: "ledger", free_bytes: 1 << 40 }],
            reserve_bytes: 1 << 30,
            last_scan: Some(at),
            started_at: at,
            process: Process {
                cpu: Duration::from_millis(1_250),
                resident_bytes: Some(20 << 20),
                max_fds: Some(1_024),
                ..Process::default()
            },
        }
    }

    fn meters() -> Meters {
        let meters = Meters::default();
        meters.accepted(10, 1);
        meters.file(Fate::Refused);
        meters.attempt(Outcome::Registered);
        meters.checkpointed(Timestamp::from_unix_ms(1_795_356_000_500));
        meters.write.observe(Duration::from_millis(3));
        meters
    }

    #[test]
    fn a_monitor_reads_all_figures() {
        let text = rendered(&figures(), &meters());
        let without_buckets: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{")).collect();
        assert_snapshot!(without_buckets.join("\n"), @r#"
    devicedrop_build_info{version="0.1.0"} 1
    devicedrop_healthy 1
    devicedrop_clock_believed 1
    devicedrop_files_total{outcome="accepted"} 1
    devicedrop_files_total{outcome="rejected"} 0
    devicedrop_files_total{outcome="again"} 0
    devicedrop_files_total{outcome="moved"} 0
    devicedrop_files_total{outcome="refused"} 1
    devicedrop_submissions{outcome="accepted"} 12
    devicedrop_submissions{outcome="rejected"} 1
    devicedrop_rows_total{outcome="taken"} 9
    devicedrop_rows_total{outcome="refused"} 1
    devicedrop_registrations{state="pending"} 5
    devicedrop_registrations{state="ready"} 100
    devicedrop_registrations{state="failed"} 3
    devicedrop_registrations{state="superseded"} 2
    devicedrop_queue_rows{state="pending"} 5
    devicedrop_queue_rows{state="under_way"} 2
    devicedrop_queue_rows{state="deferred"} 3
    devicedrop_queue_rows{state="in_doubt"} 0
    devicedrop_attempts_total{outcome="registered"} 1
    devicedrop_attempts_total{outcome="already_registered"} 0
    devicedrop_attempts_total{outcome="failed"} 0
    devicedrop_attempts_total{outcome="deferred"} 0
    devicedrop_attempts_total{outcome="interrupted"} 0
    devicedrop_attempts_total{outcome="resolved"} 0
    devicedrop_registrar_throttled_total 0
    devicedrop_registrar_left_alone_seconds 0
    devicedrop_registrar_targets{health="unknown"} 0
    devicedrop_registrar_targets{health="working"} 1
    devicedrop_registrar_targets{health="throttled"} 0
    devicedrop_registrar_targets{health="unavailable"} 0
    devicedrop_registrar_targets{health="broken"} 0
    devicedrop_settle_seconds_sum 0
    devicedrop_settle_seconds_count 0
    devicedrop_register_seconds_sum 0
    devicedrop_register_seconds_count 0
    devicedrop_scan_seconds_sum 0
    devicedrop_scan_seconds_count 0
    devicedrop_ledger_write_seconds_sum 0.003
    devicedrop_ledger_write_seconds_count 1
    devicedrop_last_scan_timestamp_seconds 1795356000.000
    devicedrop_customer_last_scan_timestamp_seconds{customer="A & B's"} 1795356000.000
    devicedrop_customer_online{customer="A & B's"} 1
    devicedrop_customer_online{customer="contoso"} 0
    devicedrop_oldest_unfinished_row_age_seconds{customer="A & B's"} 90
    devicedrop_oldest_unfinished_row_age_seconds{customer="contoso"} 0
    devicedrop_waiting_files{customer="A & B's"} 2
    devicedrop_waiting_files{customer="contoso"} 2
    devicedrop_refused_files 4
    devicedrop_results_owed 1
    devicedrop_results_total 0
    devicedrop_last_checkpoint_timestamp_seconds 1795356000.500
    devicedrop_ledger_wal_bytes 4096
    devicedrop_disk_free_bytes{disk="ledger"} 1099511627776
    devicedrop_disk_reserve_bytes 1073741824
    process_cpu_seconds_total 1.25
    process_resident_memory_bytes 20971520
    process_max_fds 1024
    process_start_time_seconds 1795356000.000
    "#);
    }

    #[test]
    fn names_go_by_the_conventions_and_stand_once() {
        let text = rendered(&figures(), &Meters::default());
        for family in FAMILIES {
            let ours = family.name.starts_with("devicedrop_");
            assert!(ours || family.name.starts_with("process_"), "{}", family.name);
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.kind != Kind::Histogram || family.name.ends_with("_seconds"), "{}", family.name);
            assert!(!family.help.contains(['\n', '\\']), "{}", family.help);
            assert_eq!(FAMILIES.iter().filter(|other| other.name == family.name).count(), 1);
            let written = text.matches(&format!("# TYPE {} ", family.name)).count();
            assert!(written <= 1, "{} is written {written} times", family.name);
        }
        let known = |line: &&str| FAMILIES.iter().any(|family| line.contains(&format!("# TYPE {} ", family.name)));
        assert!(text.lines().filter(|line| line.starts_with("# TYPE")).all(|line| known(&line)));
    }

    #[test]
    fn the_guide_lists_each_figure() {
        let guide = include_str!("../../../docs/operating.md");
        for family in FAMILIES.iter().filter(|family| family.name.starts_with("devicedrop_")) {
            assert!(guide.contains(&format!("`{}`", family.name)), "{} isn't in docs/operating.md", family.name);
        }
    }

    /// Every name of ours that a text mentions.
    fn names(text: &str) -> Vec<&str> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let words = text.split(|c| !is_name(c));
        let ours = |word: &&str| word.starts_with("devicedrop_") || word.starts_with("process_");
        words.filter(ours).collect()
    }

    #[test]
    fn the_alerts_and_the_dashboard_ask_for_figures_that_are_there() {
        let rules = include_str!("../../../packaging/prometheus/devicedrop.rules.yml");
        let dashboard = include_str!("../../../packaging/grafana/devicedrop.json");
        for text in [rules, dashboard] {
            let asked = names(text);
            assert!(asked.len() > 10, "{asked:?}");
            for name in asked {
                let found = FAMILIES.iter().any(|family| match family.kind {
                    Kind::Histogram => ["_bucket", "_sum", "_count"]
                        .iter()
                        .any(|suffix| name.strip_suffix(suffix) == Some(family.name)),
                    _ => family.name == name,
                });
                assert!(found, "there is no {name}");
            }
        }
        let parsed: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        let panels = parsed["panels"].as_array().unwrap();
        assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    }
}
