//! The embedded registrar's devices and claims, read beside whoever has it open.

use std::path::PathBuf;

use crate::cli::error::Failure;
use crate::cli::lookups::{Look, Page, Row};
use crate::config::{Config, RegistrarKind};
use crate::registrar::embedded::{Browser, Filter, Listed};
use serde_json::Value;

use super::failure::{Told, bad_key, not_by, refused};

/// The inventory, opened when it is first asked for.
#[derive(Debug)]
pub(super) struct Inventory {
    kind: RegistrarKind,
    path: PathBuf,
    browser: Option<Browser>,
}

impl Inventory {
    pub(super) fn of(config: &Config) -> Self {
        Self { kind: config.registrar.kind, path: config.registrar.embedded.path.clone(), browser: None }
    }

    fn browser(&mut self) -> Result<&mut Browser, Failure> {
        if let Some(ref mut browser) = self.browser {
            return Ok(browser);
        }
        if self.kind != RegistrarKind::Embedded {
            return Err(refused(
                format!("the registrar is {}, which has no inventory of ours", self.kind.code()),
                "this command is for registrar.kind = \"embedded\"".to_owned(),
            ));
        }
        if !self.path.exists() {
            return Err(refused(
                format!("there is no registry at {}", self.path.display()),
                "`devicedrop run` makes one, `devicedrop registry import` fills it".to_owned(),
            ));
        }
        Ok(self.browser.insert(Browser::open(&self.path).map_err(Told::told)?))
    }

    /// Devices in the order in which they became known; `since` is about their claims.
    pub(super) fn list(&mut self, look: &Look) -> Result<Page, Failure> {
        if look.filters.state.is_some() || look.filters.error.is_some() {
            return Err(not_by("the inventory", "state or error", "customer and since (claimed since then)"));
        }
        let after = match &look.after {
            Some(key) => key.parse().map_err(|_| bad_key(key))?,
            None => 0,
        };
        let filter = Filter {
            customer: look.filters.customer.clone(),
            claimed_since: look.filters.since,
            ..Filter::default()
        };
        let listed = self.browser()?.list(&filter, look.limit.saturating_add(1), after).map_err(Told::told)?;
        let next = listed.get(look.limit.wrapping_sub(1)).filter(|_| listed.len() > look.limit);
        let next = next.map(|last| last.number.to_string());
        Ok(Page { rows: listed.into_iter().take(look.limit).map(row).collect(), next })
    }
}

fn row(listed: Listed) -> Row {
    let Listed { number, device, inventory, customer, claimed_at, last_seen } = listed;
    let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let cells = [
        ("number", number.into()),
        ("manufacturer", device.manufacturer.into()),
        ("model", device.model.into()),
        ("serial_number", device.serial_number.into()),
        ("inventory", inventory.into()),
        ("customer", text(customer.map(|key| key.to_string()))),
        ("claimed_at", text(claimed_at.map(|at| at.to_string()))),
        ("last_seen", text(last_seen.map(|at| at.to_string()))),
    ];
    cells.into_iter().map(|(column, value)| (column.to_owned(), value)).collect()
}
