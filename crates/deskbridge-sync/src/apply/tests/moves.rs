//! Tickets whose requester changes, and users who move.

use super::{
    revived::{Hub, shown},
    *,
};

const AT: i64 = 1_767_580_200_000;

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write it down in place"
)]
fn user(id: u64, second: i64, more: Value) -> Value {
    let mut user = json!({
        "id": id, "username": format!("User {id}"), "email": format!("user{id}@shop.example"),
        "updated_at": AT + second * 1_000,
    });
    let fields = user.as_object_mut().unwrap();
    fields.extend(more.as_object().cloned().unwrap());
    json!({"object": "user", "action": "update", "user": user})
}

fn organization(id: u64) -> Value {
    let organization =
        json!({"organization_id": id, "organization_name": format!("Shop {id}"), "updated_at": AT});
    json!({"object": "organization", "action": "create", "organization": organization})
}

impl Bench {
    /// Of whom the ticket is: contact, customer and address.
    fn people(&self) -> [Value; 3] {
        let ticket = self.one("HD Ticket", "main:case:7");
        ["contact", "customer", "raised_by"].map(|field| match &ticket[field] {
            Value::String(text) if text.is_empty() => Value::Null,
            other => other.clone(),
        })
    }

    /// Of whom it is to be.
    fn of(&self, user: u64, shop: Option<u64>) -> [Value; 3] {
        let contact = self.one("Contact", &format!("main:user:{user}"));
        [
            contact["name"].clone(),
            shop.map(|shop| format!("Shop {shop}")).into(),
            format!("user{user}@shop.example").into(),
        ]
    }

    async fn all_taken(&self, hub: &Hub, bodies: &[Value]) {
        for body in bodies {
            self.take(hub, body).await;
        }
    }
}

fn nobody() -> [Value; 3] {
    [Value::Null, Value::Null, NOBODY.into()]
}

#[tokio::test]
async fn a_corrected_requester_gets_the_ticket() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let hub = bench.hub_with("");
        let bodies = [
            organization(1),
            organization(2),
            user(5, 0, json!({"organization_id": 1})),
            user(6, 0, json!({"organization_id": 2})),
            shown(0, json!({"ticket_subject": "One", "requester_id": 5})),
        ];
        bench.all_taken(&hub, &bodies).await;
        assert_eq!(bench.people()[0], bench.of(5, None)[0]);
        bench
            .take(&hub, &shown(10, json!({"requester_id": 6})))
            .await;
        let [contact, customer, raised_by] = bench.people();
        assert_eq!(
            [&contact, &raised_by],
            [&bench.of(6, None)[0], &bench.of(6, None)[2]]
        );
        assert!(customer.is_null() || customer == "Shop 2", "{customer}");
    }
}

#[tokio::test]
async fn a_ticket_is_nobodys_until_its_corrected_requester_is_known() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let hub = bench.hub_with("");
        let bodies = [
            user(5, 0, json!({})),
            shown(0, json!({"ticket_subject": "One", "requester_id": 5})),
            shown(10, json!({"requester_id": 6})),
        ];
        bench.all_taken(&hub, &bodies).await;
        assert_eq!(bench.people(), nobody());
        // The former one joins what is theirs, which it is not any more.
        bench
            .all_taken(
                &hub,
                &[organization(1), user(5, 20, json!({"organization_id": 1}))],
            )
            .await;
        assert_eq!(bench.people(), nobody());
        bench.take(&hub, &user(6, 0, json!({}))).await;
        assert_eq!(bench.people(), bench.of(6, None));
    }
}

#[tokio::test]
async fn a_requester_whom_people_chose_stays() {
    let bench = Bench::new().await;
    let hub = bench.hub_with("");
    let bodies = [
        user(5, 0, json!({})),
        user(6, 0, json!({})),
        user(8, 0, json!({})),
        shown(0, json!({"ticket_subject": "One", "requester_id": 5})),
    ];
    bench.all_taken(&hub, &bodies).await;
    let [chosen, ..] = bench.of(8, None);
    let by_hand = frappe::Document::new().with("contact", chosen.as_str());
    let ticket = frappe::Name::from("0001");
    let update = bench.hub.update("HD Ticket", &ticket, &by_hand);
    update.await.into_result().unwrap();
    bench
        .take(&hub, &shown(10, json!({"requester_id": 6})))
        .await;
    assert_eq!(bench.people()[0], chosen);
}

#[tokio::test]
async fn a_contact_that_has_the_number_gives_way_to_the_requester() {
    let binh = json!({"doctype": "Contact", "name": "Binh", "first_name": "Bình", "phone_nos": [{"phone": "0901234567"}]});
    let called = |second: i64, more: Value| {
        let mut event = shown(second, more);
        event["call_info"] = json!({"call_id": "c-1", "caller": "0901234567", "start_time": AT});
        event
    };
    for is_known_first in [true, false] {
        let bench = Bench::with(Default::default(), vec![binh.clone()]).await;
        let hub = bench.hub_with("");
        if is_known_first {
            // Who is known is not whoever else has the number, even before there is a contact.
            let made = json!({"ticket_subject": "One", "requester_id": 5});
            bench.take(&hub, &called(0, made)).await;
            assert_eq!(bench.people(), nobody());
        } else {
            bench
                .take(&hub, &called(0, json!({"ticket_subject": "One"})))
                .await;
            assert_eq!(bench.people(), ["Binh".into(), Value::Null, NOBODY.into()]);
            bench
                .take(&hub, &called(10, json!({"requester_id": 5})))
                .await;
            assert_eq!(bench.people(), nobody());
        }
        bench.take(&hub, &user(5, 0, json!({}))).await;
        assert_eq!(bench.people(), bench.of(5, None));
    }
}

#[tokio::test]
async fn who_moves_to_another_organisation_leaves_the_former_one() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        let hub = bench.hub_with("");
        let bodies = [
            organization(1),
            organization(2),
            user(5, 0, json!({"organization_id": 1})),
            user(6, 0, json!({"organization_id": 1})),
        ];
        bench.all_taken(&hub, &bodies).await;
        let customers = |user: u64| {
            let contact = bench.one("Contact", &format!("main:user:{user}"));
            contacts::customers_of(&bench, &contact)
        };
        bench
            .take(&hub, &user(5, 10, json!({"organization_id": 2})))
            .await;
        assert_eq!(customers(5), ["Shop 2"]);
        assert_eq!(customers(6), ["Shop 1"]);
        // What is linked with the former one is not joined to it any more.
        let join = Write::Join(Join {
            key: key("organization", 1),
        });
        bench.done(&join).await;
        assert_eq!(customers(5), ["Shop 2"]);
        // One that is not known yet is joined when it is.
        bench
            .take(&hub, &user(5, 20, json!({"organization_id": 3})))
            .await;
        assert!(customers(5).is_empty());
        bench.take(&hub, &organization(3)).await;
        assert_eq!(customers(5), ["Shop 3"]);
    }
}
