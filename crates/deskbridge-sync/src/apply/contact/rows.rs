//! The rows of a contact's addresses and numbers: none is taken away, and none is there twice.

use deskbridge_identity::{Country, Email, Phone, phone::is_same_number};
use frappe::Document;

/// The longest number that Frappe takes.
const PHONE_CHARACTERS_MAX: usize = 20;

/// The rows with these addresses; `None` when they stand already.
pub(super) fn emails_with(standing: &[Document], wanted: &[String]) -> Option<Vec<Document>> {
    let mut rows = standing.to_vec();
    let mut has_primary = rows.iter().any(|row| row.check("is_primary"));
    for email in wanted {
        let Some(email) = Email::parse(email).filter(|email| email.as_str().is_ascii()) else {
            continue;
        };
        let is_same =
            |row: &Document| row.text("email_id").and_then(Email::parse).as_ref() == Some(&email);
        if rows.iter().any(is_same) {
            continue;
        }
        let mut row = Document::new().with("email_id", email.as_str());
        if !has_primary {
            row.set("is_primary", 1);
            has_primary = true;
        }
        rows.push(row);
    }
    (rows.len() > standing.len()).then_some(rows)
}

/// The rows with these numbers; `None` when they stand already.
///
/// The first is the one for calls and, where no row is it, the mobile one: nobody knows, and both are shown.
pub(super) fn phones_with(
    standing: &[Document],
    wanted: &[String],
    country: Country,
) -> Option<Vec<Document>> {
    let mut rows = standing.to_vec();
    for phone in wanted {
        let Some(phone) = kept(phone, country) else {
            continue;
        };
        let is_same = |row: &Document| {
            row.text("phone")
                .is_some_and(|standing| is_same_number(standing, &phone, country))
        };
        if rows.iter().any(is_same) {
            continue;
        }
        let mut row = Document::new().with("phone", phone.as_str());
        for flag in ["is_primary_phone", "is_primary_mobile_no"] {
            if !rows.iter().any(|row| row.check(flag)) {
                row.set(flag, 1);
            }
        }
        rows.push(row);
    }
    (rows.len() > standing.len()).then_some(rows)
}

/// A number as it is kept: as CareSoft has it, or as it is dialled where Frappe would not take that.
fn kept(phone: &str, country: Country) -> Option<String> {
    let given = phone.trim();
    if fits(given) {
        return Some(given.to_owned());
    }
    let dialled = Phone::parse(given, country)?.national().to_owned();
    fits(&dialled).then_some(dialled)
}

/// What Frappe takes for a number (observed on 15.50).
fn fits(phone: &str) -> bool {
    let allowed = |c: char| c.is_ascii_digit() || " +_-,.*#()".contains(c);
    let characters = phone.chars().count();
    phone.contains(|c: char| c.is_ascii_digit())
        && characters <= PHONE_CHARACTERS_MAX
        && phone.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rows(rows: &Value) -> Vec<Document> {
        serde_json::from_value(rows.clone()).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check(found: Option<Vec<Document>>, expected: &Value) {
        let found = found.map(|rows| rows.into_iter().map(Value::from).collect::<Value>());
        assert_eq!(found.unwrap_or_default(), *expected);
    }

    #[test]
    fn addresses_are_added_and_the_first_of_all_is_primary() {
        let an = json!({"name": "r1", "email_id": "An@shop.example", "is_primary": 1});
        let binh = json!({"name": "r2", "email_id": "binh@shop.example", "is_primary": 0});
        let both = texts(&["an@shop.example", " Chi@Shop.example "]);
        let primary = |email| json!({"email_id": email, "is_primary": 1});
        let chi = json!({"email_id": "chi@shop.example"});
        check(
            emails_with(&[], &both),
            &json!([primary("an@shop.example"), chi]),
        );
        check(emails_with(&rows(&json!([an])), &both), &json!([an, chi]));
        check(
            emails_with(&rows(&json!([binh])), &both),
            &json!([binh, primary("an@shop.example"), chi]),
        );
        check(
            emails_with(&rows(&json!([an])), &texts(&["AN@shop.example"])),
            &Value::Null,
        );
        check(
            emails_with(&[], &texts(&["none", "", "ân@shop.example"])),
            &Value::Null,
        );
        check(
            emails_with(&[], &texts(&["a@b.example", "A@B.example"])),
            &json!([primary("a@b.example")]),
        );
    }

    #[test]
    fn numbers_are_added_once_however_they_are_written() {
        let country = Country::default();
        let standing = json!({"name": "r1", "phone": "+84 901 234 567", "is_primary_phone": 1});
        let wanted = texts(&["0901234567", "0287300000"]);
        check(
            phones_with(&[], &wanted, country),
            &json!([
                {"phone": "0901234567", "is_primary_phone": 1, "is_primary_mobile_no": 1},
                {"phone": "0287300000"},
            ]),
        );
        check(
            phones_with(&rows(&json!([standing])), &wanted, country),
            &json!([standing, {"phone": "0287300000", "is_primary_mobile_no": 1}]),
        );
        check(
            phones_with(&rows(&json!([standing])), &texts(&["84901234567"]), country),
            &Value::Null,
        );
        check(
            phones_with(
                &[],
                &texts(&["0901234567 ext. 12", "call me", "--", ""]),
                country,
            ),
            &json!([{"phone": "0901234567", "is_primary_phone": 1, "is_primary_mobile_no": 1}]),
        );
    }
}
