use proptest::prelude::*;

use super::*;

fn span(from: u16, to: u16) -> Span {
    Span::new(from * 60, to * 60).expect("a span")
}

/// Monday to Friday, 8 to 12 and 13 to 17; the first of May is free, and the second, a Saturday, is worked on.
fn office(zone: &str) -> WorkingTime {
    let day = vec![span(8, 12), span(13, 17)];
    let mut hours = WorkingTime::always(TimeZone::get(zone).expect("a zone"));
    for (index, of_day) in hours.week.iter_mut().enumerate() {
        *of_day = if index < 5 { day.clone() } else { Vec::new() };
    }
    hours.holidays.insert(date("2026-05-01"));
    hours
        .other_days
        .insert(date("2026-05-02"), vec![span(9, 11)]);
    hours
}

fn date(text: &str) -> Date {
    text.parse().expect("a day")
}

fn at(text: &str, zone: &str) -> Timestamp {
    let civil: jiff::civil::DateTime = text.parse().expect("a time");
    let zone = TimeZone::get(zone).expect("a zone");
    zone.to_timestamp(civil).expect("a time that is")
}

const HANOI: &str = "Asia/Ho_Chi_Minh";

#[test]
fn minutes_are_counted_in_working_time() {
    let hours = office(HANOI);
    for (from, minutes, expected) in [
        ("2026-04-29T10:00", 60, "2026-04-29T11:00"),
        // Over lunch.
        ("2026-04-29T11:30", 60, "2026-04-29T13:30"),
        ("2026-04-29T11:30", 30, "2026-04-29T12:00"),
        // Over night.
        ("2026-04-29T16:30", 60, "2026-04-30T08:30"),
        ("2026-04-29T20:00", 60, "2026-04-30T09:00"),
        // Over a holiday, to a Saturday that is worked on, to Monday.
        ("2026-04-30T16:30", 60, "2026-05-02T09:30"),
        ("2026-04-30T16:30", 180, "2026-05-04T08:30"),
        ("2026-04-29T20:00", 0, "2026-04-30T08:00"),
        ("2026-04-29T10:00", 0, "2026-04-29T10:00"),
    ] {
        let due = hours.after(at(from, HANOI), minutes);
        assert_eq!(
            due,
            Some(at(expected, HANOI)),
            "{from} and {minutes} minutes"
        );
    }
}

#[test]
fn it_is_working_time_from_the_first_moment_of_a_span_until_its_end() {
    let hours = office(HANOI);
    for (moment, expected) in [
        ("2026-04-29T07:59:59", false),
        ("2026-04-29T08:00", true),
        ("2026-04-29T11:59:59", true),
        ("2026-04-29T12:00", false),
        ("2026-05-01T10:00", false),
        ("2026-05-02T10:00", true),
        ("2026-05-02T14:00", false),
        ("2026-05-03T10:00", false),
    ] {
        assert_eq!(hours.is_working(at(moment, HANOI)), expected, "{moment}");
    }
}

#[test]
fn minutes_pass_while_clocks_are_changed() {
    let zone = "Europe/Berlin";
    let always = WorkingTime::always(TimeZone::get(zone).expect("a zone"));
    // Nights of 23 and of 25 hours.
    for (from, expected) in [
        ("2026-03-29T00:30", "2026-03-29T02:30:00Z"),
        ("2026-10-25T00:30", "2026-10-25T01:30:00Z"),
    ] {
        let expected: Timestamp = expected.parse().expect("a time");
        assert_eq!(always.after(at(from, zone), 180), Some(expected));
    }
    // The hour that does not come is no working time.
    let mut night = always;
    night.week = std::array::from_fn(|_| vec![span(2, 3)]);
    let from = at("2026-03-28T12:00", zone);
    assert_eq!(night.after(from, 30), Some(at("2026-03-30T02:30", zone)));
    night.week = std::array::from_fn(|_| vec![span(1, 4)]);
    assert_eq!(night.after(from, 90), Some(at("2026-03-29T03:30", zone)));
}

#[test]
fn who_never_works_has_no_deadline() {
    let mut hours = office(HANOI);
    hours.week = Default::default();
    assert_eq!(hours.after(at("2026-06-01T10:00", HANOI), 10), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn as_many_minutes_are_worked_as_were_asked_for(
        from_minutes in 0_i64..600_000,
        minutes in 1_u32..3_000,
        zone in proptest::sample::select(vec![HANOI, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ) {
        let hours = office(zone);
        let minute = SignedDuration::from_mins(1);
        let from = at("2026-01-01T00:00", zone);
        let from = from.checked_add(SignedDuration::from_mins(from_minutes)).unwrap();
        let due = hours.after(from, minutes).expect("they work");
        let (mut worked, mut moment) = (0_u32, from);
        while moment < due {
            worked += u32::from(hours.is_working(moment));
            moment = moment.checked_add(minute).unwrap();
        }
        prop_assert_eq!(worked, minutes);
        let last = due.checked_sub(minute).unwrap();
        prop_assert!(hours.is_working(last), "it is no later than it has to be");
    }
}
