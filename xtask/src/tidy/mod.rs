//! The house rules that neither the compiler nor clippy knows, each a function from the files to what it found.
//!
//! Rules read text; none of them runs anything. What is to be let through stands in `xtask/tidy-allow.txt` with its
//! reason, and a line there that lets nothing through is a finding too.

mod allow;
mod arrows;
mod docs;
mod files;
mod open;
mod rust;
mod shape;
mod words;

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use self::files::File;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message } = self;
        write!(f, "{path}:{line}: {rule}: {message}")
    }
}

/// Checks all files below `top`, prints what it found, and fails if that is anything.
pub(crate) fn run(top: &Path, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let files = files::read(top)?;
    let findings = allow::apply(check(&files), &files);
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "tidy: {} files, nothing to mend", files.len())?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "tidy: {} findings in {} files looked at", findings.len(), files.len())?;
    Ok(ExitCode::FAILURE)
}

/// Every rule over every file.
fn check(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        found.extend(shape::too_long(file));
        found.extend(shape::opening(file));
        found.extend(words::unfinished(file));
        found.extend(words::misplaced(file));
        if let Some(source) = &file.rust {
            found.extend(shape::long_functions(file, source));
            found.extend(words::ignored_tests(file, source));
            found.extend(words::sleeps_in_tests(file, source));
            found.extend(arrows::imports(file, source));
            found.extend(arrows::pure_core(file, source));
            found.extend(arrows::sql(file, source));
            found.extend(open::by_path(file, source));
        }
        if file.is_document() {
            found.extend(docs::paths(file, files));
            found.extend(docs::links(file, files));
            found.extend(docs::line_numbers(file));
        }
    }
    found.extend(shape::forgotten_files(files));
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_all_asked() {
        let files = [
            File::new("src/inbox/mod.rs", "use crate::ledger::Ledger;\n"),
            File::new("docs/guide.md", "See `src/gone.rs`.\n"),
        ];
        let rules: Vec<&str> = check(&files).iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, ["paths", "forgotten-file", "module-doc", "neighbours"]);
    }

    #[test]
    fn a_finding_reads_as_place_rule_and_message() {
        let finding = Finding { path: "a.rs".into(), line: 3, rule: "sql", message: "no".into() };
        assert_eq!(finding.to_string(), "a.rs:3: sql: no");
    }
}
