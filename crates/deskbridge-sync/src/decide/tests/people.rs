//! What users and organisations write.

use serde_json::{Value, json};

use super::{
    super::write::{SaveContact, Write},
    world::{World, account},
};

const AT: i64 = 1_767_580_200_000;

fn user(action: &str, second: i64, more: &Value) -> Vec<u8> {
    event(
        "user",
        json!({"id": 5, "updated_at": AT + second * 1000}),
        action,
        more,
    )
}

fn organization(action: &str, second: i64, more: &Value) -> Vec<u8> {
    let organization = json!({"organization_id": 3, "updated_at": AT + second * 1000});
    event("organization", organization, action, more)
}

fn event(object: &str, mut shown: Value, action: &str, more: &Value) -> Vec<u8> {
    let (Value::Object(fields), Value::Object(more)) = (&mut shown, more) else {
        panic!("objects")
    };
    fields.extend(more.clone());
    json!({"object": object, "action": action, object: shown})
        .to_string()
        .into_bytes()
}

fn change(field: &str, value: &Value) -> Value {
    json!({"changes": [{"field": field, "value": value}]})
}

fn contact(writes: &[Write]) -> &SaveContact {
    match writes.first() {
        Some(Write::SaveContact(save)) => save,
        _ => panic!("{writes:?}"),
    }
}

#[test]
fn a_user_is_a_contact_with_what_can_be_used() {
    let account = account("");
    let mut world = World::default();
    let shown = json!({"username": "An <b> Pham", "role_id": 3, "email": "An@Shop.Example", "email2": "nobody", "phone_no": "0900000456",
        "phone_no2": "0900000456", "phone_no3": "call me", "organization_id": 3});
    let writes = world.take(&account, &user("create", 0, &shown));
    let save = contact(&writes);
    assert_eq!(json!(save.all), json!({"first_name": "An b Pham"}));
    assert_eq!(save.emails, ["an@shop.example"]);
    assert_eq!(save.phones, ["0900000456"]);
    assert_eq!(json!(save.organization), "main:organization:3");
    assert!(matches!(writes[1], Write::Join(_)), "{writes:?}");
    assert_eq!(world.notes.len(), 2, "{:?}", world.notes);
    let link = ("organization:3".to_owned(), "user:5".to_owned());
    assert!(world.links.contains(&link), "{:?}", world.links);
    let keys: Vec<&str> = world
        .effects
        .iter()
        .map(|effect| effect.ordering_key.as_str())
        .collect();
    assert_eq!(keys, ["caresoft/main/user:5", "caresoft/main/user:5"]);
}

#[test]
fn a_contact_has_some_name() {
    let account = account("");
    for (shown, name) in [
        (json!({"username": "An"}), "An"),
        (
            json!({"username": "<>", "phone_no": "0900000456"}),
            "0900000456",
        ),
        (json!({"email": "a@b.example"}), "a@b.example"),
        (json!({}), "CareSoft 5"),
    ] {
        let mut world = World::default();
        let writes = world.take(&account, &user("create", 0, &shown));
        assert_eq!(contact(&writes).all["first_name"], name, "{shown}");
    }
}

#[test]
fn agents_are_no_contacts() {
    let account = account("[[agents]]\nid = 6");
    for (shown, is_contact) in [
        (json!({"username": "An"}), true),
        (json!({"username": "An", "role_id": 3}), true),
        (json!({"username": "An", "role_id": "2"}), false),
        (json!({"id": 6, "username": "An"}), false),
    ] {
        let mut world = World::default();
        let writes = world.take(&account, &user("create", 0, &shown));
        assert_eq!(!writes.is_empty(), is_contact, "{shown}");
        assert!(!world.known.is_empty());
    }
}

#[test]
fn changes_are_laid_over_what_is_known_in_any_order() {
    let account = account(
        "[contact]\nfields = { custom_note = \"note\", custom_kind = \"custom.addition_field1.value\" }",
    );
    let whole = user(
        "create",
        0,
        &json!({"username": "An", "note": "a", "organization_id": 3}),
    );
    let note = user("update", 10, &change("note", &json!("b")));
    let kind = user("update", 20, &change("addition_field1", &json!("c")));
    let moved = user("update", 30, &change("organization_id", &json!(4)));
    let events = [whole, note, kind, moved];
    let expected = World::of(&account, &events);
    let desk = &expected.desk["main:user:5"];
    assert_eq!(desk["custom_note"], "b");
    assert_eq!(desk["custom_kind"], "c");
    assert_eq!(desk["organization"], "main:organization:4");
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1], [0, 3, 1, 2]] {
        let events: Vec<&Vec<u8>> = order.iter().map(|at| &events[*at]).collect();
        assert_eq!(
            World::of(&account, &events).outcome(),
            expected.outcome(),
            "{order:?}"
        );
    }
}

#[test]
fn who_moves_is_joined_again_and_who_does_not_is_not() {
    let account = account("");
    let mut world = World::of(
        &account,
        &[user(
            "create",
            0,
            &json!({"username": "An", "organization_id": 3}),
        )],
    );
    let renamed = world.take(
        &account,
        &user("update", 10, &change("username", &json!("Anh"))),
    );
    assert!(
        matches!(renamed.as_slice(), [Write::SaveContact(_)]),
        "{renamed:?}"
    );
    assert_eq!(
        json!(contact(&renamed).changed),
        json!({"first_name": "Anh"})
    );
    let moved = world.take(
        &account,
        &user("update", 20, &change("organization_id", &json!(4))),
    );
    assert!(
        matches!(moved.as_slice(), [Write::SaveContact(_), Write::Join(_)]),
        "{moved:?}"
    );
}

#[test]
fn a_change_to_a_blank_does_as_is_chosen() {
    let whole = user(
        "create",
        0,
        &json!({"username": "An", "note": "a", "organization_id": 3}),
    );
    let blank = user("update", 10, &change("note", &json!("")));
    let left = user("update", 20, &change("organization_id", &json!(0)));
    for (chosen, note, organization) in [
        ("keep", json!("a"), json!("main:organization:3")),
        ("clear", json!(""), json!(null)),
    ] {
        let account = account(&format!(
            "blank_changes = {chosen:?}\n[contact]\nfields = {{ custom_note = \"note\" }}"
        ));
        let world = World::of(&account, &[&whole, &blank, &left]);
        let desk = &world.desk["main:user:5"];
        assert_eq!(desk["custom_note"], note, "{chosen}");
        assert_eq!(desk["organization"], organization, "{chosen}");
    }
}

#[test]
fn an_organisation_is_a_customer_once_it_has_a_name() {
    let account = account("[organization]\nfields = { custom_note = \"note\" }");
    let mut world = World::default();
    let nameless = organization("update", 0, &change("note", &json!("a")));
    assert_eq!(world.take(&account, &nameless), []);
    let named = json!({"organization_name": " Kettles  <Ltd> ", "organization_domain": "https://www.kettles.example/x"});
    let writes = world.take(&account, &organization("create", 10, &named));
    let [Write::SaveCustomer(save), Write::Join(_)] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    let all =
        json!({"customer_name": "Kettles Ltd", "domain": "kettles.example", "custom_note": "a"});
    assert_eq!(json!(save.all), all);
    let renamed = organization("update", 20, &change("organization_name", &json!("Cups")));
    let writes = world.take(&account, &renamed);
    let [Write::SaveCustomer(save)] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!(json!(save.changed), json!({"customer_name": "Cups"}));
}

#[test]
fn a_name_is_as_long_as_the_helpdesk_takes() {
    let account = account("");
    let mut world = World::default();
    let long = json!({"organization_name": "á".repeat(300)});
    world.take(&account, &organization("create", 0, &long));
    let name = world.desk["main:organization:3"]["customer_name"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert_eq!(name.chars().count(), 140);
}

#[test]
fn to_empty_what_never_held_anything_is_no_change() {
    let account =
        account("blank_changes = \"clear\"\n[contact]\nfields = { custom_note = \"note\" }");
    let mut world = World::of(&account, &[user("create", 0, &json!({"username": "An"}))]);
    let blank = user("update", 10, &change("note", &json!("")));
    assert_eq!(world.take(&account, &blank), []);
}
