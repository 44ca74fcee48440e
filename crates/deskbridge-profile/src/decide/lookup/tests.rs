//! What is asked, and which answers are believed, row by row.

use bitrix24::Row;
use deskbridge_identity::{Country, Domain, Email};
use serde_json::{Value, json};

use super::*;

/// A customer with everything under which one may be found.
fn known() -> Inputs {
    Inputs {
        values: vec!["1000071001".to_owned(), "200071001".to_owned()],
        fields: [COMPANY_ID_FIELD, ORG_ID_FIELD],
        email: Email::parse("nhung@shop.example"),
        phones: vec!["0900 000 101".to_owned()],
        domain: Domain::parse("shop.example"),
        country: Country::default(),
    }
}

fn without_ids() -> Inputs {
    Inputs { values: Vec::new(), ..known() }
}

fn by_value(field: &'static str, value: &str) -> Question {
    Question::CompanyByValue { field, value: value.to_owned() }
}

fn by_email() -> Question {
    Question::ContactByEmail("nhung@shop.example".to_owned())
}

fn by_phone() -> Question {
    Question::ContactByPhone("0900 000 101".to_owned())
}

fn by_web() -> Question {
    Question::CompanyByWeb("shop.example".to_owned())
}

fn by_title() -> Question {
    Question::CompanyByTitle("shop.example".to_owned())
}

fn of_first(question: Question) -> Question {
    Question::CompanyOfFirst(Box::new(question))
}

fn rows(rows: &Value) -> Vec<Row> {
    serde_json::from_value(rows.clone()).unwrap()
}

/// What is picked, told in one line: company and how it was found, contact, whether it failed.
fn told(inputs: &Inputs, answers: &[(Question, Value)]) -> String {
    let answers = answers.iter().map(|(question, found)| {
        let answer = if found.is_null() { Err(failed()) } else { Ok(rows(found)) };
        (question.clone(), answer)
    });
    let picked = pick(inputs, &answers.collect());
    let company = picked.company.map_or_else(
        || "no company".to_owned(),
        |found| {
            let id = found.row.id("ID").unwrap();
            let value = found.value.unwrap_or_else(|| "-".to_owned());
            let (key, confidence) = (found.match_key.0, found.confidence.0);
            format!("{id} of {} by {key} {value} {confidence}%", found.matches)
        },
    );
    let contact = picked.contact.and_then(|row| row.id("ID"));
    let contact = contact.map_or_else(|| "no contact".to_owned(), |id| format!("contact {id}"));
    let failure = if picked.failure.is_some() { ", failed" } else { "" };
    let contact_failure = if picked.contact_failure.is_some() { ", contact failed" } else { "" };
    format!("{company}, {contact}{failure}{contact_failure}")
}

/// An error as a portal that is down gives it.
fn failed() -> bitrix24::Error {
    todo!()
}

#[test]
fn both_fields_are_asked_for_every_candidate_in_the_order_of_belief() {
    let expected = vec![
        by_value(COMPANY_ID_FIELD, "1000071001"),
        by_value(ORG_ID_FIELD, "1000071001"),
        by_value(COMPANY_ID_FIELD, "200071001"),
        by_value(ORG_ID_FIELD, "200071001"),
        by_email(),
        by_phone(),
        Question::DuplicatesByPhone(
            ["+84900000101", "0900000101", "0900 000 101"].map(str::to_owned).to_vec(),
        ),
        Question::FirstDuplicate,
    ];
    assert_eq!(first_questions(&known()), expected);
}
