//! The signature of a webhook.
//!
//! The header `X-Hub-Signature` carries HMAC-SHA1 over the body's bytes, as upper-case hex without a prefix. An older
//! state of the documentation does not say that it is upper case, so either case is taken, and the prefix `sha1=` that
//! others write before it. The signed text holds neither a time nor an id: a request that was listened to can be sent
//! again for ever, and only duplicate keys and versions protect from that.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// The header that carries the signature.
pub const HEADER: &str = "X-Hub-Signature";
const PREFIX: &str = "sha1=";
const BYTES: usize = 20;

/// The secret that an account's webhooks are signed with, in the form that signs. Never shown.
#[derive(Clone)]
pub struct Secret(Hmac<Sha1>);

impl Secret {
    /// Takes a secret as it was agreed with CareSoft's support, every blank included.
    ///
    /// # Errors
    /// When it is empty: anybody can sign with nothing.
    pub fn new(secret: impl AsRef<str>) -> Result<Self, EmptySecret> {
        let secret = secret.as_ref().as_bytes();
        if secret.is_empty() {
            return Err(EmptySecret);
        }
        // Every length but none is one that it can be made of.
        let mac = Hmac::new_from_slice(secret).map_err(|_no_such_length| EmptySecret)?;
        Ok(Self(mac))
    }

    /// The header's value for a body, as CareSoft writes it.
    pub fn sign(&self, body: &[u8]) -> String {
        let tag = self.0.clone().chain_update(body).finalize().into_bytes();
        tag.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Whether `tag` is the signature of `body`, in constant time.
    fn has_signed(&self, body: &[u8], tag: &[u8; BYTES]) -> bool {
        let mac = self.0.clone().chain_update(body);
        mac.verify(&(*tag).into()).is_ok()
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
        let is_fitting = secret.has_signed(body, &tag);
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
