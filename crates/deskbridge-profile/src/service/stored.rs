//! The profile as the helpdesk itself stores it, without asking Bitrix24.

use deskbridge_http::ApiError;
use frappe::{Document, Right};
use serde_json::{Value, json};

use super::{Profiles, envelope};
use crate::{
    case::{CaseFile, raw},
    decide::{
        answer::{BitrixView, Status},
        sentences,
    },
    gate::Visit,
};

impl Profiles {
    /// What HD Customer and Contact store about a ticket's customer.
    ///
    /// # Errors
    /// When the caller may not see it, or the helpdesk cannot be asked.
    pub async fn stored(&self, visit: &Visit, ticket: &str) -> Result<Vec<u8>, ApiError> {
        let agent = self.shared.gate.agent(visit).await?;
        let language = visit.language(&agent);
        let told = |error: ApiError| error.in_language(language);
        self.shared
            .gate
            .require(visit, "HD Ticket", ticket, Right::Read)
            .await
            .map_err(told)?;
        let case = self.case_of_ticket(ticket, false).await.map_err(told)?;
        let (company, contact) = (company(&case), contact(&case));
        let company = company.map(|company| raw(&company)).transpose()?;
        let contact = contact.map(|contact| raw(&contact)).transpose()?;
        let status = match (&company, case.customer.as_ref()) {
            (None, Some(customer)) if customer.trimmed("custom_bitrix_not_found_at").is_some() => {
                Status::NotFound
            }
            (None, _) => Status::Local,
            (Some(_), _) => Status::Matched,
        };
        let live = self.live();
        let view = BitrixView {
            enabled: live.settings.enabled,
            configured: live.settings.webhook.is_some(),
            status,
            cached: true,
            lookup_candidates: &case.inputs.values,
            lookup_value: None,
            company: company.as_deref(),
            contact: contact.as_deref(),
            responsible: None,
            matches: 0,
            match_key: None,
            confidence: None,
            age_seconds: None,
            stale: false,
            history: None,
            raw: None,
            error: None,
        };
        envelope(&case, view, sentences::profile(status, false, language))
    }
}

/// The company as far as HD Customer stores it, under the keys of the default field map.
fn company(case: &CaseFile) -> Option<Value> {
    let customer = case.customer.as_ref()?;
    let id = text(customer, "custom_bitrix_company_id")?;
    Some(json!({
        "bitrix_id": id,
        "company_id": text(customer, "custom_haravan_company_id"),
        "company_name": text(customer, "customer_name"),
        "customer_segment": text(customer, "custom_customer_segment"),
        "first_shopplan_date": text(customer, "custom_first_paid_date"),
        "current_shopplan": text(customer, "custom_shopplan_name"),
        "shopplan_expiry": text(customer, "custom_expired_date"),
        "current_hsi_segment": text(customer, "custom_hsi_segment"),
        "url": text(customer, "custom_bitrix_company_url"),
    }))
}

fn contact(case: &CaseFile) -> Option<Value> {
    let contact = case.contact.as_ref()?;
    let id = text(contact, "custom_bitrix_contact_id")?;
    Some(json!({
        "contact_id": id,
        "title": text(contact, "full_name").or_else(|| text(contact, "name")),
        "name": text(contact, "full_name"),
        "email": text(contact, "email_id"),
        "phone": text(contact, "mobile_no").or_else(|| text(contact, "phone")),
        "url": text(contact, "custom_bitrix_contact_url"),
    }))
}

fn text(document: &Document, field: &str) -> Option<String> {
    document
        .to_text(field)
        .filter(|text| !text.trim().is_empty() && text != "0")
}
