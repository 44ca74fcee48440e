//! What a column holds, and how values get into it and out of it again.
//!
//! Times are naive and in the site's zone. The database refuses a date with an offset, a `Z`, another
//! order of day and month, or a number (observed: 500 `OperationalError` 1292).

use jiff::civil;
use serde_json::Value;

/// One value of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Float(f64),
    /// Text, and dates and times in the database's own form.
    Text(Box<str>),
}

/// What a fieldtype means for storage and for checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A text of at most 140 characters unless the field says otherwise.
    Data,
    /// A text of any length that is not looked into.
    Long,
    /// A text of any length that may hold HTML, which is sanitised.
    Html,
    /// Source text: any length, never sanitised.
    Code,
    Link,
    DynamicLink,
    Select,
    Password,
    Int,
    Check,
    Float,
    /// Seconds; the only number that may be absent.
    Duration,
    Date,
    Datetime,
    Time,
    Table,
    /// A break, a button, a heading: nothing is stored.
    Layout,
}

impl Kind {
    /// The kind of a fieldtype; an unknown one stores nothing.
    pub(crate) fn of(fieldtype: &str) -> Self {
        match fieldtype {
            "Data" | "Read Only" | "Phone" | "Autocomplete" | "Color" | "Icon" => Self::Data,
            "Link" => Self::Link,
            "Dynamic Link" => Self::DynamicLink,
            "Select" => Self::Select,
            "Password" => Self::Password,
            "Int" => Self::Int,
            "Check" => Self::Check,
            "Float" | "Currency" | "Percent" | "Rating" => Self::Float,
            "Duration" => Self::Duration,
            "Date" => Self::Date,
            "Datetime" => Self::Datetime,
            "Time" => Self::Time,
            "Table" | "Table MultiSelect" => Self::Table,
            "Code" | "JSON" | "Attach" | "Attach Image" | "Barcode" | "Geolocation"
            | "Signature" => Self::Code,
            "Text Editor" | "HTML Editor" | "Markdown Editor" => Self::Html,
            "Small Text" | "Long Text" | "Text" => Self::Long,
            _ => Self::Layout,
        }
    }

    /// Whether the field has a column of its own.
    pub(crate) fn is_stored(self) -> bool {
        !matches!(self, Self::Table | Self::Layout)
    }

    /// Whether the column holds a number that is never null.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Check | Self::Float)
    }

    /// Whether the column holds dates or times.
    pub(crate) fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Datetime | Self::Time)
    }
}

/// Why the database does not accept a value for a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refused {
    /// No naive date.
    Date,
    /// An integer of more than 32 bits.
    Range,
}

impl Cell {
    /// What the database stores when `value` is written into a column of this kind.
    pub(crate) fn store(value: &Value, kind: Kind) -> Result<Self, Refused> {
        if value.is_null() {
            return Ok(if kind.is_number() {
                Self::zero(kind)
            } else {
                Self::Null
            });
        }
        match kind {
            Kind::Int | Kind::Check => {
                let number = int(value);
                match i32::try_from(number) {
                    Ok(_) => Ok(Self::Int(number)),
                    Err(_) => Err(Refused::Range),
                }
            }
            Kind::Float | Kind::Duration => Ok(Self::Float(float(value))),
            Kind::Date | Kind::Datetime | Kind::Time => {
                let text = text(value);
                if text.is_empty() {
                    return Ok(Self::Null);
                }
                if !value.is_string() {
                    return Err(Refused::Date);
                }
                temporal(&text, kind).map(Self::text).ok_or(Refused::Date)
            }
            _ => Ok(Self::text(text(value))),
        }
    }

    pub(crate) fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    fn zero(kind: Kind) -> Self {
        match kind {
            Kind::Float => Self::Float(0.0),
            _ => Self::Int(0),
        }
    }

    /// The text of a text cell; empty for every other.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// The value as an answer shows it.
    pub(crate) fn json(&self, kind: Kind) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::from(*number),
            Self::Float(number) => Value::from(*number),
            Self::Text(text) if kind == Kind::Time => Value::from(duration(text)),
            Self::Text(text) => Value::from(&**text),
        }
    }
}

/// A value as Python's `cint` reads it: 0 when it is no number.
pub(crate) fn int(value: &Value) -> i64 {
    match value {
        Value::Bool(flag) => i64::from(*flag),
        Value::Number(number) => number.as_i64().unwrap_or_else(|| whole(float(value))),
        Value::String(text) => text.trim().parse().unwrap_or_else(|_| whole(float(value))),
        _ => 0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, which is as good as any answer to a number that large"
)]
fn whole(number: f64) -> i64 {
    number as i64
}

/// A value as Python's `flt` reads it: 0 when it is no number.
pub(crate) fn float(value: &Value) -> f64 {
    match value {
        Value::Bool(flag) => f64::from(*flag),
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::String(text) => text.trim().parse().unwrap_or_default(),
        _ => 0.0,
    }
}

/// A value as Python's `cstr` writes it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => if *flag { "True" } else { "False" }.to_owned(),
        other => other.to_string(),
    }
}

/// A date or time in the database's own form, or nothing when the database refuses the text.
pub(crate) fn temporal(text: &str, kind: Kind) -> Option<String> {
    let text = text.trim();
    match kind {
        Kind::Time => time(text).map(clock_text),
        Kind::Date => date_and_time(text).map(|at| at.date().to_string()),
        _ => date_and_time(text).map(datetime_text),
    }
}

fn date_and_time(text: &str) -> Option<civil::DateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = date.parse::<civil::Date>().ok()?;
    if rest.is_empty() {
        return Some(date.to_datetime(civil::Time::midnight()));
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    Some(date.to_datetime(time(rest)?))
}

/// `HH:MM`, with seconds and a fraction if need be; leading zeros may be missing, as after a reload.
fn time(text: &str) -> Option<civil::Time> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':').map(digits);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    civil::Time::new(hour, minute, second, nanos).ok()
}

/// A number of one or two digits.
fn digits(text: &str) -> Option<i8> {
    let plain = matches!(text.len(), 1 | 2) && text.chars().all(|letter| letter.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// `YYYY-MM-DD HH:MM:SS`, with six more digits unless they are zero.
pub(crate) fn datetime_text(at: civil::DateTime) -> String {
    format!("{} {}", at.date(), clock_text(at.time()))
}

/// `HH:MM:SS`, with six more digits unless they are zero.
pub(crate) fn clock_text(time: civil::Time) -> String {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    match time.subsec_nanosecond() / 1000 {
        0 => format!("{hour:02}:{minute:02}:{second:02}"),
        micros => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
    }
}

/// A time of day as Frappe prints it after a reload: `5:51:6.76571` for `05:51:06.765710`.
fn duration(stored: &str) -> String {
    let Some(time) = time(stored) else {
        return stored.to_owned();
    };
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    match time.subsec_nanosecond() / 1000 {
        0 => format!("{hour}:{minute:02}:{second:02}"),
        micros => {
            let fraction = format!("{micros:06}");
            format!(
                "{hour}:{minute:02}:{second}.{}",
                fraction.trim_end_matches('0')
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_database_takes_naive_dates_only() {
        for (sent, stored) in [
            ("2024-05-10", Some("2024-05-10 00:00:00")),
            ("2024-05-10 10:00:00", Some("2024-05-10 10:00:00")),
            ("2024-05-10T10:00:00", Some("2024-05-10 10:00:00")),
            ("2024-05-10T10:00", Some("2024-05-10 10:00:00")),
            ("2024-05-10 10:00:00.5", Some("2024-05-10 10:00:00.500000")),
            ("2024-05-10T10:00:00Z", None),
            ("2024-05-10T10:00:00+03:00", None),
            ("2024-05-10T10:00:00-0300", None),
            ("10/05/2024", None),
            ("2024-13-10", None),
            ("1715328000", None),
            ("Đ2024-05-1", None),
        ] {
            let cell = Cell::store(&json!(sent), Kind::Datetime);
            let expected = stored.map(Cell::text).ok_or(Refused::Date);
            assert_eq!(cell, expected, "{sent}");
        }
        let number = Cell::store(&json!(1_715_328_000), Kind::Datetime);
        assert_eq!(number, Err(Refused::Date), "an epoch number");
        assert_eq!(Cell::store(&json!(""), Kind::Datetime), Ok(Cell::Null));
    }

    #[test]
    fn a_time_of_day_loses_its_leading_zeros_after_a_reload() {
        for (stored, shown) in [
            ("05:51:06.765710", "5:51:6.76571"),
            ("05:51:11.069664", "5:51:11.069664"),
            ("10:00:00", "10:00:00"),
            ("05:07:03", "5:07:03"),
        ] {
            assert_eq!(Cell::text(stored).json(Kind::Time), json!(shown));
        }
    }

    #[test]
    fn numbers_are_read_as_python_would() {
        for (sent, expected) in [
            (json!("abc"), 0),
            (json!("12"), 12),
            (json!(" 7 "), 7),
            (json!(3.9), 3),
            (json!("3.9"), 3),
            (json!(true), 1),
            (Value::Null, 0),
        ] {
            let cell = Cell::store(&sent, Kind::Int);
            assert_eq!(cell, Ok(Cell::Int(expected)), "{sent}");
        }
        let large = Cell::store(&json!("3000000000"), Kind::Int);
        assert_eq!(large, Err(Refused::Range), "integers have 32 bits");
    }
}
