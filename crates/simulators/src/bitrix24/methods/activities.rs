//! `crm.activity.*`

use serde_json::json;

use super::{Call, listing, records, stored};
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    compare,
    data::Record,
    fields::Access,
    filter::{Dialect, Filter},
    php::Value,
    presets,
    row::{Row, Selection},
    table::{Direction, PAGE_ROWS, Query, Start},
};

/// A call, among the types of activities.
const CALL_TYPE: &str = "2";

/// `crm.activity.add`
pub(super) fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let written = stored::fields(call)?;
    let get = |name: &str| {
        let mut pairs = written.iter().rev();
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    let text = |name: &str| get(name).and_then(Value::as_text).unwrap_or_default();
    for name in ["OWNER_TYPE_ID", "OWNER_ID", "TYPE_ID", "SUBJECT"] {
        if text(name).is_empty() {
            return Err(Refusal::plain(format!("The field {name} is required.")));
        }
    }
    let communications = get("COMMUNICATIONS").map_or(0, |value| value.items().len());
    if text("TYPE_ID") == CALL_TYPE && communications != 1 {
        return Err(Refusal::plain(
            "The field COMMUNICATIONS must hold exactly one row for a call.",
        ));
    }
    let now = answer::date_text(call.now);
    let mut record = record(&[
        (
            "PROVIDER_ID",
            if text("TYPE_ID") == CALL_TYPE {
                "VOXIMPLANT_CALL"
            } else {
                ""
            },
        ),
        ("CREATED", &now),
        ("LAST_UPDATED", &now),
        ("START_TIME", &now),
        ("COMPLETED", "N"),
        ("STATUS", "1"),
        ("PRIORITY", "2"),
        ("DIRECTION", "0"),
    ]);
    let id = call.state.activities.next_id();
    write(call, &mut record, &written);
    call.state.activities.put(id, &record);
    Ok(Answer::of(id.to_string()))
}

/// `crm.activity.update`
pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = records::id(call)?;
    let written = stored::fields(call)?;
    let row = call.state.activities.get(id);
    let mut record = row.ok_or_else(presets::not_found)?.values();
    let now = answer::date_text(call.now);
    record.insert("LAST_UPDATED".to_owned(), now.into());
    write(call, &mut record, &written);
    call.state.activities.put(id, &record);
    Ok(Answer::of("true"))
}

/// `crm.activity.delete`
pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = records::id(call)?;
    match call.state.activities.remove(id) {
        true => Ok(Answer::of("true")),
        false => Err(presets::not_found()),
    }
}

/// `crm.activity.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = records::id(call)?;
    let table = &call.state.activities;
    let row = table.get(id).ok_or_else(presets::not_found)?;
    let mut result = String::new();
    row.write(&Selection::everything(table.schema()), &mut result);
    Ok(Answer::of(result))
}

/// `crm.activity.list`: earliest start first unless told otherwise. A filter on several `BINDINGS` brings
/// an activity once for each that it is bound to.
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let dialect = Dialect::Legacy {
        knows_not_like: true,
        unknown: call.behaviour.unknown_filter_field,
    };
    let table = &mut call.state.activities;
    let schema = table.schema();
    let (bindings, filter) = split_bindings(call.params.get("filter"));
    let mut order = listing::order(schema, call.params.get("order"));
    if order.is_empty() {
        let start_time = schema.find("START_TIME");
        order.extend(start_time.map(|field| (field, Direction::Ascending)));
    }
    let query = Query {
        filter: Filter::parse(schema, dialect, filter.as_ref())?,
        order,
    };
    let selection = listing::selection(schema, call.params.get("select"));
    let start = listing::start(call.params);
    if bindings.is_empty() {
        let page = table.page(&query, start);
        return Ok(listing::answer(&page, &selection));
    }
    let schema = schema.clone();
    let field = |name: &str| schema.find(name).unwrap_or(usize::MAX);
    let owner = (field("OWNER_TYPE_ID"), field("OWNER_ID"));
    let communications = field("COMMUNICATIONS");
    let rows: Vec<&Row> = table
        .all(&query)
        .into_iter()
        .flat_map(|row| {
            let bound = bound_to(row, owner, communications);
            let times = bindings.iter().filter(|pair| bound.contains(pair)).count();
            std::iter::repeat_n(row, times)
        })
        .collect();
    let (first, is_counted) = match start {
        Start::Uncounted => (0, false),
        Start::At(first) => (first, true),
    };
    let page: Vec<&Row> = rows.iter().skip(first).take(PAGE_ROWS).copied().collect();
    let next = first + PAGE_ROWS;
    Ok(Answer {
        result: listing::rows(&page, |row, out| row.write(&selection, out)),
        total: Some(if is_counted { rows.len() as u64 } else { 0 }),
        next: (is_counted && next < rows.len()).then_some(next as u64),
    })
}

/// `crm.activity.todo.add`
pub(super) fn todo_add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let text = |name: &str| call.params.text(name);
    for name in ["ownerTypeId", "ownerId", "deadline"] {
        if text(name).is_empty() {
            let why = format!("Could not find value for parameter {{{name}}}");
            return Err(Refusal::numbered(100, why));
        }
    }
    let moment = compare::moment(&text("deadline"));
    let Some(deadline) = moment else {
        return Err(Refusal::new(
            http::StatusCode::BAD_REQUEST,
            "WRONG_DATETIME_FORMAT",
            "Wrong datetime format",
        ));
    };
    let now = answer::date_text(call.now);
    let responsible = match text("responsibleId") {
        none if none.is_empty() => call.caller.user_id.to_string(),
        id => id,
    };
    let record = record(&[
        ("OWNER_TYPE_ID", &text("ownerTypeId")),
        ("OWNER_ID", &text("ownerId")),
        ("TYPE_ID", "6"),
        ("PROVIDER_ID", "CRM_TODO"),
        ("PROVIDER_TYPE_ID", "TODO"),
        ("SUBJECT", &text("title")),
        ("DESCRIPTION", &text("description")),
        ("CREATED", &now),
        ("LAST_UPDATED", &now),
        ("START_TIME", &now),
        ("DEADLINE", &answer::date_text(deadline)),
        ("COMPLETED", "N"),
        ("RESPONSIBLE_ID", &responsible),
        ("AUTHOR_ID", &call.caller.user_id.to_string()),
    ]);
    let activities = &mut call.state.activities;
    let id = activities.next_id();
    activities.put(id, &record);
    Ok(Answer::json(&json!({"id": id})))
}

fn record(pairs: &[(&str, &str)]) -> Record {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect()
}

fn write(call: &Call<'_>, record: &mut Record, written: &stored::Written) {
    let schema = call.state.activities.schema();
    for (name, value) in written {
        let field = schema.find(name).and_then(|at| schema.field(at));
        if let Some(field) = field.filter(|field| field.access != Access::ReadOnly) {
            let stored = match field.name.as_str() {
                "COMMUNICATIONS" => value.to_json(),
                _ => stored::stored_value(field, value),
            };
            record.insert(name.clone(), stored);
        }
    }
    let caller = call.caller.user_id.to_string();
    record.insert("EDITOR_ID".to_owned(), caller.as_str().into());
    for name in ["AUTHOR_ID", "RESPONSIBLE_ID"] {
        let entry = record.entry(name);
        entry.or_insert_with(|| caller.as_str().into());
    }
}

/// A record's type and id.
type Binding = (i64, i64);

/// `BINDINGS` of a filter, and the rest of it.
fn split_bindings(filter: Option<&Value>) -> (Vec<Binding>, Option<Value>) {
    let Some(filter) = filter else {
        return (Vec::new(), None);
    };
    let bindings = filter.get("BINDINGS").map(Value::items).unwrap_or_default();
    let bindings = bindings.into_iter().filter_map(binding).collect();
    let rest = filter.pairs().into_iter();
    let rest = rest
        .filter(|(key, _)| !key.eq_ignore_ascii_case("BINDINGS"))
        .map(|(key, value)| (key.into_owned(), value.clone()));
    match filter.is_array() {
        true => (bindings, Some(Value::Map(rest.collect()))),
        false => (bindings, Some(filter.clone())),
    }
}

fn binding(value: &Value) -> Option<Binding> {
    let kind = value.get("OWNER_TYPE_ID")?.as_integer()?;
    Some((kind, value.get("OWNER_ID")?.as_integer()?))
}

/// What an activity is bound to: its owner, and those it communicates with.
fn bound_to(row: &Row, owner: (usize, usize), communications: usize) -> Vec<Binding> {
    let number = |at: usize| compare::unquote(row.raw(at)).parse::<i64>().ok();
    let own = number(owner.0).zip(number(owner.1));
    let rows: Value = serde_json::from_str(row.raw(communications)).unwrap_or(Value::Null);
    let others = rows.items().into_iter().filter_map(|row| {
        let kind = row.get("ENTITY_TYPE_ID")?.as_integer()?;
        Some((kind, row.get("ENTITY_ID")?.as_integer()?))
    });
    let mut bound: Vec<Binding> = own.into_iter().collect();
    for other in others.collect::<Vec<_>>() {
        if !bound.contains(&other) {
            bound.push(other);
        }
    }
    bound
}
