//! What the helpdesk knows about a ticket: the ticket, its customer, its contact and the accounts linked to
//! it. Read with the hub's own key, after the caller's right is proven.

mod kept;

use std::sync::Arc;

use deskbridge_hooks::Hooks;
use deskbridge_http::{ApiError, Code};
use deskbridge_identity::{
    Country, Domain, Email,
    candidates::{self, Candidate, Known},
};
use frappe::{Cause, Document, Filter, List, Name, Order};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    decide::{
        answer::{CustomerView, HelpdeskContact, TicketView},
        lookup::{COMPANY_ID_FIELD, Inputs, ORG_ID_FIELD},
    },
    gate::hub_failed,
    hooks,
};

/// Rows of `Haravan Account Link` that are shown.
const LINKS_MAX: u32 = 20;
/// The fields of `Haravan Account Link` that are shown.
const LINK_FIELDS: [&str; 6] = [
    "user",
    "email",
    "haravan_userid",
    "haravan_orgid",
    "haravan_orgname",
    "last_login",
];

/// What the helpdesk knows.
#[derive(Debug)]
pub(crate) struct CaseFile {
    /// The ticket, unless the question was about a customer.
    pub ticket: Option<Document>,
    /// The HD Customer.
    pub customer: Option<Document>,
    /// The Contact.
    pub contact: Option<Document>,
    /// Under what the customer may be found in the CRM.
    pub inputs: Inputs,
    /// The four parts of the answer that come from here, ready to be sent.
    pub json: CaseJson,
}

/// Parts of the answer as JSON.
#[derive(Debug)]
pub(crate) struct CaseJson {
    /// `data.ticket`.
    pub ticket: Box<RawValue>,
    /// `data.customer`.
    pub customer: Box<RawValue>,
    /// `data.contact`.
    pub contact: Box<RawValue>,
    /// `data.haravan`.
    pub haravan: Box<RawValue>,
}

/// Reads case files.
#[derive(Clone, Debug)]
pub(crate) struct Cases {
    hub: frappe::Client,
    country: Country,
    hooks: Arc<Hooks>,
}

impl Cases {
    /// Reads with the hub's own user; a phone number without a country code belongs to `country`.
    pub(crate) fn new(hub: frappe::Client, country: Country, hooks: Arc<Hooks>) -> Self {
        Self {
            hub,
            country,
            hooks,
        }
    }

    /// The file of a ticket.
    ///
    /// # Errors
    /// When the ticket is gone, or the helpdesk cannot be asked.
    pub(crate) async fn of_ticket(&self, ticket: &str) -> Result<CaseFile, ApiError> {
        let ticket = self
            .read("HD Ticket", ticket)
            .await?
            .ok_or_else(|| ApiError::new(Code::NotFound, format!("HD Ticket {ticket}")))?;
        let customer = ticket.to_text("customer").filter(|name| !name.is_empty());
        let contact = ticket.to_text("contact").filter(|name| !name.is_empty());
        let raised_by = ticket.trimmed("raised_by").and_then(Email::parse);
        let (customer, contact) = tokio::try_join!(
            self.read_optional("HD Customer", customer),
            self.contact(contact, raised_by.as_ref()),
        )?;
        self.file(Some(ticket), customer, contact).await
    }

    /// The file of a customer, with a contact if one is named.
    ///
    /// # Errors
    /// When either is gone, or the helpdesk cannot be asked.
    pub(crate) async fn of_customer(
        &self,
        customer: &str,
        contact: Option<&str>,
    ) -> Result<CaseFile, ApiError> {
        let contact_name = contact.map(str::to_owned);
        let (found, contact) = tokio::try_join!(
            self.read("HD Customer", customer),
            self.read_optional("Contact", contact_name),
        )?;
        let found = found
            .ok_or_else(|| ApiError::new(Code::NotFound, format!("HD Customer {customer}")))?;
        self.file(None, Some(found), contact).await
    }

    /// The contact that is named, else the one with the address from which the ticket came.
    async fn contact(
        &self,
        name: Option<String>,
        raised_by: Option<&Email>,
    ) -> Result<Option<Document>, ApiError> {
        if name.is_some() {
            return self.read_optional("Contact", name).await;
        }
        let Some(raised_by) = raised_by else {
            return Ok(None);
        };
        let by_email = List::new()
            .fields(["name"])
            .filter(Filter::eq("email_id", raised_by.as_str()))
            .order_by("creation", Order::Ascending)
            .limit(1);
        let found = self
            .hub
            .list("Contact", &by_email)
            .await
            .map_err(|error| hub_failed(&error))?;
        let name = found
            .first()
            .and_then(Document::name)
            .map(Name::into_string);
        self.read_optional("Contact", name).await
    }

    async fn read_optional(
        &self,
        doctype: &str,
        name: Option<String>,
    ) -> Result<Option<Document>, ApiError> {
        match name {
            Some(name) => self.read(doctype, &name).await,
            None => Ok(None),
        }
    }

    /// What is used of a document; `None` when it is gone.
    pub(crate) async fn read(
        &self,
        doctype: &str,
        name: &str,
    ) -> Result<Option<Document>, ApiError> {
        match self.hub.get(doctype, &Name::new(name)).await {
            Ok(document) => Ok(Some(kept::what_is_used(document))),
            Err(frappe::Error {
                cause: Cause::Missing { .. },
                ..
            }) => Ok(None),
            Err(error) => Err(hub_failed(&error)),
        }
    }

    /// The accounts linked to a customer; none where the site does not keep them.
    async fn account_links(&self, customer: &Name) -> Result<Vec<Document>, ApiError> {
        let links = List::new()
            .fields(LINK_FIELDS)
            .filter(Filter::eq("hd_customer", customer.as_str()))
            .order_by("creation", Order::Ascending)
            .limit(LINKS_MAX);
        match self.hub.list("Haravan Account Link", &links).await {
            Ok(rows) => Ok(rows),
            Err(error) => match error.cause {
                Cause::MissingDocType
                | Cause::Missing { .. }
                | Cause::NoRight { .. }
                | Cause::Validation { .. } => Ok(Vec::new()),
                _ => Err(hub_failed(&error)),
            },
        }
    }

    async fn file(
        &self,
        ticket: Option<Document>,
        customer: Option<Document>,
        contact: Option<Document>,
    ) -> Result<CaseFile, ApiError> {
        let links = match customer.as_ref().and_then(Document::name) {
            Some(name) => self.account_links(&name).await?,
            None => Vec::new(),
        };
        let empty = || Value::Object(serde_json::Map::new());
        let json = CaseJson {
            ticket: match &ticket {
                Some(ticket) => raw(&TicketView::of(ticket))?,
                None => raw(&empty())?,
            },
            customer: raw(&customer.as_ref().map(CustomerView::of))?,
            contact: raw(&contact.as_ref().map(HelpdeskContact::of))?,
            haravan: raw(&links.iter().map(account_link).collect::<Vec<_>>())?,
        };
        let mut inputs = inputs(
            ticket.as_ref(),
            customer.as_ref(),
            contact.as_ref(),
            self.country,
        );
        hooks::choose_candidates(&self.hooks, &json, &mut inputs).await;
        Ok(CaseFile {
            ticket,
            customer,
            contact,
            inputs,
            json,
        })
    }
}

/// The fields of an account link that are shown; absent ones are null.
fn account_link(row: &Document) -> Value {
    let value = |field: &&str| {
        (
            (*field).to_owned(),
            row.get(field).cloned().unwrap_or_default(),
        )
    };
    Value::Object(LINK_FIELDS.iter().map(value).collect())
}

pub(crate) fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, ApiError> {
    serde_json::value::to_raw_value(value)
        .map_err(|error| ApiError::new(Code::Internal, "").because(error.to_string()))
}

/// Under what a customer may be found in the CRM, by what the helpdesk knows.
fn inputs(
    ticket: Option<&Document>,
    customer: Option<&Document>,
    contact: Option<&Document>,
    country: Country,
) -> Inputs {
    let of = |document: Option<&Document>, field| {
        document
            .and_then(|document| document.to_text(field))
            .unwrap_or_default()
    };
    let known = [
        of(ticket, "custom_haravan_profile_orgid"),
        of(ticket, "custom_orgid"),
        of(ticket, "custom_org_id"),
        of(customer, "custom_haravan_company_id"),
        of(customer, "custom_haravan_orgid"),
        of(customer, "name"),
    ];
    let [
        profile_orgid,
        orgid,
        org_id,
        company_id,
        customer_orgid,
        name,
    ] = &known;
    let candidates: Vec<Candidate> = candidates::candidates(&Known {
        ticket_profile_orgid: profile_orgid,
        ticket_orgid: orgid,
        ticket_org_id: org_id,
        customer_company_id: company_id,
        customer_orgid,
        customer_name: name,
    });
    let email =
        Email::parse(&of(contact, "email_id")).or_else(|| Email::parse(&of(ticket, "raised_by")));
    let mut phones: Vec<String> = Vec::new();
    for field in ["mobile_no", "phone"] {
        let phone = of(contact, field).trim().to_owned();
        if !phone.is_empty() && !phones.contains(&phone) {
            phones.push(phone);
        }
    }
    Inputs {
        values: candidates
            .into_iter()
            .map(|candidate| candidate.id.to_string())
            .collect(),
        fields: [COMPANY_ID_FIELD, ORG_ID_FIELD],
        email,
        phones,
        domain: Domain::parse(&of(customer, "domain")),
        country,
    }
}
