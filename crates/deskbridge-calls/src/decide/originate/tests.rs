use proptest::prelude::*;

use super::*;
use crate::{decide::users::UserRow, settings::SettingsSource};

const PLAIN: &str = r#"
    [originate]
    variables = { DESKBRIDGE = "{{ order }}" }
    [[lines]]
    number = "1900"
    aliases = ["84 1900"]
    [lines.originate]
    channel = "Local/{{ extension }}@agents"
    context = "out-1900"
    caller_id = "{{ line }}"
    variables = { TRUNK = "one" }
    callback_extension = "600"
    [[lines]]
    number = "1800"
    disabled = true
    "#;

fn settings(toml: &str) -> Settings {
    let source: SettingsSource = toml::from_str(toml).expect("the test's own settings");
    source.compile("pbx").expect("they can be used")
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn click(phone: &str, line: Option<&str>, by: u64, extension: Option<&str>) -> Order {
    Order {
        id: "deskbridge-1".to_owned(),
        phone: phone.to_owned(),
        line: line.map(str::to_owned),
        entity: None,
        why: Why::Click {
            user: user(by),
            extension: extension.map(str::to_owned),
            call_id: None,
            call_list: None,
        },
    }
}

fn callback(line: Option<&str>, responsible: Option<u64>) -> Order {
    Order {
        why: Why::Callback {
            responsible: responsible.map(user),
        },
        ..click("0901234567", line, 1, None)
    }
}

fn begun(toml: &str, order: &Order) -> Result<Originate, Refused> {
    let settings = settings(toml);
    let row = |id: u64, extension: &str| UserRow {
        id: user(id),
        is_active: true,
        name: String::new(),
        extension: extension.to_owned(),
        mobiles: Vec::new(),
    };
    let people = People::of_rows(&[row(1, "101"), row(2, "")], &settings.numbers);
    originate(order, &settings, &people)
}

#[test]
fn a_click_calls_the_agent_first() {
    let begun_over = |line| begun(PLAIN, &click("+84 901 234 567", line, 1, Some("999"))).unwrap();
    let plain = begun_over(None);
    assert_eq!(plain.channel, "PJSIP/101");
    assert_eq!(
        (plain.context.as_str(), plain.priority),
        ("from-internal", 1)
    );
    assert_eq!(plain.exten, "84901234567");
    assert_eq!(plain.caller_id, "84901234567");
    assert_eq!(plain.timeout_ms, 30_000);
    assert_eq!(plain.channel_id, "deskbridge-1");
    assert_eq!(plain.variables["DESKBRIDGE"], "deskbridge-1");
    let of_line = begun_over(Some("841900"));
    assert_eq!(of_line.channel, "Local/101@agents");
    assert_eq!(
        (of_line.context.as_str(), of_line.caller_id.as_str()),
        ("out-1900", "1900")
    );
    assert_eq!(of_line.variables.len(), 2);
    let told = begun(PLAIN, &click("0901234567", None, 2, Some("102"))).unwrap();
    assert_eq!(
        told.channel, "PJSIP/102",
        "the CRM says the extension with the click"
    );
}

#[test]
fn a_callback_rings_whoever_is_there_for_it() {
    let over = |toml: &str, order: Order| begun(toml, &order).map(|begun| begun.channel);
    assert_eq!(
        over(PLAIN, callback(Some("1900"), Some(1))).unwrap(),
        "Local/600@agents"
    );
    assert_eq!(over(PLAIN, callback(None, Some(1))).unwrap(), "PJSIP/101");
    let toml = format!("default_user = 1\n{PLAIN}");
    assert_eq!(over(&toml, callback(None, Some(2))).unwrap(), "PJSIP/101");
    assert_eq!(
        over(PLAIN, callback(None, None)),
        Err(Refused::NobodyToCallBack)
    );
}

#[test]
fn a_callback_may_call_the_client_first() {
    let toml = format!(
        "default_user = 1\noriginate.callback_channel = \"PJSIP/{{{{ number }}}}@provider\"\n{}",
        PLAIN.replace("[originate]\n    variables", "originate.variables")
    );
    let begun_over = |order: Order| begun(&toml, &order).unwrap();
    let told = |begun: &Originate| {
        [
            &begun.channel,
            &begun.context,
            &begun.exten,
            &begun.caller_id,
        ]
        .map(Clone::clone)
    };
    let plain = begun_over(callback(None, Some(1)));
    assert_eq!(
        told(&plain),
        ["PJSIP/84901234567@provider", "from-internal", "101", "101"]
    );
    // A line shows its number, and has its own phone for callbacks.
    let of_line = begun_over(callback(Some("1900"), Some(1)));
    assert_eq!(
        told(&of_line),
        ["PJSIP/84901234567@provider", "out-1900", "600", "1900"]
    );
    assert_eq!(of_line.variables["DESKBRIDGE"], "deskbridge-1");
    // A click is an agent's, who is called first.
    let click = begun_over(click("0901234567", None, 1, None));
    assert_eq!(
        told(&click),
        ["PJSIP/101", "from-internal", "84901234567", "84901234567"]
    );
}

#[test]
fn what_must_not_be_dialled_is_refused() {
    let refused = |toml: &str, order: Order| begun(toml, &order).expect_err("it is refused");
    let of = |phone, line, by, extension| refused(PLAIN, click(phone, line, by, extension));
    assert_eq!(of("anonymous", None, 1, None), Refused::NoNumber);
    assert_eq!(
        of("0901", Some("1800"), 1, None),
        Refused::LineDisabled("1800".to_owned())
    );
    assert_eq!(of("0901", None, 2, None), Refused::NoExtension(user(2)));
    assert_eq!(
        of("0901", None, 2, Some("1\r\nX: y")),
        Refused::NoExtension(user(2))
    );
    let lists = "[lists]\nclients = { never = [\"8490*\"] }";
    let order = click("0901234567", None, 1, None);
    assert_eq!(refused(lists, order.clone()), Refused::ClientLeftOut);
    for (context, why) in [
        ("a\\nb", "end a line"),
        ("{{ nothing }}", "it is empty"),
        ("{{ 'x' * 600 }}", "longer than"),
    ] {
        let toml = format!("[originate]\ncontext = \"{context}\"");
        match refused(&toml, order.clone()) {
            Refused::Unusable { field, why: told } => {
                assert_eq!(field, "context");
                assert!(told.contains(why), "{told}");
            }
            other => panic!("{other}"),
        }
    }
}

proptest! {
    #[test]
    fn nothing_from_the_crm_ends_a_line(
        phone in "[+0-9 \r\n:A-Za-z]{0,40}",
        line in proptest::option::of("[0-9\r\n: A-Za-z]{0,20}"),
        extension in "[0-9\r\n:/&A-Za-z]{0,20}",
    ) {
        let order = click(&phone, line.as_deref(), 2, Some(&extension));
        if let Ok(begun) = begun(PLAIN, &order) {
            let fields = [&begun.channel, &begun.context, &begun.exten, &begun.caller_id];
            for field in fields.into_iter().chain(begun.variables.values()) {
                prop_assert!(!field.is_empty());
                prop_assert!(!field.chars().any(char::is_control), "{:?}", field);
            }
        }
    }
}
