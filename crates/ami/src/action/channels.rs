//! What can be asked of channels that live.

use super::Action;
use crate::value::{Channel, Exten, Invalid, Value, Word};

/// A place in the dialplan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The context.
    pub context: Word,
    /// The extension.
    pub exten: Exten,
    /// The priority, from 1.
    pub priority: u32,
}

impl Place {
    /// The first priority of an extension.
    pub fn new(context: Word, exten: Exten) -> Self {
        Self {
            context,
            exten,
            priority: 1,
        }
    }

    pub(super) fn write(
        self,
        context: &'static str,
        exten: &'static str,
        priority: &'static str,
        action: Action,
    ) -> Action {
        action
            .with(context, self.context)
            .with(exten, self.exten)
            .with(priority, Value::number(self.priority.into()))
    }
}

/// Ends a channel.
#[derive(Clone, Debug)]
pub struct Hangup {
    /// Which.
    pub channel: Channel,
    /// The cause that the other side is told, by Q.850.
    pub cause: Option<u8>,
}

impl From<Hangup> for Action {
    fn from(hangup: Hangup) -> Self {
        let cause = hangup.cause.map(|cause| Value::number(cause.into()));
        Action::fixed("Hangup")
            .with("Channel", hangup.channel)
            .with_some("Cause", cause)
    }
}

/// Sends a channel to another place of the dialplan; nothing announces it but what the channel does there.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// Which.
    pub channel: Channel,
    /// Where to.
    pub to: Place,
    /// The channel that it talks to, and where that one goes; it is hung up otherwise.
    pub extra: Option<(Channel, Place)>,
}

impl From<Redirect> for Action {
    fn from(redirect: Redirect) -> Self {
        let action = Action::fixed("Redirect").with("Channel", redirect.channel);
        let action = redirect.to.write("Context", "Exten", "Priority", action);
        match redirect.extra {
            Some((channel, to)) => {
                let action = action.with("ExtraChannel", channel);
                to.write("ExtraContext", "ExtraExten", "ExtraPriority", action)
            }
            None => action,
        }
    }
}

/// Begins a transfer in which the two agents talk first: the channel's peer waits, the channel calls the extension.
#[derive(Clone, Debug)]
pub struct Atxfer {
    /// The channel of the one who transfers.
    pub channel: Channel,
    /// The extension to call.
    pub exten: Exten,
    /// Its context; that of the channel if none is given.
    pub context: Option<Word>,
}

impl From<Atxfer> for Action {
    fn from(transfer: Atxfer) -> Self {
        Action::fixed("Atxfer")
            .with("Channel", transfer.channel)
            .with("Exten", transfer.exten)
            .with_some("Context", transfer.context)
    }
}

/// Calls an attended transfer off.
#[derive(Clone, Debug)]
pub struct CancelAtxfer(
    /// The channel of the one who transfers.
    pub Channel,
);

impl From<CancelAtxfer> for Action {
    fn from(transfer: CancelAtxfer) -> Self {
        Action::fixed("CancelAtxfer").with("Channel", transfer.0)
    }
}

/// Sends the channel's peer to an extension, and announces it as a phone's transfer is.
#[derive(Clone, Debug)]
pub struct BlindTransfer {
    /// The channel of the one who transfers.
    pub channel: Channel,
    /// The extension.
    pub exten: Exten,
    /// Its context; that of the channel if none is given.
    pub context: Option<Word>,
}

impl From<BlindTransfer> for Action {
    fn from(transfer: BlindTransfer) -> Self {
        Action::fixed("BlindTransfer")
            .with("Channel", transfer.channel)
            .with("Exten", transfer.exten)
            .with_some("Context", transfer.context)
    }
}

/// Begins to record a channel. `VarSet` of `MIXMONITOR_FILENAME` says into which file.
#[derive(Clone, Debug)]
pub struct MixMonitor {
    /// Which.
    pub channel: Channel,
    /// The file, within Asterisk's folder of recordings.
    pub file: Value,
    /// Options, as those of the dialplan's `MixMonitor`.
    pub options: Option<Value>,
}

impl From<MixMonitor> for Action {
    fn from(monitor: MixMonitor) -> Self {
        Action::fixed("MixMonitor")
            .with("Channel", monitor.channel)
            .with("File", monitor.file)
            .with_some("options", monitor.options)
    }
}

/// Ends a recording.
#[derive(Clone, Debug)]
pub struct StopMixMonitor {
    /// Which channel's.
    pub channel: Channel,
    /// Which recording of the channel; all of them if none is given.
    pub id: Option<Value>,
}

impl From<StopMixMonitor> for Action {
    fn from(monitor: StopMixMonitor) -> Self {
        Action::fixed("StopMixMonitor")
            .with("Channel", monitor.channel)
            .with_some("MixMonitorID", monitor.id)
    }
}

/// Which side of a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the channel says.
    Read,
    /// What the channel hears.
    Write,
    /// Both.
    Both,
}

/// Silences a recording, or ends the silence.
#[derive(Clone, Debug)]
pub struct MixMonitorMute {
    /// Which channel's.
    pub channel: Channel,
    /// Which side.
    pub direction: Direction,
    /// Whether it is to be silent.
    pub is_mute: bool,
}

impl From<MixMonitorMute> for Action {
    fn from(mute: MixMonitorMute) -> Self {
        let direction = match mute.direction {
            Direction::Read => "read",
            Direction::Write => "write",
            Direction::Both => "both",
        };
        Action::fixed("MixMonitorMute")
            .with("Channel", mute.channel)
            .with("Direction", Value::fixed(direction))
            .with("State", Value::number(mute.is_mute.into()))
    }
}

/// Channels with variables: the answer's items have a header `Variable` for each, `(null)` where it is not set.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Only this one.
    pub channel: Option<Channel>,
    /// What to tell of each, as `MIXMONITOR_FILENAME,CHANNEL(linkedid)`.
    pub variables: Option<Value>,
}

impl From<Status> for Action {
    fn from(status: Status) -> Self {
        Action::fixed("Status")
            .with_some("Channel", status.channel)
            .with_some("Variables", status.variables)
    }
}

/// The value of a variable or function: header `Value` of the answer.
#[derive(Clone, Debug)]
pub struct Getvar {
    /// Of this channel; the global one otherwise.
    pub channel: Option<Channel>,
    /// A name, or a function as `CDR(answer,u)`.
    pub variable: Value,
}

impl From<Getvar> for Action {
    fn from(getvar: Getvar) -> Self {
        Action::fixed("Getvar")
            .with_some("Channel", getvar.channel)
            .with("Variable", getvar.variable)
    }
}

/// Sets a variable.
#[derive(Clone, Debug)]
pub struct Setvar {
    /// Of this channel; the global one otherwise.
    pub channel: Option<Channel>,
    /// Its name.
    pub variable: Word,
    /// Its value.
    pub value: Value,
}

impl From<Setvar> for Action {
    fn from(setvar: Setvar) -> Self {
        Action::fixed("Setvar")
            .with_some("Channel", setvar.channel)
            .with("Variable", setvar.variable)
            .with("Value", setvar.value)
    }
}

impl Status {
    /// Every channel with these variables.
    ///
    /// # Errors
    /// When there are more than fit a line.
    pub fn with_variables(variables: &[Word]) -> Result<Self, Invalid> {
        let variables: Vec<&str> = variables.iter().map(Word::as_str).collect();
        Ok(Self {
            channel: None,
            variables: Some(Value::new(variables.join(","))?),
        })
    }
}
