//! What is dropped, made from a seed, and what must come of each row.

use std::fmt;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Rows of each short file.
const SHORT_ROWS: u64 = 10;

/// Customers who share the folders of short files.
const CUSTOMERS: u64 = 10;

const HEADINGS: &str = "Manufacturer,Model,Serial Number\n";

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) folders: u64,
    /// Whether the folders stay. ext4 is slow for minutes where thousands of files were just deleted.
    pub(super) keep: bool,
    /// Whether snapshots are taken meanwhile.
    pub(super) snapshots: bool,
}

impl Sizes {
    pub(super) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut sizes = Self { rows: 100_000, files: 10_000, folders: 100, keep: false, snapshots: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let size = match *argument {
                "--quick" => {
                    (sizes.rows, sizes.files) = (5_000, 200);
                    continue;
                }
                "--keep" => {
                    sizes.keep = true;
                    continue;
                }
                "--rows" => &mut sizes.rows,
                "--files" => &mut sizes.files,
                "--folders" => &mut sizes.folders,
                other => bail!("{other} is none of --rows, --files, --folders, --quick, --keep"),
            };
            let number = rest.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
            *size = number.with_context(|| format!("{argument} needs a number"))?;
        }
        Ok(sizes)
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, files, folders, .. } = self;
        write!(f, "{rows} rows in one file, then {files} files of {SHORT_ROWS} rows in {folders} folders")
    }
}

/// What must come of a row: its state and its error, in codes.
pub(super) type Fate = (&'static str, &'static str);

const REGISTERED: Fate = ("ready_for_user", "");
const UNKNOWN: Fate = ("registration_failed", "device_not_found");
const CLAIMED: Fate = ("registration_failed", "device_claimed_by_another_organization");
const NOT_VALID: Fate = ("registration_failed", "row_not_valid");

/// How many rows come out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) rows: u64,
    pub(super) ready: u64,
    pub(super) failed: u64,
}

/// Files that are dropped together.
#[derive(Debug, Default)]
pub(super) struct Drop {
    /// Where each is made, where it is dropped, and the numbers of its first row and of the one behind its last.
    pub(super) files: Vec<(PathBuf, PathBuf, (u64, u64))>,
    pub(super) expected: Expected,
    /// Whether they are the rival's, who comes first and gets everything.
    first: bool,
}

impl Drop {
    /// Whether the files hold all rows of their numbers, or only some.
    pub(super) fn is_all(&self) -> bool {
        !self.first
    }

    /// What must come of a row.
    pub(super) fn fate(&self, row: u64) -> Fate {
        if self.first { REGISTERED } else { fate(row) }
    }
}

/// All that was made.
pub(super) struct Made {
    pub(super) inventory: PathBuf,
    pub(super) claimed: Drop,
    pub(super) long: Drop,
    pub(super) short: Drop,
}

fn fate(row: u64) -> Fate {
    match row {
        _ if row % 1_000 == 7 => NOT_VALID,
        _ if row % 25 == 3 => UNKNOWN,
        _ if row % 50 == 11 => CLAIMED,
        _ => REGISTERED,
    }
}

/// The line of a row. Serial numbers come in no order, and each only once: every step of the mixing can be undone.
pub(super) fn line(row: u64) -> String {
    let mut mixed = (row + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^= mixed >> 27;
    let serial = if fate(row) == NOT_VALID { String::new() } else { format!("{mixed:016X}") };
    format!("Manufacturer {},Model {},{serial}", row % 40, row % 37)
}

/// Makes all files: those to be dropped aside, on the same file system, so that dropping one is a rename.
pub(super) fn make(folder: &Path, sizes: &Sizes) -> Result<Made> {
    let aside = folder.join("aside");
    fs::create_dir(&aside)?;
    let all = sizes.rows + sizes.files * SHORT_ROWS;
    let inventory = folder.join("inventory.csv");
    write(&inventory, (0..all).filter(|row| !matches!(fate(*row), UNKNOWN | NOT_VALID)))?;

    let root = folder.join("drop");
    let mut claimed = Drop { first: true, ..Drop::default() };
    let rival = (aside.join("claimed.csv"), root.join("rival/claimed.csv"), (0, all));
    let rows = write(&rival.0, (0..all).filter(|row| fate(*row) == CLAIMED))?;
    claimed.expected = Expected { rows, ready: rows, failed: 0 };
    claimed.files.push(rival);

    let mut long = Drop::default();
    add(&mut long, aside.join("long.csv"), root.join("bulk/long.csv"), (0, sizes.rows))?;
    let mut short = Drop::default();
    for file in 0..sizes.files {
        let (folder, first) = (file % sizes.folders, sizes.rows + file * SHORT_ROWS);
        let place = format!("customer-{}/PO-{folder}/devices-{file}.csv", folder % CUSTOMERS);
        let aside = aside.join(format!("short-{file}.csv"));
        add(&mut short, aside, root.join(place), (first, first + SHORT_ROWS))?;
    }
    for (_, place, _) in claimed.files.iter().chain(&long.files).chain(&short.files) {
        fs::create_dir_all(place.parent().context("a file lies in a folder")?)?;
    }
    Ok(Made { inventory, claimed, long, short })
}

fn add(drop: &mut Drop, aside: PathBuf, place: PathBuf, (first, end): (u64, u64)) -> Result<()> {
    drop.expected.rows += write(&aside, first..end)?;
    for row in first..end {
        let expected = &mut drop.expected;
        *if fate(row) == REGISTERED { &mut expected.ready } else { &mut expected.failed } += 1;
    }
    drop.files.push((aside, place, (first, end)));
    Ok(())
}

fn write(path: &Path, rows: impl Iterator<Item = u64>) -> Result<u64> {
    let mut file = BufWriter::new(fs::File::create(path)?);
    file.write_all(HEADINGS.as_bytes())?;
    let mut count = 0;
    for row in rows {
        writeln!(file, "{}", line(row))?;
        count += 1;
    }
    file.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_told() -> Result<()> {
        let told = |arguments: &[&str]| Sizes::parse(arguments).map(|sizes| sizes.to_string());
        assert_eq!(told(&[])?, "100000 rows in one file, then 10000 files of 10 rows in 100 folders");
        assert_eq!(
            told(&["--quick", "--folders", "7"])?,
            "5000 rows in one file, then 200 files of 10 rows in 7 folders"
        );
        assert!(told(&["--rows"]).is_err() && told(&["--rows", "0"]).is_err() && told(&["--fast"]).is_err());
        Ok(())
    }

    #[test]
    fn every_fate_is_among_the_rows_and_each_device_once() {
        let rows = 0..2_000;
        for wanted in [REGISTERED, UNKNOWN, CLAIMED, NOT_VALID] {
            assert!(rows.clone().any(|row| fate(row) == wanted), "{wanted:?}");
        }
        let lines: std::collections::HashSet<String> =
            rows.clone().filter(|row| fate(*row) != NOT_VALID).map(line).collect();
        assert_eq!(lines.len(), rows.filter(|row| fate(*row) != NOT_VALID).count());
    }
}
