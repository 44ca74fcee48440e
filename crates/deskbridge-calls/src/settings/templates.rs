//! Texts for people, written from what is known of a call.

use std::{collections::BTreeMap, fmt};

use minijinja::{Environment, UndefinedBehavior, Value, value::Serde};
use serde::Serialize;

use super::problem::Checks;

/// Steps that one text may take, so that none can hold up its call.
const FUEL: u64 = 20_000;
const NAME: &str = "text";
/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 65_536;

/// A text with places to fill.
#[derive(Clone)]
pub struct Template(Environment<'static>);

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let template = self.0.get_template(NAME).ok();
        let source = template.as_ref().map(minijinja::Template::source);
        f.debug_tuple("Template").field(&source).finish()
    }
}

impl Template {
    pub(super) fn compile(key: &str, text: &str, checks: &mut Checks) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_name| minijinja::AutoEscape::None);
        if let Err(error) = environment.add_template_owned(NAME, text.to_owned()) {
            let wrong = format!("is no template ({error})");
            checks.add(
                key,
                wrong,
                "mend it; a place to fill is written {{ client }}",
            );
        }
        Self(environment)
    }

    /// The text of a call.
    ///
    /// # Errors
    /// Why it could not be written; says nothing of the call.
    pub fn render(&self, of: &impl Serialize) -> Result<String, String> {
        let template = self.0.get_template(NAME);
        let text = template.and_then(|template| template.render(Value::from(Serde(of))));
        // The kind only: the rest of the message may quote the call.
        let text = text.map_err(|error| error.kind().to_string())?;
        match text.len() > TEXT_BYTES_MAX {
            true => Err("the text is too long".to_owned()),
            false => Ok(text.trim().to_owned()),
        }
    }
}

/// Fields by name, each with its text.
#[derive(Clone, Debug, Default)]
pub struct FieldTemplates(BTreeMap<String, Template>);

impl FieldTemplates {
    pub(super) fn compile(
        key: &str,
        fields: BTreeMap<String, String>,
        checks: &mut Checks,
    ) -> Self {
        let compiled = fields.into_iter().map(|(field, text)| {
            let template = Template::compile(&format!("{key}.{field}"), &text, checks);
            (field, template)
        });
        Self(compiled.collect())
    }

    /// The fields of a call that could be written, and why the others could not. An empty text is no field.
    pub fn render(&self, of: &impl Serialize) -> (BTreeMap<String, String>, Vec<(String, String)>) {
        let (mut fields, mut failed) = (BTreeMap::new(), Vec::new());
        for (field, template) in &self.0 {
            match template.render(of) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    fields.insert(field.clone(), text);
                }
                Err(why) => failed.push((field.clone(), why)),
            }
        }
        (fields, failed)
    }
}
