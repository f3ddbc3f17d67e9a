//! Importing devices by their hardware hashes.
//!
//! By the `import` action, and not by a `$batch` of single creations: one request of the 100 in 20 s carries a hundred
//! devices and not twenty; it is answered as a whole, where in a batch each part can be throttled, refused or lost by
//! itself; and it is what the documentation has for this.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devicedrop_core::oa3::{self, HashProblem};
use devicedrop_core::registrar::{Answer, CallIds, Request, Trouble, Verdict};
use devicedrop_core::state::ErrorCode;

use super::progress::{Progress, find};
use super::wire::{self, Collection, Import, Imported, NewIdentity};
use super::{Graph, headers, request_id};
use crate::registrar::http::{Exchange, HeaderValue, Method, Received};
use crate::registrar::service::{Unanswered, received_in_short, tenant};

/// What a row without a hash is told. Graph has no other way to register a device: "Device owners can only register their
/// devices with a hardware hash. Other methods (PKID, tuple) are available through OEMs or CSP partners" (Manually
/// register devices with Windows Autopilot).
const NO_HASH: &str = "the row has no hardware hash, and this registration service takes devices by it alone";

/// What happens to a row before anything is sent.
enum Sorted {
    /// It is sent, with this hash.
    Goes(String),
    /// It has its answer.
    Has(Answer),
}

impl Graph {
    pub(super) async fn import(&self, ids: &CallIds, requests: &[Request]) -> Result<Vec<Answer>, Trouble> {
        let sorted = sort(requests);
        let sent: Vec<(&Request, &str)> = requests
            .iter()
            .zip(&sorted)
            .filter_map(|(request, sorted)| match sorted {
                Sorted::Goes(hash) => Some((request, hash.as_str())),
                Sorted::Has(_) => None,
            })
            .collect();
        let mut answers = match sent.first() {
            None => Vec::new(),
            Some((first, _)) => {
                let tenant = tenant(&self.tenant_of, &first.customer)?;
                self.send(ids, &tenant, &sent).await?
            }
        }
        .into_iter();
        let none = || Answer::bare(Verdict::InDoubt { why: "no answer".to_owned() });
        Ok(sorted
            .into_iter()
            .map(|sorted| match sorted {
                Sorted::Has(answer) => answer,
                Sorted::Goes(_) => answers.next().unwrap_or_else(none),
            })
            .collect())
    }

    /// Imports rows. As many answers as rows.
    async fn send(&self, ids: &CallIds, tenant: &str, sent: &[(&Request, &str)]) -> Result<Vec<Answer>, Trouble> {
        let import_id = ids.request_id.clone().unwrap_or_else(|| self.service.clock.new_guid());
        let devices =
            sent.iter().map(|(request, hash)| NewIdentity::of(request, &import_id, (*hash).to_owned())).collect();
        let body = serde_json::to_vec(&Import { imported_windows_autopilot_device_identities: devices })
            .map_err(|error| Trouble::Unavailable(format!("the request can't be written: {error}")))?;
        let mut headers = headers(ids.correlation_id.as_ref().unwrap_or(&import_id));
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let url = self.collection(&["importedWindowsAutopilotDeviceIdentities", "import"]);
        let all = |answer: Answer| vec![answer; sent.len()];
        match self.service.send(tenant, Exchange { method: Method::POST, url, headers, body: Some(body) }).await {
            Ok(received) if (200..300).contains(&received.status) => {
                self.suspects.cleared(sent.iter().map(|(request, _)| *request));
                Ok(self.taken(&import_id, sent, &received))
            }
            Ok(received) => self.not_taken(sent, &received).map(all),
            Err(Unanswered::NoEffect(trouble)) => Err(trouble),
            Err(Unanswered::Lost(why)) => Ok(all(Answer::bare(Verdict::InDoubt { why }))),
        }
    }

    /// What the answer to an import says of each row. A row that it doesn't name is in doubt.
    fn taken(&self, import_id: &str, sent: &[(&Request, &str)], received: &Received) -> Vec<Answer> {
        let read = self.service.read::<Collection>(received);
        let imports: Vec<Imported> = read.map(|collection| wire::each(collection.value)).unwrap_or_default();
        let (request_id, status) = (request_id(received), received.status);
        let answer = |(request, _): &(&Request, &str)| {
            let verdict = match find(&imports, import_id, request).map(Progress::of) {
                None => Verdict::InDoubt { why: "the answer doesn't name the device".to_owned() },
                Some(Progress::Ended { verdict, words }) => {
                    return Answer {
                        verdict: verdict.for_row(request),
                        request_id: request_id.clone(),
                        received: Some(format!("{status} {words}")),
                    };
                }
                Some(Progress::UnderWay | Progress::Partial) => {
                    Verdict::Accepted { tracking_id: import_id.to_owned(), ask_after: self.first_look }
                }
            };
            Answer { verdict, request_id: request_id.clone(), received: Some(status.to_string()) }
        };
        sent.iter().map(answer).collect()
    }

    /// What follows from an answer that doesn't take the import.
    fn not_taken(&self, sent: &[(&Request, &str)], received: &Received) -> Result<Answer, Trouble> {
        if let Some(trouble) = self.service.trouble(received) {
            return Err(trouble);
        }
        let short = received_in_short(received);
        let verdict = match received.status {
            404 => return Err(self.service.odd(received)),
            408 => Verdict::InDoubt { why: format!("Microsoft Graph answered {short}") },
            400..=499 if sent.len() > 1 => {
                self.suspects.refused(sent.iter().map(|(request, _)| *request));
                let why = format!("Microsoft Graph refused the call as a whole ({short}); it goes in smaller ones");
                Verdict::Deferred { why, retry_after: None }
            }
            400..=499 => {
                self.suspects.cleared(sent.iter().map(|(request, _)| *request));
                Verdict::Refused { error: ErrorCode::UnexpectedError, detail: Some(short.clone()), near: None }
            }
            _ => Verdict::InDoubt { why: format!("Microsoft Graph answered {short}") },
        };
        Ok(Answer { verdict, request_id: request_id(received), received: Some(short) })
    }
}

/// Which rows go: those of the first row's customer, each serial number once, that have a hash which can be one.
fn sort(requests: &[Request]) -> Vec<Sorted> {
    let customer = requests.first().map(|request| &request.customer);
    let mut serials = HashSet::new();
    let sort = |request| match hash_of(request) {
        Err(answer) => Sorted::Has(answer),
        Ok(hash) => {
            let goes = customer == Some(&request.customer) && serials.insert(request.device.serial_number.as_str());
            if goes {
                Sorted::Goes(hash)
            } else {
                let why = "it goes with another call".to_owned();
                Sorted::Has(Answer::bare(Verdict::Deferred { why, retry_after: None }))
            }
        }
    };
    requests.iter().map(sort).collect()
}

/// A row's hash with its padding, which the property's type (`Edm.Binary`) wants; or what the row gets without one.
fn hash_of(request: &Request) -> Result<String, Answer> {
    let refused = |detail: String| {
        Answer::bare(Verdict::Refused { error: ErrorCode::HardwareHashNotValid, detail: Some(detail), near: None })
    };
    let hash = request.hardware_hash.as_deref().filter(|hash| !hash.is_empty());
    let hash = hash.ok_or_else(|| refused(NO_HASH.to_owned()))?;
    oa3::check(hash).map_err(|problem| refused(problem.to_string()))?;
    padded(hash).ok_or_else(|| refused(HashProblem::CutOff.to_string()))
}

/// The same bytes in base64 with padding.
pub(super) fn padded(hash: &str) -> Option<String> {
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let lenient = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    Some(STANDARD.encode(lenient.decode(hash).ok()?))
}
