//! Who takes the call of a client: the answer to the PBX, made of what `telephony.externalCall.searchCrmEntities` found.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    numbers,
    users::{People, UserId, Whose},
};
use crate::settings::{EmployeeMobiles, Settings};

/// What a client is in the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A contact.
    Contact,
    /// A company.
    Company,
    /// A lead.
    Lead,
}

/// `TIMEMAN_STATUS`: whether somebody is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timeman {
    /// At work.
    Opened,
    /// The day is over.
    Closed,
    /// On a break.
    Paused,
    /// The day was not ended.
    Expired,
    /// Not told.
    Unavailable,
    /// The portal keeps no working days.
    NotInstalled,
    /// A word that is not documented.
    Unknown,
}

impl Timeman {
    /// What a word of the CRM says.
    pub fn of(word: &str) -> Self {
        match word {
            "OPENED" => Self::Opened,
            "CLOSED" => Self::Closed,
            "PAUSED" => Self::Paused,
            "EXPIRED" => Self::Expired,
            "UNAVAILABLE" => Self::Unavailable,
            "NOT_INSTALLED" => Self::NotInstalled,
            _ => Self::Unknown,
        }
    }
}

/// One client whom the CRM found, in the order in which it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `CRM_ENTITY_TYPE`.
    pub kind: EntityKind,
    /// `NAME`.
    pub name: String,
    /// `ASSIGNED_BY_ID`.
    pub assigned_to: Option<UserId>,
    /// `ASSIGNED_BY.TIMEMAN_STATUS`.
    pub timeman: Timeman,
    /// `ASSIGNED_BY.USER_PHONE_INNER`; empty where there is none.
    pub extension: String,
}

/// The answer to the PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the call is to go; `None` lets it go where calls go.
    pub extension: Option<String>,
    /// What the phone is to show; printable, in one line.
    pub name: Option<String>,
    /// The user who is responsible, whether or not they take calls now.
    pub user: Option<UserId>,
    /// Why.
    pub reason: Reason,
}

/// Why an answer is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A hook says so.
    Hook,
    /// The responsible user is at work.
    AtWork,
    /// Callers are not put through.
    Disabled,
    /// It is not the time for it.
    OutsideHours,
    /// The caller is an employee.
    Employee,
    /// The CRM does not know the number.
    NotFound,
    /// Nobody is responsible for the client.
    NobodyResponsible,
    /// The responsible user is no active user.
    NotActive(UserId),
    /// The responsible user is not at work.
    NotAtWork(UserId, Timeman),
    /// The responsible user has no extension.
    NoExtension(UserId),
    /// The lists leave the responsible user's extension out.
    ExtensionLeftOut(UserId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook => f.write_str("the hook customize_autodistribution says so"),
            Self::AtWork => f.write_str("the responsible user is at work"),
            Self::Disabled => f.write_str("callers are not put through, by responsible.enabled"),
            Self::OutsideHours => {
                f.write_str("callers are not put through now, by responsible.hours")
            }
            Self::Employee => f.write_str("the caller is an employee"),
            Self::NotFound => f.write_str("the CRM does not know the number"),
            Self::NobodyResponsible => f.write_str("nobody is responsible for the client"),
            Self::NotActive(user) => write!(f, "the responsible user {user} is not active"),
            Self::NotAtWork(user, state) => {
                write!(f, "the responsible user {user} is not at work ({state:?})")
            }
            Self::NoExtension(user) => write!(f, "the responsible user {user} has no extension"),
            Self::ExtensionLeftOut(user) => {
                write!(
                    f,
                    "the lists leave out the extension of the responsible user {user}"
                )
            }
        }
    }
}

/// Characters of a name that a phone shows.
const NAME_CHARACTERS_MAX: usize = 60;

/// Who takes the call of `caller`.
pub fn answer(
    caller: &str,
    found: &[Found],
    settings: &Settings,
    people: &People,
    now: Timestamp,
) -> Answer {
    let best = best(found, settings);
    let user = best.and_then(|found| found.assigned_to);
    let destination = destination(caller, best, settings, people, now);
    let (extension, reason) = match destination {
        Ok(extension) => (Some(extension), Reason::AtWork),
        Err(reason) => (None, reason),
    };
    Answer {
        extension,
        name: best.and_then(|found| shown(&found.name)),
        user,
        reason,
    }
}

/// The client who is taken where several are found: of the most wanted kind the first, one with a responsible user
/// before one without.
pub fn best<'f>(found: &'f [Found], settings: &Settings) -> Option<&'f Found> {
    let rank = |found: &&Found| {
        let mut order = settings.responsible.order.iter();
        let place = order.position(|kind| *kind == found.kind);
        place.map(|place| (found.assigned_to.is_none(), place))
    };
    let ranked = found.iter().filter(|found| rank(found).is_some());
    ranked.min_by_key(rank)
}

fn destination(
    caller: &str,
    best: Option<&Found>,
    settings: &Settings,
    people: &People,
    now: Timestamp,
) -> Result<String, Reason> {
    let lookup = &settings.responsible;
    if !lookup.enabled {
        return Err(Reason::Disabled);
    }
    if lookup
        .hours
        .as_ref()
        .is_some_and(|hours| !hours.is_working(now))
    {
        return Err(Reason::OutsideHours);
    }
    if settings.employee_mobiles == EmployeeMobiles::Employee
        && people.of_mobile(caller, &settings.numbers) != Whose::Nobody
    {
        return Err(Reason::Employee);
    }
    let found = best.ok_or(Reason::NotFound)?;
    let user = found.assigned_to.ok_or(Reason::NobodyResponsible)?;
    if !people.is_empty() && !people.has(user) {
        return Err(Reason::NotActive(user));
    }
    if !lookup.at_work.contains(&found.timeman) {
        return Err(Reason::NotAtWork(user, found.timeman));
    }
    let extension = settings.extension(user, people);
    let extension = extension.unwrap_or(&found.extension);
    // It goes into the dialplan: nothing but an extension may.
    let extension = numbers::extension(extension).ok_or(Reason::NoExtension(user))?;
    if !settings.lists.extensions.allows(extension) {
        return Err(Reason::ExtensionLeftOut(user));
    }
    Ok(extension.to_owned())
}

fn shown(name: &str) -> Option<String> {
    let plain = |character: char| !character.is_control() && !"\"<>\\".contains(character);
    let name = name.replace(|character: char| !plain(character), " ");
    let words: Vec<&str> = name.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(NAME_CHARACTERS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
