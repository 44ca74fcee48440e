//! What follows from a call that is over: a task, tasks that are done, what the helpdesk is told.

use jiff::Timestamp;

use super::{draft::Draft, ending, note::Note, registration, told::Told};
use crate::{
    call::CallResult,
    decide::{
        status::told as reason_in_words,
        users::UserId,
        write::{AddComment, AddTask, AddTicket, AttachToTicket, CloseTask, Registered, Write},
    },
    settings::missed::{MissedTicket, Task, TicketRecordings},
};

impl Draft<'_, '_> {
    pub(super) fn add_task(&mut self) {
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
    pub(super) fn close_tasks(&mut self) {
        let seen = self.seen;
        let is_reached = seen.is_answered && seen.is_ended() && !seen.is_internal();
        if !is_reached || !seen.settings.missed.close_when_reached {
            return;
        }
        let key = self.key();
        for missed in &seen.circumstances.open_tasks {
            let close = Write::CloseTask(CloseTask {
                missed: missed.clone(),
                reached_by: key.clone(),
            });
            // Behind what makes the task.
            self.once_in(missed.clone(), format!("{missed}/close_task"), false, close);
        }
    }

    pub(super) fn tell_helpdesk(&mut self) {
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
        let files = self.files(&ending::all_recordings(seen));
        let is_uploaded = tickets.recordings == TicketRecordings::Upload && !files.is_empty();
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
                files: files.clone(),
            };
            self.once(format!("{key}/ticket"), false, Write::AddTicket(ticket));
        } else if tickets.comments {
            let comment = AddComment {
                key: key.clone(),
                phone,
                text: facts(self),
                files: files.clone(),
            };
            self.once(format!("{key}/comment"), false, Write::AddComment(comment));
        } else {
            return;
        }
        if is_uploaded {
            let name = format!("{key}/attach_to_ticket");
            let attach = AttachToTicket { key, files };
            self.once(name, false, Write::AttachToTicket(attach));
        }
    }
}
