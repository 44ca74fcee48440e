//! Fields of tickets, whose choices have a shape for every type.

use serde_json::{Map, Value};

use super::record;

record! {
    /// A field of tickets.
    TicketField as "a field" by OtherId {
        /// Its name: of own ones `cf_` and more.
        name: Option<String>,
        /// What agents read.
        label: Option<String>,
        /// `default_status`, `custom_dropdown`, `nested_field`, … Others come up.
        kind as "type": Option<String>,
        /// See [`TicketField::choices`].
        raw_choices as "choices": Option<RawChoices>,
        /// The lower levels of a nested field.
        nested_ticket_fields: Vec<NestedField>,
    }
}

record! {
    /// A lower level of a nested field, whose value is a member of its own in a ticket.
    NestedField as "a nested field" by OtherId {
        /// Its name.
        name: Option<String>,
        /// What agents read.
        label: Option<String>,
        /// 2 or 3.
        level: Option<i64>,
    }
}

/// Choices as they came.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct RawChoices(pub Value);

impl super::Member for Option<RawChoices> {
    fn read(value: Value) -> Result<Self, Value> {
        Ok(Some(RawChoices(value)))
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// What can be chosen. Values of old tickets may be none of these any more.
#[derive(Clone, Debug, PartialEq)]
pub enum Choices {
    /// Nothing is chosen from.
    None,
    /// Labels, which are the values.
    Labels(Vec<String>),
    /// Numbers with their labels: statuses, priorities, sources, groups, agents.
    Numbered(Vec<Choice>),
    /// Labels with the labels below them.
    Nested(Vec<NestedChoice>),
    /// Another shape.
    Other(Value),
}

/// A label with those below it, each with those below that.
pub type NestedChoice = (String, Vec<(String, Vec<String>)>);

/// A numbered choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub code: i64,
    /// What agents read.
    pub label: String,
}

impl TicketField {
    /// What can be chosen.
    pub fn choices(&self) -> Choices {
        let Some(RawChoices(raw)) = &self.raw_choices else {
            return Choices::None;
        };
        let read = match raw {
            Value::Null => Some(Choices::None),
            Value::Array(values) => labels(values)
                .map(Choices::Labels)
                .or_else(|| of_admin(values)),
            Value::Object(members) if members.is_empty() => Some(Choices::None),
            Value::Object(members) => numbered(members).or_else(|| nested(members)),
            _ => None,
        };
        read.unwrap_or_else(|| Choices::Other(raw.clone()))
    }
}

fn labels(values: &[Value]) -> Option<Vec<String>> {
    values
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// `{"2": ["Open", "Being Processed"]}`, or `{"Low": 1}`.
fn numbered(members: &Map<String, Value>) -> Option<Choices> {
    let choice = |(key, value): (&String, &Value)| match value {
        Value::Number(code) => Some(Choice {
            code: code.as_i64()?,
            label: key.clone(),
        }),
        Value::Array(labels) => Some(Choice {
            code: key.parse().ok()?,
            label: labels.first()?.as_str()?.to_owned(),
        }),
        _ => None,
    };
    let mut choices: Vec<Choice> = members.iter().map(choice).collect::<Option<_>>()?;
    choices.sort_by_key(|choice| choice.code);
    Some(Choices::Numbered(choices))
}

/// `{"a": {"b": ["c"]}}`, of which the lower levels may be empty lists.
fn nested(members: &Map<String, Value>) -> Option<Choices> {
    let lower = |value: &Value| match value {
        Value::Object(members) => members
            .iter()
            .map(|(label, below)| Some((label.clone(), labels(below.as_array()?)?)))
            .collect::<Option<Vec<_>>>(),
        Value::Array(values) => Some(
            labels(values)?
                .into_iter()
                .map(|label| (label, Vec::new()))
                .collect(),
        ),
        _ => None,
    };
    let all = members
        .iter()
        .map(|(label, below)| Some((label.clone(), lower(below)?)));
    all.collect::<Option<Vec<_>>>().map(Choices::Nested)
}

/// `[{"id": 1, "value": "a", "choices": […]}]`, as administrators are answered.
fn of_admin(values: &[Value]) -> Option<Choices> {
    fn label(value: &Value) -> Option<String> {
        let label = value.get("value").or_else(|| value.get("label"))?;
        label.as_str().map(str::to_owned)
    }
    fn below(value: &Value) -> &[Value] {
        value
            .get("choices")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
    if values.iter().all(|value| below(value).is_empty()) {
        return values
            .iter()
            .map(label)
            .collect::<Option<Vec<_>>>()
            .map(Choices::Labels);
    }
    let all = values.iter().map(|value| {
        let lower = below(value).iter().map(|value| {
            let lowest = below(value).iter().map(label).collect::<Option<Vec<_>>>()?;
            Some((label(value)?, lowest))
        });
        Some((label(value)?, lower.collect::<Option<Vec<_>>>()?))
    });
    all.collect::<Option<Vec<_>>>().map(Choices::Nested)
}
