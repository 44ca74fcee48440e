//! One record, kept as the JSON text that it is answered with.
//!
//! Listings copy text and build nothing, which is what lets a batch of fifty pages cost a few milliseconds.

use serde_json::{Map, Value};

use super::fields::{Field, Missing, Schema};

/// One record. Its text is `"ID":"1","TITLE":"…",…` in the order of the schema.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub id: u64,
    text: Box<str>,
    /// Where each field of the schema ends in the text.
    ends: Box<[u32]>,
}

impl Row {
    /// Writes a record down. Values are kept as they are; only `ID` is set to `id`, as text.
    pub(crate) fn new(schema: &Schema, id: u64, values: &Map<String, Value>) -> Self {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(schema.len());
        for (_, field) in schema.iter() {
            let own_id = (field.name == "ID").then(|| Value::String(id.to_string()));
            let value = own_id.as_ref().or_else(|| values.get(&field.name));
            // Fields that only come by name have no value to show when there is none.
            let shown = match value {
                Some(value) => Some(value.to_string()),
                None if schema.missing == Missing::Null && !field.is_multiple => {
                    Some("null".to_owned())
                }
                None => None,
            };
            if let Some(shown) = shown {
                if !text.is_empty() {
                    text.push(',');
                }
                text.push('"');
                text.push_str(&field.name);
                text.push_str("\":");
                text.push_str(&shown);
            }
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self {
            id,
            text: text.into(),
            ends: ends.into(),
        }
    }

    /// `"NAME":value` of a field; `None` when the record does not have it.
    fn segment(&self, field: usize) -> Option<&str> {
        let end = *self.ends.get(field)? as usize;
        let start = match field.checked_sub(1) {
            Some(previous) => *self.ends.get(previous)? as usize,
            None => 0,
        };
        let segment = self.text.get(start..end)?;
        let segment = segment.strip_prefix(',').unwrap_or(segment);
        (!segment.is_empty()).then_some(segment)
    }

    /// The JSON text of a field's value; `null` when the record does not have it.
    pub(crate) fn raw(&self, field: usize) -> &str {
        self.segment(field)
            .and_then(|segment| segment.split_once("\":"))
            .map_or("null", |(_, value)| value)
    }

    /// Whether the record has the field at all.
    pub(crate) fn has(&self, field: usize) -> bool {
        self.segment(field).is_some()
    }

    /// Appends the record with these fields as a JSON object.
    pub(crate) fn write(&self, selection: &Selection, out: &mut String) {
        out.push('{');
        let start = out.len();
        if let Some(last) = selection.leading.checked_sub(1) {
            let end = self.ends.get(last).map_or(0, |end| *end as usize);
            out.push_str(self.text.get(..end).unwrap_or_default());
        }
        for field in &selection.named {
            if let Some(segment) = self.segment(*field) {
                if out.len() > start {
                    out.push(',');
                }
                out.push_str(segment);
            }
        }
        out.push('}');
    }

    /// Appends the record with each value written by `write`.
    pub(crate) fn write_with(
        &self,
        schema: &Schema,
        selection: &Selection,
        out: &mut String,
        mut write: impl FnMut(&Field, &str, &mut String),
    ) {
        out.push('{');
        let start = out.len();
        for at in (0..selection.leading).chain(selection.named.iter().copied()) {
            let Some(field) = schema.field(at).filter(|_| self.has(at)) else {
                continue;
            };
            if out.len() > start {
                out.push(',');
            }
            out.push('"');
            out.push_str(&field.name);
            out.push_str("\":");
            write(field, self.raw(at), out);
        }
        out.push('}');
    }

    /// The record as values, to be changed and written down anew.
    pub(crate) fn values(&self) -> Map<String, Value> {
        serde_json::from_str(&format!("{{{}}}", self.text)).unwrap_or_default()
    }
}

/// Which fields of a record are answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selection {
    /// So many fields from the beginning of the schema.
    pub leading: usize,
    /// These fields besides.
    pub named: Vec<usize>,
}

impl Selection {
    /// Everything a record has.
    pub(crate) fn everything(schema: &Schema) -> Self {
        Self {
            leading: schema.len(),
            named: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bitrix24::fields::{Field, Kind, system};

    fn schema(missing: Missing) -> Schema {
        let user_fields = vec![Field::of_user("UF_CRM_X", Kind::Text, false, None)];
        Schema::new(&system::COMMENT[..4], user_fields, missing)
    }

    fn written(schema: &Schema, values: Value, selection: &Selection) -> String {
        let Value::Object(values) = values else {
            panic!("not an object")
        };
        let mut out = String::new();
        Row::new(schema, 7, &values).write(selection, &mut out);
        out
    }

    #[test]
    fn a_record_is_answered_as_it_was_stored() {
        let schema = schema(Missing::Null);
        let values = json!({"ENTITY_ID": 3, "UF_CRM_X": {"a": [1, "\":"]}});
        let all = Selection::everything(&schema);
        assert_eq!(
            written(&schema, values.clone(), &all),
            r#"{"ID":"7","ENTITY_ID":3,"ENTITY_TYPE":null,"CREATED":null,"UF_CRM_X":{"a":[1,"\":"]}}"#
        );
        let some = Selection {
            leading: 0,
            named: vec![0, 4],
        };
        assert_eq!(
            written(&schema, values, &some),
            r#"{"ID":"7","UF_CRM_X":{"a":[1,"\":"]}}"#
        );
    }

    #[test]
    fn what_a_record_lacks_can_be_left_out() {
        let schema = schema(Missing::Omitted);
        let all = Selection::everything(&schema);
        let values = json!({"UF_CRM_X": ""});
        assert_eq!(
            written(&schema, values, &all),
            r#"{"ID":"7","UF_CRM_X":""}"#
        );
        let row = Row::new(&schema, 7, &Map::new());
        assert_eq!((row.raw(0), row.raw(1)), ("\"7\"", "null"));
        assert_eq!(row.values().get("ID"), Some(&json!("7")));
    }
}
