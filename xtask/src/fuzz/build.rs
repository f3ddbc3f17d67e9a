//! Builds the fuzz targets: once, with libFuzzer's instrumentation for what is fuzzed, and the rest as it is.
//!
//! cargo-fuzz isn't asked: it gives each crate below the targets the instrumentation and all optimization, which takes
//! several times as long. Whoever runs it by hand has the same targets from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::programs;

/// Builds all targets, and returns the folder that they lie in.
pub(super) fn build(top: &Path, into: &Path) -> Result<PathBuf> {
    let wrapper = top.join("fuzz/instrumented");
    renewed(&wrapper, into)?;
    let status = programs::cargo(top)
        .args(["build", "--manifest-path", "fuzz/Cargo.toml", "--release", "--locked", "--target-dir"])
        .arg(into)
        .env("RUSTC_WRAPPER", &wrapper)
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .status()
        .context("can't run cargo")?;
    ensure!(status.success(), "the fuzz targets can't be built (libFuzzer needs a C++ compiler)");
    Ok(into.join("release"))
}

/// Cargo doesn't build anew what was built with another instrumentation, so that is thrown away.
fn renewed(wrapper: &Path, into: &Path) -> Result<()> {
    let mark = into.join("instrumented");
    let now = fs::read(wrapper).with_context(|| wrapper.display().to_string())?;
    if into.exists() && fs::read(&mark).ok().as_ref() != Some(&now) {
        fs::remove_dir_all(into)?;
    }
    fs::create_dir_all(into)?;
    Ok(fs::write(mark, now)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_instrumentation_throws_away_what_was_built() {
        let folder = tempfile::tempdir().expect("a folder");
        let (wrapper, into) = (folder.path().join("wrapper"), folder.path().join("build"));
        let built = into.join("built");
        for (text, kept) in [("one", false), ("one", true), ("other", false), ("other", true)] {
            fs::write(&wrapper, text).expect("a wrapper");
            renewed(&wrapper, &into).expect("looked at");
            assert_eq!(built.exists(), kept, "{text}");
            fs::write(&built, "").expect("built");
        }
    }
}
