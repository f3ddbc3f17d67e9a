//! How the registrar stands, target by target, for `status`: whose rows a trouble concerns, and what is to be done.
//!
//! Where each customer has a tenant of its own at the registrar, one tenant's trouble isn't the registrar's.

use std::collections::BTreeMap;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::state::Outcome;

use crate::control::protocol::{CustomerStatus, Health, Problem, RegistrarStatus, TargetStatus};
use crate::registrar::credentials::AFTER_A_REFUSAL;

use super::board::RegistrarHealth;
use super::scene::Scene;
use super::shared::AskError;

/// So many customers are named, and further ones counted.
const NAMED: usize = 5;

/// The targets of these customers, as the daemon last met them.
pub(super) fn of(scene: &Scene<'_>, customers: &[CustomerStatus]) -> Vec<TargetStatus> {
    let Some(service) = &scene.service else { return Vec::new() };
    let mut whose: BTreeMap<String, Vec<CustomerKey>> = BTreeMap::new();
    for customer in customers {
        whose.entry(service.target_of(&customer.customer)).or_default().push(customer.customer.clone());
    }
    if whose.is_empty() {
        whose = scene.board.registrar.keys().map(|target| (target.clone(), Vec::new())).collect();
    }
    let met = |target: &str| scene.board.registrar.get(target).cloned().unwrap_or(RegistrarHealth::UNKNOWN);
    whose
        .into_iter()
        .map(|(target, customers)| {
            let RegistrarHealth { health, since, why, .. } = met(&target);
            TargetStatus { target, customers, health, since, why }
        })
        .collect()
}

/// How the registrar is; from the record where nothing was asked of it since the start.
pub(super) fn registrar(scene: &Scene<'_>, targets: Vec<TargetStatus>) -> Result<RegistrarStatus, AskError> {
    let (kind, target) = scene.registrar.clone();
    let worst = targets.iter().max_by_key(|target| target.health);
    let (health, since) = worst.map_or((Health::Unknown, None), |worst| (worst.health, worst.since));
    let several = targets.len() > 1;
    let why = match worst {
        Some(_) if several => in_sum(&targets),
        Some(only) => only.why.clone(),
        None => None,
    };
    let targets = if several { targets } else { Vec::new() };
    let mut status = RegistrarStatus { kind, target, health, since, why, targets };
    if health == Health::Unknown
        && let Some((outcome, at, detail)) = scene.readers.ask(crate::ledger::Reader::last_outcome)?
    {
        status.health = match outcome {
            Outcome::Deferred => Health::Unavailable,
            Outcome::Registered | Outcome::AlreadyRegistered | Outcome::Failed => Health::Working,
            Outcome::Interrupted | Outcome::Resolved => return Ok(status),
        };
        status.since = Some(at);
        let words = detail.filter(|_| status.health == Health::Unavailable);
        let before = "by its last answer on record".to_owned();
        status.why = Some(words.map_or(before.clone(), |words| format!("{before}: {words}")));
    }
    Ok(status)
}

/// How many of several targets work, and whose don't; nothing where none is in trouble.
fn in_sum(targets: &[TargetStatus]) -> Option<String> {
    let count = |health| targets.iter().filter(|target| target.health == health).count();
    let mut told = format!("{} of {} customers' tenants work", count(Health::Working), targets.len());
    let unknown = count(Health::Unknown);
    if unknown > 0 {
        told = format!("{told}, {unknown} not asked yet");
    }
    let mut in_trouble = false;
    for health in [Health::Broken, Health::Unavailable, Health::Throttled] {
        let theirs: Vec<&CustomerKey> =
            targets.iter().filter(|target| target.health == health).flat_map(|target| &target.customers).collect();
        if !theirs.is_empty() {
            told = format!("{told}; {}: {}", health.words(), names(&theirs));
            in_trouble = true;
        }
    }
    in_trouble.then_some(told)
}

/// `contoso, fabrikam and 3 others`.
fn names(customers: &[&CustomerKey]) -> String {
    let named: Vec<&str> = customers.iter().take(NAMED).map(|customer| customer.as_str()).collect();
    match customers.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        1 => format!("{} and 1 other", named.join(", ")),
        more => format!("{} and {more} others", named.join(", ")),
    }
}

/// What a person must look after, for each trouble once, whomever it concerns. `everybody` is how many customers there
/// are.
pub(super) fn problems(scene: &Scene<'_>, targets: &[TargetStatus], everybody: usize) -> Vec<Problem> {
    let in_trouble = targets.iter().filter(|target| matches!(target.health, Health::Unavailable | Health::Broken));
    let mut troubles: BTreeMap<(Health, &str), Vec<&TargetStatus>> = BTreeMap::new();
    for target in in_trouble {
        let why = target.why.as_deref().unwrap_or_default();
        troubles.entry((target.health, why)).or_default().push(target);
    }
    let one_of_several = |target: &&TargetStatus| {
        let tenant = target.target.strip_prefix(scene.registrar.1.as_str())?.trim();
        (targets.len() > 1 && !tenant.is_empty() && !tenant.starts_with('(')).then(|| tenant.to_owned())
    };
    let longest = scene.config.registrar.retry.longest.max(AFTER_A_REFUSAL);
    troubles
        .into_iter()
        .rev()
        .map(|((health, why), theirs)| {
            let since = theirs.iter().filter_map(|target| target.since).min();
            let customers: Vec<&CustomerKey> = theirs.iter().flat_map(|target| &target.customers).collect();
            let (customer, what) = match customers.as_slice() {
                all if all.len() == everybody && targets.len() == theirs.len() => (None, why.to_owned()),
                [one] => {
                    let tenant = theirs.first().and_then(one_of_several);
                    let tenant = tenant.filter(|tenant| !why.contains(tenant.as_str()) && tenant != one.as_str());
                    let tenant = tenant.map(|tenant| format!(" (tenant {tenant})")).unwrap_or_default();
                    (Some((*one).clone()), format!("{why}{tenant}"))
                }
                several => (None, format!("{}: {why}", names(several))),
            };
            let remedy = Some(remedy(health, customer.as_ref(), longest));
            Problem { since, customer, file: None, what, remedy }
        })
        .collect()
}

/// Whose devices may be in use without anybody's hearing of it. Who has a trouble with registering has that told.
pub(super) fn unheard(scene: &Scene<'_>, targets: &[TargetStatus]) -> Vec<Problem> {
    let is_told = |customer: &CustomerKey| {
        let in_trouble = |target: &&TargetStatus| matches!(target.health, Health::Unavailable | Health::Broken);
        targets.iter().filter(in_trouble).any(|target| target.customers.contains(customer))
    };
    let mut whose: BTreeMap<String, Vec<CustomerKey>> = BTreeMap::new();
    for (customer, why) in scene.service.iter().flat_map(|service| service.unheard()) {
        if !is_told(&customer) {
            whose.entry(why).or_default().push(customer);
        }
    }
    let poll = period(scene.config.lifecycle.poll);
    whose
        .into_iter()
        .map(|(why, customers)| {
            let names = names(&customers.iter().collect::<Vec<_>>());
            Problem {
                since: None,
                customer: match customers.as_slice() {
                    [one] => Some(one.clone()),
                    _ => None,
                },
                file: None,
                what: match customers.len() {
                    1 => format!("whether its devices are used can't be asked: {why}"),
                    _ => format!("{names}: whether their devices are used can't be asked: {why}"),
                },
                remedy: Some(format!(
                    "it is asked again every {poll}, and until then no device becomes inactive; devicedrop registrar \
                     check tells what is in the way"
                )),
            }
        })
        .collect()
}

/// What to do. What is broken says itself what must be mended.
fn remedy(health: Health, customer: Option<&CustomerKey>, longest: Duration) -> String {
    if health != Health::Broken {
        return "it is tried again by itself; look whether the registrar runs and can be reached".to_owned();
    }
    let plain = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
    let only = match customer.map(CustomerKey::as_str) {
        None => String::new(),
        Some(key) if key.chars().all(plain) => format!(" --customer {key}"),
        Some(key) => format!(" --customer {key:?}"),
    };
    format!(
        "do what it says; the rows stay pending, and go on by themselves within {} of that. devicedrop registrar \
         check{only} tells at once whether it is mended",
        period(longest)
    )
}

/// `5 min`, `90 s`.
fn period(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(number: u32, health: Health) -> TargetStatus {
        let customer = CustomerKey::parse(&format!("c{number}")).expect("a key");
        let target = format!("https://service {number}");
        TargetStatus { target, customers: vec![customer], health, since: None, why: None }
    }

    #[test]
    fn a_sum_names_those_in_trouble_and_counts_the_others() {
        let working: Vec<TargetStatus> = (0..3).map(|number| target(number, Health::Working)).collect();
        assert_eq!(in_sum(&working), None);
        let mut some = working;
        some.extend([target(3, Health::Broken), target(4, Health::Throttled), target(5, Health::Unknown)]);
        insta::assert_snapshot!(
            in_sum(&some).unwrap(),
            @"3 of 6 customers' tenants work, 1 not asked yet; broken: c3; throttled: c4"
        );
        let many: Vec<TargetStatus> = (0..9).map(|number| target(number, Health::Broken)).collect();
        insta::assert_snapshot!(
            in_sum(&many).unwrap(),
            @"0 of 9 customers' tenants work; broken: c0, c1, c2, c3, c4 and 4 others"
        );
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        let told = [1, 90, 300, 3_600].map(|seconds| period(Duration::from_secs(seconds)));
        assert_eq!(told, ["1 s", "90 s", "5 min", "60 min"]);
    }
}
