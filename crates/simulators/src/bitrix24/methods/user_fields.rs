//! `crm.company.userfield.*`

use serde_json::{Map, Value as Json, json};

use super::{Call, records};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    data::UserField,
    entity::Entity,
    php::Value,
    presets,
};

const LABELS: &[&str] = &[
    "EDIT_FORM_LABEL",
    "LIST_COLUMN_LABEL",
    "LIST_FILTER_LABEL",
    "ERROR_MESSAGE",
    "HELP_MESSAGE",
];

/// `crm.company.userfield.list`: labels come only when `filter.LANG` names a language.
pub(super) fn list(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let filter = call.params.get("filter");
    let conditions = filter.map(Value::pairs).unwrap_or_default();
    let language = filter.and_then(|filter| filter.get("LANG")?.as_text());
    let mut fields: Vec<Map<String, Json>> = call
        .state
        .user_fields
        .iter()
        .filter(|field| field.entity_id == entity.user_field_owner())
        .map(|field| {
            let mut shown = shown(field);
            if let Some(language) = &language {
                let label = field.labels.get(&**language).map_or("", String::as_str);
                for key in LABELS {
                    shown.insert((*key).to_owned(), label.into());
                }
            }
            shown
        })
        .filter(|field| {
            conditions.iter().all(|(key, value)| {
                let name = key.trim_start_matches('=');
                let stored = field.get(name).and_then(Json::as_str);
                name == "LANG" || stored.is_none() || stored == value.as_text().as_deref()
            })
        })
        .collect();
    sort(&mut fields, call.params.get("order"));
    Ok(Answer {
        total: Some(fields.len() as u64),
        ..Answer::json(&json!(fields))
    })
}

/// `crm.company.userfield.get`: labels in all languages.
pub(super) fn get(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let id = records::id(call)?;
    let mut declared = call.state.user_fields.iter();
    let field =
        declared.find(|field| field.id == id && field.entity_id == entity.user_field_owner());
    let field = field.ok_or_else(presets::not_found)?;
    let mut shown = shown(field);
    for key in LABELS {
        shown.insert((*key).to_owned(), json!(field.labels));
    }
    Ok(Answer::json(&shown.into()))
}

fn shown(field: &UserField) -> Map<String, Json> {
    let flag = |is_set: bool| if is_set { "Y" } else { "N" };
    let mut shown = Map::new();
    for (key, text) in [
        ("ID", field.id.to_string().as_str()),
        ("ENTITY_ID", &field.entity_id),
        ("FIELD_NAME", &field.field_name),
        ("USER_TYPE_ID", &field.user_type_id),
        ("XML_ID", ""),
        ("SORT", field.sort.to_string().as_str()),
        ("MULTIPLE", flag(field.multiple)),
        ("MANDATORY", flag(field.mandatory)),
        ("SHOW_FILTER", "E"),
        ("SHOW_IN_LIST", "Y"),
        ("EDIT_IN_LIST", "Y"),
        ("IS_SEARCHABLE", "N"),
    ] {
        shown.insert(key.to_owned(), text.into());
    }
    shown.insert("SETTINGS".to_owned(), json!({}));
    if !field.list.is_empty() {
        let items = field.list.iter().enumerate().map(|(at, item)| {
            json!({
                "ID": item.id.to_string(),
                "SORT": ((at + 1) * 100).to_string(),
                "VALUE": item.value,
                "DEF": flag(item.def),
                "XML_ID": item.xml_id,
            })
        });
        shown.insert("LIST".to_owned(), items.collect());
    }
    shown
}

/// Sorts by the first field of `order`; numbers as numbers.
fn sort(fields: &mut [Map<String, Json>], order: Option<&Value>) {
    let pairs = order.map(Value::pairs).unwrap_or_default();
    let Some((name, direction)) = pairs.first() else {
        return;
    };
    let key = |field: &Map<String, Json>| {
        let text = field
            .get(&**name)
            .and_then(Json::as_str)
            .unwrap_or_default();
        (text.parse::<u64>().ok(), text.to_owned())
    };
    fields.sort_by_key(key);
    let direction = direction.as_text().unwrap_or_default();
    if direction.eq_ignore_ascii_case("desc") {
        fields.reverse();
    }
}
