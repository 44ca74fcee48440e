//! Who is this? Phones, e-mails and domains in one spelling, the values under which a company may be
//! found, and whether a found record is the one that was asked for.
//!
//! Functions of values to values. Not here: asking anybody.

pub mod candidates;
pub mod domain;
pub mod email;
pub mod phone;

pub use candidates::{Candidate, CompanyId, Source};
pub use domain::Domain;
pub use email::Email;
pub use phone::{Country, Phone};
