//! What the journal keeps of a portal's event: its form without its credentials, and what it is about.
//!
//! A posted event carries an access token and the token that proves it. Neither may lie in the journal or in a backup,
//! so the kept body is the form without all of `auth` but the portal's name. It was verified before.

use bitrix24::{Event, Form, News};
use deskbridge_core::{DuplicateKey, NewEvent, OrderingKey, Reading};
use sha2::{Digest as _, Sha256};

use super::SOURCE;

/// What is kept of `auth`.
const KEPT_AUTH: [&str; 3] = ["domain", "member_id", "user_id"];
/// Characters of a name of an event.
const NAME_CHARACTERS_MAX: usize = 100;

/// The journal's event of a form that was verified.
pub fn event(connection: &str, body: &[u8], event: &Event, form: &Form) -> NewEvent {
    let key = DuplicateKey::new(Sha256::digest(body).into());
    let (object, action, own, is_routed) = match &event.news {
        News::CallStart(click) => {
            let own = match &click.call_id {
                Some(call_id) => format!("call/{call_id}"),
                None => format!("user/{}/{}", click.user, digits(&click.phone_number)),
            };
            ("call", "start".to_owned(), own, true)
        }
        News::Callback(callback) => {
            let own = format!("callback/{}", digits(&callback.phone_number));
            ("callback", "start".to_owned(), own, true)
        }
        News::Installed(_) => (
            "application",
            "install".to_owned(),
            "application".to_owned(),
            false,
        ),
        News::Uninstalled => (
            "application",
            "uninstall".to_owned(),
            "application".to_owned(),
            false,
        ),
        News::Other { name, .. } => {
            let name: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
            ("event", name, "event".to_owned(), false)
        }
        _ => ("event", String::new(), "event".to_owned(), false),
    };
    NewEvent {
        connection: connection.to_owned(),
        body: without_credentials(form),
        headers: Vec::new(),
        raw_key: key,
        reading: Reading {
            source: SOURCE.to_owned(),
            object: object.to_owned(),
            action,
            canonical_key: key,
            ordering_key: OrderingKey::new(format!("{SOURCE}/{connection}/{own}")),
            is_routed,
        },
    }
}

/// The form again, without what signs calls or proves events.
fn without_credentials(form: &Form) -> Vec<u8> {
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for (path, value) in form.iter() {
        let [base, rest @ ..] = path else { continue };
        let is_kept = match (base.as_str(), rest) {
            ("auth", [field]) => KEPT_AUTH.contains(&field.as_str()),
            ("auth" | "AUTH_ID" | "REFRESH_ID", _) => false,
            _ => true,
        };
        if is_kept {
            let rest = rest.iter().map(|part| format!("[{part}]"));
            let name: String = std::iter::once(base.clone()).chain(rest).collect();
            kept.append_pair(&name, value);
        }
    }
    kept.finish().into_bytes()
}

/// The digits of a number, by which equal ones are told.
pub(super) fn digits(phone: &str) -> String {
    phone
        .chars()
        .filter(char::is_ascii_digit)
        .take(40)
        .collect()
}
