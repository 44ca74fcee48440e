//! What the journal needs to know of a body: whether it is believed, its keys, and what it is about.
//!
//! CareSoft numbers nothing, so equal bodies are held to be one event sent again; but only where saying the same twice
//! cannot mean two things. A deletion or merge is final however often it is told, and an event that carries the time of
//! the state it shows differs from every other one. Whatever else comes, such as a workflow's own body, is never taken
//! for a repetition: kept twice it can be looked through, thrown away it is lost. Its keys hold a number that is given
//! to each arrival.
//!
//! Not here: what is to be done about an event.

use std::{collections::BTreeMap, fmt::Write as _};

use caresoft::{
    Digest, Event, Id, Kind, Outline, Zone,
    signature::{self, Secret, Unverified},
};
use deskbridge_core::{DuplicateKey, NewEvent, OrderingKey, Reading};
use deskbridge_journal::Reader;
use deskbridge_store::Quarantined;
use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;

/// The name of this source in the journal.
pub const SOURCE: &str = "caresoft";
/// Headers that are kept with a body: what it was signed with, and what tells how it came to be.
const KEPT: [HeaderName; 4] = [
    SIGNATURE,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::USER_AGENT,
];
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature");
/// Letters that are kept of a header.
const HEADER_LETTERS_MAX: usize = 200;
/// Letters of an object, an action or a key. Longer ones come from nobody that is known.
const WORD_LETTERS_MAX: usize = 100;

/// A secret, and how long it is taken.
#[derive(Clone, Debug)]
pub struct LiveSecret {
    /// The secret.
    pub secret: Secret,
    /// Bodies that arrive then or later are not believed for it.
    pub until: Option<Timestamp>,
}

/// How it is told whether a body comes from CareSoft.
#[derive(Clone, Debug)]
pub enum Signing {
    /// It is signed with one of these.
    Secrets(Vec<LiveSecret>),
    /// Nothing is signed, which somebody chose: whoever knows the address is believed.
    Unsigned,
}

/// A CareSoft account, as its webhooks are received.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name of the configured connection, which its address ends with.
    pub connection: String,
    /// What its events say as `account_id` when they say one. One that says another stays unrouted.
    pub account_id: Option<Id>,
    /// How its events are verified.
    pub signing: Signing,
    /// Whether there are routes, which may take what nobody else knows: it is planned like everything else then.
    pub has_routes: bool,
}

/// Why an event will not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrouted {
    /// Nobody knows what it is about.
    #[error(transparent)]
    Unknown(#[from] caresoft::Unrouted),
    /// It is another account's.
    #[error("the event is of the account {said}, the connection is for {expected}")]
    OtherAccount {
        /// The account that the event names.
        said: Id,
        /// The account that is configured.
        expected: Id,
    },
}

impl Account {
    /// Whether a body with these headers that arrived at `at` is believed.
    ///
    /// # Errors
    /// When it is not signed with a secret that was live then.
    pub fn verify(
        &self,
        headers: &[(String, String)],
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), Unverified> {
        let Signing::Secrets(secrets) = &self.signing else {
            return Ok(());
        };
        let live = secrets
            .iter()
            .filter(|live| live.until.is_none_or(|until| at < until))
            .map(|live| &live.secret);
        let said = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE.as_str()));
        let said = said.map(|(_, value)| value.as_bytes());
        signature::verify(said, body, live).map(drop)
    }

    /// The event of a body; `arrival` is a number that no other arrival has.
    pub fn event(&self, headers: Vec<(String, String)>, body: Vec<u8>, arrival: u128) -> NewEvent {
        let event = Event::read(&body);
        let outline = event.outline();
        let kind = outline.kind();
        let raw_key = match is_told_once(&kind) {
            true => key(event.raw_digest()),
            false => key_of_arrival(&event, arrival),
        };
        let reading = self.reading(&event, &outline, kind, raw_key);
        NewEvent {
            connection: self.connection.clone(),
            body,
            headers,
            raw_key,
            reading,
        }
    }

    /// Why an event will not be carried out, if so.
    pub fn unrouted(&self, event: &Event<'_>) -> Option<Unrouted> {
        let outline = event.outline();
        self.why_unrouted(outline.kind(), &outline)
    }

    fn why_unrouted(&self, kind: Kind<'_>, outline: &Outline<'_>) -> Option<Unrouted> {
        if let (Some(said), Some(expected)) = (outline.account_id(), self.account_id)
            && said != expected
        {
            return Some(Unrouted::OtherAccount { said, expected });
        }
        match kind {
            Kind::Unrouted(why) => Some(Unrouted::Unknown(why)),
            _ => None,
        }
    }

    fn reading(
        &self,
        event: &Event<'_>,
        outline: &Outline<'_>,
        kind: Kind<'_>,
        raw_key: DuplicateKey,
    ) -> Reading {
        let canonical_key = match is_told_once(&kind) {
            true => key(event.canonical_digest()),
            false => raw_key,
        };
        let unrouted = self.why_unrouted(kind, outline);
        let own = match (outline.ordering_key(), &unrouted) {
            (Some(key), Some(Unrouted::OtherAccount { said, .. })) => {
                format!("account:{said}/{key}")
            }
            (Some(key), _) => key.to_string(),
            // It waits for nothing, and nothing waits for it.
            (None, _) => format!("event:{}", hex(&raw_key)),
        };
        let own = match is_plain(&own) {
            true => own,
            false => format!("digest:{}", Digest::of(own.as_bytes())),
        };
        Reading {
            source: SOURCE.to_owned(),
            object: word(outline.object()),
            action: word(outline.action()),
            canonical_key,
            ordering_key: OrderingKey::new(format!("{SOURCE}/{}/{own}", self.connection)),
            is_routed: match unrouted {
                None => true,
                Some(Unrouted::Unknown(_)) => self.has_routes,
                Some(Unrouted::OtherAccount { .. }) => false,
            },
        }
    }
}

/// The accounts that webhooks are received for, by the name of their connection.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    by_connection: BTreeMap<String, Account>,
}

impl Accounts {
    /// These accounts; of two with one name the last.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let named = |account: Account| (account.connection.clone(), account);
        Self {
            by_connection: accounts.into_iter().map(named).collect(),
        }
    }

    /// The account of that connection.
    pub fn of(&self, connection: &str) -> Option<&Account> {
        self.by_connection.get(connection)
    }
}

impl Reader for Accounts {
    /// Judged by the secrets that are configured now and were live when the body arrived.
    fn verify(&self, body: &Quarantined) -> Option<NewEvent> {
        let account = self.of(&body.connection)?;
        let believed = account.verify(&body.headers, &body.body, body.received_at);
        believed.is_ok().then(|| {
            let arrival = body.id.uuid().as_u128();
            account.event(body.headers.clone(), body.body.clone(), arrival)
        })
    }

    /// Of a connection that is not configured any more, and of what did not come as a webhook, what was read before.
    fn read(&self, event: &NewEvent) -> Reading {
        let account = self.of(&event.connection);
        match account.filter(|_| event.reading.source == SOURCE) {
            Some(account) => {
                let body = Event::read(&event.body);
                let outline = body.outline();
                account.reading(&body, &outline, outline.kind(), event.raw_key)
            }
            None => event.reading.clone(),
        }
    }
}

/// The headers that are kept with a body. None of them says who calls.
pub fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = KEPT.into_iter().filter_map(|name| {
        let value = headers.get(&name)?;
        let value = match value.to_str() {
            Ok(plain) if plain.len() <= HEADER_LETTERS_MAX => plain.to_owned(),
            _ => {
                let value = String::from_utf8_lossy(value.as_bytes());
                value.chars().take(HEADER_LETTERS_MAX).collect()
            }
        };
        Some((name.as_str().to_owned(), value))
    });
    kept.collect()
}

/// Whether an equal event can only be this one, sent again.
fn is_told_once(kind: &Kind<'_>) -> bool {
    match kind {
        Kind::TicketDeleted(_) | Kind::TicketsMerged(_) => true,
        Kind::Unrouted(_) => false,
        Kind::User(..)
        | Kind::Organization(..)
        | Kind::Ticket(..)
        | Kind::TicketAssigned(_)
        | Kind::Lead(..)
        | Kind::Deal(..)
        | Kind::DialerCall(..)
        | Kind::IncomingCall(..) => kind.version(&Zone::default()).is_some(),
    }
}

fn key(digest: Digest) -> DuplicateKey {
    DuplicateKey::new(*digest.as_bytes())
}

fn key_of_arrival(event: &Event<'_>, arrival: u128) -> DuplicateKey {
    let mut unlike_any_other = arrival.to_be_bytes().to_vec();
    unlike_any_other.extend_from_slice(event.raw_digest().as_bytes());
    key(Digest::of(&unlike_any_other))
}

fn hex(key: &DuplicateKey) -> String {
    let mut digits = String::with_capacity(64);
    for byte in key.as_bytes() {
        // Writing to a text does not fail.
        write!(digits, "{byte:02x}").ok();
    }
    digits
}

/// What a database takes as a key: not every one takes every letter.
fn is_plain(text: &str) -> bool {
    text.len() <= WORD_LETTERS_MAX && !text.chars().any(char::is_control)
}

/// A word of the sender, made short and printable.
fn word(said: Option<&str>) -> String {
    let said = said.unwrap_or_default();
    match is_plain(said) {
        true => said.to_owned(),
        false => {
            let letters = said.chars().filter(|letter| !letter.is_control());
            letters.take(WORD_LETTERS_MAX).collect()
        }
    }
}

#[cfg(test)]
mod tests;
