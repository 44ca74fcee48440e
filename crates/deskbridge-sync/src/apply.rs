//! Carrying out what was planned: the edge between plans and the remote systems.
//!
//! Every write can be carried out twice without harm, and may be: the record is looked for by its source key before
//! anything is written, whatever the journal knows of earlier attempts. The helpdesk keeps the key in a unique field
//! ([`CUSTOM_FIELDS`]), so that two writers at once make one document; the CRM keeps it in `ORIGIN_ID`.
//!
//! A write is carried out as it is wanted by then ([`current`](mod@crate::decide::current)): what later plans replaced
//! is left to them.
//!
//! What was found is compared with what is wanted by functions of values, and only what differs is written. What
//! people made or changed by hand is adopted or left.

mod case;
mod comment;
mod contact;
mod custom_fields;
mod customer;
mod end;
mod fields;
mod helpdesk;
mod hooks;
mod join;
mod links;
mod person;
mod stop;
mod ticket;
mod unsure;
mod words;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use deskbridge_core::{Clock, Effect, Language, Outcome};
use deskbridge_hooks::Hooks;
use deskbridge_identity::Country;
use deskbridge_journal::Handler;
use deskbridge_store::Store;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use serde_json::Value;

use self::{helpdesk::Helpdesk, links::Links, stop::Stop, unsure::Unsure};
use crate::decide::{
    current::{Making, current, making},
    write::{SourceKey, Write},
};

pub use self::{
    case::ORIGINATOR_ID,
    custom_fields::{CUSTOM_FIELDS, CustomField, KEY_FIELD},
    hooks::told,
};

/// How often a write is begun anew at once, because somebody else wrote in between.
const BEGINNINGS_MAX: usize = 4;

const DELETED_IN_CARESOFT: &str = "deleted in CareSoft";

/// A configured remote system, as its client.
#[derive(Clone, Debug)]
pub struct Connected<C> {
    /// The name of the connection, which links are recorded with.
    pub connection: String,
    /// Who speaks to it.
    pub client: C,
}

/// Where the records of one CareSoft connection are written to, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// The helpdesk.
    pub helpdesk: Connected<frappe::Client>,
    /// The zone of its clock; where `None`, the site is asked.
    pub zone: Option<TimeZone>,
    /// The CRM, for leads and deals.
    pub crm: Option<Connected<bitrix24::Client>>,
    /// Where CareSoft's phone numbers are dialled.
    pub country: Country,
    /// What sentences are written in that the hub adds to tickets.
    pub language: Language,
    /// The `raised_by` of tickets whose customer has no e-mail address.
    ///
    /// A ticket without any gets the hub's own address, and with it the hub's own contact. Take one that no contact
    /// has and that mail cannot reach, such as [`NOBODY`].
    pub raised_by: String,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
}

/// An address that cannot have a mailbox: see [`Target::raised_by`].
pub const NOBODY: &str = "nobody@caresoft.invalid";

/// Handlers for all kinds of writes, with a target for each CareSoft connection by its name.
pub fn handlers(
    targets: BTreeMap<String, Target>,
    store: &Store,
    clock: &Clock,
) -> BTreeMap<&'static str, Arc<dyn Handler>> {
    let place = |(name, target): (String, Target)| {
        let links = Links::new(store, clock, &target);
        (name, Place::new(target, links, clock))
    };
    let writer = Arc::new(Writer {
        places: targets.into_iter().map(place).collect(),
    });
    Write::KINDS
        .into_iter()
        .map(|kind| (kind, Arc::clone(&writer) as Arc<dyn Handler>))
        .collect()
}

struct Writer {
    places: BTreeMap<String, Place>,
}

/// A target at work.
struct Place {
    helpdesk: Helpdesk,
    crm: Option<bitrix24::Client>,
    links: Links,
    country: Country,
    language: Language,
    raised_by: String,
    hooks: Arc<Hooks>,
    unsure: Unsure,
}

impl Handler for Writer {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async move {
            match self.carry_out(effect).await {
                Ok(result) => Outcome::Done(result),
                Err(stop) => stop.into(),
            }
        })
    }
}

impl Writer {
    async fn carry_out(&self, effect: &Effect) -> Result<Value, Stop> {
        let write: Write = serde_json::from_value(effect.intent.payload.clone())
            .map_err(|error| Stop::refused(format!("the stored write cannot be read: {error}")))?;
        let connection = key_of(&write).connection();
        let place = self.places.get(connection).ok_or_else(|| {
            Stop::not_sent(format!(
                "no CareSoft connection is called `{connection}` in the configuration"
            ))
        })?;
        let mut begun = 1;
        loop {
            match Box::pin(place.carry_out(&write, effect.look_first)).await {
                Err(Stop::Again(_)) if begun < BEGINNINGS_MAX => begun += 1,
                ended => return ended,
            }
        }
    }
}

impl Place {
    fn new(target: Target, links: Links, clock: &Clock) -> Self {
        Self {
            helpdesk: Helpdesk::new(target.helpdesk.client, target.zone),
            // People who wait go first.
            crm: target
                .crm
                .map(|crm| crm.client.in_lane(bitrix24::Lane::Background)),
            links,
            country: target.country,
            language: target.language,
            raised_by: target.raised_by,
            hooks: target.hooks,
            unsure: Unsure::new(clock),
        }
    }

    /// Carries out a write; `look_first` when an earlier attempt may have run.
    async fn carry_out(&self, write: &Write, look_first: bool) -> Result<Value, Stop> {
        let facts = self.links.facts(key_of(write)).await?;
        let Some(write) = current(write.clone(), &facts)? else {
            return Err(Stop::NotWanted(DELETED_IN_CARESOFT));
        };
        let wanted = self.wanted(write).await?;
        let result = match &wanted.write {
            Write::SaveCustomer(write) => self.save_customer(write).await?,
            Write::SaveContact(write) => self.save_contact(write).await?,
            Write::SaveTicket(write) => self.save_ticket(write).await?,
            Write::AddComment(write) => self.add_comment(write).await?,
            Write::EndTicket(write) => self.end_ticket(write).await?,
            Write::Join(write) => self.join(write).await?,
            Write::SaveCase(write) => self.save_case(write, look_first).await?,
        };
        self.was_written(wanted, result).await
    }

    /// Says that a record which is not found in the helpdesk may be written there. What people took away stays away.
    async fn never_written(&self, doctype: &str, key: &SourceKey) -> Result<(), Stop> {
        let Some(name) = self.links.document(key, doctype).await? else {
            return Ok(());
        };
        match self.helpdesk.client.get(doctype, &name).await {
            // What others made stands there by now, or somebody took the key away.
            Ok(_other) => Err(Stop::NotWanted(
                "not known by its key any more in the helpdesk",
            )),
            Err(error) if matches!(error.cause, frappe::Cause::Missing { .. }) => {
                Err(Stop::NotWanted("deleted in the helpdesk"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the document of a record that a write needs and that is not there: the write that was to make it was given
    /// up, and nothing waits for somebody to revive it, least of all a later one that will make it.
    async fn make(&self, doctype: &str, key: &SourceKey) -> Result<(), Stop> {
        let facts = self.links.facts(key).await?;
        let write = match making(key, &facts)? {
            Making::By(write) => *write,
            Making::NotWanted => return Err(Stop::NotWanted(DELETED_IN_CARESOFT)),
            Making::NotPlanned => {
                return Err(Stop::not_sent(format!(
                    "the {doctype} of {key} is not in the helpdesk yet"
                )));
            }
        };
        let wanted = self.wanted(write).await?;
        let result = match &wanted.write {
            Write::SaveTicket(write) => self.save_ticket(write).await?,
            Write::SaveContact(write) => self.save_contact(write).await?,
            Write::SaveCustomer(write) => self.save_customer(write).await?,
            // Nothing else makes a document that others need.
            Write::AddComment(_) | Write::EndTicket(_) | Write::Join(_) | Write::SaveCase(_) => {
                return Ok(());
            }
        };
        self.was_written(wanted, result).await.map(drop)
    }
}

fn key_of(write: &Write) -> &SourceKey {
    match write {
        Write::SaveCustomer(write) => &write.key,
        Write::SaveContact(write) => &write.key,
        Write::SaveTicket(write) => &write.key,
        Write::AddComment(write) => &write.key,
        Write::EndTicket(write) => &write.key,
        Write::Join(write) => &write.key,
        Write::SaveCase(write) => &write.key,
    }
}
