//! What requests change: the database, the logins, the counters.

use std::collections::HashMap;

use jiff::{Timestamp, civil};

use super::{Fixed, style::Style};
use crate::frappe::{
    answer::{Answer, Cookies},
    auth::{self, Identity, Sessions},
    cell,
    exception::{AUTHENTICATION, Exception},
    limits::Budget,
    random::Random,
    request::Call,
    scripts::Hooks,
    store::Store,
    transaction::Blobs,
    users,
};

/// Everything that requests change.
pub(super) struct State {
    pub store: Store,
    pub blobs: Blobs,
    pub random: Random,
    pub hooks: Hooks,
    pub sessions: Sessions,
    pub budget: Budget,
    /// Calls of limited scripts: when the window began, and how many there were.
    pub script_calls: HashMap<String, (i64, i64)>,
    /// Times never stand still: each request is at least a microsecond later than the one before.
    pub last: Timestamp,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "State({:?}, {} sessions)",
            self.store,
            self.sessions.len()
        )
    }
}

impl State {
    /// The time of a request, later than that of any before.
    pub(super) fn tick(&mut self, fixed: &Fixed) -> civil::DateTime {
        let now = fixed.clock.now();
        let next = self
            .last
            .checked_add(jiff::SignedDuration::from_micros(1))
            .unwrap_or(now);
        self.last = now.max(next);
        let micros = self.last.as_microsecond();
        let rounded = Timestamp::from_microsecond(micros).unwrap_or(self.last);
        rounded.to_zoned(fixed.zone.clone()).datetime()
    }

    pub(super) fn allows_traceback(&self) -> bool {
        let meta = self.store.doctype("System Settings");
        let column = meta.and_then(|meta| meta.column("allow_error_traceback"));
        let row = self.store.single("System Settings");
        row.zip(column)
            .is_none_or(|(row, column)| *row.get(column) != cell::Cell::Int(0))
    }

    /// The cookies of a session, or a Guest's.
    pub(super) fn cookies(&self, sid: Option<&str>) -> [String; 5] {
        let session = sid.and_then(|sid| Some((sid, self.sessions.get(sid)?)));
        let Some((sid, session)) = session else {
            return Cookies::guest();
        };
        let user = users::user(&self.store, &session.user);
        let desk = user.as_ref().is_some_and(users::has_desk);
        let value = |field: &str| {
            let column = self.store.doctype("User")?.column(field)?;
            Some(
                self.store
                    .row("User", &session.user)?
                    .text(column)
                    .to_owned(),
            )
        };
        let encode = |text: String| {
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        [
            sid.to_owned(),
            if desk { "yes" } else { "no" }.to_owned(),
            encode(value("full_name").unwrap_or_default()),
            encode(session.user.to_string()),
            encode(value("user_image").unwrap_or_default()),
        ]
    }

    pub(super) fn log_in(&mut self, call: &Call, style: &Style, now: &str) -> Answer {
        let text = |key: &str| call.text(key).unwrap_or_default();
        let (user, password) = (text("usr"), text("pwd"));
        let logged_in = auth::log_in(
            &user,
            &password,
            &self.store,
            &mut self.sessions,
            &mut self.random,
        );
        let (sid, user) = match logged_in {
            Ok(logged_in) => logged_in,
            Err(message) => {
                let exception = Exception::bare(AUTHENTICATION);
                let mut body = exception.body_v1(style.traceback);
                body.insert("message".to_owned(), message.into());
                let mut answer = Answer::json(401, body);
                answer.exc_type = Some(AUTHENTICATION.name);
                return answer;
            }
        };
        users::note_login(&mut self.store, &user.name, now);
        let desk = users::has_desk(&user);
        let full_name = self
            .store
            .doctype("User")
            .and_then(|meta| meta.column("full_name"))
            .zip(self.store.row("User", &user.name))
            .map(|(column, row)| row.text(column).to_owned());
        let body = serde_json::json!({
            "message": if desk { "Logged In" } else { "No App" },
            "home_page": "/helpdesk",
            "full_name": full_name,
        });
        let mut answer = Answer::json(200, body.as_object().cloned().unwrap_or_default());
        answer.cookies = Cookies::Set(self.cookies(Some(&sid)));
        answer
    }

    pub(super) fn log_out(&mut self, identity: &Identity) -> Answer {
        if let Some(sid) = &identity.sid {
            self.sessions.remove(sid);
        }
        let body =
            serde_json::json!({"message": "No App", "home_page": "/login", "full_name": "Guest"});
        let mut answer = Answer::json(200, body.as_object().cloned().unwrap_or_default());
        answer.cookies = Cookies::Cleared(Cookies::guest());
        answer
    }

    /// A page; once one was rendered, the session has a CSRF token.
    pub(super) fn page(&mut self, path: &str, identity: &Identity) -> Answer {
        let first = path.split('/').nth(1).unwrap_or_default();
        let cookies = Cookies::Set(self.cookies(identity.sid.as_deref()));
        let mut answer = match first {
            "helpdesk" | "app" | "desk" => {
                let session = identity
                    .sid
                    .as_ref()
                    .and_then(|sid| self.sessions.get_mut(sid));
                let random = &mut self.random;
                let token = session.map(|session| {
                    let token = session.csrf_token.get_or_insert_with(|| random.hex(56));
                    token.clone()
                });
                let token = token.unwrap_or_else(|| "None".to_owned());
                Answer::html(
                    200,
                    format!(
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Helpdesk</title></head>\n<body>\
                     <div id=\"app\"></div>\n<script>window.csrf_token = \"{token}\";</script></body>\n</html>\n"
                    ),
                )
            }
            "" | "login" => Answer::html(
                200,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Login</title></head>\n<body></body>\n</html>\n",
            ),
            _ => Answer::html(
                404,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Not Found</title></head>\n<body></body>\n</html>\n",
            ),
        };
        answer.cookies = cookies;
        answer
    }
}
