//! Signing keys: made, configured, and as the record tells which was in force when.

use std::io;
use std::path::Path;

use devicedrop_core::handover::Handover;
use devicedrop_core::shown::shown;
use devicedrop_core::signed_note::{Note, Signer, Verifier as Key, VerifyError};

use crate::cli::audit::NewKey;
use crate::cli::error::Failure;
use crate::config::Config;
use crate::durable;
use crate::ledger::Reader;
use crate::ledger::reader::KeyEntry;
use crate::proof::signing::{self, SigningKey, SigningKeyError};

use super::super::failure;
use super::super::lookups::failure::Told;
use super::kept::Kept;
use super::{LONGEST, read, unreadable, unusable};

/// Makes a signing key in a file of its own. The configured key, if there is one, signs that it is replaced by it.
pub(in crate::services) fn keygen(config: &Config, path: &Path, name: &str) -> Result<NewKey, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| failure("the system gives no random bytes", vec![error.to_string()], None))?;
    let signer = Signer::from_seed(name, &seed).map_err(|error| failure(error.to_string(), Vec::new(), None))?;
    let public = signer.verifier();
    let before = before(config, path)?;
    let handover = before.as_ref().map(|before| Handover::signed(before, &public));
    let text = SigningKey { signer, handover }.secret_text();
    let shown_path = shown(&path.display().to_string()).to_string();
    match durable::write_new(path, 0o400, text.as_bytes()) {
        Ok(true) => {
            let replaces = before.map(|before| before.verifier().to_string());
            Ok(NewKey { public: public.to_string(), replaces })
        }
        Ok(false) => Err(failure(
            format!("{shown_path} is there already"),
            Vec::new(),
            Some("a key that signed something is never replaced: choose another file".to_owned()),
        )),
        Err(error) => Err(failure(format!("{shown_path} can't be written"), vec![error.to_string()], None)),
    }
}

/// The configured key, if there is one in its file; none, where its file is the one that is to be made.
fn before(config: &Config, new: &Path) -> Result<Option<Signer>, Failure> {
    let Some(path) = config.ledger.signing_key_file.as_deref().filter(|path| *path != new) else { return Ok(None) };
    match signing::read(path) {
        Ok(key) => Ok(Some(key.signer)),
        Err(SigningKeyError::Read(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let mut failure = unusable_key(path, error);
            failure.refusal.hint = Some(
                "the configured key has to sign that it is replaced: run it as the user who may read it, or, if that \
                 key is lost, take ledger.signing_key_file out of the configuration first"
                    .to_owned(),
            );
            Err(failure)
        }
    }
}

/// The key that signs what is made here, if one is configured. One that was configured anew signs nothing before the
/// record says so.
pub(in crate::services) fn in_force(config: &Config) -> Result<Option<Signer>, Failure> {
    let Some(path) = config.ledger.signing_key_file.as_deref() else { return Ok(None) };
    let signer = signing::read(path).map_err(|error| unusable_key(path, error))?.signer;
    let reader = Reader::open(&config.ledger.path).map_err(Told::told)?;
    let on_record = reader.key_in_force().map_err(Told::told)?;
    if on_record.is_some_and(|key| key != signer.verifier().to_string()) {
        return Err(failure(
            "the configured signing key isn't the one that the record says is in force",
            Vec::new(),
            Some("restart the daemon: it puts the new key on record".to_owned()),
        ));
    }
    Ok(Some(signer))
}

fn unusable_key(path: &Path, error: SigningKeyError) -> Failure {
    match error {
        SigningKeyError::Read(error) => unreadable(path, &error),
        SigningKeyError::Key(error) => unusable(path, "signing key", error),
    }
}

/// A key as it stands there, or as it stands in the file of that name.
pub(super) fn key(text: &str) -> Result<Key, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let path = Path::new(text);
    read(path, LONGEST)?.trim_end().parse().map_err(|error| unusable(path, "public key", error))
}

/// A key that the record names.
struct Named {
    entry: KeyEntry,
    key: Option<Key>,
    /// The key before it, where that one has signed that it is replaced by this one.
    by: Option<Key>,
}

/// The keys that the record names, in its order.
#[derive(Default)]
pub(super) struct OnRecord {
    keys: Vec<Named>,
    /// Each as a sentence.
    pub(super) told: Vec<String>,
    /// What isn't as it must be with them, each as a sentence.
    pub(super) found: Vec<String>,
}

impl OnRecord {
    pub(super) fn of(entries: Vec<KeyEntry>) -> Self {
        let mut on_record = Self::default();
        for entry in entries {
            on_record.add(entry);
        }
        on_record
    }

    fn add(&mut self, entry: KeyEntry) {
        let key = entry.key.as_deref().and_then(|key| key.parse::<Key>().ok());
        let handover = entry.handover.as_deref().and_then(|text| text.parse::<Handover>().ok());
        let before = self.keys.last().and_then(|named| named.key.clone());
        let signed = handover.as_ref().zip(key.as_ref()).and_then(|(handover, key)| handover.is_signed(key));
        let is_right = (key.is_some() || entry.key.is_none())
            && (handover.is_some() || entry.handover.is_none())
            && handover.as_ref().map(|handover| &handover.after) == before.as_ref()
            && signed != Some(false);
        if !is_right {
            self.found.push(format!(
                "entry {} of the ledger names a signing key, and the key before it isn't the one that it names, or \
                 didn't sign that",
                entry.entry
            ));
        }
        let by = before.filter(|_| is_right && signed == Some(true));
        let word = match (&by, &handover) {
            (Some(_), _) => ", signed by the one before it",
            (None, Some(_)) if key.is_some() => ", not signed by the one before it",
            _ => "",
        };
        let name = key.as_ref().map_or_else(|| "none".to_owned(), |key| shown(&key.to_string()).to_string());
        self.told.push(format!("{name} since {} (entry {}, block {}){word}", entry.at, entry.entry, entry.block));
        self.keys.push(Named { entry, key, by });
    }

    /// These keys, and those that they have signed over to, one after the other.
    pub(super) fn successors(&self, given: &[Key]) -> Vec<Key> {
        let mut keys = given.to_vec();
        for named in &self.keys {
            if let (Some(key), Some(by)) = (&named.key, &named.by)
                && keys.contains(by)
                && !keys.contains(key)
            {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// What is wrong with who signed a checkpoint, as a sentence; `given` are the keys that whoever asks believes
    /// himself.
    pub(super) fn judge(&self, kept: &Kept, given: &[Key]) -> Option<String> {
        let note = kept.note.as_ref()?;
        let mut signers = self.keys.iter().filter_map(|named| Some((named, named.key.as_ref()?)));
        let mut signed = signers.clone().filter(|(_, key)| has_signature(note, key));
        if signed.clone().any(|(_, key)| matches!(key.verify(note), Err(VerifyError::Wrong(_)))) {
            return Some(format!("{} has a signature that isn't by the key that it names", kept.name));
        }
        if signers.next().is_none() || signed.clone().any(|(named, _)| !self.is_replaced(named, kept)) {
            return None;
        }
        let Some((_, key)) = signed.next_back() else {
            let is_given = given.iter().any(|key| key.verify(note).is_ok());
            return (!is_given).then(|| format!("{} is signed by none of the keys that the record names", kept.name));
        };
        Some(format!(
            "{} is signed by the key {}, which had been replaced by another one before block {}",
            kept.name,
            shown(&key.to_string()),
            kept.checkpoint.blocks
        ))
    }

    /// Whether the key wasn't in force any more when the checkpoint was made. What a restore left behind is told as
    /// such.
    fn is_replaced(&self, named: &Named, kept: &Kept) -> bool {
        let next = self.keys.iter().find(|next| next.entry.entry > named.entry.entry);
        next.is_some_and(|next| {
            next.entry.block <= kept.checkpoint.blocks && next.entry.epoch <= kept.checkpoint.epoch
        })
    }
}

fn has_signature(note: &Note, key: &Key) -> bool {
    !matches!(key.verify(note), Err(VerifyError::Missing(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use devicedrop_core::time::Timestamp;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed("a", &[seed; 32]).expect("a name")
    }

    fn entry(entry: u64, key: &Signer, handover: Option<&Handover>) -> KeyEntry {
        let (at, key) = (Timestamp::from_unix_ms(0), Some(key.verifier().to_string()));
        KeyEntry { entry, at, block: entry, epoch: 1, key, handover: handover.map(ToString::to_string) }
    }

    #[test]
    fn a_handover_that_does_not_hold_is_found_and_leads_nowhere() {
        let (first, second, other) = (signer(1), signer(2), signer(3));
        let right = Handover::signed(&first, &second.verifier());
        for (handover, is_right) in [
            (Some(right), true),
            (Some(Handover::unsigned(first.verifier())), true),
            (Some(Handover::signed(&first, &other.verifier())), false),
            (Some(Handover::unsigned(other.verifier())), false),
            (None, false),
        ] {
            let on_record = OnRecord::of(vec![entry(5, &first, None), entry(9, &second, handover.as_ref())]);
            assert_eq!(on_record.found.is_empty(), is_right, "{handover:?}");
            let led = on_record.successors(&[first.verifier()]).contains(&second.verifier());
            let signed = handover.is_some_and(|handover| handover.is_signed(&second.verifier()) == Some(true));
            assert_eq!(led, signed);
        }
    }
}
