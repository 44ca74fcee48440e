//! The well-known failures of a portal, which fault scripts call by name.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::answer::{Refusal, html_response, json_response};

/// What a preset makes of an answer.
#[derive(Debug)]
pub(crate) enum Preset {
    /// A refusal in the portal's own form; in a batch it can stand for one command.
    Refusal(Refusal),
    /// Something that is no answer of the interface.
    Response(http::Response<Bytes>),
}

/// All presets. `moved` takes the new scheme and host after a colon, as in `moved:https://new.example`.
pub const PRESETS: &[&str] = &[
    "query_limit_exceeded",
    "overload_limit",
    "operation_time_limit",
    "no_auth_found",
    "expired_token",
    "invalid_credentials",
    "insufficient_scope",
    "access_denied",
    "not_found",
    "internal_server_error",
    "portal_deleted",
    "bad_gateway",
    "html",
    "empty_error",
    "moved",
    "nothing",
];

/// Whether there is a preset of this name.
pub(crate) fn is_known(name: &str) -> bool {
    PRESETS.contains(&name) || name.starts_with("moved:")
}

/// A preset by name; `path` is what was asked for and `moved_to` where `moved` points.
pub(crate) fn preset(name: &str, path: &str, moved_to: &str) -> Option<Preset> {
    if let Some(refusal) = refusal(name) {
        return Some(Preset::Refusal(refusal));
    }
    let response = match name {
        "bad_gateway" => html_response(
            StatusCode::BAD_GATEWAY,
            "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
        ),
        "html" => html_response(
            StatusCode::OK,
            "<!DOCTYPE html><html><head><title>Authorization</title></head><body><form method=\"post\"><input name=\"USER_LOGIN\"></form></body></html>",
        ),
        "empty_error" => json_response(StatusCode::OK, "{\"error\":\"\"}".to_owned()),
        "nothing" => http::Response::new(Bytes::new()),
        _ => moved(name, path, moved_to)?,
    };
    Some(Preset::Response(response))
}

fn moved(name: &str, path: &str, moved_to: &str) -> Option<http::Response<Bytes>> {
    let host = match name.strip_prefix("moved:") {
        Some(host) => host,
        None if name != "moved" => return None,
        None if moved_to.is_empty() => "https://moved.example",
        None => moved_to,
    };
    let mut response = html_response(StatusCode::FOUND, "<html><body>Moved</body></html>");
    let location = HeaderValue::try_from(format!("{host}{path}")).ok()?;
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

/// 503: the request bucket is full.
pub(crate) fn query_limit_exceeded() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "QUERY_LIMIT_EXCEEDED",
        "Too many requests",
    )
}

/// 429: the method has used its operating time up.
pub(crate) fn operation_time_limit() -> Refusal {
    Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "OPERATION_TIME_LIMIT",
        "Method is blocked due to operation time limit.",
    )
}

/// 401: no such webhook.
pub(crate) fn no_auth_found() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "NO_AUTH_FOUND",
        "Wrong authorization data",
    )
}

/// 401: no such webhook, in the words of other pages of the documentation.
pub(crate) fn invalid_credentials() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "INVALID_CREDENTIALS",
        "Invalid request credentials",
    )
}

/// 401: the access token has lived its hour.
pub(crate) fn expired_token() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "expired_token",
        "The access token provided has expired.",
    )
}

/// 401: nobody was ever given such an access token.
pub(crate) fn invalid_token() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "Unable to get application by token",
    )
}

/// 403: the webhook lacks a scope.
pub(crate) fn insufficient_scope() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "insufficient_scope",
        "The request requires higher privileges than provided by the webhook token",
    )
}

/// 400: the record does not exist, in the older methods.
pub(crate) fn not_found() -> Refusal {
    Refusal::plain("Not found")
}

fn refusal(name: &str) -> Option<Refusal> {
    Some(match name {
        "query_limit_exceeded" => query_limit_exceeded(),
        "overload_limit" => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "OVERLOAD_LIMIT",
            "REST API is blocked due to overload.",
        ),
        "operation_time_limit" => operation_time_limit(),
        "no_auth_found" => no_auth_found(),
        "expired_token" => expired_token(),
        "invalid_credentials" => Refusal {
            status: StatusCode::FORBIDDEN,
            ..invalid_credentials()
        },
        "insufficient_scope" => insufficient_scope(),
        "access_denied" => Refusal::plain("Access denied."),
        "not_found" => not_found(),
        "internal_server_error" => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_SERVER_ERROR",
            "Internal server error",
        ),
        "portal_deleted" => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "PORTAL_DELETED",
            "Portal was deleted",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_known_and_can_be_made() {
        for name in PRESETS {
            assert!(is_known(name), "{name}");
            assert!(preset(name, "/rest/", "").is_some(), "{name}");
        }
        assert!(!is_known("mood"));
        assert!(preset("mood", "/rest/", "").is_none());
    }

    #[test]
    fn a_move_points_where_it_is_told() {
        for (name, moved_to, expected) in [
            ("moved", "", "https://moved.example/rest/1/x/profile?a=1"),
            (
                "moved",
                "http://a.test",
                "http://a.test/rest/1/x/profile?a=1",
            ),
            (
                "moved:http://b.test",
                "http://a.test",
                "http://b.test/rest/1/x/profile?a=1",
            ),
        ] {
            let Some(Preset::Response(response)) = preset(name, "/rest/1/x/profile?a=1", moved_to)
            else {
                panic!("{name} is no response");
            };
            assert_eq!(response.status(), 302);
            assert_eq!(response.headers()["location"], expected);
        }
    }
}
