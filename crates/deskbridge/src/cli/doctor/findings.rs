//! What was found.

/// How many names are told at most.
const NAMES_MAX: usize = 10;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// Where: `database`, `helpdesk`, `button`, `settings`, `bitrix24`, `responsible`.
    pub(crate) place: &'static str,
    /// A sentence.
    pub(crate) what: String,
    /// How to mend it, in a sentence.
    pub(crate) mend: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn ok(&mut self, place: &'static str, what: impl Into<String>) {
        self.0.push(Finding {
            level: Level::Ok,
            place,
            what: what.into(),
            mend: None,
        });
    }

    pub(crate) fn warn(&mut self, place: &'static str, what: impl Into<String>, mend: &str) {
        self.add(Level::Warn, place, what.into(), mend);
    }

    pub(crate) fn fail(&mut self, place: &'static str, what: impl Into<String>, mend: &str) {
        self.add(Level::Fail, place, what.into(), mend);
    }

    fn add(&mut self, level: Level, place: &'static str, what: String, mend: &str) {
        self.0.push(Finding {
            level,
            place,
            what,
            mend: Some(mend.to_owned()),
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    pub(crate) fn count(&self, level: Level) -> usize {
        self.0
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    /// Judges how far a remote clock is off.
    pub(crate) fn clock(&mut self, place: &'static str, seconds: i64) {
        /// Beyond this, ages and times of events are visibly wrong.
        const SECONDS_MAX: i64 = 30;
        if seconds.abs() > SECONDS_MAX {
            let way = if seconds > 0 { "ahead of" } else { "behind" };
            self.warn(
                place,
                format!("Its clock is {} s {way} this machine's.", seconds.abs()),
                "Synchronise the clocks (NTP); ages and times are wrong by that much until then.",
            );
        } else {
            self.ok(
                place,
                format!("Its clock agrees with this machine's within {SECONDS_MAX} s."),
            );
        }
    }
}

/// Names, the first of them where there are many.
pub(crate) fn shown(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    match (first.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => first.join(", "),
        (false, more) => format!("{} and {more} more", first.join(", ")),
    }
}
