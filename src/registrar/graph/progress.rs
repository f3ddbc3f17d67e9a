//! What became of imports: by the tenant's list of imports and, where an import isn't in it any more, by the list of
//! its registered devices.
//!
//! Imports stay in the list when they are done: deleting them, as community scripts do, takes the tenant's
//! administrators the only place that says why a device never appeared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use devicedrop_core::oa3;
use devicedrop_core::registrar::{Answer, Knowledge, Question, Request, Trouble, Verdict};
use reqwest::Url;

use super::import::padded;
use super::wire::{Identity, Imported};
use super::{Graph, LONGEST_LOOK, REMEMBERED};
use crate::registrar::device_error;
use crate::registrar::service::{tenant, warning_of};

/// So many devices are looked for one by one; for more the whole list is read.
const ONE_BY_ONE: usize = 10;

/// How far an import is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has its end.
    Ended {
        /// Which.
        verdict: Ended,
        /// What was said of it.
        words: String,
    },
    /// It will have its end. A new import reads `pending`, soon after it `unknown` (as users of MSEndpointMgr/Intune report).
    UnderWay,
    /// It says `partial`, which isn't explained anywhere: the list of registered devices tells more.
    Partial,
}

/// The end of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The device is registered.
    Well,
    /// It has this error.
    With(Verdict),
}

impl Ended {
    /// The verdict on the row.
    pub(super) fn for_row(self, request: &Request) -> Verdict {
        match self {
            Self::Well => Verdict::Registered { warning: warning_of(request) },
            Self::With(verdict) => verdict,
        }
    }
}

impl Progress {
    /// What an import says of itself.
    pub(super) fn of(import: &Imported) -> Self {
        let Some(state) = &import.state else { return Self::UnderWay };
        let code = state.error_code.as_deref().map(str::trim).filter(|code| !matches!(*code, "" | "0"));
        let name = state.error_name.as_deref().map(str::trim);
        let name = name.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("none")).unwrap_or_default();
        let is_error = code.is_some() || !name.is_empty();
        let code = code.unwrap_or_default();
        let status = state.import_status.to_ascii_lowercase();
        let words = format!("{} {}", state.import_status, device_error::words(code, name));
        let failed = || Ended::With(device_error::verdict(code, name));
        match status.as_str() {
            // "Success" reads `complete 0 None`; who names an error beside it isn't believed.
            "complete" if !is_error => Self::Ended { verdict: Ended::Well, words: "complete".to_owned() },
            "complete" | "error" => Self::Ended { verdict: failed(), words },
            "partial" if is_error => Self::Ended { verdict: failed(), words },
            "partial" => Self::Partial,
            _ => Self::UnderWay,
        }
    }

    /// How much it tells, to choose among several imports of one row.
    fn weight(&self) -> u8 {
        match self {
            Self::Ended { verdict: Ended::Well, .. } => 3,
            Self::UnderWay => 2,
            Self::Partial => 1,
            Self::Ended { .. } => 0,
        }
    }
}

/// Whether an import is that of a row: it bears our ID and the row's serial number or, where it bears no ID, the row's
/// serial number and hardware hash. A hash is made anew, and differs, each time it is captured.
fn is_of(import: &Imported, import_id: &str, request: &Request) -> bool {
    if import.serial_number != request.device.serial_number {
        return false;
    }
    if let Some(id) = import.import_id.as_deref().filter(|id| !id.is_empty()) {
        return id.eq_ignore_ascii_case(import_id);
    }
    let hash = request.hardware_hash.as_deref().and_then(padded);
    hash.is_some() && hash == import.hardware_identifier
}

/// The import of a row among several: the best news of them.
pub(super) fn find<'a>(imports: &'a [Imported], import_id: &str, request: &Request) -> Option<&'a Imported> {
    imports
        .iter()
        .filter(|import| is_of(import, import_id, request))
        .max_by_key(|import| Progress::of(import).weight())
}

/// Questions with their places among all.
type Asked<'a> = Vec<(usize, &'a Question)>;

impl Graph {
    pub(super) async fn what_became(&self, questions: &[Question]) -> Result<Vec<Knowledge>, Trouble> {
        let mut tenants: BTreeMap<String, Asked<'_>> = BTreeMap::new();
        for asked in questions.iter().enumerate() {
            let tenant = tenant(&self.tenant_of, &asked.1.request.customer)?;
            tenants.entry(tenant).or_default().push(asked);
        }
        let mut told: HashMap<usize, Knowledge> = HashMap::new();
        for (tenant, asked) in tenants {
            self.of_tenant(&tenant, &asked, &mut told).await?;
        }
        let answer = |place| told.remove(&place).unwrap_or(Knowledge::Unknown);
        Ok((0..questions.len()).map(answer).collect())
    }

    async fn of_tenant(
        &self,
        tenant: &str,
        asked: &Asked<'_>,
        told: &mut HashMap<usize, Knowledge>,
    ) -> Result<(), Trouble> {
        let imports = self.imports_of(tenant, asked).await?;
        let mut looks: HashMap<&str, Duration> = HashMap::new();
        let mut missing: Asked<'_> = Vec::new();
        for (place, question) in asked {
            let id = import_id(question);
            let import = id.and_then(|id| find(&imports, id, &question.request));
            let knowledge = match (import.map(Progress::of), id) {
                (Some(Progress::Ended { verdict, words }), _) => Knowledge::Answered(Answer {
                    verdict: verdict.for_row(&question.request),
                    request_id: None,
                    received: Some(format!("200 {words}")),
                }),
                (Some(Progress::UnderWay), Some(id)) => {
                    let ask_after = *looks.entry(id).or_insert_with(|| self.next_look(id));
                    Knowledge::UnderWay { ask_after }
                }
                (import, _) => {
                    missing.push((*place, question));
                    // An import that is there has an end to come, unless the device is registered already.
                    if import.is_none() {
                        Knowledge::Unknown
                    } else {
                        Knowledge::UnderWay { ask_after: LONGEST_LOOK }
                    }
                }
            };
            told.insert(*place, knowledge);
        }
        for (place, question) in self.registered(tenant, missing).await? {
            told.insert(place, found(question));
        }
        Ok(())
    }

    /// The imports that are asked about, as far as the tenant's list has them. It isn't read further than needed.
    async fn imports_of(&self, tenant: &str, asked: &Asked<'_>) -> Result<Vec<Imported>, Trouble> {
        let mut imports = Vec::new();
        let url = self.collection(&["importedWindowsAutopilotDeviceIdentities"]);
        let mut by_serial: HashMap<&str, Asked<'_>> = HashMap::new();
        for (place, question) in asked {
            let serial = question.request.device.serial_number.as_str();
            by_serial.entry(serial).or_default().push((*place, question));
        }
        let mut left: HashSet<usize> = asked.iter().map(|(place, _)| *place).collect();
        self.list(tenant, url, |import: Imported| {
            let rows = by_serial.get(import.serial_number.as_str()).into_iter().flatten();
            let is_its =
                |question: &Question| import_id(question).is_some_and(|id| is_of(&import, id, &question.request));
            let its: Vec<usize> = rows.filter(|(_, question)| is_its(question)).map(|(place, _)| *place).collect();
            // Of one without our ID there may be older ones.
            if import.import_id.as_deref().is_some_and(|id| !id.is_empty()) {
                for place in &its {
                    left.remove(place);
                }
            }
            if !its.is_empty() {
                imports.push(import);
            }
            left.is_empty()
        })
        .await?;
        Ok(imports)
    }

    /// Those of the rows whose devices the tenant has.
    ///
    /// Looked for by `contains`: the list takes no `eq` ("equality operators such as eq are not currently supported",
    /// List windowsAutopilotDeviceIdentities). What it finds is compared here, byte for byte.
    async fn registered<'a>(&self, tenant: &str, asked: Asked<'a>) -> Result<Asked<'a>, Trouble> {
        let mut identities: Vec<Identity> = Vec::new();
        let url = self.collection(&["windowsAutopilotDeviceIdentities"]);
        let serials: HashSet<&str> =
            asked.iter().map(|(_, question)| question.request.device.serial_number.as_str()).collect();
        let urls: Vec<Url> = if asked.is_empty() {
            Vec::new()
        } else if asked.len() <= ONE_BY_ONE {
            asked.iter().map(|(_, question)| containing(&url, &question.request.device.serial_number)).collect()
        } else {
            vec![url]
        };
        for url in urls {
            self.list(tenant, url, |identity: Identity| {
                if serials.contains(identity.serial_number.as_str()) {
                    identities.push(identity);
                }
                false
            })
            .await?;
        }
        let is_there = |question: &Question| identities.iter().any(|identity| is_device(identity, &question.request));
        Ok(asked.into_iter().filter(|(_, question)| is_there(question)).collect())
    }

    /// How long until an import is asked about again that isn't done.
    fn next_look(&self, id: &str) -> Duration {
        let mut known = self.looks();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let looks = known.entry(id.to_owned()).or_default();
        *looks = looks.saturating_add(1);
        self.first_look.saturating_mul(1 << (*looks).min(10)).min(LONGEST_LOOK)
    }
}

/// The ID that the import had, or was to have.
fn import_id(question: &Question) -> Option<&str> {
    question.tracking_id.as_deref().or(question.ids.request_id.as_deref())
}

/// The address of those whose serial number contains this text.
fn containing(url: &Url, serial_number: &str) -> Url {
    let mut url = url.clone();
    let quoted = serial_number.replace('\'', "''");
    url.query_pairs_mut().append_pair("$filter", &format!("contains(serialNumber,'{quoted}')"));
    // A blank is written as + there, which only forms read as a blank.
    let query = url.query().map(|query| query.replace('+', "%20"));
    url.set_query(query.as_deref());
    url
}

/// Whether a registered device is that of a row: by serial number, and by manufacturer and model as the row or its hash
/// has them. A self-service row's may be of any form ("used for display purposes, and don't need to match").
fn is_device(identity: &Identity, request: &Request) -> bool {
    let device = &request.device;
    if identity.serial_number != device.serial_number {
        return false;
    }
    let hash = request.hardware_hash.as_deref().and_then(|hash| oa3::check(hash).ok()).unwrap_or_default();
    let agrees = |said: &Option<String>, row: &str, hash: &Option<String>| {
        said.as_deref().is_none_or(|said| said.is_empty() || said == row || Some(said) == hash.as_deref())
    };
    agrees(&identity.manufacturer, &device.manufacturer, &hash.manufacturer)
        && agrees(&identity.model, &device.model, &hash.model)
}

/// What a registered device means for a row: of one that was imported by us, and taken, it is the import's doing.
fn found(question: &Question) -> Knowledge {
    let verdict = match question.tracking_id {
        Some(_) => Verdict::Registered { warning: warning_of(&question.request) },
        None => Verdict::AlreadyRegistered,
    };
    Knowledge::Answered(Answer { verdict, request_id: None, received: Some("200 among the devices".to_owned()) })
}
