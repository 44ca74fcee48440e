//! How a portal behaves where portals differ, or where their documentation leaves it open.

use serde::{Deserialize, Serialize};

/// Switches for what differs from portal to portal.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// What plain HTTP is answered with. A real portal refuses it; on loopback it is convenient.
    pub plain_http: PlainHttp,
    /// What the older lists do with a filter on a field that does not exist.
    pub unknown_filter_field: UnknownField,
    /// How much of the operating-time counters an answer shows.
    pub counters: Counters,
    /// What a wrong secret, an unknown user and an expired webhook are answered with.
    pub wrong_secret: WrongSecret,
    /// Whether `user.get` shows `USER_TYPE` to a webhook that only has the scope `user_basic`; the
    /// documented list of that scope's fields does not name it.
    pub user_basic_shows_user_type: bool,
    /// Whether `crm.stagehistory.list` writes numbers as numbers (documented) instead of text (seen in a
    /// recorded answer).
    pub history_has_numbers: bool,
    /// Whether an inbound webhook may register and finish calls and keep external lines. Documented is that
    /// it may not; connectors that do so are in use all the same.
    pub webhooks_register_calls: bool,
    /// Which registrations are answered with a call that is there already.
    pub duplicate_calls: DuplicateCalls,
    /// How far the administrator is with methods that need his confirmation.
    pub confirmation: Confirmation,
    /// What clicks leave in the queue of offline events.
    pub offline_clicks: OfflineClicks,
    /// Where the fault preset `moved` sends clients to: scheme and host, without a slash at the end.
    /// Empty means `https://moved.example`.
    pub moved_to: String,
}

/// See [`Behaviour::plain_http`].
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainHttp {
    /// Served like HTTPS.
    #[default]
    Served,
    /// 400 `INVALID_REQUEST` "Https required".
    Refused,
}

/// See [`Behaviour::unknown_filter_field`].
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownField {
    /// The condition is dropped without a word and everything is returned: a trap for whoever trusts
    /// the first row. Assumed, since the documentation names no error.
    #[default]
    Ignored,
    /// 400 with an empty code.
    Refused,
}

/// See [`Behaviour::counters`]. All three were observed on real portals.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counters {
    /// `operating` and `operating_reset_at`.
    #[default]
    Complete,
    /// `operating` alone, as portals of 2022 answered.
    WithoutReset,
    /// Neither, as where the limiter is off.
    Missing,
}

/// See [`Behaviour::wrong_secret`]. Documentation pages disagree about it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongSecret {
    /// 401 `NO_AUTH_FOUND`
    #[default]
    NoAuthFound,
    /// 401 `INVALID_CREDENTIALS`
    InvalidCredentials,
}

/// See [`Behaviour::duplicate_calls`].
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateCalls {
    /// Whatever was registered alike within half an hour, finished or not.
    #[default]
    Any,
    /// Only what was registered alike within half an hour and is not finished.
    Open,
}

/// See [`Behaviour::confirmation`].
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// 401 `METHOD_CONFIRM_WAITING`
    #[default]
    Waiting,
    /// 403 `METHOD_CONFIRM_DENIED`
    Denied,
    /// The methods run.
    Given,
}

/// See [`Behaviour::offline_clicks`]. Of changes to one record the queue keeps the last; what is one record where
/// calls are concerned is not documented.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineClicks {
    /// One for each call.
    #[default]
    OfCall,
    /// The last one of each user.
    OfUser,
}
