//! `tasks.task.*`

use serde_json::{Map, Value as Json, json};

use super::{Call, external_calls::core, listing, stored};
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    data::Record,
    fields::{Access, Field},
    filter::{Dialect, Filter},
    php::Value,
    row::Row,
    state::TASKS_ENTITY,
    table::{Direction, Query},
};

/// Waiting for execution.
const PENDING: &str = "2";
/// Done.
const COMPLETED: &str = "5";

/// `tasks.task.add`
pub(super) fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let written = stored::fields(call)?;
    let text = |name: &str| {
        let mut pairs = written.iter().rev();
        let value = pairs.find(|(key, _)| key == name);
        value
            .and_then(|(_, value)| value.as_text())
            .unwrap_or_default()
    };
    if text("TITLE").is_empty() {
        return Err(core("The Task name is not specified."));
    }
    if text("RESPONSIBLE_ID").is_empty() {
        return Err(core("The Responsible person is not specified."));
    }
    let declared = call.state.user_fields.iter();
    let mut needed = declared.filter(|field| field.entity_id == TASKS_ENTITY && field.mandatory);
    if let Some(missing) = needed.find(|field| text(&field.field_name).is_empty()) {
        let name = &missing.field_name;
        return Err(core(format!("The field {name} is required.")));
    }
    let mut record = Record::new();
    let now = answer::date_text(call.now);
    for (name, value) in [
        ("CREATED_BY", call.caller.user_id.to_string()),
        ("PRIORITY", "1".to_owned()),
        ("GROUP_ID", "0".to_owned()),
        ("STATUS", PENDING.to_owned()),
        ("REAL_STATUS", PENDING.to_owned()),
        ("CREATED_DATE", now.clone()),
        ("CHANGED_DATE", now),
    ] {
        record.insert(name.to_owned(), value.into());
    }
    write(call, &mut record, &written);
    let id = call.state.tasks.next_id();
    call.state.tasks.put(id, &record);
    one(call, id)
}

/// `tasks.task.update`
pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let written = stored::fields(call)?;
    change(call, |call, record| write(call, record, &written))
}

/// `tasks.task.complete`
pub(super) fn complete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    change(call, |call, record| {
        for name in ["STATUS", "REAL_STATUS"] {
            record.insert(name.to_owned(), COMPLETED.into());
        }
        let now = answer::date_text(call.now);
        record.insert("CLOSED_DATE".to_owned(), now.into());
    })
}

/// `tasks.task.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = id(call)?;
    one(call, id)
}

/// `tasks.task.list`: sorted by `ID`, listed with `id`.
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let schema = call.state.tasks.schema();
    let dialect = Dialect::Legacy {
        knows_not_like: false,
        unknown: call.behaviour.unknown_filter_field,
    };
    let mut order = listing::order(schema, call.params.get("order"));
    if order.is_empty() {
        let id = schema.find("ID");
        order.extend(id.map(|id| (id, Direction::Descending)));
    }
    let query = Query {
        filter: Filter::parse(schema, dialect, call.params.get("filter"))?,
        order,
    };
    let names = call.params.get("select").map(Value::items);
    let names: Vec<String> = names
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| Some(name.as_text()?.into_owned()))
        .collect();
    let start = listing::start(call.params);
    let page = call.state.tasks.page(&query, start);
    let (total, next) = (page.total, page.next);
    let ids: Vec<u64> = page.rows.iter().map(|row| row.id).collect();
    let tasks = &call.state.tasks;
    let rows = ids.iter().filter_map(|id| tasks.get(*id));
    let rows: Vec<Json> = rows
        .map(|row| shown(tasks.schema().iter().map(|(_, field)| field), row, &names))
        .collect();
    Ok(Answer {
        total: Some(total),
        next,
        ..Answer::json(&json!({"tasks": rows}))
    })
}

/// Fields in camel case. The links to CRM records come only when they are asked for.
fn shown<'a>(fields: impl Iterator<Item = &'a Field>, row: &Row, names: &[String]) -> Json {
    let mut task = Map::new();
    for (at, field) in fields.enumerate() {
        let is_asked = names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&field.name) || *name == field.item_name);
        let all = names.is_empty() || names.iter().any(|name| name == "*");
        let is_link = field.name == "UF_CRM_TASK";
        let is_shown = is_asked || field.name == "ID" || all && !is_link;
        if is_shown && !field.item_name.is_empty() {
            let value = serde_json::from_str(row.raw(at)).unwrap_or(Json::Null);
            task.insert(field.item_name.clone(), value);
        }
    }
    Json::Object(task)
}

fn one(call: &Call<'_>, id: u64) -> Result<Answer, Refusal> {
    let tasks = &call.state.tasks;
    let row = tasks.get(id).ok_or_else(absent)?;
    let fields = tasks.schema().iter().map(|(_, field)| field);
    Ok(Answer::json(&json!({"task": shown(fields, row, &[])})))
}

fn change(
    call: &mut Call<'_>,
    change: impl FnOnce(&Call<'_>, &mut Record),
) -> Result<Answer, Refusal> {
    let id = id(call)?;
    let row = call.state.tasks.get(id).ok_or_else(absent)?;
    let mut record = row.values();
    change(call, &mut record);
    let now = answer::date_text(call.now);
    record.insert("CHANGED_DATE".to_owned(), now.into());
    call.state.tasks.put(id, &record);
    one(call, id)
}

fn write(call: &Call<'_>, record: &mut Record, written: &stored::Written) {
    let schema = call.state.tasks.schema();
    for (name, value) in written {
        let field = schema.find(name).and_then(|at| schema.field(at));
        if let Some(field) = field.filter(|field| field.access == Access::Write) {
            record.insert(name.clone(), stored::stored_value(field, value));
        }
    }
}

fn id(call: &Call<'_>) -> Result<u64, Refusal> {
    let id = call.params.integer("taskId");
    let id = id.and_then(|id| u64::try_from(id).ok());
    id.filter(|id| *id > 0)
        .ok_or_else(|| Refusal::numbered(100, "Could not find value for parameter {taskId}"))
}

/// In the words of a portal that neither has the task nor would show it.
fn absent() -> Refusal {
    core("Access denied or the task is not found")
}
