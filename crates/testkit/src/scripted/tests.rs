//! The scripted registrar does what its script says, and its journal says what it did.

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::{AttemptId, CustomerKey, EntryId, RegistrationId, SubmissionId};
use devicedrop_core::registrar::Verdict;
use devicedrop_core::state::ErrorCode;
use tempfile::TempDir;

use super::*;

const REGISTERED: Verdict = Verdict::Registered { warning: None };

fn request(serial: &str) -> Request {
    let number = EntryId::new(1).unwrap();
    Request {
        attempt: AttemptId(number),
        registration: RegistrationId(number),
        submission: SubmissionId::from_bytes([0; 16]),
        key: Sha256::of(serial.as_bytes()),
        customer: CustomerKey::parse("fabrikam").unwrap(),
        device: Device {
            manufacturer: "Contoso".to_owned(),
            model: "One".to_owned(),
            serial_number: serial.to_owned(),
        },
        hardware_hash: None,
        order_id: None,
        purchase_id: None,
    }
}

struct Bench {
    folder: TempDir,
    script: Script,
    registrar: Scripted,
}

impl Bench {
    fn new(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registrar = Scripted::open(script.clone(), &folder.path().join("journal")).unwrap();
        Self { folder, script, registrar }
    }

    fn reopen(self) -> Self {
        let registrar = Scripted::open(self.script.clone(), &self.folder.path().join("journal")).unwrap();
        Self { registrar, ..self }
    }

    async fn register(&self, serials: &[&str]) -> Result<Vec<Verdict>, Trouble> {
        let requests = serials.iter().map(|serial| request(serial)).collect();
        let answers = self.registrar.register(CallIds::default(), requests).await?;
        Ok(answers.into_iter().map(|answer| answer.verdict).collect())
    }

    fn journal(&self) -> Vec<(What, String)> {
        self.registrar.journal().unwrap().into_iter().map(|entry| (entry.what, entry.serial_number)).collect()
    }
}

#[tokio::test]
async fn replies_by_serial_number_and_by_row() {
    let refuse = |error| Reply::Refuse { error, detail: None };
    let bench = Bench::new(Script::of([
        Rule::serial("B", refuse(ErrorCode::DeviceNotFound)),
        Rule::row(3, Reply::Busy { retry_after_ms: Some(5_000) }),
        Rule::serial("D", refuse(ErrorCode::DeviceAlreadyRegistered)),
        Rule::serial("E", Reply::DisconnectBefore),
    ]));
    let verdicts = bench.register(&["A", "B", "C", "D", "E"]).await.unwrap();
    let [accepted, not_found, busy, already, cut_off] = verdicts.as_slice() else { panic!("five answers") };
    assert_eq!(*accepted, REGISTERED);
    assert_eq!(*not_found, Verdict::Refused { error: ErrorCode::DeviceNotFound, detail: None, near: None });
    assert!(matches!(busy, Verdict::Deferred { retry_after: Some(wait), .. } if *wait == Duration::from_secs(5)));
    assert_eq!(*already, Verdict::AlreadyRegistered);
    assert!(matches!(cut_off, Verdict::Deferred { retry_after: None, .. }));
    let expected = [
        (What::Received, "A"),
        (What::Registered, "A"),
        (What::Received, "B"),
        (What::Received, "C"),
        (What::Received, "D"),
        (What::CutOff, "E"),
    ];
    assert_eq!(bench.journal(), expected.map(|(what, serial)| (what, serial.to_owned())));
}

#[tokio::test]
async fn a_lost_answer_had_its_effect_and_can_be_asked_for_after_a_restart() {
    for (mode, effects) in [(Mode::Keyed, 1), (Mode::Natural, 1), (Mode::None, 2)] {
        let script = Script::of([Rule::serial("A", Reply::DisconnectAfter).times(1)]).mode(mode);
        let bench = Bench::new(script);
        let lost = bench.register(&["A"]).await.unwrap();
        assert!(matches!(lost.as_slice(), [Verdict::InDoubt { .. }]), "{lost:?}");
        let bench = bench.reopen();
        let knowledge = bench.registrar.inquire(&[request("A").into()]).await.unwrap();
        match mode {
            Mode::Keyed | Mode::Natural => assert!(matches!(knowledge.as_slice(), [Knowledge::Answered(_)])),
            Mode::None => assert_eq!(knowledge, [Knowledge::CannotTell]),
        }
        // The rule is spent, over the restart too.
        let again = bench.register(&["A"]).await.unwrap();
        assert_eq!(again, [if mode == Mode::Natural { Verdict::AlreadyRegistered } else { REGISTERED }]);
        assert_eq!(bench.registrar.effects(&request("A").device).unwrap(), effects, "{mode:?}");
    }
}

#[tokio::test]
async fn trouble_is_of_the_whole_call() {
    let bench = Bench::new(Script::of([Rule::serial("B", Reply::Broken).times(1)]));
    assert!(matches!(bench.register(&["A", "B"]).await, Err(Trouble::Broken(_))));
    assert_eq!(bench.registrar.effects(&request("A").device).unwrap(), 0);
    assert_eq!(bench.register(&["A", "B"]).await, Ok(vec![REGISTERED, REGISTERED]));
}

#[tokio::test]
async fn answers_are_held_before_and_after_the_effect() {
    for (hold, effects) in [(Hold::Before, 0), (Hold::After, 1)] {
        let bench = Bench::new(Script::default());
        bench.registrar.hold(hold);
        let watching = async {
            bench.registrar.arrived(1).await;
            if hold == Hold::After {
                bench.registrar.effect_done(1).await;
            }
            let seen = bench.registrar.effects(&request("A").device).unwrap();
            bench.registrar.let_go();
            bench.registrar.answered(1).await;
            seen
        };
        let (verdicts, seen) = tokio::join!(bench.register(&["A"]), watching);
        assert_eq!((verdicts.unwrap(), seen), (vec![REGISTERED], effects), "{hold:?}");
    }
}

#[tokio::test]
async fn garbage_and_a_journal_that_was_cut_off() {
    let garbage = Reply::Garbage { text: "<html>\u{1b}[2J".repeat(400), effect: true };
    let bench = Bench::new(Script::of([Rule::always(garbage).times(1)]));
    let answers = bench.registrar.register(CallIds::default(), vec![request("A")]).await.unwrap();
    let [answer] = answers.as_slice() else { panic!("one answer") };
    assert!(matches!(answer.verdict, Verdict::InDoubt { .. }));
    assert_eq!(answer.received.as_ref().map(|text| text.chars().count()), Some(Answer::MAX_RECEIVED));

    let path = bench.folder.path().join("journal");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{{\"what\":\"regis")).unwrap();
    let bench = bench.reopen();
    assert_eq!(bench.register(&["A"]).await, Ok(vec![REGISTERED]));
    assert_eq!(bench.registrar.effects(&request("A").device).unwrap(), 1);
}

#[tokio::test]
async fn a_script_is_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.json");
    std::fs::write(
        &path,
        r#"{"mode": "none", "batch": 7, "inquiries_refused": 1,
            "rules": [{"serial_number": "A", "times": 1, "reply": {"refuse": {"error": "unexpected_error", "detail": "?"}}},
                      {"row": 2, "reply": "timeout"},
                      {"customer": "tailspin", "reply": {"busy": {}}},
                      {"reply": "accept"}],
            "uses": [{"serial_number": "A", "last_seen": "2026-11-22T14:05:39Z"}]}"#,
    )
    .unwrap();
    let registrar = Scripted::from_file(&path, &folder.path().join("journal")).unwrap();
    assert_eq!(
        registrar.capacity(),
        Capacity { batch: 7, concurrency: 4, idempotent: false, distinct_serials: false, rate: None }
    );
    let verdict =
        async || registrar.register(CallIds::default(), vec![request("A")]).await.unwrap().pop().unwrap().verdict;
    assert!(matches!(verdict().await, Verdict::Refused { error: ErrorCode::UnexpectedError, detail: Some(_), .. }));
    assert!(matches!(verdict().await, Verdict::InDoubt { .. }));
    assert_eq!(verdict().await, REGISTERED);
    assert_eq!(registrar.activity(0, 10).await.unwrap().0.len(), 1);
    assert!(registrar.inquire(&[request("A").into()]).await.is_err());
    assert!(registrar.inquire(&[request("A").into()]).await.is_ok());

    std::fs::write(&path, r#"{"rule": []}"#).unwrap();
    assert!(Script::from_file(&path).is_err(), "a misspelt script mustn't do nothing");
}
