//! What holds for all input.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{collection, prelude::*};
use serde_json::Map;

use super::*;
use crate::bitrix24::{
    batch::Batch,
    fields::{Missing, Schema, system},
    filter::{Dialect, Filter},
    table::{Query, Start, Table},
};

/// Nested parameters with text at the leaves, as a form can express them.
fn nested() -> impl Strategy<Value = php::Value> {
    let leaf = ".{0,8}".prop_map(php::Value::text);
    leaf.prop_recursive(3, 24, 4, |inner| {
        collection::btree_map("[>=!@%A-Za-z_][A-Z_0-9]{0,6}", inner, 1..4)
            .prop_map(|map| php::Value::Map(map.into_iter().collect()))
    })
}

fn encode(name: &str, value: &php::Value, out: &mut Vec<String>) {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match value {
        php::Value::Map(pairs) => {
            for (key, value) in pairs {
                encode(&format!("{name}[{}]", escaped(key)), value, out);
            }
        }
        scalar => out.push(format!("{name}={}", escaped(&scalar.as_text().unwrap()))),
    }
}

proptest! {
    #[test]
    fn a_command_means_the_same_in_json_and_in_a_url(
        params in collection::btree_map("[a-z][a-z_]{0,6}", nested(), 0..4),
        label in "[a-z][a-z0-9]{0,6}",
    ) {
        let mut parts = Vec::new();
        for (name, value) in &params {
            encode(name, value, &mut parts);
        }
        let command = format!("crm.company.list?{}&", parts.join("&"));
        let in_json = json!({"cmd": {label.clone(): command}});
        let from_json = Batch::parse(&Params::with_files(&request("POST", "/", &in_json)).0);
        let mut outer = Vec::new();
        encode(&format!("cmd[{label}]"), &php::Value::text(command), &mut outer);
        let from_url = Batch::parse(&Params::from_query(&outer.join("&")));
        prop_assert_eq!(&from_json, &from_url);
        let read: Vec<_> = from_json.commands[0].params.iter().cloned().collect();
        let expected: Vec<_> = params.into_iter().collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn reading_parameters_never_fails(query in ".{0,60}", body in collection::vec(any::<u8>(), 0..60)) {
        let read = Params::from_query(&query);
        serde_json::to_string(&read).unwrap();
        let mut broken = request("POST", "/", &Value::Null);
        broken.body = Bytes::from(body);
        serde_json::to_string(&Params::with_files(&broken).0).unwrap();
    }

    #[test]
    fn a_reference_gives_what_lies_at_its_path(
        before in collection::vec(any::<u16>(), 0..4),
        wanted in "[^\\[\\]]{1,8}",
        text in ".{0,12}",
    ) {
        let mut rows: Vec<Value> = before.iter().map(|number| json!({"ID": number, "X": [number]})).collect();
        rows.push(json!({"ID": 7, wanted.clone(): text}));
        let results = json!(rows).to_string();
        let result_of = |label: &str| (label == "one").then_some(results.as_str());
        let mut value = php::Value::text(format!("$result[one][{}][{wanted}]", before.len()));
        references::resolve(&mut value, &result_of);
        prop_assert_eq!(value, php::Value::text(text));
    }

    #[test]
    fn text_without_a_reference_is_left_alone(text in "[^$]{0,30}|\\$result.{0,20}|.{0,30}") {
        let mut value = php::Value::text(text.clone());
        references::resolve(&mut value, &|_| None);
        prop_assert_eq!(value, php::Value::text(text));
    }

    #[test]
    fn an_index_finds_what_looking_at_every_record_finds(
        changes in collection::vec((1_u64..20, 0_u8..4, any::<bool>()), 1..60),
        low in 0_u64..20,
    ) {
        let mut table = Table::new(Schema::new(system::COMMENT, Vec::new(), Missing::Null));
        let mut known: std::collections::BTreeMap<u64, u8> = std::collections::BTreeMap::new();
        for (at, (id, text, is_removed)) in changes.into_iter().enumerate() {
            if is_removed {
                prop_assert_eq!(table.remove(id), known.remove(&id).is_some());
            } else {
                let values: Map<String, Value> = [("COMMENT".to_owned(), json!(text.to_string()))].into_iter().collect();
                table.put(id, &values);
                known.insert(id, text);
            }
            // Asking along the way makes the index before it has to follow changes.
            if at % 3 != 0 {
                continue;
            }
            for wanted in 0..4 {
                for (start, filter) in [
                    (Start::Uncounted, json!({"COMMENT": wanted, ">ID": low})),
                    (Start::At(0), json!({"COMMENT": wanted, ">ID": low})),
                ] {
                    let filter: php::Value = serde_json::from_value(filter).unwrap();
                    let dialect = Dialect::Legacy { knows_not_like: true, unknown: UnknownField::Refused };
                    let filter = Filter::parse(table.schema(), dialect, Some(&filter)).unwrap();
                    let page = table.page(&Query { filter, order: Vec::new() }, start);
                    let found: Vec<u64> = page.rows.iter().map(|row| row.id).collect();
                    let expected: Vec<u64> = known.iter().filter(|(id, text)| **id > low && **text == wanted).map(|(id, _)| *id).collect();
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}

proptest! {
    // Each case makes a portal of its own.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_together_are_all_records_once(count in 0_u64..180, low in 0_u64..200, descending: bool, by_title: bool) {
        let data = Data { webhooks: bare().webhooks, ..generated(count, Ids::Sparse, count, start_of_test()) };
        let expected = data.companies.iter().filter(|company| company["ID"].as_str().unwrap().parse::<u64>().unwrap() > low).count();
        let portal = portal(data);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        portal.set_limits(Limits::off());
        runtime.block_on(async {
            let mut seen = std::collections::BTreeSet::new();
            let mut start = Some(0);
            while let Some(at) = start {
                let order = if by_title { "TITLE" } else { "ID" };
                let direction = if descending { "DESC" } else { "ASC" };
                let params = json!({"start": at, "filter": {">ID": low}, "order": {order: direction}, "select": ["ID"]});
                let (_, body) = answer(&portal, "crm.company.list", params).await;
                assert_eq!(body["total"], expected);
                for row in body["result"].as_array().unwrap() {
                    assert!(seen.insert(row["ID"].as_str().unwrap().to_owned()), "{row} came twice");
                }
                start = body["next"].as_u64();
            }
            assert_eq!(seen.len(), expected);
        });
    }
}
