//! What Deskbridge puts into the helpdesk.

pub(crate) mod popup;
