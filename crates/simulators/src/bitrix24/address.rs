//! What the path of a request addresses.

use percent_encoding::percent_decode_str;

/// What a path names. Doubled slashes and slashes at the end make no difference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Address {
    /// `/rest/{user}/{secret}/{method}`
    Webhook {
        user: String,
        secret: String,
        method: String,
        format: Format,
    },
    /// `/rest/{method}`, which an application signs with the parameter `auth`.
    Unsigned { method: String },
    /// `/oauth/token/` of the authorization server, which a real portal leaves to a host of its own.
    Authorization,
    /// `/rest/api/…`, the third generation of the interface, which has no CRM methods.
    Third,
    /// Anything that is no REST address.
    Elsewhere,
}

/// In what the answer is to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Address {
    /// Reads the path of a request.
    pub(crate) fn parse(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some("rest") => {}
            Some("oauth") if parts.eq(["token"]) => return Self::Authorization,
            _ => return Self::Elsewhere,
        }
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("api"), Some(_), _, _) => Self::Third,
            (Some(method), None, ..) => Self::Unsigned {
                method: name_and_format(method).0,
            },
            (Some(user), Some(secret), method, None) => {
                let (method, format) = name_and_format(method.unwrap_or_default());
                Self::Webhook {
                    user: user.to_owned(),
                    secret: secret.to_owned(),
                    method,
                    format,
                }
            }
            _ => Self::Elsewhere,
        }
    }

    /// The method in lower case; empty when the address names none.
    pub(crate) fn method(&self) -> &str {
        match self {
            Self::Webhook { method, .. } | Self::Unsigned { method } => method,
            Self::Authorization => "oauth.token",
            Self::Third | Self::Elsewhere => "",
        }
    }
}

fn name_and_format(segment: &str) -> (String, Format) {
    let name = percent_decode_str(segment)
        .decode_utf8_lossy()
        .to_ascii_lowercase();
    if let Some(name) = name.strip_suffix(".json") {
        (name.to_owned(), Format::Json)
    } else if let Some(name) = name.strip_suffix(".xml") {
        (name.to_owned(), Format::Xml)
    } else {
        (name, Format::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &Address) {
        assert_eq!(&Address::parse(path), expected, "of {path}");
    }

    #[test]
    fn addresses_are_read_however_clients_write_them() {
        let list = |format| Address::Webhook {
            user: "1".to_owned(),
            secret: "s3cret".to_owned(),
            method: "crm.company.list".to_owned(),
            format,
        };
        for path in [
            "/rest/1/s3cret/crm.company.list",
            "/rest/1/s3cret/crm.company.list/",
            "/rest/1/s3cret/crm.company.List.json",
            "//rest//1/s3cret//crm.company.list.JSON//",
        ] {
            check(path, &list(Format::Json));
        }
        check("/rest/1/s3cret/crm.company.list.xml", &list(Format::Xml));
        check(
            "/rest/profile.json",
            &Address::Unsigned {
                method: "profile".to_owned(),
            },
        );
        check("/rest/api/1/s3cret/tasks.task.get", &Address::Third);
        for path in ["/oauth/token/", "/oauth//token"] {
            check(path, &Address::Authorization);
        }
        for path in [
            "/",
            "/rest",
            "/crm/company/details/1/",
            "/rest/1/2/3/4",
            "/oauth/authorize/",
            "/oauth/token/more",
        ] {
            check(path, &Address::Elsewhere);
        }
    }

    #[test]
    fn a_webhook_without_a_method_names_none() {
        let address = Address::parse("/rest/1/s3cret/");
        assert!(matches!(&address, Address::Webhook { method, .. } if method.is_empty()));
    }
}
