//! Carrying out what was planned: the edge between plans and CRM and helpdesk.
//!
//! Every write can be carried out twice without harm, and may be. What the CRM answered to the registration and to the
//! end of a call is the result of those effects, where later ones find it. A registration that was given up does not
//! hold up the others: each ends with that as its reason.

mod activity;
mod cards;
mod custom_fields;
mod finish;
mod helpdesk;
mod hooks;
mod link;
mod recording;
mod registration;
mod stop;
mod task;
mod unsure;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bitrix24::Lane;
use deskbridge_core::{Clock, Effect, EffectId, Outcome, Urgency};
use deskbridge_hooks::Hooks;
use deskbridge_journal::Handler;
use deskbridge_store::Store;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Semaphore;

pub use self::{
    custom_fields::{CUSTOM_FIELDS, CustomField, KEY_FIELD},
    registration::{FinishedCall, RegisteredCall},
};
use self::{hooks::Besides, stop::Stop, unsure::Unsure};
use crate::{
    decide::write::{CallKey, Payload, Write},
    people::Directory,
    settings::Settings,
};

/// Recordings that are converted or uploaded at once, so that calls that go on are not held up.
const RECORDINGS_AT_ONCE: usize = 3;

/// What the calls of one PBX are written to, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// What becomes of them.
    pub settings: Arc<Settings>,
    /// The CRM.
    pub crm: bitrix24::Client,
    /// The helpdesk, if it is told.
    pub helpdesk: Option<frappe::Client>,
    /// Who answers which phone.
    pub directory: Directory,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
}

/// Handlers for all kinds of writes, with a target for each PBX.
pub fn handlers(
    targets: Vec<Target>,
    store: &Store,
    clock: &Clock,
    rng: &mut fastrand::Rng,
) -> BTreeMap<&'static str, Arc<dyn Handler>> {
    let recordings = Arc::new(Semaphore::new(RECORDINGS_AT_ONCE));
    let places = targets.into_iter().map(|target| {
        let place = Place {
            live: target.crm.in_lane(Lane::Interactive),
            crm: target.crm.in_lane(Lane::Background),
            helpdesk: target.helpdesk,
            directory: target.directory,
            hooks: target.hooks,
            store: store.clone(),
            clock: clock.clone(),
            recordings: Arc::clone(&recordings),
            unsure: Unsure::new(clock),
            rng: Mutex::new(rng.fork()),
            settings: target.settings,
        };
        (place.settings.connection.clone(), place)
    });
    let writer = Arc::new(Writer {
        places: places.collect(),
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
    settings: Arc<Settings>,
    /// Goes before everything else.
    live: bitrix24::Client,
    crm: bitrix24::Client,
    helpdesk: Option<frappe::Client>,
    directory: Directory,
    hooks: Arc<Hooks>,
    store: Store,
    clock: Clock,
    recordings: Arc<Semaphore>,
    unsure: Unsure,
    rng: Mutex<fastrand::Rng>,
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

    fn attempt_for(&self, effect: &Effect) -> Option<Duration> {
        (effect.intent.kind == Write::ATTACH).then_some(recording::ATTACHED_WITHIN)
    }
}

impl Writer {
    async fn carry_out(&self, effect: &Effect) -> Result<Value, Stop> {
        let payload: Payload = serde_json::from_value(effect.intent.payload.clone())
            .map_err(|error| Stop::refused(format!("the stored write cannot be read: {error}")))?;
        let key = key_of(&payload.write);
        let connection = key.connection();
        let place = self.places.get(connection).ok_or_else(|| {
            Stop::not_sent(format!(
                "no PBX is called `{connection}` in the configuration, or it is switched off"
            ))
        })?;
        Box::pin(place.carry_out(&payload, effect)).await
    }
}

impl Place {
    async fn carry_out(&self, payload: &Payload, effect: &Effect) -> Result<Value, Stop> {
        // What is written later must not hold up what somebody waits for now.
        let age = self.clock.now().duration_since(effect.recorded_at);
        let crm = match payload.is_live && age <= Urgency::FRESH_FOR {
            true => &self.live,
            false => &self.crm,
        };
        match hooks::are_asked(&self.hooks, &payload.write) {
            true => Box::pin(self.carry_out_as_wanted(crm, &payload.write, effect)).await,
            false => {
                self.send(crm, &payload.write, effect, &Besides::default())
                    .await
            }
        }
    }

    async fn send(
        &self,
        crm: &bitrix24::Client,
        write: &Write,
        effect: &Effect,
        besides: &Besides,
    ) -> Result<Value, Stop> {
        match write {
            Write::Register(write) => self.register(crm, write, effect.look_first).await,
            Write::Show(write) => self.show(write).await,
            Write::Hide(write) => self.hide(write).await,
            Write::Finish(write) => self.finish(crm, write, effect, besides).await,
            Write::Attach(write) => self.attach(write, effect, besides).await,
            Write::AttachLink(write) => self.attach_link(write).await,
            Write::SaveActivity(write) => self.save_activity(write).await,
            Write::SaveEntity(write) => self.save_entity(write, besides).await,
            Write::AddActivity(write) => self.add_activity(write, effect.look_first).await,
            Write::AttachToActivity(write) => self.attach_to_activity(write, effect).await,
            Write::AddTask(write) => self.add_task(write, effect.look_first).await,
            Write::CloseTask(write) => self.close_task(write).await,
            Write::AddTicket(write) => self.add_ticket(write).await,
            Write::AddComment(write) => self.add_comment(write).await,
            Write::AttachToTicket(write) => self.attach_to_ticket(write, effect).await,
        }
    }

    fn new_id(&self) -> EffectId {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        EffectId::new(self.clock.now(), &mut rng)
    }
}

fn key_of(write: &Write) -> &CallKey {
    match write {
        Write::Register(write) => &write.key,
        Write::Show(write) | Write::Hide(write) => &write.call.key,
        Write::Finish(write) => &write.call.key,
        Write::Attach(write) => &write.call.key,
        Write::AttachLink(write) => &write.call.key,
        Write::SaveActivity(write) | Write::SaveEntity(write) => &write.call.key,
        Write::AddActivity(write) => &write.key,
        Write::AttachToActivity(write) => &write.key,
        Write::AddTask(write) => &write.call.key,
        Write::CloseTask(write) => &write.missed,
        Write::AddTicket(write) => &write.key,
        Write::AddComment(write) => &write.key,
        Write::AttachToTicket(write) => &write.key,
    }
}
