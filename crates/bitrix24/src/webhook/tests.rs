use super::*;

const SECRET: &str = "pl4nt3ds3cr3t";

fn refusal(text: &str) -> String {
    let error = Webhook::parse(text).unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(!said.contains(SECRET), "{said}");
    error.to_string()
}

#[test]
fn everything_people_paste_means_the_same_webhook() {
    for text in [
        "https://portal.example/rest/17/pl4nt3ds3cr3t/",
        "https://portal.example/rest/17/pl4nt3ds3cr3t",
        "  https://portal.example/rest/17/pl4nt3ds3cr3t/ \n",
        "\u{feff}\"https://portal.example/rest/17/pl4nt3ds3cr3t/\"",
        "<https://portal.example/rest/17/pl4nt3ds3cr3t>",
        "https://portal.example//rest//17/pl4nt3ds3cr3t//",
        "https://portal.example/rest/17/pl4nt3ds3cr3t/profile/",
        "https://portal.example/rest/17/pl4nt3ds3cr3t/profile.json",
        "https://portal.example/rest/17/pl4nt3ds3cr3t//profile",
        "https://portal.example/rest/17/pl4nt3ds3cr3t/user.get.json?ID={ASSIGNED_BY_ID}",
        "https://portal.example/rest/17/pl4nt3ds3cr3t/user.get?ID={ID}",
        "https://portal.example/rest/17/pl4nt3ds3cr3t/crm.company.list.xml",
        "HTTPS://PORTAL.EXAMPLE:443/REST/17/pl4nt3ds3cr3t/#x",
    ] {
        let webhook = Webhook::parse(text).expect(text);
        assert_eq!(
            webhook.method_url("user.get"),
            "https://portal.example/rest/17/pl4nt3ds3cr3t/user.get.json",
            "{text}"
        );
        assert_eq!(webhook.portal_base().to_string(), "https://portal.example");
    }
}

#[test]
fn what_is_no_webhook_is_refused_with_a_sentence_that_helps() {
    for (text, expected) in [
        ("portal.example/rest/1/pl4nt3ds3cr3t/", "no web address"),
        ("pl4nt3ds3cr3t", "no web address"),
        ("data:pl4nt3ds3cr3t", "no web address"),
        ("https:///pl4nt3ds3cr3t/", "does not begin with /rest/"),
        (
            "http://portal.example/rest/1/pl4nt3ds3cr3t/",
            "without https",
        ),
        ("ftp://127.0.0.1/rest/1/pl4nt3ds3cr3t/", "without https"),
        (
            "http://127.evil.test/rest/1/pl4nt3ds3cr3t/",
            "without https",
        ),
        (
            "https://pl4nt3ds3cr3t@portal.example/rest/1/x/",
            "user name",
        ),
        ("https://portal.example/crm/pl4nt3ds3cr3t/", "/rest/"),
        ("https://portal.example", "/rest/"),
        (
            "https://portal.example/rest/api/1/pl4nt3ds3cr3t/",
            "https://portal.example/rest/1/secret/",
        ),
        ("https://portal.example/rest/", "user id is missing"),
        (
            "https://portal.example/rest/pl4nt3ds3cr3t/",
            "user id is missing",
        ),
        (
            "https://portal.example/rest/0/pl4nt3ds3cr3t/",
            "user id is missing",
        ),
        ("https://portal.example/rest/1/", "secret is missing"),
        (
            "https://portal.example/rest/1/profile/",
            "secret is missing",
        ),
        (
            "https://portal.example/rest/1/profile.json",
            "secret is missing",
        ),
        (
            "https://portal.example/rest/1/pl4nt3ds3cr3t/a/b",
            "more after the secret",
        ),
        (
            "https://portal.example/rest/1/pl4nt3ds3cr3t/a%2Fb",
            "more after the secret",
        ),
    ] {
        let said = refusal(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn loopback_may_be_plain_http() {
    for base in [
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost",
    ] {
        let webhook = Webhook::parse(&format!("{base}/rest/1/token/")).expect(base);
        assert_eq!(webhook.portal_base().to_string(), base);
    }
}

#[test]
fn a_portal_may_have_a_name_without_a_dot() {
    let webhook = Webhook::parse("https://intranet/rest/1/pl4nt3ds3cr3t/").unwrap();
    assert_eq!(webhook.portal_base().host(), "intranet");
}

#[test]
fn links_are_made_of_the_base_and_digits_only() {
    let base = PortalBase::parse("https://portal.example:8443/rest/1/token/").unwrap();
    let id = "42".parse().unwrap();
    assert_eq!(
        base.company_url(id),
        "https://portal.example:8443/crm/company/details/42/"
    );
    assert_eq!(
        base.contact_url(id),
        "https://portal.example:8443/crm/contact/details/42/"
    );
    assert_eq!(
        base.lead_url(id),
        "https://portal.example:8443/crm/lead/details/42/"
    );
    assert_eq!(
        base.deal_url(id),
        "https://portal.example:8443/crm/deal/details/42/"
    );
}

#[test]
fn debug_shows_host_and_user_but_not_the_secret() {
    let webhook = Webhook::parse("https://portal.example/rest/17/pl4nt3ds3cr3t/").unwrap();
    assert_eq!(format!("{webhook:?}"), "Webhook(user 17 at portal.example)");
    assert_eq!(
        webhook.scrub("no /rest/17/pl4nt3ds3cr3t/x"),
        "no /rest/17/•••/x"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_an_error_that_repeats_it(text in "(https?://)?[a-z.:/@]{0,20}(rest|api|/|[0-9]){0,6}pl4nt3ds3cr3t[a-z/?.]{0,9}") {
        if let Err(error) = Webhook::parse(&text) {
            let url = Url::parse(&text).ok();
            let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
            let is_shown = url.as_ref().is_some_and(|url| url.port().is_some() || host.contains('.'));
            let host_holds_it = is_shown && host.contains(SECRET);
            let said = format!("{error} {error:?}");
            proptest::prop_assert!(host_holds_it || !said.contains(SECRET));
        }
    }
}
