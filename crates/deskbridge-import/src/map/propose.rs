//! A mapping from the headers of a file, in Vietnamese, English or Russian.

use std::{collections::BTreeMap, path::PathBuf};

use frappe::text::collation_key;

use super::{Changed, MappedFile, Take};
use crate::record::Kind;

/// What a member of a record is called in headers. The first member that has a header's words is it.
type Words = (&'static str, &'static [&'static str]);

const CUSTOMER: &[Words] = &[
    (
        "id",
        &[
            "company id",
            "customer id",
            "id",
            "mã khách hàng",
            "mã công ty",
            "код клиента",
            "ид",
        ],
    ),
    (
        "name",
        &[
            "company name",
            "customer name",
            "company",
            "customer",
            "name",
            "tên khách hàng",
            "tên công ty",
            "khách hàng",
            "công ty",
            "название",
            "компания",
            "клиент",
        ],
    ),
    (
        "domains",
        &[
            "company domains",
            "domains",
            "domain",
            "website",
            "tên miền",
            "домен",
        ],
    ),
    ("created_at", CREATED),
    ("updated_at", UPDATED),
];
const CONTACT: &[Words] = &[
    (
        "id",
        &[
            "contact id",
            "requester id",
            "id",
            "mã liên hệ",
            "mã người liên hệ",
            "код контакта",
            "ид",
        ],
    ),
    (
        "name",
        &[
            "full name",
            "contact name",
            "name",
            "họ và tên",
            "họ tên",
            "tên",
            "фио",
            "имя",
        ],
    ),
    ("emails", EMAIL),
    (
        "mobiles",
        &[
            "mobile phone",
            "mobile",
            "di động",
            "số di động",
            "мобильный",
            "мобильный телефон",
        ],
    ),
    (
        "phones",
        &[
            "work phone",
            "phone",
            "telephone",
            "điện thoại",
            "số điện thoại",
            "sđt",
            "телефон",
        ],
    ),
    (
        "customer",
        &[
            "company id",
            "customer id",
            "mã khách hàng",
            "mã công ty",
            "код клиента",
        ],
    ),
    ("created_at", CREATED),
    ("updated_at", UPDATED),
];
const TICKET: &[Words] = &[
    (
        "id",
        &[
            "ticket id",
            "ticket number",
            "id",
            "mã phiếu",
            "mã yêu cầu",
            "số phiếu",
            "номер заявки",
            "номер обращения",
            "номер",
            "ид",
        ],
    ),
    (
        "subject",
        &["subject", "title", "tiêu đề", "chủ đề", "тема", "заголовок"],
    ),
    (
        "description",
        &[
            "description",
            "body",
            "message",
            "mô tả",
            "nội dung",
            "описание",
            "текст",
        ],
    ),
    (
        "status",
        &["status", "trạng thái", "tình trạng", "статус", "состояние"],
    ),
    (
        "priority",
        &[
            "priority",
            "độ ưu tiên",
            "mức độ ưu tiên",
            "ưu tiên",
            "приоритет",
        ],
    ),
    (
        "ticket_type",
        &[
            "type",
            "ticket type",
            "loại",
            "loại phiếu",
            "phân loại",
            "тип",
        ],
    ),
    (
        "team",
        &[
            "group",
            "team",
            "nhóm",
            "bộ phận",
            "группа",
            "команда",
            "отдел",
        ],
    ),
    (
        "agent",
        &[
            "agent email",
            "agent",
            "assignee",
            "nhân viên",
            "người xử lý",
            "исполнитель",
            "оператор",
            "ответственный",
        ],
    ),
    ("tags", &["tags", "labels", "thẻ", "nhãn", "теги", "метки"]),
    ("requester.email", EMAIL),
    (
        "requester.name",
        &[
            "full name",
            "requester name",
            "requester",
            "người yêu cầu",
            "họ tên",
            "заявитель",
            "имя",
        ],
    ),
    (
        "requester.contact",
        &["contact id", "requester id", "mã liên hệ", "код контакта"],
    ),
    (
        "customer",
        &[
            "company id",
            "customer id",
            "mã khách hàng",
            "mã công ty",
            "код клиента",
        ],
    ),
    ("created_at", CREATED),
    ("updated_at", UPDATED),
    (
        "resolved_at",
        &[
            "resolved time",
            "resolved at",
            "ngày giải quyết",
            "thời gian giải quyết",
            "решено",
            "дата решения",
        ],
    ),
    (
        "first_responded_at",
        &[
            "initial response time",
            "first responded at",
            "thời gian phản hồi đầu tiên",
            "первый ответ",
        ],
    ),
];
const EMAIL: &[&str] = &[
    "email",
    "e-mail",
    "mail",
    "requester email",
    "contact email",
    "thư điện tử",
    "эл. почта",
    "электронная почта",
    "почта",
];
const CREATED: &[&str] = &[
    "created time",
    "created at",
    "created",
    "created on",
    "ngày tạo",
    "thời gian tạo",
    "создано",
    "дата создания",
];
const UPDATED: &[&str] = &[
    "last update time",
    "last updated time",
    "updated at",
    "updated",
    "cập nhật lúc",
    "ngày cập nhật",
    "обновлено",
    "дата изменения",
];

/// What is proposed for a file, and the headers that nothing was found for.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The mapping, to be read and corrected by a person.
    pub file: MappedFile,
    /// The headers without a place.
    pub left: Vec<String>,
}

/// Proposes how the rows of a file become records of a kind.
pub fn propose(path: PathBuf, kind: Kind, headers: &[String]) -> Proposal {
    let words = match kind {
        Kind::Customer => CUSTOMER,
        Kind::Contact => CONTACT,
        Kind::Ticket => TICKET,
    };
    let mut left: Vec<String> = headers.to_vec();
    let mut fields = BTreeMap::new();
    for (member, called) in words {
        let keys: Vec<String> = called.iter().map(|word| key(word)).collect();
        // In the order of the words: `Ticket ID` before `ID`.
        let found = keys
            .iter()
            .find_map(|wanted| left.iter().position(|header| key(header) == *wanted));
        if let Some(at) = found {
            let header = left.remove(at);
            fields.insert((*member).to_owned(), take(member, header));
        }
    }
    Proposal {
        file: MappedFile {
            fields,
            ..MappedFile::plain(path, kind)
        },
        left,
    }
}

fn take(member: &str, header: String) -> Take {
    match member {
        "tags" | "domains" => Take::Changed(Box::new(Changed {
            from: Some(header),
            split: Some(",".to_owned()),
            ..Changed::default()
        })),
        _ => Take::Column(header),
    }
}

/// Header words without case, accents and what stands between them.
fn key(header: &str) -> String {
    let plain = collation_key(header).replace(['_', '-', '.', ':', '*'], " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ")
}
