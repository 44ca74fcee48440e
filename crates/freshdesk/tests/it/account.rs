//! One account, asked for single things, and in trouble.

use std::time::Duration;

use freshdesk::{
    Account, Cause, Feature, Key, Options, Plan, Scan, Verdict, Wanted, Warning, estimate,
    record::{ConversationId, PersonId, TicketId, TicketScope},
    scan::TicketFilter,
};
use simulators::freshdesk::{self as desk, Edge, Limits, Sample};

use super::{account, account_with, faults, options, running};

#[tokio::test]
async fn a_ticket_comes_with_everything_that_was_said_on_it_in_order() {
    let running = running().await;
    let (account, records) = (account(&running), running.desk.records());
    for edge in Edge::ALL {
        let held = &records.tickets[&edge.number()];
        if edge == Edge::Archived {
            continue;
        }
        let read = account.ticket(TicketId(edge.number())).await.unwrap();
        let mut expected: Vec<_> = held
            .conversations
            .iter()
            .filter(|item| !item.deleted)
            .map(|item| (item.created_at, item.id))
            .collect();
        expected.sort_unstable();
        let ids: Vec<_> = read
            .conversations
            .iter()
            .map(|item| (item.created_at.unwrap(), item.id.0))
            .collect();
        assert_eq!(ids, expected, "{edge:?}");
        assert_eq!(
            read.subject.as_deref(),
            Some(held.subject.as_str()),
            "{edge:?}"
        );
        assert_eq!(read.attachments.len(), held.attachments.len(), "{edge:?}");
        assert!(
            read.other
                .keys()
                .all(|name| !["cc_emails", "stats", "attachments"].contains(&name.as_str())),
            "{edge:?}"
        );
    }
    let asked = running.desk.asked();
    let extra = asked
        .iter()
        .filter(|asked| asked.contains("/conversations"))
        .count();
    // Three pages of 237, and one of ten.
    assert_eq!(extra, 4, "{asked:?}");
}

#[tokio::test]
async fn more_conversations_than_are_read_is_an_error() {
    let running = running().await;
    let options = Options {
        ticket_rows_max: 150,
        ..options()
    };
    let account = account_with(&running, options);
    let error = account
        .ticket(TicketId(Edge::ManyConversations.number()))
        .await
        .unwrap_err();
    assert!(
        matches!(error.cause, Cause::TooMany { rows_max: 150 }),
        "{error}"
    );
}

#[tokio::test]
async fn single_things_are_read_or_said_to_be_missing() {
    let running = running().await;
    let (account, records) = (account(&running), running.desk.records());
    let held = records
        .contacts
        .values()
        .find(|contact| !contact.other_emails.is_empty())
        .unwrap();
    let contact = account.contact(PersonId(held.id)).await.unwrap();
    assert_eq!(contact.other_emails, held.other_emails);
    let missing = account.contact(PersonId(1)).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "contact 1 could not be read: there is none (404)"
    );
    assert_eq!(missing.verdict(), Verdict::Never);
    let fields = account.ticket_fields().await.unwrap();
    assert!(
        fields
            .iter()
            .all(|field| !matches!(field.choices(), freshdesk::record::Choices::Other(_)))
    );
    let ratings = account.ratings(TicketId(5)).await.unwrap();
    assert_eq!(ratings[0].score(), Some(records.ratings[&6_000_005].score));
    running.desk.change_records(|records| {
        let entry = records.time_entries[&7_000_007].clone();
        for id in 8_000_000..8_000_150 {
            records.time_entries.insert(
                id,
                desk::TimeEntry {
                    id,
                    ..entry.clone()
                },
            );
        }
    });
    let entries = account.time_entries(TicketId(7)).await.unwrap();
    assert_eq!(entries.len(), 151);
    assert_eq!(
        entries[0].minutes(),
        Some(records.time_entries[&7_000_007].minutes)
    );
    let open = records
        .tickets
        .values()
        .filter(|ticket| ticket.status == 2 && ticket.place == desk::Place::Inbox);
    assert_eq!(
        account.count("status:2").await.unwrap(),
        open.count() as u64
    );
}

#[tokio::test]
async fn the_preflight_tells_what_would_be_missing() {
    let running = running().await;
    let preflight = account(&running).preflight().await.unwrap();
    assert_eq!(
        (preflight.tickets, preflight.latest),
        (57, Some(TicketId(60)))
    );
    assert_eq!(preflight.warnings(), [Warning::Unlisted(3)]);
    assert_eq!(
        (preflight.archive, preflight.ratings),
        (Feature::Available, Feature::Available)
    );

    let key = Key::new("key-of-agent").unwrap();
    let agent = Account::new(&running.url, key, options()).unwrap();
    let preflight = agent.preflight().await.unwrap();
    let scope = Warning::Scope(Some(TicketScope::Restricted));
    assert!(preflight.warnings().contains(&scope) && scope.is_fatal());
    assert!(preflight.warnings().contains(&Warning::NotAdministrator));

    let poor = desk::Options {
        records: Sample::default().records(),
        features: desk::Features {
            archive: false,
            satisfaction: false,
            time_entries: false,
        },
        ..desk::Options::default()
    };
    let poor = desk::start(poor).await.unwrap();
    let preflight = account(&poor).preflight().await.unwrap();
    let features = [preflight.archive, preflight.ratings, preflight.time_entries];
    assert_eq!(features, [Feature::NotOnPlan; 3]);
    // What the plan does not have is asked for once.
    let asked = poor
        .desk
        .asked()
        .iter()
        .filter(|asked| asked.contains("time_entries"))
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn an_estimate_follows_the_plan_and_the_share() {
    let running = running().await;
    let options = Options {
        plan: Plan::Growth,
        share_percent: 100,
        ..options()
    };
    let account = account_with(&running, options);
    let wanted = Wanted {
        tickets: 30_000,
        contacts: 10_000,
        ..Wanted::default()
    };
    let growth = estimate(&wanted, &account.standing());
    assert!((33_000..34_000).contains(&growth.requests), "{growth:?}");
    let hours = growth.lasts.as_secs_f64() / 3600.0;
    assert!((7.0..9.0).contains(&hours), "{hours} hours");
    let few = Wanted {
        tickets: 20,
        ..Wanted::default()
    };
    let few = estimate(&few, &account.standing());
    assert_eq!(few.lasts, Duration::ZERO);
}

#[tokio::test]
async fn a_long_refusal_is_told_and_kept_by_everybody() {
    let running = running().await;
    faults(
        &running,
        r#"[{"times":1,"answer":{"status":429,"retry_after":1800,"json":{"message":"x"}}}]"#,
    );
    let account = account(&running);
    let error = account.me().await.unwrap_err();
    assert_eq!(
        error.verdict(),
        Verdict::RetryAfter(Some(Duration::from_secs(1800)))
    );
    assert!(account.standing().paused_for.unwrap() > Duration::from_secs(1790));
    let other = account.clone();
    let waits = tokio::time::timeout(Duration::from_millis(50), other.me()).await;
    assert!(waits.is_err(), "it did not wait");
    assert_eq!(running.desk.asked().len(), 1);
}

#[tokio::test]
async fn a_short_refusal_is_waited_for_and_is_no_attempt() {
    let running = running().await;
    faults(&running, r#"[{"times":2,"answer":{"preset":"too_many"}}]"#);
    let options = Options {
        attempts_max: 1,
        ..options()
    };
    let began = tokio::time::Instant::now();
    account_with(&running, options).me().await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "Retry-After was cut short"
    );
    assert_eq!(running.desk.asked().len(), 3);
}

#[tokio::test]
async fn attempts_end_and_what_cannot_change_is_asked_once() {
    let running = running().await;
    let options = Options {
        attempts_max: 3,
        response_bytes_max: 5_000,
        ..options()
    };
    let account = account_with(&running, options);
    for (script, expected, attempts) in [
        (
            r#"[{"answer":"hang_up"}]"#,
            "the connection broke before the answer was complete",
            3,
        ),
        (
            r#"[{"answer":{"preset":"maintenance"}}]"#,
            "Freshdesk failed (503)",
            3,
        ),
        (
            r#"[{"answer":{"preset":"require_feature"}}]"#,
            "the account's plan does not have it (403)",
            1,
        ),
        (
            r#"[{"answer":{"status":401}}]"#,
            "the key is not valid (401)",
            1,
        ),
        (
            r#"[{"answer":{"status":200,"html":"<h1>"}}]"#,
            "a page for people came in place of an answer (200)",
            1,
        ),
    ] {
        faults(&running, script);
        running.desk.clear_asked();
        let error = account.me().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("whose key it is could not be read: {expected}")
        );
        assert_eq!(running.desk.asked().len(), attempts, "{expected}");
        assert!(error.what_now().ends_with('.'));
    }
    faults(&running, "[]");
    let error = account
        .ticket(TicketId(Edge::ManyConversations.number()))
        .await
        .unwrap_err();
    assert!(
        matches!(error.cause, Cause::TooLarge { bytes_max: 5_000 }),
        "{error}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let running = running().await;
    faults(&running, r#"[{"answer":"silence"}]"#);
    let options = Options {
        attempts_max: 1,
        deadline: Duration::from_millis(100),
        ..options()
    };
    let error = account_with(&running, options).me().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Deadline(_)), "{error}");
}

#[tokio::test]
async fn the_key_goes_nowhere_else() {
    let (running, elsewhere) = (running().await, running().await);
    let script = format!(
        r#"[{{"answer":{{"status":302,"location":"{}/api/v2/agents/me"}}}}]"#,
        elsewhere.url
    );
    faults(&running, &script);
    let account = account(&running);
    let error = account.me().await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::Redirected { status: 302 }),
        "{error}"
    );
    assert_eq!(elsewhere.desk.asked(), Vec::<String>::new());
    assert!(!format!("{account:?} {error:?}").contains("key-of-admin"));
    assert!(!format!("{:?}", Key::new("key-of-admin").unwrap()).contains("key-of"));
    assert!(Key::new(" ").is_err() && Key::new("a:b").is_err() && Key::new("a\nb").is_err());
}

#[tokio::test]
async fn the_budget_learns_the_plan_and_keeps_within_its_lists() {
    let records = Sample::default().records();
    let options = desk::Options {
        records,
        limits: Limits::GROWTH,
        ..desk::Options::default()
    };
    let running = desk::start(options).await.unwrap();
    let account = account_with(
        &running,
        Options {
            plan: Plan::Unknown,
            ..super::options()
        },
    );
    account.me().await.unwrap();
    let limits = account.standing().limits;
    assert_eq!((limits.total, limits.ticket_lists), (200, 20));
    assert_eq!(account.standing().remaining, Some(199));
    for _ in 0..12 {
        account
            .advance(&mut Scan::tickets(TicketFilter::Usual))
            .await
            .unwrap();
    }
    let mut scan = Scan::tickets(TicketFilter::Usual);
    let thirteenth = tokio::time::timeout(Duration::from_millis(100), account.advance(&mut scan));
    assert!(
        thirteenth.await.is_err(),
        "a thirteenth list was asked for within a minute"
    );
    // Others are not held up by it.
    assert_eq!(running.desk.asked().len(), 13);
    let read = account.ticket(TicketId(32)).await.unwrap();
    assert!(
        read.conversations
            .iter()
            .all(|item| item.id > ConversationId(0))
    );
}
