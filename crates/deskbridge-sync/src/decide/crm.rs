//! Leads and deals: what those of the CRM are to hold.
//!
//! What is written along with one (its `activity`) is not carried as a comment of its own; an expression may put it
//! into a field.

use caresoft::{
    Id,
    object::case::{Deal, Lead},
};
use serde_json::Value;

use super::{
    case::{CaseFacts, PlannedCase},
    draft::{Draft, Unreadable, changed, line, overlaid},
    person::{self, UserFacts},
    record::Record,
    registers::Registers,
    version::Version,
    write::{CaseKind, Fields, Person, SaveCase, Write},
};
use crate::settings::Expressions;

/// Characters in a title at most.
const TITLE_MAX: usize = 255;

pub(super) fn plan_lead(
    draft: &mut Draft<'_>,
    lead: Lead<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let zone = draft.account.zone;
    plan_case(draft, lead.id(), |facts| facts.fold_lead(lead, at, &zone))
}

pub(super) fn plan_deal(
    draft: &mut Draft<'_>,
    deal: Deal<'_>,
    at: Version,
) -> Result<(), Unreadable> {
    let zone = draft.account.zone;
    plan_case(draft, deal.id(), |facts| facts.fold_deal(deal, at, &zone))
}

fn plan_case(
    draft: &mut Draft<'_>,
    id: Id,
    fold: impl FnOnce(&mut CaseFacts),
) -> Result<(), Unreadable> {
    let record = Record::Case(id);
    let before: CaseFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    fold(&mut facts);
    let mut person = None;
    if let Some(requester) = facts.crm_requester() {
        let user = Record::User(requester);
        let known: UserFacts = draft.held.facts(&user)?;
        person = known.person();
        let mut referred = known.clone();
        if referred.refer(id) {
            draft.link(&user, &record);
        }
        draft.keep(user, &known, &referred)?;
    }
    save(draft, id, &mut facts, person);
    draft.keep(record, &before, &facts)
}

/// Plans what follows for a lead or deal when its customer becomes known, or known by other numbers.
pub(super) fn plan_requester(
    draft: &mut Draft<'_>,
    id: Id,
    user: Id,
    person: Option<Person>,
) -> Result<(), Unreadable> {
    let record = Record::Case(id);
    let before: CaseFacts = draft.held.facts(&record)?;
    let mut facts = before.clone();
    // It may be somebody else's by now.
    if facts.crm_requester() == Some(user) {
        save(draft, id, &mut facts, person);
    }
    draft.keep(record, &before, &facts)
}

/// Plans what brings lead and deal to what is known now.
fn save(draft: &mut Draft<'_>, id: Id, facts: &mut CaseFacts, requester: Option<Person>) {
    if draft.account.crm.is_none() {
        return;
    }
    if let Some(said) = &facts.lead {
        let fields = lead_fields(draft, said, facts.deal.is_some());
        let planned = facts.planned.lead.take();
        let wanted = PlannedCase {
            fields,
            was_lead: false,
            requester: requester.clone(),
        };
        facts.planned.lead = Some(save_one(draft, id, CaseKind::Lead, planned, wanted));
    }
    if let Some(said) = &facts.deal {
        let wanted = PlannedCase {
            fields: deal_fields(draft, said),
            was_lead: facts.was_lead(),
            requester,
        };
        let planned = facts.planned.deal.take();
        facts.planned.deal = Some(save_one(draft, id, CaseKind::Deal, planned, wanted));
    }
}

/// Plans one of them; what is planned by now.
fn save_one(
    draft: &mut Draft<'_>,
    id: Id,
    kind: CaseKind,
    planned: Option<PlannedCase>,
    wanted: PlannedCase,
) -> PlannedCase {
    let record = Record::Case(id);
    let is_new = planned.is_none();
    let planned = planned.unwrap_or_default();
    let write = SaveCase {
        key: draft.key(&record),
        kind,
        changed: changed(&planned.fields, &wanted.fields),
        all: wanted.fields.clone(),
        was_lead: wanted.was_lead,
        requester: wanted.requester.clone(),
    };
    let next = PlannedCase {
        fields: overlaid(&planned.fields, &wanted.fields),
        was_lead: wanted.was_lead,
        requester: wanted.requester.or_else(|| planned.requester.clone()),
    };
    if is_new || next != planned {
        draft.save(&record, &Write::SaveCase(write));
    }
    next
}

fn lead_fields(draft: &mut Draft<'_>, said: &Registers, is_converted: bool) -> Fields {
    let mapping = &draft.account.mapping.lead;
    let status = draft.row(
        "lead.statuses",
        &mapping.statuses,
        said.text("lead_status_id"),
    );
    let converted = mapping.converted_status.clone().filter(|_| is_converted);
    let source = draft.row("lead.sources", &mapping.sources, said.text("source"));
    let mut fields = common_fields(draft, said, "lead", &mapping.fields);
    set(&mut fields, "STATUS_ID", converted.or(status));
    set(&mut fields, "SOURCE_ID", source);
    fields
}

fn deal_fields(draft: &mut Draft<'_>, said: &Registers) -> Fields {
    let account = draft.account;
    let mapping = &account.mapping.deal;
    let pipeline = draft.row(
        "deal.pipelines",
        &mapping.pipelines,
        said.text("pipeline_id"),
    );
    let stage = draft.row(
        "deal.stages",
        &mapping.stages,
        said.text("pipeline_stage_id"),
    );
    let source = draft.row("deal.sources", &mapping.sources, said.text("source"));
    let value = said.text("value").map(str::to_owned);
    let closed_at = said.time("estimated_closed_date", &account.zone);
    let day = closed_at.map(|at| account.zone.offset.to_datetime(at).date().to_string());
    let mut fields = common_fields(draft, said, "deal", &mapping.fields);
    set(&mut fields, "CATEGORY_ID", pipeline);
    set(&mut fields, "STAGE_ID", stage);
    set(&mut fields, "SOURCE_ID", source);
    set(
        &mut fields,
        "CURRENCY_ID",
        mapping.currency.clone().filter(|_| value.is_some()),
    );
    set(&mut fields, "OPPORTUNITY", value);
    set(
        &mut fields,
        "PROBABILITY",
        said.text("probability").map(str::to_owned),
    );
    set(&mut fields, "CLOSEDATE", day);
    fields
}

/// What leads and deals have in common. What an expression says goes before a table.
fn common_fields(
    draft: &mut Draft<'_>,
    said: &Registers,
    object: &'static str,
    expressions: &Expressions,
) -> Fields {
    let title = said.text("name").map(|name| line(name, TITLE_MAX));
    let responsible = person::id(said.text("assignee_id"))
        .and_then(|id| draft.agent(id, "crm_user", |agent| agent.crm_user));
    let record = said.record(draft.account.mapping.blank_changes);
    let mut fields = Fields::new();
    draft.add(&mut fields, object, expressions.evaluate(&record));
    set(&mut fields, "TITLE", title);
    set(
        &mut fields,
        "ASSIGNED_BY_ID",
        responsible.map(|user| user.to_string()),
    );
    fields
}

fn set(fields: &mut Fields, name: &str, value: Option<String>) {
    if let Some(value) = value
        && !fields.contains_key(name)
    {
        fields.insert(name.to_owned(), Value::from(value));
    }
}
