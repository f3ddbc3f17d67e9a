//! What a file that is checked would wait for of what lies beside it, as its inbox would decide. Never makes anything.

use std::convert::Infallible;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use devicedrop_core::message::WaitsFor;
use devicedrop_core::name::{Kind, classify, marker_name, order_file_name, path_text};
use devicedrop_core::order::OrderKey;
use devicedrop_core::suspicion::is_not_filled_in;

use crate::beneath;
use crate::config::{Completeness, Config, CustomerSettings, OrderRule};
use crate::daemon::{is_spent, over_the_day};
use crate::inbox::beside::{Wanted, lacking, sha256_of};
use crate::inbox::{DropPath, OrderIds, Why};
use crate::ledger::Reader;

/// An order file is read no further: no usable one is larger.
const LARGEST_ORDER_FILE: u64 = 64 * 1024;

/// What a customer's file would wait for. `inside` is its path in the drop folder, if it lies there: only then can what
/// lies beside it have been used before. A ledger that can't be read is as good as none; whoever asks it for more is
/// told why.
pub(super) fn waits_for(
    config: &Config,
    customer: &CustomerSettings,
    path: &Path,
    inside: Option<&Path>,
) -> Vec<WaitsFor> {
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else { return Vec::new() };
    // A rehearsal waits for neither.
    if classify(name.as_bytes()) != Kind::Submission {
        return Vec::new();
    }
    let Ok(folder) = parent.canonicalize() else { return Vec::new() };
    let Ok(folder) = beneath::open_path(&folder) else { return Vec::new() };
    let csv = inside.map_or_else(
        || DropPath::file(name.as_bytes()),
        |inside| DropPath::from_bytes(inside.as_os_str().as_bytes()),
    );
    let ledger = Reader::open(&config.ledger.path).ok();
    let reader = ledger.as_ref().filter(|_| inside.is_some());
    let wanted = Wanted {
        marker: customer.complete == Completeness::Marker,
        order_file: customer.order == OrderRule::Required,
        max_file_size: config.drop.max_file_size,
    };
    let found = lacking::<Infallible>(folder.as_fd(), &csv, wanted, &mut |side| {
        let spent = |reader: &&Reader| is_spent(reader, &customer.key, side).unwrap_or(false);
        Ok(reader.as_ref().is_some_and(spent))
    });
    let Ok(found) = found;
    let next_day = ledger.as_ref().and_then(|reader| next_day(reader, config, customer, path));
    let may_count = !found.iter().any(|why| matches!(why, Why::BadOrderFile(_) | Why::SpentOrderFile));
    let not_filled_in = if may_count { not_filled_in(folder.as_fd(), &csv) } else { Vec::new() };
    let is_nothing = found.is_empty() && next_day.is_none() && not_filled_in.is_empty();
    if is_nothing || reader.is_some_and(|reader| is_on_record(reader, config, customer, &folder, &csv)) {
        return Vec::new();
    }
    found
        .into_iter()
        .filter_map(|why| told(why, &csv, wanted.order_file))
        .chain(next_day)
        .chain(not_filled_in)
        .collect()
}

/// What an order file says that nobody seems to have filled in.
fn not_filled_in(folder: impl AsFd, csv: &DropPath) -> Vec<WaitsFor> {
    let name = order_file_name(csv.name());
    let mut bytes = Vec::new();
    let read = beneath::open_file(folder.as_fd(), &name)
        .and_then(|file| file.take(LARGEST_ORDER_FILE).read_to_end(&mut bytes));
    let Some(ids) = read.ok().and_then(|_| OrderIds::read(&bytes).ok()) else { return Vec::new() };
    let each = [(OrderKey::OrderId, ids.order_id), (OrderKey::PurchaseId, ids.purchase_id)];
    let odd = |(key, id): (OrderKey, Option<String>)| {
        let found = id.filter(|id| is_not_filled_in(id))?;
        Some(WaitsFor::FilledInId { name: path_text(&name), key, found })
    };
    each.into_iter().filter_map(odd).collect()
}

/// Whether the file would have to wait for another day's limit.
fn next_day(reader: &Reader, config: &Config, customer: &CustomerSettings, path: &Path) -> Option<WaitsFor> {
    let bytes = path.metadata().ok()?.len();
    // One that is over the limit of a file is answered unread, and counts for no day.
    if bytes > config.drop.max_file_size {
        return None;
    }
    let today = over_the_day(config, reader, &customer.key, bytes).ok()??;
    Some(WaitsFor::NextDay { bytes: today.bytes, rows: today.rows })
}

/// Whether the file was taken as it lies there: then what it needed then was used up by it.
fn is_on_record(
    reader: &Reader,
    config: &Config,
    customer: &CustomerSettings,
    folder: impl AsFd,
    csv: &DropPath,
) -> bool {
    let newest = reader.newest_submission(&customer.key, &csv.text()).ok().flatten();
    let Some(recorded) = newest.and_then(|submission| submission.sha256) else { return false };
    sha256_of(folder.as_fd(), csv, config.drop.max_file_size) == Some(recorded)
}

fn told(why: Why, csv: &DropPath, order_required: bool) -> Option<WaitsFor> {
    let marker = path_text(&marker_name(csv.name()));
    let order_file = path_text(&order_file_name(csv.name()));
    Some(match why {
        Why::NoMarker => WaitsFor::Marker(marker),
        Why::OtherMarkerName { found, expected } => WaitsFor::RenamedMarker { expected, found },
        Why::OldMarker => WaitsFor::NewerMarker(marker),
        Why::SpentMarker => WaitsFor::UnusedMarker(marker),
        Why::UnusableMarker => WaitsFor::UsableMarker(marker),
        Why::OtherContent => WaitsFor::Content(marker),
        Why::NoOrderFile => WaitsFor::OrderFile(order_file),
        Why::SpentOrderFile => WaitsFor::UnusedOrderFile { name: order_file, required: order_required },
        Why::BadOrderFile(bad) => WaitsFor::UsableOrderFile(bad),
        // Not about what lies beside it.
        Why::Unsettled(_)
        | Why::BlankFolder
        | Why::SecondLink
        | Why::Unreadable
        | Why::FolderUnreadable
        | Why::Paused
        | Why::Mounted
        | Why::Held(_)
        | Why::Archive => return None,
    })
}
