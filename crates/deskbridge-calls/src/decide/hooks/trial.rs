//! What a hook would be told of a call that is kept, to try it out: what the CRM would be asked for besides is not there.

use std::collections::BTreeSet;

use deskbridge_hooks::Point;
use serde_json::{Value, json};

use super::{learned::Learned, told, told::Around};
use crate::{
    decide::{
        originate::{Order, Refused, originate},
        users::People,
        write::Write,
    },
    settings::Settings,
};

/// What a hook would be told of an order, before it becomes a call.
///
/// # Errors
/// When nothing would come of the order, so that no hook would be asked.
pub fn ordered(order: &Order, settings: &Settings, people: &People) -> Result<Value, Refused> {
    let wanted = originate(order, settings, people)?;
    Ok(json!({"params": told::originate(&wanted, order)}))
}

/// What a hook would be told at a point, once for every time that it would be asked. `writes` are those of the call.
pub fn known(point: Point, around: &Around<'_>, writes: &[Write]) -> Vec<Value> {
    let full = || around.full(None, None);
    let of = |write: &Write| {
        Some(match (point, write) {
            (Point::SearchParams | Point::RegistrationParams, Write::Register(write)) => json!({
                "params": around.registration(write, write.shown_until.is_some()),
                "call_full": full(),
            }),
            (Point::SearchFilter, Write::Register(write)) => json!({
                "params": around.registration(write, write.shown_until.is_some()),
                "entities": {},
            }),
            (Point::EntityCreationParams, Write::Register(write)) => {
                json!({"params": told::new_entity(write)})
            }
            (Point::PostRegistration, Write::Register(_)) => json!({"call_full": full()}),
            (Point::ShowCallCard, Write::Show(write)) => {
                json!({"params": {"USER_ID": write.users}, "call_full": full()})
            }
            (Point::FinalParams, Write::Finish(write)) => {
                let call_id = write.call.call_id.as_deref().unwrap_or_default();
                let params = around.finish(write, call_id, &around.last(), None);
                json!({"params": params, "call_full": full()})
            }
            (Point::AttachRecordUrl, Write::Attach(write)) => {
                let name = format!("{}.wav", write.call.key);
                json!({"params": {"FILENAME": name, "RECORD_URL": ""}, "call_full": full()})
            }
            (Point::ActivityFields, Write::Finish(_)) => {
                json!({"params": around.last(), "call_full": full()})
            }
            (Point::EntityFields, Write::Finish(_)) => {
                json!({"params": around.call(), "call_full": full()})
            }
            (Point::TaskCreationParams, Write::AddTask(write)) => {
                json!({"params": told::task(write, &[]), "call_full": full()})
            }
            _ => return None,
        })
    };
    let of_writes: Vec<Value> = writes.iter().filter_map(of).collect();
    if point == Point::Autodistribution {
        let phone = around.call.client.as_deref().unwrap_or_default();
        return vec![json!({"params": {"phone": phone, "extension": "", "name": ""}})];
    }
    let is_point = |asked| asked == point;
    let questions = Learned::default().questions(around, None, &mut BTreeSet::new(), is_point);
    let of_questions = questions.into_iter().map(|question| question.known);
    of_writes.into_iter().chain(of_questions).collect()
}
