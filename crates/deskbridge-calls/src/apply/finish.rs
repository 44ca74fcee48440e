//! `telephony.externalCall.finish`, of which only the first counts.

use std::time::Duration;

use bitrix24::{CallStatus, Employee, Error, Outcome, StatisticCall, StatisticKey};
use deskbridge_core::Effect;
use serde_json::Value;

use super::{
    FinishedCall, Place, Stop,
    registration::{Standing, entity, id_of, is_telephony_refused, json, telephony_refused},
    stop::written,
};
use crate::{
    decide::{
        telephony::plan,
        write::{CallKey, Finish},
    },
    follow::Kept,
};

/// How often a call that was finished by an attempt whose answer was lost is looked for in the statistics, which may
/// be behind.
const LOOKS_MAX: u32 = 6;
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Place {
    pub(super) async fn finish(
        &self,
        crm: &bitrix24::Client,
        write: &Finish,
        effect: &Effect,
    ) -> Result<Value, Stop> {
        let call_id = match self.standing(&write.call).await? {
            Standing::Known(call_id, _) => call_id,
            Standing::Refused(why) => return self.not_finished(&write.call.key, why).await,
        };
        let key = &write.call.key;
        if effect.look_first
            && let Some(found) = self.in_statistics(crm, &call_id, key).await?
        {
            return json(&found);
        }
        let mut finish = bitrix24::Finish::new(
            Employee::User(id_of(write.user)?),
            status(&write.status)?,
            Duration::from_secs(write.duration_s),
        );
        finish.failed_reason.clone_from(&write.failed_reason);
        finish.adds_to_chat = write.is_in_chat;
        match crm.finish_call(&call_id, &finish).await {
            Outcome::Refused(error @ Error::NotFound { .. }) => {
                if let Some(found) = self.in_statistics(crm, &call_id, key).await? {
                    return json(&found);
                }
                let why = bitrix24_why(&error);
                match effect.look_first && effect.attempts < LOOKS_MAX {
                    true => Err(Stop::not_yet(why, LOOK_AGAIN_AFTER)),
                    false => Err(Stop::refused(why)),
                }
            }
            Outcome::Refused(error) if is_telephony_refused(&error) => {
                self.not_finished(key, telephony_refused(&error)).await
            }
            outcome => {
                let finished = written(outcome)?;
                json(&FinishedCall {
                    activity: finished.activity.map(bitrix24::Id::get),
                    record: finished.record.map(entity),
                    ..FinishedCall::default()
                })
            }
        }
    }

    /// The end of a call that an earlier attempt has told.
    async fn in_statistics(
        &self,
        crm: &bitrix24::Client,
        call_id: &bitrix24::CallId,
        key: &CallKey,
    ) -> Result<Option<FinishedCall>, Stop> {
        let ours = StatisticKey::External(key.as_str().to_owned());
        for key in [StatisticKey::Call(call_id.clone()), ours] {
            let found = crm.calls_in_statistics(&key).await?;
            if let Some(call) = found.into_iter().next() {
                return Ok(Some(of_statistics(&call)));
            }
        }
        Ok(None)
    }

    /// The portal refuses telephony: the call is told in another way, if the settings say so.
    ///
    /// The call has been kept together with this write, so it is planned again from there.
    async fn not_finished(&self, key: &CallKey, why: String) -> Result<Value, Stop> {
        let finished = FinishedCall {
            left_out: Some(why),
            ..FinishedCall::default()
        };
        let connection = &self.settings.connection;
        let Some(linkedid) = key.linkedid() else {
            return json(&finished);
        };
        let kept = self
            .store
            .call(connection.clone(), linkedid.to_owned())
            .await?;
        let Some(mut kept) = kept.and_then(|kept| Kept::read(kept.state)) else {
            return json(&finished);
        };
        let people = self.directory.people();
        if people.is_empty() {
            return Err(Stop::not_sent("the CRM has not told who its users are"));
        }
        kept.circumstances.is_refused = true;
        let now = self.clock.now();
        let planned = plan(
            kept.call(),
            &kept.planned,
            &kept.circumstances,
            &self.settings,
            &people,
            now,
        );
        let notes = planned.notes.iter().map(ToString::to_string);
        let notes: Vec<String> = notes
            .filter(|note| kept.noted.insert(note.clone()))
            .collect();
        kept.planned = planned.planned;
        let lines = notes.into_iter().chain(finished.left_out.clone());
        let change = deskbridge_store::CallChange {
            call: kept.stored(&self.settings),
            lines: lines
                .map(|text| deskbridge_store::CallLine { at: now, text })
                .collect(),
        };
        let writes = planned.writes.iter();
        let effects = writes.map(|intended| (self.new_id(), intended.effect()));
        self.store
            .keep_calls(vec![change], effects.collect(), now)
            .await?;
        json(&finished)
    }
}

fn bitrix24_why(error: &Error) -> String {
    format!(
        "{}, and its statistics have none such",
        deskbridge_core::Chain(error)
    )
}

fn of_statistics(call: &StatisticCall) -> FinishedCall {
    FinishedCall {
        activity: call.activity.map(bitrix24::Id::get),
        record: call.record.map(entity),
        was_finished: true,
        left_out: None,
    }
}

fn status(code: &str) -> Result<CallStatus, Stop> {
    let all = [
        CallStatus::Talked,
        CallStatus::Missed,
        CallStatus::Declined,
        CallStatus::Cancelled,
        CallStatus::Forbidden,
        CallStatus::WrongNumber,
        CallStatus::Busy,
        CallStatus::DirectionUnavailable,
        CallStatus::ServiceUnavailable,
        CallStatus::TemporarilyUnavailable,
        CallStatus::NoMoney,
        CallStatus::Blocked,
        CallStatus::Other,
    ];
    let mut all = all.into_iter();
    all.find(|status| status.code() == code)
        .ok_or_else(|| Stop::refused(format!("`{code}` is no status of a call")))
}
