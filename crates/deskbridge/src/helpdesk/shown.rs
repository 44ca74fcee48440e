//! Plans as people read them.

use serde_json::Value;
use similar::TextDiff;

use super::{
    document::{Fields, same},
    plan::{Change, Kept, Why},
    secrets::masked,
    undo::Step,
};

/// Lines of an unchanged script around a change.
const CONTEXT_LINES: usize = 2;

/// One line about a change.
pub(crate) fn headline(change: &Change) -> String {
    let sign = if change.from.is_some() { '~' } else { '+' };
    format!("{sign} {}", change.key)
}

/// A change, field by field.
pub(crate) fn change(change: &Change) -> Vec<String> {
    let nothing = Fields::new();
    let mut lines = vec![headline(change)];
    lines.extend(fields(change.from.as_ref().unwrap_or(&nothing), &change.to));
    if let Some(field) = change.secret {
        lines.push(format!("    {field}: (set, not shown)"));
    }
    lines
}

/// What is left alone, and why.
pub(crate) fn kept_headline(kept: &Kept) -> String {
    let why = match kept.why {
        Why::NotOurs => "was not made by Deskbridge and is kept; --force replaces it",
        Why::ChangedByHand => "was changed by hand and is kept; --force overwrites it",
        Why::OtherType => {
            "is a field of another type, which belongs to the DocType itself and is kept"
        }
        Why::Rival => {
            "answers to one of the same methods and is kept, so it is not certain who answers; --force disables it"
        }
        Why::HoldsSecret => {
            "has what looks like a webhook or a key in it and is kept, because a backup would hold it too; take \
             the secret out, or rename the document"
        }
    };
    format!("! {} {why}", kept.key)
}

/// What is left alone, field by field.
pub(crate) fn kept(kept: &Kept) -> Vec<String> {
    let mut lines = vec![kept_headline(kept)];
    lines.extend(fields(&kept.from, &kept.to));
    lines
}

/// One line about a step back.
pub(crate) fn step(step: &Step) -> String {
    match step {
        Step::Restore { key, .. } => format!("~ {key}"),
        Step::Delete { key } => format!("- {key}"),
    }
}

fn fields(from: &Fields, to: &Fields) -> Vec<String> {
    let nothing = Value::Null;
    let mut lines = Vec::new();
    for (field, to) in to {
        let is = from.get(field).unwrap_or(&nothing);
        if same(is, to) {
            continue;
        }
        match (is.as_str(), to.as_str()) {
            (Some(is), Some(to)) if is.contains('\n') || to.contains('\n') => {
                lines.push(format!("    {field}:"));
                let diff = TextDiff::from_lines(is, to);
                let diff = diff
                    .unified_diff()
                    .context_radius(CONTEXT_LINES)
                    .to_string();
                lines.extend(masked(&diff).lines().map(|line| format!("      {line}")));
            }
            _ if is.is_null() => lines.push(format!("    {field}: {}", value(to))),
            _ => lines.push(format!("    {field}: {} -> {}", value(is), value(to))),
        }
    }
    lines
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "(nothing)".to_owned(),
        Value::String(text) if text.contains('\n') => {
            format!("({} lines)", text.lines().count())
        }
        Value::String(text) => masked(text),
        Value::Array(rows) => format!("({} rows)", rows.len()),
        other => masked(&other.to_string()),
    }
}
