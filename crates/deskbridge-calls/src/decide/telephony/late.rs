//! What was never planned of a call that is over, and would be by today's settings.

use jiff::Timestamp;

use super::{Circumstances, Plan, Planned, plan};
use crate::{
    call::Call,
    decide::{users::People, write::Write},
    settings::Settings,
};

/// What a call that is over lacks in the CRM because it was never planned: all of it where the CRM was never told,
/// else the recordings that no attachment was planned for. `None` where nothing is lacking.
///
/// Tasks, tickets and fields of calls that the CRM was told of are left as they were planned then: whoever changes a
/// setting does not mean yesterday's calls.
pub fn plan_late(
    call: &Call,
    planned: &Planned,
    circumstances: &Circumstances,
    settings: &Settings,
    people: &People,
    now: Timestamp,
) -> Option<Plan> {
    let is_over = call.ended.is_some() && !people.is_empty();
    if !is_over || circumstances.is_refused {
        return None;
    }
    let mut late = plan(call, planned, circumstances, settings, people, now);
    if planned.main.is_none() {
        return late.planned.main.is_some().then_some(late);
    }
    late.writes.retain(|intended| match &intended.write {
        Write::Attach(attach) => !planned.attached.contains_key(&attach.call.key),
        _ => false,
    });
    let mut after = planned.clone();
    for intended in &late.writes {
        after.keys.insert(intended.key.clone());
        if let Write::Attach(attach) = &intended.write {
            let (key, files) = (attach.call.key.clone(), attach.files.clone());
            after.attached.insert(key, files);
        }
    }
    late.planned = after;
    (!late.writes.is_empty()).then_some(late)
}
