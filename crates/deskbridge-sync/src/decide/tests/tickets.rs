//! What a ticket's events write.

use serde_json::{Value, json};

use super::{
    super::{
        draft::Note,
        write::{Assignment, End, SaveTicket, Status, Write},
    },
    world::{World, account},
};
use crate::settings::Account;

/// An event of ticket 7 at a second.
fn ticket(action: &str, second: i64, more: &Value) -> Vec<u8> {
    let mut ticket = json!({"ticket_id": 7, "updated_at": 1_767_580_200_000_i64 + second * 1000});
    let (Value::Object(fields), Value::Object(more)) = (&mut ticket, more) else {
        panic!("objects")
    };
    fields.extend(more.clone());
    json!({"object": "ticket", "action": action, "ticket": ticket})
        .to_string()
        .into_bytes()
}

fn deletion() -> Vec<u8> {
    br#"{"object": "ticket", "action": "delete", "ticket": {"ticket_id": 7}}"#.to_vec()
}

fn merge(primary: u64, secondaries: &Value) -> Vec<u8> {
    json!({"object": "ticket", "action": "merge", "mergeOption": {"primaryTicket": primary, "secondaryTickets": secondaries,
        "primaryComment": "took it in", "primaryIsPublic": 0, "secondaryComment": "went away", "secondaryIsPublic": 1}})
        .to_string()
        .into_bytes()
}

fn assignment(agent: i64, second: i64) -> Vec<u8> {
    json!({"object": "ticket", "action": "acd_assign", "data": {"ticket_id": 7, "assignee_id": agent, "assign_at": 1_767_580_200_000_i64 + second * 1000}})
        .to_string()
        .into_bytes()
}

fn saved(writes: &[Write]) -> &SaveTicket {
    match writes {
        [Write::SaveTicket(save)] => save,
        _ => panic!("{writes:?}"),
    }
}

const AGENTS: &str = r#"
    [[agents]]
    id = 3
    email = "an@helpdesk.example"
    [[agents]]
    id = 4
    "#;

#[test]
fn the_first_event_may_be_an_update_and_carries_everything() {
    let account = account(AGENTS);
    let shown = json!({"ticket_subject": " A  kettle\nleaks ", "ticket_status": "Pending", "ticket_priority": "urgent",
        "requester_id": 5, "assignee_id": 3, "created_at": 1_767_580_199_500_i64});
    let mut world = World::default();
    let writes = world.take(&account, &ticket("update", 0, &shown));
    let save = saved(&writes);
    let all = json!({"subject": "A kettle leaks", "priority": "Urgent"});
    assert_eq!(json!(save.all), all);
    assert_eq!(json!(save.changed), all);
    assert_eq!(save.key.as_str(), "main:case:7");
    let status = Status {
        name: "Replied".to_owned(),
        has_changed: true,
    };
    assert_eq!(save.status, Some(status));
    let agent = Some("an@helpdesk.example".to_owned());
    let assignment = Assignment {
        agent,
        has_changed: true,
    };
    assert_eq!(save.assignment, Some(assignment));
    assert_eq!(json!(save.requester), "main:user:5");
    // Rounded, as every later event shows it.
    assert_eq!(json!(save.opened_at), "2026-01-05T02:30:00Z");
    let [effect] = world.effects.as_slice() else {
        panic!("one effect")
    };
    assert_eq!(effect.ordering_key.as_str(), "caresoft/main/case:7");
    assert_eq!(
        effect.idempotency_key.as_str(),
        "main:case:7/caresoft.save_ticket@1"
    );
    let link = ("user:5".to_owned(), "case:7".to_owned());
    assert!(world.links.contains(&link), "{:?}", world.links);
}

#[test]
fn a_later_event_writes_what_differs() {
    let account = account(AGENTS);
    let shown = json!({"ticket_subject": "Kettle", "ticket_status": "open", "ticket_priority": "Normal", "assignee_id": 3});
    let mut world = World::of(&account, &[ticket("create", 0, &shown)]);
    let solved = json!({"ticket_subject": "Kettle", "ticket_status": "solved", "ticket_priority": "Normal", "assignee_id": 3});
    let writes = world.take(&account, &ticket("update", 10, &solved));
    let save = saved(&writes);
    assert_eq!(json!(save.changed), json!({}));
    assert_eq!(
        save.status.as_ref().map(|status| status.has_changed),
        Some(true)
    );
    let assignment = save.assignment.as_ref();
    assert_eq!(
        assignment.map(|assignment| assignment.has_changed),
        Some(false)
    );

    let low = json!({"ticket_priority": "Low"});
    let writes = world.take(&account, &ticket("update", 20, &low));
    let save = saved(&writes);
    assert_eq!(json!(save.changed), json!({"priority": "Low"}));
    assert_eq!(save.all["subject"], "Kettle");
    assert_eq!(
        save.status.as_ref().map(|status| status.has_changed),
        Some(false)
    );
}

#[test]
fn an_event_that_changes_nothing_for_the_helpdesk_writes_nothing() {
    let account = account("");
    let shown = json!({"ticket_subject": "Kettle", "ticket_status": "open"});
    let mut world = World::of(&account, &[ticket("create", 0, &shown)]);
    let same = json!({"ticket_subject": "Kettle", "ticket_status": "open", "satisfaction": 5});
    assert_eq!(world.take(&account, &ticket("update", 10, &same)), []);
}

#[test]
fn what_we_planned_ourselves_comes_back_as_nothing() {
    // The values of our own write, back from CareSoft as an event of its own.
    let account = account("");
    let shown = json!({"ticket_subject": "Kettle", "ticket_status": "solved"});
    let mut world = World::of(&account, &[ticket("create", 0, &shown)]);
    let echo =
        json!({"ticket_subject": "Kettle", "ticket_status": "Solved", "ticket_priority": ""});
    assert_eq!(world.take(&account, &ticket("update", 90, &echo)), []);
}

#[test]
fn a_late_event_does_not_undo_what_is_known() {
    let account = account("");
    let newer = json!({"ticket_subject": "New", "ticket_status": "solved"});
    let older =
        json!({"ticket_subject": "Old", "ticket_status": "open", "ticket_priority": "High"});
    let mut world = World::of(&account, &[ticket("update", 10, &newer)]);
    let writes = world.take(&account, &ticket("create", 0, &older));
    // What it alone says is taken all the same.
    assert_eq!(json!(saved(&writes).changed), json!({"priority": "High"}));
    assert_eq!(world.ticket(7)["subject"], "New");
    assert_eq!(world.ticket(7)["status"], "Resolved");
}

#[test]
fn blanks_never_overwrite() {
    let account = account("[ticket]\nfields = { custom_kind = \"custom.addition_field1.value\" }");
    let field = |value: &str| json!([{"id": 1, "field": "addition_field1", "value": value}]);
    let shown = json!({"ticket_subject": "Kettle", "ticket_priority": "High", "requester_id": 5, "addition_fields": field("a")});
    let mut world = World::of(&account, &[ticket("create", 0, &shown)]);
    let blank = json!({"ticket_subject": "", "ticket_priority": null, "requester_id": 0, "addition_fields": field("")});
    assert_eq!(world.take(&account, &ticket("update", 10, &blank)), []);
}

#[test]
fn words_become_what_the_tables_say() {
    let mapping = r#"
        [ticket]
        statuses = { sale = "Selling" }
        source_field = "custom_source"
        sources = { MissCall = "Missed call", voice = "Phone" }
        types = { MissCall = "Incident" }
        type_otherwise = "Question"
        "#;
    let configured = account(mapping);
    let check = |shown: &Value, field: &str, expected: &Value| {
        let mut world = World::default();
        let writes = world.take(&configured, &ticket("update", 0, shown));
        let save = saved(&writes[..1]);
        let value = match field {
            "status" => json!(save.status.as_ref().map(|status| &status.name)),
            field => json!(save.all.get(field)),
        };
        assert_eq!(value, *expected, "{shown} {field}");
    };
    let comment =
        |source: &str| json!({"ticket_source": "Voice", "ticket_comment": {"source": source}});
    check(
        &json!({"ticket_status": "SALE"}),
        "status",
        &json!("Selling"),
    );
    check(&json!({"ticket_status": "lent"}), "status", &json!(null));
    check(&json!({"ticket_priority": "odd"}), "priority", &json!(null));
    check(&comment("MissCall"), "custom_source", &json!("Missed call"));
    check(&comment("Other"), "custom_source", &json!("Phone"));
    check(
        &json!({"ticket_source": "Web"}),
        "custom_source",
        &json!("Web"),
    );
    check(&comment("MissCall"), "ticket_type", &json!("Incident"));
    check(&comment("Other"), "ticket_type", &json!("Question"));
    check(&json!({"ticket_no": 12}), "subject", &json!("CareSoft #12"));
    check(&json!({}), "subject", &json!("CareSoft #7"));

    let mut world = World::default();
    world.take(
        &configured,
        &ticket("update", 0, &json!({"ticket_status": "lent"})),
    );
    let note = Note::NoRow {
        table: "ticket.statuses",
        word: "lent".to_owned(),
    };
    assert_eq!(world.notes, [note]);
}

#[test]
fn a_subject_is_as_long_as_the_helpdesk_takes() {
    let account = account("");
    let mut world = World::default();
    let long = json!({"ticket_subject": "á".repeat(255)});
    let writes = world.take(&account, &ticket("update", 0, &long));
    let subject = saved(&writes).all["subject"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert_eq!(subject.chars().count(), 140);
    assert!(subject.ends_with('…'));
}

#[test]
fn expressions_see_the_ticket_and_its_call() {
    let account = account(&format!(
        "[ticket.fields]\ncustom_a = \"call.called\"\ncustom_b = \"channel\"\ncustom_c = \"agent\"\ncustom_d = \"1 / 0\"\n{AGENTS}"
    ));
    let event = json!({"object": "ticket", "action": "update",
        "ticket": {"ticket_id": 7, "ticket_source": "Voice", "assignee_id": 3, "ticket_comment": {"source": "MissCall"}},
        "call_info": {"call_id": "c", "caller": "0900000456", "called": "19000444"}});
    let mut world = World::default();
    let writes = world.take(&account, event.to_string().as_bytes());
    let save = saved(&writes);
    assert_eq!(save.all["custom_a"], "19000444");
    assert_eq!(save.all["custom_b"], "MissCall");
    assert_eq!(save.all["custom_c"], "an@helpdesk.example");
    assert_eq!(save.requester_phone.as_deref(), Some("0900000456"));
    assert!(!save.all.contains_key("custom_d"));
    assert_eq!(world.notes.len(), 1, "{:?}", world.notes);
    assert!(
        world.notes[0]
            .to_string()
            .contains("ticket.fields.custom_d")
    );
}

#[test]
fn who_works_on_it_is_who_was_said_last() {
    let account = account(AGENTS);
    let agents = |events: &[Vec<u8>]| {
        let world = World::of(&account, events);
        world
            .desk
            .get("main:case:7")
            .map(|ticket| ticket.get("agent").cloned())
    };
    let shown = |agent: i64, second| ticket("update", second, &json!({"assignee_id": agent}));
    let an = Some(Some(json!("an@helpdesk.example")));
    let nobody = Some(Some(json!(null)));
    for (events, expected) in [
        (vec![shown(3, 0)], &an),
        (vec![shown(-1, 0)], &nobody),
        (vec![shown(3, 0), shown(0, 10)], &nobody),
        (vec![shown(-1, 0), assignment(3, 10)], &an),
        (vec![assignment(3, 10), shown(-1, 0)], &an),
        (vec![assignment(3, 0), shown(-1, 10)], &nobody),
        // Not said, and a nobody that the documentation's own sample says of an assignment.
        (vec![shown(3, 0), ticket("update", 10, &json!({}))], &an),
        (vec![shown(3, 0), assignment(0, 10)], &an),
        // Nobody knows where to leave it.
        (vec![shown(4, 0)], &Some(None)),
        (vec![shown(3, 0), shown(9, 10)], &an),
        // An assignment by itself shows no ticket.
        (vec![assignment(3, 0)], &None),
    ] {
        assert_eq!(agents(&events), *expected, "{events:?}");
    }
}

fn ended(account: &Account, event: &[u8]) -> Vec<Write> {
    let mut world = World::of(
        account,
        &[ticket("create", 0, &json!({"ticket_status": "open"}))],
    );
    world.take(account, event)
}

#[test]
fn a_deleted_ticket_ends_as_is_chosen() {
    for (chosen, expected) in [
        ("close_and_tag", Some((Some("Done"), Some("Gone"), false))),
        ("close", Some((Some("Done"), None, false))),
        ("delete", Some((None, None, true))),
        ("ignore", None),
    ] {
        let account = account(&format!(
            "[ticket]\ndeleted = {chosen:?}\ndeleted_tag = \"Gone\"\nclosed_status = \"Done\""
        ));
        let writes = ended(&account, &deletion());
        let found = match writes.as_slice() {
            [] => None,
            [Write::EndTicket(end)] => {
                assert_eq!(end.why, End::Deleted);
                Some((end.status.as_deref(), end.tag.as_deref(), end.is_deleted))
            }
            _ => panic!("{writes:?}"),
        };
        assert_eq!(found, expected, "{chosen}");
    }
}

#[test]
fn a_deleted_ticket_does_not_come_back() {
    for chosen in ["close_and_tag", "close", "delete", "ignore"] {
        let account = account(&format!("[ticket]\ndeleted = {chosen:?}"));
        let shown = json!({"ticket_status": "open", "ticket_comment": {"comment": "a", "is_public": 1, "commentator_id": 5, "created_at": 1}, "requester_id": 5});
        for events in [
            vec![deletion()],
            vec![
                ticket("create", 0, &json!({"ticket_status": "new"})),
                deletion(),
            ],
        ] {
            let mut world = World::of(&account, &events);
            let writes = world.take(&account, &ticket("update", 10, &shown));
            let is_comment = |write: &Write| matches!(write, Write::AddComment(_));
            assert!(writes.iter().all(is_comment), "{chosen}: {writes:?}");
            assert!(chosen != "delete" || writes.is_empty(), "{writes:?}");
            assert_eq!(world.take(&account, &assignment(3, 20)), []);
            assert_eq!(world.take(&account, &deletion()), []);
        }
    }
}

#[test]
fn merged_tickets_point_at_the_primary_one_and_it_is_told() {
    let account = account("");
    for secondaries in [json!([8, 9]), json!("8,9")] {
        let show = |id: u64| {
            let event = json!({"object": "ticket", "action": "create", "ticket": {"ticket_id": id, "ticket_status": "open"}});
            event.to_string().into_bytes()
        };
        let mut world = World::of(&account, &[show(7), show(8), show(9)]);
        let writes = world.take(&account, &merge(7, &secondaries));
        let ends: Vec<_> = writes
            .iter()
            .filter_map(|write| match write {
                Write::EndTicket(end) => {
                    Some((end.key.as_str(), json!(end.why), end.tag.as_deref()))
                }
                _ => None,
            })
            .collect();
        let into = json!({"merged_into": "main:case:7"});
        let tag = Some("Merged in CareSoft");
        assert_eq!(
            ends,
            [
                ("main:case:8", into.clone(), tag),
                ("main:case:9", into, tag)
            ]
        );
        let comments: Vec<_> = world
            .comments
            .values()
            .map(|comment| {
                (
                    comment.ticket.as_str(),
                    comment.html.as_str(),
                    comment.is_public,
                )
            })
            .collect();
        assert_eq!(
            comments,
            [
                ("main:case:7", "took it in", false),
                ("main:case:8", "went away", true),
                ("main:case:9", "went away", true),
            ]
        );
        let keys: Vec<&str> = world
            .effects
            .iter()
            .map(|effect| effect.ordering_key.as_str())
            .collect();
        assert!(keys.contains(&"caresoft/main/case:8"), "{keys:?}");
        // A comment before the end that closes its ticket.
        assert!(matches!(writes[0], Write::AddComment(_)));
        assert!(matches!(writes[1], Write::EndTicket(_)));
        assert_eq!(world.take(&account, &merge(7, &secondaries)), []);
    }
}

#[test]
fn what_a_merge_says_waits_for_a_ticket_that_nobody_has_shown() {
    let account = account("");
    let mut world = World::of(&account, &[merge(7, &json!(8))]);
    assert!(world.comments.is_empty());
    let writes = world.take(&account, &ticket("update", 0, &json!({})));
    assert!(
        matches!(
            writes.as_slice(),
            [Write::SaveTicket(_), Write::AddComment(_)]
        ),
        "{writes:?}"
    );
    assert_eq!(world.take(&account, &merge(7, &json!(8))), []);
}
