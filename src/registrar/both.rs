//! Two registrars as one: devices are registered with the first, and the second tells when they were used. Partner
//! Center knows nothing of uses; the customer's Intune, behind Graph, does.

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::registrar::{
    Activity, Answer, CallIds, Capacity, Knowledge, Origin, Question, Request, Trouble,
};

use super::{Answering, Registrar};

/// The two.
#[derive(Debug, Clone)]
pub struct Both {
    /// Registers devices.
    pub registering: Arc<dyn Registrar>,
    /// Tells when they were used.
    pub uses: Arc<dyn Registrar>,
}

impl Registrar for Both {
    fn kind(&self) -> &'static str {
        self.registering.kind()
    }

    fn target(&self) -> &str {
        self.registering.target()
    }

    fn target_of(&self, customer: &CustomerKey) -> String {
        self.registering.target_of(customer)
    }

    fn group(&self, origin: Origin<'_>) -> Option<String> {
        self.registering.group(origin)
    }

    fn capacity(&self) -> Capacity {
        self.registering.capacity()
    }

    fn patience(&self) -> Duration {
        self.registering.patience()
    }

    fn takes_ids(&self) -> bool {
        self.registering.takes_ids()
    }

    fn mended(&self) {
        self.registering.mended();
        self.uses.mended();
    }

    fn register(&self, ids: CallIds, requests: Vec<Request>) -> Answering<'_, Result<Vec<Answer>, Trouble>> {
        self.registering.register(ids, requests)
    }

    fn inquire<'a>(&'a self, questions: &'a [Question]) -> Answering<'a, Result<Vec<Knowledge>, Trouble>> {
        self.registering.inquire(questions)
    }

    fn activity(&self, after: u64, limit: usize) -> Answering<'_, Result<(Vec<Activity>, u64), Trouble>> {
        self.uses.activity(after, limit)
    }

    fn unheard(&self) -> Vec<(CustomerKey, String)> {
        self.uses.unheard()
    }
}
