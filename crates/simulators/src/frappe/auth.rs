//! Who is calling: sessions, keys, CSRF tokens, with every quirk that was observed on 15.50.
//!
//! A cookie beats a key. A key of a disabled user works, a session does not. A header that is not two
//! words is ignored; one that is, and leaves the caller a Guest, is 401.

use std::collections::HashMap;

use super::{
    digest,
    exception::{AUTHENTICATION, CSRF_TOKEN, Exception},
    random::Random,
    store::Store,
    transaction::User,
    users,
};
use crate::server::Request;

/// A login.
#[derive(Clone)]
pub(crate) struct Session {
    pub user: Box<str>,
    /// Exists once a page was rendered.
    pub csrf_token: Option<String>,
}

/// The logins that are alive, by `sid`.
pub(crate) type Sessions = HashMap<String, Session>;

/// Who a request runs as.
pub(crate) struct Identity {
    pub user: User,
    /// The session that the cookie named.
    pub sid: Option<String>,
    /// The cookie named a session that is dead.
    pub is_expired: bool,
}

/// A caller who is refused.
pub(crate) struct Refused {
    pub exception: Exception,
    /// See [`Identity::is_expired`].
    pub is_expired: bool,
    /// Whether the caller's cookies are taken away.
    pub clears_cookies: bool,
    /// The session that the cookie named.
    pub sid: Option<String>,
}

/// Finds out who is calling.
pub(crate) fn identify(
    request: &Request,
    sessions: &Sessions,
    store: &Store,
) -> Result<Identity, Box<Refused>> {
    let sid = cookie(request, "sid").filter(|sid| !sid.is_empty() && sid != "Guest");
    let session = sid
        .as_ref()
        .and_then(|sid| sessions.get(sid))
        .filter(|session| is_enabled(store, &session.user));
    let is_expired = sid.is_some() && session.is_none();
    let refused = |exception: Exception, clears_cookies: bool| {
        Box::new(Refused {
            exception,
            is_expired,
            clears_cookies,
            sid: sid.clone().filter(|_| !is_expired),
        })
    };
    if let Some(token) = session.and_then(|session| session.csrf_token.as_ref()) {
        let unsafe_verb = matches!(
            request.head.method.as_str(),
            "POST" | "PUT" | "DELETE" | "PATCH"
        );
        if unsafe_verb && request.header("x-frappe-csrf-token") != Some(token) {
            return Err(refused(
                Exception::new(CSRF_TOKEN, "Invalid Request"),
                false,
            ));
        }
    }
    let by_session = session.and_then(|session| users::user(store, &session.user));
    let mut user = by_session.unwrap_or_else(User::guest);
    let words: Vec<&str> = request
        .header("authorization")
        .map(|value| value.split(' ').collect())
        .unwrap_or_default();
    if let [scheme, credential] = words.as_slice() {
        let unknown = || refused(Exception::bare(AUTHENTICATION), true);
        match by_key(store, scheme, credential) {
            Key::Of(known) if user.is_guest() => user = known,
            Key::Unknown => return Err(unknown()),
            Key::Of(_) | Key::Unreadable => {}
        }
        if user.is_guest() {
            return Err(unknown());
        }
    }
    Ok(Identity {
        user,
        sid: sid.clone().filter(|_| !is_expired),
        is_expired,
    })
}

/// What a credential says.
enum Key {
    Of(User),
    /// No such key, or a wrong secret.
    Unknown,
    /// Another scheme, or no pair.
    Unreadable,
}

fn by_key(store: &Store, scheme: &str, credential: &str) -> Key {
    let pair = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => return by_oauth(store, credential).map_or(Key::Unreadable, Key::Of),
        "token" => credential.to_owned(),
        "basic" => match digest::base64(credential).map(String::from_utf8) {
            Some(Ok(pair)) => pair,
            _ => return Key::Unknown,
        },
        _ => return Key::Unreadable,
    };
    let Some((key, secret)) = pair.split_once(':').filter(|(_, rest)| !rest.contains(':')) else {
        return Key::Unreadable;
    };
    let Some(column) = store
        .doctype("User")
        .and_then(|meta| meta.column("api_key"))
    else {
        return Key::Unknown;
    };
    let found = store.equal("User", column, key);
    let Some(row) = found.first().filter(|_| !key.is_empty()) else {
        return Key::Unknown;
    };
    let path = ("User".into(), row.name.clone(), "api_secret".into());
    match users::user(store, &row.name) {
        Some(user) if store.secret(&path) == Some(secret) => Key::Of(user),
        _ => Key::Unknown,
    }
}

/// The user of an OAuth token that is active.
fn by_oauth(store: &Store, token: &str) -> Option<User> {
    let meta = store.doctype("OAuth Bearer Token")?;
    let (user, status) = (meta.column("user")?, meta.column("status")?);
    let row = store.row("OAuth Bearer Token", token)?;
    let known = *row.name == *token && row.text(status) == "Active";
    users::user(store, row.text(user)).filter(|_| known)
}

fn is_enabled(store: &Store, user: &str) -> bool {
    let column = store
        .doctype("User")
        .and_then(|meta| meta.column("enabled"));
    let row = store.row("User", user);
    row.zip(column)
        .is_some_and(|(row, column)| *row.get(column) == super::cell::Cell::Int(1))
}

fn cookie(request: &Request, name: &str) -> Option<String> {
    let cookies = request.header("cookie")?;
    cookies.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// Checks a password; the message is what the answer says.
pub(crate) fn log_in(
    user: &str,
    password: &str,
    store: &Store,
    sessions: &mut Sessions,
    random: &mut Random,
) -> Result<(String, User), &'static str> {
    if user.is_empty() || password.is_empty() {
        return Err("Incomplete login details");
    }
    let Some(row) = store.row("User", user) else {
        return Err("Invalid login credentials");
    };
    if !is_enabled(store, &row.name) {
        return Err("User disabled or missing");
    }
    let known = store.secret(&users::password_path(&row.name));
    let Some(user) = users::user(store, &row.name).filter(|_| known == Some(password)) else {
        return Err("Invalid login credentials");
    };
    let sid = random.hex(56);
    let session = Session {
        user: user.name.clone(),
        csrf_token: None,
    };
    sessions.insert(sid.clone(), session);
    Ok((sid, user))
}
