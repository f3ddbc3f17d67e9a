//! The dictionaries: text that repeats stands in the ledger once, and its number elsewhere.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

/// Texts kept in memory for each dictionary; there are rarely more manufacturers, models or customers. When there
/// are, all are forgotten and looked up anew.
const REMEMBERED: usize = 10_000;

/// Which dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dictionary {
    Customer,
    Target,
    Manufacturer,
    Model,
}

impl Dictionary {
    fn select(self) -> &'static str {
        match self {
            Self::Customer => "SELECT number FROM customer WHERE text = ?",
            Self::Target => "SELECT number FROM target WHERE text = ?",
            Self::Manufacturer => "SELECT number FROM manufacturer WHERE text = ?",
            Self::Model => "SELECT number FROM model WHERE text = ?",
        }
    }

    fn insert(self) -> &'static str {
        match self {
            Self::Customer => "INSERT INTO customer(text) VALUES (?) RETURNING number",
            Self::Target => "INSERT INTO target(text) VALUES (?) RETURNING number",
            Self::Manufacturer => "INSERT INTO manufacturer(text) VALUES (?) RETURNING number",
            Self::Model => "INSERT INTO model(text) VALUES (?) RETURNING number",
        }
    }
}

/// The writer's memory of them.
#[derive(Debug, Default)]
pub(super) struct Words {
    customers: HashMap<String, i64>,
    targets: HashMap<String, i64>,
    manufacturers: HashMap<String, i64>,
    models: HashMap<String, i64>,
}

impl Words {
    /// The number of a text; a new one if it is new.
    pub(super) fn number(&mut self, db: &Connection, dictionary: Dictionary, text: &str) -> rusqlite::Result<i64> {
        let known = match dictionary {
            Dictionary::Customer => &mut self.customers,
            Dictionary::Target => &mut self.targets,
            Dictionary::Manufacturer => &mut self.manufacturers,
            Dictionary::Model => &mut self.models,
        };
        if let Some(number) = known.get(text) {
            return Ok(*number);
        }
        let found = find(db, dictionary, text)?;
        let number = match found {
            Some(number) => number,
            None => db.prepare_cached(dictionary.insert())?.query_row([text], |row| row.get(0))?,
        };
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(text.to_owned(), number);
        Ok(number)
    }

    /// Forgets all: some may have been taken back with a command that was refused.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The number of a text, if it has one.
pub(super) fn find(db: &Connection, dictionary: Dictionary, text: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(dictionary.select())?.query_row([text], |row| row.get(0)).optional()
}
