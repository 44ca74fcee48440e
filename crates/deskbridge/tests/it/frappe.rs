//! What is put into a helpdesk, and taken out again.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use simulators::{
    faults::Rule,
    frappe::{self, Data, ScriptAnswer, Version, Versions},
};
use testkit::wait_for;

use crate::process::{self, Running, Said};

const SETTINGS: &str = "Helpdesk Integrations Settings";
const BUTTON: &str = "Profile - Ticket Customer Button";
const METHOD: &str = "haravan_bitrix_customer_profile";
const SCRIPTS: [&str; 4] = [
    "--through",
    "server-scripts",
    "--hub-url",
    "https://hub.example",
];
/// What must show nowhere: keys, the shared secret, a webhook in the settings, one in an old script.
const PLANTED: [&str; 4] = [
    "planted-admin-secret",
    "planted-shared-secret",
    "planted-webhook-secret",
    "planted-script-secret",
];

/// A helpdesk, and an administrator's folder.
struct Desk {
    site: frappe::Running,
    folder: tempfile::TempDir,
}

fn users() -> Data {
    let user = |name: &str, roles: &[&str]| {
        json!({
            "email": format!("{name}@helpdesk.example"), "full_name": name, "roles": roles,
            "api_key": format!("{name}-key"), "api_secret": format!("planted-{name}-secret"),
        })
    };
    let data = json!({"users": [
        user("admin", &["System Manager", "Script Manager", "Agent", "Agent Manager"]),
        user("manager", &["System Manager", "Agent", "Agent Manager"]),
        user("agent", &["Agent"]),
    ]});
    serde_json::from_value(data).unwrap()
}

/// A site that has had an integration before: settings with one webhook, and scripts of the same names.
fn older() -> Data {
    let field = |name: &str, kind: &str, label: &str| json!({"fieldname": name, "fieldtype": kind, "label": label});
    let script =
        "function setupForm({ doc, call }) {\n  return { actions: [] };\n}\n// of long ago\n";
    let documents = json!([
        {"doctype": "DocType", "name": SETTINGS, "custom": 1, "module": "Custom", "issingle": 1, "fields": [
            field("bitrix_enabled", "Check", "Bitrix Enabled"),
            field("bitrix_webhook_url", "Password", "Bitrix Webhook URL"),
            field("bitrix_portal_url", "Data", "Portal"),
        ], "permissions": [{"role": "System Manager", "read": 1, "write": 1, "create": 1}]},
        {"doctype": "Custom Field", "dt": "HD Ticket", "fieldname": "custom_orgid", "label": "Mã tổ chức", "fieldtype": "Data"},
        {"doctype": SETTINGS, "name": SETTINGS, "bitrix_enabled": 1, "bitrix_portal_url": "https://portal.example",
         "bitrix_webhook_url": "*".repeat(50),
         // Settings that were ever saved have it as a text.
         "idx": "0"},
        {"doctype": "HD Form Script", "name": BUTTON, "dt": "HD Ticket", "apply_to": "Form", "enabled": 1, "script": script},
        {"doctype": "Client Script", "name": BUTTON, "dt": "HD Ticket", "view": "Form", "enabled": 0, "script": "// old\n"},
        {"doctype": "Server Script", "name": "Profile - Bitrix Customer API", "script_type": "API", "api_method": METHOD,
         "disabled": 0, "script": "url = 'https://portal.example/rest/1/planted-script-secret/'\n"},
        {"doctype": "HD Ticket", "name": "0001", "subject": "Không vào được", "custom_orgid": "200071001"},
    ]);
    let mut data = users();
    data.documents = serde_json::from_value(documents).unwrap();
    data.secrets = serde_json::from_value(json!([{
        "doctype": SETTINGS, "name": SETTINGS, "fieldname": "bitrix_webhook_url",
        "value": "https://portal.example/rest/1/planted-webhook-secret/",
    }]))
    .unwrap();
    data
}

impl Desk {
    async fn new(data: Data) -> Self {
        Self::of(data, Versions::default()).await
    }

    async fn of(data: Data, versions: Versions) -> Self {
        let options = frappe::Options {
            data,
            versions,
            ..frappe::Options::default()
        };
        let desk = Self {
            site: frappe::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        // Where a script stands for the method, it answers.
        let answer = json!({"success": true, "data": {}, "message": "ok"});
        desk.site.site.register_script(
            METHOD,
            std::sync::Arc::new(move |_| ScriptAnswer::Message(200, answer.clone())),
        );
        desk.configure("admin");
        desk
    }

    fn configure(&self, user: &str) {
        let text = format!(
            "[[frappe]]\nname = \"helpdesk\"\nurl = \"{}\"\napi_key = \"hub-key\"\napi_secret = \"planted-hub-secret\"\n\
             admin_api_key = \"{user}-key\"\nadmin_api_secret = \"planted-{user}-secret\"\n\
             shared_secrets = [\"planted-shared-secret\"]\n",
            self.site.url
        );
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("deskbridge.toml")
    }

    fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    async fn run(&self, command: &str, more: &[&str]) -> Said {
        let config = self.config();
        let mut all = vec!["frappe", command, "--config", config.to_str().unwrap()];
        all.extend(more);
        process::run(&all).await
    }

    /// As [`Self::run`], for what must succeed.
    async fn done(&self, command: &str, more: &[&str]) -> Said {
        let said = self.run(command, more).await;
        assert_eq!(said.status, Some(0), "{command}: {}{}", said.out, said.err);
        said
    }

    fn document(&self, doctype: &str, name: &str) -> Value {
        self.site.site.document(doctype, name)
    }

    fn set_faults(&self, rules: &Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules.clone()).unwrap();
        self.site.site.set_faults(rules);
    }

    /// How often the site was asked to write since the journal was last cleared.
    fn writes(&self) -> usize {
        let journal = self.site.site.journal();
        journal.iter().filter(|entry| entry.method != "GET").count()
    }
}

/// Fails with every document in which two states of a site differ, but for who saved it last and when: Frappe itself
/// stamps that, and lets nobody set it.
fn check_same(before: &Data, after: &Data) {
    let lines = |data: &Data| -> BTreeSet<String> {
        let documents = data.documents.iter().cloned().map(|mut document| {
            for stamp in ["modified", "modified_by"] {
                document.remove(stamp);
            }
            Value::Object(document).to_string()
        });
        documents.collect()
    };
    let (lines_before, lines_after) = (lines(before), lines(after));
    let changes = lines_before.symmetric_difference(&lines_after);
    let changes: Vec<&String> = changes.collect();
    assert!(changes.is_empty(), "{changes:#?}");
    assert_eq!(before.secrets, after.secrets);
    assert_eq!(before.documents.len(), after.documents.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn installing_twice_changes_nothing_the_second_time() {
    for (data, through, force) in [
        (users(), &[][..], &[][..]),
        (users(), &SCRIPTS[..], &[]),
        (older(), &[], &["--force"]),
        (older(), &SCRIPTS, &["--force"]),
    ] {
        let desk = Desk::new(data).await;
        let arguments = [through, force].concat();
        let before = desk.run("diff", &arguments).await;
        assert_eq!(
            (before.status, before.err.as_str()),
            (Some(1), ""),
            "{}",
            before.out
        );
        assert_eq!(desk.writes(), 0, "diff writes nothing");
        desk.done("install", &arguments).await;
        let installed = desk.site.site.data();
        desk.site.site.clear_journal();
        let again = desk.done("install", &arguments).await;
        assert!(
            again.out.starts_with("0 made, 0 changed, "),
            "{}",
            again.out
        );
        assert_eq!(desk.writes(), 0);
        assert_eq!(desk.site.site.data(), installed);
        assert_eq!(fs::read_dir(desk.backups()).unwrap().count(), 1);
        let after = desk.done("diff", &arguments).await;
        assert!(
            after.out.starts_with("0 to be made, 0 to be changed, "),
            "{}",
            after.out
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_is_what_the_profile_needs() {
    let desk = Desk::new(users()).await;
    desk.done("install", &SCRIPTS).await;
    let script = desk.document(
        "Server Script",
        "Deskbridge - haravan_bitrix_customer_profile",
    );
    assert_eq!(
        (&script["api_method"], &script["allow_guest"]),
        (&json!(METHOD), &json!(0))
    );
    assert_eq!(desk.site.site.count("Server Script"), 5);
    assert_eq!(desk.document("HD Form Script", BUTTON)["enabled"], 1);
    assert_eq!(desk.document("Client Script", BUTTON)["view"], "Form");
    let secret = desk.site.site.data().secrets;
    let secret = secret
        .iter()
        .find(|secret| secret.fieldname == "deskbridge_shared_secret");
    assert_eq!(secret.unwrap().value, "planted-shared-secret");
    let desk = Desk::new(older()).await;
    desk.done("install", &["--force"]).await;
    let setter = format!("{SETTINGS}-bitrix_webhook_url-label");
    assert_eq!(
        desk.document("Property Setter", &setter)["value"],
        "Bitrix Customer Inbound Webhook URL"
    );
    let field = format!("{SETTINGS}-bitrix_responsible_webhook_url");
    assert_eq!(
        desk.document("Custom Field", &field)["fieldtype"],
        "Password"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_leaves_everything_as_it_was() {
    for (data, through, force) in [
        (users(), &[][..], &[][..]),
        (users(), &SCRIPTS[..], &[]),
        (older(), &[], &["--force"]),
        (older(), &SCRIPTS, &["--force"]),
    ] {
        let desk = Desk::new(data).await;
        let before = desk.site.site.data();
        desk.done("install", &[through, force].concat()).await;
        let with_scripts = desk.done("install", &[&SCRIPTS[..], force].concat()).await;
        assert!(with_scripts.out.contains(" made, "), "{}", with_scripts.out);
        let dry = desk.done("uninstall", &["--dry-run"]).await;
        assert!(dry.out.contains("- HD Form Script") || dry.out.contains("~ HD Form Script"));
        let said = desk.done("uninstall", &[]).await;
        assert!(
            said.out.ends_with("Everything is as it was before.\n"),
            "{}",
            said.out
        );
        let after = desk.site.site.data();
        check_same(&before, &after);
        if force.is_empty() {
            assert!(after == before, "something of the site's own was saved");
        }
        let again = desk.run("uninstall", &[]).await;
        assert_eq!(again.status, Some(1));
        assert!(
            again.err.contains("no backup of an installation"),
            "{}",
            again.err
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_release_can_be_installed_into_and_left() {
    for (frappe, helpdesk) in [(15, 24), (15, 28), (16, 28)] {
        let versions = Versions {
            frappe: Version(frappe, 0, 0),
            helpdesk: Version(1, helpdesk, 0),
        };
        let desk = Desk::of(users(), versions).await;
        let before = desk.site.site.data();
        desk.done("install", &SCRIPTS).await;
        desk.done("diff", &SCRIPTS).await;
        desk.done("uninstall", &[]).await;
        assert!(desk.site.site.data() == before, "{versions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_is_finished() {
    for (data, write, skip, execute, answer) in [
        (users(), "POST *", 0, false, "hang_up"),
        (users(), "POST *", 9, false, "hang_up"),
        (users(), "POST *", 30, true, "truncate"),
        (older(), "POST *", 1, true, "hang_up"),
        (older(), "PUT *", 0, false, "truncate"),
        (older(), "PUT *", 2, false, "hang_up"),
    ] {
        let desk = Desk::new(data).await;
        let before = desk.site.site.data();
        let arguments = [&SCRIPTS[..], &["--force"]].concat();
        let cut_off = |write: &str| {
            desk.set_faults(
                &json!([{"when": write, "skip": skip, "execute": execute, "answer": answer}]),
            );
        };
        cut_off(write);
        let first = desk.run("install", &arguments).await;
        desk.set_faults(&json!([]));
        if first.status != Some(0) {
            assert!(first.err.contains("run the command again"), "{}", first.err);
        }
        desk.done("install", &arguments).await;
        let said = desk.done("diff", &arguments).await;
        assert!(
            said.out.starts_with("0 to be made, 0 to be changed, "),
            "{}",
            said.out
        );
        cut_off("DELETE *");
        desk.run("uninstall", &[]).await;
        desk.set_faults(&json!([]));
        desk.run("uninstall", &[]).await;
        check_same(&before, &desk.site.site.data());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_got_lost_is_looked_up() {
    let desk = Desk::new(users()).await;
    desk.set_faults(
        &json!([{"when": "POST *", "skip": 3, "times": 1, "execute": true, "answer": "hang_up"}]),
    );
    desk.done("install", &[]).await;
    let posts = desk.site.site.journal();
    let posts = posts.iter().filter(|entry| entry.method == "POST").count();
    assert!(
        desk.done("diff", &[])
            .await
            .out
            .starts_with("0 to be made, 0 to be changed, ")
    );
    assert_eq!(posts, 2 + 17 + 3 + 4 + 2, "nothing was made twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_that_got_lost_is_not_taken_for_written() {
    for (execute, expected) in [(false, Some(1)), (true, Some(0))] {
        let desk = Desk::new(users()).await;
        desk.done("install", &SCRIPTS).await;
        let config = fs::read_to_string(desk.config()).unwrap();
        let config = config.replace("planted-shared-secret", "planted-shared-secret-2");
        fs::write(desk.config(), config).unwrap();
        desk.set_faults(&json!([{"when": "PUT *", "execute": execute, "answer": "hang_up"}]));
        let said = desk.run("install", &SCRIPTS).await;
        assert_eq!(said.status, expected, "{}{}", said.out, said.err);
        desk.set_faults(&json!([]));
        desk.done("install", &SCRIPTS).await;
        let secrets = desk.site.site.data().secrets;
        let mut secrets = secrets.iter().map(|secret| secret.value.as_str());
        assert!(secrets.any(|secret| secret == "planted-shared-secret-2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_in_a_field_of_ours_goes_with_the_field() {
    let desk = Desk::new(older()).await;
    desk.done("install", &["--force"]).await;
    let mut data = desk.site.site.data();
    let field = "bitrix_responsible_webhook_url";
    for document in &mut data.documents {
        if document["doctype"] == SETTINGS {
            document.insert(field.to_owned(), "*****".into());
        }
    }
    let secret = json!({"doctype": SETTINGS, "name": SETTINGS, "fieldname": field, "value": "x"});
    data.secrets.push(serde_json::from_value(secret).unwrap());
    desk.site.site.set_data(&data).unwrap();
    desk.done("uninstall", &["--with-data"]).await;
    let left = desk.site.site.data().secrets;
    let left = left.iter().filter(|secret| secret.doctype == SETTINGS);
    let left: Vec<&str> = left.map(|secret| &*secret.fieldname).collect();
    assert_eq!(left, ["bitrix_webhook_url"], "theirs stays, ours goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_changed_by_hand_is_kept() {
    let desk = Desk::new(users()).await;
    desk.done("install", &[]).await;
    let mut data = desk.site.site.data();
    let script = data
        .documents
        .iter_mut()
        .find(|document| document["doctype"] == "HD Form Script");
    script
        .unwrap()
        .insert("script".to_owned(), "// mine\n".into());
    data.users = users().users;
    desk.site.site.set_data(&data).unwrap();
    let said = desk.run("diff", &[]).await;
    assert_eq!(said.status, Some(1));
    assert!(
        said.out
            .contains("! HD Form Script \"Profile - Ticket Customer Button\" was changed by hand")
    );
    assert!(said.out.contains("-// mine"), "{}", said.out);
    let said = desk.run("install", &[]).await;
    assert_eq!(said.status, Some(1), "{}", said.out);
    assert_eq!(
        desk.document("HD Form Script", BUTTON)["script"],
        "// mine\n"
    );
    let said = desk.run("uninstall", &[]).await;
    assert_eq!(said.status, Some(1), "{}", said.out);
    assert_eq!(
        desk.document("HD Form Script", BUTTON)["script"],
        "// mine\n"
    );
    desk.done("install", &["--force"]).await;
    assert_ne!(
        desk.document("HD Form Script", BUTTON)["script"],
        "// mine\n"
    );
    // It may as well have been made by hand after ours was deleted, and goes back.
    desk.done("uninstall", &[]).await;
    assert_eq!(
        desk.document("HD Form Script", BUTTON)["script"],
        "// mine\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_others_are_kept_without_consent() {
    let desk = Desk::new(older()).await;
    let said = desk.run("install", &SCRIPTS).await;
    assert_eq!(said.status, Some(1), "{}", said.out);
    assert!(
        said.out
            .contains("was not made by Deskbridge and is kept; --force replaces it")
    );
    assert!(
        said.out
            .contains("\"Profile - Bitrix Customer API\" answers to one of the same methods")
    );
    let script = desk.document("HD Form Script", BUTTON);
    assert!(script["script"].as_str().unwrap().contains("of long ago"));
    desk.done("install", &[&SCRIPTS[..], &["--force"]].concat())
        .await;
    assert_eq!(
        desk.document("Server Script", "Profile - Bitrix Customer API")["disabled"],
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_with_data_is_removed_only_when_told_to() {
    let desk = Desk::new(users()).await;
    desk.done("install", &[]).await;
    let mut data = desk.site.site.data();
    let documents = json!([
        {"doctype": "HD Customer", "name": "Trà Núi Mây", "customer_name": "Trà Núi Mây", "custom_haravan_orgid": 200071001},
        {"doctype": SETTINGS, "name": SETTINGS, "bitrix_portal_url": "https://portal.example", "bitrix_webhook_url": "*****"},
    ]);
    data.documents
        .extend(serde_json::from_value::<Vec<_>>(documents).unwrap());
    let secret = json!({"doctype": SETTINGS, "name": SETTINGS, "fieldname": "bitrix_webhook_url", "value": "x"});
    data.secrets.push(serde_json::from_value(secret).unwrap());
    desk.site.site.set_data(&data).unwrap();
    desk.site.site.clear_journal();
    let said = desk.run("uninstall", &[]).await;
    assert_eq!(said.status, Some(1), "{}", said.out);
    assert!(
        said.out
            .contains("HD Customer-custom_haravan_orgid\" holds 1 value(s)"),
        "{}",
        said.out
    );
    assert!(
        said.out
            .contains("! DocType \"Helpdesk Integrations Settings\" holds 2 value(s)"),
        "{}",
        said.out
    );
    assert!(
        said.err.contains("--with-data") && said.err.contains("bench trim-tables"),
        "{}",
        said.err
    );
    assert_eq!(desk.writes(), 0);
    desk.done("uninstall", &["--with-data"]).await;
    assert_eq!(desk.document("DocType", SETTINGS), Value::Null);
    assert_eq!(
        desk.document("HD Customer", "Trà Núi Mây")["custom_haravan_orgid"],
        Value::Null
    );
    let left = desk.site.site.data().secrets;
    assert!(
        left.iter().all(|secret| secret.doctype != SETTINGS),
        "a webhook was left behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_right_is_told_and_nothing_is_changed() {
    let desk = Desk::new(users()).await;
    for (user, arguments, expected) in [
        ("agent", &[][..], "give it the roles System Manager"),
        ("manager", &SCRIPTS[..], "the role Script Manager"),
        ("nobody", &[], "does not accept the API key"),
    ] {
        desk.configure(user);
        for (command, status) in [("install", 1), ("diff", 2)] {
            let said = desk.run(command, arguments).await;
            assert_eq!(said.status, Some(status), "{}", said.out);
            assert!(said.err.contains(expected), "{user}: {}", said.err);
        }
        assert_eq!(desk.writes(), 0, "{user}");
    }
    // Who reads and may not write is told before anything is changed.
    let mut data = users();
    let perm = json!({"role": "Agent", "read": 1, "write": 0, "create": 0, "delete": 0});
    let readers = [
        "Custom Field",
        "Property Setter",
        "HD Form Script",
        "Client Script",
    ];
    data.documents = readers
        .iter()
        .map(|doctype| {
            let mut definition = desk
                .document("DocType", doctype)
                .as_object()
                .unwrap()
                .clone();
            definition.retain(|_, value| !value.is_null());
            let perms = definition["permissions"].as_array_mut().unwrap();
            perms.push(perm.clone());
            definition
        })
        .collect();
    let desk = Desk::new(data).await;
    desk.configure("agent");
    let said = desk.run("install", &[]).await;
    assert!(
        said.err
            .contains("nothing was changed; give it the role System Manager"),
        "{}",
        said.err
    );
    assert_eq!(desk.writes(), 0);
    assert!(!desk.backups().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_cannot_be_extended_is_told_from_one_that_can() {
    let desk = Desk::new(users()).await;
    let gone = json!({"status": 404, "json": {"errors": [{"type": "DoesNotExistError"}]}});
    let apps = json!({"status": 200, "json": {"message": {"frappe": {"version": "15.50.0"}}}});
    for (rule, expected) in [
        (
            json!({"when": "*/HD Form Script/meta", "answer": gone}),
            "is too old",
        ),
        (
            json!({"when": "*get_versions", "answer": apps}),
            "without Helpdesk",
        ),
        (
            json!({"when": "*/HD Ticket/meta", "answer": gone}),
            "has no DocType HD Ticket",
        ),
        (
            json!({"when": "*", "answer": {"preset": "maintenance"}}),
            "under maintenance",
        ),
        (
            json!({"when": "*", "answer": {"preset": "html"}}),
            "not Frappe's",
        ),
    ] {
        desk.set_faults(&json!([rule]));
        let said = desk.run("install", &[]).await;
        assert_eq!(said.status, Some(1));
        assert!(said.err.contains(expected), "{expected}: {}", said.err);
    }
    desk.set_faults(&json!([]));
    assert_eq!(desk.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_scripts_need_an_address_a_secret_and_a_site_that_runs_them() {
    let desk = Desk::new(users()).await;
    let said = desk.run("install", &SCRIPTS[..2]).await;
    assert!(said.err.contains("give it with --hub-url"), "{}", said.err);
    let plain = [
        "--through",
        "server-scripts",
        "--hub-url",
        "http://hub.example",
    ];
    let said = desk.run("install", &plain).await;
    assert!(said.err.contains("not https"), "{}", said.err);
    let text = fs::read_to_string(desk.config()).unwrap();
    fs::write(
        desk.config(),
        text.replace("shared_secrets", "# shared_secrets"),
    )
    .unwrap();
    let said = desk.run("install", &SCRIPTS).await;
    assert!(
        said.err
            .contains("shared_secrets of the configuration has none"),
        "{}",
        said.err
    );
    assert_eq!(desk.writes(), 0);
    desk.configure("admin");
    desk.site
        .site
        .configure(|config| config.server_script_enabled = false);
    let said = desk.run("install", &SCRIPTS).await;
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("server_script_enabled"), "{}", said.err);
    desk.site
        .site
        .configure(|config| config.server_script_enabled = true);
    // The address is known by now.
    desk.done("install", &SCRIPTS[..2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_changes_nothing_and_is_for_the_administrators_eyes_only() {
    let desk = Desk::new(older()).await;
    let said = desk.done("backup", &[]).await;
    assert!(
        said.out
            .contains("! Server Script \"Profile - Bitrix Customer API\" is left out")
    );
    assert_eq!(desk.writes(), 0);
    let [folder] = &fs::read_dir(desk.backups())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one backup makes one folder");
    };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk.backups()), 0o700);
    assert_eq!(mode(folder), 0o700);
    let file = folder.join("backup.json");
    assert_eq!(mode(&file), 0o600);
    let backup: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let entries = backup["entries"].as_array().unwrap();
    let script = entries
        .iter()
        .find(|entry| entry["doctype"] == "HD Form Script")
        .unwrap();
    assert!(
        script["before"]["script"]
            .as_str()
            .unwrap()
            .contains("of long ago")
    );
    // It says nothing about an installation.
    assert!(
        desk.run("uninstall", &[])
            .await
            .err
            .contains("no backup of an installation")
    );
    desk.configure("manager");
    let said = desk.done("backup", &[]).await;
    assert!(
        said.out.contains("! Server Scripts are left out"),
        "{}",
        said.out
    );
}

fn everything_in(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_in(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_shows_on_the_terminal_in_a_backup_or_among_the_arguments() {
    let desk = Desk::new(older()).await;
    let force = [&SCRIPTS[..], &["--force"]].concat();
    let mut told = String::new();
    for (command, arguments) in [
        ("backup", &[][..]),
        ("diff", &SCRIPTS),
        ("diff", &force),
        ("install", &force),
        ("install", &force),
        ("uninstall", &["--dry-run"]),
        ("uninstall", &[]),
    ] {
        let said = desk.run(command, arguments).await;
        told.push_str(&said.out);
        told.push_str(&said.err);
    }
    // Scripts with a secret in them are neither shown nor kept, even when they are to be overwritten.
    let mut data = older();
    for document in &mut data.documents {
        if document["doctype"] == "HD Form Script" {
            let script =
                "fetch('https://portal.example/rest/1/planted-script-secret/crm.company.list')\n";
            document.insert("script".to_owned(), script.into());
        }
    }
    desk.site.site.set_data(&data).unwrap();
    for command in ["diff", "install"] {
        let said = desk.run(command, &force).await;
        assert_eq!(said.status, Some(1), "{}", said.out);
        assert!(
            said.out
                .contains("has what looks like a webhook or a key in it")
        );
        told.push_str(&said.out);
        told.push_str(&said.err);
    }
    for document in &mut data.documents {
        if document["doctype"] == "HD Form Script" {
            let script = "const API_TOKEN = \"planted-script-secret\";\n";
            document.insert("script".to_owned(), script.into());
        }
        if document["doctype"] == "DocType" {
            let row = json!({"fieldname": "x", "fieldtype": "Code", "options": "password: 'planted-script-secret'"});
            document["fields"].as_array_mut().unwrap().push(row);
        }
    }
    desk.site.site.set_data(&data).unwrap();
    for command in ["diff", "backup"] {
        let said = desk
            .run(command, &force[..if command == "diff" { 5 } else { 0 }])
            .await;
        assert!(
            command == "diff"
                || said
                    .out
                    .contains("! DocType \"Helpdesk Integrations Settings\" is left out"),
            "{}",
            said.out
        );
        told.push_str(&said.out);
        told.push_str(&said.err);
    }
    for wrong in ["hub_key", "maintenance"] {
        desk.set_faults(&json!([{"when": "POST *", "answer": {"preset": wrong}}]));
        let said = desk.run("install", &force).await;
        told.push_str(&said.err);
    }
    everything_in(&desk.backups(), &mut told);
    for secret in PLANTED {
        assert!(!told.contains(secret), "{secret} shows in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_users_of_the_machine_see_no_secret_in_the_list_of_processes() {
    let desk = Desk::new(users()).await;
    desk.set_faults(&json!([{"when": "*", "skip": 1, "delay_ms": 60_000}]));
    let config = desk.config();
    let mut arguments = vec!["frappe", "install", "--config", config.to_str().unwrap()];
    arguments.extend(SCRIPTS);
    let running = Running::start(process::command(&arguments));
    let seen = wait_for("the command to have read its configuration", async || {
        let line = fs::read(format!("/proc/{}/cmdline", running.id())).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // It has asked, so it has read every secret.
        (!desk.site.site.journal().is_empty()).then_some(line)
    })
    .await;
    assert!(seen.contains("frappe install"), "{seen}");
    for secret in PLANTED {
        assert!(!seen.contains(secret), "{seen}");
    }
}
