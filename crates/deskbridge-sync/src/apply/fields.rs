//! What stands against what is wanted, field by field: functions of values.

use deskbridge_core::Language;
use frappe::{Document, Meta, SiteTime, text};
use serde_json::Value;

use super::words;
use crate::decide::write::Fields;

/// The fields of a DocType that it has, texts cut to what they may hold.
///
/// Frappe would drop the others without a word, and they would seem to differ for ever.
pub(super) fn fitted(meta: &Meta, fields: &Fields) -> Fields {
    let mut fit = Fields::new();
    for (name, value) in fields {
        let Some(field) = meta.field(name).filter(|field| field.holds_a_value()) else {
            tracing::debug!(
                doctype = meta.doctype,
                field = name,
                "A field that the DocType does not have is left out"
            );
            continue;
        };
        let value = match value {
            Value::String(long) if field.fieldtype == "Data" => {
                text::truncate(long, text::DATA_CHARACTERS_MAX).into()
            }
            other => other.clone(),
        };
        fit.insert(name.clone(), value);
    }
    fit
}

/// The wanted fields that do not stand as wanted.
pub(super) fn differing(standing: &Document, wanted: &Fields) -> Document {
    let differs = |(name, value): &(&String, &Value)| !is_same(standing.get(name), value);
    copied(wanted.iter().filter(differs))
}

/// The wanted fields that stand empty: what people entered is worth more.
pub(super) fn missing(standing: &Document, wanted: &Fields) -> Document {
    let stands_empty = |(name, _): &(&String, &Value)| standing.get(name).is_none_or(is_empty);
    copied(wanted.iter().filter(stands_empty))
}

fn copied<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Document {
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a field needs not be written. Frappe spells what it stores in its own way.
fn is_same(standing: Option<&Value>, wanted: &Value) -> bool {
    let Some(standing) = standing else {
        return is_empty(wanted);
    };
    if is_empty(standing) && is_empty(wanted) {
        return true;
    }
    let (Some(one), Some(other)) = (plain(standing), plain(wanted)) else {
        return standing == wanted;
    };
    let (one, other) = (one.trim(), other.trim());
    let is_number = standing.is_number() || wanted.is_number();
    one == other
        || (is_number && number(one).is_some_and(|one| Some(one) == number(other)))
        || instant(one).is_some_and(|one| Some(one) == instant(other))
}

/// A number that is nothing stands as zero.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().is_empty(),
        Value::Array(rows) => rows.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn instant(text: &str) -> Option<SiteTime> {
    text.parse().ok()
}

/// HTML of at most so many bytes; what is cut says so. Tags that stay open are closed by whoever shows it.
pub(super) fn cut_html(html: &str, bytes_max: usize, language: Language) -> String {
    if html.len() <= bytes_max {
        return html.to_owned();
    }
    let mut end = bytes_max;
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let kept = html.get(..end).unwrap_or_default();
    // Not in the middle of a tag.
    let kept = match (kept.rfind('<'), kept.rfind('>')) {
        (Some(opened), closed) if closed.is_none_or(|closed| closed < opened) => {
            kept.get(..opened).unwrap_or_default()
        }
        _ => kept,
    };
    format!("{kept}<p><em>{}</em></p>", words::cut(language))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_the_same_however_the_site_spells_them() {
        let rows = [
            (Value::Null, json!(""), true),
            (json!(0), Value::Null, true),
            (json!(0), json!(false), true),
            (json!(1), json!(true), true),
            (json!(1), json!("1"), true),
            (json!("12"), json!(12.0), true),
            (json!("0012"), json!("12"), false),
            (json!(" a "), json!("a"), true),
            (json!("a"), json!("A"), false),
            (
                json!("2026-01-02 03:04:05"),
                json!("2026-01-02T03:04:05.000"),
                true,
            ),
            (
                json!("2026-01-02 03:04:05"),
                json!("2026-01-02 03:04:06"),
                false,
            ),
            (json!("x"), Value::Null, false),
            (json!([1]), json!([1]), true),
            (json!([1]), json!("1"), false),
        ];
        for (standing, wanted, expected) in rows {
            assert_eq!(
                is_same(Some(&standing), &wanted),
                expected,
                "{standing} and {wanted}"
            );
        }
        assert!(is_same(None, &json!("")));
        assert!(!is_same(None, &json!("x")));
    }

    #[test]
    fn what_people_entered_is_not_missing() {
        let standing: Document = [("domain", json!("a.example")), ("image", json!(""))]
            .into_iter()
            .collect();
        let wanted = json!({"domain": "b.example", "image": "x.png", "custom_plan": "Pro"});
        let wanted = wanted.as_object().unwrap();
        let found = missing(&standing, wanted);
        assert_eq!(
            Value::from(found),
            json!({"image": "x.png", "custom_plan": "Pro"})
        );
        assert_eq!(Value::from(differing(&standing, wanted)), json!(wanted));
    }

    #[test]
    fn fields_that_a_doctype_does_not_have_are_left_out_and_long_texts_cut() {
        let field = |name: &str, fieldtype: &str| frappe::Field {
            name: name.to_owned(),
            label: None,
            fieldtype: fieldtype.to_owned(),
            options: None,
            is_unique: false,
            is_mandatory: false,
            is_read_only: false,
            is_custom: false,
            has_default: false,
        };
        let meta = Meta {
            doctype: "HD Ticket".to_owned(),
            is_single: false,
            is_child_table: false,
            fields: vec![
                field("subject", "Data"),
                field("summary", "Text Editor"),
                field("part", "Section Break"),
            ],
        };
        let long = "a".repeat(200);
        let given = json!({"subject": long, "summary": long, "part": 1, "nope": 1});
        let fit = fitted(&meta, given.as_object().unwrap());
        assert_eq!(
            Value::Object(fit),
            json!({"subject": "a".repeat(140), "summary": long})
        );
    }

    #[test]
    fn html_is_cut_before_a_tag_and_says_so() {
        let rows = [
            ("<p>short</p>", None),
            ("<p>abcdefghijklm</p>", Some("<p>abcdefghi")),
            ("<p>abcdef</b><b>g</b></p>", Some("<p>abcdef")),
            ("abcdefghijk\u{1ec7}xyz", Some("abcdefghijk")),
        ];
        for (html, kept) in rows {
            let expected = kept.map(|kept| {
                let note = words::cut(Language::English);
                format!("{kept}<p><em>{note}</em></p>")
            });
            let expected = expected.unwrap_or_else(|| html.to_owned());
            assert_eq!(cut_html(html, 12, Language::English), expected);
        }
    }

    proptest! {
        #[test]
        fn cutting_never_breaks(html in ".{0,200}", bytes_max in 0usize..100) {
            let cut = cut_html(&html, bytes_max, Language::English);
            prop_assert!(cut == html || cut.len() <= bytes_max + 200);
        }
    }
}
