//! The failures that a fault script can ask for by name.

use http::{HeaderValue, header};
use serde_json::json;

use super::{
    answer::{self, Answer, Cookies},
    exception::{
        AUTHENTICATION, DUPLICATE_ENTRY, Exception, Message, NOT_IMPLEMENTED, PERMISSION,
        QUERY_DEADLOCK, QUERY_TIMEOUT, RATE_LIMIT_EXCEEDED, SESSION_STOPPED, TIMESTAMP_MISMATCH,
        TOO_MANY_REQUESTS,
    },
    random::Random,
    request::Api,
};

/// The names, for documentation and tests.
pub(crate) const NAMES: [&str; 11] = [
    "deadlock",
    "lock_timeout",
    "too_many_requests",
    "rate_limit_exceeded",
    "maintenance",
    "timestamp_mismatch",
    "duplicate_name",
    "bad_gateway",
    "html",
    "unauthorized",
    "forbidden",
];

/// How long `too_many_requests` asks clients to wait.
const RETRY_AFTER_SECONDS: u64 = 2;

/// The answer of a preset; an unknown name is 500 and says so.
pub(crate) fn answer(preset: &str, api: Api, traceback: bool) -> Answer {
    let mut random = Random::seeded(1);
    let mut fail = |exception: Exception, message: Option<&str>| {
        let message = message.map(|message| Message::thrown(message, &mut random));
        let messages: Vec<Message> = message.into_iter().collect();
        let mut answer = answer::failure(&exception, &messages, api, traceback, false);
        answer.cookies = Cookies::Set(Cookies::guest());
        answer
    };
    match preset {
        "deadlock" => {
            let why =
                "(1213, 'Deadlock found when trying to get lock; try restarting transaction')";
            fail(Exception::new(QUERY_DEADLOCK, why), None)
        }
        "lock_timeout" => {
            let why = "(1205, 'Lock wait timeout exceeded; try restarting transaction')";
            fail(Exception::new(QUERY_TIMEOUT, why), None)
        }
        "too_many_requests" => {
            let mut answer = fail(Exception::bare(TOO_MANY_REQUESTS), None);
            answer.header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            answer
        }
        "rate_limit_exceeded" => {
            let why =
                "You hit the rate limit because of too many requests. Please try after sometime.";
            fail(Exception::new(RATE_LIMIT_EXCEEDED, why), Some(why))
        }
        "maintenance" => fail(Exception::bare(SESSION_STOPPED), None),
        "timestamp_mismatch" => {
            let why = "Error: Document has been modified after you have opened it. Please refresh to get the latest document.";
            fail(Exception::new(TIMESTAMP_MISMATCH, why), Some(why))
        }
        // What concurrent contacts of one name end in.
        "duplicate_name" => {
            let why =
                "('Contact', 'A', IntegrityError(1062, \"Duplicate entry 'A' for key 'PRIMARY'\"))";
            fail(Exception::new(DUPLICATE_ENTRY, why), None)
        }
        "bad_gateway" => Answer::new(
            502,
            "text/html",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        ),
        "html" => Answer::html(
            200,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Login</title></head><body></body></html>\n",
        ),
        "unauthorized" => {
            let mut answer = fail(Exception::bare(AUTHENTICATION), None);
            answer.cookies = Cookies::Cleared(Cookies::guest());
            answer
        }
        "forbidden" => fail(Exception::bare(PERMISSION), None),
        unknown => {
            let known = json!(NAMES);
            let why = format!("the simulator knows no preset {unknown:?}, only {known}");
            fail(Exception::new(NOT_IMPLEMENTED, why), None)
        }
    }
}
