//! From an event to what is to be done about it: reads what is known, lets [`decide`] decide, and hands on what
//! that comes to.

use std::{collections::BTreeMap, sync::Arc};

use caresoft::{
    Digest, Fields, Json, Kind, Save,
    object::{
        case::{Deal, Lead},
        person::User,
        ticket::Ticket,
    },
};
use deskbridge_core::{Chain, Event, Failure, Outcome};
use deskbridge_journal::{Planned, Planner};
use deskbridge_store::Store;
use futures_util::future::BoxFuture;

use crate::{
    decide::{
        self,
        draft::{Held, Known, Plan, Unreadable},
    },
    reconcile::zone_of,
    settings::Account,
};

/// The source of webhooks.
pub const WEBHOOKS: &str = "caresoft";
/// The source of rows that were read from the REST API: each a body `{"object": "ticket", "row": {…}}`, where the object
/// may also be `user`, `lead` and `deal`.
pub const ROWS: &str = "caresoft-rest";
/// How often it is read what else has to be known: a call needs its tickets, and nothing needs more than that.
const READINGS_MAX: usize = 4;

/// Plans the events of CareSoft accounts, webhooks and rows alike.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    accounts: Arc<BTreeMap<String, Account>>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Accounts")
            .field(&self.accounts.keys())
            .finish()
    }
}

/// Why an event is not planned.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("what is known could not be read")]
    Read(#[from] deskbridge_store::Error),
    #[error("an event could not be planned")]
    Decide(#[from] Unreadable),
    #[error("reading what is known came to no end")]
    Endless,
}

impl Accounts {
    /// The accounts, which are told apart by the names of their connections.
    pub fn new(store: Store, accounts: impl IntoIterator<Item = Account>) -> Self {
        let accounts = accounts.into_iter();
        let accounts = accounts.map(|account| (account.connection.clone(), account));
        Self {
            store,
            accounts: Arc::new(accounts.collect()),
        }
    }

    async fn plan(&self, event: &Event) -> Result<Planned, Failed> {
        let (arrival, unrouted) = (&event.arrival, |why: String| Ok(Planned::Unrouted(why)));
        let Some(account) = self.accounts.get(&arrival.connection) else {
            return unrouted(format!(
                "no [[caresoft]] named {} is configured",
                arrival.connection
            ));
        };
        let read = caresoft::Event::read(&arrival.body);
        let kind = match arrival.reading.source.as_str() {
            ROWS => read.json().map_err(|error| error.to_string()).and_then(row),
            _ => Ok(read.kind()),
        };
        let (said, expected) = (read.account_id(), account.account_id);
        if let (Some(said), Some(expected)) = (said, expected)
            && said.get() != expected
        {
            return Ok(Planned::Misdirected(format!(
                "the event is of the CareSoft account {said}, and {} is configured for {expected}",
                account.connection
            )));
        }
        let kind = match kind {
            Ok(Kind::Unrouted(why)) => return unrouted(why.to_string()),
            Ok(kind) => kind,
            Err(why) => return unrouted(why),
        };
        let account = &Account {
            zone: zone_of(arrival, account.zone),
            ..account.clone()
        };
        let plan = self.decide(account, &kind, read.canonical_digest()).await?;
        for note in &plan.notes {
            tracing::warn!(event.id = %event.id, connection = account.connection, %note, "The mapping does not cover an event");
        }
        Ok(planned(account, plan))
    }

    async fn decide(
        &self,
        account: &Account,
        kind: &Kind<'_>,
        digest: Digest,
    ) -> Result<Plan, Failed> {
        let mut held = Held::default();
        for _ in 0..READINGS_MAX {
            let needed = decide::needed(account, kind, &held)?;
            if needed.is_empty() {
                return Ok(decide::plan(account, kind, digest, &held)?);
            }
            let records = needed
                .iter()
                .map(|record| record.remote(&account.connection));
            let known = self.store.known(records.collect()).await?;
            for (record, known) in needed.into_iter().zip(known) {
                let (revision, facts) = (known.revision, known.facts);
                held.insert(record, Known { revision, facts });
            }
        }
        Err(Failed::Endless)
    }
}

impl Planner for Accounts {
    fn plan<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Outcome<Planned>> {
        Box::pin(async {
            match self.plan(event).await {
                Ok(planned) => Outcome::Done(planned),
                Err(error) => {
                    let failure = Failure::new(Chain(&error).to_string());
                    match error {
                        Failed::Read(_) => Outcome::NotSent(failure),
                        Failed::Decide(_) | Failed::Endless => Outcome::Refused(failure),
                    }
                }
            }
        })
    }
}

/// A row of the REST API as an event that shows the same; what it is in words where it is none that is known.
fn row<'e>(body: &'e Json<'e>) -> Result<Kind<'e>, String> {
    let body = Fields::of(body);
    let object = body.word("object").unwrap_or_default();
    let row = body.object("row");
    let kind = match object.as_str() {
        "user" => User::of_row(row).map(|user| Kind::User(Save::Update, user)),
        "ticket" => Ticket::of_row(row).map(|ticket| Kind::Ticket(Save::Update, ticket)),
        "lead" => Lead::of_row(row).map(|lead| Kind::Lead(Save::Update, lead)),
        "deal" => Deal::of_row(row).map(|deal| Kind::Deal(Save::Update, deal)),
        _ => return Err(format!("rows of {object:?} are not known")),
    };
    kind.ok_or_else(|| format!("the {object} has no id"))
}

fn planned(account: &Account, plan: Plan) -> Planned {
    let known = plan.known.into_iter();
    let known = known.map(|(record, known)| deskbridge_store::Known {
        record: record.remote(&account.connection),
        revision: known.revision,
        facts: known.facts,
    });
    Planned::Do {
        effects: plan.effects,
        links: plan.links,
        known: known.collect(),
    }
}

#[cfg(test)]
mod tests;
