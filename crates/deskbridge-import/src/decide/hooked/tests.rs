use deskbridge_hooks::decision::Kind as Failed;
use serde_json::json;

use super::*;
use crate::record::{Attachment, Customer, Message, Ticket};

fn ticket() -> Record {
    let file = |attachment: u64| Attachment {
        name: Some("bill.pdf".to_owned()),
        remote: Some(Remote {
            ticket: 5,
            attachment,
            link: Some(format!("https://files.example/{attachment}?secret")),
        }),
        ..Attachment::default()
    };
    let fields = json!({"custom_branch": "north", "custom_orgid": "7"});
    Record::Ticket(Box::new(Ticket {
        id: "5".to_owned(),
        subject: Some("Late".to_owned()),
        tags: vec!["a".to_owned(), "b".to_owned()],
        fields: fields.as_object().unwrap().clone(),
        attachments: vec![file(1)],
        messages: vec![Message {
            id: "m1".to_owned(),
            attachments: vec![file(2)],
            ..Message::default()
        }],
        ..Ticket::default()
    }))
}

fn changing(data: &Value) -> Decision {
    Decision::Changed(Change {
        data: data.as_object().unwrap().clone(),
        ..Change::default()
    })
}

fn with(change: impl FnOnce(&mut Ticket)) -> Hooked {
    let Record::Ticket(mut ticket) = ticket() else {
        unreachable!()
    };
    change(&mut ticket);
    Hooked::Changed(Record::Ticket(ticket))
}

#[test]
fn an_answer_is_laid_over_the_record() {
    let rows = [
        (
            json!({"subject": "Urgent: late"}),
            with(|ticket| ticket.subject = Some("Urgent: late".to_owned())),
        ),
        (
            json!({"subject": null}),
            with(|ticket| ticket.subject = None),
        ),
        (
            json!({"tags": ["c"]}),
            with(|ticket| ticket.tags = vec!["c".to_owned()]),
        ),
        (
            json!({"fields": {"custom_orgid": null, "custom_area": 3}}),
            with(|ticket| {
                ticket.fields.remove("custom_orgid");
                ticket.fields.insert("custom_area".to_owned(), json!(3));
            }),
        ),
        (
            json!({"requester": {"email": "an@tra.example"}, "kind": "ticket", "id": "5"}),
            with(|ticket| {
                let email = Some("an@tra.example".to_owned());
                let nobody = crate::record::Person::default();
                ticket.requester = Some(crate::record::Person { email, ..nobody });
            }),
        ),
        (json!({"subject": "Late"}), Hooked::AsRead(None)),
    ];
    for (data, expected) in rows {
        assert_eq!(hooked(&ticket(), &changing(&data)), expected, "{data}");
    }
}

#[test]
fn links_to_files_are_not_told_and_not_lost() {
    let told = told(&ticket()).to_string();
    assert!(
        told.contains("bill.pdf") && !told.contains("secret"),
        "{told}"
    );
    // The files change their places, and a new one has no link.
    let file = |attachment| json!({"name": "x", "remote": {"ticket": 5, "attachment": attachment}});
    let data = json!({"attachments": [file(2), file(3)], "messages": []});
    let Hooked::Changed(Record::Ticket(changed)) = hooked(&ticket(), &changing(&data)) else {
        panic!("not changed")
    };
    let links = changed.attachments.iter();
    let links: Vec<Option<&str>> = links
        .map(|file| file.remote.as_ref().unwrap().link.as_deref())
        .collect();
    assert_eq!(links, [Some("https://files.example/2?secret"), None]);
}

#[test]
fn what_is_no_record_leaves_it_as_it_was_and_is_told_without_values() {
    let rows = [
        (
            json!({"colour": "red"}),
            "data.colour does not fit a ticket",
        ),
        (json!({"tags": "red"}), "data.tags does not fit a ticket"),
        (
            json!({"subject": "fine", "created_at": "red"}),
            "data.created_at does not fit a ticket",
        ),
        (
            json!({"id": "red"}),
            "data.id is what the record is found again by",
        ),
        (
            json!({"kind": "customer"}),
            "data.kind is what the record is found again by",
        ),
    ];
    for (data, why) in rows {
        let Hooked::AsRead(Some(problem)) = hooked(&ticket(), &changing(&data)) else {
            panic!("{data}")
        };
        let told = problem.to_string();
        assert!(told.ends_with(why) && !told.contains("red"), "{told}");
        assert_eq!(problem.severity(), super::super::Severity::Changes);
    }
}

#[test]
fn a_record_is_left_out_when_the_hook_says_so_and_only_then() {
    let customer = Record::Customer(Customer {
        id: "c1".to_owned(),
        ..Customer::default()
    });
    let ignoring = Decision::Changed(Change {
        action: Some(Action::Ignore),
        ..Change::default()
    });
    for decision in [ignoring, Decision::Cancelled] {
        let why = "the hook import_record leaves it out".to_owned();
        let left_out = Hooked::LeftOut(Problem::LeftOut { why });
        assert_eq!(hooked(&customer, &decision), left_out, "{decision:?}");
    }
    let unchanged = |why| hooked(&customer, &Decision::Unchanged { why });
    assert_eq!(unchanged(Why::NoHook), Hooked::AsRead(None));
    assert_eq!(unchanged(Why::Wanted), Hooked::AsRead(None));
    let failed = Why::Failed {
        how: Failed::TimedOut,
        what: "it did not answer in time".to_owned(),
    };
    for (why, told) in [
        (
            failed,
            "failed, and everything went on without it: it did not answer in time",
        ),
        (Why::Suspended, "kept failing and is left alone for a while"),
    ] {
        let problem = Problem::Hook {
            why: format!("the hook import_record {told}"),
        };
        assert_eq!(unchanged(why), Hooked::AsRead(Some(problem)));
    }
}
