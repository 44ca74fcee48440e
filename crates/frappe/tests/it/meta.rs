//! What a site has, as it goes over the wire.

use frappe::{Cause, TicketNames, Version};
use serde_json::json;

use crate::scripted::{Remote, json};

#[tokio::test]
async fn a_doctype_is_described() {
    let fields = json!([{"fieldname": "custom_orgid", "fieldtype": "Data"}]);
    let remote = Remote::start([
        json(
            200,
            &json!({"data": {"name": "HD Customer", "fields": fields}}),
        ),
        json(404, &json!({"errors": [{"type": "DoesNotExistError"}]})),
        json(200, &json!({"data": "ok"})),
    ])
    .await;
    let client = remote.client();
    let meta = client.meta("HD Customer").await.unwrap();
    assert!(meta.has_field("custom_orgid") && !meta.has_field("contacts"));
    let error = client.meta("Nope").await.unwrap_err();
    assert!(matches!(error.cause, Cause::MissingDocType));
    assert!(client.meta("Other").await.is_err());
    assert_eq!(
        remote.requests()[0].path(),
        "/api/v2/doctype/HD%20Customer/meta"
    );
}

#[tokio::test]
async fn versions_are_those_of_the_apps() {
    let apps = json!({
        "frappe": {"title": "Frappe Framework", "version": "15.50.0"},
        "helpdesk": {"version": "1.25.1"},
        "odd": {},
    });
    let remote = Remote::start([json(200, &json!({"message": apps}))]).await;
    let versions = remote.client().versions().await.unwrap();
    assert_eq!(versions.of("frappe"), Version::parse("15.50.0"));
    assert!(versions.of("helpdesk") >= Version::parse("1.25"));
    assert_eq!(versions.text("odd"), Some(""));
    assert_eq!(versions.of("odd"), None);
    assert_eq!(versions.of("erpnext"), None);
    assert_eq!(versions.iter().count(), 3);
}

#[tokio::test]
async fn ticket_names_are_seen_by_their_type() {
    let tickets = [
        (json!([{"name": 41}]), Some(TicketNames::Integers)),
        (json!([{"name": "0041"}]), Some(TicketNames::Texts)),
        (json!([]), None),
    ];
    let replies = tickets
        .iter()
        .map(|(rows, _)| json(200, &json!({"data": rows})));
    let remote = Remote::start(replies).await;
    for (_, expected) in &tickets {
        assert_eq!(remote.client().ticket_names().await.unwrap(), *expected);
    }
}

#[tokio::test]
async fn the_sites_zone_is_known_or_an_error() {
    let zone = |name: &str| json(200, &json!({"message": {"time_zone": name}}));
    let remote = Remote::start([zone("Asia/Ho_Chi_Minh"), zone("Nowhere/Nothing")]).await;
    let client = remote.client();
    let known = client.time_zone().await.unwrap();
    assert_eq!(known.iana_name(), Some("Asia/Ho_Chi_Minh"));
    assert!(client.time_zone().await.is_err());
}
