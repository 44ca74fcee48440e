use super::*;

#[test]
fn names_that_do_not_clearly_read_are_writes() {
    for (method, expected) in [
        ("crm.company.list", Kind::Read),
        ("crm.company.LIST", Kind::Read),
        ("crm.company.get", Kind::Read),
        ("crm.company.contact.items.get", Kind::Read),
        ("crm.company.fields", Kind::Read),
        ("crm.duplicate.findbycomm", Kind::Read),
        ("telephony.externalCall.searchCrmEntities", Kind::Read),
        ("user.current", Kind::Read),
        ("profile", Kind::Read),
        ("server.time", Kind::Read),
        ("scope", Kind::Read),
        ("crm.company.add", Kind::Write),
        ("crm.company.update", Kind::Write),
        ("telephony.externalCall.register", Kind::Write),
        ("event.offline.get", Kind::Write),
        ("something.new", Kind::Write),
        ("widget.target", Kind::Write),
    ] {
        assert_eq!(Call::new(method).kind(), expected, "{method}");
    }
}

#[test]
fn calls_that_cannot_mean_what_they_say_have_a_flaw() {
    for (method, is_flawed) in [
        ("crm.company.list", false),
        ("tasks.flow.Flow.create", false),
        ("", true),
        ("crm/../profile", true),
        ("crm.company.list?x=1", true),
        ("crm company", true),
        ("Batch", true),
    ] {
        assert_eq!(Call::read(method).flaw().is_some(), is_flawed, "{method}");
    }
}

#[test]
fn parameters_that_are_no_object_are_not_dropped_in_silence() {
    let call = Call::read("crm.company.list").params(serde_json::json!([{"filter": 1}]));
    assert!(call.flaw().is_some());
    let call = Call::read("crm.company.list").params(serde_json::json!({"filter": {}}));
    assert!(call.flaw().is_none());
}
