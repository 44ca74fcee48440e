//! `lines`: the numbers that clients call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    filled, hours_named,
    originate::{Originate, OriginateSource},
    problem::Checks,
    unique, user,
};
use crate::decide::{users::UserId, working_time::WorkingTime};

/// A line, as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LineSource {
    /// `LINE_NUMBER`.
    pub number: String,
    /// What the line is for people.
    pub name: Option<String>,
    /// The other numbers that the PBX has for it.
    pub aliases: Vec<String>,
    /// `CRM_SOURCE` of what its calls make.
    pub source: Option<String>,
    /// The user who gets what is nobody else's.
    pub responsible: Option<u64>,
    /// The user who gets its missed calls.
    pub missed_responsible: Option<u64>,
    /// The name of its working hours.
    pub hours: Option<String>,
    /// Its calls are left out.
    pub disabled: bool,
    /// Whether incoming calls of unknown numbers make a lead.
    pub create_incoming: Option<bool>,
    /// Whether outgoing calls to unknown numbers make a lead.
    pub create_outgoing: Option<bool>,
    /// How calls over it are begun for the CRM.
    pub originate: OriginateSource,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// See [`LineSource::number`].
    pub number: String,
    /// See [`LineSource::name`].
    pub name: Option<String>,
    /// See [`LineSource::source`].
    pub source: Option<String>,
    /// See [`LineSource::responsible`].
    pub responsible: Option<UserId>,
    /// See [`LineSource::missed_responsible`].
    pub missed_responsible: Option<UserId>,
    /// See [`LineSource::hours`].
    pub hours: Arc<WorkingTime>,
    /// See [`LineSource::disabled`].
    pub is_disabled: bool,
    /// See [`LineSource::create_incoming`].
    pub create_incoming: bool,
    /// See [`LineSource::create_outgoing`].
    pub create_outgoing: bool,
    /// See [`LineSource::originate`].
    pub originate: Originate,
}

impl Line {
    pub(super) fn plain() -> Self {
        Self {
            number: String::new(),
            name: None,
            source: None,
            responsible: None,
            missed_responsible: None,
            hours: Arc::new(WorkingTime::always(TimeZone::UTC)),
            is_disabled: false,
            create_incoming: false,
            create_outgoing: false,
            originate: Originate::standard(),
        }
    }
}

/// The lines by all their numbers.
#[derive(Clone, Debug)]
pub struct Lines {
    lines: Vec<Line>,
    by_number: BTreeMap<String, usize>,
    /// What holds for a line that is not configured; its number is that of calls that name none.
    defaults: Line,
}

impl Lines {
    pub(super) fn compile(
        sources: Vec<LineSource>,
        defaults: Line,
        hours: &BTreeMap<String, Arc<WorkingTime>>,
        checks: &mut Checks,
    ) -> Self {
        let (mut lines, mut by_number) = (Vec::new(), BTreeMap::new());
        let mut seen = BTreeSet::new();
        for (index, source) in sources.into_iter().enumerate() {
            let key = |name: &str| format!("lines[{index}].{name}");
            let Some(number) = filled(&source.number) else {
                checks.add(
                    key("number"),
                    "is empty",
                    "write the number that clients call",
                );
                continue;
            };
            for (name, number) in std::iter::once(("number", &number))
                .chain(source.aliases.iter().map(|alias| ("aliases", alias)))
            {
                let spelling = spelling(number);
                if spelling.is_empty() {
                    checks.add(
                        key(name),
                        format!("`{number}` has no digits"),
                        "write a number",
                    );
                }
                unique(&key(name), &spelling, &mut seen, checks);
                by_number.insert(spelling, lines.len());
            }
            let hours = match &source.hours {
                Some(name) => hours_named(&key("hours"), name, hours, checks),
                None => Arc::clone(&defaults.hours),
            };
            lines.push(Line {
                number,
                name: source.name.as_deref().and_then(filled),
                source: source.source.as_deref().and_then(filled),
                responsible: user(&key("responsible"), source.responsible, checks),
                missed_responsible: user(
                    &key("missed_responsible"),
                    source.missed_responsible,
                    checks,
                ),
                hours,
                is_disabled: source.disabled,
                create_incoming: source.create_incoming.unwrap_or(defaults.create_incoming),
                create_outgoing: source.create_outgoing.unwrap_or(defaults.create_outgoing),
                originate: Originate::compile(
                    &key("originate"),
                    source.originate,
                    &defaults.originate,
                    checks,
                ),
            });
        }
        Self {
            lines,
            by_number,
            defaults,
        }
    }

    /// What holds for a call over a line that the PBX or CRM calls so, and its `LINE_NUMBER`: `None` for a call that
    /// names none where none is configured.
    pub fn resolve(&self, named: Option<&str>) -> (&Line, Option<String>) {
        let default = Some(self.defaults.number.as_str());
        let named = named.filter(|named| !spelling(named).is_empty());
        let number = named.or(default.filter(|number| !number.is_empty()));
        let index = number.and_then(|number| self.by_number.get(&spelling(number)));
        match index.and_then(|index| self.lines.get(*index)) {
            Some(line) => (line, Some(line.number.clone())),
            None => (&self.defaults, number.map(str::to_owned)),
        }
    }
}

/// A number without what trunks add to it: the plus sign, and what stands between digits.
fn spelling(number: &str) -> String {
    let kept = |character: &char| character.is_ascii_alphanumeric() || "*#_".contains(*character);
    number.chars().filter(kept).collect()
}
