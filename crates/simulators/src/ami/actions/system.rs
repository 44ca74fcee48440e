//! Actions on Asterisk as a whole.

use super::{Received, Reply};
use crate::ami::{Release, state::State};

impl State {
    pub(super) fn reply_about_system(
        &mut self,
        name: &str,
        release: Release,
        action: &Received,
    ) -> Option<Reply> {
        let key = || {
            (
                action.get("Family").to_owned(),
                action.get("Key").to_owned(),
            )
        };
        Some(match name {
            "ping" => action.success("Ping: Pong\r\nTimestamp: 1795213451.077000"),
            "coresettings" => action.success(match release {
                Release::Asterisk16 => "AMIversion: 5.0.4\r\nAsteriskVersion: 16.28.0",
                Release::Asterisk22 => "AMIversion: 11.0.0\r\nAsteriskVersion: 22.10.1",
            }),
            "corestatus" => {
                let calls = self.channels.len();
                action.success(&format!("CoreCurrentCalls: {calls}"))
            }
            "queuestatus" => action.list("Queue status will follow", "QueueStatusComplete", &[]),
            "command" => command(action),
            "getvar" => {
                let name = action.get("Variable");
                let value = self.variables.get(name).cloned().unwrap_or_default();
                action.success(&format!("Variable: {name}\r\nValue: {value}"))
            }
            "setvar" => {
                let (name, value) = (action.get("Variable"), action.get("Value"));
                self.variables.insert(name.to_owned(), value.to_owned());
                let event = format!(
                    "Event: VarSet\r\nPrivilege: dialplan,all\r\nChannel: none\r\nUniqueid: none\r\nVariable: {name}\r\nValue: {value}\r\n"
                );
                Reply {
                    events: vec![event],
                    ..action.success("Message: Variable Set")
                }
            }
            "userevent" => {
                let headers = action.headers.iter();
                let own = headers.filter(|(name, _)| {
                    !["action", "actionid", "userevent"].contains(&name.to_lowercase().as_str())
                });
                let own: String = own
                    .map(|(name, value)| format!("{name}: {value}\r\n"))
                    .collect();
                let event = format!(
                    "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: {}\r\n{}{own}",
                    action.get("UserEvent"),
                    action.id_line()
                );
                Reply {
                    events: vec![event],
                    ..action.success("Message: Event Sent")
                }
            }
            "dbput" => {
                self.database.insert(key(), action.get("Val").to_owned());
                action.success("Message: Updated database successfully")
            }
            "dbget" => match self.database.get(&key()) {
                Some(value) => {
                    let (family, key) = key();
                    let item = format!(
                        "Event: DBGetResponse\r\nFamily: {family}\r\nKey: {key}\r\nVal: {value}\r\n"
                    );
                    action.list("Result will follow", "DBGetComplete", &[item])
                }
                None => action.error("Database entry not found"),
            },
            "dbdel" => match self.database.remove(&key()) {
                Some(_) => action.success("Message: Key deleted successfully"),
                None => action.error("Database entry not found"),
            },
            _ => return None,
        })
    }
}

fn command(action: &Received) -> Reply {
    let id = action.id_line();
    let (response, output) = match action.get("Command") {
        "" => return action.error("No command provided"),
        "core show version" => ("Success", vec!["Asterisk as simulated".to_owned()]),
        "core show channels concise" => ("Success", vec![String::new()]),
        other => (
            "Error",
            vec![format!(
                "No such command '{other}' (type 'core show help {other}' for other possible commands)"
            )],
        ),
    };
    let output: String = output
        .into_iter()
        .map(|line| format!("Output: {line}\r\n"))
        .collect();
    Reply::blocks(format!(
        "Response: {response}\r\n{id}Message: Command output follows\r\n{output}\r\n"
    ))
}
