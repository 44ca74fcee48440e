//! `telephony.externalCall.show` and `.hide`.

use bitrix24::Id;
use serde_json::{Value, json};

use super::{Place, Stop, registration::id_of, stop::written};
use crate::decide::write::Cards;

impl Place {
    pub(super) async fn show(&self, write: &Cards) -> Result<Value, Stop> {
        let (call, users) = self.card(write).await?;
        let is_shown = written(self.live.show_card(&call, &users).await)?;
        Ok(json!({ "is_shown": is_shown }))
    }

    pub(super) async fn hide(&self, write: &Cards) -> Result<Value, Stop> {
        let (call, users) = self.card(write).await?;
        let is_hidden = written(self.live.hide_card(&call, &users).await)?;
        Ok(json!({ "is_hidden": is_hidden }))
    }

    /// Whose card of which call, while it still makes sense.
    async fn card(&self, write: &Cards) -> Result<(bitrix24::CallId, Vec<Id>), Stop> {
        if self.clock.now() >= write.until {
            return Err(Stop::left_out("it would come too late"));
        }
        let (call, _) = self.known(&write.call).await?;
        let users = write.users.iter().map(|user| id_of(*user));
        Ok((call, users.collect::<Result<_, _>>()?))
    }
}
