//! Every name, with its form. `docs/hooks.md` is written from it.
//!
//! A name that several generations have is told what any of them tells: a script reads what it knows.

use super::{
    Point,
    contract::{Action, Cancel, Contract, Generation},
    members::{
        ACTIVITY, CALL, CALL_FULL, CANDIDATES, CONVERSATION, ENTITY, FINISH, ID, LONG, ORIGINATE,
        ORIGINATE_ANSWERED, PATH, PHONE, RECORD, REGISTRATION, SHORT, STAGE, TASK,
    },
};
use crate::shape::{
    Member,
    Shape::{self, Any, Fields, Flag, List, Object, OneOf, OrNull},
    may, must,
};

const NUMBER: Shape = Object(&[must("phone", Shape::Phone, "the number to use instead")]);
const FULL: Member = may("call_full", CALL_FULL, "all of the call");
const AS_BEFORE: &str = "as the settings say";

const SEARCH: &[Member] = &[
    may("CALL_START_DATE", SHORT, "when it began"),
    may(
        "CRM_CREATE",
        Flag,
        "whether an unknown client is made an entity",
    ),
    may("CRM_SOURCE", SHORT, "STATUS_ID of the source"),
    may("LINE_NUMBER", SHORT, "the external number"),
    may("PHONE_NUMBER", SHORT, "the number to search for"),
    may("SHOW", Flag, "whether the card is shown"),
    may(
        "TYPE",
        Shape::Whole { min: 1, max: 4 },
        "1 outgoing, 2 incoming",
    ),
    may("USER_ID", ID, "the CRM's user"),
    may(
        "conversation",
        Object(CONVERSATION),
        "while there is one conversation",
    ),
    may(
        "call",
        Object(CALL),
        "in place of it when there are several",
    ),
    may("user", Any, "the user as the CRM has them"),
];

const FINAL: &[Member] = &[
    may("ADD_TO_CHAT", Flag, "whether a chat is told"),
    may("CALL_ID", SHORT, "the CRM's id of the call"),
    may("DURATION", ID, "in seconds"),
    may("STATUS_CODE", SHORT, "the SIP code, or OTHER"),
    may("USER_ID", ID, "who is responsible"),
    may(
        "conversation",
        Object(CONVERSATION),
        "the last conversation",
    ),
    may("entity_data", Object(ENTITY), "the entity of the call"),
];

const NEW_ENTITY: &[Member] = &[
    must("type", OneOf(&["lead", "contact", "deal"]), "what is made"),
    may("ASSIGNED_BY_ID", ID, "who is responsible"),
    may("COMMENTS", LONG, "a comment"),
    may("OPENED", OneOf(&["Y", "N"]), "whether everybody sees it"),
    may("PHONE", Any, "a list of objects with VALUE"),
    may("SOURCE_ID", SHORT, "STATUS_ID of the source"),
    may("TITLE", SHORT, "its title"),
];

const BLANK: Contract = Contract {
    name: "",
    points: &[],
    generation: Generation::All,
    when: "",
    input: &[],
    output: Fields,
    actions: &[],
    has_filter: false,
    empty: Cancel::Nothing,
    default: AS_BEFORE,
};

/// Every name; of those of one point the most precise comes first.
pub const CONTRACTS: [Contract; 28] = [
    Contract {
        name: "process_user_phone",
        points: &[Point::UserPhone],
        generation: Generation::Fifth,
        when: "before an internal number is looked up among users",
        input: &[must("params", Object(PHONE), "the number"), FULL],
        output: NUMBER,
        ..BLANK
    },
    Contract {
        name: "process_client_phone",
        points: &[Point::ClientPhone],
        generation: Generation::Fifth,
        when: "before a client's number is used",
        input: &[must("params", Object(PHONE), "the number"), FULL],
        output: NUMBER,
        ..BLANK
    },
    Contract {
        name: "process_phone_number",
        points: &[Point::UserPhone, Point::ClientPhone],
        generation: Generation::Second,
        when: "before any number is used",
        input: &[must("params", Object(PHONE), "the number")],
        output: NUMBER,
        ..BLANK
    },
    Contract {
        name: "need_registration",
        points: &[Point::NeedRegistration],
        when: "when a conversation begins to ring, is answered and ends, and when the call ends",
        input: &[
            may("params", Object(CONVERSATION), "the conversation"),
            FULL,
            may("call_stage", STAGE, "how far the call is"),
        ],
        output: Object(&[must(
            "result",
            Flag,
            "true tells it to the CRM, false does not",
        )]),
        actions: &[Action::Ignore, Action::Register],
        default: "lists of the settings decide",
        ..BLANK
    },
    Contract {
        name: "process_search_params",
        points: &[Point::SearchParams],
        generation: Generation::Second,
        when: "before the client is searched for",
        input: &[must(
            "params",
            Object(SEARCH),
            "the registration as it would be",
        )],
        output: Object(REGISTRATION),
        actions: &[Action::Ignore, Action::Register],
        has_filter: true,
        ..BLANK
    },
    Contract {
        name: "get_search_filter",
        points: &[Point::SearchFilter],
        generation: Generation::Third,
        when: "before entities are searched by the client's number",
        input: &[
            must("params", Object(SEARCH), "the registration as it would be"),
            may(
                "entities",
                Any,
                "the entities that were found, by their type",
            ),
        ],
        output: super::members::FILTER,
        default: "every entity with the number counts",
        ..BLANK
    },
    Contract {
        name: "process_entity_creation_params",
        points: &[Point::EntityCreationParams],
        generation: Generation::Second,
        when: "before an entity is made for an incoming call from an unknown number",
        input: &[must(
            "params",
            Object(NEW_ENTITY),
            "the entity as it would be",
        )],
        output: Fields,
        empty: Cancel::Request,
        default: "the CRM makes it by its own settings",
        ..BLANK
    },
    Contract {
        name: "process_registration_params",
        points: &[Point::RegistrationParams],
        generation: Generation::All,
        when: "before a call is registered",
        input: &[
            must(
                "params",
                Object(REGISTRATION),
                "the registration as it would be",
            ),
            FULL,
        ],
        output: Object(REGISTRATION),
        empty: Cancel::Request,
        ..BLANK
    },
    Contract {
        name: "post_registration",
        points: &[Point::PostRegistration],
        generation: Generation::Fifth,
        when: "after a call was registered",
        input: &[FULL],
        output: Any,
        default: "nothing",
        ..BLANK
    },
    Contract {
        name: "customize_show_call_card",
        points: &[Point::ShowCallCard],
        generation: Generation::Fifth,
        when: "before the card is shown",
        input: &[
            must(
                "params",
                Object(&[must(
                    "USER_ID",
                    List {
                        of: &ID,
                        count_max: 100,
                    },
                    "to whom",
                )]),
                "the request as it would be",
            ),
            FULL,
        ],
        output: Object(&[must(
            "USER_ID",
            List {
                of: &ID,
                count_max: 100,
            },
            "to whom",
        )]),
        empty: Cancel::Request,
        default: "to every user whose phone rings",
        ..BLANK
    },
    Contract {
        name: "process_record_file_path",
        points: &[Point::RecordFilePath],
        when: "before a recording is looked for",
        input: &[
            must(
                "params",
                Object(&[
                    must("call_id", SHORT, "the call's linkedid"),
                    may("from", SHORT, "who called"),
                    may("to", SHORT, "who was called"),
                    must("path", PATH, "the path as the PBX tells it"),
                ]),
                "the recording",
            ),
            FULL,
        ],
        output: Object(&[must(
            "path",
            PATH,
            "the path to look at, in one of the configured folders",
        )]),
        default: "the path as the PBX tells it",
        ..BLANK
    },
    Contract {
        name: "process_final_params",
        points: &[Point::FinalParams],
        when: "before a call is finished in the CRM",
        input: &[
            must("params", Object(FINAL), "the finish as it would be"),
            FULL,
        ],
        output: FINISH,
        actions: &[Action::Delete, Action::Register],
        empty: Cancel::Request,
        ..BLANK
    },
    Contract {
        name: "customize_attach_record_url",
        points: &[Point::AttachRecordUrl],
        generation: Generation::Fifth,
        when: "before a recording is attached",
        input: &[
            must("params", ATTACHED, "the recording as it would be attached"),
            FULL,
        ],
        output: ATTACHED,
        empty: Cancel::Request,
        default: "the file is uploaded",
        ..BLANK
    },
    Contract {
        name: "customize_activity",
        points: &[Point::ActivityFields],
        generation: Generation::Fifth,
        when: "after a call was finished",
        input: &[
            may("params", Object(CONVERSATION), "the last conversation"),
            may("activity", ACTIVITY, "the activity as the CRM has it"),
            FULL,
        ],
        empty: Cancel::Request,
        default: "as the CRM makes it, with the fields of the settings",
        ..BLANK
    },
    Contract {
        name: "get_updated_activity_fields",
        points: &[Point::ActivityFields],
        generation: Generation::Second,
        when: "after a call was finished",
        input: &[must(
            "params",
            Object(CONVERSATION),
            "the last conversation",
        )],
        empty: Cancel::Request,
        default: "as the CRM makes it, with the fields of the settings",
        ..BLANK
    },
    Contract {
        name: "customize_entity",
        points: &[Point::EntityFields],
        generation: Generation::Fifth,
        when: "after a call was finished",
        input: &[
            may("params", Object(CALL), "the call"),
            may("entity", Any, "the entity as the CRM has it"),
            FULL,
        ],
        empty: Cancel::Request,
        default: "as the CRM makes it, with the fields of the settings",
        ..BLANK
    },
    Contract {
        name: "get_updated_entity_fields",
        points: &[Point::EntityFields],
        generation: Generation::Third,
        when: "after an incoming call was finished whose entity was made for it",
        input: &[must("params", Object(CALL), "the call")],
        empty: Cancel::Request,
        default: "as the CRM makes it, with the fields of the settings",
        ..BLANK
    },
    Contract {
        name: "get_updated_lead_fields",
        points: &[Point::EntityFields],
        generation: Generation::Second,
        when: "after an incoming call was finished whose lead was made for it",
        input: &[must("params", Object(CALL), "the call")],
        empty: Cancel::Request,
        default: "as the CRM makes it, with the fields of the settings",
        ..BLANK
    },
    Contract {
        name: "process_task_creation_params",
        points: &[Point::TaskCreationParams],
        when: "before a task about a missed call is made",
        input: &[must("params", TASK, "the task as it would be"), FULL],
        output: TASK,
        empty: Cancel::Request,
        ..BLANK
    },
    Contract {
        name: "process_originate_params",
        points: &[Point::OriginateParams],
        when: "before a click in the CRM becomes a call",
        input: &[must(
            "params",
            Object(ORIGINATE),
            "the order to the PBX as it would be",
        )],
        output: ORIGINATE_ANSWERED,
        ..BLANK
    },
    Contract {
        name: "customize_autodistribution",
        points: &[Point::Autodistribution],
        generation: Generation::Fifth,
        when: "when the dialplan asks who is to be rung",
        input: &[must(
            "params",
            Object(&[
                must("phone", SHORT, "the client's number"),
                may(
                    "extension",
                    SHORT,
                    "the internal number of who is responsible, or empty",
                ),
                may("name", SHORT, "the client's name"),
                may("responsible", Any, "who is responsible, or null"),
            ]),
            "the client",
        )],
        output: Object(&[
            may("extension", Shape::Phone, "the internal number to ring"),
            may("name", SHORT, "the name to show"),
        ]),
        default: "who is responsible for the client in the CRM",
        ..BLANK
    },
    Contract {
        name: "profile_candidates",
        points: &[Point::ProfileCandidates],
        generation: Generation::Own,
        when: "before a customer is looked up",
        input: &[
            must("ticket", Any, "the ticket with customer and contact"),
            must(
                "candidates",
                CANDIDATES,
                "the values to look up, the best first",
            ),
        ],
        output: Object(&[must(
            "candidates",
            CANDIDATES,
            "the values to look up instead, the best first",
        )]),
        default: "in the order of the settings",
        ..BLANK
    },
    Contract {
        name: "profile_company",
        points: &[Point::ProfileCompany],
        generation: Generation::Own,
        when: "when several companies were found",
        input: &[
            must("candidates", CANDIDATES, "the values that were looked up"),
            must(
                "companies",
                Any,
                "the companies that were found, with their ID",
            ),
        ],
        output: Object(&[must(
            "id",
            OrNull(&ID),
            "ID of the company; null is none of them",
        )]),
        default: "the first one of the best candidate",
        ..BLANK
    },
    Contract {
        name: "event_route",
        points: &[Point::EventRoute],
        generation: Generation::Own,
        when: "before an event is sent on",
        input: &[
            must("event", Any, "the event: source, object, action, payload"),
            must(
                "routes",
                List {
                    of: &SHORT,
                    count_max: 100,
                },
                "the routes that would be taken",
            ),
        ],
        output: Object(&[must(
            "routes",
            List {
                of: &SHORT,
                count_max: 100,
            },
            "the routes to take, of those that are configured",
        )]),
        actions: &[Action::Ignore],
        default: "every route whose conditions hold",
        ..BLANK
    },
    own_fields(
        "ticket_fields",
        &[Point::TicketFields],
        "before a ticket is written",
    ),
    own_fields(
        "contact_fields",
        &[Point::ContactFields],
        "before a contact is written",
    ),
    own_fields(
        "customer_fields",
        &[Point::CustomerFields],
        "before a customer is written",
    ),
    Contract {
        name: "import_record",
        points: &[Point::ImportRecord],
        generation: Generation::Own,
        when: "before a record of another helpdesk is written",
        input: &[
            must(
                "kind",
                OneOf(&["customer", "contact", "ticket"]),
                "what it is",
            ),
            must("id", SHORT, "what its source knows it by"),
            must(
                "record",
                Any,
                "the record as it would be written, in the form of JSON Lines",
            ),
        ],
        actions: &[Action::Ignore],
        empty: Cancel::Request,
        default: "as the mapping says",
        ..BLANK
    },
];

const ATTACHED: Shape = Object(&[
    may("FILENAME", SHORT, "the name that the CRM shows"),
    may(
        "RECORD_URL",
        SHORT,
        "an address from which the CRM takes it",
    ),
]);

const fn own_fields(name: &'static str, points: &'static [Point], when: &'static str) -> Contract {
    Contract {
        name,
        points,
        generation: Generation::Own,
        when,
        input: RECORD,
        default: "as the field map says",
        ..BLANK
    }
}

/// The contract of a name.
pub fn contract(name: &str) -> Option<&'static Contract> {
    CONTRACTS.iter().find(|contract| contract.name == name)
}
