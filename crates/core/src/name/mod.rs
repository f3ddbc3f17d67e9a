//! What a name in a drop folder means to us, and the names of what we write beside it.
//!
//! Names are bytes: nothing makes a sender write UTF-8. Whether a name's file is there, and what it is, is not
//! decided here.

mod beginning;
mod results;
mod side;
mod text;

pub use beginning::holds_our_headings;
pub use results::{
    RESULT_NAMES, answered_by, marker_name, near_miss_result_name, older_receipt_name, older_result_name,
    order_file_name, receipt_name, receipt_name_numbered, result_name, result_name_numbered,
};
pub use side::{Side, folded_csv, is_blank, side_of, side_where_order_is_required};
pub use text::{path_bytes, path_text};

/// What a name in a drop folder, or in a folder below it, stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A list of devices to register.
    Submission,
    /// A list of devices to check only: `*.check.csv`, and a copy of one under the name that its copier gave it.
    Rehearsal,
    /// Order and purchase ID for a CSV: `*.order.json`.
    OrderFile,
    /// The sign that a CSV is complete: `*.csv.done`.
    Marker,
    /// Written by us, or like it: a result file or receipt. Never taken.
    OurOutput,
    /// Probably meant for us, but not a CSV by its name.
    NotACsv(NearMiss),
    /// Nothing of ours.
    Ignored(Ignored),
}

/// A name that isn't a CSV's, of what probably is a list of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NearMiss {
    /// `.xlsx`, `.xlsm`, `.xls`.
    Excel,
    /// `.ods`.
    OpenDocument,
    /// `.numbers`.
    Numbers,
    /// `.csv.txt`: what Windows makes of a name whose ending it hides.
    CsvTxt,
    /// `.txt`.
    Txt,
    /// `.tsv`.
    Tsv,
}

impl NearMiss {
    /// Whether the name alone says too little: then only a file counts whose first line [`holds_our_headings`].
    pub fn depends_on_first_line(self) -> bool {
        matches!(self, Self::Txt | Self::Tsv)
    }
}

/// Why a file or a folder is left alone. Its words are for the people who run the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ignored {
    /// A name that hides its file or folder.
    #[error("its name begins with a full stop")]
    LeadingDot,
    /// A name as programs give to their own temporary and lock files.
    #[error("its name begins with ~")]
    LeadingTilde,
    /// A folder that was set aside.
    #[error("the folder's name begins with _")]
    LeadingUnderscore,
    /// A name as transfers give to what isn't complete yet.
    #[error("its name ends in {0}, as that of a file that isn't complete yet")]
    Unfinished(&'static str),
    /// A folder that the configuration sets aside.
    #[error("the folder stands in ignore_folders")]
    IgnoredFolder,
    /// Any other name.
    #[error("its name doesn't end in .csv")]
    OtherName,
}

/// Endings of what is still being transferred or edited.
const UNFINISHED: [&str; 6] = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp"];

/// Endings of what probably was meant to be a CSV, the longer before the shorter.
const NEAR_MISSES: [(&str, NearMiss); 8] = [
    (".csv.txt", NearMiss::CsvTxt),
    (".xlsx", NearMiss::Excel),
    (".xlsm", NearMiss::Excel),
    (".xls", NearMiss::Excel),
    (".ods", NearMiss::OpenDocument),
    (".numbers", NearMiss::Numbers),
    (".txt", NearMiss::Txt),
    (".tsv", NearMiss::Tsv),
];

/// Tells what a file's name stands for.
pub fn classify(name: &[u8]) -> Kind {
    match name.first() {
        Some(b'.') => return Kind::Ignored(Ignored::LeadingDot),
        Some(b'~') => return Kind::Ignored(Ignored::LeadingTilde),
        _ => {}
    }
    if let Some(ending) = UNFINISHED.into_iter().find(|ending| ends_in(name, ending)) {
        return Kind::Ignored(Ignored::Unfinished(ending));
    }
    if is_our_output(name) {
        return Kind::OurOutput;
    }
    if ends_in(name, ".order.json") {
        return Kind::OrderFile;
    }
    if ends_in(name, ".csv.done") {
        return Kind::Marker;
    }
    if ends_in(name, ".csv") {
        return if is_rehearsal(name) { Kind::Rehearsal } else { Kind::Submission };
    }
    match NEAR_MISSES.into_iter().find(|(ending, _)| ends_in(name, ending)) {
        Some((_, near_miss)) => Kind::NotACsv(near_miss),
        None => Kind::Ignored(Ignored::OtherName),
    }
}

/// Whether a name of our own output is that of the answer to a rehearsal: `*.check.result.csv`, `*.check.result-2.csv`.
pub fn answers_rehearsal(name: &[u8]) -> bool {
    let stem = without_ending(name, ".csv").unwrap_or_default();
    let digits = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let unnumbered = stem.get(..stem.len() - digits).unwrap_or_default();
    let stem = without_ending(stem, ".result").or_else(|| without_ending(unnumbered, ".result-"));
    stem.is_some_and(|stem| is_rehearsal(&[stem, b".csv"].concat()))
}

/// Whether the name of a CSV is that of a rehearsal, or of a copy of one.
///
/// To register what somebody only wanted to try can't be undone, and who copies a rehearsal seldom sees how the copy is
/// named: `a.check (1).csv`, `a.check - Copy (2).csv`, `a.check kopie.csv`, `a.check.csv.csv`.
fn is_rehearsal(name: &[u8]) -> bool {
    let mut stem = name;
    while let Some(shorter) = without_ending(stem, ".csv") {
        stem = shorter.trim_ascii_end();
    }
    let plain = stem;
    while let Some(shorter) = without_copy_mark(stem) {
        stem = shorter;
    }
    // The answer to a rehearsal is told by its own name; a copy of it isn't.
    ends_in(stem, ".check") || (stem != plain && ends_in(stem, ".check.result"))
}

/// What systems add to the name of a copy, in their languages.
const COPY_WORDS: [&str; 6] = ["copy", "kopie", "copie", "copia", "(copy)", "(kopie)"];

/// A stem without the last mark of a copy, if it ends in one: a number in brackets, or a word, with a number or not.
fn without_copy_mark(stem: &[u8]) -> Option<&[u8]> {
    let word = |stem: &'_ [u8]| COPY_WORDS.into_iter().find(|word| ends_in(stem, word)).map(str::len);
    let digits = |text: &[u8]| text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let without = |count: usize| stem.get(..stem.len().checked_sub(count)?);
    let marked = if let Some(inside) = stem.strip_suffix(b")").filter(|inside| digits(inside) > 0) {
        without(digits(inside) + 1)?.strip_suffix(b"(")?
    } else {
        let unnumbered = without(digits(stem))?.trim_ascii_end();
        unnumbered.get(..unnumbered.len().checked_sub(word(unnumbered)?)?)?
    };
    let marked = marked.trim_ascii_end();
    Some(marked.strip_suffix(b"-").map_or(marked, <[u8]>::trim_ascii_end))
}

/// Whether what isn't a CSV would have a name of our own output if it were saved as one: `A.result.xlsx`.
pub fn would_be_our_output(name: &[u8]) -> bool {
    let ending = NEAR_MISSES.into_iter().find_map(|(ending, _)| without_ending(name, ending));
    ending.is_some_and(|stem| is_our_output(&[stem, b".csv"].concat()))
}

/// Tells whether files in a folder of this name inside a drop folder are taken.
///
/// `ignore` is the configuration's `ignore_folders`; capital letters don't matter there, since to a sender on
/// Windows `Archief` and `archief` are one folder.
pub fn folder_is_taken(name: &[u8], ignore: &[String]) -> Result<(), Ignored> {
    match name.first() {
        Some(b'.') => return Err(Ignored::LeadingDot),
        Some(b'_') => return Err(Ignored::LeadingUnderscore),
        _ => {}
    }
    let folded = std::str::from_utf8(name).map(str::to_lowercase);
    match folded {
        Ok(folded) if ignore.iter().any(|ignored| ignored.to_lowercase() == folded) => Err(Ignored::IgnoredFolder),
        _ => Ok(()),
    }
}

/// `*.result.csv`, `*.result-N.csv`, `*.receipt.json`, `*.receipt-N.json`, in any case.
fn is_our_output(name: &[u8]) -> bool {
    if ends_in(name, ".receipt.json") || ends_in(name, ".result.csv") {
        return true;
    }
    [(".csv", ".result-"), (".json", ".receipt-")].into_iter().any(|(extension, middle)| {
        let Some(stem) = without_ending(name, extension) else { return false };
        let digits = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && ends_in(stem.get(..stem.len() - digits).unwrap_or_default(), middle)
    })
}

/// Whether `name` ends in `ending`, in any case.
fn ends_in(name: &[u8], ending: &str) -> bool {
    without_ending(name, ending).is_some()
}

/// `name` without `ending`, if it ends in it in any case.
fn without_ending<'a>(name: &'a [u8], ending: &str) -> Option<&'a [u8]> {
    let (stem, end) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
    end.eq_ignore_ascii_case(ending.as_bytes()).then_some(stem)
}

#[cfg(test)]
mod tests;
