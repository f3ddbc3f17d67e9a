//! What the documents say of the repository must be so: paths and links lead somewhere, and nothing is named by the
//! number of its line.

use super::Finding;
use super::files::File;
use super::rust::is_word;

/// The top folders that a path in a document can begin with. Others (`/srv/devicedrop`, `contoso/devices.csv`) are
/// the reader's own.
const TOP: [&str; 9] = ["src/", "crates/", "xtask/", "tests/", "docs/", "config/", "packaging/", ".ci/", ".cargo/"];
/// Files at the top that documents name.
const TOP_FILES: [&str; 5] = ["Cargo.toml", "clippy.toml", "deny.toml", "rustfmt.toml", "Cargo.lock"];

/// Every path in backticks is there.
pub(super) fn paths(file: &File, files: &[File]) -> Vec<Finding> {
    prose(file)
        .flat_map(|(number, line)| line.split('`').skip(1).step_by(2).map(move |text| (number, text)))
        .filter(|(_, text)| is_path(text) && !exists(text, files))
        .map(|(number, text)| file.finding(number, "paths", format!("`{text}` isn't there")))
        .collect()
}

/// Every link to a file is right, seen from the document's own folder.
pub(super) fn links(file: &File, files: &[File]) -> Vec<Finding> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (number, line) in prose(file) {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !resolve(folder, target).is_some_and(|path| exists(&path, files)) {
                found.push(file.finding(number, "links", format!("`{target}` leads nowhere")));
            }
        }
    }
    found
}

/// A line's number is wrong after the next change: name the symbol.
pub(super) fn line_numbers(file: &File) -> Vec<Finding> {
    let names_a_line = |line: &str| {
        [".rs:", ".sql:", ".toml:", ".md:", ".py:", ".sh:"]
            .into_iter()
            .any(|extension| line.split(extension).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
    };
    file.lines()
        .filter(|(_, line)| names_a_line(line))
        .map(|(number, _)| file.finding(number, "line-reference", "name the symbol, not the line"))
        .collect()
}

/// The lines outside fenced blocks.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        if fence {
            fenced = !fenced;
        }
        !fence && !fenced
    })
}

fn is_path(text: &str) -> bool {
    let plain = text.chars().all(|c| is_word(c) || "./-".contains(c));
    let top = TOP.iter().any(|folder| text.starts_with(folder)) || TOP_FILES.contains(&text);
    let document = text.strip_suffix(".md").is_some_and(|name| name.starts_with(char::is_uppercase));
    plain && (top || document && !text.contains('/'))
}

fn exists(path: &str, files: &[File]) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

/// The path from the top that `target` means in `folder`; `None` when it leaves the repository.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(document: &str) -> Vec<File> {
        vec![File::new("docs/guide.md", document), File::new("src/ledger/mod.rs", ""), File::new("README.md", "")]
    }

    fn check(rule: fn(&File, &[File]) -> Vec<Finding>, document: &str) -> Vec<String> {
        let files = repository(document);
        rule(&files[0], &files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn paths_in_backticks_are_there() {
        assert_eq!(check(paths, "`src/ledger/mod.rs`, `src/ledger/`, `src/ledger`, `README.md`"), [""; 0]);
        assert_eq!(
            check(paths, "`src/gone.rs` and `GONE.md`"),
            ["`src/gone.rs` isn't there", "`GONE.md` isn't there"]
        );
    }

    #[test]
    fn what_is_no_path_of_ours_is_left_alone() {
        assert_eq!(check(paths, "`/srv/devicedrop`, `devices.csv`, `ledger::open`, `src/*.rs`"), [""; 0]);
        assert_eq!(check(paths, "```\n`src/gone.rs`\n```\n"), [""; 0]);
    }

    #[test]
    fn links_lead_somewhere() {
        assert_eq!(check(links, "[a](../README.md#top) [b](guide.md) [c](https://example.com) [d](#here)"), [""; 0]);
        assert_eq!(
            check(links, "[a](README.md) [b](../../x.md)"),
            ["`README.md` leads nowhere", "`../../x.md` leads nowhere"]
        );
    }

    #[test]
    fn lines_are_not_named() {
        let lines = |text: &str| line_numbers(&File::new("a.md", text)).len();
        assert_eq!(lines(concat!("see plan.rs", ":12")), 1);
        assert_eq!(lines("see `plan.rs`: it decides"), 0);
    }
}
