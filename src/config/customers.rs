//! The sections of customers: keys, formats, columns.

use std::collections::BTreeMap;

use devicedrop_core::device::{Column, Format};
use devicedrop_core::ids::CustomerKey;

use super::document::nearest;
use super::raw::RawCustomer;
use super::resolve::Resolving;
use super::services::customers_tenant;
use super::{Config, CustomerSettings, RegistrarKind};

pub(super) type Sections = BTreeMap<String, RawCustomer>;

/// The headings that a result file adds and that are ignored on the way in: none of them can be a column of a sender.
const OURS: [&str; 4] = ["State", "Error", "Error Details", "Request ID"];

/// Resolves all sections. Those with an impossible key are left out, and said to be wrong.
pub(super) fn resolve_customers(
    resolving: &mut Resolving<'_>,
    sections: Sections,
    config: &Config,
) -> Vec<CustomerSettings> {
    let mut folded: BTreeMap<String, String> = BTreeMap::new();
    let mut customers = Vec::new();
    for (name, section) in sections {
        let key = match CustomerKey::parse(&name) {
            Ok(key) => key,
            Err(error) => {
                resolving.problem(&["customers", &name], error);
                continue;
            }
        };
        if let Some(other) = folded.insert(key.folded(), name.clone()) {
            resolving.problem(
                &["customers", &name],
                format_args!("differs from the customer `{other}` in capital letters alone; their folders would be one on many systems"),
            );
        }
        customers.push(resolve_customer(resolving, key, section, config));
    }
    customers
}

fn resolve_customer(
    resolving: &mut Resolving<'_>,
    key: CustomerKey,
    raw: RawCustomer,
    config: &Config,
) -> CustomerSettings {
    let defaults = config.customer_defaults(&key);
    let at = |setting| ["customers", key.as_str(), setting];
    let name = resolving.text(&at("name"), raw.name).unwrap_or(defaults.name);
    let tenant_id = resolving.text(&at("tenant_id"), raw.tenant_id);
    let tenant_id = customers_tenant(resolving, key.as_str(), tenant_id, &config.registrar);
    let folder = resolving.path(&at("folder"), raw.folder, defaults.folder);
    let formats = match raw.formats {
        Some(words) => formats(resolving, &at("formats"), &words, config.registrar.kind),
        None => defaults.formats,
    };
    let columns = raw.columns.map_or(defaults.columns, |mapped| columns(resolving, &at("columns"), mapped));
    CustomerSettings {
        name,
        tenant_id,
        folder,
        formats,
        columns,
        locale: raw.locale.unwrap_or(defaults.locale),
        complete: raw.complete.unwrap_or(defaults.complete),
        order: raw.order.unwrap_or(defaults.order),
        empty_files: raw.empty_files.unwrap_or(defaults.empty_files),
        paused: raw.paused.unwrap_or(defaults.paused),
        key,
    }
}

fn formats(resolving: &mut Resolving<'_>, key: &[&str], words: &[String], registrar: RegistrarKind) -> Vec<Format> {
    if words.is_empty() {
        resolving.problem(key, "found an empty list, expected \"partner\", \"self-service\" or both");
    }
    let mut formats = Vec::new();
    for word in words {
        match Format::from_code(word) {
            Some(format) if !registrar.formats().contains(&format) => resolving.problem(
                key,
                format_args!(
                    "found {word:?}, expected \"self-service\": the registrar {:?} registers by hardware hash alone",
                    registrar.code()
                ),
            ),
            Some(format) if !formats.contains(&format) => formats.push(format),
            Some(_) => {}
            None => resolving.problem(key, format_args!("found {word:?}, expected \"partner\" or \"self-service\"")),
        }
    }
    formats
}

fn columns(
    resolving: &mut Resolving<'_>,
    key: &[&str; 3],
    mapped: BTreeMap<String, String>,
) -> BTreeMap<Column, String> {
    let [one, two, three] = *key;
    let mut columns = BTreeMap::new();
    for (ours, theirs) in mapped {
        let at = [one, two, three, ours.as_str()];
        let Some(column) = Column::from_heading(&ours) else {
            let near = nearest(&ours, Column::ALL.into_iter().map(Column::heading));
            let help = near.map_or_else(
                || format!("which are: {}", Column::ALL.map(Column::heading).join(", ")),
                |near| format!("the nearest that is: {near:?}"),
            );
            resolving.problem(&at, format_args!("is none of our headings; {help}"));
            continue;
        };
        if theirs.trim() != theirs || theirs.is_empty() || theirs.chars().any(char::is_control) {
            resolving.problem(
                &at,
                "a heading isn't empty, stands on one line, and has no blanks at its ends (they are taken away in files too)",
            );
        } else if OURS.contains(&theirs.as_str()) {
            resolving.problem(
                &at,
                format_args!("{theirs:?} is a heading of result files, which is ignored in what is dropped"),
            );
        }
        columns.insert(column, theirs);
    }
    for (heading, names) in shared_headings(&columns) {
        resolving.problem(key, format_args!("the heading {heading:?} would stand for {}", names.join(" and ")));
    }
    columns
}

/// Headings that would stand for two of our columns: those mapped, and those that keep our name.
fn shared_headings(columns: &BTreeMap<Column, String>) -> BTreeMap<&str, Vec<&'static str>> {
    let mut meanings: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    for column in Column::ALL {
        let own = Format::SelfService.columns().contains(&column).then_some(column.heading());
        if let Some(heading) = columns.get(&column).map(String::as_str).or(own) {
            meanings.entry(heading).or_default().push(column.heading());
        }
    }
    meanings.retain(|_, names| names.len() > 1);
    meanings
}
