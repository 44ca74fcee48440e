use deskbridge_hooks::{Change, decision::Kind};

use super::*;
use crate::decide::write::{SaveCustomer, SourceKey};

fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

fn customer() -> SaveCustomer {
    SaveCustomer {
        key: SourceKey::new("main", "organization", 9),
        all: fields(json!({"customer_name": "Shop", "domain": "shop.example"})),
        changed: fields(json!({"domain": "shop.example"})),
    }
}

/// What of the customer is written, all of it and what changed, and what is remembered.
fn written(decision: Decision, before: Value) -> (Value, Value, Value) {
    let (write, own) = decided(Write::SaveCustomer(customer()), decision, &fields(before));
    let Write::SaveCustomer(write) = write else {
        panic!("{write:?}")
    };
    (write.all.into(), write.changed.into(), own.into())
}

fn answered(data: Value) -> Decision {
    Decision::Changed(Change {
        data: fields(data),
        ..Change::default()
    })
}

#[test]
fn a_hook_is_told_the_record_and_its_fields() {
    let (point, known) = told(&Write::SaveCustomer(customer())).unwrap();
    assert_eq!(point, Point::CustomerFields);
    let record = json!({"key": "main:organization:9"});
    assert_eq!(known["record"]["key"], record["key"]);
    assert_eq!(known["fields"], Value::from(customer().all));
    assert!(known["record"].get("changed").is_none(), "{known}");
}

#[test]
fn only_what_a_hook_wants_otherwise_than_before_is_a_change() {
    let (planned, gold) = (
        json!({"customer_name": "Shop", "domain": "shop.example"}),
        json!({"custom_tier": "gold"}),
    );
    let with_gold =
        json!({"customer_name": "Shop", "domain": "shop.example", "custom_tier": "gold"});
    let domain = json!({"domain": "shop.example"});
    let own_domain = json!({"domain": "own.example"});
    let rows = [
        // What it only hands back is no change.
        (
            answered(json!({"customer_name": "Shop", "custom_tier": "gold"})),
            json!({}),
            (
                with_gold.clone(),
                json!({"custom_tier": "gold", "domain": "shop.example"}),
                gold.clone(),
            ),
        ),
        // What it wanted before is none either: people may have changed it since.
        (
            answered(gold.clone()),
            gold.clone(),
            (with_gold, domain.clone(), gold.clone()),
        ),
        (
            answered(json!({"custom_tier": "silver"})),
            gold.clone(),
            (
                json!({"customer_name": "Shop", "domain": "shop.example", "custom_tier": "silver"}),
                json!({"custom_tier": "silver", "domain": "shop.example"}),
                json!({"custom_tier": "silver"}),
            ),
        ),
        // A new plan of a field that stays the hook's.
        (
            answered(own_domain.clone()),
            own_domain.clone(),
            (
                json!({"customer_name": "Shop", "domain": "own.example"}),
                json!({}),
                own_domain,
            ),
        ),
        // It lets go of one that is planned, and of one that is not.
        (
            Decision::Unchanged { why: Why::Wanted },
            json!({"customer_name": "Own", "custom_tier": "gold"}),
            (planned.clone(), planned.clone(), json!({})),
        ),
        // What it wants is not known: the plan goes out, and the rest stays the hook's.
        (
            Decision::Unchanged {
                why: Why::Suspended,
            },
            json!({"domain": "own.example", "custom_tier": "gold"}),
            (planned.clone(), domain.clone(), gold),
        ),
        (
            Decision::Unchanged {
                why: Why::Failed {
                    how: Kind::Crashed,
                    what: "gone".to_owned(),
                },
            },
            json!({}),
            (planned, domain, json!({})),
        ),
    ];
    for (decision, before, expected) in rows {
        let told = format!("{decision:?} after {before}");
        assert_eq!(written(decision, before), expected, "{told}");
    }
}
