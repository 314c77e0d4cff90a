//! Signatures of webhooks as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`.

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// The bytes of a secret, fewest and most.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What signatures are made with. It is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Vec<u8>);

/// Why a text is no secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It begins with something else.
    #[error("a secret begins with whsec_")]
    Prefix,
    /// The rest is not base64.
    #[error("what follows whsec_ is not base64")]
    Base64,
    /// It is too short to be safe, or too long.
    #[error("a secret has 24 to 64 bytes, not {0}")]
    Length(usize),
    /// The system has no randomness.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl Secret {
    /// A new one, of 32 random bytes.
    pub fn random() -> Result<Self, SecretError> {
        Ok(Self(random_bytes::<32>()?.to_vec()))
    }

    /// Reads `whsec_…`.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let rest = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = STANDARD.decode(rest).map_err(|_not_base64| SecretError::Base64)?;
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError::Length(bytes.len())) }
    }

    /// As `whsec_…`, for the one who shares it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// `v1,` and the signature, for the header `webhook-signature`.
    pub fn sign(&self, message: &str, timestamp_secs: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{message}.{timestamp_secs}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// Bytes that nobody can guess.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_unspecified| SecretError::NoRandomness)?;
    Ok(bytes)
}

impl TryFrom<String> for Secret {
    type Error = SecretError;
    fn try_from(text: String) -> Result<Self, SecretError> {
        Self::parse(&text)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.reveal()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_standard_webhooks_publishes() {
        // The vector of the project's own libraries.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_back_and_never_printed() {
        let secret = Secret::random().unwrap();
        assert_eq!(Secret::parse(&secret.reveal()).unwrap(), secret);
        assert_ne!(Secret::random().unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let check = |text: &str, why| assert_eq!(Secret::parse(text), Err(why), "{text:?}");
        check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix);
        check("whsec_not base64", SecretError::Base64);
        check("whsec_MfKQ", SecretError::Length(3));
        check(&format!("whsec_{}", STANDARD.encode([1; 65])), SecretError::Length(65));
    }
}
