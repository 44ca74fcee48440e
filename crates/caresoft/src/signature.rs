//! The signature of a webhook.
//!
//! The header `X-Hub-Signature` carries HMAC-SHA1 over the body's bytes, as upper-case hex without a prefix. An older
//! state of the documentation does not say that it is upper case, so either case is taken, and the prefix `sha1=` that
//! others write before it. The signed text holds neither a time nor an id: a request that was listened to can be sent
//! again for ever, and only duplicate keys and versions protect from that.

use std::fmt;

use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// The header that carries the signature.
pub const HEADER: &str = "X-Hub-Signature";
const PREFIX: &str = "sha1=";
const BYTES: usize = 20;

/// The secret that an account's webhooks are signed with. Never shown.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret as it was agreed with CareSoft's support, every blank included.
    ///
    /// # Errors
    /// When it is empty: anybody can sign with nothing.
    pub fn new(secret: impl Into<String>) -> Result<Self, EmptySecret> {
        let secret = secret.into();
        match secret.is_empty() {
            true => Err(EmptySecret),
            false => Ok(Self(secret.into())),
        }
    }

    /// The header's value for a body, as CareSoft writes it.
    pub fn sign(&self, body: &[u8]) -> String {
        let tag = hmac::sign(&self.key(), body);
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            self.0.expose_secret().as_bytes(),
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret without a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook secret is empty")]
pub struct EmptySecret;

/// Why a body is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// No header.
    #[error("there is no signature")]
    Missing,
    /// A header that is not 40 hex digits, with or without `sha1=`.
    #[error("the signature is not 40 hex digits")]
    Malformed,
    /// Signed with another secret, or changed on its way.
    #[error("the signature was made with none of the {secrets} secrets, or the body was changed")]
    Mismatch {
        /// How many secrets were tried.
        secrets: usize,
    },
}

/// Finds the secret that `body` was signed with: its place among `secrets`.
///
/// Every secret is tried, each in constant time, so that neither the time taken nor the order tells which one fits.
/// `header` is the value of [`HEADER`]; `body` the bytes as they came, before anything is parsed.
///
/// # Errors
/// When there is no signature, it is none, or no secret fits.
pub fn verify<'s>(
    header: Option<&[u8]>,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'s Secret>,
) -> Result<usize, Unverified> {
    let tag = decode(header.ok_or(Unverified::Missing)?).ok_or(Unverified::Malformed)?;
    let (mut fitting, mut tried) = (None, 0);
    for secret in secrets {
        let is_fitting = hmac::verify(&secret.key(), body, &tag).is_ok();
        fitting = fitting.or(is_fitting.then_some(tried));
        tried += 1;
    }
    fitting.ok_or(Unverified::Mismatch { secrets: tried })
}

fn decode(header: &[u8]) -> Option<[u8; BYTES]> {
    let header = header.trim_ascii();
    let digits = match header.split_at_checked(PREFIX.len()) {
        Some((prefix, digits)) if prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) => digits,
        _ => header,
    };
    if digits.len() != 2 * BYTES {
        return None;
    }
    let mut tag = [0; BYTES];
    for (byte, pair) in tag.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(tag)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        b'A'..=b'F' => Some(letter - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
