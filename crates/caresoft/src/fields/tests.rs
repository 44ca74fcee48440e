use super::*;

const SWAPPED: &str = r#"{
    "number": 5, "text": "5", "double": 5.0, "java": 5E0, "blank": "  ", "null": null, "zero": 0, "minus": -1,
    "padded": " x ", "upper": "Normal", "true": true, "one": "1", "no": "false", "odd": "maybe",
    "empty_list": [], "alone": [{"a": 1}], "two": [{"a": 1}, {"a": 2}], "object": {"a": 1},
    "list": [7, "8", 7, [9]], "commas": "7, 8,x,-1", "big": 99999999999999999999
}"#;

fn with(check: impl FnOnce(Fields<'_>)) {
    check(Fields::of(&Json::read(SWAPPED.as_bytes()).unwrap()));
}

#[test]
fn ids_are_read_from_every_way_to_write_a_number() {
    with(|fields| {
        for (name, expected) in [
            ("number", Some(5)),
            ("text", Some(5)),
            ("double", Some(5)),
            ("java", Some(5)),
            ("blank", None),
            ("null", None),
            ("zero", None),
            ("minus", None),
            ("padded", None),
            ("missing", None),
            ("big", None),
            ("object", None),
        ] {
            assert_eq!(fields.id(name).map(Id::get), expected, "{name}");
        }
        let ids = |name| {
            fields
                .ids(name)
                .into_iter()
                .map(Id::get)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("list"), [7, 8, 9]);
        assert_eq!(ids("commas"), [7, 8]);
        assert_eq!(ids("number"), [5]);
        assert_eq!(ids("null"), [0; 0]);
    });
}

#[test]
fn a_blank_was_not_said() {
    with(|fields| {
        for (name, expected) in [
            ("blank", None),
            ("null", None),
            ("missing", None),
            ("empty_list", None),
            ("object", None),
            ("padded", Some("x")),
            ("number", Some("5")),
            ("big", Some("99999999999999999999")),
            ("true", Some("true")),
            ("zero", Some("0")),
        ] {
            assert_eq!(fields.text(name).as_deref(), expected, "{name}");
        }
        assert_eq!(fields.word("upper").as_deref(), Some("normal"));
    });
}

#[test]
fn flags_are_numbers_words_or_themselves() {
    with(|fields| {
        for (name, expected) in [
            ("true", Some(true)),
            ("one", Some(true)),
            ("zero", Some(false)),
            ("no", Some(false)),
            ("odd", None),
            ("blank", None),
            ("missing", None),
        ] {
            assert_eq!(fields.flag(name), expected, "{name}");
        }
    });
}

#[test]
fn an_object_may_stand_alone_in_an_array_and_an_empty_array_for_none() {
    with(|fields| {
        for (name, expected) in [
            ("object", Some(1)),
            ("alone", Some(1)),
            ("two", None),
            ("empty_list", None),
            ("number", None),
        ] {
            assert_eq!(fields.object(name).whole("a"), expected, "{name}");
        }
    });
}
