//! Replays what a real site answered, in the order in which it was asked, and compares.

use std::{collections::HashMap, io::Read as _, net::SocketAddr, path::Path, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    super::{Options, Running, ScriptAnswer, ScriptCall, ScriptHandler, Site, start},
    client::{self, Response},
    compare, recorded_site,
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

struct Replay {
    address: SocketAddr,
    site: Site,
    sids: HashMap<String, String>,
    csrf: HashMap<String, String>,
    /// Random names of the recording, and what they are called here.
    names: Vec<(String, String)>,
}

#[tokio::test]
#[expect(
    clippy::print_stdout,
    reason = "the figures are what this test is run for"
)]
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
        data: recorded_site::data(form_script),
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
        let body = json!({"usr": recorded_site::address(user), "pwd": format!("{user}-password")});
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
        let expected = self.renamed_value(&exchange["response"]);
        compare::differences(&expected, &answer, &compare::volatile(exchange))
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
                let mebibytes: usize = text
                    .trim_start_matches('<')
                    .split(' ')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
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
            && let Some(rest) = text.split("window.csrf_token = \"").nth(1)
        {
            let token = rest.split('"').next().unwrap().to_owned();
            self.csrf.insert(user.to_owned(), token);
        }
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            return;
        };
        for pointer in compare::volatile(exchange) {
            let Some(place) = pointer.strip_prefix("/response/body") else {
                continue;
            };
            let recorded = exchange["response"]["body"].pointer(place);
            let here = body.pointer(place);
            if let (Some(Value::String(recorded)), Some(Value::String(here))) = (recorded, here)
                && compare::is_random_name(recorded)
                && compare::is_random_name(here)
            {
                self.names.push((recorded.clone(), here.clone()));
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
            Some(size) => "x".repeat(size.trim_start_matches('<').parse().unwrap()),
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
