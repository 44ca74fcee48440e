use super::*;

#[test]
fn an_authorization_header_is_two_words_with_one_blank() {
    let good = ["token k:s", "Basic azpz", "Bearer a.b-c", "TOKEN k:s"];
    for header in good {
        let caller = Caller::authorization(header).unwrap();
        let material = Credential::Caller(caller);
        assert_eq!(
            material.expose_material(),
            Material::Authorization(header),
            "the header is passed on as it came"
        );
    }
    let bad = [
        "",
        " ",
        "token",
        "token ",
        " k:s",
        "token  k:s",
        "token k:s ",
        "token k s",
        "token\tk:s",
        "token k:s\r\nX: y",
        "token kế:s",
    ];
    for header in bad {
        assert_eq!(
            Caller::authorization(header).unwrap_err(),
            InvalidCredential::AuthorizationWords,
            "{header:?}"
        );
    }
    let endless = format!("token {}", "x".repeat(AUTHORIZATION_BYTES_MAX));
    assert!(Caller::authorization(&endless).is_err());
}

#[test]
fn a_session_id_cannot_smuggle_in_a_second_cookie() {
    let hex = "0123456789abcdef".repeat(3);
    assert!(Caller::session(&hex).is_ok());
    assert!(Caller::session("Guest").is_ok());
    for sid in ["", "a; sid=b", "a,b", "a=b", "a b", "a\r\n", "ế", "\"a\""] {
        assert_eq!(
            Caller::session(sid).unwrap_err(),
            InvalidCredential::Session,
            "{sid:?}"
        );
    }
    assert!(Caller::session(&"a".repeat(SID_BYTES_MAX + 1)).is_err());
}

#[test]
fn a_key_pair_cannot_hold_a_second_colon_or_a_blank() {
    assert!(Credential::token("key", "secret").is_ok());
    for (key, secret) in [
        ("", "s"),
        ("k", ""),
        ("k:", "s"),
        ("k", "s:"),
        ("k ", "s"),
        ("k", "ế"),
    ] {
        assert!(
            Credential::token(key, secret).is_err(),
            "{key:?} {secret:?}"
        );
    }
}

#[test]
fn a_csrf_token_is_visible_ascii() {
    let session = || Caller::session("abc").unwrap();
    assert!(session().unsafe_request(None).is_ok());
    assert!(session().unsafe_request(Some("abc123")).is_ok());
    for token in ["", "a b", "a\n", "ế"] {
        assert!(session().unsafe_request(Some(token)).is_err(), "{token:?}");
    }
}

#[test]
fn only_an_unsafe_request_of_a_session_needs_frappe_to_judge_its_csrf_token() {
    let session = || Caller::session("abcdef").unwrap();
    let token = || Caller::authorization("token k:s").unwrap();
    let cases = [
        (session(), false),
        (session().unsafe_request(None).unwrap(), true),
        (session().unsafe_request(Some("t0ken")).unwrap(), true),
        (token(), false),
        (token().unsafe_request(None).unwrap(), false),
    ];
    for (caller, needed) in cases {
        assert_eq!(Credential::Caller(caller).needs_csrf_check(), needed);
    }
}

#[test]
fn debug_shows_no_secret() {
    let shown = [
        format!("{:?}", Credential::token("planted-key", "planted-secret")),
        format!("{:?}", Caller::authorization("Bearer planted-bearer")),
        format!(
            "{:?}",
            Caller::session("planted-sid").and_then(|c| c.unsafe_request(Some("planted-csrf")))
        ),
        format!(
            "{:?}",
            Credential::token("planted-key", "planted-secret")
                .unwrap()
                .expose_material()
        ),
        format!("{:?}", Caller::authorization("planted secret ")),
    ];
    for text in shown {
        assert!(!text.contains("planted"), "{text}");
    }
}
