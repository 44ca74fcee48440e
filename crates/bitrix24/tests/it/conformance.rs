//! The list that every public client runs against the simulated portal, run by this one.

use std::{collections::BTreeMap, time::Duration};

use bitrix24::{Call, Client, Error, Fault, Id, Limit, Limits, Options, Row};
use futures_util::{TryStreamExt as _, future::join_all};
use serde_json::json;
use simulators::{
    bitrix24::{self as simulator, Ids},
    clock::Clock,
};

use crate::{client, path_with_scope};

const LIST: &str = include_str!("../../../simulators/peers/conformance.json");

/// The portal's limits are off, but where they are what is looked at.
fn unlimited() -> Options {
    Options {
        limits: Limits {
            capacity: 10_000,
            per_second: 10_000,
        },
        ..Options::default()
    }
}

struct Peer {
    portal: simulator::Running,
    client: Client,
    companies: Vec<BTreeMap<String, String>>,
}

async fn peer() -> Peer {
    let clock = Clock::system();
    let sample = simulator::sample(clock.now());
    let data = simulator::Data {
        webhooks: sample.webhooks,
        users: sample.users,
        ..simulator::generated(2_537, Ids::Sparse, 1, clock.now())
    };
    let portal = simulator::start(simulator::Options {
        limits: simulator::Limits::off(),
        clock,
        data,
        ..simulator::Options::default()
    })
    .await
    .unwrap();
    let data = serde_json::to_value(portal.portal.data()).unwrap();
    let companies = data["companies"].as_array().unwrap().iter();
    let companies = companies.map(|company| {
        let fields = company.as_object().unwrap().iter();
        fields
            .filter_map(|(field, value)| Some((field.clone(), value.as_str()?.to_owned())))
            .collect()
    });
    Peer {
        client: client(&portal, &path_with_scope(&portal, "user"), &unlimited()),
        companies: companies.collect(),
        portal,
    }
}

impl Peer {
    fn known(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self
            .companies
            .iter()
            .map(|company| company["ID"].parse().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    }

    async fn get(&self, id: u64) -> Result<Row, Error> {
        let call = Call::read("crm.company.get").param("id", id);
        self.client.call(call).await?.row()
    }

    async fn find(&self, conditions: &[(&str, bitrix24::Param)]) -> Vec<u64> {
        let mut call = Call::read("crm.company.list").select(["ID", "TITLE", "ORIGIN_ID"]);
        for (condition, value) in conditions {
            call = call.filter(condition, value.clone());
        }
        let mut rows = Vec::new();
        let mut start = Some(0);
        while let Some(from) = start {
            let answer = self.client.call(call.clone().start(from)).await.unwrap();
            rows.extend(answer.rows().unwrap());
            start = answer.next();
        }
        let mut found = ids(&rows, "ID");
        found.sort_unstable();
        found
    }
}

fn ids(rows: &[Row], field: &str) -> Vec<u64> {
    rows.iter()
        .map(|row| row.id(field).unwrap().get())
        .collect()
}

async fn paging(peer: &Peer) {
    let listed = |method: &str| peer.client.list(method).select(["ID", "TITLE"]);
    let rows: Vec<Row> = listed("crm.company.list")
        .export()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(ids(&rows, "ID"), peer.known());
    let rows: Vec<Row> = listed("crm.company.list")
        .by_id()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(ids(&rows, "ID"), peer.known());
}

async fn get(peer: &Peer) {
    let wanted = &peer.companies[7];
    let got = peer.get(wanted["ID"].parse().unwrap()).await.unwrap();
    for (field, value) in wanted.iter().filter(|(_, value)| !value.is_empty()) {
        assert_eq!(got.text(field).as_deref(), Some(value.as_str()), "{field}");
    }
}

async fn batch_by_ids(peer: &Peer) {
    let wanted = &peer.known()[..120];
    let before = peer.portal.portal.counts().requests;
    let got = join_all(wanted.iter().map(|id| peer.get(*id))).await;
    let found: Vec<u64> = got
        .into_iter()
        .map(|row| row.unwrap().id("ID").unwrap().get())
        .collect();
    assert_eq!(found, wanted);
    let requests = peer.portal.portal.counts().requests - before;
    assert!(requests < 60, "{requests} requests are no batches");
}

async fn filter_equality(peer: &Peer) {
    let wanted = &peer.companies[1_234];
    let company_id = wanted["UF_CRM_COMPANY_ID"].as_str();
    let found = peer
        .find(&[("=UF_CRM_COMPANY_ID", company_id.into())])
        .await;
    assert_eq!(found, [wanted["ID"].parse::<u64>().unwrap()]);
}

async fn filter_in(peer: &Peer) {
    let wanted: Vec<u64> = peer.known()[10..75].iter().copied().step_by(5).collect();
    assert_eq!(peer.find(&[("@ID", wanted.clone().into())]).await, wanted);
}

async fn filter_comparison(peer: &Peer) {
    let known = peer.known();
    let conditions = [(">=ID", known[100].into()), ("<=ID", known[260].into())];
    assert_eq!(peer.find(&conditions).await, known[100..=260]);
}

async fn filter_contains(peer: &Peer) {
    let contain = peer
        .companies
        .iter()
        .filter(|company| company["TITLE"].contains("hàng 77 "));
    let mut wanted: Vec<u64> = contain
        .map(|company| company["ID"].parse().unwrap())
        .collect();
    wanted.sort_unstable();
    assert!(!wanted.is_empty());
    assert_eq!(peer.find(&[("%TITLE", "hàng 77 ".into())]).await, wanted);
}

async fn write(peer: &Peer) {
    let add = Call::write("crm.company.add").param(
        "fields",
        json!({"TITLE": "Tiệm & Bạn", "ORIGIN_ID": "peer"}),
    );
    let made = peer.client.call(add).await.unwrap();
    let made: u64 = made.scalar().unwrap().parse().unwrap();
    let update = Call::write("crm.company.update")
        .param("id", made)
        .param("fields", json!({"ORIGIN_ID": "100% sure"}));
    peer.client.call(update).await.unwrap();
    assert_eq!(
        peer.find(&[("=ORIGIN_ID", "100% sure".into())]).await,
        [made]
    );
    let company = peer.get(made).await.unwrap();
    assert_eq!(company.text("TITLE").as_deref(), Some("Tiệm & Bạn"));
    let delete = Call::write("crm.company.delete").param("id", made);
    peer.client.call(delete).await.unwrap();
    assert!(matches!(peer.get(made).await, Err(Error::NotFound { .. })));
}

async fn items(peer: &Peer) {
    let list = peer
        .client
        .list("crm.item.list")
        .param("entityTypeId", 4_u64);
    let rows: Vec<Row> = list
        .select(["id", "title"])
        .export()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(ids(&rows, "id"), peer.known());
}

async fn users(peer: &Peer) {
    let user = peer
        .client
        .user_get(Id::new(338).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.flag("ACTIVE"), Some(true));
    assert!(user.text("EMAIL").is_some());
}

async fn not_found(peer: &Peer) {
    let error = peer
        .get(peer.known().last().unwrap() + 1_000)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

async fn bad_method(peer: &Peer) {
    let call = Call::read("crm.company.frobnicate");
    let error = peer.client.call(call).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Configuration {
                fault: Fault::Method,
                ..
            }
        ),
        "{error}"
    );
}

async fn wrong_secret(peer: &Peer) {
    let other = client(&peer.portal, "/rest/1/guessed0secret/", &Options::default());
    let call = Call::read("crm.company.get").param("id", 1_u64);
    let error = other.call(call).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Configuration {
                fault: Fault::Credentials,
                ..
            }
        ),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("guessed0secret"));
}

async fn insufficient_scope(peer: &Peer) {
    let path = path_with_scope(&peer.portal, "user_basic");
    let other = client(&peer.portal, &path, &Options::default());
    let call = Call::read("crm.company.get").param("id", 1_u64);
    let error = other.call(call).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Configuration {
                fault: Fault::Scope { .. },
                ..
            }
        ),
        "{error}"
    );
}

/// A client that expects a larger bucket than the portal has: it is refused, and waits as long as it takes.
async fn request_limit(peer: &Peer) {
    let portal = &peer.portal.portal;
    let mut limits = simulator::Limits::off();
    limits.requests = Some(simulator::RequestLimit {
        burst: 10,
        per_second: 10.0,
        ..simulator::RequestLimit::default()
    });
    portal.set_limits(limits);
    let options = Options {
        limits: Limits {
            capacity: 50,
            per_second: 10,
        },
        deadline: Duration::from_secs(30),
        ..Options::default()
    };
    let path = path_with_scope(&peer.portal, "user");
    let hasty = client(&peer.portal, &path, &options);
    let before = portal.counts().query_limit_refusals;
    for id in &peer.known()[..25] {
        let call = Call::read("crm.company.get").param("id", *id);
        let row = hasty.call(call).await.unwrap().row().unwrap();
        assert_eq!(row.id("ID").unwrap().get(), *id);
    }
    assert!(portal.counts().query_limit_refusals > before);
    portal.set_limits(simulator::Limits::off());
}

async fn operating_limit(peer: &Peer) {
    let portal = &peer.portal.portal;
    let mut limits = simulator::Limits::off();
    limits.operating = Some(simulator::OperatingLimit {
        limit_seconds: 1.0,
        cost_ms: BTreeMap::from([("crm.company.get".to_owned(), 600.0)]),
        ..simulator::OperatingLimit::default()
    });
    portal.set_limits(limits);
    let path = path_with_scope(&peer.portal, "user");
    let other = client(&peer.portal, &path, &Options::default());
    let get = |id: u64| other.call(Call::read("crm.company.get").param("id", id));
    let known = peer.known();
    get(known[0]).await.unwrap();
    get(known[1]).await.unwrap();
    let error = get(known[2]).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Overload {
                limit: Limit::OperatingTime { .. },
                ..
            }
        ),
        "{error}"
    );
    other.company_fields().await.unwrap();
    let asked = portal.counts().requests;
    let again = get(known[3]).await.unwrap_err();
    assert!(matches!(again, Error::Overload { .. }), "{again}");
    assert_eq!(portal.counts().requests, asked, "the method is parked here");
    portal.set_limits(simulator::Limits::off());
}

#[tokio::test]
async fn this_client_passes_the_list_of_the_public_clients() {
    let list: Vec<(String, String)> = serde_json::from_str(LIST).unwrap();
    let peer = peer().await;
    for (name, _) in &list {
        match name.as_str() {
            "paging" => paging(&peer).await,
            "get" => get(&peer).await,
            "batch_by_ids" => batch_by_ids(&peer).await,
            "filter_equality" => filter_equality(&peer).await,
            "filter_in" => filter_in(&peer).await,
            "filter_comparison" => filter_comparison(&peer).await,
            "filter_contains" => filter_contains(&peer).await,
            "write" => write(&peer).await,
            "items" => items(&peer).await,
            "users" => users(&peer).await,
            "not_found" => not_found(&peer).await,
            "bad_method" => bad_method(&peer).await,
            "wrong_secret" => wrong_secret(&peer).await,
            "insufficient_scope" => insufficient_scope(&peer).await,
            "request_limit" => request_limit(&peer).await,
            "operating_limit" => operating_limit(&peer).await,
            other => panic!("{other} is on the list and not in this test"),
        }
    }
}
