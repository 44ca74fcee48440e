//! What several contracts have in common. Names and values are Itgrix's, as documented.

use crate::shape::{
    Member,
    Shape::{self, Any, Fields, Flag, Line, List, Map, Object, OneOf, OrNull, Text, Whole},
    may, must,
};

pub(super) const SHORT: Shape = Line { bytes_max: 512 };
pub(super) const LONG: Shape = Text {
    bytes_max: 64 << 10,
};
pub(super) const ID: Shape = Whole {
    min: 0,
    max: i64::MAX,
};
pub(super) const PATH: Shape = Line { bytes_max: 1_024 };
pub(super) const ENTITY_TYPE: Shape = OneOf(&["lead", "contact", "company"]);
pub(crate) const FILTER: Shape = Object(&[
    may("lead", Fields, "for leads"),
    may("contact", Fields, "for contacts"),
    may("company", Fields, "for companies"),
]);

pub(super) const PHONE: &[Member] = &[must("phone", SHORT, "the number")];

pub(super) const CONVERSATION: &[Member] = &[
    may("answered_at", SHORT, "when it was answered"),
    may("channel_id", SHORT, "Asterisk's id of the channel"),
    may("ended_at", SHORT, "when it ended"),
    may("from", SHORT, "who called"),
    may("from_local", Flag, "whether that is an internal number"),
    may("id", SHORT, "Asterisk's id of the conversation"),
    may("parent_channel_id", SHORT, "the channel that it came of"),
    may("started_at", SHORT, "when it began"),
    may("state", ID, "how far it is: 3 is hung up"),
    may("state_code", SHORT, "the same as a word"),
    may("to", SHORT, "who was called"),
    may("to_local", Flag, "whether that is an internal number"),
    may("trunk", SHORT, "the external number that was called"),
    may(
        "type",
        Whole { min: 1, max: 3 },
        "1 internal, 2 incoming, 3 outgoing",
    ),
    may(
        "type_code",
        OneOf(&["internal", "incoming", "outgoing"]),
        "the same as a word",
    ),
    may("was_answered", Flag, "whether it was answered"),
];

pub(super) const CALL: &[Member] = &[
    must(
        "conversations",
        Map(&Object(CONVERSATION)),
        "every conversation, by its id",
    ),
    may("answered_at", SHORT, "when it was answered"),
    may("ended_at", SHORT, "when it ended"),
    may("from", SHORT, "who called"),
    may("from_local", Flag, "whether that is an internal number"),
    must("id", SHORT, "the call's linkedid"),
    may("started_at", SHORT, "when it began"),
    may("state", ID, "how far it is: 3 is hung up"),
    may("to", SHORT, "who was called"),
    may("to_local", Flag, "whether that is an internal number"),
    may("trunk", SHORT, "the external number that was called"),
    may(
        "type",
        Whole { min: 1, max: 3 },
        "1 internal, 2 incoming, 3 outgoing",
    ),
];

pub(super) const ENTITY: &[Member] = &[
    may("entity_id", ID, "the entity's id in the CRM"),
    may("entity_type", ENTITY_TYPE, "what it is"),
    may("was_created", Flag, "whether it was made for this call"),
];

const CHANNEL: &[Member] = &[
    may(
        "answer_time",
        SHORT,
        "0001-01-01 00:00:00 where there is none",
    ),
    may("end_time", SHORT, "likewise"),
    may("start_time", SHORT, "likewise"),
    may("extra", Any, "what the PBX says besides"),
    may("from", Any, "the number that called"),
    may("to", Any, "the number that was called"),
    may("trunk", Any, "the external number"),
    must("id", SHORT, "the channel's uniqueid"),
    may(
        "is_primary",
        Flag,
        "whether uniqueid and linkedid are the same",
    ),
    may("name", SHORT, "the channel's name"),
    may(
        "state",
        OneOf(&["ringing", "talking", "ended", "processed"]),
        "how far it is",
    ),
    may(
        "type",
        OneOf(&["local", "incoming", "outgoing", "unknown"]),
        "which way it goes",
    ),
    may("was_answered", Flag, "whether it was answered"),
];

const CONVERSATION_FULL: &[Member] = &[
    must("channel", Object(CHANNEL), "its channel"),
    may("is_parked", Flag, "whether it is on hold"),
    may("user", Any, "the CRM's user of the number, or null"),
];

pub(super) const CALL_FULL: Shape = Object(&[
    may("active_conversation_id", SHORT, "the current one, or empty"),
    may("channel", Object(CHANNEL), "the call's first channel"),
    must(
        "conversations",
        Map(&Object(CONVERSATION_FULL)),
        "every conversation, by its id",
    ),
    may("deal", Any, "the deal, or null"),
    may("entity", Any, "the entity, or null"),
    may(
        "is_ivr",
        Flag,
        "whether a missed call ended in a voice menu",
    ),
    may("record", SHORT, "where the recording is, or empty"),
    may("registration", Any, "what the CRM answered, or null"),
    may("result", ID, "the SIP code of how it ended"),
]);

pub(super) const STAGE: Shape = OneOf(&[
    "conversation_requested",
    "conversation_accepted",
    "conversation_ended",
    "call_ended",
]);

pub(super) const REGISTRATION: &[Member] = &[
    may("ADD_TO_CHAT", Flag, "whether a chat is told"),
    may("CALL_START_DATE", SHORT, "when it began"),
    may(
        "CRM_CREATE",
        Flag,
        "whether an unknown client is made an entity",
    ),
    may("CRM_SOURCE", SHORT, "STATUS_ID of the source"),
    may("LINE_NUMBER", SHORT, "the external number"),
    may("PHONE_NUMBER", Shape::Phone, "the client's number"),
    may("SHOW", Flag, "whether the card is shown"),
    may(
        "TYPE",
        Whole { min: 1, max: 4 },
        "1 outgoing, 2 incoming, 3 redirected, 4 callback",
    ),
    may("USER_ID", ID, "the CRM's user"),
];

pub(super) const FINISH: Shape = Object(&[
    may("ADD_TO_CHAT", Flag, "whether a chat is told"),
    may("CALL_ID", SHORT, "the CRM's id of the call"),
    may(
        "DURATION",
        Whole {
            min: 0,
            max: 7 * 86_400,
        },
        "in seconds",
    ),
    may("STATUS_CODE", SHORT, "the SIP code, or OTHER"),
    may("USER_ID", ID, "who is responsible"),
]);

pub(super) const TASK: Shape = Object(&[must(
    "arNewTaskData",
    Fields,
    "DEADLINE, CREATED_BY, RESPONSIBLE_ID, TITLE, UF_CRM_TASK and what the portal has besides",
)]);

pub(super) const ORIGINATE: &[Member] = &[
    may("caller_id", SHORT, "what the agent's phone shows"),
    may("channel", SHORT, "what rings first"),
    may("context", SHORT, "where the dialplan goes on"),
    may("extension", SHORT, "what is dialled there"),
    may(
        "priority",
        Whole {
            min: 1,
            max: 100_000,
        },
        "where it begins",
    ),
    may("request_data", Any, "what the CRM said of the click"),
];

pub(super) const ORIGINATE_ANSWERED: Shape = Object(&[
    may("caller_id", SHORT, "what the agent's phone shows"),
    may("channel", SHORT, "what rings first"),
    may("context", SHORT, "where the dialplan goes on"),
    may("extension", SHORT, "what is dialled there"),
    may(
        "priority",
        Whole {
            min: 1,
            max: 100_000,
        },
        "where it begins",
    ),
    may("codecs", SHORT, "Codecs of the order"),
    may("variable", SHORT, "Variable of the order"),
]);

pub(super) const CANDIDATES: Shape = List {
    of: &Object(&[
        must("value", SHORT, "what is looked up"),
        may("origin", SHORT, "where it comes from"),
    ]),
    count_max: 50,
};

pub(super) const RECORD: &[Member] = &[
    must("record", Any, "what it comes from"),
    must("fields", Fields, "the fields as they would be written"),
];

pub(super) const ACTIVITY: Shape = Object(&[
    may("id", ID, "its id"),
    may("is_new", Flag, "always false"),
    may("name", SHORT, "SUBJECT"),
    may(
        "phones",
        List {
            of: &SHORT,
            count_max: 50,
        },
        "always empty",
    ),
    may("raw", Fields, "the fields as the CRM has them"),
    may("responsible", Any, "the user"),
    may("responsible_id", OrNull(&ID), "their id"),
    may("type", OneOf(&["activity"]), "always activity"),
]);
