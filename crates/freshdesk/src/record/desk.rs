//! Agents, groups, ratings, time entries.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{GroupId, PersonId, RoleId, TicketId, record};

record! {
    /// An agent. Those who were deleted are in no list.
    Agent as "an agent" by PersonId {
        /// Name and address.
        contact: Option<AgentContact>,
        /// See [`Agent::ticket_scope`].
        ticket_scope_code as "ticket_scope": Option<i64>,
        /// Whether occasional.
        occasional: Option<bool>,
        /// `support_agent`, …
        kind as "type": Option<String>,
        /// Groups.
        group_ids: Vec<GroupId>,
        /// Roles.
        role_ids: Vec<RoleId>,
        /// HTML below what they write.
        signature: Option<String>,
        /// When they came.
        created_at: Option<Timestamp>,
        /// When they were last changed.
        updated_at: Option<Timestamp>,
    }
}

record! {
    /// Name and address of an agent.
    AgentContact as "an agent's contact" {
        /// Full name.
        name: Option<String>,
        /// Address.
        email: Option<String>,
        /// Whether active.
        active: Option<bool>,
        /// Title.
        job_title: Option<String>,
        /// Language.
        language: Option<String>,
        /// Phone.
        phone: Option<String>,
        /// Mobile.
        mobile: Option<String>,
    }
}

/// Which tickets an agent, and so the key, sees. Those that are not seen are missing without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketScope {
    /// All.
    Global,
    /// Those of the own groups.
    Groups,
    /// The own ones.
    Restricted,
    /// Not known.
    Other(i64),
}

impl Agent {
    /// Which tickets they see.
    pub fn ticket_scope(&self) -> Option<TicketScope> {
        self.ticket_scope_code.map(|code| match code {
            1 => TicketScope::Global,
            2 => TicketScope::Groups,
            3 => TicketScope::Restricted,
            other => TicketScope::Other(other),
        })
    }
}

record! {
    /// A group of agents.
    Group as "a group" by GroupId {
        /// Its name.
        name: Option<String>,
        /// About it.
        description: Option<String>,
        /// Its agents.
        agent_ids: Vec<PersonId>,
    }
}

record! {
    /// A role of agents.
    Role as "a role" by RoleId {
        /// Its name.
        name: Option<String>,
    }
}

record! {
    /// What a customer thought of an answer.
    Rating as "a rating" by OtherId {
        /// Of which ticket.
        ticket_id: Option<TicketId>,
        /// By whom.
        user_id: Option<PersonId>,
        /// Of whose answer.
        agent_id: Option<PersonId>,
        /// In words.
        feedback: Option<String>,
        /// By question; 103 to 101 happy, 100 neutral, -101 to -103 unhappy, or 1 to 3 in old surveys.
        ratings: Map<String, Value>,
        /// When.
        created_at: Option<Timestamp>,
    }
}

impl Rating {
    /// The main question's number, as Freshdesk has it.
    pub fn score(&self) -> Option<i64> {
        let main = self
            .ratings
            .get("default_question")
            .or_else(|| self.other.get("rating"));
        main.and_then(Value::as_i64)
    }
}

record! {
    /// Time spent on a ticket.
    TimeEntry as "a time entry" by OtherId {
        /// On which ticket.
        ticket_id: Option<TicketId>,
        /// By whom.
        agent_id: Option<PersonId>,
        /// `HH:MM`; see [`TimeEntry::minutes`].
        time_spent: Option<String>,
        /// Whether it is billed.
        billable: Option<bool>,
        /// What was done.
        note: Option<String>,
        /// When.
        executed_at: Option<Timestamp>,
        /// When it was noted.
        created_at: Option<Timestamp>,
    }
}

impl TimeEntry {
    /// How long, in minutes.
    pub fn minutes(&self) -> Option<u64> {
        minutes_of(self.time_spent.as_deref()?)
    }
}

/// The minutes of `HH:MM`, whose hours may be any number.
pub fn minutes_of(spent: &str) -> Option<u64> {
    let (hours, minutes) = spent.trim().split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    hours.checked_mul(60)?.checked_add(minutes)
}
