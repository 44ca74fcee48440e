use std::collections::BTreeMap;

use caresoft::{Age, age};
use deskbridge_store::EventState;
use simulators::caresoft::{Disturbance, Life, disturb, live};

use super::*;
use crate::reconcile::Meaning;

fn rounded(row: &Map<String, Value>) -> Timestamp {
    let ms = row["updated_at"].as_i64().unwrap();
    Timestamp::from_second((ms + 500).div_euclid(1000)).unwrap()
}

/// All rows of an account, with the kind of their record.
fn rows(records: &Records) -> Vec<(&'static str, u64, Timestamp)> {
    let users = records.users.iter().map(|row| ("user", row));
    let cases = [&records.tickets, &records.leads, &records.deals];
    let cases = cases.into_iter().flatten().map(|row| ("case", row));
    users
        .chain(cases)
        .map(|(object, (id, row))| (object, *id, rounded(row)))
        .collect()
}

/// How many rows are newer than what came.
fn lost(life: &Life, arriving: &[Vec<u8>]) -> u64 {
    let mut newest: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
    for body in arriving {
        let event = Event::read(body);
        let key = match event.kind() {
            Kind::TicketAssigned(assigned) => ("case".to_owned(), assigned.ticket_id().to_string()),
            _ => match event.ordering_key() {
                Some(caresoft::OrderingKey::Case(id)) => ("case".to_owned(), id.to_string()),
                Some(caresoft::OrderingKey::User(id)) => ("user".to_owned(), id.to_string()),
                _ => continue,
            },
        };
        if let Some(version) = event.version(&Zone::default()) {
            let held = newest.entry(key).or_insert(version);
            *held = version.max(*held);
        }
    }
    let is_lost = |(object, id, updated_at): &(&str, u64, Timestamp)| {
        let held = newest.get(&((*object).to_owned(), id.to_string()));
        held.is_none_or(|held| age(*updated_at, *held) == Age::Newer)
    };
    rows(&life.outcome)
        .iter()
        .filter(|row| is_lost(row))
        .count() as u64
}

async fn what_is_lost_is_found(times: TimeForm, meaning: Meaning, seed: u64) {
    let life = live(seed, 150, start_at());
    let disturbance = Disturbance {
        duplicates: 0.1,
        late_by_max: 5,
        losses: 0.05,
    };
    let arriving = disturb(seed, &life.webhooks, disturbance);
    let newest = rows(&life.outcome)
        .iter()
        .map(|(.., at)| *at)
        .max()
        .unwrap();
    let now = newest + SignedDuration::from_secs(90);
    let mut hub = Hub::new(times, life.outcome.clone(), now).await;
    hub.settings.since = Some(start_at());
    for body in &arriving {
        hub.webhook(body).await;
    }
    hub.plan().await;
    let lost = lost(&life, &arriving);
    assert!(lost > 3, "seed {seed} loses {lost}");
    let round = hub.round().await;
    assert_eq!(
        (round.missed, round.again),
        (lost, Again::AsUsual),
        "seed {seed}"
    );
    let status = hub.status().await;
    assert_eq!(status.times.meaning, meaning, "{}", status.times);
    let last_day: u64 = status
        .objects
        .iter()
        .map(|object| object.missed_last_day)
        .sum();
    assert_eq!((hub.missed().await, last_day), (lost, lost));
    // Not planned yet: read again, they are the same.
    hub.pass(30);
    assert_eq!(hub.round().await.missed, 0);
    hub.plan().await;
    for (object, id, updated_at) in rows(&life.outcome) {
        let known = hub.known(object, id).await;
        let age = known.map(|known| age(known, updated_at));
        assert!(
            matches!(age, Some(Age::Same | Age::Newer)),
            "seed {seed}: {object} {id} of {updated_at} is known as of {known:?}"
        );
    }
    hub.pass(300);
    let events = hub.polled().await;
    assert_eq!(hub.round().await.missed, 0);
    assert_eq!(hub.polled().await, events);
}

#[tokio::test]
async fn every_change_is_found_that_no_webhook_told_and_no_other() {
    for seed in 1..4 {
        what_is_lost_is_found(TimeForm::LocalWithZ, Meaning::Local, seed).await;
        what_is_lost_is_found(TimeForm::Utc, Meaning::Utc, seed).await;
    }
}

#[tokio::test]
async fn a_change_is_left_to_its_webhook_for_a_while() {
    let now = start_at() + SignedDuration::from_secs(100);
    let told = ticket(1, 500);
    let records = tickets([told.clone(), ticket(2, 70_000)]);
    let mut hub = Hub::new(TimeForm::Utc, records, now).await;
    hub.settings.since = Some(start_at());
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    assert_eq!(hub.round().await.missed, 0, "30 s old");
    hub.pass(20);
    assert_eq!(hub.round().await.missed, 0, "50 s old");
    hub.pass(20);
    assert_eq!(hub.round().await.missed, 1, "70 s old");
    let polled = hub.plan().await;
    let arrival = &polled[0].event.arrival;
    assert_eq!(
        arrival.reading.ordering_key.as_str(),
        "caresoft/main/case:2"
    );
    assert_eq!(arrival.reading.object, "ticket");
    let body: Value = serde_json::from_slice(&arrival.body).unwrap();
    assert_eq!(body["object"], "ticket");
    assert_eq!(body["row"]["updated_at"], "2026-01-05T02:31:10Z");
    assert_eq!(
        crate::reconcile::zone_of(arrival, Zone::default()).z,
        Z::Utc
    );
}

#[tokio::test]
async fn what_changed_before_anybody_listened_is_history_and_what_follows_is_not() {
    let now = start_at() + SignedDuration::from_hours(1);
    let told = ticket(3, 3_000_500);
    let hub = Hub::new(
        TimeForm::LocalWithZ,
        tickets([ticket(1, 500), ticket(2, 3_500_000), told.clone()]),
        now,
    )
    .await;
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    assert_eq!(hub.round().await.missed, 0);
    hub.pass(300);
    let changed = ticket(1, 3_700_000);
    hub.center
        .center
        .set_records(tickets([changed, ticket(2, 3_500_000), told]));
    assert_eq!(hub.round().await.missed, 1);
    hub.plan().await;
    assert!(hub.known("case", 1).await.is_some());
    assert_eq!(hub.known("case", 2).await, None);
}

/// Nothing is known of such an account but what it shows.
async fn found_without_webhooks(times: TimeForm, meaning: Meaning) {
    let now = start_at() + SignedDuration::from_hours(20);
    let hours = |hours: i64| hours * 3_600_000;
    let hub = Hub::new(times, tickets([ticket(1, hours(1))]), now).await;
    hub.round().await;
    assert_eq!(hub.status().await.times.meaning, Meaning::Unknown);
    assert_eq!(
        hub.of(Object::Tickets).await.rows_read,
        0,
        "not read before it is known"
    );
    hub.pass(300);
    let rows = [ticket(1, hours(1)), ticket(2, hours(20) + 100_000)];
    hub.center.center.set_records(tickets(rows));
    let round = hub.round().await;
    let status = hub.status().await;
    assert_eq!(status.times.meaning, meaning, "{}", status.times);
    assert_eq!(round.missed, 1);
    hub.plan().await;
    let expected = start_at() + SignedDuration::from_millis(hours(20) + 100_000);
    assert_eq!(hub.known("case", 2).await, Some(expected));
}

#[tokio::test]
async fn what_times_mean_is_found_without_webhooks() {
    found_without_webhooks(TimeForm::Utc, Meaning::Utc).await;
    found_without_webhooks(TimeForm::LocalWithZ, Meaning::Local).await;
}

#[tokio::test]
async fn a_webhook_that_waits_in_the_journal_is_not_missed() {
    let now = start_at() + SignedDuration::from_secs(400);
    let (planned, waiting, outrun) = (ticket(1, 500), ticket(2, 100_500), ticket(3, 100_500));
    let changed = ticket(3, 200_500);
    let records = tickets([planned.clone(), waiting.clone(), changed]);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.webhook(&of_ticket(&planned)).await;
    hub.plan().await;
    hub.webhook(&of_ticket(&waiting)).await;
    hub.webhook(&of_ticket(&outrun)).await;
    assert_eq!(hub.round().await.missed, 1, "ticket 3 changed again");
    let mut missed: Vec<String> = Vec::new();
    for claimed in hub.plan().await {
        missed.push(claimed.event.arrival.reading.ordering_key.to_string());
    }
    assert_eq!(missed, ["caresoft/main/case:3"]);
}

#[tokio::test]
async fn a_webhook_that_was_given_up_is_not_missed() {
    let now = start_at() + SignedDuration::from_secs(400);
    let (planned, dead) = (ticket(1, 500), ticket(2, 100_500));
    let records = tickets([planned.clone(), dead.clone()]);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.webhook(&of_ticket(&planned)).await;
    hub.plan().await;
    hub.webhook(&of_ticket(&dead)).await;
    let claim = Claim {
        now,
        lease_until: now + SignedDuration::from_secs(60),
        limit: 1,
        fresh_only: 0,
    };
    let claimed = hub.store.claim_events(claim).await.unwrap().remove(0);
    let buried = hub
        .store
        .bury_event(claimed.event.id, claimed.fence, "why".to_owned(), now);
    buried.await.unwrap();
    let record = hub.store.event(claimed.event.id).await.unwrap().unwrap();
    assert_eq!(record.state, EventState::Dead);
    assert_eq!(hub.round().await.missed, 0);
}

#[tokio::test]
async fn a_contact_is_taken_in_whole_where_only_a_change_came() {
    let at = |ms: i64| start_at().as_millisecond() + ms;
    // Its creation, with the number, was lost; its latest change came.
    let user = object(
        json!({"id": 7, "username": "Ngan Vo", "phone_no": "0900000007", "role_id": 3, "note": "n", "created_at": at(500), "updated_at": at(90_500)}),
    );
    let change = json!({"object": "user", "action": "update", "user": {"id": 7, "username": "Ngan Vo", "updated_at": at(90_500), "changes": [{"field": "note", "value": "n"}]}});
    let records = Records {
        users: [(7, user)].into(),
        ..Records::default()
    };
    let now = start_at() + SignedDuration::from_secs(400);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.webhook(change.to_string().as_bytes()).await;
    hub.plan().await;
    let round = hub.round().await;
    assert_eq!(
        (round.missed, hub.of(Object::Contacts).await.completed),
        (0, 1)
    );
    let polled = hub.plan().await;
    let arrival = &polled[0].event.arrival;
    assert_eq!(
        arrival.reading.ordering_key.as_str(),
        "caresoft/main/user:7"
    );
    let body: Value = serde_json::from_slice(&arrival.body).unwrap();
    assert_eq!(body["row"]["phone_no"], "0900000007");
    // Once.
    hub.pass(300);
    hub.round().await;
    assert_eq!(hub.of(Object::Contacts).await.completed, 1);
    assert_eq!(hub.plan().await.len(), 0);
}

#[tokio::test]
async fn more_than_pages_allow_is_read_in_pieces_and_rounds() {
    let told = ticket(1, 500);
    // 1,300 in one second, as an import leaves them, and 900 around it.
    let import = (10..1_310).map(|id| ticket(id, 1_000_000));
    let others = (2_000..2_900).map(|id| ticket(id, i64::try_from(id - 2_000).unwrap() * 2_000));
    let records = tickets(import.chain(others).chain([told.clone()]));
    let now = start_at() + SignedDuration::from_secs(3_600);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.settings.pages_per_round = 3;
    hub.settings.objects = [Object::Tickets].into();
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    let (mut rounds, mut mark) = (0, start_at());
    loop {
        let round = hub.round().await;
        hub.plan().await;
        rounds += 1;
        let reached = hub.of(Object::Tickets).await.mark;
        assert!(reached >= mark, "it goes forward");
        mark = reached;
        if round.again != Again::Soon {
            break;
        }
        assert!(rounds < 20);
        hub.pass(5);
    }
    assert!(rounds > 2, "{rounds}");
    assert_eq!(hub.missed().await, 2_200);
    assert_eq!(hub.polled().await, 2_200);
    assert!(mark >= now - SignedDuration::from_secs(60));
}

#[tokio::test]
async fn rows_that_go_away_between_rounds_leave_no_page_to_wait_for() {
    let told = ticket(1, 500);
    let import = || (10..1_310).map(|id| ticket(id, 1_000_000));
    let now = start_at() + SignedDuration::from_secs(1_200);
    let records = tickets(import().chain([told.clone()]));
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.settings.pages_per_round = 1;
    hub.settings.objects = [Object::Tickets].into();
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    let reads = |hub: &Hub| hub.center.center.asked().len();
    // Until the third page of the second is next.
    while hub.next_page().await != Some(3) {
        assert_eq!(hub.round().await.again, Again::Soon);
        assert!(reads(&hub) < 30);
        hub.pass(1);
    }
    let gone = import().map(|row| match row["ticket_id"].as_u64() {
        Some(id @ 10..710) => ticket(id, 1_150_000),
        _ => row,
    });
    hub.center
        .center
        .set_records(tickets(gone.chain([told.clone()])));
    hub.pass(100);
    while hub.round().await.again == Again::Soon {
        hub.plan().await;
        assert!(reads(&hub) < 60);
        hub.pass(1);
    }
    assert!(!hub.of(Object::Tickets).await.is_failing());
    hub.pass(200);
    while hub.round().await.again == Again::Soon {
        hub.plan().await;
        assert!(reads(&hub) < 90);
        hub.pass(1);
    }
    hub.plan().await;
    for id in 10..1_310 {
        assert!(hub.known("case", id).await.is_some(), "ticket {id}");
    }
}

#[tokio::test]
async fn pages_that_are_too_large_are_asked_for_in_pieces() {
    let told = ticket(1, 500);
    let rows = (2..302).map(|id| ticket(id, i64::try_from(id).unwrap() * 10_000));
    let records = tickets(rows.chain([told.clone()]));
    let now = start_at() + SignedDuration::from_secs(3_600);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.settings.objects = [Object::Tickets].into();
    // Some 190 bytes a row.
    hub.response_bytes_max = 30_000;
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    let round = hub.round().await;
    assert_eq!((round.missed, round.again), (300, Again::AsUsual));
}

#[tokio::test]
async fn times_without_z_are_not_in_doubt_until_one_comes() {
    let at = |ms: i64| start_at().as_millisecond() + ms;
    let rows = |times: [Value; 2]| {
        let [one, other] = times;
        let rows =
            json!([{"ticket_id": 1, "updated_at": one}, {"ticket_id": 2, "updated_at": other}]);
        let answer = json!({"status": 200, "json": {"code": "ok", "numFound": 2, "tickets": rows}});
        let rules = json!([{"when": "GET tickets", "answer": answer}]);
        simulators::faults::Script::parse(&rules.to_string()).unwrap()
    };
    let now = start_at() + SignedDuration::from_secs(400);
    let mut hub = Hub::new(TimeForm::LocalWithZ, Records::default(), now).await;
    hub.settings.since = Some(start_at());
    let center = &hub.center.center;
    center.set_faults(rows([json!(at(500)), json!(at(100_500))]));
    hub.webhook(&of_ticket(&ticket(1, 500))).await;
    hub.plan().await;
    assert_eq!(hub.round().await.missed, 1);
    assert_eq!(hub.status().await.times.meaning, Meaning::Unwritten);
    hub.plan().await;
    hub.pass(300);
    let center = &hub.center.center;
    center.set_faults(rows([json!(at(500)), json!("2026-01-05T09:35:00Z")]));
    let round = hub.round().await;
    assert_eq!((round.missed, round.again), (0, Again::Soon));
    assert_eq!(hub.status().await.times.meaning, Meaning::Unknown);
    // Looked at anew: as UTC it would be hours ahead.
    assert_eq!(hub.round().await.missed, 1);
    assert_eq!(hub.status().await.times.meaning, Meaning::Local);
}

#[tokio::test]
async fn what_the_poll_took_in_itself_does_not_hold_it_up() {
    // All webhooks of 1,200 tickets were lost, and what the poll takes in waits to be planned.
    let told = ticket(1, 500);
    let rows = (2..1_202).map(|id| ticket(id, i64::try_from(id).unwrap() * 1_000));
    let records = tickets(rows.chain([told.clone()]));
    let now = start_at() + SignedDuration::from_secs(3_600);
    let mut hub = Hub::new(TimeForm::LocalWithZ, records, now).await;
    hub.settings.since = Some(start_at());
    hub.settings.objects = [Object::Tickets].into();
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    let round = hub.round().await;
    assert_eq!((round.missed, round.again), (1_200, Again::AsUsual));
}

#[tokio::test]
async fn a_row_that_shows_late_is_found_within_the_overlap() {
    let now = start_at() + SignedDuration::from_hours(1);
    let told = ticket(1, 500);
    let hub = Hub::new(TimeForm::Utc, tickets([told.clone()]), now).await;
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    hub.round().await;
    hub.pass(600);
    hub.round().await;
    let mark = hub.of(Object::Tickets).await.mark;
    assert_eq!(mark, hub.now() - SignedDuration::from_secs(60));
    // Changed 300 s before the mark, and not shown until now.
    let changed_ms = (3_600 + 600 - 60 - 300) * 1_000;
    let rows = [told, ticket(2, changed_ms)];
    hub.center.center.set_records(tickets(rows));
    hub.pass(60);
    assert_eq!(hub.round().await.missed, 1);
}

#[tokio::test]
async fn what_a_row_taught_does_not_testify_to_how_rows_are_read() {
    // Whole seconds, as from a row; were they a webhook's, they would speak for UTC.
    let told = ticket(1, 1_000);
    let now = start_at() + SignedDuration::from_hours(20);
    let hub = Hub::new(TimeForm::Utc, tickets([told.clone()]), now).await;
    hub.webhook(&of_ticket(&told)).await;
    hub.plan().await;
    hub.round().await;
    assert_eq!(hub.status().await.times.meaning, Meaning::Unknown);
}
