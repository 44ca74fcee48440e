//! `telephony.externalCall.searchCrmEntities`

use super::CrmRecord;
use crate::{Id, Row};

/// Somebody whom a number belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The contact, lead or company.
    pub record: CrmRecord,
    /// Their name.
    pub name: Option<String>,
    /// Who is responsible for them.
    pub responsible: Option<Responsible>,
}

/// Who is responsible for a record, and how to reach them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Responsible {
    /// The user.
    pub user: Id,
    /// How the working day stands, if the portal keeps it.
    pub workday: Option<Workday>,
    /// The internal number.
    pub inner_phone: Option<String>,
    /// The other numbers: at work, at home, mobile.
    pub phones: Vec<String>,
}

/// How an employee's working day stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workday {
    /// At work.
    Opened,
    /// Not at work.
    Closed,
    /// On a break.
    Paused,
    /// One of the days before was never closed.
    Expired,
}

impl Workday {
    /// `None` for what says nothing: the portal keeps no working days, or this employee has none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_uppercase().as_str() {
            "OPENED" => Self::Opened,
            "CLOSED" => Self::Closed,
            "PAUSED" => Self::Paused,
            "EXPIRED" => Self::Expired,
            _ => return None,
        })
    }
}

impl Caller {
    pub(super) fn read(row: &Row) -> Option<Self> {
        let by = row.row("ASSIGNED_BY").unwrap_or_default();
        let user = by.id("ID").or_else(|| row.id("ASSIGNED_BY_ID"));
        let text = |field: &str| by.text(field).map(String::from);
        let phones = ["WORK_PHONE", "PERSONAL_PHONE", "PERSONAL_MOBILE"];
        Some(Self {
            record: CrmRecord::of_row(row)?,
            name: row.text("NAME").map(Into::into),
            responsible: user.map(|user| Responsible {
                user,
                workday: by
                    .text("TIMEMAN_STATUS")
                    .and_then(|text| Workday::read(&text)),
                inner_phone: text("USER_PHONE_INNER"),
                phones: phones.into_iter().filter_map(text).collect(),
            }),
        })
    }
}
