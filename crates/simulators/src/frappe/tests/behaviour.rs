//! What no recording shows: other releases, teams kept apart, faults, the simulator's own addresses.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{Config, Data, Options, Running, Version, Versions, sample, start},
    client::{self, Response},
};
use crate::{clock::Clock, faults::Script};

/// A site with the sample, and callers with its keys.
struct Site {
    running: Running,
}

/// A character as it stands in an address.
fn encoded(letter: char) -> String {
    if letter.is_ascii_alphanumeric() || "-._~/?&=%:,".contains(letter) {
        return letter.to_string();
    }
    let mut bytes = [0; 4];
    let bytes = letter.encode_utf8(&mut bytes).as_bytes();
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn noon() -> jiff::Timestamp {
    "2026-03-02T05:00:00Z".parse().unwrap()
}

fn options() -> Options {
    Options {
        data: sample(noon()),
        clock: Clock::manual(noon()),
        ..Options::default()
    }
}

async fn site(options: Options) -> Site {
    Site {
        running: start(options).await.unwrap(),
    }
}

impl Site {
    fn address(&self) -> SocketAddr {
        self.running.server.address()
    }

    /// Sends a request as the sample's account whose key begins so.
    async fn send(&self, by: &str, verb: &str, path: &str, body: Value) -> Response {
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        if !by.is_empty() {
            headers.push((
                "Authorization".to_owned(),
                format!("token {by}-key:{by}-secret"),
            ));
        }
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let path: String = path.chars().map(encoded).collect();
        client::send(self.address(), verb, &path, &headers, body.as_bytes()).await
    }

    async fn get(&self, by: &str, path: &str) -> Response {
        self.send(by, "GET", path, Value::Null).await
    }

    async fn post(&self, by: &str, path: &str, body: Value) -> Response {
        self.send(by, "POST", path, body).await
    }

    async fn put(&self, by: &str, path: &str, body: Value) -> Response {
        self.send(by, "PUT", path, body).await
    }
}

fn helpdesk(minor: u32) -> Options {
    let versions = Versions {
        helpdesk: Version(1, minor, 0),
        ..Versions::default()
    };
    Options {
        versions,
        ..options()
    }
}

#[tokio::test]
async fn before_1_25_tickets_have_integer_names_with_gaps() {
    let site = site(helpdesk(24)).await;
    let path = "/api/resource/HD Ticket";
    let made = site.post("hub", path, json!({"subject": "a"})).await.json();
    assert_eq!(made["data"]["name"], 13, "the sample has twelve");
    let too_long = json!({"subject": "s".repeat(141)});
    assert_eq!(site.post("hub", path, too_long).await.status, 417);
    let made = site.post("hub", path, json!({"subject": "b"})).await.json();
    assert_eq!(made["data"]["name"], 15, "a failed insert leaves a gap");
    let found = site.get("hub", "/api/resource/HD Ticket/013").await.json();
    assert_eq!(found["data"]["subject"], "a");
    let listed = r#"/api/resource/HD Ticket?filters=[["name",">",9]]&order_by=name asc"#;
    let listed = site.get("hub", listed).await.json();
    let names: Vec<i64> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_i64().unwrap())
        .collect();
    assert_eq!(names, [10, 11, 12, 13, 15]);
    let value = r#"/api/method/frappe.client.get_value?doctype=HD Ticket&filters={"name":"7"}&fieldname=name"#;
    assert_eq!(
        site.get("hub", value).await.json(),
        json!({"message": {"name": 7}})
    );
}

#[tokio::test]
async fn since_1_25_a_failed_insert_leaves_no_gap_and_names_are_exact() {
    let site = site(options()).await;
    let path = "/api/resource/HD Ticket";
    let too_long = json!({"subject": "s".repeat(141)});
    assert_eq!(site.post("hub", path, too_long).await.status, 417);
    let made = site.post("hub", path, json!({"subject": "a"})).await.json();
    assert_eq!(made["data"]["name"], "0013");
    assert_eq!(
        site.get("hub", "/api/resource/HD Ticket/13").await.status,
        404
    );
}

#[tokio::test]
async fn framework_16_refuses_a_status_that_15_swallows() {
    for (major, status) in [(15, 200), (16, 417)] {
        let versions = Versions {
            frappe: Version(major, 0, 0),
            ..Versions::default()
        };
        let site = site(Options {
            versions,
            ..options()
        })
        .await;
        let path = "/api/resource/HD Ticket/0001";
        let answer = site.put("hub", path, json!({"status": "Không có"})).await;
        assert_eq!(answer.status, status, "framework {major}");
    }
}

#[tokio::test]
async fn from_1_28_on_agents_only_read_customers_and_members_have_a_table() {
    let path = "/api/resource/HD Customer/Trà Núi Mây";
    for (minor, by_agent, members) in [(27, 200, false), (28, 403, true)] {
        let site = site(helpdesk(minor)).await;
        let change = || json!({"domain": "tranuimay.example"});
        assert_eq!(
            site.put("an", path, change()).await.status,
            by_agent,
            "1.{minor}"
        );
        assert_eq!(
            site.put("chi", path, change()).await.status,
            200,
            "1.{minor}"
        );
        let meta = site
            .get("an", "/api/v2/doctype/HD Customer/meta")
            .await
            .json();
        let fields = meta["data"]["fields"].as_array().unwrap();
        let has_members = fields.iter().any(|field| field["fieldname"] == "contacts");
        assert_eq!(has_members, members, "1.{minor}");
    }
}

#[tokio::test]
async fn teams_that_are_kept_apart_do_not_see_each_others_tickets() {
    let site = site(options()).await;
    let asked = |by: &'static str| {
        let site = &site;
        async move {
            let permission =
                "/api/method/frappe.client.has_permission?doctype=HD Ticket&docname=0008";
            let value =
                "/api/method/frappe.client.get_value?doctype=HD Ticket&filters=0008&fieldname=name";
            let list = r#"/api/resource/HD Ticket?filters=[["name","=","0008"]]"#;
            let permission = site.get(by, permission).await.json();
            let value = site.get(by, value).await.json();
            let list = site.get(by, list).await.json();
            let document = site.get(by, "/api/resource/HD Ticket/0008").await.status;
            (
                permission["message"]["has_permission"] == true,
                value["message"] == json!({"name": "0008"}),
                list["data"].as_array().unwrap().len(),
                document,
            )
        }
    };
    for (by, may) in [
        ("binh", true),
        ("an", false),
        ("chi", false),
        ("quantri", false),
    ] {
        let expected = if may {
            (true, true, 1, 200)
        } else {
            (false, false, 0, 403)
        };
        assert_eq!(asked(by).await, expected, "{by}");
    }
    let assign =
        json!({"doctype": "HD Ticket", "name": "0008", "assign_to": ["an.tran@helpdesk.example"]});
    let assigned = site
        .post("binh", "/api/method/frappe.desk.form.assign_to.add", assign)
        .await;
    assert_eq!(assigned.status, 200, "{}", assigned.text());
    assert_eq!(
        asked("an").await,
        (true, true, 1, 200),
        "whoever is assigned sees it"
    );
}

#[tokio::test]
async fn what_a_get_writes_is_undone() {
    let site = site(options()).await;
    let comment = r#"/api/method/run_doc_method?dt=HD Ticket&dn=0001&method=new_comment&args={"content":"a"}"#;
    assert_eq!(site.get("hub", comment).await.status, 200);
    assert_eq!(site.running.site.count("HD Ticket Comment"), 0);
    let args =
        json!({"dt": "HD Ticket", "dn": "0001", "method": "new_comment", "args": {"content": "a"}});
    assert_eq!(
        site.post("hub", "/api/method/run_doc_method", args)
            .await
            .status,
        200
    );
    assert_eq!(site.running.site.count("HD Ticket Comment"), 1);
}

#[tokio::test]
async fn a_failed_request_undoes_everything_it_wrote() {
    let site = site(options()).await;
    let settings = json!({"send_acknowledgement_email": 1});
    site.put("hub", "/api/resource/HD Settings/HD Settings", settings)
        .await;
    let before = site.running.site.data();
    let ticket = json!({"subject": "a", "description": "b"});
    let answer = site.post("hub", "/api/resource/HD Ticket", ticket).await;
    assert_eq!(answer.json()["exc_type"], "ValidationError");
    assert_eq!(site.running.site.data(), before);
}

#[tokio::test]
async fn tracebacks_disappear_with_the_setting() {
    let site = site(options()).await;
    let path = "/api/resource/HD Customer";
    let shown = site.post("hub", path, json!({})).await.json();
    assert!(shown.get("exc").is_some() && shown.get("exception").is_some());
    let settings = json!({"allow_error_traceback": 0});
    let changed = site
        .put(
            "hub",
            "/api/resource/System Settings/System Settings",
            settings,
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let hidden = site.post("hub", path, json!({})).await.json();
    let keys: Vec<&String> = hidden.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["_server_messages", "exc_type"]);
}

#[tokio::test]
async fn the_settings_hide_their_addresses_from_all_but_system_managers() {
    let webhook = "https://portal.example/rest/1/abcdef/";
    let data = sample(noon()).with_bitrix(
        webhook,
        "https://portal.example/rest/2/ghi/",
        "https://portal.example",
    );
    let site = site(Options { data, ..options() }).await;
    let single = "/api/resource/Helpdesk Integrations Settings/Helpdesk Integrations Settings";
    let shown = site.get("hub", single).await.json();
    let asterisks = "*".repeat(webhook.len());
    assert_eq!(shown["data"]["bitrix_webhook_url"], asterisks);
    assert_eq!(shown["data"]["bitrix_timeout_seconds"], 15);
    assert_eq!(site.get("an", single).await.status, 403);
    let password = "/api/method/frappe.client.get_password?doctype=Helpdesk Integrations Settings\
                    &name=Helpdesk Integrations Settings&fieldname=bitrix_webhook_url";
    assert_eq!(
        site.get("hub", password).await.json(),
        json!({"message": webhook})
    );
    assert_eq!(site.get("an", password).await.status, 403);
}

#[tokio::test]
async fn a_field_that_nobody_created_is_refused_in_lists_and_dropped_in_documents() {
    let field = "custom_haravan_orgid";
    let data = sample(noon()).without_field("HD Customer", field);
    let site = site(Options { data, ..options() }).await;
    let list = format!(r#"/api/resource/HD Customer?fields=["{field}"]"#);
    let listed = site.get("hub", &list).await;
    assert_eq!(
        (listed.status, listed.json()["exc_type"].as_str()),
        (417, Some("DataError"))
    );
    let customer = json!({"customer_name": "Mới", field: 7});
    let made = site
        .post("hub", "/api/resource/HD Customer", customer)
        .await;
    assert_eq!((made.status, made.json()["data"].get(field)), (200, None));
    let definition =
        json!({"dt": "HD Customer", "fieldname": field, "label": "Org", "fieldtype": "Int"});
    assert_eq!(
        site.post("hub", "/api/resource/Custom Field", definition)
            .await
            .status,
        200
    );
    let listed = site.get("hub", &list).await;
    assert_eq!(listed.status, 200, "a new field serves the next request");
    let stored = site
        .put("hub", "/api/resource/HD Customer/Mới", json!({field: "12"}))
        .await;
    assert_eq!(stored.json()["data"][field], 12);
}

#[tokio::test]
async fn a_name_made_of_fields_is_unique() {
    let site = site(options()).await;
    let path = "/api/resource/HD Customer Data";
    let snapshot = || json!({"entity_type": "company", "external_id": "101", "confidence": 95});
    let made = site.post("hub", path, snapshot()).await.json();
    assert_eq!(made["data"]["name"], "BTRX-company-101");
    assert_eq!(site.post("hub", path, snapshot()).await.status, 409);
    assert_eq!(site.post("an", path, snapshot()).await.status, 403);
}

#[tokio::test]
async fn a_stored_script_moves_the_creation_of_imported_tickets() {
    let site = site(options()).await;
    let script = |text: &str| {
        json!({
            "doctype": "Server Script", "name": "Imported tickets", "script_type": "DocType Event",
            "doctype_event": "Before Insert", "reference_doctype": "HD Ticket", "script": text,
        })
    };
    let mut data = sample(noon());
    let kept =
        "if doc.custom_source_created_at:\n    doc.creation = doc.custom_source_created_at\n";
    data.documents
        .push(script(kept).as_object().cloned().unwrap());
    site.running.site.set_data(&data).unwrap();
    let ticket = || json!({"subject": "a", "custom_source_created_at": "2024-05-10 10:00:00"});
    let path = "/api/resource/HD Ticket";
    let made = site.post("hub", path, ticket()).await.json();
    assert_eq!(made["data"]["creation"], "2024-05-10 10:00:00");
    let made = site.post("hub", path, json!({"subject": "b"})).await.json();
    assert_eq!(
        made["data"]["creation"].as_str().unwrap().get(..10),
        Some("2026-03-02")
    );
    site.running
        .site
        .configure(|config| config.server_script_enabled = false);
    let refused = site.post("hub", path, ticket()).await;
    assert_eq!(refused.json()["exc_type"], "ServerScriptNotEnabled");
    site.running
        .site
        .configure(|config| config.server_script_enabled = true);
    data.documents.pop();
    data.documents
        .push(script("frappe.throw('x')").as_object().cloned().unwrap());
    site.running.site.set_data(&data).unwrap();
    let broken = site.post("hub", path, ticket()).await;
    assert_eq!(
        broken.json()["exc_type"],
        "NotImplementedError",
        "one bad script blocks every insert"
    );
}

#[tokio::test]
async fn a_lost_answer_may_have_taken_effect() {
    let site = site(options()).await;
    let customer = |name: &str| json!({"doc": {"doctype": "HD Customer", "customer_name": name}});
    for (execute, expected) in [(true, 1), (false, 0)] {
        let rules = json!([{"when": "POST frappe.client.insert", "times": 1, "execute": execute,
                            "answer": "truncate"},
                           {"when": "POST frappe.client.insert", "times": 1, "execute": execute,
                            "answer": {"status": 502}}]);
        site.running
            .site
            .set_faults(Script::parse(&rules.to_string()).unwrap());
        let before = site.running.site.count("HD Customer");
        let cut = site
            .post(
                "hub",
                "/api/method/frappe.client.insert",
                customer(&format!("A{execute}")),
            )
            .await;
        assert!(
            serde_json::from_slice::<Value>(&cut.body).is_err(),
            "a cut answer is no JSON"
        );
        let wrong = site
            .post(
                "hub",
                "/api/method/frappe.client.insert",
                customer(&format!("B{execute}")),
            )
            .await;
        assert_eq!(wrong.status, 502);
        let made = site.running.site.count("HD Customer") - before;
        assert_eq!(
            made,
            1 + expected,
            "a cut answer always takes effect, a replaced one by order"
        );
    }
}

#[tokio::test]
async fn presets_fail_as_the_real_site_does() {
    let site = site(options()).await;
    let expected = [
        ("deadlock", 500, Some("QueryDeadlockError")),
        ("lock_timeout", 500, Some("QueryTimeoutError")),
        ("too_many_requests", 429, Some("TooManyRequestsError")),
        ("rate_limit_exceeded", 429, Some("RateLimitExceededError")),
        ("maintenance", 503, Some("SessionStopped")),
        ("timestamp_mismatch", 417, Some("TimestampMismatchError")),
        ("duplicate_name", 409, Some("DuplicateEntryError")),
        ("bad_gateway", 502, None),
        ("html", 200, None),
        ("unauthorized", 401, Some("AuthenticationError")),
        ("forbidden", 403, Some("PermissionError")),
    ];
    for (preset, status, exc_type) in expected {
        let rules = json!([{"when": "*", "answer": {"preset": preset}}]);
        site.running
            .site
            .set_faults(Script::parse(&rules.to_string()).unwrap());
        let answer = site.get("hub", "/api/resource/HD Ticket/0001").await;
        assert_eq!(answer.status, status, "{preset}");
        match exc_type {
            Some(exc_type) => assert_eq!(answer.json()["exc_type"], exc_type, "{preset}"),
            None => assert!(
                answer
                    .header("content-type")
                    .unwrap()
                    .starts_with("text/html")
            ),
        }
        let retry_after = answer.header("retry-after").is_some();
        assert_eq!(retry_after, preset == "too_many_requests", "{preset}");
        if let Some(exc_type) = exc_type {
            let second = site
                .get("hub", "/api/v2/document/HD Ticket/0001")
                .await
                .json();
            assert_eq!(second["errors"][0]["type"], exc_type, "{preset} in v2");
        }
    }
    let known: Vec<&str> = expected.iter().map(|(preset, ..)| *preset).collect();
    let mut listed = super::super::presets::NAMES.to_vec();
    listed.retain(|name| !known.contains(name));
    assert!(listed.is_empty(), "untested presets: {listed:?}");
}

#[tokio::test]
async fn the_simulators_own_addresses_answer_past_faults() {
    let site = site(options()).await;
    let rules = json!([{"when": "*", "answer": "hang_up"}]);
    let set = site.put("", "/_simulator/faults", rules).await;
    assert_eq!(set.json(), json!({"rules": 1}));
    let wrong = site
        .put("", "/_simulator/faults", json!([{"whenn": "*"}]))
        .await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.json()["error"].as_str().unwrap().contains("whenn"),
        "{}",
        wrong.text()
    );
    assert_eq!(
        site.put("", "/_simulator/faults", json!([])).await.status,
        200
    );
    let login = json!({"usr": "an.tran@helpdesk.example", "pwd": "an-password"});
    assert_eq!(site.post("", "/api/method/login", login).await.status, 200);
    let journal = site.get("", "/_simulator/journal").await.json();
    assert_eq!(journal[0]["name"], "POST login");
    assert_eq!(journal[0]["params"]["pwd"], "•••", "a password is not kept");
    assert_eq!(
        site.send("", "DELETE", "/_simulator/journal", Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(site.get("", "/_simulator/journal").await.json(), json!([]));
    let stats = site.get("", "/_simulator/stats").await.json();
    assert_eq!(
        stats,
        json!({"requests": 1, "by_status": {"200": 1}, "by_name": {"POST login": 1}})
    );
    assert_eq!(
        site.put("", "/_simulator/latency", json!({"ms": 1}))
            .await
            .status,
        200
    );
    assert_eq!(site.running.site.config().latency_ms, 1);
    let config = json!({"maintenance_mode": true});
    assert_eq!(site.put("", "/_simulator/config", config).await.status, 200);
    assert_eq!(site.get("an", "/api/method/ping").await.status, 503);
    assert_eq!(site.get("", "/_simulator/nothing").await.status, 404);
}

#[tokio::test]
async fn data_comes_out_as_it_went_in() {
    let site = site(options()).await;
    let dumped = site.get("", "/_simulator/data").await;
    let other = start(Options {
        clock: Clock::manual(noon()),
        ..Options::default()
    });
    let other = Site {
        running: other.await.unwrap(),
    };
    let loaded = client::send(
        other.address(),
        "PUT",
        "/_simulator/data",
        &[],
        &dumped.body,
    )
    .await;
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let (before, after) = (site.running.site.data(), other.running.site.data());
    for (before, after) in before.documents.iter().zip(&after.documents) {
        assert_eq!(before, after);
    }
    assert_eq!(before, after);
    let seen = other.get("an", "/api/resource/HD Ticket/0002").await;
    assert_eq!(seen.status, 200, "keys came along: {}", seen.text());
}

#[tokio::test]
async fn wrong_data_is_refused_with_its_place() {
    let site = site(options()).await;
    for (data, part) in [
        (
            json!({"documents": [{"name": "x"}]}),
            "document 1 has no doctype",
        ),
        (json!({"documents": [{"doctype": "Nope"}]}), "\"Nope\""),
        (
            json!({"documents": [{"doctype": "Contact", "name": "A", "nmae": "x"}]}),
            "\"nmae\"",
        ),
        (
            json!({"documents": [{"doctype": "HD Ticket", "name": "1", "resolution_date": "10/05/2024"}]}),
            "\"10/05/2024\"",
        ),
        (json!({"docs": []}), "docs"),
    ] {
        let before = site.running.site.count("HD Ticket");
        let refused = site.put("", "/_simulator/data", data).await;
        assert_eq!(refused.status, 400);
        let error = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(part), "{error}");
        assert_eq!(site.running.site.count("HD Ticket"), before);
    }
}

#[tokio::test]
async fn a_disabled_user_is_served_by_key_and_shown_as_disabled() {
    let site = site(options()).await;
    assert_eq!(
        site.get("danghi", "/api/resource/HD Ticket/0001")
            .await
            .status,
        200
    );
    let value = r#"/api/method/frappe.client.get_value?doctype=User&filters={"name":"da.nghi@helpdesk.example"}&fieldname=enabled"#;
    assert_eq!(
        site.get("hub", value).await.json(),
        json!({"message": {"enabled": 0}})
    );
}

#[tokio::test]
async fn an_oauth_token_is_a_key_of_its_own() {
    let site = site(options()).await;
    let ask = |token: &str| {
        let header = [("Authorization".to_owned(), format!("Bearer {token}"))];
        let address = site.address();
        async move {
            let path = "/api/method/frappe.auth.get_logged_user";
            client::send(address, "GET", path, &header, b"")
                .await
                .status
        }
    };
    assert_eq!((ask("an-bearer").await, ask("other").await), (200, 401));
    let mut data = site.running.site.data();
    for document in &mut data.documents {
        if document["doctype"] == "OAuth Bearer Token" {
            document.insert("status".to_owned(), "Revoked".into());
        }
    }
    site.running.site.set_data(&data).unwrap();
    assert_eq!(ask("an-bearer").await, 401, "a revoked token");
}

#[tokio::test]
async fn a_portal_customer_reads_own_tickets_and_is_no_agent() {
    let site = site(options()).await;
    assert_eq!(
        site.get("diep", "/api/resource/HD Ticket/0011")
            .await
            .status,
        200
    );
    assert_eq!(
        site.get("diep", "/api/resource/HD Ticket/0001")
            .await
            .status,
        403
    );
    let shared = json!({"subject": "a", "customer": "Trà Núi Mây", "raised_by": "x@mail.example"});
    let shared = site
        .post("hub", "/api/resource/HD Ticket", shared)
        .await
        .json();
    let shared = format!(
        "/api/resource/HD Ticket/{}",
        shared["data"]["name"].as_str().unwrap()
    );
    let seen = site.get("diep", &shared).await.status;
    assert_eq!(seen, 200, "members of a customer see its tickets");
    let user = site
        .get("diep", "/api/method/helpdesk.api.auth.get_user")
        .await
        .json();
    assert_eq!(user["message"]["is_agent"], false);
    let agent = site
        .get("binh", "/api/method/helpdesk.api.auth.get_user")
        .await
        .json();
    assert_eq!(agent["message"]["user_teams"], json!(["Thanh toán"]));
}

#[tokio::test]
async fn time_goes_on_although_the_clock_stands_still() {
    let site = site(options()).await;
    let path = "/api/resource/HD Ticket/0001";
    let first = site.put("hub", path, json!({})).await.json();
    let second = site.put("hub", path, json!({})).await.json();
    let modified = |answer: &Value| answer["data"]["modified"].as_str().unwrap().to_owned();
    assert!(modified(&first) < modified(&second));
    let stale = json!({"modified": modified(&first), "priority": "Low"});
    let refused = site.put("hub", path, stale).await.json();
    assert_eq!(refused["exc_type"], "TimestampMismatchError");
    let fresh = json!({"modified": modified(&second), "priority": "Low"});
    assert_eq!(site.put("hub", path, fresh).await.status, 200);
}

#[tokio::test]
async fn connections_stay_open_only_when_told_to() {
    for (keep_alive, expected) in [(false, Some("close")), (true, None)] {
        let site = site(Options {
            keep_alive,
            ..options()
        })
        .await;
        // The client itself asks to close, which only hyper sees; what counts is the site's own header.
        let answer = client::send_open(site.address(), "/api/method/ping").await;
        assert_eq!(
            answer.header("connection"),
            expected,
            "keep_alive {keep_alive}"
        );
    }
}

#[tokio::test]
async fn the_budget_is_new_in_the_next_window() {
    let clock = Clock::manual(noon());
    let config = Config {
        rate_limit: Some(super::super::RateLimit {
            limit: 0.005,
            window: 60,
        }),
        ..Config::default()
    };
    let site = site(Options {
        clock: clock.clone(),
        config,
        ..options()
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(site.get("an", "/api/method/ping").await.status);
    }
    clock.advance(Duration::from_secs(60));
    statuses.push(site.get("an", "/api/method/ping").await.status);
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[test]
fn a_data_file_may_be_written_by_hand() {
    let text = r#"{"users": [{"email": "a@helpdesk.example", "full_name": "A", "roles": ["Agent"], "api_key": "k",
                              "api_secret": "s"}],
                   "documents": [{"doctype": "HD Ticket", "subject": "Xin chào"}]}"#;
    let data = Data::parse(text.as_bytes()).unwrap();
    assert_eq!((data.users.len(), data.documents.len()), (1, 1));
    assert!(
        data.users[0].enabled,
        "users are enabled unless they say otherwise"
    );
}

#[tokio::test]
async fn a_doctype_is_made_only_as_custom_while_developer_mode_is_off() {
    let site = site(options()).await;
    let doctype = |custom: u8| {
        json!({"name": "Sổ tay", "module": "Custom", "custom": custom,
               "fields": [{"fieldname": "note", "label": "Note", "fieldtype": "Data"}],
               "permissions": [{"role": "System Manager", "read": 1, "write": 1, "create": 1, "delete": 1}]})
    };
    let refused = site.post("hub", "/api/resource/DocType", doctype(0)).await;
    assert_eq!(
        (refused.status, &refused.json()["exc_type"]),
        (417, &json!("CannotCreateStandardDoctypeError"))
    );
    let made = site.post("hub", "/api/resource/DocType", doctype(1)).await;
    assert_eq!(made.status, 200);
    let standard = json!({"description": "x"});
    let refused = site
        .put("hub", "/api/resource/DocType/HD Customer", standard)
        .await;
    assert_eq!(refused.status, 417);
    let deleted = site
        .send(
            "hub",
            "DELETE",
            "/api/resource/DocType/HD Customer",
            Value::Null,
        )
        .await;
    assert_eq!(deleted.status, 403);
}

#[tokio::test]
async fn what_hangs_on_a_field_or_a_doctype_goes_with_it() {
    let site = site(options()).await;
    let doctype = json!({"name": "Sổ tay", "module": "Custom", "custom": 1,
        "fields": [{"fieldname": "note", "label": "Note", "fieldtype": "Data"}],
        "permissions": [{"role": "System Manager", "read": 1, "write": 1, "create": 1, "delete": 1}]});
    site.post("hub", "/api/resource/DocType", doctype).await;
    let field =
        json!({"dt": "Sổ tay", "fieldname": "custom_more", "label": "More", "fieldtype": "Data"});
    site.post("hub", "/api/resource/Custom Field", field).await;
    let setter = |field: &str| {
        json!({"doctype_or_field": "DocField", "doc_type": "Sổ tay", "field_name": field,
               "property": "label", "property_type": "Data", "value": "Khác"})
    };
    for field in ["note", "custom_more"] {
        site.post("hub", "/api/resource/Property Setter", setter(field))
            .await;
    }
    let delete = async |path: &str| site.send("hub", "DELETE", path, Value::Null).await.status;
    assert_eq!(
        delete("/api/resource/Custom Field/Sổ tay-custom_more").await,
        202
    );
    assert_eq!(site.running.site.count("Property Setter"), 1);
    assert_eq!(delete("/api/resource/DocType/Sổ tay").await, 202);
    assert_eq!(site.running.site.count("Property Setter"), 0);
    // The sample's fields are Administrator's own.
    assert_eq!(
        delete("/api/resource/Custom Field/HD Ticket-custom_orgid").await,
        417
    );
}
