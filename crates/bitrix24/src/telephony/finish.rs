//! `telephony.externalCall.finish`

use std::time::Duration;

use bigdecimal::BigDecimal;

use super::{CallId, CrmRecord, Employee};
use crate::{Answer, Call, Id, Param};

/// How a call ended, in the codes that a portal has words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallStatus {
    /// 200: they talked.
    Talked,
    /// 304: nobody answered.
    Missed,
    /// 603: declined.
    Declined,
    /// 603-S: the caller gave up.
    Cancelled,
    /// 403: forbidden.
    Forbidden,
    /// 404: no such number.
    WrongNumber,
    /// 486: busy.
    Busy,
    /// 484: the direction is not available.
    DirectionUnavailable,
    /// 503: the direction is not available, for the line's reasons.
    ServiceUnavailable,
    /// 480: not available for the time being.
    TemporarilyUnavailable,
    /// 402: no money.
    NoMoney,
    /// 423: blocked.
    Blocked,
    /// `OTHER`: what [`Finish::failed_reason`] says.
    Other,
}

impl CallStatus {
    /// As the portal writes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Talked => "200",
            Self::Missed => "304",
            Self::Declined => "603",
            Self::Cancelled => "603-S",
            Self::Forbidden => "403",
            Self::WrongNumber => "404",
            Self::Busy => "486",
            Self::DirectionUnavailable => "484",
            Self::ServiceUnavailable => "503",
            Self::TemporarilyUnavailable => "480",
            Self::NoMoney => "402",
            Self::Blocked => "423",
            Self::Other => "OTHER",
        }
    }
}

/// The end of a call.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Who talked, or should have. What the registration made becomes this employee's.
    pub employee: Employee,
    /// How it ended.
    pub status: CallStatus,
    /// How long they talked.
    pub duration: Duration,
    /// Why they did not.
    pub failed_reason: Option<String>,
    /// The client's rating, 1 to 5.
    pub vote: Option<u8>,
    /// What it cost, and in which currency.
    pub cost: Option<(BigDecimal, String)>,
    /// Whether the employee's chat is told.
    pub adds_to_chat: bool,
}

impl Finish {
    /// An end with nothing else said about it.
    pub fn new(employee: Employee, status: CallStatus, duration: Duration) -> Self {
        Self {
            employee,
            status,
            duration,
            failed_reason: None,
            vote: None,
            cost: None,
            adds_to_chat: false,
        }
    }

    /// The call that finishes; `call_id` may refer to a registration in the same [`Group`](crate::Group).
    pub fn call(&self, call_id: impl Into<Param>) -> Call {
        let (name, employee) = self.employee.param();
        let mut call = Call::write("telephony.externalCall.finish")
            .param("CALL_ID", call_id)
            .param(name, employee)
            .param("DURATION", self.duration.as_secs())
            .param("STATUS_CODE", self.status.code())
            .param("ADD_TO_CHAT", u32::from(self.adds_to_chat));
        if let Some(reason) = &self.failed_reason {
            call = call.param("FAILED_REASON", reason);
        }
        if let Some(vote) = self.vote {
            call = call.param("VOTE", u32::from(vote));
        }
        if let Some((cost, currency)) = &self.cost {
            call = call
                .param("COST", cost.to_plain_string())
                .param("COST_CURRENCY", currency);
        }
        call
    }
}

/// What an end came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The call.
    pub call_id: CallId,
    /// The activity, where there is a record to hang it on.
    pub activity: Option<Id>,
    /// The record that it belongs to.
    pub record: Option<CrmRecord>,
    /// The row in the statistics.
    pub statistic: Option<Id>,
}

impl Finished {
    /// Reads the answer to [`Finish::call`]; `None` without a `CALL_ID`.
    pub fn read(answer: &Answer) -> Option<Self> {
        let row = answer.row().ok()?;
        Some(Self {
            call_id: CallId::read(&row, "CALL_ID")?,
            activity: row.id("CRM_ACTIVITY_ID"),
            record: CrmRecord::of_row(&row),
            statistic: row.id("ID"),
        })
    }
}
