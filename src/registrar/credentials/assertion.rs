//! The proof that an app holds the key of its certificate: a JWT that it signs, in the form that
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials> asks for (RFC 7523, section 2.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devicedrop_core::time::Timestamp;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PSS_SHA256;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::secret::{Secret, Why};

/// How long a proof holds: five to ten minutes at most, the documentation says.
const LASTS: i64 = 300;

/// By how much the sign-in service's clock may be behind ours.
const BEHIND: i64 = 60;

/// What a proof says.
pub(super) struct Claim<'a> {
    /// The token endpoint that it is for.
    pub(super) audience: &'a str,
    /// The app.
    pub(super) client_id: &'a str,
    /// A GUID of its own.
    pub(super) id: &'a str,
    /// Now.
    pub(super) at: Timestamp,
}

/// Signs a proof with the key of a certificate, both in PEM.
pub(super) fn signed(claim: &Claim<'_>, certificate: &Secret, private_key: &Secret) -> Result<Secret, Why> {
    let certificate = CertificateDer::from_pem_slice(certificate.text().as_bytes()).map_err(|_| {
        "the certificate isn't one in PEM: expected a block that begins with -----BEGIN CERTIFICATE-----".to_owned()
    })?;
    let key = key(private_key)?;
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate));
    let header = serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
    let now = claim.at.unix_ms().div_euclid(1_000);
    let payload = serde_json::json!({
        "aud": claim.audience,
        "iss": claim.client_id,
        "sub": claim.client_id,
        "jti": claim.id,
        "nbf": now - BEHIND,
        "iat": now,
        "exp": now + LASTS,
    });
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{header}.{payload}");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| "the private key can't sign".to_owned())?;
    Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn key(pem: &Secret) -> Result<KeyPair, Why> {
    if pem.text().contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.text().contains("Proc-Type: 4,ENCRYPTED") {
        return Err("the private key is locked by a password: unlock it with `openssl pkey -in KEY -out NEW`, in a \
                    file that nobody else can read"
            .to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(pem.text().as_bytes()).map_err(|_| {
        "the private key isn't one in PEM: expected a block that begins with -----BEGIN PRIVATE KEY-----".to_owned()
    })?;
    let read = match &key {
        PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err("the private key is of another kind than RSA, which the sign-in service asks for".to_owned()),
    };
    read.map_err(|why| format!("the private key isn't an RSA key of 2,048 to 4,096 bits, which is needed ({why})"))
}

#[cfg(test)]
pub(super) mod tests {
    use ring::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    /// Made for these tests by `openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -subj /CN=devicedrop-test`.
    pub(in super::super) const CERTIFICATE: &str = include_str!("testdata/certificate.pem");
    /// Its key, which opens nothing.
    pub(in super::super) const KEY: &str = include_str!("testdata/key.pem");

    fn claim() -> Claim<'static> {
        Claim {
            audience: "https://login.example/t/oauth2/v2.0/token",
            client_id: "app",
            id: "one",
            at: Timestamp::from_unix_ms(1_000_000_500),
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn part(text: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
    }

    #[test]
    fn a_proof_says_what_is_asked_for_and_its_signature_holds() {
        let proof = signed(&claim(), &secret(CERTIFICATE), &secret(KEY)).expect("a proof");
        let (text, signature) = proof.text().rsplit_once('.').expect("a signature");
        let (header, payload) = text.split_once('.').expect("two parts");
        // openssl x509 -in certificate.pem -outform DER | openssl dgst -sha256 -binary | basenc --base64url
        let thumbprint = include_str!("testdata/thumbprint").trim_end().trim_end_matches('=');
        let expected = serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
        assert_eq!(part(header), expected);
        let expected = serde_json::json!({
            "aud": "https://login.example/t/oauth2/v2.0/token", "iss": "app", "sub": "app", "jti": "one",
            "nbf": 999_940, "iat": 1_000_000, "exp": 1_000_300,
        });
        assert_eq!(part(payload), expected);
        let public = key(&secret(KEY)).expect("a key").public_key().as_ref().to_vec();
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
            .verify(text.as_bytes(), &signature)
            .expect("it holds");
    }

    #[test]
    fn what_cannot_be_used_is_named_and_never_shown() {
        let told = |certificate: &str, key: &str| {
            signed(&claim(), &secret(certificate), &secret(key)).map(drop).expect_err("refused")
        };
        assert!(told("canary", KEY).contains("-----BEGIN CERTIFICATE-----"));
        assert!(told(CERTIFICATE, "canary").contains("-----BEGIN PRIVATE KEY-----"));
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nY2FuYXJ5\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(told(CERTIFICATE, locked).contains("openssl pkey"));
        let odd = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n";
        assert!(told(CERTIFICATE, odd).contains("RSA key of 2,048"));
        let curve = "-----BEGIN EC PRIVATE KEY-----\nY2FuYXJ5\n-----END EC PRIVATE KEY-----\n";
        assert!(told(CERTIFICATE, curve).contains("another kind than RSA"));
    }
}
