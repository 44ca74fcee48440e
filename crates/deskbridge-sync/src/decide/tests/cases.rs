//! What leads and deals write, and tickets that become them.

use serde_json::{Value, json};

use super::{
    super::write::{CaseKind, SaveCase, Write},
    world::{World, account},
};

const AT: i64 = 1_767_580_200_000;
const MAPPING: &str = r#"
    [[agents]]
    id = 3
    email = "an@helpdesk.example"
    crm_user = 12
    [lead]
    statuses = { 525 = "IN_PROCESS" }
    sources = { web = "WEB" }
    fields = { UF_CRM_KIND = "custom.addition_field1.value", COMMENTS = "activity" }
    [deal]
    pipelines = { 56 = "1" }
    stages = { 376 = "C1:NEW" }
    currency = "VND"
    "#;

fn event(object: &str, action: &str, second: i64, more: &Value, envelope: &Value) -> Vec<u8> {
    let mut shown =
        json!({format!("{object}_id"): 7, "updated_at": AT + second * 1000, "requester_id": 5});
    let mut event = json!({"object": object, "action": action});
    let (Value::Object(fields), Value::Object(more)) = (&mut shown, more) else {
        panic!("objects")
    };
    fields.extend(more.clone());
    let (Value::Object(members), Value::Object(envelope)) = (&mut event, envelope) else {
        panic!("objects")
    };
    members.insert(object.to_owned(), shown);
    members.extend(envelope.clone());
    event.to_string().into_bytes()
}

fn lead(action: &str, second: i64, more: &Value) -> Vec<u8> {
    event("lead", action, second, more, &json!({}))
}

fn deal(action: &str, second: i64, more: &Value) -> Vec<u8> {
    event("deal", action, second, more, &json!({}))
}

fn user() -> Vec<u8> {
    json!({"object": "user", "action": "create", "user": {"id": 5, "username": "An", "phone_no": "0900000456", "updated_at": AT}})
        .to_string()
        .into_bytes()
}

fn cases(writes: &[Write]) -> Vec<&SaveCase> {
    let cases = writes.iter().filter_map(|write| match write {
        Write::SaveCase(save) => Some(save),
        _ => None,
    });
    cases.collect()
}

#[test]
fn a_lead_has_what_the_tables_and_expressions_say() {
    let account = account(MAPPING);
    let mut world = World::of(&account, &[user()]);
    let shown = json!({"name": "Forty  cups", "lead_status_id": 525, "source": "Web", "assignee_id": 3,
        "addition_fields": [{"field": "addition_field1", "value": "b"}], "activity": {"comment": "<b>hi</b><script>"}});
    let writes = world.take(&account, &lead("create", 0, &shown));
    let [save] = cases(&writes)[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(save.kind, CaseKind::Lead);
    let all = json!({"TITLE": "Forty cups", "STATUS_ID": "IN_PROCESS", "SOURCE_ID": "WEB", "ASSIGNED_BY_ID": "12", "UF_CRM_KIND": "b", "COMMENTS": "<b>hi</b>"});
    assert_eq!(json!(save.all), all);
    assert_eq!(
        save.requester.as_ref().map(|person| person.phones.clone()),
        Some(vec!["0900000456".to_owned()])
    );
    let key = world
        .effects
        .last()
        .expect("an effect")
        .idempotency_key
        .as_str();
    assert_eq!(key, "main:case:7/caresoft.save_case/lead@1");
}

#[test]
fn a_deal_has_what_the_tables_say() {
    let account = account(MAPPING);
    let mut world = World::default();
    let shown = json!({"name": "Cups", "pipeline_id": 56, "pipeline_stage_id": "376", "value": 1_000_000, "probability": 5,
        // The end of a day in the account's zone.
        "estimated_closed_date": 1_713_200_399_000_i64});
    let writes = world.take(&account, &deal("create", 0, &shown));
    let [save] = cases(&writes)[..] else {
        panic!("{writes:?}")
    };
    let all = json!({"TITLE": "Cups", "CATEGORY_ID": "1", "STAGE_ID": "C1:NEW", "OPPORTUNITY": "1000000", "CURRENCY_ID": "VND", "PROBABILITY": "5", "CLOSEDATE": "2024-04-15"});
    assert_eq!(json!(save.all), all);
    assert!(!save.was_lead);

    let writes = world.take(&account, &deal("update", 10, &json!({"value": 2_000_000})));
    assert_eq!(
        json!(cases(&writes)[0].changed),
        json!({"OPPORTUNITY": "2000000"})
    );
}

#[test]
fn a_lead_that_becomes_a_deal_stays_its_lead() {
    let account = account(MAPPING);
    let made = lead("create", 0, &json!({"name": "Cups", "lead_status_id": 525}));
    let converted = event(
        "deal",
        "convert",
        10,
        &json!({"name": "Cups"}),
        &json!({"convert_from_object": "lead"}),
    );
    let mut world = World::of(&account, std::slice::from_ref(&made));
    let writes = world.take(&account, &converted);
    let [lead, deal] = cases(&writes)[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(
        (lead.kind, json!(lead.changed)),
        (CaseKind::Lead, json!({"STATUS_ID": "CONVERTED"}))
    );
    assert_eq!((deal.kind, deal.was_lead), (CaseKind::Deal, true));
    // The lead's event may come late, or never.
    let late = World::of(&account, &[converted.clone(), made]);
    assert_eq!(late.outcome(), world.outcome());
    let alone = World::of(&account, &[converted]);
    assert_eq!(alone.desk["main:case:7/\"deal\""]["was_lead"], true);
}

#[test]
fn a_ticket_that_becomes_a_lead_keeps_its_ticket() {
    let account = account(MAPPING);
    let ticket = json!({"object": "ticket", "action": "create", "ticket": {"ticket_id": 7, "ticket_subject": "Cups", "ticket_status": "open", "requester_id": 5, "updated_at": AT}});
    let mut world = World::of(&account, &[ticket.to_string()]);
    let converted = event(
        "lead",
        "convert",
        10,
        &json!({"name": "Cups"}),
        &json!({"convert_from_object": "ticket"}),
    );
    let writes = world.take(&account, &converted);
    assert!(
        matches!(writes.as_slice(), [Write::SaveCase(_)]),
        "{writes:?}"
    );
    assert_eq!(world.ticket(7)["status"], "Open");
    assert!(world.desk.contains_key("main:case:7/\"lead\""));
}

#[test]
fn a_customer_who_becomes_known_later_is_found_in_the_crm_all_the_same() {
    let account = account(MAPPING);
    let mut world = World::of(&account, &[lead("create", 0, &json!({"name": "Cups"}))]);
    assert_eq!(world.desk["main:case:7/\"lead\""]["requester"], json!(null));
    let writes = world.take(&account, &user());
    let [save] = cases(&writes)[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(json!(save.changed), json!({}));
    assert_eq!(
        json!(save.requester),
        json!({"phones": ["0900000456"], "emails": []})
    );
}

#[test]
fn without_a_crm_leads_are_known_and_not_written() {
    let mut account = account(MAPPING);
    account.crm = None;
    let mut world = World::default();
    assert_eq!(
        world.take(&account, &lead("create", 0, &json!({"name": "Cups"}))),
        []
    );
    assert!(world.known.keys().any(|record| record.kind() == "case"));
}

#[test]
fn tables_that_nobody_filled_are_not_complained_of() {
    let account = account("");
    let mut world = World::default();
    let shown = json!({"name": "Cups", "lead_status_id": 525, "source": "Web", "assignee_id": 1});
    world.take(&account, &lead("create", 0, &shown));
    assert_eq!(world.notes, []);
    let configured = super::world::account(MAPPING);
    let mut world = World::default();
    let shown = json!({"name": "Cups", "lead_status_id": 526, "assignee_id": 1});
    world.take(&configured, &lead("create", 0, &shown));
    let notes: Vec<String> = world.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "lead.statuses of the mapping has no row for \"526\"",
            "agents of the mapping has no crm_user for 1",
        ]
    );
}

#[test]
fn an_expression_goes_before_a_table() {
    let account = account("[lead]\nfields = { TITLE = \"'Lead ' ~ lead_id\" }");
    let mut world = World::default();
    let writes = world.take(&account, &lead("create", 0, &json!({"name": "Cups"})));
    assert_eq!(cases(&writes)[0].all["TITLE"], "Lead 7");
}
