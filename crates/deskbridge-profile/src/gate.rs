//! Who may see or change what: asked of the helpdesk, as the caller, before anything is fetched.
//!
//! Yes is remembered for a few seconds per caller and record, no never: a right that was just given works at
//! once.

use std::{sync::Arc, time::Duration};

use deskbridge_core::{Chain, Clock, Language};
use deskbridge_http::{ApiError, Caller, Code};
use frappe::{Cause, Credential, Document, Filter, List, Name, Order, Permission, Right, Verdict};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

/// Callers and rights that are remembered at most.
const REMEMBERED_MAX: usize = 20_000;

/// How long the helpdesk's word is good.
#[derive(Clone, Copy, Debug)]
pub struct GateTimes {
    /// Who a caller is.
    pub identity_for: Duration,
    /// That a caller has a right to a record.
    pub right_for: Duration,
}

impl Default for GateTimes {
    fn default() -> Self {
        Self {
            identity_for: Duration::from_secs(30),
            right_for: Duration::from_secs(5),
        }
    }
}

/// A caller who has been found to be an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// The user's name.
    pub user_id: String,
    /// The language in which the user reads, if the helpdesk knows.
    pub language: Option<Language>,
    /// Whether the user administers the site.
    pub is_system_manager: bool,
}

/// How a request came, as far as rights depend on it.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The credential.
    pub caller: Caller,
    /// Whether its verb may change something, so that a browser's CSRF token counts.
    pub is_unsafe: bool,
    /// The language that the request asks for in so many words.
    pub wanted_language: Option<Language>,
    /// The language that the caller's browser prefers.
    pub accepted_language: Language,
}

impl Visit {
    /// The language in which an agent is answered: the one asked for, else the one of the helpdesk, where the
    /// answer is shown, else the browser's.
    pub(crate) fn language(&self, agent: &Agent) -> Language {
        self.wanted_language
            .or(agent.language)
            .unwrap_or(self.accepted_language)
    }
}

/// Asks the helpdesk.
#[derive(Debug)]
pub(crate) struct Gate {
    site: frappe::Site,
    hub: frappe::Client,
    clock: Clock,
    times: GateTimes,
    agents: Cache<[u8; 32], (Timestamp, Arc<Agent>)>,
    rights: Cache<RightKey, Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RightKey {
    caller: [u8; 32],
    csrf_token: Option<[u8; 32]>,
    doctype: &'static str,
    name: String,
    right: Right,
}

impl Gate {
    /// A gate to a site, which asks with its own user only whether a caller's user is enabled.
    pub(crate) fn new(
        site: frappe::Site,
        hub: frappe::Client,
        clock: Clock,
        times: GateTimes,
    ) -> Self {
        let (agents, rights) = (Cache::new(REMEMBERED_MAX), Cache::new(REMEMBERED_MAX));
        Self {
            site,
            hub,
            clock,
            times,
            agents,
            rights,
        }
    }

    /// The agent who is calling.
    ///
    /// # Errors
    /// When nobody is logged in, the key is wrong, the user is disabled or no agent, or the helpdesk cannot
    /// be asked.
    pub(crate) async fn agent(&self, visit: &Visit) -> Result<Arc<Agent>, ApiError> {
        let fingerprint = visit.caller.fingerprint();
        let now = self.clock.now();
        if let Some((until, agent)) = self.agents.get(&fingerprint)
            && now < until
        {
            return Ok(agent);
        }
        let agent = Arc::new(self.identify(visit).await?);
        let until = later(now, self.times.identity_for);
        self.agents.insert(fingerprint, (until, Arc::clone(&agent)));
        Ok(agent)
    }

    async fn identify(&self, visit: &Visit) -> Result<Agent, ApiError> {
        if let Caller::Trusted { user } = &visit.caller {
            let language = self.require_enabled(user).await?;
            if !self.is_agent(user).await? {
                let refused = ApiError::new(Code::NotAnAgent, "");
                return Err(match language {
                    Some(language) => refused.in_language(language),
                    None => refused,
                });
            }
            return Ok(Agent {
                user_id: user.clone(),
                language,
                is_system_manager: false,
            });
        }
        let user = match self.as_caller(visit)?.who_am_i().await {
            Ok(user) => user,
            // Only Helpdesk knows agents; a site without it has none.
            Err(error) => return Err(refused(&error, "")),
        };
        let language = user.language.as_deref().and_then(Language::of_tag);
        let in_language = |error: ApiError| match language {
            Some(language) => error.in_language(language),
            None => error,
        };
        if !user.is_agent {
            return Err(in_language(ApiError::new(Code::NotAnAgent, "")));
        }
        self.require_enabled(&user.user_id)
            .await
            .map_err(in_language)?;
        Ok(Agent {
            user_id: user.user_id,
            language,
            is_system_manager: user.is_admin,
        })
    }

    /// Refuses a user who is switched off, whose key Frappe still accepts; the language of one who is not.
    async fn require_enabled(&self, user_id: &str) -> Result<Option<Language>, ApiError> {
        let filters = [Filter::eq("name", user_id)];
        let user = self
            .hub
            .get_value("User", &filters, &["enabled", "language"])
            .await;
        match user {
            Ok(Some(user)) if user.check("enabled") => {
                Ok(user.trimmed("language").and_then(Language::of_tag))
            }
            Ok(Some(_)) => Err(ApiError::new(Code::UserDisabled, "")),
            Ok(None) => Err(ApiError::new(Code::HelpdeskFault, "").because(
                "the hub's own user cannot read whether the caller's user is enabled; give it the \
                 role System Manager, or read access to User",
            )),
            Err(error) => Err(hub_failed(&error)),
        }
    }

    /// Whether somebody else's user works on tickets, by the rule of Helpdesk's own `is_agent`, which can only
    /// be asked by the user in question.
    async fn is_agent(&self, user_id: &str) -> Result<bool, ApiError> {
        let user = self.hub.get("User", &Name::new(user_id)).await;
        let roles = user.map_err(|error| hub_failed(&error))?.rows("roles");
        let is_agent =
            |role: &Document| matches!(role.text("role"), Some("Agent" | "Agent Manager"));
        if roles.iter().any(is_agent) {
            return Ok(true);
        }
        let filters = [Filter::eq("name", user_id), Filter::eq("is_active", 1)];
        let agent = self.hub.get_value("HD Agent", &filters, &["name"]).await;
        Ok(agent.map_err(|error| hub_failed(&error))?.is_some())
    }

    /// Makes sure that the caller has a right to a document. `subject` names the document in errors.
    ///
    /// # Errors
    /// When the caller has it not, the document is not there, or the helpdesk cannot be asked.
    pub(crate) async fn require(
        &self,
        visit: &Visit,
        doctype: &'static str,
        name: &str,
        right: Right,
    ) -> Result<(), ApiError> {
        let subject = format!("{doctype} {name}");
        self.require_of(visit, (doctype, Some(name)), right, &subject)
            .await
    }

    /// Makes sure that the caller may make documents of a DocType.
    ///
    /// # Errors
    /// When the caller may not, or the helpdesk cannot be asked.
    pub(crate) async fn require_create(
        &self,
        visit: &Visit,
        doctype: &'static str,
    ) -> Result<(), ApiError> {
        self.require_of(visit, (doctype, None), Right::Create, doctype)
            .await
    }

    async fn require_of(
        &self,
        visit: &Visit,
        (doctype, name): (&'static str, Option<&str>),
        right: Right,
        subject: &str,
    ) -> Result<(), ApiError> {
        if matches!(visit.caller, Caller::Trusted { .. }) {
            // The helpdesk has checked before it called.
            return Ok(());
        }
        let key = RightKey {
            caller: visit.caller.fingerprint(),
            csrf_token: csrf_fingerprint(visit),
            doctype,
            name: name.unwrap_or_default().to_owned(),
            right,
        };
        let now = self.clock.now();
        if self.rights.get(&key).is_some_and(|until| now < until) {
            return Ok(());
        }
        let client = self.as_caller(visit)?;
        let permission = match name {
            Some(name) => client.may(doctype, &Name::new(name), right).await,
            None => self.may_in_general(&client, doctype, right).await,
        };
        match permission {
            Ok(Permission::Allowed) => {
                self.rights.insert(key, later(now, self.times.right_for));
                Ok(())
            }
            Ok(Permission::Denied) => Err(ApiError::new(Code::NoRight, subject)),
            Ok(Permission::Missing) => Err(ApiError::new(Code::NotFound, subject)),
            Ok(Permission::NotLoggedIn { .. }) => Err(ApiError::new(Code::NotLoggedIn, "")),
            Ok(Permission::WrongKey) => Err(ApiError::new(Code::WrongKey, "")),
            Err(error) => Err(refused(&error, subject)),
        }
    }

    /// Asks for a right to a DocType. A site that wants a document is asked about any one: the right to make
    /// documents is the same for all.
    async fn may_in_general(
        &self,
        client: &frappe::Client,
        doctype: &str,
        right: Right,
    ) -> Result<Permission, frappe::Error> {
        let answered = client.may_with_doctype(doctype, right).await;
        let wants_a_document = match &answered {
            Ok(permission) => *permission == Permission::Missing,
            Err(error) => error.verdict() == Verdict::Never,
        };
        if !wants_a_document {
            return answered;
        }
        let any = List::new().order_by("creation", Order::Ascending).limit(1);
        match self
            .hub
            .list(doctype, &any)
            .await?
            .first()
            .and_then(Document::name)
        {
            Some(name) => client.may(doctype, &name, right).await,
            None => Ok(Permission::Denied),
        }
    }

    fn as_caller(&self, visit: &Visit) -> Result<frappe::Client, ApiError> {
        let caller = match &visit.caller {
            Caller::Authorization(header) => frappe::Caller::authorization(header.expose().trim()),
            Caller::Session { sid, csrf_token } => {
                let session = frappe::Caller::session(sid.expose());
                let csrf_token = csrf_token.as_ref().map(deskbridge_core::Secret::expose);
                if visit.is_unsafe {
                    session.and_then(|session| session.unsafe_request(csrf_token))
                } else {
                    session
                }
            }
            Caller::Trusted { .. } => {
                return Err(ApiError::new(Code::Internal, "")
                    .because("a trusted caller has no credential of their own"));
            }
        };
        // Frappe treats a header that it cannot read as no login at all.
        let caller = caller
            .map_err(|error| ApiError::new(Code::NotLoggedIn, "").because(error.to_string()))?;
        Ok(self.site.user(Credential::Caller(caller)))
    }
}

/// The CSRF token as far as the answer depends on it.
fn csrf_fingerprint(visit: &Visit) -> Option<[u8; 32]> {
    use sha2::Digest as _;
    match &visit.caller {
        Caller::Session { csrf_token, .. } if visit.is_unsafe => {
            let token = csrf_token.as_ref().map_or("", |token| token.expose());
            Some(sha2::Sha256::digest(token.as_bytes()).into())
        }
        Caller::Session { .. } | Caller::Authorization(_) | Caller::Trusted { .. } => None,
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| now.checked_add(by).ok())
        .unwrap_or(now)
}

/// What a refusal of the caller's own request means for the caller.
fn refused(error: &frappe::Error, subject: &str) -> ApiError {
    let code = match &error.cause {
        Cause::WrongKey => Code::WrongKey,
        Cause::NoRight { .. } | Cause::SessionExpired => Code::NotLoggedIn,
        Cause::Csrf => Code::CsrfRefused,
        Cause::Unsendable(_) => Code::InvalidParameter,
        _ => return hub_failed(error),
    };
    ApiError::new(code, subject).because(Chain(error).to_string())
}

/// What a failed request to the helpdesk means for the caller, when the caller is not to blame.
pub(crate) fn hub_failed(error: &frappe::Error) -> ApiError {
    let why = Chain(error).to_string();
    match error.verdict() {
        Verdict::RetryAfter(after) => {
            let seconds = after.map_or(5, |after| after.as_secs().max(1));
            ApiError::new(Code::HelpdeskUnreachable, "")
                .retry_after(seconds)
                .because(why)
        }
        Verdict::Never | Verdict::LookFirst => ApiError::new(Code::HelpdeskFault, "").because(why),
    }
}
