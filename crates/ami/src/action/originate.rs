//! Making a call.

use std::time::Duration;

use super::{Action, Place, TooManyHeaders};
use crate::value::{Channel, Exten, Invalid, Name, Value, Variable, Word};

/// Calls a channel and connects it to a place of the dialplan or to an application. Always asynchronous.
///
/// `Success` says that it was queued, even for a phone that does not exist; the event `OriginateResponse` with this
/// action's id says what became of the first leg. With a [`channel_id`](Originate::channel_id) the call can be told from
/// its first event on.
#[derive(Clone, Debug)]
pub struct Originate(Action);

/// What the channel is connected to once it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// An extension.
    Dialplan(Place),
    /// An application and its argument. Some run commands of the machine; Asterisk asks for the class `system` then.
    Application {
        /// Its name.
        name: Word,
        /// Its argument.
        data: Option<Value>,
    },
}

/// What the called one sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerId(Value);

impl CallerId {
    /// A number, and a name if there is one. Characters that would end the name are left out of it.
    ///
    /// # Errors
    /// When they cannot be sent.
    pub fn new(name: Option<&str>, number: &Exten) -> Result<Self, Invalid> {
        let number = number.as_str();
        let text = match name {
            Some(name) => {
                let name: String = name
                    .chars()
                    .filter(|letter| !"\"<>\\".contains(*letter))
                    .collect();
                format!("\"{name}\" <{number}>")
            }
            None => format!("<{number}>"),
        };
        Value::new(text).map(Self)
    }
}

impl From<CallerId> for Value {
    fn from(caller_id: CallerId) -> Self {
        caller_id.0
    }
}

impl Originate {
    /// Calls `channel`, such as `PJSIP/101`, and then does what `then` says.
    pub fn new(channel: Channel, then: Then) -> Self {
        let action = Action::fixed("Originate")
            .with("Channel", channel)
            .with("Async", Value::fixed("true"));
        Self(match then {
            Then::Dialplan(place) => place.write("Context", "Exten", "Priority", action),
            Then::Application { name, data } => {
                action.with("Application", name).with_some("Data", data)
            }
        })
    }

    /// How long the channel rings; 30 seconds if it is not said.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.with("Timeout", Value::number(milliseconds))
    }

    /// What the channel sees as the caller.
    #[must_use]
    pub fn caller_id(self, caller_id: CallerId) -> Self {
        self.with("CallerID", caller_id)
    }

    /// The `Uniqueid` of the channel. Has to be one that no channel had before.
    #[must_use]
    pub fn channel_id(self, id: Word) -> Self {
        self.with("ChannelId", id)
    }

    /// The `Uniqueid` of the second half of a `Local` channel; the first one's with `;2` if it is not said.
    #[must_use]
    pub fn other_channel_id(self, id: Word) -> Self {
        self.with("OtherChannelId", id)
    }

    /// The account code, which goes to the records of calls.
    #[must_use]
    pub fn account(self, account: Word) -> Self {
        self.with("Account", account)
    }

    /// Goes on before the channel answers, with what it plays by then.
    #[must_use]
    pub fn early_media(self) -> Self {
        self.with("EarlyMedia", Value::fixed("true"))
    }

    /// The codecs to offer.
    ///
    /// # Errors
    /// When there are more than fit a line.
    pub fn codecs(self, codecs: &[Word]) -> Result<Self, Invalid> {
        let codecs: Vec<&str> = codecs.iter().map(Word::as_str).collect();
        Ok(self.with("Codecs", Value::new(codecs.join(","))?))
    }

    /// Runs a subroutine on the channel before it is called, as `context,exten,priority`.
    ///
    /// # Errors
    /// When it does not fit a line.
    pub fn pre_dial_gosub(self, place: &Place) -> Result<Self, Invalid> {
        let Place {
            context,
            exten,
            priority,
        } = place;
        let place = format!("{},{},{priority}", context.as_str(), exten.as_str());
        Ok(self.with("PreDialGoSub", Value::new(place)?))
    }

    /// Sets a variable on the channel.
    ///
    /// # Errors
    /// When there are too many.
    pub fn variable(self, variable: Variable) -> Result<Self, TooManyHeaders> {
        let action = self.0.header(Name::fixed("Variable"), variable.into())?;
        Ok(Self(action))
    }

    fn with(self, name: &'static str, value: impl Into<Value>) -> Self {
        Self(self.0.with(name, value))
    }
}

impl From<Originate> for Action {
    fn from(originate: Originate) -> Self {
        originate.0
    }
}
