//! `user.*`

use super::{Call, listing};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    data::Webhook,
    fields::Schema,
    filter::{Dialect, Filter},
    php::Value,
    presets,
    row::Selection,
    table::{Direction, Query},
};

/// What the scope `user_brief` shows (documented: no e-mail among it).
const BRIEF: &[&str] = &[
    "ID",
    "XML_ID",
    "ACTIVE",
    "NAME",
    "LAST_NAME",
    "SECOND_NAME",
    "TITLE",
    "IS_ONLINE",
    "TIME_ZONE",
    "TIMESTAMP_X",
    "DATE_REGISTER",
    "PERSONAL_GENDER",
    "WORK_POSITION",
    "UF_DEPARTMENT",
];

/// `user.get`: always a list. Filters stand in `FILTER` or beside it; an unknown id is an empty list.
/// Inactive users are listed unless the filter says otherwise.
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let schema = call.state.users.schema();
    let filter = match call.params.get("filter") {
        Some(filter) if filter.is_array() => filter.clone(),
        _ => Value::Map(loose_conditions(call, schema)),
    };
    let dialect = Dialect::Legacy {
        knows_not_like: true,
        unknown: call.behaviour.unknown_filter_field,
    };
    let query = Query {
        filter: Filter::parse(schema, dialect, Some(&filter))?,
        order: order(call, schema),
    };
    let shown = shown_fields(call);
    let selected = call.params.get("select").map(Value::items);
    let selected = selected.filter(|names| !names.is_empty());
    let named = shown.into_iter().filter(|at| {
        let field = schema.field(*at).map_or("", |field| field.name.as_str());
        let is = |name: &&Value| {
            name.as_text()
                .is_some_and(|name| name == field || name == "*")
        };
        let chosen = selected.as_ref();
        field == "ID" || chosen.is_none_or(|names| names.iter().any(is))
    });
    let selection = Selection {
        leading: 0,
        named: named.collect(),
    };
    let page = call.state.users.page(&query, listing::start(call.params));
    Ok(listing::answer(&page, &selection))
}

/// `user.current`: the user of the webhook, as an object.
pub(super) fn current(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let row = call.state.users.get(call.caller.user_id);
    let row = row.ok_or_else(presets::not_found)?;
    let selection = Selection {
        leading: 0,
        named: shown_fields(call),
    };
    let mut result = String::new();
    row.write(&selection, &mut result);
    Ok(Answer::of(result))
}

/// Conditions that stand beside `FILTER`, as in `user.get?ID=1`.
fn loose_conditions(call: &Call<'_>, schema: &Schema) -> Vec<(String, Value)> {
    let pairs = call.params.iter().map(|(name, value)| {
        let field = name.trim_start_matches(|sign: char| !sign.is_alphabetic());
        (field.to_uppercase(), name.to_uppercase(), value)
    });
    pairs
        .filter(|(field, ..)| schema.find(field).is_some())
        .map(|(_, name, value)| (name, value.clone()))
        .collect()
}

/// `sort` names a field and `order` a direction; `order` can also be a map, as in other lists.
pub(super) fn order(call: &Call<'_>, schema: &Schema) -> Vec<(usize, Direction)> {
    let order = call.params.get("order");
    if order.is_some_and(Value::is_array) {
        return listing::order(schema, order);
    }
    let field = schema.find(&call.params.text("sort").to_uppercase());
    let direction = match call.params.text("order").eq_ignore_ascii_case("desc") {
        true => Direction::Descending,
        false => Direction::Ascending,
    };
    field.into_iter().map(|field| (field, direction)).collect()
}

/// The fields that the caller's widest scope shows.
fn shown_fields(call: &Call<'_>) -> Vec<usize> {
    let has = |webhook: &Webhook, scope: &str| webhook.scopes.iter().any(|known| known == scope);
    let schema = call.state.users.schema();
    let is_shown = |name: &str| {
        if has(call.caller, "user") {
            true
        } else if has(call.caller, "user_basic") {
            name != "USER_TYPE" || call.behaviour.user_basic_shows_user_type
        } else {
            BRIEF.contains(&name)
        }
    };
    let fields = schema.iter();
    let shown = fields.filter(|(_, field)| is_shown(&field.name));
    shown.map(|(at, _)| at).collect()
}
