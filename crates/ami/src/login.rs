//! Who logs in, and how.

use std::fmt;

use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    action::Action,
    value::{Invalid, Value, Word},
};

/// A user of `manager.conf`. The secret is never shown.
#[derive(Clone)]
pub struct Login {
    user: Word,
    secret: SecretString,
    means: Means,
}

/// How the secret is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By an MD5 digest of it and of a challenge, which keeps the secret off the wire.
    Challenge,
    /// By sending it, for which the connection should be TLS, or stay on the machine.
    Plain,
}

impl Login {
    /// A user and its secret, proved by a challenge.
    ///
    /// # Errors
    /// When one of them cannot be sent, or the secret is empty.
    pub fn new(user: &str, secret: &str) -> Result<Self, Invalid> {
        if secret.is_empty() {
            return Err(Invalid::Empty { what: "a secret" });
        }
        Value::new(secret).map(drop)?;
        Ok(Self {
            user: Word::new(user)?,
            secret: secret.to_owned().into(),
            means: Means::Challenge,
        })
    }

    /// Proves the secret in another way.
    #[must_use]
    pub fn by(mut self, means: Means) -> Self {
        self.means = means;
        self
    }

    pub(crate) fn means(&self) -> Means {
        self.means
    }

    pub(crate) fn challenge() -> Action {
        Action::fixed("Challenge").with("AuthType", Value::fixed("MD5"))
    }

    /// The login itself, with the answer to a challenge or with the secret.
    pub(crate) fn action(&self, challenge: Option<&[u8]>, events: &Classes) -> Action {
        let action = Action::fixed("Login").with("Username", self.user.clone());
        let action = match challenge {
            Some(challenge) => action
                .with("AuthType", Value::fixed("MD5"))
                .with("Key", self.key(challenge)),
            // `new` has checked it.
            None => action.with(
                "Secret",
                Value::known(self.secret.expose_secret().to_owned()),
            ),
        };
        action.with("Events", events.mask())
    }

    fn key(&self, challenge: &[u8]) -> Value {
        let digest = Md5::new()
            .chain_update(challenge)
            .chain_update(self.secret.expose_secret())
            .finalize();
        let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Value::known(key)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user.as_str())
            .field("means", &self.means)
            .finish_non_exhaustive()
    }
}

/// Which classes of events come. What the user may not read does not come in any case.
///
/// Without `System` there is neither `FullyBooted` nor `Shutdown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classes {
    /// Every class.
    All,
    /// These. None at all means no events.
    Only(Vec<Class>),
}

/// A class of events. Typed, because Asterisk answers a word that it does not know with success and sends no events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Asterisk's own names")]
pub enum Class {
    System,
    Call,
    Log,
    Verbose,
    Agent,
    User,
    Config,
    Dtmf,
    Reporting,
    Cdr,
    Dialplan,
    Originate,
    Security,
}

impl Classes {
    fn mask(&self) -> Value {
        let text = match self {
            Self::All => "on".to_owned(),
            Self::Only(classes) if classes.is_empty() => "off".to_owned(),
            Self::Only(classes) => {
                let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
                names.join(",")
            }
        };
        Value::known(text)
    }
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Call => "call",
            Self::Log => "log",
            Self::Verbose => "verbose",
            Self::Agent => "agent",
            Self::User => "user",
            Self::Config => "config",
            Self::Dtmf => "dtmf",
            Self::Reporting => "reporting",
            Self::Cdr => "cdr",
            Self::Dialplan => "dialplan",
            Self::Originate => "originate",
            Self::Security => "security",
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn sent(login: &Login, challenge: Option<&[u8]>, events: &Classes) -> String {
        let mut out = BytesMut::new();
        login.action(challenge, events).write("1", &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_challenge_keeps_the_secret_off_the_wire() {
        let login = Login::new("hub", "hub").unwrap();
        let sent = sent(&login, Some(b"484908078"), &Classes::All);
        // As Asterisk 22 accepted it.
        assert!(
            sent.contains("Key: 0ebc863e1dc9ee8ddcbbd441089e7850\r\n"),
            "{sent}"
        );
        assert!(
            sent.contains("AuthType: MD5\r\nKey") && !sent.contains("Secret"),
            "{sent}"
        );
    }

    #[test]
    fn a_plain_login_names_its_classes() {
        let login = Login::new("hub", "a secret").unwrap();
        let check = |classes| {
            let sent = sent(&login, None, &classes);
            assert!(sent.contains("Secret: a secret\r\n"), "{sent}");
            let (_, events) = sent.split_once("Events: ").unwrap();
            events.trim_end().to_owned()
        };
        assert_eq!(check(Classes::All), "on");
        assert_eq!(check(Classes::Only(vec![])), "off");
        assert_eq!(
            check(Classes::Only(vec![Class::System, Class::Cdr])),
            "system,cdr"
        );
    }

    #[test]
    fn logins_that_cannot_be_sent_are_refused() {
        for (user, secret) in [("", "x"), ("a b", "x"), ("a", ""), ("a", "x\r\nAction: y")] {
            assert!(Login::new(user, secret).is_err(), "{user:?}");
        }
        let shown = format!("{:?}", Login::new("hub", "planted").unwrap());
        assert!(!shown.contains("planted"), "{shown}");
    }
}
