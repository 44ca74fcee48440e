use serde_json::json;
use tokio::time::Duration;

use super::*;
use crate::{Call, Group};

fn request(groups: Vec<Group>, halts: bool) -> Request {
    let mut commands = Vec::new();
    for group in groups {
        let mut places = Places::from(commands.len());
        for (place, call) in group.calls.into_iter().enumerate() {
            commands.push(places.place(place, Arc::new(Prepared::new(call))));
        }
    }
    Request {
        flight: FlightId(1),
        access: Arc::new(Access::Webhook(crate::testing::webhook(1))),
        commands,
        halts,
        deadline: Instant::now() + Duration::from_secs(1),
    }
}

fn sent(request: &Request) -> (String, String) {
    let outgoing = request
        .outgoing(&crate::testing::webhook(1).into())
        .unwrap();
    let body = String::from_utf8(outgoing.body.to_vec()).unwrap();
    (outgoing.method.to_string(), body)
}

fn chain(id: u32) -> Group {
    let mut group = Group::new();
    let lead = group.add(Call::read("crm.lead.list").filter("=ID", id));
    group.add(Call::read("crm.company.get").param("id", lead.at(0).field("COMPANY_ID")));
    group
}

#[test]
fn a_lone_command_is_its_own_method_and_company_is_a_batch() {
    let lone = [Call::read("crm.company.List").param("a", json!([]))]
        .into_iter()
        .collect();
    let (method, body) = sent(&request(vec![lone], false));
    assert_eq!(
        (method.as_str(), body.as_str()),
        ("crm.company.List", r#"{"a":[]}"#)
    );
    let (method, body) = sent(&request(vec![chain(1), chain(2)], false));
    assert_eq!(method, "batch");
    // In the order of execution, with labels that are no numbers and references to the group's own.
    assert_eq!(
        body,
        r#"{"halt":0,"cmd":{"c0":"crm.lead.list?filter[%3DID]=1","#.to_owned()
            + r#""c1":"crm.company.get?id=%24result%5Bc0%5D%5B0%5D%5BCOMPANY_ID%5D","#
            + r#""c2":"crm.lead.list?filter[%3DID]=2","#
            + r#""c3":"crm.company.get?id=%24result%5Bc2%5D%5B0%5D%5BCOMPANY_ID%5D"}}"#
    );
    let (_, body) = sent(&request(vec![chain(1)], true));
    assert!(body.starts_with(r#"{"halt":1,"#), "{body}");
}

#[test]
fn log_lines_count_methods_and_show_no_parameters() {
    let request = request(vec![chain(1), chain(2)], false);
    assert_eq!(
        methods(&request.commands),
        "crm.company.getx2 crm.lead.listx2"
    );
}
