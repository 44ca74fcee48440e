//! The telephony planner: what CRM and helpdesk are to hold of a call, and what is still to be written.
//!
//! What they are to hold follows from what is known of the call; [`Planned`] says what was planned before. The
//! difference is the plan, in the order register, show and hide, finish, attach, activity, entity, task, helpdesk.
//! So a call may be planned at any moment of its life, any number of times, and comes to the same.
//!
//! Invariants: a call is registered once, and finished once if it was registered; a call that was answered once is
//! answered; a missed call has one finish and one task; nothing is registered for nobody.

mod cards;
mod ending;
mod note;
mod planned;
mod registration;
mod seen;
mod told;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{ending::Talk, planned::Main, registration::Need, seen::Seen};
pub use self::{note::Note, planned::Planned, told::Told};
use super::{
    originate::Order,
    recording_path::confined,
    status::{Way, told as reason_in_words},
    users::{People, UserId},
    write::{
        AddActivity, AddComment, AddTask, AddTicket, Attach, CallKey, Cards, CloseTask, Finish,
        Intended, Registered, SaveFields, Write,
    },
};
use crate::{
    call::{Call, CallResult},
    settings::{
        Refused, Settings, Transfers,
        missed::{MissedTicket, Task},
        templates::{FieldTemplates, Template},
    },
};

/// What is known around a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The order of the CRM's that the call was begun by: that of [`Call::originated`].
    pub order: Option<Order>,
    /// Who is responsible for the client in the CRM, where that was found out.
    pub client_responsible: Option<UserId>,
    /// Earlier missed calls of the same client that have an open task.
    pub open_tasks: Vec<CallKey>,
    /// The portal refuses telephony: the registration of this call was refused, or would be.
    pub is_refused: bool,
}

/// What is to be done about a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What is to be written, in its order.
    pub writes: Vec<Intended>,
    /// What is planned of the call now.
    pub planned: Planned,
    /// Why something is not sent.
    pub notes: Vec<Note>,
    /// When it has to be planned again, if nothing happens to the call before.
    pub again_at: Option<Timestamp>,
}

/// What is still to be written of a call.
///
/// The same call, planned again with what this answers, comes to nothing more.
pub fn plan(
    call: &Call,
    planned: &Planned,
    circumstances: &Circumstances,
    settings: &Settings,
    people: &People,
    now: Timestamp,
) -> Plan {
    let seen = Seen::new(call, planned, circumstances, settings, people, now);
    let mut draft = Draft::new(&seen, planned);
    let left_out = registration::left_out(&seen);
    if let Some(why) = &left_out {
        draft.note(why.clone());
    }
    let is_told = left_out.is_none();
    draft.note_legs();
    if circumstances.is_refused {
        if is_told {
            draft.add_activity();
        }
    } else {
        if is_told {
            draft.register();
        }
        draft.show();
        draft.register_legs();
        draft.finish();
    }
    if is_told {
        draft.add_task();
        draft.close_tasks();
        draft.tell_helpdesk();
    }
    draft.plan
}

/// What is to be written about an order of the CRM's that no call came of: a call that the CRM registered itself has to
/// be finished, or the next one with the same numbers is taken for it.
pub fn plan_not_begun(order: &Order, settings: &Settings, why: &str) -> Option<Intended> {
    let (call_id, user) = (order.call_id()?, order.user()?);
    let key = CallKey::of_order(&settings.connection, &order.id);
    let finish = Finish {
        call: Registered {
            key: key.clone(),
            call_id: Some(call_id.to_owned()),
        },
        user,
        duration_s: 0,
        status: "OTHER".to_owned(),
        failed_reason: Some(why.to_owned()),
        is_in_chat: settings.add_to_chat,
    };
    Some(Intended {
        key: format!("{key}/finish"),
        order: key,
        is_live: true,
        write: Write::Finish(finish),
    })
}

/// A plan while it is made.
struct Draft<'s, 'a> {
    seen: &'s Seen<'a>,
    plan: Plan,
}

impl<'s, 'a> Draft<'s, 'a> {
    fn new(seen: &'s Seen<'a>, planned: &Planned) -> Self {
        let mut planned = planned.clone();
        planned.is_answered = seen.is_answered;
        Self {
            seen,
            plan: Plan {
                planned,
                ..Plan::default()
            },
        }
    }

    fn note(&mut self, note: Note) {
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }

    /// The key of the call, which its writes are in the order of.
    fn key(&self) -> CallKey {
        let registered = self.plan.planned.key().cloned();
        registered.unwrap_or_else(|| self.seen.key())
    }

    /// A write that happens once for a key.
    fn once(&mut self, key: String, is_live: bool, write: Write) {
        let order = self.key();
        self.once_in(order, key, is_live, write);
    }

    fn once_in(&mut self, order: CallKey, key: String, is_live: bool, write: Write) {
        if self.plan.planned.keys.insert(key.clone()) {
            self.plan.writes.push(Intended {
                order,
                key,
                is_live,
                write,
            });
        }
    }

    fn note_legs(&mut self) {
        for leg in &self.seen.legs {
            if let Some(why) = &leg.why {
                self.note(why.clone());
            }
        }
        let settings = self.seen.settings;
        let line = self.seen.line;
        let named = [
            line.responsible,
            line.missed_responsible,
            settings.default_user,
        ];
        if self.seen.people.is_empty() {
            return;
        }
        for user in named.into_iter().flatten() {
            if !self.seen.people.has(user) {
                self.note(Note::NotActive(user));
            }
        }
    }

    fn register(&mut self) {
        if self.plan.planned.main.is_some() {
            return;
        }
        let key = self.seen.key();
        let order = self.seen.order();
        if let Some((call_id, user)) =
            order.and_then(|order| Some((order.call_id()?, order.user()?)))
        {
            // The CRM shows the card itself to whoever clicked.
            self.plan.planned.shown.insert(user);
            self.plan.planned.main = Some(Main {
                call: Registered {
                    key,
                    call_id: Some(call_id.to_owned()),
                },
                user,
                is_finished: false,
            });
            return;
        }
        let (user, phone) = match registration::need(self.seen) {
            Need::Now(user, phone) => (user, phone),
            Need::Later(at) => {
                self.plan.again_at = at;
                return;
            }
            Need::No(why) => return self.note(why),
        };
        let shown = cards::wanted(self.seen, &self.plan.planned);
        let is_shown = shown.contains(&user) && !self.seen.is_ended();
        let shown_until = is_shown.then(|| self.seen.until(self.seen.now));
        let registration =
            registration::registration(self.seen, key.clone(), user, phone, shown_until);
        if is_shown {
            self.plan.planned.shown.insert(user);
        }
        self.plan.planned.main = Some(Main {
            call: Registered {
                key: key.clone(),
                call_id: None,
            },
            user,
            is_finished: false,
        });
        let is_live = self.seen.is_live();
        self.once(
            format!("{key}/register"),
            is_live,
            Write::Register(registration),
        );
    }

    /// Shows the card to whoever is to see it, and hides it from the others. When the call is over it hides itself.
    fn show(&mut self) {
        let Some(main) = self
            .plan
            .planned
            .main
            .clone()
            .filter(|_| !self.seen.is_ended())
        else {
            return;
        };
        if cards::are_late(self.seen, &self.plan.planned) {
            self.note(Note::CardsLate);
        }
        let shown = std::mem::take(&mut self.plan.planned.shown);
        self.plan.planned.shown.clone_from(&shown);
        let mut wanted = cards::wanted(self.seen, &self.plan.planned);
        // The CRM showed it, and takes it away itself.
        wanted.extend(
            self.seen
                .order()
                .and_then(Order::user)
                .filter(|user| shown.contains(user)),
        );
        let added: Vec<UserId> = wanted.difference(&shown).copied().collect();
        let removed: Vec<UserId> = shown.difference(&wanted).copied().collect();
        self.plan.planned.shown = wanted;
        self.change_cards(&main, "show", added, Write::Show);
        self.change_cards(&main, "hide", removed, Write::Hide);
    }

    fn change_cards(
        &mut self,
        main: &Main,
        name: &str,
        users: Vec<UserId>,
        write: impl FnOnce(Cards) -> Write,
    ) {
        if users.is_empty() {
            return;
        }
        let call = main.call.clone();
        let until = self.seen.until(self.seen.now);
        let prefix = format!("{}/{name}/", call.key);
        let before = self.plan.planned.keys.iter();
        let before = before.filter(|key| key.starts_with(&prefix)).count();
        let cards = Cards { call, users, until };
        self.once(format!("{prefix}{before}"), true, write(cards));
    }

    /// Where each talker has a call of their own, all but the first get theirs when they talk.
    fn register_legs(&mut self) {
        let is_open = self
            .plan
            .planned
            .main
            .as_ref()
            .is_some_and(|main| !main.is_finished);
        if !is_open || self.seen.settings.transfers != Transfers::EachTalker {
            return;
        }
        let phone = match self.seen.is_ended() {
            true => registration::phone_at_end(self.seen),
            false => self.seen.phone.clone(),
        };
        let Some(phone) = phone else { return };
        let key = self.key();
        for talk in ending::reported(self.seen).iter().skip(1) {
            let uniqueid = talk.leg.conversation.uniqueid.clone();
            if self.plan.planned.legs.contains_key(&uniqueid) {
                continue;
            }
            let of_leg = key.leg(&uniqueid);
            let is_shown = talk.leg.is_open() && !self.seen.is_ended();
            let since = cards::due(self.seen, talk.leg).filter(|_| is_shown);
            let since = since.filter(|since| self.seen.is_fresh(*since));
            let mut registration = registration::registration(
                self.seen,
                of_leg.clone(),
                talk.user,
                phone.clone(),
                since.map(|_| self.seen.until(self.seen.now)),
            );
            registration.of_leg(self.seen.told(talk.leg.conversation.began_at));
            self.plan.planned.legs.insert(uniqueid, talk.user);
            let is_live = self.seen.is_live();
            self.once(
                format!("{of_leg}/register"),
                is_live,
                Write::Register(registration),
            );
        }
    }

    /// Everything that follows from the end of a call that is registered.
    fn finish(&mut self) {
        let Some(main) = self.plan.planned.main.clone() else {
            return;
        };
        let (seen, is_live) = (self.seen, self.seen.is_live());
        if !seen.is_ended() {
            return;
        }
        let talks = ending::reported(seen);
        let unreported = seen
            .legs
            .iter()
            .filter(|leg| leg.is_talker() && leg.user.is_none());
        for leg in unreported {
            self.note(Note::TalkerNotReported(leg.conversation.extension.clone()));
        }
        // The calls of this one: whose, under which registration, with which talk.
        let mut ends = vec![(main.call.clone(), main.user, talks.first())];
        for talk in talks.iter().skip(1) {
            let uniqueid = &talk.leg.conversation.uniqueid;
            if let Some(user) = self.plan.planned.legs.get(uniqueid) {
                let leg = Registered {
                    key: main.call.key.leg(uniqueid),
                    call_id: None,
                };
                ends.push((leg, *user, Some(talk)));
            }
        }
        for (call, user, talk) in &ends {
            let ending = ending::ending(seen, *talk, *user);
            self.finish_one(call, ending, is_live);
        }
        self.plan.planned.main = Some(Main {
            is_finished: true,
            ..main
        });
        for index in 0..self.plan.planned.absorbed.len() {
            let Some(joined) = self.plan.planned.absorbed.get_mut(index) else {
                continue;
            };
            let (call, user) = (joined.call.clone(), joined.user);
            joined.is_finished = true;
            let ending = ending::joined(seen, user);
            self.finish_one(&call, ending, is_live);
        }
        let files = (0..ends.len()).map(|index| ending::recordings(seen, &talks, index));
        let files: Vec<Vec<&str>> = files.collect();
        for ((call, ..), files) in ends.iter().zip(files) {
            let files = self.files(&files);
            self.attach(call, files);
        }
        for (call, user, talk) in &ends {
            let talked_s = ending::ending(seen, *talk, *user).duration_s;
            let told = Told::of(seen, *talk, talked_s);
            let fields = self.fields("activity", &seen.settings.activity, &told);
            let call = call.clone();
            if !fields.is_empty() {
                let key = format!("{}/activity", call.key);
                self.once(key, false, Write::SaveActivity(SaveFields { call, fields }));
            }
        }
        self.save_entity(&ends);
    }

    fn save_entity(&mut self, ends: &[(Registered, UserId, Option<&Talk<'_, '_>>)]) {
        let seen = self.seen;
        let Some((call, user, talk)) = ends.first().filter(|_| seen.way() == Way::In) else {
            return;
        };
        let talked_s = ending::ending(seen, *talk, *user).duration_s;
        let told = Told::of(seen, *talk, talked_s);
        let fields = self.fields("entity", &seen.settings.entity, &told);
        if !fields.is_empty() {
            let (key, call) = (format!("{}/entity", call.key), call.clone());
            self.once(key, false, Write::SaveEntity(SaveFields { call, fields }));
        }
    }

    fn finish_one(&mut self, call: &Registered, ending: ending::Ending, is_live: bool) {
        let finish = Finish {
            call: call.clone(),
            user: ending.user,
            duration_s: ending.duration_s,
            status: ending.status.code.to_owned(),
            failed_reason: ending.status.failed_reason.map(str::to_owned),
            is_in_chat: self.seen.settings.add_to_chat,
        };
        self.once(
            format!("{}/finish", call.key),
            is_live,
            Write::Finish(finish),
        );
    }

    /// The paths of recordings on this machine, as far as they may be opened and told.
    fn files(&mut self, paths: &[&str]) -> Vec<String> {
        let (seen, settings) = (self.seen, &self.seen.settings.recordings);
        if !settings.attach || !(seen.is_answered || settings.attach_missed) || paths.is_empty() {
            return Vec::new();
        }
        if seen
            .legs
            .iter()
            .any(|leg| leg.is_left_out && leg.is_talker())
        {
            self.note(Note::RecordingLeftOut);
            return Vec::new();
        }
        let mut files = Vec::new();
        for path in paths {
            let path = match &settings.path {
                Some(template) => {
                    let places = RecordingPlaces {
                        path,
                        told: Told::of(seen, None, 0),
                    };
                    self.rendered("recordings.path", template, &places)
                }
                None => Some((*path).to_owned()),
            };
            match path.map(|path| confined(&path, &settings.folders)) {
                Some(Ok(file)) if !files.contains(&file) => files.push(file),
                Some(Err(why)) => self.note(Note::Recording(why)),
                Some(Ok(_)) | None => {}
            }
        }
        files
    }

    /// Attaches all files of a call, again when more are known: the CRM keeps what was attached last.
    fn attach(&mut self, call: &Registered, files: Vec<String>) {
        let attached = &mut self.plan.planned.attached;
        if files.is_empty() || attached.get(&call.key) == Some(&files) {
            return;
        }
        attached.insert(call.key.clone(), files.clone());
        let prefix = format!("{}/attach/", call.key);
        let before = self.plan.planned.keys.iter();
        let before = before.filter(|key| key.starts_with(&prefix)).count();
        let call = call.clone();
        self.once(
            format!("{prefix}{before}"),
            false,
            Write::Attach(Attach { call, files }),
        );
    }

    /// Where the portal refuses telephony: one activity, when the call is over.
    fn add_activity(&mut self) {
        let seen = self.seen;
        let Some(ended) = &seen.call.ended else {
            return;
        };
        if seen.settings.refused == Refused::None {
            return self.note(Note::TelephonyRefused);
        }
        let (user, phone) = match registration::need(seen) {
            Need::Now(user, phone) => (user, phone),
            Need::Later(_) => return,
            Need::No(why) => return self.note(why),
        };
        let talks = ending::reported(seen);
        let ending = ending::ending(seen, talks.first(), user);
        let told = Told::of(seen, talks.first(), ending.duration_s);
        let configured = self.fields("activity", &seen.settings.activity, &told);
        let spoken = &seen.settings.spoken;
        let text = |draft: &mut Self, field: &str, template| {
            let text = configured.get(field).cloned();
            text.or_else(|| draft.rendered("activity", template, &told))
        };
        let subject = text(self, "SUBJECT", &spoken.subject).unwrap_or_default();
        let description = text(self, "DESCRIPTION", &spoken.facts).unwrap_or_default();
        let paths: Vec<&str> = seen
            .call
            .recordings
            .iter()
            .map(|of| of.path.as_str())
            .collect();
        let key = seen.key();
        let activity = AddActivity {
            key: key.clone(),
            user: ending.user,
            phone,
            is_incoming: seen.way() == Way::In,
            subject,
            description,
            started_at: seen.told(seen.call.started_at),
            ended_at: seen.told(ended.at),
            is_completed: !seen.is_missed(),
            files: self.files(&paths),
        };
        self.once(
            format!("{key}/add_activity"),
            seen.is_live(),
            Write::AddActivity(activity),
        );
    }

    fn add_task(&mut self) {
        let seen = self.seen;
        let Some(task) = seen
            .settings
            .missed
            .task
            .as_ref()
            .filter(|_| seen.is_missed())
        else {
            return;
        };
        let Some(ended) = &seen.call.ended else {
            return;
        };
        if let CallResult::Missed(reason) = ended.result
            && task.except.contains(&reason)
        {
            return self.note(Note::NoTaskByReason(reason_in_words(reason)));
        }
        let Some(phone) = registration::phone_at_end(seen) else {
            return;
        };
        let configured = task.responsible.filter(|user| seen.people.has(*user));
        let Some(responsible) = configured.or_else(|| seen.missed_responsible()) else {
            return self.note(Note::NobodyForMissed);
        };
        let write = self.task(task, responsible, phone, ended.at);
        self.once(format!("{}/task", self.key()), false, Write::AddTask(write));
    }

    /// What a task says.
    fn task(&mut self, task: &Task, responsible: UserId, phone: String, at: Timestamp) -> AddTask {
        let seen = self.seen;
        let told = Told::of(seen, None, 0);
        let hours = task.hours.as_ref().unwrap_or(&seen.line.hours);
        let due = (task.deadline_minutes > 0).then(|| hours.after(at, task.deadline_minutes));
        if due == Some(None) {
            self.note(Note::NoDeadline);
        }
        let title = self.rendered("missed.task.title", &task.title, &told);
        let title = title.filter(|title| !title.is_empty());
        let description = self.rendered("missed.task.description", &task.description, &told);
        let main = self.plan.planned.main.as_ref();
        let call = main.map(|main| main.call.clone());
        AddTask {
            call: call.unwrap_or_else(|| Registered {
                key: seen.key(),
                call_id: None,
            }),
            title: title.unwrap_or_else(|| format!("Missed call from {phone}")),
            phone,
            description: description.unwrap_or_default(),
            deadline: due.flatten().map(|due| seen.told(due)),
            responsible,
            creator: task.creator.filter(|user| seen.people.has(*user)),
            fields: self.fields("missed.task.fields", &task.fields, &told),
        }
    }

    /// The client was reached: what was to be done about their missed calls is done.
    fn close_tasks(&mut self) {
        let seen = self.seen;
        let is_reached = seen.is_answered && seen.is_ended() && !seen.is_internal();
        if !is_reached || !seen.settings.missed.close_when_reached {
            return;
        }
        let key = self.key();
        for missed in seen
            .circumstances
            .open_tasks
            .iter()
            .filter(|missed| **missed != key)
        {
            let close = Write::CloseTask(CloseTask {
                missed: missed.clone(),
                reached_by: key.clone(),
            });
            // Behind what makes the task.
            self.once_in(missed.clone(), format!("{missed}/close_task"), false, close);
        }
    }

    fn tell_helpdesk(&mut self) {
        let seen = self.seen;
        let tickets = &seen.settings.tickets;
        let Some(phone) = seen
            .phone
            .clone()
            .filter(|_| seen.is_ended() && !seen.is_internal())
        else {
            return;
        };
        let talks = ending::reported(seen);
        let talked_ms: u64 = talks.iter().map(|talk| talk.talked_ms).sum();
        let told = Told::of(seen, talks.first(), talked_ms / 1_000);
        let key = self.key();
        let facts = |draft: &mut Self| {
            let facts = draft.rendered("tickets.facts", &tickets.facts, &told);
            facts.unwrap_or_default()
        };
        if seen.is_missed() && tickets.missed != MissedTicket::Never {
            let subject = self.rendered("tickets.subject", &tickets.subject, &told);
            let ticket = AddTicket {
                key: key.clone(),
                subject: subject.unwrap_or_else(|| format!("Missed call from {phone}")),
                phone,
                description: facts(self),
                ticket_type: tickets.ticket_type.clone(),
                priority: tickets.priority.clone(),
                team: tickets.team.clone(),
                unless_open: tickets.missed == MissedTicket::UnlessOpen,
            };
            self.once(format!("{key}/ticket"), false, Write::AddTicket(ticket));
        } else if tickets.comments {
            let paths: Vec<&str> = seen
                .call
                .recordings
                .iter()
                .map(|of| of.path.as_str())
                .collect();
            let comment = AddComment {
                key: key.clone(),
                phone,
                text: facts(self),
                files: self.files(&paths),
            };
            self.once(format!("{key}/comment"), false, Write::AddComment(comment));
        }
    }

    fn rendered(
        &mut self,
        setting: &str,
        template: &Template,
        of: &impl Serialize,
    ) -> Option<String> {
        let setting = setting.to_owned();
        let text = template.render(of);
        text.map_err(|why| self.note(Note::Text { setting, why }))
            .ok()
    }

    fn fields(
        &mut self,
        setting: &str,
        templates: &FieldTemplates,
        of: &impl Serialize,
    ) -> super::write::Fields {
        let (fields, failed) = templates.render(of);
        for (field, why) in failed {
            let setting = format!("{setting}.{field}");
            self.note(Note::Text { setting, why });
        }
        fields
    }
}

/// What the path of a recording is made from.
#[derive(Serialize)]
struct RecordingPlaces<'a> {
    path: &'a str,
    #[serde(flatten)]
    told: Told,
}

#[cfg(test)]
mod tests;
