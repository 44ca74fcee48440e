//! Lists that are read whole.

use std::collections::BTreeMap;

use freshdesk::{
    Cause, Scan,
    record::{Contact, Ticket, TicketId},
    scan::{ArchiveWalk, ContactFilter, Coverage, TicketFilter},
};
use simulators::freshdesk::{Edge, Place, Sample, Unrest};

use super::{account, faults, running, running_with};

#[tokio::test]
async fn every_list_is_read_whole_through_faults() {
    let running = running().await;
    faults(
        &running,
        r#"[{"when":"GET /api/v2/tickets","skip":1,"times":1,"answer":"hang_up"},
            {"when":"GET /api/v2/contacts","times":2,"answer":"truncate"},
            {"when":"GET /api/v2/companies","times":1,"answer":{"preset":"maintenance"}},
            {"when":"GET /api/v2/agents","times":1,"answer":{"preset":"too_many"}},
            {"when":"GET /api/v2/groups","times":1,"answer":{"preset":"server_error"}}]"#,
    );
    let (account, records) = (account(&running), running.desk.records());
    let expected = |place: Place| {
        let tickets = records
            .tickets
            .values()
            .filter(move |ticket| ticket.place == place);
        tickets.map(|ticket| ticket.number).collect::<Vec<_>>()
    };
    for (filter, place) in [
        (TicketFilter::Usual, Place::Inbox),
        (TicketFilter::Spam, Place::Spam),
        (TicketFilter::Deleted, Place::Deleted),
    ] {
        let mut scan = Scan::tickets(filter);
        let mut read: Vec<u64> = account
            .rest_of(&mut scan)
            .await
            .unwrap()
            .iter()
            .map(|row| row.id.0)
            .collect();
        read.sort_unstable();
        assert_eq!(
            (read, scan.coverage()),
            (expected(place), Coverage::Whole),
            "{filter:?}"
        );
    }
    let mut contacts = Vec::new();
    for filter in [
        ContactFilter::Usual,
        ContactFilter::Blocked,
        ContactFilter::Deleted,
    ] {
        contacts.extend(account.rest_of(&mut Scan::contacts(filter)).await.unwrap());
    }
    contacts.sort_by_key(|contact: &Contact| contact.id);
    let ids: Vec<u64> = contacts.iter().map(|contact| contact.id.0).collect();
    assert_eq!(ids, Vec::from_iter(records.contacts.into_keys()));
    assert_eq!(
        account.rest_of(&mut Scan::companies()).await.unwrap().len(),
        records.companies.len()
    );
    assert_eq!(
        account.rest_of(&mut Scan::agents()).await.unwrap().len(),
        records.agents.len()
    );
    assert_eq!(
        account.rest_of(&mut Scan::groups()).await.unwrap().len(),
        records.groups.len()
    );
    assert_eq!(
        account.rest_of(&mut Scan::ratings()).await.unwrap().len(),
        records.ratings.len()
    );
    assert_eq!(
        account
            .rest_of(&mut Scan::time_entries())
            .await
            .unwrap()
            .len(),
        records.time_entries.len()
    );
}

#[tokio::test]
async fn tickets_that_change_while_they_are_read_are_seen_with_their_last_state() {
    let sample = Sample {
        tickets: 900,
        conversations_max: 1,
        changed_at_once: 400,
        ..Sample::default()
    };
    let running = running_with(&sample).await;
    let account = account(&running);
    let unrest = Unrest {
        random: fastrand::Rng::with_seed(11),
        changes_max: 30,
        times: 12,
    };
    running.desk.set_unrest(Some(unrest));
    // Answers get lost, and after each the program dies and goes on from what it wrote down.
    faults(
        &running,
        r#"[{"when":"GET /api/v2/tickets","skip":2,"times":3,"answer":"hang_up"},
            {"when":"GET /api/v2/tickets","skip":5,"times":2,"answer":"truncate"}]"#,
    );
    let mut seen: BTreeMap<TicketId, Ticket> = BTreeMap::new();
    let mut scan = Scan::tickets(TicketFilter::Usual);
    for pass in 0..2 {
        while let Some(rows) = account.advance(&mut scan).await.unwrap() {
            seen.extend(rows.fresh.into_iter().map(|row| (row.id, row)));
            let written = serde_json::to_string(scan.position()).unwrap();
            scan = Scan::resume(serde_json::from_str(&written).unwrap()).unwrap();
        }
        assert_eq!(scan.coverage(), Coverage::Whole);
        if pass == 0 {
            scan = scan.next_pass();
        }
    }
    let records = running.desk.records();
    let listed = records
        .tickets
        .values()
        .filter(|ticket| ticket.place == Place::Inbox);
    let mut count = 0;
    for ticket in listed {
        let read = seen.get(&TicketId(ticket.number));
        let read = read.unwrap_or_else(|| panic!("ticket {} was never seen", ticket.number));
        assert_eq!(
            read.subject.as_ref(),
            Some(&ticket.subject),
            "ticket {}",
            ticket.number
        );
        count += 1;
    }
    assert_eq!(seen.len(), count);
    assert!(
        records
            .tickets
            .values()
            .any(|ticket| ticket.subject.ends_with('!')),
        "nothing was changed"
    );
}

#[tokio::test]
async fn a_page_that_is_no_list_of_the_account_stops_the_scan_where_it_is() {
    let running = running().await;
    let account = account(&running);
    for (script, expected) in [
        (
            r#"[{"times":1,"answer":{"preset":"suspended"}}]"#,
            "a page for people came in place of an answer (200)",
        ),
        (
            r#"[{"times":1,"answer":{"status":200,"json":{"tickets":[]}}}]"#,
            "the answer has an unexpected shape: it is no list",
        ),
        (
            r#"[{"times":1,"answer":{"status":200,"json":[
                {"id":1,"updated_at":"2025-01-02T00:00:00Z"},{"id":2,"updated_at":"2025-01-01T00:00:00Z"}]}}]"#,
            "the list is not the one that was asked for",
        ),
        (
            r#"[{"times":1,"answer":{"status":400,"json":{"description":"Validation failed"}}}]"#,
            "the request was refused (400)",
        ),
    ] {
        faults(&running, script);
        let mut scan = Scan::tickets(TicketFilter::Usual);
        let before = scan.clone();
        let error = account.advance(&mut scan).await.unwrap_err();
        let asked = "page 1 of tickets since 1970-01-01T00:00:00Z could not be read";
        assert_eq!(error.to_string(), format!("{asked}: {expected}"));
        assert_eq!(scan, before);
    }
}

#[tokio::test]
async fn archived_tickets_are_found_by_their_numbers() {
    let running = running().await;
    let account = account(&running);
    let listed = account
        .rest_of(&mut Scan::tickets(TicketFilter::Usual))
        .await
        .unwrap();
    let known = |id: TicketId| listed.iter().any(|ticket| ticket.id == id);
    let mut walk = ArchiveWalk::new(TicketId(1), TicketId(60));
    let mut found = Vec::new();
    while let Some(id) = walk.ask(known) {
        let read = account.archived_ticket(id).await;
        walk.take(read.is_ok());
        match read {
            Ok(ticket) => found.push(ticket),
            Err(error) => assert!(matches!(error.cause, Cause::Missing), "{error}"),
        }
    }
    let held = &running.desk.records().tickets[&Edge::Archived.number()];
    let [ticket] = found.as_slice() else {
        panic!("{} were found", found.len())
    };
    assert_eq!(
        (ticket.id.0, ticket.conversations.len()),
        (held.number, held.conversations.len())
    );
    assert_eq!((walk.found, walk.missing), (1, 2));
}
