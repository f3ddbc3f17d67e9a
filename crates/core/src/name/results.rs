//! The names of what stands beside a sender's file: results, receipts, order files, markers.
//!
//! Each function takes the path of the sender's file inside its drop folder (a bare name is one too) and returns a
//! name: that of a file in the same folder.

use super::without_ending;
use crate::device::Sha256;

/// The longest name that file systems take, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// How much of a name that is too long is kept, in bytes; leaves room for the longest of our endings.
const KEPT_BYTES: usize = 200;

/// The result's name: `A.CSV` gives `A.result.CSV`.
pub fn result_name(path: &[u8]) -> Vec<u8> {
    beside_csv(path, ".result")
}

/// So many names a result can have; whoever takes all of them away means it.
pub const RESULT_NAMES: u32 = 99;

/// The result's name at the `number`th try, from 1, where something else stands at the ones before: `A.csv` gives
/// `A.result.csv`, `A.result-2.csv`, ...
pub fn result_name_numbered(path: &[u8], number: u32) -> Vec<u8> {
    match number {
        0 | 1 => result_name(path),
        number => beside_csv(path, &format!(".result-{number}")),
    }
}

/// The name of the final result of an older submission of a path: `A.csv` gives `A.1a2b3c4d.result.csv`.
///
/// `short_id` is that of its submission ID.
pub fn older_result_name(path: &[u8], short_id: &str) -> Vec<u8> {
    beside_csv(path, &format!(".{short_id}.result"))
}

/// The name of the answer to what isn't a CSV: `A.xlsx` gives `A.xlsx.not-a-csv.result.csv`.
pub fn near_miss_result_name(path: &[u8]) -> Vec<u8> {
    let name = last_component(path);
    fitting(path, [name, b".not-a-csv.result.csv"].concat(), ".not-a-csv.result.csv")
}

/// The name of the file that a result with this name answers, as far as the name tells: `A.result.csv`, and
/// `A.result-2.csv` too, give `A.csv`.
pub fn answered_by(result: &[u8]) -> Vec<u8> {
    let (stem, extension) = split_csv(result);
    let digits = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let unnumbered = stem.get(..stem.len() - digits).filter(|_| digits > 0);
    let stem = unnumbered
        .and_then(|stem| without_ending(stem, ".result-"))
        .or_else(|| without_ending(stem, ".result"))
        .unwrap_or(stem);
    [stem, extension].concat()
}

/// The receipt's name: `A.csv` gives `A.receipt.json`.
pub fn receipt_name(path: &[u8]) -> Vec<u8> {
    beside_json(path, ".receipt.json")
}

/// The receipt's name at the `number`th try, likewise: `A.csv` gives `A.receipt.json`, `A.receipt-2.json`, ...
pub fn receipt_name_numbered(path: &[u8], number: u32) -> Vec<u8> {
    match number {
        0 | 1 => receipt_name(path),
        number => beside_json(path, &format!(".receipt-{number}.json")),
    }
}

/// The name of the receipt for the final result of an older submission of a path: `A.csv` gives
/// `A.1a2b3c4d.receipt.json`.
pub fn older_receipt_name(path: &[u8], short_id: &str) -> Vec<u8> {
    beside_json(path, &format!(".{short_id}.receipt.json"))
}

/// The name that a CSV's order file has: `A.csv` gives `A.order.json`.
pub fn order_file_name(path: &[u8]) -> Vec<u8> {
    let (stem, _) = split_csv(last_component(path));
    [stem, b".order.json"].concat()
}

/// The name that a CSV's marker has: `A.csv` gives `A.csv.done`.
pub fn marker_name(path: &[u8]) -> Vec<u8> {
    [last_component(path), b".done"].concat()
}

/// Puts `middle` before the extension, and shortens the name if that makes it too long.
fn beside_csv(path: &[u8], middle: &str) -> Vec<u8> {
    let (stem, extension) = split_csv(last_component(path));
    fitting(path, [stem, middle.as_bytes(), extension].concat(), &format!("{middle}.csv"))
}

/// Puts `ending` in the place of the extension, and shortens the name if that makes it too long.
fn beside_json(path: &[u8], ending: &str) -> Vec<u8> {
    let (stem, _) = split_csv(last_component(path));
    fitting(path, [stem, ending.as_bytes()].concat(), ending)
}

/// `name` if file systems take it, else the beginning of the sender's name, the path's hash and `ending`.
///
/// The hash is of the whole path, so that the name is the same wherever it is made and no other path's.
fn fitting(path: &[u8], name: Vec<u8>, ending: &str) -> Vec<u8> {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let hash: String = Sha256::of(path).to_string().chars().take(8).collect();
    [first_bytes(last_component(path), KEPT_BYTES), b"-", hash.as_bytes(), ending.as_bytes()].concat()
}

/// At most the first `limit` bytes, without the beginning of a UTF-8 character that isn't whole.
fn first_bytes(name: &[u8], limit: usize) -> &[u8] {
    let is_continuation = |at: usize| name.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    // A character has at most three continuation bytes; more of them in a row aren't UTF-8 and are cut as they come.
    let end = (0..=3).map(|back| limit - back).find(|at| !is_continuation(*at)).unwrap_or(limit);
    name.get(..end).unwrap_or(name)
}

/// A CSV's name without its extension, and the extension as it is written.
fn split_csv(name: &[u8]) -> (&[u8], &[u8]) {
    let stem = without_ending(name, ".csv").unwrap_or(name);
    let extension = name.get(stem.len()..).filter(|extension| !extension.is_empty()).unwrap_or(b".csv");
    (stem, extension)
}

fn last_component(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
