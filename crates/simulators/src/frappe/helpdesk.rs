//! What Helpdesk's controllers do to their documents.

pub(crate) mod communication;
pub(crate) mod contact;
pub(crate) mod sla;
pub(crate) mod ticket;
