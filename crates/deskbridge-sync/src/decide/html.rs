//! Comments made safe to show: what people and machines wrote, rebuilt from a short list of tags.
//!
//! Nothing is taken over as it stands. Text is escaped, and a tag is written anew by its name from the list, with no
//! attribute but an address that begins with an allowed scheme. So whatever a browser makes of the original, the result
//! holds no script, no style, no frame, and no element with rules of its own for what is in it.

/// Elements that keep their tags.
const KEPT: [&str; 32] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "del",
    "ins",
    "sub",
    "sup",
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "small",
];
/// Elements without a closing tag.
const VOID: [&str; 2] = ["br", "hr"];
/// Elements whose content is no text for people, or is read by rules of its own.
const DROPPED: [&str; 18] = [
    "script",
    "style",
    "title",
    "textarea",
    "noscript",
    "noembed",
    "noframes",
    "iframe",
    "object",
    "embed",
    "applet",
    "svg",
    "math",
    "template",
    "head",
    "xmp",
    "plaintext",
    "select",
];
/// Schemes of links.
const LINKS: [&str; 3] = ["https://", "http://", "mailto:"];
/// Schemes of images: one from elsewhere tells its owner who reads it, so at least not everybody on the way.
const IMAGES: [&str; 1] = ["https://"];
/// How deep elements may be in each other.
const DEPTH_MAX: usize = 50;
/// How many `<` may look like a tag and be none before they are no longer looked at, so that time stays in proportion to length.
const LOOKS_MAX: usize = 8;

/// Rebuilds HTML, or a text whose lines become lines; empty when nothing is left to show.
pub(super) fn sanitised(html: &str) -> String {
    let mut cleaner = Cleaner {
        rest: html,
        out: String::with_capacity(html.len()),
        open: Vec::new(),
        looks: 0,
        has_content: false,
    };
    cleaner.run();
    if !cleaner.has_content {
        return String::new();
    }
    let out = cleaner.out.trim();
    let has_lines = ["<br>", "<p>", "<div>", "<li>", "<tr>", "<pre>"]
        .iter()
        .any(|tag| out.contains(tag));
    match has_lines {
        true => out.to_owned(),
        false => out.replace("\r\n", "\n").replace('\n', "<br>"),
    }
}

/// A text with nothing in it that HTML would read as its own.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A link to an address, where its scheme is one for links.
pub(super) fn link(address: &str, text: &str) -> Option<String> {
    let address = address_of(address, &LINKS)?;
    Some(format!("{}{}</a>", opening_link(&address), escaped(text)))
}

fn opening_link(address: &str) -> String {
    format!("<a href=\"{address}\" target=\"_blank\" rel=\"noopener noreferrer\">")
}

/// An attribute's text if it begins, as it stands, with one of the schemes. Entities in what follows cannot change that.
fn address_of(written: &str, schemes: &[&str]) -> Option<String> {
    let written = written.trim();
    let begins = |scheme: &str| {
        written
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if !schemes.iter().any(|scheme| begins(scheme)) {
        return None;
    }
    let plain: String = written.chars().filter(|c| !c.is_control()).collect();
    let mut address = String::with_capacity(plain.len());
    push_text(&mut address, &plain);
    Some(address)
}

struct Cleaner<'h> {
    rest: &'h str,
    out: String,
    /// Kept elements that are open, the innermost last.
    open: Vec<&'static str>,
    looks: usize,
    /// Whether there is anything to see.
    has_content: bool,
}

/// A tag as it is written.
struct Tag<'h> {
    name: String,
    is_end: bool,
    attributes: Vec<(String, &'h str)>,
}

impl<'h> Cleaner<'h> {
    fn run(&mut self) {
        while let Some((before, after)) = self.rest.split_once('<') {
            self.text(before);
            self.rest = after;
            self.markup();
        }
        self.text(self.rest);
        while let Some(name) = self.open.pop() {
            self.close(name);
        }
    }

    fn text(&mut self, text: &str) {
        self.has_content |= !text.trim().is_empty();
        push_text(&mut self.out, text);
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// What follows a `<`.
    fn markup(&mut self) {
        if let Some(comment) = self.rest.strip_prefix("!--") {
            self.rest = comment.split_once("-->").map_or("", |(_, after)| after);
            return;
        }
        if self.rest.starts_with(['!', '?']) {
            self.rest = self.rest.split_once('>').map_or("", |(_, after)| after);
            return;
        }
        let tag = match self.looks < LOOKS_MAX {
            true => read_tag(self.rest),
            false => None,
        };
        match tag {
            Some((tag, after)) => {
                self.rest = after;
                self.tag(&tag);
            }
            None => {
                let looks_like_tag = self
                    .rest
                    .starts_with(|c: char| c == '/' || c.is_ascii_alphabetic());
                self.looks += usize::from(looks_like_tag);
                self.text("<");
            }
        }
    }

    fn tag(&mut self, tag: &Tag<'h>) {
        let name = tag.name.as_str();
        if let Some(void) = VOID.into_iter().find(|void| *void == name) {
            // `</br>` is a line break to browsers, too.
            self.out.push('<');
            self.out.push_str(void);
            self.out.push('>');
        } else if DROPPED.contains(&name) {
            if !tag.is_end {
                self.skip_content(name);
            }
        } else if name == "img" {
            self.image(tag);
        } else if tag.is_end {
            self.end(name);
        } else if name == "a" {
            let address = tag.attribute("href");
            if let Some(address) = address.and_then(|written| address_of(written, &LINKS)) {
                self.begin("a", &opening_link(&address));
            }
        } else if let Some(kept) = KEPT.into_iter().find(|kept| *kept == name) {
            self.begin(kept, &format!("<{kept}>"));
        }
    }

    fn begin(&mut self, name: &'static str, opening: &str) {
        if self.open.len() < DEPTH_MAX {
            self.open.push(name);
            self.out.push_str(opening);
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(at) = self.open.iter().rposition(|open| *open == name) {
            for open in self.open.split_off(at).into_iter().rev() {
                self.close(open);
            }
        }
    }

    fn image(&mut self, tag: &Tag<'_>) {
        let address = tag.attribute("src");
        if let Some(address) = address.and_then(|written| address_of(written, &IMAGES)) {
            self.has_content = true;
            self.out.push_str("<img src=\"");
            self.out.push_str(&address);
            self.out.push_str("\">");
        }
    }

    /// Goes on behind the closing tag; without one nothing is left.
    fn skip_content(&mut self, name: &str) {
        let mut rest = self.rest;
        while let Some((_, after)) = rest.split_once("</") {
            let is_end = after
                .get(..name.len())
                .is_some_and(|end| end.eq_ignore_ascii_case(name));
            if is_end {
                self.rest = after.split_once('>').map_or("", |(_, behind)| behind);
                return;
            }
            rest = after;
        }
        self.rest = "";
    }
}

impl<'h> Tag<'h> {
    fn attribute(&self, name: &str) -> Option<&'h str> {
        let named = |(other, value): &(String, &'h str)| (other == name).then_some(*value);
        self.attributes.iter().find_map(named)
    }
}

/// Reads a tag behind its `<`, and gives what is behind its `>`; `None` when it is none.
fn read_tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let (is_end, text) = match text.strip_prefix('/') {
        Some(text) => (true, text),
        None => (false, text),
    };
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let is_end_of_name = |c: char| c.is_whitespace() || c == '/' || c == '>';
    let (name, mut rest) = text.split_at_checked(text.find(is_end_of_name)?)?;
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            let name = name.to_ascii_lowercase();
            let tag = Tag {
                name,
                is_end,
                attributes,
            };
            return Some((tag, after));
        }
        let (attribute, value, after) = read_attribute(rest)?;
        attributes.push((attribute, value));
        rest = after;
    }
}

/// Reads one attribute; never an empty one, so that its caller comes to an end.
fn read_attribute(text: &str) -> Option<(String, &str, &str)> {
    // An equals sign at the beginning belongs to the name.
    let first = text.chars().next()?.len_utf8();
    let ends = |c: char| c.is_whitespace() || c == '/' || c == '>' || c == '=';
    let length = first + text.get(first..)?.find(ends)?;
    let (name, rest) = text.split_at_checked(length)?;
    let name = name.to_ascii_lowercase();
    let Some(value) = rest.trim_start().strip_prefix('=') else {
        return Some((name, "", rest));
    };
    let value = value.trim_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            let (value, after) = quoted.split_once(quote)?;
            return Some((name, value, after));
        }
    }
    let end = value.find(|c: char| c.is_whitespace() || c == '>')?;
    let (value, after) = value.split_at_checked(end)?;
    Some((name, value, after))
}

/// Adds a text of HTML; what it has of entities stays.
fn push_text(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut letters = from.chars();
        match letters.next() {
            Some('&') if is_entity(letters.as_str()) => out.push('&'),
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            _ => out.push_str("&quot;"),
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
}

/// Whether what follows an ampersand makes it an entity.
fn is_entity(text: &str) -> bool {
    let name = text.strip_prefix('#').unwrap_or(text);
    let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
    (1..=32).contains(&length) && name.as_bytes().get(length) == Some(&b';')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(html: &str, expected: &str) {
        assert_eq!(sanitised(html), expected, "{html}");
    }

    #[test]
    fn what_people_write_stays() {
        check(
            "<b>Cuộc gọi vào</b><br/>Đầu số: 19000444",
            "<b>Cuộc gọi vào</b><br>Đầu số: 19000444",
        );
        check("a </br>b<BR >c", "a <br>b<br>c");
        check("one\ntwo\r\nthree", "one<br>two<br>three");
        check("<p>one\ntwo</p>", "<p>one\ntwo</p>");
        check("5 < 6 && 7 > 6", "5 &lt; 6 &amp;&amp; 7 &gt; 6");
        check(
            "a &amp; b &nbsp;&#39; &copy",
            "a &amp; b &nbsp;&#39; &amp;copy",
        );
        check(
            "<ul><li>one<li>two</ul>three",
            "<ul><li>one<li>two</li></li></ul>three",
        );
        check("<font color=red>red</font>", "red");
        check("a<!-- <b> -->b<!doctype html>c<?php d ?>e", "abce");
        check("5 <b", "5 &lt;b");
    }

    #[test]
    fn links_lead_where_people_can_see() {
        let link = |address: &str| {
            format!("<a href=\"{address}\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>")
        };
        for (written, expected) in [
            (
                "https://a.example/?b=1&c=2",
                "https://a.example/?b=1&amp;c=2",
            ),
            (
                "https://a.example/?b=1&amp;c=2",
                "https://a.example/?b=1&amp;c=2",
            ),
            (" HTTP://a.example", "HTTP://a.example"),
            ("mailto:a@b.example", "mailto:a@b.example"),
        ] {
            check(&format!("<a href=\"{written}\">x</a>"), &link(expected));
            check(
                &format!("<A onclick='y' HREF='{written}'>x"),
                &link(expected),
            );
        }
        check(
            "<a href=https://a.example>x</a>",
            &link("https://a.example"),
        );
        for address in [
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "&#104;ttps://a.example",
            "//a.example",
            "data:text/html,x",
            "",
        ] {
            check(&format!("<a href=\"{address}\">x</a>"), "x");
        }
    }

    #[test]
    fn images_are_encrypted_on_their_way() {
        check(
            "<img onerror=x src='https://a.example/1.png' />",
            "<img src=\"https://a.example/1.png\">",
        );
        check("a<img src='http://a.example/1.png'>b", "ab");
        check("<img src=x onerror=alert(1)>", "");
    }

    #[test]
    fn what_is_not_for_people_goes_with_its_content() {
        check("a<script>alert('<b>')</script>b", "ab");
        check("a<STYLE>x{}</sTyLe >b", "ab");
        check("a<svg><p><style><img src=x onerror=y></style></svg>b", "ab");
        check("a<script>never closed", "a");
        check("<p></p><br>", "");
    }

    #[test]
    fn a_long_comment_takes_no_longer_than_it_is() {
        let html = "<a x=\"".repeat(100_000);
        assert!(sanitised(&html).len() > 100_000);
        let deep = "<b>".repeat(100_000) + "x";
        assert!(sanitised(&deep).len() < 1_000);
    }

    /// Whether a text is made of nothing but what may be in a result.
    fn is_safe(html: &str) -> bool {
        let mut rest = html;
        while let Some((before, after)) = rest.split_once('<') {
            if before.contains('>') {
                return false;
            }
            let Some((tag, behind)) = after.split_once('>') else {
                return false;
            };
            let name = tag.strip_prefix('/').unwrap_or(tag);
            let is_plain = KEPT.contains(&name) || VOID.contains(&name) || name == "a";
            let is_link = tag
                .strip_prefix("a href=\"")
                .and_then(|tag| {
                    tag.strip_suffix("\" target=\"_blank\" rel=\"noopener noreferrer\"")
                })
                .is_some_and(|address| {
                    !address.contains('"') && address_of(address, &LINKS).is_some()
                });
            let is_image = tag
                .strip_prefix("img src=\"")
                .and_then(|tag| tag.strip_suffix('"'))
                .is_some_and(|address| {
                    !address.contains('"') && address_of(address, &IMAGES).is_some()
                });
            if !(is_plain || is_link || is_image) {
                return false;
            }
            rest = behind;
        }
        !rest.contains('>')
    }

    proptest! {
        #[test]
        fn only_what_is_on_the_list_comes_out(pieces in prop::collection::vec(
            prop_oneof![
                Just("<".to_owned()), Just(">".to_owned()), Just("</".to_owned()), Just("\"".to_owned()),
                Just("'".to_owned()), Just("=".to_owned()), Just(" ".to_owned()), Just("/".to_owned()),
                Just("script".to_owned()), Just("<a href=".to_owned()), Just("<img src=".to_owned()),
                Just("https://".to_owned()), Just("javascript:".to_owned()), Just("<svg>".to_owned()),
                Just("<b".to_owned()), Just("<!--".to_owned()), Just("-->".to_owned()), Just("&".to_owned()),
                Just("onload=x".to_owned()), ".{0,4}",
            ],
            0..24,
        )) {
            let html = pieces.concat();
            let out = sanitised(&html);
            prop_assert!(is_safe(&out), "{html:?} became {out:?}");
            prop_assert_eq!(&sanitised(&out), &out, "of {:?}", html);
        }
    }
}
