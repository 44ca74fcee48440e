//! From a route to what it does.

use serde_json::{Map, Value, json};

use super::{
    cell,
    document::Nulls,
    exception::{
        Class, DOES_NOT_EXIST, Exception, NOT_IMPLEMENTED, PERMISSION, RATE_LIMIT_EXCEEDED, TYPE,
    },
    meta::Right,
    methods::{self, Returned},
    request::{self, Api, Call, Route},
    scripts::{self, ScriptAnswer, ScriptCall},
    transaction::Transaction,
};

/// Counts a call of a script that is limited to so many calls in so many seconds; false when there were
/// too many.
pub(crate) type Count<'a> = &'a mut dyn FnMut(&str, i64, i64) -> bool;

/// What a route answers.
#[derive(Debug)]
pub(crate) enum Done {
    Json(u16, Map<String, Value>),
    File {
        name: String,
        content: bytes::Bytes,
    },
    /// The route exists, but not with this verb.
    WrongVerb,
}

fn data(status: u16, value: Value) -> Done {
    Done::Json(status, Map::from_iter([("data".to_owned(), value)]))
}

/// Does what a call to the API asks for.
pub(crate) fn run(
    transaction: &mut Transaction<'_>,
    call: &Call,
    count: Count<'_>,
) -> Result<Done, Exception> {
    match &call.route {
        Route::Method(api, path) => match script(transaction, call, path, count) {
            Some(answered) => answered,
            None => {
                let returned = methods::call(transaction, call, *api, path)?;
                Ok(returned_done(*api, returned))
            }
        },
        Route::List(api, doctype) => list(transaction, call, *api, doctype),
        Route::Document(api, doctype, name) => document(transaction, call, *api, doctype, name),
        Route::DocumentMethod(doctype, name, method) => {
            let returned = document_method(transaction, call, doctype, name, method)?;
            Ok(data(200, returned))
        }
        Route::Meta(doctype) => {
            let meta = methods::meta(transaction, doctype)?;
            Ok(data(200, Value::Object(meta)))
        }
        Route::Count(doctype) => {
            let count = transaction.count(doctype, &call.params, true)?;
            Ok(data(200, count.into()))
        }
        Route::Nowhere(_) | Route::PrivateFile(_) | Route::PublicFile(_) | Route::Page(_) => {
            Err(Exception::bare(DOES_NOT_EXIST))
        }
    }
}

fn returned_done(api: Api, returned: Returned) -> Done {
    let key = match api {
        Api::V1 => "message",
        Api::V2 => "data",
    };
    match returned {
        Returned::Value(value) => Done::Json(200, Map::from_iter([(key.to_owned(), value)])),
        Returned::Nothing => Done::Json(200, Map::new()),
        Returned::Body(status, body) => Done::Json(status, body),
        Returned::File { name, content } => Done::File { name, content },
    }
}

fn list(
    transaction: &mut Transaction<'_>,
    call: &Call,
    api: Api,
    doctype: &str,
) -> Result<Done, Exception> {
    match &*call.verb {
        "GET" | "HEAD" => Ok(data(200, transaction.list(doctype, &call.params)?)),
        "POST" => {
            let sent = sent_document(call, api)?;
            let document = transaction.insert(doctype, &sent)?;
            Ok(data(200, document.json(Nulls::Dropped)))
        }
        _ => Ok(Done::WrongVerb),
    }
}

fn document(
    transaction: &mut Transaction<'_>,
    call: &Call,
    api: Api,
    doctype: &str,
    name: &str,
) -> Result<Done, Exception> {
    match (&*call.verb, api) {
        ("GET" | "HEAD" | "POST", Api::V1) if call.params.contains_key("run_method") => {
            let method = call.text("run_method").unwrap_or_default();
            let returned = document_method(transaction, call, doctype, name, &method)?;
            Ok(data(200, returned))
        }
        ("GET" | "HEAD", _) => {
            let document = transaction.load(doctype, name)?;
            transaction.demand(Right::Read, &document)?;
            Ok(data(200, document.json(Nulls::Dropped)))
        }
        ("PUT", _) | ("PATCH", Api::V2) => {
            let sent = sent_document(call, api)?;
            let mut document = transaction.load(doctype, name)?;
            document.update(&sent, transaction.store);
            let document = transaction.save(document)?;
            Ok(data(200, document.json(Nulls::Dropped)))
        }
        ("DELETE", _) => {
            transaction.delete(doctype, name)?;
            Ok(data(202, "ok".into()))
        }
        _ => Err(Exception::bare(DOES_NOT_EXIST)),
    }
}

fn document_method(
    transaction: &mut Transaction<'_>,
    call: &Call,
    doctype: &str,
    name: &str,
    method: &str,
) -> Result<Value, Exception> {
    let document = transaction.load(doctype, name)?;
    let right = if call.commits() {
        Right::Write
    } else {
        Right::Read
    };
    transaction.check(right, &document)?;
    methods::run_on(transaction, &document, method, &call.params)
}

/// The document in a request's body, as v1 and v2 find it.
fn sent_document(call: &Call, api: Api) -> Result<Map<String, Value>, Exception> {
    let given = match (api, call.params.get("data")) {
        (Api::V2, _) => return Ok(call.params.clone()),
        (Api::V1, Some(Value::String(text))) => request::json(text.as_bytes()).ok(),
        (Api::V1, Some(Value::Array(_))) => {
            let message = "pop expected at most 1 argument, got 2";
            return Err(Exception::new(TYPE, message));
        }
        (Api::V1, Some(other)) => Some(other.clone()),
        // Whatever the content type says, JSON is read as JSON.
        (Api::V1, None) => request::json(&call.body).ok(),
    };
    match given {
        Some(Value::Object(document)) => Ok(document),
        _ => Ok(call.params.clone()),
    }
}

/// Runs the API script of that method, when there is an enabled one.
fn script(
    transaction: &mut Transaction<'_>,
    call: &Call,
    method: &str,
    count: Count<'_>,
) -> Option<Result<Done, Exception>> {
    let params = json!({
        "filters": {"script_type": "API", "disabled": 0, "api_method": method},
        "fields": ["name", "allow_guest", "enable_rate_limit", "rate_limit_count", "rate_limit_seconds"],
        "limit": 1,
    });
    if transaction.store.count("Server Script") == 0 {
        return None;
    }
    let found = transaction
        .list_all("Server Script", params.as_object()?)
        .ok()?;
    let script = found.get(0)?.as_object()?.clone();
    Some(run_script(transaction, call, method, &script, count))
}

fn run_script(
    transaction: &mut Transaction<'_>,
    call: &Call,
    method: &str,
    script: &Map<String, Value>,
    count: Count<'_>,
) -> Result<Done, Exception> {
    let number = |key: &str| script.get(key).map_or(0, cell::int);
    if transaction.user.is_guest() && number("allow_guest") == 0 {
        return Err(Exception::bare(PERMISSION));
    }
    if number("enable_rate_limit") != 0 {
        let (calls_max, seconds) = (number("rate_limit_count"), number("rate_limit_seconds"));
        if !count(method, calls_max, seconds) {
            let message =
                "You hit the rate limit because of too many requests. Please try after sometime.";
            return Err(transaction.throw(RATE_LIMIT_EXCEEDED, message));
        }
    }
    if !transaction.runs_scripts {
        return Err(scripts::disabled(transaction));
    }
    let Some(handler) = transaction.hooks.handler(method) else {
        let message =
            format!("the simulator does not run Python: register a native function for {method:?}");
        return Err(Exception::new(NOT_IMPLEMENTED, message));
    };
    let mut params = call.params.clone();
    params.insert("cmd".to_owned(), method.into());
    let answer = handler(&ScriptCall {
        user: transaction.user.name.to_string(),
        params,
    });
    answered(transaction, answer)
}

fn answered(transaction: &mut Transaction<'_>, answer: ScriptAnswer) -> Result<Done, Exception> {
    let from_script = |exception: Exception| Exception {
        source: Some("Server Script"),
        ..exception
    };
    match answer {
        ScriptAnswer::Message(status, message) => {
            let body = Map::from_iter([("message".to_owned(), message)]);
            Ok(Done::Json(status, body))
        }
        ScriptAnswer::Nothing => Ok(Done::Json(200, Map::new())),
        ScriptAnswer::Throw(class, message) => {
            let class = Class::thrown(&class);
            Err(from_script(transaction.throw(class, message)))
        }
        ScriptAnswer::Fail(class, message) => {
            Err(from_script(Exception::new(Class::raised(&class), message)))
        }
    }
}
