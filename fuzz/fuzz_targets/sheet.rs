//! Any bytes as a dropped file: read as the daemon reads them, however they are cut into chunks.
#![no_main]

use devicedrop::daemon::judge::Judge;
use devicedrop_core::limits::{HASH_CHARS, RECORD_FIELDS, VALUE_CHARS};
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{file_problem, row_problem};
use devicedrop_core::sheet::SheetOptions;
use devicedrop_fuzz::file::{Seen, choice, cut, options, read};
use devicedrop_fuzz::harmless;
use libfuzzer_sys::fuzz_target;

/// So many rows of a file are told of; most have the same problem.
const TOLD: usize = 8;

fuzz_target!(init: plain_files_are_read(), |data: &[u8]| {
    let Some((knobs, file)) = data.split_first() else { return };
    let options = options(*knobs);
    let whole = read(&[file], &options);
    let cut = cut(*knobs, file);
    assert_eq!(whole, read(&cut, &options), "the chunks make a difference");
    counted(&whole, &options, file);
    let choice = choice(file) as usize;
    told(&whole, choice);
    // The third reading costs as much as the other two, and differs the least.
    if choice.is_multiple_of(4) {
        judged(&whole, &options, file);
    }
});

/// Whoever refuses every file breaks none of the rules below.
fn plain_files_are_read() {
    for delimiter in [",", ";", "\t"] {
        let line = |cells: [&str; 3]| cells.join(delimiter) + "\n";
        let file = line(["Manufacturer", "Model", "Serial Number"]) + &line(["a", "b", "1"]);
        let seen = read(&[file.as_bytes()], &options(0));
        assert!(seen.rows.iter().any(|row| row.content.is_ok()), "{delimiter:?}: {:?}", seen.problem());
    }
}

/// What is counted is what was given out, and it keeps the limits.
fn counted(seen: &Seen, options: &SheetOptions, file: &[u8]) {
    assert_eq!(seen.surveyed.bytes, file.len() as u64);
    let mut line = 0;
    for row in &seen.rows {
        assert!(row.line > line, "rows come in their order");
        line = row.line;
        assert!(row.cells.len() <= RECORD_FIELDS);
        let Ok(values) = &row.content else { continue };
        for (value, limit) in
            values.iter().zip([VALUE_CHARS, VALUE_CHARS, VALUE_CHARS, HASH_CHARS, VALUE_CHARS, VALUE_CHARS])
        {
            let Some(value) = value else { continue };
            assert!(!value.is_empty() && value.chars().count() <= limit && !value.chars().any(char::is_control));
            assert!(row.cells.contains(value), "no value is altered");
        }
    }
    assert!(seen.rows.len() as u64 <= options.max_rows);
    let Some((sheet, rows)) = seen.accepted() else { return };
    assert_eq!(sheet.rows, rows.len() as u64);
    assert_eq!(sheet.invalid, rows.iter().filter(|row| row.content.is_err()).count() as u64);
    assert!(sheet.rows > 0 || options.empty_files);
    assert!(rows.first().is_none_or(|row| row.line > sheet.head.line));
    assert!(rows.iter().all(|row| row.echo.len() == sheet.head.headings.len()));
}

/// Whatever is wrong can be said, and harmlessly. A locale and some rows of each file: all come round.
fn told(seen: &Seen, choice: usize) {
    let locale = Locale::ALL[choice % Locale::ALL.len()];
    if let Some(problem) = seen.problem() {
        harmless(&file_problem(problem, locale));
    }
    let first = choice / 8 % seen.rows.len().max(1);
    for row in seen.rows.iter().skip(first).take(TOLD) {
        if let Err(problem) = &row.content {
            harmless(&row_problem(problem, row.line, locale));
        }
    }
}

/// The daemon's reading while it copies comes to the same, or to reading the copy.
fn judged(seen: &Seen, options: &SheetOptions, file: &[u8]) {
    let mut judge = Judge::new(options.clone());
    let (first, rest) = file.split_at(file.len().min(4));
    judge.feed(first);
    judge.feed(rest);
    match judge.finish() {
        Err(encoding) => assert_eq!(seen.surveyed.encoding.as_ref(), Ok(&encoding)),
        Ok(judged) => match (seen.problem(), &judged.verdict) {
            (Some(problem), Err(judged)) => assert_eq!(problem, judged),
            (None, Ok(sheet)) => {
                assert_eq!(seen.accepted().map(|(sheet, _)| sheet), Some(sheet));
                assert_eq!(judged.rows.map(|rows| rows.len() as u64), Some(sheet.rows));
            }
            (problem, judged) => panic!("{problem:?} or {judged:?}"),
        },
    }
}
