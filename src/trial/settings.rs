//! What a trial service is told: where it listens, what it knows, how it behaves.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use devicedrop_core::device::Device;

use super::certificate::Certificate;
use super::faults::Script;

/// What an administrator consented to for Graph: the permissions of the pages that `graph` goes by.
pub(super) const GRAPH_PERMISSIONS: [&str; 2] =
    ["DeviceManagementServiceConfig.ReadWrite.All", "DeviceManagementManagedDevices.Read.All"];

/// What was consented to for Partner Center, in the name of a person
/// (<https://learn.microsoft.com/partner-center/developer/partner-center-authentication>).
pub(super) const USER_IMPERSONATION: &str = "user_impersonation";

/// A device that the service's supplier made, with its hardware hash if that is known.
pub type Stocked = (Device, Option<String>);

/// What a trial service is told.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub struct Settings {
    /// Where it listens; port 0 takes any that is free. Loopback only.
    pub listen: SocketAddr,
    /// The devices that can be found by manufacturer, model and serial number.
    pub inventory: Vec<Stocked>,
    /// Whether every device is found, in the inventory or not.
    pub open: bool,
    /// The file that it keeps its state in; none keeps it in memory.
    pub state: Option<PathBuf>,
    /// How long the registration of what was accepted takes.
    pub latency: Duration,
    /// How many of the requests fail in some way: 0 none, 1 all.
    pub fail_rate: f64,
    /// Faults at named places.
    pub script: Script,
    /// What the chances are drawn from.
    pub seed: u64,
    /// Requests a second, over which it throttles.
    pub rate: Option<u32>,
    /// How long a request waits that is to be answered slowly.
    pub slow: Duration,
    /// The partner's tenant, and who may ask.
    pub client: Client,
    /// The customers' tenants; none: every GUID is one.
    pub customers: Vec<String>,
    /// Tenants that exist and that the partner has no relationship with.
    pub strangers: Vec<String>,
    /// How long an access token holds.
    pub token_life: Duration,
    /// Whether a refresh token is dead once it was used. Entra lets it live on.
    pub one_time_refresh: bool,
    /// Whether batches can be made only in the name of a person, as the documentation demands.
    pub user_required: bool,
    /// Permissions that nobody consented to: they are in no token, and what needs them is refused.
    pub without_permissions: Vec<String>,
    /// Whether a sign-in by device code is approved at once, without anybody opening the page.
    pub approve_at_once: bool,
    /// Whether `MS-RequestId` is passed over, so that a repeated request has a second effect.
    pub forgetful: bool,
    /// Whether a hardware hash may say nothing of its device.
    pub any_hash: bool,
    /// Devices on a page of Graph's lists.
    pub page: usize,
}

/// Who may ask for tokens.
#[derive(Debug, Clone)]
pub struct Client {
    /// The partner's tenant.
    pub tenant_id: String,
    /// The application's ID.
    pub client_id: String,
    /// Its secret.
    pub secret: String,
    /// The refresh token of the person who gave consent.
    pub refresh_token: String,
    /// The certificate with which it may sign in the secret's place. Without one, signatures aren't looked at.
    pub certificate: Option<Certificate>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            tenant_id: "7a1e0000-0000-4000-8000-00000000d001".to_owned(),
            client_id: "7a1e0000-0000-4000-8000-00000000c001".to_owned(),
            secret: "trial-secret-known-to-everybody".to_owned(),
            refresh_token: "trial-refresh-token-known-to-everybody".to_owned(),
            certificate: None,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            inventory: Vec::new(),
            open: false,
            state: None,
            latency: Duration::from_secs(1),
            fail_rate: 0.0,
            script: Script::default(),
            seed: 0,
            rate: None,
            slow: Duration::from_secs(10),
            client: Client::default(),
            customers: Vec::new(),
            strangers: Vec::new(),
            token_life: Duration::from_hours(1),
            one_time_refresh: false,
            user_required: false,
            without_permissions: Vec::new(),
            approve_at_once: true,
            forgetful: false,
            any_hash: false,
            page: 1000,
        }
    }
}
