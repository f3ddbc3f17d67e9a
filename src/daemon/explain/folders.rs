//! What a folder is that somebody asks about instead of a file.

use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use devicedrop_core::name;
use devicedrop_core::shown::{shown, shown_bytes};
use rustix::fs::FileType;

use crate::beneath;
use crate::config::{CustomerSettings, look_patiently};
use crate::control::protocol::Explanation;
use crate::daemon::locate::Located;
use crate::daemon::roster;
use crate::daemon::scene::Scene;
use crate::inbox::DEEPEST;

/// A path that lies in no drop folder: a drop folder itself, the root, or what lies in it and is nobody's.
pub(super) fn around(scene: &Scene<'_>, path: &Path) -> Option<Explanation> {
    let roster = roster::customers(&scene.config);
    let customers = roster.customers.unwrap_or_else(|| scene.config.customers.values().cloned().collect());
    let told = |verdict: &str, why: String| Explanation {
        path: path.to_owned(),
        customer: None,
        verdict: verdict.to_owned(),
        why,
        submission_id: None,
    };
    let plain = scene.config.as_configured(path);
    if let Some(customer) = customers.into_iter().find(|customer| customer.folder == plain) {
        let lane = scene.board.customers.get(&customer.key);
        let mut why = format!("it is the drop folder of {}", customer.key);
        if customer.paused {
            why += ", who is paused in the configuration";
        } else if let Some((offline, _)) = lane.and_then(|lane| lane.offline.as_ref()) {
            why = format!("{why}, and offline: {offline}");
        } else if hangs(scene, &customer) {
            why = format!("{why}, and {HANGS}");
        }
        return Some(Explanation { customer: Some(customer.key), ..told("drop-folder", why) });
    }
    let inside = plain.strip_prefix(&scene.config.drop.root).ok()?;
    let Some(Component::Normal(first)) = inside.components().next() else {
        return Some(told("root", "it is the root: each folder in it can be a customer's drop folder".to_owned()));
    };
    let shown_name = shown_bytes(first.as_bytes()).to_string();
    if let Some(why) = roster.strangers.get(&shown_name) {
        return Some(told("ignored", format!("the folder {shown_name} in the root is left alone: {why}")));
    }
    let root = beneath::open_path(&scene.config.drop.root).ok()?;
    let looked = beneath::look(root.as_fd(), first.as_bytes()).ok()?;
    (looked.kind == FileType::RegularFile).then(|| {
        let why = "it lies in the root, beside the drop folders: put it into the drop folder of its customer";
        told("ignored", why.to_owned())
    })
}

/// What is told of a drop folder that hangs.
const HANGS: &str = "looking into it hangs, since its share doesn't answer: look after that share, or unmount it; the \
                     folder is looked into by itself when it answers, and no other customer waits for it";

/// Whether a customer's drop folder hangs. Whoever asks must not wait for it, too.
pub(super) fn hangs(scene: &Scene<'_>, customer: &CustomerSettings) -> bool {
    scene.board.customers.get(&customer.key).is_some_and(|lane| lane.hangs)
        || look_patiently(&[customer.folder.clone()].into(), |folder| drop(folder.symlink_metadata())) == [None]
}

/// A file in such a folder, and what is on record of it.
pub(super) fn unanswered(judged: Option<(&str, String)>) -> (&'static str, String) {
    let known = judged.map(|(verdict, why)| format!("; on record it is {verdict}: {why}")).unwrap_or_default();
    ("hangs", format!("it lies in its customer's drop folder, and {HANGS}{known}"))
}

/// A folder in a drop folder.
pub(super) fn inside(scene: &Scene<'_>, at: &Located) -> (&'static str, String) {
    let top = at.path.bytes().split(|byte| *byte == b'/').next().unwrap_or_default();
    if let Err(why) = name::folder_is_taken(top, &scene.config.drop.ignore_folders) {
        return ("ignored", format!("it is a folder that isn't looked into: {why}"));
    }
    match at.depth {
        0 => {}
        1..DEEPEST => {
            let why = "it is a folder that lies too deep: nothing is taken from it, and CSVs in it are answered so";
            return ("ignored", why.to_owned());
        }
        _ => return ("ignored", "it is a folder that lies too deep: it isn't looked into".to_owned()),
    }
    let lane = scene.board.customers.get(&at.customer.key);
    if let Some(waiting) = lane.and_then(|lane| lane.waiting.iter().find(|waiting| waiting.path == at.path)) {
        return ("waiting", waiting.why.to_string());
    }
    if name::is_blank(top) {
        let why = "it is a folder whose name would be the order ID of the files in it and holds nothing but blanks: \
                   name it after the order";
        return ("waiting", why.to_owned());
    }
    let order = at.path.text();
    let mut why =
        format!("it is a folder: CSVs directly in it are taken with \"{}\" as their order ID", shown(&order));
    if order.to_lowercase().ends_with(".csv") {
        why += "; its name ends in .csv, but it is no file";
    }
    if at.customer.paused {
        why += "; its customer is paused in the configuration";
    }
    ("folder", why)
}
