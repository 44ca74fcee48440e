//! What the CRM has, as far as hooks are told it or choose among it.

use std::collections::BTreeMap;

use bitrix24::{Call, CrmKind, CrmRecord, Error, Id};
use serde_json::{Map, Value, json};

use super::super::{FinishedCall, Place, RegisteredCall, Stop, registration::record};
use crate::decide::write::{Entity, Registered};

/// The kinds that a client may be, the most telling first.
const KINDS: [CrmKind; 3] = [CrmKind::Contact, CrmKind::Company, CrmKind::Lead];

/// Entities by their kind.
pub(super) type Found = BTreeMap<&'static str, Vec<u64>>;

/// The entities that have a number.
pub(super) async fn of_phone(crm: &bitrix24::Client, phone: &str) -> Result<Found, Error> {
    let call = Call::read("crm.duplicate.findbycomm")
        .param("type", "PHONE")
        .param("values", json!([phone]));
    let answer = crm.call(call).await?;
    let answer: Value = serde_json::from_str(answer.result().get()).unwrap_or_default();
    let of = |kind: CrmKind| {
        let ids = answer.get(kind.name())?.as_array()?;
        let ids: Vec<u64> = ids.iter().filter_map(id).collect();
        (!ids.is_empty()).then_some((kind.name(), ids))
    };
    Ok(KINDS.into_iter().filter_map(of).collect())
}

/// Portals write ids as numbers and as texts.
fn id(value: &Value) -> Option<u64> {
    let of_text = || value.as_str()?.parse().ok();
    value.as_u64().or_else(of_text)
}

/// The same as a hook is told it.
pub(super) fn told(found: &Found) -> Value {
    let found = found.iter();
    let found = found.map(|(kind, ids)| (kind.to_ascii_lowercase(), json!(ids)));
    Value::Object(found.collect())
}

/// The first of the entities to which the filter of its kind applies. Of kinds without a filter all count.
pub(super) async fn narrowed(
    crm: &bitrix24::Client,
    found: &Found,
    filter: &Map<String, Value>,
) -> Result<Option<Entity>, Error> {
    for kind in KINDS {
        let Some(ids) = found.get(kind.name()) else {
            continue;
        };
        let entity = |id: u64| Entity {
            kind: kind.name().to_owned(),
            id,
        };
        let of_kind = filter.get(&kind.name().to_ascii_lowercase());
        let Some(conditions) = of_kind.and_then(Value::as_object) else {
            return Ok(ids.first().copied().map(entity));
        };
        let method = match kind {
            CrmKind::Lead => "crm.lead.list",
            CrmKind::Contact => "crm.contact.list",
            CrmKind::Company => "crm.company.list",
            CrmKind::Deal => continue,
        };
        let mut list = crm.list(method).filter("@ID", json!(ids)).select(["ID"]);
        for (condition, value) in conditions {
            list = list.filter(condition, value.clone());
        }
        let rows = list.first_page().await?;
        if let Some(id) = rows.iter().find_map(|row| row.id("ID")) {
            return Ok(Some(entity(id.get())));
        }
    }
    Ok(None)
}

/// The activity of a finished call, as far as it can be read now.
pub(super) async fn activity(place: &Place, call: &Registered) -> Option<Value> {
    let finished: FinishedCall = place.result(&call.key, "finish").await.ok()?;
    let id = finished.activity.and_then(Id::new)?;
    let raw = get(place, "crm.activity.get", id).await.ok()?;
    let text = |name: &str| raw.get(name).and_then(Value::as_str);
    let responsible: Option<u64> = raw.get("RESPONSIBLE_ID").and_then(self::id);
    Some(json!({
        "id": id.get(),
        "is_new": false,
        "name": text("SUBJECT").unwrap_or_default(),
        "phones": [],
        "responsible": {"ID": responsible},
        "responsible_id": responsible,
        "type": "activity",
        "raw": raw,
    }))
}

/// The entity of a call, as far as it can be read now.
pub(super) async fn entity(place: &Place, registered: Option<&RegisteredCall>) -> Option<Value> {
    let registered = registered?;
    let created = registered.created.first();
    let of = record(created.or(registered.record.as_ref())?)?;
    let method = match of.kind {
        CrmKind::Lead => "crm.lead.get",
        CrmKind::Contact => "crm.contact.get",
        CrmKind::Company => "crm.company.get",
        CrmKind::Deal => "crm.deal.get",
    };
    let raw = get(place, method, of.id).await.ok()?;
    Some(json!({
        "entity_id": of.id.get(),
        "entity_type": of.kind.name().to_ascii_lowercase(),
        "was_created": created.is_some(),
        "raw": raw,
    }))
}

async fn get(place: &Place, method: &str, id: Id) -> Result<Value, Stop> {
    let answer = place.crm.call(Call::read(method).param("id", id)).await?;
    Ok(serde_json::from_str(answer.result().get()).unwrap_or_default())
}

/// A record as tasks name it.
pub(super) fn link(record: &CrmRecord) -> String {
    format!("{}_{}", record.kind.prefix(), record.id)
}
