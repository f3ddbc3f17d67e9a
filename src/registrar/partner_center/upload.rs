//! Uploading devices: into the batch of their order or submission, which is made if it isn't there.
//!
//! Looking before making it is what Microsoft's own PowerShell module and CIPP do: the service has no call that does
//! either. Two calls can look at the same time and both make it; the second is refused then, and finds it next time.

use std::sync::Arc;

use devicedrop_core::registrar::{Answer, CallIds, Request, Trouble, Verdict};
use devicedrop_core::state::ErrorCode;
use serde::Serialize;

use super::batch_name::batch_name;
use super::wire::{Batch, NewBatch, NewDevice};
use super::{PartnerCenter, REMEMBERED, headers, location, request_id};
use crate::registrar::http::{Exchange, HeaderValue, Method, Received};
use crate::registrar::service::{Unanswered, received_in_short, tenant};

/// What the service answers that takes an upload.
const ACCEPTED: std::ops::RangeInclusive<u16> = 200..=299;

/// The batch that a row belongs in.
pub(super) fn batch_of(request: &Request) -> String {
    batch_name(request.order_id.as_deref(), request.submission)
}

/// What a row gets that can't go along with those before it.
fn not_with_the_others() -> Answer {
    Answer::bare(Verdict::Deferred { why: "it goes with another call".to_owned(), retry_after: None })
}

impl PartnerCenter {
    pub(super) async fn upload(&self, ids: &CallIds, requests: &[Request]) -> Result<Vec<Answer>, Trouble> {
        let Some(first) = requests.first() else { return Ok(Vec::new()) };
        let tenant = tenant(&self.tenant_of, &first.customer)?;
        let batch = batch_of(first);
        let together = |request: &Request| request.customer == first.customer && batch_of(request) == batch;
        let mut serials = std::collections::HashSet::new();
        let goes: Vec<bool> = requests
            .iter()
            .map(|request| together(request) && serials.insert(request.device.serial_number.as_str()))
            .collect();
        let sent: Vec<&Request> =
            requests.iter().zip(&goes).filter(|(_, goes)| **goes).map(|(request, _)| request).collect();
        let answer = self.send(ids, &tenant, &batch, &sent).await?;
        Ok(goes.into_iter().map(|goes| if goes { answer.clone() } else { not_with_the_others() }).collect())
    }

    /// Uploads devices into a batch. One answer for all of them.
    async fn send(&self, ids: &CallIds, tenant: &str, batch: &str, sent: &[&Request]) -> Result<Answer, Trouble> {
        let _making = self.turn_to_make(tenant, batch).await;
        let known = self.find_batch(tenant, batch).await?;
        let devices: Vec<NewDevice<'_>> = sent.iter().map(|request| NewDevice::of(request)).collect();
        let exchange = match &known {
            Some(known) => self.post(ids, &["v1", "customers", tenant, "deviceBatches", known, "devices"], &devices),
            None => self.post(ids, &["v1", "customers", tenant, "deviceBatches"], &NewBatch::of(batch, devices)),
        }?;
        match self.service.send(&self.tenant_id, exchange).await {
            Ok(received) if ACCEPTED.contains(&received.status) => {
                self.suspects.cleared(sent.iter().copied());
                self.remember_batch(tenant, known.as_deref().unwrap_or(batch));
                Ok(self.accepted(tenant, &received))
            }
            Ok(received) => self.not_accepted(tenant, batch, sent, &received),
            Err(Unanswered::NoEffect(trouble)) => Err(trouble),
            Err(Unanswered::Lost(why)) => Ok(Answer::bare(Verdict::InDoubt { why })),
        }
    }

    /// Waits for whoever makes this batch, if somebody does: of two who made it at once the service would refuse one.
    async fn turn_to_make(&self, tenant: &str, batch: &str) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let key = (tenant.to_owned(), batch.to_lowercase());
        let making = {
            let mut memory = self.memory();
            if memory.batches.contains_key(&key) {
                return None;
            }
            Arc::clone(memory.making.entry(key.clone()).or_default())
        };
        let guard = making.lock_owned().await;
        Some(guard).filter(|_| !self.memory().batches.contains_key(&key))
    }

    fn post(&self, ids: &CallIds, path: &[&str], body: &impl Serialize) -> Result<Exchange, Trouble> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Trouble::Unavailable(format!("the request can't be written: {error}")))?;
        // A registrar that takes IDs is given them; without, the service makes its own.
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| self.service.clock.new_guid());
        let mut headers = headers(&id(&ids.request_id), &id(&ids.correlation_id));
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        Ok(Exchange { method: Method::POST, url: self.service.url(path), headers, body: Some(body) })
    }

    /// The batch with this name as the service spells it, if there is one.
    pub(super) async fn find_batch(&self, tenant: &str, name: &str) -> Result<Option<String>, Trouble> {
        let key = (tenant.to_owned(), name.to_lowercase());
        if let Some(known) = self.memory().batches.get(&key) {
            return Ok(Some(known.clone()));
        }
        let mut found = None;
        let url = self.service.url(&["v1", "customers", tenant, "deviceBatches"]);
        self.list(url, |batch: Batch| {
            let is_it = batch.id.to_lowercase() == key.1;
            if is_it {
                found = Some(batch.id);
            }
            is_it
        })
        .await?;
        if let Some(found) = &found {
            self.remember_batch(tenant, found);
        }
        Ok(found)
    }

    fn remember_batch(&self, tenant: &str, name: &str) {
        let mut memory = self.memory();
        if memory.batches.len() >= REMEMBERED {
            memory.batches.clear();
        }
        let key = (tenant.to_owned(), name.to_lowercase());
        memory.making.remove(&key);
        memory.batches.insert(key, name.to_owned());
    }

    fn accepted(&self, tenant: &str, received: &Received) -> Answer {
        let said = received.header("location").ok_or("its answer has no Location");
        let verdict = match said.and_then(|said| location::tracking_id(&self.service.base, tenant, said)) {
            Ok(tracking_id) => Verdict::Accepted {
                tracking_id,
                ask_after: self.service.retry_after(received).unwrap_or(self.first_look),
            },
            Err(why) => Verdict::InDoubt { why: format!("the upload was taken, but {why}") },
        };
        Answer { verdict, request_id: request_id(received), received: Some(received_in_short(received)) }
    }

    /// What follows from an answer that doesn't take the upload.
    fn not_accepted(
        &self,
        tenant: &str,
        batch: &str,
        sent: &[&Request],
        received: &Received,
    ) -> Result<Answer, Trouble> {
        if let Some(trouble) = self.service.trouble(received) {
            return Err(trouble);
        }
        let short = received_in_short(received);
        let deferred = |why: String| Verdict::Deferred { why, retry_after: None };
        let verdict = match received.status {
            // The batch is there meanwhile, or is gone: looked for anew next time.
            404 | 409 => {
                self.memory().batches.remove(&(tenant.to_owned(), batch.to_lowercase()));
                deferred(format!("Partner Center's batches changed meanwhile ({short})"))
            }
            // It gave up waiting for the request, which may have been whole.
            408 => Verdict::InDoubt { why: format!("Partner Center answered {short}") },
            400..=499 if sent.len() > 1 => {
                self.suspects.refused(sent.iter().copied());
                deferred(format!("Partner Center refused the call as a whole ({short}); it goes in smaller ones"))
            }
            400..=499 => {
                self.suspects.cleared(sent.iter().copied());
                Verdict::Refused { error: ErrorCode::UnexpectedError, detail: Some(short.clone()), near: None }
            }
            // Redirects too: they can follow what was done.
            _ => Verdict::InDoubt { why: format!("Partner Center answered {short}") },
        };
        Ok(Answer { verdict, request_id: request_id(received), received: Some(short) })
    }
}
