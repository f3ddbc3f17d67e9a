//! The document made of the table: `docs/corpus.md`.

use std::fmt::Write;

use devicedrop_core::locale::Locale;

use super::answers::headline;
use super::{Case, Group, Reading, RowOutcome};

const HEAD: &str = "\
# The files that were tried

Every kind of content that we know people drop, or that somebody could drop, and what comes of it. This page is made
of the table in `tests/corpus/`, where each case says how its file is made and what must come of it; the exact
sentences, English and Dutch, stand beside it in the files whose names end in `.answers.txt`. Tests drop every case
into a daemon and compare (`tests/it/zoo.rs`). To write this page anew: `cargo xtask zoo --write`.

";

const TAIL: &str = "\
## What can't be known

- **A file that was cut off at the end of a line** is a shorter file. A file cut off elsewhere is rejected or, where its
  last line has no line end, doubted: it is taken only if it lies unchanged for one more quiet time. Every row but such
  a last one is what the sender wrote, or refused; a test cuts every small case at every byte. Who wants to be sure ends
  the file with a line end, or uses a marker (`complete = \"marker\"` in the configuration).
- **UTF-7 without its mark**, and the letters of \"CSV (MS-DOS)\" and \"CSV (Macintosh)\" as far as Windows-1252 has
  another letter for the same byte: such a file reads well and says something else. The devices in it aren't found.
- **Lost zeros, rounded numbers without an exponent, dates made of serial numbers**: what Excel changed without a trace
  is a value like any other.

## What comes back

The result file of an accepted file holds the sender's cells exactly, whatever is in them:

- for every reader of RFC 4180 that is told the delimiter, such as Python's `csv` with `newline=\"\"`;
- for LibreOffice, if each column is imported as text (in its import dialogue: mark all columns, \"Text\"), with the
  character set UTF-8 and the file's delimiter, and \"Evaluate formulas\" off. Otherwise it makes numbers of serial
  numbers, as every spreadsheet does. One thing it changes, which no quoting prevents: a line that ends inside a cell
  with CR, CR LF or LF CR ends with LF alone; such rows are refused. `cargo xtask zoo --libreoffice` tries it, with
  LibreOffice itself, on the result of every case, on every sign of ASCII, and on files made at random.
";

/// The whole page.
pub fn page(groups: &[(Group, Vec<Reading>)]) -> String {
    let mut out = HEAD.to_owned();
    for (group, readings) in groups {
        // Writing to a String can't fail.
        writeln!(out, "## {}\n\n| case | what it is | what comes of it |\n| --- | --- | --- |", group.title)
            .unwrap_or_default();
        for (case, reading) in group.cases.iter().zip(readings) {
            let (what, outcome) = (cell(&case.what), cell(&outcome(case, reading)));
            writeln!(out, "| {} | {what} | {outcome} |", case.name).unwrap_or_default();
        }
        out.push('\n');
    }
    out + TAIL
}

fn outcome(case: &Case, reading: &Reading) -> String {
    let messages: Vec<String> = reading.messages(Locale::En).into_iter().map(|(_, message)| message).collect();
    let already = case.rows.contains(&RowOutcome::Already);
    let already = if already { " The same device a second time: already registered." } else { "" };
    format!("**{}.** {}{already}", headline(reading), messages.join(" "))
}

/// Text in a cell of a table, with nothing in it that means something to Markdown.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match character {
            '|' | '\\' | '<' | '>' | '_' | '`' | '[' | ']' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}
