//! `deskbridge bitrix24 fields`: the portal's user fields beside the configured field map.

mod propose;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context as _, bail};
use bitrix24::{Call, Client, Group, Row};
use clap::{Args, ValueEnum};
use deskbridge_profile::{
    live::{self, Source},
    settings::Settings,
};
use serde::Serialize;
use serde_json::json;

use self::propose::{Mark, Proposal, propose};
use crate::{
    cli::{ConfigFile, environment, say},
    wire::Connections,
};

#[derive(Args)]
pub(crate) struct FieldsArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Whose fields.
    #[arg(long, default_value = "company")]
    entity: Entity,
    /// The language of the labels, as the portal calls it (Vietnamese is vn).
    #[arg(long, default_value = "vn")]
    language: String,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Entity {
    Company,
    Contact,
    Lead,
    Deal,
}

impl Entity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Contact => "contact",
            Self::Lead => "lead",
            Self::Deal => "deal",
        }
    }
}

/// A field of the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct PortalField {
    #[serde(rename = "field")]
    name: String,
    #[serde(rename = "type")]
    kind: String,
    label: Option<String>,
    #[serde(rename = "multiple")]
    is_multiple: bool,
    options: usize,
}

pub(super) async fn run(arguments: FieldsArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.file.load()?;
    let connections = Connections::of(&config, &environment())?;
    let raw = match &connections.source {
        Source::File(raw) => raw.clone(),
        Source::Helpdesk { hub, .. } => live::read(hub).await?,
    };
    let settings = Settings::read(&raw);
    let Some(webhook) = settings.webhook.clone() else {
        let why = settings
            .flaws
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ");
        bail!("there is no usable webhook for companies to ask with {why}");
    };
    let client = connections.portals.client(webhook)?;
    let fields = read(&client, arguments.entity, &arguments.language).await?;
    match arguments.entity {
        Entity::Company => {
            let proposals = propose(&fields, &settings.field_map);
            if arguments.json {
                say(serde_json::to_string_pretty(&as_json(&proposals))?)?;
            } else {
                print_table(&proposals)?;
                print_legend(&proposals)?;
            }
        }
        // Only companies are shown through a field map.
        Entity::Contact | Entity::Lead | Entity::Deal if arguments.json => {
            say(serde_json::to_string_pretty(&json!({"fields": fields}))?)?;
        }
        Entity::Contact | Entity::Lead | Entity::Deal => {
            let unmapped = fields.into_iter().map(Proposal::unmapped);
            print_table(&unmapped.collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for the system's fields and the user fields, whose labels come only when a language is named.
async fn read(client: &Client, entity: Entity, language: &str) -> anyhow::Result<Vec<PortalField>> {
    let mut group = Group::new();
    let entity = entity.as_str();
    let all = group.add(Call::read(&format!("crm.{entity}.fields")));
    let labelled = Call::read(&format!("crm.{entity}.userfield.list")).filter("LANG", language);
    let user_fields = group.add(labelled);
    let answer = client
        .group(group)
        .await
        .context("asking for the portal's fields")?;
    let answer_to = |command| {
        answer
            .get(command)
            .cloned()
            .context("the portal left a question out")?
            .context("asking for the portal's fields")
    };
    let mut fields: BTreeMap<String, PortalField> = BTreeMap::new();
    for (name, row) in answer_to(all)?.entries()? {
        let labels = ["formLabel", "listLabel", "title"];
        let label = labels
            .into_iter()
            .find_map(|key| text(&row, key))
            .filter(|label| *label != name);
        let field = PortalField {
            kind: text(&row, "type").unwrap_or_default(),
            label,
            is_multiple: row.flag("isMultiple").unwrap_or(false),
            options: row.rows("items").len(),
            name: name.clone(),
        };
        fields.insert(name, field);
    }
    for row in answer_to(user_fields)?.rows()? {
        let Some(name) = text(&row, "FIELD_NAME") else {
            continue;
        };
        let labels = ["EDIT_FORM_LABEL", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL"];
        let field = PortalField {
            kind: text(&row, "USER_TYPE_ID").unwrap_or_default(),
            label: labels.into_iter().find_map(|key| text(&row, key)),
            is_multiple: row.flag("MULTIPLE").unwrap_or(false),
            options: row.rows("LIST").len(),
            name: name.clone(),
        };
        fields.insert(name, field);
    }
    Ok(fields.into_values().collect())
}

fn text(row: &Row, field: &str) -> Option<String> {
    row.text(field).map(std::borrow::Cow::into_owned)
}

fn as_json(proposals: &[Proposal]) -> serde_json::Value {
    let map: serde_json::Map<_, _> = proposals
        .iter()
        .filter(|proposal| proposal.mark != Mark::Gone)
        .filter_map(|proposal| Some((proposal.field.name.clone(), proposal.key.clone()?.into())))
        .collect();
    let enums: Vec<_> = proposals
        .iter()
        .filter(|proposal| proposal.key.is_some() && proposal.field.options > 0)
        .map(|proposal| &proposal.field.name)
        .collect();
    json!({"bitrix_company_field_map_json": map, "bitrix_enum_fields_json": enums, "fields": proposals})
}

fn print_table(proposals: &[Proposal]) -> anyhow::Result<()> {
    let width = |column: fn(&Proposal) -> usize| proposals.iter().map(column).max().unwrap_or(0);
    let name_width = width(|proposal| proposal.field.name.chars().count()).max("FIELD".len());
    let kind_width = width(|proposal| proposal.field.kind.chars().count()).max("TYPE".len());
    let key_width = width(|proposal| proposal.key.as_ref().map_or(0, |key| key.chars().count()));
    let key_width = key_width.max("KEY".len());
    say(format!(
        "  {:name_width$}  {:kind_width$}  {:key_width$}  LABEL",
        "FIELD", "TYPE", "KEY"
    ))?;
    for proposal in proposals {
        let (field, mark) = (&proposal.field, proposal.mark.sign());
        let key = proposal.key.as_deref().unwrap_or_default();
        let label = field.label.as_deref().unwrap_or_default();
        let many = if field.is_multiple { " (several)" } else { "" };
        let options = match field.options {
            0 => String::new(),
            number => format!(" ({number} options)"),
        };
        let line = format!(
            "{mark} {:name_width$}  {:kind_width$}  {key:key_width$}  {label}{many}{options}",
            field.name, field.kind
        );
        say(line.trim_end())?;
    }
    Ok(())
}

fn print_legend(proposals: &[Proposal]) -> anyhow::Result<()> {
    say("")?;
    for (mark, meaning) in [
        (Mark::Mapped, "in the configured field map"),
        (
            Mark::Proposed,
            "in the portal and not in the map; the key is a proposal",
        ),
        (Mark::Gone, "in the map and not in the portal: always empty"),
        (Mark::System, "a field of the system that is not in the map"),
    ] {
        let number = proposals
            .iter()
            .filter(|proposal| proposal.mark == mark)
            .count();
        say(format!("{} {number:4}  {meaning}", mark.sign()))?;
    }
    say("")?;
    say("`--json` prints the proposed map for bitrix_company_field_map_json.")
}
