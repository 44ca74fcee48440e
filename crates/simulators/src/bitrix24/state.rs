//! All records of a portal, and how they are made from [`Data`] and turned back into it.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    applications::Applications,
    data::{Data, Record, UserField, Webhook},
    entity::Entity,
    events::Events,
    fields::{Field, Kind, Missing, Schema, system},
    row::Row,
    stages,
    table::Table,
    telephony::Telephony,
};

/// What owns the user fields of tasks.
pub(crate) const TASKS_ENTITY: &str = "TASKS_TASK";

/// All records of a portal.
pub(crate) struct State {
    pub webhooks: Vec<Arc<Webhook>>,
    callers: HashMap<(String, String), usize>,
    pub applications: Applications,
    pub telephony: Telephony,
    pub events: Events,
    pub users: Table,
    pub leads: Table,
    pub deals: Table,
    pub contacts: Table,
    pub companies: Table,
    pub activities: Table,
    pub tasks: Table,
    pub statistics: Table,
    pub comments: Table,
    pub lead_history: Table,
    pub deal_history: Table,
    pub statuses: Table,
    pub categories: Vec<Record>,
    pub currencies: Vec<Record>,
    pub user_fields: Vec<UserField>,
    /// The number that the next phone, e-mail or site gets.
    pub next_multifield_id: u64,
}

/// Why data cannot be a portal's.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Unusable {
    /// Two records of one kind carry one id.
    #[error("two of the {kind} have ID {id}; give each its own, or none")]
    SameId {
        /// The list in the data.
        kind: &'static str,
        /// The id.
        id: u64,
    },
    /// An id is no whole number above nought.
    #[error("one of the {kind} has ID {id}, which is no whole number above 0")]
    NoId {
        /// The list in the data.
        kind: &'static str,
        /// What was there instead.
        id: String,
    },
    /// A record has a field that its kind does not have.
    #[error("one of the {kind} has a field {field}, which that kind of record does not have")]
    NoSuchField {
        /// The list in the data.
        kind: &'static str,
        /// The field.
        field: String,
    },
}

impl State {
    /// Writes all records down.
    pub(crate) fn new(data: Data) -> Result<Self, Unusable> {
        let crm = |entity: Entity, records: &[Record]| {
            let fields = user_fields(&data.user_fields, entity, records);
            Schema::new(entity.system_fields(), fields, Missing::Null)
        };
        let plain = |declared, missing| Schema::new(declared, Vec::new(), missing);
        let callers = data.webhooks.iter().enumerate();
        let callers = callers
            .map(|(at, hook)| ((hook.user_id.to_string(), hook.secret.clone()), at))
            .collect();
        let mut state = Self {
            callers,
            applications: Applications::new(data.applications),
            telephony: Telephony::default(),
            events: Events::default(),
            users: table(plain(system::USER, Missing::Omitted), "users", &data.users)?,
            leads: table(crm(Entity::Lead, &data.leads), "leads", &data.leads)?,
            deals: table(crm(Entity::Deal, &data.deals), "deals", &data.deals)?,
            contacts: table(
                crm(Entity::Contact, &data.contacts),
                "contacts",
                &data.contacts,
            )?,
            companies: table(
                crm(Entity::Company, &data.companies),
                "companies",
                &data.companies,
            )?,
            activities: table(
                plain(system::ACTIVITY, Missing::Null),
                "activities",
                &data.activities,
            )?,
            tasks: table(
                Schema::new(system::TASK, task_fields(&data.user_fields), Missing::Null),
                "tasks",
                &data.tasks,
            )?,
            statistics: table(
                plain(system::STATISTIC, Missing::Null),
                "statistics",
                &data.statistics,
            )?,
            comments: table(
                plain(system::COMMENT, Missing::Null),
                "comments",
                &data.comments,
            )?,
            lead_history: table(
                plain(system::LEAD_HISTORY, Missing::Null),
                "lead_history",
                &data.lead_history,
            )?,
            deal_history: table(
                plain(system::DEAL_HISTORY, Missing::Null),
                "deal_history",
                &data.deal_history,
            )?,
            statuses: table(
                plain(system::STATUS, Missing::Null),
                "statuses",
                &data.statuses,
            )?,
            categories: data.categories,
            currencies: data.currencies,
            user_fields: data.user_fields,
            webhooks: data.webhooks.into_iter().map(Arc::new).collect(),
            next_multifield_id: 1,
        };
        state.next_multifield_id = state.largest_multifield_id().saturating_add(1);
        stages::begin(&mut state);
        Ok(state)
    }

    /// The portal's records as data, for another run or for a test to look at.
    pub(crate) fn data(&self) -> Data {
        let records = |table: &Table| table.rows().iter().map(Row::values).collect();
        Data {
            webhooks: self
                .webhooks
                .iter()
                .map(|hook| Webhook::clone(hook))
                .collect(),
            applications: self.applications.declared(),
            users: records(&self.users),
            companies: records(&self.companies),
            contacts: records(&self.contacts),
            leads: records(&self.leads),
            deals: records(&self.deals),
            activities: records(&self.activities),
            tasks: records(&self.tasks),
            statistics: records(&self.statistics),
            comments: records(&self.comments),
            lead_history: records(&self.lead_history),
            deal_history: records(&self.deal_history),
            statuses: records(&self.statuses),
            categories: self.categories.clone(),
            currencies: self.currencies.clone(),
            user_fields: self.user_fields.clone(),
        }
    }

    /// The webhook with this user and secret, and its number.
    pub(crate) fn webhook(&self, user: &str, secret: &str) -> Option<(usize, Arc<Webhook>)> {
        let at = *self.callers.get(&(user.to_owned(), secret.to_owned()))?;
        Some((at, Arc::clone(self.webhooks.get(at)?)))
    }

    pub(crate) fn table(&self, entity: Entity) -> &Table {
        match entity {
            Entity::Lead => &self.leads,
            Entity::Deal => &self.deals,
            Entity::Contact => &self.contacts,
            Entity::Company => &self.companies,
        }
    }

    pub(crate) fn table_mut(&mut self, entity: Entity) -> &mut Table {
        match entity {
            Entity::Lead => &mut self.leads,
            Entity::Deal => &mut self.deals,
            Entity::Contact => &mut self.contacts,
            Entity::Company => &mut self.companies,
        }
    }

    fn largest_multifield_id(&self) -> u64 {
        let mut largest = 0;
        for entity in Entity::ALL {
            let table = self.table(entity);
            let fields = table.schema().iter();
            let multifields: Vec<usize> = fields
                .filter(|(_, field)| field.kind == Kind::Multifield)
                .map(|(at, _)| at)
                .collect();
            for row in table.rows() {
                for field in &multifields {
                    let rows: Vec<Map<String, Value>> =
                        serde_json::from_str(row.raw(*field)).unwrap_or_default();
                    let ids = rows.iter().filter_map(|row| id_of(row.get("ID")?).ok());
                    largest = ids.fold(largest, u64::max);
                }
            }
        }
        largest
    }
}

/// The user fields of a kind of record: declared ones, and those that records have without a
/// declaration.
fn user_fields(declared: &[UserField], entity: Entity, records: &[Record]) -> Vec<Field> {
    let own = declared
        .iter()
        .filter(|field| field.entity_id == entity.user_field_owner());
    let mut fields: Vec<Field> = own
        .map(|field| {
            let kind = Kind::of_user_type(&field.user_type_id);
            Field::of_user(&field.field_name, kind, field.multiple, Some(field.id))
        })
        .collect();
    let mut known: std::collections::HashSet<String> =
        fields.iter().map(|field| field.name.clone()).collect();
    for name in records.iter().flat_map(Map::keys) {
        if name.starts_with("UF_") && !known.contains(name) {
            known.insert(name.clone());
            fields.push(Field::of_user(name, Kind::Text, false, None));
        }
    }
    fields
}

/// The fields that a portal has added to its tasks.
fn task_fields(declared: &[UserField]) -> Vec<Field> {
    let own = declared
        .iter()
        .filter(|field| field.entity_id == TASKS_ENTITY);
    own.map(|field| {
        let kind = Kind::of_user_type(&field.user_type_id);
        Field::of_user(&field.field_name, kind, field.multiple, Some(field.id))
    })
    .collect()
}

fn table(schema: Schema, kind: &'static str, records: &[Record]) -> Result<Table, Unusable> {
    let mut table = Table::new(schema);
    let mut unnumbered = Vec::new();
    for record in records {
        if let Some(field) = record.keys().find(|key| table.schema().find(key).is_none()) {
            return Err(Unusable::NoSuchField {
                kind,
                field: field.clone(),
            });
        }
        let Some(id) = record.get("ID") else {
            unnumbered.push(record);
            continue;
        };
        let id = id_of(id).map_err(|id| Unusable::NoId { kind, id })?;
        if table.get(id).is_some() {
            return Err(Unusable::SameId { kind, id });
        }
        table.put(id, record);
    }
    for record in unnumbered {
        table.put(table.next_id(), record);
    }
    Ok(table)
}

fn id_of(value: &Value) -> Result<u64, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.parse() {
        Ok(0) | Err(_) => Err(text),
        Ok(id) => Ok(id),
    }
}
