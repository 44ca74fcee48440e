//! What the administrator decides about the calls of a PBX.
//!
//! [`SettingsSource`] is the shape of the configuration; [`Settings`] is what it comes to, checked, with its patterns
//! and texts compiled.

pub mod hours;
pub mod lines;
pub mod lists;
pub mod missed;
pub mod numbers;
pub mod originate;
pub mod problem;
pub mod recordings;
pub mod responsible;
pub mod templates;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use deskbridge_core::Language;
use deskbridge_hooks::{Hooks, Point};
use jiff::tz::TimeZone;
use serde::Deserialize;

use self::{
    hours::HoursSource,
    lines::{Line, LineSource, Lines},
    lists::{Lists, ListsSource},
    missed::{Missed, MissedSource, Tickets, TicketsSource},
    numbers::NumbersSource,
    originate::{Originate, OriginateSource},
    problem::{Checks, Problems},
    recordings::{Recordings, RecordingsSource},
    responsible::{Lookup, LookupSource},
    templates::{FieldTemplates, Template},
};
use crate::decide::{
    numbers::Numbers,
    users::{People, UserId, Whose},
    working_time::WorkingTime,
};

/// The calls of a PBX, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsSource {
    /// The zone in which times are told and hours are counted, such as `Asia/Ho_Chi_Minh`.
    pub zone: String,
    /// The language of what we write for people: `en`, `vi` or `ru`.
    pub language: String,
    /// The user of the CRM who gets what is nobody else's.
    pub default_user: Option<u64>,
    /// The line of calls that name none.
    pub default_line: Option<String>,
    /// Users of extensions, before what the CRM says: `{ 100 = 5 }`.
    pub users: BTreeMap<String, u64>,
    /// Whether calls between employees are left out of the CRM. Otherwise they are written when they are over, and
    /// make no lead.
    pub ignore_internal: bool,
    /// What an employee's mobile phone is: `employee` (their extension elsewhere) or `client`.
    pub employee_mobiles: EmployeeMobiles,
    /// Incoming calls that nobody took and that rang shorter are left out.
    pub minimum_ring_s: u32,
    /// A card is not shown for what is older.
    pub late_after_s: u32,
    /// `PHONE_NUMBER` of a client who withholds theirs; without it such calls are left out.
    pub withheld_number: Option<String>,
    /// Whose call it is when several talked with the client: `last_talker`, `longest_talker`, or `each_talker` (each
    /// has a call of their own).
    pub transfers: Transfers,
    /// What `DURATION` counts: the `leg` of whose call it is, or all talk of the `call`. `each_talker` counts legs.
    pub duration: Duration,
    /// Whether the CRM tells of calls in its chat.
    pub add_to_chat: bool,
    /// What becomes of calls where the portal refuses telephony: `activity` or `none`.
    pub refused: Refused,
    /// How numbers are read and written.
    pub numbers: NumbersSource,
    /// When is worked, by name.
    pub hours: BTreeMap<String, HoursSource>,
    /// The hours of lines that name none; without it all time is working time.
    pub default_hours: Option<String>,
    /// The lines.
    pub lines: Vec<LineSource>,
    /// What is left out.
    pub lists: ListsSource,
    /// Which calls from and to unknown numbers make a lead.
    pub create: CreateSource,
    /// Who is shown a card, and when.
    pub cards: CardsSource,
    /// Missed calls.
    pub missed: MissedSource,
    /// Fields of the CRM's activity of a call, each with its text: `{ SUBJECT = "Call with {{ client }}" }`.
    pub activity: BTreeMap<String, String>,
    /// Fields of the lead or contact that the CRM made for an incoming call, each with its text.
    pub entity: BTreeMap<String, String>,
    /// Recordings.
    pub recordings: RecordingsSource,
    /// How calls are begun for the CRM.
    pub originate: OriginateSource,
    /// Who is responsible for a caller, when the PBX asks.
    pub responsible: LookupSource,
    /// The helpdesk.
    pub tickets: TicketsSource,
}

impl Default for SettingsSource {
    fn default() -> Self {
        Self {
            zone: "UTC".to_owned(),
            language: "en".to_owned(),
            default_user: None,
            default_line: None,
            users: BTreeMap::new(),
            ignore_internal: true,
            employee_mobiles: EmployeeMobiles::default(),
            minimum_ring_s: 0,
            late_after_s: 20,
            withheld_number: None,
            transfers: Transfers::default(),
            duration: Duration::default(),
            add_to_chat: true,
            refused: Refused::default(),
            numbers: NumbersSource::default(),
            hours: BTreeMap::new(),
            default_hours: None,
            lines: Vec::new(),
            lists: ListsSource::default(),
            create: CreateSource::default(),
            cards: CardsSource::default(),
            missed: MissedSource::default(),
            activity: BTreeMap::new(),
            entity: BTreeMap::new(),
            recordings: RecordingsSource::default(),
            originate: OriginateSource::default(),
            responsible: LookupSource::default(),
            tickets: TicketsSource::default(),
        }
    }
}

/// What an employee's mobile phone is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmployeeMobiles {
    /// The employee's phone: whoever talks there is the employee.
    #[default]
    Employee,
    /// A client's phone like any other, which makes no lead all the same.
    Client,
}

/// Whose call it is when several talked with the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfers {
    /// Whoever talked last.
    #[default]
    LastTalker,
    /// Whoever talked longest.
    LongestTalker,
    /// Each has a call of their own.
    EachTalker,
}

/// What `DURATION` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// The talk of whose call it is.
    #[default]
    Leg,
    /// All talk.
    Call,
}

/// What becomes of calls where the portal refuses telephony.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Each makes an activity when it is over.
    #[default]
    Activity,
    /// They are left out.
    None,
}

/// Which calls from and to unknown numbers make a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreateSource {
    /// Incoming ones.
    pub incoming: bool,
    /// Outgoing ones.
    pub outgoing: bool,
}

impl Default for CreateSource {
    fn default() -> Self {
        Self {
            incoming: true,
            outgoing: false,
        }
    }
}

/// When somebody is shown the card of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardMode {
    /// Never.
    None,
    /// When their phone rings.
    #[default]
    AtRing,
    /// When they answer.
    AtAnswer,
}

/// Who is shown a card, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardsSource {
    /// Whoever is not named: `none`, `at_ring` or `at_answer`.
    pub default: CardMode,
    /// By extension.
    pub extensions: BTreeMap<String, CardMode>,
}

impl CardsSource {
    /// When whoever has this extension is shown a card.
    pub fn mode(&self, extension: &str) -> CardMode {
        let named = self.extensions.get(extension);
        named.copied().unwrap_or(self.default)
    }
}

/// What hooks may write at the end of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooked {
    /// Fields of the activity.
    pub activity: bool,
    /// Fields of the entity.
    pub entity: bool,
}

impl Hooked {
    /// What these hooks may write.
    pub fn of(hooks: &Hooks) -> Self {
        Self {
            activity: hooks.asks(Point::ActivityFields),
            entity: hooks.asks(Point::EntityFields),
        }
    }
}

/// What the administrator decided, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the configured PBX.
    pub connection: String,
    /// What hooks are asked about at the end of a call, whatever the settings say of it.
    pub hooked: Hooked,
    /// See [`SettingsSource::zone`].
    pub zone: TimeZone,
    /// See [`SettingsSource::language`].
    pub language: Language,
    /// See [`SettingsSource::default_user`].
    pub default_user: Option<UserId>,
    /// See [`SettingsSource::users`].
    pub users: BTreeMap<String, UserId>,
    /// See [`SettingsSource::ignore_internal`].
    pub ignore_internal: bool,
    /// See [`SettingsSource::employee_mobiles`].
    pub employee_mobiles: EmployeeMobiles,
    /// See [`SettingsSource::minimum_ring_s`].
    pub minimum_ring_for: jiff::SignedDuration,
    /// See [`SettingsSource::late_after_s`].
    pub late_after: jiff::SignedDuration,
    /// See [`SettingsSource::withheld_number`].
    pub withheld_number: Option<String>,
    /// See [`SettingsSource::transfers`].
    pub transfers: Transfers,
    /// See [`SettingsSource::duration`].
    pub duration: Duration,
    /// See [`SettingsSource::add_to_chat`].
    pub add_to_chat: bool,
    /// See [`SettingsSource::refused`].
    pub refused: Refused,
    /// See [`SettingsSource::numbers`].
    pub numbers: Numbers,
    /// See [`SettingsSource::lines`].
    pub lines: Lines,
    /// See [`SettingsSource::lists`].
    pub lists: Lists,
    /// See [`SettingsSource::cards`].
    pub cards: CardsSource,
    /// See [`SettingsSource::missed`].
    pub missed: Missed,
    /// See [`SettingsSource::activity`].
    pub activity: FieldTemplates,
    /// The subject and description of an activity that stands for a call.
    pub spoken: Spoken,
    /// See [`SettingsSource::entity`].
    pub entity: FieldTemplates,
    /// See [`SettingsSource::recordings`].
    pub recordings: Recordings,
    /// See [`SettingsSource::responsible`].
    pub responsible: Lookup,
    /// See [`SettingsSource::tickets`].
    pub tickets: Tickets,
}

impl Settings {
    /// Whose an extension is: by the settings, else by the CRM.
    pub fn whose(&self, extension: &str, people: &People) -> Whose {
        match self.users.get(extension.trim()) {
            Some(user) if people.has(*user) => Whose::One(*user),
            _ => people.of_extension(extension),
        }
    }

    /// A user's extension: by the settings, else by the CRM.
    pub fn extension<'a>(&'a self, user: UserId, people: &'a People) -> Option<&'a str> {
        let mut configured = self.users.iter();
        let configured = configured.find(|(_, named)| **named == user);
        let configured = configured.map(|(extension, _)| extension.as_str());
        configured.or_else(|| people.extension(user))
    }
}

/// How a call is told of where nothing is configured.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// In one line.
    pub subject: Template,
    /// With everything that is known.
    pub facts: Template,
}

impl SettingsSource {
    /// Checks and compiles; `connection` is the name of the configured PBX.
    ///
    /// # Errors
    /// Everything that is wrong, each with its setting and what to do.
    pub fn compile(self, connection: &str) -> Result<Settings, Problems> {
        let mut checks = Checks::default();
        let zone = zone("zone", &self.zone, &mut checks);
        let language = Language::of_tag(&self.language).unwrap_or_else(|| {
            let wrong = format!("nothing is written in `{}`", self.language);
            checks.add("language", wrong, "write en, vi or ru");
            Language::default()
        });
        let hours = all_hours(self.hours, &zone, &mut checks);
        let default_hours = match self.default_hours {
            Some(name) => hours_named("default_hours", &name, &hours, &mut checks),
            None => Arc::new(WorkingTime::always(zone.clone())),
        };
        let defaults = Line {
            number: self
                .default_line
                .as_deref()
                .and_then(filled)
                .unwrap_or_default(),
            create_incoming: self.create.incoming,
            create_outgoing: self.create.outgoing,
            hours: Arc::clone(&default_hours),
            originate: Originate::compile(
                "originate",
                self.originate,
                &Originate::standard(),
                &mut checks,
            ),
            ..Line::plain()
        };
        let lines = Lines::compile(self.lines, defaults, &hours, &mut checks);
        let spoken = Spoken::compile(language, &mut checks);
        let missed = Missed::compile(self.missed, language, &hours, &mut checks);
        let users = self.users.into_iter().filter_map(|(extension, id)| {
            let key = format!("users.{extension}");
            Some((filled(&extension)?, user(&key, Some(id), &mut checks)?))
        });
        let users = users.collect();
        let settings = Settings {
            connection: connection.to_owned(),
            hooked: Hooked::default(),
            language,
            default_user: user("default_user", self.default_user, &mut checks),
            users,
            ignore_internal: self.ignore_internal,
            employee_mobiles: self.employee_mobiles,
            minimum_ring_for: seconds(self.minimum_ring_s),
            late_after: seconds(self.late_after_s),
            withheld_number: self.withheld_number.as_deref().and_then(filled),
            transfers: self.transfers,
            duration: self.duration,
            add_to_chat: self.add_to_chat,
            refused: self.refused,
            numbers: self.numbers.compile(&mut checks),
            lines,
            lists: self.lists.compile(&mut checks),
            cards: self.cards,
            missed,
            activity: FieldTemplates::compile("activity", self.activity, &mut checks),
            spoken,
            entity: FieldTemplates::compile("entity", self.entity, &mut checks),
            recordings: self.recordings.compile(&mut checks),
            responsible: self.responsible.compile(&hours, &mut checks),
            tickets: Tickets::compile(&self.tickets, language, &mut checks),
            zone,
        };
        if let Some(number) = &settings.withheld_number
            && crate::decide::numbers::dialable(number) != *number
        {
            let wrong = format!("`{number}` is refused by the CRM");
            checks.add("withheld_number", wrong, "write digits only, such as 000");
        }
        checks.pass(settings)
    }
}

fn all_hours(
    sources: BTreeMap<String, HoursSource>,
    zone: &TimeZone,
    checks: &mut Checks,
) -> BTreeMap<String, Arc<WorkingTime>> {
    let compiled = sources.into_iter().map(|(name, source)| {
        let hours = source.compile(&format!("hours.{name}"), zone, checks);
        (name, Arc::new(hours))
    });
    compiled.collect()
}

fn hours_named(
    key: &str,
    name: &str,
    hours: &BTreeMap<String, Arc<WorkingTime>>,
    checks: &mut Checks,
) -> Arc<WorkingTime> {
    hours.get(name).cloned().unwrap_or_else(|| {
        let wrong = format!("no hours are called `{name}`");
        checks.add(
            key,
            wrong,
            format!("add [hours.{name}], or name those that are there"),
        );
        Arc::new(WorkingTime::always(TimeZone::UTC))
    })
}

fn zone(key: &str, name: &str, checks: &mut Checks) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_unknown| {
        let wrong = format!("`{name}` is no time zone");
        checks.add(key, wrong, "write area and city, such as Asia/Ho_Chi_Minh");
        TimeZone::UTC
    })
}

fn user(key: &str, id: Option<u64>, checks: &mut Checks) -> Option<UserId> {
    let id = id?;
    let user = UserId::new(id);
    if user.is_none() {
        checks.add(
            key,
            "0 is nobody",
            "write the ID of a user of the CRM, or leave it out",
        );
    }
    user
}

fn seconds(seconds: u32) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(i64::from(seconds))
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Tells of what is named twice.
fn unique(key: &str, name: &str, seen: &mut BTreeSet<String>, checks: &mut Checks) {
    if !seen.insert(name.to_owned()) {
        let wrong = format!("`{name}` is named before");
        checks.add(key, wrong, "name it once");
    }
}

#[cfg(test)]
mod tests;
