//! Whether a file would be taken at all: by its name, by its kind and by where it lies. Its content isn't looked at.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Notice};
use devicedrop_core::name::{self, Ignored, Kind, NearMiss};

use super::finding::Finding;

/// Where a file lies in a drop folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside<'a> {
    /// Its path inside.
    pub(super) path: &'a Path,
    /// The folders that the configuration sets aside.
    pub(super) ignore_folders: &'a [String],
}

/// Why a file would not be taken.
pub(super) struct NotTaken {
    pub(super) findings: Vec<Finding>,
    /// Whether its content is worth a look.
    pub(super) read: bool,
}

/// Looks at everything about a file but its content.
pub(super) fn look(path: &Path, inside: Option<Inside<'_>>, locale: Locale) -> io::Result<NotTaken> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        let (code, what, help) = if metadata.is_dir() {
            ("folder", "this is a folder", "name the files in it")
        } else {
            ("no_file", "this is no regular file, so it would not be taken", "copy its content into a file")
        };
        return Ok(NotTaken { findings: vec![Finding::not_taken(code, what).help(help)], read: false });
    }
    let (named, read) = by_name(path, locale);
    let mut findings: Vec<Finding> = named.into_iter().collect();
    if let Some(inside) = inside {
        findings.extend(by_place(inside, locale));
        if fs::symlink_metadata(path)?.is_symlink() {
            let finding = Finding::not_taken("link", "this is a link, and nothing is taken that a link leads to");
            findings.push(finding.help("drop a copy of the file in its place"));
        }
    }
    Ok(NotTaken { findings, read })
}

fn by_name(path: &Path, locale: Locale) -> (Option<Finding>, bool) {
    let finding = |code, message: &str, help: &str| Some(Finding::not_taken(code, message).help(help));
    match name::classify(path.file_name().unwrap_or_default().as_bytes()) {
        Kind::Submission | Kind::Rehearsal => (None, true),
        Kind::OurOutput => {
            let message = "by its name this is a result file or a receipt, which is never taken";
            (finding("our_output", message, "save it under a name without `.result`"), true)
        }
        Kind::OrderFile => {
            let message = "by its name this is the order file of a CSV file, no list of devices";
            (finding("order_file", message, "check the CSV file beside it"), false)
        }
        Kind::Marker => {
            let message = "by its name this is the marker of a CSV file, no list of devices";
            (finding("marker", message, "check the CSV file beside it"), false)
        }
        Kind::NotACsv(near_miss) => {
            let message = message::notice(&Notice::NotACsv(near_miss), locale);
            let text = matches!(near_miss, NearMiss::CsvTxt | NearMiss::Txt | NearMiss::Tsv);
            (Some(Finding::not_taken("not_a_csv", message)), text)
        }
        Kind::Ignored(why) => {
            let help = match why {
                Ignored::Unfinished(_) => "give it a name that ends in .csv when it is complete",
                _ => "give it a name that ends in .csv and begins with neither . nor ~",
            };
            (finding("ignored_name", &format!("it would be ignored: {why}"), help), true)
        }
    }
}

fn by_place(inside: Inside<'_>, locale: Locale) -> Option<Finding> {
    let mut folders = inside.path.parent()?.components();
    let folder = folders.next()?;
    if folders.next().is_some() {
        return Some(Finding::not_taken("too_deep", message::notice(&Notice::TooDeep, locale)));
    }
    let why = name::folder_is_taken(folder.as_os_str().as_bytes(), inside.ignore_folders).err()?;
    let why = match why {
        Ignored::LeadingDot => "its folder's name begins with a full stop".to_owned(),
        other => other.to_string(),
    };
    let finding = Finding::not_taken("ignored_folder", format!("it would be ignored: {why}"));
    Some(finding.help("drop it directly in the drop folder, or in a folder with another name"))
}
