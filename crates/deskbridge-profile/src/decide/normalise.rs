//! Values as Bitrix24 writes them, made fit to be shown.

use bigdecimal::{BigDecimal, Zero as _};
use bitrix24::{Moment, Row};
use jiff::{civil::Date, tz::TimeZone};

/// Places that a decimal may have on either side of its point; what is longer is left as it was written.
const PLACES_MAX: i64 = 60;

/// Text of a field: a list gives its first value that is not empty, a multifield its `VALUE`, blanks are
/// trimmed, empty is nothing. A portal writes *no* and *nothing* alike as `false`.
pub fn text(row: &Row, field: &str) -> Option<String> {
    let plain = row.text(field).map(|text| text.trim().to_owned());
    let yes = || (row.flag(field) == Some(true)).then(|| "true".to_owned());
    plain
        .or_else(yes)
        .or_else(|| row.list(field).first().map(|text| text.trim().to_owned()))
        .or_else(|| {
            row.multifields(field)
                .first()
                .map(|value| value.value.trim().to_owned())
        })
        .filter(|text| !text.is_empty())
}

/// A decimal without exponent and trailing zeros: any zero is `0`, `580.0000000` is `580`. What is no
/// number stays as it is.
pub fn decimal(text: &str) -> String {
    let Ok(number) = text.trim().parse::<BigDecimal>() else {
        return text.to_owned();
    };
    if number.is_zero() {
        return "0".to_owned();
    }
    let number = number.normalized();
    let (_, scale) = number.as_bigint_and_exponent();
    let digits = i64::try_from(number.digits()).unwrap_or(i64::MAX);
    if scale.abs() > PLACES_MAX || digits > PLACES_MAX {
        return text.to_owned();
    }
    number.to_plain_string()
}

/// Date, time and offset.
const ISO: &str = "%Y-%m-%dT%H:%M:%S%:z";

/// A date as it is shown and as programs read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownDate {
    /// The calendar day.
    pub day: Date,
    /// `dd/MM/yyyy`.
    pub shown: String,
    /// ISO 8601, with time and offset where they were written.
    pub iso: String,
}

/// Reads a date. Its calendar day is the one that is written, unless a zone is configured in which it is
/// to be told and the value has an offset.
pub fn date(text: &str, zone: Option<&TimeZone>) -> Option<ShownDate> {
    let moment = Moment::parse(text)?;
    let in_zone = zone
        .zip(moment.timestamp())
        .map(|(zone, instant)| instant.to_zoned(zone.clone()));
    let (day, iso) = match in_zone {
        Some(zoned) => (zoned.date(), zoned.strftime(ISO).to_string()),
        None => (moment.date(), written_iso(text.trim(), &moment)),
    };
    let shown = format!("{:02}/{:02}/{:04}", day.day(), day.month(), day.year());
    Some(ShownDate { day, shown, iso })
}

/// A date alone stays a date alone, and a time without an offset stays without.
fn written_iso(text: &str, moment: &Moment) -> String {
    match moment.offset() {
        _ if !text.contains(':') => moment.date().to_string(),
        None => moment.civil().to_string(),
        Some(offset) => {
            let zoned = offset.to_time_zone().to_zoned(moment.civil());
            zoned.map_or_else(
                |_out_of_range| moment.to_string(),
                |zoned| zoned.strftime(ISO).to_string(),
            )
        }
    }
}

/// Whether a text is an ISO date and time, which no name or code looks like.
pub fn is_iso_datetime(text: &str) -> bool {
    let shape = |position: usize, byte: u8| match position {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    let start = text.as_bytes().get(..16);
    start.is_some_and(|start| {
        start
            .iter()
            .enumerate()
            .all(|(position, byte)| shape(position, *byte))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_plain() {
        for (text, expected) in [
            ("0E-7", "0"),
            ("0", "0"),
            ("-0.000", "0"),
            ("0e100", "0"),
            ("580.0000000", "580"),
            ("580", "580"),
            ("12.50", "12.5"),
            ("1.25E+3", "1250"),
            ("1E-7", "0.0000001"),
            ("-3.10", "-3.1"),
            (" 7.0 ", "7"),
            (
                "0.1000000000000000055511151231257827",
                "0.1000000000000000055511151231257827",
            ),
            ("HSI_1", "HSI_1"),
            ("", ""),
            ("1,5", "1,5"),
            ("1E+999999999", "1E+999999999"),
            ("1E-999999999", "1E-999999999"),
        ] {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_keep_the_day_that_is_written() {
        let saigon = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
        for (text, zone, shown, iso) in [
            (
                "2027-01-20T00:00:00+03:00",
                None,
                "20/01/2027",
                "2027-01-20T00:00:00+03:00",
            ),
            (
                "2027-01-20T22:30:00+03:00",
                None,
                "20/01/2027",
                "2027-01-20T22:30:00+03:00",
            ),
            (
                "2027-01-20T22:30:00+03:00",
                Some(&saigon),
                "21/01/2027",
                "2027-01-21T02:30:00+07:00",
            ),
            (
                "2027-01-20T00:00:00+03:00",
                Some(&saigon),
                "20/01/2027",
                "2027-01-20T04:00:00+07:00",
            ),
            ("2027-01-20", Some(&saigon), "20/01/2027", "2027-01-20"),
            (
                "24.08.2023 13:19:39",
                None,
                "24/08/2023",
                "2023-08-24T13:19:39",
            ),
            (
                "2024-07-23 08:08:50",
                None,
                "23/07/2024",
                "2024-07-23T08:08:50",
            ),
        ] {
            let read = date(text, zone).unwrap();
            assert_eq!(
                (read.shown.as_str(), read.iso.as_str()),
                (shown, iso),
                "{text}"
            );
        }
        for text in ["", "{}", "soon", "2027-13-01"] {
            assert_eq!(date(text, None), None, "{text}");
        }
    }

    #[test]
    fn texts_come_out_of_whatever_shape_a_portal_sends() {
        let row: Row = serde_json::from_str(
            r#"{"A": "  Tiệm Hoa ", "B": ["", "first", "second"], "C": [{"VALUE": " a@b.example ", "ID": "1"}],
                "D": "", "E": null, "F": false, "L": true, "G": [], "H": {}, "I": 12, "J": "  "}"#,
        )
        .unwrap();
        for (field, expected) in [
            ("A", Some("Tiệm Hoa")),
            ("B", Some("first")),
            ("C", Some("a@b.example")),
            ("D", None),
            ("E", None),
            ("F", None),
            ("G", None),
            ("H", None),
            ("I", Some("12")),
            ("J", None),
            ("K", None),
            ("L", Some("true")),
        ] {
            assert_eq!(text(&row, field).as_deref(), expected, "{field}");
        }
    }

    #[test]
    fn only_iso_times_look_like_them() {
        assert!(is_iso_datetime("2016-01-19T11:12:14+03:00"));
        for text in [
            "2016-01-19",
            "19.01.2016 11:12",
            "HSI_1",
            "2016-01-19 11:12:14",
            "",
        ] {
            assert!(!is_iso_datetime(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_a_decimal_twice_changes_nothing(text in "-?[0-9]{1,12}(\\.[0-9]{0,9})?([eE][+-]?[0-9]{1,3})?|.*") {
            let once = decimal(&text);
            prop_assert_eq!(decimal(&once), once);
        }

        #[test]
        fn no_text_breaks_the_date_reader(text in ".*|[0-9.:TZ +-]{0,30}") {
            drop(date(&text, None));
            prop_assert!(!is_iso_datetime(&text) || text.len() >= 16);
        }
    }
}
