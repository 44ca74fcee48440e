//! A Bitrix24 company as the agent sees it.

use std::collections::BTreeMap;

use bitrix24::Row;
use jiff::{civil::Date, tz::TimeZone};
use serde_json::{Map, Value};

use super::{
    field_map::FieldMap,
    links::{Card, Links},
    normalise::{self, ShownDate},
};

/// Labels of options, by field and option id.
pub type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// Days before its end from which a plan is expiring.
const EXPIRING_DAYS: i32 = 30;

/// The field that holds the customer segment.
const CUSTOMER_SEGMENT_FIELD: &str = "UF_CRM_1778130421650";

/// The segments of customers whose labels do not come from the portal.
const CUSTOMER_SEGMENTS: [(&str, &str); 3] = [
    ("15090", "SME"),
    ("15092", "Medium"),
    ("15094", "Enterprise"),
];

/// How a company is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Showing<'a> {
    /// Which field becomes which key.
    pub field_map: &'a FieldMap,
    /// Labels of enumerations.
    pub labels: &'a Labels,
    /// Where the card is.
    pub links: &'a Links,
    /// The zone in which days are told; `None` keeps the days as they are written.
    pub zone: Option<&'a TimeZone>,
    /// Today, where the team works.
    pub today: Date,
}

/// The keys of the field map, the card's address, and what follows from the dates.
pub fn view(row: &Row, showing: &Showing<'_>) -> Map<String, Value> {
    let mut view = Map::new();
    for (field, key) in showing.field_map.iter() {
        let text = normalise::text(row, field);
        let labelled = text
            .as_deref()
            .and_then(|text| showing.labels.get(field)?.get(text))
            .cloned();
        match text {
            Some(text) if key == "customer_segment" => {
                let label = labelled.unwrap_or_else(|| segment(&text));
                view.insert("customer_segment_code".to_owned(), text.into());
                view.insert(key.to_owned(), label.into());
            }
            Some(text) if labelled.is_none() && is_date(key, &text) => {
                put_date(&mut view, key, &text, showing.zone);
            }
            Some(text) if labelled.is_none() && key.ends_with("hsi_detail") => {
                view.insert(key.to_owned(), normalise::decimal(&text).into());
            }
            text => {
                view.insert(key.to_owned(), labelled.or(text).into());
            }
        }
    }
    view.entry("customer_segment_code").or_insert(Value::Null);
    view.insert("company_name".to_owned(), name(row).into());
    for (field, key) in [
        ("DATE_CREATE", "date_create"),
        ("DATE_MODIFY", "date_modify"),
    ] {
        match normalise::text(row, field) {
            Some(text) => put_date(&mut view, key, &text, showing.zone),
            None => drop(view.insert(key.to_owned(), Value::Null)),
        }
    }
    view.insert(
        "url".to_owned(),
        showing.links.card(Card::Company, row.id("ID")).into(),
    );
    let expiry = expiry_of(row, showing).map(|date| Expiry::of(date.day, showing.today));
    let (status, days_left) = match expiry {
        Some(expiry) => (expiry.status.into(), expiry.days_left.into()),
        None => (Value::Null, Value::Null),
    };
    view.insert("shopplan_status".to_owned(), status);
    view.insert("shopplan_days_left".to_owned(), days_left);
    view
}

/// The shop's own name, else the title without the company id that is written behind it.
pub fn name(row: &Row) -> Option<String> {
    normalise::text(row, "UF_CRM_STORENAME").or_else(|| {
        let title = normalise::text(row, "TITLE")?;
        let id = normalise::text(row, "UF_CRM_COMPANY_ID").unwrap_or_default();
        let bare = title
            .strip_suffix(&id)
            .and_then(|rest| rest.trim_end().strip_suffix('-'));
        let bare = bare
            .filter(|_| !id.is_empty())
            .map(|bare| bare.trim().to_owned());
        Some(bare.filter(|bare| !bare.is_empty()).unwrap_or(title))
    })
}

/// The customer segment of a company, by its label where it is known.
pub fn segment_of(row: &Row) -> Option<String> {
    normalise::text(row, CUSTOMER_SEGMENT_FIELD).map(|code| segment(&code))
}

fn segment(code: &str) -> String {
    let known = CUSTOMER_SEGMENTS.iter().find(|(known, _)| *known == code);
    known.map_or(code, |(_, label)| label).to_owned()
}

/// Whether a value is a date: its key says so, or it looks like nothing else.
fn is_date(key: &str, text: &str) -> bool {
    let is_named_so = key.ends_with("_date")
        || key.ends_with("_at")
        || key.ends_with("expiry")
        || key.starts_with("date_");
    is_named_so || normalise::is_iso_datetime(text)
}

/// The day under the key and the ISO form beside it; what is no date stays as it is.
fn put_date(view: &mut Map<String, Value>, key: &str, text: &str, zone: Option<&TimeZone>) {
    let (shown, iso) = match normalise::date(text, zone) {
        Some(ShownDate { shown, iso, .. }) => (shown, Some(iso)),
        None => (text.to_owned(), None),
    };
    view.insert(key.to_owned(), shown.into());
    view.insert(format!("{key}_iso"), iso.into());
}

fn expiry_of(row: &Row, showing: &Showing<'_>) -> Option<ShownDate> {
    let field = showing.field_map.field_of("shopplan_expiry")?;
    normalise::date(&normalise::text(row, field)?, showing.zone)
}

/// How long a plan still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expiry {
    status: &'static str,
    days_left: i32,
}

impl Expiry {
    fn of(day: Date, today: Date) -> Self {
        let days_left = day.since(today).map_or(0, |span| span.get_days());
        let status = match days_left {
            ..0 => "expired",
            0..=EXPIRING_DAYS => "expiring",
            _ => "active",
        };
        Self { status, days_left }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(json: Value) -> Row {
        serde_json::from_value(json).unwrap()
    }

    fn check(field_map: &FieldMap, labels: &Labels, company: &Value, expected: &Value) {
        let showing = Showing {
            field_map,
            labels,
            links: &Links::new(Some("https://portal.example".to_owned())),
            zone: None,
            today: jiff::civil::date(2026, 11, 20),
        };
        let view = view(&row(company.clone()), &showing);
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(
                view.get(key).unwrap_or(&Value::Null),
                value,
                "{key} of {view:#?}"
            );
        }
    }

    #[test]
    fn every_default_field_is_shown_under_its_key() {
        let company = json!({
            "ID": "501", "TITLE": " Tiệm Hoa - 1000069000", "UF_CRM_STORENAME": " Tiệm Hoa ",
            "UF_CRM_COMPANY_ID": "1000069000", "UF_CRM_CURRENT_HSI_SEGMENT": "HSI_1",
            "UF_CRM_CURRENT_HSI_DETAIL": "0E-7", "UF_CRM_LAST_HSI_DETAIL": "580.0000000",
            "UF_CRM_CURRENT_SHOPPLAN": "Chuyên nghiệp",
            "UF_CRM_DATE_CREATED_SHOP": "2016-01-19T11:12:14+03:00",
            "UF_CRM_DATE_EXPIRED_SHOPPLAN": "2026-12-20T00:00:00+03:00",
            "UF_CRM_SHOP_OWNER_PHONE_NUMBER": "0900000001", "ASSIGNED_BY_ID": "21",
            "UF_CRM_1778130421650": 15092, "DATE_MODIFY": "2026-11-01T10:00:00+03:00",
            "UF_CRM_HARAVAN_MEMBERSHIP": false,
        });
        let expected = json!({
            "bitrix_id": "501", "title_full": "Tiệm Hoa - 1000069000", "company_name": "Tiệm Hoa",
            "company_id": "1000069000", "current_hsi_segment": "HSI_1", "current_hsi_detail": "0",
            "last_hsi_detail": "580", "last_hsi_segment": null, "current_shopplan": "Chuyên nghiệp",
            "shop_created_date": "19/01/2016", "shop_created_date_iso": "2016-01-19T11:12:14+03:00",
            "shopplan_expiry": "20/12/2026", "shopplan_status": "expiring", "shopplan_days_left": 30,
            "owner_phone": "0900000001", "assigned_by_id": "21", "customer_segment": "Medium",
            "customer_segment_code": "15092", "date_modify": "01/11/2026", "date_create": null,
            "date_modify_iso": "2026-11-01T10:00:00+03:00", "membership": null,
            "url": "https://portal.example/crm/company/details/501/",
        });
        check(&FieldMap::default(), &Labels::new(), &company, &expected);
    }

    #[test]
    fn a_company_is_named_by_its_shop_or_by_its_title_without_the_id() {
        for (store, title, id, expected) in [
            (" Tiệm Hoa ", "X - 1000", "1000", Some("Tiệm Hoa")),
            ("", " Tiệm Hoa - 1000", "1000", Some("Tiệm Hoa")),
            ("", "Tiệm Hoa -1000", "1000", Some("Tiệm Hoa")),
            ("", "Tiệm Hoa 1000", "1000", Some("Tiệm Hoa 1000")),
            ("", "Tiệm Hoa - 2000", "1000", Some("Tiệm Hoa - 2000")),
            ("", "Tiệm Hoa -", "", Some("Tiệm Hoa -")),
            ("", "- 1000", "1000", Some("- 1000")),
            ("", "", "1000", None),
        ] {
            let company =
                json!({"UF_CRM_STORENAME": store, "TITLE": title, "UF_CRM_COMPANY_ID": id});
            assert_eq!(
                name(&row(company)).as_deref(),
                expected,
                "{store} {title} {id}"
            );
        }
    }

    #[test]
    fn a_plan_is_active_expiring_or_expired() {
        let today = jiff::civil::date(2026, 11, 20);
        for (day, status, days_left) in [
            ("2026-11-19", "expired", -1),
            ("2026-11-20", "expiring", 0),
            ("2026-12-20", "expiring", 30),
            ("2026-12-21", "active", 31),
            ("2020-01-20", "expired", -2_496),
        ] {
            let expiry = Expiry::of(day.parse().unwrap(), today);
            assert_eq!(
                (expiry.status, expiry.days_left),
                (status, days_left),
                "{day}"
            );
        }
    }

    #[test]
    fn enumerations_show_labels_and_unknown_options_as_they_are() {
        let map =
            FieldMap::parse(r#"{"UF_A": "tier", "UF_B": "tags", "UF_1": "customer_segment"}"#);
        let options = BTreeMap::from([("7".to_owned(), "Vàng".to_owned())]);
        let labels = ["UF_A", "UF_B", "UF_1"]
            .map(|field| (field.to_owned(), options.clone()))
            .into();
        let company = json!({"UF_A": 7, "UF_B": ["", "9"], "UF_1": "7"});
        let expected = json!({"tier": "Vàng", "tags": "9", "customer_segment": "Vàng",
            "customer_segment_code": "7"});
        check(&map.unwrap(), &labels, &company, &expected);
    }

    #[test]
    fn values_of_wrong_types_do_not_spoil_the_others() {
        let company = json!({
            "ID": {}, "TITLE": [], "UF_CRM_STORENAME": {"a": 1}, "UF_CRM_COMPANY_ID": true,
            "UF_CRM_CURRENT_HSI_DETAIL": {}, "UF_CRM_DATE_EXPIRED_SHOPPLAN": {}, "DATE_MODIFY": [1, 2],
            "UF_CRM_1778130421650": [[]], "UF_CRM_FIRST_PAID_DATE": 12.5, "ASSIGNED_BY_ID": "abc",
            "UF_CRM_SHOP_OWNER_NAME": "Lan",
        });
        let expected = json!({"bitrix_id": null, "company_name": null, "url": null,
            "shopplan_status": null, "current_hsi_detail": null, "owner_name": "Lan",
            "first_shopplan_date": "12.5", "first_shopplan_date_iso": null});
        check(&FieldMap::default(), &Labels::new(), &company, &expected);
    }
}
