//! Who is asking: the program's own user, or the user who called the program.
//!
//! A request carries exactly one credential. Frappe lets a session cookie win over a token (observed on 15.50),
//! so a request that carried both would be made as somebody else than intended; the types here cannot express it.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

const AUTHORIZATION_BYTES_MAX: usize = 8 * 1024;
const SID_BYTES_MAX: usize = 140;
const CSRF_TOKEN_BYTES_MAX: usize = 256;

/// What a request is authenticated with.
///
/// Nothing in it is ever shown by `Debug`.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The key pair of the program's own user.
    Token(Token),
    /// What a caller of the program brought along.
    Caller(Caller),
}

impl Credential {
    /// The key pair of the program's own user.
    ///
    /// # Errors
    /// When a part is empty or has a character that no key has.
    pub fn token(key: &str, secret: &str) -> Result<Self, InvalidCredential> {
        Token::new(key, secret).map(Self::Token)
    }

    /// The secret material, for a cache key that the caller derives from it with a one-way function.
    ///
    /// Two credentials are the same exactly when their materials are equal. Never store or show the result.
    pub fn expose_material(&self) -> Material<'_> {
        match self {
            Self::Token(token) => Material::Authorization(token.0.expose_secret()),
            Self::Caller(caller) => caller.expose_material(),
        }
    }

    /// The CSRF token that goes with unsafe requests, where the caller brought one.
    pub(crate) fn csrf_token(&self) -> Option<&SecretString> {
        match self {
            Self::Token(_) => None,
            Self::Caller(caller) => match &caller.request {
                BrowserRequest::Unsafe { csrf_token } => csrf_token.as_ref(),
                BrowserRequest::Safe => None,
            },
        }
    }

    pub(crate) fn is_session(&self) -> bool {
        matches!(self.expose_material(), Material::Session(_))
    }

    /// Whether Frappe has to judge the caller's CSRF token too.
    pub(crate) fn needs_csrf_check(&self) -> bool {
        let is_unsafe = match self {
            Self::Token(_) => false,
            Self::Caller(caller) => matches!(caller.request, BrowserRequest::Unsafe { .. }),
        };
        is_unsafe && self.is_session()
    }

    /// Every string that must not appear in what Frappe is quoted with.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let mut secrets = Vec::new();
        match self.expose_material() {
            Material::Authorization(header) => {
                secrets.push(header);
                if let Some((_, pair)) = header.split_once(' ') {
                    secrets.push(pair);
                    secrets.extend(pair.split(':'));
                }
            }
            Material::Session(sid) => secrets.push(sid),
        }
        secrets.extend(self.csrf_token().map(|token| token.expose_secret()));
        // A short word would blank out ordinary text.
        secrets.retain(|secret| secret.len() >= 6);
        secrets
    }
}

impl From<Caller> for Credential {
    fn from(caller: Caller) -> Self {
        Self::Caller(caller)
    }
}

/// The material of a credential, as it goes over the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Material<'a> {
    /// The value of the `Authorization` header.
    Authorization(&'a str),
    /// The value of the `sid` cookie.
    Session(&'a str),
}

impl fmt::Debug for Material<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization(_) => "Authorization(..)",
            Self::Session(_) => "Session(..)",
        })
    }
}

impl Material<'_> {
    /// The header that carries the material.
    pub(crate) fn header(&self) -> Option<(reqwest::header::HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Self::Authorization(value) => {
                (reqwest::header::AUTHORIZATION, HeaderValue::from_str(value))
            }
            Self::Session(sid) => (
                reqwest::header::COOKIE,
                HeaderValue::from_str(&format!("sid={sid}")),
            ),
        };
        let mut value = value.ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// A key pair, held as the header value that it becomes.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

impl Token {
    fn new(key: &str, secret: &str) -> Result<Self, InvalidCredential> {
        for part in [key, secret] {
            if part.is_empty() || part.len() > AUTHORIZATION_BYTES_MAX / 4 {
                return Err(InvalidCredential::TokenLength);
            }
            if !part
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':')
            {
                return Err(InvalidCredential::TokenCharacter);
            }
        }
        Ok(Self(SecretString::from(format!("token {key}:{secret}"))))
    }
}

/// The credential of the user who called the program, passed on as it came.
#[derive(Clone, Debug)]
pub struct Caller {
    kind: CallerKind,
    request: BrowserRequest,
}

#[derive(Clone, Debug)]
enum CallerKind {
    Authorization(SecretString),
    Session(SecretString),
}

#[derive(Clone, Debug)]
enum BrowserRequest {
    Safe,
    Unsafe { csrf_token: Option<SecretString> },
}

impl Caller {
    /// A caller with an `Authorization` header.
    ///
    /// # Errors
    /// When it is not exactly two words of visible ASCII with one blank between them: Frappe ignores such a
    /// header and treats the caller as Guest (observed on 15.50), which would look like a missing login.
    pub fn authorization(header: &str) -> Result<Self, InvalidCredential> {
        if header.len() > AUTHORIZATION_BYTES_MAX {
            return Err(InvalidCredential::AuthorizationLength);
        }
        let (scheme, rest) = header
            .split_once(' ')
            .ok_or(InvalidCredential::AuthorizationWords)?;
        for word in [scheme, rest] {
            if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(InvalidCredential::AuthorizationWords);
            }
        }
        Ok(Self {
            kind: CallerKind::Authorization(SecretString::from(header)),
            request: BrowserRequest::Safe,
        })
    }

    /// A caller with a session: the value of the `sid` cookie.
    ///
    /// # Errors
    /// When it has a character that no session id has; such a value could smuggle in a second cookie.
    pub fn session(sid: &str) -> Result<Self, InvalidCredential> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if sid.is_empty() || sid.len() > SID_BYTES_MAX || !sid.bytes().all(is_plain) {
            return Err(InvalidCredential::Session);
        }
        Ok(Self {
            kind: CallerKind::Session(SecretString::from(sid)),
            request: BrowserRequest::Safe,
        })
    }

    /// Says that the caller's own request was an unsafe one (anything but GET, HEAD and OPTIONS), with the
    /// `X-Frappe-CSRF-Token` that it carried, if any.
    ///
    /// Then [`may`](crate::Client::may) asks with a POST that repeats the token, so that Frappe judges it: a
    /// check by GET would accept a request forged by another site.
    ///
    /// # Errors
    /// When the token is not visible ASCII.
    pub fn unsafe_request(self, csrf_token: Option<&str>) -> Result<Self, InvalidCredential> {
        let is_token = |token: &str| {
            (1..=CSRF_TOKEN_BYTES_MAX).contains(&token.len())
                && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if csrf_token.is_some_and(|token| !is_token(token)) {
            return Err(InvalidCredential::CsrfToken);
        }
        Ok(Self {
            request: BrowserRequest::Unsafe {
                csrf_token: csrf_token.map(SecretString::from),
            },
            ..self
        })
    }

    fn expose_material(&self) -> Material<'_> {
        match &self.kind {
            CallerKind::Authorization(header) => Material::Authorization(header.expose_secret()),
            CallerKind::Session(sid) => Material::Session(sid.expose_secret()),
        }
    }
}

/// Why something cannot be a credential. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredential {
    /// An empty or endless key or secret.
    #[error("the API key or the API secret is empty or too long")]
    TokenLength,
    /// A character that no key has.
    #[error("the API key or the API secret has a blank, a colon or a character beyond ASCII")]
    TokenCharacter,
    /// An endless header.
    #[error("the Authorization header is longer than 8192 bytes")]
    AuthorizationLength,
    /// Not two words.
    #[error("the Authorization header is not two words with one blank between them")]
    AuthorizationWords,
    /// Not a session id.
    #[error("the sid cookie is empty, too long or has a character that no session id has")]
    Session,
    /// Not a CSRF token.
    #[error("the CSRF token is empty, too long or not visible ASCII")]
    CsrfToken,
}

#[cfg(test)]
mod tests;
