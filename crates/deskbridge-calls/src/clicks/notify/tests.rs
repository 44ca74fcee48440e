use deskbridge_core::EffectId;
use jiff::Timestamp;
use simulators::{bitrix24 as portal, faults::Rule};

use super::*;
use crate::testing;

struct World {
    notifier: Notifier,
    portal: portal::Running,
}

impl World {
    async fn new(scopes: &[&str]) -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let portal = testing::portal(now, scopes).await;
        let crm = testing::crm(&portal, &bitrix24::Options::default());
        let crms = BTreeMap::from([("office".to_owned(), crm)]);
        Self {
            notifier: Notifier::new(crms),
            portal,
        }
    }

    async fn apply(&self, intent: NewEffect, look_first: bool) -> Outcome<Value> {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let effect = Effect {
            id: EffectId::new(now, &mut fastrand::Rng::with_seed(1)),
            intent,
            attempts: 0,
            look_first,
            recorded_at: now,
        };
        self.notifier.apply(&effect).await
    }

    /// Who was told what.
    fn told(&self) -> Vec<(u64, String)> {
        let told = self.portal.portal.telephony().notifications.into_iter();
        told.map(|one| (one.user_id, one.message)).collect()
    }

    fn fail(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.portal.portal.set_faults(rules).unwrap();
    }
}

fn notice(pbx: &str) -> NewEffect {
    let user = UserId::new(57).unwrap();
    effect(pbx, "crm-1", user, "nobody waits for the call any more")
}

#[tokio::test]
async fn a_user_is_told_why_a_call_was_not_begun() {
    let world = World::new(&["im"]).await;
    let outcome = world.apply(notice("office"), false).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let text = "The call was not begun: nobody waits for the call any more.";
    assert_eq!(world.told(), [(57, text.to_owned())]);
}

#[tokio::test]
async fn a_user_who_may_have_been_told_is_not_told_again() {
    let world = World::new(&["im"]).await;
    let outcome = world.apply(notice("office"), true).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert_eq!(world.told(), []);
}

#[tokio::test]
async fn what_cannot_be_told_is_refused_and_what_may_be_told_later_waits() {
    let world = World::new(&["crm"]).await;
    let outcome = world.apply(notice("office"), false).await;
    assert!(
        matches!(outcome, Outcome::Refused(_)),
        "without the scope: {outcome:?}"
    );
    let world = World::new(&["im"]).await;
    let outcome = world.apply(notice("branch"), false).await;
    let Outcome::Refused(failure) = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(format!("{failure:?}").contains("no [[asterisk]] named branch"));
    let unreadable = NewEffect {
        payload: json!({"user": "nobody"}),
        ..notice("office")
    };
    let outcome = world.apply(unreadable, false).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert_eq!(world.told(), []);
    // It was carried out and the answer got lost: whoever tries again looks first.
    world.fail(
        json!([{"when": "im.notify.system.add", "execute": true, "answer": "silence", "times": 1}]),
    );
    let outcome = world.apply(notice("office"), false).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(world.told().len(), 1);
}

#[test]
fn one_order_is_one_notice() {
    let user = UserId::new(57).unwrap();
    let of = |order: &str, why: &str| effect("office", order, user, why).idempotency_key;
    assert_eq!(of("crm-1", "first"), of("crm-1", "second"));
    assert_ne!(of("crm-1", "first"), of("crm-2", "first"));
}
