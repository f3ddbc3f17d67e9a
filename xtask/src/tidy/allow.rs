//! What is let through: `xtask/tidy-allow.txt`, a rule, a path and a reason to each line.

use super::Finding;
use super::files::File;

const LIST: &str = "xtask/tidy-allow.txt";

/// The findings that the list doesn't let through, and what is wrong with the list.
pub(super) fn apply(mut findings: Vec<Finding>, files: &[File]) -> Vec<Finding> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else { return findings };
    for (number, line) in list.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.splitn(3, char::is_whitespace);
        let (Some(rule), Some(path), Some(_reason)) = (parts.next(), parts.next(), parts.next()) else {
            findings.push(list.finding(number, "allow", "write: rule, path, and why it is let through"));
            continue;
        };
        let before = findings.len();
        findings.retain(|finding| finding.rule != rule || finding.path != path);
        if findings.len() == before {
            findings.push(list.finding(number, "allow", format!("lets nothing through any more: {line}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(list: &str) -> Vec<String> {
        let bad = File::new("a.rs", "");
        let found = vec![bad.finding(1, "sql", "no")];
        apply(found, &[File::new(LIST, list), bad]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_with_a_reason_lets_its_rule_through_in_its_file() {
        assert_eq!(left("# why it is here\nsql a.rs quotes the schema in a message\n"), [""; 0]);
        assert_eq!(left(""), ["a.rs:1: sql: no"]);
    }

    #[test]
    fn a_line_without_a_reason_or_without_a_use_is_a_finding() {
        assert_eq!(
            left("sql a.rs\nsql b.rs it moved\n"),
            [
                "a.rs:1: sql: no",
                "xtask/tidy-allow.txt:1: allow: write: rule, path, and why it is let through",
                "xtask/tidy-allow.txt:2: allow: lets nothing through any more: sql b.rs it moved",
            ]
        );
    }
}
