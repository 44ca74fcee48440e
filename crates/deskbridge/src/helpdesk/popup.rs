//! The popup on a ticket that shows the customer's profile, as the scripts that Frappe stores.
//!
//! The JavaScript lives in `popup/`, one room a file; the rooms are put together here, since a script is one text
//! field in Frappe and can import nothing.

/// The rooms that both scripts share, in order: a room uses those before it while it is read, any when it runs.
macro_rules! rooms {
    () => {
        concat!(
            include_str!("../../popup/texts/en.js"),
            include_str!("../../popup/texts/vi.js"),
            include_str!("../../popup/texts/ru.js"),
            include_str!("../../popup/texts.js"),
            include_str!("../../popup/format.js"),
            include_str!("../../popup/trouble.js"),
            include_str!("../../popup/groups.js"),
            include_str!("../../popup/notices.js"),
            include_str!("../../popup/element.js"),
            "const STYLE = `\n",
            include_str!("../../popup/popup.css"),
            "`;\n",
            include_str!("../../popup/views.js"),
            include_str!("../../popup/page.js"),
            include_str!("../../popup/popup.js"),
        )
    };
}

/// The HD Form Script of the agents' form. The helpdesk makes a function of the text and takes its `setupForm`.
pub(crate) const FORM_SCRIPT: &str = concat!(
    "\"use strict\";\n",
    rooms!(),
    include_str!("../../popup/form.js")
);

/// The Client Script of the classic Desk. All Client Scripts of a form are run as one text, so this one keeps what
/// it declares to itself.
pub(crate) const CLIENT_SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    rooms!(),
    include_str!("../../popup/desk.js"),
    "setUpDesk();\n})();\n"
);

#[cfg(test)]
mod tests {
    use super::{CLIENT_SCRIPT, FORM_SCRIPT};

    #[test]
    fn each_script_has_its_own_entry_and_all_rooms() {
        for (script, entry, other) in [
            (FORM_SCRIPT, "\nfunction setupForm(", "frappe.ui.form.on("),
            (CLIENT_SCRIPT, "frappe.ui.form.on(", "function setupForm("),
        ] {
            assert!(script.contains(entry) && !script.contains(other), "{entry}");
            for room in [
                "const ENGLISH",
                "const VIETNAMESE",
                "const RUSSIAN",
                "class Popup",
                "dialog::backdrop",
            ] {
                assert_eq!(script.matches(room).count(), 1, "{room}");
            }
        }
    }

    #[test]
    fn the_style_cannot_end_the_text_it_is_quoted_in() {
        let style = include_str!("../../popup/popup.css");
        assert!(!style.contains(['`', '\\']) && !style.contains("${"));
    }
}
