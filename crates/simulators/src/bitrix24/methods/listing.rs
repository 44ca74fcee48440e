//! What all lists share: where a page starts, how it is sorted, which fields it brings.

use crate::bitrix24::{
    answer::Answer,
    fields::{Place, Schema},
    params::Params,
    php::Value,
    row::{Row, Selection},
    table::{Direction, Page, Start},
};

/// `start`: -1 asks for the first page uncounted; anything that is no number counts as 0.
pub(super) fn start(params: &Params) -> Start {
    match params.integer("start") {
        Some(-1) => Start::Uncounted,
        first => Start::At(
            first
                .and_then(|first| usize::try_from(first).ok())
                .unwrap_or_default(),
        ),
    }
}

/// `order` of the older lists: unknown fields are left out, and what is not DESC ascends.
pub(super) fn order(schema: &Schema, value: Option<&Value>) -> Vec<(usize, Direction)> {
    let pairs = value.map(Value::pairs).unwrap_or_default();
    let known = pairs.into_iter().filter_map(|(name, value)| {
        let direction = value.as_text().unwrap_or_default();
        let direction = match direction.trim().eq_ignore_ascii_case("desc") {
            true => Direction::Descending,
            false => Direction::Ascending,
        };
        Some((schema.find(&name.to_uppercase())?, direction))
    });
    known.collect()
}

/// `select` of the older lists. Without one it is `*` and `UF_*`; the id always comes along.
pub(super) fn selection(schema: &Schema, value: Option<&Value>) -> Selection {
    let names: Vec<_> = value
        .map(Value::items)
        .unwrap_or_default()
        .into_iter()
        .filter_map(Value::as_text)
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        return Selection {
            leading: schema.default_count,
            named: Vec::new(),
        };
    }
    let has = |mask: &str| names.iter().any(|name| name == mask);
    let mut selection = Selection::default();
    if has("*") {
        selection.leading = if has("UF_*") {
            schema.default_count
        } else {
            schema.system_count
        };
    } else if has("UF_*") {
        let user_fields = schema
            .iter()
            .filter(|(_, field)| field.place == Place::User);
        selection.named.extend(schema.find("ID"));
        selection.named.extend(user_fields.map(|(at, _)| at));
    } else {
        selection.named.extend(schema.find("ID"));
    }
    for at in names.iter().filter_map(|name| schema.find(name)) {
        if at >= selection.leading && !selection.named.contains(&at) {
            selection.named.push(at);
        }
    }
    selection
}

/// A page as a JSON list in an answer that counts.
pub(super) fn answer(page: &Page<'_>, selection: &Selection) -> Answer {
    Answer {
        result: rows(&page.rows, |row, out| row.write(selection, out)),
        total: Some(page.total),
        next: page.next,
    }
}

/// Records as a JSON list.
pub(super) fn rows(rows: &[&Row], mut write: impl FnMut(&Row, &mut String)) -> String {
    let mut out = String::with_capacity(rows.len() * 256 + 2);
    out.push('[');
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(row, &mut out);
    }
    out.push(']');
    out
}
