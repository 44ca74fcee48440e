//! Webhooks as bytes, signed before anything is measured.

use std::ops::Range;

use caresoft::signature::Secret;
use serde_json::json;

use super::{BODY_BYTES, ORDERING_KEYS};

/// The secret of the benchmark's connection.
pub(super) const SECRET: &str = "a secret of the benchmark";

/// Distinct requests, one behind the other.
pub(super) struct Requests {
    bytes: Vec<u8>,
    each: usize,
}

impl Requests {
    /// Those of these numbers; every number makes another one.
    pub(super) fn new(numbers: Range<u32>) -> anyhow::Result<Self> {
        let secret = Secret::new(SECRET)?;
        let mut bytes = Vec::new();
        let number = numbers.len();
        for number in numbers {
            append(number, &secret, &mut bytes);
        }
        let each = bytes.len().checked_div(number).unwrap_or_default();
        Ok(Self { bytes, each })
    }

    /// The request at a place; `None` behind the last one.
    pub(super) fn get(&self, place: usize) -> Option<&[u8]> {
        self.bytes.get(place * self.each..(place + 1) * self.each)
    }
}

/// A change of a ticket with a comment and custom fields; all are of one length.
fn append(number: u32, secret: &Secret, bytes: &mut Vec<u8>) {
    let changed_at = 1_700_000_000_000_u64 + u64::from(number);
    let ticket_id = 100_000_000 + number % ORDERING_KEYS;
    let mut body = json!({
        "object": "ticket", "action": "update", "account_id": 4_021,
        "ticket": {
            "ticket_id": ticket_id, "ticket_no": 48_213, "requester_id": 118_240_001, "assignee_id": 20_417,
            "service_id": 9_120, "ticket_priority": "Normal", "ticket_source": "Voice", "ticket_status": "open",
            "ticket_subject": "Ấm đun nước bị rò", "created_at": 1_699_999_000_000_u64, "updated_at": changed_at,
            "last_change_status_at": 1_699_999_900_000_u64,
            "addition_fields": [
                {"id": 1_310, "field": "addition_field1", "type": 3, "value": "Bảo hành", "value_id": "1242", "label": "Loại yêu cầu"},
                {"id": 1_311, "field": "addition_field2", "type": "0", "value": "", "label": "Số đơn hàng"},
            ],
            "ticket_comment": {
                "created_at": changed_at, "updated_at": changed_at, "comment": "", "commentator_id": 20_417,
                "source": "Voice", "is_public": 0, "type": 1,
            },
        },
    });
    let missing = BODY_BYTES.saturating_sub(body.to_string().len());
    if let Some(comment) = body.pointer_mut("/ticket/ticket_comment/comment") {
        let filling: String = "Khach goi lai ".chars().cycle().take(missing).collect();
        *comment = filling.into();
    }
    let body = body.to_string();
    let signature = secret.sign(body.as_bytes());
    let length = body.len();
    let head = format!(
        "POST /hooks/caresoft/main HTTP/1.1\r\nhost: hub.test\r\ncontent-type: application/json\r\n\
        x-hub-signature: {signature}\r\ncontent-length: {length}\r\n\r\n"
    );
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body.as_bytes());
}
