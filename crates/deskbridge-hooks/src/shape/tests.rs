use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::point::CONTRACTS;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("1")),
        Just(json!("Y")),
    ];
    let names = prop_oneof![
        Just("phone".to_owned()),
        Just("path".to_owned()),
        Just("result".to_owned()),
        Just("arNewTaskData".to_owned()),
        Just("USER_ID".to_owned()),
        Just("extension".to_owned()),
        "[a-zA-Z_]{0,8}",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_checked_stays_as_it_is(value in value()) {
        for contract in &CONTRACTS {
            if let Ok(once) = check(&contract.output, &value, "data") {
                let twice = check(&contract.output, &once.value, "data").unwrap();
                prop_assert_eq!(&twice.value, &once.value);
                prop_assert!(twice.dropped.is_empty());
            }
        }
    }
}
