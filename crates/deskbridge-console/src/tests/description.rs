//! `openapi.json` is true: every operation, parameter and answer of the interface is in it, and nothing else.

use std::collections::BTreeSet;

use super::*;
use crate::operations::Operation;

const VERBS: [&str; 2] = ["GET", "POST"];

fn description() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

fn keys(value: &Value) -> BTreeSet<String> {
    let fields = value.as_object();
    fields
        .map(|fields| fields.keys().cloned().collect())
        .unwrap_or_default()
}

/// The part that a reference leads to.
fn followed<'a>(document: &'a Value, mut part: &'a Value) -> &'a Value {
    while let Some(reference) = part["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap();
        part = document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{reference} leads nowhere"));
    }
    part
}

/// All places of a document where something is referred to.
fn references(part: &Value, found: &mut BTreeSet<String>) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(reference) if name == "$ref" => drop(found.insert(reference.to_owned())),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_route_of_the_router_is_described_and_every_described_one_is_there() {
    let bench = Bench::new();
    let document = description();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described: BTreeSet<String> = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for verb in keys(operations) {
            described.insert(format!("{} {path}", verb.to_uppercase()));
        }
    }
    let mut there = BTreeSet::new();
    let paths = Operation::ALL.map(Operation::path).into_iter();
    for path in paths.chain(["/api/v1/openapi.json"]) {
        for verb in VERBS {
            let answered = bench.request(verb, path, TOKEN, String::new()).await;
            let (_, code) = match answered.status.is_success() {
                true => (200, String::new()),
                false => answered.code(),
            };
            if code != "wrong_verb" && code != "no_such_route" {
                there.insert(format!("{verb} {path}"));
            }
        }
    }
    assert_eq!(described, there);
}

#[test]
fn the_description_hangs_together() {
    let document = description();
    let (mut found, mut ids) = (BTreeSet::new(), BTreeSet::new());
    references(&document, &mut found);
    for reference in &found {
        followed(&document, &json!({ "$ref": reference }));
    }
    for group in ["schemas", "responses"] {
        for name in keys(&document["components"][group]) {
            assert!(
                found.contains(&format!("#/components/{group}/{name}")),
                "{name} is not used"
            );
        }
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{path}"
            );
            assert!(operation["summary"].is_string() && operation["responses"]["200"].is_object());
            if path == "/api/v1/openapi.json" {
                assert_eq!(operation["security"], json!([]));
                continue;
            }
            for status in ["400", "401", "403", "429", "500", "503", "504"] {
                assert!(
                    operation["responses"][status].is_object(),
                    "{path} {status}"
                );
            }
        }
    }
    assert_eq!(document["security"], json!([{"administrator": []}]));
    assert_eq!(
        document["components"]["securitySchemes"]["administrator"]["scheme"],
        "bearer"
    );
}

#[test]
fn the_parameters_that_are_taken_are_those_that_are_described() {
    let document = description();
    for operation in Operation::ALL {
        let described = &document["paths"][operation.path()];
        let verbs = keys(described);
        let described = &described[verbs.first().unwrap()];
        let mut names =
            keys(&described["requestBody"]["content"]["application/json"]["schema"]["properties"]);
        for parameter in described["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            match parameter["in"].as_str().unwrap() {
                "path" => assert!(operation.path().contains(&format!("{{{name}}}"))),
                _ => assert!(names.insert(name.to_owned())),
            }
        }
        let taken = operation.parameters().iter().map(|name| (*name).to_owned());
        assert_eq!(names, taken.collect(), "{}", operation.path());
    }
}

/// What of a value is not as a schema says; the part of JSON Schema that the description uses.
fn flaws(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = followed(document, schema);
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is not used"),
    };
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.into_iter().any(is) {
        found.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|all| !all.contains(value))
    {
        found.push(format!("{place}: {value}"));
    }
    if schema["format"] == "date-time" && value.as_str().unwrap().parse::<Timestamp>().is_err() {
        found.push(format!("{place}: {value} is no time"));
    }
    for item in value.as_array().into_iter().flatten() {
        flaws(
            document,
            &schema["items"],
            item,
            &format!("{place}[]"),
            found,
        );
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            found.push(format!("{place} has no {name}"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match schema["properties"].get(name) {
            Some(schema) => flaws(document, schema, value, &place, found),
            None if schema["additionalProperties"].is_object() => {
                flaws(
                    document,
                    &schema["additionalProperties"],
                    value,
                    &place,
                    found,
                );
            }
            None if schema["additionalProperties"] == false => {
                found.push(format!("{place} is not described"));
            }
            None => {}
        }
    }
}

#[tokio::test]
async fn answers_are_what_the_description_says() {
    let (bench, [done, dead, unrouted, _]) = Bench::filled().await;
    let effect = bench.effect(done).await;
    let document = description();
    let asked = [
        (Operation::ListEvents, String::new(), Value::Null),
        (Operation::CountEvents, String::new(), Value::Null),
        (Operation::ShowEvent, done.to_string(), Value::Null),
        (Operation::ShowEvent, dead.to_string(), Value::Null),
        (
            Operation::ReplayEvents,
            String::new(),
            json!({"state": "done", "dry_run": true}),
        ),
        (
            Operation::ReplayEvents,
            String::new(),
            json!({"state": "done", "dry_run": false, "reread": true}),
        ),
        (Operation::ReplayEvent, dead.to_string(), Value::Null),
        (Operation::DiscardEvent, unrouted.to_string(), Value::Null),
        (Operation::Reverify, "main".to_owned(), Value::Null),
        (Operation::ListEffects, String::new(), Value::Null),
        (Operation::ShowEffect, effect.to_string(), Value::Null),
        (Operation::RetryEffect, effect.to_string(), Value::Null),
        (Operation::DiscardEffect, effect.to_string(), Value::Null),
        // Errors are described, too.
        (Operation::ShowEvent, "x".to_owned(), Value::Null),
        (Operation::RetryEffect, effect.to_string(), Value::Null),
        (Operation::Reverify, "nowhere".to_owned(), Value::Null),
    ];
    let mut checked = Vec::new();
    for (operation, name, body) in asked {
        let described = &document["paths"][operation.path()];
        let verb = keys(described).first().unwrap().clone();
        let address = operation
            .path()
            .replace("{id}", &name)
            .replace("{name}", &name);
        let answered = match verb.as_str() {
            "get" => bench.get(&address).await,
            _ => bench.post(&address, body).await,
        };
        let response = &described[&verb]["responses"][answered.status.as_str()];
        let schema = &followed(&document, response)["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{address} {}", answered.status);
        let mut found = Vec::new();
        flaws(&document, schema, &answered.json(), "", &mut found);
        assert_eq!(found, [""; 0], "{address}");
        checked.push(answered.status.as_u16());
    }
    assert_eq!(checked[..13], [200; 13]);
    assert_eq!(checked[13..], [400, 409, 404]);
}

#[test]
fn a_value_that_is_not_as_described_is_found() {
    let document = description();
    let schema = json!({"$ref": "#/components/schemas/Reverified"});
    let mut found = Vec::new();
    let value = json!({"connection": 5, "new": ["a", 1], "left": -1, "more": true});
    flaws(&document, &schema, &value, "", &mut found);
    assert_eq!(found.len(), 5, "{found:?}");
}
