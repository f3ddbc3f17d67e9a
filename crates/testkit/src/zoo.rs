//! The zoo: every kind of file content that we know of, as a table with what must come of it.
//!
//! The table is `tests/corpus/*.toml`, one file for each group. `recipe` makes the files, `reading` reads them by the
//! core, `answers` and `page` write down what comes of it, `memory` measures what the program needs for the big ones,
//! `office` has LibreOffice write and read, `random` makes
//! files that stand in no table. Dropping them into a daemon is done by the tests of the whole program.

mod answers;
mod memory;
mod office;
mod page;
mod random;
mod reading;
mod recipe;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

pub use answers::answers;
pub use memory::{MEMORY, Measured, limit_memory, measure};
pub use office::office;
pub use page::page;
pub use random::random_files;
pub use reading::{Reading, Taken};
pub use recipe::Size;

/// A group of cases, in one file of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its file's name, without the extension.
    #[serde(skip)]
    pub name: String,
    /// What its cases have in common.
    pub title: String,
    /// Whether its files are so big that they are only dropped to see how much memory they take.
    #[serde(default)]
    pub big: bool,
    /// Its cases.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// One content and what must come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name, which is the file's too. `{name}` in its text stands for it, so that each case has devices of its own.
    pub name: String,
    /// What it is, for people.
    pub what: String,
    /// The whole content as text, where there is only one part.
    text: Option<String>,
    /// How that text is written in bytes.
    #[serde(default)]
    write: recipe::Write,
    /// The content in parts.
    #[serde(default)]
    parts: Vec<recipe::Part>,
    /// What must come of the file.
    pub outcome: Outcome,
    /// What must come of each row.
    #[serde(default)]
    pub rows: Vec<RowOutcome>,
    /// Words that the English message must hold: the one of the file, or those of all its refused rows together.
    #[serde(default)]
    pub says: Vec<String>,
}

/// What comes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its rows are registered, each on its own.
    Accepted,
    /// Nothing of it is registered.
    Rejected,
}

/// What comes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOutcome {
    /// The device is registered.
    Ready,
    /// The row is refused.
    Refused,
    /// The same device stands in the file before.
    Already,
}

/// The repository's top folder.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The whole table.
pub fn table() -> Result<Vec<Group>> {
    let folder = top().join("tests/corpus");
    let mut groups = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            groups.push(group(&path).with_context(|| path.display().to_string())?);
        }
    }
    groups.sort_by(|one, other| (one.big, &one.name).cmp(&(other.big, &other.name)));
    let mut names: Vec<&str> = groups.iter().flat_map(|group| &group.cases).map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair.first() == pair.get(1));
    ensure!(twice.is_none(), "two cases have the same name: {twice:?}");
    Ok(groups)
}

fn group(path: &Path) -> Result<Group> {
    let mut group: Group = toml::from_str(&fs::read_to_string(path)?)?;
    path.file_stem().context("no name")?.to_str().context("no UTF-8")?.clone_into(&mut group.name);
    for case in &mut group.cases {
        case.settle().with_context(|| case.name.clone())?;
    }
    Ok(group)
}

impl Case {
    /// Puts the parts in order and looks whether the case makes sense.
    fn settle(&mut self) -> Result<()> {
        let plain = self.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        ensure!(plain && !self.name.is_empty(), "a name is of small letters, digits and hyphens");
        if let Some(text) = self.text.take() {
            ensure!(self.parts.is_empty(), "either a text or parts");
            self.parts.push(recipe::Part::of_text(text, self.write));
        }
        self.parts.iter_mut().try_for_each(|part| part.settle(&self.name))?;
        let rejected = self.outcome == Outcome::Rejected;
        ensure!(!rejected || self.rows.is_empty(), "a rejected file has no rows");
        ensure!(!rejected || !self.says.is_empty(), "a rejected file's message says something");
        ensure!(
            !self.rows.contains(&RowOutcome::Refused) || !self.says.is_empty(),
            "a refused row's message says so"
        );
        Ok(())
    }
}
