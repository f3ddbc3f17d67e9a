//! What fuzzing begins with: the good and bad files of the tests, in the form that each target takes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The largest sample that is used; a fuzzer makes little of longer ones.
const LARGEST: usize = 16 * 1024;

/// Writes the seeds anew, a folder for each target, and returns how many there are.
pub(super) fn make(top: &Path, seeds: &Path) -> Result<usize> {
    if seeds.exists() {
        fs::remove_dir_all(seeds)?;
    }
    let mut made = 0;
    let mut seed = |target: &str, name: &str, bytes: &[u8]| -> Result<()> {
        let folder = seeds.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes).with_context(|| format!("can't write the seed {target}/{name}"))?;
        made += 1;
        Ok(())
    };
    for (name, bytes) in samples(top)? {
        for target in ["sheet", "result"] {
            // The byte before the file chooses the options: those of most customers.
            seed(target, &name, &[&[0][..], &bytes].concat())?;
        }
        for (number, hash) in hashes(&bytes).enumerate() {
            seed("hardware_hash", &format!("{name}-{number}"), hash.as_bytes())?;
        }
    }
    seed("config", "reference", &fs::read(top.join("config/devicedrop.toml"))?)?;
    Ok(made)
}

/// The inputs of the golden folders, the corpus of bad files, and the service's own samples.
fn samples(top: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut samples = Vec::new();
    let mut folders = vec![top.join("tests/golden"), top.join("tests/corpus"), top.join("tests/data")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path)?;
            if bytes.len() <= LARGEST && path.to_string_lossy().to_ascii_lowercase().ends_with(".csv") {
                let name = path.strip_prefix(top)?.to_string_lossy().replace('/', "-");
                samples.push((name, bytes));
            }
        }
    }
    Ok(samples)
}

/// What looks like a hardware hash in a file: they all begin alike.
fn hashes(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.split([',', ';', '\r', '\n', '"']).filter(|cell| cell.starts_with("T0E"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_is_among_the_seeds() {
        let folder = tempfile::tempdir().expect("a folder");
        let seeds = folder.path().join("seeds");
        let top = crate::top().expect("the top folder");
        let made = make(&top, &seeds).expect("seeds");
        assert_eq!(made, make(&top, &seeds).expect("the same again"));
        let first = |target: &str| fs::read_dir(seeds.join(target)).expect("seeds of the target").next();
        for target in ["sheet", "result", "hardware_hash", "config"] {
            assert!(first(target).is_some(), "{target}");
        }
        let empty = fs::read(seeds.join("sheet/tests-golden-empty-in.csv")).expect("the empty file");
        assert_eq!(empty, [0], "an empty file, and the byte that chooses the options");
    }
}
