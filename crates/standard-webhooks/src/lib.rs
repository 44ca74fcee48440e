#![doc = include_str!("../README.md")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::hmac;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes in a secret, as the specification has them.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It does not begin with `whsec_`, or what follows is not Base64.
    #[error("a signing secret is `whsec_` and Base64; `openssl rand -base64 32` makes the latter")]
    Form,
    /// It is too short to protect, or longer than receivers take.
    #[error("a signing secret holds 24 to 64 bytes, and this one {bytes}")]
    Length {
        /// How many it holds.
        bytes: usize,
    },
}

/// A key that signs; [`Debug`](std::fmt::Debug) does not show it.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key of a secret: `whsec_` and Base64 of 24 to 64 bytes. White space around it is of no account.
    ///
    /// # Errors
    /// When the secret is none, or cannot protect.
    pub fn new(secret: &str) -> Result<Self, InvalidSecret> {
        let encoded = secret
            .trim()
            .strip_prefix(PREFIX)
            .ok_or(InvalidSecret::Form)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_not_base64| InvalidSecret::Form)?;
        if !BYTES.contains(&bytes.len()) {
            return Err(InvalidSecret::Length { bytes: bytes.len() });
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn sign(&self, id: &str, sent_at: Timestamp, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{}.", sent_at.as_second()).as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// The value of `webhook-signature`: one signature for each key, because secrets are replaced with an overlap.
pub fn signatures(keys: &[SigningKey], id: &str, sent_at: Timestamp, body: &[u8]) -> String {
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, sent_at, body)).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_over_id_time_and_body() {
        // Computed with `openssl dgst -sha256 -hmac`.
        let secret = format!("whsec_{}", STANDARD.encode([b'k'; 24]));
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let signed = signatures(
            &[SigningKey::new(&secret).unwrap()],
            "msg_1",
            at,
            b"{\"a\":1}",
        );
        assert_eq!(signed, "v1,bYr7Rz93bX8WqNI5XVthzq7NE/LcYrDkos9dgSLYHOc=");
        let two = [
            SigningKey::new(&secret).unwrap(),
            SigningKey::new(&secret).unwrap(),
        ];
        assert_eq!(
            signatures(&two, "msg_1", at, b"{\"a\":1}"),
            format!("{signed} {signed}")
        );
        for (id, second, body) in [
            ("msg_2", 1_700_000_000, &b"{\"a\":1}"[..]),
            ("msg_1", 1_700_000_001, b"{\"a\":1}"),
            ("msg_1", 1_700_000_000, b"{\"a\":2}"),
        ] {
            let at = Timestamp::from_second(second).unwrap();
            assert_ne!(signatures(&two[..1], id, at, body), signed);
        }
    }

    #[test]
    fn a_secret_that_cannot_protect_is_refused() {
        let of = |bytes: usize| {
            let secret = format!(" whsec_{}\n", STANDARD.encode(vec![1; bytes]));
            SigningKey::new(&secret).map(drop)
        };
        for (bytes, expected) in [
            (23, Err(InvalidSecret::Length { bytes: 23 })),
            (24, Ok(())),
            (64, Ok(())),
            (65, Err(InvalidSecret::Length { bytes: 65 })),
        ] {
            assert_eq!(of(bytes), expected);
        }
        for wrong in ["", "secret", "whsec_!!!"] {
            let refused = SigningKey::new(wrong).err();
            assert_eq!(refused, Some(InvalidSecret::Form), "{wrong}");
        }
    }

    #[test]
    fn no_key_is_shown() {
        let secret = format!("whsec_{}", STANDARD.encode([b'k'; 24]));
        let shown = format!("{:?}", SigningKey::new(&secret).unwrap());
        assert_eq!(shown, "SigningKey { .. }");
    }
}
