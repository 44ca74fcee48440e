//! External calls with their traps, lines, recordings, tasks.

use super::{
    applications::{installed, signed},
    *,
};

/// A portal and a token of its application.
struct Calling {
    portal: Portal,
    token: String,
}

fn calling() -> Calling {
    let (portal, tokens) = installed();
    Calling {
        portal,
        token: tokens.access_token,
    }
}

impl Calling {
    async fn answer(&self, method: &str, params: Value) -> (u16, Value) {
        signed(&self.portal, &self.token, method, params).await
    }

    async fn result(&self, method: &str, params: Value) -> Value {
        let (status, mut body) = self.answer(method, params.clone()).await;
        assert_eq!(status, 200, "{method} {params} -> {body}");
        body["result"].take()
    }

    async fn refused(&self, method: &str, params: Value, code: &str, words: &str) {
        let (status, body) = self.answer(method, params.clone()).await;
        let said = body["error_description"].as_str().unwrap_or_default();
        assert_eq!(
            (status, body["error"].as_str()),
            (400, Some(code)),
            "{params} {body}"
        );
        assert!(said.contains(words), "{params}: {said}");
    }

    async fn register(&self, change: Value) -> Value {
        let mut params = json!({
            "USER_ID": 7, "PHONE_NUMBER": "+84900000017", "TYPE": 2, "EXTERNAL_CALL_ID": "pbx-1",
        });
        for (name, value) in change.as_object().unwrap() {
            params[name] = value.clone();
        }
        self.result("telephony.externalCall.register", params).await
    }
}

#[tokio::test]
async fn what_is_registered_alike_within_half_an_hour_is_one_call() {
    let calling = calling();
    let first = calling.register(json!({})).await["CALL_ID"].clone();
    for (why, change, is_same) in [
        ("the same", json!({}), true),
        (
            "another record",
            json!({"CRM_ENTITY_TYPE": "LEAD", "CRM_ENTITY_ID": 4}),
            true,
        ),
        (
            "another start",
            json!({"CALL_START_DATE": "2026-11-20T09:00:00+03:00"}),
            true,
        ),
        (
            "the user by phone",
            json!({"USER_ID": "", "USER_PHONE_INNER": "107"}),
            true,
        ),
        ("another id", json!({"EXTERNAL_CALL_ID": "pbx-2"}), false),
        ("another user", json!({"USER_ID": 1}), false),
        ("another line", json!({"LINE_NUMBER": "8400"}), false),
        ("another type", json!({"TYPE": 1}), false),
        (
            "another number",
            json!({"PHONE_NUMBER": "+84900000018"}),
            false,
        ),
    ] {
        let call_id = calling.register(change).await["CALL_ID"].clone();
        assert_eq!(call_id == first, is_same, "{why}");
    }
    let finish = json!({"CALL_ID": first, "USER_ID": 7});
    calling
        .result("telephony.externalCall.finish", finish)
        .await;
    assert_eq!(
        calling.register(json!({})).await["CALL_ID"],
        first,
        "a finished one"
    );
    calling.portal.set_behaviour(Behaviour {
        duplicate_calls: DuplicateCalls::Open,
        ..Behaviour::default()
    });
    assert_ne!(
        calling.register(json!({})).await["CALL_ID"],
        first,
        "only open ones"
    );
    calling.portal.set_behaviour(Behaviour::default());
    calling
        .portal
        .advance(std::time::Duration::from_secs(1_800))
        .unwrap();
    assert_ne!(
        calling.register(json!({})).await["CALL_ID"],
        first,
        "half an hour later"
    );
    let telephony = calling.portal.telephony();
    let of_one: Vec<u64> = telephony
        .of_external_id("pbx-1")
        .iter()
        .map(|call| call.registrations)
        .collect();
    assert_eq!(of_one[0], 6);
}

#[tokio::test]
async fn a_registration_says_what_is_wrong_with_it() {
    let calling = calling();
    let good = json!({"USER_ID": 7, "PHONE_NUMBER": "+84900000017", "TYPE": 2});
    for (change, words) in [
        (json!({"USER_ID": ""}), "USER_ID or USER_PHONE_INNER"),
        (json!({"USER_ID": 99}), "not active"),
        (
            json!({"USER_ID": "", "USER_PHONE_INNER": "999"}),
            "not active",
        ),
        (json!({"TYPE": 9}), "Unknown TYPE"),
        (json!({"CALL_START_DATE": "20.11.2026"}), "ISO-8601"),
        (json!({"PHONE_NUMBER": "anonymous"}), "Unsupported phone"),
    ] {
        let mut params = good.clone();
        for (name, value) in change.as_object().unwrap() {
            params[name] = value.clone();
        }
        let method = "telephony.externalCall.register";
        calling.refused(method, params, "ERROR_CORE", words).await;
    }
}

#[tokio::test]
async fn a_lead_is_made_where_nobody_is_known_and_the_line_allows_it() {
    let calling = calling();
    let made = calling
        .register(json!({"CRM_CREATE": 1, "CRM_SOURCE": "WEB"}))
        .await;
    let lead = made["CRM_CREATED_LEAD"].as_u64().unwrap();
    assert_eq!(made["CRM_ENTITY_TYPE"], "LEAD");
    let row = calling.result("crm.lead.get", json!({"id": lead})).await;
    assert_eq!(
        (&row["SOURCE_ID"], &row["ASSIGNED_BY_ID"]),
        (&json!("WEB"), &json!("7"))
    );
    let known = calling
        .register(json!({"CRM_CREATE": 1, "EXTERNAL_CALL_ID": "pbx-2"}))
        .await;
    assert_eq!(known["CRM_CREATED_LEAD"], Value::Null);
    assert_eq!(known["CRM_ENTITY_ID"], lead);
    let employee = json!({"CRM_CREATE": 1, "PHONE_NUMBER": "107", "EXTERNAL_CALL_ID": "pbx-3"});
    let internal = calling.register(employee).await;
    assert!(internal["LEAD_CREATION_ERROR"].is_string() && internal["CALL_ID"].is_string());
    let line = json!({"NUMBER": "8400", "CRM_AUTO_CREATE": "N"});
    calling.result("telephony.externalLine.add", line).await;
    for (kind, is_made) in [(1, false), (2, true)] {
        let number = format!("+8490000020{kind}");
        let change =
            json!({"CRM_CREATE": 1, "TYPE": kind, "PHONE_NUMBER": number, "LINE_NUMBER": "8400"});
        let made = calling.register(change).await;
        assert_eq!(made["CRM_CREATED_LEAD"].is_u64(), is_made, "{kind}");
    }
    // Whoever finishes becomes responsible for what was made.
    let finish = json!({"CALL_ID": made["CALL_ID"], "USER_ID": 1, "DURATION": 5});
    let finished = calling
        .result("telephony.externalCall.finish", finish)
        .await;
    let row = calling.result("crm.lead.get", json!({"id": lead})).await;
    assert_eq!(row["ASSIGNED_BY_ID"], "1");
    let activity = json!({"id": finished["CRM_ACTIVITY_ID"]});
    let activity = calling.result("crm.activity.get", activity).await;
    assert_eq!(
        (&activity["TYPE_ID"], &activity["DIRECTION"]),
        (&json!("2"), &json!("1"))
    );
}

#[tokio::test]
async fn only_the_first_finish_counts() {
    let calling = calling();
    let made = calling.register(json!({"SHOW": 0})).await;
    let call_id = &made["CALL_ID"];
    let missing = "Call is not found";
    let finish = "telephony.externalCall.finish";
    let unknown = json!({"CALL_ID": "externalCall.x.1", "USER_ID": 7});
    calling
        .refused(finish, unknown, "ERROR_CORE", missing)
        .await;
    let number = json!({"CALL_ID": 17, "USER_ID": 7});
    calling
        .refused(finish, number, "INVALID_ARGUMENT", "string")
        .await;
    let params = json!({"CALL_ID": call_id, "USER_ID": 7, "DURATION": 12, "VOTE": 4});
    let finished = calling.result(finish, params.clone()).await;
    assert_eq!(finished["CALL_START_DATE"], json!({}));
    assert_eq!(
        (&finished["INCOMING"], &finished["CALL_FAILED_CODE"]),
        (&json!("2"), &json!("200"))
    );
    let again = json!({"CALL_ID": call_id, "USER_ID": 1, "DURATION": 0});
    calling.refused(finish, again, "ERROR_CORE", missing).await;
    let telephony = calling.portal.telephony();
    let call = telephony.of_external_id("pbx-1")[0];
    assert_eq!(
        (
            call.finishes_refused,
            call.finish.as_ref().unwrap().duration_s
        ),
        (1, 12)
    );
    let rows = json!({"FILTER": {"EXTERNAL_CALL_ID": "pbx-1"}});
    let rows = calling.result("voximplant.statistic.get", rows).await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(
        (&rows[0]["CALL_ID"], &rows[0]["CALL_DURATION"]),
        (call_id, &json!("12"))
    );
}

#[tokio::test]
async fn the_card_is_where_it_was_shown_and_not_hidden() {
    let calling = calling();
    let made = calling.register(json!({})).await;
    let shown = || {
        calling.portal.telephony().calls[0]
            .shown_to
            .iter()
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(), [7]);
    let card = |users: Value| json!({"CALL_ID": made["CALL_ID"], "USER_ID": users});
    let (show, hide) = ("telephony.externalCall.show", "telephony.externalCall.hide");
    assert_eq!(calling.result(show, card(json!([1, "8"]))).await, true);
    assert_eq!(shown(), [1, 7, 8]);
    assert_eq!(calling.result(hide, card(json!([7, 8]))).await, true);
    assert_eq!(shown(), [1]);
    let unknown = json!({"CALL_ID": "externalCall.x.1", "USER_ID": 1});
    assert_eq!(calling.result(show, unknown).await, false);
    let finish = json!({"CALL_ID": made["CALL_ID"], "USER_ID": 7});
    calling
        .result("telephony.externalCall.finish", finish)
        .await;
    assert_eq!(shown(), [0; 0]);
    assert_eq!(calling.result(show, card(json!(1))).await, false);
    assert_eq!(calling.portal.telephony().calls[0].was_shown_to.len(), 3);
}

#[tokio::test]
async fn a_recording_replaces_the_one_before_and_wants_a_finished_call() {
    let calling = calling();
    let attach = "telephony.externalCall.attachRecord";
    let call_id = calling.register(json!({})).await["CALL_ID"].clone();
    let params = |change: Value| {
        let mut params = json!({"CALL_ID": call_id});
        for (name, value) in change.as_object().unwrap() {
            params[name] = value.clone();
        }
        params
    };
    let early = params(json!({"FILENAME": "a.mp3", "FILE_CONTENT": "aGVsbG8="}));
    calling
        .refused(attach, early.clone(), "", "not finished yet")
        .await;
    let finish = json!({"CALL_ID": call_id, "USER_ID": 7, "DURATION": 3});
    calling
        .result("telephony.externalCall.finish", finish)
        .await;
    for (change, code, words) in [
        (json!({}), "", "Required parameters"),
        (json!({"FILENAME": ""}), "ERROR_CORE", "File name is empty"),
        (
            json!({"FILENAME": "a.ogg"}),
            "ERROR_CORE",
            "Wrong file extension",
        ),
        (
            json!({"FILENAME": "a.wav", "FILE_CONTENT": ""}),
            "ERROR_CORE",
            "content is empty",
        ),
        (
            json!({"FILENAME": "a.wav", "FILE_CONTENT": "~~"}),
            "ERROR_CORE",
            "Base64",
        ),
        (
            json!({"RECORD_URL": "http://127.0.0.1/a.mp3"}),
            "",
            "non-public",
        ),
        (
            json!({"RECORD_URL": "http://pbx.example/a.mp3"}),
            "ERROR_CORE",
            "HTTP error code",
        ),
    ] {
        calling.refused(attach, params(change), code, words).await;
    }
    assert!(calling.result(attach, early).await["FILE_ID"].is_u64());
    let promise = calling
        .result(attach, params(json!({"FILENAME": "b.wav"})))
        .await;
    assert_eq!(promise["fieldName"], "file");
    let url = promise["uploadUrl"].as_str().unwrap();
    let target = url.strip_prefix("http://portal.test").unwrap();
    let (head, ()) = http::Request::post(target)
        .header("content-type", "multipart/form-data; boundary=xx")
        .body(())
        .unwrap()
        .into_parts();
    let body = b"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.wav\"\r\n\r\n\x00\xff\r\n-\r\n--xx--\r\n";
    let upload = Request {
        head: Arc::new(head),
        body: Bytes::from_static(body),
    };
    let Reply::Answer(answer) = calling.portal.answer(&upload, true).await else {
        panic!("no answer")
    };
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
    let telephony = calling.portal.telephony();
    let recording = telephony.calls[0].recording.clone().unwrap();
    assert_eq!((&*recording.name, recording.bytes), ("b.wav", 5));
    let sha256 = ring::digest::digest(&ring::digest::SHA256, b"\x00\xff\r\n-");
    let sha256: String = sha256
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(recording.sha256, sha256);
    assert_eq!(telephony.calls[0].recordings_attached, 2);
    let Reply::Answer(answer) = calling.portal.answer(&upload, true).await else {
        panic!("no answer")
    };
    assert_eq!(answer.status(), 400, "a promise is kept once");
    let journal = serde_json::to_string(&calling.portal.journal()).unwrap();
    assert!(
        !journal.contains(&calling.token) && !journal.contains("telephony|"),
        "{journal}"
    );
}

#[tokio::test]
async fn who_calls_is_told_with_whoever_is_responsible_and_whether_he_is_at_work() {
    let calling = calling();
    let phone = json!([{"VALUE": "+84 900 000 017", "VALUE_TYPE": "WORK"}]);
    let fields = json!({"fields": {"NAME": "Dung", "PHONE": phone, "ASSIGNED_BY_ID": 7}});
    calling.result("crm.contact.add", fields).await;
    calling.portal.set_workday(7, Workday::Paused);
    let found = calling
        .result(
            "telephony.externalCall.searchCrmEntities",
            json!({"PHONE_NUMBER": "0900000017"}),
        )
        .await;
    assert_eq!(found[0]["NAME"], "Dung");
    assert_eq!(found[0]["ASSIGNED_BY"]["TIMEMAN_STATUS"], "PAUSED");
    assert_eq!(found[0]["ASSIGNED_BY"]["USER_PHONE_INNER"], "107");
}

#[tokio::test]
async fn lines_are_kept_by_number() {
    let calling = calling();
    let line = json!({"NUMBER": "8400", "NAME": "Office"});
    calling
        .result("telephony.externalLine.add", line.clone())
        .await;
    let add = "telephony.externalLine.add";
    calling
        .refused(add, line, "ERROR_CORE", "already exists")
        .await;
    let update = "telephony.externalLine.update";
    calling
        .refused(update, json!({"NUMBER": "8400"}), "ERROR_CORE", "NAME or")
        .await;
    calling
        .result(update, json!({"NUMBER": "8400", "CRM_AUTO_CREATE": "N"}))
        .await;
    assert_eq!(
        calling
            .result("telephony.externalLine.get", json!({}))
            .await,
        json!([{"NUMBER": "8400", "NAME": "Office", "CRM_AUTO_CREATE": "N"}])
    );
    let delete = json!({"NUMBER": "8400"});
    assert_eq!(
        calling
            .result("telephony.externalLine.delete", delete)
            .await,
        json!([])
    );
}

#[tokio::test]
async fn tasks_are_listed_in_camel_case_and_their_links_only_when_asked_for() {
    let calling = calling();
    let fields = json!({"fields": {"TITLE": "Call back", "RESPONSIBLE_ID": 7, "UF_CRM_TASK": ["L_4", "C_2"]}});
    let made = calling.result("tasks.task.add", fields).await;
    assert_eq!(made["task"]["status"], "2");
    let untitled = json!({"fields": {"RESPONSIBLE_ID": 7}});
    calling
        .refused("tasks.task.add", untitled, "ERROR_CORE", "name")
        .await;
    let list = async |params: Value| {
        let mut found = calling.result("tasks.task.list", params).await;
        found["tasks"].take()
    };
    let found = list(json!({"filter": {"UF_CRM_TASK": "C_2"}})).await;
    assert_eq!(
        (&found[0]["id"], &found[0]["ufCrmTask"]),
        (&made["task"]["id"], &Value::Null)
    );
    let found = list(
        json!({"filter": {"RESPONSIBLE_ID": 7, "REAL_STATUS": 2}, "select": ["ID", "UF_CRM_TASK"]}),
    )
    .await;
    assert_eq!(found[0]["ufCrmTask"], json!(["L_4", "C_2"]));
    let done = json!({"taskId": made["task"]["id"]});
    calling.result("tasks.task.complete", done).await;
    assert_eq!(list(json!({"filter": {"REAL_STATUS": 2}})).await, json!([]));
    assert_eq!(calling.portal.data().tasks.len(), 1);
}

#[tokio::test]
async fn webhooks_are_let_in_where_the_portal_is_so() {
    let portal = portal(bare());
    let params = json!({"USER_ID": 1, "PHONE_NUMBER": "+84900000017", "TYPE": 2});
    let register = "telephony.externalCall.register";
    let refused = answer(&portal, register, params.clone()).await;
    assert_eq!(
        (refused.0, &refused.1["error"]),
        (403, &json!("WRONG_AUTH_TYPE"))
    );
    portal.set_behaviour(Behaviour {
        webhooks_register_calls: true,
        ..Behaviour::default()
    });
    assert!(result(&portal, register, params).await["CALL_ID"].is_string());
    assert_eq!(portal.telephony().calls[0].identity.application, None);
}

#[tokio::test]
async fn some_methods_wait_for_an_administrator() {
    let calling = calling();
    for (confirmation, status, code) in [
        (Confirmation::Waiting, 401, json!("METHOD_CONFIRM_WAITING")),
        (Confirmation::Denied, 403, json!("METHOD_CONFIRM_DENIED")),
        (Confirmation::Given, 200, Value::Null),
    ] {
        calling.portal.set_behaviour(Behaviour {
            confirmation,
            ..Behaviour::default()
        });
        let (found, body) = calling.answer("voximplant.user.get", json!({})).await;
        assert_eq!((found, &body["error"]), (status, &code));
    }
}

#[tokio::test]
async fn a_message_replaces_the_one_with_its_tag() {
    let calling = calling();
    for (message, tag) in [("one", "t"), ("two", "t"), ("three", "")] {
        let params = json!({"USER_ID": 7, "MESSAGE": message, "TAG": tag});
        calling.result("im.notify.personal.add", params).await;
    }
    let telephony = calling.portal.telephony();
    let messages: Vec<&str> = telephony
        .notifications
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(messages, ["two", "three"]);
}
