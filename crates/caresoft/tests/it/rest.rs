//! The reads, against a simulated account over real sockets.

use std::time::Duration;

use caresoft::{
    Fields, Id,
    object::{case::Deal, person::User, ticket::Ticket},
    rest::{Account, Cause, List, Options, Order, Resource, Token, Verdict},
};
use simulators::{caresoft as center, faults::Script};

fn records() -> center::Records {
    center::live(7, 60, "2026-01-05T02:30:00Z".parse().unwrap()).outcome
}

async fn running() -> center::Running {
    let options = center::Options {
        records: records(),
        ..center::Options::default()
    };
    center::start(options).await.unwrap()
}

fn account(host: &str, options: Options) -> Account {
    Account::new(host, "acme", Token::new("token-of-acme").unwrap(), options).unwrap()
}

fn options() -> Options {
    Options {
        deadline: Duration::from_secs(5),
        ..Options::default()
    }
}

fn faults(running: &center::Running, script: &str) {
    running.center.set_faults(Script::parse(script).unwrap());
}

#[tokio::test]
async fn all_pages_together_are_everything_once() {
    let running = running().await;
    let account = account(&running.url, options());
    let mut ids = Vec::new();
    let mut next = Some(1);
    while let Some(page) = next {
        let list = List::new()
            .order_by("updated_at", Order::Ascending)
            .count(10)
            .page(page);
        let page = account.list(Resource::Tickets, &list).await.unwrap();
        next = page.next;
        ids.extend(page.rows.iter().map(|row| {
            let json = row.json().unwrap();
            Fields::of(&json).id("ticket_id").unwrap().get()
        }));
    }
    ids.sort_unstable();
    let expected: Vec<u64> = records().tickets.into_keys().collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn what_changed_since_an_instant_is_asked_in_the_accounts_own_time() {
    let running = running().await;
    let account = account(&running.url, options());
    let mut times: Vec<i64> = records()
        .tickets
        .values()
        .map(|ticket| ticket["updated_at"].as_i64().unwrap())
        .collect();
    times.sort_unstable();
    let since = jiff::Timestamp::from_millisecond(times[times.len() - 5]).unwrap();
    let page = account
        .list(Resource::Tickets, &List::new().updated_since(since))
        .await
        .unwrap();
    assert_eq!((page.rows.len(), page.found), (5, Some(5)));
    let json = page.rows[0].json().unwrap();
    let updated_at = Fields::of(&json).time("updated_at", &caresoft::Zone::default());
    assert!(caresoft::age(updated_at.unwrap(), since) != caresoft::Age::Older);
}

#[tokio::test]
async fn one_thing_is_read_or_said_to_be_missing() {
    let running = running().await;
    let account = account(&running.url, options());
    let (id, ticket) = records().tickets.pop_first().unwrap();
    let row = account
        .get(Resource::Tickets, Id::new(id).unwrap())
        .await
        .unwrap();
    let json = row.json().unwrap();
    let read = Ticket::of_row(Fields::of(&json)).unwrap();
    assert_eq!(read.id().get(), id);
    assert_eq!(read.subject().as_deref(), ticket["ticket_subject"].as_str());
    let error = account
        .get(Resource::Tickets, Id::new(1).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error.cause, Cause::Missing), "{error}");
    assert_eq!(
        error.to_string(),
        "ticket 1 could not be read: there is none (404)"
    );
    let (_, user) = records().users.pop_first().unwrap();
    let phone = user["phone_no"].as_str().unwrap();
    let contacts = account.contacts_by_phone(phone).await.unwrap();
    let json = contacts[0].json().unwrap();
    let read = User::of_row(Fields::of(&json)).unwrap();
    assert_eq!(read.name().as_deref(), user["username"].as_str());
    let (id, deal) = records().deals.pop_first().unwrap();
    let id = Id::new(id).unwrap();
    let row = account.get(Resource::Deals, id).await.unwrap();
    let json = row.json().unwrap();
    let read = Deal::of_row(Fields::of(&json)).unwrap();
    assert_eq!(
        (read.id(), read.value().unwrap().into_owned()),
        (id, deal["value"].to_string())
    );
    let fields = account.custom_fields(Resource::Tickets).await.unwrap();
    assert_eq!(fields.len(), 1);
}

#[tokio::test]
async fn a_ban_is_recognised_and_nothing_is_sent_until_it_ends() {
    let running = running().await;
    faults(&running, r#"[{"answer":{"preset":"banned"}}]"#);
    let account = account(&running.url, options());
    for expected in [900, 899] {
        let error = account
            .list(Resource::Tickets, &List::new())
            .await
            .unwrap_err();
        let Cause::Banned { retry_after } = error.cause else {
            panic!("{error}")
        };
        assert!(retry_after.as_secs() >= expected - 60);
    }
    assert_eq!(running.center.asked().len(), 1);
}

#[tokio::test]
async fn refusals_and_faults_are_told_apart() {
    let running = running().await;
    let account = account(&running.url, options());
    for (script, expected, is_worth_a_retry) in [
        (
            r#"[{"times":1,"answer":{"status":302,"location":"https://other.test/"}}]"#,
            "redirected (302), which was not followed",
            false,
        ),
        (
            r#"[{"times":1,"answer":{"status":401}}]"#,
            "the token is not valid, or was reset (401)",
            false,
        ),
        (
            r#"[{"times":1,"answer":{"preset":"server_error"}}]"#,
            "CareSoft failed (500)",
            true,
        ),
        (
            r#"[{"times":1,"answer":{"status":200,"json":{"code":"errors","message":"no"}}}]"#,
            "the request was refused (200)",
            false,
        ),
        (
            r#"[{"times":1,"answer":{"status":200,"html":"<h1>"}}]"#,
            "the answer has an unexpected shape (200): it is no JSON",
            false,
        ),
        (
            r#"[{"times":1,"answer":"truncate"}]"#,
            "the connection broke before the answer was complete",
            true,
        ),
        (
            r#"[{"times":1,"answer":"hang_up"}]"#,
            "the connection broke before the answer was complete",
            true,
        ),
        (
            r#"[{"times":1,"answer":{"status":429,"retry_after":1}}]"#,
            "too many requests (429)",
            true,
        ),
    ] {
        faults(&running, script);
        let error = account
            .list(Resource::Leads, &List::new())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("page 1 of leads could not be read: {expected}")
        );
        assert_eq!(
            error.verdict() != Verdict::Never,
            is_worth_a_retry,
            "{expected}"
        );
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_a_large_answer_at_its_limit() {
    let running = running().await;
    let options = Options {
        deadline: Duration::from_millis(200),
        response_bytes_max: 100,
        ..Options::default()
    };
    let account = account(&running.url, options);
    let error = account.list(Resource::Tickets, &List::new()).await;
    assert!(matches!(
        error.unwrap_err().cause,
        Cause::TooLarge { bytes_max: 100 }
    ));
    faults(&running, r#"[{"answer":"silence"}]"#);
    let error = account.list(Resource::Tickets, &List::new()).await;
    assert!(matches!(error.unwrap_err().cause, Cause::Deadline(_)));
}

#[tokio::test]
async fn the_spare_host_is_asked_when_the_usual_one_fails_and_then_first() {
    let (usual, spare) = (running().await, running().await);
    faults(&usual, r#"[{"answer":{"status":503}}]"#);
    let options = Options {
        spare_host: Some(spare.url.clone()),
        ..options()
    };
    let account = account(&usual.url, options);
    for _ in 0..2 {
        account.list(Resource::Deals, &List::new()).await.unwrap();
    }
    assert_eq!(usual.center.asked().len(), 1);
    assert_eq!(spare.center.asked().len(), 2);
    // A ban is the account's, whatever the host.
    faults(&spare, r#"[{"answer":{"preset":"banned"}}]"#);
    let error = account.list(Resource::Deals, &List::new()).await;
    assert!(matches!(error.unwrap_err().cause, Cause::Banned { .. }));
    assert_eq!(usual.center.asked().len(), 1);
}

#[tokio::test]
async fn the_budget_keeps_within_the_limit() {
    let running = running().await;
    let account = account(&running.url, options());
    let asked = (0..20).map(|_| {
        let account = account.clone();
        async move { account.list(Resource::Deals, &List::new()).await }
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

#[test]
fn only_https_and_loopback_are_spoken_to_and_no_token_is_shown() {
    let token = || Token::new("token-of-acme").unwrap();
    for (host, domain, expected) in [
        (
            "http://center.example",
            "acme",
            Some("the host's address is not https, which only loopback may do without"),
        ),
        (
            "https://u:p@center.example",
            "acme",
            Some("the host's address has a user or a password in it"),
        ),
        (
            "https://center.example",
            "..",
            Some("the account's domain is empty"),
        ),
        (
            "https://center.example",
            " ",
            Some("the account's domain is empty"),
        ),
        ("center", "acme", Some("the host's address cannot be read")),
        ("https://center.example", "acme", None),
        ("http://127.0.0.1:9", "a/b?c", None),
    ] {
        let made = Account::new(host, domain, token(), Options::default());
        assert_eq!(
            made.as_ref().err().map(ToString::to_string).as_deref(),
            expected,
            "{host}"
        );
        assert!(!format!("{made:?}").contains("token-of"));
    }
    assert!(Token::new(" ").is_err() && Token::new("a\nb").is_err());
}
