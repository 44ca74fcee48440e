//! Replays what a real site answered, in the order in which it was asked, and compares.

use std::{collections::HashMap, io::Read as _, net::SocketAddr, path::Path, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    super::{Options, Running, ScriptAnswer, ScriptCall, ScriptHandler, Site, start},
    client::{self, Response},
    lab,
};
use crate::{clock::Clock, server::Listen};

const FILES: [&str; 14] = [
    "01-auth",
    "02-permissions",
    "03-hd-customer",
    "04-contact",
    "05-hd-ticket",
    "06-messages",
    "07-files",
    "08-metadata",
    "09-scripts",
    "10-settings",
    "11-errors",
    "12-bulk",
    "13-assign",
    "14-versions",
];

/// Exchanges that are answered otherwise than recorded, and why: file, position, name.
const DIFFERENT: [(&str, usize, &str, &str); 7] = [
    (
        "04-contact",
        36,
        "parallel same name 3",
        "four requests at once raced for one name; here they come one after another",
    ),
    ("04-contact", 37, "parallel same name 1", "the same race"),
    ("04-contact", 38, "parallel same name 0", "the same race"),
    ("04-contact", 39, "parallel same name 2", "the same race"),
    (
        "05-hd-ticket",
        71,
        "api.get_one",
        "the agents' page asks for it, no client of ours does",
    ),
    (
        "08-metadata",
        33,
        "getdoctype HD Ticket",
        "the desk's own view of a DocType with customised permissions; meta of v2 is there",
    ),
    (
        "13-assign",
        11,
        "getdoc docinfo",
        "the desk's side information about a document",
    ),
];

/// Keys that no client reads: a column left over from an old release, the hash of an app's file.
const LEFT_OUT: [&str; 2] = ["show_preview_popup", "migration_hash"];

/// What stands in for a real site's numbers: those that change from run to run.
const UUID_LENGTH: usize = 36;

struct Replay {
    address: SocketAddr,
    site: Site,
    sids: HashMap<String, String>,
    csrf: HashMap<String, String>,
    /// Random names of the recording, and what they are called here.
    names: Vec<(String, String)>,
}

#[tokio::test]
async fn a_real_sites_answers_are_repeated() {
    let running = site().await;
    let mut replay = Replay {
        address: running.server.address(),
        site: running.site.clone(),
        sids: HashMap::new(),
        csrf: HashMap::new(),
        names: Vec::new(),
    };
    for user in ["agent", "nobody"] {
        replay.log_in(user).await;
    }
    let mut wrong = Vec::new();
    let mut figures = Vec::new();
    for file in FILES {
        let exchanges = recording(file);
        let mut same = 0;
        for (position, exchange) in exchanges.iter().enumerate() {
            replay.between(file, position).await;
            let differences = replay.exchange(exchange).await;
            let name = exchange["name"].as_str().unwrap();
            let known = DIFFERENT
                .iter()
                .any(|(other, at, _, _)| *other == file && *at == position);
            same += usize::from(differences.is_empty());
            if differences.is_empty() == known {
                let what = match known {
                    true => "is listed as different, but is the same".to_owned(),
                    false => differences.join("\n      "),
                };
                wrong.push(format!("{file} {position} {name:?}\n      {what}"));
            }
        }
        figures.push(format!("{file}: {same} of {}", exchanges.len()));
    }
    println!("{}", figures.join("\n"));
    for (file, position, name, _) in DIFFERENT {
        let exchange = &recording(file)[position];
        assert_eq!(
            exchange["name"], name,
            "{file} {position} is another exchange"
        );
    }
    assert!(
        wrong.is_empty(),
        "\n{}\n{} differ",
        wrong.join("\n"),
        wrong.len()
    );
}

async fn site() -> Running {
    let scripts_served = &recording("09-scripts")[50];
    let form_script = scripts_served["response"]["body"]["message"]["_form_script"][0].as_str();
    let form_script = form_script.unwrap();
    let options = Options {
        listen: Listen::loopback(),
        data: lab::data(form_script),
        clock: Clock::manual("2026-11-20T22:51:05Z".parse().unwrap()),
        ..Options::default()
    };
    let running = start(options).await.unwrap();
    for (method, handler) in scripts() {
        running.site.register_script(method, handler);
    }
    running
}

/// What the recorded scripts do, in Rust.
fn scripts() -> Vec<(&'static str, ScriptHandler)> {
    fn echo(call: &ScriptCall) -> ScriptAnswer {
        let q = call.params.get("q").cloned().unwrap_or_default();
        ScriptAnswer::Message(200, json!({"success": true, "user": call.user, "q": q}))
    }
    fn throw(class: &str, message: &str) -> ScriptAnswer {
        ScriptAnswer::Throw(class.to_owned(), message.to_owned())
    }
    fn fail(class: &str, message: &str) -> ScriptAnswer {
        ScriptAnswer::Fail(class.to_owned(), message.to_owned())
    }
    fn say(message: Value) -> ScriptAnswer {
        ScriptAnswer::Message(200, message)
    }
    vec![
        ("demo_echo", Arc::new(echo)),
        (
            "demo_zero",
            Arc::new(|_| fail("ZeroDivisionError", "division by zero")),
        ),
        (
            "demo_throw",
            Arc::new(|_| throw("DoesNotExistError", "Không thấy")),
        ),
        ("demo_throw2", Arc::new(|_| throw("", "plain"))),
        ("demo_perm", Arc::new(|_| throw("PermissionError", "no"))),
        (
            "demo_imp",
            Arc::new(|_| fail("ImportError", "__import__ not found")),
        ),
        (
            "demo_guest",
            Arc::new(|call| say(call.user.as_str().into())),
        ),
        (
            "demo_status",
            Arc::new(|_| ScriptAnswer::Message(404, json!({"success": false}))),
        ),
        ("demo_rate", Arc::new(|_| say(1.into()))),
        ("demo_nothing", Arc::new(|_| ScriptAnswer::Nothing)),
        (
            "demo_flags",
            Arc::new(|call| say(Value::Object(call.params.clone()))),
        ),
        ("demo_dl_a", Arc::new(|_| say("ok".into()))),
        (
            "demo_dl_b",
            Arc::new(|_| {
                let why =
                    "(1213, 'Deadlock found when trying to get lock; try restarting transaction')";
                fail("QueryDeadlockError", why)
            }),
        ),
    ]
}

fn recording(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/frappe");
    let packed = std::fs::File::open(folder.join(format!("{file}.json.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Replay {
    async fn log_in(&mut self, user: &str) {
        let body = json!({"usr": lab::address(user), "pwd": format!("{user}-password")});
        let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
        let body = body.to_string();
        let path = "/api/method/login";
        let answer = client::send(self.address, "POST", path, &headers, body.as_bytes()).await;
        let cookie = answer.header("set-cookie").unwrap();
        let sid = cookie
            .strip_prefix("sid=")
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        self.sids.insert(user.to_owned(), sid.to_owned());
    }

    /// What was done on the real site without being recorded.
    async fn between(&mut self, file: &str, position: usize) {
        match (file, position) {
            ("02-permissions", 0) => self.set_up_permissions().await,
            ("09-scripts", 41) => self
                .site
                .configure(|config| config.server_script_enabled = false),
            ("09-scripts", 43) => self
                .site
                .configure(|config| config.server_script_enabled = true),
            ("11-errors", 28) => {
                self.put(
                    "hub",
                    "HD%20Customer/Perm%20Shop",
                    json!({"domain": "m1.example"}),
                )
                .await;
            }
            ("11-errors", 34) => {
                for method in ["demo_dl_a", "demo_dl_b"] {
                    let script = json!({"name": method, "script_type": "API", "api_method": method,
                                        "script": "pass"});
                    self.post("administrator", "Server%20Script", script).await;
                }
                self.put("agent", "HD%20Customer/Perm%20Shop", json!({"domain": "a"}))
                    .await;
            }
            ("11-errors", 36) => self.site.configure(|config| {
                config.rate_limit = Some(super::super::RateLimit {
                    limit: 0.02,
                    window: 3600,
                });
            }),
            ("11-errors", 48) => self.site.configure(|config| config.rate_limit = None),
            _ => {}
        }
    }

    async fn set_up_permissions(&self) {
        self.put(
            "administrator",
            "User/nobody%40desk.test",
            json!({"enabled": 1}),
        )
        .await;
        self.post(
            "hub",
            "HD%20Customer",
            json!({"customer_name": "Perm Shop"}),
        )
        .await;
        let contact = json!({
            "first_name": "Perm", "last_name": "Person",
            "email_ids": [{"email_id": "perm@example.com", "is_primary": 1}],
            "links": [{"link_doctype": "HD Customer", "link_name": "Perm Shop"}],
        });
        self.post("hub", "Contact", contact).await;
        let ticket = json!({
            "subject": "Perm ticket", "description": "hello", "raised_by": "perm@example.com",
            "customer": "Perm Shop", "contact": "Perm Person-Perm Shop",
        });
        self.post("hub", "HD%20Ticket", ticket).await;
        let own = json!({"subject": "Customer own ticket", "description": "mine"});
        self.post("customer", "HD%20Ticket", own).await;
    }

    async fn post(&self, user: &str, path: &str, body: Value) {
        self.write("POST", user, path, body).await;
    }

    async fn put(&self, user: &str, path: &str, body: Value) {
        self.write("PUT", user, path, body).await;
    }

    async fn write(&self, verb: &str, user: &str, path: &str, body: Value) {
        let headers = [
            ("Authorization".to_owned(), format!("token {}", pair(user))),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        let path = format!("/api/resource/{path}");
        let body = body.to_string();
        let answer = client::send(self.address, verb, &path, &headers, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{verb} {path}: {}", answer.text());
    }

    /// Sends what was sent, and says where the answer is another.
    async fn exchange(&mut self, exchange: &Value) -> Vec<String> {
        let request = &exchange["request"];
        let (body, kind) = self.body(&request["body"]);
        let mut headers = self.headers(&request["headers"]);
        let has_kind = headers.iter().any(|(name, _)| name == "Content-Type");
        if let Some(kind) = kind.filter(|_| !has_kind) {
            headers.push(("Content-Type".to_owned(), kind));
        }
        let path = self.renamed(request["path"].as_str().unwrap());
        let verb = request["method"].as_str().unwrap();
        let answer = client::send(self.address, verb, &path, &headers, &body).await;
        self.learn(exchange, &answer);
        let volatile = volatile(exchange);
        let mut compare = Compare {
            volatile: &volatile,
            differences: Vec::new(),
        };
        let expected = self.renamed_value(&exchange["response"]);
        compare.response(&expected, &answer);
        compare.differences
    }

    fn headers(&self, recorded: &Value) -> Vec<(String, String)> {
        let headers = recorded.as_object().unwrap().iter().map(|(name, value)| {
            let mut value = value.as_str().unwrap().to_owned();
            if let Some(user) = value.strip_prefix("token:") {
                value = format!("token {}", pair(user));
            }
            if let Some((before, rest)) = value.clone().split_once("<base64 key:secret of ") {
                let (user, after) = rest.split_once('>').unwrap();
                value = format!("{before}{}{after}", base64(&pair(user)));
            }
            if let Some((before, rest)) = value.clone().split_once("<key:secret of ") {
                let (user, after) = rest.split_once('>').unwrap();
                value = format!("{before}{}{after}", pair(user));
            }
            value = value.replace("<key>", "agent-key");
            for (marker, known) in [("<sid:", &self.sids), ("<csrf:", &self.csrf)] {
                if let Some((before, rest)) = value.clone().split_once(marker) {
                    let (user, after) = rest.split_once('>').unwrap();
                    value = format!("{before}{}{after}", known[user]);
                }
            }
            (name.clone(), value)
        });
        headers.collect()
    }

    fn body(&self, recorded: &Value) -> (Vec<u8>, Option<String>) {
        let form = "application/x-www-form-urlencoded".to_owned();
        match recorded {
            Value::Null => (Vec::new(), None),
            Value::String(text) if text.ends_with(" MiB JSON>") => {
                let mebibytes: usize = text[1..].split(' ').next().unwrap().parse().unwrap();
                let filler = "x".repeat(mebibytes << 20);
                (
                    json!({"subject": "big", "description": filler})
                        .to_string()
                        .into(),
                    None,
                )
            }
            Value::String(text) => {
                let text = text.replace("<password>", "agent-password");
                (self.renamed(&text).into(), Some(form))
            }
            Value::Object(body) if body.contains_key("<form fields>") => {
                let fields = self.renamed_value(&body["<form fields>"]);
                let mut pairs = url::form_urlencoded::Serializer::new(String::new());
                for (key, value) in fields.as_object().unwrap() {
                    pairs.append_pair(key, value.as_str().unwrap());
                }
                (pairs.finish().into(), Some(form))
            }
            Value::Object(body) if body.contains_key("<multipart files>") => {
                let kind = "multipart/form-data; boundary=recorded".to_owned();
                (multipart(body), Some(kind))
            }
            other => {
                let text = other.to_string();
                let user = text
                    .split("\"usr\":\"")
                    .nth(1)
                    .and_then(|rest| rest.split('@').next());
                let password = format!("{}-password", user.unwrap_or_default());
                let text = self.renamed(&text.replace("<password>", &password));
                (text.into(), Some("application/json".to_owned()))
            }
        }
    }

    /// Remembers random names and tokens for later requests.
    fn learn(&mut self, exchange: &Value, answer: &Response) {
        let text = answer.text();
        if let Some(user) = exchange["as"]
            .as_str()
            .and_then(|by| by.strip_prefix("sid:"))
        {
            if let Some(rest) = text.split("window.csrf_token = \"").nth(1) {
                let token = rest.split('"').next().unwrap().to_owned();
                self.csrf.insert(user.to_owned(), token);
            }
        }
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            return;
        };
        for pointer in volatile(exchange) {
            let Some(place) = pointer.strip_prefix("/response/body") else {
                continue;
            };
            let recorded = exchange["response"]["body"].pointer(place);
            let here = body.pointer(place);
            if let (Some(Value::String(recorded)), Some(Value::String(here))) = (recorded, here) {
                if is_random_name(recorded) && is_random_name(here) {
                    self.names.push((recorded.clone(), here.clone()));
                }
            }
        }
    }

    fn renamed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, here) in &self.names {
            text = text.replace(recorded, here);
        }
        text
    }

    fn renamed_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.renamed(text).into(),
            Value::Array(values) => values
                .iter()
                .map(|value| self.renamed_value(value))
                .collect(),
            Value::Object(values) => {
                let values = values
                    .iter()
                    .map(|(key, value)| (key.clone(), self.renamed_value(value)));
                Value::Object(values.collect())
            }
            other => other.clone(),
        }
    }
}

fn pair(user: &str) -> String {
    format!("{user}-key:{user}-secret")
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let mut bits = 0_u32;
        for place in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(place).copied().unwrap_or_default());
        }
        for place in 0..4 {
            match place <= chunk.len() {
                true => encoded.push(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize] as char),
                false => encoded.push('='),
            }
        }
    }
    encoded
}

fn multipart(body: &Map<String, Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let fields = body.get("<multipart fields>").and_then(Value::as_object);
    for (name, value) in fields.into_iter().flatten() {
        let part = format!(
            "--recorded\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n",
            value.as_str().unwrap()
        );
        bytes.extend(part.into_bytes());
    }
    for (name, file) in body["<multipart files>"].as_object().unwrap() {
        let content = file["content"].as_str().unwrap();
        let content = match content.strip_suffix(" bytes>") {
            Some(size) => "x".repeat(size[1..].parse().unwrap()),
            None => content.to_owned(),
        };
        let head = format!(
            "--recorded\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            file["filename"].as_str().unwrap(),
            file["type"].as_str().unwrap()
        );
        bytes.extend(head.into_bytes());
        bytes.extend(content.into_bytes());
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"--recorded--\r\n");
    bytes
}

fn volatile(exchange: &Value) -> Vec<String> {
    let pointers = exchange["volatile"].as_array().into_iter().flatten();
    pointers
        .map(|pointer| pointer.as_str().unwrap().to_owned())
        .collect()
}

fn is_random_name(text: &str) -> bool {
    text.len() == 10
        && text
            .chars()
            .all(|letter| matches!(letter, '0'..='9' | 'a'..='v'))
}

fn is_time(text: &str) -> bool {
    let digits = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.len() >= 19
        && [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
            .into_iter()
            .all(digits)
        && text.as_bytes().get(4) == Some(&b'-')
}

fn is_digest(text: &str) -> bool {
    text.len() >= 32 && text.chars().all(|letter| letter.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LENGTH && text.chars().filter(|letter| *letter == '-').count() == 4
}

struct Compare<'a> {
    volatile: &'a [String],
    differences: Vec<String>,
}

impl Compare<'_> {
    fn response(&mut self, expected: &Value, got: &Response) {
        if expected["status"] != got.status {
            self.differ("status", &expected["status"], &json!(got.status));
        }
        let headers = expected["headers"].as_object().unwrap();
        let cookies: Vec<Value> = got
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .map(|(_, value)| value.split('=').next().unwrap().into())
            .collect();
        let expected_cookies = headers.get("set-cookie").cloned().unwrap_or(json!([]));
        if expected_cookies != Value::Array(cookies.clone()) {
            self.differ("set-cookie", &expected_cookies, &Value::Array(cookies));
        }
        for name in ["content-type", "content-disposition", "allow", "location"] {
            let expected = headers.get(name).cloned().unwrap_or_default();
            let got = got.header(name).map_or(Value::Null, Value::from);
            if expected != got {
                self.differ(name, &expected, &got);
            }
        }
        for name in [
            "retry-after",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-used",
            "x-ratelimit-reset",
        ] {
            if headers.contains_key(name) != got.header(name).is_some() {
                self.differ(name, &json!(headers.get(name)), &json!(got.header(name)));
            }
        }
        match &expected["body"] {
            Value::String(text) if text.ends_with("…[cut]") => {}
            Value::String(text) => {
                if *text != got.text() {
                    self.differ("body", &json!(text), &json!(got.text()));
                }
            }
            expected => match serde_json::from_slice::<Value>(&got.body) {
                Ok(got) => self.value("/response/body", expected, &got),
                Err(_) => self.differ("body", expected, &json!(got.text())),
            },
        }
    }

    fn differ(&mut self, place: &str, expected: &Value, got: &Value) {
        let short = |value: &Value| {
            let text = value.to_string();
            match text.char_indices().nth(300) {
                Some((at, _)) => format!("{}…", &text[..at]),
                None => text,
            }
        };
        let place = place.strip_prefix("/response/body").unwrap_or(place);
        let (expected, got) = (short(expected), short(got));
        self.differences
            .push(format!("{place}: recorded {expected}, here {got}"));
    }

    fn value(&mut self, place: &str, expected: &Value, got: &Value) {
        let key = place.rsplit('/').next().unwrap_or_default();
        match (expected, got) {
            (Value::Object(expected_keys), Value::Object(got_keys)) => {
                for (key, value) in expected_keys {
                    if LEFT_OUT.contains(&key.as_str()) {
                        continue;
                    }
                    match got_keys.get(key) {
                        Some(got) => self.value(&format!("{place}/{key}"), value, got),
                        None => self.differ(&format!("{place}/{key}"), value, &json!("is missing")),
                    }
                }
                for (key, value) in got_keys {
                    if !expected_keys.contains_key(key) {
                        self.differ(&format!("{place}/{key}"), &json!("is missing"), value);
                    }
                }
            }
            (Value::Array(expected_rows), Value::Array(got_rows)) => {
                if expected_rows.len() != got_rows.len() {
                    self.differ(place, expected, got);
                    return;
                }
                if key == "fields"
                    && expected_rows
                        .iter()
                        .all(|row| row.get("fieldname").is_some())
                {
                    self.fields(place, expected_rows, got_rows);
                    return;
                }
                if self.has_random_order(place, expected_rows) {
                    self.in_any_order(place, expected_rows, got_rows);
                    return;
                }
                for (row, (expected, got)) in expected_rows.iter().zip(got_rows).enumerate() {
                    self.value(&format!("{place}/{row}"), expected, got);
                }
            }
            (Value::String(list), Value::String(text))
                if list.starts_with('[') && matches!(key, "exc" | "_server_messages") =>
            {
                self.nested(place, expected, text);
            }
            (Value::String(line), Value::String(text)) if key == "exception" || key == "exc" => {
                // The recording kept the last line of a traceback only.
                let last = text.trim_end().lines().last().unwrap_or_default();
                if timeless(&nameless(line.trim())) != timeless(&nameless(last.trim()))
                    && !self.is_volatile(place)
                    && !is_masked(line)
                {
                    self.differ(place, expected, got);
                }
            }
            (Value::String(left), Value::String(right)) => {
                let same_form = left == right
                    || self.is_volatile(place)
                    || is_masked(left)
                    || (is_time(left) && is_time(right))
                    || (is_uuid(left) && is_uuid(right))
                    || (is_digest(left) && is_digest(right))
                    || timeless(left) == timeless(right)
                    || (is_random_name(left) && is_random_name(right))
                    || key == "__frappe_exc_id" && right.len() == 56;
                if !same_form {
                    self.differ(place, expected, got);
                }
            }
            (Value::Number(left), Value::Number(right)) => {
                if left.as_f64() != right.as_f64() && !self.is_volatile(place) {
                    self.differ(place, expected, got);
                }
            }
            _ if expected == got => {}
            _ => self.differ(place, expected, got),
        }
    }

    /// The fields of a DocType: custom ones stand in no defined order.
    fn fields(&mut self, place: &str, expected: &[Value], got: &[Value]) {
        let sorted = |rows: &[Value]| {
            let mut rows = rows.to_vec();
            rows.sort_by_key(|row| row["fieldname"].to_string());
            for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                row.remove("idx");
            }
            rows
        };
        for (expected, got) in sorted(expected).iter().zip(&sorted(got)) {
            let name = expected["fieldname"].as_str().unwrap();
            self.value(&format!("{place}/{name}"), expected, got);
        }
    }

    /// Rows that are sorted by a random name stand elsewhere in every run.
    fn has_random_order(&self, place: &str, rows: &[Value]) -> bool {
        (0..rows.len()).any(|row| {
            ["name", "parent"].iter().any(|key| {
                let name = rows[row].get(key).and_then(Value::as_str);
                let pointer = format!("{place}/{row}/{key}");
                self.is_volatile(&pointer) && name.is_some_and(is_random_name)
            })
        })
    }

    fn in_any_order(&mut self, place: &str, expected: &[Value], got: &[Value]) {
        let mut left: Vec<&Value> = got.iter().collect();
        let mut rows: Vec<(usize, &Value)> = expected.iter().enumerate().collect();
        // What may be anything takes what is left.
        rows.sort_by_key(|(row, _)| self.is_volatile(&format!("{place}/{row}/name")));
        for (row, expected) in rows {
            let place = format!("{place}/{row}");
            let is_same = |got: &&Value| {
                let mut compare = Compare {
                    volatile: self.volatile,
                    differences: Vec::new(),
                };
                compare.value(&place, expected, got);
                compare.differences.is_empty()
            };
            match left.iter().position(is_same) {
                Some(found) => drop(left.remove(found)),
                None => self.differ(&place, expected, &json!(left)),
            }
        }
    }

    /// JSON in JSON: a list of texts, each a traceback or JSON once more.
    fn nested(&mut self, place: &str, expected: &Value, got: &str) {
        let read = |text: &str| -> Vec<Value> {
            let texts: Vec<String> = serde_json::from_str(text).unwrap_or_default();
            let values = texts.iter().map(|text| match serde_json::from_str(text) {
                Ok(Value::Object(message)) => Value::Object(message),
                _ => json!({"exception": text}),
            });
            values.collect()
        };
        let (left, right) = (read(expected.as_str().unwrap()), read(got));
        if left.is_empty() || left.len() != right.len() {
            self.differ(place, expected, &got.into());
            return;
        }
        for (row, (left, right)) in left.iter().zip(&right).enumerate() {
            self.value(&format!("{place}/{row}"), left, right);
        }
    }

    fn is_volatile(&self, place: &str) -> bool {
        self.volatile.iter().any(|pointer| pointer == place)
    }
}

/// A message without the times in it.
fn timeless(text: &str) -> String {
    let mut timeless = String::new();
    let mut rest = text;
    while let Some(at) = (0..rest.len()).find(|at| rest.get(*at..).is_some_and(is_time)) {
        timeless.push_str(&rest[..at]);
        rest = rest[at + 19..]
            .trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        timeless.push('•');
    }
    timeless + rest
}

/// A message without the random names in it.
fn nameless(text: &str) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .map(|word| {
            let name = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            let random =
                is_random_name(name) && name.contains(|letter: char| letter.is_ascii_digit());
            if random {
                word.replace(name, "•")
            } else {
                word.to_owned()
            }
        })
        .collect()
}

/// Text that the recording cut or hid.
fn is_masked(text: &str) -> bool {
    text.ends_with("…[cut]")
        || (text.starts_with('<') && text.ends_with('>') && text.len() < 20 && !text.contains('/'))
}
