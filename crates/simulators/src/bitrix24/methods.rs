//! The methods of the interface: their names, what they need, and where they are.

mod activities;
mod callers;
mod company_contacts;
mod directories;
mod duplicates;
mod employees;
mod events;
mod external_calls;
mod external_lines;
mod fields_of;
mod finished_calls;
mod history;
mod items;
mod listing;
mod recordings;
mod records;
mod service;
mod statistics;
mod stored;
mod tasks;
mod timeline;
mod user_fields;
mod users;

use std::{collections::HashMap, sync::LazyLock};

use http::StatusCode;
use jiff::Timestamp;

use super::{
    answer::{Answer, Refusal},
    behaviour::Behaviour,
    data::Webhook,
    entity::Entity,
    params::{File, Params},
    presets,
    state::State,
};

/// One call of one method.
pub(crate) struct Call<'a> {
    pub state: &'a mut State,
    pub params: &'a Params,
    /// The user and the scopes; of an application there is no secret.
    pub caller: &'a Webhook,
    /// The application that calls, if one does.
    pub application: Option<&'a Signer>,
    /// Files that came with a form.
    pub files: &'a [File],
    /// Scheme and host of the portal, without a slash at the end.
    pub address: &'a str,
    pub behaviour: &'a Behaviour,
    pub now: Timestamp,
}

/// An application that has signed a call.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub client_id: String,
    pub access_token: String,
}

/// A method of the interface.
pub(crate) struct Method {
    pub name: &'static str,
    pub scope: Scope,
    pub open_to: OpenTo,
    pub run: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
}

/// Who may call a method at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OpenTo {
    Anybody,
    Applications,
    /// The same, but some portals let webhooks in.
    ApplicationsMostly,
}

/// What a webhook must have been granted to call a method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scope {
    /// Nothing.
    Basic,
    Crm,
    /// `user`, `user_basic` or `user_brief`.
    User,
    Telephony,
    Task,
    Messages,
    Workday,
    Placement,
}

impl Scope {
    /// The scopes of which one is enough.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Basic => &[],
            Self::Crm => &["crm"],
            Self::User => &["user", "user_basic", "user_brief"],
            Self::Telephony => &["telephony"],
            Self::Task => &["task", "tasks"],
            Self::Messages => &["im"],
            Self::Workday => &["timeman"],
            Self::Placement => &["placement"],
        }
    }

    /// Whether the webhook may use it.
    pub(crate) fn is_granted_to(self, webhook: &Webhook) -> bool {
        let names = self.names();
        let granted = &webhook.scopes;
        names.is_empty() || granted.iter().any(|scope| names.contains(&scope.as_str()))
    }
}

/// A method by its name in lower case; `batch` is not among them.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    static BY_NAME: LazyLock<HashMap<&'static str, &'static Method>> =
        LazyLock::new(|| METHODS.iter().map(|method| (method.name, method)).collect());
    BY_NAME.get(name).copied()
}

/// All methods but `batch`.
pub(crate) fn all() -> &'static [Method] {
    METHODS
}

/// 404: no such method.
pub(crate) fn method_not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "ERROR_METHOD_NOT_FOUND",
        "Method not found!",
    )
}

/// A method that may be called with these rights, by an application or not.
pub(crate) fn permitted(
    name: &str,
    rights: &Webhook,
    is_application: bool,
    behaviour: &Behaviour,
) -> Result<&'static Method, Refusal> {
    let method = find(name).ok_or_else(method_not_found)?;
    if !method.scope.is_granted_to(rights) {
        return Err(presets::insufficient_scope());
    }
    let is_open = match method.open_to {
        OpenTo::Anybody => true,
        OpenTo::Applications => is_application,
        OpenTo::ApplicationsMostly => is_application || behaviour.webhooks_register_calls,
    };
    if is_open {
        Ok(method)
    } else {
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "WRONG_AUTH_TYPE",
            "Current authorization type is denied for this method",
        ))
    }
}

type Run = fn(&mut Call<'_>) -> Result<Answer, Refusal>;

const fn method(name: &'static str, scope: Scope, open_to: OpenTo, run: Run) -> Method {
    Method {
        name,
        scope,
        open_to,
        run,
    }
}

const fn crm(name: &'static str, run: Run) -> Method {
    method(name, Scope::Crm, OpenTo::Anybody, run)
}

const fn basic(name: &'static str, run: Run) -> Method {
    method(name, Scope::Basic, OpenTo::Anybody, run)
}

const fn user(name: &'static str, run: Run) -> Method {
    method(name, Scope::User, OpenTo::Anybody, run)
}

const fn task(name: &'static str, run: Run) -> Method {
    method(name, Scope::Task, OpenTo::Anybody, run)
}

const fn message(name: &'static str, run: Run) -> Method {
    method(name, Scope::Messages, OpenTo::Anybody, run)
}

const fn telephony(name: &'static str, run: Run) -> Method {
    method(name, Scope::Telephony, OpenTo::Anybody, run)
}

/// Telephony that wants an application.
const fn registrar(name: &'static str, run: Run) -> Method {
    method(name, Scope::Telephony, OpenTo::ApplicationsMostly, run)
}

const fn event(name: &'static str, run: Run) -> Method {
    method(name, Scope::Basic, OpenTo::Applications, run)
}

const fn placement(name: &'static str, run: Run) -> Method {
    method(name, Scope::Placement, OpenTo::Applications, run)
}

const METHODS: &[Method] = &[
    basic("feature.get", service::feature_get),
    basic("method.get", service::method_get),
    basic("methods", service::methods),
    basic("profile", service::profile),
    basic("scope", service::scope),
    basic("server.time", service::server_time),
    user("user.current", users::current),
    user("user.get", users::get),
    crm("crm.company.add", |call| {
        records::add(call, Entity::Company)
    }),
    crm("crm.company.contact.items.get", company_contacts::get),
    crm("crm.company.delete", |call| {
        records::delete(call, Entity::Company)
    }),
    crm("crm.company.fields", |call| {
        fields_of::legacy(call, Entity::Company)
    }),
    crm("crm.company.get", |call| {
        records::get(call, Entity::Company)
    }),
    crm("crm.company.list", |call| {
        records::list(call, Entity::Company)
    }),
    crm("crm.company.update", |call| {
        records::update(call, Entity::Company)
    }),
    crm("crm.company.userfield.get", |call| {
        user_fields::get(call, Entity::Company)
    }),
    crm("crm.company.userfield.list", |call| {
        user_fields::list(call, Entity::Company)
    }),
    crm("crm.contact.add", |call| {
        records::add(call, Entity::Contact)
    }),
    crm("crm.contact.delete", |call| {
        records::delete(call, Entity::Contact)
    }),
    crm("crm.contact.fields", |call| {
        fields_of::legacy(call, Entity::Contact)
    }),
    crm("crm.contact.get", |call| {
        records::get(call, Entity::Contact)
    }),
    crm("crm.contact.list", |call| {
        records::list(call, Entity::Contact)
    }),
    crm("crm.contact.update", |call| {
        records::update(call, Entity::Contact)
    }),
    crm("crm.contact.userfield.get", |call| {
        user_fields::get(call, Entity::Contact)
    }),
    crm("crm.contact.userfield.list", |call| {
        user_fields::list(call, Entity::Contact)
    }),
    crm("crm.lead.add", |call| records::add(call, Entity::Lead)),
    crm("crm.lead.delete", |call| {
        records::delete(call, Entity::Lead)
    }),
    crm("crm.lead.fields", |call| {
        fields_of::legacy(call, Entity::Lead)
    }),
    crm("crm.lead.get", |call| records::get(call, Entity::Lead)),
    crm("crm.lead.list", |call| records::list(call, Entity::Lead)),
    crm("crm.lead.update", |call| {
        records::update(call, Entity::Lead)
    }),
    crm("crm.lead.userfield.get", |call| {
        user_fields::get(call, Entity::Lead)
    }),
    crm("crm.lead.userfield.list", |call| {
        user_fields::list(call, Entity::Lead)
    }),
    crm("crm.deal.add", |call| records::add(call, Entity::Deal)),
    crm("crm.deal.delete", |call| {
        records::delete(call, Entity::Deal)
    }),
    crm("crm.deal.fields", |call| {
        fields_of::legacy(call, Entity::Deal)
    }),
    crm("crm.deal.get", |call| records::get(call, Entity::Deal)),
    crm("crm.deal.list", |call| records::list(call, Entity::Deal)),
    crm("crm.deal.update", |call| {
        records::update(call, Entity::Deal)
    }),
    crm("crm.deal.userfield.get", |call| {
        user_fields::get(call, Entity::Deal)
    }),
    crm("crm.deal.userfield.list", |call| {
        user_fields::list(call, Entity::Deal)
    }),
    crm("crm.item.add", items::add),
    crm("crm.item.delete", items::delete),
    crm("crm.item.fields", fields_of::universal),
    crm("crm.item.get", items::get),
    crm("crm.item.list", items::list),
    crm("crm.item.update", items::update),
    crm("crm.duplicate.findbycomm", duplicates::find),
    crm("crm.status.list", directories::statuses),
    crm("crm.category.list", directories::categories),
    crm("crm.currency.list", directories::currencies),
    crm("crm.stagehistory.list", history::list),
    crm("crm.timeline.comment.add", timeline::add),
    crm("crm.timeline.comment.list", timeline::list),
    crm("crm.activity.add", activities::add),
    crm("crm.activity.delete", activities::delete),
    crm("crm.activity.get", activities::get),
    crm("crm.activity.list", activities::list),
    crm("crm.activity.update", activities::update),
    crm("crm.activity.todo.add", activities::todo_add),
    event("event.bind", events::bind),
    event("event.get", events::bound),
    event("event.unbind", events::unbind),
    event("event.offline.clear", events::confirm),
    event("event.offline.error", events::give_up),
    event("event.offline.get", events::take),
    event("event.offline.list", events::list),
    message("im.notify", employees::notify),
    message("im.notify.personal.add", employees::notify),
    message("im.notify.system.add", employees::notify),
    placement("placement.bind", events::place),
    placement("placement.unbind", events::unplace),
    task("tasks.task.add", tasks::add),
    task("tasks.task.complete", tasks::complete),
    task("tasks.task.get", tasks::get),
    task("tasks.task.list", tasks::list),
    task("tasks.task.update", tasks::update),
    telephony("telephony.call.attachtranscription", recordings::transcribe),
    telephony("telephony.externalcall.attachrecord", recordings::attach),
    registrar("telephony.externalcall.finish", finished_calls::finish),
    telephony("telephony.externalcall.hide", external_calls::hide),
    registrar("telephony.externalcall.register", external_calls::register),
    telephony("telephony.externalcall.searchcrmentities", callers::search),
    telephony("telephony.externalcall.show", external_calls::show),
    registrar("telephony.externalline.add", external_lines::add),
    registrar("telephony.externalline.delete", external_lines::delete),
    registrar("telephony.externalline.get", external_lines::get),
    registrar("telephony.externalline.update", external_lines::update),
    method(
        "timeman.status",
        Scope::Workday,
        OpenTo::Anybody,
        employees::workday,
    ),
    telephony("upload", recordings::upload),
    telephony("voximplant.statistic.get", statistics::get),
    telephony("voximplant.user.get", statistics::user_get),
];
