//! How answers look: envelope, tracebacks, pages.

use http::{HeaderValue, header};

use crate::{
    frappe::{
        answer::{self, Answer},
        dispatch::Done,
        exception::{Exception, Message},
        files,
        request::{Api, Route},
    },
    server::Request,
};

/// How answers to one request look.
pub(super) struct Style {
    pub api: Api,
    pub traceback: bool,
    pub is_html: bool,
}

impl Style {
    pub(super) fn failure(&self, exception: &Exception, messages: &[Message]) -> Answer {
        answer::failure(exception, messages, self.api, self.traceback, self.is_html)
    }

    pub(super) fn failed(
        &self,
        exception: &Exception,
        messages: &[Message],
        is_expired: bool,
    ) -> Answer {
        if !is_expired || self.is_html {
            return self.failure(exception, messages);
        }
        let mut body = match self.api {
            Api::V1 => exception.body_v1(self.traceback),
            Api::V2 => exception.body_v2(self.traceback, messages),
        };
        if self.api == Api::V1 {
            answer::add_messages(&mut body, messages, self.api);
        }
        body.insert("session_expired".to_owned(), 1.into());
        let mut answer = Answer::json(exception.class.status, body);
        answer.exc_type = Some(exception.class.name);
        answer
    }

    pub(super) fn done(&self, done: Done, messages: &[Message], is_expired: bool) -> Answer {
        match done {
            Done::Json(status, mut body) => {
                answer::add_messages(&mut body, messages, self.api);
                if is_expired {
                    body.insert("session_expired".to_owned(), 1.into());
                }
                Answer::json(status, body)
            }
            Done::File { name, content } => {
                let mut answer = Answer::new(200, files::content_type(&name), content);
                let disposition = format!("attachment; filename={name}");
                if let Ok(value) = HeaderValue::from_str(&disposition) {
                    answer.header(header::CONTENT_DISPOSITION, value);
                }
                answer
            }
            Done::WrongVerb => {
                let sentence = "The method is not allowed for the requested URL.";
                let mut answer = answer::plain_page(405, "Method Not Allowed", sentence);
                let allowed = HeaderValue::from_static("GET, HEAD, POST");
                answer.header(header::ALLOW, allowed);
                answer
            }
        }
    }
}

/// Errors are pages when the caller reads text, or when it is no call to the API.
pub(super) fn wants_html(request: &Request, route: &Route) -> bool {
    let accept = request.header("accept").unwrap_or_default();
    let is_api = !matches!(
        route,
        Route::Page(_) | Route::PrivateFile(_) | Route::PublicFile(_)
    );
    !accept.contains("application/json") && (!is_api || accept.starts_with("text"))
}
