//! `crm.stagehistory.list`

use http::StatusCode;

use super::{Call, listing};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    behaviour::UnknownField,
    compare,
    fields::Kind,
    filter::{Dialect, Filter},
    table::Query,
};

/// `crm.stagehistory.list`: moves of leads or deals. Numbers are text or numbers as the portal is set:
/// the documentation shows numbers, a recorded answer of 2023 text.
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let table = match call.params.integer("entityTypeId") {
        Some(1) => &mut call.state.lead_history,
        Some(2) => &mut call.state.deal_history,
        Some(_) => {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "ENTITY_TYPE_NOT_SUPPORTED",
                "Entity type is not supported",
            ));
        }
        None => {
            return Err(Refusal::numbered(
                0,
                "The parameter entityTypeId is required.",
            ));
        }
    };
    let schema = table.schema();
    let dialect = Dialect::Legacy {
        knows_not_like: false,
        unknown: UnknownField::Refused,
    };
    let filter = Filter::parse(schema, dialect, call.params.get("filter"));
    let query = Query {
        filter: filter.map_err(|refusal| {
            Refusal::new(refusal.status, "INVALID_ARG_VALUE", refusal.description)
        })?,
        order: listing::order(schema, call.params.get("order")),
    };
    let selection = listing::selection(schema, call.params.get("select"));
    let schema = schema.clone();
    let with_numbers = call.behaviour.history_has_numbers;
    let page = table.page(&query, listing::start(call.params));
    let rows = listing::rows(&page.rows, |row, out| {
        row.write_with(&schema, &selection, out, |field, raw, out| {
            let text = compare::unquote(raw);
            let as_number = with_numbers && field.kind == Kind::Integer;
            let is_number = as_number && text.parse::<i64>().is_ok();
            out.push_str(if is_number { &text } else { raw });
        });
    });
    Ok(Answer {
        result: format!("{{\"items\":{rows}}}"),
        total: Some(page.total),
        next: page.next,
    })
}
