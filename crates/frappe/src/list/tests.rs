use super::*;

#[test]
fn a_bare_list_asks_for_nothing_in_particular() {
    assert_eq!(List::new().query().as_str(), "");
}

#[test]
fn every_part_of_a_list_reaches_the_query() {
    let list = List::new()
        .fields(["name", "customer.custom_orgid as orgid"])
        .fields([child_field("Contact Email", "email_id")])
        .filter(Filter::eq("status", "Open"))
        .or_filter(Filter::new("subject", Op::Like, "%a%"))
        .order_by("modified", Order::Descending)
        .order_by("name", Order::Ascending)
        .group_by("status")
        .parent("Contact")
        .limit(0)
        .start(40);
    let arguments = Value::Object(
        list.arguments()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    );
    let expected = json!({
        "fields": ["name", "customer.custom_orgid as orgid", "`tabContact Email`.email_id"],
        "filters": [["status", "=", "Open"]],
        "or_filters": [["subject", "like", "%a%"]],
        "order_by": "modified desc, name asc",
        "group_by": "status",
        "parent": "Contact",
        "limit_page_length": 0,
        "limit_start": 40,
    });
    assert_eq!(arguments, expected);
}

#[test]
fn filters_are_rows_of_field_operator_and_value() {
    let cases = [
        (Filter::eq("a", 1), json!(["a", "=", 1])),
        (Filter::is_set("a"), json!(["a", "is", "set"])),
        (Filter::is_not_set("a"), json!(["a", "is", "not set"])),
        (
            Filter::new("a", Op::Between, vec!["2024-01-01", "2024-02-01"]),
            json!(["a", "between", ["2024-01-01", "2024-02-01"]]),
        ),
        (
            Filter::eq("email_id", "x@example.com").of("Contact Email"),
            json!(["Contact Email", "email_id", "=", "x@example.com"]),
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(filter.to_json(), expected);
    }
}

#[test]
fn operators_are_spelled_as_frappe_spells_them() {
    // The list that Frappe 15.50 gives when it refuses another one, without the two it marks as obsolete.
    let operators = [
        (Op::Eq, "="),
        (Op::NotEq, "!="),
        (Op::Greater, ">"),
        (Op::Less, "<"),
        (Op::GreaterOrEq, ">="),
        (Op::LessOrEq, "<="),
        (Op::Like, "like"),
        (Op::NotLike, "not like"),
        (Op::In, "in"),
        (Op::NotIn, "not in"),
        (Op::Is, "is"),
        (Op::Between, "between"),
        (Op::Timespan, "timespan"),
        (Op::AncestorsOf, "ancestors of"),
        (Op::DescendantsOf, "descendants of"),
        (Op::NotAncestorsOf, "not ancestors of"),
        (Op::NotDescendantsOf, "not descendants of"),
        (Op::DescendantsOfInclusive, "descendants of (inclusive)"),
    ];
    for (op, spelled) in operators {
        assert_eq!(op.as_str(), spelled);
    }
}

#[test]
fn filters_that_only_say_equal_are_an_object() {
    let name = || Filter::eq("name", "0001");
    let cases = [
        (vec![], json!({})),
        (vec![name()], json!({"name": "0001"})),
        (
            vec![name(), Filter::eq("status", "Open")],
            json!({"name": "0001", "status": "Open"}),
        ),
        (
            vec![name(), name()],
            json!([["name", "=", "0001"], ["name", "=", "0001"]]),
        ),
        (
            vec![name().of("Child")],
            json!([["Child", "name", "=", "0001"]]),
        ),
        (
            vec![name(), Filter::is_set("x")],
            json!([["name", "=", "0001"], ["x", "is", "set"]]),
        ),
    ];
    for (filters, expected) in cases {
        assert_eq!(filters_to_json(&filters), expected);
    }
}

#[test]
fn a_row_has_its_name_unless_other_fields_are_asked_for() {
    assert!(List::new().has_field("name"));
    assert!(!List::new().has_field("modified"));
    assert!(List::new().fields(["*"]).has_field("modified"));
    assert!(!List::new().fields(["subject"]).has_field("name"));
}
