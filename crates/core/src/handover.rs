//! One signing key follows another: what the record says of it, and the statement by which the older key agrees.
//!
//! A checkpoint by a key that was replaced before, or by one that nobody ever put on record, isn't the operator's. Where
//! keys come from, and who compares, isn't known here.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::signed_note::{Note, NoteError, Signature, Signer, Verifier};

/// The action by which the record tells that checkpoints are signed by another key from there on: its subject is that
/// key's public half, or nothing where they are no longer signed, its reason the [`Handover`], if a key came before.
pub const ACTION: &str = "use_signing_key";

/// What the statement begins with.
const DOMAIN: &str = "devicedrop signing key";

/// What stands between the key and its signature.
const SIGNED: &str = ", signed ";

/// The key that was replaced, and its signature below the statement, if it was there to sign. As text
/// `after NAME+ID+KEY, signed BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The key that was replaced.
    pub after: Verifier,
    signature: Option<Vec<u8>>,
}

impl Handover {
    /// From a key that can't sign any more, or that nobody asked.
    pub fn unsigned(after: Verifier) -> Self {
        Self { after, signature: None }
    }

    /// From a key that says itself by whom it is replaced.
    pub fn signed(by: &Signer, to: &Verifier) -> Self {
        let after = by.verifier();
        let mut note = statement(&after, to, Vec::new());
        by.sign(&mut note);
        Self { after, signature: note.signatures.pop().map(|signature| signature.bytes) }
    }

    /// Whether the replaced key has signed that it is replaced by `to`; none where there is no signature.
    pub fn is_signed(&self, to: &Verifier) -> Option<bool> {
        let bytes = self.signature.clone()?;
        let signature = Signature { name: self.after.name().to_owned(), id: self.after.id(), bytes };
        Some(self.after.verify(&statement(&self.after, to, vec![signature])).is_ok())
    }
}

/// What the replaced key signs.
fn statement(after: &Verifier, to: &Verifier, signatures: Vec<Signature>) -> Note {
    Note { text: format!("{DOMAIN}\nafter {after}\n{to}\n"), signatures }
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {}", self.after)?;
        self.signature.as_ref().map_or(Ok(()), |bytes| write!(f, "{SIGNED}{}", BASE64.encode(bytes)))
    }
}

impl FromStr for Handover {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let rest = text.strip_prefix("after ").ok_or(NoteError::Key)?;
        // A key's name has no blank in it.
        let Some((key, signature)) = rest.split_once(SIGNED) else {
            return Ok(Self::unsigned(rest.parse()?));
        };
        let signature = BASE64.decode(signature).map_err(|_| NoteError::Key)?;
        Ok(Self { after: key.parse()?, signature: Some(signature) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer(name: &str, seed: u8) -> Signer {
        Signer::from_seed(name, &[seed; 32]).expect("a name")
    }

    #[test]
    fn the_older_key_agrees_to_one_key_alone() {
        let (older, newer, other) = (signer("a", 1), signer("a", 2), signer("a", 3));
        let handover = Handover::signed(&older, &newer.verifier());
        assert_eq!(handover.to_string().parse(), Ok(handover.clone()));
        assert_eq!(handover.is_signed(&newer.verifier()), Some(true));
        assert_eq!(handover.is_signed(&other.verifier()), Some(false));
        let claimed = Handover { after: other.verifier(), ..handover };
        assert_eq!(claimed.is_signed(&newer.verifier()), Some(false), "another key didn't sign it");
    }

    #[test]
    fn a_key_that_could_not_sign_is_named_all_the_same() {
        let handover = Handover::unsigned(signer("a", 1).verifier());
        assert_eq!(handover.is_signed(&signer("a", 2).verifier()), None);
        insta::assert_snapshot!(handover, @"after a+08942d87+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");
        assert_eq!(handover.to_string().parse(), Ok(handover));
    }

    #[test]
    fn the_form_is_fixed() {
        let (older, newer) = (signer("a", 1), signer("b", 2));
        insta::assert_snapshot!(statement(&older.verifier(), &newer.verifier(), Vec::new()).text, @r"
        devicedrop signing key
        after a+08942d87+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c
        b+a7adccd5+AYE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU
        ");
        insta::assert_snapshot!(Handover::signed(&older, &newer.verifier()), @"after a+08942d87+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c, signed QsJ6vmdwFjPAtLuvvxCWbTDtvqikhDkoamGH/D1YOjX5mSBuLv86ybCu49p3hy9DS0TRcZMa+UVi8VSpx4/2DA==");
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "after [a-z+AQ=0-9]{0,60}(, signed [A-Za-z0-9+/=]{0,90})?|.{0,40}") {
            if let Ok(handover) = text.parse::<Handover>() {
                prop_assert_eq!(handover.to_string().parse(), Ok(handover));
            }
        }
    }
}
