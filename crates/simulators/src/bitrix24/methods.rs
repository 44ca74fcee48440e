//! The methods of the interface: their names, what they need, and where they are.

mod activities;
mod company_contacts;
mod directories;
mod duplicates;
mod fields_of;
mod history;
mod items;
mod listing;
mod records;
mod service;
mod stored;
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
    params::Params,
    presets,
    state::State,
};

/// One call of one method.
pub(crate) struct Call<'a> {
    pub state: &'a mut State,
    pub params: &'a Params,
    pub caller: &'a Webhook,
    pub behaviour: &'a Behaviour,
    pub now: Timestamp,
}

/// A method of the interface.
pub(crate) struct Method {
    pub name: &'static str,
    pub scope: Scope,
    pub run: fn(&mut Call<'_>) -> Result<Answer, Refusal>,
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
}

impl Scope {
    /// The scopes of which one is enough.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Basic => &[],
            Self::Crm => &["crm"],
            Self::User => &["user", "user_basic", "user_brief"],
            Self::Telephony => &["telephony"],
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

/// A method that may be called by this webhook.
pub(crate) fn permitted(name: &str, webhook: &Webhook) -> Result<&'static Method, Refusal> {
    let method = find(name).ok_or_else(method_not_found)?;
    if method.scope.is_granted_to(webhook) {
        Ok(method)
    } else {
        Err(presets::insufficient_scope())
    }
}

const fn crm(name: &'static str, run: fn(&mut Call<'_>) -> Result<Answer, Refusal>) -> Method {
    Method {
        name,
        scope: Scope::Crm,
        run,
    }
}

const fn basic(name: &'static str, run: fn(&mut Call<'_>) -> Result<Answer, Refusal>) -> Method {
    Method {
        name,
        scope: Scope::Basic,
        run,
    }
}

const fn user(name: &'static str, run: fn(&mut Call<'_>) -> Result<Answer, Refusal>) -> Method {
    Method {
        name,
        scope: Scope::User,
        run,
    }
}

/// Telephony wants an application; a webhook is told so.
const fn telephony(name: &'static str) -> Method {
    Method {
        name,
        scope: Scope::Telephony,
        run: |_| {
            Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "WRONG_AUTH_TYPE",
                "Current authorization type is denied for this method",
            ))
        },
    }
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
    crm("crm.activity.get", activities::get),
    crm("crm.activity.list", activities::list),
    crm("crm.activity.update", activities::update),
    crm("crm.activity.todo.add", activities::todo_add),
    telephony("telephony.externalcall.finish"),
    telephony("telephony.externalcall.register"),
    telephony("telephony.externalline.add"),
    telephony("telephony.externalline.delete"),
    telephony("telephony.externalline.get"),
    telephony("telephony.externalline.update"),
];
