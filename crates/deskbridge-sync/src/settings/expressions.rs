//! Expressions that fill more fields: compiled once, bounded when they run.

use std::collections::BTreeMap;

use caresoft::Zone;
use jiff::civil::DateTime;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::ValueKind};
use serde_json::{Map, Value};

use super::MappingError;
use crate::decide::version::to_second;

/// Steps that one expression may take, so that none can hold up its case.
const FUEL: u64 = 20_000;
/// Bytes of a value that one expression may make.
const VALUE_BYTES_MAX: usize = 65_536;

/// Fields by name, each with its expression.
#[derive(Debug)]
pub struct Expressions {
    /// Each expression is a template that writes its value as JSON, which keeps numbers numbers.
    environment: Environment<'static>,
}

/// What expressions came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// The fields that have a value.
    pub fields: Map<String, Value>,
    /// The fields that could not be evaluated, and why.
    pub failed: Vec<(String, String)>,
}

impl Expressions {
    pub(super) fn compile(
        object: &str,
        fields: BTreeMap<String, String>,
        zone: Zone,
    ) -> Result<Self, MappingError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("datetime", move |text: &str| {
            told(text, &zone).map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
        });
        environment.add_filter("date", move |text: &str| {
            told(text, &zone).map(|at| at.strftime("%Y-%m-%d").to_string())
        });
        environment.add_filter("as_field", as_field);
        for (field, expression) in fields {
            let setting = format!("{object}.fields.{field}");
            let failed = |source| MappingError::Expression {
                setting: setting.clone(),
                source,
            };
            // By itself first: it is to be an expression, not the beginning of a template.
            environment
                .compile_expression(&expression)
                .map_err(failed)?;
            environment
                .add_template_owned(field, format!("{{{{ ({expression})|as_field }}}}"))
                .map_err(failed)?;
        }
        Ok(Self { environment })
    }

    /// The fields of a record.
    pub fn evaluate(&self, record: &Map<String, Value>) -> Evaluated {
        let mut evaluated = Evaluated::default();
        if self.environment.templates().next().is_none() {
            return evaluated;
        }
        let record = minijinja::Value::from(minijinja::value::Serde(record));
        for (field, template) in self.environment.templates() {
            let written = template.render(record.clone());
            // The kind only: the rest of the message may quote the record.
            let value = written
                .map_err(|error| error.kind().to_string())
                .and_then(|json| serde_json::from_str(&json).map_err(|error| error.to_string()));
            match value {
                Ok(Value::Null) => {}
                Ok(value) => {
                    evaluated.fields.insert(field.to_owned(), value);
                }
                Err(why) => evaluated.failed.push((field.to_owned(), why)),
            }
        }
        evaluated
    }
}

/// The time of the account's clock that a text stands for, to the nearest second: as CareSoft rounds what it shows later.
fn told(text: &str, zone: &Zone) -> Option<DateTime> {
    Some(zone.offset.to_datetime(to_second(zone.read(text)?)))
}

fn as_field(value: &minijinja::Value) -> Result<minijinja::Value, minijinja::Error> {
    let unusable = |why| minijinja::Error::new(ErrorKind::InvalidOperation, why);
    let json = match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Null,
        ValueKind::Bool | ValueKind::Number | ValueKind::String => serde_json::to_value(value)
            .map_err(|error| {
                minijinja::Error::new(ErrorKind::BadSerialization, error.to_string())
            })?,
        _ => return Err(unusable("a field holds no list or map")),
    };
    if json
        .as_str()
        .is_some_and(|text| text.len() > VALUE_BYTES_MAX)
    {
        return Err(unusable("the value is too long"));
    }
    Ok(minijinja::Value::from_safe_string(json.to_string()))
}
