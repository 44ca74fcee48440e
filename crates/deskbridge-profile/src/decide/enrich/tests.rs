//! Which writes follow, case by case.

use bitrix24::Id;
use jiff::civil;
use serde_json::json;

use super::*;
use crate::decide::{contact, lookup::COMPANY_ID_FIELD, responsible::Status};

const NOW: &str = "2026-11-20T03:00:00Z";
const NOW_THERE: &str = "2026-11-20 10:00:00.000000";

/// A site that has every field, and one that has none.
struct Site {
    zone: TimeZone,
    links: Links,
    customer: FieldTypes,
    contact: FieldTypes,
    ticket: FieldTypes,
    has_snapshots: bool,
}

impl Site {
    fn complete() -> Self {
        use FieldKind::{Date, Datetime, Decimal, Int, Text};
        Self {
            zone: TimeZone::get("Asia/Ho_Chi_Minh").unwrap(),
            links: Links::new(Some("https://portal.example".to_owned())),
            customer: FieldTypes::from_iter([
                ("custom_haravan_orgid", Int),
                ("custom_haravan_company_id", Text),
                ("custom_myharavan", Text),
                ("custom_bitrix_company_id", Text),
                ("custom_bitrix_company_url", Text),
                ("custom_bitrix_match_confidence", Decimal),
                ("custom_bitrix_sync_status", Text),
                ("custom_bitrix_last_synced_at", Datetime),
                ("custom_bitrix_last_checked_at", Datetime),
                ("custom_bitrix_company_modified_at", Datetime),
                ("custom_bitrix_not_found_at", Datetime),
                ("custom_customer_segment", Text),
                ("custom_first_paid_date", Date),
                ("custom_shopplan_name", Text),
                ("custom_expired_date", Text),
                ("custom_hsi_segment", Text),
            ]),
            contact: FieldTypes::from_iter([
                ("custom_bitrix_contact_id", Text),
                ("custom_bitrix_contact_url", Text),
                ("custom_bitrix_last_synced_at", Datetime),
            ]),
            ticket: FieldTypes::from_iter([("custom_responsible", Text)]),
            has_snapshots: true,
        }
    }

    fn bare() -> Self {
        Self {
            customer: FieldTypes::default(),
            contact: FieldTypes::default(),
            ticket: FieldTypes::default(),
            has_snapshots: false,
            ..Self::complete()
        }
    }

    fn knowing(&self) -> Knowing<'_> {
        Knowing {
            now: NOW.parse().unwrap(),
            site: &self.zone,
            links: &self.links,
            customer_fields: &self.customer,
            contact_fields: &self.contact,
            ticket_fields: &self.ticket,
            has_snapshots: self.has_snapshots,
        }
    }
}

fn document(fields: &Value) -> Document {
    serde_json::from_value(fields.clone()).unwrap()
}

fn company(fields: &Value) -> MatchedCompany {
    MatchedCompany {
        row: serde_json::from_value(fields.clone()).unwrap(),
        value: Some("1000071001".to_owned()),
        matches: 1,
        match_key: MatchKey("haravan_orgid:UF_CRM_COMPANY_ID".to_owned()),
        confidence: Confidence::COMPANY_ID,
    }
}

fn shop() -> Value {
    json!({
        "ID": "101", "TITLE": "Tiệm Bánh - 1000071001", COMPANY_ID_FIELD: "1000071001",
        "DATE_MODIFY": "2026-11-01T06:00:00+03:00", "UF_CRM_CURRENT_SHOPPLAN": "Chuyên nghiệp",
        "UF_CRM_DATE_EXPIRED_SHOPPLAN": "2027-01-20T00:00:00+03:00",
        "UF_CRM_FIRST_PAID_DATE": "2020-02-03T00:00:00+03:00", "UF_CRM_1778130421650": "15090",
        "UF_CRM_CURRENT_HSI_SEGMENT": "HSI_1",
    })
}

/// The fields of the update among the writes.
fn updated(writes: &[Write]) -> Value {
    let update = writes.iter().find_map(|write| match write {
        Write::UpdateDocument { fields, .. } => Some(fields.clone()),
        Write::SaveSnapshot(_) | Write::EnsureCustomer { .. } => None,
    });
    update.map_or(Value::Null, Value::Object)
}

fn snapshots(writes: &[Write]) -> usize {
    writes
        .iter()
        .filter(|write| matches!(write, Write::SaveSnapshot(_)))
        .count()
}

#[test]
fn a_new_company_writes_everything_in_the_form_that_each_field_wants() {
    let site = Site::complete();
    let writes = on_company(
        &document(&json!({"name": "Tiệm Bánh"})),
        &company(&shop()),
        &site.knowing(),
    );
    let expected = json!({
        "custom_bitrix_company_id": "101",
        "custom_bitrix_company_url": "https://portal.example/crm/company/details/101/",
        "custom_bitrix_match_confidence": 95.0,
        "custom_bitrix_sync_status": "matched",
        "custom_customer_segment": "SME",
        "custom_first_paid_date": "2020-02-03",
        "custom_shopplan_name": "Chuyên nghiệp",
        "custom_expired_date": "20/01/2027",
        "custom_hsi_segment": "HSI_1",
        "custom_bitrix_last_checked_at": NOW_THERE,
        "custom_bitrix_last_synced_at": NOW_THERE,
        "custom_bitrix_company_modified_at": "2026-11-01 10:00:00.000000",
    });
    assert_eq!(updated(&writes), expected);
    let Some(Write::SaveSnapshot(snapshot)) = writes.last() else {
        panic!("{writes:?}")
    };
    assert_eq!(snapshot.external_id, "101");
    assert_eq!(snapshot.last_synced_at, NOW_THERE);
    assert!(
        snapshot.summary_json.starts_with(r#"{"DATE_MODIFY":"#),
        "{}",
        snapshot.summary_json
    );
}

#[test]
fn an_unchanged_company_leaves_only_the_time_of_the_check() {
    let site = Site::complete();
    let checked = json!({"custom_bitrix_last_checked_at": NOW_THERE});
    let known = json!({"name": "Tiệm Bánh", "custom_bitrix_company_id": "101",
        "custom_bitrix_company_modified_at": "2026-11-01 10:00:00.000000"});
    let writes = on_company(&document(&known), &company(&shop()), &site.knowing());
    assert_eq!((updated(&writes), snapshots(&writes)), (checked, 0));
    for (field, value) in [
        ("custom_bitrix_company_id", json!("102")),
        (
            "custom_bitrix_company_modified_at",
            json!("2026-11-01 09:59:59"),
        ),
        ("custom_bitrix_company_modified_at", json!(null)),
    ] {
        let mut other = known.clone();
        other[field] = value;
        let writes = on_company(&document(&other), &company(&shop()), &site.knowing());
        assert!(updated(&writes).as_object().unwrap().len() > 1, "{field}");
        assert_eq!(snapshots(&writes), 1, "{field}");
    }
}

#[test]
fn without_a_time_to_compare_the_values_tell_whether_anything_changed() {
    let site = Site::complete();
    let writes = on_company(
        &document(&json!({"name": "Tiệm Bánh"})),
        &company(&shop()),
        &site.knowing(),
    );
    let mut standing = updated(&writes);
    standing["name"] = json!("Tiệm Bánh");
    standing["custom_bitrix_company_modified_at"] = json!(null);
    let mut timeless = shop();
    timeless["DATE_MODIFY"] = json!("");
    let again = on_company(&document(&standing), &company(&timeless), &site.knowing());
    assert_eq!(
        updated(&again),
        json!({"custom_bitrix_last_checked_at": NOW_THERE})
    );
    standing["custom_shopplan_name"] = json!("Cơ bản");
    let changed = on_company(&document(&standing), &company(&timeless), &site.knowing());
    assert_eq!(updated(&changed)["custom_shopplan_name"], "Chuyên nghiệp");
}

#[test]
fn what_the_crm_does_not_know_overwrites_nothing() {
    let site = Site::complete();
    let bare = json!({"ID": "101", COMPANY_ID_FIELD: "1000071001", "UF_CRM_CURRENT_SHOPPLAN": "",
        "UF_CRM_DATE_EXPIRED_SHOPPLAN": false});
    let known = json!({"name": "Tiệm Bánh", "custom_shopplan_name": "Cơ bản"});
    let fields = updated(&on_company(
        &document(&known),
        &company(&bare),
        &site.knowing(),
    ));
    for field in ["custom_shopplan_name", "custom_expired_date"] {
        assert_eq!(fields.get(field), None, "{field}");
    }
}

#[test]
fn fields_that_the_site_lacks_are_left_out() {
    let site = Site::bare();
    let customer = document(&json!({"name": "Tiệm Bánh"}));
    assert_eq!(
        on_company(&customer, &company(&shop()), &site.knowing()),
        []
    );
    assert_eq!(on_nothing(&customer, &site.knowing()), None);
    let some = Site {
        customer: FieldTypes::from_iter([("custom_shopplan_name", FieldKind::Text)]),
        ..Site::bare()
    };
    let writes = on_company(&customer, &company(&shop()), &some.knowing());
    assert_eq!(
        updated(&writes),
        json!({"custom_shopplan_name": "Chuyên nghiệp"})
    );
}

#[test]
fn not_found_is_noted_at_the_customer() {
    let site = Site::complete();
    let write = on_nothing(&document(&json!({"name": "Tiệm Bánh"})), &site.knowing());
    let expected = json!({"custom_bitrix_last_checked_at": NOW_THERE,
        "custom_bitrix_not_found_at": NOW_THERE});
    assert_eq!(updated(&Vec::from_iter(write)), expected);
}

#[test]
fn a_contact_is_written_when_it_is_new_or_changed() {
    let site = Site::complete();
    let row = json!({"ID": "301", "NAME": "Nhung", "DATE_MODIFY": "2026-11-01T06:00:00+03:00"});
    let row: Row = serde_json::from_value(row).unwrap();
    let view = contact::view(&row, &site.links);
    let write = |contact: &Value| {
        on_contact(
            &document(contact),
            Some("Tiệm Bánh"),
            &row,
            &view,
            &site.knowing(),
        )
    };
    let synced = |at: &str| json!({"name": "Nhung", "custom_bitrix_contact_id": "301", "custom_bitrix_last_synced_at": at});
    assert_eq!(write(&synced("2026-11-01 10:00:00")), []);
    for contact in [json!({"name": "Nhung"}), synced("2026-11-01 09:59:59")] {
        let writes = write(&contact);
        assert_eq!(updated(&writes)["custom_bitrix_contact_id"], "301");
        assert_eq!(snapshots(&writes), 1);
    }
}

#[test]
fn only_an_assignable_user_is_written_and_only_when_it_is_another() {
    let site = Site::complete();
    let user = |status, email: Option<&str>| Responsible {
        active: status == Status::Active,
        email: email.map(str::to_owned),
        ..Responsible::unresolved(Id::new(21).unwrap(), status)
    };
    let email = "thao@crm.example";
    for (ticket, user, written) in [
        (
            json!({"name": "0001"}),
            user(Status::Active, Some(email)),
            true,
        ),
        (
            json!({"name": 1, "custom_responsible": "x@crm.example"}),
            user(Status::Active, Some(email)),
            true,
        ),
        (
            json!({"name": "0001", "custom_responsible": email}),
            user(Status::Active, Some(email)),
            false,
        ),
        (json!({"name": "0001"}), user(Status::Active, None), false),
        (
            json!({"name": "0001"}),
            user(Status::Inactive, Some(email)),
            false,
        ),
        (json!({"name": "0001"}), user(Status::Error, None), false),
        (json!({}), user(Status::Active, Some(email)), false),
    ] {
        let write = on_responsible(&document(&ticket), &user, &site.knowing());
        assert_eq!(write.is_some(), written, "{ticket} {user:?}");
    }
}

#[test]
fn a_ticket_is_linked_once() {
    let ticket = |customer: Value| document(&json!({"name": "0001", "customer": customer}));
    assert!(link_ticket(&ticket(json!(null)), "Tiệm Bánh").is_some());
    assert!(link_ticket(&ticket(json!("Other")), "Tiệm Bánh").is_some());
    assert_eq!(link_ticket(&ticket(json!("Tiệm Bánh")), "Tiệm Bánh"), None);
}

#[test]
fn a_new_customer_is_named_by_title_and_id() {
    let long = "Cửa hàng ".repeat(30);
    for (title, orgid, expected) in [
        ("Tiệm Bánh", "1000071001", "Tiệm Bánh - 1000071001"),
        (
            "Tiệm Bánh - 1000071001",
            "1000071001",
            "Tiệm Bánh - 1000071001",
        ),
        (
            "Tiệm Bánh 1000071001",
            "1000071001",
            "Tiệm Bánh - 1000071001",
        ),
        ("", "1000071001", "1000071001"),
        ("1000071001", "1000071001", "1000071001"),
        ("A <b> & C", "1000071001", "A  b  & C - 1000071001"),
    ] {
        assert_eq!(customer_name(Some(title), orgid), expected, "{title}");
    }
    let name = customer_name(Some(&long), "1000071001");
    assert_eq!(name.chars().count(), 140);
    assert!(name.ends_with(" - 1000071001"));
}

#[test]
fn a_new_customer_gets_the_ids_that_fit() {
    let site = Site::complete();
    let made = |orgid: &str| match ensure_customer(orgid, &company(&shop()), &site.knowing()) {
        Write::EnsureCustomer {
            fields,
            bitrix_company_id,
            ..
        } => {
            assert_eq!(bitrix_company_id.as_deref(), Some("101"));
            Value::Object(fields)
        }
        other => panic!("{other:?}"),
    };
    let expected = json!({"customer_name": "Tiệm Bánh - 1000071001", "custom_haravan_orgid": 1_000_071_001,
        "custom_myharavan": "1000071001.myharavan.com", "domain": "1000071001.myharavan.com",
        "custom_bitrix_company_id": "101"});
    assert_eq!(made("1000071001"), expected);
    let beyond_32_bits = made("200000317001");
    assert_eq!(beyond_32_bits.get("custom_haravan_orgid"), None);
    assert_eq!(beyond_32_bits["custom_haravan_company_id"], "200000317001");
    assert_eq!(beyond_32_bits["domain"], "200000317001.myharavan.com");
    let by_domain = made("banh.example");
    assert_eq!(by_domain.get("custom_haravan_orgid"), None);
    assert_eq!(by_domain["custom_myharavan"], "banh.example");
}

#[test]
fn one_occasion_writes_once_and_one_target_keeps_its_order() {
    let update = |fields: Value| Write::UpdateDocument {
        doctype: "HD Ticket".to_owned(),
        name: "0001".to_owned(),
        fields: fields.as_object().unwrap().clone(),
    };
    let (one, other) = (update(json!({"a": 1})), update(json!({"a": 2})));
    let effect = one.effect("helpdesk", "1");
    assert_eq!(
        effect.idempotency_key,
        one.effect("helpdesk", "1").idempotency_key
    );
    assert_ne!(
        effect.idempotency_key,
        one.effect("helpdesk", "2").idempotency_key
    );
    assert_eq!(
        effect.ordering_key,
        other.effect("helpdesk", "2").ordering_key
    );
    assert_ne!(effect.ordering_key, one.effect("second", "1").ordering_key);
    let read: Write = serde_json::from_value(effect.payload).unwrap();
    assert_eq!(read, one);
    assert!(Write::KINDS.contains(&effect.kind.as_str()));
}

#[test]
fn values_take_the_form_of_their_field() {
    use FieldKind::{Date, Datetime, Decimal, Int, Line, Text};
    let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
    let day = || FieldValue::Day(civil::date(2027, 1, 20), "20/01/2027".to_owned());
    let time = || FieldValue::Time(NOW.parse().unwrap());
    let number = |digits: &str| FieldValue::Number(digits.to_owned());
    for (value, kind, expected) in [
        (day(), Date, Some(json!("2027-01-20"))),
        (day(), Datetime, Some(json!("2027-01-20"))),
        (day(), Text, Some(json!("20/01/2027"))),
        (day(), Int, None),
        (time(), Datetime, Some(json!(NOW_THERE))),
        (time(), Date, Some(json!("2026-11-20"))),
        (time(), Decimal, None),
        (number("95"), Decimal, Some(json!(95.0))),
        (number("95"), Int, Some(json!(95))),
        (number("95"), Text, Some(json!("95"))),
        (number("2147483648"), Int, None),
        (number("95"), Datetime, None),
        (day(), Line, Some(json!("20/01/2027"))),
        (
            FieldValue::Text("ệ".repeat(140)),
            Line,
            Some(json!("ệ".repeat(140))),
        ),
        (
            FieldValue::Text("ệ".repeat(141)),
            Line,
            Some(json!(format!("{}…", "ệ".repeat(139)))),
        ),
        (
            FieldValue::Text("ệ".repeat(141)),
            Text,
            Some(json!("ệ".repeat(141))),
        ),
        (FieldValue::Text("SME".to_owned()), Int, None),
        (FieldValue::Text("SME".to_owned()), Decimal, None),
    ] {
        let types = FieldTypes::from_iter([("field", kind)]);
        let encoded = fields::encode(vec![("field", value.clone())], &types, &zone);
        assert_eq!(
            encoded.get("field"),
            expected.as_ref(),
            "{value:?} in {kind:?}"
        );
    }
}
