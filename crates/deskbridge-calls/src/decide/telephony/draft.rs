//! A plan while it is made.

use serde::Serialize;

use super::{Note, Plan, Planned, seen::Seen};
use crate::{
    decide::write::{CallKey, Fields, Intended, Write},
    settings::templates::{FieldTemplates, Template},
};

/// A plan while it is made.
pub(super) struct Draft<'s, 'a> {
    pub(super) seen: &'s Seen<'a>,
    pub(super) plan: Plan,
}

impl<'s, 'a> Draft<'s, 'a> {
    pub(super) fn new(seen: &'s Seen<'a>, planned: &Planned) -> Self {
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

    pub(super) fn note(&mut self, note: Note) {
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }

    /// The key of the call, which its writes are in the order of.
    pub(super) fn key(&self) -> CallKey {
        let registered = self.plan.planned.key().cloned();
        registered.unwrap_or_else(|| self.seen.key())
    }

    /// A write that happens once for a key.
    pub(super) fn once(&mut self, key: String, is_live: bool, write: Write) {
        let order = self.key();
        self.once_in(order, key, is_live, write);
    }

    pub(super) fn once_in(&mut self, order: CallKey, key: String, is_live: bool, write: Write) {
        if self.plan.planned.keys.insert(key.clone()) {
            self.plan.writes.push(Intended {
                order,
                key,
                is_live,
                write,
            });
        }
    }

    /// The key of the next write that may happen several times.
    pub(super) fn next(&self, name: &str) -> String {
        let prefix = format!("{name}/");
        let keys = self.plan.planned.keys.iter();
        let before = keys.filter(|key| key.starts_with(&prefix)).count();
        format!("{prefix}{before}")
    }

    /// Tells of agents and configured users whom the CRM does not know.
    pub(super) fn note_people(&mut self) {
        let (settings, line, people) = (self.seen.settings, self.seen.line, self.seen.people);
        if people.is_empty() {
            return;
        }
        let legs = self.seen.legs.iter();
        for why in legs.clone().filter_map(|leg| leg.why.as_ref()) {
            self.note(why.clone());
        }
        let of_legs = legs.filter_map(|leg| settings.users.get(&leg.conversation.extension));
        let task = settings
            .missed
            .task
            .as_ref()
            .filter(|_| self.seen.is_missed());
        let of_task = task.map(|task| [task.responsible, task.creator]);
        let named = [
            line.responsible,
            line.missed_responsible,
            settings.default_user,
        ];
        let named = named.into_iter().chain(of_task.into_iter().flatten());
        for user in named.flatten().chain(of_legs.copied()) {
            if !people.has(user) {
                self.note(Note::NotActive(user));
            }
        }
    }

    pub(super) fn rendered(
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

    pub(super) fn fields(
        &mut self,
        setting: &str,
        templates: &FieldTemplates,
        of: &impl Serialize,
    ) -> Fields {
        let (fields, failed) = templates.render(of);
        for (field, why) in failed {
            let setting = format!("{setting}.{field}");
            self.note(Note::Text { setting, why });
        }
        let fields = fields.into_iter();
        fields.map(|(field, text)| (field, text.into())).collect()
    }
}
