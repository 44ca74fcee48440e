//! Which answers are believed.

use std::collections::{BTreeMap, BTreeSet};

use bitrix24::Row;
use deskbridge_identity::{Domain, Email, phone};
use serde::{Deserialize, Serialize};

use super::{Inputs, Question};
use crate::decide::normalise;

/// What the portal answered to each question, or why it did not. That there is nothing is an answer.
pub type Answers<E> = BTreeMap<Question, Result<Vec<Row>, E>>;

/// How sure a match is, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Confidence(pub u8);

impl Confidence {
    /// The company carries the id.
    pub const COMPANY_ID: Self = Self(95);
    /// The company was reached through its contact or its domain.
    pub const CONTACT_OR_DOMAIN: Self = Self(90);
    /// The contact itself.
    pub const CONTACT_RECORD: Self = Self(80);
}

/// By what a record was found, as it is written beside the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct MatchKey(pub String);

impl MatchKey {
    fn of_field(field: &str) -> Self {
        Self(format!("haravan_orgid:{field}"))
    }

    /// By the contact.
    pub fn contact() -> Self {
        Self("email_or_phone".to_owned())
    }

    /// By the customer's domain.
    pub fn domain() -> Self {
        Self("domain".to_owned())
    }
}

/// A company that is believed to be the one.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct MatchedCompany {
    /// The record.
    pub row: Row,
    /// The id by which it was found, when it was found by one.
    pub value: Option<String>,
    /// How many companies carry what was asked for.
    pub matches: usize,
    /// By what it was found.
    pub match_key: MatchKey,
    /// How sure it is.
    pub confidence: Confidence,
}

/// What is believed.
#[derive(Clone, Debug)]
pub struct Picked<E> {
    /// The company.
    pub company: Option<MatchedCompany>,
    /// The contact.
    pub contact: Option<Row>,
    /// Why nothing can be said about the company: a question was not answered whose answer would have been
    /// believed before those that were.
    pub failure: Option<E>,
    /// Why nothing can be said about the contact.
    pub contact_failure: Option<E>,
}

/// Decides in the order of belief: by id, then through the contact, then by domain.
pub fn pick<E: Clone>(inputs: &Inputs, answers: &Answers<E>) -> Picked<E> {
    let contact = pick_contact(inputs, answers);
    let contact_failure = if contact.is_none() {
        failure_among(answers, is_about_contact).cloned()
    } else {
        None
    };
    let company = pick_company(inputs, answers, contact.as_ref(), contact_failure.as_ref());
    let (company, failure) = match company {
        Ok(company) => (company, None),
        Err(failure) => (None, Some(failure.clone())),
    };
    Picked {
        company,
        contact,
        failure,
        contact_failure,
    }
}

/// Whoever is believed more may be there when a question about them was not answered, so nobody behind them is
/// believed then.
fn pick_company<'a, E>(
    inputs: &Inputs,
    answers: &'a Answers<E>,
    contact: Option<&Row>,
    contact_failure: Option<&'a E>,
) -> Result<Option<MatchedCompany>, &'a E> {
    if let Some(found) = by_value(inputs, answers)? {
        return Ok(Some(found));
    }
    if let Some(failure) = contact_failure {
        return Err(failure);
    }
    let of_contact = contact.and_then(|contact| of_contact(contact, answers));
    if of_contact.is_some() {
        return Ok(of_contact);
    }
    match failure_among(answers, is_about_company) {
        Some(failure) => Err(failure),
        None => Ok(by_domain(inputs, answers)),
    }
}

fn failure_among<E>(answers: &Answers<E>, is_wanted: fn(&Question) -> bool) -> Option<&E> {
    let mut wanted = answers.iter().filter(|(question, _)| is_wanted(question));
    wanted.find_map(|(_, answer)| answer.as_ref().err())
}

fn is_about_contact(question: &Question) -> bool {
    match question {
        Question::ContactByEmail(_)
        | Question::ContactByPhone(_)
        | Question::DuplicatesByPhone(_)
        | Question::FirstDuplicate => true,
        Question::CompanyByValue { .. }
        | Question::CompanyOfFirst(_)
        | Question::CompanyById(_)
        | Question::CompanyByWeb(_)
        | Question::CompanyByTitle(_) => false,
    }
}

fn is_about_company(question: &Question) -> bool {
    !is_about_contact(question)
}

fn by_value<'a, E>(
    inputs: &Inputs,
    answers: &'a Answers<E>,
) -> Result<Option<MatchedCompany>, &'a E> {
    for value in &inputs.values {
        let mut failure = None;
        for field in inputs.fields {
            let question = Question::CompanyByValue {
                field,
                value: value.clone(),
            };
            let rows = match answers.get(&question) {
                Some(Ok(rows)) => rows,
                Some(Err(error)) => {
                    failure.get_or_insert(error);
                    continue;
                }
                None => continue,
            };
            let carrying = carrying(rows, field, value);
            if let Some(first) = carrying.first() {
                return Ok(Some(MatchedCompany {
                    row: (*first).clone(),
                    value: Some(value.clone()),
                    matches: carrying.len(),
                    match_key: MatchKey::of_field(field),
                    confidence: Confidence::COMPANY_ID,
                }));
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Ok(None)
}

/// The contact: by address, then by number; one with a company goes before one without.
fn pick_contact<E>(inputs: &Inputs, answers: &Answers<E>) -> Option<Row> {
    let has_email = |row: &Row| {
        let wanted = inputs.email.as_ref();
        let emails = row.multifields("EMAIL");
        wanted.is_some()
            && emails
                .iter()
                .any(|email| Email::parse(&email.value).as_ref() == wanted)
    };
    let has_phone = |row: &Row| {
        row.multifields("PHONE").iter().any(|phone| {
            let is_same =
                |wanted: &String| phone::is_same_number(wanted, &phone.value, inputs.country);
            inputs.phones.iter().any(is_same)
        })
    };
    let mut by_email: Vec<&Row> = Vec::new();
    let mut by_phone: Vec<&Row> = Vec::new();
    for (question, answer) in answers {
        let Ok(rows) = answer else { continue };
        let rows = rows.iter().filter(|row| row.id("ID").is_some());
        match question {
            Question::ContactByEmail(_) => by_email.extend(rows.filter(|row| has_email(row))),
            Question::ContactByPhone(_) | Question::FirstDuplicate => {
                by_phone.extend(rows.filter(|row| has_phone(row)));
            }
            Question::DuplicatesByPhone(_)
            | Question::CompanyByValue { .. }
            | Question::CompanyOfFirst(_)
            | Question::CompanyById(_)
            | Question::CompanyByWeb(_)
            | Question::CompanyByTitle(_) => {}
        }
    }
    let first = |found: &[&Row]| {
        let with_company = found.iter().find(|row| row.id("COMPANY_ID").is_some());
        with_company
            .or_else(|| found.first())
            .map(|row| (*row).clone())
    };
    first(&by_email).or_else(|| first(&by_phone))
}

/// The contact's company, among whatever companies were asked for through contacts.
fn of_contact<E>(contact: &Row, answers: &Answers<E>) -> Option<MatchedCompany> {
    let id = contact.id("COMPANY_ID")?;
    let row = answers.iter().find_map(|(question, answer)| {
        let is_asked_so = matches!(
            question,
            Question::CompanyOfFirst(_) | Question::CompanyById(_)
        );
        let rows = answer.as_ref().ok().filter(|_| is_asked_so)?;
        rows.iter().find(|row| row.id("ID") == Some(id))
    })?;
    Some(MatchedCompany {
        row: row.clone(),
        value: None,
        matches: 1,
        match_key: MatchKey::contact(),
        confidence: Confidence::CONTACT_OR_DOMAIN,
    })
}

/// The companies that carry what the picked one was found by, that one among them.
pub fn alike<'a, E>(
    inputs: &Inputs,
    answers: &'a Answers<E>,
    company: &MatchedCompany,
) -> Vec<&'a Row> {
    let Some(value) = &company.value else {
        return of_domain(inputs, answers);
    };
    let of_field = |field: &&'static str| MatchKey::of_field(field) == company.match_key;
    let Some(field) = inputs.fields.into_iter().find(|field| of_field(field)) else {
        return Vec::new();
    };
    let question = Question::CompanyByValue {
        field,
        value: value.clone(),
    };
    match answers.get(&question) {
        Some(Ok(rows)) => carrying(rows, field, value),
        Some(Err(_)) | None => Vec::new(),
    }
}

/// The companies that really carry a value in a field.
fn carrying<'a>(rows: &'a [Row], field: &str, value: &str) -> Vec<&'a Row> {
    let carries = |row: &&Row| {
        row.id("ID").is_some() && normalise::text(row, field).as_deref() == Some(value)
    };
    rows.iter().filter(carries).collect()
}

fn by_domain<E>(inputs: &Inputs, answers: &Answers<E>) -> Option<MatchedCompany> {
    let found = of_domain(inputs, answers);
    Some(MatchedCompany {
        row: (*found.first()?).clone(),
        value: None,
        matches: found.len(),
        match_key: MatchKey::domain(),
        confidence: Confidence::CONTACT_OR_DOMAIN,
    })
}

/// The companies that really have the customer's domain, each once, in the order in which they are believed.
fn of_domain<'a, E>(inputs: &Inputs, answers: &'a Answers<E>) -> Vec<&'a Row> {
    let Some(domain) = inputs.domain.as_ref() else {
        return Vec::new();
    };
    let has_web = |row: &&Row| {
        let addresses = row.multifields("WEB");
        addresses
            .iter()
            .any(|web| Domain::parse(&web.value).as_ref() == Some(domain))
    };
    let has_title = |row: &&Row| {
        normalise::text(row, "TITLE").is_some_and(|title| names_domain(&title, domain))
    };
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (question, answer) in answers {
        let Ok(rows) = answer else { continue };
        let found: Vec<&Row> = match question {
            Question::CompanyByWeb(_) => rows.iter().filter(has_web).collect(),
            Question::CompanyByTitle(_) => rows.iter().filter(has_title).collect(),
            Question::CompanyByValue { .. }
            | Question::ContactByEmail(_)
            | Question::ContactByPhone(_)
            | Question::DuplicatesByPhone(_)
            | Question::FirstDuplicate
            | Question::CompanyOfFirst(_)
            | Question::CompanyById(_) => Vec::new(),
        };
        for row in found {
            if row.id("ID").is_some_and(|id| seen.insert(id)) {
                all.push(row);
            }
        }
    }
    all
}

/// Whether a title names the domain itself and not one that merely ends or begins like it.
fn names_domain(title: &str, domain: &Domain) -> bool {
    title
        .split(|c: char| c.is_whitespace() || "()[],;|\"'".contains(c))
        .any(|word| Domain::parse(word).as_ref() == Some(domain))
}
