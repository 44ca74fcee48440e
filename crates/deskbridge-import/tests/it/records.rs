//! What becomes of records.

use deskbridge_import::{Error, decide::Severity, dry_run, record::Kind, target, verify::Wrong};
use frappe::Document;
use serde_json::{Value, json};
use simulators::frappe::{Version, Versions};

use crate::{
    backwards::verified,
    bench::{Bench, MAI, case, cases, counts},
};

#[tokio::test]
async fn a_ticket_arrives_with_all_that_belongs_to_it() {
    let bench = Bench::new().await;
    let summary = bench.run(&bench.lines(&case(1))).await;
    for kind in Kind::ALL {
        assert_eq!(summary.counts[&kind], counts(1, 0, 0, 0), "{kind}");
    }
    let tickets = bench.all("HD Ticket").await;
    let ticket = &tickets[0];
    let text = |field: &str| ticket.to_text(field).unwrap_or_default();
    assert_eq!(text("subject"), "Đơn hàng 1");
    assert_eq!(
        (text("status"), text("status_category")),
        ("Closed".to_owned(), "Resolved".to_owned())
    );
    assert_eq!(
        (text("customer"), text("priority")),
        ("Trà Sớm 1".to_owned(), "High".to_owned())
    );
    assert_eq!(text("raised_by"), "an1@tra.example");
    // In the site's zone, seven hours ahead.
    assert!(
        text("creation").starts_with("2024-05-10 10:00:00"),
        "{}",
        text("creation")
    );
    assert!(text("resolution_date").starts_with("2024-05-12 10:00:00"));
    assert!(text("first_responded_on").starts_with("2024-05-10 11:00:00"));
    assert!(text("last_customer_response").starts_with("2024-05-10 10:00:00"));
    let messages = bench.all("Communication").await;
    let said: Vec<[String; 4]> = messages
        .iter()
        .map(|message| {
            ["sent_or_received", "sender", "content", "user"]
                .map(|field| message.to_text(field).unwrap_or_default())
        })
        .collect();
    assert_eq!(
        said[0][..3],
        ["Received", "an1@tra.example", "<p>Không thấy đơn</p>"]
    );
    assert_eq!(said[1], ["Sent", MAI, "<p>Đang xem</p>", MAI]);
    assert!(
        messages[1]
            .text("creation")
            .unwrap()
            .starts_with("2024-05-10 11:00:00")
    );
    let comments = bench.all("HD Ticket Comment").await;
    assert_eq!(comments[0].text("commented_by"), Some(MAI));
    let contacts = bench.all("Contact").await;
    let contact = contacts
        .iter()
        .find(|contact| contact.text("custom_import_id").is_some())
        .unwrap();
    assert_eq!(contact.text("email_id"), Some("an1@tra.example"));
    assert_eq!(contact.text("mobile_no"), Some("+84 90 000 0000"));
    assert_eq!(ticket.link("contact"), contact.name());
}

#[tokio::test]
async fn a_second_run_finds_nothing_to_do_and_a_change_is_carried_over() {
    let bench = Bench::new().await;
    bench.run(&bench.lines(&cases(1..=3))).await;
    let requests = || bench.site.site.journal().len();
    let again = bench.run(&bench.lines(&cases(1..=3))).await;
    assert_eq!(again.counts[&Kind::Ticket], counts(0, 0, 3, 0));
    let mut changed = cases(1..=3);
    changed[2]["subject"] = "Đơn hàng khác".into();
    changed[2]["messages"][0]["content"] = "đã gọi".into();
    let more = json!({"id": "3", "how": "received", "content": "cảm ơn", "created_at": "2024-05-13T03:00:00Z"});
    changed[2]["messages"].as_array_mut().unwrap().push(more);
    changed.extend(case(4));
    let before = requests();
    let summary = bench.run(&bench.lines(&changed)).await;
    assert!(requests() > before);
    assert_eq!(summary.counts[&Kind::Ticket], counts(1, 1, 2, 0));
    assert_eq!(summary.counts[&Kind::Customer], counts(1, 0, 3, 0));
    let tickets = bench.all("HD Ticket").await;
    let ticket = tickets
        .iter()
        .find(|ticket| ticket.text("custom_import_id") == Some("old:ticket:1"))
        .unwrap();
    assert_eq!(ticket.text("subject"), Some("Đơn hàng khác"));
    assert_eq!(
        ticket.text("status"),
        Some("Closed"),
        "a message that came later does not open it"
    );
    let of_ticket = |doctype: &'static str, field: &'static str| {
        let bench = &bench;
        let name = ticket.name().unwrap();
        async move {
            let all = bench.all(doctype).await;
            all.into_iter()
                .filter(|one| one.link(field).as_ref() == Some(&name))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(of_ticket("Communication", "reference_name").await.len(), 3);
    let comments = of_ticket("HD Ticket Comment", "reference_ticket").await;
    assert_eq!(comments.len(), 1);
    assert_eq!(comments[0].text("content"), Some("đã gọi"));
}

#[tokio::test]
async fn what_the_site_would_store_wrongly_is_refused_before_it_is_sent_and_fed_back() {
    let bench = Bench::new().await;
    let mut records = cases(1..=2);
    records[2]["status"] = "Chờ khách".into();
    let summary = bench.run(&bench.lines(&records)).await;
    assert_eq!(summary.counts[&Kind::Ticket], counts(1, 0, 0, 1));
    assert_eq!(bench.keys("HD Ticket").await, ["old:ticket:2"]);
    let causes: Vec<String> = summary
        .problems
        .iter()
        .filter(|(severity, ..)| *severity == Severity::Refuses)
        .map(|(_, problem, group)| format!("{} {problem}", group.records))
        .collect();
    assert_eq!(causes.len(), 1);
    assert!(
        causes[0].starts_with("1 HD Ticket.status cannot be `Chờ khách`"),
        "{causes:?}"
    );
    let rejected = std::fs::read_to_string(bench.rejects()).unwrap();
    assert!(
        rejected.starts_with("# records.jsonl line 3: HD Ticket.status"),
        "{rejected}"
    );
    let corrected = rejected.replace("Chờ khách", "Replied");
    let path = bench.folder.path().join("corrected.jsonl");
    std::fs::write(&path, corrected).unwrap();
    let source = deskbridge_import::reader::Source::JsonLines(vec![path]);
    let summary = bench.run(&source).await;
    assert_eq!(summary.counts[&Kind::Ticket], counts(1, 0, 0, 0));
    assert_eq!(
        bench.keys("HD Ticket").await,
        ["old:ticket:1", "old:ticket:2"]
    );
}

#[tokio::test]
async fn what_stands_already_is_brought_up_to_date_and_remembered() {
    let bench = Bench::new().await;
    let insert = async |doctype: &str, fields: Value| {
        let fields: Document = serde_json::from_value(fields).unwrap();
        bench
            .client
            .insert(doctype, &fields)
            .await
            .into_result()
            .unwrap();
    };
    insert("HD Customer", json!({"customer_name": "TRA SOM 1"})).await;
    insert(
        "Contact",
        json!({"first_name": "An", "email_ids": [{"email_id": "an1@tra.example"}]}),
    )
    .await;
    bench.run(&bench.lines(&case(1))).await;
    assert_eq!(bench.all("HD Customer").await.len(), 1);
    let tickets = bench.all("HD Ticket").await;
    assert_eq!(tickets[0].text("customer"), Some("TRA SOM 1"));
    assert_eq!(tickets[0].text("contact"), Some("An"));
    let known = bench
        .store
        .imported(
            "old".to_owned(),
            "contact".to_owned(),
            vec!["p1".to_owned()],
        )
        .await;
    let known = known.unwrap().remove(0);
    assert!(!known.is_made);
    assert_eq!(known.before.unwrap()["first_name"], "An");
}

#[tokio::test]
async fn customers_whose_names_the_site_does_not_tell_apart_stay_two() {
    let bench = Bench::new().await;
    let records = [
        json!({"kind": "customer", "id": "1", "name": "Hoa Mai"}),
        json!({"kind": "customer", "id": "2", "name": "hoa mái"}),
    ];
    let site = target::site(&bench.client, &bench.settings).await.unwrap();
    let source = bench.lines(&records);
    let found = dry_run::dry_run(&source, &site, &bench.settings, |_, _| {});
    let found = found.await.unwrap();
    assert_eq!(found.records[&Kind::Customer], 2);
    assert!(
        found
            .problems
            .iter()
            .any(|(_, problem, _)| problem.to_string().contains("case and accents"))
    );
    bench.run(&bench.lines(&records)).await;
    assert_eq!(
        bench.keys("HD Customer").await,
        ["old:customer:1", "old:customer:2"]
    );
}

#[tokio::test]
async fn a_helpdesk_without_keys_is_not_written_to() {
    let bench = Bench::bare().await;
    let (_orders, receiver) = tokio::sync::watch::channel(Default::default());
    let refused = bench.try_run(&bench.lines(&case(1)), receiver).await;
    assert!(
        matches!(refused, Err(Error::NotReady { .. })),
        "{refused:?}"
    );
    assert_eq!(bench.all("HD Customer").await.len(), 0);
}

#[tokio::test]
async fn files_tags_and_the_agent_arrive_once() {
    let mut bench = Bench::new().await;
    std::fs::write(bench.folder.path().join("a.txt"), "xin chào").unwrap();
    bench.options.files = Some(bench.folder.path().to_owned());
    let mut records = case(1);
    let ticket = &mut records[2];
    ticket["tags"] = json!(["gấp", "đơn, gấp"]);
    ticket["agent"] = MAI.into();
    ticket["attachments"] = json!([{"name": "thư.txt", "path": "a.txt"}]);
    ticket["messages"][1]["attachments"] = json!([{"path": "a.txt"}]);
    bench.faults(
        r#"[{"when": "POST upload_file", "times": 1, "execute": true, "answer": "hang_up"}]"#,
    );
    bench.run(&bench.lines(&records)).await;
    bench.faults("[]");
    bench.store = deskbridge_store::Store::open_inline().unwrap();
    bench.run(&bench.lines(&records)).await;
    let files = bench.all("File").await;
    let attached: Vec<Option<&str>> = files
        .iter()
        .map(|file| file.text("attached_to_doctype"))
        .collect();
    assert_eq!(attached, [Some("HD Ticket"), Some("Communication")]);
    assert_eq!(bench.all("ToDo").await.len(), 1);
    let tickets = bench.all("HD Ticket").await;
    assert_eq!(tickets[0].text("_user_tags"), Some(",gấp,đơn"));
    let (_, differences) = verified(&bench, &bench.lines(&records)).await;
    assert_eq!(differences, []);
    for folder in [bench.options.files.clone(), None] {
        // Without the folder files are known by their names.
        bench.options.files = folder;
        let source = bench.lines(&records);
        bench.faults(r#"[{"when": "GET /api/resource/File", "answer": {"status": 200, "json": {"data": []}}}]"#);
        let (_, differences) = verified(&bench, &source).await;
        bench.faults("[]");
        let wrong: Vec<&Wrong> = differences.iter().map(|one| &one.what).collect();
        let missing = ["thư.txt", "a.txt"].map(|name| Wrong::MissingFile(name.to_owned()));
        assert_eq!(wrong, missing.iter().collect::<Vec<_>>());
        let (_, differences) = verified(&bench, &source).await;
        assert_eq!(differences, []);
    }
    bench.options.files = Some(bench.folder.path().to_owned());
    // A path that leads out of the folder.
    records[2]["attachments"] = json!([{"path": "../a.txt"}]);
    let summary = bench.run(&bench.lines(&records)).await;
    assert_eq!(summary.counts[&Kind::Ticket], counts(0, 0, 0, 1));
}

#[tokio::test]
async fn what_was_deleted_in_the_helpdesk_is_made_again_when_it_changes() {
    let bench = Bench::new().await;
    let mut records = case(1);
    bench.run(&bench.lines(&records)).await;
    for ticket in bench.all("HD Ticket").await {
        let deleted = bench
            .client
            .delete("HD Ticket", &ticket.name().unwrap())
            .await;
        deleted.into_result().unwrap();
    }
    records[2]["subject"] = "Đơn hàng khác".into();
    bench.run(&bench.lines(&records)).await;
    let tickets = bench.all("HD Ticket").await;
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].text("subject"), Some("Đơn hàng khác"));
    let messages = bench.all("Communication").await;
    assert_eq!(messages.len(), 2);
    for message in messages {
        assert_eq!(message.link("reference_name"), tickets[0].name());
    }
}

#[tokio::test]
async fn new_customers_go_several_in_a_request_and_one_by_one_where_one_of_them_is_at_fault() {
    let bench = Bench::new().await;
    let customer = |number: u32| json!({"kind": "customer", "id": number.to_string(), "name": format!("Gốm {number}")});
    let asked = |name: &str| {
        let journal = bench.site.site.journal();
        journal.iter().filter(|entry| entry.name == name).count()
    };
    let several: Vec<Value> = (0..120).map(customer).collect();
    bench.run(&bench.lines(&several)).await;
    assert_eq!(asked("POST frappe.client.insert_many"), 3);
    assert_eq!(asked("POST /api/resource/HD Customer"), 0);
    let mut more: Vec<Value> = (120..130).map(customer).collect();
    more[4]["name"] = "gom 7".into();
    let summary = bench.run(&bench.lines(&more)).await;
    assert_eq!(summary.counts[&Kind::Customer], counts(10, 0, 0, 0));
    assert_eq!(bench.keys("HD Customer").await.len(), 130);
}

#[tokio::test]
async fn a_customer_lists_its_contacts_where_links_mean_nothing() {
    let versions = Versions {
        helpdesk: Version(1, 28, 0),
        ..Versions::default()
    };
    let bench = Bench::of(versions).await;
    let mut records = cases(1..=1);
    records.push(json!({"kind": "contact", "id": "p9", "name": "Bình", "customer": "c1", "emails": ["binh@tra.example"]}));
    bench.run(&bench.lines(&records)).await;
    let customer = bench.all("HD Customer").await[0].name().unwrap();
    let standing = bench.client.get("HD Customer", &customer).await.unwrap();
    let rows = standing.rows("contacts");
    let mut names: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.text("contact_name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Bình", "Lê An"]);
    let source = bench.lines(&records);
    assert_eq!(verified(&bench, &source).await.1, []);
    let kept: Value = rows.into_iter().take(1).map(Value::from).collect();
    let change = Document::new().with("contacts", kept);
    let changed = bench.client.update("HD Customer", &customer, &change).await;
    changed.into_result().unwrap();
    let (_, differences) = verified(&bench, &source).await;
    let wrong: Vec<&Wrong> = differences.iter().map(|one| &one.what).collect();
    assert_eq!(wrong, [&Wrong::MissingMember("Trà Sớm 1".to_owned())]);
}

#[tokio::test]
async fn what_the_site_demands_of_a_ticket_is_missed_before_anything_is_written() {
    let bench = Bench::new().await;
    for attributes in [
        json!({"dt": "HD Ticket", "fieldname": "custom_channel", "label": "Channel", "fieldtype": "Data", "reqd": 1}),
        json!({"dt": "HD Ticket", "fieldname": "custom_team", "label": "Second Team", "fieldtype": "Link", "options": "HD Team"}),
    ] {
        let attributes = serde_json::from_value(attributes).unwrap();
        let made = bench.client.insert("Custom Field", &attributes).await;
        made.into_result().unwrap();
    }
    let mut records = cases(1..=2);
    records[5]["fields"] = json!({"custom_channel": "Zalo", "custom_team": "Nowhere"});
    let site = target::site(&bench.client, &bench.settings).await.unwrap();
    let source = bench.lines(&records);
    let found = dry_run::dry_run(&source, &site, &bench.settings, |_, _| {});
    let found = found.await.unwrap();
    let said: Vec<String> = found
        .problems
        .iter()
        .filter(|(severity, ..)| *severity == Severity::Refuses)
        .map(|(_, problem, group)| format!("{problem} ({})", group.examples.join(", ")))
        .collect();
    assert!(
        said.iter()
            .any(|said| said == "HD Ticket must have `custom_channel` (ticket 1)"),
        "{said:?}"
    );
    assert!(
        said.iter().any(
            |said| said.starts_with("HD Ticket.custom_team cannot be `Nowhere`")
                && said.ends_with("(ticket 2)")
        ),
        "{said:?}"
    );
}
