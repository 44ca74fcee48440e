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
    Inputs {
        values: Vec::new(),
        ..known()
    }
}

fn by_value(field: &'static str, value: &str) -> Question {
    Question::CompanyByValue {
        field,
        value: value.to_owned(),
    }
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
        // Null stands for a question that the portal did not answer.
        let answer = if found.is_null() {
            Err("down")
        } else {
            Ok(rows(found))
        };
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
    let failure = if picked.failure.is_some() {
        ", failed"
    } else {
        ""
    };
    let contact_failure = if picked.contact_failure.is_some() {
        ", contact failed"
    } else {
        ""
    };
    format!("{company}, {contact}{failure}{contact_failure}")
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
            ["+84900000101", "0900000101", "0900 000 101"]
                .map(str::to_owned)
                .to_vec(),
        ),
        Question::FirstDuplicate,
    ];
    assert_eq!(first_questions(&known()), expected);
}

#[test]
fn without_a_candidate_the_fallbacks_are_asked_at_once() {
    let questions = first_questions(&without_ids());
    for expected in [
        by_email(),
        of_first(by_email()),
        by_phone(),
        of_first(by_phone()),
        Question::FirstDuplicate,
        of_first(Question::FirstDuplicate),
        by_web(),
        by_title(),
    ] {
        assert!(
            questions.contains(&expected),
            "{expected:?} in {questions:#?}"
        );
    }
    let nothing = Inputs {
        email: None,
        phones: Vec::new(),
        domain: None,
        ..without_ids()
    };
    assert!(nothing.is_empty());
    assert_eq!(first_questions(&nothing), []);
}

#[test]
fn a_question_that_refers_to_another_follows_it() {
    for inputs in [known(), without_ids()] {
        let questions = first_questions(&inputs);
        let place = |wanted: &Question| questions.iter().position(|question| question == wanted);
        for question in &questions {
            if let Question::CompanyOfFirst(first) = question {
                assert!(place(first) < place(question), "{question:?}");
            }
            if let Question::DuplicatesByPhone(_) = question {
                assert!(place(question) < place(&Question::FirstDuplicate));
            }
        }
    }
}

#[test]
fn a_batch_of_first_questions_fits_with_all_candidates() {
    let values = (0..7).map(|number| format!("100007100{number}")).collect();
    let count = first_questions(&Inputs { values, ..known() }).len();
    assert!(count < 50, "{count}");
}

#[test]
fn the_fallbacks_are_asked_later_only_when_no_company_was_found_and_all_answered() {
    let answered = |found: &[(Question, Value)]| -> Answers<&str> {
        let answer = |found: &Value| {
            if found.is_null() {
                Err("down")
            } else {
                Ok(rows(found))
            }
        };
        found
            .iter()
            .map(|(question, found)| (question.clone(), answer(found)))
            .collect()
    };
    let matched = answered(&[(
        by_value(COMPANY_ID_FIELD, "1000071001"),
        json!([{"ID": "101", "UF_CRM_COMPANY_ID": "1000071001"}]),
    )]);
    assert_eq!(second_questions(&known(), &matched), []);
    let down = answered(&[(by_value(COMPANY_ID_FIELD, "1000071001"), json!(null))]);
    assert_eq!(second_questions(&known(), &down), []);
    let contact =
        json!([{"ID": "301", "COMPANY_ID": "104", "EMAIL": [{"VALUE": "nhung@shop.example"}]}]);
    let contact = answered(&[(by_email(), contact)]);
    let questions = second_questions(&known(), &contact);
    assert_eq!(questions[0], Question::CompanyById(Id::new(104).unwrap()));
    assert!(questions.contains(&by_web()) && questions.contains(&by_title()));
    let asked_already = answered(&[(by_web(), json!([])), (by_title(), json!([]))]);
    let left = second_questions(&without_ids(), &asked_already);
    assert!(!left.contains(&by_web()) && !left.contains(&by_title()));
}

#[test]
fn a_company_is_believed_only_when_it_carries_the_value() {
    let value = "1000071001";
    let company = |field: &str, value: Value| json!([{"ID": "101", field: value}]);
    for (field, found, expected) in [
        (
            COMPANY_ID_FIELD,
            company(COMPANY_ID_FIELD, json!(value)),
            "101 of 1 by haravan_orgid:UF_CRM_COMPANY_ID 1000071001 95%, no contact",
        ),
        (
            COMPANY_ID_FIELD,
            company(COMPANY_ID_FIELD, json!(1_000_071_001)),
            "101 of 1 by haravan_orgid:UF_CRM_COMPANY_ID 1000071001 95%, no contact",
        ),
        (
            COMPANY_ID_FIELD,
            company(COMPANY_ID_FIELD, json!([" 1000071001 "])),
            "101 of 1 by haravan_orgid:UF_CRM_COMPANY_ID 1000071001 95%, no contact",
        ),
        (
            ORG_ID_FIELD,
            company(ORG_ID_FIELD, json!(value)),
            "101 of 1 by haravan_orgid:UF_CRM_HARAVAN_ORG_ID 1000071001 95%, no contact",
        ),
        // A portal that ignores the filter answers with companies that carry something else.
        (
            COMPANY_ID_FIELD,
            company(COMPANY_ID_FIELD, json!("7")),
            "no company, no contact",
        ),
        (
            COMPANY_ID_FIELD,
            company(ORG_ID_FIELD, json!(value)),
            "no company, no contact",
        ),
        (
            COMPANY_ID_FIELD,
            company(COMPANY_ID_FIELD, json!({})),
            "no company, no contact",
        ),
        // A row without an id leads nowhere.
        (
            COMPANY_ID_FIELD,
            json!([{"UF_CRM_COMPANY_ID": value}]),
            "no company, no contact",
        ),
        (COMPANY_ID_FIELD, json!([]), "no company, no contact"),
    ] {
        assert_eq!(
            told(&known(), &[(by_value(field, value), found.clone())]),
            expected,
            "{found}"
        );
    }
}

#[test]
fn of_several_companies_the_first_is_taken_and_all_are_counted() {
    let found = json!([
        {"ID": "9", "UF_CRM_COMPANY_ID": "7"},
        {"ID": "110", "UF_CRM_COMPANY_ID": "1000071001"},
        {"ID": "109", "UF_CRM_COMPANY_ID": "1000071001"},
    ]);
    let told = told(
        &known(),
        &[(by_value(COMPANY_ID_FIELD, "1000071001"), found)],
    );
    assert!(told.starts_with("110 of 2 by"), "{told}");
}

#[test]
fn candidates_are_believed_in_their_order_and_fields_in_theirs() {
    let company = |id: u32, field: &str, value: &str| json!([{"ID": id, field: value}]);
    let all = [
        (
            by_value(COMPANY_ID_FIELD, "200071001"),
            company(3, COMPANY_ID_FIELD, "200071001"),
        ),
        (
            by_value(ORG_ID_FIELD, "200071001"),
            company(4, ORG_ID_FIELD, "200071001"),
        ),
        (
            by_value(ORG_ID_FIELD, "1000071001"),
            company(2, ORG_ID_FIELD, "1000071001"),
        ),
        (
            by_value(COMPANY_ID_FIELD, "1000071001"),
            company(1, COMPANY_ID_FIELD, "1000071001"),
        ),
    ];
    for (answered, expected) in [(4, "1 of"), (3, "2 of"), (2, "3 of")] {
        let told = told(&known(), &all[..answered]);
        assert!(told.starts_with(expected), "{told}");
    }
    let org_first = Inputs {
        fields: [ORG_ID_FIELD, COMPANY_ID_FIELD],
        ..known()
    };
    let told = told(&org_first, &all);
    assert!(told.starts_with("2 of"), "{told}");
}

#[test]
fn an_unanswered_question_is_not_a_company_that_does_not_exist() {
    let (asked, other) = (
        by_value(COMPANY_ID_FIELD, "1000071001"),
        by_value(ORG_ID_FIELD, "1000071001"),
    );
    let found = json!([{"ID": "2", "UF_CRM_HARAVAN_ORG_ID": "1000071001"}]);
    for (answers, expected) in [
        (
            vec![(asked.clone(), json!(null))],
            "no company, no contact, failed",
        ),
        (
            vec![(asked.clone(), json!(null)), (other.clone(), json!([]))],
            "no company, no contact, failed",
        ),
        (
            vec![(asked.clone(), json!(null)), (other, found)],
            "2 of 1 by haravan_orgid:UF_CRM_HARAVAN_ORG_ID 1000071001 95%, no contact",
        ),
        (
            vec![(asked, json!([])), (by_email(), json!(null))],
            "no company, no contact, failed, contact failed",
        ),
    ] {
        assert_eq!(told(&known(), &answers), expected);
    }
}

#[test]
fn nobody_is_believed_while_somebody_believed_more_could_not_be_asked_for() {
    let inputs = Inputs {
        values: vec!["1000071001".to_owned(), "1000071002".to_owned()],
        ..known()
    };
    let second = json!([{"ID": "2", "UF_CRM_COMPANY_ID": "1000071002"}]);
    let answers = |first: Value| {
        vec![
            (by_value(COMPANY_ID_FIELD, "1000071001"), first.clone()),
            (by_value(ORG_ID_FIELD, "1000071001"), first),
            (by_value(COMPANY_ID_FIELD, "1000071002"), second.clone()),
        ]
    };
    assert_eq!(
        told(&inputs, &answers(json!([]))),
        "2 of 1 by haravan_orgid:UF_CRM_COMPANY_ID 1000071002 95%, no contact"
    );
    assert_eq!(
        told(&inputs, &answers(json!(null))),
        "no company, no contact, failed"
    );
}

#[test]
fn a_contact_is_believed_by_address_then_by_number_and_one_with_a_company_first() {
    let by = |id: u32, company: u32, field: &str, value: &str| json!({"ID": id, "COMPANY_ID": company, field: [{"VALUE": value}]});
    let email = "Nhung@Shop.example ";
    for (answers, expected) in [
        (
            vec![(
                by_email(),
                json!([by(1, 0, "EMAIL", email), by(2, 7, "EMAIL", email)]),
            )],
            "contact 2",
        ),
        (
            vec![(by_email(), json!([by(1, 0, "EMAIL", email)]))],
            "contact 1",
        ),
        (
            vec![(by_email(), json!([by(1, 7, "EMAIL", "other@shop.example")]))],
            "no contact",
        ),
        (
            vec![(by_phone(), json!([by(3, 7, "PHONE", "0900000101")]))],
            "contact 3",
        ),
        (
            vec![(
                Question::FirstDuplicate,
                json!([by(4, 7, "PHONE", "+84 900-000-101")]),
            )],
            "contact 4",
        ),
        (
            vec![(
                Question::FirstDuplicate,
                json!([by(4, 7, "PHONE", "0900000102")]),
            )],
            "no contact",
        ),
        (
            vec![
                (by_email(), json!([by(1, 0, "EMAIL", email)])),
                (by_phone(), json!([by(3, 7, "PHONE", "0900000101")])),
            ],
            "contact 1",
        ),
        // Without a verified address or number nobody is the contact.
        (
            vec![(by_email(), json!([{"ID": 5, "COMPANY_ID": 7}]))],
            "no contact",
        ),
    ] {
        let told = told(&known(), &answers);
        assert!(told.contains(expected), "{told}, expected {expected}");
    }
}

#[test]
fn the_company_of_the_contact_is_the_one_that_the_contact_names() {
    let contact =
        json!([{"ID": "301", "COMPANY_ID": "104", "EMAIL": [{"VALUE": "nhung@shop.example"}]}]);
    for (question, company, expected) in [
        (
            of_first(by_email()),
            json!([{"ID": "104"}]),
            "104 of 1 by email_or_phone - 90%, contact 301",
        ),
        (
            Question::CompanyById(Id::new(104).unwrap()),
            json!([{"ID": 104}]),
            "104 of 1 by email_or_phone - 90%, contact 301",
        ),
        // What a portal answers to a reference that it could not resolve.
        (
            of_first(by_email()),
            json!([{"ID": "1"}, {"ID": "2"}]),
            "no company, contact 301",
        ),
    ] {
        let answers = [(by_email(), contact.clone()), (question, company)];
        assert_eq!(told(&without_ids(), &answers), expected);
    }
}

#[test]
fn a_domain_is_believed_when_an_address_or_the_title_names_it() {
    let web = |id: u32, value: &str| json!({"ID": id, "WEB": [{"VALUE": value}]});
    for (question, found, expected) in [
        (
            by_web(),
            json!([web(6, "https://www.shop.example/")]),
            "6 of 1 by domain - 90%, no contact",
        ),
        (
            by_web(),
            json!([web(6, "shop.example"), web(7, "shop.example")]),
            "6 of 2 by domain - 90%, no contact",
        ),
        (
            by_web(),
            json!([web(6, "myshop.example")]),
            "no company, no contact",
        ),
        (
            by_title(),
            json!([{"ID": 8, "TITLE": "Tiệm Hoa (shop.example)"}]),
            "8 of 1 by domain - 90%, no contact",
        ),
        (
            by_title(),
            json!([{"ID": 8, "TITLE": "Tiệm Hoa myshop.example"}]),
            "no company, no contact",
        ),
        (
            by_title(),
            json!([{"ID": 8, "TITLE": "shop.example.org"}]),
            "no company, no contact",
        ),
    ] {
        assert_eq!(
            told(&without_ids(), &[(question, found.clone())]),
            expected,
            "{found}"
        );
    }
}

#[test]
fn ids_go_before_contacts_and_contacts_before_domains() {
    let contact =
        json!([{"ID": "301", "COMPANY_ID": "104", "EMAIL": [{"VALUE": "nhung@shop.example"}]}]);
    let all = [
        (
            by_web(),
            json!([{"ID": 6, "WEB": [{"VALUE": "shop.example"}]}]),
        ),
        (by_email(), contact),
        (of_first(by_email()), json!([{"ID": "104"}])),
        (
            by_value(ORG_ID_FIELD, "200071001"),
            json!([{"ID": 3, "UF_CRM_HARAVAN_ORG_ID": "200071001"}]),
        ),
    ];
    for (answered, expected) in [(4, "3 of"), (3, "104 of"), (1, "6 of")] {
        let told = told(&known(), &all[..answered]);
        assert!(told.starts_with(expected), "{told}");
    }
}
