//! Any answers of a registrar to one row, hostile words and all: only legal changes, and harmless sentences of limited
//! length.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use devicedrop_core::device::{Column, Device};
use devicedrop_core::dialect::Dialect;
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{Details, Holder, details};
use devicedrop_core::registrar::{Answer, HashMismatch, Trouble, Verdict};
use devicedrop_core::result_sheet::{Fate, ResultSheet};
use devicedrop_core::retry::RetryPolicy;
use devicedrop_core::state::{ErrorCode, Event, State, is_legal, next};
use devicedrop_core::time::Timestamp;
use devicedrop_fuzz::{harmless, looks_like_a_formula};
use libfuzzer_sys::fuzz_target;

/// What can happen to a row, one after the other.
#[derive(Debug, Arbitrary)]
enum Happening {
    Registered { warning: Option<Vec<(Heading, String, String)>> },
    AlreadyRegistered { file: String, line: u64, at: i64 },
    Refused { error: u8, detail: Option<String> },
    Deferred { why: String, after_s: u64 },
    InDoubt { why: String },
    Trouble { broken: bool, why: String },
    Person { registered: bool },
    Delivered,
    Used(bool),
}

/// One of the columns that a hash can speak of.
#[derive(Debug, Arbitrary)]
enum Heading {
    Manufacturer,
    Model,
    SerialNumber,
}

impl Heading {
    fn name(&self) -> String {
        let column = match self {
            Self::Manufacturer => Column::Manufacturer,
            Self::Model => Column::Model,
            Self::SerialNumber => Column::SerialNumber,
        };
        column.heading().to_owned()
    }
}

/// The longest sentences: three fields of a hash, or a registrar's words, each character shown as ten.
const LONGEST: usize = 6_000;

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let Ok((request_id, support)) = input.arbitrary::<(Option<String>, Option<String>)>() else { return };
    let mut state = next(None, Event::Received).expect("a new row").to;
    let mut attempts = 0;
    while !input.is_empty() {
        let Ok(happening) = input.arbitrary::<Happening>() else { return };
        attempts += 1;
        let (event, told) = follow(happening, attempts, request_id.as_deref(), support.as_deref());
        for text in &told {
            harmless(text);
            assert!(text.chars().count() <= LONGEST, "{} characters", text.chars().count());
        }
        // The locales differ in our words alone.
        if let Some(text) = told.first() {
            cell(text, request_id.as_deref().unwrap_or_default());
        }
        let Some(event) = event else { continue };
        match next(Some(state), event) {
            Ok(change) => {
                assert_eq!(change.from, Some(state));
                assert!(is_legal(Some(state), change.to));
                assert!(change.to != State::Failed || change.error.is_some(), "a failure says why");
                assert!(change.to != State::Pending || state == State::Failed);
                state = change.to;
            }
            Err(refused) => assert_eq!(refused.state, Some(state)),
        }
    }
});

/// What follows for the row, and what its sender may be told.
fn follow(
    happening: Happening,
    attempts: u32,
    request_id: Option<&str>,
    support: Option<&str>,
) -> (Option<Event>, Vec<String>) {
    let request_id = request_id.unwrap_or("dd-1");
    let say = |what: &Details<'_>| Locale::ALL.map(|locale| details(what, locale)).to_vec();
    let failed = |error, words: Option<&str>| say(&Details::Error { error, request_id, support, words });
    match happening {
        Happening::Person { registered } => {
            (Some(if registered { Event::ResolvedAsRegistered } else { Event::Retried }), Vec::new())
        }
        Happening::Delivered => (Some(Event::DeliveredAgain), Vec::new()),
        Happening::Used(seen) => (Some(if seen { Event::Seen } else { Event::Unseen }), Vec::new()),
        Happening::Trouble { broken, why } => {
            let trouble = if broken { Trouble::Broken(why) } else { Trouble::Unavailable(why) };
            (None, failed(ErrorCode::UnexpectedError, Some(&trouble.to_string())))
        }
        Happening::AlreadyRegistered { file, line, at } => {
            let holder = Holder { file: &file[..cut(&file)], line, date: Timestamp::from_unix_ms(at) };
            let answer = Answer::bare(Verdict::AlreadyRegistered);
            let Verdict::AlreadyRegistered = answer.verdict else { return (None, Vec::new()) };
            (Some(Event::AlreadyRegistered), say(&Details::AlreadyRegistered { holder: Some(holder) }))
        }
        Happening::Registered { warning } => {
            let fields = warning.unwrap_or_default().into_iter().take(3);
            let fields = fields.map(|(heading, row, hash)| (heading.name(), row, hash)).collect();
            (Some(Event::Registered), say(&Details::HashMismatch(&HashMismatch { fields })))
        }
        Happening::Refused { error, detail } => {
            let error = ErrorCode::ALL[usize::from(error) % ErrorCode::ALL.len()];
            (Some(Event::Failed(error)), failed(error, detail.as_deref()))
        }
        Happening::Deferred { why, after_s } => {
            let policy = RetryPolicy::default();
            let wait = policy.delay(attempts, 0.5).max(std::time::Duration::from_secs(after_s));
            let due = Timestamp::from_unix_ms(0).plus(wait);
            assert!(due > Timestamp::from_unix_ms(0) && !due.to_string().is_empty());
            let gave_up = policy.gives_up(attempts, wait).then_some(Event::GaveUp);
            (gave_up, failed(ErrorCode::UnexpectedError, Some(&why)))
        }
        Happening::InDoubt { why } => (None, failed(ErrorCode::UnexpectedError, Some(&why))),
    }
}

/// A path inside a drop folder isn't longer than two names.
fn cut(text: &str) -> usize {
    text.char_indices().nth(512).map_or(text.len(), |(index, _)| index)
}

/// In a result file it is one cell, and no formula.
fn cell(details: &str, request_id: &str) {
    let device = Device { manufacturer: "M".into(), model: "N".into(), serial_number: "S".into() };
    let sheet = ResultSheet::new(&["Serial Number".to_owned()], Dialect::STANDARD, Locale::Nl);
    let fate = Fate {
        state: Some(State::Failed),
        error: Some(ErrorCode::UnexpectedError),
        details: details.to_owned(),
        request_id: request_id.to_owned(),
    };
    let mut out = Vec::new();
    sheet.row([device.serial_number.as_str()].into_iter(), &fate, &mut out);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(1024).from_reader(out.as_slice());
    let record = reader.records().next().expect("a line").expect("a record");
    assert_eq!(record.len(), 5);
    for cell in record.iter().skip(1) {
        assert!(!looks_like_a_formula(cell));
        if !cell.is_empty() {
            harmless(cell);
        }
    }
}
