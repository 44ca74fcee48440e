//! `telephony.externalCall.*`: register, show, hide.

use http::StatusCode;
use serde_json::{Value as Json, json};

use super::{Call, stored};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    behaviour::DuplicateCalls,
    compare,
    entity::Entity,
    phones,
    php::Value,
    row::Row,
    telephony::{CrmEntity, ExternalCall, Identity},
};

pub(super) const OUTGOING: u8 = 1;
pub(super) const CALLBACK: u8 = 4;

/// Kinds of records in the order in which a number is looked for among them.
const SEARCHED: [Entity; 3] = [Entity::Contact, Entity::Company, Entity::Lead];

/// 400 `ERROR_CORE`
pub(super) fn core(description: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "ERROR_CORE", description)
}

/// `telephony.externalCall.register`
pub(super) fn register(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user_id = user(call)?;
    let kind = call.params.integer("TYPE").unwrap_or_default();
    let kind = u8::try_from(kind)
        .ok()
        .filter(|kind| (1..=5).contains(kind));
    let kind = kind.ok_or_else(|| core("Unknown TYPE"))?;
    let started_at = match call.params.text("CALL_START_DATE") {
        none if none.is_empty() => call.now,
        text => {
            iso(&text).ok_or_else(|| core("CALL_START_DATE should be in the ISO-8601 format"))?
        }
    };
    let phone_number = call.params.text("PHONE_NUMBER");
    let is_number = phone_number.chars().any(|c| c.is_ascii_digit())
        && !phone_number.chars().any(char::is_alphabetic);
    if !is_number {
        return Err(core("Unsupported phone number format"));
    }
    let given = |name: &str| Some(call.params.text(name)).filter(|text| !text.is_empty());
    let identity = Identity {
        application: call.application.map(|own| own.client_id.clone()),
        phone_number,
        kind,
        user_id,
        line_number: given("LINE_NUMBER"),
        external_call_id: given("EXTERNAL_CALL_ID"),
    };
    let shows = call.params.integer("SHOW") != Some(0);
    let is_open_only = call.behaviour.duplicate_calls == DuplicateCalls::Open;
    let now = call.now;
    if let Some(known) = call.state.telephony.duplicate(&identity, is_open_only, now) {
        known.registrations += 1;
        if shows && known.finish.is_none() {
            known.show([user_id]);
        }
        return Ok(Answer::json(&registered(known, None)));
    }
    let (entity, is_created, error) = entity(call, &identity);
    let number = call.state.telephony.number();
    let mut made = ExternalCall::new(number, identity, started_at, entity, now);
    made.is_entity_created = is_created;
    if shows {
        made.show([user_id]);
    }
    let answer = Answer::json(&registered(&made, error));
    call.state.telephony.calls.push(made);
    Ok(answer)
}

fn registered(call: &ExternalCall, error: Option<&str>) -> Json {
    let created = call.entity.as_ref().filter(|_| call.is_entity_created);
    let lead = created.filter(|entity| entity.kind == "LEAD");
    let mut result = json!({
        "CALL_ID": call.call_id,
        "CRM_CREATED_LEAD": lead.map(|lead| lead.id),
        "CRM_CREATED_ENTITIES": created
            .map(|one| json!({"ENTITY_TYPE": one.kind, "ENTITY_ID": one.id}))
            .into_iter()
            .collect::<Vec<_>>(),
        "CRM_ENTITY_TYPE": call.entity.as_ref().map(|entity| entity.kind.clone()),
        "CRM_ENTITY_ID": call.entity.as_ref().map(|entity| entity.id),
    });
    if let (Some(error), Some(result)) = (error, result.as_object_mut()) {
        result.insert("LEAD_CREATION_ERROR".to_owned(), error.into());
    }
    result
}

/// The record that a call belongs to, whether it was made for it, and why none was made.
fn entity(
    call: &mut Call<'_>,
    identity: &Identity,
) -> (Option<CrmEntity>, bool, Option<&'static str>) {
    let kind = call.params.text("CRM_ENTITY_TYPE").to_ascii_uppercase();
    let id = call.params.integer("CRM_ENTITY_ID");
    let id = id.and_then(|id| u64::try_from(id).ok()).unwrap_or_default();
    let named = SEARCHED.into_iter().find(|entity| entity.name() == kind);
    if named.is_some_and(|entity| call.state.table(entity).get(id).is_some()) {
        return (Some(CrmEntity { kind, id }), false, None);
    }
    let number = phones::normal(&identity.phone_number);
    for entity in SEARCHED {
        let numbers = std::slice::from_ref(&number);
        let found = call.state.table_mut(entity).find_by_phone(numbers);
        if let Some(id) = found.first() {
            let kind = entity.name().to_owned();
            return (Some(CrmEntity { kind, id: *id }), false, None);
        }
    }
    let wants = call.params.integer("CRM_CREATE") == Some(1);
    let line = call.state.telephony.lines.iter().find(|line| {
        line.application == identity.application
            && Some(&line.number) == identity.line_number.as_ref()
    });
    let line_allows = identity.kind != OUTGOING || line.is_none_or(|line| line.crm_auto_create);
    if !wants || !line_allows {
        return (None, false, None);
    }
    if is_of_employee(call, &number) {
        let why = "Lead creation is disabled for local users";
        return (None, false, Some(why));
    }
    let source = match call.params.text("CRM_SOURCE") {
        none if none.is_empty() => "CALL".to_owned(),
        source => source,
    };
    let direction = match identity.kind {
        OUTGOING | CALLBACK => "Outgoing",
        _ => "Incoming",
    };
    let fields = vec![
        (
            "TITLE".to_owned(),
            Value::text(format!("{} - {direction} call", identity.phone_number)),
        ),
        (
            "PHONE".to_owned(),
            Value::List(vec![Value::Map(vec![
                ("VALUE".to_owned(), Value::text(&*identity.phone_number)),
                ("VALUE_TYPE".to_owned(), Value::text("WORK")),
            ])]),
        ),
        ("SOURCE_ID".to_owned(), Value::text(source)),
        (
            "ASSIGNED_BY_ID".to_owned(),
            Value::text(identity.user_id.to_string()),
        ),
    ];
    let id = stored::add(call, Entity::Lead, &fields);
    let kind = Entity::Lead.name().to_owned();
    (Some(CrmEntity { kind, id }), true, None)
}

fn is_of_employee(call: &Call<'_>, number: &str) -> bool {
    let users = &call.state.users;
    let fields = [
        "UF_PHONE_INNER",
        "WORK_PHONE",
        "PERSONAL_PHONE",
        "PERSONAL_MOBILE",
    ];
    let fields = fields.map(|name| users.schema().find(name));
    users.rows().iter().any(|row| {
        let numbers = fields
            .iter()
            .flatten()
            .map(|at| compare::unquote(row.raw(*at)));
        numbers
            .map(|phone| phones::normal(&phone))
            .any(|phone| !phone.is_empty() && phone == number)
    })
}

/// `telephony.externalCall.show`
pub(super) fn show(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    on_card(call, |known, users| known.show(users.iter().copied()))
}

/// `telephony.externalCall.hide`
pub(super) fn hide(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    on_card(call, |known, users| {
        known.shown_to.retain(|user| !users.contains(user));
    })
}

/// A call that is not known, or is over, is answered with false and no error.
fn on_card(
    call: &mut Call<'_>,
    change: impl FnOnce(&mut ExternalCall, &[u64]),
) -> Result<Answer, Refusal> {
    let call_id = call_id(call)?;
    let users = call.params.get("USER_ID").map(Value::items);
    let users: Vec<u64> = users
        .unwrap_or_default()
        .into_iter()
        .filter_map(|user| u64::try_from(user.as_integer()?).ok())
        .collect();
    let known = call.state.telephony.call_mut(&call_id);
    let Some(known) = known.filter(|known| known.finish.is_none()) else {
        return Ok(Answer::of("false"));
    };
    let users = match users.is_empty() {
        true => vec![known.identity.user_id],
        false => users,
    };
    change(known, &users);
    Ok(Answer::of("true"))
}

/// `CALL_ID`, which must be text.
pub(super) fn call_id(call: &Call<'_>) -> Result<String, Refusal> {
    match call.params.get("CALL_ID") {
        Some(Value::Text(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "INVALID_ARGUMENT",
            "CALL_ID must be a string",
        )),
    }
}

/// The active user that `USER_ID` or `USER_PHONE_INNER` means.
pub(super) fn user(call: &Call<'_>) -> Result<u64, Refusal> {
    let id = call.params.integer("USER_ID").filter(|id| *id != 0);
    let inner = call.params.text("USER_PHONE_INNER");
    let users = &call.state.users;
    let field = |name: &str| users.schema().find(name).unwrap_or(usize::MAX);
    let row = match (id, inner.as_str()) {
        (Some(id), _) => users.get(u64::try_from(id).unwrap_or_default()),
        (None, "") => return Err(core("USER_ID or USER_PHONE_INNER should be set")),
        (None, inner) => {
            let mut rows = users.rows().iter();
            rows.find(|row| compare::unquote(row.raw(field("UF_PHONE_INNER"))) == inner)
        }
    };
    let is_active = |row: &&Row| {
        let active = compare::unquote(row.raw(field("ACTIVE"))).to_lowercase();
        matches!(&*active, "true" | "y" | "1")
    };
    let row = row.filter(is_active);
    row.map(|row| row.id)
        .ok_or_else(|| core("User is not found or is not active"))
}

/// A moment with its zone, as ISO 8601 writes it.
fn iso(text: &str) -> Option<jiff::Timestamp> {
    text.contains('T').then(|| text.parse().ok())?
}
