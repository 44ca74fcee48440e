use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

#[test]
fn what_frappe_writes_is_read() {
    let cases = [
        ("2026-11-21 05:51:06.765860", "2026-11-21 05:51:06.765860"),
        ("2026-11-23 18:00:00", "2026-11-23 18:00:00.000000"),
        ("2026-11-23T18:00:00", "2026-11-23 18:00:00.000000"),
        ("2026-11-23", "2026-11-23 00:00:00.000000"),
        ("2026-11-23 4:47:29.675473", "2026-11-23 04:47:29.675473"),
        ("2026-11-23 04:47", "2026-11-23 04:47:00.000000"),
        ("2026-11-23 04:47:29.5", "2026-11-23 04:47:29.500000"),
        (
            "2026-11-23 04:47:29.123456789",
            "2026-11-23 04:47:29.123456",
        ),
        (" 2026-11-23 04:47:29 ", "2026-11-23 04:47:29.000000"),
        ("2024-02-29", "2024-02-29 00:00:00.000000"),
    ];
    for (text, expected) in cases {
        let time: SiteTime = text.parse().unwrap();
        assert_eq!(time.to_string(), expected, "{text}");
    }
}

#[test]
fn what_is_no_site_time_is_refused() {
    let texts = [
        "",
        "10/05/2024",
        "1715300000",
        "2024-05-10T10:00:00Z",
        "2024-05-10T10:00:00+03:00",
        "2024-05-10 10:00:00 +03:00",
        "2024-05-10 10:00:00-03:00",
        "2023-02-29",
        "2024-13-01",
        "24-05-10",
        "2024-05-10-1",
        "2024-05-10 25:00:00",
        "2024-05-10 10:60:00",
        "2024-05-10 10",
        "2024-05-10 10:00:00:00",
        "2024-05-10 10:00:00.",
        "2024-05-10 10:00:00.1234567890",
        "2024-05-10 10:00:00.12x",
        "2024-05-10 -1:00:00",
        "0000-00-00 00:00:00",
        "2024-05-10 +1:00:00",
    ];
    for text in texts {
        assert!(text.parse::<SiteTime>().is_err(), "{text}");
    }
}

#[test]
fn a_time_field_is_read_with_and_without_its_leading_zero() {
    let expected = Time::new(4, 47, 29, 675_473_000).unwrap();
    for text in ["04:47:29.675473", "4:47:29.675473"] {
        assert_eq!(parse_time_of_day(text).unwrap(), expected);
    }
    assert_eq!(
        parse_time_of_day("23:59:59").unwrap(),
        Time::constant(23, 59, 59, 0)
    );
    for text in ["-1:00:00", "24:00:00", "838:59:59", "", ":", "1:2:3:4"] {
        assert!(parse_time_of_day(text).is_err(), "{text}");
    }
}

#[test]
fn an_instant_becomes_the_sites_time_and_back() {
    let cases = [
        (
            "2024-05-10T10:00:00+03:00",
            "Asia/Ho_Chi_Minh",
            "2024-05-10 14:00:00.000000",
        ),
        (
            "2024-05-10T23:30:00Z",
            "Asia/Ho_Chi_Minh",
            "2024-05-11 06:30:00.000000",
        ),
        (
            "2024-05-10T10:00:00.1234567Z",
            "UTC",
            "2024-05-10 10:00:00.123456",
        ),
        (
            "2024-07-01T12:00:00Z",
            "Europe/Berlin",
            "2024-07-01 14:00:00.000000",
        ),
        (
            "2024-01-01T12:00:00Z",
            "Europe/Berlin",
            "2024-01-01 13:00:00.000000",
        ),
    ];
    for (instant, site, expected) in cases {
        let site = zone(site);
        let time = SiteTime::parse_instant(instant, &site).unwrap();
        assert_eq!(time.to_string(), expected, "{instant}");
        assert_eq!(SiteTime::new(time.in_zone(&site).unwrap(), &site), time);
    }
    assert!(SiteTime::parse_instant("2024-05-10 10:00:00", &zone("UTC")).is_err());
}

#[test]
fn a_time_that_the_clock_shows_twice_is_the_first_and_one_it_skips_moves_on() {
    let berlin = zone("Europe/Berlin");
    let cases = [
        ("2024-10-27 02:30:00", "2024-10-27T00:30:00Z"),
        ("2024-03-31 02:30:00", "2024-03-31T01:30:00Z"),
    ];
    for (site_time, instant) in cases {
        let time: SiteTime = site_time.parse().unwrap();
        let expected: Timestamp = instant.parse().unwrap();
        assert_eq!(time.in_zone(&berlin).unwrap(), expected, "{site_time}");
    }
}

#[test]
fn a_site_time_is_written_as_text() {
    let time: SiteTime = "2024-05-10".parse().unwrap();
    let json = serde_json::to_string(&time).unwrap();
    assert_eq!(json, "\"2024-05-10 00:00:00.000000\"");
    assert_eq!(serde_json::from_str::<SiteTime>(&json).unwrap(), time);
    assert_eq!(serde_json::Value::from(time), "2024-05-10 00:00:00.000000");
}

proptest::proptest! {
    #[test]
    fn every_instant_survives_the_way_to_the_site_and_back(
        // From 1976 on: before that, Vietnam put its clocks back several times, and those hours exist twice.
        microseconds in 200_000_000_000_000_i64..4_000_000_000_000_000,
    ) {
        let site = zone("Asia/Ho_Chi_Minh");
        let instant = Timestamp::from_microsecond(microseconds).unwrap();
        let time = SiteTime::new(instant, &site);
        proptest::prop_assert_eq!(time.in_zone(&site).unwrap(), instant);
        proptest::prop_assert_eq!(time.to_string().parse::<SiteTime>().unwrap(), time);
    }

    #[test]
    fn no_text_panics_the_parser(text in "\\PC{0,40}") {
        drop(text.parse::<SiteTime>());
        drop(parse_time_of_day(&text));
    }
}
