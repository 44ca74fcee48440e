//! Local applications: how they are installed, and the tokens with which they call.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::data::Application;

/// How long a refresh token can be used.
const REFRESH_TOKEN_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);

/// The portal, as its authorization server knows it.
pub(crate) const MEMBER_ID: &str = "a0simulatedportal0000000000000001";

/// All applications of a portal.
#[derive(Debug, Default)]
pub(crate) struct Applications {
    kept: Vec<Kept>,
    issued: u64,
}

#[derive(Debug)]
struct Kept {
    application: Application,
    /// Access tokens and when they expire.
    access: Vec<(String, Timestamp)>,
    /// The one refresh token in force, and when it expires; `None` while it is not installed.
    refresh: Option<(String, Timestamp)>,
    refreshes: u64,
}

/// The tokens that an application holds after an installation or a refresh.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// Signs calls.
    pub access_token: String,
    /// Buys the next pair, once.
    pub refresh_token: String,
    /// How long the access token lives, in seconds.
    pub expires_in_s: u32,
}

/// How an application stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Its code.
    pub client_id: String,
    /// Whether it may call.
    pub is_installed: bool,
    /// How often its tokens were renewed.
    pub refreshes: u64,
}

/// The portal has no such application.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the portal has no application {client_id:?}")]
pub struct UnknownApplication {
    /// The code that was asked for.
    pub client_id: String,
}

/// What a token is worth.
#[derive(Debug, PartialEq)]
pub(crate) enum Token<'a> {
    /// It signs calls of this application, the one of this number.
    Good(usize, &'a Application),
    Expired,
    Unknown,
}

/// Why the authorization server gives no tokens: its code and description.
pub(crate) type Denial = (&'static str, &'static str);

impl Applications {
    pub(crate) fn new(declared: Vec<Application>) -> Self {
        let kept = declared.into_iter().map(|application| Kept {
            application,
            access: Vec::new(),
            refresh: None,
            refreshes: 0,
        });
        Self {
            kept: kept.collect(),
            issued: 0,
        }
    }

    /// As they were written down.
    pub(crate) fn declared(&self) -> Vec<Application> {
        let kept = self.kept.iter();
        kept.map(|kept| kept.application.clone()).collect()
    }

    /// An application by its code.
    pub(crate) fn find(&self, client_id: &str) -> Option<&Application> {
        let mut declared = self.kept.iter().map(|kept| &kept.application);
        declared.find(|application| application.client_id == client_id)
    }

    /// Those that may call, and those that may not yet.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let standing = |kept: &Kept| Standing {
            client_id: kept.application.client_id.clone(),
            is_installed: kept.refresh.is_some(),
            refreshes: kept.refreshes,
        };
        self.kept.iter().map(standing).collect()
    }

    /// Whether events are sent to an application: not before its installation is complete.
    pub(crate) fn is_installed(&self, client_id: &str) -> bool {
        let standings = self.standings();
        let own = standings.iter().find(|own| own.client_id == client_id);
        own.is_some_and(|own| own.is_installed)
    }

    /// Installs an application anew: tokens of earlier installations no longer work.
    pub(crate) fn install(&mut self, client_id: &str, now: Timestamp) -> Option<Tokens> {
        let at = self.position(client_id)?;
        self.remove(client_id);
        self.issue(at, now)
    }

    /// Takes all tokens from an application; whether there is one.
    pub(crate) fn remove(&mut self, client_id: &str) -> bool {
        let kept = self.kept_mut(client_id);
        if let Some(kept) = kept {
            kept.access.clear();
            kept.refresh = None;
            return true;
        }
        false
    }

    /// Lets all access tokens of an application expire; whether there is one.
    pub(crate) fn expire(&mut self, client_id: &str, now: Timestamp) -> bool {
        let Some(kept) = self.kept_mut(client_id) else {
            return false;
        };
        kept.access.iter_mut().for_each(|(_, until)| *until = now);
        true
    }

    /// What an access token is worth.
    pub(crate) fn token(&self, access_token: &str, now: Timestamp) -> Token<'_> {
        for (number, kept) in self.kept.iter().enumerate() {
            match kept.access.iter().find(|(token, _)| token == access_token) {
                Some((_, until)) if now < *until => return Token::Good(number, &kept.application),
                Some(_) => return Token::Expired,
                None => {}
            }
        }
        Token::Unknown
    }

    /// New tokens for a refresh token, which from now on is worth nothing.
    pub(crate) fn refresh(
        &mut self,
        client_id: &str,
        client_secret: &str,
        refresh_token: &str,
        now: Timestamp,
    ) -> Result<(Tokens, &Application), Denial> {
        let denied = ("invalid_client", "The client credentials are invalid");
        let at = self.position(client_id).ok_or(denied)?;
        let kept = self.kept.get_mut(at).ok_or(denied)?;
        if kept.application.client_secret != client_secret {
            return Err(denied);
        }
        match &kept.refresh {
            Some((token, until)) if token == refresh_token && now < *until => {}
            _ => {
                return Err((
                    "invalid_grant",
                    "The refresh token is invalid or has expired",
                ));
            }
        }
        kept.refreshes += 1;
        let tokens = self.issue(at, now).ok_or(denied)?;
        let kept = self.kept.get(at).ok_or(denied)?;
        Ok((tokens, &kept.application))
    }

    fn issue(&mut self, at: usize, now: Timestamp) -> Option<Tokens> {
        self.issued += 1;
        let number = self.issued;
        let kept = self.kept.get_mut(at)?;
        let expires_in_s = kept.application.access_token_for_s;
        let tokens = Tokens {
            access_token: format!("acc3ss{number:06}t0k3n{at}"),
            refresh_token: format!("r3fr3sh{number:06}t0k3n{at}"),
            expires_in_s,
        };
        let until = now + SignedDuration::from_secs(expires_in_s.into());
        kept.access.push((tokens.access_token.clone(), until));
        kept.refresh = Some((tokens.refresh_token.clone(), now + REFRESH_TOKEN_FOR));
        Some(tokens)
    }

    fn position(&self, client_id: &str) -> Option<usize> {
        let mut kept = self.kept.iter();
        kept.position(|kept| kept.application.client_id == client_id)
    }

    fn kept_mut(&mut self, client_id: &str) -> Option<&mut Kept> {
        let at = self.position(client_id)?;
        self.kept.get_mut(at)
    }
}
