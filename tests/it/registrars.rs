//! The contract suite over every registrar that there is.

use std::path::Path;
use std::sync::Arc;

use devicedrop::registrar::Registrar;
use devicedrop::registrar::embedded::{Embedded, Inventory, Settings};
use devicedrop_core::device::Device;
use devicedrop_core::time::Timestamp;
use devicedrop_testkit::registrar_suite::{self, Nature, Remembers, Subject};
use devicedrop_testkit::scripted::{Mode, Script, Scripted};
use tempfile::TempDir;

struct EmbeddedSubject {
    registrar: Embedded,
    inventory: Inventory,
    folder: TempDir,
}

fn open(folder: &Path, inventory: Inventory) -> Embedded {
    let settings = Settings {
        path: folder.join("registry.db"),
        inventory,
        hash_check: |_, _| Ok(None),
        now: Arc::new(|| Timestamp::from_unix_ms(1_795_356_339_003)),
    };
    Embedded::open(settings).unwrap()
}

impl EmbeddedSubject {
    fn new(inventory: Inventory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { registrar: open(folder.path(), inventory), inventory, folder }
    }
}

impl Subject for EmbeddedSubject {
    fn registrar(&self) -> &dyn Registrar {
        &self.registrar
    }

    fn nature(&self) -> Nature {
        let inventory = self.inventory == Inventory::Required;
        Nature { inventory, remembers: Remembers::Keys, tells_uses: true }
    }

    fn stock(&self, devices: &[Device]) {
        self.registrar.import(devices.iter().map(|device| (device.clone(), None)), "suite").unwrap();
    }

    fn use_device(&self, device: &Device, at: Timestamp) {
        self.registrar.check_in(&[(device.clone(), at)]).unwrap().pop().unwrap().unwrap();
    }

    fn reopen(self) -> Self {
        let Self { registrar, inventory, folder } = self;
        drop(registrar);
        Self { registrar: open(folder.path(), inventory), inventory, folder }
    }
}

struct ScriptedSubject {
    registrar: Scripted,
    script: Script,
    folder: TempDir,
}

impl ScriptedSubject {
    fn new(mode: Mode) -> Self {
        Self::of(Script::default().mode(mode))
    }

    fn of(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registrar = Scripted::open(script.clone(), &folder.path().join("journal")).unwrap();
        Self { registrar, script, folder }
    }
}

impl Subject for ScriptedSubject {
    fn registrar(&self) -> &dyn Registrar {
        &self.registrar
    }

    fn nature(&self) -> Nature {
        let remembers = match self.script.mode {
            Mode::Keyed => Remembers::Keys,
            Mode::Natural => Remembers::Devices,
            Mode::None => Remembers::Nothing,
        };
        Nature { inventory: false, remembers, tells_uses: true }
    }

    fn stock(&self, _devices: &[Device]) {}

    fn use_device(&self, device: &Device, at: Timestamp) {
        self.registrar.use_device(device, at);
    }

    fn reopen(self) -> Self {
        let Self { registrar, script, folder } = self;
        drop(registrar);
        let registrar = Scripted::open(script.clone(), &folder.path().join("journal")).unwrap();
        Self { registrar, script, folder }
    }
}

#[test]
fn embedded_with_an_inventory() {
    registrar_suite::run(|| EmbeddedSubject::new(Inventory::Required));
}

#[test]
fn embedded_without_an_inventory() {
    registrar_suite::run(|| EmbeddedSubject::new(Inventory::Open));
}

#[test]
fn scripted_by_key() {
    registrar_suite::run(|| ScriptedSubject::new(Mode::Keyed));
}

#[test]
fn scripted_by_device() {
    registrar_suite::run(|| ScriptedSubject::new(Mode::Natural));
}

#[test]
fn scripted_without_memory() {
    registrar_suite::run(|| ScriptedSubject::new(Mode::None));
}

#[test]
fn scripted_that_answers_later() {
    for mode in [Mode::Keyed, Mode::Natural, Mode::None] {
        registrar_suite::run(|| ScriptedSubject::of(Script::default().mode(mode).later(2)));
    }
}
