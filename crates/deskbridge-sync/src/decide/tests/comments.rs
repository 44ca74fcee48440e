//! Comments: carried once, by whoever wrote them.

use serde_json::{Value, json};

use super::{
    super::write::{AddComment, Author, SourceKey, Write},
    world::{World, account},
};

const AT: i64 = 1_767_580_200_000;

fn with(comment: &Value, updated_at: i64) -> Vec<u8> {
    json!({"object": "ticket", "action": "update", "ticket": {"ticket_id": 7, "requester_id": 5, "updated_at": updated_at, "ticket_comment": comment}})
        .to_string()
        .into_bytes()
}

fn added(writes: &[Write]) -> Vec<&AddComment> {
    let comments = writes.iter().filter_map(|write| match write {
        Write::AddComment(comment) => Some(comment),
        _ => None,
    });
    comments.collect()
}

#[test]
fn a_comment_is_its_authors() {
    let account =
        account("[[agents]]\nid = 3\nemail = \"an@helpdesk.example\"\n[[agents]]\nid = 4");
    for (commentator, expected) in [
        (
            json!(5),
            Author::Customer(SourceKey::new("main", "user", 5)),
        ),
        (json!("3"), Author::Agent("an@helpdesk.example".to_owned())),
        (json!(4), Author::ContactCenter),
        (json!(0), Author::ContactCenter),
        (json!(null), Author::ContactCenter),
    ] {
        let mut world = World::default();
        let comment = json!({"comment": "a", "commentator_id": commentator, "created_at": AT});
        let writes = world.take(&account, &with(&comment, AT));
        let [comment] = added(&writes)[..] else {
            panic!("{writes:?}")
        };
        assert_eq!(comment.author, expected, "{commentator}");
    }
}

#[test]
fn customers_read_what_is_said_to_be_public() {
    let account = account("");
    for (is_public, expected) in [
        (json!(1), true),
        (json!("1"), true),
        (json!(0), false),
        (json!(null), false),
    ] {
        let mut world = World::default();
        let comment = json!({"comment": "a", "is_public": is_public, "created_at": AT});
        let writes = world.take(&account, &with(&comment, AT));
        assert_eq!(added(&writes)[0].is_public, expected, "{is_public}");
    }
}

#[test]
fn what_is_written_is_made_safe() {
    let account = account("");
    let mut world = World::default();
    let comment = json!({"comment": "a </br>b<script>c</script>", "created_at": AT});
    let writes = world.take(&account, &with(&comment, AT));
    assert_eq!(added(&writes)[0].html, "a <br>b");
    for nothing in ["", "  ", "<p></p>", "<script>c</script>"] {
        let comment = json!({"comment": nothing, "created_at": AT + 5000});
        assert_eq!(world.take(&account, &with(&comment, AT)), [], "{nothing}");
    }
}

#[test]
fn a_comment_is_told_apart_by_who_wrote_what_when() {
    let account = account("");
    let comment = |text: &str, commentator: u64, at: Value| {
        with(
            &json!({"comment": text, "commentator_id": commentator, "created_at": at}),
            AT,
        )
    };
    // 09:30:00 of the account's clock, cut; it was 09:30:00.6 .
    let cut = json!("Mon Jan 05 09:30:00 ICT 2026");
    let precise = || json!(AT + 600);
    let count = |events: &[Vec<u8>]| World::of(&account, events).comments.len();
    for (events, expected, why) in [
        (
            vec![comment("a", 5, precise()), comment("a", 5, precise())],
            1,
            "the same",
        ),
        (
            vec![comment("a", 5, precise()), comment("a", 5, cut.clone())],
            1,
            "cut",
        ),
        (
            vec![comment("a", 5, cut), comment("a", 5, precise())],
            1,
            "cut before",
        ),
        (
            vec![
                comment("a", 5, precise()),
                comment("a", 5, json!(AT + 1000)),
            ],
            1,
            "rounded",
        ),
        (
            vec![comment("a", 5, precise()), comment("b", 5, precise())],
            2,
            "another text",
        ),
        (
            vec![comment("a", 5, precise()), comment("a", 6, precise())],
            2,
            "another author",
        ),
        (
            vec![
                comment("a", 5, precise()),
                comment("a", 5, json!(AT + 1550)),
            ],
            2,
            "written again",
        ),
        (
            vec![
                comment("a", 5, json!(AT)),
                comment("a", 5, json!(AT + 3000)),
            ],
            2,
            "written later",
        ),
    ] {
        assert_eq!(count(&events), expected, "{why}");
    }
}

#[test]
fn a_comment_that_comes_late_is_carried() {
    let account = account("");
    let comment = |text: &str, at: i64| {
        with(
            &json!({"comment": text, "commentator_id": 5, "created_at": at}),
            at,
        )
    };
    let mut world = World::of(&account, &[comment("second", AT + 60_000)]);
    let writes = world.take(&account, &comment("first", AT));
    let [late] = added(&writes)[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(json!(late.written_at), "2026-01-05T02:30:00Z");
    let key = world
        .effects
        .last()
        .expect("an effect")
        .idempotency_key
        .as_str();
    assert_eq!(key, late.key.as_str());
}
