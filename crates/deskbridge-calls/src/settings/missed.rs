//! `missed` and `tickets`: what becomes of missed calls, and what the helpdesk is told.

use std::{collections::BTreeMap, sync::Arc};

use deskbridge_core::Language;
use serde::Deserialize;

use super::{
    Spoken, filled, hours_named,
    problem::Checks,
    templates::{FieldTemplates, Template},
    user,
};
use crate::{
    call::MissedReason,
    decide::{users::UserId, working_time::WorkingTime},
};

/// Missed calls, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MissedSource {
    /// Whose a missed call is: the first of these who is known.
    pub responsible: Vec<Choice>,
    /// The task.
    pub task: TaskSource,
}

impl Default for MissedSource {
    fn default() -> Self {
        Self {
            responsible: vec![
                Choice::Line,
                Choice::ClientResponsible,
                Choice::LastRung,
                Choice::Default,
            ],
            task: TaskSource::default(),
        }
    }
}

/// Who may get a missed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// `missed_responsible` of the line, or its `responsible`.
    Line,
    /// Whose phone rang last.
    LastRung,
    /// Whoever is responsible for the client in the CRM.
    ClientResponsible,
    /// `default_user`.
    Default,
}

/// The task because of a missed call, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskSource {
    /// Whether there is one.
    pub enabled: bool,
    /// Its title; what may be filled in is told of in the documentation of texts.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Minutes of working time until it is due; 0 sets no deadline.
    pub deadline_minutes: u32,
    /// The name of the hours in which these are counted; by default those of the line.
    pub hours: Option<String>,
    /// Who is responsible for it; by default whoever the missed call is for.
    pub responsible: Option<u64>,
    /// Who it is created by; by default whom the connection speaks for.
    pub creator: Option<u64>,
    /// Fields that a portal wants besides, each with its text.
    pub fields: BTreeMap<String, String>,
    /// Reasons for which there is none, such as `gave_up_in_menu`.
    pub except: Vec<MissedReason>,
    /// Whether it is closed when the client was talked with later.
    pub close_when_reached: bool,
}

impl Default for TaskSource {
    fn default() -> Self {
        Self {
            enabled: true,
            title: None,
            description: None,
            deadline_minutes: 60,
            hours: None,
            responsible: None,
            creator: None,
            fields: BTreeMap::new(),
            except: Vec::new(),
            close_when_reached: true,
        }
    }
}

/// Missed calls.
#[derive(Clone, Debug)]
pub struct Missed {
    /// See [`MissedSource::responsible`].
    pub responsible: Vec<Choice>,
    /// The task; `None` makes none.
    pub task: Option<Task>,
    /// See [`TaskSource::close_when_reached`].
    pub close_when_reached: bool,
}

/// The task because of a missed call.
#[derive(Clone, Debug)]
pub struct Task {
    /// See [`TaskSource::title`].
    pub title: Template,
    /// See [`TaskSource::description`].
    pub description: Template,
    /// See [`TaskSource::deadline_minutes`].
    pub deadline_minutes: u32,
    /// See [`TaskSource::hours`].
    pub hours: Option<Arc<WorkingTime>>,
    /// See [`TaskSource::responsible`].
    pub responsible: Option<UserId>,
    /// See [`TaskSource::creator`].
    pub creator: Option<UserId>,
    /// See [`TaskSource::fields`].
    pub fields: FieldTemplates,
    /// See [`TaskSource::except`].
    pub except: Vec<MissedReason>,
}

impl Missed {
    pub(super) fn compile(
        source: MissedSource,
        language: Language,
        hours: &BTreeMap<String, Arc<WorkingTime>>,
        checks: &mut Checks,
    ) -> Self {
        if source.responsible.is_empty() {
            let remedy = "name line, client_responsible, last_rung or default";
            checks.add("missed.responsible", "is empty", remedy);
        }
        let task = source.task;
        Self {
            responsible: source.responsible,
            close_when_reached: task.close_when_reached,
            task: task
                .enabled
                .then(|| Task::compile(task, language, hours, checks)),
        }
    }
}

impl Task {
    fn compile(
        source: TaskSource,
        language: Language,
        hours: &BTreeMap<String, Arc<WorkingTime>>,
        checks: &mut Checks,
    ) -> Self {
        let words = words(language);
        let hours = source
            .hours
            .map(|name| hours_named("missed.task.hours", &name, hours, checks));
        Self {
            title: text(
                "missed.task.title",
                source.title.as_deref(),
                words.missed,
                checks,
            ),
            description: text(
                "missed.task.description",
                source.description.as_deref(),
                words.facts,
                checks,
            ),
            deadline_minutes: source.deadline_minutes,
            hours,
            responsible: user("missed.task.responsible", source.responsible, checks),
            creator: user("missed.task.creator", source.creator, checks),
            fields: FieldTemplates::compile("missed.task.fields", source.fields, checks),
            except: source.except,
        }
    }
}

/// What the helpdesk is told, as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketsSource {
    /// Whether a missed call makes a ticket: `never`, `always`, or `unless_open` (a client with an open ticket gets a
    /// comment on it).
    pub missed: MissedTicket,
    /// Whether calls are told of on the client's open ticket.
    pub comments: bool,
    /// What becomes of recordings there: `none`, `link` (to the client's record in the CRM, where they are) or `upload`.
    pub recordings: TicketRecordings,
    /// The subject of a ticket.
    pub subject: Option<String>,
    /// What is told, on a ticket and in a comment.
    pub facts: Option<String>,
    /// `HD Ticket Type` of a ticket.
    pub ticket_type: Option<String>,
    /// `HD Ticket Priority` of a ticket.
    pub priority: Option<String>,
    /// `HD Team` of a ticket.
    pub team: Option<String>,
}

/// Whether a missed call makes a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedTicket {
    /// It does not.
    #[default]
    Never,
    /// It does.
    Always,
    /// It does for a client who has no open ticket.
    UnlessOpen,
}

/// What becomes of the recordings of calls that the helpdesk is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketRecordings {
    /// Nothing.
    None,
    /// A link leads to the client's record in the CRM.
    #[default]
    Link,
    /// They are private files of the ticket or comment.
    Upload,
}

/// What the helpdesk is told.
#[derive(Clone, Debug)]
pub struct Tickets {
    /// See [`TicketsSource::missed`].
    pub missed: MissedTicket,
    /// See [`TicketsSource::comments`].
    pub comments: bool,
    /// See [`TicketsSource::recordings`].
    pub recordings: TicketRecordings,
    /// See [`TicketsSource::subject`].
    pub subject: Template,
    /// See [`TicketsSource::facts`].
    pub facts: Template,
    /// See [`TicketsSource::ticket_type`].
    pub ticket_type: Option<String>,
    /// See [`TicketsSource::priority`].
    pub priority: Option<String>,
    /// See [`TicketsSource::team`].
    pub team: Option<String>,
}

impl Tickets {
    pub(super) fn compile(source: &TicketsSource, language: Language, checks: &mut Checks) -> Self {
        let words = words(language);
        Self {
            missed: source.missed,
            comments: source.comments,
            recordings: source.recordings,
            subject: text(
                "tickets.subject",
                source.subject.as_deref(),
                words.missed,
                checks,
            ),
            facts: text(
                "tickets.facts",
                source.facts.as_deref(),
                words.facts,
                checks,
            ),
            ticket_type: source.ticket_type.as_deref().and_then(filled),
            priority: source.priority.as_deref().and_then(filled),
            team: source.team.as_deref().and_then(filled),
        }
    }
}

impl Spoken {
    pub(super) fn compile(language: Language, checks: &mut Checks) -> Self {
        let words = words(language);
        Self {
            subject: text("subject", None, words.subject, checks),
            facts: text("facts", None, words.facts, checks),
        }
    }
}

fn text(key: &str, text: Option<&str>, otherwise: &str, checks: &mut Checks) -> Template {
    let text = text.and_then(filled);
    Template::compile(key, text.as_deref().unwrap_or(otherwise), checks)
}

/// Texts where nothing is configured.
struct Words {
    missed: &'static str,
    subject: &'static str,
    facts: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            missed: "Missed call from {{ client }}",
            subject: "{{ 'Incoming' if is_incoming else 'Outgoing' }} call: {{ client }}",
            facts: "{{ 'Incoming' if is_incoming else 'Outgoing' }} call, \
{{ 'answered' if is_answered else 'missed' }}
Client: {{ client }}
Line: {{ line_name or line }}
Began: {{ started }}
{% if agent %}Agent: {{ agent }}{% if agent_name %} ({{ agent_name }}){% endif %}
{% endif %}Waited: {{ waited }}
{% if is_answered %}Talked: {{ talked }}
{% elif missed_reason %}Reason: {{ missed_reason }}
{% endif %}{% if recording %}Recording: {{ recording }}
{% endif %}Call id: {{ linkedid }}",
        },
        Language::Vietnamese => Words {
            missed: "Cuộc gọi nhỡ từ {{ client }}",
            subject: "Cuộc gọi {{ 'vào' if is_incoming else 'ra' }}: {{ client }}",
            facts: "Cuộc gọi {{ 'vào' if is_incoming else 'ra' }}, \
{{ 'đã trả lời' if is_answered else 'gọi nhỡ' }}
Số khách hàng: {{ client }}
Đầu số: {{ line_name or line }}
Bắt đầu: {{ started }}
{% if agent %}Chuyên viên: {{ agent }}{% if agent_name %} ({{ agent_name }}){% endif %}
{% endif %}Thời gian chờ: {{ waited }}
{% if is_answered %}Thời gian đàm thoại: {{ talked }}
{% endif %}{% if recording %}Ghi âm: {{ recording }}
{% endif %}ID cuộc gọi: {{ linkedid }}",
        },
        Language::Russian => Words {
            missed: "Пропущенный звонок от {{ client }}",
            subject: "{{ 'Входящий' if is_incoming else 'Исходящий' }} звонок: {{ client }}",
            facts: "{{ 'Входящий' if is_incoming else 'Исходящий' }} звонок, \
{{ 'отвечен' if is_answered else 'пропущен' }}
Клиент: {{ client }}
Линия: {{ line_name or line }}
Начало: {{ started }}
{% if agent %}Оператор: {{ agent }}{% if agent_name %} ({{ agent_name }}){% endif %}
{% endif %}Ожидание: {{ waited }}
{% if is_answered %}Разговор: {{ talked }}
{% endif %}{% if recording %}Запись: {{ recording }}
{% endif %}ID звонка: {{ linkedid }}",
        },
    }
}
