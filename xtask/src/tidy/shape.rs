//! The shape of files: their length, their functions' length, how they open, and that each is part of something.

use std::collections::HashSet;

use super::Finding;
use super::files::File;
use super::rust::{Source, is_word};

/// Longer than this, a file does two things.
const FILE_LINES: usize = 500;
/// Longer than this, a function no longer fits on a screen.
const FUNCTION_LINES: usize = 70;

/// Extensions of what people write by hand and a machine runs; prose may be as long as it has to.
const PROGRAMS: [&str; 8] = ["rs", "sql", "sh", "py", "js", "css", "html", "toml"];

pub(super) fn too_long(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    let counts = file.extension().is_some_and(|extension| PROGRAMS.contains(&extension));
    (counts && lines > FILE_LINES).then(|| {
        file.finding(FILE_LINES + 1, "file-length", format!("{lines} lines, {FILE_LINES} at most: split it"))
    })
}

pub(super) fn long_functions(file: &File, source: &Source) -> Vec<Finding> {
    let functions = source.functions().into_iter();
    functions
        .filter_map(|(name, first, last)| {
            let lines = last - first + 1;
            (lines > FUNCTION_LINES).then(|| {
                let message = format!("`{name}` has {lines} lines, {FUNCTION_LINES} at most: split it");
                file.finding(first, "function-length", message)
            })
        })
        .collect()
}

/// A Rust file says first what lives in it, an SQL file why it is there.
pub(super) fn opening(file: &File) -> Option<Finding> {
    let (mark, rule, message) = match file.extension()? {
        "rs" => ("//!", "module-doc", "begin with `//!`: what lives here and what doesn't"),
        "sql" => ("--", "sql-reason", "begin with `--`: why this is there"),
        _ => return None,
    };
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    (!first.starts_with(mark)).then(|| file.finding(1, rule, message))
}

/// A Rust file that no module declares isn't compiled, and its tests don't run.
pub(super) fn forgotten_files(files: &[File]) -> Vec<Finding> {
    let declared: HashSet<(String, String)> = files
        .iter()
        .filter_map(|file| Some((folder_of_children(&file.path), file.rust.as_ref()?)))
        .flat_map(|(folder, source)| declarations(source).into_iter().map(move |name| (folder.clone(), name)))
        .collect();
    let is_forgotten = |file: &&File| {
        let Some((folder, name)) = place(&file.path) else { return false };
        !declared.contains(&(folder, name))
    };
    files
        .iter()
        .filter(is_forgotten)
        .map(|file| file.finding(1, "forgotten-file", "no `mod` declares it, so it isn't compiled"))
        .collect()
}

/// The modules that a file declares without giving their bodies.
fn declarations(source: &Source) -> Vec<String> {
    let words = source.code.split("mod ").skip(1);
    words.map(|rest| rest.chars().take_while(|c| is_word(*c)).collect()).collect()
}

/// In which folder the modules that this file declares are looked for.
fn folder_of_children(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    }
}

/// The folder and name under which a module file must be declared; `None` for what cargo itself finds.
fn place(path: &str) -> Option<(String, String)> {
    let stem = path.strip_suffix(".rs")?;
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    let (folder, name) = stem.rsplit_once('/')?;
    let found_by_cargo = ["benches", "bin", "examples", "fuzz_targets"].iter().any(|known| folder.ends_with(known));
    (!matches!(name, "lib" | "main" | "build") && !found_by_cargo).then(|| (folder.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_at_five_hundred_lines_and_prose_when_it_has_said_it() {
        let text = |lines| "x\n".repeat(lines);
        assert!(too_long(&File::new("a.rs", text(500))).is_none());
        assert!(too_long(&File::new("a.rs", text(501))).is_some());
        assert!(too_long(&File::new("a.md", text(501))).is_none());
    }

    #[test]
    fn a_function_ends_at_seventy_lines() {
        let check = |inner: usize| {
            let file = File::new("a.rs", format!("fn a() {{\n{}}}\n", "    b();\n".repeat(inner)));
            long_functions(&file, file.rust.as_ref().expect("Rust")).len()
        };
        assert_eq!(check(68), 0);
        assert_eq!(check(69), 1);
    }

    #[test]
    fn files_say_first_what_they_are() {
        let rule = |path: &str, text: &str| opening(&File::new(path, text)).map(|finding| finding.rule);
        assert_eq!(rule("a.rs", "//! What it is.\n"), None);
        assert_eq!(rule("a.rs", "use std::fmt;\n"), Some("module-doc"));
        assert_eq!(rule("a.rs", ""), Some("module-doc"));
        assert_eq!(rule("a.sql", "-- Why.\n"), None);
        assert_eq!(rule("a.sql", "CREATE TABLE t (x);\n"), Some("sql-reason"));
        assert_eq!(rule("a.toml", ""), None);
    }

    #[test]
    fn a_file_that_no_module_declares_is_forgotten() {
        let files = [
            File::new("src/lib.rs", "//! .\npub mod a;\nmod b;\n#[cfg(test)]\nmod inline {}\n"),
            File::new("src/a.rs", "//! .\nmod inner;\n"),
            File::new("src/a/inner.rs", "//! .\n"),
            File::new("src/b/mod.rs", "//! .\nmod one;\n"),
            File::new("src/b/one.rs", "//! .\n"),
            File::new("src/b/two.rs", "//! .\n"),
            File::new("src/main.rs", "//! .\n"),
            File::new("benches/speed.rs", "//! .\n"),
        ];
        let forgotten: Vec<String> = forgotten_files(&files).into_iter().map(|finding| finding.path).collect();
        assert_eq!(forgotten, ["src/b/two.rs"]);
    }
}
