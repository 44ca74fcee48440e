//! A Frappe site with Helpdesk.
