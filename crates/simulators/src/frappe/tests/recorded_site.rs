//! The site on which the exchanges were recorded: its users, custom fields and documents before the first.

use serde_json::{Value, json};

use super::super::{Account, Data};

/// Users that hold a key pair `<user>-key`, `<user>-secret` and the password `<user>-password`.
pub(crate) const USERS: [(&str, &str, &[&str]); 7] = [
    (
        "hub",
        "Hub Service",
        &["System Manager", "Agent", "Agent Manager"],
    ),
    ("agent", "Agent An", &["Agent"]),
    ("agent2", "Agent Binh", &["Agent"]),
    ("agentmgr", "Agent Manager", &["Agent", "Agent Manager"]),
    ("sysmgr", "Sys Manager", &["System Manager"]),
    ("nobody", "No Rights", &["Desk User"]),
    ("customer", "Portal Customer", &[]),
];

pub(crate) fn address(user: &str) -> String {
    match user {
        "administrator" => "Administrator".to_owned(),
        user => format!("{user}@desk.test"),
    }
}

/// The site's data; `form_script` is the one that agents' pages run.
pub(crate) fn data(form_script: &str) -> Data {
    let mut users: Vec<Account> = USERS
        .iter()
        .map(|(user, name, roles)| Account {
            email: address(user),
            full_name: (*name).to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            enabled: true,
            api_key: Some(format!("{user}-key")),
            api_secret: Some(format!("{user}-secret")),
            password: Some(format!("{user}-password")),
        })
        .collect();
    users.push(Account {
        email: address("manager"),
        full_name: "Lan Manager".to_owned(),
        roles: vec!["Agent Manager".to_owned()],
        enabled: true,
        api_key: None,
        api_secret: None,
        password: None,
    });
    let mut documents = custom_fields();
    documents.extend(stock(form_script));
    let objects = documents.into_iter().map(|document| match document {
        Value::Object(document) => document,
        other => panic!("{other}"),
    });
    Data {
        users,
        documents: objects.collect(),
        secrets: vec![super::super::Secret {
            doctype: "User".to_owned(),
            name: "Administrator".to_owned(),
            fieldname: "api_secret".to_owned(),
            value: "administrator-secret".to_owned(),
        }],
    }
}

fn custom_fields() -> Vec<Value> {
    let field = |dt: &str, name: &str, label: &str, more: Value| {
        let mut field = json!({
            "doctype": "Custom Field", "dt": dt, "fieldname": format!("custom_{name}"), "label": label,
            "fieldtype": "Data", "creation": "2026-11-21 05:24:10", "owner": "Administrator",
        });
        let more = more.as_object().cloned().unwrap_or_default();
        field.as_object_mut().unwrap().extend(more);
        field
    };
    let unique = || json!({"unique": 1});
    let kind = |fieldtype: &str| json!({"fieldtype": fieldtype});
    vec![
        field("Communication", "external_id", "External ID", unique()),
        field("Contact", "external_id", "External ID", unique()),
        field("HD Customer", "orgid", "Org ID", json!({})),
        field("HD Customer", "store_url", "Store URL", json!({})),
        field("HD Customer", "external_id", "External ID", unique()),
        field(
            "HD Customer",
            "haravan_orgid",
            "Haravan Org ID",
            json!({"search_index": 1}),
        ),
        field(
            "HD Customer",
            "bitrix_company_id",
            "Bitrix Company ID",
            json!({}),
        ),
        field(
            "HD Customer",
            "bitrix_last_checked_at",
            "Bitrix last checked",
            kind("Datetime"),
        ),
        field("HD Ticket", "orgid", "Org ID", json!({})),
        field("HD Ticket", "org_id", "Org ID (2)", json!({})),
        field("HD Ticket", "external_id", "External ID", unique()),
        field(
            "HD Ticket",
            "haravan_profile_orgid",
            "Profile Org ID",
            json!({}),
        ),
        field(
            "HD Ticket",
            "haravan_routing_reason",
            "Routing reason",
            kind("Small Text"),
        ),
        field(
            "HD Ticket",
            "responsible",
            "Responsible",
            json!({"options": "Email"}),
        ),
        field(
            "HD Ticket",
            "source_created_at",
            "Source created at",
            kind("Datetime"),
        ),
    ]
}

fn stock(form_script: &str) -> Vec<Value> {
    let team = |name: &str| {
        json!({"doctype": "HD Team", "name": name, "team_name": name,
               "assignment_rule": format!("{name} - Support Rotation"),
               "creation": "2026-11-21 03:11:04.829004"})
    };
    vec![
        json!({"doctype": "User", "name": "Administrator", "email": "admin@example.com",
               "first_name": "Administrator", "full_name": "Administrator", "username": "administrator",
               "api_key": "administrator-key", "api_secret": "********************"}),
        team("Billing"),
        team("Product Experts"),
        json!({"doctype": "Contact", "first_name": "John", "last_name": "Doe",
               "email_ids": [{"email_id": "john@example.com", "is_primary": 1}]}),
        json!({"doctype": "HD Ticket", "name": "0001", "subject": "Welcome to Helpdesk",
               "raised_by": "john@example.com", "contact": "John Doe",
               "creation": "2026-11-21 03:11:07.441643", "_seen": "[\"Administrator\"]"}),
        json!({"doctype": "HD Settings", "base_support_rotation": "Support Rotation", "idx": "0",
               "outside_working_hours_message": "Thanks for reaching out 👋. This ticket was created outside our working hours. You can expect the next response by {{ next_working_day }}.",
               "modified": "2026-11-21 03:11:06.798294"}),
        json!({"doctype": "HD Form Script", "name": "Profile - Ticket Customer Button", "dt": "HD Ticket",
               "apply_to": "Form", "enabled": 1, "owner": "agentmgr@desk.test",
               "creation": "2026-11-21 05:24:09.047797", "script": form_script}),
    ]
}
