//! Answers: bodies in their envelope, cookies, pages for people.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::{
    exception::{Exception, Message, server_messages},
    request::Api,
};

/// The names of the cookies that every answer sets, in order.
const COOKIES: [&str; 5] = ["sid", "system_user", "full_name", "user_id", "user_image"];

/// Which cookies an answer sets.
#[derive(Clone, Debug, Default)]
pub(crate) enum Cookies {
    #[default]
    None,
    /// The session's, or those of a Guest.
    Set([String; 5]),
    /// A Guest's, and then all of them once more to be forgotten (a dead session, a wrong key).
    Cleared([String; 5]),
}

impl Cookies {
    /// What whoever has no session gets.
    pub(crate) fn guest() -> [String; 5] {
        ["Guest", "no", "Guest", "Guest", ""].map(str::to_owned)
    }
}

/// What an answer carries.
#[derive(Debug)]
pub(crate) enum Body {
    /// Becomes text only once the site's lock is free again.
    Json(Value),
    Bytes(Bytes),
}

/// An answer before it becomes HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Body,
    pub cookies: Cookies,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// For the journal.
    pub exc_type: Option<&'static str>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Map<String, Value>) -> Self {
        let mut answer = Self::new(status, "application/json", "");
        answer.body = Body::Json(Value::Object(body));
        answer
    }

    pub(crate) fn html(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, "text/html; charset=utf-8", body.into())
    }

    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            body: Body::Bytes(body.into()),
            cookies: Cookies::None,
            headers: Vec::new(),
            exc_type: None,
        }
    }

    pub(crate) fn header(&mut self, name: HeaderName, value: impl Into<HeaderValue>) {
        self.headers.push((name, value.into()));
    }

    /// The answer as an HTTP response.
    pub(crate) fn response(self, keep_alive: bool) -> Response<Bytes> {
        let mut response = Response::new(match self.body {
            Body::Json(value) => ascii(&value),
            Body::Bytes(bytes) => bytes,
        });
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(self.content_type);
        headers.insert(header::CONTENT_TYPE, kind);
        if !keep_alive {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.extend(self.headers);
        set_cookies(headers, &self.cookies);
        response
    }
}

fn set_cookies(headers: &mut HeaderMap, cookies: &Cookies) {
    let (values, cleared) = match cookies {
        Cookies::None => return,
        Cookies::Set(values) => (values, false),
        Cookies::Cleared(values) => (values, true),
    };
    let mut append = |cookie: String| {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    };
    for (name, value) in COOKIES.iter().zip(values) {
        let more = if *name == "sid" {
            "HttpOnly; Path=/"
        } else {
            "Path=/"
        };
        append(format!("{name}={value}; {more}; SameSite=Lax"));
    }
    if cleared {
        for name in ["user_image", "sid", "user_id", "full_name", "system_user"] {
            append(format!(
                "{name}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax"
            ));
        }
    }
}

/// JSON with nothing but ASCII in it, as Frappe writes it.
fn ascii(value: &Value) -> Bytes {
    let text = value.to_string();
    if text.is_ascii() {
        return text.into();
    }
    super::exception::ascii_json(value).into()
}

/// The answer to a request that failed.
pub(crate) fn failure(
    exception: &Exception,
    messages: &[Message],
    api: Api,
    traceback: bool,
    is_html: bool,
) -> Answer {
    let mut answer = if is_html {
        Answer::html(exception.class.status, page(exception))
    } else {
        let body = match api {
            Api::V1 => {
                let mut body = exception.body_v1(traceback);
                add_messages(&mut body, messages, api);
                body
            }
            Api::V2 => exception.body_v2(traceback, messages),
        };
        Answer::json(exception.class.status, body)
    };
    answer.exc_type = Some(exception.class.name);
    answer
}

/// Adds what was said on the way.
pub(crate) fn add_messages(body: &mut Map<String, Value>, messages: &[Message], api: Api) {
    if messages.is_empty() {
        return;
    }
    match api {
        Api::V1 => body.insert("_server_messages".to_owned(), server_messages(messages)),
        Api::V2 => {
            let messages = messages.iter().map(Message::json).collect();
            body.insert("messages".to_owned(), Value::Array(messages))
        }
    };
}

fn page(exception: &Exception) -> String {
    let title = match exception.class.status {
        404 => "Not Found",
        403 => "Not Permitted",
        _ => "Server Error",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    )
}

/// What the web server under Frappe says by itself.
pub(crate) fn plain_page(status: u16, title: &str, sentence: &str) -> Answer {
    let body = format!(
        "<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{sentence}</p>\n"
    );
    Answer::html(status, body)
}
