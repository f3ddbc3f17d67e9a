//! What a scripted registrar knows, and how it decides on a row.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use devicedrop_core::device::Device;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{Activity, Answer, Knowledge, Question, Request, Trouble, Verdict};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::time::Timestamp;

use super::journal::{Entry, Journal, What};
use super::script::{Mode, Reply, Script};

/// All that it knows.
#[derive(Debug)]
pub(super) struct Memory {
    script: Script,
    journal: Journal,
    holders: HashMap<Device, CustomerKey>,
    /// Keys whose requests had their effect.
    keys: HashSet<String>,
    /// Rows seen so far.
    rows: u64,
    /// Rows that each rule has served.
    served: Vec<u64>,
    activity: Vec<Activity>,
    inquiries: u64,
    /// The error, if any, that it will tell of rows that it took, by tracking ID and key.
    later: HashMap<(String, String), Option<ErrorCode>>,
    /// How often it said of each that it isn't done yet; these count in each process anew.
    not_yet: HashMap<(String, String), u64>,
}

/// How long whoever asks about a call is to wait.
const ASK_AFTER: Duration = Duration::from_millis(20);

/// What is decided on a row before the journal is written.
struct Decided {
    answer: Answer,
    what: What,
    effect: bool,
}

impl Memory {
    pub(super) fn open(script: Script, journal: &Path) -> anyhow::Result<Self> {
        let (journal, entries) = Journal::open(journal)?;
        let served = vec![0; script.rules.len()];
        let mut memory = Self {
            script,
            journal,
            holders: HashMap::new(),
            keys: HashSet::new(),
            rows: 0,
            served,
            activity: Vec::new(),
            inquiries: 0,
            later: HashMap::new(),
            not_yet: HashMap::new(),
        };
        for entry in &entries {
            match entry.what {
                What::CutOff | What::Received => {
                    memory.reply_to(&entry.serial_number, &entry.customer);
                }
                What::Registered => memory.take_effect(entry),
                What::Inquired => {}
                What::Accepted => memory.will_tell(entry),
            }
        }
        Ok(memory)
    }

    pub(super) fn register(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Trouble> {
        let replies: Vec<Reply> =
            requests.iter().map(|request| self.reply_to(&request.device.serial_number, &request.customer)).collect();
        // Trouble is of the whole call, and none of its rows may have an effect.
        let trouble = replies.iter().find_map(|reply| match reply {
            Reply::Broken => Some(Trouble::Broken("401 invalid_client".to_owned())),
            Reply::Unavailable => Some(Trouble::Unavailable("503 Service Unavailable".to_owned())),
            _ => None,
        });
        if let Some(trouble) = trouble {
            let cut: Vec<_> = requests.iter().map(|request| Entry::of(What::CutOff, request)).collect();
            self.write(&cut)?;
            return Err(trouble);
        }
        let mut entries = Vec::new();
        let mut answers = Vec::with_capacity(requests.len());
        for (request, reply) in requests.iter().zip(replies) {
            let decided = self.decide(request, reply);
            entries.push(Entry::of(decided.what, request));
            if decided.effect {
                let effect = Entry::of(What::Registered, request);
                self.take_effect(&effect);
                entries.push(effect);
            }
            let taken = self.taken(request, &decided.answer, requests);
            answers.push(match &taken {
                Some(taken) => {
                    self.will_tell(taken);
                    let tracking_id = taken.tracking_id.clone().unwrap_or_default();
                    Answer::bare(Verdict::Accepted { tracking_id, ask_after: ASK_AFTER })
                }
                None => decided.answer,
            });
            entries.extend(taken);
        }
        // The world outside sees effects by the journal and the answers alone, so this is before both.
        Ok(self.write(&entries).map_or_else(
            |trouble| vec![Answer::bare(Verdict::InDoubt { why: trouble.to_string() }); requests.len()],
            |()| answers,
        ))
    }

    /// The journal's entry of a row that was taken and is answered later; none if its answer is told at once.
    fn taken(&self, request: &Request, answer: &Answer, call: &[Request]) -> Option<Entry> {
        let error = match &answer.verdict {
            Verdict::Registered { .. } => None,
            Verdict::AlreadyRegistered => Some(ErrorCode::DeviceAlreadyRegistered),
            Verdict::Refused { error, .. } => Some(*error),
            _ => return None,
        };
        self.script.later?;
        let first = call.first().map(|first| first.attempt.get()).unwrap_or_default();
        Some(Entry::accepted(request, &format!("t-{first}"), error))
    }

    fn will_tell(&mut self, entry: &Entry) {
        if let Some(tracking_id) = entry.tracking_id.clone() {
            self.later.insert((tracking_id, entry.key.clone()), entry.error);
        }
    }

    fn decide(&self, request: &Request, reply: Reply) -> Decided {
        let received = |verdict, effect| {
            let answer = Answer { request_id: Some(format!("req-{}", self.rows)), ..Answer::bare(verdict) };
            Decided { answer, what: What::Received, effect }
        };
        let in_doubt = |why: &str| Verdict::InDoubt { why: why.to_owned() };
        match reply {
            Reply::Accept => {
                let (verdict, effect) = self.by_memory(request);
                received(verdict, effect)
            }
            Reply::Refuse { error: ErrorCode::DeviceAlreadyRegistered, .. } => {
                received(Verdict::AlreadyRegistered, false)
            }
            Reply::Refuse { error, detail } => received(Verdict::Refused { error, detail, near: None }, false),
            Reply::Busy { retry_after_ms } => {
                let retry_after = retry_after_ms.map(Duration::from_millis);
                received(Verdict::Deferred { why: "429 Too Many Requests".to_owned(), retry_after }, false)
            }
            Reply::Timeout => {
                Decided { answer: Answer::bare(in_doubt("no answer in 30 s")), what: What::Received, effect: false }
            }
            Reply::DisconnectAfter => Decided {
                answer: Answer::bare(in_doubt("connection reset by peer")),
                what: What::Received,
                effect: self.by_memory(request).1,
            },
            Reply::Garbage { text, effect } => {
                let text = text.chars().take(Answer::MAX_RECEIVED).collect();
                Decided {
                    answer: Answer { received: Some(text), ..Answer::bare(in_doubt("an answer that can't be read")) },
                    what: What::Received,
                    effect: effect && self.by_memory(request).1,
                }
            }
            // The two troubles were answered for the whole call.
            Reply::DisconnectBefore | Reply::Broken | Reply::Unavailable => Decided {
                answer: Answer::bare(Verdict::Deferred { why: "connection refused".to_owned(), retry_after: None }),
                what: What::CutOff,
                effect: false,
            },
        }
    }

    /// What an accepted row leads to by what was registered before, and whether it has an effect.
    fn by_memory(&self, request: &Request) -> (Verdict, bool) {
        let registered = Verdict::Registered { warning: None };
        match self.holders.get(&request.device) {
            None => (registered, true),
            Some(holder) if *holder != request.customer => {
                let error = ErrorCode::DeviceClaimedByAnotherOrganization;
                (Verdict::Refused { error, detail: None, near: None }, false)
            }
            Some(_) => match self.script.mode {
                Mode::Keyed if self.keys.contains(&request.key.to_string()) => (registered, false),
                Mode::Keyed | Mode::Natural => (Verdict::AlreadyRegistered, false),
                Mode::None => (registered, true),
            },
        }
    }

    pub(super) fn inquire(&mut self, questions: &[Question]) -> Result<Vec<Knowledge>, Trouble> {
        self.inquiries += 1;
        if self.inquiries <= self.script.inquiries_refused {
            return Err(Trouble::Unavailable("503 Service Unavailable".to_owned()));
        }
        let asked: Vec<_> = questions.iter().map(|question| Entry::of(What::Inquired, &question.request)).collect();
        self.write(&asked)?;
        Ok(questions
            .iter()
            .map(|question| self.followed(question).unwrap_or_else(|| self.known(&question.request)))
            .collect())
    }

    /// What it has to tell of a call that it took.
    fn followed(&mut self, question: &Question) -> Option<Knowledge> {
        let key = (question.tracking_id.clone()?, question.request.key.to_string());
        let error = *self.later.get(&key)?;
        let said = self.not_yet.entry(key).or_default();
        if *said < self.script.later.unwrap_or_default() {
            *said += 1;
            return Some(Knowledge::UnderWay { ask_after: ASK_AFTER });
        }
        Some(Knowledge::Answered(Answer::bare(match error {
            None => Verdict::Registered { warning: None },
            Some(ErrorCode::DeviceAlreadyRegistered) => Verdict::AlreadyRegistered,
            Some(error) => Verdict::Refused { error, detail: None, near: None },
        })))
    }

    fn known(&self, request: &Request) -> Knowledge {
        match self.script.mode {
            Mode::Keyed if self.keys.contains(&request.key.to_string()) => {
                Knowledge::Answered(Answer::bare(Verdict::Registered { warning: None }))
            }
            Mode::Natural if self.holders.get(&request.device) == Some(&request.customer) => {
                Knowledge::Answered(Answer::bare(Verdict::AlreadyRegistered))
            }
            Mode::Keyed | Mode::Natural => Knowledge::Unknown,
            Mode::None => Knowledge::CannotTell,
        }
    }

    pub(super) fn activity(&self, after: u64, limit: usize) -> (Vec<Activity>, u64) {
        let behind = usize::try_from(after).unwrap_or(usize::MAX);
        let behind = if behind > self.activity.len() { 0 } else { behind };
        let uses: Vec<_> = self.activity.iter().skip(behind).take(limit).cloned().collect();
        let next = u64::try_from(behind + uses.len()).unwrap_or(u64::MAX);
        (uses, next)
    }

    pub(super) fn use_device(&mut self, device: &Device, at: Timestamp) {
        if let Some(customer) = self.holders.get(device) {
            self.activity.push(Activity { customer: customer.clone(), device: device.clone(), last_seen: at });
        }
    }

    /// The reply that the script has for the next row, which this one is.
    fn reply_to(&mut self, serial_number: &str, customer: &CustomerKey) -> Reply {
        self.rows += 1;
        for (rule, served) in self.script.rules.iter().zip(&mut self.served) {
            let matches = rule.serial_number.as_deref().is_none_or(|serial| serial == serial_number)
                && rule.customer.as_ref().is_none_or(|key| key == customer)
                && rule.row.is_none_or(|row| row == self.rows)
                && rule.times.is_none_or(|times| *served < times);
            if matches {
                *served += 1;
                return rule.reply.clone();
            }
        }
        Reply::Accept
    }

    fn take_effect(&mut self, entry: &Entry) {
        self.holders.insert(entry.device(), entry.customer.clone());
        self.keys.insert(entry.key.clone());
        let uses = self.script.uses.iter().filter(|used| used.serial_number == entry.serial_number);
        self.activity.extend(uses.map(|used| Activity {
            customer: entry.customer.clone(),
            device: entry.device(),
            last_seen: used.last_seen,
        }));
    }

    fn write(&mut self, entries: &[Entry]) -> Result<(), Trouble> {
        self.journal.append(entries).map_err(|error| Trouble::Unavailable(format!("no journal: {error:#}")))
    }
}
