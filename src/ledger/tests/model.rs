//! Whatever is done in whatever order: where everything stands is what the record gives.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use devicedrop_core::ids::AttemptId;
use devicedrop_core::state::{self, Cause, ErrorCode, Event, Outcome, State};
use proptest::prelude::*;

use super::super::command::{Resolution, Selection};
use super::super::error::LedgerError;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Accept { file: u8, rows: u8, bad: bool },
    Reject { file: u8 },
    Start { skip: usize, take: usize },
    Finish { which: usize, outcome: Outcome },
    Again { which: usize },
    Retry,
    GiveUp { which: usize },
    Resolve { which: usize, registered: bool },
    Use { which: usize, seen: bool },
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = proptest::sample::select(vec![
        Outcome::Registered,
        Outcome::AlreadyRegistered,
        Outcome::Failed,
        Outcome::Deferred,
        Outcome::Interrupted,
    ]);
    let step = prop_oneof![
        3 => (0..3_u8, 0..5_u8, any::<bool>()).prop_map(|(file, rows, bad)| Step::Accept { file, rows, bad }),
        1 => (0..3_u8).prop_map(|file| Step::Reject { file }),
        4 => (0..3_usize, 1..4_usize).prop_map(|(skip, take)| Step::Start { skip, take }),
        6 => (0..8_usize, outcome).prop_map(|(which, outcome)| Step::Finish { which, outcome }),
        1 => (0..4_usize).prop_map(|which| Step::Again { which }),
        1 => Just(Step::Retry),
        1 => (0..20_usize).prop_map(|which| Step::GiveUp { which }),
        1 => (0..20_usize, any::<bool>()).prop_map(|(which, registered)| Step::Resolve { which, registered }),
        2 => (0..20_usize, any::<bool>()).prop_map(|(which, seen)| Step::Use { which, seen }),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..40)
}

/// One run: the ledger, and the attempts under way as the daemon would know them.
struct Run {
    trial: Trial,
    second: i64,
    files: u64,
    under_way: Vec<(AttemptId, RegistrationId)>,
    submissions: Vec<(SubmissionEntry, String)>,
}

/// A refusal is fine, a stop isn't.
fn fine<T>(answer: &Result<T, LedgerError>) {
    assert!(!matches!(answer, Err(LedgerError::Stopped)), "the writer stopped");
}

impl Run {
    fn registration(&self, which: usize) -> Option<RegistrationId> {
        let all = self.trial.show("SELECT id FROM registration ORDER BY id");
        all.lines().nth(which).and_then(|id| RegistrationId::new(id.parse().expect("a number")))
    }

    fn accept(&mut self, file: u8, rows: u8, bad: bool) {
        let writer = self.trial.writer();
        let path = format!("{file}.csv");
        let mut all: Vec<_> = (0..rows).map(|n| row(u64::from(n) + 2, &format!("S{n}"))).collect();
        all.extend(bad.then(|| bad_row(u64::from(rows) + 2)));
        self.files += 1;
        let mut new = submission(&path, &self.files.to_string(), counted(&all));
        new.at = at(self.second);
        let entry = writer.open_submission(new).wait().expect("opened");
        for chunk in all.chunks(2) {
            writer.add_registrations(entry, chunk.to_vec()).wait().expect("added");
        }
        let arrival = delivery(&path, self.second + 1);
        writer.close_submission(entry, arrival, known(&path)).wait().expect("closed");
        self.submissions.push((entry, path));
    }

    fn step(&mut self, step: &Step) {
        self.second += 100;
        let now = at(self.second);
        let writer = self.trial.writer();
        match step {
            Step::Accept { file, rows, bad } => self.accept(*file, *rows, *bad),
            Step::Reject { file } => {
                let path = format!("{file}.csv");
                self.files += 1;
                let new = submission(&path, &self.files.to_string(), 0);
                let arrival = delivery(&path, self.second);
                writer.reject(new, "no".into(), arrival, known(&path)).wait().expect("rejected");
            }
            Step::Start { skip, take } => {
                let due = self.trial.reader().next_due(&key("contoso"), now, 10, &[]).expect("asked");
                let ids: Vec<_> = due.iter().skip(*skip).take(*take).map(|due| due.registration).collect();
                let started = writer.start_call(call(self.second), ids.clone()).wait().expect("due rows can start");
                self.under_way.extend(started.attempts.into_iter().zip(ids));
            }
            Step::Finish { which, outcome } => {
                if let Some((attempt, id)) = self.under_way.get(*which).copied() {
                    let ended = writer.finish_attempts(vec![end(attempt, id, self.second, *outcome)]).wait();
                    ended.expect("what is under way can end");
                    self.under_way.remove(*which);
                }
            }
            Step::Again { which } => {
                if let Some((entry, path)) = self.submissions.get(*which) {
                    let arrival = delivery(path, self.second);
                    writer.deliver_again(*entry, arrival, known(path)).wait().expect("again");
                }
            }
            Step::Retry => fine(&writer.retry(Selection::default(), "ann".into(), now).wait()),
            Step::GiveUp { which } => {
                if let Some(id) = self.registration(*which) {
                    fine(&writer.gave_up(id, now, None).wait());
                }
            }
            Step::Resolve { which, registered } => {
                if let Some(id) = self.registration(*which) {
                    let resolution = if *registered { Resolution::Registered } else { Resolution::Retry };
                    let resolved = writer.resolve(id, resolution, "so".into(), "ann".into(), now).wait();
                    let under_way = self.under_way.iter().any(|(_, other)| *other == id);
                    assert_eq!(resolved.is_ok(), under_way, "{resolved:?}");
                    self.under_way.retain(|(_, other)| *other != id);
                }
            }
            Step::Use { which, seen } => {
                if let Some(id) = self.registration(*which) {
                    fine(&match seen {
                        true => writer.seen(vec![(id, now)], now).wait(),
                        false => writer.unseen(vec![id], now).wait(),
                    });
                }
            }
            Step::Reopen => {
                drop(writer);
                self.trial.crash();
                self.trial.open();
            }
        }
    }

    /// The states that the record gives, every change made by the core's own function.
    fn replay(&self) -> BTreeMap<i64, (State, Option<ErrorCode>)> {
        let mut states = BTreeMap::new();
        let db = self.trial.foreign();
        let mut all = db
            .prepare("SELECT registration_id, from_state, to_state, error, cause FROM audit_transitions ORDER BY seq")
            .expect("the view");
        let mut rows = all.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let id: i64 = row.get(0).expect("an ID");
            let from: Option<String> = row.get(1).expect("a state");
            let to: String = row.get(2).expect("a state");
            let error: Option<String> = row.get(3).expect("an error");
            let cause: String = row.get(4).expect("a cause");
            let error = error.and_then(|error| ErrorCode::from_code(&error));
            let to = State::from_code(&to).expect("a state");
            let event = match (Cause::from_code(&cause).expect("a cause"), to, error) {
                (Cause::Received, ..) => Event::Received,
                (Cause::Validation, _, Some(error)) => Event::Refused(error),
                (Cause::Attempt, State::Failed, Some(error)) => Event::Failed(error),
                (Cause::Attempt, _, Some(_)) => Event::AlreadyRegistered,
                (Cause::Attempt, ..) => Event::Registered,
                (Cause::Activity, State::Active, _) => Event::Seen,
                (Cause::Activity, ..) => Event::Unseen,
                (Cause::Retry, ..) => Event::Retried,
                (Cause::DeliveredAgain, ..) => Event::DeliveredAgain,
                (Cause::Resolved, ..) => Event::ResolvedAsRegistered,
                (Cause::GaveUp, ..) => Event::GaveUp,
                other => panic!("no event gives {other:?}"),
            };
            let before = states.get(&id).map(|(state, _)| *state);
            assert_eq!(before.map(|state: State| state.code().to_owned()), from, "registration {id}");
            let change = state::next(before, event).expect("the record holds legal changes only");
            assert_eq!((change.to, change.error), (to, error));
            states.insert(id, (change.to, change.error));
        }
        states
    }

    fn check(&self) {
        let mut replayed = String::new();
        for (id, (state, error)) in self.replay() {
            writeln!(replayed, "{id} | {state} | {}", error.map_or("-", ErrorCode::code)).expect("written");
        }
        let told =
            self.trial.show("SELECT registration_id, state, error FROM audit_registrations ORDER BY registration_id");
        assert_eq!(told, replayed);
        assert_eq!(
            self.trial.show("SELECT submission_id, rows, pending, ready, failed, already FROM audit_submissions ORDER BY 1"),
            self.trial.show(
                "SELECT s.submission_id, count(r.registration_id), coalesce(sum(r.state = 'registration_pending'), 0),
                   coalesce(sum(r.state IN ('ready_for_user', 'active', 'inactive')), 0),
                   coalesce(sum(r.state = 'registration_failed'), 0),
                   coalesce(sum(r.registration_id IN (SELECT registration_id FROM audit_transitions
                     WHERE error = 'device_already_registered')), 0)
                 FROM audit_submissions s LEFT JOIN audit_registrations r ON r.submission_id = s.submission_id
                 GROUP BY 1 ORDER BY 1"
            )
        );
        assert_eq!(
            self.trial.show("SELECT * FROM audit_submissions WHERE (pending = 0) <> (completed_at IS NOT NULL)"),
            ""
        );
        // Every pending row is either under way or due at some time, and none is both.
        let reader = self.trial.reader();
        let all = reader.next_due(&key("contoso"), at(1_000_000), 10_000, &[]).expect("asked");
        let mut known: Vec<i64> = all.iter().map(|due| due.registration.get()).collect();
        let doubt = reader.in_doubt().expect("asked");
        let mut open: Vec<_> =
            doubt.iter().map(|doubt| (doubt.request.attempt, doubt.request.registration)).collect();
        known.extend(open.iter().map(|(_, id)| id.get()));
        known.sort_unstable();
        let pending = self.trial.show(
            "SELECT registration_id FROM audit_registrations
            WHERE state = 'registration_pending' ORDER BY registration_id",
        );
        assert_eq!(known.iter().map(i64::to_string).collect::<Vec<_>>(), pending.lines().collect::<Vec<_>>());
        let mut under_way = self.under_way.clone();
        open.sort_unstable();
        under_way.sort_unstable();
        assert_eq!(open, under_way);
        assert_eq!(reader.counts(None).expect("counts").under_way, counted(&open));
        let blocks = reader.head().expect("asked").expect("a head").blocks;
        (1..=blocks).for_each(|block| reader.check_block(block).expect("as it was written"));
        let mut verifier = super::super::verify::Verifier::open(&self.trial.path()).expect("it opens");
        let told = verifier.verify(&[], &mut |_| true).expect("read").expect("nobody stopped it");
        assert_eq!(told.found, [], "nobody touched it");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_everything_stands_is_what_the_record_gives(steps in steps()) {
        let mut run = Run { trial: Trial::new(), second: 1_000, files: 0, under_way: vec![], submissions: vec![] };
        for step in &steps {
            run.step(step);
        }
        run.check();
    }
}
