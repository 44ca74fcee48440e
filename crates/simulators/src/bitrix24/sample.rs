//! Believable data, invented from beginning to end: a portal of a Vietnamese shop platform.

mod companies;
pub(crate) mod directories;
mod generated;
mod people;
mod shared;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub use self::generated::{Ids, company_id, generated};
use super::{
    answer,
    data::{Data, Record, Webhook},
};

/// The secret of the sample's webhook for companies (user 1, scope `crm`).
pub const CUSTOMER_SECRET: &str = "khachhang7sample1";
/// The secret of the sample's webhook for users (user 57, scope `user_basic`).
pub const RESPONSIBLE_SECRET: &str = "phutrach7sample57";
/// The secret of the sample's webhook with every scope (user 1).
pub const ADMIN_SECRET: &str = "quantri7sample99";
/// The secret of a webhook of the sample that expired a day before `now` (user 1, scope `crm`).
pub const EXPIRED_SECRET: &str = "hethan7sample00";

/// The sample as it stands at `now`: shop plans have run out, run out soon, or run on, seen from then.
///
/// Some forty companies with their owners and responsible users (one of them left, one has no e-mail),
/// contacts, leads and deals in two pipelines. Two companies carry one company id, and one company has
/// a value of the wrong type in every field. After them come the shops of
/// [`sample_facts`](crate::sample_facts), which the sample helpdesk knows too.
pub fn sample(now: Timestamp) -> Data {
    let expired_at = now - SignedDuration::from_hours(24);
    let mut data = directories::data();
    data.webhooks = vec![
        Webhook::new(1, CUSTOMER_SECRET, ["crm"]),
        Webhook::new(57, RESPONSIBLE_SECRET, ["user_basic"]),
        Webhook::new(1, ADMIN_SECRET, ["crm", "user", "telephony"]),
        Webhook {
            expires_at: Some(expired_at),
            ..Webhook::new(1, EXPIRED_SECRET, ["crm"])
        },
    ];
    data.users = people::users();
    data.companies = companies::companies(now);
    data.contacts = people::contacts(now);
    data.leads = people::leads(now);
    data.deals = people::deals(now);
    shared::add(&mut data, now);
    data
}

/// A moment so many days from `now`, at this hour of the portal's day.
fn day(now: Timestamp, days: i64, hour: i64) -> String {
    let at = now + SignedDuration::from_hours(days * 24);
    let date = answer::date_text(at);
    let (date, _) = date.split_once('T').unwrap_or((&date, ""));
    format!("{date}T{hour:02}:00:00+03:00")
}

/// An object of `json!` as a record.
fn record(value: Value) -> Record {
    match value {
        Value::Object(record) => record,
        other => Record::from_iter([("TITLE".to_owned(), other)]),
    }
}

/// One row of a multifield.
fn multifield(type_id: &str, id: usize, value_type: &str, value: &str) -> Value {
    json!([{"ID": id.to_string(), "VALUE_TYPE": value_type, "VALUE": value, "TYPE_ID": type_id}])
}

#[cfg(test)]
mod tests;
