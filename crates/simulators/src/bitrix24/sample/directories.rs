//! Stages, pipelines, currencies and user fields.

use serde_json::{Value, json};

use super::record;
use crate::bitrix24::data::{Data, ListItem, Record, UserField};

/// Directory, code, Vietnamese name, outcome (`S`, `F`, or nothing).
const STATUSES: &[(&str, &str, &str, &str)] = &[
    ("STATUS", "NEW", "Mới", ""),
    ("STATUS", "IN_PROCESS", "Đang liên hệ", ""),
    ("STATUS", "PROCESSED", "Đã tư vấn", ""),
    ("STATUS", "CONVERTED", "Đã chuyển đổi", "S"),
    ("STATUS", "JUNK", "Không phù hợp", "F"),
    ("DEAL_STAGE", "NEW", "Cơ hội mới", ""),
    ("DEAL_STAGE", "PREPARATION", "Đang tư vấn", ""),
    ("DEAL_STAGE", "EXECUTING", "Đã báo giá", ""),
    ("DEAL_STAGE", "FINAL_INVOICE", "Chờ thanh toán", ""),
    ("DEAL_STAGE", "WON", "Thành công", "S"),
    ("DEAL_STAGE", "LOSE", "Thất bại", "F"),
    ("DEAL_STAGE_1", "C1:NEW", "Sắp hết hạn", ""),
    ("DEAL_STAGE_1", "C1:PREPARATION", "Đang nhắc gia hạn", ""),
    ("DEAL_STAGE_1", "C1:EXECUTING", "Đã gửi hợp đồng", ""),
    ("DEAL_STAGE_1", "C1:WON", "Đã gia hạn", "S"),
    ("DEAL_STAGE_1", "C1:LOSE", "Ngừng sử dụng", "F"),
    ("SOURCE", "CALL", "Cuộc gọi", ""),
    ("SOURCE", "EMAIL", "Thư điện tử", ""),
    ("SOURCE", "WEB", "Trang web", ""),
    ("SOURCE", "PARTNER", "Đối tác", ""),
    ("SOURCE", "OTHER", "Khác", ""),
    ("COMPANY_TYPE", "CUSTOMER", "Khách hàng", ""),
    ("COMPANY_TYPE", "PARTNER", "Đối tác", ""),
    ("COMPANY_TYPE", "OTHER", "Khác", ""),
    ("INDUSTRY", "RETAIL", "Bán lẻ", ""),
    ("INDUSTRY", "FOOD", "Ăn uống", ""),
    ("INDUSTRY", "FASHION", "Thời trang", ""),
    ("EMPLOYEES", "EMPLOYEES_1", "Dưới 50", ""),
    ("EMPLOYEES", "EMPLOYEES_2", "50 đến 250", ""),
    ("CONTACT_TYPE", "CLIENT", "Khách hàng", ""),
    ("CONTACT_TYPE", "OTHER", "Khác", ""),
    ("DEAL_TYPE", "SALE", "Bán mới", ""),
    ("DEAL_TYPE", "SERVICES", "Gia hạn", ""),
    ("HONORIFIC", "HNR_VN_1", "Anh", ""),
    ("HONORIFIC", "HNR_VN_2", "Chị", ""),
];

/// Name, type, Vietnamese label, English label.
const COMPANY_FIELDS: &[(&str, &str, &str, &str)] = &[
    ("UF_CRM_STORENAME", "string", "Tên cửa hàng", "Store name"),
    ("UF_CRM_COMPANY_ID", "string", "Mã công ty", "Company ID"),
    ("UF_CRM_HARAVAN_ORG_ID", "string", "Mã tổ chức", "Org ID"),
    (
        "UF_CRM_CURRENT_HSI_SEGMENT",
        "string",
        "Phân khúc HSI hiện tại",
        "Current HSI segment",
    ),
    (
        "UF_CRM_CURRENT_HSI_DETAIL",
        "string",
        "Điểm HSI hiện tại",
        "Current HSI detail",
    ),
    (
        "UF_CRM_LAST_HSI_SEGMENT",
        "string",
        "Phân khúc HSI kỳ trước",
        "Last HSI segment",
    ),
    (
        "UF_CRM_LAST_HSI_DETAIL",
        "string",
        "Điểm HSI kỳ trước",
        "Last HSI detail",
    ),
    (
        "UF_CRM_CURRENT_SHOPPLAN",
        "string",
        "Gói Shopplan hiện tại",
        "Current shop plan",
    ),
    (
        "UF_CRM_DATE_CREATED_SHOP",
        "datetime",
        "Ngày tạo shop",
        "Shop created",
    ),
    (
        "UF_CRM_FIRST_PAID_DATE",
        "datetime",
        "Ngày ký gói đầu tiên",
        "First plan signed",
    ),
    (
        "UF_CRM_DATE_SIGNED_CURRENT_SHOPPLAN",
        "datetime",
        "Ngày ký gói hiện tại",
        "Plan signed",
    ),
    (
        "UF_CRM_DATE_EXPIRED_SHOPPLAN",
        "datetime",
        "Ngày hết hạn Shopplan",
        "Plan expires",
    ),
    ("UF_CRM_SHOP_OWNER_NAME", "string", "Chủ shop", "Owner"),
    (
        "UF_CRM_SHOP_OWNER_EMAIL",
        "string",
        "Email chủ shop",
        "Owner's e-mail",
    ),
    (
        "UF_CRM_SHOP_OWNER_PHONE_NUMBER",
        "string",
        "Điện thoại chủ shop",
        "Owner's phone",
    ),
    (
        "UF_CRM_HARAVAN_MEMBERSHIP",
        "string",
        "Hạng thành viên",
        "Membership",
    ),
    (
        "UF_CRM_1778130421650",
        "enumeration",
        "Phân khúc khách hàng",
        "Customer segment",
    ),
    (
        "UF_CRM_VERIFIED_STATUS",
        "boolean",
        "Đã xác minh",
        "Verified",
    ),
    ("UF_CRM_COMPANY_STAGE", "string", "Giai đoạn", "Stage"),
    (
        "UF_CRM_ID_FRESHSALES",
        "string",
        "ID Freshsales",
        "Freshsales id",
    ),
    (
        "UF_CRM_SALES_CHANNELS",
        "string",
        "Kênh bán hàng",
        "Sales channels",
    ),
];

/// The customer segments, by the numbers that records hold.
pub(super) const SEGMENTS: &[(u64, &str)] =
    &[(15090, "SME"), (15092, "Medium"), (15094, "Enterprise")];

/// Directories, pipelines, currencies and user fields; no records.
pub(crate) fn data() -> Data {
    Data {
        statuses: statuses(),
        categories: vec![
            record(
                json!({"id": 0, "name": "Bán mới", "sort": 100, "entityTypeId": 2, "isDefault": "Y", "originId": "", "originatorId": ""}),
            ),
            record(
                json!({"id": 1, "name": "Gia hạn", "sort": 200, "entityTypeId": 2, "isDefault": "N", "originId": "", "originatorId": ""}),
            ),
        ],
        currencies: vec![
            record(
                json!({"CURRENCY": "VND", "AMOUNT_CNT": "1", "AMOUNT": "1.0000", "BASE": "Y", "SORT": "100", "FULL_NAME": "Đồng Việt Nam", "LID": "vn", "FORMAT_STRING": "# ₫", "DEC_POINT": ",", "THOUSANDS_SEP": "&nbsp;", "DECIMALS": "0"}),
            ),
            record(
                json!({"CURRENCY": "USD", "AMOUNT_CNT": "1", "AMOUNT": "25000.0000", "BASE": "N", "SORT": "200", "FULL_NAME": "Đô la Mỹ", "LID": "vn", "FORMAT_STRING": "$#", "DEC_POINT": ".", "THOUSANDS_SEP": null, "DECIMALS": "2"}),
            ),
        ],
        user_fields: user_fields(),
        ..Data::default()
    }
}

fn statuses() -> Vec<Record> {
    let entries = STATUSES.iter().enumerate();
    let entries = entries.map(|(at, (directory, code, name, outcome))| {
        let category = match directory.strip_prefix("DEAL_STAGE_") {
            Some(category) => category.into(),
            None if *directory == "DEAL_STAGE" => "0".into(),
            None => Value::Null,
        };
        let semantics = if outcome.is_empty() {
            Value::Null
        } else {
            (*outcome).into()
        };
        let process = match *outcome {
            "S" => "success",
            "F" => "failure",
            _ => "process",
        };
        record(json!({
            "ID": (at + 1).to_string(), "ENTITY_ID": directory, "STATUS_ID": code, "NAME": name,
            "NAME_INIT": "", "SORT": (10 * (at + 1)).to_string(), "SYSTEM": "N", "CATEGORY_ID": category,
            "COLOR": "", "SEMANTICS": semantics, "EXTRA": {"SEMANTICS": process, "COLOR": ""},
        }))
    });
    entries.collect()
}

fn user_fields() -> Vec<UserField> {
    let fields = COMPANY_FIELDS.iter().enumerate();
    let fields = fields.map(|(at, (name, kind, vietnamese, english))| UserField {
        id: 301 + 2 * at as u64,
        entity_id: "CRM_COMPANY".to_owned(),
        field_name: (*name).to_owned(),
        user_type_id: (*kind).to_owned(),
        multiple: *name == "UF_CRM_SALES_CHANNELS",
        mandatory: false,
        sort: 100 + 10 * at as u64,
        labels: [("vn", *vietnamese), ("en", *english)]
            .map(|(language, label)| (language.to_owned(), label.to_owned()))
            .into(),
        list: if *kind == "enumeration" {
            segments()
        } else {
            Vec::new()
        },
    });
    fields.collect()
}

fn segments() -> Vec<ListItem> {
    let items = SEGMENTS.iter().map(|(id, name)| ListItem {
        id: *id,
        value: (*name).to_owned(),
        def: false,
        xml_id: name.to_lowercase(),
    });
    items.collect()
}
