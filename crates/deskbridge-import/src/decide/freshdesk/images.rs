//! Images in HTML that lie elsewhere.

use std::ops::Range;

/// The addresses of images in a text, each once, as they are written there: those that a file could be fetched from.
pub fn image_addresses(html: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for place in places(html) {
        let written = html.get(place).unwrap_or_default();
        let address = written.strip_prefix("cid:").unwrap_or(written);
        let is_fetched = address.starts_with("https://") || address.starts_with("http://");
        if is_fetched && !found.iter().any(|known| known == written) {
            found.push(written.to_owned());
        }
    }
    found
}

/// The addresses of all images in a text, in their order.
pub fn image_sources(html: &str) -> Vec<&str> {
    let places = places(html).into_iter();
    places.filter_map(|place| html.get(place)).collect()
}

/// The text with other addresses of images: what `to` says of each, or as it is.
pub fn with_addresses(html: &str, to: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(html.len());
    let mut end = 0;
    for place in places(html) {
        let written = html.get(place.clone()).unwrap_or_default();
        let Some(address) = to(written) else { continue };
        text.push_str(html.get(end..place.start).unwrap_or_default());
        text.push_str(&address);
        end = place.end;
    }
    text.push_str(html.get(end..).unwrap_or_default());
    text
}

/// Where the values of `src` stand in tags of images.
fn places(html: &str) -> Vec<Range<usize>> {
    // Of the same length: only ASCII is changed.
    let lower = html.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(tag) = lower.get(from..).and_then(|rest| rest.find("<img")) {
        let tag = from + tag + "<img".len();
        let end = tag_end(&lower, tag);
        found.extend(source(&lower, tag, end));
        from = end;
    }
    found
}

/// Where a tag ends, outside of quotes.
fn tag_end(html: &str, from: usize) -> usize {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    html.len()
}

/// The value of `src` between these places.
fn source(html: &str, from: usize, end: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        let tag = html.get(at..end)?;
        let name = at + tag.find("src")?;
        at = name + "src".len();
        let is_name = html
            .get(from..name)
            .and_then(|before| before.bytes().last())
            .is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'/'));
        let rest = html.get(at..end)?;
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        let (true, Some(value)) = (is_name, value) else {
            continue;
        };
        let start = end - value.len();
        return match value.bytes().next()? {
            quote @ (b'"' | b'\'') => {
                let length = value.get(1..)?.find(char::from(quote))?;
                Some(start + 1..start + 1 + length)
            }
            _ => {
                let length = value
                    .find(|c: char| c.is_ascii_whitespace())
                    .unwrap_or(value.len());
                Some(start..start + length)
            }
        };
    }
}
