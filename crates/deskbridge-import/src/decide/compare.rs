//! What of a document is not as it should be.

use frappe::{Document, SiteTime};
use serde_json::Value;

/// Child tables, and the field by which a row of theirs is known.
const TABLES: [(&str, &str); 3] = [
    ("email_ids", "email_id"),
    ("phone_nos", "phone"),
    ("links", "link_name"),
];

/// Those fields of `wanted` that `standing` does not have so. Rows of child tables are added to those that stand.
pub fn differing(standing: &Document, wanted: &Document) -> Document {
    let fields = wanted.fields().iter().filter_map(|(name, value)| {
        let table = TABLES.iter().find(|(table, _)| table == name);
        let value = match table {
            Some((table, by)) => with_rows(standing, table, by, value)?,
            None if is_same(standing.get(name), value) => return None,
            None => value.clone(),
        };
        Some((name.clone(), value))
    });
    fields.collect()
}

/// Whether a field holds a value, however the site writes it.
pub fn is_same(standing: Option<&Value>, wanted: &Value) -> bool {
    let standing = standing.unwrap_or(&Value::Null);
    if standing == wanted {
        return true;
    }
    let (one, other) = (plain(standing), plain(wanted));
    if one == other {
        return true;
    }
    let numbers = one.parse::<f64>().ok().zip(other.parse::<f64>().ok());
    if let Some((one, other)) = numbers {
        return (one - other).abs() < 1e-9;
    }
    let times = one
        .parse::<SiteTime>()
        .ok()
        .zip(other.parse::<SiteTime>().ok());
    if let Some((one, other)) = times {
        return one == other;
    }
    let times = frappe::parse_time_of_day(&one)
        .ok()
        .zip(frappe::parse_time_of_day(&other).ok());
    if let Some((one, other)) = times {
        return one == other;
    }
    (one.contains('<') || other.contains('<')) && said(&one) == said(&other)
}

/// A value as text; none, an empty one and an unset flag are the same to the site.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => i32::from(*flag).to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// What HTML says without its tags: the site rewrites them when it makes a text safe.
fn said(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            c if is_tag || c.is_whitespace() => {}
            c => text.push(c),
        }
    }
    text.replace("&nbsp;", "").replace("&amp;", "&")
}

fn with_rows(standing: &Document, table: &str, by: &str, wanted: &Value) -> Option<Value> {
    let rows = standing.rows(table);
    let key = |row: &Value| row.get(by).map(plain).unwrap_or_default().to_lowercase();
    let known: Vec<String> = rows
        .iter()
        .map(|row| row.get(by).map(plain).unwrap_or_default().to_lowercase())
        .collect();
    let added: Vec<Value> = wanted
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| !known.contains(&key(row)))
        .cloned()
        .collect();
    if added.is_empty() {
        return None;
    }
    // Of two main ones the site refuses both.
    let has_rows = !rows.is_empty();
    let added = added.into_iter().map(|mut row| {
        if let (true, Some(fields)) = (has_rows, row.as_object_mut()) {
            fields.retain(|name, _| !name.starts_with("is_primary"));
        }
        row
    });
    let standing = rows.into_iter().map(Value::from);
    Some(standing.chain(added).collect())
}
