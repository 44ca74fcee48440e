//! The JSON Schema of a shape.

use serde_json::{Map, Value, json};

use super::Shape;

impl Shape {
    /// Its JSON Schema (draft 2020-12), as one without definitions of its own.
    pub fn schema(&self) -> Value {
        match self {
            Self::Text { bytes_max } => {
                json!({"type": ["string", "number"], "maxLength": bytes_max})
            }
            Self::Line { bytes_max } => json!({
                "type": ["string", "number"],
                "maxLength": bytes_max,
                "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
            }),
            Self::Phone => json!({
                "type": ["string", "number"],
                "pattern": "[0-9*#]",
                "description": "everything but digits, *, # and a leading + is left out",
            }),
            Self::Whole { min, max } => {
                json!({"type": ["integer", "string"], "minimum": min, "maximum": max, "pattern": "^-?[0-9]+$"})
            }
            Self::Flag => json!({"enum": [true, false, 1, 0, "1", "0", "Y", "N"]}),
            Self::OneOf(texts) => json!({"enum": texts}),
            Self::Object(members) => object(members),
            Self::Fields => json!({
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$"},
                "maxProperties": super::check::FIELDS_MAX,
            }),
            Self::Map(of) => json!({"type": "object", "additionalProperties": of.schema()}),
            Self::List { of, count_max } => {
                json!({"type": "array", "items": of.schema(), "maxItems": count_max})
            }
            Self::OrNull(of) => json!({"anyOf": [of.schema(), {"type": "null"}]}),
            Self::Any => json!(true),
        }
    }
}

fn object(members: &[super::Member]) -> Value {
    let mut properties = Map::new();
    for member in members {
        let mut schema = member.shape.schema();
        if schema == json!(true) {
            schema = json!({});
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(member.about));
        }
        properties.insert(member.name.to_owned(), schema);
    }
    let required = members.iter().filter(|member| member.is_required);
    let required: Vec<&str> = required.map(|member| member.name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}
