//! The table against the core, the written answers and page against the table, and every case cut at every byte.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use devicedrop_core::locale::Locale;

use super::{Case, Group, Outcome, Reading, Size, answers, page, table, top};

/// Longer files are not cut at every byte.
const CUT: usize = 2_000;

fn readings() -> Result<Vec<(Group, Vec<Reading>)>> {
    let read = |group: Group| {
        let size = if group.big { Size::Small } else { Size::Quick };
        let readings = group.cases.iter().map(|case| Reading::of_case(case, size)).collect();
        (group, readings)
    };
    Ok(table()?.into_iter().map(read).collect())
}

/// Compares a file with what it should hold, or writes it.
fn hold(path: &Path, text: &str) -> Result<()> {
    if std::env::var_os("DEVICEDROP_BLESS").is_some() {
        fs::write(path, text)?;
    }
    let there = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let differs = there.lines().zip(text.lines()).find(|(there, text)| there != text);
    ensure!(
        there == text,
        "{} isn't as it should be: {differs:?}; DEVICEDROP_BLESS=1 writes it anew, read the difference",
        path.display()
    );
    Ok(())
}

#[test]
fn every_case_comes_out_as_the_table_says_and_in_the_words_written_down() -> Result<()> {
    let groups = readings()?;
    let mut wrong = Vec::new();
    for (group, readings) in &groups {
        for (case, reading) in group.cases.iter().zip(readings) {
            wrong.extend(difference(case, reading).map(|what| format!("{}: {what}", case.name)));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (group, readings) in &groups {
        hold(&top().join(format!("tests/corpus/{}.answers.txt", group.name)), &answers(group, readings))?;
    }
    hold(&top().join("docs/corpus.md"), &page(&groups))
}

fn difference(case: &Case, reading: &Reading) -> Option<String> {
    if reading.outcome() != case.outcome {
        return Some(format!("{:?}", reading.verdict));
    }
    let rows = reading.row_outcomes();
    if case.outcome == Outcome::Accepted && rows != case.rows {
        return Some(format!("{rows:?}"));
    }
    let messages: Vec<String> = reading.messages(Locale::En).into_iter().map(|(_, message)| message).collect();
    let said = messages.join(" ");
    let missing = case.says.iter().find(|words| !said.contains(words.as_str()))?;
    Some(format!("it doesn't say {missing:?}: {said}"))
}

/// However a file is cut, no row comes out of it that its sender didn't write, but for a last one without a line end,
/// which is waited for.
#[test]
fn no_cut_makes_a_row_that_nobody_wrote() -> Result<()> {
    let mut cuts = 0;
    for (group, readings) in readings()? {
        for (case, whole) in group.cases.iter().zip(readings).filter(|_| !group.big) {
            let bytes = case.bytes();
            if case.outcome == Outcome::Rejected || bytes.len() > CUT {
                continue;
            }
            for cut in 0..bytes.len() {
                let part = Reading::of_bytes(bytes.get(..cut).context("within")?);
                let new = invented(&part, &whole);
                ensure!(new.is_none(), "{} cut at {cut}: {new:?}", case.name);
                cuts += 1;
            }
        }
    }
    ensure!(cuts > 2_000, "only {cuts} cuts");
    Ok(())
}

/// The first row of a part that isn't the whole's, the last one aside where more is waited for.
fn invented<'a>(part: &'a Reading, whole: &Reading) -> Option<&'a super::Taken> {
    let (last, before) = part.rows.split_last()?;
    if part.outcome() == Outcome::Rejected {
        return None;
    }
    let rows = before.iter().chain((!part.waits()).then_some(last));
    rows.into_iter().find(|row| !whole.rows.contains(row))
}

/// The driver and the table would agree on a shortened row, too: a row that nobody wrote is found out.
#[test]
fn an_invented_row_is_found_out() {
    let whole = Reading::of_bytes(b"Manufacturer,Model,Serial Number\na,b,cd\n");
    assert!(invented(&Reading::of_bytes(b"Manufacturer,Model,Serial Number\na,b,c\n"), &whole).is_some());
    assert!(invented(&Reading::of_bytes(b"Manufacturer,Model,Serial Number\na,b,c"), &whole).is_none());
}
