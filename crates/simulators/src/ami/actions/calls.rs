//! Actions on channels.

use super::{Received, Reply};
use crate::ami::state::{Channel, State};

/// Names between commas, which mean something else inside brackets.
fn names(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_between = |sign: char| {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        sign == ',' && depth == 0
    };
    let names = list.split(is_between);
    names.filter(|name| !name.is_empty()).collect()
}

impl State {
    pub(super) fn reply_about_calls(&mut self, name: &str, action: &Received) -> Option<Reply> {
        let wanted = action.get("Channel");
        let place = self
            .channels
            .iter()
            .position(|channel| channel.channel == wanted);
        let exists = place.is_some();
        Some(match name {
            "originate" => self.originate(action),
            "hangup" => match place {
                Some(place) => self.hang_up(place, action),
                None => action.error("No such channel"),
            },
            "coreshowchannels" => {
                let item = |channel: &Channel| {
                    let snapshot = channel.snapshot();
                    let (application, bridge) = (&channel.application, &channel.bridge_id);
                    format!(
                        "Event: CoreShowChannel\r\n{snapshot}Application: {application}\r\nDuration: 00:00:05\r\nBridgeId: {bridge}\r\n"
                    )
                };
                let items: Vec<String> = self.channels.iter().map(item).collect();
                action.list("Channels will follow", "CoreShowChannelsComplete", &items)
            }
            "status" if !wanted.is_empty() && !exists => action.error("No such channel"),
            "status" => {
                let channels = self.channels.iter();
                let channels =
                    channels.filter(|channel| wanted.is_empty() || channel.channel == wanted);
                let names = names(action.get("Variables"));
                let item = |channel: &Channel| {
                    let (snapshot, dnid) = (channel.snapshot(), &channel.dnid);
                    let (application, bridge) = (&channel.application, &channel.bridge_id);
                    let mut block = format!(
                        "Event: Status\r\nPrivilege: Call\r\n{snapshot}Type: PJSIP\r\nDNID: {dnid}\r\nBridgeID: {bridge}\r\nApplication: {application}\r\nSeconds: 5\r\n"
                    );
                    for name in &names {
                        let value = channel.variables.get(*name);
                        // A function is empty where a variable is not set.
                        let unset = if name.ends_with(')') { "" } else { "(null)" };
                        let value = value.map_or(unset, String::as_str);
                        block.push_str(&format!("Variable: {name}={value}\r\n"));
                    }
                    block
                };
                let items: Vec<String> = channels.map(item).collect();
                action.list("Channel status will follow", "StatusComplete", &items)
            }
            "redirect" => match place.and_then(|place| self.channels.get_mut(place)) {
                Some(channel) => {
                    action.get("Context").clone_into(&mut channel.context);
                    action.get("Exten").clone_into(&mut channel.exten);
                    action.success("Message: Redirect successful")
                }
                None => action.error(&format!("Channel does not exist: {wanted}")),
            },
            "atxfer" | "blindtransfer" | "cancelatxfer" => match (exists, name) {
                (true, "atxfer") => action.success("Message: Atxfer successfully queued"),
                (true, "cancelatxfer") => {
                    action.success("Message: CancelAtxfer successfully queued")
                }
                (true, _) => action.success("Message: Transfer succeeded"),
                (false, _) => action.error("Channel specified does not exist"),
            },
            "mixmonitor" => match place.and_then(|place| self.channels.get(place)) {
                Some(channel) => {
                    let set = format!(
                        "Event: VarSet\r\nPrivilege: dialplan,all\r\n{}Variable: MIXMONITOR_FILENAME\r\nValue: /var/spool/asterisk/monitor/{}\r\n",
                        channel.snapshot(),
                        action.get("File")
                    );
                    Reply {
                        events: vec![set],
                        ..action.success("MixMonitorID: 0x1")
                    }
                }
                None => action.error("No such channel"),
            },
            "stopmixmonitor" | "mixmonitormute" => match exists {
                true => action.success(""),
                false => action.error("No such channel"),
            },
            _ => return None,
        })
    }

    fn hang_up(&mut self, place: usize, action: &Received) -> Reply {
        let channel = self.channels.remove(place);
        let cause = match action.get("Cause") {
            "" => "16",
            cause => cause,
        };
        let event = format!(
            "Event: Hangup\r\nPrivilege: call,all\r\n{}Cause: {cause}\r\nCause-txt: Normal Clearing\r\n",
            channel.snapshot()
        );
        Reply {
            events: vec![event],
            ..action.success("Message: Channel Hungup")
        }
    }

    fn originate(&mut self, action: &Received) -> Reply {
        let dialled = action.get("Channel");
        let (context, exten) = (action.get("Context"), action.get("Exten"));
        let is_application = !action.get("Application").is_empty();
        if dialled.is_empty() {
            return action.error("Channel not specified");
        }
        if !dialled.contains('/') {
            return action.error("Invalid channel");
        }
        if !is_application && (context.is_empty() || action.get("Priority").is_empty()) {
            return action.error("Originate with 'Exten' requires 'Context' and 'Priority'");
        }
        if !is_application && !self.contexts.iter().any(|known| known == context) {
            return action.error("Extension does not exist.");
        }
        let id = action.id_line();
        let answer = |response, channel: &str, reason, uniqueid: &str| {
            format!(
                "Event: OriginateResponse\r\nPrivilege: call,all\r\n{id}Response: {response}\r\nChannel: {channel}\r\n\
                 Context: {context}\r\nExten: {exten}\r\nReason: {reason}\r\nUniqueid: {uniqueid}\r\n\
                 CallerIDNum: <unknown>\r\nCallerIDName: <unknown>\r\n"
            )
        };
        let queued = action.success("Message: Originate successfully queued");
        if self.unreachable.iter().any(|phone| phone == dialled) {
            let uniqueid = match action.get("ChannelId") {
                "" => "<unknown>",
                uniqueid => uniqueid,
            };
            return Reply {
                events: vec![answer("Failure", dialled, 0, uniqueid)],
                ..queued
            };
        }
        let number = self.channels_made;
        self.channels_made += 1;
        let uniqueid = match action.get("ChannelId") {
            "" => format!("1795212233.{number}"),
            uniqueid => uniqueid.to_owned(),
        };
        let channel = Channel {
            channel: format!("{dialled}-{number:08x}"),
            context: context.to_owned(),
            exten: exten.to_owned(),
            linkedid: uniqueid.clone(),
            uniqueid,
            ..Channel::default()
        };
        let up = Channel {
            channel_state: 6,
            ..channel.clone()
        };
        let event = |name: &str, channel: &Channel| {
            format!(
                "Event: {name}\r\nPrivilege: call,all\r\n{}",
                channel.snapshot()
            )
        };
        let events = vec![
            event("Newchannel", &channel),
            event("Newstate", &up),
            answer("Success", &up.channel, 4, &up.uniqueid),
        ];
        self.channels.push(up);
        Reply { events, ..queued }
    }
}
