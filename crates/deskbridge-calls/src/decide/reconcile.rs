//! What the CRM's statistics hold of our calls, compared with what was written of them.
//!
//! A call is *lacking* where the statistics do not show it although it was written, or was to be. What was given up is
//! written again; what was never planned is planned; what still waits is left alone. What a person discarded, and what
//! the CRM took and does not show any more, is written again only by one who asks for it: the statistics show a user no
//! more than their right lets them see. What the CRM holds in another form is told and left as it is.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge_core::EffectId;
use jiff::{SignedDuration, Timestamp};

use super::write::CallKey;

/// Statistics may be so far behind what was finished.
const STATISTICS_BEHIND: SignedDuration = SignedDuration::from_mins(15);

/// A call that is over, as it was written to the CRM.
#[derive(Clone, Debug, PartialEq)]
pub struct Ours {
    /// Names the call on its PBX.
    pub linkedid: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// The client's number.
    pub client: Option<String>,
    /// Its registrations; none where the CRM was never told.
    pub tellings: Vec<Telling>,
    /// What else was written of it and follows from the registrations: fields, tasks.
    pub others: Vec<Written>,
    /// Writes that were never planned and would be now.
    pub late: Late,
}

/// What was never planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// Nothing: it is all planned, or left out by the settings.
    #[default]
    Nothing,
    /// The call itself.
    Call,
    /// Its recordings.
    Recordings,
}

/// One registration and what followed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    /// `EXTERNAL_CALL_ID`.
    pub key: CallKey,
    /// `CALL_ID`, once it is known.
    pub call_id: Option<String>,
    /// The CRM registered the call by itself, as it does with clicks.
    pub is_the_crms: bool,
    /// The registration.
    pub register: Option<Written>,
    /// The end.
    pub finish: Option<Written>,
    /// The last attachment of recordings.
    pub attach: Option<Written>,
    /// How the end was told.
    pub told: Option<Told>,
}

/// How the end of a call was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `DURATION`
    pub duration_s: u64,
    /// `STATUS_CODE`
    pub status: String,
}

/// A write, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Its effect.
    pub id: EffectId,
    /// What became of it.
    pub state: State,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits, or is being carried out.
    Waits,
    /// The CRM took it.
    Done {
        /// When.
        at: Timestamp,
    },
    /// There was nothing to write, or no way to write it.
    LeftOut,
    /// It failed for good.
    GivenUp {
        /// Why.
        why: String,
        /// When.
        at: Timestamp,
    },
    /// A person threw it away.
    Discarded,
}

/// A row of the statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `CALL_ID`
    pub call_id: Option<String>,
    /// `EXTERNAL_CALL_ID`
    pub key: Option<String>,
    /// `CALL_START_DATE`
    pub started_at: Option<Timestamp>,
    /// `PHONE_NUMBER`
    pub client: Option<String>,
    /// `CALL_DURATION`
    pub duration_s: u64,
    /// `CALL_FAILED_CODE`
    pub status: Option<String>,
    /// It has a `RECORD_FILE_ID`.
    pub is_recorded: bool,
}

/// Who compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The program, from time to time: what is given up again and again is tried ever more rarely.
    Regularly,
    /// A person.
    ByPerson {
        /// Also for what was discarded, and for what the CRM took and does not show any more.
        again: bool,
    },
}

/// Something that is other in the CRM than here.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The call on its PBX.
    pub linkedid: String,
    /// As the CRM knows it.
    pub key: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// The client's number.
    pub client: Option<String>,
    /// What is other.
    pub what: What,
    /// What is done about it.
    pub action: Action,
}

/// What is other in the CRM than here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The call is not there.
    NoCall(Because),
    /// The call is there without its recording.
    NoRecording(Because),
    /// The call is there in another form.
    Differs {
        /// Of what.
        field: &'static str,
        /// As it was told.
        here: String,
        /// As it is there.
        there: String,
    },
    /// It is there so many times.
    Several(usize),
    /// It is there under our name, and nobody here knows it.
    Stranger,
}

/// Why something is not in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// It was never planned: the settings were others then, or a user was not known.
    NeverPlanned,
    /// It waits.
    Waits,
    /// It failed for good.
    GivenUp(String),
    /// A person threw it away.
    Discarded,
    /// The CRM took it, and does not show it.
    Lost,
    /// Nothing is known of the write any more.
    Forgotten,
}

/// What is done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// These writes are carried out once more, each looking first.
    Send(Vec<EffectId>),
    /// What was never planned is planned.
    Plan,
    /// Nothing: it is under way, or is tried later by itself.
    Wait,
    /// Nothing, unless somebody asks for it again.
    NotAsked,
    /// Nothing that could be done from here.
    Show,
}

/// What there is to be done about calls that are over, in the order of the calls.
pub fn compare(ours: &[Ours], held: &[Held], asked: Asked, now: Timestamp) -> Vec<Finding> {
    let index = Index::new(held);
    let one = |call: &Ours| {
        let mut findings = Vec::new();
        if call.late == Late::Call {
            let what = What::NoCall(Because::NeverPlanned);
            let key = call.linkedid.clone();
            findings.push(finding(call, key, what, Action::Plan));
        }
        for telling in &call.tellings {
            let of = Compared {
                call,
                telling,
                asked,
                now,
            };
            findings.extend(of.findings(&index.rows(telling)));
        }
        if call.late == Late::Recordings && findings.iter().all(|one| one.action == Action::Show) {
            let what = What::NoRecording(Because::NeverPlanned);
            let key = call.linkedid.clone();
            findings.push(finding(call, key, what, Action::Plan));
        }
        findings
    };
    ours.iter().flat_map(one).collect()
}

/// The rows that belong to none of these calls and are named as calls of this PBX are.
pub fn strangers<'h>(ours: &[Ours], held: &'h [Held], connection: &str) -> Vec<&'h Held> {
    let tellings = ours.iter().flat_map(|call| &call.tellings);
    let known: BTreeSet<&str> = tellings.map(|telling| telling.key.as_str()).collect();
    let prefix = format!("{connection}:");
    let is_strange = |row: &&Held| {
        let key = row.key.as_deref().unwrap_or_default();
        key.starts_with(&prefix) && !known.contains(key)
    };
    held.iter().filter(is_strange).collect()
}

/// The finding of a row that nobody here knows.
pub fn stranger(row: &Held) -> Finding {
    let key = row.key.clone().unwrap_or_default();
    let linkedid = key.split(':').nth(1).unwrap_or_default().to_owned();
    Finding {
        linkedid,
        key,
        started_at: row.started_at,
        client: row.client.clone(),
        what: What::Stranger,
        action: Action::Show,
    }
}

/// Rows by both of their names.
struct Index<'h> {
    by_key: BTreeMap<&'h str, Vec<&'h Held>>,
    by_call_id: BTreeMap<&'h str, &'h Held>,
}

impl<'h> Index<'h> {
    fn new(held: &'h [Held]) -> Self {
        let mut by_key: BTreeMap<&str, Vec<&Held>> = BTreeMap::new();
        for row in held {
            if let Some(key) = row.key.as_deref().filter(|key| !key.is_empty()) {
                by_key.entry(key).or_default().push(row);
            }
        }
        let by_call_id = held
            .iter()
            .filter_map(|row| Some((row.call_id.as_deref()?, row)));
        Self {
            by_key,
            by_call_id: by_call_id.collect(),
        }
    }

    fn rows(&self, telling: &Telling) -> Vec<&'h Held> {
        let of_key = self.by_key.get(telling.key.as_str());
        let mut rows = of_key.cloned().unwrap_or_default();
        let by_id = telling.call_id.as_deref();
        let by_id = by_id.and_then(|id| self.by_call_id.get(id).copied());
        if let Some(row) = by_id
            && !rows.iter().any(|known| known.call_id == row.call_id)
        {
            rows.push(row);
        }
        rows
    }
}

fn finding(call: &Ours, key: String, what: What, action: Action) -> Finding {
    Finding {
        linkedid: call.linkedid.clone(),
        key,
        started_at: Some(call.started_at),
        client: call.client.clone(),
        what,
        action,
    }
}

/// A registration that is compared.
struct Compared<'a> {
    call: &'a Ours,
    telling: &'a Telling,
    asked: Asked,
    now: Timestamp,
}

impl Compared<'_> {
    fn findings(&self, rows: &[&Held]) -> Vec<Finding> {
        let found = |(what, action)| {
            finding(
                self.call,
                self.telling.key.as_str().to_owned(),
                what,
                action,
            )
        };
        let Some(row) = rows.first() else {
            return self.lacking().map(found).into_iter().collect();
        };
        let mut all = Vec::new();
        if rows.len() > 1 {
            all.push((What::Several(rows.len()), Action::Show));
        }
        all.extend(self.differences(row));
        all.extend(self.recording(row));
        all.into_iter().map(found).collect()
    }

    /// The call is not in the statistics.
    fn lacking(&self) -> Option<(What, Action)> {
        let Telling {
            register, finish, ..
        } = self.telling;
        let chain = [register.as_ref(), finish.as_ref()];
        let chain: Vec<&Written> = chain.into_iter().flatten().collect();
        if chain.iter().any(|of| of.state == State::LeftOut) {
            return None;
        }
        let (because, action) = self.unwritten(&chain);
        let is_for_the_crm = self.telling.is_the_crms && because == Because::Lost;
        let action = match is_for_the_crm {
            // It alone could register the call again.
            true => Action::Show,
            false => action,
        };
        Some((What::NoCall(because), action))
    }

    /// The call is there; whether its recording is.
    fn recording(&self, row: &Held) -> Option<(What, Action)> {
        let attach = self.telling.attach.as_ref().filter(|_| !row.is_recorded)?;
        if attach.state == State::LeftOut {
            return None;
        }
        // What was given up before it names the call that it is attached to.
        let before = [self.telling.register.as_ref(), self.telling.finish.as_ref()];
        let before = before.into_iter().flatten();
        let before = before.filter(|of| matches!(of.state, State::GivenUp { .. }));
        let chain: Vec<&Written> = before.chain([attach]).collect();
        let (because, action) = self.unwritten(&chain);
        Some((What::NoRecording(because), action))
    }

    /// Why the last of these writes left nothing in the CRM, and what is done about it.
    fn unwritten(&self, chain: &[&Written]) -> (Because, Action) {
        let is = |test: fn(&State) -> bool| chain.iter().any(|of| test(&of.state));
        if chain.is_empty() {
            return (Because::Forgotten, Action::Show);
        }
        if is(|state| *state == State::Waits) {
            return (Because::Waits, Action::Wait);
        }
        if is(|state| *state == State::Discarded) {
            return (Because::Discarded, self.again());
        }
        let given_up = chain.iter().filter_map(|of| match &of.state {
            State::GivenUp { why, at } => Some((why, *at)),
            _ => None,
        });
        if let Some((why, at)) = given_up.max_by_key(|(_, at)| *at) {
            let action = match self.asked {
                Asked::ByPerson { again: true } => self.again(),
                _ if self.is_due(at) => Action::Send(self.given_up()),
                _ => Action::Wait,
            };
            return (Because::GivenUp(why.clone()), action);
        }
        let done_at = chain.iter().filter_map(|of| match of.state {
            State::Done { at } => Some(at),
            _ => None,
        });
        let is_behind = done_at
            .max()
            .is_some_and(|at| self.now.duration_since(at) < STATISTICS_BEHIND);
        match is_behind {
            true => (Because::Waits, Action::Wait),
            false => (Because::Lost, self.again()),
        }
    }

    /// Writes everything of the registration once more, for one who asks for it.
    fn again(&self) -> Action {
        if self.asked != (Asked::ByPerson { again: true }) {
            return Action::NotAsked;
        }
        let telling = self.telling;
        let own = [&telling.register, &telling.finish, &telling.attach];
        let own = own.into_iter().flatten();
        let all = own.chain(&self.call.others);
        let ids = all.filter(|of| !matches!(of.state, State::Waits | State::LeftOut));
        Action::Send(ids.map(|of| of.id).collect())
    }

    /// Everything of the call that was given up: what stands behind a registration was given up with it.
    fn given_up(&self) -> Vec<EffectId> {
        let telling = self.telling;
        let own = [&telling.register, &telling.finish, &telling.attach];
        let all = own.into_iter().flatten().chain(&self.call.others);
        let given_up = all.filter(|of| matches!(of.state, State::GivenUp { .. }));
        given_up.map(|of| of.id).collect()
    }

    /// Whether it is time to write again what was given up then: after as long again as it had taken.
    fn is_due(&self, given_up_at: Timestamp) -> bool {
        match self.asked {
            Asked::ByPerson { .. } => true,
            Asked::Regularly => {
                let took = given_up_at.duration_since(self.call.ended_at);
                self.now.duration_since(given_up_at) >= took
            }
        }
    }

    fn differences(&self, row: &Held) -> Vec<(What, Action)> {
        let Some(told) = &self.telling.told else {
            return Vec::new();
        };
        let status = row.status.clone().unwrap_or_default();
        let fields = [
            ("status", told.status.clone(), status),
            (
                "duration",
                format!("{} s", told.duration_s),
                format!("{} s", row.duration_s),
            ),
        ];
        let other = fields.into_iter().filter(|(_, here, there)| here != there);
        let other = other.map(|(field, here, there)| {
            let what = What::Differs { field, here, there };
            (what, Action::Show)
        });
        other.collect()
    }
}

#[cfg(test)]
mod tests;
