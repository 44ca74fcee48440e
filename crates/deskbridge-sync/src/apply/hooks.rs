//! Hooks, asked about the fields of a document right before it is written.

use deskbridge_hooks::{Decision, Hooks, Point};
use serde_json::{Map, Value, json};

use crate::decide::write::{Fields, Write};

/// The point at which is asked before a write, and its fields: all, and those that changed.
fn asked(write: &mut Write) -> Option<(Point, &mut Fields, &mut Fields)> {
    Some(match write {
        Write::SaveTicket(write) => (Point::TicketFields, &mut write.all, &mut write.changed),
        Write::SaveContact(write) => (Point::ContactFields, &mut write.all, &mut write.changed),
        Write::SaveCustomer(write) => (Point::CustomerFields, &mut write.all, &mut write.changed),
        Write::AddComment(_) | Write::EndTicket(_) | Write::Join(_) | Write::SaveCase(_) => {
            return None;
        }
    })
}

/// What the hook of a write is told, with the point at which it is asked: what the write comes from, and its fields.
pub fn told(write: &Write) -> Option<(Point, Value)> {
    // A write is texts, numbers and maps with texts as keys: it can always be written as JSON.
    let mut record = serde_json::to_value(write).unwrap_or_default();
    if let Value::Object(members) = &mut record {
        members.remove("all");
        members.remove("changed");
    }
    let mut write = write.clone();
    let (point, all, _) = asked(&mut write)?;
    Some((point, json!({"record": record, "fields": all})))
}

/// A write with the fields that a hook wants, and what the hook said.
pub(super) async fn as_wanted(hooks: &Hooks, mut write: Write) -> (Write, Option<String>) {
    let Some((point, known)) = told(&write).filter(|(point, _)| hooks.asks(*point)) else {
        return (write, None);
    };
    let (decision, told) = hooks.decide_and_tell(point, &known).await;
    if let (Decision::Changed(change), Some((_, all, changed))) = (decision, asked(&mut write)) {
        lay(all, changed, change.data);
    }
    (write, told)
}

/// Lays what a hook answered over the fields. What it only hands back is no change, and leaves what people changed.
fn lay(all: &mut Fields, changed: &mut Fields, answered: Map<String, Value>) {
    for (field, value) in answered {
        if all.get(&field) != Some(&value) {
            changed.insert(field.clone(), value.clone());
            all.insert(field, value);
        }
    }
}

/// The result of an effect with what a hook said.
pub(super) fn with_told(mut result: Value, told: Option<String>) -> Value {
    if let (Value::Object(members), Some(told)) = (&mut result, told) {
        members.insert("hooks".to_owned(), json!([told]));
    }
    result
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use deskbridge_core::Clock;
    use deskbridge_hooks::{Hook, Runner, runner::program::Program, suspension::Rules};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::decide::write::{SaveCustomer, SourceKey};

    /// A hook that is a shell script.
    fn hooks(name: &str, script: &str) -> Hooks {
        let command = ["sh", "-c", script].map(str::to_owned);
        let program = Program::new(command.into(), "/", Arc::new(Semaphore::new(1)));
        let hook = Hook::new(name, Runner::Program(program), Duration::from_secs(20)).unwrap();
        Hooks::new(vec![Arc::new(hook)], Rules::default(), Clock::default()).unwrap()
    }

    fn customer() -> SaveCustomer {
        let fields = |value: Value| value.as_object().cloned().unwrap();
        SaveCustomer {
            key: SourceKey::new("main", "organization", 9),
            all: fields(json!({"customer_name": "Shop", "domain": "shop.example"})),
            changed: fields(json!({"domain": "shop.example"})),
        }
    }

    async fn wanted(name: &str, script: &str) -> (SaveCustomer, Option<String>) {
        let (write, told) = as_wanted(&hooks(name, script), Write::SaveCustomer(customer())).await;
        match write {
            Write::SaveCustomer(write) => (write, told),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_hook_changes_fields_and_what_it_hands_back_is_no_change() {
        let script = r#"grep -q '"record":{"key":"main:organization:9"' && echo '{"data": {"customer_name": "Shop", "custom_tier": "gold"}}'"#;
        let (write, told) = wanted("customer_fields", script).await;
        assert_eq!(
            told.as_deref(),
            Some("the hook customer_fields answered custom_tier, customer_name")
        );
        assert_eq!(write.all["custom_tier"], "gold");
        assert_eq!(write.all["domain"], "shop.example");
        let changed: Vec<&str> = write.changed.keys().map(String::as_str).collect();
        assert_eq!(changed, ["custom_tier", "domain"]);
    }

    #[tokio::test]
    async fn a_hook_that_fails_or_is_anothers_changes_nothing() {
        let (write, told) = wanted("customer_fields", "exit 3").await;
        assert_eq!(write, customer());
        assert!(told.unwrap().contains("exit status: 3"));
        let (write, told) = wanted("ticket_fields", "exit 3").await;
        assert_eq!((write, told), (customer(), None));
    }
}
