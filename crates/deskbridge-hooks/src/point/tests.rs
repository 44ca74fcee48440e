use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::shape::{Shape, check};

#[test]
fn every_point_has_a_contract_and_every_name_is_one() {
    for point in Point::ALL {
        assert!(!point.name().is_empty(), "{point:?}");
    }
    let names: BTreeSet<&str> = CONTRACTS.iter().map(|contract| contract.name).collect();
    assert_eq!(names.len(), CONTRACTS.len());
    for contract in &CONTRACTS {
        assert!(
            !contract.points.is_empty() && !contract.when.is_empty() && !contract.input.is_empty(),
            "{}",
            contract.name
        );
    }
}

#[test]
fn no_name_of_itgrix_is_missing() {
    for name in [
        "process_phone_number",
        "process_record_file_path",
        "process_originate_params",
        "process_search_params",
        "get_search_filter",
        "need_registration",
        "process_registration_params",
        "process_final_params",
        "process_entity_creation_params",
        "process_task_creation_params",
        "get_updated_lead_fields",
        "get_updated_entity_fields",
        "get_updated_activity_fields",
        "process_user_phone",
        "process_client_phone",
        "customize_entity",
        "customize_activity",
        "customize_autodistribution",
        "post_registration",
        "customize_show_call_card",
        "customize_attach_record_url",
    ] {
        assert!(contract(name).is_some(), "{name}");
    }
    assert!(contract("").is_none() && contract("process_unknown").is_none());
}

#[test]
fn a_name_is_told_what_it_knows_and_no_more() {
    let known = json!({
        "params": {"phone": "101", "secret": 1},
        "call_full": {"conversations": {"1.1": {"channel": {"id": "1.1"}}}, "other": 1},
        "call_stage": "call_ended",
    });
    let told = |name: &str| contract(name).unwrap().told(&known);
    assert_eq!(
        told("process_phone_number"),
        json!({"params": {"phone": "101"}})
    );
    assert_eq!(
        told("process_user_phone"),
        json!({"params": {"phone": "101"}, "call_full": {"conversations": {"1.1": {"channel": {"id": "1.1"}}}}})
    );
}

/// What Itgrix documents that a hook is told, in values of ours.
fn documented(name: &str) -> serde_json::Value {
    let conversation = json!({
        "answered_at": "2026-05-04 12:00:05", "channel_id": "1550838819.13014", "ended_at": "2026-05-04 12:01:00",
        "from": "84285550123", "from_local": false, "id": "1550838819.13014", "parent_channel_id": "1550838797.13013",
        "started_at": "2026-05-04 12:00:00", "state": 3, "state_code": "hung", "to": "101", "to_local": true,
        "trunk": "84285550100", "type": 2, "type_code": "incoming", "was_answered": true,
    });
    match name {
        "process_record_file_path" => {
            json!({"params": {"call_id": "1.1", "from": "1", "to": "2", "path": "a.wav"}})
        }
        "process_originate_params" => {
            json!({"params": {"caller_id": "A", "channel": "PJSIP/101", "context": "c", "extension": "1", "priority": "1"}})
        }
        "process_search_params" => json!({"params": {
            "CALL_START_DATE": "2026-05-04T12:00:00+07:00", "CRM_CREATE": 1, "CRM_SOURCE": "7", "LINE_NUMBER": "1",
            "PHONE_NUMBER": "1", "SHOW": 1, "TYPE": 2, "USER_ID": "7", "conversation": conversation, "user": {},
        }}),
        "process_final_params" => json!({"params": {
            "ADD_TO_CHAT": 1, "CALL_ID": "externalCall.1", "DURATION": "55", "STATUS_CODE": 200, "USER_ID": "7",
            "conversation": conversation, "entity_data": {"entity_id": 5, "entity_type": "lead", "was_created": true},
        }}),
        "process_entity_creation_params" => json!({"params": {
            "type": "lead", "ASSIGNED_BY_ID": 238, "COMMENTS": "", "OPENED": "Y", "PHONE": [{"VALUE": "1"}],
            "SOURCE_ID": "7", "TITLE": "",
        }}),
        "process_task_creation_params" => json!({"params": {"arNewTaskData": {
            "DEADLINE": "2026-05-04", "CREATED_BY": 1, "RESPONSIBLE_ID": 2, "TITLE": "t", "UF_CRM_TASK": ["L_11201"],
        }}}),
        "get_updated_lead_fields" | "get_updated_entity_fields" => json!({"params": {
            "conversations": {"1550838819.13014": conversation}, "answered_at": "", "ended_at": "", "from": "",
            "from_local": false, "id": "1550838797.13013", "started_at": "", "state": 3, "to": "", "to_local": true,
            "trunk": "", "type": 2,
        }}),
        "get_updated_activity_fields" => json!({"params": conversation}),
        _ => json!({"params": {"phone": "1"}}),
    }
}

#[test]
fn what_itgrix_tells_is_told() {
    for name in [
        "process_phone_number",
        "process_record_file_path",
        "process_originate_params",
        "process_search_params",
        "process_final_params",
        "process_entity_creation_params",
        "process_task_creation_params",
        "get_updated_lead_fields",
        "get_updated_entity_fields",
        "get_updated_activity_fields",
    ] {
        let (contract, documented) = (contract(name).unwrap(), documented(name));
        let checked = check(&Shape::Object(contract.input), &documented, "input").unwrap();
        assert!(checked.dropped.is_empty(), "{name}: {:?}", checked.dropped);
        assert_eq!(contract.told(&documented), documented, "{name}");
    }
}
