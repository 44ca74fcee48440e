use std::path::Path;

use super::*;

const SMALL: &str = r#"
    [[frappe]]
    name = "helpdesk"
    url = "https://helpdesk.example"
    api_key = "key"
    api_secret = "planted-secret"
"#;

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment: Vec<(String, String)> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::read(
        text,
        Path::new("deskbridge.toml"),
        PathBuf::new(),
        &environment,
    )
    .map_err(|error| deskbridge_core::Chain(&error).to_string())
}

fn refused(text: &str, environment: &[(&str, &str)]) -> String {
    read(text, environment)
        .err()
        .unwrap_or_else(|| panic!("{text} was taken"))
}

#[test]
fn the_example_is_a_configuration_and_its_values_are_the_defaults() {
    let example = read(EXAMPLE, &[]).unwrap();
    assert_eq!(example.profile_frappe().unwrap().name, "helpdesk");
    assert_eq!(example.profile_bitrix24().unwrap().unwrap().name, "crm");
    let (server, default) = (&example.server, Server::default());
    assert_eq!(server.listen, default.listen);
    assert_eq!(server.database, default.database);
    assert_eq!(server.database_schema, default.database_schema);
    assert!(server.database_url.is_none() && default.database_url.is_none());
    assert_eq!(server.requests_max, default.requests_max);
    assert_eq!(server.deadline_seconds, default.deadline_seconds);
    assert_eq!(server.shutdown_seconds, default.shutdown_seconds);
    assert!(server.admin_tokens.is_empty() && default.admin_tokens.is_empty());
    let (profile, default) = (&example.profile, Profile::default());
    assert_eq!(
        profile.settings_refresh_seconds,
        default.settings_refresh_seconds
    );
    assert_eq!(profile.not_found_ttl_minutes, default.not_found_ttl_minutes);
    assert_eq!(profile.stale_hours, default.stale_hours);
    assert_eq!(profile.permission_seconds, default.permission_seconds);
    assert_eq!(profile.country, default.country);
}

#[test]
fn every_setting_is_in_the_example() {
    let keys: Vec<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    for setting in [
        "admin_api_key",
        "admin_api_secret",
        "site_name",
        "time_zone",
        "ca_file",
        "portal_url",
        "company_field_map",
        "dates_in",
        "database_url",
        "database_schema",
        "database_ca_file",
    ] {
        assert!(keys.contains(&setting), "{setting}");
    }
}

#[test]
fn what_the_example_leaves_out_is_configuration_too() {
    let is_setting = |line: &&str| {
        let key = line.split(" = ").next().unwrap_or_default();
        let is_key = key != *line && key.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
        is_key || line.starts_with('[')
    };
    let (_, from) = EXAMPLE.split_once("# [[caresoft]]").unwrap();
    let from = format!("# [[caresoft]]{from}");
    let settings: Vec<&str> = from
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter(is_setting)
        .collect();
    let (before, _) = EXAMPLE
        .split_once("# An account of the contact centre")
        .unwrap();
    let text = format!("{before}\n{}", settings.join("\n"));
    let config = read(&text, &[]).unwrap();
    let account = &config.caresoft[0];
    assert_eq!(account.secrets.len(), 2);
    assert!(account.secrets[1].until.is_some());
    assert_eq!(account.mapping.agents[0].crm_user, Some(57));
    assert_eq!(account.mapping.ticket.statuses["sale"], "Open");
    let calls = account.calls.as_ref().unwrap();
    assert_eq!(
        (calls.settle_seconds, calls.settings.default_user),
        (5, Some(1))
    );
    assert_eq!(calls.settings.zone, "Asia/Ho_Chi_Minh");
    assert!(calls.settings.recordings.links);
    let pbx = &config.asterisk[0];
    assert_eq!(pbx.connection.endpoints.trunks.len(), 1);
    assert_eq!(pbx.calls.lines[0].missed_responsible, Some(7));
    assert!(pbx.calls.clone().compile("office").is_ok());
    assert_eq!(config.route[0].headers.len(), 1);
    assert_eq!(config.route[0].on_json.len(), 1);
    assert_eq!(config.hook[0].connections, ["office"]);
    let import = &config.import[0];
    assert_eq!(import.mapping.statuses.otherwise.as_deref(), Some("Open"));
    assert_eq!(import.mapping.customer_doctype.as_str(), "Customer");
    assert_eq!(import.fields.company["cf_orgid"], "custom_orgid");
    let unsaid = Import::unsaid("x");
    assert_eq!(import.share_percent, unsaid.share_percent);
    assert_eq!(import.requests_max, unsaid.requests_max);
    assert_eq!(import.patience_minutes, unsaid.patience_minutes);
    assert_eq!(import.mapping.nobody, unsaid.mapping.nobody);
    assert_eq!(config.events.keep_days, Events::default().keep_days);
    assert_eq!(config.events.megabytes_max, Events::default().megabytes_max);
}

#[test]
fn the_environment_goes_over_the_file() {
    let config = read(
        SMALL,
        &[
            ("DESKBRIDGE__SERVER__LISTEN", "127.0.0.1:9000"),
            ("DESKBRIDGE__SERVER__REQUESTS_MAX", "7"),
            ("DESKBRIDGE__FRAPPE__HELPDESK__URL", "https://other.example"),
            (
                "DESKBRIDGE__BITRIX24__CRM__WEBHOOK_URL",
                "https://portal.example/rest/1/x/",
            ),
            ("DESKBRIDGE__BITRIX24__CRM__ENABLED", "false"),
            ("DESKBRIDGE__PROFILE__ENUM_FIELDS", "[\"UF_A\"]"),
            ("OTHER", "x"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.listen.port(), 9000);
    assert_eq!(config.server.requests_max, 7);
    assert_eq!(config.frappe[0].url, "https://other.example");
    let portal = config.profile_bitrix24().unwrap().unwrap();
    assert!(!portal.enabled && portal.webhook_url.is_some());
    assert_eq!(config.profile.enum_fields, ["UF_A"]);
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (text, environment, expected) in [
        ("[server", &[][..], "no TOML"),
        ("[server]\nlisten = 5", &[], "server.listen"),
        ("[server]\nrequests_max = -1", &[], "server.requests_max"),
        ("[[frappe]]\nname = \"a\"", &[], "frappe[0]"),
        (
            "[[frappe]]\nname = \"A b\"\nurl = \"x\"\napi_key = \"k\"\napi_secret = \"s\"",
            &[],
            "lower-case",
        ),
        (SMALL, &[("DESKBRIDGE__SERVER", "x")], "DESKBRIDGE__SERVER"),
        (SMALL, &[("DESKBRIDGE__SERVER__NOPE", "x")], "nope"),
        (
            "[[frappe]]\nname = \"a\"\nurl = \"x\"\napi_key = {}\napi_secret = \"s\"",
            &[],
            "api_key",
        ),
        (
            "[[frappe]]\nname = \"a\"\nurl = \"x\"\napi_key = { env = \"A\", file = \"B\" }\napi_secret = \"s\"",
            &[],
            "either env or file",
        ),
        (
            "[profile]\nsettings = \"elsewhere\"",
            &[],
            "profile.settings",
        ),
    ] {
        let told = refused(text, environment);
        assert!(told.contains(expected), "{told}\nexpected {expected}");
    }
    let twice = format!("{SMALL}{SMALL}");
    assert!(refused(&twice, &[]).contains("two named helpdesk"));
}

#[test]
fn the_only_connection_is_chosen_and_of_several_the_named_one() {
    let two = format!("{SMALL}{}", SMALL.replace("helpdesk", "second"));
    let told = |config: Config| {
        config
            .profile_frappe()
            .map(|one| one.name.clone())
            .map_err(|error| error.to_string())
    };
    assert_eq!(told(read(SMALL, &[]).unwrap()).unwrap(), "helpdesk");
    assert!(
        told(read(&two, &[]).unwrap())
            .unwrap_err()
            .contains("name one here")
    );
    let named = read(&two, &[("DESKBRIDGE__PROFILE__FRAPPE", "second")]).unwrap();
    assert_eq!(told(named).unwrap(), "second");
    let missing = read(SMALL, &[("DESKBRIDGE__PROFILE__FRAPPE", "third")]).unwrap();
    assert!(told(missing).unwrap_err().contains("third"));
    assert!(
        read(SMALL, &[])
            .unwrap()
            .profile_bitrix24()
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_secret_is_found_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s"), "from the file\n").unwrap();
    let config = Config {
        folder: folder.path().to_owned(),
        ..read(SMALL, &[]).unwrap()
    };
    let environment = [("HERE".to_owned(), "from the environment".to_owned())];
    let resolve = |source: SecretSource| config.secret("place", &source, &environment);
    let exposed = |source| {
        resolve(source)
            .map(|secret| secret.expose().to_owned())
            .unwrap()
    };
    assert_eq!(
        exposed(SecretSource::InPlace(Secret::new("in place"))),
        "in place"
    );
    assert_eq!(
        exposed(SecretSource::Environment("HERE".to_owned())),
        "from the environment"
    );
    assert_eq!(
        exposed(SecretSource::File(PathBuf::from("s"))),
        "from the file"
    );
    let missing = resolve(SecretSource::Environment("GONE".to_owned()))
        .err()
        .unwrap();
    assert_eq!(
        missing.to_string(),
        "place of the configuration: the environment has no variable GONE"
    );
    assert!(resolve(SecretSource::File(PathBuf::from("gone"))).is_err());
}

#[test]
fn a_secret_from_the_environment_is_the_text_that_stands_there() {
    for written in [
        "918273645546372",
        "0x7",
        "1_000",
        "1e5",
        "true",
        "[7]",
        "007",
        "2026-01-02",
    ] {
        for key in overlay::SECRETS {
            let table = match key {
                "webhook_url" | "responsible_webhook_url" | "client_secret" => "BITRIX24__CRM",
                "api_token" => "CARESOFT__CENTER",
                "target" => "ROUTE__CHAT",
                "password" => "ASTERISK__OFFICE",
                "url" | "signing_secret" => "HOOK__PROCESS_CLIENT_PHONE",
                "database_url" => "SERVER",
                _ => "FRAPPE__HELPDESK",
            };
            let variable = format!("DESKBRIDGE__{table}__{}", key.to_uppercase());
            let mut variables = vec![(variable.as_str(), written)];
            if key == "password" {
                variables.extend([
                    ("DESKBRIDGE__ASTERISK__OFFICE__ADDRESS", "pbx.example"),
                    ("DESKBRIDGE__ASTERISK__OFFICE__USER", "hub"),
                ]);
            }
            let other = match key {
                "url" => Some("SIGNING_SECRET"),
                "signing_secret" => Some("URL"),
                _ => None,
            };
            let other = other.map(|other| format!("DESKBRIDGE__{table}__{other}"));
            variables.extend(other.iter().map(|other| (other.as_str(), "other")));
            let config = read(SMALL, &variables).unwrap();
            let frappe = &config.frappe[0];
            let bitrix24 = config.bitrix24.first();
            let source = match key {
                "api_key" => Some(&frappe.api_key),
                "api_secret" => Some(&frappe.api_secret),
                "admin_api_key" => frappe.admin_api_key.as_ref(),
                "admin_api_secret" => frappe.admin_api_secret.as_ref(),
                "webhook_url" => bitrix24.and_then(|one| one.webhook_url.as_ref()),
                "client_secret" => bitrix24.and_then(|one| one.client_secret.as_ref()),
                "api_token" => config
                    .caresoft
                    .first()
                    .and_then(|one| one.api_token.as_ref()),
                "target" => config.route.first().map(|one| &one.target),
                "url" => config.hook.first().and_then(|one| one.url.as_ref()),
                "signing_secret" => config
                    .hook
                    .first()
                    .and_then(|one| one.signing_secret.as_ref()),
                "password" => config.asterisk.first().map(|one| &one.connection.password),
                "database_url" => config.server.database_url.as_ref(),
                _ => bitrix24.and_then(|one| one.responsible_webhook_url.as_ref()),
            };
            let secret = config.secret("place", source.unwrap(), &[]).unwrap();
            assert_eq!(secret.expose(), written, "{variable}");
        }
    }
    let variable = "DESKBRIDGE__FRAPPE__HELPDESK__API_SECRET";
    let config = read(SMALL, &[(variable, "{ env = \"HERE\" }")]).unwrap();
    let source = &config.frappe[0].api_secret;
    assert!(matches!(source, SecretSource::Environment(name) if name == "HERE"));
}

#[test]
fn every_setting_that_is_a_secret_is_known_to_the_overlay() {
    let files = [
        include_str!("../config.rs"),
        include_str!("caresoft.rs"),
        include_str!("asterisk.rs"),
        include_str!("route.rs"),
        include_str!("hook.rs"),
    ];
    let source = files
        .iter()
        .flat_map(|file| file.lines())
        .filter_map(|line| {
            let (name, kind) = line.trim().strip_prefix("pub(crate) ")?.split_once(": ")?;
            // A live secret stands in a list of tables, which variables do not reach.
            (["SecretSource,", "Option<SecretSource>,"].contains(&kind) && name != "source")
                .then_some(name)
        });
    assert_eq!(source.collect::<Vec<_>>(), overlay::SECRETS);
}

#[test]
fn no_mistake_repeats_a_secret() {
    // As text and as what TOML takes for something else.
    for secret in [
        "\"planted-secret\"",
        "\"918273645546372\"",
        "918273645546372",
        "-918273645546372",
        "918273645546372.0",
        "918273645546372918273645546372",
        "0918273645546372",
        "918273645546372_",
        "918273645546372x",
        "918273645546372 918273645546372",
        "9182-03-04",
        "[918273645546372]",
        "[\"planted-secret\"]",
        "{ planted-secret = 918273645546372 }",
        "{ env = 918273645546372 }",
        "{ file = [\"planted-secret\", 918273645546372] }",
        "{ env = \"planted-secret\", file = 918273645546372 }",
        "\"planted-secret",
        "planted-secret",
    ] {
        let lists = ["shared_secrets", "secrets", "signing_secrets", "headers"];
        for key in overlay::SECRETS.into_iter().chain(lists) {
            let table = match key {
                "webhook_url" | "responsible_webhook_url" => "bitrix24",
                "api_token" | "secrets" => "caresoft",
                "target" | "signing_secrets" | "headers" => "route",
                "password" => "asterisk",
                "url" | "signing_secret" => "hook",
                "database_url" => "server",
                _ => "frappe",
            };
            // Something else is wrong, too, so that what is right so far is refused.
            let text = match table {
                "server" => format!("[server]\n{key} = {secret}\nlisten = 5"),
                _ => format!("[[{table}]]\n{key} = {secret}"),
            };
            check_untold(&refused(&text, &[]), &text);
            let text = format!("[[frappe]]\nshared_secrets = [\"x\", {secret}]");
            check_untold(&refused(&text, &[]), &text);
            let text = format!("[server]\nlisten = 5\nadmin_tokens = [\"x\", {secret}]");
            check_untold(&refused(&text, &[]), &text);
            let variable = format!("DESKBRIDGE__{table}__a__{key}").to_uppercase();
            check_untold(&refused("server = 5", &[(&variable, secret)]), &variable);
        }
        for variable in [
            "DESKBRIDGE__FRAPPE__HELPDESK__SHARED_SECRETS",
            "DESKBRIDGE__SERVER__ADMIN_TOKENS",
        ] {
            for written in [secret.to_owned(), format!("[{secret}, 7]")] {
                check_untold(&refused("profile = 5", &[(variable, &written)]), &written);
            }
        }
    }
}

fn check_untold(told: &str, text: &str) {
    for secret in ["planted", "9182"] {
        assert!(!told.contains(secret), "{told}\nof {text}");
    }
}

#[test]
fn a_wrong_hook_is_told_with_its_line() {
    let hook = |more: &str| format!("{SMALL}\n[[hook]]\nname = \"ticket_fields\"\n{more}\n");
    let lines = SMALL.lines().count();
    for (more, why) in [
        ("", "give one of file, command and url"),
        ("file = \"a.js\"\ncommand = [\"a\"]", "give one of file"),
        ("file = \"a.py\"", "ends in neither .js nor .php"),
        (
            "url = \"https://hooks.example\"",
            "signing_secret is missing",
        ),
        (
            "file = \"a.js\"\nsigning_secret = \"x\"",
            "signing_secret is for a hook with url",
        ),
        (
            "file = \"a.js\"\ninterpreter = \"php\"",
            "interpreter is for",
        ),
        (
            "file = \"a.js\"\ntimeout_ms = 0",
            "timeout_ms is from 10 to 10000",
        ),
        (
            "file = \"a.js\"\nconnections = [\"center\"]",
            "there is no [[caresoft]] named center",
        ),
        ("colour = 1", "unknown field"),
    ] {
        let told = refused(&hook(more), &[]);
        assert!(told.contains(why), "{more}: {told}");
        let line = format!("(the table in line {})", lines + 2);
        assert!(told.contains(&line), "{more}: {told}");
    }
    let second = format!(
        "{}file = \"a.js\"\n[[hook]]\nname = \"none\"\nfile = \"a.js\"",
        hook("")
    );
    let told = refused(&second, &[]);
    assert!(told.contains("no hook is named none"), "{told}");
    assert!(told.contains(&format!("line {})", lines + 6)), "{told}");
    let of_calls = "file = \"a.js\"\nconnections = [\"center\"]";
    let of_calls = hook(of_calls).replace("ticket_fields", "need_registration");
    let why = "there is no [[asterisk]], and no [[caresoft]] with calls, named center";
    let told = refused(&of_calls, &[]);
    assert!(told.contains(why), "{told}");
    assert!(read(&hook("file = \"a.js\""), &[]).is_ok());
}
