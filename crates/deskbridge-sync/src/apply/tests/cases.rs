use super::*;

impl Bench {
    fn leads(&self) -> Vec<portal_simulator::Record> {
        self.portal.portal.data().leads
    }

    /// Whether a write of which an attempt may have run is held back.
    async fn held_back(&self, write: &Write) -> bool {
        match self.attempt(write, true).await {
            // Not where the portal itself does not take it.
            Outcome::NotSent(failure) => failure.why.contains("cut off"),
            Outcome::Done(_) => false,
            other => panic!("{other:?}"),
        }
    }

    fn deals(&self) -> Vec<portal_simulator::Record> {
        self.portal.portal.data().deals
    }

    fn change_portal(&self, change: impl FnOnce(&mut portal_simulator::Data)) {
        let mut data = self.portal.portal.data();
        change(&mut data);
        self.portal.portal.set_data(data).unwrap();
    }
}

fn person() -> Option<Person> {
    Some(Person {
        phones: vec!["0901234567".to_owned()],
        emails: vec!["an@shop.example".to_owned()],
    })
}

#[tokio::test]
async fn a_lead_is_made_once_and_kept_up_to_date() {
    let bench = Bench::new().await;
    let mut write = case(7, CaseKind::Lead, "Máy in");
    assert_eq!(
        bench.done(&Write::SaveCase(write.clone())).await["how"],
        "made"
    );
    assert_eq!(
        bench.done(&Write::SaveCase(write.clone())).await["how"],
        "unchanged"
    );
    write.changed = fields(json!({"TITLE": "Máy in hỏng", "STATUS_ID": "IN_PROCESS"}));
    assert_eq!(bench.done(&Write::SaveCase(write)).await["how"], "updated");
    let leads = bench.leads();
    assert_eq!(leads.len(), 1);
    let lead = &leads[0];
    let told = [
        "TITLE",
        "STATUS_ID",
        "OPPORTUNITY",
        "ORIGINATOR_ID",
        "ORIGIN_ID",
    ]
    .map(|name| &lead[name]);
    assert_eq!(
        told,
        [
            "Máy in hỏng",
            "IN_PROCESS",
            "1500.00",
            ORIGINATOR_ID,
            "main:case:7"
        ]
    );
}

#[tokio::test]
async fn a_deal_is_linked_to_the_lead_that_it_was() {
    let bench = Bench::new().await;
    bench
        .done(&Write::SaveCase(case(6, CaseKind::Lead, "Khác")))
        .await;
    bench
        .done(&Write::SaveCase(case(7, CaseKind::Lead, "Máy in")))
        .await;
    let deal = |id: u64| {
        Write::SaveCase(SaveCase {
            was_lead: true,
            ..case(id, CaseKind::Deal, "Máy in")
        })
    };
    bench.done(&deal(7)).await;
    bench.done(&deal(8)).await;
    let deals = bench.deals();
    assert_eq!(deals[0]["LEAD_ID"], bench.leads()[1]["ID"]);
    assert!(
        deals[1].get("LEAD_ID").is_none_or(Value::is_null),
        "{deals:?}"
    );
}

#[tokio::test]
async fn the_one_contact_with_the_number_or_address_is_linked() {
    let contact = |phone: &str, email: &str| {
        json!({
            "NAME": "An",
            "PHONE": [{"VALUE": phone, "VALUE_TYPE": "WORK"}], "EMAIL": [{"VALUE": email, "VALUE_TYPE": "WORK"}],
        })
    };
    let none = || contact("0287300000", "x@x.example");
    for (contacts, expected) in [
        (vec![none(), contact("+84 901 234 567", "")], Some("2")),
        (vec![none(), contact("", "an@shop.example")], Some("2")),
        (
            vec![contact("0901234567", ""), contact("84901234567", "")],
            None,
        ),
        (
            vec![
                contact("0901234567", ""),
                contact("84901234567", ""),
                contact("", "an@shop.example"),
            ],
            Some("3"),
        ),
        (vec![none()], None),
    ] {
        let bench = Bench::new().await;
        bench.change_portal(|data| data.contacts = documents(contacts));
        let write = SaveCase {
            requester: person(),
            ..case(7, CaseKind::Lead, "Máy in")
        };
        bench.done(&Write::SaveCase(write)).await;
        let lead = &bench.leads()[0];
        let linked = lead.get("CONTACT_ID").and_then(Value::as_str);
        assert_eq!(linked.filter(|id| *id != "0"), expected);
    }
}

#[tokio::test]
async fn a_contact_that_comes_later_is_linked_and_one_chosen_by_hand_stays() {
    let bench = Bench::new().await;
    let write = Write::SaveCase(SaveCase {
        requester: person(),
        ..case(7, CaseKind::Lead, "Máy in")
    });
    bench.done(&write).await;
    let an = json!({"NAME": "An", "PHONE": [{"VALUE": "0901234567", "VALUE_TYPE": "WORK"}]});
    bench.change_portal(|data| data.contacts = documents([an, json!({"NAME": "Bình"})]));
    bench.done(&write).await;
    assert_eq!(bench.leads()[0]["CONTACT_ID"], "1");
    bench.change_portal(|data| {
        data.leads[0].insert("CONTACT_ID".to_owned(), "2".into());
    });
    bench.done(&write).await;
    assert_eq!(bench.leads()[0]["CONTACT_ID"], "2");
}

#[tokio::test]
async fn what_people_did_to_a_lead_is_respected() {
    let bench = Bench::new().await;
    let mut write = case(7, CaseKind::Lead, "Máy in");
    bench.done(&Write::SaveCase(write.clone())).await;
    // Converted: its stage stays, the rest follows.
    bench.change_portal(|data| {
        data.leads[0].insert("STATUS_ID".to_owned(), "CONVERTED".into());
    });
    write.changed = fields(json!({"STATUS_ID": "IN_PROCESS", "TITLE": "Mới"}));
    bench.done(&Write::SaveCase(write.clone())).await;
    assert_eq!(bench.leads()[0]["STATUS_ID"], "CONVERTED");
    assert_eq!(bench.leads()[0]["TITLE"], "Mới");
    // Its origin taken away: it is still the same lead.
    bench.change_portal(|data| {
        data.leads[0].insert("ORIGIN_ID".to_owned(), "".into());
    });
    write.changed = fields(json!({"TITLE": "Mới hơn"}));
    bench.done(&Write::SaveCase(write.clone())).await;
    assert_eq!(bench.leads().len(), 1);
    assert_eq!(bench.leads()[0]["TITLE"], "Mới hơn");
    // Deleted: it stays away.
    bench.change_portal(|data| data.leads.clear());
    let result = bench.done(&Write::SaveCase(write)).await;
    assert_eq!(result["left_alone"], "deleted in the CRM");
    assert!(bench.leads().is_empty());
}

#[tokio::test]
async fn a_number_is_not_added_to_a_lead_that_has_it() {
    let bench = Bench::new().await;
    let mut write = case(7, CaseKind::Lead, "Máy in");
    let phone = json!([{"VALUE": "+84901234567", "VALUE_TYPE": "WORK"}]);
    for fields in [&mut write.all, &mut write.changed] {
        fields.insert("PHONE".to_owned(), phone.clone());
    }
    for _ in 0..2 {
        bench.done(&Write::SaveCase(write.clone())).await;
    }
    assert_eq!(bench.leads()[0]["PHONE"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_at_when_the_portal_must_have_ended() {
    for executed in [true, false] {
        let bench = Bench::new().await;
        bench.portal_faults(json!([{
            "when": "crm.lead.add", "times": 1, "execute": executed, "answer": "hang_up",
        }]));
        let write = Write::SaveCase(case(7, CaseKind::Lead, "Máy in"));
        let Outcome::Unknown(failure) = bench.attempt(&write, false).await else {
            panic!("nobody can know");
        };
        assert!(failure.retry_after >= Some(std::time::Duration::from_secs(60)));
        bench.clock.advance(jiff::SignedDuration::from_secs(60));
        assert!(matches!(
            bench.attempt(&write, true).await,
            Outcome::Done(_)
        ));
        assert_eq!(bench.leads().len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_added_again_while_a_cut_attempt_may_be_running() {
    let mut bench = Bench::new().await;
    let write = Write::SaveCase(case(7, CaseKind::Lead, "Máy in"));
    // The journal cut an attempt off, or the program was killed: the request is on its way, and no look finds it.
    let Outcome::NotSent(failure) = bench.attempt(&write, true).await else {
        panic!("it may still be running");
    };
    let rest = failure.retry_after.unwrap();
    assert_eq!(rest, std::time::Duration::from_secs(60));
    let seconds = |seconds| jiff::SignedDuration::from_secs(seconds);
    bench.clock.advance(seconds(59));
    assert!(bench.held_back(&write).await);
    // Another start counts anew.
    bench.restart();
    assert!(bench.held_back(&write).await);
    // It did run.
    bench.done(&write).await;
    assert!(!bench.held_back(&write).await);
    assert_eq!(bench.leads().len(), 1);
    // One that did not run is added in the end.
    let write = Write::SaveCase(case(8, CaseKind::Deal, "Máy in"));
    assert!(bench.held_back(&write).await);
    bench.clock.advance(seconds(60));
    assert!(!bench.held_back(&write).await);
    assert_eq!(bench.deals().len(), 1);
    // It does not wait twice because the portal did not take it.
    let write = Write::SaveCase(case(9, CaseKind::Deal, "Máy in"));
    assert!(bench.held_back(&write).await);
    bench.clock.advance(seconds(60));
    bench.portal_faults(json!([{
        "when": "crm.deal.add", "times": 1, "answer": {"preset": "insufficient_scope"},
    }]));
    for _ in 0..2 {
        assert!(!bench.held_back(&write).await);
    }
}

#[tokio::test]
async fn what_the_portal_refuses_is_told_by_who_can_mend_it() {
    for (preset, is_refused) in [
        ("no_auth_found", false),
        ("insufficient_scope", false),
        ("overload_limit", false),
        ("portal_deleted", false),
        ("access_denied", true),
    ] {
        let bench = Bench::new().await;
        bench.portal_faults(json!([{"when": "crm.lead.add", "answer": {"preset": preset}}]));
        let write = Write::SaveCase(case(7, CaseKind::Lead, "Máy in"));
        let outcome = bench.attempt(&write, false).await;
        match is_refused {
            true => assert!(
                matches!(outcome, Outcome::Refused(_)),
                "{preset}: {outcome:?}"
            ),
            false => assert!(
                matches!(outcome, Outcome::NotSent(_)),
                "{preset}: {outcome:?}"
            ),
        }
    }
}

#[tokio::test]
async fn nothing_is_added_when_the_portal_answers_with_others() {
    let bench = Bench::new().await;
    bench.change_portal(|data| data.leads = documents([json!({"TITLE": "Khác"})]));
    let others = json!({"result": [{"ID": "1", "TITLE": "Khác", "ORIGIN_ID": ""}], "time": {}});
    bench.portal_faults(json!([{
        "when": "crm.lead.list", "answer": {"status": 200, "json": others},
    }]));
    let write = Write::SaveCase(case(7, CaseKind::Lead, "Máy in"));
    let why = bench.refused(&write).await;
    assert!(why.contains("other records"), "{why}");
    assert_eq!(bench.leads().len(), 1);
}

#[tokio::test]
async fn a_deal_moves_to_another_pipeline() {
    let bench = Bench::new().await;
    let in_pipeline = |category: &str, stage: &str, title: &str| {
        let moved = fields(json!({"TITLE": title, "CATEGORY_ID": category, "STAGE_ID": stage}));
        Write::SaveCase(SaveCase {
            all: moved.clone(),
            changed: moved,
            ..case(7, CaseKind::Deal, title)
        })
    };
    for (category, stage, title) in [
        ("1", "C1:NEW", "Máy in"),
        ("2", "C2:EXECUTING", "Máy in"),
        ("0", "WON", "Máy in hỏng"),
    ] {
        bench.done(&in_pipeline(category, stage, title)).await;
        let deal = &bench.deals()[0];
        let told = ["CATEGORY_ID", "STAGE_ID", "TITLE"].map(|name| deal[name].clone());
        assert_eq!(told, [category, stage, title]);
    }
    assert_eq!(bench.deals().len(), 1);
}
