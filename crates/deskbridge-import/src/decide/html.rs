//! HTML of strangers, before the helpdesk makes it safe.
//!
//! The helpdesk shows what it does not allow as text: scripts, styles and comments for other programs would stand in the
//! middle of a message. They say nothing to a reader, so they go before.

use std::borrow::Cow;

/// Elements that go with all that is in them.
const UNREAD: [(&str, &str); 2] = [("<script", "</script"), ("<style", "</style")];

/// The text without what nobody reads.
pub fn readable(html: &str) -> Cow<'_, str> {
    if !html.contains("<!") && !may_have_unread(html) {
        return Cow::Borrowed(html);
    }
    // Of the same length: only ASCII is changed.
    let lower = html.to_ascii_lowercase();
    let mut text = String::with_capacity(html.len());
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find('<')) {
        let tag = at + found;
        text.push_str(html.get(at..tag).unwrap_or_default());
        match lower.get(tag..).and_then(unread) {
            Some(length) => at = tag + length,
            None => {
                text.push('<');
                at = tag + 1;
            }
        }
    }
    text.push_str(html.get(at..).unwrap_or_default());
    Cow::Owned(text)
}

fn may_have_unread(html: &str) -> bool {
    let mut tags = html.match_indices('<');
    tags.any(|(at, _)| {
        let begins = |word: &str| {
            html.get(at..at + word.len())
                .is_some_and(|tag| tag.eq_ignore_ascii_case(word))
        };
        UNREAD.iter().any(|(open, _)| begins(open))
    })
}

/// How long what nobody reads is, if it begins here. What does not end goes to the end of the text.
fn unread(html: &str) -> Option<usize> {
    let after = |from: usize, what: &str| {
        let rest = html.get(from..).unwrap_or_default();
        rest.find(what)
            .map_or(html.len(), |found| from + found + what.len())
    };
    if html.starts_with("<!--") {
        return Some(after("<!--".len(), "-->"));
    }
    if html.starts_with("<!") {
        return Some(after(0, ">"));
    }
    let (open, close) = UNREAD.iter().find(|(open, _)| {
        let next = html.strip_prefix(open).and_then(|rest| rest.bytes().next());
        next.is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
    })?;
    Some(after(after(open.len(), close), ">"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_goes_and_all_else_stays() {
        for (html, expected) in [
            ("<p>Đơn & hàng</p>", "<p>Đơn & hàng</p>"),
            ("a<script>alert(1)</script>b", "ab"),
            ("a<SCRIPT src='x'>1</Script >b", "ab"),
            ("a<style type=x>p{}</style><b>ạ</b>", "a<b>ạ</b>"),
            ("a<!--[if mso]>x<![endif]-->b", "ab"),
            ("a<![if !mso]>x<![endif]>b", "axb"),
            ("<!doctype html><p>a", "<p>a"),
            ("a<!-- never ended", "a"),
            ("a<script>never ended", "a"),
            ("a<scripty>b</scripty>", "a<scripty>b</scripty>"),
            ("1 < 2 <3 <", "1 < 2 <3 <"),
        ] {
            assert_eq!(readable(html), expected, "{html}");
        }
    }
}
