//! The DocTypes and custom fields that the integration needs, as it would create them itself.

use serde_json::{Value, json};

/// The single DocType that holds the settings of the integration.
pub(super) const SETTINGS: &str = "Helpdesk Integrations Settings";

/// The DocTypes that the integration brings along.
pub(super) fn doctypes() -> Vec<Value> {
    let field = |name: &str, kind: &str, options: Value| {
        let label = name.replace('_', " ");
        json!({"fieldname": name, "label": label, "fieldtype": kind, "options": options})
    };
    let role = |role: &str, write: u8| json!({"role": role, "read": 1, "write": write, "create": write, "delete": write});
    let custom = |name: &str, fields: Vec<Value>, roles: Vec<Value>| {
        json!({"doctype": "DocType", "name": name, "custom": 1, "module": "Custom", "fields": fields,
               "permissions": roles})
    };
    let with = |mut doctype: Value, key: &str, value: Value| {
        if let Value::Object(doctype) = &mut doctype {
            doctype.insert(key.to_owned(), value);
        }
        doctype
    };
    let number = |name: &str, default: &str| {
        with(field(name, "Int", Value::Null), "default", default.into())
    };
    let settings = custom(
        SETTINGS,
        vec![
            field("bitrix_enabled", "Check", Value::Null),
            field("bitrix_webhook_url", "Password", Value::Null),
            field("bitrix_responsible_webhook_url", "Password", Value::Null),
            field("bitrix_portal_url", "Data", Value::Null),
            number("bitrix_timeout_seconds", "15"),
            number("bitrix_refresh_ttl_minutes", "60"),
            field("bitrix_company_field_map_json", "Code", "JSON".into()),
            field("bitrix_enum_fields_json", "Code", "JSON".into()),
        ],
        vec![role("System Manager", 1)],
    );
    let snapshots = custom(
        "HD Customer Data",
        vec![
            field("hd_customer", "Link", "HD Customer".into()),
            field("contact", "Link", "Contact".into()),
            field("source", "Data", Value::Null),
            field("entity_type", "Select", "company\ncontact".into()),
            field("external_id", "Data", Value::Null),
            field("external_url", "Data", Value::Null),
            field("match_key", "Data", Value::Null),
            field("confidence", "Percent", Value::Null),
            field("last_synced_at", "Datetime", Value::Null),
            field("summary_json", "Code", "JSON".into()),
        ],
        vec![
            role("System Manager", 1),
            role("Agent Manager", 1),
            role("Agent", 0),
        ],
    );
    let accounts = custom(
        "Haravan Account Link",
        vec![
            field("hd_customer", "Link", "HD Customer".into()),
            field("user", "Link", "User".into()),
            field("email", "Data", Value::Null),
            field("haravan_userid", "Data", Value::Null),
            field("haravan_orgid", "Data", Value::Null),
            field("haravan_orgname", "Data", Value::Null),
            field("last_login", "Datetime", Value::Null),
        ],
        vec![
            role("System Manager", 1),
            role("Agent Manager", 1),
            role("Agent", 0),
        ],
    );
    vec![
        with(settings, "issingle", 1.into()),
        with(
            snapshots,
            "autoname",
            "format:BTRX-{entity_type}-{external_id}".into(),
        ),
        accounts,
    ]
}

/// The fields that the integration adds to Helpdesk's own DocTypes: DocType, name, label, fieldtype.
const CUSTOM_FIELDS: [(&str, &str, &str, &str); 32] = [
    (
        "HD Customer",
        "custom_haravan_orgid",
        "Haravan Org ID",
        "Int",
    ),
    (
        "HD Customer",
        "custom_haravan_company_id",
        "Haravan Company ID",
        "Data",
    ),
    ("HD Customer", "custom_myharavan", "MyHaravan", "Data"),
    (
        "HD Customer",
        "custom_bitrix_company_id",
        "Bitrix Company ID",
        "Data",
    ),
    (
        "HD Customer",
        "custom_bitrix_company_url",
        "Bitrix Company URL",
        "Data",
    ),
    (
        "HD Customer",
        "custom_bitrix_match_confidence",
        "Bitrix Match Confidence",
        "Percent",
    ),
    (
        "HD Customer",
        "custom_bitrix_sync_status",
        "Bitrix Sync Status",
        "Data",
    ),
    (
        "HD Customer",
        "custom_bitrix_last_synced_at",
        "Bitrix Last Synced At",
        "Datetime",
    ),
    (
        "HD Customer",
        "custom_bitrix_last_checked_at",
        "Bitrix Last Checked At",
        "Datetime",
    ),
    (
        "HD Customer",
        "custom_bitrix_company_modified_at",
        "Bitrix Company Modified At",
        "Datetime",
    ),
    (
        "HD Customer",
        "custom_bitrix_not_found_at",
        "Bitrix Not Found At",
        "Datetime",
    ),
    (
        "HD Customer",
        "custom_customer_segment",
        "Customer Segment",
        "Data",
    ),
    (
        "HD Customer",
        "custom_first_paid_date",
        "First Paid Date",
        "Date",
    ),
    (
        "HD Customer",
        "custom_shopplan_name",
        "Shopplan Name",
        "Data",
    ),
    ("HD Customer", "custom_expired_date", "Expired Date", "Date"),
    ("HD Customer", "custom_hsi_segment", "HSI Segment", "Data"),
    (
        "HD Customer",
        "custom_haravan_hsi_segment",
        "Haravan HSI Segment",
        "Data",
    ),
    ("HD Customer", "custom_external_id", "External ID", "Data"),
    (
        "Contact",
        "custom_bitrix_contact_id",
        "Bitrix Contact ID",
        "Data",
    ),
    (
        "Contact",
        "custom_bitrix_contact_url",
        "Bitrix Contact URL",
        "Data",
    ),
    (
        "Contact",
        "custom_bitrix_last_synced_at",
        "Bitrix Last Synced At",
        "Datetime",
    ),
    ("Contact", "custom_external_id", "External ID", "Data"),
    ("HD Ticket", "custom_responsible", "Responsible", "Data"),
    ("HD Ticket", "custom_orgid", "Org ID", "Data"),
    ("HD Ticket", "custom_org_id", "Org ID (2)", "Data"),
    (
        "HD Ticket",
        "custom_haravan_profile_orgid",
        "Profile Org ID",
        "Data",
    ),
    (
        "HD Ticket",
        "custom_haravan_routing_reason",
        "Routing Reason",
        "Small Text",
    ),
    ("HD Ticket", "custom_external_id", "External ID", "Data"),
    (
        "HD Ticket",
        "custom_source_created_at",
        "Source Created At",
        "Datetime",
    ),
    ("Communication", "custom_external_id", "External ID", "Data"),
    (
        "HD Ticket Comment",
        "custom_external_id",
        "External ID",
        "Data",
    ),
    ("File", "custom_external_id", "External ID", "Data"),
];

pub(super) fn custom_fields() -> Vec<Value> {
    let fields = CUSTOM_FIELDS.into_iter().map(|(dt, fieldname, label, fieldtype)| {
        let options = match fieldname {
            "custom_responsible" => json!("Email"),
            _ => Value::Null,
        };
        json!({
            "doctype": "Custom Field", "dt": dt, "fieldname": fieldname, "label": label,
            "fieldtype": fieldtype, "options": options,
            "unique": u8::from(fieldname == "custom_external_id"),
            "read_only": u8::from(fieldname == "custom_bitrix_not_found_at"),
            "search_index": u8::from(matches!(
                fieldname,
                "custom_haravan_orgid" | "custom_bitrix_company_id" | "custom_haravan_company_id"
            )),
        })
    });
    fields.collect()
}
