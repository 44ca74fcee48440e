//! Activities and records of the CRM around a call.

use bitrix24::{ActivityChange, Call, CrmKind, Error, Id, NewCallActivity, Origin, Outcome};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    FinishedCall, Place, RegisteredCall, Stop,
    registration::{id_of, record},
    stop::written,
};
use crate::decide::write::{AddActivity, SaveFields};

/// What we call ourselves in `ORIGINATOR_ID`.
pub(super) const ORIGINATOR_ID: &str = "deskbridge-calls";

impl Place {
    pub(super) async fn save_activity(&self, write: &SaveFields) -> Result<Value, Stop> {
        let finished: FinishedCall = self.result(&write.call.key, "finish").await?;
        let Some(activity) = finished.activity.and_then(Id::new) else {
            return Err(Stop::left_out("the CRM made no activity of the call"));
        };
        let mut change = ActivityChange::default();
        for (field, value) in &write.fields {
            change.fields.push((field.clone(), value.as_str().into()));
        }
        match self.crm.update_activity(activity, &change).await {
            Outcome::Refused(Error::NotFound { .. }) => {
                Err(Stop::left_out("the activity was deleted"))
            }
            outcome => {
                written(outcome)?;
                Ok(json!({ "activity": activity.get() }))
            }
        }
    }

    pub(super) async fn save_entity(&self, write: &SaveFields) -> Result<Value, Stop> {
        let (_, registered) = self.known(&write.call).await?;
        let Some(created) = registered.created.iter().find_map(record) else {
            return Err(Stop::left_out("the CRM made nothing for the call"));
        };
        let method = match created.kind {
            CrmKind::Lead => "crm.lead.update",
            CrmKind::Contact => "crm.contact.update",
            CrmKind::Company => "crm.company.update",
            CrmKind::Deal => "crm.deal.update",
        };
        let call = Call::write(method)
            .param("id", created.id)
            .param("fields", json!(write.fields));
        match self.crm.call(call).await {
            Ok(_answer) => Ok(json!({ "kind": created.kind.name(), "id": created.id.get() })),
            Err(Error::NotFound { .. }) => Err(Stop::left_out("it was deleted")),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn add_activity(
        &self,
        write: &AddActivity,
        look_first: bool,
    ) -> Result<Value, Stop> {
        let origin = Origin {
            originator: ORIGINATOR_ID.to_owned(),
            id: write.key.as_str().to_owned(),
        };
        let subject = format!("the activity of the call {}", write.key);
        if look_first {
            let found = self.crm.activities_of_origin(&origin).await?;
            if let Some(found) = found.first() {
                self.unsure.forget(&subject);
                return Ok(json!({ "activity": found.id.get() }));
            }
            self.unsure.wait(&subject)?;
        }
        let callers = self.crm.callers(&write.phone).await?;
        let Some(caller) = callers.first() else {
            return Err(Stop::left_out(
                "nobody in the CRM has the client's number, and an activity belongs to somebody",
            ));
        };
        let time = |text: &str| {
            text.parse::<Timestamp>()
                .map_err(|error| Stop::refused(format!("`{text}` is no time: {error}")))
        };
        let activity = NewCallActivity {
            record: caller.record,
            phone_number: write.phone.clone(),
            subject: write.subject.clone(),
            description: Some(write.description.clone()).filter(|text| !text.is_empty()),
            is_outgoing: !write.is_incoming,
            is_completed: write.is_completed,
            responsible: id_of(write.user)?,
            started_at: time(&write.started_at)?,
            ended_at: time(&write.ended_at)?,
            origin,
        };
        let id = written(self.crm.add_call_activity(&activity).await)?;
        self.unsure.forget(&subject);
        Ok(json!({ "activity": id.get() }))
    }

    /// The record of the CRM that a call belongs to, as far as it was told.
    pub(super) async fn record_of(
        &self,
        call: &crate::decide::write::Registered,
    ) -> Result<Option<bitrix24::CrmRecord>, Stop> {
        let finished: Option<FinishedCall> = self.result(&call.key, "finish").await.ok();
        let finished = finished.and_then(|finished| finished.record);
        if let Some(found) = finished.as_ref().and_then(record) {
            return Ok(Some(found));
        }
        if call.call_id.is_some() {
            return Ok(None);
        }
        let registered: Option<RegisteredCall> = self.result(&call.key, "register").await.ok();
        Ok(registered
            .and_then(|registered| registered.record)
            .as_ref()
            .and_then(record))
    }
}
