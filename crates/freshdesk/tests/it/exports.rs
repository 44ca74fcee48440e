//! The export of an account is the same account.

use std::collections::BTreeMap;

use freshdesk::{
    export::{Bounds, Export, User},
    record::{Ticket, TicketId},
};
use simulators::freshdesk::{
    Edge, Place, Sample,
    export::{Export as Written, Form},
};

use super::{account, running};

#[tokio::test]
async fn every_form_of_an_export_says_what_the_api_says() {
    let running = running().await;
    let (account, records) = (account(&running), running.desk.records());
    let mut of_api = BTreeMap::new();
    for ticket in records
        .tickets
        .values()
        .filter(|ticket| ticket.place != Place::Archived)
    {
        let id = TicketId(ticket.number);
        of_api.insert(id, account.ticket(id).await.unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut forms = Vec::new();
    for form in [Form::Json, Form::Xml] {
        let written = Written {
            form,
            tickets_per_file: 25,
            ..Written::default()
        };
        let own = folder.path().join(format!("{form:?}"));
        std::fs::create_dir(&own).unwrap();
        let tickets = || records.tickets.values().cloned();
        written.to_folder(&own, &records, tickets()).unwrap();
        let zip = folder.path().join(format!("{form:?}.zip"));
        written.to_zip(&zip, &records, tickets()).unwrap();
        for path in [own, zip] {
            let export = Export::open(&path, Bounds::default()).unwrap();
            assert_eq!(export.oddities(), [], "{path:?}");
            let tickets: Vec<Ticket> = export
                .tickets()
                .map(|ticket| ticket.unwrap().value)
                .collect();
            assert_eq!(tickets.len(), records.tickets.len());
            let agents = export
                .users()
                .filter(|user| matches!(user.as_ref().unwrap().value, User::Agent(_)))
                .count();
            assert_eq!(agents, records.agents.len());
            assert_eq!(export.users().count() - agents, records.contacts.len());
            assert_eq!(
                export.companies().filter_map(Result::ok).count(),
                records.companies.len()
            );
            assert_eq!(
                export.time_entries().filter_map(Result::ok).count(),
                records.time_entries.len()
            );
            forms.push(tickets);
        }
    }
    for tickets in &forms {
        for (one, other) in tickets.iter().zip(&forms[0]) {
            assert_eq!(one, other);
        }
    }
    for exported in &forms[0] {
        let Some(read) = of_api.get(&exported.id) else {
            assert_eq!(exported.id.0, Edge::Archived.number());
            continue;
        };
        check(exported, read, &running.files_url);
    }
}

/// What both say of a ticket.
fn check(exported: &Ticket, read: &Ticket, files_url: &str) {
    let id = exported.id;
    let html = |text: &Option<String>| {
        text.as_deref()
            .unwrap_or_default()
            .replace(files_url, "https://attachment.freshdesk.com")
    };
    assert_eq!(exported.subject, read.subject, "{id}");
    assert_eq!(html(&exported.description), html(&read.description), "{id}");
    assert_eq!(
        (exported.status(), exported.priority(), exported.source()),
        (read.status(), read.priority(), read.source()),
        "{id}"
    );
    assert_eq!(
        (&exported.kind, &exported.tags),
        (&read.kind, &read.tags),
        "{id}"
    );
    assert_eq!(
        (exported.requester_id, exported.responder_id),
        (read.requester_id, read.responder_id),
        "{id}"
    );
    assert_eq!(
        (exported.group_id, exported.company_id),
        (read.group_id, read.company_id),
        "{id}"
    );
    assert_eq!(exported.custom_fields, read.custom_fields, "{id}");
    assert_eq!(exported.cc_emails, read.cc_emails, "{id}");
    assert_eq!(
        (exported.created_at, exported.updated_at),
        (read.created_at, read.updated_at),
        "{id}"
    );
    assert_eq!(exported.closed_at(), read.closed_at(), "{id}");
    let files = |ticket: &Ticket| {
        ticket
            .attachments
            .iter()
            .map(|file| (file.id, file.name.clone(), file.size))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(exported), files(read), "{id}");
    let said = |ticket: &Ticket| {
        let said = ticket
            .conversations
            .iter()
            .filter(|item| item.deleted != Some(true));
        said.map(|item| {
            (
                item.id,
                html(&item.body),
                item.private,
                item.incoming,
                item.user_id,
                item.attachments.len(),
                item.created_at,
            )
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(said(exported), said(read), "{id}");
}

#[test]
fn a_large_export_is_read_record_by_record() {
    let sample = Sample {
        tickets: 1_500,
        ..Sample::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.zip");
    let written = Written::default();
    written
        .to_zip(
            &path,
            &simulators::freshdesk::Records::default(),
            (1..=sample.tickets).map(|number| sample.ticket(number)),
        )
        .unwrap();
    let export = Export::open(&path, Bounds::default()).unwrap();
    let places: Vec<_> = export
        .files()
        .filter(|file| file.what == freshdesk::export::What::Tickets)
        .map(|file| file.number)
        .collect();
    assert_eq!(places, (0..5).map(Some).collect::<Vec<_>>());
    let ids = export.tickets().map(|ticket| ticket.unwrap().value.id.0);
    assert!(ids.eq(1..=sample.tickets));
}
