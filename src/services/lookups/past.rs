//! What a customer sent before, for `check`.

use std::collections::BTreeSet;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::suspicion::Known;

use super::failure::Told;
use crate::cli::error::Failure;
use crate::cli::services::PastRows;
use crate::config::Config;
use crate::ledger::reader::known::Whereabouts;
use crate::ledger::{OpenError, Reader};

/// One customer's part of a ledger.
#[derive(Debug)]
pub struct LedgerPast {
    reader: Reader,
    whereabouts: Whereabouts,
}

impl LedgerPast {
    /// Opens the ledger that the configuration names, for reading alone; none where there is none.
    pub fn open(config: &Config, customer: &CustomerKey) -> Result<Option<Self>, Failure> {
        let reader = match Reader::open(&config.ledger.path) {
            Ok(reader) => reader,
            Err(OpenError::Missing(_)) => return Ok(None),
            Err(error) => return Err(error.told()),
        };
        let whereabouts = reader.whereabouts(customer).map_err(Told::told)?;
        Ok(Some(Self { reader, whereabouts }))
    }
}

impl PastRows for LedgerPast {
    fn known(&mut self, serial_numbers: &BTreeSet<String>, each: &mut dyn FnMut(Known)) -> Result<(), Failure> {
        self.reader.known_serials(&self.whereabouts, serial_numbers, each).map_err(Told::told)
    }
}
