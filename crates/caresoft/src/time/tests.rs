use super::*;

fn check(text: &str, zone: &Zone, expected: Option<&str>) {
    let expected = expected.map(|expected| expected.parse::<Timestamp>().unwrap());
    assert_eq!(zone.read(text), expected, "{text}");
}

#[test]
fn every_form_of_a_time_is_one_instant() {
    let zone = Zone::default();
    let expected = Some("2021-10-06T02:45:53Z");
    for text in [
        "1633488353000",
        " 1633488353000 ",
        "1.633488353E12",
        "1633488353",
        "Wed Oct 06 09:45:53 ICT 2021",
        "Wed Oct 06 02:45:53 UTC 2021",
        "Wed Oct 06 09:45:53 GMT+07:00 2021",
        "Wed Oct 06 09:45:53 XYZ 2021",
        "2021-10-06 09:45:53",
        "2021-10-06T09:45:53",
        "2021-10-06T09:45:53Z",
        "2021-10-06T09:45:53+07:00",
        "2021-10-06T02:45:53+00:00",
    ] {
        check(text, &zone, expected);
    }
    check("1633488353675", &zone, Some("2021-10-06T02:45:53.675Z"));
}

#[test]
fn what_is_no_time_is_none() {
    for text in [
        "",
        " ",
        "0",
        "-1",
        "soon",
        "5.5",
        "Wed Oct 06",
        "Wed Foo 06 09:45:53 ICT 2021",
        "inf",
        "NaN",
        "99999999999999999999",
    ] {
        check(text, &Zone::default(), None);
    }
}

#[test]
fn z_means_what_the_account_says() {
    let utc = Zone {
        z: Z::Utc,
        ..Zone::default()
    };
    check("2021-10-06T09:45:53Z", &utc, Some("2021-10-06T09:45:53Z"));
    check("2021-10-06 09:45:53", &utc, Some("2021-10-06T02:45:53Z"));
    let instant = "2021-10-06T18:45:53.9Z".parse().unwrap();
    assert_eq!(Zone::default().write(instant), "2021-10-07T01:45:53Z");
    assert_eq!(utc.write(instant), "2021-10-06T18:45:53Z");
}

#[test]
fn a_second_is_not_an_age() {
    let at =
        |milliseconds: i64| Timestamp::from_millisecond(1_684_384_652_133 + milliseconds).unwrap();
    for (apart, expected) in [
        (-1001, Age::Older),
        (-1000, Age::Same),
        (-133, Age::Same),
        (0, Age::Same),
        (1000, Age::Same),
        (1001, Age::Newer),
    ] {
        assert_eq!(age(at(apart), at(0)), expected, "{apart}");
    }
}
