use super::*;

async fn with_ticket(versions: helpdesk_simulator::Versions, state: &str) -> Bench {
    let bench = Bench::with(versions, vec![]).await;
    let an = SaveContact {
        emails: vec!["an@shop.example".to_owned()],
        ..contact(1, "An")
    };
    bench.done(&Write::SaveContact(an)).await;
    let write = SaveTicket {
        status: status(state),
        requester: Some(key("user", 1)),
        ..ticket(5, "Máy in")
    };
    bench.done(&Write::SaveTicket(write)).await;
    bench
}

fn by_customer(text: &str) -> Write {
    comment(5, text, true, Author::Customer(key("user", 1)))
}

#[tokio::test]
async fn statuses_survive_public_comments() {
    for versions in releases() {
        for state in ["Open", "Replied", "Resolved", "Closed"] {
            let bench = with_ticket(versions, state).await;
            let resolved = bench.one("HD Ticket", "main:case:5")["resolution_date"].clone();
            for author in [
                Author::Customer(key("user", 1)),
                Author::Agent(MAI.to_owned()),
                Author::ContactCenter,
            ] {
                let write = comment(5, &format!("{author:?}"), true, author);
                bench.done(&write).await;
                bench.done(&write).await;
                let ticket = bench.one("HD Ticket", "main:case:5");
                assert_eq!(ticket["status"], state);
                assert_eq!(ticket["resolution_date"], resolved);
            }
            assert_eq!(bench.all("Communication").len(), 3);
        }
    }
}

#[tokio::test]
async fn a_status_is_put_back_by_whoever_finds_the_message_after_a_crash() {
    for executed in [true, false] {
        let mut bench = with_ticket(Default::default(), "Closed").await;
        // The answer to the message gets lost, or the program dies before it looks again.
        let lost = match executed {
            true => json!([{
                "when": "POST /api/resource/Communication", "times": 1, "execute": true, "answer": "hang_up",
            }]),
            false => json!([{
                "when": "PUT /api/resource/HD Ticket/*", "times": 1, "answer": "hang_up",
            }]),
        };
        bench.site_faults(lost);
        let outcome = bench.attempt(&by_customer("a"), false).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        assert_eq!(bench.one("HD Ticket", "main:case:5")["status"], "Open");
        bench.restart();
        bench.attempt(&by_customer("a"), true).await;
        assert_eq!(bench.one("HD Ticket", "main:case:5")["status"], "Closed");
        assert_eq!(bench.all("Communication").len(), 1);
    }
}

#[tokio::test]
async fn messages_say_who_wrote_them_and_when() {
    let bench = with_ticket(Default::default(), "Open").await;
    let written = |author: Author| async {
        let write = comment(5, "a", true, author);
        bench.done(&write).await;
        let made = bench.one("Communication", "main:comment:5-a");
        let data = bench.site.site.data();
        bench
            .site
            .site
            .set_data(&helpdesk_simulator::Data {
                documents: data
                    .documents
                    .into_iter()
                    .filter(|document| document["doctype"] != "Communication")
                    .collect(),
                ..data
            })
            .unwrap();
        let fields = [
            "sent_or_received",
            "sender",
            "user",
            "communication_date",
            "subject",
            "content",
        ];
        fields.map(|field| made[field].as_str().unwrap_or_default().to_owned())
    };
    let (at, subject, content) = ("2026-03-02 09:00:00", "Re: Máy in", "<p>a</p>");
    assert_eq!(
        written(Author::Customer(key("user", 1))).await,
        ["Received", "an@shop.example", HUB, at, subject, content]
    );
    assert_eq!(
        written(Author::Customer(key("user", 7))).await,
        ["Received", "an@shop.example", HUB, at, subject, content],
        "of somebody unknown it is the ticket's"
    );
    assert_eq!(
        written(Author::Agent(MAI.to_owned())).await,
        ["Sent", MAI, MAI, at, subject, content]
    );
    assert_eq!(
        written(Author::Agent("left@helpdesk.example".to_owned())).await,
        ["Sent", "left@helpdesk.example", HUB, at, subject, content]
    );
    let [sent, _, user, ..] = written(Author::ContactCenter).await;
    assert_eq!((sent.as_str(), user.as_str()), ("Sent", HUB));
}

#[tokio::test]
async fn internal_comments_stay_internal() {
    for versions in releases() {
        let bench = with_ticket(versions, "Closed").await;
        for (text, author, by) in [
            ("a", Author::Agent(MAI.to_owned()), MAI),
            ("b", Author::Agent("left@helpdesk.example".to_owned()), HUB),
            ("c", Author::ContactCenter, HUB),
        ] {
            let write = comment(5, text, false, author);
            bench.done(&write).await;
            bench.done(&write).await;
            let made = bench.one("HD Ticket Comment", &format!("main:comment:5-{text}"));
            assert_eq!(made["commented_by"], by);
            assert_eq!(made["content"], format!("<p>{text}</p>"));
        }
        assert!(bench.all("Communication").is_empty());
        assert_eq!(bench.one("HD Ticket", "main:case:5")["status"], "Closed");
    }
}

#[tokio::test]
async fn a_comment_waits_for_its_ticket() {
    let bench = Bench::new().await;
    for is_public in [true, false] {
        let write = comment(5, "a", is_public, Author::ContactCenter);
        let why = bench.not_sent(&write).await;
        assert!(why.contains("not in the helpdesk yet"), "{why}");
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_is_cut() {
    let bench = with_ticket(Default::default(), "Open").await;
    let Write::AddComment(mut write) = by_customer("a") else {
        unreachable!();
    };
    write.html = format!("<p>{}</p>", "dài ".repeat(600_000));
    bench.done(&Write::AddComment(write)).await;
    let made = bench.one("Communication", "main:comment:5-a");
    let content = made["content"].as_str().unwrap();
    assert!(content.len() < (1 << 20) + 200);
    assert!(content.contains("The rest is in CareSoft"));
}
