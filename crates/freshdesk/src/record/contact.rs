//! Contacts and companies.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{CompanyId, record};

record! {
    /// A contact. In lists, `other_emails`, `other_companies` and some more may be absent.
    Contact as "a contact" by PersonId {
        /// Full name.
        name: Option<String>,
        /// Main address; many have none.
        email: Option<String>,
        /// Secondary addresses.
        other_emails: Vec<String>,
        /// Phone; families and companies share one.
        phone: Option<String>,
        /// Mobile.
        mobile: Option<String>,
        /// On Twitter.
        twitter_id: Option<String>,
        /// On Facebook.
        facebook_id: Option<String>,
        /// In another system.
        unique_external_id: Option<String>,
        /// Main company.
        company_id: Option<CompanyId>,
        /// Other companies.
        other_companies: Vec<CompanyMembership>,
        /// Whether they see all tickets of the company.
        view_all_tickets: Option<bool>,
        /// Address.
        address: Option<String>,
        /// About them.
        description: Option<String>,
        /// Title.
        job_title: Option<String>,
        /// Language.
        language: Option<String>,
        /// Time zone, in Rails' words.
        time_zone: Option<String>,
        /// Tags.
        tags: Vec<String>,
        /// Whether the address was verified.
        active: Option<bool>,
        /// Whether it was deleted.
        deleted: Option<bool>,
        /// Whether it was blocked; told by exports.
        blocked: Option<bool>,
        /// The account's own fields.
        custom_fields: Map<String, Value>,
        /// When it was made.
        created_at: Option<Timestamp>,
        /// When it was last changed.
        updated_at: Option<Timestamp>,
    }
}

record! {
    /// A contact's place in another company.
    CompanyMembership as "a membership" {
        /// The company.
        company_id: Option<CompanyId>,
        /// Whether they see all its tickets.
        view_all_tickets: Option<bool>,
    }
}

record! {
    /// A company.
    Company as "a company" by CompanyId {
        /// Its name, which no other has.
        name: Option<String>,
        /// About it.
        description: Option<String>,
        /// A note.
        note: Option<String>,
        /// Of its e-mail addresses.
        domains: Vec<String>,
        /// How it fares.
        health_score: Option<String>,
        /// Its tier.
        account_tier: Option<String>,
        /// What it does.
        industry: Option<String>,
        /// The account's own fields.
        custom_fields: Map<String, Value>,
        /// When it was made.
        created_at: Option<Timestamp>,
        /// When it was last changed.
        updated_at: Option<Timestamp>,
    }
}
