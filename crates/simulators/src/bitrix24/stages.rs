//! Stages of leads and deals: what they mean, and the record that is kept of every move.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::{
    compare::{self, Key},
    data::Record,
    entity::Entity,
    filter::Filter,
    state::State,
    table::{Query, Table},
};

/// Which fields of a record carry its stage.
struct Names {
    stage: &'static str,
    semantic: &'static str,
}

fn names(entity: Entity) -> Option<Names> {
    match entity {
        Entity::Lead => Some(Names {
            stage: "STATUS_ID",
            semantic: "STATUS_SEMANTIC_ID",
        }),
        Entity::Deal => Some(Names {
            stage: "STAGE_ID",
            semantic: "STAGE_SEMANTIC_ID",
        }),
        Entity::Contact | Entity::Company => None,
    }
}

/// Who moves a record, and when.
pub(crate) struct Move<'a> {
    pub user_id: u64,
    pub at: &'a str,
}

/// Completes a lead or deal that is about to be stored, and enters its move if it made one.
pub(crate) fn enter(
    state: &mut State,
    entity: Entity,
    id: u64,
    before: Option<&Record>,
    record: &mut Record,
    moved: &Move<'_>,
) {
    let Some(names) = names(entity) else {
        return;
    };
    if entity == Entity::Deal && text(record, names.stage).is_empty() {
        let first = match text(record, "CATEGORY_ID").as_str() {
            "" | "0" => "NEW".to_owned(),
            category => format!("C{category}:NEW"),
        };
        record.insert(names.stage.to_owned(), first.into());
    }
    let stage = text(record, names.stage);
    let semantic = semantic(state, entity, &stage);
    record.insert(names.semantic.to_owned(), semantic.into());
    if entity == Entity::Deal {
        let is_closed = semantic != "P";
        let flag = |is_set: bool| Json::from(if is_set { "Y" } else { "N" });
        record.insert("CLOSED".to_owned(), flag(is_closed));
        record.insert("IS_NEW".to_owned(), flag(stage.ends_with("NEW")));
    }
    if before.is_some_and(|before| text(before, names.stage) == stage) {
        return;
    }
    record.insert("MOVED_TIME".to_owned(), moved.at.into());
    record.insert("MOVED_BY_ID".to_owned(), moved.user_id.to_string().into());
    if entity == Entity::Lead {
        let closed_at = if semantic == "P" {
            Json::Null
        } else {
            moved.at.into()
        };
        record.insert("DATE_CLOSED".to_owned(), closed_at);
    }
    let kind = match (before, semantic) {
        (None, _) => 1,
        (Some(before), _) if text(before, "CATEGORY_ID") != text(record, "CATEGORY_ID") => 5,
        (Some(_), "P") => 2,
        (Some(_), _) => 3,
    };
    put(state, entity, id, record, kind, moved.at);
}

/// Enters the creation of every lead and deal that has no history yet.
pub(crate) fn begin(state: &mut State) {
    for entity in [Entity::Lead, Entity::Deal] {
        let known = owners(history(state, entity));
        let rows = state.table(entity).rows().iter();
        let unknown = rows.filter(|row| !known.contains(&row.id));
        let records: Vec<(u64, Record)> = unknown.map(|row| (row.id, row.values())).collect();
        for (id, record) in records {
            let created_at = text(&record, "DATE_CREATE");
            put(state, entity, id, &record, 1, &created_at);
        }
    }
}

fn owners(history: &Table) -> HashSet<u64> {
    let owner = history.schema().find("OWNER_ID");
    let ids = history.rows().iter().filter_map(|row| {
        let text = compare::unquote(row.raw(owner?));
        text.parse().ok()
    });
    ids.collect()
}

fn history(state: &mut State, entity: Entity) -> &mut Table {
    match entity {
        Entity::Lead => &mut state.lead_history,
        Entity::Deal | Entity::Contact | Entity::Company => &mut state.deal_history,
    }
}

fn put(state: &mut State, entity: Entity, id: u64, record: &Record, kind: u8, at: &str) {
    let Some(names) = names(entity) else {
        return;
    };
    let stage = text(record, names.stage);
    let mut entry = Record::new();
    entry.insert("TYPE_ID".to_owned(), kind.to_string().into());
    entry.insert("OWNER_ID".to_owned(), id.to_string().into());
    entry.insert("CREATED_TIME".to_owned(), at.into());
    let semantic = semantic(state, entity, &stage);
    entry.insert(names.semantic.to_owned(), semantic.into());
    entry.insert(names.stage.to_owned(), stage.into());
    if entity == Entity::Deal {
        let category = text(record, "CATEGORY_ID");
        entry.insert("CATEGORY_ID".to_owned(), json!(category));
    }
    let history = history(state, entity);
    history.put(history.next_id(), &entry);
}

/// `P` in progress, `S` won, `F` lost; by the directory, and by well-known codes where it is silent.
fn semantic(state: &mut State, entity: Entity, stage: &str) -> &'static str {
    let statuses = &mut state.statuses;
    let schema = statuses.schema();
    let query = Query {
        filter: Filter::Every(vec![Filter::equals(schema, "STATUS_ID", stage)]),
        order: Vec::new(),
    };
    let (directory, semantics) = (schema.find("ENTITY_ID"), schema.find("SEMANTICS"));
    let wanted = match (entity, stage.split_once(':')) {
        (Entity::Lead, _) => Key::Text("status".to_owned()),
        (_, Some((category, _))) => {
            Key::Text(format!("deal_stage_{}", category.trim_start_matches('C')))
        }
        (_, None) => Key::Text("deal_stage".to_owned()),
    };
    let found = statuses.all(&query).into_iter().find_map(|row| {
        let of = compare::unquote(row.raw(directory?));
        let is_wanted = Key::Text(of.to_lowercase()) == wanted;
        let outcome = compare::unquote(row.raw(semantics?)).into_owned();
        is_wanted.then_some(outcome)
    });
    let code = stage.rsplit(':').next().unwrap_or_default();
    match (found.as_deref(), code) {
        (Some("S"), _) => "S",
        (Some("F" | "APOLOGY"), _) => "F",
        (_, "WON" | "CONVERTED") => "S",
        (_, "LOSE" | "APOLOGY" | "JUNK") => "F",
        _ => "P",
    }
}

fn text(record: &Record, name: &str) -> String {
    match record.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
