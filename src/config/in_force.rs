//! The configuration in force, which a reload replaces.

use std::sync::{Arc, PoisonError, RwLock};

use super::Config;

/// The configuration in force, for all who need what it says now. Taken anew by whoever begins a step; never held over
/// one. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct InForce(Arc<RwLock<Arc<Config>>>);

impl InForce {
    /// This one.
    pub fn new(config: Arc<Config>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// What is in force now.
    pub fn get(&self) -> Arc<Config> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in force.
    pub fn set(&self, config: Arc<Config>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}
