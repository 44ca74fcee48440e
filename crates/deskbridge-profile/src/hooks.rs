//! Hooks, asked about under which values a customer is looked up, and which of several companies they are.

use deskbridge_hooks::{Decision, Hooks, Point};
use serde_json::{Value, json};

use crate::{
    case::CaseJson,
    decide::lookup::{Answers, Inputs, Picked, alike},
};

/// Lets a hook choose the values by which companies are looked up.
pub(crate) async fn choose_candidates(hooks: &Hooks, case: &CaseJson, inputs: &mut Inputs) {
    if !hooks.asks(Point::ProfileCandidates) {
        return;
    }
    let known = json!({
        "ticket": {
            "ticket": case.ticket,
            "customer": case.customer,
            "contact": case.contact,
        },
        "candidates": candidates(inputs),
    });
    let Decision::Changed(change) = hooks.decide(Point::ProfileCandidates, &known).await else {
        return;
    };
    let Some(wanted) = change.data.get("candidates").and_then(Value::as_array) else {
        return;
    };
    let values = wanted.iter().filter_map(|one| one.get("value")?.as_str());
    let mut chosen: Vec<String> = Vec::new();
    for value in values.map(str::trim).filter(|value| !value.is_empty()) {
        if !chosen.iter().any(|before| before == value) {
            chosen.push(value.to_owned());
        }
    }
    inputs.values = chosen;
}

/// Lets a hook choose among several companies that carry the same.
pub(crate) async fn choose_company<E>(
    hooks: &Hooks,
    inputs: &Inputs,
    answers: &Answers<E>,
    picked: &mut Picked<E>,
) {
    if !hooks.asks(Point::ProfileCompany) {
        return;
    }
    let Some(company) = &mut picked.company else {
        return;
    };
    let alike = alike(inputs, answers, company);
    if alike.len() < 2 {
        return;
    }
    let known = json!({"candidates": candidates(inputs), "companies": alike});
    let Decision::Changed(change) = hooks.decide(Point::ProfileCompany, &known).await else {
        return;
    };
    match change.data.get("id") {
        Some(Value::Null) => picked.company = None,
        Some(wanted) => {
            let is_wanted = |row: &&bitrix24::Row| {
                let id = row.id("ID").map(bitrix24::Id::get);
                id.is_some() && id == wanted.as_u64()
            };
            match alike.into_iter().find(is_wanted) {
                Some(row) => company.row = row.clone(),
                None => {
                    tracing::warn!(
                        "The hook profile_company answered a company that was not found"
                    );
                }
            }
        }
        None => {}
    }
}

fn candidates(inputs: &Inputs) -> Value {
    let values = inputs.values.iter();
    values
        .map(|value| json!({"value": value, "origin": "helpdesk"}))
        .collect()
}
