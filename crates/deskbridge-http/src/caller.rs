//! Who is calling: exactly one credential, passed on to the helpdesk and judged there.

use std::fmt;

use deskbridge_core::Secret;
use http::{HeaderMap, HeaderName, header};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{ApiError, Code};

/// Names the user for whom the helpdesk itself is calling.
pub const TRUSTED_USER: HeaderName = HeaderName::from_static("x-deskbridge-user");
/// Proves that it is the helpdesk itself.
pub const TRUSTED_SECRET: HeaderName = HeaderName::from_static("x-deskbridge-secret");
/// Frappe's token against forged requests from other sites.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-frappe-csrf-token");

/// Characters in a credential at most.
const CREDENTIAL_CHARACTERS_MAX: usize = 4_096;

/// The credential of a request. Nothing has been verified but a trusted proxy's secret.
#[derive(Clone)]
pub enum Caller {
    /// An `Authorization` header.
    Authorization(Secret),
    /// The `sid` cookie of a helpdesk session, with the CSRF token that came along.
    Session {
        /// The value of the cookie.
        sid: Secret,
        /// The value of `X-Frappe-CSRF-Token`.
        csrf_token: Option<Secret>,
    },
    /// The helpdesk itself, for a user whose rights it has checked.
    Trusted {
        /// The user's name, an e-mail address.
        user: String,
    },
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization(_) => "Authorization",
            Self::Session { .. } => "Session",
            Self::Trusted { .. } => "Trusted",
        })
    }
}

/// The secrets by which somebody proves themselves; several while one is being replaced.
#[derive(Clone, Default)]
pub struct TrustedSecrets(Vec<Secret>);

impl TrustedSecrets {
    /// The secrets, blank ones left out: an empty setting must not open the door.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(
            secrets
                .into_iter()
                .filter(|secret| !secret.is_blank())
                .collect(),
        )
    }

    /// Whether there are none, so that nobody is accepted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text is one of them, in a time that does not tell which or how much of it.
    pub fn accept(&self, given: &str) -> bool {
        // Digests make all comparisons equally long, and every secret is compared.
        let given = Sha256::digest(given.as_bytes());
        let accepted = self.0.iter().fold(0, |accepted, secret| {
            accepted
                | Sha256::digest(secret.expose().as_bytes())
                    .ct_eq(&given)
                    .unwrap_u8()
        });
        accepted == 1
    }
}

impl Caller {
    /// Finds the credential of a request.
    ///
    /// # Errors
    /// When there is none, more than one, or a trusted user without the right secret.
    pub fn of_headers(headers: &HeaderMap, trusted: &TrustedSecrets) -> Result<Self, ApiError> {
        let authorization = text(headers, &header::AUTHORIZATION)?;
        let sid = sid(headers)?;
        let user = text(headers, &TRUSTED_USER)?;
        let secret = text(headers, &TRUSTED_SECRET)?;
        if user.is_some() || secret.is_some() {
            let accepted = secret.is_some_and(|secret| trusted.accept(secret));
            let user = user.map(str::trim).filter(|user| !user.is_empty());
            return match user {
                Some(user) if accepted && authorization.is_none() && sid.is_none() => {
                    Ok(Self::Trusted {
                        user: user.to_owned(),
                    })
                }
                Some(_) if accepted => Err(ApiError::new(
                    Code::TwoCredentials,
                    "a trusted user and a credential",
                )),
                _ => Err(ApiError::new(Code::ForgedProxy, "")),
            };
        }
        match (authorization, sid) {
            (Some(_), Some(_)) => Err(ApiError::new(
                Code::TwoCredentials,
                "an Authorization header and a session cookie",
            )),
            (Some(authorization), None) => Ok(Self::Authorization(Secret::new(authorization))),
            (None, Some(sid)) => {
                let csrf_token = text(headers, &CSRF_TOKEN)?.map(Secret::new);
                Ok(Self::Session {
                    sid: Secret::new(sid),
                    csrf_token,
                })
            }
            (None, None) => Err(ApiError::new(Code::NotLoggedIn, "")),
        }
    }

    /// A name for caches that says nothing about the credential.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        match self {
            Self::Authorization(value) => {
                digest.update(b"authorization\0");
                digest.update(value.expose());
            }
            // The CSRF token is judged anew at every unsafe request and is no part of who is calling.
            Self::Session { sid, csrf_token: _ } => {
                digest.update(b"session\0");
                digest.update(sid.expose());
            }
            Self::Trusted { user } => {
                digest.update(b"trusted\0");
                digest.update(user);
            }
        }
        digest.finalize().into()
    }
}

/// The token of an `Authorization: Bearer` header.
///
/// # Errors
/// When the header comes twice or is no text.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let authorization = text(headers, &header::AUTHORIZATION)?;
    let parts = authorization.and_then(|value| value.trim().split_once(' '));
    let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(token.map(|(_, token)| token.trim()))
}

/// The `sid` cookie, unless it is that of a guest, which Frappe sets on every answer to a token.
fn sid(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut found: Option<String> = None;
    for header in headers.get_all(header::COOKIE) {
        let cookies = header
            .to_str()
            .map_err(|_not_text| ApiError::new(Code::InvalidParameter, "Cookie"))?;
        for cookie in cookies.split(';') {
            let Some(("sid", value)) = cookie.trim().split_once('=') else {
                continue;
            };
            let value = percent_decode_str(value.trim_matches('"')).decode_utf8_lossy();
            if value.is_empty() || value == "Guest" {
                continue;
            }
            if value.len() > CREDENTIAL_CHARACTERS_MAX {
                return Err(ApiError::new(Code::InvalidParameter, "Cookie"));
            }
            if found.as_deref().is_some_and(|earlier| earlier != value) {
                return Err(ApiError::new(Code::TwoCredentials, "two session cookies"));
            }
            found = Some(value.into_owned());
        }
    }
    Ok(found)
}

/// A header as text; it must come at most once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::new(
            Code::TwoCredentials,
            format!("the header {name} twice"),
        ));
    }
    match value.to_str() {
        Ok(value) if value.len() <= CREDENTIAL_CHARACTERS_MAX => {
            Ok(Some(value).filter(|value| !value.trim().is_empty()))
        }
        _ => Err(ApiError::new(Code::InvalidParameter, name.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: &str) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let trusted = TrustedSecrets::new(["new secret", "old secret", " "].map(Secret::new));
        let found = match Caller::of_headers(&headers, &trusted) {
            Ok(Caller::Authorization(value)) => format!("authorization {}", value.expose()),
            Ok(Caller::Session { sid, csrf_token }) => {
                let csrf_token = csrf_token.as_ref().map_or("-", Secret::expose);
                format!("session {} {csrf_token}", sid.expose())
            }
            Ok(Caller::Trusted { user }) => format!("trusted {user}"),
            Err(error) => error.code().as_str().to_owned(),
        };
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn exactly_one_credential_is_found() {
        const TOKEN: (&str, &str) = ("authorization", "token key:secret");
        check(&[], "not_logged_in");
        check(&[TOKEN], "authorization token key:secret");
        check(&[("authorization", "  ")], "not_logged_in");
        check(&[("cookie", "sid=abc; full_name=An")], "session abc -");
        check(
            &[("cookie", "sid=abc"), ("x-frappe-csrf-token", "t")],
            "session abc t",
        );
        check(&[("cookie", "full_name=An; sid=Guest")], "not_logged_in");
        check(
            &[TOKEN, ("cookie", "sid=Guest; user_id=Guest")],
            "authorization token key:secret",
        );
        check(&[TOKEN, ("cookie", "sid=abc")], "two_credentials");
        check(&[TOKEN, TOKEN], "two_credentials");
        check(
            &[("cookie", "sid=abc"), ("cookie", "sid=def")],
            "two_credentials",
        );
        check(&[("cookie", "sid=abc; sid=abc")], "session abc -");
    }

    #[test]
    fn a_trusted_user_needs_one_of_the_secrets() {
        const USER: (&str, &str) = ("x-deskbridge-user", "an@helpdesk.example");
        check(
            &[USER, ("x-deskbridge-secret", "new secret")],
            "trusted an@helpdesk.example",
        );
        check(
            &[USER, ("x-deskbridge-secret", "old secret")],
            "trusted an@helpdesk.example",
        );
        check(&[USER], "forged_proxy");
        check(&[USER, ("x-deskbridge-secret", "other")], "forged_proxy");
        check(&[USER, ("x-deskbridge-secret", " ")], "forged_proxy");
        check(&[("x-deskbridge-secret", "new secret")], "forged_proxy");
        check(
            &[USER, ("authorization", "token key:secret")],
            "forged_proxy",
        );
        check(
            &[
                USER,
                ("x-deskbridge-secret", "new secret"),
                ("cookie", "sid=abc"),
            ],
            "two_credentials",
        );
    }

    #[test]
    fn without_configured_secrets_nobody_is_trusted() {
        let mut headers = HeaderMap::new();
        headers.insert(
            TRUSTED_USER,
            HeaderValue::from_static("an@helpdesk.example"),
        );
        headers.insert(TRUSTED_SECRET, HeaderValue::from_static(""));
        let none = TrustedSecrets::new([Secret::new("")]);
        let refused = Caller::of_headers(&headers, &none).unwrap_err();
        assert_eq!(refused.code(), Code::ForgedProxy);
    }

    #[test]
    fn the_token_of_a_bearer_is_found() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("token a:b", None),
        ] {
            let headers =
                HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(header))]);
            assert_eq!(bearer_token(&headers).unwrap(), expected, "{header}");
        }
        assert_eq!(bearer_token(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn fingerprints_tell_callers_apart() {
        let authorization = Caller::Authorization(Secret::new("abc"));
        let session = Caller::Session {
            sid: Secret::new("abc"),
            csrf_token: None,
        };
        let trusted = Caller::Trusted {
            user: "abc".to_owned(),
        };
        let all = [authorization, session, trusted].map(|caller| caller.fingerprint());
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }
}
