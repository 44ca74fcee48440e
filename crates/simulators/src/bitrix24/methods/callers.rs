//! `telephony.externalCall.searchCrmEntities`: who is behind a number, and who is responsible for them.

use serde_json::{Value as Json, json};

use super::{Call, external_calls::core};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    compare,
    entity::Entity,
    phones,
    row::Row,
};

/// `telephony.externalCall.searchCrmEntities`
pub(super) fn search(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let number = call.params.text("PHONE_NUMBER");
    if number.is_empty() {
        return Err(core("PHONE_NUMBER should be set"));
    }
    let number = phones::normal(&number);
    let mut found = Vec::new();
    for entity in [Entity::Contact, Entity::Lead, Entity::Company] {
        let numbers = std::slice::from_ref(&number);
        for id in call.state.table_mut(entity).find_by_phone(numbers) {
            found.extend(one_found(call, entity, id));
        }
    }
    Ok(Answer::json(&Json::Array(found)))
}

fn one_found(call: &Call<'_>, entity: Entity, id: u64) -> Option<Json> {
    let table = call.state.table(entity);
    let row = table.get(id)?;
    let text = |name: &str| {
        let raw = row.raw(table.schema().find(name).unwrap_or(usize::MAX));
        if raw == "null" {
            String::new()
        } else {
            compare::unquote(raw).into_owned()
        }
    };
    let name = match entity {
        Entity::Contact => format!("{} {}", text("NAME"), text("LAST_NAME")),
        Entity::Lead | Entity::Company | Entity::Deal => text("TITLE"),
    };
    let assigned = text("ASSIGNED_BY_ID").parse::<u64>().unwrap_or_default();
    let users = &call.state.users;
    let user = users.get(assigned);
    let of_user = |name: &str| {
        let raw = user.map(|user: &Row| user.raw(users.schema().find(name).unwrap_or(usize::MAX)));
        match raw {
            None | Some("null") => String::new(),
            Some(raw) => compare::unquote(raw).into_owned(),
        }
    };
    Some(json!({
        "CRM_ENTITY_TYPE": entity.name(),
        "CRM_ENTITY_ID": id,
        "ASSIGNED_BY_ID": assigned,
        "NAME": name.trim(),
        "ASSIGNED_BY": {
            "ID": assigned,
            "TIMEMAN_STATUS": call.state.telephony.workday(assigned).name(),
            "USER_PHONE_INNER": of_user("UF_PHONE_INNER"),
            "WORK_PHONE": of_user("WORK_PHONE"),
            "PERSONAL_PHONE": of_user("PERSONAL_PHONE"),
            "PERSONAL_MOBILE": of_user("PERSONAL_MOBILE"),
        },
    }))
}
