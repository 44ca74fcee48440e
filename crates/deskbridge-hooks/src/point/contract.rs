//! What is said to a hook and what it may answer.

use serde_json::{Map, Value, json};

use super::Point;
use crate::shape::{Member, Shape};

/// Where a name and its form come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Itgrix before 2.15: everything is in `params`.
    Second,
    /// Itgrix 2.15: renamed, still in `params`.
    Third,
    /// Itgrix 3.10 and later: `call_full` beside the rest.
    Fifth,
    /// Every generation has it so.
    All,
    /// Ours.
    Own,
}

impl Generation {
    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "Itgrix before 2.15",
            Self::Third => "Itgrix 2.15",
            Self::Fifth => "Itgrix 3.10 and later",
            Self::All => "Itgrix, all",
            Self::Own => "Deskbridge",
        }
    }
}

/// `action` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is told to the CRM.
    Ignore,
    /// It goes on as usual.
    Register,
    /// What the CRM has of the call is taken away.
    Delete,
}

impl Action {
    /// As it is written in an answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Register => "register",
            Self::Delete => "delete",
        }
    }
}

/// What empty `data` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The request that comes next is left out.
    Request,
    /// Nothing is changed.
    Nothing,
}

/// One name under which a point is known, and its form.
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    /// The name: that of the script's file, without its ending.
    pub name: &'static str,
    /// The points at which it is asked.
    pub points: &'static [Point],
    /// Where it comes from.
    pub generation: Generation,
    /// When it is asked, as part of a sentence.
    pub when: &'static str,
    /// The members of what it is told.
    pub input: &'static [Member],
    /// What `data` of its answer may hold.
    pub output: Shape,
    /// The actions that it may answer.
    pub actions: &'static [Action],
    /// It may answer a `filter` for the search.
    pub has_filter: bool,
    /// What empty `data` means.
    pub empty: Cancel,
    /// What happens without it.
    pub default: &'static str,
}

impl Contract {
    /// The JSON Schema of what it is told.
    pub fn input_schema(&self) -> Value {
        titled(
            Shape::Object(self.input).schema(),
            &format!("{} is told", self.name),
        )
    }

    /// The JSON Schema of what it answers.
    pub fn output_schema(&self) -> Value {
        let mut properties = Map::new();
        let data = self.output.schema();
        let nothing = json!({"enum": [null, [], {}]});
        properties.insert("data".to_owned(), json!({"anyOf": [nothing, data]}));
        properties.insert("state".to_owned(), json!({"type": "string"}));
        if !self.actions.is_empty() {
            let actions: Vec<&str> = self.actions.iter().map(|action| action.name()).collect();
            properties.insert("action".to_owned(), json!({"enum": actions}));
        }
        if self.has_filter {
            properties.insert("filter".to_owned(), super::members::FILTER.schema());
        }
        let schema = json!({"type": "object", "properties": properties});
        titled(schema, &format!("{} answers", self.name))
    }

    /// Of all that is known at its point, what this form tells: the members that it names, and theirs.
    pub fn told(&self, known: &Value) -> Value {
        told(self.input, known)
    }
}

fn told(members: &[Member], known: &Value) -> Value {
    let told = members.iter().filter_map(|member| {
        let value = known.get(member.name)?;
        let value = match member.shape {
            Shape::Object(members) if value.is_object() => told(members, value),
            _ => value.clone(),
        };
        Some((member.name.to_owned(), value))
    });
    Value::Object(told.collect())
}

fn titled(mut schema: Value, title: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        let draft = "https://json-schema.org/draft/2020-12/schema";
        members.insert("$schema".to_owned(), json!(draft));
        members.insert("title".to_owned(), json!(title));
    }
    schema
}
