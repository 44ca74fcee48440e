//! Enrichment by Haravan org id: finds the company, finds or makes the HD Customer, brings it up to date,
//! links a ticket.

use std::sync::Arc;

use deskbridge_core::{Chain, Language};
use deskbridge_http::{ApiError, Caller, Code};
use deskbridge_identity::{CompanyId, Domain};
use deskbridge_journal::Waited;
use frappe::{Document, Name, Right};
use jiff::SignedDuration;
use serde::Serialize;

use super::{Profiles, body};
use crate::{
    crm::Crm,
    decide::{
        answer::{Status, Trouble, TroubleKind},
        company,
        enrich::{self, Write},
        lookup::{self, COMPANY_ID_FIELD, Inputs, MatchedCompany, ORG_ID_FIELD},
        normalise, sentences,
    },
    gate::{Visit, hub_failed},
    live::Live,
    meta::SiteMeta,
};

/// A question for an enrichment.
#[derive(Clone, Debug, Default)]
pub struct EnrichmentAsked {
    /// The Haravan org id, or a shop's domain.
    pub orgid: Option<String>,
    /// Check even if that was done a short while ago.
    pub force: bool,
    /// The HD Customer, if the caller knows.
    pub hd_customer: Option<String>,
    /// The HD Ticket to be linked.
    pub ticket: Option<String>,
}

/// `data` of the answer.
#[derive(Debug, Default, Serialize)]
struct Enriched {
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hd_customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<LinkedTicket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<EnrichedCompany>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Trouble>,
}

#[derive(Debug, Serialize)]
struct LinkedTicket {
    name: String,
    /// Whether the ticket names the customer now.
    linked: bool,
    previous_customer: Option<String>,
}

#[derive(Debug, Serialize)]
struct EnrichedCompany {
    id: Option<String>,
    title: Option<String>,
    date_modify: Option<String>,
}

impl Profiles {
    /// Enriches, as the body of the answer.
    ///
    /// # Errors
    /// When the caller may not change what would be changed, or the helpdesk cannot be asked.
    pub async fn enrich(
        &self,
        visit: &Visit,
        asked: &EnrichmentAsked,
    ) -> Result<Vec<u8>, ApiError> {
        let agent = self.shared.gate.agent(visit).await?;
        let language = visit.language(&agent);
        let enriched = self.enrich_as_agent(visit, asked, language).await;
        let enriched = enriched.map_err(|error| error.in_language(language))?;
        let status = enriched.status.unwrap_or(Status::Error);
        let said = match (status, &enriched.error) {
            (Status::MissingConfig, Some(_)) => sentences::settings_unread(language),
            _ => sentences::enrichment(status, language),
        };
        body(enriched, status != Status::Error, said)
    }

    async fn enrich_as_agent(
        &self,
        visit: &Visit,
        asked: &EnrichmentAsked,
        language: Language,
    ) -> Result<Enriched, ApiError> {
        let of_status = |status| Enriched {
            status: Some(status),
            ..Enriched::default()
        };
        let Some(orgid) = &asked.orgid else {
            return Ok(of_status(Status::MissingOrgid));
        };
        if CompanyId::parse(orgid).is_none() && Domain::parse(orgid).is_none() {
            return Err(ApiError::new(Code::InvalidParameter, "orgid"));
        }
        let live = self.live();
        if !live.is_read {
            let message = sentences::settings_unread(language).to_owned();
            let kind = TroubleKind::Configuration;
            return Ok(Enriched {
                error: Some(Trouble { kind, message }),
                ..of_status(Status::MissingConfig)
            });
        }
        if !live.settings.enabled {
            return Ok(of_status(Status::Disabled));
        }
        let Some(crm) = live.crm.clone() else {
            return Ok(of_status(Status::MissingConfig));
        };
        let meta = self
            .shared
            .metas
            .site()
            .await
            .map_err(|error| hub_failed(&error))?;
        let ticket = self.ticket_to_link(visit, asked).await?;
        let customer = self
            .known_customer(visit, asked, ticket.as_ref(), orgid)
            .await?;
        if let Some(customer) = &customer
            && !asked.force
            && self.was_checked_lately(customer, &live, &meta)
        {
            let name = customer.to_text("name").unwrap_or_default();
            let ticket = self.link(ticket.as_ref(), &name).await?;
            return Ok(Enriched {
                ticket,
                hd_customer: Some(name),
                ..of_status(Status::Cached)
            });
        }
        match self.company_of(&live, &crm, orgid).await {
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "Bitrix24 could not be asked for an enrichment");
                let kind = TroubleKind::of(&error);
                let message = sentences::trouble(kind, language).to_owned();
                Ok(Enriched {
                    error: Some(Trouble { kind, message }),
                    ..of_status(Status::Error)
                })
            }
            Ok(None) => {
                let knowing = self.knowing(&live, &meta);
                let write = customer
                    .as_ref()
                    .and_then(|customer| enrich::on_nothing(customer, &knowing));
                require_done(&self.carry_out(write.into_iter().collect()).await?)?;
                let hd_customer = customer.and_then(|customer| customer.to_text("name"));
                Ok(Enriched {
                    hd_customer,
                    ..of_status(Status::NotFound)
                })
            }
            Ok(Some(company)) => {
                let subject = Subject {
                    live: &live,
                    meta: &meta,
                    orgid,
                    named: asked.hd_customer.as_deref(),
                };
                let customer = self
                    .customer_of(visit, customer, &company, &subject)
                    .await?;
                self.bring_up_to_date(customer, ticket, &company, &subject)
                    .await
            }
        }
    }

    /// The ticket that is to be linked, which the caller may change.
    async fn ticket_to_link(
        &self,
        visit: &Visit,
        asked: &EnrichmentAsked,
    ) -> Result<Option<Document>, ApiError> {
        let Some(ticket) = &asked.ticket else {
            return Ok(None);
        };
        self.shared
            .gate
            .require(visit, "HD Ticket", ticket, Right::Write)
            .await?;
        let found = self.shared.cases.read("HD Ticket", ticket).await?;
        let missing = || ApiError::new(Code::NotFound, format!("HD Ticket {ticket}"));
        found.map(Some).ok_or_else(missing)
    }

    /// The customer that is named, or the ticket's, or the one with this id, which the caller may change;
    /// where there is none, the caller may make one.
    async fn known_customer(
        &self,
        visit: &Visit,
        asked: &EnrichmentAsked,
        ticket: Option<&Document>,
        orgid: &str,
    ) -> Result<Option<Document>, ApiError> {
        let of_ticket = ticket.and_then(|ticket| ticket.to_text("customer"));
        let name = match asked
            .hd_customer
            .clone()
            .or(of_ticket.filter(|name| !name.is_empty()))
        {
            Some(name) => Some(name),
            None => {
                let found = self.shared.customers.of_orgid(orgid).await;
                found.map_err(|error| hub_failed(&error))?
            }
        };
        match name {
            Some(name) => self
                .customer_to_write(visit, asked.hd_customer.as_deref(), &name)
                .await
                .map(Some),
            None => {
                self.shared
                    .gate
                    .require_create(visit, "HD Customer")
                    .await?;
                Ok(None)
            }
        }
    }

    /// A customer that the caller may change. Where the helpdesk itself calls, it has checked the right to the
    /// customer that it names, and to no other.
    async fn customer_to_write(
        &self,
        visit: &Visit,
        named: Option<&str>,
        name: &str,
    ) -> Result<Document, ApiError> {
        if matches!(visit.caller, Caller::Trusted { .. }) && named != Some(name) {
            return Err(ApiError::new(Code::NoRight, format!("HD Customer {name}")));
        }
        self.shared
            .gate
            .require(visit, "HD Customer", name, Right::Write)
            .await?;
        let found = self.shared.cases.read("HD Customer", name).await?;
        found.ok_or_else(|| ApiError::new(Code::NotFound, format!("HD Customer {name}")))
    }

    fn was_checked_lately(&self, customer: &Document, live: &Live, meta: &SiteMeta) -> bool {
        let checked_at = customer.time("custom_bitrix_last_checked_at");
        let checked_at = checked_at.and_then(|at| at.in_zone(&meta.zone).ok());
        checked_at.is_some_and(|checked_at| {
            let age = self.shared.clock.now().duration_since(checked_at);
            age >= SignedDuration::ZERO && age.unsigned_abs() < live.settings.fresh_for
        })
    }

    /// The company with this id; here the org id goes before the company id.
    async fn company_of(
        &self,
        live: &Live,
        crm: &Crm,
        orgid: &str,
    ) -> Result<Option<MatchedCompany>, bitrix24::Error> {
        let inputs = Inputs {
            values: vec![orgid.to_owned()],
            fields: [ORG_ID_FIELD, COMPANY_ID_FIELD],
            email: None,
            phones: Vec::new(),
            domain: None,
            country: self.shared.local.country,
        };
        let questions = lookup::first_questions(&inputs);
        let (answers, _) = crm.ask(&questions, false, live.settings.timeout).await;
        let picked = lookup::pick(&inputs, &answers);
        picked.failure.map_or(Ok(picked.company), Err)
    }

    /// The customer that is known, or has the company's id, or is made.
    async fn customer_of(
        &self,
        visit: &Visit,
        known: Option<Document>,
        company: &MatchedCompany,
        subject: &Subject<'_>,
    ) -> Result<Document, ApiError> {
        if let Some(known) = known {
            return Ok(known);
        }
        let bitrix_id = company
            .row
            .id("ID")
            .map(|id| id.to_string())
            .unwrap_or_default();
        let found = self.shared.customers.of_bitrix_company(&bitrix_id).await;
        if let Some(name) = found.map_err(|error| hub_failed(&error))? {
            return self.customer_to_write(visit, subject.named, &name).await;
        }
        let knowing = self.knowing(subject.live, subject.meta);
        let write = enrich::ensure_customer(subject.orgid, company, &knowing);
        let made = self.carry_out(vec![write]).await?;
        let name = made.first().and_then(|waited| match waited {
            Waited::Done(result) => result.get("name")?.as_str().map(str::to_owned),
            Waited::Failed(_) | Waited::Open => None,
        });
        let not_made = || {
            let why = format!("the customer was not made: {made:?}");
            ApiError::new(Code::HelpdeskFault, "").because(why)
        };
        let name = name.ok_or_else(not_made)?;
        let document = self.shared.cases.read("HD Customer", &name).await?;
        document.ok_or_else(|| ApiError::new(Code::NotFound, format!("HD Customer {name}")))
    }

    async fn bring_up_to_date(
        &self,
        customer: Document,
        ticket: Option<Document>,
        company: &MatchedCompany,
        subject: &Subject<'_>,
    ) -> Result<Enriched, ApiError> {
        let writes = {
            let knowing = self.knowing(subject.live, subject.meta);
            enrich::on_company(&customer, company, &knowing)
        };
        require_done(&self.carry_out(writes).await?)?;
        let name = customer.to_text("name").unwrap_or_default();
        let ticket = self.link(ticket.as_ref(), &name).await?;
        let row = &company.row;
        Ok(Enriched {
            status: Some(Status::Matched),
            ticket,
            company: Some(EnrichedCompany {
                id: row.id("ID").map(|id| id.to_string()),
                title: normalise::text(row, "TITLE").or_else(|| company::name(row)),
                date_modify: normalise::text(row, "DATE_MODIFY"),
            }),
            matches: Some(company.matches),
            hd_customer: Some(name),
            error: None,
        })
    }

    async fn link(
        &self,
        ticket: Option<&Document>,
        hd_customer: &str,
    ) -> Result<Option<LinkedTicket>, ApiError> {
        let Some(ticket) = ticket else {
            return Ok(None);
        };
        let linked = match enrich::link_ticket(ticket, hd_customer) {
            None => true,
            Some(write) => {
                let waited = self.carry_out(vec![write]).await?;
                matches!(waited.first(), Some(Waited::Done(_)))
            }
        };
        let name = ticket.name().map(Name::into_string).unwrap_or_default();
        self.shared.case_files.remove(&name);
        let previous_customer = ticket.to_text("customer").filter(|name| !name.is_empty());
        Ok(Some(LinkedTicket {
            name,
            linked,
            previous_customer,
        }))
    }

    /// Records writes and waits for them a while; those that are still open then are carried out later.
    async fn carry_out(&self, writes: Vec<Write>) -> Result<Vec<Waited>, ApiError> {
        // Every enrichment may write, however often the same was written before.
        let occasion = self.shared.occasion();
        let deadline = self.shared.local.writes_for;
        let waiting = writes.iter().map(|write| {
            let effect = self.effect(write, &occasion);
            self.shared.journal.record_and_wait(effect, deadline)
        });
        let waited = futures_util::future::try_join_all(waiting).await;
        waited.map_err(|error| ApiError::new(Code::Internal, "").because(Chain(&error).to_string()))
    }
}

/// Makes sure that the helpdesk refused nothing; what is still open will be done.
fn require_done(waited: &[Waited]) -> Result<(), ApiError> {
    let refused = waited.iter().find_map(|waited| match waited {
        Waited::Failed(why) => Some(why),
        Waited::Done(_) | Waited::Open => None,
    });
    match refused {
        Some(why) => Err(ApiError::new(Code::HelpdeskFault, "")
            .because(format!("the customer was not brought up to date: {why}"))),
        None => Ok(()),
    }
}

/// What an enrichment is about.
struct Subject<'a> {
    live: &'a Arc<Live>,
    meta: &'a Arc<SiteMeta>,
    orgid: &'a str,
    /// The HD Customer that the caller named.
    named: Option<&'a str>,
}
