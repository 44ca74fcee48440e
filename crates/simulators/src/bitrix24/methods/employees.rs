//! What concerns employees themselves: their working day, messages to them.

use serde_json::json;

use super::{Call, external_calls::core};
use crate::bitrix24::{
    answer::{self, Answer, Refusal},
    telephony::{Notification, Workday},
};

/// `timeman.status`: of the caller, or of `USER_ID`.
pub(super) fn workday(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = call.params.integer("USER_ID");
    let user = user.and_then(|user| u64::try_from(user).ok());
    let user = user.unwrap_or(call.caller.user_id);
    if call.state.users.get(user).is_none() {
        return Err(core("User not found"));
    }
    let workday = call.state.telephony.workday(user);
    if matches!(workday, Workday::Unavailable | Workday::NotInstalled) {
        return Err(core("Working time management is not available"));
    }
    let started = answer::date_text(call.now);
    let is_closed = workday == Workday::Closed;
    Ok(Answer::json(&json!({
        "STATUS": workday.name(),
        "TIME_START": started,
        "TIME_FINISH": is_closed.then_some(started.as_str()),
        "DURATION": "00:00:00",
        "TIME_LEAKS": "00:00:00",
        "ACTIVE": workday == Workday::Opened,
    })))
}

/// `im.notify.personal.add`, `im.notify.system.add`, and `im.notify` before them. A message takes the place of
/// the one with its tag.
pub(super) fn notify(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = call
        .params
        .integer("USER_ID")
        .or_else(|| call.params.integer("TO"));
    let user_id = user.and_then(|user| u64::try_from(user).ok());
    let user_id = user_id.ok_or_else(|| {
        Refusal::new(
            http::StatusCode::BAD_REQUEST,
            "USER_ID_EMPTY",
            "User ID can't be empty",
        )
    })?;
    let message = call.params.text("MESSAGE");
    if message.is_empty() {
        return Err(Refusal::new(
            http::StatusCode::BAD_REQUEST,
            "MESSAGE_EMPTY",
            "Message can't be empty",
        ));
    }
    let tag = call.params.text("TAG");
    let telephony = &mut call.state.telephony;
    let id = telephony.number();
    telephony
        .notifications
        .retain(|known| tag.is_empty() || known.tag != tag || known.user_id != user_id);
    telephony.notifications.push(Notification {
        user_id,
        message,
        tag,
    });
    Ok(Answer::of(id.to_string()))
}
