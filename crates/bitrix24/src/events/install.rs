//! The request by which a portal hands an application its first tokens.

use super::{ApplicationToken, EventError, Form};
use crate::{Id, PortalBase, Tokens};

/// An application was installed.
///
/// Two requests say so. That of an application which uses only the interface is the event `ONAPPINSTALL`, with all
/// under `auth`; that of one with pages carries `AUTH_ID` and `REFRESH_ID`, part of it in the query. Both are sent by
/// anybody who knows the address: before the tokens are stored, look whether it [is the portal's](Self::is_of) and
/// whether the portal [accepts them](crate::Portal::accepts).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Installation {
    /// The first pair; the event of a later version may come without.
    pub tokens: Option<Tokens>,
    /// What every event will carry; that of an application with pages learns it from its first event.
    pub application_token: Option<ApplicationToken>,
    /// The portal's host.
    pub domain: Option<String>,
    /// The portal's id, which outlives a change of its host.
    pub member_id: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Who installed it: calls are made in this user's name.
    pub user: Option<Id>,
    /// Whether the portal says that it is not yet complete. Until it is, no events are sent.
    pub is_incomplete: bool,
}

impl Installation {
    /// Reads either request.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(query: &str, body: &[u8]) -> Result<Self, EventError> {
        let form = Form::parse(body)?;
        if let Some(event) = form.text(&["event"]) {
            if event.eq_ignore_ascii_case("ONAPPINSTALL") {
                return Ok(Self::of_event(&form));
            }
            return Err(EventError::Nameless);
        }
        let query = Form::parse(query.as_bytes())?;
        let text = |name: &str| {
            let found = form.text(&[name]).or_else(|| query.text(&[name]));
            found.map(str::to_owned)
        };
        let access_token = text("AUTH_ID").ok_or(EventError::Incomplete {
            event: "installation",
            field: "AUTH_ID",
        })?;
        Ok(Self {
            tokens: text("REFRESH_ID").map(|refresh| Tokens::new(&access_token, &refresh)),
            application_token: None,
            domain: text("DOMAIN"),
            member_id: text("member_id"),
            scopes: Vec::new(),
            user: None,
            is_incomplete: false,
        })
    }

    pub(super) fn of_event(form: &Form) -> Self {
        let auth = |name: &str| form.text(&["auth", name]);
        let text = |name: &str| auth(name).map(str::to_owned);
        let tokens = auth("access_token").zip(auth("refresh_token"));
        let scopes = auth("scope").unwrap_or_default().split([',', ' ']);
        let scopes = scopes.filter(|scope| !scope.is_empty());
        Self {
            tokens: tokens.map(|(access, refresh)| Tokens::new(access, refresh)),
            application_token: auth("application_token").and_then(ApplicationToken::new),
            domain: text("domain"),
            member_id: text("member_id"),
            scopes: scopes.map(str::to_owned).collect(),
            user: auth("user_id").and_then(|id| id.parse().ok()),
            is_incomplete: form.text(&["data", "INSTALLED"]) == Some("N"),
        }
    }

    /// Whether it names this portal. One that names none may be anybody's.
    pub fn is_of(&self, portal: &PortalBase) -> bool {
        let domain = self.domain.as_deref().unwrap_or_default();
        let host = |text: &str| {
            let text = text.split_once("://").map_or(text, |(_, host)| host);
            text.trim_end_matches('/').to_ascii_lowercase()
        };
        !domain.is_empty() && host(domain) == host(portal.host())
    }
}
