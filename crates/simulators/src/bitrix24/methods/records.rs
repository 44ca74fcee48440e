//! `crm.company.*`, `crm.contact.*`, `crm.lead.*` and `crm.deal.*`: list, get, add, update, delete.

use super::{Call, listing, stored};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    entity::Entity,
    filter::{Dialect, Filter},
    presets,
    row::Selection,
    table::Query,
};

/// `crm.*.list`
pub(super) fn list(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let dialect = Dialect::Legacy {
        knows_not_like: entity.list_knows_not_like(),
        unknown: call.behaviour.unknown_filter_field,
    };
    let table = call.state.table_mut(entity);
    let schema = table.schema();
    let query = Query {
        filter: Filter::parse(schema, dialect, call.params.get("filter"))?,
        order: listing::order(schema, call.params.get("order")),
    };
    let selection = listing::selection(schema, call.params.get("select"));
    let page = table.page(&query, listing::start(call.params));
    Ok(listing::answer(&page, &selection))
}

/// `crm.*.get`
pub(super) fn get(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let id = id(call)?;
    let table = call.state.table(entity);
    let row = table.get(id).ok_or_else(presets::not_found)?;
    let mut result = String::new();
    row.write(&Selection::everything(table.schema()), &mut result);
    Ok(Answer::of(result))
}

/// `crm.*.add`
pub(super) fn add(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let fields = stored::fields(call)?;
    let id = stored::add(call, entity, &fields);
    Ok(Answer::of(id.to_string()))
}

/// `crm.*.update`
pub(super) fn update(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let id = id(call)?;
    let fields = stored::fields(call)?;
    if stored::update(call, entity, id, &fields, stored::Methods::Older) {
        Ok(Answer::of("true"))
    } else {
        Err(presets::not_found())
    }
}

/// `crm.*.delete`
pub(super) fn delete(call: &mut Call<'_>, entity: Entity) -> Result<Answer, Refusal> {
    let id = id(call)?;
    if call.state.table_mut(entity).remove(id) {
        Ok(Answer::of("true"))
    } else {
        Err(presets::not_found())
    }
}

/// The record that the call names.
pub(super) fn id(call: &Call<'_>) -> Result<u64, Refusal> {
    call.params
        .integer("id")
        .and_then(|id| u64::try_from(id).ok())
        .filter(|id| *id > 0)
        .ok_or_else(|| Refusal::plain("ID is not defined or invalid."))
}
