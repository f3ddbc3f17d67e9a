//! Words that have no place: unfinished marks, tests that don't run or that sleep, and traces of how the text came
//! to be. The words themselves are put together here from halves, or this file would be its own finding.

use super::Finding;
use super::files::File;
use super::rust::{Source, is_word};

/// Marks of unfinished work. What is open is written down where it is planned, not where it is forgotten.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimplemented", "!"),
];

pub(super) fn unfinished(file: &File) -> Vec<Finding> {
    if file.is_data() {
        return Vec::new();
    }
    let marks = |line: &str| UNFINISHED.into_iter().find(|mark| has_word(line, mark));
    file.lines()
        .filter_map(|(number, line)| {
            Some(file.finding(number, "unfinished", format!("`{}`: finish it", marks(line)?)))
        })
        .collect()
}

pub(super) fn ignored_tests(file: &File, source: &Source) -> Vec<Finding> {
    let ignored = |line: &str| line.contains(concat!("#[", "ignore"));
    source
        .lines()
        .filter(|(_, line)| ignored(line))
        .map(|(number, _)| file.finding(number, "ignored-test", "a test that doesn't run guards nothing"))
        .collect()
}

/// A sleep in a test is too short on a busy machine and too long on every other.
pub(super) fn sleeps_in_tests(file: &File, source: &Source) -> Vec<Finding> {
    source
        .lines()
        .filter(|(number, line)| source.is_test(*number) && has_word(line, "sleep("))
        .map(|(number, _)| file.finding(number, "sleep-in-test", "wait for the event itself"))
        .collect()
}

/// A text that has no place, and why.
struct Misplaced {
    text: &'static str,
    /// Whether it counts only as a whole word, in any case of letters.
    word: bool,
    why: &'static str,
}

const fn text(text: &'static str, why: &'static str) -> Misplaced {
    Misplaced { text, word: false, why }
}

const fn word(text: &'static str, why: &'static str) -> Misplaced {
    Misplaced { text, word: true, why }
}

const MACHINE: &str = "a path of somebody's machine";
const WORKPLACE: &str = "how the text came to be is no part of it";
const REGISTRY: &str = "a registry's host: every user has his own mirror, and cargo knows its own";

const MISPLACED: [Misplaced; 17] = [
    word(concat!("/wo", "rk/"), MACHINE),
    word(concat!("/ro", "ot/"), MACHINE),
    word(concat!("/fa", "rm/"), MACHINE),
    word(concat!(".libr", "ary/"), MACHINE),
    word(concat!("this ses", "sion"), WORKPLACE),
    word(concat!("hel", "per"), WORKPLACE),
    word(concat!("hel", "pers"), WORKPLACE),
    word(concat!("sub", "agent"), WORKPLACE),
    word(concat!("sub-", "agent"), WORKPLACE),
    word(concat!("AI assi", "stant"), WORKPLACE),
    word(concat!("see the is", "sue"), WORKPLACE),
    text(concat!("crates", ".io"), REGISTRY),
    text(concat!("pypi", ".org"), REGISTRY),
    text(concat!("pythonhosted", ".org"), REGISTRY),
    text(concat!("npmjs", "."), REGISTRY),
    text(concat!("proxy.golang", ".org"), REGISTRY),
    text(concat!("deb.debian", ".org"), REGISTRY),
];

pub(super) fn misplaced(file: &File) -> Vec<Finding> {
    if file.is_data() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in file.lines() {
        let lower = line.to_lowercase();
        for Misplaced { text, word, why } in &MISPLACED {
            let there = if *word { has_word(&lower, &text.to_lowercase()) } else { line.contains(text) };
            if there {
                found.push(file.finding(number, "words", format!("`{text}`: {why}")));
            }
        }
        if names_an_issue(&lower) {
            found.push(file.finding(number, "words", "an issue's number: say the reason itself"));
        }
    }
    found
}

/// The word and a number behind it, with or without the `#`.
fn names_an_issue(line: &str) -> bool {
    line.match_indices("issue").any(|(at, found)| {
        let rest = line.get(at + found.len()..).unwrap_or_default();
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let Some(rest) = rest.strip_prefix(' ') else { return false };
        rest.strip_prefix('#').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Whether `text` holds `word` with no letter or digit before it, nor behind it where it ends in one itself.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let behind = text.get(at + found.len()..).unwrap_or_default();
        let longer = word.ends_with(is_word) && behind.starts_with(is_word);
        !longer && !before.ends_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(findings: Vec<Finding>) -> Vec<(usize, &'static str)> {
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn unfinished_marks_are_found_as_words() {
        let text = format!("fine\n// {}: later\n{}()\nautoTODOs", concat!("TO", "DO"), concat!("to", "do!"));
        assert_eq!(rules(unfinished(&File::new("a.rs", text))), [(2, "unfinished"), (3, "unfinished")]);
        assert_eq!(rules(unfinished(&File::new("a.csv", concat!("XX", "X")))), []);
    }

    #[test]
    fn tests_run_and_do_not_sleep() {
        let text = concat!(
            "fn product() { sleep(1); }\n#[cfg(test)]\nmod tests {\n    #[",
            "ignore]\n    fn a() { sleep(1); }\n}\n"
        );
        let file = File::new("src/a.rs", text);
        let source = file.rust.as_ref().expect("Rust");
        assert_eq!(rules(ignored_tests(&file, source)), [(4, "ignored-test")]);
        assert_eq!(rules(sleeps_in_tests(&file, source)), [(5, "sleep-in-test")]);
    }

    #[test]
    fn sleep_in_a_comment_or_in_a_longer_word_is_no_sleep() {
        let file = File::new("tests/it/a.rs", "// no sleep(1)\nfn oversleep() { oversleep() }\n");
        assert_eq!(rules(sleeps_in_tests(&file, file.rust.as_ref().expect("Rust"))), []);
    }

    #[test]
    fn every_misplaced_word_is_found() {
        for Misplaced { text, .. } in &MISPLACED {
            assert_eq!(rules(misplaced(&File::new("a.md", format!("so {text} it is")))), [(1, "words")], "{text}");
        }
        assert_eq!(rules(misplaced(&File::new("a.md", concat!("a HEL", "PER!")))), [(1, "words")]);
        assert_eq!(rules(misplaced(&File::new("a.md", concat!("TMP/ro", "ot/contoso")))), []);
        assert_eq!(rules(misplaced(&File::new("Cargo.lock", concat!("crates", ".io-index")))), []);
    }

    #[test]
    fn an_issue_is_named_by_its_number_only() {
        let named = |line: &str| names_an_issue(line);
        assert!(named(concat!("see is", "sue #12")));
        assert!(named(concat!("is", "sues 12 and 13")));
        assert!(!named("an issue with 12 rows"));
        assert!(!named("tissue"));
    }
}
