//! The one error body.
//!
//! A handler answers with an [`ApiError`]; the outermost layer ([`crate::request::finish`]) turns it into a
//! body in the caller's language, with the request's id, and logs what the caller must not see.

#[cfg(test)]
mod documentation;
mod sentences;

use axum::response::{IntoResponse, Response};
use deskbridge_core::Language;
use http::StatusCode;
use serde_json::{Value, json};

/// What went wrong, as a stable name that programs may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body is not what its content type says.
    MalformedBody,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// A parameter is needed and absent.
    MissingParameter,
    /// A parameter cannot be what was sent.
    InvalidParameter,
    /// A parameter is not one of those that are taken.
    UnknownParameter,
    /// Two credentials came with one request.
    TwoCredentials,
    /// Nobody is logged in, or the session is over.
    NotLoggedIn,
    /// The key or token is not accepted.
    WrongKey,
    /// A webhook that is not signed with the secret that was agreed.
    WrongSignature,
    /// An administrator's token is missing or not right.
    WrongToken,
    /// So many wrong tokens came that the next is not told more.
    TooManyWrongTokens,
    /// The CSRF token of a browser session is missing or wrong.
    CsrfRefused,
    /// A trusted-proxy header without the right secret.
    ForgedProxy,
    /// The caller is logged in and not an agent.
    NotAnAgent,
    /// The caller's user is switched off.
    UserDisabled,
    /// The caller has no right to the record.
    NoRight,
    /// The administrator's interface is switched off.
    SwitchedOff,
    /// There is no such record.
    NotFound,
    /// The record is not in a state in which this can be done.
    WrongState,
    /// There is no such address.
    NoSuchRoute,
    /// The address exists and not for this verb.
    WrongVerb,
    /// The address takes webhooks and shows nothing.
    WebhooksOnly,
    /// The helpdesk does not answer.
    HelpdeskUnreachable,
    /// The helpdesk answers with a fault of its own.
    HelpdeskFault,
    /// Too much is going on at once.
    Overloaded,
    /// What was sent is not on disk.
    NotStored,
    /// The request took too long.
    DeadlineExceeded,
    /// A bug of ours.
    Internal,
}

impl Code {
    /// All codes, in the order of the documentation.
    pub const ALL: [Self; 28] = [
        Self::MalformedBody,
        Self::BodyTooLarge,
        Self::MissingParameter,
        Self::InvalidParameter,
        Self::UnknownParameter,
        Self::TwoCredentials,
        Self::NotLoggedIn,
        Self::WrongKey,
        Self::WrongSignature,
        Self::WrongToken,
        Self::TooManyWrongTokens,
        Self::CsrfRefused,
        Self::ForgedProxy,
        Self::NotAnAgent,
        Self::UserDisabled,
        Self::NoRight,
        Self::SwitchedOff,
        Self::NotFound,
        Self::WrongState,
        Self::NoSuchRoute,
        Self::WrongVerb,
        Self::WebhooksOnly,
        Self::HelpdeskUnreachable,
        Self::HelpdeskFault,
        Self::Overloaded,
        Self::NotStored,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// The name in the body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedBody => "malformed_body",
            Self::BodyTooLarge => "body_too_large",
            Self::MissingParameter => "missing_parameter",
            Self::InvalidParameter => "invalid_parameter",
            Self::UnknownParameter => "unknown_parameter",
            Self::TwoCredentials => "two_credentials",
            Self::NotLoggedIn => "not_logged_in",
            Self::WrongKey => "wrong_key",
            Self::WrongSignature => "wrong_signature",
            Self::WrongToken => "wrong_token",
            Self::TooManyWrongTokens => "too_many_wrong_tokens",
            Self::CsrfRefused => "csrf_refused",
            Self::ForgedProxy => "forged_proxy",
            Self::NotAnAgent => "not_an_agent",
            Self::UserDisabled => "user_disabled",
            Self::NoRight => "no_right",
            Self::SwitchedOff => "switched_off",
            Self::NotFound => "not_found",
            Self::WrongState => "wrong_state",
            Self::NoSuchRoute => "no_such_route",
            Self::WrongVerb => "wrong_verb",
            Self::WebhooksOnly => "webhooks_only",
            Self::HelpdeskUnreachable => "helpdesk_unreachable",
            Self::HelpdeskFault => "helpdesk_fault",
            Self::Overloaded => "overloaded",
            Self::NotStored => "not_stored",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody
            | Self::MissingParameter
            | Self::InvalidParameter
            | Self::UnknownParameter
            | Self::TwoCredentials
            | Self::CsrfRefused => StatusCode::BAD_REQUEST,
            Self::WrongKey | Self::WrongSignature | Self::WrongToken | Self::ForgedProxy => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooManyWrongTokens => StatusCode::TOO_MANY_REQUESTS,
            Self::NotLoggedIn
            | Self::NotAnAgent
            | Self::UserDisabled
            | Self::NoRight
            | Self::SwitchedOff => StatusCode::FORBIDDEN,
            Self::WrongState => StatusCode::CONFLICT,
            Self::NotFound | Self::NoSuchRoute => StatusCode::NOT_FOUND,
            Self::WrongVerb | Self::WebhooksOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HelpdeskFault => StatusCode::BAD_GATEWAY,
            Self::HelpdeskUnreachable | Self::Overloaded | Self::NotStored => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What happened and what to do now, about `subject`, in a language.
    pub fn sentences(self, subject: &str, language: Language) -> (String, String) {
        let (message, what_now) = sentences::of(self, language);
        (
            message.replace("{}", subject),
            what_now.replace("{}", subject),
        )
    }

    /// The exception type that Frappe's own browser code expects with such an answer.
    pub fn frappe_exception(self) -> &'static str {
        match self {
            Self::WrongKey
            | Self::WrongSignature
            | Self::WrongToken
            | Self::TooManyWrongTokens
            | Self::ForgedProxy => "AuthenticationError",
            Self::NotLoggedIn
            | Self::NotAnAgent
            | Self::UserDisabled
            | Self::NoRight
            | Self::SwitchedOff => "PermissionError",
            Self::NotFound | Self::NoSuchRoute => "DoesNotExistError",
            Self::CsrfRefused => "CSRFTokenError",
            Self::MalformedBody
            | Self::BodyTooLarge
            | Self::MissingParameter
            | Self::InvalidParameter
            | Self::UnknownParameter
            | Self::TwoCredentials
            | Self::WrongState
            | Self::WrongVerb
            | Self::WebhooksOnly
            | Self::HelpdeskUnreachable
            | Self::HelpdeskFault
            | Self::Overloaded
            | Self::NotStored
            | Self::DeadlineExceeded
            | Self::Internal => "ValidationError",
        }
    }
}

/// A request that could not be served.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: Code,
    subject: String,
    internal: Option<String>,
    language: Option<Language>,
    retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// An error about something: a parameter's name, a record, a limit.
    pub fn new(code: Code, subject: impl Into<String>) -> Self {
        Self {
            code,
            subject: subject.into(),
            internal: None,
            language: None,
            retry_after_seconds: None,
        }
    }

    /// What the log is told and the caller is not.
    #[must_use]
    pub fn because(mut self, internal: impl Into<String>) -> Self {
        self.internal = Some(internal.into());
        self
    }

    /// Answers in this language, whatever the request's headers say.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// Asks the caller to come back after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The stable name of what went wrong.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Renders the body, logging what the caller does not see.
    pub(crate) fn render(&self, fallback: Language, request_id: &str, style: Style) -> Response {
        let status = self.code.status();
        let internal = self.internal.as_deref().unwrap_or_default();
        let code = self.code.as_str();
        if status.is_server_error() {
            tracing::error!(
                request.id = request_id,
                code,
                subject = self.subject,
                internal,
                "A request failed"
            );
        } else {
            tracing::debug!(
                request.id = request_id,
                code,
                subject = self.subject,
                internal,
                "A request was refused"
            );
        }
        let language = self.language.unwrap_or(fallback);
        let (message, what_now) = self.code.sentences(&self.subject, language);
        let mut body = json!({"error": {
            "code": code, "message": message, "what_now": what_now, "request_id": request_id,
        }});
        if style == Style::Frappe
            && let Some(fields) = body.as_object_mut()
        {
            fields.extend(frappe_fields(self.code, &message, &what_now));
        }
        let mut response = (
            status,
            [(
                http::header::CONTENT_TYPE,
                "application/json; charset=utf-8",
            )],
            body.to_string(),
        )
            .into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What else a body carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Nothing else.
    Plain,
    /// What Frappe's own browser code looks for, for addresses that stand in for Frappe's.
    Frappe,
}

/// Frappe answers a method with `message`, and tells its browser code about errors in `exc_type` and in
/// `_server_messages`, a JSON list of JSON objects, each encoded as text (observed on 15.50).
fn frappe_fields(code: Code, message: &str, what_now: &str) -> serde_json::Map<String, Value> {
    let shown = json!({"message": format!("{message} {what_now}"), "indicator": "red"});
    let mut fields = serde_json::Map::new();
    fields.insert("exc_type".to_owned(), code.frappe_exception().into());
    fields.insert(
        "_server_messages".to_owned(),
        json!([shown.to_string()]).to_string().into(),
    );
    fields.insert(
        "message".to_owned(),
        json!({"success": false, "data": {}, "message": message}),
    );
    fields
}

impl IntoResponse for ApiError {
    /// The status alone, with the error beside it for [`crate::request::finish`] to render.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_sentences_in_every_language() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for language in Language::ALL {
            let told: HashSet<_> = Code::ALL
                .iter()
                .map(|code| code.sentences("X", language).0)
                .collect();
            assert_eq!(told.len(), Code::ALL.len(), "{language:?}");
        }
        for code in Code::ALL {
            let told: HashSet<_> = Language::ALL
                .iter()
                .map(|language| code.sentences("X", *language))
                .collect();
            assert_eq!(told.len(), Language::ALL.len(), "{code:?}");
            for (message, what_now) in told {
                assert!(
                    message.ends_with('.') && what_now.ends_with('.'),
                    "{code:?}"
                );
            }
        }
    }
}
