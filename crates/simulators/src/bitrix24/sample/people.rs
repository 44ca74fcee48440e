//! The people of the sample, and what goes on with them.

use jiff::Timestamp;
use serde_json::json;

use super::{companies, day, multifield, record};
use crate::bitrix24::data::Record;

const FAMILY_NAMES: &[&str] = &[
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô",
];
const MIDDLE_NAMES: &[&str] = &["Thị", "Văn", "Minh", "Ngọc", "Thanh", "Quốc", "Hồng"];
const GIVEN_NAMES: &[&str] = &[
    "An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Khánh", "Lan", "Mai", "Nam", "Oanh", "Phúc",
    "Quân",
];

/// A person that owns a shop.
pub(super) struct Person {
    pub family: &'static str,
    pub middle: &'static str,
    pub given: &'static str,
    pub email: String,
    pub phone: String,
}

impl Person {
    pub(super) fn full_name(&self) -> String {
        format!("{} {} {}", self.family, self.middle, self.given)
    }
}

/// The owner of the shop at this place.
pub(super) fn person(at: usize) -> Person {
    let pick = |from: &[&'static str], step: usize| {
        let at = (at * step) % from.len().max(1);
        from.get(at).copied().unwrap_or_default()
    };
    Person {
        family: pick(FAMILY_NAMES, 3),
        middle: pick(MIDDLE_NAMES, 5),
        given: pick(GIVEN_NAMES, 4),
        email: format!("chu{:02}@shop{:02}.example", at + 1, at + 1),
        phone: format!("+84900000{:03}", 500 + at),
    }
}

/// The user who is responsible for the company at this place; now and then one who left.
pub(super) fn responsible(at: usize) -> &'static str {
    let users = ["338", "340", "342", "344", "346"];
    users.get(at % users.len()).copied().unwrap_or("338")
}

/// Employees: an administrator, the owner of the second webhook, three at work, one who left, one
/// without an e-mail.
pub(super) fn users() -> Vec<Record> {
    let user = |id: &str, active: bool, given: &str, family: &str, email: &str, inner: &str| {
        record(json!({
            "ID": id, "ACTIVE": active, "NAME": given, "LAST_NAME": family, "SECOND_NAME": "",
            "EMAIL": email, "DATE_REGISTER": "2023-02-01T00:00:00+03:00", "IS_ONLINE": "N",
            "TIMESTAMP_X": {}, "LAST_ACTIVITY_DATE": {}, "PERSONAL_GENDER": "", "TIME_ZONE": "",
            "WORK_POSITION": "Chăm sóc khách hàng", "UF_DEPARTMENT": [5],
            "UF_PHONE_INNER": inner, "USER_TYPE": "employee",
        }))
    };
    vec![
        user("1", true, "Quản", "Trị", "quantri@portal.example", "100"),
        user("57", true, "Thu", "Phan", "thu.phan@portal.example", "101"),
        user(
            "338",
            true,
            "An",
            "Nguyễn",
            "an.nguyen@portal.example",
            "201",
        ),
        user(
            "340",
            true,
            "Bảo",
            "Trịnh",
            "bao.trinh@portal.example",
            "202",
        ),
        user("342", true, "Cúc", "Lý", "cuc.ly@portal.example", "203"),
        user("344", false, "Đạt", "Hồ", "dat.ho@portal.example", ""),
        user("346", true, "Em", "Tạ", "", "205"),
    ]
}

/// One contact for every company, a second one for every third.
pub(super) fn contacts(now: Timestamp) -> Vec<Record> {
    let places = (0..38).chain((0..38).step_by(3));
    let contacts = places.enumerate().map(|(number, at)| {
        let is_owner = number < 38;
        let person = person(if is_owner { at } else { at + 50 });
        record(json!({
            "ID": (2001 + number).to_string(),
            "NAME": person.given, "SECOND_NAME": person.middle, "LAST_NAME": person.family,
            "POST": if is_owner { "Chủ shop" } else { "Kế toán" },
            "TYPE_ID": "CLIENT", "SOURCE_ID": "WEB",
            "COMPANY_ID": companies::id(at).to_string(),
            "HAS_PHONE": "Y", "HAS_EMAIL": "Y", "HAS_IMOL": "N", "EXPORT": "Y", "OPENED": "Y",
            "ASSIGNED_BY_ID": responsible(at), "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1",
            "DATE_CREATE": day(now, -500, 10), "DATE_MODIFY": day(now, -20, 10),
            "PHONE": multifield("PHONE", 7001 + 2 * number, "MOBILE", &person.phone),
            "EMAIL": multifield("EMAIL", 7002 + 2 * number, "WORK", &person.email),
        }))
    });
    contacts.collect()
}

/// A lead for every other company, through all stages.
pub(super) fn leads(now: Timestamp) -> Vec<Record> {
    let stages = [
        ("NEW", "P"),
        ("IN_PROCESS", "P"),
        ("PROCESSED", "P"),
        ("CONVERTED", "S"),
        ("JUNK", "F"),
    ];
    let leads = (0..38_usize).step_by(2).enumerate().map(|(number, at)| {
        let (stage, outcome) = stages.get(number % stages.len()).copied().unwrap_or(("NEW", "P"));
        let created = -60 - i64::try_from(number).unwrap_or_default();
        record(json!({
            "ID": (3001 + number).to_string(),
            "TITLE": format!("Nâng gói cho {}", person(at).full_name()),
            "COMPANY_ID": companies::id(at).to_string(),
            "STATUS_ID": stage, "STATUS_SEMANTIC_ID": outcome,
            "SOURCE_ID": "CALL", "CURRENCY_ID": "VND",
            "OPPORTUNITY": format!("{}.00", 3_000_000 + 500_000 * number),
            "IS_MANUAL_OPPORTUNITY": "N", "OPENED": "Y",
            "ASSIGNED_BY_ID": responsible(at), "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1",
            "DATE_CREATE": day(now, created, 9), "DATE_MODIFY": day(now, created + 20, 16),
            "MOVED_TIME": day(now, created + 20, 16), "MOVED_BY_ID": responsible(at),
            "DATE_CLOSED": if outcome == "P" { "".into() } else { json!(day(now, created + 20, 16)) },
            "LAST_ACTIVITY_TIME": day(now, created + 21, 9), "LAST_ACTIVITY_BY": responsible(at),
        }))
    });
    leads.collect()
}

/// Two deals for every third company: a sale, and a renewal in the second pipeline.
pub(super) fn deals(now: Timestamp) -> Vec<Record> {
    let sale = [
        "NEW",
        "PREPARATION",
        "EXECUTING",
        "FINAL_INVOICE",
        "WON",
        "LOSE",
    ];
    let renewal = [
        "C1:NEW",
        "C1:PREPARATION",
        "C1:EXECUTING",
        "C1:WON",
        "C1:LOSE",
    ];
    let places = (0..38_usize).step_by(3).flat_map(|at| [(at, 0), (at, 1)]);
    let deals = places.enumerate().map(|(number, (at, pipeline))| {
        let stages: &[&str] = if pipeline == 0 { &sale } else { &renewal };
        let stage = stages.get((number / 2) % stages.len()).copied().unwrap_or("NEW");
        let outcome = match stage.rsplit(':').next() {
            Some("WON") => "S",
            Some("LOSE") => "F",
            _ => "P",
        };
        let created = -45 - i64::try_from(number).unwrap_or_default();
        record(json!({
            "ID": (4001 + number).to_string(),
            "TITLE": format!("{} #{}", if pipeline == 0 { "Bán mới" } else { "Gia hạn" }, companies::id(at)),
            "TYPE_ID": if pipeline == 0 { "SALE" } else { "SERVICES" },
            "CATEGORY_ID": pipeline.to_string(), "STAGE_ID": stage, "STAGE_SEMANTIC_ID": outcome,
            "COMPANY_ID": companies::id(at).to_string(),
            "CURRENCY_ID": "VND", "OPPORTUNITY": format!("{}.50", 9_000_000 + 250_000 * number),
            "IS_MANUAL_OPPORTUNITY": "Y", "OPENED": "Y",
            "CLOSED": if outcome == "P" { "N" } else { "Y" },
            "BEGINDATE": day(now, created, 0), "CLOSEDATE": day(now, created + 90, 0),
            "ASSIGNED_BY_ID": responsible(at), "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1",
            "DATE_CREATE": day(now, created, 9), "DATE_MODIFY": day(now, created + 10, 17),
            "MOVED_TIME": day(now, created + 10, 17), "MOVED_BY_ID": responsible(at),
            "LAST_ACTIVITY_TIME": day(now, created + 11, 9), "LAST_ACTIVITY_BY": responsible(at),
        }))
    });
    deals.collect()
}
