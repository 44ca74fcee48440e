use serde_json::json;

use super::*;

fn said(body: &Value) -> Option<String> {
    of_body(body.as_object().unwrap(), &[]).map(|message| message.0)
}

fn server_messages(entries: &[Value]) -> Value {
    let entries: Vec<String> = entries.iter().map(Value::to_string).collect();
    json!(serde_json::to_string(&entries).unwrap())
}

#[test]
fn html_becomes_one_line_of_text() {
    let cases = [
        ("plain", "plain"),
        (
            "Value missing for <strong>Shop</strong>: Name",
            "Value missing for Shop: Name",
        ),
        ("one<br>two<br/>three", "one two three"),
        (
            "'<strong>Subject</strong>' of <A href=\"/app/x\">x</A>s",
            "'Subject' of xs",
        ),
        ("<p>one</p>\n\n<p>two</p>", "one two"),
        (
            "a &lt;b&gt; &amp;amp; &quot;c&quot; &#39;d&#39; &#x1F600;",
            "a <b> &amp; \"c\" 'd' 😀",
        ),
        (
            "AT&T & co; &unknown; &#xZZ; &#99999999;",
            "AT&T & co; &unknown; &#xZZ; &#99999999;",
        ),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("cut <strong", "cut <strong"),
        ("before<script>alert('x')</script>after", "before after"),
        ("before<STYLE type=x>p{}</style >after", "before after"),
        ("never closed <script>alert(1)", "never closed"),
        ("<scripted>kept</scripted>", "kept"),
        ("a<!-- hidden > -->b", "a b"),
        ("tab\tnew\r\nline\u{7}bell", "tab new line bell"),
        (
            "Không tìm thấy <b>Khách hàng</b>",
            "Không tìm thấy Khách hàng",
        ),
        ("", ""),
        ("<br>", ""),
    ];
    for (html, text) in cases {
        assert_eq!(plain_text(html), text, "{html}");
    }
}

#[test]
fn the_last_raised_message_is_the_reason() {
    let raised = |text: &str| json!({"message": text, "raise_exception": 1});
    let told = |text: &str| json!({"message": text, "title": "Message"});
    let cases = [
        (vec![raised("only")], Some("only")),
        (vec![told("way"), raised("reason")], Some("reason")),
        (vec![raised("reason"), told("after")], Some("reason")),
        (vec![told("one"), told("two")], Some("two")),
        (
            vec![json!({"message": {"no": "text"}}), told("two")],
            Some("two"),
        ),
        (vec![told("two"), json!({"message": null})], Some("two")),
        (vec![json!({"title": "x"})], None),
        (vec![], None),
    ];
    for (entries, text) in cases {
        let body = json!({"_server_messages": server_messages(&entries)});
        assert_eq!(said(&body).as_deref(), text, "{body}");
    }
}

#[test]
fn a_message_is_found_wherever_frappe_puts_it() {
    let cases = [
        (
            json!({"_server_messages": "[\"bare text\"]"}),
            Some("bare text"),
        ),
        (
            json!({"_server_messages": "not json", "_error_message": "e"}),
            Some("e"),
        ),
        (
            json!({"_server_messages": 7, "_error_message": "e"}),
            Some("e"),
        ),
        (
            json!({"errors": [{"type": "X", "message": "two"}]}),
            Some("two"),
        ),
        (json!({"errors": []}), None),
        (
            json!({"message": "Invalid login credentials"}),
            Some("Invalid login credentials"),
        ),
        (
            json!({"exc_type": "X", "exception": "secret traceback", "exc": "[\"secret\"]"}),
            None,
        ),
    ];
    for (body, text) in cases {
        assert_eq!(said(&body).as_deref(), text, "{body}");
    }
}

#[test]
fn a_message_is_bounded_and_blanks_out_the_credential() {
    let long = "đ".repeat(MESSAGE_CHARACTERS_MAX + 1);
    let message = Message::from_html(&long, &[]).unwrap();
    assert_eq!(message.text().chars().count(), MESSAGE_CHARACTERS_MAX);

    let message = Message::from_html("you sent <b>token planted:secret</b>", &["planted:secret"]);
    assert_eq!(message.unwrap().text(), "you sent token •••");
}

#[test]
fn debug_shows_no_text() {
    let message = Message::from_html("planted", &[]).unwrap();
    assert_eq!(format!("{message:?}"), "Message(7 characters)");
}

#[test]
fn the_title_of_a_page_is_its_hint() {
    let cases: [(&str, Option<&str>); 6] = [
        (
            "<html><head><title>502 Bad Gateway</title></head>",
            Some("502 Bad Gateway"),
        ),
        (
            "<TITLE lang=en>\n Sign &amp; in\n</TITLE>",
            Some("Sign & in"),
        ),
        ("<title></title>", None),
        ("<title>never closed", None),
        ("no page at all", None),
        (
            "<title>you sent planted-secret</title>",
            Some("you sent •••"),
        ),
    ];
    for (page, title) in cases {
        assert_eq!(
            page_title(page.as_bytes(), &["planted-secret"]).as_deref(),
            title,
            "{page}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_every_text_becomes_one_line(html in "([<>&;#/a-z!\"é-]|\\PC|<script>|</style|&#x){0,60}") {
        let text = plain_text(&html);
        proptest::prop_assert!(!text.contains(char::is_control));
        proptest::prop_assert_eq!(text.trim(), &text);
    }
}
