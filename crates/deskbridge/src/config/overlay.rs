//! The environment over the file: `DESKBRIDGE__SERVER__LISTEN`, `DESKBRIDGE__FRAPPE__HELPDESK__URL`.

use toml::{Table, Value};

use super::ConfigError;

/// What the variables begin with.
const PREFIX: &str = "DESKBRIDGE__";
/// Tables of which there may be several, found by their name.
const NAMED: [&str; 7] = [
    "frappe", "bitrix24", "caresoft", "asterisk", "route", "hook", "import",
];
/// Settings that are one secret each: what looks like a number there is text all the same.
pub(super) const SECRETS: [&str; 13] = [
    "database_url",
    "api_key",
    "api_secret",
    "admin_api_key",
    "admin_api_secret",
    "webhook_url",
    "responsible_webhook_url",
    "client_secret",
    "api_token",
    "password",
    "target",
    "url",
    "signing_secret",
];

/// Sets what the variables name. An element of a named table that is missing is added.
pub(crate) fn lay(table: &mut Table, environment: &[(String, String)]) -> Result<(), ConfigError> {
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        set(table, &parts, value).map_err(|why| ConfigError::Overlay {
            name: name.clone(),
            why,
        })?;
    }
    Ok(())
}

fn set(table: &mut Table, path: &[&str], value: &str) -> Result<(), String> {
    match path {
        [section, name, key] if NAMED.contains(section) => {
            let value = read(key, value);
            let elements = table
                .entry(*section)
                .or_insert_with(|| Value::Array(Vec::new()))
                .as_array_mut()
                .ok_or_else(|| format!("{section} is no list of tables in the file"))?;
            match elements
                .iter_mut()
                .find_map(|element| table_named(element, name))
            {
                Some(element) => drop(element.insert((*key).to_owned(), value)),
                None => elements.push(Value::Table(Table::from_iter([
                    ("name".to_owned(), Value::String((*name).to_owned())),
                    ((*key).to_owned(), value),
                ]))),
            }
            Ok(())
        }
        [section, key] if !NAMED.contains(section) => {
            let section = table
                .entry(*section)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .ok_or_else(|| format!("{section} is no table in the file"))?;
            section.insert((*key).to_owned(), read(key, value));
            Ok(())
        }
        _ => Err(format!(
            "write {PREFIX}SECTION__KEY, or {PREFIX}FRAPPE__NAME__KEY"
        )),
    }
}

/// The element, if it has that name; letters match in any case, and `-` may be written `_`, which variables
/// allow.
fn table_named<'a>(element: &'a mut Value, name: &str) -> Option<&'a mut Table> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let found = element.get("name").and_then(Value::as_str)?;
    if plain(found) == plain(name) {
        element.as_table_mut()
    } else {
        None
    }
}

/// Numbers, truth values, lists and tables as TOML has them; everything else is text. A secret is text, or a
/// table that says where it is.
fn read(key: &str, value: &str) -> Value {
    let parsed = format!("value = {value}").parse::<Table>().ok();
    let parsed = parsed
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"));
    parsed
        .filter(|value| match value {
            Value::Datetime(_) => false,
            Value::String(_) | Value::Table(_) => true,
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) => {
                !SECRETS.contains(&key)
            }
        })
        .unwrap_or_else(|| Value::String(value.to_owned()))
}
