use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{CrmKind, PortalBase, Row};

const CLICK: &str = "event=ONEXTERNALCALLSTART&event_handler_id=5&\
    data%5BPHONE_NUMBER%5D=%2B84900000017&data%5BPHONE_NUMBER_INTERNATIONAL%5D=%2B84900000017&\
    data%5BEXTENSION%5D=&data%5BUSER_ID%5D=7&data%5BCALL_LIST_ID%5D=0&data%5BLINE_NUMBER%5D=8400&\
    data%5BIS_MOBILE%5D=0&data%5BCALL_ID%5D=externalCall.0a1b.1700000000&\
    data%5BCRM_ENTITY_TYPE%5D=CONTACT&data%5BCRM_ENTITY_ID%5D=12&ts=1700000000&\
    auth%5Bdomain%5D=portal.test&auth%5Bmember_id%5D=m1&auth%5Bapplication_token%5D=app70ken";

fn click(change: impl Fn(&str) -> String) -> Result<CallStart, EventError> {
    match Event::parse(change(CLICK).as_bytes())?.news {
        News::CallStart(click) => Ok(click),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_click_is_read_with_its_call_and_its_record() {
    let click = click(str::to_owned).unwrap();
    assert_eq!(click.phone_number, "+84900000017");
    assert_eq!((click.user.get(), click.is_mobile), (7, false));
    assert_eq!((click.extension, click.call_list), (None, None));
    assert_eq!(
        click.call_id.unwrap().as_str(),
        "externalCall.0a1b.1700000000"
    );
    let record = click.record.unwrap();
    assert_eq!((record.kind, record.id.get()), (CrmKind::Contact, 12));
}

#[test]
fn a_click_without_the_rest_is_a_click_and_without_a_number_none() {
    type Expected = Result<(bool, bool, bool), EventError>;
    let missing = |field| {
        Err(EventError::Incomplete {
            event: "ONEXTERNALCALLSTART",
            field,
        })
    };
    let rows: [(&str, &str, Expected); 8] = [
        ("externalCall.0a1b.1700000000", "", Ok((false, true, false))),
        ("CONTACT", "", Ok((true, false, false))),
        ("CONTACT", "UNKNOWN", Ok((true, false, false))),
        ("ID%5D=12", "ID%5D=0", Ok((true, false, false))),
        ("MOBILE%5D=0", "MOBILE%5D=1", Ok((true, true, true))),
        ("USER_ID%5D=7", "USER_ID%5D=", missing("USER_ID")),
        ("USER_ID%5D=7", "USER_ID%5D=-7", missing("USER_ID")),
        (
            "PHONE_NUMBER%5D=%2B84900000017",
            "PHONE_NUMBER%5D=+",
            missing("PHONE_NUMBER"),
        ),
    ];
    for (from, to, expected) in rows {
        let found = click(|form| form.replacen(from, to, 1));
        let found = found.map(|click| {
            (
                click.call_id.is_some(),
                click.record.is_some(),
                click.is_mobile,
            )
        });
        assert_eq!(found, expected, "{from} -> {to}");
    }
}

#[test]
fn only_the_token_says_who_sent_an_event() {
    let event = |form: &str| Event::parse(form.as_bytes()).unwrap();
    let token = |text: &str| ApplicationToken::new(text).unwrap();
    let own = event(CLICK);
    assert!(own.is_from(&token("app70ken")));
    for other in ["app70keN", "app70ke", "app70kenn", "x"] {
        assert!(!own.is_from(&token(other)), "{other}");
    }
    let without = event(&CLICK.replace("app70ken", ""));
    assert!(!without.is_from(&token("app70ken")));
    assert!(ApplicationToken::new(" ").is_none());
    assert_eq!(own.sent_at.unwrap().as_second(), 1_700_000_000);
    let shown = format!("{own:?} {:?}", Form::parse(CLICK.as_bytes()).unwrap());
    assert!(
        !shown.contains("app70ken") && !shown.contains("84900000017"),
        "{shown}"
    );
}

#[test]
fn other_events_are_kept_whole_and_what_is_none_is_refused() {
    let lead = b"event=onCrmLeadAdd&data[FIELDS][ID]=17&auth[application_token]=x";
    match Event::parse(lead).unwrap().news {
        News::Other { name, form } => {
            assert_eq!(name, "ONCRMLEADADD");
            assert_eq!(form.text(&["data", "FIELDS", "ID"]), Some("17"));
        }
        other => panic!("{other:?}"),
    }
    let callback = b"event=ONEXTERNALCALLBACKSTART&data[PHONE_NUMBER]=0900&data[TEXT]=a+b";
    match Event::parse(callback).unwrap().news {
        News::Callback(asked) => assert_eq!(asked.text.as_deref(), Some("a b")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        Event::parse(b"event=ONAPPUNINSTALL").unwrap().news,
        News::Uninstalled
    ));
    for body in ["", "a=1", "event=", "{\"event\":\"ONAPPINSTALL\"}"] {
        let refused = Event::parse(body.as_bytes()).unwrap_err();
        assert_eq!(refused, EventError::Nameless, "{body}");
    }
    let many = "a=1&".repeat(2_001);
    assert_eq!(Form::parse(many.as_bytes()), Err(FormError::TooManyFields));
    let deep = format!("a{}=1", "[b]".repeat(20));
    assert_eq!(Form::parse(deep.as_bytes()), Err(FormError::TooDeep));
}

#[test]
fn both_installations_bring_tokens() {
    let event = b"event=ONAPPINSTALL&data[VERSION]=1&data[INSTALLED]=Y&auth[access_token]=acc&\
        auth[refresh_token]=ref&auth[expires_in]=3600&auth[scope]=crm,telephony&auth[user_id]=1&\
        auth[domain]=Portal.Test&auth[application_token]=app70ken&auth[member_id]=m1";
    let page =
        b"AUTH_ID=acc&AUTH_EXPIRES=3600&REFRESH_ID=ref&member_id=m1&status=L&PLACEMENT=DEFAULT";
    let portal = PortalBase::parse("https://portal.test").unwrap();
    let other = PortalBase::parse("https://other.test").unwrap();
    for (query, body) in [
        ("", &event[..]),
        ("DOMAIN=portal.test&PROTOCOL=1&LANG=en&APP_SID=x", &page[..]),
    ] {
        let installed = Installation::parse(query, body).unwrap();
        let tokens = installed.tokens.as_ref().unwrap();
        assert_eq!(
            (tokens.expose_access_token(), tokens.expose_refresh_token()),
            ("acc", "ref")
        );
        assert_eq!(installed.member_id.as_deref(), Some("m1"));
        assert!(installed.is_of(&portal) && !installed.is_of(&other));
        let shown = format!("{installed:?}");
        assert!(
            !shown.contains("app70ken") && !shown.contains("\"acc\""),
            "{shown}"
        );
    }
    let installed = Installation::parse("", event).unwrap();
    assert_eq!(installed.scopes, ["crm", "telephony"]);
    assert_eq!(installed.application_token.unwrap().expose(), "app70ken");
    let documented =
        b"event=ONAPPINSTALL&data[INSTALLED]=N&auth[domain]=portal.test&auth[application_token]=x";
    let installed = Installation::parse("", documented).unwrap();
    assert!(installed.tokens.is_none() && installed.is_incomplete);
    assert!(
        !Installation::parse("", page).unwrap().is_of(&portal),
        "it names none"
    );
    assert!(Installation::parse("", CLICK.as_bytes()).is_err());
    assert!(Installation::parse("", b"REFRESH_ID=ref").is_err());
}

#[test]
fn forms_are_read_as_php_reads_them() {
    for (body, path, expected) in [
        ("a=1&a=2", &["a"][..], Some("2")),
        ("a%5Bb%5D=1", &["a", "b"], Some("1")),
        ("a[b]=1", &["a", "b"], Some("1")),
        ("a[b][c]=1", &["a", "b"], None),
        ("a[]=1", &["a", ""], Some("1")),
        ("a[b=1", &["a[b"], Some("1")),
        ("[b]=1", &["[b]"], Some("1")),
        ("a[b]c=1", &["a", "b"], Some("1")),
        ("a=+x+", &["a"], Some("x")),
        ("a=", &["a"], None),
        ("a=%C3%A9%ff", &["a"], Some("é\u{fffd}")),
        ("A=1", &["a"], None),
    ] {
        let form = Form::parse(body.as_bytes()).unwrap();
        assert_eq!(form.text(path), expected, "{body} {path:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_form_panic(bytes in vec(any::<u8>(), 0..400)) {
        drop(Event::parse(&bytes));
        drop(Installation::parse("", &bytes));
    }

    #[test]
    fn what_is_written_is_read(
        fields in vec((vec("[a-zA-Z_]{1,8}", 1..5), "[^\\s].{0,20}[^\\s]"), 0..20)
    ) {
        let name = |path: &[String]| {
            let (base, keys) = path.split_first().unwrap();
            keys.iter().fold(base.clone(), |name, key| format!("{name}[{key}]"))
        };
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for (path, value) in &fields {
            body.append_pair(&name(path), value);
        }
        let form = Form::parse(body.finish().as_bytes()).unwrap();
        for (path, _) in &fields {
            let last = fields.iter().rev().find(|(other, _)| other == path).unwrap();
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            prop_assert_eq!(form.text(&path), Some(last.1.trim()));
        }
    }

    #[test]
    fn tokens_are_compared_whole(one in "[a-f0-9]{1,40}", other in "[a-f0-9]{1,40}") {
        let token = |text: &str| ApplicationToken::new(text).unwrap();
        prop_assert_eq!(token(&one).is_same_as(&token(&other)), one == other);
    }
}

#[test]
fn an_event_that_waited_reads_as_if_it_had_been_posted() {
    let row: Row = serde_json::from_str(
        r#"{"ID": "4", "MESSAGE_ID": "4", "EVENT_NAME": "OnExternalCallStart",
            "TIMESTAMP_X": "2026-03-10T08:00:00+03:00", "EVENT_ADDITIONAL": false, "PROCESS_ID": "p1", "ERROR": "0",
            "EVENT_DATA": {"PHONE_NUMBER": "+84 900&17", "USER_ID": 7, "CALL_ID": "externalCall.0a1b.1", "EXTENSION": "",
                "FIELDS": {"ID": "5"}}}"#,
    )
    .unwrap();
    let offline = OfflineEvent::read(&row).unwrap();
    assert_eq!(offline.process_id.as_deref(), Some("p1"));
    assert!(!offline.is_given_up);
    let posted = Event::parse(&offline.form()).unwrap();
    assert_eq!(posted.sent_at, "2026-03-10T05:00:00Z".parse().ok());
    let News::CallStart(click) = posted.news else {
        panic!("{posted:?}");
    };
    assert_eq!(Some(Ok(click)), offline.call_start());
    let form = Form::parse(&offline.form()).unwrap();
    assert_eq!(form.text(&["data", "FIELDS", "ID"]), Some("5"));
    assert_eq!(form.text(&["offline", "message_id"]), Some("4"));
    // Another message with the same content is another event.
    let other = OfflineEvent {
        message_id: "5".to_owned(),
        ..offline.clone()
    };
    assert_ne!(other.form(), offline.form());
}
