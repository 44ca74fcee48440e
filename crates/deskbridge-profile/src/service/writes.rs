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
    memory::Remembered,
    meta::SiteMeta,
};

impl Profiles {
    /// Records, in the background, what follows from an answer.
    ///
    /// The same writes follow from an answer whenever it is shown, so that what could not be recorded the
    /// first time is made up for; the journal knows those that it has. An old answer brings nothing.
    pub(super) fn write_back(&self, live: &Arc<Live>, case: &Arc<CaseFile>, found: &LookedUp) {
        let Some(facts) = &found.facts else { return };
        if found.origin == Origin::Stale {
            return;
        }
        let fetched_at = facts.fetched_at;
        let occasion = fetched_at.as_microsecond().to_string();
        let name = |document: &Option<Document>| {
            document
                .as_ref()
                .and_then(|document| document.to_text("name"))
        };
        let planned = format!(
            "{}/{occasion}/{:?}/{:?}/{:?}",
            found.key,
            name(&case.ticket),
            name(&case.customer),
            name(&case.contact)
        );
        if self.shared.planned.get(&planned).is_some() {
            return;
        }
        self.shared.planned.insert(planned.clone(), ());
        let (profiles, live) = (self.clone(), Arc::clone(live));
        let (case, facts) = (Arc::clone(case), Arc::clone(facts));
        self.shared.tasks.spawn("write-backs", async move {
            if let Err(error) = profiles.plan_and_record(&live, &case, &facts, &occasion).await {
                profiles.shared.planned.remove(&planned);
                tracing::warn!(%error, "What follows for the helpdesk was not recorded; the next answer tries again");
            }
        });
    }

    async fn plan_and_record(
        &self,
        live: &Live,
        case: &CaseFile,
        facts: &Remembered<Facts>,
        occasion: &str,
    ) -> Result<(), String> {
        let meta = self.shared.metas.site().await;
        let meta = meta.map_err(|error| Chain(&error).to_string())?;
        let writes = self.plan(live, case, facts, &meta);
        let effects = writes
            .iter()
            .map(|write| self.effect(write, occasion))
            .collect();
        let recorded = self.shared.journal.record(effects).await;
        recorded
            .map(drop)
            .map_err(|error| Chain(&error).to_string())
    }

    fn plan(
        &self,
        live: &Live,
        case: &CaseFile,
        facts: &Remembered<Facts>,
        meta: &SiteMeta,
    ) -> Vec<Write> {
        let knowing = Knowing {
            now: facts.fetched_at,
            ..self.knowing(live, meta)
        };
        let facts = &facts.value;
        let mut writes = Vec::new();
        if let (Some(ticket), Some(responsible)) = (&case.ticket, &facts.responsible) {
            writes.extend(enrich::on_responsible(ticket, responsible, &knowing));
        }
        match (&case.customer, &facts.company) {
            (Some(customer), Some(company)) if enrich::is_of_customer(customer, company) => {
                writes.extend(enrich::on_company(customer, company, &knowing));
            }
            (Some(customer), None)
                if enrich::is_nothing_of_customer(customer, &case.inputs.values) =>
            {
                writes.extend(enrich::on_nothing(customer, &knowing));
            }
            _ => {}
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

    pub(super) fn effect(&self, write: &Write, occasion: &str) -> NewEffect {
        write.effect(&self.shared.local.site, occasion)
    }
}
