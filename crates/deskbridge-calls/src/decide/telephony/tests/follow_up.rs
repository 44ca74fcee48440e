//! What follows from a call that is over.

use deskbridge_core::Language;

use super::{
    super::Circumstances,
    calls::{PLAIN, check_last, incoming, plain},
    world::{Happens, World, at, call, settings, user},
};
use crate::{
    call::{ConversationState::*, Direction::*, Linkedid, MissedReason},
    decide::write::CallKey,
};

#[test]
fn whose_a_missed_call_is_follows_the_settings() {
    let over = incoming()
        .ring("101", 1_000)
        .stop("101", NoAnswer, 9_000)
        .ring("102", 9_000)
        .stop("102", Unreachable, 9_100)
        .missed(MissedReason::NoAnswer, 9_500);
    let around = Circumstances {
        client_responsible: Some(user(3)),
        ..plain()
    };
    for (order, expected) in [
        ("[\"line\"]", "task for 4"),
        ("[\"client_responsible\", \"line\"]", "task for 3"),
        ("[\"last_rung\"]", "task for 1"),
        ("[\"default\"]", "task for 9"),
    ] {
        let toml = format!("{PLAIN}\n[missed]\nresponsible = {order}");
        let world = check_last(&toml, &around, &over);
        assert_eq!(world.last().unwrap(), expected, "{order}");
    }
}

#[test]
fn a_task_is_done_when_the_client_was_reached() {
    let missed = CallKey::new("pbx", &Linkedid::new("1772420000.1"));
    let around = Circumstances {
        open_tasks: vec![missed],
        ..plain()
    };
    let over = call(Outgoing).ring("101", 0).answer("101", 2_000);
    let over = over.hang_up("101", 5_000).answered(5_000);
    let told = check_last(PLAIN, &around, &over);
    assert_eq!(told[2], "close the task of pbx:1772420000.1");
    let unanswered = call(Outgoing)
        .ring("101", 0)
        .stop("101", NoAnswer, 9_000)
        .missed(MissedReason::NoAnswer, 9_000);
    assert_eq!(check_last(PLAIN, &around, &unanswered).len(), 2);
    let toml = format!("{PLAIN}\n[missed.task]\nclose_when_reached = false");
    assert_eq!(check_last(&toml, &around, &over).len(), 2);
}

#[test]
fn a_task_is_made_as_configured() {
    let toml = format!(
        r#"{PLAIN}
        [hours.shop]
        week = {{ mon = ["08:00-11:30", "13:00-17:00"] }}
        [missed.task]
        title = "Call {{{{ client }}}} back, {{{{ extensions|join(' ') }}}} did not"
        description = "{{{{ missed_reason }}}}"
        deadline_minutes = 60
        hours = "shop"
        responsible = 2
        creator = 1
        fields = {{ UF_KIND = "phone", UF_NONE = "" }}
        except = ["gave_up_in_menu"]
        "#
    );
    let missed = incoming().ring("101", 1_000).stop("101", NoAnswer, 9_000);
    let over = missed.clone().missed(MissedReason::NoAnswer, 9_000);
    let mut world = World::default();
    world.see(&over, &plain(), &settings(&toml), at(60_000));
    let task = world.content.tasks.values().next().unwrap();
    assert_eq!(task.title, "Call +84901234567 back, 101 did not");
    assert_eq!(task.description, "nobody answered");
    // Thirty minutes before noon, the rest after it.
    assert_eq!(task.deadline.as_deref(), Some("2026-03-02T13:30:09+07:00"));
    assert_eq!((task.responsible, task.creator), (user(2), Some(user(1))));
    assert_eq!(task.fields.len(), 1);
    let over = missed.missed(MissedReason::GaveUpInMenu, 9_000);
    let mut world = World::default();
    world.see(&over, &plain(), &settings(&toml), at(60_000));
    assert!(world.content.tasks.is_empty());
    assert!(
        world
            .notes
            .iter()
            .any(|note| note.contains("missed.task.except"))
    );
}

#[test]
fn activity_and_entity_get_their_fields() {
    let toml = format!(
        r#"{PLAIN}
        [activity]
        SUBJECT = "{{{{ agent }}}} talked {{{{ talked_s }}}} s"
        [entity]
        UF_CRM_WAITED = "{{{{ waited_s }}}}"
        UF_CRM_BROKEN = "{{{{ 1 / 0 }}}}"
        "#
    );
    let over = incoming().ring("101", 1_000).answer("101", 4_000);
    let over = over.hang_up("101", 9_000).answered(9_000);
    let mut world = World::default();
    world.see(&over, &plain(), &settings(&toml), at(9_100));
    assert_eq!(world.news()[2..], ["activity", "entity"]);
    let in_crm = world.content.calls.values().next().unwrap();
    assert_eq!(in_crm.activity["SUBJECT"], "101 talked 5 s");
    assert_eq!(in_crm.entity["UF_CRM_WAITED"], "4");
    assert!(!in_crm.entity.contains_key("UF_CRM_BROKEN"));
    assert!(
        world
            .notes
            .iter()
            .any(|note| note.contains("entity.UF_CRM_BROKEN"))
    );
}

#[test]
fn the_helpdesk_is_told_as_configured() {
    let missed = incoming().ring("101", 1_000).stop("101", NoAnswer, 9_000);
    let missed = missed.missed(MissedReason::NoAnswer, 9_000);
    let over = incoming().ring("101", 1_000).answer("101", 4_000);
    let over = over
        .record("/rec/a.wav", "1772424000.7", 4_000)
        .hang_up("101", 9_000)
        .answered(9_000);
    for (tickets, of_missed, of_over) in [
        ("", None, None),
        ("missed = \"always\"", Some("ticket"), None),
        (
            "missed = \"unless_open\"\ncomments = true",
            Some("ticket"),
            Some("comment"),
        ),
        ("comments = true", Some("comment"), Some("comment")),
    ] {
        let toml = format!("{PLAIN}\n[tickets]\n{tickets}");
        let told = |call| {
            let told = check_last(&toml, &plain(), call);
            told.into_iter()
                .find(|told| told == "ticket" || told == "comment")
        };
        assert_eq!(told(&missed).as_deref(), of_missed, "{tickets}");
        assert_eq!(told(&over).as_deref(), of_over, "{tickets}");
    }
    let toml = format!("language = \"vi\"\n{PLAIN}\n[tickets]\ncomments = true");
    let settings = settings(&toml);
    assert_eq!(settings.language, Language::Vietnamese);
    let mut world = World::default();
    world.see(&over, &plain(), &settings, at(9_100));
    let comment = world.content.comments.values().next().unwrap();
    assert!(
        comment.text.contains("Bắt đầu: 02/03/2026 11:00:00"),
        "{}",
        comment.text
    );
    assert_eq!(comment.files, ["/mnt/rec/a.wav"]);
}
