//! The telephony planner: what CRM and helpdesk are to hold of a call, and what is still to be written.
//!
//! What they are to hold follows from what is known of the call; [`Planned`] says what was planned before. The
//! difference is the plan, in the order register, show and hide, finish, attach, activity, entity, task, helpdesk.
//! So a call may be planned at any moment of its life, any number of times, and comes to the same.
//!
//! Invariants: a call is registered once, and finished once if it was registered; a call that was answered once is
//! answered; a missed call has one finish and one task; nothing is registered for nobody.

mod cards;
mod closing;
mod draft;
mod ending;
mod follow_up;
mod late;
mod live;
mod note;
mod planned;
mod registration;
mod seen;
mod told;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{draft::Draft, seen::Seen};
pub use self::{late::plan_late, note::Note, planned::Planned, told::Told};
use super::{
    hooks::learned::Learned,
    originate::Order,
    users::{People, UserId},
    write::{CallKey, Finish, Intended, Registered, Write},
};
use crate::{
    call::{Call, CallResult, Direction, Ended, Linkedid, MissedReason},
    settings::Settings,
};

/// What is known around a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The order of the CRM's that the call was begun by: that of [`Call::originated`].
    pub order: Option<Order>,
    /// Who is responsible for the client in the CRM, where that was found out.
    pub client_responsible: Option<UserId>,
    /// Earlier missed calls of the same client that have an open task.
    pub open_tasks: Vec<CallKey>,
    /// What hooks said of the call.
    pub learned: Learned,
    /// The portal refuses telephony: the registration of this call was refused, or would be.
    pub is_refused: bool,
}

/// What is to be done about a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What is to be written, in its order.
    pub writes: Vec<Intended>,
    /// What is planned of the call now.
    pub planned: Planned,
    /// Why something is not sent.
    pub notes: Vec<Note>,
    /// When it has to be planned again, if nothing happens to the call before.
    pub again_at: Option<Timestamp>,
}

/// What is still to be written of a call.
///
/// The same call, planned again with what this answers, comes to nothing more.
pub fn plan(
    call: &Call,
    planned: &Planned,
    circumstances: &Circumstances,
    settings: &Settings,
    people: &People,
    now: Timestamp,
) -> Plan {
    let seen = Seen::new(call, planned, circumstances, settings, people, now);
    let mut draft = Draft::new(&seen, planned);
    let left_out = registration::left_out(&seen);
    if let Some(why) = &left_out {
        draft.note(why.clone());
    }
    let is_told = left_out.is_none();
    draft.note_people();
    if circumstances.is_refused {
        if is_told {
            draft.add_activity();
        }
    } else {
        if is_told {
            draft.register();
        }
        draft.register_legs();
        draft.show();
        draft.finish();
    }
    if is_told {
        draft.add_task();
        draft.close_tasks();
        draft.tell_helpdesk();
    }
    draft.plan
}

/// What is to be written about an order of the CRM's that no call came of: a call that the CRM registered itself has to
/// be finished, or the next one with the same numbers is taken for it.
pub fn plan_not_begun(order: &Order, settings: &Settings, why: &str) -> Option<Intended> {
    let (call_id, user) = (order.call_id()?, order.user()?);
    let key = CallKey::of_order(&settings.connection, &order.id);
    let finish = Finish {
        call: Registered {
            key: key.clone(),
            call_id: Some(call_id.to_owned()),
        },
        user,
        duration_s: 0,
        status: "OTHER".to_owned(),
        failed_reason: Some(why.to_owned()),
        is_in_chat: settings.add_to_chat,
    };
    Some(Intended {
        key: format!("{key}/finish"),
        order: key,
        is_live: true,
        write: Write::Finish(finish),
    })
}

/// What is to be written about a client who asked to be called and whom nothing comes of: a call that was missed for
/// want of an agent, with its task. Nothing while the CRM has not said who its users are.
pub fn plan_callback_not_begun(
    order: &Order,
    settings: &Settings,
    people: &People,
    why: &str,
    now: Timestamp,
) -> Vec<Intended> {
    let call = Call {
        linkedid: Linkedid::new(order.id.as_str()),
        joined: Vec::new(),
        direction: Direction::Outgoing,
        client: Some(order.phone.clone()),
        line: order.line.clone(),
        trunk: None,
        originated: Some(order.id.clone()),
        started_at: now,
        conversations: Vec::new(),
        transfers: Vec::new(),
        recordings: Vec::new(),
        ended: Some(Ended {
            at: now,
            result: CallResult::Missed(MissedReason::NobodyRung),
        }),
    };
    let circumstances = Circumstances {
        order: Some(order.clone()),
        ..Circumstances::default()
    };
    let planned = Planned::default();
    let mut plan = plan(&call, &planned, &circumstances, settings, people, now);
    for intended in &mut plan.writes {
        match &mut intended.write {
            Write::Finish(finish) => finish.failed_reason = Some(why.to_owned()),
            Write::AddTask(task) => task.description = format!("{}\n{why}", task.description),
            _ => {}
        }
    }
    plan.writes
}

#[cfg(test)]
mod tests;
