//! `telephony.externalCall.attachRecord` with `RECORD_URL`: the portal fetches the recording.
//!
//! Whether it can is its own matter: the address may be closed to it, or gone. Then people find the address in the
//! activity of the call.

use bitrix24::{ActivityChange, Error, Id, Outcome};
use deskbridge_core::Chain;
use serde_json::{Value, json};

use super::{FinishedCall, Place, Stop, recording::upload_name, stop::written};
use crate::decide::write::AttachLink;

impl Place {
    pub(super) async fn attach_link(&self, write: &AttachLink) -> Result<Value, Stop> {
        let (call_id, _) = self.known(&write.call).await?;
        let path = url::Url::parse(&write.url);
        let path = path.map_or_else(|_no_url| String::new(), |url| url.path().to_owned());
        let name = upload_name(&write.call.key, path.as_ref());
        // What portals take; of another kind they say so only when they have it.
        let name = match name.ends_with(".wav") {
            true => name,
            false => upload_name(&write.call.key, "recording.mp3".as_ref()),
        };
        let attached = self.crm.attach_record_url(&call_id, &write.url, &name);
        match attached.await {
            Outcome::Refused(error) if !matches!(error, Error::Configuration { .. }) => {
                self.tell_link(write, &error).await
            }
            outcome => {
                let attached = written(outcome)?;
                Ok(json!({ "file": attached.file.map(Id::get), "name": name }))
            }
        }
    }

    /// Adds the address to what the activity of the call says, unless it stands there.
    async fn tell_link(&self, write: &AttachLink, refusal: &Error) -> Result<Value, Stop> {
        let why = Chain(refusal).to_string();
        let finished: FinishedCall = self.result(&write.call.key, "finish").await?;
        let Some(activity) = finished.activity.and_then(Id::new) else {
            return Err(Stop::refused(why));
        };
        let known = match self.crm.activity(activity).await {
            Ok(known) => known,
            Err(Error::NotFound { .. }) => {
                return Err(Stop::left_out("the activity was deleted"));
            }
            Err(error) => return Err(error.into()),
        };
        let said = known.description.unwrap_or_default();
        if !said.contains(&write.url) {
            let description = format!("{said}\n{}", write.url).trim().to_owned();
            let change = ActivityChange {
                description: Some(description),
                ..ActivityChange::default()
            };
            written(self.crm.update_activity(activity, &change).await)?;
        }
        Ok(json!({ "activity": activity.get(), "not_fetched": why }))
    }
}
