//! Checkpoints: what is kept outside of the machine, so that a rewritten or shortened record shows.
//!
//! A checkpoint says how many blocks the record had, and the root of the tree (RFC 6962) whose leaves the blocks'
//! hashes are. As text it has the form that C2SP specifies (<https://c2sp.org/tlog-checkpoint>): origin, size, root,
//! and behind them lines of our own. Signed or not, it travels as a `signed_note`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256 as Hasher};
use uuid::Uuid;

use crate::time::Timestamp;

/// What the first line begins with; the ledger's UUID follows.
const ORIGIN: &str = "devicedrop.ledger/";

/// What the record came to at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's UUID, which all its epochs share.
    pub ledger: [u8; 16],
    /// How many blocks there were.
    pub blocks: u64,
    /// The root of the tree over their hashes.
    pub root: [u8; 32],
    /// The epoch.
    pub epoch: u64,
    /// How many entries there were.
    pub entries: u64,
    /// When it was made.
    pub at: Timestamp,
}

/// What isn't a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} isn't {expected}")]
pub struct CheckpointError {
    /// The line, from 1.
    pub line: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// Returns the leaf of a block in the tree over all blocks: SHA-256(00 ‖ its hash).
pub fn block_leaf(hash: &[u8; 32]) -> [u8; 32] {
    Hasher::new().chain_update([0]).chain_update(hash).finalize().into()
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ledger, blocks, root, epoch, entries, at } = self;
        let (ledger, root) = (Uuid::from_bytes(*ledger), BASE64.encode(root));
        write!(f, "{ORIGIN}{ledger}\n{blocks}\n{root}\nepoch {epoch}\nentries {entries}\nat {at}\n")
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    /// Reads what `Display` writes, to the letter: two texts of one checkpoint would be two things to sign.
    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.lines().zip(1..);
        let mut next = |expected, prefix: &str| {
            let (line, number) = lines.next().unwrap_or(("", 0));
            let wrong =
                CheckpointError { line: if number == 0 { text.lines().count() + 1 } else { number }, expected };
            line.strip_prefix(prefix).map(|rest| (rest, wrong)).ok_or(wrong)
        };
        let (ledger, wrong) = next("the ledger's name (devicedrop.ledger/UUID)", ORIGIN)?;
        let ledger = Uuid::try_parse(ledger).map_err(|_| wrong)?.into_bytes();
        let number = |(text, wrong): (&str, CheckpointError)| text.parse::<u64>().map_err(|_| wrong);
        let blocks = number(next("the number of blocks", "")?)?;
        let (root, wrong) = next("the root, 32 bytes as base64", "")?;
        let root = BASE64.decode(root).ok().and_then(|root| <[u8; 32]>::try_from(root).ok()).ok_or(wrong)?;
        let epoch = number(next("the epoch (epoch N)", "epoch ")?)?;
        let entries = number(next("the number of entries (entries N)", "entries ")?)?;
        let (at, wrong) = next("the time (at TIME)", "at ")?;
        let at = at.parse().map_err(|_| wrong)?;
        let checkpoint = Self { ledger, blocks, root, epoch, entries, at };
        if checkpoint.to_string() == text {
            return Ok(checkpoint);
        }
        let differs =
            checkpoint.to_string().lines().zip(text.lines()).take_while(|(ours, theirs)| ours == theirs).count();
        Err(CheckpointError { line: differs + 1, expected: "written as devicedrop writes it" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed_note::{Note, Signer};

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            ledger: [1; 16],
            blocks: 17,
            root: [2; 32],
            epoch: 1,
            entries: 4_242,
            at: Timestamp::from_unix_ms(1_795_356_339_003),
        }
    }

    #[test]
    fn has_the_form_that_others_read() {
        insta::assert_snapshot!(checkpoint(), @"
        devicedrop.ledger/01010101-0101-0101-0101-010101010101
        17
        AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=
        epoch 1
        entries 4242
        at 2026-11-22T14:05:39.003Z
        ");
        assert_eq!(checkpoint().to_string().parse(), Ok(checkpoint()));
    }

    #[test]
    fn is_signed_as_a_note() {
        let mut note = Note { text: checkpoint().to_string(), signatures: Vec::new() };
        let signer = Signer::from_seed("example.com", &[3; 32]).expect("a name");
        signer.sign(&mut note);
        let read: Note = note.to_string().parse().expect("a note");
        assert_eq!(signer.verifier().verify(&read), Ok(()));
        assert_eq!(read.text.parse(), Ok(checkpoint()));
    }

    #[test]
    fn anything_else_is_refused_by_its_line() {
        let text = checkpoint().to_string();
        let line = |text: &str| text.parse::<Checkpoint>().expect_err("no checkpoint").line;
        assert_eq!(line(""), 1);
        assert_eq!(line(&text.replace("devicedrop", "other")), 1);
        assert_eq!(line(&text.replace("\n17", "\n-17")), 2);
        assert_eq!(line(&text.replace("\n17", "\n017")), 2);
        assert_eq!(line(&text.replace("AgIC", "AgI")), 3);
        assert_eq!(line(&text.replace("epoch ", "")), 4);
        assert_eq!(line(&text.replace("entries ", "entries +")), 5);
    }

    #[test]
    fn a_line_more_or_less_is_refused() {
        let text = checkpoint().to_string();
        for wrong in
            [format!("{text}more\n"), text.trim_end().to_owned(), text.lines().take(5).collect::<Vec<_>>().join("\n")]
        {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong}");
        }
    }
}
