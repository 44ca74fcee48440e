//! What the helpdesk is told, and that the agent does not wait for it.

use deskbridge_store::EffectState;

use super::*;

const CUSTOMER: &str = "Tiệm Bánh Mây Trắng";
const CONTACT: &str = "Nguyễn Thị Hồng Nhung-Tiệm Bánh Mây Trắng";

async fn kinds(bench: &Bench) -> Vec<String> {
    let effects = bench.effects().await;
    let mut told: Vec<String> = effects
        .iter()
        .map(|record| {
            let key = record.effect.intent.ordering_key.as_str();
            format!("{} {key}", record.effect.intent.kind)
        })
        .collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn a_live_answer_brings_ticket_customer_and_contact_up_to_date() {
    let bench = Bench::new().await;
    bench.profile("0001").await;
    bench.settle(5).await;
    let expected = [
        format!("frappe.save_snapshot helpdesk/HD Customer Data/{CUSTOMER}/company/101"),
        format!("frappe.save_snapshot helpdesk/HD Customer Data/{CUSTOMER}/contact/301"),
        format!("frappe.update_document helpdesk/Contact/{CONTACT}"),
        format!("frappe.update_document helpdesk/HD Customer/{CUSTOMER}"),
        "frappe.update_document helpdesk/HD Ticket/0001".to_owned(),
    ];
    assert_eq!(kinds(&bench).await, expected);
    let states = bench.effects().await;
    let failed: Vec<_> = states
        .iter()
        .filter(|record| record.state != EffectState::Done)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(
        bench.document("HD Ticket", "0001")["custom_responsible"],
        "thao.luong@crm.example"
    );
    let customer = bench.document("HD Customer", CUSTOMER);
    assert_eq!(customer["custom_bitrix_company_id"], "101");
    assert_eq!(customer["custom_bitrix_sync_status"], "matched");
    assert_eq!(
        customer["custom_bitrix_last_checked_at"],
        "2026-11-20 10:00:00"
    );
    let contact = bench.document("Contact", CONTACT);
    assert_eq!(contact["custom_bitrix_contact_id"].as_str().unwrap(), "301");
    let snapshot = bench.document("HD Customer Data", "BTRX-company-101");
    assert_eq!(snapshot["hd_customer"], CUSTOMER);
    assert_eq!(snapshot["match_key"], "haravan_orgid:UF_CRM_HARAVAN_ORG_ID");
    let summary: Value = serde_json::from_str(snapshot["summary_json"].as_str().unwrap()).unwrap();
    assert_eq!(summary["UF_CRM_COMPANY_ID"], "1000071001");
}

#[tokio::test]
async fn a_company_found_by_an_id_of_another_shop_is_not_written_into_the_customer() {
    const OTHER: &str = "Gốm Sứ Đồi Thông";
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        change(
            &mut data,
            "HD Ticket",
            "0002",
            &json!({"custom_haravan_profile_orgid": "200000410007"}),
        );
        data
    }))
    .await;
    let before = bench.document("HD Customer", OTHER);
    let answer = bench.profile("0002").await;
    assert_eq!(answer.bitrix()["lookup_value"], "200000410007");
    // The contact and who is responsible for the ticket are written all the same.
    bench.settle(1).await;
    let written = kinds(&bench).await;
    assert!(
        written.iter().all(|write| !write.contains("HD Customer/")),
        "{written:?}"
    );
    assert_eq!(bench.document("HD Customer", OTHER), before);
}

#[tokio::test]
async fn what_could_not_be_recorded_is_made_up_for_by_the_next_answer() {
    let bench = Bench::new().await;
    bench.site_faults(
        &json!([{"when": "GET /api/v2/doctype/*", "answer": {"preset": "maintenance"}}]),
    );
    assert_eq!(bench.profile("0001").await.told(), "matched");
    assert_eq!(bench.effects().await.len(), 0);
    bench.site_faults(&json!([]));
    bench.advance(60);
    testkit::wait_for("the writes to be recorded", async || {
        assert_eq!(bench.profile("0001").await.told(), "cached");
        (bench.effects().await.len() == 5).then_some(())
    })
    .await;
    bench.settle(5).await;
    // The check took place when Bitrix24 was asked.
    let customer = bench.document("HD Customer", CUSTOMER);
    assert_eq!(customer["custom_bitrix_company_id"], "101");
    assert_eq!(
        customer["custom_bitrix_last_checked_at"],
        "2026-11-20 10:00:00"
    );
}

#[tokio::test]
async fn an_unchanged_company_writes_the_time_of_the_check_and_nothing_else() {
    let bench = Bench::new().await;
    bench.profile("0001").await;
    bench.settle(5).await;
    bench.advance(60);
    let before = bench.document("HD Customer", CUSTOMER);
    bench.refreshed("0001").await;
    bench.settle(6).await;
    let effects = bench.effects().await;
    assert_eq!(effects.len(), 6, "{effects:#?}");
    let fields = &effects[5].effect.intent.payload["fields"];
    assert_eq!(
        fields,
        &json!({"custom_bitrix_last_checked_at": "2026-11-20 10:01:00.000000"})
    );
    let after = bench.document("HD Customer", CUSTOMER);
    assert_eq!(
        after["custom_bitrix_last_synced_at"],
        before["custom_bitrix_last_synced_at"]
    );
    assert_eq!(
        after["custom_bitrix_last_checked_at"],
        "2026-11-20 10:01:00"
    );
}

#[tokio::test]
async fn a_cached_answer_still_tells_another_ticket_who_is_responsible() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        document(
            &mut data,
            &json!({
                "doctype": "HD Ticket", "name": "0500", "subject": "x", "status": "Open",
                "status_category": "Open", "raised_by": "bao@gomdoithong.example",
                "customer": "Gốm Sứ Đồi Thông", "contact": "Trần Quốc Bảo-Gốm Sứ Đồi Thông",
            }),
        );
        data
    }))
    .await;
    bench.profile("0002").await;
    bench.settle(5).await;
    assert_eq!(bench.profile("0500").await.told(), "cached");
    bench.settle(6).await;
    assert_eq!(
        bench.document("HD Ticket", "0500")["custom_responsible"],
        "khoi.do@crm.example"
    );
    bench.profile("0500").await;
    bench.advance(6);
    bench.profile("0500").await;
    assert_eq!(
        bench.effects().await.len(),
        6,
        "what stands there is not written again"
    );
}

#[tokio::test]
async fn an_inactive_user_is_not_written() {
    let bench = Bench::new().await;
    bench.profile("0010").await;
    bench.settle(4).await;
    assert_eq!(
        bench
            .document("HD Ticket", "0010")
            .get("custom_responsible")
            .cloned()
            .unwrap_or_default(),
        Value::Null
    );
}

#[tokio::test]
async fn not_found_is_noted_at_the_customer() {
    let bench = Bench::new().await;
    bench.profile("0007").await;
    bench.settle(1).await;
    let customer = bench.document("HD Customer", "Mỹ Phẩm Hoa Ngâu - 1000079999");
    assert_eq!(
        customer["custom_bitrix_not_found_at"], "2026-11-20 10:00:00",
        "{customer}"
    );
}

#[tokio::test]
async fn fields_and_doctypes_that_the_site_lacks_are_left_out() {
    let bench = Bench::with(Setup::helpdesk(|data| {
        data.without_field("HD Ticket", "custom_responsible")
            .without_field("HD Customer", "custom_bitrix_company_url")
            .without_doctype("HD Customer Data")
            .without_doctype("Haravan Account Link")
    }))
    .await;
    let answer = bench.profile("0001").await;
    assert_eq!(
        (answer.told().as_str(), &answer.data()["haravan"]),
        ("matched", &json!([]))
    );
    bench.settle(2).await;
    let told = kinds(&bench).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        bench.document("HD Customer", CUSTOMER)["custom_bitrix_company_id"],
        "101"
    );
}

#[tokio::test]
async fn the_agent_does_not_wait_for_the_helpdesk_to_take_the_writes() {
    let bench = Bench::new().await;
    bench.site_faults(&json!([
        {"when": "PUT *", "times": 3, "answer": {"preset": "deadlock"}},
        {"when": "PUT *", "times": 1, "execute": true, "answer": "hang_up"},
    ]));
    assert_eq!(bench.profile("0001").await.told(), "matched");
    bench.settle(5).await;
    for _ in 0..10 {
        bench.advance(60);
        bench.journal.drain().await.unwrap();
    }
    let effects = bench.effects().await;
    assert!(
        effects
            .iter()
            .all(|record| record.state == EffectState::Done),
        "{effects:#?}"
    );
    assert!(effects.iter().any(|record| record.effect.attempts > 1));
    assert_eq!(
        bench.document("HD Ticket", "0001")["custom_responsible"],
        "thao.luong@crm.example"
    );
    assert_eq!(bench.site.site.count("HD Customer Data"), 2);
}

#[tokio::test]
async fn a_write_that_the_helpdesk_refuses_is_kept_for_a_person_to_see() {
    let bench = Bench::new().await;
    bench.site_faults(
        &json!([{"when": "PUT /api/resource/HD Ticket/0001", "answer": {"preset": "forbidden"}}]),
    );
    bench.profile("0001").await;
    bench.settle(5).await;
    let effects = bench.effects().await;
    let dead: Vec<_> = effects
        .iter()
        .filter(|record| record.state == EffectState::Dead)
        .collect();
    assert_eq!(dead.len(), 1);
    let why = dead[0].failure.as_deref().unwrap();
    assert!(
        why.contains("HD Ticket") && why.contains("no right"),
        "{why}"
    );
}
