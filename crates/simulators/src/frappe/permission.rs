//! Who may do what: roles first, then what a DocType's controller says about the single document.
//!
//! HD Ticket admits agents (of the ticket's team, when teams are kept apart), whoever owns, raised or is
//! the contact of the ticket, and members of its customer. A System Manager without the role Agent is
//! none of these (observed on Helpdesk 1.25).

use std::sync::Arc;

use super::{
    cell::{self, Cell},
    collation,
    document::Document,
    exception::{Exception, Message, PERMISSION},
    meta::{self, DocType, Right},
    store::{Row, Store},
    transaction::{Transaction, User},
};

/// Which rows of a DocType a user's lists show.
#[derive(Debug)]
pub(crate) enum Scope {
    Everything,
    /// What the user owns.
    Owned(Box<str>),
    Tickets(Box<Tickets>),
}

/// What decides over one ticket.
#[derive(Debug)]
pub(crate) struct Tickets {
    user: Box<str>,
    access: Access,
    customers: Vec<Box<str>>,
    shared: Vec<Box<str>>,
}

#[derive(Debug)]
enum Access {
    All,
    /// Agents see the tickets of their own teams only.
    Teams {
        teams: Vec<Box<str>>,
        teamless: bool,
    },
    /// Not an agent.
    Own,
}

impl Tickets {
    pub(crate) fn of(user: &User, store: &Store) -> Self {
        Self {
            user: user.name.clone(),
            access: access(user, store),
            customers: customers(&user.name, store),
            shared: shares(&user.name, "HD Ticket", store),
        }
    }

    /// Whether the user may see the ticket.
    pub(crate) fn admit(&self, meta: &DocType, ticket: &Row) -> bool {
        let text = |field: &str| meta.column(field).map_or("", |column| ticket.text(column));
        let is_user = |value: &str| collation::equal(value, &self.user);
        if matches!(self.access, Access::All)
            || is_user(ticket.text(meta::OWNER))
            || is_user(text("raised_by"))
            || is_user(text("contact"))
        {
            return true;
        }
        let customer = text("customer");
        let is_member = !customer.is_empty() && self.customers.iter().any(|own| **own == *customer);
        if is_member || self.shared.contains(&ticket.name) {
            return true;
        }
        let Access::Teams { teams, teamless } = &self.access else {
            return false;
        };
        match text("agent_group") {
            "" if *teamless => true,
            team if !team.is_empty() && teams.iter().any(|own| **own == *team) => true,
            _ => ticket
                .text(meta::ASSIGN)
                .contains(&format!("\"{}\"", self.user)),
        }
    }
}

fn access(user: &User, store: &Store) -> Access {
    if user.is_administrator() {
        return Access::All;
    }
    if !user.is_agent(store) {
        return Access::Own;
    }
    let setting = |field: &str| {
        let meta = store.doctype("HD Settings")?;
        let column = meta.column(field)?;
        Some(*store.single("HD Settings")?.get(column) == Cell::Int(1))
    };
    if !setting("restrict_tickets_by_agent_group").unwrap_or_default() {
        return Access::All;
    }
    let teams = teams(&user.name, store);
    if teams.iter().any(|team| team.ignores_restrictions) {
        return Access::All;
    }
    Access::Teams {
        teams: teams.into_iter().map(|team| team.name).collect(),
        teamless: setting("do_not_restrict_tickets_without_an_agent_group").unwrap_or_default(),
    }
}

/// A team that a user belongs to.
pub(crate) struct Team {
    pub name: Box<str>,
    ignores_restrictions: bool,
}

/// The teams of a user.
pub(crate) fn teams(user: &str, store: &Store) -> Vec<Team> {
    let member = store
        .doctype("HD Team Member")
        .and_then(|meta| meta.column("user"));
    let ignores = store
        .doctype("HD Team")
        .and_then(|meta| meta.column("ignore_restrictions"));
    let Some((member, ignores)) = member.zip(ignores) else {
        return Vec::new();
    };
    let teams = store.equal_in_child("HD Team", "users", member, user);
    let teams = teams.into_iter().map(|row| Team {
        name: row.name.clone(),
        ignores_restrictions: *row.get(ignores) == Cell::Int(1),
    });
    teams.collect()
}

/// The customers that a portal user belongs to.
fn customers(user: &str, store: &Store) -> Vec<Box<str>> {
    let Some(contact) = store.doctype("Contact") else {
        return Vec::new();
    };
    let Some(email) = contact.column("email_id") else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for contact in store.equal("Contact", email, user) {
        names.extend(super::helpdesk::contact::customers_of(contact, store));
    }
    names
}

fn shares(user: &str, doctype: &str, store: &Store) -> Vec<Box<str>> {
    let Some(meta) = store.doctype("DocShare") else {
        return Vec::new();
    };
    let columns = ("user", "share_doctype", "share_name");
    let (Some(by), Some(kind), Some(name)) = (
        meta.column(columns.0),
        meta.column(columns.1),
        meta.column(columns.2),
    ) else {
        return Vec::new();
    };
    let rows = store.equal("DocShare", by, user).into_iter();
    rows.filter(|row| row.text(kind) == doctype)
        .map(|row| row.text(name).into())
        .collect()
}

/// What the roles of a user say.
enum Grant {
    /// No row of the permissions concerns the user.
    NoRole,
    /// Some do, but none gives this right.
    Denied,
    Granted,
    /// For documents that the user owns.
    IfOwner,
}

fn grant(meta: &DocType, user: &User, right: Right) -> Grant {
    if user.is_administrator() {
        return Grant::Granted;
    }
    let mut best = Grant::NoRole;
    let rows = meta.permissions.iter();
    for row in rows.filter(|row| user.roles.contains(&row.role)) {
        let given = row.rights.contains(&right);
        best = match best {
            Grant::Granted => Grant::Granted,
            _ if given && (!row.if_owner || right == Right::Create) => Grant::Granted,
            Grant::IfOwner => Grant::IfOwner,
            _ if given => Grant::IfOwner,
            _ => Grant::Denied,
        };
    }
    best
}

fn no_role(user: &User, doctype: &str) -> String {
    format!(
        "User <strong>{}</strong> does not have doctype access via role permission for document \
         <strong>{doctype}</strong>",
        user.name
    )
}

impl Transaction<'_> {
    /// Whether the user may do something to documents of a DocType at all.
    pub(crate) fn may_in_general(&self, meta: &DocType, right: Right) -> bool {
        matches!(
            grant(meta, &self.user, right),
            Grant::Granted | Grant::IfOwner
        )
    }

    /// Which rows a list shows.
    pub(crate) fn scope(&mut self, meta: &Arc<DocType>) -> Result<Scope, Exception> {
        let scope = match grant(meta, &self.user, Right::Read) {
            Grant::Granted => Scope::Everything,
            Grant::IfOwner => Scope::Owned(self.user.name.clone()),
            Grant::NoRole | Grant::Denied => {
                self.messages
                    .push(Message::note(no_role(&self.user, &meta.name)));
                return Err(Exception::bare(PERMISSION)
                    .explained(format!("No permission for {}", meta.name)));
            }
        };
        Ok(match &*meta.name {
            "HD Ticket" => Scope::Tickets(Box::new(Tickets::of(&self.user, self.store))),
            _ => scope,
        })
    }

    /// Whether the user may do something to a document; why not goes into the messages.
    pub(crate) fn may(&mut self, right: Right, document: &Document) -> bool {
        if self.is_trusted {
            return true;
        }
        let meta = Arc::clone(&document.meta);
        let mut reasons = Vec::new();
        if !self.controller_admits(right, document) {
            reasons.push("Not allowed via controller permission check".to_owned());
        }
        let user = &self.user;
        let grant = grant(&meta, user, right);
        let by_role = match grant {
            Grant::Granted => true,
            Grant::IfOwner => document.text("owner") == *user.name,
            Grant::NoRole | Grant::Denied => false,
        };
        if by_role && reasons.is_empty() {
            return true;
        }
        if right == Right::Read && self.is_shared(&meta.name, &document.name) {
            return true;
        }
        let user = &self.user;
        let mut reason = format!(
            "User <strong>{}</strong> does not have access to this document",
            user.name
        );
        if matches!(grant, Grant::NoRole) {
            reasons.push(no_role(user, &meta.name));
        } else {
            let name = match &*document.name {
                "" => "None",
                name => name,
            };
            reason = format!("{reason}: {} - {name}", meta.name);
        }
        reasons.push(reason);
        self.messages.push(Message::note(reasons.join("<br>")));
        false
    }

    /// Refuses what the user may not do, without a sentence for people.
    pub(crate) fn demand(&mut self, right: Right, document: &Document) -> Result<(), Exception> {
        match self.may(right, document) {
            true => Ok(()),
            false => Err(Exception::bare(PERMISSION)),
        }
    }

    /// Refuses what the user may not do, with the sentence that documents refuse with.
    pub(crate) fn check(&mut self, right: Right, document: &Document) -> Result<(), Exception> {
        self.demand(right, document).map_err(|refused| {
            refused.explained(format!(
                "You need the '{}' permission on <strong>{}</strong> {} to perform this action.",
                right.name(),
                document.meta.name,
                document.name
            ))
        })
    }

    fn is_shared(&self, doctype: &str, name: &str) -> bool {
        let shares = shares(&self.user.name, doctype, self.store);
        shares.iter().any(|shared| **shared == *name)
    }

    fn controller_admits(&mut self, right: Right, document: &Document) -> bool {
        if self.user.is_administrator() {
            return true;
        }
        match &*document.meta.name {
            // Whoever creates a ticket owns it.
            "HD Ticket" if right == Right::Create => true,
            "HD Ticket" => {
                let stored = document.stored.clone();
                let ticket = stored.or_else(|| document.row().ok().map(Arc::new));
                let tickets = Tickets::of(&self.user, self.store);
                ticket.is_some_and(|ticket| tickets.admit(&document.meta, &ticket))
            }
            "File" => self.file_admits(right, document),
            _ => true,
        }
    }

    /// A file is as open as the document that it is attached to.
    fn file_admits(&mut self, right: Right, file: &Document) -> bool {
        let is_public = cell::int(file.get("is_private")) == 0;
        if right == Right::Create
            || (right == Right::Read && is_public)
            || file.text("owner") == *self.user.name
        {
            return true;
        }
        let (doctype, name) = (
            file.text("attached_to_doctype"),
            file.text("attached_to_name"),
        );
        let Some(meta) = self.store.doctype(&doctype).cloned() else {
            return false;
        };
        let Some(row) = self.store.row(&doctype, &name).cloned() else {
            return false;
        };
        let attached = Document::load(&meta, &row, self.store);
        let needed = if right == Right::Read {
            Right::Read
        } else {
            Right::Write
        };
        let said = self.messages.len();
        let admitted = self.may(needed, &attached);
        self.messages.truncate(said);
        admitted
    }
}

impl Scope {
    /// Whether a list shows the row.
    pub(crate) fn shows(&self, meta: &DocType, row: &Row) -> bool {
        match self {
            Self::Everything => true,
            Self::Owned(user) => *row.text(meta::OWNER) == **user,
            Self::Tickets(tickets) => tickets.admit(meta, row),
        }
    }
}
