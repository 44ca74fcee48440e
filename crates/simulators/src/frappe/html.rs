//! What Frappe leaves of HTML that clients send: known tags without handlers; all else becomes text.

/// The tags that stay.
const TAGS: [&str; 42] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "div",
    "em",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];

/// The attributes that stay.
const ATTRIBUTES: [&str; 13] = [
    "alt", "class", "colspan", "dir", "height", "href", "id", "name", "rowspan", "src", "style",
    "title", "width",
];

/// Whether a text has anything in it that could be a tag.
pub(crate) fn looks_like_html(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let next = text.get(at + 1..).and_then(|rest| rest.chars().next());
        next.is_some_and(|next| next.is_ascii_alphabetic() || next == '/' || next == '!')
    })
}

/// The text as it is stored.
pub(crate) fn sanitised(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('<') {
        push_text(&mut clean, before);
        let Some((inside, after)) = tail.split_once('>') else {
            clean.push_str("&lt;");
            rest = tail;
            continue;
        };
        push_tag(&mut clean, inside);
        rest = after;
    }
    push_text(&mut clean, rest);
    clean
}

fn push_tag(clean: &mut String, inside: &str) {
    let (slash, body) = match inside.strip_prefix('/') {
        Some(body) => ("/", body),
        None => ("", inside),
    };
    let end = body.find(|letter: char| !letter.is_ascii_alphanumeric());
    let (name, attributes) = body
        .split_at_checked(end.unwrap_or(body.len()))
        .unwrap_or_default();
    if !TAGS.contains(&name.to_ascii_lowercase().as_str()) {
        clean.push_str("&lt;");
        push_text(clean, inside);
        clean.push_str("&gt;");
        return;
    }
    clean.push('<');
    clean.push_str(slash);
    clean.push_str(name);
    for (attribute, value) in pairs(attributes) {
        let script = value
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("javascript:");
        if ATTRIBUTES.contains(&attribute.to_ascii_lowercase().as_str()) && !script {
            clean.push_str(&format!(" {attribute}=\"{value}\""));
        }
    }
    clean.push('>');
}

/// The attributes of a tag: names with their values, quoted or not.
fn pairs(mut rest: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
        let end = rest.find(|letter: char| letter.is_whitespace() || letter == '=');
        let Some((name, tail)) = rest.split_at_checked(end.unwrap_or(rest.len())) else {
            return pairs;
        };
        if name.is_empty() && !tail.starts_with('=') {
            return pairs;
        }
        let Some(value) = tail.strip_prefix('=') else {
            pairs.push((name, ""));
            rest = tail;
            continue;
        };
        let quote = value
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\''));
        let (value, tail) = match quote.and_then(|quote| value.get(1..)?.split_once(quote)) {
            Some(split) => split,
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        pairs.push((name, value));
        rest = tail;
    }
}

fn push_text(clean: &mut String, text: &str) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        clean.push_str(before);
        let entity = after.split_once(';').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '#')
        });
        clean.push_str(if entity { "&" } else { "&amp;" });
        rest = after;
    }
    clean.push_str(&rest.replace('>', "&gt;"));
}

/// The text without its tags, in one line.
pub(crate) fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                text.push(' ');
            }
            _ if inside => {}
            letter => text.push(letter),
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tags_stay_and_all_else_becomes_text() {
        for (sent, stored) in [
            (
                "<script>alert(1)</script><p onclick=x>y</p>",
                "&lt;script&gt;alert(1)&lt;/script&gt;<p>y</p>",
            ),
            (
                "<b>bold</b> & <script>alert(1)</script>",
                "<b>bold</b> &amp; &lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("<p>Xin chào</p>", "<p>Xin chào</p>"),
            (
                "<a href='https://a.example/?x=1&amp;y' onmouseover=\"x()\">a</a>",
                "<a href=\"https://a.example/?x=1&amp;y\">a</a>",
            ),
            ("<a href=\"javascript:x()\">a</a>", "<a>a</a>"),
            ("<br/>a < b", "<br>a &lt; b"),
        ] {
            assert_eq!(sanitised(sent), stored);
        }
    }

    #[test]
    fn a_comparison_is_no_html() {
        for (text, expected) in [("1 < 2 > 0", false), ("<b>", true), ("a & \"b\"", false)] {
            assert_eq!(looks_like_html(text), expected, "{text}");
        }
    }
}
