use super::*;

fn an() -> Write {
    Write::SaveContact(SaveContact {
        emails: vec!["an@shop.example".to_owned()],
        phones: vec!["0901234567".to_owned()],
        organization: Some(key("organization", 9)),
        ..contact(1, "An")
    })
}

fn shop() -> Write {
    let shop = json!({"customer_name": "Shop"});
    customer(9, shop.clone(), shop)
}

fn full(id: u64) -> SaveTicket {
    SaveTicket {
        all: fields(json!({"subject": "Máy in", "priority": "high", "ticket_type": "Question"})),
        changed: fields(json!({"subject": "Máy in", "priority": "High"})),
        status: status("Closed"),
        requester: Some(key("user", 1)),
        assignment: assigned_to(Some(MAI)),
        opened_at: Some("2026-01-05T18:30:00Z".parse().unwrap()),
        ..ticket(id, "Máy in")
    }
}

#[tokio::test]
async fn a_case_becomes_a_ticket_with_people_status_and_agent() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        for write in [shop(), an()] {
            bench.done(&write).await;
        }
        let write = Write::SaveTicket(full(5));
        let result = bench.done(&write).await;
        assert_eq!(result["how"], "made");
        let made = bench.one("HD Ticket", "main:case:5");
        let told = [
            "subject",
            "status",
            "status_category",
            "priority",
            "contact",
            "customer",
            "raised_by",
            "opening_date",
            "description",
        ]
        .map(|field| made[field].as_str().unwrap_or_default().to_owned());
        let contact = bench.one("Contact", "main:user:1");
        let contact = contact["name"].as_str().unwrap();
        assert_eq!(
            told,
            [
                "Máy in",
                "Closed",
                "Resolved",
                "High",
                contact,
                "Shop",
                "an@shop.example",
                "2026-01-06",
                ""
            ]
        );
        assert!(made["opening_time"].as_str().unwrap().contains("1:30:00"));
        let name = result["name"].as_str().unwrap();
        assert_eq!(made["name"].to_string().trim_matches('"'), name);
        assert_eq!(bench.assigned(name), [MAI]);
        assert!(bench.all("Communication").is_empty());

        let written = bench.written().len();
        assert_eq!(bench.done(&write).await["how"], "updated");
        assert_eq!(bench.written().len(), written, "nothing was left to write");
    }
}

#[tokio::test]
async fn an_update_writes_what_changed_and_leaves_what_people_did() {
    let bench = Bench::new().await;
    bench.done(&Write::SaveTicket(full(5))).await;
    let by_hand = frappe::Document::new()
        .with("priority", "Urgent")
        .with("status", "Replied");
    let name = frappe::Name::from("0001");
    bench
        .hub
        .update("HD Ticket", &name, &by_hand)
        .await
        .into_result()
        .unwrap();
    let unchanged = |status: Option<Status>| {
        status.map(|status| Status {
            has_changed: false,
            ..status
        })
    };
    let mut write = full(5);
    write.changed = fields(json!({"subject": "Máy in hỏng"}));
    write.status = unchanged(write.status);
    write.assignment = Some(Assignment {
        agent: Some(SON.to_owned()),
        has_changed: false,
    });
    bench.done(&Write::SaveTicket(write.clone())).await;
    let changed = bench.one("HD Ticket", "main:case:5");
    assert_eq!(changed["subject"], "Máy in hỏng");
    assert_eq!(
        (&changed["priority"], &changed["status"]),
        (&"Urgent".into(), &"Replied".into())
    );
    assert_eq!(bench.assigned("0001"), [MAI]);
    write.status = status("Closed");
    write.assignment = assigned_to(Some(SON));
    bench.done(&Write::SaveTicket(write.clone())).await;
    assert_eq!(bench.one("HD Ticket", "main:case:5")["status"], "Closed");
    assert_eq!(bench.assigned("0001"), [SON]);
    write.assignment = assigned_to(None);
    bench.done(&Write::SaveTicket(write)).await;
    assert!(bench.assigned("0001").is_empty());
}

#[tokio::test]
async fn values_that_the_helpdesk_does_not_know_are_refused_before_anything_is_written() {
    let bench = Bench::new().await;
    let with = |field: &str, value: &str| {
        let mut write = ticket(5, "Máy in");
        write.all.insert(field.to_owned(), value.into());
        write
    };
    let unknown_status = SaveTicket {
        status: status("Đã xong"),
        ..ticket(5, "Máy in")
    };
    for (write, doctype) in [
        (unknown_status.clone(), "HD Ticket Status"),
        (with("priority", "Rất gấp"), "HD Ticket Priority"),
        (with("ticket_type", "Khác"), "HD Ticket Type"),
        (with("agent_group", "Đội 9"), "HD Team"),
    ] {
        let why = bench.refused(&Write::SaveTicket(write)).await;
        assert!(why.contains(&format!("no {doctype} `")), "{why}");
        assert!(why.contains("revive"), "{why}");
    }
    assert!(bench.all("HD Ticket").is_empty());
    // A status that was made after the list was read is seen at once.
    let made = json!({
        "doctype": "HD Ticket Status", "label_agent": "Đã xong", "category": "Resolved", "color": "Green",
    });
    let made: frappe::Document = serde_json::from_value(made).unwrap();
    bench
        .hub
        .insert("HD Ticket Status", &made)
        .await
        .into_result()
        .unwrap();
    bench.done(&Write::SaveTicket(unknown_status)).await;
    assert_eq!(bench.one("HD Ticket", "main:case:5")["status"], "Đã xong");
}

#[tokio::test]
async fn a_ticket_of_nobody_known_is_not_the_hubs_own() {
    let bench = Bench::new().await;
    // The hub has a contact of its own, which the site would take.
    assert!(
        bench
            .all("Contact")
            .iter()
            .any(|contact| contact["email_id"] == HUB)
    );
    let write = Write::SaveTicket(SaveTicket {
        requester: Some(key("user", 1)),
        ..ticket(5, "Máy in")
    });
    bench.done(&write).await;
    let made = bench.one("HD Ticket", "main:case:5");
    assert_eq!(
        (&made["contact"], &made["raised_by"]),
        (&Value::Null, &NOBODY.into())
    );
    // Later it is known.
    for known in [shop(), an()] {
        bench.done(&known).await;
    }
    let link = Link {
        one: links::record_of(&key("case", 5)),
        other: links::record_of(&key("user", 1)),
    };
    bench.store.record_links(vec![link], now()).await.unwrap();
    let join = Write::Join(Join {
        key: key("user", 1),
    });
    assert_eq!(bench.done(&join).await["joined"], 1);
    let joined = bench.one("HD Ticket", "main:case:5");
    assert_eq!(joined["raised_by"], "an@shop.example");
    assert_eq!(joined["customer"], "Shop");
    assert_eq!(bench.done(&join).await["joined"], 0);
}

#[tokio::test]
async fn a_contact_that_comes_while_the_ticket_is_inserted_is_not_missed() {
    let bench = Bench::new().await;
    bench.done(&shop()).await;
    let ticket = Write::SaveTicket(SaveTicket {
        requester: Some(key("user", 1)),
        ..ticket(5, "Máy in")
    });
    // The insert waits until the contact is there and its join has found no ticket.
    bench.site_faults(json!([{
        "when": "POST /api/resource/HD Ticket", "times": 1, "delay_ms": 400,
    }]));
    let others = async {
        bench.done(&an()).await;
        let join = Write::Join(Join {
            key: key("user", 1),
        });
        bench.done(&join).await;
    };
    let (_, ()) = tokio::join!(bench.done(&ticket), others);
    let joined = bench.one("HD Ticket", "main:case:5");
    assert_eq!(joined["customer"], "Shop");
    assert_eq!(joined["raised_by"], "an@shop.example");
}

#[tokio::test]
async fn a_phone_that_one_contact_has_alone_names_the_requester() {
    let phone = |name: &str, phone: &str| {
        json!({
            "doctype": "Contact", "name": name, "first_name": name, "phone_nos": [{"phone": phone}],
        })
    };
    for (contacts, expected) in [
        (vec![phone("A", "+84901234567")], Some("A")),
        (
            vec![phone("A", "0901234567"), phone("B", "84901234567")],
            None,
        ),
        (vec![phone("A", "0901234568")], None),
    ] {
        let bench = Bench::with(Default::default(), contacts).await;
        let write = SaveTicket {
            requester_phone: Some("0901234567".to_owned()),
            ..ticket(5, "Máy in")
        };
        bench.done(&Write::SaveTicket(write)).await;
        let made = bench.one("HD Ticket", "main:case:5");
        assert_eq!(made["contact"].as_str(), expected);
        assert_eq!(made["raised_by"], NOBODY);
    }
}

#[tokio::test]
async fn an_agent_whom_the_helpdesk_does_not_have_is_told_without_the_address() {
    let bench = Bench::new().await;
    let write = SaveTicket {
        assignment: assigned_to(Some("left@helpdesk.example")),
        ..ticket(5, "Máy in")
    };
    let why = bench.refused(&Write::SaveTicket(write)).await;
    assert!(why.contains("is saved") && !why.contains("left@"), "{why}");
    bench.one("HD Ticket", "main:case:5");
}

#[tokio::test]
async fn no_mail_is_asked_for() {
    // With the acknowledgement switched on and no account to send it from, an insert fails.
    let settings = json!({"doctype": "HD Settings", "send_acknowledgement_email": 1});
    let bench = Bench::with(Default::default(), vec![settings]).await;
    bench.done(&Write::SaveTicket(full(5))).await;
    bench.one("HD Ticket", "main:case:5");
}
