//! `crm.duplicate.findbycomm`: who has this phone or e-mail.

use super::Call;
use crate::bitrix24::{
    answer::{Answer, Code, Refusal},
    entity::Entity,
    filter::Filter,
    phones,
    php::Value,
    table::Query,
};

/// So many values may be asked for at once.
const VALUES_MAX: usize = 20;

/// So many records of a kind are found; when a kind reaches it, the later kinds are left out.
const HITS_MAX: usize = 20;

/// `crm.duplicate.findbycomm`: ids by kind of record, as numbers; `[]` when there is none.
pub(super) fn find(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let kind = call.params.text("type").to_ascii_uppercase();
    if kind != "PHONE" && kind != "EMAIL" {
        return Err(prose("Communication type is not defined"));
    }
    let values = call.params.get("values").map(Value::items);
    let values = values.unwrap_or_default().into_iter();
    let values: Vec<String> = values
        .filter_map(|value| Some(value.as_text()?.into_owned()))
        .filter(|value| !value.is_empty())
        .collect();
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(prose("Invalid parameters."));
    }
    let only = call.params.text("entity_type").to_ascii_uppercase();
    let mut found = Vec::new();
    for entity in [Entity::Lead, Entity::Contact, Entity::Company] {
        if !only.is_empty() && only != entity.name() {
            continue;
        }
        let ids = match kind.as_str() {
            "PHONE" => by_phone(call, entity, &values),
            _ => by_email(call, entity, &values),
        };
        let is_full = ids.len() >= HITS_MAX;
        if !ids.is_empty() {
            let ids: Vec<String> = ids.iter().take(HITS_MAX).map(u64::to_string).collect();
            found.push(format!("\"{}\":[{}]", entity.name(), ids.join(",")));
        }
        if is_full {
            break;
        }
    }
    Ok(Answer::of(match found.as_slice() {
        [] => "[]".to_owned(),
        found => format!("{{{}}}", found.join(",")),
    }))
}

fn by_phone(call: &mut Call<'_>, entity: Entity, values: &[String]) -> Vec<u64> {
    let numbers: Vec<String> = values.iter().map(|value| phones::normal(value)).collect();
    call.state.table_mut(entity).find_by_phone(&numbers)
}

fn by_email(call: &mut Call<'_>, entity: Entity, values: &[String]) -> Vec<u64> {
    let table = call.state.table_mut(entity);
    let equal = values.iter();
    let equal = equal.map(|value| Filter::equals(table.schema(), "EMAIL", value));
    let mut ids: Vec<u64> = Vec::new();
    for filter in equal.collect::<Vec<_>>() {
        let query = Query {
            filter,
            order: Vec::new(),
        };
        ids.extend(table.all(&query).into_iter().map(|row| row.id));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// This method puts sentences where others put codes.
fn prose(sentence: &'static str) -> Refusal {
    Refusal {
        code: Code::Word(sentence.into()),
        ..Refusal::plain(sentence)
    }
}
