//! `crm.company.contact.items.get`

use serde_json::{Value as Json, json};

use super::Call;
use crate::bitrix24::{
    answer::{Answer, Refusal},
    filter::Filter,
    table::Query,
};

/// The contacts of a company: numbers are numbers here, and nothing is counted.
pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = call.params.integer("id").filter(|id| *id > 0);
    let id =
        id.ok_or_else(|| Refusal::plain("The parameter ownerEntityID is invalid or not defined."))?;
    let contacts = &mut call.state.contacts;
    let query = Query {
        filter: Filter::equals(contacts.schema(), "COMPANY_ID", &id.to_string()),
        order: Vec::new(),
    };
    let rows = contacts.all(&query).into_iter().enumerate();
    let items: Vec<Json> = rows
        .map(|(at, row)| {
            json!({
                "CONTACT_ID": row.id,
                "SORT": (at + 1) * 10,
                "ROLE_ID": 0,
                "IS_PRIMARY": if at == 0 { "Y" } else { "N" },
            })
        })
        .collect();
    Ok(Answer::json(&items.into()))
}
