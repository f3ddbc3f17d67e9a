//! The suite that every registrar passes: the contract on the methods of `Registrar`, as tests.
//!
//! What a registrar can't do by its nature, its [`Subject`] says, and is held to that instead.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "a broken contract ends the test that runs the suite")]

mod asking;
mod registering;

use std::cell::Cell;
use std::collections::HashSet;
use std::time::Duration;

use devicedrop::registrar::Registrar;
use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, EntryId, RegistrationId, SubmissionId};
use devicedrop_core::registrar::{Activity, Answer, CallIds, Knowledge, Origin, Question, Request, Trouble, Verdict};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::time::Timestamp;
use tokio::runtime::{Builder, Runtime};

/// By what a registrar remembers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remembers {
    /// By their keys: a repeated one is answered as before. It can be asked.
    Keys,
    /// By their devices: a repeated one finds the device registered. It can be asked.
    Devices,
    /// Not at all, and it can't be asked.
    Nothing,
}

/// What a registrar can do by its nature.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    /// It refuses devices that it wasn't told of.
    pub inventory: bool,
    /// By what it remembers requests.
    pub remembers: Remembers,
    /// It tells of uses.
    pub tells_uses: bool,
}

impl Nature {
    fn knows_keys(self) -> bool {
        self.remembers == Remembers::Keys
    }

    fn can_be_asked(self) -> bool {
        self.remembers != Remembers::Nothing
    }
}

/// A registrar under test, and what the world does to it. Its methods may block.
pub trait Subject {
    /// The registrar.
    fn registrar(&self) -> &dyn Registrar;
    /// What it can do.
    fn nature(&self) -> Nature;
    /// Makes devices known to it, where it must know them.
    fn stock(&self, devices: &[Device]);
    /// The hardware hash of a device, where the registrar knows devices by theirs.
    fn hash(&self, _device: &Device) -> Option<String> {
        None
    }
    /// Has a device used.
    fn use_device(&self, device: &Device, at: Timestamp);
    /// Ends it and begins it anew with what it has on disk.
    #[must_use]
    fn reopen(self) -> Self
    where
        Self: Sized;
}

/// Runs the whole suite. `make` gives a registrar without any devices each time.
///
/// # Panics
/// If the contract is broken.
pub fn run<S: Subject>(make: impl Fn() -> S) {
    registering::says_what_it_is(&Bench::of(&make));
    registering::answers_every_row_in_order(&Bench::of(&make));
    registering::keeps_what_it_registered(Bench::of(&make));
    registering::a_repeated_request_has_no_second_effect(Bench::of(&make));
    registering::tells_whose_device_it_is_to_nobody_else(&Bench::of(&make));
    registering::of_two_rows_of_one_device_the_first_has_it(&Bench::of(&make));
    registering::takes_values_byte_for_byte(&Bench::of(&make));
    registering::takes_a_whole_batch(&Bench::of(&make));
    asking::inquiring_changes_nothing(&Bench::of(&make));
    asking::tells_what_became_of_requests(Bench::of(&make));
    asking::what_nobody_waits_for_can_be_found_out(&Bench::of(&make));
    asking::tells_uses_once_and_in_order(&Bench::of(&make));
    asking::tells_no_uses_of_unregistered_devices(&Bench::of(&make));
}

/// A subject, and a runtime to ask it in. Blocking calls are made outside of the runtime.
struct Bench<S> {
    subject: S,
    runtime: Runtime,
    attempts: Cell<i64>,
    guids: Cell<u64>,
}

impl<S: Subject> Bench<S> {
    fn of(make: &impl Fn() -> S) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        Self { subject: make(), runtime, attempts: Cell::new(0), guids: Cell::new(0) }
    }

    fn reopen(self) -> Self {
        Self { subject: self.subject.reopen(), ..self }
    }

    fn registrar(&self) -> &dyn Registrar {
        self.subject.registrar()
    }

    fn nature(&self) -> Nature {
        self.subject.nature()
    }

    /// A request with a key that is made of `key`.
    fn request(&self, customer: &str, device: &Device, key: &str) -> Request {
        self.attempts.set(self.attempts.get() + 1);
        let number = EntryId::new(self.attempts.get()).unwrap_or_else(|| panic!("attempts count from 1"));
        Request {
            attempt: AttemptId(number),
            registration: RegistrationId(number),
            submission: SubmissionId::from_bytes([0; 16]),
            key: Sha256::of(key.as_bytes()),
            customer: customer_key(customer),
            device: device.clone(),
            hardware_hash: self.subject.hash(device),
            order_id: None,
            purchase_id: None,
        }
    }

    fn try_register(&self, requests: &[Request]) -> Result<Vec<Answer>, Trouble> {
        if requests.is_empty() {
            return self.runtime.block_on(self.registrar().register(self.ids(), Vec::new()));
        }
        let mut told = Vec::with_capacity(requests.len());
        for call in self.calls(requests) {
            let answers = self.runtime.block_on(self.registrar().register(self.ids(), call.clone()))?;
            assert_eq!(answers.len(), call.len(), "as many answers as requests");
            told.extend(self.in_the_end(&call, answers));
        }
        Ok(told)
    }

    /// The rows in calls as the registrar takes them, in their order.
    fn calls(&self, requests: &[Request]) -> Vec<Vec<Request>> {
        let registrar = self.registrar();
        let capacity = registrar.capacity();
        let place = |request: &Request| {
            let Request { customer, submission, order_id, .. } = request;
            let origin = Origin { customer, submission: *submission, order_id: order_id.as_deref() };
            (registrar.target_of(customer), registrar.group(origin))
        };
        let mut calls: Vec<Vec<Request>> = Vec::new();
        let mut serials = HashSet::new();
        for request in requests {
            let serial = &request.device.serial_number;
            let goes_along = calls.last().is_some_and(|call| {
                let is_known = capacity.distinct_serials && serials.contains(serial);
                // More than it takes goes too, where nothing else speaks against it: it must answer that.
                call.last().is_some_and(|before| place(before) == place(request)) && !is_known
            });
            if !goes_along {
                calls.push(Vec::new());
                serials.clear();
            }
            serials.insert(serial.clone());
            calls.last_mut().into_iter().for_each(|call| call.push(request.clone()));
        }
        calls
    }

    /// The IDs of a new call, if the registrar takes any.
    fn ids(&self) -> CallIds {
        if !self.registrar().takes_ids() {
            return CallIds::default();
        }
        let new = || {
            self.guids.set(self.guids.get() + 1);
            Some(format!("00000000-0000-4000-8000-{:012x}", self.guids.get()))
        };
        CallIds { request_id: new(), correlation_id: new() }
    }

    /// The answers that requests get in the end, where the registrar took them and tells later.
    fn in_the_end(&self, call: &[Request], mut answers: Vec<Answer>) -> Vec<Answer> {
        loop {
            let followed: Vec<(usize, Question)> = call
                .iter()
                .zip(&answers)
                .enumerate()
                .filter_map(|(place, (request, answer))| {
                    let Verdict::Accepted { tracking_id, .. } = &answer.verdict else { return None };
                    let tracking_id = Some(tracking_id.clone());
                    Some((place, Question { request: request.clone(), ids: CallIds::default(), tracking_id }))
                })
                .collect();
            let (places, questions): (Vec<usize>, Vec<Question>) = followed.into_iter().unzip();
            if questions.is_empty() {
                return answers;
            }
            let mut wait = Duration::ZERO;
            for (place, told) in places.into_iter().zip(self.ask(&questions)) {
                match told {
                    Knowledge::UnderWay { ask_after } => wait = wait.max(ask_after),
                    Knowledge::Answered(answer) => answers[place] = answer,
                    other => panic!("what was accepted has its answer: {other:?}"),
                }
            }
            // Nothing comes, so it always takes that time.
            self.runtime.block_on(async { drop(tokio::time::timeout(wait, std::future::pending::<()>()).await) });
        }
    }

    fn register(&self, requests: &[Request]) -> Vec<Verdict> {
        let answers = self.try_register(requests).unwrap_or_else(|trouble| panic!("{trouble}"));
        answers.into_iter().map(|answer| answer.verdict).collect()
    }

    fn register_one(&self, request: &Request) -> Verdict {
        let verdict = self.register(std::slice::from_ref(request)).pop();
        verdict.unwrap_or_else(|| panic!("one answer"))
    }

    fn inquire(&self, requests: &[Request]) -> Vec<Knowledge> {
        self.ask(&requests.iter().cloned().map(Question::from).collect::<Vec<_>>())
    }

    fn ask(&self, questions: &[Question]) -> Vec<Knowledge> {
        let told = self.runtime.block_on(self.registrar().inquire(questions));
        let told = told.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(told.len(), questions.len(), "as many answers as questions");
        told
    }

    fn activity(&self, after: u64, limit: usize) -> (Vec<Activity>, u64) {
        let told = self.runtime.block_on(self.registrar().activity(after, limit));
        told.unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    /// A device that the registrar was told of.
    fn stocked(&self, serial_number: &str) -> Device {
        let device = device(serial_number);
        self.subject.stock(std::slice::from_ref(&device));
        device
    }
}

fn customer_key(key: &str) -> CustomerKey {
    CustomerKey::parse(key).unwrap_or_else(|error| panic!("{error}"))
}

fn device(serial_number: &str) -> Device {
    Device {
        manufacturer: "Contoso, Ltd.".to_owned(),
        model: "Ærø 15\"".to_owned(),
        serial_number: serial_number.to_owned(),
    }
}

fn registered() -> Verdict {
    Verdict::Registered { warning: None }
}

fn refused_with(verdict: &Verdict) -> Option<ErrorCode> {
    match verdict {
        Verdict::Refused { error, .. } => Some(*error),
        _ => None,
    }
}

/// Whether the verdict says that this customer has the device now.
fn has_it(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Registered { .. } | Verdict::AlreadyRegistered)
}
