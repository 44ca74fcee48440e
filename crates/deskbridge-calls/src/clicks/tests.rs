use std::{collections::BTreeMap, sync::Arc};

use deskbridge_core::{EffectId, Event as Kept, EventId, NewEffect, Outcome};
use deskbridge_journal::{Planned, Planner as _};
use deskbridge_store::{Claim, Plan};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    dial::action,
    plan::{Clicks, Pbx, Portal},
    reading, *,
};
use crate::{decide::originate::Originate, settings::SettingsSource};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn form(sent_at: i64, more: &str) -> String {
    let ts = at(sent_at).as_second();
    format!(
        "event=ONEXTERNALCALLSTART&data[USER_ID]=57&data[PHONE_NUMBER]=%2B7+916+123-45-67&ts={ts}{more}\
         &auth[application_token]=planted-application&auth[access_token]=planted-access&auth[domain]=portal.example"
    )
}

fn kept(body: &str, received_at: Timestamp, seed: u64) -> Kept {
    let read = bitrix24::Event::parse(body.as_bytes()).unwrap();
    let form = bitrix24::Form::parse(body.as_bytes()).unwrap();
    Kept {
        id: EventId::new(received_at, &mut fastrand::Rng::with_seed(seed)),
        received_at,
        arrival: reading::event("crm", body.as_bytes(), &read, &form),
    }
}

fn clicks(store: &Store) -> Clicks {
    let settings = SettingsSource::default().compile("office").unwrap();
    let pbx = Pbx {
        settings: Arc::new(settings),
        prefix: "crm-".to_owned(),
        crm: None,
    };
    let portal = Portal {
        pbxs: vec![pbx],
        too_old_after: SignedDuration::from_secs(60),
    };
    Clicks::new(store.clone(), BTreeMap::from([("crm".to_owned(), portal)]))
}

async fn effects(clicks: &Clicks, event: &Kept) -> Vec<NewEffect> {
    match clicks.plan(event).await {
        Outcome::Done(Planned::Do { effects, .. }) => effects,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_kept_of_an_event_proves_nothing_and_says_all() {
    let event = kept(&form(0, "&data[CALL_ID]=externalCall.1"), at(1), 1);
    let body = String::from_utf8(event.arrival.body.clone()).unwrap();
    assert!(!body.contains("planted"), "{body}");
    assert!(body.contains("portal.example"), "{body}");
    let again = bitrix24::Event::parse(body.as_bytes()).unwrap();
    let bitrix24::News::CallStart(click) = again.news else {
        panic!("{body}");
    };
    assert_eq!(click.phone_number, "+7 916 123-45-67");
    let key = event.arrival.reading.ordering_key.as_str();
    assert_eq!(key, "bitrix24/crm/call/externalCall.1");
    let bare = kept(&form(0, ""), at(1), 1);
    let key = bare.arrival.reading.ordering_key.as_str();
    assert_eq!(key, "bitrix24/crm/user/57/79161234567");
}

#[tokio::test]
async fn a_click_becomes_an_order_that_its_channel_finds() {
    let store = Store::open_inline().unwrap();
    let event = kept(&form(0, "&data[CALL_ID]=externalCall.1"), at(2), 1);
    let effects = effects(&clicks(&store), &event).await;
    let [effect] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(effect.kind, ORIGINATE);
    let dial: Dial = serde_json::from_value(effect.payload.clone()).unwrap();
    assert_eq!(effect.idempotency_key, key(&dial.order.id));
    assert_eq!(dial.order.call_id(), Some("externalCall.1"));
    assert_eq!(dial.until, at(60));
}

/// Lets a click come in and plans it as the journal does; the kinds of the effects that follow.
async fn click(store: &Store, second: i64, call_id: &str) -> Vec<String> {
    let now = at(second);
    let body = form(second, &format!("&data[CALL_ID]={call_id}"));
    let event = kept(&body, now, second.unsigned_abs());
    let accepted = store.accept_event(event.id, event.arrival.clone(), now);
    accepted.await.unwrap();
    let claim = Claim {
        now,
        lease_until: at(second + 60),
        limit: 1,
        fresh_only: 0,
    };
    let claimed = store.claim_events(claim).await.unwrap().remove(0);
    let Outcome::Done(Planned::Do {
        effects,
        links,
        known,
    }) = clicks(store).plan(&claimed.event).await
    else {
        panic!("{call_id} is not planned");
    };
    let kinds = effects.iter().map(|effect| effect.kind.clone()).collect();
    let mut rng = fastrand::Rng::with_seed(second.unsigned_abs());
    let effects = effects.into_iter();
    let plan = Plan {
        effects: effects
            .map(|effect| (EffectId::new(now, &mut rng), effect))
            .collect(),
        links,
        known,
    };
    let recorded = store.record_plan(event.id, claimed.fence, plan, now);
    recorded.await.unwrap();
    kinds
}

#[tokio::test]
async fn a_click_is_left_out_while_the_order_of_the_one_before_waits() {
    let store = Store::open_inline().unwrap();
    assert_eq!(click(&store, 0, "externalCall.1").await, [ORIGINATE]);
    // The portal names the same call for a while, and then one of its own, which nobody else would finish.
    assert!(click(&store, 4, "externalCall.1").await.is_empty());
    assert!(click(&store, 30, "externalCall.1").await.is_empty());
    assert_eq!(click(&store, 40, "externalCall.2").await, ["calls.finish"]);
    let claim = Claim {
        now: at(50),
        lease_until: at(100),
        limit: 10,
        fresh_only: 0,
    };
    let claimed = store.claim_effects(claim).await.unwrap();
    let order = claimed
        .iter()
        .find(|one| one.effect.intent.kind == ORIGINATE);
    let order = order.unwrap();
    // It is being carried out.
    assert!(click(&store, 51, "externalCall.1").await.is_empty());
    let done = store.complete_effect(order.effect.id, order.fence, Value::Null, at(52));
    done.await.unwrap();
    // Another call is wanted, and that it is ordered is remembered.
    assert_eq!(click(&store, 60, "externalCall.3").await, [ORIGINATE]);
    assert_eq!(click(&store, 80, "externalCall.4").await, ["calls.finish"]);
}

#[tokio::test]
async fn what_comes_too_late_is_finished_and_not_dialled() {
    let store = Store::open_inline().unwrap();
    for (received_at, expected) in [(60, ORIGINATE), (61, "calls.finish")] {
        let event = kept(
            &form(0, "&data[CALL_ID]=externalCall.1"),
            at(received_at),
            1,
        );
        let effects = effects(&clicks(&store), &event).await;
        let kinds: Vec<&str> = effects.iter().map(|effect| effect.kind.as_str()).collect();
        assert_eq!(kinds, [expected], "{received_at}");
    }
    // The CRM has registered nothing that could be finished.
    let event = kept(&form(0, ""), at(61), 1);
    assert!(effects(&clicks(&store), &event).await.is_empty());
}

#[tokio::test]
async fn a_callback_is_ordered_however_late_for_it_stays_a_task() {
    let store = Store::open_inline().unwrap();
    let body = format!(
        "event=ONEXTERNALCALLBACKSTART&data[PHONE_NUMBER]=%2B79161234567&data[LINE_NUMBER]=1900&ts={}\
         &auth[application_token]=planted-application&auth[domain]=portal.example",
        at(0).as_second()
    );
    for received_at in [1, 3_600] {
        let event = kept(&body, at(received_at), 1);
        let effects = effects(&clicks(&store), &event).await;
        let [effect] = &effects[..] else {
            panic!("{effects:?}");
        };
        assert_eq!(effect.kind, ORIGINATE);
        let dial: Dial = serde_json::from_value(effect.payload.clone()).unwrap();
        assert!(dial.order.is_callback());
        assert_eq!(dial.order.line.as_deref(), Some("1900"));
        assert_eq!(dial.until, at(60));
    }
}

#[tokio::test]
async fn a_portal_whose_clock_goes_before_ours_does_not_keep_orders_young() {
    let store = Store::open_inline().unwrap();
    let event = kept(&form(3_600, ""), at(0), 1);
    let effects = effects(&clicks(&store), &event).await;
    let dial: Dial = serde_json::from_value(effects[0].payload.clone()).unwrap();
    assert_eq!(dial.until, at(60));
}

#[test]
fn nothing_that_ends_a_line_is_ordered() {
    let wanted = || Originate {
        channel: "PJSIP/101".to_owned(),
        context: "from-internal".to_owned(),
        exten: "79161234567".to_owned(),
        priority: 1,
        caller_id: "79161234567".to_owned(),
        variables: BTreeMap::from([("NAME".to_owned(), "value".to_owned())]),
        timeout_ms: 30_000,
        channel_id: "crm-1".to_owned(),
        codecs: Vec::new(),
    };
    action(&wanted()).unwrap();
    let named = Originate {
        caller_id: "\"Anna\" <101>".to_owned(),
        ..wanted()
    };
    action(&named).unwrap();
    for evil in ["x\r\nAction: Command", "x\n", "x\r", "x\0", "x\u{85}"] {
        type Change = fn(&mut Originate, String);
        let fields: [(&str, Change); 7] = [
            ("Channel", |of, text| of.channel = text),
            ("Context", |of, text| of.context = text),
            ("Exten", |of, text| of.exten = text),
            ("CallerID", |of, text| of.caller_id = text),
            ("ChannelId", |of, text| of.channel_id = text),
            ("Variable", |of, text| {
                of.variables.insert(text, "value".to_owned());
            }),
            ("Variable", |of, text| {
                of.variables.insert("NAME".to_owned(), text);
            }),
        ];
        for (field, change) in fields {
            let mut wanted = wanted();
            change(&mut wanted, evil.to_owned());
            assert!(action(&wanted).is_err(), "{field} took {evil:?}");
        }
    }
}
