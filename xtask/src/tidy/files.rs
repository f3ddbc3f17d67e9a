//! Which files are ours, and their text.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::Finding;
use super::rust::Source;

/// One text file of the repository.
#[derive(Debug)]
pub(super) struct File {
    /// Its path from the top, with `/`.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
    /// Its tokens' outline, if it is Rust.
    pub(super) rust: Option<Source>,
}

impl File {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let mut file = Self { path, text, rust: None };
        if file.has_extension("rs") {
            file.rust = Some(Source::new(&file.text, is_test_path(&file.path)));
        }
        file
    }

    pub(super) fn has_extension(&self, extension: &str) -> bool {
        self.extension() == Some(extension)
    }

    pub(super) fn extension(&self) -> Option<&str> {
        Path::new(&self.path).extension().and_then(|extension| extension.to_str())
    }

    /// Whether people read it as documentation.
    pub(super) fn is_document(&self) -> bool {
        self.has_extension("md")
    }

    /// Whether it holds other people's words or bytes, which no rule of ours can hold for.
    pub(super) fn is_data(&self) -> bool {
        self.path.ends_with("Cargo.lock")
            || self.path.starts_with("LICENSE")
            || self.path.starts_with("fuzz/seeds/")
            || self.has_extension("csv")
    }

    /// Its lines with their numbers from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(super) fn finding(&self, line: usize, rule: &'static str, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, rule, message: message.into() }
    }
}

/// Whether everything in the file is for tests.
fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.starts_with("crates/testkit/")
}

/// All files that git tracks or would track, as far as they are text.
pub(super) fn read(top: &Path) -> anyhow::Result<Vec<File>> {
    let listing = Command::new("git")
        .arg("-C")
        .arg(top)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .output()
        .context("can't run git")?;
    ensure!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr).trim());
    let names = String::from_utf8(listing.stdout).context("a file's name isn't UTF-8")?;
    let mut files = Vec::new();
    for name in names.split_terminator('\0') {
        let path = top.join(name);
        // A link is checked where it leads to; a file that is deleted and not yet committed is no file of ours.
        if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("can't read {name}"))?;
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            files.push(File::new(name, text));
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    ensure!(!files.is_empty(), "git ls-files names no file below {}", top.display());
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_code_is_known_by_its_place() {
        assert!(is_test_path("tests/it/main.rs"));
        assert!(is_test_path("src/ledger/tests.rs"));
        assert!(is_test_path("crates/core/tests/golden.rs"));
        assert!(is_test_path("crates/testkit/src/env.rs"));
        assert!(!is_test_path("src/ledger/mod.rs"));
    }

    #[test]
    fn only_rust_has_an_outline() {
        assert!(File::new("a.rs", "").rust.is_some());
        assert!(File::new("a.md", "").rust.is_none());
    }
}
