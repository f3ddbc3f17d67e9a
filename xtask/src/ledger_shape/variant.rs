//! What is varied: words, of which a variant's name is made with `+` between them.

use anyhow::{Result, bail};

/// The ledger as it is.
const LEDGER: &str = "expr18+attempt+outcome";

/// The words, without their numbers, and what each means.
const WORDS: [(&str, &str); 17] = [
    ("late", "present: inserted with the outcome; so do all that name none of the next two"),
    ("early", "present: inserted at the acceptance, updated with the outcome"),
    ("only", "no table of outcomes, present has their columns: a lower bound, not a ledger"),
    ("first", "all rows are accepted before the first call"),
    ("attempt", "an index attempt(registration)"),
    ("outcome", "a unique index outcome(attempt)"),
    ("outcome-key", "outcome's primary key is its attempt, not its entry"),
    ("submission", "an index registration(submission)"),
    ("guards", "the triggers against REPLACE are on"),
    ("foreign-keys", "foreign keys are enforced"),
    ("pageN", "pages of N KiB instead of 16"),
    ("plain", "an index registration(serial_number)"),
    ("exprN", "an index registration(id >> N, serial_number)"),
    ("storedN", "the same with id >> N as a column"),
    ("block", "the same with the number of the accepting transaction as a column"),
    ("runs", "a table of serial numbers instead, one sorted run for each accepting transaction"),
    ("sorted", "within an accepting transaction, ids follow the order of serial numbers"),
];

/// How a serial number is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serial {
    /// It isn't.
    None,
    /// By one index over all.
    Plain,
    /// By an index on `id >> N` and it.
    Expression(u32),
    /// The same, with `id >> N` stored.
    Stored(u32),
    /// The same, with the accepting transaction's number stored.
    Block,
    /// By a table of sorted runs.
    Runs,
}

impl Serial {
    /// Whether `registration` has a column `segment`.
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Stored(_) | Self::Block)
    }
}

/// One way to lay the ledger out.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) serial: Serial,
    pub(super) page_kib: u32,
    words: Vec<String>,
}

impl Variant {
    pub(super) fn parse(name: &str) -> Result<Self> {
        let composed = if name == "ledger" { LEDGER } else { name };
        let mut variant = Self { name: name.to_owned(), serial: Serial::None, page_kib: 16, words: Vec::new() };
        for word in composed.split('+') {
            let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
            let number = word.get(bare.len()..).unwrap_or_default().parse::<u32>().ok();
            match (bare, number) {
                ("page", Some(kib)) => variant.page_kib = kib,
                ("expr", Some(shift)) => variant.serial = Serial::Expression(shift),
                ("stored", Some(shift)) => variant.serial = Serial::Stored(shift),
                ("plain", None) => variant.serial = Serial::Plain,
                ("block", None) => variant.serial = Serial::Block,
                ("runs", None) => variant.serial = Serial::Runs,
                (other, None) if WORDS.iter().any(|(known, _)| *known == other) => {}
                _ => bail!("`{word}` is no word for a variant. The words are:\n{}", words()),
            }
            variant.words.push(word.to_owned());
        }
        Ok(variant)
    }

    /// Whether the variant's name holds this word.
    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|it| it == word)
    }
}

/// The list of words, for people.
pub(super) fn words() -> String {
    let lines = WORDS.iter().map(|(word, meaning)| format!("  {word:12} {meaning}\n"));
    lines.chain([format!("  {:12} {LEDGER}, as it is\n", "ledger")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_composed_of_words() {
        let ledger = Variant::parse("ledger").expect("known");
        assert_eq!((ledger.serial, ledger.page_kib), (Serial::Expression(18), 16));
        assert!(ledger.has("attempt") && ledger.has("outcome") && !ledger.has("early"));
        assert_eq!(Variant::parse("page4+early").expect("known").page_kib, 4);
        for unknown in ["", "expr", "late3", "runs+", "serial"] {
            assert!(Variant::parse(unknown).is_err(), "{unknown}");
        }
    }
}
