//! A request taken apart: where it goes, and Frappe's `form_dict`.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::exception::{Exception, JSON_DECODE};
use crate::server::Request;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Route {
    /// `/api/method/…`, `/api/v2/method/…`.
    Method(Api, String),
    /// All documents of a DocType.
    List(Api, String),
    /// One document.
    Document(Api, String, String),
    /// A method of a document, v2 only.
    DocumentMethod(String, String, String),
    /// What a DocType is made of, v2 only.
    Meta(String),
    /// How many documents the user may read, v2 only.
    Count(String),
    PrivateFile(String),
    PublicFile(String),
    /// A page for people.
    Page(String),
    /// Below `/api`, but nothing.
    Nowhere(Api),
}

/// Which envelope an answer has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Api {
    V1,
    V2,
}

impl Route {
    /// Finds the way of a decoded path.
    pub(crate) fn of(path: &str) -> Self {
        let Some(rest) = path.strip_prefix("/api/") else {
            return match path {
                _ if path.starts_with("/private/files/") => Self::PrivateFile(path.to_owned()),
                _ if path.starts_with("/files/") => Self::PublicFile(path.to_owned()),
                _ => Self::Page(path.to_owned()),
            };
        };
        let (api, rest) = match rest.split_once('/') {
            Some(("v1", rest)) => (Api::V1, rest),
            Some(("v2", rest)) => (Api::V2, rest),
            _ => (Api::V1, rest),
        };
        let rest = rest.trim_end_matches('/');
        let (kind, rest) = rest.split_once('/').unwrap_or((rest, ""));
        match (api, kind) {
            (_, "method") if !rest.is_empty() => Self::Method(api, rest.to_owned()),
            (Api::V1, "resource") | (Api::V2, "document") if !rest.is_empty() => {
                let Some((doctype, name)) = rest.split_once('/') else {
                    return Self::List(api, rest.to_owned());
                };
                let method = name.rsplit_once("/method/").filter(|_| api == Api::V2);
                match method {
                    Some((name, method)) => {
                        Self::DocumentMethod(doctype.to_owned(), name.to_owned(), method.to_owned())
                    }
                    None => Self::Document(api, doctype.to_owned(), name.to_owned()),
                }
            }
            (Api::V2, "doctype") => match rest.rsplit_once('/') {
                Some((doctype, "meta")) => Self::Meta(doctype.to_owned()),
                Some((doctype, "count")) => Self::Count(doctype.to_owned()),
                _ => Self::Nowhere(api),
            },
            _ => Self::Nowhere(api),
        }
    }

    /// The envelope of the answer.
    pub(crate) fn api(&self) -> Api {
        match self {
            Self::Method(api, _) | Self::List(api, _) | Self::Document(api, ..) => *api,
            Self::Nowhere(api) => *api,
            Self::DocumentMethod(..) | Self::Meta(_) | Self::Count(_) => Api::V2,
            Self::PrivateFile(_) | Self::PublicFile(_) | Self::Page(_) => Api::V1,
        }
    }
}

/// A file in a form.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub name: String,
    pub content: Bytes,
}

/// A request as Frappe's handlers see it.
#[derive(Debug)]
pub(crate) struct Call {
    /// `GET`, `POST`, …
    pub verb: String,
    pub route: Route,
    /// `frappe.form_dict`.
    pub params: Map<String, Value>,
    /// The body as sent.
    pub body: Bytes,
    pub upload: Option<Upload>,
}

impl Call {
    /// Whether what the request does is kept: GET never commits.
    pub(crate) fn commits(&self) -> bool {
        matches!(&*self.verb, "POST" | "PUT" | "DELETE" | "PATCH")
    }

    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.params.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => Some(super::cell::text(value)),
        }
    }
}

/// The decoded path of a request.
pub(crate) fn path(request: &Request) -> String {
    percent_decode_str(request.path())
        .decode_utf8_lossy()
        .into_owned()
}

/// The name under which faults and journal know a request: `POST frappe.client.insert` for methods, verb
/// and decoded path for everything else.
pub(crate) fn name(request: &Request) -> String {
    let verb = request.head.method.as_str();
    let path = path(request);
    match Route::of(&path) {
        Route::Method(_, method) => format!("{verb} {method}"),
        _ => format!("{verb} {path}"),
    }
}

/// Takes a request apart.
pub(crate) fn parse(request: &Request) -> Result<Call, Exception> {
    let path = path(request);
    let kind = request.header("content-type").unwrap_or_default();
    let mut upload = None;
    let params = if is_json(kind) && !request.body.is_empty() {
        match json(&request.body)? {
            Value::Object(params) => params,
            other => Map::from_iter([("data".to_owned(), other)]),
        }
    } else {
        let mut params = pairs(request.query());
        if kind.starts_with("application/x-www-form-urlencoded") {
            params.extend(pairs(&String::from_utf8_lossy(&request.body)));
        } else if let Some(boundary) = boundary(kind) {
            upload = multipart(&request.body, boundary, &mut params);
        }
        params
    };
    Ok(Call {
        verb: request.head.method.as_str().to_owned(),
        route: Route::of(&path),
        params,
        body: request.body.clone(),
        upload,
    })
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// Reads JSON, or fails as Python does.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Exception> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let place = match error.classify() {
            serde_json::error::Category::Eof => text.chars().count(),
            _ => error.column().saturating_sub(1),
        };
        let message = format!(
            "Expecting value: line {} column {} (char {place})",
            error.line(),
            place + 1
        );
        Exception::new(JSON_DECODE, message)
    })
}

fn pairs(text: &str) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs
        .map(|(key, value)| (key.into_owned(), Value::from(value.into_owned())))
        .collect()
}

fn boundary(kind: &str) -> Option<&str> {
    let rest = kind.strip_prefix("multipart/form-data")?;
    let (_, boundary) = rest.split_once("boundary=")?;
    Some(boundary.split(';').next()?.trim().trim_matches('"'))
}

/// Reads a form in parts: texts into `params`, the last file as the answer.
fn multipart(body: &Bytes, boundary: &str, params: &mut Map<String, Value>) -> Option<Upload> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut upload = None;
    for part in split(body, &delimiter) {
        let Some(at) = find(part, b"\r\n\r\n") else {
            continue;
        };
        let (head, content) = (part.get(..at)?, part.get(at + 4..)?);
        let content = content.strip_suffix(b"\r\n").unwrap_or(content);
        let head = String::from_utf8_lossy(head);
        let Some(name) = quoted(&head, " name=\"") else {
            continue;
        };
        match quoted(&head, "filename=\"") {
            Some(file) => {
                upload = Some(Upload {
                    name: file,
                    content: Bytes::copy_from_slice(content),
                });
            }
            None => {
                let text = String::from_utf8_lossy(content).into_owned();
                params.insert(name, text.into());
            }
        }
    }
    upload
}

fn quoted(head: &str, before: &str) -> Option<String> {
    let (_, rest) = head.split_once(before)?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn split<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, delimiter) {
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + delimiter.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_route() {
        let text = str::to_owned;
        for (path, route) in [
            ("/api/method/ping", Route::Method(Api::V1, text("ping"))),
            ("/api/v2/method/ping", Route::Method(Api::V2, text("ping"))),
            (
                "/api/resource/HD Ticket",
                Route::List(Api::V1, text("HD Ticket")),
            ),
            (
                "/api/v1/resource/HD Customer/A/B & C",
                Route::Document(Api::V1, text("HD Customer"), text("A/B & C")),
            ),
            (
                "/api/v2/document/HD Ticket/0001/method/new_comment",
                Route::DocumentMethod(text("HD Ticket"), text("0001"), text("new_comment")),
            ),
            (
                "/api/v2/doctype/HD Customer/meta",
                Route::Meta(text("HD Customer")),
            ),
            ("/api/nope", Route::Nowhere(Api::V1)),
            ("/helpdesk", Route::Page(text("/helpdesk"))),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn a_form_in_parts_yields_texts_and_the_file() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"is_private\"\r\n\r\n1\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nhello\r\nyou\r\n--x--\r\n";
        let mut params = Map::new();
        let kind = "multipart/form-data; boundary=x";
        let upload = multipart(&Bytes::from(body), boundary(kind).unwrap(), &mut params).unwrap();
        assert_eq!(params["is_private"], "1");
        assert_eq!(upload.name, "a.txt");
        assert_eq!(upload.content, "hello\r\nyou");
    }

    #[test]
    fn malformed_json_fails_at_the_place_where_python_fails() {
        for (text, place) in [
            ("{\"customer_name\":", "line 1 column 18 (char 17)"),
            ("[[", "line 1 column 3 (char 2)"),
        ] {
            let failed = json(text.as_bytes()).unwrap_err();
            assert_eq!(failed.message, format!("Expecting value: {place}"));
        }
    }
}
