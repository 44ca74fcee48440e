//! From an order of the CRM's to a call that the PBX is to begin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    numbers,
    users::{People, UserId},
    write::Entity,
};
use crate::{
    call::Direction,
    settings::{Settings, lines::Line, templates::Template},
};

/// Bytes of one field of an order to the PBX.
const FIELD_BYTES_MAX: usize = 512;

/// What the CRM ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Our own id, which the call's channel will carry.
    pub id: String,
    /// The number to call, as the CRM has it.
    pub phone: String,
    /// The line to call over; `None` leaves it to us.
    pub line: Option<String>,
    /// Whom to call, in the CRM.
    pub entity: Option<Entity>,
    /// Why it was ordered.
    pub why: Why,
}

/// Why a call was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A user clicked on a number.
    Click {
        /// The user.
        user: UserId,
        /// The extension that the CRM has for the user.
        extension: Option<String>,
        /// `CALL_ID` under which the CRM registered the call.
        call_id: Option<String>,
        /// `CALL_LIST_ID`, when it was clicked in a call list.
        call_list: Option<String>,
    },
    /// A client asked to be called.
    Callback {
        /// The user who is responsible for the client, where that was found out.
        responsible: Option<UserId>,
    },
}

impl Order {
    /// `CALL_ID` under which the CRM registered the call itself.
    pub fn call_id(&self) -> Option<&str> {
        match &self.why {
            Why::Click { call_id, .. } => call_id.as_deref().filter(|id| !id.is_empty()),
            Why::Callback { .. } => None,
        }
    }

    /// Who ordered it.
    pub fn user(&self) -> Option<UserId> {
        match &self.why {
            Why::Click { user, .. } => Some(*user),
            Why::Callback { .. } => None,
        }
    }

    /// `CALL_LIST_ID`, when it was ordered from a call list.
    pub fn call_list(&self) -> Option<&str> {
        match &self.why {
            Why::Click { call_list, .. } => call_list.as_deref().filter(|id| !id.is_empty()),
            Why::Callback { .. } => None,
        }
    }

    /// Who is responsible for a client who asked to be called.
    pub fn responsible(&self) -> Option<UserId> {
        match &self.why {
            Why::Click { .. } => None,
            Why::Callback { responsible } => *responsible,
        }
    }

    /// Whether a client asked to be called.
    pub fn is_callback(&self) -> bool {
        matches!(self.why, Why::Callback { .. })
    }
}

/// A call that the PBX is to begin. Every field is in one line and holds nothing that ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Originate {
    /// `Channel`: called first.
    pub channel: String,
    /// `Context`.
    pub context: String,
    /// `Exten`: dialled there.
    pub exten: String,
    /// `Priority`.
    pub priority: u32,
    /// `CallerID`.
    pub caller_id: String,
    /// `Variable`.
    pub variables: BTreeMap<String, String>,
    /// `Timeout`, in milliseconds.
    pub timeout_ms: u64,
    /// `ChannelId`: our own id.
    pub channel_id: String,
    /// `Codecs`; empty leaves them to the PBX.
    #[serde(default)]
    pub codecs: Vec<String>,
}

/// Why a call is not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The number has no digits.
    #[error("the CRM ordered a call to a number without digits")]
    NoNumber,
    /// The line is disabled.
    #[error("the line {0} is disabled in the settings")]
    LineDisabled(String),
    /// The client is on a list.
    #[error("the lists leave the client's number out")]
    ClientLeftOut,
    /// Nobody's phone can be called.
    #[error(
        "the user {0} has no extension; give them one in the CRM, or name theirs in users of the settings"
    )]
    NoExtension(UserId),
    /// Nobody is there to call back.
    #[error(
        "nobody is there to call the client back; name a phone in originate.callback_extension of the settings"
    )]
    NobodyToCallBack,
    /// A template made something that no order may hold.
    #[error("originate.{field} of the settings comes to nothing that the PBX could be told: {why}")]
    Unusable {
        /// The setting.
        field: String,
        /// Why.
        why: String,
    },
}

/// What templates are filled from.
#[derive(Serialize)]
struct Places<'a> {
    extension: &'a str,
    number: &'a str,
    line: &'a str,
    order: &'a str,
}

/// The call that an order comes to.
///
/// # Errors
/// When it cannot or must not be begun.
pub fn originate(
    order: &Order,
    settings: &Settings,
    people: &People,
) -> Result<Originate, Refused> {
    let (line, number_of_line) = settings.lines.resolve(order.line.as_deref());
    let number_of_line = number_of_line.unwrap_or_default();
    if line.is_disabled {
        return Err(Refused::LineDisabled(number_of_line));
    }
    let number = settings
        .numbers
        .for_dialling(&order.phone, &number_of_line)
        .ok_or(Refused::NoNumber)?;
    let for_crm = settings
        .numbers
        .for_crm(&order.phone, &number_of_line, Direction::Outgoing);
    if !settings.lists.clients.allows(&for_crm.unwrap_or_default()) {
        return Err(Refused::ClientLeftOut);
    }
    let extension = extension(order, line, settings, people)?;
    let places = Places {
        extension: &extension,
        number: &number,
        line: &number_of_line,
        order: &order.id,
    };
    let templates = &line.originate;
    let mut variables = BTreeMap::new();
    for (name, template) in &templates.variables {
        let value = field(&format!("variables.{name}"), template, &places)?;
        variables.insert(name.clone(), value);
    }
    let client_first = templates.callback_channel.as_ref();
    let (channel, exten, caller_id) = match client_first.filter(|_| order.is_callback()) {
        Some(channel) => (
            field("callback_channel", channel, &places)?,
            extension.clone(),
            field("callback_caller_id", &templates.callback_caller_id, &places)?,
        ),
        None => (
            field("channel", &templates.channel, &places)?,
            field("extension", &templates.extension, &places)?,
            field("caller_id", &templates.caller_id, &places)?,
        ),
    };
    Ok(Originate {
        channel,
        context: field("context", &templates.context, &places)?,
        exten,
        priority: 1,
        caller_id,
        variables,
        timeout_ms: u64::from(templates.ring_s) * 1_000,
        channel_id: order.id.clone(),
        codecs: Vec::new(),
    })
}

/// Whose phone rings first.
fn extension(
    order: &Order,
    line: &Line,
    settings: &Settings,
    people: &People,
) -> Result<String, Refused> {
    let of_user = |user: UserId| {
        let extension = settings.extension(user, people)?;
        numbers::extension(extension).map(str::to_owned)
    };
    match &order.why {
        Why::Click {
            user, extension, ..
        } => {
            let told = || numbers::extension(extension.as_deref()?).map(str::to_owned);
            of_user(*user)
                .or_else(told)
                .ok_or(Refused::NoExtension(*user))
        }
        Why::Callback { responsible } => {
            let configured = line.originate.callback_extension.as_deref();
            let users = [*responsible, line.responsible, settings.default_user];
            configured
                .and_then(numbers::extension)
                .map(str::to_owned)
                .or_else(|| users.into_iter().flatten().find_map(of_user))
                .ok_or(Refused::NobodyToCallBack)
        }
    }
}

fn field(name: &str, template: &Template, places: &Places<'_>) -> Result<String, Refused> {
    let unusable = |why: String| Refused::Unusable {
        field: name.to_owned(),
        why,
    };
    let text = template.render(places).map_err(unusable)?;
    match () {
        () if text.is_empty() => Err(unusable("it is empty".to_owned())),
        () if text.chars().any(char::is_control) => {
            Err(unusable("it has characters that end a line".to_owned()))
        }
        () if text.len() > FIELD_BYTES_MAX => Err(unusable(format!(
            "it is longer than {FIELD_BYTES_MAX} bytes"
        ))),
        () => Ok(text),
    }
}

#[cfg(test)]
mod tests;
