//! `crm.timeline.comment.*`

use super::{Call, listing};
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    data::Record,
    entity::Entity,
    filter::{Dialect, Filter},
    php::Value,
    table::Query,
};

/// `crm.timeline.comment.add`: the parameter must be spelled `fields` in lower case.
pub(super) fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let fields = call.params.get_exact("fields");
    let text = |name: &str| {
        let value = fields.and_then(|fields| fields.get(name)?.as_text());
        value.unwrap_or_default().into_owned()
    };
    let (owner, kind, comment) = (text("ENTITY_ID"), text("ENTITY_TYPE"), text("COMMENT"));
    if comment.is_empty() {
        return Err(Refusal::plain("Empty comment message"));
    }
    let id = owner.parse::<u64>();
    let entity = Entity::ALL
        .into_iter()
        .find(|entity| entity.name().eq_ignore_ascii_case(&kind));
    let exists = match (id, entity) {
        (Ok(id), Some(entity)) => call.state.table(entity).get(id).is_some(),
        _ => false,
    };
    if !exists {
        return Err(Refusal::plain("Element not found"));
    }
    let mut record = Record::new();
    for (name, value) in [
        ("ENTITY_ID", owner),
        ("ENTITY_TYPE", kind.to_ascii_lowercase()),
        ("CREATED", answer::date_text(call.now)),
        ("COMMENT", comment),
        ("AUTHOR_ID", call.caller.user_id.to_string()),
    ] {
        record.insert(name.to_owned(), value.into());
    }
    let comments = &mut call.state.comments;
    let id = comments.next_id();
    comments.put(id, &record);
    Ok(Answer::of(id.to_string()))
}

/// `crm.timeline.comment.list`: the filter must name a record.
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let filter = call.params.get("filter");
    let names = |name: &str| {
        let pairs = filter.map(Value::pairs).unwrap_or_default();
        let mut keys = pairs.into_iter().map(|(key, _)| key);
        keys.any(|key| key.trim_start_matches('=') == name)
    };
    for name in ["ENTITY_ID", "ENTITY_TYPE"] {
        if !names(name) {
            return Err(Refusal::plain(format!(
                "Required field '{name}' is missing in filter"
            )));
        }
    }
    let dialect = Dialect::Legacy {
        knows_not_like: false,
        unknown: call.behaviour.unknown_filter_field,
    };
    let table = &mut call.state.comments;
    let query = Query {
        filter: Filter::parse(table.schema(), dialect, filter)?,
        order: listing::order(table.schema(), call.params.get("order")),
    };
    let selection = listing::selection(table.schema(), call.params.get("select"));
    let page = table.page(&query, listing::start(call.params));
    Ok(listing::answer(&page, &selection))
}
