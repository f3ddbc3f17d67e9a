//! What lies beside a CSV, as it stands now: its marker and its order file. One decision for the pass, which waits for
//! them, and for whoever asks before dropping.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use devicedrop_core::device::Sha256;
use devicedrop_core::name::{Side, marker_name, order_file_name, path_text};
use devicedrop_core::order::{BadOrderFile, OrderProblem};
use rustix::fs::FileType;

use super::claim::digest;
use super::desk::SideFile;
use super::drop_path::DropPath;
use super::near::NearNames;
use super::order_file::{OrderFile, OrderIds};
use super::pass::is_gone;
use super::side::read_up_to;
use super::why::Why;
use crate::beneath::{Looked, look, look_at, open_file};

/// A marker holds a hash and perhaps a name; the rest of a larger one isn't read.
const LARGEST_MARKER: u64 = 4 * 1024;

/// Asks whether a file was used up by an earlier delivery.
pub type IsSpent<'a, E> = &'a mut dyn FnMut(&SideFile) -> Result<bool, E>;

/// A CSV's order file.
pub(super) enum Order {
    /// There is none.
    Missing,
    /// It can't be used.
    Bad(BadOrderFile),
    /// It was used for an earlier submission.
    Spent,
    /// It says this.
    Says(OrderIds, SideFile),
}

/// A CSV's marker.
pub(super) enum Marker {
    /// It doesn't count, for this reason.
    Lacking(Why),
    /// It counts, if its content is right.
    There { looked: Looked, file: File, side: SideFile },
}

/// Looks at a CSV's order file. `other_name` looks for one that was probably meant to be it.
pub(super) fn order<E>(
    folder: BorrowedFd<'_>,
    csv: &DropPath,
    required: bool,
    other_name: impl FnOnce() -> Option<String>,
    is_spent: IsSpent<'_, E>,
) -> Result<Order, E> {
    let bad = |problem| {
        let name = path_text(&order_file_name(csv.name()));
        Order::Bad(BadOrderFile { name, problem, can_be_left_out: !required })
    };
    let Some(file) = OrderFile::of(folder, csv) else {
        return Ok(other_name().map_or(Order::Missing, |name| bad(OrderProblem::OtherName { name })));
    };
    let side = file.side.clone();
    if is_spent(&side)? {
        return Ok(Order::Spent);
    }
    Ok(file.read().map_or_else(bad, |ids| Order::Says(ids, side)))
}

/// Looks at the marker of a CSV whose last change was at this ctime.
pub(super) fn marker<E>(
    folder: BorrowedFd<'_>,
    csv: &DropPath,
    changed_ns: i64,
    is_spent: IsSpent<'_, E>,
) -> Result<Marker, E> {
    let name = marker_name(csv.name());
    let (looked, file) = match open_regular(folder, &name) {
        Ok(opened) => opened,
        Err(why) => return Ok(Marker::Lacking(why)),
    };
    let side = SideFile { path: csv.beside(&name), stamp: looked.stamp };
    if is_spent(&side)? {
        return Ok(Marker::Lacking(Why::SpentMarker));
    }
    // Both ctimes are of one file system's clock, and no sender can set them. Scripts write both files within one tick
    // of it, so equal times are in order; that a marker counts once keeps that safe.
    if looked.stamp.ctime_ns < changed_ns {
        return Ok(Marker::Lacking(Why::OldMarker));
    }
    Ok(Marker::There { looked, file, side })
}

/// The hashes that a marker names.
pub(super) fn hashes_of(marker: &mut File) -> io::Result<Vec<Sha256>> {
    Ok(hashes_in(&read_up_to(marker, LARGEST_MARKER)?))
}

/// What a file is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Whether it waits for a marker.
    pub marker: bool,
    /// Whether it waits for an order file.
    pub order_file: bool,
    /// The largest file that is read.
    pub max_file_size: u64,
}

/// Why a new CSV would wait for what lies beside it, or would go without it, once it has settled.
pub fn lacking<E>(
    folder: BorrowedFd<'_>,
    csv: &DropPath,
    wanted: Wanted,
    is_spent: IsSpent<'_, E>,
) -> Result<Vec<Why>, E> {
    let mut lacking = Vec::new();
    // One that can't be looked at is told of by whoever reads it.
    let Ok(looked) = look(folder, csv.name()) else { return Ok(lacking) };
    let near = NearNames::of(folder).unwrap_or_default();
    let meant = |side| near.meant_for(side, csv.name(), wanted.order_file).map(path_text);
    if wanted.marker {
        match marker(folder, csv, looked.stamp.ctime_ns, is_spent)? {
            Marker::Lacking(Why::NoMarker) => lacking.push(match meant(Side::Marker) {
                Some(found) => Why::OtherMarkerName { found, expected: path_text(&marker_name(csv.name())) },
                None => Why::NoMarker,
            }),
            Marker::Lacking(why) => lacking.push(why),
            Marker::There { mut file, .. } => {
                let named = hashes_of(&mut file).unwrap_or_default();
                let is_another = |sha256: Sha256| !named.contains(&sha256);
                if !named.is_empty() && sha256_of(folder, csv, wanted.max_file_size).is_some_and(is_another) {
                    lacking.push(Why::OtherContent);
                }
            }
        }
    }
    match order(folder, csv, wanted.order_file, || meant(Side::OrderFile), is_spent)? {
        Order::Missing if wanted.order_file => lacking.push(Why::NoOrderFile),
        Order::Missing | Order::Says(..) => {}
        Order::Spent => lacking.push(Why::SpentOrderFile),
        Order::Bad(bad) => lacking.push(Why::BadOrderFile(bad)),
    }
    Ok(lacking)
}

/// The SHA-256 of a CSV; none if it can't be read, or is over the limit.
pub fn sha256_of(folder: BorrowedFd<'_>, csv: &DropPath, limit: u64) -> Option<Sha256> {
    digest(&mut open_file(folder, csv.name()).ok()?, limit, || true).ok()
}

/// Opens a marker, which must be a regular file of one link; an error is what the file waits for.
fn open_regular(folder: BorrowedFd<'_>, name: &[u8]) -> Result<(Looked, File), Why> {
    let unusable = |error: &io::Error| if is_gone(error) { Why::NoMarker } else { Why::UnusableMarker };
    let looked = look(folder, name).map_err(|error| unusable(&error))?;
    if looked.kind != FileType::RegularFile {
        return Err(Why::UnusableMarker);
    }
    let file = open_file(folder, name).map_err(|error| unusable(&error))?;
    let looked = look_at(&file).map_err(|error| unusable(&error))?;
    if looked.kind == FileType::RegularFile && looked.links == 1 {
        Ok((looked, file))
    } else {
        Err(Why::UnusableMarker)
    }
}

/// The hashes in a marker: every 64 hexadecimal digits that stand alone, as `sha256sum` and people write them.
fn hashes_in(text: &[u8]) -> Vec<Sha256> {
    // Without the NUL bytes, the UTF-16 of some shells reads as ASCII does.
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
    let words = text.split(|byte| !byte.is_ascii_alphanumeric());
    let whole = words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    // .NET writes a hash in pairs with hyphens between them, others with colons.
    let runs = text.split(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b':'));
    whole.chain(runs.filter_map(of_pairs)).collect()
}

/// The hash that is written as 32 pairs of digits.
fn of_pairs(text: &[u8]) -> Option<Sha256> {
    let pairs: Vec<&[u8]> = text.split(|byte| matches!(byte, b'-' | b':')).collect();
    let digits = pairs.concat();
    let in_pairs = pairs.iter().all(|pair| pair.len() == 2) && pairs.len() == 32;
    std::str::from_utf8(&digits).ok().filter(|_| in_pairs)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_may_hold_hashes() {
        let hash = Sha256::of(b"abc");
        let other = Sha256::of(b"other");
        assert_eq!(hashes_in(format!("{hash}  devices.csv\n").as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("\u{feff}{}\r\n", hash.to_string().to_uppercase()).as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("SHA256 (devices.csv) = {hash}\n").as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("{other} *a.csv\n{hash} *b.csv\n").as_bytes()), [other, hash]);
        let wide: Vec<u8> = format!("\u{feff}{hash}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(hashes_in(&wide), [hash]);
        let pairs = |between: &str| {
            let text = hash.to_string().to_uppercase();
            let pairs: Vec<String> = (0..32).map(|at| text[at * 2..at * 2 + 2].to_owned()).collect();
            pairs.join(between)
        };
        assert_eq!(hashes_in(format!("{}\r\n", pairs("-")).as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("SHA256: {} devices.csv\n", pairs(":")).as_bytes()), [hash]);
        assert_eq!(hashes_in(format!("{}-00", pairs("-")).as_bytes()), []);
        for none in ["", "done", &format!("{hash}0"), &format!("x{hash}")] {
            assert_eq!(hashes_in(none.as_bytes()), [], "{none}");
        }
    }
}
