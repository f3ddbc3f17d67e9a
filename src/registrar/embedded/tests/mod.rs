//! What the embedded registrar does beyond the contract that all registrars share.

mod against_a_model;
mod failures;
mod files;
mod hints;
mod people;
mod verdicts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::ids::{AttemptId, CustomerKey, EntryId, RegistrationId, SubmissionId};
use devicedrop_core::registrar::{Activity, CallIds, HashMismatch, Knowledge, Request, Trouble, Verdict};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::time::Timestamp;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{Embedded, Inventory, RegistryError, Settings};
use crate::registrar::Registrar;

/// The present of all tests here.
fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_795_356_339_003)
}

/// A registry in a folder of its own, and a runtime to ask it in.
struct Bench {
    folder: TempDir,
    runtime: Runtime,
    registry: Option<Embedded>,
}

/// "valid" is valid, "other" speaks of another model, and nothing else is a hash.
fn hash_check(hash: &str, device: &Device) -> Result<Option<HashMismatch>, String> {
    match hash {
        "valid" => Ok(None),
        "other" => Ok(Some(mismatch(device))),
        _ => Err("it isn't base64".to_owned()),
    }
}

fn mismatch(device: &Device) -> HashMismatch {
    HashMismatch { fields: vec![("Model".to_owned(), device.model.clone(), "Two".to_owned())] }
}

fn open(path: PathBuf, inventory: Inventory) -> Result<Embedded, RegistryError> {
    Embedded::open(Settings { path, inventory, hash_check, now: Arc::new(now) })
}

impl Bench {
    fn new(inventory: Inventory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let registry = Some(open(folder.path().join("registry.db"), inventory).unwrap());
        Self { folder, runtime, registry }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("registry.db")
    }

    fn registry(&self) -> &Embedded {
        self.registry.as_ref().unwrap()
    }

    fn close(&mut self) {
        self.registry = None;
    }

    fn reopen(&mut self, inventory: Inventory) {
        self.close();
        self.registry = Some(open(self.path(), inventory).unwrap());
    }

    fn stock(&self, serials: &[&str]) {
        self.registry().import(serials.iter().map(|serial| (device(serial), None)), "test").unwrap();
    }

    fn try_register(&self, requests: &[Request]) -> Result<Vec<Verdict>, Trouble> {
        let answers = self.runtime.block_on(self.registry().register(CallIds::default(), requests.to_vec()))?;
        Ok(answers.into_iter().map(|answer| answer.verdict).collect())
    }

    fn register(&self, request: &Request) -> Verdict {
        self.try_register(std::slice::from_ref(request)).unwrap().pop().unwrap()
    }

    fn try_inquire(&self, request: &Request) -> Result<Vec<Knowledge>, Trouble> {
        self.runtime.block_on(self.registry().inquire(&[request.clone().into()]))
    }

    fn activity(&self, after: u64) -> (Vec<Activity>, u64) {
        self.runtime.block_on(self.registry().activity(after, 100)).unwrap()
    }
}

fn device(serial_number: &str) -> Device {
    Device { manufacturer: "Contoso".to_owned(), model: "One".to_owned(), serial_number: serial_number.to_owned() }
}

fn customer(key: &str) -> CustomerKey {
    CustomerKey::parse(key).unwrap()
}

fn request(who: &str, serial: &str, key: &str) -> Request {
    let number = EntryId::new(1).unwrap();
    Request {
        attempt: AttemptId(number),
        registration: RegistrationId(number),
        submission: SubmissionId::from_bytes([0; 16]),
        key: Sha256::of(key.as_bytes()),
        customer: customer(who),
        device: device(serial),
        hardware_hash: None,
        order_id: None,
        purchase_id: None,
    }
}

fn with_hash(request: Request, hash: &str) -> Request {
    Request { hardware_hash: Some(hash.to_owned()), ..request }
}

const REGISTERED: Verdict = Verdict::Registered { warning: None };

fn refused(error: ErrorCode) -> Verdict {
    Verdict::Refused { error, detail: None, near: None }
}

/// Asks a registry's file something with a tool of its own, while nobody has it open.
fn ask_file(path: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn change_file(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
