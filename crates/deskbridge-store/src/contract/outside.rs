//! What every back end promises about texts from outside: nothing in them keeps an event out.

use deskbridge_core::{Link, NewEffect, OrderingKey, RemoteRecord, Urgency};
use serde_json::json;

use super::{
    at,
    events::{event, event_id},
    on_every_backend,
};
use crate::{Accepted, Answer, EffectState, EventFilter, Known, Plan};

const STRANGE: &str = "\0 \u{1f600} '\"\\ \u{feff}\u{202e} %s $1 ?1";

#[tokio::test]
async fn strange_texts_are_taken_everywhere() {
    on_every_backend(async |bench| {
        let store = &bench.store;
        let record = RemoteRecord {
            connection: STRANGE.to_owned(),
            object: STRANGE.to_owned(),
            id: STRANGE.to_owned(),
        };
        let other = RemoteRecord {
            id: "5".to_owned(),
            ..record.clone()
        };
        let mut strange = event(1, STRANGE);
        strange.connection = STRANGE.to_owned();
        strange.headers = vec![(STRANGE.to_owned(), STRANGE.to_owned())];
        strange.reading.source = STRANGE.to_owned();
        strange.reading.object = STRANGE.to_owned();
        strange.reading.action = STRANGE.to_owned();
        let accepted = store.accept_event(event_id(1), strange.clone(), at(0));
        assert_eq!(accepted.await.unwrap(), Accepted::New(event_id(1)));
        let accepted = store.accept_event(event_id(2), strange, at(0));
        assert_eq!(accepted.await.unwrap(), Accepted::Repeated(event_id(1)));
        let filter = EventFilter {
            connection: Some(STRANGE.to_owned()),
            object: Some(STRANGE.to_owned()),
            action: Some(STRANGE.to_owned()),
            limit: 10,
            ..EventFilter::default()
        };
        assert_eq!(store.list_events(filter, None).await.unwrap().len(), 1);

        let (id, effect) = super::events::effect(1);
        let effect = NewEffect {
            urgency: Urgency::Usual,
            kind: STRANGE.to_owned(),
            ordering_key: OrderingKey::new(STRANGE),
            payload: json!({ STRANGE: STRANGE }),
            ..effect
        };
        let plan = Plan {
            effects: vec![(id, effect.clone())],
            links: vec![Link {
                one: record.clone(),
                other: other.clone(),
            }],
            known: vec![Known {
                record: record.clone(),
                revision: 0,
                facts: json!({ STRANGE: STRANGE }),
            }],
        };
        let claimed = bench.claim_events(1, 1).await.remove(0);
        bench.plan(&claimed, plan, 1).await;
        let linked = store.linked_records(record.clone()).await.unwrap();
        assert_eq!(linked.len(), 1);
        assert_eq!(linked[0].id, "5");
        let known = store.known(vec![record]).await.unwrap();
        assert_eq!(known[0].facts, json!({ STRANGE: STRANGE }));
        let claimed = bench.claim(1).await.remove(0);
        assert_eq!(claimed.effect.intent.payload, effect.payload);
        let (fence, why) = (claimed.fence, STRANGE.to_owned());
        store.bury_effect(id, fence, why, at(1)).await.unwrap();
        assert_eq!(bench.state(1).await, EffectState::Dead);

        let answer = Answer {
            body: STRANGE.as_bytes().to_vec(),
            fetched_at: at(0),
            fresh_until: at(1),
            keep_until: at(2),
        };
        let remembered = store.remember_answer(STRANGE.to_owned(), answer.clone());
        remembered.await.unwrap();
        let recalled = store.remembered_answer(STRANGE.to_owned(), at(1)).await;
        assert_eq!(recalled.unwrap(), Some(answer));
    })
    .await;
}

#[tokio::test]
async fn an_ordering_key_may_be_long() {
    on_every_backend(async |bench| {
        // Digits that do not compress, longer than any index takes.
        let mut rng = fastrand::Rng::with_seed(1);
        let long: String = std::iter::repeat_with(|| rng.alphanumeric())
            .take(20_000)
            .collect();
        bench.accept(1, &long, 0).await;
        bench.accept(2, &long, 0).await;
        let claimed = bench.claim_events(0, 10).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(
            claimed[0].event.arrival.reading.ordering_key,
            OrderingKey::new(long.as_str())
        );
        bench.record(1, &long, 0).await;
        assert_eq!(bench.claimed_numbers(0).await, [1]);
    })
    .await;
}
