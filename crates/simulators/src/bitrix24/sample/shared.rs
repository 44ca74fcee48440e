//! The shops that the sample helpdesk knows too.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{companies, day, multifield, record};
use crate::{
    bitrix24::data::{Data, Record},
    sample_facts::{RESPONSIBLE, SHOPS, Shop},
};

/// Adds them to the data, with their people, leads and deals.
pub(super) fn add(data: &mut Data, now: Timestamp) {
    data.users.extend(RESPONSIBLE.iter().map(|employee| {
        record(json!({
            "ID": employee.bitrix_user.to_string(), "ACTIVE": employee.active,
            "NAME": employee.name, "LAST_NAME": employee.last_name, "SECOND_NAME": "",
            "EMAIL": employee.email, "DATE_REGISTER": "2023-05-01T00:00:00+03:00",
            "IS_ONLINE": "N", "TIMESTAMP_X": {}, "LAST_ACTIVITY_DATE": {},
            "WORK_POSITION": "Chăm sóc khách hàng", "UF_DEPARTMENT": [5],
            "UF_PHONE_INNER": "", "USER_TYPE": "employee",
        }))
    }));
    for (at, shop) in SHOPS.iter().enumerate() {
        let Some(id) = shop.bitrix_company else {
            continue;
        };
        data.companies.push(company(now, at, shop, id));
        data.leads.push(lead(now, at, id));
        data.deals.extend(deals(now, at, id));
        data.contacts.extend(contact(now, shop, id));
    }
    // Two companies may share their contact, who then belongs to the first.
    data.contacts.sort_by_key(contact_id);
    data.contacts.dedup_by_key(|contact| contact_id(contact));
}

fn contact_id(contact: &Record) -> u64 {
    let id = contact.get("ID").and_then(Value::as_str);
    id.and_then(|id| id.parse().ok()).unwrap_or_default()
}

fn responsible(shop: &Shop) -> Value {
    shop.responsible
        .map_or(json!(""), |id| json!(id.to_string()))
}

/// Like any company of the sample, but for what the helpdesk knows.
fn company(now: Timestamp, at: usize, shop: &Shop, id: u32) -> Record {
    let mut company = companies::shop(now, at);
    company.extend(record(json!({
        "ID": id.to_string(),
        "TITLE": format!("{} - {}", shop.shop_name, shop.company_id),
        "ASSIGNED_BY_ID": responsible(shop),
        "DATE_MODIFY": day(now, -3 - i64::try_from(at).unwrap_or_default(), 14),
        "PHONE": multifield("PHONE", 6001 + 4 * at, "WORK", shop.phone_in_crm),
        "EMAIL": multifield("EMAIL", 6002 + 4 * at, "WORK", &format!("lienhe@{}", shop.domain)),
        "WEB": multifield("WEB", 6003 + 4 * at, "WORK", &format!("https://{}", shop.domain)),
        "UF_CRM_STORENAME": shop.shop_name,
        "UF_CRM_COMPANY_ID": shop.company_id,
        "UF_CRM_HARAVAN_ORG_ID": shop.org_id,
        "UF_CRM_SHOP_OWNER_NAME": shop.contact_name,
        "UF_CRM_SHOP_OWNER_EMAIL": shop.email_in_crm,
        "UF_CRM_SHOP_OWNER_PHONE_NUMBER": shop.phone_in_crm,
    })));
    company
}

fn contact(now: Timestamp, shop: &Shop, company: u32) -> Option<Record> {
    let id = shop.bitrix_contact?;
    let (family, rest) = shop
        .contact_name
        .split_once(' ')
        .unwrap_or(("", shop.contact_name));
    let (middle, given) = rest.rsplit_once(' ').unwrap_or(("", rest));
    let filled = |type_id, number: u32, kind, value: &str| match value {
        "" => json!([]),
        value => multifield(
            type_id,
            usize::try_from(number).unwrap_or_default(),
            kind,
            value,
        ),
    };
    Some(record(json!({
        "ID": id.to_string(), "NAME": given, "SECOND_NAME": middle, "LAST_NAME": family,
        "POST": "Chủ shop", "TYPE_ID": "CLIENT", "SOURCE_ID": "WEB",
        "COMPANY_ID": company.to_string(), "OPENED": "Y", "EXPORT": "Y",
        "HAS_PHONE": if shop.phone_in_crm.is_empty() { "N" } else { "Y" },
        "HAS_EMAIL": if shop.email_in_crm.is_empty() { "N" } else { "Y" }, "HAS_IMOL": "N",
        "ASSIGNED_BY_ID": responsible(shop), "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1",
        "DATE_CREATE": day(now, -400, 10), "DATE_MODIFY": day(now, -15, 10),
        "PHONE": filled("PHONE", 9000 + 2 * id, "MOBILE", shop.phone_in_crm),
        "EMAIL": filled("EMAIL", 9001 + 2 * id, "WORK", shop.email_in_crm),
    })))
}

fn lead(now: Timestamp, at: usize, company: u32) -> Record {
    let stages = [("NEW", "P"), ("CONVERTED", "S"), ("PROCESSED", "P")];
    let (stage, outcome) = stages
        .get(at % stages.len())
        .copied()
        .unwrap_or(("NEW", "P"));
    let created = -30 - i64::try_from(at).unwrap_or_default();
    let closed = if outcome == "P" {
        json!("")
    } else {
        json!(day(now, created + 9, 16))
    };
    record(json!({
        "ID": (3201 + at).to_string(), "TITLE": "Hỏi về gói nhiều kho",
        "COMPANY_ID": company.to_string(), "STATUS_ID": stage, "STATUS_SEMANTIC_ID": outcome,
        "SOURCE_ID": "WEB", "CURRENCY_ID": "VND", "OPPORTUNITY": format!("{}.00", 4_500_000 + 250_000 * at),
        "IS_MANUAL_OPPORTUNITY": "N", "OPENED": "Y", "ASSIGNED_BY_ID": "21",
        "DATE_CREATE": day(now, created, 9), "DATE_MODIFY": day(now, created + 9, 16),
        "MOVED_TIME": day(now, created + 9, 16), "MOVED_BY_ID": "21", "DATE_CLOSED": closed,
        "LAST_ACTIVITY_TIME": day(now, created + 10, 9), "LAST_ACTIVITY_BY": "21",
    }))
}

/// A sale that was won, and a renewal that is under way.
fn deals(now: Timestamp, at: usize, company: u32) -> [Record; 2] {
    let deal =
        |id: usize, title: &str, pipeline: &str, stage: &str, outcome: &str, created: i64| {
            let type_id = if pipeline == "0" { "SALE" } else { "SERVICES" };
            record(json!({
                "ID": id.to_string(), "TITLE": title, "TYPE_ID": type_id,
                "CATEGORY_ID": pipeline, "STAGE_ID": stage, "STAGE_SEMANTIC_ID": outcome,
                "COMPANY_ID": company.to_string(), "CURRENCY_ID": "VND",
                "OPPORTUNITY": format!("{}.00", 12_000_000 + 500_000 * at),
                "IS_MANUAL_OPPORTUNITY": "Y", "OPENED": "Y",
                "CLOSED": if outcome == "P" { "N" } else { "Y" },
                "BEGINDATE": day(now, created, 0), "CLOSEDATE": day(now, created + 30, 0),
                "ASSIGNED_BY_ID": "21", "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1",
                "DATE_CREATE": day(now, created, 9), "DATE_MODIFY": day(now, created + 12, 17),
                "MOVED_TIME": day(now, created + 12, 17), "MOVED_BY_ID": "21",
                "LAST_ACTIVITY_TIME": day(now, created + 13, 9), "LAST_ACTIVITY_BY": "21",
            }))
        };
    [
        deal(4201 + 2 * at, "Gói Omni, năm đầu", "0", "WON", "S", -380),
        deal(
            4202 + 2 * at,
            "Gia hạn Omni",
            "1",
            "C1:PREPARATION",
            "P",
            -25,
        ),
    ]
}
