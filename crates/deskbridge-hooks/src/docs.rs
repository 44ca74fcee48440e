//! `docs/hooks.md` is written from the table, and its examples are run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    CONTRACTS, Contract, Runner, envelope,
    point::{Cancel, contract},
    runner::{
        javascript::{Script, tests::pool},
        php,
    },
    shape::{Shape, check},
};

const BEGIN: &str = "<!-- names: written from the code -->\n";
const END: &str = "<!-- end of names -->\n";

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that reads the tree's own files"
)]
fn text(name: &str) -> String {
    fs::read_to_string(docs(name)).unwrap_or_default()
}

fn row(contract: &Contract) -> String {
    let names = |shape: &Shape| match shape {
        Shape::Object(members) => {
            let names: Vec<String> = members
                .iter()
                .map(|member| format!("`{}`", member.name))
                .collect();
            names.join(", ")
        }
        Shape::Fields => "fields by their names".to_owned(),
        _ => "nothing that is used".to_owned(),
    };
    let told = contract
        .input
        .iter()
        .map(|member| match (member.name, &member.shape) {
            ("params", Shape::Object(_)) => format!("`params`: {}", names(&member.shape)),
            (name, _) => format!("`{name}`"),
        });
    let actions: Vec<String> = contract
        .actions
        .iter()
        .map(|action| format!("`{}`", action.name()))
        .collect();
    let empty = match contract.empty {
        Cancel::Request => "leaves the request out",
        Cancel::Nothing => "changes nothing",
    };
    let filter = if contract.has_filter {
        "; `filter`"
    } else {
        ""
    };
    format!(
        "| `{}` | {} | {} | {} | {}{filter} | {} | {empty} | {} |\n",
        contract.name,
        contract.generation.name(),
        contract.when,
        told.collect::<Vec<_>>().join("; "),
        names(&contract.output),
        actions.join(", "),
        contract.default,
    )
}

fn table() -> String {
    let mut table = "| Name | Of | Asked | Told | `data` | `action` | Empty `data` | Without it |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    table.extend(CONTRACTS.iter().map(row));
    table
}

/// A line for each name, so that a difference is seen by name.
fn schemas() -> String {
    let schemas = CONTRACTS.iter().map(|contract| {
        let both = json!({"input": contract.input_schema(), "output": contract.output_schema()});
        format!("\"{}\": {both}", contract.name)
    });
    let schemas: Vec<String> = schemas.collect();
    format!("{{\n{}\n}}\n", schemas.join(",\n"))
}

#[test]
fn the_documents_say_what_the_code_says() {
    let page = text("hooks.md");
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let page_wanted = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    let schemas_wanted = schemas();
    if std::env::var_os("DESKBRIDGE_WRITE_DOCS").is_some() {
        fs::write(docs("hooks.md"), &page_wanted).unwrap();
        fs::write(docs("hooks.schema.json"), &schemas_wanted).unwrap();
        return;
    }
    assert!(
        page == page_wanted && text("hooks.schema.json") == schemas_wanted,
        "docs/hooks.md or docs/hooks.schema.json is old: DESKBRIDGE_WRITE_DOCS=1 cargo test -p deskbridge-hooks writes them"
    );
}

/// One of the uses.
struct Use {
    title: String,
    name: String,
    js: String,
    php: String,
    told: Value,
    answered: Value,
}

fn fenced<'a>(section: &'a str, language: &str) -> &'a str {
    let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

fn uses() -> Vec<Use> {
    let page = text("hooks.md");
    let (_, uses) = page.split_once("## Ten uses").unwrap();
    let sections = uses.split("\n### ").skip(1);
    let read = |section: &str| {
        let (told, answered) = fenced(section, "json").trim().split_once('\n').unwrap();
        let (before, _) = section.split_once(".js`:").unwrap();
        Use {
            title: section.lines().next().unwrap().to_owned(),
            name: before.rsplit('`').next().unwrap().to_owned(),
            js: fenced(section, "js").to_owned(),
            php: fenced(section, "php").to_owned(),
            told: serde_json::from_str(told).unwrap(),
            answered: serde_json::from_str(answered).unwrap(),
        }
    };
    sections.map(read).collect()
}

async fn run(runner: Runner, told: &Value) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    let now = "2026-05-04T12:00:00Z".parse().unwrap();
    let answer = runner
        .run(told.to_string().as_bytes(), now, deadline)
        .await
        .unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// The answer as it is used.
fn used(contract: &Contract, answer: &Value) -> envelope::Answer {
    envelope::read(contract, answer.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn every_example_answers_what_stands_there() {
    let uses = uses();
    assert_eq!(uses.len(), 10);
    crate::runner::need_php();
    let folder = tempfile::tempdir().unwrap();
    for example in uses {
        let contract = contract(&example.name).unwrap();
        let told = check(&Shape::Object(contract.input), &example.told, "input").unwrap();
        assert_eq!(told.dropped, Vec::<String>::new(), "{}", example.title);
        let wanted = used(contract, &example.answered);
        let js = folder.path().join("hook.js");
        fs::write(&js, &example.js).unwrap();
        let script = Runner::JavaScript(Script::new(js, pool(1)));
        let answered = run(script, &example.told).await;
        assert_eq!(
            used(contract, &answered),
            wanted,
            "{} in JavaScript",
            example.title
        );
        let file = folder.path().join("hook.php");
        fs::write(&file, &example.php).unwrap();
        let program = php::program(crate::runner::PHP, &file, Arc::new(Semaphore::new(1)));
        let answered = run(Runner::Program(program), &example.told).await;
        assert_eq!(
            used(contract, &answered),
            wanted,
            "{} in PHP",
            example.title
        );
    }
}
