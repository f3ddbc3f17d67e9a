//! Look-ups: what is asked of the record, and how its rows are shown.

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;
use serde_json::Value;

use crate::cli::args::LookArgs;
use crate::cli::error::{CliError, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::Output;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// `audit_submissions`.
    Submissions,
    /// `audit_devices`; as they were at a time, where one is given.
    Devices {
        /// The time.
        at: Option<Timestamp>,
    },
    /// `audit_attempts`.
    Attempts,
    /// `audit_transitions` of one serial number.
    History {
        /// The serial number.
        serial_number: String,
    },
    /// Whatever has this text as serial number (its beginning will do), request ID, order ID, submission ID or
    /// file name: `audit_registrations` and `audit_submissions`.
    Find {
        /// The text.
        text: String,
    },
    /// The embedded registrar's devices and claims.
    Inventory,
}

/// Which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Of this customer.
    pub customer: Option<CustomerKey>,
    /// In this state.
    pub state: Option<State>,
    /// With this error.
    pub error: Option<ErrorCode>,
    /// From this time on.
    pub since: Option<Timestamp>,
}

/// One page of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What.
    pub subject: Subject,
    /// Which.
    pub filters: Filters,
    /// How many rows at most.
    pub limit: usize,
    /// Only those behind this key.
    pub after: Option<String>,
}

/// A row: columns of a view in their order, with their values.
pub type Row = Vec<(String, Value)>;

/// A row as JSON, its columns in their order.
struct InOrder<'a>(&'a Row);

impl serde::Serialize for InOrder<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What a look-up found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Its rows, of one or of several views.
    pub rows: Vec<Row>,
    /// The key at which the next page begins; none when this is the last.
    pub next: Option<String>,
}

/// Whoever can look things up.
pub trait Lookups {
    /// Looks one page up. Rows come in the order of their keys, the newest first where they have a time.
    fn look_up(&mut self, look: &Look) -> Result<Page, Failure>;
}

/// How many rows a table shows where nothing says another number: a few screens.
const IN_A_TABLE: usize = 100;

/// How many rows are fetched at once: a reading transaction of some milliseconds.
const IN_A_PAGE: usize = 1_000;

/// A look-up as it stands on the command line.
#[derive(Debug)]
pub struct Asked<'a> {
    /// What.
    pub subject: Subject,
    /// Which.
    pub filters: Filters,
    /// How many, from where on, and in which form.
    pub args: &'a LookArgs,
    /// Whether finding nothing is a no.
    pub nothing_is_no: bool,
}

/// Looks up and prints.
pub fn run(lookups: &mut dyn Lookups, asked: Asked<'_>, output: &mut Output) -> Result<Exit, CliError> {
    let json = asked.args.report.json;
    let limit = asked.args.limit.unwrap_or(if json { usize::MAX } else { IN_A_TABLE });
    let mut look = Look {
        subject: asked.subject,
        filters: asked.filters,
        limit: limit.min(IN_A_PAGE),
        after: asked.args.after.clone(),
    };
    let mut printed = 0_usize;
    let mut for_a_table = Vec::new();
    let more = loop {
        let page = lookups.look_up(&look)?;
        printed = printed.saturating_add(page.rows.len());
        for row in page.rows {
            if json {
                output.json(&InOrder(&row))?;
            } else {
                for_a_table.push(row);
            }
        }
        look.limit = limit.saturating_sub(printed).min(IN_A_PAGE);
        look.after = page.next;
        if look.after.is_none() || look.limit == 0 {
            break look.after;
        }
    };
    print_tables(&look.subject, &for_a_table, output)?;
    if printed == 0 && !json {
        output.note("nothing found");
    }
    if let Some(next) = more {
        output.note(format_args!("there is more: --after {next}"));
    }
    Ok(Exit::answer(printed > 0 || !asked.nothing_is_no))
}

/// The columns that a table shows, of all that a view has: what fits and what people look for. `--json` has all.
fn shown_columns(subject: &Subject) -> &'static [&'static str] {
    match subject {
        Subject::Submissions => {
            &["received_at", "customer", "file", "outcome", "rows", "pending", "ready", "failed", "submission_id"]
        }
        Subject::Devices { .. } => &[
            "customer",
            "serial_number",
            "manufacturer",
            "model",
            "state",
            "error",
            "since",
            "last_seen",
            "registration_id",
        ],
        Subject::Attempts => &[
            "started_at",
            "customer",
            "serial_number",
            "number",
            "outcome",
            "error",
            "request_id",
            "registration_id",
        ],
        Subject::History { .. } => {
            &["at", "customer", "file", "line", "from_state", "to_state", "error", "cause", "actor", "request_id"]
        }
        Subject::Find { .. } => &[
            "received_at",
            "outcome",
            "customer",
            "file",
            "line",
            "serial_number",
            "state",
            "error",
            "request_id",
            "order_id",
            "submission_id",
        ],
        Subject::Inventory => &["manufacturer", "model", "serial_number", "customer", "claimed_at", "last_seen"],
    }
}

/// Prints rows as tables, one for each run of rows with the same columns.
fn print_tables(subject: &Subject, rows: &[Row], output: &mut Output) -> Result<(), CliError> {
    let names = |row: &Row| row.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    for (index, chunk) in rows.chunk_by(|one, other| names(one) == names(other)).enumerate() {
        if index > 0 {
            output.line("")?;
        }
        let Some(first) = chunk.first() else { continue };
        let columns: Vec<&str> =
            shown_columns(subject).iter().copied().filter(|name| first.iter().any(|(has, _)| has == name)).collect();
        let cell = |row: &Row, name: &str| {
            row.iter().find(|(has, _)| has == name).map(|(_, value)| cell_text(value)).unwrap_or_default()
        };
        let cells: Vec<Vec<String>> =
            chunk.iter().map(|row| columns.iter().map(|name| cell(row, name)).collect()).collect();
        let headings: Vec<String> = columns.iter().map(|name| name.replace('_', " ")).collect();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        output.table(&headings, &cells)?;
    }
    Ok(())
}

fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // Seconds are enough for eyes; `--json` has the milliseconds.
        Value::String(text) if is_time(text) => text.get(..19).unwrap_or(text).replace('T', " "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_time(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.parse::<Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::ReportArgs;
    use crate::cli::testing::Printed;
    use insta::assert_snapshot;
    use serde_json::json;

    /// A record of so many numbered rows.
    struct Numbers(usize);

    impl Lookups for Numbers {
        fn look_up(&mut self, look: &Look) -> Result<Page, Failure> {
            assert!(look.limit <= IN_A_PAGE);
            let begin = look.after.as_deref().map_or(0, |after| after.parse().unwrap());
            let end = (begin + look.limit).min(self.0);
            let row = |number: usize| {
                vec![
                    ("received_at".to_owned(), json!("2026-11-22T14:05:39.123Z")),
                    ("customer".to_owned(), json!("contoso")),
                    ("file".to_owned(), json!(format!("\u{1b}[31m{number}.csv"))),
                    ("rejection".to_owned(), Value::Null),
                    ("rows".to_owned(), json!(number)),
                ]
            };
            Ok(Page { rows: (begin..end).map(row).collect(), next: (end < self.0).then(|| end.to_string()) })
        }
    }

    fn look(rows: usize, json: bool, limit: Option<usize>, nothing_is_no: bool) -> (Exit, String, String) {
        let args = LookArgs { customer: None, since: None, limit, after: None, report: ReportArgs { json } };
        let asked = Asked { subject: Subject::Submissions, filters: Filters::default(), args: &args, nothing_is_no };
        let mut printed = Printed::default();
        let exit = run(&mut Numbers(rows), asked, &mut printed.output(100)).expect("looked up");
        (exit, printed.out(), printed.err())
    }

    #[test]
    fn a_table_shows_what_people_look_for() {
        let (exit, out, err) = look(3, false, Some(2), false);
        assert_eq!(exit, Exit::Done);
        assert_snapshot!(out, @r"
        received at          customer  file             rows
        2026-11-22 14:05:39  contoso   \u{1b}[31m0.csv  0
        2026-11-22 14:05:39  contoso   \u{1b}[31m1.csv  1
        ");
        assert_eq!(err, "there is more: --after 2\n");
    }

    #[test]
    fn json_has_every_column_of_every_row() {
        let (_, out, err) = look(2_500, true, None, false);
        assert_eq!(out.lines().count(), 2_500);
        assert_eq!(err, "");
        assert_snapshot!(out.lines().next().unwrap(), @r#"{"received_at":"2026-11-22T14:05:39.123Z","customer":"contoso","file":"\u001b[31m0.csv","rejection":null,"rows":0}"#);
    }

    #[test]
    fn a_table_is_cut_and_says_so() {
        let (_, out, err) = look(500, false, None, false);
        assert_eq!(out.lines().count(), IN_A_TABLE + 1);
        assert_eq!(err, "there is more: --after 100\n");
    }

    #[test]
    fn nothing_found_is_a_no_only_for_who_searches() {
        assert_eq!(look(0, false, None, true).0, Exit::No);
        assert_eq!(look(0, false, None, false).0, Exit::Done);
    }
}
