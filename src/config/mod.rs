//! The configuration as the rest of the program uses it: resolved, checked, every value there.
//!
//! How it is found, read and checked is in the modules below; nothing here touches a file.

mod customers;
mod document;
pub mod environment;
mod folders;
mod in_force;
mod load;
mod places;
mod raw;
mod reload;
mod resolve;
mod services;
/// Where the daemon of a ledger can be asked.
pub fn control_socket(ledger: &Path) -> PathBuf {
    ledger.parent().unwrap_or(Path::new("/")).join("control.sock")
}

#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use devicedrop_core::device::{Column, Format, Sha256};
use devicedrop_core::ids::CustomerKey;
pub use devicedrop_core::locale::Locale;

pub use document::{Problem, nearest};
pub use folders::look_patiently;
pub use in_force::InForce;
pub use load::{ConfigError, Lookup, parse};
pub use reload::reload_refusals;
pub use resolve::Places;
pub use services::{AppProof, CredentialSettings, SecretPlace, ServiceSettings};
pub use units::parse_duration as duration;

/// A configuration that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where it comes from.
    pub source: Source,
    /// The language of what customers are told, where a customer's section doesn't say another.
    pub locale: Locale,
    /// Whom a sender is told to contact on an unexpected error.
    pub support: Option<String>,
    /// `[drop]`.
    pub drop: DropSettings,
    /// `[ledger]`.
    pub ledger: LedgerSettings,
    /// `[results]`.
    pub results: ResultSettings,
    /// `[registrar]`.
    pub registrar: RegistrarSettings,
    /// `[lifecycle]`.
    pub lifecycle: LifecycleSettings,
    /// `[web]`.
    pub web: WebSettings,
    /// The customers that have a section. With [`CustomersFrom::Folders`] there can be others:
    /// see [`Config::customer`].
    pub customers: BTreeMap<CustomerKey, CustomerSettings>,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// There is no file; all values are defaults.
    Defaults,
    /// A file.
    File {
        /// Its path, absolute.
        path: PathBuf,
        /// The SHA-256 of its bytes.
        sha256: Sha256,
        /// Its text, for the copy that is kept with the record.
        text: String,
    },
}

/// `[drop]`: the folders, and when a file in them is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropSettings {
    /// The folder that holds the customers' folders.
    pub root: PathBuf,
    /// Who is a customer.
    pub customers: CustomersFrom,
    /// Quiet time where it is known that nobody has the file open for writing.
    pub settle: Duration,
    /// Quiet time after which an open file is taken all the same.
    pub settle_open: Duration,
    /// Quiet time where it can't be known.
    pub settle_unsure: Duration,
    /// How often all files are looked at.
    pub rescan: Duration,
    /// Names of folders that are never looked into.
    pub ignore_folders: Vec<String>,
    /// The largest file, in bytes.
    pub max_file_size: u64,
    /// The most data rows of a file.
    pub max_rows: u64,
    /// What one customer may bring in a day, in bytes.
    pub per_customer_bytes_per_day: u64,
    /// What one customer may bring in a day, in rows.
    pub per_customer_rows_per_day: u64,
    /// Free space below which nothing new is taken or sent, in bytes.
    pub reserve: u64,
}

/// Who is a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CustomersFrom {
    /// Whoever has a section in the configuration.
    Configured,
    /// Every folder in the root; a section adds settings.
    Folders,
}

/// `[ledger]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The database.
    pub path: PathBuf,
    /// The folder of the copies of all files that were read.
    pub originals: PathBuf,
    /// Whether copies are kept once their result is final.
    pub keep_originals: bool,
    /// How often a checkpoint is written.
    pub checkpoint_every: Duration,
    /// The key that signs checkpoints.
    pub signing_key_file: Option<PathBuf>,
}

/// `[results]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSettings {
    /// The shortest time between two writings while rows are pending.
    pub refresh: Duration,
    /// Whether there is a result before the final one.
    pub when: ResultsWhen,
    /// Whether a receipt is written beside each result.
    pub receipts: bool,
    /// The permissions of result files.
    pub mode: u32,
}

/// When a result file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultsWhen {
    /// At once, again while rows change, and when all is final.
    Always,
    /// Only when all is final.
    Final,
}

/// `[registrar]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarSettings {
    /// Which one.
    pub kind: RegistrarKind,
    /// How deferred rows are tried again.
    pub retry: RetrySettings,
    /// `[registrar.embedded]`.
    pub embedded: EmbeddedSettings,
    /// `[registrar.partner_center]`, where it is the one.
    pub partner_center: Option<ServiceSettings>,
    /// `[registrar.graph]`, where it is the one, or tells the registrar `partner-center` of uses.
    pub graph: Option<ServiceSettings>,
}

impl RegistrarSettings {
    /// Which service it is: the registry's file, or the address.
    pub fn target(&self) -> String {
        let service = match self.kind {
            RegistrarKind::Embedded => None,
            RegistrarKind::PartnerCenter => self.partner_center.as_ref(),
            RegistrarKind::Graph => self.graph.as_ref(),
        };
        service.map_or_else(|| self.embedded.path.display().to_string(), |service| service.base_url.clone())
    }
}

/// The service that registers devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrarKind {
    /// The one inside of this program.
    Embedded,
    /// Microsoft Partner Center.
    PartnerCenter,
    /// Microsoft Graph.
    Graph,
}

impl RegistrarKind {
    /// The word for it in the configuration and in the ledger.
    pub fn code(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::PartnerCenter => "partner-center",
            Self::Graph => "graph",
        }
    }

    /// The formats whose rows it can register: Graph knows devices by their hardware hash alone.
    pub fn formats(self) -> &'static [Format] {
        match self {
            Self::Embedded | Self::PartnerCenter => &Format::ALL,
            Self::Graph => &[Format::SelfService],
        }
    }
}

/// `[registrar.retry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySettings {
    /// The wait before the second try; doubled each time.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// The running time after which a row without an answer fails.
    pub give_up_after: Duration,
}

/// `[registrar.embedded]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// Its database.
    pub path: PathBuf,
    /// Whether a device must be in the inventory.
    pub inventory: InventoryRule,
}

/// Whether a device must be in the embedded registrar's inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InventoryRule {
    /// A device that isn't in it is not found.
    Required,
    /// Any device is accepted.
    Open,
}

/// `[lifecycle]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleSettings {
    /// How often registrars are asked for use.
    pub poll: Duration,
    /// The time without use after which a device is inactive.
    pub inactive_after: Duration,
}

/// `[web]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// Where the page is.
    pub listen: Listen,
}

/// Where the web page listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// On a TCP address.
    Address(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

/// What holds for one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerSettings {
    /// Its key.
    pub key: CustomerKey,
    /// Its name, as people read it.
    pub name: String,
    /// Its tenant at the registration service.
    pub tenant_id: Option<String>,
    /// The language of what it is told.
    pub locale: Locale,
    /// Its drop folder.
    pub folder: PathBuf,
    /// The formats that it may use; never empty.
    pub formats: Vec<Format>,
    /// Its own headings for our columns; empty: ours.
    pub columns: BTreeMap<Column, String>,
    /// When a file counts as complete.
    pub complete: Completeness,
    /// Whether a file needs an order file.
    pub order: OrderRule,
    /// What becomes of a file without a data row.
    pub empty_files: EmptyFiles,
    /// Whether its files wait.
    pub paused: bool,
}

/// When a file counts as complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// Once it lay still for the quiet time.
    Settled,
    /// Once `<file>.done` lies beside it.
    Marker,
}

/// Whether a file needs an order file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderRule {
    /// It can have one.
    Optional,
    /// It waits for one.
    Required,
}

/// What becomes of a file with headings and no data row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptyFiles {
    /// It is rejected.
    Reject,
    /// It is accepted, with nothing to do.
    Accept,
}

impl Config {
    /// The folder of the ledger: its lock, the control socket and the web page's token lie there too.
    pub fn state_folder(&self) -> &Path {
        self.ledger.path.parent().unwrap_or(Path::new("/"))
    }

    /// Where checkpoints go that are made by themselves.
    pub fn checkpoints(&self) -> PathBuf {
        self.state_folder().join("checkpoints")
    }

    /// The daemon's control socket.
    pub fn control_socket(&self) -> PathBuf {
        control_socket(&self.ledger.path)
    }

    /// The settings of a customer: its section's, or, where every folder is a customer, the defaults.
    /// `None` for a key that belongs to no customer.
    pub fn customer(&self, key: &CustomerKey) -> Option<CustomerSettings> {
        if let Some(settings) = self.customers.get(key) {
            return Some(settings.clone());
        }
        match self.drop.customers {
            CustomersFrom::Configured => None,
            CustomersFrom::Folders => Some(self.customer_defaults(key)),
        }
    }

    /// What holds for a customer whose section says nothing.
    pub fn customer_defaults(&self, key: &CustomerKey) -> CustomerSettings {
        CustomerSettings {
            key: key.clone(),
            name: key.to_string(),
            tenant_id: None,
            locale: self.locale,
            folder: self.drop.root.join(key.as_str()),
            formats: self.registrar.kind.formats().to_vec(),
            columns: BTreeMap::new(),
            complete: Completeness::Settled,
            order: OrderRule::Optional,
            empty_files: EmptyFiles::Reject,
            paused: false,
        }
    }
}
