//! What no recording has: small scripts of events, and the sentences that they come to.

use ami::Message;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::replay::{Told, epoch, settings};
use crate::{
    call::{Call, CallResult, Direction, Linkedid, MissedReason},
    decide::tracker::{Listing, Settings, Tracker},
};

/// One event in a line, written as below; a number alone lets so many seconds pass.
///
/// - `new ID CALL CHANNEL STATE CALLER EXTEN@CONTEXT`, `up ID`, `bye ID` (hangs up), `gone ID CAUSE`
/// - `dial BY ID STRING` (`-` for an order), `dialled ID STATUS`
/// - `in ID BRIDGE`, `out ID BRIDGE`, `swap ID BRIDGE REPLACED`, `waits ID BRIDGE TYPE TECHNOLOGY`, `set ID NAME VALUE`
/// - `park ID PARKER`, `blind ID EXTEN`, `attended ORIG SECOND TARGET`, `queue ID join|leave|abandon`
///
/// An id `1.2@1.1` says which call the event names.
fn message(line: &str) -> Message {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_default().to_owned();
    let named = |prefix: &str, id: &str| {
        let (id, call) = id.split_once('@').unwrap_or((id, ""));
        let linkedid = match call {
            "" => String::new(),
            call => format!("{prefix}Linkedid: {call}\r\n"),
        };
        match id {
            "-" => String::new(),
            id => format!("{prefix}Uniqueid: {id}\r\n{linkedid}"),
        }
    };
    let event = word();
    let id = word();
    let channel = named("", &id);
    let block = match event.as_str() {
        "new" => {
            let (call, name, state, caller, place) = (word(), word(), word(), word(), word());
            let (exten, context) = place.split_once('@').unwrap();
            format!(
                "Event: Newchannel\r\nChannel: {name}\r\nChannelState: {state}\r\nCallerIDNum: {caller}\r\nContext: {context}\r\nExten: {exten}\r\nUniqueid: {id}\r\nLinkedid: {call}\r\n"
            )
        }
        "up" => format!("Event: Newstate\r\nChannelState: 6\r\n{channel}"),
        "bye" => format!("Event: HangupRequest\r\n{channel}"),
        "gone" => format!("Event: Hangup\r\n{channel}Cause: {}\r\n", word()),
        "dial" => {
            let dest = named("Dest", &word());
            format!(
                "Event: DialBegin\r\n{channel}{dest}DialString: {}\r\n",
                word()
            )
        }
        "dialled" => {
            let dest = named("Dest", &id);
            format!("Event: DialEnd\r\n{dest}DialStatus: {}\r\n", word())
        }
        "in" => format!(
            "Event: BridgeEnter\r\nBridgeType: basic\r\nBridgeUniqueid: {}\r\n{channel}",
            word()
        ),
        "swap" => format!(
            "Event: BridgeEnter\r\nBridgeType: basic\r\nBridgeUniqueid: {}\r\n{channel}SwapUniqueid: {}\r\n",
            word(),
            word()
        ),
        "park" => {
            let parkee = named("Parkee", &id);
            format!(
                "Event: ParkedCall\r\n{parkee}ParkerDialString: {}\r\n",
                word()
            )
        }
        "waits" => format!(
            "Event: BridgeEnter\r\n{channel}BridgeUniqueid: {}\r\nBridgeType: {}\r\nBridgeTechnology: {}\r\n",
            word(),
            word(),
            word()
        ),
        "out" => format!(
            "Event: BridgeLeave\r\nBridgeUniqueid: {}\r\n{channel}",
            word()
        ),
        "set" => format!(
            "Event: VarSet\r\n{channel}Variable: {}\r\nValue: {}\r\n",
            word(),
            word()
        ),
        "blind" => {
            let transferer = named("Transferer", &id);
            format!(
                "Event: BlindTransfer\r\nResult: Success\r\n{transferer}Extension: {}\r\n",
                word()
            )
        }
        "attended" => {
            let orig = named("OrigTransferer", &id);
            let second = named("SecondTransferer", &word());
            let target = named("TransferTarget", &word());
            format!(
                "Event: AttendedTransfer\r\nResult: Success\r\nDestType: Bridge\r\n{orig}{second}{target}"
            )
        }
        "queue" => {
            let what = match word().as_str() {
                "join" => "Join",
                "leave" => "Leave",
                _ => "Abandon",
            };
            format!("Event: QueueCaller{what}\r\n{channel}Queue: sales\r\n")
        }
        other => panic!("there is no event {other}"),
    };
    Message::parse(Bytes::from(block))
}

struct Played {
    tracker: Tracker,
    told: Told,
    now: Timestamp,
}

fn played_with(settings: Settings, script: &str) -> Played {
    let mut played = Played {
        tracker: Tracker::new(settings),
        told: Told::default(),
        now: epoch(),
    };
    played.play(script);
    played
}

impl Played {
    fn play(&mut self, script: &str) {
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            match line.parse::<i64>() {
                Ok(seconds) => self.now += SignedDuration::from_secs(seconds),
                Err(_) => self.told.take(self.tracker.step(&message(line), self.now)),
            }
        }
    }

    fn sentences(&self) -> Vec<String> {
        let sentence = |fact: &crate::decide::tracker::Fact| {
            let at = fact.at.duration_since(epoch()).as_secs();
            format!("{at} {}: {fact}", fact.linkedid)
        };
        self.told.facts.iter().map(sentence).collect()
    }

    fn ended(&self) -> &Call {
        self.told.ended.last().unwrap()
    }
}

fn check(script: &str, expected: &[&str]) -> Played {
    let played = played_with(settings(), script);
    assert_eq!(played.sentences(), expected);
    played
}

#[test]
fn the_call_with_the_client_remains_though_the_internal_one_is_older() {
    let played = check(
        "new 1.1 1.1 PJSIP/101-1 4 101 102@from-internal
         new 1.2 1.1 PJSIP/102-1 0 102 s@from-internal
         dial 1.1 1.2 102
         in 1.1 b1
         in 1.2 b1
         5
         new 2.1 2.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         new 2.2 2.1 PJSIP/101-2 0 101 s@from-internal
         dial 2.1 2.2 101
         1
         in 2.1 b2
         in 2.2 b2
         2
         out 2.2 b2
         out 1.1 b1
         in 2.1@1.1 b1
         attended 2.2 1.1 1.2
         gone 1.1 16
         gone 2.2 16
         3
         out 1.2@1.1 b1
         gone 1.2@1.1 16
         gone 2.1@1.1 16",
        &[
            "0 1.1: an internal call began",
            "0 1.1: 102 rings",
            "0 1.1: 101 talks",
            "0 1.1: 102 talks",
            "5 2.1: an incoming call began from 79160000001 to 74950000001",
            "5 2.1: 101 rings",
            "6 2.1: 101 talks",
            "8 2.1: call 1.1 became part of it",
            "8 2.1: 102 talks",
            "8 2.1: 101 gave the client to 102",
            "8 2.1: 101 talked for 2.0 s",
            "11 2.1: 102 talked for 3.0 s",
            "11 2.1: the call ended, answered",
        ],
    );
    assert_eq!(played.ended().joined, [Linkedid::new("1.1")]);
}

#[test]
fn whoever_is_replaced_in_a_bridge_does_not_meet_the_client() {
    let played = played_with(
        settings(),
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
         dial 1.1 1.2 101
         in 1.1 b1
         in 1.2 b1
         new 2.1 2.1 PJSIP/101-2 4 101 102@from-internal
         new 2.2 2.1 PJSIP/102-1 0 102 s@from-internal
         dial 2.1 2.2 102
         in 2.1 b2
         in 2.2 b2
         out 1.1 b1
         swap 1.1 b2 2.1
         out 2.1 b2",
    );
    let call = played.tracker.calls().next().unwrap().call();
    let talks = call.conversations.iter().map(|talk| talk.uniqueid.as_str());
    assert_eq!(talks.collect::<Vec<_>>(), ["1.2", "2.2"]);
}

#[test]
fn clients_who_wait_beside_one_another_are_two_calls() {
    for kind in ["parking simple", "base holding_bridge"] {
        let played = played_with(
            settings(),
            &format!(
                "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
                 new 2.1 2.1 PJSIP/trunk-2 4 79160000002 74950000001@from-trunk
                 waits 1.1 b1 {kind}
                 waits 2.1 b1 {kind}"
            ),
        );
        assert_eq!(played.tracker.calls().len(), 2, "{kind}");
    }
}

#[test]
fn a_parked_client_who_comes_back_was_sent_by_nobody() {
    check(
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
         dial 1.1 1.2 101
         in 1.1 b1
         in 1.2 b1
         2
         park 1.1 PJSIP/101
         out 1.1 b1
         out 1.2 b1
         waits 1.1 b2 parking holding_bridge
         1
         gone 1.2 16
         40
         out 1.1 b2
         new 1.3 1.1 PJSIP/101-2 0 101 s@from-internal
         dial 1.1 1.3 101",
        &[
            "0 1.1: an incoming call began from 79160000001 to 74950000001",
            "0 1.1: 101 rings",
            "0 1.1: 101 talks",
            "2 1.1: 101 talked for 2.0 s",
            "43 1.1: 101 rings",
        ],
    );
}

#[test]
fn a_queue_member_behind_a_local_channel_that_rang_too_long_did_not_answer() {
    check(
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         queue 1.1 join
         new 1.2 1.1 Local/101@q-1;1 0 <unknown> 101@q
         new 1.3 1.1 Local/101@q-1;2 4 <unknown> 101@q
         dial 1.1 1.2 Local/101@q/n
         new 1.4 1.1 PJSIP/101-1 0 101 s@from-internal
         dial 1.3 1.4 101
         15
         dialled 1.2 NOANSWER
         dialled 1.2 CANCEL
         gone 1.2 0
         dialled 1.4 CANCEL
         gone 1.3 0
         gone 1.4 0
         queue 1.1 leave
         gone 1.1 16",
        &[
            "0 1.1: an incoming call began from 79160000001 to 74950000001",
            "0 1.1: 101 rings",
            "15 1.1: 101 did not talk: no answer",
            "15 1.1: the call ended, missed: nobody answered",
        ],
    );
}

const CONSULTATION: &str = "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
     new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
     dial 1.1 1.2 101
     in 1.1 b1
     in 1.2 b1
     2
     new 1.3 1.1 Local/102@x-1;1 0 <unknown> 102@from-internal
     new 1.4 1.1 Local/102@x-1;2 4 <unknown> 102@from-internal
     in 1.3 b2
     out 1.2 b1
     in 1.2 b2
     new 1.5 1.1 PJSIP/102-1 0 102 s@from-internal
     dial 1.4 1.5 102
     1";

#[test]
fn whoever_was_only_asked_is_not_told_of() {
    let played = check(
        &format!(
            "{CONSULTATION}
             up 1.5
             in 1.4 b3
             in 1.5 b3
             4
             gone 1.5 16
             gone 1.4 16
             gone 1.3 16
             out 1.2 b2
             in 1.2 b1
             3
             gone 1.2 16
             gone 1.1 16"
        ),
        &[
            "0 1.1: an incoming call began from 79160000001 to 74950000001",
            "0 1.1: 101 rings",
            "0 1.1: 101 talks",
            "10 1.1: 101 talked for 5.0 s",
            "10 1.1: the call ended, answered",
        ],
    );
    assert_eq!(played.ended().conversations.len(), 1);
}

#[test]
fn whoever_is_asked_rings_for_the_client_once_they_are_given_away() {
    check(
        &format!(
            "{CONSULTATION}
             out 1.2 b2
             out 1.3 b2
             in 1.3 b1
             attended 1.2 1.2 1.3
             gone 1.2 16
             5
             dialled 1.5 CANCEL
             bye 1.1
             gone 1.5 0
             gone 1.4 0
             gone 1.3 0
             gone 1.1 0"
        ),
        &[
            "0 1.1: an incoming call began from 79160000001 to 74950000001",
            "0 1.1: 101 rings",
            "0 1.1: 101 talks",
            "3 1.1: 101 gave the client to 102, which rang",
            "3 1.1: 101 talked for 2.0 s",
            "3 1.1: 102 rings",
            "8 1.1: 102 did not talk: the caller gave up",
            "8 1.1: the call ended, answered",
        ],
    );
}

#[test]
fn an_order_to_call_a_colleague_is_internal() {
    let played = played_with(
        settings(),
        "new crm-1 crm-1 PJSIP/101-1 0 101 s@from-internal
         dial - crm-1 101
         up crm-1
         new 1.2 crm-1 PJSIP/102-1 0 102 s@from-internal
         dial crm-1 1.2 102
         dialled 1.2 BUSY
         gone 1.2 17
         gone crm-1 16",
    );
    let call = played.ended();
    assert_eq!(call.direction, Direction::Internal);
    assert_eq!(call.originated.as_deref(), Some("crm-1"));
    let busy = CallResult::Missed(MissedReason::Busy);
    assert_eq!(call.ended.as_ref().unwrap().result, busy);
}

#[test]
fn why_a_call_that_we_ordered_came_to_nothing() {
    let check = |script: &str| {
        let played = played_with(settings(), script);
        match played.ended().ended.as_ref().unwrap().result {
            CallResult::Missed(reason) => reason,
            CallResult::Answered => panic!("{script} was answered"),
        }
    };
    let client = "new crm-1 crm-1 PJSIP/trunk-1 0 <unknown> s@from-trunk
                  dial - crm-1 79160000001@trunk";
    let agent = "dialled crm-1 ANSWER
                 new 1.2 crm-1 PJSIP/101-1 0 101 s@from-internal
                 dial crm-1 1.2 101";
    for (script, expected) in [
        (format!("{client}\ngone crm-1 19"), MissedReason::NoAnswer),
        (
            format!("{client}\ndialled crm-1 BUSY\ngone crm-1 17"),
            MissedReason::Busy,
        ),
        (
            format!("{client}\n{agent}\ndialled 1.2 NOANSWER\ngone 1.2 0\ngone crm-1 16"),
            MissedReason::AgentDidNotAnswer,
        ),
        (
            format!("{client}\n{agent}\nbye crm-1\ndialled 1.2 CANCEL\ngone 1.2 0\ngone crm-1 0"),
            MissedReason::GaveUpRinging,
        ),
    ] {
        assert_eq!(check(&script), expected, "{script}");
    }
}

#[test]
fn a_second_trunk_is_tried_for_the_same_client() {
    let played = check(
        "new 1.1 1.1 PJSIP/101-1 4 101 79160000001@from-internal
         new 1.2 1.1 PJSIP/trunk-1 0 <unknown> s@from-trunk
         dial 1.1 1.2 79160000001@trunk
         dialled 1.2 CONGESTION
         gone 1.2 34
         new 1.3 1.1 PJSIP/other-1 0 <unknown> s@from-trunk
         dial 1.1 1.3 79160000001@other
         dialled 1.3 ANSWER
         in 1.3 b1
         in 1.1 b1
         4
         bye 1.3
         gone 1.3 16
         gone 1.1 16",
        &[
            "0 1.1: an internal call began",
            "0 1.1: the client is called at 79160000001",
            "0 1.1: the client is called at 79160000001",
            "0 1.1: 101 talks",
            "4 1.1: 101 talked for 4.0 s",
            "4 1.1: the call ended, answered",
        ],
    );
    assert_eq!(played.ended().trunk.as_deref(), Some("other"));
}

#[test]
fn a_number_outside_for_which_there_is_no_trunk_was_meant_for_a_client() {
    let played = played_with(
        settings(),
        "new 1.1 1.1 PJSIP/101-1 4 101 79160000001@from-internal
         set 1.1 DIALSTATUS CHANUNAVAIL
         gone 1.1 3",
    );
    let call = played.ended();
    assert_eq!(call.direction, Direction::Outgoing);
    assert_eq!(call.client.as_deref(), Some("79160000001"));
    let failed = CallResult::Missed(MissedReason::Failed);
    assert_eq!(call.ended.as_ref().unwrap().result, failed);
}

#[test]
fn a_phone_of_which_nothing_is_known_is_told_by_how_it_is_dialled() {
    let played = played_with(
        Settings::default(),
        "new 1.1 1.1 SIP/megafon-1 4 79160000001 74950000001@office
         new 1.2 1.1 SIP/anna-1 0 <unknown> s@office
         dial 1.1 1.2 anna
         in 1.1 b1
         in 1.2 b1
         gone 1.1 16
         gone 1.2 16",
    );
    let call = played.ended();
    assert_eq!(call.direction, Direction::Incoming);
    let talk = call.conversations.first().unwrap();
    assert_eq!((talk.extension.as_str(), talk.outside), ("anna", false));
    assert_eq!(call.ended.as_ref().unwrap().result, CallResult::Answered);
}

#[test]
fn an_ended_call_does_not_begin_anew() {
    let begins = "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk";
    let later = "new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal";
    let played = played_with(
        settings(),
        &format!("{begins}\ngone 1.1 16\n{begins}\n{later}"),
    );
    assert_eq!(played.told.ended.len(), 1);
    assert_eq!(played.tracker.calls().len(), 0);
}

#[test]
fn what_is_no_event_of_a_channel_changes_nothing() {
    let mut tracker = Tracker::new(settings());
    for block in [
        // What a value with line ends in it made of the rest of an event.
        "last line\"\r\nEvent: Hangup\r\nUniqueid: 1.1\r\n",
        "Response: Success\r\nEvent: Newchannel\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n",
        "Event: VarSet\r\nChannel: none\r\nUniqueid: none\r\nVariable: MIXMONITOR_FILENAME\r\nValue: x\r\n",
        "Event: Newchannel\r\nChannel: PJSIP/101-1\r\nUniqueid: <unknown>\r\nLinkedid: \r\n",
        "Event: Newchannel\r\nChannel: Message/ast_msg_queue\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n",
        "Event: Hangup\r\nUniqueid: 9.9\r\nLinkedid: 9.9\r\nCause: 16\r\n",
    ] {
        let step = tracker.step(&Message::parse(Bytes::from(block)), epoch());
        assert_eq!(step, super::super::Step::default(), "{block}");
    }
    assert_eq!(tracker.calls().len(), 0);
}

#[test]
fn the_name_of_a_file_is_unescaped() {
    let played = played_with(
        settings(),
        r"new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
          set 1.1 MIXMONITOR_FILENAME /rec/O\'Neil.wav
          set 1.1 MIXMONITOR_FILENAME /rec/O\'Neil.wav",
    );
    let call = played.tracker.calls().next().unwrap();
    let paths = call.call().recordings.iter().map(|file| file.path.as_str());
    assert_eq!(paths.collect::<Vec<_>>(), ["/rec/O'Neil.wav"]);
}

#[test]
fn the_oldest_call_is_given_up_for_a_newer_one() {
    let settings = Settings {
        open_calls_max: 2,
        ..settings()
    };
    let call = |number| {
        format!("new {number}.1 {number}.1 PJSIP/trunk-1 4 7916000000{number} 1@from-trunk\n1")
    };
    let played = played_with(settings, &[call(1), call(2), call(3)].join("\n"));
    assert_eq!(played.tracker.calls().len(), 2);
    assert_eq!(played.ended().linkedid, Linkedid::new("1.1"));
    let unseen = CallResult::Missed(MissedReason::NotSeen);
    assert_eq!(played.ended().ended.as_ref().unwrap().result, unseen);
}

#[test]
fn a_call_that_lasts_a_day_is_given_up() {
    let mut played = played_with(
        settings(),
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
         dial 1.1 1.2 101
         in 1.1 b1
         in 1.2 b1",
    );
    let day = SignedDuration::from_hours(24);
    assert_eq!(played.tracker.expire(epoch() + day).ended.len(), 0);
    let step = played
        .tracker
        .expire(epoch() + day + SignedDuration::from_secs(1));
    let ended = step.ended.first().unwrap().ended.as_ref().unwrap();
    assert_eq!(ended.result, CallResult::Answered);
    assert_eq!(played.tracker.calls().len(), 0);
    assert!(played.tracker.channels.is_empty() && played.tracker.bridges.is_empty());
}

#[test]
fn a_call_with_a_thousand_rings_stays_small() {
    let mut played = played_with(
        settings(),
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk",
    );
    for ring in 2..2_000 {
        played.play(&format!(
            "new 1.{ring} 1.1 PJSIP/101-{ring} 0 101 s@from-internal
             dial 1.1 1.{ring} 101
             dialled 1.{ring} NOANSWER
             gone 1.{ring} 0"
        ));
    }
    let call = played.tracker.calls().next().unwrap();
    assert!(call.channels.len() <= 256, "{}", call.channels.len());
    assert!(call.call().conversations.len() <= 1_000);
    assert_eq!(played.tracker.channels.len(), 1);
}

/// As Asterisk 22 listed it: one talk, and one client in a queue while a phone rings.
const LISTED: [&str; 4] = [
    "Event: CoreShowChannel\r\nActionID: r1\r\nChannel: PJSIP/trunk-00000000\r\nChannelState: 6\r\nCallerIDNum: 79160000001\r\nConnectedLineNum: 101\r\nContext: from-trunk\r\nExten: 74950000001\r\nUniqueid: 1.0\r\nLinkedid: 1.0\r\nApplication: Dial\r\nDuration: 00:01:05\r\nBridgeId: b1\r\n",
    "Event: CoreShowChannel\r\nChannel: PJSIP/trunk-00000002\r\nChannelState: 6\r\nCallerIDNum: 79260000002\r\nConnectedLineNum: 102\r\nContext: ivr-main\r\nExten: 1\r\nUniqueid: 3.2\r\nLinkedid: 3.2\r\nApplication: Queue\r\nDuration: 00:00:02\r\nBridgeId: \r\n",
    "Event: CoreShowChannel\r\nChannel: PJSIP/102-00000003\r\nChannelState: 5\r\nCallerIDNum: 102\r\nConnectedLineNum: 79260000002\r\nContext: from-internal\r\nExten: 1\r\nUniqueid: 3.3\r\nLinkedid: 3.2\r\nApplication: AppQueue\r\nDuration: 00:00:02\r\nBridgeId: \r\n",
    "Event: CoreShowChannel\r\nChannel: PJSIP/101-00000001\r\nChannelState: 6\r\nCallerIDNum: 101\r\nConnectedLineNum: 79160000001\r\nContext: from-internal\r\nExten: \r\nUniqueid: 1.1\r\nLinkedid: 1.0\r\nApplication: AppDial\r\nDuration: 00:01:05\r\nBridgeId: b1\r\n",
];
const STATUS: &str = "Event: Status\r\nPrivilege: Call\r\nChannel: PJSIP/trunk-00000002\r\nUniqueid: 3.2\r\nLinkedid: 3.2\r\nDNID: 74950000004\r\nBridgeID: \r\nSeconds: 3\r\nVariable: FROM_DID=sales\r\nVariable: MIXMONITOR_FILENAME=/rec/q.wav\r\n";

#[test]
fn whoever_begins_in_the_middle_takes_over_what_is_listed() {
    let mut listing = Listing::default();
    for item in LISTED
        .into_iter()
        .chain([STATUS, "Event: CoreShowChannelsComplete\r\n"])
    {
        listing.add(&Message::parse(Bytes::from(item)));
    }
    let mut played = played_with(settings(), "100");
    let step = played.tracker.resync(&listing, played.now);
    assert_eq!(step.changed, ["1.0", "3.2"].map(Linkedid::new));
    played.told.take(step);
    played.play(
        "1
         dialled 3.3 NOANSWER
         dialled 3.3 CANCEL
         gone 3.3 0
         bye 3.2
         queue 3.2 abandon
         gone 3.2 0
         gone 1.1 16
         gone 1.0 16",
    );
    let expected = [
        "35 1.0: an incoming call began from 79160000001 to 74950000001",
        "98 3.2: an incoming call began from 79260000002 to 74950000004",
        "100 3.2: 102 rings",
        "100 1.0: 101 talks",
        "100 3.2: it is recorded to /rec/q.wav",
        "101 3.2: 102 did not talk: no answer",
        "101 3.2: the call ended, missed: the caller gave up in a queue",
        "101 1.0: 101 talked for 1.0 s",
        "101 1.0: the call ended, answered",
    ];
    assert_eq!(played.sentences(), expected);
}

/// What `Status` says of two who talk since the client's channel was answered at `answered`, `since` seconds after the
/// phone rang, 60 s after the client came.
fn talking(answered: Timestamp, rings_for: i64) -> Listing {
    let client = 60 + rings_for;
    let answered = answered.as_microsecond();
    let (seconds, micros) = (answered / 1_000_000, answered % 1_000_000);
    let mut listing = Listing::default();
    for item in [
        format!(
            "Event: Status\r\nChannel: PJSIP/trunk-1\r\nChannelState: 6\r\nCallerIDNum: 79160000001\r\nContext: ivr\r\nExten: s\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nDNID: \r\nBridgeID: b1\r\nApplication: Dial\r\nSeconds: {client}\r\nVariable: MIXMONITOR_FILENAME=/rec/in.wav\r\nVariable: FROM_DID=74950000001\r\nVariable: CDR(answer,u)={seconds}.{micros:06}\r\n"
        ),
        format!(
            "Event: Status\r\nChannel: PJSIP/101-1\r\nChannelState: 6\r\nCallerIDNum: 101\r\nContext: from-internal\r\nExten: \r\nUniqueid: 1.2\r\nLinkedid: 1.1\r\nDNID: \r\nBridgeID: b1\r\nApplication: AppDial\r\nSeconds: {rings_for}\r\nVariable: MIXMONITOR_FILENAME=(null)\r\nVariable: FROM_DID=(null)\r\nVariable: CDR(answer,u)=\r\n"
        ),
    ] {
        listing.add(&Message::parse(Bytes::from(item)));
    }
    listing
}

#[test]
fn whoever_comes_late_learns_when_the_call_was_answered() {
    // The phone began to ring at 90. What was answered before that was answered by the dialplan.
    for (answered, talks_since, talked) in [
        (92.5, 92, "12.5"),
        (90.5, 100, "5.0"),
        (40.0, 100, "5.0"),
        (101.0, 100, "5.0"),
    ] {
        let mut played = played_with(settings(), "100");
        let answered = epoch() + SignedDuration::from_secs_f64(answered);
        let step = played.tracker.resync(&talking(answered, 10), played.now);
        played.told.take(step);
        played.play("5\n gone 1.1 16\n gone 1.2 16");
        let expected = [
            "30 1.1: an incoming call began from 79160000001 to 74950000001".to_owned(),
            "100 1.1: it is recorded to /rec/in.wav".to_owned(),
            format!("{talks_since} 1.1: 101 talks"),
            format!("105 1.1: 101 talked for {talked} s"),
            "105 1.1: the call ended, answered".to_owned(),
        ];
        assert_eq!(played.sentences(), expected);
    }
}

#[test]
fn what_was_answered_while_nobody_looked_was_not_answered_before() {
    let script = "30
         new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         60
         new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
         dial 1.1 1.2 101
         5";
    for (answered, talks_since) in [(97, 97), (93, 100)] {
        let mut played = played_with(settings(), script);
        played.told.facts.clear();
        played.told.take(played.tracker.disconnected(played.now));
        played.play("5");
        let answered = epoch() + SignedDuration::from_secs(answered);
        let step = played.tracker.resync(&talking(answered, 10), played.now);
        played.told.take(step);
        let talks = format!("{talks_since} 1.1: 101 talks");
        assert!(
            played.sentences().contains(&talks),
            "{:?}",
            played.sentences()
        );
    }
}

#[test]
fn a_client_who_is_found_in_a_queue_or_at_voicemail_is_there() {
    for (application, reason) in [
        ("Queue", "the caller gave up in a queue"),
        ("VoiceMail", "the caller was sent to voicemail"),
        ("BackGround", "the caller gave up in a menu"),
    ] {
        let mut listing = Listing::default();
        let item = format!(
            "Event: Status\r\nChannel: PJSIP/trunk-1\r\nChannelState: 6\r\nCallerIDNum: 79160000001\r\nContext: from-trunk\r\nExten: 74950000001\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nDNID: \r\nBridgeID: \r\nApplication: {application}\r\nSeconds: 10\r\n"
        );
        listing.add(&Message::parse(Bytes::from(item)));
        let mut played = played_with(settings(), "100");
        played
            .told
            .take(played.tracker.resync(&listing, played.now));
        played.play("bye 1.1\n gone 1.1 16");
        let last = played.sentences().pop().unwrap();
        assert_eq!(last, format!("100 1.1: the call ended, missed: {reason}"));
    }
}

#[test]
fn what_went_unseen_ended_when_it_was_seen_last() {
    let mut played = played_with(
        settings(),
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
         dial 1.1 1.2 101
         in 1.1 b1
         in 1.2 b1
         new 2.1 2.1 PJSIP/trunk-2 4 79160000002 74950000001@from-trunk
         new 2.2 2.1 PJSIP/102-1 0 102 s@from-internal
         dial 2.1 2.2 102
         7",
    );
    played.told.facts.clear();
    let step = played.tracker.disconnected(played.now);
    assert_eq!(step.changed, ["1.1", "2.1"].map(Linkedid::new));
    let much_later = played.now + SignedDuration::from_hours(1);
    let step = played.tracker.resync(&Listing::default(), much_later);
    played.told.take(step);
    let expected = [
        "7 1.1: 101 talked for 7.0 s",
        "7 1.1: the call ended, answered",
        "7 2.1: 102 did not talk: nobody saw how it ended",
        "7 2.1: the call ended, missed: nobody saw how it ended",
    ];
    assert_eq!(played.sentences(), expected);
}

#[test]
fn who_met_unseen_talks_from_when_that_is_found_out() {
    let mut played = played_with(
        settings(),
        "new 1.1 1.1 PJSIP/trunk-1 4 79160000001 74950000001@from-trunk
         new 1.2 1.1 PJSIP/101-1 0 101 s@from-internal
         new 1.3 1.1 PJSIP/102-1 0 102 s@from-internal
         dial 1.1 1.2 101
         dial 1.1 1.3 102
         5",
    );
    played.told.facts.clear();
    played.told.take(played.tracker.disconnected(played.now));
    played.play("10");
    let mut listing = Listing::default();
    for (id, name) in [("1.1", "PJSIP/trunk-1"), ("1.3", "PJSIP/102-1")] {
        let item = format!(
            "Event: CoreShowChannel\r\nChannel: {name}\r\nChannelState: 6\r\nUniqueid: {id}\r\nLinkedid: 1.1\r\nDuration: 00:00:15\r\nBridgeId: b1\r\n"
        );
        listing.add(&Message::parse(Bytes::from(item)));
    }
    played
        .told
        .take(played.tracker.resync(&listing, played.now));
    played.play(
        "3
         out 1.3 b1
         gone 1.3 16
         gone 1.1 16",
    );
    let expected = [
        "15 1.1: 102 talks",
        "5 1.1: 101 did not talk: another phone took it",
        "18 1.1: 102 talked for 3.0 s",
        "18 1.1: the call ended, answered",
    ];
    assert_eq!(played.sentences(), expected);
}
