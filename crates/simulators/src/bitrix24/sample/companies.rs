//! The companies of the sample.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{day, multifield, people, record};
use crate::bitrix24::data::Record;

/// Names of shops, with what they sell and where they are.
const SHOPS: &[(&str, &str, &str, &str)] = &[
    ("Trà Sương Mai", "FOOD", "Đà Lạt", "Lâm Đồng"),
    ("Gốm Bến Đá", "RETAIL", "Thuận An", "Bình Dương"),
    ("May Mặc Hạ Vàng", "FASHION", "Quận 5", "TP. Hồ Chí Minh"),
    ("Nhà Sách Lá Bàng", "RETAIL", "Hải Châu", "Đà Nẵng"),
    ("Cà Phê Dốc Gió", "FOOD", "Buôn Ma Thuột", "Đắk Lắk"),
    ("Giày Bước Êm", "FASHION", "Thanh Xuân", "Hà Nội"),
    ("Mỹ Phẩm Hương Chàm", "RETAIL", "Ninh Kiều", "Cần Thơ"),
    ("Đồ Gỗ Sông Lam", "RETAIL", "Vinh", "Nghệ An"),
    ("Bếp Nhà Mình Ơi", "FOOD", "Quận 3", "TP. Hồ Chí Minh"),
    ("Xe Đạp Ba Mùa", "RETAIL", "Cầu Giấy", "Hà Nội"),
    ("Thú Cưng Mắt Nâu", "RETAIL", "Gò Vấp", "TP. Hồ Chí Minh"),
    ("Lụa Tơ Ngàn", "FASHION", "Hà Đông", "Hà Nội"),
    ("Nước Mắm Cồn Xanh", "FOOD", "Phú Quốc", "Kiên Giang"),
    ("Đèn Giấy Phố Cũ", "RETAIL", "Hội An", "Quảng Nam"),
    ("Balo Đường Xa", "FASHION", "Tân Bình", "TP. Hồ Chí Minh"),
    ("Mắt Kính Trời Trong", "FASHION", "Lê Chân", "Hải Phòng"),
    ("Hạt Điều Nắng Sớm", "FOOD", "Đồng Xoài", "Bình Phước"),
    ("Sữa Chua Cô Bống", "FOOD", "Ba Vì", "Hà Nội"),
    ("Nội Thất Tầng Mây", "RETAIL", "Thủ Đức", "TP. Hồ Chí Minh"),
    ("Áo Dài Mùa Lam", "FASHION", "Huế", "Thừa Thiên Huế"),
    ("Đồng Hồ Nhịp Chậm", "FASHION", "Hoàn Kiếm", "Hà Nội"),
    ("Văn Phòng Phẩm Ong Nhỏ", "RETAIL", "Biên Hòa", "Đồng Nai"),
    ("Bánh Tráng Rạch Sậy", "FOOD", "Trảng Bàng", "Tây Ninh"),
    ("Điện Máy Sao Hôm", "RETAIL", "Long Xuyên", "An Giang"),
    ("Cây Cảnh Góc Hiên", "RETAIL", "Bảo Lộc", "Lâm Đồng"),
    ("Đồ Bơi Cát Mịn", "FASHION", "Nha Trang", "Khánh Hòa"),
    ("Trái Cây Vườn Út", "FOOD", "Cái Bè", "Tiền Giang"),
    ("Nhạc Cụ Dây Đàn", "RETAIL", "Quận 10", "TP. Hồ Chí Minh"),
    ("Chăn Ga Giấc Tròn", "RETAIL", "Bắc Ninh", "Bắc Ninh"),
    ("Túi Cói Đồng Chiêm", "FASHION", "Kim Sơn", "Ninh Bình"),
    ("Mật Ong Rừng Khộp", "FOOD", "Pleiku", "Gia Lai"),
    ("Phụ Kiện Cáp Nhanh", "RETAIL", "Đống Đa", "Hà Nội"),
    ("Đồ Chơi Gỗ Tí Hon", "RETAIL", "Dĩ An", "Bình Dương"),
    ("Nến Thơm Đêm Hạ", "RETAIL", "Sơn Trà", "Đà Nẵng"),
    ("Vải Thổ Cẩm Suối Hoa", "FASHION", "Sa Pa", "Lào Cai"),
    ("Hải Sản Thuyền Thúng", "FOOD", "Quy Nhơn", "Bình Định"),
    ("Sách Cũ Ngõ Vắng", "RETAIL", "Ba Đình", "Hà Nội"),
    ("Bánh Mì Lò Than", "FOOD", "Phan Thiết", "Bình Thuận"),
];

const SEGMENTS: &[&str] = &["Champion", "Loyal", "At risk", "New", "Hibernating"];
const DETAILS: &[&str] = &[
    "580.0000000",
    "0E-7",
    "42.5000000",
    "1250.7500000",
    "0.0000000",
    "chưa tính",
];
const PLANS: &[&str] = &["Omni Standard", "Omni Growth", "Omni Scale", "Omni Pro"];
const MEMBERSHIPS: &[&str] = &["Gold", "Silver", "Platinum", "Member"];

/// Days until a shop plan runs out: long ago, yesterday, today, soon, in a month, next year.
const PLAN_DAYS_LEFT: &[i64] = &[-400, -30, -1, 0, 3, 14, 29, 31, 90, 364];

/// All companies, the odd ones at the end.
pub(super) fn companies(now: Timestamp) -> Vec<Record> {
    let mut companies: Vec<Record> = (0..SHOPS.len()).map(|at| shop(now, at)).collect();
    companies.extend(odd(now));
    companies
}

/// The internal id of the company at this place.
pub(super) fn id(at: usize) -> usize {
    1001 + 2 * at
}

/// The platform's company id of the company at this place.
fn company_id(at: usize) -> String {
    (200_000_410_007 + 1_013 * at).to_string()
}

fn pick<'a>(from: &[&'a str], at: usize) -> &'a str {
    from.get(at % from.len().max(1))
        .copied()
        .unwrap_or_default()
}

pub(super) fn shop(now: Timestamp, at: usize) -> Record {
    let Some((name, industry, district, province)) = SHOPS.get(at) else {
        return Record::new();
    };
    let company_id = company_id(at);
    let created = -700 - 13 * i64::try_from(at).unwrap_or_default();
    let slug = format!("shop{:02}", at + 1);
    let mut shop = record(json!({
        "ID": id(at).to_string(),
        "COMPANY_TYPE": "CUSTOMER",
        "TITLE": format!("{name} - {company_id}"),
        "HAS_PHONE": "Y", "HAS_EMAIL": "Y", "HAS_IMOL": "N",
        "ASSIGNED_BY_ID": people::responsible(at),
        "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1",
        "INDUSTRY": industry,
        "EMPLOYEES": if at.is_multiple_of(4) { "EMPLOYEES_2" } else { "EMPLOYEES_1" },
        "REVENUE": format!("{}.00", 120_000_000 + 7_350_000 * at),
        "CURRENCY_ID": "VND",
        "COMMENTS": "", "OPENED": "Y", "IS_MY_COMPANY": "N",
        "DATE_CREATE": day(now, created, 9),
        "DATE_MODIFY": day(now, -i64::try_from(at).unwrap_or_default(), 11),
        "LAST_ACTIVITY_BY": "1",
        "LAST_ACTIVITY_TIME": day(now, -2, 15),
        "ADDRESS": format!("Số {} đường Ví Dụ", 3 + 4 * at),
        "ADDRESS_REGION": district, "ADDRESS_PROVINCE": province,
        "ADDRESS_CITY": province, "ADDRESS_COUNTRY": "Việt Nam", "ADDRESS_COUNTRY_CODE": "VN",
        "PHONE": multifield("PHONE", 5001 + 4 * at, "WORK", &people::person(at).phone),
        "EMAIL": multifield("EMAIL", 5002 + 4 * at, "WORK", &format!("hotro@{slug}.example")),
        "WEB": multifield("WEB", 5003 + 4 * at, "WORK", &format!("https://{slug}.example")),
    }));
    shop.extend(user_fields(now, at, name, created));
    shop
}

fn user_fields(now: Timestamp, at: usize, name: &str, created: i64) -> Record {
    let company_id = company_id(at);
    let days_left = PLAN_DAYS_LEFT.get(at % PLAN_DAYS_LEFT.len()).copied();
    let days_left = days_left.unwrap_or_default();
    let owner = people::person(at);
    record(json!({
        "UF_CRM_STORENAME": if at % 5 == 4 { Value::from("") } else { name.into() },
        "UF_CRM_COMPANY_ID": company_id,
        "UF_CRM_HARAVAN_ORG_ID": company_id,
        "UF_CRM_CURRENT_HSI_SEGMENT": pick(SEGMENTS, at),
        "UF_CRM_CURRENT_HSI_DETAIL": pick(DETAILS, at),
        "UF_CRM_LAST_HSI_SEGMENT": pick(SEGMENTS, at + 2),
        "UF_CRM_LAST_HSI_DETAIL": pick(DETAILS, at + 1),
        "UF_CRM_CURRENT_SHOPPLAN": pick(PLANS, at),
        "UF_CRM_DATE_CREATED_SHOP": day(now, created, 3),
        "UF_CRM_FIRST_PAID_DATE": day(now, created + 14, 3),
        "UF_CRM_DATE_SIGNED_CURRENT_SHOPPLAN": day(now, days_left - 365, 3),
        "UF_CRM_DATE_EXPIRED_SHOPPLAN": day(now, days_left, 3),
        "UF_CRM_SHOP_OWNER_NAME": owner.full_name(),
        "UF_CRM_SHOP_OWNER_EMAIL": owner.email,
        "UF_CRM_SHOP_OWNER_PHONE_NUMBER": owner.phone,
        "UF_CRM_HARAVAN_MEMBERSHIP": pick(MEMBERSHIPS, at),
        "UF_CRM_1778130421650": pick(&["15090", "15092", "15094"], at),
        "UF_CRM_VERIFIED_STATUS": !at.is_multiple_of(3),
        "UF_CRM_COMPANY_STAGE": pick(&["Onboarding", "Growing", "Mature"], at),
        "UF_CRM_ID_FRESHSALES": (70_000_000_000_u64 + 17 * at as u64).to_string(),
        "UF_CRM_SALES_CHANNELS": ["web", pick(&["pos", "marketplace", "social"], at)],
    }))
}

/// A second company with a company id that another one carries too, one that only the other id finds,
/// and one whose every field is of the wrong type.
fn odd(now: Timestamp) -> Vec<Record> {
    let mut twin = shop(now, 6);
    twin.extend(record(json!({
        "ID": "1201", "TITLE": format!("Hương Chàm (chi nhánh 2) - {}", company_id(6)),
        "DATE_MODIFY": day(now, -40, 8),
    })));
    let mut by_org_only = shop(now, 9);
    by_org_only.extend(record(json!({
        "ID": "1203", "TITLE": "Xe Đạp Ba Mùa Miền Nam",
        "UF_CRM_COMPANY_ID": null, "UF_CRM_HARAVAN_ORG_ID": "200000499999",
        "ASSIGNED_BY_ID": "999",
    })));
    vec![twin, by_org_only, of_wrong_types(now)]
}

fn of_wrong_types(now: Timestamp) -> Record {
    record(json!({
        "ID": "1205",
        "TITLE": 1205,
        "COMPANY_TYPE": [],
        "ASSIGNED_BY_ID": {},
        "REVENUE": "rất nhiều",
        "CURRENCY_ID": false,
        "OPENED": true,
        "DATE_CREATE": "",
        "DATE_MODIFY": day(now, -300, 8),
        "LAST_ACTIVITY_TIME": {},
        "ADDRESS_REGION": ["Quận 1"],
        "ADDRESS_COUNTRY": 84,
        "UF_CRM_STORENAME": ["", "Cửa hàng trong danh sách"],
        "UF_CRM_COMPANY_ID": 200_000_488_888_u64,
        "UF_CRM_HARAVAN_ORG_ID": ["200000488888"],
        "UF_CRM_CURRENT_HSI_SEGMENT": {"VALUE": "Champion"},
        "UF_CRM_CURRENT_HSI_DETAIL": 580.5,
        "UF_CRM_LAST_HSI_SEGMENT": false,
        "UF_CRM_LAST_HSI_DETAIL": [],
        "UF_CRM_CURRENT_SHOPPLAN": 12,
        "UF_CRM_DATE_CREATED_SHOP": "24.08.2023 13:19:39",
        "UF_CRM_FIRST_PAID_DATE": "2024-07-23 08:08:50",
        "UF_CRM_DATE_SIGNED_CURRENT_SHOPPLAN": {},
        "UF_CRM_DATE_EXPIRED_SHOPPLAN": "0000-00-00",
        "UF_CRM_SHOP_OWNER_NAME": null,
        "UF_CRM_SHOP_OWNER_EMAIL": ["chu@shop39.example"],
        "UF_CRM_SHOP_OWNER_PHONE_NUMBER": 84_900_000_539_u64,
        "UF_CRM_HARAVAN_MEMBERSHIP": true,
        "UF_CRM_1778130421650": 15092,
        "UF_CRM_VERIFIED_STATUS": "có",
        "UF_CRM_COMPANY_STAGE": {},
        "UF_CRM_ID_FRESHSALES": -1,
        "UF_CRM_SALES_CHANNELS": "web",
        "PHONE": "",
        "EMAIL": {},
    }))
}
