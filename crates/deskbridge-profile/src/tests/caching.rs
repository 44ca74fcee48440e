//! What is remembered, for how long, and how often Bitrix24 is asked.

use deskbridge_identity::Country;

use super::*;
use crate::case::Cases;

#[tokio::test]
async fn a_cold_profile_costs_two_requests_and_one_when_the_user_is_known() {
    let bench = Bench::new().await;
    bench.profile("0001").await;
    assert_eq!(bench.portal_requests(), 2, "one batch, one user.get");
    bench.profile("0003").await;
    assert_eq!(bench.portal_requests(), 3, "the same user is responsible");
    let methods: Vec<String> = bench
        .portal
        .portal
        .journal()
        .into_iter()
        .map(|entry| entry.method)
        .collect();
    assert_eq!(methods, ["batch", "user.get", "batch"]);
}

#[tokio::test]
async fn a_match_is_fresh_for_its_time_and_then_asked_anew() {
    let bench = Bench::new().await;
    let first = bench.profile("0001").await;
    assert_eq!(
        (first.told().as_str(), &first.bitrix()["cached"]),
        ("matched", &json!(false))
    );
    bench.advance(3_599);
    let second = bench.profile("0001").await;
    assert_eq!(
        (second.told().as_str(), &second.bitrix()["cached"]),
        ("cached", &json!(true))
    );
    assert_eq!(second.bitrix()["age_seconds"], 3_599);
    assert_eq!(second.company_name(), first.company_name());
    bench.advance(1);
    assert_eq!(bench.profile("0001").await.told(), "matched");
}

#[tokio::test]
async fn not_found_is_remembered_for_a_shorter_time() {
    let bench = Bench::new().await;
    assert_eq!(bench.profile("0007").await.bitrix()["cached"], false);
    let asked = bench.portal_requests();
    bench.advance(299);
    let again = bench.profile("0007").await;
    assert_eq!(
        (again.told().as_str(), &again.bitrix()["cached"]),
        ("not_found", &json!(true))
    );
    assert_eq!(bench.portal_requests(), asked);
    bench.advance(1);
    bench.profile("0007").await;
    assert!(bench.portal_requests() > asked);
}

#[tokio::test]
async fn refresh_asks_anew_and_the_answer_is_remembered() {
    let bench = Bench::new().await;
    bench.profile("0001").await;
    let asked = bench.portal_requests();
    bench.advance(10);
    let refreshed = bench.refreshed("0001").await;
    assert_eq!(
        (
            refreshed.told().as_str(),
            &refreshed.bitrix()["age_seconds"]
        ),
        ("matched", &json!(0))
    );
    assert_eq!(
        bench.portal_requests(),
        asked + 2,
        "the user is asked for anew too"
    );
    bench.advance(3_595);
    assert_eq!(bench.profile("0001").await.told(), "cached");
}

#[tokio::test]
async fn the_cache_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let bench = Bench::over(Setup::default(), Store::open(&path).unwrap()).await;
    let first = bench.profile("0001").await;
    let (asked, source) = (bench.portal_requests(), bench.webhook.clone());
    let raw = RawSettings {
        enabled: true,
        webhook_url: Some(Secret::new(source)),
        portal_url: Some("https://portal.example/".to_owned()),
        ..RawSettings::default()
    };
    let store = Store::open(&path).unwrap();
    let (router, ..) = Bench::wire(Local::default(), Source::File(raw), store, &bench.site).await;
    let bench = Bench { router, ..bench };
    let second = bench.profile("0001").await;
    assert_eq!(second.told(), "cached");
    assert_eq!(second.bitrix()["company"], first.bitrix()["company"]);
    assert_eq!(
        second.bitrix()["responsible"],
        first.bitrix()["responsible"]
    );
    assert_eq!(bench.portal_requests(), asked);
}

#[tokio::test]
async fn a_second_webhook_is_used_as_soon_as_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let without = Setup::settings(|raw| raw.responsible_webhook_url = None);
    let bench = Bench::over(without, Store::open(&path).unwrap()).await;
    let status = |answer: &Answer| answer.bitrix()["responsible"]["status"].clone();
    assert_eq!(status(&bench.profile("0001").await), "missing_config");
    let again = bench.profile("0001").await;
    assert_eq!(
        (again.told().as_str(), status(&again)),
        ("cached", json!("missing_config"))
    );
    let base = bench.portal.http_url.clone().unwrap();
    let users = format!("{base}/rest/57/{}/", portal_simulator::RESPONSIBLE_SECRET);
    let raw = RawSettings {
        enabled: true,
        webhook_url: Some(Secret::new(bench.webhook.as_str())),
        responsible_webhook_url: Some(Secret::new(users)),
        ..RawSettings::default()
    };
    let store = Store::open(&path).unwrap();
    let (router, ..) = Bench::wire(Local::default(), Source::File(raw), store, &bench.site).await;
    let bench = Bench { router, ..bench };
    let now = bench.profile("0001").await;
    assert_eq!(
        (now.told().as_str(), status(&now)),
        ("matched", json!("active"))
    );
    let asked = bench.portal_requests();
    let later = bench.profile("0001").await;
    assert_eq!(
        (later.told().as_str(), status(&later)),
        ("cached", json!("active"))
    );
    assert_eq!(bench.portal_requests(), asked);
}

#[tokio::test]
async fn equal_questions_at_the_same_time_are_asked_once() {
    let bench = Bench::new().await;
    let all = futures_util::future::join_all((0..20).map(|_| bench.profile("0001"))).await;
    assert!(
        all.iter()
            .all(|answer| answer.told() == "matched" || answer.told() == "cached")
    );
    assert_eq!(bench.portal_requests(), 2);
}

#[tokio::test]
async fn many_cold_profiles_at_once_share_their_requests() {
    let setup = Setup::helpdesk(|mut data| {
        for number in 0..120 {
            document(
                &mut data,
                &json!({
                    "doctype": "HD Ticket", "name": format!("{:04}", 1000 + number), "subject": "x",
                    "custom_orgid": format!("{}", 200_000_410_007_u64 + 1_013 * (number % 38)),
                    "raised_by": "", "status": "Open", "status_category": "Open",
                }),
            );
        }
        data
    });
    let bench = Bench::with(setup).await;
    let tickets: Vec<String> = (1000..1120).map(|number| format!("{number}")).collect();
    let asked = tickets.iter().map(|ticket| bench.profile(ticket));
    let answers = futures_util::future::join_all(asked).await;
    for answer in &answers {
        assert!(
            ["matched", "cached"].contains(&answer.told().as_str()),
            "{}",
            answer.body
        );
    }
    let counts = bench.portal.portal.counts();
    assert_eq!(counts.query_limit_refusals, 0);
    assert!(counts.requests < 30, "{counts:?}");
}

#[tokio::test]
async fn two_tickets_of_one_customer_share_what_is_remembered() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        let customer = json!({
            "doctype": "HD Ticket", "name": "0500", "subject": "x", "status": "Open",
            "status_category": "Open", "raised_by": "bao@gomdoithong.example",
            "customer": "Gốm Sứ Đồi Thông", "contact": "Trần Quốc Bảo-Gốm Sứ Đồi Thông",
        });
        document(&mut data, &customer);
        data
    }))
    .await;
    assert_eq!(bench.profile("0002").await.told(), "matched");
    assert_eq!(bench.profile("0500").await.told(), "cached");
}

#[tokio::test]
async fn of_a_ticket_only_what_is_used_stays_in_memory() {
    let bench = Bench::with(Setup::helpdesk(|mut data| {
        let picture = format!(
            "<img src=\"data:image/png;base64,{}\">",
            "A".repeat(1_000_000)
        );
        for (doctype, name, field) in [
            ("HD Ticket", "0001", "description"),
            ("HD Customer", "Tiệm Bánh Mây Trắng", "image"),
            (
                "Contact",
                "Nguyễn Thị Hồng Nhung-Tiệm Bánh Mây Trắng",
                "image",
            ),
        ] {
            change(&mut data, doctype, name, &json!({ field: picture }));
        }
        data
    }))
    .await;
    let whole = bench.document("HD Ticket", "0001").to_string();
    assert!(whole.len() > 1_000_000, "the ticket is large");
    let client = frappe::Site::new(&bench.site.url, frappe::Options::default()).unwrap();
    let hub = client.user(frappe::Credential::token("hub-key", "hub-secret").unwrap());
    let case = Cases::new(hub, Country::default(), Arc::default())
        .of_ticket("0001")
        .await
        .unwrap();
    assert!(case.ticket.is_some() && case.customer.is_some() && case.contact.is_some());
    let kept = format!("{case:?}");
    assert!(kept.len() < 10_000, "{}", kept.len());
}

#[tokio::test]
async fn what_the_helpdesk_says_is_asked_again_after_seconds() {
    let bench = Bench::new().await;
    bench.profile("0001").await;
    let subject = |answer: &Answer| {
        answer.data()["ticket"]["subject"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = subject(&bench.profile("0001").await);
    let hub = frappe::Site::new(&bench.site.url, frappe::Options::default()).unwrap();
    let hub = hub.user(frappe::Credential::token("hub-key", "hub-secret").unwrap());
    let changed = frappe::Document::new().with("subject", "Đã sửa");
    hub.update("HD Ticket", &"0001".into(), &changed)
        .await
        .into_result()
        .unwrap();
    assert_eq!(subject(&bench.profile("0001").await), before);
    assert_eq!(
        subject(&bench.refreshed("0001").await),
        "Đã sửa",
        "refresh asks at once"
    );
    bench.advance(6);
    assert_eq!(subject(&bench.profile("0001").await), "Đã sửa");
}
