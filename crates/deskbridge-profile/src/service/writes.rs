//! What the helpdesk is told after an answer: planned from values, recorded in the journal, carried out later.

use std::sync::Arc;

use deskbridge_core::{Chain, NewEffect};
use frappe::Document;

use super::{Profiles, facts::LookedUp};
use crate::{
    case::CaseFile,
    decide::{
        answer::{Facts, Origin},
        contact,
        enrich::{self, Knowing, Write},
    },
    live::Live,
    meta::SiteMeta,
};

impl Profiles {
    /// Records, in the background, what follows from an answer.
    ///
    /// A live answer brings customer, contact and ticket up to date; one out of the cache only the ticket,
    /// because the others were written when it was fetched.
    pub(super) fn write_back(&self, live: &Arc<Live>, case: &Arc<CaseFile>, found: &LookedUp) {
        let Some(facts) = &found.facts else { return };
        let origin = found.origin;
        if origin == Origin::Stale
            || (origin == Origin::Cache && !wants_responsible(case, &facts.value))
        {
            return;
        }
        let ticket = case.ticket.as_ref().and_then(Document::name);
        let ticket = ticket.as_ref().map_or("", |name| name.as_str());
        let planned = format!(
            "{}/{ticket}/{}",
            found.key,
            facts.fetched_at.as_microsecond()
        );
        if self.shared.planned.get(&planned).is_some() {
            return;
        }
        self.shared.planned.insert(planned, ());
        let (profiles, live) = (self.clone(), Arc::clone(live));
        let (case, facts) = (Arc::clone(case), Arc::clone(facts));
        self.shared.tasks.spawn("write-backs", async move {
            let meta = match profiles.shared.metas.site().await {
                Ok(meta) => meta,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "What follows for the helpdesk is not known; the next answer tries again");
                    return;
                }
            };
            let writes = profiles.plan(&live, &case, &facts.value, &meta, origin);
            let occasion = facts.fetched_at.as_microsecond().to_string();
            profiles.record(&writes, &occasion).await;
        });
    }

    fn plan(
        &self,
        live: &Live,
        case: &CaseFile,
        facts: &Facts,
        meta: &SiteMeta,
        origin: Origin,
    ) -> Vec<Write> {
        let knowing = self.knowing(live, meta);
        let mut writes = Vec::new();
        if let (Some(ticket), Some(responsible)) = (&case.ticket, &facts.responsible) {
            writes.extend(enrich::on_responsible(ticket, responsible, &knowing));
        }
        if origin != Origin::Live {
            return writes;
        }
        if let Some(customer) = &case.customer {
            match &facts.company {
                Some(company) => writes.extend(enrich::on_company(customer, company, &knowing)),
                None => writes.extend(enrich::on_nothing(customer, &knowing)),
            }
        }
        if let (Some(document), Some(row)) = (&case.contact, &facts.contact) {
            let view = contact::view(row, &live.links);
            let customer = case.customer.as_ref().and_then(Document::name);
            let customer = customer.as_ref().map(|name| name.as_str());
            writes.extend(enrich::on_contact(document, customer, row, &view, &knowing));
        }
        writes
    }

    pub(super) fn knowing<'a>(&self, live: &'a Live, meta: &'a SiteMeta) -> Knowing<'a> {
        Knowing {
            now: self.shared.clock.now(),
            site: &meta.zone,
            links: &live.links,
            customer_fields: &meta.customer,
            contact_fields: &meta.contact,
            ticket_fields: &meta.ticket,
            has_snapshots: meta.has_snapshots,
        }
    }

    async fn record(&self, writes: &[Write], occasion: &str) {
        let effects = writes
            .iter()
            .map(|write| self.effect(write, occasion))
            .collect();
        if let Err(error) = self.shared.journal.record(effects).await {
            tracing::error!(error = %Chain(&error), "What follows for the helpdesk was not recorded");
        }
    }

    pub(super) fn effect(&self, write: &Write, occasion: &str) -> NewEffect {
        write.effect(&self.shared.local.site, occasion)
    }
}

/// Whether a ticket shows another responsible user than the CRM.
fn wants_responsible(case: &CaseFile, facts: &Facts) -> bool {
    let email = facts
        .responsible
        .as_ref()
        .and_then(|user| user.assignable_email());
    match (&case.ticket, email) {
        (Some(ticket), Some(email)) => ticket.trimmed("custom_responsible") != Some(email),
        _ => false,
    }
}
