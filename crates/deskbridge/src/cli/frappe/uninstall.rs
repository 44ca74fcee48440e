//! `deskbridge frappe uninstall`.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::bail;
use deskbridge_profile::live::SETTINGS_DOCTYPE;
use frappe::{Cause, Error, Filter, Op};
use serde_json::Value;

use super::{Helpdesk, UninstallArguments, trouble::explain};
use crate::{
    cli::say,
    helpdesk::{
        Fields, Key, shown,
        undo::{Step, gather, undo},
    },
};

pub(super) async fn run(arguments: &UninstallArguments) -> anyhow::Result<ExitCode> {
    let helpdesk = Helpdesk::of(&arguments.place)?;
    let backups = helpdesk.backups.open()?;
    let done = gather(backups.iter().flat_map(|(_, backup)| &backup.entries));
    if done.is_empty() {
        bail!(
            "{} has no backup of an installation on {}; it is where `install` was run, or name it with --backups",
            helpdesk.backups.folder().display(),
            helpdesk.site()
        );
    }
    let mut current = BTreeMap::new();
    for (key, _) in &done {
        if let Some(fields) = helpdesk.read(key).await? {
            current.insert(key.clone(), fields);
        }
    }
    let undo = undo(&done, &current, arguments.force);
    let holding = data_in(&helpdesk, &undo.steps, &current).await?;
    for line in &holding {
        say(format!("! {line}"))?;
    }
    if !holding.is_empty() && !arguments.with_data {
        bail!(
            "nothing was changed, because data would no longer be seen; with --with-data it is removed all the same. \
             Frappe keeps the columns of removed fields, and shows them again when the fields are made again, until \
             an administrator runs `bench trim-tables`"
        );
    }
    for step in &undo.steps {
        if !arguments.dry_run {
            if let Step::Delete { key } = step {
                forget_passwords(&helpdesk, key, current.get(key)).await?;
            }
            helpdesk.take(step).await?;
        }
        say(shown::step(step))?;
    }
    for key in &undo.kept {
        say(format!(
            "! {key} was changed by hand since and is kept; --force undoes it too"
        ))?;
    }
    if arguments.dry_run {
        say("Nothing was changed.")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !undo.kept.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    for (folder, backup) in backups {
        helpdesk.backups.close(&folder, backup)?;
    }
    say("Everything is as it was before.")?;
    Ok(ExitCode::SUCCESS)
}

/// A sentence for everything that would be lost to sight.
async fn data_in(
    helpdesk: &Helpdesk,
    steps: &[Step],
    current: &BTreeMap<Key, Fields>,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for step in steps {
        let Step::Delete { key } = step else {
            continue;
        };
        let Some(fields) = current.get(key) else {
            continue;
        };
        let count = match key.doctype.as_str() {
            "Custom Field" => values_of(helpdesk, fields).await?,
            "DocType" => rows_of(helpdesk, key, fields).await?,
            _ => 0,
        };
        if count > 0 {
            lines.push(format!("{key} holds {count} value(s)"));
        }
    }
    Ok(lines)
}

/// How many documents have a value in a custom field. What the settings keep for Server Scripts is ours.
async fn values_of(helpdesk: &Helpdesk, field: &Fields) -> anyhow::Result<u64> {
    let text = |name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default();
    let (dt, fieldname) = (text("dt"), text("fieldname"));
    if dt == SETTINGS_DOCTYPE {
        let key = Key::new(dt, dt);
        let settings = helpdesk.read(&key).await?.unwrap_or_default();
        let is_ours = fieldname.starts_with("deskbridge_");
        return Ok(u64::from(
            !is_ours && is_filled(settings.get(fieldname), field),
        ));
    }
    let filter = match text("fieldtype") {
        "Int" | "Percent" | "Check" | "Float" => Filter::new(fieldname, Op::NotEq, 0),
        _ => Filter::is_set(fieldname),
    };
    count(helpdesk, dt, &[filter]).await
}

/// How many documents a DocType has; of settings, how many fields are filled.
async fn rows_of(helpdesk: &Helpdesk, key: &Key, doctype: &Fields) -> anyhow::Result<u64> {
    if doctype.get("issingle") != Some(&Value::from(1)) {
        return count(helpdesk, &key.name, &[]).await;
    }
    let single = Key::new(&*key.name, &*key.name);
    let values = helpdesk.read(&single).await?.unwrap_or_default();
    let fields = doctype.get("fields").and_then(Value::as_array);
    let fields = fields.into_iter().flatten().filter_map(Value::as_object);
    let filled = fields.filter(|field| {
        let name = field.get("fieldname").and_then(Value::as_str);
        name.is_some_and(|name| is_filled(values.get(name), field))
    });
    Ok(filled.count() as u64)
}

/// Whether somebody filled a field: there is something, and not the default.
fn is_filled(value: Option<&Value>, field: &Fields) -> bool {
    let shown = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    };
    let (value, default) = (shown(value), shown(field.get("default")));
    !value.is_empty() && value != "0" && value != default
}

async fn count(helpdesk: &Helpdesk, doctype: &str, filters: &[Filter]) -> anyhow::Result<u64> {
    match helpdesk.client.count(doctype, filters).await {
        Ok(count) => Ok(count),
        Err(Error {
            cause: Cause::MissingDocType,
            ..
        }) => Ok(0),
        Err(error) => Err(explain(helpdesk.site(), &error)),
    }
}

/// Empties the Password fields of the settings that go, with the DocType or alone: Frappe would keep what they hold,
/// and show it to whoever makes the field again.
async fn forget_passwords(
    helpdesk: &Helpdesk,
    key: &Key,
    going: Option<&Fields>,
) -> anyhow::Result<()> {
    let text = |name: &str| going.and_then(|fields| fields.get(name)?.as_str());
    let is_settings = key.doctype == "DocType" && key.name == SETTINGS_DOCTYPE;
    let one = text("fieldname").filter(|_| {
        key.doctype == "Custom Field"
            && text("dt") == Some(SETTINGS_DOCTYPE)
            && text("fieldtype") == Some("Password")
    });
    if !is_settings && one.is_none() {
        return Ok(());
    }
    let single = Key::new(SETTINGS_DOCTYPE, SETTINGS_DOCTYPE);
    let Some(values) = helpdesk.read(&single).await? else {
        return Ok(());
    };
    let is_hidden = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        !text.is_empty() && text.chars().all(|c| c == '*')
    };
    let hidden = values.into_iter().filter(|(_, value)| is_hidden(value));
    let hidden = hidden.filter(|(field, _)| is_settings || one == Some(field.as_str()));
    let empty: Fields = hidden.map(|(field, _)| (field, Value::Null)).collect();
    if empty.is_empty() {
        return Ok(());
    }
    helpdesk.write(&single, &empty).await
}
