//! What is answered to actions.

mod calls;
mod system;

use md5::{Digest as _, Md5};

use super::{
    Release, Then, User,
    state::{Mask, State},
};

/// An action as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its headers in order, the action itself included.
    pub headers: Vec<(String, String)>,
}

/// What follows an action.
pub(super) enum Next {
    Go,
    /// The connection is closed after a while.
    Refused,
}

/// What an action is answered with: blocks, and events that come after them.
struct Reply {
    blocks: String,
    events: Vec<String>,
}

impl Reply {
    fn blocks(blocks: String) -> Self {
        Self {
            blocks,
            events: Vec::new(),
        }
    }
}

impl Received {
    /// A header's value; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.iter();
        headers.filter_map(move |(known, value)| {
            known.eq_ignore_ascii_case(name).then_some(value.as_str())
        })
    }

    /// The action's name.
    pub fn action(&self) -> &str {
        self.get("Action")
    }

    /// The line that repeats the action's id; nothing if it has none.
    pub(super) fn id_line(&self) -> String {
        match self.get("ActionID") {
            "" => String::new(),
            id => format!("ActionID: {id}\r\n"),
        }
    }

    fn success(&self, rest: &str) -> Reply {
        Reply::blocks(format!(
            "Response: Success\r\n{}{rest}\r\n\r\n",
            self.id_line()
        ))
    }

    fn error(&self, message: &str) -> Reply {
        Reply::blocks(format!(
            "Response: Error\r\n{}Message: {message}\r\n\r\n",
            self.id_line()
        ))
    }

    /// A list of items, each without the action's id.
    fn list(&self, message: &str, end: &str, items: &[String]) -> Reply {
        let id = self.id_line();
        let mut blocks =
            format!("Response: Success\r\n{id}EventList: start\r\nMessage: {message}\r\n\r\n");
        for item in items {
            blocks.push_str(item);
            blocks.push_str(&id);
            blocks.push_str("\r\n");
        }
        let count = items.len();
        blocks.push_str(&format!(
            "Event: {end}\r\n{id}EventList: Complete\r\nListItems: {count}\r\n\r\n"
        ));
        Reply::blocks(blocks)
    }
}

impl State {
    /// Sends to one connection.
    pub(super) fn put(&mut self, session: u64, text: &str) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.put(text.as_bytes());
        }
    }

    pub(super) fn act(&mut self, session: u64, release: Release, action: &Received) -> Next {
        self.received.push(action.clone());
        let fault = self.fault(action.action());
        let reply = match &fault {
            Some((_, false)) => Reply::blocks(String::new()),
            Some((_, true)) | None => self.reply(session, release, action),
        };
        let is_refused_login = action.action().eq_ignore_ascii_case("Login")
            && reply.blocks.starts_with("Response: Error");
        match fault.map(|(then, _)| then) {
            None => self.put(session, &reply.blocks),
            Some(Then::Refuse(message)) => self.put(session, &action.error(&message).blocks),
            Some(Then::Answer(text)) => {
                self.put(session, &text.replace("{}", action.get("ActionID")));
            }
            Some(Then::CutInside) => {
                let half = match reply.blocks.is_empty() {
                    true => action.success("Message: cut"),
                    false => Reply::blocks(reply.blocks),
                };
                let bytes = half.blocks.len() / 2;
                self.put(session, &half.blocks);
                self.change(session, |state| {
                    let before = state.outbox.len() - half.blocks.len();
                    state.cut_after = Some(before + bytes);
                });
            }
            Some(Then::HangUp) => self.change(session, |state| state.is_killed = true),
            Some(Then::Silence) => self.change(session, |state| state.is_silent = true),
        }
        for event in reply.events {
            self.emit(event.as_bytes());
        }
        match is_refused_login {
            true => Next::Refused,
            false => Next::Go,
        }
    }

    fn change(&mut self, session: u64, change: impl FnOnce(&mut super::state::SessionState)) {
        if let Some(session) = self.sessions.get_mut(&session) {
            change(session);
            session.changed.notify_one();
        }
    }

    /// The fault that this action meets, and whether the action is done all the same.
    fn fault(&mut self, action: &str) -> Option<(Then, bool)> {
        let is_it = |known: &str| known == "*" || known.eq_ignore_ascii_case(action);
        let mut faults = self.faults.iter_mut();
        let fault = faults.find(|fault| fault.times > 0 && is_it(&fault.action))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some((fault.then.clone(), fault.executes))
    }

    fn reply(&mut self, session: u64, release: Release, action: &Received) -> Reply {
        let name = action.action().to_lowercase();
        match name.as_str() {
            "challenge" => return challenge(session, action),
            "login" => return self.log_in(session, action),
            _ => {}
        }
        let Some(user) = self
            .sessions
            .get(&session)
            .and_then(|session| session.user.clone())
        else {
            return action.error("Permission denied");
        };
        if !may(&user, &name) {
            return action.error("Permission denied");
        }
        match name.as_str() {
            "events" => self.mask(session, action),
            "filter" => self.add_filter(session, release, action),
            "logoff" => {
                self.change(session, |session| session.is_closing = true);
                let id = action.id_line();
                Reply::blocks(format!(
                    "Response: Goodbye\r\n{id}Message: Thanks for all the fish.\r\n\r\n"
                ))
            }
            name => self
                .reply_about_calls(name, action)
                .or_else(|| self.reply_about_system(name, release, action))
                .unwrap_or_else(|| {
                    let name = action.action();
                    action.error(&format!(
                        "Invalid/unknown command: {name}. Use Action: ListCommands to show available commands."
                    ))
                }),
        }
    }

    fn log_in(&mut self, session: u64, action: &Received) -> Reply {
        let secret = |user: &User| match action.get("AuthType") {
            "MD5" => {
                let digest = Md5::new()
                    .chain_update(challenge_of(session))
                    .chain_update(&user.secret)
                    .finalize();
                let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                key.eq_ignore_ascii_case(action.get("Key"))
            }
            _ => user.secret == action.get("Secret"),
        };
        let users = self.users.iter();
        let user = users
            .into_iter()
            .find(|user| user.name == action.get("Username") && secret(user));
        let Some(user) = user.cloned() else {
            return action.error("Authentication failed");
        };
        let events = action.all("Events").next();
        let mask = events
            .map_or(Some(Mask::All), Mask::parse)
            .unwrap_or_default();
        let sees_system = mask_has_system(&mask) && has(&user.read, &["system"]);
        let mut reply = action.success("Message: Authentication accepted");
        if self.is_booted && sees_system {
            reply.blocks.push_str(
                "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 16\r\nLastReload: 16\r\nStatus: Fully Booted\r\n\r\n",
            );
        }
        if let Some(session) = self.sessions.get_mut(&session) {
            session.user = Some(user);
            session.mask = mask;
        }
        reply
    }

    fn mask(&mut self, session: u64, action: &Received) -> Reply {
        let Some(mask) = Mask::parse(action.get("EventMask")) else {
            return action.error("Invalid event mask");
        };
        let state = if mask == Mask::Off { "Off" } else { "On" };
        self.change(session, |session| session.mask = mask);
        action.success(&format!("Events: {state}"))
    }

    fn add_filter(&mut self, session: u64, release: Release, action: &Received) -> Reply {
        if !action.get("Operation").eq_ignore_ascii_case("Add") {
            return action.error("Unknown operation");
        }
        let criteria = action.all("MatchCriteria").next();
        let Some(session) = self.sessions.get_mut(&session) else {
            return action.error("Permission denied");
        };
        match session.filters.add(release, criteria, action.get("Filter")) {
            Ok(()) => action.success("Message: Success"),
            Err(message) => action.error(message),
        }
    }
}

fn challenge(session: u64, action: &Received) -> Reply {
    match action.get("AuthType").eq_ignore_ascii_case("MD5") {
        true => action.success(&format!("Challenge: {}", challenge_of(session))),
        false => action.error("Must specify AuthType"),
    }
}

/// One for each connection, however often it is asked for.
fn challenge_of(session: u64) -> String {
    (100_000_007 + session * 7_919).to_string()
}

fn mask_has_system(mask: &Mask) -> bool {
    match mask {
        Mask::All => true,
        Mask::Off => false,
        Mask::Only(classes) => classes.iter().any(|class| class == "system"),
    }
}

fn has(classes: &[String], any: &[&str]) -> bool {
    let mut classes = classes.iter();
    classes.any(|class| class == "all" || any.contains(&class.as_str()))
}

/// Whether the user has a class that the action asks for.
fn may(user: &User, action: &str) -> bool {
    let classes: &[&str] = match action {
        "coreshowchannels" | "coresettings" | "corestatus" => &["system", "reporting"],
        "status" => &["system", "call", "reporting"],
        "getvar" => &["call", "reporting"],
        "hangup" | "stopmixmonitor" | "mixmonitormute" | "dbget" | "dbput" | "dbdel" => {
            &["system", "call"]
        }
        "redirect" | "blindtransfer" | "atxfer" | "cancelatxfer" | "setvar" => &["call"],
        "originate" => &["originate"],
        "mixmonitor" | "filter" => &["system"],
        "command" => &["command"],
        "userevent" => &["user"],
        _ => return true,
    };
    has(&user.write, classes)
}
