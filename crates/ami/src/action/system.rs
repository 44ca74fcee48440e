//! What can be asked of Asterisk as a whole.

use super::{Action, TooManyHeaders};
use crate::value::{Name, Value, Word};

/// Declares actions without headers.
macro_rules! bare {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl From<$name> for Action {
                fn from(_: $name) -> Self {
                    Action::fixed(stringify!($name))
                }
            }
        )+
    };
}

bare! {
    /// Asks for a sign of life.
    Ping,
    /// Every channel that lives, as items of the answer.
    CoreShowChannels,
    /// Versions and settings: `AsteriskVersion`, `SystemName`, `CoreCDRenabled`.
    CoreSettings,
}

/// A command of Asterisk's command line. [`output`](crate::Message::output) has its lines; an unknown one is refused.
#[derive(Clone, Debug)]
pub struct Command(
    /// The command.
    pub Value,
);

impl From<Command> for Action {
    fn from(command: Command) -> Self {
        Action::fixed("Command").with("Command", command.0)
    }
}

/// Queues with their members and those who wait. A queue that does not exist gives an empty list.
#[derive(Clone, Debug, Default)]
pub struct QueueStatus {
    /// Only this one.
    pub queue: Option<Word>,
}

impl From<QueueStatus> for Action {
    fn from(status: QueueStatus) -> Self {
        Action::fixed("QueueStatus").with_some("Queue", status.queue)
    }
}

/// Sends an event to everybody who listens. It comes back to this connection, too, with the action's id.
#[derive(Clone, Debug)]
pub struct UserEvent(Action);

impl UserEvent {
    /// An event of a name.
    pub fn new(name: Word) -> Self {
        Self(Action::fixed("UserEvent").with("UserEvent", name))
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When there are too many.
    pub fn header(self, name: Name, value: Value) -> Result<Self, TooManyHeaders> {
        self.0.header(name, value).map(Self)
    }
}

impl From<UserEvent> for Action {
    fn from(event: UserEvent) -> Self {
        event.0
    }
}

/// Writes a value into Asterisk's database, where the dialplan reads it as `DB(family/key)`.
#[derive(Clone, Debug)]
pub struct DbPut {
    /// The family.
    pub family: Word,
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
}

impl From<DbPut> for Action {
    fn from(put: DbPut) -> Self {
        Action::fixed("DBPut")
            .with("Family", put.family)
            .with("Key", put.key)
            .with("Val", put.value)
    }
}

/// Reads a value of Asterisk's database: header `Val` of the answer's only item.
#[derive(Clone, Debug)]
pub struct DbGet {
    /// The family.
    pub family: Word,
    /// The key.
    pub key: Value,
}

impl From<DbGet> for Action {
    fn from(get: DbGet) -> Self {
        Action::fixed("DBGet")
            .with("Family", get.family)
            .with("Key", get.key)
    }
}

/// Removes a value from Asterisk's database.
#[derive(Clone, Debug)]
pub struct DbDel {
    /// The family.
    pub family: Word,
    /// The key.
    pub key: Value,
}

impl From<DbDel> for Action {
    fn from(del: DbDel) -> Self {
        Action::fixed("DBDel")
            .with("Family", del.family)
            .with("Key", del.key)
    }
}
