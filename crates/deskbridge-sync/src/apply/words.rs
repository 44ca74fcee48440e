//! What the hub writes into tickets in its own words.

use deskbridge_core::Language;

/// Stands where a text was cut.
pub(super) fn cut(language: Language) -> &'static str {
    match language {
        Language::English => "The rest is in CareSoft: it is too long for the helpdesk.",
        Language::Vietnamese => "Phần còn lại xem trong CareSoft vì nội dung quá dài.",
        Language::Russian => "Остальное в CareSoft: текст слишком длинный.",
    }
}

/// Stands on a ticket that was merged into another: a case of CareSoft, and its ticket where there is one.
pub(super) fn merged(language: Language, case: &str, ticket: Option<&str>) -> String {
    let ticket = ticket.map(|ticket| {
        let word = match language {
            Language::English => "ticket",
            Language::Vietnamese => "phiếu",
            Language::Russian => "тикет",
        };
        format!(" ({word} #{ticket})")
    });
    let ticket = ticket.unwrap_or_default();
    match language {
        Language::English => format!("<p>Merged into case {case} of CareSoft{ticket}.</p>"),
        Language::Vietnamese => format!("<p>Đã gộp vào phiếu {case} của CareSoft{ticket}.</p>"),
        Language::Russian => format!("<p>Объединён с обращением {case} в CareSoft{ticket}.</p>"),
    }
}
