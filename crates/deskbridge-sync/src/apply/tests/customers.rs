use super::*;

fn haravan(name: &str) -> Value {
    json!({ "customer_name": name, "domain": "may.example" })
}

#[tokio::test]
async fn an_organisation_becomes_a_customer_once_and_is_kept_up_to_date() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let write = customer(1, haravan("Mây Trắng"), haravan("Mây Trắng"));
        assert_eq!(bench.done(&write).await["how"], "made");
        assert_eq!(bench.done(&write).await["how"], "updated");
        let made = bench.one("HD Customer", "main:organization:1");
        assert_eq!(made["name"], "Mây Trắng");
        assert_eq!(made["domain"], "may.example");
        // The second time there was nothing to write.
        assert_eq!(bench.written(), ["POST /api/resource/HD Customer"]);

        let renamed = json!({"customer_name": "Mây Hồng", "domain": "hong.example"});
        bench.done(&customer(1, renamed.clone(), renamed)).await;
        let changed = bench.one("HD Customer", "main:organization:1");
        assert_eq!(changed["name"], "Mây Trắng", "a customer keeps its name");
        assert_eq!(changed["domain"], "hong.example");
    }
}

#[tokio::test]
async fn a_customer_entered_by_hand_is_adopted_and_keeps_what_was_entered() {
    let by_hand = json!({
        "doctype": "HD Customer", "name": "Mây Trắng", "customer_name": "Mây Trắng", "domain": "hand.example",
    });
    let bench = Bench::with(Default::default(), vec![by_hand]).await;
    let write = customer(1, haravan("may TRANG "), haravan("may TRANG "));
    assert_eq!(bench.done(&write).await["how"], "adopted");
    let adopted = bench.one("HD Customer", "main:organization:1");
    assert_eq!(adopted["name"], "Mây Trắng");
    assert_eq!(adopted["domain"], "hand.example");
}

#[tokio::test]
async fn organisations_of_one_name_are_told_apart_by_their_numbers() {
    let bench = Bench::new().await;
    let name = |id: u64| customer(id, haravan("Mây Trắng"), haravan("Mây Trắng"));
    bench.done(&name(1)).await;
    assert_eq!(bench.done(&name(2)).await["name"], "Mây Trắng (2)");
    bench.done(&name(2)).await;
    assert_eq!(bench.all("HD Customer").len(), 2);
}

#[tokio::test]
async fn an_organisation_for_which_no_name_is_left_is_refused() {
    let taken = |name: &str, id: &str| json!({"doctype": "HD Customer", "name": name, "customer_name": name, (KEY_FIELD): id});
    let others = vec![taken("Mây", "other:1"), taken("Mây (2)", "other:2")];
    let bench = Bench::with(Default::default(), others).await;
    let why = bench
        .refused(&customer(2, haravan("Mây"), haravan("Mây")))
        .await;
    assert!(why.contains("rename one of them"), "{why}");
}

#[tokio::test]
async fn a_customer_made_while_it_was_looked_for_is_found_the_next_time() {
    // The name: somebody else's customer comes between the look and the insert.
    let bench = Bench::new().await;
    bench.site_faults(json!([{
        "when": "POST /api/resource/HD Customer", "times": 1, "answer": {"preset": "duplicate_name"},
    }]));
    let write = customer(1, haravan("Mây"), haravan("Mây"));
    assert_eq!(bench.done(&write).await["name"], "Mây");
    // The key: another program wrote the same organisation.
    let bench = Bench::new().await;
    let twins = bench.attempt(&write, false);
    let (one, other) = tokio::join!(twins, bench.attempt(&write, true));
    for outcome in [one, other] {
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
    bench.one("HD Customer", "main:organization:1");
}

#[tokio::test]
async fn nothing_is_written_to_a_site_without_the_fields() {
    let mut bench = Bench::new().await;
    let write = customer(1, haravan("Mây"), haravan("Mây"));
    for is_unique in [None, Some(0)] {
        let mut data = empty_helpdesk();
        data.documents.retain(|field| field["dt"] != "HD Customer");
        if let Some(unique) = is_unique {
            let mut field = custom_field(&CUSTOM_FIELDS[0]);
            field["unique"] = unique.into();
            data.documents.extend(documents([field]));
        }
        bench.site.site.set_data(&data).unwrap();
        bench.restart();
        let why = bench.not_sent(&write).await;
        assert!(why.contains("deskbridge frappe install"), "{why}");
    }
    assert!(bench.written().is_empty());
}

#[tokio::test]
async fn the_fields_are_such_as_the_site_makes() {
    let bench = Bench::new().await;
    let mut bare = empty_helpdesk();
    bare.documents.clear();
    bench.site.site.set_data(&bare).unwrap();
    for field in CUSTOM_FIELDS {
        let document = frappe::Document::from(field.attributes());
        bench
            .hub
            .insert("Custom Field", &document)
            .await
            .into_result()
            .unwrap();
    }
    bench
        .done(&customer(1, haravan("Mây"), haravan("Mây")))
        .await;
    bench.done(&Write::SaveContact(contact(1, "An"))).await;
    bench.done(&Write::SaveTicket(ticket(1, "Máy in"))).await;
    let by = || Author::ContactCenter;
    bench.done(&comment(1, "a", true, by())).await;
    bench.done(&comment(1, "b", false, by())).await;
}

#[tokio::test]
async fn a_write_of_a_connection_that_is_not_configured_waits() {
    let bench = Bench::new().await;
    let write = Write::Join(Join {
        key: SourceKey::new("other", "user", 1),
    });
    let why = bench.not_sent(&write).await;
    assert!(why.contains("`other`"), "{why}");
}
