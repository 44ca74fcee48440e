//! `crm.item.*`: the same records under names in camel case, with numbers as numbers.

use http::StatusCode;
use serde_json::{Value as Json, json};

use super::{Call, listing, stored};
use crate::bitrix24::{
    answer::{Answer, Refusal, write_text},
    compare,
    entity::Entity,
    fields::{Field, Kind, Schema},
    filter::{Dialect, Filter},
    params::Params,
    php::Value,
    row::Row,
    table::{Direction, Query},
};

/// Multifields, by their `typeId` in `fm`.
const MULTIFIELDS: &[&str] = &["PHONE", "EMAIL", "WEB", "IM"];

/// The contacts of a company.
const CONTACTS: &str = "contactIds";

/// Names under which single values of `fm` stand beside it: the name, its type, and its value type.
const SHORTCUTS: &[(&str, &str, Option<&str>)] = &[
    ("phone", "PHONE", None),
    ("phoneMobile", "PHONE", Some("MOBILE")),
    ("phoneWork", "PHONE", Some("WORK")),
    ("phoneMailing", "PHONE", Some("MAILING")),
    ("email", "EMAIL", None),
    ("emailHome", "EMAIL", Some("HOME")),
    ("emailWork", "EMAIL", Some("WORK")),
    ("emailMailing", "EMAIL", Some("MAILING")),
];

/// How a request wants user fields to be called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum UserFieldNames {
    Original,
    Converted,
}

impl UserFieldNames {
    /// `useOriginalUfNames`
    pub(super) fn of(params: &Params) -> Self {
        match params.text("useOriginalUfNames").as_str() {
            "Y" | "y" | "1" => Self::Original,
            _ => Self::Converted,
        }
    }

    /// What a field is called.
    pub(super) fn of_field(self, field: &Field) -> &str {
        match self {
            Self::Original if field.name.starts_with("UF_") => &field.name,
            _ => &field.item_name,
        }
    }
}

/// The kind of record that a call is about.
pub(super) fn entity(call: &Call<'_>) -> Result<Entity, Refusal> {
    let id = call.params.integer("entityTypeId").ok_or_else(|| {
        Refusal::numbered(100, "Could not find value for parameter {entityTypeId}")
    })?;
    Entity::of_type_id(id).ok_or_else(|| match id {
        5 => Refusal::new(
            StatusCode::BAD_REQUEST,
            "ENTITY_TYPE_NOT_SUPPORTED",
            "Entity type is not supported",
        ),
        _ => Refusal::new(
            StatusCode::BAD_REQUEST,
            "NOT_FOUND",
            "Smart process not found",
        ),
    })
}

/// `crm.item.list`
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entity = entity(call)?;
    let schema = call.state.table(entity).schema();
    let query = Query {
        filter: Filter::parse(schema, Dialect::Universal, call.params.get("filter"))?,
        order: order(schema, call.params.get("order"))?,
    };
    let shown = Shown::of(schema, call.params);
    let start = listing::start(call.params);
    // Pages are small; their records are written while other tables may still be asked.
    let page = call.state.table_mut(entity).page(&query, start);
    let (total, next) = (page.total, page.next);
    let rows: Vec<Row> = page.rows.into_iter().cloned().collect();
    let mut result = String::from("{\"items\":[");
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            result.push(',');
        }
        write(call, entity, row, &shown, &mut result);
    }
    result.push_str("]}");
    Ok(Answer {
        result,
        total: Some(total),
        next,
    })
}

/// `crm.item.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entity = entity(call)?;
    let id = id(call)?;
    item(call, entity, id)
}

/// `crm.item.add`
pub(super) fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entity = entity(call)?;
    let written = written(call, entity)?;
    let id = stored::add(call, entity, &written);
    item(call, entity, id)
}

/// `crm.item.update`
pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entity = entity(call)?;
    let id = id(call)?;
    let written = written(call, entity)?;
    if !stored::update(call, entity, id, &written, stored::Methods::Newer) {
        return Err(not_found());
    }
    item(call, entity, id)
}

/// `crm.item.delete`
pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entity = entity(call)?;
    let id = id(call)?;
    match call.state.table_mut(entity).remove(id) {
        true => Ok(Answer::of("[]")),
        false => Err(not_found()),
    }
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "NOT_FOUND", "Element not found")
}

fn id(call: &Call<'_>) -> Result<u64, Refusal> {
    let id = call
        .params
        .integer("id")
        .ok_or_else(|| Refusal::numbered(100, "Could not find value for parameter {id}"))?;
    u64::try_from(id).map_err(|_negative| not_found())
}

fn item(call: &mut Call<'_>, entity: Entity, id: u64) -> Result<Answer, Refusal> {
    let table = call.state.table(entity);
    let row = table.get(id).ok_or_else(not_found)?.clone();
    let shown = Shown::everything(table.schema(), UserFieldNames::of(call.params));
    let mut result = String::from("{\"item\":");
    write(call, entity, &row, &shown, &mut result);
    result.push('}');
    Ok(Answer::of(result))
}

/// `order`: unknown fields and directions are refused.
fn order(schema: &Schema, value: Option<&Value>) -> Result<Vec<(usize, Direction)>, Refusal> {
    let pairs = value.map(Value::pairs).unwrap_or_default();
    let read = pairs.into_iter().map(|(name, value)| {
        let refuse = |why: String| Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARG_VALUE", why);
        let field = schema.find_item(&name).ok_or_else(|| {
            refuse(format!(
                "Invalid order: field '{name}' is not allowed in order"
            ))
        })?;
        let direction = value.as_text().unwrap_or_default();
        match direction.to_ascii_uppercase().as_str() {
            "ASC" => Ok((field, Direction::Ascending)),
            "DESC" => Ok((field, Direction::Descending)),
            _ => Err(refuse(format!(
                "Invalid order: allowed sort directions are ASC, DESC. But got '{direction}' for field '{name}'"
            ))),
        }
    });
    read.collect()
}

/// What of a record is answered.
struct Shown {
    fields: Vec<ShownField>,
    /// Whether `entityTypeId`, links and multifields come along, as they do without a selection.
    with_more: bool,
}

/// One field of an answer.
struct ShownField {
    number: usize,
    kind: Kind,
    /// `"name":`
    key: String,
}

impl Shown {
    fn of(schema: &Schema, params: &Params) -> Self {
        let names = UserFieldNames::of(params);
        let selected = params.get("select").map(Value::items).unwrap_or_default();
        let selected: Vec<_> = selected.into_iter().filter_map(Value::as_text).collect();
        if selected.is_empty() || selected.iter().any(|name| name == "*") {
            return Self::everything(schema, names);
        }
        let wanted: Vec<usize> = selected
            .iter()
            .filter_map(|name| schema.find_item(name))
            .collect();
        let id = schema.find("ID");
        let is_wanted = |number: usize| Some(number) == id || wanted.contains(&number);
        Self {
            with_more: false,
            ..Self::new(schema, names, is_wanted)
        }
    }

    fn everything(schema: &Schema, names: UserFieldNames) -> Self {
        Self::new(schema, names, |_| true)
    }

    fn new(schema: &Schema, names: UserFieldNames, is_wanted: impl Fn(usize) -> bool) -> Self {
        // Multifields have no name of their own here, and contacts are links from the other side.
        let named = schema
            .iter()
            .filter(|(_, field)| !field.item_name.is_empty() && field.item_name != CONTACTS);
        let wanted = named.filter(|(number, _)| is_wanted(*number));
        let fields = wanted.map(|(number, field)| {
            let mut key = String::new();
            write_text(&mut key, names.of_field(field));
            key.push(':');
            ShownField {
                number,
                kind: field.kind,
                key,
            }
        });
        Self {
            fields: fields.collect(),
            with_more: true,
        }
    }
}

fn write(call: &mut Call<'_>, entity: Entity, row: &Row, shown: &Shown, out: &mut String) {
    let start = out.len() + 1;
    out.push('{');
    for field in &shown.fields {
        if out.len() > start {
            out.push(',');
        }
        out.push_str(&field.key);
        write_value(field.kind, row.raw(field.number), out);
    }
    if shown.with_more {
        for (name, value) in more(call, entity, row) {
            out.push(',');
            write_text(out, name);
            out.push(':');
            out.push_str(&value.to_string());
        }
    }
    out.push('}');
}

/// A stored value as `crm.item.*` writes it.
fn write_value(kind: Kind, raw: &str, out: &mut String) {
    if raw == "null" || raw.starts_with(['[', '{']) {
        out.push_str(raw);
        return;
    }
    let text = compare::unquote(raw);
    match kind {
        Kind::Boolean => match (raw, compare::truth(&text)) {
            ("true", _) | (_, Some(true)) => out.push_str("\"Y\""),
            ("false", _) | (_, Some(false)) => out.push_str("\"N\""),
            _ => out.push_str(raw),
        },
        kind if kind.is_number() => out.push_str(number(&text).unwrap_or(raw)),
        _ => out.push_str(raw),
    }
}

/// Text as a JSON number, without the noughts that money carries at its end.
fn number(text: &str) -> Option<&str> {
    let number = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => text,
    };
    serde_json::from_str::<serde_json::Number>(number).ok()?;
    Some(number)
}

/// What comes along when nothing was selected.
fn more(call: &mut Call<'_>, entity: Entity, row: &Row) -> Vec<(&'static str, Json)> {
    let mut more = vec![("entityTypeId", entity.type_id().into())];
    if entity == Entity::Company {
        let contacts = &mut call.state.contacts;
        let filter = Filter::equals(contacts.schema(), "COMPANY_ID", &row.id.to_string());
        let query = Query {
            filter,
            order: Vec::new(),
        };
        let ids = contacts.all(&query).into_iter().map(|contact| contact.id);
        more.push((CONTACTS, ids.collect()));
    }
    if entity == Entity::Deal {
        return more;
    }
    let schema = call.state.table(entity).schema();
    let multifields = MULTIFIELDS
        .iter()
        .filter_map(|name| schema.find(name))
        .flat_map(|at| {
            let raw = row.raw(at);
            serde_json::from_str::<Vec<Json>>(raw).unwrap_or_default()
        });
    let multifields: Vec<Json> = multifields.collect();
    for (name, type_id, value_type) in SHORTCUTS {
        let found = multifields.iter().find(|row| {
            let is = |key: &str, wanted: &str| row.get(key).is_some_and(|value| value == wanted);
            is("TYPE_ID", type_id) && value_type.is_none_or(|wanted| is("VALUE_TYPE", wanted))
        });
        let value = found.and_then(|row| row.get("VALUE"));
        more.push((name, value.cloned().unwrap_or_else(|| "".into())));
    }
    let rows = multifields.iter().map(|row| {
        let id = row.get("ID").and_then(Json::as_str).unwrap_or_default();
        json!({
            "id": id.parse::<u64>().map_or_else(|_| Json::from(id), Json::from),
            "typeId": row.get("TYPE_ID"),
            "valueType": row.get("VALUE_TYPE"),
            "value": row.get("VALUE"),
        })
    });
    more.push(("fm", rows.collect()));
    more
}

/// The `fields` of a write under their names in the older methods.
fn written(call: &Call<'_>, entity: Entity) -> Result<stored::Written, Refusal> {
    let fields = call.params.get("fields");
    let fields = fields
        .filter(|fields| fields.is_array())
        .ok_or_else(|| Refusal::numbered(100, "Could not find value for parameter {fields}"))?;
    let schema = call.state.table(entity).schema();
    let mut written = Vec::new();
    for (name, value) in fields.pairs() {
        if name == "fm" {
            written.extend(multifields(value));
        } else if let Some(field) = schema.find_item(&name).and_then(|at| schema.field(at)) {
            written.push((field.name.clone(), value.clone()));
        }
    }
    Ok(written)
}

/// Rows of `fm` as writes to the multifields they belong to. They only ever add (documented), so their
/// ids are left out.
fn multifields(fm: &Value) -> stored::Written {
    let rows_of = |type_id: &str| {
        let rows = fm.items().into_iter().filter_map(|row| {
            let is_wanted = row.get("typeId").and_then(Value::as_text)? == type_id;
            let pair = |from: &str, to: &str| Some((to.to_owned(), row.get(from)?.clone()));
            let pairs = [pair("value", "VALUE"), pair("valueType", "VALUE_TYPE")];
            is_wanted.then(|| Value::Map(pairs.into_iter().flatten().collect()))
        });
        Value::List(rows.collect())
    };
    MULTIFIELDS
        .iter()
        .map(|name| ((*name).to_owned(), rows_of(name)))
        .filter(|(_, rows)| !rows.items().is_empty())
        .collect()
}
