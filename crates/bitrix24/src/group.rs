//! Calls that travel together.

use std::time::Duration;

use serde_json::Value;

use crate::{Answer, Call, Error, Lane};

/// The most commands a portal accepts in one batch.
pub const COMMANDS_MAX: usize = 50;

/// One or more calls that are sent in one request, the later of which may refer to results of the earlier.
///
/// Commands run in order where it counts: after those they refer to, and in the order given when any of them
/// writes. Reads that do not refer to each other need each other no further: when the portal does not take
/// one for a while, the others go without it.
///
/// ```
/// use bitrix24::{Call, Group};
///
/// let mut group = Group::new();
/// let lead = group.add(Call::read("crm.lead.get").param("id", 7));
/// let company = group.add(Call::read("crm.company.get").param("id", lead.field("COMPANY_ID")));
/// ```
///
/// When a referenced value turns out to be missing, the portal runs the later command all the same, with
/// the text of the reference in place of the value. The client notices and answers that command with
/// [`Mishap::Unresolved`](crate::Mishap::Unresolved) instead of what came back; for writes that is too late,
/// so let a chain of writes [halt](Group::halt_on_error).
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub(crate) calls: Vec<Call>,
    pub(crate) halts: bool,
    pub(crate) lane: Option<Lane>,
    pub(crate) deadline: Option<Duration>,
    /// How many commands the request may have that carries it, if the caller sees to its size: then it is not
    /// taken apart after a failure.
    pub(crate) request_max: Option<usize>,
}

impl Group {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a call; its own lane and deadline are ignored, those of the group count.
    pub fn add(&mut self, call: Call) -> Command {
        self.calls.push(call);
        Command(self.calls.len() - 1)
    }

    /// Stops at the first command that fails. Such a group shares its request with no other.
    pub fn halt_on_error(&mut self) {
        self.halts = true;
    }

    /// Who waits for the group; the client's lane otherwise.
    pub fn lane(&mut self, lane: Lane) {
        self.lane = Some(lane);
    }

    /// How long the caller is willing to wait, queueing included; 59 seconds at most, the client's
    /// deadline otherwise.
    pub fn deadline(&mut self, after: Duration) {
        self.deadline = Some(after);
    }

    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

impl Group {
    /// What keeps the group from being sent, and the method that it concerns.
    pub(crate) fn flaw(&self) -> Option<(String, String)> {
        let whole = |why: &str| Some(("batch".to_owned(), why.to_owned()));
        if self.calls.is_empty() {
            return whole("the group has no commands");
        }
        if self.calls.len() > COMMANDS_MAX {
            return whole("a group has 50 commands at most");
        }
        let flaw = |(place, call): (usize, &Call)| {
            let why = call.flaw().or_else(|| self.flaw_in_company(place, call))?;
            Some((call.method().to_owned(), why))
        };
        self.calls.iter().enumerate().find_map(flaw)
    }

    fn flaw_in_company(&self, place: usize, call: &Call) -> Option<String> {
        let references = call.params.references();
        if let Some(reference) = references
            .iter()
            .find(|reference| reference.command >= place)
        {
            let command = reference.command;
            return Some(format!(
                "command {place} refers to command {command}, which is not before it"
            ));
        }
        if references.iter().any(|reference| !reference.is_plain()) {
            return Some(
                "a field name in a reference is letters, digits and underscores".to_owned(),
            );
        }
        let fits = self.calls.len() == 1 || call.params.fit_query();
        let why = "a batch cannot express null, empty lists and maps, or texts that look like \
                   references; call the method by itself";
        (!fits).then(|| why.to_owned())
    }
}

impl FromIterator<Call> for Group {
    fn from_iter<I: IntoIterator<Item = Call>>(calls: I) -> Self {
        Self {
            calls: calls.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// A command of a group: where its answer is found, and where references begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command(usize);

impl Command {
    /// The row of this number in the command's result, which is a list.
    pub fn at(self, index: usize) -> Reference {
        self.result().at(index)
    }

    /// A field of the command's result, which is a record.
    pub fn field(self, name: &str) -> Reference {
        self.result().field(name)
    }

    /// The command's whole result: the id that an `add` answers with.
    pub fn result(self) -> Reference {
        Reference {
            command: self.0,
            path: Vec::new(),
        }
    }
}

/// A place in the result of an earlier command of the same group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    command: usize,
    path: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(Box<str>),
    Index(usize),
}

impl Reference {
    /// The element of this number.
    pub fn at(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }

    /// The field of this name.
    pub fn field(mut self, name: &str) -> Self {
        self.path.push(Step::Field(name.into()));
        self
    }

    pub(crate) fn command(&self) -> usize {
        self.command
    }

    /// Whether its fields can be written between brackets.
    fn is_plain(&self) -> bool {
        self.path.iter().all(|step| match step {
            Step::Field(name) => name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            Step::Index(_) => true,
        })
    }

    /// As the portal reads it: `$result[label][0][COMPANY_ID]`.
    pub(crate) fn text(&self, labels: &dyn Fn(usize) -> String) -> String {
        let mut text = format!("$result[{}]", labels(self.command));
        for step in &self.path {
            let step = match step {
                Step::Field(name) => format!("[{name}]"),
                Step::Index(index) => format!("[{index}]"),
            };
            text.push_str(&step);
        }
        text
    }

    /// Whether the result has a value there that a portal would put in.
    pub(crate) fn resolves_in(&self, result: &Value) -> bool {
        let mut value = Some(result);
        for step in &self.path {
            value = match (step, value) {
                (Step::Field(name), Some(Value::Object(map))) => map.get(&**name),
                (Step::Index(index), Some(Value::Array(list))) => list.get(*index),
                // A list with holes arrives as a map with digits for keys.
                (Step::Index(index), Some(Value::Object(map))) => map.get(&index.to_string()),
                _ => None,
            };
        }
        value.is_some_and(|value| !value.is_null())
    }
}

/// The answers to a group, one for each command.
#[derive(Clone, Debug)]
pub struct GroupAnswer(pub(crate) Vec<Result<Answer, Error>>);

impl GroupAnswer {
    /// The answer to a command of this group; `None` if it has no such command.
    pub fn get(&self, command: Command) -> Option<&Result<Answer, Error>> {
        self.0.get(command.0)
    }

    /// All answers, in the order of the commands.
    pub fn iter(&self) -> std::slice::Iter<'_, Result<Answer, Error>> {
        self.0.iter()
    }
}

impl IntoIterator for GroupAnswer {
    type Item = Result<Answer, Error>;
    type IntoIter = std::vec::IntoIter<Result<Answer, Error>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
