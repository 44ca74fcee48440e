use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Call, Group, Order};

fn query(params: impl Into<Param>) -> String {
    let call = Call::read("m").params(params);
    call.params.query(&|command| format!("c{command}"))
}

#[test]
fn query_text_nests_with_brackets_and_encodes_everything_else() {
    for (params, expected) in [
        (json!({"id": 7}), "id=7"),
        (json!({"a": "x y&z=1+2"}), "a=x%20y%26z%3D1%2B2"),
        (json!({"a": "Đỗ"}), "a=%C4%90%E1%BB%97"),
        (json!({"a": true, "b": false}), "a=1&b=0"),
        (json!({"a": 1.5, "b": -1}), "a=1.5&b=-1"),
        (json!({"a": ["x", "y"]}), "a[0]=x&a[1]=y"),
        (
            json!({"filter": {"=UF_X": "1", ">=ID": 5}}),
            "filter[%3DUF_X]=1&filter[%3E%3DID]=5",
        ),
        (json!({"a": [{"b": [1]}]}), "a[0][b][0]=1"),
        (json!({"a": ""}), "a="),
    ] {
        assert_eq!(query(params.clone()), expected, "{params}");
    }
}

#[test]
fn what_query_text_cannot_say_does_not_fit_a_batch() {
    for (params, expected) in [
        (json!({}), true),
        (json!({"a": "", "b": 0, "c": false}), true),
        (json!({"a": null}), false),
        (json!({"a": []}), false),
        (json!({"a": {}}), false),
        (json!({"a": {"b": [null]}}), false),
        (json!({"a": {"b[": 1}}), false),
        (json!({"a": {"": 1}}), false),
        (json!({"a.b": 1}), false),
        (json!({"a": "$result[c0][0][EMAIL]"}), false),
        (json!({"a": {"$result[c0]": 1}}), false),
    ] {
        let call = Call::read("m").params(params.clone());
        assert_eq!(call.params.fit_query(), expected, "{params}");
    }
}

#[test]
fn a_reference_is_written_with_the_label_of_its_command() {
    let mut group = Group::new();
    let leads = group.add(Call::read("crm.lead.list"));
    let call = Call::read("crm.company.get").param("id", leads.at(0).field("COMPANY_ID"));
    assert!(call.params.fit_query());
    let query = call.params.query(&|command| format!("c{}", command + 7));
    assert_eq!(query, "id=%24result%5Bc7%5D%5B0%5D%5BCOMPANY_ID%5D");
    assert_eq!(call.params.canonical(), None);
}

#[test]
fn json_keeps_the_order_that_was_given() {
    let call = Call::read("m")
        .order("TITLE", Order::Ascending)
        .order("ID", Order::Descending)
        .select(["ID", "TITLE"])
        .without_count();
    assert_eq!(
        serde_json::to_string(&call.params).unwrap(),
        r#"{"order":{"TITLE":"ASC","ID":"DESC"},"select":["ID","TITLE"],"start":-1}"#
    );
    let text = r#"{"z":{"b":1,"a":[null,true,"x",-2,1.5]}}"#;
    let read: Param = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

#[test]
fn names_that_differ_only_in_case_are_one_parameter() {
    let call = Call::read("m")
        .param("FILTER", json!({"A": 1}))
        .filter("=B", 2)
        .param("filter", "x");
    assert_eq!(
        serde_json::to_string(&call.params).unwrap(),
        r#"{"FILTER":"x"}"#
    );
    let call = Call::read("m")
        .param("FILTER", json!({"A": 1}))
        .filter("=B", 2);
    assert_eq!(
        serde_json::to_string(&call.params).unwrap(),
        r#"{"FILTER":{"A":1,"=B":2}}"#
    );
    let call = Call::read("m").params(json!({"FILTER": {"A": 1}, "filter": {"B": 2}}));
    assert_eq!(call.params.named_twice(), Some("filter"));
    assert!(call.flaw().unwrap().contains("filter"));
}

#[test]
fn equal_questions_have_equal_texts_and_different_ones_do_not() {
    let base = || {
        Call::read("m")
            .filter("A", 1)
            .filter("B", 2)
            .order("X", Order::Ascending)
    };
    let text = |call: Call| call.params.canonical().unwrap();
    let same = Call::read("m").params(json!({"ORDER": {"X": "ASC"}, "Filter": {"B": 2, "A": 1}}));
    assert_eq!(text(base()), text(same));
    for other in [
        base().filter("A", 2),
        base().order("Y", Order::Ascending),
        base().param("start", -1),
        Call::read("m")
            .filter("A", 1)
            .filter("B", "2")
            .order("X", Order::Ascending),
    ] {
        assert_ne!(text(base()), text(other));
    }
    let sorted = |first, second| {
        let call = Call::read("m").order(first, Order::Ascending);
        text(call.order(second, Order::Ascending))
    };
    assert_ne!(
        sorted("X", "Y"),
        sorted("Y", "X"),
        "the first key sorts first"
    );
}

/// Reads query text back, as the portal does.
fn decoded(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn leaf() -> impl Strategy<Value = Param> {
    prop_oneof![
        Just(Param::Null),
        any::<bool>().prop_map(Param::Flag),
        any::<i64>().prop_map(Param::from),
        ".{0,8}".prop_map(Param::Text),
    ]
}

fn tree() -> impl Strategy<Value = Param> {
    leaf().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Param::List),
            proptest::collection::vec(("[A-Z=%>]{1,6}", inner), 0..4).prop_map(Param::Map),
        ]
    })
}

fn leaves(param: &Param) -> usize {
    match param {
        Param::List(items) => items.iter().map(leaves).sum(),
        Param::Map(entries) => entries.iter().map(|(_, value)| leaves(value)).sum(),
        _ => 1,
    }
}

proptest! {
    #[test]
    fn what_fits_a_batch_arrives_whole(value in tree()) {
        let mut params = Params::default();
        params.set("p", value.clone());
        prop_assume!(params.fit_query());
        let decoded = decoded(&params.query(&|_| String::new()));
        prop_assert_eq!(decoded.len(), leaves(&value));
        for (key, _) in decoded {
            prop_assert!(key.starts_with('p'));
            prop_assert_eq!(key.matches('[').count(), key.matches(']').count());
        }
    }

    #[test]
    fn json_written_is_json_read(value in tree()) {
        let text = serde_json::to_string(&value).unwrap();
        let read: Param = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
