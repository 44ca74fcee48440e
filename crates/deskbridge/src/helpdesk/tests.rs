use std::collections::BTreeMap;

use deskbridge_profile::live::SETTINGS_DOCTYPE;
use serde_json::{Value, json};

use super::{
    Fields, Key,
    document::same,
    plan::{Change, Consent, Current, FieldThere, HubAddress, Plan, Why, plan},
    shown,
    undo::{Entry, Step, gather, undo},
    wanted::{BUTTON, HUB_URL, SHARED_SECRET, Through, Wanted, server_script_name, wanted},
};

fn fields(value: Value) -> Fields {
    let Value::Object(fields) = value else {
        panic!("no object: {value}");
    };
    fields
}

fn form_script() -> Key {
    Key::new("HD Form Script", BUTTON)
}

/// A site with Helpdesk and nothing else.
fn bare() -> Current {
    let doctypes = ["HD Customer", "Contact", "HD Ticket"];
    let doctypes = doctypes.map(|doctype| (doctype.to_owned(), BTreeMap::new()));
    Current {
        doctypes: doctypes.into(),
        ..Current::default()
    }
}

/// The site as it is once the changes are made.
fn after(mut current: Current, changes: &[Change]) -> Current {
    for change in changes {
        let Change {
            key, to, secret, ..
        } = change;
        let text = |field: &str| {
            let text = to.get(field).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let there = |row: &Fields| {
            let text = |field: &str| row.get(field).and_then(Value::as_str);
            let there = FieldThere {
                fieldtype: text("fieldtype").unwrap_or_default().to_owned(),
                label: text("label").unwrap_or_default().to_owned(),
            };
            (text("fieldname").unwrap_or_default().to_owned(), there)
        };
        match key.doctype.as_str() {
            "DocType" => {
                let rows = to["fields"].as_array().unwrap().iter();
                let rows = rows.map(|row| there(row.as_object().unwrap()));
                current.doctypes.insert(key.name.clone(), rows.collect());
            }
            "Custom Field" => {
                let (name, field) = there(to);
                current
                    .doctypes
                    .get_mut(&text("dt"))
                    .unwrap()
                    .insert(name, field);
            }
            "Property Setter" if text("property") == "label" => {
                let fields = current.doctypes.get_mut(&text("doc_type")).unwrap();
                fields.get_mut(&text("field_name")).unwrap().label = text("value");
            }
            _ => {}
        }
        current.has_secret |= secret.is_some();
        let document = current.documents.entry(key.clone()).or_default();
        document.extend(to.clone());
        if to.get("disabled") == Some(&json!(1)) {
            current.rivals.retain(|(rival, _)| rival != key);
        }
    }
    current
}

fn hub() -> HubAddress {
    HubAddress {
        settings: Key::new(SETTINGS_DOCTYPE, SETTINGS_DOCTYPE),
        url: "https://hub.example".to_owned(),
    }
}

fn plan_for(current: &Current) -> Plan {
    plan(&wanted(Through::Proxy), None, current, &Consent::default())
}

fn recorded(changes: &[Change], force: bool) -> Consent {
    let installed = changes.iter();
    let installed = installed.map(|change| (change.key.clone(), change.to.clone()));
    Consent {
        installed: installed.collect(),
        force,
    }
}

#[test]
fn a_bare_site_gets_everything_once() {
    for (through, hub, scripts) in [
        (Through::Proxy, None, 2),
        (Through::ServerScripts, Some(hub()), 7),
    ] {
        let wanted = wanted(through);
        let plan_of =
            |current: &Current, consent: &Consent| plan(&wanted, hub.as_ref(), current, consent);
        let first = plan_of(&bare(), &Consent::default());
        assert!(first.kept.is_empty());
        let count = |doctype: &str| {
            let changes = first.changes.iter();
            changes
                .filter(|change| change.key.doctype == doctype)
                .count()
        };
        assert_eq!(count("DocType"), 2);
        assert_eq!(count("Property Setter"), 0, "a new DocType has its labels");
        assert_eq!(
            count("Server Script") + count("HD Form Script") + count("Client Script"),
            scripts
        );
        let full = after(bare(), &first.changes);
        let second = plan_of(&full, &recorded(&first.changes, false));
        assert!(!second.differs(), "{second:#?}");
        // Nothing that was recorded is needed to see that all is well.
        assert!(!plan_of(&full, &Consent::default()).differs());
    }
}

#[test]
fn an_interrupted_installation_is_finished() {
    let whole = plan(
        &wanted(Through::ServerScripts),
        Some(&hub()),
        &bare(),
        &Consent::default(),
    );
    for made in 0..=whole.changes.len() {
        let half = after(bare(), &whole.changes[..made]);
        let rest = plan(
            &wanted(Through::ServerScripts),
            Some(&hub()),
            &half,
            &recorded(&whole.changes, false),
        );
        assert!(rest.kept.is_empty(), "after {made}: {:#?}", rest.kept);
        assert_eq!(rest.changes, whole.changes[made..], "after {made}");
    }
}

/// A site with settings from before there were two webhooks.
fn older() -> Current {
    let mut current = bare();
    let field = |fieldtype: &str, label: &str| FieldThere {
        fieldtype: fieldtype.to_owned(),
        label: label.to_owned(),
    };
    let settings = [
        (
            "bitrix_enabled".to_owned(),
            field("Check", "Bitrix Enabled"),
        ),
        (
            "bitrix_webhook_url".to_owned(),
            field("Password", "Bitrix Webhook URL"),
        ),
    ];
    current
        .doctypes
        .insert(SETTINGS_DOCTYPE.to_owned(), settings.into());
    current
}

#[test]
fn older_settings_are_relabelled_and_added_to_and_never_redefined() {
    let first = plan_for(&older());
    let keys: Vec<String> = first
        .changes
        .iter()
        .map(|change| change.key.to_string())
        .filter(|key| key.contains(SETTINGS_DOCTYPE))
        .collect();
    let expected = [
        "Custom Field \"Helpdesk Integrations Settings-bitrix_responsible_webhook_url\"",
        "Custom Field \"Helpdesk Integrations Settings-bitrix_portal_url\"",
        "Custom Field \"Helpdesk Integrations Settings-bitrix_timeout_seconds\"",
        "Custom Field \"Helpdesk Integrations Settings-bitrix_refresh_ttl_minutes\"",
        "Custom Field \"Helpdesk Integrations Settings-bitrix_company_field_map_json\"",
        "Custom Field \"Helpdesk Integrations Settings-bitrix_enum_fields_json\"",
        "Property Setter \"Helpdesk Integrations Settings-bitrix_webhook_url-description\"",
        "Property Setter \"Helpdesk Integrations Settings-bitrix_webhook_url-label\"",
    ];
    assert_eq!(keys, expected);
    let full = after(older(), &first.changes);
    assert_eq!(
        full.doctypes[SETTINGS_DOCTYPE]["bitrix_webhook_url"].label,
        "Bitrix Customer Inbound Webhook URL"
    );
    assert!(!plan_for(&full).differs());
}

#[test]
fn a_field_that_was_there_is_taken_as_it_is_unless_its_type_is_another() {
    let there = |fieldtype: &str| {
        let mut current = bare();
        let field = FieldThere {
            fieldtype: fieldtype.to_owned(),
            label: "Mã tổ chức".to_owned(),
        };
        let ticket = current.doctypes.get_mut("HD Ticket").unwrap();
        ticket.insert("custom_orgid".to_owned(), field);
        current
    };
    let key = Key::new("Custom Field", "HD Ticket-custom_orgid");
    let changed = |plan: &Plan| plan.changes.iter().any(|change| change.key == key);
    for fieldtype in ["Data", "Small Text", "Code"] {
        let settled = plan_for(&there(fieldtype));
        assert!(!changed(&settled) && settled.kept.is_empty(), "{fieldtype}");
    }
    let other = plan_for(&there("Check"));
    assert!(!changed(&other));
    assert_eq!(other.kept[0].why, Why::OtherType);
    // As a custom field of somebody else's it can be changed, with consent.
    let mut custom = there("Check");
    let document = fields(json!({"fieldtype": "Check", "label": "Mã tổ chức"}));
    custom.documents.insert(key.clone(), document);
    assert_eq!(plan_for(&custom).kept[0].why, Why::NotOurs);
    let forced = Consent {
        force: true,
        ..Consent::default()
    };
    let forced = plan(&wanted(Through::Proxy), None, &custom, &forced);
    let change = forced.changes.iter().find(|change| change.key == key);
    assert_eq!(change.unwrap().to, fields(json!({"fieldtype": "Data"})));
}

#[test]
fn scripts_of_others_and_scripts_changed_by_hand_are_kept_without_consent() {
    let wanted = wanted(Through::Proxy);
    let ours = |wanted: &Wanted| {
        let (_, script) = wanted
            .scripts
            .iter()
            .find(|(key, _)| *key == form_script())
            .unwrap();
        script.clone()
    };
    let with = |script: &str| {
        let mut current = bare();
        let mut document = ours(&wanted);
        document.insert("script".to_owned(), script.into());
        current.documents.insert(form_script(), document);
        current
    };
    let installed = |script: &str| {
        let mut document = ours(&wanted);
        document.insert("script".to_owned(), script.into());
        BTreeMap::from([(form_script(), document)])
    };
    let webhook = "fetch('https://portal.example/rest/1/planted-secret/x')";
    for (there, recorded, force, expected) in [
        ("by another", None, false, Some(Why::NotOurs)),
        ("by another", None, true, None),
        (
            "changed",
            Some("as installed"),
            false,
            Some(Why::ChangedByHand),
        ),
        ("changed", Some("as installed"), true, None),
        (
            "of an earlier release",
            Some("of an earlier release"),
            false,
            None,
        ),
        (
            "of an earlier release\r\n",
            Some("of an earlier release\n"),
            false,
            None,
        ),
        (webhook, None, false, Some(Why::NotOurs)),
        (webhook, None, true, Some(Why::HoldsSecret)),
    ] {
        let consent = Consent {
            installed: recorded.map(installed).unwrap_or_default(),
            force,
        };
        let plan = plan(&wanted, None, &with(there), &consent);
        let kept = plan.kept.iter().find(|kept| kept.key == form_script());
        assert_eq!(kept.map(|kept| kept.why), expected, "{there} {force}");
        let change = plan
            .changes
            .iter()
            .find(|change| change.key == form_script());
        assert_eq!(change.is_some(), expected.is_none(), "{there} {force}");
        let told = plan.kept.iter().flat_map(shown::kept);
        let told: Vec<String> = told
            .chain(plan.changes.iter().flat_map(shown::change))
            .collect();
        assert!(!told.concat().contains("planted-secret"));
    }
}

#[test]
fn a_script_that_answers_to_the_same_method_is_disabled_with_consent_only() {
    let mut current = bare();
    let rival = Key::new("Server Script", "Profile - Bitrix Customer API");
    let document = fields(json!({"disabled": 0, "script": "'/rest/1/planted-secret'"}));
    current.documents.insert(rival.clone(), document);
    current
        .rivals
        .push((rival.clone(), "haravan_bitrix_customer_profile".to_owned()));
    for (force, expected) in [(false, Some(Why::Rival)), (true, None)] {
        let consent = Consent {
            force,
            ..Consent::default()
        };
        let plan = plan(
            &wanted(Through::ServerScripts),
            Some(&hub()),
            &current,
            &consent,
        );
        assert_eq!(plan.kept.first().map(|kept| kept.why), expected);
        let change = plan.changes.iter().find(|change| change.key == rival);
        let to = change.map(|change| Value::Object(change.to.clone()));
        assert_eq!(to, force.then(|| json!({"disabled": 1})));
    }
}

#[test]
fn the_hubs_address_and_secret_follow_the_administrator() {
    let wanted = wanted(Through::ServerScripts);
    let settings = hub().settings;
    for (url, has_secret, expected) in [
        (None, false, Some(true)),
        (Some("https://hub.example"), true, None),
        (Some("https://hub.example"), false, Some(true)),
        (Some("https://old.example"), true, Some(false)),
    ] {
        let mut current = older();
        let document = url
            .map(|url| fields(json!({ HUB_URL: url })))
            .unwrap_or_default();
        current.documents.insert(settings.clone(), document);
        current.has_secret = has_secret;
        let plan = plan(&wanted, Some(&hub()), &current, &Consent::default());
        let change = plan.changes.iter().find(|change| change.key == settings);
        let sets_secret = change.map(|change| change.secret == Some(SHARED_SECRET));
        assert_eq!(sets_secret, expected, "{url:?}");
    }
}

#[test]
fn values_are_compared_as_frappe_stores_them() {
    for (is, should, expected) in [
        (json!(null), json!(""), true),
        (json!(null), json!(0), true),
        (json!(0), json!(false), true),
        (json!("1"), json!(1), true),
        (json!(1.0), json!(1), true),
        (json!("15"), json!(15), true),
        (json!("a\r\nb\n"), json!("a\nb"), true),
        (json!("a"), json!("A"), false),
        (json!(1), json!(0), false),
        (json!([]), json!(null), false),
        (json!([{"a": 1, "name": "x"}]), json!([{"a": 1}]), true),
        (json!([{"a": 1}, {"a": 2}]), json!([{"a": 1}]), false),
        (json!([{"a": 2}]), json!([{"a": 1}]), false),
    ] {
        assert_eq!(same(&is, &should), expected, "{is} {should}");
    }
}

fn entry(name: &str, before: Option<Value>, installed: Value) -> Entry {
    Entry {
        key: Key::new("Client Script", name),
        before: before.map(fields),
        installed: Some(fields(installed)),
        secret: None,
    }
}

#[test]
fn what_was_done_is_taken_back_and_what_was_changed_since_is_kept() {
    let entries = [
        entry("made", None, json!({"script": "1"})),
        entry("made, mended", None, json!({"script": "1"})),
        entry(
            "patched",
            Some(json!({"script": "old"})),
            json!({"script": "1", "enabled": 1}),
        ),
        entry(
            "patched, never made",
            Some(json!({"script": "old"})),
            json!({"script": "1"}),
        ),
        entry("never made", None, json!({"script": "1"})),
        // A second installation, of a later release.
        entry(
            "made, mended",
            Some(json!({"script": "1"})),
            json!({"script": "2"}),
        ),
        entry(
            "patched",
            Some(json!({"script": "1"})),
            json!({"script": "2"}),
        ),
    ];
    let done = gather(&entries);
    let is = |made: &str, mended: &str, patched: &str| {
        let key = |name: &str| Key::new("Client Script", name);
        BTreeMap::from([
            (
                key("made"),
                fields(json!({"script": made, "modified": "x"})),
            ),
            (key("made, mended"), fields(json!({"script": mended}))),
            (
                key("patched"),
                fields(json!({"script": patched, "enabled": 1})),
            ),
            (key("patched, never made"), fields(json!({"script": "old"}))),
        ])
    };
    let told = |made, mended, patched, force| {
        let undo = undo(&done, &is(made, mended, patched), force);
        let steps = undo.steps.iter().map(|step| match step {
            Step::Restore { to, .. } => {
                format!("{} {}", shown::step(step), Value::Object(to.clone()))
            }
            Step::Delete { .. } => shown::step(step),
        });
        let kept = undo.kept.iter().map(|key| format!("! {key}"));
        steps.chain(kept).collect::<Vec<_>>()
    };
    let restored = "~ Client Script \"patched\" {\"enabled\":null,\"script\":\"old\"}";
    let all = [
        restored,
        "- Client Script \"made, mended\"",
        "- Client Script \"made\"",
    ];
    assert_eq!(told("1", "2", "2", false), all);
    assert_eq!(told("by hand", "by hand", "by hand", true), all);
    assert_eq!(
        told("by hand", "by hand", "by hand", false),
        [
            "! Client Script \"patched\"",
            "! Client Script \"made, mended\"",
            "! Client Script \"made\"",
        ]
    );
}

#[test]
fn what_somebody_made_between_two_installations_is_what_goes_back() {
    let script = |text: &str| json!({"script": text});
    let found = |text: &str| Some(script(text));
    for (what, entries, expected) in [
        (
            "ours was deleted, and theirs replaced",
            vec![(None, script("1")), (found("theirs"), script("1"))],
            found("theirs"),
        ),
        (
            "the old one came back, was edited, and replaced",
            vec![(found("old"), script("1")), (found("edited"), script("1"))],
            found("edited"),
        ),
        (
            "the old one came back and was replaced",
            vec![(found("old"), script("1")), (found("old"), script("1"))],
            found("old"),
        ),
        (
            "the second installation never wrote, and a third did",
            vec![
                (None, script("1")),
                (found("1"), script("2")),
                (found("1"), script("2")),
            ],
            None,
        ),
        (
            "theirs, and then a later release",
            vec![
                (None, script("1")),
                (found("theirs"), script("1")),
                (found("1"), script("2")),
            ],
            found("theirs"),
        ),
        (
            "the old one was replaced, and ours was deleted and made again",
            vec![(found("old"), script("1")), (None, script("2"))],
            None,
        ),
        (
            "one field was edited and replaced, and the other stayed ours",
            vec![
                (
                    Some(json!({"script": "old", "enabled": 0})),
                    json!({"script": "1", "enabled": 1}),
                ),
                (Some(json!({"script": "edited", "enabled": 1})), script("2")),
            ],
            Some(json!({"script": "edited", "enabled": 0})),
        ),
    ] {
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|(before, installed)| entry("one", before, installed))
            .collect();
        let done = gather(&entries);
        let (key, last) = &done[0];
        let is = BTreeMap::from([(key.clone(), last.installed.clone())]);
        let step = match undo(&done, &is, false).steps.pop() {
            Some(Step::Restore { to, .. }) => Some(Value::Object(to)),
            Some(Step::Delete { .. }) => None,
            None => panic!("{what}: nothing is done"),
        };
        assert_eq!(step, expected, "{what}");
    }
}

#[test]
fn a_secret_that_was_put_in_is_taken_out_and_one_that_was_there_stays() {
    let put_in = json!({HUB_URL: null, SHARED_SECRET: null});
    let replaced = json!({HUB_URL: "https://old.example"});
    for (found, expected) in [
        (vec![json!({})], &put_in),
        // The second one replaced what the first put in.
        (
            vec![
                json!({}),
                json!({HUB_URL: "https://hub.example", SHARED_SECRET: "(set)"}),
            ],
            &put_in,
        ),
        (
            vec![json!({HUB_URL: "https://old.example", SHARED_SECRET: "(set)"})],
            &replaced,
        ),
    ] {
        let key = hub().settings;
        let entries = found.into_iter().map(|before| Entry {
            key: key.clone(),
            before: Some(fields(before)),
            installed: Some(fields(json!({HUB_URL: "https://hub.example"}))),
            secret: Some(SHARED_SECRET.to_owned()),
        });
        let entries: Vec<Entry> = entries.collect();
        let is = fields(json!({HUB_URL: "https://hub.example", SHARED_SECRET: "*****"}));
        let undo = undo(&gather(&entries), &BTreeMap::from([(key, is)]), false);
        let Some(Step::Restore { to, .. }) = undo.steps.first() else {
            panic!("{undo:?}");
        };
        assert_eq!(Value::Object(to.clone()), *expected);
    }
}

/// Runs the scripts; it must know every one.
const SANDBOX: &str = include_str!("../../helpdesk/tests/sandbox.py");

/// What the sandbox of Server Scripts refuses; the whole truth, with the real compiler, is in `helpdesk/tests`.
#[test]
fn server_scripts_use_nothing_that_the_sandbox_refuses() {
    let refused = [
        "import ",
        "getattr",
        "setattr",
        "hasattr",
        "__",
        "._",
        "def ",
        "lambda",
        "class ",
        "global ",
        "exec(",
        "eval(",
        "open(",
        "print(",
        ".format(",
        "f\"",
        "f'",
        "+=",
        "-=",
        " for ",
        "while ",
        "frappe.cache",
        "frappe.local",
        "timeout",
        "async ",
        "yield",
        "with ",
        "globals",
        "db.delete",
        "make_request(",
    ];
    let wanted = wanted(Through::ServerScripts);
    let scripts = wanted
        .scripts
        .iter()
        .filter(|(key, _)| key.doctype == "Server Script");
    let mut seen = Vec::new();
    for (key, fields) in scripts {
        let script = fields["script"].as_str().unwrap();
        let code = script
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        // What is said to agents is no code.
        let code = code.filter(|line| !line.trim_start().starts_with('"') || line.contains("X-"));
        for line in code {
            for word in refused {
                assert!(!line.contains(word), "{key}: {word:?} in {line}");
            }
            assert!(!line.contains('\t') && line.len() < 140, "{key}: {line}");
        }
        let method = fields["api_method"].as_str().unwrap();
        assert!(
            SANDBOX.contains(&format!("    \"{method}\": \"")),
            "{method} is not run"
        );
        assert!(script.starts_with(&format!("METHOD = \"{method}\"\n")));
        assert!(script.contains("check_permission(") && script.contains("X-Deskbridge-Secret"));
        assert_eq!(fields["allow_guest"], 0);
        assert_eq!(key.name, server_script_name(method));
        seen.push(method);
    }
    assert_eq!(seen, wanted.methods);
    assert_eq!(seen.len(), 5);
}

#[test]
fn every_field_of_the_contract_is_wanted_and_no_two_have_one_name() {
    let wanted = wanted(Through::ServerScripts);
    let of = |dt: &str| wanted.fields.iter().filter(|field| field.dt == dt).count();
    assert_eq!(
        ["HD Customer", "Contact", "HD Ticket", SETTINGS_DOCTYPE].map(of),
        [17, 3, 4, 2]
    );
    let mut names: Vec<(&str, &str)> = wanted
        .fields
        .iter()
        .map(|field| (field.dt.as_str(), field.fieldname.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), wanted.fields.len());
    for field in wanted
        .fields
        .iter()
        .filter(|field| field.dt != SETTINGS_DOCTYPE)
    {
        // Without the prefix a later release of Helpdesk could bring a field of the same name.
        assert!(
            field.fieldname.starts_with("custom_"),
            "{}",
            field.fieldname
        );
        assert!(
            field.attributes.contains_key("insert_after"),
            "{}",
            field.fieldname
        );
    }
    assert_eq!(wanted.label.label, "Bitrix Customer Inbound Webhook URL");
    assert!(wanted.label.description.contains("crm"));
}
