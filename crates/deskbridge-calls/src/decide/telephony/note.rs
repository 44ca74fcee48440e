//! Why something of a call was not sent, as sentences for people.

use std::fmt;

use crate::decide::{recording_path, users::UserId};

/// Why something was not sent, or was sent otherwise than one may think. Says nothing of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The CRM has not told its users yet.
    UsersNotKnown,
    /// The line is disabled.
    LineDisabled(String),
    /// The line is on a list.
    LineLeftOut(String),
    /// The client is on a list.
    ClientLeftOut,
    /// Only extensions that are on a list were called.
    ExtensionsLeftOut(Vec<String>),
    /// Two employees talked.
    Internal,
    /// The client's number is an employee's mobile phone.
    EmployeeMobile,
    /// The client withheld their number.
    NumberWithheld,
    /// It rang too short.
    TooShort {
        /// The setting.
        minimum_s: i64,
    },
    /// Nobody is there whom the call could be registered for.
    NoUser,
    /// An extension is nobody's.
    UnknownExtension(String),
    /// An outside number is nobody's mobile phone.
    UnknownMobile,
    /// An extension is several users'.
    SharedExtension(String, Vec<UserId>),
    /// A configured user is not there.
    NotActive(UserId),
    /// Whoever talked is not told to the CRM, and the call is another's.
    TalkerNotReported(String),
    /// Nobody is there for a missed call.
    NobodyForMissed,
    /// The settings make no task for the reason.
    NoTaskByReason(&'static str),
    /// There is no working time for a deadline.
    NoDeadline,
    /// Cards were not shown, because they would come too late.
    CardsLate,
    /// A recording is not attached, because somebody whose extension is on a list talked.
    RecordingLeftOut,
    /// A recording is not attached.
    Recording(recording_path::Refused),
    /// A text of the settings could not be written.
    Text {
        /// The setting.
        setting: String,
        /// Why.
        why: String,
    },
    /// A hook leaves the call out.
    HookIgnores,
    /// The portal refuses telephony.
    TelephonyRefused,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsersNotKnown => {
                f.write_str("not sent yet: the CRM has not told who its users are")
            }
            Self::LineDisabled(line) => {
                write!(f, "not sent because the line {line} is disabled in the settings")
            }
            Self::LineLeftOut(line) => {
                write!(f, "not sent because lists.lines leaves out the line {line}")
            }
            Self::ClientLeftOut => {
                f.write_str("not sent because lists.clients leaves out the client's number")
            }
            Self::ExtensionsLeftOut(extensions) => write!(
                f,
                "not sent because lists.extensions leaves out everybody who was called: {}",
                extensions.join(", ")
            ),
            Self::Internal => f.write_str("not sent because both sides are internal"),
            Self::EmployeeMobile => f.write_str(
                "not sent because both sides are internal: the other is an employee's mobile phone",
            ),
            Self::NumberWithheld => f.write_str(
                "not sent because the client withheld their number, and withheld_number is not set",
            ),
            Self::TooShort { minimum_s } => write!(
                f,
                "not sent because it was missed and rang shorter than {minimum_s} s (minimum_ring_s)"
            ),
            Self::NoUser => f.write_str(
                "not sent because nobody who was called is a user of the CRM, and no default_user is there",
            ),
            Self::UnknownExtension(extension) => {
                write!(f, "no user has the extension {extension}")
            }
            Self::UnknownMobile => {
                f.write_str("the call was forwarded to an outside number that is no user's")
            }
            Self::SharedExtension(extension, users) => {
                let users: Vec<String> = users.iter().map(UserId::to_string).collect();
                write!(
                    f,
                    "the extension {extension} is that of the users {}; name one in users of the settings",
                    users.join(" and ")
                )
            }
            Self::NotActive(user) => {
                write!(f, "the settings name the user {user}, who is no active user of the CRM")
            }
            Self::TalkerNotReported(extension) => write!(
                f,
                "{extension} talked with the client and is no user of the CRM: the call is another's there"
            ),
            Self::NobodyForMissed => f.write_str(
                "no task was made because nobody is there for missed calls; set default_user",
            ),
            Self::NoTaskByReason(reason) => {
                write!(f, "no task was made by missed.task.except: {reason}")
            }
            Self::NoDeadline => {
                f.write_str("the task has no deadline because its hours have no working time")
            }
            Self::CardsLate => f.write_str("no card was shown because it would have come too late"),
            Self::RecordingLeftOut => f.write_str(
                "the recording was not attached because lists.extensions leaves out somebody who talked",
            ),
            Self::Recording(why) => write!(f, "a recording was not attached: {why}"),
            Self::Text { setting, why } => write!(f, "{setting} could not be written: {why}"),
            Self::HookIgnores => f.write_str("not sent because the hook need_registration leaves it out"),
            Self::TelephonyRefused => {
                f.write_str("not sent because the portal refuses telephony, and refused is `none`")
            }
        }
    }
}
