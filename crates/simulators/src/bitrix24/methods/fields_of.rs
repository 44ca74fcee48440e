//! `crm.*.fields`: what fields a kind of record has.

use serde_json::{Map, Value as Json, json};

use super::{Call, items};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    data::UserField,
    entity::Entity,
    fields::{Access, Field, Kind},
};

/// `crm.company.fields` and its kin: by the names of the older methods.
pub(super) fn legacy(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let mut fields = Map::new();
    for (_, field) in call.state.table(entity).schema().iter() {
        let described = describe(field, declaration(call, field), field.kind.name());
        fields.insert(field.name.clone(), described.into());
    }
    Ok(Answer::json(&fields.into()))
}

/// `crm.item.fields`: by the names of `crm.item.*`, with `upperName` for the way back.
pub(super) fn universal(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entity = items::entity(call)?;
    let names = items::UserFieldNames::of(call.params);
    let mut fields = Map::new();
    let schema = call.state.table(entity).schema();
    let named = schema
        .iter()
        .filter(|(_, field)| !field.item_name.is_empty());
    for (_, field) in named {
        let kind = match field.kind {
            Kind::Flag => "boolean",
            kind => kind.name(),
        };
        let mut described = describe(field, declaration(call, field), kind);
        described.insert("upperName".to_owned(), field.name.as_str().into());
        fields.insert(names.of_field(field).to_owned(), described.into());
    }
    if entity != Entity::Deal {
        let multifields = json!({
            "type": "crm_multifield", "isRequired": false, "isReadOnly": false,
            "isImmutable": false, "isMultiple": true, "isDynamic": false,
            "title": "Phones, e-mails, sites", "upperName": "FM",
        });
        fields.insert("fm".to_owned(), multifields);
    }
    Ok(Answer::json(&json!({"fields": fields})))
}

fn declaration<'a>(call: &'a Call<'_>, field: &Field) -> Option<&'a UserField> {
    let declared = call.state.user_fields.iter();
    let id = field.user_field_id?;
    declared.into_iter().find(|one| one.id == id)
}

fn describe(field: &Field, declared: Option<&UserField>, kind: &str) -> Map<String, Json> {
    let is_user_field = field.name.starts_with("UF_");
    let mut described = Map::new();
    let mut put = |key: &str, value: Json| {
        described.insert(key.to_owned(), value);
    };
    put("type", kind.into());
    put("isRequired", field.is_required.into());
    put("isReadOnly", (field.access == Access::ReadOnly).into());
    put("isImmutable", (field.access == Access::Immutable).into());
    put("isMultiple", field.is_multiple.into());
    put("isDynamic", is_user_field.into());
    put("title", field.title.as_str().into());
    if let Kind::Status(directory) = field.kind {
        put("statusType", directory.into());
    }
    if let Some(declared) = declared {
        let label = declared.labels.values().next();
        let label = label.unwrap_or(&declared.field_name).as_str();
        for key in ["listLabel", "formLabel", "filterLabel"] {
            put(key, label.into());
        }
        if field.kind == Kind::Enumeration {
            let items = declared.list.iter();
            let items = items.map(|item| json!({"ID": item.id.to_string(), "VALUE": item.value}));
            put("items", items.collect());
        }
        put("settings", json!({}));
    }
    described
}
