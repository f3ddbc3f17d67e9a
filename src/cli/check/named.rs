//! Whether a file would be taken at all: by its name, its kind and where it lies. Its content isn't looked at, nor what
//! lies beside it.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use devicedrop_core::locale::Locale;
use devicedrop_core::message::{NotTaken, Notice};
use devicedrop_core::name::{self, Kind, NearMiss};

use super::finding::Finding;
use super::read;

/// Where a file lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In a customer's drop folder.
    Inside {
        /// Its path inside.
        path: &'a Path,
        /// The folders that the configuration sets aside.
        ignore_folders: &'a [String],
    },
    /// In the root, and in no customer's folder.
    NobodysFolder,
    /// Anywhere else: it isn't dropped yet.
    Elsewhere,
}

/// What a file is but for its content.
pub(super) struct Named {
    /// Why it would not be taken.
    pub(super) findings: Vec<Finding>,
    /// The file, opened, where its content is worth a look.
    pub(super) file: Option<File>,
}

/// Looks at everything about a file but its content, and opens it.
pub(super) fn look(path: &Path, place: Place<'_>, locale: Locale) -> io::Result<Named> {
    // Looked at before it is opened, since opening a device can do something; and again behind that, since it may be
    // another one by then.
    if let Some(finding) = other_than_a_file(&fs::metadata(path)?, locale) {
        return Ok(Named { findings: vec![finding], file: None });
    }
    let (named, read) = by_name(path, locale);
    let mut findings: Vec<Finding> = named.into_iter().collect();
    let file = read::open(path)?;
    let metadata = file.metadata()?;
    if let Some(finding) = other_than_a_file(&metadata, locale) {
        return Ok(Named { findings: vec![finding], file: None });
    }
    match place {
        Place::Inside { path: inside, ignore_folders } => {
            findings.extend(by_place(inside, ignore_folders, locale));
            if lies_behind_link(path, inside) {
                findings.push(Finding::not_taken(&NotTaken::LinkedFolder, locale));
            }
            if fs::symlink_metadata(path)?.is_symlink() {
                findings.push(Finding::not_taken(&NotTaken::Link, locale));
            } else if metadata.nlink() > 1 {
                findings.push(Finding::not_taken(&NotTaken::Notice(&Notice::SecondLink), locale));
            }
        }
        Place::NobodysFolder => findings.push(Finding::not_taken(&NotTaken::NoCustomer, locale)),
        Place::Elsewhere => {}
    }
    Ok(Named { findings, file: read.then_some(file) })
}

/// Whether one of the folders between the drop folder and a file is a link.
fn lies_behind_link(path: &Path, inside: &Path) -> bool {
    let folders = inside.components().count().saturating_sub(1);
    let is_link = |folder: &Path| fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink());
    path.ancestors().skip(1).take(folders).any(is_link)
}

fn other_than_a_file(metadata: &Metadata, locale: Locale) -> Option<Finding> {
    match () {
        () if metadata.is_file() => None,
        () if metadata.is_dir() => Some(Finding::not_taken(&NotTaken::Folder, locale)),
        () => Some(Finding::not_taken(&NotTaken::NotRegular, locale)),
    }
}

/// Why a file of this name isn't taken, and whether its content is worth a look.
fn by_name(path: &Path, locale: Locale) -> (Option<Finding>, bool) {
    let not_taken = |why: &NotTaken<'_>| Some(Finding::not_taken(why, locale));
    let ends = |ending: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    match name::classify(path.file_name().unwrap_or_default().as_bytes()) {
        Kind::OurOutput if ends("json") => (not_taken(&NotTaken::Receipt), false),
        Kind::Ignored(name::Ignored::OtherName) if ends("done") => (not_taken(&NotTaken::OtherMarker), false),
        Kind::Submission | Kind::Rehearsal => (None, true),
        Kind::OurOutput => (not_taken(&NotTaken::OurOutput), true),
        Kind::OrderFile => (not_taken(&NotTaken::OrderFile), false),
        Kind::Marker => (not_taken(&NotTaken::Marker), false),
        Kind::NotACsv(near_miss) => {
            let text = matches!(near_miss, NearMiss::CsvTxt | NearMiss::Txt | NearMiss::Tsv);
            (not_taken(&NotTaken::Notice(&Notice::NotACsv(near_miss))), text)
        }
        Kind::Ignored(why) => (not_taken(&NotTaken::Ignored(why)), true),
    }
}

fn by_place(inside: &Path, ignore_folders: &[String], locale: Locale) -> Option<Finding> {
    let folders: Vec<&[u8]> = inside.parent()?.iter().map(OsStrExt::as_bytes).collect();
    let (folder, deeper) = folders.split_first()?;
    // What lies in a folder that is set aside isn't answered, however deep that is.
    let set_aside = folders.iter().find_map(|folder| name::folder_is_taken(folder, ignore_folders).err());
    if let Some(why) = set_aside {
        return Some(Finding::not_taken(&NotTaken::Ignored(why), locale));
    }
    match deeper.len() {
        0 => name::is_blank(folder).then(|| Finding::not_taken(&NotTaken::BlankFolder, locale)),
        up => Some(Finding::not_taken(&NotTaken::Notice(&Notice::TooDeep { up }), locale)),
    }
}
