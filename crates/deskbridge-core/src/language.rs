//! The languages in which people are answered.

/// A language that sentences exist in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Vietnamese.
    Vietnamese,
    /// Russian.
    Russian,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 3] = [Self::English, Self::Vietnamese, Self::Russian];

    /// The language of a tag such as `vi`, `vi-VN` or `ru_RU`; `None` when we do not speak it.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The most wanted language of an `Accept-Language` header that we speak.
    pub fn of_accept_language(header: &str) -> Option<Self> {
        let mut wanted: Vec<(u16, Self)> = header
            .split(',')
            .take(20)
            .filter_map(|range| {
                let (tag, quality) = range.split_once(';').unwrap_or((range, "q=1"));
                Some((thousandths(quality)?, Self::of_tag(tag)?))
            })
            .filter(|(quality, _)| *quality > 0)
            .collect();
        // Stable: of equally wanted languages the first named wins.
        wanted.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        wanted.first().map(|(_, language)| *language)
    }

    /// The two-letter tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Vietnamese => "vi",
            Self::Russian => "ru",
        }
    }
}

/// A quality value such as `q=0.8`, in thousandths.
fn thousandths(quality: &str) -> Option<u16> {
    let value = quality.trim().strip_prefix("q=")?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let fraction: u16 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some((whole * 1_000 + fraction).min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_language_that_we_speak_wins() {
        use Language::{English, Russian, Vietnamese};
        for (header, expected) in [
            ("vi-VN,vi;q=0.9,en;q=0.8", Some(Vietnamese)),
            ("en;q=0.5, ru;q=0.9", Some(Russian)),
            ("fr, en;q=0.1", Some(English)),
            ("fr-FR", None),
            ("ru;q=0, vi;q=0.001", Some(Vietnamese)),
            ("", None),
            ("vi;q=abc", None),
            ("en, vi", Some(English)),
        ] {
            assert_eq!(Language::of_accept_language(header), expected, "{header}");
        }
        assert_eq!(Language::of_tag("ru_RU"), Some(Russian));
    }
}
