//! Where files of senders are met, nothing is opened or looked at by its path: a sender can put a link in the way
//! between any two calls. By descriptors it can't be done wrong, so there is one place for it, `src/beneath.rs`.

use super::Finding;
use super::files::File;
use super::rust::{Source, is_word};

/// Where senders' files are met. What of it has to do with the operator's own files stands in the list of what is let
/// through.
const MET: [&str; 3] = ["src/inbox/", "src/results/", "src/daemon/"];

/// What takes a path, as it is written where it is used.
const BY_PATH: [&str; 24] = [
    "std::fs::read",
    "std::fs::metadata",
    "std::fs::symlink_metadata",
    "std::fs::canonicalize",
    "std::fs::copy",
    "std::fs::hard_link",
    "std::fs::create_dir",
    "std::fs::remove_",
    "std::fs::rename",
    "std::fs::set_permissions",
    "std::fs::exists",
    "std::fs::OpenOptions",
    "std::fs::DirBuilder",
    "std::os::unix::fs",
    "tokio::fs",
    "File::open(",
    "File::options(",
    ".canonicalize()",
    ".exists()",
    ".try_exists()",
    ".is_file()",
    ".is_dir()",
    ".metadata()",
    ".read_dir()",
];

pub(super) fn by_path(file: &File, source: &Source) -> Vec<Finding> {
    if !MET.iter().any(|place| file.path.starts_with(place)) || file.path.contains("/tests/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.lines().filter(|(number, _)| !source.is_test(*number)) {
        let imports_all = line.trim_start().starts_with("use std::fs") && !line.contains("::File;");
        let named = BY_PATH.iter().find(|name| holds(line, name)).copied();
        if let Some(name) = named.or(imports_all.then_some("std::fs")) {
            let message =
                format!("`{name}` goes by a path, which a sender can redirect: use `beneath`, by descriptors");
            found.push(file.finding(number, "no-path-fs", message));
        }
    }
    found
}

/// Whether a line holds a name that isn't the end of a longer one.
fn holds(line: &str, name: &str) -> bool {
    line.match_indices(name)
        .any(|(at, _)| name.starts_with('.') || !line.split_at(at).0.ends_with(|c: char| is_word(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let file = File::new(path, text);
        by_path(&file, &Source::new(text, false)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn whatever_goes_by_a_path_is_found_where_senders_are_met() {
        for line in [
            "let file = File::open(path)?;",
            "let text = std::fs::read_to_string(path)?;",
            "let about = std::fs::symlink_metadata(path)?;",
            "use std::fs;",
            "use std::fs::{self, File};",
            "use std::os::unix::fs::OpenOptionsExt;",
            "let there = path.exists();",
            "let about = entry.metadata()?;",
            "tokio::fs::read(path).await?;",
            "let real = path.canonicalize()?;",
        ] {
            for path in ["src/inbox/walk.rs", "src/results/names.rs", "src/daemon/payment.rs"] {
                assert_eq!(found(path, line), [1], "{path}: {line}");
            }
            assert_eq!(found("src/config/load.rs", line), [0; 0]);
            assert_eq!(found("src/inbox/walk.rs", &format!("#[cfg(test)]\nmod tests {{\n    {line}\n}}\n")), [0; 0]);
        }
    }

    #[test]
    fn what_goes_by_a_descriptor_is_let_alone() {
        for line in ["use std::fs::File;", "let file = open_file(folder, name)?;", "use rustix::fs::{Dir, FileType};"]
        {
            assert_eq!(found("src/inbox/walk.rs", line), [0; 0], "{line}");
        }
    }
}
