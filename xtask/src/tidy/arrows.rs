//! Who may know whom: the layers' imports, the pure core, and where SQL may stand.
//!
//! What the core's dependencies may be is asked of cargo, by `.ci/run`; here only its own text is read.

use super::Finding;
use super::files::File;
use super::rust::{Source, is_word, line_of};

/// The parts above the core that know nothing of each other.
const NEIGHBOURS: [&str; 6] = ["inbox", "registrar", "ledger", "results", "lifecycle", "web"];
/// Small tools that every part may use, and that use none.
const LEAVES: [&str; 7] = ["actor", "beneath", "blocking", "clock", "durable", "reading", "step"];

/// What a module of the program must not import.
fn forbidden(module: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    if NEIGHBOURS.contains(&module) {
        names.extend(NEIGHBOURS.into_iter().filter(|name| *name != module));
        names.extend(["daemon", "cli", "trial"]);
    } else if LEAVES.contains(&module) {
        names.extend(NEIGHBOURS);
        names.extend(["daemon", "cli", "trial"]);
    } else if module == "daemon" {
        names.extend(["cli", "trial"]);
    } else if module == "trial" {
        // A stand-in for others' services that knew our side of them would share its mistakes.
        names.extend(NEIGHBOURS);
        names.extend(["daemon", "cli", "config", "control", "services"]);
    }
    names
}

pub(super) fn imports(file: &File, source: &Source) -> Vec<Finding> {
    let Some(inside) = file.path.strip_prefix("src/") else { return Vec::new() };
    let module = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let forbidden = forbidden(module);
    let depth = inside.trim_end_matches("/mod.rs").split('/').count();
    imported(&source.code, depth)
        .into_iter()
        .filter(|(_, name)| forbidden.contains(&name.as_str()))
        .map(|(line, name)| {
            let message =
                format!("`{module}` imports `{name}`: define the trait it needs here, and let the daemon wire it");
            file.finding(line, "neighbours", message)
        })
        .collect()
}

/// The top-level modules of this package that the code names, with their lines.
fn imported(code: &str, depth: usize) -> Vec<(usize, String)> {
    let climbs = "super::".repeat(depth);
    let roots = ["crate::", "devicedrop::", climbs.as_str()];
    let mut found = Vec::new();
    for root in roots {
        for (at, _) in code.match_indices(root) {
            let (before, rest) = code.split_at(at);
            // `super::super::` holds `super::` too; only the whole climb leads to the top.
            if before.ends_with(is_word) || (root.starts_with("super") && before.ends_with("::")) {
                continue;
            }
            let path = rest.get(root.len()..).unwrap_or_default();
            found.extend(first_names(path).into_iter().map(|name| (line_of(before), name)));
        }
    }
    found.sort();
    found
}

/// The first name of a path, or of each path in a group: `a::b` gives a; `{a, b::{c, d}}` gives a and b.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| is_word(*c)).collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut depth = 0_usize;
    let mut names = vec![name(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(group.get(at + 1..).unwrap_or_default())),
            _ => {}
        }
    }
    names
}

/// What reaches the world, by its name in the standard library.
const WORLD: [&str; 14] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::sync::mpsc",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "RandomState",
];

/// The core names nothing that reaches the world; its tests may.
pub(super) fn pure_core(file: &File, source: &Source) -> Vec<Finding> {
    if !file.path.starts_with("crates/core/src/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.lines().filter(|(number, _)| !source.is_test(*number)) {
        for name in WORLD.iter().filter(|name| line.contains(**name)) {
            found.push(file.finding(
                number,
                "pure-core",
                format!("`{name}`: the core only decides; bring it in as a value"),
            ));
        }
    }
    found
}

/// Where SQL may stand: with the ledger, with the embedded registrar's own store, and with the trial service's.
const SQL_HOMES: [&str; 3] = ["src/ledger/", "src/registrar/embedded", "src/trial/store"];

/// Words that together make a string a statement.
const STATEMENTS: [&[&str]; 15] = [
    &["SELECT", "FROM"],
    &["INSERT", "INTO"],
    &["REPLACE", "INTO"],
    &["UPDATE", "SET"],
    &["DELETE", "FROM"],
    &["CREATE", "TABLE"],
    &["CREATE", "INDEX"],
    &["CREATE", "VIEW"],
    &["CREATE", "TRIGGER"],
    &["ALTER", "TABLE"],
    &["DROP", "TABLE"],
    &["BEGIN", "IMMEDIATE"],
    &["ATTACH", "DATABASE"],
    &["VACUUM", "INTO"],
    &["PRAGMA"],
];

pub(super) fn sql(file: &File, source: &Source) -> Vec<Finding> {
    let product = file.path.starts_with("src/") || file.path.starts_with("crates/core/");
    if !product || SQL_HOMES.iter().any(|home| file.path.starts_with(home)) {
        return Vec::new();
    }
    source
        .strings
        .iter()
        .filter(|(line, text)| !source.is_test(*line) && is_statement(text))
        .map(|(line, _)| {
            file.finding(*line, "sql", "SQL lives in src/ledger, src/registrar/embedded and src/trial/store only")
        })
        .collect()
}

/// Keywords in capitals anywhere, or a text that begins as a statement in small letters.
fn is_statement(text: &str) -> bool {
    let words: Vec<&str> = text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).collect();
    let holds = |keywords: &[&str]| {
        let mut rest = words.iter();
        keywords.iter().all(|keyword| rest.any(|word| word == keyword))
    };
    let small = text.trim_start();
    STATEMENTS.iter().any(|keywords| holds(keywords))
        || small.starts_with("pragma ")
        || (small.starts_with("select ") && small.contains(" from "))
        || small.starts_with("insert into ")
        || small.starts_with("delete from ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&File, &Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        let file = File::new(path, text);
        rule(&file, file.rust.as_ref().expect("Rust")).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn neighbours_do_not_import_each_other() {
        assert_eq!(check(imports, "src/inbox/scan.rs", "use crate::ledger::Ledger;\n"), [1]);
        assert_eq!(
            check(imports, "src/inbox/scan.rs", "use crate::clock;\n\nuse crate::{clock, web::{a, b}};\n"),
            [3]
        );
        assert_eq!(check(imports, "src/inbox/scan.rs", "use super::super::results;\n"), [1]);
        assert_eq!(check(imports, "src/inbox/mod.rs", "use super::results;\n"), [1]);
        assert_eq!(check(imports, "src/inbox/scan.rs", "fn f() { crate::daemon::spawn() }\n"), [1]);
        assert_eq!(check(imports, "src/web.rs", "fn f(_: &devicedrop::ledger::Ledger) {}\n"), [1]);
    }

    #[test]
    fn what_lies_below_may_be_imported() {
        assert_eq!(check(imports, "src/inbox/scan.rs", "use crate::inbox::plan;\nuse super::results;\n"), []);
        assert_eq!(check(imports, "src/inbox/scan.rs", "// crate::ledger\nuse devicedrop_core::ledger;\n"), []);
        assert_eq!(check(imports, "src/daemon/mod.rs", "use crate::{inbox, ledger};\n"), []);
        assert_eq!(check(imports, "src/daemon/mod.rs", "use crate::cli;\n"), [1]);
        assert_eq!(check(imports, "src/clock.rs", "use crate::ledger;\n"), [1]);
        assert_eq!(check(imports, "src/trial/wire.rs", "use crate::registrar::http;\nuse crate::clock;\n"), [1]);
        assert_eq!(check(imports, "src/registrar/graph.rs", "use crate::trial;\n"), [1]);
    }

    #[test]
    fn the_core_names_nothing_of_the_world() {
        let text = "use std::fs::File;\n// std::net\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(check(pure_core, "crates/core/src/a.rs", text), [1]);
        assert_eq!(check(pure_core, "src/a.rs", text), []);
    }

    #[test]
    fn sql_stays_in_its_homes() {
        let text = "const A: &str = \"SELECT x\n FROM t\";\nconst B: &str = \"select a file from the list\";\n";
        assert_eq!(check(sql, "src/web/mod.rs", text), [1, 3]);
        assert_eq!(check(sql, "src/ledger/read.rs", text), []);
        assert_eq!(check(sql, "src/registrar/embedded/store.rs", text), []);
        assert_eq!(check(sql, "tests/it/a.rs", text), []);
    }

    #[test]
    fn prose_is_no_sql() {
        for text in ["Update the file and SET it", "FROM here SELECT", "Selected rows from a file", "PRAGMATIC"] {
            assert!(!is_statement(text), "{text}");
        }
        for text in ["UPDATE t SET x = 1", "PRAGMA user_version", "BEGIN IMMEDIATE", "INSERT OR IGNORE INTO t"] {
            assert!(is_statement(text), "{text}");
        }
    }
}
