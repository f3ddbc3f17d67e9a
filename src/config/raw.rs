//! The configuration as it stands in the file: every key optional, nothing checked but its type.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::units::{Count, DurationText, Mode, Size};
use super::{Completeness, CustomersFrom, EmptyFiles, InventoryRule, Locale, OrderRule, RegistrarKind, ResultsWhen};

/// Defines a table of the file together with the list of its keys.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, expecting = "a table")]
        pub(super) struct $name { $($(#[$attribute])* pub(super) $key: Option<$type>,)* }

        impl $name {
            /// Its keys.
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
        }
    };
}

table! {
    /// The whole file.
    Raw {
        locale: Locale,
        support: String,
        drop: RawDrop,
        ledger: RawLedger,
        results: RawResults,
        registrar: RawRegistrar,
        lifecycle: RawLifecycle,
        web: RawWeb,
        customers: BTreeMap<String, RawCustomer>,
    }
}

table! {
    /// `[drop]`.
    RawDrop {
        root: PathBuf,
        customers: CustomersFrom,
        settle: DurationText,
        settle_open: DurationText,
        settle_unsure: DurationText,
        rescan: DurationText,
        ignore_folders: Vec<String>,
        max_file_size: Size,
        max_rows: Count,
        per_customer_bytes_per_day: Size,
        per_customer_rows_per_day: Count,
        reserve: Size,
    }
}

table! {
    /// `[ledger]`.
    RawLedger {
        path: PathBuf,
        originals: PathBuf,
        keep_originals: bool,
        checkpoint_every: DurationText,
        signing_key_file: PathBuf,
    }
}

table! {
    /// `[results]`.
    RawResults {
        refresh: DurationText,
        when: ResultsWhen,
        receipts: bool,
        mode: Mode,
    }
}

table! {
    /// `[registrar]`.
    RawRegistrar {
        kind: RegistrarKind,
        retry: RawRetry,
        embedded: RawEmbedded,
        partner_center: RawService,
        graph: RawService,
    }
}

table! {
    /// `[registrar.retry]`.
    RawRetry {
        first: DurationText,
        longest: DurationText,
        give_up_after: DurationText,
    }
}

table! {
    /// `[registrar.embedded]`.
    RawEmbedded {
        path: PathBuf,
        inventory: InventoryRule,
    }
}

table! {
    /// `[registrar.partner_center]` and `[registrar.graph]`.
    RawService {
        base_url: String,
        login_url: String,
        tenant_id: String,
        client_id: String,
        credentials: RawCredentials,
    }
}

table! {
    /// `[registrar.partner_center.credentials]` and `[registrar.graph.credentials]`.
    RawCredentials {
        secret: RawSecret,
        certificate: RawSecret,
        private_key: RawSecret,
        refresh_token_file: PathBuf,
    }
}

table! {
    /// Where a secret lies.
    RawSecret {
        file: PathBuf,
        systemd_credential: String,
        environment: String,
    }
}

table! {
    /// `[lifecycle]`.
    RawLifecycle {
        poll: DurationText,
        inactive_after: DurationText,
    }
}

table! {
    /// `[web]`.
    RawWeb {
        listen: String,
    }
}

table! {
    /// `[customers.KEY]`.
    RawCustomer {
        name: String,
        tenant_id: String,
        locale: Locale,
        folder: PathBuf,
        formats: Vec<String>,
        columns: BTreeMap<String, String>,
        complete: Completeness,
        order: OrderRule,
        empty_files: EmptyFiles,
        paused: bool,
    }
}

/// The keys that the table at this place can have; `None` where any can stand.
pub(super) fn known_keys(table: &[&str]) -> Option<&'static [&'static str]> {
    match table {
        [] => Some(Raw::KEYS),
        ["drop"] => Some(RawDrop::KEYS),
        ["ledger"] => Some(RawLedger::KEYS),
        ["results"] => Some(RawResults::KEYS),
        ["registrar"] => Some(RawRegistrar::KEYS),
        ["registrar", "retry"] => Some(RawRetry::KEYS),
        ["registrar", "embedded"] => Some(RawEmbedded::KEYS),
        ["registrar", "partner_center" | "graph"] => Some(RawService::KEYS),
        ["registrar", "partner_center" | "graph", "credentials"] => Some(RawCredentials::KEYS),
        ["registrar", "partner_center" | "graph", "credentials", "secret" | "certificate" | "private_key"] => {
            Some(RawSecret::KEYS)
        }
        ["lifecycle"] => Some(RawLifecycle::KEYS),
        ["web"] => Some(RawWeb::KEYS),
        ["customers", _] => Some(RawCustomer::KEYS),
        _ => None,
    }
}

/// Every key of every table.
#[cfg(test)]
pub(super) fn all_keys() -> Vec<&'static str> {
    let tables: [&[&str]; 12] = [
        Raw::KEYS,
        RawDrop::KEYS,
        RawLedger::KEYS,
        RawResults::KEYS,
        RawRegistrar::KEYS,
        RawRetry::KEYS,
        RawEmbedded::KEYS,
        RawService::KEYS,
        RawCredentials::KEYS,
        RawSecret::KEYS,
        RawLifecycle::KEYS,
        RawCustomer::KEYS,
    ];
    tables.concat()
}
