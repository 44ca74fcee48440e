//! Hooks, asked right before a write is sent: what they want changed is laid over it, or it is left out.
//!
//! Here is asked and looked up what they are told; what is told and taken is in `decide::hooks`. What came of asking goes with
//! the result of the effect, under `hooks`. An attempt whose answer was lost is repeated although a hook wants it left out by now:
//! what may have been written has to be known.

mod entities;

use deskbridge_core::Effect;
use deskbridge_hooks::{Action, Change, Decision, Hooks, Point};
use serde_json::{Map, Value, json};

use super::{FinishedCall, Place, RegisteredCall, Stop, registration::json as result_of};
use crate::{
    decide::{
        hooks::{
            taken::{self, Attached, Unused},
            told::{self, Around},
        },
        users::People,
        write::{
            AddTask, Attach, AttachLink, CallKey, CallType, Cards, Entity, Fields, Finish,
            Intended, Register, Registered, SaveFields, Write,
        },
    },
    follow::Kept,
};

/// The last part of the key of the write that changes an entity right after it was made.
const MADE: &str = "/made";

/// A write as hooks want it.
enum Wanted {
    Sent(Box<Write>, Besides),
    LeftOut(String),
}

/// What hooks want that no write says.
#[derive(Debug, Default)]
pub(super) struct Besides {
    /// The activity of a finished call is taken away.
    pub(super) is_deleted: bool,
    /// How a recording is attached otherwise.
    pub(super) attached: Attached,
    /// Fields of the entity that the CRM makes for a registration.
    made: Option<Fields>,
    /// Also an entity gets fields that was there before.
    pub(super) any_entity: bool,
}

/// What is known of a call while hooks are asked about it, and what they said.
struct Asking<'p> {
    place: &'p Place,
    kept: Kept,
    people: std::sync::Arc<People>,
    registered: Option<RegisteredCall>,
    leg: Option<String>,
    notes: Vec<String>,
}

/// The points at which is asked before a write.
fn points(write: &Write) -> &'static [Point] {
    match write {
        Write::Register(_) => &[
            Point::SearchParams,
            Point::SearchFilter,
            Point::EntityCreationParams,
            Point::RegistrationParams,
            Point::PostRegistration,
        ],
        Write::Show(_) => &[Point::ShowCallCard],
        Write::Finish(_) => &[Point::FinalParams],
        // What was not finished, or taken away, gets nothing more.
        Write::Attach(_) | Write::AttachLink(_) => &[Point::AttachRecordUrl, Point::FinalParams],
        Write::SaveActivity(_) => &[Point::ActivityFields, Point::FinalParams],
        Write::SaveEntity(_) => &[Point::EntityFields],
        Write::AddTask(_) => &[Point::TaskCreationParams],
        Write::Hide(_)
        | Write::AddActivity(_)
        | Write::AttachToActivity(_)
        | Write::AttachToTicket(_)
        | Write::CloseTask(_)
        | Write::AddTicket(_)
        | Write::AddComment(_) => &[],
    }
}

/// Whether anybody is asked before a write.
pub(super) fn are_asked(hooks: &Hooks, write: &Write) -> bool {
    points(write).iter().any(|point| hooks.asks(*point))
}

impl Place {
    /// Carries out a write as hooks want it.
    pub(super) async fn carry_out_as_wanted(
        &self,
        crm: &bitrix24::Client,
        write: &Write,
        effect: &Effect,
    ) -> Result<Value, Stop> {
        let key = super::key_of(write);
        let Some(mut asking) = Asking::about(self, key).await? else {
            // Nothing is known that a hook could be told.
            return self.send(crm, write, effect, &Besides::default()).await;
        };
        let wanted = asking.wanted(crm, write, effect).await?;
        let sent = match wanted {
            Wanted::LeftOut(why) => left_out(write, why),
            Wanted::Sent(write, besides) => {
                let sent = self.send(crm, &write, effect, &besides).await;
                if let (Write::Register(write), Ok(result)) = (&*write, &sent) {
                    asking.registered(write, besides, result).await?;
                }
                sent
            }
        };
        asking.result(sent)
    }

    /// Whether the CRM keeps the end of a call; otherwise why nothing more is written of it.
    async fn ended(&self, call: &Registered) -> Result<(), String> {
        let finished: Option<FinishedCall> = self.result(&call.key, "finish").await.ok();
        match finished {
            Some(finished) if finished.is_deleted => {
                Err("a hook had the activity taken away".to_owned())
            }
            Some(FinishedCall {
                left_out: Some(why),
                ..
            }) => Err(why),
            Some(_) | None => Ok(()),
        }
    }
}

impl<'p> Asking<'p> {
    async fn about(place: &'p Place, key: &CallKey) -> Result<Option<Self>, Stop> {
        let mut parts = key.as_str().splitn(3, ':');
        let (Some(connection), Some(linkedid)) = (parts.next(), parts.next()) else {
            return Ok(None);
        };
        let leg = parts.next().map(str::to_owned);
        let main = CallKey::new(connection, &crate::call::Linkedid::new(linkedid));
        let kept = place.store.call(connection.to_owned(), linkedid.to_owned());
        let kept = kept.await?.and_then(|kept| Kept::read(kept.state));
        let Some(kept) = kept else {
            return Ok(None);
        };
        Ok(Some(Self {
            place,
            kept,
            people: place.directory.people(),
            registered: place.result(&main, "register").await.ok(),
            leg,
            notes: Vec::new(),
        }))
    }

    fn around(&self) -> Around<'_> {
        Around {
            call: self.kept.call(),
            settings: &self.place.settings,
            people: &self.people,
        }
    }

    /// The conversation that a write is about.
    fn conversation(&self) -> Value {
        let call = self.kept.call();
        let leg = self.leg.as_deref();
        let of = |leg: &str| {
            let mut all = call.conversations.iter();
            all.find(|of| of.uniqueid.as_str() == leg)
        };
        match leg.and_then(of) {
            Some(of) => self.around().conversation(of),
            None => self.around().last(),
        }
    }

    fn full(&self) -> Value {
        let registration = self.registered.as_ref().map(|registered| {
            json!({
                "CALL_ID": registered.call_id,
                "CRM_ENTITY_TYPE": registered.record.as_ref().map(|record| &record.kind),
                "CRM_ENTITY_ID": registered.record.as_ref().map(|record| record.id),
            })
        });
        let entity = self.entity();
        self.around().full(registration.as_ref(), entity.as_ref())
    }

    /// The entity of the call, as hooks are told it.
    fn entity(&self) -> Option<Value> {
        let registered = self.registered.as_ref()?;
        let created = registered.created.first();
        let of = created.or(registered.record.as_ref())?;
        Some(json!({
            "entity_id": of.id,
            "entity_type": of.kind.to_ascii_lowercase(),
            "was_created": created.is_some(),
        }))
    }

    async fn ask(&mut self, point: Point, known: Value) -> Decision {
        let (decision, told) = self.place.hooks.decide_and_tell(point, &known).await;
        self.notes.extend(told);
        decision
    }

    fn note_unused(&mut self, point: Point, unused: Unused) {
        let unused = unused.into_iter();
        let name = self.place.hooks.at(point).map(|hook| hook.contract().name);
        let name = name.unwrap_or_default();
        self.notes
            .extend(unused.map(|why| format!("of the answer of {name} was not used: {why}")));
    }

    async fn wanted(
        &mut self,
        crm: &bitrix24::Client,
        write: &Write,
        effect: &Effect,
    ) -> Result<Wanted, Stop> {
        let may_be_written = effect.look_first;
        let wanted = match write.clone() {
            Write::Register(write) => self.register(crm, write).await?,
            Write::Show(write) => self.show(write).await,
            Write::Finish(write) => self.finish(write).await,
            Write::Attach(write) => self.attach(write).await,
            Write::AttachLink(write) => self.attach_link(write).await,
            Write::SaveActivity(write) => self.activity(write).await,
            Write::SaveEntity(write) => {
                let key = effect.intent.idempotency_key.as_str();
                match key.ends_with(MADE) {
                    true => Wanted::Sent(Box::new(Write::SaveEntity(write)), Besides::default()),
                    false => self.entity_fields(write).await,
                }
            }
            Write::AddTask(write) => self.task(write).await?,
            other => Wanted::Sent(Box::new(other), Besides::default()),
        };
        Ok(match wanted {
            Wanted::LeftOut(_) if may_be_written => {
                let why = "it was sent before and its answer was lost, so that it is not left out";
                self.notes.push(why.to_owned());
                Wanted::Sent(Box::new(write.clone()), Besides::default())
            }
            wanted => wanted,
        })
    }

    /// A registration with its call.
    fn registration(&self, write: &Register) -> Value {
        let until = write.shown_until;
        let is_shown = until.is_some_and(|until| self.place.clock.now() < until);
        self.around().registration(write, is_shown)
    }

    async fn register(
        &mut self,
        crm: &bitrix24::Client,
        mut write: Register,
    ) -> Result<Wanted, Stop> {
        let hooks = &self.place.hooks;
        let mut besides = Besides::default();
        let mut filter = None;
        if hooks.asks(Point::SearchParams) {
            let known = json!({"params": self.registration(&write)});
            match self.ask(Point::SearchParams, known).await {
                Decision::Changed(Change {
                    action: Some(Action::Ignore),
                    ..
                }) => return Ok(Wanted::LeftOut(by(Point::SearchParams, self))),
                Decision::Changed(change) => {
                    let unused = taken::registration(&mut write, &change.data);
                    self.note_unused(Point::SearchParams, unused);
                    filter = change.filter;
                }
                Decision::Cancelled => return Ok(Wanted::LeftOut(by(Point::SearchParams, self))),
                Decision::Unchanged { .. } => {}
            }
        }
        if filter.is_some() || hooks.asks(Point::SearchFilter) {
            self.search(crm, &mut write, filter).await?;
        }
        if hooks.asks(Point::EntityCreationParams) {
            besides.made = self.new_entity(crm, &mut write).await?;
        }
        if hooks.asks(Point::RegistrationParams) {
            let known = json!({"params": self.registration(&write), "call_full": self.full()});
            match self.ask(Point::RegistrationParams, known).await {
                Decision::Changed(change) => {
                    let unused = taken::registration(&mut write, &change.data);
                    self.note_unused(Point::RegistrationParams, unused);
                }
                Decision::Cancelled => {
                    return Ok(Wanted::LeftOut(by(Point::RegistrationParams, self)));
                }
                Decision::Unchanged { .. } => {}
            }
        }
        Ok(Wanted::Sent(Box::new(Write::Register(write)), besides))
    }

    /// The entity that the CRM would make for an unknown client: left out, or with other fields.
    async fn new_entity(
        &mut self,
        crm: &bitrix24::Client,
        write: &mut Register,
    ) -> Result<Option<Fields>, Stop> {
        let is_made = write.is_created
            && write.entity.is_none()
            && write.call_type != CallType::Outgoing
            && entities::of_phone(crm, &write.phone).await?.is_empty();
        if !is_made {
            return Ok(None);
        }
        let known = json!({"params": told::new_entity(write)});
        Ok(match self.ask(Point::EntityCreationParams, known).await {
            Decision::Changed(change) => Some(change.data.into_iter().collect()),
            Decision::Cancelled => {
                write.is_created = false;
                None
            }
            Decision::Unchanged { .. } => None,
        })
    }

    /// Which of the entities with the client's number the call belongs to, where a hook narrows them.
    async fn search(
        &mut self,
        crm: &bitrix24::Client,
        write: &mut Register,
        filter: Option<Map<String, Value>>,
    ) -> Result<(), Stop> {
        if write.entity.is_some() {
            return Ok(());
        }
        let found = entities::of_phone(crm, &write.phone).await?;
        let mut filter = filter.unwrap_or_default();
        if self.place.hooks.asks(Point::SearchFilter) {
            let known = json!({
                "params": self.registration(write),
                "entities": entities::told(&found),
            });
            if let Decision::Changed(change) = self.ask(Point::SearchFilter, known).await {
                filter.extend(change.data);
            }
        }
        if !filter.is_empty() {
            write.entity = entities::narrowed(crm, &found, &filter).await?;
        }
        Ok(())
    }

    async fn show(&mut self, mut write: Cards) -> Wanted {
        let known = json!({"params": {"USER_ID": write.users}, "call_full": self.full()});
        match self.ask(Point::ShowCallCard, known).await {
            Decision::Changed(change) => taken::cards(&mut write, &change.data),
            Decision::Cancelled => return Wanted::LeftOut(by(Point::ShowCallCard, self)),
            Decision::Unchanged { .. } => {}
        }
        match write.users.is_empty() {
            true => Wanted::LeftOut(by(Point::ShowCallCard, self)),
            false => Wanted::Sent(Box::new(Write::Show(write)), Besides::default()),
        }
    }

    async fn finish(&mut self, mut write: Finish) -> Wanted {
        let own = write.call.call_id.clone();
        let known = self.registered.as_ref();
        let known = known.and_then(|registered| registered.call_id.clone());
        let call_id = own.or(known).unwrap_or_default();
        let (conversation, entity) = (self.conversation(), self.entity());
        let params = self
            .around()
            .finish(&write, &call_id, &conversation, entity);
        let known = json!({"params": params, "call_full": self.full()});
        let mut besides = Besides::default();
        match self.ask(Point::FinalParams, known).await {
            Decision::Changed(change) => {
                let unused = taken::finish(&mut write, &change.data);
                self.note_unused(Point::FinalParams, unused);
                besides.is_deleted = change.action == Some(Action::Delete);
            }
            Decision::Cancelled => return Wanted::LeftOut(by(Point::FinalParams, self)),
            Decision::Unchanged { .. } => {}
        }
        Wanted::Sent(Box::new(Write::Finish(write)), besides)
    }

    async fn attach(&mut self, write: Attach) -> Wanted {
        match self.attached(&write.call, "").await {
            Ok(attached) => {
                let besides = Besides {
                    attached,
                    ..Besides::default()
                };
                Wanted::Sent(Box::new(Write::Attach(write)), besides)
            }
            Err(why) => Wanted::LeftOut(why),
        }
    }

    async fn attach_link(&mut self, mut write: AttachLink) -> Wanted {
        match self.attached(&write.call, &write.url).await {
            Ok(attached) => {
                write.url = attached.url.unwrap_or(write.url);
                Wanted::Sent(Box::new(Write::AttachLink(write)), Besides::default())
            }
            Err(why) => Wanted::LeftOut(why),
        }
    }

    /// How the recording of a call is attached; or why it is not.
    async fn attached(&mut self, call: &Registered, url: &str) -> Result<Attached, String> {
        self.place.ended(call).await?;
        if !self.place.hooks.asks(Point::AttachRecordUrl) {
            return Ok(Attached::default());
        }
        let name = format!("{}.wav", call.key);
        let params = json!({"FILENAME": name, "RECORD_URL": url});
        let known = json!({"params": params, "call_full": self.full()});
        match self.ask(Point::AttachRecordUrl, known).await {
            Decision::Changed(mut change) => {
                // What was only handed back is no change.
                change
                    .data
                    .retain(|member, value| params.get(member) != Some(value));
                let (attached, unused) = taken::attached(&change.data);
                self.note_unused(Point::AttachRecordUrl, unused);
                Ok(attached)
            }
            Decision::Cancelled => Err(by(Point::AttachRecordUrl, self)),
            Decision::Unchanged { .. } => Ok(Attached::default()),
        }
    }

    async fn activity(&mut self, mut write: SaveFields) -> Wanted {
        if let Err(why) = self.place.ended(&write.call).await {
            return Wanted::LeftOut(why);
        }
        if self.place.hooks.asks(Point::ActivityFields) {
            let known = json!({
                "params": self.conversation(),
                "activity": entities::activity(self.place, &write.call).await,
                "call_full": self.full(),
            });
            match self.ask(Point::ActivityFields, known).await {
                Decision::Changed(change) => write.fields.extend(change.data),
                Decision::Cancelled => return Wanted::LeftOut(by(Point::ActivityFields, self)),
                Decision::Unchanged { .. } => {}
            }
        }
        fields(write, Write::SaveActivity, Besides::default())
    }

    async fn entity_fields(&mut self, mut write: SaveFields) -> Wanted {
        let asked = self.place.hooks.at(Point::EntityFields);
        // The older names are for entities that were made for the call.
        let any_entity = asked.is_some_and(|hook| hook.contract().name == "customize_entity");
        let known = self.registered.as_ref();
        let created = known.is_some_and(|registered| !registered.created.is_empty());
        if created || any_entity {
            let known = json!({
                "params": self.around().call(),
                "entity": entities::entity(self.place, self.registered.as_ref()).await,
                "call_full": self.full(),
            });
            match self.ask(Point::EntityFields, known).await {
                Decision::Changed(change) => write.fields.extend(change.data),
                Decision::Cancelled => return Wanted::LeftOut(by(Point::EntityFields, self)),
                Decision::Unchanged { .. } => {}
            }
        }
        let besides = Besides {
            any_entity,
            ..Besides::default()
        };
        fields(write, Write::SaveEntity, besides)
    }

    async fn task(&mut self, mut write: AddTask) -> Result<Wanted, Stop> {
        let record = self.place.record_of(&write.call).await?;
        let records: Vec<String> = record.iter().map(entities::link).collect();
        let known = json!({"params": told::task(&write, &records), "call_full": self.full()});
        match self.ask(Point::TaskCreationParams, known).await {
            Decision::Changed(change) => {
                let unused = taken::task(&mut write, &change.data);
                self.note_unused(Point::TaskCreationParams, unused);
                // It is bound to the same without being told, and to more where the client is found by their number.
                let records = json!(records);
                if write.fields.get(super::task::RECORDS) == Some(&records) {
                    write.fields.remove(super::task::RECORDS);
                }
            }
            Decision::Cancelled => {
                return Ok(Wanted::LeftOut(by(Point::TaskCreationParams, self)));
            }
            Decision::Unchanged { .. } => {}
        }
        Ok(Wanted::Sent(
            Box::new(Write::AddTask(write)),
            Besides::default(),
        ))
    }

    /// What follows from a registration: the entity that was made for it gets its fields, and who wants to be told is.
    async fn registered(
        &mut self,
        write: &Register,
        besides: Besides,
        result: &Value,
    ) -> Result<(), Stop> {
        let registered: Option<RegisteredCall> = serde_json::from_value(result.clone()).ok();
        let made = registered.as_ref();
        let made = made.is_some_and(|registered| !registered.created.is_empty());
        if let Some(fields) = besides.made.filter(|_| made) {
            let key = &write.key;
            let intended = Intended {
                order: key.clone(),
                key: format!("{key}{MADE}"),
                is_live: true,
                write: Write::SaveEntity(SaveFields {
                    call: Registered {
                        key: key.clone(),
                        call_id: None,
                    },
                    fields,
                }),
            };
            let effects = vec![(self.place.new_id(), intended.effect())];
            let now = self.place.clock.now();
            self.place
                .store
                .keep_calls(Vec::new(), effects, None, now)
                .await?;
        }
        self.registered = registered;
        if self.place.hooks.asks(Point::PostRegistration) {
            let known = json!({"call_full": self.full()});
            self.ask(Point::PostRegistration, known).await;
        }
        Ok(())
    }

    /// The result of the effect, with what hooks said.
    fn result(self, sent: Result<Value, Stop>) -> Result<Value, Stop> {
        let mut result = match sent {
            Ok(result) => result,
            Err(Stop::LeftOut(why)) => json!({ "left_out": why }),
            Err(stop) => return Err(stop),
        };
        if let Value::Object(members) = &mut result
            && !self.notes.is_empty()
        {
            members.insert("hooks".to_owned(), json!(self.notes));
        }
        Ok(result)
    }
}

/// Why something is left out.
fn by(point: Point, asking: &Asking<'_>) -> String {
    let hook = asking.place.hooks.at(point);
    let name = hook.map_or(point.name(), |hook| hook.contract().name);
    format!("the hook {name} leaves it out")
}

fn left_out(write: &Write, why: String) -> Result<Value, Stop> {
    match write {
        Write::Register(_) => result_of(&RegisteredCall {
            left_out: Some(why),
            ..RegisteredCall::default()
        }),
        Write::Finish(_) => result_of(&FinishedCall {
            left_out: Some(why),
            ..FinishedCall::default()
        }),
        _ => Err(Stop::LeftOut(why)),
    }
}

fn fields(write: SaveFields, of: impl FnOnce(SaveFields) -> Write, besides: Besides) -> Wanted {
    match write.fields.is_empty() {
        true => Wanted::LeftOut("no field is to be written".to_owned()),
        false => Wanted::Sent(Box::new(of(write)), besides),
    }
}

/// The record that fields are written to, where hooks do not ask for the one that was made for the call.
pub(super) fn written_to(registered: &RegisteredCall, besides: &Besides) -> Option<Entity> {
    let created = registered.created.first();
    let any = registered.record.as_ref().filter(|_| besides.any_entity);
    created.or(any).cloned()
}
