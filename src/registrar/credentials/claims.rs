//! What an access token says of itself, where it is a JWT that can be read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Some claims of a token. For people alone: nothing checks its signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// Permissions of the app itself.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Permissions that a user lent it, with blanks between them.
    #[serde(default)]
    pub scp: String,
    /// The tenant that it was given for.
    #[serde(default)]
    pub tid: Option<String>,
    /// How the user proved who he is: `mfa` for a second factor.
    #[serde(default)]
    pub amr: Vec<String>,
    /// The service that it is for.
    #[serde(default)]
    pub aud: Option<String>,
}

impl Claims {
    /// The claims of a token; none where it isn't a JWT of that shape (RFC 7519, section 3).
    pub(super) fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Every permission, the app's own and those lent.
    pub fn permissions(&self) -> Vec<&str> {
        self.roles.iter().map(String::as_str).chain(self.scp.split_whitespace()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn permissions_are_read_from_a_token() {
        let claims = Claims::of(&token(r#"{"roles":["A.Read.All"],"scp":"user_impersonation x","tid":"t","n":1}"#));
        let claims = claims.expect("claims");
        assert_eq!(claims.permissions(), ["A.Read.All", "user_impersonation", "x"]);
        assert_eq!(claims.tid.as_deref(), Some("t"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_stumble(text in "\\PC*", payload in "\\PC*") {
            drop((Claims::of(&text), Claims::of(&token(&payload))));
        }
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for odd in ["", "opaque", "a.b", "a.!!.c", &token(r#"{"roles":1}"#)] {
            assert_eq!(Claims::of(odd), None, "{odd}");
        }
    }
}
