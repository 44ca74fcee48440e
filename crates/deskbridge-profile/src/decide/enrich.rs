//! What the helpdesk is told about what the CRM knows: which writes follow from an answer.

mod belonging;
mod fields;
#[cfg(test)]
mod tests;

use bitrix24::Row;
use deskbridge_core::{IdempotencyKey, NewEffect, OrderingKey, Urgency};
use deskbridge_identity::CompanyId;
use frappe::{Document, SiteTime};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use belonging::{is_nothing_of_customer, is_of_customer};
pub use fields::{FieldKind, FieldTypes};

use super::{
    company,
    contact::ContactView,
    links::{Card, Links},
    lookup::{Confidence, MatchKey, MatchedCompany},
    normalise,
    responsible::Responsible,
};

/// One intended change in the helpdesk; what an effect carries.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "write", rename_all = "snake_case")]
pub enum Write {
    /// Sets fields of a document.
    UpdateDocument {
        /// Its DocType.
        doctype: String,
        /// Its name.
        name: String,
        /// The fields with their values.
        fields: Map<String, Value>,
    },
    /// Makes or renews the copy of a CRM record in `HD Customer Data`.
    SaveSnapshot(Box<Snapshot>),
    /// Makes an `HD Customer` unless there is one of this id.
    EnsureCustomer {
        /// The Haravan org id, or the shop's domain.
        orgid: String,
        /// Bitrix24's own id of the company.
        bitrix_company_id: Option<String>,
        /// The fields of a new one.
        fields: Map<String, Value>,
    },
}

/// A row of `HD Customer Data`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Snapshot {
    /// The HD Customer.
    pub hd_customer: String,
    /// The Contact, for the copy of a contact.
    pub contact: Option<String>,
    /// `company` or `contact`.
    pub entity_type: String,
    /// Bitrix24's own id.
    pub external_id: String,
    /// The card.
    pub external_url: Option<String>,
    /// By what it was found.
    pub match_key: MatchKey,
    /// How sure it is.
    pub confidence: Confidence,
    /// In the site's time.
    pub last_synced_at: String,
    /// The record as Bitrix24 sent it, keys sorted.
    pub summary_json: String,
}

impl Write {
    /// The kind of effect that carries this out.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UpdateDocument { .. } => "frappe.update_document",
            Self::SaveSnapshot(_) => "frappe.save_snapshot",
            Self::EnsureCustomer { .. } => "frappe.ensure_customer",
        }
    }

    /// All kinds.
    pub const KINDS: [&'static str; 3] = [
        "frappe.update_document",
        "frappe.save_snapshot",
        "frappe.ensure_customer",
    ];

    /// What the write changes; writes to one target keep their order.
    fn target(&self) -> String {
        match self {
            Self::UpdateDocument { doctype, name, .. } => format!("{doctype}/{name}"),
            Self::SaveSnapshot(snapshot) => format!(
                "HD Customer Data/{}/{}/{}",
                snapshot.hd_customer, snapshot.entity_type, snapshot.external_id
            ),
            // One company may be asked for by either of its ids.
            Self::EnsureCustomer {
                bitrix_company_id: Some(id),
                ..
            } => format!("HD Customer by company/{id}"),
            Self::EnsureCustomer { orgid, .. } => format!("HD Customer by orgid/{orgid}"),
        }
    }

    /// The effect. `occasion` names what gave rise to the write: the same occasion writes once.
    pub fn effect(&self, site: &str, occasion: &str) -> NewEffect {
        let target = format!("{site}/{}", self.target());
        NewEffect {
            urgency: Urgency::Usual,
            kind: self.kind().to_owned(),
            idempotency_key: IdempotencyKey::new(format!("{}/{target}/{occasion}", self.kind())),
            ordering_key: OrderingKey::new(target),
            // A tagged enum of plain values always has a JSON form.
            payload: serde_json::to_value(self).unwrap_or_default(),
        }
    }
}

/// What the planner knows besides the answer.
#[derive(Clone, Copy, Debug)]
pub struct Knowing<'a> {
    /// The time now.
    pub now: Timestamp,
    /// The helpdesk's zone.
    pub site: &'a TimeZone,
    /// Where cards are.
    pub links: &'a Links,
    /// The fields of `HD Customer`.
    pub customer_fields: &'a FieldTypes,
    /// The fields of `Contact`.
    pub contact_fields: &'a FieldTypes,
    /// The fields of `HD Ticket`.
    pub ticket_fields: &'a FieldTypes,
    /// Whether the site has the DocType `HD Customer Data`.
    pub has_snapshots: bool,
}

impl Knowing<'_> {
    fn site_now(&self) -> String {
        SiteTime::new(self.now, self.site).to_string()
    }

    fn site_time(&self, row: &Row, field: &str) -> Option<SiteTime> {
        let instant = row.datetime(field)?.timestamp_in(self.site)?;
        Some(SiteTime::new(instant, self.site))
    }
}

/// Writes for an HD Customer whose company was found.
///
/// A company that has not changed since it was last written leaves only the time of the check; so does one
/// whose every value stands there already.
pub fn on_company(
    customer: &Document,
    found: &MatchedCompany,
    knowing: &Knowing<'_>,
) -> Vec<Write> {
    let Some(name) = customer.name() else {
        return Vec::new();
    };
    let row = &found.row;
    let Some(id) = row.id("ID") else {
        return Vec::new();
    };
    let types = knowing.customer_fields;
    let modified_at = knowing.site_time(row, "DATE_MODIFY");
    let same_company =
        customer.to_text("custom_bitrix_company_id").as_deref() == Some(&*id.to_string());
    let known_modified_at = customer.time("custom_bitrix_company_modified_at");
    let business = business_values(found, knowing);
    let unchanged = match (known_modified_at, modified_at) {
        // An older one comes out of the cache after a newer one was written.
        (Some(known), Some(modified)) => same_company && known >= modified,
        // Without a time to compare, the values themselves tell.
        _ => {
            same_company
                && business
                    .iter()
                    .all(|(field, value)| stands(customer, field, value))
        }
    };
    let checked = (
        "custom_bitrix_last_checked_at",
        FieldValue::Time(knowing.now),
    );
    let mut writes = Vec::new();
    let values: Vec<(&str, FieldValue)> = if unchanged {
        vec![checked]
    } else {
        let times = [
            Some(checked),
            Some((
                "custom_bitrix_last_synced_at",
                FieldValue::Time(knowing.now),
            )),
            modified_at.map(|at| {
                (
                    "custom_bitrix_company_modified_at",
                    FieldValue::SiteTime(at),
                )
            }),
        ];
        business
            .into_iter()
            .chain(times.into_iter().flatten())
            .collect()
    };
    writes.extend(update(
        "HD Customer",
        name.as_str(),
        values,
        types,
        knowing.site,
    ));
    if !unchanged && knowing.has_snapshots {
        writes.push(Write::SaveSnapshot(Box::new(Snapshot {
            hd_customer: name.as_str().to_owned(),
            contact: None,
            entity_type: "company".to_owned(),
            external_id: id.to_string(),
            external_url: knowing.links.card(Card::Company, Some(id)),
            match_key: found.match_key.clone(),
            confidence: found.confidence,
            last_synced_at: knowing.site_now(),
            summary_json: summary(row),
        })));
    }
    writes
}

/// Writes for an HD Customer of whom the CRM knows nothing.
pub fn on_nothing(customer: &Document, knowing: &Knowing<'_>) -> Option<Write> {
    let values = vec![
        (
            "custom_bitrix_last_checked_at",
            FieldValue::Time(knowing.now),
        ),
        ("custom_bitrix_not_found_at", FieldValue::Time(knowing.now)),
    ];
    update(
        "HD Customer",
        customer.name()?.as_str(),
        values,
        knowing.customer_fields,
        knowing.site,
    )
}

/// Writes for a Contact whose CRM contact was found.
pub fn on_contact(
    contact: &Document,
    hd_customer: Option<&str>,
    found: &Row,
    view: &ContactView,
    knowing: &Knowing<'_>,
) -> Vec<Write> {
    let (Some(name), Some(id)) = (contact.name(), view.contact_id.as_deref()) else {
        return Vec::new();
    };
    let is_same = contact.to_text("custom_bitrix_contact_id").as_deref() == Some(id);
    let synced_at = contact.time("custom_bitrix_last_synced_at");
    let modified_at = knowing.site_time(found, "DATE_MODIFY");
    let is_older = synced_at
        .zip(modified_at)
        .is_some_and(|(synced, modified)| modified <= synced);
    if is_same && is_older {
        return Vec::new();
    }
    let mut values = vec![
        ("custom_bitrix_contact_id", FieldValue::Text(id.to_owned())),
        (
            "custom_bitrix_last_synced_at",
            FieldValue::Time(knowing.now),
        ),
    ];
    values.extend(
        view.url
            .clone()
            .map(|url| ("custom_bitrix_contact_url", FieldValue::Text(url))),
    );
    let types = knowing.contact_fields;
    let update = update("Contact", name.as_str(), values, types, knowing.site);
    let mut writes: Vec<Write> = update.into_iter().collect();
    if let Some(hd_customer) = hd_customer.filter(|_| knowing.has_snapshots) {
        writes.push(Write::SaveSnapshot(Box::new(Snapshot {
            hd_customer: hd_customer.to_owned(),
            contact: Some(name.as_str().to_owned()),
            entity_type: "contact".to_owned(),
            external_id: id.to_owned(),
            external_url: view.url.clone(),
            match_key: MatchKey::contact(),
            confidence: Confidence::CONTACT_RECORD,
            last_synced_at: knowing.site_now(),
            summary_json: summary(found),
        })));
    }
    writes
}

/// The write that puts the responsible user into a ticket, unless the user is there already.
pub fn on_responsible(
    ticket: &Document,
    responsible: &Responsible,
    knowing: &Knowing<'_>,
) -> Option<Write> {
    let email = responsible.assignable_email()?;
    if ticket.trimmed("custom_responsible") == Some(email) {
        return None;
    }
    let values = vec![("custom_responsible", FieldValue::Text(email.to_owned()))];
    update(
        "HD Ticket",
        ticket.name()?.as_str(),
        values,
        knowing.ticket_fields,
        knowing.site,
    )
}

/// The write that links a ticket to its customer, unless it is linked already.
pub fn link_ticket(ticket: &Document, hd_customer: &str) -> Option<Write> {
    if ticket.to_text("customer").as_deref() == Some(hd_customer) {
        return None;
    }
    let mut fields = Map::new();
    fields.insert("customer".to_owned(), hd_customer.into());
    let name = ticket.name()?.as_str().to_owned();
    Some(Write::UpdateDocument {
        doctype: "HD Ticket".to_owned(),
        name,
        fields,
    })
}

/// The write that makes a customer for a company that has none.
pub fn ensure_customer(orgid: &str, found: &MatchedCompany, knowing: &Knowing<'_>) -> Write {
    let title = normalise::text(&found.row, "TITLE").or_else(|| company::name(&found.row));
    let domain = shop_domain(orgid);
    let types = knowing.customer_fields;
    let bitrix_company_id = found.row.id("ID").map(|id| id.to_string());
    let mut values = vec![
        ("custom_haravan_orgid", FieldValue::Number(orgid.to_owned())),
        ("custom_myharavan", FieldValue::Text(domain.clone())),
    ];
    // By it whoever asks next for the same company, by its other id, finds this customer.
    let by_company = bitrix_company_id.clone().map(FieldValue::Text);
    values.extend(by_company.map(|id| ("custom_bitrix_company_id", id)));
    let mut fields = fields::encode(values, types, knowing.site);
    if !fields.contains_key("custom_haravan_orgid") && CompanyId::parse(orgid).is_some() {
        // An id beyond 32 bits has no room in a number field.
        let id = FieldValue::Text(orgid.to_owned());
        let beside = fields::encode(vec![("custom_haravan_company_id", id)], types, knowing.site);
        fields.extend(beside);
    }
    fields.insert(
        "customer_name".to_owned(),
        customer_name(title.as_deref(), orgid).into(),
    );
    fields.insert("domain".to_owned(), domain.into());
    Write::EnsureCustomer {
        orgid: orgid.to_owned(),
        bitrix_company_id,
        fields,
    }
}

/// The domain of a shop: the one that was given in place of an id, else the one that every shop has.
pub fn shop_domain(orgid: &str) -> String {
    if orgid.contains('.') {
        orgid.to_owned()
    } else {
        format!("{orgid}.myharavan.com")
    }
}

/// Title and id, the id once, within the 140 characters that a name may have, without the characters that
/// no name may have.
fn customer_name(title: Option<&str>, orgid: &str) -> String {
    const CHARACTERS_MAX: usize = 140;
    let allowed = |text: &str| text.replace(['<', '>'], " ");
    let title = allowed(title.unwrap_or_default());
    let bare = title.trim().strip_suffix(orgid).unwrap_or(title.trim());
    let bare = bare.trim_end().trim_end_matches('-').trim_end();
    if bare.is_empty() {
        return orgid.to_owned();
    }
    let suffix = format!(" - {orgid}");
    let room = CHARACTERS_MAX.saturating_sub(suffix.chars().count());
    let bare: String = bare.chars().take(room).collect();
    format!("{}{suffix}", bare.trim_end())
}

/// A value on its way into a field; its form depends on the field's type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FieldValue {
    Text(String),
    /// Digits.
    Number(String),
    /// An instant.
    Time(Timestamp),
    /// A time of the site's clock.
    SiteTime(SiteTime),
    /// A day, with the text that is shown for it.
    Day(jiff::civil::Date, String),
}

/// The company's values for the fields that the customer has. What the CRM does not know is left out.
///
/// Not among them are the ids by which a customer is found: whoever enters those decides who the customer is,
/// and a write of ours would change the very question whose answer it is.
fn business_values(
    found: &MatchedCompany,
    knowing: &Knowing<'_>,
) -> Vec<(&'static str, FieldValue)> {
    let row = &found.row;
    let text = |field| normalise::text(row, field).map(FieldValue::Text);
    let day = |field| {
        let date = normalise::date(&normalise::text(row, field)?, None)?;
        Some(FieldValue::Day(date.day, date.shown))
    };
    let id = row.id("ID");
    let segment = company::segment_of(row).map(FieldValue::Text);
    let url = knowing.links.card(Card::Company, id).map(FieldValue::Text);
    let confidence = FieldValue::Number(found.confidence.0.to_string());
    let values = [
        (
            "custom_bitrix_company_id",
            id.map(|id| FieldValue::Text(id.to_string())),
        ),
        ("custom_bitrix_company_url", url),
        ("custom_bitrix_match_confidence", Some(confidence)),
        (
            "custom_bitrix_sync_status",
            Some(FieldValue::Text("matched".to_owned())),
        ),
        ("custom_customer_segment", segment),
        ("custom_first_paid_date", day("UF_CRM_FIRST_PAID_DATE")),
        ("custom_shopplan_name", text("UF_CRM_CURRENT_SHOPPLAN")),
        ("custom_expired_date", day("UF_CRM_DATE_EXPIRED_SHOPPLAN")),
        ("custom_hsi_segment", text("UF_CRM_CURRENT_HSI_SEGMENT")),
        (
            "custom_haravan_hsi_segment",
            text("UF_CRM_CURRENT_HSI_SEGMENT"),
        ),
    ];
    let exists = |field| knowing.customer_fields.kind(field).is_some();
    let values = values.into_iter().filter(|(field, _)| exists(field));
    values
        .filter_map(|(field, value)| Some((field, value?)))
        .collect()
}

/// Whether a field holds a value already, however it is written.
fn stands(customer: &Document, field: &str, value: &FieldValue) -> bool {
    let Some(standing) = customer.to_text(field) else {
        return false;
    };
    match value {
        FieldValue::Text(text) => standing == *text,
        FieldValue::Number(digits) => normalise::decimal(&standing) == normalise::decimal(digits),
        FieldValue::Day(day, shown) => {
            standing == *shown
                || customer
                    .time(field)
                    .is_some_and(|at| at.civil().date() == *day)
        }
        FieldValue::SiteTime(at) => customer.time(field) == Some(*at),
        FieldValue::Time(_) => false,
    }
}

/// The update of a document, of the fields that its DocType has; `None` when it has none of them.
fn update(
    doctype: &str,
    name: &str,
    values: Vec<(&str, FieldValue)>,
    types: &FieldTypes,
    site: &TimeZone,
) -> Option<Write> {
    let fields = fields::encode(values, types, site);
    (!fields.is_empty()).then(|| Write::UpdateDocument {
        doctype: doctype.to_owned(),
        name: name.to_owned(),
        fields,
    })
}

/// The record as text, its keys sorted.
fn summary(row: &Row) -> String {
    // A record that was read from JSON can be written as JSON.
    serde_json::to_string(row).unwrap_or_default()
}
