//! The scripts that show the profile in the agent's browser.

/// For the helpdesk's own ticket page.
pub(crate) const FORM_SCRIPT: &str =
    "function setupForm({ doc, call }) {\n  return { actions: [] };\n}\n";
/// For a ticket in the desk.
pub(crate) const CLIENT_SCRIPT: &str = "frappe.ui.form.on('HD Ticket', {});\n";
