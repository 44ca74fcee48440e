//! `telephony.externalCall.register`, and what later writes need of it.

use bitrix24::{
    CallKind, CrmKind, CrmRecord, Employee, Error, Fault, Id, Outcome, Registration, StatisticKey,
};
use deskbridge_core::{Chain, IdempotencyKey};
use deskbridge_store::EffectState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Place, Stop, stop::written};
use crate::decide::{
    users::UserId,
    write::{CallKey, CallType, Entity, Register, Registered},
};

/// What became of a registration: the result of its effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegisteredCall {
    /// `CALL_ID`; `None` where the portal refuses telephony.
    pub call_id: Option<String>,
    /// The record of the CRM that it belongs to.
    pub record: Option<Entity>,
    /// What the CRM made for it.
    pub created: Vec<Entity>,
    /// Why the CRM made no lead, in its words.
    pub lead_error: Option<String>,
    /// Why the portal refuses telephony.
    pub refused: Option<String>,
}

/// What became of the end of a call: the result of its effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FinishedCall {
    /// The activity that the CRM made of it.
    pub activity: Option<u64>,
    /// The record of the CRM that it belongs to.
    pub record: Option<Entity>,
    /// It had been finished before, by an attempt whose answer was lost.
    pub was_finished: bool,
    /// Why it was not finished.
    pub left_out: Option<String>,
}

/// A call as later writes find it.
pub(super) enum Standing {
    /// The CRM knows it.
    Known(bitrix24::CallId, RegisteredCall),
    /// The portal refuses telephony, for this reason.
    Refused(String),
}

impl Place {
    pub(super) async fn register(
        &self,
        crm: &bitrix24::Client,
        write: &Register,
        look_first: bool,
    ) -> Result<Value, Stop> {
        if look_first && let Some(found) = self.finished_before(crm, &write.key).await? {
            return json(&found);
        }
        let registration = registration(write, self.clock.now())?;
        let registered = match crm.register_call(&registration).await {
            Outcome::Refused(error) if is_telephony_refused(&error) => {
                let why = telephony_refused(&error);
                tracing::warn!(key = %write.key, why, "A call cannot be registered");
                return json(&RegisteredCall {
                    refused: Some(why),
                    ..RegisteredCall::default()
                });
            }
            outcome => written(outcome)?,
        };
        json(&RegisteredCall {
            call_id: Some(registered.call_id.as_str().to_owned()),
            record: registered.record.map(entity),
            created: registered.created.into_iter().map(entity).collect(),
            lead_error: registered.lead_error,
            refused: None,
        })
    }

    /// A call that is in the statistics, and so was registered and finished.
    async fn finished_before(
        &self,
        crm: &bitrix24::Client,
        key: &CallKey,
    ) -> Result<Option<RegisteredCall>, Stop> {
        let key = StatisticKey::External(key.as_str().to_owned());
        let found = match crm.calls_in_statistics(&key).await {
            Ok(found) => found,
            // Who may not look registers again: within half an hour the portal finds the same call.
            Err(Error::Configuration { .. } | Error::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = found.into_iter().find_map(|call| {
            Some(RegisteredCall {
                call_id: Some(call.call_id?.as_str().to_owned()),
                record: call.record.map(entity),
                ..RegisteredCall::default()
            })
        });
        Ok(found)
    }

    /// What the CRM knows of a call.
    pub(super) async fn standing(&self, call: &Registered) -> Result<Standing, Stop> {
        if let Some(id) = call.call_id.as_deref().and_then(bitrix24::CallId::new) {
            return Ok(Standing::Known(id, RegisteredCall::default()));
        }
        let registered: RegisteredCall = self.result(&call.key, "register").await?;
        let id = registered.call_id.as_deref();
        match id.and_then(bitrix24::CallId::new) {
            Some(id) => Ok(Standing::Known(id, registered)),
            None => {
                Ok(Standing::Refused(registered.refused.unwrap_or_else(|| {
                    "the call was not registered".to_owned()
                })))
            }
        }
    }

    /// The same for what makes sense only of a call that the CRM knows.
    pub(super) async fn known(
        &self,
        call: &Registered,
    ) -> Result<(bitrix24::CallId, RegisteredCall), Stop> {
        match self.standing(call).await? {
            Standing::Known(id, registered) => Ok((id, registered)),
            Standing::Refused(why) => Err(Stop::LeftOut(why)),
        }
    }

    /// The result of an effect of a call that stands before this one.
    pub(super) async fn result<T: DeserializeOwned>(
        &self,
        key: &CallKey,
        name: &str,
    ) -> Result<T, Stop> {
        let of = IdempotencyKey::new(format!("call:{key}/{name}"));
        let Some(record) = self.store.effect_of_key(of).await? else {
            return Err(Stop::refused(format!(
                "there is no {name} of the call {key} in the journal any more"
            )));
        };
        match record.state {
            EffectState::Done => {
                serde_json::from_value(record.result.unwrap_or_default()).map_err(|error| {
                    Stop::refused(format!("the result of {name} cannot be read: {error}"))
                })
            }
            EffectState::Dead | EffectState::Discarded => Err(Stop::refused(format!(
                "{name} of the call {key} was given up ({}); mend that, revive it, and then this",
                record.failure.as_deref().unwrap_or("discarded")
            ))),
            EffectState::Pending | EffectState::Running => Err(Stop::not_sent(format!(
                "{name} of the call {key} is not carried out yet"
            ))),
        }
    }
}

fn registration(write: &Register, now: Timestamp) -> Result<Registration, Stop> {
    let kind = match write.call_type {
        CallType::Outgoing => CallKind::Outgoing,
        CallType::Incoming => CallKind::Incoming,
        CallType::Redirected => CallKind::Redirected,
        CallType::Callback => CallKind::Callback,
    };
    let employee = Employee::User(id_of(write.user)?);
    let mut registration = Registration::new(employee, &write.phone, kind, write.key.as_str());
    registration.started_at = write.started_at.parse().ok();
    registration.line_number = Some(write.line.clone()).filter(|line| !line.is_empty());
    registration.creates_lead = write.is_created;
    registration.source.clone_from(&write.source);
    registration.record = write.entity.as_ref().and_then(record);
    registration.shows_card = write.shown_until.is_some_and(|until| now < until);
    registration.adds_to_chat = write.is_in_chat;
    let list = write.call_list.as_deref();
    registration.call_list = list.and_then(|list| list.parse().ok());
    Ok(registration)
}

/// Whether the portal lets nobody like us register calls.
pub(super) fn is_telephony_refused(error: &Error) -> bool {
    matches!(
        error,
        Error::Configuration {
            fault: Fault::ApplicationOnly | Fault::Method,
            ..
        }
    )
}

/// The same in words.
pub(super) fn telephony_refused(error: &Error) -> String {
    format!(
        "the portal refuses telephony: {}; add a local application in Bitrix24 and configure it",
        Chain(error)
    )
}

/// A user as the portal names one.
pub(super) fn id_of(user: UserId) -> Result<Id, Stop> {
    Id::new(user.get()).ok_or_else(|| Stop::refused("nobody has the user id 0"))
}

pub(super) fn entity(record: CrmRecord) -> Entity {
    Entity {
        kind: record.kind.name().to_owned(),
        id: record.id.get(),
    }
}

pub(super) fn record(entity: &Entity) -> Option<CrmRecord> {
    let kinds = [
        CrmKind::Lead,
        CrmKind::Contact,
        CrmKind::Company,
        CrmKind::Deal,
    ];
    let mut kinds = kinds.into_iter();
    Some(CrmRecord {
        kind: kinds.find(|kind| kind.name().eq_ignore_ascii_case(&entity.kind))?,
        id: Id::new(entity.id)?,
    })
}

/// A result as the journal keeps it.
pub(super) fn json(result: &impl Serialize) -> Result<Value, Stop> {
    serde_json::to_value(result)
        .map_err(|error| Stop::refused(format!("the result cannot be written: {error}")))
}
