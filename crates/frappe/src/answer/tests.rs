use serde_json::json;

use super::*;
use crate::{Caller, Error, Name, Verdict};

const AGAIN: Verdict = Verdict::RetryAfter(None);
const NEVER: Verdict = Verdict::Never;
const LOOK: Verdict = Verdict::LookFirst;

fn answer(status: u16, body: &(impl ToString + ?Sized)) -> Answer {
    Answer {
        status,
        retry_after: None,
        date: None,
        redirects_to: None,
        body: Bytes::from(body.to_string()),
    }
}

fn operation(verb: Verb) -> Operation {
    Operation::on(verb, "HD Customer", &Name::from("Sunrise"))
}

fn session() -> Credential {
    Credential::Caller(Caller::session("5e55104").unwrap())
}

fn key_pair() -> Credential {
    Credential::token("key", "secret").unwrap()
}

/// The cause as its variant and, in round brackets, what a caller would branch on.
fn named(cause: &Cause) -> String {
    let debug = format!("{cause:?}");
    let variant = debug.split([' ', '(']).next().unwrap().to_owned();
    match cause {
        Cause::Validation { kind, .. } => format!("{variant}({kind})"),
        Cause::ServerFault { status, kind, .. } | Cause::Unexpected { status, kind, .. } => {
            format!("{variant}({kind} {status})")
        }
        Cause::TooManyRequests { limit, .. } => format!("{variant}({limit:?})"),
        Cause::NotFrappe { status, .. } => format!("{variant}({status})"),
        _ => variant,
    }
}

fn refused(answer: Answer, verb: Verb) -> (String, Verdict, Error) {
    let operation = operation(verb);
    let cause = answer.into_success(&operation, &session()).unwrap_err();
    let error = Error::new(&operation, cause);
    (named(&error.cause), error.verdict(), error)
}

/// Both versions of the API, with and without tracebacks, must come to the same answer.
fn check(verb: Verb, status: u16, kind: &str, expected: &str, verdict: Verdict) {
    let exception = format!("frappe.exceptions.{kind}: planted traceback");
    let bodies = [
        json!({"exc_type": kind}),
        json!({
            "exc_type": kind, "exception": exception, "exc": json!([exception]).to_string(),
            "_server_messages": json!([json!({"message": "<b>why</b>", "raise_exception": 1}).to_string()]).to_string(),
        }),
        json!({"errors": [{"type": kind}]}),
        json!({"errors": [{"type": kind, "exception": exception, "message": "<b>why</b>"}]}),
    ];
    for (at, body) in bodies.iter().enumerate() {
        let (cause, got, error) = refused(answer(status, body), verb);
        assert_eq!(
            (cause.as_str(), got),
            (expected, verdict),
            "{verb:?} {body}"
        );
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("traceback"), "{shown}");
        assert!(!shown.contains("why"), "{shown}");
        if let Some(message) = error.message() {
            assert_eq!(at % 2, 1);
            assert_eq!(message.text(), "why");
        }
    }
}

#[test]
fn every_row_of_the_table_of_errors() {
    use Verb::{Ask, Delete, Describe, Insert, List, Read, Run, Update, Upload};
    #[rustfmt::skip]
    let rows = [
        (Run,      400, "CSRFTokenError",             "Csrf",                                     NEVER),
        (Read,     401, "AuthenticationError",        "WrongKey",                                 NEVER),
        (Insert,   403, "PermissionError",            "NoRight",                                  NEVER),
        (Ask,      403, "ServerScriptNotEnabled",     "ScriptsDisabled",                          NEVER),
        (Read,     404, "DoesNotExistError",          "Missing",                                  NEVER),
        (Insert,   404, "DoesNotExistError",          "Missing",                                  NEVER),
        (Ask,      404, "DoesNotExistError",          "Missing",                                  NEVER),
        (List,     404, "DoesNotExistError",          "MissingDocType",                           NEVER),
        (Describe, 404, "DoesNotExistError",          "MissingDocType",                           NEVER),
        (Insert,   409, "DuplicateEntryError",        "Duplicate",                                NEVER),
        (Insert,   409, "NameError",                  "Validation(NameError)",                    NEVER),
        (Upload,   413, "RequestEntityTooLarge",      "RequestTooLarge",                          NEVER),
        (Insert,   417, "ValidationError",            "Validation(ValidationError)",              NEVER),
        (Insert,   417, "MandatoryError",             "Validation(MandatoryError)",               NEVER),
        (Insert,   417, "InvalidEmailAddressError",   "Validation(InvalidEmailAddressError)",     NEVER),
        (Insert,   417, "InvalidPhoneNumberError",    "Validation(InvalidPhoneNumberError)",      NEVER),
        (Insert,   417, "CharacterLengthExceededError", "Validation(CharacterLengthExceededError)", NEVER),
        (Update,   417, "CannotChangeConstantError",  "Validation(CannotChangeConstantError)",    NEVER),
        (Delete,   417, "LinkExistsError",            "Validation(LinkExistsError)",              NEVER),
        (List,     417, "DataError",                  "Validation(DataError)",                    NEVER),
        (Insert,   417, "UniqueValidationError",      "NotUnique",                                NEVER),
        (Insert,   417, "LinkValidationError",        "LinkMissing",                              NEVER),
        (Update,   417, "TimestampMismatchError",     "TimestampMismatch",                        NEVER),
        (Read,     429, "TooManyRequestsError",       "TooManyRequests(Site)",                    AGAIN),
        (Insert,   429, "TooManyRequestsError",       "TooManyRequests(Site)",                    AGAIN),
        (Run,      429, "RateLimitExceededError",     "TooManyRequests(Method)",                  AGAIN),
        (Insert,   500, "QueryDeadlockError",         "Deadlock",                                 AGAIN),
        (Update,   500, "QueryTimeoutError",          "LockTimeout",                              AGAIN),
        (Insert,   500, "ImportError",                "MissingDocType",                           NEVER),
        (Read,     500, "ImportError",                "MissingDocType",                           NEVER),
        (Ask,      500, "ImportError",                "ServerFault(ImportError 500)",             NEVER),
        (Insert,   500, "OperationalError",           "ServerFault(OperationalError 500)",        NEVER),
        (Insert,   500, "JSONDecodeError",            "ServerFault(JSONDecodeError 500)",         NEVER),
        (Run,      500, "TypeError",                  "ServerFault(TypeError 500)",               NEVER),
        (Read,     503, "SessionStopped",             "Maintenance",                              AGAIN),
        (Insert,   503, "SessionStopped",             "Maintenance",                              AGAIN),
        (Read,     418, "TeapotError",                "Unexpected(TeapotError 418)",              NEVER),
    ];
    for (verb, status, kind, expected, verdict) in rows {
        check(verb, status, kind, expected, verdict);
    }
}

#[test]
fn a_script_that_imports_is_no_missing_doctype() {
    let body = json!({"exc_type": "ImportError", "_exc_source": "Server Script"});
    let (cause, ..) = refused(answer(500, &body), Verb::Insert);
    assert_eq!(cause, "ServerFault(ImportError 500)");
}

#[test]
fn an_empty_password_field_is_no_wrong_key() {
    let said = json!([json!({"message": "not found", "raise_exception": 1}).to_string()]);
    let empty = json!({"exc_type": "AuthenticationError", "_server_messages": said.to_string()});
    let wrong_key = json!({"exc_type": "AuthenticationError"});
    let rows = [
        (PASSWORD, &empty, "Missing"),
        (PASSWORD, &wrong_key, "WrongKey"),
        ("frappe.client.get_count", &empty, "WrongKey"),
    ];
    for (method, body, expected) in rows {
        let operation = Operation::new(Verb::Ask, method);
        let cause = answer(401, body)
            .into_success(&operation, &session())
            .unwrap_err();
        assert_eq!(named(&cause), expected, "{method} {body}");
    }
}

#[test]
fn a_dead_session_is_told_apart_from_a_missing_right() {
    let expired = |status| {
        let body = json!({"session_expired": 1, "exc_type": "PermissionError", "message": "x"});
        answer(status, &body)
    };
    for status in [401, 403, 404] {
        assert_eq!(refused(expired(status), Verb::Read).0, "SessionExpired");
        assert_eq!(refused(expired(status), Verb::Run).0, "SessionExpired");
    }
    let (cause, ..) = refused(expired(200), Verb::Ask);
    assert_eq!(
        cause, "SessionExpired",
        "Frappe answered Guest, not the caller"
    );
    let done = expired(200).into_success(&operation(Verb::Run), &session());
    assert!(done.is_ok(), "a write that ran is not reported as refused");
    let asked = expired(200).into_success(&operation(Verb::Ask), &key_pair());
    assert!(asked.is_ok(), "a key pair has no session");
}

#[test]
fn pages_and_foreign_json_are_not_frappe() {
    use Verb::{Insert, Read};
    let page = "<html><head><title>Bad Gateway</title></head></html>";
    let foreign = json!({"detail": "no"}).to_string();
    #[rustfmt::skip]
    let rows = [
        (Read,   200, page,       "NotFrappe(200)",         NEVER),
        (Insert, 200, page,       "NotFrappe(200)",         LOOK),
        (Insert, 200, "[1]",      "NotFrappe(200)",         LOOK),
        (Insert, 200, "",         "NotFrappe(200)",         LOOK),
        (Read,   404, page,       "NotFrappe(404)",         NEVER),
        (Insert, 403, page,       "NotFrappe(403)",         NEVER),
        (Insert, 405, page,       "NotFrappe(405)",         NEVER),
        (Insert, 413, page,       "RequestTooLarge",        NEVER),
        (Insert, 429, page,       "TooManyRequests(Other)", AGAIN),
        (Insert, 500, page,       "NotFrappe(500)",         LOOK),
        (Read,   500, page,       "NotFrappe(500)",         NEVER),
        (Insert, 502, page,       "NotFrappe(502)",         LOOK),
        (Read,   502, page,       "NotFrappe(502)",         AGAIN),
        (Insert, 503, page,       "NotFrappe(503)",         LOOK),
        (Read,   503, page,       "NotFrappe(503)",         AGAIN),
        (Read,   504, page,       "NotFrappe(504)",         AGAIN),
        (Insert, 502, &foreign,   "NotFrappe(502)",         LOOK),
        (Read,   404, &foreign,   "NotFrappe(404)",         NEVER),
        (Read,   302, page,       "Redirected",             NEVER),
        (Insert, 308, &foreign,   "Redirected",             NEVER),
    ];
    for (verb, status, body, expected, verdict) in rows {
        let (cause, got, _) = refused(answer(status, body), verb);
        assert_eq!(
            (cause.as_str(), got),
            (expected, verdict),
            "{verb:?} {status}"
        );
    }
}

#[test]
fn the_hint_of_a_page_is_its_title_and_of_a_redirect_the_host() {
    let (.., error) = refused(answer(502, "<title>502 Bad Gateway</title>"), Verb::Read);
    assert_eq!(
        error.to_string(),
        "read HD Customer \"Sunrise\": the answer is not Frappe's (502, \"502 Bad Gateway\")"
    );
    let redirect = Answer {
        redirects_to: Some("sso.example".to_owned()),
        ..answer(302, "")
    };
    let (.., error) = refused(redirect, Verb::Read);
    assert_eq!(
        error.to_string(),
        "read HD Customer \"Sunrise\": redirected (302) to sso.example, which was not followed"
    );
}

#[test]
fn the_exception_is_a_name_or_nothing() {
    for kind in ["a b", "<b>", "", "ế", &"x".repeat(KIND_CHARACTERS_MAX + 1)] {
        let (cause, ..) = refused(answer(417, &json!({"exc_type": kind})), Verb::Read);
        assert_eq!(cause, "NotFrappe(417)", "{kind}");
    }
    let (cause, ..) = refused(answer(417, &json!({"exc_type": 7})), Verb::Read);
    assert_eq!(cause, "NotFrappe(417)");
}

#[test]
fn retry_after_is_seconds_with_a_ceiling() {
    let cases = [
        ("521", Some(521)),
        (" 1 ", Some(1)),
        ("0", Some(0)),
        ("99999999", Some(86_400)),
        ("-1", None),
        ("1.5", None),
        ("Fri, 20 Nov 2026 10:00:00 GMT", None),
    ];
    for (header, seconds) in cases {
        assert_eq!(
            retry_after(header),
            seconds.map(Duration::from_secs),
            "{header}"
        );
    }
    let limited = Answer {
        retry_after: Some(Duration::from_secs(521)),
        ..answer(429, &json!({"exc_type": "TooManyRequestsError"}))
    };
    assert_eq!(
        refused(limited, Verb::Insert).1,
        Verdict::RetryAfter(Some(Duration::from_secs(521)))
    );
}

#[test]
fn a_file_is_refused_with_pages() {
    let page = "<title>403 Forbidden</title>";
    let rows = [
        (401, "WrongKey"),
        (403, "NoRight"),
        (404, "Missing"),
        (502, "NotFrappe(502)"),
        (302, "Redirected"),
    ];
    for (status, expected) in rows {
        let cause = answer(status, page).into_file_refusal(&operation(Verb::Download), &key_pair());
        assert_eq!(named(&cause), expected);
    }
}

proptest::proptest! {
    #[test]
    fn whatever_a_server_says_becomes_a_success_or_a_cause(
        status in 100_u16..600,
        body in "(\\{\"(exc_type|errors|_server_messages|data)\":(\"[A-Za-z]{0,8}\"|\\[\\]|\\[\\{\"type\":1\\}\\]|null)\\}|\\PC{0,40})",
    ) {
        for verb in [Verb::Read, Verb::Insert, Verb::Run] {
            let answered = answer(status, &body).into_success(&operation(verb), &session());
            proptest::prop_assert!(answered.is_err() || (200..300).contains(&status));
        }
    }
}

#[test]
fn a_date_header_is_read() {
    let cases = [
        (
            "Fri, 20 Nov 2026 10:00:00 GMT",
            Some("2026-11-20T10:00:00Z"),
        ),
        ("2026-11-20", None),
        ("", None),
    ];
    for (header, expected) in cases {
        let expected = expected.map(|time| time.parse().unwrap());
        assert_eq!(date(header), expected, "{header}");
    }
}
