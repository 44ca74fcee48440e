//! `crm.stagehistory.list`

use http::StatusCode;

use super::{Call, listing};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    behaviour::UnknownField,
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
    let page = table.page(&query, listing::start(call.params));
    let with_numbers = call.behaviour.history_has_numbers;
    Ok(listing::answer_items(&page, |row, out| {
        if with_numbers {
            row.write_with(&schema, &selection, out, |field, raw, out| {
                let text = crate::bitrix24::compare::unquote(raw);
                match field.kind == Kind::Integer && text.parse::<i64>().is_ok() {
                    true => out.push_str(&text),
                    false => out.push_str(raw),
                }
            });
        } else {
            row.write(&selection, out);
        }
    }))
}
