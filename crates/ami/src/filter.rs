//! Which events are wanted, said in either of Asterisk's two languages.

use crate::{
    action::Action,
    value::{VALUE_BYTES_MAX, Value, Word},
};

/// Events without which a connection cannot be followed.
const ALWAYS: [&str; 2] = ["FullyBooted", "Shutdown"];

/// The only events that Asterisk is to send, beside `FullyBooted` and `Shutdown`. The items of lists come in any case.
///
/// Half of an unfiltered stream are variables: with the events that follow calls, and a few variables, 19 of 133 blocks
/// of one answered call remain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Events by their names, as `Newchannel`.
    pub events: Vec<Word>,
    /// Variables whose `VarSet` is wanted, without the underscores that make channels inherit them.
    pub variables: Vec<Word>,
    /// Applications of the dialplan whose `Newexten` is wanted, as `VoiceMail`.
    pub applications: Vec<Word>,
}

/// The language of a filter.
///
/// Asterisk 16 takes a filter of the advanced language for one of the classic, in which an exclusion becomes an
/// inclusion, and answers with success; so it is found out first, by a filter that is wrong in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Regular expressions over a whole event; every version.
    Classic,
    /// Criteria; from 18.26, 20.11, 21.6 and 22.1 on.
    Advanced,
}

/// A filter that is wrong in either language, and adds nothing: the classic one objects that the bracket does not
/// compile, the advanced one, which reads its criteria first, that they are wrong. Tried on 16.28 and 22.10.
pub(crate) fn probe() -> Action {
    add()
        .with("MatchCriteria", Value::fixed("bogus(x)"))
        .with("Filter", Value::fixed("["))
}

/// Which language refused the probe. The classic one is right wherever it is in doubt.
pub(crate) fn language(refused_with: &str) -> Language {
    match refused_with.contains("formatted incorrectly") {
        true => Language::Advanced,
        false => Language::Classic,
    }
}

impl Wanted {
    /// The filters, which together let through what is wanted.
    pub(crate) fn filters(&self, language: Language) -> Vec<Action> {
        match language {
            Language::Classic => self.classic(),
            Language::Advanced => self.advanced(),
        }
    }

    fn events(&self) -> impl Iterator<Item = &str> {
        let own = self.events.iter().map(Word::as_str);
        ALWAYS.into_iter().chain(own)
    }

    fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(Word::as_str)
    }

    fn applications(&self) -> impl Iterator<Item = &str> {
        self.applications.iter().map(Word::as_str)
    }

    fn advanced(&self) -> Vec<Action> {
        let by_name = |name: &str| {
            add().with(
                "MatchCriteria",
                Value::known(format!("action(include),name({name})")),
            )
        };
        let by_header = |criteria: &'static str, pattern: String| {
            add()
                .with("MatchCriteria", Value::fixed(criteria))
                .with("Filter", Value::known(pattern))
        };
        let by_variable = |names: String| {
            let criteria = "action(include),name(VarSet),header(Variable),method(regex)";
            by_header(criteria, format!("^_*({names})$"))
        };
        let by_application = |names: String| {
            let criteria = "action(include),name(Newexten),header(Application),method(regex)";
            by_header(criteria, format!("^({names})$"))
        };
        let events = self.events().map(by_name);
        events
            .chain(alternatives(self.variables()).map(by_variable))
            .chain(alternatives(self.applications()).map(by_application))
            .collect()
    }

    fn classic(&self) -> Vec<Action> {
        let by_name = |names: String| format!("^Event: ({names})[[:space:]]");
        let by_variable = |names: String| {
            format!("^Event: VarSet[[:space:]].*[[:space:]]Variable: _*({names})[[:space:]]")
        };
        let by_application = |names: String| {
            format!("^Event: Newexten[[:space:]].*[[:space:]]Application: ({names})[[:space:]]")
        };
        let events = alternatives(self.events()).map(by_name);
        let variables = alternatives(self.variables()).map(by_variable);
        let applications = alternatives(self.applications()).map(by_application);
        let filter = |text| add().with("Filter", Value::known(text));
        let all = events.chain(variables).chain(applications);
        all.map(filter).collect()
    }
}

fn add() -> Action {
    Action::fixed("Filter").with("Operation", Value::fixed("Add"))
}

/// Names as alternatives of a regular expression, in as many as are needed to fit lines.
fn alternatives<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
    const BYTES_MAX: usize = VALUE_BYTES_MAX - 160;
    let mut groups: Vec<String> = Vec::new();
    for name in names {
        // The only sign of a word that means something to a regular expression.
        let name = name.replace('.', "[.]");
        match groups.last_mut() {
            Some(group) if group.len() + name.len() < BYTES_MAX => {
                group.push('|');
                group.push_str(&name);
            }
            _ => groups.push(name),
        }
    }
    groups.into_iter()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn lines(filters: &[Action]) -> Vec<String> {
        let line = |filter: &Action| {
            let mut out = BytesMut::new();
            filter.write("1", &mut out);
            let text = String::from_utf8(out.to_vec()).unwrap();
            let text = text.replace("Action: Filter\r\nActionID: 1\r\nOperation: Add\r\n", "");
            text.trim_end().replace("\r\n", " / ")
        };
        filters.iter().map(line).collect()
    }

    fn words(texts: &[&str]) -> Vec<Word> {
        texts.iter().map(|text| Word::new(*text).unwrap()).collect()
    }

    #[test]
    fn what_is_wanted_is_said_in_both_languages() {
        let wanted = Wanted {
            events: words(&["Newchannel", "Hangup"]),
            variables: words(&["MIXMONITOR_FILENAME", "CRM.ID"]),
            applications: words(&["VoiceMail"]),
        };
        assert_eq!(
            lines(&wanted.filters(Language::Classic)),
            [
                "Filter: ^Event: (FullyBooted|Shutdown|Newchannel|Hangup)[[:space:]]",
                "Filter: ^Event: VarSet[[:space:]].*[[:space:]]Variable: _*(MIXMONITOR_FILENAME|CRM[.]ID)[[:space:]]",
                "Filter: ^Event: Newexten[[:space:]].*[[:space:]]Application: (VoiceMail)[[:space:]]",
            ]
        );
        assert_eq!(
            lines(&wanted.filters(Language::Advanced)),
            [
                "MatchCriteria: action(include),name(FullyBooted)",
                "MatchCriteria: action(include),name(Shutdown)",
                "MatchCriteria: action(include),name(Newchannel)",
                "MatchCriteria: action(include),name(Hangup)",
                "MatchCriteria: action(include),name(VarSet),header(Variable),method(regex) / Filter: ^_*(MIXMONITOR_FILENAME|CRM[.]ID)$",
                "MatchCriteria: action(include),name(Newexten),header(Application),method(regex) / Filter: ^(VoiceMail)$",
            ]
        );
    }

    #[test]
    fn many_names_take_several_filters() {
        let names: Vec<String> = (0..200).map(|n| format!("Event{n}")).collect();
        let wanted = Wanted {
            events: names
                .iter()
                .map(|name| Word::new(name.as_str()).unwrap())
                .collect(),
            ..Wanted::default()
        };
        let lines = lines(&wanted.filters(Language::Classic));
        assert!(lines.len() > 1);
        assert!(
            lines.iter().all(|line| line.len() < VALUE_BYTES_MAX),
            "{lines:?}"
        );
        let all = lines.concat();
        assert!(names.iter().all(|name| all.contains(name.as_str())));
    }

    #[test]
    fn the_language_is_known_by_its_objection() {
        let advanced = "Filter was formatted incorrectly.  Check the syntax of the filter given.";
        let classic = "Filter did not compile.  Check the syntax of the filter given.";
        assert_eq!(language(advanced), Language::Advanced);
        assert_eq!(language(classic), Language::Classic);
        assert_eq!(language("something new"), Language::Classic);
    }
}
