//! Rails' XML of a tree: dashes for underscores, types as attributes, `nil` for nothing.

use serde_json::Value;

/// Writes an element.
pub(super) fn write(out: &mut String, name: &str, value: &Value) {
    let name = name.replace('_', "-");
    match value {
        Value::Null => out.push_str(&format!("<{name} nil=\"true\"/>")),
        Value::Bool(value) => out.push_str(&format!("<{name} type=\"boolean\">{value}</{name}>")),
        Value::Number(value) => out.push_str(&format!("<{name} type=\"integer\">{value}</{name}>")),
        Value::String(text) => {
            let is_time = name.ends_with("-at") || name.ends_with("-by");
            let kind = if is_time { " type=\"datetime\"" } else { "" };
            out.push_str(&format!("<{name}{kind}>"));
            escape(out, text);
            out.push_str(&format!("</{name}>"));
        }
        Value::Array(values) => {
            out.push_str(&format!("<{name} type=\"array\">"));
            for value in values {
                write(out, one_of(&name), value);
            }
            out.push_str(&format!("</{name}>\n"));
        }
        Value::Object(members) => {
            out.push_str(&format!("<{name}>"));
            for (member, value) in members {
                write(out, member, value);
            }
            out.push_str(&format!("</{name}>\n"));
        }
    }
}

fn one_of(several: &str) -> &str {
    match several {
        "notes" => "helpdesk-note",
        other => other.strip_suffix('s').unwrap_or(other),
    }
}

/// Characters that XML 1.0 does not have are written all the same, as the real export writes them.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\t' => out.push(letter),
            letter if letter < ' ' => out.push_str(&format!("&#x{:X};", u32::from(letter))),
            letter => out.push(letter),
        }
    }
}
