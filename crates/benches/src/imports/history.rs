//! A history that nobody had.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use serde_json::{Value, json};

/// Who answers.
pub(super) const AGENT: &str = "mai@helpdesk.example";
/// Messages of a ticket, its description among them.
pub(super) const COMMUNICATIONS: u64 = 3;
/// Notes of a ticket.
pub(super) const COMMENTS: u64 = 1;

/// How many customers so many tickets come from.
pub(super) fn customers(tickets: u32) -> u64 {
    u64::from(tickets).div_ceil(50)
}

/// How many people so many tickets come from.
pub(super) fn contacts(tickets: u32) -> u64 {
    u64::from(tickets).div_ceil(10)
}

/// Writes it as JSON Lines: a ticket has a description and three conversations.
pub(super) fn write(path: &Path, tickets: u32) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..customers(tickets) {
        let customer = json!({"kind": "customer", "id": format!("c{number}"), "name": format!("Trà Sớm {number}")});
        writeln!(file, "{customer}")?;
    }
    for number in 0..contacts(tickets) {
        let contact = json!({
            "kind": "contact", "id": format!("p{number}"), "name": format!("Lê An {number}"),
            "customer": format!("c{}", number / 5), "emails": [format!("an{number}@tra.example")],
        });
        writeln!(file, "{contact}")?;
    }
    for number in 0..tickets {
        writeln!(file, "{}", ticket(number))?;
    }
    file.flush()
}

pub(super) fn ticket(number: u32) -> Value {
    let person = number / 10;
    let email = format!("an{person}@tra.example");
    json!({
        "kind": "ticket", "id": number.to_string(), "subject": format!("Đơn hàng {number} không đồng bộ"),
        "description": format!("<p>Đơn hàng {number} chưa về kho, nhờ kiểm tra giúp.</p>"),
        "status": if number.is_multiple_of(3) { "Closed" } else { "Replied" }, "priority": "Medium",
        "customer": format!("c{}", person / 5), "requester": {"contact": format!("p{person}"), "email": email},
        "created_at": "2024-05-10T03:00:00Z", "updated_at": "2024-05-12T04:00:00Z",
        "messages": [
            {"id": "1", "how": "sent", "content": "<p>Đang xem giúp anh chị.</p>", "author": {"email": AGENT},
             "created_at": "2024-05-10T04:00:00Z"},
            {"id": "2", "how": "note", "content": "<p>Đã gọi kho, chờ trả lời.</p>", "author": {"email": AGENT},
             "created_at": "2024-05-10T05:00:00Z"},
            {"id": "3", "how": "received", "content": "<p>Cảm ơn, đã thấy đơn.</p>", "author": {"email": email},
             "created_at": "2024-05-12T04:00:00Z"},
        ],
    })
}
