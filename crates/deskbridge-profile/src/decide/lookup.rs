//! Which questions find a customer in the CRM, and which of the answers is believed.
//!
//! All candidates are asked in one batch and decided in the order of belief. A found record is believed only
//! when it carries what was asked for: portals are known to ignore a filter and to answer with everything.

mod pick;
#[cfg(test)]
mod tests;

use bitrix24::Id;
use deskbridge_identity::{Country, Domain, Email};

pub use pick::{Answers, Confidence, MatchKey, MatchedCompany, Picked, alike, pick};

/// The field that holds the Haravan company id.
pub const COMPANY_ID_FIELD: &str = "UF_CRM_COMPANY_ID";
/// The field that holds the Haravan org id.
pub const ORG_ID_FIELD: &str = "UF_CRM_HARAVAN_ORG_ID";

/// Under what a customer may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Company ids, most believed first.
    pub values: Vec<String>,
    /// The fields that may hold them, in the order in which they are asked.
    pub fields: [&'static str; 2],
    /// The contact's address.
    pub email: Option<Email>,
    /// The contact's numbers as the helpdesk has them.
    pub phones: Vec<String>,
    /// The customer's domain.
    pub domain: Option<Domain>,
    /// Where a number without a country code is dialled.
    pub country: Country,
}

impl Inputs {
    /// Whether there is anything to look for.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.email.is_none()
            && self.phones.is_empty()
            && self.domain.is_none()
    }

    /// A text that is equal for equal inputs.
    pub fn canonical(&self) -> String {
        let email = self.email.as_ref().map_or("", Email::as_str);
        let domain = self.domain.as_ref().map_or("", Domain::as_str);
        serde_json::json!([self.values, self.fields, email, self.phones, domain]).to_string()
    }
}

/// One question to the portal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Companies that carry a value in a field.
    CompanyByValue {
        /// The field.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// Contacts with an e-mail address.
    ContactByEmail(String),
    /// Contacts with a phone number, written exactly so.
    ContactByPhone(String),
    /// Contacts with a phone number, however it is written. The answer are ids; the first contact comes along
    /// as [`Question::FirstDuplicate`].
    DuplicatesByPhone(Vec<String>),
    /// The first contact of [`Question::DuplicatesByPhone`].
    FirstDuplicate,
    /// The company of the first contact that another question finds.
    CompanyOfFirst(Box<Question>),
    /// The company with Bitrix24's own id.
    CompanyById(Id),
    /// Companies with a web address.
    CompanyByWeb(String),
    /// Companies with a text in their title.
    CompanyByTitle(String),
}

/// The questions of the first batch.
///
/// Without any company id the fallbacks are asked at once, because nothing else can be hoped for; with one
/// they wait for the answers, because hardly anybody needs them.
pub fn first_questions(inputs: &Inputs) -> Vec<Question> {
    let mut questions: Vec<Question> = inputs
        .values
        .iter()
        .flat_map(|value| {
            inputs.fields.map(|field| Question::CompanyByValue {
                field,
                value: value.clone(),
            })
        })
        .collect();
    let contacts = contact_questions(inputs);
    if inputs.values.is_empty() {
        for contact in &contacts {
            questions.push(contact.clone());
            if !matches!(contact, Question::DuplicatesByPhone(_)) {
                questions.push(Question::CompanyOfFirst(Box::new(contact.clone())));
            }
        }
        questions.extend(domain_questions(inputs));
    } else {
        questions.extend(contacts);
    }
    questions
}

/// The questions that are left when the first answers name no company.
pub fn second_questions<E: Clone>(inputs: &Inputs, answers: &Answers<E>) -> Vec<Question> {
    let picked = pick(inputs, answers);
    if picked.company.is_some() || picked.failure.is_some() {
        return Vec::new();
    }
    let company = picked
        .contact
        .as_ref()
        .and_then(|contact| contact.id("COMPANY_ID"));
    let mut questions: Vec<Question> = company.map(Question::CompanyById).into_iter().collect();
    questions.extend(domain_questions(inputs));
    questions.retain(|question| !answers.contains_key(question));
    questions
}

fn contact_questions(inputs: &Inputs) -> Vec<Question> {
    let email = inputs
        .email
        .as_ref()
        .map(|email| Question::ContactByEmail(email.as_str().to_owned()));
    let mut questions: Vec<Question> = email.into_iter().collect();
    if let Some(written) = inputs.phones.first() {
        questions.push(Question::ContactByPhone(written.clone()));
        questions.push(Question::DuplicatesByPhone(spellings(inputs)));
        questions.push(Question::FirstDuplicate);
    }
    questions
}

/// The contact's numbers in the ways in which they are commonly stored.
fn spellings(inputs: &Inputs) -> Vec<String> {
    /// `crm.duplicate.findbycomm` takes twenty values.
    const VALUES_MAX: usize = 20;
    let mut spellings: Vec<String> = Vec::new();
    for written in &inputs.phones {
        let phone = deskbridge_identity::Phone::parse(written, inputs.country);
        let forms = phone.map(|phone| [phone.e164().to_owned(), phone.national().to_owned()]);
        for spelling in forms.into_iter().flatten().chain([written.clone()]) {
            if !spellings.contains(&spelling) && spellings.len() < VALUES_MAX {
                spellings.push(spelling);
            }
        }
    }
    spellings
}

/// Multifields match exactly only, so the usual spellings of an address are asked for one by one.
fn domain_questions(inputs: &Inputs) -> Vec<Question> {
    let Some(domain) = inputs.domain.as_ref().map(Domain::as_str) else {
        return Vec::new();
    };
    let addresses = [
        domain.to_owned(),
        format!("https://{domain}"),
        format!("https://www.{domain}"),
    ];
    let by_web = addresses.map(Question::CompanyByWeb);
    by_web
        .into_iter()
        .chain([Question::CompanyByTitle(domain.to_owned())])
        .collect()
}
