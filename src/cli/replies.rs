//! Answers to requests, as people read them. `status` has a module of its own.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::control::protocol::{Answer, Explanation, Imported, ResultWritten, Retried};
use devicedrop_core::shown::{shown, shown_bytes};

/// Prints an answer; says how the command ends.
pub fn print(answer: &Answer, json: bool, output: &mut Output) -> Result<Exit, CliError> {
    let exit = exit(answer);
    if json {
        match answer {
            Answer::Status(status) => output.json(status)?,
            Answer::Explanation(explanation) => output.json(explanation)?,
            Answer::Retried(retried) => output.json(retried)?,
            Answer::ResultWritten(written) => output.json(written)?,
            Answer::Imported(imported) => output.json(imported)?,
            // What has no type of its own is told by what stands below its name.
            other => output.json(&serde_json::to_value(other).map(inner).unwrap_or_default())?,
        }
    } else {
        output.line(words(answer).trim_end())?;
    }
    Ok(exit)
}

fn inner(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => map.into_iter().next().map(|(_, inner)| inner).unwrap_or_default(),
        other => other,
    }
}

fn exit(answer: &Answer) -> Exit {
    match answer {
        Answer::Imported(imported) => Exit::answer(imported.refused_rows == 0),
        Answer::Released { not_claimed, .. } => Exit::answer(*not_claimed == 0),
        Answer::CheckedIn { not_known, .. } => Exit::answer(*not_known == 0),
        _ => Exit::Done,
    }
}

fn words(answer: &Answer) -> String {
    match answer {
        // Printed by their own modules.
        Answer::Status(_) | Answer::BackupRecorded | Answer::SignInTakenUp => String::new(),
        Answer::Explanation(explanation) => explained(explanation),
        Answer::Retried(retried) => tried_again(retried),
        Answer::Resolved { registration_id } => format!("registration {registration_id}: decided, on record"),
        Answer::ResultWritten(written) => result_written(written),
        Answer::Imported(imported) => import(imported),
        Answer::Released { released, not_claimed } => {
            format!("{}{}", claims(*released), left_out(*not_claimed, "nobody, or not that customer, had claimed"))
        }
        Answer::CheckedIn { checked_in, not_known } => {
            let devices = counted(*checked_in, "device");
            format!("the use of {devices} is recorded\n{}", left_out(*not_known, "the registrar doesn't know"))
        }
        Answer::ClockAccepted { now, doubt } => clock_accepted(&now.to_string(), doubt.as_deref()),
        Answer::Reloaded { changed: true, .. } => "the configuration is in force".to_owned(),
        Answer::Reloaded { changed: false, .. } => "the configuration in force is the same".to_owned(),
    }
}

fn clock_accepted(now: &str, doubt: Option<&str>) -> String {
    let before = doubt.map_or_else(|| "nothing spoke against it".to_owned(), |why| format!("before: {}", shown(why)));
    format!("the clock is accepted, on record: it shows {now}\n{before}")
}

fn claims(released: u64) -> String {
    format!("{} given up\n", counted(released, "claim"))
}

fn left_out(count: u64, why: &str) -> String {
    if count == 0 { String::new() } else { format!("left out: {}, which {why}\n", counted(count, "device")) }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn path(path: &Path) -> String {
    shown_bytes(path.as_os_str().as_bytes()).to_string()
}

fn explained(explanation: &Explanation) -> String {
    format!("{}: {}: {}", path(&explanation.path), shown(&explanation.verdict), shown(&explanation.why))
}

const ANEW: &str = "rejected submission judged anew";
const ANEW_MANY: &str = "rejected submissions judged anew";

fn tried_again(retried: &Retried) -> String {
    let mut text = format!("{} tried again\n", counted(retried.registrations, "registration"));
    let mut more = |count: u64, words: &str| {
        if count > 0 {
            // Writing to a String can't fail.
            writeln!(text, "{count} {words}").unwrap_or_default();
        }
    };
    more(retried.submissions, if retried.submissions == 1 { ANEW } else { ANEW_MANY });
    more(retried.superseded_left_out, "left out: their files have a newer content (--superseded takes them too)");
    more(retried.not_valid_left_out, "left out: the row itself isn't valid; correct the file and drop it again");
    text
}

fn result_written(written: &ResultWritten) -> String {
    let state = if written.is_final { "final" } else { "rows are still pending" };
    format!("{}: {}, {state}", path(&written.path), counted(written.rows, "row"))
}

fn import(imported: &Imported) -> String {
    let mut text =
        format!("{} added to the inventory, {} known already\n", counted(imported.added, "device"), imported.known);
    for row in &imported.refused {
        let line = row.line.map(|line| format!(":{line}")).unwrap_or_default();
        writeln!(text, "refused: {}{line}: {}", path(&row.file), shown(&row.why)).unwrap_or_default();
    }
    let told = u64::try_from(imported.refused.len()).unwrap_or(u64::MAX);
    if imported.refused_rows > told {
        writeln!(text, "refused: {} more", imported.refused_rows - told).unwrap_or_default();
    }
    if imported.failed_rows_that_match > 0 {
        let rows = counted(imported.failed_rows_that_match, "failed row");
        writeln!(text, "{rows} would be found now: devicedrop retry --error device_not_found").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Printed;
    use crate::control::protocol::RefusedRow;
    use insta::assert_snapshot;

    fn told(answer: &Answer, json: bool) -> (Exit, String) {
        let mut printed = Printed::default();
        let exit = print(answer, json, &mut printed.output(100)).expect("printed");
        (exit, printed.out())
    }

    #[test]
    fn an_import_tells_what_it_refused_and_what_would_match_now() {
        let imported = Answer::Imported(Imported {
            added: 2,
            known: 1,
            refused: vec![RefusedRow {
                file: "/in/a\u{7}.csv".into(),
                line: Some(7),
                why: "no serial number".into(),
            }],
            refused_rows: 3,
            failed_rows_that_match: 1,
        });
        let (exit, words) = told(&imported, false);
        assert_eq!(exit, Exit::No);
        assert_snapshot!(words, @r"
        2 devices added to the inventory, 1 known already
        refused: /in/a\u{7}.csv:7: no serial number
        refused: 2 more
        1 failed row would be found now: devicedrop retry --error device_not_found
        ");
        assert_snapshot!(told(&imported, true).1, @r#"{"added":2,"known":1,"refused":[{"file":"/in/a\u0007.csv","line":7,"why":"no serial number"}],"refused_rows":3,"failed_rows_that_match":1}"#);
    }

    #[test]
    fn a_retry_tells_what_it_left_out() {
        let retried = Answer::Retried(Retried {
            registrations: 1,
            submissions: 1,
            superseded_left_out: 4,
            not_valid_left_out: 2,
        });
        assert_snapshot!(told(&retried, false).1, @r"
        1 registration tried again
        1 rejected submission judged anew
        4 left out: their files have a newer content (--superseded takes them too)
        2 left out: the row itself isn't valid; correct the file and drop it again
        ");
    }

    #[test]
    fn what_has_no_type_of_its_own_is_told_in_json_too() {
        assert_snapshot!(told(&Answer::Released { released: 1, not_claimed: 2 }, true).1, @r#"{"not_claimed":2,"released":1}"#);
        assert_snapshot!(told(&Answer::Released { released: 1, not_claimed: 2 }, false).1, @r"
        1 claim given up
        left out: 2 devices, which nobody, or not that customer, had claimed
        ");
    }
}
