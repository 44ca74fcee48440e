use super::*;

#[test]
fn an_address_is_cut_down_to_its_base() {
    let cases = [
        ("https://helpdesk.example", "https://helpdesk.example"),
        ("https://helpdesk.example/", "https://helpdesk.example"),
        ("  https://helpdesk.example//  ", "https://helpdesk.example"),
        (
            "https://helpdesk.example:8443/app",
            "https://helpdesk.example:8443",
        ),
        ("https://helpdesk.example/api/", "https://helpdesk.example"),
        (
            "https://helpdesk.example/api/resource/HD%20Ticket?x=1#y",
            "https://helpdesk.example",
        ),
        (
            "https://helpdesk.example/helpdesk/tickets/1",
            "https://helpdesk.example",
        ),
        (
            "https://helpdesk.example/login?redirect-to=/app",
            "https://helpdesk.example",
        ),
        (
            "https://proxy.example/site-a/app/home",
            "https://proxy.example/site-a",
        ),
        ("HTTPS://Helpdesk.Example", "https://helpdesk.example"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://localhost:8000/app", "http://localhost:8000"),
    ];
    for (given, base) in cases {
        let site = Site::new(given, Options::default()).unwrap();
        assert_eq!(site.base(), base, "{given}");
    }
}

#[test]
fn an_address_without_tls_or_with_a_password_is_refused() {
    for given in [
        "http://helpdesk.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://10.0.0.1",
        "ftp://helpdesk.example",
        "unix:/run/x",
    ] {
        let refused = Site::new(given, Options::default());
        assert!(matches!(refused, Err(InvalidSite::Scheme)), "{given}");
    }
    let refused = Site::new(
        "https://planted:planted@helpdesk.example",
        Options::default(),
    );
    let error = refused.unwrap_err();
    assert!(matches!(error, InvalidSite::Credential));
    assert!(!format!("{error} {error:?}").contains("planted"));
    for given in ["", "helpdesk.example", "https://"] {
        assert!(matches!(
            Site::new(given, Options::default()),
            Err(InvalidSite::Address(_))
        ));
    }
}

#[test]
fn an_option_that_is_no_header_or_no_certificate_is_refused() {
    let site = |options| Site::new("https://helpdesk.example", options).unwrap_err();
    let options = Options {
        site_name: Some("a\r\nX: y".to_owned()),
        ..Options::default()
    };
    assert!(matches!(site(options), InvalidSite::SiteName));
    let options = Options {
        user_agent: "a\nb".to_owned(),
        ..Options::default()
    };
    assert!(matches!(site(options), InvalidSite::UserAgent));
    for pem in ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAA\n"] {
        let options = Options {
            root_certificates_pem: Some(pem.to_owned()),
            ..Options::default()
        };
        assert!(
            matches!(site(options), InvalidSite::Certificate(_)),
            "{pem}"
        );
    }
}
