//! Look-ups in the contract's views, for commands, the page and whoever else shows them: a closed list of views, and
//! of each its columns.

use serde::{Serialize, Serializer};

use super::error::ReadError;

/// Defines the views.
macro_rules! views {
    ($($(#[$doc:meta])* $name:ident = $view:literal, $key:literal, [$($column:literal),* $(,)?];)*) => {
        /// One of the contract's views.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum View { $($(#[$doc])* $name,)* }

        impl View {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $view),* }
            }

            /// The column that tells its rows apart, and orders them.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key),* }
            }

            /// Its columns, in the contract's order.
            pub fn columns(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($column),*]),* }
            }
        }
    };
}

views! {
    /// Submissions.
    Submissions = "audit_submissions", "submission_id", [
        "submission_id", "customer", "file", "order_id", "purchase_id", "format", "encoding", "delimiter", "sha256",
        "bytes", "received_at", "completed_at", "outcome", "rejection", "rows", "pending", "ready", "failed", "already",
    ];
    /// Deliveries.
    Deliveries = "audit_deliveries", "seq", [
        "seq", "at", "submission_id", "customer", "file", "sha256", "kind", "owner", "modified_at",
    ];
    /// Registrations.
    Registrations = "audit_registrations", "registration_id", [
        "registration_id", "submission_id", "customer", "file", "line", "order_id", "purchase_id", "manufacturer",
        "model", "serial_number", "hardware_hash", "state", "since", "error", "error_details", "request_id",
        "attempts", "superseded",
    ];
    /// Attempts.
    Attempts = "audit_attempts", "attempt_id", [
        "attempt_id", "registration_id", "submission_id", "customer", "serial_number", "number", "registrar",
        "target", "started_at", "finished_at", "outcome", "error", "error_details", "request_id", "correlation_id",
        "tracking_id", "answer",
    ];
    /// Transitions.
    Transitions = "audit_transitions", "seq", [
        "seq", "at", "registration_id", "submission_id", "customer", "file", "line", "serial_number", "from_state",
        "to_state", "error", "cause", "actor", "attempt_id",
    ];
    /// Devices.
    Devices = "audit_devices", "registration_id", [
        "customer", "manufacturer", "model", "serial_number", "state", "since", "last_seen", "registration_id",
        "order_id", "purchase_id",
    ];
    /// Results.
    Results = "audit_results", "seq", ["seq", "at", "submission_id", "customer", "file", "sha256", "final"];
    /// Refusals.
    Refusals = "audit_refusals", "seq", ["seq", "at", "customer", "file", "reason"];
    /// Actions.
    Actions = "audit_actions", "seq", ["seq", "at", "actor", "action", "subject", "reason"];
}

/// What a cell of a view holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// How a filter compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Equal, byte for byte.
    Is(Cell),
    /// Text that begins so.
    Begins(String),
    /// This or later; times compare as their text.
    AtLeast(Cell),
    /// Earlier than this.
    Below(Cell),
    /// Nothing there.
    Empty,
    /// A path that is this, or whose last part is.
    Named(String),
}

/// One condition of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Another view, some row of which must meet it, and the column that this one shares with that.
    pub(super) through: Option<(View, &'static str)>,
    pub(super) column: &'static str,
    pub(super) test: Test,
}

impl View {
    /// A condition on a column of `other`: that it has a row which meets it, and belongs to the same thing. Submissions
    /// have deliveries and registrations; attempts have one registration.
    pub fn filter_through(self, other: Self, column: &str, test: Test) -> Result<Filter, ReadError> {
        let Filter { column, test, .. } = other.filter(column, test)?;
        let shared = match (self, other) {
            (Self::Submissions, Self::Registrations | Self::Deliveries) => "submission_id",
            (Self::Attempts, Self::Registrations) => "registration_id",
            _ => return Err(ReadError::Unconnected { view: self.name(), other: other.name() }),
        };
        Ok(Filter { through: Some((other, shared)), column, test })
    }

    /// A condition on one of its columns.
    pub fn filter(self, column: &str, test: Test) -> Result<Filter, ReadError> {
        match self.columns().iter().find(|known| **known == column) {
            Some(column) => Ok(Filter { through: None, column, test }),
            None => {
                Err(ReadError::UnknownColumn { view: self.name(), column: column.to_owned(), known: self.columns() })
            }
        }
    }
}

/// A look-up in one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The view.
    pub view: View,
    /// All of which must hold.
    pub filters: Vec<Filter>,
    /// How many rows at most.
    pub limit: usize,
    /// Only rows behind this key, in the order asked for: the key of the last row of the page before.
    pub after: Option<Cell>,
    /// The newest first.
    pub newest_first: bool,
}

/// One row of a view: a cell for each of its columns, in their order.
pub type ViewRow = Vec<Cell>;
