//! Directories: statuses, pipelines, currencies.

use http::StatusCode;
use serde_json::json;

use super::{Call, listing};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    filter::{Dialect, Filter},
    row::Selection,
    table::Query,
};

/// `crm.status.list`: filter and order, neither selection nor pages.
pub(super) fn statuses(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let table = &mut call.state.statuses;
    let dialect = Dialect::Legacy {
        knows_not_like: false,
        unknown: call.behaviour.unknown_filter_field,
    };
    let query = Query {
        filter: Filter::parse(table.schema(), dialect, call.params.get("filter"))?,
        order: listing::order(table.schema(), call.params.get("order")),
    };
    let selection = Selection::everything(table.schema());
    let rows = table.all(&query);
    Ok(Answer {
        result: listing::rows(&rows, |row, out| row.write(&selection, out)),
        total: Some(rows.len() as u64),
        next: None,
    })
}

/// `crm.category.list`: the pipelines of deals.
pub(super) fn categories(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    match call.params.integer("entityTypeId") {
        Some(2) => {
            let categories = &call.state.categories;
            Ok(Answer {
                total: Some(categories.len() as u64),
                ..Answer::json(&json!({"categories": categories}))
            })
        }
        Some(_) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "ENTITY_TYPE_NOT_SUPPORTED",
            "Entity type is not supported",
        )),
        None => Err(Refusal::numbered(
            100,
            "Could not find value for parameter {entityTypeId}",
        )),
    }
}

/// `crm.currency.list`: its `total` is nought whatever it lists.
pub(super) fn currencies(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer {
        total: Some(0),
        ..Answer::json(&json!(call.state.currencies))
    })
}
