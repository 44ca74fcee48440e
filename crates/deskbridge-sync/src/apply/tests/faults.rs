//! Every write, with every request of it failing in every way: in the end all stands as if nothing had failed.

use super::*;

/// How a request that changes something fails, and whether it has run.
fn lost_or_refused() -> Vec<Value> {
    let mut faults: Vec<Value> = [
        "deadlock",
        "lock_timeout",
        "too_many_requests",
        "maintenance",
    ]
    .map(|preset| json!({"answer": {"preset": preset}}))
    .into();
    for execute in [true, false] {
        faults.push(json!({"answer": "hang_up", "execute": execute}));
        faults.push(json!({"answer": {"preset": "bad_gateway"}, "execute": execute}));
    }
    faults
}

/// One writing of everything that there is to be written about one customer.
fn writes(id: u64) -> Vec<Write> {
    let shop =
        json!({"customer_name": format!("Shop {id}"), "domain": format!("shop{id}.example")});
    let an = SaveContact {
        emails: vec![format!("an{id}@shop.example")],
        phones: vec![format!("09{id:08}")],
        organization: Some(key("organization", id)),
        ..contact(id, &format!("An {id}"))
    };
    let made = SaveTicket {
        status: status("Closed"),
        requester: Some(key("user", id)),
        assignment: assigned_to(Some(MAI)),
        ..ticket(id, "Máy in")
    };
    let changed = SaveTicket {
        changed: fields(json!({"priority": "High"})),
        status: status("Replied"),
        assignment: assigned_to(Some(SON)),
        ..made.clone()
    };
    let by_an = Author::Customer(key("user", id));
    vec![
        customer(id, shop.clone(), shop),
        Write::SaveContact(an),
        Write::SaveTicket(made),
        comment(id, "a", true, by_an),
        comment(id, "b", false, Author::Agent(MAI.to_owned())),
        Write::SaveTicket(changed),
        Write::EndTicket(EndTicket {
            key: key("case", id),
            why: End::MergedInto(key("case", 999_999)),
            // So that the status of the last save is seen to stand.
            status: None,
            tag: Some("over".to_owned()),
            is_deleted: false,
        }),
    ]
}

/// What stands of one customer, without what differs from one to the next.
fn story(documents: &[Map<String, Value>], id: u64) -> Vec<String> {
    let text = |document: &Map<String, Value>, field: &str| match document.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let of_key = |document: &&Map<String, Value>| {
        let key = text(document, KEY_FIELD);
        let mut parts = key.split([':', '-']).skip(2);
        parts.next() == Some(id.to_string().as_str())
    };
    let ours: Vec<_> = documents.iter().filter(of_key).collect();
    let tickets = ours
        .iter()
        .filter(|document| document["doctype"] == "HD Ticket");
    let tickets: Vec<String> = tickets.map(|ticket| text(ticket, "name")).collect();
    let todos = documents.iter().filter(|document| {
        document["doctype"] == "ToDo" && tickets.contains(&text(document, "reference_name"))
    });
    const TOLD: [&str; 17] = [
        "doctype",
        "customer_name",
        "domain",
        "first_name",
        "email_id",
        "phone",
        "subject",
        "status",
        "priority",
        "raised_by",
        "customer",
        "contact",
        "content",
        "sender",
        "commented_by",
        "_user_tags",
        "allocated_to",
    ];
    let mut told: Vec<String> = ours
        .iter()
        .copied()
        .chain(todos)
        .map(|document| TOLD.map(|field| text(document, field)).join("|"))
        .map(|line| {
            line.replace(&format!("{id:08}"), "N")
                .replace(&id.to_string(), "N")
        })
        .collect();
    told.sort_unstable();
    told
}

/// Carries a write out until it is done; whether a request failed.
async fn until_done(bench: &mut Bench, write: &Write, fault: &Value) -> bool {
    bench.site_faults(json!([fault]));
    bench.site.site.clear_journal();
    let mut look_first = false;
    for _ in 0..4 {
        match bench.attempt(write, look_first).await {
            Outcome::Done(_) => {
                bench.site_faults(json!([]));
                return bench.site.site.journal().iter().any(|entry| entry.is_fault);
            }
            Outcome::Refused(failure) => panic!("{fault} refused {write:?}: {failure:?}"),
            Outcome::NotSent(_) => {}
            Outcome::Unknown(_) => look_first = true,
        }
        bench.restart();
    }
    panic!("{fault} keeps {write:?} from being done");
}

/// Sweeps a fault over all requests of all writes that match: for one customer the first request of each write fails,
/// for the next customer the second, until none fails.
async fn sweep(bench: &mut Bench, when: &str, fault: &Value, next_id: &mut u64) {
    for skip in 0.. {
        *next_id += 1;
        let mut rule = fault.clone();
        let rule_fields = rule.as_object_mut().unwrap();
        rule_fields.extend(fields(json!({"when": when, "skip": skip, "times": 1})));
        let mut has_failed = false;
        for write in writes(*next_id) {
            bench.restart();
            has_failed |= until_done(bench, &write, &rule).await;
        }
        if !has_failed {
            return;
        }
    }
}

async fn check(when: &str, faults: Vec<Value>) {
    let mut bench = Bench::new().await;
    let mut id = 100_000;
    for write in writes(id) {
        bench.done(&write).await;
    }
    for fault in faults {
        sweep(&mut bench, when, &fault, &mut id).await;
    }
    let documents = bench.site.site.data().documents;
    let expected = story(&documents, 100_000);
    assert_eq!(expected.len(), 8, "{expected:#?}");
    for other in 100_001..=id {
        assert_eq!(story(&documents, other), expected, "{other}");
    }
}

#[tokio::test]
async fn no_failing_insert_leaves_a_trace() {
    check("POST *", lost_or_refused()).await;
}

#[tokio::test]
async fn no_failing_update_leaves_a_trace() {
    check("PUT *", lost_or_refused()).await;
}

#[tokio::test]
async fn no_failing_look_leaves_a_trace() {
    let faults = [
        json!({"answer": "hang_up"}),
        json!({"answer": {"preset": "too_many_requests"}}),
    ];
    check("GET *", faults.into()).await;
}

#[tokio::test]
async fn each_failure_ends_as_what_it_means() {
    let write = customer(1, json!({"customer_name": "Mây"}), json!({}));
    for (fault, expected) in [
        (
            json!({"when": "POST *", "answer": {"preset": "unauthorized"}}),
            "not sent",
        ),
        (
            json!({"when": "GET *", "answer": {"preset": "unauthorized"}}),
            "not sent",
        ),
        (
            json!({"when": "POST *", "answer": {"preset": "forbidden"}}),
            "refused",
        ),
        (
            json!({"when": "POST *", "answer": {"preset": "deadlock"}}),
            "not sent",
        ),
        (
            json!({"when": "POST *", "answer": {"preset": "maintenance"}}),
            "not sent",
        ),
        (json!({"when": "POST *", "answer": "hang_up"}), "unknown"),
        (json!({"when": "POST *", "answer": "truncate"}), "unknown"),
        (
            json!({"when": "POST *", "answer": {"preset": "html"}}),
            "unknown",
        ),
        (
            json!({"when": "POST *", "answer": {"preset": "bad_gateway"}}),
            "unknown",
        ),
        (
            json!({"when": "GET *", "answer": {"preset": "bad_gateway"}}),
            "not sent",
        ),
        (
            json!({"when": "POST *", "answer": {"status": 302, "location": "https://new.example/"}}),
            "not sent",
        ),
        (
            json!({"when": "POST *", "answer": {"status": 417, "json": {"exc_type": "ValidationError"}}}),
            "refused",
        ),
        (
            json!({"when": "POST *", "answer": {"preset": "too_many_requests"}}),
            "not sent after 2 s",
        ),
    ] {
        let bench = Bench::new().await;
        bench.site_faults(json!([fault]));
        let ended = match bench.attempt(&write, false).await {
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Refused(_) => "refused".to_owned(),
            Outcome::Unknown(_) => "unknown".to_owned(),
            Outcome::NotSent(Failure { retry_after, .. }) => match retry_after {
                None => "not sent".to_owned(),
                Some(after) => format!("not sent after {} s", after.as_secs()),
            },
        };
        assert_eq!(ended, expected, "{fault}");
    }
}
