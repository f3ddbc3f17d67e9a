//! Whole commands, from their words to what is printed and how they end.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::message::WaitsFor;
use insta::assert_snapshot;

use super::args::ServeArgs;
use super::audit::{NewKey, ProveAsk, Verified, VerifyAsk};
use super::backup::{BackedUp, BackupAsk, RestoreAsk, Restored};
use super::copies::{Copied, ExportAsk, ExportedFile, SnapshotAsk};
use super::lookups::{Look, Lookups, Page};
use super::testing::Printed;
use super::*;
use crate::actor::Actor;
use crate::cli::error::Failure;
use crate::cli::services::{PastRows, Print};
use crate::config::{Config, CustomerSettings};
use crate::control::protocol::{Explanation, Refusal, Retried};
use crate::registrar::check::{Finding, Rank};

/// The rest of the program, scripted.
#[derive(Default)]
struct Scripted {
    answer: Option<Answer>,
    asked: RefCell<Vec<Request>>,
}

impl Services for Scripted {
    fn run(&self, _: &Context, once: bool) -> Result<Exit, Failure> {
        Ok(if once { Exit::No } else { Exit::LedgerStopped })
    }

    fn demo(&self, _: bool, output: &mut Output) -> Result<Exit, Failure> {
        output.note("a demo");
        Ok(Exit::Done)
    }

    fn serve(&self, args: &ServeArgs, output: &mut Output) -> Result<Exit, Failure> {
        output.note(format_args!("a service on {}", args.listen));
        Ok(Exit::Done)
    }

    fn lookups(&self, _: &Config) -> Result<Box<dyn Lookups>, Failure> {
        Ok(Box::new(Nothing))
    }

    fn verify(&self, _: &Config, ask: &VerifyAsk, say: &mut dyn FnMut(&str)) -> Result<Verified, Failure> {
        say("verifying: entries 50 % of 2");
        Ok(Verified {
            sound: ask.checkpoints.is_empty(),
            ledger: ask.receipts.is_empty(),
            entries: 20_000,
            blocks: 17,
            registrations: 6_000,
            without_originals: ask.snapshot.is_some(),
            originals: 12,
            rows_read_again: if ask.originals { 6_000 } else { 0 },
            originals_removed: 1,
            checkpoints: u64::try_from(ask.checkpoints.len()).unwrap_or(0),
            checkpoints_here: 0,
            receipts: u64::try_from(ask.receipts.len()).unwrap_or(0),
            unsigned: u64::try_from(ask.checkpoints.len() + ask.receipts.len()).unwrap_or(0),
            keys: ask
                .checkpoints
                .iter()
                .map(|_| "a+1+AQ== since 2026-11-22T14:00:00.000Z (entry 5, block 2)".into())
                .collect(),
            epochs: vec!["epoch 1 since 2026-11-22T14:00:00.000Z, opened by ann".to_owned()],
            lost: Vec::new(),
            found: ask.checkpoints.iter().map(|_| "entry 5 isn't as it was written".to_owned()).collect(),
            more: 0,
            entries_per_second: 100_000,
        })
    }

    fn doctor(&self, _: &Config, _: bool) -> Result<Vec<crate::doctor::Finding>, Failure> {
        Ok(Vec::new())
    }

    fn registrar_check(&self, _: &Config, customer: Option<&CustomerKey>) -> Result<Vec<Finding>, Failure> {
        let finding = |subject, customer: Option<&CustomerKey>, rank, found: &str, remedy: Option<&str>| Finding {
            registrar: "graph",
            subject,
            customer: customer.map(ToString::to_string),
            rank,
            found: found.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        let good = finding("token", customer, Rank::Good, "the sign-in service gives one", None);
        let bad = finding("clock", None, Rank::Bad, "900 s behind", Some("set the clock right"));
        Ok(if customer.is_some() { vec![good] } else { vec![good, bad] })
    }

    fn sign_in(&self, _: &Config, say: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        say("open   https://login.example\nenter  ABCD");
        Ok("signed in".to_owned())
    }

    fn checkpoint(&self, _: &Config) -> Result<String, Failure> {
        Ok("devicedrop.ledger/…\n".to_owned())
    }

    fn snapshot(&self, _: &Config, ask: &SnapshotAsk, _: &mut dyn FnMut(&str)) -> Result<Copied, Failure> {
        Ok(Copied { bytes: Some(49_152), sha256: Some("ab".repeat(32)), ..copied(&ask.file) })
    }

    fn export(&self, _: &Config, ask: &ExportAsk, _: &mut dyn FnMut(&str)) -> Result<Copied, Failure> {
        let file = |name: &str, view, rows| ExportedFile {
            name: name.to_owned(),
            view,
            rows,
            bytes: 100 * rows,
            sha256: "cd".repeat(32),
        };
        let files = vec![
            file("audit_devices.csv", "audit_devices", 2),
            file("audit_devices.jsonl", "audit_devices", 2),
            file("audit_refusals.csv", "audit_refusals", 0),
        ];
        Ok(Copied { files, ..copied(&ask.dir) })
    }

    fn prove(&self, _: &Config, ask: &ProveAsk, out: Print<'_>) -> Result<io::Result<()>, Failure> {
        Ok(out(&format!("{ask:?}\n")))
    }

    fn keygen(&self, _: &Config, _: &Path, name: &str) -> Result<NewKey, Failure> {
        Ok(NewKey { public: format!("{name}+00000000+AQ=="), replaces: None })
    }

    fn backup(&self, _: &Config, ask: &BackupAsk, _: &mut dyn FnMut(&str)) -> Result<BackedUp, Failure> {
        let at = devicedrop_core::time::Timestamp::from_unix_ms(1_795_356_000_000);
        Ok(BackedUp {
            dir: ask.dir.clone(),
            made_at: at,
            epoch: 1,
            entries: 20_000,
            blocks: 17,
            head: "00".repeat(32),
            until: at,
            registry: true,
            originals: 12,
            originals_bytes: 34_567,
            configuration: true,
            signing_key: Some(ask.with_key),
            sound: !ask.with_key,
            found: ask.with_key.then(|| "entry 5 isn't as it was written".to_owned()).into_iter().collect(),
        })
    }

    fn restore(&self, _: &Config, _: &RestoreAsk, _: &Actor, _: &mut dyn FnMut(&str)) -> Result<Restored, Failure> {
        let refusal = Refusal { message: "not here".into(), because: Vec::new(), hint: None };
        Err(Failure { exit: Exit::Unable, refusal })
    }

    fn past(&self, _: &Config, _: &CustomerKey) -> Result<Option<Box<dyn PastRows>>, Failure> {
        Ok(None)
    }

    fn waits_for(&self, _: &Config, _: &CustomerSettings, _: &Path, _: Option<&Path>) -> Vec<WaitsFor> {
        Vec::new()
    }

    fn answer(&self, _: &Config, _: &Actor, request: &Request) -> Result<Answer, Failure> {
        self.asked.borrow_mut().push(request.clone());
        let refusal = Refusal { message: "not now".into(), because: vec!["it rains".into()], hint: None };
        self.answer.clone().ok_or(Failure { exit: Exit::LedgerUntrusted, refusal })
    }
}

/// What a copy says of the ledger that it is of.
fn copied(path: &Path) -> Copied {
    Copied {
        path: path.to_owned(),
        ledger: "d8184bf3-259a-48a8-80de-b35ff69087d7".to_owned(),
        epoch: 1,
        entries: 20_000,
        blocks: 17,
        head: "00".repeat(32),
        until: devicedrop_core::time::Timestamp::from_unix_ms(1_795_356_000_000),
        bytes: None,
        sha256: None,
        files: Vec::new(),
    }
}

struct Nothing;

impl Lookups for Nothing {
    fn look_up(&mut self, _: &Look) -> Result<Page, Failure> {
        Ok(Page::default())
    }
}

struct Ran {
    exit: Exit,
    out: String,
    err: String,
    asked: Vec<Request>,
}

/// Runs a command in a folder with a configuration and an (empty) ledger of its own.
fn ran(folder: &Path, words: &[&str], answer: Option<Answer>) -> Ran {
    let config = folder.join("devicedrop.toml");
    std::fs::create_dir_all(folder.join("state")).expect("made");
    std::fs::write(folder.join("state/ledger.db"), "").expect("written");
    let text = format!(
        "[drop]\nroot = {0:?}\n[ledger]\npath = {1:?}\n",
        folder.join("drop"),
        folder.join("state/ledger.db")
    );
    std::fs::write(&config, text).expect("written");
    let environment = Environment { config: Some(config), ..Environment::default() };
    let services = Scripted { answer, ..Scripted::default() };
    let mut printed = Printed::default();
    let words = std::iter::once("devicedrop").chain(words.iter().copied()).map(OsString::from);
    let exit = main(words, &environment, &services, &mut printed.output(100));
    Ran { exit, out: printed.out(), err: printed.err(), asked: services.asked.into_inner() }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn help_is_a_result_and_a_slip_is_a_complaint() {
    let folder = folder();
    let help = ran(folder.path(), &["--help"], None);
    assert_eq!((help.exit, help.err.as_str()), (Exit::Done, ""));
    assert!(help.out.contains("Usage: devicedrop"));
    let slip = ran(folder.path(), &["statsu"], None);
    assert_eq!((slip.exit, slip.out.as_str()), (Exit::Unable, ""));
    assert!(slip.err.contains("status"), "the nearest is named: {}", slip.err);
    // A name out of somebody's drop folder, as a shell makes it of `*.csv`.
    let hostile = ran(folder.path(), &["check", "--\u{202e}\u{1b}[31m.csv"], None);
    assert_eq!((hostile.exit, hostile.out.as_str()), (Exit::Unable, ""));
    assert!(
        hostile.err.contains(r"--\u{202e}") && !hostile.err.contains('\u{1b}') && hostile.err.lines().count() > 2,
        "{}",
        hostile.err
    );
}

#[test]
fn a_request_reaches_whoever_answers() {
    let folder = folder();
    let answer = Answer::Retried(Retried { registrations: 3, ..Retried::default() });
    let retried =
        ran(folder.path(), &["retry", "--customer", "contoso", "--error", "device_not_found"], Some(answer));
    assert_eq!((retried.exit, retried.out.as_str()), (Exit::Done, "3 registrations tried again\n"));
    let [Request::Retry(retry)] = retried.asked.as_slice() else { panic!("{:?}", retried.asked) };
    assert_eq!(retry.customer.as_ref().map(ToString::to_string), Some("contoso".to_owned()));
}

#[test]
fn a_path_is_sent_whole() {
    let folder = folder();
    let answer = Answer::Explanation(Explanation {
        path: "/d/a.csv".into(),
        customer: None,
        verdict: "settling".into(),
        why: "it changed 4 s ago".into(),
        submission_id: None,
    });
    let explained = ran(folder.path(), &["explain", "a.csv"], Some(answer));
    assert_eq!(explained.out, "/d/a.csv: settling: it changed 4 s ago\n");
    assert!(matches!(explained.asked.as_slice(), [Request::Explain { path }] if path.is_absolute()));
}

#[test]
fn a_refusal_is_told_and_decides_the_exit() {
    let folder = folder();
    let refused = ran(folder.path(), &["resolve", "7", "--retry", "--reason", "x"], None);
    assert_eq!((refused.exit, refused.out.as_str()), (Exit::LedgerUntrusted, ""));
    assert_snapshot!(refused.err, @r"
    error: not now
      because it rains
    ");
}

#[test]
fn verbose_says_what_is_used_before_or_after_the_command() {
    let folder = folder();
    for words in [["-v", "customer", "list"], ["customer", "list", "-v"]] {
        let listed = ran(folder.path(), &words, None);
        assert_eq!(listed.exit, Exit::Done);
        assert!(listed.err.contains("devicedrop.toml") && listed.err.contains("ledger.db"), "{}", listed.err);
    }
}

#[test]
fn whoever_searches_and_finds_nothing_hears_no() {
    let folder = folder();
    assert_eq!(ran(folder.path(), &["history", "4711"], None).exit, Exit::No);
    assert_eq!(ran(folder.path(), &["devices"], None).exit, Exit::Done);
}

#[test]
fn the_daemons_end_is_the_commands_end() {
    let folder = folder();
    assert_eq!(ran(folder.path(), &["run"], None).exit, Exit::LedgerStopped);
    assert_eq!(ran(folder.path(), &["run", "--once"], None).exit, Exit::No);
}

#[test]
fn completions_know_the_commands() {
    let folder = folder();
    let script = ran(folder.path(), &["completions", "bash"], None).out;
    assert!(script.contains("check-in") && script.contains("--superseded"));
}

#[test]
fn a_bad_configuration_is_told_line_by_line() {
    let folder = folder();
    let config = folder.path().join("bad.toml");
    std::fs::write(&config, "lokale = 'nl'\n").expect("written");
    let config = config.display().to_string();
    let failed = ran(folder.path(), &["status", "--config", &config], None);
    assert_eq!(failed.exit, Exit::Unable);
    assert_snapshot!(failed.err.replace(&config, "bad.toml"), @r"
    error: the configuration bad.toml can't be used
      line 1: `lokale` is not a key; the nearest that is: `locale`
    ");
}

#[test]
fn what_is_in_the_way_of_registering_is_told_and_decides_the_exit() {
    let folder = folder();
    let bad = ran(folder.path(), &["registrar", "check"], None);
    assert_eq!((bad.exit, bad.err.as_str()), (Exit::No, ""));
    assert_snapshot!(bad.out, @r"
    registrar  subject  customer  is    found
    graph      token              good  the sign-in service gives one
    graph      clock              BAD   900 s behind

    What to do:
      graph clock: set the clock right

    1 thing in the way of registering
    ");
    let config = folder.path().join("devicedrop.toml");
    let unknown = ran(folder.path(), &["registrar", "check", "--customer", "_"], None);
    assert_eq!(unknown.exit, Exit::Unable, "{config:?}");
    let good = ran(folder.path(), &["registrar", "check", "--customer", "contoso", "--json"], None);
    assert_eq!(good.exit, Exit::Done);
    assert_snapshot!(good.out, @r#"{"registrar":"graph","subject":"token","customer":"contoso","rank":"good","found":"the sign-in service gives one","remedy":null}"#);
    let signed = ran(folder.path(), &["registrar", "sign-in"], None);
    assert_eq!((signed.exit, signed.out.as_str()), (Exit::Done, "signed in\n"));
    assert!(signed.err.contains("enter  ABCD"), "{}", signed.err);
}

#[test]
fn verification_says_what_it_compared_and_what_it_cannot_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = ran(folder.path(), &["ledger", "verify"], None);
    assert_eq!(ran.exit, Exit::Done);
    assert_snapshot!(ran.out, @r"
    record       entries 20000, blocks 17; 100000 entries a second
                 epoch 1 since 2026-11-22T14:00:00.000Z, opened by ann
    states       registrations 6000, compared with the record
    originals    read and compared 12; removed, as the record says, 1
    checkpoints  compared with the record 0

    Nothing was found that isn't as it was.
    Without a checkpoint that was kept elsewhere, a record whose end was cut off, or that was written anew as
    a whole, can't be told from an honest one: `devicedrop ledger checkpoint` makes them.
    ");
}

#[test]
fn verification_names_the_first_that_is_not_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = ran(folder.path(), &["ledger", "verify", "--checkpoint", "kept"], None);
    assert_eq!(ran.exit, Exit::No);
    assert_snapshot!(ran.out, @r"
    record       entries 20000, blocks 17; 100000 entries a second
                 epoch 1 since 2026-11-22T14:00:00.000Z, opened by ann
    keys         a+1+AQ== since 2026-11-22T14:00:00.000Z (entry 5, block 2)
    states       registrations 6000, compared with the record
    originals    read and compared 12; removed, as the record says, 1
    checkpoints  compared with the record 1

    Not as it was, first: entry 5 isn't as it was written
    Keep a copy of the ledger as it is, with its -wal file, before anything else is done.
    Not compared with a key: 1. Whoever can write to such a file can make it lead to a record of his own:
    believe it as far as you believe the place that it was kept in, or name the key with --key.
    ");
}

#[test]
fn a_backup_says_what_is_in_it_and_whether_that_is_sound() {
    let folder = folder();
    let made = ran(folder.path(), &["backup", "/backup/one"], Some(Answer::BackupRecorded));
    assert_eq!((made.exit, made.err.as_str()), (Exit::Done, ""));
    assert!(matches!(made.asked.as_slice(), [Request::BackedUp { with_key: false, .. }]), "{:?}", made.asked);
    assert_snapshot!(made.out, @r"
    backup         /backup/one
    record         entries 20000, blocks 17, epoch 1, until 2026-11-22T14:00:00.000Z
    registry       in it
    originals      files 12, bytes 34567
    configuration  in it
    signing key    not in it (--with-key)

    Verified: nothing was found in the copy that isn't as it was.
    ");
    let odd = ran(folder.path(), &["backup", "--with-key", "/backup/one"], None);
    assert_eq!(odd.exit, Exit::No);
    assert_snapshot!(odd.err, @r"
    the backup is whole; that it was made can't be put on record:
    error: not now
      because it rains
    ");
    assert_snapshot!(odd.out.lines().skip(5).collect::<Vec<_>>().join("\n"), @r"
    signing key    in it

    Not as it was, first: entry 5 isn't as it was written
    The backup is whole, and what it is a copy of isn't sound: keep the older backups, too.
    ");
}

#[test]
fn copies_say_what_they_hold_and_up_to_where() {
    let folder = folder();
    let snapshot = ran(folder.path(), &["ledger", "snapshot", "/mnt/auditor/today.db"], None);
    assert_eq!((snapshot.exit, snapshot.err.as_str()), (Exit::Done, ""));
    assert_snapshot!(snapshot.out, @r"
    snapshot     /mnt/auditor/today.db
    record       entries 20000, blocks 17, epoch 1, until 2026-11-22T14:00:00.000Z
    head         0000000000000000000000000000000000000000000000000000000000000000
    file         bytes 49152, SHA-256 abababababababababababababababababababababababababababababababab
    ");
    let export = ran(folder.path(), &["ledger", "export", "/mnt/auditor/to\u{1b}[2Jday"], None);
    assert_eq!((export.exit, export.err.as_str()), (Exit::Done, ""));
    assert_snapshot!(export.out, @r"
    export       /mnt/auditor/to\u{1b}[2Jday
    record       entries 20000, blocks 17, epoch 1, until 2026-11-22T14:00:00.000Z
    head         0000000000000000000000000000000000000000000000000000000000000000
    file                 rows  bytes  sha256
    audit_devices.csv    2     200    cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
    audit_devices.jsonl  2     200    cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
    audit_refusals.csv   0     0      cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
    ");
    let json = ran(folder.path(), &["ledger", "snapshot", "--json", "/mnt/auditor/today.db"], None);
    assert_snapshot!(json.out, @r#"{"path":"/mnt/auditor/today.db","ledger":"d8184bf3-259a-48a8-80de-b35ff69087d7","epoch":1,"entries":20000,"blocks":17,"head":"0000000000000000000000000000000000000000000000000000000000000000","until":"2026-11-22T14:00:00.000Z","bytes":49152,"sha256":"abababababababababababababababababababababababababababababababab"}"#);
}
