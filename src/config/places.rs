//! Where a path leads that somebody typed: with `..` in it, or through a link.
//!
//! Paths are compared with the configured folders as they are written; here a typed one is brought to their terms.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::Config;
use super::folders::{look_patiently, without_dots};

impl Config {
    /// An absolute path as the configuration would write it: below a drop folder or the root, where it leads there.
    /// What it names itself is never followed, so that a link is still told as one.
    pub fn as_configured(&self, path: &Path) -> PathBuf {
        let plain = without_parents(path);
        let customers = self.customers.values().map(|customer| customer.folder.clone());
        let folders: Arc<[PathBuf]> = customers.chain([self.drop.root.clone()]).collect();
        // Nothing more is followed then: a linked folder inside of a drop folder is to be told as such.
        if folders.iter().any(|folder| plain.starts_with(folder)) {
            return plain;
        }
        let resolved = look_patiently(&[plain.clone()].into(), with_its_folder_resolved).pop().flatten().flatten();
        let real = look_patiently(&folders, |folder| fs::canonicalize(folder).ok());
        for candidate in [Some(&plain), resolved.as_ref()].into_iter().flatten() {
            for (folder, real) in folders.iter().zip(&real) {
                let inside =
                    real.as_ref().and_then(Option::as_ref).and_then(|real| candidate.strip_prefix(real).ok());
                if let Some(inside) = inside.or_else(|| candidate.strip_prefix(folder).ok()) {
                    return folder.join(inside);
                }
            }
        }
        plain
    }
}

/// The path without `..`, each taken as the file system takes it: behind a link, it leads up from where that leads.
fn without_parents(path: &Path) -> PathBuf {
    let parts: Vec<Component<'_>> = path.components().collect();
    let Some(last) = parts.iter().rposition(|part| *part == Component::ParentDir) else { return path.to_owned() };
    let (up, down) = parts.split_at(last + 1);
    let up: PathBuf = up.iter().collect();
    let found = look_patiently(&[up.clone()].into(), |up| fs::canonicalize(up).ok()).pop().flatten().flatten();
    let mut plain = found.unwrap_or_else(|| without_dots(&up));
    plain.extend(down);
    plain
}

fn with_its_folder_resolved(path: &Path) -> Option<PathBuf> {
    Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::{Places, parse};

    fn configured(root: &Path) -> Config {
        let text = format!("[drop]\nroot = \"{}\"\n", root.display());
        parse(Path::new("/nowhere/devicedrop.toml"), text.as_bytes(), &Places::of_the_system()).expect("valid")
    }

    #[test]
    fn a_path_is_brought_to_the_terms_of_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().canonicalize().expect("there");
        let root = top.join("drop");
        for inside in ["drop/c1/PO-1", "drop/en", "x"] {
            fs::create_dir_all(top.join(inside)).expect("made");
        }
        fs::write(root.join("en/ok.csv"), "").expect("written");
        symlink(&root, top.join("link")).expect("linked");
        symlink(root.join("c1/PO-1"), top.join("x/order")).expect("linked");
        symlink(top.join("x"), root.join("c1/away")).expect("linked");
        symlink("../x/no.csv", root.join("c1/linked.csv")).expect("linked");
        for (typed, wanted) in [
            ("drop/c1/../en/ok.csv", "drop/en/ok.csv"),
            ("drop/c1/../../x/good.csv", "x/good.csv"),
            ("drop/gone/../en/gone.csv", "drop/en/gone.csv"),
            ("link/en/ok.csv", "drop/en/ok.csv"),
            ("link/c1/../en/ok.csv", "drop/en/ok.csv"),
            ("link/c1/linked.csv", "drop/c1/linked.csv"),
            ("x/order/a.csv", "drop/c1/PO-1/a.csv"),
            // `..` leads up from where the link leads.
            ("x/order/../a.csv", "drop/c1/a.csv"),
            // A linked folder in a drop folder stays one.
            ("drop/c1/away/good.csv", "drop/c1/away/good.csv"),
            ("drop/en/../c1/away/good.csv", "drop/c1/away/good.csv"),
            ("drop/c1/..", "drop"),
            ("nowhere/a.csv", "nowhere/a.csv"),
        ] {
            assert_eq!(configured(&root).as_configured(&top.join(typed)), top.join(wanted), "{typed}");
        }
        // A root that is configured by way of a link.
        let through = configured(&top.join("link"));
        assert_eq!(through.as_configured(&root.join("en/ok.csv")), top.join("link/en/ok.csv"));
        assert_eq!(through.as_configured(&root.join("c1/../en/ok.csv")), top.join("link/en/ok.csv"));
    }
}
