//! `docs/errors.md` is written from the codes; this is the test that keeps it true.

use std::{fmt::Write as _, fs, path::Path};

use deskbridge_core::Language;

use super::Code;

const FILE: &str = "../../docs/errors.md";

fn page() -> String {
    let mut page = "# Errors\n\n\
        Every error of the interface is a JSON object with `error.code`, which never changes its meaning, \
        `error.message` and `error.what_now` in the caller's language, and `error.request_id`, which the log \
        has too. Addresses under `/api/method/` add what Frappe's own browser code expects: `exc_type`, \
        `_server_messages` and `message.success = false`.\n\n\
        `…` stands for what the error is about. This page is written from the program; \
        `WRITE_DOCS=1 cargo test -p deskbridge-http documentation` renews it.\n\n\
        | Code | HTTP | `exc_type` | What happened | What to do |\n|---|---|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let (message, what_now) = code.sentences("…", Language::English);
        let (name, status, exception) = (
            code.as_str(),
            code.status().as_u16(),
            code.frappe_exception(),
        );
        writeln!(
            page,
            "| `{name}` | {status} | `{exception}` | {message} | {what_now} |"
        )
        .unwrap();
    }
    page
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a file of this repository, which a test compares"
)]
fn the_page_of_errors_is_true() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&file, page()).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, page(), "run the command that the page names");
}
