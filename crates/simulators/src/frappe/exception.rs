//! How a request fails, and what the answer then says.
//!
//! Observed on 15.50: `exc_type` is always there; `exception` and `exc` only while tracebacks are allowed
//! and never with 404; `_server_messages` is a JSON text that holds a list of JSON texts.

use serde_json::{Map, Value, json};

use super::random::Random;

/// A Python exception class and the HTTP status that it becomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Class {
    /// The module with a dot behind it, or nothing for a built-in class.
    module: &'static str,
    pub name: &'static str,
    pub status: u16,
}

const fn frappe(name: &'static str, status: u16) -> Class {
    Class {
        module: "frappe.exceptions.",
        name,
        status,
    }
}

const fn python(name: &'static str) -> Class {
    Class {
        module: "",
        name,
        status: 500,
    }
}

const fn mysql(name: &'static str) -> Class {
    Class {
        module: "pymysql.err.",
        name,
        status: 500,
    }
}

pub(crate) const AUTHENTICATION: Class = frappe("AuthenticationError", 401);
pub(crate) const PERMISSION: Class = frappe("PermissionError", 403);
pub(crate) const CSRF_TOKEN: Class = frappe("CSRFTokenError", 400);
pub(crate) const DOES_NOT_EXIST: Class = frappe("DoesNotExistError", 404);
pub(crate) const DUPLICATE_ENTRY: Class = frappe("DuplicateEntryError", 409);
pub(crate) const NAME: Class = frappe("NameError", 409);
pub(crate) const VALIDATION: Class = frappe("ValidationError", 417);
pub(crate) const MANDATORY: Class = frappe("MandatoryError", 417);
pub(crate) const LINK_VALIDATION: Class = frappe("LinkValidationError", 417);
pub(crate) const UNIQUE_VALIDATION: Class = frappe("UniqueValidationError", 417);
pub(crate) const INVALID_EMAIL: Class = frappe("InvalidEmailAddressError", 417);
pub(crate) const INVALID_PHONE: Class = frappe("InvalidPhoneNumberError", 417);
pub(crate) const TOO_LONG: Class = frappe("CharacterLengthExceededError", 417);
pub(crate) const CONSTANT: Class = frappe("CannotChangeConstantError", 417);
pub(crate) const TIMESTAMP_MISMATCH: Class = frappe("TimestampMismatchError", 417);
pub(crate) const LINK_EXISTS: Class = frappe("LinkExistsError", 417);
pub(crate) const DATA: Class = frappe("DataError", 417);
pub(crate) const TOO_MANY_REQUESTS: Class = frappe("TooManyRequestsError", 429);
pub(crate) const RATE_LIMIT_EXCEEDED: Class = frappe("RateLimitExceededError", 429);
pub(crate) const QUERY_DEADLOCK: Class = frappe("QueryDeadlockError", 500);
pub(crate) const QUERY_TIMEOUT: Class = frappe("QueryTimeoutError", 500);
pub(crate) const SESSION_STOPPED: Class = frappe("SessionStopped", 503);
pub(crate) const SCRIPTS_DISABLED: Class = Class {
    module: "frappe.utils.safe_exec.",
    name: "ServerScriptNotEnabled",
    status: 403,
};
pub(crate) const DOCTYPE_LINK: Class = Class {
    module: "frappe.core.doctype.doctype.doctype.",
    name: "DoctypeLinkError",
    status: 417,
};
/// A DocType of the apps themselves, made or changed while developer mode is off.
pub(crate) const STANDARD_DOCTYPE: Class = Class {
    module: "frappe.core.doctype.doctype.doctype.",
    name: "CannotCreateStandardDoctypeError",
    status: 417,
};
pub(crate) const JSON_DECODE: Class = Class {
    module: "json.decoder.",
    name: "JSONDecodeError",
    status: 500,
};
pub(crate) const OPERATIONAL: Class = mysql("OperationalError");
pub(crate) const OUT_OF_RANGE: Class = mysql("DataError");
pub(crate) const PROGRAMMING: Class = mysql("ProgrammingError");
pub(crate) const TYPE: Class = python("TypeError");
pub(crate) const ATTRIBUTE: Class = python("AttributeError");
pub(crate) const OS: Class = python("OSError");
pub(crate) const NOT_IMPLEMENTED: Class = python("NotImplementedError");
/// A module that is missing; its traceback ends in `Error` (observed).
pub(crate) const IMPORT: Class = Class {
    module: "Error",
    name: "ImportError",
    status: 500,
};

impl Class {
    /// The class that a script throws by name; a `ValidationError` unless it is known.
    pub(crate) fn thrown(name: &str) -> Self {
        match name {
            "PermissionError" => PERMISSION,
            "DoesNotExistError" => DOES_NOT_EXIST,
            "AuthenticationError" => AUTHENTICATION,
            _ => VALIDATION,
        }
    }

    /// The class of an exception that a script did not mean to raise.
    pub(crate) fn raised(name: &str) -> Self {
        match name {
            "ZeroDivisionError" => python("ZeroDivisionError"),
            "ImportError" => python("ImportError"),
            "QueryDeadlockError" => QUERY_DEADLOCK,
            "HTTPError" => python("HTTPError"),
            "AttributeError" => ATTRIBUTE,
            "TypeError" => TYPE,
            _ => python("Exception"),
        }
    }
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exception {
    pub class: Class,
    pub message: String,
    /// Which app or script the exception came from, when it was not the framework.
    pub source: Option<&'static str>,
    /// `_error_message`: the sentence for people that some refusals carry.
    pub explained: Option<String>,
}

impl Exception {
    pub(crate) fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            source: None,
            explained: None,
        }
    }

    /// An exception without any text.
    pub(crate) fn bare(class: Class) -> Self {
        Self::new(class, "")
    }

    /// Says that a Helpdesk function raised it.
    #[must_use]
    pub(crate) fn in_helpdesk(mut self) -> Self {
        self.source = Some("helpdesk (app)");
        self
    }

    /// Adds `_error_message`.
    #[must_use]
    pub(crate) fn explained(mut self, sentence: impl Into<String>) -> Self {
        self.explained = Some(sentence.into());
        self
    }

    /// The last line of the traceback.
    pub(crate) fn line(&self) -> String {
        let class = match self.class {
            Class {
                module: "Error", ..
            } => "Error".to_owned(),
            Class { module, name, .. } => format!("{module}{name}"),
        };
        match &*self.message {
            "" => class,
            message => format!("{class}: {message}"),
        }
    }

    /// Whether the answer may show the traceback at all.
    fn shows_traceback(&self, allowed: bool) -> bool {
        allowed && self.class.status != 404 && self.class != CSRF_TOKEN
    }

    fn traceback(&self) -> String {
        let frame = "  File \"apps/frappe/frappe/app.py\", line 114, in application\n    response = frappe.api.handle(request)\n";
        format!(
            "Traceback (most recent call last):\n{frame}{}\n",
            self.line()
        )
    }

    /// The body of a v1 answer, without the messages.
    pub(crate) fn body_v1(&self, traceback: bool) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("exc_type".to_owned(), self.class.name.into());
        if self.shows_traceback(traceback) {
            body.insert("exception".to_owned(), self.line().into());
            let stack = ascii_json(&json!([self.traceback()]));
            body.insert("exc".to_owned(), stack.into());
            if let Some(source) = self.source {
                body.insert("_exc_source".to_owned(), source.into());
            }
        }
        if let Some(explained) = &self.explained {
            body.insert("_error_message".to_owned(), explained.as_str().into());
        }
        body
    }

    /// The body of a v2 answer: the last message belongs to the exception, the others stand beside it.
    pub(crate) fn body_v2(&self, traceback: bool, messages: &[Message]) -> Map<String, Value> {
        let mut error = Map::new();
        error.insert("type".to_owned(), self.class.name.into());
        if self.shows_traceback(traceback) {
            error.insert("exception".to_owned(), self.traceback().into());
        }
        let mut body = Map::new();
        if let Some((last, others)) = messages.split_last() {
            error.extend(last.shown());
            if !others.is_empty() {
                let others = others.iter().map(Message::json).collect();
                body.insert("messages".to_owned(), Value::Array(others));
            }
        }
        body.insert("errors".to_owned(), json!([error]));
        body
    }
}

/// One entry of `_server_messages`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub message: String,
    pub title: &'static str,
    pub indicator: Option<&'static str>,
    /// Set when the message was thrown; identifies the exception.
    pub thrown: Option<String>,
    pub alert: bool,
}

impl Message {
    /// A message that only informs.
    pub(crate) fn note(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            title: "Message",
            indicator: None,
            thrown: None,
            alert: false,
        }
    }

    /// A message that belongs to an exception.
    pub(crate) fn thrown(message: impl Into<String>, random: &mut Random) -> Self {
        Self {
            indicator: Some("red"),
            thrown: Some(random.hex(56)),
            ..Self::note(message)
        }
    }

    fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("message".to_owned(), self.message.as_str().into());
        shown.insert("title".to_owned(), self.title.into());
        if let Some(indicator) = self.indicator {
            shown.insert("indicator".to_owned(), indicator.into());
        }
        shown
    }

    /// The message as an object.
    pub(crate) fn json(&self) -> Value {
        let mut json = self.shown();
        if let Some(id) = &self.thrown {
            json.insert("raise_exception".to_owned(), 1.into());
            json.insert("__frappe_exc_id".to_owned(), id.as_str().into());
        }
        if self.alert {
            json.insert("alert".to_owned(), 1.into());
        }
        Value::Object(json)
    }
}

/// `_server_messages`: a JSON text of a list of JSON texts.
pub(crate) fn server_messages(messages: &[Message]) -> Value {
    let texts: Vec<Value> = messages
        .iter()
        .map(|message| ascii_json(&message.json()).into())
        .collect();
    ascii_json(&Value::Array(texts)).into()
}

/// JSON as Python writes it: nothing but ASCII.
pub(crate) fn ascii_json(value: &Value) -> String {
    let mut ascii = String::new();
    for letter in value.to_string().chars() {
        push_ascii(&mut ascii, letter);
    }
    ascii
}

fn push_ascii(text: &mut String, letter: char) {
    if letter.is_ascii() {
        text.push(letter);
        return;
    }
    let mut units = [0; 2];
    for unit in letter.encode_utf16(&mut units) {
        text.push_str(&format!("\\u{unit:04x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_json_in_json_and_ascii_only() {
        let note = Message::note("Không thấy 👋");
        let text = server_messages(&[note]);
        let text = text.as_str().unwrap();
        assert!(text.is_ascii(), "{text}");
        let list: Vec<String> = serde_json::from_str(text).unwrap();
        let message: Value = serde_json::from_str(&list[0]).unwrap();
        assert_eq!(
            message,
            json!({"message": "Không thấy 👋", "title": "Message"})
        );
    }

    #[test]
    fn no_traceback_is_shown_where_none_is_allowed_or_nothing_was_found() {
        for (class, allowed, expected) in [
            (VALIDATION, true, true),
            (VALIDATION, false, false),
            (DOES_NOT_EXIST, true, false),
            (CSRF_TOKEN, true, false),
        ] {
            let exception = Exception::new(class, "why").in_helpdesk();
            let body = exception.body_v1(allowed);
            assert_eq!(body["exc_type"], class.name);
            for key in ["exc", "exception", "_exc_source"] {
                assert_eq!(body.contains_key(key), expected, "{key} of {}", class.name);
            }
        }
    }
}
