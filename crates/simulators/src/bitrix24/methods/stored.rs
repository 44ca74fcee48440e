//! Writing records: what a value becomes when it is stored, and what the portal fills in itself.

use serde_json::{Map, Value as Json};

use super::Call;
use crate::bitrix24::{
    answer::{self, Refusal},
    compare,
    data::Record,
    entity::Entity,
    fields::{Access, Field, Kind, Schema},
    php::Value,
    stages::{self, Move},
};

/// The values of a write, under their names in the older methods.
pub(super) type Written = Vec<(String, Value)>;

/// The pipeline of a deal.
const PIPELINE: &str = "CATEGORY_ID";

/// The `fields` of a call.
pub(super) fn fields(call: &Call<'_>) -> Result<Written, Refusal> {
    let fields = call.params.get("fields");
    let array = fields.filter(|fields| fields.is_array());
    let array = array.ok_or_else(|| Refusal::plain("Parameter 'fields' must be array."))?;
    let pairs = array.pairs().into_iter();
    Ok(pairs
        .map(|(name, value)| (name.into_owned(), value.clone()))
        .collect())
}

/// Stores a new record and answers its id.
pub(super) fn add(call: &mut Call<'_>, entity: Entity, written: &Written) -> u64 {
    let now = answer::date_text(call.now);
    let caller = call.caller.user_id.to_string();
    let table = call.state.table(entity);
    let id = table.next_id();
    let mut record = defaults(entity, id);
    for name in [
        "ASSIGNED_BY_ID",
        "CREATED_BY_ID",
        "MODIFY_BY_ID",
        "LAST_ACTIVITY_BY",
    ] {
        record.insert(name.to_owned(), caller.as_str().into());
    }
    for name in ["DATE_CREATE", "DATE_MODIFY", "LAST_ACTIVITY_TIME"] {
        record.insert(name.to_owned(), now.as_str().into());
    }
    apply(call, entity, &mut record, written, Access::Immutable);
    put(call, entity, id, None, record);
    id
}

/// Which methods change a record: only the newer ones move a deal to another pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Methods {
    Older,
    Newer,
}

/// Changes a record; whether there was one.
pub(super) fn update(
    call: &mut Call<'_>,
    entity: Entity,
    id: u64,
    written: &Written,
    methods: Methods,
) -> bool {
    let Some(row) = call.state.table(entity).get(id) else {
        return false;
    };
    let mut record = row.values();
    let before = record.clone();
    apply(call, entity, &mut record, written, Access::Write);
    let pipeline = written.iter().find(|(name, _)| name == PIPELINE);
    if let Some((_, pipeline)) = pipeline
        && methods == Methods::Newer
        && let Some(pipeline) = pipeline.as_text()
        && record.get(PIPELINE).and_then(Json::as_str) != Some(&*pipeline)
    {
        record.insert(PIPELINE.to_owned(), pipeline.into());
        // Without a stage of the new pipeline it gets the first one.
        if !written.iter().any(|(name, _)| name == "STAGE_ID") {
            record.remove("STAGE_ID");
        }
    }
    let caller = call.caller.user_id.to_string();
    record.insert("MODIFY_BY_ID".to_owned(), caller.into());
    let now = answer::date_text(call.now);
    record.insert("DATE_MODIFY".to_owned(), now.into());
    put(call, entity, id, Some(&before), record);
    true
}

fn put(call: &mut Call<'_>, entity: Entity, id: u64, before: Option<&Record>, mut record: Record) {
    let moved = Move {
        user_id: call.caller.user_id,
        at: &answer::date_text(call.now),
    };
    stages::enter(call.state, entity, id, before, &mut record, &moved);
    for (flag, field) in [("HAS_PHONE", "PHONE"), ("HAS_EMAIL", "EMAIL")] {
        let has = record.get(field).and_then(Json::as_array);
        let has = has.is_some_and(|rows| !rows.is_empty());
        record.insert(flag.to_owned(), if has { "Y" } else { "N" }.into());
    }
    call.state.table_mut(entity).put(id, &record);
}

/// What a new record holds before its values are written into it.
fn defaults(entity: Entity, id: u64) -> Record {
    let mut record = Map::new();
    let title = entity.default_title(id);
    record.insert(entity.title_field().to_owned(), title.into());
    record.insert("OPENED".to_owned(), "N".into());
    let more: &[(&str, &str)] = match entity {
        Entity::Company => &[("IS_MY_COMPANY", "N"), ("HAS_IMOL", "N")],
        Entity::Contact => &[("EXPORT", "Y"), ("HAS_IMOL", "N")],
        Entity::Lead => &[
            ("STATUS_ID", "NEW"),
            ("OPPORTUNITY", "0.00"),
            ("IS_MANUAL_OPPORTUNITY", "N"),
            ("HAS_IMOL", "N"),
        ],
        Entity::Deal => &[
            ("CATEGORY_ID", "0"),
            ("OPPORTUNITY", "0.00"),
            ("IS_MANUAL_OPPORTUNITY", "N"),
            ("CLOSED", "N"),
        ],
    };
    for (name, value) in more {
        record.insert((*name).to_owned(), (*value).into());
    }
    record
}

/// Writes values into a record. Unknown and protected fields are left alone without a word.
fn apply(
    call: &mut Call<'_>,
    entity: Entity,
    record: &mut Record,
    written: &Written,
    up_to: Access,
) {
    for (name, value) in written {
        let field = writable(call.state.table(entity).schema(), name, up_to).cloned();
        let Some(field) = field else {
            continue;
        };
        let json = if field.kind == Kind::Multifield {
            let stored = record.get(name).and_then(Json::as_array).cloned();
            let next_id = &mut call.state.next_multifield_id;
            multifield(name, stored.unwrap_or_default(), value, next_id)
        } else {
            stored_value(&field, value)
        };
        record.insert(name.clone(), json);
    }
}

fn writable<'a>(schema: &'a Schema, name: &str, up_to: Access) -> Option<&'a Field> {
    let field = schema.field(schema.find(name)?)?;
    let may = match field.access {
        Access::Write => true,
        Access::Immutable => up_to == Access::Immutable,
        Access::ReadOnly => false,
    };
    may.then_some(field)
}

/// What a value becomes when it is stored in this field.
pub(super) fn stored_value(field: &Field, value: &Value) -> Json {
    if field.is_multiple {
        let items = value.items().into_iter();
        return items.map(|item| stored_scalar(field, item)).collect();
    }
    match field.kind {
        Kind::Opaque | Kind::File => value.to_json(),
        _ => match value {
            Value::List(_) | Value::Map(_) => {
                let items = value.items();
                let first = items.first();
                first.map_or(Json::Null, |item| stored_scalar(field, item))
            }
            scalar => stored_scalar(field, scalar),
        },
    }
}

fn stored_scalar(field: &Field, value: &Value) -> Json {
    let text = value.as_text().unwrap_or_default();
    if text.is_empty() && field.kind != Kind::Boolean && field.kind != Kind::Flag {
        return match (field.kind, value) {
            (Kind::Text, Value::Text(_)) => "".into(),
            _ => Json::Null,
        };
    }
    match field.kind {
        Kind::Flag => {
            let is_set = matches!(&*text, "1" | "Y" | "y" | "true");
            if is_set { "Y" } else { "N" }.into()
        }
        Kind::Boolean => (compare::truth(&text) == Some(true)).into(),
        Kind::Double if field.user_field_id.is_none() => two_places(&text).into(),
        Kind::DateTime => date_text(&text, false),
        Kind::Date => date_text(&text, true),
        _ => text.into_owned().into(),
    }
}

/// A moment as the portal writes it; what cannot be read becomes empty text.
fn date_text(text: &str, is_day: bool) -> Json {
    let Some(at) = compare::moment(text) else {
        return "".into();
    };
    let mut text = answer::date_text(at);
    if is_day && let Some(at) = text.find('T') {
        text.replace_range(at.., "T00:00:00+03:00");
    }
    text.into()
}

/// An amount with two places, as the older methods write money: `15000.00`.
fn two_places(text: &str) -> String {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole.trim_start_matches('-')) || !is_plain(part) {
        return text.to_owned();
    }
    format!("{whole}.{part:0<2}")
}

/// Rows of a multifield after a write: a row with an `ID` changes that one, or removes it when its value
/// is empty; a row without adds one, even if there is one like it.
fn multifield(name: &str, mut rows: Vec<Json>, value: &Value, next_id: &mut u64) -> Json {
    let has_rows = value.items().iter().any(|item| item.is_array());
    let written = if has_rows { value.items() } else { vec![value] };
    for row in written {
        let get = |key: &str| row.get(key).and_then(Value::as_text);
        let new_value = if row.is_array() {
            get("VALUE")
        } else {
            row.as_text()
        };
        let value_type = get("VALUE_TYPE");
        let id = get("ID").filter(|id| !id.is_empty());
        let known = id.and_then(|id| {
            rows.iter()
                .position(|row| row.get("ID").and_then(Json::as_str) == Some(&*id))
        });
        let is_removed =
            get("DELETE").is_some_and(|delete| delete == "Y") || new_value.as_deref() == Some("");
        match known {
            Some(at) if is_removed => {
                rows.remove(at);
            }
            Some(at) => {
                let row = rows.get_mut(at).and_then(Json::as_object_mut);
                if let Some(row) = row {
                    let changes = [("VALUE", new_value), ("VALUE_TYPE", value_type)];
                    for (key, text) in changes {
                        row.extend(text.map(|text| (key.to_owned(), text.into_owned().into())));
                    }
                }
            }
            None if is_removed => {}
            None => {
                let Some(new_value) = new_value else {
                    continue;
                };
                rows.push(serde_json::json!({
                    "ID": next_id.to_string(),
                    "VALUE_TYPE": value_type.as_deref().unwrap_or("WORK"),
                    "VALUE": new_value,
                    "TYPE_ID": name,
                }));
                *next_id += 1;
            }
        }
    }
    Json::Array(rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: Kind, value: Json, expected: &Json) {
        let field = Field {
            user_field_id: None,
            ..Field::of_user("X", kind, false, None)
        };
        let value: Value = serde_json::from_value(value).unwrap();
        assert_eq!(
            &stored_value(&field, &value),
            expected,
            "{kind:?} {value:?}"
        );
    }

    #[test]
    fn values_are_stored_as_the_older_methods_answer_them() {
        check(Kind::Text, json!("a"), &json!("a"));
        check(Kind::Text, json!(12), &json!("12"));
        check(Kind::Text, json!(""), &json!(""));
        check(Kind::Text, json!(null), &json!(null));
        check(Kind::Text, json!(["a", "b"]), &json!("a"));
        check(Kind::Integer, json!(12), &json!("12"));
        check(Kind::Integer, json!(""), &json!(null));
        check(Kind::Double, json!(15000), &json!("15000.00"));
        check(Kind::Double, json!("0.5"), &json!("0.50"));
        check(Kind::Double, json!("1.234"), &json!("1.234"));
        check(Kind::Double, json!("lots"), &json!("lots"));
        check(Kind::Flag, json!(true), &json!("Y"));
        check(Kind::Flag, json!("y"), &json!("Y"));
        check(Kind::Flag, json!(""), &json!("N"));
        check(Kind::Boolean, json!("1"), &json!(true));
        check(Kind::Boolean, json!("True"), &json!(false));
        check(
            Kind::DateTime,
            json!("2026-11-20T10:00:00+07:00"),
            &json!("2026-11-20T06:00:00+03:00"),
        );
        check(
            Kind::Date,
            json!("2026-11-20"),
            &json!("2026-11-20T00:00:00+03:00"),
        );
        check(Kind::Date, json!("soon"), &json!(""));
    }

    #[test]
    fn a_row_without_an_id_is_added_and_one_with_an_id_is_changed() {
        let mut next_id = 8;
        let mut write = |stored: &Json, written: Json| {
            let rows = stored.as_array().cloned().unwrap();
            let written: Value = serde_json::from_value(written).unwrap();
            multifield("PHONE", rows, &written, &mut next_id)
        };
        let row = |id: &str, value: &str, kind: &str| json!({"ID": id, "VALUE": value, "VALUE_TYPE": kind, "TYPE_ID": "PHONE"});
        let stored = json!([row("7", "+84900000001", "WORK")]);
        assert_eq!(
            write(
                &stored,
                json!([{"VALUE": "+84900000001", "VALUE_TYPE": "MOBILE"}])
            ),
            json!([
                row("7", "+84900000001", "WORK"),
                row("8", "+84900000001", "MOBILE")
            ]),
        );
        assert_eq!(
            write(&stored, json!([{"ID": "7", "VALUE": "+84900000002"}])),
            json!([row("7", "+84900000002", "WORK")]),
        );
        assert_eq!(write(&stored, json!([{"ID": "7", "VALUE": ""}])), json!([]));
        assert_eq!(write(&stored, json!([{"ID": 7, "DELETE": "Y"}])), json!([]));
    }
}
