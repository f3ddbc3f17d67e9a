//! What became of uploads: by their tracking IDs, and where there is none, or the service doesn't know it any more, by
//! the list of the batch's devices.
//!
//! A device is told by its serial number in an upload, byte for byte: nothing else of it is sent back. An upload holds
//! no serial number twice. That the upload as a whole is `finished` says nothing of its devices (the documentation's
//! own example is a finished upload whose only device failed), so each is looked at.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use devicedrop_core::device::Device;
use devicedrop_core::registrar::{Answer, Knowledge, Question, Trouble, Verdict};

use super::upload::batch_of;
use super::wire::{Listed, Upload, Uploaded};
use super::{LONGEST_LOOK, PartnerCenter, REMEMBERED, UPLOADS_AT_ONCE, request_id};
use crate::registrar::device_error;
use crate::registrar::http::Received;
use crate::registrar::service::{tenant, warning_of};

/// Questions with their places among all.
type Asked<'a> = Vec<(usize, &'a Question)>;

impl PartnerCenter {
    pub(super) async fn what_became(&self, questions: &[Question]) -> Result<Vec<Knowledge>, Trouble> {
        let mut uploads: BTreeMap<(String, &str), Asked<'_>> = BTreeMap::new();
        let mut lost: Asked<'_> = Vec::new();
        for (place, question) in questions.iter().enumerate() {
            match &question.tracking_id {
                Some(id) => {
                    let tenant = tenant(&self.tenant_of, &question.request.customer)?;
                    uploads.entry((tenant, id)).or_default().push((place, question));
                }
                None => lost.push((place, question)),
            }
        }
        let mut told: HashMap<usize, Knowledge> = HashMap::new();
        let mut later = None;
        for (count, ((tenant, id), asked)) in uploads.into_iter().enumerate() {
            if count >= UPLOADS_AT_ONCE && later.is_none() {
                later = Some(self.first_look);
            }
            if let Some(ask_after) = later {
                told.extend(asked.into_iter().map(|(place, _)| (place, Knowledge::UnderWay { ask_after })));
                continue;
            }
            match self.of_upload(&tenant, id, &asked, &mut lost).await {
                Ok(known) => told.extend(known),
                // What was found out isn't thrown away for it.
                Err(trouble) if !told.is_empty() && lost.is_empty() => {
                    let ask_after = wait_for(&trouble);
                    told.extend(asked.into_iter().map(|(place, _)| (place, Knowledge::UnderWay { ask_after })));
                    later = Some(ask_after);
                }
                Err(trouble) => return Err(trouble),
            }
        }
        told.extend(self.of_batches(lost).await?);
        let answer = |place| told.remove(&place).unwrap_or(Knowledge::Unknown);
        Ok((0..questions.len()).map(answer).collect())
    }

    /// What an upload says of its devices. Those that it should speak of and doesn't come to the `lost` ones.
    async fn of_upload<'a>(
        &self,
        tenant: &str,
        id: &str,
        asked: &Asked<'a>,
        lost: &mut Asked<'a>,
    ) -> Result<Vec<(usize, Knowledge)>, Trouble> {
        let url = self.service.url(&["v1", "customers", tenant, "batchJobStatus", id]);
        let Some(received) = self.service.get(&self.tenant_id, url, self.headers()).await? else {
            lost.extend(asked);
            return Ok(Vec::new());
        };
        let upload: Upload = self.service.read(&received)?;
        let done = upload.is_done();
        let ask_after =
            self.service.retry_after(&received).unwrap_or_else(|| self.next_look(id)).max(self.first_look);
        let devices = by_serial(upload.devices());
        let mut told = Vec::new();
        let mut under_way = false;
        for (place, question) in asked {
            let serial = question.request.device.serial_number.as_str();
            match devices.get(serial).and_then(Option::as_ref) {
                Some(device) if device.is_final() => {
                    told.push((*place, Knowledge::Answered(answer(device, question, &received))));
                }
                None if done => lost.push((*place, question)),
                _ => {
                    under_way = true;
                    told.push((*place, Knowledge::UnderWay { ask_after }));
                }
            }
        }
        if !under_way {
            self.memory().looks.remove(id);
        }
        Ok(told)
    }

    /// How long until an upload is asked about again that isn't done.
    fn next_look(&self, id: &str) -> Duration {
        let mut memory = self.memory();
        if memory.looks.len() >= REMEMBERED {
            memory.looks.clear();
        }
        let looks = memory.looks.entry(id.to_owned()).or_default();
        *looks = looks.saturating_add(1);
        self.first_look.saturating_mul(1 << (*looks).min(10)).min(LONGEST_LOOK)
    }

    /// What the lists of batches say of devices.
    ///
    /// Sending a device again that isn't in them is harmless, also if the lost request has its effect only now: the
    /// service refuses a device that the tenant has.
    async fn of_batches(&self, lost: Asked<'_>) -> Result<Vec<(usize, Knowledge)>, Trouble> {
        let mut batches: BTreeMap<(String, String), Asked<'_>> = BTreeMap::new();
        for (place, question) in lost {
            let tenant = tenant(&self.tenant_of, &question.request.customer)?;
            batches.entry((tenant, batch_of(&question.request))).or_default().push((place, question));
        }
        let mut told = Vec::new();
        for ((tenant, batch), asked) in batches {
            let Some(batch) = self.find_batch(&tenant, &batch).await? else { continue };
            let mut missing: HashMap<Device, Asked<'_>> = HashMap::new();
            for (place, question) in asked {
                missing.entry(question.request.device.clone()).or_default().push((place, question));
            }
            let url = self.service.url(&["v1", "customers", &tenant, "deviceBatches", &batch, "devices"]);
            self.list(url, |listed: Listed| {
                let found = listed.device().and_then(|device| missing.remove(&device));
                told.extend(found.into_iter().flatten().map(|(place, question)| (place, found_in_list(question))));
                missing.is_empty()
            })
            .await?;
        }
        Ok(told)
    }
}

/// How long is waited because of a trouble.
fn wait_for(trouble: &Trouble) -> Duration {
    match trouble {
        Trouble::Throttled { retry_after: Some(wait), .. } => *wait,
        _ => LONGEST_LOOK,
    }
}

/// The devices of an upload by their serial numbers; none for one that is told twice with different ends.
fn by_serial(devices: Vec<Uploaded>) -> HashMap<String, Option<Uploaded>> {
    let mut found: HashMap<String, Option<Uploaded>> = HashMap::new();
    for device in devices {
        let before = found.get(&device.serial_number);
        let agrees = before.is_none_or(|before| before.as_ref() == Some(&device));
        found.insert(device.serial_number.clone(), agrees.then_some(device));
    }
    found
}

impl Uploaded {
    /// Whether nothing changes any more. `in-progress`, and what isn't documented, may.
    fn is_final(&self) -> bool {
        self.status.eq_ignore_ascii_case("finished") || self.status.eq_ignore_ascii_case("finished_with_errors")
    }

    /// The error that it tells of, if it does. One that stands beside `finished` counts too.
    fn error(&self) -> Option<(&str, &str)> {
        let code = self.error_code.as_deref().filter(|code| !matches!(code.trim(), "" | "0")).unwrap_or_default();
        let name = self.error_description.as_deref().unwrap_or_default();
        let failed = self.status.eq_ignore_ascii_case("finished_with_errors")
            || !code.is_empty()
            || device_error::names_an_error(name);
        failed.then_some((code, name))
    }
}

fn answer(device: &Uploaded, question: &Question, received: &Received) -> Answer {
    let words = match device.error() {
        None => device.status.clone(),
        Some((code, name)) => format!("{} {}", device.status, device_error::words(code, name)),
    };
    let verdict = match device.error() {
        None => Verdict::Registered { warning: warning_of(&question.request) },
        Some((code, name)) => device_error::verdict(code, name),
    };
    Answer { verdict, request_id: request_id(received), received: Some(format!("{} {words}", received.status)) }
}

/// The answer about a device that stands in the list of its batch. One whose request was accepted is registered by that;
/// of another only the record can tell by which.
fn found_in_list(question: &Question) -> Knowledge {
    let verdict = match question.tracking_id {
        Some(_) => Verdict::Registered { warning: warning_of(&question.request) },
        None => Verdict::AlreadyRegistered,
    };
    Knowledge::Answered(Answer { verdict, request_id: None, received: Some("200 in the batch's list".to_owned()) })
}
