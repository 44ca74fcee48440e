//! Telling a user of the CRM that their order was not carried out (`im.notify.system.add`, scope `im`).

use std::collections::BTreeMap;

use bitrix24::Call;
use deskbridge_core::{
    Chain, Effect, Failure, IdempotencyKey, NewEffect, OrderingKey, Outcome, Urgency,
};
use deskbridge_journal::Handler;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decide::users::UserId;

/// The kind of effect that tells a user something.
pub const NOTIFY: &str = "calls.notify";

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    pbx: String,
    user: UserId,
    text: String,
}

/// The effect that tells the user who ordered a call why nothing comes of it.
pub(super) fn effect(pbx: &str, order: &str, user: UserId, why: &str) -> NewEffect {
    let payload = Payload {
        pbx: pbx.to_owned(),
        user,
        text: format!("The call was not begun: {why}."),
    };
    NewEffect {
        urgency: Urgency::Live,
        kind: NOTIFY.to_owned(),
        ordering_key: OrderingKey::new(format!("{NOTIFY}:{order}")),
        idempotency_key: IdempotencyKey::new(format!("{NOTIFY}:{order}")),
        // Texts and numbers: it can always be written as JSON.
        payload: serde_json::to_value(payload).unwrap_or_default(),
    }
}

/// Tells users.
#[derive(Clone, Debug)]
pub struct Notifier {
    crms: BTreeMap<String, bitrix24::Client>,
}

impl Notifier {
    /// By the CRM of each PBX.
    pub fn new(crms: BTreeMap<String, bitrix24::Client>) -> Self {
        Self { crms }
    }

    async fn tell(&self, effect: &Effect) -> Outcome<Value> {
        let payload = match serde_json::from_value::<Payload>(effect.intent.payload.clone()) {
            Ok(payload) => payload,
            Err(error) => return Outcome::Refused(Failure::new(error.to_string())),
        };
        let Some(crm) = self.crms.get(&payload.pbx) else {
            let why = format!("no [[asterisk]] named {} is enabled", payload.pbx);
            return Outcome::Refused(Failure::new(why));
        };
        if effect.look_first {
            // Nothing shows whether it was told, and told twice it would trouble.
            return Outcome::Refused(Failure::new("whether the user was told is not known"));
        }
        let call = Call::write("im.notify.system.add")
            .param("USER_ID", payload.user.get())
            .param("MESSAGE", &payload.text);
        let failure = |error: &bitrix24::Error| Failure::new(Chain(error).to_string());
        match crm.write(call).await {
            bitrix24::Outcome::Done(_) => Outcome::Done(json!({})),
            bitrix24::Outcome::Refused(error) => Outcome::Refused(failure(&error)),
            bitrix24::Outcome::NotSent(error) => Outcome::NotSent(failure(&error)),
            bitrix24::Outcome::Unknown(error) => Outcome::Unknown(failure(&error)),
        }
    }
}

impl Handler for Notifier {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(self.tell(effect))
    }
}

#[cfg(test)]
mod tests;
