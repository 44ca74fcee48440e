//! A fresh installation: the DocTypes of both apps, and the documents that come with them.

use serde_json::{Map, Value, json};

use crate::frappe::{cell, versions::Versions};

/// The DocTypes of Frappe and Helpdesk, as far as they are simulated.
const DOCTYPES: &str = include_str!("../doctypes.json");

/// The definitions of the standard DocTypes, spelled out.
pub(super) fn doctypes(versions: Versions) -> Result<Vec<Map<String, Value>>, serde_json::Error> {
    let definitions: Vec<Map<String, Value>> = serde_json::from_str(DOCTYPES)?;
    let definitions = definitions.into_iter().map(|mut definition| {
        adapt(&mut definition, versions);
        spell_out(definition)
    });
    Ok(definitions.collect())
}

/// What differs between releases.
fn adapt(definition: &mut Map<String, Value>, versions: Versions) {
    let name = definition.get("name").map(cell::text).unwrap_or_default();
    match &*name {
        "HD Ticket" if versions.has_integer_tickets() => {
            definition.insert("autoname".to_owned(), "autoincrement".into());
        }
        "HD Settings" if versions.has_customer_members() => {
            if let Some(Value::Array(fields)) = definition.get_mut("fields") {
                fields.push(json!([
                    "auto_set_customer_from_contact",
                    "Set customer from contact",
                    "Check"
                ]));
            }
        }
        "HD Customer" if versions.has_customer_members() => {
            let permissions = json!([
                {"role": "System Manager", "rights": "rwcd"},
                {"role": "Agent Manager", "rights": "rwcd"},
                {"role": "Agent", "rights": "r"},
                {"role": "Administrator", "rights": "rwcd"},
            ]);
            definition.insert("permissions".to_owned(), permissions);
            if let Some(Value::Array(fields)) = definition.get_mut("fields") {
                fields.extend([
                    json!(["contacts", "Contacts", "Table", {"options": "HD Customer Member"}]),
                    json!(["email_id", "Email", "Data"]),
                    json!(["mobile_no", "Mobile No", "Data"]),
                    json!(["country", "Country", "Data"]),
                    json!(["customer_type", "Customer Type", "Data"]),
                ]);
            }
        }
        _ => {}
    }
}

/// `["domain", "Domain", "Data", {…}]` becomes an object, `"rwcd"` four flags.
fn spell_out(mut definition: Map<String, Value>) -> Map<String, Value> {
    definition.insert("doctype".to_owned(), "DocType".into());
    for (key, default) in [("engine", json!("InnoDB")), ("custom", json!(0))] {
        definition.entry(key).or_insert(default);
    }
    if let Some(Value::Array(fields)) = definition.get_mut("fields") {
        for field in fields {
            let Value::Array(parts) = field else { continue };
            let mut object = match parts.get(3) {
                Some(Value::Object(more)) => more.clone(),
                _ => Map::new(),
            };
            for (key, part) in ["fieldname", "label", "fieldtype"].into_iter().zip(&*parts) {
                if *part != "" {
                    object.insert(key.to_owned(), part.clone());
                }
            }
            *field = Value::Object(object);
        }
    }
    if let Some(Value::Array(permissions)) = definition.get_mut("permissions") {
        for permission in permissions {
            let Value::Object(permission) = permission else {
                continue;
            };
            let rights = permission.remove("rights").as_ref().map(cell::text);
            let rights = rights.unwrap_or_default();
            for (letter, right) in [
                ('r', "read"),
                ('w', "write"),
                ('c', "create"),
                ('d', "delete"),
            ] {
                let given = i64::from(rights.contains(letter));
                permission.insert(right.to_owned(), given.into());
            }
        }
    }
    definition
}

/// The documents of a fresh installation.
pub(super) fn documents(zone: &str) -> Vec<Map<String, Value>> {
    let status = |name: &str, order: u8, category: &str, color: &str| {
        json!({"doctype": "HD Ticket Status", "name": name, "label_agent": name, "order": order,
               "category": category, "color": color, "enabled": 1})
    };
    let mut replied = status("Replied", 2, "Paused", "Blue");
    if let Value::Object(replied) = &mut replied {
        replied.insert("different_view".to_owned(), 1.into());
        replied.insert("label_customer".to_owned(), "Awaiting Response".into());
    }
    let priority = |name: &str, value: u16| json!({"doctype": "HD Ticket Priority", "name": name, "integer_value": value});
    let kind = |name: &str, system: u8| json!({"doctype": "HD Ticket Type", "name": name, "is_system": system});
    let role = |name: &str| json!({"doctype": "Role", "name": name, "role_name": name});
    let user = |name: &str, email: &str| {
        json!({"doctype": "User", "name": name, "email": email, "first_name": name, "full_name": name,
               "username": name.to_lowercase(), "enabled": 1})
    };
    let documents = vec![
        status("Open", 1, "Open", "Red"),
        replied,
        status("Resolved", 3, "Resolved", "Green"),
        status("Closed", 4, "Resolved", "Gray"),
        priority("Urgent", 100),
        priority("High", 200),
        priority("Medium", 300),
        priority("Low", 400),
        kind("Unspecified", 1),
        kind("Question", 0),
        kind("Bug", 0),
        kind("Incident", 0),
        json!({"doctype": "HD Service Level Agreement", "name": "Default", "service_level": "Default",
               "enabled": 1, "default_sla": 1}),
        role("Administrator"),
        role("System Manager"),
        role("Script Manager"),
        role("Agent"),
        role("Agent Manager"),
        role("Desk User"),
        role("Website Manager"),
        role("All"),
        role("Guest"),
        user("Administrator", "admin@example.com"),
        user("Guest", "guest@example.com"),
        json!({"doctype": "HD Settings", "base_support_rotation": "Support Rotation"}),
        json!({"doctype": "System Settings", "time_zone": zone}),
    ];
    documents
        .into_iter()
        .filter_map(|document| match document {
            Value::Object(document) => Some(document),
            _ => None,
        })
        .collect()
}
