//! What went wrong, as a sentence that says what to do.

use anyhow::anyhow;
use deskbridge_core::Chain;
use frappe::{Cause, Error};

use crate::helpdesk::secrets::masked;

/// Says why the helpdesk refused, and what to do about it.
pub(super) fn explain(site: &str, error: &Error) -> anyhow::Error {
    let about = &error.operation.target;
    let told = error
        .message()
        .map(|message| format!(" (\"{}\")", masked(message.text())))
        .unwrap_or_default();
    match &error.cause {
        Cause::WrongKey => anyhow!(
            "{site} does not accept the API key; put a valid pair of an administrator's into admin_api_key and \
             admin_api_secret of the configuration, or into api_key and api_secret"
        ),
        Cause::NoRight { .. } if about == "Server Script" => anyhow!(
            "the API key's user may not see or write Server Scripts on {site}; give it the role Script Manager, \
             which System Manager does not include"
        ),
        Cause::NoRight { .. } => anyhow!(
            "the API key's user has no right to {about} on {site}; give it the roles System Manager and Agent \
             Manager for the time of the installation, or put an administrator's key into admin_api_key and \
             admin_api_secret"
        ),
        Cause::Validation { kind, .. } if kind == "CannotCreateStandardDoctypeError" => anyhow!(
            "{site} lets nobody change a DocType of its own while developer mode is off, which is as it should \
             be{told}; nothing of Deskbridge needs that, so please report this"
        ),
        Cause::Validation { .. } | Cause::Duplicate { .. } | Cause::NotUnique { .. } => {
            anyhow!("{site} refused it: {}{told}", Chain(error))
        }
        Cause::Connect(_) | Cause::Deadline(_) | Cause::Lost(_) => anyhow!(
            "{site} could not be asked: {}; run the command again, it goes on where it stopped",
            Chain(error)
        ),
        _ => anyhow!("{site}: {}{told}", Chain(error)),
    }
}
