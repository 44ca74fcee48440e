//! Comments made safe to show: parsed as a browser does, and rebuilt from a short list of tags and attributes.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};

/// Elements that keep their tags. Of all others the content stays, unless it is no text for people.
const KEPT: [&str; 36] = [
    "a",
    "img",
    "br",
    "hr",
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
/// Elements whose content is no text for people.
const DROPPED: [&str; 10] = [
    "script", "style", "title", "textarea", "noscript", "iframe", "object", "svg", "math",
    "template",
];
/// Schemes of links.
const LINKS: [&str; 3] = ["https", "http", "mailto"];
/// The scheme of images: one from elsewhere tells its owner who reads it, so at least not everybody on the way.
const IMAGES: &str = "https://";
const REL: &str = "noopener noreferrer";

/// What looks like tags, at most: the time to parse grows with the square of how deep they stand in each other. A text
/// with more is shown as it stands.
const TAGS_MAX: usize = 5_000;

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    cleaner
        .tags(HashSet::from(KEPT))
        .clean_content_tags(HashSet::from(DROPPED))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("img", HashSet::from(["src"])),
        ]))
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some(REL))
        .url_schemes(HashSet::from(LINKS))
        .url_relative(UrlRelative::Deny)
        .attribute_filter(|element, attribute, value| {
            let is_image = (element, attribute) == ("img", "src");
            (!is_image || value.starts_with(IMAGES)).then_some(Cow::Borrowed(value))
        });
    cleaner
});

/// Rebuilds HTML, or a text whose lines become lines; empty when nothing is left to show.
pub(super) fn sanitised(html: &str) -> String {
    if html.matches('<').count() > TAGS_MAX {
        return escaped(html);
    }
    let clean = CLEANER.clean(html).to_string().replace("<img>", "");
    let out = clean.trim_matches(is_blank);
    if !has_content(out) {
        return String::new();
    }
    let has_lines = ["<br>", "<p>", "<div>", "<li>", "<tr>", "<pre>"]
        .iter()
        .any(|tag| out.contains(tag));
    match has_lines {
        true => out.to_owned(),
        false => out.replace("\r\n", "\n").replace('\n', "<br>"),
    }
}

/// Space, or the byte order mark, which a parser takes away from where a text begins.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

/// Whether there is an image, or anything between the tags.
fn has_content(html: &str) -> bool {
    let text_follows = |piece: &str| {
        let text = piece.split_once('>').map_or(piece, |(_, text)| text);
        !text.replace("&nbsp;", "").trim_matches(is_blank).is_empty()
    };
    html.contains("<img src=") || html.split('<').any(text_follows)
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
    let written = format!(
        "<a href=\"{}\">{}</a>",
        escaped(address.trim()),
        escaped(text)
    );
    let link = CLEANER.clean(&written).to_string();
    link.contains("href=").then_some(link)
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
        check("a &amp; b &nbsp;&#39; &copy", "a &amp; b &nbsp;' ©");
        check(
            "<ul><li>one<li>two</ul>three",
            "<ul><li>one</li><li>two</li></ul>three",
        );
        check("<font color=red>red</font>", "red");
        check("a<!-- <b> -->b<!doctype html>c<?php d ?>e", "abce");
        check("5 <b", "5");
        check("<b<svg>\u{feff}", "");
        check("<b>\u{feff}</b>", "");
        check("\u{feff}a\u{feff}b", "a\u{feff}b");
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
            ("HTTP://a.example", "HTTP://a.example"),
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
            "//a.example",
            "data:text/html,x",
            "",
        ] {
            let written = format!("<a href=\"{address}\">x</a>");
            check(
                &written,
                "<a target=\"_blank\" rel=\"noopener noreferrer\">x</a>",
            );
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
        check("a<svg><style><img src=x onerror=y></style></svg>b", "ab");
        check("a<math><mi>x</mi></math>b", "ab");
        check("a<script>never closed", "a");
        check("<p></p><br>", "");
    }

    #[test]
    fn a_long_or_deep_comment_is_taken_like_any_other() {
        assert_eq!(sanitised(&"<a x=\"".repeat(1_000)), "");
        assert!(sanitised(&("<b>".repeat(1_000) + "x")).contains('x'));
        assert!(sanitised(&("<div>".repeat(1_000) + "x")).contains('x'));
        assert!(!sanitised(&"<a x=\"".repeat(100_000)).contains('<'));
    }

    /// Whether a text is made of nothing but what may be in a result.
    fn is_safe(html: &str) -> bool {
        let tags = html.split('<').skip(1);
        tags.map(|piece| piece.split('>').next().unwrap_or_default())
            .all(|tag| {
                let plain = tag.strip_prefix('/').unwrap_or(tag);
                let link = tag.strip_prefix("a ").and_then(|rest| {
                    let rest = rest.strip_suffix(&format!("target=\"_blank\" rel=\"{REL}\""))?;
                    let address = rest.trim_end().strip_prefix("href=\"");
                    Some(address.map_or("https:", |address| address.trim_end_matches('"')))
                });
                let is_link = link.is_some_and(|address| {
                    let scheme = address.split(':').next().unwrap_or_default();
                    !address.contains('"') && LINKS.contains(&scheme.to_lowercase().as_str())
                });
                let image = tag.strip_prefix("img src=\"");
                let is_image = image
                    .and_then(|rest| rest.strip_suffix('"'))
                    .is_some_and(|address| !address.contains('"') && address.starts_with(IMAGES));
                KEPT.contains(&plain) || is_link || is_image
            })
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
