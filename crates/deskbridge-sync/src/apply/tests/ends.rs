use super::*;

fn end(id: u64, why: End) -> EndTicket {
    EndTicket {
        key: key("case", id),
        why,
        status: Some("Closed".to_owned()),
        tag: Some("caresoft đã xoá".to_owned()),
        is_deleted: false,
    }
}

#[tokio::test]
async fn a_ticket_that_is_over_gets_status_tag_and_where_it_went() {
    for versions in releases() {
        let bench = Bench::with(versions, vec![]).await;
        for id in [5, 6] {
            bench.done(&Write::SaveTicket(ticket(id, "Máy in"))).await;
        }
        let primary = bench.one("HD Ticket", "main:case:6")["name"].clone();
        let primary = primary.to_string();
        let primary = primary.trim_matches('"');
        for (id, expected) in [
            (
                6,
                format!("<p>Merged into case 6 of CareSoft (ticket #{primary}).</p>"),
            ),
            (7, "<p>Merged into case 7 of CareSoft.</p>".to_owned()),
        ] {
            let write = Write::EndTicket(end(5, End::MergedInto(key("case", id))));
            bench.done(&write).await;
            bench.done(&write).await;
            let note = bench.one(
                "HD Ticket Comment",
                &format!("main:case:5:merged_into:{id}"),
            );
            assert_eq!(note["content"], expected);
        }
        let ended = bench.one("HD Ticket", "main:case:5");
        assert_eq!(ended["status"], "Closed");
        assert_eq!(ended["_user_tags"], ",caresoft đã xoá");
        assert_eq!(bench.one("HD Ticket", "main:case:6")["status"], "Open");
    }
}

#[tokio::test]
async fn a_ticket_that_was_deleted_may_be_deleted_here_too() {
    let bench = Bench::new().await;
    let gone = Write::EndTicket(EndTicket {
        is_deleted: true,
        ..end(5, End::Deleted)
    });
    assert_eq!(bench.done(&gone).await["missing"], true);
    assert_eq!(
        bench.done(&Write::EndTicket(end(5, End::Deleted))).await["missing"],
        true
    );
    bench.done(&Write::SaveTicket(ticket(5, "Máy in"))).await;
    bench
        .done(&comment(5, "a", false, Author::ContactCenter))
        .await;
    assert_eq!(bench.done(&gone).await["deleted"], true);
    assert!(bench.all("HD Ticket").is_empty());
    assert_eq!(bench.done(&gone).await["missing"], true);
}

#[tokio::test]
async fn a_ticket_that_others_link_to_is_not_deleted() {
    let bench = Bench::new().await;
    bench.done(&Write::SaveTicket(ticket(5, "Máy in"))).await;
    bench.done(&Write::SaveTicket(ticket(6, "Máy in"))).await;
    let split = frappe::Document::new().with("ticket_split_from", "0001");
    bench
        .hub
        .update("HD Ticket", &"0002".into(), &split)
        .await
        .into_result()
        .unwrap();
    let write = Write::EndTicket(EndTicket {
        is_deleted: true,
        ..end(5, End::Deleted)
    });
    let why = bench.refused(&write).await;
    assert!(why.contains("take those links away"), "{why}");
}
