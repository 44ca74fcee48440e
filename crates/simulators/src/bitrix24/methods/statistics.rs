//! `voximplant.*`: what of it works for an external telephone system.

use http::StatusCode;

use super::{Call, listing, users};
use crate::bitrix24::{
    answer::{Answer, Refusal},
    behaviour::Confirmation,
    filter::{Dialect, Filter},
    row::Selection,
    table::Query,
};

/// `voximplant.statistic.get`: finished calls. There is no selection.
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let schema = call.state.statistics.schema();
    let dialect = Dialect::Statistics {
        unknown: call.behaviour.unknown_filter_field,
    };
    let query = Query {
        filter: Filter::parse(schema, dialect, call.params.get("filter"))?,
        order: users::order(call, schema),
    };
    let selection = Selection::everything(schema);
    let start = listing::start(call.params);
    let page = call.state.statistics.page(&query, start);
    Ok(listing::answer(&page, &selection))
}

/// `voximplant.user.get`: an administrator must confirm it for each token.
pub(super) fn user_get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    match call.behaviour.confirmation {
        Confirmation::Waiting => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "METHOD_CONFIRM_WAITING",
            "Waiting for confirmation",
        )),
        Confirmation::Denied => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "METHOD_CONFIRM_DENIED",
            "Method call denied",
        )),
        Confirmation::Given => users::get(call),
    }
}
