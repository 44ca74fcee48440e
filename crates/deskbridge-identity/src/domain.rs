//! Shop domains.

/// A host name in the spelling in which shop domains are compared: lower case, no scheme, no `www.`, no
/// path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(String);

impl Domain {
    /// Reads a domain out of a host name or an address; `None` when there is none in the text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let after_scheme = text
            .split_once("://")
            .map_or(text.as_str(), |(_, rest)| rest);
        let host = after_scheme
            .split(['/', '?', '#', ':'])
            .next()
            .unwrap_or_default();
        let host = host
            .strip_prefix("www.")
            .unwrap_or(host)
            .trim_end_matches('.');
        let is_host = host.contains('.')
            && host.len() <= 253
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .chars()
                        .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            });
        is_host.then(|| Self(host.to_owned()))
    }

    /// The host name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_found_in_what_people_write() {
        for (text, expected) in [
            ("tiemhoa.example", Some("tiemhoa.example")),
            (
                " HTTPS://www.TiemHoa.example/gio-hang?x=1 ",
                Some("tiemhoa.example"),
            ),
            ("tiemhoa.example:8080", Some("tiemhoa.example")),
            ("100200.myharavan.com.", Some("100200.myharavan.com")),
            ("cà-phê.example", Some("cà-phê.example")),
            ("", None),
            ("tiemhoa", None),
            ("tiem hoa.example", None),
            ("..", None),
            ("%.example", None),
        ] {
            assert_eq!(
                Domain::parse(text).as_ref().map(Domain::as_str),
                expected,
                "{text:?}"
            );
        }
    }
}
