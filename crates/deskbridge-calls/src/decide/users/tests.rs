use super::*;

fn row(id: u64, extension: &str, mobiles: &[&str]) -> UserRow {
    UserRow {
        id: user(id),
        is_active: true,
        name: format!("User {id}"),
        extension: extension.to_owned(),
        mobiles: mobiles.iter().map(|mobile| (*mobile).to_owned()).collect(),
    }
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn numbers() -> Numbers {
    Numbers {
        compared_digits: 9,
        ..Numbers::default()
    }
}

#[test]
fn an_extension_is_one_users_or_nobodys() {
    let left = UserRow {
        is_active: false,
        ..row(7, "107", &[])
    };
    let rows = [
        row(1, "101", &[]),
        row(2, " 102 ", &[]),
        row(3, "", &[]),
        row(4, "", &[]),
        row(5, "105", &[]),
        row(6, "105", &[]),
        left,
    ];
    let people = People::of_rows(&rows, &numbers());
    for (extension, expected) in [
        ("101", Whose::One(user(1))),
        ("102", Whose::One(user(2))),
        (" 102", Whose::One(user(2))),
        ("", Whose::Nobody),
        (" ", Whose::Nobody),
        ("0101", Whose::Nobody),
        ("105", Whose::Several(vec![user(5), user(6)])),
        ("107", Whose::Nobody),
    ] {
        assert_eq!(people.of_extension(extension), expected, "{extension:?}");
    }
    assert!(!people.has(user(7)));
    assert_eq!(people.extension(user(3)), None);
    let duplicates: Vec<String> = people
        .duplicates()
        .iter()
        .map(Duplicate::to_string)
        .collect();
    assert_eq!(duplicates.len(), 1);
    assert!(duplicates[0].starts_with("105 is the phone of the users 5 and 6"));
}

#[test]
fn a_mobile_phone_is_known_however_it_is_written() {
    let rows = [
        row(1, "101", &["+84 901 234 567", ""]),
        row(2, "102", &["0912345678"]),
        row(3, "103", &["0912 345 678"]),
    ];
    let (people, numbers) = (People::of_rows(&rows, &numbers()), numbers());
    for (number, expected) in [
        ("0901234567", Whose::One(user(1))),
        ("901234567", Whose::One(user(1))),
        ("", Whose::Nobody),
        ("0901234568", Whose::Nobody),
        ("84912345678", Whose::Several(vec![user(2), user(3)])),
    ] {
        assert_eq!(people.of_mobile(number, &numbers), expected, "{number}");
    }
}

#[test]
fn an_empty_answer_replaces_nothing() {
    let people = People::of_rows(&[row(1, "101", &[])], &numbers());
    let kept = people.clone().renewed(&[], &numbers());
    assert_eq!(kept, people);
    let gone = UserRow {
        is_active: false,
        ..row(1, "101", &[])
    };
    assert_eq!(people.clone().renewed(&[gone], &numbers()), people);
    let renewed = people.renewed(&[row(2, "101", &[])], &numbers());
    assert_eq!(renewed.of_extension("101"), Whose::One(user(2)));
}
