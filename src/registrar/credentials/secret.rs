//! A secret in memory, and reading one from where the configuration says it is.

use std::fmt;

use zeroize::Zeroizing;

/// A secret: overwritten when it is given up, and shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret of these letters.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Its letters, for who sends them.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
