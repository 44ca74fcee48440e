//! The answer as it is sent. Company and contact are written once and sent often.

use std::sync::Arc;

use deskbridge_http::ApiError;
use jiff::{Timestamp, civil::Date};
use serde_json::value::RawValue;

use super::{Profiles, body, facts::LookedUp};
use crate::{
    case::{CaseFile, raw},
    decide::{
        answer::{BitrixView, Facts, Origin, ProfileData, Status, Trouble},
        company::{self, Labels, Showing},
        contact,
        history::History,
    },
    live::Live,
    memory::Remembered,
};

/// Company and contact as they are sent, for as long as nothing that shapes them changes.
pub(super) struct Rendered {
    shaped_by: Shape,
    company: Option<Box<RawValue>>,
    contact: Option<Box<RawValue>>,
}

/// What a rendered answer depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    fetched_at: Timestamp,
    generation: u64,
    labels_fetched_at: Option<Timestamp>,
    today: Date,
}

/// What else an answer shows.
#[derive(Clone, Copy)]
pub(super) struct Extras<'a> {
    pub(super) history: Option<&'a History>,
    pub(super) with_raw: bool,
    pub(super) trouble: Option<&'a Trouble>,
}

pub(super) fn envelope(
    case: &CaseFile,
    bitrix: BitrixView<'_>,
    message: &'static str,
) -> Result<Vec<u8>, ApiError> {
    let data = ProfileData {
        ticket: &case.json.ticket,
        customer: &case.json.customer,
        contact: &case.json.contact,
        haravan: &case.json.haravan,
        bitrix,
    };
    body(data, true, message)
}

impl Profiles {
    pub(super) fn bitrix_view<'a>(
        &self,
        live: &Live,
        case: &'a CaseFile,
        found: &'a LookedUp,
        rendered: Option<&'a Rendered>,
        extras: Extras<'a>,
    ) -> BitrixView<'a> {
        let facts: Option<&Remembered<Facts>> = found.facts.as_deref();
        let value = facts.map(|facts| &facts.value);
        let company = value.and_then(|facts| facts.company.as_ref());
        let now = self.shared.clock.now();
        let last_tried = || match found.status {
            Status::Error => case.inputs.values.last().map(String::as_str),
            _ => None,
        };
        BitrixView {
            enabled: live.settings.enabled,
            configured: live.settings.webhook.is_some(),
            status: found.status,
            cached: facts.is_some() && found.origin != Origin::Live,
            lookup_candidates: &case.inputs.values,
            lookup_value: value
                .and_then(|facts| facts.lookup_value.as_deref())
                .or_else(last_tried),
            company: rendered.and_then(|rendered| rendered.company.as_deref()),
            contact: rendered.and_then(|rendered| rendered.contact.as_deref()),
            responsible: value.and_then(|facts| facts.responsible.as_ref()),
            matches: company.map_or(0, |company| company.matches),
            match_key: value.and_then(Facts::match_key),
            confidence: value.and_then(Facts::confidence),
            age_seconds: facts.map(|facts| facts.age_seconds(now)),
            stale: found.origin == Origin::Stale,
            history: extras.history,
            raw: company
                .filter(|_| extras.with_raw)
                .map(|company| &company.row),
            error: extras.trouble,
        }
    }

    /// Company and contact in the form in which they are sent.
    pub(super) async fn render(
        &self,
        live: &Live,
        key: &str,
        facts: &Remembered<Facts>,
    ) -> Result<Arc<Rendered>, ApiError> {
        let labels = if live.settings.enum_fields.is_empty() {
            None
        } else {
            self.shared.facts.labels(&live.host).await
        };
        let zone = self.shared.local.dates_in.as_ref();
        let today_in = zone
            .cloned()
            .unwrap_or_else(|| self.shared.metas.zone_hint());
        let today = today_in.to_datetime(self.shared.clock.now()).date();
        let shape = Shape {
            fetched_at: facts.fetched_at,
            generation: live.generation,
            labels_fetched_at: labels.as_ref().map(|labels| labels.fetched_at),
            today,
        };
        if let Some(rendered) = self.shared.rendered.get(key)
            && rendered.shaped_by == shape
        {
            return Ok(rendered);
        }
        let no_labels = Labels::new();
        let labels = labels.as_ref().map_or(&no_labels, |labels| &labels.value);
        let settings = &live.settings;
        let wanted: Labels = labels
            .iter()
            .filter(|(field, _)| settings.enum_fields.contains(*field))
            .map(|(field, options)| (field.clone(), options.clone()))
            .collect();
        let showing = Showing {
            field_map: &settings.field_map,
            labels: &wanted,
            links: &live.links,
            zone,
            today,
        };
        let company = facts.value.company.as_ref();
        let contact = facts.value.contact.as_ref();
        let rendered = Arc::new(Rendered {
            shaped_by: shape,
            company: company
                .map(|found| raw(&company::view(&found.row, &showing)))
                .transpose()?,
            contact: contact
                .map(|row| raw(&contact::view(row, &live.links)))
                .transpose()?,
        });
        self.shared
            .rendered
            .insert(key.to_owned(), Arc::clone(&rendered));
        Ok(rendered)
    }
}
