//! Whether telephony works for a client, and what is missing where it does not.

use crate::{Call, Client, Error, Fault, error::Class, row::Token};

/// How far telephony works for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelephonyAccess {
    /// What was granted.
    pub scopes: Vec<String>,
    /// Whether calls can be registered and finished, and what keeps them from it.
    pub registers_calls: Result<(), TelephonyFault>,
    /// Scopes that calls with cards, leads and missed-call tasks need, and that were not granted.
    pub missing: Vec<&'static str>,
}

/// What keeps a client from registering calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TelephonyFault {
    /// The portal lets applications register calls, and this client is a webhook.
    #[error(
        "this portal lets only applications register calls; add a local application in Bitrix24 and configure it"
    )]
    NeedsApplication,
    /// The scope `telephony` was not granted.
    #[error("the scope telephony is missing; tick it in Bitrix24")]
    Scope,
    /// The portal has no telephony.
    #[error("the portal has no telephony")]
    NoTelephony,
    /// Its user may not.
    #[error("the user may not use telephony; give them the right in Bitrix24")]
    Access,
}

/// Scopes of which one is enough.
const NEEDED: &[&[&str]] = &[
    &["telephony"],
    &["crm"],
    &["user", "user_basic"],
    &["task", "tasks"],
];

impl Client {
    /// Finds out whether calls can be registered, without registering one: lists the lines, which is for applications
    /// as registering is. Documented is that webhooks may do neither; portals were seen that let them.
    ///
    /// # Errors
    /// As [`Client::call`], when the portal gives no answer to go by, or takes neither webhook nor tokens.
    pub async fn telephony_access(&self) -> Result<TelephonyAccess, Error> {
        let scopes = self.scope().await?;
        let registers_calls = match self.external_lines().await {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(&error).ok_or(error)?),
        };
        let is_granted = |scope: &&str| scopes.iter().any(|granted| granted == scope);
        let missing = NEEDED.iter().filter(|any| !any.iter().any(is_granted));
        let missing = missing.filter_map(|any| any.first().copied()).collect();
        Ok(TelephonyAccess {
            scopes,
            registers_calls,
            missing,
        })
    }

    /// Whether the plan keeps taken events until they are confirmed (`feature.get`, `rest_offline_extended`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn keeps_taken_events(&self) -> Result<bool, Error> {
        let call = Call::read("feature.get").param("code", "rest_offline_extended");
        let answer = self.call(call).await?;
        let value = answer.row().ok().and_then(|row| row.flag("value"));
        value
            .or_else(|| Token::of(answer.result()).flag())
            .ok_or_else(|| answer.disbelieved(Class::NoResult, "the result does not say"))
    }
}

fn fault(error: &Error) -> Option<TelephonyFault> {
    let Error::Configuration { fault, .. } = error else {
        return None;
    };
    match fault {
        Fault::ApplicationOnly => Some(TelephonyFault::NeedsApplication),
        Fault::Scope { .. } => Some(TelephonyFault::Scope),
        Fault::Method => Some(TelephonyFault::NoTelephony),
        Fault::Access | Fault::Unconfirmed => Some(TelephonyFault::Access),
        Fault::Credentials
        | Fault::Reinstall
        | Fault::ClientSecret
        | Fault::PortalGone
        | Fault::Plan
        | Fault::Https
        | Fault::Redirect { .. } => None,
    }
}
