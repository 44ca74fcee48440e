//! What is taken of a hook's answer: it is laid over the write that it was asked about.
//!
//! An answer was held against its contract before. What its contract lets through and the CRM would refuse is left out,
//! and told.

use jiff::Timestamp;
use serde_json::{Map, Value};
use url::Url;

use crate::decide::{
    originate::Originate,
    status,
    users::UserId,
    write::{AddTask, CallType, Cards, Finish, Register},
};

/// What of an answer could not be used, as sentences.
pub type Unused = Vec<String>;

/// Reads members of an answer, and tells of those that are nothing.
struct Members<'a> {
    data: &'a Map<String, Value>,
    unused: Unused,
}

impl<'a> Members<'a> {
    fn of(data: &'a Map<String, Value>) -> Self {
        Self {
            data,
            unused: Vec::new(),
        }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.data.get(name)?.as_str()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.data.get(name)?.as_bool()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.data.get(name)?.as_u64()
    }

    fn user(&mut self, name: &str) -> Option<UserId> {
        let given = self.data.get(name)?;
        let read = match given {
            Value::String(text) => text.trim().parse().ok(),
            given => given.as_u64(),
        };
        let user = read.and_then(UserId::new);
        if user.is_none() {
            self.unused.push(format!("{name} names nobody"));
        }
        user
    }

    fn time(&mut self, name: &str) -> Option<String> {
        let given = self.text(name)?;
        let is_time = given.parse::<Timestamp>().is_ok();
        if !is_time {
            let wrong =
                format!("{name} is no time with an offset, such as 2026-05-04T18:00:00+07:00");
            self.unused.push(wrong);
        }
        is_time.then(|| given.to_owned())
    }
}

/// Lays an answer over a registration. A card that was not planned is not shown by it: there would be nobody at the phone.
pub fn registration(write: &mut Register, data: &Map<String, Value>) -> Unused {
    let mut members = Members::of(data);
    if let Some(phone) = members.text("PHONE_NUMBER") {
        write.phone = phone.to_owned();
    }
    if let Some(user) = members.user("USER_ID") {
        write.user = user;
    }
    if let Some(line) = members.text("LINE_NUMBER") {
        write.line = line.to_owned();
    }
    if let Some(source) = members.text("CRM_SOURCE") {
        write.source = Some(source.to_owned()).filter(|source| !source.is_empty());
    }
    if let Some(is_created) = members.flag("CRM_CREATE") {
        write.is_created = is_created;
    }
    if let Some(is_in_chat) = members.flag("ADD_TO_CHAT") {
        write.is_in_chat = is_in_chat;
    }
    if members.flag("SHOW") == Some(false) {
        write.shown_until = None;
    }
    if let Some(at) = members.time("CALL_START_DATE") {
        write.started_at = at;
    }
    match members.number("TYPE") {
        Some(1) => write.call_type = CallType::Outgoing,
        Some(2) => write.call_type = CallType::Incoming,
        Some(3) => write.call_type = CallType::Redirected,
        Some(4) => write.call_type = CallType::Callback,
        Some(_) | None => {}
    }
    members.unused
}

/// Lays an answer over the end of a call. `CALL_ID` stays what it is.
pub fn finish(write: &mut Finish, data: &Map<String, Value>) -> Unused {
    let mut members = Members::of(data);
    if let Some(user) = members.user("USER_ID") {
        write.user = user;
    }
    if let Some(seconds) = members.number("DURATION") {
        write.duration_s = seconds;
    }
    if let Some(is_in_chat) = members.flag("ADD_TO_CHAT") {
        write.is_in_chat = is_in_chat;
    }
    match members.text("STATUS_CODE") {
        Some(code) if status::is_code(code) => {
            if write.status != code {
                // It was the reason of another status.
                write.failed_reason = None;
            }
            write.status = code.to_owned();
        }
        Some(_) => members
            .unused
            .push("STATUS_CODE is none of the CRM's".to_owned()),
        None => {}
    }
    members.unused
}

/// Lays an answer over whom a card is shown.
pub fn cards(write: &mut Cards, data: &Map<String, Value>) {
    if let Some(users) = data.get("USER_ID").and_then(Value::as_array) {
        let users = users.iter().filter_map(Value::as_u64);
        write.users = users.filter_map(UserId::new).collect();
    }
}

/// Lays an answer over a task.
pub fn task(write: &mut AddTask, data: &Map<String, Value>) -> Unused {
    let Some(fields) = data.get("arNewTaskData").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut members = Members::of(fields);
    if let Some(title) = members.text("TITLE").filter(|title| !title.is_empty()) {
        write.title = title.to_owned();
    }
    if let Some(description) = members.text("DESCRIPTION") {
        write.description = description.to_owned();
    }
    match fields.get("DEADLINE") {
        Some(Value::Null) => write.deadline = None,
        Some(Value::String(none)) if none.is_empty() => write.deadline = None,
        Some(_) => write.deadline = members.time("DEADLINE").or(write.deadline.take()),
        None => {}
    }
    if let Some(user) = members.user("RESPONSIBLE_ID") {
        write.responsible = user;
    }
    if fields.contains_key("CREATED_BY") {
        write.creator = members.user("CREATED_BY").or(write.creator);
    }
    let own = [
        "TITLE",
        "DESCRIPTION",
        "DEADLINE",
        "RESPONSIBLE_ID",
        "CREATED_BY",
    ];
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
    {
        write.fields.insert(name.clone(), value.clone());
    }
    members.unused
}

/// Lays an answer over an order to the PBX. Whoever sends it filters each field once more.
pub fn originate(wanted: &mut Originate, data: &Map<String, Value>) -> Unused {
    let mut members = Members::of(data);
    let mut set = |name: &str, field: &mut String| {
        let Some(text) = data.get(name).and_then(Value::as_str) else {
            return;
        };
        match text.is_empty() {
            true => members.unused.push(format!("{name} is empty")),
            false => text.clone_into(field),
        }
    };
    set("caller_id", &mut wanted.caller_id);
    set("channel", &mut wanted.channel);
    set("context", &mut wanted.context);
    set("extension", &mut wanted.exten);
    if let Some(priority) = members.number("priority") {
        wanted.priority = u32::try_from(priority).unwrap_or(wanted.priority);
    }
    let pairs = members.text("variable").unwrap_or_default().split(',');
    for pair in pairs.filter(|pair| !pair.trim().is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) => {
                let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                wanted.variables.insert(name, value);
            }
            None => members.unused.push("variable is no NAME=value".to_owned()),
        }
    }
    let codecs = members.text("codecs").unwrap_or_default().split(',');
    let codecs = codecs.map(str::trim).filter(|codec| !codec.is_empty());
    wanted.codecs = codecs.map(str::to_owned).collect();
    members.unused
}

/// How a recording is attached otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The name that people see.
    pub name: Option<String>,
    /// Where the CRM takes it from.
    pub url: Option<String>,
}

/// What an answer says of how a recording is attached.
pub fn attached(data: &Map<String, Value>) -> (Attached, Unused) {
    let members = Members::of(data);
    let mut unused = Vec::new();
    let name = members.text("FILENAME").filter(|name| !name.is_empty());
    let is_plain = |name: &&str| !name.contains(['/', '\\']) && *name != ".." && *name != ".";
    if name.is_some_and(|name| !is_plain(&name)) {
        unused.push("FILENAME is a path".to_owned());
    }
    let url = members.text("RECORD_URL").filter(|url| !url.is_empty());
    let is_web = |url: &&str| {
        let url: Result<Url, _> = url.parse();
        url.is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
    };
    if url.is_some_and(|url| !is_web(&url)) {
        unused.push("RECORD_URL is no address of the web".to_owned());
    }
    let attached = Attached {
        name: name.filter(is_plain).map(str::to_owned),
        url: url.filter(is_web).map(str::to_owned),
    };
    (attached, unused)
}
