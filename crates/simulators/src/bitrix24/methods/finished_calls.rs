//! `telephony.externalCall.finish`, and what it leaves behind: an activity and a row in the statistics.

use serde_json::json;

use super::{
    Call,
    external_calls::{CALLBACK, OUTGOING, call_id, core, user},
    stored,
};
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    data::Record,
    entity::Entity,
    php::Value,
    telephony::{ExternalCall, Finish},
};

/// `telephony.externalCall.finish`: only the first one counts.
pub(super) fn finish(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let call_id = call_id(call)?;
    let user_id = user(call)?;
    let missing = || core("Call is not found (call should be registered prior to finishing)");
    let known = call
        .state
        .telephony
        .call_mut(&call_id)
        .ok_or_else(missing)?;
    if known.finish.is_some() {
        known.finishes_refused += 1;
        return Err(missing());
    }
    let known = known.clone();
    let duration_s = call.params.integer("DURATION").unwrap_or_default();
    let duration_s = u64::try_from(duration_s).unwrap_or_default();
    let status_code = match (call.params.text("STATUS_CODE"), duration_s) {
        (none, 0) if none.is_empty() => "304".to_owned(),
        (none, _) if none.is_empty() => "200".to_owned(),
        (code, _) => code,
    };
    let finish = Finish {
        at: call.now,
        user_id,
        duration_s,
        failed_reason: call.params.text("FAILED_REASON"),
        vote: call
            .params
            .integer("VOTE")
            .and_then(|vote| u64::try_from(vote).ok()),
        add_to_chat: call.params.integer("ADD_TO_CHAT") != Some(0),
        activity_id: activity(call, &known, user_id, duration_s, &status_code),
        statistic_id: call.state.statistics.next_id(),
        status_code,
    };
    if let Some(entity) = known.entity.as_ref().filter(|_| known.is_entity_created) {
        let assigned = vec![(
            "ASSIGNED_BY_ID".to_owned(),
            Value::text(user_id.to_string()),
        )];
        stored::update(
            call,
            Entity::Lead,
            entity.id,
            &assigned,
            stored::Methods::Older,
        );
    }
    let statistic = statistic(call, &known, &finish);
    let statistics = &mut call.state.statistics;
    statistics.put(finish.statistic_id, &statistic);
    let answer = finished(call, &known, &finish);
    if let Some(known) = call.state.telephony.call_mut(&call_id) {
        known.shown_to.clear();
        known.finish = Some(finish);
    }
    Ok(answer)
}

/// The activity of a finished call. Without a record to hang it on there is none.
fn activity(
    call: &mut Call<'_>,
    known: &ExternalCall,
    user_id: u64,
    duration_s: u64,
    status_code: &str,
) -> Option<u64> {
    let entity = known.entity.as_ref()?;
    let owner = Entity::ALL
        .into_iter()
        .find(|one| one.name() == entity.kind)?;
    let is_outgoing = matches!(known.identity.kind, OUTGOING | CALLBACK);
    let word = if is_outgoing { "Outgoing" } else { "Incoming" };
    let seconds = i64::try_from(duration_s).unwrap_or_default();
    let ended_at = known.started_at + jiff::SignedDuration::from_secs(seconds);
    let fields: [(&str, String); 15] = [
        ("OWNER_ID", entity.id.to_string()),
        ("OWNER_TYPE_ID", owner.type_id().to_string()),
        ("TYPE_ID", "2".to_owned()),
        ("PROVIDER_ID", "VOXIMPLANT_CALL".to_owned()),
        ("PROVIDER_TYPE_ID", "CALL".to_owned()),
        (
            "SUBJECT",
            format!("{word} call {}", known.identity.phone_number),
        ),
        ("CREATED", answer::date_text(call.now)),
        ("LAST_UPDATED", answer::date_text(call.now)),
        ("START_TIME", answer::date_text(known.started_at)),
        ("END_TIME", answer::date_text(ended_at)),
        (
            "COMPLETED",
            if status_code == "200" { "Y" } else { "N" }.to_owned(),
        ),
        (
            "STATUS",
            if status_code == "200" { "2" } else { "1" }.to_owned(),
        ),
        ("RESPONSIBLE_ID", user_id.to_string()),
        ("DIRECTION", if is_outgoing { "2" } else { "1" }.to_owned()),
        ("ORIGIN_ID", format!("VI_{}", known.call_id)),
    ];
    let mut record = Record::new();
    for (name, value) in fields {
        record.insert(name.to_owned(), value.into());
    }
    record.insert(
        "COMMUNICATIONS".to_owned(),
        json!([{
            "TYPE": "PHONE", "VALUE": known.identity.phone_number,
            "ENTITY_ID": entity.id.to_string(), "ENTITY_TYPE_ID": owner.type_id().to_string(),
        }]),
    );
    let id = call.state.activities.next_id();
    call.state.activities.put(id, &record);
    Some(id)
}

/// The row that the statistics get.
fn statistic(call: &Call<'_>, known: &ExternalCall, finish: &Finish) -> Record {
    let identity = &known.identity;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let fields = json!({
        "CALL_ID": known.call_id,
        "EXTERNAL_CALL_ID": text(&identity.external_call_id),
        "PORTAL_USER_ID": finish.user_id.to_string(),
        "PORTAL_NUMBER": text(&identity.line_number),
        "PHONE_NUMBER": identity.phone_number,
        "CALL_TYPE": identity.kind.to_string(),
        "CALL_CATEGORY": "external",
        "CALL_DURATION": finish.duration_s.to_string(),
        "CALL_START_DATE": answer::date_text(known.started_at),
        "CALL_VOTE": finish.vote.map(|vote| vote.to_string()),
        "COST": call.params.text("COST"),
        "COST_CURRENCY": call.params.text("COST_CURRENCY"),
        "CALL_FAILED_CODE": finish.status_code,
        "CALL_FAILED_REASON": finish.failed_reason,
        "CRM_ENTITY_TYPE": known.entity.as_ref().map(|entity| entity.kind.clone()),
        "CRM_ENTITY_ID": known.entity.as_ref().map(|entity| entity.id.to_string()),
        "CRM_ACTIVITY_ID": finish.activity_id.map(|id| id.to_string()),
        "REST_APP_ID": "1",
        "REST_APP_NAME": text(&identity.application),
    });
    fields.as_object().cloned().unwrap_or_default()
}

fn finished(call: &Call<'_>, known: &ExternalCall, finish: &Finish) -> Answer {
    let identity = &known.identity;
    Answer::json(&json!({
        "CALL_ID": known.call_id,
        "EXTERNAL_CALL_ID": identity.external_call_id,
        "PORTAL_USER_ID": finish.user_id,
        "PHONE_NUMBER": identity.phone_number,
        "PORTAL_NUMBER": identity.line_number.clone().unwrap_or_default(),
        "INCOMING": identity.kind.to_string(),
        "CALL_DURATION": finish.duration_s,
        // A date of the server's own kind, which loses its value on the way to JSON.
        "CALL_START_DATE": {},
        "CALL_STATUS": u8::from(finish.status_code == "200"),
        "CALL_VOTE": finish.vote,
        "COST": call.params.text("COST"),
        "COST_CURRENCY": call.params.text("COST_CURRENCY"),
        "CALL_FAILED_CODE": finish.status_code,
        "CALL_FAILED_REASON": finish.failed_reason,
        "REST_APP_ID": 1,
        "REST_APP_NAME": identity.application,
        "CRM_ACTIVITY_ID": finish.activity_id,
        "COMMENT": "",
        "CRM_ENTITY_TYPE": known.entity.as_ref().map(|entity| entity.kind.clone()),
        "CRM_ENTITY_ID": known.entity.as_ref().map(|entity| entity.id),
        "ID": finish.statistic_id,
    }))
}
