use super::*;
use crate::{decide::users::UserRow, settings::SettingsSource};

const CALLER: &str = "0901234567";
const MOBILE: &str = "0912345678";

fn settings(toml: &str) -> Settings {
    let source: SettingsSource = toml::from_str(toml).expect("the test's own settings");
    source.compile("pbx").expect("they can be used")
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn people(settings: &Settings) -> People {
    let row = |id: u64, extension: &str| UserRow {
        id: user(id),
        is_active: true,
        name: String::new(),
        extension: extension.to_owned(),
        mobiles: vec![MOBILE.to_owned()],
    };
    People::of_rows(
        &[row(1, "101"), row(2, ""), row(3, "103")],
        &settings.numbers,
    )
}

fn found(kind: EntityKind, assigned_to: u64, timeman: &str, extension: &str) -> Found {
    Found {
        kind,
        name: format!("{kind:?} \"Ng\u{1}a\"\n  Pham"),
        assigned_to: UserId::new(assigned_to),
        timeman: Timeman::of(timeman),
        extension: extension.to_owned(),
    }
}

fn check(
    toml: &str,
    caller: &str,
    found: &[Found],
    extension: Option<&str>,
    reason: Reason,
) -> Answer {
    let settings = settings(toml);
    let noon = "2026-03-02T12:00:00Z".parse().expect("a Monday");
    let answer = answer(caller, found, &settings, &people(&settings), noon);
    assert_eq!(answer.extension.as_deref(), extension, "{reason}");
    assert_eq!(answer.reason, reason);
    answer
}

#[test]
fn a_client_goes_to_who_is_responsible_and_at_work() {
    use EntityKind::Contact;
    let at_work = found(Contact, 1, "OPENED", "999");
    let answer = check("", CALLER, &[at_work], Some("101"), Reason::AtWork);
    assert_eq!(answer.name.as_deref(), Some("Contact Ng a Pham"));
    assert_eq!(answer.user, Some(user(1)));
    check(
        "users = { 150 = 1 }",
        CALLER,
        &[found(Contact, 1, "OPENED", "")],
        Some("150"),
        Reason::AtWork,
    );
    // The CRM's own word, where the users say nothing.
    check(
        "",
        CALLER,
        &[found(Contact, 2, "OPENED", "102")],
        Some("102"),
        Reason::AtWork,
    );
    check(
        "",
        CALLER,
        &[found(Contact, 1, "NOT_INSTALLED", "")],
        Some("101"),
        Reason::AtWork,
    );
}

#[test]
fn other_callers_go_where_calls_go() {
    use EntityKind::Contact;
    let away = |state: &str| vec![found(Contact, 1, state, "101")];
    for (state, timeman) in [
        ("CLOSED", Timeman::Closed),
        ("PAUSED", Timeman::Paused),
        ("EXPIRED", Timeman::Expired),
        ("UNAVAILABLE", Timeman::Unavailable),
        ("", Timeman::Unknown),
    ] {
        let answer = check(
            "",
            CALLER,
            &away(state),
            None,
            Reason::NotAtWork(user(1), timeman),
        );
        assert!(
            answer.name.is_some(),
            "the phone shows who calls all the same"
        );
    }
    let here = away("OPENED");
    check("", CALLER, &[], None, Reason::NotFound);
    check("", MOBILE, &here, None, Reason::Employee);
    check(
        "",
        CALLER,
        &[found(Contact, 0, "OPENED", "")],
        None,
        Reason::NobodyResponsible,
    );
    check(
        "",
        CALLER,
        &[found(Contact, 8, "OPENED", "108")],
        None,
        Reason::NotActive(user(8)),
    );
    check(
        "",
        CALLER,
        &[found(Contact, 2, "OPENED", "")],
        None,
        Reason::NoExtension(user(2)),
    );
    let odd = found(Contact, 2, "OPENED", "102&PJSIP/200");
    check("", CALLER, &[odd], None, Reason::NoExtension(user(2)));
    let lists = "[lists]\nextensions = { never = [\"101\"] }";
    check(
        lists,
        CALLER,
        &here,
        None,
        Reason::ExtensionLeftOut(user(1)),
    );
    check(
        "[responsible]\nenabled = false",
        CALLER,
        &here,
        None,
        Reason::Disabled,
    );
    let hours = "[hours.a]\nweek = { mon = [\"08:00-12:00\"] }\n[responsible]\nhours = \"a\"";
    check(hours, CALLER, &here, None, Reason::OutsideHours);
}

#[test]
fn of_several_clients_the_wanted_kind_is_taken() {
    use EntityKind::{Company, Contact, Lead};
    let all = [
        found(Lead, 1, "OPENED", ""),
        found(Company, 3, "OPENED", ""),
        found(Contact, 0, "OPENED", ""),
    ];
    check("", CALLER, &all, Some("103"), Reason::AtWork);
    check(
        "[responsible]\norder = [\"lead\", \"company\"]",
        CALLER,
        &all,
        Some("101"),
        Reason::AtWork,
    );
    check(
        "[responsible]\norder = [\"contact\"]",
        CALLER,
        &all,
        None,
        Reason::NobodyResponsible,
    );
}
