//! Where an account is: a host that is known to be Freshdesk's, so that the key goes nowhere else.

use std::net::IpAddr;

use url::{Host, Url};

const DOMAIN: &str = ".freshdesk.com";

/// Why an address cannot be used. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// No address.
    #[error("it is no address; give acme, acme.freshdesk.com or https://acme.freshdesk.com")]
    Unreadable,
    /// Neither HTTPS nor loopback.
    #[error("it is not https, which only loopback may do without")]
    Scheme,
    /// A user or a password before the host.
    #[error("it has a user or a password in it; the key is given apart")]
    Credential,
    /// A host of somebody else, such as that of a portal with its own domain.
    #[error("it is no host of freshdesk.com; give the account's own, not the portal's")]
    Foreign,
}

/// Scheme, host and port of an account.
pub(super) fn base(address: &str) -> Result<Url, InvalidAddress> {
    let address = address.trim().trim_end_matches('/');
    let is_name = |text: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.bytes().all(is_letter)
    };
    let address = match address {
        name if is_name(name) => format!("https://{name}{DOMAIN}"),
        host if !host.contains("://") => format!("https://{host}"),
        url => url.to_owned(),
    };
    let mut url = Url::parse(&address).map_err(|_unreadable| InvalidAddress::Unreadable)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidAddress::Credential);
    }
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(host)) if is_loopback(&host) => {}
        ("https", Some(Host::Domain(host))) => {
            let account = host.strip_suffix(DOMAIN).ok_or(InvalidAddress::Foreign)?;
            if !is_name(account) || url.port().is_some() {
                return Err(InvalidAddress::Foreign);
            }
        }
        ("http", _) => return Err(InvalidAddress::Scheme),
        ("https", _) => return Err(InvalidAddress::Foreign),
        _ => return Err(InvalidAddress::Unreadable),
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

pub(super) fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_to_freshdesk_and_loopback_only() {
        for (address, expected) in [
            ("acme", Ok("https://acme.freshdesk.com/")),
            (" acme.freshdesk.com/ ", Ok("https://acme.freshdesk.com/")),
            (
                "https://acme.freshdesk.com/a/tickets?x=1#y",
                Ok("https://acme.freshdesk.com/"),
            ),
            (
                "HTTPS://ACME.FRESHDESK.COM",
                Ok("https://acme.freshdesk.com/"),
            ),
            ("http://127.0.0.1:9", Ok("http://127.0.0.1:9/")),
            ("http://acme.freshdesk.com", Err(InvalidAddress::Scheme)),
            (
                "https://u:p@acme.freshdesk.com",
                Err(InvalidAddress::Credential),
            ),
            ("support.acme.test", Err(InvalidAddress::Foreign)),
            (
                "https://acme.freshdesk.com.evil.test",
                Err(InvalidAddress::Foreign),
            ),
            ("https://evilfreshdesk.com", Err(InvalidAddress::Foreign)),
            ("https://a.b.freshdesk.com", Err(InvalidAddress::Foreign)),
            (
                "https://acme.freshdesk.com:444",
                Err(InvalidAddress::Foreign),
            ),
            ("https://10.0.0.1", Err(InvalidAddress::Foreign)),
            ("ftp://acme.freshdesk.com", Err(InvalidAddress::Unreadable)),
            ("", Err(InvalidAddress::Unreadable)),
        ] {
            let made = base(address);
            assert_eq!(
                made.as_ref().map(Url::as_str).map_err(|error| *error),
                expected,
                "{address}"
            );
        }
    }
}
