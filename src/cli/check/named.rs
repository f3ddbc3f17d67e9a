//! Whether a file would be taken at all, and what it would wait for: by its name, its kind, where it lies and what lies
//! beside it. Its content isn't looked at.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use devicedrop_core::locale::Locale;
use devicedrop_core::message::{NotTaken, Notice, WaitsFor};
use devicedrop_core::name::{self, Kind, NearMiss};

use super::finding::Finding;
use super::read::{self, Settings};

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
    /// What it would wait for.
    pub(super) waits: Vec<Finding>,
    /// The file, opened, where its content is worth a look.
    pub(super) file: Option<File>,
}

/// Looks at everything about a file but its content, and opens it.
pub(super) fn look(path: &Path, place: Place<'_>, settings: &Settings) -> io::Result<Named> {
    let locale = settings.locale;
    // Looked at before it is opened, since opening a device can do something; and again behind that, since it may be
    // another one by then.
    if let Some(finding) = other_than_a_file(&fs::metadata(path)?, locale) {
        return Ok(Named { findings: vec![finding], waits: Vec::new(), file: None });
    }
    let (named, read) = by_name(path, locale);
    let mut findings: Vec<Finding> = named.into_iter().collect();
    let file = read::open(path)?;
    let metadata = file.metadata()?;
    if let Some(finding) = other_than_a_file(&metadata, locale) {
        return Ok(Named { findings: vec![finding], waits: Vec::new(), file: None });
    }
    match place {
        Place::Inside { path: inside, ignore_folders } => {
            findings.extend(by_place(inside, ignore_folders, locale));
            if fs::symlink_metadata(path)?.is_symlink() {
                findings.push(Finding::not_taken(&NotTaken::Link, locale));
            } else if metadata.nlink() > 1 {
                findings.push(Finding::not_taken(&NotTaken::Notice(&Notice::SecondLink), locale));
            }
        }
        Place::NobodysFolder => findings.push(Finding::not_taken(&NotTaken::NoCustomer, locale)),
        Place::Elsewhere => {}
    }
    let waits = if findings.is_empty() { waits(path, &metadata, settings) } else { Vec::new() };
    Ok(Named { findings, waits, file: read.then_some(file) })
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
    match name::classify(path.file_name().unwrap_or_default().as_bytes()) {
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
    let mut folders = inside.parent()?.components();
    let folder = folders.next()?;
    if folders.next().is_some() {
        return Some(Finding::not_taken(&NotTaken::Notice(&Notice::TooDeep), locale));
    }
    let why = name::folder_is_taken(folder.as_os_str().as_bytes(), ignore_folders).err()?;
    Some(Finding::not_taken(&NotTaken::Ignored(why), locale))
}

/// What a file would wait for where it lies. A marker or an order file counts once; whether one was used before is on
/// record and isn't looked up.
fn waits(path: &Path, metadata: &Metadata, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wait = |what: &WaitsFor<'_>| findings.push(Finding::waits_for(what, settings.locale));
    let name = path.file_name().unwrap_or_default().as_bytes();
    let beside = |name: &[u8]| {
        let path = path.with_file_name(OsString::from_vec(name.to_owned()));
        fs::symlink_metadata(path).ok().filter(Metadata::is_file)
    };
    if settings.marker {
        let marker = [name, b".done"].concat();
        let shown = String::from_utf8_lossy(&marker);
        match beside(&marker) {
            None => wait(&WaitsFor::Marker(&shown)),
            Some(found) if changed(&found) < changed(metadata) => wait(&WaitsFor::NewerMarker(&shown)),
            Some(_) => {}
        }
    }
    if settings.order_file {
        let stem = name.get(..name.len().saturating_sub(".csv".len())).unwrap_or(name);
        let order_file = [stem, b".order.json"].concat();
        if beside(&order_file).is_none() {
            wait(&WaitsFor::OrderFile(&String::from_utf8_lossy(&order_file)));
        }
    }
    if settings.paused {
        wait(&WaitsFor::Unpausing);
    }
    findings
}

/// When a file was changed last, which nobody can forge.
fn changed(metadata: &Metadata) -> (i64, i64) {
    (metadata.ctime(), metadata.ctime_nsec())
}
