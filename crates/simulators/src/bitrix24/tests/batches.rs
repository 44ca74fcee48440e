//! `batch`: forms, references, shapes.
//!
//! Labels are in the order of the alphabet, since `json!` writes its keys in that order.

use super::*;

fn data() -> Data {
    bare()
        .company(json!({"ID": "1", "TITLE": "Lụa & Tơ", "ASSIGNED_BY_ID": "1"}))
        .company(json!({"ID": "2", "TITLE": "Nến", "ASSIGNED_BY_ID": "9"}))
}

async fn check_batch(params: Value, expected: Value) {
    let portal = portal(data());
    let batch = result(&portal, "batch", params.clone()).await;
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&batch[key], value, "{key} of {params} in {batch}");
    }
}

#[tokio::test]
async fn commands_come_as_a_map_or_a_list() {
    let titles = json!({"a": [{"ID": "1"}], "b": [{"ID": "2"}]});
    let cmd = json!({"a": "crm.company.list?filter[ID]=1&select[]=ID&", "b": "/crm.company.LIST.json?filter[ID]=2&select[]=ID&__order=0"});
    check_batch(json!({"cmd": cmd, "halt": "0"}), json!({"result": titles, "result_error": [], "result_total": {"a": 1, "b": 1}, "result_next": []})).await;
    let cmd = json!(["crm.company.list?filter[ID]=1&select[]=ID", "scope"]);
    check_batch(
        json!({"CMD": cmd, "halt": false}),
        json!({"result": [[{"ID": "1"}], ["crm", "user", "telephony"]], "result_total": [1]}),
    )
    .await;
    check_batch(
        json!({"cmd": {"0": "scope", "2": "scope"}}),
        json!({"result": {"0": ["crm", "user", "telephony"], "2": ["crm", "user", "telephony"]}}),
    )
    .await;
    check_batch(
        json!({}),
        json!({"result": [], "result_error": [], "result_total": [], "result_next": []}),
    )
    .await;
}

#[tokio::test]
async fn errors_keep_named_labels_and_lose_numbers() {
    let cmd = json!({"good": "crm.company.get?id=1", "gone": "crm.company.get?id=7", "none": "crm.company.frob"});
    check_batch(
        json!({"cmd": cmd}),
        json!({"result_error": {
            "gone": {"error": "", "error_description": "Not found"},
            "none": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"},
        }}),
    )
    .await;
    let cmd = json!({"11": "crm.company.get?id=x", "12": "crm.company.get?id=7", "13": "scope"});
    check_batch(
        json!({"cmd": cmd}),
        json!({
            "result": {"13": ["crm", "user", "telephony"]},
            "result_error": [
                {"error": "", "error_description": "ID is not defined or invalid."},
                {"error": "", "error_description": "Not found"},
            ],
        }),
    )
    .await;
}

#[tokio::test]
async fn halting_stops_at_the_first_error() {
    for (halt, runs_on) in [
        (json!(1), false),
        (json!("1"), false),
        (json!(true), false),
        (json!("Y"), false),
        (json!(0), true),
        (json!("0"), true),
        (json!(false), true),
        (json!(null), true),
    ] {
        let portal = portal(data());
        let cmd = json!({"a": "scope", "b": "crm.company.get?id=7", "c": "scope"});
        let batch = result(&portal, "batch", json!({"cmd": cmd, "halt": halt})).await;
        let has = |label: &str| batch["result"].get(label).is_some();
        assert_eq!((has("a"), has("c")), (true, runs_on), "halt {halt}");
        assert!(batch["result_error"].get("b").is_some());
    }
}

#[tokio::test]
async fn later_commands_see_what_earlier_ones_answered() {
    let cmd = json!({
        "a_find": "crm.company.list?filter[%25TITLE]=L%E1%BB%A5a&select[]=ASSIGNED_BY_ID",
        "b_user": "user.get?ID=$result[a_find][0][ASSIGNED_BY_ID]",
        "c_dept": "crm.company.list?filter[@ID]=$result[b_user][0][UF_DEPARTMENT]&select[]=ID",
        "d_add": "crm.company.add?fields[TITLE]=Chi nh%C3%A1nh $result[a_find][0][ID]",
        "e_back": "crm.company.get?id=$result[d_add]",
    });
    let portal = portal(data());
    let batch = result(&portal, "batch", json!({"cmd": cmd})).await;
    assert_eq!(batch["result"]["b_user"][0]["EMAIL"], "an@portal.example");
    assert_eq!(batch["result"]["c_dept"], json!([]));
    assert_eq!(batch["result"]["e_back"]["TITLE"], "Chi nhánh 1");
}

#[tokio::test]
async fn a_reference_to_nothing_runs_as_plain_text() {
    let cmd = json!({
        "a_find": "crm.company.list?filter[ID]=77",
        "b_use": "crm.company.add?fields[TITLE]=$result[a_find][0][TITLE]",
        "c_bad": "crm.company.get?id=$result[a_find][0][ID]",
    });
    let portal = portal(data());
    let batch = result(&portal, "batch", json!({"cmd": cmd})).await;
    assert_eq!(
        batch["result_error"]["c_bad"]["error_description"],
        "ID is not defined or invalid."
    );
    let added = result(
        &portal,
        "crm.company.get",
        json!({"id": batch["result"]["b_use"]}),
    )
    .await;
    assert_eq!(added["TITLE"], "$result[a_find][0][TITLE]");
}

#[tokio::test]
async fn a_chain_past_the_end_starts_over_from_the_first_page() {
    let cmd = json!({
        "p0": "crm.company.list?start=-1&select[]=ID&order[ID]=ASC&filter[%3EID]=0",
        "p1": "crm.company.list?start=-1&select[]=ID&order[ID]=ASC&filter[%3EID]=$result[p0][49][ID]",
    });
    let portal = portal(data());
    let batch = result(&portal, "batch", json!({"cmd": cmd})).await;
    assert_eq!(batch["result"]["p0"].as_array().unwrap().len(), 2);
    assert_eq!(batch["result"]["p1"], json!([]), "text is above no id");
}

#[tokio::test]
async fn what_may_not_stand_in_a_batch_is_refused_by_itself() {
    let mut cmd: Vec<String> = (0..51).map(|_| "scope".to_owned()).collect();
    cmd[3] = "batch?cmd[]=scope".to_owned();
    let labelled: serde_json::Map<String, Value> = cmd
        .into_iter()
        .enumerate()
        .map(|(at, command)| (format!("c{at:02}"), command.into()))
        .collect();
    let portal = portal(data());
    let batch = result(&portal, "batch", json!({"cmd": labelled})).await;
    assert_eq!(batch["result"].as_object().unwrap().len(), 49);
    assert_eq!(
        batch["result_error"]["c03"]["error"],
        "ERROR_BATCH_METHOD_NOT_ALLOWED"
    );
    assert_eq!(
        batch["result_error"]["c50"]["error"],
        "ERROR_BATCH_LENGTH_EXCEEDED"
    );
    assert_eq!(batch["result_time"].as_object().unwrap().len(), 49);
}

#[tokio::test]
async fn commands_in_a_url_are_encoded_twice() {
    let portal = portal(data());
    let target = "/rest/1/s3cret/batch?halt=0&cmd[a]=crm.company.list%3Ffilter%5B%253DTITLE%5D%3DL%25E1%25BB%25A5a%2520%2526%2520T%25C6%25A1%26select%5B%5D%3DID";
    let Reply::Answer(response) = portal
        .answer(&request("GET", target, &Value::Null), true)
        .await
    else {
        panic!("no answer");
    };
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["result"]["result"]["a"], json!([{"ID": "1"}]));
}
