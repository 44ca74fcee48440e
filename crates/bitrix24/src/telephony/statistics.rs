//! `voximplant.statistic.get`: what finished calls left behind.

use std::time::Duration;

use super::{CallId, CallKind, CrmRecord};
use crate::{Call, Id, Moment, Row};

/// By what finished calls are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatisticKey {
    /// By the portal's id.
    Call(CallId),
    /// By ours.
    External(String),
}

impl StatisticKey {
    pub(super) fn call(&self) -> Call {
        let call = Call::read("voximplant.statistic.get")
            .param("SORT", "ID")
            .param("ORDER", "ASC");
        match self {
            Self::Call(id) => call.filter("CALL_ID", id),
            Self::External(id) => call.filter("EXTERNAL_CALL_ID", id),
        }
    }

    /// Whether the call is what was asked for. A call without an id has none, so an empty one finds nothing.
    pub(super) fn is_of(&self, call: &StatisticCall) -> bool {
        match self {
            Self::Call(id) => call.call_id.as_ref() == Some(id),
            Self::External(id) => call.external_call_id.as_ref() == Some(id),
        }
    }
}

/// A finished call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatisticCall {
    /// The portal's id; calls of the portal's own lines have one too.
    pub call_id: Option<CallId>,
    /// Our id.
    pub external_call_id: Option<String>,
    /// Who talked, or should have.
    pub user: Option<Id>,
    /// The client's number.
    pub phone_number: Option<String>,
    /// The line.
    pub line_number: Option<String>,
    /// What kind of call it was.
    pub kind: Option<CallKind>,
    /// When it began.
    pub started_at: Option<Moment>,
    /// How long they talked.
    pub duration: Duration,
    /// `200`, `304`, …
    pub status_code: Option<String>,
    /// The record that it belongs to.
    pub record: Option<CrmRecord>,
    /// The activity.
    pub activity: Option<Id>,
    /// The attached recording.
    pub record_file: Option<Id>,
    /// The attached transcription.
    pub transcript: Option<Id>,
}

impl StatisticCall {
    pub(super) fn read(row: &Row) -> Option<Self> {
        let text = |field: &str| row.text(field).map(String::from);
        let call = Self {
            call_id: CallId::read(row, "CALL_ID"),
            external_call_id: text("EXTERNAL_CALL_ID"),
            user: row.id("PORTAL_USER_ID"),
            phone_number: text("PHONE_NUMBER"),
            line_number: text("PORTAL_NUMBER"),
            kind: row.integer("CALL_TYPE").and_then(CallKind::of_number),
            started_at: row.datetime("CALL_START_DATE"),
            duration: row
                .integer("CALL_DURATION")
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map_or(Duration::ZERO, Duration::from_secs),
            status_code: text("CALL_FAILED_CODE"),
            record: CrmRecord::of_row(row),
            activity: row.id("CRM_ACTIVITY_ID"),
            record_file: row.id("RECORD_FILE_ID"),
            transcript: row.id("TRANSCRIPT_ID"),
        };
        let is_known = call.call_id.is_some() || call.external_call_id.is_some();
        is_known.then_some(call)
    }
}
