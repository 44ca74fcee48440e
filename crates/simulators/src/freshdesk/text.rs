//! Plain text of HTML, as far as the generator's own HTML needs it.

/// Tags left out, line breaks kept, images named as `[cid:…]`.
pub(super) fn of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, after)) = after.split_once('>') else {
            rest = after;
            break;
        };
        if tag.starts_with("br") || tag.starts_with("/p") || tag.starts_with("/div") {
            text.push('\n');
        } else if let Some(source) = tag.split("src=\"cid:").nth(1) {
            let name = source.split('"').next().unwrap_or_default();
            text.push_str(&format!("[cid:{name}]"));
        }
        rest = after;
    }
    text.push_str(rest);
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&nbsp;", " ")
        .replace("&amp;", "&")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn tags_go_and_lines_stay() {
        let html = r#"<div>A &lt;b&gt;<br>c</div><p>d</p><img src="cid:e.png">"#;
        assert_eq!(super::of_html(html), "A <b>\nc\nd\n[cid:e.png]");
    }
}
