//! Leads and deals of a company.

use std::collections::BTreeMap;

use bitrix24::Row;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{
    links::{Card, Links},
    normalise,
};

/// Leads and deals, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct History {
    /// The leads.
    pub leads: Vec<Entry>,
    /// The deals.
    pub deals: Vec<Entry>,
    /// Whether there are more than are listed.
    pub truncated: bool,
}

/// One lead or deal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    /// Bitrix24's `ID`.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// The code of its stage: `STATUS_ID` of a lead, `STAGE_ID` of a deal.
    pub stage: Option<String>,
    /// The name of the stage; the code where the portal has no name for it.
    pub stage_name: Option<String>,
    /// `process`, `success` or `failure`.
    pub outcome: Option<String>,
    /// The name of a deal's pipeline.
    pub pipeline: Option<String>,
    /// The amount in plain digits, as exact as the portal sent it.
    pub amount: Option<String>,
    /// The amount's currency code.
    pub currency: Option<String>,
    /// `dd/MM/yyyy`.
    pub created: Option<String>,
    /// ISO 8601.
    pub created_iso: Option<String>,
    /// `dd/MM/yyyy`; when it was closed, or is to be.
    pub closed: Option<String>,
    /// ISO 8601.
    pub closed_iso: Option<String>,
    /// The card.
    pub url: Option<String>,
}

/// Names of stages and pipelines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct StageNames {
    /// By `ENTITY_ID` and `STATUS_ID`.
    stages: BTreeMap<String, BTreeMap<String, String>>,
    /// Pipelines by id.
    pipelines: BTreeMap<String, String>,
}

impl StageNames {
    /// Reads the rows of `crm.status.list` and `crm.category.list`.
    pub fn read(statuses: &[Row], categories: &[Row]) -> Self {
        let mut names = Self::default();
        for row in statuses {
            let (Some(entity), Some(id), Some(name)) = (
                row.text("ENTITY_ID"),
                row.text("STATUS_ID"),
                normalise::text(row, "NAME"),
            ) else {
                continue;
            };
            names
                .stages
                .entry(entity.into_owned())
                .or_default()
                .insert(id.into_owned(), name);
        }
        for row in categories {
            // The default pipeline has the id 0, which is no record id.
            if let (Some(id), Some(name)) = (row.integer("id"), normalise::text(row, "name")) {
                names.pipelines.insert(id.to_string(), name);
            }
        }
        names
    }

    fn stage(&self, entity: &str, id: &str) -> String {
        let name = self.stages.get(entity).and_then(|stages| stages.get(id));
        name.map_or(id, String::as_str).to_owned()
    }
}

/// What is shown of a company's leads and deals.
pub fn view(
    (leads, deals): (&[Row], &[Row]),
    truncated: bool,
    names: &StageNames,
    links: &Links,
    zone: Option<&TimeZone>,
) -> History {
    History {
        leads: leads
            .iter()
            .filter_map(|row| lead(row, names, links, zone))
            .collect(),
        deals: deals
            .iter()
            .filter_map(|row| deal(row, names, links, zone))
            .collect(),
        truncated,
    }
}

fn lead(row: &Row, names: &StageNames, links: &Links, zone: Option<&TimeZone>) -> Option<Entry> {
    let stage = normalise::text(row, "STATUS_ID");
    let stage_name = stage.as_deref().map(|stage| names.stage("STATUS", stage));
    let outcome = outcome(row, "STATUS_SEMANTIC_ID");
    let entry = entry(
        row,
        (Card::Lead, links),
        ("DATE_CREATE", "DATE_CLOSED"),
        zone,
    )?;
    Some(Entry {
        stage,
        stage_name,
        outcome,
        ..entry
    })
}

fn deal(row: &Row, names: &StageNames, links: &Links, zone: Option<&TimeZone>) -> Option<Entry> {
    let category = row.integer("CATEGORY_ID").unwrap_or(0);
    let entity = match category {
        0 => "DEAL_STAGE".to_owned(),
        category => format!("DEAL_STAGE_{category}"),
    };
    let stage = normalise::text(row, "STAGE_ID");
    let stage_name = stage.as_deref().map(|stage| names.stage(&entity, stage));
    let outcome = outcome(row, "STAGE_SEMANTIC_ID");
    let pipeline = names.pipelines.get(&category.to_string()).cloned();
    let entry = entry(row, (Card::Deal, links), ("DATE_CREATE", "CLOSEDATE"), zone)?;
    Some(Entry {
        stage,
        stage_name,
        outcome,
        pipeline,
        ..entry
    })
}

/// What leads and deals have in common.
fn entry(
    row: &Row,
    (card, links): (Card, &Links),
    (created, closed): (&str, &str),
    zone: Option<&TimeZone>,
) -> Option<Entry> {
    let id = row.id("ID")?;
    let date = |field| {
        let date = normalise::date(&normalise::text(row, field)?, zone)?;
        Some((date.shown, date.iso))
    };
    let (created, created_iso) = date(created).unzip();
    let (closed, closed_iso) = date(closed).unzip();
    let amount = normalise::text(row, "OPPORTUNITY").map(|amount| normalise::decimal(&amount));
    Some(Entry {
        id: id.to_string(),
        title: normalise::text(row, "TITLE"),
        stage: None,
        stage_name: None,
        outcome: None,
        pipeline: None,
        amount,
        currency: normalise::text(row, "CURRENCY_ID"),
        created,
        created_iso,
        closed,
        closed_iso,
        url: links.card(card, Some(id)),
    })
}

fn outcome(row: &Row, field: &str) -> Option<String> {
    let outcome = match normalise::text(row, field)?.as_str() {
        "P" => "process",
        "S" => "success",
        "F" => "failure",
        _ => return None,
    };
    Some(outcome.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rows(json: Value) -> Vec<Row> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn stages_and_pipelines_are_named() {
        let statuses = rows(json!([
            {"ENTITY_ID": "STATUS", "STATUS_ID": "NEW", "NAME": "Mới"},
            {"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "NEW", "NAME": "Thương lượng"},
            {"ENTITY_ID": "DEAL_STAGE_1", "STATUS_ID": "C1:WON", "NAME": "Thành công"},
            {"ENTITY_ID": "STATUS"},
        ]));
        let categories = rows(json!([{"id": 0, "name": "Bán mới"}, {"id": 1, "name": "Gia hạn"}]));
        let names = StageNames::read(&statuses, &categories);
        let leads = rows(json!([
            {"ID": "5", "TITLE": "Tư vấn", "STATUS_ID": "NEW", "STATUS_SEMANTIC_ID": "P",
             "OPPORTUNITY": "15000.00", "CURRENCY_ID": "VND", "DATE_CREATE": "2026-10-01T09:00:00+03:00",
             "DATE_CLOSED": ""},
            {"TITLE": "no id"},
        ]));
        let deals = rows(json!([
            {"ID": "8", "STAGE_ID": "C1:WON", "CATEGORY_ID": "1", "STAGE_SEMANTIC_ID": "S",
             "OPPORTUNITY": 999.9, "CLOSEDATE": "2026-09-30T00:00:00+03:00"},
            {"ID": "9", "STAGE_ID": "NEW", "CATEGORY_ID": "0"},
            {"ID": "10", "STAGE_ID": "C9:X", "CATEGORY_ID": "9"},
        ]));
        let links = Links::new(Some("https://portal.example".to_owned()));
        let history = view((&leads, &deals), false, &names, &links, None);
        insta::assert_json_snapshot!(history);
    }
}
