//! A small Vietnamese helpdesk, all of it invented, that fits the sample CRM: every ticket shows another
//! way in which its customer can be found there, or why not.

mod definitions;

use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    cell,
    data::{Account, Data, Secret},
};
use crate::sample_facts::{Case, SHOPS, Shop};
use definitions::SETTINGS;

/// Whoever has a key pair in the sample: address, key, secret, password.
///
/// In this order: an agent of each of the teams *Vận hành* and *Thanh toán*, the agents' manager (team
/// *Kỹ thuật*), the hub's own user, a System Manager who is no agent, a portal customer, and an agent who
/// has left and whose key still works.
pub const SAMPLE_ACCOUNTS: [(&str, &str, &str, &str); 7] = [
    (
        "an.tran@helpdesk.example",
        "an-key",
        "an-secret",
        "an-password",
    ),
    (
        "binh.le@helpdesk.example",
        "binh-key",
        "binh-secret",
        "binh-password",
    ),
    (
        "chi.vo@helpdesk.example",
        "chi-key",
        "chi-secret",
        "chi-password",
    ),
    (
        "hub@helpdesk.example",
        "hub-key",
        "hub-secret",
        "hub-password",
    ),
    (
        "quan.tri@helpdesk.example",
        "quantri-key",
        "quantri-secret",
        "quantri-password",
    ),
    (
        "diep@tranuimay.example",
        "diep-key",
        "diep-secret",
        "diep-password",
    ),
    (
        "da.nghi@helpdesk.example",
        "danghi-key",
        "danghi-secret",
        "danghi-password",
    ),
];

/// An OAuth token of the first of [`SAMPLE_ACCOUNTS`].
pub const SAMPLE_BEARER: &str = "an-bearer";

/// The names and roles of [`SAMPLE_ACCOUNTS`], and the team of those who have one.
const PEOPLE: [(&str, &[&str], Option<&str>); 7] = [
    ("An Trần", &["Agent"], Some("Vận hành")),
    ("Bình Lê", &["Agent"], Some("Thanh toán")),
    ("Chi Võ", &["Agent", "Agent Manager"], Some("Kỹ thuật")),
    (
        "Cầu nối",
        &["System Manager", "Agent", "Agent Manager"],
        None,
    ),
    ("Quản trị hệ thống", &["System Manager"], None),
    ("Lý Ngọc Diệp", &[], None),
    ("Người đã nghỉ", &["Agent"], None),
];

/// The sample as it stands at `now`.
pub fn sample(now: Timestamp) -> Data {
    let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap_or(TimeZone::UTC);
    let now = now.to_zoned(zone).datetime();
    let mut documents = definitions::doctypes();
    documents.extend(definitions::custom_fields());
    documents.extend(teams());
    documents.push(json!({
        "doctype": "HD Settings",
        "restrict_tickets_by_agent_group": 1,
        "do_not_restrict_tickets_without_an_agent_group": 1,
    }));
    documents.push(json!({"doctype": SETTINGS, "bitrix_enabled": 0}));
    documents.push(json!({
        "doctype": "OAuth Bearer Token",
        "access_token": SAMPLE_BEARER,
        "user": SAMPLE_ACCOUNTS[0].0,
        "status": "Active",
    }));
    for shop in known_shops() {
        documents.extend(customer(shop));
        documents.extend(contact(shop));
    }
    for case in Case::ALL {
        documents.extend(ticket(case, now));
    }
    let objects = documents.into_iter().filter_map(|document| match document {
        Value::Object(document) => Some(document),
        _ => None,
    });
    Data {
        users: accounts(),
        documents: objects.collect(),
        secrets: Vec::new(),
    }
}

impl Data {
    /// Writes the addresses of a CRM into the settings of the integration, and switches it on.
    #[must_use]
    pub fn with_bitrix(mut self, webhook: &str, responsible_webhook: &str, portal: &str) -> Self {
        let settings = json!({
            "doctype": SETTINGS,
            "bitrix_enabled": 1,
            "bitrix_portal_url": portal,
            "bitrix_webhook_url": "*".repeat(webhook.chars().count()),
            "bitrix_responsible_webhook_url": "*".repeat(responsible_webhook.chars().count()),
        });
        self.documents
            .retain(|document| document.get("doctype") != Some(&Value::from(SETTINGS)));
        self.documents.extend(settings.as_object().cloned());
        for (fieldname, value) in [
            ("bitrix_webhook_url", webhook),
            ("bitrix_responsible_webhook_url", responsible_webhook),
        ] {
            self.secrets.retain(|secret| secret.fieldname != fieldname);
            self.secrets.push(Secret {
                doctype: SETTINGS.to_owned(),
                name: SETTINGS.to_owned(),
                fieldname: fieldname.to_owned(),
                value: value.to_owned(),
            });
        }
        self
    }

    /// Takes a custom field away, with all its values, as on a site where nobody has created it yet.
    #[must_use]
    pub fn without_field(mut self, doctype: &str, field: &str) -> Self {
        let text = |document: &Map<String, Value>, key: &str| {
            document.get(key).map(cell::text).unwrap_or_default()
        };
        self.documents.retain(|document| {
            text(document, "doctype") != "Custom Field"
                || text(document, "dt") != doctype
                || text(document, "fieldname") != field
        });
        for document in &mut self.documents {
            if text(document, "doctype") == doctype {
                document.remove(field);
            }
        }
        self
    }

    /// Takes a custom DocType away, with all its documents.
    #[must_use]
    pub fn without_doctype(mut self, doctype: &str) -> Self {
        self.documents.retain(|document| {
            let text = |key: &str| document.get(key).map(cell::text).unwrap_or_default();
            text("doctype") != doctype && !(text("doctype") == "DocType" && text("name") == doctype)
        });
        self
    }
}

fn accounts() -> Vec<Account> {
    let people = SAMPLE_ACCOUNTS.into_iter().zip(PEOPLE);
    people
        .map(
            |((email, key, secret, password), (name, roles, _))| Account {
                email: email.to_owned(),
                full_name: name.to_owned(),
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                enabled: name != "Người đã nghỉ",
                api_key: Some(key.to_owned()),
                api_secret: Some(secret.to_owned()),
                password: Some(password.to_owned()),
            },
        )
        .collect()
}

fn teams() -> Vec<Value> {
    let people = SAMPLE_ACCOUNTS.into_iter().zip(PEOPLE);
    let members = people.filter_map(|((email, ..), (_, _, team))| Some((email, team?)));
    members
        .flat_map(|(email, team)| {
            [
                json!({"doctype": "HD Team", "name": team, "team_name": team, "users": [{"user": email}]}),
                json!({"doctype": "HD Agent", "name": email, "user": email, "is_active": 1}),
            ]
        })
        .collect()
}

/// The shops that have a ticket: of the two that share a number, the first.
fn known_shops() -> impl Iterator<Item = &'static Shop> {
    let mut seen = Vec::new();
    SHOPS.iter().filter(move |shop| {
        let new = !seen.contains(&shop.case);
        seen.push(shop.case);
        new
    })
}

/// The name of a shop's HD Customer; `None` where the helpdesk has no customer for it.
fn customer_name(shop: &Shop) -> Option<String> {
    match shop.case {
        Case::ContactEmail | Case::ContactPhone | Case::Nothing => None,
        Case::CustomerName | Case::UnknownCompany | Case::Ambiguous => {
            Some(format!("{} - {}", shop.shop_name, shop.company_id))
        }
        _ => Some(shop.shop_name.to_owned()),
    }
}

fn customer(shop: &Shop) -> Vec<Value> {
    let Some(name) = customer_name(shop) else {
        return Vec::new();
    };
    let org_id = || shop.org_id.parse::<u64>().unwrap_or_default();
    let mut customer = json!({"doctype": "HD Customer", "name": name, "customer_name": name});
    let mut set = |key: &str, value: Value| {
        if let Value::Object(customer) = &mut customer {
            customer.insert(key.to_owned(), value);
        }
    };
    match shop.case {
        Case::CustomerOrgId | Case::RestrictedTeam | Case::InactiveResponsible => {
            set("custom_haravan_orgid", org_id().into());
        }
        Case::CustomerDomain => set("domain", shop.domain.into()),
        Case::Portal => set("custom_haravan_company_id", shop.company_id.into()),
        _ => {}
    }
    let mut documents = vec![customer];
    if shop.case == Case::CustomerOrgId {
        documents.push(json!({
            "doctype": "Haravan Account Link",
            "hd_customer": name,
            "email": shop.email_in_helpdesk,
            "haravan_userid": "880001",
            "haravan_orgid": shop.org_id,
            "haravan_orgname": shop.shop_name,
            "last_login": "2026-01-15 09:30:00",
        }));
    }
    documents
}

/// The name of a shop's Contact.
fn contact_name(shop: &Shop) -> String {
    match customer_name(shop) {
        // Portal users have a contact of their own.
        _ if shop.case == Case::Portal => shop.contact_name.to_owned(),
        Some(customer) => format!("{}-{customer}", shop.contact_name),
        None => shop.contact_name.to_owned(),
    }
}

fn contact(shop: &Shop) -> Vec<Value> {
    let (last, first) = shop
        .contact_name
        .split_once(' ')
        .unwrap_or((shop.contact_name, ""));
    let links: Vec<Value> = customer_name(shop)
        .map(|customer| {
            json!({"link_doctype": "HD Customer", "link_name": customer, "link_title": customer})
        })
        .into_iter()
        .collect();
    let phones: Vec<Value> = Some(shop.phone_in_helpdesk)
        .filter(|phone| !phone.is_empty())
        .map(|phone| json!({"phone": phone, "is_primary_phone": 1}))
        .into_iter()
        .collect();
    vec![json!({
        "doctype": "Contact",
        "name": contact_name(shop),
        // Vietnamese names begin with the family's.
        "first_name": last,
        "last_name": first,
        "email_ids": [{"email_id": shop.email_in_helpdesk, "is_primary": 1}],
        "phone_nos": phones,
        "links": links,
    })]
}

/// What the customer writes: subject and text.
fn words(case: Case) -> (&'static str, &'static str) {
    match case {
        Case::ProfileOrgId => (
            "Không in được hoá đơn bán hàng",
            "Máy in báo hết giấy nhưng giấy vẫn còn, nhờ kiểm tra giúp.",
        ),
        Case::CustomerOrgId => (
            "Đồng bộ tồn kho bị chậm",
            "Từ sáng nay số tồn kho trên trang bán hàng chậm khoảng một giờ.",
        ),
        Case::CustomerName => (
            "Cần thêm một chi nhánh",
            "Quán mở thêm cơ sở ở Đà Lạt, nhờ tạo thêm chi nhánh.",
        ),
        Case::ContactEmail => (
            "Hỏi cách xuất báo cáo doanh thu",
            "Tôi muốn xuất báo cáo theo tuần ra bảng tính.",
        ),
        Case::ContactPhone => (
            "Gọi điện không ai nghe máy",
            "Tôi đã gọi hai lần, vui lòng gọi lại cho tôi.",
        ),
        Case::CustomerDomain => (
            "Tên miền không vào được",
            "Trang của cửa hàng báo lỗi chứng chỉ từ tối qua.",
        ),
        Case::UnknownCompany => (
            "Đăng ký dùng thử",
            "Cửa hàng vừa đăng ký, chưa thấy thư xác nhận.",
        ),
        Case::RestrictedTeam => (
            "Hoá đơn tháng này bị tính hai lần",
            "Nhờ bộ phận thanh toán kiểm tra lại giúp.",
        ),
        Case::Ambiguous => (
            "Đổi người phụ trách gian hàng",
            "Chi nhánh phía đông muốn đổi người phụ trách.",
        ),
        Case::InactiveResponsible => (
            "Xin gặp người phụ trách cũ",
            "Trước đây chị Vy hỗ trợ, không biết giờ ai phụ trách?",
        ),
        Case::Portal => (
            "Đổi mật khẩu cổng khách hàng",
            "Tôi quên mật khẩu của cổng khách hàng.",
        ),
        Case::Nothing => ("Câu hỏi chung", "Bên mình có hỗ trợ cuối tuần không ạ?"),
    }
}

fn ticket(case: Case, now: civil::DateTime) -> Vec<Value> {
    let shop = known_shops().find(|shop| shop.case == case);
    let number = case.ticket();
    let name = format!("{number:04}");
    let (subject, text) = words(case);
    let opened = now.saturating_sub((13 - i64::from(number)).days());
    let at = cell::datetime_text(opened);
    let (status, category) = match case {
        Case::CustomerName => ("Replied", "Paused"),
        Case::ContactEmail => ("Resolved", "Resolved"),
        Case::InactiveResponsible => ("Closed", "Resolved"),
        _ => ("Open", "Open"),
    };
    // A stranger who called: there is not even an address.
    let raised_by = shop.map_or("", |shop| shop.email_in_helpdesk);
    let owner = match case {
        Case::Portal => raised_by,
        _ => "hub@helpdesk.example",
    };
    let answered = status != "Open";
    let ticket = json!({
        "doctype": "HD Ticket",
        "name": name,
        "subject": subject,
        "description": format!("<p>{text}</p>"),
        "raised_by": raised_by,
        "contact": shop.map(contact_name),
        "customer": shop.and_then(customer_name),
        "status": status,
        "status_category": category,
        "priority": if number.is_multiple_of(4) { "High" } else { "Medium" },
        "ticket_type": "Question",
        "agent_group": (case == Case::RestrictedTeam).then_some("Thanh toán"),
        "custom_haravan_profile_orgid":
            shop.filter(|_| case == Case::ProfileOrgId).map(|shop| shop.org_id),
        "sla": "Default",
        "agreement_status": if answered { "Fulfilled" } else { "First Response Due" },
        "opening_date": opened.date().to_string(),
        "opening_time": cell::clock_text(opened.time()),
        "service_level_agreement_creation": at,
        "last_customer_response": at,
        "first_responded_on": answered.then_some(&at),
        "resolution_date": (category == "Resolved").then_some(&at),
        "via_customer_portal": u8::from(case == Case::Portal),
        "owner": owner,
        "creation": at,
        "modified": at,
        "modified_by": owner,
    });
    let received = json!({
        "doctype": "Communication",
        "name": format!("message{number:03}"),
        "communication_type": "Communication",
        "communication_medium": "Email",
        "sent_or_received": "Received",
        "subject": format!("Re: {subject}"),
        "content": format!("<p>{text}</p>"),
        "sender": raised_by,
        "sender_full_name": shop.map(|shop| shop.contact_name),
        "communication_date": at,
        "status": "Linked",
        "reference_doctype": "HD Ticket",
        "reference_name": name,
        "reference_owner": owner,
        "user": owner,
        "owner": owner,
        "creation": at,
    });
    vec![ticket, received]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_unique_and_every_case_has_its_ticket() {
        let data = sample("2026-03-02T02:00:00Z".parse().unwrap());
        let mut names: Vec<(String, String)> = data
            .documents
            .iter()
            .filter(|document| document.contains_key("name"))
            .map(|document| {
                (
                    cell::text(&document["doctype"]),
                    cell::text(&document["name"]),
                )
            })
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        let tickets = names.iter().filter(|(doctype, _)| doctype == "HD Ticket");
        assert_eq!(tickets.count(), Case::ALL.len());
    }
}
