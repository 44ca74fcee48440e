use super::*;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn an() -> SaveContact {
    SaveContact {
        emails: texts(&["An@shop.example"]),
        phones: texts(&["0901234567"]),
        ..contact(1, "An Nguyễn")
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write it down in place"
)]
fn standing(name: &str, more: Value) -> Value {
    let mut contact = json!({"doctype": "Contact", "name": name, "first_name": name});
    let fields = contact.as_object_mut().unwrap();
    fields.extend(more.as_object().cloned().unwrap());
    contact
}

fn with_email(name: &str, email: &str) -> Value {
    standing(
        name,
        json!({"email_ids": [{"email_id": email, "is_primary": 1}]}),
    )
}

fn with_phone(name: &str, phone: &str) -> Value {
    standing(
        name,
        json!({"phone_nos": [{"phone": phone, "is_primary_phone": 1}]}),
    )
}

/// The customers that a contact belongs to, in the way of the site's release.
pub(super) fn customers_of(bench: &Bench, contact: &Value) -> Vec<Value> {
    let links = contact["links"].as_array().cloned().unwrap_or_default();
    let linked = links.into_iter().map(|link| link["link_name"].clone());
    let customers = bench.all("HD Customer").into_iter();
    let having = customers.filter(|customer| {
        let members = customer["contacts"].as_array().cloned().unwrap_or_default();
        members
            .iter()
            .any(|member| member["contact_name"] == contact["name"])
    });
    linked
        .chain(having.map(|customer| customer["name"].clone()))
        .collect()
}

#[tokio::test]
async fn a_user_becomes_a_contact_with_rows_and_a_customer() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let shop = json!({"customer_name": "Shop"});
        bench.done(&customer(9, shop.clone(), shop)).await;
        let write = Write::SaveContact(SaveContact {
            organization: Some(key("organization", 9)),
            ..an()
        });
        assert_eq!(bench.done(&write).await["how"], "made");
        let made = bench.one("Contact", "main:user:1");
        assert_eq!(made["email_id"], "an@shop.example");
        assert_eq!(made["phone"], "0901234567");
        assert_eq!(made["mobile_no"], "0901234567");
        assert_eq!(customers_of(&bench, &made), ["Shop"]);
        let written = bench.written().len();
        assert_eq!(bench.done(&write).await["how"], "updated");
        assert_eq!(bench.written().len(), written, "nothing was left to write");
    }
}

#[tokio::test]
async fn rows_are_added_to_those_that_people_made() {
    let bench = Bench::new().await;
    bench.done(&Write::SaveContact(an())).await;
    let name = bench.one("Contact", "main:user:1")["name"].clone();
    let name = frappe::Name::from(name.as_str().unwrap());
    let rows = json!([
        {"phone": "0287300001", "is_primary_phone": 1}, {"phone": "+84 901 234 567"},
    ]);
    let by_hand = frappe::Document::new()
        .with("phone_nos", rows)
        .with("designation", "Chủ");
    let update = bench.hub.update("Contact", &name, &by_hand);
    update.await.into_result().unwrap();
    let more = SaveContact {
        emails: texts(&["an@shop.example", "an@home.example"]),
        phones: texts(&["0901234567", "0901234568"]),
        changed: fields(json!({})),
        ..an()
    };
    bench.done(&Write::SaveContact(more)).await;
    let contact = bench.one("Contact", "main:user:1");
    let values = |table: &str, field: &str| -> Vec<Value> {
        let rows = contact[table].as_array().unwrap();
        rows.iter().map(|row| row[field].clone()).collect()
    };
    assert_eq!(
        values("phone_nos", "phone"),
        ["0287300001", "+84 901 234 567", "0901234568"]
    );
    assert_eq!(
        values("email_ids", "email_id"),
        ["an@shop.example", "an@home.example"]
    );
    assert_eq!(contact["phone"], "0287300001");
    assert_eq!(contact["designation"], "Chủ");
    assert_eq!(contact["first_name"], "An Nguyễn");
}

#[tokio::test]
async fn a_contact_is_adopted_only_when_it_is_certainly_the_one() {
    let others = |mut contact: Value| {
        contact[KEY_FIELD] = "main:user:8".into();
        contact
    };
    let email = "an@shop.example";
    let rows = [
        (vec![with_email("A", email)], Some("A")),
        (vec![with_email("A", "AN@SHOP.example")], Some("A")),
        (vec![with_phone("A", "+84901234567")], Some("A")),
        (vec![with_phone("A", "0901234567")], Some("A")),
        (
            vec![with_phone("A", "0901234567"), with_email("B", email)],
            Some("B"),
        ),
        (vec![with_email("A", email), with_email("B", email)], None),
        (
            vec![
                with_phone("A", "0901234567"),
                with_phone("B", "84901234567"),
            ],
            None,
        ),
        (vec![others(with_email("A", email))], None),
        (
            vec![others(with_email("A", email)), with_email("B", email)],
            Some("B"),
        ),
        (vec![with_phone("A", "0901234568")], None),
        // Somebody else of the same office.
        (
            vec![standing(
                "A",
                json!({
                    "email_ids": [{"email_id": "binh@shop.example", "is_primary": 1}],
                    "phone_nos": [{"phone": "0901234567", "is_primary_phone": 1}],
                }),
            )],
            None,
        ),
        (vec![], None),
    ];
    for (contacts, adopted) in rows {
        let count = contacts.len();
        let bench = Bench::with(Default::default(), contacts.clone()).await;
        let before = bench.all("Contact").len();
        let result = bench.done(&Write::SaveContact(an())).await;
        let contact = bench.one("Contact", "main:user:1");
        match adopted {
            Some(name) => {
                assert_eq!(
                    (&result["how"], &contact["name"]),
                    (&"adopted".into(), &name.into())
                );
                // What people called it stays.
                assert_eq!(contact["first_name"], name);
                let address = contact["email_id"].as_str().unwrap();
                assert!(address.eq_ignore_ascii_case(email), "{address}");
                assert_eq!(contact["phone_nos"].as_array().unwrap().len(), 1);
            }
            None => {
                assert_eq!(result["how"], "made", "{contacts:?}");
                assert_eq!(bench.all("Contact").len(), before + 1, "{count}");
            }
        }
    }
}

#[tokio::test]
async fn what_the_site_does_not_take_is_left_out_and_told() {
    let bench = Bench::new().await;
    let write = Write::SaveContact(SaveContact {
        // Fine for us, but not for the site: a label that ends in a hyphen.
        emails: texts(&["an@shop-.example", "not an address"]),
        phones: texts(&["call me"]),
        ..contact(1, "An")
    });
    let result = bench.done(&write).await;
    assert_eq!(result["left_out"], json!(["email_ids"]));
    let contact = bench.one("Contact", "main:user:1");
    assert_eq!(contact["email_ids"], json!([]));
    assert_eq!(contact["phone_nos"], json!([]));
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_tried_again() {
    let bench = Bench::new().await;
    bench.site_faults(json!([{
        "when": "POST /api/resource/Contact", "times": 2, "answer": {"preset": "duplicate_name"},
    }]));
    bench.done(&Write::SaveContact(an())).await;
    bench.one("Contact", "main:user:1");
}

#[tokio::test]
async fn a_contact_that_changed_since_it_was_read_is_read_again() {
    let bench = Bench::new().await;
    bench.done(&Write::SaveContact(an())).await;
    bench.site_faults(json!([{
        "when": "PUT /api/resource/Contact/*", "times": 1, "answer": {"preset": "timestamp_mismatch"},
    }]));
    let renamed = SaveContact {
        changed: fields(json!({"first_name": "Ân"})),
        ..an()
    };
    bench.done(&Write::SaveContact(renamed)).await;
    assert_eq!(bench.one("Contact", "main:user:1")["first_name"], "Ân");
}

#[tokio::test]
async fn a_customer_that_comes_later_is_joined_to_contacts_and_their_tickets() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let of_shop = Write::SaveContact(SaveContact {
            organization: Some(key("organization", 9)),
            ..an()
        });
        bench.done(&of_shop).await;
        let write = SaveTicket {
            requester: Some(key("user", 1)),
            ..ticket(5, "Máy in")
        };
        bench.done(&Write::SaveTicket(write)).await;
        let join = Write::Join(Join {
            key: key("organization", 9),
        });
        let link = Link {
            one: links::record_of(&key("user", 1)),
            other: links::record_of(&key("organization", 9)),
        };
        bench.store.record_links(vec![link], now()).await.unwrap();
        let why = bench.not_sent(&join).await;
        assert!(why.contains("not in the helpdesk yet"), "{why}");
        let shop = json!({"customer_name": "Shop"});
        bench.done(&customer(9, shop.clone(), shop)).await;
        assert_eq!(bench.done(&join).await["joined"], 2);
        let contact = bench.one("Contact", "main:user:1");
        assert_eq!(customers_of(&bench, &contact), ["Shop"]);
        assert_eq!(bench.one("HD Ticket", "main:case:5")["customer"], "Shop");
        assert_eq!(bench.done(&join).await["joined"], 0);
    }
}

#[tokio::test]
async fn a_customer_that_comes_while_the_contact_is_inserted_is_not_missed() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let write = Write::SaveContact(SaveContact {
            organization: Some(key("organization", 9)),
            ..an()
        });
        // The insert waits until the customer is there and its join has found no contact.
        bench.site_faults(json!([{
            "when": "POST /api/resource/Contact", "times": 1, "delay_ms": 400,
        }]));
        let others = async {
            let shop = json!({"customer_name": "Shop"});
            bench.done(&customer(9, shop.clone(), shop)).await;
        };
        let (_, ()) = tokio::join!(bench.done(&write), others);
        let contact = bench.one("Contact", "main:user:1");
        assert_eq!(customers_of(&bench, &contact), ["Shop"]);
    }
}

#[tokio::test]
async fn a_contact_that_gets_a_customer_passes_it_on_to_its_tickets() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let shop = json!({"customer_name": "Shop"});
        bench.done(&customer(9, shop.clone(), shop)).await;
        bench.done(&Write::SaveContact(an())).await;
        let write = SaveTicket {
            requester: Some(key("user", 1)),
            ..ticket(5, "Máy in")
        };
        bench.done(&Write::SaveTicket(write)).await;
        let of_shop = Write::SaveContact(SaveContact {
            organization: Some(key("organization", 9)),
            ..an()
        });
        bench.done(&of_shop).await;
        assert_eq!(bench.one("HD Ticket", "main:case:5")["customer"], "Shop");
    }
}
