//! The key that signs checkpoints, and checkpoints as notes.
//!
//! Where the key is configured, and what is done with a note, is decided elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::handover::Handover;
use devicedrop_core::signed_note::{Note, NoteError, Signer};

/// A key has some hundred bytes.
const LONGEST: u64 = 64 * 1024;

/// A signing key can't be used. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file can't be read.
    #[error("it can't be read")]
    Read(#[source] io::Error),
    /// Something else stands in it.
    #[error("it holds no signing key: {0}")]
    Key(NoteError),
}

/// A signing key, with the word of the key that it replaces.
#[derive(Debug)]
pub struct SigningKey {
    /// The key.
    pub signer: Signer,
    /// How the key before it handed over, where there was one that was asked.
    pub handover: Option<Handover>,
}

impl SigningKey {
    /// What stands in its file: the key on the first line, and the handover on the second.
    pub fn secret_text(&self) -> String {
        let handover = self.handover.as_ref().map_or_else(String::new, |handover| format!("{handover}\n"));
        format!("{}\n{handover}", self.signer.secret_text())
    }
}

/// Reads a signing key from its file.
pub fn read(path: &Path) -> Result<SigningKey, SigningKeyError> {
    let mut text = String::new();
    let opened = File::open(path).map_err(SigningKeyError::Read)?;
    opened.take(LONGEST).read_to_string(&mut text).map_err(SigningKeyError::Read)?;
    let (key, handover) = text
        .trim_end()
        .split_once('\n')
        .map_or((text.trim_end(), None), |(key, handover)| (key.trim_end(), Some(handover)));
    let signer = key.parse().map_err(SigningKeyError::Key)?;
    let handover = handover.map(str::parse).transpose().map_err(SigningKeyError::Key)?;
    Ok(SigningKey { signer, handover })
}

/// A checkpoint as a note; signed, if there is a key.
pub fn noted(checkpoint: &Checkpoint, signer: Option<&Signer>) -> String {
    let mut note = Note { text: checkpoint.to_string(), signatures: Vec::new() };
    let Some(signer) = signer else { return note.text };
    signer.sign(&mut note);
    note.to_string()
}
