//! Signed notes: a text that people can read, and signatures that machines can check, as C2SP specifies them
//! (<https://c2sp.org/signed-note>), with Ed25519 keys.
//!
//! What a note says is not known here; a checkpoint is one (`checkpoint`).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Longer notes than this are none of ours.
const LONGEST: usize = 64 * 1024;

/// More signatures than this on one note serve nobody.
const MOST_SIGNATURES: usize = 16;

/// What stands for Ed25519 in keys and their IDs.
const ED25519: u8 = 1;

/// What a key as text begins with when it is the secret one.
const SECRET: &str = "PRIVATE+KEY+";

/// A text, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text that is signed; ends with a line feed.
    pub text: String,
    /// The signatures below it.
    pub signatures: Vec<Signature>,
}

/// One signature on a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// What tells keys of one name apart.
    pub id: [u8; 4],
    /// The signature itself; what it looks like, only the key's kind tells.
    pub bytes: Vec<u8>,
}

/// What isn't a note, or not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too long.
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    /// Control characters, or no line feed at the end.
    #[error("it holds control characters, or doesn't end with a line feed")]
    Text,
    /// There is no empty line with signatures behind it.
    #[error("there are no signatures below the text")]
    Unsigned,
    /// A line below the text isn't a signature.
    #[error("line {0} below the text isn't a signature")]
    Signature(usize),
    /// Too many signatures.
    #[error("it has more than {MOST_SIGNATURES} signatures")]
    Signatures,
    /// A key isn't one.
    #[error("it isn't an Ed25519 key of the form NAME+ID+KEY")]
    Key,
    /// A name can't be one.
    #[error("a key's name is neither empty nor has blanks or plus signs")]
    Name,
}

/// Why a note isn't to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Nobody signed it with this key.
    #[error("it has no signature by the key {0}")]
    Missing(String),
    /// The signature isn't one of this text.
    #[error("its signature by the key {0} isn't one of this text")]
    Wrong(String),
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        if text.len() > LONGEST {
            return Err(NoteError::Long);
        }
        if text.contains(|c: char| c.is_control() && c != '\n') || !text.ends_with('\n') {
            return Err(NoteError::Text);
        }
        let (body, below) = text.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        let lines: Vec<&str> = below.lines().collect();
        if lines.is_empty() {
            return Err(NoteError::Unsigned);
        }
        if lines.len() > MOST_SIGNATURES {
            return Err(NoteError::Signatures);
        }
        let signatures = lines
            .iter()
            .zip(1..)
            .map(|(line, number)| signature(line).ok_or(NoteError::Signature(number)))
            .collect::<Result<_, _>>()?;
        Ok(Self { text: format!("{body}\n"), signatures })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = BASE64.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !bytes.is_empty()).then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, bytes } in &self.signatures {
            writeln!(f, "— {name} {}", BASE64.encode([id.as_slice(), bytes].concat()))?;
        }
        Ok(())
    }
}

/// The first four bytes of SHA-256(name ‖ line feed ‖ kind ‖ public key).
fn id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update([ED25519])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The public half of a key: checks signatures. As text `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Verifier {
    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from other keys of its name.
    pub fn id(&self) -> [u8; 4] {
        id(&self.name, &self.key)
    }

    /// Checks the note's signature by this key. Signatures by others are nobody's business here.
    pub fn verify(&self, note: &Note) -> Result<(), VerifyError> {
        let id = self.id();
        let mut ours = note.signatures.iter().filter(|signature| signature.name == self.name && signature.id == id);
        let signature = ours.next().ok_or_else(|| VerifyError::Missing(self.to_string()))?;
        ed25519_dalek::Signature::from_slice(&signature.bytes)
            .and_then(|signature| self.key.verify_strict(note.text.as_bytes(), &signature))
            .map_err(|_| VerifyError::Wrong(self.to_string()))
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.name, self.id(), self.key.as_bytes())
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, told, bytes) = key_parts(text)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NoteError::Key)?;
        let verifier = Self { name, key };
        if verifier.id() == told { Ok(verifier) } else { Err(NoteError::Key) }
    }
}

/// A whole key: signs. Shows its public half alone, however it is printed.
#[derive(Clone)]
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    /// The key of this name that 32 random bytes make.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The whole key as text, to be kept secret: `PRIVATE+KEY+NAME+ID+KEY`.
    pub fn secret_text(&self) -> String {
        struct Shown<'a>(&'a Signer);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_key(f, &self.0.name, self.0.verifier().id(), self.0.key.as_bytes())
            }
        }
        format!("{SECRET}{}", Shown(self))
    }

    /// Adds this key's signature.
    pub fn sign(&self, note: &mut Note) {
        let bytes = self.key.sign(note.text.as_bytes()).to_bytes().to_vec();
        note.signatures.push(Signature { name: self.name.clone(), id: self.verifier().id(), bytes });
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.verifier().to_string()).finish()
    }
}

impl FromStr for Signer {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, told, seed) = key_parts(text.strip_prefix(SECRET).ok_or(NoteError::Key)?)?;
        let signer = Self::from_seed(&name, &seed)?;
        if signer.verifier().id() == told { Ok(signer) } else { Err(NoteError::Key) }
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, name: &str, id: [u8; 4], key: &[u8; 32]) -> fmt::Result {
    let id = u32::from_be_bytes(id);
    write!(f, "{name}+{id:08x}+{}", BASE64.encode([[ED25519].as_slice(), key].concat()))
}

fn key_parts(text: &str) -> Result<(String, [u8; 4], [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    if !is_name(name) {
        return Err(NoteError::Name);
    }
    let told = u32::from_str_radix(id, 16).ok().filter(|_| id.len() == 8).ok_or(NoteError::Key)?;
    let bytes = BASE64.decode(key).map_err(|_| NoteError::Key)?;
    let (kind, key) = bytes.split_first().ok_or(NoteError::Key)?;
    let key = <[u8; 32]>::try_from(key).ok().filter(|_| *kind == ED25519).ok_or(NoteError::Key)?;
    Ok((name.to_owned(), told.to_be_bytes(), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed("example.com/ledger", &[seed; 32]).expect("a name")
    }

    fn signed(text: &str) -> Note {
        let mut note = Note { text: text.to_owned(), signatures: Vec::new() };
        signer(1).sign(&mut note);
        note
    }

    /// The key and the note that the specification's authors publish with their implementation.
    #[test]
    fn a_note_that_others_signed_is_verified() {
        let verifier: Verifier =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().expect("a key");
        let note: Note = concat!(
            "If you think cryptography is the answer to your problem,\n",
            "then you don't know what your problem is.\n",
            "\n",
            "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
        )
        .parse()
        .expect("a note");
        assert_eq!(verifier.verify(&note), Ok(()));
        assert_eq!(verifier.to_string().parse(), Ok(verifier));
    }

    #[test]
    fn what_was_signed_is_believed_and_nothing_else() {
        let note = signed("three\nlines\n\nof text\n");
        assert_eq!(note.to_string().parse::<Note>().as_ref(), Ok(&note));
        assert_eq!(signer(1).verifier().verify(&note), Ok(()));
        assert!(matches!(signer(2).verifier().verify(&note), Err(VerifyError::Missing(_))));
        let other = Note { text: "three\nlines\n\nof test\n".to_owned(), ..note };
        assert!(matches!(signer(1).verifier().verify(&other), Err(VerifyError::Wrong(_))));
    }

    #[test]
    fn keys_survive_being_written_down_and_hide_their_secret_half() {
        let signer = signer(7);
        let again: Signer = signer.secret_text().parse().expect("a key");
        assert_eq!(again.verifier(), signer.verifier());
        assert!(!format!("{signer:?}").contains(&BASE64.encode([7; 8])[..8]));
        for wrong in ["", "a", "a+b", "a+00000000+AQ==", "PRIVATE+KEY+x", "a b+00000000+AAAA"] {
            assert!(wrong.parse::<Verifier>().is_err() && wrong.parse::<Signer>().is_err(), "{wrong}");
        }
        assert!(signer.secret_text().parse::<Verifier>().is_err(), "a secret key is no public one");
    }

    #[test]
    fn what_is_no_note_says_why() {
        let note = signed("text\n").to_string();
        let why = |text: &str| text.parse::<Note>().expect_err("no note");
        assert_eq!(why("text\n"), NoteError::Unsigned);
        assert_eq!(why(note.trim_end()), NoteError::Text);
        assert_eq!(why(&note.replace("text", "te\txt")), NoteError::Text);
        assert_eq!(why(&format!("{note}nonsense\n")), NoteError::Signature(2));
        assert_eq!(why(&note.repeat(1_000)), NoteError::Long);
        let signature = note.lines().last().expect("a line");
        assert_eq!(why(&format!("text\n\n{}", format!("{signature}\n").repeat(17))), NoteError::Signatures);
    }

    proptest! {
        #[test]
        fn one_changed_bit_is_found(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
            let verifier = signer(1).verifier();
            let note = signed("a checkpoint\n17\nroot\n").to_string();
            let mut bytes = note.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let parsed = String::from_utf8(bytes).ok().and_then(|text| text.parse::<Note>().ok());
            prop_assert!(parsed.is_none_or(|parsed| verifier.verify(&parsed).is_err()));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "(.|\n){0,60}", tail in "(\n\n(— [a-z+]{0,4} [A-Za-z0-9=]{0,12}\n){0,3})?") {
            if let Ok(note) = format!("{text}{tail}").parse::<Note>() {
                prop_assert_eq!(note.to_string().parse::<Note>(), Ok(note));
            }
        }
    }
}
