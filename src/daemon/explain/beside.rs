//! What a marker or an order file is to the CSV beside it, or a file that was probably meant to be one.

use std::os::fd::AsFd;

use devicedrop_core::name::{self, Kind, Side};
use devicedrop_core::shown::shown_bytes;
use rustix::fs::Dir;

use crate::beneath;
use crate::config::{Completeness, OrderRule};
use crate::daemon::desk::is_spent;
use crate::daemon::locate::Located;
use crate::daemon::scene::Scene;
use crate::inbox::SideFile;

use super::there;

/// What is told of a marker, an order file, or what nearly is one; nothing of any other file.
pub(super) fn beside(scene: &Scene<'_>, at: &Located) -> Option<(&'static str, String)> {
    let name = at.path.name();
    let required = at.customer.order == OrderRule::Required;
    let (side, folded) = if required { name::side_where_order_is_required(name) } else { name::side_of(name) }?;
    // `a.csv.done.csv` is a CSV too.
    if name::classify(name) == Kind::Submission && at.customer.complete == Completeness::Settled {
        return None;
    }
    let csvs: Vec<Vec<u8>> = csvs_beside(at)
        .into_iter()
        .filter(|csv| right(side, csv) == name || name::folded_csv(csv) == folded)
        .collect();
    let what = match side {
        Side::Marker => "marker",
        Side::OrderFile => "order file",
    };
    if let Some(csv) = csvs.iter().find(|csv| right(side, csv) == name) {
        return Some(of(scene, at, what, side, csv));
    }
    if let Some(csv) = csvs.first() {
        let (csv_shown, expected) = (shown_bytes(csv), right(side, csv));
        let expected = shown_bytes(&expected);
        if side == Side::Marker && at.customer.complete == Completeness::Settled {
            return Some(("ignored", format!("it is no file of ours; {NEEDS_NO_MARKER}")));
        }
        return Some((
            "refused",
            format!("it isn't the {what} of \"{csv_shown}\", since its name isn't exactly \"{expected}\": rename it"),
        ));
    }
    matches!(name::classify(name), Kind::Marker | Kind::OrderFile).then(|| {
        (
            "ignored",
            format!(
                "it is {article} {what}, and no CSV that it could go with lies beside it",
                article = if side == Side::Marker { "a" } else { "an" }
            ),
        )
    })
}

const NEEDS_NO_MARKER: &str = "its customer's files need no marker (complete = \"settled\")";

/// The name that is right to the letter.
fn right(side: Side, csv: &[u8]) -> Vec<u8> {
    match side {
        Side::Marker => name::marker_name(csv),
        Side::OrderFile => name::order_file_name(csv),
    }
}

/// What a marker or an order file with the right name is to its CSV.
fn of(scene: &Scene<'_>, at: &Located, what: &str, side: Side, csv: &[u8]) -> (&'static str, String) {
    let whose = format!("it is the {what} of \"{}\"", shown_bytes(csv));
    if side == Side::Marker && at.customer.complete == Completeness::Settled {
        return ("ignored", format!("{whose}; {NEEDS_NO_MARKER}"));
    }
    let path = at.path.beside(csv);
    let lane = scene.board.customers.get(&at.customer.key);
    if let Some(waiting) = lane.and_then(|lane| lane.waiting.iter().find(|waiting| waiting.path == path)) {
        return ("waiting", format!("{whose}, which waits: {}", waiting.why));
    }
    if is_used_up(scene, at) {
        let used =
            "it was used up by what was taken with it, and counts once: write it anew for the next file of that name";
        return ("ignored", format!("{whose}; {used}"));
    }
    let needed = side == Side::Marker || at.customer.order == OrderRule::Required;
    let goes = if needed { "which is taken once it is there and counts once" } else { "and counts for it once" };
    ("ignored", format!("{whose}, {goes}"))
}

/// Whether it counted for a delivery. A ledger that can't be read doesn't say so.
fn is_used_up(scene: &Scene<'_>, at: &Located) -> bool {
    let Ok(looked) = there(at) else { return false };
    let side = SideFile { path: at.path.clone(), stamp: looked.stamp };
    scene.readers.ask(|reader| is_spent(reader, &at.customer.key, &side)).unwrap_or(false)
}

/// The names of the CSVs beside a file.
fn csvs_beside(at: &Located) -> Vec<Vec<u8>> {
    let listed = || {
        let drop_folder = beneath::open_path(&at.customer.folder).ok()?;
        let folder = match at.path.folder() {
            Some(folder) => beneath::open_folder(drop_folder.as_fd(), folder).ok()?,
            None => drop_folder,
        };
        let names = Dir::read_from(&folder).ok()?.filter_map(Result::ok);
        let csvs = names.map(|entry| entry.file_name().to_bytes().to_vec());
        Some(csvs.filter(|name| name::classify(name) == Kind::Submission).collect())
    };
    let mut csvs: Vec<Vec<u8>> = listed().unwrap_or_default();
    csvs.sort();
    csvs
}
