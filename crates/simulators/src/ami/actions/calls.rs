//! Actions on channels.

use super::{Received, Reply};
use crate::ami::state::{Channel, State};

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
                    let bridge = &channel.bridge_id;
                    format!(
                        "Event: CoreShowChannel\r\n{snapshot}Application: Dial\r\nDuration: 00:00:05\r\nBridgeId: {bridge}\r\n"
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
                let variables = action
                    .get("Variables")
                    .split(',')
                    .filter(|name| !name.is_empty());
                let variables: String = variables
                    .map(|name| format!("Variable: {name}=(null)\r\n"))
                    .collect();
                let item = |channel: &Channel| {
                    format!(
                        "Event: Status\r\nPrivilege: Call\r\n{}{variables}",
                        channel.snapshot()
                    )
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
