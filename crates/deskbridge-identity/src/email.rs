//! E-mail addresses.

/// Characters in an address at most.
const CHARACTERS_MAX: usize = 254;

/// An e-mail address in the spelling in which addresses are compared: without blanks around it and in
/// lower case, as mail hosts treat them in practice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Reads an address; `None` when the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
        };
        let is_address = is_plain(local)
            && is_plain(domain)
            && domain.contains('.')
            && address.chars().count() <= CHARACTERS_MAX;
        is_address.then_some(Self(address))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case_and_blanks() {
        for (text, expected) in [
            (" An.Nguyen@Shop.Example ", Some("an.nguyen@shop.example")),
            ("an@shop.example", Some("an@shop.example")),
            ("", None),
            ("an", None),
            ("@shop.example", None),
            ("an@", None),
            ("an@localhost", None),
            ("a b@shop.example", None),
            ("a@b@shop.example", None),
            ("an@shop.example\nbcc: x", None),
        ] {
            assert_eq!(
                Email::parse(text).as_ref().map(Email::as_str),
                expected,
                "{text:?}"
            );
        }
    }
}
