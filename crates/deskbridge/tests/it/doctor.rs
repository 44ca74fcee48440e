//! The doctor, the configuration check.

use serde_json::{Value, json};
use simulators::{
    bitrix24,
    frappe::{ScriptAnswer, ScriptCall},
};

use crate::hub::Bench;

type Change = Box<dyn Fn(String) -> String>;

fn replace(old: &str, new: &str) -> Change {
    let (old, new) = (old.to_owned(), new.to_owned());
    Box::new(move |text| {
        assert!(text.contains(&old), "{old}");
        text.replace(&old, &new)
    })
}

const PROFILE: &str = "haravan_bitrix_customer_profile";

/// Puts in what `frappe install` puts in, and a hub behind the helpdesk's own address.
async fn install(bench: &Bench) {
    let said = bench.run(&["frappe", "install"]).await;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    let script = json!({
        "doctype": "Server Script", "name": "Way", "script_type": "API", "api_method": PROFILE,
        "disabled": 0, "script": "pass",
    });
    bench.set_settings(&script);
    answer_profiles(bench, &json!({"bitrix": {"stale": false}}));
}

/// What stands behind the address that the button asks.
fn answer_profiles(bench: &Bench, data: &Value) {
    let answer = json!({"success": true, "data": data, "message": "ok"});
    let answer = move |_: &ScriptCall| ScriptAnswer::Message(200, answer.clone());
    let site = &bench.site.site;
    site.register_script(PROFILE, std::sync::Arc::new(answer));
}

async fn level(bench: &Bench, what: &str) -> String {
    let said = bench.run(&["doctor", "--json"]).await;
    let mut findings = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = findings.find(|finding| finding["what"].as_str().unwrap().contains(what));
    let found = found.unwrap_or_else(|| panic!("{what}: {}", said.out));
    found["level"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_in_the_place_of_a_hub_is_told() {
    let bench = Bench::new().await;
    install(&bench).await;
    assert_eq!(level(&bench, "reaches a hub").await, "ok");
    // As apps from before there was Deskbridge do.
    for older in [
        json!({"bitrix": {"status": "matched"}}),
        json!({"ticket": {"name": "0001"}, "customer": null}),
    ] {
        answer_profiles(&bench, &older);
        assert_eq!(level(&bench, "does not reach a hub").await, "warn");
    }
    bench.configure(|text| {
        let more = "api_secret = \"hub-secret\"\nshared_secrets = [\"a-shared-secret\"]\n\
                    admin_api_key = \"admin-key\"\nadmin_api_secret = \"admin-secret\"\n";
        text.replace("api_secret = \"hub-secret\"\n", more)
    });
    assert_eq!(
        level(&bench, "The administrator's key is refused").await,
        "warn"
    );
    let site = &bench.site.site;
    let mut data = site.data();
    let administrator = json!({
        "email": "admin@helpdesk.example", "full_name": "admin", "roles": ["System Manager", "Script Manager"],
        "api_key": "admin-key", "api_secret": "admin-secret",
    });
    data.users
        .push(serde_json::from_value(administrator).unwrap());
    site.set_data(&data).unwrap();
    let scripts = ["frappe", "install", "--through", "server-scripts"];
    let said = bench
        .run(&[&scripts[..], &["--hub-url", "https://hub.example"]].concat())
        .await;
    assert!(
        said.out.contains("\"Way\" answers to one"),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(
        level(&bench, "Server Script \"Way\" answers to").await,
        "warn"
    );
    let said = bench.run(&[&scripts[..], &["--force"]].concat()).await;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    assert_eq!(level(&bench, "The Server Scripts are those").await, "ok");
    let not_looked_at = "Server Scripts are there and were not looked at";
    for command in ["install", "diff"] {
        let said = bench.run(&["frappe", command]).await;
        assert!(said.out.contains(not_looked_at), "{}{}", said.out, said.err);
        let said = bench
            .run(&["frappe", command, "--through", "server-scripts"])
            .await;
        assert!(!said.out.contains(not_looked_at), "{}", said.out);
    }
    let mut data = site.data();
    let ours = format!("Deskbridge - {PROFILE}");
    for document in &mut data.documents {
        if document["doctype"] == "Server Script" && document["name"] == *ours {
            document.insert("script".to_owned(), "pass".into());
        }
    }
    site.set_data(&data).unwrap();
    let what = format!("Server Script \"{ours}\" is not the one of this release");
    assert_eq!(level(&bench, &what).await, "warn");
    data.documents
        .retain(|document| document["doctype"] != "Server Script");
    site.set_data(&data).unwrap();
    // The settings still say that calls go through them.
    assert_eq!(
        level(&bench, &format!("There is no Server Script \"{ours}\"")).await,
        "warn"
    );
    bench.configure(|text| text);
    assert_eq!(
        level(&bench, "those of this release cannot be seen").await,
        "warn"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_configuration_is_found_sound() {
    let bench = Bench::new().await;
    install(&bench).await;
    let said = bench.run(&["doctor"]).await;
    assert_eq!(said.status, Some(0), "{}", said.out);
    assert!(
        said.out.ends_with("Everything is in order.\n"),
        "{}",
        said.out
    );
    let said = bench.run(&["doctor", "--json"]).await;
    for line in said.out.lines() {
        let finding: Value = serde_json::from_str(line).unwrap();
        assert_eq!(finding["level"], "ok", "{line}");
    }
    let said = bench.run(&["config", "check"]).await;
    assert_eq!(said.status, Some(0), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_wrong_and_how_to_mend_it() {
    let bench = Bench::new().await;
    let companies = format!("rest/1/{}", bitrix24::CUSTOMER_SECRET);
    let responsible = format!("rest/57/{}", bitrix24::RESPONSIBLE_SECRET);
    for (change, place, what, mend) in [
        (
            replace("hub-secret", "hub-wrong"),
            "helpdesk",
            "does not accept the hub's API key",
            "Generate a key pair",
        ),
        (
            replace(
                "hub-key\"\napi_secret = \"hub-secret",
                "an-key\"\napi_secret = \"an-secret",
            ),
            "helpdesk",
            "cannot see whether a caller is enabled",
            "System Manager",
        ),
        (
            replace(&bench.site.url, bench.portal_url()),
            "helpdesk",
            "the answer is not Frappe's",
            "leads to the Frappe site",
        ),
        (
            replace(&bench.site.url, "http://127.0.0.1:1"),
            "helpdesk",
            "could not be reached",
            "whether the site runs",
        ),
        (
            replace(&companies, "rest/1/none"),
            "bitrix24",
            "does not accept this webhook",
            "make a new one",
        ),
        (
            replace(&companies, &responsible),
            "bitrix24",
            "lacks the scope crm; it has user_basic",
            "Tick the scope",
        ),
        (
            replace(&responsible, &companies),
            "responsible",
            "lacks the scope user_basic or user; it has crm",
            "Tick the scope",
        ),
        (
            replace(
                &format!("{}/rest/1", bench.portal_url()),
                "http://127.0.0.1:1/rest/1",
            ),
            "bitrix24",
            "no connection",
            "Check the portal's address",
        ),
        (
            replace(
                &format!("{}/rest/1", bench.portal_url()),
                "http://portal.example/rest/1",
            ),
            "settings",
            "without https",
            "Correct the setting",
        ),
        (
            replace("listen =", "database = \"nowhere/hub.db\"\nlisten ="),
            "database",
            "does not exist",
            "Make it",
        ),
    ] {
        bench.configure(change);
        let said = bench.run(&["doctor", "--json"]).await;
        assert_eq!(said.status, Some(1), "{what}: {}", said.out);
        let mut findings = said
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_place = findings
            .find(|finding| finding["place"] == place && finding["level"] == "fail")
            .unwrap_or_else(|| panic!("{what}: {}", said.out));
        let (told, advice) = (
            of_place["what"].as_str().unwrap(),
            of_place["mend"].as_str().unwrap(),
        );
        assert!(told.contains(what) && advice.contains(mend), "{of_place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_better_is_no_failure() {
    let bench = Bench::new().await;
    bench.configure(|text| {
        format!("{text}\n[profile]\ncompany_field_map = {{ TITLE = \"title\", UF_CRM_GONE = \"gone\" }}\n")
    });
    let said = bench.run(&["doctor"]).await;
    assert_eq!(said.status, Some(0), "{}", said.out);
    assert!(
        said.out.contains("The portal has no UF_CRM_GONE"),
        "{}",
        said.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_helpdesk_are_probed_as_well() {
    let bench = Bench::new().await;
    bench.configure(|text| {
        let file = text.split("[[bitrix24]]").next().unwrap();
        format!("{file}\n[profile]\nsettings = \"helpdesk\"\n")
    });
    let said = bench.run(&["doctor"]).await;
    assert!(
        said.out
            .contains("The Bitrix24 integration is switched off"),
        "{}{}",
        said.out,
        said.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flaw_of_the_configuration_is_named_with_its_place() {
    let bench = Bench::new().await;
    for (change, expected) in [
        (
            replace("responsible_webhook_url =", "responsible_webhok_url ="),
            "of the configuration: unknown field `responsible_webhok_url`",
        ),
        (
            replace("\"hub-secret\"", "{ env = \"NOWHERE\" }"),
            "frappe[helpdesk].api_secret of the configuration: the environment has no variable NOWHERE",
        ),
        (
            replace("\"hub-secret\"", "{ file = \"nowhere.secret\" }"),
            "nowhere.secret",
        ),
        (replace("[[bitrix24]]", "[bitrix24"), "line "),
        (
            replace("http://127.0.0.1", "ftp://127.0.0.1"),
            "frappe[helpdesk].url",
        ),
    ] {
        bench.configure(change);
        for command in [&["config", "check"][..], &["serve"], &["doctor"]] {
            let said = bench.run(command).await;
            assert_eq!(said.status, Some(1), "{expected}: {}", said.out);
            assert!(said.err.contains(expected), "{expected}: {}", said.err);
            assert!(!said.err.contains("hub-secret"), "{}", said.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_map_that_is_none_is_told_and_the_built_in_one_is_used() {
    let bench = Bench::new().await;
    let settings = json!({
        "doctype": "Helpdesk Integrations Settings",
        "name": "Helpdesk Integrations Settings",
        "bitrix_enabled": 1,
        "bitrix_company_field_map_json": "{not json",
    });
    bench.set_settings(&settings);
    bench.configure(|text| {
        let file = text.split("[[bitrix24]]").next().unwrap();
        format!("{file}\n[profile]\nsettings = \"helpdesk\"\n")
    });
    let said = bench.run(&["doctor"]).await;
    assert!(
        said.out.contains("bitrix_company_field_map_json"),
        "{}{}",
        said.out,
        said.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_would_miss_is_told() {
    let bench = Bench::new().await;
    let level = async |what: &str| level(&bench, what).await;
    assert_eq!(
        level("no button on the ticket page of Helpdesk").await,
        "warn"
    );
    assert_eq!(
        level("no button on the ticket page of the desk").await,
        "warn"
    );
    assert_eq!(level("does not reach a hub").await, "warn");
    install(&bench).await;
    assert_eq!(
        level("The button is on the ticket page of Helpdesk").await,
        "ok"
    );
    assert_eq!(level("reaches a hub").await, "ok");
    assert_eq!(
        level("everything that the button's dialog shows").await,
        "ok"
    );
    let site = &bench.site.site;
    site.configure(|config| config.server_script_enabled = false);
    assert_eq!(level("the site has them switched off").await, "fail");
    let change = |field: &str, value: Value| {
        let mut data = site.data();
        let scripts = data.documents.iter_mut();
        let mut scripts = scripts.filter(|document| document["doctype"] == "HD Form Script");
        scripts.next().unwrap().insert(field.to_owned(), value);
        site.set_data(&data).unwrap();
    };
    assert_eq!(level("may read has a webhook").await, "ok");
    change(
        "script",
        "fetch('https://portal.example/rest/1/planted-secret/')".into(),
    );
    assert_eq!(level("has what looks like a webhook").await, "fail");
    assert_eq!(level("not the one of this release").await, "warn");
    change("enabled", 0.into());
    assert_eq!(level("is switched off").await, "warn");
    let said = bench.run(&["doctor"]).await;
    assert!(!said.out.contains("planted-secret"));
    bench.configure(|text| {
        format!("{text}\n[profile]\ncompany_field_map = {{ TITLE = \"company_name\" }}\n")
    });
    assert_eq!(level("has no company_id, bitrix_id").await, "warn");
}
