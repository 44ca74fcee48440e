use super::*;
use crate::{Group, Mishap, Unsent, Verdict};

fn pair(n: u32) -> Group {
    let mut group = Group::new();
    let lead = group.add(Call::read("crm.lead.get").param("COMPANY_ID", n));
    group.add(Call::read("crm.company.get").param("id", lead.field("COMPANY_ID")));
    group
}

#[tokio::test(start_paused = true)]
async fn groups_share_a_request_and_their_references_stay_their_own() {
    let (memory, client) = memory(Memory::echo(50));
    let single = client.call(lookup(1));
    let groups = join_all((100..110).map(|n| client.group(pair(n))));
    let (single, groups) = tokio::join!(single, groups);
    assert!(single.is_ok());
    for (n, answer) in (100..110).zip(groups) {
        let answers: Vec<_> = answer.unwrap().into_iter().collect();
        assert_eq!(echoed(&answers[1])["id"], n.to_string(), "group {n}");
    }
    assert_eq!(sizes(&memory.arrived()), [21]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_not_split_for_want_of_room() {
    let (memory, client) = memory(Memory::echo(50));
    let group = |from: u32, len: u32| (from..from + len).map(lookup).collect::<Group>();
    let (a, b, c) = tokio::join!(
        client.group(group(0, 30)),
        client.group(group(100, 30)),
        client.group(group(200, 20)),
    );
    assert!(
        [a, b, c]
            .into_iter()
            .all(|answer| answer.unwrap().iter().all(Result::is_ok))
    );
    assert_eq!(sizes(&memory.arrived()), [30, 50]);
}

#[tokio::test(start_paused = true)]
async fn a_lone_group_goes_at_once_and_in_one_request_whatever_its_parts_have_to_do_with_each_other()
 {
    let (memory, client) = memory(Memory::echo(50));
    let start = Instant::now();
    let mut group = Group::new();
    let first = group.add(lookup(0));
    let lead = group.add(Call::read("crm.lead.get").param("COMPANY_ID", 7));
    let second = group.add(lookup(2));
    let other = group.add(Call::read("crm.lead.get").param("COMPANY_ID", 8));
    let of_other = group.add(Call::read("crm.company.get").param("id", other.field("COMPANY_ID")));
    let of_lead = group.add(Call::read("crm.company.get").param("id", lead.field("COMPANY_ID")));
    let answers = client.group(group).await.unwrap();
    assert_eq!((elapsed_ms(start), sizes(&memory.arrived())), (50, vec![6]));
    let tax = |command| echoed(answers.get(command).unwrap())["filter"]["=UF_CRM_TAX_ID"].clone();
    let id = |command| echoed(answers.get(command).unwrap())["id"].clone();
    assert_eq!((tax(first), tax(second)), (json!("0"), json!("2")));
    assert_eq!((id(of_lead), id(of_other)), (json!("7"), json!("8")));
}

/// A question that needs a contact, between two that need none.
fn with_a_contact() -> (Group, [crate::Command; 5]) {
    let mut group = Group::new();
    let company = group.add(lookup(1));
    let ids = group.add(Call::read("crm.duplicate.findbycomm").param("CONTACT", 5));
    let contact = group.add(Call::read("crm.contact.list").param("ID", ids.field("CONTACT")));
    let owner = group.add(Call::read("crm.company.get").param("id", contact.field("ID")));
    let other = group.add(lookup(2));
    (group, [company, ids, contact, owner, other])
}

#[tokio::test(start_paused = true)]
async fn a_method_that_is_parked_or_refused_takes_only_those_down_that_refer_to_it() {
    for refusal in [
        json!({"error": "OPERATION_TIME_LIMIT", "time": {
            "finish": 1_700_000_000.0, "operating_reset_at": 1_700_000_300}}),
        json!({"error": "insufficient_scope"}),
    ] {
        let is_parked = refusal["error"] == "OPERATION_TIME_LIMIT";
        let handler = move |method: &str, params: &Value| match method {
            "crm.contact.list" => refusal.clone(),
            _ => json!({"result": params.clone(), "time": {}}),
        };
        let (memory, client) = memory(Memory::new(50, Box::new(handler)));
        drop(client.group(with_a_contact().0).await.unwrap());
        assert_eq!(sizes(&memory.arrived()), [5]);
        let start = Instant::now();
        let (group, [company, ids, contact, owner, other]) = with_a_contact();
        let answers = client.group(group).await.unwrap();
        assert_eq!(elapsed_ms(start), 50);
        for command in [company, ids, other] {
            assert!(answers.get(command).unwrap().is_ok(), "{answers:?}");
        }
        let error = |command| answers.get(command).unwrap().as_ref().unwrap_err();
        if is_parked {
            for command in [contact, owner] {
                let Verdict::RetryAfter(Some(after)) = error(command).verdict() else {
                    panic!("{}", error(command));
                };
                assert_eq!(after.as_secs(), 300);
            }
        } else {
            assert!(matches!(error(contact), Error::Configuration { .. }));
            let Error::NotSent { unsent, .. } = error(owner) else {
                panic!("{}", error(owner));
            };
            assert_eq!(*unsent, Unsent::Halted);
        }
        assert_eq!(sizes(&memory.arrived()), [5, 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_writes_keeps_its_order() {
    let handler = |method: &str, params: &Value| match method {
        "crm.company.update" => json!({"error": "OPERATION_TIME_LIMIT", "time": {
            "finish": 1_700_000_000.0, "operating_reset_at": 1_700_000_003}}),
        _ => json!({"result": params.clone(), "time": {}}),
    };
    let (memory, client) = memory(Memory::new(50, Box::new(handler)));
    let update = || Call::write("crm.company.update").param("id", 1);
    drop(
        client
            .write(update().deadline(Duration::from_secs(1)))
            .await,
    );
    let group: Group = [update(), Call::read("crm.company.get").param("id", 1)]
        .into_iter()
        .collect();
    let start = Instant::now();
    drop(client.group(group).await.unwrap());
    assert!(elapsed_ms(start) >= 2900, "{} ms", elapsed_ms(start));
    assert_eq!(
        memory.executed()[1..3],
        ["crm.company.update", "crm.company.get"]
    );
}

#[tokio::test(start_paused = true)]
async fn each_command_has_its_own_result() {
    let handler = |method: &str, params: &Value| match method {
        "crm.company.get" => json!({"error": "", "error_description": "Not found"}),
        _ => json!({"result": params.clone()}),
    };
    let (_memory, client) = memory(Memory::new(50, Box::new(handler)));
    let mut group = Group::new();
    let found = group.add(lookup(1));
    let missing = group.add(Call::read("crm.company.get").param("id", 7));
    let answer = client.group(group).await.unwrap();
    assert!(answer.get(found).unwrap().is_ok());
    assert!(matches!(
        answer.get(missing),
        Some(Err(Error::NotFound { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_halting_group_travels_alone_and_says_what_did_not_run() {
    let handler = |method: &str, params: &Value| match method {
        "crm.contact.add" => json!({"error": "ERROR_CORE", "error_description": "no name"}),
        _ => json!({"result": params.clone()}),
    };
    let (memory, client) = memory(Memory::new(50, Box::new(handler)));
    let mut group: Group = ["crm.company.add", "crm.contact.add", "crm.deal.add"]
        .into_iter()
        .map(Call::write)
        .map(|call| call.param("x", 1))
        .collect();
    group.halt_on_error();
    let (answer, other) = tokio::join!(client.group(group), client.call(lookup(1)));
    assert!(other.is_ok());
    let answers: Vec<_> = answer.unwrap().into_iter().collect();
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(Error::Refused { .. })));
    assert!(matches!(
        answers[2],
        Err(Error::NotSent {
            unsent: Unsent::Halted,
            ..
        })
    ));
    assert_eq!(
        memory.executed(),
        ["crm.company.add", "crm.contact.add", "crm.company.list"]
    );
    let halts: Vec<_> = memory
        .arrived()
        .iter()
        .map(|request| request.halts)
        .collect();
    assert_eq!(halts, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_unresolved_reference_is_not_believed() {
    let handler = |method: &str, params: &Value| match (method, params["id"].as_str()) {
        ("crm.lead.get", Some("1")) => json!({"result": {"ID": "1"}}),
        ("crm.lead.get", Some("2")) => json!({"error": "", "error_description": "Not found"}),
        ("crm.lead.get", Some("3")) => json!({"result": {"COMPANY_ID": null}}),
        ("crm.lead.get", Some("4")) => json!({"result": {"COMPANY_ID": "9"}}),
        ("crm.company.get", _) => json!({"error": "", "error_description": "Not found"}),
        _ => json!({"result": params.clone()}),
    };
    let (_memory, client) = memory(Memory::new(50, Box::new(handler)));
    for (id, expected) in [
        (1, "unresolved"),
        (2, "unresolved"),
        (3, "unresolved"),
        (4, "not found"),
    ] {
        let mut group = Group::new();
        let lead = group.add(Call::read("crm.lead.get").param("id", id));
        let company =
            group.add(Call::read("crm.company.get").param("id", lead.field("COMPANY_ID")));
        let update =
            group.add(Call::write("crm.company.update").param("id", lead.field("COMPANY_ID")));
        let answer = client.group(group).await.unwrap();
        let said = match answer.get(company).unwrap() {
            Err(Error::NoAnswer {
                mishap: Mishap::Unresolved,
                ..
            }) => "unresolved",
            Err(Error::NotFound { .. }) => "not found",
            other => panic!("{other:?}"),
        };
        assert_eq!(said, expected, "lead {id}");
        match answer.get(update).unwrap() {
            Err(Error::MaybeExecuted {
                mishap: Mishap::Unresolved,
                ..
            }) => {
                assert_eq!(expected, "unresolved");
            }
            other => assert!(
                other.is_ok() && expected == "not found",
                "lead {id}: {other:?}"
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_unresolved_command_answered_leads_nowhere_either() {
    // A portal that takes the text of a reference for no condition at all, and answers with somebody.
    let handler = |method: &str, params: &Value| match method {
        "crm.lead.get" => json!({"result": {"COMPANY_ID": null}}),
        "crm.company.get" => json!({"result": {"ID": "1", "ASSIGNED_BY_ID": "3"}}),
        _ => json!({"result": params.clone()}),
    };
    let (memory, client) = memory(Memory::new(50, Box::new(handler)));
    let mut group = Group::new();
    let lead = group.add(Call::read("crm.lead.get").param("id", 7));
    let company = group.add(Call::read("crm.company.get").param("id", lead.field("COMPANY_ID")));
    let user = group.add(Call::read("user.get").param("ID", company.field("ASSIGNED_BY_ID")));
    let update = group.add(Call::write("user.update").param("ID", company.field("ASSIGNED_BY_ID")));
    let answers = client.group(group).await.unwrap();
    assert_eq!(memory.executed().len(), 4);
    assert!(answers.get(lead).unwrap().is_ok());
    for command in [company, user] {
        assert!(
            matches!(
                answers.get(command),
                Some(Err(Error::NoAnswer {
                    mishap: Mishap::Unresolved,
                    ..
                }))
            ),
            "{answers:?}"
        );
    }
    assert!(
        matches!(
            answers.get(update),
            Some(Err(Error::MaybeExecuted {
                mishap: Mishap::Unresolved,
                ..
            }))
        ),
        "{answers:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn groups_that_cannot_be_sent_are_refused_here() {
    let (memory, client) = memory(Memory::echo(50));
    let mut forward = Group::new();
    forward.add(Call::read("a.get"));
    let later = {
        let mut other = Group::new();
        other.add(Call::read("a.get"));
        other.add(Call::read("a.get"))
    };
    forward.add(Call::read("b.get").param("id", later.field("X")));
    let null = [lookup(1), lookup(2).param("x", Value::Null)]
        .into_iter()
        .collect();
    let odd_field = {
        let mut group = Group::new();
        let first = group.add(lookup(1));
        group.add(Call::read("a.get").param("id", first.field("A][B")));
        group
    };
    for (group, expected) in [
        (Group::new(), "no commands"),
        ((0..51).map(lookup).collect(), "50 commands"),
        (forward, "command 1 refers to command 1"),
        (null, "null"),
        (odd_field, "field name"),
        (
            [Call::read("batch")].into_iter().collect(),
            "batches are made by the client",
        ),
    ] {
        let error = client.group(group).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let reference = forward_reference();
    let error = client
        .call(Call::read("a.get").param("id", reference))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("a reference needs a group"),
        "{error}"
    );
    assert!(memory.arrived().is_empty());
}

fn forward_reference() -> crate::Reference {
    Group::new().add(lookup(1)).field("X")
}
